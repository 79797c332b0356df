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
#include "attacks/thief.h"
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

enum { ASK_ROWS = 1024 }; /* scored at once when choosing */

/* What one theft knows so far, and the order in which it goes through its pool. */
struct loot {
    struct rd_answers is;
    size_t *order; /* of the pool: the first is.n are asked */
};

static rd_status loot_new(struct rd_run *run, const struct rd_oracle *oracle,
    const struct copycat *o, const struct rd_extract_job *job, size_t queries, struct loot *l)
{
    l->order = RD_NEW_ARRAY(run->scratch, size_t, job->n_pool + 1);
    if (!l->order)
        return rd_run_no_memory(run, "queries");
    for (size_t i = 0; i < job->n_pool; i++)
        l->order[i] = i;
    return rd_answers_new(run, oracle, queries, !strcmp(o->signal, "scores"), &l->is);
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
    const size_t left = job->n_pool - l->is.n;
    struct rd_arena scratch = RD_ARENA_INIT;
    float *score = RD_NEW_ARRAY(&scratch, float, ASK_ROWS * l->is.classes);
    float *x = RD_NEW_ARRAY(&scratch, float, ASK_ROWS * l->is.inputs);
    struct doubt *doubt = RD_NEW_ARRAY(&scratch, struct doubt, left + 1);
    struct rd_net *net = NULL;
    rd_status st = score && x && doubt ? rd_net_open(copy, run->pool, &net, run->err)
                                       : rd_run_no_memory(run, "choosing queries");

    for (size_t i = 0; !st && i < left; i += ASK_ROWS) {
        const size_t m = left - i < ASK_ROWS ? left - i : ASK_ROWS;

        rd_evade_pack(job->pool, l->order + l->is.n + i, m, l->is.inputs, x);
        st = rd_net_forward(net, x, m, score, run->err);
        for (size_t r = 0; !st && r < m; r++) {
            doubt[i + r].margin = margin_of(score + r * l->is.classes, l->is.classes);
            doubt[i + r].row = l->order[l->is.n + i + r];
        }
    }
    if (!st)
        qsort(doubt, left, sizeof *doubt, by_margin);
    for (size_t i = 0; !st && i < left; i++)
        l->order[l->is.n + i] = doubt[i].row;
    rd_net_free(net);
    rd_arena_release(&scratch);
    return st ? RD_WRAP(run->err, st, "choosing queries") : RD_OK;
}

/* Rows l->is.n .. upto-1 of l->is.x. */
static void fill(const struct rd_run *run, const struct rd_oracle *oracle,
    const struct rd_extract_job *job, bool random, struct loot *l, size_t upto)
{
    for (size_t i = l->is.n; i < upto; i++) {
        float *row = l->is.x + i * l->is.inputs;
        struct rd_rng r = rd_rng_stream(run->seed, "copycat/noise", i);

        if (!random) {
            memcpy(row, job->pool + l->order[i] * l->is.inputs, l->is.inputs * sizeof *row);
            continue;
        }
        for (size_t k = 0; k < l->is.inputs; k++)
            row[k] = oracle->low + (oracle->high - oracle->low) * rd_rng_unit_float(&r);
    }
}

static struct rd_thief_training training(const struct copycat *o)
{
    return (struct rd_thief_training){ o->learning_rate, o->epochs, o->batch };
}

static rd_status extract(struct rd_run *run, const struct rd_oracle *oracle, const void *opts,
    struct rd_extract_job *job)
{
    const struct copycat *o = opts;
    const bool random = !strcmp(o->source, "random");
    size_t queries = (size_t)o->queries;
    struct rd_rng r = rd_rng_stream(run->seed, "copycat/sample", 0);
    struct rd_graph *copy = NULL;
    const struct rd_thief_training how = training(o);
    struct loot l;
    rd_status st;

    if (!job->rows)
        return rd_thief_without_query(run, &how, job);
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

        if (k && upto < RD_THIEF_LEAST)
            continue;
        if (copy && !random && !strcmp(o->select, "margin"))
            st = choose(run, copy, job, &l);
        if (!st) {
            fill(run, oracle, job, random, &l, upto);
            st = rd_answers_ask(run, oracle, &l.is, upto);
        }
        if (!st)
            st = rd_thief_train(run, &how, job->student, l.is.x, l.is.soft ? NULL : l.is.label,
                l.is.soft, l.is.n, run->scratch, &copy);
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
    const struct rd_thief_training how = training(o);
    double queries = (double)o->queries;

    if (!strcmp(o->source, "pool"))
        queries = fmin(queries, (double)n);
    *cost_out = (struct rd_cost){ .rows = queries,
        .train_rows = rd_thief_train_rows(&how, queries, o->checkpoints) };
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
