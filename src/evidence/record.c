/*
 * record.c - a record as canonical JSON, and back.
 *
 * Trials and traces are written as columns: a thousand trials are four arrays, not a thousand
 * objects. NaN is written as null; a reason beside it says why.
 */
#include "evidence/record.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const outcome_names[] = { "demonstrated", "not demonstrated", "inconclusive" };

const char *rd_outcome_name(enum rd_outcome o)
{
    return (unsigned)o < 3 ? outcome_names[o] : "inconclusive";
}

const struct rd_metric *rd_record_metric(const struct rd_record *r, const char *name)
{
    for (size_t i = 0; i < r->n_metrics; i++)
        if (!strcmp(r->metrics[i].name, name))
            return &r->metrics[i];
    return NULL;
}

/* --- out --- */

static void put_interval(struct rd_json *j, const struct rd_interval *v)
{
    rd_json_kreal(j, "value", v->value);
    rd_json_kreal(j, "low", v->low);
    rd_json_kreal(j, "high", v->high);
}

static void put_points(struct rd_json *j, const struct rd_curve *c)
{
    for (size_t i = 0; i < c->n; i++) {
        rd_json_object(j);
        rd_json_kreal(j, "budget", c->x[i]);
        put_interval(j, &c->y[i]);
        rd_json_end(j);
    }
}

static void put_curves(const struct rd_record *r, struct rd_json *j)
{
    rd_json_karray(j, "curves");
    for (size_t i = 0; i < r->n_curves; i++) {
        rd_json_object(j);
        rd_json_ktext(j, "metric", r->curves[i].metric);
        rd_json_ktext(j, "budget", r->curves[i].budget);
        rd_json_karray(j, "points");
        put_points(j, &r->curves[i]);
        rd_json_end(j);
        rd_json_end(j);
    }
    rd_json_end(j);
}

/* A number when that is what the text reads back as to the letter, else text. */
static void put_setting(struct rd_json *j, const struct rd_pair *p)
{
    char again[32];
    double v;

    if (rd_text_to_double(p->value, false, &v) && !strcmp(rd_text_from_double(v, again), p->value))
        rd_json_kreal(j, p->name, v);
    else
        rd_json_ktext(j, p->name, p->value);
}

static void put_common(const struct rd_record *r, struct rd_json *j)
{
    rd_json_ktext(j, "threat", r->threat);
    rd_json_ktext(j, "test", r->test);
    rd_json_ktext(j, "attack", r->attack);
    rd_json_kint(j, "attack_version", r->attack_version);
    rd_json_kobject(j, "settings");
    for (size_t i = 0; i < r->n_settings; i++)
        put_setting(j, &r->settings[i]);
    rd_json_end(j);
    rd_json_ku64(j, "seed", r->seed);
    rd_json_ktext(j, "target_digest", r->target_digest);
    rd_json_ktext(j, "data_digest", r->data_digest);
    rd_json_ktext(j, "pool_digest", r->pool_digest);
    rd_json_ktext(j, "recipe_digest", r->recipe_digest);
    rd_json_karray(j, "controls");
    for (size_t i = 0; i < r->n_controls; i++)
        rd_json_text(j, r->controls[i]);
    rd_json_end(j);
    rd_json_ktext(j, "control_aware", r->control_aware);
    rd_json_ktext(j, "actor", r->actor);
    rd_json_kint(j, "access", (int64_t)r->access);
    rd_json_ktext(j, "unit", r->unit);
    rd_json_kint(j, "n", (int64_t)r->n);
    rd_json_kint(j, "successes", (int64_t)r->successes);
    rd_json_kreal(j, "value", r->interval.value);
    rd_json_karray(j, "interval");
    rd_json_real(j, r->interval.low);
    rd_json_real(j, r->interval.high);
    rd_json_end(j);
    rd_json_kreal(j, "criterion", r->criterion);
    rd_json_ktext(j, "judged", r->judged);
    rd_json_ktext(j, "outcome", rd_outcome_name(r->outcome));
    rd_json_ktext(j, "outcome_reason", r->outcome_reason);
    rd_json_kobject(j, "metrics");
    for (size_t i = 0; i < r->n_metrics; i++) {
        rd_json_kobject(j, r->metrics[i].name);
        put_interval(j, &r->metrics[i].v);
        if (r->metrics[i].reason)
            rd_json_ktext(j, "reason", r->metrics[i].reason);
        rd_json_end(j);
    }
    rd_json_end(j);
    put_curves(r, j);
    rd_json_kint(j, "queries", (int64_t)r->queries);
    rd_json_kint(j, "rows_total", (int64_t)r->rows_total);
    rd_json_kint(j, "gradients", (int64_t)r->gradients);
}

