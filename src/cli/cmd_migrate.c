/* migrate - rewrite an older system file as the version of today, comments kept. */
#include "cli/cli.h"

#include "base/file.h"
#include "base/text.h"
#include "system/system.h"

#include <string.h>
#include <sys/stat.h>

struct migrate {
    bool dry_run;
};

static const struct rd_option options[] = {
    RD_BOOL(struct migrate, dry_run, "dry-run", "no", "print the new text; change nothing"),
    RD_OPTION_END,
};

static rd_status write_back(const char *path, const struct rd_buf *text, struct rd_error *err)
{
    struct stat info;
    const unsigned mode = stat(path, &info) == 0 ? info.st_mode & 0777u : 0644u;

    return rd_file_write(path, text->text, text->len, mode, err);
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct migrate *o = opts;
    struct rd_error *err = cli->run.err;
    const char *path = argv[0];
    struct rd_buf text = { 0 };
    struct rd_bytes bytes;
    bool changed = false;
    char safe[200];
    int from = 0;
    rd_status st;

    (void)argc;
    if (rd_file_is_dir(path))
        path = rd_path_join(cli->run.scratch, path, "redoubt.yaml");
    if (!path)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory");
    (void)rd_text_safe_in(safe, sizeof(safe), path);
    st = rd_file_read(path, rd_limits_default.text_bytes, cli->run.scratch, &bytes, err);
    if (!st)
        st = rd_system_migrate_text(safe, bytes.data, bytes.size, &text, &from, &changed, err);
    if (!st && changed && !o->dry_run)
        st = write_back(path, &text, err);
    if (st) {
        rd_buf_release(&text);
        return RD_WRAP(err, st, "cannot migrate '%s'", safe);
    }
    rd_json_ktext(cli->info, "file", path);
    rd_json_object(cli->result);
    rd_json_kbool(cli->result, "changed", changed);
    rd_json_kint(cli->result, "from", from);
    rd_json_kint(cli->result, "to", RD_SYSTEM_VERSION);
    rd_json_ktext(cli->result, "text", o->dry_run && changed ? rd_buf_text(&text) : NULL);
    rd_json_end(cli->result);
    if (!changed)
        (void)fprintf(cli->out, "%s: already version %d, nothing to do\n", safe, from);
    else if (o->dry_run)
        (void)fwrite(rd_buf_text(&text), 1, text.len, cli->out);
    else
        (void)fprintf(
            cli->out, "%s: rewritten from version %d to %d\n", safe, from, RD_SYSTEM_VERSION);
    rd_buf_release(&text);
    return RD_OK;
}

const struct rd_command rd_command_migrate = {
    .name = "migrate",
    .summary = "rewrite an older system file as today's version",
    .synopsis = "FILE [--dry-run]",
    .examples = "  redoubt migrate old/redoubt.yaml\n"
                "  redoubt migrate old/redoubt.yaml --dry-run\n",
    .options = options,
    .options_size = sizeof(struct migrate),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
