/* svg.c - see svg.h. First everything is broken into lines and measured, then laid out, then
 * drawn. */
#include "report/svg.h"

#include "base/text.h"
#include "report/measure.h"
#include "report/svg_style.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    NAME_SIZE = 13,
    TYPE_SIZE = 11,
    SMALL = 10, /* badges, flows */
    HEAD_SIZE = 12,
    TITLE_SIZE = 18,
    NAME_LINE = 16,
    SMALL_LINE = 13,
    PILL = 16, /* height of a badge */
    BOX_PAD = 13,
    BOX_MIN = 112,
    BOX_MAX = 224, /* widths; without the pads */
    FLOW_MAX = 168,
    HEAD_MAX = 320,
    MARGIN = 24,
    PAGE_MIN = 620,
    LISTED_MAX = 200,
    TOLD_MAX = 12
};

struct element_text {
    struct rd_lines name, type;
    const char *badge; /* NULL: no threats */
};
struct flow_text {
    const char *full;
    struct rd_lines line;
    const char *badge;
};
struct head_text {
    struct rd_lines name;
    const char *trust; /* "" when nobody said */
};

struct work {
    struct rd_run *run;
    const struct rd_diagram *d;
    const struct rd_system *s;
    struct rd_arena *arena;
    struct rd_buf *b;
    const struct rd_mark *element_mark, *flow_mark;
    struct element_text *element;
    struct flow_text *flow;
    struct head_text *head;
    struct rd_layout l;
    double dx, dy; /* of the picture on the page */
    double width;  /* of the page */
};

/* --- measure --- */

/* What is measured must be what is drawn: text made safe, not yet escaped. */
static const char *safe(struct work *w, const char *text)
{
    struct rd_buf b = { 0 };
    const char *copy;

    rd_text_safe(&b, text, strlen(text));
    copy = b.failed ? NULL : rd_arena_strdup(w->arena, rd_buf_text(&b));
    rd_buf_release(&b);
    return copy;
}

static bool wrap(struct work *w, const char *text, double size, bool bold, double width,
    size_t most, struct rd_lines *out)
{
    const char *shown = safe(w, text);

    return shown && rd_measure_wrap(shown, size, bold, width, most, w->arena, out);
}

static bool measure_element(struct work *w, size_t i, struct rd_box *box)
{
    const struct rd_element *e = &w->s->elements[i];
    struct element_text *t = &w->element[i];
    double width = 0;

    if (!wrap(w, e->name, NAME_SIZE, true, BOX_MAX, 2, &t->name) ||
        !wrap(w, e->type->name, TYPE_SIZE, false, BOX_MAX, 1, &t->type))
        return false;
    if (w->element_mark[i].n) {
        t->badge = rd_diagram_badge(w->d, &w->element_mark[i], w->arena);
        if (!t->badge)
            return false;
        width = rd_measure(t->badge, SMALL, true) + PILL;
    }
    width = fmax(width, fmax(t->name.width, t->type.width)) + 2 * BOX_PAD;
    *box = (struct rd_box){ .w = fmax(ceil(width), BOX_MIN),
        .h = 18 + NAME_LINE * (double)t->name.n + 14 + (t->badge ? PILL + 6 : 0) };
    return true;
}

static bool measure_flow(struct work *w, size_t i, struct rd_box *box)
{
    struct flow_text *t = &w->flow[i];
    double width;

    t->full = rd_diagram_flow_text(&w->s->flows[i], w->arena);
    if (!t->full || !wrap(w, t->full, SMALL, false, FLOW_MAX, 2, &t->line))
        return false;
    width = t->line.width;
    if (w->flow_mark[i].n) {
        t->badge = rd_diagram_badge(w->d, &w->flow_mark[i], w->arena);
        if (!t->badge)
            return false;
        width = fmax(width, rd_measure(t->badge, SMALL, true) + PILL);
    }
    if (width <= 0)
        return true;
    *box = (struct rd_box){ .w = ceil(width) + 6,
        .h = 3 + SMALL_LINE * (double)t->line.n + (t->badge ? PILL + 1 : 0) };
    return true;
}

