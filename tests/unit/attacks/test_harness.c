#include "support.h"

#include "attacks/harness.h"
#include "attacks/job.h"
#include "fake_target.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

enum { N = 40 };

/* Points at Linf distances 0.01, 0.02, ... 0.20 from the boundary, two of each, one of each class.
 */
struct setting {
    struct fake_target fake;
    float x[N * FAKE_INPUTS];
    int label[N];
    struct rd_dataset eval;
    struct rd_arena arena;
    struct rd_error err;
    struct rd_run run;
    struct rd_trial_request q;
    struct rd_record record;
};

struct eps_only {
    double eps;
};
static const struct rd_option eps_table[] = {
    RD_REAL(struct eps_only, eps, "eps", "0.1", 0, 1, "input units", "radius"),
    RD_OPTION_END,
};
static const struct eps_only eps_tenth = { 0.1000001 };

static void set_up(struct setting *s, const struct rd_attack *attack, unsigned access)
{
    memset(s, 0, sizeof *s);
    fake_target_init(&s->fake, access);
    fake_points(&s->fake, 0.01, N, s->x, s->label, &s->eval);
    s->run = (struct rd_run){ .err = &s->err, .seed = 7 };
    s->run.scratch = &s->arena;
    s->q = (struct rd_trial_request){ .attack = attack,
        .options = &eps_tenth,
        .target = &s->fake.target,
        .eval = &s->eval,
        .norm = RD_LINF,
        .criterion = NAN,
        .stated_accuracy = NAN };
}

static rd_status go(struct setting *s)
{
    return rd_harness_run(&s->run, &s->q, &s->arena, &s->record);
}

static void tear_down(struct setting *s)
{
    rd_arena_release(&s->arena);
}

#define ATTACK(fn, needs)                                                                          \
    {                                                                                              \
        .abi = RD_ATTACK_ABI, .kind = RD_EVADE, .name = "test", .version = 1, .summary = "",       \
        .source = "", .atlas = "", .access = (needs), .norms = RD_LINF | RD_L2,                    \
        .options = eps_table, .options_size = sizeof(struct eps_only), .evade = (fn)               \
    }

/* --- cheats --- */

static rd_status leaves_ball(struct rd_run *run, const struct rd_oracle *oracle,
    const void *options, struct rd_evade_job *job)
{
    (void)run;
    (void)options;
    assert_null(oracle->scores);
    assert_null(oracle->vjp);
    assert_null(oracle->loss_gradient);
    for (size_t i = 0; i < job->n; i++) /* toward the other class, as far as floats go */
        for (size_t k = 0; k < FAKE_INPUTS; k++)
            job->x_adv[i * FAKE_INPUTS + k] = (job->label[i] ? -1e6f : 1e6f) * (k == 1 ? -1 : 1);
    return RD_OK;
}

static void cannot_win_by_leaving_the_ball(void **state)
{
    static const struct rd_attack attack = ATTACK(leaves_ball, RD_ACCESS_LABELS);
    static struct setting s;
    const struct rd_metric *m;

    (void)state;
    set_up(&s, &attack, RD_ACCESS_LABELS | RD_ACCESS_SCORES | RD_ACCESS_GRADIENTS);
    assert_int_equal(go(&s), RD_OK);
    /* Clipped to 0.1 it is the best there is: distances 0.01 .. 0.10 fall, those above stand. */
    assert_int_equal(s.record.n, N);
    assert_int_equal(s.record.successes, 20);
    assert_int_equal(s.record.queries, 0);
    assert_int_equal(s.record.outcome, RD_OUTCOME_INCONCLUSIVE); /* 20 of 40 against 0.5 */
    m = rd_record_metric(&s.record, "proposals_clipped");
    assert_true(m && m->v.value == N);
    m = rd_record_metric(&s.record, "median_distance");
    assert_true(m->v.value <= 0.1000001 && m->v.value > 0.0999);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(s.record.trials[i].success, i < 20);
    tear_down(&s);
}

static rd_status proposes_nan(struct rd_run *run, const struct rd_oracle *oracle,
    const void *options, struct rd_evade_job *job)
{
    (void)run;
    (void)oracle;
    (void)options;
    for (size_t i = 0; i < job->n; i++)
        job->x_adv[i * FAKE_INPUTS + i % FAKE_INPUTS] = i % 2 ? NAN : INFINITY;
    return RD_OK;
}

