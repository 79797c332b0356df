/*
 * layered.c - our own layout: columns follow the flows, each boundary is a band of rows.
 *
 * A band holds the boundary's own elements and below them the bands inside it, so boundaries never
 * overlap and need no search. Columns are longest paths after flows that close a cycle are set
 * aside (depth-first, Sugiyama's first two steps): over all flows, or over those within each
 * boundary alone, which is less wide when there are many boundaries; the caller takes what is
 * better to read. Rows within a band follow their neighbors to the left. Flows run in the gaps
 * between columns and cross a column only where it holds no box. Deterministic: ties go to the
 * order of the file.
 */
#include "report/layout.h"

#include <math.h>
#include <string.h>

enum { GAP_X = 84, GAP_Y = 30, BAND_GAP = 16, LABEL_ROOM = 28, PARALLEL_MAX = 3000 };

struct work {
    const struct rd_system *s;
    const struct rd_layout_sizes *z;
    bool within;         /* columns by the flows within each boundary */
    size_t *rank, ranks; /* column of each element */
    bool *back;          /* flows that close a cycle */
    double *column_x, *column_w;
    double *key; /* wish for a row: mean of the neighbors to the left */
    struct rd_box *box;
    size_t *member;                    /* scratch for one band */
    double *stack;                     /* next free row of each column in the band */
    size_t *column_head, *column_item; /* elements of each column */
};

/* Does this flow say which column its ends are in? */
static bool counts(const struct work *w, size_t flow)
{
    const struct rd_flow *f = &w->s->flows[flow];

    return f->from != f->to &&
           (!w->within || w->s->elements[f->from].boundary == w->s->elements[f->to].boundary);
}

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
        head[s->flows[i].from + 1] += counts(w, i);
    for (size_t i = 0; i < s->n_elements; i++)
        head[i + 1] += head[i];
    memcpy(next, head, s->n_elements * sizeof(*next));
    for (size_t i = 0; i < s->n_flows; i++)
        if (counts(w, i))
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

/* Elements that no counting flow touches would all stand in the first column, one below the other:
 * deal them out over a few. */
static bool spread_loose_ones(struct work *w, struct rd_arena *arena)
{
    const struct rd_system *s = w->s;
    bool *tied = RD_NEW_ARRAY(arena, bool, s->n_elements + 1);
    size_t *loose = RD_NEW_ARRAY(arena, size_t, s->n_boundaries + 1);
    size_t *dealt = RD_NEW_ARRAY(arena, size_t, s->n_boundaries + 1);

    if (!tied || !loose || !dealt)
        return false;
    for (size_t i = 0; i < s->n_flows; i++)
        if (counts(w, i))
            tied[s->flows[i].from] = tied[s->flows[i].to] = true;
    /* Slot 0 holds those outside of every boundary. */
    for (size_t i = 0; i < s->n_elements; i++)
        loose[s->elements[i].boundary + 1] += !tied[i];
    for (size_t i = 0; i < s->n_elements; i++) {
        const int slot = s->elements[i].boundary + 1;
        const size_t columns = (size_t)ceil(sqrt(1.5 * (double)loose[slot]));

        if (!tied[i] && loose[slot] > 3)
            w->rank[i] = dealt[slot]++ % columns;
    }
    return true;
}

