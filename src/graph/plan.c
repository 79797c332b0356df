/* plan.c - chunks of a batch through a plan, over the pool. */
#include "graph/plan.h"

#include "base/alloc.h"
#include "base/pool.h"
#include "graph/plan_impl.h"

#include <math.h>
#include <string.h>

struct rd_plan {
    const struct rd_graph *graph;
    struct rd_pool *pool;
    const struct rd_kernels *kernels;
    struct rd_arena arena;
    const struct rd_tensor **aligned;
    struct plan_pack *packs;
    size_t answers; /* calls of a few rows that went without late packs */
    struct {        /* one a mode; made when first asked for */
        struct plan_code *code;
        struct plan_context *context; /* one a worker */
        struct rd_error *error;       /* one a worker: chunks fail side by side */
    } mode[PLAN_TRAIN];
};

enum {
    FEW_ROWS = 4,       /* of a call that goes without packing large matrices */
    FEW_ANSWERS = 3,    /* such calls; then packing pays */
    SMALL_WEIGHT = 4096 /* bytes */
};

static rd_status align_weight(struct rd_plan *p, int v, struct rd_error *err)
{
    const struct rd_tensor *w = p->graph->value[v].weight;
    struct rd_tensor *copy;
    rd_status st;

    if (!w || w->dtype == RD_STRING || p->aligned[v] || (uintptr_t)w->data % 16 == 0)
        return RD_OK;
    st = rd_tensor_new(&p->arena, w->dtype, w->dim, w->ndim, NULL, &copy, err);
    if (st)
        return st;
    memcpy(copy->data, w->data, rd_tensor_bytes(w));
    p->aligned[v] = copy;
    return RD_OK;
}

/* Weights in a mapped file may stand at any byte: those that are read while the plan is made get a
 * copy now, what operator rows compute with when they first do. Packing reads them where they are.
 */
static rd_status align_weights(struct rd_plan *p, struct rd_error *err)
{
    rd_status st = RD_OK;

    p->aligned = RD_NEW_ARRAY(&p->arena, const struct rd_tensor *, p->graph->n_values + 1);
    if (!p->aligned)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the weights of '%s'", p->graph->path);
    for (size_t v = 0; v < p->graph->n_values && !st; v++)
        if (p->graph->value[v].weight && rd_tensor_bytes(p->graph->value[v].weight) <= SMALL_WEIGHT)
            st = align_weight(p, (int)v, err);
    return st;
}

static rd_status align_for_rows(
    struct rd_plan *p, const struct plan_code *code, struct rd_error *err)
{
    rd_status st = RD_OK;

    for (int i = 0; i < code->n_steps; i++) {
        const struct plan_step *s = &code->step[i];

        for (int k = 0; s->kind == PLAN_NODE && k < s->n_in && !st; k++)
            if (s->in_slot[k] < 0 && p->graph->node[s->node].input[k] >= 0)
                st = align_weight(p, p->graph->node[s->node].input[k], err);
    }
    return st;
}

rd_status plan_context_init(const struct plan_code *code, struct rd_arena *arena,
    struct plan_context *ctx, struct rd_error *err)
{
    rd_status st = RD_OK;

    ctx->mem = rd_arena_alloc(arena, code->floats + 16, sizeof(float));
    ctx->call = RD_NEW_ARRAY(arena, struct plan_call, (size_t)code->n_steps + 1);
    if (!ctx->mem || !ctx->call)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a chunk of %zu examples", code->rows);
    for (int i = 0; i < code->n_steps && !st; i++)
        st = plan_node_init(code, arena, ctx, i, err);
    return st;
}

/* A model file must not name its own price: what all contexts may take, and what an example may
 * cost (as exec.h). */
static const size_t CONTEXTS_BYTES = (size_t)256 << 20, BYTES_PER_FILE_BYTE = 64;
static const double WORK = 1e12, WORK_PER_FILE_BYTE = 1e6;

/* The plan of a mode. *possible false: the graph is not for plans, or too large for one. */
static rd_status make(struct rd_plan *p, enum plan_mode mode, bool *possible, struct rd_error *err)
{
    struct plan_limits limits = {
        .work = WORK + WORK_PER_FILE_BYTE * (double)p->graph->file_bytes,
    };
    struct rd_error why = { 0 };
    size_t bytes = CONTEXTS_BYTES;
    rd_status st;

    *possible = true;
    if (p->mode[mode].code)
        return RD_OK;
    if (p->graph->file_bytes < ((size_t)1 << 40) / BYTES_PER_FILE_BYTE)
        bytes += BYTES_PER_FILE_BYTE * p->graph->file_bytes;
    limits.floats = bytes / sizeof(float) / rd_pool_threads(p->pool);
    st = plan_build(p->graph, p->kernels, mode, &limits, p->aligned, &p->packs, &p->arena,
        &p->mode[mode].code, &why);
    *possible = !st && p->mode[mode].code;
    if (st == RD_E_LIMIT)
        return RD_OK;
    if (st && err)
        *err = why;
    return st;
}

