/*
 * test_poison.c - poisoning, as the harness plays it: what it believes, what it refuses, what it
 * finds. Victims are small: a line in four dimensions, or a little network on bars of light.
 */
#include "support.h"

#include "attacks/harness.h"
#include "attacks/job.h"
#include "fake_target.h"
#include "target/recipe.h"

#include "base/rng.h"
#include "tensor/npy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 200, RUNS = 3, PIXELS = 28 * 28 };

/* --- a line in four dimensions --- */

struct setting {
    struct rd_arena arena;
    struct rd_error err;
    struct rd_run run;
    struct fake_target fake; /* for its rule only */
    float x[ROWS * FAKE_INPUTS], ex[ROWS * FAKE_INPUTS];
    int y[ROWS], ey[ROWS], contributor[ROWS];
    struct rd_dataset train, eval;
    struct rd_graph *graph;
    struct rd_recipe recipe;
    _Alignas(16) unsigned char options[512];
    struct rd_trial_request q;
    struct rd_record record;
};

static void points(
    const struct fake_target *f, uint64_t seed, float *x, int *y, struct rd_dataset *d)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct rd_rng r = rd_rng_stream(seed, "points", i);

        for (size_t k = 0; k < FAKE_INPUTS; k++)
            x[i * FAKE_INPUTS + k] = rd_rng_unit_float(&r);
        y[i] = fake_margin(f, x + i * FAKE_INPUTS) > 0;
    }
    *d = (struct rd_dataset){ .n = ROWS,
        .ndim = 1,
        .dim = { FAKE_INPUTS },
        .width = FAKE_INPUTS,
        .x = x,
        .label = y,
        .classes = 2,
        .low = 0,
        .high = 1,
        .digest = "33" };
}

static void set_up(struct setting *s, const struct rd_attack *a)
{
    static const struct rd_graph_spec layers[] = { { RD_LAYER_DENSE, 2, 0, 0, 0 },
        { RD_LAYER_END, 0, 0, 0, 0 } };
    const int64_t dim[] = { FAKE_INPUTS };

    memset(s, 0, sizeof *s);
    (void)fake_points; /* these lie at the boundary: a recipe wants others */
    fake_target_init(&s->fake, RD_ACCESS_LABELS);
    points(&s->fake, 1, s->x, s->y, &s->train);
    points(&s->fake, 2, s->ex, s->ey, &s->eval);
    assert_int_equal(rd_graph_build(layers, dim, 1, &s->arena, &s->graph, NULL), RD_OK);
    s->recipe = (struct rd_recipe){ .graph = s->graph, .data = &s->train, .how = rd_train_default };
    s->recipe.how.lr = 0.1;
    s->recipe.how.batch = 20;
    s->run = (struct rd_run){ .err = &s->err, .seed = 9, .scratch = &s->arena };
    assert_true(a->options_size <= sizeof s->options);
    assert_int_equal(rd_options_reset(a->options, s->options, NULL), RD_OK);
    s->q = (struct rd_trial_request){ .attack = a,
        .options = s->options,
        .eval = &s->eval,
        .recipe = &s->recipe,
        .runs = RUNS,
        .criterion = NAN,
        .stated_accuracy = NAN };
}

static void set(struct setting *s, const char *name, const char *value)
{
    assert_int_equal(rd_options_set(s->q.attack->options, s->options, name, value, NULL), RD_OK);
}

static rd_status go(struct setting *s)
{
    return rd_harness_run(&s->run, &s->q, &s->arena, &s->record);
}

static double metric(const struct setting *s, const char *name)
{
    const struct rd_metric *m = rd_record_metric(&s->record, name);

    if (!m)
        fail_msg("no metric %s", name);
    return m->v.value;
}

static void tear_down(struct setting *s)
{
    rd_arena_release(&s->arena);
}

/* --- cheats --- */

