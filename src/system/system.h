/*
 * system.h - the thing under threat, as read from redoubt.yaml (docs/schema/redoubt.schema.json).
 *
 * Everything is in the arena of rd_system_load and immutable afterwards. References are resolved to
 * indices (RD_NONE when absent). Strings are as in the file; print them through rd_text_safe.
 *
 * Ids: elements and flows share one space, since threats and controls name either; boundaries,
 * assets, actors, artifacts, controls, tests and scenarios have one each. An asset id is also a
 * word of expressions, so it may be neither a word of that language nor a measure
 * (system/scenario_names.h).
 */
#ifndef RD_SYSTEM_SYSTEM_H
#define RD_SYSTEM_SYSTEM_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/doc.h"
#include "base/expr.h"
#include "base/limits.h"

#include <redoubt/attack.h>
#include <redoubt/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RD_NONE = -1, RD_SYSTEM_VERSION = 1 };

struct rd_place {
    int line, column;
};

enum rd_provenance { RD_PROV_DEFAULT, RD_PROV_EXPERT, RD_PROV_OBSERVED, RD_PROV_MEASURED };

/*
 * An uncertain number: low and high are the 5 % and 95 % quantiles of a lognormal (money, counts,
 * rates, days) or of a logit-normal (probabilities). A plain number has low == high.
 */
struct rd_uncertain {
    bool given;
    double low, high;
    enum rd_provenance provenance;
    const char *by, *date, *source; /* NULL when not given */
    struct rd_place at;
};

struct rd_setting { /* one entry of a `set:` or `properties:` map, value in the user's syntax */
    const char *name, *value;
    struct rd_place at;
};
struct rd_settings {
    const struct rd_setting *item;
    size_t n;
};

struct rd_refs { /* ids of one list, each with its place */
    const int *index;
    const struct rd_place *at;
    size_t n;
};

struct rd_boundary {
    const char *id, *name;
    const char *trust; /* "untrusted" | "trusted" | "partner" | NULL when not said */
    int inside;        /* boundary index */
    struct rd_place at;
};

/* One property an element type may have. */
struct rd_property_type {
    const char *name, *help;
    const char *const *words; /* NULL: yes, no, unknown. Else these or unknown; {"*"}: any text,
                                 {"#"}: a number >= 0 */
};
struct rd_element_type {
    const char *name, *summary;
    const char *dfd; /* "external" | "process" | "store": how a data-flow diagram draws it */
    const struct rd_property_type *properties; /* ends with name NULL */
};
extern const struct rd_element_type rd_element_types[]; /* ends with name NULL */
const struct rd_element_type *rd_element_type_find(const char *name);
const struct rd_property_type *rd_property_type_find(
    const struct rd_element_type *type, const char *name);

struct rd_element {
    const char *id, *name; /* name falls back to id */
    const struct rd_element_type *type;
    int boundary;
    struct rd_settings properties; /* as given; booleans normalized to "yes"/"no" */
    const char *owner;
    struct rd_place at;
};
struct rd_flow {
    const char *id, *name;
    int from, to; /* elements */
    const char *const *carries;
    size_t n_carries;
    const char *protocol; /* NULL when not said */
    enum rd_tri authenticated, encrypted;
    struct rd_place at;
};
struct rd_asset {
    const char *id, *name;
    int of; /* element */
    struct rd_uncertain value;
    struct rd_place at;
};

enum rd_actor_data { RD_DATA_NONE, RD_DATA_PROXY, RD_DATA_VICTIM_LIKE };
struct rd_actor {
    const char *id, *name;
    unsigned access; /* mask of RD_ACCESS_*, closed under implication */
    enum rd_actor_data data;
    enum rd_tri labeled;
    int64_t keys;
    int64_t accounts; /* 0: nobody said */
    struct rd_uncertain days, budget, gain;
    struct rd_place at;
};

