/*
 * complete.h - what may stand next on a command line, from the tables of commands and options.
 *
 * The scripts that `redoubt completion SHELL` prints ask the program itself (`redoubt __complete --
 * WORDS`), so they never grow old: a new command, option, attack or rule is offered as soon as it
 * is built in.
 */
#ifndef RD_CLI_COMPLETE_H
#define RD_CLI_COMPLETE_H

#include "cli/cli.h"

/* What a positional argument or an option's value is. */
enum rd_slot {
    RD_SLOT_NONE, /* anything: nothing to offer */
    RD_SLOT_FILE,
    RD_SLOT_FOLDER,
    RD_SLOT_ATTACK,
    RD_SLOT_TEMPLATE,
    RD_SLOT_RULE,
    RD_SLOT_THREAT,
    RD_SLOT_CONTROL,
    RD_SLOT_CATALOG, /* a rule or a control */
    RD_SLOT_COMMAND,
    RD_SLOT_SETTING, /* NAME=VALUE of the attack or defense named elsewhere in the line */
    RD_SLOT_WORDS    /* a|b|c, in the synopsis itself */
};

/* Of the positional argument of this index (from 0), by the synopsis; words_out: the synopsis' own
 * word, for RD_SLOT_WORDS, of *len_out bytes. */
enum rd_slot rd_slot_of_argument(
    const struct rd_command *command, int index, const char **word_out, size_t *len_out);
enum rd_slot rd_slot_of_option(const struct rd_option *o);

/*
 * argv: the words behind the program's name, the last one being typed (may be ""). Writes lines of
 * "candidate<TAB>description", each beginning with that last word, and after them what else:
 *   :files, :folders   names of files too (behind the first = of the word, where it has one)
 *   :nospace           no blank behind a candidate: it goes on
 */
rd_status rd_complete(struct rd_cli *cli, int argc, char **argv, struct rd_buf *out);

/* The script for bash, zsh or fish. */
const char *rd_completion_script(const char *shell);

#endif
