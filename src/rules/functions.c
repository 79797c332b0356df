/* functions.c - the questions a rule may ask of a system, one row each. */
#include "rules/functions.h"

#include <stdio.h>
#include <string.h>

static struct rd_value truth(enum rd_tri t)
{
    return (struct rd_value){ .type = RD_EXPR_BOOL, .truth = t, .unknown = t == RD_UNKNOWN };
}
static struct rd_value yes_or_no(bool yes)
{
    return truth(yes ? RD_YES : RD_NO);
}

static const struct rd_element *element_at(const struct rd_look *at, int e)
{
    return &at->where->system->elements[e];
}
static const struct rd_flow *flow_at(const struct rd_look *at, int f)
{
    return &at->where->system->flows[f];
}

/* Appends an id to what was found, with commas; behind some hundred characters only dots. */
enum { FOUND_SHOWN = 300 };
static void found(struct rd_seen *seen, const char *id)
{
    if (!seen || seen->value.len > FOUND_SHOWN + 4)
        return;
    rd_buf_printf(&seen->value, "%s%s", seen->value.len ? ", " : "",
        seen->value.len > FOUND_SHOWN ? "..." : id);
}
static void found_nothing(struct rd_seen *seen)
{
    if (seen && !seen->value.len)
        rd_buf_puts(&seen->value, "none");
}
static void missing(struct rd_seen *seen, const char *element, const char *property)
{
    if (seen && seen->missing)
        seen->missing(seen->user, element, property);
}

/* A yes/no property of an element: unknown when not given, no when its type has none. */
static enum rd_tri property(const struct rd_element *e, const char *name)
{
    const char *value = rd_element_property(e, name);

    if (value)
        return !strcmp(value, "yes") ? RD_YES : !strcmp(value, "no") ? RD_NO : RD_UNKNOWN;
    return rd_property_type_find(e->type, name) ? RD_UNKNOWN : RD_NO;
}

/* ---- here ---- */

static struct rd_value ask_is(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    const bool yes = rd_where_is(at->where, at->element, word[0]);

    (void)n;
    found(seen, yes ? "yes" : "no");
    return yes_or_no(yes);
}

static struct rd_value ask_end(
    const struct rd_look *at, int element, const char *who, struct rd_seen *seen)
{
    const bool yes = rd_where_is(at->where, element, who);

    if (seen)
        rd_buf_printf(&seen->value, "%s (%s)", yes ? "yes" : "no", element_at(at, element)->id);
    return yes_or_no(yes);
}
static struct rd_value ask_from_is(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    (void)n;
    return ask_end(at, flow_at(at, at->flow)->from, word[0], seen);
}
static struct rd_value ask_to_is(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    (void)n;
    return ask_end(at, flow_at(at, at->flow)->to, word[0], seen);
}

/* The flows beside the subject: into it, then out of it; for a flow itself. next: 0, 1, ... RD_NONE
 * at the end. */
static int beside(const struct rd_look *at, bool in, bool out, size_t next)
{
    const struct rd_where *w = at->where;
    size_t n_in = 0, n_out = 0;

    if (at->element == RD_NONE)
        return next ? RD_NONE : at->flow;
    if (in)
        n_in = (size_t)(w->in_first[at->element + 1] - w->in_first[at->element]);
    if (out)
        n_out = (size_t)(w->out_first[at->element + 1] - w->out_first[at->element]);
    if (next < n_in)
        return w->in[(size_t)w->in_first[at->element] + next];
    if (next - n_in < n_out)
        return w->out[(size_t)w->out_first[at->element] + next - n_in];
    return RD_NONE;
}

static struct rd_value ask_crosses_boundary(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    bool yes = false;

    (void)word;
    (void)n;
    for (size_t i = 0; beside(at, true, true, i) != RD_NONE; i++) {
        const struct rd_flow *f = flow_at(at, beside(at, true, true, i));

        if (rd_flow_crosses(at->where->system, f)) {
            yes = true;
            if (!seen)
                break;
            found(seen, f->id);
        }
    }
    found_nothing(seen);
    return yes_or_no(yes);
}

