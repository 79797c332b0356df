/*
 * __man - manual pages and completions, for the build and for packagers; not for people, who have
 * man(1) and `redoubt help`.
 */
#include "cli/cli.h"
#include "cli/complete.h"
#include "cli/man_page.h"

#include "base/file.h"

struct man {
    bool list;
    const char *into;
};

static const struct rd_option options[] = {
    RD_BOOL(struct man, list, "list", "no", "the names of all pages"),
    RD_TEXT(struct man, into, "into", "", "DIR",
        "all pages and completions as files, laid out as below PREFIX/share"),
    RD_OPTION_END,
};

static rd_status write_under(
    struct rd_cli *cli, const char *root, const char *folder, const char *name, struct rd_buf *text)
{
    struct rd_arena *arena = cli->run.scratch;
    const char *dir = rd_path_join(arena, root, folder),
               *path = dir ? rd_path_join(arena, dir, name) : NULL;
    rd_status st;

    if (!path || text->failed)
        return rd_run_no_memory(&cli->run, "a page");
    st = rd_file_mkdirs(dir, 0755, cli->run.err);
    return st ? st : rd_file_write(path, text->text, text->len, 0644, cli->run.err);
}

static rd_status write_pages(struct rd_cli *cli, const char *root)
{
    struct rd_man_name page;
    rd_status st = RD_OK;

    for (size_t i = 0; !st && rd_man_at(i, &page); i++) {
        struct rd_buf text = { 0 };
        char folder[16], name[80];

        (void)snprintf(folder, sizeof folder, "man/man%d", page.section);
        (void)snprintf(name, sizeof name, "%s.%d", page.name, page.section);
        st = rd_man_write(&text, page.name, cli->run.err);
        if (!st)
            st = write_under(cli, root, folder, name, &text);
        rd_buf_release(&text);
    }
    return st;
}

/* Where each shell looks by itself. */
static rd_status write_completions(struct rd_cli *cli, const char *root)
{
    static const struct {
        const char *shell, *folder, *name;
    } all[] = {
        { "bash", "bash-completion/completions", "redoubt" },
        { "zsh", "zsh/site-functions", "_redoubt" },
        { "fish", "fish/vendor_completions.d", "redoubt.fish" },
    };
    rd_status st = RD_OK;

    for (size_t i = 0; !st && i < sizeof all / sizeof *all; i++) {
        struct rd_buf text = { 0 };

        rd_buf_puts(&text, rd_completion_script(all[i].shell));
        st = write_under(cli, root, all[i].folder, all[i].name, &text);
        rd_buf_release(&text);
    }
    return st;
}

static void list_pages(struct rd_cli *cli)
{
    struct rd_man_name page;

    rd_json_array(cli->result);
    for (size_t i = 0; rd_man_at(i, &page); i++) {
        char name[80];

        (void)snprintf(name, sizeof name, "%s.%d", page.name, page.section);
        rd_json_text(cli->result, name);
        (void)fprintf(cli->out, "%s\n", name);
    }
    rd_json_end(cli->result);
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct man *o = opts;
    struct rd_buf text = { 0 };
    rd_status st;

    if (o->list) {
        list_pages(cli);
        return RD_OK;
    }
    if (o->into) {
        st = write_pages(cli, o->into);
        if (!st)
            st = write_completions(cli, o->into);
        rd_json_null(cli->result);
        return st;
    }
    st = rd_man_write(&text, argc ? argv[0] : "redoubt", cli->run.err);
    if (!st) {
        rd_json_text(cli->result, rd_buf_text(&text));
        (void)fputs(rd_buf_text(&text), cli->out);
    }
    rd_buf_release(&text);
    return st;
}

const struct rd_command rd_command_man = {
    .name = "__man",
    .summary = "manual pages and completions as files, for the build",
    .synopsis = "[NAME] [--list] [--into DIR]",
    .examples = "redoubt __man redoubt-check | man -l -\n",
    .options = options,
    .options_size = sizeof(struct man),
    .max_args = 1,
    .run = run,
};
