/*
 * op_scan.c - Scan: a subgraph along an axis of its inputs, with values that go from slice to
 * slice.
 *
 * Opset 8 has a batch axis in front of everything and lengths for each row of it; from 9 on there
 * is none, and each input and output has an axis and a direction of its own.
 */
#include "graph/op_body.h"

#include "tensor/boxed.h"

#include <string.h>

struct scan {
    const struct rd_graph *body;
    size_t first;                    /* input 0 of the states: 1 at opset 8 */
    size_t states, scanned, stacked; /* formal inputs: states, slices; outputs: states, stacked */
    size_t batch;                    /* axes in front: 1 at opset 8 */
    int64_t length, rows;
};

/* The entry of a list attribute; 0 when it is not given. */
static int64_t entry(const struct rd_op_call *c, const char *name, size_t i)
{
    size_t n;
    const int64_t *list = rd_op_ints(c->node, name, &n);

    return i < n ? list[i] : 0;
}

static rd_status check_list(
    const struct rd_op_call *c, const char *name, size_t want, bool directions)
{
    size_t n;
    const int64_t *list = rd_op_ints(c->node, name, &n);

    if (list && n != want)
        return RD_FAIL(c->err, RD_E_INPUT, "%s has %zu entries instead of %zu", name, n, want);
    for (size_t i = 0; i < n && directions; i++)
        if (list[i] != 0 && list[i] != 1)
            return RD_FAIL(c->err, RD_E_INPUT, "%s is 0 or 1, not %lld", name, (long long)list[i]);
    return RD_OK;
}

static const char *in_directions(const struct rd_op_call *c)
{
    return c->node->opset < 9 ? "directions" : "scan_input_directions";
}

static rd_status scan_axis(const struct rd_op_call *c, const struct scan *s, size_t i, int *axis)
{
    const struct rd_tensor *t = c->in[s->first + s->states + i];

    if (t->ndim < 1 + (int)s->batch)
        return RD_FAIL(c->err, RD_E_INPUT, "scan input %zu has %d dimensions", i, t->ndim);
    *axis = (int)s->batch;
    return s->batch ? RD_OK : rd_op_axis(c, entry(c, "scan_input_axes", i), t->ndim, false, axis);
}

static rd_status scan_of(const struct rd_op_call *c, struct scan *s)
{
    const int n = c->node->n_inputs - c->node->n_captures;
    const int64_t scanned = rd_op_int(c->node, "num_scan_inputs", 0);
    rd_status st;

    *s = (struct scan){ .body = rd_body_of(c, "body") };
    s->batch = s->first = c->node->opset < 9;
    if (scanned < 1 || scanned > n - (int)s->first)
        return RD_FAIL(c->err, RD_E_INPUT, "num_scan_inputs is %lld, the node has %d inputs",
            (long long)scanned, n);
    s->scanned = (size_t)scanned;
    s->states = (size_t)n - s->first - s->scanned;
    st = rd_body_fits(c, s->body, "body", s->states + s->scanned, s->states);
    if (st)
        return st;
    s->stacked = s->body->n_outputs - s->states;
    if ((size_t)c->node->n_outputs > s->body->n_outputs)
        return RD_FAIL(c->err, RD_E_INPUT, "body gives %zu outputs, the node needs %d",
            s->body->n_outputs, c->node->n_outputs);
    st = check_list(c, in_directions(c), s->scanned, true);
    if (!st)
        st = check_list(c, "scan_input_axes", s->scanned, false);
    if (!st)
        st = check_list(c, "scan_output_directions", s->stacked, true);
    if (!st)
        st = check_list(c, "scan_output_axes", s->stacked, false);
    for (size_t i = s->first; i < (size_t)n && !st; i++)
        if (!c->in[i])
            st = RD_FAIL(c->err, RD_E_INPUT, "input %zu is left out", i);
    return st;
}

