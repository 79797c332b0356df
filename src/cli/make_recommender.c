/*
 * make_recommender.c - the recommender template's real things: a click stream, and a net that says
 * which kind of thing a user will click next.
 *
 * The recommender itself needs no file: its recipe in redoubt.yaml trains it from the clicks. The
 * net reads the first two thirds of a user's clicks (one number for each item) and answers which
 * kind of thing most of the rest are; it is what the API serves, and what inversion is tried on.
 */
#include "cli/artifacts.h"

#include "data/clicks.h"
#include "graph/net.h"

#include <stdio.h>

enum { USERS = 1600, ITEMS = 300, LEARNED = 1000, EPOCHS = 20 };

static const struct rd_graph_spec layers[] = {
    { RD_LAYER_DENSE, 32, 0, 0, 0 },
    { RD_LAYER_RELU, 0, 0, 0, 0 },
    { RD_LAYER_DENSE, RD_CLICK_GENRES, 0, 0, 0 },
    { RD_LAYER_END, 0, 0, 0, 0 },
};

/* The kind that most of these clicks are of; the smaller one on ties. */
static int kind_of(uint64_t seed, const struct rd_click *click, size_t n)
{
    size_t count[RD_CLICK_GENRES] = { 0 };
    int best = 0;

    for (size_t i = 0; i < n; i++)
        count[rd_clicks_genre(seed, (size_t)click[i].item)]++;
    for (int g = 1; g < RD_CLICK_GENRES; g++)
        best = count[g] > count[best] ? g : best;
    return best;
}

/* One row for each user. */
static rd_status profiles_of(
    const struct rd_maker *m, const struct rd_clicks *c, struct rd_dataset *out)
{
    float *x = RD_NEW_ARRAY(m->run->scratch, float, c->n_users * c->n_items);
    int *label = RD_NEW_ARRAY(m->run->scratch, int, c->n_users);
    struct rd_dataset d = { .n = c->n_users,
        .ndim = 1,
        .dim = { (int64_t)c->n_items },
        .width = c->n_items,
        .classes = RD_CLICK_GENRES };

    if (!x || !label)
        return rd_run_no_memory(m->run, "profiles");
    for (size_t from = 0, to = 0; from < c->n; from = to) {
        const size_t user = (size_t)c->item[from].user;
        size_t early;

        while (to < c->n && (size_t)c->item[to].user == user)
            to++;
        early = from + (to - from) * 2 / 3;
        for (size_t i = from; i < early; i++)
            x[user * c->n_items + (size_t)c->item[i].item] = 1;
        label[user] = kind_of(m->run->seed, c->item + early, to - early);
    }
    d.x = x;
    d.label = label;
    return rd_dataset_slice(&d, 0, d.n, out, m->run->err);
}

static rd_status train(
    const struct rd_maker *m, const struct rd_dataset *d, struct rd_graph **trained_out)
{
    const int64_t input[] = { (int64_t)d->width };
    struct rd_train how = rd_train_default;
    struct rd_train_report report;
    struct rd_graph *fresh = NULL;
    rd_status st = rd_graph_build(layers, input, 1, m->run->scratch, &fresh, m->run->err);

    if (!st)
        st = rd_graph_init_weights(fresh, m->run->seed, m->run->err);
    if (!st)
        st = rd_maker_save(m, fresh, "net.onnx");
    how.epochs = EPOCHS;
    how.lr = 0.003;
    how.seed = m->run->seed;
    if (!st)
        st = rd_net_train(
            m->run, fresh, &how, d->x, d->label, NULL, d->n, m->run->scratch, trained_out, &report);
    return st ? st : rd_maker_save(m, *trained_out, "model.onnx");
}

rd_status rd_make_recommender(struct rd_run *run, const char *dir, struct rd_made *made_out)
{
    const struct rd_clicks_shape shape = { .users = USERS, .items = ITEMS };
    const struct rd_maker m = { run, dir };
    struct rd_clicks clicks;
    struct rd_dataset all, learned, others;
    struct rd_graph *trained = NULL;
    double accuracy = 0;
    char *path = NULL;
    rd_status st = rd_clicks_generate(&shape, run->seed, run->scratch, &clicks, run->err);

    *made_out = (struct rd_made){ .train = LEARNED, .eval = USERS - LEARNED };
    if (!st)
        st = rd_maker_path(&m, "clicks.csv", &path);
    if (!st)
        st = rd_clicks_write(path, &clicks, run->err);
    if (!st)
        st = profiles_of(&m, &clicks, &all);
    if (!st)
        st = rd_dataset_slice(&all, 0, LEARNED, &learned, run->err);
    if (!st)
        st = rd_dataset_slice(&all, LEARNED, USERS - LEARNED, &others, run->err);
    if (!st)
        st = rd_maker_write_x(&m, "profiles-x.npy", &learned);
    if (!st)
        st = rd_maker_write_labels(&m, "profiles-y.npy", &learned);
    if (!st)
        st = rd_maker_write_x(&m, "eval-x.npy", &others);
    if (!st)
        st = rd_maker_write_labels(&m, "eval-y.npy", &others);
    if (!st)
        st = train(&m, &learned, &trained);
    if (!st)
        st = rd_maker_accuracy(&m, trained, &others, &accuracy);
    rd_made_add(made_out, "clean_accuracy", accuracy);
    (void)snprintf(made_out->summary, sizeof made_out->summary,
        "%zu clicks of %d users on %d things, and a net that tells what kind of thing "
        "%.0f %% of them look at next (1 in %d by chance)",
        clicks.n, USERS, ITEMS, 100 * accuracy, RD_CLICK_GENRES);
    return st;
}
