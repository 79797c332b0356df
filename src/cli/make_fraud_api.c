/*
 * make_fraud_api.c - the fraud-api template's real things: payments, and a small net that scores
 * them.
 *
 * The net learns the past and is judged on the future, in which fraud has moved on. The frauds that
 * evasion is tried with come from beyond that: everything a fraudster sends is fraud, so they are
 * judged on frauds alone. The competitor has payments of their own shop, another seed.
 */
#include "cli/artifacts.h"

#include "base/buf.h"
#include "base/file.h"
#include "data/schema.h"
#include "data/transactions.h"
#include "graph/net.h"

#include <stdio.h>

enum { PAST = 12000, FUTURE = 4000, BEYOND = 12000, COMPETITOR = 6000, EPOCHS = 10 };

static const struct rd_graph_spec layers[] = {
    { RD_LAYER_DENSE, 32, 0, 0, 0 },
    { RD_LAYER_RELU, 0, 0, 0, 0 },
    { RD_LAYER_DENSE, 16, 0, 0, 0 },
    { RD_LAYER_RELU, 0, 0, 0, 0 },
    { RD_LAYER_DENSE, 2, 0, 0, 0 },
    { RD_LAYER_END, 0, 0, 0, 0 },
};

static rd_status write_rows(
    const struct rd_maker *m, const char *name, const struct rd_dataset *d, char **path_out)
{
    const rd_status st = rd_maker_path(m, name, path_out);

    return st ? st : rd_transactions_write(*path_out, d, m->run->err);
}

/* Those rows of d that are fraud. */
static rd_status frauds_of(
    const struct rd_maker *m, const struct rd_dataset *d, struct rd_dataset *out)
{
    float *x = RD_NEW_ARRAY(m->run->scratch, float, d->n * d->width);
    int *label = RD_NEW_ARRAY(m->run->scratch, int, d->n);
    int *from = RD_NEW_ARRAY(m->run->scratch, int, d->n);
    size_t n = 0;

    if (!x || !label || !from)
        return rd_run_no_memory(m->run, "frauds");
    for (size_t i = 0; i < d->n; i++) {
        if (d->label[i] != 1)
            continue;
        for (size_t k = 0; k < d->width; k++)
            x[n * d->width + k] = d->x[i * d->width + k];
        label[n] = 1;
        from[n++] = d->contributor[i];
    }
    *out = *d;
    out->n = n;
    out->x = x;
    out->label = label;
    out->contributor = from;
    out->time = NULL;
    return RD_OK;
}

static rd_status write_all(const struct rd_maker *m, char **past_path, char **frauds_path)
{
    struct rd_dataset all, past, beyond, frauds, other;
    struct rd_arena *arena = m->run->scratch;
    struct rd_error *err = m->run->err;
    char *path;
    rd_status st =
        rd_transactions_generate(NULL, m->run->seed, PAST + FUTURE + BEYOND, arena, &all, err);

    if (!st)
        st = rd_dataset_slice(&all, 0, PAST + FUTURE, &past, err);
    if (!st)
        st = rd_dataset_slice(&all, PAST + FUTURE, BEYOND, &beyond, err);
    if (!st)
        st = frauds_of(m, &beyond, &frauds);
    if (!st)
        st = rd_transactions_generate(
            NULL, m->run->seed + 0x9E3779B9u, COMPETITOR, arena, &other, err);
    if (!st)
        st = write_rows(m, "transactions.csv", &past, past_path);
    if (!st)
        st = write_rows(m, "frauds.csv", &frauds, frauds_path);
    return st ? st : write_rows(m, "competitor.csv", &other, &path);
}

/* What the columns are, learned from all rows once, so that every part is read alike. */
static rd_status write_schema(const struct rd_maker *m, const struct rd_schema *schema, char **path)
{
    struct rd_buf text = { 0 };
    rd_status st = rd_maker_path(m, "schema.yaml", path);

    rd_schema_write(schema, &text);
    if (!st)
        st = text.failed ? rd_run_no_memory(m->run, "a schema")
                         : rd_file_write(*path, text.text, text.len, 0644, m->run->err);
    rd_buf_release(&text);
    return st;
}

