/* images.c - folders of images: what is in them, and all of it as one array. */
#include "data/images.h"

#include "base/text.h"
#include "data/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SHOWN = 96,
    DEPTH_MAX = 16,
    IMAGE_BYTES = 512 << 20, /* of one file */
    TOTAL_SLACK = 1 << 30    /* bytes of pixels that any folder may unpack to */
};

/* Files as they are found, before they are sorted. */
struct gathering {
    struct rd_arena *arena;
    const struct rd_limits *limits;
    struct rd_error *err;
    const char *name;
    struct rd_image_item *item;
    size_t n, cap, others;
    const char *first_other;
};

static bool is_called_image(const char *name)
{
    static const char *const ends[] = { ".png", ".jpg", ".jpeg" };
    const size_t n = strlen(name);

    for (int i = 0; i < 3; i++)
        if (n > strlen(ends[i]) && !strcasecmp(name + n - strlen(ends[i]), ends[i]))
            return true;
    return false;
}

/* Hidden files and folders, and what macOS puts into archives. */
static bool is_hidden(const char *path)
{
    if (!strncmp(path, "__MACOSX/", 9))
        return true;
    for (const char *p = path; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL)
        if (*p == '.')
            return true;
    return false;
}

static rd_status no_memory(const struct gathering *g)
{
    return RD_FAIL(g->err, RD_E_MEMORY, "out of memory for a folder of images");
}

static rd_status add(struct gathering *g, const char *name, const struct rd_zip_entry *entry)
{
    if (!is_called_image(name)) {
        /* The order in which a system lists a folder must not show. */
        if (!g->others++ || strcmp(name, g->first_other) < 0)
            g->first_other = name;
        return RD_OK;
    }
    if (g->n == g->limits->entries)
        return RD_FAIL(g->err, RD_E_LIMIT, "more than %zu images", g->limits->entries);
    if (g->n == g->cap) {
        const size_t cap = g->cap ? 2 * g->cap : 256;
        struct rd_image_item *item = RD_NEW_ARRAY(g->arena, struct rd_image_item, cap);

        if (!item)
            return no_memory(g);
        if (g->n)
            memcpy(item, g->item, g->n * sizeof *item);
        g->item = item;
        g->cap = cap;
    }
    g->item[g->n++] = (struct rd_image_item){ .name = name, .label = -1, .entry = entry };
    return RD_OK;
}

/* --- a folder on disk --- */

static rd_status failed(const struct gathering *g, const char *what, const char *name)
{
    char shown[SHOWN];

    return RD_FAIL(g->err, errno == ENOENT ? RD_E_NOTFOUND : RD_E_IO, "cannot %s '%s': %s", what,
        rd_text_safe_in(shown, sizeof shown, name), strerror(errno));
}

static rd_status walk(struct gathering *g, int fd, const char *below, int depth);

/* One entry of a folder: links are refused, so nothing outside is read. */
static rd_status visit(
    struct gathering *g, int folder, const char *name, const char *path, int depth)
{
    char shown[SHOWN];
    struct stat sb;
    int fd;

    (void)rd_text_safe_in(shown, sizeof shown, path);
    if (fstatat(folder, name, &sb, AT_SYMLINK_NOFOLLOW))
        return failed(g, "look at", path);
    if (S_ISLNK(sb.st_mode))
        return RD_FAIL(g->err, RD_E_INPUT,
            "'%s' is a link; links in folders of images are not "
            "followed",
            shown);
    if (S_ISREG(sb.st_mode))
        return add(g, path, NULL);
    if (!S_ISDIR(sb.st_mode))
        return RD_FAIL(g->err, RD_E_INPUT, "'%s' is neither file nor folder", shown);
    if (depth == DEPTH_MAX)
        return RD_FAIL(g->err, RD_E_LIMIT, "'%s': folders deeper than %d", shown, DEPTH_MAX);
    fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return failed(g, "open", path);
    return walk(g, fd, path, depth + 1);
}

