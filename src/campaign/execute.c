/* execute.c - every bound test, with the active controls on, and again with each control switched.
 */
#include "campaign/campaign.h"
#include "campaign/keep.h"
#include "campaign/status.h"
#include "campaign/things.h"

#include "base/file.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

struct runner {
    struct rd_run *run;
    const struct rd_system *system;
    const struct rd_campaign_options *options;
    struct rd_arena *arena;
    struct rd_things things;
    struct rd_campaign_estimate *estimate; /* not NULL: add costs up instead of running */
};

/* --- controls --- */

/* Where a control acts on a test: before what is asked, or around what is trained. */
enum side { NOWHERE, IN_FRONT, AROUND_TRAINING };

static bool retrains(const struct rd_bound_test *t)
{
    return t->attack->kind == RD_POISON || t->attack->kind == RD_INFER;
}

/* Does this control stand where the test attacks, and can it matter to it? */
static enum side side_of(const struct rd_system *s, const struct rd_control *c,
    const struct rd_bound_test *t, const struct rd_defense **defense_out)
{
    const struct rd_defense *d = rd_defense_find(c->kind);
    const int at = c->at_element != RD_NONE ? c->at_element
                   : c->at_flow != RD_NONE  ? s->flows[c->at_flow].to
                                            : RD_NONE;

    *defense_out = d;
    if (c->state == RD_CONTROL_RETIRED || !d || !(d->against & 1u << t->attack->kind) ||
        at == RD_NONE)
        return NOWHERE;
    if (retrains(t) && d->treat && t->upstream && t->upstream[at] &&
        !(d->wrap && c->at_element == t->serves))
        return AROUND_TRAINING;
    if (!d->wrap || c->at_element == RD_NONE)
        return NOWHERE;
    if (!retrains(t) && d->innermost && d->treat && t->recipe == RD_NONE)
        return NOWHERE; /* it would train anew, and nobody said how */
    if (c->at_element == t->serves)
        return IN_FRONT;
    /* What replaces the network by one trained otherwise may stand where it is trained. */
    return !retrains(t) && d->innermost && d->treat && t->recipe != RD_NONE &&
                   c->at_element == s->artifacts[t->recipe].of
               ? IN_FRONT
               : NOWHERE;
}

/* Whatever a control allows per key and day, the actor's keys and the longest campaign multiply. */
static rd_status lay_actor_over(
    struct runner *r, const struct rd_defense *d, const struct rd_bound_test *t, void *values)
{
    const struct rd_actor *actor = &r->system->actors[t->actor];
    char number[32];
    rd_status st = RD_OK;

    if (actor->keys > 0 && rd_option_find(d->options, "keys"))
        st = rd_options_set(d->options, values, "keys",
            rd_text_from_double((double)actor->keys, number), r->run->err);
    if (!st && actor->days.given && rd_option_find(d->options, "days"))
        st = rd_options_set(d->options, values, "days",
            rd_text_from_double(fmax(1, floor(actor->days.high)), number), r->run->err);
    return st;
}

static rd_status control_options(struct runner *r, const struct rd_control *c,
    const struct rd_defense *d, const struct rd_bound_test *t, void **values_out)
{
    void *values = rd_arena_alloc(r->arena, 1, d->options_size + 1);
    rd_status st;

    if (!values)
        return rd_run_no_memory(r->run, "the settings of a control");
    st = rd_options_reset(d->options, values, r->run->err);
    if (!st)
        st = lay_actor_over(r, d, t, values);
    for (size_t i = 0; !st && i < c->set.n; i++) {
        const char *name = c->set.item[i].name, *value = c->set.item[i].value;
        const int artifact =
            strcmp(name, "artifact") ? RD_NONE : rd_system_artifact(r->system, value);

        if (artifact != RD_NONE)
            value = r->system->artifacts[artifact].path;
        else if (!strcmp(name, "path"))
            value = rd_path_join(r->arena, r->system->folder, value);
        if (!value)
            return rd_run_no_memory(r->run, "a path");
        st = rd_options_set(d->options, values, name, value, r->run->err);
    }
    *values_out = values;
    return st ? RD_WRAP(r->run->err, st, "control '%s'", c->id) : RD_OK;
}

