/*
 * A campaign on a small recipe: a line in four dimensions, 200 rows, one dense layer. Which
 * controls are where, what the record says, what is not done twice.
 */
#include "support.h"

#include "campaign/campaign.h"
#include "evidence/store.h"

#include "base/rng.h"
#include "graph/graph.h"
#include "tensor/npy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 240, WIDTH = 4 };

static struct rd_arena arena;
static struct rd_rules rules;
static char dir[] = "/tmp/rd-campaign-XXXXXX";

static const char *in_dir(const char *name)
{
    return rd_arena_printf(&arena, "%s/%s", dir, name);
}

/* Points in the unit cube; class 1 where the first two outweigh the others. */
static void write_points(const char *name, uint64_t seed)
{
    static float x[ROWS * WIDTH];
    static int64_t y[ROWS];
    const struct rd_tensor tx = { .dtype = RD_F32, .ndim = 2, .dim = { ROWS, WIDTH }, .data = x };
    const struct rd_tensor ty = { .dtype = RD_I64, .ndim = 1, .dim = { ROWS }, .data = y };

    for (size_t i = 0; i < ROWS; i++) {
        struct rd_rng r = rd_rng_stream(seed, "points", i);

        for (size_t k = 0; k < WIDTH; k++)
            x[i * WIDTH + k] = rd_rng_unit_float(&r);
        y[i] = x[i * WIDTH] + x[i * WIDTH + 1] > x[i * WIDTH + 2] + x[i * WIDTH + 3];
    }
    assert_int_equal(rd_npy_write(in_dir(rd_arena_printf(&arena, "%s-x.npy", name)), &tx, NULL), 0);
    assert_int_equal(rd_npy_write(in_dir(rd_arena_printf(&arena, "%s-y.npy", name)), &ty, NULL), 0);
}

