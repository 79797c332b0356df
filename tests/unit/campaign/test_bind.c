/* Which attack tries which threat, on what, and why not (CONTRACTS: binding). */
#include "support.h"

#include "campaign/campaign.h"
#include "campaign/upstream.h"

#include <math.h>
#include <string.h>

static struct rd_arena arena;
static struct rd_rules rules;
static struct rd_system *sys;
static struct rd_threats threats;
static const struct rd_bound_test *bound;
static size_t n_bound;

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

/* A crowd labels, a job trains, an API of personal data answers the Internet. */
#define PARTS                                                                                      \
    "version: 1\n"                                                                                 \
    "scope: {owner: a, authorization: b, hosts: [\"127.0.0.1:9\"]}\n"                              \
    "boundaries: [{id: internet, trust: untrusted}, {id: lab}]\n"                                  \
    "elements:\n"                                                                                  \
    "  - {id: crowd, type: annotator, boundary: internet}\n"                                       \
    "  - {id: pile, type: training-data, boundary: lab, properties: {screened: \"no\", "           \
    "data_class: personal}}\n"                                                                     \
    "  - {id: fit, type: training-job, boundary: lab, properties: {differential_privacy: "         \
    "\"no\"}}\n"                                                                                   \
    "  - {id: api, type: inference-api, boundary: lab, properties: {exposure: internet, returns: " \
    "scores}}\n"                                                                                   \
    "  - {id: side, type: data-store, boundary: lab}\n"                                            \
    "flows:\n"                                                                                     \
    "  - {id: f1, from: crowd, to: pile}\n  - {id: f2, from: pile, to: fit}\n"                     \
    "  - {id: f3, from: fit, to: api}\n"                                                           \
    "actors:\n  - {id: vandal, access: [data]}\n  - {id: spy, access: [scores]}\n"
#define EVAL "  - {id: eval, of: api, kind: dataset, path: e.csv}\n"
#define POOL "  - {id: pool, of: pile, kind: dataset, path: p.csv}\n"
#define MODEL "  - {id: net, of: api, kind: model, path: m.onnx}\n"
#define ENDPOINT                                                                                   \
    "  - {id: far, of: api, kind: endpoint, url: \"http://127.0.0.1:9/v2/models/m/infer\"}\n"
#define RECIPE(id, of)                                                                             \
    "  - {id: " id ", of: " of ", kind: training, data: pool, graph: g.onnx, optimizer: {name: "   \
    "adam}, epochs: 2}\n"

static void bind(const char *yaml)
{
    const struct rd_system_options options = { .allow_outside = true };
    struct rd_error err = { 0 };
    struct rd_problems problems = { 0 };
    struct rd_run run = { .scratch = &arena, .err = &err };

    if (rd_system_parse("t.yaml", ".", yaml, strlen(yaml), &options, &arena, &sys, &problems, &err))
        fail_msg("%s", problems.n ? problems.item[0].text : err.frame[0].text);
    if (rd_threats_derive(&rules, sys, &arena, &threats, &err) ||
        rd_campaign_bind(&run, sys, &threats, &arena, &bound, &n_bound))
        fail_msg("%s", err.frame[0].text);
}

static const struct rd_bound_test *find(const char *threat)
{
    for (size_t i = 0; i < n_bound; i++)
        if (!strcmp(bound[i].threat->id, threat))
            return &bound[i];
    fail_msg("no test of %s", threat);
    return NULL;
}

static const char *artifact(int index)
{
    return index == RD_NONE ? "none" : sys->artifacts[index].id;
}

static void a_poisoning_is_tried_on_the_recipe(void **state)
{
    const struct rd_bound_test *t;

    (void)state;
    bind(PARTS "artifacts:\n" MODEL EVAL POOL RECIPE("recipe", "fit"));
    t = find("poisoned-crowd-data@pile");
    assert_null(t->untried);
    assert_string_equal(t->attack->name, "backdoor");
    assert_string_equal(artifact(t->recipe), "recipe");
    assert_string_equal(artifact(t->eval), "eval"); /* never the training data */
    assert_string_equal(artifact(t->model), "net");
    assert_string_equal(sys->elements[t->serves].id, "api");
    assert_string_equal(sys->actors[t->actor].id, "vandal");
    assert_int_equal(t->runs, 0); /* as many as the attack says */
    assert_true(t->criterion == 0.5);
    /* A control around training may stand with the crowd's data, not beside it or behind it. */
    assert_true(t->upstream[rd_system_element(sys, "pile")]);
    assert_true(t->upstream[rd_system_element(sys, "fit")]);
    assert_true(t->upstream[rd_system_element(sys, "crowd")]);
    assert_false(t->upstream[rd_system_element(sys, "api")]);
    assert_false(t->upstream[rd_system_element(sys, "side")]);
}