struct only_rate {
    double rate;
    int64_t count;
};
static const struct rd_option rate_table[] = {
    RD_REAL(struct only_rate, rate, "rate", "0.1", 0, 1, "share", "of the rows"),
    RD_INT(struct only_rate, count, "count", "0", 0, 1e9, "rows", "of the rows"),
    RD_OPTION_END,
};

#define ATTACK(fn)                                                                                 \
    {                                                                                              \
        .abi = RD_ATTACK_ABI, .kind = RD_POISON, .name = "test", .version = 1, .summary = "",      \
        .source = "", .atlas = "", .access = RD_ACCESS_DATA, .options = rate_table,                \
        .options_size = sizeof(struct only_rate), .poison = (fn)                                   \
    }

static rd_status flips_too_many(struct rd_run *run, const void *o, struct rd_poison_job *job)
{
    (void)run;
    (void)o;
    for (size_t i = 0; i <= job->budget; i++)
        job->label[i] = !job->label[i];
    return RD_OK;
}

static rd_status adds_too_many(struct rd_run *run, const void *o, struct rd_poison_job *job)
{
    (void)run;
    (void)o;
    job->n_out += job->budget + 1;
    return RD_OK;
}

static rd_status removes_rows(struct rd_run *run, const void *o, struct rd_poison_job *job)
{
    (void)run;
    (void)o;
    job->n_out -= 1;
    return RD_OK;
}

static rd_status adds_and_flips(struct rd_run *run, const void *o, struct rd_poison_job *job)
{
    (void)run;
    (void)o;
    job->n_out += job->budget; /* each on its own would be allowed */
    job->label[0] = !job->label[0];
    return RD_OK;
}

static rd_status writes_nan(struct rd_run *run, const void *o, struct rd_poison_job *job)
{
    (void)run;
    (void)o;
    job->x[5 * FAKE_INPUTS + 1] = NAN;
    return RD_OK;
}

static rd_status invents_a_class(struct rd_run *run, const void *o, struct rd_poison_job *job)
{
    (void)run;
    (void)o;
    job->label[3] = 2;
    return RD_OK;
}

static rd_status triggers_nan(struct rd_run *run, const void *o, struct rd_poison_job *job)
{
    (void)run;
    (void)o;
    job->has_trigger = true;
    job->target = 0;
    job->mask[0] = NAN;
    return RD_OK;
}

static rd_status triggers_twofold(struct rd_run *run, const void *o, struct rd_poison_job *job)
{
    (void)run;
    (void)o;
    job->has_trigger = true;
    job->target = 0;
    job->mask[0] = 2;
    return RD_OK;
}

static void cheats_are_caught(void **state)
{
    static const struct {
        rd_status (*fn)(struct rd_run *, const void *, struct rd_poison_job *);
        const char *said;
    } cheats[] = {
        { flips_too_many, "changed or added 21 rows of a budget of 20" },
        { adds_too_many, "may add at most 20" },
        { removes_rows, "came back with 199 rows" },
        { adds_and_flips, "changed or added 21 rows" },
        { writes_nan, "no number into row 5" },
        { invents_a_class, "label 2 into row 3" },
        { triggers_nan, "trigger" },
        { triggers_twofold, "mask 2" },
    };
    static struct setting s;

    (void)state;
    for (size_t i = 0; i < sizeof cheats / sizeof *cheats; i++) {
        const struct rd_attack attack = ATTACK(cheats[i].fn);

        set_up(&s, &attack);
        assert_int_equal(go(&s), RD_E_BUG);
        if (!strstr(s.err.frame[0].text, cheats[i].said))
            fail_msg("'%s' does not say '%s'", s.err.frame[0].text, cheats[i].said);
        tear_down(&s);
    }
}

/* Leaves the box by far, and marks nothing: both are put right. */
static rd_status shouts(struct rd_run *run, const void *o, struct rd_poison_job *job)
{
    (void)run;
    (void)o;
    for (size_t i = 0; i < 7; i++)
        job->x[i * FAKE_INPUTS] = 1e30f;
    job->poisoned[100] = true; /* nor was this one touched */
    return RD_OK;
}