static struct rd_value ask_has_control(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    const struct rd_where *w = at->where;
    const int c =
        at->ignore_controls ? RD_NONE : rd_where_active_control(w, at->element, at->flow, word[0]);

    (void)n;
    if (seen && c != RD_NONE) {
        seen->control = w->system->controls[c].id;
        rd_buf_printf(&seen->value, "%s, active", seen->control);
    } else if (seen) {
        const int *first = at->element != RD_NONE ? w->control_first + at->element
                                                  : w->flow_control_first + at->flow;
        const int *list = at->element != RD_NONE ? w->control : w->flow_control;

        for (int i = first[0]; i < first[1]; i++) {
            const struct rd_control *k = &w->system->controls[list[i]];

            if (strcmp(k->kind, word[0]) != 0)
                continue;
            found(seen, k->id);
            rd_buf_puts(&seen->value, k->state == RD_CONTROL_PROPOSED  ? ", only proposed"
                                      : k->state == RD_CONTROL_RETIRED ? ", retired"
                                                                       : ", covers only a part");
        }
        found_nothing(seen);
    }
    return yes_or_no(c != RD_NONE);
}

static struct rd_value ask_holds_artifact(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    /* enum rd_artifact_kind: an endpoint or a process is a model that is elsewhere */
    static const char *const kinds[] = { "model", "dataset", "training", "model", "model" };
    const struct rd_where *w = at->where;
    bool yes = false;

    (void)n;
    for (int i = w->artifact_first[at->element]; i < w->artifact_first[at->element + 1]; i++) {
        const struct rd_artifact *a = &w->system->artifacts[w->artifact[i]];

        if (!strcmp(kinds[a->kind], word[0])) {
            yes = true;
            found(seen, a->id);
        }
    }
    found_nothing(seen);
    return yes_or_no(yes);
}

/* ---- beside ---- */

/* Neighbors that are `who` (and have a property): the best answer of any. */
static struct rd_value ask_neighbor(
    const struct rd_look *at, const char *const *word, size_t n, bool in, struct rd_seen *seen)
{
    enum rd_tri best = RD_NO;

    for (size_t i = 0; beside(at, in, !in, i) != RD_NONE; i++) {
        const struct rd_flow *f = flow_at(at, beside(at, in, !in, i));
        const int other = in ? f->from : f->to;
        enum rd_tri t;

        if (!rd_where_is(at->where, other, word[0]))
            continue;
        t = n > 1 ? property(element_at(at, other), word[1]) : RD_YES;
        if (t == RD_UNKNOWN)
            missing(seen, element_at(at, other)->id, word[1]);
        if (seen && t != RD_NO) {
            char pair[160];

            (void)snprintf(pair, sizeof pair, "%s %s %s", f->id, in ? "from" : "to",
                element_at(at, other)->id);
            found(seen, pair);
        }
        if (t == RD_YES || (t == RD_UNKNOWN && best == RD_NO))
            best = t;
    }
    found_nothing(seen);
    return truth(best);
}

/* Directly, or through gateways only. */
static struct rd_value ask_has_inbound_from(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    const struct rd_reach_question q = { .who = word[0], .only_gateways = true };
    const struct rd_reach *r;

    if (n > 1)
        return ask_neighbor(at, word, n, true, seen);
    r = rd_where_reach(at->where, &q);
    if (!r || r->via[at->element] == RD_NONE) {
        found_nothing(seen);
        return truth(RD_NO);
    }
    if (seen)
        rd_where_path(at->where, r, at->element, &seen->value);
    return truth(RD_YES);
}
static struct rd_value ask_has_outbound_to(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    return ask_neighbor(at, word, n, false, seen);
}

