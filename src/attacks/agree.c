/* agree.c - how far two lists of labels agree, beyond what chance would give. */
#include "attacks/harness_parts.h"

#include <math.h>

rd_status rd_agreement(const int *mine, const int *theirs, size_t n, size_t classes,
    struct rd_arena *scratch, struct rd_agreement *out, struct rd_error *err)
{
    size_t *m = RD_NEW_ARRAY(scratch, size_t, classes), *t = RD_NEW_ARRAY(scratch, size_t, classes);
    size_t same = 0;
    double chance = 0;

    if (!m || !t)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu classes", classes);
    for (size_t i = 0; i < n; i++) {
        m[mine[i]]++;
        t[theirs[i]]++;
        same += mine[i] == theirs[i];
    }
    for (size_t k = 0; k < classes; k++)
        chance += (double)m[k] * (double)t[k];
    chance = n ? chance / ((double)n * (double)n) : 1;
    out->n = n;
    out->n_same = same;
    out->share = n ? (double)same / (double)n : NAN;
    /* Both are one and the same constant: nothing was learned that a constant does not know. */
    out->kappa = chance < 1 ? (out->share - chance) / (1 - chance) : 0;
    return RD_OK;
}

void rd_recall(const int *mine, const int *theirs, size_t n, size_t classes, double *recall_out)
{
    for (size_t k = 0; k < classes; k++) {
        size_t is = 0, found = 0;

        for (size_t i = 0; i < n; i++) {
            is += theirs[i] == (int)k;
            found += theirs[i] == (int)k && mine[i] == (int)k;
        }
        recall_out[k] = is ? (double)found / (double)is : NAN;
    }
}
