/*
 * derive.c - from rules and a system to ranked threats.
 *
 * One rule at one place: evaluate; ask what is missing; see whether an active control is what
 * stands in the way; move the severity by the two facts; say what would make it go away.
 */
#include "rules/evaluate.h"

#include <stdlib.h>
#include <string.h>

enum { THREATS_MAX = 100000 };

const char *rd_severity_name(enum rd_severity s)
{
    static const char *const names[] = { "low", "medium", "high", "critical" };

    return names[s];
}

bool rd_severity_find(const char *name, enum rd_severity *out)
{
    for (int i = 0; i < 4; i++)
        if (!strcmp(name, rd_severity_name((enum rd_severity)i))) {
            *out = (enum rd_severity)i;
            return true;
        }
    return false;
}

const char *rd_applicability_name(enum rd_applicability a)
{
    static const char *const names[] = { "no", "yes", "unknown", "mitigated" };

    return names[a];
}

struct derivation {
    const struct rd_rules *rules;
    const struct rd_system *system;
    struct rd_where *where;
    struct rd_arena *arena;
    struct rd_error *err;
};

/* What is built up for one threat. */
struct draft {
    struct rd_evaluation e;
    struct rd_threat *out;
    struct rd_fact *fact;
    size_t n_facts, cap_facts;
    struct rd_strings missing, goes_away;
};

static rd_status no_memory(const struct derivation *d)
{
    return RD_FAIL(
        d->err, RD_E_MEMORY, "no memory for the threats of %zu elements", d->system->n_elements);
}

static bool names_control(const struct rd_rule_code *code, const char *kind)
{
    for (size_t i = 0; i < code->n_controls_named; i++)
        if (!strcmp(code->control_named[i], kind))
            return true;
    return false;
}

static const char *control_title(const struct derivation *d, const char *kind)
{
    const struct rd_taxonomy_row *row =
        rd_taxonomy_find(d->rules->taxonomies, "Redoubt controls", NULL, kind);

    return row ? row->title : kind;
}

static rd_status add_fact(const struct derivation *d, struct draft *t, struct rd_fact fact)
{
    for (size_t i = 0; i < t->n_facts; i++)
        if (!strcmp(t->fact[i].what, fact.what))
            return RD_OK;
    if (t->n_facts == t->cap_facts) {
        const size_t cap = t->cap_facts ? 2 * t->cap_facts : 8;
        struct rd_fact *grown = RD_NEW_ARRAY(d->arena, struct rd_fact, cap);

        if (!grown)
            return no_memory(d);
        if (t->n_facts)
            memcpy(grown, t->fact, t->n_facts * sizeof *grown);
        t->fact = grown;
        t->cap_facts = cap;
    }
    t->fact[t->n_facts++] = fact;
    return RD_OK;
}

static rd_status add_item(const struct derivation *d, struct draft *t, const struct rd_item *item,
    const char **control_out)
{
    struct rd_fact fact;

    if (rd_evaluation_fact(&t->e, item, d->arena, &fact, control_out))
        return no_memory(d);
    return add_fact(d, t, fact);
}

/* `when` says no: would it without the controls? Then those are what removes the threat. */
static rd_status blame_controls(const struct derivation *d, struct draft *t, enum rd_tri *bare_out)
{
    struct rd_evaluation bare = { .code = t->e.code, .at = t->e.at };

    *bare_out = RD_NO;
    if (!t->e.code->n_controls_named)
        return RD_OK;
    bare.at.ignore_controls = true;
    return rd_evaluate(&bare, bare.code->when, bare_out, d->err);
}

/* A control of removed_by that is active here; the expression itself looks at those that it names.
 */
static int removing_control(const struct derivation *d, const struct draft *t)
{
    const struct rd_rule *rule = &t->e.code->rule;

    for (size_t i = 0; i < rule->n_removed_by; i++) {
        const int c = names_control(t->e.code, rule->removed_by[i])
                          ? RD_NONE
                          : rd_where_active_control(
                                d->where, t->e.at.element, t->e.at.flow, rule->removed_by[i]);

        if (c != RD_NONE)
            return c;
    }
    return RD_NONE;
}

