/*
 * image_png.c - PNG by libpng.
 *
 * libpng reports errors by longjmp. Both jumps end in the functions that set them, decode() and
 * open_png(), which hold nothing but pointers set before; all that must be freed hangs at the job.
 */
#include "data/image.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

struct job {
    png_struct *png;
    png_info *info;
    const unsigned char *at;
    size_t left;
    char text[160]; /* libpng's own words */
    bool cut;       /* the bytes ran out */

    /* Set once the header is read. */
    size_t width, height, channels, bytes; /* channels as they come out of libpng */
    bool alpha;
    int passes;
    unsigned char *pixel;
    size_t row_bytes;
};

static void on_error(png_struct *png, const char *text)
{
    struct job *j = png_get_error_ptr(png);

    (void)snprintf(j->text, sizeof j->text, "%s", text);
    png_longjmp(png, 1);
}

/* Odd chunks that do not touch the pixels are no reason to refuse an image. */
static void on_warning(png_struct *png, const char *text)
{
    (void)png;
    (void)text;
}

static void take(png_struct *png, unsigned char *to, size_t n)
{
    struct job *j = png_get_io_ptr(png);

    if (n > j->left) {
        j->cut = true;
        png_error(png, "cut short");
    }
    memcpy(to, j->at, n);
    j->at += n;
    j->left -= n;
}

/* The header, and what libpng shall turn the pixels into. */
static bool open_png(struct job *j)
{
    if (setjmp(png_jmpbuf(j->png)))
        return false;
    png_set_read_fn(j->png, j, take);
    png_set_user_limits(j->png, RD_IMAGE_SIDE, RD_IMAGE_SIDE);
    png_set_chunk_cache_max(j->png, 64);
    png_set_chunk_malloc_max(j->png, 1 << 20);
    png_set_crc_action(j->png, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
    /* Texts and profiles are of no use here, and may be compressed. */
    png_set_keep_unknown_chunks(j->png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
    png_set_keep_unknown_chunks(
        j->png, PNG_HANDLE_CHUNK_NEVER, (const unsigned char *)"iCCP\0zTXt\0iTXt\0tEXt\0eXIf", 5);
    png_read_info(j->png, j->info);
    png_set_expand(j->png); /* palettes, less than 8 bits, transparent colors as alpha */
    j->passes = png_set_interlace_handling(j->png);
    if (png_get_bit_depth(j->png, j->info) == 16)
        png_set_swap(j->png); /* the hosts we build on are little-endian */
    png_read_update_info(j->png, j->info);
    j->width = png_get_image_width(j->png, j->info);
    j->height = png_get_image_height(j->png, j->info);
    j->channels = png_get_channels(j->png, j->info);
    j->bytes = png_get_bit_depth(j->png, j->info) == 16 ? 2 : 1;
    j->alpha = (png_get_color_type(j->png, j->info) & PNG_COLOR_MASK_ALPHA) != 0;
    j->row_bytes = png_get_rowbytes(j->png, j->info);
    return true;
}

static bool decode(struct job *j)
{
    if (setjmp(png_jmpbuf(j->png)))
        return false;
    for (int pass = 0; pass < j->passes; pass++)
        for (size_t y = 0; y < j->height; y++)
            png_read_row(j->png, j->pixel + y * j->row_bytes, NULL);
    png_read_end(j->png, NULL);
    return true;
}

static bool is_opaque(const struct job *j)
{
    const size_t n = j->width * j->height;

    for (size_t i = 0; i < n; i++) {
        const size_t at = (i + 1) * j->channels - 1;

        if (j->bytes == 1 ? j->pixel[at] != 255 : ((const uint16_t *)(void *)j->pixel)[at] != 65535)
            return false;
    }
    return true;
}

/* The same pixels without their last channel, in place. */
static void drop_alpha(struct job *j)
{
    const size_t from = j->channels * j->bytes, to = (j->channels - 1) * j->bytes;
    const size_t n = j->width * j->height;

    for (size_t i = 0; i < n; i++)
        memmove(j->pixel + i * to, j->pixel + i * from, to);
    j->channels--;
}

static rd_status tell(const struct job *j, const char *name, struct rd_error *err)
{
    if (j->cut)
        return RD_FAIL(
            err, RD_E_INPUT, "'%s' is cut short: the PNG ends before its pixels do", name);
    return RD_FAIL(err, RD_E_INPUT, "'%s' is a damaged PNG: %s", name, j->text);
}

static rd_status read_png(const char *name, struct job *j, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_image *image_out,
    struct rd_error *err)
{
    rd_status st;

    if (!open_png(j))
        return tell(j, name, err);
    st = rd_image_check(name, j->width, j->height, j->channels * j->bytes, size, limits, err);
    if (st)
        return st;
    if (j->row_bytes != j->width * j->channels * j->bytes || j->channels > 4)
        return RD_FAIL(err, RD_E_INPUT, "'%s' is a PNG of a type that is not read", name);
    j->pixel = rd_arena_alloc(arena, j->height, j->row_bytes);
    if (!j->pixel)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory for '%s'", name);
    if (!decode(j))
        return tell(j, name, err);
    if (j->alpha) {
        if (!is_opaque(j)) {
            (void)RD_FAIL(err, RD_E_INPUT, "'%s' has transparent pixels", name);
            (void)rd_error_hint(err, "put it on the background that the model was trained with");
            return RD_E_INPUT;
        }
        drop_alpha(j);
    }
    *image_out = (struct rd_image){ .channels = j->channels,
        .height = j->height,
        .width = j->width,
        .bytes = j->bytes,
        .pixel = j->pixel };
    return RD_OK;
}

rd_status rd_image_png(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_image *image_out,
    struct rd_error *err)
{
    struct job j = { .at = bytes, .left = size };
    rd_status st;

    j.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &j, on_error, on_warning);
    j.info = j.png ? png_create_info_struct(j.png) : NULL;
    st = j.info ? read_png(name, &j, size, limits, arena, image_out, err)
                : RD_FAIL(err, RD_E_MEMORY, "out of memory for '%s'", name);
    png_destroy_read_struct(&j.png, &j.info, NULL);
    return st;
}
