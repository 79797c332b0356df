/* plan_layout.c - when each buffer of a plan lives, and where. */
#include "graph/plan_impl.h"

#include <string.h>

enum {
    ROWS_MAX = 56, /* examples in a context: four register tiles of AVX-512 */
    /* 1.5 MiB: what the buffers of a context may take of a second-level cache */
    CACHE_FLOATS = 3 * 512 * 256,
    /* 24 KiB: of a first-level cache, for rows that are made and used at once */
    BAND_FLOATS = 6 * 1024,
    /* 512 KiB: weights beyond it are read once for as many lines as take no more */
    WEIGHT_FLOATS = 128 * 1024
};

static size_t up16(size_t n)
{
    return (n + 15) & ~(size_t)15;
}

static bool per_image(const struct plan_step *s)
{
    return s->kind == PLAN_CONV || (s->kind == PLAN_NODE && s->pixels) || s->kind == PLAN_POOL ||
           s->kind == PLAN_TO_PIXELS || s->kind == PLAN_TO_PLAIN || s->kind == PLAN_ADD ||
           s->kind == PLAN_SCALE || s->kind == PLAN_PICK || s->kind == PLAN_MEAN ||
           s->kind == PLAN_MOMENTS || s->kind == PLAN_BATCHNORM;
}

static bool make_segments(struct plan_code *c, struct rd_arena *arena)
{
    c->segment = RD_NEW_ARRAY(arena, struct plan_segment, (size_t)c->n_steps + 1);
    if (!c->segment)
        return false;
    for (int i = 0; i < c->n_steps; i++) {
        const bool image = per_image(&c->step[i]);
        struct plan_segment *last = c->n_segments ? &c->segment[c->n_segments - 1] : NULL;

        if (last && image && last->per_image && c->step[i - 1].kind != PLAN_MOMENTS)
            last->end = i + 1;
        else
            c->segment[c->n_segments++] = (struct plan_segment){ i, i + 1, image };
        c->step[i].segment = c->n_segments - 1;
    }
    return true;
}

/* Which run of a segment a time belongs to: forward runs, then backward runs, then the loss. */
static int run_of(const struct plan_code *c, int time)
{
    if (time < c->n_steps)
        return c->step[time].segment;
    if (time == c->n_steps || time > 2 * c->n_steps)
        return 2 * c->n_segments;
    return c->n_segments + c->step[2 * c->n_steps - time].segment;
}

static void use(const struct plan_code *c, struct plan_buf *b, int time)
{
    const int run = run_of(c, time);

    if (!b->each)
        return;
    if (!b->used) {
        *b = (struct plan_buf){ .each = b->each,
            .fixed = b->fixed,
            .used = true,
            .from = time,
            .to = time,
            .segment = run };
        return;
    }
    b->from = time < b->from ? time : b->from;
    b->to = time > b->to ? time : b->to;
    if (b->segment != run)
        b->segment = -2;
}

static void use_data(const struct plan_code *c, int slot, int time)
{
    if (slot >= 0 && slot != c->input)
        use(c, &c->slot[slot].data, time);
}

static void use_grad(const struct plan_code *c, int slot, int time)
{
    if (slot < 0 || slot == c->input || !c->slot[slot].wants_grad)
        return;
    while (c->slot[slot].grad_of >= 0)
        slot = c->slot[slot].grad_of;
    use(c, &c->slot[slot].grad, time);
}

static size_t floats_of_bytes(size_t n)
{
    return (n + 3) / 4;
}

static void size_slot(struct plan_slot *s)
{
    s->grad.each = s->count; /* dense: operator rows and matrix products read them as they are */
    s->data.each = s->count;
    if (s->form == PLAN_PIXELS) {
        s->data.each = up16((s->top + s->h + s->bottom) * (s->left + s->w + s->right) * s->c);
        /* Rows a multiple of 1 KB apart would meet in the same sets of the first-level cache. */
        if (s->data.each % 256 == 0)
            s->data.each += 16;
    }
}

/* Lines of `line` floats for which weights are read once. */
static size_t lines_for(const struct plan_pack *weights, size_t line)
{
    const size_t lines = WEIGHT_FLOATS / line;

    return weights->k * weights->n <= WEIGHT_FLOATS || lines < 1 ? 1 : lines;
}