/* How many slices, and rows of the batch. All inputs must agree; -1: not known. */
static rd_status scan_lengths(const struct rd_op_call *c, struct scan *s)
{
    s->length = -1;
    s->rows = s->batch ? -1 : 1;
    for (size_t i = 0; i < s->scanned; i++) {
        const struct rd_tensor *t = c->in[s->first + s->states + i];
        int axis;
        rd_status st;

        if (t->ndim < 0)
            continue;
        st = scan_axis(c, s, i, &axis);
        if (st)
            return st;
        if (s->length >= 0 && t->dim[axis] >= 0 && t->dim[axis] != s->length)
            return RD_FAIL(c->err, RD_E_INPUT, "scan input %zu has %lld slices, those before %lld",
                i, (long long)t->dim[axis], (long long)s->length);
        s->length = t->dim[axis] < 0 ? s->length : t->dim[axis];
    }
    for (size_t i = s->first; i < s->first + s->states + s->scanned && s->batch; i++) {
        const struct rd_tensor *t = c->in[i];

        if (t->ndim < 0)
            continue;
        if (t->ndim < 1 || (s->rows >= 0 && t->dim[0] >= 0 && t->dim[0] != s->rows))
            return RD_FAIL(c->err, RD_E_INPUT, "input %zu does not begin with the batch", i);
        s->rows = t->dim[0] < 0 ? s->rows : t->dim[0];
    }
    return RD_OK;
}

/* --- shapes --- */

/* t without an axis. */
static void without(const struct rd_tensor *t, int axis, struct rd_tensor *out)
{
    *out = (struct rd_tensor){ .dtype = t->dtype, .ndim = t->ndim - 1 };
    for (int d = 0; d < t->ndim - 1; d++)
        out->dim[d] = t->dim[d + (d >= axis)];
}

static void with(const struct rd_tensor *t, int axis, int64_t size, struct rd_tensor *out)
{
    *out = (struct rd_tensor){ .dtype = t->dtype, .ndim = t->ndim + 1 };
    for (int d = 0; d < t->ndim + 1; d++)
        out->dim[d] = d == axis ? size : t->dim[d - (d > axis)];
}

static void scan_formal(
    const struct rd_op_call *c, const struct rd_graph *body, size_t i, struct rd_tensor *out)
{
    struct scan s;
    int axis;

    (void)body;
    if (scan_of(&(struct rd_op_call){ .node = c->node, .in = c->in, .out = c->out }, &s) ||
        !c->in[s.first + i])
        return; /* infer says what is wrong */
    *out = *c->in[s.first + i];
    out->data = NULL;
    if (out->ndim < 0)
        return;
    if (i >= s.states) {
        if (scan_axis(
                &(struct rd_op_call){ .node = c->node, .in = c->in }, &s, i - s.states, &axis))
            return;
        without(c->in[s.first + i], axis, out);
    }
    if (s.batch && out->ndim > 0) {
        const struct rd_tensor row = *out;

        without(&row, 0, out);
    }
}

static int scan_carried(const struct rd_op_call *c, const struct rd_graph *body, size_t i)
{
    const size_t scanned = (size_t)rd_op_int(c->node, "num_scan_inputs", 0);

    return i + scanned < rd_body_formals(body) ? (int)i : -1;
}

static rd_status scan_infer(struct rd_op_call *c)
{
    struct scan s;
    rd_status st = scan_of(c, &s);

    if (!st)
        st = scan_lengths(c, &s);
    for (size_t k = 0; k < (size_t)c->node->n_outputs && !st; k++) {
        struct rd_tensor one, row, *out = c->out[k];
        int axis = 0;

        rd_body_output(s.body, k, &one);
        if (k < s.states) {
            const struct rd_graph_value *v = &s.body->value[s.body->input[k]];

            one = (struct rd_tensor){ .dtype = v->dtype, .ndim = v->ndim };
            memcpy(one.dim, v->dim, sizeof(one.dim));
        }
        out->dtype = one.dtype;
        out->ndim = -1;
        if (one.ndim < 0 || one.ndim + 2 > RD_MAX_DIMS)
            continue;
        row = one;
        if (k >= s.states) {
            if (!s.batch)
                st = rd_op_axis(
                    c, entry(c, "scan_output_axes", k - s.states), one.ndim + 1, false, &axis);
            if (!st)
                with(&one, axis, s.length, &row);
        }
        *out = row;
        if (s.batch)
            with(&row, 0, s.rows, out);
    }
    return st;
}

