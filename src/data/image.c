/* image.c - which decoder an image needs, and what both check. */
#include "data/image.h"

#include "base/text.h"

#include <string.h>

enum rd_image_kind rd_image_kind(const void *bytes, size_t size)
{
    if (size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)
        return RD_IMAGE_PNG;
    if (size >= 3 && memcmp(bytes, "\xFF\xD8\xFF", 3) == 0)
        return RD_IMAGE_JPEG;
    return RD_IMAGE_NONE;
}

rd_status rd_image_check(const char *name, size_t width, size_t height, size_t pixel_bytes,
    size_t packed, const struct rd_limits *limits, struct rd_error *err)
{
    size_t pixels, bytes;

    if (!width || !height)
        return RD_FAIL(err, RD_E_INPUT, "'%s' claims %zu x %zu pixels", name, width, height);
    if (width > RD_IMAGE_SIDE || height > RD_IMAGE_SIDE ||
        __builtin_mul_overflow(width, height, &pixels) || pixels > RD_IMAGE_PIXELS)
        return RD_FAIL(err, RD_E_LIMIT, "'%s' claims %zu x %zu pixels; at most %d are read", name,
            width, height, RD_IMAGE_PIXELS);
    if (__builtin_mul_overflow(pixels, pixel_bytes, &bytes) ||
        (bytes > RD_IMAGE_SLACK && bytes / limits->ratio > packed))
        return RD_FAIL(err, RD_E_LIMIT,
            "'%s' claims %zu x %zu pixels in %zu bytes: more than %zu times as many", name, width,
            height, packed, limits->ratio);
    return RD_OK;
}

rd_status rd_image_decode(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_image *image_out,
    struct rd_error *err)
{
    const struct rd_limits *const l = limits ? limits : &rd_limits_default;
    char shown[96];

    (void)rd_text_safe_in(shown, sizeof shown, name);
    switch (rd_image_kind(bytes, size)) {
    case RD_IMAGE_PNG:
        return rd_image_png(shown, bytes, size, l, arena, image_out, err);
    case RD_IMAGE_JPEG:
        return rd_image_jpeg(shown, bytes, size, l, arena, image_out, err);
    default:
        return RD_FAIL(err, RD_E_INPUT, "'%s' is neither PNG nor JPEG (by its first bytes)", shown);
    }
}
