/*
 * train_grad.c - gradients of weights, and batch normalization over a whole batch.
 *
 * Work is cut by weight, not by example: each task walks all examples in order and writes a part of
 * a gradient that is its own. So the sums do not depend on threads, and nothing has to be added up
 * afterwards.
 */
#include "graph/train_impl.h"

#include <math.h>
#include <string.h>

enum { SLICE = 28, WHOLE = 1 << 18 }; /* units of a slice; weights that are one task */

/* --- what is trained --- */

static struct train_param *param_of(struct train *t, int value, struct rd_arena *arena)
{
    struct train_param *p, **end = &t->params;

    for (p = t->params; p; p = p->next) {
        if (p->value == value)
            return p;
        end = &p->next;
    }
    p = RD_NEW(arena, struct train_param);
    if (!p)
        return NULL;
    p->value = value;
    p->w = t->graph->value[value].weight->data;
    p->count = rd_tensor_count(t->graph->value[value].weight);
    p->m = RD_NEW_ARRAY(arena, float, p->count + 1);
    p->v = RD_NEW_ARRAY(arena, float, p->count + 1);
    if (!p->m || !p->v)
        return NULL;
    *end = p;
    return p;
}

/* How a use's gradient is cut: n units of `size`. */
static size_t cut(const struct plan_code *code, const struct train_use *u, size_t *size)
{
    const struct plan_step *s = &code->step[u->step];

    *size = 1;
    if (u->input != 1 || s->kind == PLAN_NODE)
        return 1; /* biases, rows' own gradients */
    if (s->kind == PLAN_CONV && s->early)
        return 1;
    if (s->kind == PLAN_CONV && s->forward_pack->k * s->forward_pack->n < WHOLE)
        *size = s->kh;
    if (s->kind == PLAN_CONV)
        return s->kh;
    if (s->kind == PLAN_DENSE && s->forward_pack->transposed) {
        *size = SLICE;
        return s->forward_pack->n;
    }
    if (s->kind == PLAN_DENSE && code->slot[s->in].form == PLAN_PIXELS)
        return code->slot[s->in].h;
    if (s->kind == PLAN_DENSE) {
        *size = 8 * SLICE;
        return s->forward_pack->k;
    }
    return 0; /* BATCHNORM: done on the way back */
}

/* Values computed from initializers that could be learned: more than constants and shapes. */
static bool *made_of_weights(const struct rd_graph *g, struct rd_arena *arena)
{
    bool *made = RD_NEW_ARRAY(arena, bool, g->n_values + 1);

    if (!made)
        return NULL;
    for (size_t v = 0; v < g->n_values; v++)
        made[v] =
            g->value[v].producer < 0 && g->value[v].weight && g->value[v].weight->dtype == RD_F32;
    for (size_t i = 0; i < g->n_nodes; i++) { /* in the order of their running */
        const struct rd_graph_node *node = &g->node[i];
        bool any = false;

        for (int k = 0; k < node->n_inputs; k++)
            any |= node->input[k] >= 0 && made[node->input[k]] &&
                   !(node->row && (node->row->shape_only || (k < 32 && node->row->types >> k & 1)));
        for (int k = 0; any && k < node->n_outputs; k++)
            if (node->output[k] >= 0)
                made[node->output[k]] = true;
    }
    return made;
}

static rd_status add_use(
    struct train *t, int step, int input, int value, struct rd_arena *arena, struct rd_error *err)
{
    const struct plan_step *s = &t->code->step[step];
    struct train_param *p;
    struct train_use *u, **end;
    char label[96];

    if (t->graph->value[value].producer >= 0 && !t->made[value])
        return RD_OK; /* a constant */
    if (t->graph->value[value].producer >= 0)
        return RD_FAIL(err, RD_E_USAGE,
            "%s: its weight '%.60s' is computed from others in the graph and cannot be trained",
            rd_graph_node_label(t->graph, (size_t)s->node, label, sizeof label),
            t->graph->value[value].name);
    p = param_of(t, value, arena);
    u = RD_NEW(arena, struct train_use);
    if (!p || !u)
        return RD_FAIL(
            err, RD_E_MEMORY, "no memory for the gradient of '%.60s'", t->graph->value[value].name);
    u->step = step;
    u->input = input;
    u->grad = RD_NEW_ARRAY(arena, float, p->count + 1);
    if (input == 1 && ((s->kind == PLAN_CONV && !s->early && !plan_weight_direct(s)) ||
                          (s->kind == PLAN_DENSE && s->forward_pack->c)))
        u->work = RD_NEW_ARRAY(arena, float, p->count + 1);
    if (!u->grad ||
        (input == 1 && s->kind == PLAN_CONV && !s->early && !plan_weight_direct(s) && !u->work))
        return RD_FAIL(
            err, RD_E_MEMORY, "no memory for the gradient of '%.60s'", t->graph->value[value].name);
    for (end = &p->uses; *end; end = &(*end)->next)
        ;
    *end = u;
    return RD_OK;
}

