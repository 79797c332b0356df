#include "base/text.h"

#include "base/alloc.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Length of the valid UTF-8 sequence at p, 0 when there is none; the code point in *cp. */
static size_t utf8_at(const unsigned char *p, size_t left, uint32_t *cp)
{
    static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t len;

    if (p[0] < 0x80) {
        *cp = p[0];
        return 1;
    }
    len = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || len > left)
        return 0;
    *cp = p[0] & (0xFFu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        *cp = *cp << 6 | (p[i] & 0x3F);
    }
    if (*cp < least[len] || *cp > 0x10FFFF || (*cp >= 0xD800 && *cp <= 0xDFFF))
        return 0;
    return len;
}

bool rd_text_is_utf8(const char *text, size_t len, size_t *at_out)
{
    const unsigned char *p = (const unsigned char *)text;
    uint32_t cp;
    size_t i = 0;

    while (i < len) {
        const size_t step = utf8_at(p + i, len - i, &cp);

        if (!step) {
            if (at_out)
                *at_out = i;
            return false;
        }
        i += step;
    }
    return true;
}

/* Controls of direction and invisible marks that can make a line read as what it is not. */
static bool is_deceptive(uint32_t cp)
{
    return (cp >= 0x80 && cp < 0xA0) || cp == 0x061C || (cp >= 0x200B && cp <= 0x200F) ||
           (cp >= 0x2028 && cp <= 0x202E) || (cp >= 0x2060 && cp <= 0x206F) || cp == 0xFEFF ||
           (cp >= 0xFFF9 && cp <= 0xFFFB) || (cp >= 0xE0000 && cp <= 0xE007F) ||
           (cp & 0xFFFE) == 0xFFFE; /* no characters at all; XML refuses two of them */
}

size_t rd_text_look(const char *text, size_t left, uint32_t *cp_out, bool *deceptive_out)
{
    const size_t step = utf8_at((const unsigned char *)text, left, cp_out);

    *deceptive_out = step && is_deceptive(*cp_out);
    return step;
}

enum { PIECE = 16 };

/* One character as it may be shown, NUL-terminated; returns the bytes of p that it stands for. */
static size_t safe_piece(const unsigned char *p, size_t left, char piece[PIECE])
{
    uint32_t cp;
    const size_t step = utf8_at(p, left, &cp);

    if (!step || cp < 0x20 || cp == 0x7F) {
        (void)snprintf(piece, PIECE, "\\x%02x", p[0]);
        return 1;
    }
    if (is_deceptive(cp)) {
        (void)snprintf(piece, PIECE, cp < 0x100 ? "\\x%02x" : "\\u{%04x}", cp);
    } else {
        memcpy(piece, p, step);
        piece[step] = '\0';
    }
    return step;
}

void rd_text_safe(struct rd_buf *out, const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    char piece[PIECE];

    for (size_t i = 0; i < len;) {
        i += safe_piece(p + i, len - i, piece);
        rd_buf_puts(out, piece);
    }
}

/* Without memory of its own: messages about a lack of it pass through here too. */
const char *rd_text_safe_in(char *out, size_t size, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    const size_t left = strnlen(text, 4 * size);
    size_t len = 0, keep = 0; /* keep: how much may stay in front of the dots */
    char piece[PIECE];

    if (!size)
        return "";
    for (size_t i = 0; i < left;) {
        i += safe_piece(p + i, left - i, piece);
        const size_t n = strlen(piece);

        if (len + n >= size) {
            (void)snprintf(out + keep, size - keep, "%s", size > 4 ? "..." : "");
            return out;
        }
        memcpy(out + len, piece, n);
        len += n;
        if (len + 4 <= size)
            keep = len;
    }
    out[len] = '\0';
    return out;
}

void rd_text_markdown(struct rd_buf *out, const char *text)
{
    struct rd_buf safe = { 0 };

    rd_text_safe(&safe, text, strlen(text));
    for (const char *p = rd_buf_text(&safe); *p; p++) {
        if (strchr("\\`*_[]<>|#", *p))
            rd_buf_putc(out, '\\');
        rd_buf_putc(out, *p);
    }
    out->failed = out->failed || safe.failed;
    rd_buf_release(&safe);
}

