/* bind.c - which attack tries which threat, on which artifact, as which actor. */
#include "campaign/campaign.h"
#include "campaign/upstream.h"

#include <math.h>
#include <string.h>

struct binder {
    struct rd_run *run;
    const struct rd_system *system;
    struct rd_arena *arena;
    struct rd_upstream flows;
    bool *before; /* (n_elements) scratch */
};

enum { SEVERAL = -2 };

static bool is_target(const struct rd_artifact *a)
{
    return a->kind == RD_ARTIFACT_MODEL || a->kind == RD_ARTIFACT_ENDPOINT ||
           a->kind == RD_ARTIFACT_PROCESS;
}

/* The one artifact of the element that can be asked; of any element: element RD_NONE. RD_NONE, or
 * SEVERAL. */
static int only_target(const struct rd_system *s, int element)
{
    int found = RD_NONE;

    for (size_t i = 0; i < s->n_artifacts; i++)
        if (is_target(&s->artifacts[i]) && (element == RD_NONE || s->artifacts[i].of == element))
            found = found == RD_NONE ? (int)i : SEVERAL;
    return found;
}

/* The one data set of the element (RD_NONE: of any) that is not `other`. */
static int only_dataset(const struct rd_system *s, int element, int other)
{
    int found = RD_NONE;

    for (size_t i = 0; i < s->n_artifacts; i++)
        if (s->artifacts[i].kind == RD_ARTIFACT_DATASET && (int)i != other &&
            !s->artifacts[i].format && /* clicks are no examples */
            (element == RD_NONE || s->artifacts[i].of == element))
            found = found == RD_NONE ? (int)i : SEVERAL;
    return found;
}

static bool holds(const struct rd_actor *actor, unsigned access)
{
    return (actor->access & access) == access;
}

/* A scenario's actor for this threat when it has the access, else the first actor that has. */
static int default_actor(const struct rd_system *s, const struct rd_threat *threat, unsigned access)
{
    for (size_t i = 0; i < s->n_scenarios; i++)
        if (!strcmp(s->scenarios[i].threat, threat->id) && s->scenarios[i].actor != RD_NONE &&
            holds(&s->actors[s->scenarios[i].actor], access))
            return s->scenarios[i].actor;
    for (size_t i = 0; i < s->n_actors; i++)
        if (holds(&s->actors[i], access))
            return (int)i;
    return RD_NONE;
}

/* --- recipes --- */

enum nearness { OF_IT, ALONG_THE_FLOWS, ANYWHERE, NEARNESSES };

/* Is recipe i so near to the element? Poison goes down the flows, what answers say comes from up
 * them. */
static bool is_near(struct binder *b, size_t i, int element, bool poison, enum nearness how)
{
    const struct rd_system *s = b->system;
    const struct rd_artifact *a = &s->artifacts[i];

    switch (how) {
    case OF_IT:
        return a->of == element || (poison && a->data >= 0 && s->artifacts[a->data].of == element);
    case ALONG_THE_FLOWS:
        if (element == RD_NONE || a->of == RD_NONE)
            return false;
        rd_upstream_of(&b->flows, poison ? a->of : element, b->before);
        return b->before[poison ? element : a->of];
    case ANYWHERE:
    case NEARNESSES:
        break;
    }
    return true;
}

/* The recipe of the nearest kind of nearness that has one; RD_NONE, or SEVERAL. */
static int find_recipe(struct binder *b, int element, bool poison, bool recommender)
{
    const struct rd_system *s = b->system;
    int found = RD_NONE;

    for (int how = OF_IT; how < NEARNESSES && found == RD_NONE; how++)
        for (size_t i = 0; i < s->n_artifacts; i++)
            if (s->artifacts[i].kind == RD_ARTIFACT_TRAINING &&
                s->artifacts[i].is_recommender == recommender &&
                is_near(b, i, element, poison, (enum nearness)how))
                found = found == RD_NONE ? (int)i : SEVERAL;
    return found;
}

