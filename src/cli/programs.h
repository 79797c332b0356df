/* programs.h - the other programs that some commands ask: is one there, and where? */
#ifndef RD_CLI_PROGRAMS_H
#define RD_CLI_PROGRAMS_H

#include "base/arena.h"

/*
 * The file that name stands for, as a child would be started (base/child.h): looked up in PATH
 * where name has no slash, else as it is, a relative one in folder (NULL: here). NULL: there is
 * none that may be executed, or no memory.
 */
const char *rd_cli_program(struct rd_arena *arena, const char *folder, const char *name);

#endif
