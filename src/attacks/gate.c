/*
 * gate.c - the sanity gate: no attack starts on a target that does not understand the data.
 *
 * A network fed with the wrong range, axis order or labels answers at chance level, and every
 * attack on it "succeeds". So clean accuracy is measured first; when it is off, the usual mistakes
 * are tried one by one on a sample and the one that mends it is named.
 */
#include "attacks/harness_parts.h"

#include <math.h>
#include <string.h>

enum { SAMPLE = 400, ASK_ROWS = 1024, SCORE_ROWS = 32 };

/* Below this chance-corrected agreement with the labels a target is no classifier of this data. */
#define KAPPA_LEAST 0.2
/* A mended sample must be at least this good to be named. */
#define KAPPA_MENDED 0.5
/* Confidence and slack for "agrees with the stated accuracy". */
#define STATED_LEVEL 0.99
#define STATED_SLACK 0.01

/* --- shapes --- */

/* dims without axes of length 1; returns how many are left. */
static int squeeze(const int64_t *dim, int ndim, int64_t *out)
{
    int n = 0;

    for (int i = 0; i < ndim; i++)
        if (dim[i] != 1)
            out[n++] = dim[i];
    return n;
}

static bool same_dims(const int64_t *a, int na, const int64_t *b, int nb)
{
    return na == nb && !memcmp(a, b, (size_t)na * sizeof *a);
}

rd_status rd_gate_shape(const struct rd_target *target, const struct rd_dataset *d,
    const char *what, struct rd_error *err)
{
    int64_t want[RD_MAX_DIMS], got[RD_MAX_DIMS], moved[RD_MAX_DIMS];
    const int n_want = squeeze(target->dim, target->ndim, want);
    const int n_got = squeeze(d->dim, d->ndim, got);
    char want_text[80], got_text[80];

    /* A flat row of the right width is taken as it is. */
    if (same_dims(want, n_want, got, n_got) || (n_got == 1 && d->width == target->inputs))
        return RD_OK;
    (void)RD_FAIL(err, RD_E_INPUT, "%s: each example has shape %s, but '%s' takes %s", what,
        rd_shape_text(d->dim, d->ndim, got_text, sizeof got_text), target->label,
        rd_shape_text(target->dim, target->ndim, want_text, sizeof want_text));
    if (n_got == 3 && n_want == 3) {
        moved[0] = got[2];
        moved[1] = got[0];
        moved[2] = got[1];
        if (same_dims(want, 3, moved, 3))
            return rd_error_hint(err, "the channels come last in the data and first in the "
                                      "network: transpose (0, 3, 1, 2)");
        moved[0] = got[1];
        moved[1] = got[2];
        moved[2] = got[0];
        if (same_dims(want, 3, moved, 3))
            return rd_error_hint(err, "the channels come first in the data and last in the "
                                      "network: transpose (0, 2, 3, 1)");
    }
    return RD_E_INPUT;
}

/* --- labels and box --- */

static rd_status check_labels(struct rd_harness *h)
{
    const struct rd_dataset *d = h->request->eval;
    const size_t classes = h->request->target->classes;
    int least = d->n ? d->label[0] : 0;

    for (size_t i = 0; i < d->n; i++)
        least = d->label[i] < least ? d->label[i] : least;
    for (size_t i = 0; i < d->n; i++)
        if (d->label[i] < 0 || (size_t)d->label[i] >= classes) {
            (void)RD_FAIL(h->run->err, RD_E_INPUT,
                "label %d of row %zu is outside 0..%zu: '%s' answers %zu classes", d->label[i], i,
                classes - 1, h->request->target->label, classes);
            if (least == 1 && (size_t)d->classes == classes + 1)
                return rd_error_hint(h->run->err, "the labels seem to start at 1: subtract 1");
            return RD_E_INPUT;
        }
    return RD_OK;
}

static bool whole_numbers(const struct rd_dataset *d)
{
    for (size_t i = 0; i < d->n * d->width; i++)
        if (d->x[i] != floorf(d->x[i]))
            return false;
    return true;
}

rd_status rd_gate_box(struct rd_harness *h, const struct rd_dataset *d)
{
    const struct rd_trial_request *r = h->request;

    if (r->box_low < r->box_high) {
        if (d->low < r->box_low || d->high > r->box_high)
            return RD_FAIL(h->run->err, RD_E_INPUT,
                "the data runs from %g to %g, outside the box %g..%g", (double)d->low,
                (double)d->high, (double)r->box_low, (double)r->box_high);
        h->low = r->box_low;
        h->high = r->box_high;
    } else if (d->low >= 0 && d->high <= 1) {
        h->low = 0;
        h->high = 1;
    } else if (d->low >= 0 && d->high <= 255 && whole_numbers(d)) {
        h->low = 0;
        h->high = 255;
    } else {
        h->low = d->low;
        h->high = d->high;
    }
    return RD_OK;
}

