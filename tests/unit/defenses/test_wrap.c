/* test_wrap.c - what each defense makes of an answer, worked out by hand. */
#include "support.h"

#include "defenses/lib/wrap.h"

#include <redoubt/defense.h>

#include <math.h>
#include <string.h>

/* A target of three classes that answers what it is told. */
static float answer[3];
static bool probabilities;

static rd_status scores(void *self, const float *x, size_t n, float *score, struct rd_error *err)
{
    (void)self;
    (void)x;
    (void)err;
    for (size_t r = 0; r < n; r++)
        memcpy(score + 3 * r, answer, sizeof answer);
    return RD_OK;
}

static rd_status labels(void *self, const float *x, size_t n, int *label, struct rd_error *err)
{
    (void)self;
    (void)x;
    (void)err;
    for (size_t r = 0; r < n; r++)
        label[r] = rd_target_argmax(answer, 3);
    return RD_OK;
}

struct defended {
    struct rd_arena arena;
    struct rd_error err;
    struct rd_target inner, *target;
    unsigned char options[256];
};

static rd_status defend(struct defended *d, const char *name, const char *set, const char *value)
{
    const struct rd_defense *defense = rd_defense_find(name);
    struct rd_run run = { .scratch = &d->arena, .err = &d->err };

    d->inner = (struct rd_target){ .label = "t",
        .inputs = 1,
        .classes = 3,
        .controls = "",
        .access = RD_ACCESS_LABELS | RD_ACCESS_SCORES,
        .scores = scores,
        .labels = labels,
        .scores_are_probabilities = probabilities };
    assert_int_equal(rd_options_reset(defense->options, d->options, NULL), RD_OK);
    if (set)
        assert_int_equal(rd_options_set(defense->options, d->options, set, value, NULL), RD_OK);
    return defense->wrap(&run, d->options, &d->inner, &d->target);
}

static void ask(const struct defended *d, float *score, int *label)
{
    const float x = 0;

    assert_int_equal(d->target->scores(d->target->self, &x, 1, score, NULL), RD_OK);
    assert_int_equal(d->target->labels(d->target->self, &x, 1, label, NULL), RD_OK);
}

static void rounding_keeps_digits_and_the_label(void **state)
{
    struct defended d = { 0 };
    float s[3];
    int label;

    (void)state;
    probabilities = true;
    memcpy(answer, (float[]){ 0.44f, 0.449f, 0.111f }, sizeof answer);
    assert_int_equal(defend(&d, "rounding", "digits", "1"), RD_OK);
    ask(&d, s, &label);
    assert_true(s[0] == 0.4f && s[1] == 0.4f && s[2] == 0.1f);
    assert_int_equal(label, 1); /* the scores tie now, the label is exact */
    assert_string_equal(d.target->controls, "rounding(digits=1)");
    rd_arena_release(&d.arena);
    assert_int_equal(defend(&d, "rounding", "digits", "0"), RD_OK);
    ask(&d, s, &label);
    assert_true(s[0] == 0 && s[1] == 0 && s[2] == 0);
    rd_arena_release(&d.arena);

    /* Of logits the softmax is rounded: (1, e^2, e^4) / (1 + e^2 + e^4) = 0.0159, 0.1173, 0.8668.
     */
    probabilities = false;
    memcpy(answer, (float[]){ 0.3f, 2.3f, 4.3f }, sizeof answer);
    assert_int_equal(defend(&d, "rounding", "digits", "1"), RD_OK);
    ask(&d, s, &label);
    assert_true(s[0] == 0 && s[1] == 0.1f && s[2] == 0.9f);
    assert_int_equal(label, 2);
    assert_true(d.target->scores_are_probabilities);
    assert_string_equal(d.target->controls, "rounding(digits=1,of=softmax)");
    rd_arena_release(&d.arena);
}

