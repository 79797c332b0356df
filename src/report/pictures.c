/*
 * pictures.c - a handful of examples of each evasion test, before and after.
 *
 * The changed inputs are those that the campaign kept, the labels beside them are asked anew.
 * Chosen are the first examples that were turned from their true class, one of each class before a
 * second of any: the same every time.
 */
#include "report/report.h"

#include "base/file.h"
#include "data/dataset.h"
#include "target/target.h"
#include "tensor/npy.h"

#include <math.h>
#include <string.h>

enum { SIDE_MAX = 256 };

/* (h, w), (1, h, w), (3, h, w): what can be shown. */
static bool image_shape(const int64_t *dim, int ndim, struct rd_pictures *p)
{
    const int64_t c = ndim == 3 ? dim[0] : 1, h = ndim >= 2 ? dim[ndim - 2] : 0,
                  w = ndim >= 2 ? dim[ndim - 1] : 0;

    if ((ndim != 2 && ndim != 3) || (c != 1 && c != 3) || h < 4 || w < 4 || h > SIDE_MAX ||
        w > SIDE_MAX)
        return false;
    p->channels = (int)c;
    p->height = (int)h;
    p->width = (int)w;
    return true;
}

static rd_status read_eval(
    struct rd_run *run, const struct rd_artifact *a, struct rd_arena *arena, struct rd_dataset *out)
{
    const struct rd_dataset_source source = {
        .path = a->path,
        .labels = a->labels,
        .index = a->index,
        .has_range = a->has_range,
        .range = { a->range[0], a->range[1] },
        .scale = a->scale,
    };

    return rd_dataset_read(&source, &rd_limits_default, arena, out, run->err);
}

/* Rows to show: pass 0 takes one of each class, pass 1 fills up. */
static size_t choose(
    const struct rd_record *r, const struct rd_dataset *eval, const int *before, size_t *row)
{
    bool taken[64] = { false };
    size_t n = 0;

    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < eval->n && i < r->n_trials && n < RD_PICTURES_PER_TEST; i++) {
            const int label = eval->label[i];
            bool again = false;

            if (!r->trials[i].success || (before && before[i] != label))
                continue; /* not turned, or wrong from the start */
            for (size_t k = 0; k < n; k++)
                again = again || row[k] == i;
            if (again || (!pass && label >= 0 && label < 64 && taken[label]))
                continue;
            if (label >= 0 && label < 64)
                taken[label] = true;
            row[n++] = i;
        }
    return n;
}

/* What the bare model says; not asked where controls were active, since they answer otherwise. */
static rd_status ask(struct rd_run *run, const struct rd_artifact *model,
    const struct rd_record *record, const float *x, const float *x_adv, size_t n,
    struct rd_arena *arena, int **before_out, int **after_out)
{
    int *before = RD_NEW_ARRAY(arena, int, n), *after = RD_NEW_ARRAY(arena, int, n);
    struct rd_target *target;
    rd_status st;

    if (record->n_controls)
        return RD_OK;
    if (!before || !after)
        return rd_run_no_memory(run, "pictures");
    st = rd_target_open_onnx(model->path, run->pool, arena, &target, run->err);
    if (!st)
        st = target->labels(target->self, x, n, before, run->err);
    if (!st)
        st = target->labels(target->self, x_adv, n, after, run->err);
    *before_out = before;
    *after_out = after;
    return st;
}

static const float *copy_row(const float *x, size_t row, size_t width, struct rd_arena *arena)
{
    float *out = RD_NEW_ARRAY(arena, float, width);

    if (out)
        memcpy(out, x + row * width, width * sizeof(*out));
    return out;
}

/* *found_out false: nothing to show of this test. */
static rd_status of_test(struct rd_run *run, const struct rd_campaign *c, const struct rd_tested *t,
    const char *folder, struct rd_arena *scratch, struct rd_arena *arena, struct rd_pictures *out,
    bool *found_out)
{
    const char *path = rd_arena_printf(scratch, "%s/adv-%s.npy", folder, t->key);
    const struct rd_artifact *artifact = c->system->artifacts;
    struct rd_dataset eval;
    struct rd_tensor *adv, *adv32;
    size_t row[RD_PICTURES_PER_TEST];
    int *before = NULL, *after = NULL;
    rd_status st;

    if (!path)
        return rd_run_no_memory(run, "pictures");
    if (t->test->eval == RD_NONE || t->test->model == RD_NONE || !rd_file_exists(path))
        return RD_OK;
    st = read_eval(run, &artifact[t->test->eval], scratch, &eval);
    if (!st)
        st = rd_npy_read(path, &rd_limits_default, scratch, &adv, run->err);
    if (!st)
        st = rd_tensor_to_f32(adv, 1, scratch, &adv32, run->err);
    if (st)
        return st;
    if (!eval.label || !image_shape(eval.dim, eval.ndim, out) ||
        rd_tensor_count(adv32) != eval.n * eval.width)
        return RD_OK;
    st = ask(run, &artifact[t->test->model], t->record, eval.x, adv32->data, eval.n, scratch,
        &before, &after);
    if (st)
        return st;
    const size_t n = choose(t->record, &eval, before, row);
    struct rd_picture *item = RD_NEW_ARRAY(arena, struct rd_picture, n + 1);
    if (!item)
        return rd_run_no_memory(run, "pictures");
    for (size_t k = 0; k < n; k++) {
        const size_t i = row[k];

        item[k] = (struct rd_picture){
            .row = i,
            .label = eval.label[i],
            .before = before ? before[i] : eval.label[i],
            .after = after ? after[i] : RD_NONE,
            .distance = t->record->trials[i].distance,
            .x = copy_row(eval.x, i, eval.width, arena),
            .x_adv = copy_row(adv32->data, i, eval.width, arena),
        };
        if (!item[k].x || !item[k].x_adv)
            return rd_run_no_memory(run, "pictures");
    }
    out->test = t->test->id;
    out->low = eval.low;
    out->high = eval.high > eval.low ? eval.high : eval.low + 1;
    out->item = item;
    out->n = n;
    *found_out = n > 0;
    return RD_OK;
}

rd_status rd_report_pictures(struct rd_run *run, const struct rd_campaign *campaign,
    const char *folder, struct rd_arena *arena, const struct rd_pictures **pictures_out,
    size_t *n_out)
{
    struct rd_pictures *p = RD_NEW_ARRAY(arena, struct rd_pictures, campaign->n_tested + 1);
    rd_status st = RD_OK;
    size_t n = 0;

    if (!p)
        return rd_run_no_memory(run, "pictures");
    for (size_t i = 0; !st && i < campaign->n_tested; i++) {
        const struct rd_tested *t = &campaign->tested[i];
        struct rd_arena scratch = RD_ARENA_INIT;
        bool found = false;

        if (!t->record || t->record->unit[0] != 'e')
            continue;
        st = of_test(run, campaign, t, folder, &scratch, arena, &p[n], &found);
        rd_arena_release(&scratch);
        if (st)
            return RD_WRAP(run->err, st, "pictures of test '%s'", t->test->id);
        n += found;
    }
    *pictures_out = p;
    *n_out = n;
    return st;
}
