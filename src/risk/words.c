/* words.c - rates as people say them. NULL when memory runs out. */
#include "risk/risk.h"

#include <math.h>

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
