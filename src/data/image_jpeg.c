/*
 * image_jpeg.c - JPEG by libjpeg.
 *
 * libjpeg reports errors through a function that may not return: it jumps, and both jumps end in
 * the functions that set them, open_jpeg() and decode().
 */
#include "data/image.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
#include <jpeglib.h> /* wants stdio.h before it */
#include <jerror.h>
/* clang-format on */

/* A progressive image may pass over its pixels as often as it likes; photographs do it ten times.
 */
enum { SCANS_MAX = 100 };

struct job {
    struct jpeg_decompress_struct jpeg; /* first: the library hands back its address */
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    char text[JMSG_LENGTH_MAX];
    bool too_many_scans;
    unsigned char *pixel;
    size_t row_bytes;
};

static void on_error(j_common_ptr common)
{
    struct job *j = (struct job *)common->client_data;

    common->err->format_message(common, j->text);
    longjmp(j->jump, 1);
}

/* Warnings mean that pixels are made up: an error here. Stray bytes between markers do no harm. */
static void on_message(j_common_ptr common, int level)
{
    if (level < 0 && common->err->msg_code != JWRN_EXTRANEOUS_DATA)
        on_error(common);
}

static void on_progress(j_common_ptr common)
{
    struct job *j = (struct job *)common->client_data;

    if (j->jpeg.input_scan_number > SCANS_MAX) {
        j->too_many_scans = true;
        (void)snprintf(j->text, sizeof j->text, "more than %d scans", SCANS_MAX);
        longjmp(j->jump, 1);
    }
}

static bool open_jpeg(struct job *j, const void *bytes, size_t size)
{
    if (setjmp(j->jump))
        return false;
    jpeg_create_decompress(&j->jpeg);
    jpeg_mem_src(&j->jpeg, bytes, size);
    (void)jpeg_read_header(&j->jpeg, TRUE);
    return true;
}

static bool decode(struct job *j)
{
    if (setjmp(j->jump))
        return false;
    j->jpeg.progress = &j->progress;
    j->jpeg.dct_method = JDCT_ISLOW; /* the same pixels on every machine */
    (void)jpeg_start_decompress(&j->jpeg);
    while (j->jpeg.output_scanline < j->jpeg.output_height) {
        unsigned char *row = j->pixel + j->jpeg.output_scanline * j->row_bytes;

        (void)jpeg_read_scanlines(&j->jpeg, &row, 1);
    }
    (void)jpeg_finish_decompress(&j->jpeg);
    return true;
}

static rd_status tell(const struct job *j, const char *name, struct rd_error *err)
{
    if (j->too_many_scans)
        return RD_FAIL(err, RD_E_LIMIT, "'%s' is a JPEG of %s", name, j->text);
    if (j->errors.msg_code == JWRN_JPEG_EOF || j->errors.msg_code == JERR_INPUT_EOF ||
        j->errors.msg_code == JWRN_HIT_MARKER)
        return RD_FAIL(
            err, RD_E_INPUT, "'%s' is cut short: the JPEG ends before its pixels do", name);
    return RD_FAIL(err, RD_E_INPUT, "'%s' is a damaged JPEG: %s", name, j->text);
}

static rd_status read_jpeg(const char *name, struct job *j, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_image *image_out,
    struct rd_error *err)
{
    size_t channels = 3;
    rd_status st;

    if (!open_jpeg(j, bytes, size))
        return tell(j, name, err);
    if (j->jpeg.jpeg_color_space == JCS_CMYK || j->jpeg.jpeg_color_space == JCS_YCCK)
        return RD_FAIL(err, RD_E_INPUT, "'%s' is a CMYK JPEG; gray and RGB ones are read", name);
    if (j->jpeg.jpeg_color_space == JCS_GRAYSCALE)
        channels = 1;
    else if (j->jpeg.jpeg_color_space != JCS_YCbCr && j->jpeg.jpeg_color_space != JCS_RGB)
        return RD_FAIL(err, RD_E_INPUT, "'%s' is a JPEG of %d components of no known color", name,
            j->jpeg.num_components);
    j->jpeg.out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    /* A progressive one holds all its coefficients at once, two bytes each. */
    st = rd_image_check(
        name, j->jpeg.image_width, j->jpeg.image_height, channels, size, limits, err);
    if (st)
        return st;
    j->row_bytes = (size_t)j->jpeg.image_width * channels;
    j->pixel = rd_arena_alloc(arena, j->jpeg.image_height, j->row_bytes);
    if (!j->pixel)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory for '%s'", name);
    if (!decode(j))
        return tell(j, name, err);
    *image_out = (struct rd_image){ .channels = channels,
        .height = j->jpeg.image_height,
        .width = j->jpeg.image_width,
        .bytes = 1,
        .pixel = j->pixel };
    return RD_OK;
}

rd_status rd_image_jpeg(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_image *image_out,
    struct rd_error *err)
{
    struct job j = { .pixel = NULL };
    rd_status st;

    j.jpeg.err = jpeg_std_error(&j.errors);
    j.errors.error_exit = on_error;
    j.errors.emit_message = on_message;
    j.progress.progress_monitor = on_progress;
    j.jpeg.client_data = &j;
    st = read_jpeg(name, &j, bytes, size, limits, arena, image_out, err);
    jpeg_destroy_decompress(&j.jpeg);
    return st;
}
