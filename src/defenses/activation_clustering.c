/*
 * activation_clustering - backdoored rows light the network up otherwise than the class they pose
 * in.
 *
 * Each class's activations are split in two (lib/parting.h). At 10 % poison of ten classes half of
 * the target class is poison: neither size nor silhouette tells a poisoned class from one that has
 * two styles. So a group is accused by what it does: what its rows have over the inputs of other
 * classes that look most like them is laid over other inputs, and the network is asked. A trigger
 * carries its class along; a style does not. Accused is only a group whose rows look like other
 * classes rather than like the rest of their own, and only when its mark goes far beyond the
 * rest's. What is left of an accused class is split again. More than two
 * thirds of a class are never accused.
 *
 * Source: Chen, Carvalho, Baracaldo, Ludwig, Edwards, Lee, Molloy, Srivastava 2018, "Detecting
 * Backdoor Attacks on Deep Neural Networks by Activation Clustering", arXiv:1811.03728.
 * Departs from it: principal instead of independent components; 2-means is refined to a linear
 * discriminant; the decision is the one above instead of relative size, silhouette or
 * retraining without the group.
 */
#include "defenses/lib/near.h"
#include "defenses/lib/parting.h"
#include "defenses/lib/screen.h"
#include "graph/cut.h"
#include "target/target.h"

#include <redoubt/defense.h>

#include <math.h>
#include <string.h>

enum { MEMBERS = 128, LOOK_ALIKES = 1000, STAMPED = 100, PER_CLASS = 150, ROUNDS = 8 };
/* Of what the rest's mark leaves to be carried, the group's must carry at least this share. */
static const double BEYOND = 0.65;
/* Rows that are nearer to the rest of their class than to any other class: at most so many. */
static const double NATIVE = 0.3;
/* Less than this beyond the rest is not looked into. */
static const double LITTLE = 0.05;
/* A larger share of a class is the class. */
static const double MOST = 2.0 / 3;

struct options {
    const char *layer;
    int64_t dims;
    double threshold;
};

static const struct rd_option table[] = {
    RD_TEXT(struct options, layer, "layer", "", "NAME", "value or node; none: the penultimate"),
    RD_INT(struct options, dims, "dims", "10", 1, RD_PARTING_DIMS_MAX, "components",
        "of the activations that are split"),
    RD_REAL(struct options, threshold, "threshold", "0.5", 0.05, 1, "share",
        "of other inputs that a group's mark must carry into its class"),
    RD_OPTION_END,
};

struct look {
    struct rd_run *run;
    const struct options *o;
    const struct rd_dataset *data;
    struct rd_net *net;
    const float *act;
    size_t width;
    const struct rd_by_class *by;
    struct rd_arena arena; /* of the class that is looked at */
    /* rows of other classes: where look-alikes are sought, and which are stamped; what the network
     * answers to the latter */
    float *other, *plain, *answer;
    size_t n_other, n_plain;
    bool *drop;
    double *score;
};

/* Every so many of rows [first, end), at most `most`: which of n. */
static size_t every(size_t n, size_t most, size_t i)
{
    return n <= most ? i : i * n / most;
}

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* A sample of all rows that do not belong to class c; count in *n_out. NULL: memory. */
static float *others(struct look *l, int c, size_t most, size_t *n_out)
{
    const size_t first = l->by->first[c], end = l->by->first[c + 1];
    const size_t n = l->data->n - (end - first), m = least_of(n, most);
    size_t *row = rd_arena_alloc(&l->arena, m + 1, sizeof *row);

    for (size_t i = 0; row && i < m; i++) {
        const size_t at = every(n, most, i);

        row[i] = l->by->row[at < first ? at : at + (end - first)];
    }
    *n_out = m;
    return row ? rd_gather_rows(l->data->x, row, m, l->data->width, &l->arena) : NULL;
}