void rd_record_write_members(const struct rd_record *r, struct rd_json *j)
{
    put_common(r, j);
    rd_json_karray(j, "curve"); /* the first one: what most readers want */
    if (r->n_curves)
        put_points(j, &r->curves[0]);
    rd_json_end(j);
}

void rd_record_write_short(const struct rd_record *r, struct rd_json *j)
{
    rd_json_object(j);
    rd_record_write_members(r, j);
    rd_json_end(j);
}

static void put_trials(const struct rd_record *r, struct rd_json *j)
{
    rd_json_kobject(j, "trials");
    rd_json_karray(j, "success");
    for (size_t i = 0; i < r->n_trials; i++)
        rd_json_int(j, r->trials[i].success);
    rd_json_end(j);
    rd_json_karray(j, "queries");
    for (size_t i = 0; i < r->n_trials; i++)
        rd_json_real(j, r->trials[i].queries);
    rd_json_end(j);
    rd_json_karray(j, "distance");
    for (size_t i = 0; i < r->n_trials; i++)
        rd_json_real(j, r->trials[i].distance);
    rd_json_end(j);
    rd_json_karray(j, "metric");
    for (size_t i = 0; i < r->n_trials; i++)
        rd_json_real(j, r->trials[i].metric);
    rd_json_end(j);
    rd_json_end(j);
}

void rd_record_write(const struct rd_record *r, struct rd_json *j)
{
    rd_json_object(j);
    put_common(r, j);
    put_trials(r, j);
    rd_json_karray(j, "traces");
    for (size_t i = 0; i < r->n_traces; i++) {
        const struct rd_trace *t = &r->traces[i];

        rd_json_object(j);
        rd_json_kint(j, "run", (int64_t)t->run);
        rd_json_ktext(j, "metric", t->metric);
        rd_json_karray(j, "x");
        for (size_t k = 0; k < t->n; k++)
            rd_json_real(j, t->x[k]);
        rd_json_end(j);
        rd_json_karray(j, "y");
        for (size_t k = 0; k < t->n; k++)
            rd_json_real(j, t->y[k]);
        rd_json_end(j);
        rd_json_end(j);
    }
    rd_json_end(j);
    rd_json_end(j);
}

/* --- in --- */

/* Reads members one after the other; the first failure stays. */
struct reader {
    struct rd_arena *arena;
    struct rd_error *err;
    rd_status st;
};

static void fail(struct reader *in, const struct rd_doc *at, const char *key, const char *want)
{
    if (!in->st)
        in->st = RD_FAIL(in->err, RD_E_INPUT, "record, line %d: '%s' should be %s",
            at ? at->line : 0, key, want);
}

static void *room(struct reader *in, size_t n, size_t size)
{
    void *p = in->st ? NULL : rd_arena_alloc(in->arena, n ? n : 1, size);

    if (!in->st && !p)
        in->st = RD_FAIL(in->err, RD_E_MEMORY, "no memory for a record");
    return p;
}

static const char *copy(struct reader *in, const char *text)
{
    const char *p = in->st ? NULL : rd_arena_strdup(in->arena, text);

    if (!in->st && !p)
        in->st = RD_FAIL(in->err, RD_E_MEMORY, "no memory for a record");
    return p;
}

/* A member of the right kind, or NULL after fail(). */
static const struct rd_doc *member(
    struct reader *in, const struct rd_doc *doc, const char *key, enum rd_doc_kind kind)
{
    const struct rd_doc *d = in->st ? NULL : rd_doc_get(doc, key);

    if (d && d->kind == kind)
        return d;
    fail(in, d ? d : doc, key, kind == RD_DOC_LIST ? "a list" : "an object");
    return NULL;
}

static const char *get_text(
    struct reader *in, const struct rd_doc *doc, const char *key, bool may_be_null)
{
    const struct rd_doc *d = in->st ? NULL : rd_doc_get(doc, key);

    if (in->st)
        return NULL;
    if (d && d->kind == RD_DOC_NULL && may_be_null)
        return NULL;
    if (!d || !rd_doc_text(d)) {
        fail(in, d ? d : doc, key, "a text");
        return NULL;
    }
    return copy(in, rd_doc_text(d));
}

static double as_real(
    struct reader *in, const struct rd_doc *d, const struct rd_doc *at, const char *key)
{
    double v = NAN;

    if (in->st || (d && d->kind == RD_DOC_NULL))
        return NAN;
    if (!d || !rd_doc_real(d, &v))
        fail(in, d ? d : at, key, "a number or null");
    return v;
}

static double get_real(struct reader *in, const struct rd_doc *doc, const char *key)
{
    return as_real(in, rd_doc_get(doc, key), doc, key);
}