static void top_k_keeps_k_even_among_equals(void **state)
{
    struct defended d = { 0 };
    float s[3];
    int label;

    (void)state;
    probabilities = true;
    memcpy(answer, (float[]){ 0.25f, 0.5f, 0.25f }, sizeof answer);
    assert_int_equal(defend(&d, "top-k", "k", "2"), RD_OK);
    ask(&d, s, &label);
    assert_true(s[0] == 0.25f && s[1] == 0.5f && s[2] == 0);
    rd_arena_release(&d.arena);
    assert_int_equal(defend(&d, "top-k", "k", "1"), RD_OK);
    ask(&d, s, &label);
    assert_true(s[0] == 0 && s[1] == 0.5f && s[2] == 0);
    rd_arena_release(&d.arena);
    assert_int_equal(defend(&d, "top-k", "k", "9"), RD_OK);
    ask(&d, s, &label);
    assert_true(s[0] == 0.25f && s[1] == 0.5f && s[2] == 0.25f);
    assert_string_equal(d.target->controls, "top-k(k=3)");
    rd_arena_release(&d.arena);
    probabilities = false;
}

/* softmax(log 1, log 2, log 5) = 1/8, 2/8, 5/8 */
static void top_k_of_logits_gives_probabilities(void **state)
{
    struct defended d = { 0 };
    float s[3];
    int label;

    (void)state;
    memcpy(answer, (float[]){ 0, logf(2), logf(5) }, sizeof answer);
    assert_int_equal(defend(&d, "top-k", "k", "2"), RD_OK);
    assert_true(d.target->scores_are_probabilities);
    ask(&d, s, &label);
    assert_true(s[0] == 0 && fabsf(s[1] - 0.25f) < 1e-6f && fabsf(s[2] - 0.625f) < 1e-6f);
    rd_arena_release(&d.arena);
}

static void label_only_takes_the_scores_away(void **state)
{
    struct defended d = { 0 };

    (void)state;
    assert_int_equal(defend(&d, "label-only", NULL, NULL), RD_OK);
    assert_null(d.target->scores);
    assert_int_equal(d.target->access, RD_ACCESS_LABELS);
    rd_arena_release(&d.arena);
}

static void quota_multiplies_and_never_widens(void **state)
{
    struct defended d = { 0 };
    const struct rd_defense *quota = rd_defense_find("quota");
    struct rd_run run = { .scratch = &d.arena, .err = &d.err };
    struct rd_target *outer;

    (void)state;
    assert_int_equal(defend(&d, "quota", "rows", "500"), RD_OK);
    assert_int_equal(d.target->quota, 500);
    assert_int_equal(rd_options_set(quota->options, d.options, "keys", "3", NULL), RD_OK);
    assert_int_equal(rd_options_set(quota->options, d.options, "days", "10", NULL), RD_OK);
    assert_int_equal(quota->wrap(&run, d.options, &d.inner, &outer), RD_OK);
    assert_int_equal(outer->quota, 15000);
    assert_int_equal(quota->wrap(&run, d.options, d.target, &outer), RD_OK);
    assert_int_equal(outer->quota, 500); /* the tighter one inside holds */
    assert_string_equal(
        outer->controls, "quota(rows=500,keys=1,days=1)\nquota(rows=500,keys=3,days=10)");
    assert_int_equal(rd_options_set(quota->options, d.options, "rows", "1e12", NULL), RD_OK);
    assert_int_equal(rd_options_set(quota->options, d.options, "keys", "1e6", NULL), RD_OK);
    assert_int_equal(rd_options_set(quota->options, d.options, "days", "36500", NULL), RD_OK);
    assert_int_equal(quota->wrap(&run, d.options, &d.inner, &outer), RD_OK);
    assert_true(outer->quota == UINT64_MAX); /* not wrapped around to something small */
    rd_arena_release(&d.arena);
}

static void swap_artifact_wants_one_file(void **state)
{
    struct defended d = { 0 };

    (void)state;
    assert_int_equal(defend(&d, "swap-artifact", NULL, NULL), RD_E_USAGE);
    d.err = (struct rd_error){ 0 };
    assert_int_not_equal(defend(&d, "swap-artifact", "path", "/no/such/file.onnx"), RD_OK);
    rd_arena_release(&d.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding_keeps_digits_and_the_label),
        cmocka_unit_test(top_k_keeps_k_even_among_equals),
        cmocka_unit_test(top_k_of_logits_gives_probabilities),
        cmocka_unit_test(label_only_takes_the_scores_away),
        cmocka_unit_test(quota_multiplies_and_never_widens),
        cmocka_unit_test(swap_artifact_wants_one_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
