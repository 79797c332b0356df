/*
 * train.c - training: batches through a plan, weights by SGD or Adam.
 *
 * A batch is cut into chunks whose size follows from the batch size alone. Chunks run side by side;
 * what couples them (batch normalization, gradients of weights, the loss) goes example after
 * example. So the same seed gives the same bytes on any number of threads.
 *
 * Private training (train_private.c) cuts into chunks of one example and draws its lots at random;
 * a lot may be larger than a batch and is then gone through piece by piece.
 */
#include "graph/net.h"

#include "base/rng.h"
#include "graph/rewrite.h"
#include "graph/train_impl.h"

#include <math.h>
#include <string.h>

enum { CHUNKS = 4, CHUNK_MAX = 28, UPDATE_SLICE = 1 << 14 };

/* What a batch may take in all. */
static const size_t BATCH_BYTES = (size_t)4 << 30;

const struct rd_train rd_train_default = {
    .optimizer = "adam",
    .lr = 0.001,
    .momentum = 0.9,
    .weight_decay = 0,
    .schedule = "cosine",
    .epochs = 6,
    .batch = 64,
    .seed = 1,
};

struct loop {
    struct train t;
    const struct rd_train *how;
    bool adam;
    const float *x, *soft;
    const int *label;
    size_t n, rows; /* of a chunk */
    size_t batch, batch_n, batch_first;
    size_t *order;
    /* of the batch, chunk c from row c * rows on */
    float *batch_x, *batch_soft;
    int *batch_label;
    uint64_t *batch_key;
    double *loss;
    bool *hit;
    size_t epoch;
    int first, end; /* steps of the phase that runs */
    float rate, root;
    struct train_param **param; /* of each slice of the update */
    size_t *slice;
    size_t n_slices;
    struct train_adversary *adversary; /* NULL: none */
    struct train_private *private;     /* NULL: plain training */
};

static rd_status check_settings(const struct rd_graph *graph, const struct rd_train *how,
    bool labeled, size_t n, struct rd_error *err)
{
    if (strcmp(how->optimizer, "adam") != 0 && strcmp(how->optimizer, "sgd") != 0)
        return RD_FAIL(
            err, RD_E_USAGE, "optimizer '%.40s' is not one of adam, sgd", how->optimizer);
    if (strcmp(how->schedule, "constant") != 0 && strcmp(how->schedule, "cosine") != 0 &&
        strcmp(how->schedule, "one-cycle") != 0)
        return RD_FAIL(err, RD_E_USAGE,
            "schedule '%.40s' is not one of constant, cosine, one-cycle", how->schedule);
    if (!(how->lr > 0) || !isfinite(how->lr) || !(how->momentum >= 0) || !(how->momentum < 1) ||
        !(how->weight_decay >= 0) || !isfinite(how->weight_decay))
        return RD_FAIL(err, RD_E_USAGE,
            "learning rate (above 0), momentum (0 to 1) or weight decay (0 or more) is out of "
            "range");
    if (!how->epochs || !how->batch)
        return RD_FAIL(err, RD_E_USAGE, "epochs and batch must be at least 1");
    if (!n || !labeled)
        return RD_FAIL(
            err, RD_E_USAGE, "training '%s' needs examples and their labels", graph->path);
    const rd_status st = train_adversary_check(how, err);

    return st ? st : train_private_check(how, err);
}

rd_status train_check_data(const float *x, const int *label, const float *soft, size_t n,
    size_t inputs, size_t classes, struct rd_error *err)
{
    for (size_t r = 0; r < n; r++) {
        double sum = 0;

        for (size_t i = 0; i < inputs; i++)
            if (!isfinite(x[r * inputs + i]))
                return RD_FAIL(err, RD_E_INPUT,
                    "row %zu of the training data holds a value that is not finite", r);
        if (label && (label[r] < 0 || (size_t)label[r] >= classes))
            return RD_FAIL(
                err, RD_E_INPUT, "label %d of row %zu is outside 0..%zu", label[r], r, classes - 1);
        for (size_t i = 0; !label && i < classes; i++) {
            const float p = soft[r * classes + i];

            if (!(p >= 0) || !isfinite(p))
                return RD_FAIL(err, RD_E_INPUT,
                    "soft label of row %zu holds a value below 0 or not finite", r);
            sum += (double)p;
        }
        if (!label && fabs(sum - 1) > 1e-3)
            return RD_FAIL(err, RD_E_INPUT, "soft label of row %zu sums to %.6g, not 1", r, sum);
    }
    return RD_OK;
}

