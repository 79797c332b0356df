#include "report/diagram.h"

bool rd_diagram_marks(const struct rd_diagram *d, struct rd_arena *arena,
    const struct rd_mark **element_out, const struct rd_mark **flow_out)
{
    struct rd_mark *element = RD_NEW_ARRAY(arena, struct rd_mark, d->system->n_elements + 1);
    struct rd_mark *flow = RD_NEW_ARRAY(arena, struct rd_mark, d->system->n_flows + 1);

    if (!element || !flow)
        return false;
    for (size_t i = 0; d->threats && i < d->threats->n; i++) {
        const struct rd_threat *t = &d->threats->item[i];
        struct rd_mark *m = t->element != RD_NONE ? &element[t->element]
                            : t->flow != RD_NONE  ? &flow[t->flow]
                                                  : NULL;

        if (!m)
            continue;
        if (t->applicability != RD_APPLIES_YES && t->applicability != RD_APPLIES_UNKNOWN) {
            m->mitigated++;
            continue;
        }
        if (!m->n || t->severity > m->worst)
            m->worst = t->severity;
        if (!m->n)
            m->first = i;
        m->n++;
        m->status[d->states ? d->states[i].status : RD_THREAT_UNTRIED]++;
    }
    *element_out = element;
    *flow_out = flow;
    return true;
}

const char *rd_diagram_badge(
    const struct rd_diagram *d, const struct rd_mark *m, struct rd_arena *arena)
{
    /* What a reader should know first. */
    static const enum rd_status_of_threat rank[] = { RD_THREAT_DEMONSTRATED, RD_THREAT_INCONCLUSIVE,
        RD_THREAT_NOT_DEMONSTRATED, RD_THREAT_CONTROLLED };
    const char *many = m->n == 1 ? "" : "s", *severity = rd_severity_name(m->worst);

    if (!d->states)
        return rd_arena_printf(arena, "%zu threat%s, %s", m->n, many, severity);
    for (size_t i = 0; i < sizeof rank / sizeof *rank; i++)
        if (m->status[rank[i]])
            return rd_arena_printf(arena, "%zu threat%s, %s, %zu %s", m->n, many, severity,
                m->status[rank[i]], rd_threat_status_name(rank[i]));
    return rd_arena_printf(arena, "%zu threat%s, %s, untried", m->n, many, severity);
}

const char *rd_diagram_flow_text(const struct rd_flow *f, struct rd_arena *arena)
{
    struct rd_buf b = { 0 };
    const char *text;

    for (size_t i = 0; i < f->n_carries; i++) {
        rd_buf_puts(&b, i ? ", " : "");
        rd_buf_puts(&b, f->carries[i]);
    }
    if (!f->n_carries && f->protocol)
        rd_buf_puts(&b, f->protocol);
    text = b.failed ? NULL : rd_arena_strdup(arena, rd_buf_text(&b));
    rd_buf_release(&b);
    return text;
}

const char *rd_diagram_href(
    const struct rd_diagram *d, const struct rd_mark *m, const char *id, struct rd_arena *arena)
{
    if (!d->link || !m->n)
        return NULL;
    return m->n == 1 ? rd_arena_printf(arena, "%s#t-%s", d->link, d->threats->item[m->first].id)
                     : rd_arena_printf(arena, "%s#at-%s", d->link, id);
}
