/*
 * cmd_model_grad.c - redoubt model grad: the gradient with respect to the input, of a loss on
 * labels or of a given cotangent.
 */
#include "cli/model_io.h"

#include "base/text.h"
#include "graph/rewrite.h"
#include "graph/surrogate.h"
#include "tensor/npy.h"

#include <math.h>
#include <string.h>

struct model_grad {
    struct rd_option_list input, wrt, output;
    const char *labels, *cotangent, *surrogate;
};

static const char *const surrogates[] = { "none", "straight-through", NULL };

static const struct rd_option options[] = {
    RD_LIST(struct model_grad, input, "input", "[NAME=]FILE",
        "a .npy, or an .npz or .csv whose arrays or columns bear the inputs' names"),
    RD_TEXT(struct model_grad, labels, "labels", "", "FILE.npy",
        "gradient of the summed cross-entropy of the first output, taken as logits"),
    RD_TEXT(struct model_grad, cotangent, "cotangent", "", "FILE.npy",
        "gradient of the sum of this array times the first output"),
    RD_LIST(struct model_grad, wrt, "wrt", "TENSOR",
        "with respect to this tensor of the graph; without: every float input"),
    RD_CHOICE(struct model_grad, surrogate, "surrogate", "none", surrogates,
        "through what has no gradient (quantizers, rounding, sign): as if it were the identity"),
    RD_LIST(struct model_grad, output, "output", "[NAME=]FILE",
        "where gradients go, by name of the tensor or in order"),
    RD_OPTION_END,
};

struct question {
    const int *label;
    size_t n_labels;
    struct rd_tensor *cotangent; /* NULL: labels */
    struct rd_tensor *out;       /* answer: the first output */
};

static rd_status read_cotangent(struct rd_cli *cli, const char *path, struct question *q)
{
    char safe[80];
    rd_status st = rd_npy_read(path, NULL, cli->run.scratch, &q->cotangent, cli->run.err);

    if (st)
        return RD_WRAP(cli->run.err, st, "cotangent");
    for (size_t i = 0, n = rd_tensor_count(q->cotangent); i < n; i++)
        if ((q->cotangent->dtype == RD_F32 && !isfinite(((const float *)q->cotangent->data)[i])) ||
            (q->cotangent->dtype == RD_F64 && !isfinite(((const double *)q->cotangent->data)[i])))
            return RD_FAIL(cli->run.err, RD_E_INPUT, "'%s' holds NaN or an infinity at element %zu",
                rd_text_safe_in(safe, sizeof safe, path), i);
    return RD_OK;
}

/* One float32 input in rows: the fast door. */
static rd_status by_rows(struct rd_cli *cli, const struct rd_model *m, const struct rd_tensor *x,
    struct question *q, struct rd_tensor **grad)
{
    struct rd_error *err = cli->run.err;
    const size_t n = (size_t)x->dim[0];
    int64_t dim[RD_MAX_DIMS] = { x->dim[0] };
    char want[120], got[120];
    rd_status st;
    int ndim;

    memcpy(dim + 1, rd_net_output_dims(m->net, &ndim), (RD_MAX_DIMS - 1) * sizeof *dim);
    ndim++;
    st = rd_tensor_new(cli->run.scratch, RD_F32, x->dim, x->ndim, NULL, &grad[0], err);
    if (!st)
        st = rd_tensor_new(cli->run.scratch, RD_F32, dim, ndim, NULL, &q->out, err);
    if (st)
        return st;
    if (!q->cotangent) {
        if (q->n_labels != n)
            return RD_FAIL(err, RD_E_INPUT, "%zu labels for %zu rows", q->n_labels, n);
        return rd_net_loss_gradient(
            m->net, x->data, q->label, n, grad[0]->data, NULL, q->out->data, err);
    }
    if (q->cotangent->dtype != RD_F32 || q->cotangent->ndim != ndim ||
        memcmp(q->cotangent->dim, dim, (size_t)ndim * sizeof *dim))
        return RD_FAIL(err, RD_E_INPUT, "the cotangent is %s %s; the first output is float32 %s",
            rd_dtype_name(q->cotangent->dtype),
            rd_shape_text(q->cotangent->dim, q->cotangent->ndim, got, sizeof got),
            rd_shape_text(dim, ndim, want, sizeof want));
    return rd_net_vjp(m->net, x->data, q->cotangent->data, n, grad[0]->data, err);
}

/* Summed cross-entropy and share of right answers of (rows, classes) logits. */
static void put_loss(struct rd_cli *cli, const struct question *q)
{
    const size_t n = q->n_labels, classes = (size_t)q->out->dim[1];
    const float *logit = q->out->data;
    double loss = 0;
    size_t right = 0;

    for (size_t r = 0; r < n; r++, logit += classes) {
        size_t best = 0;
        double sum = 0;

        for (size_t i = 1; i < classes; i++)
            best = logit[i] > logit[best] ? i : best;
        for (size_t i = 0; i < classes; i++)
            sum += exp((double)logit[i] - (double)logit[best]);
        loss += log(sum) + (double)logit[best] - (double)logit[q->label[r]];
        right += (int)best == q->label[r];
    }
    rd_json_kreal(cli->result, "loss", loss);
    rd_json_kreal(cli->result, "accuracy", n ? (double)right / (double)n : 0);
    (void)fprintf(cli->out, "loss %.9g over %zu rows, accuracy %.4g\n", loss, n,
        n ? (double)right / (double)n : 0);
}