/* --- moving slices --- */

struct strip { /* slice `at` of an axis: count runs of `run` bytes, `step` apart */
    size_t count, run, step, at;
};

static struct strip strip_of(const struct rd_tensor *t, int axis, size_t at)
{
    struct strip s = { .count = 1, .run = rd_dtype_size(t->dtype) };

    for (int d = 0; d < axis; d++)
        s.count *= (size_t)t->dim[d];
    for (int d = axis + 1; d < t->ndim; d++)
        s.run *= (size_t)t->dim[d];
    s.step = s.run * (size_t)t->dim[axis];
    s.at = at * s.run;
    return s;
}

static void take(const struct rd_tensor *from, int axis, size_t at, struct rd_tensor *to)
{
    const struct strip s = strip_of(from, axis, at);

    for (size_t i = 0; i < s.count && s.run; i++)
        memcpy((char *)to->data + i * s.run, (const char *)from->data + i * s.step + s.at, s.run);
}

static void put(const struct rd_tensor *from, int axis, size_t at, struct rd_tensor *to)
{
    const struct strip s = strip_of(to, axis, at);

    for (size_t i = 0; i < s.count && s.run; i++)
        memcpy((char *)to->data + i * s.step + s.at, (const char *)from->data + i * s.run, s.run);
}

static void add(const struct rd_tensor *from, int axis, size_t at, struct rd_tensor *to)
{
    const struct strip s = strip_of(to, axis, at);
    const size_t size = rd_dtype_size(to->dtype);

    for (size_t i = 0; i < s.count; i++)
        for (size_t k = 0; k < s.run / size; k++) {
            char *const at_to = (char *)to->data + i * s.step + s.at;

            if (to->dtype == RD_F32)
                ((float *)(void *)at_to)[k] += ((const float *)from->data)[i * (s.run / size) + k];
            else
                ((double *)(void *)at_to)[k] +=
                    ((const double *)from->data)[i * (s.run / size) + k];
        }
}

/* --- running --- */

struct state {
    struct rd_tensor *now, *then, *slice;
    const struct rd_tensor **in;
    bool begun; /* now is the call's own */
};

/* Where slice t of scan input or output i lies. */
static size_t place(
    const struct rd_op_call *c, const char *directions, size_t i, size_t t, size_t n)
{
    return entry(c, directions, i) ? n - 1 - t : t;
}

/* A whole output: made when its first slice is there. Zeroed when rows may be short. */
static rd_status whole(struct rd_op_call *c, const struct scan *s, const struct rd_tensor *one,
    size_t k, struct rd_tensor *all)
{
    struct rd_tensor row = *one, full;
    int axis = 0;
    rd_status st = RD_OK;

    if (rd_dtype_is_boxed(one->dtype))
        return RD_FAIL(c->err, RD_E_INPUT, "a %s cannot be stacked", rd_dtype_name(one->dtype));
    if (one->ndim + 2 > RD_MAX_DIMS)
        return RD_FAIL(
            c->err, RD_E_LIMIT, "output %zu has more than %d dimensions", k, RD_MAX_DIMS);
    if (k >= s->states) {
        if (!s->batch)
            st = rd_op_axis(
                c, entry(c, "scan_output_axes", k - s->states), one->ndim + 1, false, &axis);
        if (st)
            return st;
        with(one, axis, s->length, &row);
    }
    full = row;
    if (s->batch)
        with(&row, 0, s->rows, &full);
    st = c->flow->make(c, full.dtype, full.dim, full.ndim, all);
    if (!st && s->batch)
        memset(all->data, 0, rd_tensor_bytes(all));
    return st;
}

/* The part of `all` that belongs to row r of the batch. */
static struct rd_tensor row_of(const struct scan *s, const struct rd_tensor *all, size_t r)
{
    struct rd_tensor row = *all;

