/*
 * recipe.c - a victim from a recipe: what screens leave over, fresh weights, training.
 *
 * One network among many is trained by one thread, with no pool inside; since training gives the
 * same bytes on any number of threads, it is the network that rd_recipe_train alone would give.
 */
#include "target/recipe.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/rng.h"
#include "base/text.h"
#include "graph/rewrite.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* --- what a recipe is --- */

rd_status rd_recipe_graph(const struct rd_graph *graph, struct rd_arena *arena,
    const struct rd_graph **graph_out, struct rd_error *err)
{
    struct rd_graph *scores, *logits;
    rd_status st;

    *graph_out = graph;
    if (!rd_graph_is_one_number(graph))
        return RD_OK;
    st = rd_graph_two_classes(graph, arena, &scores, &logits, err);
    if (!st)
        *graph_out = logits;
    return st;
}

/* The weights start afresh in every victim: two files that differ in them alone are one recipe. */
static rd_status shape_digest(
    const struct rd_graph *graph, char hex_out[RD_DIGEST_HEX], struct rd_error *err)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_graph *bare;
    rd_status st = rd_graph_copy(graph, &arena, &bare, err);

    if (!st)
        st = rd_graph_init_weights(bare, 0, err);
    if (!st)
        st = rd_graph_digest(bare, hex_out, err);
    rd_arena_release(&arena);
    return st;
}

rd_status rd_recipe_digest(struct rd_recipe *recipe, struct rd_error *err)
{
    const struct rd_train *how = &recipe->how;
    const double real[] = { how->lr, how->momentum, how->weight_decay, how->adversary.eps,
        how->adversary.step_size, (double)how->adversary.low, (double)how->adversary.high,
        how->adversary.ramp_epochs, how->clip, how->noise };
    struct rd_buf text = { 0 };
    char shape[RD_DIGEST_HEX], number[32];
    rd_status st = shape_digest(recipe->graph, shape, err);

    if (st)
        return RD_WRAP(err, st, "the training recipe");
    rd_buf_printf(&text, "recipe 1\n%s\n%s\n%s\n%zu %zu %u %d\n", shape, how->optimizer,
        how->schedule, how->epochs, how->batch, how->adversary.steps, how->adversary.random_start);
    for (size_t i = 0; i < sizeof real / sizeof *real; i++)
        rd_buf_printf(&text, "%s\n", rd_text_from_double(real[i], number));
    st = text.failed ? RD_FAIL(err, RD_E_MEMORY, "no memory to name a recipe")
                     : rd_digest_bytes(text.text, text.len, recipe->digest, err);
    rd_buf_release(&text);
    return st;
}

/* --- one network --- */

/* Every screen sees all rows; what any of them marks is left out. */
static rd_status screen(struct rd_run *run, const struct rd_recipe *recipe,
    const struct rd_dataset *data, uint64_t seed, struct rd_recipe_report *report,
    struct rd_arena *arena)
{
    struct rd_recipe bare = *recipe; /* a screen that trains does not screen for that again */
    bool *one = NULL;

    bare.treatment = NULL;
    bare.n_treatments = 0;
    for (size_t t = 0; t < recipe->n_treatments; t++) {
        const struct rd_treatment *tr = recipe->treatment[t];
        struct rd_rng rng = rd_rng_stream(seed, "recipe/screen", t);
        struct rd_run inner = *run;
        rd_status st;

        if (!tr->screen)
            continue;
        if (!one) {
            one = RD_NEW_ARRAY(run->scratch, bool, data->n);
            report->drop = RD_NEW_ARRAY(arena, bool, data->n);
            if (!one || !report->drop)
                return rd_run_no_memory(run, "screening");
        }
        memset(one, 0, data->n * sizeof *one);
        inner.seed = rd_rng_u64(&rng);
        st = tr->screen(&inner, tr->self, &bare, data, NULL, one, NULL);
        if (st)
            return RD_WRAP(run->err, st, "screening with %s", tr->text ? tr->text : "a treatment");
        for (size_t i = 0; i < data->n; i++)
            report->drop[i] |= one[i];
    }
    for (size_t i = 0; report->drop && i < data->n; i++)
        report->dropped += report->drop[i];
    return RD_OK;
}

/* The rows that are not dropped, in order; the digest is left empty. */
static rd_status keep(struct rd_run *run, const struct rd_dataset *data, const bool *drop,
    size_t dropped, struct rd_dataset *kept)
{
    const size_t n = data->n - dropped;
    float *x = RD_NEW_ARRAY(run->scratch, float, n * data->width);
    int *label = RD_NEW_ARRAY(run->scratch, int, n);
    int *contributor = data->contributor ? RD_NEW_ARRAY(run->scratch, int, n) : NULL;
    size_t at = 0;

    if (!n)
        return RD_FAIL(run->err, RD_E_INPUT, "the screens left none of %zu training rows", data->n);
    if (!x || !label || (data->contributor && !contributor))
        return rd_run_no_memory(run, "the rows that passed the screens");
    for (size_t i = 0; i < data->n; i++) {
        if (drop[i])
            continue;
        memcpy(x + at * data->width, data->x + i * data->width, data->width * sizeof *x);
        label[at] = data->label[i];
        if (contributor)
            contributor[at] = data->contributor[i];
        at++;
    }
    *kept = *data;
    kept->n = n;
    kept->x = x;
    kept->label = label;
    kept->contributor = contributor;
    kept->row = NULL; /* positions in the file, and times: no training looks at them */
    kept->time = NULL;
    kept->digest[0] = '\0';
    return RD_OK;
}

