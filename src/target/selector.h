/*
 * selector.h - where in a JSON answer the numbers stand: "predictions[*].scores",
 * "$.outputs[0].data".
 *
 *   selector: "$"? step*     step: "." name | "[" index "]" | "[*]" | "['" any name "']"
 *
 * A name may come first without its dot. [*] goes through every item of a list (or every value of
 * an object) and gives the list of what the rest selects in each.
 */
#ifndef RD_TARGET_SELECTOR_H
#define RD_TARGET_SELECTOR_H

#include "base/arena.h"

#include <redoubt/error.h>

#include <jansson.h>

enum { RD_SELECTOR_STEPS = 16, RD_SELECTOR_TEXT = 512 };

struct rd_selector {
    const char *text;
    size_t n;
    struct rd_selector_step {
        const char *name; /* NULL: index or every */
        size_t index;
        bool every;
        int at; /* offset in text, for messages */
    } step[RD_SELECTOR_STEPS];
};

/* RD_E_USAGE with the position of what is wrong. */
rd_status rd_selector_parse(
    const char *text, struct rd_arena *arena, struct rd_selector *out, struct rd_error *err);
/* A new reference. RD_E_INPUT names the step that finds nothing. */
rd_status rd_selector_apply(
    const struct rd_selector *s, json_t *root, json_t **found_out, struct rd_error *err);

#endif
