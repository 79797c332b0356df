/*
 * campaign.h - threats bound to tests, tests run, controls switched on and the same tests run
 * again.
 *
 * bind.c finds out what to run (CONTRACTS: binding), run.c runs it through the store so that
 * nothing is done twice, effect.c compares before with after, status.c says what each threat's
 * state now is.
 */
#ifndef RD_CAMPAIGN_CAMPAIGN_H
#define RD_CAMPAIGN_CAMPAIGN_H

#include "attacks/harness.h"
#include "evidence/record.h"
#include "rules/threat.h"
#include "system/system.h"

#include <redoubt/attack.h>
#include <redoubt/defense.h>

struct rd_bound_test {
    const char *id; /* the declared one, or "<threat>:<attack>" */
    const struct rd_threat *threat;
    const struct rd_attack *attack;
    const void *options;          /* resolved */
    int actor, model, eval, pool; /* actor and artifact indices; RD_NONE when there is none */
    int recipe;                   /* poison, infer: artifact index of the training; else RD_NONE */
    int serves;                   /* element whose answers the attacker sees; RD_NONE: none */
    /* poison, infer: (n_elements) at or before the training and the threatened element: where a
     * control around training may stand */
    const bool *upstream;
    enum rd_norm norm;
    bool straight_through; /* gradients go through what has none */
    double criterion;
    size_t runs;         /* 0: as many as the attack's option says */
    double budget_rows;  /* rows the actor can pay for, 0: no bound */
    const char *untried; /* why it cannot run, or NULL */
    bool declared;       /* in the file; else the rule's own */
};

/* A proposed or active control on a test it touches. */
struct rd_retest {
    int control; /* index in system->controls */
    const struct rd_defense *defense;
    const struct rd_record
        *without; /* the system without this control: the test's record when it is proposed */
    const struct rd_record *plain; /* the same attack, control on */
    const struct rd_record
        *aware; /* the attack that knows the control; NULL: not adaptively tested */
    const struct rd_record
        *worse; /* whichever of the two is better for the attacker: this one counts */
    struct rd_interval before, after; /* success share (example units) or mean metric (run units) */
    struct rd_interval effect;        /* before - after, paired; positive: the control helps */
    const char *adaptive;             /* name of the aware attack, or "not adaptively tested" */
    double utility_before, utility_after; /* clean accuracy without and with the control */
    const char *effect_reason;            /* why the interval is null, or NULL */
    char without_key[65], worse_key[65];  /* of the records without it, and of worse */
};

enum {
    RD_RETESTS_MAX = 1000
}; /* controls tried on one test; the others are left out, with a warning */

struct rd_tested {
    const struct rd_bound_test *test;
    const struct rd_record *record; /* with the active controls on; NULL when untried */
    const struct rd_retest *retests;
    size_t n_retests;
    bool reused;  /* record came from the store */
    char key[65]; /* of the record: also names its pictures */
};

enum rd_status_of_threat {
    RD_THREAT_UNTRIED,
    RD_THREAT_DEMONSTRATED,
    RD_THREAT_NOT_DEMONSTRATED,
    RD_THREAT_INCONCLUSIVE,
    RD_THREAT_CONTROLLED
};
const char *rd_threat_status_name(enum rd_status_of_threat s);

struct rd_threat_state { /* one for each threat of rd_threats, same order */
    enum rd_status_of_threat status;
    const char
        *text; /* "misclassified 912 of 1000 by pgd (linf, eps 0.3) with the model file" ... */
    const char *reason; /* of untried, or NULL */
    int tested;         /* index of the strongest test, RD_NONE */
};

struct rd_campaign {
    const struct rd_system *system;
    const struct rd_threats *threats;
    const struct rd_threat_state *states;
    const struct rd_tested *tested;
    size_t n_tested;
};

/* Everything below lives in the arena given. */

/*
 * What there is to run: the declared tests, and one default test for each threat that no declared
 * test names, whose rule has proved_by and whose element has exactly one artifact the attack
 * accepts (CONTRACTS: binding). Attacks that train victims make default tests only in a file
 * without any declared test. A test that cannot run says why in `untried`. A declared test that
 * makes no sense (unknown attack, an actor without the access) is untried too, with its reason:
 * check says the same before.
 */
rd_status rd_campaign_bind(struct rd_run *run, const struct rd_system *system,
    const struct rd_threats *threats, struct rd_arena *arena,
    const struct rd_bound_test **tests_out, size_t *n_out);

struct rd_store;
struct rd_campaign_options {
    struct rd_store
        *store; /* where records are kept and looked up; NULL: measure everything, keep nothing */
    const char
        *pictures; /* folder for adversarial examples, "adv-<key>.npy"; NULL: none are kept */
    bool reuse; /* look up runs against endpoints and processes too, which may have changed since */
    bool stored_only; /* run nothing, ask nobody, keep nothing: a test without a record in the store
                         is untried, a re-test without one is left out */
    const char *run_json; /* canonical JSON for the `run` part of records: version, host */
};

/* A test of poisoning or inference that nobody declared and that does not fit (no feature is named,
 * too few rows, a recipe that learns nothing) becomes untried with that reason; a declared one is
 * an error. */
/* Run what is not yet in the store, with and without each control; then say what each threat's
 * state is. */
rd_status rd_campaign_run(struct rd_run *run, const struct rd_system *system,
    const struct rd_threats *threats, const struct rd_campaign_options *options,
    struct rd_arena *arena, struct rd_campaign *campaign_out);

/* What rd_campaign_run would do: attack runs (re-tests included), rows, seconds, money. */
struct rd_campaign_estimate {
    size_t tests, runs, reused;
    struct rd_estimate cost;
};
rd_status rd_campaign_estimate(struct rd_run *run, const struct rd_system *system,
    const struct rd_threats *threats, const struct rd_campaign_options *options,
    struct rd_arena *arena, struct rd_campaign_estimate *estimate_out);

/* before - after with its paired interval (effect.c): Newcombe for example units, t over seeds for
 * run units. */
void rd_campaign_effect(const struct rd_record *before, const struct rd_record *after,
    struct rd_interval *before_out, struct rd_interval *after_out, struct rd_interval *effect_out,
    const char **reason_out);

#endif
