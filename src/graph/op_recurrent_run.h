/*
 * op_recurrent_run.h - RNN, GRU, LSTM forward and backward through time, for one arithmetic: the
 * file that includes this defines REAL, NAME and the functions of tensors and matrices.
 *
 * All steps of a direction lie in the order they are computed in, (steps, batch, ...): X is turned
 * and cut by the sequences' lengths first. So the products with W and every gradient of a weight
 * are one matrix product over the whole sequence, and one small product with R remains a step.
 * Sources: the operators' documents; Hochreiter, Schmidhuber 1997; Gers, Schmidhuber 2000
 * (peepholes); Cho et al. 2014, arXiv:1406.1078; Werbos 1990 (backpropagation through time).
 */

/* What forward keeps of a direction. */
struct NAME(state) {
    REAL *gate; /* (steps, batch, gates * size): after the activations */
    REAL *sums; /* the same before them, or NULL */
    REAL *h;    /* (steps + 1, batch, size) */
    REAL *cell; /* the same; LSTM */
    REAL *more; /* (steps, batch, size): LSTM h(C); GRU what the reset gate meets, see below */
};

static struct NAME(state) NAME(state_of)(const struct rd_recurrent *q, REAL *p)
{
    const size_t n = q->steps * q->batch * q->size, row = q->batch * q->size;
    struct NAME(state) s = { .gate = p };

    p += n * q->gates;
    s.sums = q->keep_sums ? p : NULL;
    p += q->keep_sums ? n * q->gates : 0;
    s.h = p;
    p += n + row;
    if (q->cell != RD_CELL_RNN) {
        s.more = p;
        p += n;
    }
    s.cell = q->cell == RD_CELL_LSTM ? p : NULL;
    return s;
}

static REAL NAME(sigmoid)(REAL x)
{
    return 1 / (1 + EXP(-x));
}

/* v becomes f(clip(v)). */
static void NAME(activate)(
    const struct rd_recurrent *q, const struct rd_cell_function *f, REAL *v, size_t n)
{
    const REAL a = (REAL)f->alpha, b = (REAL)f->beta, clip = (REAL)q->clip;

    if (clip <= 0 && NAME(mapped)(q, f->kind, v, n))
        return;
    for (size_t i = 0; i < n && clip > 0; i++)
        v[i] = v[i] > clip ? clip : v[i] < -clip ? -clip : v[i];
    switch (f->kind) {
    case RD_CELL_SIGMOID:
        for (size_t i = 0; i < n; i++)
            v[i] = NAME(sigmoid)(v[i]);
        break;
    case RD_CELL_TANH:
        for (size_t i = 0; i < n; i++)
            v[i] = TANH(v[i]);
        break;
    case RD_CELL_RELU:
        for (size_t i = 0; i < n; i++)
            v[i] = v[i] < 0 ? 0 : v[i];
        break;
    case RD_CELL_AFFINE:
        for (size_t i = 0; i < n; i++)
            v[i] = a * v[i] + b;
        break;
    case RD_CELL_LEAKY:
        for (size_t i = 0; i < n; i++)
            v[i] = v[i] < 0 ? a * v[i] : v[i];
        break;
    case RD_CELL_THRESHOLDED:
        for (size_t i = 0; i < n; i++)
            v[i] = v[i] > a || v[i] != v[i] ? v[i] : 0;
        break;
    case RD_CELL_SCALED_TANH:
        for (size_t i = 0; i < n; i++)
            v[i] = a * TANH(b * v[i]);
        break;
    case RD_CELL_HARD_SIGMOID:
        for (size_t i = 0; i < n; i++) {
            const REAL y = a * v[i] + b;

            v[i] = y > 1 ? 1 : y < 0 ? 0 : y;
        }
        break;
    case RD_CELL_ELU:
        for (size_t i = 0; i < n; i++)
            v[i] = v[i] < 0 ? a * EXPM1(v[i]) : v[i];
        break;
    case RD_CELL_SOFTSIGN:
        for (size_t i = 0; i < n; i++)
            v[i] = v[i] / (1 + (v[i] < 0 ? -v[i] : v[i]));
        break;
    default: /* softplus: exp(x) overflows where x itself is already the answer */
        for (size_t i = 0; i < n; i++)
            v[i] = (v[i] > 0 ? v[i] : 0) + LOG1P(EXP(v[i] > 0 ? -v[i] : v[i]));
    }
}

