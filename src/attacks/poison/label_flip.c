/*
 * label-flip - wrong labels, the inputs left alone.
 *
 * mode=random gives randomly chosen rows another class; mode=targeted relabels rows of one class as
 * another, so that such inputs are misread; mode=loss spends its flips where they hurt most: on the
 * rows whose loss, under a model of the attacker's own, rises most with the new label. Those are
 * the rows it is surest about, and their new label is the class it finds least likely.
 *
 * Source: Biggio, Nelson, Laskov 2011, "Support Vector Machines Under Adversarial Label Noise",
 * section 3 (random and adversarial flips); mode=loss: Xiao, Xiao, Eckert 2012, "Adversarial Label
 * Flips Attack on Support Vector Machines", ECAI 2012, section 3 (ALFA).
 */
#include "attacks/job.h"
#include "graph/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct label_flip {
    double rate;
    int64_t count, target, source, runs, accounts;
    const char *mode;
};

static const char *const modes[] = { "random", "targeted", "loss", NULL };

static const struct rd_option options[] = {
    RD_CHOICE(struct label_flip, mode, "mode", "loss", modes, "which rows get which label"),
    RD_REAL(struct label_flip, rate, "rate", "0.2", 0, 1, "share", "of the training rows poisoned"),
    RD_INT(struct label_flip, count, "count", "0", 0, 1e9, "rows",
        "poisoned, instead of a share; 0: by rate"),
    RD_INT(struct label_flip, target, "target", "0", 0, 1e6, "class",
        "mode=targeted: the label that is written"),
    RD_INT(struct label_flip, source, "source-class", "-1", -1, 1e6, "class",
        "mode=targeted: whose rows are relabeled; -1: all others"),
    RD_INT(struct label_flip, accounts, "accounts", "1", 0, 1e9, "accounts",
        "the rows come from, when the data names contributors; 0: as before"),
    RD_INT(struct label_flip, runs, "runs", "5", 1, 1000, "victims", "retrained independently"),
    RD_OPTION_END,
};

/* A row and what its flip is worth; larger first, then the earlier row. */
struct flip {
    double worth;
    size_t row;
    int label;
};

