/* op_ml_linear.c - LinearClassifier and LinearRegressor: rows times weights, plus intercepts. */
#include "graph/ml.h"

#include <string.h>

struct linear {
    size_t targets, features;
    const double *weight;    /* (targets, features) */
    const double *intercept; /* targets, or NULL */
    struct rd_ml_labels labels;
    enum rd_ml_post post;
    /* One score for two labels: the scores given out are its negative and itself, as the standard's
     * reference has it. */
    bool pair;
    /* Two labels without intercepts: one row of weights or two? The features of the input tell. */
    const struct linear *single;
};

static const struct linear *of(const struct rd_op_call *c)
{
    const struct linear *l = c->node->prepared;
    const struct rd_tensor *x = c->in[0];
    const bool single = l->single && x->ndim && x->dim[x->ndim - 1] == (int64_t)l->single->features;

    return single ? l->single : l;
}

static rd_status read(const struct rd_graph_node *node, struct rd_arena *arena, struct linear *l,
    struct rd_error *err)
{
    size_t n, n_intercepts;
    int post;
    rd_status st = rd_ml_choice(node, "post_transform", rd_ml_posts, &post, err);

    if (!st)
        st = rd_ml_numbers(node, "coefficients", NULL, arena, &l->weight, &n, err);
    if (!st)
        st = rd_ml_numbers(node, "intercepts", NULL, arena, &l->intercept, &n_intercepts, err);
    if (st)
        return st;
    l->post = (enum rd_ml_post)post;
    if (!l->targets) /* a classifier has as many as intercepts, or else as labels */
        l->targets = n_intercepts ? n_intercepts : l->labels.n ? l->labels.n : 1;
    if (!n_intercepts && l->labels.n == 2 && n % 2)
        l->targets = 1;
    if (n_intercepts && n_intercepts != l->targets)
        return RD_FAIL(
            err, RD_E_INPUT, "%zu 'intercepts' for %zu targets", n_intercepts, l->targets);
    if (!n || n % l->targets)
        return RD_FAIL(err, RD_E_INPUT,
            "%zu 'coefficients' are no whole number for each of %zu targets", n, l->targets);
    l->features = n / l->targets;
    return RD_OK;
}

static rd_status classifier_prepare(const struct rd_graph_node *node, struct rd_arena *arena,
    const void **prepared_out, struct rd_error *err)
{
    struct linear *l = RD_NEW(arena, struct linear);
    rd_status st;

    if (!l)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the weights");
    st = rd_ml_labels(node, "classlabels_ints", "classlabels_strings", arena, &l->labels, err);
    if (!st)
        st = read(node, arena, l, err);
    if (st)
        return st;
    if (l->targets > 1 && l->labels.n && l->labels.n != l->targets)
        return RD_FAIL(err, RD_E_INPUT, "%zu class labels for %zu rows of 'coefficients'",
            l->labels.n, l->targets);
    if (l->targets == 1 && l->labels.n > 2)
        return RD_FAIL(
            err, RD_E_INPUT, "%zu class labels for a single row of 'coefficients'", l->labels.n);
    l->pair = l->targets == 1 && l->labels.n == 2;
    *prepared_out = l;
    if (!l->intercept && l->labels.n == 2) {
        struct linear *single = RD_NEW(arena, struct linear);

        if (!single)
            return RD_FAIL(err, RD_E_MEMORY, "no memory for the weights");
        *single = *l;
        single->targets = 1;
        single->features = 2 * l->features;
        single->pair = true;
        l->single = single;
    }
    return RD_OK;
}

static rd_status regressor_prepare(const struct rd_graph_node *node, struct rd_arena *arena,
    const void **prepared_out, struct rd_error *err)
{
    const int64_t targets = rd_op_int(node, "targets", 1);
    struct linear *l = RD_NEW(arena, struct linear);

    if (!l)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the weights");
    if (targets < 1)
        return RD_FAIL(err, RD_E_INPUT, "'targets' is %lld", (long long)targets);
    l->targets = (size_t)targets;
    *prepared_out = l;
    return read(node, arena, l, err);
}

static rd_status rows_fit(struct rd_op_call *c, int64_t *n_out)
{
    const struct linear *l = of(c);
    int64_t features;
    const rd_status st = rd_ml_rows(c, c->in[0], n_out, &features);

    if (!st && features >= 0 && (uint64_t)features != l->features)
        return RD_FAIL(c->err, RD_E_INPUT, "rows have %lld features, the coefficients are for %zu",
            (long long)features, l->features);
    return st;
}

static size_t columns(const struct linear *l)
{
    return l->pair ? 2 : l->targets;
}

static rd_status regressor_infer(struct rd_op_call *c)
{
    int64_t n;
    const rd_status st = rows_fit(c, &n);

    if (!st)
        rd_ml_shape2(c->out[0], RD_F32, n, (int64_t)columns(of(c)));
    return st;
}

static rd_status classifier_infer(struct rd_op_call *c)
{
    const struct linear *l = of(c);
    int64_t n;
    const rd_status st = rows_fit(c, &n);

    if (st)
        return st;
    rd_ml_labels_shape(&l->labels, n, c->out[0]);
    if (rd_op_out(c, 1))
        rd_ml_shape2(c->out[1], RD_F32, n, (int64_t)columns(l));
    return RD_OK;
}

static size_t rows_of(const struct rd_op_call *c)
{
    return c->in[0]->ndim == 1 ? 1 : (size_t)c->in[0]->dim[0];
}

