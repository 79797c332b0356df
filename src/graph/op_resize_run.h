/*
 * op_resize_run.h - the passes of Resize, written once for REAL: axis by axis, row by row.
 *
 * One axis of a slab of shape (outer, in, inner) becomes (outer, out, inner). Where inner is more
 * than 1, whole rows are mixed (NAME(mix)); along the last axis single places are gathered.
 */

static void NAME(gather)(const struct rd_resize_axis *a, const struct rd_kernels *kernels,
    size_t outer, size_t inner, const REAL *from, REAL *to)
{
    const size_t taps = a->taps;

    for (size_t p = 0; p < outer; p++, from += a->in * inner)
        for (size_t o = 0; o < a->out; o++, to += inner) {
            const size_t *at = a->at + o * taps;
            const REAL *w = a->WEIGHTS + o * taps;

            if (inner > 1) {
                NAME(mix)(kernels, from, at, inner, w, taps, to, inner, false);
            } else if (taps == 2) {
                *to = w[0] * from[at[0]] + w[1] * from[at[1]];
            } else {
                REAL sum = 0;

                for (size_t t = 0; t < taps; t++)
                    sum += w[t] * from[at[t]];
                *to = sum;
            }
        }
}

/* The transposed matrix: from (outer, out, inner) is added to `to` (outer, in, inner). */
static void NAME(scatter)(const struct rd_resize_axis *a, const struct rd_kernels *kernels,
    size_t outer, size_t inner, const REAL *from, REAL *to)
{
    static const size_t none = 0;

    for (size_t p = 0; p < outer; p++, to += a->in * inner)
        for (size_t o = 0; o < a->out; o++, from += inner)
            for (size_t t = 0; t < a->taps; t++) {
                const REAL *w = a->WEIGHTS + o * a->taps + t;
                REAL *row = to + a->at[o * a->taps + t] * inner;

                if (inner > 1)
                    NAME(mix)(kernels, from, &none, 0, w, 1, row, inner, true);
                else
                    *row += *w * *from;
            }
}

/* Elements before and behind the axis of pass k, the passes before it being done. */
static void NAME(around)(const struct rd_resize_job *j, int k, size_t *outer, size_t *inner)
{
    *outer = *inner = 1;
    for (int d = j->first; d < j->rank; d++) {
        size_t n = j->in[d];

        for (int i = 0; i < k; i++)
            if (j->axis[i].axis == d)
                n = j->axis[i].out;
        if (d < j->axis[k].axis)
            *outer *= n;
        else if (d > j->axis[k].axis)
            *inner *= n;
    }
}

void NAME(rd_resize_forward)(const struct rd_resize_job *j, const struct rd_kernels *kernels,
    const REAL *x, REAL *y, REAL *work)
{
    for (size_t s = 0; s < j->slabs; s++) {
        const REAL *from = x + s * j->slab_in;

        for (int k = 0; k < j->n; k++) {
            REAL *to = k == j->n - 1 ? y + s * j->slab_out : work + (size_t)(k & 1) * j->most;
            size_t outer, inner;

            NAME(around)(j, k, &outer, &inner);
            NAME(gather)(&j->axis[k], kernels, outer, inner, from, to);
            from = to;
        }
    }
}

void NAME(rd_resize_backward)(const struct rd_resize_job *j, const struct rd_kernels *kernels,
    const REAL *g, REAL *dx, REAL *work)
{
    for (size_t s = 0; s < j->slabs; s++) {
        const REAL *from = g + s * j->slab_out;

        for (int k = j->n; k-- > 0;) {
            REAL *to = k == 0 ? dx + s * j->slab_in : work + (size_t)(k & 1) * j->most;
            size_t outer, inner;

            NAME(around)(j, k, &outer, &inner);
            if (k)
                memset(to, 0, outer * j->axis[k].in * inner * sizeof *to);
            NAME(scatter)(&j->axis[k], kernels, outer, inner, from, to);
            from = to;
        }
    }
}