/* One control with its settings: what a victim is dressed in, or what stands around its training.
 */
struct layer {
    const struct rd_control *control;
    const struct rd_defense *defense;
    const void *options;
};
struct dress {
    struct rd_arena *arena;
    struct layer *item;
    size_t n;
};

static rd_status put_on(struct rd_run *run, struct rd_arena *arena, const struct layer *l,
    struct rd_target *inner, struct rd_target **wrapped_out)
{
    struct rd_run own = *run;
    rd_status st;

    own.scratch = arena; /* the wrapped target lives as long as it */
    st = l->defense->wrap(&own, l->options, inner, wrapped_out);
    return st ? RD_WRAP(run->err, st, "control '%s' (%s)", l->control->id, l->control->kind)
              : RD_OK;
}

static rd_status dress_victim(
    void *self, struct rd_run *run, struct rd_target *victim, struct rd_target **dressed_out)
{
    const struct dress *d = self;
    rd_status st = RD_OK;

    *dressed_out = victim;
    for (size_t i = 0; i < d->n && !st; i++)
        st = put_on(run, run->scratch, &d->item[i], *dressed_out, dressed_out);
    return st;
}

static bool is_on(const struct rd_control *c, int at, int without, int with)
{
    return (c->state == RD_CONTROL_ACTIVE && at != without) || at == with;
}

/* The controls that are on for this run, on one side; what replaces the network first, then what
 * stands before it, in the order of the file. without, with: control indices or RD_NONE. */
static rd_status layers(struct runner *r, const struct rd_bound_test *t, enum side side,
    int without, int with, struct dress *out)
{
    const struct rd_control *control = r->system->controls;
    const size_t n = r->system->n_controls;
    size_t on = 0;

    /* A file may propose a hundred thousand: room, and a look, for those that are on alone. */
    for (size_t i = 0; i < n; i++)
        on += is_on(&control[i], (int)i, without, with);
    *out = (struct dress){ r->arena, RD_NEW_ARRAY(r->arena, struct layer, on + 1), 0 };
    if (!out->item)
        return rd_run_no_memory(r->run, "controls");
    for (size_t i = 0; on && i < 2 * n; i++) {
        const int at = (int)(i % n);
        const struct rd_control *c = &control[at];
        const struct rd_defense *d;
        void *values = NULL;
        rd_status st;

        if (!is_on(c, at, without, with) || side_of(r->system, c, t, &d) != side ||
            d->innermost != (i < n))
            continue;
        st = control_options(r, c, d, t, &values);
        if (st)
            return st;
        out->item[out->n++] = (struct layer){ c, d, values };
    }
    return RD_OK;
}

/* The canonical text of a dress: what it writes on something it is put on. */
static rd_status dress_text(
    struct runner *r, struct dress *d, const struct rd_graph *graph, const char **text_out)
{
    struct rd_target *victim;
    struct rd_run run = *r->run;
    rd_status st;

    run.scratch = r->arena;
    st = rd_target_open_graph(graph, "a victim", run.pool, r->arena, &victim, run.err);
    if (!st)
        st = dress_victim(d, &run, victim, &victim);
    *text_out = st ? NULL : victim->controls;
    return st;
}

/* Poison and inference: the recipe with the controls around it, and what its victims wear. */
static rd_status treated(struct runner *r, const struct rd_bound_test *t, int without, int with,
    struct rd_trial_request *q)
{
    struct dress around, *worn = RD_NEW(r->arena, struct dress);
    const struct rd_treatment **treatment;
    const struct rd_recipe *plain;
    struct rd_recipe *recipe = RD_NEW(r->arena, struct rd_recipe);
    struct rd_run run = *r->run;
    rd_status st = layers(r, t, AROUND_TRAINING, without, with, &around);

