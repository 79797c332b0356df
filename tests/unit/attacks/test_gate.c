/* test_gate.c - data that a target does not understand stops a trial, and the message says what is
 * wrong. */
#include "support.h"

#include "attacks/harness.h"
#include "attacks/job.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SIDE = 4, INPUTS = SIDE * SIDE, N = 120 };

/*
 * A picture of class k has its bright pixel in row k, at a column between. The target finds the row
 * with the most light; it takes 0..1 and sees nothing but white beyond 1.
 */
struct rows_target {
    struct rd_target target;
    size_t asked;
    bool answers_probabilities, inverted;
    float white; /* what it takes for white */
};

static void brightness(const struct rows_target *t, const float *x, double light[SIDE])
{
    for (size_t r = 0; r < SIDE; r++) {
        light[r] = 0;
        for (size_t c = 0; c < SIDE; c++) {
            const float v = t->inverted ? t->white - x[r * SIDE + c] : x[r * SIDE + c];

            light[r] += (double)fminf(fmaxf(v, 0), t->white) > 0.02 * (double)t->white
                            ? (double)fminf(v, t->white) / (double)t->white
                            : 0;
        }
    }
}

static rd_status scores(void *self, const float *x, size_t n, float *score, struct rd_error *err)
{
    struct rows_target *t = self;

    (void)err;
    t->asked += n;
    for (size_t i = 0; i < n; i++) {
        double light[SIDE], sum = 0;

        brightness(t, x + i * INPUTS, light);
        for (size_t k = 0; k < SIDE; k++)
            sum += t->answers_probabilities ? exp(light[k]) : 1;
        for (size_t k = 0; k < SIDE; k++)
            score[i * SIDE + k] =
                (float)(t->answers_probabilities ? exp(light[k]) / sum : light[k]);
    }
    return RD_OK;
}

static rd_status labels(void *self, const float *x, size_t n, int *label, struct rd_error *err)
{
    float s[SIDE];

    for (size_t i = 0; i < n; i++) {
        (void)scores(self, x + i * INPUTS, 1, s, err);
        label[i] = rd_target_argmax(s, SIDE);
    }
    return RD_OK;
}

static bool saw_probabilities;

static rd_status looks(struct rd_run *run, const struct rd_oracle *oracle, const void *options,
    struct rd_evade_job *job)
{
    (void)run;
    (void)options;
    (void)job;
    saw_probabilities = oracle->scores_are_probabilities;
    return RD_OK;
}

struct eps_only {
    double eps;
};
static const struct rd_option table[] = {
    RD_REAL(struct eps_only, eps, "eps", "0.1", 0, 1, "input units", "radius"),
    RD_OPTION_END,
};
static const struct rd_attack attack = { .abi = RD_ATTACK_ABI,
    .kind = RD_EVADE,
    .name = "looks",
    .version = 1,
    .access = RD_ACCESS_LABELS,
    .norms = RD_LINF,
    .options = table,
    .options_size = sizeof(struct eps_only),
    .evade = looks };

struct setting {
    struct rows_target t;
    float x[N * INPUTS];
    int label[N];
    struct rd_dataset d;
    struct rd_arena arena;
    struct rd_error err;
    struct rd_run run;
    struct rd_trial_request q;
    struct rd_record record;
    char warned[240];
    struct rd_log log;
};

static void keep_warning(void *user, enum rd_log_level level, const char *area, const char *text)
{
    struct setting *s = user;

    (void)level;
    (void)area;
    (void)snprintf(s->warned, sizeof s->warned, "%s", text);
}

static void set_up(struct setting *s)
{
    static const struct eps_only eps = { 0.1 };
    struct rd_rng r = rd_rng_stream(3, "gate", 0);

    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < N; i++) {
        s->label[i] = (int)(i % SIDE);
        for (size_t k = 0; k < INPUTS; k++)
            s->x[i * INPUTS + k] = 0.2f * rd_rng_unit_float(&r);
        s->x[i * INPUTS + (size_t)s->label[i] * SIDE + (i / SIDE) % SIDE] = 1;
    }
    s->t = (struct rows_target){ .white = 1 };
    s->t.target = (struct rd_target){ .self = &s->t,
        .label = "rows",
        .inputs = INPUTS,
        .classes = SIDE,
        .ndim = 3,
        .dim = { 1, SIDE, SIDE },
        .controls = "",
        .access = RD_ACCESS_LABELS | RD_ACCESS_SCORES,
        .scores = scores,
        .labels = labels };
    s->d = (struct rd_dataset){ .n = N,
        .ndim = 3,
        .dim = { 1, SIDE, SIDE },
        .width = INPUTS,
        .x = s->x,
        .label = s->label,
        .classes = SIDE,
        .low = 0,
        .high = 1 };
    s->log = (struct rd_log){ .level = RD_LOG_WARN, .sink = keep_warning, .user = s };
    s->run = (struct rd_run){ .scratch = &s->arena, .err = &s->err, .log = &s->log };
    s->q = (struct rd_trial_request){ .attack = &attack,
        .options = &eps,
        .target = &s->t.target,
        .eval = &s->d,
        .criterion = NAN,
        .stated_accuracy = NAN };
}