/* d f(clip(x)) / d x, y being the value; x is only read when it was kept. */
static REAL NAME(slope)(
    const struct rd_recurrent *q, const struct rd_cell_function *f, REAL y, const REAL *at)
{
    const REAL a = (REAL)f->alpha, b = (REAL)f->beta, clip = (REAL)q->clip;
    REAL x = 0;

    if (at) {
        x = *at;
        if (clip > 0 && (x > clip || x < -clip))
            return 0;
    }
    switch (f->kind) {
    case RD_CELL_SIGMOID:
        return y * (1 - y);
    case RD_CELL_TANH:
        return 1 - y * y;
    case RD_CELL_RELU:
        return y > 0;
    case RD_CELL_AFFINE:
        return a;
    case RD_CELL_LEAKY:
        return x < 0 ? a : 1;
    case RD_CELL_THRESHOLDED:
        return x > a;
    case RD_CELL_SCALED_TANH: {
        const REAL t = TANH(b * x);

        return a * b * (1 - t * t);
    }
    case RD_CELL_HARD_SIGMOID:
        return a * x + b > 0 && a * x + b < 1 ? a : 0;
    case RD_CELL_ELU:
        return x < 0 ? a * EXP(x) : 1;
    case RD_CELL_SOFTSIGN: {
        const REAL d = 1 + (x < 0 ? -x : x);

        return 1 / (d * d);
    }
    default:
        return NAME(sigmoid)(x);
    }
}

/* --- places --- */

static bool NAME(reverse)(const struct rd_recurrent *q, size_t d)
{
    return d ? true : q->backwards;
}

static size_t NAME(length)(const struct rd_op_call *c, const struct rd_recurrent *q, size_t b)
{
    const struct rd_tensor *t = rd_op_in(c, 4);

    return t ? (size_t)((const int32_t *)t->data)[b] : q->steps;
}

/* The time that step s < length computes. */
static size_t NAME(time)(const struct rd_recurrent *q, size_t d, size_t s, size_t length)
{
    return NAME(reverse)(q, d) ? length - 1 - s : s;
}

static size_t NAME(x_at)(const struct rd_recurrent *q, size_t t, size_t b)
{
    return (q->batch_first ? b * q->steps + t : t * q->batch + b) * q->in;
}

static size_t NAME(y_at)(const struct rd_recurrent *q, size_t t, size_t d, size_t b)
{
    return (q->batch_first ? (b * q->steps + t) * q->dirs + d : (t * q->dirs + d) * q->batch + b) *
           q->size;
}

static size_t NAME(h_at)(const struct rd_recurrent *q, size_t d, size_t b)
{
    return (q->batch_first ? b * q->dirs + d : d * q->batch + b) * q->size;
}

/* X in the order of the steps; steps behind the end of a sequence read zeros. */
static const REAL *NAME(ordered)(
    const struct rd_op_call *c, const struct rd_recurrent *q, size_t d, const REAL *x, REAL *to)
{
    if (!q->batch_first && !NAME(reverse)(q, d) && !rd_op_in(c, 4))
        return x;
    for (size_t s = 0; s < q->steps; s++)
        for (size_t b = 0; b < q->batch; b++) {
            const size_t length = NAME(length)(c, q, b);
            REAL *const row = to + (s * q->batch + b) * q->in;

            if (s < length)
                memcpy(
                    row, x + NAME(x_at)(q, NAME(time)(q, d, s, length), b), q->in * sizeof(*row));
            else
                memset(row, 0, q->in * sizeof(*row));
        }
    return to;
}

