/* sample.h - a small assessment made by hand: one test that succeeded, one control that helps, one
 * that does nothing. */
#ifndef RD_TESTS_SAMPLE_H
#define RD_TESTS_SAMPLE_H

#include "report/report.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define SAMPLE_SCRIPT "</script><script>alert(1)</script>"
#define SAMPLE_RTL "evil\xe2\x80\xae gnp.exe" /* U+202E, right-to-left override */

struct sample {
    struct rd_boundary boundary[2];
    struct rd_element_type type[2];
    struct rd_element element[3];
    struct rd_flow flow[2];
    struct rd_actor actor[1];
    struct rd_artifact artifact[2];
    struct rd_control control[2];
    struct rd_scenario scenario[1];
    struct rd_system system;
    struct rd_rule rule[2];
    struct rd_threat threat[2];
    struct rd_threats threats;
    struct rd_metric metric[2];
    double x[3];
    struct rd_interval y[3];
    struct rd_curve curve[1];
    struct rd_trial trial[10];
    struct rd_record record, after, same;
    struct rd_attack attack;
    struct rd_defense defense;
    struct rd_bound_test test;
    struct rd_retest retest[2];
    struct rd_tested tested[1];
    struct rd_threat_state state[2];
    struct rd_campaign campaign;
    float pixel[2][16];
    struct rd_picture picture;
    struct rd_pictures pictures;
    struct rd_report report;
};

static inline struct rd_control sample_control(const char *id, const char *kind)
{
    struct rd_control c = { .id = id,
        .kind = kind,
        .name = id,
        .at_element = 1,
        .at_flow = RD_NONE,
        .state = RD_CONTROL_PROPOSED,
        .coverage = 1,
        .uptime = 1 };

    c.cost_per_year = (struct rd_uncertain){ .given = true, .low = 500, .high = 500 };
    return c;
}

static inline void sample_system(struct sample *s)
{
    static const char *const carries[] = { "images", "labels <b>" };

    s->boundary[0] = (struct rd_boundary){
        .id = "internet", .name = "Internet", .trust = "untrusted", .inside = RD_NONE
    };
    s->boundary[1] = (struct rd_boundary){ .id = "cloud", .name = SAMPLE_RTL, .inside = RD_NONE };
    s->type[0] = (struct rd_element_type){ .name = "end-user", .dfd = "external" };
    s->type[1] = (struct rd_element_type){ .name = "inference-api", .dfd = "process" };
    s->element[0] = (struct rd_element){
        .id = "crowd", .name = SAMPLE_SCRIPT, .type = &s->type[0], .boundary = 0
    };
    s->element[1] = (struct rd_element){
        .id = "api", .name = "API | with [a](b) *pipe*", .type = &s->type[1], .boundary = 1
    };
    s->element[2] = (struct rd_element){
        .id = "lone", .name = SAMPLE_RTL, .type = &s->type[1], .boundary = RD_NONE
    };
    s->flow[0] = (struct rd_flow){ .id = "ask",
        .name = "ask",
        .from = 0,
        .to = 1,
        .carries = carries,
        .n_carries = 2,
        .protocol = "https",
        .authenticated = RD_YES,
        .encrypted = RD_UNKNOWN };
    s->flow[1] = (struct rd_flow){ .id = "answer", .name = "answer", .from = 1, .to = 0 };
    s->actor[0] = (struct rd_actor){ .id = "insider", .name = "Insider", .access = 39 };
    s->artifact[0] = (struct rd_artifact){ .id = "classifier",
        .kind = RD_ARTIFACT_MODEL,
        .of = 1,
        .path = "model.onnx",
        .trained_by = RD_NONE,
        .clean_accuracy = (double)NAN };
    s->artifact[1] = (struct rd_artifact){
        .id = "eval", .kind = RD_ARTIFACT_DATASET, .of = 1, .path = "eval.npy", .scale = 1
    };
    s->control[0] = sample_control("hardened", "swap-artifact");
    s->control[1] = sample_control("round-scores", "rounding");
    s->system = (struct rd_system){ .path = "redoubt.yaml",
        .folder = ".",
        .name = SAMPLE_SCRIPT,
        .currency = "USD",
        .boundaries = s->boundary,
        .n_boundaries = 2,
        .elements = s->element,
        .n_elements = 3,
        .flows = s->flow,
        .n_flows = 2,
        .actors = s->actor,
        .n_actors = 1,
        .artifacts = s->artifact,
        .n_artifacts = 2,
        .controls = s->control,
        .n_controls = 2 };
}

static inline void sample_record(struct sample *s, struct rd_record *r, size_t successes)
{
    const double share = (double)successes / 10;

    *r = (struct rd_record){ .threat = "evasion@api",
        .test = "try",
        .attack = "pgd",
        .attack_version = 1,
        .seed = 7,
        .target_digest = "t",
        .data_digest = "d",
        .pool_digest = "",
        .recipe_digest = "",
        .actor = "insider",
        .access = 39,
        .unit = "example",
        .n = 10,
        .successes = successes,
        .interval = { share, share * 0.7, fmin(1, share + 0.2) },
        .criterion = 0.1,
        .judged = "success share",
        .outcome = RD_OUTCOME_DEMONSTRATED,
        .metrics = s->metric,
        .n_metrics = 2,
        .curves = s->curve,
        .n_curves = 1,
        .trials = s->trial,
        .n_trials = 10,
        .queries = 400,
        .rows_total = 420,
        .gradients = 400 };
}