/* Takes fd over. below: "" or the folder's path within the set. */
static rd_status walk(struct gathering *g, int fd, const char *below, int depth)
{
    DIR *dir = fdopendir(fd);
    rd_status st = RD_OK;

    if (!dir) {
        st = failed(g, "read", below);
        (void)close(fd);
        return st;
    }
    while (!st) {
        const struct dirent *e;
        const char *path;

        errno = 0;
        e = readdir(dir);
        if (!e) {
            if (errno)
                st = failed(g, "read", below);
            break;
        }
        if (e->d_name[0] == '.')
            continue;
        path = *below ? rd_arena_printf(g->arena, "%s/%s", below, e->d_name)
                      : rd_arena_strdup(g->arena, e->d_name);
        st = path ? visit(g, dirfd(dir), e->d_name, path, depth) : no_memory(g);
    }
    (void)closedir(dir);
    return st;
}

/* --- from names to classes --- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct rd_image_item *)a)->name, ((const struct rd_image_item *)b)->name);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Length of the first folder of a path with its '/', 0 when it has none. */
static size_t first_folder(const char *path)
{
    const char *slash = strchr(path, '/');

    return slash ? (size_t)(slash - path) + 1 : 0;
}

/*
 * The folders that all names begin with and that say nothing: "cifar/" in front of train/ and
 * test/. The last folder stays, though: one class alone in a set is a class all the same.
 */
static size_t common_folders(const struct rd_image_item *item, size_t n)
{
    size_t from = 0;

    for (;;) {
        const size_t more = first_folder(item[0].name + from);

        if (!more || !first_folder(item[0].name + from + more))
            return from;
        for (size_t i = 1; i < n; i++)
            if (strncmp(item[0].name + from, item[i].name + from, more) != 0 ||
                !first_folder(item[i].name + from + more))
                return from;
        from += more;
    }
}

static bool is_part(const char *name, const char *part)
{
    const size_t n = strlen(part);

    return !strncasecmp(name, part, n) && name[n] == '/';
}

/* train/ and test/ (or val/, valid/, validation/); anything else beside them: no parts. */
static bool is_test_part(const char *name)
{
    return is_part(name, "test") || is_part(name, "val") || is_part(name, "valid") ||
           is_part(name, "validation");
}

static bool are_parts(const struct gathering *g, size_t from)
{
    bool train = false, test = false;

    for (size_t i = 0; i < g->n; i++) {
        const char *name = g->item[i].name + from;

        if (is_part(name, "train"))
            train = true;
        else if (is_test_part(name))
            test = true;
        else
            return false;
    }
    return train && test;
}

/* Only the images of one part; they keep their order. */
static void keep_part(struct gathering *g, size_t from, enum rd_split_part part)
{
    size_t n = 0;

    for (size_t i = 0; i < g->n; i++)
        if (is_part(g->item[i].name + from, "train") == (part == RD_SPLIT_TRAIN))
            g->item[n++] = g->item[i];
    g->n = n;
}

/* The class folder of a name: what stands before the next '/'. */
static const char *class_at(const char *name, size_t from, bool parts, size_t *len_out)
{
    const char *p = name + from;

    if (parts)
        p += first_folder(p);
    *len_out = first_folder(p);
    *len_out -= *len_out > 0;
    return p;
}

static rd_status name_classes(
    struct gathering *g, size_t from, bool parts, struct rd_image_list *list)
{
    const char **name = RD_NEW_ARRAY(g->arena, const char *, g->n);
    char shown[SHOWN];
    size_t classes = 0, without = 0, len;

    if (!name)
        return no_memory(g);
    for (size_t i = 0; i < g->n; i++) {
        const char *p = class_at(g->item[i].name, from, parts, &len);

        if (!len && ++without == g->n)
            return RD_OK; /* no folders at all: no classes */
        name[i] = len ? rd_arena_strndup(g->arena, p, len) : NULL;
        if (len && !name[i])
            return no_memory(g);
    }
    for (size_t i = 0; without && i < g->n; i++)
        if (!name[i])
            return RD_FAIL(g->err, RD_E_INPUT,
                "'%s' stands beside folders of classes, but in none of them",
                rd_text_safe_in(shown, sizeof shown, g->item[i].name));
    {
        const char **sorted = RD_NEW_ARRAY(g->arena, const char *, g->n);

        if (!sorted)
            return no_memory(g);
        memcpy(sorted, name, g->n * sizeof *sorted);
        qsort(sorted, g->n, sizeof *sorted, by_text);
        for (size_t i = 0; i < g->n; i++)
            if (!classes || strcmp(sorted[classes - 1], sorted[i]) != 0)
                sorted[classes++] = sorted[i];
        for (size_t i = 0; i < g->n; i++)
            g->item[i].label =
                (int)((const char **)bsearch(&name[i], sorted, classes, sizeof *sorted, by_text) -
                      sorted);
        list->classes = (int)classes;
        list->class_name = sorted;
    }
    return RD_OK;
}