double train_rate(const struct rd_train *how, size_t at, size_t all)
{
    const double lr = how->lr, pi = 3.14159265358979323846;

    if (strcmp(how->schedule, "cosine") == 0)
        return lr * 0.5 * (1 + cos(pi * (double)at / (double)all));
    if (strcmp(how->schedule, "one-cycle") == 0) {
        /* As torch.optim.lr_scheduler.OneCycleLR: 30 % up from lr / 25, then down to lr / 250,000,
         * along cosines. */
        const double top = 0.3 * (double)all - 1, last = (double)all - 1, t = (double)at;
        const double low = lr / 25, end = low / 1e4;

        if (t <= top)
            return lr + (low - lr) * 0.5 * (1 + cos(pi * (top > 0 ? t / top : 1)));
        return end + (lr - end) * 0.5 * (1 + cos(pi * (last > top ? (t - top) / (last - top) : 1)));
    }
    return lr;
}

/* --- set-up --- */

static rd_status prepare(struct loop *l, struct rd_run *run)
{
    struct train *t = &l->t;
    struct rd_arena *a = run->scratch;
    const size_t max = (l->batch + l->rows - 1) / l->rows;
    const size_t inputs = t->code->inputs, classes = t->code->outputs;
    size_t n = 0;
    rd_status st;

    st = train_list(t, a, run->err);
    if (st)
        return st;
    for (struct plan_pack *p = t->packs; p; p = p->next)
        t->n_packs++;
    for (struct train_param *p = t->params; p; p = p->next)
        l->n_slices += (p->count + UPDATE_SLICE - 1) / UPDATE_SLICE;
    t->pack = RD_NEW_ARRAY(a, struct plan_pack *, t->n_packs + 1);
    t->context = RD_NEW_ARRAY(a, struct plan_context, max);
    t->error = RD_NEW_ARRAY(a, struct rd_error, max);
    l->param = RD_NEW_ARRAY(a, struct train_param *, l->n_slices + 1);
    l->slice = RD_NEW_ARRAY(a, size_t, l->n_slices + 1);
    l->order = RD_NEW_ARRAY(a, size_t, l->n);
    l->batch_x = rd_arena_alloc(a, l->batch, inputs * sizeof(float));
    l->batch_soft = l->label ? NULL : rd_arena_alloc(a, l->batch, classes * sizeof(float));
    l->batch_label = RD_NEW_ARRAY(a, int, l->batch);
    l->batch_key = RD_NEW_ARRAY(a, uint64_t, l->batch);
    l->loss = RD_NEW_ARRAY(a, double, l->batch);
    l->hit = RD_NEW_ARRAY(a, bool, l->batch);
    if (!t->pack || !t->context || !t->error || !l->param || !l->slice || !l->order ||
        !l->batch_x || (!l->label && !l->batch_soft) || !l->batch_label || !l->batch_key ||
        !l->loss || !l->hit || !plan_packs_room(t->code->kernels, t->packs, true, a))
        return rd_run_no_memory(run, "training");
    for (struct plan_pack *p = t->packs; p; p = p->next)
        t->pack[n++] = p;
    n = 0;
    for (struct train_param *p = t->params; p; p = p->next)
        for (size_t first = 0; first < p->count; first += UPDATE_SLICE) {
            l->param[n] = p;
            l->slice[n++] = first;
        }
    for (size_t i = 0; i < max; i++) {
        st = plan_context_init(t->code, a, &t->context[i], run->err);
        if (st)
            return st;
        t->context[i].err = &t->error[i];
    }
    return RD_OK;
}

/* --- one batch --- */

static rd_status refill(void *user, size_t at, size_t worker)
{
    struct loop *l = user;
    struct plan_pack *p = l->t.pack[at];

    (void)worker;
    plan_pack_fill(l->t.code->kernels, p, l->t.graph->value[p->value].weight);
    return RD_OK;
}

