/* Images: what is decoded, what is refused, folders and archives of them. */
#include "support.h"

#include "base/alloc.h"
#include "base/file.h"
#include "data/dataset.h"
#include "data/image.h"

#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* clang-format off */
#include <jpeglib.h> /* wants stdio.h before it */
/* clang-format on */

static struct rd_arena arena;
static char dir[] = "/tmp/rd-images-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[64];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command); /* NOLINT: a folder of our own */
}

static int release(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

/* --- images made by the libraries themselves --- */

struct bytes {
    unsigned char *data;
    size_t size;
};

static void take(png_struct *png, unsigned char *data, size_t n)
{
    struct bytes *b = png_get_io_ptr(png);

    b->data = realloc(b->data, b->size + n);
    memcpy(b->data + b->size, data, n);
    b->size += n;
}

/* Value of channel c at (x, y), of 0 to 255. */
static unsigned pattern(size_t x, size_t y, size_t c)
{
    return (unsigned)(x * 40 + y * 7 + c * 90) % 256;
}

/* Freed by the caller. alpha: what stands in the alpha channel, if there is one. */
static struct bytes png_of(
    size_t width, size_t height, int type, int bits, int interlace, int alpha)
{
    png_struct *png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_info *info = png_create_info_struct(png);
    struct bytes b = { NULL, 0 };
    static png_color palette[256];
    size_t channels, row_bytes;
    unsigned char *pixel;
    unsigned char **rows = calloc(height, sizeof *rows);

    png_set_write_fn(png, &b, take, NULL);
    png_set_IHDR(png, info, (unsigned)width, (unsigned)height, bits, type, interlace, 0, 0);
    for (int i = 0; i < 256; i++)
        palette[i] = (png_color){ (unsigned char)i, (unsigned char)(255 - i), 7 };
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, 1 << bits);
    png_write_info(png, info);
    channels = png_get_channels(png, info);
    row_bytes = png_get_rowbytes(png, info);
    pixel = calloc(height, row_bytes);
    for (size_t y = 0; y < height; y++) {
        rows[y] = pixel + y * row_bytes;
        for (size_t x = 0; x < width; x++)
            for (size_t c = 0; c < channels; c++) {
                const size_t at = x * channels + c;
                const unsigned v = (type & PNG_COLOR_MASK_ALPHA) && c == channels - 1
                                       ? (unsigned)alpha
                                       : pattern(x, y, c);

                if (bits == 16) {
                    rows[y][2 * at] = (unsigned char)v;
                    rows[y][2 * at + 1] = (unsigned char)v;
                } else if (bits == 8) {
                    rows[y][at] = (unsigned char)v;
                } else {
                    const unsigned small = v >> (8 - bits);
                    rows[y][at * (unsigned)bits / 8] |=
                        (unsigned char)(small << (8 - bits - (int)(at * (unsigned)bits % 8)));
                }
            }
    }
    png_write_image(png, rows);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    free(pixel);
    free(rows);
    return b;
}

static struct bytes jpeg_of(
    size_t width, size_t height, J_COLOR_SPACE space, int channels, bool progressive)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *row = calloc(width, (size_t)channels);
    struct bytes b = { NULL, 0 };
    unsigned long size = 0;

    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &b.data, &size);
    c.image_width = (unsigned)width;
    c.image_height = (unsigned)height;
    c.input_components = channels;
    c.in_color_space = space;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 100, TRUE);
    if (progressive)
        jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    for (size_t y = 0; y < height; y++) {
        for (size_t x = 0; x < width * (size_t)channels; x++)
            row[x] = (unsigned char)(100 + 8 * y);
        (void)jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    free(row);
    b.size = size;
    return b;
}

static struct rd_image decoded(struct bytes b)
{
    struct rd_image m = { 0 };
    struct rd_error err = { 0 };

    if (rd_image_decode("i", b.data, b.size, NULL, &arena, &m, &err))
        fail_msg("refused: %s", err.frame[0].text);
    free(b.data);
    return m;
}