static int64_t get_int(struct reader *in, const struct rd_doc *doc, const char *key, int64_t max)
{
    const struct rd_doc *d = rd_doc_get(doc, key);
    int64_t v = 0;

    if (!in->st && (!d || !rd_doc_int(d, &v) || v < 0 || v > max))
        fail(in, d ? d : doc, key, "a whole number, not negative");
    return in->st ? 0 : v;
}

static uint64_t get_u64(struct reader *in, const struct rd_doc *doc, const char *key)
{
    const char *text = get_text(in, doc, key, false);
    uint64_t v = 0;

    if (!text)
        return 0;
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '9' || v > (UINT64_MAX - (uint64_t)(*p - '0')) / 10) {
            fail(in, rd_doc_get(doc, key), key, "a 64-bit number in quotes");
            return 0;
        }
        v = v * 10 + (uint64_t)(*p - '0');
    }
    return v;
}

static struct rd_interval get_interval(struct reader *in, const struct rd_doc *doc)
{
    return (struct rd_interval){ get_real(in, doc, "value"), get_real(in, doc, "low"),
        get_real(in, doc, "high") };
}

/* A list of numbers; *n_out its length. */
static double *get_reals(
    struct reader *in, const struct rd_doc *doc, const char *key, size_t *n_out)
{
    const struct rd_doc *d = member(in, doc, key, RD_DOC_LIST);
    double *v = d ? room(in, d->n, sizeof *v) : NULL;

    *n_out = d ? d->n : 0;
    for (size_t i = 0; v && i < d->n; i++)
        v[i] = as_real(in, &d->item[i], d, key);
    return v;
}

static void get_settings(struct reader *in, const struct rd_doc *doc, struct rd_record *r)
{
    const struct rd_doc *d = member(in, doc, "settings", RD_DOC_MAP);
    struct rd_pair *pair = d ? room(in, d->n, sizeof *pair) : NULL;

    for (size_t i = 0; pair && i < d->n; i++) {
        if (!rd_doc_text(&d->item[i])) {
            fail(in, &d->item[i], "settings", "an object of texts and numbers");
            return;
        }
        pair[i] = (struct rd_pair){ copy(in, d->item[i].key), copy(in, rd_doc_text(&d->item[i])) };
    }
    r->settings = pair;
    r->n_settings = d ? d->n : 0;
}

static void get_controls(struct reader *in, const struct rd_doc *doc, struct rd_record *r)
{
    const struct rd_doc *d = member(in, doc, "controls", RD_DOC_LIST);
    const char **list = d ? room(in, d->n, sizeof *list) : NULL;

    for (size_t i = 0; list && i < d->n; i++) {
        if (!rd_doc_text(&d->item[i])) {
            fail(in, &d->item[i], "controls", "a list of texts");
            return;
        }
        list[i] = copy(in, rd_doc_text(&d->item[i]));
    }
    r->controls = list;
    r->n_controls = d ? d->n : 0;
}

static void get_metrics(struct reader *in, const struct rd_doc *doc, struct rd_record *r)
{
    const struct rd_doc *d = member(in, doc, "metrics", RD_DOC_MAP);
    struct rd_metric *m = d ? room(in, d->n, sizeof *m) : NULL;

    for (size_t i = 0; m && i < d->n; i++) {
        const struct rd_doc *item = &d->item[i];

        m[i].name = copy(in, item->key);
        m[i].v = get_interval(in, item);
        m[i].reason = rd_doc_get(item, "reason") ? get_text(in, item, "reason", true) : NULL;
    }
    r->metrics = m;
    r->n_metrics = d ? d->n : 0;
}

static void get_curves(struct reader *in, const struct rd_doc *doc, struct rd_record *r)
{
    const struct rd_doc *d = member(in, doc, "curves", RD_DOC_LIST);
    struct rd_curve *c = d ? room(in, d->n, sizeof *c) : NULL;

    for (size_t i = 0; c && i < d->n; i++) {
        const struct rd_doc *points = member(in, &d->item[i], "points", RD_DOC_LIST);
        const size_t n = points ? points->n : 0;
        double *x = room(in, n, sizeof *x);
        struct rd_interval *y = room(in, n, sizeof *y);

        for (size_t k = 0; x && y && k < n; k++) {
            x[k] = get_real(in, &points->item[k], "budget");
            y[k] = get_interval(in, &points->item[k]);
        }
        c[i] = (struct rd_curve){ get_text(in, &d->item[i], "metric", false),
            get_text(in, &d->item[i], "budget", false), n, x, y };
    }
    r->curves = c;
    r->n_curves = d ? d->n : 0;
}

