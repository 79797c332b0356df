/*
 * op_ml_scale.c - Scaler, Normalizer, Binarizer, Imputer: features changed one by one or row by
 * row; FeatureVectorizer and ArrayFeatureExtractor: features joined and chosen.
 */
#include "graph/ml.h"

#include <math.h>
#include <string.h>

/* Features of a row: the last axis. */
static int64_t features_of(const struct rd_tensor *x)
{
    return x->ndim ? x->dim[x->ndim - 1] : 1;
}

static rd_status fits(struct rd_op_call *c, const char *name, size_t n)
{
    const int64_t features = features_of(c->in[0]);

    if (n > 1 && features >= 0 && (uint64_t)features != n)
        return RD_FAIL(c->err, RD_E_INPUT, "'%s' has %zu entries, the rows %lld features", name, n,
            (long long)features);
    return RD_OK;
}

/* --- Scaler --- */

static rd_status scaler_infer(struct rd_op_call *c)
{
    size_t n[2];
    rd_status st;

    (void)rd_ml_floats(c->node, "offset", &n[0]);
    (void)rd_ml_floats(c->node, "scale", &n[1]);
    st = fits(c, "offset", n[0]);
    if (!st)
        st = fits(c, "scale", n[1]);
    rd_op_same_shape(c->out[0], c->in[0]);
    c->out[0]->dtype = RD_F32;
    return st;
}

static double entry(const float *list, size_t n, size_t feature, double otherwise)
{
    return n ? (double)list[n > 1 ? feature : 0] : otherwise;
}

static size_t scaler_scratch(const struct rd_op_call *c)
{
    return 2 * (rd_tensor_count(c->in[0]) * sizeof(double) + 64);
}

/* (x - offset) * scale */
static rd_status scaler_forward(struct rd_op_call *c)
{
    const size_t count = rd_tensor_count(c->in[0]);
    const size_t features = count ? (size_t)features_of(c->in[0]) : 1;
    const double *const x = rd_op_wide(c, c->in[0]);
    double *const y = rd_op_take(c, count * sizeof(*y));
    size_t n_offset, n_scale;
    const float *const offset = rd_ml_floats(c->node, "offset", &n_offset);
    const float *const scale = rd_ml_floats(c->node, "scale", &n_scale);

    for (size_t i = 0, f = 0; i < count; i++, f = f + 1 == features ? 0 : f + 1)
        y[i] = (x[i] - entry(offset, n_offset, f, 0)) * entry(scale, n_scale, f, 1);
    rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

static rd_status scaler_backward(struct rd_op_call *c)
{
    const size_t count = rd_tensor_count(c->in[0]);
    const size_t features = count ? (size_t)features_of(c->in[0]) : 1;
    double *const dx = rd_op_take(c, count * sizeof(*dx));
    const float *const dy = c->dout[0] ? c->dout[0]->data : NULL;
    size_t n_scale;
    const float *const scale = rd_ml_floats(c->node, "scale", &n_scale);

    if (!dy || !c->din[0])
        return RD_OK;
    for (size_t i = 0, f = 0; i < count; i++, f = f + 1 == features ? 0 : f + 1)
        dx[i] = (double)dy[i] * entry(scale, n_scale, f, 1);
    rd_op_narrow(dx, c->din[0], true);
    return RD_OK;
}

static const struct rd_op_attr scaler_attrs[] = {
    { "offset", RD_ATTR_FLOATS, 0, 0, false },
    { "scale", RD_ATTR_FLOATS, 0, 0, false },
    { 0 },
};

const struct rd_op rd_op_scaler = {
    .op = "Scaler",
    .domain = RD_ML_DOMAIN,
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FEATURES },
    .attrs = scaler_attrs,
    .infer = scaler_infer,
    .forward = scaler_forward,
    .backward = scaler_backward,
    .grad_in = 1,
    .scratch = scaler_scratch,
    .per_example = rd_ml_per_row,
};

/* --- Normalizer --- */

enum norm { MAX, L1, L2 };
static const char *const norms[] = { "MAX", "L1", "L2", NULL };

static rd_status normalizer_infer(struct rd_op_call *c)
{
    int norm;
    const rd_status st = rd_ml_choice(c->node, "norm", norms, &norm, c->err);

    if (st)
        return st;
    if (c->in[0]->ndim < 1 || c->in[0]->ndim > 2)
        return RD_FAIL(c->err, RD_E_INPUT, "the input must have one or two dimensions, not %d",
            c->in[0]->ndim);
    rd_op_same_shape(c->out[0], c->in[0]);
    c->out[0]->dtype = RD_F32;
    return RD_OK;
}