static void refuse_bytes(const void *data, size_t size, rd_status status, const char *want)
{
    struct rd_image m = { 0 };
    struct rd_error err = { 0 };
    unsigned char *copy = malloc(size + 1); /* a sanitizer sees what is read behind it */

    memcpy(copy + 1, data, size);
    assert_int_equal(rd_image_decode("i", copy + 1, size, NULL, &arena, &m, &err), status);
    if (!strstr(err.frame[0].text, want))
        fail_msg("'%s' is not in '%s'", want, err.frame[0].text);
    assert_null(m.pixel);
    free(copy);
}

static void refuse(struct bytes b, rd_status status, const char *want)
{
    refuse_bytes(b.data, b.size, status, want);
    free(b.data);
}

static unsigned at(const struct rd_image *m, size_t x, size_t y, size_t c)
{
    return ((const unsigned char *)m->pixel)[(y * m->width + x) * m->channels + c];
}

/* --- one image --- */

static void png_of_all_types_is_decoded(void **state)
{
    struct rd_image m;

    (void)state;
    for (int interlace = 0; interlace < 2; interlace++) {
        m = decoded(png_of(5, 3, PNG_COLOR_TYPE_RGB, 8, interlace, 0));
        assert_int_equal(m.channels, 3);
        assert_int_equal(m.width, 5);
        assert_int_equal(m.height, 3);
        for (size_t y = 0; y < 3; y++)
            for (size_t x = 0; x < 5; x++)
                for (size_t c = 0; c < 3; c++)
                    assert_int_equal(at(&m, x, y, c), pattern(x, y, c));
        m = decoded(png_of(5, 3, PNG_COLOR_TYPE_GRAY, 8, interlace, 0));
        assert_int_equal(m.channels, 1);
        assert_int_equal(at(&m, 4, 2, 0), pattern(4, 2, 0));
        m = decoded(png_of(5, 3, PNG_COLOR_TYPE_RGB_ALPHA, 8, interlace, 255));
        assert_int_equal(m.channels, 3);
        assert_int_equal(at(&m, 4, 2, 2), pattern(4, 2, 2));
        m = decoded(png_of(5, 3, PNG_COLOR_TYPE_GRAY, 16, interlace, 0));
        assert_int_equal(m.bytes, 2);
        assert_int_equal(((const uint16_t *)m.pixel)[14], pattern(4, 2, 0) * 257);
        m = decoded(png_of(5, 3, PNG_COLOR_TYPE_PALETTE, 8, interlace, 0));
        assert_int_equal(m.channels, 3);
        assert_int_equal(at(&m, 4, 2, 1), 255 - pattern(4, 2, 0));
    }
    m = decoded(png_of(5, 3, PNG_COLOR_TYPE_GRAY_ALPHA, 16, 0, 255));
    assert_int_equal(m.channels, 1);
    m = decoded(png_of(5, 3, PNG_COLOR_TYPE_GRAY, 1, 0, 0));
    assert_int_equal(at(&m, 4, 2, 0), pattern(4, 2, 0) >= 128 ? 255 : 0);
    m = decoded(png_of(5, 3, PNG_COLOR_TYPE_GRAY, 4, 0, 0));
    assert_int_equal(at(&m, 4, 2, 0), (pattern(4, 2, 0) >> 4) * 17);
}

static void jpeg_gray_and_color_is_decoded(void **state)
{
    (void)state;
    for (int progressive = 0; progressive < 2; progressive++) {
        struct rd_image m = decoded(jpeg_of(17, 9, JCS_GRAYSCALE, 1, progressive));

        assert_int_equal(m.channels, 1);
        assert_int_equal(m.width, 17);
        assert_in_range(at(&m, 3, 2, 0), 114, 118); /* 100 + 8 * 2, less what JPEG loses */
        m = decoded(jpeg_of(17, 9, JCS_RGB, 3, progressive));
        assert_int_equal(m.channels, 3);
        assert_in_range(at(&m, 3, 2, 1), 114, 118);
    }
}

