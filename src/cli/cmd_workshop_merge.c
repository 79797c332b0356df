/* workshop merge - sheets of answers back into the system file, and the minutes of it. */
#include "cli/cli.h"
#include "cli/load.h"

#include "base/file.h"
#include "base/text.h"
#include "report/workshop.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct merge {
    struct rd_load_options load;
    const char *output, *minutes;
    bool dry_run;
};

static const struct rd_option options[] = {
    RD_LOAD_OPTIONS(struct merge, load),
    RD_TEXT(struct merge, output, "output", "", "FILE",
        "write the new file there, in place of the old one; also -o"),
    RD_TEXT(struct merge, minutes, "minutes", "", "FILE.md", "also write minutes, as Markdown"),
    RD_BOOL(struct merge, dry_run, "dry-run", "no", "say what would change; write no system file"),
    RD_OPTION_END,
};

struct work {
    struct rd_cli *cli;
    const struct merge *o;
    struct rd_loaded before, after;
    struct rd_workshop_items items;
    struct rd_workshop_sheet sheet[RD_WORKSHOP_SHEETS_MAX];
    size_t n_sheets;
    struct rd_workshop_merged merged;
    struct rd_workshop_counts was, is;
};

/* Nobody answers on a day that has not come. One day ahead may be today elsewhere. */
static rd_status check_date(struct work *w, const struct rd_workshop_sheet *sheet)
{
    const time_t tomorrow = time(NULL) + 24 * 60 * 60;
    struct tm day;
    char latest[16];

    if (!gmtime_r(&tomorrow, &day) || !strftime(latest, sizeof latest, "%Y-%m-%d", &day) ||
        strcmp(sheet->date, latest) <= 0)
        return RD_OK;
    rd_cli_problem(w->cli, sheet->file, sheet->date_at.line, sheet->date_at.column,
        rd_arena_printf(w->cli->run.scratch,
            "expected 'date': the day of the answers, found '%s', which has not come yet",
            sheet->date));
    return RD_FAIL(
        w->cli->run.err, RD_E_INPUT, "'%s' has 1 problem; nothing was merged", sheet->file);
}

/* Every mistake of a sheet at its place. */
static rd_status read_sheet(struct work *w, const char *path)
{
    struct rd_cli *cli = w->cli;
    const char *name;
    struct rd_problems problems;
    struct rd_bytes bytes;
    char safe[200];
    rd_status st;

    name = rd_arena_strdup(cli->run.scratch, rd_text_safe_in(safe, sizeof safe, path));
    if (!name)
        return rd_run_no_memory(&cli->run, "a name");
    st = rd_file_read(path, RD_YAML_BYTES, cli->run.scratch, &bytes, cli->run.err);
    if (st)
        return st;
    st = rd_workshop_read(&cli->run, name, bytes.data, bytes.size, &w->items, cli->run.scratch,
        &w->sheet[w->n_sheets], &problems);
    if (st == RD_E_INPUT && problems.n) {
        for (size_t i = 0; i < problems.n; i++)
            rd_cli_problem(cli, name, problems.item[i].at.line, problems.item[i].at.column,
                problems.item[i].text);
        *cli->run.err = (struct rd_error){ 0 };
        return RD_FAIL(cli->run.err, RD_E_INPUT, "'%s' has %zu problem%s; nothing was merged", name,
            problems.n, problems.n == 1 ? "" : "s");
    }
    if (!st)
        st = check_date(w, &w->sheet[w->n_sheets]);
    w->n_sheets += !st;
    return st;
}

