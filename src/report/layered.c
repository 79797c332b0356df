/*
 * layered.c - our own layout: columns follow the flows, each boundary is a band of rows.
 *
 * A band holds the boundary's own elements and below them the bands inside it, so boundaries never
 * overlap and need no search. Deterministic: ties go to the order of the file. Ranks are longest
 * paths after flows that close a cycle are set aside (depth-first, Sugiyama's first two steps);
 * rows within a band follow their neighbors to the left.
 */
#include "report/layout.h"

#include <math.h>
#include <string.h>

enum { GAP_X = 84, GAP_Y = 30, BAND_GAP = 16, ROUTE_MAX = 400 };

struct work {
    const struct rd_system *s;
    const struct rd_layout_sizes *z;
    size_t *rank, ranks; /* column of each element */
    bool *back;          /* flows that close a cycle */
    double *column_x, *column_w;
    double *key; /* wish for a row: mean of the neighbors to the left */
    struct rd_box *box;
    size_t *member; /* scratch for one band */
    double *stack;  /* next free row of each column in the band */
};

/* Depth-first with a stack of our own: a system may be a chain of thousands. */
static bool set_cycles_aside(struct work *w, struct rd_arena *arena)
{
    const struct rd_system *s = w->s;
    unsigned char *color = RD_NEW_ARRAY(arena, unsigned char, s->n_elements + 1);
    size_t *head = RD_NEW_ARRAY(arena, size_t, s->n_elements + 2);
    size_t *out = RD_NEW_ARRAY(arena, size_t, s->n_flows + 1);
    size_t *next = RD_NEW_ARRAY(arena, size_t, s->n_elements + 1);
    size_t *path = RD_NEW_ARRAY(arena, size_t, s->n_elements + 1);
    size_t *done = RD_NEW_ARRAY(arena, size_t, s->n_elements + 1), n_done = 0;

    if (!color || !head || !out || !next || !path || !done)
        return false;
    for (size_t i = 0; i < s->n_flows; i++)
        head[s->flows[i].from + 1]++;
    for (size_t i = 0; i < s->n_elements; i++)
        head[i + 1] += head[i];
    memcpy(next, head, s->n_elements * sizeof(*next));
    for (size_t i = 0; i < s->n_flows; i++)
        out[next[s->flows[i].from]++] = i;
    memcpy(next, head, s->n_elements * sizeof(*next));
    for (size_t root = 0; root < s->n_elements; root++) {
        size_t depth = 0;

        if (color[root])
            continue;
        path[depth++] = root;
        color[root] = 1;
        while (depth) {
            const size_t v = path[depth - 1];

            if (next[v] == head[v + 1]) {
                color[v] = 2;
                done[n_done++] = v;
                depth--;
                continue;
            }
            const size_t f = out[next[v]++], to = (size_t)s->flows[f].to;
            if (color[to] == 1) {
                w->back[f] = true;
            } else if (!color[to]) {
                color[to] = 1;
                path[depth++] = to;
            }
        }
    }
    /* done in reverse is a topological order: longest path in one sweep. */
    while (n_done-- > 0) {
        const size_t v = done[n_done];

        for (size_t k = head[v]; k < head[v + 1]; k++) {
            const size_t to = (size_t)s->flows[out[k]].to;

            if (!w->back[out[k]] && w->rank[to] < w->rank[v] + 1)
                w->rank[to] = w->rank[v] + 1;
        }
    }
    return true;
}

static void make_columns(struct work *w)
{
    double x = 0;

    for (size_t i = 0; i < w->s->n_elements; i++) {
        const size_t r = w->rank[i];

        w->box[i] = w->z->element[i];
        w->column_w[r] = fmax(w->column_w[r], w->box[i].w);
        w->ranks = r + 1 > w->ranks ? r + 1 : w->ranks;
    }
    for (size_t r = 0; r < w->ranks; r++) {
        w->column_x[r] = x;
        x += w->column_w[r] + GAP_X;
    }
}

/* Elements of one band by column, then by wish, then by file order; insertion sort on a short list.
 */
static void sort_members(const struct work *w, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const size_t v = w->member[i];
        size_t k = i;

        for (; k > 0; k--) {
            const size_t u = w->member[k - 1];
            const bool later =
                w->rank[u] != w->rank[v] ? w->rank[u] > w->rank[v] : w->key[u] > w->key[v];

            if (!later)
                break;
            w->member[k] = u;
        }
        w->member[k] = v;
    }
}

static double place_band(struct work *w, int boundary, double y, unsigned depth)
{
    const struct rd_system *s = w->s;
    double bottom = y;
    size_t n = 0;

    for (size_t i = 0; i < s->n_elements; i++)
        if (s->elements[i].boundary == boundary)
            w->member[n++] = i;
    for (size_t r = 0; r < w->ranks; r++)
        w->stack[r] = y;
    sort_members(w, n);
    for (size_t k = 0; k < n; k++) {
        struct rd_box *b = &w->box[w->member[k]];
        const size_t r = w->rank[w->member[k]];

        b->x = w->column_x[r] + (w->column_w[r] - b->w) / 2;
        b->y = w->stack[r];
        w->stack[r] += b->h + GAP_Y;
        bottom = fmax(bottom, b->y + b->h);
    }
    if (n)
        bottom += BAND_GAP;
    for (size_t i = 0; i < s->n_boundaries && depth < 64; i++) {
        if (s->boundaries[i].inside != boundary)
            continue;
        const double top = bottom + RD_LAYOUT_PAD + RD_LAYOUT_HEAD;
        const double end = place_band(w, (int)i, top, depth + 1);

        if (end > top) /* else it holds nothing */
            bottom = end + RD_LAYOUT_PAD;
    }
    return bottom;
}

