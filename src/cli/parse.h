/* parse.h - argv against a command's options table and the options every command has. */
#ifndef RD_CLI_PARSE_H
#define RD_CLI_PARSE_H

#include "cli/cli.h"

struct rd_common { /* what main itself knows */
    bool json, quiet, help, log_json, no_pager;
    int64_t threads;
    const char *seed, *color;
};
extern const struct rd_option rd_common_options[];

/*
 * Fills common and the command's own values (both already reset to presets). Positional arguments
 * are moved to the front of argv, *n_args_out of them. "--" ends options; --name=value and --name
 * value both work.
 */
rd_status rd_cli_parse(const struct rd_command *command, int argc, char **argv,
    struct rd_common *common, void *values, int *n_args_out, struct rd_error *err);

/* The command that argv begins with, and how many words name it (2 for "attack run"); NULL when
 * there is none. */
const struct rd_command *rd_cli_find(int argc, char **argv, int *words_out);

/*
 * The options of every command may also stand before it (redoubt --json check x): argv with those
 * moved behind the command's words, NULL-terminated, in the arena. argv[0] is the first word.
 */
char **rd_cli_options_last(int argc, char **argv, struct rd_arena *arena);
/* Does argv say --log-json? Asked before anything is parsed, since parsing may fail. */
bool rd_cli_says_log_json(int argc, char **argv);

#endif
