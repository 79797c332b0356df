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

enum { SLICE = 28 };

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
    if (input == 1 && (s->kind == PLAN_CONV || (s->kind == PLAN_DENSE && s->forward_pack->c)))
        u->work = RD_NEW_ARRAY(arena, float, p->count + 1);
    if (!u->grad || (input == 1 && s->kind == PLAN_CONV && !u->work))
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

/* --- convolution: rows first <= ky < end of the kernel --- */

/* dy of example i, first pixel of the image; *row: floats from row to row. */
static const float *conv_dy_at(const struct plan_code *code, const struct plan_context *ctx,
    const struct plan_step *s, size_t i, size_t *row)
{
    const size_t o = code->slot[s->out].c;

    *row = (s->dy_left + s->ow + s->dy_right) * o;
    if (s->dy_is_grad)
        return plan_grad(code, ctx, s->out, i);
    return plan_buf_at(ctx, &s->dy, i) + s->dy_top * *row + s->dy_left * o;
}

static void conv_weight(struct train *t, const struct train_task *k)
{
    const struct plan_code *code = t->code;
    const struct plan_step *s = &code->step[k->use->step];
    const struct plan_slot *from = &code->slot[s->in];
    const size_t c = from->c, o = code->slot[s->out].c, taps = s->kh * s->kw;
    const size_t row = plan_slot_row(from);
    const bool run = s->dilation_w == 1;

    memset(k->use->work + k->first * s->kw * c * o, 0,
        (k->end - k->first) * s->kw * c * o * sizeof(float));
    for (size_t at = 0; at < t->n_contexts; at++)
        for (size_t i = 0; i < t->context[at].n; i++) {
            const struct plan_context *ctx = &t->context[at];
            const float *x = plan_data(code, ctx, s->in, i) + plan_slot_inside(from);
            size_t dy_row;
            const float *dy = conv_dy_at(code, ctx, s, i, &dy_row);

            x -= s->pad_top * row + s->pad_left * c;
            for (size_t ky = k->first; ky < k->end; ky++)
                for (size_t kx = 0; kx < (run ? 1 : s->kw); kx++)
                    code->kernels->outer(&(struct rd_outer){
                        .x = x + ky * s->dilation_h * row + kx * s->dilation_w * c,
                        .dy = dy,
                        .dw = k->use->work + (ky * s->kw + kx) * c * o,
                        .len = run ? s->kw * c : c,
                        .n = o,
                        .ny = s->oh,
                        .nx = s->ow,
                        .x_y = (ptrdiff_t)(s->stride_h * row),
                        .x_x = (ptrdiff_t)(s->stride_w * c),
                        .dy_y = (ptrdiff_t)dy_row,
                        .dy_x = (ptrdiff_t)o,
                        .dw_step = (ptrdiff_t)o,
                    });
        }
    for (size_t tap = k->first * s->kw; tap < k->end * s->kw; tap++)
        for (size_t ch = 0; ch < c; ch++)
            for (size_t j = 0; j < o; j++)
                k->use->grad[(j * c + ch) * taps + tap] = k->use->work[(tap * c + ch) * o + j];
}

/* Each example is summed alone first: a running float32 sum over all pixels of a batch would lose
 * digits. */
static void conv_bias(struct train *t, const struct train_use *u)
{
    enum { AT_ONCE = 64 };
    const struct plan_code *code = t->code;
    const struct plan_step *s = &code->step[u->step];
    const size_t o = code->slot[s->out].c;

    memset(u->grad, 0, o * sizeof *u->grad);
    for (size_t at = 0; at < t->n_contexts; at++)
        for (size_t i = 0; i < t->context[at].n; i++) {
            size_t row;
            const float *dy = conv_dy_at(code, &t->context[at], s, i, &row);

            for (size_t j = 0; j < o; j += AT_ONCE) {
                float one[AT_ONCE] = { 0 };
                const size_t n = o - j < AT_ONCE ? o - j : AT_ONCE;

                for (size_t y = 0; y < s->oh; y++)
                    code->kernels->sum_rows(dy + y * row + j, s->ow, (ptrdiff_t)o, n, one);
                code->kernels->add(u->grad + j, one, u->grad + j, n);
            }
        }
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

/* Weights stored (unit, input): units first <= u < end. */
static void dense_units(struct train *t, const struct train_task *k)
{
    const struct plan_code *code = t->code;
    const struct plan_step *s = &code->step[k->use->step];
    const struct plan_pack *p = s->forward_pack;
    float *dw = k->use->work ? k->use->work : k->use->grad;

    memset(dw + k->first * p->k, 0, (k->end - k->first) * p->k * sizeof *dw);
    for (size_t at = 0; at < t->n_contexts; at++) {
        const struct plan_context *ctx = &t->context[at];
        const struct inputs in = dense_x(code, ctx, s);

        for (size_t y = 0; y < in.h; y++)
            code->kernels->outer(&(struct rd_outer){
                .x = dense_dy(code, ctx, s) + k->first,
                .dy = in.x + y * in.row,
                .dw = dw + k->first * p->k + y * in.run,
                .len = k->end - k->first,
                .n = in.run,
                .ny = 1,
                .nx = ctx->n,
                .x_x = (ptrdiff_t)p->n,
                .dy_x = (ptrdiff_t)in.step,
                .dw_step = (ptrdiff_t)p->k,
            });
    }
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
    const bool pixels = code->slot[s->in].form == PLAN_PIXELS;
    float *dw = k->use->work ? k->use->work : k->use->grad;
    const size_t run = pixels ? code->slot[s->in].w * p->c : 1;
    const size_t first = k->first * run, len = (k->end - k->first) * run;

    memset(dw + first * p->n, 0, len * p->n * sizeof *dw);
    for (size_t at = 0; at < t->n_contexts; at++) {
        const struct plan_context *ctx = &t->context[at];
        const struct inputs in = dense_x(code, ctx, s);

        code->kernels->outer(&(struct rd_outer){
            .x = in.x + (pixels ? k->first * in.row : first),
            .dy = dense_dy(code, ctx, s),
            .dw = dw + first * p->n,
            .len = len,
            .n = p->n,
            .ny = 1,
            .nx = ctx->n,
            .x_x = (ptrdiff_t)in.step,
            .dy_x = (ptrdiff_t)p->n,
            .dw_step = (ptrdiff_t)p->n,
        });
    }
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
    else if (s->kind == PLAN_CONV && k->use->input == 1)
        conv_weight(t, k);
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