static rd_status train_within(struct rd_run *run, const struct rd_recipe *recipe,
    const struct rd_dataset *data, uint64_t seed, struct rd_arena *arena,
    struct rd_graph **trained_out, struct rd_recipe_report *report)
{
    struct rd_train how = recipe->how;
    struct rd_dataset kept = *data;
    struct rd_graph *fresh;
    rd_status st;

    if (!recipe->graph || !data->label)
        return RD_FAIL(run->err, RD_E_INPUT, "a training recipe needs %s",
            recipe->graph ? "labels" : "the shape of a network");
    st = screen(run, recipe, data, seed, report, arena);
    if (!st && report->dropped)
        st = keep(run, data, report->drop, report->dropped, &kept);
    for (size_t t = 0; !st && t < recipe->n_treatments; t++) {
        const struct rd_treatment *tr = recipe->treatment[t];

        if (tr->train)
            st = tr->train(run, tr->self, &kept, &how);
    }
    how.seed = seed;
    if (!st)
        st = rd_graph_copy(recipe->graph, run->scratch, &fresh, run->err);
    if (!st)
        st = rd_graph_init_weights(fresh, seed, run->err);
    if (!st)
        st = rd_net_train(
            run, fresh, &how, kept.x, kept.label, NULL, kept.n, arena, trained_out, &report->train);
    return st;
}

rd_status rd_recipe_train(struct rd_run *run, const struct rd_recipe *recipe,
    const struct rd_dataset *data, uint64_t seed, struct rd_arena *arena,
    struct rd_graph **trained_out, struct rd_recipe_report *report_out)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_recipe_report report = { 0 };
    struct rd_error own = { 0 };
    struct rd_run inner = *run;
    rd_status st;

    inner.scratch = &scratch;
    inner.err = run->err ? run->err : &own;
    inner.seed = seed;
    st = train_within(&inner, recipe, data, seed, arena, trained_out, &report);
    rd_arena_release(&scratch);
    if (st)
        return RD_WRAP(inner.err, st, "training by the recipe");
    *report_out = report;
    return RD_OK;
}

/* --- many networks --- */

struct crowd;

struct member {
    struct crowd *crowd;
    struct rd_arena *arena; /* of the network */
    struct rd_error err;
    rd_status status;
    size_t done, total; /* of its last step */
};

struct crowd {
    struct rd_run *run;
    const struct rd_recipe *recipe;
    struct rd_recipe_job *job;
    struct member *member;
    size_t n;
    pthread_mutex_t lock; /* around the caller's step, which knows nothing of threads */
    bool stopped;
};

/* One bar for all: in thousandths of a network. */
static bool step_together(void *user, const char *what, size_t done, size_t total)
{
    struct member *me = user;
    struct crowd *c = me->crowd;
    size_t sum = 0;
    bool go;

    (void)what;
    (void)pthread_mutex_lock(&c->lock);
    me->done = done;
    me->total = total;
    for (size_t i = 0; i < c->n; i++)
        if (c->member[i].total)
            sum += 1000 * c->member[i].done / c->member[i].total;
    if (!c->stopped && !c->run->step(c->run->user, "training victims", sum, 1000 * c->n))
        c->stopped = true;
    go = !c->stopped;
    (void)pthread_mutex_unlock(&c->lock);
    return go;
}

static rd_status train_member(void *user, size_t at, size_t worker)
{
    struct crowd *c = user;
    struct member *me = &c->member[at];
    struct rd_recipe_job *job = &c->job[at];
    struct rd_run inner = *c->run;

    (void)worker;
    inner.scratch = NULL; /* rd_recipe_train brings its own */
    inner.err = &me->err;
    inner.pool = NULL;
    inner.log = NULL; /* a sink knows nothing of threads */
    inner.step = c->run->step ? step_together : NULL;
    inner.user = me;
    me->status = rd_recipe_train(
        &inner, c->recipe, job->data, job->seed, me->arena, &job->trained, &job->report);
    return me->status;
}

static void release(void *arena)
{
    rd_arena_release(arena);
}

/* An arena belongs to one thread: each network gets its own, released with the caller's. */
static rd_status arenas(struct crowd *c, struct rd_arena *arena)
{
    for (size_t i = 0; i < c->n; i++) {
        c->member[i].crowd = c;
        c->member[i].arena = RD_NEW(arena, struct rd_arena);
        if (!c->member[i].arena || rd_arena_guard(arena, release, c->member[i].arena))
            return rd_run_no_memory(c->run, "victims");
    }
    return RD_OK;
}

rd_status rd_recipe_train_all(struct rd_run *run, const struct rd_recipe *recipe,
    struct rd_recipe_job *jobs, size_t n, struct rd_arena *arena)
{
    struct crowd c = { .run = run, .recipe = recipe, .job = jobs, .n = n };
    rd_status st;

    if (n == 1) /* all threads for the one */
        return rd_recipe_train(
            run, recipe, jobs->data, jobs->seed, arena, &jobs->trained, &jobs->report);
    c.member = RD_NEW_ARRAY(run->scratch, struct member, n);
    if (!c.member)
        return rd_run_no_memory(run, "victims");
    st = arenas(&c, arena);
    if (st)
        return st;
    (void)pthread_mutex_init(&c.lock, NULL);
    st = rd_pool_run(run->pool, n, train_member, &c);
    (void)pthread_mutex_destroy(&c.lock);
    for (size_t i = 0; st && run->err && i < n; i++)
        if (c.member[i].status) { /* the lowest one is what the pool reports */
            *run->err = c.member[i].err;
            break;
        }
    return st;
}
