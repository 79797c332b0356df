/* help_text.h - help for people, from the tables of commands and options. */
#ifndef RD_CLI_HELP_TEXT_H
#define RD_CLI_HELP_TEXT_H

#include "cli/cli.h"

/* Help on one command; on the commands that begin with a word; the list of all, by task. */
void rd_help_command(const struct rd_command *command, FILE *out);
bool rd_help_family(const char *word, FILE *out);
void rd_help_overview(FILE *out);

/* What a command is for: a heading of the overview. Commands that no row names are tools. */
const char *rd_command_task(const struct rd_command *command);
extern const char *const rd_command_tasks[]; /* in the order shown, NULL-terminated */

/* "--top N", as help and manual pages show an option. */
const char *rd_option_form(const struct rd_option *o, char *out, size_t size);
/* The examples of a command: each starts at the first column. NULL: memory. */
char *rd_help_examples(const struct rd_command *command, struct rd_arena *arena);

#endif
