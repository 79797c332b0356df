/*
 * op_random.c - RandomUniform, RandomNormal and their Like forms, Bernoulli, Multinomial.
 *
 * The standard leaves the generator open. Ours is the project's counter-based one: with the
 * attribute seed the stream is named by its bits, without it by the node, so that a run repeats
 * itself; elements are drawn in order, so the first rows do not depend on the size of the batch.
 * What is drawn does not depend on the input's values: the gradient of the Like forms is 0, and
 * noise added to a signal lets its gradient pass. Draws by the input's values have none.
 */
#include "graph/op_index.h"

#include "base/rng.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

static struct rd_rng stream(const struct rd_op_call *c)
{
    const struct rd_graph_node *node = c->node;
    const struct rd_attr *seed = rd_op_attr(node, "seed");
    uint32_t bits = 0;

    if (!seed)
        return rd_rng_stream(0, node->name && *node->name ? node->name : node->op,
            node->n_outputs && node->output ? (uint64_t)node->output[0] : 0);
    memcpy(&bits, &seed->f, sizeof(bits));
    return rd_rng_stream(bits, node->op, 0);
}

/* Element type from an attribute, one of `types`; absent: as given. */
static rd_status type_of(
    const struct rd_op_call *c, enum rd_dtype otherwise, unsigned types, enum rd_dtype *out)
{
    const int64_t t = rd_op_int(c->node, "dtype", (int64_t)otherwise);

    if (t < 0 || t > RD_BF16 || (t && !(types & RD_T(t))))
        return RD_FAIL(c->err, RD_E_INPUT, "element type %lld (attribute 'dtype') is not supported",
            (long long)t);
    *out = (enum rd_dtype)t;
    return RD_OK;
}

static size_t scratch(const struct rd_op_call *c)
{
    return rd_tensor_count(c->out[0]) * sizeof(double) + 64 +
           (c->node->n_inputs ? rd_op_wide_size(c->in[0]) : 0);
}

static double draw_flops(const struct rd_op_call *c)
{
    return 40 * (double)rd_tensor_count(c->out[0]);
}

/* --- RandomUniform, RandomNormal --- */

static rd_status shape_infer(struct rd_op_call *c)
{
    struct rd_tensor *out = c->out[0];
    size_t n;
    const int64_t *shape = rd_op_ints(c->node, "shape", &n);
    rd_status st = type_of(c, RD_F32, RD_T_FLOAT, &out->dtype);

    if (st)
        return st;
    if (n > RD_MAX_DIMS)
        return RD_FAIL(c->err, RD_E_LIMIT, "the shape has %zu entries; at most %d are supported", n,
            RD_MAX_DIMS);
    out->ndim = (int)n;
    for (size_t i = 0; i < n; i++) {
        if (shape[i] < 0)
            return RD_FAIL(
                c->err, RD_E_INPUT, "dimension %zu of the shape is %lld", i, (long long)shape[i]);
        out->dim[i] = shape[i];
    }
    return RD_OK;
}

static rd_status like_infer(struct rd_op_call *c)
{
    enum rd_dtype type;
    rd_status st = type_of(c, c->in[0]->dtype, RD_T_FLOAT, &type);

    if (st)
        return st;
    rd_op_same_shape(c->out[0], c->in[0]);
    c->out[0]->dtype = type;
    return RD_OK;
}

static double real(const struct rd_op_call *c, const char *name, float otherwise)
{
    return (double)rd_op_float(c->node, name, otherwise);
}

static rd_status uniform_forward(struct rd_op_call *c)
{
    const size_t n = rd_tensor_count(c->out[0]);
    const double low = real(c, "low", 0), high = real(c, "high", 1);
    double *const v = rd_op_take(c, n * sizeof(*v));
    struct rd_rng rng = stream(c);

    for (size_t i = 0; i < n; i++)
        v[i] = low + (high - low) * rd_rng_unit(&rng);
    rd_op_narrow(v, c->out[0], false);
    return RD_OK;
}

