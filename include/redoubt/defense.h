/* defense.h - what a defense declares about itself. */
#ifndef REDOUBT_DEFENSE_H
#define REDOUBT_DEFENSE_H

#include <redoubt/attack.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { RD_DEFENSE_ABI = 1 };

/* The node of the risk model a control acts on. */
enum rd_node { RD_NODE_ATTEMPTS = 1, RD_NODE_ACTION, RD_NODE_SUSCEPTIBILITY, RD_NODE_MAGNITUDE, RD_NODE_DWELL };

struct rd_target;

struct rd_defense {
    unsigned abi; /* RD_DEFENSE_ABI */
    const char *name;    /* "rounding": the control's kind in redoubt.yaml */
    const char *summary; /* one line, at most 72 characters */
    const char *source;
    enum rd_node node;
    unsigned against;        /* mask of 1u << rd_attack_kind it can touch */
    const char *attacked_by; /* its control-aware attack ("copycat labels=yes"), or NULL: not adaptively tested */
    const char *attacked_by_why; /* one line: what the aware attacker does */
    const struct rd_option *options;
    size_t options_size;
    /*
     * Stand in front of a target: *wrapped_out answers as the defended system would. It lives in run's arena
     * given as `arena`, and leaves inner untouched.
     */
    rd_status (*wrap)(struct rd_run *run, const void *options, struct rd_target *inner,
        struct rd_target **wrapped_out);
};

extern const struct rd_defense *const rd_defenses[]; /* NULL-terminated */
const struct rd_defense *rd_defense_find(const char *name);

#ifdef __cplusplus
}
#endif
#endif
