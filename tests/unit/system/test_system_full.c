/* The sample of the contracts, every key of it, lands where system.h says. */
#include "support.h"

#include "base/file.h"
#include "system/scenario_names.h"
#include "system/system.h"

#include <math.h>
#include <string.h>

static struct rd_arena arena;
static struct rd_system *sys;

static int load(void **state)
{
    struct rd_error err = { 0 };

    (void)state;
    if (rd_system_load("tests/fixtures/system/full.yaml", NULL, &arena, &sys, NULL, &err)) {
        print_error("%s\n", err.frame[0].text);
        return -1;
    }
    return 0;
}

static int unload(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static void scope_and_names_are_as_in_the_file(void **state)
{
    (void)state;
    assert_string_equal(sys->name, "Product image classifier");
    assert_string_equal(sys->currency, "USD");
    assert_string_equal(sys->folder, "tests/fixtures/system");
    assert_int_equal(sys->version, 1);
    assert_true(sys->scope.given);
    assert_string_equal(sys->scope.owner, "platform team");
    assert_string_equal(sys->scope.authorization, "ticket SEC-123");
    assert_int_equal(sys->scope.n_hosts, 3);
    assert_string_equal(sys->scope.hosts[1], "[::1]:9000");
    assert_true(sys->scope.max_requests_per_second == 50);
    assert_true(sys->scope.max_spend == 20);
}

static void boundaries_elements_and_flows_refer_to_each_other(void **state)
{
    const struct rd_element *api = &sys->elements[rd_system_element(sys, "inference-api")];
    const struct rd_flow *upload = &sys->flows[rd_system_flow(sys, "upload")];

    (void)state;
    assert_int_equal(sys->n_boundaries, 4);
    assert_int_equal(sys->boundaries[2].inside, 1);
    assert_int_equal(sys->boundaries[0].inside, RD_NONE);
    assert_string_equal(sys->boundaries[0].trust, "untrusted");
    assert_null(sys->boundaries[1].trust);
    assert_string_equal(sys->boundaries[3].name, "partner-net"); /* its id */
    assert_string_equal(api->type->name, "inference-api");
    assert_string_equal(api->name, "REST inference API");
    assert_string_equal(api->owner, "platform team");
    assert_int_equal(api->boundary, 1);
    assert_int_equal(api->at.line, 21);
    assert_string_equal(sys->elements[upload->from].id, "crowd");
    assert_string_equal(sys->elements[upload->to].id, "upload-api");
    assert_true(rd_flow_crosses(sys, upload));
    assert_false(rd_flow_crosses(sys, &sys->flows[rd_system_flow(sys, "fit")]));
    assert_int_equal(upload->n_carries, 2);
    assert_string_equal(upload->carries[1], "labels");
    assert_int_equal(upload->authenticated, RD_NO);
    assert_int_equal(upload->encrypted, RD_YES);
    assert_int_equal(sys->flows[1].encrypted, RD_UNKNOWN);
    assert_int_equal(rd_system_element(sys, "upload"), RD_NONE);
    assert_int_equal(rd_system_flow(sys, "nothing"), RD_NONE);
}

static void truth_values_become_yes_and_no(void **state)
{
    const struct rd_element *data = &sys->elements[rd_system_element(sys, "training-data")];
    const struct rd_element *api = &sys->elements[rd_system_element(sys, "inference-api")];

    (void)state;
    assert_string_equal(rd_element_property(data, "screened"), "no");
    assert_string_equal(rd_element_property(api, "quota"), "yes");
    assert_string_equal(rd_element_property(api, "rate_limit"), "unknown");
    assert_string_equal(rd_element_property(api, "returns"), "scores");
    assert_null(rd_element_property(api, "request_log"));
}

static void uncertain_numbers_keep_their_provenance(void **state)
{
    const struct rd_uncertain *v = &sys->assets[rd_system_asset(sys, "model-copy")].value;
    const struct rd_uncertain *plain = &sys->assets[rd_system_asset(sys, "wrong-shipment")].value;

    (void)state;
    assert_true(v->given && v->low == 80000 && v->high == 600000);
    assert_int_equal(v->provenance, RD_PROV_EXPERT);
    assert_string_equal(v->by, "product owner");
    assert_string_equal(v->date, "2026-11-01");
    assert_null(v->source);
    assert_true(plain->given && plain->low == 40 && plain->high == 40);
    assert_int_equal(plain->provenance, RD_PROV_DEFAULT);
    assert_string_equal(sys->scenarios[0].attempts_per_year.source, "interview");
}

static void access_is_closed_under_what_it_implies(void **state)
{
    const struct rd_actor *c = &sys->actors[rd_system_actor(sys, "competitor")];
    const struct rd_actor *i = &sys->actors[rd_system_actor(sys, "insider")];

    (void)state;
    assert_int_equal(c->access, RD_ACCESS_LABELS | RD_ACCESS_SCORES);
    assert_int_equal(
        i->access, RD_ACCESS_FILES | RD_ACCESS_GRADIENTS | RD_ACCESS_SCORES | RD_ACCESS_LABELS);
    assert_int_equal(c->data, RD_DATA_PROXY);
    assert_int_equal(i->data, RD_DATA_VICTIM_LIKE);
    assert_int_equal(c->labeled, RD_NO);
    assert_int_equal(c->keys, 3);
    assert_int_equal(i->keys, 1); /* when left out */
    assert_false(i->budget.given);
}

static void a_control_says_what_it_takes_and_when(void **state)
{
    const struct rd_control *plain = &sys->controls[rd_system_control(sys, "round-scores")];
    const struct rd_control *audit = &sys->controls[rd_system_control(sys, "audit")];

    (void)state;
    assert_true(audit->effort_days == 12.5 && audit->retest_days == 30);
    assert_string_equal(audit->quarter, "2027-Q2");
    assert_int_equal(audit->prerequisites.n, 1);
    assert_ptr_equal(&sys->controls[audit->prerequisites.index[0]], plain);
    assert_true(audit->cost_license.low == 100 && audit->cost_people.high == 4000);
    assert_true(audit->cost_latency.given && audit->cost_false_blocks.low == 7);
    assert_true(isnan(plain->effort_days) && plain->retest_days == 90 && !plain->quarter);
    assert_true(!plain->prerequisites.n && !plain->cost_license.given);
    assert_true(sys->roadmap_budget == 20000 && sys->roadmap_tail == 1);
    assert_true(sys->roadmap_days_per_quarter == 30);
    assert_int_equal(rd_quarter_number(sys->roadmap_start), 2027 * 4);
    assert_int_equal(rd_quarter_number("2027-Q0"), RD_NONE);
    assert_int_equal(rd_quarter_number("2027-Q1 "), RD_NONE);
}

static void artifacts_have_resolved_paths(void **state)
{
    const struct rd_artifact *model = &sys->artifacts[rd_system_artifact(sys, "classifier")];
    const struct rd_artifact *pool = &sys->artifacts[rd_system_artifact(sys, "pool")];
    const struct rd_artifact *eval = &sys->artifacts[rd_system_artifact(sys, "eval")];
    const struct rd_artifact *recipe = &sys->artifacts[rd_system_artifact(sys, "recipe")];

    (void)state;
    assert_int_equal(model->kind, RD_ARTIFACT_MODEL);
    assert_string_equal(model->path, "tests/fixtures/system/model.onnx");
    assert_true(model->clean_accuracy == 0.95 && model->price_per_1000_queries == 1);
    assert_string_equal(pool->index, "tests/fixtures/system/split.npy");
    assert_string_equal(pool->labels, "tests/fixtures/system/train-y.npy");
    assert_true(pool->has_range && pool->range[0] == 0 && pool->range[1] == 8500);
    assert_true(pool->scale == 1.0 / 255);
    assert_string_equal(pool->name, "Query pool");
    assert_false(eval->has_range);
    assert_true(eval->scale == 1);
    assert_int_equal(recipe->kind, RD_ARTIFACT_TRAINING);
    assert_ptr_equal(&sys->artifacts[recipe->data], pool);
    assert_string_equal(recipe->optimizer, "adam");
    assert_true(recipe->lr == 0.001 && recipe->momentum == 0.9 && recipe->weight_decay == 0);
    assert_true(recipe->epochs == 6 && recipe->batch == 32);
    assert_null(recipe->path);
}

static const struct rd_artifact *artifact(const char *id)
{
    const int i = rd_system_artifact(sys, id);

    assert_int_not_equal(i, RD_NONE);
    return &sys->artifacts[i];
}

static void endpoints_and_processes_are_read(void **state)
{
    const struct rd_artifact *far = artifact("far"), *tls = artifact("tls"),
                             *child = artifact("child");

    (void)state;
    assert_int_equal(far->kind, RD_ARTIFACT_ENDPOINT);
    assert_string_equal(far->url, "http://127.0.0.1:8080/score?v=2");
    assert_string_equal(far->protocol, "template");
    assert_string_equal(far->request, "{\"rows\": \"$rows\"}");
    assert_string_equal(far->score_selector, "$.scores[*]");
    assert_string_equal(far->label_selector, "$.labels[*]");
    assert_string_equal(far->input, "x");
    assert_string_equal(far->output, "y");
    assert_int_equal(far->n_headers, 1);
    assert_string_equal(far->headers[0], "Authorization: Bearer $TOKEN"); /* as written */
    assert_true(far->n_shape == 3 && far->shape[0] == 3 && far->shape[2] == 32);
    assert_true(far->classes == 2 && far->n_class_names == 2);
    assert_string_equal(far->class_names[1], "dog");
    assert_true(far->timeout == 2.5 && far->batch == 16 && far->concurrency == 2);
    assert_true(far->retries == 3 && far->clean_accuracy == 0.9);
    assert_true(far->price_per_1000_queries == 2);
    assert_null(far->path);
    assert_null(tls->protocol); /* when left out */
    assert_true(tls->timeout == 30 && tls->batch == 64 && tls->concurrency == 4);
    assert_true(tls->retries == 5 && tls->classes == 0 && tls->n_shape == 0);
    assert_true(isnan(tls->clean_accuracy));
    assert_int_equal(child->kind, RD_ARTIFACT_PROCESS);
    assert_int_equal(child->n_command, 3);
    assert_string_equal(child->command[2], "--fast");
}

static void data_and_recipes_are_read(void **state)
{
    const struct rd_artifact *table = artifact("table"), *photos = artifact("photos"),
                             *clicks = artifact("clicks"), *shop = artifact("shop"),
                             *recipe = artifact("recipe"), *eval = artifact("eval");

    (void)state;
    assert_string_equal(table->schema, "tests/fixtures/system/t.yaml");
    assert_string_equal(table->label_column, "class");
    assert_string_equal(table->contributor_column, "account");
    assert_string_equal(table->column_scale, "standard");
    assert_true(table->has_split && table->split_part == 2 && table->split_share == 0.3);
    assert_int_equal(table->split_seed, 9);
    assert_true(photos->n_resize == 2 && photos->resize[1] == 48);
    assert_string_equal(clicks->format, "clicks");
    assert_false(eval->has_split);
    assert_null(eval->format);
    assert_true(shop->is_recommender && shop->factors == 12 && shop->recommender_epochs == 20);
    assert_true(shop->confidence == 3 && shop->regularization == 7);
    assert_null(shop->graph);
    assert_int_equal(shop->assumed, RD_NO);
    assert_string_equal(recipe->schedule, "one-cycle");
    assert_true(recipe->clip == 1.5 && recipe->noise == 0.8);
    assert_true(recipe->has_adversary && recipe->adversary_steps == 7);
    assert_true(recipe->adversary_eps == 0.3 && recipe->adversary_step_size == 0.1);
    assert_true(recipe->adversary_random == RD_NO && recipe->adversary_ramp == 2);
    assert_int_equal(recipe->assumed, RD_YES);
    assert_false(recipe->is_recommender);
}

static void poisoning_and_inference_are_told_what_they_need(void **state)
{
    const struct rd_scenario *marked = &sys->scenarios[2], *disclosed = &sys->scenarios[3];

    (void)state;
    assert_int_equal(sys->actors[rd_system_actor(sys, "competitor")].accounts, 40);
    assert_int_equal(sys->actors[rd_system_actor(sys, "insider")].accounts, 0);
    assert_true(marked->samples.given && marked->samples.high == 100);
    assert_true(marked->decisions_per_day.low == 500 && marked->dwell_days.high == 60);
    assert_true(marked->has_observed && marked->observed_attempts == 2);
    assert_true(marked->observed_years == 4 && marked->observed_detection.high == 0.9);
    assert_false(marked->attempts_per_year.given); /* unknown: one a year, a default */
    assert_true(marked->attempts_per_year.low == 1 && marked->attempts_per_year.high == 1);
    assert_true(disclosed->candidates.low == 1000 && disclosed->prior.low == 0.1);
    assert_null(disclosed->magnitude);
    assert_false(disclosed->has_observed);
    assert_true(sys->accuracy_point_per_year.given);
    assert_true(sys->accuracy_point_per_year.high == 1000);
}

static void controls_and_tests_name_what_they_touch(void **state)
{
    const struct rd_control *round = &sys->controls[0], *sign = &sys->controls[1];
    const struct rd_test_decl *steal = &sys->tests[0];

    (void)state;
    assert_int_equal(round->at_element, rd_system_element(sys, "inference-api"));
    assert_int_equal(round->at_flow, RD_NONE);
    assert_int_equal(sign->at_flow, rd_system_flow(sys, "upload"));
    assert_int_equal(sign->at_element, RD_NONE);
    assert_int_equal(round->state, RD_CONTROL_PROPOSED);
    assert_int_equal(sign->state, RD_CONTROL_RETIRED);
    assert_true(round->coverage == 1 && round->uptime == 0.99 && sign->uptime == 1);
    assert_true(round->cost_per_year.given && round->cost_per_year.low == 500);
    assert_int_equal(round->set.n, 1);
    assert_string_equal(round->set.item[0].name, "digits");
    assert_string_equal(round->set.item[0].value, "1");
    assert_string_equal(steal->threat, "model-extraction@inference-api");
    assert_string_equal(steal->attack, "copycat");
    assert_true(steal->criterion == 0.9 && steal->runs == 3);
    assert_string_equal(steal->set.item[0].value, "2000");
    assert_string_equal(sys->actors[steal->actor].id, "competitor");
    assert_string_equal(sys->artifacts[steal->artifact].id, "classifier");
    assert_null(steal->norm);
    assert_string_equal(sys->tests[1].norm, "l2");
}

static void scenarios_appetite_and_decisions_are_read(void **state)
{
    const struct rd_scenario *clone = &sys->scenarios[0], *mislabel = &sys->scenarios[1];

    (void)state;
    assert_string_equal(clone->loss_when, "utility >= 0.9");
    assert_true(clone->loss_when_at.line > 0 && clone->magnitude_at.line > 0);
    assert_true(clone->has_secondary && clone->secondary_probability.low == 0.2);
    assert_true(clone->secondary_magnitude.high == 200000);
    assert_true(clone->stronger.given && clone->stronger.high == 0.4);
    assert_int_equal(clone->manipulation, RD_MANIPULATION_NONE);
    assert_int_equal(mislabel->manipulation, RD_MANIPULATION_DIGITAL);
    assert_true(mislabel->objects == 40 && mislabel->queries_per_object == 40);
    assert_false(mislabel->has_secondary);
    assert_int_equal(sys->n_appetite, 2);
    assert_true(sys->appetite[1].loss == 1e6 && sys->appetite[1].probability == 0.005);
    assert_int_equal(sys->n_decisions, 2);
    assert_string_equal(sys->decisions[0].until, "2027-06-30");
    assert_string_equal(sys->decisions[1].decision, "false-positive");
    assert_string_equal(sys->decisions[1].ticket, "ML-7");
}

static void words_of_expressions_lead_back_to_the_system(void **state)
{
    struct rd_scenario_names names;
    struct rd_expr_env env;
    struct rd_scenario_word w;
    enum rd_expr_type type;
    size_t slot;

    (void)state;
    assert_int_equal(
        rd_scenario_names_init(&names, sys, &sys->scenarios[0], 1u << RD_EXTRACT, &arena, NULL),
        RD_OK);
    env = rd_scenario_env(&names);
    assert_true(env.name(env.user, "utility", &type, &slot));
    w = rd_scenario_word_at(&names, slot);
    assert_int_equal(w.kind, RD_WORD_MEASURE);
    assert_int_equal(w.measure, RD_MEASURE_UTILITY);
    assert_true(env.name(env.user, "wrong-shipment", &type, &slot));
    w = rd_scenario_word_at(&names, slot);
    assert_int_equal(w.kind, RD_WORD_ASSET);
    assert_int_equal(w.asset, 1);
    assert_true(env.name(env.user, "score_digits", &type, &slot));
    assert_int_equal(type, RD_EXPR_NUMBER);
    w = rd_scenario_word_at(&names, slot);
    assert_int_equal(w.kind, RD_WORD_PROPERTY);
    assert_true(!w.value.unknown && w.value.number == 6);
    assert_true(env.name(env.user, "crowd.paid_per_item", &type, &slot));
    assert_int_equal(type, RD_EXPR_BOOL);
    w = rd_scenario_word_at(&names, slot);
    assert_int_equal(w.value.truth, RD_YES);
    assert_true(env.name(env.user, "rate_limit", &type, &slot));
    assert_true(rd_scenario_word_at(&names, slot).value.unknown);
    /* An extraction has no successes; a name of nothing is no name. */
    assert_false(env.name(env.user, "successes", &type, &slot));
    assert_false(env.name(env.user, "crowd.returns", &type, &slot));
    assert_false(env.name(env.user, "nobody.returns", &type, &slot));
    assert_false(env.name(env.user, "", &type, &slot));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scope_and_names_are_as_in_the_file),
        cmocka_unit_test(boundaries_elements_and_flows_refer_to_each_other),
        cmocka_unit_test(truth_values_become_yes_and_no),
        cmocka_unit_test(uncertain_numbers_keep_their_provenance),
        cmocka_unit_test(access_is_closed_under_what_it_implies),
        cmocka_unit_test(a_control_says_what_it_takes_and_when),
        cmocka_unit_test(artifacts_have_resolved_paths),
        cmocka_unit_test(endpoints_and_processes_are_read),
        cmocka_unit_test(data_and_recipes_are_read),
        cmocka_unit_test(poisoning_and_inference_are_told_what_they_need),
        cmocka_unit_test(controls_and_tests_name_what_they_touch),
        cmocka_unit_test(scenarios_appetite_and_decisions_are_read),
        cmocka_unit_test(words_of_expressions_lead_back_to_the_system),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
