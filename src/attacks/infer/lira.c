/*
 * lira - likelihood-ratio attack: how sure would the network be with this example, how sure
 * without?
 *
 * Shadow networks are trained by the victim's recipe on random halves of what the attacker holds.
 * Online, the attacker holds the population that members were drawn from: each example is in
 * exactly half of the shadows' training sets, and two normal distributions are fitted to the log
 * odds of its class, with and without. Its score is the log of the likelihood ratio at what the
 * victim answers. Offline, he holds none of the examples in question; only "without" is known, and
 * the score says how far above it the victim is.
 *
 * Source: Carlini, Chien, Nasr, Song, Terzis, Tramer 2022, "Membership inference attacks from first
 * principles", arXiv:2112.03570, algorithm 1 and sections V, VI.
 */
#include "attacks/infer/confidence.h"
#include "attacks/job.h"

#include <math.h>
#include <string.h>

/* With fewer networks on a side, each example's own variance says too little (section VI-A). */
enum { OWN_VARIANCE_LEAST = 32, SHADOWS_LEAST = 4 };

/* A variance of nothing would make certainty out of rounding. */
#define DEVIATION_LEAST 1e-3

struct lira {
    int64_t runs, examples, shadows;
    double fpr;
    const char *mode, *variance;
};

static const char *const modes[] = { "online", "offline", NULL };
static const char *const variances[] = { "auto", "own", "pooled", NULL };

static const struct rd_option options[] = {
    RD_CHOICE(struct lira, mode, "mode", "online", modes,
        "online: shadows also train on the examples in question; offline: on none of them"),
    RD_INT(struct lira, shadows, "shadows", "16", SHADOWS_LEAST, 1024, "networks",
        "shadow networks trained for each victim"),
    RD_CHOICE(struct lira, variance, "variance", "auto", variances,
        "each example's own or one for all; auto: own from 32 networks a side on"),
    RD_REAL(struct lira, fpr, "fpr", "0.01", 0.00001, 0.5, "",
        "false-positive rate at which hits are counted"),
    RD_INT(struct lira, examples, "examples", "0", 0, 10000000, "examples",
        "asked about at most, half of them members; 0: all"),
    RD_INT(struct lira, runs, "runs", "3", 1, 1000, "runs", "independent victims"),
    RD_OPTION_END,
};

struct shadows {
    size_t n, rows;
    struct rd_dataset *data; /* (n): what each is trained on */
    struct rd_recipe_job *job;
    bool *in;       /* (rows, n): is row of the attacker's data in shadow k? */
    double *answer; /* (n, examples): log odds */
};

/* --- shadows --- */

/* Row by row, half of the shadows, so that every example has as many with as without. */
static void deal(struct rd_run *run, struct shadows *s, size_t *order)
{
    for (size_t i = 0; i < s->rows; i++) {
        struct rd_rng r = rd_rng_stream(run->seed, "lira/half", i);

        for (size_t k = 0; k < s->n; k++)
            order[k] = k;
        rd_rng_shuffle(&r, order, s->n);
        for (size_t k = 0; k < s->n / 2; k++)
            s->in[i * s->n + order[k]] = true;
    }
}

static rd_status gather(
    struct rd_run *run, const struct rd_dataset *all, struct shadows *s, size_t k)
{
    struct rd_dataset *d = &s->data[k];
    float *x;
    int *label;
    size_t n = 0, at = 0;

    for (size_t i = 0; i < s->rows; i++)
        n += s->in[i * s->n + k];
    x = RD_NEW_ARRAY(run->scratch, float, n * all->width + 1);
    label = RD_NEW_ARRAY(run->scratch, int, n + 1);
    if (!x || !label)
        return rd_run_no_memory(run, "a shadow's training data");
    for (size_t i = 0; i < s->rows; i++) {
        if (!s->in[i * s->n + k])
            continue;
        memcpy(x + at * all->width, all->x + i * all->width, all->width * sizeof *x);
        label[at++] = all->label[i];
    }
    *d = *all;
    d->n = n;
    d->x = x;
    d->label = label;
    return RD_OK;
}

static rd_status shadows_new(
    struct rd_run *run, const struct lira *o, const struct rd_infer_job *job, struct shadows *s)
{
    const size_t n = (size_t)o->shadows;
    size_t *order = RD_NEW_ARRAY(run->scratch, size_t, n);
    rd_status st = RD_OK;

    *s = (struct shadows){ .n = n,
        .rows = job->data->n,
        .data = RD_NEW_ARRAY(run->scratch, struct rd_dataset, n),
        .job = RD_NEW_ARRAY(run->scratch, struct rd_recipe_job, n),
        .in = RD_NEW_ARRAY(run->scratch, bool, n * job->data->n),
        .answer = RD_NEW_ARRAY(run->scratch, double, n * job->n) };
    if (!order || !s->data || !s->job || !s->in || !s->answer)
        return rd_run_no_memory(run, "shadows");
    deal(run, s, order);
    for (size_t k = 0; !st && k < n; k++) {
        struct rd_rng r = rd_rng_stream(run->seed, "lira/shadow", k);

        st = gather(run, job->data, s, k);
        s->job[k].data = &s->data[k];
        s->job[k].seed = rd_rng_u64(&r);
    }
    if (!st)
        st = rd_recipe_train_all(run, job->recipe, s->job, n, run->scratch);
    return st ? RD_WRAP(run->err, st, "training %zu shadows", n) : RD_OK;
}

