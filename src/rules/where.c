/* where.c - a system indexed by neighbor, and breadth-first searches over its flows. */
#include "rules/where.h"

#include <limits.h>
#include <string.h>

/*
 * Group items 0..n-1 by key(i) in 0..groups-1 (negative: left out): first[g]..first[g + 1]-1 of
 * list, in order.
 */
static rd_status group(size_t groups, size_t n, int (*key)(const struct rd_system *s, size_t i),
    const struct rd_system *s, struct rd_arena *arena, int **first_out, int **list_out)
{
    int *first = RD_NEW_ARRAY(arena, int, groups + 2);
    int *list = RD_NEW_ARRAY(arena, int, n + 1);

    if (!first || !list)
        return RD_E_MEMORY;
    for (size_t i = 0; i < n; i++)
        if (key(s, i) >= 0)
            first[key(s, i) + 2]++;
    for (size_t g = 2; g < groups + 2; g++)
        first[g] += first[g - 1];
    /* first[g + 1] is now where group g begins; filling moves it to where the next one does. */
    for (size_t i = 0; i < n; i++)
        if (key(s, i) >= 0)
            list[first[key(s, i) + 1]++] = (int)i;
    *first_out = first;
    *list_out = list;
    return RD_OK;
}

static int flow_to(const struct rd_system *s, size_t i)
{
    return s->flows[i].to;
}
static int flow_from(const struct rd_system *s, size_t i)
{
    return s->flows[i].from;
}
static int control_element(const struct rd_system *s, size_t i)
{
    return s->controls[i].at_element;
}
static int control_flow(const struct rd_system *s, size_t i)
{
    return s->controls[i].at_flow;
}
static int artifact_of(const struct rd_system *s, size_t i)
{
    return s->artifacts[i].of;
}

/* Trust of a boundary: its own word, else that of the nearest one around it that has one. */
static enum rd_trust trust_of(const struct rd_system *s, int boundary)
{
    for (size_t hops = 0; boundary != RD_NONE && hops <= s->n_boundaries; hops++) {
        const char *word = s->boundaries[boundary].trust;

        if (word)
            return !strcmp(word, "untrusted") ? RD_TRUST_UNTRUSTED
                   : !strcmp(word, "partner") ? RD_TRUST_PARTNER
                                              : RD_TRUST_TRUSTED;
        boundary = s->boundaries[boundary].inside;
    }
    return RD_TRUST_TRUSTED;
}

rd_status rd_where_build(const struct rd_system *s, struct rd_arena *arena,
    struct rd_where **where_out, struct rd_error *err)
{
    struct rd_where *w = RD_NEW(arena, struct rd_where);

    if (s->n_elements >= INT_MAX || s->n_flows >= INT_MAX || s->n_controls >= INT_MAX)
        return RD_FAIL(err, RD_E_LIMIT, "the system is too large");
    if (!w)
        goto no_memory;
    w->system = s;
    w->arena = arena;
    w->trust = rd_arena_alloc(arena, s->n_elements + 1, 1);
    if (!w->trust || group(s->n_elements, s->n_flows, flow_to, s, arena, &w->in_first, &w->in) ||
        group(s->n_elements, s->n_flows, flow_from, s, arena, &w->out_first, &w->out) ||
        group(s->n_elements, s->n_controls, control_element, s, arena, &w->control_first,
            &w->control) ||
        group(s->n_flows, s->n_controls, control_flow, s, arena, &w->flow_control_first,
            &w->flow_control) ||
        group(
            s->n_elements, s->n_artifacts, artifact_of, s, arena, &w->artifact_first, &w->artifact))
        goto no_memory;
    for (size_t e = 0; e < s->n_elements; e++)
        w->trust[e] = (unsigned char)trust_of(s, s->elements[e].boundary);
    *where_out = w;
    return RD_OK;
no_memory:
    return RD_FAIL(err, RD_E_MEMORY, "no memory for an index of %zu elements", s->n_elements);
}

