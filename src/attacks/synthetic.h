/* synthetic.h - inputs for a thief who owns no data at all. */
#ifndef RD_ATTACKS_SYNTHETIC_H
#define RD_ATTACKS_SYNTHETIC_H

#include "base/rng.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One input of shape dim (ndim axes) inside the box, into row. Images (channels, height, width) or
 * (height, width), sides of at least 8: strokes, blobs, smooth noise or even noise; anything else:
 * even noise, or a point about the middle.
 */
void rd_synthetic(
    struct rd_rng *r, const int64_t *dim, int ndim, float low, float high, float *row);

#endif
