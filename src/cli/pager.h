/*
 * pager.h - long text on a terminal, a screen at a time.
 *
 * REDOUBT_PAGER, else PAGER, else less: a program and its arguments, parted at blanks (no shell
 * reads them); empty or `cat`: none. Where LESS is not set, it is FRX for the pager. The text is
 * complete before the pager starts, so nothing of ours waits while somebody reads, the command's
 * exit code is its own, and a reader who leaves early is no error.
 */
#ifndef RD_CLI_PAGER_H
#define RD_CLI_PAGER_H

#include <stdbool.h>
#include <stddef.h>

/* Is there someone to page for: stdout a terminal that is not dumb, no CI, a pager wanted? */
bool rd_pager_wanted(void);
/*
 * Show it, when it has more lines than the screen; false when it has not or no pager could be
 * started: then print it.
 */
bool rd_pager_show(const char *text, size_t len);

/* The program that would be asked, without its arguments; "" when none is wanted. */
const char *rd_pager_program(char *out, size_t size);

#endif