bool rd_where_is(const struct rd_where *w, int element, const char *who)
{
    if (!strcmp(who, "untrusted"))
        return w->trust[element] == RD_TRUST_UNTRUSTED;
    if (!strcmp(who, "partner"))
        return w->trust[element] == RD_TRUST_PARTNER;
    if (!strcmp(who, "trusted"))
        return w->trust[element] == RD_TRUST_TRUSTED;
    if (!strncmp(who, RD_WHO_DATA_CLASS, sizeof RD_WHO_DATA_CLASS - 1)) {
        const struct rd_element *e = &w->system->elements[element];
        const char *value = rd_element_property(e, "data_class");

        if (!value && rd_property_type_find(e->type, "data_class"))
            value = "unknown";
        return value && !strcmp(value, who + sizeof RD_WHO_DATA_CLASS - 1);
    }
    return !strcmp(w->system->elements[element].type->name, who);
}

int rd_where_active_control(const struct rd_where *w, int element, int flow, const char *kind)
{
    const int *first =
        element != RD_NONE ? w->control_first + element : w->flow_control_first + flow;
    const int *list = element != RD_NONE ? w->control : w->flow_control;

    for (int i = first[0]; i < first[1]; i++) {
        const struct rd_control *c = &w->system->controls[list[i]];

        if (c->state == RD_CONTROL_ACTIVE && c->coverage >= 1 && !strcmp(c->kind, kind))
            return list[i];
    }
    return RD_NONE;
}

/* Does a guard word hold back what would pass this element or flow? *control_out: the control that
 * does, if any. */
static bool guarded(const struct rd_where *w, const struct rd_reach_question *q, int element,
    int flow, int *control_out)
{
    for (size_t g = 0; g < q->n_guards; g++) {
        const char *word = q->guard[g];

        if (!q->ignore_controls) {
            const int c = rd_where_active_control(w, element, flow, word);

            if (c != RD_NONE) {
                *control_out = c;
                return true;
            }
        }
        if (element != RD_NONE) {
            const struct rd_element *e = &w->system->elements[element];
            const char *value = rd_element_property(e, word);

            if (!strcmp(e->type->name, word))
                return true;
            if (value && !strcmp(value, "yes"))
                return true;
            if (q->unknown_guards && (!value || !strcmp(value, "unknown")) &&
                rd_property_type_find(e->type, word))
                return true;
        }
    }
    return false;
}

static bool same_question(const struct rd_reach_question *a, const struct rd_reach_question *b)
{
    if (strcmp(a->who, b->who) != 0 || a->backward != b->backward ||
        a->only_gateways != b->only_gateways || a->ignore_controls != b->ignore_controls ||
        a->unknown_guards != b->unknown_guards || a->n_guards != b->n_guards)
        return false;
    for (size_t g = 0; g < a->n_guards; g++)
        if (strcmp(a->guard[g], b->guard[g]) != 0)
            return false;
    return true;
}

/*
 * Breadth first from all starts at once. A start may itself be reached (by another, or over a
 * cycle): its `via` is then set too, but it is never searched again.
 */
static void search(const struct rd_where *w, struct rd_reach *r, int *queue)
{
    const struct rd_system *s = w->system;
    const struct rd_reach_question *q = &r->question;
    const int *first = q->backward ? w->in_first : w->out_first;
    const int *list = q->backward ? w->in : w->out;
    size_t head = 0, tail = 0;
    int control = RD_NONE;

    for (size_t e = 0; e < s->n_elements; e++) {
        r->via[e] = RD_NONE;
        if (!rd_where_is(w, (int)e, q->who))
            continue;
        r->start[e] = 1;
        if (!guarded(w, q, (int)e, RD_NONE, &control))
            queue[tail++] = (int)e;
    }
    while (head < tail) {
        const int from = queue[head++];

        for (int i = first[from]; i < first[from + 1]; i++) {
            const int flow = list[i];
            const int to = q->backward ? s->flows[flow].from : s->flows[flow].to;

            if (r->via[to] != RD_NONE)
                continue;
            if (q->n_guards &&
                (guarded(w, q, RD_NONE, flow, &control) || guarded(w, q, to, RD_NONE, &control)))
                continue;
            r->via[to] = flow;
            r->origin[to] = r->start[from] ? from : r->origin[from];
            r->length[to] = r->start[from] ? 1 : r->length[from] + 1;
            if (r->start[to] ||
                (q->only_gateways && strcmp(s->elements[to].type->name, "gateway") != 0))
                continue;
            queue[tail++] = to;
        }
    }
    r->blocked_by = control;
}