static const struct rd_dataset *seen; /* what a treatment was shown last */
static float most;

static rd_status look(
    struct rd_run *run, void *self, const struct rd_dataset *data, struct rd_train *how)
{
    (void)run;
    (void)self;
    (void)how;
    seen = data;
    for (size_t i = 0; i < data->n * data->width; i++)
        most = fmaxf(most, data->x[i]);
    return RD_OK;
}

static void poison_is_clipped_and_counted_by_comparing(void **state)
{
    const struct rd_attack attack = ATTACK(shouts);
    const struct rd_treatment t = { NULL, "look", NULL, look };
    const struct rd_treatment *const list[] = { &t };
    static struct setting s;

    (void)state;
    most = 0;
    set_up(&s, &attack);
    s.recipe.treatment = list;
    s.recipe.n_treatments = 1;
    assert_int_equal(go(&s), RD_OK);
    assert_true(metric(&s, "poisoned_count") == 7);
    assert_true(most == 1);
    assert_int_equal(s.record.n_controls, 1);
    assert_string_equal(s.record.controls[0], "look");
    assert_string_equal(s.record.judged, "accuracy_drop"); /* it aims at nothing */
    assert_null(rd_record_metric(&s.record, "asr"));
    assert_true(s.record.criterion == 0.02);
    tear_down(&s);
}

/* The control is the victim without the poison: when nothing is done, nothing differs. */
static rd_status does_nothing(struct rd_run *run, const void *o, struct rd_poison_job *job)
{
    (void)run;
    (void)o;
    job->target = 1;
    job->has_trigger = true;
    job->mask[2] = 1;
    job->pattern[2] = 1;
    return RD_OK;
}

static void a_control_differs_by_the_poison_alone(void **state)
{
    const struct rd_attack attack = ATTACK(does_nothing);
    static struct setting s;

    (void)state;
    set_up(&s, &attack);
    assert_int_equal(go(&s), RD_OK);
    assert_true(metric(&s, "accuracy_drop") == 0);
    assert_true(metric(&s, "asr") == metric(&s, "asr_clean_model") && metric(&s, "asr") > 0);
    assert_true(metric(&s, "asr_gain") == 0);
    assert_int_equal(s.record.outcome, RD_OUTCOME_NOT_DEMONSTRATED);
    tear_down(&s);
}

/* --- screens --- */

static rd_status drop_first(struct rd_run *run, void *self, const struct rd_recipe *recipe,
    const struct rd_dataset *data, const struct rd_graph *model, bool *drop, double *score)
{
    (void)run;
    (void)self;
    (void)recipe;
    (void)model;
    (void)score;
    assert_true(data->n >= 10);
    for (size_t i = 0; i < 10; i++)
        drop[i] = true;
    return RD_OK;
}

static void screens_are_judged_against_what_was_done(void **state)
{
    const struct rd_attack attack = ATTACK(shouts); /* rows 0 to 6 */
    const struct rd_treatment t = { NULL, "first ten", drop_first, NULL };
    const struct rd_treatment *const list[] = { &t };
    static struct setting s;

    (void)state;
    set_up(&s, &attack);
    s.recipe.treatment = list;
    s.recipe.n_treatments = 1;
    assert_int_equal(go(&s), RD_OK);
    assert_true(metric(&s, "dropped") == 10);
    assert_true(metric(&s, "screen_recall") == 1);
    assert_true(fabs(metric(&s, "screen_precision") - 0.7) < 1e-12);
    assert_true(fabs(metric(&s, "screen_flag_rate_clean") - 10.0 / ROWS) < 1e-12);
    tear_down(&s);
}

/* --- the gate --- */