/* --- the usual mistakes --- */

struct mend {
    const char *what;     /* "with values divided by 255" */
    const char *hint;     /* what to do */
    float factor, offset; /* x -> x * factor + offset */
    enum { AXES_KEEP, AXES_TRANSPOSE, AXES_REVERSE_CHANNELS } axes;
    int shift; /* of labels */
};

static const struct mend mends[] = {
    { "with values divided by 255", "the network takes 0..1: give scale 1/255", 1 / 255.0f, 0,
        AXES_KEEP, 0 },
    { "with values multiplied by 255", "the network takes 0..255: give scale 255", 255, 0,
        AXES_KEEP, 0 },
    { "with values mapped from 0..1 to -1..1", "the network takes 2x - 1", 2, -1, AXES_KEEP, 0 },
    { "with values mapped from 0..255 to -1..1", "the network takes x/127.5 - 1", 1 / 127.5f, -1,
        AXES_KEEP, 0 },
    { "with values mapped from -1..1 to 0..1", "the network takes (x + 1)/2", 0.5f, 0.5f, AXES_KEEP,
        0 },
    { "with light and dark exchanged (1 - x)", "the network takes 1 - x", -1, 1, AXES_KEEP, 0 },
    { "with light and dark exchanged (255 - x)", "the network takes 255 - x", -1, 255, AXES_KEEP,
        0 },
    { "with rows and columns exchanged", "the last two axes are transposed", 1, 0, AXES_TRANSPOSE,
        0 },
    { "with the channels in reverse order",
        "the channels are BGR where RGB is wanted, or the other way round", 1, 0,
        AXES_REVERSE_CHANNELS, 0 },
    { "with labels lowered by 1", "the labels start at 1 where the network's start at 0", 1, 0,
        AXES_KEEP, -1 },
    { "with labels raised by 1", "the labels are one too low", 1, 0, AXES_KEEP, 1 },
};
enum { N_MENDS = sizeof mends / sizeof *mends, STANDARDIZE = N_MENDS };

/* The example's axes as (channels, rows, columns); false when it is no image. */
static bool image_axes(const struct rd_target *t, size_t axis[3])
{
    if (t->ndim < 2 || t->ndim > 3)
        return false;
    axis[0] = t->ndim == 3 ? (size_t)t->dim[0] : 1;
    axis[1] = (size_t)t->dim[t->ndim - 2];
    axis[2] = (size_t)t->dim[t->ndim - 1];
    return true;
}

static bool apply(const struct mend *m, const struct rd_target *t, const float *x, float *out)
{
    size_t a[3];

    if (m->axes == AXES_KEEP) {
        for (size_t i = 0; i < t->inputs; i++)
            out[i] = x[i] * m->factor + m->offset;
        return true;
    }
    if (!image_axes(t, a) || (m->axes == AXES_TRANSPOSE && a[1] != a[2]) ||
        (m->axes == AXES_REVERSE_CHANNELS && a[0] < 2))
        return false;
    for (size_t c = 0; c < a[0]; c++)
        for (size_t i = 0; i < a[1]; i++)
            for (size_t j = 0; j < a[2]; j++) {
                const size_t from = m->axes == AXES_TRANSPOSE
                                        ? (c * a[1] + j) * a[2] + i
                                        : ((a[0] - 1 - c) * a[1] + i) * a[2] + j;
                out[(c * a[1] + i) * a[2] + j] = x[from];
            }
    return true;
}

/* Up to SAMPLE rows, evenly spaced over eval. */
struct sample {
    size_t n;
    const size_t *row;
    float *x; /* (n, inputs), as mended */
    int *answer, *label;
    double mean, deviation;
};