const struct rd_reach *rd_where_reach(struct rd_where *w, const struct rd_reach_question *q)
{
    const size_t n = w->system->n_elements;
    struct rd_reach *r;
    int *queue;

    for (r = w->kept; r; r = r->next)
        if (same_question(&r->question, q))
            return r;
    r = RD_NEW(w->arena, struct rd_reach);
    queue = RD_NEW_ARRAY(w->arena, int, n + 1);
    if (r) {
        r->via = RD_NEW_ARRAY(w->arena, int, n + 1);
        r->origin = RD_NEW_ARRAY(w->arena, int, n + 1);
        r->length = RD_NEW_ARRAY(w->arena, int, n + 1);
        r->start = rd_arena_alloc(w->arena, n + 1, 1);
    }
    if (!r || !queue || !r->via || !r->origin || !r->length || !r->start) {
        w->failed = true;
        return NULL;
    }
    r->question = *q;
    search(w, r, queue);
    r->next = w->kept;
    w->kept = r;
    return r;
}

/* The next element from here towards the start. */
static int step(const struct rd_where *w, const struct rd_reach *r, int element)
{
    const struct rd_flow *f = &w->system->flows[r->via[element]];

    return r->question.backward ? f->to : f->from;
}

void rd_where_walk(const struct rd_where *w, const struct rd_reach *r, int element,
    void (*fn)(void *user, int element), void *user)
{
    int left = r->via[element] == RD_NONE ? 0 : r->length[element];

    left = left < RD_WALK_MAX ? left : RD_WALK_MAX;
    fn(user, element);
    for (; left; left--) {
        element = step(w, r, element);
        fn(user, element);
    }
}

/* Shown are the start and this many elements nearest to `element`. */
enum { NEAR_SHOWN = 10 };

void rd_where_path(
    const struct rd_where *w, const struct rd_reach *r, int element, struct rd_buf *out)
{
    const struct rd_element *e = w->system->elements;
    const int length = r->via[element] == RD_NONE ? 0 : r->length[element];
    const int near = length < NEAR_SHOWN ? length : NEAR_SHOWN; /* beside the start */
    int shown[NEAR_SHOWN] = { 0 };

    for (int i = 0, at = element; i < near; i++, at = step(w, r, at))
        shown[i] = at;
    if (r->question.backward) {
        for (int i = 0; i < near; i++)
            rd_buf_printf(out, "%s -> ", e[shown[i]].id);
        if (length > near)
            rd_buf_printf(out, "... %d more -> ", length - near);
        rd_buf_puts(out, e[length ? r->origin[element] : element].id);
        return;
    }
    rd_buf_puts(out, e[length ? r->origin[element] : element].id);
    if (length > near)
        rd_buf_printf(out, " -> ... %d more", length - near);
    for (int i = near - 1; i >= 0; i--)
        rd_buf_printf(out, " -> %s", e[shown[i]].id);
}

static int find_first(struct rd_where *w, const struct rd_first *q)
{
    const struct rd_system *s = w->system;
    const struct rd_reach_question paths = { .who = q->a };
    const struct rd_reach *r = NULL;

    if (q->kind == RD_FIRST_FLOW) {
        for (size_t i = 0; i < s->n_flows; i++)
            if (rd_where_is(w, s->flows[i].from, q->a) && rd_where_is(w, s->flows[i].to, q->b))
                return (int)i;
        return RD_NONE;
    }
    if (q->kind == RD_FIRST_PATH_END) {
        r = rd_where_reach(w, &paths);
        if (!r)
            return RD_NONE;
    }
    for (size_t e = 0; e < s->n_elements; e++)
        if (r ? r->via[e] != RD_NONE && rd_where_is(w, (int)e, q->b) : rd_where_is(w, (int)e, q->a))
            return (int)e;
    return RD_NONE;
}