    if (!s->batch)
        return row;
    without(all, 0, &row);
    row.data = (char *)all->data + r * rd_tensor_bytes(&row);
    return row;
}

static rd_status stack(struct rd_op_call *c, const struct scan *s, const struct rd_tensor *one,
    size_t k, size_t r, size_t t, size_t length, struct rd_tensor *all)
{
    char want[120], got[120];
    struct rd_tensor row, slice;
    int axis = 0;
    rd_status st = RD_OK;

    if (!all->data)
        st = whole(c, s, one, k, all);
    if (st)
        return st;
    row = row_of(s, all, r);
    slice = row;
    if (k >= s->states) {
        if (!s->batch)
            st = rd_op_axis(c, entry(c, "scan_output_axes", k - s->states), row.ndim, false, &axis);
        if (st)
            return st;
        without(&row, axis, &slice);
    }
    if (slice.dtype != one->dtype || slice.ndim != one->ndim ||
        memcmp(slice.dim, one->dim, (size_t)one->ndim * sizeof(*one->dim)))
        return RD_FAIL(c->err, RD_E_INPUT,
            "slice %zu gives %s %s to output %zu, those before %s %s", t, rd_dtype_name(one->dtype),
            rd_shape_text(one->dim, one->ndim, got, sizeof(got)), k, rd_dtype_name(slice.dtype),
            rd_shape_text(slice.dim, slice.ndim, want, sizeof(want)));
    if (k >= s->states)
        put(one, axis, place(c, "scan_output_directions", k - s->states, t, length), &row);
    else if (rd_tensor_bytes(one))
        memcpy(row.data, one->data, rd_tensor_bytes(one));
    return RD_OK;
}

static rd_status scan_slice(struct rd_op_call *c, const struct scan *s, struct state *w, size_t r,
    size_t t, size_t length, struct rd_tensor *all)
{
    rd_status st = RD_OK;

    for (size_t i = 0; i < s->scanned && !st; i++) {
        const struct rd_tensor from = row_of(s, c->in[s->first + s->states + i], r);
        struct rd_tensor shape;
        int axis = 0;

        if (!s->batch)
            st = scan_axis(c, s, i, &axis);
        if (st)
            return st;
        without(&from, axis, &shape);
        st = c->flow->make(c, shape.dtype, shape.dim, shape.ndim, &w->slice[i]);
        if (!st)
            take(&from, axis, place(c, in_directions(c), i, t, length), &w->slice[i]);
        w->in[s->states + i] = &w->slice[i];
    }
    for (size_t i = 0; i < s->states; i++)
        w->in[i] = &w->now[i];
    if (!st)
        st = c->flow->run(c, s->body, w->in, w->then);
    for (size_t k = s->states; k < s->body->n_outputs && !st; k++) {
        if (k < (size_t)c->node->n_outputs && c->out[k])
            st = stack(c, s, &w->then[k], k, r, t, length, &all[k]);
        c->flow->drop(c, &w->then[k]);
    }
    if (st)
        return RD_WRAP(c->err, st, "at slice %zu", t);
    for (size_t i = 0; i < s->scanned; i++)
        c->flow->drop(c, &w->slice[i]);
    for (size_t i = 0; i < s->states; i++) {
        if (w->begun)
            c->flow->drop(c, &w->now[i]);
        w->now[i] = w->then[i];
    }
    w->begun = true;
    return RD_OK;
}

static rd_status scan_rows(
    struct rd_op_call *c, const struct scan *s, struct state *w, struct rd_tensor *all)
{
    const struct rd_tensor *lengths = s->batch ? rd_op_in(c, 0) : NULL;
    rd_status st = RD_OK;