struct filling {
    const struct rd_plan *plan;
    const struct plan_code *code;
    struct plan_pack **pack;
};

static rd_status fill_one(void *user, size_t at, size_t worker)
{
    const struct filling *f = user;
    struct plan_pack *k = f->pack[at];

    (void)worker;
    plan_pack_fill(f->plan->kernels, k, plan_weight(f->code, k->value));
    k->filled = true;
    return RD_OK;
}

/* A few rows go through a large matrix as it lies in the file, which costs less than packing it. */
static rd_status fill_packs(struct rd_plan *p, enum plan_mode mode, size_t n, struct rd_error *err)
{
    const bool few = mode == PLAN_INFER && n <= FEW_ROWS && p->answers < FEW_ANSWERS;
    struct filling f = { .plan = p, .code = p->mode[mode].code };
    size_t count = 0;

    p->answers += few;
    for (const struct plan_pack *k = p->packs; k; k = k->next)
        count += !k->filled && !(few && k->late);
    if (!count)
        return RD_OK;
    f.pack = RD_NEW_ARRAY(&p->arena, struct plan_pack *, count);
    if (!f.pack || !plan_packs_room(p->kernels, p->packs, !few, &p->arena))
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the weights of '%s'", p->graph->path);
    count = 0;
    for (struct plan_pack *k = p->packs; k; k = k->next)
        if (!k->filled && !(few && k->late))
            f.pack[count++] = k;
    return rd_pool_run(p->pool, count, fill_one, &f);
}

/* Packed weights; contexts, when a mode runs for the first time. n: rows of the call. */
static rd_status prepare(struct rd_plan *p, enum plan_mode mode, size_t n, struct rd_error *err)
{
    const size_t workers = rd_pool_threads(p->pool);
    struct plan_context *context;
    bool possible;
    rd_status st;

    if (p->mode[mode].context)
        return fill_packs(p, mode, n, err);
    st = make(p, mode, &possible, err);
    if (!st && !possible)
        return RD_FAIL(err, RD_E_LIMIT,
            "gradients of '%s' take more memory than a model of its size may", p->graph->path);
    if (st)
        return st;
    st = fill_packs(p, mode, n, err);
    if (!st)
        st = align_for_rows(p, p->mode[mode].code, err);
    if (st)
        return st;
    context = RD_NEW_ARRAY(&p->arena, struct plan_context, workers);
    p->mode[mode].error = RD_NEW_ARRAY(&p->arena, struct rd_error, workers);
    if (!context || !p->mode[mode].error)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu workers", workers);
    for (size_t i = 0; i < workers; i++) {
        st = plan_context_init(p->mode[mode].code, &p->arena, &context[i], err);
        if (st)
            return st;
        context[i].err = &p->mode[mode].error[i];
    }
    p->mode[mode].context = context;
    return RD_OK;
}

rd_status rd_plan_open(const struct rd_graph *graph, struct rd_pool *pool,
    struct rd_plan **plan_out, struct rd_error *err)
{
    struct rd_plan *p = rd_alloc(sizeof *p);
    bool possible = false;
    rd_status st;

    *plan_out = NULL;
    if (!p)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to prepare '%s'", graph->path);
    *p = (struct rd_plan){ .graph = graph, .pool = pool };
    st = rd_kernels_choose(&p->kernels, err);
    if (!st)
        st = align_weights(p, err);
    if (!st)
        st = make(p, PLAN_INFER, &possible, err);
    if (st || !possible) {
        rd_plan_free(p);
        return st;
    }
    *plan_out = p;
    return RD_OK;
}

void rd_plan_free(struct rd_plan *plan)
{
    if (!plan)
        return;
    rd_arena_release(&plan->arena);
    rd_free(plan);
}

/* --- loss --- */

