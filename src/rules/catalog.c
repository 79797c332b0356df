/* catalog.c - all rules, their vocabulary, and their own tests. */
#include "rules/rule.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { RULES_MAX = 2000 };

extern const struct rd_embedded rd_catalog[]; /* catalog/, by rd_embed */

static bool is_rule(const char *name)
{
    return !strncmp(name, "rules/", 6);
}

static int by_id(const void *a, const void *b)
{
    const struct rd_rule *const *p = a, *const *q = b;

    return strcmp((*p)->id, (*q)->id);
}

rd_status rd_rules_load_from(const struct rd_embedded *catalog, struct rd_arena *arena,
    struct rd_rules *rules_out, struct rd_error *err)
{
    struct rd_taxonomies *taxonomies = RD_NEW(arena, struct rd_taxonomies);
    const struct rd_rule **item;
    size_t room = 0, n = 0;
    rd_status st;

    if (!taxonomies)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the rules");
    st = rd_taxonomies_read(catalog, arena, taxonomies, err);
    if (st)
        return st;
    for (const struct rd_embedded *f = catalog; f->name; f++)
        room += is_rule(f->name);
    if (room > RULES_MAX)
        return RD_FAIL(
            err, RD_E_LIMIT, "the catalog has %zu rules; at most %d are read", room, RULES_MAX);
    item = RD_NEW_ARRAY(arena, const struct rd_rule *, room + 1);
    if (!item)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu rules", room);
    for (const struct rd_embedded *f = catalog; f->name; f++) {
        struct rd_rule_code *code;

        if (!is_rule(f->name))
            continue;
        st = rd_rule_read(f, taxonomies, arena, &code, err);
        if (st)
            return st;
        item[n++] = &code->rule;
    }
    qsort(item, n, sizeof(void *), by_id);
    for (size_t i = 1; i < n; i++)
        if (!strcmp(item[i - 1]->id, item[i]->id))
            return RD_FAIL(err, RD_E_INPUT, "two rules are called '%s'", item[i]->id);
    *rules_out = (struct rd_rules){ item, n, taxonomies };
    return RD_OK;
}

rd_status rd_rules_load(struct rd_arena *arena, struct rd_rules *rules_out, struct rd_error *err)
{
    return rd_rules_load_from(rd_catalog, arena, rules_out, err);
}

rd_status rd_rules_read_one(const struct rd_rules *known, const struct rd_embedded *file,
    struct rd_arena *arena, struct rd_rules *rules_out, struct rd_error *err)
{
    const struct rd_rule **item = RD_NEW_ARRAY(arena, const struct rd_rule *, 2);
    struct rd_rule_code *code;
    rd_status st;

    if (!item)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the rule %s", file->name);
    st = rd_rule_read(file, known->taxonomies, arena, &code, err);
    if (st)
        return st;
    item[0] = &code->rule;
    *rules_out = (struct rd_rules){ item, 1, known->taxonomies };
    return RD_OK;
}

const struct rd_rule *rd_rule_find(const struct rd_rules *rules, const char *id)
{
    for (size_t i = 0; i < rules->n; i++)
        if (!strcmp(rules->item[i]->id, id))
            return rules->item[i];
    return NULL;
}

const char *const *rd_rules_ids(const struct rd_rules *rules, struct rd_arena *arena)
{
    const char **ids = RD_NEW_ARRAY(arena, const char *, rules->n + 1);

    for (size_t i = 0; ids && i < rules->n; i++)
        ids[i] = rules->item[i]->id;
    return ids;
}

const char *const *rd_rules_control_kinds(const struct rd_rules *rules, struct rd_arena *arena)
{
    const struct rd_taxonomies *t = rules->taxonomies;
    const char **kinds = RD_NEW_ARRAY(arena, const char *, t->n_controls + 1);

    for (size_t i = 0; kinds && i < t->n_controls; i++)
        kinds[i] = t->control[i].id;
    return kinds;
}

static int kind_by_id(const void *key, const void *entry)
{
    return strcmp(key, ((const struct rd_control_kind *)entry)->id);
}

const struct rd_control_kind *rd_control_kind_find(const struct rd_rules *rules, const char *kind)
{
    const struct rd_taxonomies *t = rules->taxonomies;

    return bsearch(kind, t->control, t->n_controls, sizeof *t->control, kind_by_id);
}

bool rd_rule_is_removed_by(const struct rd_rule *rule, const char *kind)
{
    for (size_t i = 0; i < rule->n_removed_by; i++)
        if (!strcmp(rule->removed_by[i], kind))
            return true;
    return false;
}

bool rd_rule_applies_to(const struct rd_rule *rule, const struct rd_element_type *type)
{
    for (size_t i = 0; i < rule->n_applies_to; i++)
        if (!strcmp(rule->applies_to[i], type ? type->name : "flow"))
            return true;
    return false;
}

rd_status rd_rule_twin(const struct rd_rules *rules, const struct rd_rule *rule, enum rd_twin twin,
    struct rd_arena *arena, struct rd_system **system_out, struct rd_error *err)
{
    const struct rd_rule_code *code = rd_rule_code_of(rule);
    const struct rd_system_options options = {
        .fragment = true,
        .control_kinds = rd_rules_control_kinds(rules, arena),
        .rule_ids = rd_rules_ids(rules, arena),
    };
    struct rd_problems problems = { 0 };
    rd_status st;

    if (!options.control_kinds || !options.rule_ids)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the tests of rule '%s'", rule->id);
    /* NULL folder: nothing on disk is looked at. */
    st = rd_system_read_doc(
        code->file, NULL, code->twin[twin], &options, arena, system_out, &problems, err);
    return st ? RD_WRAP(err, st, "%s test of rule '%s'", twin ? "guarded" : "vulnerable", rule->id)
              : RD_OK;
}

rd_status rd_rule_self_test(
    const struct rd_rules *rules, const struct rd_rule *rule, struct rd_error *err)
{
    struct rd_arena arena = RD_ARENA_INIT;
    const struct rd_rules only = { &rule, 1, rules->taxonomies };
    rd_status st = RD_OK;

    for (int twin = 0; !st && twin < 2; twin++) {
        struct rd_threats threats = { 0 };
        struct rd_system *system;
        bool applies = false;

        st = rd_rule_twin(rules, rule, (enum rd_twin)twin, &arena, &system, err);
        if (!st)
            st = rd_threats_derive(&only, system, &arena, &threats, err);
        for (size_t i = 0; !st && i < threats.n; i++) {
            applies |= threats.item[i].applicability == RD_APPLIES_YES;
            if (twin == RD_TWIN_GUARDED && threats.item[i].applicability != RD_APPLIES_MITIGATED)
                st = RD_FAIL(err, RD_E_INPUT, "%s: tests.guarded: the rule still applies (%s: %s)",
                    rd_rule_code_of(rule)->file, threats.item[i].id,
                    rd_applicability_name(threats.item[i].applicability));
        }
        if (!st && twin == RD_TWIN_VULNERABLE && !applies)
            st = RD_FAIL(err, RD_E_INPUT, "%s: tests.vulnerable: the rule does not apply",
                rd_rule_code_of(rule)->file);
    }
    rd_arena_release(&arena);
    return st;
}