    if (!st && (!worn || !recipe))
        st = rd_run_no_memory(r->run, "a recipe");
    if (!st)
        st = rd_things_recipe(&r->things, t->recipe, &plain);
    if (st)
        return st;
    *recipe = *plain;
    q->recipe = recipe;
    treatment = RD_NEW_ARRAY(r->arena, const struct rd_treatment *, around.n + 1);
    if (!treatment)
        return rd_run_no_memory(r->run, "a recipe");
    run.scratch = r->arena;
    for (size_t i = 0; i < around.n; i++) {
        const struct layer *l = &around.item[i];

        st = l->defense->treat(&run, l->options, &treatment[i]);
        if (st)
            return RD_WRAP(r->run->err, st, "control '%s' (%s)", l->control->id, l->control->kind);
    }
    recipe->treatment = treatment;
    recipe->n_treatments = around.n;
    st = layers(r, t, IN_FRONT, without, with, worn);
    if (st || !worn->n)
        return st;
    q->dress.self = worn;
    q->dress.wrap = dress_victim;
    return dress_text(r, worn, recipe->graph, &q->dress.text);
}

/* A control that trains the network anew needs to know how it was trained. */
static rd_status know_recipe(struct runner *r, const struct rd_bound_test *t,
    const struct dress *front, struct rd_target *target)
{
    bool needed = false;

    for (size_t i = 0; i < front->n; i++)
        needed = needed || (front->item[i].defense->innermost && front->item[i].defense->treat);
    return needed && t->recipe != RD_NONE && !target->recipe
               ? rd_things_recipe(&r->things, t->recipe, &target->recipe)
               : RD_OK;
}

/* The test's target with the active controls in front, but for `without`, and with `with`. RD_NONE:
 * nobody. */
static rd_status defended(struct runner *r, const struct rd_bound_test *t, int without, int with,
    struct rd_trial_request *q)
{
    struct dress front;
    rd_status st;

    if (t->attack->inject)
        return RD_OK; /* no network: its controls are screens of accounts */
    if (retrains(t))
        return treated(r, t, without, with, q);
    st = rd_things_target(&r->things, t->model, t->eval, t->straight_through, &q->target);
    if (!st)
        st = layers(r, t, IN_FRONT, without, with, &front);
    if (!st)
        st = know_recipe(r, t, &front, q->target);
    for (size_t i = 0; i < front.n && !st; i++)
        st = put_on(r->run, r->arena, &front.item[i], q->target, &q->target);
    return st;
}

/* --- one attack run --- */

/* A thief may know the shape of the copy: a file beside redoubt.yaml. Its path never enters the
 * record. */
static rd_status load_student(
    struct runner *r, const struct rd_bound_test *t, const struct rd_graph **student_out)
{
    const struct rd_option *o = rd_option_find(t->attack->options, "student");
    const char *name = o ? *(const char *const *)((const char *)t->options + o->offset) : NULL;
    struct rd_graph *graph;
    char *path, safe[120];
    rd_status st;

    if (!name)
        return RD_OK;
    if (!rd_path_stays_inside(name))
        return RD_FAIL(r->run->err, RD_E_INPUT,
            "test '%s': student '%s' leaves the folder of redoubt.yaml", t->id,
            rd_text_safe_in(safe, sizeof safe, name));
    path = rd_path_join(r->arena, r->system->folder, name);
    if (!path)
        return rd_run_no_memory(r->run, "a path");
    st = rd_graph_load(path, &rd_limits_default, r->arena, &graph, r->run->err);
    *student_out = graph;
    return st ? RD_WRAP(r->run->err, st, "test '%s': student", t->id) : RD_OK;
}

static rd_status request_of(
    struct runner *r, const struct rd_bound_test *t, struct rd_trial_request *q)
{
    const struct rd_actor *actor = &r->system->actors[t->actor];
    rd_status st;

