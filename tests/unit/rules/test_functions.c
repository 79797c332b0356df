/* Each question a rule may ask, answered on one small system worked out by hand. */
#include "rules_support.h"

/*
 *   internet        partner-net       cloud                                        lab (inside
 * cloud) crowd ------------------------> upload(screened no) -> samples(personal) ----> fit ->
 * registry -> api customer ---------------------> front (gateway)
 * --------------------------------------------------^ shop
 * ------------------------------------------------------------------------------^ loop-a <->
 * loop-b, an island
 */
static const char text[] =
    "boundaries:\n"
    "  - {id: internet, trust: untrusted}\n"
    "  - {id: partner-net, trust: partner}\n"
    "  - {id: cloud}\n"
    "  - {id: lab, inside: cloud, trust: trusted}\n"
    "  - {id: kiosk, inside: internet}\n"
    "elements:\n"
    "  - {id: crowd, type: annotator, boundary: internet}\n"
    "  - {id: customer, type: end-user, boundary: kiosk}\n"
    "  - {id: shop, type: downstream-system, boundary: partner-net}\n"
    "  - {id: upload, type: ingestion-api, boundary: cloud, properties: {screened: \"no\"}}\n"
    "  - {id: samples, type: training-data, boundary: cloud, properties: {data_class: personal}}\n"
    "  - {id: fit, type: training-job, boundary: lab, properties: {differential_privacy: "
    "\"yes\"}}\n"
    "  - {id: registry, type: model-registry, boundary: cloud}\n"
    "  - {id: front, type: gateway, boundary: cloud}\n"
    "  - {id: api, type: inference-api, boundary: cloud, properties: {score_digits: 4}}\n"
    "  - {id: watch, type: monitoring, boundary: cloud, properties: {drift: \"yes\", alerts: "
    "\"no\"}}\n"
    "  - {id: prices, type: data-store, boundary: cloud, properties: {data_class: public}}\n"
    "  - {id: loop-a, type: llm}\n"
    "  - {id: loop-b, type: llm}\n"
    "flows:\n"
    "  - {id: send, from: crowd, to: upload, carries: [images, labels], encrypted: \"yes\", "
    "protocol: https}\n"
    "  - {id: store, from: upload, to: samples, carries: [images]}\n"
    "  - {id: load, from: samples, to: fit}\n"
    "  - {id: push, from: fit, to: registry}\n"
    "  - {id: deploy, from: registry, to: api, carries: [model]}\n"
    "  - {id: knock, from: customer, to: front}\n"
    "  - {id: pass, from: front, to: api, carries: [images]}\n"
    "  - {id: trade, from: shop, to: api}\n"
    "  - {id: report, from: api, to: watch}\n"
    "  - {id: join, from: prices, to: fit}\n"
    "  - {id: there, from: loop-a, to: loop-b}\n"
    "  - {id: back, from: loop-b, to: loop-a}\n"
    "artifacts:\n"
    "  - {id: net, of: api, kind: model, path: net.onnx}\n"
    "controls:\n"
    "  - {id: q1, kind: quota, at: api, state: active}\n"
    "  - {id: q2, kind: quota, at: front, state: proposed}\n"
    "  - {id: half, kind: signing, at: registry, state: active, coverage: 0.5}\n"
    "  - {id: seal, kind: signing, at: deploy, state: active}\n";

static struct rd_arena arena;
static const struct rd_system *sys;