rd_status train_list(struct train *t, struct rd_arena *arena, struct rd_error *err)
{
    rd_status st = RD_OK;

    t->made = made_of_weights(t->graph, arena);
    if (!t->made)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for training");
    for (int i = 0; i < t->code->n_steps && !st; i++) {
        const struct plan_step *s = &t->code->step[i];
        const struct rd_graph_node *node = s->node < 0 ? NULL : &t->graph->node[s->node];

        if (!s->back)
            continue;
        if (s->kind == PLAN_NODE) {
            for (int k = 0; k < s->n_in && !st; k++)
                if (s->weight_grad[k].used)
                    st = add_use(t, i, k, node->input[k], arena, err);
            continue;
        }
        if (s->weight >= 0)
            st = add_use(t, i, 1, s->weight, arena, err);
        if (s->bias >= 0 && t->graph->value[s->bias].producer >= 0 && !t->made[s->bias])
            t->code->step[i].bias = -1; /* a constant wants no gradient */
        if (!st && s->weight >= 0 && s->bias >= 0)
            st = add_use(t, i, 2, s->bias, arena, err);
    }
    if (st)
        return st;
    if (!t->params)
        return RD_FAIL(err, RD_E_USAGE, "'%s' has no weights that can be trained", t->graph->path);
    for (int pass = 0; pass < 2; pass++) {
        t->n_tasks = 0;
        for (struct train_param *p = t->params; p; p = p->next)
            for (struct train_use *u = p->uses; u; u = u->next) {
                size_t size;
                const size_t n = cut(t->code, u, &size);

                for (size_t first = 0; first < n; first += size, t->n_tasks++)
                    if (pass)
                        t->task[t->n_tasks] =
                            (struct train_task){ u, first, first + size < n ? first + size : n };
            }
        if (!pass)
            t->task = RD_NEW_ARRAY(arena, struct train_task, t->n_tasks + 1);
        if (!t->task)
            return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu gradients", t->n_tasks);
    }
    return RD_OK;
}

/* --- convolution --- */

/* Images (or contexts) whose sums are formed in one go, in registers. */
enum { TOGETHER = 64, TOGETHER_FLOATS = 96 << 10, TOGETHER_PIXELS = 1 << 13 };

struct together {
    const float *x[TOGETHER], *dy[TOGETHER];
    size_t n;
};

/* Taps first .. end of the sum of n gradients (ky, kx, c, o), set or added in the order of the
 * weight, (o, c, ky, kx). */
struct reordered {
    const float *const *work;
    size_t n, first, end;
    bool add;
};

static void reorder(const struct plan_pack *p, struct reordered r, float *grad)
{
    enum { UNITS = 8, FLOATS = 64 };
    const size_t taps = r.end - r.first, run = taps < FLOATS ? FLOATS / taps : 1;

    if (taps > FLOATS) { /* a block must hold a channel */
        for (size_t at = r.first; at < r.end; at += FLOATS)
            reorder(p,
                (struct reordered){
                    r.work, r.n, at, at + FLOATS < r.end ? at + FLOATS : r.end, r.add },
                grad);
        return;
    }
    for (size_t j = 0; j < p->o; j += UNITS)
        for (size_t c = 0; c < p->c; c += run) {
            const size_t units = p->o - j < UNITS ? p->o - j : UNITS;
            const size_t channels = p->c - c < run ? p->c - c : run;
            float block[UNITS][FLOATS];

            for (size_t k = 0; k < channels * taps; k++) {
                const size_t tap = r.first + k % taps;
                const size_t from = (tap * p->c + c + k / taps) * p->o + j;

                for (size_t i = 0; i < units; i++)
                    block[i][k] = r.work[0][from + i];
                for (size_t at = 1; at < r.n; at++)
                    for (size_t i = 0; i < units; i++)
                        block[i][k] += r.work[at][from + i];
            }
            for (size_t i = 0; i < units; i++)
                for (size_t k = 0; k < channels; k++) {
                    float *to = grad + ((j + i) * p->c + c + k) * p->taps + r.first;

                    for (size_t tap = 0; tap < taps; tap++)
                        to[tap] = (r.add ? to[tap] : 0) + block[i][k * taps + tap];
                }
        }
}