static rd_status finish(struct gathering *g, enum rd_split_part part, struct rd_image_list *list,
    struct rd_notes *notes)
{
    char shown[SHOWN];
    size_t from;
    rd_status st;

    if (g->others)
        rd_notes_add(notes, "%zu %s not called .png, .jpg or .jpeg and left out, first '%s'",
            g->others, g->others == 1 ? "file is" : "files are",
            rd_text_safe_in(shown, sizeof shown, g->first_other));
    if (!g->n)
        return RD_FAIL(g->err, RD_E_INPUT, "'%s' holds no image called .png, .jpg or .jpeg",
            rd_text_safe_in(shown, sizeof shown, g->name));
    qsort(g->item, g->n, sizeof *g->item, by_name);
    from = common_folders(g->item, g->n);
    list->has_parts = are_parts(g, from);
    if (list->has_parts && part == RD_SPLIT_ALL)
        rd_notes_add(notes, "there are a train and a test part: both are read");
    /* Classes are numbered over both parts, so that the same class has the same number in each. */
    st = name_classes(g, from, list->has_parts, list);
    if (!st && list->has_parts && part != RD_SPLIT_ALL)
        keep_part(g, from, part);
    list->name = g->name;
    list->n = g->n;
    list->item = g->item;
    return st;
}

rd_status rd_images_list_folder(const char *path, enum rd_split_part part,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_image_list *list_out,
    struct rd_notes *notes, struct rd_error *err)
{
    struct gathering g = { .arena = arena, .limits = limits, .err = err, .name = path };
    struct rd_image_list list = { 0 };
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rd_status st = fd < 0 ? failed(&g, "open", path) : walk(&g, fd, "", 0);

    if (!st)
        st = finish(&g, part, &list, notes);
    if (!st)
        *list_out = list;
    return st;
}

/* --- a zip --- */

bool rd_images_in_zip(const struct rd_zip *zip)
{
    for (size_t i = 0; i < zip->n; i++)
        if (!zip->entry[i].is_folder && is_called_image(zip->entry[i].name))
            return true;
    return false;
}

rd_status rd_images_list_zip(const struct rd_zip *zip, const char *folder, enum rd_split_part part,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_image_list *list_out,
    struct rd_notes *notes, struct rd_error *err)
{
    struct gathering g = { .arena = arena, .limits = limits, .err = err, .name = zip->name };
    size_t skip = folder ? strlen(folder) : 0;
    struct rd_image_list list = { .zip = zip };
    rd_status st = RD_OK;
    char shown[SHOWN], name[SHOWN];

    while (skip && folder[skip - 1] == '/')
        skip--;
    for (size_t i = 0; !st && i < zip->n; i++) {
        const struct rd_zip_entry *e = &zip->entry[i];
        const char *below = e->name;

        if (e->is_folder || is_hidden(e->name))
            continue;
        if (skip) {
            if (strncmp(below, folder, skip) != 0 || below[skip] != '/')
                continue;
            below += skip + 1;
        }
        below = rd_arena_strdup(arena, below);
        st = below ? add(&g, below, e) : no_memory(&g);
    }
    if (!st && skip && !g.n)
        return RD_FAIL(err, RD_E_NOTFOUND, "'%s' holds no folder '%s' with images",
            rd_text_safe_in(name, sizeof name, zip->name),
            rd_text_safe_in(shown, sizeof shown, folder));
    if (!st)
        st = finish(&g, part, &list, notes);
    if (!st)
        *list_out = list;
    return st;
}

/* --- pixels --- */

/* What all images of a set share, and how much was spent on them. */
struct decoding {
    const struct rd_image_list *list;
    const struct rd_limits *limits;
    struct rd_error *err;
    size_t channels, height, width; /* of the result */
    bool resize;
    double scale;
    const char *first; /* the image that fixed the size */
    uint64_t packed, unpacked;
};

