/* ubj.h - Universal Binary JSON (draft 12) as JSON text, as XGBoost writes it. */
#ifndef RD_GRAPH_UBJ_H
#define RD_GRAPH_UBJ_H

#include "base/buf.h"
#include "base/limits.h"

#include <redoubt/error.h>

/*
 * All types but H (high precision), typed and counted containers (not of Z, T, F: a count of
 * nothing has no bound in the file). Numbers keep their value; those that are not finite become the
 * strings "nan" and "inf". Members named in `skip` (NULL-terminated; NULL: none) are checked and
 * written as null. Depth at most limits->depth, without recursion; text at most limits->text_bytes.
 * RD_E_INPUT names the byte.
 */
rd_status rd_ubj_to_json(const void *bytes, size_t size, const char *const *skip,
    const struct rd_limits *limits, struct rd_buf *out, struct rd_error *err);

#endif
