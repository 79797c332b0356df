/*
 * open.h - a target from what a user can name: a file, an address, a command.
 *
 * Endpoints and processes do not say their shape: it comes with the data. Nothing is sent to a host
 * that the limits do not list.
 */
#ifndef RD_TARGET_OPEN_H
#define RD_TARGET_OPEN_H

#include "target/target.h"

/* What went out so far, to all targets together that share it. */
struct rd_target_tally {
    double paid;     /* currency */
    int64_t next_ms; /* no request before, on the monotonic clock */
};

/* From `scope` of redoubt.yaml, or from --allow-host. */
struct rd_target_limits {
    const char *const *hosts; /* "host:port", exact; nothing else is ever contacted */
    size_t n_hosts;
    double max_requests_per_second; /* 0 or NaN: no cap */
    double max_spend;               /* currency, from price_per_1000; NaN: no cap */
    struct rd_target_tally *tally;  /* both caps hold for all targets that share it; NULL: for each
                                       by itself */
};

struct rd_target_source {
    const char *where;          /* FILE.onnx, http://..., https://...; NULL when command is given */
    const char *const *command; /* argv of a process that speaks JSON lines, NULL-terminated */
    const char *folder;         /* where the process is started; NULL: the current folder */
    /* "v2" (Open Inference Protocol), "v1" (TF Serving, KServe), "mlflow", "mlflow-split",
     * "mlflow-records", "template"; NULL: told from the address */
    const char *protocol;
    const char *request; /* template: JSON text in which "$rows" stands for the nested rows */
    const char *scores;  /* template: selector of the scores in the answer, or NULL */
    const char *labels;  /* template: selector of the labels in the answer, or NULL */
    const char *input;   /* v2: name of the input tensor; NULL: asked of the server */
    const char *output;  /* v2: name of the output tensor; v1, mlflow: of the member or column that
                            holds the answer; NULL: the first that holds scores, else the first */
    const char *const *headers; /* "Name: value" */
    size_t n_headers;
    const int64_t *dim; /* of one example, from the data */
    int ndim;
    size_t classes; /* 0: found out from a first answer */
    double price_per_1000;
    double timeout;                        /* seconds for one request; 0: 30 */
    size_t batch;                          /* rows in one request at most; 0: 64 */
    size_t concurrency;                    /* requests at once; 0: 4 */
    size_t retries;                        /* of 429, 503 and refused connections; 0: 5 */
    const struct rd_target_limits *limits; /* NULL: no host is allowed */
    /*
     * When classes is 0 and the endpoint answers labels alone, nothing in its answers tells how
     * many there are: then it is taken to have as many as the data. Not held against scores.
     */
    size_t data_classes;
    const char *const *class_names; /* (classes, else data_classes), for endpoints that answer
                                       words; NULL: none */
    const char *const *columns;     /* names of an example's numbers (mlflow-split, -records); NULL:
                                       none, their numbers */
    /*
     * For estimates: nothing is sent and no process is started. classes must be given; the target
     * is taken to give scores and labels, and any question to it is RD_E_USAGE.
     */
    bool offline;
};

/* What has gone out to an endpoint or a process. */
struct rd_target_usage {
    uint64_t requests; /* retries and questions about the model included */
    uint64_t rows;     /* in requests that were or may have been answered */
    uint64_t retries;
    uint64_t cached; /* rows that were answered from an earlier answer, and not sent */
};

/*
 * Closed when the arena is released. RD_E_USAGE: a host outside the limits, before the first byte;
 * RD_E_INPUT: answers that make no sense; RD_E_IO: not reached, or failed after all retries.
 */
rd_status rd_target_open(struct rd_run *run, const struct rd_target_source *source,
    struct rd_arena *arena, struct rd_target **target_out);
/* False for files, and for targets behind a defense. */
bool rd_target_usage(const struct rd_target *target, struct rd_target_usage *usage_out);
/* Is this an address rather than a file? */
bool rd_target_is_url(const char *where);

#endif