/* Of n numbers; MAX is of their sizes, as in scikit-learn. *at: the first that has it. */
static double norm_of(enum norm norm, const double *x, size_t n, size_t *at)
{
    double v = 0;

    *at = 0;
    for (size_t i = 0; i < n; i++) {
        if (norm == L2)
            v += x[i] * x[i];
        else if (norm == L1)
            v += fabs(x[i]);
        else if (fabs(x[i]) > v) {
            v = fabs(x[i]);
            *at = i;
        }
    }
    return norm == L2 ? sqrt(v) : v;
}

/* A row of zeros stays one. */
static rd_status normalizer_forward(struct rd_op_call *c)
{
    const size_t count = rd_tensor_count(c->in[0]);
    const size_t n = count ? (size_t)features_of(c->in[0]) : 1;
    const double *const x = rd_op_wide(c, c->in[0]);
    double *const y = rd_op_take(c, count * sizeof(*y));
    size_t at;
    int norm;

    (void)rd_ml_choice(c->node, "norm", norms, &norm, NULL);
    for (size_t row = 0; row < count; row += n) {
        const double v = norm_of((enum norm)norm, x + row, n, &at);

        for (size_t i = 0; i < n; i++)
            y[row + i] = v > 0 || v < 0 || isnan(v) ? x[row + i] / v : 0;
    }
    rd_op_narrow(y, c->out[0], false);
    return RD_OK;
}

/*
 * y = x / v: dx = (dy - (y . dy) dv/dx) / v, where dv/dx is y for L2, the signs for L1, and the
 * sign at the largest alone for MAX.
 */
static rd_status normalizer_backward(struct rd_op_call *c)
{
    const size_t count = rd_tensor_count(c->in[0]);
    const size_t n = count ? (size_t)features_of(c->in[0]) : 1;
    const double *const x = rd_op_wide(c, c->in[0]);
    double *const dx = rd_op_take(c, count * sizeof(*dx));
    const float *const dy = c->dout[0] ? c->dout[0]->data : NULL;
    size_t at;
    int norm;

    if (!dy || !c->din[0])
        return RD_OK;
    (void)rd_ml_choice(c->node, "norm", norms, &norm, NULL);
    for (size_t row = 0; row < count; row += n) {
        const double v = norm_of((enum norm)norm, x + row, n, &at);
        double dot = 0;

        for (size_t i = 0; i < n; i++)
            dot += v > 0 ? x[row + i] / v * (double)dy[row + i] : 0;
        for (size_t i = 0; i < n; i++) {
            const double u = x[row + i], sign = (u > 0) - (u < 0);
            const double slope = norm == L2 ? u / v : norm == L1 ? sign : i == at ? sign : 0;

            dx[row + i] = v > 0 ? ((double)dy[row + i] - dot * slope) / v : 0;
        }
    }
    rd_op_narrow(dx, c->din[0], true);
    return RD_OK;
}

static const struct rd_op_attr normalizer_attrs[] = {
    { "norm", RD_ATTR_STRING, 0, 0, false },
    { 0 },
};

const struct rd_op rd_op_normalizer = {
    .op = "Normalizer",
    .domain = RD_ML_DOMAIN,
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FEATURES },
    .attrs = normalizer_attrs,
    .infer = normalizer_infer,
    .forward = normalizer_forward,
    .backward = normalizer_backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .scratch = scaler_scratch,
    .per_example = rd_ml_per_row,
};

/* --- Binarizer --- */

static rd_status same_infer(struct rd_op_call *c)
{
    rd_op_same_shape(c->out[0], c->in[0]);
    return RD_OK;
}

#define BINARIZE(T)                                                                                \
    for (size_t i = 0; i < n; i++)                                                                 \
        ((T *)c->out[0]->data)[i] = (double)((const T *)c->in[0]->data)[i] > threshold;            \
    break

static rd_status binarizer_forward(struct rd_op_call *c)
{
    const double threshold = (double)rd_op_float(c->node, "threshold", 0);
    const size_t n = rd_tensor_count(c->in[0]);

    switch ((int)c->in[0]->dtype) {
    case RD_F32:
        BINARIZE(float);
    case RD_F64:
        BINARIZE(double);
    case RD_I32:
        BINARIZE(int32_t);
    default:
        BINARIZE(int64_t);
    }
    return RD_OK;
}

