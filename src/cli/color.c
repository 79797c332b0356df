#include "cli/color.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value && *value;
}

bool rd_color_wanted(const char *mode, int fd)
{
    const char *force = getenv("CLICOLOR_FORCE"), *term = getenv("TERM");

    if (mode && !strcmp(mode, "always"))
        return true;
    if ((mode && !strcmp(mode, "never")) || is_set("NO_COLOR"))
        return false;
    if (force && *force && strcmp(force, "0") != 0)
        return true;
    return isatty(fd) == 1 && term && *term && strcmp(term, "dumb") != 0;
}

const char *rd_tint_on(enum rd_tint tint)
{
    switch (tint) {
    case RD_TINT_ERROR:
        return "\033[1;31m";
    case RD_TINT_WARNING:
        return "\033[33m";
    case RD_TINT_HINT:
        return "\033[36m";
    case RD_TINT_GOOD:
        return "\033[32m";
    case RD_TINT_STRONG:
        return "\033[1m";
    case RD_TINT_FAINT:
        return "\033[2m";
    case RD_TINT_NONE:
        break;
    }
    return "";
}

const char *rd_tint_off(void)
{
    return "\033[0m";
}

static const struct {
    const char *word;
    enum rd_tint tint;
} tints[] = {
    { "critical", RD_TINT_ERROR },
    { "high", RD_TINT_ERROR },
    { "medium", RD_TINT_WARNING },
    { "demonstrated", RD_TINT_ERROR },
    { "inconclusive", RD_TINT_WARNING },
    { "stale", RD_TINT_WARNING },
    { "controlled", RD_TINT_GOOD },
    { "mitigated", RD_TINT_GOOD },
    { "untried", RD_TINT_FAINT },
    { "exceeded", RD_TINT_ERROR },
    { "likely exceeded", RD_TINT_ERROR },
    { "likely within", RD_TINT_WARNING },
    { "within", RD_TINT_GOOD },
    { "missing", RD_TINT_ERROR },
    { "absent", RD_TINT_WARNING },
    { "ok", RD_TINT_GOOD },
};

enum rd_tint rd_tint_of(const char *word)
{
    for (size_t i = 0; i < sizeof tints / sizeof *tints; i++)
        if (!strcmp(tints[i].word, word))
            return tints[i].tint;
    return RD_TINT_NONE; /* low, and "not demonstrated", which is no good news: nobody found it */
}

void rd_cli_put_word(const struct rd_cli *cli, const char *word, int width)
{
    const enum rd_tint tint = cli->color ? rd_tint_of(word) : RD_TINT_NONE;
    const int pad = width - (int)strlen(word);

    (void)fprintf(cli->out, "%s%s%s%*s", rd_tint_on(tint), word, tint ? rd_tint_off() : "",
        pad > 0 ? pad : 0, "");
}