static rd_status bytes_of(const struct decoding *q, const struct rd_image_item *item,
    struct rd_arena *scratch, struct rd_bytes *out)
{
    char *path;

    if (q->list->one.data) {
        *out = q->list->one;
        return RD_OK;
    }
    if (item->entry)
        return rd_zip_read(q->list->zip, item->entry, IMAGE_BYTES, q->limits, scratch, out, q->err);
    path = rd_arena_printf(scratch, "%s/%s", q->list->name, item->name);
    if (!path)
        return RD_FAIL(q->err, RD_E_MEMORY, "out of memory for a path");
    return rd_file_read(path, IMAGE_BYTES, scratch, out, q->err);
}

static rd_status open_image(struct decoding *q, const struct rd_image_item *item,
    struct rd_arena *scratch, struct rd_image *image)
{
    struct rd_bytes in;
    char shown[SHOWN], name[SHOWN];
    rd_status st = bytes_of(q, item, scratch, &in);

    if (!st)
        st = rd_image_decode(item->name, in.data, in.size, q->limits, scratch, image, q->err);
    if (st)
        return q->list->one.data ? st
                                 : RD_WRAP(q->err, st, "reading '%s'",
                                       rd_text_safe_in(shown, sizeof shown, q->list->name));
    q->packed += in.size;
    q->unpacked += (uint64_t)image->width * image->height * image->channels * image->bytes;
    if (q->unpacked > TOTAL_SLACK && q->unpacked / q->limits->ratio > q->packed)
        return RD_FAIL(q->err, RD_E_LIMIT,
            "'%s': up to '%s' the images unpack to more than %zu times their bytes",
            rd_text_safe_in(shown, sizeof shown, q->list->name),
            rd_text_safe_in(name, sizeof name, item->name), q->limits->ratio);
    return RD_OK;
}

static float value_at(const struct rd_image *m, size_t y, size_t x, size_t c)
{
    const size_t at = (y * m->width + x) * m->channels + c;

    return m->bytes == 1 ? (float)((const uint8_t *)m->pixel)[at] / 255.0f
                         : (float)((const uint16_t *)m->pixel)[at] / 65535.0f;
}

/*
 * Bilinear, pixel centers at (i + 1/2): weights of the two nearest pixels in each direction, the
 * border repeated. Without a low-pass: shrinking more than twofold aliases.
 */
static void place_resized(const struct decoding *q, const struct rd_image *m, float *to)
{
    for (size_t y = 0; y < q->height; y++) {
        const double v = ((double)y + 0.5) * (double)m->height / (double)q->height - 0.5;
        const double vy = v < 0 ? 0 : v > (double)(m->height - 1) ? (double)(m->height - 1) : v;
        const size_t y0 = (size_t)vy, y1 = y0 + 1 < m->height ? y0 + 1 : y0;
        const float fy = (float)(vy - (double)y0);

        for (size_t x = 0; x < q->width; x++) {
            const double u = ((double)x + 0.5) * (double)m->width / (double)q->width - 0.5;
            const double ux = u < 0 ? 0 : u > (double)(m->width - 1) ? (double)(m->width - 1) : u;
            const size_t x0 = (size_t)ux, x1 = x0 + 1 < m->width ? x0 + 1 : x0;
            const float fx = (float)(ux - (double)x0);

            for (size_t c = 0; c < q->channels; c++) {
                const size_t k = m->channels == 1 ? 0 : c;
                const float top = value_at(m, y0, x0, k) * (1 - fx) + value_at(m, y0, x1, k) * fx;
                const float bottom =
                    value_at(m, y1, x0, k) * (1 - fx) + value_at(m, y1, x1, k) * fx;

                to[(c * q->height + y) * q->width + x] = top * (1 - fy) + bottom * fy;
            }
        }
    }
}

static void place(const struct decoding *q, const struct rd_image *m, float *to)
{
    const size_t plane = q->height * q->width;

    if (m->height != q->height || m->width != q->width) {
        place_resized(q, m, to);
    } else {
        for (size_t c = 0; c < q->channels; c++)
            for (size_t y = 0; y < q->height; y++)
                for (size_t x = 0; x < q->width; x++)
                    to[c * plane + y * q->width + x] = value_at(m, y, x, m->channels == 1 ? 0 : c);
    }
    for (size_t i = 0; q->scale != 1 && i < q->channels * plane; i++)
        to[i] = (float)((double)to[i] * q->scale);
}

