/* roadmap_text.h - a roadmap for people: the terminal's table, Markdown and CSV. */
#ifndef RD_CLI_ROADMAP_TEXT_H
#define RD_CLI_ROADMAP_TEXT_H

#include "cli/assessment.h"
#include "risk/roadmap.h"

#include <stdio.h>

/* Where no effect is known: what to do about that, and with which command; lines, each of them
 * behind `before`. Nothing where something was measured. */
void rd_cli_roadmap_first(
    struct rd_buf *out, const struct rd_assessment *a, const char *path, const char *before);
/* To cli->out. path: as it was given, for the commands that are named. */
void rd_cli_roadmap_print(
    const struct rd_cli *cli, const struct rd_assessment *a, const char *path);
/* A document of its own; names are escaped, nothing in them becomes a link, a cell or a tag. */
void rd_cli_roadmap_markdown(struct rd_buf *out, const struct rd_assessment *a, const char *path);
/* RFC 4180, one row a control: steps in order, then what was left out, then do nothing and accept.
 */
void rd_cli_roadmap_csv(struct rd_buf *out, const struct rd_roadmap *r, const struct rd_system *s);

#endif