static void what_has_no_clear_meaning_is_refused(void **state)
{
    (void)state;
    refuse(png_of(3, 3, PNG_COLOR_TYPE_RGB_ALPHA, 8, 0, 128), RD_E_INPUT, "transparent pixels");
    refuse(png_of(3, 3, PNG_COLOR_TYPE_GRAY_ALPHA, 16, 1, 0), RD_E_INPUT, "transparent pixels");
    refuse(jpeg_of(8, 8, JCS_CMYK, 4, false), RD_E_INPUT, "is a CMYK JPEG");
    refuse_bytes("GIF89a", 6, RD_E_INPUT, "neither PNG nor JPEG");
    refuse_bytes("", 0, RD_E_INPUT, "neither PNG nor JPEG");
}

static void cut_and_damaged_images_are_refused(void **state)
{
    struct bytes p = png_of(9, 9, PNG_COLOR_TYPE_RGB, 8, 0, 0);
    struct bytes j = jpeg_of(40, 40, JCS_RGB, 3, false);

    (void)state;
    for (size_t cut = 8; cut < p.size; cut++)
        refuse_bytes(p.data, cut, RD_E_INPUT, "is cut short");
    for (size_t cut = 3; cut + 2 < j.size; cut += 3)
        refuse_bytes(j.data, cut, RD_E_INPUT, "'i' is ");
    p.data[p.size - 20] ^= 0xFF; /* in the compressed pixels */
    refuse_bytes(p.data, p.size, RD_E_INPUT, "damaged PNG");
    free(p.data);
    free(j.data);
}

/* The header of a PNG that claims this size, its checksum right. */
static struct bytes png_that_claims(unsigned width, unsigned height)
{
    struct bytes b = png_of(3, 3, PNG_COLOR_TYPE_RGB, 8, 0, 0);
    unsigned long crc;

    for (int i = 0; i < 4; i++) {
        b.data[16 + i] = (unsigned char)(width >> (24 - 8 * i));
        b.data[20 + i] = (unsigned char)(height >> (24 - 8 * i));
    }
    crc = crc32(0, b.data + 12, 17);
    for (int i = 0; i < 4; i++)
        b.data[29 + i] = (unsigned char)(crc >> (24 - 8 * i));
    return b;
}

static void images_that_lie_about_their_size_cost_nothing(void **state)
{
    struct bytes j = jpeg_of(16, 16, JCS_RGB, 3, true);

    (void)state;
    refuse(png_that_claims(60000, 60000), RD_E_LIMIT, "claims 60000 x 60000 pixels; at most");
    refuse(png_that_claims(8000, 8000), RD_E_LIMIT, "more than 100 times as many");
    refuse(png_that_claims(0x7FFFFFFF, 3), RD_E_INPUT, "damaged PNG");
    refuse(png_that_claims(0, 3), RD_E_INPUT, "damaged PNG");
    refuse(png_that_claims(3, 300), RD_E_INPUT, "");
    for (size_t i = 2; i + 9 < j.size; i++)
        if (j.data[i] == 0xFF && j.data[i + 1] == 0xC2) { /* SOF2: height, width */
            memcpy(j.data + i + 5, "\xFF\x00\xFF\x00", 4);
            break;
        }
    refuse(j, RD_E_LIMIT, "claims 65280 x 65280 pixels");
    assert_true(arena.used < 1 << 16);
}