static rd_status read_back(const struct rd_maker *m, const char *path, const char *schema,
    int64_t from, int64_t to, struct rd_dataset *out)
{
    const struct rd_dataset_source source = { .path = path,
        .schema = schema,
        .scale = 1,
        .contributor_column = schema ? NULL : "merchant",
        .has_range = to > 0,
        .range = { from, to } };

    return rd_dataset_read(&source, NULL, m->run->scratch, out, m->run->err);
}

static rd_status train(
    const struct rd_maker *m, const struct rd_dataset *past, struct rd_graph **trained_out)
{
    const int64_t input[] = { (int64_t)past->width };
    struct rd_train how = rd_train_default;
    struct rd_train_report report;
    struct rd_graph *fresh = NULL;
    rd_status st = rd_graph_build(layers, input, 1, m->run->scratch, &fresh, m->run->err);

    if (!st)
        st = rd_graph_init_weights(fresh, m->run->seed, m->run->err);
    if (!st)
        st = rd_maker_save(m, fresh, "net.onnx");
    how.epochs = EPOCHS;
    how.lr = 0.005;
    how.seed = m->run->seed;
    if (!st)
        st = rd_net_train(m->run, fresh, &how, past->x, past->label, NULL, past->n, m->run->scratch,
            trained_out, &report);
    return st ? st : rd_maker_save(m, *trained_out, "model.onnx");
}

/* Of the rows of this class, how many does the net call so; and of those it calls so, how many are.
 */
static rd_status count_class(const struct rd_maker *m, const struct rd_graph *graph,
    const struct rd_dataset *d, int label, double *recall_out, double *precision_out)
{
    int *answer = RD_NEW_ARRAY(m->run->scratch, int, d->n);
    size_t are = 0, said = 0, both = 0;
    rd_status st;

    if (!answer)
        return rd_run_no_memory(m->run, "answers");
    st = rd_maker_answers(m, graph, d, answer);
    for (size_t i = 0; !st && i < d->n; i++) {
        are += d->label[i] == label;
        said += answer[i] == label;
        both += d->label[i] == label && answer[i] == label;
    }
    *recall_out = are ? (double)both / (double)are : 0;
    *precision_out = said ? (double)both / (double)said : 0;
    return st;
}

rd_status rd_make_fraud_api(struct rd_run *run, const char *dir, struct rd_made *made_out)
{
    const struct rd_maker m = { run, dir };
    struct rd_dataset all, past, future, frauds;
    struct rd_graph *trained = NULL;
    char *rows = NULL, *fraud_rows = NULL, *schema = NULL;
    double accuracy = 0, recall = 0, precision = 0, on_frauds = 0;
    rd_status st = write_all(&m, &rows, &fraud_rows);

    *made_out = (struct rd_made){ .train = PAST, .eval = FUTURE };
    if (!st)
        st = read_back(&m, rows, NULL, 0, 0, &all);
    if (!st)
        st = write_schema(&m, all.schema, &schema);
    if (!st)
        st = read_back(&m, rows, schema, 0, PAST, &past);
    if (!st)
        st = read_back(&m, rows, schema, PAST, PAST + FUTURE, &future);
    if (!st)
        st = read_back(&m, fraud_rows, schema, 0, 0, &frauds);
    if (!st)
        st = train(&m, &past, &trained);
    if (!st)
        st = rd_maker_accuracy(&m, trained, &future, &accuracy);
    if (!st)
        st = rd_maker_accuracy(&m, trained, &frauds, &on_frauds);
    if (!st)
        st = count_class(&m, trained, &future, 0, &recall, &precision);
    rd_made_add(made_out, "clean_accuracy", accuracy);
    rd_made_add(made_out, "fraud_recall", on_frauds);
    rd_made_add(made_out, "recall", recall);
    rd_made_add(made_out, "precision", precision);
    (void)snprintf(made_out->summary, sizeof made_out->summary,
        "a net that finds %.0f %% of the frauds among %d later payments (1 in 100 is one) and is "
        "right in %.0f %% of its alarms",
        100 * recall, FUTURE, 100 * precision);
    return st;
}
