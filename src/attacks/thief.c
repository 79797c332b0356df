/* thief.c - asking, and training students on the answers. */
#include "attacks/thief.h"

#include "graph/net.h"

#include <math.h>
#include <string.h>

/* A copy sees at least so many training steps, and batches of a 1/BATCHES-th of its rows or as
 * asked. */
enum { ASK_ROWS = 1024, STEPS_LEAST = 200, BATCHES = 16, BATCH_LEAST = 8 };

rd_status rd_answers_new(struct rd_run *run, const struct rd_oracle *oracle, size_t room,
    bool with_scores, struct rd_answers *a)
{
    *a = (struct rd_answers){
        .inputs = oracle->inputs,
        .classes = oracle->classes,
        .x = RD_NEW_ARRAY(run->scratch, float, room * oracle->inputs),
        .label = RD_NEW_ARRAY(run->scratch, int, room),
        .probabilities = oracle->scores_are_probabilities,
    };
    if (!a->x || !a->label)
        return rd_run_no_memory(run, "queries");
    if (!with_scores)
        return RD_OK;
    a->soft = RD_NEW_ARRAY(run->scratch, float, room * oracle->classes);
    return a->soft ? RD_OK : rd_run_no_memory(run, "answers");
}

/* Scores as a distribution: logits through softmax; what is left of rounded probabilities,
 * rescaled. */
static void to_distribution(bool probabilities, float *score, size_t classes)
{
    double sum = 0, top = score[0];

    for (size_t k = 1; k < classes; k++)
        top = score[k] > top ? score[k] : top;
    for (size_t k = 0; k < classes; k++) {
        const double v = probabilities ? fmax(score[k], 0) : exp(score[k] - top);

        score[k] = (float)v;
        sum += v;
    }
    for (size_t k = 0; k < classes; k++)
        score[k] = sum > 0 ? (float)(score[k] / sum) : 1.0f / (float)classes;
}

rd_status rd_answers_ask(
    struct rd_run *run, const struct rd_oracle *oracle, struct rd_answers *a, size_t upto)
{
    rd_status st = RD_OK;

    while (!st && a->n < upto) {
        const size_t m = upto - a->n < ASK_ROWS ? upto - a->n : ASK_ROWS;
        const struct rd_rows rows = { .x = a->x + a->n * a->inputs, .n = m };

        if (a->soft) {
            float *soft = a->soft + a->n * a->classes;

            st = oracle->scores(oracle->self, &rows, soft, run->err);
            for (size_t i = 0; !st && i < m; i++)
                to_distribution(a->probabilities, soft + i * a->classes, a->classes);
        } else {
            st = oracle->labels(oracle->self, &rows, a->label + a->n, run->err);
        }
        if (!st)
            a->n += m;
    }
    return st ? RD_WRAP(run->err, st, "asking after %zu rows", a->n) : RD_OK;
}

size_t rd_thief_batch(const struct rd_thief_training *how, size_t rows)
{
    size_t batch = BATCH_LEAST;

    while (batch * BATCHES < rows)
        batch *= 2;
    return batch < (size_t)how->batch ? batch : (size_t)how->batch;
}

size_t rd_thief_epochs(const struct rd_thief_training *how, size_t rows)
{
    const double steps = ceil((double)rows / (double)rd_thief_batch(how, rows));

    return (size_t)fmax((double)how->epochs, ceil(STEPS_LEAST / steps));
}

double rd_thief_train_rows(const struct rd_thief_training *how, double queries, int64_t points)
{
    double trained = 0;

    for (int64_t k = 0; k < points; k++) {
        const double rows = floor(queries / (double)(1 << k));

        if (!k || rows >= RD_THIEF_LEAST)
            trained += rows * (double)rd_thief_epochs(how, rows < 1 ? 1 : (size_t)rows);
    }
    return trained;
}

rd_status rd_thief_train(struct rd_run *run, const struct rd_thief_training *how,
    const struct rd_graph *student, const float *x, const int *label, const float *soft, size_t n,
    struct rd_arena *arena, struct rd_graph **copy_out)
{
    struct rd_train train = rd_train_default;
    struct rd_train_report report;
    struct rd_graph *fresh;
    rd_status st;

    train.optimizer = "adam";
    train.lr = how->learning_rate;
    train.schedule = "one-cycle";
    train.epochs = rd_thief_epochs(how, n);
    train.batch = rd_thief_batch(how, n);
    train.seed = run->seed;
    st = rd_graph_copy(student, run->scratch, &fresh, run->err);
    if (!st)
        st = rd_graph_init_weights(fresh, run->seed, run->err);
    if (!st)
        st = rd_net_train(run, fresh, &train, x, label, soft, n, arena, copy_out, &report);
    return st ? RD_WRAP(run->err, st, "training a copy on %zu rows", n) : RD_OK;
}

rd_status rd_thief_without_query(
    struct rd_run *run, const struct rd_thief_training *how, struct rd_extract_job *job)
{
    struct rd_graph *copy;
    rd_status st;

    if (!job->pool_label)
        return RD_FAIL(run->err, RD_E_LIMIT, "no row may be asked");
    st = rd_thief_train(
        run, how, job->student, job->pool, job->pool_label, NULL, job->n_pool, run->scratch, &copy);
    return st ? st : job->show(job, copy, run->err);
}
