/*
 * op_ml_svm.c - SVMClassifier and SVMRegressor: kernels of each row with the support vectors, or
 * without any a linear machine.
 *
 * A classifier of k classes votes over its k (k - 1) / 2 pairs, in the order (0, 1), (0, 2), ...;
 * the coefficients of pair (i, j) are row j - 1 at the vectors of class i and row i at those of
 * class j. With prob_a and prob_b a pair's score becomes a probability (Platt 1999) and the pairs
 * are coupled (ml_pair.h). The label is always that of the votes, as in LIBSVM.
 */
#include "graph/ml.h"
#include "graph/ml_pair.h"

#include <math.h>
#include <string.h>

enum kernel { LINEAR, POLY, RBF, SIGMOID };

struct svm {
    enum kernel kernel;
    double gamma, coef0, degree;
    size_t vectors, features, classes, pairs; /* vectors 0: linear */
    const double *vector;                     /* (vectors, features) */
    const double *weight; /* (classes - 1, vectors), (vectors), or linear (classes, features) */
    const double *rho, *prob_a, *prob_b;
    const size_t *start; /* of each class in vector; classes + 1 */
    struct rd_ml_labels labels;
    enum rd_ml_post post;
    bool one_class, proba;
    size_t columns; /* of the scores */
};

static rd_status read(const struct rd_graph_node *node, struct rd_arena *arena, struct svm *s,
    size_t *n_weights, size_t *n_vectors, size_t *n_rho, struct rd_error *err)
{
    static const char *const kernels[] = { "LINEAR", "POLY", "RBF", "SIGMOID", NULL };
    const double *params;
    size_t n;
    int kernel, post;
    rd_status st = rd_ml_choice(node, "kernel_type", kernels, &kernel, err);

    if (!st)
        st = rd_ml_choice(node, "post_transform", rd_ml_posts, &post, err);
    if (!st)
        st = rd_ml_numbers(node, "kernel_params", NULL, arena, &params, &n, err);
    if (!st)
        st = rd_ml_numbers(node, "coefficients", NULL, arena, &s->weight, n_weights, err);
    if (!st)
        st = rd_ml_numbers(node, "support_vectors", NULL, arena, &s->vector, n_vectors, err);
    if (!st)
        st = rd_ml_numbers(node, "rho", NULL, arena, &s->rho, n_rho, err);
    if (st)
        return st;
    if (n && n != 3)
        return RD_FAIL(err, RD_E_INPUT,
            "'kernel_params' must hold gamma, coef0 and degree, not %zu numbers", n);
    s->kernel = (enum kernel)kernel;
    s->post = (enum rd_ml_post)post;
    s->gamma = n ? params[0] : 0;
    s->coef0 = n ? params[1] : 0;
    s->degree = n ? params[2] : 0;
    if (!*n_rho)
        return RD_FAIL(err, RD_E_INPUT, "'rho' is empty");
    if (!*n_weights)
        return RD_FAIL(err, RD_E_INPUT, "'coefficients' is empty");
    return RD_OK;
}

static rd_status split(const struct svm *s, size_t n, size_t *features, struct rd_error *err)
{
    if (!n || n % s->vectors)
        return RD_FAIL(
            err, RD_E_INPUT, "%zu numbers in 'support_vectors' are no %zu vectors", n, s->vectors);
    *features = n / s->vectors;
    return RD_OK;
}

static rd_status vectors_per_class(const struct rd_graph_node *node, struct rd_arena *arena,
    struct svm *s, size_t most, struct rd_error *err)
{
    size_t n, *start;
    const int64_t *each = rd_op_ints(node, "vectors_per_class", &n);

    start = RD_NEW_ARRAY(arena, size_t, n + 1);
    if (!start)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu classes", n);
    for (size_t i = 0; i < n; i++) {
        if (each[i] < 0 || (uint64_t)each[i] > most - start[i])
            return RD_FAIL(err, RD_E_INPUT,
                "class %zu has %lld of the support vectors, of which there are fewer", i,
                (long long)each[i]);
        start[i + 1] = start[i] + (size_t)each[i];
    }
    s->start = start;
    s->vectors = start[n];
    if (s->vectors && n != s->classes)
        return RD_FAIL(err, RD_E_INPUT, "'vectors_per_class' has %zu entries for %zu class labels",
            n, s->classes);
    return RD_OK;
}