static struct rd_value ask_carried(
    const struct rd_look *at, const char *data, bool in, struct rd_seen *seen)
{
    bool yes = false;

    for (size_t i = 0; beside(at, in, !in, i) != RD_NONE; i++) {
        const struct rd_flow *f = flow_at(at, beside(at, in, !in, i));

        for (size_t k = 0; k < f->n_carries; k++)
            if (!strcmp(f->carries[k], data)) {
                yes = true;
                found(seen, f->id);
                break;
            }
    }
    found_nothing(seen);
    return yes_or_no(yes);
}
static struct rd_value ask_receives(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    (void)n;
    return ask_carried(at, word[0], true, seen);
}
static struct rd_value ask_sends(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    (void)n;
    return ask_carried(at, word[0], false, seen);
}

/* ---- along paths ---- */

/* Does r lead to (or, backward, from) the subject? For a flow: its far end is `who`, or is reached.
 */
static bool reaches_here(const struct rd_look *at, const struct rd_reach *r, struct rd_seen *seen)
{
    const bool flow = at->element == RD_NONE;
    const int here = !flow                  ? at->element
                     : r->question.backward ? flow_at(at, at->flow)->to
                                            : flow_at(at, at->flow)->from;
    const bool yes = r->via[here] != RD_NONE || (flow && r->start[here]);

    if (seen && yes)
        rd_where_path(at->where, r, here, &seen->value);
    found_nothing(seen);
    return yes;
}

static struct rd_value ask_reach(
    const struct rd_look *at, const char *who, bool backward, struct rd_seen *seen)
{
    const struct rd_reach_question q = { .who = who, .backward = backward };
    const struct rd_reach *r = rd_where_reach(at->where, &q);

    return yes_or_no(r && reaches_here(at, r, seen));
}
static struct rd_value ask_reached_from(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    (void)n;
    return ask_reach(at, word[0], false, seen);
}
static struct rd_value ask_reaches(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    (void)n;
    return ask_reach(at, word[0], true, seen);
}

struct on_path {
    const struct rd_look *at;
    const struct rd_reach_question *question;
    struct rd_seen *seen;
};
/* Which guard properties would have to be filled in along the path. */
static void note_missing(void *user, int element)
{
    const struct on_path *p = user;
    const struct rd_element *e = element_at(p->at, element);

    for (size_t g = 0; g < p->question->n_guards; g++)
        if (property(e, p->question->guard[g]) == RD_UNKNOWN)
            missing(p->seen, e->id, p->question->guard[g]);
}

static struct rd_value ask_reached_around(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    struct rd_reach_question q = {
        .who = word[0], .ignore_controls = at->ignore_controls, .unknown_guards = true
    };
    const struct rd_reach *sure, *open;

    for (size_t i = 1; i < n; i++)
        q.guard[q.n_guards++] = word[i];
    sure = rd_where_reach(at->where, &q); /* where nothing on the path can be a guard */
    q.unknown_guards = false;
    open = rd_where_reach(at->where, &q); /* where nothing on the path is known to be one */
    if (!sure || !open)
        return truth(RD_NO);
    if (seen && open->blocked_by != RD_NONE)
        seen->control = at->where->system->controls[open->blocked_by].id;
    if (sure->via[at->element] != RD_NONE)
        return yes_or_no(reaches_here(at, sure, seen));
    if (reaches_here(at, open, seen)) {
        struct on_path p = { at, &q, seen };

        if (seen)
            rd_where_walk(at->where, open, at->element, note_missing, &p);
        return truth(RD_UNKNOWN);
    }
    return truth(RD_NO);
}

static struct rd_value ask_articulation(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    int a, b;
    const bool yes = rd_where_cuts(at->where, at->element, &a, &b);

    (void)word;
    (void)n;
    if (seen && yes)
        rd_buf_printf(
            &seen->value, "between %s and %s", element_at(at, a)->id, element_at(at, b)->id);
    found_nothing(seen);
    return yes_or_no(yes);
}

/* ---- anywhere ---- */

