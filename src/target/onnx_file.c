/*
 * onnx_file - an ONNX file as a target: its first output is the scores, one row an example. A label
 * in front of them, as classifiers of scikit-learn have it, is left out.
 *
 * A network that ends in Softmax answers probabilities; its gradients are those of the logits in
 * front of that Softmax. Through the Softmax they would be right on paper only: where the
 * network is sure, the probabilities round to 0 and 1 and the gradient vanishes, so that an attack
 * fails for no reason but rounding. For the same reason the gradient of the cross-entropy keeps its
 * direction where its length would be lost: see loss_gradient.
 *
 * A network that answers one number a row, (n, 1) or (n), is one of two classes. Behind a last
 * Sigmoid it is the probability p of class 1: scores are (1 - p, p), gradients those of (0, z), z
 * what goes into the Sigmoid. A number without a Sigmoid is taken as z itself: scores are (0, z).
 */
#include "target/target.h"

#include "base/digest.h"
#include "base/text.h"
#include "graph/rewrite.h"
#include "graph/surrogate.h"

#include <math.h>
#include <string.h>

/* Rows whose scores are held at a time when only labels are asked. */
enum { LABEL_ROWS = 512 };

struct onnx_file {
    struct rd_target target;
    struct rd_net *net;    /* what the endpoint answers */
    struct rd_net *logits; /* the same without its last Softmax; net itself when there is none */
    const struct rd_graph *answered; /* what logits runs */
    bool probabilities;
    float *score; /* (LABEL_ROWS, classes) */
};

static void free_net(void *net)
{
    rd_net_free(net);
}

static rd_status open_net(struct rd_arena *arena, const struct rd_graph *graph,
    struct rd_pool *pool, struct rd_net **net_out, struct rd_error *err)
{
    const rd_status st = rd_net_open(graph, pool, net_out, err);

    if (st)
        return st;
    if (rd_arena_guard(arena, free_net, *net_out)) {
        rd_net_free(*net_out);
        return RD_FAIL(err, RD_E_MEMORY, "no memory to keep the network");
    }
    return RD_OK;
}

/* The same graph, answering what goes into its last Softmax. Shares everything with graph. */
static rd_status without_softmax(const struct rd_graph *graph, struct rd_arena *arena,
    struct rd_graph **cut_out, struct rd_error *err)
{
    struct rd_graph *cut = RD_NEW(arena, struct rd_graph);
    int *output = RD_NEW_ARRAY(arena, int, 1);
    int value = graph->output[0];

    if (!cut || !output)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to look behind the last Softmax");
    *cut = *graph;
    for (;;) { /* rd_net_ends_in_softmax has seen that this chain leads to a Softmax */
        const int producer = graph->value[value].producer;
        const struct rd_graph_node *node;

        if (producer < 0)
            return RD_FAIL(err, RD_E_BUG, "'%s' ends in no Softmax after all", graph->path);
        node = &graph->node[producer];
        value = node->input[0];
        if ((size_t)producer == cut->n_nodes - 1)
            cut->n_nodes--;
        if (!strcmp(node->op, "Softmax"))
            break;
    }
    output[0] = value;
    cut->output = output;
    cut->n_outputs = 1;
    *cut_out = cut;
    return RD_OK;
}

static rd_status check_finite(
    const struct onnx_file *f, const float *score, size_t n, size_t first, struct rd_error *err)
{
    const size_t classes = f->target.classes;

    for (size_t i = 0; i < n * classes; i++)
        if (!isfinite(score[i]))
            return RD_FAIL(err, RD_E_INPUT, "'%s' answers %s for class %zu of row %zu",
                f->target.label, isnan(score[i]) ? "NaN" : "infinity", i % classes,
                first + i / classes);
    return RD_OK;
}

static rd_status scores(void *self, const float *x, size_t n, float *score, struct rd_error *err)
{
    const struct onnx_file *f = self;
    rd_status st = rd_net_forward(f->net, x, n, score, err);

    return st ? RD_WRAP(err, st, "scores of %zu rows", n) : check_finite(f, score, n, 0, err);
}

static rd_status labels(void *self, const float *x, size_t n, int *label, struct rd_error *err)
{
    struct onnx_file *f = self;
    const size_t classes = f->target.classes;

    for (size_t r = 0; r < n; r += LABEL_ROWS) {
        const size_t m = n - r < LABEL_ROWS ? n - r : LABEL_ROWS;
        rd_status st = rd_net_forward(f->net, x + r * f->target.inputs, m, f->score, err);

        if (!st)
            st = check_finite(f, f->score, m, r, err);
        if (st)
            return RD_WRAP(err, st, "labels of rows %zu to %zu", r, r + m - 1);
        for (size_t i = 0; i < m; i++)
            label[r + i] = rd_target_argmax(f->score + i * classes, classes);
    }
    return RD_OK;
}

static rd_status vjp(
    void *self, const float *x, const float *cotangent, size_t n, float *grad, struct rd_error *err)
{
    const struct onnx_file *f = self;
    const rd_status st = rd_net_vjp(f->logits, x, cotangent, n, grad, err);

    return st ? RD_WRAP(err, st, "gradient of %zu rows", n) : RD_OK;
}

