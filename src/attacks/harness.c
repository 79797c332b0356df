/*
 * harness.c - from request to record: checks, access, identity, and what it would cost.
 */
#include "attacks/harness_parts.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CRITERION_DEFAULT 0.5

/* --- small things for both kinds --- */

enum rd_outcome rd_outcome_judge(const struct rd_interval *v, double criterion)
{
    if (v->low >= criterion) /* false for NaN */
        return RD_OUTCOME_DEMONSTRATED;
    if (v->high < criterion)
        return RD_OUTCOME_NOT_DEMONSTRATED;
    return RD_OUTCOME_INCONCLUSIVE;
}

struct rd_interval rd_interval_of(struct rd_ci ci)
{
    return (struct rd_interval){ ci.value, ci.low, ci.high };
}

struct rd_interval rd_interval_open(size_t k, size_t open, size_t n)
{
    struct rd_interval v = rd_interval_of(rd_ci_proportion(k, n, RD_LEVEL));

    if (open)
        v.high = rd_ci_proportion(k + open, n, RD_LEVEL).high;
    return v;
}

rd_status rd_outcome_lost(struct rd_harness *h, size_t done, size_t n, const char *what)
{
    struct rd_record *rec = h->record;

    if (rec->outcome != RD_OUTCOME_DEMONSTRATED)
        rec->outcome = RD_OUTCOME_INCONCLUSIVE;
    rec->outcome_reason = rd_arena_printf(h->arena, "%zu of %zu %s: %s", done, n, what, h->lost);
    rd_log_say(h->run->log, RD_LOG_WARN, "attacks", "the target gave up: %s", h->lost);
    return rec->outcome_reason ? RD_OK : rd_run_no_memory(h->run, "the record");
}

double rd_request_number(const struct rd_trial_request *r, const char *name)
{
    const struct rd_option *o = rd_option_find(r->attack->options, name);
    const char *field = o ? (const char *)r->options + o->offset : NULL;
    int64_t i;
    double v;

    if (o && o->type == RD_OPT_INT) {
        memcpy(&i, field, sizeof i);
        return (double)i;
    }
    if (!o || o->type != RD_OPT_REAL)
        return NAN;
    memcpy(&v, field, sizeof v);
    return v;
}

const char *rd_request_text(const struct rd_trial_request *r, const char *name)
{
    const struct rd_option *o = rd_option_find(r->attack->options, name);
    const char *text = NULL;

    if (o && o->type == RD_OPT_TEXT)
        memcpy(&text, (const char *)r->options + o->offset, sizeof text);
    return text;
}

/* --- checks --- */

/* Victims of these are trained here, from a recipe; there need be no target. */
static bool trains_victims(const struct rd_attack *a)
{
    return a->kind == RD_POISON || a->kind == RD_INFER;
}

static bool is_whole(const struct rd_attack *a)
{
    switch (a->kind) {
    case RD_EVADE:
        return a->evade;
    case RD_POISON:
        return a->poison || a->inject;
    case RD_EXTRACT:
        return a->extract;
    case RD_INFER:
        return a->infer;
    }
    return false;
}

static unsigned closed(unsigned access)
{
    return access & RD_ACCESS_FILES
               ? access | RD_ACCESS_GRADIENTS | RD_ACCESS_SCORES | RD_ACCESS_LABELS
               : access;
}

/* The strongest of a mask. */
static const char *strongest(unsigned access)
{
    static const enum rd_access order[] = { RD_ACCESS_FILES, RD_ACCESS_DATA, RD_ACCESS_GRADIENTS,
        RD_ACCESS_SCORES, RD_ACCESS_LABELS };

    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (access & order[i])
            return rd_access_name(order[i]);
    return rd_access_name(RD_ACCESS_TEXT);
}