static bool measure_head(struct work *w, size_t i, double *width)
{
    const struct rd_boundary *b = &w->s->boundaries[i];
    struct head_text *t = &w->head[i];

    t->trust = b->trust ? rd_arena_printf(w->arena, "(%s)", b->trust) : "";
    if (!t->trust || !wrap(w, b->name, HEAD_SIZE, true, HEAD_MAX, 1, &t->name))
        return false;
    *width = 30 + t->name.width + rd_measure(t->trust, TYPE_SIZE, false);
    return true;
}

static rd_status lay_out(struct work *w)
{
    struct rd_box *element = RD_NEW_ARRAY(w->arena, struct rd_box, w->s->n_elements + 1);
    struct rd_box *label = RD_NEW_ARRAY(w->arena, struct rd_box, w->s->n_flows + 1);
    double *head = RD_NEW_ARRAY(w->arena, double, w->s->n_boundaries + 1);
    const struct rd_layout_sizes sizes = { element, label, head };
    bool ok = element && label && head;

    w->element = RD_NEW_ARRAY(w->arena, struct element_text, w->s->n_elements + 1);
    w->flow = RD_NEW_ARRAY(w->arena, struct flow_text, w->s->n_flows + 1);
    w->head = RD_NEW_ARRAY(w->arena, struct head_text, w->s->n_boundaries + 1);
    ok = ok && w->element && w->flow && w->head &&
         rd_diagram_marks(w->d, w->arena, &w->element_mark, &w->flow_mark);
    for (size_t i = 0; ok && i < w->s->n_elements; i++)
        ok = measure_element(w, i, &element[i]);
    for (size_t i = 0; ok && i < w->s->n_flows; i++)
        ok = measure_flow(w, i, &label[i]);
    for (size_t i = 0; ok && i < w->s->n_boundaries; i++)
        ok = measure_head(w, i, &head[i]);
    return ok ? rd_layout_make_sized(w->s, &sizes, w->d->dot, w->arena, &w->l, w->run->err)
              : rd_run_no_memory(w->run, "the diagram");
}

/* --- small pieces --- */

/* A tenth of a pixel is enough, and keeps the file small. */
static void put_number(struct work *w, double v)
{
    char text[32];

    rd_buf_puts(w->b, rd_text_from_double(round(v * 10) / 10 + 0.0, text));
}

static void put_attr(struct work *w, const char *name, double v)
{
    rd_buf_printf(w->b, " %s=\"", name);
    put_number(w, v);
    rd_buf_putc(w->b, '"');
}

static void put_rect(struct work *w, const char *classes, const struct rd_box *box, double rx)
{
    rd_buf_printf(w->b, "<rect class=\"%s\"", classes);
    put_attr(w, "x", box->x);
    put_attr(w, "y", box->y);
    put_attr(w, "width", box->w);
    put_attr(w, "height", box->h);
    if (rx > 0)
        put_attr(w, "rx", rx);
    rd_buf_puts(w->b, "/>");
}

static void put_text(struct work *w, const char *classes, double x, double y, const char *text)
{
    rd_buf_printf(w->b, "<text class=\"%s\"", classes);
    put_attr(w, "x", x);
    put_attr(w, "y", y);
    rd_buf_putc(w->b, '>');
    rd_text_xml(w->b, text);
    rd_buf_puts(w->b, "</text>");
}

static void put_pill(
    struct work *w, enum rd_severity severity, const char *text, double cx, double y)
{
    static const char *const classes[] = { "pill low", "pill medium", "pill high",
        "pill critical" };
    const double width = rd_measure(text, SMALL, true) + 12;
    const struct rd_box box = { cx - width / 2, y, width, PILL };

    rd_buf_printf(w->b, "<g class=\"%s\">", classes[severity]);
    put_rect(w, "p", &box, PILL / 2.0);
    put_text(w, "pt", cx, y + 11.5, text);
    rd_buf_puts(w->b, "</g>");
}