void plan_cross_entropy(const struct plan_loss *l)
{
    for (size_t r = 0; r < l->n; r++) {
        const float *logit = l->logits + r * l->classes;
        const float *soft = l->label ? NULL : l->soft + r * l->classes;
        double top = (double)logit[0], sum = 0, loss = 0;
        size_t best = 0, want = 0;

        /* Subtract the row maximum first: exp() overflows above 709. */
        for (size_t i = 1; i < l->classes; i++)
            if ((double)logit[i] > top) {
                top = (double)logit[i];
                best = i;
            }
        for (size_t i = 0; i < l->classes; i++)
            sum += exp((double)logit[i] - top);
        for (size_t i = 0; soft && i < l->classes; i++) {
            loss += (double)soft[i] * (log(sum) + top - (double)logit[i]);
            want = soft[i] > soft[want] ? i : want;
        }
        if (!soft) {
            want = (size_t)l->label[r];
            loss = log(sum) + top - (double)logit[want];
        }
        for (size_t i = 0; l->grad && i < l->classes; i++) {
            const double target = soft ? (double)soft[i] : (double)(i == want);

            l->grad[r * l->classes + i] =
                (float)(l->scale * (exp((double)logit[i] - top) / sum - target));
        }
        if (l->loss)
            l->loss[r] = loss;
        if (l->hit)
            l->hit[r] = best == want;
    }
}

/* --- running --- */

struct job {
    struct rd_plan *plan;
    enum plan_mode mode;
    const float *x, *cotangent;
    const int *label;
    float *out, *grad, *loss;
    size_t n, rows;
};

static rd_status chunk(void *user, size_t at, size_t worker)
{
    const struct job *j = user;
    const struct plan_code *code = j->plan->mode[j->mode].code;
    struct plan_context *ctx = &j->plan->mode[j->mode].context[worker];
    const size_t first = at * j->rows;
    rd_status st;

    ctx->n = j->n - first < j->rows ? j->n - first : j->rows;
    ctx->x = j->x + first * code->inputs;
    ctx->dx = j->grad ? j->grad + first * code->inputs : NULL;
    ctx->cotangent = j->cotangent ? j->cotangent + first * code->outputs : NULL;
    st = plan_forward(code, ctx, 0, code->n_steps);
    if (st)
        return st;
    if (j->out)
        memcpy(j->out + first * code->outputs, plan_data(code, ctx, code->output, 0),
            ctx->n * code->outputs * sizeof(float));
    if (j->mode == PLAN_INFER)
        return RD_OK;
    if (j->label) {
        double loss[64];

        plan_cross_entropy(&(struct plan_loss){
            .logits = plan_data(code, ctx, code->output, 0),
            .label = j->label + first,
            .n = ctx->n,
            .classes = code->outputs,
            .grad = plan_grad(code, ctx, code->output, 0),
            .scale = 1,
            .loss = loss,
        });
        for (size_t i = 0; j->loss && i < ctx->n; i++)
            j->loss[first + i] = (float)loss[i];
    }
    if (!code->slot[code->input].grad_written) { /* the output does not depend on the input */
        memset(ctx->dx, 0, ctx->n * code->inputs * sizeof(float));
        return RD_OK;
    }
    return plan_backward(code, ctx, 0, code->n_steps);
}

static rd_status run(struct job *j, struct rd_error *err)
{
    const size_t workers = rd_pool_threads(j->plan->pool);
    size_t turns;
    rd_status st;

    if (!j->n)
        return RD_OK;
    st = prepare(j->plan, j->mode, j->n, err);
    if (st)
        return st;
    /* As many chunks as workers can share evenly: the split does not change a bit of the result. */
    j->rows = j->plan->mode[j->mode].code->rows;
    turns = (j->n + j->rows * workers - 1) / (j->rows * workers);
    j->rows = (j->n + turns * workers - 1) / (turns * workers);
    for (size_t i = 0; i < workers; i++)
        j->plan->mode[j->mode].error[i] = (struct rd_error){ 0 };
    st = rd_pool_run(j->plan->pool, (j->n + j->rows - 1) / j->rows, chunk, j);
    for (size_t i = 0; st && err && i < workers; i++)
        if (j->plan->mode[j->mode].error[i].status == st) {
            *err = j->plan->mode[j->mode].error[i];
            break;
        }
    return st;
}

rd_status rd_plan_forward(
    struct rd_plan *plan, const float *x, size_t n, float *out, struct rd_error *err)
{
    return run(&(struct job){ .plan = plan, .mode = PLAN_INFER, .x = x, .n = n, .out = out }, err);
}

rd_status rd_plan_vjp(struct rd_plan *plan, const float *x, const float *cotangent, size_t n,
    float *grad, struct rd_error *err)
{
    return run(&(struct job){ .plan = plan,
                   .mode = PLAN_GRADIENT,
                   .x = x,
                   .cotangent = cotangent,
                   .n = n,
                   .grad = grad },
        err);
}

rd_status rd_plan_loss_gradient(struct rd_plan *plan, const float *x, const int *label, size_t n,
    float *grad, float *loss, float *out, struct rd_error *err)
{
    return run(&(struct job){ .plan = plan,
                   .mode = PLAN_GRADIENT,
                   .x = x,
                   .label = label,
                   .n = n,
                   .grad = grad,
                   .loss = loss,
                   .out = out },
        err);
}