static const struct rd_op_attr binarizer_attrs[] = {
    { "threshold", RD_ATTR_FLOAT, 0, 0, false },
    { 0 },
};

/* Steps: no gradient. */
const struct rd_op rd_op_binarizer = {
    .op = "Binarizer",
    .domain = RD_ML_DOMAIN,
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FEATURES },
    .attrs = binarizer_attrs,
    .infer = same_infer,
    .forward = binarizer_forward,
    .per_example = rd_op_rows_elementwise,
};

/* --- Imputer --- */

static rd_status imputer_infer(struct rd_op_call *c)
{
    const bool real = c->in[0]->dtype == RD_F32 || c->in[0]->dtype == RD_F64;
    const char *const name = real ? "imputed_value_floats" : "imputed_value_int64s";
    const struct rd_attr *a = rd_op_attr(c->node, name);

    if (!a || !a->n)
        return RD_FAIL(c->err, RD_E_INPUT, "'%s' is missing, which %s inputs need", name,
            rd_dtype_name(c->in[0]->dtype));
    rd_op_same_shape(c->out[0], c->in[0]);
    return fits(c, name, a->n);
}

/* GONE: is x the value to be replaced? */
#define IMPUTE(T, LIST, GONE)                                                                      \
    for (size_t i = 0, f = 0; i < count; i++, f = f + 1 == features ? 0 : f + 1) {                 \
        const T x = ((const T *)c->in[0]->data)[i];                                                \
        ((T *)c->out[0]->data)[i] = GONE ? (T)LIST[n > 1 ? f : 0] : x;                             \
    }                                                                                              \
    break

static rd_status imputer_forward(struct rd_op_call *c)
{
    const bool real = c->in[0]->dtype == RD_F32 || c->in[0]->dtype == RD_F64;
    const size_t count = rd_tensor_count(c->in[0]);
    const size_t features = count ? (size_t)features_of(c->in[0]) : 1;
    const float gone = rd_op_float(c->node, "replaced_value_float", 0);
    const int64_t gone_int = rd_op_int(c->node, "replaced_value_int64", 0);
    const bool nan = isnan(gone);
    size_t n_reals, n_ints;
    const float *const reals = rd_ml_floats(c->node, "imputed_value_floats", &n_reals);
    const int64_t *const whole = rd_op_ints(c->node, "imputed_value_int64s", &n_ints);
    const size_t n = real ? n_reals : n_ints;

    switch ((int)c->in[0]->dtype) {
    case RD_F32:
        IMPUTE(float, reals, (nan ? isnan(x) : x == gone));
    case RD_F64:
        IMPUTE(double, reals, (nan ? isnan(x) : x == (double)gone));
    case RD_I32:
        IMPUTE(int32_t, whole, x == gone_int);
    default:
        IMPUTE(int64_t, whole, x == gone_int);
    }
    return RD_OK;
}

#define THROUGH(T)                                                                                 \
    for (size_t i = 0; i < count; i++) {                                                           \
        const double x = (double)((const T *)c->in[0]->data)[i];                                   \
        if (!(isnan(gone) ? isnan(x) : x == gone))                                                 \
            ((T *)c->din[0]->data)[i] += ((const T *)c->dout[0]->data)[i];                         \
    }

/* What was replaced no longer depends on the input. */
static rd_status imputer_backward(struct rd_op_call *c)
{
    const double gone = (double)rd_op_float(c->node, "replaced_value_float", 0);
    const size_t count = rd_tensor_count(c->in[0]);

    if (!c->dout[0] || !c->din[0])
        return RD_OK;
    if (c->in[0]->dtype == RD_F32) {
        THROUGH(float)
    } else {
        THROUGH(double)
    }
    return RD_OK;
}

static const struct rd_op_attr imputer_attrs[] = {
    { "imputed_value_floats", RD_ATTR_FLOATS, 0, 0, false },
    { "imputed_value_int64s", RD_ATTR_INTS, 0, 0, false },
    { "replaced_value_float", RD_ATTR_FLOAT, 0, 0, false },
    { "replaced_value_int64", RD_ATTR_INT, 0, 0, false },
    { 0 },
};

const struct rd_op rd_op_imputer = {
    .op = "Imputer",
    .domain = RD_ML_DOMAIN,
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FEATURES },
    .attrs = imputer_attrs,
    .infer = imputer_infer,
    .forward = imputer_forward,
    .backward = imputer_backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .per_example = rd_ml_per_row,
};

/* --- FeatureVectorizer --- */