/* Every line escaped on its own: an escape would spell a line break. */
static void put_told_threats(struct work *w, int element, int flow)
{
    size_t told = 0, left = 0;

    for (size_t i = 0; w->d->threats && i < w->d->threats->n; i++) {
        const struct rd_threat *t = &w->d->threats->item[i];

        if (t->element != element || t->flow != flow)
            continue;
        if (told == TOLD_MAX) {
            left++;
            continue;
        }
        told++;
        rd_buf_puts(w->b, "\n");
        rd_text_xml(w->b, t->rule->title);
        rd_buf_printf(w->b, " (%s", rd_severity_name(t->severity));
        if (t->applicability != RD_APPLIES_YES)
            rd_buf_printf(w->b, ", %s",
                t->applicability == RD_APPLIES_UNKNOWN ? "not known whether it applies"
                                                       : rd_applicability_name(t->applicability));
        if (w->d->states)
            rd_buf_printf(w->b, ", %s", rd_threat_status_name(w->d->states[i].status));
        rd_buf_puts(w->b, ")");
    }
    if (left)
        rd_buf_printf(w->b, "\nand %zu more", left);
}

static void put_link(struct work *w, const struct rd_mark *m, const char *id)
{
    const char *href = rd_diagram_href(w->d, m, id, w->arena);

    if (!w->d->link || !m->n)
        return;
    if (!href) {
        w->b->failed = true;
        return;
    }
    rd_buf_puts(w->b, "<a href=\"");
    rd_text_xml(w->b, href);
    rd_buf_puts(w->b, "\">");
}

static void end_link(struct work *w, const struct rd_mark *m)
{
    if (w->d->link && m->n)
        rd_buf_puts(w->b, "</a>");
}

/* --- the picture --- */

static size_t depth_of(const struct rd_system *s, size_t i)
{
    size_t depth = 0;

    for (int b = s->boundaries[i].inside; b != RD_NONE && depth <= s->n_boundaries;
         b = s->boundaries[b].inside)
        depth++;
    return depth;
}

static struct rd_box moved(const struct work *w, const struct rd_box *box)
{
    return (struct rd_box){ box->x + w->dx, box->y + w->dy, box->w, box->h };
}

static void put_boundary(struct work *w, size_t i)
{
    const struct rd_boundary *b = &w->s->boundaries[i];
    const struct rd_box box = moved(w, &w->l.boundary[i]);

    if (w->l.boundary[i].w <= 0)
        return;
    rd_buf_printf(w->b, "<g id=\"boundary-%s\" class=\"boundary%s%s\"><title>", b->id,
        b->trust ? " " : "", b->trust ? b->trust : "");
    rd_text_xml(w->b, b->name);
    rd_buf_printf(w->b, " (trust boundary, %s)</title>", b->trust ? b->trust : "trust not said");
    put_rect(w, "frame", &box, 10);
    rd_buf_puts(w->b, "</g>\n");
}

/* Names of boundaries lie above the flows that cross them. */
static void put_head_text(struct work *w, size_t i)
{
    const struct rd_box box = moved(w, &w->l.boundary[i]);
    const struct head_text *t = &w->head[i];
    const double trust_w = *t->trust ? 6 + rd_measure(t->trust, TYPE_SIZE, false) : 0;

    if (w->l.boundary[i].w <= 0 || !t->name.n)
        return;
    put_rect(w, "halo",
        &(struct rd_box){ box.x + 9, box.y + 4, t->name.width + trust_w + 6, RD_LAYOUT_HEAD - 2 },
        3);
    put_text(w, "head", box.x + 12, box.y + 17, t->name.line[0]);
    if (*t->trust)
        put_text(w, "trust", box.x + 18 + t->name.width, box.y + 17, t->trust);
    rd_buf_putc(w->b, '\n');
}

/* Outer ones first: they lie below. */
static void put_boundaries(struct work *w)
{
    size_t drawn = 0;

    for (size_t depth = 0; drawn < w->s->n_boundaries && depth <= w->s->n_boundaries; depth++)
        for (size_t i = 0; i < w->s->n_boundaries; i++)
            if (depth_of(w->s, i) == depth) {
                put_boundary(w, i);
                drawn++;
            }
}

static void put_path(struct work *w, const struct rd_path *path)
{
    rd_buf_puts(w->b, " d=\"");
    for (size_t k = 0; k < path->n; k++) {
        rd_buf_puts(w->b, !k ? "M" : k == 1 ? "C" : " ");
        put_number(w, path->point[k].x + w->dx);
        rd_buf_putc(w->b, ' ');
        put_number(w, path->point[k].y + w->dy);
    }
    rd_buf_puts(w->b, "\"/>");
}

