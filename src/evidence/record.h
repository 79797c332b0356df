/*
 * record.h - what one run of one attack measured (CONTRACTS: attacks, units, intervals; evidence).
 *
 * The harness (attacks/) fills it, evidence/ writes it as canonical JSON and reads it back,
 * campaign/ stores it, risk/ and report/ read it. Everything lives in the arena of whoever made it.
 */
#ifndef RD_EVIDENCE_RECORD_H
#define RD_EVIDENCE_RECORD_H

#include "base/arena.h"
#include "base/doc.h"
#include "base/json_write.h"

#include <redoubt/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NaN marks "null"; reason then says why (NULL otherwise). */
struct rd_interval {
    double value, low, high;
};
struct rd_metric {
    const char
        *name; /* clean_accuracy, robust_accuracy, median_distance, fidelity, kappa, utility, ... */
    struct rd_interval v;
    const char *reason;
};
/* A measured curve: y against budget, with intervals. */
struct rd_curve {
    const char *metric; /* "success", "fidelity", ... */
    const char *budget; /* what the x axis counts: "eps", "queries", "gradients" */
    size_t n;
    const double *x;             /* n, rising */
    const struct rd_interval *y; /* n */
};
/* Example units: one per trial. Run units: one per independent run. */
struct rd_trial {
    bool success;
    double queries;  /* example: rows (or gradient rows) until first success, NaN when never; run:
                        rows spent */
    double distance; /* example: of the adversarial example in the run's norm, NaN when none */
    double metric;   /* run: the judged metric (utility); example: NaN */
};
/* Run units: each run's own curve of a metric against budget, for the bridge to money. */
struct rd_trace {
    size_t run;         /* 0.. */
    const char *metric; /* "utility", "fidelity", "kappa" */
    size_t n;
    const double *x, *y;
};
struct rd_pair {
    const char *name, *value;
};

enum rd_outcome { RD_OUTCOME_DEMONSTRATED, RD_OUTCOME_NOT_DEMONSTRATED, RD_OUTCOME_INCONCLUSIVE };
const char *rd_outcome_name(
    enum rd_outcome o); /* "demonstrated", "not demonstrated", "inconclusive" */

struct rd_record {
    /* identity: what was run on what */
    const char *threat, *test; /* "" for a bare `attack run` */
    const char *attack;
    int attack_version;
    const struct rd_pair *settings;
    size_t n_settings; /* resolved, from the option table, sorted by name */
    uint64_t seed;
    const char *target_digest, *data_digest, *pool_digest, *recipe_digest; /* hex or "" */
    const char *const *controls;
    size_t n_controls; /* canonical text of each active control */
    const char *actor; /* "" when none */
    unsigned access;
    /* outcome */
    const char *unit; /* "example" | "run" */
    size_t n, successes;
    struct rd_interval
        interval; /* of what is judged: the success share, or the mean metric over runs */
    double criterion;
    const char *judged; /* "success share" or the metric's name */
    enum rd_outcome outcome;
    const char *outcome_reason; /* NULL, or e.g. "between-run variance unknown (2 runs)" */
    const struct rd_metric *metrics;
    size_t n_metrics;
    const struct rd_curve *curves;
    size_t n_curves;
    const struct rd_trial *trials;
    size_t n_trials;
    const struct rd_trace *traces;
    size_t n_traces;
    const char *control_aware; /* name of the adaptive variant that was used, or NULL */
    uint64_t queries, rows_total, gradients;
};

const struct rd_metric *rd_record_metric(
    const struct rd_record *r, const char *name); /* NULL: absent */

/* Canonical JSON of the record: one object, the `result` part of an evidence record. */
void rd_record_write(const struct rd_record *r, struct rd_json *json);
/* The object with trials and traces left out: what `--json` prints. */
void rd_record_write_short(const struct rd_record *r, struct rd_json *json);
/* Its members alone, into an object that is open already and gets more. */
void rd_record_write_members(const struct rd_record *r, struct rd_json *json);
/* Read back what rd_record_write wrote. RD_E_INPUT names what is missing. */
rd_status rd_record_read(const struct rd_doc *doc, struct rd_arena *arena,
    struct rd_record *record_out, struct rd_error *err);

#endif
