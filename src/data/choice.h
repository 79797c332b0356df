/* choice.h - which rows of a file are used, in which order, and their labels. */
#ifndef RD_DATA_CHOICE_H
#define RD_DATA_CHOICE_H

#include "data/dataset.h"

struct rd_choice {
    size_t n;
    const size_t *row; /* (n) rows of the file; NULL: the first n */
};

static inline size_t rd_choice_row(const struct rd_choice *c, size_t i)
{
    return c->row ? c->row[i] : i;
}

/* index and range of the source. rows: of the file. */
rd_status rd_choice_make(const struct rd_dataset_source *source, size_t rows,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_choice *choice_out,
    struct rd_error *err);
/*
 * Which of n rows are in the part that the split names, in their order. label (n) or NULL; first
 * (n): the first row that each repeats (rd_data_profile). Rows that repeat one another stay
 * together, so that nothing is tested on what it was trained with. Depends on seed, classes and
 * places alone.
 */
rd_status rd_split_keep(const struct rd_split *split, size_t n, const int *label,
    const size_t *first, struct rd_arena *arena, size_t **kept_out, size_t *n_out,
    struct rd_error *err);
/* Only these n of the chosen rows; label goes with the choice, or is NULL. */
rd_status rd_choice_keep(struct rd_choice *choice, int *label, const size_t *kept, size_t n,
    struct rd_arena *arena, struct rd_error *err);
/* Labels of the chosen rows from source->labels, (n) whole numbers from 0. */
rd_status rd_choice_labels(const struct rd_dataset_source *source, size_t rows,
    const struct rd_choice *choice, const struct rd_limits *limits, struct rd_arena *arena,
    int **label_out, struct rd_error *err);

#endif
