/* png.h - a picture as bytes that a browser shows. */
#ifndef RD_REPORT_PNG_H
#define RD_REPORT_PNG_H

#include "base/arena.h"

#include <redoubt/error.h>

enum { RD_PNG_MAX = 4096 }; /* pixels a side */

/*
 * "data:image/png;base64,..." of an 8-bit gray (channels 1) or RGB (channels 3) picture.
 *
 * pixel  (height, width, channels), rows from the top
 */
rd_status rd_png_data_uri(const unsigned char *pixel, size_t width, size_t height, size_t channels,
    struct rd_arena *arena, const char **uri_out, struct rd_error *err);

#endif