static int load(void **state)
{
    static const struct rd_graph_spec layers[] = { { RD_LAYER_DENSE, 2, 0, 0, 0 },
        { RD_LAYER_END, 0, 0, 0, 0 } };
    const int64_t dim[] = { WIDTH };
    struct rd_graph *graph;
    struct rd_error err = { 0 };

    (void)state;
    if (!mkdtemp(dir) || rd_rules_load(&arena, &rules, &err) ||
        rd_graph_build(layers, dim, 1, &arena, &graph, &err) ||
        rd_graph_save(graph, in_dir("net.onnx"), &err))
        return -1;
    write_points("train", 1);
    write_points("eval", 2);
    return 0;
}
static int unload(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

#define BODY(assumed, controls, lr)                                                                \
    "version: 1\n"                                                                                 \
    "boundaries: [{id: internet, trust: untrusted}, {id: lab}]\n"                                  \
    "elements:\n"                                                                                  \
    "  - {id: crowd, type: annotator, boundary: internet}\n"                                       \
    "  - {id: pile, type: training-data, boundary: lab, properties: {screened: \"no\", "           \
    "data_class: personal}}\n"                                                                     \
    "  - {id: fit, type: training-job, boundary: lab, properties: {differential_privacy: "         \
    "\"no\"}}\n"                                                                                   \
    "  - {id: api, type: inference-api, boundary: lab, properties: {exposure: internet, returns: " \
    "scores}}\n"                                                                                   \
    "flows:\n"                                                                                     \
    "  - {id: f1, from: crowd, to: pile}\n  - {id: f2, from: pile, to: fit}\n"                     \
    "  - {id: f3, from: fit, to: api}\n"                                                           \
    "actors:\n  - {id: vandal, access: [data]}\n  - {id: spy, access: [scores]}\n"                 \
    "artifacts:\n"                                                                                 \
    "  - {id: eval, of: api, kind: dataset, path: eval-x.npy, labels: eval-y.npy}\n"               \
    "  - {id: pool, of: pile, kind: dataset, path: train-x.npy, labels: train-y.npy}\n"            \
    "  - {id: recipe, of: fit, kind: training, data: pool, graph: net.onnx, optimizer: {name: "    \
    "adam, lr: " lr "}, epochs: 10, batch: 20, assumed: \"" assumed "\"}\n"                        \
    "controls: [" controls "]\n"
#define SMALL(assumed, controls)                                                                   \
    BODY(assumed, controls, "0.1")                                                                 \
    "tests:\n"                                                                                     \
    "  - {id: flip, threat: poisoned-crowd-data@pile, attack: label-flip, runs: 3, set: {rate: "   \
    "0.4, mode: targeted}}\n"                                                                      \
    "  - {id: member, threat: membership-inference@api, attack: membership-loss, runs: 3, set: "   \
    "{fpr: 0.1}}\n"
#define DEDUP "{id: dedup, kind: duplicates, at: pile, state: proposed}"
#define LABELS "{id: words, kind: label-only, at: api, state: proposed}"

struct ran {
    struct rd_system *system;
    struct rd_threats threats;
    struct rd_campaign campaign;
    const struct rd_tested *flip, *member;
};

static void run_any(const char *yaml, struct rd_store *store, struct ran *out)
{
    const struct rd_campaign_options options = { .store = store };
    struct rd_error err = { 0 };
    struct rd_problems problems = { 0 };
    struct rd_run r = { .scratch = &arena, .err = &err, .seed = 5 };

    if (rd_system_parse(
            "t.yaml", dir, yaml, strlen(yaml), NULL, &arena, &out->system, &problems, &err))
        fail_msg("%s", problems.n ? problems.item[0].text : err.frame[0].text);
    if (rd_threats_derive(&rules, out->system, &arena, &out->threats, &err) ||
        rd_campaign_run(&r, out->system, &out->threats, &options, &arena, &out->campaign))
        fail_msg("%s: %s", err.frame[err.frames ? err.frames - 1 : 0].text, err.frame[0].text);
    out->flip = out->member = NULL;
    for (size_t i = 0; i < out->campaign.n_tested; i++) {
        if (!strcmp(out->campaign.tested[i].test->id, "flip"))
            out->flip = &out->campaign.tested[i];
        if (!strcmp(out->campaign.tested[i].test->id, "member"))
            out->member = &out->campaign.tested[i];
    }
}

static void run(const char *yaml, struct rd_store *store, struct ran *out)
{
    run_any(yaml, store, out);
    assert_true(out->flip && out->flip->record && out->member && out->member->record);
}

static const char *text_of(const struct ran *r, const char *threat)
{
    for (size_t i = 0; i < r->threats.n; i++)
        if (!strcmp(r->threats.item[i].id, threat))
            return r->campaign.states[i].text;
    return "";
}

static void controls_act_where_they_stand(void **state)
{
    struct ran r;

    (void)state;
    run(SMALL("no", DEDUP ", " LABELS), NULL, &r);
    /* A screen at the data touches what is trained, label-only at the API what is asked. */
    assert_int_equal(r.flip->n_retests, 1);
    assert_int_equal(r.flip->retests[0].control, 0);
    assert_int_equal(r.flip->record->n_controls, 0);
    assert_int_equal(r.flip->retests[0].plain->n_controls, 1);
    assert_non_null(strstr(r.flip->retests[0].plain->controls[0], "duplicates"));
    assert_int_equal(r.flip->retests[0].plain->n_trials, 3);
    assert_true(isfinite(r.flip->retests[0].effect.value)); /* paired, run by run */
    assert_true(r.member->n_retests >= 1);
    for (size_t i = 0; i < r.member->n_retests; i++) {
        const struct rd_retest *t = &r.member->retests[i];

        assert_int_equal(t->plain->n_controls, 1);
        assert_non_null(
            strstr(t->plain->controls[0], t->control == 0 ? "duplicates" : "label-only"));
    }
}

/* The utility of a control around training is that of clean training, not of the poisoned one. */
static void what_a_screen_costs_is_measured_on_clean_victims(void **state)
{
    struct ran r;
    const struct rd_metric *clean;

    (void)state;
    run(SMALL("no", DEDUP), NULL, &r);
    clean = rd_record_metric(r.flip->record, "clean_accuracy_control");
    assert_non_null(clean);
    assert_true(r.flip->retests[0].utility_before == clean->v.value);
    assert_true(clean->v.value > 0.9);
}

static void an_active_control_is_on_and_tried_without(void **state)
{
    struct ran r;

    (void)state;
    run(SMALL("no", "{id: dedup, kind: duplicates, at: f1, state: active}"), NULL, &r);
    assert_int_equal(r.flip->record->n_controls, 1);
    assert_int_equal(r.flip->n_retests, 1);
    assert_int_equal(r.flip->retests[0].without->n_controls, 0);
}

static void a_control_that_stands_elsewhere_does_nothing(void **state)
{
    struct ran r;

    (void)state;
    run(SMALL("no", "{id: dedup, kind: duplicates, at: api, state: proposed}, {id: gone, kind: "
                    "duplicates, at: pile, state: retired}"),
        NULL, &r);
    assert_int_equal(r.flip->n_retests, 0);
    assert_int_equal(r.member->n_retests, 0);
}

static void an_assumed_recipe_is_said(void **state)
{
    struct ran plain, assumed;

    (void)state;
    run(SMALL("no", ""), NULL, &plain);
    run(SMALL("yes", ""), NULL, &assumed);
    assert_null(strstr(text_of(&plain, "poisoned-crowd-data@pile"), "assumed"));
    assert_non_null(strstr(text_of(&assumed, "poisoned-crowd-data@pile"), "assumed recipe"));
    assert_non_null(strstr(text_of(&assumed, "poisoned-crowd-data@pile"), "3 victims with"));
    assert_non_null(strstr(text_of(&assumed, "membership-inference@api"), "assumed recipe"));
    /* Another word, another verdict: it is not the same evidence. */
    assert_string_not_equal(plain.flip->key, assumed.flip->key);
    /* A screen that finds nothing lowers no threat. */
    assert_int_not_equal(plain.member->record->outcome, RD_OUTCOME_NOT_DEMONSTRATED);
}

/* A recipe that learns nothing shows nothing; the rules' own tests say so and the rest goes on. */
static void a_test_that_nobody_declared_may_not_fit(void **state)
{
    struct ran r;

    (void)state;
    run_any(BODY("no", "", "0.000000001"), NULL, &r);
    assert_non_null(strstr(text_of(&r, "poisoned-crowd-data@pile"), "untried: backdoor: "));
    assert_non_null(strstr(text_of(&r, "attribute-inference@api"), "untried: "));
}

static void nothing_is_done_twice(void **state)
{
    struct rd_error err = { 0 };
    struct rd_store *store;
    struct ran first, again;
    size_t n, more;

    (void)state;
    assert_int_equal(rd_store_open(dir, &store, &err), RD_OK);
    run(SMALL("no", DEDUP), store, &first);
    assert_int_equal(rd_store_count(store, &n, &err), RD_OK);
    assert_false(first.flip->reused);
    run(SMALL("no", DEDUP), store, &again);
    assert_int_equal(rd_store_count(store, &more, &err), RD_OK);
    assert_int_equal(more, n);
    assert_true(again.flip->reused && again.member->reused);
    assert_string_equal(first.flip->key, again.flip->key);
    rd_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(controls_act_where_they_stand),
        cmocka_unit_test(what_a_screen_costs_is_measured_on_clean_victims),
        cmocka_unit_test(an_active_control_is_on_and_tried_without),
        cmocka_unit_test(a_control_that_stands_elsewhere_does_nothing),
        cmocka_unit_test(an_assumed_recipe_is_said),
        cmocka_unit_test(a_test_that_nobody_declared_may_not_fit),
        cmocka_unit_test(nothing_is_done_twice),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
