/*
 * init_from.h - `redoubt init --from`: a system file about a model and data that the user has.
 *
 * init_from.c goes through the steps, init_data.c reads the data the way the model wants it and
 * splits it, init_recipe.c finds a training recipe, init_text.c writes redoubt.yaml.
 */
#ifndef RD_CLI_INIT_FROM_H
#define RD_CLI_INIT_FROM_H

#include "cli/cli.h"

#include "attacks/harness.h"
#include "data/dataset.h"
#include "target/open.h"

struct rd_init_from {
    const char *from, *data, *labels, *label_column, *contributor_column, *protocol;
    struct rd_option_list hosts;
    bool yes, force;
};

enum rd_from_kind { RD_FROM_FILE, RD_FROM_ENDPOINT, RD_FROM_PROCESS };

/* What people say; "unknown" where nobody did. */
enum rd_answer {
    RD_ASK_NAME,
    RD_ASK_EXPOSURE,
    RD_ASK_AUTHENTICATION,
    RD_ASK_RETURNS,
    RD_ASK_RATE_LIMIT,
    RD_ASK_SOURCES,
    RD_ASK_DATA_CLASS,
    RD_ASK_COPY,
    RD_ASK_WRONG,
    RD_ASK_DECISIONS,
    RD_ASK_N
};

/* A part of the data: positions [from, to) of index. */
struct rd_from_part {
    size_t from, to;
};

struct rd_subject {
    struct rd_cli *cli;
    const struct rd_init_from *o;
    const char *dir;
    enum rd_from_kind kind;
    const char **command; /* argv of a process, NULL-terminated */
    struct rd_target *target;
    /* the data, as the model wants it */
    struct rd_dataset all;
    struct rd_dataset_source source; /* how a plain file is read */
    bool converted;                  /* it is written anew, as arrays */
    const char *read_as;             /* one sentence: what was done to it; NULL: nothing */
    double accuracy_as_is;           /* of a sample, before anything was done */
    /* the split */
    size_t *index; /* rows of all, each new, in the order of the parts */
    size_t n_index, n_repeated;
    struct rd_from_part eval, pool, train;
    struct rd_dataset eval_set, train_set;
    double accuracy; /* on eval */
    double majority; /* share of its largest class */
    size_t n_right;
    /* the recipe */
    double work; /* multiplications and additions of one answer; 0: not known */
    bool has_recipe;
    const char *why_no_recipe;
    struct rd_train how;
    double recipe_accuracy;
    /* files, as redoubt.yaml names them */
    const char *model_path, *data_path, *labels_path, *schema_path;
    bool outside; /* one of them leaves the folder */
    const char *answer[RD_ASK_N];
};

/* --- init_data.c --- */

/* Data in, target open, the reading that fits found: RD_E_INPUT names the mistake when none does.
 */
rd_status rd_from_data(struct rd_subject *s);
/* Evaluation, pool and training rows: no row, nor its twin, in two of them; each class in all. */
rd_status rd_from_split(struct rd_subject *s);
/* Clean accuracy on the evaluation rows; RD_E_INPUT at chance. */
rd_status rd_from_measure(struct rd_subject *s);
/* The data's files and split.npy into the folder. */
rd_status rd_from_write_data(struct rd_subject *s);
/* A small file copied into the folder under the name as; a large one is named where it is. *out:
 * how redoubt.yaml names it. */
rd_status rd_from_copy(struct rd_subject *s, const char *path, const char *as, const char **out);
/* Rows of all by index, in the scratch arena. */
rd_status rd_from_gather(
    struct rd_subject *s, const struct rd_from_part *part, struct rd_dataset *out);

/* --- init_recipe.c --- */

/* Rows that a victim may train on, so that dozens of victims take minutes; sets s->work. */
size_t rd_from_train_most(struct rd_subject *s);
/* Trains the model's graph from fresh weights; has_recipe or why_no_recipe. Fails only on memory
 * and when told to stop. */
rd_status rd_from_recipe(struct rd_subject *s);

/* --- init_text.c --- */

struct rd_buf;
/* The whole redoubt.yaml. */
void rd_from_text(const struct rd_subject *s, struct rd_buf *out);

/* --- init_from.c --- */

rd_status rd_init_from(struct rd_cli *cli, const struct rd_init_from *o, const char *dir);

#endif