int rd_where_first(struct rd_where *w, enum rd_first_kind kind, const char *a, const char *b)
{
    struct rd_first *f;

    for (f = w->first; f; f = f->next)
        if (f->kind == kind && !strcmp(f->a, a) && (!b || !strcmp(f->b, b)))
            return f->found;
    f = RD_NEW(w->arena, struct rd_first);
    if (!f) {
        w->failed = true;
        return RD_NONE;
    }
    *f = (struct rd_first){ .kind = kind, .a = a, .b = b };
    f->found = find_first(w, f);
    f->next = w->first;
    w->first = f;
    return f->found;
}

/* --- articulation points --- */

struct cutter {
    const struct rd_where *w;
    int *seen, *low;    /* (n) order of discovery from 1, and the earliest reached from below */
    int *next, *parent; /* (n) flows looked at so far; where it was discovered from */
    int *stack;         /* (n) */
    int clock;
};

static bool is_outside(const struct rd_where *w, int e)
{
    return !strcmp(w->system->elements[e].type->dfd, "external");
}

/* The k-th neighbor of e, inbound ones first; RD_NONE behind the last. */
static int neighbor(const struct rd_where *w, int e, int k)
{
    const int n_in = w->in_first[e + 1] - w->in_first[e];
    const int n_out = w->out_first[e + 1] - w->out_first[e];

    if (k < n_in)
        return w->system->flows[w->in[w->in_first[e] + k]].from;
    if (k - n_in < n_out)
        return w->system->flows[w->out[w->out_first[e] + k - n_in]].to;
    return RD_NONE;
}

/* What was found below `child` comes back to e: does nothing there reach above e? */
static void come_back(struct cutter *c, int e, int child, int *cut, int *first_child)
{
    c->low[e] = c->low[child] < c->low[e] ? c->low[child] : c->low[e];
    if (c->parent[e] == RD_NONE) { /* a root is one when it has two subtrees */
        if (*first_child == RD_NONE)
            *first_child = child;
        else if (cut[2 * e] == RD_NONE) {
            cut[2 * e] = *first_child;
            cut[2 * e + 1] = child;
        }
    } else if (c->low[child] >= c->seen[e] && cut[2 * e] == RD_NONE) {
        cut[2 * e] = c->parent[e];
        cut[2 * e + 1] = child;
    }
}

/* Source: Hopcroft, Tarjan 1973, "Efficient algorithms for graph manipulation", algorithm 447; with
 * a stack of our own in place of recursion. */
static void cut_from(struct cutter *c, int root, int *cut)
{
    int first_child = RD_NONE;
    size_t depth = 0;

    c->parent[root] = RD_NONE;
    c->seen[root] = c->low[root] = ++c->clock;
    c->stack[depth++] = root;
    while (depth) {
        const int e = c->stack[depth - 1];
        const int to = neighbor(c->w, e, c->next[e]);

        if (to == RD_NONE) {
            depth--;
            if (depth)
                come_back(c, c->stack[depth - 1], e, cut, &first_child);
            continue;
        }
        c->next[e]++;
        if (is_outside(c->w, to))
            continue;
        if (c->seen[to]) {
            c->low[e] = c->seen[to] < c->low[e] ? c->seen[to] : c->low[e];
            continue;
        }
        c->parent[to] = e;
        c->seen[to] = c->low[to] = ++c->clock;
        c->stack[depth++] = to;
    }
}

bool rd_where_cuts(struct rd_where *w, int element, int *a_out, int *b_out)
{
    const size_t n = w->system->n_elements;

    if (!w->cut && !w->failed) {
        int *room = RD_NEW_ARRAY(w->arena, int, 5 * n + 5);
        int *cut = RD_NEW_ARRAY(w->arena, int, 2 * n + 2);
        struct cutter c = { .w = w };

        if (!room || !cut) {
            w->failed = true;
            return false;
        }
        c.seen = room;
        c.low = room + n;
        c.next = room + 2 * n;
        c.parent = room + 3 * n;
        c.stack = room + 4 * n;
        for (size_t i = 0; i < 2 * n; i++)
            cut[i] = RD_NONE;
        for (size_t e = 0; e < n; e++)
            if (!c.seen[e] && !is_outside(w, (int)e))
                cut_from(&c, (int)e, cut);
        w->cut = cut;
    }
    if (!w->cut || w->cut[2 * element] == RD_NONE)
        return false;
    *a_out = w->cut[2 * element];
    *b_out = w->cut[2 * element + 1];
    return true;
}
