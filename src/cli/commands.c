/* commands.c - the commands of commands.def, as a table. */
#include "cli/cli.h"

#define RD_COMMAND(name) extern const struct rd_command rd_command_##name;
#include "cli/commands.def"
#undef RD_COMMAND

const struct rd_command *const rd_commands[] = {
#define RD_COMMAND(name) &rd_command_##name,
#include "cli/commands.def"
#undef RD_COMMAND
    NULL,
};