static double largest(const struct rd_tensor *t)
{
    double most = 0;

    for (size_t i = 0, n = rd_tensor_count(t); i < n; i++)
        most = fmax(most, fabs(t->dtype == RD_F32 ? (double)((const float *)t->data)[i]
                                                  : ((const double *)t->data)[i]));
    return most;
}

/* Of a classifier that answers a label first: its scores. */
static rd_status open_scores(
    struct rd_cli *cli, const char *path, bool is_straight, struct rd_model *m)
{
    const struct rd_graph *alone;
    rd_status st = rd_model_open(cli, path, m);

    if (!st)
        st = rd_graph_scores_alone(m->graph, cli->run.scratch, &alone, cli->run.err);
    if (!st && is_straight)
        st = rd_graph_straight_through(alone, cli->run.scratch, &alone, cli->run.err);
    return st || alone == m->graph ? st : rd_model_open_graph(cli, alone, m);
}

/* Would --surrogate help? */
static void hint_surrogate(struct rd_cli *cli, const struct rd_graph *g)
{
    const struct rd_graph *straight;
    struct rd_error ignored = { 0 };
    const char *why;

    if (!rd_graph_straight_through(g, cli->run.scratch, &straight, &ignored) && straight != g &&
        !rd_graph_not_differentiable(straight, cli->run.scratch, &why, &ignored) && !why)
        (void)rd_error_hint(cli->run.err,
            "--surrogate straight-through goes through it as if it were the identity");
}

/* With respect to what. */
struct targets {
    size_t n;
    const char **name;
    int *value; /* of the graph */
    struct rd_tensor **grad;
};

/* Outputs of Gather on a weight of floats: where nets that read ids could be asked. */
static void hint_words(struct rd_cli *cli, const struct rd_graph *g)
{
    struct rd_buf list = { .limit = 160 };

    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct rd_graph_node *node = &g->node[i];

        if (strcmp(node->op, "Gather") || node->input[0] < 0 || node->output[0] < 0 ||
            !g->value[node->input[0]].weight || g->value[node->input[0]].dtype != RD_F32)
            continue;
        rd_buf_puts(&list, list.len ? ", " : "");
        rd_text_safe(&list, g->value[node->output[0]].name, strlen(g->value[node->output[0]].name));
    }
    if (list.len)
        (void)rd_error_hint(cli->run.err, "--wrt TENSOR asks inside; words come out of: %s%s",
            rd_buf_text(&list), list.failed ? " ..." : "");
    rd_buf_release(&list);
}