static void cannot_win_with_nan(void **state)
{
    static const struct rd_attack attack = ATTACK(proposes_nan, RD_ACCESS_LABELS);
    static struct setting s;

    (void)state;
    set_up(&s, &attack, RD_ACCESS_LABELS);
    assert_int_equal(go(&s), RD_OK);
    assert_int_equal(s.record.successes, 0);
    assert_int_equal(s.record.outcome, RD_OUTCOME_NOT_DEMONSTRATED);
    assert_true(rd_record_metric(&s.record, "proposals_refused")->v.value == N);
    assert_false(s.fake.asked_nan); /* the target never sees it */
    tear_down(&s);
}

static rd_status asks_nan(struct rd_run *run, const struct rd_oracle *oracle, const void *options,
    struct rd_evade_job *job)
{
    float x[FAKE_INPUTS] = { 0, NAN, 0, 0 };
    const struct rd_rows rows = { .x = x, .n = 1 };
    int label;

    (void)options;
    (void)job;
    return oracle->labels(oracle->self, &rows, &label, run->err);
}

static void cannot_ask_about_nan(void **state)
{
    static const struct rd_attack attack = ATTACK(asks_nan, RD_ACCESS_LABELS);
    static struct setting s;

    (void)state;
    set_up(&s, &attack, RD_ACCESS_LABELS);
    assert_int_equal(go(&s), RD_E_BUG);
    assert_non_null(strstr(s.err.frame[0].text, "NaN"));
    assert_false(s.fake.asked_nan);
    tear_down(&s);
}

static rd_status asks_without_end(struct rd_run *run, const struct rd_oracle *oracle,
    const void *options, struct rd_evade_job *job)
{
    const struct rd_rows rows = { .x = job->x, .n = job->n };
    int label[N];
    rd_status st = RD_OK;

    (void)options;
    while (!st)
        st = oracle->labels(oracle->self, &rows, label, run->err);
    assert_int_equal(st, RD_E_LIMIT);
    return st;
}

static void never_passes_the_budget(void **state)
{
    static const struct rd_attack attack = ATTACK(asks_without_end, RD_ACCESS_LABELS);
    static struct setting s;

    (void)state;
    set_up(&s, &attack, RD_ACCESS_LABELS);
    s.q.budget = 3 * N + 17;         /* 3 rows an example; the rest cannot be shared equally */
    assert_int_equal(go(&s), RD_OK); /* running dry is no error: judged by what there is */
    assert_int_equal(s.record.queries, 3 * N);
    assert_int_equal(s.err.frames, 0);
    /* gate N, attack 3 N, judging N, and the look at the scores is not possible: labels only */
    assert_int_equal(s.record.rows_total, 5 * N);
    assert_int_equal(s.fake.rows, 5 * N);
    tear_down(&s);
}

static rd_status spends_on_one(struct rd_run *run, const struct rd_oracle *oracle,
    const void *options, struct rd_evade_job *job)
{
    const size_t who[4] = { 0, 0, 0, 0 };
    float x[4 * FAKE_INPUTS];
    struct rd_rows rows = { .x = x, .n = 4, .who = who };
    int label[4];
    rd_status st;

    (void)options;
    for (size_t i = 0; i < 4; i++)
        memcpy(x + i * FAKE_INPUTS, job->x, FAKE_INPUTS * sizeof *x);
    st = oracle->labels(oracle->self, &rows, label, run->err); /* 4 rows, 3 allowed */
    assert_int_equal(st, RD_E_LIMIT);
    rows.n = 3; /* nothing of the refused call was counted */
    st = oracle->labels(oracle->self, &rows, label, run->err);
    assert_int_equal(st, RD_OK);
    rows.n = 1;
    return oracle->labels(oracle->self, &rows, label, run->err);
}

static void budget_binds_each_example_and_each_call_whole(void **state)
{
    static const struct rd_attack attack = ATTACK(spends_on_one, RD_ACCESS_LABELS);
    static struct setting s;

    (void)state;
    set_up(&s, &attack, RD_ACCESS_LABELS);
    s.q.budget = 3 * N;
    assert_int_equal(go(&s), RD_OK);
    assert_int_equal(s.record.queries, 3);
    assert_int_equal(s.fake.rows, 2 * N + 3); /* gate, judging, and the one call that fitted */
    s.q.budget = N - 1;
    assert_int_equal(go(&s), RD_E_USAGE); /* less than a row each */
    tear_down(&s);
}

