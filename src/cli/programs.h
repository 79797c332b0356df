/* programs.h - the other programs that some commands ask: is one there, and where? */
#ifndef RD_CLI_PROGRAMS_H
#define RD_CLI_PROGRAMS_H

#include "base/arena.h"

#include <stdbool.h>

/*
 * The file that name stands for, as a child would be started (base/child.h): looked up in PATH
 * where name has no slash, else as it is, a relative one in folder (NULL: here). NULL: there is
 * none that may be executed, or no memory.
 */
const char *rd_cli_program(struct rd_arena *arena, const char *folder, const char *name);

/* rsvg-convert as `diagram` calls it: an SVG on stdin, on stdout a PNG of this many pixels. */
enum { RD_RSVG_WORDS = 10 };
void rd_cli_rsvg_words(const char *width, const char *argv_out[RD_RSVG_WORDS]);
bool rd_cli_is_png(const void *bytes, size_t size);

#endif