enum rd_artifact_kind {
    RD_ARTIFACT_MODEL,
    RD_ARTIFACT_DATASET,
    RD_ARTIFACT_TRAINING,
    RD_ARTIFACT_ENDPOINT,
    RD_ARTIFACT_PROCESS
};
struct rd_artifact {
    const char *id, *name;
    int of; /* element */
    enum rd_artifact_kind kind;
    /* model, endpoint, process */
    const char
        *path; /* of a model or dataset, as resolved: usable from the current folder; else NULL */
    int trained_by;                /* model without a file: the recipe that makes it; RD_NONE */
    double clean_accuracy;         /* NaN when not stated */
    double price_per_1000_queries; /* currency; 0 when not stated */
    /* endpoint: its host is in scope.hosts. A header is `Name: value`, where $WORD stands for a
     * variable of the environment that only the caller of the endpoint looks up. */
    const char *url, *protocol, *request, *score_selector, *label_selector, *input, *output;
    const char *const *headers;
    size_t n_headers;
    /* process: argv, not NULL-terminated */
    const char *const *command;
    size_t n_command;
    /* endpoint, process */
    const int64_t *shape; /* (n_shape) of one example; n_shape 0: the data's */
    size_t n_shape;
    int64_t classes; /* 0: found out */
    const char *const *class_names;
    size_t n_class_names;
    double timeout; /* seconds */
    int64_t concurrency, retries;
    /* dataset */
    const char *format;                  /* "clicks" or NULL */
    const char *labels, *index, *schema; /* resolved paths or NULL */
    bool has_range;
    int64_t range[2]; /* [first, behind last) positions of the index, or rows */
    double scale;     /* multiplies every value; 1 when not given */
    const char *label_column, *contributor_column, *column_scale;
    bool has_split;
    int split_part; /* 0 all, 1 train, 2 test: enum rd_split_part of data/ */
    double split_share;
    int64_t split_seed;
    const int64_t *resize; /* height, width; n_resize 0 or 2 */
    size_t n_resize;
    /* training */
    int data;          /* artifact index of the dataset */
    const char *graph; /* resolved path; NULL for a recommender. "built-in" names a shape of ours:
                          a path that ends so and is not there */
    const char *optimizer; /* "adam" | "sgd" */
    double lr, momentum, weight_decay;
    int64_t epochs;
    int64_t batch;        /* examples a step; of endpoint and process: rows in one request */
    const char *schedule; /* "constant" | "cosine" | "one-cycle" */
    double clip, noise;   /* DP-SGD; clip 0: off */
    bool has_adversary;
    int64_t adversary_steps;
    double adversary_eps, adversary_step_size, adversary_ramp;
    enum rd_tri adversary_random;
    bool is_recommender;
    int64_t factors, recommender_epochs;
    double confidence, regularization;
    enum rd_tri assumed; /* yes: nobody declared this recipe */
    struct rd_place at;
};

enum rd_control_state { RD_CONTROL_ACTIVE, RD_CONTROL_PROPOSED, RD_CONTROL_RETIRED };
/* What an expert expects of a control where nothing was tried: an assumption, never evidence. */
struct rd_expects {
    int scenario;
    struct rd_uncertain susceptibility; /* with the control in place */
    struct rd_place at;
};

struct rd_control {
    const char *id, *kind; /* kind: name of a defense, or of a control the rules know */
    const char *name;
    int at_element; /* RD_NONE when `at` names a flow */
    int at_flow;
    enum rd_control_state state;
    struct rd_uncertain cost_per_year;
    double coverage, uptime; /* shares, 1 when not given */
    struct rd_settings set;  /* options of the defense; paths in it are resolved by the campaign */
    const char *owner;
    double effort_days;           /* once, to put it in place; NaN: nobody said */
    const char *quarter;          /* "2027-Q1": not before it; NULL */
    struct rd_refs prerequisites; /* controls that must be in place before; key `requires` */
    /* A year, beside cost_per_year: what else it takes. */
    struct rd_uncertain cost_license, cost_people, cost_latency, cost_false_blocks;
    int64_t retest_days; /* after it is in place, until its effect is measured again */
    const struct rd_expects *expects;
    size_t n_expects;
    struct rd_place at;
};

