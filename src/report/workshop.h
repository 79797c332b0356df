/*
 * workshop.h - two hours with the people who know: what to ask them, and what they said, merged.
 *
 * Questions come from what is unknown in redoubt.yaml, most valuable first: facts by the severity
 * and number of the threats that turn on them, ranges by the share of the loss that they move, then
 * owners and costs that nobody named, and what it would take to try what was not tried. Answers
 * come back as one YAML sheet a person, with name and date, and are spliced into the source of the
 * file: comments and layout stay. docs/workshop.md says how.
 *
 * Everything lives in the arena given. Names and answers are as people wrote them: they are made
 * safe by whoever prints them, which rd_workshop_markdown, rd_workshop_sheet_text and
 * rd_workshop_minutes do.
 */
#ifndef RD_REPORT_WORKSHOP_H
#define RD_REPORT_WORKSHOP_H

#include "report/report.h"

enum {
    RD_WORKSHOP_VERSION = 1,         /* of a sheet of answers */
    RD_WORKSHOP_SHEETS_MAX = 64,     /* people */
    RD_WORKSHOP_ANSWERS_MAX = 20000, /* on one sheet */
    RD_WORKSHOP_PROBLEMS_MAX = 200
};

/* --- roles --- */

enum rd_role {
    RD_ROLE_DATA,
    RD_ROLE_ML,
    RD_ROLE_PLATFORM,
    RD_ROLE_PRODUCT,
    RD_ROLE_RISK,
    RD_ROLES
};
extern const char *const rd_role_names[]; /* "data", "ml", ..., NULL */
int rd_role_find(const char *name);       /* RD_NONE: there is no such role */

/* --- what can be answered (workshop_items.c) --- */

enum rd_workshop_kind {
    RD_WORKSHOP_FACT,  /* one of words, or a text or number of the property */
    RD_WORKSHOP_OWNER, /* a name */
    RD_WORKSHOP_RANGE  /* low and high: the 5 % and 95 % quantile */
};

/* One place of the file, answered or not. Its id is its path: "elements.api.properties.returns". */
struct rd_workshop_item {
    const char *id;
    enum rd_workshop_kind kind;
    enum rd_role role;
    const char *section; /* "elements", "flows", ..., "scenarios" (of risk), "risk" */
    int index;           /* in that list; RD_NONE: a member of the section itself */
    const char *key[2];  /* below it; key[1] NULL: one step */
    const char *question;
    const char *now;                  /* fact, owner: as in the file; NULL: unknown */
    const char *const *words;         /* fact: as of rd_property_type; NULL: yes or no */
    const struct rd_uncertain *range; /* range: as in the file */
    const char *unit;                 /* range */
    bool is_chance;                   /* range: a probability */
    double max;                       /* range: of either end */
};
struct rd_workshop_items {
    const struct rd_workshop_item *item;
    size_t n;
    const size_t *by_id; /* (n) sorted by id */
};
rd_status rd_workshop_items(struct rd_run *run, const struct rd_system *system,
    struct rd_arena *arena, struct rd_workshop_items *items_out);
const struct rd_workshop_item *rd_workshop_item(
    const struct rd_workshop_items *items, const char *id);

/* --- what is asked (workshop.c) --- */

struct rd_workshop_question {
    const struct rd_workshop_item *item;
    const char *why;            /* what the answer decides, one sentence */
    const char *const *threats; /* ids that turn on it */
    size_t n_threats;
    double weight; /* the larger, the sooner it is asked */
};
struct rd_workshop_gap { /* a threat that nobody tried */
    const struct rd_threat *threat;
    enum rd_role role;
    const char *reason, *need; /* why not, and what it would take */
};
struct rd_workshop {
    const struct rd_report *report;
    struct rd_workshop_items items;
    const struct rd_workshop_question *question; /* by kind, then weight */
    size_t n;
    const struct rd_workshop_gap *gap; /* in the order of the threats */
    size_t n_gaps;
};
/* report->risk may be NULL. */
rd_status rd_workshop_make(struct rd_run *run, const struct rd_report *report,
    struct rd_arena *arena, struct rd_workshop *workshop_out);

/* --- on paper (workshop_text.c) --- */

/* Agenda and questions; role RD_NONE: all. */
rd_status rd_workshop_markdown(
    struct rd_run *run, const struct rd_workshop *workshop, int role, struct rd_buf *out);
/* The empty sheet of answers, YAML, that rd_workshop_read reads. */
rd_status rd_workshop_sheet_text(
    struct rd_run *run, const struct rd_workshop *workshop, int role, struct rd_buf *out);