/* Copy the chunk's rows together, in the order of the epoch. */
static rd_status gather(void *user, size_t at, size_t worker)
{
    struct loop *l = user;
    struct plan_context *ctx = &l->t.context[at];
    const size_t inputs = l->t.code->inputs, classes = l->t.code->outputs;
    const size_t first = at * l->rows;

    (void)worker;
    ctx->n = l->batch_n - first < l->rows ? l->batch_n - first : l->rows;
    ctx->x = l->batch_x + first * inputs;
    ctx->example = l->batch_key + first;
    for (size_t i = first; i < first + ctx->n; i++) {
        const size_t row = l->order[l->batch_first + i];

        memcpy(l->batch_x + i * inputs, l->x + row * inputs, inputs * sizeof(float));
        l->batch_key[i] = (uint64_t)l->epoch * l->n + row;
        if (l->label)
            l->batch_label[i] = l->label[row];
        else
            memcpy(l->batch_soft + i * classes, l->soft + row * classes, classes * sizeof(float));
    }
    return RD_OK;
}

static rd_status forward(void *user, size_t at, size_t worker)
{
    struct loop *l = user;

    (void)worker;
    return plan_forward(l->t.code, &l->t.context[at], l->first, l->end);
}

static rd_status backward(void *user, size_t at, size_t worker)
{
    struct loop *l = user;

    (void)worker;
    return plan_backward(l->t.code, &l->t.context[at], l->first, l->end);
}

static rd_status losses(void *user, size_t at, size_t worker)
{
    struct loop *l = user;
    const struct plan_code *code = l->t.code;
    const struct plan_context *ctx = &l->t.context[at];
    const size_t first = at * l->rows;

    (void)worker;
    plan_cross_entropy(&(struct plan_loss){
        .logits = plan_data(code, ctx, code->output, 0),
        .label = l->label ? l->batch_label + first : NULL,
        .soft = l->label ? NULL : l->batch_soft + first * code->outputs,
        .n = ctx->n,
        .classes = code->outputs,
        .grad = plan_grad(code, ctx, code->output, 0),
        .scale = l->private ? 1 : 1 / (double)l->batch_n,
        .loss = l->loss + first,
        .hit = l->hit + first,
    });
    return RD_OK;
}

static rd_status update(void *user, size_t at, size_t worker)
{
    const struct loop *l = user;
    struct train_param *p = l->param[at];
    const size_t first = l->slice[at];
    struct rd_update u = {
        .w = p->w + first,
        .m = p->m + first,
        .v = p->v + first,
        .g = p->uses->grad + first,
        .n = p->count - first < UPDATE_SLICE ? p->count - first : UPDATE_SLICE,
        .rate = l->rate,
        .root = l->root,
        .decay = (float)l->how->weight_decay,
        .beta1 = (float)l->how->momentum,
        .beta2 = 0.999f,
        .epsilon = 1e-8f,
    };

    (void)worker;
    for (const struct train_use *more = l->private ? NULL : p->uses->next; more; more = more->next)
        l->t.code->kernels->add(
            p->uses->grad + first, more->grad + first, p->uses->grad + first, u.n);
    if (l->adam)
        l->t.code->kernels->adam(&u);
    else
        l->t.code->kernels->sgd(&u);
    return RD_OK;
}

/* Chunk by chunk, but that a batch normalization wants the sums of all: MOMENTS forward and
 * BATCHNORM back are the last steps before that. */
static rd_status all_forward(struct loop *l)
{
    const struct plan_code *code = l->t.code;
    rd_status st = RD_OK;

    for (int at = 0; at < code->n_steps && !st;) {
        l->first = at;
        while (at < code->n_steps && code->step[at].kind != PLAN_MOMENTS)
            at++;
        l->end = at < code->n_steps ? ++at : at;
        st = rd_pool_run(l->t.pool, l->t.n_contexts, forward, l);
        if (!st && code->step[at - 1].kind == PLAN_MOMENTS)
            train_norm_forward(&l->t, at);
    }
    return st;
}

static rd_status all_backward(struct loop *l)
{
    const struct plan_code *code = l->t.code;
    rd_status st = RD_OK;

    for (int at = code->n_steps; at > 0 && !st;) {
        l->end = at;
        while (at > 0 && code->step[at - 1].kind != PLAN_BATCHNORM)
            at--;
        l->first = at > 0 ? --at : at;
        st = rd_pool_run(l->t.pool, l->t.n_contexts, backward, l);
        if (!st && code->step[at].kind == PLAN_BATCHNORM && code->step[at].back)
            train_norm_backward(&l->t, at);
    }
    return st;
}

