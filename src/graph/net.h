/*
 * net.h - a graph made ready to run: answer, differentiate, train.
 *
 * The general door (rd_net_run) takes and gives named tensors of any type. The classifier's doors
 * below it take rows of the one float32 input and give rows of the first output; they split a batch
 * into small chunks over the pool, and their results depend neither on the thread count nor on how
 * a batch is split (but see below on models whose batch is fixed at more than one).
 */
#ifndef RD_GRAPH_NET_H
#define RD_GRAPH_NET_H

#include "graph/graph.h"

struct rd_net; /* plans and scratch; one thread at a time may call into it (it uses the pool inside)
                */

rd_status rd_net_open(const struct rd_graph *graph, struct rd_pool *pool, struct rd_net **net_out,
    struct rd_error *err);
void rd_net_free(struct rd_net *net);
const struct rd_graph *rd_net_graph(const struct rd_net *net);

/* All inputs by graph order (checked against the graph), all outputs by graph order, allocated in
 * arena. */
rd_status rd_net_run(struct rd_net *net, const struct rd_tensor *const *input, size_t n_inputs,
    struct rd_arena *arena, struct rd_tensor **output, struct rd_error *err);

/*
 * Gradients with respect to every float input, for any graph: of sum(cotangent * first output), or,
 * when cotangent is NULL, of the sum over rows of the cross-entropy of the first output (rows,
 * classes) with label (n_labels). In arena: grad[i] for graph input i (NULL: no float input),
 * *output_out the first output. RD_E_USAGE names what has no gradient.
 */
rd_status rd_net_gradient(struct rd_net *net, const struct rd_tensor *const *input, size_t n_inputs,
    const struct rd_tensor *cotangent, const int *label, size_t n_labels, struct rd_arena *arena,
    struct rd_tensor **grad, struct rd_tensor **output_out, struct rd_error *err);

/*
 * The same with respect to n values anywhere in the graph (value indices, of float types): the
 * words behind an embedding, a layer's output, a weight. grad: n. RD_E_USAGE also where the first
 * output depends on one of them by no way of floats.
 */
rd_status rd_net_gradient_at(struct rd_net *net, const struct rd_tensor *const *input,
    size_t n_inputs, const int *value, size_t n, const struct rd_tensor *cotangent,
    const int *label, size_t n_labels, struct rd_arena *arena, struct rd_tensor **grad,
    struct rd_tensor **output_out, struct rd_error *err);

/*
 * --- classifiers: one float32 input, a first output computed row by row from it ---
 *
 * Where the batch axis can be followed through the graph, chunks of rows run together. Where it
 * cannot (it moves to another axis), rows run one at a time; where it is fixed at N by the model,
 * in blocks of N, the last one filled up with its first row (or with
 * a free batch after all, when the model rewritten so answers the same). Both only after a test at
 * opening that a row's answer comes from that row alone: rows together against each by itself, or
 * in another order, within 1e-4 of the largest number.
 */
size_t rd_net_inputs(const struct rd_net *net);  /* floats per example; 0 when it is no such net */
size_t rd_net_outputs(const struct rd_net *net); /* floats per example of the first output */
/* The example's shape without the batch axis; the same of the first output. */
const int64_t *rd_net_input_dims(const struct rd_net *net, int *n_dims_out);
const int64_t *rd_net_output_dims(const struct rd_net *net, int *n_dims_out);
/*
 * True when the graph itself shows that a row's answer comes from that row alone. False when only
 * the test at opening says so: a branch may still depend on all rows of a run, and who wants the
 * model's own answer to all of them together asks rd_net_run.
 */
bool rd_net_rows_follow(const struct rd_net *net);

rd_status rd_net_forward(
    struct rd_net *net, const float *x, size_t n, float *out, struct rd_error *err);
/* grad (n, inputs) = d sum(cotangent * out) / d x. RD_E_USAGE names the node that has no gradient.
 */