/* Deflate makes a thousandth of black: 48 million pixels in 150 kB. */
static void a_decompression_bomb_is_refused(void **state)
{
    struct bytes b = png_of(8000, 6000, PNG_COLOR_TYPE_GRAY, 1, 0, 0);
    struct bytes bomb = { NULL, 0 };
    unsigned char *black = calloc(6000, 8001);
    unsigned long packed = compressBound(6000 * 8001), crc;

    (void)state;
    free(b.data);
    b = png_that_claims(8000, 6000);
    bomb.data = malloc(packed + 1000);
    memcpy(bomb.data, b.data, 33);
    bomb.data[25] = 0; /* gray */
    crc = crc32(0, bomb.data + 12, 17);
    for (int i = 0; i < 4; i++)
        bomb.data[29 + i] = (unsigned char)(crc >> (24 - 8 * i));
    assert_int_equal(compress2(bomb.data + 41, &packed, black, 6000 * 8001, 6), Z_OK);
    memcpy(bomb.data + 37, "IDAT", 4);
    crc = crc32(0, bomb.data + 37, (unsigned)packed + 4);
    for (int i = 0; i < 4; i++) {
        bomb.data[33 + i] = (unsigned char)(packed >> (24 - 8 * i));
        bomb.data[41 + packed + (unsigned)i] = (unsigned char)(crc >> (24 - 8 * i));
    }
    bomb.size = 45 + packed;
    refuse(bomb, RD_E_LIMIT, "claims 8000 x 6000 pixels in");
    assert_true(arena.used < 1 << 16);
    free(b.data);
    free(black);
}

/* --- folders --- */

static void put(const char *path, struct bytes b)
{
    char full[256], *slash;

    (void)snprintf(full, sizeof full, "%s/%s", dir, path);
    slash = strrchr(full, '/');
    *slash = '\0';
    assert_int_equal(rd_file_mkdirs(full, 0700, NULL), RD_OK);
    *slash = '/';
    assert_int_equal(rd_file_write(full, b.data, b.size, 0600, NULL), RD_OK);
    free(b.data);
}

static struct bytes small(int gray)
{
    return png_of(4, 3, gray ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, 8, 0, 0);
}

static struct rd_dataset_source folder(const char *name, char path[256])
{
    (void)snprintf(path, 256, "%s/%s", dir, name);
    return (struct rd_dataset_source){ .path = path, .scale = 1 };
}

static struct rd_dataset read_it(struct rd_dataset_source s)
{
    struct rd_dataset d = { 0 };
    struct rd_error err = { 0 };
    const rd_status st = rd_dataset_read(&s, NULL, &arena, &d, &err);

    if (st == RD_E_NOTFOUND)
        skip();
    if (st)
        fail_msg("refused: %s", err.frame[0].text);
    return d;
}

static void refuse_set(struct rd_dataset_source s, const char *want)
{
    struct rd_dataset d = { 0 };
    struct rd_error err = { 0 };
    bool found = false;

    assert_int_not_equal(rd_dataset_read(&s, NULL, &arena, &d, &err), RD_OK);
    for (int i = 0; i < err.frames; i++)
        found = found || strstr(err.frame[i].text, want);
    if (!found)
        fail_msg("'%s' is not in '%s'", want, err.frame[0].text);
}

static bool says(const struct rd_dataset *d, const char *want)
{
    for (size_t i = 0; i < d->n_notes; i++)
        if (strstr(d->note[i], want))
            return true;
    return false;
}

