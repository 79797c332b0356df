/*
 * threat.h - what the rules derive from a system.
 *
 * A rule is one YAML file of catalog/rules (format: docs/rules.md). A threat is one rule at one
 * element or flow of a system. Everything returned here lies in the arena given, is immutable, and
 * may point into the rules and the system it was made from, which must live as long. Text from the
 * system is as in the file: print it through rd_text_safe.
 */
#ifndef RD_RULES_THREAT_H
#define RD_RULES_THREAT_H

#include "base/embed.h"
#include "system/system.h"

enum rd_severity { RD_SEVERITY_LOW, RD_SEVERITY_MEDIUM, RD_SEVERITY_HIGH, RD_SEVERITY_CRITICAL };
enum rd_applicability { RD_APPLIES_NO, RD_APPLIES_YES, RD_APPLIES_UNKNOWN, RD_APPLIES_MITIGATED };
const char *rd_severity_name(enum rd_severity s); /* "low" ... "critical" */
const char *rd_applicability_name(
    enum rd_applicability a); /* "no", "yes", "unknown", "mitigated" */
/* The severity called name; false when there is none. */
bool rd_severity_find(const char *name, enum rd_severity *out);

struct rd_reference { /* an id of a published list */
    const char *list, *edition, *id,
        *title;         /* "MITRE ATLAS", "2026.09", "AML.T0024.002", "Extract AI Model" */
    const char *parent; /* title of a sub-technique's parent, or NULL */
};

struct rd_rule {
    const char *id, *title;
    const char *stride; /* letters, e.g. "T" or "I" */
    const char *stage;  /* data | training | registry | deployment | inference | monitoring */
    const struct rd_reference *references;
    size_t n_references;
    const char *const *cwe;
    size_t n_cwe; /* "CWE-1039" */
    const char *const *applies_to;
    size_t n_applies_to; /* element types, or "flow" */
    const char *when;    /* expression text */
    const char *why;     /* why it matters */
    const char *impact;  /* one sentence: what the attacker gains or the owner loses */
    const char *false_positives;
    enum rd_severity severity;
    const char *severity_why;
    const char *raise_when,
        *lower_when; /* expressions over the two facts; NULL: nothing moves it that way */
    const char *const *proved_by;
    size_t n_proved_by; /* attack names; none: untried for ever */
    double criterion;   /* default criterion of its test; NaN when proved_by is empty */
    const struct rd_setting *prove_with;
    size_t n_prove_with; /* default settings of that test */
    const char *const *removed_by;
    size_t n_removed_by; /* control kinds */
    const char *const *mitigations;
    size_t n_mitigations; /* sentences */
};
struct rd_rules {
    const struct rd_rule *const *item; /* sorted by id */
    size_t n;
    const struct rd_taxonomies *taxonomies; /* rules/taxonomy.h */
};
enum rd_twin { RD_TWIN_VULNERABLE, RD_TWIN_GUARDED };

struct rd_fact {       /* one thing that was looked at */
    const char *what;  /* "inference-api.exposure", "path from annotator to training-data" */
    const char *value; /* "internet", "unknown", "crowd -> upload-api -> training-data", ... */
    /* Both within a sentence: "a path leads from annotator to training-data (crowd -> ...)"; NULL:
     * "<what> is <value>" */
    const char *said;
};

struct rd_threat {
    const char *id; /* "<rule>@<element or flow id>" */
    const struct rd_rule *rule;
    int element, flow; /* one is RD_NONE */
    enum rd_applicability applicability;
    enum rd_severity severity; /* after the two facts */
    const char *severity_why;
    const struct rd_fact *facts;
    size_t n_facts; /* that made it apply */
    const char *const *missing;
    size_t n_missing; /* properties to fill in when unknown: "inference-api.returns" */
    const char *const *goes_away;
    size_t n_goes_away;                 /* what would remove it, in words */
    const char *mitigated_by;           /* control id or NULL */
    const struct rd_decision *decision; /* people's, or NULL */
};
struct rd_threats {
    const struct rd_threat *item; /* ranked: applies yes, unknown, mitigated; then severity; then
                                     the rule's own severity; then what an attack can prove first;
                                     then id. `no` is left out */
    size_t n;
};

