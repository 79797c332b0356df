/*
 * knockoff - a copy from the answers to images or rows that need not look like the victim's.
 *
 * The thief owns a pool (the victim's kind of data, or another: proxy), or makes inputs up. With
 * strategy=random it asks about any of them. With strategy=adaptive a bandit chooses which group of
 * the pool to ask about next: preferences H over groups, policy pi = softmax(H), reward r of each
 * answer from the victim's certainty, the novelty of the answer and the copy's loss on it,
 *
 *   H_z += alpha (r - mean r) (1 - pi_z) for the group asked, H_z -= alpha (r - mean r) pi_z for
 * the rest.
 *
 * Groups are the thief's own labels where it owns them, else clusters of the pool (k-means).
 *
 * Source: Orekondy, Schiele, Fritz 2019, "Knockoff Nets", arXiv:1812.02766, section 4.
 */
#include "attacks/synthetic.h"
#include "attacks/thief.h"
#include "graph/net.h"

#include <math.h>
#include <string.h>

struct knockoff {
    int64_t queries, epochs, batch, runs, checkpoints, groups;
    double learning_rate;
    const char *strategy, *source, *signal, *student;
};

static const char *const strategies[] = { "random", "adaptive", NULL };
static const char *const sources[] = { "pool", "synthetic", NULL };
static const char *const signals[] = { "labels", "scores", NULL };

static const struct rd_option options[] = {
    RD_INT(struct knockoff, queries, "queries", "2000", 1, 1e9, "rows", "rows that one theft asks"),
    RD_CHOICE(struct knockoff, strategy, "strategy", "random", strategies,
        "which rows are asked: any, or those of the groups that teach most"),
    RD_CHOICE(struct knockoff, source, "source", "pool", sources,
        "what is asked: the thief's own data, or inputs made up"),
    RD_CHOICE(struct knockoff, signal, "signal", "labels", signals, "what the copy learns from"),
    RD_INT(struct knockoff, groups, "groups", "20", 2, 1000, "groups",
        "clusters of an unlabeled pool, for strategy=adaptive"),
    RD_INT(struct knockoff, epochs, "epochs", "10", 1, 10000, "epochs",
        "passes over the answers; small sets get more"),
    RD_INT(struct knockoff, batch, "batch", "64", 1, 65536, "rows",
        "rows of one training step at most"),
    RD_REAL(struct knockoff, learning_rate, "learning-rate", "0.002", 1e-8, 10, "",
        "peak of the one-cycle schedule"),
    RD_INT(struct knockoff, checkpoints, "checkpoints", "5", 1, 12, "points",
        "of the learning curve, at the queries and their halves"),
    RD_TEXT(
        struct knockoff, student, "student", "", "FILE.onnx", "shape of the copy, else built in"),
    RD_INT(struct knockoff, runs, "runs", "1", 1, 1000, "thefts", "independent thefts"),
    RD_OPTION_END,
};

/* ROUND: rows asked between two lessons of the watching copy. SWEEPS: of k-means. */
enum { ROUND = 32, SWEEPS = 10, CLUSTERED_MOST = 20000, LESSON_BATCH = 8 };
#define PREFERENCE_STEP 0.25 /* alpha */

/* --- groups of the pool --- */

/* Rows of each group that were not asked yet. */
struct groups {
    size_t n;
    size_t *row;   /* (n_pool) by group, those left first */
    size_t *first; /* (n + 1) */
    size_t *left;  /* (n) */
};

static double distance2(const float *a, const double *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        const double d = (double)a[i] - b[i];

        sum += d * d;
    }
    return sum;
}

static int nearest(const float *x, const double *center, size_t k, size_t inputs)
{
    double best = INFINITY;
    int at = 0;

    for (size_t g = 0; g < k; g++) {
        const double d = distance2(x, center + g * inputs, inputs);

        if (d < best) {
            best = d;
            at = (int)g;
        }
    }
    return at;
}

