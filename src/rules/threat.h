/* threat.h - what the rules derive from a system. */
#ifndef RD_RULES_THREAT_H
#define RD_RULES_THREAT_H

#include "system/system.h"

enum rd_severity { RD_SEVERITY_LOW, RD_SEVERITY_MEDIUM, RD_SEVERITY_HIGH, RD_SEVERITY_CRITICAL };
enum rd_applicability { RD_APPLIES_NO, RD_APPLIES_YES, RD_APPLIES_UNKNOWN, RD_APPLIES_MITIGATED };
const char *rd_severity_name(enum rd_severity s);
const char *rd_applicability_name(enum rd_applicability a);

struct rd_reference { /* an id of a published list */
    const char *list, *edition, *id, *title; /* "MITRE ATLAS", "2026.09", "AML.T0024.002", "Extract AI Model" */
};

struct rd_rule {
    const char *id, *title;
    const char *stride;     /* letters, e.g. "T" or "I" */
    const char *stage;      /* data | training | registry | deployment | inference | monitoring */
    const struct rd_reference *references; size_t n_references;
    const char *const *cwe; size_t n_cwe;           /* "CWE-1039" */
    const char *const *applies_to; size_t n_applies_to; /* element types, or "flow" */
    const char *when;       /* expression text */
    const char *why;        /* why it matters */
    const char *impact;     /* one sentence: what the attacker gains or the owner loses */
    const char *false_positives;
    enum rd_severity severity;
    const char *severity_why;
    const char *const *proved_by; size_t n_proved_by;   /* attack names; none: untried for ever */
    double criterion;       /* default criterion of its test; NaN when proved_by is empty */
    const struct rd_setting *prove_with; size_t n_prove_with; /* default settings of that test */
    const char *const *removed_by; size_t n_removed_by; /* control kinds */
    const char *const *mitigations; size_t n_mitigations; /* sentences */
};
struct rd_rules {
    const struct rd_rule *const *item; /* sorted by id */
    size_t n;
};

struct rd_fact { /* one thing that was looked at */
    const char *what;   /* "inference-api.exposure", "control quota at inference-api", "path crowd -> training-data" */
    const char *value;  /* "internet", "unknown", ... */
};

struct rd_threat {
    const char *id; /* "<rule>@<element or flow id>" */
    const struct rd_rule *rule;
    int element, flow;    /* one is RD_NONE */
    enum rd_applicability applicability;
    enum rd_severity severity; /* after the two facts */
    const char *severity_why;
    const struct rd_fact *facts; size_t n_facts; /* that made it apply */
    const char *const *missing; size_t n_missing; /* properties to fill in when unknown */
    const char *const *goes_away; size_t n_goes_away; /* what would remove it, in words */
    const char *mitigated_by; /* control id or NULL */
    const struct rd_decision *decision; /* people's, or NULL */
};
struct rd_threats {
    const struct rd_threat *item; /* ranked: applies yes, unknown, mitigated; then severity; then id. `no` is left out */
    size_t n;
};

/* The rules built into the program (catalog/rules), parsed and checked once. */
rd_status rd_rules_load(struct rd_arena *arena, struct rd_rules *rules_out, struct rd_error *err);
rd_status rd_threats_derive(const struct rd_rules *rules, const struct rd_system *system,
    struct rd_arena *arena, struct rd_threats *threats_out, struct rd_error *err);
const struct rd_threat *rd_threat_find(const struct rd_threats *threats, const char *id);

#endif