/* Gradients of the batch_n examples from batch_first of the order on. */
static rd_status gradients(struct loop *l, double share, struct rd_error *err)
{
    struct train *t = &l->t;
    rd_status st;

    t->n_contexts = (l->batch_n + l->rows - 1) / l->rows;
    st = rd_pool_run(t->pool, t->n_contexts, gather, l);
    if (!st && l->adversary)
        st = train_adversary_move(l->adversary,
            &(struct train_lot){ l->batch_x, l->label ? l->batch_label : NULL, l->batch_soft,
                l->batch_key, l->batch_n },
            share, err);
    if (!st)
        st = all_forward(l);
    if (!st)
        st = rd_pool_run(t->pool, t->n_contexts, losses, l);
    if (!st)
        st = all_backward(l);
    if (!st)
        st = l->private ? train_private_add(l->private) : train_weights(t);
    for (size_t i = 0; st && i < t->n_contexts; i++)
        if (t->error[i].status == st && err) {
            *err = t->error[i];
            break;
        }
    return st;
}

static rd_status step_weights(struct loop *l, double rate, size_t step)
{
    l->rate = (float)rate;
    l->root = 1;
    if (l->adam) {
        l->rate = (float)(rate / (1 - pow(l->how->momentum, (double)step)));
        l->root = (float)(1 / sqrt(1 - pow(0.999, (double)step)));
    }
    return rd_pool_run(l->t.pool, l->n_slices, update, l);
}

/* --- the loop --- */

struct tally {
    double loss;
    size_t hits, seen;
};

/* One step on `lot` examples from place `first` of the order on. */
static rd_status one_step(struct loop *l, struct rd_run *run, size_t first, size_t lot, size_t step,
    size_t all, struct tally *tally)
{
    const size_t batches = all / l->how->epochs;
    const double ramp = l->how->adversary.ramp_epochs * (double)batches;
    const double share = (double)step < ramp ? (double)step / ramp : 1;
    rd_status st = rd_pool_run(l->t.pool, l->t.n_packs, refill, l);

    for (size_t at = 0; at < lot && !st; at += l->batch) {
        l->batch_first = first + at;
        l->batch_n = lot - at < l->batch ? lot - at : l->batch;
        st = gradients(l, share, run->err);
        for (size_t i = 0; i < l->batch_n && !st; i++) {
            tally->loss += l->loss[i];
            tally->hits += l->hit[i];
        }
        tally->seen += l->batch_n;
    }
    if (!st && l->private)
        st = train_private_close(l->private, step);
    if (!st && (lot || l->private))
        st = step_weights(l, train_rate(l->how, step, all), step + 1);
    return st;
}

static rd_status epochs(struct loop *l, struct rd_run *run, struct rd_train_report *report)
{
    const size_t batches = (l->n + l->batch - 1) / l->batch, all = batches * l->how->epochs;
    size_t step = 0;

    for (l->epoch = 0; l->epoch < l->how->epochs; l->epoch++) {
        struct rd_rng rng = rd_rng_stream(l->how->seed, "train/order", l->epoch);
        struct tally tally = { 0 };

        for (size_t i = 0; i < l->n; i++)
            l->order[i] = i;
        rd_rng_shuffle(&rng, l->order, l->n);
        for (size_t at = 0; at < l->n; at += l->batch, step++) {
            rd_status st = rd_run_step(run, "training", step, all);
            size_t lot = l->n - at < l->batch ? l->n - at : l->batch;

            if (st)
                return st;
            if (l->private)
                train_private_lot(l->private, step, l->n, l->order, &lot);
            st = one_step(l, run, l->private ? 0 : at, lot, step, all, &tally);
            if (st)
                return RD_WRAP(run->err, st, "training, epoch %zu", l->epoch + 1);
            if (!isfinite(tally.loss)) {
                (void)RD_FAIL(run->err, RD_E_USAGE,
                    "the loss is no longer finite in epoch %zu, batch %zu: training diverged",
                    l->epoch + 1, at / l->batch + 1);
                (void)rd_error_hint(run->err, "try a learning rate below %.3g", l->how->lr);
                return RD_E_USAGE;
            }
        }
        report->epochs = l->epoch + 1;
        report->loss = tally.seen ? tally.loss / (double)tally.seen : 0;
        report->accuracy = tally.seen ? (double)tally.hits / (double)tally.seen : 0;
    }
    return rd_run_step(run, "training", all, all);
}

