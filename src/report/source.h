/*
 * source.h - where in redoubt.yaml a threat comes from, for tools that show findings in a
 * repository (SARIF, JUnit).
 */
#ifndef RD_REPORT_SOURCE_H
#define RD_REPORT_SOURCE_H

#include "rules/threat.h"
#include "system/system.h"

/*
 * The file's path from the root of the repository that it lies in (the nearest folder above with a
 * .git), since that is what code-review tools resolve it against; its own name where there is none.
 * Slashes, never a leading one. NULL: memory.
 */
const char *rd_source_file(const struct rd_system *system, struct rd_arena *arena);
/* A relative path as a URI reference (RFC 3986): all but unreserved bytes and '/' in %XX. */
void rd_source_uri(struct rd_buf *out, const char *path);
/* Line and column, from 1, of the element or flow under threat; 1:1 where nobody knows. */
struct rd_place rd_source_place(const struct rd_system *system, const struct rd_threat *threat);
/*
 * Of what a fact ("inference-api.exposure") or a missing property speaks of: the property, or the
 * element, flow, control or boundary named where it is not given. false: of nothing in the file.
 */
bool rd_source_fact(const struct rd_system *system, const char *what, struct rd_place *place_out);

#endif