static void data_changes(struct setting *s, float factor, float offset)
{
    s->d.low = INFINITY;
    s->d.high = -INFINITY;
    for (size_t i = 0; i < N * INPUTS; i++) {
        s->x[i] = s->x[i] * factor + offset;
        s->d.low = fminf(s->d.low, s->x[i]);
        s->d.high = fmaxf(s->d.high, s->x[i]);
    }
}

static rd_status go(struct setting *s)
{
    const rd_status st = rd_harness_run(&s->run, &s->q, &s->arena, &s->record);

    rd_arena_release(&s->arena);
    return st;
}

static void refused(struct setting *s, const char *text, const char *hint)
{
    assert_int_equal(go(s), RD_E_INPUT);
    if (!strstr(s->err.frame[0].text, text))
        fail_msg("said '%s', not '%s'", s->err.frame[0].text, text);
    if (hint && !strstr(s->err.hint, hint))
        fail_msg("hinted '%s', not '%s'", s->err.hint, hint);
}

static void good_data_passes(void **state)
{
    static struct setting s;

    (void)state;
    set_up(&s);
    assert_int_equal(go(&s), RD_OK);
    assert_int_equal(s.record.rows_total, s.t.asked);
    assert_false(saw_probabilities);
}

static void flat_rows_and_rows_with_a_last_channel_axis_pass(void **state)
{
    static struct setting s;

    (void)state;
    set_up(&s);
    s.d.ndim = 1;
    s.d.dim[0] = INPUTS;
    assert_int_equal(go(&s), RD_OK);
    set_up(&s);
    memcpy(s.d.dim, (int64_t[]){ SIDE, SIDE, 1 }, 3 * sizeof(int64_t));
    assert_int_equal(go(&s), RD_OK);
}

static void another_shape_is_refused_and_channels_named(void **state)
{
    static struct setting s;

    (void)state;
    set_up(&s);
    memcpy(s.t.target.dim, (int64_t[]){ 2, 4, 2 }, 3 * sizeof(int64_t));
    memcpy(s.d.dim, (int64_t[]){ 4, 2, 2 }, 3 * sizeof(int64_t));
    refused(
        &s, "each example has shape (4, 2, 2), but 'rows' takes (2, 4, 2)", "channels come last");
    set_up(&s);
    s.d.ndim = 2;
    memcpy(s.d.dim, (int64_t[]){ 8, 2 }, 2 * sizeof(int64_t));
    refused(&s, "each example has shape (8, 2)", NULL);
}

static void the_range_is_named(void **state)
{
    static struct setting s;

    (void)state;
    set_up(&s); /* 0..255 for a network of 0..1, which sees nothing but white */
    data_changes(&s, 255, 0);
    refused(&s, "hardly better than chance", "divided by 255 it is 100.0 %");
    set_up(&s); /* and the other way round: it sees nothing but black */
    s.t.white = 255;
    refused(&s, "hardly better than chance", "multiplied by 255 it is 100.0 %");
    set_up(&s); /* -1..1 for 0..1 */
    s.t.inverted = true;
    refused(&s, "hardly better than chance", "light and dark exchanged (1 - x) it is");
}

/* A network without bias answers x and x/255 alike; then eps would be off by 255 in silence. */
static void a_range_that_makes_no_difference_is_refused_too(void **state)
{
    static struct setting s;

    (void)state;
    set_up(&s);
    s.t.white = 1e9f; /* no white at all: scale does not matter, but for the least light */
    for (size_t i = 0; i < N * INPUTS; i++)
        s.x[i] = s.x[i] < 0.5f ? 0 : 255;
    s.d.high = 255;
    s.t.white = 255; /* x/255 = 1 is below 2 % of white: dark */
    assert_int_equal(go(&s), RD_OK);
    set_up(&s);
    for (size_t i = 0; i < N * INPUTS; i++)
        s.x[i] = s.x[i] < 0.5f ? 0 : 255;
    s.d.high = 255;
    refused(&s, "as right on values divided by 255", "scale 1/255");
    s.err = (struct rd_error){ 0 };
    s.q.box_low = 0; /* whoever names the box means it */
    s.q.box_high = 255;
    assert_int_equal(go(&s), RD_OK);
}