static void an_inference_is_tried_on_the_recipe_upstream(void **state)
{
    const struct rd_bound_test *t;

    (void)state;
    bind(PARTS "artifacts:\n" MODEL EVAL POOL RECIPE("recipe", "fit"));
    t = find("membership-inference@api");
    assert_null(t->untried);
    assert_string_equal(t->attack->name, "lira");
    assert_string_equal(artifact(t->recipe), "recipe");
    assert_string_equal(sys->elements[t->serves].id, "api");
    assert_true(t->upstream[rd_system_element(sys, "crowd")]);
}

static void without_a_recipe_both_are_untried(void **state)
{
    (void)state;
    bind(PARTS "artifacts:\n" MODEL EVAL POOL);
    assert_string_equal(find("poisoned-crowd-data@pile")->untried, "no recipe");
    assert_string_equal(find("membership-inference@api")->untried, "no recipe");
    bind(PARTS "artifacts:\n" ENDPOINT EVAL POOL);
    assert_string_equal(find("membership-inference@api")->untried, "no recipe");
    assert_string_equal(find("model-inversion@api")->untried, "no recipe");
}

static void several_recipes_have_to_be_told_apart(void **state)
{
    const struct rd_bound_test *t;

    (void)state;
    bind(PARTS "artifacts:\n" MODEL EVAL POOL RECIPE("one", "fit") RECIPE("two", "fit"));
    assert_string_equal(find("membership-inference@api")->untried, "several recipes, name one");
    bind(PARTS "artifacts:\n" MODEL EVAL POOL RECIPE("one", "fit")
            RECIPE("two", "fit") "tests: [{id: t, threat: membership-inference@api, attack: "
                                 "membership-loss, artifact: "
                                 "two}]\n");
    t = find("membership-inference@api");
    assert_null(t->untried);
    assert_string_equal(artifact(t->recipe), "two");
    assert_true(isnan(t->criterion)); /* the rule's is about another attack */
    /* One of them belongs to the element itself: it is nearer. */
    bind(PARTS "artifacts:\n" MODEL EVAL POOL RECIPE("one", "fit") RECIPE("two", "api"));
    assert_string_equal(artifact(find("membership-inference@api")->recipe), "two");
}

/* A file with a test of its own did not ask for minutes of training besides. */
static void victims_are_trained_only_where_asked_for(void **state)
{
    (void)state;
    bind(PARTS "artifacts:\n" MODEL EVAL POOL RECIPE(
        "recipe", "fit") "tests: [{id: t, threat: membership-inference@api, attack: lira}]\n");
    for (size_t i = 0; i < n_bound; i++)
        assert_true(bound[i].declared || bound[i].attack->kind == RD_EXTRACT ||
                    bound[i].attack->kind == RD_EVADE);
}

static void an_endpoint_is_a_model(void **state)
{
    const struct rd_bound_test *t;

    (void)state;
    bind(PARTS "artifacts:\n" ENDPOINT EVAL POOL RECIPE("recipe", "fit"));
    t = find("model-extraction@api");
    assert_null(t->untried);
    assert_string_equal(artifact(t->model), "far");
    assert_null(find("membership-inference@api")->untried);
    assert_string_equal(find("evasion@api")->untried, "no actor holds what the attack needs");
    bind(PARTS "  - {id: owner, access: [files]}\nartifacts:\n" ENDPOINT EVAL POOL);
    assert_non_null(strstr(find("evasion@api")->untried, "gives no gradients"));
    bind(PARTS "artifacts:\n" ENDPOINT MODEL EVAL POOL);
    assert_string_equal(find("model-extraction@api")->untried, "several artifacts, name one");
}

