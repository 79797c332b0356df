/*
 * child.h - another program run once as a filter: bytes in, bytes out, under limits (CONTRACTS
 * section 8).
 *
 * Started by posix_spawn with an argv (no shell), in its own process group, with every descriptor
 * above 2 closed, stderr thrown away and a bare environment. The memory limit is in force before
 * the first input byte is given.
 */
#ifndef RD_BASE_CHILD_H
#define RD_BASE_CHILD_H

#include "base/file.h"

struct rd_child {
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
    const void *in;          /* given on stdin, then stdin is closed; NULL when in_size is 0 */
    size_t in_size;
    size_t out_limit;    /* bytes of stdout at most; more is RD_E_LIMIT */
    unsigned timeout_ms; /* then the whole group is killed: RD_E_LIMIT */
    size_t memory_bytes; /* address space; 0: no limit */
};

/*
 * Run it to its end. out_out: what it wrote, in the arena, NUL-terminated behind size.
 * RD_E_NOTFOUND when there is no such program; RD_E_INPUT when it failed (exit code not 0, or a
 * signal), saying which. Never leaves a process.
 */
rd_status rd_child_run(const struct rd_child *child, struct rd_arena *arena,
    struct rd_bytes *out_out, struct rd_error *err);

#endif
