/*
 * op_einsum.c - Einsum: products of any number of operands, summed over the letters that the result
 * does not have.
 *
 * Every letter, and every axis behind an ellipsis counted from the right, is a label with a size;
 * an operand walks each label by a step (the sum of its axes' steps where a letter repeats: the
 * diagonal; 0 where it has the label not, or with size 1). One nest of loops over all labels then
 * computes anything; the gradient of an operand is the same nest with the cotangent in its place.
 * Floats in float64 and rounded once, integers wrapping.
 */
#include "graph/op_index.h"
#include "tensor/kernel.h"

enum { LETTERS = 52, LABELS = LETTERS + RD_MAX_DIMS, OPERANDS = 24 };

struct term { /* the label of each axis */
    int n;
    int label[RD_MAX_DIMS];
};

struct einsum {
    int operands;
    struct term in[OPERANDS], out;
    int64_t size[LABELS]; /* 0: not used, -1: free */
    bool used[LABELS];
};

static int letter(char ch)
{
    if (ch >= 'A' && ch <= 'Z')
        return ch - 'A';
    return ch >= 'a' && ch <= 'z' ? 26 + ch - 'a' : -1;
}

/* One term from at to end: letters, at most one ellipsis for what is left of the rank. rank -1: the
 * result, whose ellipsis has `dots` axes. */
static rd_status read_term(
    const struct rd_op_call *c, const char *at, const char *end, int rank, int dots, struct term *t)
{
    int letters = 0;
    bool ellipsis = false;

    t->n = 0;
    for (const char *s = at; s < end; s++)
        letters += letter(*s) >= 0;
    if (rank >= 0)
        dots = rank - letters;
    if (dots < 0 || letters + dots > RD_MAX_DIMS)
        return RD_FAIL(c->err, RD_E_INPUT, "a term of the equation has %d letters for %d axes",
            letters, rank < 0 ? RD_MAX_DIMS : rank);
    for (const char *s = at; s < end; s++) {
        if (*s == ' ')
            continue;
        if (letter(*s) >= 0) {
            t->label[t->n++] = letter(*s);
        } else if (end - s >= 3 && !memcmp(s, "...", 3) && !ellipsis) {
            ellipsis = true;
            for (int i = 0; i < dots; i++)
                t->label[t->n++] = LETTERS + dots - 1 - i; /* from the right */
            s += 2;
        } else {
            return RD_FAIL(c->err, RD_E_INPUT,
                "the equation has byte 0x%02x where a letter or one ellipsis may stand",
                (unsigned char)*s);
        }
    }
    if (rank >= 0 && !ellipsis && dots)
        return RD_FAIL(
            c->err, RD_E_INPUT, "a term of the equation has %d letters for %d axes", letters, rank);
    return RD_OK;
}

static rd_status add_sizes(const struct rd_op_call *c, struct einsum *e, int k)
{
    for (int i = 0; i < e->in[k].n; i++) {
        const int label = e->in[k].label[i];
        const int64_t d = c->in[k]->dim[i], was = e->size[label];

        if (!e->used[label] || was == 1)
            e->size[label] = d;
        else if (was == -1)
            e->size[label] = d == 1 ? -1 : d;
        else if (d != -1 && d != 1 && d != was)
            return RD_FAIL(c->err, RD_E_INPUT,
                "axis %d of input %d has size %lld where the same index has %lld elsewhere", i, k,
                (long long)d, (long long)was);
        e->used[label] = true;
    }
    return RD_OK;
}

/* Without "->": the ellipsis, then the letters that occur once, in their order. */
static rd_status implied_result(const struct rd_op_call *c, struct einsum *e, int dots)
{
    int times[LABELS] = { 0 };

    for (int k = 0; k < e->operands; k++)
        for (int i = 0; i < e->in[k].n; i++)
            times[e->in[k].label[i]]++;
    e->out.n = 0;
    for (int i = dots; i-- > 0;)
        e->out.label[e->out.n++] = LETTERS + i;
    for (int l = 0; l < LETTERS; l++) {
        if (times[l] != 1)
            continue;
        if (e->out.n == RD_MAX_DIMS)
            return RD_FAIL(c->err, RD_E_LIMIT,
                "the result would have more than the %d dimensions that are supported",
                RD_MAX_DIMS);
        e->out.label[e->out.n++] = l;
    }
    return RD_OK;
}

