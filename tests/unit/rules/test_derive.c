/* Applicability, severity, what is missing, what would make a threat go away, decisions, order,
 * size. */
#include "rules_support.h"

static struct rd_arena arena;

static int clear(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static struct rd_threat one(const char *when, const char *more, const char *system)
{
    const struct rd_rules rules = load_probe(&arena, "inference-api", when, more);

    return probe(&arena, &rules, read_system(&arena, system), "api");
}
#define API(properties) "elements: [{id: api, type: inference-api, properties: {" properties "}}]\n"

static void properties_decide_and_are_facts(void **state)
{
    const struct rd_threat t = one("exposure == \"internet\" and not request_log", "",
        API("exposure: internet, request_log: \"no\""));

    (void)state;
    assert_string_equal(t.id, "probe@api");
    assert_int_equal(t.applicability, RD_APPLIES_YES);
    assert_int_equal(t.n_facts, 2);
    assert_string_equal(fact_of(&t, "api.exposure"), "internet");
    assert_string_equal(fact_of(&t, "api.request_log"), "no");
    assert_int_equal(t.n_missing, 0);
}

static void what_is_not_said_is_unknown_and_named(void **state)
{
    struct rd_threat t =
        one("exposure == \"internet\" and not request_log", "", API("exposure: internet"));

    (void)state;
    assert_int_equal(t.applicability, RD_APPLIES_UNKNOWN);
    assert_string_equal(all_of(&arena, t.missing, t.n_missing), "api.request_log");
    assert_string_equal(fact_of(&t, "api.request_log"), "unknown");
    t = one("exposure == \"internet\" and not request_log", "", API("request_log: unknown"));
    assert_string_equal(all_of(&arena, t.missing, t.n_missing), "api.exposure | api.request_log");
}

static void what_cannot_change_the_answer_is_not_asked_for(void **state)
{
    /* `quota` stands beside something that is no: only `rate_limit` decides. */
    const struct rd_threat t =
        one("(quota and request_log) or rate_limit", "", API("request_log: \"no\""));

    (void)state;
    assert_int_equal(t.applicability, RD_APPLIES_UNKNOWN);
    assert_string_equal(all_of(&arena, t.missing, t.n_missing), "api.rate_limit");
}

static void unknown_numbers_are_asked_for(void **state)
{
    const struct rd_threat t = one("score_digits > 2", "", API(""));

    (void)state;
    assert_int_equal(t.applicability, RD_APPLIES_UNKNOWN);
    assert_string_equal(all_of(&arena, t.missing, t.n_missing), "api.score_digits");
}

static void single_changes_that_help_are_found(void **state)
{
    const struct rd_threat t = one("exposure in [\"internet\", \"partner\"] and not request_log",
        "", API("exposure: internet, request_log: \"no\""));

    (void)state;
    assert_string_equal(all_of(&arena, t.goes_away, t.n_goes_away),
        "an active control signing at api: Artifacts are signed by the producer and verified "
        "before use | api.request_log is yes | api.exposure is internal");
}

static void changes_are_combined_where_one_is_not_enough(void **state)
{
    const struct rd_threat t = one("exposure == \"internet\" or not request_log", "",
        API("exposure: internet, request_log: \"no\""));

    (void)state;
    assert_string_equal(t.goes_away[1], "api.exposure is partner, and api.request_log is yes");
}

static void pairs_are_named_beside_what_is_enough_alone(void **state)
{
    const struct rd_threat t =
        one("exposure == \"internet\" and (not rate_limit or not cost_limit)", "removed_by: []\n",
            API("exposure: internet, rate_limit: \"no\", cost_limit: \"no\""));

    (void)state;
    assert_string_equal(all_of(&arena, t.goes_away, t.n_goes_away),
        "api.rate_limit is yes, and api.cost_limit is yes | api.exposure is partner or internal");
}

/* What is true in logic and no advice: to hold no model, to be fed by nobody. */
static void what_nobody_would_do_is_no_remedy(void **state)
{
    static const char more[] = "removed_by: []\n";
    static const char store[] =
        API("exposure: internet, request_log: \"no\"") "artifacts: [{id: m, of: api, kind: model, "
                                                       "path: m.onnx}]\n";
    struct rd_threat t = one("holds_artifact(\"model\") and exposure == \"internet\"", more, store);

    (void)state;
    assert_string_equal(
        all_of(&arena, t.goes_away, t.n_goes_away), "api.exposure is partner or internal");
    t = one("holds_artifact(\"model\") and not has_control(\"quota\") and not request_log", more,
        store);
    assert_string_equal(all_of(&arena, t.goes_away, t.n_goes_away),
        "a control of kind quota is active at api | api.request_log is yes");
}

static void five_remedies_are_enough(void **state)
{
    const struct rd_threat t = one("not rate_limit and not cost_limit and not request_log and not "
                                   "quota and not drift_monitored and not extraction_monitored",
        "",
        API("rate_limit: \"no\", cost_limit: \"no\", request_log: \"no\", quota: \"no\", "
            "drift_monitored: \"no\", extraction_monitored: \"no\""));

    (void)state;
    assert_int_equal(t.n_goes_away, 5);
    assert_non_null(strstr(t.goes_away[0], "an active control signing"));
    assert_string_equal(t.goes_away[4], "api.quota is yes");
}

static void an_active_control_mitigates(void **state)
{
    static const char when[] = "exposure == \"internet\"";
    struct rd_threat t = one(when, "",
        API("exposure: internet") "controls: [{id: seal, kind: signing, at: api, state: "
                                  "active}]\n");

    (void)state;
    assert_int_equal(t.applicability, RD_APPLIES_MITIGATED);
    assert_string_equal(t.mitigated_by, "seal");
    assert_string_equal(fact_of(&t, "control signing at api"), "seal, active");
    assert_string_equal(t.goes_away[0], "it is gone as long as control seal is active");
    t = one(when, "",
        API("exposure: internet") "controls: [{id: seal, kind: signing, at: api, state: "
                                  "proposed}]\n");
    assert_int_equal(t.applicability, RD_APPLIES_YES);
    assert_null(t.mitigated_by);
    t = one(when, "",
        API("exposure: internet") "controls: [{id: seal, kind: signing, at: api, state: "
                                  "retired}]\n");
    assert_int_equal(t.applicability, RD_APPLIES_YES);
    t = one(when, "",
        API("exposure: internet") "controls: [{id: seal, kind: signing, at: api, state: active, "
                                  "coverage: 0.9}]\n");
    assert_int_equal(t.applicability, RD_APPLIES_YES);
    assert_string_equal(fact_of(&t, "control signing at api"), "seal, active; covers only a part");
    t = one(when, "",
        API("exposure: internet") "controls: [{id: other, kind: quota, at: api, state: active}]\n");
    assert_int_equal(t.applicability, RD_APPLIES_YES);
    t = one(when, "",
        API("exposure: internal") "controls: [{id: seal, kind: signing, at: api, state: "
                                  "active}]\n");
    assert_int_equal(t.applicability, RD_APPLIES_NO);
}

static void a_control_proves_nothing_where_an_attack_decides(void **state)
{
    const struct rd_threat t = one("exposure == \"internet\"", "proved_by: [pgd]\ncriterion: 0.5\n",
        API("exposure: internet") "controls: [{id: seal, kind: signing, at: api, state: "
                                  "active}]\n");

    (void)state;
    assert_int_equal(t.applicability, RD_APPLIES_YES);
    assert_null(t.mitigated_by);
    assert_string_equal(fact_of(&t, "control signing at api"),
        "seal, active; what it does, only a re-test can tell");
}

static void controls_in_the_expression_mitigate_too(void **state)
{
    static const char when[] = "(not rate_limit and not has_control(\"quota\")) or (not cost_limit "
                               "and not has_control(\"input-limit\"))";
    static const char both[] =
        API("rate_limit: \"no\", cost_limit: \"no\"") "controls: [{id: a, kind: quota, at: api, "
                                                      "state: active}, {id: b, kind: input-limit, "
                                                      "at: api, state: active}]\n";
    static const char half[] =
        API("rate_limit: \"no\", cost_limit: \"no\"") "controls: [{id: a, kind: quota, at: api, "
                                                      "state: active}]\n";
    struct rd_threat t = one(when, "removed_by: [quota, input-limit]\n", both);

    (void)state;
    assert_int_equal(t.applicability, RD_APPLIES_MITIGATED);
    assert_string_equal(t.mitigated_by, "a");
    /* One of two is not enough, although it is of a removed_by kind: the expression says so. */
    t = one(when, "removed_by: [quota, input-limit]\n", half);
    assert_int_equal(t.applicability, RD_APPLIES_YES);
    assert_string_equal(all_of(&arena, t.goes_away, t.n_goes_away),
        "a control of kind input-limit is active at api | api.cost_limit is yes");
}

static void severity_moves_one_step_by_the_two_facts(void **state)
{
    static const char both[] =
        "raise_when: internet_exposed()\nlower_when: data_class() == \"public\"\n";
    struct rd_threat t = one("true", both, API("exposure: internet"));

    (void)state;
    assert_int_equal(t.severity, RD_SEVERITY_HIGH);
    assert_string_equal(
        t.severity_why, "Said so. Raised one step: Internet exposure of api is internet.");
    t = one("true", both, API("exposure: internal, data_class: public"));
    assert_int_equal(t.severity, RD_SEVERITY_LOW);
    assert_string_equal(t.severity_why,
        "Said so. Lowered one step: data class at and upstream of api is public (api).");
    t = one(
        "true", both, API("exposure: internet, data_class: public")); /* both: they cancel out */
    assert_int_equal(t.severity, RD_SEVERITY_MEDIUM);
    assert_string_equal(t.severity_why, "Said so.");
    t = one("true", both, API("")); /* unknown moves nothing */
    assert_int_equal(t.severity, RD_SEVERITY_MEDIUM);
    t = one(
        "true", "severity: critical\nraise_when: internet_exposed()\n", API("exposure: internet"));
    assert_int_equal(t.severity, RD_SEVERITY_CRITICAL);
    t = one("true", "severity: low\nlower_when: internet_exposed()\n", API("exposure: internet"));
    assert_int_equal(t.severity, RD_SEVERITY_LOW);
}

static void flows_have_threats_of_their_own(void **state)
{
    const struct rd_rules rules =
        load_probe(&arena, "flow", "crosses_boundary() and not encrypted", "");
    const struct rd_system *s = read_system(&arena,
        "boundaries: [{id: a}, {id: b}]\n"
        "elements: [{id: x, type: llm, boundary: a}, {id: y, type: llm, boundary: b}]\n"
        "flows: [{id: bare, from: x, to: y, encrypted: \"no\"}, {id: safe, from: y, to: x, "
        "encrypted: \"yes\"}, {id: open, from: x, to: y}]\n");
    const struct rd_threats t = derive(&arena, &rules, s);

    (void)state;
    assert_int_equal(t.n, 2);
    assert_string_equal(t.item[0].id, "probe@bare");
    assert_int_equal(t.item[0].element, RD_NONE);
    assert_int_equal(t.item[0].flow, 0);
    assert_string_equal(t.item[1].id, "probe@open");
    assert_string_equal(all_of(&arena, t.item[1].missing, t.item[1].n_missing), "open.encrypted");
}

static void ranked_by_applicability_severity_and_id(void **state)
{
    const struct rd_rules rules = load_probe(&arena, "inference-api", "not request_log",
        "raise_when: internet_exposed()\nremoved_by: [request-log]\n");
    const struct rd_system *s = read_system(&arena,
        "elements:\n"
        "  - {id: m, type: inference-api, properties: {request_log: \"no\", exposure: internet}}\n"
        "  - {id: z, type: inference-api, properties: {request_log: \"no\", exposure: internal}}\n"
        "  - {id: b, type: inference-api, properties: {request_log: \"no\", exposure: internet}}\n"
        "  - {id: a, type: inference-api, properties: {exposure: internet}}\n"
        "  - {id: c, type: inference-api, properties: {request_log: \"no\", exposure: internet}}\n"
        "  - {id: quiet, type: inference-api, properties: {request_log: \"yes\"}}\n"
        "controls: [{id: log, kind: request-log, at: m, state: active}]\n");
    const struct rd_threats t = derive(&arena, &rules, s);
    static const char *const order[] = { "probe@b", "probe@c", "probe@z", "probe@a", "probe@m" };

    (void)state;
    assert_int_equal(t.n, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(t.item[i].id, order[i]);
    assert_non_null(rd_threat_find(&t, "probe@z"));
    assert_null(rd_threat_find(&t, "probe@quiet"));
}

static void decisions_stand_beside_their_threats(void **state)
{
    const struct rd_rules rules = load_probe(&arena, "inference-api", "not request_log", "");
    const struct rd_system *s = read_system(&arena,
        API("request_log: \"no\"") "states: [{threat: probe@api, decision: accepted, by: "
                                   "owner, why: small, until: 2027-01-01}]\n");
    const struct rd_threats t = derive(&arena, &rules, s);

    (void)state;
    assert_non_null(t.item[0].decision);
    assert_string_equal(t.item[0].decision->decision, "accepted");
    assert_string_equal(t.item[0].decision->until, "2027-01-01");
}

static void an_empty_system_has_no_threats(void **state)
{
    const struct rd_rules rules = load_probe(&arena, "inference-api, flow", "true", "");
    const struct rd_threats t = derive(&arena, &rules, read_system(&arena, "elements: []\n"));

    (void)state;
    assert_int_equal(t.n, 0);
}

static void a_rule_asked_about_the_wrong_part_says_so(void **state)
{
    const struct rd_rules rules = load_probe(&arena, "inference-api", "true", "");
    const struct rd_system *s = read_system(&arena, "elements: [{id: x, type: llm}]\n");
    struct rd_threat t;
    struct rd_error err = { 0 };

    (void)state;
    assert_int_equal(
        rd_threat_derive_one(&rules, rules.item[0], s, 0, RD_NONE, &arena, &t, &err), RD_E_USAGE);
    assert_string_equal(err.frame[0].text, "rule 'probe' does not look at llm");
}

/* A chain of 20,000 elements: every one asks for paths over the whole chain. */
static void a_long_chain_costs_linear_time_and_shows_short_paths(void **state)
{
    enum { N = 20000 };
    const struct rd_rules rules = load_probe(&arena, "data-pipeline",
        "reached_from(\"annotator\") and reaches(\"monitoring\") and reached_around(\"untrusted\", "
        "\"gateway\")",
        "");
    struct rd_buf text = { 0 };
    struct rd_threats t;
    const char *path;

    (void)state;
    rd_buf_puts(&text, "boundaries: [{id: out, trust: untrusted}]\nelements:\n  - {id: e0, type: "
                       "annotator, boundary: out}\n");
    for (int i = 1; i < N; i++)
        rd_buf_printf(&text, "  - {id: e%d, type: data-pipeline}\n", i);
    rd_buf_printf(&text, "  - {id: e%d, type: monitoring}\nflows:\n", N);
    for (int i = 0; i < N; i++)
        rd_buf_printf(&text, "  - {id: f%d, from: e%d, to: e%d}\n", i, i, i + 1);
    t = derive(&arena, &rules, read_system(&arena, text.text));
    rd_buf_release(&text);
    assert_int_equal(t.n, N - 1);
    path = fact_of(rd_threat_find(&t, "probe@e19999"), "path from annotator to e19999");
    assert_string_equal(path,
        "e0 -> ... 19989 more -> e19990 -> e19991 -> e19992 -> e19993 -> e19994 -> e19995 -> "
        "e19996 -> e19997 -> e19998 -> e19999");
    path = fact_of(rd_threat_find(&t, "probe@e1"), "path from e1 to monitoring");
    assert_string_equal(path,
        "e1 -> e2 -> e3 -> e4 -> e5 -> e6 -> e7 -> e8 -> e9 -> e10 -> ... 19989 more -> e20000");
}

/* One element with 20,000 neighbors, each of which is asked about in turn. */
static void a_hub_costs_linear_time_and_shows_few_neighbors(void **state)
{
    enum { N = 20000 };
    const struct rd_rules rules = load_probe(&arena, "data-pipeline, monitoring",
        "crosses_boundary() or has_inbound_from(\"data-pipeline\", \"isolated\") or "
        "exists_path(\"llm\", \"monitoring\") or has_flow(\"llm\", \"agent\")",
        "");
    struct rd_buf text = { 0 };
    struct rd_threats t;

    (void)state;
    rd_buf_puts(&text, "boundaries: [{id: a}, {id: b}]\nelements:\n  - {id: hub, type: monitoring, "
                       "boundary: a}\n");
    for (int i = 0; i < N; i++)
        rd_buf_printf(&text, "  - {id: e%d, type: data-pipeline, boundary: b}\n", i);
    rd_buf_puts(&text, "flows:\n");
    for (int i = 0; i < N; i++)
        rd_buf_printf(&text, "  - {id: f%d, from: e%d, to: hub}\n", i, i);
    t = derive(&arena, &rules, read_system(&arena, text.text));
    rd_buf_release(&text);
    assert_int_equal(t.n, N + 1);
    assert_true(
        strlen(fact_of(rd_threat_find(&t, "probe@hub"), "boundaries crossed at hub")) < 400);
}

static void too_many_threats_are_refused(void **state)
{
    enum { N = 101000 };
    const struct rd_rules rules = load_probe(&arena, "llm", "true", "");
    struct rd_system sys = { 0 };
    struct rd_element *e = RD_NEW_ARRAY(&arena, struct rd_element, N);
    struct rd_threats t;
    struct rd_error err = { 0 };

    (void)state;
    for (int i = 0; i < N; i++)
        e[i] = (struct rd_element){
            .id = "x", .name = "x", .type = rd_element_type_find("llm"), .boundary = RD_NONE
        };
    sys.elements = e;
    sys.n_elements = N;
    assert_int_equal(rd_threats_derive(&rules, &sys, &arena, &t, &err), RD_E_LIMIT);
}

static void memory_running_out_is_an_error_at_every_point(void **state)
{
    const struct rd_rules rules = load_probe(&arena, "inference-api",
        "exposure == \"internet\" or reached_around(\"untrusted\", \"quota\")",
        "raise_when: internet_exposed()\n");
    const struct rd_system *s = read_system(&arena, API("request_log: \"no\""));
    size_t failures = 0;

    (void)state;
    for (size_t limit = 1;; limit += 192) {
        struct rd_arena small = { .limit = limit };
        struct rd_threats t;
        const rd_status st = rd_threats_derive(&rules, s, &small, &t, NULL);

        rd_arena_release(&small);
        if (!st)
            break;
        assert_int_equal(st, RD_E_MEMORY);
        failures++;
    }
    assert_true(failures > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(properties_decide_and_are_facts, clear),
        cmocka_unit_test_teardown(what_is_not_said_is_unknown_and_named, clear),
        cmocka_unit_test_teardown(what_cannot_change_the_answer_is_not_asked_for, clear),
        cmocka_unit_test_teardown(unknown_numbers_are_asked_for, clear),
        cmocka_unit_test_teardown(single_changes_that_help_are_found, clear),
        cmocka_unit_test_teardown(changes_are_combined_where_one_is_not_enough, clear),
        cmocka_unit_test_teardown(pairs_are_named_beside_what_is_enough_alone, clear),
        cmocka_unit_test_teardown(what_nobody_would_do_is_no_remedy, clear),
        cmocka_unit_test_teardown(five_remedies_are_enough, clear),
        cmocka_unit_test_teardown(an_active_control_mitigates, clear),
        cmocka_unit_test_teardown(a_control_proves_nothing_where_an_attack_decides, clear),
        cmocka_unit_test_teardown(controls_in_the_expression_mitigate_too, clear),
        cmocka_unit_test_teardown(severity_moves_one_step_by_the_two_facts, clear),
        cmocka_unit_test_teardown(flows_have_threats_of_their_own, clear),
        cmocka_unit_test_teardown(ranked_by_applicability_severity_and_id, clear),
        cmocka_unit_test_teardown(decisions_stand_beside_their_threats, clear),
        cmocka_unit_test_teardown(an_empty_system_has_no_threats, clear),
        cmocka_unit_test_teardown(a_rule_asked_about_the_wrong_part_says_so, clear),
        cmocka_unit_test_teardown(a_long_chain_costs_linear_time_and_shows_short_paths, clear),
        cmocka_unit_test_teardown(a_hub_costs_linear_time_and_shows_few_neighbors, clear),
        cmocka_unit_test_teardown(too_many_threats_are_refused, clear),
        cmocka_unit_test_teardown(memory_running_out_is_an_error_at_every_point, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
