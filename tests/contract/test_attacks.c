/*
 * test_attacks.c - what every attack of the registry promises, tried on a model that can be solved
 * by hand. A new attack needs no line here: the loops find it.
 */
#include "support.h"

#include "attacks/harness.h"
#include "data/clicks.h"
#include "fake_target.h"
#include "target/recipe.h"
#include "target/recommender.h"

#include "base/alloc.h"
#include "base/file.h"
#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 24, POOL = 300, OPTIONS_MAX = 4096 };

/* Those of a recipe: victims are trained, no target is asked. */
static bool trains_victims(const struct rd_attack *a)
{
    return a->kind == RD_POISON || a->kind == RD_INFER;
}

/* --- one trial of any attack on the linear target --- */

struct stage {
    struct fake_target fake;
    float x[N * FAKE_INPUTS], pool_x[POOL * FAKE_INPUTS];
    int label[N], pool_label[POOL];
    struct rd_dataset eval, pool;
    float eval_x[POOL * FAKE_INPUTS]; /* of a recipe: not at the boundary */
    int eval_label[POOL];
    struct rd_recipe recipe;
    struct rd_graph *graph;
    struct rd_clicks clicks; /* of a recommender's users */
    struct rd_recommender recommender;
    _Alignas(64) unsigned char options[OPTIONS_MAX];
    struct rd_arena arena;
    struct rd_error err;
    struct rd_run run;
    struct rd_trial_request q;
    struct rd_record record;
};

static void set_if_there(
    const struct rd_attack *a, void *options, const char *name, const char *value)
{
    if (rd_option_find(a->options, name))
        assert_int_equal(rd_options_set(a->options, options, name, value, NULL), RD_OK);
}

static void random_points(
    const struct fake_target *f, const char *stream, float *x, int *label, struct rd_dataset *d)
{
    struct rd_rng r = rd_rng_stream(5, stream, 0);

    for (size_t i = 0; i < POOL; i++) {
        for (size_t k = 0; k < FAKE_INPUTS; k++)
            x[i * FAKE_INPUTS + k] = rd_rng_unit_float(&r);
        label[i] = fake_margin(f, x + i * FAKE_INPUTS) > 0;
    }
    *d = (struct rd_dataset){ .n = POOL,
        .ndim = 1,
        .dim = { FAKE_INPUTS },
        .width = FAKE_INPUTS,
        .x = x,
        .label = label,
        .classes = 2,
        .high = 1,
        .digest = "22" };
}

/* A line in four dimensions, from 300 points of either side; no target. */
static void stage_recipe(struct stage *s)
{
    static const struct rd_graph_spec layers[] = { { RD_LAYER_DENSE, 2, 0, 0, 0 },
        { RD_LAYER_END, 0, 0, 0, 0 } };
    const int64_t dim[] = { FAKE_INPUTS };

    assert_int_equal(rd_graph_build(layers, dim, 1, &s->arena, &s->graph, NULL), RD_OK);
    random_points(&s->fake, "eval", s->eval_x, s->eval_label, &s->eval);
    s->recipe = (struct rd_recipe){ .graph = s->graph, .data = &s->pool, .how = rd_train_default };
    s->recipe.how.lr = 0.1;
    s->recipe.how.batch = 20;
    s->recipe.how.epochs = 4;
    assert_int_equal(rd_recipe_digest(&s->recipe, NULL), RD_OK);
    /* A feature that can be guessed takes few values. */
    for (size_t i = 0; rd_option_find(s->q.attack->options, "feature") && i < POOL; i++)
        s->pool_x[i * FAKE_INPUTS] = rintf(s->pool_x[i * FAKE_INPUTS]);
    s->q.recipe = &s->recipe;
    s->q.target = NULL;
}

/* Sixty users of thirty things. */
static void stage_clicks(struct stage *s)
{
    const struct rd_clicks_shape shape = { .users = 60, .items = 30, .per_user = 9 };

    assert_int_equal(rd_clicks_generate(&shape, 1, &s->arena, &s->clicks, NULL), RD_OK);
    s->q.clicks = &s->clicks;
    s->q.recommender = &s->recommender;
    s->q.target = NULL;
    set_if_there(s->q.attack, s->options, "accounts", "4");
    set_if_there(s->q.attack, s->options, "clicks", "5");
    set_if_there(s->q.attack, s->options, "k", "5");
}