static REAL *NAME(zeros)(struct rd_op_call *c, size_t n)
{
    REAL *p = rd_op_take(c, n * sizeof(*p));

    memset(p, 0, n * sizeof(*p));
    return p;
}

/* Initial state of a direction, zeros where none is given. */
static void NAME(start)(const struct rd_recurrent *q, size_t d, const REAL *from, REAL *to)
{
    for (size_t b = 0; b < q->batch; b++)
        if (from)
            memcpy(to + b * q->size, from + NAME(h_at)(q, d, b), q->size * sizeof(*to));
        else
            memset(to + b * q->size, 0, q->size * sizeof(*to));
}

/* --- one step of one example, the sums being in g --- */

/* Gate k: its sum is kept, then goes through f. */
static void NAME(gate)(
    const struct rd_recurrent *q, const struct rd_cell_function *f, REAL *g, REAL *sums, size_t k)
{
    const size_t n = q->size;

    if (sums)
        memcpy(sums + k * n, g + k * n, n * sizeof(*g));
    NAME(activate)(q, f, g + k * n, n);
}

/* Gates i, o, f, c; p: peepholes of i, o, f, or NULL. */
static void NAME(lstm_step)(const struct rd_recurrent *q, const struct rd_cell_function *f, REAL *g,
    REAL *sums, const REAL *p, const REAL *c0, REAL *c1, REAL *hc, REAL *h)
{
    const size_t n = q->size;

    for (size_t i = 0; i < n && p; i++) {
        g[i] += p[i] * c0[i];
        g[2 * n + i] += p[2 * n + i] * c0[i];
    }
    NAME(gate)(q, &f[0], g, sums, 0);
    if (q->coupled)
        for (size_t i = 0; i < n; i++)
            g[2 * n + i] = 1 - g[i];
    else
        NAME(gate)(q, &f[0], g, sums, 2);
    NAME(gate)(q, &f[1], g, sums, 3);
    for (size_t i = 0; i < n; i++)
        c1[i] = g[2 * n + i] * c0[i] + g[i] * g[3 * n + i];
    for (size_t i = 0; i < n && p; i++)
        g[n + i] += p[n + i] * c1[i];
    NAME(gate)(q, &f[0], g, sums, 1);
    memcpy(hc, c1, n * sizeof(*hc));
    NAME(activate)(q, &f[2], hc, n);
    for (size_t i = 0; i < n; i++)
        h[i] = g[n + i] * hc[i];
}

/* --- forward --- */

struct NAME(weights) {
    const REAL *w, *r, *bias, *peep; /* of this direction; bias and peep may be NULL */
    const REAL *first, *second;      /* packed R: RNN, LSTM all gates; GRU z, r and then h */
};

static struct NAME(weights) NAME(weights_of)(const struct rd_recurrent *q, size_t d, const REAL *w,
    const REAL *r, const REAL *bias, const REAL *peep)
{
    const size_t all = q->gates * q->size;

    return (struct NAME(weights)){ .w = w + d * all * q->in,
        .r = r + d * all * q->size,
        .bias = bias ? bias + 2 * d * all : NULL,
        .peep = peep ? peep + 3 * d * q->size : NULL };
}