/* What each context has summed on the way back. */
static void conv_early(struct train *t, const struct train_use *u)
{
    const struct plan_step *s = &t->code->step[u->step];
    const struct plan_pack *p = s->forward_pack;
    const size_t count = u->input == 1 ? p->k * p->n : p->n;

    for (size_t at = 0; at < t->n_contexts; at += TOGETHER) {
        const float *work[TOGETHER];
        struct reordered r = { .work = work, .end = p->taps, .add = at > 0 };

        for (; r.n < TOGETHER && at + r.n < t->n_contexts; r.n++)
            work[r.n] = plan_buf_at(&t->context[at + r.n], &s->dw, 0);
        if (u->input == 1 && !plan_weight_direct(s)) {
            reorder(p, r, u->grad);
            continue;
        }
        if (!at)
            memset(u->grad, 0, count * sizeof *u->grad);
        for (size_t i = 0; i < r.n; i++)
            t->code->kernels->add(
                u->grad, work[i] + (u->input == 1 ? 0 : p->k * p->n), u->grad, count);
    }
}

/* Rows first <= ky < end of a large kernel. */
static void conv_late(struct train *t, const struct train_task *k)
{
    const struct plan_code *code = t->code;
    const struct plan_step *s = &code->step[k->use->step];
    const size_t row = s->forward_pack->n * s->kw * s->forward_pack->c;
    const size_t each = code->slot[s->in].count + s->oh * s->ow * s->forward_pack->n;
    const size_t by_pixels = 1 + TOGETHER_PIXELS / (s->oh * s->ow);
    const size_t by_cache = 1 + TOGETHER_FLOATS / each;
    const size_t most = by_pixels < by_cache ? by_pixels : by_cache;
    float *work = (k->use->work ? k->use->work : k->use->grad) + k->first * row;
    struct together l = { .n = 0 };
    size_t dy_row = 0;
    bool fresh = true;

    for (size_t at = 0; at < t->n_contexts; at++)
        for (size_t i = 0; i < t->context[at].n; i++) {
            const bool last = at + 1 == t->n_contexts && i + 1 == t->context[at].n;

            l.x[l.n] = plan_conv_x(code, &t->context[at], s, i) +
                       k->first * s->dilation_h * plan_slot_row(&code->slot[s->in]);
            l.dy[l.n++] = plan_conv_dy(code, &t->context[at], s, i, &dy_row);
            if (!last && l.n < TOGETHER && l.n < most)
                continue;
            plan_conv_outer(code, s,
                (struct rd_outer){ .xs = l.x,
                    .dys = l.dy,
                    .images = l.n,
                    .taps = k->end - k->first,
                    .fresh = fresh,
                    .dy_y = (ptrdiff_t)dy_row },
                work);
            l.n = 0;
            fresh = false;
        }
    if (k->use->work) {
        const float *const all[1] = { k->use->work };

        reorder(s->forward_pack,
            (struct reordered){
                .work = all, .n = 1, .first = k->first * s->kw, .end = k->end * s->kw },
            k->use->grad);
    }
}

static void conv_bias(struct train *t, const struct train_use *u)
{
    const struct plan_step *s = &t->code->step[u->step];

    memset(u->grad, 0, s->forward_pack->n * sizeof *u->grad);
    for (size_t at = 0; at < t->n_contexts; at++)
        for (size_t i = 0; i < t->context[at].n; i++)
            plan_conv_bias(t->code, &t->context[at], s, i, u->grad);
}

/* --- dense --- */

static const float *dense_dy(
    const struct plan_code *code, const struct plan_context *ctx, const struct plan_step *s)
{
    return s->relu ? plan_buf_at(ctx, &s->dy, 0) : plan_grad(code, ctx, s->out, 0);
}

/* x of a context: rows of `step` floats; PIXELS with a halo: h runs of `run` floats, `row` apart.
 */
struct inputs {
    const float *x;
    size_t step, h, run, row;
};

static struct inputs dense_x(
    const struct plan_code *code, const struct plan_context *ctx, const struct plan_step *s)
{
    const struct plan_slot *from = &code->slot[s->in];
    struct inputs in = { plan_data(code, ctx, s->in, 0),
        s->in == code->input ? code->inputs : from->data.each, 1, from->count, 0 };

    if (from->form == PLAN_PIXELS) {
        in.x += plan_slot_inside(from);
        in.h = from->h;
        in.run = from->w * from->c;
        in.row = plan_slot_row(from);
    }
    return in;
}

