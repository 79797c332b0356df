/* bind.c - which attack tries which threat, on which artifact, as which actor. */
#include "campaign/campaign.h"

#include <math.h>
#include <string.h>

struct binder {
    struct rd_run *run;
    const struct rd_system *system;
    struct rd_arena *arena;
};

/* The one artifact of this kind that belongs to the element; RD_NONE or -2 for several. */
enum { SEVERAL = -2 };
static int only_artifact(const struct rd_system *s, int element, enum rd_artifact_kind kind)
{
    int found = RD_NONE;

    for (size_t i = 0; i < s->n_artifacts; i++)
        if (s->artifacts[i].kind == kind && s->artifacts[i].of == element)
            found = found == RD_NONE ? (int)i : SEVERAL;
    return found;
}

/* What a thief may query: the one labeled or unlabeled dataset that is not the evaluation set. */
static int only_pool(const struct rd_system *s, int eval)
{
    int found = RD_NONE;

    for (size_t i = 0; i < s->n_artifacts; i++)
        if (s->artifacts[i].kind == RD_ARTIFACT_DATASET && (int)i != eval)
            found = found == RD_NONE ? (int)i : SEVERAL;
    return found;
}

static bool holds(const struct rd_actor *actor, unsigned access)
{
    return (actor->access & access) == access;
}

/* A scenario's actor for this threat when it has the access, else the first actor that has. */
static int default_actor(
    const struct rd_system *s, const struct rd_threat *threat, const struct rd_attack *attack)
{
    for (size_t i = 0; i < s->n_scenarios; i++)
        if (!strcmp(s->scenarios[i].threat, threat->id) && s->scenarios[i].actor != RD_NONE &&
            holds(&s->actors[s->scenarios[i].actor], attack->access))
            return s->scenarios[i].actor;
    for (size_t i = 0; i < s->n_actors; i++)
        if (holds(&s->actors[i], attack->access))
            return (int)i;
    return RD_NONE;
}

/* Model, evaluation set and pool; fills t->untried when one is missing. */
static void bind_artifacts(const struct rd_system *s, struct rd_bound_test *t, int named)
{
    const int element = t->threat->element;

    t->model = named != RD_NONE ? named : only_artifact(s, element, RD_ARTIFACT_MODEL);
    if (t->model >= 0 && s->artifacts[t->model].kind != RD_ARTIFACT_MODEL) {
        t->untried = "the named artifact is no model";
        return;
    }
    if (t->model < 0) {
        t->untried = t->model == SEVERAL ? "several artifacts, name one" : "no artifact";
        t->model = RD_NONE;
        return;
    }
    t->eval = only_artifact(s, s->artifacts[t->model].of, RD_ARTIFACT_DATASET);
    if (t->eval < 0) {
        t->untried = t->eval == SEVERAL ? "several evaluation sets at the element, leave one"
                                        : "no evaluation set at the element";
        t->eval = RD_NONE;
        return;
    }
    if (t->attack->kind != RD_EXTRACT)
        return;
    if (t->actor != RD_NONE && s->actors[t->actor].data == RD_DATA_NONE)
        return; /* a thief without data queries random inputs */
    t->pool = only_pool(s, t->eval);
    if (t->pool == SEVERAL) {
        t->untried = "several pools the thief might own, leave one";
        t->pool = RD_NONE;
    }
}

static rd_status set_options(struct binder *b, struct rd_bound_test *t,
    const struct rd_settings *set, const struct rd_setting *rule_set, size_t n_rule_set)
{
    const struct rd_option *table = t->attack->options;
    void *values = rd_arena_alloc(b->arena, 1, t->attack->options_size + 1);
    rd_status st;

    if (!values)
        return rd_run_no_memory(b->run, "the options of a test");
    st = rd_options_reset(table, values, b->run->err);
    /* The rule's own settings belong to the attacks it knows; another attack may lack some. */
    for (size_t i = 0; !st && i < n_rule_set; i++)
        if (rd_option_find(table, rule_set[i].name))
            st = rd_options_set(table, values, rule_set[i].name, rule_set[i].value, b->run->err);
    for (size_t i = 0; !st && set && i < set->n; i++)
        st = rd_options_set(table, values, set->item[i].name, set->item[i].value, b->run->err);
    t->options = values;
    return st;
}

