/*
 * artifacts.c - the image-classifier template's real things.
 *
 * The net is kept at 0.6 MFLOP forward, so that a laptop assesses it in a minute. The hardened twin
 * is trained on examples that projected gradient ascent has moved against the net as it stands at
 * the start of each epoch (Madry et al. 2018, section 2, with the attack run once an epoch rather
 * than once a step).
 */
#include "cli/artifacts.h"

#include "base/file.h"
#include "base/rng.h"
#include "data/dataset.h"
#include "graph/net.h"
#include "target/target.h"
#include "tensor/npy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TRAIN = 5000, EVAL = 1000, EPOCHS = 12, WARM_EPOCHS = 5, HARD_EPOCHS = 8, HARD_STEPS = 3 };

/* Room for the attacker while hardening: a little more than the test's 8/255. */
static const float hard_eps = 0.04f;

static const struct rd_graph_spec layers[] = {
    { RD_LAYER_CONV, 8, 3, 1, 1 },
    { RD_LAYER_RELU, 0, 0, 0, 0 },
    { RD_LAYER_MAXPOOL, 0, 2, 2, 0 },
    { RD_LAYER_CONV, 16, 3, 1, 1 },
    { RD_LAYER_RELU, 0, 0, 0, 0 },
    { RD_LAYER_MAXPOOL, 0, 2, 2, 0 },
    { RD_LAYER_FLATTEN, 0, 0, 0, 0 },
    { RD_LAYER_DENSE, 32, 0, 0, 0 },
    { RD_LAYER_RELU, 0, 0, 0, 0 },
    { RD_LAYER_DENSE, 10, 0, 0, 0 },
    { RD_LAYER_END, 0, 0, 0, 0 },
};

struct maker {
    struct rd_maker base;
    struct rd_run *run;
    struct rd_dataset train, eval;
};

/* --- shared with the other templates --- */

void rd_made_add(struct rd_made *made, const char *name, double value)
{
    if (made->n < RD_MADE_MAX)
        made->figure[made->n++] = (struct rd_made_figure){ name, value };
}

rd_status rd_maker_path(const struct rd_maker *m, const char *name, char **path_out)
{
    *path_out = rd_path_join(m->run->scratch, m->dir, name);
    return *path_out ? RD_OK : rd_run_no_memory(m->run, "a path");
}

rd_status rd_maker_write_x(const struct rd_maker *m, const char *name, const struct rd_dataset *d)
{
    struct rd_tensor t = { .dtype = RD_F32,
        .ndim = 1 + d->ndim,
        .dim = { (int64_t)d->n },
        .data = (void *)(uintptr_t)d->x }; /* only read */
    char *path;
    const rd_status st = rd_maker_path(m, name, &path);

    for (int i = 0; i < d->ndim; i++)
        t.dim[i + 1] = d->dim[i];
    return st ? st : rd_npy_write(path, &t, m->run->err);
}

rd_status rd_maker_write_labels(
    const struct rd_maker *m, const char *name, const struct rd_dataset *d)
{
    struct rd_tensor t = { .dtype = RD_I64, .ndim = 1, .dim = { (int64_t)d->n } };
    int64_t *y = RD_NEW_ARRAY(m->run->scratch, int64_t, d->n);
    char *path;
    const rd_status st = rd_maker_path(m, name, &path);

    if (!y)
        return rd_run_no_memory(m->run, "labels");
    for (size_t i = 0; i < d->n; i++)
        y[i] = d->label[i];
    t.data = y;
    return st ? st : rd_npy_write(path, &t, m->run->err);
}

rd_status rd_maker_save(const struct rd_maker *m, const struct rd_graph *graph, const char *name)
{
    char *path;
    const rd_status st = rd_maker_path(m, name, &path);

    return st ? st : rd_graph_save(graph, path, m->run->err);
}

rd_status rd_maker_answers(
    const struct rd_maker *m, const struct rd_graph *graph, const struct rd_dataset *d, int *answer)
{
    struct rd_net *net = NULL;
    size_t classes;
    float *out = NULL;
    rd_status st = rd_net_open(graph, m->run->pool, &net, m->run->err);

    if (st)
        return st;
    classes = rd_net_outputs(net);
    out = RD_NEW_ARRAY(m->run->scratch, float, d->n *classes);
    st = out ? rd_net_forward(net, d->x, d->n, out, m->run->err)
             : rd_run_no_memory(m->run, "answers");
    for (size_t i = 0; !st && i < d->n; i++)
        answer[i] = rd_target_argmax(out + i * classes, classes);
    rd_net_free(net);
    return st;
}

rd_status rd_maker_accuracy(const struct rd_maker *m, const struct rd_graph *graph,
    const struct rd_dataset *d, double *accuracy_out)
{
    int *answer = RD_NEW_ARRAY(m->run->scratch, int, d->n);
    size_t right = 0;
    rd_status st;

    if (!answer)
        return rd_run_no_memory(m->run, "answers");
    st = rd_maker_answers(m, graph, d, answer);
    for (size_t i = 0; !st && i < d->n; i++)
        right += answer[i] == d->label[i];
    *accuracy_out = (double)right / (double)d->n;
    return st;
}

/* --- the image classifier --- */