rd_status rd_net_vjp(struct rd_net *net, const float *x, const float *cotangent, size_t n,
    float *grad, struct rd_error *err);
/* Gradient of the sum over rows of cross-entropy(first output as logits); loss (n), out (n,
 * outputs): may be NULL. One forward and one backward pass. An output that ends in Softmax is taken
 * as logits all the same (rd_net_ends_in_softmax tells): its gradients are flatter than the net's.
 */
rd_status rd_net_loss_gradient(struct rd_net *net, const float *x, const int *label, size_t n,
    float *grad, float *loss, float *out, struct rd_error *err);
/* NULL when every node on the way has a gradient, else a sentence naming the first that has none.
 */
const char *rd_net_not_differentiable(const struct rd_net *net);
/* True when the first output is a Softmax over classes (probabilities, not logits). */
bool rd_net_ends_in_softmax(const struct rd_net *net);

/* --- training --- */
struct rd_train {
    const char *optimizer; /* "adam" | "sgd" */
    double lr, momentum,
        weight_decay;     /* adam: momentum is beta1 (0.9), beta2 0.999, epsilon 1e-8 */
    const char *schedule; /* "constant" | "cosine" | "one-cycle" */
    size_t epochs, batch;
    uint64_t seed; /* order of examples and dropout */
    /*
     * Adversarial training: each batch is moved uphill in a Linf ball before its step. Madry et al.
     * 2018: several steps; Wong et al. 2020 ("fast"): one, from a random start. steps 0: off.
     */
    struct rd_train_adversary {
        unsigned steps;
        double eps, step_size;
        float low, high; /* the box */
        bool random_start;
        double ramp_epochs; /* eps grows from 0 to itself over so many; 0: at once */
    } adversary;
    /*
     * DP-SGD (Abadi et al. 2016, algorithm 1): each example's gradient is clipped to this L2 norm,
     * and Gaussian noise of deviation noise * clip is added to the sum. clip 0: off. What epsilon
     * that gives is stats/rdp.h's matter: every step takes each example with probability batch / n
     * (Poisson sampling), and there are epochs * ceil(n / batch) steps.
     */
    double clip, noise;
};
extern const struct rd_train rd_train_default; /* adam, lr 0.001, 6 epochs, batch 64, cosine */

struct rd_train_report {
    size_t epochs;
    double loss;     /* mean over the last epoch */
    double accuracy; /* on the training rows during the last epoch */
};

/*
 * Train a copy of graph (its weights as they are: call rd_graph_init_weights first for a fresh
 * start) on x (n, inputs). Targets: label (n), or soft (n, classes) rows summing to 1 when label is
 * NULL. Cross-entropy of the first output (n, classes) as logits; when that is a Softmax, of what
 * goes into it; when it is one number a row, as two classes (rewrite.h). Same seed, same bytes,
 * whatever the thread count. run->step is called per batch.
 *
 * Trained is every float32 initializer that its operator has a gradient for: kernels, biases,
 * scales, slopes, tables of words; not constants in front of the first layer (they normalize
 * inputs), nor single numbers in arithmetic. BatchNormalization takes the statistics of the batch
 * (running ones updated, variance unbiased), Dropout is active. Graphs that compute with integers,
 * move the batch to another axis or fix its size are trained node by node: slower,
 * BatchNormalization with its running statistics and Dropout inactive, no adversary and no
 * clipping. RD_E_USAGE: bad settings, a graph that cannot be trained, a loss that is no longer
 * finite (names the epoch); RD_E_INPUT: values or labels out of range, by row; RD_E_LIMIT: a batch
 * too large.
 */
rd_status rd_net_train(struct rd_run *run, const struct rd_graph *graph, const struct rd_train *how,
    const float *x, const int *label, const float *soft, size_t n, struct rd_arena *arena,
    struct rd_graph **trained_out, struct rd_train_report *report_out);

#endif
