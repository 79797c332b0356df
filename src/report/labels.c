/*
 * labels.c - where the labels of flows stand: on their flow, but on nothing else.
 *
 * In the order of the file, each label takes the first of a few places along its flow that is free
 * of boxes, of the names of boundaries and of labels that have their place already. What finds none
 * is crowded: it gets a place for a number where there is one, to be told elsewhere.
 */
#include "report/layout.h"

#include <math.h>

enum { GAP = 3 };
/* Label, box and place at most: beyond, nobody could read them either. */
#define LABELS_WORK 2e7

struct placer {
    const struct rd_system *s;
    const struct rd_layout *l;
    struct rd_box *taken; /* labels that have their place */
    size_t n_taken;
};

static bool touch(const struct rd_box *a, const struct rd_box *b)
{
    return a->x < b->x + b->w + GAP && b->x < a->x + a->w + GAP && a->y < b->y + b->h + GAP &&
           b->y < a->y + a->h + GAP;
}

static bool is_free(const struct placer *p, const struct rd_box *at)
{
    for (size_t i = 0; i < p->s->n_elements; i++)
        if (touch(at, &p->l->element[i]))
            return false;
    for (size_t i = 0; i < p->s->n_boundaries; i++) {
        const struct rd_box *b = &p->l->boundary[i];
        const struct rd_box head = { b->x, b->y, b->w, RD_LAYOUT_HEAD };

        if (b->w > 0 && touch(at, &head))
            return false;
    }
    for (size_t i = 0; i < p->n_taken; i++)
        if (touch(at, &p->taken[i]))
            return false;
    return true;
}

/* The point at share t of the flow, by segments. */
static struct rd_point along(const struct rd_path *f, double t)
{
    const double segments = (double)(f->n - 1) / 3, at = t * segments;
    const size_t k = (size_t)fmin(floor(at), segments - 1);
    const double u = at - (double)k, v = 1 - u;
    const struct rd_point *p = &f->point[3 * k];

    return (struct rd_point){ v * v * v * p[0].x + 3 * v * v * u * p[1].x + 3 * v * u * u * p[2].x +
                                  u * u * u * p[3].x,
        v * v * v * p[0].y + 3 * v * v * u * p[1].y + 3 * v * u * u * p[2].y + u * u * u * p[3].y };
}

static struct rd_box centered(struct rd_point c, const struct rd_box *size)
{
    return (struct rd_box){ c.x - size->w / 2, c.y - size->h / 2, size->w, size->h };
}

static bool try_at(
    struct placer *p, struct rd_point at, const struct rd_box *size, struct rd_path *flow)
{
    const struct rd_box box = centered(at, size);

    if (!is_free(p, &box))
        return false;
    p->taken[p->n_taken++] = box;
    flow->label = at;
    return true;
}

static bool place(struct placer *p, const struct rd_box *size, struct rd_path *flow)
{
    static const double share[] = { 0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82, 0.1, 0.9 };

    if (try_at(p, flow->label, size, flow))
        return true;
    for (size_t i = 0; i < sizeof share / sizeof *share; i++) {
        const struct rd_point on = along(flow, share[i]);
        const double up = size->h / 2 + 5, aside = size->w / 2 + 5;
        const struct rd_point at[] = { on, { on.x, on.y - up }, { on.x, on.y + up },
            { on.x + aside, on.y }, { on.x - aside, on.y } };

        for (size_t k = 0; k < sizeof at / sizeof *at; k++)
            if (try_at(p, at[k], size, flow))
                return true;
    }
    return false;
}

bool rd_layout_place_labels(const struct rd_system *s, const struct rd_layout_sizes *z,
    struct rd_layout *l, struct rd_path *flow, struct rd_arena *scratch)
{
    struct placer p = {
        .s = s, .l = l, .taken = RD_NEW_ARRAY(scratch, struct rd_box, s->n_flows + 1)
    };
    const double things = (double)(s->n_elements + s->n_boundaries + s->n_flows);

    if (!p.taken)
        return false;
    const struct rd_box number = { .w = RD_LAYOUT_NUMBER_W, .h = RD_LAYOUT_NUMBER_H };
    const bool too_many = things * (double)s->n_flows > LABELS_WORK;

    for (size_t i = 0; i < s->n_flows; i++)
        if (flow[i].n >= 4 && z->label[i].w > 0)
            flow[i].crowded = too_many || !place(&p, &z->label[i], &flow[i]);
    for (size_t i = 0; i < s->n_flows; i++)
        if (flow[i].crowded && (too_many || !place(&p, &number, &flow[i])))
            flow[i].label = (struct rd_point){ (double)NAN, (double)NAN };
    return true;
}