static const char *tri(enum rd_tri t)
{
    return t == RD_YES ? "yes" : t == RD_NO ? "no" : "unknown";
}

static void put_flow_title(struct work *w, size_t i)
{
    const struct rd_flow *f = &w->s->flows[i];

    rd_buf_puts(w->b, "<title>");
    rd_text_xml(w->b, w->s->elements[f->from].name);
    rd_buf_puts(w->b, " to ");
    rd_text_xml(w->b, w->s->elements[f->to].name);
    rd_buf_puts(w->b, ": ");
    rd_text_xml(w->b, *w->flow[i].full ? w->flow[i].full : "nobody said what it carries");
    if (f->protocol && f->n_carries) {
        rd_buf_puts(w->b, ", by ");
        rd_text_xml(w->b, f->protocol);
    }
    rd_buf_printf(w->b, "\nauthenticated: %s, encrypted: %s%s", tri(f->authenticated),
        tri(f->encrypted), rd_flow_crosses(w->s, f) ? ", crosses a trust boundary" : "");
    put_told_threats(w, RD_NONE, (int)i);
    rd_buf_puts(w->b, "</title>");
}

static void put_flow_lines(struct work *w)
{
    for (size_t i = 0; i < w->s->n_flows; i++) {
        const bool crosses = rd_flow_crosses(w->s, &w->s->flows[i]);

        if (w->l.flow[i].n < 4)
            continue;
        rd_buf_printf(w->b, "<g id=\"flow-%s\" class=\"flow%s\">", w->s->flows[i].id,
            crosses ? " crossing" : "");
        put_flow_title(w, i);
        rd_buf_puts(w->b, "<path class=\"grip\"");
        put_path(w, &w->l.flow[i]);
        rd_buf_printf(
            w->b, "<path class=\"line\" marker-end=\"url(#tip%s)\"", crosses ? "-crossing" : "");
        put_path(w, &w->l.flow[i]);
        rd_buf_puts(w->b, "</g>\n");
    }
}

static void put_flow_label(struct work *w, size_t i, size_t number)
{
    const struct rd_path *path = &w->l.flow[i];
    const struct flow_text *t = &w->flow[i];
    const double cx = path->label.x + w->dx;
    double y = path->label.y + w->dy;
    char text[24];

    if (path->n < 4 || isnan(path->label.x) || (!t->line.n && !t->badge))
        return;
    rd_buf_puts(w->b, "<g class=\"label\">");
    put_flow_title(w, i);
    if (number) {
        (void)snprintf(text, sizeof text, "%zu", number);
        put_rect(w, "number",
            &(struct rd_box){ cx - RD_LAYOUT_NUMBER_W / 2.0, y - RD_LAYOUT_NUMBER_H / 2.0,
                RD_LAYOUT_NUMBER_W, RD_LAYOUT_NUMBER_H },
            7);
        put_text(w, "carries", cx, y + 3.5, text);
    } else {
        const double h = 3 + SMALL_LINE * (double)t->line.n + (t->badge ? PILL + 1 : 0);

        y -= h / 2;
        if (t->line.n)
            put_rect(w, "halo",
                &(struct rd_box){ cx - t->line.width / 2 - 3, y, t->line.width + 6,
                    SMALL_LINE * (double)t->line.n + 3 },
                3);
        for (size_t k = 0; k < t->line.n; k++)
            put_text(w, "carries", cx, y + 10.5 + SMALL_LINE * (double)k, t->line.line[k]);
        if (t->badge) {
            put_link(w, &w->flow_mark[i], w->s->flows[i].id);
            put_pill(
                w, w->flow_mark[i].worst, t->badge, cx, y + 2 + SMALL_LINE * (double)t->line.n);
            end_link(w, &w->flow_mark[i]);
        }
    }
    rd_buf_puts(w->b, "</g>\n");
}