/* Box, Muller 1958: two uniform numbers make one normal one. */
static rd_status normal_forward(struct rd_op_call *c)
{
    const size_t n = rd_tensor_count(c->out[0]);
    const double mean = real(c, "mean", 0), scale = real(c, "scale", 1);
    double *const v = rd_op_take(c, n * sizeof(*v));
    struct rd_rng rng = stream(c);

    for (size_t i = 0; i < n; i++) {
        const double radius = sqrt(-2 * log1p(-rd_rng_unit(&rng)));

        v[i] = mean + scale * radius * cos(2 * PI * rd_rng_unit(&rng));
    }
    rd_op_narrow(v, c->out[0], false);
    return RD_OK;
}

static rd_status nothing_back(struct rd_op_call *c)
{
    (void)c;
    return RD_OK;
}

static const struct rd_op_attr uniform_attrs[] = {
    { "dtype", RD_ATTR_INT, 1, 0, false },
    { "high", RD_ATTR_FLOAT, 1, 0, false },
    { "low", RD_ATTR_FLOAT, 1, 0, false },
    { "seed", RD_ATTR_FLOAT, 1, 0, false },
    { "shape", RD_ATTR_INTS, 1, 0, true },
    { 0 },
};
static const struct rd_op_attr normal_attrs[] = {
    { "dtype", RD_ATTR_INT, 1, 0, false },
    { "mean", RD_ATTR_FLOAT, 1, 0, false },
    { "scale", RD_ATTR_FLOAT, 1, 0, false },
    { "seed", RD_ATTR_FLOAT, 1, 0, false },
    { "shape", RD_ATTR_INTS, 1, 0, true },
    { 0 },
};
static const struct rd_op_attr uniform_like_attrs[] = {
    { "dtype", RD_ATTR_INT, 1, 0, false },
    { "high", RD_ATTR_FLOAT, 1, 0, false },
    { "low", RD_ATTR_FLOAT, 1, 0, false },
    { "seed", RD_ATTR_FLOAT, 1, 0, false },
    { 0 },
};
static const struct rd_op_attr normal_like_attrs[] = {
    { "dtype", RD_ATTR_INT, 1, 0, false },
    { "mean", RD_ATTR_FLOAT, 1, 0, false },
    { "scale", RD_ATTR_FLOAT, 1, 0, false },
    { "seed", RD_ATTR_FLOAT, 1, 0, false },
    { 0 },
};

#define SHAPED(id, name)                                                                           \
    const struct rd_op rd_op_random##id = {                                                        \
        .op = name,                                                                                \
        .domain = "",                                                                              \
        .since = 1,                                                                                \
        .min_out = 1,                                                                              \
        .max_out = 1,                                                                              \
        .attrs = id##_attrs,                                                                       \
        .infer = shape_infer,                                                                      \
        .forward = id##_forward,                                                                   \
        .scratch = scratch,                                                                        \
        .flops = draw_flops,                                                                       \
        .random = true,                                                                            \
    }
#define LIKE(id, name)                                                                             \
    const struct rd_op rd_op_random##id##like = {                                                  \
        .op = name,                                                                                \
        .domain = "",                                                                              \
        .since = 1,                                                                                \
        .min_in = 1,                                                                               \
        .max_in = 1,                                                                               \
        .min_out = 1,                                                                              \
        .max_out = 1,                                                                              \
        .in_type = { RD_T_MOVABLE },                                                               \
        .attrs = id##_like_attrs,                                                                  \
        .infer = like_infer,                                                                       \
        .forward = id##_forward,                                                                   \
        .backward = nothing_back,                                                                  \
        .grad_in = 1,                                                                              \
        .scratch = scratch,                                                                        \
        .flops = draw_flops,                                                                       \
        .random = true,                                                                            \
    }

SHAPED(uniform, "RandomUniform");
SHAPED(normal, "RandomNormal");
LIKE(uniform, "RandomUniformLike");
LIKE(normal, "RandomNormalLike");

/* --- Bernoulli: 1 with the probability that the input gives --- */

static rd_status bernoulli_infer(struct rd_op_call *c)
{
    enum rd_dtype type;
    rd_status st = type_of(c, c->in[0]->dtype, RD_T_ANY, &type);

    if (st)
        return st;
    rd_op_same_shape(c->out[0], c->in[0]);
    c->out[0]->dtype = type;
    return RD_OK;
}

