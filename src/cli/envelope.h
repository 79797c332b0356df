/* envelope.h - the one object that --json prints (CONTRACTS: output). */
#ifndef RD_CLI_ENVELOPE_H
#define RD_CLI_ENVELOPE_H

#include "base/buf.h"

/*
 * {"schema": "redoubt/<command>", "version": 1, "tool": {...}, "result": ..., "run": {...},
 * "warnings": [...]} result, run and warnings are canonical JSON already; an empty result is
 * written as null.
 */
void rd_envelope_write(struct rd_buf *out, const char *command, const struct rd_buf *result,
    const struct rd_buf *run, const struct rd_buf *warnings);
/* {"name": "redoubt", "version": "..."} */
extern const char rd_envelope_tool[];

#endif
