/*
 * harness_inversion.c - the inversion game: what does a typical example of this class look like?
 *
 * The attacker gets the victim and a class, nothing else, and rebuilds an input. Whether it shows
 * the class is for others to say: a network that the same recipe trained on other rows must
 * recognize it, and it must correlate more with the mean of the victim's private rows of that class
 * than with any other class's mean. An input that merely fools the victim passes neither. Noise and
 * the mean of all rows go through the same test, as baselines.
 *
 * What is found is what a class has in common, not a training example: where a class is one person
 * (faces, voices) that is a person, elsewhere it may be no secret at all. Source of the game:
 * Fredrikson, Jha, Ristenpart 2015, "Model inversion attacks that exploit confidence information",
 * CCS, section 5.
 */
#include "attacks/harness_infer.h"

#include "base/text.h"
#include "tensor/npy.h"

#include <math.h>
#include <string.h>

#define CRITERION_DEFAULT 0.5

/* A class with fewer private rows has no mean worth the name. */
enum { ROWS_LEAST = 2 };

struct inversion {
    struct rd_harness *h;
    const struct rd_dataset *data;
    struct rd_infer_figures figures;
};

struct round {
    struct rd_infer_run r;
    struct rd_dataset private, others;
    struct rd_target *judge;
    size_t n;       /* classes in question */
    int *label;     /* (n) */
    double *mean;   /* (n, width): of the private rows of each */
    float *all;     /* (width): mean of all private rows */
    float *rebuilt; /* (n, width) */
    uint64_t *key;
};

/* --- the truth --- */

static rd_status means(struct inversion *g, struct round *o)
{
    const size_t width = g->data->width, classes = o->r.bare->classes;
    struct rd_arena *a = o->r.arena;
    size_t *count = RD_NEW_ARRAY(a, size_t, classes);
    double *sum = RD_NEW_ARRAY(a, double, classes *width);

    o->label = RD_NEW_ARRAY(a, int, classes);
    o->mean = RD_NEW_ARRAY(a, double, classes *width);
    o->all = RD_NEW_ARRAY(a, float, width);
    o->rebuilt = RD_NEW_ARRAY(a, float, classes *width);
    o->key = RD_NEW_ARRAY(a, uint64_t, classes);
    if (!count || !sum || !o->label || !o->mean || !o->all || !o->rebuilt || !o->key)
        return rd_run_no_memory(g->h->run, "classes");
    for (size_t i = 0; i < o->private.n; i++) {
        const size_t y = (size_t)o->private.label[i];

        count[y]++;
        for (size_t k = 0; k < width; k++)
            sum[y * width + k] += (double)o->private.x[i * width + k];
    }
    for (size_t k = 0; k < width; k++) {
        double all = 0;

        for (size_t y = 0; y < classes; y++)
            all += sum[y * width + k];
        o->all[k] = (float)(all / (double)o->private.n);
    }
    for (size_t y = 0; y < classes; y++) {
        if (count[y] < ROWS_LEAST)
            continue;
        o->label[o->n] = (int)y;
        o->key[o->n] = y;
        for (size_t k = 0; k < width; k++)
            o->mean[o->n * width + k] = sum[y * width + k] / (double)count[y];
        o->n++;
    }
    return o->n >= 2 ? RD_OK
                     : RD_FAIL(g->h->run->err, RD_E_INPUT,
                           "fewer than two classes have %d training rows", ROWS_LEAST);
}

/* The same recipe without treatments, other rows, another seed. */
static rd_status train_judge(struct inversion *g, struct round *o)
{
    struct rd_recipe recipe = *g->h->request->recipe;
    struct rd_rng rng = rd_rng_stream(g->h->run->seed, "infer/judge", o->r.run);
    struct rd_recipe_report report;
    struct rd_graph *graph;
    rd_status st;

    recipe.treatment = NULL;
    recipe.n_treatments = 0;
    st = rd_recipe_train(
        g->h->run, &recipe, &o->others, rd_rng_u64(&rng), o->r.arena, &graph, &report);
    if (!st)
        st = rd_target_open_graph(
            graph, "judge", g->h->run->pool, o->r.arena, &o->judge, g->h->run->err);
    return st ? RD_WRAP(g->h->run->err, st, "training the judge") : RD_OK;
}

