/*
 * color.h - color where a terminal shows it: severity, status, errors, nothing else.
 *
 * The word is always there too: nothing is said by color alone. The eight colors of every terminal
 * are used, so that they fit the reader's own theme.
 */
#ifndef RD_CLI_COLOR_H
#define RD_CLI_COLOR_H

#include "cli/cli.h"

enum rd_tint {
    RD_TINT_NONE,
    RD_TINT_ERROR,
    RD_TINT_WARNING,
    RD_TINT_HINT,
    RD_TINT_GOOD,
    RD_TINT_STRONG, /* bold: headings */
    RD_TINT_FAINT
};

/*
 * mode: what --color says, "auto", "always" or "never". auto: when NO_COLOR is not set, and fd is a
 * terminal that is not dumb or CLICOLOR_FORCE is set (and not 0).
 */
bool rd_color_wanted(const char *mode, int fd);

/* The escape sequence that begins it, and the one that ends any. */
const char *rd_tint_on(enum rd_tint tint);
const char *rd_tint_off(void);
/* Of a word of severity, status, applicability or appetite; RD_TINT_NONE for any other. */
enum rd_tint rd_tint_of(const char *word);

/*
 * word to cli->out in its color, padded with spaces to width characters as %-*s would do; a plain
 * word where no color is wanted. The word is one of ours, never text from outside.
 */
void rd_cli_put_word(const struct rd_cli *cli, const char *word, int width);

#endif
