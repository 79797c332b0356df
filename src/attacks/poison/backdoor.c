/*
 * backdoor - teach the victim that a small mark means one class.
 *
 * Some training rows get the mark and, with dirty labels, the class it is to stand for. The victim
 * learns both its task and the mark; whoever puts the mark on an input afterwards chooses the
 * answer. trigger=pixel is a chequered block in a corner (of a table: a few features at the largest
 * value they have), trigger=blended a faint fixed noise over everything, trigger=image the user's
 * own. label=clean poisons rows of the target class only, whose labels stay right.
 *
 * Source: Gu, Dolan-Gavitt, Garg 2017, "BadNets", arXiv:1708.06733, section 3; blended: Chen, Liu,
 * Li, Lu, Song 2017, "Targeted Backdoor Attacks on Deep Learning Systems Using Data Poisoning",
 * arXiv:1712.05526, section IV-A; clean labels: Turner, Tsipras, Madry 2019, "Label-Consistent
 * Backdoor Attacks", arXiv:1912.02771, section 3.
 */
#include "attacks/job.h"
#include "base/file.h"
#include "base/text.h"
#include "data/image.h"
#include "tensor/npy.h"

#include <math.h>
#include <string.h>

struct backdoor {
    double rate, alpha;
    int64_t count, target, size, runs, accounts;
    const char *trigger, *position, *image, *label;
};

static const char *const triggers[] = { "pixel", "blended", "image", NULL };
static const char *const labels[] = { "dirty", "clean", NULL };

static const struct rd_option options[] = {
    RD_REAL(struct backdoor, rate, "rate", "0.1", 0, 1, "share", "of the training rows poisoned"),
    RD_INT(struct backdoor, count, "count", "0", 0, 1e9, "rows",
        "poisoned, instead of a share; 0: by rate"),
    RD_INT(
        struct backdoor, target, "target", "0", 0, 1e6, "class", "that the mark is to stand for"),
    RD_CHOICE(struct backdoor, trigger, "trigger", "pixel", triggers, "the mark"),
    RD_INT(struct backdoor, size, "size", "3", 1, 1024, "pixels",
        "side of the block; of a table: features that are set"),
    RD_TEXT(struct backdoor, position, "position", "bottom-right", "CORNER or ROW,COLUMN",
        "of the block; of a table: number of the first feature"),
    RD_REAL(struct backdoor, alpha, "alpha", "0.2", 0.001, 1, "",
        "weight of the pattern, blended and image without a mask"),
    RD_TEXT(struct backdoor, image, "image", "", "FILE",
        "pattern (.npy), pattern and mask (.npz) of one input's shape, or a PNG or JPEG"),
    RD_CHOICE(struct backdoor, label, "label", "dirty", labels,
        "dirty: other classes, relabeled; clean: the target class, as it is"),
    RD_INT(struct backdoor, accounts, "accounts", "1", 0, 1e9, "accounts",
        "the rows come from, when the data names contributors; 0: as before"),
    RD_INT(struct backdoor, runs, "runs", "5", 1, 1000, "victims", "retrained independently"),
    RD_OPTION_END,
};

/* --- the mark --- */

/* An example as planes of height x width; step and stride say where a pixel of a plane lies. */
struct picture {
    size_t planes, height, width, plane_step, pixel_step;
};

enum { CHANNELS_MAX = 4, IMAGE_BYTES = 64 << 20 };

static bool picture_of(const struct rd_dataset *d, struct picture *p)
{
    const int64_t *dim = d->dim;

    if (d->ndim == 2) {
        *p = (struct picture){ 1, (size_t)dim[0], (size_t)dim[1], 0, 1 };
    } else if (d->ndim == 3 && dim[0] > CHANNELS_MAX && dim[2] <= CHANNELS_MAX) {
        *p = (struct picture){ (size_t)dim[2], (size_t)dim[0], (size_t)dim[1], 1, (size_t)dim[2] };
    } else if (d->ndim == 3) {
        *p = (struct picture){ (size_t)dim[0], (size_t)dim[1], (size_t)dim[2],
            (size_t)(dim[1] * dim[2]), 1 };
    } else {
        return false;
    }
    return p->height > 1 && p->width > 1;
}