static rd_status check_size(
    const struct decoding *q, const struct rd_image *m, const struct rd_image_item *item)
{
    char shown[SHOWN], first[SHOWN];

    if (q->resize || (m->height == q->height && m->width == q->width))
        return RD_OK;
    (void)RD_FAIL(q->err, RD_E_INPUT, "'%s' is %zu x %zu, '%s' is %zu x %zu",
        rd_text_safe_in(shown, sizeof shown, item->name), m->width, m->height,
        rd_text_safe_in(first, sizeof first, q->first), q->width, q->height);
    (void)rd_error_hint(q->err, "images must be of one size, or be resized to one");
    return RD_E_INPUT;
}

static rd_status room(const struct decoding *q, size_t n, struct rd_arena *arena, float **x_out)
{
    const size_t width = q->channels * q->height * q->width;
    size_t bytes;
    char shown[SHOWN];

    if (__builtin_mul_overflow(n * sizeof(float), width, &bytes) || bytes > q->limits->tensor_bytes)
        return RD_FAIL(q->err, RD_E_LIMIT,
            "'%s': %zu images of %zu x %zu x %zu need more than %zu "
            "bytes",
            rd_text_safe_in(shown, sizeof shown, q->list->name), n, q->channels, q->height,
            q->width, q->limits->tensor_bytes);
    *x_out = RD_NEW_ARRAY(arena, float, n *width);
    return *x_out ? RD_OK : RD_FAIL(q->err, RD_E_MEMORY, "out of memory for %zu images", n);
}

/* Gray values of n images, three times each: the set turned out to be colored. */
static void spread(const struct decoding *q, const float *gray, float *x, size_t n)
{
    const size_t plane = q->height * q->width;

    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            memcpy(x + (3 * i + c) * plane, gray + i * plane, plane * sizeof *x);
}

rd_status rd_images_decode(const struct rd_image_list *list, const struct rd_choice *choice,
    const int64_t resize[2], double scale, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_dataset *d, struct rd_notes *notes, struct rd_error *err)
{
    struct decoding q = { .list = list, .limits = limits, .err = err, .scale = scale };
    size_t grays = 0;
    float *x = NULL;
    rd_status st = RD_OK;

    if (resize[0] < 0 || resize[1] < 0 || (resize[0] > 0) != (resize[1] > 0) ||
        resize[0] > RD_IMAGE_SIDE || resize[1] > RD_IMAGE_SIDE)
        return RD_FAIL(err, RD_E_USAGE, "resize must be a height and a width above 0");
    for (size_t i = 0; !st && i < choice->n; i++) {
        struct rd_arena scratch = RD_ARENA_INIT; /* one image */
        const struct rd_image_item *item = &list->item[rd_choice_row(choice, i)];
        struct rd_image m;

        st = open_image(&q, item, &scratch, &m);
        if (!st && !x) {
            q.resize = resize[0] > 0;
            q.height = q.resize ? (size_t)resize[0] : m.height;
            q.width = q.resize ? (size_t)resize[1] : m.width;
            q.channels = m.channels;
            q.first = item->name;
            st = room(&q, choice->n, arena, &x);
        }
        if (!st)
            st = check_size(&q, &m, item);
        if (!st && m.channels > q.channels) {
            const float *gray = x;

            q.channels = m.channels;
            st = room(&q, choice->n, arena, &x);
            if (!st)
                spread(&q, gray, x, i);
        }
        if (!st)
            place(&q, &m, x + i * q.channels * q.height * q.width);
        grays += !st && m.channels == 1;
        rd_arena_release(&scratch);
    }
    if (st)
        return st;
    if (q.channels == 3 && grays)
        rd_notes_add(notes, "%zu gray %s among colored ones got three equal channels", grays,
            grays == 1 ? "image" : "images");
    d->n = choice->n;
    d->ndim = 3;
    d->dim[0] = (int64_t)q.channels;
    d->dim[1] = (int64_t)q.height;
    d->dim[2] = (int64_t)q.width;
    d->width = q.channels * q.height * q.width;
    d->x = x;
    return RD_OK;
}