static rd_status classifier_prepare(const struct rd_graph_node *node, struct rd_arena *arena,
    const void **prepared_out, struct rd_error *err)
{
    struct svm *s = RD_NEW(arena, struct svm);
    size_t weights, vectors, rhos, a, b;
    rd_status st;

    if (!s)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the support vectors");
    st = rd_ml_labels(node, "classlabels_ints", "classlabels_strings", arena, &s->labels, err);
    if (!st)
        st = read(node, arena, s, &weights, &vectors, &rhos, err);
    if (!st)
        st = rd_ml_numbers(node, "prob_a", NULL, arena, &s->prob_a, &a, err);
    if (!st)
        st = rd_ml_numbers(node, "prob_b", NULL, arena, &s->prob_b, &b, err);
    s->classes = s->labels.n ? s->labels.n : 1;
    if (!st)
        st = vectors_per_class(node, arena, s, vectors, err);
    if (st)
        return st;
    if (s->classes > UINT16_MAX)
        return RD_FAIL(
            err, RD_E_LIMIT, "%zu classes; at most %d are supported", s->classes, UINT16_MAX);
    *prepared_out = s;
    s->columns = s->classes;
    if (!s->vectors) { /* as LIBLINEAR: a row of weights for each class */
        if (weights % s->classes)
            return RD_FAIL(err, RD_E_INPUT, "%zu 'coefficients' are no rows for %zu classes",
                weights, s->classes);
        s->features = weights / s->classes;
        s->kernel = LINEAR;
        return RD_OK;
    }
    s->pairs = s->classes * (s->classes - 1) / 2;
    s->proba = a > 0;
    st = split(s, vectors, &s->features, err);
    if (st)
        return st;
    if (s->classes < 2)
        return RD_FAIL(err, RD_E_INPUT, "support vectors of a single class cannot be told apart");
    if (weights / s->vectors != s->classes - 1 || weights % s->vectors)
        return RD_FAIL(err, RD_E_INPUT, "%zu 'coefficients' for %zu vectors of %zu classes",
            weights, s->vectors, s->classes);
    if (rhos < s->pairs || (s->proba && a < s->pairs) || b != a)
        return RD_FAIL(err, RD_E_INPUT,
            "%zu 'rho', %zu 'prob_a' and %zu 'prob_b' for %zu pairs of classes", rhos, a, b,
            s->pairs);
    if (!s->proba && s->classes > 2)
        s->columns = s->pairs;
    return RD_OK;
}

static rd_status regressor_prepare(const struct rd_graph_node *node, struct rd_arena *arena,
    const void **prepared_out, struct rd_error *err)
{
    const int64_t vectors = rd_op_int(node, "n_supports", 0);
    struct svm *s = RD_NEW(arena, struct svm);
    size_t weights, numbers, rhos;
    rd_status st;

    if (!s)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the support vectors");
    if (vectors < 0)
        return RD_FAIL(err, RD_E_INPUT, "'n_supports' is %lld", (long long)vectors);
    st = read(node, arena, s, &weights, &numbers, &rhos, err);
    if (st)
        return st;
    s->classes = s->columns = 1;
    s->one_class = rd_op_int(node, "one_class", 0) != 0;
    s->vectors = (size_t)vectors;
    *prepared_out = s;
    if (!vectors) {
        s->features = weights;
        s->kernel = LINEAR;
        return RD_OK;
    }
    if (weights != s->vectors)
        return RD_FAIL(
            err, RD_E_INPUT, "%zu 'coefficients' for %zu support vectors", weights, s->vectors);
    return split(s, numbers, &s->features, err);
}

/* --- shapes and costs --- */

static rd_status rows_fit(struct rd_op_call *c, int64_t *n_out)
{
    const struct svm *s = c->node->prepared;
    int64_t features;
    const rd_status st = rd_ml_rows(c, c->in[0], n_out, &features);

    if (!st && features >= 0 && (uint64_t)features != s->features)
        return RD_FAIL(c->err, RD_E_INPUT, "rows have %lld features, the machine was made for %zu",
            (long long)features, s->features);
    return st;
}

static rd_status classifier_infer(struct rd_op_call *c)
{
    const struct svm *s = c->node->prepared;
    int64_t n;
    const rd_status st = rows_fit(c, &n);

    if (st)
        return st;
    rd_ml_labels_shape(&s->labels, n, c->out[0]);
    if (rd_op_out(c, 1))
        rd_ml_shape2(c->out[1], RD_F32, n, (int64_t)s->columns);
    return RD_OK;
}

static rd_status regressor_infer(struct rd_op_call *c)
{
    int64_t n;
    const rd_status st = rows_fit(c, &n);

    if (!st)
        rd_ml_shape2(c->out[0], RD_F32, n, 1);
    return st;
}