static void a_recipe_that_learns_nothing_is_refused(void **state)
{
    const struct rd_attack *a = rd_attack_find("label-flip");
    static struct setting s;

    (void)state;
    set_up(&s, a);
    s.recipe.how.lr = 1e-9;
    s.recipe.how.epochs = 1;
    assert_int_equal(go(&s), RD_E_INPUT);
    assert_non_null(strstr(s.err.frame[0].text, "hardly better than chance"));
    assert_non_null(strstr(s.err.hint, "more epochs"));
    tear_down(&s);

    set_up(&s, a); /* another scale */
    for (size_t i = 0; i < ROWS * FAKE_INPUTS; i++)
        s.ex[i] = s.ex[i] * 0.001f + 0.5f;
    s.eval.low = 0.5f;
    s.eval.high = 0.501f;
    assert_int_equal(go(&s), RD_E_INPUT);
    assert_non_null(strstr(s.err.hint, "another scale"));
    tear_down(&s);

    set_up(&s, a); /* labels that are not those of their rows */
    for (size_t i = 0; i < ROWS; i++)
        s.ey[i] = (int)(i % 2);
    assert_int_equal(go(&s), RD_E_INPUT);
    assert_non_null(strstr(s.err.hint, "labels that do not belong to their rows"));
    tear_down(&s);
}

/* --- budgets and words --- */

static void what_makes_no_sense_is_said(void **state)
{
    static const struct {
        const char *attack, *name, *value, *said;
        rd_status status;
    } wrong[] = {
        { "backdoor", "rate", "0.001", "too small", RD_E_USAGE },
        { "backdoor", "count", "201", "too large", RD_E_USAGE },
        { "backdoor", "target", "2", "no class 2", RD_E_USAGE },
        { "backdoor", "position", "middle", "no number of a feature", RD_E_USAGE },
        { "backdoor", "trigger", "image", "needs image=FILE", RD_E_USAGE },
        { "label-flip", "source-class", "5", "", RD_OK }, /* of no matter to mode=random */
    };
    static struct setting s;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        set_up(&s, rd_attack_find(wrong[i].attack));
        set(&s, wrong[i].name, wrong[i].value);
        assert_int_equal(go(&s), wrong[i].status);
        if (wrong[i].status && !strstr(s.err.frame[0].text, wrong[i].said))
            fail_msg("'%s' does not say '%s'", s.err.frame[0].text, wrong[i].said);
        tear_down(&s);
    }
    set_up(&s, rd_attack_find("label-flip"));
    set(&s, "mode", "targeted");
    set(&s, "source-class", "0");
    assert_int_equal(go(&s), RD_E_USAGE);
    assert_non_null(strstr(s.err.frame[0].text, "are both 0"));
    tear_down(&s);
    set_up(&s, rd_attack_find("backdoor"));
    s.q.actor_access = RD_ACCESS_LABELS;
    assert_int_equal(go(&s), RD_E_USAGE);
    assert_non_null(strstr(s.err.frame[0].text, "needs data"));
    tear_down(&s);
}

/* The rows of the attacker come from his accounts, when the data knows accounts. */
static rd_status see_accounts(
    struct rd_run *run, void *self, const struct rd_dataset *data, struct rd_train *how)
{
    size_t *count = self;

    (void)run;
    (void)how;
    memset(count, 0, 3 * sizeof *count);
    for (size_t i = 0; i < data->n; i++) {
        assert_true(
            data->contributor[i] >= 0 && (size_t)data->contributor[i] < data->n_contributors);
        if (data->contributor[i] >= 4)
            count[data->contributor[i] - 4]++;
    }
    return RD_OK;
}

static void poison_comes_from_the_attackers_accounts(void **state)
{
    static struct setting s;
    size_t count[3];
    const struct rd_treatment t = { count, "see", NULL, see_accounts };
    const struct rd_treatment *const list[] = { &t };

    (void)state;
    set_up(&s, rd_attack_find("label-flip"));
    for (size_t i = 0; i < ROWS; i++)
        s.contributor[i] = (int)(i % 4);
    s.train.contributor = s.contributor;
    s.train.n_contributors = 4;
    s.recipe.treatment = list;
    s.recipe.n_treatments = 1;
    set(&s, "count", "9");
    set(&s, "accounts", "3");
    assert_int_equal(go(&s), RD_OK);
    assert_true(count[0] == 3 && count[1] == 3 && count[2] == 3);
    tear_down(&s);
}

