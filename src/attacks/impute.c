/*
 * impute.c - a small network from the other features, standardized, and the class, one-hot, to the
 * hidden one.
 *
 * A part of the data is kept out of training: on it the number of epochs is chosen among a few, so
 * that a network that only learned by heart is not taken for knowledge.
 */
#include "attacks/impute.h"

#include "graph/net.h"

#include <math.h>
#include <string.h>

enum { HIDDEN = 32, BATCH = 32, TRIES = 3, KEPT_OUT = 5 /* every fifth */ };

static const size_t epochs[TRIES] = { 2, 8, 30 };

int rd_hidden_value(const struct rd_hidden *f, const float *row)
{
    const float *v = row + f->first;
    size_t best = 0;

    if (f->width == 1) {
        for (size_t k = 0; k < f->n_values; k++)
            if (!(v[0] < f->values[k]) && !(v[0] > f->values[k]))
                return (int)k;
        return -1;
    }
    for (size_t k = 1; k < f->width; k++)
        best = v[k] > v[best] ? k : best;
    return v[best] > 0 ? (int)best : -1; /* all zero: a word the schema does not know */
}

void rd_hidden_set(const struct rd_hidden *f, float *row, int v)
{
    for (size_t k = 0; k < f->width; k++)
        row[f->first + k] = 0;
    if (v >= 0 && f->width == 1)
        row[f->first] = f->values[v];
    else if (v >= 0)
        row[f->first + (size_t)v] = 1;
}

struct imputation {
    struct rd_run *run;
    const struct rd_hidden *f;
    size_t width, classes, inputs; /* inputs: width + classes */
    double *mean, *scale;          /* (width) */
    float *x, *held_x;
    int *y, *held_y;
    size_t n, held;
};

/* The feature's own columns are blank, so the net cannot learn from them. */
static void encode(const struct imputation *m, const float *row, int label, float *out)
{
    memset(out, 0, m->inputs * sizeof *out);
    for (size_t k = 0; k < m->width; k++)
        if (k < m->f->first || k >= m->f->first + m->f->width)
            out[k] = (float)(((double)row[k] - m->mean[k]) * m->scale[k]);
    if (label >= 0 && (size_t)label < m->classes)
        out[m->width + (size_t)label] = 1;
}

static void standardize(struct imputation *m, const struct rd_dataset *d)
{
    for (size_t k = 0; k < m->width; k++) {
        double sum = 0, squares = 0;

        for (size_t i = 0; i < d->n; i++)
            sum += (double)d->x[i * m->width + k];
        m->mean[k] = sum / (double)d->n;
        for (size_t i = 0; i < d->n; i++) {
            const double away = (double)d->x[i * m->width + k] - m->mean[k];

            squares += away * away;
        }
        m->scale[k] = squares > 0 ? 1 / sqrt(squares / (double)d->n) : 0;
    }
}

static rd_status prepare(struct imputation *m, const struct rd_dataset *d)
{
    struct rd_arena *a = m->run->scratch;
    size_t seen = 0;

    m->width = d->width;
    m->classes = (size_t)d->classes;
    m->inputs = m->width + m->classes;
    m->mean = RD_NEW_ARRAY(a, double, m->width);
    m->scale = RD_NEW_ARRAY(a, double, m->width);
    m->x = RD_NEW_ARRAY(a, float, d->n * m->inputs);
    m->held_x = RD_NEW_ARRAY(a, float, d->n * m->inputs);
    m->y = RD_NEW_ARRAY(a, int, d->n);
    m->held_y = RD_NEW_ARRAY(a, int, d->n);
    if (!m->mean || !m->scale || !m->x || !m->held_x || !m->y || !m->held_y)
        return rd_run_no_memory(m->run, "imputation");
    standardize(m, d);
    for (size_t i = 0; i < d->n; i++) {
        const float *row = d->x + i * m->width;
        const int v = rd_hidden_value(m->f, row);

        if (v < 0)
            continue;
        if (seen++ % KEPT_OUT == KEPT_OUT - 1) {
            encode(m, row, d->label[i], m->held_x + m->held * m->inputs);
            m->held_y[m->held++] = v;
        } else {
            encode(m, row, d->label[i], m->x + m->n * m->inputs);
            m->y[m->n++] = v;
        }
    }
    return m->n ? RD_OK
                : RD_FAIL(m->run->err, RD_E_INPUT, "no row of %zu shows the hidden feature", d->n);
}