/* Finds an adversarial row while asking, then hands in the original. */
static rd_status forgets(struct rd_run *run, const struct rd_oracle *oracle, const void *options,
    struct rd_evade_job *job)
{
    float x[FAKE_INPUTS];
    const size_t who = 4;
    const struct rd_rows rows = { .x = x, .n = 1, .who = &who };
    int label;
    rd_status st;

    (void)options;
    if (job->n <= who)
        return RD_OK;
    memcpy(x, job->x + who * FAKE_INPUTS, sizeof x);
    st = oracle->labels(oracle->self, &rows, &label, run->err);
    assert_int_equal(label, job->label[who]);
    x[1] += job->label[who] ? 0.09f : -0.09f;
    if (!st)
        st = oracle->labels(oracle->self, &rows, &label, run->err);
    assert_true(job->done[who]);
    return st;
}

static void a_success_that_was_seen_is_kept_and_asked_again(void **state)
{
    static const struct rd_attack attack = ATTACK(forgets, RD_ACCESS_LABELS);
    static struct setting s;

    (void)state;
    set_up(&s, &attack, RD_ACCESS_LABELS);
    assert_int_equal(go(&s), RD_OK);
    assert_int_equal(s.record.successes, 1);
    assert_true(s.record.trials[4].success);
    assert_true(s.record.trials[4].queries == 2); /* the second row did it */
    assert_true(fabs(s.record.trials[4].distance - 0.09) < 1e-6);
    assert_int_equal(s.record.rows_total, 2 * N + 2 + 1);
    tear_down(&s);
}

/* Answers wrongly once, to the attack, and rightly ever after. */
static size_t fickle_calls;

static rd_status fickle_labels(
    void *self, const float *x, size_t n, int *label, struct rd_error *err)
{
    const rd_status st = fake_labels(self, x, n, label, err);

    for (size_t i = 0; fickle_calls == 1 && i < n; i++) /* call 0 is the gate's */
        label[i] = !label[i];
    fickle_calls++;
    return st;
}

static rd_status asks_once(struct rd_run *run, const struct rd_oracle *oracle, const void *options,
    struct rd_evade_job *job)
{
    const struct rd_rows rows = { .x = job->x, .n = job->n };
    int label[N];
    const rd_status st = oracle->labels(oracle->self, &rows, label, run->err);

    (void)options;
    for (size_t i = 0; i < job->n; i++)
        assert_true(job->done[i]);
    return st;
}

static void a_success_that_does_not_repeat_is_none(void **state)
{
    static const struct rd_attack attack = ATTACK(asks_once, RD_ACCESS_LABELS);
    static struct setting s;

    (void)state;
    set_up(&s, &attack, RD_ACCESS_LABELS);
    s.fake.target.labels = fickle_labels;
    fickle_calls = 0;
    assert_int_equal(go(&s), RD_OK);
    assert_int_equal(s.record.successes, 0);
    tear_down(&s);
}

/* Asks about a misclassified row outside the ball: no success. */
static rd_status looks_outside(struct rd_run *run, const struct rd_oracle *oracle,
    const void *options, struct rd_evade_job *job)
{
    float x[FAKE_INPUTS];
    const struct rd_rows rows = { .x = x, .n = 1 };
    int label;
    rd_status st;

    (void)options;
    memcpy(x, job->x, sizeof x);
    x[1] += job->label[0] ? 0.3f : -0.3f;
    st = oracle->labels(oracle->self, &rows, &label, run->err);
    assert_int_not_equal(label, job->label[0]);
    assert_false(job->done[0]);
    return st;
}

static void a_success_outside_the_ball_is_none(void **state)
{
    static const struct rd_attack attack = ATTACK(looks_outside, RD_ACCESS_LABELS);
    static struct setting s;

    (void)state;
    set_up(&s, &attack, RD_ACCESS_LABELS);
    assert_int_equal(go(&s), RD_OK);
    assert_int_equal(s.record.successes, 0);
    tear_down(&s);
}

/* --- access --- */

static rd_status does_nothing(struct rd_run *run, const struct rd_oracle *oracle,
    const void *options, struct rd_evade_job *job)
{
    (void)run;
    (void)oracle;
    (void)options;
    (void)job;
    return RD_OK;
}