static rd_status check_access(struct rd_harness *h)
{
    const struct rd_trial_request *r = h->request;
    const struct rd_attack *a = r->attack;
    const unsigned actor = r->actor_access ? closed(r->actor_access) : ~0u;
    const unsigned needs = rd_attack_needs(a, r->options);
    const unsigned lacking = needs & ~actor;
    const unsigned withheld = trains_victims(a) ? 0 : needs & ~r->target->access;

    if (lacking)
        return RD_FAIL(h->run->err, RD_E_USAGE, "%s needs %s, which the actor does not hold",
            a->name, strongest(lacking));
    h->granted = needs & actor & ~withheld;
    if (!withheld)
        return RD_OK;
    h->withheld = strongest(withheld);
    if (r->withheld_is_failure)
        return RD_OK;
    (void)RD_FAIL(h->run->err, RD_E_USAGE, "%s needs %s, which '%s' does not give", a->name,
        h->withheld, r->target->label);
    if (withheld & RD_ACCESS_GRADIENTS && r->target->no_gradients)
        return rd_error_hint(h->run->err, "%s", r->target->no_gradients);
    return RD_E_USAGE;
}

static rd_status check_norm(struct rd_harness *h, struct rd_trial_request *r)
{
    const unsigned known = r->attack->norms;

    if (r->attack->kind != RD_EVADE)
        return RD_OK;
    if (!r->norm)
        r->norm = known & RD_LINF ? RD_LINF : RD_L2;
    if (!(known & r->norm) || !(r->norm & (RD_LINF | RD_L2)))
        return RD_FAIL(h->run->err, RD_E_USAGE, "%s does not know the norm %s", r->attack->name,
            rd_norm_name(r->norm));
    return RD_OK;
}

static rd_status check_pool(struct rd_harness *h)
{
    const struct rd_trial_request *r = h->request;
    const struct rd_dataset *pool = r->pool;
    struct rd_arena scratch = RD_ARENA_INIT;
    long long row;
    rd_status st;

    if (r->attack->kind != RD_EXTRACT || !pool)
        return RD_OK;
    st = rd_gate_shape(r->target, pool, "pool", h->run->err);
    if (st)
        return st;
    if (r->pool_is_labeled && !pool->label)
        return RD_FAIL(h->run->err, RD_E_USAGE, "the pool is called labeled but has no labels");
    for (size_t i = 0; r->pool_is_labeled && i < pool->n; i++)
        if (pool->label[i] < 0 || (size_t)pool->label[i] >= r->target->classes)
            return RD_FAIL(h->run->err, RD_E_INPUT, "pool: label %d of row %zu is outside 0..%zu",
                pool->label[i], i, r->target->classes - 1);
    st = rd_dataset_overlap(r->eval, pool, &scratch, &row, h->run->err);
    rd_arena_release(&scratch);
    if (st)
        return st;
    if (row < 0)
        return RD_OK;
    (void)RD_FAIL(h->run->err, RD_E_INPUT,
        "leak: row %lld of the evaluation data is also in the pool that the thief may query", row);
    return rd_error_hint(
        h->run->err, "split the data so that no evaluation example can be queried or trained on");
}

/* A result that cannot be saved should be known before hours of work, not behind them. */
static rd_status check_save(struct rd_harness *h)
{
    const struct rd_trial_request *r = h->request;
    const char *const paths[] = { r->save, r->save_trigger, r->save_scores };
    char safe[160];

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const char *folder = paths[i] ? rd_path_dir(h->run->scratch, paths[i]) : ".";

        if (!folder)
            return rd_run_no_memory(h->run, "a path");
        if (paths[i] && !rd_file_is_dir(folder))
            return RD_FAIL(h->run->err, RD_E_NOTFOUND, "there is no folder '%s' to save into",
                rd_text_safe_in(safe, sizeof safe, folder));
    }
    return RD_OK;
}

static rd_status check(struct rd_harness *h, struct rd_trial_request *r)
{
    const struct rd_attack *a = r->attack;
    rd_status st;

    if (!a || !r->options || (!trains_victims(a) && (!r->target || !r->eval)))
        return RD_FAIL(h->run->err, RD_E_BUG, "a trial without attack, options, target or data");
    if (a->abi != RD_ATTACK_ABI)
        return RD_FAIL(h->run->err, RD_E_USAGE, "attack '%s' is built for interface %u, this is %d",
            a->name, a->abi, RD_ATTACK_ABI);
    if (!is_whole(a))
        return RD_FAIL(h->run->err, RD_E_USAGE, "%s attacks (%s) cannot be run here",
            rd_attack_kind_name(a->kind), a->name);
    st = check_access(h);
    if (!st)
        st = check_save(h);
    if (!st)
        st = check_norm(h, r);
    if (!st && trains_victims(a) && a->poison && !(r->recipe && r->recipe->data && r->eval))
        st = RD_FAIL(
            h->run->err, RD_E_USAGE, "%s needs a training recipe and evaluation data", a->name);
    if (!st && a->kind == RD_INFER && !(r->recipe && r->recipe->data))
        st = RD_FAIL(h->run->err, RD_E_USAGE, "%s needs a training recipe", a->name);
    if (!st && a->inject && !(r->clicks && r->recommender))
        st = RD_FAIL(h->run->err, RD_E_USAGE, "%s needs clicks and a recommender", a->name);
    if (!st && !isnan(r->criterion) && !(r->criterion >= 0 && r->criterion <= 1))
        st = RD_FAIL(h->run->err, RD_E_USAGE, "criterion %g is outside 0..1", r->criterion);
    return st;
}

