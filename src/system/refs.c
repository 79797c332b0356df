/*
 * refs - ids, and the names that must be ids of something.
 *
 * Ids are sorted once and searched by halving, so a file of 100,000 elements costs no more than it
 * should, and no file can be written so that it costs more.
 */
#include "base/text.h"
#include "system/read.h"

#include <stdlib.h>
#include <string.h>

enum { CANDIDATES_MAX = 400 };

void rd_id_add(struct rd_reader *r, enum rd_space space, const struct rd_id_entry *entry)
{
    struct rd_id_list *list = &r->index->list[space];

    if (rd_reader_grow(r, (void **)&list->item, &list->cap, list->n, sizeof(*list->item)))
        list->item[list->n++] = *entry;
}

void rd_ref_add(struct rd_reader *r, const struct rd_pending *pending)
{
    if (rd_reader_grow(r, (void **)&r->pending, &r->cap_pending, r->n_pending, sizeof(*r->pending)))
        r->pending[r->n_pending++] = *pending;
}

static int by_id(const void *a, const void *b)
{
    const struct rd_id_entry *p = a, *q = b;
    const int c = strcmp(p->id, q->id);

    if (c)
        return c;
    if (p->at.line != q->at.line)
        return p->at.line < q->at.line ? -1 : 1;
    return (p->at.column > q->at.column) - (p->at.column < q->at.column);
}

static int find(const struct rd_id_list *list, const char *id)
{
    size_t low = 0, high = list->n;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const int c = strcmp(list->item[mid].id, id);

        if (c == 0)
            return list->item[mid].index;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return RD_NONE;
}

int rd_system_element(const struct rd_system *s, const char *id)
{
    return find(&s->index->list[RD_SPACE_ELEMENT], id);
}
int rd_system_flow(const struct rd_system *s, const char *id)
{
    return find(&s->index->list[RD_SPACE_FLOW], id);
}
int rd_system_artifact(const struct rd_system *s, const char *id)
{
    return find(&s->index->list[RD_SPACE_ARTIFACT], id);
}
int rd_system_actor(const struct rd_system *s, const char *id)
{
    return find(&s->index->list[RD_SPACE_ACTOR], id);
}
int rd_system_asset(const struct rd_system *s, const char *id)
{
    return find(&s->index->list[RD_SPACE_ASSET], id);
}

int rd_system_control(const struct rd_system *s, const char *id)
{
    return find(&s->index->list[RD_SPACE_CONTROL], id);
}

static void say_duplicates(struct rd_reader *r, const struct rd_id_entry *item, size_t n)
{
    char safe[80];

    for (size_t i = 1, first = 0; i < n; i++) {
        if (strcmp(item[i].id, item[first].id) != 0) {
            first = i;
            continue;
        }
        rd_problem_add(r, item[i].at, item[i].crumb, "id",
            "'%s' is taken by the %s in line %d; ids are unique%s",
            rd_text_safe_in(safe, sizeof(safe), item[i].id), rd_space_name(item[first].space),
            item[first].at.line,
            item[i].space == RD_SPACE_ELEMENT || item[i].space == RD_SPACE_FLOW
                ? " among elements and flows together"
                : "");
    }
}

/* Sort each list and bring it into the arena of the result. */
static void sort_ids(struct rd_reader *r)
{
    struct rd_id_list *list = r->index->list;
    const size_t n_parts = list[RD_SPACE_ELEMENT].n + list[RD_SPACE_FLOW].n;
    struct rd_id_entry *parts;

    for (int s = 0; s < RD_SPACES; s++) {
        struct rd_id_entry *kept;

        if (!list[s].n)
            continue;
        qsort(list[s].item, list[s].n, sizeof(*list[s].item), by_id);
        kept = RD_NEW_ARRAY(r->arena, struct rd_id_entry, list[s].n);
        if (!kept) {
            r->no_memory = true;
            return;
        }
        memcpy(kept, list[s].item, list[s].n * sizeof(*kept));
        list[s].item = kept;
        list[s].cap = list[s].n;
        if (s != RD_SPACE_ELEMENT && s != RD_SPACE_FLOW)
            say_duplicates(r, list[s].item, list[s].n);
    }
    if (!n_parts)
        return;
    parts = RD_NEW_ARRAY(&r->scratch, struct rd_id_entry, n_parts);
    if (!parts) {
        r->no_memory = true;
        return;
    }
    if (list[RD_SPACE_ELEMENT].n)
        memcpy(parts, list[RD_SPACE_ELEMENT].item, list[RD_SPACE_ELEMENT].n * sizeof(*parts));
    if (list[RD_SPACE_FLOW].n)
        memcpy(parts + list[RD_SPACE_ELEMENT].n, list[RD_SPACE_FLOW].item,
            list[RD_SPACE_FLOW].n * sizeof(*parts));
    qsort(parts, n_parts, sizeof(*parts), by_id);
    say_duplicates(r, parts, n_parts);
}