static void NAME(step)(const struct rd_op_call *c, const struct rd_recurrent *q, size_t d,
    const struct NAME(weights) * w, const struct NAME(state) * s, size_t k)
{
    const size_t n = q->size, all = q->gates * n, at = k * q->batch;
    const struct rd_cell_function *const f = q->act[d];
    REAL *const g = s->gate + at * all, *const h = s->h + at * n, *const next = h + q->batch * n;
    const bool gru = q->cell == RD_CELL_GRU;

    NAME(product)(c, h, n, q->batch, w->first, n, gru ? 2 * n : all, g, all);
    if (s->cell && !w->peep && !rd_op_in(c, 4) &&
        NAME(lstm_rows)(q, q->batch, g, s->cell + at * n, s->cell + (at + q->batch) * n,
            s->more + at * n, next))
        return;
    for (size_t b = 0; b < q->batch && gru; b++) {
        REAL *const row = g + b * all, *const more = s->more + (at + b) * n;
        REAL *const sums = s->sums ? s->sums + (at + b) * all : NULL;

        NAME(gate)(q, &f[0], row, sums, 0);
        NAME(gate)(q, &f[0], row, sums, 1);
        /* more: h R + bias, which the reset gate scales; or, before that product, r h */
        for (size_t i = 0; i < n; i++)
            more[i] = !q->linear ? row[n + i] * h[b * n + i]
                      : w->bias  ? w->bias[all + 2 * n + i]
                                 : 0;
    }
    if (gru && q->linear)
        NAME(product)(c, h, n, q->batch, w->second, n, n, s->more + at * n, n);
    else if (gru)
        NAME(product)(c, s->more + at * n, n, q->batch, w->second, n, n, g + 2 * n, all);
    for (size_t b = 0; b < q->batch; b++) {
        REAL *const row = g + b * all, *const old = h + b * n, *const new = next + b *n;
        REAL *const sums = s->sums ? s->sums + (at + b) * all : NULL;
        REAL *const cell = s->cell ? s->cell + (at + b) * n : NULL;

        if (k >= NAME(length)(c, q, b)) {
            memcpy(new, old, n * sizeof(*new));
            if (cell)
                memcpy(cell + q->batch * n, cell, n * sizeof(*cell));
        } else if (cell && !w->peep &&
                   NAME(lstm_rows)(
                       q, 1, row, cell, cell + q->batch * n, s->more + (at + b) * n, new)) {
            continue;
        } else if (cell) {
            NAME(lstm_step)
            (q, f, row, sums, w->peep, cell, cell + q->batch * n, s->more + (at + b) * n, new);
        } else if (gru) {
            for (size_t i = 0; i < n && q->linear; i++)
                row[2 * n + i] += row[n + i] * s->more[(at + b) * n + i];
            NAME(gate)(q, &f[1], row, sums, 2);
            for (size_t i = 0; i < n; i++)
                new[i] = (1 - row[i]) * row[2 * n + i] + row[i] * old[i];
        } else {
            NAME(gate)(q, &f[0], row, sums, 0);
            memcpy(new, row, n * sizeof(*new));
        }
    }
}

static void NAME(direction)(struct rd_op_call *c, const struct rd_recurrent *q, size_t d,
    struct NAME(weights) * w, const struct NAME(state) * s, const REAL *x)
{
    const size_t n = q->size, all = q->gates * n, used = c->scratch_used;
    const bool gru = q->cell == RD_CELL_GRU;
    REAL *const bias = rd_op_take(c, all * sizeof(*bias));

    w->first = NAME(pack)(c, w->r, n, gru ? 2 * n : all, 1, n);
    w->second = gru ? NAME(pack)(c, w->r + 2 * n * n, n, n, 1, n) : NULL;
    for (size_t j = 0; j < all && w->bias; j++)
        bias[j] = w->bias[j] + (gru && q->linear && j >= 2 * n ? 0 : w->bias[all + j]);
    NAME(project)
    (c, q->steps * q->batch, all, q->in, x, w->w, w->bias ? bias : NULL, s->gate);
    for (size_t k = 0; k < q->steps; k++)
        NAME(step)(c, q, d, w, s, k);
    c->scratch_used = used;
}