static rd_status merge(struct work *w, const char *path, int n, char **sheets)
{
    struct rd_cli *cli = w->cli;
    struct rd_bytes bytes;
    char safe[200];
    const char *name = rd_arena_strdup(cli->run.scratch, rd_text_safe_in(safe, sizeof safe, path));
    rd_status st = rd_cli_load(cli, path, &w->o->load, &w->before);

    if (!name)
        return rd_run_no_memory(&cli->run, "a name");
    if (!st)
        st = rd_file_read(path, RD_YAML_BYTES, cli->run.scratch, &bytes, cli->run.err);
    if (!st)
        st = rd_workshop_items(&cli->run, w->before.system, cli->run.scratch, &w->items);
    for (int i = 0; i < n && !st; i++)
        st = read_sheet(w, sheets[i]);
    if (st)
        return st;
    rd_workshop_count(w->before.system, &w->before.threats, &w->items, &w->was);
    st = rd_workshop_merge(&cli->run, name, bytes.data, bytes.size, w->before.system, &w->items,
        w->sheet, w->n_sheets, cli->run.scratch, &w->merged);
    /* Nothing is written that the checker would refuse. */
    if (!st)
        st = rd_cli_load_text(cli, path, w->merged.text, w->merged.size, &w->o->load, &w->after);
    return st ? RD_WRAP(cli->run.err, st, "cannot merge the answers into '%s'", name) : RD_OK;
}

static rd_status count_after(struct work *w)
{
    struct rd_workshop_items items;
    rd_status st = rd_workshop_items(&w->cli->run, w->after.system, w->cli->run.scratch, &items);

    if (!st)
        rd_workshop_count(w->after.system, &w->after.threats, &items, &w->is);
    return st;
}

static rd_status write_files(struct work *w, const char *path)
{
    const char *out = w->o->output ? w->o->output : path;
    struct rd_cli *cli = w->cli;
    struct rd_buf minutes = { 0 };
    struct stat info;
    const unsigned mode = stat(path, &info) == 0 ? info.st_mode & 0777u : 0644u;
    rd_status st = RD_OK;

    if (w->o->minutes) {
        st = rd_workshop_minutes(&cli->run, w->before.system, w->sheet, w->n_sheets, &w->merged,
            &w->was, &w->is, &minutes);
        if (!st)
            st = rd_file_write(
                w->o->minutes, rd_buf_text(&minutes), minutes.len, 0644, cli->run.err);
        rd_buf_release(&minutes);
    }
    if (!st && !w->o->dry_run && (w->merged.n_changes || w->o->output))
        st = rd_file_write(out, w->merged.text, w->merged.size, mode, cli->run.err);
    return st;
}

/* --- what is said --- */

static void put_counts(struct rd_json *j, const char *key, const struct rd_workshop_counts *c)
{
    rd_json_kobject(j, key);
    rd_json_kint(j, "apply", (int64_t)c->threats[RD_APPLIES_YES]);
    rd_json_kint(j, "may_apply", (int64_t)c->threats[RD_APPLIES_UNKNOWN]);
    rd_json_kint(j, "mitigated", (int64_t)c->threats[RD_APPLIES_MITIGATED]);
    rd_json_kint(j, "unknown_facts", (int64_t)c->unknown);
    rd_json_kint(j, "default_numbers", (int64_t)c->defaults);
    rd_json_kint(j, "without_owner", (int64_t)c->no_owner);
    rd_json_end(j);
}

static void put_changes(struct rd_json *j, const struct rd_workshop_merged *m)
{
    rd_json_karray(j, "changes");
    for (size_t i = 0; i < m->n_changes; i++) {
        rd_json_object(j);
        rd_json_ktext(j, "id", m->change[i].item->id);
        rd_json_ktext(j, "from", m->change[i].from);
        rd_json_ktext(j, "to", m->change[i].to);
        rd_json_ktext(j, "by", m->change[i].by);
        rd_json_ktext(j, "date", m->change[i].date);
        rd_json_ktext(j, "how", m->change[i].how);
        rd_json_end(j);
    }
    rd_json_end(j);
    rd_json_karray(j, "open");
    for (size_t i = 0; i < m->n_open; i++) {
        rd_json_object(j);
        rd_json_ktext(j, "id", m->open[i].item->id);
        rd_json_ktext(j, "why", m->open[i].why);
        rd_json_end(j);
    }
    rd_json_end(j);
}