/* All contexts of one size go together. The examples of each are the pixels of an image. */
static void dense_outer(struct train *t, const struct plan_step *s, struct rd_outer q,
    const size_t x_first, const size_t dy_first, bool units)
{
    struct together l = { .n = 0 };

    q.ny = 1;
    q.fresh = true;
    for (size_t at = 0; at < t->n_contexts; at++) {
        const struct plan_context *ctx = &t->context[at];
        const float *in = dense_x(t->code, ctx, s).x + (units ? dy_first : x_first);
        const float *dy = dense_dy(t->code, ctx, s) + (units ? x_first : dy_first);

        l.x[l.n] = units ? dy : in;
        l.dy[l.n++] = units ? in : dy;
        if (at + 1 < t->n_contexts && l.n < TOGETHER && ctx[1].n == ctx->n)
            continue;
        q.xs = l.x;
        q.dys = l.dy;
        q.images = l.n;
        q.nx = ctx->n;
        t->code->kernels->outer(&q);
        q.fresh = false;
        l.n = 0;
    }
}

/* Weights stored (unit, input): units first <= u < end. */
static void dense_units(struct train *t, const struct train_task *k)
{
    const struct plan_step *s = &t->code->step[k->use->step];
    const struct plan_pack *p = s->forward_pack;
    const struct inputs in = dense_x(t->code, &t->context[0], s);
    float *dw = k->use->work ? k->use->work : k->use->grad;

    for (size_t y = 0; y < in.h; y++)
        dense_outer(t, s,
            (struct rd_outer){
                .dw = dw + k->first * p->k + y * in.run,
                .len = k->end - k->first,
                .n = in.run,
                .x_x = (ptrdiff_t)p->n,
                .dy_x = (ptrdiff_t)in.step,
                .dw_step = (ptrdiff_t)p->k,
            },
            k->first, y * in.row, true);
    if (k->use->work)
        for (size_t u = k->first; u < k->end; u++)
            rd_to_planes(dw + u * p->k, (ptrdiff_t)p->c, p->c, p->taps, k->use->grad + u * p->k);
}

/* Weights stored (input, unit): inputs first .. end, or rows of pixels first .. end. */
static void dense_inputs(struct train *t, const struct train_task *k)
{
    const struct plan_code *code = t->code;
    const struct plan_step *s = &code->step[k->use->step];
    const struct plan_pack *p = s->forward_pack;
    const struct inputs in = dense_x(code, &t->context[0], s);
    const bool pixels = code->slot[s->in].form == PLAN_PIXELS;
    float *dw = k->use->work ? k->use->work : k->use->grad;
    const size_t run = pixels ? code->slot[s->in].w * p->c : 1;
    const size_t first = k->first * run, len = (k->end - k->first) * run;

    dense_outer(t, s,
        (struct rd_outer){
            .dw = dw + first * p->n,
            .len = len,
            .n = p->n,
            .x_x = (ptrdiff_t)in.step,
            .dy_x = (ptrdiff_t)p->n,
            .dw_step = (ptrdiff_t)p->n,
        },
        pixels ? k->first * in.row : first, 0, false);
    for (size_t r = first; k->use->work && r < first + len; r++)
        memcpy(k->use->grad + (r % p->c * p->taps + r / p->c) * p->n, dw + r * p->n,
            p->n * sizeof *dw);
}

static void dense_bias(struct train *t, const struct train_use *u)
{
    const struct plan_step *s = &t->code->step[u->step];
    const size_t n = s->forward_pack->n;

    memset(u->grad, 0, n * sizeof *u->grad);
    for (size_t at = 0; at < t->n_contexts; at++)
        t->code->kernels->sum_rows(
            dense_dy(t->code, &t->context[at], s), t->context[at].n, (ptrdiff_t)n, n, u->grad);
}

static void node_weight(struct train *t, const struct train_use *u)
{
    const struct plan_buf *b = &t->code->step[u->step].weight_grad[u->input];

    memset(u->grad, 0, b->each * sizeof *u->grad);
    for (size_t at = 0; at < t->n_contexts; at++)
        t->code->kernels->add(u->grad, plan_buf_at(&t->context[at], b, 0), u->grad, b->each);
}

