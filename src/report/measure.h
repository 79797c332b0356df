/*
 * measure.h - how wide a text becomes, so that what is drawn never runs into what stands beside it.
 *
 * Widths are those of DejaVu Sans, the widest of the sans fonts that a reader is likely to have;
 * Helvetica and Arial need a tenth less. Characters that the table does not hold are taken as wide
 * as they get in their script.
 */
#ifndef RD_REPORT_MEASURE_H
#define RD_REPORT_MEASURE_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>

/* Pixels of UTF-8 text at that size. Bytes that are not UTF-8 count as one character each. */
double rd_measure(const char *text, double size, bool bold);

struct rd_lines {
    const char *const *line; /* n of them, each at most as wide as asked for */
    size_t n;
    double width; /* of the widest */
    bool cut;     /* something is missing: the last line ends in "..." as one character */
};
/*
 * Break text into at most `most` lines of `width` pixels: at spaces where there are any, else
 * between characters. The lines lie in the arena. false: memory. An empty text has no lines.
 */
bool rd_measure_wrap(const char *text, double size, bool bold, double width, size_t most,
    struct rd_arena *arena, struct rd_lines *out);

#endif
