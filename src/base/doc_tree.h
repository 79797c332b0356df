/*
 * doc_tree.h - how doc.c and doc_json.c grow the tree of doc.h; for these two alone.
 *
 * Readers report openings, keys, scalars and closings in file order. Children of collections that
 * are still open wait on one stack and move into the arena, side by side, when their collection
 * closes.
 */
#ifndef RD_BASE_DOC_TREE_H
#define RD_BASE_DOC_TREE_H

#include "base/doc.h"

struct rd_doc_mark {
    int line, column; /* from 1 */
};

struct rd_doc_tree {
    const char *name;
    const struct rd_limits *limits;
    struct rd_arena *arena;
    struct rd_error *err;
    struct rd_doc *stack; /* open collections, each followed by its finished children */
    size_t n, cap, made;  /* entries of the stack; nodes made so far                  */
    size_t *open, depth;  /* where the open collections stand in the stack            */
    size_t open_cap;
    const char *key; /* read, and its value not yet */
    struct rd_doc_mark key_at;
};

/* Sizes, UTF-8, control characters; skips a byte order mark (*text_io, *size_io move past it). */
rd_status rd_doc_check_text(const char *name, const char **text_io, size_t *size_io,
    const struct rd_limits *limits, struct rd_error *err);

rd_status rd_doc_tree_open(struct rd_doc_tree *t, enum rd_doc_kind kind, struct rd_doc_mark at);
/* Closes the innermost collection: duplicate keys are found here. */
rd_status rd_doc_tree_close(struct rd_doc_tree *t);
rd_status rd_doc_tree_key(
    struct rd_doc_tree *t, const char *text, size_t len, struct rd_doc_mark at);
/* text NULL: null. */
rd_status rd_doc_tree_scalar(
    struct rd_doc_tree *t, const char *text, size_t len, bool quoted, struct rd_doc_mark at);
/* Is the innermost open collection a map that waits for a key? */
bool rd_doc_tree_wants_key(const struct rd_doc_tree *t);
/* The whole, once everything is closed. */
rd_status rd_doc_tree_finish(struct rd_doc_tree *t, struct rd_doc **doc_out);
void rd_doc_tree_release(struct rd_doc_tree *t); /* what the tree holds outside the arena */

/* RD_E_INPUT "name:line:column: ..." */
rd_status rd_doc_fail(const char *name, struct rd_doc_mark at, struct rd_error *err,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