static rd_status meet_others(struct look *l, int c)
{
    l->other = others(l, c, LOOK_ALIKES, &l->n_other);
    l->plain = others(l, c, STAMPED, &l->n_plain);
    l->answer = rd_arena_alloc(&l->arena, l->n_plain * rd_net_outputs(l->net) + 1, sizeof(float));
    if (!l->other || !l->plain || !l->answer)
        return rd_run_no_memory(l->run, "rows of other classes");
    return rd_net_forward(l->net, l->plain, l->n_plain, l->answer, l->run->err);
}

/*
 * Share of other inputs, not of class c already, that the network takes for class c once they bear
 * what the members have over their look-alikes; members (n) are rows of the data.
 */
static rd_status carried(struct look *l, int c, const size_t *member, size_t n, double *share_out)
{
    const size_t width = l->data->width, classes = rd_net_outputs(l->net);
    const size_t m = least_of(n, MEMBERS);
    size_t asked = 0, taken = 0;
    size_t *some = rd_arena_alloc(&l->arena, m + 1, sizeof *some);
    size_t *alike = rd_arena_alloc(&l->arena, m + 1, sizeof *alike);
    double *mark = rd_arena_alloc(&l->arena, width + 1, sizeof *mark);
    float *stamped = rd_arena_alloc(&l->arena, l->n_plain * width + 1, sizeof(float));
    float *answer = rd_arena_alloc(&l->arena, l->n_plain * classes + 1, sizeof(float)), *mine;
    rd_status st;

    *share_out = 0;
    if (!l->n_other)
        return RD_OK;
    if (!some || !alike || !mark || !stamped || !answer)
        return rd_run_no_memory(l->run, "look-alikes");
    for (size_t i = 0; i < m; i++)
        some[i] = member[every(n, MEMBERS, i)];
    mine = rd_gather_rows(l->data->x, some, m, width, &l->arena);
    if (!mine)
        return rd_run_no_memory(l->run, "look-alikes");
    st = rd_near(l->run, &(struct rd_near){ .query = mine,
                             .x = l->other,
                             .n_query = m,
                             .n = l->n_other,
                             .width = width,
                             .k = 1,
                             .index = alike });
    if (st)
        return st;
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < width; k++)
            mark[k] +=
                ((double)mine[i * width + k] - (double)l->other[alike[i] * width + k]) / (double)m;
    for (size_t i = 0; i < l->n_plain; i++)
        for (size_t k = 0; k < width; k++)
            stamped[i * width + k] =
                fminf(fmaxf(l->plain[i * width + k] + (float)mark[k], l->data->low), l->data->high);
    st = rd_net_forward(l->net, stamped, l->n_plain, answer, l->run->err);
    for (size_t i = 0; i < l->n_plain && !st; i++) {
        if (rd_target_argmax(l->answer + i * classes, classes) == c)
            continue;
        asked++;
        taken += rd_target_argmax(answer + i * classes, classes) == c;
    }
    *share_out = asked ? (double)taken / (double)asked : 0;
    return st;
}

/* Share of members that lie nearer to the rest of their class than to any other class. Equal
 * numbers of each are looked at: the more rows, the nearer the nearest. */
