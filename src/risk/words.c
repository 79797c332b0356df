/* words.c - rates and money as people say them. NULL when memory runs out. */
#include "risk/model.h"
#include "stats/special.h"

#include <math.h>
#include <stdio.h>

/* 12,300: three digits are more than such a number deserves. */
const char *rd_risk_money(double v, char out[40])
{
    char digits[32];
    int n, k = 0;

    if (v >= 1000 && v < 1e15) {
        const double unit = rd_exp(floor(rd_log(v) / rd_log(10) + 1e-12) * rd_log(10)) / 100;

        v = floor(v / unit + 0.5) * unit;
    }
    n = snprintf(digits, sizeof digits, v < 10 ? "%.2f" : "%.0f", v);
    if (v < 1000 || n > 28) {
        (void)snprintf(out, 40, "%s", digits);
        return out;
    }
    for (int i = 0; i < n; i++) {
        out[k++] = digits[i];
        if ((n - i - 1) % 3 == 0 && i + 1 < n)
            out[k++] = ',';
    }
    out[k] = '\0';
    return out;
}

const char *rd_risk_rate_words(double per_year, struct rd_arena *arena)
{
    const char *text;
    double years;

    if (!(per_year > 0))
        return "no success expected";
    years = 1 / per_year;
    if (years > 10000)
        return "less than one success in 10,000 years";
    if (years >= 9.95 || (years >= 1.5 && fabs(years - floor(years + 0.5)) < 0.05))
        text = rd_arena_printf(arena, "one success in %.0f years", years);
    else if (years >= 1.5)
        text = rd_arena_printf(arena, "one success in %.1f years", years);
    else if (per_year < 1.5)
        text = "about one success a year";
    else if (per_year < 1e6)
        text = rd_arena_printf(arena, "about %.0f successes a year", per_year);
    else
        text = rd_arena_printf(arena, "about %.1e successes a year", per_year);
    return text;
}