static void size_conv(struct plan_code *c, struct plan_step *s)
{
    const struct plan_slot *in = &c->slot[s->in], *out = &c->slot[s->out];
    size_t dy_h, dy_w;

    if (s->back && !s->back_data) /* weights only: no halo is read */
        s->dy_top = s->dy_left = s->dy_bottom = s->dy_right = 0;
    dy_h = s->oh + s->dy_top + s->dy_bottom;
    dy_w = s->ow + s->dy_left + s->dy_right;
    s->scratch.fixed = s->back_scratch.fixed = true;
    if (s->pool && !plan_pools_in_registers(c, s))
        s->scratch.each = s->pool_kh * s->ow * out->c;
    if (s->save_index)
        s->index.each = floats_of_bytes(out->count);
    /* with a second summand the relu is undone in place first */
    s->dy_is_grad = (!s->relu || s->in2 >= 0) && !s->pool && dy_h == s->oh && dy_w == s->ow;
    s->dy_in_rows = c->mode != PLAN_TRAIN && s->save_index && !s->flipped && s->in2 < 0;
    s->dy_band = dy_h;
    s->lines = lines_for(s->forward_pack, s->stride_h * plan_slot_row(in));
    if (s->back_pack)
        s->back_lines = lines_for(s->back_pack, dy_w * out->c);
    if (c->mode != PLAN_TRAIN && s->flipped && s->back_data) {
        const size_t reach =
            s->phases ? plan_phase_reach(s->kh, s->stride_h) : (s->kh - 1) * s->dilation_h + 1;
        const size_t least = reach + s->back_lines + (s->pool ? s->pool_kh : 1);
        const size_t fit = BAND_FLOATS / (dy_w * out->c);

        /* twice the least, so that rows are moved up once for many */
        s->dy_band = fit > 2 * least ? fit : 2 * least;
        s->dy_band = s->dy_band < dy_h ? s->dy_band : dy_h;
    }
    s->early = c->mode == PLAN_TRAIN && s->back && s->weight >= 0 && plan_weight_early(c, s);
    s->dw.fixed = true;
    if (s->early)
        s->dw.each = up16((s->forward_pack->k + 1) * s->forward_pack->n);
    s->dy.fixed = s->dy_in_rows || s->dy_band < dy_h;
    if (s->dy_in_rows)
        s->dy.each = (s->pool ? s->pool_kh : 1) * s->ow * out->c;
    else if (s->back && !s->dy_is_grad)
        s->dy.each = up16(s->dy_band * dy_w * out->c);
    if (s->back_data && !s->flipped)
        s->back_scratch.each = s->ow * rd_packed_width(c->kernels, s->kh * s->kw * in->c);
}

static rd_status size_steps(struct plan_code *c, size_t rows, struct rd_arena *arena)
{
    for (int i = 0; i < c->n_steps; i++) {
        struct plan_step *s = &c->step[i];
        rd_status st;

        switch (s->kind) {
        case PLAN_CONV:
            size_conv(c, s);
            c->work += 2.0 * (double)(s->oh * s->ow) * (double)s->forward_pack->k *
                       (double)s->forward_pack->n;
            break;
        case PLAN_ADD:
        case PLAN_POOL:
            if (s->save_index)
                s->index.each = floats_of_bytes(c->slot[s->out].count);
            break;
        case PLAN_DENSE:
            c->work += 2.0 * (double)s->forward_pack->k * (double)s->forward_pack->n;
            s->dy_is_grad = !s->relu;
            if (s->back && s->relu)
                s->dy.each = c->slot[s->out].count;
            break;
        case PLAN_DROPOUT:
            s->mask.each = floats_of_bytes(c->slot[s->out].count);
            break;
        case PLAN_NODE:
            st = plan_node_measure(c, i, s->pixels ? 1 : rows, arena);
            if (st)
                return st;
            break;
        case PLAN_TO_PIXELS:
        case PLAN_TO_PLAIN:
        case PLAN_SCALE:
        case PLAN_PICK:
        case PLAN_MEAN:
        case PLAN_MOMENTS:
            break;
        case PLAN_BATCHNORM:
            s->saved.fixed = true;
            s->saved.each = 4 * s->channels * (sizeof(double) / sizeof(float));
            break;
        }
    }
    return RD_OK;
}