static void nothing_to_judge_on_is_said(void **state)
{
    (void)state;
    bind(PARTS "artifacts:\n" MODEL POOL RECIPE("recipe", "fit"));
    assert_string_equal(
        find("poisoned-crowd-data@pile")->untried, "no evaluation set beside the training data");
    assert_null(find("membership-inference@api")->untried); /* it splits the training data */
    bind(PARTS "artifacts:\n" MODEL POOL RECIPE(
        "recipe", "fit") "  - {id: a, of: api, kind: dataset, path: a.csv}\n"
                         "  - {id: b, of: api, kind: dataset, path: b.csv}\n");
    assert_string_equal(
        find("poisoned-crowd-data@pile")->untried, "several evaluation sets, leave one");
}

/* One test for a rule of several attacks; when none can run, the first with its reason. */
/* It ended the whole assessment before. */
static void a_thief_without_data_is_untried(void **state)
{
    (void)state;
    bind(PARTS "  - {id: rival, access: [scores], data: proxy}\nartifacts:\n" MODEL EVAL
               "tests:\n  - {id: t, threat: model-extraction@api, actor: rival, artifact: net, "
               "attack: copycat}\n");
    assert_non_null(strstr(find("model-extraction@api")->untried, "no data set the thief might"));
    bind(PARTS "artifacts:\n" MODEL EVAL POOL); /* the spy owns nothing, and makes inputs up */
    const struct rd_bound_test *t = find("model-extraction@api");
    assert_null(t->untried);
    assert_true(rd_option_holds(t->attack->options, t->options, "source", "random"));
    assert_int_equal(t->pool, RD_NONE);
}

static void where_no_attack_can_run_the_first_says_why(void **state)
{
    static const char yaml[] = PARTS "artifacts:\n" MODEL EVAL POOL RECIPE("recipe", "fit");
    char text[sizeof yaml + 16];
    char *at;

    (void)state;
    memcpy(text, yaml, sizeof yaml);
    at = strstr(text, "[scores]");
    memcpy(at, "[labels]", 8);
    bind(text);
    assert_string_equal(find("membership-inference@api")->attack->name, "lira");
    assert_string_equal(
        find("membership-inference@api")->untried, "no actor holds what the attack needs");
    memcpy(at, "[data]  ", 8);
    bind(text);
    assert_string_equal(find("membership-inference@api")->attack->name, "lira");
    assert_string_equal(
        find("membership-inference@api")->untried, "no actor holds what the attack needs");
}

#define SHOP                                                                                       \
    "version: 1\n"                                                                                 \
    "boundaries: [{id: internet, trust: untrusted}, {id: lab}]\n"                                  \
    "elements:\n"                                                                                  \
    "  - {id: shopper, type: end-user, boundary: internet}\n"                                      \
    "  - {id: store, type: feature-store, boundary: lab, properties: {screened: \"no\"}}\n"        \
    "  - {id: fit, type: training-job, boundary: lab}\n"                                           \
    "flows:\n  - {id: f1, from: shopper, to: store, carries: [clicks]}\n  - {id: f2, from: "       \
    "store, to: fit}\n"                                                                            \
    "actors: [{id: seller, access: [data]}]\n"                                                     \
    "artifacts:\n  - {id: clicks, of: store, kind: dataset, format: clicks, path: c.csv}\n"

static void a_recommender_has_attacks_of_its_own(void **state)
{
    (void)state;
    bind(SHOP "  - {id: shop, of: fit, kind: training, data: clicks, recommender: {factors: 4}}\n");
    assert_null(find("profile-injection@store")->untried);
    assert_string_equal(artifact(find("profile-injection@store")->recipe), "shop");
    bind(SHOP);
    assert_string_equal(find("profile-injection@store")->untried, "no recipe");
}

/* A partner's rows are scored overnight, a camera on the street decides by itself: their models are
 * tried like that of an endpoint. */