/* --- the judgment --- */

/* Pearson's; 0 when either is constant. */
static double correlation(const float *x, const double *mean, size_t n)
{
    double mx = 0, mm = 0, xx = 0, yy = 0, xy = 0;

    for (size_t k = 0; k < n; k++) {
        mx += (double)x[k];
        mm += mean[k];
    }
    mx /= (double)n;
    mm /= (double)n;
    for (size_t k = 0; k < n; k++) {
        const double a = (double)x[k] - mx, b = mean[k] - mm;

        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}

struct verdict {
    double recognized; /* share that judge and means both give to its class */
    double by_judge, by_mean;
    double correlation; /* with the mean of the own class, on average */
};

/* x (n, width): one for each class in question. */
static rd_status judge(struct inversion *g, struct round *o, const float *x, struct verdict *out)
{
    const size_t width = g->data->width;
    int *said = RD_NEW_ARRAY(o->r.arena, int, o->n);
    const double n = (double)o->n;
    rd_status st;

    *out = (struct verdict){ 0 };
    if (!said)
        return rd_run_no_memory(g->h->run, "the judgment");
    st = o->judge->labels(o->judge->self, x, o->n, said, g->h->run->err);
    for (size_t i = 0; !st && i < o->n; i++) {
        const double own = correlation(x + i * width, o->mean + i * width, width);
        bool nearest = true;

        for (size_t k = 0; k < o->n; k++)
            nearest &= k == i || correlation(x + i * width, o->mean + k * width, width) < own;
        out->by_judge += said[i] == o->label[i];
        out->by_mean += nearest;
        out->recognized += nearest && said[i] == o->label[i];
        out->correlation += own;
    }
    out->by_judge /= n;
    out->by_mean /= n;
    out->recognized /= n;
    out->correlation /= n;
    return st;
}

/* Into the box; what is no number becomes its middle. */
static size_t tame(struct inversion *g, struct round *o)
{
    const float low = g->h->low, high = g->h->high;
    size_t refused = 0;

    for (size_t i = 0; i < o->n * g->data->width; i++) {
        float *v = &o->rebuilt[i];

        if (!isfinite(*v)) {
            *v = low + (high - low) / 2;
            refused++;
        }
        *v = *v < low ? low : *v > high ? high : *v;
    }
    return refused;
}

static rd_status baselines(
    struct inversion *g, struct round *o, struct verdict *noise, struct verdict *mean)
{
    const size_t width = g->data->width;
    float *x = RD_NEW_ARRAY(o->r.arena, float, o->n *width);
    rd_status st;

    if (!x)
        return rd_run_no_memory(g->h->run, "baselines");
    for (size_t i = 0; i < o->n; i++)
        memcpy(x + i * width, o->all, width * sizeof *x);
    st = judge(g, o, x, mean);
    for (size_t i = 0; i < o->n; i++) {
        struct rd_rng r =
            rd_rng_stream(g->h->run->seed, "infer/noise", o->r.run * 65536 + o->key[i]);

        for (size_t k = 0; k < width; k++)
            x[i * width + k] = g->h->low + (g->h->high - g->h->low) * rd_rng_unit_float(&r);
    }
    return st ? st : judge(g, o, x, noise);
}

static rd_status measure(struct inversion *g, struct round *o, double train, size_t refused)
{
    struct verdict found, noise, mean;
    double seen = 0;
    int *said = RD_NEW_ARRAY(o->r.arena, int, o->private.n);
    rd_status st = said ? judge(g, o, o->rebuilt, &found) : rd_run_no_memory(g->h->run, "labels");

    if (!st)
        st = baselines(g, o, &noise, &mean);
    if (!st)
        st = o->judge->labels(o->judge->self, o->private.x, o->private.n, said, g->h->run->err);
    if (st)
        return st;
    for (size_t i = 0; i < o->private.n; i++)
        seen += said[i] == o->private.label[i];
    {
        const struct {
            const char *name;
            double value;
        } figure[] = {
            { "recognized", found.recognized },
            { "recognized_by_judge", found.by_judge },
            { "nearest_to_own_mean", found.by_mean },
            { "correlation", found.correlation },
            { "baseline_noise", noise.recognized },
            { "baseline_mean", mean.recognized },
            { "judge_accuracy", seen / (double)o->private.n },
            { "train_accuracy", train },
            { "values_refused", (double)refused },
        };

        for (size_t i = 0; !st && i < sizeof figure / sizeof *figure; i++)
            st = rd_infer_figure(&g->figures, o->r.run, figure[i].name, figure[i].value);
    }
    return st;
}

static rd_status save(struct inversion *g, const struct round *o)
{
    struct rd_tensor t = { .dtype = RD_F32, .ndim = g->data->ndim + 1, .data = o->rebuilt };
    rd_status st;

    if (t.ndim > RD_MAX_DIMS)
        return RD_FAIL(
            g->h->run->err, RD_E_LIMIT, "inputs with %d axes cannot be saved", g->data->ndim);
    t.dim[0] = (int64_t)o->n;
    memcpy(t.dim + 1, g->data->dim, (size_t)g->data->ndim * sizeof *t.dim);
    st = rd_npy_write(g->h->request->save, &t, g->h->run->err);
    return st ? RD_WRAP(g->h->run->err, st, "saving what was rebuilt") : RD_OK;
}

static rd_status play(struct inversion *g, size_t run, struct rd_arena *arena)
{
    struct rd_harness *h = g->h;
    struct round o = { .r = { .h = h, .run = run, .arena = arena } };
    struct rd_infer_job job = { 0 };
    const size_t half = g->data->n / 2;
    const size_t *order = rd_infer_order(&o.r, "infer/split", g->data->n);
    double train = NAN, kappa;
    rd_status st = order ? RD_OK : rd_run_no_memory(h->run, "the split");

    if (!st)
        st = rd_infer_gather(&o.r, g->data, order, half, &o.private);
    if (!st)
        st = rd_infer_gather(&o.r, g->data, order + half, g->data->n - half, &o.others);
    if (!st)
        st = rd_infer_victim(&o.r, &o.private, &g->figures.withheld);
    if (!st)
        st = rd_infer_accuracy(&o.r, o.private.x, o.private.label, o.private.n, &train, &kappa);
    if (!st)
        st = rd_infer_gate(&o.r, kappa, train);
    if (st || g->figures.withheld)
        return st;
    st = means(g, &o);
    if (!st)
        st = train_judge(g, &o);
    if (st)
        return st;
    for (size_t i = 0; i < o.n * g->data->width; i++)
        o.rebuilt[i] = h->low + (h->high - h->low) / 2;
    job.label = o.label;
    job.example = o.key;
    job.n = o.n;
    job.rebuilt = o.rebuilt;
    st = rd_infer_attack(&o.r, NULL, &job);
    if (!st)
        st = measure(g, &o, train, tame(g, &o));
    g->figures.trial[run].queries = (double)o.r.queries;
    h->record->queries += o.r.queries;
    h->record->gradients += o.r.gradients;
    return !st && !run && h->request->save ? save(g, &o) : st;
}

rd_status rd_infer_inversion(struct rd_harness *h)
{
    const size_t runs = h->request->runs;
    struct inversion g = { .h = h, .data = h->request->recipe->data };
    rd_status st = rd_infer_figures_init(&g.figures, h);

    if (isnan(h->request->criterion))
        h->criterion = CRITERION_DEFAULT;
    for (size_t run = 0; !st && run < runs && !g.figures.withheld; run++) {
        struct rd_arena arena = RD_ARENA_INIT;

        st = rd_run_step(h->run, "victim", run, runs);
        if (!st)
            st = play(&g, run, &arena);
        rd_arena_release(&arena);
    }
    return st ? st : rd_infer_judge(&g.figures, "recognized");
}