void rd_text_csv(struct rd_buf *out, const char *text)
{
    struct rd_buf safe = { 0 };
    const char *cell;
    bool quoted;

    if (!text)
        return;
    rd_text_safe(&safe, text, strlen(text));
    cell = rd_buf_text(&safe);
    quoted = strpbrk(cell, ",;\"'") || *cell == ' ' || (*cell && cell[strlen(cell) - 1] == ' ');
    if (quoted)
        rd_buf_putc(out, '"');
    if (cell[strspn(cell, " ")] && strchr("=+-@", cell[strspn(cell, " ")]))
        rd_buf_putc(out, '\'');
    for (; *cell; cell++) {
        if (*cell == '"')
            rd_buf_putc(out, '"');
        rd_buf_putc(out, *cell);
    }
    if (quoted)
        rd_buf_putc(out, '"');
    out->failed = out->failed || safe.failed;
    rd_buf_release(&safe);
}

void rd_text_xml(struct rd_buf *out, const char *text)
{
    struct rd_buf safe = { 0 };

    rd_text_safe(&safe, text, strlen(text));
    for (const char *p = rd_buf_text(&safe); *p; p++) {
        const char *name = *p == '<'    ? "&lt;"
                           : *p == '>'  ? "&gt;"
                           : *p == '&'  ? "&amp;"
                           : *p == '"'  ? "&quot;"
                           : *p == '\'' ? "&#39;"
                                        : NULL;

        if (name)
            rd_buf_puts(out, name);
        else
            rd_buf_putc(out, *p);
    }
    out->failed = out->failed || safe.failed;
    rd_buf_release(&safe);
}

/* A character that roff reads as something else, or sets as another than a person can paste. */
static const char *roff_name(char c)
{
    switch (c) {
    case '\\':
        return "\\(rs";
    case '-':
        return "\\-";
    case '\'':
        return "\\(aq";
    case '`':
        return "\\(ga";
    case '^':
        return "\\(ha";
    case '~':
        return "\\(ti";
    case '"':
        return "\\(dq";
    default:
        return NULL;
    }
}

void rd_text_roff(struct rd_buf *out, const char *text)
{
    struct rd_buf safe = { 0 };
    uint32_t cp;

    rd_text_safe(&safe, text, strlen(text));
    if (*rd_buf_text(&safe) == '.')
        rd_buf_puts(out, "\\&");
    for (size_t i = 0, step; i < safe.len; i += step) {
        const char *name = roff_name(safe.text[i]);

        step = utf8_at((const unsigned char *)safe.text + i, safe.len - i, &cp);
        if (name)
            rd_buf_puts(out, name);
        else if (step > 1)
            rd_buf_printf(out, "\\[u%04X]", (unsigned)cp);
        else
            rd_buf_putc(out, safe.text[i]);
        step += step == 0;
    }
    out->failed = out->failed || safe.failed;
    rd_buf_release(&safe);
}

/* Nothing in it means anything to a shell, nor to an option parser at its beginning. */
static bool is_plain_word(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./:,@%+=-";

    return *text && strspn(text, plain) == strlen(text);
}

static bool needs_spelling(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    uint32_t cp;

    for (size_t i = 0; i < len;) {
        const size_t step = utf8_at(p + i, len - i, &cp);

        if (!step || cp < 0x20 || cp == 0x7F || is_deceptive(cp))
            return true;
        i += step;
    }
    return false;
}

void rd_text_shell(struct rd_buf *out, const char *text)
{
    const size_t len = strlen(text);
    const unsigned char *p = (const unsigned char *)text;

    if (is_plain_word(text)) {
        rd_buf_puts(out, text);
        return;
    }
    if (!needs_spelling(text, len)) {
        rd_buf_putc(out, '\'');
        for (size_t i = 0; i < len; i++)
            rd_buf_puts(out, text[i] == '\'' ? "'\\''" : (const char[]){ text[i], '\0' });
        rd_buf_putc(out, '\'');
        return;
    }
    rd_buf_puts(out, "$'");
    for (size_t i = 0; i < len; i++) {
        if (p[i] < 0x20 || p[i] >= 0x7F)
            rd_buf_printf(out, "\\x%02x", p[i]);
        else
            rd_buf_printf(out, p[i] == '\'' || p[i] == '\\' ? "\\%c" : "%c", p[i]);
    }
    rd_buf_putc(out, '\'');
}

