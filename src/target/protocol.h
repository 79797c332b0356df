/*
 * protocol.h - rows as the bytes of a request, and an answer's bytes as scores or labels.
 *
 * Pure: nothing is sent here. Answers are hostile input: their size, values and depth have ceilings
 * before a tree is made of them.
 */
#ifndef RD_TARGET_PROTOCOL_H
#define RD_TARGET_PROTOCOL_H

#include "base/buf.h"
#include "target/open.h"
#include "target/selector.h"

enum rd_protocol {
    RD_PROTOCOL_V2,       /* {"inputs": [{name, shape, datatype, data}]} -> {"outputs": [...]} */
    RD_PROTOCOL_V1,       /* {"instances": rows} -> {"predictions": ...} */
    RD_PROTOCOL_MLFLOW,   /* {"inputs": rows} -> {"predictions": ...} or what stands there alone */
    RD_PROTOCOL_SPLIT,    /* {"dataframe_split": {columns, data}} -> as above */
    RD_PROTOCOL_RECORDS,  /* {"dataframe_records": [{column: value}]} -> as above */
    RD_PROTOCOL_TEMPLATE, /* what the user wrote -> selectors */
    RD_PROTOCOL_LINES     /* {"id": n, "rows": rows} -> {"id": n, "scores" or "labels": ...} */
};

/* What one answer holds for each row, once a first answer has shown it. */
enum rd_answer_kind {
    RD_ANSWER_UNKNOWN,
    RD_ANSWER_SCORES, /* one number a class */
    RD_ANSWER_SINGLE, /* one number in 0..1: the probability of class 1 of 2 */
    RD_ANSWER_LABELS  /* no scores */
};

struct rd_form {
    enum rd_protocol protocol;
    const char *input, *datatype, *output; /* V2; output: also a column of V1 and MLflow. NULL: the
                                              first that holds scores, else the first */
    const char *const *column;             /* (inputs) names, or NULL */
    const char *head, *tail;               /* template: what stands around the rows */
    struct rd_selector scores, labels;     /* template: text NULL when there is none */
    const char *const *class_name;         /* (n_names) or NULL */
    size_t n_names;
    const int64_t *dim; /* of one example */
    int ndim;
    size_t inputs;
    size_t classes; /* 0: not known yet */
    enum rd_answer_kind kind;
};

struct rd_answer {
    enum rd_answer_kind kind;
    size_t width; /* scores for each row: classes */
    float *score; /* (n, width), finite; NULL when there are none */
    int *label;   /* (n); NULL when there are none. Below classes where classes are known */
};

/* From what the user says: protocol (told from the path when NULL), template, selectors, columns.
 * RD_E_USAGE names what is wrong. */
rd_status rd_form_init(struct rd_form *form, const struct rd_target_source *source,
    const char *path, struct rd_arena *arena, struct rd_error *err);
/* The body for n rows. RD_E_INPUT: a value that the input's type cannot hold. */
rd_status rd_form_write(const struct rd_form *form, uint64_t id, const float *x, size_t n,
    struct rd_buf *body, struct rd_error *err);
/* How long an answer for n rows may be, by any sane server. */
size_t rd_form_ceiling(const struct rd_form *form, size_t n);
/*
 * n rows out of an answer. RD_E_INPUT: no JSON, an error inside, fewer or more rows, a number that
 * is none, another shape than form knows; RD_E_LIMIT: nested too deeply, too many values.
 */
rd_status rd_form_read(const struct rd_form *form, uint64_t id, const char *bytes, size_t size,
    size_t n, struct rd_arena *arena, struct rd_answer *answer_out, struct rd_error *err);
/* V2: name, type and shape of the input from a model's metadata, into form; checked against what
 * form knows. The texts are in arena. */
rd_status rd_form_metadata(struct rd_form *form, const char *bytes, size_t size,
    struct rd_arena *arena, struct rd_error *err);

/* What an answer complains of ("error", "message", "detail"), made safe; NULL when it does not. */
const char *rd_json_complaint(const json_t *root, char *out, size_t size);
/* JSON bytes to a tree under the ceilings above; the caller lets go of it. what: "the answer". */
rd_status rd_json_load(
    const char *what, const char *bytes, size_t size, json_t **root_out, struct rd_error *err);

#endif