    if (lengths && (lengths->dtype != RD_I64 || rd_tensor_count(lengths) != (size_t)s->rows))
        return RD_FAIL(c->err, RD_E_INPUT, "sequence_lens must be %lld int64", (long long)s->rows);
    for (size_t r = 0; r < (size_t)s->rows && !st; r++) {
        int64_t length = s->length;

        if (lengths)
            memcpy(&length, (const char *)lengths->data + r * sizeof(length), sizeof(length));
        if (length < 0 || length > s->length)
            return RD_FAIL(c->err, RD_E_INPUT, "row %zu has length %lld of %lld", r,
                (long long)length, (long long)s->length);
        for (size_t i = 0; i < s->states; i++) {
            const struct rd_tensor from = row_of(s, c->in[s->first + i], r);

            w->now[i] = from;
            if (!s->batch)
                continue;
            st = c->flow->make(c, from.dtype, from.dim, from.ndim, &w->now[i]);
            if (st)
                return st;
            if (rd_tensor_bytes(&from)) /* aligned */
                memcpy(w->now[i].data, from.data, rd_tensor_bytes(&from));
        }
        w->begun = s->batch;
        for (size_t t = 0; t < (size_t)length && !st; t++)
            st = scan_slice(c, s, w, r, t, (size_t)length, all);
        for (size_t k = 0; k < s->states && !st && s->batch; k++) {
            if (k < (size_t)c->node->n_outputs && c->out[k])
                st = stack(c, s, &w->now[k], k, r, 0, 0, &all[k]);
            c->flow->drop(c, &w->now[k]);
        }
    }
    return st;
}

static rd_status scan_forward(struct rd_op_call *c)
{
    struct scan s;
    struct state w = { .begun = false };
    struct rd_tensor *all;
    rd_status st = scan_of(c, &s);

    if (!st)
        st = scan_lengths(c, &s);
    if (!st)
        st = rd_body_room(c, s.states, sizeof(*w.now), &w.now);
    if (!st)
        st = rd_body_room(c, s.scanned, sizeof(*w.slice), &w.slice);
    if (!st)
        st = rd_body_room(c, s.body->n_outputs, sizeof(*w.then), &w.then);
    if (!st)
        st = rd_body_room(c, s.body->n_outputs, sizeof(*all), &all);
    if (!st)
        st = rd_body_room(c, s.states + s.scanned, sizeof(const struct rd_tensor *), &w.in);
    if (!st)
        st = scan_rows(c, &s, &w, all);
    for (size_t k = 0; k < (size_t)c->node->n_outputs && !st; k++) {
        if (!c->out[k])
            continue;
        if (k < s.states && !s.batch && w.begun) {
            all[k] = w.now[k];
        } else if (!all[k].data) { /* nothing ran */
            struct rd_tensor one;

            rd_body_output(s.body, k, &one);
            if (k < s.states && !s.batch)
                one = w.now[k];
            one.ndim = one.ndim < 0 ? 0 : one.ndim;
            for (int d = 0; d < one.ndim; d++)
                one.dim[d] = one.dim[d] < 0 ? 0 : one.dim[d];
            if (!one.dtype)
                return RD_FAIL(c->err, RD_E_INPUT,
                    "it does not run once, and the type of its output %zu is not known", k);
            st = k < s.states && !s.batch ? c->flow->make(c, one.dtype, one.dim, one.ndim, &all[k])
                                          : whole(c, &s, &one, k, &all[k]);
            if (!st && k < s.states && !s.batch && rd_tensor_bytes(&one))
                memcpy(all[k].data, one.data, rd_tensor_bytes(&one));
        }
        if (!st)
            c->flow->give(c, (int)k, &all[k]);
    }
    return st;
}

/* --- backward, from opset 9 on --- */