static int setup(void **state)
{
    (void)state;
    sys = read_system(&arena, text);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

/* The answer, and the value of its only fact. */
static void ask(const char *id, const char *question, const char *answer, const char *value)
{
    const int element = rd_system_element(sys, id);
    const char *type = element != RD_NONE ? sys->elements[element].type->name : "flow";
    const struct rd_rules rules = load_probe(&arena, type, question, "");
    const struct rd_threat t = probe(&arena, &rules, sys, id);
    const char *said = rd_applicability_name(t.applicability);

    assert_true(t.n_facts >= 1);
    if (strcmp(said, answer) != 0 || (value && strcmp(t.facts[0].value, value) != 0)) {
        print_error("%s at %s: %s (%s), expected %s (%s)\n", question, id, said, t.facts[0].value,
            answer, value ? value : "anything");
        fail();
    }
}

/* What type a part is of decides without being told as a fact or given as advice. */
static void types_decide_without_a_word(void **state)
{
    const struct rd_rules rules =
        load_probe(&arena, "training-data", "is(\"training-data\") and not versioned", "");
    const struct rd_threat t = probe(&arena, &rules, sys, "samples");

    (void)state;
    assert_int_equal(t.applicability, RD_APPLIES_UNKNOWN);
    assert_int_equal(t.n_facts, 1);
    assert_string_equal(t.facts[0].what, "samples.versioned");
    for (size_t i = 0; i < t.n_goes_away; i++)
        assert_null(strstr(t.goes_away[i], "is not training-data"));
}

static void trust_is_inherited_from_the_boundary_around(void **state)
{
    (void)state;
    ask("crowd", "is(\"untrusted\")", "yes", "yes");
    ask("customer", "is(\"untrusted\")", "yes",
        "yes"); /* kiosk says nothing, the internet around it does */
    ask("shop", "is(\"partner\")", "yes", NULL);
    ask("api", "is(\"trusted\")", "yes", NULL);
    ask("api", "is(\"untrusted\")", "no", "no");
    ask("loop-a", "is(\"trusted\")", "yes", NULL); /* in no boundary at all */
    ask("send", "from_is(\"untrusted\")", "yes", "yes (crowd)");
    ask("send", "to_is(\"untrusted\")", "no", "no (upload)");
}

static void boundaries_are_crossed_by_flows(void **state)
{
    (void)state;
    ask("send", "crosses_boundary()", "yes", "send");
    ask("store", "crosses_boundary()", "no", "none");
    ask("samples", "crosses_boundary()", "yes", "load"); /* into the lab */
    ask("watch", "crosses_boundary()", "no", "none");
}

static void controls_count_when_active_and_whole(void **state)
{
    (void)state;
    ask("api", "has_control(\"quota\")", "yes", "q1, active");
    ask("front", "has_control(\"quota\")", "no", "q2, only proposed");
    ask("registry", "has_control(\"signing\")", "no", "half, covers only a part");
    ask("deploy", "has_control(\"signing\")", "yes", "seal, active");
    ask("api", "has_control(\"signing\")", "no", "none");
}

static void artifacts_belong_to_elements(void **state)
{
    (void)state;
    ask("api", "holds_artifact(\"model\")", "yes", "net");
    ask("api", "holds_artifact(\"dataset\")", "no", "none");
}

static void inbound_looks_through_gateways(void **state)
{
    (void)state;
    ask("api", "has_inbound_from(\"untrusted\")", "yes", "customer -> front -> api");
    ask("api", "has_inbound_from(\"partner\")", "yes", "shop -> api");
    ask("api", "has_inbound_from(\"model-registry\")", "yes", "registry -> api");
    ask("api", "has_inbound_from(\"training-job\")", "no", "none"); /* a registry is no gateway */
    ask("samples", "has_inbound_from(\"annotator\")", "no", "none");
}

static void neighbors_may_need_a_property(void **state)
{
    (void)state;
    ask("api", "has_outbound_to(\"monitoring\")", "yes", "report to watch");
    ask("api", "has_outbound_to(\"monitoring\", \"drift\")", "yes", "report to watch");
    ask("api", "has_outbound_to(\"monitoring\", \"alerts\")", "no", "none");
    ask("api", "has_outbound_to(\"monitoring\", \"queries_watched\")", "unknown",
        "report to watch");
    ask("api", "has_outbound_to(\"log-store\")", "no", "none");
    ask("fit", "has_inbound_from(\"training-data\", \"signed\")", "unknown", NULL);
    ask("registry", "has_inbound_from(\"training-job\", \"differential_privacy\")", "yes",
        "push from fit");
    /* The receiver's type has no such property: then it does not have it. */
    ask("api", "has_outbound_to(\"monitoring\", \"screened\")", "no", "none");
}

static void what_is_carried_is_found(void **state)
{
    (void)state;
    ask("upload", "receives(\"labels\")", "yes", "send");
    ask("upload", "sends(\"labels\")", "no", "none");
    ask("api", "receives(\"images\")", "yes", "pass");
    ask("send", "\"labels\" in carries and encrypted and protocol == \"https\"", "yes", NULL);
    ask("send", "authenticated", "unknown", "unknown");
}

static void paths_are_followed_in_the_direction_of_flows(void **state)
{
    (void)state;
    ask("api", "reached_from(\"annotator\")", "yes",
        "crowd -> upload -> samples -> fit -> registry -> api");
    ask("crowd", "reached_from(\"inference-api\")", "no", "none");
    ask("upload", "reaches(\"model-registry\")", "yes", "upload -> samples -> fit -> registry");
    ask("registry", "reaches(\"training-data\")", "no", "none");
    ask("api", "exists_path(\"annotator\", \"monitoring\")", "yes",
        "crowd -> upload -> samples -> fit -> registry -> api -> watch");
    ask("api", "exists_path(\"monitoring\", \"annotator\")", "no", "none");
    ask("load", "reached_from(\"annotator\")", "yes", "crowd -> upload -> samples");
    ask("load", "reaches(\"inference-api\")", "yes", "fit -> registry -> api");
    ask("send", "reached_from(\"annotator\")", "yes", "crowd");
}

/* The same word asked in both directions by one rule is two questions. */
static void directions_are_told_apart(void **state)
{
    (void)state;
    ask("api", "reached_from(\"annotator\") and not reaches(\"annotator\")", "yes", NULL);
    ask("samples", "reaches(\"model-registry\") and not reached_from(\"model-registry\")", "yes",
        NULL);
}

static void a_path_to_oneself_needs_a_cycle(void **state)
{
    (void)state;
    ask("loop-a", "reached_from(\"llm\")", "yes", "loop-b -> loop-a");
    ask("loop-a", "reaches(\"llm\")", "yes", "loop-a -> loop-b");
    ask("samples", "reached_from(\"training-data\")", "no", "none");
}

static void guards_hold_paths_back(void **state)
{
    (void)state;
    /* An element type on the way. */
    ask("api", "reached_around(\"annotator\", \"training-job\")", "no", "none");
    ask("api", "reached_around(\"untrusted\", \"training-job\")", "yes",
        "customer -> front -> api");
    /* A property that is yes at fit. */
    ask("registry", "reached_around(\"annotator\", \"differential_privacy\")", "no", "none");
    /* screened: no at upload, not given at samples. */
    ask("upload", "reached_around(\"annotator\", \"screened\")", "yes", "crowd -> upload");
    ask("samples", "reached_around(\"annotator\", \"screened\")", "unknown",
        "crowd -> upload -> samples");
    /* A control at a flow; one that covers half is none. */
    ask("api", "reached_around(\"model-registry\", \"signing\")", "mitigated", "none");
    ask("registry", "reached_around(\"training-job\", \"signing\")", "yes", "fit -> registry");
}

/* People outside join nothing: upload is an end, although the crowd stands behind it. */
static void articulation_points_are_found(void **state)
{
    (void)state;
    ask("samples", "articulation()", "yes", "between fit and upload");
    ask("api", "articulation()", "yes", "between shop and registry");
    ask("fit", "articulation()", "yes", NULL);
    ask("upload", "articulation()", "no", "none");
    ask("prices", "articulation()", "no", "none");
    ask("loop-a", "articulation()", "no", "none"); /* two flows, one neighbor */
}

static void parts_are_found_anywhere(void **state)
{
    (void)state;
    ask("api", "has_flow(\"gateway\", \"inference-api\")", "yes", "pass");
    ask("api", "has_flow(\"inference-api\", \"gateway\")", "no", "none");
    ask("api", "has_element(\"monitoring\")", "yes", "watch");
    ask("api", "has_element(\"log-store\")", "no", "none");
}

static void exposure_is_said_or_seen(void **state)
{
    (void)state;
    ask("api", "internet_exposed()", "yes", "customer -> front -> api"); /* exposure is not given */
    ask("upload", "internet_exposed()", "yes", "crowd -> upload");
    ask("samples", "internet_exposed()", "no", "none"); /* cannot have an exposure */
    ask("send", "internet_exposed()", "yes", "yes (crowd)");
    ask("loop-a", "internet_exposed()", "unknown", NULL);
}

static void data_class_is_the_strictest_upstream(void **state)
{
    (void)state;
    ask("api", "data_class() == \"personal\"", "yes",
        "personal (samples -> fit -> registry -> api)");
    ask("samples", "data_class() == \"personal\"", "yes", "personal (samples)");
    ask("fit", "data_class() == \"personal\"", "yes",
        "personal (samples -> fit)"); /* not the public prices */
    ask("prices", "data_class() == \"public\"", "yes", "public (prices)");
    ask("upload", "data_class() == \"personal\"", "unknown", "unknown"); /* upstream of samples */
}

static void numbers_compare(void **state)
{
    (void)state;
    ask("api", "score_digits > 3", "yes", "4");
    ask("api", "score_digits <= 3", "no", "4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_decide_without_a_word),
        cmocka_unit_test(trust_is_inherited_from_the_boundary_around),
        cmocka_unit_test(boundaries_are_crossed_by_flows),
        cmocka_unit_test(controls_count_when_active_and_whole),
        cmocka_unit_test(artifacts_belong_to_elements),
        cmocka_unit_test(inbound_looks_through_gateways),
        cmocka_unit_test(neighbors_may_need_a_property),
        cmocka_unit_test(what_is_carried_is_found),
        cmocka_unit_test(paths_are_followed_in_the_direction_of_flows),
        cmocka_unit_test(directions_are_told_apart),
        cmocka_unit_test(a_path_to_oneself_needs_a_cycle),
        cmocka_unit_test(guards_hold_paths_back),
        cmocka_unit_test(articulation_points_are_found),
        cmocka_unit_test(parts_are_found_anywhere),
        cmocka_unit_test(exposure_is_said_or_seen),
        cmocka_unit_test(data_class_is_the_strictest_upstream),
        cmocka_unit_test(numbers_compare),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
