/*
 * ml.h - what the operators of ai.onnx.ml share: tables in attributes, class labels, post
 * transforms, rows of features.
 *
 * Their numbers are computed in float64 and rounded once to the float32 that the standard gives
 * out. Source: the documents of the operators of ai.onnx.ml; where they are silent, what ONNX
 * Runtime and the standard's reference agree on, and where these differ, what the library that the
 * model came from would say. Each such choice stands at its place.
 */
#ifndef RD_GRAPH_ML_H
#define RD_GRAPH_ML_H

#include "graph/op.h"

#define RD_ML_DOMAIN "ai.onnx.ml"
enum { RD_T_FEATURES = RD_T(RD_F32) | RD_T(RD_F64) | RD_T(RD_I64) | RD_T(RD_I32) };

/* --- attributes --- */

/* Lists of an attribute; NULL and *n_out 0 when it is not given. */
const float *rd_ml_floats(const struct rd_graph_node *node, const char *name, size_t *n_out);
/* NUL-terminated copies in arena. RD_E_INPUT: one holds a NUL byte or is no UTF-8. *out is NULL and
 * *n_out 0 when the attribute is not given. */
rd_status rd_ml_strings(const struct rd_graph_node *node, const char *name, struct rd_arena *arena,
    const char *const **out, size_t *n_out, struct rd_error *err);
/* A single string likewise; `otherwise` when not given. */
rd_status rd_ml_string(const struct rd_graph_node *node, const char *name, const char *otherwise,
    struct rd_arena *arena, const char **out, struct rd_error *err);
/* Which of the words (ends with NULL) a string attribute is; RD_E_INPUT lists them. Not given: 0.
 */
rd_status rd_ml_choice(const struct rd_graph_node *node, const char *name, const char *const *words,
    int *out, struct rd_error *err);
/* Numbers of a list of floats, or of a tensor attribute of a float type in its place (either may be
 * NULL: there is none), as doubles in arena. RD_E_INPUT when both are given. */
rd_status rd_ml_numbers(const struct rd_graph_node *node, const char *floats, const char *tensor,
    struct rd_arena *arena, const double **out, size_t *n_out, struct rd_error *err);

/* --- class labels --- */

struct rd_ml_labels { /* exactly one kind has entries, or none */
    const int64_t *ints;
    const char *const *texts;
    size_t n;
};
/* RD_E_INPUT when both attributes have entries. */
rd_status rd_ml_labels(const struct rd_graph_node *node, const char *ints, const char *strings,
    struct rd_arena *arena, struct rd_ml_labels *out, struct rd_error *err);
/* Type and shape (n) of a tensor of labels; n -1: free. */
void rd_ml_labels_shape(const struct rd_ml_labels *labels, int64_t n, struct rd_tensor *out);
/* out[row] = label k; out NULL: nothing. Without labels k itself. */
void rd_ml_label_put(
    const struct rd_ml_labels *labels, size_t k, struct rd_tensor *out, size_t row);
/*
 * The label of one score: with two labels the second when yes, else the first; with one that or 0
 * ("" among strings); with none 1 or 0.
 */
void rd_ml_label_binary(
    const struct rd_ml_labels *labels, bool yes, struct rd_tensor *out, size_t row);

/* --- scores --- */

enum rd_ml_post { RD_ML_NONE, RD_ML_SOFTMAX, RD_ML_LOGISTIC, RD_ML_SOFTMAX_ZERO, RD_ML_PROBIT };
extern const char
    *const rd_ml_posts[]; /* in the order of the enum, which is that of TreeEnsemble */
/* In place, on the n scores of one row. SOFTMAX of one score leaves it: a probability of 1 says
 * nothing. */
void rd_ml_post_apply(enum rd_ml_post post, double *score, size_t n);
/* dz, the gradient with respect to what rd_ml_post_apply(post, raw, n) gives, becomes that with
 * respect to raw. out: the n results. */
void rd_ml_post_back(
    enum rd_ml_post post, const double *raw, const double *out, double *dz, size_t n);
double rd_ml_logistic(double v);
/* The standard normal quantile of p; infinite at 0 and 1, NaN outside. */
double rd_ml_probit(double p);
size_t rd_ml_argmax(const double *v, size_t n); /* the first of equals; NaN never wins */

/* --- rows of features --- */

/* (n, features) of a tensor with one dimension (one row) or two; any more are flattened behind the
 * first. *n_out, *features_out: -1 when free. RD_E_INPUT: a scalar. */
rd_status rd_ml_rows(
    const struct rd_op_call *c, const struct rd_tensor *x, int64_t *n_out, int64_t *features_out);
void rd_ml_shape2(struct rd_tensor *out, enum rd_dtype type, int64_t n, int64_t columns);
/* per_example of rows that read input 0, at least 2-D, row by row. */
bool rd_ml_per_row(const struct rd_op_call *c, const bool *batched);

#endif