static size_t rows_of(const struct rd_op_call *c)
{
    return c->in[0]->ndim == 1 ? 1 : (size_t)c->in[0]->dim[0];
}

/* Doubles that one row needs; backward: the cotangents of all of them too. */
static size_t row_room(const struct svm *s, bool back)
{
    const size_t k2 = s->proba ? s->classes * s->classes : 0;
    size_t n = s->vectors + s->pairs + s->classes + k2 + s->columns;

    if (back)
        n = 2 * n + s->features + s->columns;
    return n + (s->proba ? rd_ml_pair_room(s->classes) : 0);
}

static size_t scratch(const struct rd_op_call *c)
{
    const struct svm *s = c->node->prepared;

    return rd_op_wide_size(c->in[0]) + row_room(s, c->din) * sizeof(double) + 64 +
           (c->din ? rd_op_wide_size(c->in[0]) : rows_of(c) * s->columns * sizeof(double) + 64);
}

static double flops(const struct rd_op_call *c)
{
    const struct svm *s = c->node->prepared;
    const double k = (double)s->classes,
                 machine = (double)(s->vectors ? s->vectors : s->classes) * (double)s->features;

    return (double)rows_of(c) *
           (3 * machine + 2 * k * (double)s->vectors + (s->proba ? 300 * k * k : 0));
}

/* --- one row forward --- */

/* What a row's way through the machine leaves behind; in the scratch. */
struct row {
    double *kernel; /* vectors */
    double *pair;   /* pairs: scores */
    double *votes;  /* classes */
    double *r;      /* (classes, classes) of the pairs, when proba */
    double *raw;    /* columns: before the post transform */
    double *room;
};

static double *part(double **at, size_t n)
{
    double *p = *at;

    *at += n;
    return p;
}

static struct row row_make(const struct svm *s, double **at)
{
    struct row r;