static void NAME(hand_over)(const struct rd_op_call *c, const struct rd_recurrent *q, size_t d,
    const struct NAME(state) * s, REAL *y, REAL *const last[2])
{
    const size_t n = q->size, row = n * sizeof(REAL);

    for (size_t b = 0; b < q->batch; b++) {
        const size_t length = NAME(length)(c, q, b);

        for (size_t k = 0; k < q->steps && y; k++)
            if (k < length)
                memcpy(y + NAME(y_at)(q, NAME(time)(q, d, k, length), d, b),
                    s->h + ((k + 1) * q->batch + b) * n, row);
            else
                memset(y + NAME(y_at)(q, k, d, b), 0, row);
        if (last[0])
            memcpy(last[0] + NAME(h_at)(q, d, b), s->h + (q->steps * q->batch + b) * n, row);
        if (last[1])
            memcpy(last[1] + NAME(h_at)(q, d, b), s->cell + (q->steps * q->batch + b) * n, row);
    }
}

rd_status NAME(rd_recurrent_forward)(struct rd_op_call *c)
{
    const struct rd_recurrent q = rd_recurrent_of(c);
    const REAL *x = NAME(read)(c, c->in[0]), *w = NAME(read)(c, c->in[1]);
    const REAL *r = NAME(read)(c, c->in[2]), *bias = NAME(read)(c, rd_op_in(c, 3));
    const REAL *h0 = NAME(read)(c, rd_op_in(c, 5)), *c0 = NAME(read)(c, rd_op_in(c, 6));
    const REAL *peep = NAME(read)(c, rd_op_in(c, 7));
    const size_t size = rd_recurrent_state(&q);
    REAL *y = NAME(result)(c, rd_op_out(c, 0));
    REAL *last[2] = { NAME(result)(c, rd_op_out(c, 1)), NAME(result)(c, rd_op_out(c, 2)) };
    REAL *order = rd_op_take(c, q.steps * q.batch * q.in * sizeof(*order));
    REAL *kept = c->saved ? c->saved : rd_op_take(c, size * sizeof(*kept));

    for (size_t d = 0; d < q.dirs; d++) {
        struct NAME(weights) of = NAME(weights_of)(&q, d, w, r, bias, peep);
        const struct NAME(state) s = NAME(state_of)(&q, kept + (c->saved ? d * size : 0));

        NAME(start)(&q, d, h0, s.h);
        if (s.cell)
            NAME(start)(&q, d, c0, s.cell);
        NAME(direction)(c, &q, d, &of, &s, NAME(ordered)(c, &q, d, x, order));
        NAME(hand_over)(c, &q, d, &s, y, last);
    }
    NAME(finish)(y, rd_op_out(c, 0));
    NAME(finish)(last[0], rd_op_out(c, 1));
    NAME(finish)(last[1], rd_op_out(c, 2));
    return RD_OK;
}

/* --- backward --- */

struct NAME(grads) { /* of the whole node; NULL: not wanted */
    REAL *x, *w, *r, *bias, *h, *cell, *peep;
    REAL *sums;  /* (steps, batch, gates * size): of the sums before the activations */
    REAL *inner; /* the same on R's side: another one only for GRU with linear_before_reset */
    REAL *now, *before, *memory; /* (batch, size): of h and of the cell */
};

/* From dh (and the cell's dc, which becomes the one before) to the sums dg of the gates. */
static void NAME(lstm_back)(const struct rd_recurrent *q, const struct rd_cell_function *f,
    const struct NAME(state) * s, size_t at, const REAL *p, REAL *dp, const REAL *dh, REAL *dc,
    REAL *dg)
{
    const size_t n = q->size;
    const REAL *const g = s->gate + at * 4 * n, *const hc = s->more + at * n;
    const REAL *const sums = s->sums ? s->sums + at * 4 * n : NULL;
    const REAL *const c0 = s->cell + at * n, *const c1 = c0 + q->batch * n;

    for (size_t i = 0; i < n; i++) {
        const size_t o = n + i, k = 2 * n + i, j = 3 * n + i;
        REAL d, di;

        dg[o] = dh[i] * hc[i] * NAME(slope)(q, &f[0], g[o], sums ? sums + o : NULL);
        d = dc[i] + dh[i] * g[o] * NAME(slope)(q, &f[2], hc[i], c1 + i);
        d += p ? p[o] * dg[o] : 0;
        di = d * g[j];
        if (q->coupled) {
            di -= d * c0[i];
            dg[k] = 0;
        } else {
            dg[k] = d * c0[i] * NAME(slope)(q, &f[0], g[k], sums ? sums + k : NULL);
        }
        dg[i] = di * NAME(slope)(q, &f[0], g[i], sums ? sums + i : NULL);
        dg[j] = d * g[i] * NAME(slope)(q, &f[1], g[j], sums ? sums + j : NULL);
        dc[i] = d * g[k] + (p ? p[i] * dg[i] + p[k] * dg[k] : 0);
        if (dp) {
            dp[i] += dg[i] * c0[i];
            dp[o] += dg[o] * c1[i];
            dp[k] += dg[k] * c0[i];
        }
    }
}

