/*
 * plan_phase.c - input gradients of convolutions with strides, phase by phase.
 *
 * The pixels of dx whose place, padding counted, leaves the same remainder by the stride are a
 * plain convolution of dy with every stride-th tap of the flipped kernel:
 *
 *   dx[y] = sum over t < taps of dy[(y + pad) / s - t] * w[(y + pad) % s + t * s]
 *
 * for each axis alike. So no multiplication meets a zero, and nothing is added up in memory.
 */
#include "graph/plan_impl.h"

#include <string.h>

/* Taps of a kernel of k that remainder `first` meets. */
static size_t taps_of(size_t k, size_t stride, size_t first)
{
    return first < k ? (k - first + stride - 1) / stride : 0;
}

size_t plan_phase_reach(size_t k, size_t stride)
{
    return (k + stride - 1) / stride;
}

void plan_phase_halo(
    size_t in, size_t out, size_t k, size_t stride, size_t pad, size_t *before, size_t *after)
{
    const size_t reach = plan_phase_reach(k, stride) - 1, last = (in - 1 + pad) / stride;

    *before = reach > pad / stride ? reach - pad / stride : 0;
    *after = last >= out ? last - out + 1 : 0;
}

/* One phase, w (o, c, kh, kw): rows (ky, kx, o) flipped, columns c; narrow: (ky, c, kx, o). */
struct phase {
    size_t first_h, first_w, taps_h, taps_w;
};

static struct phase phase_at(const struct plan_pack *p, size_t py, size_t px)
{
    return (struct phase){
        .first_h = py,
        .first_w = px,
        .taps_h = taps_of(p->taps / p->kw, p->stride_h, py),
        .taps_w = taps_of(p->kw, p->stride_w, px),
    };
}

static float element(
    const struct plan_pack *p, const struct phase *f, const char *w, size_t row, size_t c)
{
    const size_t o = row % p->o, tap = row / p->o;
    const size_t ky = f->first_h + (f->taps_h - 1 - tap / f->taps_w) * p->stride_h;
    const size_t kx = f->first_w + (f->taps_w - 1 - tap % f->taps_w) * p->stride_w;
    float v;

    memcpy(&v, w + ((o * p->c + c) * p->taps + ky * p->kw + kx) * sizeof v, sizeof v);
    return p->affine ? v * p->affine->scale[o] : v;
}

/* w (c, 1, kh, kw) -> (ky, kx, c), of one phase */
static float *fill_depth(const struct plan_pack *p, const struct phase *f, const char *w, float *to)
{
    const bool flip = p->kind == PACK_DEPTH_PHASES;

    for (size_t y = 0; y < f->taps_h; y++)
        for (size_t x = 0; x < f->taps_w; x++)
            for (size_t c = 0; c < p->c; c++, to++) {
                const size_t ky = f->first_h + (flip ? f->taps_h - 1 - y : y) * p->stride_h;
                const size_t kx = f->first_w + (flip ? f->taps_w - 1 - x : x) * p->stride_w;

                memcpy(to, w + (c * p->taps + ky * p->kw + kx) * sizeof *to, sizeof *to);
                *to *= p->affine ? p->affine->scale[c] : 1;
            }
    return to;
}

void plan_phase_fill(const struct rd_kernels *kernels, struct plan_pack *p, const char *w)
{
    float *to = p->packed;

    for (size_t py = 0; py < p->stride_h; py++)
        for (size_t px = 0; px < p->stride_w; px++) {
            const struct phase f = phase_at(p, py, px);
            const size_t len = f.taps_w * p->o, rows = f.taps_h * len;

            if (p->kind == PACK_DEPTH || p->kind == PACK_DEPTH_PHASES) {
                to = fill_depth(p, &f, w, to);
                continue;
            }
            if (p->kind == PACK_PHASES_NARROW) {
                for (size_t y = 0; y < f.taps_h; y++)
                    for (size_t c = 0; c < p->c; c++)
                        for (size_t i = 0; i < len; i++)
                            *to++ = element(p, &f, w, y * len + i, c);
                continue;
            }
            for (size_t first = 0, width; first < p->n; first += width) {
                width = p->n - first <= kernels->lanes ? kernels->lanes : 2 * kernels->lanes;
                for (size_t r = 0; r < rows; r++)
                    for (size_t j = first; j < first + width; j++)
                        *to++ = j < p->n ? element(p, &f, w, r, j) : 0;
            }
        }
}