/* Points at Linf distances 0.01 .. 0.12; the target gives what the attack needs and not more. */
static void stage_set(struct stage *s, const struct rd_attack *a, struct rd_pool *pool)
{
    unsigned needs;

    memset(s, 0, sizeof *s);
    assert_true(a->options_size <= OPTIONS_MAX);
    assert_int_equal(rd_options_reset(a->options, s->options, NULL), RD_OK);
    set_if_there(a, s->options, "eps", "0.1");
    set_if_there(a, s->options, "queries", "200");
    set_if_there(a, s->options, "epochs", "6");
    set_if_there(a, s->options, "feature", "1");
    set_if_there(a, s->options, "shadows", "6");
    needs = rd_attack_needs(a, s->options);
    fake_target_init(&s->fake, needs);
    if (!(needs & RD_ACCESS_LABELS) && a->kind == RD_EXTRACT)
        s->fake.target.access |= RD_ACCESS_LABELS;
    fake_points(&s->fake, 0.01, N, s->x, s->label, &s->eval);
    random_points(&s->fake, "pool", s->pool_x, s->pool_label, &s->pool);
    s->run = (struct rd_run){ .err = &s->err, .seed = 11, .pool = pool, .scratch = &s->arena };
    s->q = (struct rd_trial_request){ .attack = a,
        .options = s->options,
        .target = &s->fake.target,
        .eval = &s->eval,
        .pool = a->kind == RD_EXTRACT ? &s->pool : NULL,
        .criterion = NAN,
        .stated_accuracy = NAN };
    if (a->inject)
        stage_clicks(s);
    else if (trains_victims(a))
        stage_recipe(s);
}

static rd_status stage_go(struct stage *s)
{
    const rd_status st = rd_harness_run(&s->run, &s->q, &s->arena, &s->record);

    for (int i = 0; st && st != RD_E_MEMORY && st != RD_E_CANCELED && i < s->err.frames; i++)
        print_message("  %s\n", s->err.frame[i].text);
    return st;
}

static void stage_clear(struct stage *s)
{
    rd_arena_release(&s->arena);
}

static void record_bytes(const struct stage *s, struct rd_buf *out)
{
    struct rd_json j = { .out = out };

    rd_record_write(&s->record, &j);
    assert_false(out->failed);
    rd_json_release(&j);
}

/* --- the promises --- */

static void has_a_complete_descriptor(void **state)
{
    const struct rd_attack *a = *state;

    assert_int_equal(a->abi, RD_ATTACK_ABI);
    assert_true(a->version >= 1);
    assert_true(a->name && a->name[0] && a->summary && a->summary[0]);
    assert_true(strlen(a->summary) <= 72);
    assert_true(a->source && strlen(a->source) > 8);
    assert_true(a->atlas && !strncmp(a->atlas, "AML.T", 5));
    assert_true(a->access != 0);
    assert_int_equal(a->evade != NULL, a->kind == RD_EVADE);
    assert_int_equal(a->extract != NULL, a->kind == RD_EXTRACT);
    assert_int_equal(a->poison || a->inject, a->kind == RD_POISON);
    assert_false(a->poison && a->inject);
    assert_int_equal(a->infer != NULL, a->kind == RD_INFER);
    assert_int_equal(a->norms != 0, a->kind == RD_EVADE);
    assert_non_null(a->cost);
    assert_ptr_equal(rd_attack_find(a->name), a);
    if (a->kind == RD_EVADE) /* the harness reads the radius from it */
        assert_non_null(rd_option_find(a->options, "eps"));
}

