/*
 * wrap.h - what every defense in front of a target begins with: a target that passes everything on.
 *
 * A defense at the endpoint changes what the endpoint says. It does not reach an attacker who holds
 * the model file: gradients pass unchanged.
 */
#ifndef RD_DEFENSES_LIB_WRAP_H
#define RD_DEFENSES_LIB_WRAP_H

#include "target/target.h"

/*
 * Rows of an aware table: what gets around whatever a defense does to scores is to ask for labels.
 * why: of the thefts, one line.
 */
#define RD_AWARE_BY_LABELS(why)                                                                    \
    { "copycat", { { "signal", "labels" } }, why },                                                \
        { "knockoff", { { "signal", "labels" } }, why },                                           \
        { "membership-loss", { { "signal", "labels" } },                                           \
            "asks for the label alone, which is right on members more often" },                    \
    {                                                                                              \
        "attribute-inference", { { "signal", "labels" } }, "reads the label alone"                 \
    }

/* First member of a defense's own state. */
struct rd_wrapped {
    struct rd_target target;
    struct rd_target *inner;
};

/*
 * Describe inner, pass everything on, and add one line to its controls. The text is canonical: name
 * and settings, no path. Then a defense replaces the entries it changes.
 */
rd_status rd_wrap_init(struct rd_run *run, struct rd_wrapped *w, struct rd_target *inner,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Scores of inner as probabilities, whatever it answers. */
rd_status rd_wrap_probabilities(
    const struct rd_wrapped *w, const float *x, size_t n, float *score, struct rd_error *err);

#endif