static void access_is_refused_where_actor_or_target_lacks_it(void **state)
{
    static const struct rd_attack attack = ATTACK(does_nothing, RD_ACCESS_GRADIENTS);
    static struct setting s;

    (void)state;
    set_up(&s, &attack, RD_ACCESS_LABELS);
    s.fake.target.no_gradients = "node 'round' (Round) has no gradient";
    assert_int_equal(go(&s), RD_E_USAGE);
    assert_non_null(strstr(s.err.frame[0].text, "needs gradients, which 'fake' does not give"));
    assert_non_null(strstr(s.err.hint, "Round"));

    set_up(&s, &attack, RD_ACCESS_LABELS | RD_ACCESS_GRADIENTS);
    s.q.actor_access = RD_ACCESS_LABELS | RD_ACCESS_SCORES;
    assert_int_equal(go(&s), RD_E_USAGE);
    assert_non_null(strstr(s.err.frame[0].text, "the actor does not hold"));
    s.q.actor_access = RD_ACCESS_FILES; /* implies gradients */
    assert_int_equal(go(&s), RD_OK);
    assert_int_equal(s.record.access, RD_ACCESS_GRADIENTS); /* what was needed, not what was held */
    tear_down(&s);
}

static void withheld_access_is_a_failure_when_a_control_is_tested(void **state)
{
    static const struct rd_attack attack = ATTACK(does_nothing, RD_ACCESS_SCORES);
    static struct setting s;

    (void)state;
    set_up(&s, &attack, RD_ACCESS_LABELS);
    s.q.withheld_is_failure = true;
    assert_int_equal(go(&s), RD_OK);
    assert_int_equal(s.record.successes, 0);
    assert_int_equal(s.record.outcome, RD_OUTCOME_NOT_DEMONSTRATED);
    assert_non_null(strstr(s.record.outcome_reason, "withholds"));
    assert_int_equal(s.record.queries, 0);
    tear_down(&s);
}

/* --- stopping, failing --- */

static bool stop_after_gate(void *user, const char *what, size_t done, size_t total)
{
    (void)user;
    (void)done;
    (void)total;
    return !strcmp(what, "clean accuracy");
}

static void stops_when_told(void **state)
{
    static struct setting s;
    const struct rd_attack *pgd = rd_attack_find("pgd");
    unsigned char options[256];

    (void)state;
    set_up(&s, pgd, RD_ACCESS_LABELS | RD_ACCESS_GRADIENTS);
    assert_int_equal(rd_options_reset(pgd->options, options, NULL), RD_OK);
    s.q.options = options;
    s.run.step = stop_after_gate;
    assert_int_equal(go(&s), RD_E_CANCELED);
    assert_int_equal(s.fake.gradients, 0);
    tear_down(&s);
}

static void the_two_criteria_decide_the_outcome(void **state)
{
    static const struct rd_attack attack = ATTACK(leaves_ball, RD_ACCESS_LABELS);
    static struct setting s;

    (void)state;
    set_up(&s, &attack, RD_ACCESS_LABELS);
    /* 20 of 40: Clopper-Pearson 0.338 .. 0.662 (R: binom.test(20, 40)) */
    s.q.criterion = 0.33;
    assert_int_equal(go(&s), RD_OK);
    assert_true(fabs(s.record.interval.low - 0.3380) < 1e-4);
    assert_true(fabs(s.record.interval.high - 0.6620) < 1e-4);
    assert_int_equal(s.record.outcome, RD_OUTCOME_DEMONSTRATED);
    s.q.criterion = 0.34;
    assert_int_equal(go(&s), RD_OK);
    assert_int_equal(s.record.outcome, RD_OUTCOME_INCONCLUSIVE);
    s.q.criterion = 0.67;
    assert_int_equal(go(&s), RD_OK);
    assert_int_equal(s.record.outcome, RD_OUTCOME_NOT_DEMONSTRATED);
    tear_down(&s);
}