static rd_status einsum_of(const struct rd_op_call *c, struct einsum *e)
{
    const struct rd_attr *a = rd_op_attr(c->node, "equation");
    const char *at = a->s, *const end = a->s + a->s_len, *arrow = end;
    int dots = 0;
    rd_status st = RD_OK;

    memset(e, 0, sizeof(*e));
    for (const char *s = at; s + 1 < end && arrow == end; s++)
        if (s[0] == '-' && s[1] == '>')
            arrow = s;
    if (c->node->n_inputs > OPERANDS)
        return RD_FAIL(c->err, RD_E_LIMIT, "%d operands; at most %d are supported",
            c->node->n_inputs, OPERANDS);
    e->operands = c->node->n_inputs;
    for (int k = 0; k < e->operands && !st; k++) {
        const char *comma = memchr(at, ',', (size_t)(arrow - at));
        const char *const stop = comma ? comma : arrow;

        if (!c->in[k] || (comma != NULL) != (k + 1 < e->operands))
            return RD_FAIL(c->err, RD_E_INPUT,
                "the equation must have a term for each of %d inputs", e->operands);
        st = read_term(c, at, stop, c->in[k]->ndim, 0, &e->in[k]);
        if (!st)
            st = add_sizes(c, e, k);
        at = stop + 1;
    }
    if (st)
        return st;
    for (int i = 0; i < RD_MAX_DIMS; i++)
        dots += e->used[LETTERS + i];
    if (arrow == end) {
        st = implied_result(c, e, dots);
    } else {
        st = read_term(c, arrow + 2, end, -1, dots, &e->out);
    }
    for (int i = 0; i < e->out.n && !st; i++) {
        if (!e->used[e->out.label[i]])
            st = RD_FAIL(c->err, RD_E_INPUT, "the result has an index that no operand has");
        for (int j = 0; j < i && !st; j++)
            if (e->out.label[j] == e->out.label[i])
                st = RD_FAIL(c->err, RD_E_INPUT, "the result has an index twice");
    }
    return st;
}

static rd_status infer(struct rd_op_call *c)
{
    struct einsum e;
    rd_status st = einsum_of(c, &e);

    if (st)
        return st;
    for (int k = 1; k < c->node->n_inputs; k++)
        if (c->in[k]->dtype && c->in[0]->dtype && c->in[k]->dtype != c->in[0]->dtype)
            return RD_FAIL(c->err, RD_E_INPUT, "input %d is %s, input 0 is %s: they must be equal",
                k, rd_dtype_name(c->in[k]->dtype), rd_dtype_name(c->in[0]->dtype));
    c->out[0]->dtype = c->in[0]->dtype;
    c->out[0]->ndim = e.out.n;
    for (int i = 0; i < e.out.n; i++)
        c->out[0]->dim[i] = e.size[e.out.label[i]];
    return RD_OK;
}

/* --- the nest of loops --- */

struct nest {
    int n;                             /* factors */
    int kept, summed;                  /* loops that the target has, then those it has not */
    size_t size[LABELS];               /* of the loops in that order */
    size_t step[LABELS][OPERANDS + 1]; /* of each factor, and of the target (number n) */
};

static void steps_of(const struct term *t, const struct rd_tensor *x, size_t *step)
{
    size_t all = 1;

    memset(step, 0, LABELS * sizeof(*step));
    for (int i = t->n - 1; i >= 0; i--) {
        if (x->dim[i] != 1)
            step[t->label[i]] += all;
        all *= (size_t)x->dim[i];
    }
}

/* Factors of the terms and tensors given; target the last of n + 1. */
static void nest_make(struct nest *nest, const struct einsum *e, const struct term *const *term,
    const struct rd_tensor *const *t, int n)
{
    size_t step[OPERANDS + 1][LABELS];
    int loops = 0;

    nest->n = n;
    for (int k = 0; k <= n; k++)
        steps_of(term[k], t[k], step[k]);
    for (int pass = 0; pass < 2; pass++) {
        for (int l = LABELS - 1; l >= 0; l--) { /* ellipsis first; the order within is free */
            const bool kept = step[n][l] != 0;

            if (!e->used[l] || e->size[l] == 1 || kept != (pass == 0))
                continue;
            nest->size[loops] = (size_t)e->size[l];
            for (int k = 0; k <= n; k++)
                nest->step[loops][k] = step[k][l];
            loops++;
        }
        if (pass == 0)
            nest->kept = loops;
    }
    nest->summed = loops - nest->kept;
}

