/*
 * op_det.c - Det: determinants of square matrices, by elimination with the largest pivot of all
 * that is left, in float64.
 *
 * The gradient is the transposed adjugate, which exists for singular matrices too. With P A Q = L
 * U, adj(A) = det(P) det(Q) Q adj(U) L^-1 P; adj(U) is det(U) U^-1, and when only the last pivot is
 * 0 the product of the others times the column that U maps to 0.
 */
#include "graph/op_index.h"

#include <math.h>

static rd_status infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    const int rank = x->ndim;
    char shape[120];

    if (rank < 2 ||
        (x->dim[rank - 1] != x->dim[rank - 2] && x->dim[rank - 1] != -1 && x->dim[rank - 2] != -1))
        return RD_FAIL(c->err, RD_E_INPUT, "matrices must be square, not %s",
            rd_shape_text(x->dim, rank, shape, sizeof(shape)));
    rd_op_same_shape(c->out[0], x);
    c->out[0]->ndim = rank - 2;
    return RD_OK;
}

struct factors { /* of one matrix; L below the diagonal of a (ones on it), U above */
    size_t n, rank;
    double *a, *x, *v, *w;
    size_t *row, *column;
    double sign;
};

static void swap(size_t *p, size_t i, size_t j)
{
    const size_t was = p[i];

    p[i] = p[j];
    p[j] = was;
}

/* Rows and columns i and j of a trade places. */
static void swap_lines(struct factors *f, size_t i, size_t j, bool columns)
{
    if (i == j)
        return;
    f->sign = -f->sign;
    swap(columns ? f->column : f->row, i, j);
    for (size_t k = 0; k < f->n; k++) {
        double *const p = columns ? &f->a[k * f->n + i] : &f->a[i * f->n + k];
        double *const q = columns ? &f->a[k * f->n + j] : &f->a[j * f->n + k];
        const double was = *p;

        *p = *q;
        *q = was;
    }
}

static void factorize(struct factors *f, const double *matrix)
{
    const size_t n = f->n;

    memcpy(f->a, matrix, n * n * sizeof(*f->a));
    f->sign = 1;
    for (size_t i = 0; i < n; i++)
        f->row[i] = f->column[i] = i;
    for (f->rank = 0; f->rank < n; f->rank++) {
        const size_t k = f->rank;
        size_t r = k, s = k;

        for (size_t i = k; i < n; i++)
            for (size_t j = k; j < n; j++)
                if (!(fabs(f->a[i * n + j]) <= fabs(f->a[r * n + s]))) { /* NaN too */
                    r = i;
                    s = j;
                }
        if (f->a[r * n + s] == 0)
            return;
        swap_lines(f, k, r, false);
        swap_lines(f, k, s, true);
        for (size_t i = k + 1; i < n; i++) {
            const double by = f->a[i * n + k] / f->a[k * n + k];

            f->a[i * n + k] = by;
            for (size_t j = k + 1; j < n; j++)
                f->a[i * n + j] -= by * f->a[k * n + j];
        }
    }
}

/* Product of the first `count` pivots, with the sign of the permutations. */
static double pivots(const struct factors *f, size_t count)
{
    double product = f->sign;

    for (size_t i = 0; i < count; i++)
        product *= f->a[i * f->n + i];
    return product;
}

static size_t order(const struct rd_op_call *c)
{
    return (size_t)c->in[0]->dim[c->in[0]->ndim - 1];
}

static size_t scratch(const struct rd_op_call *c)
{
    const size_t n = order(c);

    return 2 * rd_op_wide_size(c->in[0]) + 2 * rd_op_wide_size(c->out[0]) +
           (n * n + 5 * n) * sizeof(double) + 640;
}

static struct factors room(struct rd_op_call *c)
{
    struct factors f = { .n = order(c) };

    f.a = rd_op_take(c, f.n * f.n * sizeof(double));
    f.x = rd_op_take(c, f.n * sizeof(double));
    f.v = rd_op_take(c, f.n * sizeof(double));
    f.w = rd_op_take(c, f.n * sizeof(double));
    f.row = rd_op_take(c, f.n * sizeof(size_t));
    f.column = rd_op_take(c, f.n * sizeof(size_t));
    return f;
}

static rd_status forward(struct rd_op_call *c)
{
    const size_t matrices = rd_tensor_count(c->out[0]);
    const double *const x = rd_op_wide(c, c->in[0]);
    double *const det = rd_op_take(c, matrices * sizeof(*det));
    struct factors f = room(c);

    for (size_t i = 0; i < matrices; i++) {
        factorize(&f, x + i * f.n * f.n);
        det[i] = f.rank == f.n ? pivots(&f, f.n) : 0;
    }
    rd_op_narrow(det, c->out[0], false);
    return RD_OK;
}

/* x = U^-1 L^-1 e_j */
static void solve(struct factors *f, size_t j)
{
    const size_t n = f->n;

    for (size_t i = 0; i < n; i++) {
        f->x[i] = i == j;
        for (size_t k = j; k < i; k++)
            f->x[i] -= f->a[i * n + k] * f->x[k];
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++)
            f->x[i] -= f->a[i * n + k] * f->x[k];
        f->x[i] /= f->a[i * n + i];
    }
}

/* v with U v = 0 and w with L^T w = e_n, both ending in 1. */
static void null_vectors(struct factors *f)
{
    const size_t n = f->n;

    for (size_t i = n; i-- > 0;) {
        f->v[i] = f->w[i] = i == n - 1;
        for (size_t k = i + 1; k < n; k++) {
            f->v[i] -= f->a[i * n + k] * f->v[k];
            f->w[i] -= f->a[k * n + i] * f->w[k];
        }
        if (i < n - 1)
            f->v[i] /= f->a[i * n + i];
    }
}

static void adjugate(struct factors *f, double g, double *dx)
{
    const size_t n = f->n;
    const double scale = g * pivots(f, f->rank);

    if (f->rank + 1 < n)
        return; /* all minors are 0 */
    if (f->rank < n)
        null_vectors(f);
    for (size_t j = 0; j < n; j++) {
        if (f->rank == n)
            solve(f, j);
        for (size_t i = 0; i < n; i++)
            dx[f->row[j] * n + f->column[i]] +=
                scale * (f->rank == n ? f->x[i] : f->v[i] * f->w[j]);
    }
}

static rd_status backward(struct rd_op_call *c)
{
    const size_t matrices = rd_tensor_count(c->dout[0]);
    const double *const x = rd_op_wide(c, c->in[0]), *const g = rd_op_wide(c, c->dout[0]);
    double *const dx = rd_op_take(c, rd_tensor_count(c->in[0]) * sizeof(*dx));
    struct factors f = room(c);

    memset(dx, 0, rd_tensor_count(c->in[0]) * sizeof(*dx));
    for (size_t i = 0; i < matrices && f.n; i++) {
        factorize(&f, x + i * f.n * f.n);
        adjugate(&f, g[i], dx + i * f.n * f.n);
    }
    rd_op_narrow(dx, c->din[0], true);
    return RD_OK;
}

static double flops(const struct rd_op_call *c)
{
    return 2 * (double)rd_tensor_count(c->in[0]) * (double)order(c);
}

static bool rows(const struct rd_op_call *c, const bool *batched)
{
    return batched[0] && c->in[0]->ndim > 2;
}

const struct rd_op rd_op_det = {
    .op = "Det",
    .domain = "",
    .since = 11,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FLOAT },
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .grad_in = 1,
    .reads = RD_READS_IN,
    .scratch = scratch,
    .flops = flops,
    .per_example = rows,
};
