/*
 * risk.c - a million years of twenty scenarios: how long, how many scenario-years a second.
 *
 *   bench_risk [--threads N]
 *
 * Ten evasions and ten thefts with evidence made by hand, each about once a year, each with assets,
 * an actor and secondary losses of its own, under an appetite of three pairs: 200 draws of 5,000
 * years, all of rd_risk_simulate (years, summary, curve with its band, tornado, reversal points).
 * Prints the median of five, and CPU seconds of all threads beside it: those tell more where other
 * work is on the machine.
 */
#include "risk/risk.h"
#include "base/pool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PAIRS = 10,
    SCENARIOS = 2 * PAIRS,
    TRIALS = 500,
    RUNS = 3,
    POINTS = 6,
    REPEATS = 5,
    OUTER = 200,
    YEARS = 5000
};

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double cpu(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static int fail(const struct rd_error *err)
{
    fprintf(stderr, "risk: %s\n", err->frames ? err->frame[0].text : "failed");
    return 4;
}

static void each(struct rd_buf *yaml, const char *fmt)
{
    for (int i = 0; i < PAIRS; i++)
        for (const char *p = fmt; *p; p++)
            if (*p == '#')
                rd_buf_printf(yaml, "%d", i);
            else
                rd_buf_putc(yaml, *p);
}

static void write_yaml(struct rd_buf *yaml)
{
    rd_buf_puts(yaml, "version: 1\nname: bench\ncurrency: USD\nelements:\n");
    each(yaml, "  - {id: api#, type: inference-api}\n");
    rd_buf_puts(yaml, "assets:\n");
    each(yaml, "  - {id: copy#, of: api#, value: {low: 80000, high: 600000}}\n"
               "  - {id: order#, of: api#, value: {low: 5, high: 50}}\n");
    rd_buf_puts(yaml, "actors:\n");
    each(yaml, "  - {id: thief#, access: [labels], data: proxy, keys: 3, days: {low: 3, high: 60}, "
               "budget: {low: 2, high: 20}, gain: {low: 500, high: 3000}}\n"
               "  - {id: insider#, access: [files], data: none}\n");
    rd_buf_puts(yaml, "artifacts:\n");
    each(
        yaml, "  - {id: model#, of: api#, kind: model, path: m.onnx, price_per_1000_queries: 1}\n");
    rd_buf_puts(yaml, "risk:\n  appetite: [{loss: 100000, probability: 0.5}, {loss: 1000000, "
                      "probability: 0.05}, {loss: 5000000, probability: 0.001}]\n  scenarios:\n");
    each(yaml,
        "    - {id: clone#, threat: extraction@api#, actor: thief#, attempts_per_year: {low: 0.5, "
        "high: 2}, loss_when: \"utility >= 0.8\", magnitude: \"0.3 * copy#\", secondary: "
        "{probability: 0.2, magnitude: {low: 10000, high: 100000}}}\n"
        "    - {id: fool#, threat: evasion@api#, actor: insider#, manipulation: digital, objects: "
        "40, queries_per_object: 40, attempts_per_year: {low: 0.5, high: 2}, loss_when: "
        "\"successes >= 10\", magnitude: \"successes * 12 * order#\", untried_stronger: {low: "
        "0.02, high: 0.2}}\n");
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
    static char name[SCENARIOS][24];
    struct rd_trace trace[RUNS];
    struct rd_threat threat[SCENARIOS];
    struct rd_bound_test test[SCENARIOS];
    struct rd_tested tested[SCENARIOS];
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
    const struct rd_threats none = { 0 };
    const struct rd_risk_options options = { .outer = OUTER, .years = YEARS };
    const struct rd_system_options relaxed = { .allow_outside = true };
    const size_t threads =
        argc == 3 && !strcmp(argv[1], "--threads") ? (size_t)strtoul(argv[2], NULL, 10) : 0;
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_problems problems;
    struct rd_system *system;
    struct rd_buf yaml = { 0 };
    struct rd_run run = { .scratch = &arena, .err = &err, .seed = 1 };
    struct rd_risk_result result;
    double seconds[REPEATS], busy[REPEATS], load[1] = { 0 };

    for (int i = 0; i < TRIALS; i++)
        trial[i] = (struct rd_trial){ i % 2, i % 2 ? (double)(1 + i % 60) : (double)NAN,
            (double)NAN, (double)NAN };
    for (size_t i = 0; i < RUNS; i++) {
        for (int k = 0; k < POINTS; k++)
            y[i][k] = 1 - 0.6 / (1 + x[k] / 400) - 0.01 * (double)i;
        run_trial[i].metric = y[i][POINTS - 1];
        trace[i] = (struct rd_trace){ i, "utility", POINTS, x, y[i] };
    }
    for (int i = 0; i < SCENARIOS; i++) {
        const bool theft = i % 2 == 0;

        (void)snprintf(
            name[i], sizeof name[i], "%s@api%d", theft ? "extraction" : "evasion", i / 2);
        threat[i] = (struct rd_threat){ .id = name[i] };
        test[i] = (struct rd_bound_test){ .id = name[i],
            .threat = &threat[i],
            .attack = theft ? &copycat : &pgd,
            .actor = RD_NONE,
            .model = i / 2 };
        tested[i] = (struct rd_tested){ .test = &test[i], .record = theft ? &stolen : &evaded };
    }
    write_yaml(&yaml);
    if (rd_system_parse(
            "bench", ".", yaml.text, yaml.len, &relaxed, &arena, &system, &problems, &err) ||
        rd_pool_new(threads, &run.pool, &err))
        return fail(&err);
    for (int i = 0; i < REPEATS; i++) {
        const struct rd_campaign campaign = {
            .system = system, .threats = &none, .tested = tested, .n_tested = SCENARIOS
        };
        const double from = now(), worked = cpu();

        if (rd_risk_simulate(&run, &campaign, &options, &arena, &result))
            return fail(&err);
        seconds[i] = now() - from;
        busy[i] = cpu() - worked;
    }
    qsort(seconds, REPEATS, sizeof *seconds, ascending);
    qsort(busy, REPEATS, sizeof *busy, ascending);
    (void)getloadavg(load, 1);
    printf(
        "risk: %zu scenarios x %d years (%d draws x %d) on %zu thread%s: %.2f s, %.2f CPU s (load "
        "%.1f): %.1f million scenario-years a second; expected loss %.4g USD a year +- %.2g\n",
        result.n_scenarios, OUTER * YEARS, OUTER, YEARS, rd_pool_threads(run.pool),
        rd_pool_threads(run.pool) == 1 ? "" : "s", seconds[REPEATS / 2], busy[REPEATS / 2], load[0],
        (double)SCENARIOS * OUTER * YEARS / seconds[REPEATS / 2] / 1e6, result.total.ale.value,
        sqrt(result.total.error_years * result.total.error_years +
             result.total.error_draws * result.total.error_draws));
    rd_buf_release(&yaml);
    rd_pool_free(run.pool);
    rd_arena_release(&arena);
    return 0;
}
