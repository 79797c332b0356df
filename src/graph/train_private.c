/*
 * train_private.c - DP-SGD: each example's gradient clipped, noise on their sum.
 *
 * Lots are drawn by Poisson sampling (each example is in a lot with probability batch / examples,
 * independently), since that is what the accountant in stats/rdp.h speaks of; the noisy sum is
 * divided by the expected size of a lot. Examples run in contexts of one row, so their gradients
 * never meet before they are clipped.
 *
 * Source: Abadi, Chu, Goodfellow, McMahan, Mironov, Talwar, Zhang 2016, arXiv:1607.00133,
 * algorithm 1.
 */
#include "base/rng.h"
#include "graph/train_impl.h"
#include "stats/dist.h"

#include <math.h>
#include <string.h>

enum { SLICE = 1 << 14 };

struct private_slice {
    struct train_param *param;
    size_t first, n;
    double square; /* of the example's gradient here */
};

struct train_private {
    struct train *t;
    const struct rd_train *how;
    struct private_slice *slice;
    size_t n_slices;
    float shrink; /* of the example that is added */
    uint64_t step;
    double lot; /* expected examples of a lot */
};

rd_status train_private_check(const struct rd_train *how, struct rd_error *err)
{
    if (!(how->clip >= 0) || !isfinite(how->clip) || !(how->noise >= 0) || !isfinite(how->noise))
        return RD_FAIL(
            err, RD_E_USAGE, "clip %g and noise %g: both must be 0 or more", how->clip, how->noise);
    if (how->noise > 0 && !(how->clip > 0))
        return RD_FAIL(err, RD_E_USAGE, "noise without clip hides nothing: give a clip above 0");
    return RD_OK;
}

rd_status train_private_new(struct train *t, const struct rd_train *how, double lot,
    struct rd_arena *arena, struct train_private **private_out, struct rd_error *err)
{
    struct train_private *p = RD_NEW(arena, struct train_private);
    size_t n = 0;

    for (int i = 0; i < t->code->n_steps; i++)
        if (t->code->step[i].kind == PLAN_BATCHNORM) {
            char label[96];

            return RD_FAIL(err, RD_E_USAGE,
                "%s mixes the examples of a batch: their gradients cannot be clipped one by one",
                rd_graph_node_label(t->graph, (size_t)t->code->step[i].node, label, sizeof label));
        }
    for (struct train_param *w = t->params; w; w = w->next)
        n += (w->count + SLICE - 1) / SLICE;
    if (p)
        p->slice = RD_NEW_ARRAY(arena, struct private_slice, n + 1);
    if (!p || !p->slice)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for private training");
    p->t = t;
    p->how = how;
    p->lot = lot;
    for (struct train_param *w = t->params; w; w = w->next) {
        w->sum = RD_NEW_ARRAY(arena, float, w->count + 1);
        if (!w->sum)
            return RD_FAIL(err, RD_E_MEMORY, "no memory for private training");
        for (size_t first = 0; first < w->count; first += SLICE)
            p->slice[p->n_slices++] = (struct private_slice){
                .param = w, .first = first, .n = w->count - first < SLICE ? w->count - first : SLICE
            };
    }
    *private_out = p;
    return RD_OK;
}

void train_private_lot(
    const struct train_private *p, uint64_t step, size_t n, size_t *row, size_t *n_out)
{
    struct rd_rng rng = rd_rng_stream(p->how->seed, "train/lot", step);
    const double q = p->lot / (double)n;

    *n_out = 0;
    for (size_t i = 0; i < n; i++)
        if (rd_rng_unit(&rng) < q)
            row[(*n_out)++] = i;
}

/* A weight used in several places has several gradients: their sum is the example's. */
static rd_status measure(void *user, size_t at, size_t worker)
{
    struct train_private *p = user;
    struct private_slice *s = &p->slice[at];
    float *g = s->param->uses->grad + s->first;

    (void)worker;
    for (const struct train_use *more = s->param->uses->next; more; more = more->next)
        p->t->code->kernels->add(g, more->grad + s->first, g, s->n);
    s->square = 0;
    for (size_t i = 0; i < s->n; i++)
        s->square += (double)g[i] * (double)g[i];
    return RD_OK;
}

static rd_status add(void *user, size_t at, size_t worker)
{
    const struct train_private *p = user;
    const struct private_slice *s = &p->slice[at];
    const float *g = s->param->uses->grad + s->first;
    float *sum = s->param->sum + s->first;

    (void)worker;
    for (size_t i = 0; i < s->n; i++)
        sum[i] += p->shrink * g[i];
    return RD_OK;
}

rd_status train_private_add(struct train_private *p)
{
    struct train *t = p->t, one = *t;
    rd_status st = RD_OK;

    one.n_contexts = 1;
    for (size_t i = 0; i < t->n_contexts && !st; i++) {
        double square = 0, norm;

        one.context = &t->context[i];
        st = train_weights(&one);
        if (!st)
            st = rd_pool_run(t->pool, p->n_slices, measure, p);
        for (size_t s = 0; s < p->n_slices; s++)
            square += p->slice[s].square;
        norm = sqrt(square);
        p->shrink = norm > p->how->clip ? (float)(p->how->clip / norm) : 1;
        if (!st)
            st = rd_pool_run(t->pool, p->n_slices, add, p);
    }
    return st;
}

static rd_status close_slice(void *user, size_t at, size_t worker)
{
    const struct train_private *p = user;
    const struct private_slice *s = &p->slice[at];
    struct rd_rng rng = rd_rng_stream(p->how->seed, "train/noise", p->step * p->n_slices + at);
    const double sigma = p->how->noise * p->how->clip;
    float *sum = s->param->sum + s->first, *g = s->param->uses->grad + s->first;

    (void)worker;
    for (size_t i = 0; i < s->n; i++) {
        const double noise = sigma > 0 ? sigma * rd_normal_draw(&rng) : 0;

        g[i] = (float)(((double)sum[i] + noise) / p->lot);
        sum[i] = 0;
    }
    return RD_OK;
}

rd_status train_private_close(struct train_private *p, uint64_t step)
{
    p->step = step;
    return rd_pool_run(p->t->pool, p->n_slices, close_slice, p);
}