static void folders_are_classes(void **state)
{
    struct rd_dataset_source s;
    struct rd_dataset d;
    char path[256];

    (void)state;
    put("a/dog/2.png", small(0));
    put("a/cat/1.png", small(0));
    put("a/cat/0.PNG", small(1));
    put("a/cat/notes.txt", (struct bytes){ (unsigned char *)strdup("x"), 1 });
    put("a/.hidden/0.png", (struct bytes){ (unsigned char *)strdup("x"), 1 });
    s = folder("a", path);
    d = read_it(s);
    assert_int_equal(d.n, 3);
    assert_int_equal(d.ndim, 3);
    assert_int_equal(d.dim[0], 3);
    assert_int_equal(d.dim[1], 3);
    assert_int_equal(d.dim[2], 4);
    assert_string_equal(d.class_name[1], "dog");
    assert_int_equal(d.label[2], 1);
    assert_true(d.x[0] == d.x[12] && d.x[3] == (float)pattern(3, 0, 0) / 255); /* gray, spread */
    assert_true(d.x[36 + 12 + 5] == (float)pattern(1, 1, 1) / 255);
    assert_true(says(&d, "1 gray image among colored ones"));
    assert_true(says(&d, "1 file is not called .png, .jpg or .jpeg and left out, first "
                         "'cat/notes.txt'"));
    s.scale = 255;
    assert_true(read_it(s).x[3] == (float)pattern(3, 0, 0));
    s.scale = 1;
    s.has_range = true;
    s.range[0] = 2;
    s.range[1] = 3;
    d = read_it(s);
    assert_int_equal(d.n, 1);
    assert_int_equal(d.classes, 2);
    s.label_column = "class";
    refuse_set(s, "is no table");
    put("one.png", small(1));
    d = read_it(folder("one.png", path));
    assert_int_equal(d.n, 1);
    assert_null(d.label);
    put("flat/1.png", small(1));
    put("flat/2.png", small(1));
    d = read_it(folder("flat", path));
    assert_int_equal(d.n, 2);
    assert_null(d.label);
    put("flat/sub/2.png", small(1));
    refuse_set(folder("flat", path), "'1.png' stands beside folders of classes");
}

static void train_and_test_are_parts(void **state)
{
    struct rd_dataset_source s;
    struct rd_dataset d;
    char path[256];

    (void)state;
    put("p/set/train/cat/1.png", small(0));
    put("p/set/train/dog/2.png", small(0));
    put("p/set/test/dog/3.png", small(0));
    s = folder("p", path);
    d = read_it(s);
    assert_int_equal(d.n, 3);
    assert_int_equal(d.classes, 2);
    assert_true(says(&d, "a train and a test part: both are read"));
    s.split.part = RD_SPLIT_TEST;
    d = read_it(s);
    assert_int_equal(d.n, 1);
    assert_int_equal(d.label[0], 1); /* numbered over both parts */
    s.split.part = RD_SPLIT_TRAIN;
    assert_int_equal(read_it(s).n, 2);
    d = read_it(folder("p/set/test", path));
    assert_int_equal(d.classes, 1);
    assert_string_equal(d.class_name[0], "dog");
}

static void sizes_that_differ_are_refused_or_resized(void **state)
{
    struct rd_dataset_source s;
    struct rd_dataset d;
    char path[256];

    (void)state;
    put("r/1.png", png_of(4, 4, PNG_COLOR_TYPE_GRAY, 8, 0, 0));
    put("r/2.png", png_of(2, 2, PNG_COLOR_TYPE_GRAY, 8, 0, 0));
    s = folder("r", path);
    refuse_set(s, "'2.png' is 2 x 2, '1.png' is 4 x 4");
    s.resize[0] = s.resize[1] = 2;
    d = read_it(s);
    assert_int_equal(d.width, 4);
    /* Halved, each pixel is the mean of four: at (0.5, 0.5) of x*40 + y*7. */
    assert_true(fabsf(d.x[0] - 23.5f / 255) < 1e-6f);
    assert_true(d.x[4] == 0); /* the small one as it was */
    s.resize[1] = 0;
    refuse_set(s, "resize must be a height and a width above 0");
}

static void hostile_folders_are_refused(void **state)
{
    struct rd_dataset_source s;
    char path[256], link[256];

    (void)state;
    put("h/a/1.png", small(0));
    (void)snprintf(link, sizeof link, "%s/h/a/2.png", dir);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    s = folder("h", path);
    refuse_set(s, "'a/2.png' is a link");
    (void)unlink(link);
    assert_int_equal(mkfifo(link, 0600), 0); /* would never end */
    refuse_set(s, "'a/2.png' is neither file nor folder");
    (void)unlink(link);
    put("h/a/2.png", (struct bytes){ (unsigned char *)strdup("no image"), 8 });
    refuse_set(s, "'a/2.png' is neither PNG nor JPEG");
    put("empty/readme.txt", (struct bytes){ (unsigned char *)strdup("x"), 1 });
    refuse_set(folder("empty", path), "holds no image called .png");
}

