/*
 * workshop_splice.h - values of a YAML file set in its source, so that everything else stays as it
 * was written: comments, order, quotes, line ends. For workshop_merge.c alone.
 */
#ifndef RD_REPORT_WORKSHOP_SPLICE_H
#define RD_REPORT_WORKSHOP_SPLICE_H

#include "base/run.h"
#include "report/workshop.h"

struct rd_splice_edit {
    size_t at, len;   /* this span of the source ... */
    const char *text; /* ... becomes this */
    size_t order;     /* of two at one place, the one asked for first */
};
struct rd_splice {
    struct rd_run *run;
    struct rd_arena *arena;
    const char *file, *text;
    size_t size;
    const struct rd_doc *doc;
    size_t *line; /* where each line begins */
    size_t n_lines;
    const char *newline; /* as the file has it */
    struct rd_splice_edit *edit;
    size_t n, max;
};

rd_status rd_splice_init(struct rd_splice *s, struct rd_run *run, const char *file,
    const void *bytes, size_t size, struct rd_arena *arena);
/* The place of an item: the map that holds its key, and the key's value, NULL when it has none. */
const struct rd_doc *rd_splice_value(
    const struct rd_splice *s, const struct rd_workshop_item *item);
/* A scalar of the item, as YAML text. RD_E_INPUT: it is written in a way that cannot be changed in
 * place. */
rd_status rd_splice_set(struct rd_splice *s, const struct rd_workshop_item *item, const char *yaml);
/* A range with its provenance expert. by and date as YAML text. */
rd_status rd_splice_set_range(struct rd_splice *s, const struct rd_workshop_item *item,
    const char *low, const char *high, const char *by, const char *date);
/* The source with every edit, in the arena. */
rd_status rd_splice_finish(struct rd_splice *s, const char **text_out, size_t *size_out);

#endif