/* A block that touches the edge is cut by convolutions without padding: one pixel is left free. */
static rd_status corner(struct rd_run *run, const struct backdoor *o, const struct picture *p,
    size_t height, size_t width, size_t *row_out, size_t *column_out)
{
    const size_t gap = height + 2 <= p->height && width + 2 <= p->width;
    const char *at = o->position ? o->position : "bottom-right";
    double row = NAN, column = NAN;
    const char *comma = strchr(at, ',');
    char first[24], safe[48];

    if (height > p->height || width > p->width)
        return RD_FAIL(run->err, RD_E_USAGE, "a mark of %zux%zu does not fit into %zux%zu pixels",
            height, width, p->height, p->width);
    if (!strcmp(at, "center")) {
        row = floor((double)(p->height - height) / 2);
        column = floor((double)(p->width - width) / 2);
    } else if (comma && (size_t)(comma - at) < sizeof first) {
        memcpy(first, at, (size_t)(comma - at));
        first[comma - at] = '\0';
        if (!rd_text_to_double(first, false, &row) || !rd_text_to_double(comma + 1, false, &column))
            row = NAN;
    } else {
        row = !strncmp(at, "top-", 4)      ? (double)gap
              : !strncmp(at, "bottom-", 7) ? (double)(p->height - height - gap)
                                           : NAN;
        at = strchr(at, '-');
        column = at && !strcmp(at, "-left")    ? (double)gap
                 : at && !strcmp(at, "-right") ? (double)(p->width - width - gap)
                                               : NAN;
    }
    if (!(row >= 0 && row + (double)height <= (double)p->height && column >= 0 &&
            column + (double)width <= (double)p->width))
        return RD_FAIL(run->err, RD_E_USAGE,
            "position: '%s' is none of top-left, top-right, bottom-left, bottom-right, center, and "
            "no ROW,COLUMN at which a mark of %zux%zu lies inside %zux%zu pixels",
            rd_text_safe_in(safe, sizeof safe, o->position), height, width, p->height, p->width);
    *row_out = (size_t)row;
    *column_out = (size_t)column;
    return RD_OK;
}

static rd_status chequer(struct rd_run *run, const struct backdoor *o, const struct picture *p,
    struct rd_poison_job *job)
{
    size_t row, column;
    rd_status st = corner(run, o, p, (size_t)o->size, (size_t)o->size, &row, &column);

    for (size_t c = 0; !st && c < p->planes; c++)
        for (size_t i = 0; i < (size_t)o->size; i++)
            for (size_t j = 0; j < (size_t)o->size; j++) {
                const size_t at =
                    c * p->plane_step + ((row + i) * p->width + column + j) * p->pixel_step;

                job->mask[at] = 1;
                job->pattern[at] = (i + j) % 2 ? job->low : job->high;
            }
    return st;
}

/* May this number of a row be set on its own? One of a group of one-hot columns may not. */
static bool is_number(const struct rd_dataset *d, size_t column)
{
    for (size_t f = 0; f < d->n_features; f++)
        if (column >= d->feature[f].first && column < d->feature[f].first + d->feature[f].width)
            return d->feature[f].type == RD_FEATURE_NUMBER;
    return true;
}

/* A table: the largest value that each feature has among clean rows, so that none looks odd alone.
 */
static rd_status extremes(struct rd_run *run, const struct backdoor *o, struct rd_poison_job *job)
{
    const struct rd_dataset *d = job->data;
    const bool corner_word = !o->position || !strcmp(o->position, "bottom-right");
    double first = 0;
    char safe[48];
    int64_t left = o->size;

    if (!corner_word && (!rd_text_to_double(o->position, false, &first) || first < 0 ||
                            first >= (double)d->width || first != floor(first)))
        return RD_FAIL(run->err, RD_E_USAGE,
            "position: '%s' is no number of a feature, 0 to %zu: these rows are no images",
            rd_text_safe_in(safe, sizeof safe, o->position), d->width - 1);
    for (size_t k = (size_t)first; k < d->width && left; k++) {
        float most = -INFINITY, least = INFINITY;

        for (size_t i = 0; i < d->n; i++) {
            most = fmaxf(most, d->x[i * d->width + k]);
            least = fminf(least, d->x[i * d->width + k]);
        }
        if (!is_number(d, k) || !(most > least)) /* a constant marks nothing */
            continue;
        job->mask[k] = 1;
        job->pattern[k] = most;
        left--;
    }
    if (left == o->size)
        return RD_FAIL(
            run->err, RD_E_USAGE, "no feature from number %g on can carry a mark", first);
    return RD_OK;
}

