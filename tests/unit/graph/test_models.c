/*
 * Models as other tools export them (../shared/models): their answers and gradients are those of
 * the framework that wrote them. Tolerances: answers within 1e-5 of the largest (each tool rounds
 * its own float32 sums; README.md there has 8e-6 for the best of them), gradients within 2e-5 of
 * the largest but for what grad_noise of records.json says of the net (float32 itself is that
 * uncertain).
 */
#include "support.h"

#include "graph/exec.h"
#include "graph/net.h"
#include "graph/op.h"
#include "tensor/kernel.h"
#include "tensor/npy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODELS "../shared/models/"

struct model {
    const char *name, *x, *y; /* files without their endings */
    const char *expected;     /* of .out.npy and .gradx.npy, when not name */
    size_t rows;              /* at most so many are tried */
    double noise;             /* of gradients, relative to the largest */
};

static const struct model floats[] = {
    { "mobilenetv2-small", NULL, NULL, NULL, 4, 2e-5 },
    { "efficientnet-small", NULL, NULL, NULL, 4, 2e-5 },
    { "vgg-small", NULL, NULL, NULL, 8, 2e-5 },
    { "vit-tiny", NULL, NULL, NULL, 8, 2e-5 },
    { "keras-cnn", NULL, NULL, NULL, 16, 2e-5 },
    { "mlp-spam-torch", NULL, NULL, NULL, 200, 2e-5 },
    { "cifar-resnet20", "cifar-eval-x", "cifar-eval-y", NULL, 12, 2e-5 },
    { "cifar-resnet20-unfused", "cifar-eval-x", "cifar-eval-y", "cifar-resnet20", 12, 2e-5 },
};

static struct rd_tensor *read(struct rd_arena *arena, const char *name, const char *ending)
{
    char path[200];
    struct rd_tensor *t = NULL;

    (void)snprintf(path, sizeof path, MODELS "%s%s", name, ending);
    assert_int_equal(rd_npy_read(path, NULL, arena, &t, NULL), RD_OK);
    return t;
}

static struct rd_graph *load(struct rd_arena *arena, const char *name)
{
    char path[200];
    struct rd_graph *g = NULL;
    struct rd_error err = { 0 };

    (void)snprintf(path, sizeof path, MODELS "%s.onnx", name);
    if (rd_graph_load(path, NULL, arena, &g, &err)) {
        print_error("%s: %s\n", name, err.frame[0].text);
        fail();
    }
    return g;
}

static bool absent(void)
{
    FILE *f = fopen(MODELS "records.json", "rb");

    if (f)
        (void)fclose(f);
    return !f;
}

static double largest(const struct rd_tensor *t)
{
    double most = 0;

    for (size_t i = 0; i < rd_tensor_count(t); i++)
        most = fmax(most, fabs((double)((const float *)t->data)[i]));
    return most;
}

static void assert_near(
    const char *name, const float *got, const float *want, size_t n, double scale, double tolerance)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - (double)want[i]) <= tolerance * scale)) {
            print_error("%s: element %zu is %.9g, expected %.9g (scale %.3g)\n", name, i,
                (double)got[i], (double)want[i], scale);
            fail();
        }
}

