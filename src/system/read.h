/*
 * read.h - one reading of redoubt.yaml: what is collected while the tables are walked; for system/
 * alone.
 */
#ifndef RD_SYSTEM_READ_H
#define RD_SYSTEM_READ_H

#include "system/fields.h"

/* Where in the file we are, for messages: "risk.scenarios.clone.loss_when". */
struct rd_crumb {
    const struct rd_crumb *up;
    const char *key;
    const char *id; /* of a list's item, NULL when it has none */
    size_t index;   /* of a list's item without id, from 1; 0: no item */
};

struct rd_id_entry {
    const char *id;
    int index;
    enum rd_space space;
    struct rd_place at;
    const struct rd_crumb *crumb;
};
struct rd_id_list {
    struct rd_id_entry *item; /* sorted by id once reading is over */
    size_t n, cap;
};
/* Kept in the system's arena: the sorted ids of each space. */
struct rd_system_index {
    struct rd_id_list list[RD_SPACES];
};

/* A name that must exist somewhere; looked up when everything has been read. */
struct rd_pending {
    enum rd_field_kind kind; /* RD_F_REF, RD_F_PART or RD_F_THREAT */
    enum rd_space space;
    const struct rd_crumb *crumb;
    const char *key, *text;
    struct rd_place at;
    int *target, *target2; /* NULL: only checked */
};

/* Where the last look into the bytes of the file ended: lines are asked for in rising order. */
struct rd_source_mark {
    size_t offset;
    int line;
    int restarts;
};

struct rd_reader {
    const char *name, *folder; /* folder NULL: paths are judged as text, nothing is looked up */
    const char *currency;      /* of the file, for messages; NULL: it says none that is one */
    const char *real_folder;   /* without symbolic links, NULL when that failed */
    const struct rd_system_options *options;
    struct rd_arena *arena;  /* of the result */
    struct rd_arena scratch; /* gone when reading is over */
    struct rd_system *system;
    struct rd_system_index *index;
    struct rd_problem *problem;
    size_t n_problems, cap_problems, more_problems, n_near;
    struct rd_problem *note; /* what may go wrong */
    size_t n_notes, cap_notes;
    const char *bytes; /* of the file, NULL: not at hand */
    size_t size;
    struct rd_source_mark mark;
    struct rd_pending *pending;
    size_t n_pending, cap_pending;
    bool *override_used; /* one for each --artifact */
    bool no_memory;      /* sticky; nothing is trusted after it */
};