static rd_status find_targets(struct rd_cli *cli, const struct rd_graph *g,
    const struct rd_option_list *wrt, struct targets *t)
{
    struct rd_arena *scratch = cli->run.scratch;
    struct rd_error *err = cli->run.err;
    char safe[80];
    const char **all = RD_NEW_ARRAY(scratch, const char *, g->n_values + 1);
    size_t n_all = 0;

    t->n = wrt->n ? wrt->n : g->n_inputs;
    t->name = RD_NEW_ARRAY(scratch, const char *, t->n);
    t->value = RD_NEW_ARRAY(scratch, int, t->n);
    t->grad = RD_NEW_ARRAY(scratch, struct rd_tensor *, t->n);
    if (!t->name || !t->value || !t->grad || !all)
        return rd_run_no_memory(&cli->run, "the arrays");
    for (size_t i = 0; i < t->n; i++) {
        size_t v = 0;

        while (wrt->n && v < g->n_values &&
               (!g->value[v].name || strcmp(g->value[v].name, wrt->item[i])))
            v++;
        t->value[i] = wrt->n ? (int)v : g->input[i];
        if (v == g->n_values) {
            for (size_t k = 0; k < g->n_values; k++)
                if (g->value[k].name && *g->value[k].name)
                    all[n_all++] = g->value[k].name;
            return rd_model_no_name(cli, "tensor", wrt->item[i], strlen(wrt->item[i]), all, n_all,
                RD_FAIL(err, RD_E_USAGE, "--wrt is no tensor of the graph"));
        }
        t->name[i] = g->value[t->value[i]].name;
        (void)rd_text_safe_in(safe, sizeof safe, t->name[i]);
        if (wrt->n && g->value[t->value[i]].dtype && g->value[t->value[i]].dtype != RD_F32 &&
            g->value[t->value[i]].dtype != RD_F64)
            return RD_FAIL(err, RD_E_USAGE, "tensor '%s' is %s: it has no gradient", safe,
                rd_dtype_name(g->value[t->value[i]].dtype));
        for (size_t k = 0; k < i && wrt->n; k++)
            if (t->value[k] == t->value[i])
                return RD_FAIL(err, RD_E_USAGE, "--wrt '%s' is given twice", safe);
    }
    return RD_OK;
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct model_grad *o = opts;
    struct rd_arena *scratch = cli->run.scratch;
    struct rd_error *err = cli->run.err;
    struct rd_model m;
    struct question q = { 0 };
    struct targets t;
    const struct rd_tensor **input;
    const char *path[RD_OPTION_LIST_MAX];
    size_t index[RD_OPTION_LIST_MAX];
    char safe[80], shape[120];
    int *label = NULL;
    rd_status st;

    (void)argc;
    if (!o->labels == !o->cotangent)
        return RD_FAIL(err, RD_E_USAGE, "model grad needs either --labels or --cotangent");
    st = open_scores(cli, argv[0], !strcmp(o->surrogate, "straight-through"), &m);
    if (st)
        return st;
    (void)rd_text_safe_in(safe, sizeof safe, argv[0]);
    if (!o->wrt.n && rd_net_not_differentiable(m.net)) {
        st = RD_FAIL(err, RD_E_USAGE, "%s", rd_net_not_differentiable(m.net));
        hint_words(cli, m.graph);
        hint_surrogate(cli, m.graph);
        return RD_WRAP(err, st, "'%s' has no gradient", safe);
    }
    input = RD_NEW_ARRAY(scratch, const struct rd_tensor *, m.graph->n_inputs);
    if (!input)
        return rd_run_no_memory(&cli->run, "the arrays");
    st = find_targets(cli, m.graph, &o->wrt, &t);
    if (!st)
        st = rd_model_match(cli, "output", t.name, t.n, &o->output, index, path);
    if (!st)
        st = rd_model_read_inputs(cli, &m, &o->input, !o->wrt.n, input);
    if (!st && o->labels)
        st = rd_model_read_labels(cli, o->labels, &label, &q.n_labels);
    if (!st && o->cotangent)
        st = read_cotangent(cli, o->cotangent, &q);
    q.label = label;
    if (!st && o->wrt.n)
        st = rd_net_gradient_at(m.net, input, m.graph->n_inputs, t.value, t.n, q.cotangent, q.label,
            q.n_labels, scratch, t.grad, &q.out, err);
    else if (!st)
        st = rd_model_by_rows(&m, input[0])
                 ? by_rows(cli, &m, input[0], &q, t.grad)
                 : rd_net_gradient(m.net, input, m.graph->n_inputs, q.cotangent, q.label,
                       q.n_labels, scratch, t.grad, &q.out, err);
    if (st)
        return RD_WRAP(err, st, "cannot differentiate '%s'", safe);
    for (size_t i = 0; i < o->output.n && !st; i++)
        st = t.grad[index[i]]
                 ? rd_model_write(cli, path[i], t.name[index[i]], t.grad[index[i]])
                 : RD_FAIL(err, RD_E_USAGE, "input '%s' is of an integer type: it has no gradient",
                       rd_text_safe_in(safe, sizeof safe, t.name[index[i]]));
    if (st)
        return st;
    rd_json_object(cli->result);
    if (strcmp(o->surrogate, "none"))
        rd_json_ktext(cli->result, "surrogate", o->surrogate);
    if (!q.cotangent)
        put_loss(cli, &q);
    rd_json_karray(cli->result, "gradients");
    for (size_t i = 0; i < t.n; i++) {
        if (!t.grad[i])
            continue;
        rd_json_object(cli->result);
        rd_json_ktext(cli->result, o->wrt.n ? "tensor" : "input", t.name[i]);
        rd_json_kreal(cli->result, "largest", largest(t.grad[i]));
        rd_json_karray(cli->result, "shape");
        for (int d = 0; d < t.grad[i]->ndim; d++)
            rd_json_int(cli->result, t.grad[i]->dim[d]);
        rd_json_end(cli->result);
        rd_json_end(cli->result);
        (void)fprintf(cli->out, "gradient of %s: %s, largest magnitude %.6g\n",
            rd_text_safe_in(safe, sizeof safe, t.name[i]),
            rd_shape_text(t.grad[i]->dim, t.grad[i]->ndim, shape, sizeof shape),
            largest(t.grad[i]));
    }
    rd_json_end(cli->result);
    rd_json_end(cli->result);
    return RD_OK;
}

const struct rd_command rd_command_model_grad = {
    .name = "model grad",
    .summary = "differentiate an ONNX model with respect to its input or a tensor inside",
    .synopsis = "MODEL.onnx --input X.npy (--labels Y.npy | --cotangent C.npy) [--wrt TENSOR] "
                "[--output G.npy]",
    .examples =
        "redoubt model grad model.onnx --input x.npy --labels y.npy --output g.npy\n"
        "redoubt model grad model.onnx --input x.npy --cotangent c.npy --output g.npy\n"
        "redoubt model grad text.onnx --input ids.npy --labels y.npy --wrt words --output g.npy\n",
    .options = options,
    .options_size = sizeof(struct model_grad),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