static void image_and_table_models_answer_and_differentiate_as_their_frameworks(void **state)
{
    (void)state;
    if (absent())
        skip();
    for (size_t m = 0; m < sizeof floats / sizeof *floats; m++) {
        const struct model *it = &floats[m];
        const char *expected = it->expected ? it->expected : it->name;
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_graph *g = load(&arena, it->name);
        struct rd_tensor *x =
            it->x ? read(&arena, it->x, ".npy") : read(&arena, it->name, ".x.npy");
        struct rd_tensor *y =
            it->y ? read(&arena, it->y, ".npy") : read(&arena, it->name, ".y.npy");
        struct rd_tensor *out = read(&arena, expected, ".out.npy");
        struct rd_tensor *grad = read(&arena, expected, ".gradx.npy");
        const size_t rows = (size_t)x->dim[0] < it->rows ? (size_t)x->dim[0] : it->rows;
        struct rd_tensor *noise =
            strncmp(it->name, "cifar", 5) ? NULL : read(&arena, expected, ".noise.npy");
        struct rd_net *net = NULL;
        size_t inputs, classes;
        float *got, *dx;
        int *label = RD_NEW_ARRAY(&arena, int, rows);

        assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
        inputs = rd_net_inputs(net);
        classes = rd_net_outputs(net);
        assert_int_equal(inputs, rd_tensor_count(x) / (size_t)x->dim[0]);
        assert_int_equal(classes, out->dim[1]);
        assert_null(rd_net_not_differentiable(net));
        got = RD_NEW_ARRAY(&arena, float, rows *classes);
        dx = RD_NEW_ARRAY(&arena, float, rows *inputs);
        for (size_t r = 0; r < rows; r++)
            label[r] = (int)((const int64_t *)y->data)[r];
        assert_int_equal(rd_net_forward(net, x->data, rows, got, NULL), RD_OK);
        assert_near(it->name, got, out->data, rows * classes, largest(out), 1e-5);
        /* one row alone answers the same bits */
        assert_int_equal(rd_net_forward(net, (float *)x->data + inputs, 1, dx, NULL), RD_OK);
        assert_memory_equal(dx, got + classes, classes * sizeof *got);
        assert_int_equal(
            rd_net_loss_gradient(net, x->data, label, rows, dx, NULL, NULL, NULL), RD_OK);
        for (size_t r = 0; r < rows; r++) {
            /* images that stand at a kink: float32 does not decide there */
            if (noise && (noise->dtype == RD_F64 ? ((double *)noise->data)[r]
                                                 : (double)((float *)noise->data)[r]) > 1e-5)
                continue;
            assert_near(it->name, dx + r * inputs, (float *)grad->data + r * inputs, inputs,
                largest(grad), it->noise);
        }
        rd_net_free(net);
        rd_arena_release(&arena);
    }
}

/* The value that the Gather on the largest word table gives. */
static int embedding(const struct rd_graph *g)
{
    size_t most = 0;
    int found = -1;

    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct rd_graph_node *n = &g->node[i];
        const struct rd_tensor *table =
            strcmp(n->op, "Gather") ? NULL : g->value[n->input[0]].weight;

        if (table && table->dtype == RD_F32 && rd_tensor_count(table) > most) {
            most = rd_tensor_count(table);
            found = n->output[0];
        }
    }
    return found;
}

static void word_models_answer_and_differentiate_at_their_embeddings(void **state)
{
    static const char *const names[] = { "bert-tiny", "encoder-padded" };

    (void)state;
    if (absent())
        skip();
    for (size_t m = 0; m < sizeof names / sizeof *names; m++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_graph *g = load(&arena, names[m]);
        const struct rd_tensor *in[2];
        struct rd_tensor *want = read(&arena, names[m], ".out.npy"), *out[1], *cot;
        struct rd_tensor *y = read(&arena, names[m], ".y.npy");
        struct rd_tensor *grad = read(&arena, names[m], ".gradembed.npy");
        struct rd_tensor **all = RD_NEW_ARRAY(&arena, struct rd_tensor *, g->n_values);
        bool *wanted = RD_NEW_ARRAY(&arena, bool, g->n_values);
        const struct rd_tensor *seed[1];
        struct rd_exec *exec = NULL;
        struct rd_exec_pass *pass = NULL;
        struct rd_error err = { 0 };
        const int at = embedding(g);
        size_t classes;

        assert_true(at >= 0);
        wanted[at] = true;
        for (size_t i = 0; i < g->n_inputs; i++)
            in[i] = g->n_inputs == 1
                        ? read(&arena, names[m], ".x.npy")
                        : read(&arena, names[m], i ? ".x.npz:attention_mask" : ".x.npz:input_ids");
        assert_int_equal(rd_exec_open(g, rd_kernels(), NULL, &exec, NULL), RD_OK);
        if (rd_exec_keep(exec, in, g->n_inputs, &arena, &pass, out, &err)) {
            print_error("%s: %s\n", names[m], err.frame[0].text);
            fail();
        }
        classes = (size_t)want->dim[1];
        assert_near(names[m], out[0]->data, want->data, rd_tensor_count(want), largest(want), 1e-5);
        assert_int_equal(rd_tensor_new(&arena, RD_F32, want->dim, 2, NULL, &cot, NULL), RD_OK);
        for (int64_t r = 0; r < want->dim[0]; r++) {
            const float *logit = (float *)out[0]->data + (size_t)r * classes;
            double sum = 0;

            for (size_t k = 0; k < classes; k++)
                sum += exp((double)logit[k]);
            for (size_t k = 0; k < classes; k++)
                ((float *)cot->data)[(size_t)r * classes + k] =
                    (float)(exp((double)logit[k]) / sum -
                            (double)((int64_t)k == ((int64_t *)y->data)[r]));
        }
        seed[0] = cot;
        if (rd_exec_back(exec, pass, seed, wanted, &arena, all, &err)) {
            print_error("%s: %s\n", names[m], err.frame[0].text);
            fail();
        }
        assert_int_equal(rd_tensor_count(all[at]), rd_tensor_count(grad));
        assert_near(
            names[m], all[at]->data, grad->data, rd_tensor_count(grad), largest(grad), 2e-5);
        rd_exec_free(exec);
        rd_arena_release(&arena);
    }
}

