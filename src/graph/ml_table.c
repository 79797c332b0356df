/* ml_table.c - see ml_table.h. Sorted, not hashed: no file can make lookups slow. */
#include "graph/ml_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_place(const struct rd_ml_key *a, const struct rd_ml_key *b)
{
    return (a->index > b->index) - (a->index < b->index);
}

static int text_order(const void *pa, const void *pb)
{
    const struct rd_ml_key *a = pa, *b = pb;
    const int order = strcmp(a->at.text, b->at.text);

    return order ? order : by_place(a, b);
}

static int int_order(const void *pa, const void *pb)
{
    const struct rd_ml_key *a = pa, *b = pb;

    return a->at.i != b->at.i ? (a->at.i > b->at.i ? 1 : -1) : by_place(a, b);
}

/* NaN behind everything. */
static int compare_reals(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) - isnan(b);
    return (a > b) - (a < b);
}

static int real_order(const void *pa, const void *pb)
{
    const struct rd_ml_key *a = pa, *b = pb;
    const int order = compare_reals(a->at.real, b->at.real);

    return order ? order : by_place(a, b);
}

rd_status rd_ml_table_make(const char *const *texts, const int64_t *ints, const double *reals,
    size_t n, struct rd_arena *arena, struct rd_ml_table *out, struct rd_error *err)
{
    out->kind = texts ? RD_ML_TEXTS : ints ? RD_ML_INTS : RD_ML_REALS;
    out->n = n;
    out->key = RD_NEW_ARRAY(arena, struct rd_ml_key, n);
    if (!out->key)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu keys", n);
    for (size_t i = 0; i < n; i++) {
        out->key[i].index = i;
        if (texts)
            out->key[i].at.text = texts[i];
        else if (ints)
            out->key[i].at.i = ints[i];
        else
            out->key[i].at.real = reals[i];
    }
    qsort(out->key, n, sizeof(*out->key), texts ? text_order : ints ? int_order : real_order);
    return RD_OK;
}

/* ORDER: of key mid against the wanted one. */
#define SEARCH(ORDER)                                                                              \
    size_t low = 0, high = t->n;                                                                   \
    while (low < high) {                                                                           \
        const size_t mid = low + (high - low) / 2;                                                 \
        if ((ORDER) < 0)                                                                           \
            low = mid + 1;                                                                         \
        else                                                                                       \
            high = mid;                                                                            \
    }                                                                                              \
    if (low == t->n)                                                                               \
    return t->n

size_t rd_ml_find_text(const struct rd_ml_table *t, const char *key)
{
    SEARCH(strcmp(t->key[mid].at.text, key));
    return strcmp(t->key[low].at.text, key) ? t->n : t->key[low].index;
}

size_t rd_ml_find_int(const struct rd_ml_table *t, int64_t key)
{
    SEARCH(t->key[mid].at.i < key ? -1 : 0);
    return t->key[low].at.i == key ? t->key[low].index : t->n;
}

size_t rd_ml_find_real(const struct rd_ml_table *t, double key)
{
    SEARCH(compare_reals(t->key[mid].at.real, key));
    return compare_reals(t->key[low].at.real, key) ? t->n : t->key[low].index;
}