static struct rd_value ask_exists_path(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    const struct rd_reach_question q = { .who = word[0] };
    const int end = rd_where_first(at->where, RD_FIRST_PATH_END, word[0], word[1]);
    const struct rd_reach *r = rd_where_reach(at->where, &q);

    (void)n;
    if (seen && r && end != RD_NONE)
        rd_where_path(at->where, r, end, &seen->value);
    found_nothing(seen);
    return yes_or_no(end != RD_NONE);
}

static struct rd_value ask_has_flow(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    const int f = rd_where_first(at->where, RD_FIRST_FLOW, word[0], word[1]);

    (void)n;
    if (f != RD_NONE)
        found(seen, flow_at(at, f)->id);
    found_nothing(seen);
    return yes_or_no(f != RD_NONE);
}

static struct rd_value ask_has_element(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    const int e = rd_where_first(at->where, RD_FIRST_ELEMENT, word[0], NULL);

    (void)n;
    if (e != RD_NONE)
        found(seen, element_at(at, e)->id);
    found_nothing(seen);
    return yes_or_no(e != RD_NONE);
}

/* ---- the two facts that may move a severity ---- */

static struct rd_value ask_internet_exposed(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    const char *const who[] = { "untrusted" };
    const struct rd_element *e;
    const char *value;

    (void)word;
    (void)n;
    if (at->element == RD_NONE)
        return ask_end(at, flow_at(at, at->flow)->from, who[0], seen);
    e = element_at(at, at->element);
    value = rd_element_property(e, "exposure");
    if (value && strcmp(value, "unknown") != 0) {
        found(seen, value);
        return yes_or_no(!strcmp(value, "internet"));
    }
    if (ask_has_inbound_from(at, who, 1, seen).truth == RD_YES)
        return truth(RD_YES);
    if (!rd_property_type_find(e->type, "exposure"))
        return truth(RD_NO);
    missing(seen, e->id, "exposure");
    return truth(RD_UNKNOWN);
}

static const char *const data_classes[] = { "public", "internal", "confidential", "personal" };

int rd_data_class_rank(const char *word)
{
    for (int i = 0; i < 4; i++)
        if (word && !strcmp(data_classes[i], word))
            return i;
    return -1;
}

/* The most sensitive class stated here or anywhere upstream; unknown when nobody stated one. */
static struct rd_value ask_data_class(
    const struct rd_look *at, const char *const *word, size_t n, struct rd_seen *seen)
{
    static const char *const who[] = { RD_WHO_DATA_CLASS "public", RD_WHO_DATA_CLASS "internal",
        RD_WHO_DATA_CLASS "confidential", RD_WHO_DATA_CLASS "personal" };
    const struct rd_reach_question unknown = { .who = RD_WHO_DATA_CLASS "unknown" };
    const struct rd_reach *r;
    const int here = at->element != RD_NONE ? at->element : flow_at(at, at->flow)->from;

    (void)word;
    (void)n;
    for (int i = 3; i >= 0; i--) {
        const struct rd_reach_question q = { .who = who[i] };
        const bool stated = rd_where_is(at->where, here, who[i]);

        r = rd_where_reach(at->where, &q);
        if (!r || (!stated && r->via[here] == RD_NONE))
            continue;
        if (seen) {
            rd_buf_printf(&seen->value, "%s (", data_classes[i]);
            if (stated)
                rd_buf_puts(&seen->value, element_at(at, here)->id);
            else
                rd_where_path(at->where, r, here, &seen->value);
            rd_buf_puts(&seen->value, ")");
        }
        return (struct rd_value){ .type = RD_EXPR_TEXT, .text = data_classes[i] };
    }
    if (seen)
        rd_buf_puts(&seen->value, "unknown");
    r = rd_where_reach(at->where, &unknown);
    if (rd_where_is(at->where, here, unknown.who)) {
        missing(seen, element_at(at, here)->id, "data_class");
    } else if (r && r->via[here] != RD_NONE) {
        missing(seen, element_at(at, r->origin[here])->id, "data_class");
    }
    return (struct rd_value){ .type = RD_EXPR_TEXT, .unknown = true };
}