/* Facts about the controls of removed_by kinds that stand here, whatever their state. */
static rd_status add_controls(const struct derivation *d, struct draft *t)
{
    const struct rd_where *w = d->where;
    const struct rd_rule *rule = &t->e.code->rule;
    const bool element = t->e.at.element != RD_NONE;
    const int *first =
        element ? w->control_first + t->e.at.element : w->flow_control_first + t->e.at.flow;
    const int *list = element ? w->control : w->flow_control;

    for (int i = first[0]; i < first[1]; i++) {
        const struct rd_control *c = &d->system->controls[list[i]];
        struct rd_fact fact = { 0 };
        rd_status st;

        if (c->state != RD_CONTROL_ACTIVE || !rd_rule_is_removed_by(rule, c->kind))
            continue;
        fact.what =
            rd_arena_printf(d->arena, "control %s at %s", c->kind, rd_evaluation_here(&t->e));
        fact.value = rd_arena_printf(d->arena, "%s, active%s", c->id,
            rule->n_proved_by ? "; what it does, only a re-test can tell"
            : c->coverage < 1 ? "; covers only a part"
                              : "");
        if (!fact.what || !fact.value)
            return no_memory(d);
        st = add_fact(d, t, fact);
        if (st)
            return st;
    }
    return RD_OK;
}

/*
 * The two facts. Up and down at once cancel out; unknown moves nothing. out is what is said about
 * the move: "Raised one step: Internet exposure of inference-api is internet."
 */
static rd_status move_severity_text(const struct derivation *d, struct draft *t, struct rd_buf *out)
{
    const struct rd_expr *expr[2] = { t->e.code->raise, t->e.code->lower };
    static const char *const verb[2] = { "Raised", "Lowered" };
    int level = (int)t->e.code->rule.severity;
    bool moves[2] = { false, false };
    struct rd_evaluation e[2] = { { .code = t->e.code, .at = t->e.at },
        { .code = t->e.code, .at = t->e.at } };

    for (int i = 0; i < 2; i++) {
        enum rd_tri truth = RD_NO;
        const rd_status st = expr[i] ? rd_evaluate(&e[i], expr[i], &truth, d->err) : RD_OK;

        if (st)
            return st;
        moves[i] = truth == RD_YES;
    }
    rd_buf_puts(out, t->e.code->rule.severity_why);
    for (int i = 0; i < 2; i++) {
        const int to = level + (i == 0 ? 1 : -1);

        if (!moves[i] || moves[1 - i] || to < RD_SEVERITY_LOW || to > RD_SEVERITY_CRITICAL)
            continue;
        level = to;
        rd_buf_printf(out, " %s one step:", verb[i]);
        for (size_t k = 0; k < e[i].n; k++) {
            struct rd_fact fact;
            rd_status st;

            if (rd_evaluation_fact(&e[i], &e[i].item[k], d->arena, &fact, NULL))
                return no_memory(d);
            rd_buf_printf(out, "%s %s is %s", k ? "," : "", fact.what, fact.value);
            st = add_fact(d, t, fact);
            if (st)
                return st;
        }
        rd_buf_puts(out, ".");
        break;
    }
    t->out->severity = (enum rd_severity)level;
    return RD_OK;
}

static rd_status move_severity(const struct derivation *d, struct draft *t)
{
    struct rd_buf why = { 0 };
    rd_status st = move_severity_text(d, t, &why);

    if (!st) {
        t->out->severity_why = rd_arena_strdup(d->arena, rd_buf_text(&why));
        if (why.failed || !t->out->severity_why)
            st = no_memory(d);
    }
    rd_buf_release(&why);
    return st;
}

/* The controls of the catalog for this threat. */
static rd_status say_controls(const struct derivation *d, struct draft *t)
{
    const struct rd_rule *rule = &t->e.code->rule;
    const char *here = rd_evaluation_here(&t->e);
    struct rd_buf text = { 0 };

    if (t->out->mitigated_by) {
        rd_buf_printf(&text, "it is gone as long as control %s is active", t->out->mitigated_by);
        rd_strings_add(&t->goes_away, rd_buf_text(&text));
    } else if (rule->n_proved_by && rule->n_removed_by) {
        rd_buf_puts(&text, "a re-test that does not succeed while a control is active (");
        for (size_t i = 0; i < rule->n_removed_by; i++)
            rd_buf_printf(&text, "%s%s", i ? ", " : "", rule->removed_by[i]);
        rd_buf_puts(&text, ")");
        rd_strings_add(&t->goes_away, rd_buf_text(&text));
    } else {
        for (size_t i = 0; i < rule->n_removed_by; i++) {
            if (names_control(t->e.code, rule->removed_by[i]))
                continue;
            text.len = 0;
            rd_buf_printf(&text, "an active control %s at %s: %s", rule->removed_by[i], here,
                control_title(d, rule->removed_by[i]));
            rd_strings_add(&t->goes_away, rd_buf_text(&text));
        }
    }
    if (text.failed)
        t->goes_away.failed = true;
    rd_buf_release(&text);
    return t->goes_away.failed ? no_memory(d) : RD_OK;
}

enum { REMEDIES_MAX = 5, CHANGES_LEAST = 2 };

