/*
 * pictures.c - a handful of examples of each evasion or backdoor test, before and after.
 *
 * The changed inputs, or the trigger, are those that the campaign kept; the labels beside changed
 * inputs are asked anew. Chosen are the first examples that were turned from their true class, one
 * of each class before a second of any: the same every time.
 */
#include "report/report.h"

#include "base/file.h"
#include "base/text.h"
#include "campaign/things.h"
#include "data/array.h"
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

struct album {
    struct rd_run *run;
    const struct rd_campaign *campaign;
    const char *folder;
    struct rd_things things;
    struct rd_arena *arena; /* of what is shown */
};

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

static const float *copy_row(const float *x, size_t row, size_t width, struct rd_arena *arena)
{
    float *out = RD_NEW_ARRAY(arena, float, width);

    if (out)
        memcpy(out, x + row * width, width * sizeof(*out));
    return out;
}

static void describe(const struct rd_tested *t, const struct rd_dataset *eval, const char *changed,
    struct rd_pictures *out)
{
    out->test = t->test->id;
    out->changed = changed;
    out->class_name = eval->class_name;
    out->classes = (size_t)eval->classes;
    out->low = eval->low;
    out->high = eval->high > eval->low ? eval->high : eval->low + 1;
}

/* The test's evaluation set, when it holds pictures. *eval_out NULL: it holds none. */
static rd_status images_of(struct album *a, const struct rd_tested *t, struct rd_pictures *out,
    const struct rd_dataset **eval_out)
{
    const struct rd_dataset *eval = NULL;
    rd_status st = RD_OK;

    *eval_out = NULL;
    if (t->test->eval == RD_NONE)
        return RD_OK;
    st = rd_things_dataset(&a->things, t->test->eval, &eval);
    if (!st && eval->label && image_shape(eval->dim, eval->ndim, out))
        *eval_out = eval;
    return st;
}

/* --- evasion --- */

/* What the bare model says; not asked where controls were active, since they answer otherwise, nor
 * of an endpoint: a report costs nothing. */
static rd_status ask(struct album *a, const struct rd_tested *t, const float *x, const float *x_adv,
    size_t n, struct rd_arena *arena, int **before_out, int **after_out)
{
    const int model = t->test->model;
    int *before = RD_NEW_ARRAY(arena, int, n), *after = RD_NEW_ARRAY(arena, int, n);
    struct rd_target *target;
    rd_status st;

    if (t->record->n_controls || model == RD_NONE ||
        a->campaign->system->artifacts[model].kind != RD_ARTIFACT_MODEL)
        return RD_OK;
    if (!before || !after)
        return rd_run_no_memory(a->run, "pictures");
    st = rd_things_target(&a->things, model, t->test->eval, false, &target);
    if (!st)
        st = target->labels(target->self, x, n, before, a->run->err);
    if (!st)
        st = target->labels(target->self, x_adv, n, after, a->run->err);
    *before_out = before;
    *after_out = after;
    return st;
}

static rd_status of_evasion(
    struct album *a, const struct rd_tested *t, struct rd_arena *scratch, struct rd_pictures *out)
{
    const char *path = rd_arena_printf(scratch, "%s/adv-%s.npy", a->folder, t->key);
    const struct rd_dataset *eval;
    struct rd_tensor *adv, *adv32;
    size_t row[RD_PICTURES_PER_TEST];
    int *before = NULL, *after = NULL;
    struct rd_picture *item;
    rd_status st;

    if (!path)
        return rd_run_no_memory(a->run, "pictures");
    if (!rd_file_exists(path))
        return RD_OK;
    st = images_of(a, t, out, &eval);
    if (st || !eval)
        return st;
    st = rd_npy_read(path, &rd_limits_default, scratch, &adv, a->run->err);
    if (!st)
        st = rd_tensor_to_f32(adv, 1, scratch, &adv32, a->run->err);
    if (st || rd_tensor_count(adv32) != eval->n * eval->width)
        return st;
    st = ask(a, t, eval->x, adv32->data, eval->n, scratch, &before, &after);
    if (st)
        return st;
    const size_t n = choose(t->record, eval, before, row);
    item = RD_NEW_ARRAY(a->arena, struct rd_picture, n + 1);
    if (!item)
        return rd_run_no_memory(a->run, "pictures");
    for (size_t k = 0; k < n; k++) {
        const size_t i = row[k];

        item[k] = (struct rd_picture){
            .row = i,
            .label = eval->label[i],
            .before = before ? before[i] : eval->label[i],
            .after = after ? after[i] : RD_NONE,
            .distance = t->record->trials[i].distance,
            .x = copy_row(eval->x, i, eval->width, a->arena),
            .x_adv = copy_row(adv32->data, i, eval->width, a->arena),
        };
        if (!item[k].x || !item[k].x_adv)
            return rd_run_no_memory(a->run, "pictures");
    }
    describe(t, eval, "Adversarial", out);
    out->item = item;
    out->n = n;
    return RD_OK;
}