static rd_status bernoulli_forward(struct rd_op_call *c)
{
    const double *const p = rd_op_wide(c, c->in[0]);
    const size_t n = rd_tensor_count(c->in[0]);
    struct rd_rng rng = stream(c);

    for (size_t i = 0; i < n; i++) {
        if (!(p[i] >= 0 && p[i] <= 1))
            return RD_FAIL(
                c->err, RD_E_INPUT, "element %zu is %g, but a probability is in 0..1", i, p[i]);
        rd_bits_set(c->out[0], i, rd_rng_unit(&rng) < p[i] ? rd_bits_of_one(c->out[0]->dtype) : 0);
    }
    return RD_OK;
}

static const struct rd_op_attr bernoulli_attrs[] = {
    { "dtype", RD_ATTR_INT, 15, 0, false },
    { "seed", RD_ATTR_FLOAT, 15, 0, false },
    { 0 },
};

const struct rd_op rd_op_bernoulli = {
    .op = "Bernoulli",
    .domain = "",
    .since = 15,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .attrs = bernoulli_attrs,
    .infer = bernoulli_infer,
    .forward = bernoulli_forward,
    .scratch = scratch,
    .flops = draw_flops,
    .random = true,
};

/* --- Multinomial: classes drawn by their log-probabilities, which need not be normalized --- */

static rd_status multinomial_infer(struct rd_op_call *c)
{
    const int64_t samples = rd_op_int(c->node, "sample_size", 1);
    struct rd_tensor *out = c->out[0];
    rd_status st = type_of(c, RD_I32, RD_T_INDEX, &out->dtype);

    if (st)
        return st;
    if (c->in[0]->ndim != 2 || c->in[0]->dim[1] == 0)
        return RD_FAIL(c->err, RD_E_INPUT, "the input must be (examples, classes)");
    if (samples < 1 || samples > INT32_MAX)
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'sample_size' is %lld", (long long)samples);
    out->ndim = 2;
    out->dim[0] = c->in[0]->dim[0];
    out->dim[1] = samples;
    return RD_OK;
}

static rd_status multinomial_forward(struct rd_op_call *c)
{
    const double *x = rd_op_wide(c, c->in[0]);
    const size_t rows = (size_t)c->in[0]->dim[0], classes = (size_t)c->in[0]->dim[1];
    const size_t samples = (size_t)c->out[0]->dim[1];
    struct rd_rng rng = stream(c);

    for (size_t r = 0; r < rows; r++, x += classes) {
        double most = x[0], total = 0;

        for (size_t k = 1; k < classes; k++)
            most = fmax(most, x[k]);
        for (size_t k = 0; k < classes; k++)
            total += exp(x[k] - most);
        if (!(total > 0 && isfinite(total)))
            return RD_FAIL(c->err, RD_E_INPUT, "row %zu holds no log-probabilities to draw by", r);
        for (size_t s = 0; s < samples; s++) {
            double left = total * rd_rng_unit(&rng);
            size_t k = 0;

            while (k + 1 < classes && (left -= exp(x[k] - most)) >= 0)
                k++;
            rd_bits_set(c->out[0], r * samples + s, k);
        }
    }
    return RD_OK;
}

static double multinomial_flops(const struct rd_op_call *c)
{
    return 20 * (double)rd_tensor_count(c->out[0]) * (double)c->in[0]->dim[1] +
           20 * (double)rd_tensor_count(c->in[0]);
}

static const struct rd_op_attr multinomial_attrs[] = {
    { "dtype", RD_ATTR_INT, 7, 0, false },
    { "sample_size", RD_ATTR_INT, 7, 0, false },
    { "seed", RD_ATTR_FLOAT, 7, 0, false },
    { 0 },
};

const struct rd_op rd_op_multinomial = {
    .op = "Multinomial",
    .domain = "",
    .since = 7,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .attrs = multinomial_attrs,
    .infer = multinomial_infer,
    .forward = multinomial_forward,
    .scratch = scratch,
    .flops = multinomial_flops,
    .random = true,
};
