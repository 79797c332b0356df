/* text.h - small helpers on text, and the one function that prints text from outside. */
#ifndef RD_BASE_TEXT_H
#define RD_BASE_TEXT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The one way to show text that came from outside on a terminal or in a message: C0, C1, DEL and
 * bidirectional controls become \xNN (bytes) or \u{NNNN}, as do invisible marks and code points
 * that are no characters; bytes that are not UTF-8 become \xNN.
 */
void rd_text_safe(struct rd_buf *out, const char *text, size_t len);
/* The same into a fixed buffer (cut with "..." when too long); returns out. For error messages. */
const char *rd_text_safe_in(char *out, size_t size, const char *text);

/*
 * The same in a Markdown document, where besides the characters that mean something in Markdown or
 * HTML are escaped, so that no name can become a link, a table cell or a tag.
 */
void rd_text_markdown(struct rd_buf *out, const char *text);

/*
 * The same in HTML, SVG or XML: text of an element or of a quoted attribute. Line breaks and tabs
 * are controls as any; what XML 1.0 does not allow is spelled out like them.
 */
void rd_text_xml(struct rd_buf *out, const char *text);

/*
 * The same in a manual page (roff): no text becomes a request, a macro or an escape, also not where
 * it begins a line, inside a macro's line or in quotes; a hyphen stays one that can be pasted. What
 * is not ASCII is written as \[uXXXX], so that the page is the same in every locale.
 */
void rd_text_roff(struct rd_buf *out, const char *text);

/*
 * The same as one cell of CSV (RFC 4180), quoted where it must be. A cell that a spreadsheet would
 * take for a formula (it begins with = + - @, also behind blanks) gets a ' in front. NULL: an empty
 * cell. For names and sentences; numbers are written as they are.
 */
void rd_text_csv(struct rd_buf *out, const char *text);

/*
 * One word of a POSIX command line: as it is where no shell could read anything into it, else in
 * single quotes. Text with controls or marks that deceive the eye becomes $'...' (bash, zsh, ksh)
 * with their bytes spelled out, so that a command can be shown and pasted.
 */
void rd_text_shell(struct rd_buf *out, const char *text);

/* Nearest of the NULL-terminated words within edit distance 3 (and under half the length), or NULL.
 */
const char *rd_text_nearest(const char *word, const char *const *words);

/*
 * The code point at text and whether it is one of those that rd_text_safe spells out beyond ASCII:
 * returns its length in bytes, 0 where there is no UTF-8. left > 0.
 */
size_t rd_text_look(const char *text, size_t left, uint32_t *cp_out, bool *deceptive_out);

/* Valid UTF-8 (no surrogates, no overlong forms)? On false *at_out is the offset of the first bad
 * byte. */
bool rd_text_is_utf8(const char *text, size_t len, size_t *at_out);

/* A day of the calendar from 1900 on, written 2026-11-01? */
bool rd_text_is_date(const char *text);

/*
 * Numbers without the locale. rd_text_to_double reads decimal (and a/b when fraction is true),
 * whole string, finite. rd_text_from_double writes the shortest form that reads back equal ("0.1",
 * "1e+21"); buffer of 32.
 */
bool rd_text_to_double(const char *text, bool fraction, double *out);
const char *rd_text_from_double(double v, char out[32]);

#endif