static void softmax(const float *logit, size_t n, double *p)
{
    double top = -INFINITY, sum = 0;

    for (size_t k = 0; k < n; k++)
        top = (double)logit[k] > top ? (double)logit[k] : top;
    for (size_t k = 0; k < n; k++)
        sum += p[k] = exp((double)logit[k] - top);
    for (size_t k = 0; k < n; k++)
        p[k] /= sum;
}

static rd_status answers(struct imputation *m, const struct rd_graph *graph, const float *x,
    size_t n, double *probability)
{
    const size_t values = m->f->n_values;
    struct rd_net *net;
    float *logit = RD_NEW_ARRAY(m->run->scratch, float, n *values + 1);
    rd_status st = logit ? rd_net_open(graph, m->run->pool, &net, m->run->err)
                         : rd_run_no_memory(m->run, "imputation");

    if (st)
        return st;
    st = rd_net_forward(net, x, n, logit, m->run->err);
    for (size_t i = 0; !st && i < n; i++)
        softmax(logit + i * values, values, probability + i * values);
    rd_net_free(net);
    return st;
}

/* Mean log probability of the rows kept out. */
static rd_status fit_of(struct imputation *m, const struct rd_graph *graph, double *fit_out)
{
    const size_t values = m->f->n_values;
    double *p = RD_NEW_ARRAY(m->run->scratch, double, m->held *values + 1);
    rd_status st = p ? RD_OK : rd_run_no_memory(m->run, "imputation");

    *fit_out = 0;
    if (!st)
        st = answers(m, graph, m->held_x, m->held, p);
    for (size_t i = 0; !st && i < m->held; i++)
        *fit_out += log(fmax(p[i * values + (size_t)m->held_y[i]], 1e-12));
    return st;
}

static rd_status train(struct imputation *m, struct rd_graph **best_out)
{
    const int64_t dim[] = { (int64_t)m->inputs };
    const struct rd_graph_spec layers[] = { { RD_LAYER_DENSE, HIDDEN, 0, 0, 0 },
        { RD_LAYER_RELU, 0, 0, 0, 0 }, { RD_LAYER_DENSE, (int)m->f->n_values, 0, 0, 0 },
        { RD_LAYER_END, 0, 0, 0, 0 } };
    struct rd_arena *a = m->run->scratch;
    struct rd_train how = rd_train_default;
    double best = -INFINITY, fit;
    struct rd_graph *fresh;
    rd_status st = rd_graph_build(layers, dim, 1, a, &fresh, m->run->err);

    if (!st)
        st = rd_graph_init_weights(fresh, m->run->seed, m->run->err);
    how.batch = BATCH;
    how.lr = 0.003;
    how.weight_decay = 0.001;
    how.seed = m->run->seed;
    for (size_t t = 0; !st && t < TRIES; t++) {
        struct rd_train_report report;
        struct rd_graph *trained;

        how.epochs = epochs[t];
        st = rd_net_train(m->run, fresh, &how, m->x, m->y, NULL, m->n, a, &trained, &report);
        if (!st)
            st = fit_of(m, trained, &fit);
        if (!st && fit > best) {
            best = fit;
            *best_out = trained;
        }
    }
    return st;
}

rd_status rd_impute(struct rd_run *run, const struct rd_hidden *f, const struct rd_dataset *data,
    const float *x, const int *label, size_t n, double *probability)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_run inner = *run;
    struct imputation m = { .run = &inner, .f = f };
    struct rd_graph *graph = NULL;
    float *encoded = NULL;
    rd_status st;

    inner.scratch = &scratch;
    st = prepare(&m, data);
    if (!st) {
        encoded = RD_NEW_ARRAY(&scratch, float, n *m.inputs + 1);
        st = encoded ? RD_OK : rd_run_no_memory(run, "imputation");
    }
    for (size_t i = 0; !st && i < n; i++)
        encode(&m, x + i * m.width, label[i], encoded + i * m.inputs);
    if (!st)
        st = train(&m, &graph);
    if (!st && graph)
        st = answers(&m, graph, encoded, n, probability);
    rd_arena_release(&scratch);
    return st ? RD_WRAP(run->err, st, "guessing the hidden feature without a model") : RD_OK;
}
