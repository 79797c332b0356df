/*
 * init_recipe.c - how the victim may have been trained: nobody said, so it is assumed.
 *
 * The model's own graph from fresh weights, Adam, and as many passes as make some 500 steps or
 * more; of three learning rates the one that is right most often on the evaluation rows. Poisoning
 * and inference are then said about this recipe, never about the weights in use.
 */
#include "cli/init_from.h"

#include "attacks/harness_parts.h"
#include "base/file.h"
#include "target/recipe.h"

#include <math.h>

enum {
    STEPS = 500,
    STEPS_SMALL = 2000,
    EPOCHS_LEAST = 8,
    EPOCHS_MOST = 60,
    BATCH = 64,
    SMALL_BATCH = 32,
    SMALL = 1500
};
enum { TRAIN_LEAST = 400, TRAIN_MOST = 4000 };
/* Poisoning and inference together train some 80 networks: each may cost so many operations, a
 * second or two. Forward, backward and the weights are three passes. */
static const double work_most = 2e11;
static const double rates[] = { 0.002, 0.0005, 0.01 };

#define KAPPA_LEAST 0.2

size_t rd_from_train_most(struct rd_subject *s)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_graph *graph;
    double n = TRAIN_MOST;

    s->work = 0;
    if (s->kind == RD_FROM_FILE &&
        rd_graph_load(s->o->from, NULL, &scratch, &graph, NULL) == RD_OK &&
        rd_graph_flops(graph, 1, &s->work, NULL) == RD_OK && s->work > 0)
        n = work_most / (3 * s->work * EPOCHS_LEAST);
    rd_arena_release(&scratch);
    return (size_t)fmin(fmax(n, TRAIN_LEAST), TRAIN_MOST);
}

static rd_status accuracy_of(struct rd_subject *s, const struct rd_graph *graph,
    struct rd_arena *scratch, struct rd_agreement *out)
{
    const struct rd_dataset *d = &s->eval_set;
    int *answer = RD_NEW_ARRAY(scratch, int, d->n);
    struct rd_target *t;
    rd_status st;

    if (!answer)
        return rd_run_no_memory(&s->cli->run, "answers");
    st = rd_target_open_graph(graph, "recipe", s->cli->run.pool, scratch, &t, s->cli->run.err);
    if (!st)
        st = t->labels(t->self, d->x, d->n, answer, s->cli->run.err);
    return st ? st
              : rd_agreement(answer, d->label, d->n, t->classes, scratch, out, s->cli->run.err);
}

static rd_status train(struct rd_subject *s, struct rd_recipe *recipe, struct rd_agreement *a)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_recipe_report report;
    struct rd_graph *trained;
    rd_status st = rd_recipe_train(
        &s->cli->run, recipe, recipe->data, s->cli->run.seed, &scratch, &trained, &report);

    if (!st)
        st = accuracy_of(s, trained, &scratch, a);
    rd_arena_release(&scratch);
    return st;
}

/* What cannot be trained is no failure of init: it is said. */
static rd_status give_up(struct rd_subject *s, rd_status st)
{
    struct rd_error *err = s->cli->run.err;

    if (st == RD_E_MEMORY || st == RD_E_CANCELED)
        return st;
    s->why_no_recipe = rd_arena_strdup(s->cli->run.scratch, err->frames ? err->frame[0].text : "");
    *err = (struct rd_error){ 0 };
    return RD_OK;
}

static void first_guess(struct rd_subject *s, struct rd_train *how)
{
    const size_t n = s->train_set.n;
    size_t steps;

    *how = rd_train_default;
    how->batch = n < SMALL ? SMALL_BATCH : BATCH;
    /* Small networks can afford more, and rare classes need it. */
    steps = 3 * s->work * STEPS_SMALL * (double)how->batch <= work_most / 10 ? STEPS_SMALL : STEPS;
    how->epochs = (steps * how->batch + n - 1) / n;
    how->epochs = how->epochs < EPOCHS_LEAST  ? EPOCHS_LEAST
                  : how->epochs > EPOCHS_MOST ? EPOCHS_MOST
                                              : how->epochs;
}

rd_status rd_from_recipe(struct rd_subject *s)
{
    struct rd_recipe recipe = { .data = &s->train_set, .assumed = true };
    struct rd_graph *graph;
    struct rd_agreement a, best = { .kappa = -1 };
    rd_status st;

    if (s->kind != RD_FROM_FILE) {
        s->why_no_recipe = "an endpoint or a process shows no graph that could be trained again";
        return RD_OK;
    }
    st = rd_graph_load(s->o->from, NULL, s->cli->run.scratch, &graph, s->cli->run.err);
    if (!st)
        st = rd_recipe_graph(graph, s->cli->run.scratch, &recipe.graph, s->cli->run.err);
    if (st)
        return give_up(s, st);
    first_guess(s, &recipe.how);
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        recipe.how.lr = rates[i];
        st = train(s, &recipe, &a);
        if (st && best.kappa < 0)
            return give_up(s, st);
        if (st) { /* a rate that does not converge is not chosen */
            st = give_up(s, st);
            s->why_no_recipe = NULL;
            if (st)
                return st;
            continue;
        }
        if (a.kappa > best.kappa) {
            best = a;
            s->how = recipe.how;
        }
        if (a.share >= s->accuracy - 0.03)
            break;
    }
    s->recipe_accuracy = best.share;
    s->has_recipe = best.kappa >= KAPPA_LEAST;
    if (!s->has_recipe)
        s->why_no_recipe =
            "trained again from fresh weights on these rows, the graph learns nothing";
    return RD_OK;
}