/* --- archives --- */

struct entry {
    const char *name;
    unsigned mode;
};

static void put_number(struct bytes *b, unsigned long v, int n)
{
    for (int i = 0; i < n; i++, v >>= 8)
        b->data[b->size++] = (unsigned char)v;
}

/* The same small image under each name, stored. */
static struct bytes zip_of(const struct entry *e, size_t n)
{
    struct bytes image = small(0), b = { malloc(n * (2 * 200 + 500) + 100), 0 };
    size_t header[8], start;
    const unsigned long crc = crc32(0, image.data, (unsigned)image.size);

    for (size_t i = 0; i < n; i++) {
        header[i] = b.size;
        put_number(&b, 0x04034b50, 4);
        put_number(&b, 20, 2);
        put_number(&b, 0, 8);
        put_number(&b, crc, 4);
        put_number(&b, image.size, 4);
        put_number(&b, image.size, 4);
        put_number(&b, strlen(e[i].name), 2);
        put_number(&b, 0, 2);
        memcpy(b.data + b.size, e[i].name, strlen(e[i].name));
        b.size += strlen(e[i].name);
        memcpy(b.data + b.size, image.data, image.size);
        b.size += image.size;
    }
    start = b.size;
    for (size_t i = 0; i < n; i++) {
        put_number(&b, 0x02014b50, 4);
        put_number(&b, 20 | 3 << 8, 2);
        put_number(&b, 20, 2);
        put_number(&b, 0, 8);
        put_number(&b, crc, 4);
        put_number(&b, image.size, 4);
        put_number(&b, image.size, 4);
        put_number(&b, strlen(e[i].name), 2);
        put_number(&b, 0, 8);
        put_number(&b, (unsigned long)e[i].mode << 16, 4);
        put_number(&b, header[i], 4);
        memcpy(b.data + b.size, e[i].name, strlen(e[i].name));
        b.size += strlen(e[i].name);
    }
    put_number(&b, 0x06054b50, 4);
    put_number(&b, 0, 4);
    put_number(&b, n, 2);
    put_number(&b, n, 2);
    put_number(&b, b.size - 12 - start, 4);
    put_number(&b, start, 4);
    put_number(&b, 0, 2);
    free(image.data);
    return b;
}

static void archives_are_folders(void **state)
{
    static const struct entry e[] = { { "set/train/cat/1.png", 0 }, { "set/train/dog/2.png", 0 },
        { "set/test/dog/3.png", 0 }, { "__MACOSX/set/._1.png", 0 } };
    struct rd_dataset_source s;
    struct rd_dataset d;
    char path[256];

    (void)state;
    put("z.zip", zip_of(e, 4));
    s = folder("z.zip", path);
    d = read_it(s);
    assert_int_equal(d.n, 3);
    assert_string_equal(d.class_name[0], "cat");
    s.split.part = RD_SPLIT_TRAIN;
    assert_int_equal(read_it(s).n, 2);
    d = read_it(folder("z.zip:set/test", path));
    assert_int_equal(d.n, 1);
    assert_string_equal(d.class_name[0], "dog");
    refuse_set(folder("z.zip:set/none", path), "holds no folder 'set/none' with images");
}

static void zip_slips_are_refused(void **state)
{
    static const struct {
        struct entry e;
        const char *want;
    } bad[] = { { { "/etc/1.png", 0 }, "absolute" }, { { "a/../../1.png", 0 }, ".." },
        { { "a\\1.png", 0 }, "backslash" }, { { "a/1.png", 0120777 }, "link" } };
    const struct entry twice[] = { { "a/1.png", 0 }, { "a/1.png", 0 } };
    char path[256];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put("bad.zip", zip_of(&bad[i].e, 1));
        refuse_set(folder("bad.zip", path), bad[i].want);
    }
    put("bad.zip", zip_of(twice, 2));
    refuse_set(folder("bad.zip", path), "twice");
}