/* Behind the controls what else would do, five in all: nobody weighs more. Where there are many
 * controls the best two changes have their place too. */
static rd_status say_changes(const struct derivation *d, struct draft *t)
{
    struct rd_strings changes = { .arena = d->arena };
    const rd_status st = rd_remedy_changes(&t->e, &changes, d->err);
    const size_t least = changes.n < CHANGES_LEAST ? changes.n : CHANGES_LEAST;

    if (st)
        return st;
    if (t->goes_away.n > REMEDIES_MAX - least)
        t->goes_away.n = REMEDIES_MAX - least;
    for (size_t i = 0; i < changes.n && t->goes_away.n < REMEDIES_MAX; i++)
        rd_strings_add(&t->goes_away, changes.item[i]);
    return t->goes_away.failed ? no_memory(d) : RD_OK;
}

/*
 * Everything about one rule at one place. *keep_out is false when it does not apply; the rest is
 * then only filled in when `all`.
 */
static rd_status derive_one(const struct derivation *d, const struct rd_rule *rule, int element,
    int flow, bool all, struct rd_threat *out, bool *keep_out)
{
    const struct rd_rule_code *code = rd_rule_code_of(rule);
    struct draft t = { .e = { .code = code,
                           .at = { .where = d->where, .element = element, .flow = flow } },
        .out = out,
        .missing = { .arena = d->arena },
        .goes_away = { .arena = d->arena } };
    enum rd_tri truth, bare = RD_NO;
    size_t n_looked;
    rd_status st;
    int control;

    *out = (struct rd_threat){ .rule = rule, .element = element, .flow = flow };
    st = rd_evaluate(&t.e, code->when, &truth, d->err);
    n_looked = t.e.n;
    if (!st && truth == RD_NO)
        st = blame_controls(d, &t, &bare);
    if (st)
        return st;
    *keep_out = truth != RD_NO || bare != RD_NO;
    if (!*keep_out && !all)
        return RD_OK;
    out->applicability = truth == RD_YES       ? RD_APPLIES_YES
                         : truth == RD_UNKNOWN ? RD_APPLIES_UNKNOWN
                         : bare != RD_NO       ? RD_APPLIES_MITIGATED
                                               : RD_APPLIES_NO;
    for (size_t i = 0; !st && i < n_looked; i++) {
        const char *seen_control = NULL;

        st = add_item(d, &t, &t.e.item[i], &seen_control);
        if (out->applicability == RD_APPLIES_MITIGATED && !out->mitigated_by)
            out->mitigated_by = seen_control;
    }
    control = truth != RD_NO && !rule->n_proved_by ? removing_control(d, &t) : RD_NONE;
    if (control != RD_NONE) {
        out->applicability = RD_APPLIES_MITIGATED;
        out->mitigated_by = d->system->controls[control].id;
    }
    if (!st)
        st = add_controls(d, &t);
    if (!st && out->applicability == RD_APPLIES_UNKNOWN)
        st = rd_remedy_missing(&t.e, &t.missing, d->err);
    if (!st)
        st = move_severity(d, &t);
    if (!st && out->applicability != RD_APPLIES_NO)
        st = say_controls(d, &t);
    if (!st && truth != RD_NO && out->applicability != RD_APPLIES_MITIGATED)
        st = say_changes(d, &t);
    out->id = rd_arena_printf(d->arena, "%s@%s", rule->id, rd_evaluation_here(&t.e));
    if (!st && !out->id)
        st = no_memory(d);
    out->facts = t.fact;
    out->n_facts = t.n_facts;
    out->missing = t.missing.item;
    out->n_missing = t.missing.n;
    out->goes_away = t.goes_away.item;
    out->n_goes_away = t.goes_away.n;
    return st;
}

static int rank(enum rd_applicability a)
{
    static const int ranks[] = { [RD_APPLIES_YES] = 0,
        [RD_APPLIES_UNKNOWN] = 1,
        [RD_APPLIES_MITIGATED] = 2,
        [RD_APPLIES_NO] = 3 };

    return ranks[a];
}

static int by_rank(const void *a, const void *b)
{
    const struct rd_threat *p = a, *q = b;

    if (p->applicability != q->applicability)
        return rank(p->applicability) - rank(q->applicability);
    if (p->severity != q->severity)
        return (int)q->severity - (int)p->severity;
    /* Of two that weigh the same, the one that does so by itself, then the one that can be tried.
     */
    if (p->rule->severity != q->rule->severity)
        return (int)q->rule->severity - (int)p->rule->severity;
    if (!p->rule->n_proved_by != !q->rule->n_proved_by)
        return p->rule->n_proved_by ? -1 : 1;
    return strcmp(p->id, q->id);
}