/* A tensor as (n, columns): one dimension is a column. */
static rd_status matrix(const struct rd_op_call *c, int i, int64_t *n_out, int64_t *columns_out)
{
    const struct rd_tensor *t = c->in[i];

    *n_out = 0;
    *columns_out = 0;
    if (t->ndim < 1)
        return RD_FAIL(c->err, RD_E_INPUT, "input %d is a single number, not rows", i);
    *n_out = t->dim[0];
    *columns_out = 1;
    for (int d = 1; d < t->ndim; d++)
        if (t->dim[d] < 0 || *columns_out < 0)
            *columns_out = -1;
        else if (__builtin_mul_overflow(*columns_out, t->dim[d], columns_out))
            return RD_FAIL(c->err, RD_E_INPUT, "input %d has an impossible shape", i);
    return RD_OK;
}

/* How many columns input i gets in the output: as declared, cut or filled up with zeros. */
static int64_t declared(const struct rd_op_call *c, int i, int64_t columns)
{
    size_t n;
    const int64_t *dims = rd_op_ints(c->node, "inputdimensions", &n);

    return n ? dims[i] : columns;
}

static rd_status vectorizer_infer(struct rd_op_call *c)
{
    int64_t rows = -1, total = 0;
    size_t n;
    const int64_t *dims = rd_op_ints(c->node, "inputdimensions", &n);

    if (n && n != (size_t)c->node->n_inputs)
        return RD_FAIL(c->err, RD_E_INPUT, "'inputdimensions' has %zu entries for %d inputs", n,
            c->node->n_inputs);
    for (int i = 0; i < c->node->n_inputs; i++) {
        int64_t have, columns;
        const rd_status st = matrix(c, i, &have, &columns);

        if (st)
            return st;
        if (n && dims[i] < 0)
            return RD_FAIL(c->err, RD_E_INPUT, "'inputdimensions' holds %lld", (long long)dims[i]);
        if (rows >= 0 && have >= 0 && rows != have)
            return RD_FAIL(c->err, RD_E_INPUT, "input %d has %lld rows, an earlier one %lld", i,
                (long long)have, (long long)rows);
        rows = have >= 0 ? have : rows;
        columns = declared(c, i, columns);
        if (columns < 0 || total < 0)
            total = -1;
        else if (__builtin_add_overflow(total, columns, &total))
            return RD_FAIL(c->err, RD_E_INPUT, "the output would have too many columns");
    }
    rd_ml_shape2(c->out[0], RD_F32, rows, total);
    return RD_OK;
}

static size_t vectorizer_scratch(const struct rd_op_call *c)
{
    size_t most = 0;

    for (int i = 0; i < c->node->n_inputs; i++)
        most = rd_tensor_count(c->in[i]) > most ? rd_tensor_count(c->in[i]) : most;
    return most * sizeof(double) + 64;
}

static rd_status vectorizer_forward(struct rd_op_call *c)
{
    const size_t wide = (size_t)c->out[0]->dim[1];
    float *const out = c->out[0]->data;
    size_t at = 0;

    memset(out, 0, rd_tensor_bytes(c->out[0]));
    for (int i = 0; i < c->node->n_inputs; i++) {
        const double *x;
        int64_t rows, columns, room;

        (void)matrix(c, i, &rows, &columns);
        room = declared(c, i, columns);
        c->scratch_used = 0;
        x = rd_op_wide(c, c->in[i]);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t k = 0; k < columns && k < room; k++)
                out[(size_t)r * wide + at + (size_t)k] = (float)x[r * columns + k];
        at += (size_t)room;
    }
    return RD_OK;
}

static rd_status vectorizer_backward(struct rd_op_call *c)
{
    const size_t wide = (size_t)c->out[0]->dim[1];
    const float *const dy = c->dout[0] ? c->dout[0]->data : NULL;
    size_t at = 0;

    for (int i = 0; i < c->node->n_inputs && dy; i++) {
        double *dx;
        int64_t rows, columns, room;

        (void)matrix(c, i, &rows, &columns);
        room = declared(c, i, columns);
        c->scratch_used = 0;
        dx = rd_op_take(c, rd_tensor_count(c->in[i]) * sizeof(*dx));
        for (int64_t r = 0; r < rows; r++)
            for (int64_t k = 0; k < columns; k++)
                dx[r * columns + k] = k < room ? (double)dy[(size_t)r * wide + at + (size_t)k] : 0;
        if (c->din[i])
            rd_op_narrow(dx, c->din[i], true);
        at += (size_t)room;
    }
    return RD_OK;
}

