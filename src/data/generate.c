/* generate.c - built-in data sets by name. */
#include "data/generate.h"

#include "base/text.h"
#include "data/dataset.h"
#include "data/transactions.h"

#include <string.h>

static const struct generator {
    const char *name;
    int ndim, classes;
    int64_t dim[3];
    void (*example)(uint64_t seed, uint64_t index, float *x, int *label);
} generators[] = {
    { "product-images", 3, 10, { 1, 28, 28 }, rd_product_image },
};

rd_status rd_dataset_generate(const char *name, uint64_t seed, size_t n, struct rd_arena *arena,
    struct rd_dataset *dataset_out, struct rd_error *err)
{
    const struct generator *g = NULL;
    struct rd_dataset d = { .n = n, .low = 1, .high = 0 };
    float *x;
    int *label;
    char safe[64];

    if (!strcmp(name, "transactions"))
        return rd_transactions_generate(NULL, seed, n, arena, dataset_out, err);
    for (size_t i = 0; i < sizeof generators / sizeof *generators; i++)
        if (!strcmp(generators[i].name, name))
            g = &generators[i];
    if (!g)
        return RD_FAIL(err, RD_E_USAGE,
            "no generator '%s'; there are product-images and transactions",
            rd_text_safe_in(safe, sizeof safe, name));
    d.ndim = g->ndim;
    d.classes = g->classes;
    d.width = 1;
    for (int i = 0; i < g->ndim; i++)
        d.width *= (size_t)(d.dim[i] = g->dim[i]);
    x = rd_arena_alloc(arena, n, d.width * sizeof *x);
    label = RD_NEW_ARRAY(arena, int, n);
    if (!x || !label)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu examples of '%s'", n, name);
    for (size_t i = 0; i < n; i++)
        g->example(seed, i, x + i * d.width, &label[i]);
    for (size_t i = 0; i < n * d.width; i++) {
        d.low = x[i] < d.low ? x[i] : d.low;
        d.high = x[i] > d.high ? x[i] : d.high;
    }
    d.x = x;
    d.label = label;
    *dataset_out = d;
    return rd_dataset_slice(&d, 0, n, dataset_out, err); /* its digest */
}