static size_t scratch(const struct rd_op_call *c)
{
    const struct linear *l = of(c);
    const size_t scores = rows_of(c) * columns(l) * sizeof(double) + 64;

    /* Backward: raw scores, their transform, the cotangent; then the gradient of the rows. */
    return rd_op_wide_size(c->in[0]) + (c->din ? 3 * scores + rd_op_wide_size(c->in[0]) : scores);
}

static double flops(const struct rd_op_call *c)
{
    const struct linear *l = of(c);

    return 2.0 * (double)rows_of(c) * (double)l->targets * (double)l->features;
}

/* Raw scores (rows, columns). */
static double *scores(struct rd_op_call *c, const double *x)
{
    const struct linear *l = of(c);
    const size_t rows = rows_of(c), wide = columns(l);
    double *out = rd_op_take(c, rows * wide * sizeof(*out));

    for (size_t i = 0; i < rows; i++) {
        double *row = out + i * wide;

        for (size_t k = 0; k < l->targets; k++) {
            const double *const w = l->weight + k * l->features, *const v = x + i * l->features;
            double sum = l->intercept ? l->intercept[k] : 0;

            for (size_t f = 0; f < l->features; f++)
                sum += w[f] * v[f];
            row[k] = sum;
        }
        if (l->pair) {
            row[1] = row[0];
            row[0] = -row[1];
        }
    }
    return out;
}

static rd_status regressor_forward(struct rd_op_call *c)
{
    const struct linear *l = of(c);
    double *z = scores(c, rd_op_wide(c, c->in[0]));

    for (size_t i = 0, rows = rows_of(c); i < rows; i++)
        rd_ml_post_apply(l->post, z + i * l->targets, l->targets);
    rd_op_narrow(z, c->out[0], false);
    return RD_OK;
}

static rd_status classifier_forward(struct rd_op_call *c)
{
    const struct linear *l = of(c);
    const size_t wide = columns(l);
    double *z = scores(c, rd_op_wide(c, c->in[0]));

    for (size_t i = 0, rows = rows_of(c); i < rows; i++) {
        double *row = z + i * wide;

        if (l->targets == 1)
            rd_ml_label_binary(&l->labels, row[wide - 1] > 0, rd_op_out(c, 0), i);
        else
            rd_ml_label_put(&l->labels, rd_ml_argmax(row, wide), rd_op_out(c, 0), i);
        rd_ml_post_apply(l->post, row, wide);
    }
    if (rd_op_out(c, 1))
        rd_op_narrow(z, c->out[1], false);
    return RD_OK;
}

static rd_status back(struct rd_op_call *c, const struct rd_tensor *dout)
{
    const struct linear *l = of(c);
    const size_t rows = rows_of(c), wide = columns(l);
    const double *const x = rd_op_wide(c, c->in[0]);
    double *const raw = scores(c, x), *const out = rd_op_take(c, rows * wide * sizeof(*out));
    double *const dz = rd_op_take(c, rows * wide * sizeof(*dz));
    double *const dx = rd_op_take(c, rows * l->features * sizeof(*dx));
    size_t n = 0;

    if (!dout || !c->din[0])
        return RD_OK;
    memcpy(out, raw, rows * wide * sizeof(*out));
    for (size_t i = 0; i < rows * wide; i++) /* float32, as the output */
        dz[i] = (double)((const float *)dout->data)[i];
    for (size_t i = 0; i < rows; i++, n += l->features) {
        double *const d = dz + i * wide;

        rd_ml_post_apply(l->post, out + i * wide, wide);
        rd_ml_post_back(l->post, raw + i * wide, out + i * wide, d, wide);
        if (l->pair)
            d[0] = d[1] - d[0];
        for (size_t f = 0; f < l->features; f++) {
            double sum = 0;

            for (size_t k = 0; k < l->targets; k++)
                sum += d[k] * l->weight[k * l->features + f];
            dx[n + f] = sum;
        }
    }
    rd_op_narrow(dx, c->din[0], true);
    return RD_OK;
}

static rd_status regressor_backward(struct rd_op_call *c)
{
    return back(c, c->dout[0]);
}

static rd_status classifier_backward(struct rd_op_call *c)
{
    return back(c, c->node->n_outputs > 1 ? c->dout[1] : NULL);
}

static const struct rd_op_attr classifier_attrs[] = {
    { "classlabels_ints", RD_ATTR_INTS, 0, 0, false },
    { "classlabels_strings", RD_ATTR_STRINGS, 0, 0, false },
    { "coefficients", RD_ATTR_FLOATS, 0, 0, true },
    { "intercepts", RD_ATTR_FLOATS, 0, 0, false },
    { "multi_class", RD_ATTR_INT, 0, 0, false }, /* how it was trained: changes nothing here */
    { "post_transform", RD_ATTR_STRING, 0, 0, false },
    { 0 },
};

static const struct rd_op_attr regressor_attrs[] = {
    { "coefficients", RD_ATTR_FLOATS, 0, 0, true },
    { "intercepts", RD_ATTR_FLOATS, 0, 0, false },
    { "post_transform", RD_ATTR_STRING, 0, 0, false },
    { "targets", RD_ATTR_INT, 0, 0, false },
    { 0 },
};

const struct rd_op rd_op_linearclassifier = {
    .op = "LinearClassifier",
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

const struct rd_op rd_op_linearregressor = {
    .op = "LinearRegressor",
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
