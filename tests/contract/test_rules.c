/*
 * Promises of every rule of the catalog: silent on an empty system, fires on its vulnerable twin,
 * silent on its guarded twin, stable order, every threat has facts and a remedy, a criterion where
 * an attack proves it and only there, and unknown when nobody has filled in what decides.
 */
#include "support.h"

#include "rules/rule.h"
#include "rules/taxonomy.h"

#include <redoubt/attack.h>
#include <redoubt/defense.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct rd_arena arena;
static struct rd_rules rules;

static void must(rd_status st, const struct rd_error *err)
{
    if (st) {
        print_error("%s %s\n", err->frame[0].text, err->hint);
        fail();
    }
}

static int load(void **state)
{
    struct rd_error err = { 0 };

    (void)state;
    if (!rd_rules_load(&arena, &rules, &err))
        return 0;
    print_error("%s\n", err.frame[0].text);
    return -1;
}
static int unload(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static struct rd_threats derive(const struct rd_rules *which, const struct rd_system *system)
{
    struct rd_threats threats = { 0 };
    struct rd_error err = { 0 };

    must(rd_threats_derive(which, system, &arena, &threats, &err), &err);
    return threats;
}
static struct rd_system *twin(const struct rd_rule *rule, enum rd_twin which)
{
    struct rd_system *system = NULL;
    struct rd_error err = { 0 };

    must(rd_rule_twin(&rules, rule, which, &arena, &system, &err), &err);
    return system;
}

static void the_rules_that_others_count_on_are_there(void **state)
{
    static const char *const ids[] = { "attribute-inference", "code-on-load", "costly-queries",
        "drift-unseen", "evasion", "membership-inference", "missing-logs", "model-extraction",
        "model-inversion", "poisoned-crowd-data", "profile-injection", "score-leak",
        "single-point-of-failure", "training-egress", "unauthenticated-upload",
        "unsigned-artifact" };

    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (!rd_rule_find(&rules, ids[i])) {
            print_error("no rule '%s'\n", ids[i]);
            fail();
        }
    for (size_t i = 1; i < rules.n; i++)
        assert_true(strcmp(rules.item[i - 1]->id, rules.item[i]->id) < 0);
}

static void each_is_silent_on_an_empty_system(void **state)
{
    static const char text[] = "version: 1\n";
    const struct rd_system_options options = { .fragment = true };
    struct rd_system *system;
    struct rd_error err = { 0 };

    (void)state;
    must(rd_system_parse(
             "empty", NULL, text, sizeof text - 1, &options, &arena, &system, NULL, &err),
        &err);
    assert_int_equal(derive(&rules, system).n, 0);
}

static void each_fires_on_its_vulnerable_twin_and_not_on_the_guarded(void **state)
{
    (void)state;
    for (size_t r = 0; r < rules.n; r++) {
        struct rd_error err = { 0 };

        must(rd_rule_self_test(&rules, rules.item[r], &err), &err);
    }
}

/* Not only a property that is missing: the twins differ in what is known. */
static void each_knows_everything_about_its_vulnerable_twin(void **state)
{
    (void)state;
    for (size_t r = 0; r < rules.n; r++) {
        const struct rd_rules only = { &rules.item[r], 1, rules.taxonomies };
        const struct rd_threats t = derive(&only, twin(rules.item[r], RD_TWIN_VULNERABLE));

        assert_true(t.n >= 1);
        for (size_t i = 0; i < t.n; i++)
            assert_int_equal(t.item[i].applicability, RD_APPLIES_YES);
    }
}

static void order_is_the_same_every_time_and_as_promised(void **state)
{
    static const int rank[] = {
        [RD_APPLIES_YES] = 0, [RD_APPLIES_UNKNOWN] = 1, [RD_APPLIES_MITIGATED] = 2
    };

    (void)state;
    for (size_t r = 0; r < rules.n; r++) {
        const struct rd_system *system = twin(rules.item[r], RD_TWIN_VULNERABLE);
        const struct rd_threats a = derive(&rules, system), b = derive(&rules, system);

        assert_int_equal(a.n, b.n);
        for (size_t i = 0; i < a.n; i++) {
            assert_string_equal(a.item[i].id, b.item[i].id);
            if (i) {
                const struct rd_threat *p = &a.item[i - 1], *q = &a.item[i];
                /* What weighs most, most significant first; negative: p stands rightly first. */
                const int by[] = { rank[p->applicability] - rank[q->applicability],
                    (int)q->severity - (int)p->severity,
                    (int)q->rule->severity - (int)p->rule->severity,
                    (q->rule->n_proved_by > 0) - (p->rule->n_proved_by > 0), strcmp(p->id, q->id) };
                size_t k = 0;

                while (k < 4 && !by[k])
                    k++;
                assert_true(by[k] < 0);
            }
        }
    }
}

static void every_threat_has_facts_and_a_remedy(void **state)
{
    (void)state;
    for (size_t r = 0; r < rules.n; r++)
        for (int which = 0; which < 2; which++) {
            const struct rd_threats t = derive(&rules, twin(rules.item[r], (enum rd_twin)which));

            for (size_t i = 0; i < t.n; i++) {
                const struct rd_threat *x = &t.item[i];

                assert_true(x->n_facts > 0);
                assert_in_range(x->n_goes_away, 1, 5);
                assert_true(x->rule->n_mitigations > 0);
                assert_true(*x->severity_why != '\0');
                assert_true((x->n_missing > 0) == (x->applicability == RD_APPLIES_UNKNOWN));
                assert_true(
                    (x->mitigated_by != NULL) == (x->applicability == RD_APPLIES_MITIGATED));
                for (size_t k = 0; k < x->n_facts; k++)
                    assert_true(*x->facts[k].what && *x->facts[k].value);
            }
        }
}

/* Doing what a remedy says must work: change the property as told and the threat is gone. */
static void a_remedy_that_names_a_property_works(void **state)
{
    size_t tried = 0;

    (void)state;
    for (size_t r = 0; r < rules.n; r++) {
        const struct rd_rules only = { &rules.item[r], 1, rules.taxonomies };
        struct rd_system *system = twin(rules.item[r], RD_TWIN_VULNERABLE);
        const struct rd_threats t = derive(&only, system);

        for (size_t i = 0; i < t.item[0].n_goes_away; i++) {
            const char *text = t.item[0].goes_away[i], *dot = strchr(text, '.'),
                       *is = strstr(text, " is ");
            struct rd_element *e;
            struct rd_setting *set;
            char name[64], word[64];

            if (t.item[0].element == RD_NONE || !dot || !is || is < dot || strstr(text, ", and ") ||
                sscanf(dot + 1, "%63[a-z_] is %63[a-z-]", name, word) != 2)
                continue;
            e = (struct rd_element *)&system->elements[t.item[0].element];
            set = RD_NEW_ARRAY(&arena, struct rd_setting, e->properties.n + 1);
            set[0] = (struct rd_setting){ .name = rd_arena_strdup(&arena, name),
                .value = rd_arena_strdup(&arena, word) };
            for (size_t k = 0; k < e->properties.n; k++)
                if (strcmp(e->properties.item[k].name, name) != 0)
                    set[1 + k] = e->properties.item[k];
                else
                    set[1 + k] = set[0];
            e->properties = (struct rd_settings){ set, e->properties.n + 1 };
            assert_int_equal(derive(&only, system).n, 0);
            tried++;
            break;
        }
    }
    assert_true(tried >= 8);
}

/* The same system with every property taken away: never yes, unless the shape of the system alone
 * decides. */
static void without_properties_the_answer_is_unknown(void **state)
{
    (void)state;
    for (size_t r = 0; r < rules.n; r++) {
        const struct rd_rule_code *code = rd_rule_code_of(rules.item[r]);
        const struct rd_rules only = { &rules.item[r], 1, rules.taxonomies };
        struct rd_system *system = twin(rules.item[r], RD_TWIN_VULNERABLE);
        const bool shape_alone = code->n_names == 0 || strcmp(rules.item[r]->id, "evasion") == 0 ||
                                 strcmp(rules.item[r]->id, "model-extraction") == 0;
        struct rd_threats t;

        for (size_t i = 0; i < system->n_elements; i++)
            ((struct rd_element *)&system->elements[i])->properties =
                (struct rd_settings){ NULL, 0 };
        t = derive(&only, system);
        assert_true(t.n >= 1);
        for (size_t i = 0; i < t.n; i++) {
            if (t.item[i].flow != RD_NONE) /* what a flow says of itself is still there */
                continue;
            if (shape_alone && t.item[i].applicability == RD_APPLIES_YES)
                continue;
            if (t.item[i].applicability != RD_APPLIES_UNKNOWN) {
                print_error(
                    "%s: %s\n", t.item[i].id, rd_applicability_name(t.item[i].applicability));
                fail();
            }
            assert_true(t.item[i].n_missing > 0);
            for (size_t k = 0; k < t.item[i].n_missing; k++) {
                const char *dot = strchr(t.item[i].missing[k], '.');
                char id[65];
                int e;

                assert_non_null(dot);
                (void)snprintf(
                    id, sizeof id, "%.*s", (int)(dot - t.item[i].missing[k]), t.item[i].missing[k]);
                e = rd_system_element(system, id);
                assert_true(e != RD_NONE);
                /* It can be filled in: the type has such a property. */
                assert_non_null(rd_property_type_find(system->elements[e].type, dot + 1));
            }
        }
    }
}

static void a_criterion_stands_where_an_attack_proves_and_only_there(void **state)
{
    (void)state;
    for (size_t r = 0; r < rules.n; r++)
        assert_true((rules.item[r]->n_proved_by > 0) == !isnan(rules.item[r]->criterion));
    assert_true(rd_rule_find(&rules, "evasion")->n_proved_by > 0);
    assert_true(rd_rule_find(&rules, "model-extraction")->n_proved_by > 0);
}

static void attacks_named_exist_and_take_the_settings(void **state)
{
    (void)state;
    for (size_t r = 0; r < rules.n; r++) {
        const struct rd_rule *rule = rules.item[r];

        for (size_t a = 0; a < rule->n_proved_by; a++) {
            const struct rd_attack *attack = rd_attack_find(rule->proved_by[a]);
            void *values;
            struct rd_error err = { 0 };

            if (!attack) {
                print_error("%s: no attack '%s'\n", rule->id, rule->proved_by[a]);
                fail();
            }
            if (a) /* the settings are those of the first */
                continue;
            values = rd_arena_alloc(&arena, 1, attack->options_size);
            must(rd_options_reset(attack->options, values, &err), &err);
            for (size_t i = 0; i < rule->n_prove_with; i++)
                must(rd_options_set(attack->options, values, rule->prove_with[i].name,
                         rule->prove_with[i].value, &err),
                    &err);
        }
    }
}

static void attacks_refer_to_current_ids(void **state)
{
    (void)state;
    for (size_t i = 0; rd_attacks[i]; i++) {
        const struct rd_taxonomy_row *row;
        struct rd_error err = { 0 };

        must(rd_taxonomy_check(rules.taxonomies, rd_attacks[i]->name, "MITRE ATLAS", "2026.09",
                 rd_attacks[i]->atlas, &row, &err),
            &err);
    }
}

static void every_defense_is_a_control_the_rules_know(void **state)
{
    (void)state;
    for (size_t i = 0; rd_defenses[i]; i++)
        if (!rd_taxonomy_find(rules.taxonomies, "Redoubt controls", NULL, rd_defenses[i]->name)) {
            print_error("'%s' is not in catalog/taxonomies/controls.csv\n", rd_defenses[i]->name);
            fail();
        }
}

/* Each stage of a model's life has something that prevents, something that notices, and something
 * to do when it happened. */
static void every_stage_has_controls_that_prevent_detect_and_respond(void **state)
{
    (void)state;
    for (size_t s = 0; rd_stages[s]; s++)
        for (size_t a = 0; rd_control_acts[a]; a++) {
            size_t n = 0;

            for (size_t i = 0; i < rules.taxonomies->n_controls; i++)
                n += !strcmp(rules.taxonomies->control[i].stage, rd_stages[s]) &&
                     !strcmp(rules.taxonomies->control[i].acts, rd_control_acts[a]);
            if (!n) {
                print_error("nothing at stage %s %ss\n", rd_stages[s], rd_control_acts[a]);
                fail();
            }
        }
}

static void a_kind_is_found_by_its_name(void **state)
{
    const struct rd_control_kind *quota = rd_control_kind_find(&rules, "quota"),
                                 *playbook = rd_control_kind_find(&rules, "incident-playbook");

    (void)state;
    assert_non_null(quota);
    assert_string_equal(quota->stage, "inference");
    assert_string_equal(quota->acts, "prevent");
    assert_non_null(playbook);
    assert_string_equal(playbook->acts, "respond");
    assert_null(rd_control_kind_find(&rules, "quotas"));
    assert_null(rd_control_kind_find(&rules, ""));
    for (size_t i = 0; i < rules.taxonomies->n_controls; i++) {
        const struct rd_control_kind *k = &rules.taxonomies->control[i];

        assert_ptr_equal(rd_control_kind_find(&rules, k->id), k);
    }
}

static void each_names_a_technique_of_atlas(void **state)
{
    (void)state;
    for (size_t r = 0; r < rules.n; r++) {
        bool atlas = false;

        for (size_t i = 0; i < rules.item[r]->n_references; i++)
            atlas |= strncmp(rules.item[r]->references[i].id, "AML.T", 5) == 0;
        assert_true(atlas);
        assert_true(rules.item[r]->n_cwe > 0);
        assert_true(rules.item[r]->n_removed_by > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rules_that_others_count_on_are_there),
        cmocka_unit_test(each_is_silent_on_an_empty_system),
        cmocka_unit_test(each_fires_on_its_vulnerable_twin_and_not_on_the_guarded),
        cmocka_unit_test(each_knows_everything_about_its_vulnerable_twin),
        cmocka_unit_test(order_is_the_same_every_time_and_as_promised),
        cmocka_unit_test(every_threat_has_facts_and_a_remedy),
        cmocka_unit_test(a_remedy_that_names_a_property_works),
        cmocka_unit_test(without_properties_the_answer_is_unknown),
        cmocka_unit_test(a_criterion_stands_where_an_attack_proves_and_only_there),
        cmocka_unit_test(attacks_named_exist_and_take_the_settings),
        cmocka_unit_test(attacks_refer_to_current_ids),
        cmocka_unit_test(every_defense_is_a_control_the_rules_know),
        cmocka_unit_test(every_stage_has_controls_that_prevent_detect_and_respond),
        cmocka_unit_test(a_kind_is_found_by_its_name),
        cmocka_unit_test(each_names_a_technique_of_atlas),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