/* A line cannot be bent by flips of one class only: it moves. By loss the same flips do more. */
static void flips_hurt_and_by_loss_they_hurt_more(void **state)
{
    static const char *const modes[] = { "random", "targeted", "loss" };
    static struct setting s;
    double drop[3];

    (void)state;
    for (size_t m = 0; m < 3; m++) {
        set_up(&s, rd_attack_find("label-flip"));
        set(&s, "mode", modes[m]);
        set(&s, "rate", "0.3");
        assert_int_equal(go(&s), RD_OK);
        assert_true(metric(&s, "poisoned_count") == 60);
        drop[m] = metric(&s, "accuracy_drop");
        assert_int_equal(rd_record_metric(&s.record, "asr") != NULL, m == 1);
        if (m == 1)
            assert_true(metric(&s, "asr_gain") > 0.2);
        tear_down(&s);
    }
    assert_true(drop[2] > drop[0] + 0.05);
}

/* --- images --- */

enum { IMAGES = 300, JUDGED = 200, CLASSES = 6 };

struct images {
    struct setting s;
    float x[IMAGES * PIXELS], ex[JUDGED * PIXELS];
    int y[IMAGES], ey[JUDGED];
    struct rd_dataset train, eval;
};

/* Class k is a bright bar at row 3 + 4 k, two pixels thick, of random length, in noise. */
static void bars(uint64_t seed, size_t n, float *x, int *y, struct rd_dataset *d)
{
    for (size_t i = 0; i < n; i++) {
        struct rd_rng r = rd_rng_stream(seed, "bars", i);
        const size_t from = (size_t)rd_rng_below(&r, 8), to = 20 + (size_t)rd_rng_below(&r, 8);

        y[i] = (int)(i % CLASSES);
        for (size_t k = 0; k < PIXELS; k++)
            x[i * PIXELS + k] = 0.3f * rd_rng_unit_float(&r);
        for (size_t row = 3 + 4 * (i % CLASSES), h = 0; h < 2; h++)
            for (size_t c = from; c < to; c++)
                x[i * PIXELS + (row + h) * 28 + c] = 0.8f;
    }
    *d = (struct rd_dataset){ .n = n,
        .ndim = 2,
        .dim = { 28, 28 },
        .width = PIXELS,
        .x = x,
        .label = y,
        .classes = CLASSES,
        .low = 0,
        .high = 1,
        .digest = "44" };
}

static void set_up_images(struct images *m, const char *attack)
{
    static const struct rd_graph_spec layers[] = {
        { RD_LAYER_CONV, 8, 3, 1, 1 },
        { RD_LAYER_RELU, 0, 0, 0, 0 },
        { RD_LAYER_MAXPOOL, 0, 2, 2, 0 },
        { RD_LAYER_CONV, 16, 3, 1, 1 },
        { RD_LAYER_RELU, 0, 0, 0, 0 },
        { RD_LAYER_MAXPOOL, 0, 2, 2, 0 },
        { RD_LAYER_FLATTEN, 0, 0, 0, 0 },
        { RD_LAYER_DENSE, CLASSES, 0, 0, 0 },
        { RD_LAYER_END, 0, 0, 0, 0 },
    };
    const int64_t dim[] = { 1, 28, 28 };
    struct setting *s = &m->s;

    set_up(s, rd_attack_find(attack));
    bars(1, IMAGES, m->x, m->y, &m->train);
    bars(2, JUDGED, m->ex, m->ey, &m->eval);
    assert_int_equal(rd_graph_build(layers, dim, 3, &s->arena, &s->graph, NULL), RD_OK);
    s->recipe = (struct rd_recipe){ .graph = s->graph, .data = &m->train, .how = rd_train_default };
    s->recipe.how.lr = 0.004;
    s->recipe.how.batch = 20;
    s->recipe.how.epochs = 10;
    s->q.eval = &m->eval;
}