static void the_security_curve_meets_the_known_distances(void **state)
{
    static const struct rd_attack attack = ATTACK(leaves_ball, RD_ACCESS_LABELS);
    static struct setting s;
    const struct rd_curve *c;

    (void)state;
    set_up(&s, &attack, RD_ACCESS_LABELS);
    s.q.curve_points = 4;
    assert_int_equal(go(&s), RD_OK);
    c = &s.record.curves[0];
    assert_string_equal(c->budget, "eps");
    assert_int_equal(c->n, 5);
    /* radii 0, 0.025, 0.05, 0.075, 0.1 reach distances up to 0, 0.02, 0.05, 0.07, 0.10: two points
     * each */
    assert_true(c->y[0].value == 0);
    assert_true(fabs(c->y[1].value - 4.0 / N) < 1e-12);
    assert_true(fabs(c->y[2].value - 10.0 / N) < 1e-12);
    assert_true(fabs(c->y[3].value - 14.0 / N) < 1e-12);
    assert_true(fabs(c->y[4].value - 20.0 / N) < 1e-12);
    assert_true(c->x[4] == eps_tenth.eps);
    assert_int_equal(s.record.queries, 0); /* the curve is not the attack's spending */
    tear_down(&s);
}

static void what_the_target_gets_wrong_by_itself_counts_and_is_not_attacked(void **state)
{
    static const struct rd_attack attack = ATTACK(does_nothing, RD_ACCESS_LABELS);
    static struct setting s;

    (void)state;
    set_up(&s, &attack, RD_ACCESS_LABELS);
    s.label[3] = !s.label[3];
    assert_int_equal(go(&s), RD_OK);
    assert_int_equal(s.record.successes, 1);
    assert_true(s.record.trials[3].success && s.record.trials[3].queries == 0);
    assert_true(s.record.trials[3].distance == 0);
    assert_true(rd_record_metric(&s.record, "robust_accuracy")->v.value == (N - 1.0) / N);
    assert_true(isnan(rd_record_metric(&s.record, "median_distance")->v.value));
    assert_non_null(rd_record_metric(&s.record, "median_distance")->reason);
    tear_down(&s);
}

static void survives_each_failed_allocation(void **state)
{
    static const struct rd_attack attack = ATTACK(leaves_ball, RD_ACCESS_LABELS);
    static struct setting s;
    rd_status st = RD_E_MEMORY;

    (void)state;
    for (size_t nth = 1; st; nth++) {
        const size_t live = rd_alloc_live();

        assert_true(nth < 500);
        set_up(&s, &attack, RD_ACCESS_LABELS);
        s.q.curve_points = 3;
        rd_alloc_fail_at(nth);
        st = go(&s);
        rd_alloc_fail_at(0);
        assert_true(st == RD_OK || st == RD_E_MEMORY);
        tear_down(&s);
        assert_int_equal(rd_alloc_live(), live);
    }
}

static void the_estimate_is_an_upper_bound_and_asks_little(void **state)
{
    static struct setting s;
    const struct rd_attack *pgd = rd_attack_find("pgd");
    unsigned char options[256];
    struct rd_estimate e;

    (void)state;
    set_up(&s, pgd, RD_ACCESS_LABELS | RD_ACCESS_GRADIENTS);
    assert_int_equal(rd_options_reset(pgd->options, options, NULL), RD_OK);
    assert_int_equal(rd_options_set(pgd->options, options, "restarts", "3", NULL), RD_OK);
    s.q.options = options;
    s.q.curve_points = 2;
    s.fake.target.price_per_1000 = 10;
    assert_int_equal(rd_harness_estimate(&s.run, &s.q, &e), RD_OK);
    assert_true(s.fake.rows <= 4 * N);
    /* gate 40; two radii of 3 x 40 steps and 2 looks on 40 examples; judging 2 x 40 */
    assert_int_equal(e.gradients, 2 * 120 * N);
    assert_int_equal(e.rows, N + 2 * 122 * N + 2 * N);
    assert_true(fabs(e.money - (double)e.rows / 100) < 1e-9);
    s.q.actor_access = RD_ACCESS_FILES; /* who has the file asks at home */
    assert_int_equal(rd_harness_estimate(&s.run, &s.q, &e), RD_OK);
    assert_true(e.money == 0);
    s.q.actor_access = 0;
    s.fake.rows = 0;
    assert_int_equal(go(&s), RD_OK);
    assert_true(s.record.rows_total <= e.rows);
    tear_down(&s);
}

/* --- a target that falls silent --- */

/* Answers so many calls, then none. */
struct silent {
    struct fake_target *fake;
    size_t calls, most;
    rd_status with;
};
static struct silent silent;