/* Lloyd 1982, from random rows; centers are found on at most CLUSTERED_MOST rows. */
static rd_status cluster(
    struct rd_run *run, const struct rd_extract_job *job, size_t inputs, size_t k, int *group)
{
    const size_t n = job->n_pool < CLUSTERED_MOST ? job->n_pool : CLUSTERED_MOST;
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_rng r = rd_rng_stream(run->seed, "knockoff/cluster", 0);
    double *center = RD_NEW_ARRAY(&scratch, double, k *inputs);
    double *sum = RD_NEW_ARRAY(&scratch, double, k *inputs);
    size_t *count = RD_NEW_ARRAY(&scratch, size_t, k);
    rd_status st = center && sum && count ? RD_OK : rd_run_no_memory(run, "groups of the pool");

    for (size_t g = 0; !st && g < k; g++) {
        const float *x = job->pool + (size_t)rd_rng_below(&r, n) * inputs;

        for (size_t i = 0; i < inputs; i++)
            center[g * inputs + i] = x[i];
    }
    for (int sweep = 0; !st && sweep < SWEEPS; sweep++) {
        memset(sum, 0, k * inputs * sizeof *sum);
        memset(count, 0, k * sizeof *count);
        for (size_t j = 0; j < n; j++) {
            const size_t g = (size_t)nearest(job->pool + j * inputs, center, k, inputs);

            count[g]++;
            for (size_t i = 0; i < inputs; i++)
                sum[g * inputs + i] += (double)job->pool[j * inputs + i];
        }
        for (size_t g = 0; g < k; g++)
            for (size_t i = 0; count[g] && i < inputs; i++)
                center[g * inputs + i] = sum[g * inputs + i] / (double)count[g];
        st = rd_run_step(run, "grouping the pool", (size_t)sweep, SWEEPS);
    }
    for (size_t j = 0; !st && j < job->n_pool; j++)
        group[j] = nearest(job->pool + j * inputs, center, k, inputs);
    rd_arena_release(&scratch);
    return st;
}

static rd_status groups_new(struct rd_run *run, const struct rd_extract_job *job, size_t inputs,
    const struct knockoff *o, struct groups *g)
{
    const size_t n = job->n_pool;
    int *group = RD_NEW_ARRAY(run->scratch, int, n);
    struct rd_rng r = rd_rng_stream(run->seed, "knockoff/order", 0);
    size_t *at;
    rd_status st = RD_OK;

    g->n = (size_t)o->groups < n ? (size_t)o->groups : n;
    if (!group)
        return rd_run_no_memory(run, "groups of the pool");
    if (job->pool_group) {
        g->n = 1;
        for (size_t j = 0; j < n; j++) {
            group[j] = job->pool_group[j];
            g->n = (size_t)group[j] + 1 > g->n ? (size_t)group[j] + 1 : g->n;
        }
    } else {
        st = cluster(run, job, inputs, g->n, group);
    }
    g->row = RD_NEW_ARRAY(run->scratch, size_t, n);
    g->first = RD_NEW_ARRAY(run->scratch, size_t, g->n + 1);
    g->left = RD_NEW_ARRAY(run->scratch, size_t, g->n);
    at = RD_NEW_ARRAY(run->scratch, size_t, g->n);
    if (st || !g->row || !g->first || !g->left || !at)
        return st ? st : rd_run_no_memory(run, "groups of the pool");
    for (size_t j = 0; j < n; j++)
        g->left[group[j]]++;
    for (size_t k = 0; k < g->n; k++)
        at[k] = g->first[k + 1] = g->first[k] + g->left[k];
    for (size_t k = 0; k < g->n; k++)
        at[k] = g->first[k];
    for (size_t j = 0; j < n; j++)
        g->row[at[group[j]]++] = j;
    for (size_t k = 0; k < g->n; k++)
        rd_rng_shuffle(&r, g->row + g->first[k], g->left[k]);
    return RD_OK;
}

/* --- the bandit --- */

struct range {
    double low, high;
};

struct bandit {
    double *preference, *policy; /* (groups) */
    double *seen;                /* (classes) mean answer so far */
    double mean_reward;
    size_t n;              /* rewards so far */
    struct range range[3]; /* of each part of the reward */
};

static rd_status bandit_new(
    struct rd_run *run, const struct groups *g, size_t classes, struct bandit *b)
{
    static const struct range none = { INFINITY, -INFINITY };