static inline void sample_campaign(struct sample *s)
{
    s->rule[0] = (struct rd_rule){ .id = "evasion",
        .title = "Inputs changed a little",
        .stride = "T",
        .stage = "inference",
        .when = "true",
        .why = "Because.",
        .impact = "Wrong shipments.",
        .criterion = 0.1 };
    s->rule[1] = (struct rd_rule){ .id = "missing-logs",
        .title = "No request log",
        .stride = "R",
        .stage = "monitoring",
        .when = "true",
        .why = "Nobody sees.",
        .criterion = (double)NAN };
    s->threat[0] = (struct rd_threat){ .id = "evasion@api",
        .rule = &s->rule[0],
        .element = 1,
        .flow = RD_NONE,
        .applicability = RD_APPLIES_YES,
        .severity = RD_SEVERITY_HIGH };
    s->threat[1] = (struct rd_threat){ .id = "missing-logs@api",
        .rule = &s->rule[1],
        .element = 1,
        .flow = RD_NONE,
        .applicability = RD_APPLIES_UNKNOWN,
        .severity = RD_SEVERITY_CRITICAL };
    s->threats = (struct rd_threats){ s->threat, 2 };
    s->metric[0] = (struct rd_metric){ "clean_accuracy", { 0.9, 0.6, 1 }, NULL };
    s->metric[1] = (struct rd_metric){ "median_distance", { (double)NAN, (double)NAN, (double)NAN },
        "nothing was fooled" };
    for (int i = 0; i < 3; i++) {
        s->x[i] = 0.1 * i;
        s->y[i] = (struct rd_interval){ 0.1 + 0.4 * i, 0.05 + 0.3 * i, fmin(1, 0.2 + 0.45 * i) };
    }
    s->curve[0] = (struct rd_curve){ "success", "eps", 3, s->x, s->y };
    sample_record(s, &s->record, 9);
    sample_record(s, &s->after, 2);
    sample_record(s, &s->same, 9);
    s->attack = (struct rd_attack){ .abi = RD_ATTACK_ABI, .kind = RD_EVADE, .name = "pgd" };
    s->defense = (struct rd_defense){
        .abi = RD_DEFENSE_ABI, .name = "swap-artifact", .summary = "another network"
    };
    s->test = (struct rd_bound_test){ .id = "try",
        .threat = &s->threat[0],
        .attack = &s->attack,
        .criterion = 0.1,
        .eval = 1,
        .pool = RD_NONE,
        .recipe = RD_NONE,
        .serves = RD_NONE };
    s->retest[0] = (struct rd_retest){ .control = 0,
        .defense = &s->defense,
        .without = &s->record,
        .plain = &s->after,
        .aware = &s->after,
        .worse = &s->after,
        .before = s->record.interval,
        .after = s->after.interval,
        .effect = { 0.7, 0.4, 0.9 },
        .adaptive = "pgd",
        .utility_before = 0.9,
        .utility_after = 0.88 };
    s->retest[1] = (struct rd_retest){ .control = 1,
        .defense = &s->defense,
        .without = &s->record,
        .plain = &s->same,
        .worse = &s->same,
        .before = s->record.interval,
        .after = s->same.interval,
        .effect = { 0, -0.02, 0.02 },
        .adaptive = "not adaptively tested",
        .utility_before = 0.9,
        .utility_after = 0.9 };
    s->tested[0] = (struct rd_tested){
        .test = &s->test, .record = &s->record, .retests = s->retest, .n_retests = 2
    };
    s->state[0] = (struct rd_threat_state){ RD_THREAT_DEMONSTRATED, "pgd: 9 of 10", NULL, 0 };
    s->state[1] = (struct rd_threat_state){ RD_THREAT_UNTRIED, "untried: no attack proves it",
        "no attack proves it", RD_NONE };
    s->campaign = (struct rd_campaign){ &s->system, &s->threats, s->state, s->tested, 1 };
}

/* Without money: risk is NULL. */
static inline void sample_fill(struct sample *s)
{
    *s = (struct sample){ 0 };
    sample_system(s);
    sample_campaign(s);
    for (int i = 0; i < 16; i++) {
        s->pixel[0][i] = (float)i / 15;
        s->pixel[1][i] = (float)(15 - i) / 15;
    }
    s->picture = (struct rd_picture){ .row = 3,
        .label = 7,
        .before = 7,
        .after = RD_NONE,
        .distance = 0.25,
        .x = s->pixel[0],
        .x_adv = s->pixel[1] };
    s->pictures = (struct rd_pictures){ .test = "try",
        .width = 4,
        .height = 4,
        .channels = 1,
        .low = 0,
        .high = 1,
        .item = &s->picture,
        .n = 1 };
    s->report = (struct rd_report){
        .campaign = &s->campaign, .pictures = &s->pictures, .n_pictures = 1, .seed = 7, .dot = ""
    };
}

#endif