static rd_status silent_labels(
    void *self, const float *x, size_t n, int *label, struct rd_error *err)
{
    (void)self;
    if (silent.calls++ >= silent.most)
        return RD_FAIL(err, silent.with, "the wire was cut");
    return fake_labels(silent.fake, x, n, label, err);
}

/* Moves all examples of a batch by 0.01 at a time and asks each time. */
static rd_status creeps(struct rd_run *run, const struct rd_oracle *oracle, const void *options,
    struct rd_evade_job *job)
{
    rd_status st = RD_OK;

    (void)options;
    for (size_t step = 1; !st && step <= 5; step++) {
        int label[N];
        const struct rd_rows rows = { .x = job->x_adv, .n = job->n };

        for (size_t i = 0; i < job->n; i++)
            for (size_t k = 0; k < FAKE_INPUTS && !job->done[i]; k++)
                job->x_adv[i * FAKE_INPUTS + k] +=
                    (job->label[i] ? -0.0100001f : 0.0100001f) * (k == 1 ? -1 : 1);
        st = oracle->labels(oracle->self, &rows, label, run->err);
    }
    return st;
}

static void a_silent_target_decides_nothing(void **state)
{
    static const struct rd_attack attack = ATTACK(creeps, RD_ACCESS_LABELS);
    static struct setting s;
    const struct rd_metric *m;

    (void)state;
    for (int with = 0; with < 2; with++) {
        set_up(&s, &attack, RD_ACCESS_LABELS);
        s.q.batch = 20;
        s.q.curve_points = 4;
        /* The gate's call, the first batch's five and its judging, two of the second batch. */
        silent = (struct silent){ &s.fake, 0, 1 + 6 + 2, with ? RD_E_LIMIT : RD_E_IO };
        s.fake.target.labels = silent_labels;
        assert_int_equal(go(&s), RD_OK);
        /* The first batch stands at distances 0.01 .. 0.10: those to 0.05 fell. */
        assert_int_equal(s.record.n, N);
        assert_int_equal(s.record.successes, 10);
        assert_int_equal(s.record.outcome, RD_OUTCOME_INCONCLUSIVE);
        assert_string_equal(s.record.outcome_reason, "20 of 40 examples decided: the wire was cut");
        m = rd_record_metric(&s.record, "undecided");
        assert_true(m && m->v.value == 20);
        m = rd_record_metric(&s.record, "robust_accuracy");
        assert_true(m->v.value == 0.75 && m->v.low < 0.25);
        assert_true(s.record.interval.high > 0.75 && s.record.interval.low < 0.25);
        assert_int_equal(s.record.n_curves, 2);
        assert_int_equal(s.record.curves[0].n, 2); /* 0 and eps: nothing was asked after it */
        assert_int_equal(s.err.frames, 0);
        tear_down(&s);
    }
}

static void what_was_seen_before_the_silence_stands(void **state)
{
    static const struct rd_attack attack = ATTACK(creeps, RD_ACCESS_LABELS);
    static struct setting s;

    (void)state;
    set_up(&s, &attack, RD_ACCESS_LABELS);
    s.q.criterion = 0.05;
    silent = (struct silent){ &s.fake, 0, 1 + 3, RD_E_IO }; /* three steps, then nothing */
    s.fake.target.labels = silent_labels;
    assert_int_equal(go(&s), RD_OK);
    assert_int_equal(s.record.successes, 6); /* 0.01, 0.02, 0.03, two of each */
    for (size_t i = 0; i < N; i++)
        assert_int_equal(s.record.trials[i].success, i < 6);
    assert_true(s.record.trials[5].queries == 3);
    assert_int_equal(s.record.outcome, RD_OUTCOME_DEMONSTRATED); /* 6 of 40 is enough for 0.05 */
    assert_string_equal(s.record.outcome_reason, "6 of 40 examples decided: the wire was cut");
    tear_down(&s);
}

/* Asks for its pool four rows at a time and hands in a copy that knows nothing, after each. */
static rd_status steals_slowly(struct rd_run *run, const struct rd_oracle *oracle,
    const void *options, struct rd_extract_job *job)
{
    struct rd_graph *copy;
    rd_status st = rd_graph_copy(job->student, run->scratch, &copy, run->err);

    (void)options;
    if (!st)
        st = rd_graph_init_weights(copy, 1, run->err);
    for (size_t i = 0; !st && i + 4 <= job->n_pool; i += 4) {
        const struct rd_rows rows = { .x = job->pool + i * FAKE_INPUTS, .n = 4 };
        int label[4];

        st = oracle->labels(oracle->self, &rows, label, run->err);
        if (!st)
            st = job->show(job, copy, run->err);
    }
    return st;
}

