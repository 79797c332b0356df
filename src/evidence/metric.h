/*
 * metric.h - what a record measures, in words for people. JSON keeps the ids; whatever a person
 * reads (sentences, terminal, Markdown) takes its words from here, and the page has the same in
 * web/shared/format.ts.
 */
#ifndef RD_EVIDENCE_METRIC_H
#define RD_EVIDENCE_METRIC_H

#include "evidence/record.h"

enum rd_metric_form {
    RD_METRIC_SHARE,  /* 0..1 (a gain or loss may be negative): written in percent */
    RD_METRIC_COUNT,  /* a whole number of something */
    RD_METRIC_NUMBER, /* any other: a distance, an agreement, an area */
};

struct rd_metric_word {
    const char *id;
    const char *words; /* within a sentence and as a label: "utility of the theft" */
    const char *said;  /* as one explains it aloud; NULL: the words will do */
    enum rd_metric_form form;
    int worse; /* 1: the more of it, the worse for who defends; -1: the better; 0: neither */
};
extern const struct rd_metric_word rd_metric_words[]; /* the last has id NULL */
/* NULL: an id that has no words of its own ("recall_3"). */
const struct rd_metric_word *rd_metric_word(const char *id);

enum { RD_METRIC_WORDS = 120 };
/* The words of any id, of one without its own what can be made of it: "recall of class 3". */
const char *rd_metric_name(const char *id, char out[RD_METRIC_WORDS]);
/* What a record is judged by: as above, with the share of false alarms where that is one of its
 * metrics: "true positive rate at 1 % false positives". */
const char *rd_metric_judged(const struct rd_record *record, char out[RD_METRIC_WORDS]);
/* Shares, as far as is known. What has no words of its own is a number. */
enum rd_metric_form rd_metric_form_of(const char *id);
/* "83.2 %", "0.412": one digit behind the point of a percentage, three elsewhere; "-" for NaN. */
const char *rd_metric_value(const char *id, double v, char out[32]);

/*
 * As people are shown it: Student's interval over a few runs may reach beyond what a share can be;
 * it ends at 0 and 1, that of a gain or loss at -1 and 1. Records keep what was computed.
 */
struct rd_interval rd_metric_within(const char *id, const struct rd_interval *v);
/* "83.2 % (80.9 to 85.5 %)"; without an interval the value alone. */
const char *rd_metric_interval(const char *id, const struct rd_interval *v, char out[96]);

#endif