static void get_trials(struct reader *in, const struct rd_doc *doc, struct rd_record *r)
{
    const struct rd_doc *d = member(in, doc, "trials", RD_DOC_MAP);
    size_t n[4];
    const double *success = get_reals(in, d, "success", &n[0]);
    const double *queries = get_reals(in, d, "queries", &n[1]);
    const double *distance = get_reals(in, d, "distance", &n[2]);
    const double *metric = get_reals(in, d, "metric", &n[3]);
    struct rd_trial *t;

    if (!in->st && (n[1] != n[0] || n[2] != n[0] || n[3] != n[0]))
        fail(in, d, "trials", "four lists of one length");
    t = room(in, n[0], sizeof *t);
    for (size_t i = 0; t && i < n[0]; i++) /* 1.0 and 0.0 are exact */
        t[i] = (struct rd_trial){ success[i] > 0.5, queries[i], distance[i], metric[i] };
    r->trials = t;
    r->n_trials = n[0];
}

static void get_traces(struct reader *in, const struct rd_doc *doc, struct rd_record *r)
{
    const struct rd_doc *d = member(in, doc, "traces", RD_DOC_LIST);
    struct rd_trace *t = d ? room(in, d->n, sizeof *t) : NULL;

    for (size_t i = 0; t && i < d->n; i++) {
        const struct rd_doc *item = &d->item[i];
        size_t n_y;

        t[i].run = (size_t)get_int(in, item, "run", INT32_MAX);
        t[i].metric = get_text(in, item, "metric", false);
        t[i].x = get_reals(in, item, "x", &t[i].n);
        t[i].y = get_reals(in, item, "y", &n_y);
        if (!in->st && n_y != t[i].n)
            fail(in, item, "y", "as long as x");
    }
    r->traces = t;
    r->n_traces = d ? d->n : 0;
}

static void get_outcome(struct reader *in, const struct rd_doc *doc, struct rd_record *r)
{
    const char *name = get_text(in, doc, "outcome", false);

    for (unsigned i = 0; name && i < 3; i++)
        if (!strcmp(name, outcome_names[i])) {
            r->outcome = (enum rd_outcome)i;
            return;
        }
    fail(in, doc, "outcome", "demonstrated, not demonstrated or inconclusive");
}

rd_status rd_record_read(const struct rd_doc *doc, struct rd_arena *arena,
    struct rd_record *record_out, struct rd_error *err)
{
    struct reader in = { .arena = arena, .err = err };
    struct rd_record r = { 0 };
    const struct rd_doc *interval;

    if (!doc || doc->kind != RD_DOC_MAP)
        return RD_FAIL(err, RD_E_INPUT, "a record should be an object");
    r.threat = get_text(&in, doc, "threat", false);
    r.test = get_text(&in, doc, "test", false);
    r.attack = get_text(&in, doc, "attack", false);
    r.attack_version = (int)get_int(&in, doc, "attack_version", INT32_MAX);
    get_settings(&in, doc, &r);
    r.seed = get_u64(&in, doc, "seed");
    r.target_digest = get_text(&in, doc, "target_digest", false);
    r.data_digest = get_text(&in, doc, "data_digest", false);
    r.pool_digest = get_text(&in, doc, "pool_digest", false);
    r.recipe_digest = get_text(&in, doc, "recipe_digest", false);
    get_controls(&in, doc, &r);
    r.control_aware = get_text(&in, doc, "control_aware", true);
    r.actor = get_text(&in, doc, "actor", false);
    r.access = (unsigned)get_int(&in, doc, "access", INT32_MAX);
    r.unit = get_text(&in, doc, "unit", false);
    r.n = (size_t)get_int(&in, doc, "n", INT64_MAX);
    r.successes = (size_t)get_int(&in, doc, "successes", INT64_MAX);
    r.interval.value = get_real(&in, doc, "value");
    interval = member(&in, doc, "interval", RD_DOC_LIST);
    if (interval && interval->n != 2)
        fail(&in, interval, "interval", "[low, high]");
    if (!in.st) {
        r.interval.low = as_real(&in, &interval->item[0], interval, "interval");
        r.interval.high = as_real(&in, &interval->item[1], interval, "interval");
    }
    r.criterion = get_real(&in, doc, "criterion");
    r.judged = get_text(&in, doc, "judged", false);
    get_outcome(&in, doc, &r);
    r.outcome_reason = get_text(&in, doc, "outcome_reason", true);
    get_metrics(&in, doc, &r);
    get_curves(&in, doc, &r);
    r.queries = (uint64_t)get_int(&in, doc, "queries", INT64_MAX);
    r.rows_total = (uint64_t)get_int(&in, doc, "rows_total", INT64_MAX);
    r.gradients = (uint64_t)get_int(&in, doc, "gradients", INT64_MAX);
    get_trials(&in, doc, &r);
    get_traces(&in, doc, &r);
    if (in.st)
        return in.st;
    *record_out = r;
    return RD_OK;
}