/* --- backdoors --- */

static rd_status read_part(struct album *a, const char *path, const char *part,
    struct rd_arena *scratch, size_t width, const float **out)
{
    const char *name = rd_arena_printf(scratch, "%s:%s", path, part);
    struct rd_tensor *t, *t32;
    rd_status st;

    *out = NULL;
    if (!name)
        return rd_run_no_memory(a->run, "pictures");
    st = rd_array_read(name, &rd_limits_default, scratch, &t, a->run->err);
    if (!st)
        st = rd_tensor_to_f32(t, 1, scratch, &t32, a->run->err);
    if (!st && rd_tensor_count(t32) == width)
        *out = t32->data;
    return st;
}

/* The class that the trigger aims at, by the record's settings; RD_NONE: any. */
static int aim_of(const struct rd_record *r)
{
    double v;

    for (size_t i = 0; i < r->n_settings; i++)
        if (!strcmp(r->settings[i].name, "target") &&
            rd_text_to_double(r->settings[i].value, true, &v) && v >= 0 && v < 1e6)
            return (int)v;
    return RD_NONE;
}

/* The first example of each class but the one aimed at. */
static size_t one_of_each(const struct rd_dataset *eval, int aim, size_t *row)
{
    bool taken[64] = { false };
    size_t n = 0;

    for (size_t i = 0; i < eval->n && n < RD_PICTURES_PER_TEST; i++) {
        const int label = eval->label[i];

        if (label == aim || label < 0 || label >= 64 || taken[label])
            continue;
        taken[label] = true;
        row[n++] = i;
    }
    return n;
}

static rd_status of_backdoor(
    struct album *a, const struct rd_tested *t, struct rd_arena *scratch, struct rd_pictures *out)
{
    const char *path = rd_arena_printf(scratch, "%s/trigger-%s.npz", a->folder, t->key);
    const int aim = aim_of(t->record);
    const struct rd_dataset *eval;
    const float *mask = NULL, *pattern = NULL;
    size_t row[RD_PICTURES_PER_TEST], n;
    struct rd_picture *item;
    rd_status st;

    if (!path)
        return rd_run_no_memory(a->run, "pictures");
    if (!rd_file_exists(path))
        return RD_OK;
    st = images_of(a, t, out, &eval);
    if (!st && eval)
        st = read_part(a, path, "mask", scratch, eval->width, &mask);
    if (!st && eval)
        st = read_part(a, path, "pattern", scratch, eval->width, &pattern);
    if (st || !mask || !pattern)
        return st;
    n = one_of_each(eval, aim, row);
    item = RD_NEW_ARRAY(a->arena, struct rd_picture, n + 1);
    if (!item)
        return rd_run_no_memory(a->run, "pictures");
    for (size_t k = 0; k < n; k++) {
        const float *x = copy_row(eval->x, row[k], eval->width, a->arena);
        float *changed = RD_NEW_ARRAY(a->arena, float, eval->width);

        if (!x || !changed)
            return rd_run_no_memory(a->run, "pictures");
        for (size_t i = 0; i < eval->width; i++)
            changed[i] = x[i] * (1 - mask[i]) + pattern[i] * mask[i];
        item[k] = (struct rd_picture){ .row = row[k],
            .label = eval->label[row[k]],
            .before = eval->label[row[k]],
            .after = aim,
            .distance = NAN,
            .x = x,
            .x_adv = changed };
    }
    describe(t, eval, "Triggered", out);
    out->item = item;
    out->n = n;
    return RD_OK;
}

rd_status rd_report_pictures(struct rd_run *run, const struct rd_campaign *campaign,
    const char *folder, struct rd_arena *arena, const struct rd_pictures **pictures_out,
    size_t *n_out)
{
    struct album a = { .run = run, .campaign = campaign, .folder = folder, .arena = arena };
    struct rd_pictures *p = RD_NEW_ARRAY(arena, struct rd_pictures, campaign->n_tested + 1);
    rd_status st = p ? rd_things_init(&a.things, run, campaign->system, arena, true)
                     : rd_run_no_memory(run, "pictures");
    size_t n = 0;

    for (size_t i = 0; !st && i < campaign->n_tested; i++) {
        const struct rd_tested *t = &campaign->tested[i];
        struct rd_arena scratch = RD_ARENA_INIT;

        if (!t->record)
            continue;
        p[n] = (struct rd_pictures){ 0 };
        if (t->test->attack->kind == RD_EVADE)
            st = of_evasion(&a, t, &scratch, &p[n]);
        else if (t->test->attack->triggers)
            st = of_backdoor(&a, t, &scratch, &p[n]);
        rd_arena_release(&scratch);
        if (st)
            return RD_WRAP(run->err, st, "pictures of test '%s'", t->test->id);
        n += p[n].n > 0;
    }
    *pictures_out = p;
    *n_out = n;
    return st;
}