static void put_shape(struct work *w, const char *dfd, const struct rd_box *box)
{
    if (!strcmp(dfd, "store")) {
        put_rect(w, "fill", box, 0);
        for (int k = 0; k < 2; k++) {
            rd_buf_puts(w->b, "<path class=\"edge\" d=\"M");
            put_number(w, box->x);
            rd_buf_putc(w->b, ' ');
            put_number(w, box->y + k * box->h);
            rd_buf_putc(w->b, 'h');
            put_number(w, box->w);
            rd_buf_puts(w->b, "\"/>");
        }
        return;
    }
    put_rect(w, "fill edge", box, !strcmp(dfd, "process") ? fmin(14, box->h / 2) : 0);
}

static void put_element(struct work *w, size_t i)
{
    const struct rd_element *e = &w->s->elements[i];
    const struct rd_mark *m = &w->element_mark[i];
    const struct element_text *t = &w->element[i];
    const struct rd_box box = moved(w, &w->l.element[i]);
    const double cx = box.x + box.w / 2;
    double y = box.y + 20;

    put_link(w, m, e->id);
    rd_buf_printf(w->b, "<g id=\"element-%s\" class=\"element %s\"><title>", e->id, e->type->dfd);
    rd_text_xml(w->b, e->name);
    rd_buf_printf(w->b, " (%s)", e->type->name);
    if (e->owner) {
        rd_buf_puts(w->b, "\nowner: ");
        rd_text_xml(w->b, e->owner);
    }
    put_told_threats(w, (int)i, RD_NONE);
    rd_buf_puts(w->b, "</title>");
    put_shape(w, e->type->dfd, &box);
    for (size_t k = 0; k < t->name.n; k++, y += NAME_LINE)
        put_text(w, "name", cx, y, t->name.line[k]);
    if (t->type.n)
        put_text(w, "type", cx, y - 1, t->type.line[0]);
    if (t->badge)
        put_pill(w, m->worst, t->badge, cx, box.y + box.h - PILL - 6);
    rd_buf_puts(w->b, "</g>");
    end_link(w, m);
    rd_buf_putc(w->b, '\n');
}

static size_t put_picture(struct work *w)
{
    size_t crowded = 0;

    put_boundaries(w);
    put_flow_lines(w);
    for (size_t i = 0; i < w->s->n_boundaries; i++)
        put_head_text(w, i);
    for (size_t i = 0; i < w->s->n_elements; i++)
        put_element(w, i);
    for (size_t i = 0; i < w->s->n_flows; i++) {
        if (!w->l.flow[i].crowded)
            put_flow_label(w, i, 0);
        else
            put_flow_label(w, i, ++crowded);
    }
    return crowded;
}

/* --- above and below it --- */

static double put_lines(
    struct work *w, const char *classes, double y, double step, const struct rd_lines *lines)
{
    for (size_t i = 0; i < lines->n; i++, y += step)
        put_text(w, classes, MARGIN, y, lines->line[i]);
    return y;
}

static const char *subtitle(struct work *w)
{
    size_t n = 0, demonstrated = 0;
    const char *parts =
        rd_arena_printf(w->arena, "%zu element%s, %zu flow%s, %zu trust %s", w->s->n_elements,
            w->s->n_elements == 1 ? "" : "s", w->s->n_flows, w->s->n_flows == 1 ? "" : "s",
            w->s->n_boundaries, w->s->n_boundaries == 1 ? "boundary" : "boundaries");

    if (!w->d->threats || !parts)
        return parts;
    for (size_t i = 0; i < w->s->n_elements + w->s->n_flows; i++) {
        const struct rd_mark *m =
            i < w->s->n_elements ? &w->element_mark[i] : &w->flow_mark[i - w->s->n_elements];

        n += m->n;
        demonstrated += m->status[RD_THREAT_DEMONSTRATED];
    }
    if (!w->d->states)
        return rd_arena_printf(w->arena,
            "%s; %zu threat%s that apply or may apply; no evidence is stored: nothing was tried",
            parts, n, n == 1 ? "" : "s");
    return rd_arena_printf(w->arena,
        "%s; %zu threat%s that apply or may apply, %zu demonstrated by stored evidence", parts, n,
        n == 1 ? "" : "s", demonstrated);
}