/* --- identity --- */

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static const char *value_text(
    struct rd_arena *arena, const struct rd_option *o, const void *options)
{
    const char *field = (const char *)options + o->offset, *text;
    char number[32];
    int64_t i;
    double v;

    switch (o->type) {
    case RD_OPT_BOOL:
        return *(const bool *)(const void *)field ? "yes" : "no";
    case RD_OPT_INT:
        memcpy(&i, field, sizeof i);
        return rd_arena_printf(arena, "%lld", (long long)i);
    case RD_OPT_REAL:
        memcpy(&v, field, sizeof v);
        return rd_arena_strdup(arena, rd_text_from_double(v, number));
    case RD_OPT_CHOICE:
    case RD_OPT_TEXT:
        memcpy(&text, field, sizeof text);
        return or_empty(text);
    case RD_OPT_LIST:
    case RD_OPT_END:
        break;
    }
    return "";
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct rd_pair *)a)->name, ((const struct rd_pair *)b)->name);
}

/* Resolved options, sorted, and what else decides the result: norm and box. A path is no setting:
 * the student is named by its digest. */
static rd_status settings(struct rd_harness *h)
{
    const struct rd_trial_request *r = h->request;
    struct rd_record *rec = h->record;
    struct rd_pair *pair;
    char number[32], digest[RD_DIGEST_HEX];
    size_t n = 0;
    rd_status st;

    for (const struct rd_option *o = r->attack->options; o && o->type != RD_OPT_END; o++)
        n++;
    pair = RD_NEW_ARRAY(h->arena, struct rd_pair, n + 5);
    if (!pair)
        return rd_run_no_memory(h->run, "settings");
    n = 0;
    for (const struct rd_option *o = r->attack->options; o && o->type != RD_OPT_END; o++)
        if (!strcmp(o->name, "runs"))
            pair[n++] = (struct rd_pair){ "runs", rd_arena_printf(h->arena, "%zu", r->runs) };
        else if (!strcmp(o->name, "image") && rd_request_text(r, "image")) {
            st = rd_digest_file(rd_request_text(r, "image"), digest, h->run->err);
            if (st)
                return RD_WRAP(h->run->err, st, "the trigger image");
            pair[n++] = (struct rd_pair){ "image", rd_arena_strdup(h->arena, digest) };
        } else if (strcmp(o->name, "student"))
            pair[n++] = (struct rd_pair){ o->name, value_text(h->arena, o, r->options) };
    if (r->straight_through)
        pair[n++] = (struct rd_pair){ "surrogate", "straight-through" };
    if (r->attack->kind == RD_EVADE) {
        pair[n++] = (struct rd_pair){ "norm", rd_norm_name(r->norm) };
        pair[n++] = (struct rd_pair){ "box-low",
            rd_arena_strdup(h->arena, rd_text_from_double((double)h->low, number)) };
        pair[n++] = (struct rd_pair){ "box-high",
            rd_arena_strdup(h->arena, rd_text_from_double((double)h->high, number)) };
        pair[n++] = (struct rd_pair){ "budget",
            rd_arena_printf(h->arena, "%llu", (unsigned long long)r->budget) };
    } else if (trains_victims(r->attack)) {
        if (r->recipe) /* made up, or somebody's own: it decides what a verdict speaks of */
            pair[n++] = (struct rd_pair){ "recipe-assumed", r->recipe->assumed ? "yes" : "no" };
        if (r->noticing > 0 && r->attack->kind == RD_POISON)
            pair[n++] = (struct rd_pair){ "noticing",
                rd_arena_strdup(h->arena, rd_text_from_double(r->noticing, number)) };
    } else {
        st = rd_graph_digest(h->student, digest, h->run->err);
        if (st)
            return st;
        pair[n++] = (struct rd_pair){ "student", rd_arena_strdup(h->arena, digest) };
        pair[n++] = (struct rd_pair){ "labeled-pool", r->pool_is_labeled ? "yes" : "no" };
        pair[n++] = (struct rd_pair){ "budget",
            rd_arena_printf(h->arena, "%llu", (unsigned long long)r->budget) };
    }
    qsort(pair, n, sizeof *pair, by_name);
    for (size_t i = 0; i < n; i++)
        if (!pair[i].value)
            return rd_run_no_memory(h->run, "settings");
    rec->settings = pair;
    rec->n_settings = n;
    return RD_OK;
}