    *b = (struct bandit){
        .preference = RD_NEW_ARRAY(run->scratch, double, g->n),
        .policy = RD_NEW_ARRAY(run->scratch, double, g->n),
        .seen = RD_NEW_ARRAY(run->scratch, double, classes),
        .range = { none, none, none },
    };
    return b->preference && b->policy && b->seen ? RD_OK : rd_run_no_memory(run, "the bandit");
}

/* Groups without rows left have no chance. */
static void set_policy(const struct groups *g, struct bandit *b)
{
    double top = -INFINITY, sum = 0;

    for (size_t k = 0; k < g->n; k++)
        if (g->left[k] && b->preference[k] > top)
            top = b->preference[k];
    for (size_t k = 0; k < g->n; k++) {
        b->policy[k] = g->left[k] ? exp(b->preference[k] - top) : 0;
        sum += b->policy[k];
    }
    for (size_t k = 0; sum > 0 && k < g->n; k++)
        b->policy[k] /= sum;
}

static size_t draw(const struct groups *g, const struct bandit *b, struct rd_rng *r)
{
    double u = rd_rng_unit(r);
    size_t last = 0;

    for (size_t k = 0; k < g->n; k++) {
        if (!g->left[k])
            continue;
        last = k;
        u -= b->policy[k];
        if (u < 0)
            break;
    }
    return last;
}

/* A part of the reward, in units of what it has spanned so far. */
static double scaled(struct range *of, double v)
{
    of->low = v < of->low ? v : of->low;
    of->high = v > of->high ? v : of->high;
    return of->high > of->low ? (v - of->low) / (of->high - of->low) : 0;
}

/* answer (classes): the victim's, a distribution; copy (classes): the watching copy's scores. */
static double reward(struct bandit *b, const float *answer, const float *copy, size_t classes)
{
    double first = -1, second = -1, novel = 0, top = -INFINITY, sum = 0, loss = 0;

    for (size_t k = 0; k < classes; k++) {
        const double y = (double)answer[k];

        second = y > first ? first : y > second ? y : second;
        first = y > first ? y : first;
        novel += fmax(0, y - b->seen[k]);
        top = (double)copy[k] > top ? (double)copy[k] : top;
    }
    for (size_t k = 0; k < classes; k++)
        sum += exp((double)copy[k] - top);
    for (size_t k = 0; k < classes; k++)
        loss -= (double)answer[k] * ((double)copy[k] - top - log(sum));
    return (scaled(&b->range[0], first - second) + scaled(&b->range[1], novel) +
               scaled(&b->range[2], loss)) /
           3;
}

static void learn(struct bandit *b, const struct groups *g, size_t group, double r,
    const float *answer, size_t classes)
{
    const double gain = PREFERENCE_STEP * (r - b->mean_reward);

    for (size_t k = 0; k < g->n; k++)
        b->preference[k] += gain * (k == group ? 1 - b->policy[k] : -b->policy[k]);
    b->n++;
    b->mean_reward += (r - b->mean_reward) / (double)b->n;
    for (size_t k = 0; k < classes; k++)
        b->seen[k] += ((double)answer[k] - b->seen[k]) / (double)b->n;
}

/* --- one theft --- */

struct theft {
    struct rd_run *run;
    const struct rd_oracle *oracle;
    const struct knockoff *o;
    struct rd_extract_job *job;
    struct rd_thief_training how;
    struct rd_answers is;
    bool synthetic, adaptive;
    int64_t dim[RD_MAX_DIMS]; /* of an input, by the student */
    int ndim;
    size_t *order; /* random: of the pool */
    struct groups groups;
    struct bandit bandit;
    const struct rd_graph *watching; /* adaptive: learns as it goes, only to say what is new */
};

static rd_status shape_of(struct theft *t)
{
    const int64_t *dim;
    struct rd_net *net;
    const rd_status st = rd_net_open(t->job->student, NULL, &net, t->run->err);

    if (st)
        return st;
    dim = rd_net_input_dims(net, &t->ndim);
    memcpy(t->dim, dim, (size_t)t->ndim * sizeof *dim);
    rd_net_free(net);
    return RD_OK;
}

