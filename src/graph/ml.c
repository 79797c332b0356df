/* ml.c - see ml.h. */
#include "graph/ml.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- attributes --- */

const float *rd_ml_floats(const struct rd_graph_node *node, const char *name, size_t *n_out)
{
    const struct rd_attr *a = rd_op_attr(node, name);

    *n_out = a ? a->n : 0;
    return a ? a->floats : NULL;
}

static rd_status one_text(
    const char *name, const char *s, size_t n, char *to, size_t i, struct rd_error *err)
{
    size_t at;

    if (memchr(s, 0, n))
        return RD_FAIL(err, RD_E_INPUT, "string %zu of '%s' holds a NUL byte", i, name);
    if (!rd_text_is_utf8(s, n, &at))
        return RD_FAIL(
            err, RD_E_INPUT, "string %zu of '%s' is no UTF-8 at its byte %zu", i, name, at);
    memcpy(to, s, n);
    to[n] = 0;
    return RD_OK;
}

rd_status rd_ml_strings(const struct rd_graph_node *node, const char *name, struct rd_arena *arena,
    const char *const **out, size_t *n_out, struct rd_error *err)
{
    const struct rd_attr *a = rd_op_attr(node, name);
    const char **list;
    size_t bytes = 0;
    char *to;

    *out = NULL;
    *n_out = 0;
    if (!a)
        return RD_OK;
    for (size_t i = 0; i < a->n; i++) /* they lie in the file: no overflow */
        bytes += a->strings_len[i] + 1;
    list = RD_NEW_ARRAY(arena, const char *, a->n);
    to = rd_arena_alloc(arena, bytes, 1);
    if (!list || !to)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu strings", a->n);
    for (size_t i = 0; i < a->n; i++) {
        const rd_status st = one_text(name, a->strings[i], a->strings_len[i], to, i, err);

        if (st)
            return st;
        list[i] = to;
        to += a->strings_len[i] + 1;
    }
    *out = list;
    *n_out = a->n;
    return RD_OK;
}

rd_status rd_ml_string(const struct rd_graph_node *node, const char *name, const char *otherwise,
    struct rd_arena *arena, const char **out, struct rd_error *err)
{
    const struct rd_attr *a = rd_op_attr(node, name);
    char *to;

    *out = otherwise;
    if (!a)
        return RD_OK;
    to = rd_arena_alloc(arena, a->s_len + 1, 1);
    if (!to)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a string");
    *out = to;
    return one_text(name, a->s, a->s_len, to, 0, err);
}

rd_status rd_ml_choice(const struct rd_graph_node *node, const char *name, const char *const *words,
    int *out, struct rd_error *err)
{
    char list[160] = "", got[40];
    const struct rd_attr *a = rd_op_attr(node, name);
    size_t used = 0;

    *out = 0;
    if (!a)
        return RD_OK;
    for (int i = 0; words[i]; i++) {
        if (rd_op_str_is(node, name, words[i])) {
            *out = i;
            return RD_OK;
        }
        used += (size_t)snprintf(list + used, used < sizeof(list) ? sizeof(list) - used : 0, "%s%s",
            i ? ", " : "", words[i]);
        used = used < sizeof(list) ? used : sizeof(list) - 1;
    }
    (void)snprintf(got, sizeof(got), "%.*s", a->s_len < 30 ? (int)a->s_len : 30, a->s);
    return RD_FAIL(err, RD_E_INPUT, "attribute '%s' must be one of %s, not '%s'", name, list,
        rd_text_safe_in(got, sizeof(got), got));
}

rd_status rd_ml_numbers(const struct rd_graph_node *node, const char *floats, const char *tensor,
    struct rd_arena *arena, const double **out, size_t *n_out, struct rd_error *err)
{
    const struct rd_attr *a = floats ? rd_op_attr(node, floats) : NULL;
    const struct rd_attr *b = tensor ? rd_op_attr(node, tensor) : NULL;
    const struct rd_tensor *t = b ? b->tensor : NULL;
    const size_t n = t ? rd_tensor_count(t) : a ? a->n : 0;
    struct rd_tensor aligned;
    struct rd_op_call c = { .node = node };
    double *to;