struct rd_test_decl {
    const char *id, *name;
    const char *threat, *attack; /* threat: "<rule>@<element or flow id>" */
    int actor, artifact;
    const char *norm;      /* "linf" | "l2" | NULL: the attack's first */
    const char *surrogate; /* "none" | "straight-through" | NULL: none */
    double criterion;      /* NaN: from the rule */
    int64_t runs;          /* 0: from the attack */
    struct rd_settings set;
    struct rd_place at;
};

enum rd_manipulation { RD_MANIPULATION_NONE, RD_MANIPULATION_DIGITAL, RD_MANIPULATION_PRINTED };
struct rd_scenario {
    const char *id, *name, *threat;
    int actor;
    struct rd_uncertain attempts_per_year; /* 1 when nobody said: given is false */
    const char *loss_when;                 /* expression text: boolean */
    struct rd_place loss_when_at;
    const char *magnitude; /* expression text: number, in currency; NULL: nobody said */
    struct rd_place magnitude_at;
    bool has_secondary;
    struct rd_uncertain secondary_probability, secondary_magnitude;
    enum rd_manipulation manipulation;
    int64_t objects, queries_per_object; /* 0 when not given */
    /* poison: what one campaign gets in, decisions it can touch, how long */
    struct rd_uncertain samples, decisions_per_day, dwell_days;
    struct rd_uncertain candidates, prior; /* infer: records asked about, share of members */
    bool has_observed; /* campaigns counted in so many years, each noticed with that chance */
    double observed_attempts, observed_losses; /* NaN when not given */
    double observed_years;
    struct rd_uncertain observed_detection;
    struct rd_uncertain susceptibility; /* by an expert: where nothing was tried */
    struct rd_uncertain per_loss;       /* drawn anew for each loss, besides magnitude */
    struct rd_uncertain stronger; /* u: S = S_tried + (1 - S_tried) u; key `untried_stronger` */
    struct rd_place at;
};
struct rd_appetite {
    double loss, probability;
    struct rd_place at;
};
struct rd_decision { /* an entry of states: */
    const char *threat, *decision, *by, *until, *why, *ticket;
    struct rd_place at;
};

struct rd_scope {
    bool given;
    const char *owner, *authorization;
    const char *const *hosts;
    size_t n_hosts;
    double max_requests_per_second, max_spend; /* NaN when not given */
};

struct rd_system {
    const char *path;   /* of the file, as given */
    const char *folder; /* that holds it */
    const char *name, *currency;
    const char *today; /* as rd_system_options has it, or NULL */
    struct rd_scope scope;
    const struct rd_boundary *boundaries;
    size_t n_boundaries;
    const struct rd_element *elements;
    size_t n_elements;
    const struct rd_flow *flows;
    size_t n_flows;
    const struct rd_asset *assets;
    size_t n_assets;
    const struct rd_actor *actors;
    size_t n_actors;
    const struct rd_artifact *artifacts;
    size_t n_artifacts;
    const struct rd_control *controls;
    size_t n_controls;
    const struct rd_test_decl *tests;
    size_t n_tests;
    const struct rd_scenario *scenarios;
    size_t n_scenarios;
    const struct rd_appetite *appetite;
    size_t n_appetite;
    struct rd_uncertain accuracy_point_per_year; /* of a model, in currency */
    /* risk.roadmap: how controls are chosen and put in order */
    double roadmap_budget;           /* a year, all costs together; NaN: none */
    int roadmap_tail;                /* 0: expected loss (`ale`), 1: its tail (`tvar`) */
    const char *roadmap_start;       /* "2027-Q1": the first quarter that can be filled; NULL */
    double roadmap_days_per_quarter; /* of effort; NaN: no limit */
    const struct rd_decision *decisions;
    size_t n_decisions;
    int version; /* that the file says: older than RD_SYSTEM_VERSION was migrated in memory */
    const struct rd_problem *notes; /* no mistakes, and may go wrong later: to be told */
    size_t n_notes;
    const struct rd_system_index *index; /* ids, for the look-ups below */
};

