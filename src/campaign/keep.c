#include "campaign/keep.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/doc.h"
#include "base/json_write.h"
#include "data/clicks.h"
#include "evidence/store.h"
#include "target/recipe.h"
#include "target/recommender.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void write_settings(struct rd_json *j, const struct rd_option *table, const void *values)
{
    rd_json_kobject(j, "settings");
    for (const struct rd_option *o = table; o && o->type != RD_OPT_END; o++) {
        const void *field = (const char *)values + o->offset;

        rd_json_key(j, o->name);
        switch (o->type) {
        case RD_OPT_BOOL:
            rd_json_bool(j, *(const bool *)field);
            break;
        case RD_OPT_INT:
            rd_json_int(j, *(const int64_t *)field);
            break;
        case RD_OPT_REAL:
            rd_json_real(j, *(const double *)field);
            break;
        case RD_OPT_CHOICE:
        case RD_OPT_TEXT:
            rd_json_text(j, *(const char *const *)field);
            break;
        case RD_OPT_LIST:
        case RD_OPT_END:
            rd_json_null(j);
            break;
        }
    }
    rd_json_end(j);
}

static void write_recipe(struct rd_json *j, const struct rd_recipe *recipe)
{
    rd_json_ktext(j, "recipe", recipe->digest);
    rd_json_kbool(j, "recipe_is_assumed", recipe->assumed);
    rd_json_ktext(j, "training_data", recipe->data->digest);
    rd_json_karray(j, "treatments");
    for (size_t i = 0; i < recipe->n_treatments; i++)
        rd_json_text(j, recipe->treatment[i]->text);
    rd_json_end(j);
}

static void write_recommender(
    struct rd_json *j, const struct rd_trial_request *r, const char *recommender)
{
    rd_json_ktext(j, "clicks", r->clicks->digest);
    rd_json_ktext(j, "recommender", recommender);
    rd_json_karray(j, "screens");
    for (size_t i = 0; i < r->recommender->n_screens; i++)
        rd_json_text(j, r->recommender->screen[i]->text);
    rd_json_end(j);
}

rd_status rd_keep_key(struct rd_run *run, const struct rd_trial_request *r, char key_out[65])
{
    struct rd_buf b = { 0 };
    struct rd_json j = { .out = &b };
    char student[RD_DIGEST_HEX] = "";
    const char *recommender = "";
    rd_status st = RD_OK;

    if (r->recommender) {
        recommender = rd_recommender_text(r->recommender, run->scratch);
        if (!recommender)
            return rd_run_no_memory(run, "the key of a test");
    }

    if (r->student)
        st = rd_graph_digest(r->student, student, run->err);
    rd_json_object(&j);
    rd_json_ktext(&j, "attack", r->attack->name);
    rd_json_kint(&j, "attack_version", r->attack->version);
    write_settings(&j, r->attack->options, r->options);
    rd_json_ku64(&j, "seed", run->seed);
    rd_json_ktext(&j, "target", r->target ? r->target->digest : "");
    if (r->target && !r->target->digest[0]) /* an endpoint or a process: where it is */
        rd_json_ktext(&j, "asked", r->target->label);
    rd_json_ktext(&j, "controls", r->target ? r->target->controls : "");
    rd_json_ktext(&j, "data", r->eval ? r->eval->digest : "");
    if (r->recipe)
        write_recipe(&j, r->recipe);
    if (r->dress.wrap)
        rd_json_ktext(&j, "worn", r->dress.text);
    if (r->clicks && r->recommender)
        write_recommender(&j, r, recommender);
    if (r->noticing > 0)
        rd_json_kreal(&j, "noticing", r->noticing);
    rd_json_ktext(&j, "pool", r->pool ? r->pool->digest : "");
    rd_json_kbool(&j, "pool_is_labeled", r->pool_is_labeled);
    rd_json_ktext(&j, "student", student);
    if (r->straight_through)
        rd_json_ktext(&j, "surrogate", "straight-through");
    rd_json_kint(&j, "norm", (int64_t)r->norm);
    rd_json_kint(&j, "access", (int64_t)r->actor_access);
    rd_json_ku64(&j, "budget", r->budget);
    rd_json_ku64(&j, "quota", r->target ? r->target->quota : 0);
    rd_json_kint(&j, "runs", (int64_t)r->runs);
    rd_json_kint(&j, "curve_points", (int64_t)r->curve_points);
    rd_json_kreal(&j, "criterion", r->criterion);
    rd_json_kreal(&j, "stated_accuracy", r->stated_accuracy);
    rd_json_kreal(&j, "box_low", (double)r->box_low);
    rd_json_kreal(&j, "box_high", (double)r->box_high);
    rd_json_ktext(&j, "threat", r->threat);
    rd_json_ktext(&j, "test", r->test);
    rd_json_ktext(&j, "actor", r->actor);
    rd_json_ktext(&j, "control_aware", r->control_aware);
    rd_json_end(&j);
    if (!st && b.failed)
        st = rd_run_no_memory(run, "the key of a test");
    if (!st)
        st = rd_digest_bytes(b.text, b.len, key_out, run->err);
    rd_json_release(&j);
    rd_buf_release(&b);
    return st;
}

