/* letter.h - upper and lower case of letters without the locale: one code point to one, for the
 * Latin, Greek, Cyrillic and Armenian scripts and full-width letters. Others have no case here. */
#ifndef RD_BASE_LETTER_H
#define RD_BASE_LETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint32_t rd_letter_lower(uint32_t cp);
uint32_t rd_letter_upper(uint32_t cp);
bool rd_letter_is_space(uint32_t cp); /* Unicode's White_Space and the ASCII separators */

/* UTF-8 of cp (at most 0x10ffff) into out; the number of bytes, 1 to 4. */
size_t rd_letter_put(uint32_t cp, char out[4]);
/* The text of size bytes with its letters changed, and a NUL, into out; a byte that is no UTF-8
 * stays. Length without the NUL: at most 2 * size. */
size_t rd_letter_convert(const char *text, size_t size, bool upper, char *out);

#endif
