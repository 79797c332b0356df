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

#include <stdbool.h>

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

/*
 * The same kind of child that stays: one line in, one line out, until it is stopped. What it writes
 * to stderr is read and thrown away, but for the end of it, which messages quote.
 */
struct rd_talker;

/* folder: where it is started, and what a relative argv[0] with a slash is looked up in; NULL:
 * here.
 */
rd_status rd_talker_start(const char *const *argv, const char *folder, size_t memory_bytes,
    struct rd_talker **talker_out, struct rd_error *err);
/*
 * Send line (with its newline) and wait for one line back, without its newline, into answer_out
 * (valid until the next call). go_on is asked every 50 ms, NULL: never. Whatever fails, the child
 * is killed and later calls fail as well: RD_E_IO when it died, was late or does not read;
 * RD_E_INPUT when it wrote a line before it was asked; RD_E_LIMIT when its line has more than limit
 * bytes; RD_E_CANCELED.
 */
rd_status rd_talker_ask(struct rd_talker *talker, const char *line, size_t size, size_t limit,
    double timeout_ms, bool (*go_on)(void *user), void *user, struct rd_bytes *answer_out,
    struct rd_error *err);
/* Kill it and what it started, and let go. */
void rd_talker_stop(struct rd_talker *talker);

/* posix_spawn of argv as described above, in folder; errors -1: thrown away. 0 or an errno. */
int rd_child_spawn_(
    const char *const *argv, const char *folder, int in, int out, int errors, int *pid_out);

#endif