/* Nearest y to the wish at which column r holds no box, by walking over the boxes that are in the
 * way. */
static double free_y(const struct work *w, size_t r, double wish)
{
    double best = wish, best_distance = INFINITY;
    const double room = GAP_Y / 2.0 - 2;

    for (size_t c = 0; c < 2 * w->s->n_elements + 1; c++) {
        double y = wish;
        bool hit = false;

        if (c > 0) {
            const struct rd_box *b = &w->box[(c - 1) / 2];

            if (w->rank[(c - 1) / 2] != r)
                continue;
            y = (c & 1) ? b->y - room : b->y + b->h + room;
        }
        if (fabs(y - wish) >= best_distance)
            continue;
        for (size_t i = 0; i < w->s->n_elements && !hit; i++)
            hit = w->rank[i] == r && y > w->box[i].y - 4 && y < w->box[i].y + w->box[i].h + 4;
        if (!hit) {
            best = y;
            best_distance = fabs(y - wish);
        }
    }
    return best;
}

static size_t bend(struct rd_point *p, size_t n, struct rd_point to)
{
    const struct rd_point from = p[n - 1];
    const double dx = (to.x - from.x) * 0.5;

    p[n] = (struct rd_point){ from.x + dx, from.y };
    p[n + 1] = (struct rd_point){ to.x - dx, to.y };
    p[n + 2] = to;
    return n + 3;
}

static bool route(struct work *w, size_t i, struct rd_arena *arena, struct rd_path *path)
{
    const struct rd_flow *f = &w->s->flows[i];
    const struct rd_box *a = &w->box[f->from], *b = &w->box[f->to];
    const size_t ra = w->rank[f->from], rb = w->rank[f->to];
    const size_t hops = rb > ra ? rb - ra : 0;
    struct rd_point *p = RD_NEW_ARRAY(arena, struct rd_point, 8 + 6 * hops);
    size_t n = 1;

    if (!p)
        return false;
    if (!hops) { /* back, or to its own column: over the top */
        const double top = fmin(a->y, b->y) - 26;

        p[0] = (struct rd_point){ a->x + a->w / 2, a->y };
        p[1] = (struct rd_point){ a->x + a->w / 2, top };
        p[2] = (struct rd_point){ b->x + b->w / 2 + (f->from == f->to ? 30 : 0), top };
        p[3] = (struct rd_point){ b->x + b->w / 2 + (f->from == f->to ? 30 : 0), b->y };
        *path = (struct rd_path){ 4, p, { (p[1].x + p[2].x) / 2, top + 6 }, false };
        return true;
    }
    p[0] = (struct rd_point){ a->x + a->w, a->y + a->h / 2 };
    for (size_t r = ra + 1; r < rb; r++) {
        const double share = (double)(r - ra) / (double)hops;
        const double wish = a->y + a->h / 2 + share * (b->y - a->y);
        const double y = w->s->n_elements > ROUTE_MAX ? wish : free_y(w, r, wish);
        const double x0 = w->column_x[r], x1 = x0 + w->column_w[r];

        n = bend(p, n, (struct rd_point){ x0, y });
        n = bend(p, n, (struct rd_point){ x1, y });
    }
    n = bend(p, n, (struct rd_point){ b->x, b->y + b->h / 2 });
    const struct rd_point first = p[0], second = p[3];
    *path =
        (struct rd_path){ n, p, { (first.x + second.x) / 2, (first.y + second.y) / 2 - 7 }, false };
    return true;
}

rd_status rd_layout_layered(const struct rd_system *s, const struct rd_layout_sizes *z,
    struct rd_arena *arena, struct rd_layout *out, struct rd_error *err)
{
    const size_t n = s->n_elements + 1;
    struct rd_path *flow = RD_NEW_ARRAY(arena, struct rd_path, s->n_flows + 1);
    struct work w = {
        .s = s,
        .z = z,
        .rank = RD_NEW_ARRAY(arena, size_t, n),
        .back = RD_NEW_ARRAY(arena, bool, s->n_flows + 1),
        .column_x = RD_NEW_ARRAY(arena, double, n),
        .column_w = RD_NEW_ARRAY(arena, double, n),
        .key = RD_NEW_ARRAY(arena, double, n),
        .box = RD_NEW_ARRAY(arena, struct rd_box, n),
        .member = RD_NEW_ARRAY(arena, size_t, n),
        .stack = RD_NEW_ARRAY(arena, double, n),
    };

    if (!flow || !w.rank || !w.back || !w.column_x || !w.column_w || !w.key || !w.box ||
        !w.member || !w.stack || !set_cycles_aside(&w, arena))
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a layout");
    make_columns(&w);
    (void)place_band(&w, RD_NONE, 0, 0);
    for (size_t sweep = 0; sweep < 2;
         sweep++) { /* rows follow where the left neighbors now stand */
        for (size_t i = 0; i < s->n_elements; i++) {
            double sum = 0, count = 0;

            for (size_t k = 0; k < s->n_flows && s->n_elements <= ROUTE_MAX; k++)
                if ((size_t)s->flows[k].to == i && !w.back[k]) {
                    sum += w.box[s->flows[k].from].y;
                    count++;
                }
            w.key[i] = count > 0 ? sum / count : w.box[i].y;
        }
        (void)place_band(&w, RD_NONE, 0, 0);
    }
    for (size_t i = 0; i < s->n_flows; i++)
        if (!route(&w, i, arena, &flow[i]))
            return RD_FAIL(err, RD_E_MEMORY, "no memory for a layout");
    *out = (struct rd_layout){ .engine = "layered", .element = w.box, .flow = flow };
    return RD_OK;
}