static rd_status scan_back_slice(struct rd_op_call *c, const struct scan *s, struct state *w,
    const struct rd_tensor **dout, struct rd_tensor *din, size_t t)
{
    const size_t length = (size_t)s->length;
    int axis = 0;
    rd_status st = RD_OK;

    for (size_t k = 0; k < s->body->n_outputs && !st; k++) {
        const struct rd_tensor *from = k < (size_t)c->node->n_outputs ? c->dout[k] : NULL;
        struct rd_tensor shape;

        dout[k] = NULL;
        if (k < s->states) {
            dout[k] = w->now[k].data ? &w->now[k] : NULL;
            continue;
        }
        if (!from)
            continue;
        st = rd_op_axis(c, entry(c, "scan_output_axes", k - s->states), from->ndim, false, &axis);
        if (st)
            return st;
        without(from, axis, &shape);
        st = c->flow->make(c, shape.dtype, shape.dim, shape.ndim, &w->then[k]);
        if (!st)
            take(from, axis, place(c, "scan_output_directions", k - s->states, t, length),
                &w->then[k]);
        dout[k] = &w->then[k];
    }
    if (!st)
        st = c->flow->back(c, t, dout, din);
    for (size_t k = s->states; k < s->body->n_outputs && !st; k++)
        c->flow->drop(c, &w->then[k]);
    for (size_t i = 0; i < s->scanned && !st; i++) {
        struct rd_tensor *to = c->din[s->states + i];

        if (to && din[s->states + i].data) {
            st = scan_axis(c, s, i, &axis);
            if (!st)
                add(&din[s->states + i], axis, place(c, in_directions(c), i, t, length), to);
        }
        c->flow->drop(c, &din[s->states + i]);
    }
    for (size_t i = 0; i < s->states && !st; i++) {
        if (w->begun)
            c->flow->drop(c, &w->now[i]);
        w->now[i] = din[i];
    }
    w->begun = true;
    return st;
}

static rd_status scan_backward(struct rd_op_call *c)
{
    struct scan s;
    struct state w = { .begun = false };
    const struct rd_tensor **dout;
    struct rd_tensor *din;
    rd_status st = scan_of(c, &s);

    if (!st && s.batch)
        st = RD_FAIL(c->err, RD_E_USAGE, "Scan of opset 8 has no gradient");
    if (!st)
        st = scan_lengths(c, &s);
    if (!st)
        st = rd_body_room(c, s.states, sizeof(*w.now), &w.now);
    if (!st)
        st = rd_body_room(c, s.body->n_outputs, sizeof(*w.then), &w.then);
    if (!st)
        st = rd_body_room(c, s.body->n_outputs, sizeof(const struct rd_tensor *), &dout);
    if (!st)
        st = rd_body_room(c, s.states + s.scanned, sizeof(*din), &din);
    if (st)
        return st;
    for (size_t i = 0; i < s.states; i++) {
        const struct rd_tensor *from = i < (size_t)c->node->n_outputs ? c->dout[i] : NULL;

        w.now[i] = from ? *from : (struct rd_tensor){ .ndim = -1 };
    }
    for (size_t t = c->flow->runs(c); t-- > 0 && !st;)
        st = scan_back_slice(c, &s, &w, dout, din, t);
    for (size_t i = 0; i < s.states && !st; i++)
        if (c->din[i] && w.now[i].data)
            rd_grad_add(c->din[i], &w.now[i]);
    return st;
}

static const struct rd_op_attr scan_attrs[] = {
    { "body", RD_ATTR_GRAPH, 0, 0, true },
    { "num_scan_inputs", RD_ATTR_INT, 0, 0, true },
    { "directions", RD_ATTR_INTS, 0, 8, false },
    { "scan_input_axes", RD_ATTR_INTS, 9, 0, false },
    { "scan_input_directions", RD_ATTR_INTS, 9, 0, false },
    { "scan_output_axes", RD_ATTR_INTS, 9, 0, false },
    { "scan_output_directions", RD_ATTR_INTS, 9, 0, false },
    { 0 },
};

const struct rd_op rd_op_scan = {
    .op = "Scan",
    .domain = "",
    .since = 8,
    .min_in = 0,
    .max_in = -1,
    .min_out = 1,
    .max_out = -1,
    .in_type = { RD_T_ANY | RD_T_SMALL | RD_T(RD_STRING) },
    .attrs = scan_attrs,
    .infer = scan_infer,
    .forward = scan_forward,
    .backward = scan_backward,
    .grad_in = RD_GRAD_ALL,
    .reads = RD_READS_IN | RD_READS_OUT,
    .flops = rd_body_flops,
    .random = true,
    .control = true,
    .formal = scan_formal,
    .carried = scan_carried,
};