static int by_worth(const void *a, const void *b)
{
    const struct flip *x = a, *y = b;

    if (x->worth != y->worth)
        return x->worth < y->worth ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Loss with the new label less loss with the true one: the difference of two logits. */
static rd_status by_loss(struct rd_run *run, struct rd_poison_job *job, struct flip *flip)
{
    const struct rd_dataset *d = job->data;
    const size_t classes = job->classes;
    float *score = RD_NEW_ARRAY(run->scratch, float, d->n *classes);
    const struct rd_graph *model;
    struct rd_net *net;
    rd_status st = score ? job->reference(job, &model, run->err)
                         : rd_run_no_memory(run, "the reference model's answers");

    if (!st)
        st = rd_net_open(model, run->pool, &net, run->err);
    if (st)
        return RD_WRAP(run->err, st, "the attacker's own model");
    st = rd_net_forward(net, d->x, d->n, score, run->err);
    for (size_t i = 0; !st && i < d->n; i++) {
        const float *s = score + i * classes;
        const int truth = d->label[i];
        int least = truth ? 0 : 1;

        for (size_t k = 0; k < classes; k++)
            if ((int)k != truth && s[k] < s[least])
                least = (int)k;
        flip[i].label = least;
        flip[i].worth = rd_net_ends_in_softmax(net) ? log(fmax((double)s[truth], 1e-30)) -
                                                          log(fmax((double)s[least], 1e-30))
                                                    : (double)s[truth] - (double)s[least];
    }
    rd_net_free(net);
    return st;
}

/* Any row, any other class. The worth is a random number, so the first k of a seed are always the
 * same rows. */
static void at_random(struct rd_run *run, const struct rd_poison_job *job, struct flip *flip)
{
    for (size_t i = 0; i < job->data->n; i++) {
        struct rd_rng r = rd_rng_stream(run->seed, "label-flip", i);
        const int other = (int)rd_rng_below(&r, job->classes - 1);

        flip[i].label = other + (other >= job->data->label[i]);
        flip[i].worth = rd_rng_unit(&r);
    }
}

/* Rows of the source class only: the others are worth nothing. */
static rd_status targeted(
    struct rd_run *run, const struct label_flip *o, struct rd_poison_job *job, struct flip *flip)
{
    const struct rd_dataset *d = job->data;
    size_t n = 0;

    if ((size_t)o->target >= job->classes || o->source >= (int64_t)job->classes)
        return RD_FAIL(run->err, RD_E_USAGE,
            "target and source-class: there is no class %lld, only 0..%zu",
            (long long)((size_t)o->target >= job->classes ? o->target : o->source),
            job->classes - 1);
    if (o->source == o->target)
        return RD_FAIL(
            run->err, RD_E_USAGE, "target and source-class are both %lld", (long long)o->target);
    at_random(run, job, flip);
    for (size_t i = 0; i < d->n; i++) {
        const bool mine =
            o->source >= 0 ? d->label[i] == (int)o->source : d->label[i] != (int)o->target;

        flip[i].label = (int)o->target;
        flip[i].worth = mine ? flip[i].worth : -1;
        n += mine;
    }
    if (!n)
        return RD_FAIL(run->err, RD_E_INPUT, "no training row of the class to be relabeled");
    job->target = (int)o->target;
    job->source = (int)o->source;
    return RD_OK;
}

static rd_status poison(struct rd_run *run, const void *opts, struct rd_poison_job *job)
{
    const struct label_flip *o = opts;
    const struct rd_dataset *d = job->data;
    struct flip *flip = RD_NEW_ARRAY(run->scratch, struct flip, d->n);
    rd_status st = RD_OK;

    if (!flip)
        return rd_run_no_memory(run, "flips");
    for (size_t i = 0; i < d->n; i++)
        flip[i].row = i;
    if (!strcmp(o->mode, "loss"))
        st = by_loss(run, job, flip);
    else if (!strcmp(o->mode, "targeted"))
        st = targeted(run, o, job, flip);
    else
        at_random(run, job, flip);
    if (st)
        return st;
    qsort(flip, d->n, sizeof *flip, by_worth);
    for (size_t i = 0; i < d->n && i < job->budget; i++) {
        if (job->target >= 0 && flip[i].worth < 0)
            break;
        job->label[flip[i].row] = flip[i].label;
        job->poisoned[flip[i].row] = true;
        if (job->contributor && o->accounts)
            job->contributor[flip[i].row] = (int)(d->n_contributors + i % (size_t)o->accounts);
    }
    return RD_OK;
}

/* The reference model of mode=loss: rows of one epoch of the recipe. */
static void cost(const void *opts, size_t n, struct rd_cost *cost_out)
{
    const struct label_flip *o = opts;

    *cost_out = (struct rd_cost){ .train_rows = strcmp(o->mode, "loss") ? 0 : (double)n };
}

const struct rd_attack rd_attack_label_flip = {
    .abi = RD_ATTACK_ABI,
    .kind = RD_POISON,
    .name = "label-flip",
    .version = 1,
    .summary = "give training rows wrong labels: any, of one class, or by loss",
    .source = "Biggio, Nelson, Laskov 2011, section 3; by loss: Xiao, Xiao, Eckert 2012, section 3",
    .departs =
        "networks instead of support vector machines; flips by loss are chosen at once, from "
        "one model of the attacker's own, not alternating with retraining",
    .atlas = "AML.T0020",
    .access = RD_ACCESS_DATA,
    .norms = 0,
    .options = options,
    .options_size = sizeof(struct label_flip),
    .poison = poison,
    .cost = cost,
};