static rd_status sample_new(struct rd_harness *h, struct rd_arena *arena, struct sample *s)
{
    const struct rd_dataset *d = h->request->eval;
    const size_t n = d->n < SAMPLE ? d->n : SAMPLE;
    size_t *row = RD_NEW_ARRAY(arena, size_t, n);
    double sum = 0, squares = 0;

    s->n = n;
    s->row = row;
    s->x = RD_NEW_ARRAY(arena, float, n * d->width);
    s->answer = RD_NEW_ARRAY(arena, int, n);
    s->label = RD_NEW_ARRAY(arena, int, n);
    if (!row || !s->x || !s->answer || !s->label)
        return rd_run_no_memory(h->run, "the sanity gate");
    for (size_t i = 0; i < n; i++) {
        row[i] = i * d->n / n;
        for (size_t k = 0; k < d->width; k++) {
            const double v = d->x[row[i] * d->width + k];
            sum += v;
            squares += v * v;
        }
    }
    s->mean = sum / (double)(n * d->width);
    s->deviation = sqrt(fmax(squares / (double)(n * d->width) - s->mean * s->mean, 0));
    return RD_OK;
}

/* kappa NaN: this mend does not apply here. */
static rd_status try_mend(struct rd_harness *h, struct rd_arena *arena, struct sample *s,
    const struct mend *m, struct rd_agreement *out)
{
    const struct rd_dataset *d = h->request->eval;
    const struct rd_target *t = h->request->target;
    rd_status st;

    out->kappa = NAN;
    for (size_t i = 0; i < s->n; i++) {
        s->label[i] = d->label[s->row[i]] + m->shift;
        if (s->label[i] < 0 || (size_t)s->label[i] >= t->classes)
            return RD_OK;
        if (!apply(m, t, d->x + s->row[i] * d->width, s->x + i * d->width))
            return RD_OK;
    }
    st = rd_harness_ask(h, s->x, s->n, s->answer);
    return st ? st : rd_agreement(s->answer, s->label, s->n, t->classes, arena, out, h->run->err);
}

static struct mend standardize(const struct sample *s)
{
    struct mend m = { "with values standardized to mean 0 and deviation 1",
        "the network wants normalized inputs, and the normalization is missing", 1, 0, AXES_KEEP,
        0 };

    if (s->deviation > 0) {
        m.factor = (float)(1 / s->deviation);
        m.offset = (float)(-s->mean / s->deviation);
    }
    return m;
}

/* Add to the error which usual mistake it looks like. */
static rd_status diagnose(struct rd_harness *h, double kappa)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error *err = h->run->err, ignored = { 0 };
    struct sample s;
    struct mend standard;
    const struct mend *best = NULL;
    struct rd_agreement found = { 0 }, a;
    rd_status st;

    h->run->err = &ignored; /* the error to report is already there */
    st = sample_new(h, &arena, &s);
    if (!st)
        standard = standardize(&s);
    for (size_t i = 0; !st && i <= N_MENDS; i++) {
        const struct mend *m = i == STANDARDIZE ? &standard : &mends[i];

        st = try_mend(h, &arena, &s, m, &a);
        if (!st && a.kappa >= KAPPA_MENDED && a.kappa > found.kappa + 0.02) {
            found = a;
            best = m;
        }
    }
    h->run->err = err;
    if (st == RD_E_CANCELED || st == RD_E_MEMORY)
        return RD_WRAP(err, st, "looking for what is wrong");
    if (best && found.kappa > kappa + 0.2)
        (void)rd_error_hint(err, "%s it is %.1f %%: %s", best->what, 100 * found.share, best->hint);
    else
        (void)rd_error_hint(err, "none of the usual mistakes (range, normalization, axis order, "
                                 "shifted labels) mends it: is "
                                 "this the data the network was made for? a truly weak network "
                                 "needs its accuracy stated");
    rd_arena_release(&arena);
    return RD_E_INPUT;
}

/* A network without normalization answers x and x/255 alike: then the box and eps would be off by
 * 255. */
static rd_status check_range(struct rd_harness *h)
{
    const struct rd_dataset *d = h->request->eval;
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_agreement raw, scaled;
    struct mend as_is = mends[0];
    struct sample s;
    rd_status st;

    if (h->request->box_low < h->request->box_high || d->low < 0 || d->high <= 2 || d->high > 255 ||
        h->request->target->ndim < 2 || !whole_numbers(d))
        return RD_OK;
    as_is.factor = 1;
    st = sample_new(h, &arena, &s);
    if (!st)
        st = try_mend(h, &arena, &s, &as_is, &raw);
    if (!st)
        st = try_mend(h, &arena, &s, &mends[0], &scaled);
    if (!st && scaled.kappa >= KAPPA_MENDED && scaled.kappa >= raw.kappa - 0.05) {
        st = RD_FAIL(h->run->err, RD_E_INPUT,
            "the values are whole numbers up to %g, but the network is as right on values divided "
            "by "
            "255 (%.1f %%) as on these (%.1f %%)",
            (double)d->high, 100 * scaled.share, 100 * raw.share);
        (void)rd_error_hint(h->run->err, "it was probably trained on 0..1: give scale 1/255, or "
                                         "name the box if 0..255 is meant");
    }
    rd_arena_release(&arena);
    return st;
}