    *q = (struct rd_trial_request){ .attack = t->attack,
        .options = t->options,
        .straight_through = t->straight_through && !retrains(t),
        .norm = t->norm,
        .actor_access = actor->access,
        .runs = t->runs,
        .criterion = t->criterion,
        .curve_points = RD_CURVE_POINTS,
        .stated_accuracy = t->model == RD_NONE || retrains(t)
                               ? (double)NAN
                               : r->system->artifacts[t->model].clean_accuracy,
        .pool_is_labeled = actor->labeled == RD_YES,
        .threat = t->threat->id,
        .test = t->id,
        .actor = actor->id };
    if (t->attack->inject) {
        st = rd_things_clicks(&r->things, r->system->artifacts[t->recipe].data, &q->clicks);
        return st ? st : rd_things_recommender(&r->things, t->recipe, &q->recommender);
    }
    st = t->eval == RD_NONE ? RD_OK : rd_things_dataset(&r->things, t->eval, &q->eval);
    if (!st && t->pool != RD_NONE)
        st = rd_things_dataset(&r->things, t->pool, &q->pool);
    if (!st && t->attack->kind == RD_EXTRACT)
        st = load_student(r, t, &q->student);
    return st;
}

static rd_status run_one(struct runner *r, struct rd_trial_request *q, struct rd_kept *kept_out)
{
    rd_status st;

    if (r->estimate) {
        struct rd_estimate e = { 0 };

        st = rd_harness_estimate(r->run, q, &e);
        r->estimate->runs++;
        r->estimate->cost.rows += e.rows;
        r->estimate->cost.gradients += e.gradients;
        r->estimate->cost.seconds += e.seconds;
        r->estimate->cost.money += e.money;
        return st;
    }
    st = rd_keep_run(r->run, r->options, q, r->arena, kept_out);
    if (st)
        return RD_WRAP(r->run->err, st, "test '%s'", q->test);
    return RD_OK;
}

/* --- controls tried on a test --- */

static rd_status aware_options(struct runner *r, const struct rd_bound_test *t,
    const struct rd_aware *aware, const struct rd_attack *attack, const void **options_out)
{
    void *values = rd_arena_alloc(r->arena, 1, attack->options_size + 1);
    rd_status st = RD_OK;

    if (!values)
        return rd_run_no_memory(r->run, "the options of a test");
    if (attack == t->attack)
        memcpy(values, t->options, attack->options_size);
    else
        st = rd_options_reset(attack->options, values, r->run->err);
    for (const struct rd_aware_set *s = aware->set; !st && s->name; s++)
        st = rd_options_set(attack->options, values, s->name, s->value, r->run->err);
    *options_out = values;
    return st;
}

/* Does the aware attacker do just what the test does already? Then one run is both. */
static bool is_same_attack(const struct rd_bound_test *t, const struct rd_aware *aware)
{
    if (strcmp(aware->attack, t->attack->name) != 0)
        return false;
    for (const struct rd_aware_set *s = aware->set; s->name; s++)
        if (!rd_option_holds(t->attack->options, t->options, s->name, s->value))
            return false;
    return true;
}

/* Judged by the same metric, else their values say nothing about each other. */
static bool more_harmful(const struct rd_record *a, const struct rd_record *b)
{
    return !strcmp(a->judged, b->judged) && a->interval.value > b->interval.value;
}

static double clean_accuracy(const struct rd_record *record)
{
    /* Of a poisoned victim it is no cost of a control: what the control does to clean training is.
     */
    const struct rd_metric *m = rd_record_metric(record, "clean_accuracy_control");

    if (!m)
        m = rd_record_metric(record, "clean_accuracy");
    return m ? m->v.value : NAN;
}