/* --- problems.c --- */
/* Say that something is wrong at a place. crumb and key (which may be NULL) name it. */
void rd_problem_add(struct rd_reader *r, struct rd_place at, const struct rd_crumb *crumb,
    const char *key, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* What is no mistake and may go wrong later. */
void rd_note_add(struct rd_reader *r, struct rd_place at, const struct rd_crumb *crumb,
    const char *key, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* The same, with "; did you mean 'x'?" when one of the words is near. */
void rd_problem_near(struct rd_reader *r, struct rd_place at, const struct rd_crumb *crumb,
    const char *key, const char *word, const char *const *words, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));
/* What stands there, in words: 'abc', nothing, a list, a map. Buffer of RD_FOUND. */
enum { RD_FOUND = 96 };
const char *rd_found(const struct rd_doc *doc, char out[RD_FOUND]);
/* "model, dataset or training" into out. */
const char *rd_words_in(char *out, size_t size, const char *const *words);
/* Sort by place, copy into the arena. */
rd_status rd_problems_finish(struct rd_reader *r, struct rd_problems *out, struct rd_error *err);
/* Grow *items so that one more fits; false (and r->no_memory) when memory ran out. */
bool rd_reader_grow(struct rd_reader *r, void **items, size_t *cap, size_t n, size_t size);

/* --- read.c: the tables against the document --- */
void rd_read_section(struct rd_reader *r, const struct rd_section *section,
    const struct rd_doc *doc, const struct rd_crumb *crumb, void *object);

/* --- values.c: one scalar each; false: a problem was said --- */
struct rd_at { /* a value, and how to name it */
    const struct rd_doc *doc;
    const struct rd_crumb *crumb;
    const char *key;
};
struct rd_place rd_place_of(const struct rd_doc *doc);
bool rd_read_text(struct rd_reader *r, struct rd_at v, const char *want, const char **out);
bool rd_read_id(struct rd_reader *r, struct rd_at v, const char **out);
bool rd_read_word(struct rd_reader *r, struct rd_at v, const char *const *words, int *position_out);
bool rd_read_tri(struct rd_reader *r, struct rd_at v, enum rd_tri *out);
bool rd_read_real(struct rd_reader *r, struct rd_at v, const struct rd_field *f, double *out);
bool rd_read_int(struct rd_reader *r, struct rd_at v, const struct rd_field *f, int64_t *out);
bool rd_read_date(struct rd_reader *r, struct rd_at v, const char **out);
bool rd_read_quarter(struct rd_reader *r, struct rd_at v, const char **out);
bool rd_read_currency(struct rd_reader *r, struct rd_at v, const char **out);
/* What a whole file says or leaves to the preset, before it is read; NULL: nothing that is one. */
const char *rd_currency_of(const struct rd_doc *file);
bool rd_read_host(struct rd_reader *r, struct rd_at v, const char **out);
bool rd_read_url(struct rd_reader *r, struct rd_at v, const char **out);
bool rd_id_is_valid(const char *id);

/* --- settings.c: maps whose keys other tables know --- */
void rd_read_properties(struct rd_reader *r, struct rd_at v, const struct rd_element_type *type,
    struct rd_settings *out);
void rd_read_attack(struct rd_reader *r, struct rd_at v, const char **out);
void rd_read_control(struct rd_reader *r, struct rd_at v, const char **out);
void rd_read_set(struct rd_reader *r, struct rd_at v, enum rd_space whose, const char *name,
    struct rd_settings *out);

/* --- uncertain.c --- */
void rd_read_uncertain(
    struct rd_reader *r, struct rd_at v, const struct rd_field *f, struct rd_uncertain *out);

/* --- paths.c --- */
/* The file behind a key: overridden, or resolved below the folder. v.doc NULL: not given. id: of
 * the artifact. */
const char *rd_read_path(struct rd_reader *r, struct rd_at v, const char *id, bool is_first);
/* Is the path, seen from the folder, allowed? Else a problem is said. */
bool rd_check_path(struct rd_reader *r, struct rd_at v, const char *path);
rd_status rd_check_overrides(struct rd_reader *r, struct rd_error *err);

/* --- refs.c --- */
void rd_ref_add(struct rd_reader *r, const struct rd_pending *pending);
void rd_id_add(struct rd_reader *r, enum rd_space space, const struct rd_id_entry *entry);
void rd_refs_resolve(struct rd_reader *r);

/* --- check.c: what one key alone cannot say --- */
void rd_system_check(struct rd_reader *r);

/* --- check_amounts.c --- */
/*
 * Can these expressions of a scenario (either may be NULL) fail, or a loss be negative? For every
 * value: a problem; for some: a note. names as they were compiled with.
 */
struct rd_scenario_names;
void rd_check_amounts(struct rd_reader *r, const struct rd_crumb *crumb,
    const struct rd_scenario_names *names, const struct rd_expr *loss_when,
    const struct rd_expr *magnitude);
/* Of this character (from 1) of a text at this place; the place itself where the text does not
 * stand in the file as it reads (folded, escaped). */
struct rd_place rd_place_inside(
    struct rd_reader *r, struct rd_place at, const char *text, uint32_t character);

/* --- migrate.c --- */
/* Bring an older document to RD_SYSTEM_VERSION in memory; false: what is wrong with `version` was
 * said. */
bool rd_migrate_doc(struct rd_reader *r, struct rd_doc *doc);

#endif
