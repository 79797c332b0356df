/*
 * man_page.h - manual pages for man(1), from the tables that --help and the reader of redoubt.yaml
 * use: redoubt(1), one of each command (redoubt-attack-run(1)), redoubt.yaml(5).
 *
 * In man(7) macros, which groff and mandoc read alike. Nothing in a page comes from the clock or
 * the environment: the date is that of the version (CMakeLists.txt).
 */
#ifndef RD_CLI_MAN_PAGE_H
#define RD_CLI_MAN_PAGE_H

#include "cli/cli.h"

struct rd_man_name {
    char name[64]; /* "redoubt-attack-run" */
    int section;   /* 1: commands, 5: file formats */
};

/* The page at this index, from 0; false behind the last. */
bool rd_man_at(size_t index, struct rd_man_name *name_out);
/* Appends its text; RD_E_USAGE with the nearest name where there is none called so. */
rd_status rd_man_write(struct rd_buf *out, const char *name, struct rd_error *err);

/* --- for the files that write pages --- */

void rd_man_begin(struct rd_buf *out, const char *name, int section, const char *summary);
/* A sentence from a line of help: a capital letter in front, a full stop behind. */
void rd_man_sentence(struct rd_buf *out, const char *line);
void rd_man_bold(struct rd_buf *out, const char *text);
void rd_man_italic(struct rd_buf *out, const char *text);
/* .TP rows, one an option, each with its range, unit, words and default. */
void rd_man_options(struct rd_buf *out, const struct rd_option *table);
/* ".BR redoubt\-check (1)", with a comma behind it unless it is the last. */
/* EXIT STATUS: what c may end with; NULL: what any command may. */
void rd_man_exit_status(struct rd_buf *out, const struct rd_command *c);
void rd_man_reference(struct rd_buf *out, const char *name, int section, bool last);
/* Lines of a shell as they are. */
void rd_man_lines(struct rd_buf *out, const char *lines);
/* The name of a command's page. */
const char *rd_man_name_of(const struct rd_command *c, char *out, size_t size);

/* man_program.c, man_markdown.c */
void rd_man_program(struct rd_buf *out);
/* Markdown as rd_system_reference writes it: headings, tables, lists, `code`, *stress*. */
void rd_man_markdown(struct rd_buf *out, const char *markdown);

#endif