static rd_status write_data(struct maker *m)
{
    struct rd_dataset all;
    rd_status st = rd_dataset_generate(
        "product-images", m->run->seed, TRAIN + EVAL, m->run->scratch, &all, m->run->err);

    if (!st)
        st = rd_dataset_slice(&all, 0, TRAIN, &m->train, m->run->err);
    if (!st)
        st = rd_dataset_slice(&all, TRAIN, EVAL, &m->eval, m->run->err);
    if (!st)
        st = rd_maker_write_x(&m->base, "train-x.npy", &m->train);
    if (!st)
        st = rd_maker_write_labels(&m->base, "train-y.npy", &m->train);
    if (!st)
        st = rd_maker_write_x(&m->base, "eval-x.npy", &m->eval);
    if (!st)
        st = rd_maker_write_labels(&m->base, "eval-y.npy", &m->eval);
    return st;
}

/* Projected gradient ascent from a random point of the ball; x_adv (n, width). */
static rd_status move_against(
    struct maker *m, const struct rd_graph *graph, size_t epoch, float *x_adv, float *grad)
{
    const struct rd_dataset *d = &m->train;
    const float step = hard_eps / 2;
    struct rd_net *net = NULL;
    rd_status st = rd_net_open(graph, m->run->pool, &net, m->run->err);

    for (size_t i = 0; i < d->n; i++) {
        struct rd_rng r = rd_rng_stream(m->run->seed, "init/harden", epoch * d->n + i);

        for (size_t k = i * d->width; k < (i + 1) * d->width; k++)
            x_adv[k] = d->x[k] + hard_eps * (2 * rd_rng_unit_float(&r) - 1);
    }
    for (size_t s = 0; !st && s < HARD_STEPS; s++) {
        st = rd_net_loss_gradient(net, x_adv, d->label, d->n, grad, NULL, NULL, m->run->err);
        for (size_t k = 0; !st && k < d->n * d->width; k++) {
            const float moved = x_adv[k] + step * (float)((grad[k] > 0) - (grad[k] < 0));
            const float low = fmaxf(d->x[k] - hard_eps, 0), high = fminf(d->x[k] + hard_eps, 1);

            x_adv[k] = fminf(fmaxf(moved, low), high);
        }
    }
    rd_net_free(net);
    return st;
}

static rd_status harden(struct maker *m, const struct rd_graph *fresh, struct rd_graph **hard_out)
{
    const size_t len = m->train.n * m->train.width;
    float *x_adv = RD_NEW_ARRAY(m->run->scratch, float, len);
    float *grad = RD_NEW_ARRAY(m->run->scratch, float, len);
    struct rd_train how = rd_train_default;
    struct rd_train_report report;
    struct rd_run quiet = *m->run;
    struct rd_graph *graph = NULL;
    rd_status st;

    if (!x_adv || !grad)
        return rd_run_no_memory(m->run, "hardening");
    quiet.step = NULL; /* epochs are counted here */
    how.seed = m->run->seed;
    how.epochs = WARM_EPOCHS;
    how.lr = 0.002;
    how.schedule = "constant";
    st = rd_net_train(&quiet, fresh, &how, m->train.x, m->train.label, NULL, m->train.n,
        m->run->scratch, &graph, &report);
    how.epochs = 1;
    for (size_t e = 0; !st && e < HARD_EPOCHS; e++) {
        st = rd_run_step(m->run, "training the hardened network", e, HARD_EPOCHS);
        if (!st)
            st = move_against(m, graph, e, x_adv, grad);
        /* The rate falls as a cosine would over all epochs. */
        how.lr = 0.002 * (1 - (double)e / HARD_EPOCHS);
        how.seed = m->run->seed + 1 + e;
        if (!st)
            st = rd_net_train(&quiet, graph, &how, x_adv, m->train.label, NULL, m->train.n,
                m->run->scratch, &graph, &report);
    }
    *hard_out = graph;
    return st;
}

rd_status rd_make_image_classifier(struct rd_run *run, const char *dir, struct rd_made *made_out)
{
    struct maker m = { .base = { run, dir }, .run = run };
    const int64_t input[] = { 1, 28, 28 };
    struct rd_train how = rd_train_default;
    struct rd_train_report report;
    struct rd_graph *fresh = NULL, *trained = NULL, *hard = NULL;
    double accuracy = 0, hard_accuracy = 0;
    rd_status st = write_data(&m);

    *made_out = (struct rd_made){ .train = TRAIN, .eval = EVAL };
    if (!st)
        st = rd_graph_build(layers, input, 3, run->scratch, &fresh, run->err);
    if (!st)
        st = rd_graph_init_weights(fresh, run->seed, run->err);
    if (!st)
        st = rd_maker_save(&m.base, fresh, "net.onnx");
    how.epochs = EPOCHS;
    how.lr = 0.002;
    how.seed = run->seed;
    if (!st)
        st = rd_net_train(run, fresh, &how, m.train.x, m.train.label, NULL, m.train.n, run->scratch,
            &trained, &report);
    if (!st)
        st = rd_maker_save(&m.base, trained, "model.onnx");
    if (!st)
        st = harden(&m, fresh, &hard);
    if (!st)
        st = rd_maker_save(&m.base, hard, "robust.onnx");
    if (!st)
        st = rd_maker_accuracy(&m.base, trained, &m.eval, &accuracy);
    if (!st)
        st = rd_maker_accuracy(&m.base, hard, &m.eval, &hard_accuracy);
    rd_made_add(made_out, "clean_accuracy", accuracy);
    rd_made_add(made_out, "hardened_clean_accuracy", hard_accuracy);
    (void)snprintf(made_out->summary, sizeof made_out->summary,
        "an image classifier that is right on %.1f %% of %d images (its hardened twin: %.1f %%)",
        100 * accuracy, EVAL, 100 * hard_accuracy);
    return st;
}