/* Those around the target, those around training, those before each victim: one a line. */
static rd_status controls_text(struct rd_harness *h, const char **text_out)
{
    const struct rd_trial_request *r = h->request;
    const char *parts[2] = { r->target ? r->target->controls : "", or_empty(r->dress.text) };
    struct rd_buf all = { 0 };

    for (size_t i = 0; i < 2; i++)
        if (*parts[i])
            rd_buf_printf(&all, "%s%s", all.len ? "\n" : "", parts[i]);
    for (size_t i = 0; r->recipe && i < r->recipe->n_treatments; i++)
        rd_buf_printf(&all, "%s%s", all.len ? "\n" : "", or_empty(r->recipe->treatment[i]->text));
    *text_out = all.failed ? NULL : rd_arena_strdup(h->run->scratch, rd_buf_text(&all));
    rd_buf_release(&all);
    return *text_out ? RD_OK : rd_run_no_memory(h->run, "controls");
}

static rd_status controls(struct rd_harness *h)
{
    const char *text;
    size_t n = 0;
    const char **list;
    rd_status st = controls_text(h, &text);

    if (st)
        return st;
    for (const char *p = text; *p; p++)
        n += p == text || p[-1] == '\n';
    list = RD_NEW_ARRAY(h->arena, const char *, n ? n : 1);
    if (!list)
        return rd_run_no_memory(h->run, "controls");
    for (size_t i = 0; i < n; i++) {
        const size_t len = strcspn(text, "\n");

        list[i] = rd_arena_strndup(h->arena, text, len);
        if (!list[i])
            return rd_run_no_memory(h->run, "controls");
        text += len + (text[len] == '\n');
    }
    h->record->controls = list;
    h->record->n_controls = n;
    return RD_OK;
}

static rd_status identity(struct rd_harness *h)
{
    const struct rd_trial_request *r = h->request;
    struct rd_record *rec = h->record;
    const char *text[] = { or_empty(r->threat), or_empty(r->test), r->attack->name,
        r->target ? r->target->digest : "", r->eval ? r->eval->digest : "",
        r->recipe                                  ? r->recipe->data->digest
        : r->attack->kind == RD_EXTRACT && r->pool ? r->pool->digest
                                                   : "",
        or_empty(r->actor), r->control_aware, r->recipe ? r->recipe->digest : "" };
    const char **field[] = { &rec->threat, &rec->test, &rec->attack, &rec->target_digest,
        &rec->data_digest, &rec->pool_digest, &rec->actor, &rec->control_aware,
        &rec->recipe_digest };
    rd_status st;

    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        if (!text[i])
            continue;
        *field[i] = rd_arena_strdup(h->arena, text[i]);
        if (!*field[i])
            return rd_run_no_memory(h->run, "the record");
    }
    rec->attack_version = r->attack->version;
    rec->seed = h->run->seed;
    rec->access = h->granted;
    rec->criterion = h->criterion;
    st = controls(h);
    return st ? st : settings(h);
}

/* --- the run --- */