static rd_status native(struct look *l, int c, const size_t *member, size_t n, const size_t *rest,
    size_t n_rest, double *share_out)
{
    const size_t m = least_of(n, MEMBERS), each = least_of(n_rest, PER_CLASS);
    const size_t width = l->data->width, most = each * (size_t)l->by->classes;
    size_t *row = rd_arena_alloc(&l->arena, most + 1, sizeof *row);
    size_t *some = rd_arena_alloc(&l->arena, m + 1, sizeof *some), at = 0, near = 0;
    float *own = rd_arena_alloc(&l->arena, m + 1, sizeof *own);
    float *foreign = rd_arena_alloc(&l->arena, m + 1, sizeof *foreign), *mine, *x;
    rd_status st;

    if (!row || !some || !own || !foreign)
        return rd_run_no_memory(l->run, "neighbors");
    for (size_t i = 0; i < m; i++)
        some[i] = member[every(n, MEMBERS, i)];
    mine = rd_gather_rows(l->data->x, some, m, width, &l->arena);
    for (size_t i = 0; i < each; i++)
        row[i] = rest[every(n_rest, PER_CLASS, i)];
    x = rd_gather_rows(l->data->x, row, each, width, &l->arena);
    if (!mine || !x)
        return rd_run_no_memory(l->run, "neighbors");
    st = rd_near(l->run, &(struct rd_near){ .query = mine,
                             .x = x,
                             .n_query = m,
                             .n = each,
                             .width = width,
                             .k = 1,
                             .distance = own });
    for (int s = 0; s < l->by->classes; s++) {
        const size_t first = l->by->first[s], size = l->by->first[s + 1] - first;

        for (size_t i = 0; s != c && i < least_of(size, each); i++)
            row[at++] = l->by->row[first + every(size, each, i)];
    }
    x = rd_gather_rows(l->data->x, row, at, width, &l->arena);
    if (!x)
        return rd_run_no_memory(l->run, "neighbors");
    if (!st)
        st = rd_near(l->run, &(struct rd_near){ .query = mine,
                                 .x = x,
                                 .n_query = m,
                                 .n = at,
                                 .width = width,
                                 .k = 1,
                                 .distance = foreign });
    for (size_t i = 0; i < m && !st; i++)
        near += own[i] < foreign[i];
    *share_out = m ? (double)near / (double)m : 1;
    return st;
}

/*
 * Is one of the two groups a crowd with a trigger? *more_out: the likelier one (0 first, 1 second),
 * *evidence_out (0 to 1) how much speaks for it, *guilty_out whether that is enough.
 */
static rd_status judge(struct look *l, int c, const struct rd_parting *s, const size_t *row,
    int *more_out, double *evidence_out, bool *guilty_out)
{
    size_t *group[2], n[2] = { 0 };
    double carry[2], beyond, at_home = 1;
    int more;
    rd_status st;

    group[0] = rd_arena_alloc(&l->arena, s->n + 1, sizeof(size_t));
    group[1] = rd_arena_alloc(&l->arena, s->n + 1, sizeof(size_t));
    if (!group[0] || !group[1])
        return rd_run_no_memory(l->run, "groups");
    for (size_t i = 0; i < s->n; i++)
        group[s->second[i]][n[s->second[i]]++] = row[i];
    st = carried(l, c, group[0], n[0], &carry[0]);
    if (!st)
        st = carried(l, c, group[1], n[1], &carry[1]);
    if (st)
        return st;
    more = carry[1] >= carry[0];
    beyond = carry[!more] < 1 ? (carry[more] - carry[!more]) / (1 - carry[!more]) : 0;
    if (beyond > LITTLE && (double)n[more] <= MOST * (double)s->n)
        st = native(l, c, group[more], n[more], group[!more], n[!more], &at_home);
    *more_out = more;
    *evidence_out = carry[more] * beyond * (1 - at_home);
    *guilty_out = carry[more] >= l->o->threshold && beyond >= BEYOND && at_home <= NATIVE;
    rd_log_say(l->run->log, RD_LOG_DEBUG, "screen",
        "class %d: %zu of %zu rows stand apart by %.1f; their mark carries %.2f (the rest's %.2f), "
        "%.2f at home",
        c, n[more], s->n, s->separation, carry[more], carry[!more], at_home);
    return st;
}

/* One look at the rows (n) of class c that are left; *found_out: some were marked. */
static rd_status look_once(
    struct look *l, int c, size_t *row, size_t *n, uint64_t round, bool *found_out)
{
    struct rd_parting split[RD_PARTINGS_MAX];
    size_t splits, left = 0;
    const size_t least = *n / 100 > 8 ? *n / 100 : 8;
    float *act = rd_gather_rows(l->act, row, *n, l->width, &l->arena);
    rd_status st;