static void missing(struct rd_reader *r, const struct rd_pending *p, const char *id,
    const enum rd_space *spaces, size_t n_spaces, const char *what)
{
    const char *words[CANDIDATES_MAX + 1];
    char safe[80];
    size_t n = 0;

    for (size_t s = 0; s < n_spaces; s++) {
        const struct rd_id_list *list = &r->index->list[spaces[s]];

        for (size_t i = 0; i < list->n && n < CANDIDATES_MAX; i++)
            words[n++] = list->item[i].id;
    }
    words[n] = NULL;
    rd_problem_near(r, p->at, p->crumb, p->key, id, words, "expected the id of %s, found '%s'",
        what, rd_text_safe_in(safe, sizeof(safe), id));
}

/* An element or a flow. */
static void resolve_part(struct rd_reader *r, const struct rd_pending *p, const char *id)
{
    static const enum rd_space parts[] = { RD_SPACE_ELEMENT, RD_SPACE_FLOW };
    const int element = rd_system_element(r->system, id);
    const int flow = element == RD_NONE ? rd_system_flow(r->system, id) : RD_NONE;

    if (element == RD_NONE && flow == RD_NONE)
        missing(r, p, id, parts, 2, "an element or flow");
    if (p->target)
        *p->target = element;
    if (p->target2)
        *p->target2 = flow;
}

static void resolve_threat(struct rd_reader *r, const struct rd_pending *p)
{
    const char *at = strchr(p->text, '@');
    const char *const *rules = r->options->rule_ids;
    char rule[80], safe[160];

    if (!at || at == p->text || at - p->text > 64 || !at[1]) {
        rd_problem_add(r, p->at, p->crumb, p->key,
            "expected a threat such as evasion@inference-api (rule@element or flow), found '%s'",
            rd_text_safe_in(safe, sizeof(safe), p->text));
        return;
    }
    memcpy(rule, p->text, (size_t)(at - p->text));
    rule[at - p->text] = '\0';
    if (!rd_id_is_valid(rule)) {
        rd_problem_add(r, p->at, p->crumb, p->key,
            "expected the id of a rule before '@', found '%s'",
            rd_text_safe_in(safe, sizeof(safe), rule));
    } else if (rules) {
        const char *const *k = rules;

        while (*k && strcmp(*k, rule) != 0)
            k++;
        if (!*k)
            rd_problem_near(r, p->at, p->crumb, p->key, rule, rules,
                "expected the id of a rule before '@', found '%s'", rule);
    }
    resolve_part(r, p, at + 1);
}

void rd_refs_resolve(struct rd_reader *r)
{
    static const char *const what[RD_SPACES] = { "", "a boundary", "an element", "a flow",
        "an asset", "an actor", "an artifact", "a control", "a test", "a scenario" };

    sort_ids(r);
    for (size_t i = 0; i < r->n_pending && !r->no_memory; i++) {
        const struct rd_pending *p = &r->pending[i];
        int index;

        if (p->kind == RD_F_THREAT) {
            resolve_threat(r, p);
            continue;
        }
        if (p->kind == RD_F_PART) {
            resolve_part(r, p, p->text);
            continue;
        }
        index = find(&r->index->list[p->space], p->text);
        if (index == RD_NONE)
            missing(r, p, p->text, &p->space, 1, what[p->space]);
        if (p->target)
            *p->target = index;
    }
}
