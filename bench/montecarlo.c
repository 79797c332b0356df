/*
 * montecarlo.c - how many scenario-years a second the risk simulation makes.
 *
 *   montecarlo [--threads N]
 *
 * A scenario of evasion and one of theft with evidence made by hand, as in the demo: 1,000 draws of
 * 2,000 years. Prints scenario-years per second, in all and by core, median of five.
 */
#include "base/pool.h"
#include "risk/risk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TRIALS = 1000, RUNS = 3, POINTS = 6, REPEATS = 5, OUTER = 1000, YEARS = 2000 };

static const char yaml[] =
    "version: 1\nname: bench\ncurrency: USD\n"
    "boundaries: [{id: net, name: Net}]\n"
    "elements: [{id: api, type: inference-api, boundary: net}]\n"
    "assets: [{id: copy, of: api, value: {low: 80000, high: 600000}}, {id: order, of: api, value: "
    "{low: 5, high: 50}}]\n"
    "actors:\n"
    "  - {id: thief, access: [labels], data: proxy, keys: 3, days: {low: 3, high: 60}, budget: "
    "{low: 2, high: 20}, "
    "gain: {low: 500, high: 3000}}\n"
    "  - {id: insider, access: [files], data: none}\n"
    "artifacts: [{id: classifier, of: api, kind: model, path: m.onnx, price_per_1000_queries: 1}]\n"
    "risk:\n  scenarios:\n"
    "    - {id: clone, threat: extraction@api, actor: thief, attempts_per_year: {low: 0.1, high: "
    "2}, "
    "loss_when: \"utility >= 0.8\", magnitude: \"0.3 * copy\", secondary: {probability: 0.2, "
    "magnitude: {low: 10000, high: 100000}}}\n"
    "    - {id: fool, threat: evasion@api, actor: insider, manipulation: digital, objects: 40, "
    "queries_per_object: 40, "
    "attempts_per_year: {low: 0.5, high: 6}, loss_when: \"successes >= 10\", magnitude: "
    "\"successes * 12 * order\", "
    "untried_stronger: {low: 0.02, high: 0.2}}\n";

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static int fail(const struct rd_error *err)
{
    fprintf(stderr, "montecarlo: %s\n", err->frames ? err->frame[0].text : "failed");
    return 4;
}

int main(int argc, char **argv)
{
    static const struct rd_attack pgd = { .abi = RD_ATTACK_ABI, .kind = RD_EVADE, .name = "pgd" };
    static const struct rd_attack copycat = {
        .abi = RD_ATTACK_ABI, .kind = RD_EXTRACT, .name = "copycat"
    };
    static const double x[POINTS] = { 250, 500, 1000, 2000, 4000, 8000 };
    static double y[RUNS][POINTS];
    static struct rd_trial trial[TRIALS], run_trial[RUNS];
    struct rd_trace trace[RUNS];
    const struct rd_threat threat[2] = { { .id = "evasion@api" }, { .id = "extraction@api" } };
    const struct rd_bound_test test[2] = {
        { .id = "a", .threat = &threat[0], .attack = &pgd, .actor = RD_NONE },
        { .id = "b", .threat = &threat[1], .attack = &copycat, .actor = RD_NONE }
    };
    const struct rd_record evaded = { .unit = "example",
        .trials = trial,
        .n_trials = TRIALS,
        .access = RD_ACCESS_GRADIENTS,
        .interval = { 0.5, 0.4, 0.6 } };
    const struct rd_record stolen = { .unit = "run",
        .trials = run_trial,
        .n_trials = RUNS,
        .access = RD_ACCESS_LABELS,
        .traces = trace,
        .n_traces = RUNS,
        .interval = { 0.9, 0.8, 1 } };
    const struct rd_tested tested[2] = { { .test = &test[0], .record = &evaded },
        { .test = &test[1], .record = &stolen } };
    const struct rd_threats none = { 0 };
    const struct rd_risk_options options = { .outer = OUTER, .years = YEARS };
    const struct rd_system_options relaxed = { .allow_outside = true };
    size_t threads =
        argc == 3 && !strcmp(argv[1], "--threads") ? (size_t)strtoul(argv[2], NULL, 10) : 0;
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_problems problems;
    struct rd_system *system;
    struct rd_run run = { .scratch = &arena, .err = &err, .seed = 1 };
    double seconds[REPEATS], rate;

    for (int i = 0; i < TRIALS; i++)
        trial[i] = (struct rd_trial){ i % 2, i % 2 ? (double)(1 + i % 60) : (double)NAN,
            (double)NAN, (double)NAN };
    for (size_t i = 0; i < RUNS; i++) {
        for (int k = 0; k < POINTS; k++)
            y[i][k] = 1 - 0.6 / (1 + x[k] / 400) - 0.01 * (double)i;
        run_trial[i].metric = y[i][POINTS - 1];
        trace[i] = (struct rd_trace){ i, "utility", POINTS, x, y[i] };
    }
    if (rd_system_parse(
            "bench", ".", yaml, sizeof yaml - 1, &relaxed, &arena, &system, &problems, &err) ||
        rd_pool_new(threads, &run.pool, &err))
        return fail(&err);
    for (int i = 0; i < REPEATS; i++) {
        const struct rd_campaign campaign = {
            .system = system, .threats = &none, .tested = tested, .n_tested = 2
        };
        struct rd_risk_result result;
        const double from = now();

        if (rd_risk_simulate(&run, &campaign, &options, &arena, &result))
            return fail(&err);
        seconds[i] = now() - from;
    }
    qsort(seconds, REPEATS, sizeof *seconds, ascending);
    rate = 2.0 * OUTER * YEARS / seconds[REPEATS / 2];
    printf("montecarlo: %.3g million scenario-years per second on %zu threads (%.3g a core): 2 "
           "scenarios, %d draws x %d "
           "years in %.2f s\n",
        rate / 1e6, rd_pool_threads(run.pool), rate / 1e6 / (double)rd_pool_threads(run.pool),
        OUTER, YEARS, seconds[REPEATS / 2]);
    rd_pool_free(run.pool);
    rd_arena_release(&arena);
    return 0;
}
