/*
 * layout.c - ask dot, read its plain format, frame the boundaries.
 *
 * No text from outside goes into the DOT file: elements are n0, n1, ..., labels are as many x as
 * they have letters. dot is asked twice, from left to right and from top to bottom; the drawing
 * that is legible on a page wins.
 *
 * Source of the format: Graphviz documentation, "Plain".
 */
#include "report/layout.h"

#include "base/buf.h"
#include "base/child.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

enum { PAGE_W = 1080, PAGE_H = 760, LABEL_MAX = 28 };
static const double INCH = 72.0;

/* Letters, not bytes. */
static size_t letters(const char *s)
{
    size_t n = 0;

    for (; s && *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

struct rd_box rd_layout_size(const struct rd_element *e)
{
    const double name = 7.4 * (double)letters(e->name), type = 6.2 * (double)letters(e->type->name);
    const double w = 30 + fmax(name, type);

    return (struct rd_box){ 0, 0, fmin(fmax(w, 112), 236), 50 };
}

const char *rd_layout_flow_label(const struct rd_flow *f, struct rd_arena *arena)
{
    struct rd_buf b = { 0 };
    const char *text;
    size_t n = 0, at = 0;

    for (size_t i = 0; i < f->n_carries; i++)
        rd_buf_printf(&b, "%s%s", i ? ", " : "", f->carries[i]);
    text = rd_buf_text(&b);
    while (text[at] && n < LABEL_MAX) {
        at++;
        while (((unsigned char)text[at] & 0xc0) == 0x80)
            at++;
        n++;
    }
    text = rd_arena_printf(arena, "%.*s%s", (int)at, text, text[at] ? "\xe2\x80\xa6" : "");
    rd_buf_release(&b);
    return text;
}

static void grow(struct rd_box *b, const struct rd_box *inner, double pad)
{
    const double x0 = inner->x - pad, y0 = inner->y - pad;
    const double x1 = inner->x + inner->w + pad, y1 = inner->y + inner->h + pad;

    if (b->w <= 0) {
        *b = (struct rd_box){ x0, y0, x1 - x0, y1 - y0 };
        return;
    }
    const double right = fmax(b->x + b->w, x1), bottom = fmax(b->y + b->h, y1);
    b->x = fmin(b->x, x0);
    b->y = fmin(b->y, y0);
    b->w = right - b->x;
    b->h = bottom - b->y;
}

bool rd_layout_frame(const struct rd_system *s, const double *head, const struct rd_box *element,
    struct rd_box *boundary, struct rd_arena *scratch)
{
    size_t *depth = RD_NEW_ARRAY(scratch, size_t, s->n_boundaries + 1), deepest = 0;

    if (!depth)
        return false;
    for (size_t i = 0; i < s->n_boundaries; i++) {
        boundary[i] = (struct rd_box){ 0 };
        for (int b = s->boundaries[i].inside; b != RD_NONE && depth[i] < s->n_boundaries;
             b = s->boundaries[b].inside)
            depth[i]++;
        deepest = depth[i] > deepest ? depth[i] : deepest;
    }
    for (size_t i = 0; i < s->n_elements; i++)
        if (s->elements[i].boundary != RD_NONE && element[i].w > 0)
            grow(&boundary[s->elements[i].boundary], &element[i], RD_LAYOUT_PAD);
    for (size_t d = deepest + 1; d-- > 0;)
        for (size_t i = 0; i < s->n_boundaries; i++) {
            struct rd_box *b = &boundary[i];

            if (depth[i] != d || b->w <= 0)
                continue;
            b->y -= RD_LAYOUT_HEAD;
            b->h += RD_LAYOUT_HEAD;
            b->w = fmax(b->w, head[i]);
            if (s->boundaries[i].inside != RD_NONE)
                grow(&boundary[s->boundaries[i].inside], b, RD_LAYOUT_PAD);
        }
    return true;
}

/* --- DOT out --- */

/* Filler in a font whose letters are all as wide: 0.6 of 11 points. */
enum { FILLER_SIZE = 11 };
static const double FILLER_W = 6.6, FILLER_H = 13.2;

static void put_filler(struct rd_buf *b, double width, size_t used)
{
    const double n = ceil(width / FILLER_W);

    for (size_t i = used; (double)i < n && i < 200; i++)
        rd_buf_putc(b, 'x');
}

static void put_node(struct rd_buf *b, const struct rd_layout_sizes *z, size_t i)
{
    char w[32], h[32];

    rd_buf_printf(b, "n%zu [width=%s height=%s];\n", i,
        rd_text_from_double(z->element[i].w / INCH, w),
        rd_text_from_double(z->element[i].h / INCH, h));
}

static void put_boundary(struct rd_buf *b, const struct rd_system *s,
    const struct rd_layout_sizes *z, int parent, unsigned depth)
{
    for (size_t i = 0; i < s->n_elements; i++)
        if (s->elements[i].boundary == parent)
            put_node(b, z, i);
    for (size_t i = 0; i < s->n_boundaries && depth < 64; i++) {
        if (s->boundaries[i].inside != parent)
            continue;
        rd_buf_printf(b, "subgraph cluster_%zu {\nlabel=\"", i);
        put_filler(b, z->head[i] - 2 * RD_LAYOUT_PAD, 0);
        rd_buf_puts(b, "\";\n");
        put_boundary(b, s, z, (int)i, depth + 1);
        rd_buf_puts(b, "}\n");
    }
}

static void put_label(struct rd_buf *b, const struct rd_layout_sizes *z, size_t i)
{
    const struct rd_box *box = &z->label[i];
    const size_t start = b->len;

    /* The number tells parallel flows apart in what comes back. */
    rd_buf_printf(b, "e%zu.", i);
    put_filler(b, box->w, b->len - start);
    for (double h = FILLER_H; box->w > 0 && h + 2 < box->h; h += FILLER_H)
        rd_buf_puts(b, "\\nx");
}

static void put_dot(struct rd_buf *b, const struct rd_system *s, const struct rd_layout_sizes *z,
    const char *direction)
{
    rd_buf_printf(b,
        "digraph {\nrankdir=%s; nodesep=0.38; ranksep=0.55; margin=0; fontname=Courier; "
        "fontsize=%d;\n"
        "graph [margin=18]; node [shape=box fixedsize=true label=\"\"]; edge [fontname=Courier "
        "fontsize=%d arrowhead=none];\n",
        direction, FILLER_SIZE, FILLER_SIZE);
    put_boundary(b, s, z, RD_NONE, 0);
    for (size_t i = 0; i < s->n_flows; i++) {
        rd_buf_printf(b, "n%d -> n%d [label=\"", s->flows[i].from, s->flows[i].to);
        put_label(b, z, i);
        rd_buf_puts(b, "\"];\n");
    }
    rd_buf_puts(b, "}\n");
}

/* --- plain in --- */

struct reader {
    char *at; /* rest of the line; words are cut out of it in place */
    bool bad;
};

static const char *word(struct reader *r)
{
    char *start;

    while (*r->at == ' ')
        r->at++;
    start = r->at;
    while (*r->at && *r->at != ' ')
        r->at++;
    if (*r->at)
        *r->at++ = '\0';
    return start;
}

static double number(struct reader *r)
{
    double v = 0;

    if (!rd_text_to_double(word(r), false, &v) || fabs(v) > 1e5)
        r->bad = true;
    return v * INCH;
}

/* The index in a name like n12 or "e12.xxx", checked against n. */
static size_t index_of(struct reader *r, const char *text, char prefix, size_t n)
{
    size_t v = 0, digits = 0;

    text += *text == '"';
    if (*text++ != prefix)
        r->bad = true;
    for (; !r->bad && *text >= '0' && *text <= '9' && digits < 6; text++, digits++)
        v = v * 10 + (size_t)(*text - '0');
    if (!digits || v >= n)
        r->bad = true;
    return r->bad ? 0 : v;
}

static bool read_edge(struct reader *r, const struct rd_system *s, double height,
    struct rd_arena *arena, struct rd_path *flow)
{
    struct rd_point *point;
    struct rd_path path = { 0 };
    double n;

    (void)index_of(r, word(r), 'n', s->n_elements);
    (void)index_of(r, word(r), 'n', s->n_elements);
    n = number(r) / INCH;
    if (r->bad || n < 4 || n > 4000 || fmod(n, 3) != 1) {
        r->bad = true;
        return true;
    }
    path.n = (size_t)n;
    point = RD_NEW_ARRAY(arena, struct rd_point, path.n);
    if (!point)
        return false;
    for (size_t i = 0; i < path.n; i++) {
        point[i].x = number(r);
        point[i].y = height - number(r);
    }
    path.point = point;
    const size_t which = index_of(r, word(r), 'e', s->n_flows);
    path.label.x = number(r);
    path.label.y = height - number(r);
    if (!r->bad)
        flow[which] = path;
    return true;
}

static rd_status read_plain(char *text, const struct rd_system *s, struct rd_arena *arena,
    struct rd_layout *out, struct rd_error *err)
{
    struct rd_box *element = RD_NEW_ARRAY(arena, struct rd_box, s->n_elements + 1);
    struct rd_path *flow = RD_NEW_ARRAY(arena, struct rd_path, s->n_flows + 1);
    struct reader r = { 0 };
    size_t seen = 0;

    if (!element || !flow)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a layout");
    for (char *line = text, *end; *line && !r.bad; line = end) {
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = '\0';
        r.at = line;
        const char *kind = word(&r);

        if (!strcmp(kind, "graph")) {
            (void)number(&r);
            out->width = number(&r);
            out->height = number(&r);
        } else if (!strcmp(kind, "node")) {
            const size_t i = index_of(&r, word(&r), 'n', s->n_elements);
            const double x = number(&r), y = number(&r), w = number(&r), h = number(&r);

            if (!r.bad && element[i].w <= 0 && w > 0)
                seen++;
            element[i] = (struct rd_box){ x - w / 2, out->height - y - h / 2, w, h };
        } else if (!strcmp(kind, "edge")) {
            if (!read_edge(&r, s, out->height, arena, flow))
                return RD_FAIL(err, RD_E_MEMORY, "no memory for a layout");
        }
    }
    if (r.bad || seen != s->n_elements)
        return RD_FAIL(err, RD_E_INPUT, "dot's answer cannot be read");
    out->element = element;
    out->flow = flow;
    return RD_OK;
}

static rd_status ask_dot(const struct rd_system *s, const struct rd_layout_sizes *z,
    const char *dot, const char *direction, struct rd_arena *arena, struct rd_layout *out,
    struct rd_error *err)
{
    const char *const argv[] = { dot, "-Tplain", NULL };
    struct rd_buf text = { .limit = 1 << 20 };
    struct rd_bytes answer = { 0 };
    rd_status st;

    put_dot(&text, s, z, direction);
    const struct rd_child child = {
        .argv = argv,
        .in = text.text,
        .in_size = text.len,
        .out_limit = 4 << 20,
        .timeout_ms = 5000,
        .memory_bytes = (size_t)1 << 30,
    };
    if (text.failed)
        st = RD_FAIL(err, RD_E_LIMIT, "too much to lay out");
    else
        st = rd_child_run(&child, arena, &answer, err);
    rd_buf_release(&text);
    if (st)
        return st;
    /* The bytes are ours alone, in our arena: cutting words out of them in place hurts nobody. */
    return read_plain((char *)(uintptr_t)answer.data, s, arena, out, err);
}

/* Shift everything so that the drawing begins at a small margin, and measure it. */
static void settle(const struct rd_system *s, struct rd_layout *l, struct rd_box *element,
    struct rd_box *boundary, struct rd_path *flow, const struct rd_box *label)
{
    struct rd_box all = { 0 };
    const double margin = 6;

    for (size_t i = 0; i < s->n_elements; i++)
        grow(&all, &element[i], 0);
    for (size_t i = 0; i < s->n_boundaries; i++)
        if (boundary[i].w > 0)
            grow(&all, &boundary[i], 0);
    for (size_t i = 0; i < s->n_flows; i++) {
        const struct rd_point *at = &flow[i].label;

        for (size_t k = 0; k < flow[i].n; k++)
            grow(&all, &(struct rd_box){ flow[i].point[k].x, flow[i].point[k].y, 0.01, 0.01 }, 0);
        if (label[i].w > 0 && !flow[i].crowded)
            grow(&all,
                &(struct rd_box){
                    at->x - label[i].w / 2, at->y - label[i].h / 2, label[i].w, label[i].h },
                0);
    }
    const double dx = margin - all.x, dy = margin - all.y;
    for (size_t i = 0; i < s->n_elements; i++) {
        element[i].x += dx;
        element[i].y += dy;
    }
    for (size_t i = 0; i < s->n_boundaries; i++) {
        boundary[i].x += dx;
        boundary[i].y += dy;
    }
    for (size_t i = 0; i < s->n_flows; i++) {
        struct rd_point *p = (struct rd_point *)(uintptr_t)flow[i].point;

        for (size_t k = 0; k < flow[i].n; k++) {
            p[k].x += dx;
            p[k].y += dy;
        }
        flow[i].label.x += dx; /* NaN stays NaN */
        flow[i].label.y += dy;
    }
    l->width = all.w + 2 * margin;
    l->height = all.h + 2 * margin;
}

static double scale_on_page(const struct rd_layout *l)
{
    return fmin(1, fmin(PAGE_W / l->width, PAGE_H / l->height));
}

static rd_status finish(const struct rd_system *s, const struct rd_layout_sizes *z,
    struct rd_arena *arena, struct rd_layout *l, struct rd_error *err)
{
    struct rd_box *boundary = RD_NEW_ARRAY(arena, struct rd_box, s->n_boundaries + 1);

    l->boundary = boundary;
    if (!boundary || !rd_layout_frame(s, z->head, l->element, boundary, arena) ||
        !rd_layout_place_labels(s, z, l, (struct rd_path *)(uintptr_t)l->flow, arena))
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a layout");
    settle(s, l, (struct rd_box *)(uintptr_t)l->element, boundary,
        (struct rd_path *)(uintptr_t)l->flow, z->label);
    return RD_OK;
}

static rd_status draw_nothing(
    const struct rd_system *s, struct rd_arena *arena, struct rd_layout *out, struct rd_error *err)
{
    *out = (struct rd_layout){
        .engine = "none",
        .reason = rd_arena_printf(arena, "a diagram is drawn up to %d elements", RD_LAYOUT_MAX),
        .element = RD_NEW_ARRAY(arena, struct rd_box, s->n_elements + 1),
        .boundary = RD_NEW_ARRAY(arena, struct rd_box, s->n_boundaries + 1),
        .flow = RD_NEW_ARRAY(arena, struct rd_path, s->n_flows + 1),
    };
    return out->element && out->boundary && out->flow
               ? RD_OK
               : RD_FAIL(err, RD_E_MEMORY, "no memory for a layout");
}

/* Our own, both ways: what is legible on a page wins. */
static rd_status layered(const struct rd_system *s, const struct rd_layout_sizes *z,
    struct rd_arena *arena, struct rd_layout *out, struct rd_error *err)
{
    struct rd_layout over_all = { 0 }, within = { 0 };
    rd_status st = rd_layout_layered(s, z, false, arena, &over_all, err);

    if (!st)
        st = finish(s, z, arena, &over_all, err);
    if (!st)
        st = rd_layout_layered(s, z, true, arena, &within, err);
    if (!st)
        st = finish(s, z, arena, &within, err);
    if (!st)
        *out = scale_on_page(&over_all) >= 0.8 * scale_on_page(&within) ? over_all : within;
    return st;
}

rd_status rd_layout_make_sized(const struct rd_system *s, const struct rd_layout_sizes *z,
    const char *dot, struct rd_arena *arena, struct rd_layout *out, struct rd_error *err)
{
    struct rd_error why = { 0 };
    struct rd_layout across = { .engine = "dot" }, down = { .engine = "dot" };
    const char *reason = NULL;
    rd_status st;

    if (!dot)
        dot = "dot";
    if (s->n_elements > RD_LAYOUT_MAX || s->n_boundaries > RD_LAYOUT_MAX ||
        s->n_flows > 5 * RD_LAYOUT_MAX)
        return draw_nothing(s, arena, out, err);
    if (s->n_elements == 0 || s->n_elements > RD_LAYOUT_DOT_MAX) {
        reason = s->n_elements ? rd_arena_printf(arena, "more than %d elements", RD_LAYOUT_DOT_MAX)
                               : "no elements";
    } else if (!*dot) {
        reason = "not asked for";
    } else if (ask_dot(s, z, dot, "LR", arena, &across, &why) ||
               ask_dot(s, z, dot, "TB", arena, &down, &why)) {
        reason = rd_arena_strdup(arena, why.frame[0].text);
    } else if (!(st = finish(s, z, arena, &across, err)) &&
               !(st = finish(s, z, arena, &down, err))) {
        *out = scale_on_page(&across) >= 0.999 * scale_on_page(&down) ? across : down;
        return RD_OK;
    } else {
        return st;
    }
    st = layered(s, z, arena, out, err);
    out->reason = reason;
    return st;
}

rd_status rd_layout_make(const struct rd_system *s, const char *dot, struct rd_arena *arena,
    struct rd_layout *out, struct rd_error *err)
{
    struct rd_box *element = RD_NEW_ARRAY(arena, struct rd_box, s->n_elements + 1);
    struct rd_box *label = RD_NEW_ARRAY(arena, struct rd_box, s->n_flows + 1);
    double *head = RD_NEW_ARRAY(arena, double, s->n_boundaries + 1);
    const struct rd_layout_sizes z = { element, label, head };

    if (!element || !label || !head)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a layout");
    for (size_t i = 0; i < s->n_elements; i++)
        element[i] = rd_layout_size(&s->elements[i]);
    for (size_t i = 0; i < s->n_flows; i++) {
        const char *text = rd_layout_flow_label(&s->flows[i], arena);

        if (!text)
            return RD_FAIL(err, RD_E_MEMORY, "no memory for a layout");
        label[i] = (struct rd_box){ .w = 6.2 * (double)letters(text), .h = 14 };
    }
    for (size_t i = 0; i < s->n_boundaries; i++)
        head[i] = fmin(7.0 * (double)letters(s->boundaries[i].name) + 28, 260);
    return rd_layout_make_sized(s, &z, dot, arena, out, err);
}