static void models_of_batches_and_devices_are_tried(void **state)
{
    static const char *const of_batch[] = { "evasion@nightly", "model-extraction@nightly" };
    const struct rd_bound_test *t;

    (void)state;
    bind("version: 1\n"
         "boundaries: [{id: brokers, trust: partner}, {id: street, trust: untrusted}, {id: bank}]\n"
         "elements:\n"
         "  - {id: broker, type: end-user, boundary: brokers}\n"
         "  - {id: files, type: data-store, boundary: bank}\n"
         "  - {id: past, type: training-data, boundary: bank, properties: {data_class: personal}}\n"
         "  - {id: fit, type: training-job, boundary: bank, properties: {differential_privacy: "
         "\"no\"}}\n"
         "  - {id: nightly, type: batch-inference, boundary: bank, properties: {returns: scores}}\n"
         "  - {id: camera, type: edge-device, boundary: street}\n"
         "flows:\n  - {id: f1, from: broker, to: files}\n  - {id: f2, from: files, to: nightly}\n"
         "  - {id: f3, from: nightly, to: broker}\n  - {id: f4, from: past, to: fit}\n"
         "  - {id: f5, from: fit, to: nightly}\n"
         "actors: [{id: broker-gone-bad, access: [labels, scores, gradients, files]}]\n"
         "artifacts:\n  - {id: score, of: nightly, kind: model, path: s.onnx}\n"
         "  - {id: rows, of: nightly, kind: dataset, path: r.csv}\n"
         "  - {id: plates, of: camera, kind: model, path: p.onnx}\n"
         "  - {id: shots, of: camera, kind: dataset, path: c.csv}\n"
         "  - {id: loans, of: past, kind: dataset, path: l.csv}\n"
         "  - {id: recipe, of: fit, kind: training, data: loans, graph: g.onnx, optimizer: {name: "
         "adam}, epochs: 2}\n");
    for (size_t i = 0; i < sizeof of_batch / sizeof *of_batch; i++) {
        t = find(of_batch[i]);
        if (i == 0) /* which of three data sets a thief may own is another question */
            assert_null(t->untried);
        assert_string_equal(artifact(t->model), "score");
        assert_string_equal(artifact(t->eval), "rows");
        assert_string_equal(sys->elements[t->serves].id, "nightly");
    }
    t = find("evasion@camera");
    assert_null(t->untried);
    assert_string_equal(t->attack->name, "pgd");
    assert_string_equal(artifact(t->model), "plates");
    assert_string_equal(artifact(t->eval), "shots");
    t = find("membership-inference@nightly");
    assert_null(t->untried);
    assert_string_equal(artifact(t->recipe), "recipe");
    assert_string_equal(sys->elements[t->serves].id, "nightly");
    t = find("model-inversion@nightly");
    assert_null(t->untried);
    assert_string_equal(artifact(t->model), "score");
}

/* Flows in a circle, in parallel, and from an element to one long before it. */
static void upstream_follows_flows_backwards(void **state)
{
    static const char yaml[] =
        "version: 1\n"
        "elements: [{id: a, type: gateway}, {id: b, type: gateway}, {id: c, "
        "type: gateway}, {id: d, type: gateway}]\n"
        "flows:\n  - {id: f1, from: a, to: b}\n  - {id: f2, from: a, to: b}\n"
        "  - {id: f3, from: b, to: c}\n  - {id: f4, from: c, to: a}\n"
        "  - {id: f5, from: b, to: d}\n";
    struct rd_error err = { 0 };
    struct rd_upstream u;
    bool before[4];

    (void)state;
    assert_int_equal(
        rd_system_parse("t.yaml", ".", yaml, sizeof yaml - 1, NULL, &arena, &sys, NULL, &err),
        RD_OK);
    assert_int_equal(rd_upstream_init(&u, sys, &arena, &err), RD_OK);
    rd_upstream_of(&u, 3, before);
    assert_true(before[0] && before[1] && before[2] && before[3]);
    rd_upstream_of(&u, 0, before);
    assert_true(before[0] && before[1] && before[2] && !before[3]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_poisoning_is_tried_on_the_recipe),
        cmocka_unit_test(an_inference_is_tried_on_the_recipe_upstream),
        cmocka_unit_test(without_a_recipe_both_are_untried),
        cmocka_unit_test(several_recipes_have_to_be_told_apart),
        cmocka_unit_test(victims_are_trained_only_where_asked_for),
        cmocka_unit_test(an_endpoint_is_a_model),
        cmocka_unit_test(nothing_to_judge_on_is_said),
        cmocka_unit_test(a_thief_without_data_is_untried),
        cmocka_unit_test(where_no_attack_can_run_the_first_says_why),
        cmocka_unit_test(a_recommender_has_attacks_of_its_own),
        cmocka_unit_test(models_of_batches_and_devices_are_tried),
        cmocka_unit_test(upstream_follows_flows_backwards),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
