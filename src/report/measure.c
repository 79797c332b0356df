#include "report/measure.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Thousandths of the size, from U+0020 to U+007E. Source: hmtx of DejaVu Sans 2.37 and its Bold. */
static const uint16_t plain_width[95] = { 317, 400, 459, 837, 636, 950, 779, 274, 390, 390, 500,
    837, 317, 360, 317, 336, 636, 636, 636, 636, 636, 636, 636, 636, 636, 636, 336, 336, 837, 837,
    837, 530, 1000, 684, 686, 698, 770, 631, 575, 774, 751, 294, 294, 655, 557, 862, 748, 787, 603,
    787, 694, 634, 610, 731, 684, 988, 685, 610, 685, 390, 336, 390, 837, 500, 500, 612, 634, 549,
    634, 615, 352, 634, 633, 277, 277, 579, 277, 974, 633, 611, 634, 634, 411, 520, 392, 633, 591,
    817, 591, 591, 524, 636, 336, 636, 837 };
static const uint16_t bold_width[95] = { 348, 456, 520, 837, 695, 1001, 872, 306, 457, 457, 522,
    837, 379, 415, 379, 365, 695, 695, 695, 695, 695, 695, 695, 695, 695, 695, 399, 399, 837, 837,
    837, 580, 1000, 773, 762, 733, 830, 683, 683, 820, 836, 372, 372, 774, 637, 995, 836, 850, 732,
    850, 770, 720, 682, 812, 773, 1103, 770, 724, 725, 457, 365, 457, 837, 500, 500, 674, 715, 592,
    715, 678, 435, 715, 711, 342, 342, 665, 342, 1041, 711, 687, 715, 715, 493, 595, 478, 711, 651,
    923, 645, 651, 582, 711, 365, 711, 837 };

static const char ellipsis[] = "\xe2\x80\xa6";
enum { ELLIPSIS_WIDTH = 1000 };

/* The character at p and its bytes; anything malformed is one byte. */
static uint32_t character(const char *p, size_t *len)
{
    const unsigned char *u = (const unsigned char *)p;
    const size_t n = u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : u[0] >= 0xc2 ? 2 : 1;
    uint32_t c = n == 1 ? u[0] : u[0] & (0xffu >> (n + 1));

    for (size_t i = 1; i < n; i++) {
        if ((u[i] & 0xc0) != 0x80) {
            *len = 1;
            return u[0];
        }
        c = c << 6 | (u[i] & 0x3f);
    }
    *len = n;
    return c;
}

static bool joins_the_one_before(uint32_t c)
{
    return (c >= 0x300 && c <= 0x36f) || (c >= 0x1ab0 && c <= 0x1aff) ||
           (c >= 0x20d0 && c <= 0x20ff) || (c >= 0xfe00 && c <= 0xfe0f) ||
           (c >= 0xfe20 && c <= 0xfe2f) || (c >= 0x1f3fb && c <= 0x1f3ff);
}

static double width_of(uint32_t c, bool bold)
{
    if (c >= 0x20 && c <= 0x7e)
        return bold ? bold_width[c - 0x20] : plain_width[c - 0x20];
    if (joins_the_one_before(c))
        return 0;
    if (c >= 0x1f000)
        return 1400; /* pictures, in whatever font has them */
    if (c >= 0x1100 && !(c >= 0x1e00 && c <= 0x2fff))
        return 1050; /* Hangul, kana, Chinese characters */
    return bold ? 950 : 850;
}

double rd_measure(const char *text, double size, bool bold)
{
    double sum = 0;
    size_t len;

    for (const char *p = text; *p; p += len)
        sum += width_of(character(p, &len), bold);
    return sum * size / 1000;
}

struct cutter {
    double room; /* thousandths of the size */
    bool bold;
};

/* The end of the longest beginning of text that fits, never inside a character or its marks. */
static const char *fits(const struct cutter *c, const char *text, double room)
{
    const char *end = text;
    double sum = 0;

    for (const char *p = text; *p;) {
        size_t len;
        const uint32_t one = character(p, &len);

        sum += width_of(one, c->bold);
        if (sum > room && !joins_the_one_before(one))
            break;
        p += len;
        end = p;
    }
    /* A base character may not be parted from the marks that follow it: those had no width. */
    return end;
}

/* Where a line that may reach `end` breaks: behind the last space in its second half, else there.
 */
static const char *break_at(const char *text, const char *end)
{
    for (const char *p = end; p > text + (end - text) / 3; p--)
        if (*p == ' ')
            return p;
    return end;
}

bool rd_measure_wrap(const char *text, double size, bool bold, double width, size_t most,
    struct rd_arena *arena, struct rd_lines *out)
{
    const struct cutter c = { .room = fmax(width * 1000 / size, 2 * ELLIPSIS_WIDTH), .bold = bold };
    const char **line = RD_NEW_ARRAY(arena, const char *, most + 1);

    *out = (struct rd_lines){ .line = line };
    if (!line)
        return false;
    while (*text && out->n < most) {
        const char *end = fits(&c, text, c.room), *stop;

        if (!*end) {
            stop = end;
            line[out->n] = rd_arena_strdup(arena, text);
        } else if (out->n + 1 < most) {
            stop = break_at(text, end);
            line[out->n] = rd_arena_strndup(arena, text, (size_t)(stop - text));
        } else {
            stop = fits(&c, text, c.room - ELLIPSIS_WIDTH);
            line[out->n] = rd_arena_printf(arena, "%.*s%s", (int)(stop - text), text, ellipsis);
            out->cut = true;
        }
        if (!line[out->n])
            return false;
        out->width = fmax(out->width, rd_measure(line[out->n], size, bold));
        out->n++;
        for (text = stop; *text == ' ';)
            text++;
        if (out->cut)
            break;
    }
    return true;
}