static void cut_archives_are_refused(void **state)
{
    const struct entry e[] = { { "a/1.png", 0 }, { "b/2.png", 0 } };
    struct bytes whole = zip_of(e, 2);
    char path[256];

    (void)state;
    for (size_t cut = 4; cut < whole.size; cut += 7) {
        struct bytes part = { malloc(cut), cut };

        memcpy(part.data, whole.data, cut);
        put("cut.zip", part);
        refuse_set(folder("cut.zip", path), "cut.zip");
    }
    free(whole.data);
}

static void each_failed_allocation_is_an_error_and_leaks_nothing(void **state)
{
    const struct entry e[] = { { "a/1.png", 0 }, { "b/2.png", 0 } };
    const size_t live = rd_alloc_live();
    struct rd_dataset_source s;
    char path[256];
    int failed = 0;

    (void)state;
    put("f.zip", zip_of(e, 2));
    s = folder("f.zip", path);
    s.split = (struct rd_split){ .part = RD_SPLIT_TRAIN };
    for (size_t nth = 1; nth < 80; nth++) {
        struct rd_arena own = RD_ARENA_INIT;
        struct rd_dataset d;
        struct rd_error err = { 0 };
        rd_status st;

        rd_alloc_fail_at(nth);
        st = rd_dataset_read(&s, NULL, &own, &d, &err);
        rd_alloc_fail_at(0);
        rd_arena_release(&own);
        assert_int_equal(rd_alloc_live(), live);
        if (!st)
            continue;
        failed++;
        assert_int_equal(st, RD_E_MEMORY);
    }
    assert_true(failed > 20);
}

/* CIFAR-10 as an archive of JPEGs. */
static void the_published_archive_is_read(void **state)
{
    struct rd_dataset_source s = { .path = "../shared/data/images/cifar10-subset.zip", .scale = 1 };
    struct rd_data_profile p;
    struct rd_dataset d;
    struct rd_error err = { 0 };

    (void)state;
    s.split.part = RD_SPLIT_TEST;
    d = read_it(s);
    assert_int_equal(d.n, 5000);
    assert_int_equal(d.dim[0], 3);
    assert_int_equal(d.dim[1], 32);
    assert_int_equal(d.classes, 10);
    assert_string_equal(d.class_name[9], "truck");
    assert_true(d.low >= 0 && d.high <= 1);
    assert_int_equal(rd_data_profile(&d, &arena, &p, &err), RD_OK);
    assert_int_equal(p.class_n[3], 500);
    assert_int_equal(p.n_duplicates, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(png_of_all_types_is_decoded, release),
        cmocka_unit_test_teardown(jpeg_gray_and_color_is_decoded, release),
        cmocka_unit_test_teardown(what_has_no_clear_meaning_is_refused, release),
        cmocka_unit_test_teardown(cut_and_damaged_images_are_refused, release),
        cmocka_unit_test_teardown(images_that_lie_about_their_size_cost_nothing, release),
        cmocka_unit_test_teardown(a_decompression_bomb_is_refused, release),
        cmocka_unit_test_teardown(folders_are_classes, release),
        cmocka_unit_test_teardown(train_and_test_are_parts, release),
        cmocka_unit_test_teardown(sizes_that_differ_are_refused_or_resized, release),
        cmocka_unit_test_teardown(hostile_folders_are_refused, release),
        cmocka_unit_test_teardown(archives_are_folders, release),
        cmocka_unit_test_teardown(zip_slips_are_refused, release),
        cmocka_unit_test_teardown(cut_archives_are_refused, release),
        cmocka_unit_test_teardown(each_failed_allocation_is_an_error_and_leaks_nothing, release),
        cmocka_unit_test_teardown(the_published_archive_is_read, release),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
