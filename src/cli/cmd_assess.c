/*
 * cmd_assess.c - redoubt assess: the loop, once, left to right: threats, tests, controls and their
 * re-tests, money, reports. Evidence goes to DIR/.redoubt, reports beside redoubt.yaml.
 */
#include "cli/assess_text.h"
#include "cli/documents.h"

#include "base/file.h"
#include "report/junit.h"
#include "report/sarif.h"

#include <math.h>
#include <string.h>
#include <time.h>

static const char *const levels[] = { "none", "low", "medium", "high", "critical", "demonstrated",
    "appetite", NULL };

struct assess {
    struct rd_load_options load;
    bool estimate, reuse;
    const char *fail_on, *junit;
    int64_t draws, years;
};

static const struct rd_option options[] = {
    RD_LOAD_OPTIONS(struct assess, load),
    RD_BOOL(struct assess, estimate, "estimate", "no",
        "only say what it would take: runs, queries, seconds, money"),
    RD_BOOL(struct assess, reuse, "reuse", "no",
        "take over what was measured on endpoints and processes, which may have changed since"),
    RD_CHOICE(struct assess, fail_on, "fail-on", "none", levels,
        "exit 1 when a threat that nobody decided on is at least so severe, is demonstrated, or "
        "when losses pass the appetite"),
    RD_TEXT(struct assess, junit, "junit", "", "FILE",
        "also write the findings as JUnit XML to this file"),
    RD_INT(struct assess, draws, "draws", "1000", 200, 100000, "draws",
        "of the uncertain parameters (outer level of the simulation)"),
    RD_INT(struct assess, years, "years", "2000", 100, 1000000, "years",
        "simulated for each draw (inner level)"),
    RD_OPTION_END,
};

struct work {
    struct rd_cli *cli;
    struct rd_assessment a;
};

/* --- --estimate --- */

static rd_status say_estimate(struct rd_cli *cli, const char *path, const struct assess *o)
{
    const struct rd_campaign_options how = { 0 };
    struct rd_campaign_estimate e;
    struct rd_loaded loaded;
    rd_status st = rd_cli_load(cli, path, &o->load, &loaded);

    if (!st)
        st = rd_campaign_estimate(
            &cli->run, loaded.system, &loaded.threats, &how, cli->run.scratch, &e);
    if (st)
        return st;
    rd_json_object(cli->result);
    rd_json_kint(cli->result, "tests", (int64_t)e.tests);
    rd_json_kint(cli->result, "runs", (int64_t)e.runs);
    rd_json_ku64(cli->result, "rows", e.cost.rows);
    rd_json_ku64(cli->result, "gradients", e.cost.gradients);
    rd_json_kreal(cli->result, "seconds", round(10 * e.cost.seconds) / 10);
    rd_json_kreal(cli->result, "money", round(100 * e.cost.money) / 100);
    rd_json_ktext(cli->result, "currency", loaded.system->currency);
    rd_json_end(cli->result);
    (void)fprintf(cli->out,
        "%zu tests, %zu attack runs with every control's re-tests: at most %llu queries (%llu of "
        "them\n"
        "gradients), about %.0f seconds, %.2f %s at the artifacts' prices. Nothing was attacked.\n",
        e.tests, e.runs, (unsigned long long)e.cost.rows, (unsigned long long)e.cost.gradients,
        e.cost.seconds, e.cost.money, loaded.system->currency);
    return RD_OK;
}

static double now_seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static rd_status put(struct work *w, const char *path, const struct rd_buf *text)
{
    if (!path || text->failed)
        return rd_run_no_memory(&w->cli->run, "the report");
    return rd_file_write(path, text->text, text->len, 0644, w->cli->run.err);
}

static const char *beside(struct work *w, const char *name)
{
    return rd_path_join(w->cli->run.scratch, w->a.loaded.system->folder, name);
}

/* What a function of report/ makes of the assessment alone. */
static rd_status make_and_put(struct work *w, const char *path,
    rd_status (*make)(struct rd_run *run, const struct rd_report *report, struct rd_buf *out))
{
    struct rd_buf text = { 0 };
    rd_status st = make(&w->cli->run, &w->a.report, &text);

    if (!st)
        st = put(w, path, &text);
    rd_buf_release(&text);
    return st;
}

/* report.json, report.md, findings.sarif; report.html where the page was built, JUnit where asked.
 */