/* One word for one thing: docs/vocabulary.md lists the option names. */
static void speaks_the_vocabulary(void **state)
{
    const struct rd_attack *a = *state;
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_bytes text;
    char row[80];

    assert_int_equal(rd_file_read("docs/vocabulary.md", 1 << 20, &arena, &text, NULL), RD_OK);
    for (const struct rd_option *o = a->options; o->type != RD_OPT_END; o++) {
        (void)snprintf(row, sizeof row, "| `%s` |", o->name);
        if (!strstr((const char *)text.data, row))
            fail_msg("%s: option '%s' is not in docs/vocabulary.md", a->name, o->name);
        assert_true(o->help && o->help[0] && o->help[strlen(o->help) - 1] != '.');
        for (const char *p = o->name; *p; p++)
            assert_true((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-');
    }
    rd_arena_release(&arena);
}

static void presets_are_legal_and_runs(void **state)
{
    static struct stage s;

    stage_set(&s, *state, NULL);
    assert_int_equal(stage_go(&s), RD_OK);
    assert_true(s.record.n > 0);
    assert_true(s.record.rows_total >= s.record.queries);
    if (s.q.target)
        assert_int_equal(s.record.rows_total, s.fake.rows); /* every row is accounted for */
    else
        assert_int_equal(s.fake.rows, 0);
    if (s.q.target)
        assert_true(s.record.gradients <= s.fake.gradients);
    assert_true(s.record.n_settings > 0);
    stage_clear(&s);
}

/* Same seed: same bytes, whatever the threads and the batches. Another seed may differ. */
static void same_seed_same_answer(void **state)
{
    static const size_t batches[] = { 0, 1, 5, N };
    static struct stage s;
    struct rd_pool *pool;
    struct rd_buf first = { 0 };

    assert_int_equal(rd_pool_new(2, &pool, NULL), RD_OK);
    for (size_t i = 0; i < 4; i++) {
        struct rd_buf again = { 0 };

        stage_set(&s, *state, i % 2 ? pool : NULL);
        s.q.batch = batches[i];
        s.q.curve_points = 3;
        /* Make it draw random numbers; few steps, so that not everything is decided without them.
         */
        set_if_there(*state, s.options, "random-start", "yes");
        set_if_there(*state, s.options, "restarts", "2");
        set_if_there(*state, s.options, "steps", "2");
        set_if_there(*state, s.options, "step-size", "0.01");
        assert_int_equal(stage_go(&s), RD_OK);
        record_bytes(&s, i ? &again : &first);
        if (i)
            assert_string_equal(rd_buf_text(&first), rd_buf_text(&again));
        rd_buf_release(&again);
        stage_clear(&s);
    }
    rd_buf_release(&first);
    rd_pool_free(pool);
}

static void stays_in_budget(void **state)
{
    const struct rd_attack *a = *state;
    static struct stage s;

    if (a->kind == RD_POISON)
        return;
    for (uint64_t each = 1; each <= 7; each += 3) {
        stage_set(&s, a, NULL);
        s.q.budget = a->kind == RD_EVADE ? each * N : each * 10;
        assert_int_equal(stage_go(&s), RD_OK);
        if (a->kind == RD_INFER) /* each victim by itself; what the harness asks is not counted */
            assert_true(s.record.queries <= s.record.n * s.q.budget);
        else
            assert_true(s.record.queries <= s.q.budget);
        assert_true(a->kind == RD_INFER || s.record.rows_total == s.fake.rows);
        stage_clear(&s);
    }
}

static void costs_no_more_than_it_says(void **state)
{
    const struct rd_attack *a = *state;
    struct rd_cost cost = { 0 };
    static struct stage s;
    double times;

    stage_set(&s, a, NULL);
    assert_int_equal(stage_go(&s), RD_OK);
    times = a->kind == RD_INFER ? (double)s.record.n : 1; /* said of one victim */
    a->cost(s.options, a->kind == RD_EVADE ? N : a->kind == RD_INFER ? 2 * POOL : POOL, &cost);
    assert_true((double)s.record.queries <= times * (cost.rows + cost.gradients));
    assert_true((double)s.record.gradients <= times * cost.gradients);
    assert_true(a->kind == RD_POISON ? !s.record.queries : s.record.queries > 0);
    stage_clear(&s);
}

static bool stop_now(void *user, const char *what, size_t done, size_t total)
{
    size_t *left = user;

    (void)done;
    (void)total;
    if (!strcmp(what, "clean accuracy"))
        return true;
    return *left ? (*left)-- > 0 : false;
}

static void stops_when_told(void **state)
{
    static struct stage s;

    for (size_t after = 0; after < 3; after++) {
        size_t left = after;

        stage_set(&s, *state, NULL);
        s.run.step = stop_now;
        s.run.user = &left;
        /* A single step of progress may already be the end. */
        const rd_status st = stage_go(&s);
        assert_true(st == RD_E_CANCELED || (after && st == RD_OK));
        stage_clear(&s);
    }
}

/* The optimum is known: exactly the points nearer than eps can fall. */
static void meets_the_known_optimum(void **state)
{
    const struct rd_attack *a = *state;
    static struct stage s;

    if (trains_victims(a))
        return;
    if (a->kind == RD_EXTRACT) { /* a line in four dimensions is easily copied */
        stage_set(&s, a, NULL);
        assert_int_equal(stage_go(&s), RD_OK);
        assert_true(rd_record_metric(&s.record, "fidelity")->v.value >= 0.75);
        stage_clear(&s);
        return;
    }
    for (unsigned norm = RD_L2; norm <= RD_LINF; norm <<= 1) {
        const double to_l2 = 4 / sqrt(5.5); /* ||w||_1 / ||w||_2 of the fake's weights */

        if (!(a->norms & norm))
            continue;
        for (int above = 0; above < 2; above++) {
            /*
             * In L2 the angle to the best direction shrinks by eps / (eps + step) = 1 / 1.06 a
             * step: 40 steps from a right angle leave 0.15 rad, so 1.1 % of the radius is lost.
             */
            const double eps = (above ? 0.0615 : 0.0585) * (norm == RD_L2 ? to_l2 : 1);
            char text[32];

            stage_set(&s, a, NULL);
            (void)snprintf(text, sizeof text, "%.9f", eps);
            set_if_there(a, s.options, "eps", text);
            if (a->minimizes) /* from labels alone it takes longer */
                set_if_there(a, s.options, "queries", "3000");
            s.q.norm = (enum rd_norm)norm;
            assert_int_equal(stage_go(&s), RD_OK);
            /* distances 0.01 .. 0.05, or .. 0.06: two points each */
            assert_int_equal(s.record.successes, above ? 12 : 10);
            stage_clear(&s);
        }
    }
}

static void is_never_worse_than_doing_nothing(void **state)
{
    const struct rd_attack *a = *state;
    static struct stage s;

    if (a->kind != RD_EVADE)
        return;
    stage_set(&s, a, NULL);
    s.label[20] = !s.label[20];
    s.label[23] = !s.label[23];
    set_if_there(a, s.options, "eps", a->minimizes ? "1e-9" : "0");
    assert_int_equal(stage_go(&s), RD_OK);
    assert_int_equal(s.record.successes, 2);
    stage_clear(&s);
}

static void survives_each_failed_allocation(void **state)
{
    const struct rd_attack *a = *state;
    static struct stage s;
    rd_status st = RD_E_MEMORY;
    size_t nth, step = 1;

    for (nth = 1; st; nth += step) {
        const size_t live = rd_alloc_live();

        assert_true(nth < 2000000);
        stage_set(&s, a, NULL);
        set_if_there(a, s.options, "epochs", "1");
        set_if_there(a, s.options, "queries", "20");
        set_if_there(a, s.options, "steps", "3");
        if (a->kind == RD_POISON) {
            s.q.runs = 2;
            s.pool.n = 60;
        }
        rd_alloc_fail_at(nth);
        st = rd_harness_run(&s.run, &s.q, &s.arena, &s.record);
        rd_alloc_fail_at(0);
        assert_true(st == RD_OK || st == RD_E_MEMORY);
        stage_clear(&s);
        assert_int_equal(rd_alloc_live(), live);
        if (nth > 400) /* deep in training: sample, or this takes minutes */
            step = 1 + nth / 40;
    }
    assert_true(nth > 5);
}

/* A theft needs at least three runs for a verdict, and a baseline only where labels are owned. */
static void a_theft_is_judged_over_runs(void **state)
{
    const struct rd_attack *a = *state;
    static struct stage s;
    const struct rd_metric *m;
    double k, k0;

    if (a->kind != RD_EXTRACT)
        return;
    stage_set(&s, a, NULL);
    assert_int_equal(stage_go(&s), RD_OK);
    assert_int_equal(s.record.outcome, RD_OUTCOME_INCONCLUSIVE);
    assert_string_equal(s.record.outcome_reason, "between-run variance unknown (1 run)");
    assert_true(isnan(s.record.interval.low));
    m = rd_record_metric(&s.record, "baseline_fidelity");
    assert_true(isnan(m->v.value) && m->reason);
    stage_clear(&s);

    /* Utility is the share of the gap closed between the baseline and perfect agreement. */
    stage_set(&s, a, NULL);
    s.q.pool_is_labeled = true;
    set_if_there(a, s.options, "queries", "40");
    for (size_t i = 0; i < POOL; i += 5) /* owned labels that are often wrong: a poor baseline */
        s.pool_label[i] = !s.pool_label[i];
    assert_int_equal(stage_go(&s), RD_OK);
    k = rd_record_metric(&s.record, "kappa")->v.value;
    k0 = fmax(0, rd_record_metric(&s.record, "baseline_kappa")->v.value);
    assert_true(k0 > 0 && k0 < 1);
    assert_true(fabs(rd_record_metric(&s.record, "utility")->v.value -
                     (k0 < 1 ? fmax(0, (k - k0) / (1 - k0)) : 0)) < 1e-12);
    assert_int_equal(s.record.traces[0].x[0], 0); /* from no query and no utility on */
    assert_true(s.record.traces[0].y[0] == 0);
    stage_clear(&s);

    stage_set(&s, a, NULL);
    s.q.runs = 3;
    s.q.pool_is_labeled = true;
    assert_int_equal(stage_go(&s), RD_OK);
    assert_int_equal(s.record.n, 3);
    assert_false(isnan(s.record.interval.low));
    assert_null(s.record.outcome_reason);
    m = rd_record_metric(&s.record, "baseline_fidelity");
    assert_false(isnan(m->v.value));
    assert_int_equal(s.record.n_traces, 9);
    for (size_t i = 0; i < s.record.n_traces; i++)
        for (size_t j = 1; j < s.record.traces[i].n; j++)
            assert_true(s.record.traces[i].x[j] > s.record.traces[i].x[j - 1]);
    stage_clear(&s);
}

static void a_leak_is_refused(void **state)
{
    const struct rd_attack *a = *state;
    static struct stage s;

    if (a->poison) {
        stage_set(&s, a, NULL);
        memcpy(
            s.pool_x + 17 * FAKE_INPUTS, s.eval_x + 5 * FAKE_INPUTS, FAKE_INPUTS * sizeof(float));
        assert_int_equal(rd_harness_run(&s.run, &s.q, &s.arena, &s.record), RD_E_INPUT);
        assert_non_null(
            strstr(s.err.frame[0].text, "row 5 of the evaluation data is also in the training"));
        stage_clear(&s);
    }
    if (a->kind != RD_EXTRACT)
        return;
    stage_set(&s, a, NULL);
    memcpy(s.pool_x + 17 * FAKE_INPUTS, s.x + 5 * FAKE_INPUTS, FAKE_INPUTS * sizeof(float));
    assert_int_equal(rd_harness_run(&s.run, &s.q, &s.arena, &s.record), RD_E_INPUT);
    assert_non_null(
        strstr(s.err.frame[0].text, "row 5 of the evaluation data is also in the pool"));
    stage_clear(&s);
}

/* Share and count say the same; both are kept; below three victims there is no verdict. */
static void a_poison_keeps_its_budget(void **state)
{
    const struct rd_attack *a = *state;
    static struct stage s;

    if (!a->poison)
        return;
    for (size_t rows = 3; rows <= 60; rows += 57) {
        double count, clean, control, drop;
        char text[16];

        stage_set(&s, a, NULL);
        (void)snprintf(text, sizeof text, "%zu", rows);
        if (rows == 60)
            assert_int_equal(rd_options_set(a->options, s.options, "rate", "0.2", NULL), RD_OK);
        else
            assert_int_equal(rd_options_set(a->options, s.options, "count", text, NULL), RD_OK);
        s.q.runs = rows == 60 ? 3 : 2;
        assert_int_equal(stage_go(&s), RD_OK);
        assert_string_equal(s.record.unit, "run");
        assert_int_equal(s.record.n, s.q.runs);
        count = rd_record_metric(&s.record, "poisoned_count")->v.value;
        assert_true(count > 0 && count <= (double)rows);
        assert_true(
            fabs(rd_record_metric(&s.record, "poisoned_share")->v.value - count / POOL) < 1e-12);
        clean = rd_record_metric(&s.record, "clean_accuracy")->v.value;
        control = rd_record_metric(&s.record, "clean_accuracy_control")->v.value;
        drop = rd_record_metric(&s.record, "accuracy_drop")->v.value;
        assert_true(control > 0.9 && fabs(control - clean - drop) < 1e-12);
        assert_int_equal(rows == 60, !isnan(s.record.interval.low));
        if (rows != 60) {
            assert_int_equal(s.record.outcome, RD_OUTCOME_INCONCLUSIVE);
            assert_string_equal(s.record.outcome_reason, "between-run variance unknown (2 runs)");
        }
        stage_clear(&s);
    }
}

/* Four rates and what was asked for, and each run's own path, from no poisoned row on. */
static void a_poison_has_a_curve(void **state)
{
    const struct rd_attack *a = *state;
    static struct stage s;

    if (!a->poison)
        return;
    stage_set(&s, a, NULL);
    set_if_there(a, s.options, "rate", "0.05");
    s.q.runs = 3;
    s.q.curve_points = 2;
    assert_int_equal(stage_go(&s), RD_OK);
    assert_true(s.record.n_curves > 0 && s.record.n_traces > 0);
    for (size_t i = 0; i < s.record.n_curves; i++) {
        const struct rd_curve *c = &s.record.curves[i];
        const double want[] = { 0, 2, 3, 9, 15, 30 }; /* of 300: nothing, .5, 1, 3, 5, 10 % */

        assert_string_equal(c->budget, "poisoned");
        assert_int_equal(c->n, 6);
        for (size_t k = 0; k < c->n; k++)
            assert_true(c->x[k] == want[k]);
    }
    for (size_t i = 0; i < s.record.n_traces; i++) {
        assert_int_equal(s.record.traces[i].n, 6);
        assert_true(s.record.traces[i].x[0] == 0 && s.record.traces[i].x[5] == 30);
    }
    stage_clear(&s);
}

static const struct {
    const char *name;
    void (*check)(void **state);
} promises[] = {
    { "has a complete descriptor", has_a_complete_descriptor },
    { "speaks the vocabulary", speaks_the_vocabulary },
    { "presets are legal and run", presets_are_legal_and_runs },
    { "same seed, same answer", same_seed_same_answer },
    { "stays in budget", stays_in_budget },
    { "costs no more than it says", costs_no_more_than_it_says },
    { "stops when told", stops_when_told },
    { "meets the known optimum", meets_the_known_optimum },
    { "is never worse than doing nothing", is_never_worse_than_doing_nothing },
    { "survives each failed allocation", survives_each_failed_allocation },
    { "a theft is judged over runs", a_theft_is_judged_over_runs },
    { "a leak is refused", a_leak_is_refused },
    { "a poison keeps its budget", a_poison_keeps_its_budget },
    { "a poison has a curve", a_poison_has_a_curve },
};
enum { N_PROMISES = sizeof promises / sizeof *promises, TESTS_MAX = 100 * N_PROMISES };

int main(void)
{
    static struct CMUnitTest tests[TESTS_MAX];
    static char names[TESTS_MAX][80];
    size_t n = 0;

    for (const struct rd_attack *const *a = rd_attacks; *a; a++)
        for (size_t p = 0; p < N_PROMISES && n < TESTS_MAX; p++, n++) {
            (void)snprintf(names[n], sizeof names[n], "%s: %s", (*a)->name, promises[p].name);
            tests[n] = (struct CMUnitTest){ names[n], promises[p].check, NULL, NULL,
                (void *)(uintptr_t)*a };
        }
    return _cmocka_run_group_tests("attacks", tests, n, NULL, NULL);
}
