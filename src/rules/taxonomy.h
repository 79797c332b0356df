/*
 * taxonomy.h - the ids of published lists, pinned by edition (catalog/taxonomies, made by
 * tools/make_taxonomies).
 *
 * Ids and titles are the lists' own; a row of kind "retired" names the id that took its place.
 */
#ifndef RD_RULES_TAXONOMY_H
#define RD_RULES_TAXONOMY_H

#include "base/arena.h"
#include "base/embed.h"

#include <redoubt/error.h>

#include <stddef.h>

struct rd_control_kind; /* rules/threat.h */

struct rd_taxonomy_row {
    const char *list, *edition; /* "MITRE ATLAS", "2026.09" */
    const char *kind; /* "technique", "risk", "weakness", "control", "retired", ...      */
    const char *id, *title;
    const char *within;    /* tactics of a technique (';' between), parent of a sub-technique,
                              "stage;acts" of a control kind */
    const char *successor; /* of a retired id, else ""                                        */
};
struct rd_taxonomies {
    const struct rd_taxonomy_row *row; /* in the order of the files */
    size_t n;
    const struct rd_control_kind *control; /* rules/threat.h; sorted by id */
    size_t n_controls;
};
#define RD_CONTROLS_LIST "Redoubt controls"

/* Reads every "taxonomies/<name>.csv" of the catalog. RD_E_INPUT names file, line and what was
 * expected. */
rd_status rd_taxonomies_read(const struct rd_embedded *catalog, struct rd_arena *arena,
    struct rd_taxonomies *taxonomies_out, struct rd_error *err);
/* The six stages of a model's life and the three things a control does, each NULL at the end. */
extern const char *const rd_stages[], *const rd_control_acts[];
/* edition NULL: any edition. NULL when there is no such row; retired rows are found too. */
const struct rd_taxonomy_row *rd_taxonomy_find(
    const struct rd_taxonomies *taxonomies, const char *list, const char *edition, const char *id);
/*
 * A current id, or an error at `where` ("catalog/rules/x.yaml:9:5") that says what is wrong:
 * unknown list, another edition, a retired id with its successor, or the nearest id there is.
 */
rd_status rd_taxonomy_check(const struct rd_taxonomies *taxonomies, const char *where,
    const char *list, const char *edition, const char *id, const struct rd_taxonomy_row **row_out,
    struct rd_error *err);

#endif
