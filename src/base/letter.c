/*
 * letter.c - see letter.h. Source: the simple case mappings of Unicode's UnicodeData.txt, put down
 * as ranges.
 */
#include "base/letter.h"

#include "base/text.h"

/* Upper case first..last; lower case is `shift` above. alternate: every other one, starting with
 * first, and its lower case is the next. */
static const struct range {
    uint32_t first, last;
    int32_t shift;
    bool alternate;
} ranges[] = {
    { 'A', 'Z', 32, false },
    { 0xc0, 0xd6, 32, false },
    { 0xd8, 0xde, 32, false },
    { 0x100, 0x12e, 1, true },
    { 0x132, 0x136, 1, true },
    { 0x139, 0x147, 1, true },
    { 0x14a, 0x176, 1, true },
    { 0x178, 0x178, -121, false },
    { 0x179, 0x17d, 1, true },
    { 0x182, 0x184, 1, true },
    { 0x186, 0x186, 206, false },
    { 0x187, 0x187, 1, false },
    { 0x18b, 0x18b, 1, false },
    { 0x18f, 0x18f, 202, false },
    { 0x190, 0x190, 203, false },
    { 0x191, 0x191, 1, false },
    { 0x198, 0x198, 1, false },
    { 0x1a0, 0x1a4, 1, true },
    { 0x1a7, 0x1a7, 1, false },
    { 0x1ac, 0x1ac, 1, false },
    { 0x1af, 0x1af, 1, false },
    { 0x1b3, 0x1b5, 1, true },
    { 0x1b8, 0x1b8, 1, false },
    { 0x1bc, 0x1bc, 1, false },
    { 0x1cd, 0x1db, 1, true },
    { 0x1de, 0x1ee, 1, true },
    { 0x1f4, 0x1f4, 1, false },
    { 0x1f8, 0x21e, 1, true },
    { 0x222, 0x232, 1, true },
    { 0x246, 0x24e, 1, true },
    { 0x370, 0x372, 1, true },
    { 0x376, 0x376, 1, false },
    { 0x386, 0x386, 38, false },
    { 0x388, 0x38a, 37, false },
    { 0x38c, 0x38c, 64, false },
    { 0x38e, 0x38f, 63, false },
    { 0x391, 0x3a1, 32, false },
    { 0x3a3, 0x3ab, 32, false },
    { 0x3d8, 0x3ee, 1, true },
    { 0x3f7, 0x3f7, 1, false },
    { 0x3fa, 0x3fa, 1, false },
    { 0x400, 0x40f, 80, false },
    { 0x410, 0x42f, 32, false },
    { 0x460, 0x480, 1, true },
    { 0x48a, 0x4be, 1, true },
    { 0x4c0, 0x4c0, 15, false },
    { 0x4c1, 0x4cd, 1, true },
    { 0x4d0, 0x52e, 1, true },
    { 0x531, 0x556, 48, false },
    { 0x1e00, 0x1e94, 1, true },
    { 0x1ea0, 0x1efe, 1, true },
    { 0xff21, 0xff3a, 32, false },
};
enum { RANGES = sizeof(ranges) / sizeof(*ranges) };

uint32_t rd_letter_lower(uint32_t cp)
{
    for (size_t i = 0; i < RANGES && cp >= ranges[i].first; i++)
        if (cp <= ranges[i].last && (!ranges[i].alternate || !((cp - ranges[i].first) & 1)))
            return cp + (uint32_t)ranges[i].shift;
    return cp == 0x130 ? 'i' : cp == 0x1e9e ? 0xdf : cp;
}

uint32_t rd_letter_upper(uint32_t cp)
{
    switch (cp) { /* those whose upper case has another lower case */
    case 0xb5:
        return 0x39c;
    case 0x131:
        return 'I';
    case 0x17f:
        return 'S';
    case 0x3c2:
        return 0x3a3;
    }
    for (size_t i = 0; i < RANGES; i++) {
        const uint32_t upper = cp - (uint32_t)ranges[i].shift;

        if (upper >= ranges[i].first && upper <= ranges[i].last &&
            (!ranges[i].alternate || !((upper - ranges[i].first) & 1)))
            return upper;
    }
    return cp;
}

bool rd_letter_is_space(uint32_t cp)
{
    return (cp >= 0x09 && cp <= 0x0d) || (cp >= 0x1c && cp <= 0x20) || cp == 0x85 || cp == 0xa0 ||
           cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 ||
           cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

size_t rd_letter_put(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 63));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 63));
        out[2] = (char)(0x80 | (cp & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 63));
    out[2] = (char)(0x80 | (cp >> 6 & 63));
    out[3] = (char)(0x80 | (cp & 63));
    return 4;
}

size_t rd_letter_convert(const char *text, size_t size, bool upper, char *out)
{
    size_t n = 0;

    for (size_t at = 0; at < size;) {
        bool unused;
        uint32_t cp;
        const size_t width = rd_text_look(text + at, size - at, &cp, &unused);

        if (!width) {
            out[n++] = text[at++];
            continue;
        }
        n += rd_letter_put(upper ? rd_letter_upper(cp) : rd_letter_lower(cp), out + n);
        at += width;
    }
    out[n] = 0;
    return n;
}