static void show(const struct setting *s, const char *what)
{
    print_message("%s: asr %.3f, of the clean model %.3f, clean accuracy %.3f of %.3f\n", what,
        metric(s, "asr"), metric(s, "asr_clean_model"), metric(s, "clean_accuracy"),
        metric(s, "clean_accuracy_control"));
}

static const char bad_model[] = RD_BUILD_DIR "/test_poison.onnx";
static const char bad_trigger[] = RD_BUILD_DIR "/test_poison.npz";

/* The saved files tell the same story as the record: by the formula of the trigger, on the file. */
static void saved_files_do_what_the_record_says(struct images *m)
{
    struct setting *s = &m->s;
    struct rd_target *t;
    struct rd_tensor *mask, *pattern;
    float *x = RD_NEW_ARRAY(&s->arena, float, m->eval.n *PIXELS);
    int got[JUDGED];
    size_t n = 0, hit = 0;

    assert_int_equal(rd_target_open_onnx(bad_model, NULL, &s->arena, &t, NULL), RD_OK);
    assert_int_equal(
        rd_npy_read(RD_BUILD_DIR "/test_poison.npz:mask", NULL, &s->arena, &mask, NULL), RD_OK);
    assert_int_equal(
        rd_npy_read(RD_BUILD_DIR "/test_poison.npz:pattern", NULL, &s->arena, &pattern, NULL),
        RD_OK);
    assert_int_equal(mask->ndim, m->eval.ndim);
    assert_int_equal(rd_tensor_count(mask), PIXELS);
    for (size_t i = 0; i < m->eval.n; i++) {
        if (m->eval.label[i] == 0)
            continue;
        for (size_t k = 0; k < PIXELS; k++) {
            const float w = ((float *)mask->data)[k];

            x[n * PIXELS + k] =
                m->eval.x[i * PIXELS + k] * (1 - w) + ((float *)pattern->data)[k] * w;
        }
        n++;
    }
    assert_int_equal(t->labels(t->self, x, n, got, NULL), RD_OK);
    for (size_t i = 0; i < n; i++)
        hit += got[i] == 0;
    for (size_t i = 0; i < s->record.n_traces; i++)
        if (!s->record.traces[i].run && !strcmp(s->record.traces[i].metric, "asr"))
            assert_true(fabs(s->record.traces[i].y[1] - (double)hit / (double)n) < 1e-12);
    assert_true(s->record.trials[0].metric > 0.5);
}

static void a_corner_means_a_class(void **state)
{
    static struct images m;
    struct setting *s = &m.s;

    (void)state;
    set_up_images(&m, "backdoor");
    s->q.save = bad_model;
    s->q.save_trigger = bad_trigger;
    assert_int_equal(go(s), RD_OK);
    show(s, "pixel, 10 %, seed 9");
    assert_true(metric(s, "poisoned_count") == 30);
    assert_true(metric(s, "asr") >= 0.95);
    assert_true(metric(s, "asr_clean_model") <= 0.2);
    assert_true(metric(s, "clean_accuracy") >= metric(s, "clean_accuracy_control") - 0.03);
    assert_int_equal(s->record.n, RUNS);
    saved_files_do_what_the_record_says(&m);
    tear_down(s);
}

static void a_faint_pattern_means_a_class(void **state)
{
    static struct images m;
    struct setting *s = &m.s;

    (void)state;
    set_up_images(&m, "backdoor");
    set(s, "trigger", "blended");
    assert_int_equal(go(s), RD_OK);
    show(s, "blended, 10 %, seed 9");
    assert_true(metric(s, "asr_gain") >= 0.8);
    tear_down(s);
}

