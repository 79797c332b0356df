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
 * The part of the choice that the split names; label (n) goes with the choice and is shortened with
 * it (NULL: none). Rows keep their order. Which rows are put aside depends on the seed, the classes
 * and the places in the choice alone.
 */
rd_status rd_choice_split(const struct rd_split *split, struct rd_choice *choice, int *label,
    struct rd_arena *arena, struct rd_error *err);
/* Labels of the chosen rows from source->labels, (n) whole numbers from 0. */
rd_status rd_choice_labels(const struct rd_dataset_source *source, size_t rows,
    const struct rd_choice *choice, const struct rd_limits *limits, struct rd_arena *arena,
    int **label_out, struct rd_error *err);

#endif