/* The parts of a GRU's step that need no product: dg of z and h; dh of the state before in `old`.
 * With linear_before_reset also of r, and the side of R in `inner`. */
static void NAME(gru_back)(const struct rd_recurrent *q, const struct rd_cell_function *f,
    const struct NAME(state) * s, size_t at, const REAL *dh, REAL *dg, REAL *inner, REAL *old)
{
    const size_t n = q->size;
    const REAL *const g = s->gate + at * 3 * n, *const h0 = s->h + at * n;
    const REAL *const sums = s->sums ? s->sums + at * 3 * n : NULL;

    for (size_t i = 0; i < n; i++) {
        const size_t r = n + i, k = 2 * n + i;

        dg[i] = dh[i] * (h0[i] - g[k]) * NAME(slope)(q, &f[0], g[i], sums ? sums + i : NULL);
        dg[k] = dh[i] * (1 - g[i]) * NAME(slope)(q, &f[1], g[k], sums ? sums + k : NULL);
        old[i] += dh[i] * g[i];
        if (!q->linear)
            continue;
        dg[r] = dg[k] * s->more[at * n + i] * NAME(slope)(q, &f[0], g[r], sums ? sums + r : NULL);
        inner[i] = dg[i];
        inner[r] = dg[r];
        inner[k] = dg[k] * g[r];
    }
}

static void NAME(step_back)(const struct rd_op_call *c, const struct rd_recurrent *q, size_t d,
    const struct NAME(weights) * w, const struct NAME(state) * s, struct NAME(grads) * to,
    const REAL *dy, size_t k, REAL *reset)
{
    const size_t n = q->size, all = q->gates * n, at = k * q->batch;
    const bool gru = q->cell == RD_CELL_GRU;
    REAL *const sums = to->sums + at * all, *const inner = to->inner + at * all;
    REAL *const now = to->now, *const old = to->before;

    memset(old, 0, q->batch * n * sizeof(*old));
    if (rd_op_in(c, 4)) { /* rows of sequences that have ended stay so */
        memset(sums, 0, q->batch * all * sizeof(*sums));
        memset(inner, 0, q->batch * all * sizeof(*inner));
    }
    for (size_t b = 0; b < q->batch; b++) {
        const size_t length = NAME(length)(c, q, b);
        REAL *const dh = now + b * n, *const dg = sums + b * all;
        const struct rd_cell_function *const f = q->act[d];

        if (k >= length) { /* it was only handed on */
            memcpy(old + b * n, dh, n * sizeof(*dh));
            continue;
        }
        if (dy)
            NAME(sum_into)(q, dy + NAME(y_at)(q, NAME(time)(q, d, k, length), d, b), dh, n);
        if (s->cell && !w->peep &&
            NAME(lstm_rows_back)(q, 1, s->gate + (at + b) * all, s->cell + (at + b) * n,
                s->more + (at + b) * n, dh, to->memory + b * n, dg))
            continue;
        if (s->cell)
            NAME(lstm_back)
        (q, f, s, at + b, w->peep, to->peep ? to->peep + 3 * d * n : NULL, dh, to->memory + b * n,
            dg);
        else if (gru) NAME(gru_back)(q, f, s, at + b, dh, dg, inner + b * all, old + b * n);
        else for (size_t i = 0; i < n; i++) dg[i] =
            dh[i] * NAME(slope)(q, &f[0], s->gate[(at + b) * n + i],
                        s->sums ? s->sums + (at + b) * n + i : NULL);
    }
    if (gru && !q->linear) { /* through r h, the input of h's product */
        memset(reset, 0, q->batch * n * sizeof(*reset));
        NAME(product)(c, sums + 2 * n, all, q->batch, w->second, n, n, reset, n);
        for (size_t b = 0; b < q->batch; b++)
            for (size_t i = 0; i < n && k < NAME(length)(c, q, b); i++) {
                const size_t r = (at + b) * all + n + i;

                old[b * n + i] += reset[b * n + i] * s->gate[r];
                to->sums[r] =
                    reset[b * n + i] * s->h[(at + b) * n + i] *
                    NAME(slope)(q, &q->act[d][0], s->gate[r], s->sums ? s->sums + r : NULL);
            }
    }
    NAME(product)(c, inner, all, q->batch, w->first, gru && !q->linear ? 2 * n : all, n, old, n);
    to->now = old;
    to->before = now;
}