static rd_status put_people(struct work *w)
{
    struct rd_json *j = w->cli->result;

    rd_json_karray(j, "people");
    for (size_t i = 0; i < w->n_sheets; i++) {
        const struct rd_workshop_sheet *s = &w->sheet[i];
        struct rd_calibration_score score;
        const rd_status st = rd_calibration_of(
            &w->cli->run, s->calibration, s->n_calibration, w->cli->run.scratch, &score);

        if (st)
            return st;
        rd_json_object(j);
        rd_json_ktext(j, "name", s->name);
        rd_json_ktext(j, "role", s->role == RD_NONE ? NULL : rd_role_names[s->role]);
        rd_json_ktext(j, "date", s->date);
        rd_json_kint(j, "answers", (int64_t)s->n);
        rd_json_kobject(j, "calibration");
        rd_json_kint(j, "n", (int64_t)score.n);
        rd_json_kint(j, "inside", (int64_t)score.inside);
        rd_json_kreal(j, "so_few", score.so_few);
        rd_json_kbool(j, "too_sure", score.too_sure);
        rd_json_ktext(j, "words", score.words);
        rd_json_end(j);
        rd_json_end(j);
    }
    rd_json_end(j);
    return RD_OK;
}

static void print(struct work *w)
{
    const struct rd_workshop_merged *m = &w->merged;
    FILE *out = w->cli->out;
    char a[200], b[200], c[200];

    for (size_t i = 0; i < m->n_changes; i++)
        (void)fprintf(out, "  %s: %s -> %s, %s\n", m->change[i].item->id,
            rd_text_safe_in(a, sizeof a, m->change[i].from),
            rd_text_safe_in(b, sizeof b, m->change[i].to),
            rd_text_safe_in(c, sizeof c, m->change[i].by));
    for (size_t i = 0; i < m->n_open; i++) {
        struct rd_buf safe = { 0 };

        rd_text_safe(&safe, m->open[i].why, strlen(m->open[i].why));
        (void)fprintf(out, "  open: %s: %s\n", m->open[i].item->id, rd_buf_text(&safe));
        rd_buf_release(&safe);
    }
    (void)fprintf(out,
        "%zu changed, %zu open, %zu in the file already%s\n"
        "threats that apply: %zu before, %zu now; that may apply: %zu before, %zu now\n",
        m->n_changes, m->n_open, m->kept, w->o->dry_run ? "; nothing was written" : "",
        w->was.threats[RD_APPLIES_YES], w->is.threats[RD_APPLIES_YES],
        w->was.threats[RD_APPLIES_UNKNOWN], w->is.threats[RD_APPLIES_UNKNOWN]);
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    struct work *w = RD_NEW(cli->run.scratch, struct work);
    const char *path = rd_cli_system_file(cli, argv[0]);
    struct rd_json *j = cli->result;
    rd_status st;

    if (!w)
        return rd_run_no_memory(&cli->run, "a merge");
    w->cli = cli;
    w->o = opts;
    st = merge(w, path, argc - 1, argv + 1);
    if (!st)
        st = count_after(w);
    if (!st)
        st = write_files(w, path);
    if (st)
        return st;
    rd_json_ktext(cli->info, "file", path);
    rd_json_ktext(cli->info, "output", w->o->dry_run ? NULL : w->o->output ? w->o->output : path);
    rd_json_object(j);
    rd_json_kbool(j, "changed", w->merged.n_changes > 0);
    put_changes(j, &w->merged);
    rd_json_kint(j, "kept", (int64_t)w->merged.kept);
    st = put_people(w);
    put_counts(j, "before", &w->was);
    put_counts(j, "after", &w->is);
    rd_json_end(j);
    print(w);
    return st;
}

const struct rd_command rd_command_workshop_merge = {
    .name = "workshop merge",
    .summary = "answers of a workshop into the system file, comments kept",
    .synopsis = "FILE ANSWERS... [-o FILE] [--minutes FILE.md] [--dry-run]",
    .examples = "  redoubt workshop merge demo ann.yaml bob.yaml --minutes minutes.md\n"
                "  redoubt workshop merge demo ann.yaml --dry-run\n",
    .options = options,
    .options_size = sizeof(struct merge),
    .min_args = 2,
    .max_args = 1 + RD_WORKSHOP_SHEETS_MAX,
    .run = run,
};