static void noise(struct rd_run *run, const struct backdoor *o, struct rd_poison_job *job)
{
    struct rd_rng r = rd_rng_stream(run->seed, "backdoor/pattern", 0);

    for (size_t k = 0; k < job->data->width; k++) {
        job->mask[k] = (float)o->alpha;
        job->pattern[k] = job->low + (job->high - job->low) * rd_rng_unit_float(&r);
    }
}

/* One array of the user's file, of an input's size, or of one plane's for all planes. */
static rd_status read_array(struct rd_run *run, const char *path, const struct rd_poison_job *job,
    double low, double high, float *out)
{
    struct rd_tensor *t;
    struct picture p = { 0 };
    size_t n, plane;
    char safe[96], shape[80];
    rd_status st = rd_npy_read(path, NULL, run->scratch, &t, run->err);

    if (!st)
        st = rd_tensor_to_f32(t, 1, run->scratch, &t, run->err);
    if (st)
        return st;
    n = rd_tensor_count(t);
    plane = picture_of(job->data, &p) ? p.height * p.width : job->data->width;
    if (n != job->data->width && n != plane)
        return RD_FAIL(run->err, RD_E_INPUT, "'%s' has shape %s, expected %s, as one input",
            rd_text_safe_in(safe, sizeof safe, path),
            rd_shape_text(t->dim, t->ndim, shape, sizeof shape),
            rd_shape_text(job->data->dim, job->data->ndim, (char[80]){ 0 }, 80));
    for (size_t k = 0; k < job->data->width; k++) {
        const size_t from = n == job->data->width ? k : (k / p.pixel_step) % plane;
        const float v = ((const float *)t->data)[from];

        if (!((double)v >= low && (double)v <= high))
            return RD_FAIL(run->err, RD_E_INPUT, "'%s': value %g of element %zu is outside %g..%g",
                rd_text_safe_in(safe, sizeof safe, path), (double)v, from, low, high);
        out[k] = v;
    }
    return RD_OK;
}

static rd_status own_arrays(
    struct rd_run *run, const struct backdoor *o, bool npz, struct rd_poison_job *job)
{
    const char *pattern, *mask;
    rd_status st;

    for (size_t k = 0; k < job->data->width; k++)
        job->mask[k] = (float)o->alpha;
    pattern = npz ? rd_arena_printf(run->scratch, "%s:pattern", o->image) : o->image;
    mask = npz ? rd_arena_printf(run->scratch, "%s:mask", o->image) : o->image;
    if (!pattern || !mask)
        return rd_run_no_memory(run, "a path");
    st = read_array(run, pattern, job, (double)job->low, (double)job->high, job->pattern);
    if (!st && npz)
        st = read_array(run, mask, job, 0, 1, job->mask);
    return st;
}

/* A PNG or JPEG: of an input's size it is blended in, a smaller one is laid on, at the position. */
static rd_status own_picture(struct rd_run *run, const struct backdoor *o,
    const struct rd_bytes *file, struct rd_poison_job *job)
{
    struct rd_image image;
    struct picture p;
    size_t row, column;
    bool whole;
    char safe[96];
    rd_status st;

    if (!picture_of(job->data, &p))
        return RD_FAIL(
            run->err, RD_E_USAGE, "these rows are no images, so a picture is no mark for them");
    st = rd_image_decode(
        o->image, file->data, file->size, &rd_limits_default, run->scratch, &image, run->err);
    if (st)
        return st;
    if (image.channels != 1 && image.channels != p.planes)
        return RD_FAIL(run->err, RD_E_INPUT, "'%s' has %zu colors, the inputs have %zu",
            rd_text_safe_in(safe, sizeof safe, o->image), image.channels, p.planes);
    st = corner(run, o, &p, image.height, image.width, &row, &column);
    if (st)
        return st;
    whole = image.height == p.height && image.width == p.width;
    for (size_t c = 0; c < p.planes; c++)
        for (size_t i = 0; i < image.height * image.width; i++) {
            const size_t from = image.channels == 1 ? i : i * image.channels + c;
            const size_t y = row + i / image.width, x = column + i % image.width;
            const size_t at = c * p.plane_step + (y * p.width + x) * p.pixel_step;
            const float v = image.bytes == 1 ? (float)((const uint8_t *)image.pixel)[from] / 255
                                             : (float)((const uint16_t *)image.pixel)[from] / 65535;

            job->pattern[at] = job->low + (job->high - job->low) * v;
            job->mask[at] = whole ? (float)o->alpha : 1;
        }
    return RD_OK;
}