/* Gradients of the weights of a direction, once the sums' are known. */
static void NAME(weights_back)(const struct rd_op_call *c, const struct rd_recurrent *q, size_t d,
    const struct NAME(state) * s, const struct NAME(grads) * to, const REAL *x)
{
    const size_t n = q->size, all = q->gates * n, rows = q->steps * q->batch;
    const bool split = q->cell == RD_CELL_GRU && !q->linear;
    REAL *const bias = to->bias ? to->bias + 2 * d * all : NULL;
    REAL *const r = to->r ? to->r + d * all * n : NULL;

    if (to->w)
        NAME(gemm)
    (c, all, q->in, rows, to->sums, all, true, x, q->in, false, to->w + d * all * q->in, q->in);
    if (r)
        NAME(gemm)
    (c, split ? 2 * n : all, n, rows, to->inner, all, true, s->h, n, false, r, n);
    if (r && split)
        NAME(gemm)
    (c, n, n, rows, to->sums + 2 * n, all, true, s->more, n, false, r + 2 * n * n, n);
    for (size_t i = 0; i < rows && bias; i++)
        for (size_t j = 0; j < all; j++) {
            bias[j] += to->sums[i * all + j];
            bias[all + j] += to->inner[i * all + j];
        }
}

/* dX: the steps' order back to X's. */
static void NAME(inputs_back)(struct rd_op_call *c, const struct rd_recurrent *q, size_t d,
    const struct NAME(weights) * w, const struct NAME(grads) * to)
{
    const size_t rows = q->steps * q->batch, used = c->scratch_used;
    REAL *dx;

    if (!q->batch_first && !NAME(reverse)(q, d) && !rd_op_in(c, 4)) { /* the steps' order is X's */
        NAME(gemm)
        (c, rows, q->in, q->gates * q->size, to->sums, q->gates * q->size, false, w->w, q->in,
            false, to->x, q->in);
        return;
    }
    dx = NAME(zeros)(c, rows * q->in);
    NAME(gemm)
    (c, rows, q->in, q->gates * q->size, to->sums, q->gates * q->size, false, w->w, q->in, false,
        dx, q->in);
    for (size_t s = 0; s < q->steps; s++)
        for (size_t b = 0; b < q->batch; b++) {
            const size_t length = NAME(length)(c, q, b);
            REAL *const row =
                to->x + NAME(x_at)(q, s < length ? NAME(time)(q, d, s, length) : s, b);

            if (s < length)
                NAME(sum_into)(q, dx + (s * q->batch + b) * q->in, row, q->in);
        }
    c->scratch_used = used;
}