/* Advance loops first..behind-1, the last fastest; places of `n` walkers. False at the end. */
static bool next(const struct nest *nest, int first, int behind, int n, size_t *at, size_t *place)
{
    for (int i = behind - 1; i >= first; i--) {
        for (int k = 0; k < n; k++)
            place[k] += nest->step[i][k];
        if (++at[i] < nest->size[i])
            return true;
        at[i] = 0;
        for (int k = 0; k < n; k++)
            place[k] -= nest->step[i][k] * nest->size[i];
    }
    return false;
}

/* target[...] += the sum, for values of type T. All sizes are at least 1. */
#define CONTRACT(name, T)                                                                          \
    static void name(const struct nest *nest, const T *const *factor, T *target)                   \
    {                                                                                              \
        size_t at[LABELS] = { 0 }, place[OPERANDS + 1] = { 0 };                                    \
        const int n = nest->n, loops = nest->kept + nest->summed;                                  \
        const size_t inner = nest->summed ? nest->size[loops - 1] : 1;                             \
        const size_t *const step = nest->summed ? nest->step[loops - 1] : NULL;                    \
                                                                                                   \
        do {                                                                                       \
            size_t from[OPERANDS + 1];                                                             \
            T sum = 0;                                                                             \
                                                                                                   \
            memcpy(from, place, sizeof(from));                                                     \
            do {                                                                                   \
                if (n == 2) {                                                                      \
                    const T *const a = factor[0] + from[0], *const b = factor[1] + from[1];        \
                    const size_t sa = step ? step[0] : 0, sb = step ? step[1] : 0;                 \
                                                                                                   \
                    for (size_t i = 0; i < inner; i++)                                             \
                        sum += a[i * sa] * b[i * sb];                                              \
                } else {                                                                           \
                    for (size_t i = 0; i < inner; i++) {                                           \
                        T product = 1;                                                             \
                                                                                                   \
                        for (int k = 0; k < n; k++)                                                \
                            product *= factor[k][from[k] + (step ? i * step[k] : 0)];              \
                        sum += product;                                                            \
                    }                                                                              \
                }                                                                                  \
            } while (next(nest, nest->kept, loops - 1, n, at, from));                              \
            target[place[n]] += sum;                                                               \
        } while (next(nest, 0, nest->kept, n + 1, at, place));                                     \
    }

CONTRACT(contract_real, double)
CONTRACT(contract_whole, uint64_t)

/* Integers as 64 bits, in scratch. */
static const uint64_t *whole(struct rd_op_call *c, const struct rd_tensor *t)
{
    const size_t n = rd_tensor_count(t);
    uint64_t *const to = rd_op_take(c, n * sizeof(*to));

    for (size_t i = 0; i < n; i++)
        to[i] = rd_bits_at(t, i);
    return to;
}

/* --- two operands of float32 as products of matrices --- */

/*
 * When every label of more than one element is in two or three of both operands and the result, and
 * in none twice, the sum is a stack of matrix products: [stack][m][k] times [stack][k][n]. So are
 * the gradients, with the roles exchanged.
 */
static bool is_product(const struct rd_op_call *c, const struct einsum *e)
{
    const struct term *const term[3] = { &e->in[0], &e->in[1], &e->out };
    int in[LABELS] = { 0 };

    if (!c->kernels || c->in[0]->dtype != RD_F32 || e->operands != 2)
        return false;
    for (int k = 0; k < 3; k++) {
        bool seen[LABELS] = { false };

        for (int i = 0; i < term[k]->n; i++) {
            const int label = term[k]->label[i];

            if (seen[label])
                return false;
            seen[label] = true;
            in[label] += k == 2 || c->in[k]->dim[i] != 1;
        }
    }
    for (int l = 0; l < LABELS; l++)
        if (e->used[l] && e->size[l] != 1 && in[l] < 2)
            return false;
    return true;
}

/* One operand of a product, its labels sorted into groups. */
struct side {
    const struct term *term;
    const struct rd_tensor *shape;
    size_t step[LABELS];
};

/* Labels of the groups one after another, as loops over `dense` and over x by its steps: x into
 * dense, or (add) dense onto x. */
static void reorder(const struct einsum *e, const struct side *s, const bool (*group)[LABELS],
    int groups, float *x, float *dense, bool add)
{
    size_t size[LABELS], step[LABELS], at[LABELS] = { 0 }, place = 0, i = 0;
    int loops = 0, d;

    for (int g = 0; g < groups; g++)
        for (int l = LABELS - 1; l >= 0; l--)
            if (group[g][l]) {
                size[loops] = (size_t)e->size[l];
                step[loops++] = s->step[l];
            }
    do {
        if (add)
            x[place] += dense[i++];
        else
            dense[i++] = x[place];
        for (d = loops - 1; d >= 0; d--) {
            place += step[d];
            if (++at[d] < size[d])
                break;
            at[d] = 0;
            place -= step[d] * size[d];
        }
    } while (d >= 0);
}

