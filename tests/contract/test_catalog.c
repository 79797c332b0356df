/*
 * Promises of the catalog as a whole: what it covers, what it may read, and that it says neither
 * too much (40 threats on a template) nor anything where all is well.
 */
#include "support.h"

#include "base/file.h"
#include "rules/rule.h"
#include "rules/taxonomy.h"

#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX = 1 << 20, THREATS_SHOWN_MAX = 40 };

static struct rd_arena arena;
static struct rd_rules rules;

static int load(void **state)
{
    struct rd_error err = { 0 };

    (void)state;
    return rd_rules_load(&arena, &rules, &err) ? -1 : 0;
}
static int unload(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

/* A system as in the source tree; what `init` fills in is filled in. */
static struct rd_system *read_system(const char *path)
{
    const struct rd_system_options options = { .allow_outside = true };
    struct rd_problems problems = { 0 };
    struct rd_error err = { 0 };
    struct rd_system *system = NULL;
    struct rd_bytes bytes;
    char *text;

    if (rd_file_read(path, FILE_MAX, &arena, &bytes, &err)) {
        print_error("%s\n", err.frame[0].text);
        fail();
    }
    text = rd_arena_strdup(&arena, (const char *)bytes.data);
    for (char *p = strstr(text, "${"); p; p = strstr(p, "${")) {
        char *end = strchr(p, '}');

        assert_non_null(end);
        memset(p, ' ', (size_t)(end - p) + 1);
        *p = '1';
    }
    if (rd_system_parse(
            path, NULL, text, strlen(text), &options, &arena, &system, &problems, &err)) {
        print_error("%s: %s\n", path, err.frames ? err.frame[0].text : "");
        fail();
    }
    return system;
}

static struct rd_threats derive(const struct rd_system *system)
{
    struct rd_threats threats = { 0 };
    struct rd_error err = { 0 };

    if (rd_threats_derive(&rules, system, &arena, &threats, &err)) {
        print_error("%s\n", err.frame[0].text);
        fail();
    }
    return threats;
}

static void forty_rules_or_more(void **state)
{
    (void)state;
    assert_in_range(rules.n, 40, 80);
}

static void every_type_of_element_is_looked_at(void **state)
{
    (void)state;
    for (const struct rd_element_type *t = rd_element_types; t->name; t++) {
        size_t n = 0;

        for (size_t i = 0; i < rules.n; i++)
            n += rd_rule_applies_to(rules.item[i], t);
        if (!n) {
            print_error("no rule looks at a %s\n", t->name);
            fail();
        }
    }
}

/* STRIDE for machine learning, element by element: the letters that must have a rule. What is left
 * out is no threat to that element, or the same as one at its neighbor. */
static void the_letters_that_matter_have_a_rule(void **state)
{
    static const char *const need[][2] = { { "annotator", "SR" }, { "end-user", "SR" },
        { "supplier", "SR" }, { "ingestion-api", "STRD" }, { "labeling-tool", "STR" },
        { "data-store", "TRID" }, { "training-data", "TRID" }, { "feature-store", "TRID" },
        { "data-pipeline", "RIDE" }, { "training-job", "TRIE" }, { "notebook", "SIE" },
        { "pretrained-model", "TE" }, { "model-registry", "TRIDE" }, { "model-artifact", "TIDE" },
        { "ci-pipeline", "TRIE" }, { "inference-api", "STRIDE" }, { "batch-inference", "TRIDE" },
        { "edge-device", "STRIDE" }, { "gateway", "SR" }, { "downstream-system", "TD" },
        { "monitoring", "TR" }, { "log-store", "TRI" }, { "vector-store", "TRI" },
        { "llm", "STRIDE" }, { "llm-application", "STRIDE" }, { "agent", "TRIDE" },
        { "agent-tool", "TRIE" }, { "flow", "STI" } };

    (void)state;
    for (size_t k = 0; k < sizeof need / sizeof *need; k++) {
        const struct rd_element_type *type = rd_element_type_find(need[k][0]);

        assert_true(type || !strcmp(need[k][0], "flow"));
        for (const char *letter = need[k][1]; *letter; letter++) {
            bool found = false;

            for (size_t i = 0; i < rules.n; i++)
                found |= rd_rule_applies_to(rules.item[i], type) &&
                         strchr(rules.item[i]->stride, *letter);
            if (!found) {
                print_error("no rule for %c at a %s\n", *letter, need[k][0]);
                fail();
            }
        }
    }
}

/* Printed, so that a reader of the log sees it: which rules refer to which technique of ATLAS. */
static void the_techniques_are_covered(void **state)
{
    static const char *const must[] = { "AML.T0010.001", "AML.T0010.002", "AML.T0010.003",
        "AML.T0011.000", "AML.T0011.001", "AML.T0015", "AML.T0018.000", "AML.T0018.002",
        "AML.T0020", "AML.T0021", "AML.T0024.000", "AML.T0024.001", "AML.T0024.002", "AML.T0025",
        "AML.T0029", "AML.T0031", "AML.T0034.000", "AML.T0035", "AML.T0037", "AML.T0040",
        "AML.T0043.000", "AML.T0043.001", "AML.T0043.002", "AML.T0043.004", "AML.T0044",
        "AML.T0048.004", "AML.T0049", "AML.T0051.000", "AML.T0053", "AML.T0055", "AML.T0056",
        "AML.T0057", "AML.T0059", "AML.T0063", "AML.T0066", "AML.T0070", "AML.T0071", "AML.T0077",
        "AML.T0080.000", "AML.T0110.000", "AML.T0105", "AML.T0109", "AML.T0115.001" };
    size_t covered = 0, all = 0;

    (void)state;
    for (size_t r = 0; r < rules.taxonomies->n; r++) {
        const struct rd_taxonomy_row *row = &rules.taxonomies->row[r];
        bool any = false, needed = false;

        if (strcmp(row->list, "MITRE ATLAS") != 0 || !strstr(row->kind, "technique"))
            continue;
        all++;
        for (size_t i = 0; i < rules.n; i++)
            for (size_t k = 0; k < rules.item[i]->n_references; k++)
                if (!strcmp(rules.item[i]->references[k].id, row->id)) {
                    print_message("%s%s", any ? ", " : row->id, any ? "" : ": ");
                    print_message("%s", rules.item[i]->id);
                    any = true;
                }
        if (any)
            print_message("\n");
        covered += any;
        for (size_t i = 0; i < sizeof must / sizeof *must; i++)
            needed |= !strcmp(must[i], row->id);
        if (needed && !any) {
            print_error("no rule refers to %s (%s)\n", row->id, row->title);
            fail();
        }
    }
    print_message("%zu of %zu techniques\n", covered, all);
}

static bool is_property(const char *word)
{
    for (const struct rd_element_type *t = rd_element_types; t->name; t++)
        if (rd_property_type_find(t, word))
            return true;
    return false;
}

static bool twins_say(const struct rd_rule *rule, const char *name)
{
    for (int which = 0; which < 2; which++) {
        struct rd_system *system = NULL;
        struct rd_error err = { 0 };

        assert_int_equal(
            rd_rule_twin(&rules, rule, (enum rd_twin)which, &arena, &system, &err), RD_OK);
        for (size_t e = 0; e < system->n_elements; e++)
            if (rd_element_property(&system->elements[e], name))
                return true;
    }
    return false;
}

/* Do templates or examples say it of some element? */
static bool files_say(const char *name)
{
    static struct rd_system *system[16];
    static size_t n;

    if (!n) {
        glob_t found;

        assert_int_equal(glob("templates/*.yaml", 0, NULL, &found), 0);
        assert_int_equal(glob("examples/*/redoubt.yaml", GLOB_APPEND, NULL, &found), 0);
        assert_in_range(found.gl_pathc, 5, 16);
        for (size_t i = 0; i < found.gl_pathc; i++)
            system[n++] = read_system(found.gl_pathv[i]);
        globfree(&found);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t e = 0; e < system[i]->n_elements; e++)
            if (rd_element_property(&system[i]->elements[e], name))
                return true;
    return false;
}

/* A property that nobody but the rule's own tests ever says was made up for the rule. */
static void no_rule_reads_what_only_its_twins_say(void **state)
{
    size_t read = 0;

    (void)state;
    for (size_t r = 0; r < rules.n; r++)
        for (const char *p = rules.item[r]->when; *p;) {
            char word[64];
            size_t n = 0;
            bool said;

            while (*p && !isalpha((unsigned char)*p))
                p++;
            while (isalnum((unsigned char)*p) || *p == '_' || *p == '-') {
                if (n + 1 < sizeof word)
                    word[n++] = *p;
                p++;
            }
            word[n] = '\0';
            if (!n || !is_property(word))
                continue;
            read++;
            said = files_say(word);
            for (size_t k = 0; !said && k < rules.n; k++)
                said = k != r && twins_say(rules.item[k], word);
            if (!said) {
                print_error("%s reads '%s', which no template, example or other rule's test says\n",
                    rules.item[r]->id, word);
                fail();
            }
        }
    assert_true(read > 60);
}

static void templates_give_at_most_forty_threats(void **state)
{
    glob_t found;

    (void)state;
    assert_int_equal(glob("templates/*.yaml", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 3);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const struct rd_system *system = read_system(found.gl_pathv[i]);
        const struct rd_threats t = derive(system);

        print_message(
            "%s: %zu elements, %zu threats\n", found.gl_pathv[i], system->n_elements, t.n);
        assert_true(t.n >= 10); /* that it was read at all */
        assert_true(t.n <= THREATS_SHOWN_MAX);
    }
    globfree(&found);
}

/* The five that somebody who knows the field would name, whatever else is found. */
static void the_first_five_are_what_an_expert_would_name(void **state)
{
    static const struct {
        const char *path, *five[5];
    } lists[] = {
        { "templates/image-classifier.yaml",
            { "evasion@inference-api", "model-extraction@inference-api",
                "poisoned-crowd-data@training-data", "unauthenticated-upload@upload-api",
                "unsigned-artifact@registry" } },
        { "templates/fraud-api.yaml",
            { "evasion@authorization", "poisoned-crowd-data@training-data", "evasion@scoring-api",
                "model-extraction@authorization", "model-extraction@scoring-api" } },
        { "templates/recommender.yaml",
            { "evasion@recommend-api", "poisoned-crowd-data@training-data",
                "unauthenticated-upload@collector", "model-extraction@recommend-api",
                "profile-injection@feature-store" } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const struct rd_threats t = derive(read_system(lists[i].path));

        assert_true(t.n >= 5);
        for (size_t k = 0; k < 5; k++)
            assert_string_equal(t.item[k].id, lists[i].five[k]);
    }
}

/* Nothing that belongs to another kind of system, whatever was filled in: rules by name. */
static void has_none_of(const struct rd_threats *t, const char *path, const char *const *foreign)
{
    for (size_t i = 0; i < t->n; i++)
        for (const char *const *f = foreign; *f; f++)
            if (!strcmp(t->item[i].rule->id, *f)) {
                print_error("%s: %s is of another kind of system\n", path, t->item[i].id);
                fail();
            }
}

static size_t place_of(const struct rd_threats *t, const char *id)
{
    for (size_t i = 0; i < t->n; i++)
        if (!strcmp(t->item[i].id, id))
            return i + 1;
    return 0;
}

/* Systems that are no endpoint of pictures: the five that an expert would name first stand among
 * the top eight, and so they apply. */
static void other_kinds_of_systems_get_what_is_theirs(void **state)
{
    static const struct {
        const char *path, *five[5], *also[9], *foreign[16];
    } lists[] = {
        { "tests/fixtures/rules/credit-batch.yaml",
            { "evasion@scoring", "model-extraction@scoring", "unreviewed-decision@lending",
                "code-on-load@registry", "unapproved-promotion@registry" },
            { "membership-inference@scoring", "attribute-inference@scoring",
                "model-inversion@scoring", "tampered-features@features", "costly-queries@scoring",
                "resubmitted-cases@scoring", "score-leak@scoring", NULL },
            { "profile-injection", "stolen-from-device", "prompt-injection", "prompt-leak",
                "poisoned-retrieval", "unbounded-spending", "unchecked-answer", "recited-data",
                "excessive-agency", "bulk-profiling", "cross-tenant-answers", NULL } },
        { "tests/fixtures/rules/edge-camera.yaml",
            { "evasion@camera", "stolen-from-device@camera", "forged-flow@update",
                "poisoned-crowd-data@plates", "unsigned-artifact@package" },
            { "no-consent@plates", "spoofed-device@camera", "blinded-sensor@camera",
                "rolled-back-model@camera", "device-extraction@camera", NULL },
            { "profile-injection", "model-extraction", "score-leak", "bulk-profiling",
                "answer-shopping", "prompt-injection", "unbounded-spending", "costly-queries",
                "cross-tenant-answers", "tampered-features", NULL } },
        { "tests/fixtures/rules/rag-assistant.yaml",
            { "prompt-injection@assistant", "cross-tenant-answers@index",
                "poisoned-retrieval@index", "excessive-agency@helper",
                "unchecked-answer@assistant" },
            { "poisoned-memory@helper", "prompt-leak@assistant", "unbounded-spending@assistant",
                "missing-logs@language", "borrowed-rights@desk", "runaway-agent@helper", NULL },
            { "evasion", "model-extraction", "membership-inference", "attribute-inference",
                "model-inversion", "profile-injection", "stolen-from-device", "score-leak",
                "drift-unseen", "poisoned-crowd-data", "unreviewed-decision", "costly-queries",
                NULL } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct rd_system *system = read_system(lists[i].path);
        struct rd_threats t = derive(system);

        print_message("%s: %zu elements, %zu threats\n", lists[i].path, system->n_elements, t.n);
        assert_in_range(t.n, 8, THREATS_SHOWN_MAX);
        has_none_of(&t, lists[i].path, lists[i].foreign);
        for (size_t k = 0; k < 5; k++) {
            const size_t place = place_of(&t, lists[i].five[k]);

            if (place < 1 || place > 8) {
                print_error("%s stands at %zu\n", lists[i].five[k], place);
                fail();
            }
            assert_int_equal(t.item[place - 1].applicability, RD_APPLIES_YES);
        }
        for (const char *const *also = lists[i].also; *also; also++) {
            const size_t place = place_of(&t, *also);

            if (!place || t.item[place - 1].applicability != RD_APPLIES_YES) {
                print_error("%s does not apply\n", *also);
                fail();
            }
        }
        /* Somebody who fills in nothing but the parts and the flows. */
        for (size_t e = 0; e < system->n_elements; e++)
            ((struct rd_element *)&system->elements[e])->properties = (struct rd_settings){ 0 };
        t = derive(system);
        assert_in_range(t.n, 8, 5 * system->n_elements); /* then nearly every rule has to ask */
        has_none_of(&t, lists[i].path, lists[i].foreign);
    }
}

static void a_gateway_counts_for_what_is_behind_it(void **state)
{
    static const char path[] = "tests/fixtures/rules/behind-gateway.yaml";
    static const char *const done_in_front[] = { "answer-shopping", "bulk-profiling",
        "costly-queries", "missing-logs", "unchecked-input", "anonymous-queries", NULL };
    struct rd_system *system = read_system(path);
    struct rd_threats t = derive(system);

    (void)state;
    assert_int_equal(place_of(&t, "evasion@api") > 0, 1);
    has_none_of(&t, path, done_in_front);
    /* Without the gateway's answers the endpoint's own count again. */
    for (size_t e = 0; e < system->n_elements; e++)
        if (!strcmp(system->elements[e].id, "front"))
            ((struct rd_element *)&system->elements[e])->properties = (struct rd_settings){ 0 };
    t = derive(system);
    assert_true(place_of(&t, "costly-queries@api") > 0);
    assert_true(place_of(&t, "missing-logs@api") > 0);
}

/* tests/fixtures/guarded.yaml has every type of element and nothing left open: not even a question.
 */
static void a_guarded_system_has_no_threats(void **state)
{
    const struct rd_system *system = read_system("tests/fixtures/guarded.yaml");
    const struct rd_threats t = derive(system);

    (void)state;
    for (const struct rd_element_type *type = rd_element_types; type->name; type++) {
        bool there = false;

        for (size_t e = 0; e < system->n_elements; e++)
            there |= system->elements[e].type == type;
        if (!there) {
            print_error("the guarded system has no %s\n", type->name);
            fail();
        }
    }
    for (size_t i = 0; i < t.n; i++)
        print_error("%s: %s\n", t.item[i].id, rd_applicability_name(t.item[i].applicability));
    assert_int_equal(t.n, 0);
}

/* The same system with every yes made no and every no made yes: now nearly every rule has its say,
 * but for those that need one thing right beside the wrong one (a signature that nobody checks) or
 * a stranger in a place of his own. */
static void the_same_system_turned_around_has_nearly_all(void **state)
{
    struct rd_system *system = read_system("tests/fixtures/guarded.yaml");
    size_t found = 0;
    struct rd_threats t;

    (void)state;
    for (size_t e = 0; e < system->n_elements; e++)
        for (size_t k = 0; k < system->elements[e].properties.n; k++) {
            struct rd_setting *s = (struct rd_setting *)&system->elements[e].properties.item[k];

            s->value = !strcmp(s->value, "yes")             ? "no"
                       : !strcmp(s->value, "no")            ? "yes"
                       : !strcmp(s->name, "exposure")       ? "internet"
                       : !strcmp(s->name, "authentication") ? "none"
                       : !strcmp(s->name, "format")         ? "pickle"
                       : !strcmp(s->name, "returns")        ? "scores"
                       : !strcmp(s->name, "data_class")     ? "personal"
                                                            : s->value;
        }
    for (size_t f = 0; f < system->n_flows; f++)
        ((struct rd_flow *)&system->flows[f])->authenticated =
            ((struct rd_flow *)&system->flows[f])->encrypted = RD_NO;
    t = derive(system);
    for (size_t r = 0; r < rules.n; r++) {
        bool seen = false;

        for (size_t i = 0; i < t.n; i++)
            seen |= t.item[i].rule == rules.item[r] && t.item[i].applicability == RD_APPLIES_YES;
        found += seen;
        if (!seen)
            print_message("not found: %s\n", rules.item[r]->id);
    }
    assert_true(found * 5 >= rules.n * 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forty_rules_or_more),
        cmocka_unit_test(every_type_of_element_is_looked_at),
        cmocka_unit_test(the_letters_that_matter_have_a_rule),
        cmocka_unit_test(the_techniques_are_covered),
        cmocka_unit_test(no_rule_reads_what_only_its_twins_say),
        cmocka_unit_test(templates_give_at_most_forty_threats),
        cmocka_unit_test(the_first_five_are_what_an_expert_would_name),
        cmocka_unit_test(other_kinds_of_systems_get_what_is_theirs),
        cmocka_unit_test(a_gateway_counts_for_what_is_behind_it),
        cmocka_unit_test(a_guarded_system_has_no_threats),
        cmocka_unit_test(the_same_system_turned_around_has_nearly_all),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