    r.kernel = part(at, s->vectors);
    r.pair = part(at, s->pairs);
    r.votes = part(at, s->classes);
    r.r = part(at, s->proba ? s->classes * s->classes : 0);
    r.raw = part(at, s->columns);
    r.room = part(at, s->proba ? rd_ml_pair_room(s->classes) : 0);
    return r;
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static double power(double base, double degree)
{
    double v = 1;

    if (degree < 0 || degree > 16 || degree != floor(degree))
        return pow(base, degree);
    for (int i = 0; i < (int)degree; i++)
        v *= base;
    return v;
}

static double kernel(const struct svm *s, const double *x, const double *v)
{
    double sum = 0;

    if (s->kernel == RBF) {
        for (size_t i = 0; i < s->features; i++)
            sum += (x[i] - v[i]) * (x[i] - v[i]);
        return exp(-s->gamma * sum);
    }
    sum = dot(x, v, s->features);
    return s->kernel == LINEAR ? sum
           : s->kernel == POLY ? power(s->gamma * sum + s->coef0, s->degree)
                               : tanh(s->gamma * sum + s->coef0);
}

static double clamped(double p)
{
    return p < 1e-7 ? 1e-7 : p > 1 - 1e-7 ? 1 - 1e-7 : p;
}

static void classify_pairs(const struct svm *s, struct row *r)
{
    size_t at = 0;

    memset(r->votes, 0, s->classes * sizeof(*r->votes));
    for (size_t i = 0; i < s->classes; i++)
        for (size_t j = i + 1; j < s->classes; j++, at++) {
            const size_t si = s->start[i], sj = s->start[j];
            const double score =
                s->rho[at] +
                dot(s->weight + (j - 1) * s->vectors + si, r->kernel + si, s->start[i + 1] - si) +
                dot(s->weight + i * s->vectors + sj, r->kernel + sj, s->start[j + 1] - sj);

            r->pair[at] = score;
            r->votes[score > 0 ? i : j]++;
            if (!s->proba)
                continue;
            r->r[i * s->classes + j] =
                clamped(rd_ml_logistic(-(score * s->prob_a[at] + s->prob_b[at])));
            r->r[j * s->classes + i] = 1 - r->r[i * s->classes + j];
        }
}

/* The scores of one row before the post transform. */
static void score_row(const struct svm *s, const double *x, struct row *r)
{
    for (size_t j = 0; j < s->vectors; j++)
        r->kernel[j] = kernel(s, x, s->vector + j * s->features);
    if (!s->vectors) {
        for (size_t k = 0; k < s->columns; k++)
            r->raw[k] = s->rho[0] + dot(x, s->weight + k * s->features, s->features);
        return;
    }
    if (s->classes == 1) {
        r->raw[0] = s->rho[0] + dot(s->weight, r->kernel, s->vectors);
        return;
    }
    classify_pairs(s, r);
    if (s->proba) {
        rd_ml_pair(r->r, r->raw, s->classes, r->room);
    } else if (s->classes == 2) {
        r->raw[0] = -r->pair[0];
        r->raw[1] = r->pair[0];
    } else {
        memcpy(r->raw, r->pair, s->pairs * sizeof(*r->raw));
    }
}

static rd_status forward(struct rd_op_call *c, bool labels, struct rd_tensor *scores)
{
    const struct svm *s = c->node->prepared;
    const double *const x = rd_op_wide(c, c->in[0]);
    double *const out = rd_op_take(c, rows_of(c) * s->columns * sizeof(*out));
    double *at = rd_op_take(c, row_room(s, false) * sizeof(*at));
    struct row r = row_make(s, &at);

    for (size_t i = 0, rows = rows_of(c); i < rows; i++) {
        double *const row = out + i * s->columns;

        score_row(s, x + i * s->features, &r);
        memcpy(row, r.raw, s->columns * sizeof(*row));
        if (labels && s->classes == 1)
            rd_ml_label_binary(&s->labels, row[0] > 0, rd_op_out(c, 0), i);
        else if (labels)
            rd_ml_label_put(&s->labels, rd_ml_argmax(s->vectors ? r.votes : row, s->classes),
                rd_op_out(c, 0), i);
        rd_ml_post_apply(s->post, row, s->columns);
        if (s->one_class)
            row[0] = r.raw[0] > 0 ? 1 : -1;
    }
    if (scores)
        rd_op_narrow(out, scores, false);
    return RD_OK;
}

static rd_status classifier_forward(struct rd_op_call *c)
{
    return forward(c, true, rd_op_out(c, 1));
}

static rd_status regressor_forward(struct rd_op_call *c)
{
    return forward(c, false, c->out[0]);
}

/* --- backward --- */

/* dx += dk * d kernel(x, v) / dx; k is the kernel's value. */
static void kernel_back(
    const struct svm *s, const double *x, const double *v, double k, double dk, double *dx)
{
    double factor = dk;

    if (s->kernel == RBF) {
        for (size_t i = 0; i < s->features; i++)
            dx[i] -= 2 * s->gamma * dk * k * (x[i] - v[i]);
        return;
    }
    if (s->kernel == POLY)
        factor *= s->gamma * s->degree *
                  power(s->gamma * dot(x, v, s->features) + s->coef0, s->degree - 1);
    if (s->kernel == SIGMOID)
        factor *= s->gamma * (1 - k * k);
    for (size_t i = 0; i < s->features; i++)
        dx[i] += factor * v[i];
}

/* dpair from draw, the cotangent of the scores before the post transform. */
static void pairs_back(
    const struct svm *s, const struct row *r, const double *draw, double *dr, double *dpair)
{
    const size_t k = s->classes;
    size_t at = 0;

    if (!s->proba) {
        if (k == 2)
            dpair[0] = draw[1] - draw[0];
        else
            memcpy(dpair, draw, s->pairs * sizeof(*dpair));
        return;
    }
    rd_ml_pair_back(r->r, r->raw, draw, dr, k, r->room);
    for (size_t i = 0; i < k; i++)
        for (size_t j = i + 1; j < k; j++, at++) {
            const double p = rd_ml_logistic(-(r->pair[at] * s->prob_a[at] + s->prob_b[at]));

            dpair[at] = clamped(p) < p || clamped(p) > p
                            ? 0
                            : -(dr[i * k + j] - dr[j * k + i]) * s->prob_a[at] * p * (1 - p);
        }
}

static void row_back(const struct svm *s, const double *x, const struct row *r, double *draw,
    double *dr, double *dpair, double *dkernel, double *dx)
{
    size_t at = 0;

    memset(dx, 0, s->features * sizeof(*dx));
    if (!s->vectors) {
        for (size_t k = 0; k < s->columns; k++)
            for (size_t f = 0; f < s->features; f++)
                dx[f] += draw[k] * s->weight[k * s->features + f];
        return;
    }
    memset(dkernel, 0, s->vectors * sizeof(*dkernel));
    if (s->classes == 1) {
        for (size_t j = 0; j < s->vectors; j++)
            dkernel[j] = draw[0] * s->weight[j];
    } else {
        pairs_back(s, r, draw, dr, dpair);
        for (size_t i = 0; i < s->classes; i++)
            for (size_t j = i + 1; j < s->classes; j++, at++) {
                for (size_t v = s->start[i]; v < s->start[i + 1]; v++)
                    dkernel[v] += dpair[at] * s->weight[(j - 1) * s->vectors + v];
                for (size_t v = s->start[j]; v < s->start[j + 1]; v++)
                    dkernel[v] += dpair[at] * s->weight[i * s->vectors + v];
            }
    }
    for (size_t j = 0; j < s->vectors; j++)
        kernel_back(s, x, s->vector + j * s->features, r->kernel[j], dkernel[j], dx);
}

static rd_status back(struct rd_op_call *c, const struct rd_tensor *dout)
{
    const struct svm *s = c->node->prepared;
    const size_t rows = rows_of(c);
    const double *const x = rd_op_wide(c, c->in[0]);
    double *const dx = rd_op_take(c, rows * s->features * sizeof(*dx));
    double *at = rd_op_take(c, row_room(s, true) * sizeof(*at));
    struct row r = row_make(s, &at);
    double *const dkernel = part(&at, s->vectors), *const dpair = part(&at, s->pairs);
    double *const dr = part(&at, s->proba ? s->classes * s->classes : 0);
    double *const draw = part(&at, s->columns), *const out = part(&at, s->columns);

    if (!dout || !c->din[0])
        return RD_OK;
    for (size_t i = 0; i < rows; i++) {
        score_row(s, x + i * s->features, &r);
        memcpy(out, r.raw, s->columns * sizeof(*out));
        rd_ml_post_apply(s->post, out, s->columns);
        for (size_t k = 0; k < s->columns; k++) /* one class: a sign, flat on both sides */
            draw[k] = s->one_class ? 0 : (double)((const float *)dout->data)[i * s->columns + k];
        rd_ml_post_back(s->post, r.raw, out, draw, s->columns);
        row_back(s, x + i * s->features, &r, draw, dr, dpair, dkernel, dx + i * s->features);
    }
    rd_op_narrow(dx, c->din[0], true);
    return RD_OK;
}

static rd_status classifier_backward(struct rd_op_call *c)
{
    return back(c, c->node->n_outputs > 1 ? c->dout[1] : NULL);
}

static rd_status regressor_backward(struct rd_op_call *c)
{
    return back(c, c->dout[0]);
}

/* --- rows --- */

#define MACHINE                                                                                    \
    { "coefficients", RD_ATTR_FLOATS, 0, 0, true },                                                \
        { "kernel_params", RD_ATTR_FLOATS, 0, 0, false },                                          \
        { "kernel_type", RD_ATTR_STRING, 0, 0, false },                                            \
        { "post_transform", RD_ATTR_STRING, 0, 0, false }, { "rho", RD_ATTR_FLOATS, 0, 0, true },  \
    {                                                                                              \
        "support_vectors", RD_ATTR_FLOATS, 0, 0, false                                             \
    }

static const struct rd_op_attr classifier_attrs[] = {
    MACHINE,
    { "classlabels_ints", RD_ATTR_INTS, 0, 0, false },
    { "classlabels_strings", RD_ATTR_STRINGS, 0, 0, false },
    { "prob_a", RD_ATTR_FLOATS, 0, 0, false },
    { "prob_b", RD_ATTR_FLOATS, 0, 0, false },
    { "vectors_per_class", RD_ATTR_INTS, 0, 0, false },
    { 0 },
};

static const struct rd_op_attr regressor_attrs[] = {
    MACHINE,
    { "n_supports", RD_ATTR_INT, 0, 0, false },
    { "one_class", RD_ATTR_INT, 0, 0, false },
    { 0 },
};

const struct rd_op rd_op_svmclassifier = {
    .op = "SVMClassifier",
    .domain = RD_ML_DOMAIN,
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 2,
    .in_type = { RD_T_FEATURES },
    .attrs = classifier_attrs,
    .prepare = classifier_prepare,
    .infer = classifier_infer,
    .forward = classifier_forward,
    .backward = classifier_backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .scratch = scratch,
    .flops = flops,
    .per_example = rd_ml_per_row,
};

const struct rd_op rd_op_svmregressor = {
    .op = "SVMRegressor",
    .domain = RD_ML_DOMAIN,
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FEATURES },
    .attrs = regressor_attrs,
    .prepare = regressor_prepare,
    .infer = regressor_infer,
    .forward = regressor_forward,
    .backward = regressor_backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .scratch = scratch,
    .flops = flops,
    .per_example = rd_ml_per_row,
};