static size_t group_size(const struct einsum *e, const bool *group)
{
    size_t n = 1;

    for (int l = 0; l < LABELS; l++)
        n *= group[l] ? (size_t)e->size[l] : 1;
    return n;
}

/* target += a times b. */
static void add_product(struct rd_op_call *c, const struct einsum *e, struct side a, float *pa,
    struct side b, float *pb, struct side t, float *target)
{
    enum { STACK, M, N, K };
    bool group[4][LABELS] = { { false } }, order[3][3][LABELS];
    static const int groups_of[3][3] = { { STACK, M, K }, { STACK, K, N }, { STACK, M, N } };
    size_t stack, m, n, k;
    float *da, *db, *dt;

    steps_of(a.term, a.shape, a.step);
    steps_of(b.term, b.shape, b.step);
    steps_of(t.term, t.shape, t.step);
    for (int l = 0; l < LABELS; l++) {
        if (!e->used[l] || e->size[l] == 1)
            continue;
        group[!t.step[l] ? K : !b.step[l] ? M : !a.step[l] ? N : STACK][l] = true;
    }
    for (int i = 0; i < 3; i++)
        for (int g = 0; g < 3; g++)
            memcpy(order[i][g], group[groups_of[i][g]], sizeof(order[i][g]));
    stack = group_size(e, group[STACK]);
    m = group_size(e, group[M]);
    n = group_size(e, group[N]);
    k = group_size(e, group[K]);
    da = rd_op_take(c, stack * m * k * sizeof(float));
    db = rd_op_take(c, stack * k * n * sizeof(float));
    dt = rd_op_take(c, stack * m * n * sizeof(float));
    reorder(e, &a, (const bool(*)[LABELS])order[0], 3, pa, da, false);
    reorder(e, &b, (const bool(*)[LABELS])order[1], 3, pb, db, false);
    for (size_t i = 0; i < stack; i++) {
        const struct rd_gemm g = { .a = da + i * m * k,
            .b = db + i * k * n,
            .c = dt + i * m * n,
            .m = m,
            .n = n,
            .k = k,
            .lda = k,
            .ldb = n,
            .ldc = n };

        rd_sgemm(c->kernels, &g);
    }
    reorder(e, &t, (const bool(*)[LABELS])order[2], 3, target, dt, true);
}

static rd_status product_forward(struct rd_op_call *c, const struct einsum *e)
{
    const struct side a = { &e->in[0], c->in[0], { 0 } }, b = { &e->in[1], c->in[1], { 0 } };
    const struct side t = { &e->out, c->out[0], { 0 } };

    memset(c->out[0]->data, 0, rd_tensor_bytes(c->out[0]));
    if (rd_tensor_count(c->in[0]) && rd_tensor_count(c->in[1]))
        add_product(c, e, a, c->in[0]->data, b, c->in[1]->data, t, c->out[0]->data);
    return RD_OK;
}

static rd_status product_backward(struct rd_op_call *c, const struct einsum *e)
{
    const struct side g = { &e->out, c->dout[0], { 0 } };

    if (!rd_tensor_count(c->in[0]) || !rd_tensor_count(c->in[1]))
        return RD_OK;
    for (int k = 0; k < 2; k++) {
        const struct side other = { &e->in[!k], c->in[!k], { 0 } };
        const struct side own = { &e->in[k], c->in[k], { 0 } };

        c->scratch_used = 0;
        if (c->din[k])
            add_product(c, e, g, c->dout[0]->data, other, c->in[!k]->data, own, c->din[k]->data);
    }
    return RD_OK;
}

static size_t scratch(const struct rd_op_call *c)
{
    size_t n = rd_op_wide_size(c->out[0]) + 128, largest = 0;
    struct einsum e;

    if (!einsum_of(c, &e) && is_product(c, &e))
        return (rd_tensor_count(c->in[0]) + rd_tensor_count(c->in[1]) +
                   rd_tensor_count(c->out[0])) *
                   sizeof(float) +
               192;

    for (int k = 0; k < c->node->n_inputs; k++) {
        n += rd_op_wide_size(c->in[k]);
        if (rd_op_wide_size(c->in[k]) > largest)
            largest = rd_op_wide_size(c->in[k]);
    }
    return c->din ? n + largest : n;
}