/* clang-format off */
const struct rd_rule_function rd_rule_functions[] = {
    { "is", "who", "the element is of that type, or in a boundary of that trust",
      { RD_WORD_WHO }, RD_AT_ELEMENT, RD_EXPR_BOOL, false,
      "$here is $1", "$here is not $1", "$here is $1", ask_is },
    { "from_is", "who", "the flow comes from such an element",
      { RD_WORD_WHO }, RD_AT_FLOW, RD_EXPR_BOOL, false,
      "sender of $here is $1", "the sender of $here is not $1", "the sender of $here is $1", ask_from_is },
    { "to_is", "who", "the flow goes to such an element",
      { RD_WORD_WHO }, RD_AT_FLOW, RD_EXPR_BOOL, false,
      "receiver of $here is $1", "the receiver of $here is not $1", "the receiver of $here is $1", ask_to_is },
    { "crosses_boundary", "", "the flow crosses a trust boundary; an element: one of its flows does",
      { RD_WORD_NONE }, RD_AT_ELEMENT | RD_AT_FLOW, RD_EXPR_BOOL, false,
      "boundaries crossed at $here", "no flow of $here crosses a trust boundary", "a flow of $here crosses a trust boundary", ask_crosses_boundary },
    { "has_control", "kind", "a control of that kind is active here, with coverage 1",
      { RD_WORD_CONTROL }, RD_AT_ELEMENT | RD_AT_FLOW, RD_EXPR_BOOL, false,
      "control $1 at $here", "no control of kind $1 is active at $here", "a control of kind $1 is active at $here", ask_has_control },
    { "holds_artifact", "kind", "an artifact (model, dataset or training) belongs to the element",
      { RD_WORD_ARTIFACT }, RD_AT_ELEMENT, RD_EXPR_BOOL, false,
      "artifact of kind $1 at $here", "$here holds no $1", "$here holds a $1", ask_holds_artifact },
    { "has_inbound_from", "who, property", "a flow comes in from such an element, directly or through gateways; with a property: directly, and the sender has it",
      { RD_WORD_WHO, RD_WORD_PROPERTY }, RD_AT_ELEMENT, RD_EXPR_BOOL, false,
      "flow from $1$with into $here", "no flow from $1$with comes into $here", "a flow from $1$with comes into $here", ask_has_inbound_from },
    { "has_outbound_to", "who, property", "a flow goes out to such an element; with a property: and the receiver has it",
      { RD_WORD_WHO, RD_WORD_PROPERTY }, RD_AT_ELEMENT, RD_EXPR_BOOL, false,
      "flow from $here to $1$with", "no flow goes from $here to $1$with", "a flow goes from $here to $1$with", ask_has_outbound_to },
    { "receives", "data", "a flow that comes in carries it",
      { RD_WORD_DATA }, RD_AT_ELEMENT, RD_EXPR_BOOL, false,
      "$1 received by $here", "no flow brings $1 to $here", "a flow brings $1 to $here", ask_receives },
    { "sends", "data", "a flow that goes out carries it",
      { RD_WORD_DATA }, RD_AT_ELEMENT, RD_EXPR_BOOL, false,
      "$1 sent by $here", "no flow takes $1 from $here", "a flow takes $1 from $here", ask_sends },
    { "reached_from", "who", "a path of flows leads from such an element to here",
      { RD_WORD_WHO }, RD_AT_ELEMENT | RD_AT_FLOW, RD_EXPR_BOOL, false,
      "path from $1 to $here", "no path leads from $1 to $here", "a path leads from $1 to $here", ask_reached_from },
    { "reaches", "who", "a path of flows leads from here to such an element",
      { RD_WORD_WHO }, RD_AT_ELEMENT | RD_AT_FLOW, RD_EXPR_BOOL, false,
      "path from $here to $1", "no path leads from $here to $1", "a path leads from $here to $1", ask_reaches },
    { "reached_around", "who, guard, ...", "a path leads from such an element to here that meets no guard: no element of that type, no active control of that kind, no element with that property",
      { RD_WORD_WHO, RD_WORD_GUARD }, RD_AT_ELEMENT, RD_EXPR_BOOL, false,
      "path from $1 to $here without $rest", "every path from $1 to $here meets $rest", "a path from $1 to $here does not meet $rest", ask_reached_around },
    { "articulation", "", "without it some parts of the system, people left aside, are no longer joined by any flow",
      { RD_WORD_NONE }, RD_AT_ELEMENT, RD_EXPR_BOOL, false,
      "parts that only $here joins", "no parts of the system are joined by $here alone", "parts of the system are joined by $here alone", ask_articulation },
    { "exists_path", "who, who", "anywhere in the system a path leads from the first to the second",
      { RD_WORD_WHO, RD_WORD_WHO }, RD_AT_ELEMENT | RD_AT_FLOW, RD_EXPR_BOOL, false,
      "path from $1 to $2", "no path leads from $1 to $2", "a path leads from $1 to $2", ask_exists_path },
    { "has_flow", "who, who", "anywhere in the system a flow goes from the first to the second",
      { RD_WORD_WHO, RD_WORD_WHO }, RD_AT_ELEMENT | RD_AT_FLOW, RD_EXPR_BOOL, false,
      "flow from $1 to $2", "no flow goes from $1 to $2", "a flow goes from $1 to $2", ask_has_flow },
    { "has_element", "who", "there is such an element anywhere in the system",
      { RD_WORD_WHO }, RD_AT_ELEMENT | RD_AT_FLOW, RD_EXPR_BOOL, false,
      "element $1 in the system", "the system has no $1", "the system has a $1", ask_has_element },
    { "internet_exposed", "", "exposure is internet; where that is not said, a flow comes in from an untrusted boundary",
      { RD_WORD_NONE }, RD_AT_ELEMENT | RD_AT_FLOW, RD_EXPR_BOOL, true,
      "Internet exposure of $here", "$here cannot be reached from the Internet", "$here can be reached from the Internet", ask_internet_exposed },
    { "data_class", "", "text: the most sensitive data_class stated here or upstream (public, internal, confidential, personal)",
      { RD_WORD_NONE }, RD_AT_ELEMENT | RD_AT_FLOW, RD_EXPR_TEXT, true,
      "data class at and upstream of $here", NULL, NULL, ask_data_class },
    { 0 },
};
/* clang-format on */