static int by_threat_id(const void *a, const void *b)
{
    return strcmp((*(struct rd_threat *const *)a)->id, (*(struct rd_threat *const *)b)->id);
}

static int find_threat_id(const void *key, const void *entry)
{
    return strcmp(key, (*(struct rd_threat *const *)entry)->id);
}

/* What people decided, beside the threats it is about, while it holds. Where two entries name one
 * threat, the last holds. */
static rd_status link_decisions(const struct derivation *d, struct rd_threat *threat, size_t n)
{
    struct rd_threat **sorted;

    if (!n || !d->system->n_decisions)
        return RD_OK;
    sorted = RD_NEW_ARRAY(d->arena, struct rd_threat *, n);
    if (!sorted)
        return no_memory(d);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &threat[i];
    qsort(sorted, n, sizeof(void *), by_threat_id);
    for (size_t i = 0; i < d->system->n_decisions; i++) {
        const struct rd_decision *decision = &d->system->decisions[i];
        struct rd_threat **hit =
            bsearch(decision->threat, sorted, n, sizeof(void *), find_threat_id);

        if (hit && !rd_decision_expired(d->system, decision))
            (*hit)->decision = decision;
    }
    return RD_OK;
}

struct growing {
    struct rd_threat *item;
    size_t n, cap;
};

static rd_status keep(const struct derivation *d, struct growing *g, const struct rd_threat *threat)
{
    if (g->n == THREATS_MAX)
        return RD_FAIL(d->err, RD_E_LIMIT,
            "more than %d threats: describe the system in larger parts", THREATS_MAX);
    if (g->n == g->cap) {
        const size_t cap = g->cap ? 2 * g->cap : 64;
        struct rd_threat *grown = RD_NEW_ARRAY(d->arena, struct rd_threat, cap);

        if (!grown)
            return no_memory(d);
        if (g->n)
            memcpy(grown, g->item, g->n * sizeof *grown);
        g->item = grown;
        g->cap = cap;
    }
    g->item[g->n++] = *threat;
    return RD_OK;
}

rd_status rd_threats_derive(const struct rd_rules *rules, const struct rd_system *system,
    struct rd_arena *arena, struct rd_threats *threats_out, struct rd_error *err)
{
    struct derivation d = { .rules = rules, .system = system, .arena = arena, .err = err };
    struct growing g = { 0 };
    rd_status st = rd_where_build(system, arena, &d.where, err);

    for (size_t r = 0; !st && r < rules->n; r++) {
        const struct rd_rule *rule = rules->item[r];
        struct rd_threat threat;
        bool kept = false;

        for (size_t i = 0; !st && i < system->n_elements; i++) {
            if (!rd_rule_applies_to(rule, system->elements[i].type))
                continue;
            st = derive_one(&d, rule, (int)i, RD_NONE, false, &threat, &kept);
            if (!st && kept)
                st = keep(&d, &g, &threat);
        }
        for (size_t i = 0; !st && rd_rule_applies_to(rule, NULL) && i < system->n_flows; i++) {
            st = derive_one(&d, rule, RD_NONE, (int)i, false, &threat, &kept);
            if (!st && kept)
                st = keep(&d, &g, &threat);
        }
    }
    if (st)
        return st;
    if (g.n)
        qsort(g.item, g.n, sizeof *g.item, by_rank);
    st = link_decisions(&d, g.item, g.n);
    if (!st)
        *threats_out = (struct rd_threats){ g.item, g.n };
    return st;
}

rd_status rd_threat_derive_one(const struct rd_rules *rules, const struct rd_rule *rule,
    const struct rd_system *system, int element, int flow, struct rd_arena *arena,
    struct rd_threat *threat_out, struct rd_error *err)
{
    struct derivation d = { .rules = rules, .system = system, .arena = arena, .err = err };
    bool kept;
    rd_status st;

    if (!rd_rule_applies_to(rule, element != RD_NONE ? system->elements[element].type : NULL))
        return RD_FAIL(err, RD_E_USAGE, "rule '%s' does not look at %s", rule->id,
            element != RD_NONE ? system->elements[element].type->name : "flows");
    st = rd_where_build(system, arena, &d.where, err);
    if (!st)
        st = derive_one(&d, rule, element, flow, true, threat_out, &kept);
    if (!st)
        st = link_decisions(&d, threat_out, 1);
    return st;
}

const struct rd_threat *rd_threat_find(const struct rd_threats *threats, const char *id)
{
    for (size_t i = 0; i < threats->n; i++)
        if (!strcmp(threats->item[i].id, id))
            return &threats->item[i];
    return NULL;
}
