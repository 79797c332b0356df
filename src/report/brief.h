/*
 * brief.h - two minutes about one threat, to be said aloud to somebody who asked in a meeting.
 *
 * What it is; whether it applies here and by which facts; whether it was tried and what came out;
 * what it would cost a year and on whose numbers; what can be done, and what the controls did when
 * the attack was run again; what nobody knows. Plain sentences, about 250 to 300 words; a sentence
 * that says something measured cites the records, [e:8bb8140e9e23]. Nothing is stronger than the
 * evidence: none of n is "at most u at 95 %", and never "safe".
 */
#ifndef RD_REPORT_BRIEF_H
#define RD_REPORT_BRIEF_H

#include "report/report.h"

enum { RD_BRIEF_WORDS = 300, RD_BRIEF_CITED = 6 };

enum rd_brief_part { /* what a sentence is about, in the order in which it is said */
    RD_BRIEF_WHAT,
    RD_BRIEF_APPLIES,
    RD_BRIEF_TRIED,
    RD_BRIEF_COST,
    RD_BRIEF_FIX,
    RD_BRIEF_UNKNOWN
};
const char *rd_brief_part_name(enum rd_brief_part part); /* "what", "applies", ... */

struct rd_brief_sentence {
    enum rd_brief_part part;
    const char *text; /* with its citations; names as in the file: make it safe before print */
    const char *evidence[RD_BRIEF_CITED]; /* keys, 64 hexadecimal digits */
    size_t n_evidence;
    int rank; /* 0: always said; else the larger, the sooner it is left out */
};
struct rd_brief {
    const struct rd_brief_sentence *sentence;
    size_t n, words; /* citations are no words */
};

/* threat need not be one of the campaign's: where its rule is silent, that is what is said.
 * Everything in the arena. */
rd_status rd_brief_make(struct rd_run *run, const struct rd_report *report,
    const struct rd_threat *threat, struct rd_arena *arena, struct rd_brief *brief_out);

#endif