static void use_node(struct plan_code *c, int i)
{
    struct plan_step *s = &c->step[i];
    const struct rd_op *row = c->graph->node[s->node].row;
    const int back = 2 * c->n_steps - i, end = 2 * c->n_steps + 1;

    for (int k = 0; k < s->n_in; k++) {
        use_data(c, s->in_slot[k], i);
        if (s->back && row->reads & RD_READS_IN)
            use_data(c, s->in_slot[k], back);
        if (s->back && s->in_back[k])
            use_grad(c, s->in_slot[k], back);
        if (s->back && s->weight_grad[k].each) {
            use(c, &s->weight_grad[k], back);
            use(c, &s->weight_grad[k], end);
        }
    }
    for (int k = 0; k < s->n_out; k++) {
        use_data(c, s->out_slot[k], i);
        if (s->back && row->reads & RD_READS_OUT)
            use_data(c, s->out_slot[k], back);
        if (s->back && s->out_slot[k] >= 0 && c->slot[s->out_slot[k]].grad_written)
            use_grad(c, s->out_slot[k], back);
    }
    use(c, &s->saved, i);
    use(c, &s->node_scratch, i);
    if (s->back) {
        use(c, &s->saved, back);
        use(c, &s->node_back_scratch, back);
    }
}

static void use_all(struct plan_code *c)
{
    const int end = 2 * c->n_steps + 1;

    for (int i = 0; i < c->n_steps; i++) {
        struct plan_step *s = &c->step[i];
        const int back = 2 * c->n_steps - i;
        const bool weights =
            c->mode == PLAN_TRAIN && s->back && s->weight >= 0 && s->kind != PLAN_BATCHNORM;

        if (s->kind == PLAN_NODE) {
            use_node(c, i);
            continue;
        }
        use_data(c, s->in, i);
        use_data(c, s->in2, i);
        use_data(c, s->out, i);
        use(c, &s->index, i);
        use(c, &s->scratch, i);
        use(c, &s->mask, i);
        if (s->kind == PLAN_BATCHNORM) { /* from MOMENTS forward to MOMENTS back */
            use(c, &s->saved, i - 1);
            use(c, &s->saved, back + 1);
        }
        if (s->kind == PLAN_MOMENTS && s->back) {
            use_data(c, s->in, back);
            use_grad(c, s[1].out, back);
        }
        if (!s->back)
            continue;
        use_grad(c, s->out, back);
        if (s->back_data)
            use_grad(c, s->in, back);
        if (s->back_data2)
            use_grad(c, s->in2, back);
        use(c, &s->index, back);
        use(c, &s->mask, back);
        use(c, &s->dy, back);
        use(c, &s->back_scratch, back);
        if (s->kind == PLAN_DENSE && s->relu)
            use_data(c, s->out, back);
        if (s->kind == PLAN_BATCHNORM)
            use_data(c, s->in, back);
        if (s->early) {
            use_data(c, s->in, back);
            use(c, &s->dw, back);
            use(c, &s->dw, end);
        } else if (weights) { /* the pass over weights comes after all others */
            use_data(c, s->in, end);
            s->dy_is_grad ? use_grad(c, s->out, end) : use(c, &s->dy, end);
        }
    }
    use_data(c, c->output, c->n_steps);
    if (c->mode != PLAN_INFER)
        use_grad(c, c->output, c->n_steps);
}

/* --- offsets --- */

struct list {
    struct plan_buf **item;
    size_t n;
};

static void keep(struct list *l, struct plan_buf *b)
{
    if (b->used && l->item)
        l->item[l->n] = b;
    l->n += b->used;
}

static void collect(struct plan_code *c, struct list *l)
{
    l->n = 0;
    for (int i = 0; i < c->n_slots; i++) {
        keep(l, &c->slot[i].data);
        keep(l, &c->slot[i].grad);
    }
    for (int i = 0; i < c->n_steps; i++) {
        struct plan_step *s = &c->step[i];

        keep(l, &s->index);
        keep(l, &s->dy);
        keep(l, &s->dw);
        keep(l, &s->scratch);
        keep(l, &s->back_scratch);
        keep(l, &s->mask);
        keep(l, &s->saved);
        keep(l, &s->node_scratch);
        keep(l, &s->node_back_scratch);
        for (int k = 0; s->kind == PLAN_NODE && k < s->n_in; k++)
            keep(l, &s->weight_grad[k]);
    }
}

