/* compare.h - rows compared with their neighbors: by the inputs, or by what a layer makes of them.
 */
#ifndef RD_DEFENSES_LIB_COMPARE_H
#define RD_DEFENSES_LIB_COMPARE_H

#include "target/recipe.h"

/* Choices of the option `on`: "inputs", "activations". */
extern const char *const rd_compare_on[];

/* The rows to compare: data's own, or activations (in run->scratch) of model or of a network
 * trained for it. layer NULL: the penultimate. */
rd_status rd_compare_rows(struct rd_run *run, const char *on, const char *layer,
    const struct rd_recipe *recipe, const struct rd_dataset *data, const struct rd_graph *model,
    const float **x_out, size_t *width_out);

struct rd_asking {
    const float *x; /* (n, width) */
    size_t width, n;
    const int *label;       /* (n) */
    const int *contributor; /* (n): neighbors of the same one are not asked; NULL: all are */
    size_t neighbors;
};
/* How many of a row's nearest neighbors carry another label: share (n), 0 to 1; NaN when there was
 * nobody to ask (looked for among four times as many when contributors matter). */
rd_status rd_disagreement(struct rd_run *run, const struct rd_asking *ask, double *share);

#endif