/* Quarters since year 0 of "2027-Q1"; RD_NONE when it is none. */
int rd_quarter_number(const char *text);

/* Its last day is over: it counts no more. */
bool rd_decision_expired(const struct rd_system *s, const struct rd_decision *d);

struct rd_problem { /* one thing wrong with the file */
    struct rd_place at;
    const char *text; /* what was expected, what was found, nearest valid word; safe to print */
};
struct rd_problems {
    const struct rd_problem *item;
    size_t n;
};

struct rd_system_options {
    bool allow_outside; /* artifact paths may leave the folder */
    const char *const
        *overrides; /* "ID=PATH" or "ID.KEY=PATH", --artifact; relative to the current folder */
    size_t n_overrides;
    bool fragment; /* a miniature inside another file: `version` may be left out */
    /* Registries that live on higher floors, injected by cli/ (NULL: not checked). */
    const struct rd_option *(*attack_options)(const char *name); /* NULL return: no such attack */
    const struct rd_option *(*defense_options)(const char *name);
    const char *const *attack_names;  /* for "did you mean"; may be NULL */
    const char *const *control_kinds; /* every kind of control there is: defenses and those the
                                         rules know; NULL: not checked */
    const char *const *rule_ids;      /* NULL: the rule of a threat id is not checked */
    const struct rd_limits *limits;   /* NULL: rd_limits_default */
    const char *today; /* YYYY-MM-DD: decisions that ended before it do not count; NULL: all do */
};

/*
 * Read, migrate in memory, check, resolve. path: the file or its folder. On RD_E_INPUT with
 * problems_out->n > 0 the problems say all that is wrong; the error's first frame repeats the first
 * one.
 */
rd_status rd_system_load(const char *path, const struct rd_system_options *options,
    struct rd_arena *arena, struct rd_system **system_out, struct rd_problems *problems_out,
    struct rd_error *err);
/* The same from bytes; name for messages, folder to resolve paths. */
rd_status rd_system_parse(const char *name, const char *folder, const void *bytes, size_t size,
    const struct rd_system_options *options, struct rd_arena *arena, struct rd_system **system_out,
    struct rd_problems *problems_out, struct rd_error *err);

/* The same from a map already read: the miniature systems of a rule. doc must live as long as
 * arena; it may be changed. */
rd_status rd_system_read_doc(const char *name, const char *folder, struct rd_doc *doc,
    const struct rd_system_options *options, struct rd_arena *arena, struct rd_system **system_out,
    struct rd_problems *problems_out, struct rd_error *err);

/*
 * Rewrite an older file as the current version: only the spans that change are replaced, comments
 * stay. *changed_out is false, and out untouched, when the file is current already.
 */
rd_status rd_system_migrate_text(const char *name, const void *bytes, size_t size,
    struct rd_buf *out, int *from_out, bool *changed_out, struct rd_error *err);

/* Index by id, RD_NONE when there is none. */
int rd_system_element(const struct rd_system *s, const char *id);
int rd_system_flow(const struct rd_system *s, const char *id);
int rd_system_artifact(const struct rd_system *s, const char *id);
int rd_system_actor(const struct rd_system *s, const char *id);
int rd_system_asset(const struct rd_system *s, const char *id);
int rd_system_control(const struct rd_system *s, const char *id);

/* Value of an element's property: NULL when not given (which means unknown). */
const char *rd_element_property(const struct rd_element *e, const char *name);
/* Does a flow cross a trust boundary (its ends are in different boundaries)? */
bool rd_flow_crosses(const struct rd_system *s, const struct rd_flow *f);

/* JSON Schema (draft 2020-12) of redoubt.yaml, from the same tables the checker uses. */
void rd_system_schema(struct rd_buf *out);
/* The same facts as Markdown: docs/reference/redoubt-yaml.md. */
void rd_system_reference(struct rd_buf *out);

#endif