static rd_status retest(struct runner *r, const struct rd_bound_test *t, int control,
    const struct rd_defense *d, const struct rd_kept *with_active, struct rd_retest *out)
{
    const bool active = r->system->controls[control].state == RD_CONTROL_ACTIVE;
    const struct rd_aware *aware = rd_defense_aware(d, t->attack->name);
    struct rd_trial_request q;
    struct rd_kept before = *with_active, plain = *with_active, knowing = { 0 };
    rd_status st = request_of(r, t, &q);

    *out = (struct rd_retest){ .control = control, .defense = d };
    if (st)
        return st;
    if (active) {
        /* The record at hand has it on already: what is missing is the system without it. */
        st = defended(r, t, control, RD_NONE, &q);
        if (!st)
            st = run_one(r, &q, &before);
    } else {
        st = defended(r, t, RD_NONE, control, &q);
        q.withheld_is_failure = true;
        if (!st)
            st = run_one(r, &q, &plain);
    }
    if (st)
        return st;
    out->plain = plain.record;
    out->adaptive = "not adaptively tested";
    if (aware && is_same_attack(t, aware)) {
        out->aware = out->plain;
        out->adaptive = aware->attack;
    } else if (aware) {
        q.attack = rd_attack_find(aware->attack);
        if (!q.attack)
            return RD_FAIL(r->run->err, RD_E_BUG, "defense '%s' names no attack: '%s'", d->name,
                aware->attack);
        st = aware_options(r, t, aware, q.attack, &q.options);
        if (!st)
            st = defended(r, t, RD_NONE, control, &q);
        q.withheld_is_failure = true;
        q.control_aware = d->name;
        if (!st)
            st = run_one(r, &q, &knowing);
        if (st)
            return st;
        out->aware = knowing.record;
        if (out->aware)
            out->adaptive = aware->attack;
    }
    if (r->estimate || !out->plain || !before.record)
        return RD_OK;
    out->without = before.record;
    out->worse = out->aware && more_harmful(out->aware, out->plain) ? out->aware : out->plain;
    memcpy(out->without_key, before.key, sizeof out->without_key);
    memcpy(out->worse_key,
        out->worse == out->aware && out->aware != out->plain ? knowing.key : plain.key,
        sizeof out->worse_key);
    rd_campaign_effect(
        before.record, out->worse, &out->before, &out->after, &out->effect, &out->effect_reason);
    out->utility_before = clean_accuracy(before.record);
    out->utility_after = clean_accuracy(out->plain);
    return RD_OK;
}

/* Nobody asked for this test by name, and it does not fit here: say why, and go on. */
static bool does_not_fit(struct runner *r, struct rd_bound_test *t, rd_status st)
{
    struct rd_error *err = r->run->err;

    if (t->declared || !retrains(t) || !err || (st != RD_E_USAGE && st != RD_E_INPUT))
        return false;
    t->untried = rd_arena_printf(r->arena, "%s: %s", t->attack->name, err->frame[0].text);
    if (!t->untried)
        return false;
    rd_log_say(r->run->log, RD_LOG_WARN, "campaign", "test '%s' was left out: %s", t->id,
        err->frame[0].text);
    *err = (struct rd_error){ 0 };
    return true;
}

/* Only the store counts: a file that is gone or unreadable costs what rests on it, not the rest. */
static bool cannot_be_matched(struct runner *r, rd_status st)
{
    if (!r->options || !r->options->stored_only ||
        (st != RD_E_NOTFOUND && st != RD_E_INPUT && st != RD_E_USAGE && st != RD_E_IO))
        return false;
    if (r->run->err)
        *r->run->err = (struct rd_error){ 0 };
    return true;
}

static const char no_evidence[] = "no stored evidence: run redoubt assess";
static const char no_match[] = "its evidence cannot be matched: a file of the test cannot be read";