const struct rd_rule_function *rd_rule_function_find(const char *name)
{
    for (const struct rd_rule_function *f = rd_rule_functions; f->name; f++)
        if (!strcmp(f->name, name))
            return f;
    return NULL;
}

void rd_rule_function_arity(const struct rd_rule_function *f, size_t *least, size_t *most)
{
    *least = *most =
        (f->words[0] != RD_WORD_NONE ? 1u : 0u) + (f->words[1] != RD_WORD_NONE ? 1u : 0u);
    if (f->words[1] == RD_WORD_GUARD)
        *most = 1 + RD_GUARDS_MAX;
    if (f->words[1] == RD_WORD_PROPERTY)
        *least = 1;
}

void rd_rule_function_words(
    struct rd_buf *out, const char *pattern, const char *here, const char *const *word, size_t n)
{
    for (const char *p = pattern; *p; p++) {
        if (!strncmp(p, "$here", 5)) {
            rd_buf_puts(out, here);
            p += 4;
        } else if (!strncmp(p, "$rest", 5)) {
            for (size_t i = 1; i < n; i++)
                rd_buf_printf(out, "%s%s", i > 1 ? " or " : "", word[i]);
            p += 4;
        } else if (!strncmp(p, "$1", 2)) {
            rd_buf_puts(out, n > 0 ? word[0] : "");
            p++;
        } else if (!strncmp(p, "$2", 2)) {
            rd_buf_puts(out, n > 1 ? word[1] : "");
            p++;
        } else if (!strncmp(p, "$with", 5)) {
            if (n > 1)
                rd_buf_printf(out, " with %s", word[1]);
            p += 4;
        } else {
            rd_buf_putc(out, *p);
        }
    }
}
