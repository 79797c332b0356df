/* screen.h - what screening defenses share: treatments, a model of their own, rows by class. */
#ifndef RD_DEFENSES_LIB_SCREEN_H
#define RD_DEFENSES_LIB_SCREEN_H

#include "target/recipe.h"

/*
 * A treatment whose state is a copy of `size` bytes of options (texts are not copied). fmt: its
 * canonical text.
 */
rd_status rd_screen_new(struct rd_run *run, const void *options, size_t size,
    struct rd_treatment **treatment_out, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* RD_E_INPUT when data has no labels. */
rd_status rd_screen_labeled(struct rd_run *run, const struct rd_dataset *data, const char *who);

/*
 * The model to look at: the given one, else one trained on data by the recipe without treatments,
 * from run->seed. RD_E_USAGE when there is neither.
 */
rd_status rd_screen_model(struct rd_run *run, const struct rd_recipe *recipe,
    const struct rd_dataset *data, const struct rd_graph *model, const char *who,
    const struct rd_graph **model_out);

/* Rows of each class, rising: row[first[c]] .. row[first[c + 1] - 1], in arena. */
struct rd_by_class {
    size_t *row, *first;
    int classes;
};
rd_status rd_by_class(struct rd_run *run, const struct rd_dataset *data, struct rd_by_class *out);

#endif