enum { NEAR_MAX = 3, WORD_MAX = 64 };

/* Levenshtein with transpositions of neighbors, words cut at WORD_MAX. */
static size_t distance(const char *a, const char *b)
{
    size_t row[3][WORD_MAX + 1];
    const size_t na = strnlen(a, WORD_MAX), nb = strnlen(b, WORD_MAX);

    for (size_t j = 0; j <= nb; j++)
        row[0][j] = row[1][j] = row[2][j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *now = row[i % 3], *up = row[(i + 2) % 3], *two = row[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= nb; j++) {
            size_t d = up[j - 1] + (a[i - 1] != b[j - 1]);

            d = up[j] + 1 < d ? up[j] + 1 : d;
            d = now[j - 1] + 1 < d ? now[j - 1] + 1 : d;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two[j - 2] + 1 < d)
                d = two[j - 2] + 1;
            now[j] = d;
        }
    }
    return row[na % 3][nb];
}

const char *rd_text_nearest(const char *word, const char *const *words)
{
    const char *best = NULL;
    size_t least = NEAR_MAX + 1;

    for (; words && *words; words++) {
        const size_t d = distance(word, *words);

        if (d < least && d * 2 <= strlen(*words)) {
            least = d;
            best = *words;
        }
    }
    return best;
}

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static bool one_number(const char *text, const char **end_out, double *out)
{
    char *end;
    const char *p = text;

    /* Decimal only: strtod alone would take hexadecimal, inf, nan and leading blanks. */
    if (*p == '+' || *p == '-')
        p++;
    if (!((*p >= '0' && *p <= '9') || (*p == '.' && p[1] >= '0' && p[1] <= '9')))
        return false;
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
        return false;
    *out = c_locale ? strtod_l(text, &end, c_locale) : strtod(text, &end);
    *end_out = end;
    return end != text && isfinite(*out);
}

bool rd_text_to_double(const char *text, bool fraction, double *out)
{
    const char *end;
    double v, d;

    (void)pthread_once(&c_locale_once, make_c_locale);
    if (!one_number(text, &end, &v))
        return false;
    if (fraction && *end == '/') {
        if (!one_number(end + 1, &end, &d) || d == 0)
            return false;
        v /= d;
    }
    if (*end != '\0' || !isfinite(v))
        return false;
    *out = v;
    return true;
}

const char *rd_text_from_double(double v, char out[32])
{
    /* 15 digits and no trailing zeros are the shortest form of normal numbers; subnormal ones need
     * fewer. */
    for (int digits = fabs(v) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        char *comma;
        double back;

        (void)snprintf(out, 32, "%.*g", digits, v);
        comma = strchr(out, ',');
        if (comma)
            *comma = '.'; /* a host program may have called setlocale */
        if (!isfinite(v) || (rd_text_to_double(out, false, &back) && back == v))
            break;
    }
    return out;
}

static int two_digits(const char *p)
{
    return (p[0] - '0') * 10 + (p[1] - '0');
}

bool rd_text_is_date(const char *text)
{
    static const int days[] = { 0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int year, month, day;

    if (strlen(text) != 10)
        return false;
    for (int i = 0; i < 10; i++) {
        const bool dash = i == 4 || i == 7;

        if (dash ? text[i] != '-' : text[i] < '0' || text[i] > '9')
            return false;
    }
    year = two_digits(text) * 100 + two_digits(text + 2);
    month = two_digits(text + 5);
    day = two_digits(text + 8);
    if (year < 1900 || month < 1 || month > 12 || day < 1)
        return false;
    if (month == 2 && day == 29)
        return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month];
}