    *found_out = false;
    if (!act)
        return rd_run_no_memory(l->run, "activations of a class");
    st = rd_part_two(l->run, act, *n, l->width, (size_t)l->o->dims, least, l->run->seed,
        (uint64_t)c * ROUNDS + round, &l->arena, split, &splits);
    for (size_t at = 0; at < splits && !st && !*found_out; at++) {
        const struct rd_parting *s = &split[at];
        double evidence = 0;
        bool guilty = false;
        int more = 1;

        st = judge(l, c, s, row, &more, &evidence, &guilty);
        for (size_t i = 0; i < *n && l->score && !st; i++)
            l->score[row[i]] =
                fmax(l->score[row[i]], evidence * (more ? s->posterior[i] : 1 - s->posterior[i]));
        if (st || !guilty)
            continue;
        *found_out = true;
        for (size_t i = 0; i < *n; i++)
            if (s->second[i] == (more == 1))
                l->drop[row[i]] = true;
            else
                row[left++] = row[i];
        *n = left;
    }
    return st;
}

static rd_status look_at_class(struct look *l, int c)
{
    const size_t first = l->by->first[c];
    size_t n = l->by->first[c + 1] - first;
    size_t *row = rd_arena_alloc(&l->arena, n + 1, sizeof *row);
    bool found = true;
    rd_status st = RD_OK;

    if (!row)
        return rd_run_no_memory(l->run, "a class");
    memcpy(row, l->by->row + first, n * sizeof *row);
    st = meet_others(l, c);
    for (uint64_t round = 0; round < ROUNDS && found && !st; round++)
        st = look_once(l, c, row, &n, round, &found);
    rd_arena_release(&l->arena);
    return st;
}

static rd_status screen(struct rd_run *run, void *self, const struct rd_recipe *recipe,
    const struct rd_dataset *data, const struct rd_graph *model, bool *drop, double *score)
{
    struct rd_by_class by;
    struct look l = {
        .run = run, .o = self, .data = data, .by = &by, .drop = drop, .score = score
    };
    float *act;
    rd_status st = rd_screen_labeled(run, data, "activation-clustering");

    if (!st)
        st = rd_screen_model(run, recipe, data, model, "activation-clustering", &model);
    if (!st)
        st = rd_by_class(run, data, &by);
    if (!st)
        st = rd_graph_activations(
            run, model, l.o->layer, data->x, data->n, run->scratch, &act, &l.width, NULL);
    if (!st)
        st = rd_net_open(model, run->pool, &l.net, run->err);
    if (st)
        return st;
    l.act = act;
    if (rd_net_inputs(l.net) != data->width || rd_net_outputs(l.net) < (size_t)data->classes)
        st = RD_FAIL(run->err, RD_E_INPUT,
            "'%s' takes %zu numbers and answers %zu classes; the data has %zu and %d", model->path,
            rd_net_inputs(l.net), rd_net_outputs(l.net), data->width, data->classes);
    for (size_t r = 0; score && r < data->n; r++)
        score[r] = 0;
    for (int c = 0; c < data->classes && !st; c++) {
        st = rd_run_step(run, "screening", (size_t)c, (size_t)data->classes);
        if (!st)
            st = look_at_class(&l, c);
    }
    rd_arena_release(&l.arena);
    rd_net_free(l.net);
    return st;
}

static rd_status treat(
    struct rd_run *run, const void *options, const struct rd_treatment **treatment_out)
{
    const struct options *o = options;
    struct rd_treatment *t;
    const rd_status st = rd_screen_new(run, o, sizeof *o, &t,
        "activation-clustering(dims=%lld,layer=%s,threshold=%g)", (long long)o->dims,
        o->layer ? o->layer : "", o->threshold);

    if (st)
        return st;
    t->screen = screen;
    *treatment_out = t;
    return RD_OK;
}

/* Poison that keeps its true labels has nothing to stand apart from: it looks like its class. */
static const struct rd_aware aware[] = {
    { "backdoor", { { "label", "clean" } },
        "poisons only rows of the target class: they look like their class" },
    { 0 },
};

const struct rd_defense rd_defense_activation_clustering = {
    .abi = RD_DEFENSE_ABI,
    .name = "activation-clustering",
    .summary = "leaves out training rows that light the network up otherwise",
    .source = "Chen et al. 2018, arXiv:1811.03728",
    .node = RD_NODE_SUSCEPTIBILITY,
    .against = 1u << RD_POISON,
    .aware = aware,
    .options = table,
    .options_size = sizeof(struct options),
    .treat = treat,
};
