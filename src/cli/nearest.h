/* nearest.h - what somebody may have meant who mistyped a command, an option or a file's name. */
#ifndef RD_CLI_NEAREST_H
#define RD_CLI_NEAREST_H

#include "cli/cli.h"

/* argv begins with no command: says so, with a hint. Always RD_E_USAGE. */
rd_status rd_no_command(int argc, char **argv, struct rd_error *err);
/* command has no option of this name: the same. */
rd_status rd_no_option(const struct rd_command *command, const char *name, struct rd_error *err);
/*
 * Something was not found: when one of the words names a file that is not there, and its folder
 * holds a name near to it, a hint says so. Words are looked at as a whole and behind their first =.
 */
void rd_hint_near_file(int argc, char **argv, struct rd_error *err);

/* `workshop mrege`: the command is a family too, and its first argument, which is no file, nearly
 * one of its words: a hint says so. */
void rd_hint_near_subcommand(
    const struct rd_command *command, int argc, char **argv, struct rd_error *err);

/* Is there a command "word ..." of two words? */
bool rd_is_family(const char *word);

#endif