/* What the victims are judged on: never the training data itself. The nearest wins. */
static void bind_judged(const struct rd_system *s, struct rd_bound_test *t)
{
    const int data = s->artifacts[t->recipe].data;
    const int elements[] = { t->threat->element, t->serves, s->artifacts[t->recipe].of };

    t->eval = RD_NONE;
    for (size_t i = 0; i < 3 && t->eval == RD_NONE; i++)
        if (elements[i] != RD_NONE)
            t->eval = only_dataset(s, elements[i], data);
    if (t->eval == RD_NONE)
        t->eval = only_dataset(s, RD_NONE, data);
    if (t->eval >= 0)
        return;
    if (t->attack->kind == RD_POISON)
        t->untried = t->eval == SEVERAL ? "several evaluation sets, leave one"
                                        : "no evaluation set beside the training data";
    t->eval = RD_NONE; /* an inference can do with the training data */
}

static rd_status mark_upstream(struct binder *b, struct rd_bound_test *t)
{
    const struct rd_artifact *recipe = &b->system->artifacts[t->recipe];
    const int ends[] = { recipe->of, b->system->artifacts[recipe->data].of, t->threat->element };
    const size_t n = b->system->n_elements;
    bool *all = RD_NEW_ARRAY(b->arena, bool, n + 1);

    if (!all)
        return rd_run_no_memory(b->run, "a test");
    for (size_t k = 0; k < 3; k++) {
        if (ends[k] == RD_NONE)
            continue;
        if (k < 2 || t->attack->kind == RD_POISON)
            rd_upstream_of(&b->flows, ends[k], b->before);
        else
            continue; /* what stands before an endpoint does not change training */
        for (size_t e = 0; e < n; e++)
            all[e] = all[e] || b->before[e];
    }
    t->upstream = all;
    return RD_OK;
}

/* Poison and inference: victims are trained from a recipe. named: RD_NONE, the recipe, or the model
 * that it made. */
static rd_status bind_recipe(struct binder *b, struct rd_bound_test *t, int named)
{
    const struct rd_system *s = b->system;
    const bool poison = t->attack->kind == RD_POISON, recommender = t->attack->inject;
    const struct rd_artifact *a = named == RD_NONE ? NULL : &s->artifacts[named];
    int element = t->threat->element;

    if (a && is_target(a)) {
        t->model = named;
        element = a->of;
    } else if (element != RD_NONE && only_target(s, element) >= 0) {
        t->model = only_target(s, element);
    } else if (only_target(s, RD_NONE) >= 0) {
        t->model = only_target(s, RD_NONE);
    }
    t->serves = t->model != RD_NONE ? s->artifacts[t->model].of
                : poison            ? RD_NONE
                                    : t->threat->element;
    t->recipe = a && a->kind == RD_ARTIFACT_TRAINING
                    ? named
                    : find_recipe(b, element, poison && !(a && is_target(a)), recommender);
    if (t->recipe < 0) {
        t->untried = t->recipe == SEVERAL ? "several recipes, name one" : "no recipe";
        t->recipe = RD_NONE;
        return RD_OK;
    }
    if (s->artifacts[t->recipe].is_recommender != recommender) {
        t->untried = recommender ? "the named recipe trains no recommender"
                                 : "the named recipe trains a recommender, not a network";
        return RD_OK;
    }
    if (!recommender)
        bind_judged(s, t);
    return t->untried ? RD_OK : mark_upstream(b, t);
}

/* --- models --- */

static bool is_trained_on(const struct rd_system *s, int dataset)
{
    for (size_t i = 0; i < s->n_artifacts; i++)
        if (s->artifacts[i].kind == RD_ARTIFACT_TRAINING && s->artifacts[i].data == dataset)
            return true;
    return false;
}

/* What a thief may own: the one data set beside the evaluation set; where there are several, the
 * one that no recipe trains on and no other endpoint is judged on. */
static int find_pool(const struct rd_system *s, int eval)
{
    int found = only_dataset(s, RD_NONE, eval);

    if (found != SEVERAL)
        return found;
    found = RD_NONE;
    for (size_t i = 0; i < s->n_artifacts; i++)
        if (s->artifacts[i].kind == RD_ARTIFACT_DATASET && (int)i != eval &&
            !s->artifacts[i].format && !is_trained_on(s, (int)i) &&
            only_target(s, s->artifacts[i].of) == RD_NONE)
            found = found == RD_NONE ? (int)i : SEVERAL;
    return found == RD_NONE ? SEVERAL : found;
}

static bool asks_pool(const struct rd_bound_test *t)
{
    return rd_option_holds(t->attack->options, t->options, "source", "pool");
}