/* Are unlabeled scores really probabilities? Extraction and gradients need to know. */
static rd_status look_at_scores(struct rd_harness *h)
{
    struct rd_target *t = h->request->target;
    const size_t n = h->request->eval->n < SCORE_ROWS ? h->request->eval->n : SCORE_ROWS;
    struct rd_arena arena = RD_ARENA_INIT;
    bool probabilities = true;
    rd_status st = RD_OK;
    float *score;

    h->scores_are_probabilities = t->scores_are_probabilities;
    if (t->scores_are_probabilities || !t->scores)
        return RD_OK;
    score = RD_NEW_ARRAY(&arena, float, n * t->classes);
    st = score ? t->scores(t->self, h->request->eval->x, n, score, h->run->err)
               : rd_run_no_memory(h->run, "scores");
    h->rows_total += st ? 0 : n;
    for (size_t i = 0; !st && i < n; i++) {
        double sum = 0;

        for (size_t k = 0; k < t->classes; k++) {
            probabilities &= score[i * t->classes + k] >= 0;
            sum += score[i * t->classes + k];
        }
        probabilities &= fabs(sum - 1) < 1e-3;
    }
    rd_arena_release(&arena);
    if (st)
        return RD_WRAP(h->run->err, st, "asking '%s' for scores", t->label);
    h->scores_are_probabilities = probabilities;
    if (probabilities && (h->granted & RD_ACCESS_GRADIENTS))
        rd_log_say(h->run->log, RD_LOG_WARN, "attacks",
            "the scores of '%s' are probabilities that no Softmax made: gradients are taken as if "
            "they were logits",
            t->label);
    return RD_OK;
}

/* --- the gate --- */

static rd_status measure(struct rd_harness *h, struct rd_agreement *clean)
{
    const struct rd_dataset *d = h->request->eval;
    int *label = RD_NEW_ARRAY(h->arena, int, d->n);
    rd_status st = label ? RD_OK : rd_run_no_memory(h->run, "labels");

    for (size_t i = 0; !st && i < d->n; i += ASK_ROWS) {
        const size_t m = d->n - i < ASK_ROWS ? d->n - i : ASK_ROWS;

        st = rd_harness_ask(h, d->x + i * d->width, m, label + i);
        if (!st)
            st = rd_run_step(h->run, "clean accuracy", i + m, d->n);
    }
    if (st)
        return st;
    h->clean = label;
    return rd_agreement(
        label, d->label, d->n, h->request->target->classes, h->run->scratch, clean, h->run->err);
}

static bool is_of_one_class(const struct rd_dataset *d)
{
    for (size_t i = 1; i < d->n; i++)
        if (d->label[i] != d->label[0])
            return false;
    return true;
}

static rd_status judge(struct rd_harness *h, const struct rd_agreement *clean)
{
    /* A control may cost accuracy: that is measured, not refused. */
    const double stated = *h->request->target->controls ? NAN : h->request->stated_accuracy;
    const struct rd_ci ci = rd_ci_proportion(clean->n_same, clean->n, STATED_LEVEL);

    if (isnan(stated)) {
        if (clean->kappa >= KAPPA_LEAST)
            return RD_OK;
        if (is_of_one_class(h->request->eval)) {
            (void)RD_FAIL(h->run->err, RD_E_INPUT,
                "clean accuracy is %.1f %%, but all %zu examples are of one class: a network that "
                "always says the same would do as well",
                100 * clean->share, clean->n);
            return rd_error_hint(h->run->err,
                "take examples of several classes (a sorted table needs a split, not a range), or "
                "state the accuracy");
        }
        (void)RD_FAIL(h->run->err, RD_E_INPUT,
            "clean accuracy is %.1f %% on %zu examples, hardly better than chance (kappa %.2f): "
            "target and data do not fit",
            100 * clean->share, clean->n, clean->kappa);
        return diagnose(h, clean->kappa);
    }
    if (ci.low - STATED_SLACK > stated)
        rd_log_say(h->run->log, RD_LOG_WARN, "attacks",
            "clean accuracy is %.1f %%, better than the %.1f %% stated", 100 * clean->share,
            100 * stated);
    if (ci.high + STATED_SLACK >= stated)
        return RD_OK;
    (void)RD_FAIL(h->run->err, RD_E_INPUT,
        "clean accuracy is %.1f %% on %zu examples, but %.1f %% is stated: target and data do not "
        "fit",
        100 * clean->share, clean->n, 100 * stated);
    return diagnose(h, clean->kappa);
}

