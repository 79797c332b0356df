/* attack.h - what an attack declares about itself, and what it may touch while it runs. */
#ifndef REDOUBT_ATTACK_H
#define REDOUBT_ATTACK_H

#include <redoubt/option.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { RD_ATTACK_ABI = 2 };

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
 * A batch of questions. who[i] says which example of the job row i is tried for, so that each
 * example's spending and its first success are counted; NULL: row i is for example i. Extraction
 * has no examples: NULL.
 */
struct rd_rows {
    const float *x; /* (n, inputs), finite */
    size_t n;
    const size_t *who;
};

/*
 * The target as the attack may see it. Entries beyond the declared access, the actor's access and
 * what the target gives are NULL during the run. Every row is counted by the harness, gradient rows
 * too; a call that would pass the budget fails with RD_E_LIMIT before the target is asked.
 */
struct rd_oracle {
    void *self;
    size_t inputs;                 /* floats per example                      */
    size_t classes;                /* scores per example                      */
    float low, high;               /* the box every input must stay in        */
    bool scores_are_probabilities; /* else logits                            */
    rd_status (*labels)(void *self, const struct rd_rows *rows, int *label, struct rd_error *err);
    /* (n, classes): what the endpoint returns, logits or probabilities */
    rd_status (*scores)(void *self, const struct rd_rows *rows, float *score, struct rd_error *err);
    /* grad (n, inputs) = d sum(cotangent * logits) / d x; cotangent (n, classes) */
    rd_status (*vjp)(void *self, const struct rd_rows *rows, const float *cotangent, float *grad,
        struct rd_error *err);
    /* grad (n, inputs) and loss (n, may be NULL) of the cross-entropy of the logits against label
     * (n) */
    rd_status (*loss_gradient)(void *self, const struct rd_rows *rows, const int *label,
        float *grad, float *loss, struct rd_error *err);
};

/*
 * What an attack spends at most: one evasion of n examples, one theft with a pool of n rows, one
 * poisoning of n training rows or one inference about n examples (the victim's own training, which
 * the harness does, not counted).
 */
struct rd_cost {
    double rows;       /* labels and scores asked */
    double gradients;  /* rows of vector-Jacobian products */
    double train_rows; /* rows passed through training, all epochs counted */
};

/* What an inference attack asks about the training data. */
enum rd_infer_task {
    RD_INFER_MEMBERSHIP = 1, /* was this example trained on?                     */
    RD_INFER_ATTRIBUTE,      /* what is the hidden feature of this example?      */
    RD_INFER_INVERSION       /* what does a typical example of this class look like? */
};

struct rd_run;
struct rd_evade_job;
struct rd_poison_job;
struct rd_profile_job;
struct rd_extract_job;
struct rd_infer_job;

struct rd_attack {
    unsigned abi; /* RD_ATTACK_ABI, checked first */
    enum rd_attack_kind kind;
    const char *name;    /* "pgd": command word, file name, doc anchor     */
    int version;         /* raised when results change                     */
    const char *summary; /* one line, at most 72 characters                */
    const char *source;  /* who says so: paper, section, identifier        */
    const char *departs; /* where it departs from the source, or NULL      */
    const char *atlas;   /* MITRE ATLAS technique, e.g. "AML.T0043.000"    */
    unsigned access;     /* mask of what it needs at least                 */
    unsigned norms;      /* mask of rd_norm; 0 when it has none            */
    const struct rd_option *options;
    size_t options_size; /* sizeof the struct the options fill             */
    /* Exactly one, by kind. The harness, never the attack, clips, re-queries, measures and calls
     * success. */
    rd_status (*evade)(struct rd_run *run, const struct rd_oracle *oracle, const void *options,
        struct rd_evade_job *job);
    rd_status (*extract)(struct rd_run *run, const struct rd_oracle *oracle, const void *options,
        struct rd_extract_job *job);
    /* RD_POISON has one of two: training examples, or profiles of a recommender. It gets no oracle:
     * the attacker acts before there is a model. */
    rd_status (*poison)(struct rd_run *run, const void *options, struct rd_poison_job *job);
    rd_status (*inject)(struct rd_run *run, const void *options, struct rd_profile_job *job);
    rd_status (*infer)(struct rd_run *run, const struct rd_oracle *oracle, const void *options,
        struct rd_infer_job *job);
    bool minimizes; /* evade: looks for the nearest misclassified input, so that one run serves
                       every radius; its option eps is what counts as near, 0: any distance */
    enum rd_infer_task task; /* RD_INFER only */
    bool triggers;           /* RD_POISON: it leaves a backdoor, with mask and pattern */
    bool screen;             /* a finding counts, the absence of one does not: it never lowers a
                                threat */
    /* Access that these options need; NULL: the mask above, whatever the options. Pure. */
    unsigned (*needs)(const void *options);
    /* With these options, for the estimate: at most so much. Pure. */
    void (*cost)(const void *options, size_t n, struct rd_cost *cost_out);
};

/* NULL-terminated, in the order of src/attacks/attacks.def. */
extern const struct rd_attack *const rd_attacks[];
const struct rd_attack *rd_attack_find(const char *name);
unsigned rd_attack_needs(const struct rd_attack *attack, const void *options);
/* The nearest known name, or NULL: for "did you mean". */
const char *rd_attack_nearest(const char *name);
const char *rd_attack_kind_name(enum rd_attack_kind kind); /* "evade", "extract", ... */
const char *rd_norm_name(enum rd_norm norm);               /* "linf", "l2", ... */
const char *rd_access_name(enum rd_access one);            /* "labels", ... */

#ifdef __cplusplus
}
#endif
#endif
