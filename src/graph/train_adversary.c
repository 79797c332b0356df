/*
 * train_adversary.c - a batch moved uphill before its step: adversarial training.
 *
 * The adversary attacks the network as it will be used (running statistics, no dropout) with the
 * weights of the moment. It works row by row: neither threads nor chunks change what comes out.
 *
 * Sources: Madry, Makelov, Schmidt, Tsipras, Vladu 2018, arXiv:1706.06083, section 2.1 (several
 * steps); Wong, Rice, Kolter 2020, arXiv:2001.03994, algorithm 3 (one step from a random start).
 */
#include "base/rng.h"
#include "graph/train_impl.h"

#include <math.h>
#include <string.h>

struct train_adversary {
    const struct rd_train *how;
    struct rd_pool *pool;
    struct plan_code *code;       /* input gradients; shares the packed weights of training */
    struct plan_context *context; /* one a worker */
    struct rd_error *error;
    float *grad, *clean; /* (workers, rows, inputs) */
    /* of the batch that is moved */
    const struct train_lot *lot;
    size_t rows;
    float eps, step_size;
};

rd_status train_adversary_check(const struct rd_train *how, struct rd_error *err)
{
    const struct rd_train_adversary *a = &how->adversary;

    if (!a->steps)
        return RD_OK;
    if (!(a->eps > 0) || !isfinite(a->eps) || !(a->step_size > 0) || !isfinite(a->step_size))
        return RD_FAIL(err, RD_E_USAGE,
            "the adversary's radius is %g and its step size %g: both must be above 0", a->eps,
            a->step_size);
    if (!(a->low < a->high) || !isfinite(a->low) || !isfinite(a->high))
        return RD_FAIL(err, RD_E_USAGE, "the adversary's box reaches from %g to %g", (double)a->low,
            (double)a->high);
    if (!(a->ramp_epochs >= 0) || !isfinite(a->ramp_epochs))
        return RD_FAIL(
            err, RD_E_USAGE, "the adversary's ramp of %g epochs is out of range", a->ramp_epochs);
    return RD_OK;
}

rd_status train_adversary_new(const struct train *t, const struct rd_train *how,
    const struct rd_tensor **aligned, struct plan_pack **packs, size_t floats,
    struct rd_arena *arena, struct train_adversary **adversary_out, struct rd_error *err)
{
    const size_t workers = rd_pool_threads(t->pool);
    const struct plan_limits limits = {
        .floats = floats / workers,
        .work = 1e12 + 1e6 * (double)t->graph->file_bytes,
        .logits = true,
    };
    struct train_adversary *a = RD_NEW(arena, struct train_adversary);
    size_t each;
    rd_status st;

    if (!a)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for adversarial training");
    st = plan_build(
        t->graph, t->code->kernels, PLAN_GRADIENT, &limits, aligned, packs, arena, &a->code, err);
    if (st)
        return RD_WRAP(err, st, "the adversary of '%s'", t->graph->path);
    if (!a->code || !a->code->slot[a->code->input].grad_written)
        return RD_FAIL(err, RD_E_USAGE,
            "'%s' gives no gradient of its input: it cannot be trained against an adversary",
            t->graph->path);
    a->how = how;
    a->pool = t->pool;
    each = a->code->rows * a->code->inputs;
    a->context = RD_NEW_ARRAY(arena, struct plan_context, workers);
    a->error = RD_NEW_ARRAY(arena, struct rd_error, workers);
    a->grad = rd_arena_alloc(arena, workers * each, sizeof(float));
    a->clean = rd_arena_alloc(arena, workers * each, sizeof(float));
    if (!a->context || !a->error || !a->grad || !a->clean)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for adversarial training");
    for (size_t i = 0; i < workers; i++) {
        st = plan_context_init(a->code, arena, &a->context[i], err);
        if (st)
            return st;
        a->context[i].err = &a->error[i];
    }
    *adversary_out = a;
    return RD_OK;
}

/* Into the ball about clean and the box; a value the data has outside the box stays there. */
static float inside(const struct train_adversary *a, float clean, float x)
{
    const float low = fminf(a->how->adversary.low, clean),
                high = fmaxf(a->how->adversary.high, clean);

    return fminf(fmaxf(x, fmaxf(clean - a->eps, low)), fminf(clean + a->eps, high));
}

static void start(const struct train_adversary *a, uint64_t key, float *x, size_t inputs)
{
    struct rd_rng rng = rd_rng_stream(a->how->seed, "train/adversary", key);

    for (size_t i = 0; i < inputs; i++)
        x[i] = inside(a, x[i], x[i] + a->eps * (2 * rd_rng_unit_float(&rng) - 1));
}

static rd_status gradient(const struct train_adversary *a, struct plan_context *ctx, size_t first)
{
    const struct plan_code *code = a->code;
    const struct train_lot *lot = a->lot;
    const rd_status st = plan_forward(code, ctx, 0, code->n_steps);

    if (st)
        return st;
    plan_cross_entropy(&(struct plan_loss){
        .logits = plan_data(code, ctx, code->output, 0),
        .label = lot->label ? lot->label + first : NULL,
        .soft = lot->label ? NULL : lot->soft + first * code->outputs,
        .n = ctx->n,
        .classes = code->outputs,
        .grad = plan_grad(code, ctx, code->output, 0),
        .scale = 1,
    });
    return plan_backward(code, ctx, 0, code->n_steps);
}

static rd_status move(void *user, size_t at, size_t worker)
{
    struct train_adversary *a = user;
    struct plan_context *ctx = &a->context[worker];
    const size_t inputs = a->code->inputs, each = a->code->rows * inputs, first = at * a->rows;
    const size_t n = a->lot->n - first < a->rows ? a->lot->n - first : a->rows;
    float *x = a->lot->x + first * inputs, *clean = a->clean + worker * each;
    float *grad = a->grad + worker * each;
    rd_status st = RD_OK;

    memcpy(clean, x, n * inputs * sizeof *x);
    for (size_t r = 0; a->how->adversary.random_start && r < n; r++)
        start(a, a->lot->key[first + r], x + r * inputs, inputs);
    ctx->n = n;
    ctx->x = x;
    ctx->dx = grad;
    for (unsigned step = 0; step < a->how->adversary.steps && !st; step++) {
        st = gradient(a, ctx, first);
        for (size_t i = 0; i < n * inputs && !st; i++) {
            const float by = grad[i] > 0 ? a->step_size : grad[i] < 0 ? -a->step_size : 0;

            x[i] = inside(a, clean[i], x[i] + by);
        }
    }
    return st;
}

rd_status train_adversary_move(
    struct train_adversary *a, const struct train_lot *lot, double share, struct rd_error *err)
{
    const size_t workers = rd_pool_threads(a->pool);
    rd_status st;

    if (!lot->n || !(share > 0))
        return RD_OK;
    a->lot = lot;
    a->eps = (float)(share * a->how->adversary.eps);
    a->step_size = (float)(share * a->how->adversary.step_size);
    a->rows = (lot->n + 2 * workers - 1) / (2 * workers);
    a->rows = a->rows < a->code->rows ? a->rows : a->code->rows;
    for (size_t i = 0; i < workers; i++)
        a->error[i] = (struct rd_error){ 0 };
    st = rd_pool_run(a->pool, (lot->n + a->rows - 1) / a->rows, move, a);
    for (size_t i = 0; st && err && i < workers; i++)
        if (a->error[i].status == st) {
            *err = a->error[i];
            break;
        }
    return st;
}
