/*
 * finding.h - what a reader may do about one threat: why it applies, what mends it, and a command
 * that shows it again.
 *
 * Everything lies in the arena given. Sentences hold text of the system file as it is there: who
 * prints them makes them safe. The command is quoted for a shell already and plain ASCII where a
 * name holds anything else than letters, so that it can be shown and pasted.
 */
#ifndef RD_REPORT_FINDING_H
#define RD_REPORT_FINDING_H

#include "report/report.h"

enum { RD_EVIDENCE_SHORT = 12 }; /* digits of an evidence id as it is cited: [e:8bb8140e9e23] */

struct rd_finding {
    const char *why;    /* the rule's, then the facts of this system that made it apply */
    const char *impact; /* one sentence */
    /* What helps: controls that were measured to help here first, with their effect; then the
     * rule's mitigations; last the controls that were measured and do not help. */
    const char *const *fix;
    size_t n_fix;
    /*
     * Run in the folder of the file: `redoubt attack run` that repeats the test from nothing, with
     * the same outcome. Where the test cannot be said so, `redoubt assess`; where there is none,
     * `redoubt explain`; check_reason then says why, else it is NULL.
     */
    const char *check, *check_reason;
    const char *evidence; /* key of the record in .redoubt, 64 hexadecimal digits; NULL: untried */
    const struct rd_tested *tested; /* what the threat's state rests on; NULL: untried */
};

/* threat: index in campaign->threats. */
rd_status rd_finding_make(struct rd_run *run, const struct rd_report *report, size_t threat,
    struct rd_arena *arena, struct rd_finding *finding_out);

/* The command alone (finding_check.c); tested NULL: untried. RD_E_MEMORY. */
rd_status rd_finding_check(struct rd_run *run, const struct rd_system *system, uint64_t seed,
    const struct rd_threat *threat, const struct rd_tested *tested, struct rd_arena *arena,
    const char **check_out, const char **reason_out);

/* Is the effect clear of zero, to the good? */
static inline bool rd_retest_helps(const struct rd_retest *r)
{
    return r->worse && r->effect.low > 0;
}

#endif