static void NAME(direction_back)(struct rd_op_call *c, const struct rd_recurrent *q, size_t d,
    struct NAME(weights) * w, const struct NAME(state) * s, struct NAME(grads) * to, const REAL *x,
    const REAL *const dout[3])
{
    const size_t n = q->size, all = q->gates * n, used = c->scratch_used;
    const bool split = q->cell == RD_CELL_GRU && !q->linear;
    REAL *reset = rd_op_take(c, q->batch * n * sizeof(*reset));

    w->first = NAME(pack)(c, w->r, split ? 2 * n : all, n, n, 1);
    w->second = split ? NAME(pack)(c, w->r + 2 * n * n, n, n, n, 1) : NULL;
    NAME(start)(q, d, dout[1], to->now);
    NAME(start)(q, d, dout[2], to->memory);
    for (size_t k = q->steps; k-- > 0;)
        NAME(step_back)(c, q, d, w, s, to, dout[0], k, reset);
    for (size_t b = 0; b < q->batch; b++) {
        if (to->h)
            memcpy(to->h + NAME(h_at)(q, d, b), to->now + b * n, n * sizeof(*to->h));
        if (to->cell)
            memcpy(to->cell + NAME(h_at)(q, d, b), to->memory + b * n, n * sizeof(*to->cell));
    }
    NAME(weights_back)(c, q, d, s, to, x);
    if (to->x)
        NAME(inputs_back)(c, q, d, w, to);
    c->scratch_used = used;
}

rd_status NAME(rd_recurrent_backward)(struct rd_op_call *c)
{
    const struct rd_recurrent q = rd_recurrent_of(c);
    const REAL *x = NAME(read)(c, c->in[0]), *w = NAME(read)(c, c->in[1]);
    const REAL *r = NAME(read)(c, c->in[2]), *bias = NAME(read)(c, rd_op_in(c, 3));
    const REAL *peep = NAME(read)(c, rd_op_in(c, 7));
    const size_t rows = q.steps * q.batch, all = q.gates * q.size, row = q.batch * q.size;
    const REAL *dout[3] = { NULL, NULL, NULL };
    REAL *order = rd_op_take(c, rows * q.in * sizeof(*order));
    REAL *grad[8] = { NULL };
    struct NAME(grads) to = { .sums = rd_op_take(c, rows * all * sizeof(REAL)),
        .now = rd_op_take(c, row * sizeof(REAL)),
        .before = rd_op_take(c, row * sizeof(REAL)),
        .memory = rd_op_take(c, row * sizeof(REAL)) };

    to.inner =
        q.cell == RD_CELL_GRU && q.linear ? rd_op_take(c, rows * all * sizeof(REAL)) : to.sums;
    for (int k = 0; k < 3 && k < c->node->n_outputs; k++)
        dout[k] = NAME(read)(c, c->dout[k]);
    for (int i = 0; i < 8; i++)
        grad[i] = !rd_op_din(c, i) ? NULL
                  : i < 4          ? NAME(sums_of)(c, c->din[i])
                                   : NAME(zeros)(c, rd_tensor_count(c->din[i]));
    to.x = grad[0];
    to.w = grad[1];
    to.r = grad[2];
    to.bias = grad[3];
    to.h = grad[5];
    to.cell = grad[6];
    to.peep = grad[7];
    for (size_t d = 0; d < q.dirs; d++) {
        struct NAME(weights) of = NAME(weights_of)(&q, d, w, r, bias, peep);
        const struct NAME(state) s =
            NAME(state_of)(&q, (REAL *)c->saved + d * rd_recurrent_state(&q));

        NAME(direction_back)(c, &q, d, &of, &s, &to, NAME(ordered)(c, &q, d, x, order), dout);
    }
    for (int i = 0; i < 8; i++)
        if (grad[i] && (void *)grad[i] != c->din[i]->data)
            NAME(add)(grad[i], c->din[i]);
    return RD_OK;
}
