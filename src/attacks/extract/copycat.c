/*
 * copycat - ask the target for answers, train a network of one's own on them.
 *
 * Queries are the thief's own data or noise; the training signal is the top label, or the scores
 * where they are given. At each of a few checkpoints a fresh student is trained on what was asked
 * so far, which is the thief's learning curve. With select=margin the rows of the next stage are
 * those that the present student is least sure about.
 *
 * Source: Correia-Silva, Berriel, Badue, De Souza, Oliveira-Santos 2018, "Copycat CNN",
 * arXiv:1806.05476, section III; select=margin: Pal, Gupta, Shukla, Kanade, Shevade, Ganapathy
 * 2020, "ActiveThief", section 4.
 */
#include "attacks/job.h"
#include "graph/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct copycat {
    int64_t queries, epochs, batch, runs, checkpoints;
    double learning_rate;
    const char *source, *signal, *select, *student;
};

static const char *const sources[] = { "pool", "random", NULL };
static const char *const signals[] = { "labels", "scores", NULL };
static const char *const selects[] = { "random", "margin", NULL };

static const struct rd_option options[] = {
    RD_INT(struct copycat, queries, "queries", "2000", 1, 1e9, "rows", "rows that one theft asks"),
    RD_CHOICE(struct copycat, source, "source", "pool", sources,
        "what is asked: the thief's own data, or even noise"),
    RD_CHOICE(struct copycat, signal, "signal", "labels", signals, "what the copy learns from"),
    RD_CHOICE(struct copycat, select, "select", "random", selects,
        "rows of the pool asked next: any, or where the copy is least sure"),
    RD_INT(struct copycat, epochs, "epochs", "10", 1, 10000, "epochs",
        "passes over the answers; small sets get more"),
    RD_INT(struct copycat, batch, "batch", "64", 1, 65536, "rows",
        "rows of one training step at most"),
    RD_REAL(struct copycat, learning_rate, "learning-rate", "0.002", 1e-8, 10, "",
        "peak of the one-cycle schedule"),
    RD_INT(struct copycat, checkpoints, "checkpoints", "5", 1, 12, "points",
        "of the learning curve, at the queries and their halves"),
    RD_TEXT(
        struct copycat, student, "student", "", "FILE.onnx", "shape of the copy, else built in"),
    RD_INT(struct copycat, runs, "runs", "1", 1, 1000, "thefts", "independent thefts"),
    RD_OPTION_END,
};

/* A copy sees at least so many training steps, and batches of a 1/BATCHES-th of its rows or as
 * asked. */
enum { ASK_ROWS = 1024, STEPS_LEAST = 200, BATCHES = 16, BATCH_LEAST = 8, CHECKPOINT_LEAST = 10 };

/* What one theft knows so far. */
struct loot {
    size_t inputs, classes, n; /* n: rows asked */
    size_t *order;             /* of the pool: the first n are asked */
    float *x;                  /* (queries, inputs) */
    int *label;                /* (queries) */
    float *soft;               /* (queries, classes), or NULL */
    bool probabilities;
};