static rd_status finish(struct binder *b, struct rd_bound_test *t, int artifact,
    const struct rd_settings *set, double criterion, int64_t runs)
{
    const struct rd_rule *rule = t->threat->rule;
    const struct rd_system *s = b->system;
    rd_status st;

    t->model = t->eval = t->pool = RD_NONE;
    t->criterion = isnan(criterion) ? rule->criterion : criterion;
    t->runs = runs > 0 ? (size_t)runs : t->attack->kind == RD_EXTRACT ? 3 : 1;
    st = set_options(b, t, set, rule->prove_with, rule->n_prove_with);
    if (st)
        return RD_WRAP(b->run->err, st, "test '%s'", t->id);
    if (t->actor == RD_NONE)
        t->untried = "no actor holds what the attack needs";
    else if (!holds(&s->actors[t->actor], t->attack->access))
        t->untried = rd_arena_printf(b->arena, "actor '%s' does not hold what '%s' needs",
            s->actors[t->actor].id, t->attack->name);
    else if (t->threat->element == RD_NONE && artifact == RD_NONE)
        t->untried = "no artifact";
    else
        bind_artifacts(s, t, artifact);
    return RD_OK;
}

static rd_status bind_declared(struct binder *b, const struct rd_threats *threats,
    struct rd_bound_test *t, size_t i, bool *used)
{
    const struct rd_test_decl *d = &b->system->tests[i];

    *used = false;
    t->threat = rd_threat_find(threats, d->threat);
    if (!t->threat)
        return RD_OK; /* the rule does not apply: there is nothing to try */
    t->id = d->id;
    t->attack = rd_attack_find(d->attack);
    if (!t->attack)
        return RD_FAIL(b->run->err, RD_E_INPUT, "test '%s': no attack '%s'", d->id, d->attack);
    t->actor = d->actor != RD_NONE ? d->actor : default_actor(b->system, t->threat, t->attack);
    *used = true;
    t->norm = !d->norm ? (enum rd_norm)0 : !strcmp(d->norm, "l2") ? RD_L2 : RD_LINF;
    return finish(b, t, d->artifact, &d->set, d->criterion, d->runs);
}

static bool is_declared(const struct rd_system *s, const char *threat)
{
    for (size_t i = 0; i < s->n_tests; i++)
        if (!strcmp(s->tests[i].threat, threat))
            return true;
    return false;
}

static rd_status bind_default(
    struct binder *b, const struct rd_threat *threat, struct rd_bound_test *t, bool *used)
{
    *used = false;
    if (!threat->rule->n_proved_by || is_declared(b->system, threat->id))
        return RD_OK;
    if (threat->applicability == RD_APPLIES_MITIGATED)
        return RD_OK;
    t->threat = threat;
    /* The first one named is the rule's choice. */
    t->attack = rd_attack_find(threat->rule->proved_by[0]);
    if (!t->attack)
        return RD_FAIL(b->run->err, RD_E_BUG, "rule '%s' names an attack that is not there: '%s'",
            threat->rule->id, threat->rule->proved_by[0]);
    t->id = rd_arena_printf(b->arena, "%s:%s", threat->id, t->attack->name);
    if (!t->id)
        return rd_run_no_memory(b->run, "tests");
    t->actor = default_actor(b->system, threat, t->attack);
    *used = true;
    return finish(b, t, RD_NONE, NULL, NAN, 0);
}

rd_status rd_campaign_bind(struct rd_run *run, const struct rd_system *system,
    const struct rd_threats *threats, struct rd_arena *arena,
    const struct rd_bound_test **tests_out, size_t *n_out)
{
    struct binder b = { run, system, arena };
    struct rd_bound_test *tests =
        RD_NEW_ARRAY(arena, struct rd_bound_test, system->n_tests + threats->n + 1);
    size_t n = 0;
    bool used;

    if (!tests)
        return rd_run_no_memory(run, "tests");
    for (size_t i = 0; i < system->n_tests; i++) {
        const rd_status st = bind_declared(&b, threats, &tests[n], i, &used);

        if (st)
            return st;
        n += used;
    }
    for (size_t i = 0; i < threats->n; i++) {
        const rd_status st = bind_default(&b, &threats->item[i], &tests[n], &used);

        if (st)
            return st;
        n += used;
    }
    *tests_out = tests;
    *n_out = n;
    return RD_OK;
}
