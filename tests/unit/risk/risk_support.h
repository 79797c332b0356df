/* risk_support.h - a system from a few lines of YAML, records made by hand, and a simulation of
 * both. */
#ifndef RD_TESTS_RISK_SUPPORT_H
#define RD_TESTS_RISK_SUPPORT_H

#include "support.h"

#include "base/buf.h"
#include "risk/risk.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Scenarios in `risk`; one model of one element, a thief who queries and an insider who holds the
 * file. */
#define SYSTEM(assets, actors, controls, risk)                                                     \
    "version: 1\nname: T\ncurrency: USD\n"                                                         \
    "boundaries: [{id: net, name: Net}]\n"                                                         \
    "elements: [{id: api, type: inference-api, boundary: net}]\n"                                  \
    "assets: [" assets "]\n"                                                                       \
    "actors:\n" actors                                                                             \
    "artifacts: [{id: classifier, of: api, kind: model, path: m.onnx, price_per_1000_queries: "    \
    "1}]\n"                                                                                        \
    "controls: [" controls "]\n"                                                                   \
    "risk:\n" risk
#define INSIDER "  - {id: insider, access: [files], data: none}\n"
#define EVASION(attempts, objects, when, magnitude)                                                \
    "  scenarios:\n    - {id: fool, threat: evasion@api, actor: insider, manipulation: digital, "  \
    "attempts_per_year: " attempts ", objects: " objects                                           \
    ", queries_per_object: 40, loss_when: \"" when "\", magnitude: \"" magnitude "\""

static const struct rd_attack pgd_like = { .abi = RD_ATTACK_ABI, .kind = RD_EVADE, .name = "pgd" };
static const struct rd_attack fgsm_like = {
    .abi = RD_ATTACK_ABI, .kind = RD_EVADE, .name = "fgsm"
};
static const struct rd_attack copycat_like = {
    .abi = RD_ATTACK_ABI, .kind = RD_EXTRACT, .name = "copycat"
};

enum { TESTS = 4, RETESTS = 4 };
struct fixture {
    struct rd_arena arena;
    struct rd_error err;
    struct rd_system *system;
    struct rd_threat threat[TESTS];
    struct rd_bound_test bound[TESTS];
    struct rd_tested tested[TESTS];
    struct rd_retest retest[TESTS][RETESTS];
    struct rd_threats threats;
    struct rd_campaign campaign;
    struct rd_risk_result result;
    struct rd_run run;
};

static inline void close_to(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("got %.12g, want %.12g +- %.3g", got, want, tolerance);
}

static inline void start(struct fixture *f, const char *yaml)
{
    const struct rd_system_options options = { .allow_outside = true };
    struct rd_problems problems = { 0 };

    memset(f, 0, sizeof *f);
    if (rd_system_parse(
            "t.yaml", ".", yaml, strlen(yaml), &options, &f->arena, &f->system, &problems, &f->err))
        fail_msg("%s\n%s", problems.n ? problems.item[0].text : "", f->err.frame[0].text);
    f->campaign =
        (struct rd_campaign){ .system = f->system, .threats = &f->threats, .tested = f->tested };
    f->run = (struct rd_run){ .scratch = &f->arena, .err = &f->err, .seed = 7 };
}

static inline void stop(struct fixture *f)
{
    rd_arena_release(&f->arena);
}

/* n trials, the first k succeed after `queries`. */
static inline struct rd_record *evaded(struct fixture *f, size_t n, size_t k, double queries)
{
    struct rd_record *r = RD_NEW(&f->arena, struct rd_record);
    struct rd_trial *t = RD_NEW_ARRAY(&f->arena, struct rd_trial, n);

    for (size_t i = 0; i < n; i++)
        t[i] = (struct rd_trial){ i < k, i < k ? queries : NAN, NAN, NAN };
    *r = (struct rd_record){ .attack = "pgd",
        .unit = "example",
        .n = n,
        .successes = k,
        .access = RD_ACCESS_GRADIENTS | RD_ACCESS_SCORES | RD_ACCESS_LABELS,
        .trials = t,
        .n_trials = n,
        .interval = { (double)k / (double)n, 0, 1 } };
    return r;
}

/* Runs whose utility, fidelity and kappa all go through (x[i], y[run][i]). */
static inline struct rd_record *stolen(
    struct fixture *f, size_t runs, size_t points, const double *x, const double *y)
{
    static const char *const metric[] = { "utility", "fidelity", "kappa" };
    struct rd_record *r = RD_NEW(&f->arena, struct rd_record);
    struct rd_trial *t = RD_NEW_ARRAY(&f->arena, struct rd_trial, runs);
    struct rd_trace *trace = RD_NEW_ARRAY(&f->arena, struct rd_trace, 3 * runs);
    double sum = 0;

    for (size_t i = 0; i < runs; i++) {
        const double last = y[i * points + points - 1];

        t[i] = (struct rd_trial){ last >= 0.9, x[points - 1], NAN, last };
        sum += last;
        for (size_t m = 0; m < 3; m++)
            trace[3 * i + m] = (struct rd_trace){ i, metric[m], points, x, y + i * points };
    }
    *r = (struct rd_record){ .attack = "copycat",
        .unit = "run",
        .n = runs,
        .access = RD_ACCESS_LABELS,
        .trials = t,
        .n_trials = runs,
        .traces = trace,
        .n_traces = 3 * runs,
        .interval = { sum / (double)runs, 0, 1 } };
    return r;
}

/* One more test of this threat; its index. */
static inline size_t add_test(
    struct fixture *f, const char *threat, const struct rd_attack *attack, struct rd_record *record)
{
    const size_t i = f->campaign.n_tested++;

    f->threat[i] = (struct rd_threat){ .id = threat, .element = 0, .flow = RD_NONE };
    f->bound[i] = (struct rd_bound_test){ .id = rd_arena_printf(&f->arena, "test-%zu", i),
        .threat = &f->threat[i],
        .attack = attack,
        .actor = RD_NONE,
        .eval = RD_NONE,
        .pool = RD_NONE };
    f->tested[i] =
        (struct rd_tested){ .test = &f->bound[i], .record = record, .retests = f->retest[i] };
    return i;
}

static inline void add_retest(struct fixture *f, size_t test, int control,
    const struct rd_record *without, const struct rd_record *with)
{
    f->retest[test][f->tested[test].n_retests++] = (struct rd_retest){ .control = control,
        .without = without,
        .plain = with,
        .worse = with,
        .adaptive = "not adaptively tested",
        .utility_before = 0.95,
        .utility_after = 0.94 };
}

static inline void simulate(struct fixture *f, size_t outer, size_t years)
{
    const struct rd_risk_options options = { .outer = outer, .years = years };

    if (rd_risk_simulate(&f->run, &f->campaign, &options, &f->arena, &f->result))
        fail_msg("%s", f->err.frame[0].text);
}

#endif