static void transposed_pictures_are_named(void **state)
{
    static struct setting s;
    float y[INPUTS];

    (void)state;
    set_up(&s);
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < INPUTS; k++)
            y[k] = s.x[i * INPUTS + k % SIDE * SIDE + k / SIDE];
        memcpy(s.x + i * INPUTS, y, sizeof y);
    }
    refused(&s, "hardly better than chance", "rows and columns exchanged it is 100.0 %");
}

/* A table sorted by class, of which somebody took the first rows: kappa is 0 at any accuracy. */
static void examples_of_one_class_are_named(void **state)
{
    static struct setting s;

    (void)state;
    set_up(&s);
    for (size_t i = 0; i < N; i++)
        s.label[i] = 1;
    refused(&s, "examples are of one class", "take examples of several classes");
}

static void shifted_labels_are_named(void **state)
{
    static struct setting s;

    (void)state;
    set_up(&s);
    for (size_t i = 0; i < N; i++)
        s.label[i] += 1; /* 1..4 */
    s.d.classes = SIDE + 1;
    refused(&s, "label 4 of row 3 is outside 0..3", "start at 1");
    set_up(&s);
    for (size_t i = 0; i < N; i++) { /* classes 0..2 only, named 1..3 */
        s.label[i] = (int)(i % 3) + 1;
        memset(s.x + i * INPUTS, 0, INPUTS * sizeof(float));
        s.x[i * INPUTS + i % 3 * SIDE] = 1;
    }
    refused(&s, "hardly better than chance", "labels lowered by 1 it is 100.0 %");
}

static void what_nothing_mends_says_so(void **state)
{
    static struct setting s;
    struct rd_rng r = rd_rng_stream(4, "gate", 0);

    (void)state;
    set_up(&s);
    for (size_t i = 0; i < N; i++)
        s.label[i] = (int)rd_rng_below(&r, SIDE);
    refused(&s, "hardly better than chance", "none of the usual mistakes");
}

static void the_stated_accuracy_is_held_against_the_measured(void **state)
{
    static struct setting s;

    (void)state;
    set_up(&s);
    for (size_t i = 0; i < N; i += 3)
        s.label[i] = (s.label[i] + 2) % SIDE; /* a third wrong: 66.7 % */
    s.q.stated_accuracy = 0.65;
    assert_int_equal(go(&s), RD_OK);
    s.q.stated_accuracy = 0.95;
    refused(&s, "66.7 % on 120 examples, but 95.0 % is stated", "none of the usual mistakes");
    s.err = (struct rd_error){ 0 };
    s.t.target.controls = "rounding(digits=1)"; /* a control may cost accuracy: that is its price */
    assert_int_equal(go(&s), RD_OK);
    s.t.target.controls = "";
    assert_string_equal(s.warned, "");
    s.q.stated_accuracy = 0.3;
    assert_int_equal(go(&s), RD_OK);
    assert_non_null(strstr(s.warned, "better than the 30.0 % stated"));
}

static void a_weak_network_passes_when_its_accuracy_is_stated(void **state)
{
    static struct setting s;

    (void)state;
    set_up(&s);
    for (size_t i = 0; i < N; i++)
        if (i % 10 < 7)
            s.label[i] = (s.label[i] + 1 + (int)(i % 3)) % SIDE;
    refused(&s, "hardly better than chance", "stated");
    s.err = (struct rd_error){ 0 };
    s.q.stated_accuracy = 0.3;
    assert_int_equal(go(&s), RD_OK);
}

static void probabilities_are_recognized(void **state)
{
    static struct setting s;

    (void)state;
    set_up(&s);
    s.t.answers_probabilities = true;
    assert_int_equal(go(&s), RD_OK);
    assert_true(saw_probabilities);
}

static void data_outside_the_box_is_refused(void **state)
{
    static struct setting s;

    (void)state;
    set_up(&s);
    s.q.box_low = 0;
    s.q.box_high = 0.5f;
    refused(&s, "outside the box 0..0.5", NULL);
    set_up(&s);
    s.d.n = 0;
    refused(&s, "no examples", NULL);
    set_up(&s);
    s.d.label = NULL;
    refused(&s, "no labels", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_data_passes),
        cmocka_unit_test(flat_rows_and_rows_with_a_last_channel_axis_pass),
        cmocka_unit_test(another_shape_is_refused_and_channels_named),
        cmocka_unit_test(the_range_is_named),
        cmocka_unit_test(a_range_that_makes_no_difference_is_refused_too),
        cmocka_unit_test(transposed_pictures_are_named),
        cmocka_unit_test(examples_of_one_class_are_named),
        cmocka_unit_test(shifted_labels_are_named),
        cmocka_unit_test(what_nothing_mends_says_so),
        cmocka_unit_test(the_stated_accuracy_is_held_against_the_measured),
        cmocka_unit_test(a_weak_network_passes_when_its_accuracy_is_stated),
        cmocka_unit_test(probabilities_are_recognized),
        cmocka_unit_test(data_outside_the_box_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
