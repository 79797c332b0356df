/* transactions.h - card payments, made up: rare fraud by a rule that bends and drifts. */
#ifndef RD_DATA_TRANSACTIONS_H
#define RD_DATA_TRANSACTIONS_H

#include "data/dataset.h"

struct rd_transactions {
    double fraud;       /* share of fraud; 0: 0.01 */
    double rows_a_day;  /* row i is of day i / rows_a_day, and fraud drifts with the day; 0: 100 */
    size_t n_merchants; /* contributors, a few with most of the trade; 0: 200 */
};

/*
 * n payments, in the order of time: class 0 legitimate, 1 fraud. Features are numbers scaled to
 * [0,1] and one-hot groups, named in dataset_out->feature; the contributor is the merchant, through
 * whom disputes (and so labels) come in. The day is no feature: a model that learns the past meets
 * a future in which fraud has moved from large amounts at night to small ones in the daytime.
 *
 * Row i depends on (settings, seed, i) alone, with the same bits on every machine.
 * settings NULL: presets. RD_E_USAGE: a share outside (0, 0.5].
 */
rd_status rd_transactions_generate(const struct rd_transactions *settings, uint64_t seed, size_t n,
    struct rd_arena *arena, struct rd_dataset *dataset_out, struct rd_error *err);

/*
 * The rows as CSV: one column for each feature (categories by name), then `merchant` (when the rows
 * have contributors) and `label` (names of the classes). For any dataset with features and labels;
 * RD_E_USAGE without.
 */
rd_status rd_transactions_write(
    const char *path, const struct rd_dataset *dataset, struct rd_error *err);

#endif
