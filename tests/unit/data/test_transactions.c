/* Made-up payments: rare fraud, the same for the same seed, learnable but not linear, drifting. */
#include "support.h"

#include "base/file.h"
#include "data/transactions.h"
#include "graph/net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N = 16000, TRAIN = 12000 };

static struct rd_arena arena;
static struct rd_dataset all;

static int set_up(void **state)
{
    (void)state;
    return rd_dataset_generate("transactions", 1, N, &arena, &all, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static void one_payment_in_a_hundred_is_fraud(void **state)
{
    struct rd_dataset more;
    size_t n = 0, m = 0;

    (void)state;
    for (size_t i = 0; i < N; i++)
        n += all.label[i] == 1;
    assert_true(n > 120 && n < 200); /* 160 +- 3.2 deviations */
    assert_int_equal(all.n_contributors, 200);
    assert_int_equal(rd_transactions_generate(
                         &(struct rd_transactions){ .fraud = 0.1 }, 1, 2000, &arena, &more, NULL),
        RD_OK);
    for (size_t i = 0; i < 2000; i++)
        m += more.label[i] == 1;
    assert_true(m > 150 && m < 250);
    assert_int_equal(rd_transactions_generate(
                         &(struct rd_transactions){ .fraud = 0.9 }, 1, 10, &arena, &more, NULL),
        RD_E_USAGE);
}

static void a_row_depends_on_seed_and_index_alone(void **state)
{
    struct rd_dataset few, other;

    (void)state;
    assert_int_equal(rd_dataset_generate("transactions", 1, 50, &arena, &few, NULL), RD_OK);
    assert_int_equal(rd_dataset_generate("transactions", 2, 50, &arena, &other, NULL), RD_OK);
    assert_memory_equal(few.x, all.x, 50 * few.width * sizeof(float));
    assert_memory_equal(few.label, all.label, 50 * sizeof(int));
    assert_true(memcmp(few.x, other.x, 50 * few.width * sizeof(float)) != 0);
}

static void rows_are_scaled_and_groups_are_one_hot(void **state)
{
    (void)state;
    for (size_t i = 0; i < N; i++) {
        const float *x = all.x + i * all.width;

        for (size_t k = 0; k < all.width; k++)
            assert_true(x[k] >= 0 && x[k] <= 1);
        for (size_t f = 0; f < all.n_features; f++) {
            float sum = 0;

            for (size_t k = 0; k < all.feature[f].width; k++)
                sum += x[all.feature[f].first + k];
            assert_true(all.feature[f].type == RD_FEATURE_NUMBER || sum == 1);
        }
    }
}

/* Area under the ROC curve: how often a fraud scores above a legitimate payment. */
static double auc(const float *out, const int *label, size_t n)
{
    double better = 0, pairs = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; label[i] == 1 && j < n; j++)
            if (label[j] == 0) {
                const double a = out[2 * i + 1] - out[2 * i], b = out[2 * j + 1] - out[2 * j];

                better += a > b ? 1 : a == b ? 0.5 : 0;
                pairs++;
            }
    return better / pairs;
}

struct quality {
    double auc, recall, precision;
};

static void learn(const struct rd_graph_spec *layers, size_t epochs, const struct rd_dataset *train,
    const struct rd_dataset *eval, struct quality *q)
{
    const int64_t dim[] = { (int64_t)train->width };
    struct rd_error err = { 0 };
    struct rd_run run = { .scratch = &arena, .err = &err, .seed = 1 };
    struct rd_train how = rd_train_default;
    struct rd_train_report report;
    struct rd_graph *fresh, *net_graph;
    struct rd_net *net;
    float *out = malloc(eval->n * 2 * sizeof *out);
    size_t hit = 0, said = 0, frauds = 0;

    how.epochs = epochs;
    how.lr = 0.005;
    how.seed = 1;
    assert_non_null(out);
    assert_int_equal(rd_graph_build(layers, dim, 1, &arena, &fresh, &err), RD_OK);
    assert_int_equal(rd_graph_init_weights(fresh, 1, &err), RD_OK);
    assert_int_equal(rd_net_train(&run, fresh, &how, train->x, train->label, NULL, train->n, &arena,
                         &net_graph, &report),
        RD_OK);
    assert_int_equal(rd_net_open(net_graph, NULL, &net, &err), RD_OK);
    assert_int_equal(rd_net_forward(net, eval->x, eval->n, out, &err), RD_OK);
    for (size_t i = 0; i < eval->n; i++) {
        const bool yes = out[2 * i + 1] > out[2 * i];

        frauds += eval->label[i] == 1;
        said += yes;
        hit += yes && eval->label[i] == 1;
    }
    q->auc = auc(out, eval->label, eval->n);
    q->recall = (double)hit / (double)frauds;
    q->precision = said ? (double)hit / (double)said : 0;
    rd_net_free(net);
    free(out);
}

static const struct rd_graph_spec mlp[] = { { RD_LAYER_DENSE, 32, 0, 0, 0 },
    { RD_LAYER_RELU, 0, 0, 0, 0 }, { RD_LAYER_DENSE, 16, 0, 0, 0 }, { RD_LAYER_RELU, 0, 0, 0, 0 },
    { RD_LAYER_DENSE, 2, 0, 0, 0 }, { RD_LAYER_END, 0, 0, 0, 0 } };
static const struct rd_graph_spec linear[] = { { RD_LAYER_DENSE, 2, 0, 0, 0 },
    { RD_LAYER_END, 0, 0, 0, 0 } };

static void a_small_net_finds_fraud_and_a_line_does_not(void **state)
{
    struct rd_dataset train, future;
    struct quality net, line;

    (void)state;
    assert_int_equal(rd_dataset_slice(&all, 0, TRAIN, &train, NULL), RD_OK);
    assert_int_equal(rd_dataset_slice(&all, TRAIN, N - TRAIN, &future, NULL), RD_OK);
    assert_ptr_equal(future.contributor, all.contributor + TRAIN);
    learn(mlp, 10, &train, &future, &net);
    learn(linear, 10, &train, &future, &line);
    print_message("seed 1, %d past rows, %d future rows: net AUC %.3f recall %.2f precision %.2f; "
                  "line AUC %.3f recall %.2f precision %.2f\n",
        TRAIN, N - TRAIN, net.auc, net.recall, net.precision, line.auc, line.recall,
        line.precision);
    assert_true(net.auc >= 0.93);
    assert_true(net.recall >= 0.5 && net.precision >= 0.5);
    assert_true(net.recall > line.recall + 0.1);
}

/* The same net, learned on the first days: worse on the last than on the next. */
static void what_was_learned_ages(void **state)
{
    struct rd_dataset many, first, next, last;
    const struct rd_transactions often = { .fraud = 0.05, .rows_a_day = 40 };
    struct quality soon, late;

    (void)state;
    assert_int_equal(
        rd_transactions_generate(&often, 3, 9000, &arena, &many, NULL), RD_OK); /* 225 days */
    assert_int_equal(rd_dataset_slice(&many, 0, 2400, &first, NULL), RD_OK);
    assert_int_equal(rd_dataset_slice(&many, 2400, 1600, &next, NULL), RD_OK);
    assert_int_equal(rd_dataset_slice(&many, 7200, 1800, &last, NULL), RD_OK);
    learn(mlp, 12, &first, &next, &soon);
    learn(mlp, 12, &first, &last, &late);
    print_message("recall on days 60-100: %.2f, on days 180-225: %.2f\n", soon.recall, late.recall);
    assert_true(late.recall < soon.recall - 0.05);
}

static void the_table_has_names_and_a_label(void **state)
{
    char path[] = "/tmp/rd-transactions-XXXXXX";
    const int fd = mkstemp(path);
    struct rd_dataset few;
    struct rd_bytes text;
    static const char header[] =
        "amount,hour,device-age,velocity,distance,account-age,amount-ratio,"
        "category,country,channel,merchant,label\n";

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(rd_dataset_slice(&all, 0, 300, &few, NULL), RD_OK);
    assert_int_equal(rd_transactions_write(path, &few, NULL), RD_OK);
    assert_int_equal(rd_file_read(path, 1 << 20, &arena, &text, NULL), RD_OK);
    assert_memory_equal(text.data, header, sizeof header - 1);
    assert_non_null(strstr((const char *)text.data, ",legitimate\n"));
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_payment_in_a_hundred_is_fraud),
        cmocka_unit_test(a_row_depends_on_seed_and_index_alone),
        cmocka_unit_test(rows_are_scaled_and_groups_are_one_hot),
        cmocka_unit_test(a_small_net_finds_fraud_and_a_line_does_not),
        cmocka_unit_test(what_was_learned_ages),
        cmocka_unit_test(the_table_has_names_and_a_label),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