/* Mean cross-entropy of the rows. */
static double mean_loss(const struct rd_graph *g, const float *x, const int *label, size_t n)
{
    struct rd_net *net = NULL;
    float each[16];
    double sum = 0;
    float *grad;

    assert_true(n <= 16);
    assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
    grad = calloc(n * rd_net_inputs(net), sizeof *grad);
    assert_non_null(grad);
    assert_int_equal(rd_net_loss_gradient(net, x, label, n, grad, each, NULL, NULL), RD_OK);
    for (size_t r = 0; r < n; r++)
        sum += (double)each[r];
    free(grad);
    rd_net_free(net);
    return sum / (double)n;
}

/*
 * One step of plain SGD moves each weight by -lr times its gradient. The steepest element of every
 * weight that moved is held against the loss itself, a little to both sides: differences of float32
 * losses leave 2 digits. vit-tiny goes node by node (its batch moves to another axis), the others
 * by plans; none has a BatchNormalization, whose statistics would differ.
 */
static void one_step_moves_every_kind_of_weight_down_its_slope(void **state)
{
    static const struct {
        const char *name;
        size_t most; /* weights that are looked at */
        int moved;   /* weights that must move at least */
    } cases[] = { { "vit-tiny", 12, 20 }, { "keras-cnn", 12, 10 } };

    (void)state;
    if (absent())
        skip();
    for (size_t m = 0; m < sizeof cases / sizeof *cases; m++) {
        const char *name = cases[m].name;
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_graph *g = load(&arena, name), *copy = NULL, *after = NULL;
        struct rd_tensor *x = read(&arena, name, ".x.npy"), *y = read(&arena, name, ".y.npy");
        struct rd_train how = rd_train_default;
        struct rd_error err = { 0 };
        struct rd_run run = { .scratch = &arena, .err = &err };
        const size_t n = 8;
        int label[8], moved = 0;

        for (size_t r = 0; r < n; r++)
            label[r] = (int)((int64_t *)y->data)[r];
        how.optimizer = "sgd";
        how.schedule = "constant";
        how.momentum = 0;
        how.lr = 1e-3;
        how.epochs = 1;
        how.batch = n;
        assert_int_equal(rd_graph_copy(g, &arena, &copy, NULL), RD_OK);
        if (rd_net_train(&run, g, &how, x->data, label, NULL, n, &arena, &after, NULL)) {
            print_error("%s: %s\n", name, err.frame[0].text);
            fail();
        }
        for (size_t v = 0; v < g->n_values; v++) {
            const float *was = g->value[v].weight ? g->value[v].weight->data : NULL, *is;
            float *w;
            size_t at = 0;
            double slope, up, down, h;

            if (!was || g->value[v].dtype != RD_F32 || g->value[v].producer >= 0)
                continue;
            is = after->value[v].weight->data;
            w = copy->value[v].weight->data;
            for (size_t i = 0; i < rd_tensor_count(g->value[v].weight); i++)
                if (fabsf(is[i] - w[i]) > fabsf(is[at] - w[at]))
                    at = i;
            if (is[at] == w[at] || (size_t)++moved > cases[m].most)
                continue;
            slope = ((double)w[at] - (double)is[at]) / how.lr;
            h = 0.02 * fmax(0.05, fabs((double)w[at]));
            if (fabs(slope) * h < 2e-5) /* lost in float32 */
                continue;
            {
                const float keep = w[at];

                w[at] = keep + (float)h;
                up = mean_loss(copy, x->data, label, n);
                w[at] = keep - (float)h;
                down = mean_loss(copy, x->data, label, n);
                w[at] = keep;
            }
            if (fabs((up - down) / (2 * h) - slope) > 0.05 * fabs(slope) + 1e-4) {
                print_error("%s, '%s'[%zu]: slope %g, by differences %g\n", name, g->value[v].name,
                    at, slope, (up - down) / (2 * h));
                fail();
            }
        }
        assert_true(moved >= cases[m].moved);
        rd_arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(image_and_table_models_answer_and_differentiate_as_their_frameworks),
        cmocka_unit_test(word_models_answer_and_differentiate_at_their_embeddings),
        cmocka_unit_test(one_step_moves_every_kind_of_weight_down_its_slope),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