struct key { /* one entry of the legend */
    const char *words;
    int kind; /* 0..2 shapes, 3 flow, 4 crossing flow, 5 boundary, 6 untrusted, 7 badge, 8 number */
};

static void put_key(struct work *w, const struct key *k, double x, double y)
{
    static const char *const dfd[] = { "external", "process", "store" };
    const struct rd_box box = { x, y - 11, 26, 14 };

    if (k->kind < 3) {
        rd_buf_printf(w->b, "<g class=\"element %s\">", dfd[k->kind]);
        put_shape(w, dfd[k->kind], &box);
        rd_buf_puts(w->b, "</g>");
    } else if (k->kind < 5) {
        rd_buf_printf(w->b, "<g class=\"flow%s\"><path class=\"line\" marker-end=\"url(#tip%s)\"",
            k->kind == 4 ? " crossing" : "", k->kind == 4 ? "-crossing" : "");
        rd_buf_puts(w->b, " d=\"M");
        put_number(w, x);
        rd_buf_putc(w->b, ' ');
        put_number(w, y - 4);
        rd_buf_puts(w->b, "h28\"/></g>");
    } else if (k->kind < 7) {
        rd_buf_printf(w->b, "<g class=\"boundary%s\">", k->kind == 6 ? " untrusted" : "");
        put_rect(w, "frame", &box, 4);
        rd_buf_puts(w->b, "</g>");
    } else if (k->kind == 7) {
        put_pill(w, RD_SEVERITY_MEDIUM, "3", x + 13, y - 12);
    } else {
        put_rect(w, "number", &box, 7);
        put_text(w, "carries", x + 13, y - 1, "3");
    }
    put_text(w, "key", x + 34, y, k->words);
}

static double put_legend(struct work *w, double y, size_t crowded)
{
    bool has[9] = { 0 };
    const char *threats = w->d->states
                              ? "threats: how many, the worst severity, what the evidence shows"
                              : "threats: how many, the worst severity";
    const struct key key[] = { { "outside party", 0 }, { "process", 1 }, { "store", 2 },
        { "flow", 3 }, { "flow across a trust boundary", 4 }, { "trust boundary", 5 },
        { "untrusted boundary", 6 }, { threats, 7 }, { "flow listed below", 8 } };
    double x = MARGIN;

    for (size_t i = 0; i < w->s->n_elements; i++) {
        const char *dfd = w->s->elements[i].type->dfd;

        has[!strcmp(dfd, "external") ? 0 : !strcmp(dfd, "process") ? 1 : 2] = true;
        has[7] = has[7] || w->element_mark[i].n;
    }
    for (size_t i = 0; i < w->s->n_flows; i++) {
        has[rd_flow_crosses(w->s, &w->s->flows[i]) ? 4 : 3] = true;
        has[7] = has[7] || w->flow_mark[i].n;
    }
    for (size_t i = 0; i < w->s->n_boundaries; i++)
        has[w->s->boundaries[i].trust && !strcmp(w->s->boundaries[i].trust, "untrusted") ? 6 : 5] =
            true;
    has[8] = crowded > 0;
    rd_buf_puts(w->b, "<g class=\"legend\">\n");
    for (size_t i = 0; i < sizeof key / sizeof *key; i++) {
        const double room = 34 + rd_measure(key[i].words, TYPE_SIZE, false) + 22;

        if (!has[key[i].kind])
            continue;
        if (x > MARGIN && x + room > w->width - MARGIN + 22) {
            x = MARGIN;
            y += 22;
        }
        put_key(w, &key[i], x, y);
        rd_buf_putc(w->b, '\n');
        x += room;
    }
    rd_buf_puts(w->b, "</g>\n");
    return y + 22;
}

