/*
 * cmd_risk.c - redoubt risk: what the scenarios of a file cost in a year, from what the evidence
 * store holds. Nothing is attacked; a file with nothing but experts' numbers is enough.
 */
#include "cli/assess_text.h"
#include "cli/risk_text.h"

#include "base/file.h"

#include <math.h>
#include <string.h>

static const char *const levels[] = { "none", "appetite", NULL };

struct risk {
    struct rd_load_options load;
    const char *csv, *fail_on;
    int64_t draws, years;
    bool upper_bounds;
};

static const struct rd_option options[] = {
    RD_LOAD_OPTIONS(struct risk, load),
    RD_TEXT(struct risk, csv, "csv", "", "FILE",
        "also write the curve with its band, quantiles, appetite, tornado and scenarios as CSV"),
    RD_CHOICE(struct risk, fail_on, "fail-on", "none", levels,
        "exit 1 when losses pass the appetite, or nothing says that they do not"),
    RD_INT(struct risk, draws, "draws", "1000", 200, 100000, "draws",
        "of the uncertain parameters (outer level of the simulation)"),
    RD_INT(struct risk, years, "years", "2000", 100, 1000000, "years",
        "simulated for each draw (inner level)"),
    RD_BOOL(struct risk, upper_bounds, "upper-bounds", "no",
        "let attacks count that had more access than the actor; they are marked"),
    RD_OPTION_END,
};

static rd_status write_csv(struct rd_cli *cli, const struct rd_risk_result *r, const char *path)
{
    struct rd_buf text = { 0 };
    rd_status st;

    rd_risk_csv(r, &text);
    st = text.failed ? rd_run_no_memory(&cli->run, "the tables")
                     : rd_file_write(path, text.text, text.len, 0644, cli->run.err);
    rd_buf_release(&text);
    if (!st)
        rd_json_ktext(cli->info, "csv", path);
    return st;
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct risk *o = opts;
    struct rd_assessment_options how = rd_assessment_defaults();
    struct rd_assessment a;
    rd_status st;

    (void)argc;
    how.stored_only = how.no_confirm = true;
    how.needs_appetite = !strcmp(o->fail_on, "appetite");
    how.risk = (struct rd_risk_options){
        .outer = (size_t)o->draws, .years = (size_t)o->years, .upper_bounds = o->upper_bounds
    };
    st = rd_cli_assess(cli, argv[0], &o->load, &how, &a);
    if (st)
        return st;
    rd_json_ktext(cli->info, "file", argv[0]);
    rd_json_object(cli->result);
    rd_json_ktext(cli->result, "system", a.loaded.system->name);
    rd_json_key(cli->result, "risk");
    rd_risk_write(&a.risk, cli->result);
    rd_json_end(cli->result);
    rd_cli_risk_text(cli, &a.risk);
    if (o->csv && *o->csv)
        st = write_csv(cli, &a.risk, o->csv);
    if (!st && how.needs_appetite && !rd_cli_passes_appetite(cli, &a.risk))
        cli->exit_code = 1;
    return st;
}

const struct rd_command rd_command_risk = {
    .name = "risk",
    .summary = "what it costs in a year: from a file and the stored evidence alone",
    .synopsis = "FILE|DIR [--csv FILE] [--draws N] [--years N] [--fail-on appetite]",
    .examples = "  redoubt risk demo\n"
                "  redoubt risk demo --csv risk.csv\n"
                "  redoubt risk demo/redoubt.yaml --fail-on appetite --json\n",
    .options = options,
    .options_size = sizeof(struct risk),
    .min_args = 1,
    .max_args = 1,
    .paged = true,
    .run = run,
};
