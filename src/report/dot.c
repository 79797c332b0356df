#include "report/dot.h"

#include "base/text.h"

#include <string.h>

enum { INDENT_MAX = 32 };

struct work {
    const struct rd_diagram *d;
    const struct rd_system *s;
    struct rd_arena *arena;
    struct rd_buf *b;
    const struct rd_mark *element_mark, *flow_mark;
    bool failed;
};

void rd_dot_text(struct rd_buf *out, const char *text)
{
    struct rd_buf safe = { 0 };

    rd_text_safe(&safe, text, strlen(text));
    for (const char *p = rd_buf_text(&safe); *p; p++) {
        if (*p == '&')
            rd_buf_puts(out, "&amp;");
        else if (*p == '"' || *p == '\\')
            rd_buf_printf(out, "\\%c", *p);
        else
            rd_buf_putc(out, *p);
    }
    out->failed = out->failed || safe.failed;
    rd_buf_release(&safe);
}

static void indent(struct work *w, unsigned depth)
{
    for (unsigned i = 0; i < 1 + (depth < INDENT_MAX ? depth : INDENT_MAX); i++)
        rd_buf_puts(w->b, "  ");
}

static void put_label(struct work *w, const char *first, const char *second, const char *third)
{
    rd_buf_puts(w->b, "label=\"");
    rd_dot_text(w->b, first);
    if (second && *second) {
        rd_buf_puts(w->b, *first ? "\\n" : "");
        rd_dot_text(w->b, second);
    }
    if (third) {
        rd_buf_puts(w->b, "\\n");
        rd_dot_text(w->b, third);
    }
    rd_buf_putc(w->b, '"');
}

/* The badge, or NULL; a link, too. */
static const char *put_mark(struct work *w, const struct rd_mark *m, const char *id)
{
    const char *href = rd_diagram_href(w->d, m, id, w->arena);
    const char *badge = m->n ? rd_diagram_badge(w->d, m, w->arena) : NULL;

    if (href) {
        rd_buf_puts(w->b, "URL=\"");
        rd_dot_text(w->b, href);
        rd_buf_puts(w->b, "\" ");
    }
    w->failed = w->failed || (m->n && (!badge || (w->d->link && !href)));
    return badge;
}

static void put_element(struct work *w, size_t i, unsigned depth)
{
    const struct rd_element *e = &w->s->elements[i];
    const char *shape = !strcmp(e->type->dfd, "store")     ? "cylinder"
                        : !strcmp(e->type->dfd, "process") ? "box, style=\"rounded\""
                                                           : "box";
    const char *badge;

    indent(w, depth);
    rd_buf_printf(w->b, "\"%s\" [shape=%s, id=\"element-%s\", ", e->id, shape, e->id);
    badge = put_mark(w, &w->element_mark[i], e->id);
    put_label(w, e->name, e->type->name, badge);
    rd_buf_puts(w->b, "];\n");
}

static void put_boundary(struct work *w, int parent, unsigned depth)
{
    for (size_t i = 0; i < w->s->n_elements; i++)
        if (w->s->elements[i].boundary == parent)
            put_element(w, i, depth);
    for (size_t i = 0; i < w->s->n_boundaries && depth < 64; i++) {
        const struct rd_boundary *b = &w->s->boundaries[i];
        const char *style = b->trust && !strcmp(b->trust, "untrusted") ? "dotted" : "dashed";

        if (b->inside != parent)
            continue;
        indent(w, depth);
        rd_buf_printf(w->b, "subgraph \"cluster_%s\" {\n", b->id);
        indent(w, depth + 1);
        rd_buf_printf(w->b, "style=%s; id=\"boundary-%s\"; ", style, b->id);
        put_label(w, b->name, b->trust, NULL);
        rd_buf_puts(w->b, ";\n");
        put_boundary(w, (int)i, depth + 1);
        indent(w, depth);
        rd_buf_puts(w->b, "}\n");
    }
}

static void put_flow(struct work *w, size_t i)
{
    const struct rd_flow *f = &w->s->flows[i];
    const char *text = rd_diagram_flow_text(f, w->arena), *badge;

    if (!text) {
        w->failed = true;
        return;
    }
    rd_buf_printf(w->b, "  \"%s\" -> \"%s\" [id=\"flow-%s\", %s", w->s->elements[f->from].id,
        w->s->elements[f->to].id, f->id, rd_flow_crosses(w->s, f) ? "penwidth=2, " : "");
    badge = put_mark(w, &w->flow_mark[i], f->id);
    put_label(w, text, badge, NULL);
    rd_buf_puts(w->b, "];\n");
}

rd_status rd_report_dot(struct rd_run *run, const struct rd_diagram *d, struct rd_buf *out)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct work w = { .d = d, .s = d->system, .arena = &arena, .b = out };

    w.failed = !rd_diagram_marks(d, &arena, &w.element_mark, &w.flow_mark);
    if (!w.failed) {
        rd_buf_puts(out, "digraph {\n  rankdir=LR; labelloc=t; fontname=\"Helvetica\"; ");
        put_label(&w, d->system->name, NULL, NULL);
        rd_buf_puts(out, ";\n  node [fontname=\"Helvetica\", fontsize=12]; edge "
                         "[fontname=\"Helvetica\", fontsize=10];\n");
        put_boundary(&w, RD_NONE, 0);
        for (size_t i = 0; i < d->system->n_flows; i++)
            put_flow(&w, i);
        rd_buf_puts(out, "}\n");
    }
    rd_arena_release(&arena);
    return w.failed || out->failed ? rd_run_no_memory(run, "the diagram") : RD_OK;
}