    *out = NULL;
    *n_out = 0;
    if (a && a->n && t)
        return RD_FAIL(err, RD_E_INPUT, "'%s' and '%s' are both given", floats, tensor);
    if (t && !(RD_T(t->dtype) & RD_T_FLOAT))
        return RD_FAIL(err, RD_E_INPUT, "attribute '%s' must hold floats, not %s", tensor,
            rd_dtype_name(t->dtype));
    if (!n)
        return RD_OK;
    aligned = t ? *t : (struct rd_tensor){ .dtype = RD_F32, .ndim = 1, .dim = { (int64_t)n } };
    aligned.data =
        rd_arena_alloc(arena, rd_tensor_bytes(&aligned), 1); /* in a file it may lie anyhow */
    to = aligned.dtype == RD_F64 ? aligned.data : RD_NEW_ARRAY(arena, double, n);
    if (!aligned.data || !to)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu numbers", n);
    memcpy(aligned.data, t ? t->data : a->floats, rd_tensor_bytes(&aligned));
    c.scratch = (char *)to;
    *out = rd_op_wide(&c, &aligned);
    *n_out = n;
    return RD_OK;
}

/* --- class labels --- */

rd_status rd_ml_labels(const struct rd_graph_node *node, const char *ints, const char *strings,
    struct rd_arena *arena, struct rd_ml_labels *out, struct rd_error *err)
{
    size_t n_ints, n_texts;
    rd_status st;

    *out = (struct rd_ml_labels){ 0 };
    out->ints = rd_op_ints(node, ints, &n_ints);
    st = rd_ml_strings(node, strings, arena, &out->texts, &n_texts, err);
    if (st)
        return st;
    if (n_ints && n_texts)
        return RD_FAIL(err, RD_E_INPUT, "'%s' and '%s' are both given", ints, strings);
    if (n_texts)
        out->ints = NULL;
    else
        out->texts = NULL;
    out->n = n_ints + n_texts;
    return RD_OK;
}

void rd_ml_labels_shape(const struct rd_ml_labels *labels, int64_t n, struct rd_tensor *out)
{
    out->dtype = labels->texts ? RD_STRING : RD_I64;
    out->ndim = 1;
    out->dim[0] = n;
}

void rd_ml_label_put(const struct rd_ml_labels *labels, size_t k, struct rd_tensor *out, size_t row)
{
    if (!out)
        return;
    if (labels->texts)
        ((const char **)out->data)[row] = labels->texts[k];
    else
        ((int64_t *)out->data)[row] = labels->ints ? labels->ints[k] : (int64_t)k;
}

void rd_ml_label_binary(
    const struct rd_ml_labels *labels, bool yes, struct rd_tensor *out, size_t row)
{
    if (!out)
        return;
    if (labels->n >= 2)
        rd_ml_label_put(labels, yes, out, row);
    else if (labels->texts)
        ((const char **)out->data)[row] = yes ? labels->texts[0] : "";
    else
        ((int64_t *)out->data)[row] = !yes ? 0 : labels->n ? labels->ints[0] : 1;
}

/* --- scores --- */

const char *const rd_ml_posts[] = { "NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT", NULL };

double rd_ml_logistic(double v)
{
    const double e = exp(-fabs(v)); /* never above 1 */

    return v < 0 ? e / (1 + e) : 1 / (1 + e);
}

/*
 * Rational approximations in three ranges, then one step of Halley's method on erfc, which leaves
 * an error of a few units in the last place. Source: Acklam 2003, "An algorithm for computing the
 * inverse normal cumulative distribution function".
 */
double rd_ml_probit(double p)
{
    static const double A[] = { -3.969683028665376e+01, 2.209460984245205e+02,
        -2.759285104469687e+02, 1.383577518672690e+02, -3.066479806614716e+01,
        2.506628277459239e+00 };
    static const double B[] = { -5.447609879822406e+01, 1.615858368580409e+02,
        -1.556989798598866e+02, 6.680131188771972e+01, -1.328068155288572e+01 };
    static const double C[] = { -7.784894002430293e-03, -3.223964580411365e-01,
        -2.400758277161838e+00, -2.549732539343734e+00, 4.374664141464968e+00,
        2.938163982698783e+00 };
    static const double D[] = { 7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
        3.754408661907416e+00 };
    static const double LOW = 0.02425;
    const double tail = p < 0.5 ? p : 1 - p;
    double x, e, u;

    if (!(p >= 0 && p <= 1))
        return (double)NAN;
    if (tail <= 0)
        return p < 0.5 ? -HUGE_VAL : HUGE_VAL;
    if (tail < LOW) {
        const double q = sqrt(-2 * log(tail));

        x = (((((C[0] * q + C[1]) * q + C[2]) * q + C[3]) * q + C[4]) * q + C[5]) /
            ((((D[0] * q + D[1]) * q + D[2]) * q + D[3]) * q + 1);
        x = p < 0.5 ? x : -x;
    } else {
        const double q = p - 0.5, r = q * q;

        x = (((((A[0] * r + A[1]) * r + A[2]) * r + A[3]) * r + A[4]) * r + A[5]) * q /
            (((((B[0] * r + B[1]) * r + B[2]) * r + B[3]) * r + B[4]) * r + 1);
    }
    e = 0.5 * erfc(-x / M_SQRT2) - p;
    u = e * sqrt(2 * M_PI) * exp(x * x / 2);
    return x - u / (1 + x * u / 2);
}