static rd_status shadows_ask(
    struct rd_run *run, const struct rd_oracle *oracle, struct rd_infer_job *job, struct shadows *s)
{
    const size_t classes = oracle->classes;
    float *score = RD_NEW_ARRAY(run->scratch, float, job->n *classes);
    rd_status st = score ? RD_OK : rd_run_no_memory(run, "scores");

    for (size_t k = 0; !st && k < s->n; k++) {
        st = rd_run_step(run, "asking the shadows", k, s->n);
        if (!st)
            st = job->answer(job, s->job[k].trained, job->x, job->n, score, run->err);
        for (size_t i = 0; !st && i < job->n; i++)
            s->answer[k * job->n + i] = rd_confidence(score + i * classes, classes,
                (size_t)job->label[i], oracle->scores_are_probabilities);
    }
    return st;
}

/* --- two normal distributions --- */

/* What the shadows of one side answer about one example. */
struct side {
    double mean, variance; /* n - 1 in the denominator */
    size_t n;
};

static struct side side(
    const struct shadows *s, const struct rd_infer_job *job, size_t i, bool with)
{
    struct side d = { 0 };
    const size_t row = job->row[i];

    for (size_t k = 0; k < s->n; k++)
        if ((row != SIZE_MAX && s->in[row * s->n + k]) == with) {
            d.mean += s->answer[k * job->n + i];
            d.n++;
        }
    d.mean /= d.n ? (double)d.n : 1;
    for (size_t k = 0; k < s->n; k++)
        if ((row != SIZE_MAX && s->in[row * s->n + k]) == with) {
            const double away = s->answer[k * job->n + i] - d.mean;

            d.variance += away * away;
        }
    d.variance /= d.n > 1 ? (double)(d.n - 1) : 1;
    return d;
}

/* One variance for all examples: the mean of their own. 0 when no side has two networks. */
static double pooled(const struct shadows *s, const struct rd_infer_job *job, bool with)
{
    double sum = 0;
    size_t n = 0;

    for (size_t i = 0; i < job->n; i++) {
        const struct side d = side(s, job, i, with);

        if (d.n > 1) {
            sum += d.variance;
            n++;
        }
    }
    return n ? sum / (double)n : 0;
}

static double deviation(const struct side *d, bool own, double all)
{
    return fmax(sqrt(own && d->n > 1 ? d->variance : all), DEVIATION_LEAST);
}

/* Log density of a normal distribution, the constant left out. */
static double log_density(double v, double mean, double sd)
{
    const double z = (v - mean) / sd;

    return -0.5 * z * z - log(sd);
}

static rd_status infer(
    struct rd_run *run, const struct rd_oracle *oracle, const void *opts, struct rd_infer_job *job)
{
    const struct lira *o = opts;
    const bool online = !strcmp(o->mode, "online");
    const size_t side_n = online ? (size_t)o->shadows / 2 : (size_t)o->shadows;
    const bool own = !strcmp(o->variance, "own") ||
                     (!strcmp(o->variance, "auto") && side_n >= OWN_VARIANCE_LEAST);
    double all_in, all_out;
    struct shadows s;
    rd_status st;

    if (!job->data || job->data->n < 4)
        return RD_FAIL(run->err, RD_E_INPUT, "lira has no data to train shadows on");
    st = shadows_new(run, o, job, &s);
    if (!st)
        st = shadows_ask(run, oracle, job, &s);
    if (!st)
        st = rd_confidence_of_victim(run, oracle, job->x, job->label, job->n, job->score);
    if (st)
        return st;
    all_in = pooled(&s, job, true);
    all_out = pooled(&s, job, false);
    for (size_t i = 0; i < job->n; i++) {
        const struct side in = side(&s, job, i, true), out = side(&s, job, i, false);
        const double sd_out = deviation(&out, own, all_out), v = job->score[i];

        if (in.n && out.n)
            job->score[i] = log_density(v, in.mean, deviation(&in, own, all_in)) -
                            log_density(v, out.mean, sd_out);
        else
            job->score[i] = (v - out.mean) / sd_out; /* rises with the one-sided probability */
    }
    return RD_OK;
}

static void cost(const void *opts, size_t n, struct rd_cost *cost_out)
{
    const struct lira *o = opts;

    /* A pass over the training rows of each shadow; how many passes is the recipe's matter. */
    *cost_out =
        (struct rd_cost){ .rows = (double)n, .train_rows = (double)o->shadows * (double)n / 2 };
}

const struct rd_attack rd_attack_lira = {
    .abi = RD_ATTACK_ABI,
    .kind = RD_INFER,
    .task = RD_INFER_MEMBERSHIP,
    .name = "lira",
    .version = 1,
    .summary = "likelihood ratio from shadow networks: was it trained on?",
    .source = "Carlini et al. 2022, arXiv:2112.03570, algorithm 1, sections V and VI",
    .departs = "one query an example, no augmented ones; offline scores are standard deviations, "
               "in the order of the paper's probabilities; shadows answer through the victim's "
               "controls",
    .atlas = "AML.T0024.000",
    .access = RD_ACCESS_SCORES,
    .norms = 0,
    .options = options,
    .options_size = sizeof(struct lira),
    .infer = infer,
    .cost = cost,
};