/* Natural logarithm of the odds for class y, from its logits. */
static double log_odds(const float *logit, size_t classes, size_t y)
{
    double top = -INFINITY, sum = 0;

    for (size_t k = 0; k < classes; k++)
        top = k != y && logit[k] > top ? logit[k] : top;
    for (size_t k = 0; k < classes; k++)
        sum += k == y ? 0 : exp(logit[k] - top);
    return logit[y] - top - log(sum);
}

/*
 * The gradient's cotangent is (1 - p_y) (q - e_y): p_y the probability of the label, q the
 * distribution among the other classes. p_y - 1 in double keeps 5 digits up to log odds of 25 and
 * none beyond 36; then the factor and its products underflow in float32, and a network that is
 * merely sure would seem to have no gradient. Beyond LOG_ODDS_MOST the factor is held at
 * e^-LOG_ODDS_MOST: no attack looks at more than the direction.
 */
#define LOG_ODDS_MOST 25

static void sure_cotangent(const float *logit, size_t classes, size_t y, float *cotangent)
{
    const double scale = exp(-LOG_ODDS_MOST);
    double top = -INFINITY, sum = 0;

    for (size_t k = 0; k < classes; k++)
        top = k != y && logit[k] > top ? logit[k] : top;
    for (size_t k = 0; k < classes; k++)
        sum += k == y ? 0 : exp(logit[k] - top);
    for (size_t k = 0; k < classes; k++)
        cotangent[k] = (float)(k == y ? -scale : scale * exp(logit[k] - top) / sum);
}

/* Put right the gradients of rows whose log odds pass the bound; f->score holds the logits. */
static rd_status keep_direction(struct onnx_file *f, const float *x, const int *label, size_t n,
    float *grad, struct rd_error *err)
{
    const size_t classes = f->target.classes, inputs = f->target.inputs;
    struct rd_arena scratch = RD_ARENA_INIT;
    size_t *sure = RD_NEW_ARRAY(&scratch, size_t, n), n_sure = 0;
    float *packed, *cotangent, *g;
    rd_status st;

    for (size_t r = 0; sure && r < n; r++)
        if (log_odds(f->score + r * classes, classes, (size_t)label[r]) > LOG_ODDS_MOST)
            sure[n_sure++] = r;
    if (sure && !n_sure) {
        rd_arena_release(&scratch);
        return RD_OK;
    }
    packed = RD_NEW_ARRAY(&scratch, float, n_sure *inputs);
    cotangent = RD_NEW_ARRAY(&scratch, float, n_sure *classes);
    g = RD_NEW_ARRAY(&scratch, float, n_sure *inputs);
    st = sure && packed && cotangent && g ? RD_OK
                                          : RD_FAIL(err, RD_E_MEMORY, "no memory for gradients");
    for (size_t i = 0; !st && i < n_sure; i++) {
        const size_t r = sure[i];

        memcpy(packed + i * inputs, x + r * inputs, inputs * sizeof *x);
        sure_cotangent(f->score + r * classes, classes, (size_t)label[r], cotangent + i * classes);
    }
    if (!st)
        st = rd_net_vjp(f->logits, packed, cotangent, n_sure, g, err);
    for (size_t i = 0; !st && i < n_sure; i++)
        memcpy(grad + sure[i] * inputs, g + i * inputs, inputs * sizeof *g);
    rd_arena_release(&scratch);
    return st;
}

static rd_status loss_gradient(void *self, const float *x, const int *label, size_t n, float *grad,
    float *loss, int *answer, struct rd_error *err)
{
    struct onnx_file *f = self;
    const size_t classes = f->target.classes, inputs = f->target.inputs;

    for (size_t r = 0; r < n; r += LABEL_ROWS) {
        const size_t m = n - r < LABEL_ROWS ? n - r : LABEL_ROWS;
        rd_status st = rd_net_loss_gradient(f->logits, x + r * inputs, label + r, m,
            grad + r * inputs, loss ? loss + r : NULL, f->score, err);

        if (!st)
            st = check_finite(f, f->score, m, r, err);
        if (!st)
            st = keep_direction(f, x + r * inputs, label + r, m, grad + r * inputs, err);
        if (st)
            return RD_WRAP(err, st, "loss gradient of rows %zu to %zu", r, r + m - 1);
        for (size_t i = 0; answer && i < m; i++)
            answer[r + i] = rd_target_argmax(f->score + i * classes, classes);
    }
    return RD_OK;
}

/* Whether gradients can be had, and why not. */
static rd_status describe_gradients(
    struct onnx_file *f, struct rd_arena *arena, struct rd_error *err)
{
    struct rd_target *t = &f->target;
    char safe[160];