static bool make_columns(struct work *w, struct rd_arena *arena)
{
    const size_t n = w->s->n_elements;
    double x = 0, *gap = RD_NEW_ARRAY(arena, double, n + 1); /* to the right of each column */

    if (!gap)
        return false;
    for (size_t i = 0; i < n; i++) {
        const size_t r = w->rank[i];

        w->box[i] = w->z->element[i];
        w->column_w[r] = fmax(w->column_w[r], w->box[i].w);
        w->ranks = r + 1 > w->ranks ? r + 1 : w->ranks;
    }
    for (size_t i = 0; i < w->s->n_flows;
         i++) { /* a label stands in the gap that its flow crosses */
        const size_t a = w->rank[w->s->flows[i].from], b = w->rank[w->s->flows[i].to];
        const size_t left = a < b ? a : b;

        if (a + b == 2 * left + 1)
            gap[left] = fmax(gap[left], w->z->label[i].w + LABEL_ROOM);
    }
    for (size_t r = 0; r < w->ranks; r++) {
        w->column_x[r] = x;
        x += w->column_w[r] + fmax(GAP_X, gap[r]);
    }
    w->column_head = RD_NEW_ARRAY(arena, size_t, w->ranks + 2);
    w->column_item = RD_NEW_ARRAY(arena, size_t, n + 1);
    if (!w->column_head || !w->column_item)
        return false;
    for (size_t i = 0; i < n; i++)
        w->column_head[w->rank[i] + 2]++;
    for (size_t r = 0; r < w->ranks; r++)
        w->column_head[r + 2] += w->column_head[r + 1];
    for (size_t i = 0; i < n; i++)
        w->column_item[w->column_head[w->rank[i] + 1]++] = i;
    return true;
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

/* Rows follow where the left neighbors now stand. */
static void wish_rows(struct work *w, double *sum, double *count)
{
    const struct rd_system *s = w->s;

    memset(sum, 0, s->n_elements * sizeof *sum);
    memset(count, 0, s->n_elements * sizeof *count);
    for (size_t k = 0; k < s->n_flows; k++)
        if (counts(w, k) && !w->back[k]) {
            sum[s->flows[k].to] += w->box[s->flows[k].from].y;
            count[s->flows[k].to]++;
        }
    for (size_t i = 0; i < s->n_elements; i++)
        w->key[i] = count[i] > 0 ? sum[i] / count[i] : w->box[i].y;
}

/* --- flows --- */

/* Nearest y to the wish at which column r holds no box: the wish itself, or just above or below one
 * of the boxes that are in the way. */
static double free_y(const struct work *w, size_t r, double wish)
{
    const size_t *item = w->column_item + w->column_head[r];
    const size_t n = w->column_head[r + 1] - w->column_head[r];
    const double room = GAP_Y / 2.0 - 2;
    double best = wish, best_distance = (double)INFINITY;

    for (size_t c = 0; c < 2 * n + 1; c++) {
        double y = wish;
        bool hit = false;

        if (c > 0) {
            const struct rd_box *b = &w->box[item[(c - 1) / 2]];

            y = (c & 1) ? b->y - room : b->y + b->h + room;
        }
        if (fabs(y - wish) >= best_distance)
            continue;
        for (size_t i = 0; i < n && !hit; i++)
            hit = y > w->box[item[i]].y - 8 && y < w->box[item[i]].y + w->box[item[i]].h + 8;
        if (!hit) {
            best = y;
            best_distance = fabs(y - wish);
        }
    }
    return best;
}

struct line {
    struct rd_point *p;
    size_t n;
};

/* An S between two points that lie side by side. */
static void bend(struct line *l, double x, double y)
{
    const struct rd_point from = l->p[l->n - 1];
    const double dx = (x - from.x) * 0.5;

    l->p[l->n++] = (struct rd_point){ from.x + dx, from.y };
    l->p[l->n++] = (struct rd_point){ x - dx, y };
    l->p[l->n++] = (struct rd_point){ x, y };
}

/* Out to the right and back, to another box of the same column. */
static void turn(struct line *l, double by, double x, double y)
{
    const struct rd_point from = l->p[l->n - 1];
    const double out = fmax(from.x, x) + by;

    l->p[l->n++] = (struct rd_point){ out, from.y };
    l->p[l->n++] = (struct rd_point){ out, y };
    l->p[l->n++] = (struct rd_point){ x, y };
}

/* Of flows between the same two elements, how far apart each runs: 0 for one alone. */
static double apart(const struct work *w, size_t flow)
{
    const struct rd_flow *f = &w->s->flows[flow];
    double all = 0, before = 0;

    for (size_t i = 0; i < w->s->n_flows && w->s->n_flows <= PARALLEL_MAX; i++) {
        const struct rd_flow *g = &w->s->flows[i];

        if ((g->from == f->from && g->to == f->to) || (g->from == f->to && g->to == f->from)) {
            all++;
            before += i < flow;
        }
    }
    return all > 1 ? fmin(12, 36 / all) * (before - (all - 1) / 2) : 0;
}

/* Is nothing between two boxes of one column? */
static bool neighbors(
    const struct work *w, const struct rd_box *a, const struct rd_box *b, size_t r)
{
    const double top = fmin(a->y + a->h, b->y + b->h), bottom = fmax(a->y, b->y);

    for (size_t i = w->column_head[r]; i < w->column_head[r + 1]; i++) {
        const struct rd_box *c = &w->box[w->column_item[i]];

        if (c != a && c != b && c->y < bottom && c->y + c->h > top)
            return false;
    }
    return true;
}

/* Down or up to the next box of the same column. */
static void straight(struct line *l, const struct rd_box *a, const struct rd_box *b, double aside)
{
    const double x = a->x + a->w / 2 + 1.6 * aside, to = b->x + b->w / 2 + 1.6 * aside;
    const double y0 = b->y > a->y ? a->y + a->h : a->y, y1 = b->y > a->y ? b->y : b->y + b->h;

    l->p[0] = (struct rd_point){ x, y0 };
    l->p[1] = (struct rd_point){ x, y0 + (y1 - y0) / 3 };
    l->p[2] = (struct rd_point){ to, y1 - (y1 - y0) / 3 };
    l->p[3] = (struct rd_point){ to, y1 };
    l->n = 4;
}

/* From the side of a that faces b to the side of b that faces a, through every column between. */
static void through(const struct work *w, struct line *l, double lane, const size_t rank[2],
    const struct rd_box box[2], const double y[2])
{
    const bool right = rank[1] > rank[0];
    const size_t hops = right ? rank[1] - rank[0] : rank[0] - rank[1];

    l->p[l->n++] = (struct rd_point){ right ? box[0].x + box[0].w : box[0].x, y[0] };
    for (size_t k = 1; k < hops; k++) {
        const size_t r = right ? rank[0] + k : rank[0] - k;
        const double wish = y[0] + (double)k / (double)hops * (y[1] - y[0]);
        const double at = free_y(w, r, wish) + lane, end = w->column_x[r] + w->column_w[r];

        bend(l, right ? w->column_x[r] : end, at);
        bend(l, right ? end : w->column_x[r], at);
    }
    bend(l, right ? box[1].x : box[1].x + box[1].w, y[1]);
}

static bool route(const struct work *w, size_t i, struct rd_arena *arena, struct rd_path *path)
{
    const struct rd_flow *f = &w->s->flows[i];
    const struct rd_box *a = &w->box[f->from], *b = &w->box[f->to];
    const size_t ra = w->rank[f->from], rb = w->rank[f->to];
    const double aside = apart(w, i), lane = ((double)(i * 7 % 5) - 2) * 2;
    const double ya = a->y + a->h / 2 + aside, yb = b->y + b->h / 2 + aside;
    struct line l = { .p = RD_NEW_ARRAY(
                          arena, struct rd_point, 8 + 6 * (ra > rb ? ra - rb : rb - ra)) };

    if (!l.p)
        return false;
    if (ra == rb && a != b && neighbors(w, a, b, ra)) {
        straight(&l, a, b, aside);
    } else if (ra == rb) {
        l.p[l.n++] = (struct rd_point){ a->x + a->w, ya };
        turn(&l, 26 + 2 * lane, b->x + b->w, a == b ? ya + 14 : yb);
    } else {
        through(w, &l, lane, (const size_t[]){ ra, rb }, (const struct rd_box[]){ *a, *b },
            (const double[]){ ya, yb });
    }
    *path = (struct rd_path){ l.n, l.p, l.p[3 * (l.n / 6)], false };
    path->label.y -= 7;
    return true;
}

rd_status rd_layout_layered(const struct rd_system *s, const struct rd_layout_sizes *z, bool within,
    struct rd_arena *arena, struct rd_layout *out, struct rd_error *err)
{
    const size_t n = s->n_elements + 1;
    struct rd_path *flow = RD_NEW_ARRAY(arena, struct rd_path, s->n_flows + 1);
    double *sum = RD_NEW_ARRAY(arena, double, n), *count = RD_NEW_ARRAY(arena, double, n);
    struct work w = {
        .s = s,
        .z = z,
        .within = within,
        .rank = RD_NEW_ARRAY(arena, size_t, n),
        .back = RD_NEW_ARRAY(arena, bool, s->n_flows + 1),
        .column_x = RD_NEW_ARRAY(arena, double, n),
        .column_w = RD_NEW_ARRAY(arena, double, n),
        .key = RD_NEW_ARRAY(arena, double, n),
        .box = RD_NEW_ARRAY(arena, struct rd_box, n),
        .member = RD_NEW_ARRAY(arena, size_t, n),
        .stack = RD_NEW_ARRAY(arena, double, n),
    };

    if (!flow || !sum || !count || !w.rank || !w.back || !w.column_x || !w.column_w || !w.key ||
        !w.box || !w.member || !w.stack || !set_cycles_aside(&w, arena) ||
        !spread_loose_ones(&w, arena) || !make_columns(&w, arena))
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a layout");
    (void)place_band(&w, RD_NONE, 0, 0);
    for (size_t sweep = 0; sweep < 2; sweep++) {
        wish_rows(&w, sum, count);
        (void)place_band(&w, RD_NONE, 0, 0);
    }
    for (size_t i = 0; i < s->n_flows; i++)
        if (!route(&w, i, arena, &flow[i]))
            return RD_FAIL(err, RD_E_MEMORY, "no memory for a layout");
    *out = (struct rd_layout){ .engine = "layered", .element = w.box, .flow = flow };
    return RD_OK;
}