rd_status rd_gate(struct rd_harness *h)
{
    const struct rd_dataset *d = h->request->eval;
    struct rd_agreement clean;
    rd_status st;

    if (!d->n || !d->label)
        return RD_FAIL(h->run->err, RD_E_INPUT, "the evaluation data has no %s",
            d->n ? "labels: nothing can be judged" : "examples");
    st = rd_gate_shape(h->request->target, d, "evaluation data", h->run->err);
    if (!st)
        st = check_labels(h);
    if (!st)
        st = rd_gate_box(h, d);
    if (!st)
        st = measure(h, &clean);
    if (!st)
        st = judge(h, &clean);
    if (!st)
        st = check_range(h);
    if (!st)
        st = look_at_scores(h);
    if (!st)
        h->n_right = clean.n_same;
    return st;
}

/* --- the same looks, for init --- */

static void take(struct rd_fit *f, const struct mend *m, const struct rd_agreement *a)
{
    f->what = m->what;
    f->hint = m->hint;
    f->mended_accuracy = a->share;
    f->mended_kappa = a->kappa;
    f->factor = m->factor;
    f->offset = m->offset;
    f->transpose = m->axes == AXES_TRANSPOSE;
    f->reverse_channels = m->axes == AXES_REVERSE_CHANNELS;
    f->shift = m->shift;
}

/* As rows 0, 1, ... stand, then mended; a mend must be clearly better, or, for the range alone, as
 * good (check_range says why). */
static rd_status look_for_fit(struct rd_harness *h, struct rd_arena *arena, struct rd_fit *f)
{
    static const struct mend as_is = { "", "", 1, 0, AXES_KEEP, 0 };
    const struct rd_dataset *d = h->request->eval;
    const bool bytes = h->request->target->ndim >= 2 && d->low >= 0 && d->high > 2 &&
                       d->high <= 255 && whole_numbers(d);
    struct rd_agreement a;
    struct mend standard;
    struct sample s;
    rd_status st = sample_new(h, arena, &s);

    if (!st)
        st = try_mend(h, arena, &s, &as_is, &a);
    if (st)
        return st;
    standard = standardize(&s);
    f->n = s.n;
    f->kappa = isnan(a.kappa) ? 0 : a.kappa; /* labels outside the classes: nothing agrees */
    f->accuracy = isnan(a.kappa) ? 0 : a.share;
    f->fits = f->kappa >= KAPPA_LEAST;
    if (f->fits && bytes) {
        st = try_mend(h, arena, &s, &mends[0], &a);
        if (!st && a.kappa >= KAPPA_MENDED && a.kappa >= f->kappa - 0.05) {
            take(f, &mends[0], &a);
            f->fits = false;
        }
        return st;
    }
    for (size_t i = 0; !st && !f->fits && i <= N_MENDS; i++) {
        const struct mend *m = i == STANDARDIZE ? &standard : &mends[i];

        st = try_mend(h, arena, &s, m, &a);
        if (!st && a.kappa >= KAPPA_MENDED && a.kappa > f->kappa + 0.2 &&
            (!f->what || a.kappa > f->mended_kappa + 0.02))
            take(f, m, &a);
    }
    return st;
}

rd_status rd_harness_fit(struct rd_run *run, struct rd_target *target,
    const struct rd_dataset *eval, struct rd_fit *fit_out)
{
    const struct rd_trial_request request = { .target = target, .eval = eval };
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_run inner = *run;
    struct rd_harness h = { .run = &inner, .request = &request, .arena = &scratch };
    rd_status st;

    *fit_out = (struct rd_fit){ .factor = 1 };
    inner.scratch = &scratch;
    if (!eval->n || !eval->label)
        return RD_FAIL(run->err, RD_E_INPUT, "the data has no %s",
            eval->n ? "labels: nothing can be judged" : "examples");
    st = rd_gate_shape(target, eval, "data", run->err);
    if (!st)
        st = look_for_fit(&h, &scratch, fit_out);
    rd_arena_release(&scratch);
    return st;
}