    t->no_gradients = NULL;
    t->access &= ~(unsigned)RD_ACCESS_GRADIENTS;
    t->vjp = NULL;
    t->loss_gradient = NULL;
    if (rd_net_not_differentiable(f->logits)) {
        const struct rd_graph *straight;
        const char *why = NULL;
        rd_status st = rd_graph_straight_through(f->answered, arena, &straight, err);

        if (!st)
            st = rd_graph_not_differentiable(straight, arena, &why, err);
        if (st)
            return st;
        t->no_gradients = rd_arena_printf(arena, "%s%s",
            rd_text_safe_in(safe, sizeof safe, rd_net_not_differentiable(f->logits)),
            why ? "" : "; a straight-through one can be asked for: surrogate");
        return t->no_gradients ? RD_OK : RD_FAIL(err, RD_E_MEMORY, "no memory for '%s'", t->label);
    }
    t->access |= RD_ACCESS_GRADIENTS;
    t->vjp = vjp;
    t->loss_gradient = loss_gradient;
    return RD_OK;
}

static rd_status describe(
    struct onnx_file *f, const struct rd_graph *graph, struct rd_arena *arena, struct rd_error *err)
{
    struct rd_target *t = &f->target;
    const int64_t *dims = rd_net_input_dims(f->net, &t->ndim);

    t->inputs = rd_net_inputs(f->net);
    t->classes = rd_net_outputs(f->net);
    if (!t->inputs)
        return RD_FAIL(err, RD_E_INPUT,
            "'%s' cannot be attacked as a classifier: it needs one float32 input and a first "
            "output of "
            "(batch, classes) computed from it row by row",
            t->label);
    if (t->classes < 2)
        return RD_FAIL(err, RD_E_INPUT,
            "'%s' answers one number for each example; a classifier answers one for each class, at "
            "least 2",
            t->label);
    memcpy(t->dim, dims, (size_t)t->ndim * sizeof *dims);
    t->access = RD_ACCESS_LABELS | RD_ACCESS_SCORES | RD_ACCESS_FILES;
    t->scores_are_probabilities = f->probabilities;
    t->controls = "";
    t->scores = scores;
    t->labels = labels;
    {
        const rd_status st = describe_gradients(f, arena, err);

        return st ? st : rd_graph_digest(graph, t->digest, err);
    }
}

rd_status rd_target_open_graph(const struct rd_graph *graph, const char *label,
    struct rd_pool *pool, struct rd_arena *arena, struct rd_target **target_out,
    struct rd_error *err)
{
    struct onnx_file *f = RD_NEW(arena, struct onnx_file);
    struct rd_graph *cut = NULL, *scored;
    const struct rd_graph *alone;
    char safe[160];
    rd_status st;

    if (!f)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to open a target");
    rd_text_safe_in(safe, sizeof safe, label);
    f->target.self = f;
    f->target.label = rd_arena_strdup(arena, safe);
    if (!f->target.label)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to open a target");
    st = rd_graph_scores_alone(graph, arena, &alone, err);
    if (st)
        return st;
    scored = (struct rd_graph *)(uintptr_t)alone; /* as it is */
    st = rd_graph_is_one_number(alone) ? rd_graph_two_classes(alone, arena, &scored, &cut, err)
                                       : RD_OK;
    if (!st)
        st = open_net(arena, scored, pool, &f->net, err);
    f->logits = f->net;
    if (!st && !cut && rd_net_ends_in_softmax(f->net)) {
        f->probabilities = true;
        st = without_softmax(alone, arena, &cut, err);
    }
    f->probabilities = f->probabilities || (!st && cut && cut != scored);
    if (!st && cut && cut != scored)
        st = open_net(arena, cut, pool, &f->logits, err);
    f->answered = cut ? cut : scored;
    if (!st)
        st = describe(f, graph, arena, err);
    if (st)
        return RD_WRAP(err, st, "opening '%s'", safe);
    f->score = RD_NEW_ARRAY(arena, float, LABEL_ROWS * f->target.classes);
    if (!f->score)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for scores of '%s'", safe);
    *target_out = &f->target;
    return RD_OK;
}

rd_status rd_target_open_onnx(const char *path, struct rd_pool *pool, struct rd_arena *arena,
    struct rd_target **target_out, struct rd_error *err)
{
    struct rd_graph *graph;
    char safe[160];
    const rd_status st = rd_graph_load(path, NULL, arena, &graph, err);

    if (st)
        return RD_WRAP(err, st, "opening '%s'", rd_text_safe_in(safe, sizeof safe, path));
    return rd_target_open_graph(graph, path, pool, arena, target_out, err);
}

rd_status rd_target_straight_through(
    struct rd_target *target, struct rd_pool *pool, struct rd_arena *arena, struct rd_error *err)
{
    struct onnx_file *f = target->self;
    const struct rd_graph *straight;
    rd_status st;

    if (target->scores != scores)
        return RD_FAIL(err, RD_E_USAGE,
            "'%s' is no ONNX file: a surrogate gradient goes through a graph", target->label);
    st = rd_graph_straight_through(f->answered, arena, &straight, err);
    if (!st && straight != f->answered)
        st = open_net(arena, straight, pool, &f->logits, err);
    if (!st)
        st = describe_gradients(f, arena, err);
    return st ? RD_WRAP(err, st, "surrogate gradient of '%s'", target->label) : RD_OK;
}