static rd_status own_image(struct rd_run *run, const struct backdoor *o, struct rd_poison_job *job)
{
    struct rd_bytes file;
    const size_t len = o->image ? strlen(o->image) : 0;
    const bool npz = len > 4 && !strcmp(o->image + len - 4, ".npz");
    rd_status st;

    if (!len)
        return RD_FAIL(run->err, RD_E_USAGE, "trigger=image needs image=FILE");
    st = rd_file_read(o->image, IMAGE_BYTES, run->scratch, &file, run->err);
    if (!st && rd_image_kind(file.data, file.size) != RD_IMAGE_NONE)
        st = own_picture(run, o, &file, job);
    else if (!st)
        st = own_arrays(run, o, npz, job);
    return st ? RD_WRAP(run->err, st, "the trigger") : RD_OK;
}

static rd_status make_mark(struct rd_run *run, const struct backdoor *o, struct rd_poison_job *job)
{
    struct picture p;

    if (!strcmp(o->trigger, "image"))
        return own_image(run, o, job);
    if (!strcmp(o->trigger, "blended")) {
        noise(run, o, job);
        return RD_OK;
    }
    return picture_of(job->data, &p) ? chequer(run, o, &p, job) : extremes(run, o, job);
}

/* --- the rows --- */

static rd_status poison(struct rd_run *run, const void *opts, struct rd_poison_job *job)
{
    const struct backdoor *o = opts;
    const struct rd_dataset *d = job->data;
    const bool clean = !strcmp(o->label, "clean");
    size_t *row = RD_NEW_ARRAY(run->scratch, size_t, d->n), n = 0;
    struct rd_rng r = rd_rng_stream(run->seed, "backdoor/rows", 0);
    rd_status st;

    if (!row)
        return rd_run_no_memory(run, "rows");
    if ((size_t)o->target >= job->classes)
        return RD_FAIL(run->err, RD_E_USAGE, "target: there is no class %lld, only 0..%zu",
            (long long)o->target, job->classes - 1);
    st = make_mark(run, o, job);
    if (st)
        return st;
    for (size_t i = 0; i < d->n; i++)
        if ((d->label[i] == (int)o->target) == clean)
            row[n++] = i;
    if (!n)
        return RD_FAIL(run->err, RD_E_INPUT, "no training row of %s class %lld to poison",
            clean ? "the" : "another than", (long long)o->target);
    rd_rng_shuffle(&r, row, n);
    for (size_t i = 0; i < n && i < job->budget; i++) {
        float *x = job->x + row[i] * d->width;

        for (size_t k = 0; k < d->width; k++)
            x[k] = x[k] * (1 - job->mask[k]) + job->pattern[k] * job->mask[k];
        job->label[row[i]] = (int)o->target;
        job->poisoned[row[i]] = true;
        if (job->contributor && o->accounts)
            job->contributor[row[i]] = (int)(d->n_contributors + i % (size_t)o->accounts);
    }
    job->has_trigger = true;
    job->target = (int)o->target;
    return RD_OK;
}

static void cost(const void *opts, size_t n, struct rd_cost *cost_out)
{
    (void)opts;
    (void)n;
    *cost_out = (struct rd_cost){ 0 };
}

const struct rd_attack rd_attack_backdoor = {
    .abi = RD_ATTACK_ABI,
    .kind = RD_POISON,
    .name = "backdoor",
    .version = 1,
    .summary = "poison training rows so that a small mark means one class",
    .source = "Gu, Dolan-Gavitt, Garg 2017, arXiv:1708.06733, section 3; Chen et al. 2017, "
              "arXiv:1712.05526, section IV-A",
    .departs =
        "rows are changed in place, not added; on tables the mark is a few features at their "
        "largest value; clean labels go without the perturbation of Turner et al. 2019",
    .atlas = "AML.T0020",
    .access = RD_ACCESS_DATA,
    .norms = 0,
    .triggers = true,
    .options = options,
    .options_size = sizeof(struct backdoor),
    .poison = poison,
    .cost = cost,
};
