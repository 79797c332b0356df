/*
 * cmd_roadmap.c - redoubt roadmap: which proposed controls, in what order, for which money. What is
 * not in the evidence store is run first, as assess does; then the chosen set as a combination.
 */
#include "cli/assessment.h"
#include "cli/roadmap_text.h"

#include "base/file.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

static const char *const measures[] = { "file", "ale", "tvar", NULL };

struct roadmap {
    struct rd_load_options load;
    const char *budget, *measure, *csv, *markdown;
    bool include_static, include_expected, no_confirm, reuse;
    int64_t draws, years;
};

static const struct rd_option options[] = {
    RD_LOAD_OPTIONS(struct roadmap, load),
    RD_TEXT(struct roadmap, budget, "budget", "", "MONEY",
        "a year, all costs together; without it that of the file, or none"),
    RD_CHOICE(struct roadmap, measure, "measure", "file", measures,
        "what is brought down: the expected loss (ale) or the worst 5 % of years (tvar)"),
    RD_BOOL(struct roadmap, include_static, "include-static", "no",
        "count effects that no attack which knows the control has tried"),
    RD_BOOL(struct roadmap, include_expected, "include-expected", "no",
        "count what experts expect of controls (`expects` in the file) where nothing was tried"),
    RD_BOOL(struct roadmap, no_confirm, "no-confirm", "no",
        "do not run the chosen set as a combination"),
    RD_BOOL(struct roadmap, reuse, "reuse", "no",
        "take over what was measured on endpoints and processes, which may have changed since"),
    RD_TEXT(struct roadmap, csv, "csv", "", "FILE", "also write the rows as CSV; -: to stdout"),
    RD_TEXT(struct roadmap, markdown, "markdown", "", "FILE",
        "also write it as Markdown; -: to stdout"),
    RD_INT(struct roadmap, draws, "draws", "1000", 200, 100000, "draws",
        "of the uncertain parameters (outer level of the simulation)"),
    RD_INT(struct roadmap, years, "years", "2000", 100, 1000000, "years",
        "simulated for each draw (inner level)"),
    RD_OPTION_END,
};

static rd_status read_options(
    struct rd_cli *cli, const struct roadmap *o, struct rd_assessment_options *how)
{
    char safe[80];

    how->reuse = o->reuse;
    how->no_confirm = o->no_confirm;
    how->risk.outer = (size_t)o->draws;
    how->risk.years = (size_t)o->years;
    how->roadmap.include_static = o->include_static;
    how->roadmap.include_expected = o->include_expected;
    if (strcmp(o->measure, "file") != 0)
        how->roadmap.measure = strcmp(o->measure, "tvar") == 0 ? RD_ROADMAP_TVAR : RD_ROADMAP_ALE;
    if (!o->budget || !*o->budget)
        return RD_OK;
    if (!rd_text_to_double(o->budget, false, &how->roadmap.budget) || how->roadmap.budget < 0 ||
        how->roadmap.budget > 1e15) {
        (void)RD_FAIL(cli->run.err, RD_E_USAGE,
            "--budget: expected an amount from 0 to 1e15 a year, found '%s'",
            rd_text_safe_in(safe, sizeof safe, o->budget));
        return rd_error_hint(cli->run.err, "digits and one decimal point: --budget 20000");
    }
    return RD_OK;
}

static rd_status put(struct rd_cli *cli, const char *path, const struct rd_buf *text)
{
    if (text->failed)
        return rd_run_no_memory(&cli->run, "the roadmap");
    if (strcmp(path, "-") == 0) {
        (void)fwrite(text->text, 1, text->len, cli->out);
        return RD_OK;
    }
    return rd_file_write(path, text->text, text->len, 0644, cli->run.err);
}

static rd_status write_files(
    struct rd_cli *cli, const struct roadmap *o, const struct rd_assessment *a, const char *path)
{
    struct rd_buf csv = { 0 }, markdown = { 0 };
    rd_status st = RD_OK;

    if (o->csv && *o->csv) {
        rd_cli_roadmap_csv(&csv, a->risk.roadmap, a->loaded.system);
        st = put(cli, o->csv, &csv);
    }
    if (!st && o->markdown && *o->markdown) {
        rd_cli_roadmap_markdown(&markdown, a, path);
        st = put(cli, o->markdown, &markdown);
    }
    rd_buf_release(&csv);
    rd_buf_release(&markdown);
    return st ? RD_WRAP(cli->run.err, st, "writing the roadmap") : RD_OK;
}

static bool is_dash(const char *path)
{
    return path && strcmp(path, "-") == 0;
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct roadmap *o = opts;
    struct rd_assessment_options how = rd_assessment_defaults();
    struct rd_assessment a;
    rd_status st = read_options(cli, o, &how);

    (void)argc;
    if (!st)
        st = rd_cli_assess(cli, argv[0], &o->load, &how, &a);
    if (!st)
        st = write_files(cli, o, &a, argv[0]);
    if (st)
        return st;
    rd_json_ktext(cli->info, "file", argv[0]);
    rd_json_object(cli->result);
    rd_json_ktext(cli->result, "name", a.loaded.system->name);
    rd_json_key(cli->result, "roadmap");
    rd_roadmap_write(a.risk.roadmap, a.loaded.system, cli->result);
    rd_json_end(cli->result);
    if (!is_dash(o->csv) && !is_dash(o->markdown))
        rd_cli_roadmap_print(cli, &a, argv[0]);
    return RD_OK;
}

const struct rd_command rd_command_roadmap = {
    .name = "roadmap",
    .summary = "which proposed controls, in what order, for which money",
    .synopsis = "FILE|DIR [--budget N] [--measure ale|tvar] [--csv FILE] [--markdown FILE]",
    .examples = "  redoubt roadmap demo\n"
                "  redoubt roadmap demo --budget 20000\n"
                "  redoubt roadmap demo --measure tvar --json\n"
                "  redoubt roadmap demo --csv roadmap.csv --markdown roadmap.md\n",
    .options = options,
    .options_size = sizeof(struct roadmap),
    .min_args = 1,
    .max_args = 1,
    .paged = true,
    .run = run,
};
