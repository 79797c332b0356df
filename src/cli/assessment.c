#include "cli/assessment.h"

#include "cli/envelope.h"

#include "base/file.h"
#include "evidence/store.h"

#include <math.h>
#include <time.h>

struct rd_assessment_options rd_assessment_defaults(void)
{
    return (struct rd_assessment_options){ .roadmap = { .budget = (double)NAN, .measure = -1 } };
}

static double now_seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void close_store(void *obj)
{
    rd_store_close(obj);
}

/* Beside the file. Read only, and perhaps none, where only the store counts. */
static rd_status open_evidence(
    struct rd_cli *cli, const struct rd_assessment_options *o, struct rd_assessment *a)
{
    const char *folder = a->loaded.system->folder;
    rd_status st = o->stored_only ? rd_store_open_read(folder, &a->store, cli->run.err)
                                  : rd_store_open(folder, &a->store, cli->run.err);

    if (st == RD_E_NOTFOUND && o->stored_only) {
        *cli->run.err = (struct rd_error){ 0 };
        a->store = NULL;
        return RD_OK;
    }
    if (st)
        return st;
    if (rd_arena_guard(cli->run.scratch, close_store, a->store)) {
        rd_store_close(a->store);
        return rd_run_no_memory(&cli->run, "the evidence store");
    }
    return RD_OK;
}

static rd_status prepare(struct rd_cli *cli, const char *path, const struct rd_load_options *load,
    const struct rd_assessment_options *o, struct rd_assessment *a)
{
    rd_status st = rd_cli_load(cli, path, load, &a->loaded);

    if (!st && o->needs_appetite && !a->loaded.system->n_appetite) {
        (void)RD_FAIL(
            cli->run.err, RD_E_USAGE, "--fail-on appetite: the file declares no appetite");
        st = rd_error_hint(
            cli->run.err, "declare it as `risk: {appetite: [{loss: 100000, probability: 0.05}]}`");
    }
    if (!st)
        st = open_evidence(cli, o, a);
    if (st)
        return st;
    a->how = (struct rd_campaign_options){ .store = a->store,
        .reuse = o->reuse,
        .stored_only = o->stored_only,
        .run_json = rd_envelope_tool };
    a->how.pictures = rd_path_join(cli->run.scratch, a->loaded.system->folder, ".redoubt");
    return a->how.pictures ? RD_OK : rd_run_no_memory(&cli->run, "a path");
}

static rd_status put_money(
    struct rd_cli *cli, const struct rd_assessment_options *o, struct rd_assessment *a)
{
    struct rd_risk_options risk = o->risk;
    rd_status st;

    risk.roadmap = &o->roadmap;
    st = rd_risk_simulate(&cli->run, &a->campaign, &risk, cli->run.scratch, &a->risk);
    if (!st && a->risk.roadmap && !o->no_confirm) {
        risk.roadmap = NULL;
        st = rd_roadmap_confirm(&cli->run, &a->loaded.rules, &a->campaign, &a->how, &risk, &a->risk,
            cli->run.scratch, a->risk.roadmap);
    }
    for (size_t i = 0; !st && !o->no_warnings && i < a->risk.n_warnings; i++)
        rd_cli_warn(cli, "%s", a->risk.warnings[i]);
    return st;
}

rd_status rd_cli_assess(struct rd_cli *cli, const char *path, const struct rd_load_options *load,
    const struct rd_assessment_options *o, struct rd_assessment *a)
{
    double at[5] = { now_seconds() };
    rd_status st;

    *a = (struct rd_assessment){ 0 };
    st = prepare(cli, path, load, o, a);
    at[1] = now_seconds();
    if (!st)
        st = rd_campaign_run(&cli->run, a->loaded.system, &a->loaded.threats, &a->how,
            cli->run.scratch, &a->campaign);
    at[2] = now_seconds();
    if (!st)
        st = put_money(cli, o, a);
    at[3] = now_seconds();
    if (st)
        return st;
    a->report = (struct rd_report){
        .campaign = &a->campaign, .rules = &a->loaded.rules, .risk = &a->risk, .seed = cli->run.seed
    };
    st = rd_report_pictures(&cli->run, &a->campaign, a->how.pictures, cli->run.scratch,
        &a->report.pictures, &a->report.n_pictures);
    at[4] = now_seconds();
    for (size_t i = 0; i < 4; i++)
        a->seconds[i] = at[i + 1] - at[i];
    return st;
}