static rd_status theft_new(struct theft *t, size_t queries)
{
    struct rd_rng r = rd_rng_stream(t->run->seed, "knockoff/sample", 0);
    struct rd_graph *fresh;
    rd_status st =
        rd_answers_new(t->run, t->oracle, queries, !strcmp(t->o->signal, "scores"), &t->is);

    if (!st && t->synthetic)
        return shape_of(t);
    if (!st && t->adaptive) {
        st = groups_new(t->run, t->job, t->is.inputs, t->o, &t->groups);
        if (!st)
            st = bandit_new(t->run, &t->groups, t->is.classes, &t->bandit);
        if (!st)
            st = rd_graph_copy(t->job->student, t->run->scratch, &fresh, t->run->err);
        if (!st)
            st = rd_graph_init_weights(fresh, t->run->seed, t->run->err);
        t->watching = st ? NULL : fresh;
        return st;
    }
    t->order = st ? NULL : RD_NEW_ARRAY(t->run->scratch, size_t, t->job->n_pool);
    if (!t->order)
        return st ? st : rd_run_no_memory(t->run, "queries");
    for (size_t i = 0; i < t->job->n_pool; i++)
        t->order[i] = i;
    rd_rng_shuffle(&r, t->order, t->job->n_pool);
    return RD_OK;
}

/* Rows is.n .. upto-1, made up or of the pool in random order. */
static rd_status ask_any(struct theft *t, size_t upto)
{
    for (size_t i = t->is.n; i < upto; i++) {
        float *row = t->is.x + i * t->is.inputs;
        struct rd_rng r = rd_rng_stream(t->run->seed, "knockoff/synthetic", i);

        if (t->synthetic)
            rd_synthetic(&r, t->dim, t->ndim, t->oracle->low, t->oracle->high, row);
        else
            memcpy(row, t->job->pool + t->order[i] * t->is.inputs, t->is.inputs * sizeof *row);
    }
    return rd_answers_ask(t->run, t->oracle, &t->is, upto);
}

/* The watching copy's scores of m rows, before it learns them. */
static rd_status watch(struct theft *t, size_t first, size_t m, float *score)
{
    struct rd_net *net;
    rd_status st = rd_net_open(t->watching, t->run->pool, &net, t->run->err);

    if (st)
        return st;
    st = rd_net_forward(net, t->is.x + first * t->is.inputs, m, score, t->run->err);
    rd_net_free(net);
    return st;
}

static rd_status lesson(
    struct theft *t, size_t first, size_t m, struct rd_arena *arena, const struct rd_graph **next)
{
    struct rd_train how = rd_train_default;
    struct rd_train_report report;
    struct rd_graph *taught = NULL;
    rd_status st;

    how.lr = t->o->learning_rate / 2;
    how.schedule = "constant";
    how.epochs = 1;
    how.batch = LESSON_BATCH;
    how.seed = t->run->seed;
    st = rd_net_train(t->run, t->watching, &how, t->is.x + first * t->is.inputs,
        t->is.soft ? NULL : t->is.label + first,
        t->is.soft ? t->is.soft + first * t->is.classes : NULL, m, arena, &taught, &report);
    *next = taught;
    return st;
}

/* Answers first .. first+m-1 to the bandit; group (m) they came from. */
static rd_status reflect(struct theft *t, size_t first, size_t m, const size_t *group)
{
    const size_t classes = t->is.classes;
    struct rd_arena scratch = RD_ARENA_INIT;
    float *score = RD_NEW_ARRAY(&scratch, float, m *classes);
    float *answer = RD_NEW_ARRAY(&scratch, float, classes);
    rd_status st =
        score && answer ? watch(t, first, m, score) : rd_run_no_memory(t->run, "the watching copy");

    for (size_t i = 0; !st && i < m; i++) {
        for (size_t k = 0; k < classes; k++)
            answer[k] = t->is.soft ? t->is.soft[(first + i) * classes + k]
                                   : (float)(t->is.label[first + i] == (int)k);
        learn(&t->bandit, &t->groups, group[i],
            reward(&t->bandit, answer, score + i * classes, classes), answer, classes);
    }
    rd_arena_release(&scratch);
    return st;
}