static rd_status run_test(struct runner *r, struct rd_bound_test *t, struct rd_tested *out)
{
    struct rd_trial_request q;
    struct rd_kept kept = { 0 };
    struct rd_retest *retests;
    rd_status st;

    *out = (struct rd_tested){ .test = t };
    if (t->untried)
        return RD_OK;
    if (!r->estimate && r->options->stored_only && !r->options->store) {
        t->untried = no_evidence; /* nothing need be read to know that */
        return RD_OK;
    }
    st = request_of(r, t, &q);
    if (!st)
        st = defended(r, t, RD_NONE, RD_NONE, &q);
    if (!st)
        st = run_one(r, &q, &kept);
    if (st && cannot_be_matched(r, st)) {
        t->untried = no_match;
        return RD_OK;
    }
    if (st)
        return does_not_fit(r, t, st) ? RD_OK : st;
    if (!kept.record && !r->estimate) {
        t->untried = no_evidence;
        return RD_OK;
    }
    out->record = kept.record;
    out->reused = kept.reused;
    memcpy(out->key, kept.key, sizeof out->key);
    retests = RD_NEW_ARRAY(r->arena, struct rd_retest, RD_RETESTS_MAX + 1);
    if (!retests)
        return rd_run_no_memory(r->run, "re-tests");
    out->retests = retests;
    for (size_t i = 0; i < r->system->n_controls; i++) {
        const struct rd_defense *d;

        if (side_of(r->system, &r->system->controls[i], t, &d) == NOWHERE)
            continue;
        if (out->n_retests == RD_RETESTS_MAX) {
            rd_log_say(r->run->log, RD_LOG_WARN, "campaign",
                "test '%s': the first %d controls are re-tested; '%s' and those after it are not",
                t->id, RD_RETESTS_MAX, r->system->controls[i].id);
            break;
        }
        st = retest(r, t, (int)i, d, &kept, &retests[out->n_retests]);
        if (st && cannot_be_matched(r, st))
            continue;
        if (st)
            return st;
        out->n_retests += r->estimate || retests[out->n_retests].without;
    }
    return RD_OK;
}

/* --- the whole --- */

/* The bound tests as our own: running one may show that it cannot be run. */
static rd_status bind_all(struct runner *r, const struct rd_threats *threats,
    struct rd_bound_test **tests_out, size_t *n_out)
{
    const struct rd_bound_test *bound;
    rd_status st = rd_campaign_bind(r->run, r->system, threats, r->arena, &bound, n_out);

    if (st)
        return st;
    *tests_out = RD_NEW_ARRAY(r->arena, struct rd_bound_test, *n_out + 1);
    if (!*tests_out)
        return rd_run_no_memory(r->run, "tests");
    if (*n_out)
        memcpy(*tests_out, bound, *n_out * sizeof *bound);
    return RD_OK;
}

rd_status rd_campaign_run(struct rd_run *run, const struct rd_system *system,
    const struct rd_threats *threats, const struct rd_campaign_options *options,
    struct rd_arena *arena, struct rd_campaign *campaign_out)
{
    struct runner r = { .run = run, .system = system, .options = options, .arena = arena };
    struct rd_bound_test *tests;
    struct rd_tested *tested;
    size_t n = 0;
    rd_status st = rd_things_init(&r.things, run, system, arena, options->stored_only);

    if (!st)
        st = bind_all(&r, threats, &tests, &n);
    if (st)
        return st;
    tested = RD_NEW_ARRAY(arena, struct rd_tested, n + 1);
    if (!tested)
        return rd_run_no_memory(run, "tests");
    for (size_t i = 0; !st && i < n; i++)
        st = run_test(&r, &tests[i], &tested[i]);
    *campaign_out = (struct rd_campaign){
        .system = system, .threats = threats, .tested = tested, .n_tested = n
    };
    if (!st)
        st = rd_campaign_states(
            run, system, threats, tests, tested, n, arena, &campaign_out->states);
    return st;
}

rd_status rd_campaign_estimate(struct rd_run *run, const struct rd_system *system,
    const struct rd_threats *threats, const struct rd_campaign_options *options,
    struct rd_arena *arena, struct rd_campaign_estimate *estimate_out)
{
    struct runner r = {
        .run = run, .system = system, .options = options, .arena = arena, .estimate = estimate_out
    };
    struct rd_bound_test *tests;
    struct rd_tested tested;
    size_t n = 0;
    rd_status st = rd_things_init(&r.things, run, system, arena, true);

    *estimate_out = (struct rd_campaign_estimate){ 0 };
    if (!st)
        st = bind_all(&r, threats, &tests, &n);
    for (size_t i = 0; !st && i < n; i++) {
        const bool before = !tests[i].untried;

        st = run_test(&r, &tests[i], &tested);
        estimate_out->tests += before && !tests[i].untried;
    }
    return st;
}