/* What the attack needs is withheld: every trial failed, and the record says why. */
static rd_status record_withheld(struct rd_harness *h)
{
    const struct rd_trial_request *r = h->request;
    struct rd_record *rec = h->record;
    const bool examples = r->attack->kind == RD_EVADE;
    struct rd_metric *m = RD_NEW(h->arena, struct rd_metric);
    struct rd_trial *trial;

    rec->unit = examples ? "example" : "run";
    rec->n = examples ? r->eval->n : r->runs;
    rec->judged = examples ? "success share" : "utility";
    trial = RD_NEW_ARRAY(h->arena, struct rd_trial, rec->n);
    rec->outcome = RD_OUTCOME_NOT_DEMONSTRATED;
    rec->outcome_reason = rd_arena_printf(
        h->arena, "%s needs %s, which the target withholds", r->attack->name, h->withheld);
    if (!m || !trial || !rec->outcome_reason)
        return rd_run_no_memory(h->run, "the record");
    for (size_t i = 0; i < rec->n; i++)
        trial[i] = (struct rd_trial){ false, examples ? NAN : 0, NAN, examples ? NAN : 0 };
    rec->trials = trial;
    rec->n_trials = rec->n;
    rec->interval = examples ? rd_interval_of(rd_ci_proportion(0, rec->n, RD_LEVEL))
                             : (struct rd_interval){ 0, 0, 0 };
    *m = (struct rd_metric){ "clean_accuracy",
        rd_interval_of(rd_ci_proportion(h->n_right, r->eval->n, RD_LEVEL)), NULL };
    rec->metrics = m;
    rec->n_metrics = 1;
    return RD_OK;
}

static rd_status judge(struct rd_harness *h)
{
    switch (h->request->attack->kind) {
    case RD_EVADE:
        return rd_harness_evade(h);
    case RD_EXTRACT:
        return rd_harness_extract(h);
    case RD_POISON:
        return h->request->attack->inject ? rd_harness_profiles(h) : rd_harness_poison(h);
    case RD_INFER:
        return rd_harness_infer(h);
    }
    return RD_FAIL(h->run->err, RD_E_BUG, "an attack of no kind");
}

/* How many thefts or victims: as asked, else the attack's option, else one. */
static size_t runs_of(const struct rd_trial_request *r)
{
    const double option = r->attack && r->options ? rd_request_number(r, "runs") : NAN;

    if (r->runs)
        return r->runs;
    return option >= 1 ? (size_t)option : 1;
}

rd_status rd_harness_run(struct rd_run *run, const struct rd_trial_request *request,
    struct rd_arena *arena, struct rd_record *record_out)
{
    struct rd_trial_request r = *request;
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_run inner = *run;
    struct rd_error own = { 0 };
    struct rd_record record = { 0 };
    struct rd_harness h = { .run = &inner, .request = &r, .arena = arena, .record = &record };
    rd_status st;

    inner.scratch = &scratch;
    inner.err = run->err ? run->err : &own;
    r.runs = runs_of(request);
    h.criterion = isnan(r.criterion) ? CRITERION_DEFAULT : r.criterion;
    st = check(&h, &r);
    if (!st && !trains_victims(r.attack))
        st = rd_gate(&h);
    if (!st)
        st = check_pool(&h);
    if (!st && r.attack->kind == RD_EXTRACT)
        st = rd_harness_student(&h);
    if (!st)
        st = identity(&h);
    if (!st)
        st = h.withheld ? record_withheld(&h) : judge(&h);
    rd_arena_release(&scratch);
    if (st)
        return RD_WRAP(inner.err, st, "cannot run %s on %s%s%s",
            r.attack ? r.attack->name : "nothing", r.target ? "'" : "",
            r.target   ? r.target->label
            : r.recipe ? "the training recipe"
            : r.clicks ? "the recommender"
                       : "no target",
            r.target ? "'" : "");
    record.rows_total = h.rows_total;
    *record_out = record;
    return RD_OK;
}

rd_status rd_harness_estimate(
    struct rd_run *run, const struct rd_trial_request *request, struct rd_estimate *estimate_out)
{
    struct rd_trial_request r = *request;
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_run inner = *run;
    struct rd_error own = { 0 };
    struct rd_harness h = { .run = &inner, .request = &r };
    rd_status st;

    inner.scratch = &scratch;
    inner.err = run->err ? run->err : &own;
    inner.step = NULL;
    r.runs = runs_of(request);
    st = check(&h, &r);
    if (!st)
        st = rd_estimate_within(&h, estimate_out);
    rd_arena_release(&scratch);
    return st;
}