static rd_status look_up(struct rd_run *run, struct rd_store *store, const char *key,
    struct rd_arena *arena, struct rd_record **record_out)
{
    struct rd_bytes bytes;
    struct rd_doc *doc;
    struct rd_record *record;
    rd_status st = rd_store_find(store, key, arena, &bytes, run->err);

    *record_out = NULL;
    if (st || !bytes.size)
        return st;
    st = rd_doc_read_json(
        "evidence", bytes.data, bytes.size, &rd_limits_default, arena, &doc, run->err);
    record = RD_NEW(arena, struct rd_record);
    if (!st && !record)
        st = rd_run_no_memory(run, "a record");
    if (!st)
        st = rd_record_read(doc, arena, record, run->err);
    if (st)
        return RD_WRAP(run->err, st, "reading the evidence of an earlier run");
    *record_out = record;
    return RD_OK;
}

static rd_status append(struct rd_run *run, const struct rd_campaign_options *o, const char *key,
    const struct rd_record *record, double seconds)
{
    struct rd_buf result = { 0 }, about = { 0 };
    struct rd_json j = { .out = &result }, k = { .out = &about };
    char stamp[32] = "";
    const time_t now = time(NULL);
    struct tm utc;
    rd_status st = RD_OK;

    if (gmtime_r(&now, &utc))
        (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
    rd_record_write(record, &j);
    rd_json_object(&k);
    rd_json_ktext(&k, "at", stamp);
    rd_json_kreal(&k, "seconds", floor(seconds * 1000) / 1000);
    if (o->run_json)
        rd_json_kraw(&k, "tool", o->run_json, strlen(o->run_json));
    rd_json_end(&k);
    if (result.failed || about.failed)
        st = rd_run_no_memory(run, "a record");
    if (!st)
        st = rd_store_append(
            o->store, key, result.text, result.len, about.text, about.len, run->err);
    rd_json_release(&j);
    rd_json_release(&k);
    rd_buf_release(&result);
    rd_buf_release(&about);
    return st;
}

static double now_seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

rd_status rd_keep_run(struct rd_run *run, const struct rd_campaign_options *o,
    const struct rd_trial_request *request, struct rd_arena *arena, struct rd_kept *kept_out)
{
    struct rd_trial_request r = *request;
    struct rd_record *record = NULL;
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_run inner = *run;
    const double start = now_seconds();
    rd_status st = rd_keep_key(run, &r, kept_out->key);

    if (!st && o->store && (!r.target || r.target->digest[0] || o->reuse || o->stored_only))
        st = look_up(run, o->store, kept_out->key, arena, &record);
    if (st)
        return st;
    kept_out->reused = record != NULL;
    kept_out->record = record;
    if (record || o->stored_only)
        return RD_OK;
    record = RD_NEW(arena, struct rd_record);
    if (!record)
        return rd_run_no_memory(run, "a record");
    if (o->pictures && r.attack->kind == RD_EVADE) {
        char *path = rd_arena_printf(arena, "%s/adv-%s.npy", o->pictures, kept_out->key);

        if (!path)
            return rd_run_no_memory(run, "a path");
        r.save = path;
    }
    if (o->pictures && r.attack->triggers) {
        r.save_trigger = rd_arena_printf(arena, "%s/trigger-%s.npz", o->pictures, kept_out->key);
        if (!r.save_trigger)
            return rd_run_no_memory(run, "a path");
    }
    inner.scratch = &scratch; /* an attack's working memory ends with it */
    st = rd_harness_run(&inner, &r, arena, record);
    rd_arena_release(&scratch);
    if (!st && o->store)
        st = append(run, o, kept_out->key, record, now_seconds() - start);
    kept_out->record = record;
    return st;
}
