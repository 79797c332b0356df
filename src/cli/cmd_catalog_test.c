/* catalog test - run the two miniature systems of each rule: on the first it must apply, on the
 * second not. */
#include "cli/catalog_text.h"
#include "cli/threat_text.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 2000, RULE_BYTES = 1 << 20 };

struct test {
    const char *from;
};

static const struct rd_option options[] = {
    RD_TEXT(struct test, from, "from", "", "DIR", "test the rules of this folder instead"),
    RD_OPTION_END,
};

struct tally {
    size_t passed, failed;
};

/* One line for people, one object for machines. An error here is a finding, not the command's. */
static void report(
    struct rd_cli *cli, struct tally *t, const char *id, rd_status st, struct rd_error *err)
{
    struct rd_buf text = { 0 };
    char first[160], safe[96];

    (void)rd_text_safe_in(safe, sizeof safe, id);
    for (int i = 0; st && i < err->frames; i++)
        rd_buf_printf(&text, "%s%s", i ? "; in " : "", err->frame[i].text);
    if (st && err->hint[0])
        rd_buf_printf(&text, " (%s)", err->hint);
    rd_json_object(cli->result);
    rd_json_ktext(cli->result, "id", id);
    rd_json_kbool(cli->result, "passed", !st);
    rd_json_ktext(cli->result, "error", st ? rd_buf_text(&text) : NULL);
    rd_json_end(cli->result);
    if (st) {
        (void)snprintf(first, sizeof first, "FAIL  %s: ", safe);
        rd_cli_wrap(cli->out, first, 6, rd_buf_text(&text));
        t->failed++;
    } else {
        (void)fprintf(cli->out, "pass  %s\n", safe);
        t->passed++;
    }
    rd_buf_release(&text);
    *err = (struct rd_error){ 0 };
}

static rd_status test_built_in(
    struct rd_cli *cli, const struct rd_rules *rules, const char *id, struct tally *t)
{
    const char *const *ids = rd_rules_ids(rules, cli->run.scratch);
    struct rd_error err = { 0 };
    rd_status st;

    if (!ids)
        return rd_run_no_memory(&cli->run, "the ids of the rules");
    st = id ? rd_cli_one_of(cli, RD_E_USAGE, "rule", id, ids) : RD_OK;
    for (size_t i = 0; !st && i < rules->n; i++)
        if (!id || !strcmp(id, rules->item[i]->id))
            report(
                cli, t, rules->item[i]->id, rd_rule_self_test(rules, rules->item[i], &err), &err);
    return st;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The *.yaml of a folder by name; files that are hidden are left out. */
static rd_status list_folder(
    struct rd_cli *cli, const char *folder, const char ***names_out, size_t *n_out)
{
    const char **name = RD_NEW_ARRAY(cli->run.scratch, const char *, FILES_MAX);
    char safe[160];
    size_t n = 0;
    DIR *dir;

    if (!name)
        return rd_run_no_memory(&cli->run, "the names of the rules");
    (void)rd_text_safe_in(safe, sizeof safe, folder);
    dir = opendir(folder);
    if (!dir)
        return RD_FAIL(cli->run.err, RD_E_NOTFOUND, "there is no folder '%s'", safe);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        const size_t len = strlen(e->d_name);

        if (len < 6 || e->d_name[0] == '.' || strcmp(e->d_name + len - 5, ".yaml") != 0)
            continue;
        if (n == FILES_MAX) {
            (void)closedir(dir);
            return RD_FAIL(
                cli->run.err, RD_E_LIMIT, "'%s' has more than %d rules", safe, FILES_MAX);
        }
        name[n] = rd_arena_strdup(cli->run.scratch, e->d_name);
        if (!name[n++]) {
            (void)closedir(dir);
            return rd_run_no_memory(&cli->run, "the names of the rules");
        }
    }
    (void)closedir(dir);
    qsort(name, n, sizeof *name, by_text);
    *names_out = name;
    *n_out = n;
    return n ? RD_OK
             : RD_FAIL(cli->run.err, RD_E_NOTFOUND, "there is no rule (*.yaml) in '%s'", safe);
}

static rd_status test_file(const struct rd_rules *known, const char *folder, const char *name,
    struct rd_arena *arena, struct rd_error *err)
{
    struct rd_embedded file = { .name = rd_arena_printf(arena, "%s/%s", folder, name) };
    const char *path = file.name;
    struct rd_rules own;
    struct rd_bytes bytes;
    rd_status st;

    if (!path)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a path");
    st = rd_file_read(path, RULE_BYTES, arena, &bytes, err);
    if (st)
        return st;
    file.data = bytes.data;
    file.size = bytes.size;
    st = rd_rules_read_one(known, &file, arena, &own, err);
    return st ? st : rd_rule_self_test(&own, own.item[0], err);
}

static rd_status test_folder(struct rd_cli *cli, const struct rd_rules *known, const char *folder,
    const char *id, struct tally *t)
{
    const char **name = NULL;
    struct rd_error err = { 0 };
    char safe[96];
    size_t n = 0;
    const rd_status st = list_folder(cli, folder, &name, &n);

    for (size_t i = 0; !st && i < n; i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        const char *stem =
            rd_arena_strndup(cli->run.scratch, name[i], strlen(name[i]) - strlen(".yaml"));

        if (!stem)
            return rd_run_no_memory(&cli->run, "the name of a rule");
        if (!id || !strcmp(id, stem))
            report(cli, t, stem, test_file(known, folder, name[i], &arena, &err), &err);
        rd_arena_release(&arena);
    }
    if (!st && !t->passed && !t->failed)
        return RD_FAIL(cli->run.err, RD_E_NOTFOUND, "there is no rule '%s' in that folder",
            rd_text_safe_in(safe, sizeof safe, id));
    return st;
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct test *o = opts;
    struct tally t = { 0, 0 };
    struct rd_rules rules;
    rd_status st = rd_rules_load(cli->run.scratch, &rules, cli->run.err);

    if (st)
        return st;
    rd_json_object(cli->result);
    rd_json_karray(cli->result, "rules");
    st = o->from && *o->from ? test_folder(cli, &rules, o->from, argc ? argv[0] : NULL, &t)
                             : test_built_in(cli, &rules, argc ? argv[0] : NULL, &t);
    rd_json_end(cli->result);
    rd_json_kint(cli->result, "passed", (int64_t)t.passed);
    rd_json_kint(cli->result, "failed", (int64_t)t.failed);
    rd_json_end(cli->result);
    if (st)
        return st;
    (void)fprintf(cli->out, "\n%zu passed, %zu failed\n", t.passed, t.failed);
    if (t.failed)
        cli->exit_code = 1;
    return RD_OK;
}

const struct rd_command rd_command_catalog_test = {
    .name = "catalog test",
    .summary = "run each rule on its own two systems",
    .synopsis = "[RULE]",
    .examples = "  redoubt catalog test\n"
                "  redoubt catalog test --from my-rules\n",
    .options = options,
    .options_size = sizeof(struct test),
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