rd_status rd_net_train(struct rd_run *run, const struct rd_graph *graph, const struct rd_train *how,
    const float *x, const int *label, const float *soft, size_t n, struct rd_arena *arena,
    struct rd_graph **trained_out, struct rd_train_report *report_out)
{
    struct loop l = { .how = how, .x = x, .label = label, .soft = label ? NULL : soft, .n = n };
    struct rd_train_report report = { 0 };
    struct plan_limits limits = { .work = 1e12 + 1e6 * (double)graph->file_bytes };
    const struct rd_kernels *kernels;
    const struct rd_tensor **aligned;
    const char *obstacle = NULL;
    struct rd_graph *whole, *scores;
    rd_status st;

    st = check_settings(graph, how, label || soft, n, run->err);
    if (!st)
        st = rd_kernels_choose(&kernels, run->err);
    if (st)
        return st;
    st = rd_graph_not_differentiable(graph, run->scratch, &obstacle, run->err);
    if (st)
        return st;
    if (obstacle)
        return RD_FAIL(run->err, RD_E_USAGE, "%s", obstacle);
    st = rd_graph_copy(graph, arena, &whole, run->err);
    if (st)
        return st;
    l.t.graph = whole;
    if (rd_graph_is_one_number(whole)) { /* trained as two classes; the weights are whole's */
        st = rd_graph_two_classes(whole, run->scratch, &scores, &l.t.graph, run->err);
        if (st)
            return st;
    }
    if (l.t.graph->n_inputs == 1 && l.t.graph->value[l.t.graph->input[0]].dim[0] > 0) {
        struct rd_graph *freed = NULL; /* batches of any size, with the same weights */

        st = rd_graph_free_batch(l.t.graph, run->scratch, &freed, run->err);
        if (st)
            return st;
        l.t.graph = freed ? freed : l.t.graph;
    }
    l.batch = how->batch < n ? how->batch : n;
    l.rows = (l.batch + CHUNKS - 1) / CHUNKS;
    l.rows = l.rows > CHUNK_MAX ? CHUNK_MAX : l.rows ? l.rows : 1;
    if (how->clip > 0)
        l.rows = 1;
    l.t.pool = run->pool;
    l.adam = strcmp(how->optimizer, "adam") == 0;
    aligned = RD_NEW_ARRAY(run->scratch, const struct rd_tensor *, l.t.graph->n_values + 1);
    if (!aligned)
        return rd_run_no_memory(run, "training");
    limits.rows = l.rows;
    limits.floats = BATCH_BYTES / sizeof(float) / ((l.batch + l.rows - 1) / l.rows);
    st = plan_build(l.t.graph, kernels, PLAN_TRAIN, &limits, aligned, &l.t.packs, run->scratch,
        &l.t.code, run->err);
    if (st)
        return RD_WRAP(run->err, st, "training '%s' in batches of %zu", graph->path, l.batch);
    if (!l.t.code || l.t.graph->value[l.t.graph->output[0]].ndim != 2) {
        st = train_by_exec(run, l.t.graph, how, x, label, l.soft, n, &report);
        if (st)
            return st;
        *trained_out = whole;
        if (report_out)
            *report_out = report;
        return RD_OK;
    }
    l.t.code->seed = how->seed;
    st = train_check_data(x, label, l.soft, n, l.t.code->inputs, l.t.code->outputs, run->err);
    if (!st && how->adversary.steps)
        st = train_adversary_new(&l.t, how, aligned, &l.t.packs, BATCH_BYTES / sizeof(float),
            run->scratch, &l.adversary, run->err);
    if (!st)
        st = prepare(&l, run);
    if (!st && how->clip > 0)
        st = train_private_new(&l.t, how, (double)l.batch, run->scratch, &l.private, run->err);
    if (!st)
        st = epochs(&l, run, &report);
    if (st)
        return st;
    *trained_out = whole;
    if (report_out)
        *report_out = report;
    return RD_OK;
}