size_t rd_ml_argmax(const double *v, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++)
        if (v[i] > v[best] || (isnan(v[best]) && !isnan(v[i])))
            best = i;
    return best;
}

static bool is_zero(double v)
{
    return fabs(v) <= 1e-7; /* ONNX Runtime's and the reference's idea of an absent score */
}

/* SOFTMAX_ZERO: scores of 0 stay 0 and take no part in the sum. */
static void softmax(double *v, size_t n, bool zero)
{
    double top = -HUGE_VAL, sum = 0;

    for (size_t i = 0; i < n; i++)
        top = v[i] > top ? v[i] : top;
    for (size_t i = 0; i < n; i++) {
        v[i] = zero && is_zero(v[i]) ? 0 : exp(v[i] - top);
        sum += v[i];
    }
    for (size_t i = 0; i < n; i++)
        v[i] = sum != 0 ? v[i] / sum : v[i];
}

void rd_ml_post_apply(enum rd_ml_post post, double *v, size_t n)
{
    switch (post) {
    case RD_ML_NONE:
        break;
    case RD_ML_LOGISTIC:
        for (size_t i = 0; i < n; i++)
            v[i] = rd_ml_logistic(v[i]);
        break;
    case RD_ML_PROBIT:
        for (size_t i = 0; i < n; i++)
            v[i] = rd_ml_probit(v[i]);
        break;
    case RD_ML_SOFTMAX:
    case RD_ML_SOFTMAX_ZERO:
        if (n > 1)
            softmax(v, n, post == RD_ML_SOFTMAX_ZERO);
        break;
    }
}

void rd_ml_post_back(
    enum rd_ml_post post, const double *raw, const double *out, double *dz, size_t n)
{
    double dot = 0;

    switch (post) {
    case RD_ML_NONE:
        return;
    case RD_ML_LOGISTIC:
        for (size_t i = 0; i < n; i++)
            dz[i] *= out[i] * (1 - out[i]);
        return;
    case RD_ML_PROBIT: /* one over the density at the quantile */
        for (size_t i = 0; i < n; i++)
            dz[i] *= sqrt(2 * M_PI) * exp(out[i] * out[i] / 2);
        return;
    case RD_ML_SOFTMAX:
    case RD_ML_SOFTMAX_ZERO:
        if (n < 2)
            return;
        for (size_t i = 0; i < n; i++)
            dot += dz[i] * out[i];
        for (size_t i = 0; i < n; i++)
            dz[i] = post == RD_ML_SOFTMAX_ZERO && is_zero(raw[i]) ? 0 : out[i] * (dz[i] - dot);
        return;
    }
}

/* --- rows of features --- */

rd_status rd_ml_rows(
    const struct rd_op_call *c, const struct rd_tensor *x, int64_t *n_out, int64_t *features_out)
{
    int64_t features = 1;

    if (x->ndim < 1)
        return RD_FAIL(c->err, RD_E_INPUT, "the input must have one or two dimensions, not none");
    *n_out = x->ndim == 1 ? 1 : x->dim[0];
    for (int d = x->ndim == 1 ? 0 : 1; d < x->ndim; d++)
        if (x->dim[d] < 0 || features < 0)
            features = -1;
        else if (__builtin_mul_overflow(features, x->dim[d], &features))
            return RD_FAIL(c->err, RD_E_INPUT, "the input has an impossible shape");
    *features_out = features;
    return RD_OK;
}

void rd_ml_shape2(struct rd_tensor *out, enum rd_dtype type, int64_t n, int64_t columns)
{
    out->dtype = type;
    out->ndim = 2;
    out->dim[0] = n;
    out->dim[1] = columns;
}

bool rd_ml_per_row(const struct rd_op_call *c, const bool *batched)
{
    return batched[0] && c->in[0]->ndim >= 2;
}
