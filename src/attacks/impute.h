/*
 * impute.h - what a hidden feature probably is, from the other features and the class, without
 * asking any model: what an attack on a model has to beat, and where it may start from.
 */
#ifndef RD_ATTACKS_IMPUTE_H
#define RD_ATTACKS_IMPUTE_H

#include "attacks/job.h"
#include "data/dataset.h"

/* The feature's columns [first, first + width) of a row, and its values as in rd_infer_job. */
struct rd_hidden {
    size_t first, width;
    const float *values; /* (n_values), width 1 only */
    size_t n_values;
};

/* Which value row has; -1: none of them. */
int rd_hidden_value(const struct rd_hidden *f, const float *row);
/* Write value v into row; v < 0 blanks the feature. */
void rd_hidden_set(const struct rd_hidden *f, float *row, int v);

/*
 * Train a small network on data (labeled rows that show the feature) and let it say how probable
 * each value is for n rows x with classes label: probability (n, n_values). What x holds in the
 * feature's columns is not looked at. Same seed, same bytes. RD_E_INPUT when no row of data shows a
 * value.
 */
rd_status rd_impute(struct rd_run *run, const struct rd_hidden *f, const struct rd_dataset *data,
    const float *x, const int *label, size_t n, double *probability);

#endif
