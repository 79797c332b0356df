#include "report/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Digits with a comma every three places of the whole part. */
static const char *grouped(const char *digits, struct rd_arena *arena)
{
    char out[96];
    const size_t sign = digits[0] == '-';
    const size_t whole = strcspn(digits + sign, ".");
    size_t n = 0;

    if (strlen(digits) > 40)
        return rd_arena_strdup(arena, digits);
    if (sign)
        out[n++] = '-';
    for (size_t i = 0; i < whole; i++) {
        if (i && (whole - i) % 3 == 0)
            out[n++] = ',';
        out[n++] = digits[sign + i];
    }
    (void)snprintf(out + n, sizeof(out) - n, "%s", digits + sign + whole);
    return rd_arena_strdup(arena, out);
}

const char *rd_words_number(double v, struct rd_arena *arena)
{
    char text[64];
    double scale;
    int decimals;

    if (!isfinite(v))
        return "not known";
    if (v == 0)
        return "0";
    if (fabs(v) >= 1e15 || fabs(v) < 1e-6)
        return rd_arena_printf(arena, "%.2e", v);
    scale = pow(10, floor(log10(fabs(v))) - 2);
    v = round(v / scale) * scale;
    decimals = 2 - (int)floor(log10(fabs(v)) + 1e-9);
    (void)snprintf(text, sizeof(text), "%.*f", decimals > 0 ? decimals : 0, v);
    if (strchr(text, '.')) { /* 2.60 is 2.6 */
        size_t n = strlen(text);

        while (text[n - 1] == '0')
            text[--n] = '\0';
        if (text[n - 1] == '.')
            text[n - 1] = '\0';
    }
    return grouped(text, arena);
}

const char *rd_words_money(double v, const char *currency, struct rd_arena *arena)
{
    const char *number = rd_words_number(fabs(v) >= 1 ? v : round(v * 100) / 100, arena);

    return number && isfinite(v) ? rd_arena_printf(arena, "%s %s", number, currency) : number;
}

const char *rd_words_money_range(
    double low, double high, const char *currency, struct rd_arena *arena)
{
    const char *a = rd_words_number(low, arena), *b = rd_words_number(high, arena);

    if (!a || !b)
        return NULL;
    return isfinite(low) && isfinite(high) ? rd_arena_printf(arena, "%s to %s %s", a, b, currency)
                                           : "not known";
}

const char *rd_words_percent(double share, struct rd_arena *arena)
{
    const double p = 100 * share;
    const double edge = fmin(fabs(p), fabs(100 - p));

    if (!isfinite(share))
        return "not known";
    if (p > 0 && p < 0.01)
        return "below 0.01 %";
    if (fabs(p - 100) < 1e-7) /* a sum of shares is 1 but for rounding */
        return "100 %";
    if (p < 100 && p > 99.99)
        return "above 99.99 %";
    return rd_arena_printf(arena, "%.*f %%", edge == 0 ? 0 : edge < 0.1 ? 2 : edge < 10 ? 1 : 0, p);
}

const char *rd_words_count(size_t n, const char *one, const char *many, struct rd_arena *arena)
{
    return rd_arena_printf(arena, "%zu %s", n, n == 1 ? one : many);
}