static double put_listed(struct work *w, double y, size_t crowded)
{
    size_t number = 0;

    for (size_t i = 0; i < w->s->n_flows && number < crowded; i++) {
        const struct rd_flow *f = &w->s->flows[i];
        struct rd_lines lines;
        const char *text;

        if (!w->l.flow[i].crowded)
            continue;
        if (++number > LISTED_MAX)
            break;
        text = rd_arena_printf(w->arena, "%zu%s  %s \xe2\x86\x92 %s: %s%s%s", number,
            isnan(w->l.flow[i].label.x) ? " (no room in the picture)" : "",
            w->s->elements[f->from].name, w->s->elements[f->to].name, w->flow[i].full,
            w->flow[i].badge ? "; " : "", w->flow[i].badge ? w->flow[i].badge : "");
        if (!text || !wrap(w, text, SMALL, false, w->width - 2 * MARGIN, 1, &lines)) {
            w->b->failed = true;
            break;
        }
        y = put_lines(w, "listed", y, SMALL_LINE, &lines);
    }
    if (number > LISTED_MAX) {
        char more[40];

        (void)snprintf(more, sizeof more, "and %zu more", crowded - LISTED_MAX);
        put_text(w, "listed", MARGIN, y, more);
        y += SMALL_LINE;
    }
    return y;
}

static void put_head(struct work *w, double height, const char *words)
{
    rd_buf_puts(w->b, "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" "
                      "aria-labelledby=\"diagram-title diagram-desc\"");
    put_attr(w, "width", w->width);
    put_attr(w, "height", height);
    rd_buf_puts(w->b, " viewBox=\"0 0 ");
    put_number(w, w->width);
    rd_buf_putc(w->b, ' ');
    put_number(w, height);
    rd_buf_puts(w->b, "\">\n<title id=\"diagram-title\">");
    rd_text_xml(w->b, w->s->name);
    rd_buf_puts(w->b, "</title>\n<desc id=\"diagram-desc\">Data-flow diagram: ");
    rd_text_xml(w->b, words);
    rd_buf_puts(w->b, "</desc>\n");
    rd_buf_puts(w->b, rd_svg_style);
    put_rect(w, "page", &(struct rd_box){ 0, 0, w->width, height }, 0);
    rd_buf_putc(w->b, '\n');
}

/* The height is known at the end, and stands at the beginning. */
static rd_status draw(struct work *w, struct rd_buf *out, struct rd_svg_size *size)
{
    struct rd_lines title, sub;
    struct rd_buf body = { 0 };
    const char *words = subtitle(w);
    double y = MARGIN + 14;

    w->width = ceil(fmax(w->l.width + 2 * MARGIN, PAGE_MIN));
    if (!words || !wrap(w, w->s->name, TITLE_SIZE, true, w->width - 2 * MARGIN, 2, &title) ||
        !wrap(w, words, TYPE_SIZE, false, w->width - 2 * MARGIN, 3, &sub))
        return rd_run_no_memory(w->run, "the diagram");
    w->b = &body;
    y = put_lines(w, "h", y, 22, &title);
    y = put_lines(w, "sub", y, 15, &sub);
    w->dx = (w->width - w->l.width) / 2;
    w->dy = y + 6;
    size->crowded = put_picture(w);
    y = put_legend(w, w->dy + w->l.height + 30, size->crowded);
    y = put_listed(w, y + 4, size->crowded);
    *size = (struct rd_svg_size){ .width = w->width,
        .height = ceil(y),
        .engine = w->l.engine,
        .reason = w->l.reason,
        .crowded = size->crowded };
    w->b = out;
    put_head(w, size->height, words);
    rd_buf_put(out, rd_buf_text(&body), body.len);
    rd_buf_puts(out, "</svg>\n");
    out->failed = out->failed || body.failed;
    rd_buf_release(&body);
    return out->failed ? rd_run_no_memory(w->run, "the diagram") : RD_OK;
}

rd_status rd_report_svg(struct rd_run *run, const struct rd_diagram *diagram, struct rd_buf *out,
    struct rd_svg_size *size_out)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct work w = { .run = run, .d = diagram, .s = diagram->system, .arena = &arena };
    struct rd_svg_size size = { 0 };
    rd_status st = lay_out(&w);

    if (!st && !strcmp(w.l.engine, "none"))
        st = RD_FAIL(run->err, RD_E_LIMIT, "%s; this system has %zu", w.l.reason,
            diagram->system->n_elements);
    if (!st)
        st = draw(&w, out, &size);
    if (!st) {
        size.reason = size.reason ? rd_arena_strdup(run->scratch, size.reason) : NULL;
        *size_out = size;
    }
    rd_arena_release(&arena);
    return st;
}
