/* ml_table.h - keys of an attribute and where each stands: strings, integers or reals, sorted. */
#ifndef RD_GRAPH_ML_TABLE_H
#define RD_GRAPH_ML_TABLE_H

#include "graph/ml.h"

struct rd_ml_table {
    enum { RD_ML_TEXTS, RD_ML_INTS, RD_ML_REALS } kind;
    size_t n;
    struct rd_ml_key { /* ascending; equal keys in their order */
        union {
            const char *text;
            int64_t i;
            double real;
        } at;
        size_t index; /* where it stood in the attribute */
    } * key;
};

/* Keys stay where they are (texts, ints, reals: n of one, the others NULL). */
rd_status rd_ml_table_make(const char *const *texts, const int64_t *ints, const double *reals,
    size_t n, struct rd_arena *arena, struct rd_ml_table *out, struct rd_error *err);

/* Where the key stands (the first of equals), or n. NaN is found when NaN is a key. */
size_t rd_ml_find_text(const struct rd_ml_table *t, const char *key);
size_t rd_ml_find_int(const struct rd_ml_table *t, int64_t key);
size_t rd_ml_find_real(const struct rd_ml_table *t, double key);

#endif