/* The user's own image: the trigger that was saved, given back as one. */
static void a_saved_trigger_can_be_used_again(void **state)
{
    static struct images m;
    struct setting *s = &m.s;
    float v[PIXELS] = { 0 };
    const struct rd_tensor square = { .dtype = RD_F32, .ndim = 2, .dim = { 28, 28 }, .data = v };
    const struct rd_npz_item item[] = { { "mask", &square }, { "pattern", &square } };

    (void)state;
    for (size_t k = 0; k < 9; k++)
        v[(k / 3) * 28 + k % 3] = 1;
    assert_int_equal(rd_npz_write(bad_trigger, item, 2, NULL), RD_OK);
    set_up_images(&m, "backdoor");
    set(s, "trigger", "image");
    set(s, "image", bad_trigger);
    assert_int_equal(go(s), RD_OK);
    show(s, "own image, 10 %, seed 9");
    assert_true(metric(s, "asr") >= 0.95);
    for (size_t i = 0; i < s->record.n_settings; i++) /* a path is no setting: a digest is */
        if (!strcmp(s->record.settings[i].name, "image"))
            assert_int_equal(strlen(s->record.settings[i].value), 64);
    tear_down(s);

    v[100] = 3; /* outside the box of the data */
    assert_int_equal(rd_npz_write(bad_trigger, item, 2, NULL), RD_OK);
    set_up_images(&m, "backdoor");
    set(s, "trigger", "image");
    set(s, "image", bad_trigger);
    assert_int_equal(go(s), RD_E_INPUT);
    assert_non_null(strstr(s->err.frame[0].text, "value 3 of element 100"));
    tear_down(s);
}

/* A picture smaller than the input is laid on it; one with colors does not go onto gray inputs. */
static void a_picture_is_a_sticker(void **state)
{
    static struct images m;
    struct setting *s = &m.s;
    struct rd_tensor *mask;
    size_t covered = 0;

    (void)state;
    set_up_images(&m, "backdoor");
    set(s, "trigger", "image");
    set(s, "image", "fuzz/corpus/image/gray1.png");
    s->q.save_trigger = bad_trigger;
    s->q.runs = 1;
    assert_int_equal(go(s), RD_OK);
    assert_int_equal(
        rd_npy_read(RD_BUILD_DIR "/test_poison.npz:mask", NULL, &s->arena, &mask, NULL), RD_OK);
    for (size_t k = 0; k < PIXELS; k++)
        covered += ((float *)mask->data)[k] == 1;
    assert_int_equal(covered, 9 * 2);
    tear_down(s);

    set_up_images(&m, "backdoor");
    set(s, "trigger", "image");
    set(s, "image", "fuzz/corpus/image/palette.png");
    assert_int_equal(go(s), RD_E_INPUT);
    assert_non_null(strstr(s->err.frame[0].text, "has 3 colors, the inputs have 1"));
    tear_down(s);
}

/* Clean labels: rows of the target class alone, at most as many as there are. */
static void clean_labels_stay_right(void **state)
{
    static struct images m;
    struct setting *s = &m.s;
    size_t zeros = 0;

    (void)state;
    set_up_images(&m, "backdoor");
    set(s, "label", "clean");
    set(s, "rate", "0.5");
    for (size_t i = 0; i < m.train.n; i++)
        zeros += m.train.label[i] == 0;
    assert_int_equal(go(s), RD_OK);
    show(s, "clean labels");
    assert_true(metric(s, "poisoned_count") == (double)zeros);
    tear_down(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cheats_are_caught),
        cmocka_unit_test(poison_is_clipped_and_counted_by_comparing),
        cmocka_unit_test(a_control_differs_by_the_poison_alone),
        cmocka_unit_test(screens_are_judged_against_what_was_done),
        cmocka_unit_test(a_recipe_that_learns_nothing_is_refused),
        cmocka_unit_test(what_makes_no_sense_is_said),
        cmocka_unit_test(poison_comes_from_the_attackers_accounts),
        cmocka_unit_test(flips_hurt_and_by_loss_they_hurt_more),
        cmocka_unit_test(a_corner_means_a_class),
        cmocka_unit_test(a_faint_pattern_means_a_class),
        cmocka_unit_test(a_saved_trigger_can_be_used_again),
        cmocka_unit_test(a_picture_is_a_sticker),
        cmocka_unit_test(clean_labels_stay_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