/* --- calibration (workshop_calibration.c) --- */

/* Facts that can be looked up, and that few people know by heart. */
struct rd_calibration {
    const char *id, *question, *unit;
    double truth;
    const char *source;
};
extern const struct rd_calibration rd_calibrations[]; /* ends with id NULL */
const struct rd_calibration *rd_calibration_find(const char *id);

struct rd_interval_said {
    const char *id;
    double low, high;
    struct rd_place at;
};
/*
 * How many of the 90 % intervals hold the truth, and what that says: P(so few or fewer) is that of
 * a binomial with 0.9 each. too_sure: it is below 5 %. With twelve questions nobody can be shown to
 * be too careful, and words says so.
 */
struct rd_calibration_score {
    size_t n, inside;
    double so_few; /* NaN: nothing was answered */
    bool too_sure;
    const char *words;
};
rd_status rd_calibration_of(struct rd_run *run, const struct rd_interval_said *said, size_t n,
    struct rd_arena *arena, struct rd_calibration_score *score_out);

/* --- sheets (workshop_sheet.c) --- */

struct rd_workshop_answer {
    const struct rd_workshop_item *item;
    const char *text; /* fact, owner; "unknown": somebody said that they do not know */
    double low, high; /* range */
    struct rd_place at;
};
struct rd_workshop_sheet {
    const char *file, *name, *date; /* date YYYY-MM-DD */
    struct rd_place date_at;        /* that it has not come yet only who knows today can say */
    int role;                       /* RD_NONE: not said */
    const struct rd_workshop_answer *answer;
    size_t n;
    const struct rd_interval_said *calibration;
    size_t n_calibration;
};
/*
 * One sheet. RD_E_INPUT: it is no YAML (error with file, line, column), or *problems_out says all
 * that is wrong, each with line and column. What is left empty was not answered.
 */
rd_status rd_workshop_read(struct rd_run *run, const char *file, const void *bytes, size_t size,
    const struct rd_workshop_items *items, struct rd_arena *arena,
    struct rd_workshop_sheet *sheet_out, struct rd_problems *problems_out);

/* --- merging (workshop_merge.c, workshop_splice.c) --- */

struct rd_workshop_change {
    const struct rd_workshop_item *item;
    const char *from, *to; /* as written in the file, in short */
    const char *by, *date; /* who said so, "; " between several; the latest date */
    const char *how;       /* several ranges: how they were put together; or NULL */
};
struct rd_workshop_open { /* what was not merged, and who says what */
    const struct rd_workshop_item *item;
    const char *why;
};
struct rd_workshop_merged {
    const char *text; /* the new file; the old bytes where nothing changes */
    size_t size;
    const struct rd_workshop_change *change;
    size_t n_changes;
    const struct rd_workshop_open *open;
    size_t n_open;
    size_t kept; /* answers that the file holds already */
};
/*
 * The sheets into the source of the file, which system was read from. Nothing is overwritten
 * silently: people who contradict each other, or what the file says already, are listed as open and
 * the file keeps what it has. Several ranges for one number: the mean of the logarithms of each end
 * (of the log odds, for probabilities) where all ranges overlap; else the widest, and it is open
 * too. Merging the same sheets again changes nothing. RD_E_INPUT: one person says two things, or a
 * place of the file cannot be changed (its message has file, line and column).
 */
rd_status rd_workshop_merge(struct rd_run *run, const char *file, const void *bytes, size_t size,
    const struct rd_system *system, const struct rd_workshop_items *items,
    const struct rd_workshop_sheet *sheets, size_t n_sheets, struct rd_arena *arena,
    struct rd_workshop_merged *merged_out);

/* Threats by applicability, and what is still unknown: before and after. */
struct rd_workshop_counts {
    size_t threats[4]; /* by enum rd_applicability */
    size_t unknown;    /* facts that a threat waits for */
    size_t defaults;   /* ranges that nobody has confirmed */
    size_t no_owner;   /* elements and controls */
};
void rd_workshop_count(const struct rd_system *system, const struct rd_threats *threats,
    const struct rd_workshop_items *items, struct rd_workshop_counts *counts_out);

/* Who, when, decided, open, calibration, and what changed: Markdown. */
rd_status rd_workshop_minutes(struct rd_run *run, const struct rd_system *system,
    const struct rd_workshop_sheet *sheets, size_t n_sheets,
    const struct rd_workshop_merged *merged, const struct rd_workshop_counts *before,
    const struct rd_workshop_counts *after, struct rd_buf *out);

#endif
