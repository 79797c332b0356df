/*
 * scenario_names.h - the words that `loss_when` and `magnitude` may use.
 *
 * The checker and risk/ both compile these expressions; they agree because both take their names
 * from here. A word is a measure of the scenario's campaign, an asset id (its value), or a
 * property: `<property>` of the element that the scenario's threat names, or `<element
 * id>.<property>` of any.
 */
#ifndef RD_SYSTEM_SCENARIO_NAMES_H
#define RD_SYSTEM_SCENARIO_NAMES_H

#include "base/expr.h"
#include "system/system.h"

enum rd_measure {
    RD_MEASURE_SUCCESSES,  /* evade: objects of the campaign on which it succeeded */
    RD_MEASURE_OBJECTS,    /* evade: objects it tried                              */
    RD_MEASURE_QUERIES,    /* rows it spent                                        */
    RD_MEASURE_UTILITY,    /* extract: share of the gap to perfect agreement closed, 0..1 */
    RD_MEASURE_FIDELITY,   /* extract: share of equal labels, 0..1                 */
    RD_MEASURE_KAPPA,      /* extract: chance-corrected agreement, -1..1           */
    RD_MEASURE_ACCURACY,   /* extract: of the copy on the true labels, 0..1        */
    RD_MEASURE_ASR,        /* poison: attack success of the victim less the clean model's, 0..1 */
    RD_MEASURE_DROP,       /* poison: clean accuracy lost, -1..1                     */
    RD_MEASURE_SAMPLES,    /* poison: samples that survive screening                 */
    RD_MEASURE_DAYS,       /* poison: dwell time                                     */
    RD_MEASURE_DECISIONS,  /* poison: decisions_per_day x days                       */
    RD_MEASURE_TPR,        /* infer: at the attack's false-positive rate             */
    RD_MEASURE_FPR,        /* infer: that rate, as measured                          */
    RD_MEASURE_AUC,        /* infer                                                  */
    RD_MEASURE_PPV,        /* infer: prior tpr / (prior tpr + (1 - prior) fpr)       */
    RD_MEASURE_DISCLOSED,  /* infer: candidates x prior x tpr                        */
    RD_MEASURE_CANDIDATES, /* infer: records asked about                            */
    RD_MEASURES
};
struct rd_measure_word {
    const char *name;
    unsigned kinds; /* mask of 1u << rd_attack_kind that have it */
    const char *help;
};
extern const struct rd_measure_word rd_measure_words[RD_MEASURES];
/* Does it count something? A magnitude that multiplies by it makes an asset a value of one unit. */
bool rd_measure_is_count(enum rd_measure m);

struct rd_scenario_names {
    const struct rd_system *system;
    const struct rd_scenario *scenario;
    unsigned
        kinds; /* kinds of attack it may be about, as above; measures of others are unknown names */
    const char *const *words; /* NULL-terminated, for "did you mean" */
};

/* What a slot of a compiled expression stands for. */
enum rd_word_kind { RD_WORD_MEASURE, RD_WORD_ASSET, RD_WORD_PROPERTY };
struct rd_scenario_word {
    enum rd_word_kind kind;
    enum rd_measure measure;
    int asset;
    int element;
    struct rd_value
        value; /* of a property; unknown when the file does not say. The checker refuses those. */
};

/* kinds 0: any. Lives in the arena. RD_E_MEMORY only. */
rd_status rd_scenario_names_init(struct rd_scenario_names *names, const struct rd_system *system,
    const struct rd_scenario *scenario, unsigned kinds, struct rd_arena *arena,
    struct rd_error *err);
/* For rd_expr_compile; names must outlive it. */
struct rd_expr_env rd_scenario_env(const struct rd_scenario_names *names);
struct rd_scenario_word rd_scenario_word_at(const struct rd_scenario_names *names, size_t slot);

#endif
