/* artifacts.h - what `init` makes for a template: data, a net or two, and what was measured. */
#ifndef RD_CLI_ARTIFACTS_H
#define RD_CLI_ARTIFACTS_H

#include "base/run.h"
#include "data/dataset.h"
#include "graph/graph.h"

/* Figures that a template names as ${name}, and that init prints. */
enum { RD_MADE_MAX = 8, RD_MADE_SUMMARY = 240 };
struct rd_made {
    struct rd_made_figure {
        const char *name;
        double value;
    } figure[RD_MADE_MAX];
    size_t n;
    size_t train, eval;            /* examples */
    char summary[RD_MADE_SUMMARY]; /* one line for people */
};
void rd_made_add(struct rd_made *made, const char *name, double value);

/* --- what the makers share --- */

struct rd_maker {
    struct rd_run *run;
    const char *dir;
};
rd_status rd_maker_path(const struct rd_maker *m, const char *name, char **path_out);
/* The rows of d, or their labels, as .npy in the folder. */
rd_status rd_maker_write_x(const struct rd_maker *m, const char *name, const struct rd_dataset *d);
rd_status rd_maker_write_labels(
    const struct rd_maker *m, const char *name, const struct rd_dataset *d);
rd_status rd_maker_save(const struct rd_maker *m, const struct rd_graph *graph, const char *name);
/* The class of each row by the net; answer (d->n). */
rd_status rd_maker_answers(const struct rd_maker *m, const struct rd_graph *graph,
    const struct rd_dataset *d, int *answer);
/* Share of rows that the net has right. */
rd_status rd_maker_accuracy(const struct rd_maker *m, const struct rd_graph *graph,
    const struct rd_dataset *d, double *accuracy_out);

/*
 * train-x.npy, train-y.npy, eval-x.npy, eval-y.npy, net.onnx (untrained), model.onnx and
 * robust.onnx (the same net trained on examples moved against it) into dir. Same seed, same bytes.
 * Figures: clean_accuracy, hardened_clean_accuracy.
 */
rd_status rd_make_image_classifier(struct rd_run *run, const char *dir, struct rd_made *made_out);
/*
 * transactions.csv (the past, then the future), frauds.csv, competitor.csv, schema.yaml, net.onnx
 * and model.onnx. Figures: clean_accuracy, fraud_recall (on frauds.csv), auc.
 */
rd_status rd_make_fraud_api(struct rd_run *run, const char *dir, struct rd_made *made_out);
/*
 * clicks.csv, profiles-x.npy and -y.npy (users' clicks, and the kind of most that they click next),
 * eval-x.npy and -y.npy, net.onnx, model.onnx. Figures: clean_accuracy.
 */
rd_status rd_make_recommender(struct rd_run *run, const char *dir, struct rd_made *made_out);

#endif
