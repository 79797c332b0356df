/*
 * fields.h - the tables that say what redoubt.yaml may hold; for the files of system/ alone.
 *
 * One row a key. The reader (read.c), the schema (schema.c) and the reference page (reference.c)
 * all walk these rows, so a key exists everywhere or nowhere.
 */
#ifndef RD_SYSTEM_FIELDS_H
#define RD_SYSTEM_FIELDS_H

#include "system/system.h"

/* What stands behind a key, and the type of the field it lands in. */
enum rd_field_kind {
    RD_F_END,
    RD_F_VERSION,    /* int                                                             */
    RD_F_ID,         /* const char *                                                    */
    RD_F_TEXT,       /* const char *                                                    */
    RD_F_CURRENCY,   /* const char *: three capital letters                             */
    RD_F_DATE,       /* const char *: YYYY-MM-DD                                        */
    RD_F_QUARTER,    /* const char *: YYYY-Qn                                           */
    RD_F_WORD,       /* const char *: one of words                                      */
    RD_F_ENUM,       /* int-sized enum: position in words                               */
    RD_F_TRI,        /* enum rd_tri                                                     */
    RD_F_INT,        /* int64_t                                                         */
    RD_F_REAL,       /* double                                                          */
    RD_F_SHARE,      /* double in 0..1                                                  */
    RD_F_AMOUNT,     /* struct rd_uncertain, lognormal: money, counts, rates, days      */
    RD_F_CHANCE,     /* struct rd_uncertain, logit-normal: a probability                */
    RD_F_REF,        /* int: index in the list that `space` names                       */
    RD_F_REFS,       /* struct rd_refs: several of them                                 */
    RD_F_PART,       /* int at offset: element; int at offset2: flow                    */
    RD_F_THREAT,     /* const char *: "<rule>@<element or flow id>"                     */
    RD_F_TEXTS,      /* const char *const *; size_t at offset2                          */
    RD_F_HOSTS,      /* the same, each host[:port]                                      */
    RD_F_INTS,       /* const int64_t *; size_t at offset2                              */
    RD_F_URL,        /* const char *: http:// or https://, no user, no fragment         */
    RD_F_ACCESS,     /* unsigned: mask of RD_ACCESS_*, closed under implication         */
    RD_F_TYPE,       /* const struct rd_element_type *                                  */
    RD_F_PROPERTIES, /* struct rd_settings, checked against the type at offset2         */
    RD_F_ATTACK,     /* const char *: an attack, when the registry is known             */
    RD_F_CONTROL,    /* const char *: a kind of control, when those are known           */
    RD_F_SET,        /* struct rd_settings, for the attack or control named at offset2: */
                     /* `space` RD_SPACE_TEST or RD_SPACE_CONTROL says which of them     */
    RD_F_PATH,       /* const char *: resolved                                          */
    RD_F_RANGE,      /* int64_t[2]; bool at offset2                                     */
    RD_F_EXPR,       /* const char *; struct rd_place at offset2; min: enum rd_expr_type */
    RD_F_MAP,        /* fields of `sub`, in the same struct; bool at offset2 unless RD_F_NONE */
    RD_F_LIST        /* const T *, T of sub->size; size_t at offset2                    */
};

/* Where ids live, one list each; an id of RD_SPACE_PART may name an element or a flow. */
enum rd_space {
    RD_SPACE_NONE,
    RD_SPACE_BOUNDARY,
    RD_SPACE_ELEMENT,
    RD_SPACE_FLOW,
    RD_SPACE_ASSET,
    RD_SPACE_ACTOR,
    RD_SPACE_ARTIFACT,
    RD_SPACE_CONTROL,
    RD_SPACE_TEST,
    RD_SPACE_SCENARIO,
    RD_SPACES
};

enum { RD_F_REQUIRED = 1 };
#define RD_F_NONE ((size_t)-1)

struct rd_section;

struct rd_field {
    enum rd_field_kind kind;
    unsigned flags;    /* RD_F_REQUIRED                                             */
    unsigned variants; /* mask of the section's variants that have the key; 0: all  */
    const char *key;
    const char *unless;       /* required only where that key is not given; NULL: always   */
    const char *preset;       /* value when left out, in the user's syntax; NULL: none     */
    double min, max;          /* inclusive, of numbers                                     */
    const char *unit;         /* "currency", "days", ... or NULL                           */
    const char *const *words; /* NULL-terminated                                           */
    enum rd_space space;
    const struct rd_section *sub;
    size_t offset, offset2;
    const char *help; /* one line, lower case, no full stop                        */
};

struct rd_section {
    const char *name, *help;       /* "element"; one line */
    const struct rd_field *fields; /* ends with RD_F_END */
    size_t size;                   /* of the struct of a list's items */
    size_t at;                     /* offset of its struct rd_place, or RD_F_NONE */
    enum rd_space space;           /* of its ids */
    const char *variant_key;       /* key whose word picks the variant, or NULL */
};

extern const struct rd_section rd_section_file; /* the whole file, lands in struct rd_system */
extern const struct rd_section
    rd_section_uncertain;                   /* {low, high, provenance, ...}: struct rd_uncertain */
extern const char *const rd_access_words[]; /* in the order of the bits of RD_ACCESS_* */

/* What an id of this space is called in a message ("element"). */
const char *rd_space_name(enum rd_space space);

#endif