/* A buffer of all examples lives as long as the segments that use it run. */
static void widen(const struct plan_code *c, struct plan_buf *b)
{
    const int S = c->n_steps;

    if (b->from < S)
        b->from = c->segment[c->step[b->from].segment].first;
    else if (b->from > S && b->from <= 2 * S)
        b->from = 2 * S - (c->segment[c->step[2 * S - b->from].segment].end - 1);
    if (b->to < S)
        b->to = c->segment[c->step[b->to].segment].end - 1;
    else if (b->to > S && b->to <= 2 * S)
        b->to = 2 * S - c->segment[c->step[2 * S - b->to].segment].first;
}

static size_t size_of(const struct plan_buf *b, size_t rows)
{
    return up16(b->fixed || b->local ? b->each : b->each * rows);
}

/* First gap among the buffers placed so far that live at the same time. placed is sorted by offset.
 */
static void place(struct plan_buf *b, struct plan_buf **placed, size_t n, size_t rows)
{
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        const struct plan_buf *p = placed[i];

        if (p->to < b->from || b->to < p->from)
            continue;
        if (p->offset >= at + size_of(b, rows))
            break;
        if (p->offset + size_of(p, rows) > at)
            at = p->offset + size_of(p, rows);
    }
    b->offset = at;
}

static size_t assign(struct list *l, size_t rows, struct plan_buf **placed)
{
    size_t total = 0;

    for (size_t i = 0; i < l->n; i++) {
        struct plan_buf *b = l->item[i];
        size_t at = i;

        place(b, placed, i, rows);
        while (at > 0 && placed[at - 1]->offset > b->offset) {
            placed[at] = placed[at - 1];
            at--;
        }
        placed[at] = b;
        if (b->offset + size_of(b, rows) > total)
            total = b->offset + size_of(b, rows);
    }
    return total;
}

/* Nothing of this overflows before it is refused: counts come from shapes that fit a tensor. */
static bool sane(const struct list *l, size_t floats)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->item[i]->each > floats)
            return false;
    return true;
}

/* Examples that a context holds at most: as many as its rows like when they only answer. */
static size_t most_rows(const struct plan_code *c)
{
    size_t most = ROWS_MAX;

    for (int i = 0; i < c->n_steps && c->mode == PLAN_INFER; i++) {
        const struct rd_op *row = c->graph->node[c->step[i].node].row;

        if (c->step[i].kind == PLAN_NODE && row->many > most)
            most = row->many;
    }
    return most;
}

rd_status plan_layout(struct plan_code *c, const struct plan_limits *limits, struct rd_arena *arena)
{
    struct list l = { 0 };
    struct plan_buf **placed;
    const size_t most = limits->rows ? limits->rows : most_rows(c);
    size_t spread = 0;
    rd_status st;

    if (!make_segments(c, arena))
        return RD_E_MEMORY;
    for (int i = 0; i < c->n_slots; i++)
        size_slot(&c->slot[i]);
    st = size_steps(c, most, arena);
    if (st)
        return st;
    use_all(c);
    collect(c, &l);
    l.item = RD_NEW_ARRAY(arena, struct plan_buf *, l.n + 1);
    placed = RD_NEW_ARRAY(arena, struct plan_buf *, l.n + 1);
    if (!l.item || !placed)
        return RD_E_MEMORY;
    collect(c, &l);
    if (!sane(&l, limits->floats))
        return RD_E_LIMIT;
    for (size_t i = 0; i < l.n; i++) {
        struct plan_buf *b = l.item[i];

        /* The pass over weights reads dy image by image, but of all examples. */
        b->local = !b->fixed && b->segment >= 0 && b->segment < 2 * c->n_segments &&
                   c->segment[b->segment % c->n_segments].per_image;
        if (!b->local && !(b->fixed && b->from == b->to))
            widen(c, b);
        if (!b->local && !b->fixed)
            spread += b->each;
    }
    c->rows = limits->rows;
    if (!c->rows) {
        c->rows = spread ? CACHE_FLOATS / spread : most;
        c->rows = c->rows < 1 ? 1 : c->rows > most ? most : c->rows;
    }
    c->floats = assign(&l, c->rows, placed);
    while (c->floats > limits->floats && !limits->rows && c->rows > 1) {
        c->rows /= 2;
        c->floats = assign(&l, c->rows, placed);
    }
    for (int i = 0; i < c->n_slots; i++) {
        int at = i;

        while (c->slot[at].grad_of >= 0)
            at = c->slot[at].grad_of;
        c->slot[i].grad = c->slot[at].grad;
    }
    return c->floats <= limits->floats && c->work <= limits->work ? RD_OK : RD_E_LIMIT;
}
