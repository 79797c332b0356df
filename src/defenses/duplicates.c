/*
 * duplicates - of rows that say the same, one is kept.
 *
 * Copies give one source many votes, and leak from training into evaluation. Compared are inputs,
 * by the cosine of their angle; every pair is looked at, in blocks.
 *
 * Source: Lee, Ippolito, Nystrom, Zhang, Eck, Callison-Burch, Carlini 2022, "Deduplicating Training
 * Data Makes Language Models Better", arXiv:2107.06499 (exact and near duplicates; for text).
 */
#include "data/dataset.h"
#include "defenses/lib/near.h"
#include "defenses/lib/screen.h"

#include <redoubt/defense.h>

#include <math.h>
#include <string.h>

enum { LOOKED_AT = 8 };
static const double WORK = 4e13; /* multiplications: about 10 minutes of two threads */

struct options {
    double similarity;
};

static const struct rd_option table[] = {
    RD_REAL(struct options, similarity, "similarity", "0.999", 0.5, 1, "",
        "cosine from which two rows are one; 1: equal to the last bit"),
    RD_OPTION_END,
};

static rd_status exact(struct rd_run *run, const struct rd_dataset *data, bool *drop, double *score)
{
    struct rd_data_profile p;
    const rd_status st = rd_data_profile(data, run->scratch, &p, run->err);

    for (size_t i = 0; i < data->n && !st; i++) {
        drop[i] = p.first[i] != i;
        if (score)
            score[i] = drop[i];
    }
    return st;
}

/* Rows of length 1; a row of zeros stays one. */
static float *unit_rows(struct rd_run *run, const struct rd_dataset *data)
{
    float *unit = rd_arena_alloc(run->scratch, data->n * data->width + 1, sizeof(float));

    for (size_t r = 0; unit && r < data->n; r++) {
        const float *x = data->x + r * data->width;
        double norm = 0;

        for (size_t i = 0; i < data->width; i++)
            norm += (double)x[i] * (double)x[i];
        norm = norm > 0 ? 1 / sqrt(norm) : 0;
        for (size_t i = 0; i < data->width; i++)
            unit[r * data->width + i] = (float)((double)x[i] * norm);
    }
    return unit;
}

static double cosine(const float *a, const float *b, size_t width)
{
    double ab = 0, aa = 0, bb = 0;

    for (size_t i = 0; i < width; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    if (!(aa > 0) || !(bb > 0))
        return aa > 0 || bb > 0 ? 0 : 1;
    return ab / sqrt(aa * bb);
}

static rd_status near(
    struct rd_run *run, const struct rd_dataset *data, double similarity, bool *drop, double *score)
{
    float *unit;
    size_t *index = rd_arena_alloc(run->scratch, data->n * LOOKED_AT + 1, sizeof *index);
    rd_status st;

    if ((double)data->n * (double)data->n * (double)data->width > WORK)
        return RD_FAIL(run->err, RD_E_LIMIT,
            "%zu rows of %zu numbers are too many to compare each with each: screen a part, or "
            "exact duplicates alone (similarity 1)",
            data->n, data->width);
    unit = unit_rows(run, data);
    if (!unit || !index)
        return rd_run_no_memory(run, "duplicates");
    st = rd_near(run, &(struct rd_near){ .query = unit,
                          .x = unit,
                          .n_query = data->n,
                          .n = data->n,
                          .width = data->width,
                          .k = LOOKED_AT,
                          .self = true,
                          .index = index });
    for (size_t i = 0; i < data->n && !st; i++) {
        double most = -1;

        for (size_t k = 0; k < LOOKED_AT; k++) {
            const size_t j = index[i * LOOKED_AT + k];
            double c;

            if (j == SIZE_MAX || j > i)
                continue;
            c = cosine(data->x + i * data->width, data->x + j * data->width, data->width);
            most = c > most ? c : most;
        }
        drop[i] = drop[i] || most >= similarity;
        if (score)
            score[i] = drop[i] ? 1 : fmax(most, 0);
    }
    return st;
}

static rd_status screen(struct rd_run *run, void *self, const struct rd_recipe *recipe,
    const struct rd_dataset *data, const struct rd_graph *model, bool *drop, double *score)
{
    const struct options *o = self;
    const rd_status st = exact(run, data, drop, score);

    (void)recipe;
    (void)model;
    return st || o->similarity >= 1 ? st : near(run, data, o->similarity, drop, score);
}

static rd_status treat(
    struct rd_run *run, const void *options, const struct rd_treatment **treatment_out)
{
    const struct options *o = options;
    struct rd_treatment *t;
    const rd_status st =
        rd_screen_new(run, o, sizeof *o, &t, "duplicates(similarity=%g)", o->similarity);

    if (st)
        return st;
    t->screen = screen;
    *treatment_out = t;
    return RD_OK;
}

static const struct rd_aware aware[] = {
    { "backdoor", { { "trigger", "pixel" } }, "marks different rows: no two are copies" },
    { 0 },
};

const struct rd_defense rd_defense_duplicates = {
    .abi = RD_DEFENSE_ABI,
    .name = "duplicates",
    .summary = "of training rows that say the same, one is kept",
    .source = "Lee et al. 2022, arXiv:2107.06499",
    .node = RD_NODE_SUSCEPTIBILITY,
    .against = 1u << RD_POISON | 1u << RD_INFER,
    .aware = aware,
    .options = table,
    .options_size = sizeof(struct options),
    .treat = treat,
};
