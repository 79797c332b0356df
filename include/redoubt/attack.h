/* attack.h - what an attack declares about itself, and what it may touch while it runs. */
#ifndef REDOUBT_ATTACK_H
#define REDOUBT_ATTACK_H

#include <redoubt/option.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { RD_ATTACK_ABI = 1 };

/* What the attacker holds: a mask. FILES implies gradients, scores and labels. */
enum rd_access {
    RD_ACCESS_LABELS = 1,    /* top-1 label of each query                */
    RD_ACCESS_SCORES = 2,    /* all output scores                        */
    RD_ACCESS_GRADIENTS = 4, /* vector-Jacobian products                 */
    RD_ACCESS_TEXT = 8,      /* prompts in, text out                     */
    RD_ACCESS_DATA = 16,     /* may change training data                 */
    RD_ACCESS_FILES = 32     /* the model file itself                    */
};
enum rd_norm { RD_L0 = 1, RD_L1 = 2, RD_L2 = 4, RD_LINF = 8 };
enum rd_attack_kind { RD_EVADE = 1, RD_POISON, RD_EXTRACT, RD_INFER };

/*
 * The target as the attack may see it. Entries above the declared access are NULL during the run.
 * Every row is counted by the harness; when the budget is spent a call fails with RD_E_LIMIT.
 */
struct rd_oracle {
    void *self;
    size_t inputs;  /* floats per example */
    size_t classes; /* scores per example */
    float low, high; /* the box every input must stay in */
    rd_status (*labels)(void *self, const float *x, size_t n, int *label, struct rd_error *err);
    /* (n, classes): what the endpoint returns, logits or probabilities */
    rd_status (*scores)(void *self, const float *x, size_t n, float *score, struct rd_error *err);
    /* grad (n, inputs) = d sum(cotangent * logits) / d x; cotangent (n, classes) */
    rd_status (*vjp)(void *self, const float *x, const float *cotangent, size_t n, float *grad,
        struct rd_error *err);
    /* grad (n, inputs) and loss (n, may be NULL) of the cross-entropy of the logits; present with vjp */
    rd_status (*loss_gradient)(void *self, const float *x, const int *label, size_t n, float *grad,
        float *loss, struct rd_error *err);
};

struct rd_run;
struct rd_evade_job;
struct rd_extract_job;

struct rd_attack {
    unsigned abi; /* RD_ATTACK_ABI, checked first */
    enum rd_attack_kind kind;
    const char *name;    /* "pgd": command word, file name, doc anchor     */
    int version;         /* raised when results change                     */
    const char *summary; /* one line, at most 72 characters                */
    const char *source;  /* who says so: paper, section, identifier        */
    const char *departs; /* where it departs from the source, or NULL      */
    const char *atlas;   /* MITRE ATLAS technique, e.g. "AML.T0043.000"    */
    unsigned access;     /* mask of what it needs                          */
    unsigned norms;      /* mask of rd_norm; 0 when it has none            */
    const struct rd_option *options;
    size_t options_size; /* sizeof the struct the options fill             */
    /* Exactly one, by kind. The harness, never the attack, clips, re-queries, measures and calls success. */
    rd_status (*evade)(struct rd_run *run, const struct rd_oracle *oracle, const void *options,
        struct rd_evade_job *job);
    rd_status (*extract)(struct rd_run *run, const struct rd_oracle *oracle, const void *options,
        struct rd_extract_job *job);
};

/* NULL-terminated, in the order of src/attacks/attacks.def. */
extern const struct rd_attack *const rd_attacks[];
const struct rd_attack *rd_attack_find(const char *name);

#ifdef __cplusplus
}
#endif
#endif