static rd_status loot_new(struct rd_run *run, const struct rd_oracle *oracle,
    const struct copycat *o, const struct rd_extract_job *job, size_t queries, struct loot *l)
{
    *l = (struct loot){
        .inputs = oracle->inputs,
        .classes = oracle->classes,
        .order = RD_NEW_ARRAY(run->scratch, size_t, job->n_pool + 1),
        .x = RD_NEW_ARRAY(run->scratch, float, queries * oracle->inputs),
        .label = RD_NEW_ARRAY(run->scratch, int, queries),
        .probabilities = oracle->scores_are_probabilities,
    };
    if (!l->order || !l->x || !l->label)
        return rd_run_no_memory(run, "queries");
    if (!strcmp(o->signal, "scores")) {
        l->soft = RD_NEW_ARRAY(run->scratch, float, queries * oracle->classes);
        if (!l->soft)
            return rd_run_no_memory(run, "answers");
    }
    for (size_t i = 0; i < job->n_pool; i++)
        l->order[i] = i;
    return RD_OK;
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

/* Ask about rows l->n .. upto-1, which lie in l->x. */
static rd_status ask(
    struct rd_run *run, const struct rd_oracle *oracle, struct loot *l, size_t upto)
{
    rd_status st = RD_OK;

    while (!st && l->n < upto) {
        const size_t m = upto - l->n < ASK_ROWS ? upto - l->n : ASK_ROWS;
        const struct rd_rows rows = { .x = l->x + l->n * l->inputs, .n = m };

        if (l->soft) {
            float *soft = l->soft + l->n * l->classes;

            st = oracle->scores(oracle->self, &rows, soft, run->err);
            for (size_t i = 0; !st && i < m; i++)
                to_distribution(l->probabilities, soft + i * l->classes, l->classes);
        } else {
            st = oracle->labels(oracle->self, &rows, l->label + l->n, run->err);
        }
        if (!st)
            l->n += m;
    }
    return st ? RD_WRAP(run->err, st, "asking after %zu rows", l->n) : RD_OK;
}

struct doubt {
    double margin; /* best score less second best */
    size_t row;    /* of the pool */
};

static int by_margin(const void *a, const void *b)
{
    const struct doubt *l = a, *r = b;

    if (l->margin < r->margin || l->margin > r->margin)
        return l->margin < r->margin ? -1 : 1;
    return l->row < r->row ? -1 : l->row > r->row;
}

static double margin_of(const float *score, size_t classes)
{
    float first = -INFINITY, second = -INFINITY;

    for (size_t k = 0; k < classes; k++) {
        second = score[k] > first ? first : score[k] > second ? score[k] : second;
        first = score[k] > first ? score[k] : first;
    }
    return (double)first - (double)second;
}

/* Bring the rows that the copy is least sure about to the front of those not asked yet. */
static rd_status choose(struct rd_run *run, const struct rd_graph *copy,
    const struct rd_extract_job *job, struct loot *l)
{
    const size_t left = job->n_pool - l->n;
    struct rd_arena scratch = RD_ARENA_INIT;
    float *score = RD_NEW_ARRAY(&scratch, float, ASK_ROWS * l->classes);
    float *x = RD_NEW_ARRAY(&scratch, float, ASK_ROWS * l->inputs);
    struct doubt *doubt = RD_NEW_ARRAY(&scratch, struct doubt, left + 1);
    struct rd_net *net = NULL;
    rd_status st = score && x && doubt ? rd_net_open(copy, run->pool, &net, run->err)
                                       : rd_run_no_memory(run, "choosing queries");

    for (size_t i = 0; !st && i < left; i += ASK_ROWS) {
        const size_t m = left - i < ASK_ROWS ? left - i : ASK_ROWS;

        rd_evade_pack(job->pool, l->order + l->n + i, m, l->inputs, x);
        st = rd_net_forward(net, x, m, score, run->err);
        for (size_t r = 0; !st && r < m; r++) {
            doubt[i + r].margin = margin_of(score + r * l->classes, l->classes);
            doubt[i + r].row = l->order[l->n + i + r];
        }
    }
    if (!st)
        qsort(doubt, left, sizeof *doubt, by_margin);
    for (size_t i = 0; !st && i < left; i++)
        l->order[l->n + i] = doubt[i].row;
    rd_net_free(net);
    rd_arena_release(&scratch);
    return st ? RD_WRAP(run->err, st, "choosing queries") : RD_OK;
}

/* Rows l->n .. upto-1 of l->x. */
static void fill(const struct rd_run *run, const struct rd_oracle *oracle,
    const struct rd_extract_job *job, bool random, struct loot *l, size_t upto)
{
    for (size_t i = l->n; i < upto; i++) {
        float *row = l->x + i * l->inputs;
        struct rd_rng r = rd_rng_stream(run->seed, "copycat/noise", i);

        if (!random) {
            memcpy(row, job->pool + l->order[i] * l->inputs, l->inputs * sizeof *row);
            continue;
        }
        for (size_t k = 0; k < l->inputs; k++)
            row[k] = oracle->low + (oracle->high - oracle->low) * rd_rng_unit_float(&r);
    }
}

/* Few rows, small batches: a large batch of them would only repeat itself. */
static size_t batch_for(const struct copycat *o, size_t rows)
{
    size_t batch = BATCH_LEAST;

    while (batch * BATCHES < rows)
        batch *= 2;
    return batch < (size_t)o->batch ? batch : (size_t)o->batch;
}

static size_t epochs_for(const struct copycat *o, size_t rows)
{
    const double steps = ceil((double)rows / (double)batch_for(o, rows));
    const double least = ceil(STEPS_LEAST / steps);

    return (size_t)fmax((double)o->epochs, least);
}

/* A fresh student on n answered rows, kept in arena. */
static rd_status train(struct rd_run *run, const struct copycat *o, const struct rd_graph *student,
    const float *x, const int *label, const float *soft, size_t n, struct rd_arena *arena,
    struct rd_graph **copy_out)
{
    struct rd_train how = rd_train_default;
    struct rd_train_report report;
    struct rd_graph *fresh;
    rd_status st;

    how.optimizer = "adam";
    how.lr = o->learning_rate;
    how.schedule = "one-cycle";
    how.epochs = epochs_for(o, n);
    how.batch = batch_for(o, n);
    how.seed = run->seed;
    st = rd_graph_copy(student, run->scratch, &fresh, run->err);
    if (!st)
        st = rd_graph_init_weights(fresh, run->seed, run->err);
    if (!st)
        st = rd_net_train(run, fresh, &how, x, label, soft, n, arena, copy_out, &report);
    return st ? RD_WRAP(run->err, st, "training a copy on %zu rows", n) : RD_OK;
}

/* The thief who asks nothing: the pool's own labels. */
static rd_status without_query(
    struct rd_run *run, const struct copycat *o, struct rd_extract_job *job)
{
    struct rd_graph *copy;
    rd_status st;

    if (!job->pool_label)
        return RD_FAIL(run->err, RD_E_LIMIT, "no row may be asked");
    st = train(
        run, o, job->student, job->pool, job->pool_label, NULL, job->n_pool, run->scratch, &copy);
    return st ? st : job->show(job, copy, run->err);
}

static rd_status extract(struct rd_run *run, const struct rd_oracle *oracle, const void *opts,
    struct rd_extract_job *job)
{
    const struct copycat *o = opts;
    const bool random = !strcmp(o->source, "random");
    size_t queries = (size_t)o->queries;
    struct rd_rng r = rd_rng_stream(run->seed, "copycat/sample", 0);
    struct rd_graph *copy = NULL;
    struct loot l;
    rd_status st;

    if (!job->rows)
        return without_query(run, o, job);
    if (!random && !job->n_pool)
        return RD_FAIL(run->err, RD_E_USAGE, "source=pool needs a pool of rows to ask");
    queries = queries > job->rows ? (size_t)job->rows : queries;
    queries = !random && queries > job->n_pool ? job->n_pool : queries;
    st = loot_new(run, oracle, o, job, queries, &l);
    if (st)
        return st;
    rd_rng_shuffle(&r, l.order, job->n_pool);
    for (int64_t k = o->checkpoints - 1; k >= 0; k--) {
        const size_t upto = queries >> k;

        if (k && upto < CHECKPOINT_LEAST)
            continue;
        if (copy && !random && !strcmp(o->select, "margin"))
            st = choose(run, copy, job, &l);
        if (!st) {
            fill(run, oracle, job, random, &l, upto);
            st = ask(run, oracle, &l, upto);
        }
        if (!st)
            st = train(run, o, job->student, l.x, l.soft ? NULL : l.label, l.soft, l.n,
                run->scratch, &copy);
        if (!st)
            st = job->show(job, copy, run->err);
        if (st)
            return st;
    }
    return RD_OK;
}

static unsigned needs(const void *opts)
{
    const struct copycat *o = opts;

    return strcmp(o->signal, "scores") ? RD_ACCESS_LABELS : RD_ACCESS_SCORES;
}

static void cost(const void *opts, size_t n, struct rd_cost *cost_out)
{
    const struct copycat *o = opts;
    double queries = (double)o->queries, trained = 0;

    if (!strcmp(o->source, "pool"))
        queries = fmin(queries, (double)n);
    for (int64_t k = 0; k < o->checkpoints; k++) {
        const double rows = floor(queries / (double)(1 << k));

        if (!k || rows >= CHECKPOINT_LEAST)
            trained += rows * (double)epochs_for(o, rows < 1 ? 1 : (size_t)rows);
    }
    *cost_out = (struct rd_cost){ .rows = queries, .train_rows = trained };
}

const struct rd_attack rd_attack_copycat = {
    .abi = RD_ATTACK_ABI,
    .kind = RD_EXTRACT,
    .name = "copycat",
    .version = 1,
    .summary = "train a copy on the answers to own data or noise",
    .source = "Correia-Silva et al. 2018, arXiv:1806.05476, section III",
    .departs = "a fresh student at each checkpoint; scores may be the signal; rows may be chosen",
    .atlas = "AML.T0024.002",
    .access = RD_ACCESS_LABELS,
    .norms = 0,
    .options = options,
    .options_size = sizeof(struct copycat),
    .extract = extract,
    .needs = needs,
    .cost = cost,
};
