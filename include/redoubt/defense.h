/* defense.h - what a defense declares about itself. */
#ifndef REDOUBT_DEFENSE_H
#define REDOUBT_DEFENSE_H

#include <redoubt/attack.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { RD_DEFENSE_ABI = 2 };

/* The node of the risk model a control acts on. */
enum rd_node {
    RD_NODE_ATTEMPTS = 1,
    RD_NODE_ACTION,
    RD_NODE_SUSCEPTIBILITY,
    RD_NODE_MAGNITUDE,
    RD_NODE_DWELL
};

struct rd_target;
struct rd_treatment;
struct rd_run;

/*
 * The attacker who knows the control (CONTRACTS section 5): the named attack with these settings
 * laid over the test's own. With no settings at all, the attack as bound already works on the
 * defended system itself (a swapped file: its gradients are the new file's), so plain and aware run
 * are one.
 */
enum { RD_AWARE_SETS = 4 };
struct rd_aware {
    const char *attack; /* "copycat"; NULL ends the table */
    struct rd_aware_set {
        const char *name, *value; /* option of that attack; name NULL ends the list */
    } set[RD_AWARE_SETS + 1];
    const char *why; /* one line: what this attacker does */
};

struct rd_defense {
    unsigned abi;        /* RD_DEFENSE_ABI */
    const char *name;    /* "rounding": the control's kind in redoubt.yaml */
    const char *summary; /* one line, at most 72 characters */
    const char *source;
    enum rd_node node;
    unsigned against;             /* mask of 1u << rd_attack_kind it can touch */
    bool innermost;               /* replaces the network itself: wrap it before all others */
    const struct rd_aware *aware; /* by attack; NULL: not adaptively tested */
    const struct rd_option *options;
    size_t options_size;
    /*
     * Stand in front of a target: *wrapped_out answers as the defended system would. It lives in
     * run->scratch and is used no longer than that and inner do; inner is left untouched.
     */
    rd_status (*wrap)(struct rd_run *run, const void *options, struct rd_target *inner,
        struct rd_target **wrapped_out);
    /*
     * Stand around training (target/recipe.h): leave rows out, or change how training goes. It
     * lives in run->scratch. A defense has wrap, treat or both; NULL: it has no such side.
     */
    rd_status (*treat)(
        struct rd_run *run, const void *options, const struct rd_treatment **treatment_out);
};

extern const struct rd_defense
    *const rd_defenses[]; /* NULL-terminated, in the order of defenses.def */
const struct rd_defense *rd_defense_find(const char *name);
const char *rd_defense_nearest(const char *name); /* for "did you mean"; or NULL */
const char *rd_node_name(enum rd_node node);      /* "susceptibility", ... */
/* How the attack called name goes about this defense, or NULL: print "not adaptively tested". */
const struct rd_aware *rd_defense_aware(const struct rd_defense *defense, const char *attack);

#ifdef __cplusplus
}
#endif
#endif