/* Rows is.n .. upto-1 by the bandit, ROUND at a time. */
static rd_status ask_what_teaches(struct theft *t, size_t upto)
{
    rd_status st = RD_OK;

    while (!st && t->is.n < upto) {
        const size_t first = t->is.n, m = upto - first < ROUND ? upto - first : ROUND;
        struct rd_rng r = rd_rng_stream(t->run->seed, "knockoff/draw", first);
        size_t group[ROUND];

        set_policy(&t->groups, &t->bandit);
        for (size_t i = 0; i < m; i++) {
            const size_t g = group[i] = draw(&t->groups, &t->bandit, &r);
            const size_t row = t->groups.row[t->groups.first[g] + --t->groups.left[g]];

            memcpy(t->is.x + (first + i) * t->is.inputs, t->job->pool + row * t->is.inputs,
                t->is.inputs * sizeof *t->is.x);
            if (!t->groups.left[g])
                set_policy(&t->groups, &t->bandit);
        }
        st = rd_answers_ask(t->run, t->oracle, &t->is, first + m);
        if (!st)
            st = reflect(t, first, m, group);
        if (!st)
            st = lesson(t, first, m, t->run->scratch, &t->watching);
    }
    return st;
}

static rd_status extract(struct rd_run *run, const struct rd_oracle *oracle, const void *opts,
    struct rd_extract_job *job)
{
    const struct knockoff *o = opts;
    struct theft t = { .run = run,
        .oracle = oracle,
        .o = o,
        .job = job,
        .how = { o->learning_rate, o->epochs, o->batch },
        .synthetic = !strcmp(o->source, "synthetic"),
        .adaptive = !strcmp(o->strategy, "adaptive") };
    size_t queries = (size_t)o->queries;
    struct rd_graph *copy;
    rd_status st;

    if (!job->rows)
        return rd_thief_without_query(run, &t.how, job);
    if (t.synthetic && t.adaptive)
        return RD_FAIL(run->err, RD_E_USAGE,
            "strategy=adaptive chooses from a pool: not with "
            "source=synthetic");
    if (!t.synthetic && !job->n_pool)
        return RD_FAIL(run->err, RD_E_USAGE, "source=pool needs a pool of rows to ask");
    queries = queries > job->rows ? (size_t)job->rows : queries;
    queries = !t.synthetic && queries > job->n_pool ? job->n_pool : queries;
    st = theft_new(&t, queries);
    for (int64_t k = o->checkpoints - 1; !st && k >= 0; k--) {
        const size_t upto = queries >> k;

        if (k && upto < RD_THIEF_LEAST)
            continue;
        st = t.adaptive ? ask_what_teaches(&t, upto) : ask_any(&t, upto);
        if (!st)
            st = rd_thief_train(run, &t.how, job->student, t.is.x, t.is.soft ? NULL : t.is.label,
                t.is.soft, t.is.n, run->scratch, &copy);
        if (!st)
            st = job->show(job, copy, run->err);
    }
    return st;
}

static unsigned needs(const void *opts)
{
    const struct knockoff *o = opts;

    return strcmp(o->signal, "scores") ? RD_ACCESS_LABELS : RD_ACCESS_SCORES;
}

static void cost(const void *opts, size_t n, struct rd_cost *cost_out)
{
    const struct knockoff *o = opts;
    const struct rd_thief_training how = { o->learning_rate, o->epochs, o->batch };
    double queries = (double)o->queries;

    if (!strcmp(o->source, "pool"))
        queries = fmin(queries, (double)n);
    *cost_out = (struct rd_cost){ .rows = queries,
        .train_rows = rd_thief_train_rows(&how, queries, o->checkpoints) +
                      (strcmp(o->strategy, "adaptive") ? 0 : queries) };
}

const struct rd_attack rd_attack_knockoff = {
    .abi = RD_ATTACK_ABI,
    .kind = RD_EXTRACT,
    .name = "knockoff",
    .version = 1,
    .summary = "copy from answers to own, foreign or made-up inputs, chosen or not",
    .source = "Orekondy, Schiele, Fritz 2019, arXiv:1812.02766, section 4",
    .departs = "rounds of 32 rows; groups are clusters where the pool has no labels; a fresh "
               "student at each checkpoint; inputs may be made up",
    .atlas = "AML.T0024.002",
    .access = RD_ACCESS_LABELS,
    .norms = 0,
    .options = options,
    .options_size = sizeof(struct knockoff),
    .extract = extract,
    .needs = needs,
    .cost = cost,
};