static void thefts_that_were_cut_off_are_named_and_left_out(void **state)
{
    static const struct rd_attack attack = { .abi = RD_ATTACK_ABI,
        .kind = RD_EXTRACT,
        .name = "test",
        .version = 1,
        .summary = "",
        .source = "",
        .atlas = "",
        .access = RD_ACCESS_LABELS,
        .options = eps_table,
        .options_size = sizeof(struct eps_only),
        .extract = steals_slowly };
    static const struct {
        size_t most, n;
        const char *why;
        uint64_t queries;
    } cases[] = {
        { 1 + 2, 0, "0 of 3 thefts finished: the wire was cut", 12 },
        { 1 + 5 + 5 + 1, 2, "2 of 3 thefts finished: the wire was cut", 48 },
        { 1 + 15, 3, "between-run", 60 },
    };
    static struct setting s;
    float pool[20 * FAKE_INPUTS];
    struct rd_dataset p;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_up(&s, &attack, RD_ACCESS_LABELS);
        for (size_t k = 0; k < 20 * FAKE_INPUTS; k++)
            pool[k] = (float)(k % 7) / 8 + (float)k / 1000;
        p = s.eval;
        p.n = 20;
        p.x = pool;
        p.label = NULL;
        s.q.pool = &p;
        s.q.runs = 3;
        silent = (struct silent){ &s.fake, 0, cases[i].most, RD_E_IO };
        s.fake.target.labels = silent_labels;
        assert_int_equal(go(&s), RD_OK);
        assert_int_equal(s.record.n, cases[i].n);
        assert_int_equal(s.record.n_trials, cases[i].n);
        assert_int_equal(s.record.queries, cases[i].queries);
        if (cases[i].n < 3) {
            assert_int_equal(s.record.outcome, RD_OUTCOME_INCONCLUSIVE);
            assert_string_equal(s.record.outcome_reason, cases[i].why);
        } else {
            assert_null(s.record.outcome_reason);
        }
        assert_non_null(rd_record_metric(&s.record, "clean_accuracy"));
        tear_down(&s);
    }
}

static void a_target_that_never_answers_is_an_error(void **state)
{
    static const struct rd_attack attack = ATTACK(creeps, RD_ACCESS_LABELS);
    static struct setting s;

    (void)state;
    set_up(&s, &attack, RD_ACCESS_LABELS);
    silent = (struct silent){ &s.fake, 0, 0, RD_E_IO };
    s.fake.target.labels = silent_labels;
    assert_int_equal(go(&s), RD_E_IO);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cannot_win_by_leaving_the_ball),
        cmocka_unit_test(cannot_win_with_nan),
        cmocka_unit_test(cannot_ask_about_nan),
        cmocka_unit_test(never_passes_the_budget),
        cmocka_unit_test(budget_binds_each_example_and_each_call_whole),
        cmocka_unit_test(a_success_that_was_seen_is_kept_and_asked_again),
        cmocka_unit_test(a_success_that_does_not_repeat_is_none),
        cmocka_unit_test(a_success_outside_the_ball_is_none),
        cmocka_unit_test(access_is_refused_where_actor_or_target_lacks_it),
        cmocka_unit_test(withheld_access_is_a_failure_when_a_control_is_tested),
        cmocka_unit_test(stops_when_told),
        cmocka_unit_test(the_two_criteria_decide_the_outcome),
        cmocka_unit_test(the_security_curve_meets_the_known_distances),
        cmocka_unit_test(what_the_target_gets_wrong_by_itself_counts_and_is_not_attacked),
        cmocka_unit_test(a_silent_target_decides_nothing),
        cmocka_unit_test(what_was_seen_before_the_silence_stands),
        cmocka_unit_test(thefts_that_were_cut_off_are_named_and_left_out),
        cmocka_unit_test(a_target_that_never_answers_is_an_error),
        cmocka_unit_test(survives_each_failed_allocation),
        cmocka_unit_test(the_estimate_is_an_upper_bound_and_asks_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