static rd_status write_reports(
    struct work *w, const struct rd_buf *result, double seconds, const char *junit)
{
    struct rd_documents made;
    rd_status st = rd_cli_documents(w->cli, &w->a, result, seconds, &made);

    if (!st)
        st = put(w, beside(w, "report.json"), &made.json);
    if (!st)
        st = put(w, beside(w, "report.md"), &made.markdown);
    if (!st && made.html.len)
        st = put(w, beside(w, "report.html"), &made.html);
    rd_documents_release(&made);
    if (!st)
        st = make_and_put(w, beside(w, "findings.sarif"), rd_report_sarif);
    if (!st && junit && *junit)
        st = make_and_put(w, junit, rd_report_junit);
    return st ? RD_WRAP(w->cli->run.err, st, "writing the report") : RD_OK;
}

/* --- findings --- */

static bool has_finding(const struct work *w, const char *level)
{
    enum rd_severity least = RD_SEVERITY_LOW;
    const bool by_severity = rd_severity_find(level, &least);

    if (!strcmp(level, "appetite"))
        return !rd_cli_passes_appetite(w->cli, &w->a.risk);
    for (size_t i = 0; i < w->a.loaded.threats.n; i++) {
        const struct rd_threat *t = &w->a.loaded.threats.item[i];
        const enum rd_status_of_threat status = w->a.campaign.states[i].status;

        if (t->decision) /* accepted, or no threat here; an expired decision is none */
            continue;
        if (by_severity && t->applicability == RD_APPLIES_YES && t->severity >= least &&
            status != RD_THREAT_CONTROLLED)
            return true;
        if (!strcmp(level, "demonstrated") && status == RD_THREAT_DEMONSTRATED)
            return true;
    }
    return false;
}

/* Wall time by step: bench/assess.sh prints it. */
static void say_seconds(struct rd_cli *cli, const double seconds[4], double reports)
{
    static const char *const step[] = { "load", "tests", "simulation", "reports" };

    rd_json_kobject(cli->info, "seconds_by_step");
    for (size_t i = 0; i < 4; i++)
        rd_json_kreal(
            cli->info, step[i], round(1000 * (i == 3 ? seconds[3] + reports : seconds[i])) / 1000);
    rd_json_end(cli->info);
}

static rd_status assess(struct work *w, const struct assess *o, const char *path)
{
    struct rd_assessment_options how = rd_assessment_defaults();
    struct rd_cli *cli = w->cli;
    struct rd_buf result = { 0 };
    struct rd_json j = { .out = &result };
    const double start = now_seconds();
    double found;
    rd_status st;

    if (!strcmp(o->fail_on, "appetite"))
        how.needs_appetite = true;
    how.reuse = o->reuse;
    how.risk.outer = (size_t)o->draws;
    how.risk.years = (size_t)o->years;
    st = rd_cli_assess(cli, path, &o->load, &how, &w->a);
    if (st)
        return st;
    found = now_seconds();
    st = rd_report_result(&cli->run, &w->a.report, &j);
    if (!st && result.failed)
        st = rd_run_no_memory(&cli->run, "the result");
    if (!st)
        st = write_reports(w, &result, found - start, o->junit);
    say_seconds(cli, w->a.seconds, now_seconds() - found);
    if (!st) {
        rd_json_raw(cli->result, result.text, result.len);
        st = rd_cli_assess_text(cli, &w->a);
    }
    if (!st && strcmp(o->fail_on, "none") != 0 && has_finding(w, o->fail_on))
        cli->exit_code = 1;
    rd_json_release(&j);
    rd_buf_release(&result);
    return st;
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct assess *o = opts;
    struct work w = { .cli = cli };

    (void)argc;
    return o->estimate ? say_estimate(cli, argv[0], o) : assess(&w, o, argv[0]);
}

const struct rd_command rd_command_assess = {
    .name = "assess",
    .summary = "try the threats, switch the controls on, put money on it, report",
    .synopsis = "FILE|DIR [--estimate] [--fail-on WORD] [--artifact ID=PATH]...",
    .examples = "  redoubt assess demo\n"
                "  redoubt assess demo --estimate\n"
                "  redoubt assess demo --fail-on demonstrated --json >result.json\n"
                "  redoubt assess examples/mnist-digits --allow-outside\n",
    .options = options,
    .options_size = sizeof(struct assess),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
