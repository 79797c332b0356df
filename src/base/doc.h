/*
 * doc.h - a YAML or JSON document as a tree that remembers where each value stood.
 *
 * YAML 1.2 core, block and flow style; anchors, aliases, tags, merge keys, directives and further
 * documents are refused, as are duplicate keys. JSON goes through the same reader in strict JSON
 * mode. Nothing is guessed: a scalar stays text until somebody asks for a type; `quoted` tells "no"
 * from no.
 */
#ifndef RD_BASE_DOC_H
#define RD_BASE_DOC_H

#include "base/arena.h"
#include "base/limits.h"

#include <redoubt/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rd_doc_kind { RD_DOC_NULL, RD_DOC_SCALAR, RD_DOC_LIST, RD_DOC_MAP };

struct rd_doc {
    enum rd_doc_kind kind;
    int line, column; /* from 1, of the first character                     */
    const char *key;  /* when it is a member of a map, else NULL            */
    int key_line, key_column;
    const char *text; /* scalars: UTF-8, NUL-terminated, without quotes     */
    size_t text_len;
    bool quoted;           /* scalars: stood in quotes (or was a block scalar)   */
    size_t n;              /* children                                           */
    struct rd_doc *item;   /* n of them, contiguous, in file order       */
    const uint32_t *order; /* larger maps: item numbers sorted by key, for rd_doc_get */
};

/*
 * name is for messages ("redoubt.yaml"). Errors: RD_E_INPUT with name:line:column, RD_E_LIMIT,
 * RD_E_MEMORY. Columns count characters. Plain `on` and `off` are refused as values, NUL characters
 * and other C0 controls everywhere. A value that is not written ("key:") is RD_DOC_NULL and stands
 * where its key stands. limits NULL: rd_limits_default.
 */
rd_status rd_doc_read_yaml(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_doc **doc_out,
    struct rd_error *err);
rd_status rd_doc_read_json(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_doc **doc_out,
    struct rd_error *err);

/*
 * YAML has a ceiling of its own below limits->text_bytes: measured, libfyaml takes up to 120 bytes
 * for each byte of a hostile file, and a system of 10,000 elements needs 2 MB.
 */
enum { RD_YAML_BYTES = 8 << 20 };

/* Member of a map by key; NULL when absent or when doc is NULL or no map. Fast for large maps too.
 */
const struct rd_doc *rd_doc_get(const struct rd_doc *doc, const char *key);
/* Plain scalars as types (quoted ones only as text); false when it is not one. */
bool rd_doc_real(const struct rd_doc *doc, double *out); /* a/b is accepted: scale: 1/255 */
bool rd_doc_int(const struct rd_doc *doc, int64_t *out);
bool rd_doc_bool(const struct rd_doc *doc, bool *out); /* JSON true/false only */
const char *rd_doc_text(const struct rd_doc *doc);     /* NULL when no scalar */

#endif