/* The same lines where each channel is by itself. */
static void depth_lines(
    const struct rd_kernels *kernels, const struct rd_rows *q, size_t taps, size_t lines)
{
    struct rd_depth d = {
        .in = q->in,
        .w = q->packed,
        .out = q->out,
        .width = q->rows,
        .channels = q->n,
        .ny = q->ny,
        .nx = taps,
        .in_step = (ptrdiff_t)q->n,
        .y_step = q->y_step,
        .x_step = (ptrdiff_t)q->n,
        .out_step = q->out_step,
        .accumulate = q->accumulate,
    };

    for (size_t y = 0; y < lines; y++, d.in += q->in_line, d.out += q->out_line)
        kernels->depth(&d);
}

/* Lines of dx with remainder py, from `line` on, `lines` of them; dy: the line of (y + pad) / s of
 * the first, less the longest reach. */
static void run_lines(const struct plan_code *code, const struct plan_step *s, const float *dy,
    size_t dy_row, float *dx, size_t py, size_t lines)
{
    const struct plan_slot *from = &code->slot[s->in];
    const size_t c = from->c, o = code->slot[s->out].c,
                 reach = plan_phase_reach(s->kh, s->stride_h);
    const struct plan_pack *p = s->back_pack;
    /* floats of a tap */
    const size_t width = s->depth ? c : s->narrow ? o * c : o * rd_packed_width(code->kernels, c);
    const float *packed = p->packed;

    for (size_t y = 0; y < py; y++)
        for (size_t x = 0; x < p->stride_w; x++) {
            const struct phase f = phase_at(p, y, x);

            packed += f.taps_h * f.taps_w * width;
        }
    for (size_t px = 0; px < s->stride_w; px++) {
        const struct phase f = phase_at(p, py, px);
        /* the first pixel of this remainder, and where its sum begins in dy */
        const size_t x = (px + s->stride_w - s->pad_left % s->stride_w) % s->stride_w;
        const size_t at = (x + s->pad_left) / s->stride_w + s->dy_left + 1 - f.taps_w;
        struct rd_rows q = {
            .in = dy + (reach - f.taps_h) * dy_row + at * o,
            .packed = packed,
            .out = dx + x * c,
            .rows = x < from->w ? (from->w - x + s->stride_w - 1) / s->stride_w : 0,
            .n = c,
            .ny = f.taps_h,
            .nx = 1,
            .len = f.taps_w * o,
            .in_step = (ptrdiff_t)o,
            .y_step = (ptrdiff_t)dy_row,
            .out_step = (ptrdiff_t)(s->stride_w * c),
            .accumulate = s->add,
            .slide = f.taps_w,
            .lines = lines,
            .in_line = (ptrdiff_t)dy_row,
            .out_line = (ptrdiff_t)(s->stride_h * from->w * c),
        };

        packed += f.taps_h * f.taps_w * width;
        if (!f.taps_h || !f.taps_w || !q.rows) /* nothing reaches these; they are zero already */
            continue;
        if (s->depth) {
            depth_lines(code->kernels, &q, f.taps_w, lines);
            continue;
        }
        if (!s->narrow) {
            code->kernels->rows(&q);
            continue;
        }
        for (size_t y = 0; y < lines; y++, q.in += q.in_line, q.out += q.out_line)
            code->kernels->narrow(&q);
    }
}

void plan_phases(const struct plan_code *code, const struct plan_step *s, const float *dy,
    size_t dy_row, float *dx, size_t y, size_t end)
{
    const struct plan_slot *from = &code->slot[s->in];
    const size_t line = from->w * from->c, base = (y + s->pad_top) / s->stride_h;

    if (!s->add && (s->kh < s->stride_h || s->kw < s->stride_w))
        memset(dx + y * line, 0, (end - y) * line * sizeof *dx);
    for (size_t first = y; first < end && first < y + s->stride_h; first++)
        run_lines(code, s, dy + ((first + s->pad_top) / s->stride_h - base) * dy_row, dy_row,
            dx + first * line, (first + s->pad_top) % s->stride_h,
            (end - first + s->stride_h - 1) / s->stride_h);
}