/* A thief without data has nothing else to ask, whatever the attack's preset says. */
static rd_status ask_made_up_inputs(struct binder *b, struct rd_bound_test *t)
{
    void *options = (void *)(uintptr_t)t->options; /* made for this test by set_options */
    const struct rd_option *o = rd_option_find(t->attack->options, "source");

    for (const char *const *word = asks_pool(t) ? o->choices : NULL; word && *word; word++)
        if (strcmp(*word, "pool") != 0)
            return rd_options_set(t->attack->options, options, "source", *word, b->run->err);
    return RD_OK;
}

/* Model, evaluation set and pool; fills t->untried when one is missing. */
static rd_status bind_artifacts(struct binder *b, struct rd_bound_test *t, int named)
{
    const struct rd_system *s = b->system;

    if (t->attack->kind == RD_POISON || t->attack->kind == RD_INFER)
        return bind_recipe(b, t, named);
    t->model = named != RD_NONE ? named : only_target(s, t->threat->element);
    if (t->model >= 0 && !is_target(&s->artifacts[t->model])) {
        t->untried = "the named artifact is no model";
        return RD_OK;
    }
    if (t->model < 0) {
        t->untried = t->model == SEVERAL ? "several artifacts, name one" : "no artifact";
        t->model = RD_NONE;
        return RD_OK;
    }
    if (s->artifacts[t->model].kind != RD_ARTIFACT_MODEL &&
        rd_attack_needs(t->attack, t->options) & (RD_ACCESS_GRADIENTS | RD_ACCESS_FILES)) {
        t->untried =
            "what is asked from afar gives no gradients; name an attack by labels or scores";
        t->model = RD_NONE;
        return RD_OK;
    }
    t->serves = s->artifacts[t->model].of;
    t->recipe = find_recipe(b, t->serves, false, false);
    t->recipe = t->recipe < 0 ? RD_NONE : t->recipe; /* a control may retrain by it */
    t->eval = only_dataset(s, t->serves, RD_NONE);
    if (t->eval < 0) {
        t->untried = t->eval == SEVERAL ? "several evaluation sets at the element, leave one"
                                        : "no evaluation set at the element";
        t->eval = RD_NONE;
        return RD_OK;
    }
    if (t->attack->kind != RD_EXTRACT)
        return RD_OK;
    if (t->actor != RD_NONE && s->actors[t->actor].data == RD_DATA_NONE)
        return ask_made_up_inputs(b, t);
    t->pool = find_pool(s, t->eval);
    if (t->pool == SEVERAL) {
        t->untried = "several pools the thief might own, leave one";
        t->pool = RD_NONE;
    } else if (t->pool == RD_NONE && asks_pool(t)) {
        t->untried = "no data set the thief might own: declare one, or a test with another source";
    }
    return RD_OK;
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

/*
 * The rule's criterion is about the measure of the attack that it names first. Label flips are
 * judged by lost accuracy where a backdoor is judged by its success: another attack of these kinds
 * has its own.
 */
static double criterion_of(const struct rd_rule *rule, const struct rd_attack *attack)
{
    if (attack->kind == RD_EVADE || attack->kind == RD_EXTRACT || !rule->n_proved_by ||
        !strcmp(rule->proved_by[0], attack->name))
        return rule->criterion;
    return (double)NAN;
}

/* What a test of this attack is, but for its id. actor RD_NONE: whoever has the access. */
/* Was this text option given? */
static bool has_text(const struct rd_bound_test *t, const char *name)
{
    const struct rd_option *o = rd_option_find(t->attack->options, name);
    const char *text = NULL;

    if (o && o->type == RD_OPT_TEXT)
        memcpy(&text, (const char *)t->options + o->offset, sizeof text);
    return text && *text;
}

static rd_status finish(struct binder *b, struct rd_bound_test *t, int actor, int artifact,
    const struct rd_settings *set, double criterion, int64_t runs)
{
    const struct rd_rule *rule = t->threat->rule;
    const struct rd_system *s = b->system;
    unsigned access;
    rd_status st;

    t->model = t->eval = t->pool = t->recipe = t->serves = RD_NONE;
    t->criterion = isnan(criterion) ? criterion_of(rule, t->attack) : criterion;
    t->runs = runs > 0                        ? (size_t)runs
              : t->attack->kind == RD_EXTRACT ? 3
              : t->attack->kind == RD_EVADE   ? 1
                                              : 0;
    st = set_options(b, t, set, rule->prove_with, rule->n_prove_with);
    if (st)
        return RD_WRAP(b->run->err, st, "test '%s'", t->id);
    access = rd_attack_needs(t->attack, t->options);
    t->actor = actor != RD_NONE ? actor : default_actor(s, t->threat, access);
    if (t->actor == RD_NONE)
        t->untried = "no actor holds what the attack needs";
    else if (!holds(&s->actors[t->actor], access))
        t->untried = rd_arena_printf(b->arena, "actor '%s' does not hold what '%s' needs",
            s->actors[t->actor].id, t->attack->name);
    else if (t->threat->element == RD_NONE && artifact == RD_NONE)
        t->untried = "no artifact";
    else if (t->attack->task == RD_INFER_ATTRIBUTE && !has_text(t, "feature"))
        t->untried = "nobody named the hidden feature (set: {feature: NAME})";
    else
        return bind_artifacts(b, t, artifact);
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
    t->declared = true;
    t->attack = rd_attack_find(d->attack);
    if (!t->attack)
        return RD_FAIL(b->run->err, RD_E_INPUT, "test '%s': no attack '%s'", d->id, d->attack);
    *used = true;
    t->norm = !d->norm ? (enum rd_norm)0 : !strcmp(d->norm, "l2") ? RD_L2 : RD_LINF;
    t->straight_through = d->surrogate && !strcmp(d->surrogate, "straight-through");
    return finish(b, t, d->actor, d->artifact, &d->set, d->criterion, d->runs);
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
    const struct rd_attack *first;

    *used = false;
    if (!threat->rule->n_proved_by || is_declared(b->system, threat->id))
        return RD_OK;
    if (threat->applicability == RD_APPLIES_MITIGATED)
        return RD_OK;
    /* Victims are trained where somebody asks for it, or where nobody declared any test: it takes
     * minutes that a file with tests of its own did not ask for. */
    first = rd_attack_find(threat->rule->proved_by[0]);
    if (b->system->n_tests && first && (first->kind == RD_POISON || first->kind == RD_INFER))
        return RD_OK;
    *used = true;
    /* One test: the first of the rule's attacks that can run here, else its first with the reason.
     */
    for (size_t i = threat->rule->n_proved_by; i-- > 0;) {
        struct rd_bound_test one = { .threat = threat };
        rd_status st;

        one.attack = rd_attack_find(threat->rule->proved_by[i]);
        if (!one.attack)
            return RD_FAIL(b->run->err, RD_E_BUG,
                "rule '%s' names an attack that is not there: '%s'", threat->rule->id,
                threat->rule->proved_by[i]);
        one.id = rd_arena_printf(b->arena, "%s:%s", threat->id, one.attack->name);
        if (!one.id)
            return rd_run_no_memory(b->run, "tests");
        st = finish(b, &one, RD_NONE, RD_NONE, NULL, (double)NAN, 0);
        if (st)
            return st;
        if (!one.untried || !t->attack || t->untried)
            *t = one; /* going from last to first: the first that can run stays */
    }
    return RD_OK;
}

rd_status rd_campaign_bind(struct rd_run *run, const struct rd_system *system,
    const struct rd_threats *threats, struct rd_arena *arena,
    const struct rd_bound_test **tests_out, size_t *n_out)
{
    struct binder b = { .run = run, .system = system, .arena = arena };
    struct rd_bound_test *tests =
        RD_NEW_ARRAY(arena, struct rd_bound_test, system->n_tests + threats->n + 1);
    size_t n = 0;
    bool used;
    rd_status st = rd_upstream_init(&b.flows, system, arena, run->err);

    b.before = RD_NEW_ARRAY(arena, bool, system->n_elements + 1);
    if (st)
        return st;
    if (!tests || !b.before)
        return rd_run_no_memory(run, "tests");
    for (size_t i = 0; i < system->n_tests; i++) {
        st = bind_declared(&b, threats, &tests[n], i, &used);

        if (st)
            return st;
        n += used;
    }
    for (size_t i = 0; i < threats->n; i++) {
        st = bind_default(&b, &threats->item[i], &tests[n], &used);

        if (st)
            return st;
        n += used;
    }
    *tests_out = tests;
    *n_out = n;
    return RD_OK;
}