static rd_status forward(struct rd_op_call *c)
{
    const bool ints = rd_is_whole(c->in[0]->dtype);
    const size_t n = rd_tensor_count(c->out[0]);
    const double *real[OPERANDS] = { NULL };
    const uint64_t *bits[OPERANDS] = { NULL };
    const struct term *term[OPERANDS + 1];
    const struct rd_tensor *t[OPERANDS + 1];
    struct einsum e;
    struct nest nest;
    bool empty = false;
    void *sum;

    (void)einsum_of(c, &e); /* infer has accepted it */
    if (is_product(c, &e))
        return product_forward(c, &e);
    for (int k = 0; k < e.operands; k++) {
        term[k] = &e.in[k];
        t[k] = c->in[k];
        empty = empty || !rd_tensor_count(c->in[k]);
        if (ints)
            bits[k] = whole(c, c->in[k]);
        else
            real[k] = rd_op_wide(c, c->in[k]);
    }
    term[e.operands] = &e.out;
    t[e.operands] = c->out[0];
    nest_make(&nest, &e, term, t, e.operands);
    sum = rd_op_take(c, n * sizeof(double));
    memset(sum, 0, n * sizeof(double));
    if (ints) {
        if (!empty)
            contract_whole(&nest, bits, sum);
        for (size_t i = 0; i < n; i++)
            rd_bits_set(c->out[0], i, ((const uint64_t *)sum)[i]);
        return RD_OK;
    }
    if (!empty)
        contract_real(&nest, real, sum);
    rd_op_narrow(sum, c->out[0], false);
    return RD_OK;
}

static rd_status backward(struct rd_op_call *c)
{
    const double *real[OPERANDS] = { NULL }, *g;
    const struct term *term[OPERANDS + 1];
    const struct rd_tensor *t[OPERANDS + 1];
    struct einsum e;
    struct nest nest;
    double *sum;
    size_t used;

    (void)einsum_of(c, &e);
    if (is_product(c, &e))
        return product_backward(c, &e);
    for (int k = 0; k < e.operands; k++) {
        real[k] = rd_op_wide(c, c->in[k]);
        if (!rd_tensor_count(c->in[k]))
            return RD_OK;
    }
    g = rd_op_wide(c, c->dout[0]);
    used = c->scratch_used;
    for (int k = 0; k < e.operands; k++) {
        const double *const own = real[k];
        const size_t n = rd_tensor_count(c->in[k]);

        if (!c->din[k])
            continue;
        for (int j = 0; j < e.operands; j++) {
            term[j] = &e.in[j];
            t[j] = c->in[j];
        }
        term[k] = &e.out; /* the cotangent takes the operand's place */
        t[k] = c->dout[0];
        real[k] = g;
        term[e.operands] = &e.in[k];
        t[e.operands] = c->in[k];
        nest_make(&nest, &e, term, t, e.operands);
        c->scratch_used = used;
        sum = rd_op_take(c, n * sizeof(*sum));
        memset(sum, 0, n * sizeof(*sum));
        contract_real(&nest, real, sum);
        rd_op_narrow(sum, c->din[k], true);
        real[k] = own;
    }
    return RD_OK;
}

static double flops(const struct rd_op_call *c)
{
    struct einsum e;
    double n;

    if (einsum_of(c, &e))
        return 0;
    n = e.operands;
    for (int l = 0; l < LABELS; l++)
        n *= e.used[l] ? (double)e.size[l] : 1;
    return n;
}

/* The batch is one label: axis 0 of each batched operand and of the result, and nowhere else. */
static bool rows(const struct rd_op_call *c, const bool *batched)
{
    struct einsum e;

    if (einsum_of(c, &e) || !e.out.n)
        return false;
    for (int k = 0; k < e.operands; k++)
        for (int i = 0; i < e.in[k].n; i++)
            if ((e.in[k].label[i] == e.out.label[0]) != (batched[k] && i == 0))
                return false;
    return true;
}

static const struct rd_op_attr attrs[] = {
    { "equation", RD_ATTR_STRING, 12, 0, true },
    { 0 },
};

const struct rd_op rd_op_einsum = {
    .op = "Einsum",
    .domain = "",
    .since = 12,
    .min_in = 1,
    .max_in = -1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_NUMBER },
    .attrs = attrs,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .grad_in = RD_GRAD_ALL,
    .reads = RD_READS_IN,
    .scratch = scratch,
    .flops = flops,
    .per_example = rows,
};