static bool all_batched(const struct rd_op_call *c, const bool *batched)
{
    for (int i = 0; i < c->node->n_inputs; i++)
        if (!batched[i])
            return false;
    return true;
}

static const struct rd_op_attr vectorizer_attrs[] = {
    { "inputdimensions", RD_ATTR_INTS, 0, 0, false },
    { 0 },
};

const struct rd_op rd_op_featurevectorizer = {
    .op = "FeatureVectorizer",
    .domain = RD_ML_DOMAIN,
    .since = 1,
    .min_in = 1,
    .max_in = -1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FEATURES },
    .same = RD_GRAD_ALL,
    .attrs = vectorizer_attrs,
    .infer = vectorizer_infer,
    .forward = vectorizer_forward,
    .backward = vectorizer_backward,
    .grad_in = RD_GRAD_ALL,
    .scratch = vectorizer_scratch,
    .per_example = all_batched,
};

/* --- ArrayFeatureExtractor --- */

static rd_status extractor_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0], *y = c->in[1];
    struct rd_tensor *out = c->out[0];
    int64_t chosen = 1;

    if (x->ndim < 1)
        return RD_FAIL(c->err, RD_E_INPUT, "the input must have at least one dimension");
    for (int d = 0; d < y->ndim; d++)
        if (y->dim[d] < 0 || chosen < 0)
            chosen = -1;
        else if (__builtin_mul_overflow(chosen, y->dim[d], &chosen))
            return RD_FAIL(c->err, RD_E_INPUT, "the indices have an impossible shape");
    rd_op_same_shape(out, x);
    if (x->ndim == 1) { /* a vector becomes a matrix of one row, as in ONNX Runtime */
        out->ndim = 2;
        out->dim[0] = 1;
    }
    out->dim[out->ndim - 1] = chosen;
    return RD_OK;
}

static rd_status chosen_fit(struct rd_op_call *c, int64_t features)
{
    const int64_t *const index = c->in[1]->data;

    for (size_t i = 0, n = rd_tensor_count(c->in[1]); i < n; i++)
        if (index[i] < 0 || index[i] >= features)
            return RD_FAIL(c->err, RD_E_INPUT, "index %lld is outside 0..%lld", (long long)index[i],
                (long long)features - 1);
    return RD_OK;
}

static rd_status extractor_forward(struct rd_op_call *c)
{
    const size_t features = (size_t)features_of(c->in[0]), n = rd_tensor_count(c->in[1]);
    const size_t size = rd_dtype_size(c->in[0]->dtype);
    const size_t rows = features ? rd_tensor_count(c->in[0]) / features : 0;
    const int64_t *const index = c->in[1]->data;
    const char *const from = c->in[0]->data;
    char *to = c->out[0]->data;
    const rd_status st = chosen_fit(c, (int64_t)features);

    for (size_t r = 0; r < rows && !st; r++)
        for (size_t i = 0; i < n; i++, to += size)
            memcpy(to, from + (r * features + (size_t)index[i]) * size, size);
    return st;
}

static rd_status extractor_backward(struct rd_op_call *c)
{
    const size_t features = (size_t)features_of(c->in[0]), n = rd_tensor_count(c->in[1]);
    const size_t rows = features ? rd_tensor_count(c->in[0]) / features : 0;
    const int64_t *const index = c->in[1]->data;

    if (!c->dout[0] || !c->din[0])
        return RD_OK;
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < n; i++) {
            const size_t at = r * features + (size_t)index[i];

            if (c->in[0]->dtype == RD_F32)
                ((float *)c->din[0]->data)[at] += ((const float *)c->dout[0]->data)[r * n + i];
            else
                ((double *)c->din[0]->data)[at] += ((const double *)c->dout[0]->data)[r * n + i];
        }
    return RD_OK;
}

static bool extractor_rows(const struct rd_op_call *c, const bool *batched)
{
    return rd_ml_per_row(c, batched) && !batched[1];
}

const struct rd_op rd_op_arrayfeatureextractor = {
    .op = "ArrayFeatureExtractor",
    .domain = RD_ML_DOMAIN,
    .since = 1,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FEATURES | RD_T(RD_STRING), RD_T_I64 },
    .infer = extractor_infer,
    .forward = extractor_forward,
    .backward = extractor_backward,
    .grad_in = 1,
    .moves = 1,
    .reads = RD_READS_IN,
    .per_example = extractor_rows,
};
