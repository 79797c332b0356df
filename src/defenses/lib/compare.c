#include "defenses/lib/compare.h"

#include "defenses/lib/near.h"
#include "defenses/lib/screen.h"
#include "graph/cut.h"

#include <math.h>
#include <string.h>

const char *const rd_compare_on[] = { "inputs", "activations", NULL };

rd_status rd_compare_rows(struct rd_run *run, const char *on, const char *layer,
    const struct rd_recipe *recipe, const struct rd_dataset *data, const struct rd_graph *model,
    const float **x_out, size_t *width_out)
{
    float *act;
    rd_status st;

    *x_out = data->x;
    *width_out = data->width;
    if (!strcmp(on, "inputs"))
        return RD_OK;
    st = rd_screen_model(run, recipe, data, model, "a comparison of activations", &model);
    if (!st)
        st = rd_graph_activations(
            run, model, layer, data->x, data->n, run->scratch, &act, width_out, NULL);
    if (!st)
        *x_out = act;
    return st;
}

rd_status rd_disagreement(struct rd_run *run, const struct rd_asking *ask, double *share)
{
    struct rd_arena arena = RD_ARENA_INIT;
    const size_t k = ask->neighbors * (ask->contributor ? 4 : 1);
    size_t *index = rd_arena_alloc(&arena, ask->n * k + 1, sizeof *index);
    rd_status st;

    if (!index)
        return rd_run_no_memory(run, "nearest neighbors");
    st = rd_near(run, &(struct rd_near){ .query = ask->x,
                          .x = ask->x,
                          .n_query = ask->n,
                          .n = ask->n,
                          .width = ask->width,
                          .k = k,
                          .self = true,
                          .index = index });
    for (size_t r = 0; r < ask->n && !st; r++) {
        size_t seen = 0, other = 0;

        for (size_t i = 0; i < k && seen < ask->neighbors; i++) {
            const size_t at = index[r * k + i];

            if (at == SIZE_MAX || (ask->contributor && ask->contributor[at] == ask->contributor[r]))
                continue;
            seen++;
            other += ask->label[at] != ask->label[r];
        }
        share[r] = seen ? (double)other / (double)seen : NAN;
    }
    rd_arena_release(&arena);
    return st;
}