static rd_status one_task(void *user, size_t at, size_t worker)
{
    struct train *t = user;
    const struct train_task *k = &t->task[at];
    const struct plan_step *s = &t->code->step[k->use->step];

    (void)worker;
    if (s->kind == PLAN_NODE)
        node_weight(t, k->use);
    else if (s->kind == PLAN_CONV && s->early)
        conv_early(t, k->use);
    else if (s->kind == PLAN_CONV && k->use->input == 1)
        conv_late(t, k);
    else if (s->kind == PLAN_CONV)
        conv_bias(t, k->use);
    else if (s->kind == PLAN_DENSE && k->use->input == 2)
        dense_bias(t, k->use);
    else if (s->kind == PLAN_DENSE && s->forward_pack->transposed)
        dense_units(t, k);
    else if (s->kind == PLAN_DENSE)
        dense_inputs(t, k);
    return RD_OK;
}

rd_status train_weights(struct train *t)
{
    return rd_pool_run(t->pool, t->n_tasks, one_task, t);
}

/* --- batch normalization; see plan_norm.c --- */

static size_t batch_rows(const struct train *t)
{
    size_t n = 0;

    for (size_t at = 0; at < t->n_contexts; at++)
        n += t->context[at].n;
    return n;
}

static float *weight_of(const struct train *t, int value)
{
    return t->graph->value[value].weight->data;
}

/* Sum k of one way (0 forward, 1 back) over the contexts in order. */
static double norm_sum(const struct train *t, const struct plan_step *s, size_t way, size_t k)
{
    double sum = 0;

    for (size_t at = 0; at < t->n_contexts; at++) {
        const void *p = plan_buf_at(&t->context[at], &s->saved, 0);

        sum += ((const double *)p)[way * 2 * s->channels + k];
    }
    return sum;
}

void train_norm_forward(struct train *t, int step)
{
    struct plan_step *s = &t->code->step[step];
    const size_t c = s->channels;
    const double n = (double)(batch_rows(t) * s->inner);
    const float *scale = weight_of(t, s->scale_value), *bias = weight_of(t, s->bias);
    float *mean_at = weight_of(t, s->mean_value), *var_at = weight_of(t, s->var_value);

    for (size_t k = 0; k < c; k++) {
        const double mean = norm_sum(t, s, 0, k) / n;
        const double square = norm_sum(t, s, 0, c + k) / n - mean * mean;
        double var = square > 0 ? square : 0;
        const double inverse = 1 / sqrt(var + (double)s->epsilon);

        s->stat[2 * k] = mean;
        s->stat[2 * k + 1] = inverse;
        /* What the float32 mean has lost goes into the shift. */
        s->norm[k] = (float)mean;
        s->norm[c + k] = (float)((double)scale[k] * inverse);
        s->norm[2 * c + k] =
            (float)((double)bias[k] - (mean - (double)s->norm[k]) * (double)scale[k] * inverse);
        /* The running variance is the unbiased one, as PyTorch keeps it. */
        if (n > 1)
            var *= n / (n - 1);
        mean_at[k] = s->momentum * mean_at[k] + (1 - s->momentum) * (float)mean;
        var_at[k] = s->momentum * var_at[k] + (1 - s->momentum) * (float)var;
    }
}

static struct train_use *use_of(const struct train *t, int step, int value)
{
    for (struct train_param *p = t->params; p; p = p->next)
        if (p->value == value)
            for (struct train_use *u = p->uses; u; u = u->next)
                if (u->step == step)
                    return u;
    return NULL;
}

/* dx = scale * inverse * (g - (sum g + xhat * sum of g * xhat) / n), in what rd_norm wants. */
void train_norm_backward(struct train *t, int step)
{
    struct plan_step *s = &t->code->step[step];
    const size_t c = s->channels;
    const double n = (double)(batch_rows(t) * s->inner);
    const float *scale = weight_of(t, s->scale_value);
    const struct train_use *scale_use = use_of(t, step, s->scale_value),
                           *bias_use = use_of(t, step, s->bias);

    for (size_t k = 0; k < c; k++) {
        const double mean = s->stat[2 * k], inverse = s->stat[2 * k + 1];
        const double lost = mean - (double)s->norm[k], times = (double)scale[k] * inverse;
        const double sum = norm_sum(t, s, 1, k);
        const double along = (norm_sum(t, s, 1, c + k) - lost * sum) * inverse;
        const double slope = times * inverse * along / n;

        if (scale_use)
            scale_use->grad[k] = (float)along;
        if (bias_use)
            bias_use->grad[k] = (float)sum;
        s->norm[3 * c + k] = (float)slope;
        s->norm[4 * c + k] = (float)(times * sum / n - slope * lost);
    }
}