/*
 * The rules built into the program (catalog/), parsed and checked. RD_E_INPUT names file, line and
 * column, what was expected and the nearest valid word; a retired taxonomy id names its successor.
 */
rd_status rd_rules_load(struct rd_arena *arena, struct rd_rules *rules_out, struct rd_error *err);
/* The same from another catalog: files "rules/<id>.yaml" and "taxonomies/<name>.csv", ends with
 * name NULL. */
rd_status rd_rules_load_from(const struct rd_embedded *catalog, struct rd_arena *arena,
    struct rd_rules *rules_out, struct rd_error *err);
/* One rule of somebody's own, with the lists and control kinds of `known`. file->name is its path,
 * for messages, and ends in "/<id>.yaml"; its bytes are followed by a NUL and must live as long. */
rd_status rd_rules_read_one(const struct rd_rules *known, const struct rd_embedded *file,
    struct rd_arena *arena, struct rd_rules *rules_out, struct rd_error *err);
const struct rd_rule *rd_rule_find(const struct rd_rules *rules, const char *id);
/* Rule ids and control kinds in the rules' vocabulary, each NULL-terminated and sorted; NULL:
 * memory. */
const char *const *rd_rules_ids(const struct rd_rules *rules, struct rd_arena *arena);
const char *const *rd_rules_control_kinds(const struct rd_rules *rules, struct rd_arena *arena);
/* What a kind of control does, and at which stage of a model's life
 * (catalog/taxonomies/controls.csv). */
struct rd_control_kind {
    const char *id, *title;
    const char
        *stage; /* as of rules: data | training | registry | deployment | inference | monitoring */
    const char *acts; /* "prevent" | "detect" | "respond" */
};
/* NULL when there is no such kind. */
const struct rd_control_kind *rd_control_kind_find(const struct rd_rules *rules, const char *kind);
/* Is this control kind one of the rule's removed_by? */
bool rd_rule_is_removed_by(const struct rd_rule *rule, const char *kind);
/* May this rule apply to elements of that type at all? type NULL: to flows. */
bool rd_rule_applies_to(const struct rd_rule *rule, const struct rd_element_type *type);
/* The miniature systems that are the rule's own tests: on the first it must apply, on the second
 * not. */
rd_status rd_rule_twin(const struct rd_rules *rules, const struct rd_rule *rule, enum rd_twin twin,
    struct rd_arena *arena, struct rd_system **system_out, struct rd_error *err);
/* Derive both twins and see that the rule applies to the first and not, or mitigated, to the
 * second. */
rd_status rd_rule_self_test(
    const struct rd_rules *rules, const struct rd_rule *rule, struct rd_error *err);

/*
 * Every threat of the system but those that do not apply. A control of a removed_by kind, active at
 * the element (or flow) with coverage 1, makes a threat `mitigated`; so does a control without
 * which `when` would hold. Not where an attack proves the rule: there only a re-test can tell, and
 * the threat stays `yes` with the control among its facts. At most 100,000 threats (RD_E_LIMIT).
 */
rd_status rd_threats_derive(const struct rd_rules *rules, const struct rd_system *system,
    struct rd_arena *arena, struct rd_threats *threats_out, struct rd_error *err);
/* One rule at one element or flow (the other RD_NONE) whatever the outcome, `no` included; for
 * explain. */
rd_status rd_threat_derive_one(const struct rd_rules *rules, const struct rd_rule *rule,
    const struct rd_system *system, int element, int flow, struct rd_arena *arena,
    struct rd_threat *threat_out, struct rd_error *err);
const struct rd_threat *rd_threat_find(const struct rd_threats *threats, const char *id);

#endif
