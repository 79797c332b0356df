/* image.h - one PNG or JPEG from bytes to pixels. */
#ifndef RD_DATA_IMAGE_H
#define RD_DATA_IMAGE_H

#include "base/arena.h"
#include "base/limits.h"

#include <redoubt/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rd_image_kind { RD_IMAGE_NONE, RD_IMAGE_PNG, RD_IMAGE_JPEG };

/*
 * What an image claims is checked before anything is allocated: at most RD_IMAGE_PIXELS, and beyond
 * RD_IMAGE_SLACK bytes not more than limits->ratio times its own size.
 */
enum { RD_IMAGE_PIXELS = 64 << 20, RD_IMAGE_SLACK = 32 << 20, RD_IMAGE_SIDE = 1 << 20 };

struct rd_image {
    size_t channels; /* 1: gray; 3: red, green, blue */
    size_t height, width;
    size_t bytes;      /* of one value: 1 or 2, then native uint16_t */
    const void *pixel; /* (height, width, channels), in the arena */
};

/* By the first bytes, never by the name. */
enum rd_image_kind rd_image_kind(const void *bytes, size_t size);
/*
 * PNG of all its types: palettes become colors, fewer than 8 bits become 8, interlaced ones are put
 * together. An alpha channel is dropped when every pixel is opaque, else the image is refused: what
 * stands behind it nobody said. JPEG gray or YCbCr or RGB, baseline or progressive; CMYK is
 * refused. Damaged and truncated images are errors, never half an image. Gamma, profiles and EXIF
 * rotation are not applied. RD_E_INPUT, RD_E_LIMIT, RD_E_MEMORY.
 */
rd_status rd_image_decode(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_image *image_out,
    struct rd_error *err);

/* The two decoders; name is made safe already. */
rd_status rd_image_png(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_image *image_out,
    struct rd_error *err);
rd_status rd_image_jpeg(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_image *image_out,
    struct rd_error *err);
/* The common check of what a header claims. */
rd_status rd_image_check(const char *name, size_t width, size_t height, size_t pixel_bytes,
    size_t packed, const struct rd_limits *limits, struct rd_error *err);

#endif
