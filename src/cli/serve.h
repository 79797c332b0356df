/*
 * serve.h - what `redoubt model serve` reads and writes: requests of three protocols as rows, and
 * scores as their answers. The server around it is cmd_model_serve.c.
 */
#ifndef RD_CLI_SERVE_H
#define RD_CLI_SERVE_H

#include "base/arena.h"
#include "base/buf.h"

#include <redoubt/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rd_serve_protocol {
    RD_SERVE_V2,    /* Open Inference Protocol */
    RD_SERVE_V1,    /* TF Serving, KServe V1: instances */
    RD_SERVE_MLFLOW /* inputs, instances, dataframe_split, dataframe_records */
};

enum { RD_SERVE_BYTES = 16 << 20 }; /* of one request */

struct rd_served {
    const char *input, *output; /* names in the model */
    const int64_t *dim;         /* of one example */
    int ndim;
    size_t inputs, classes;
    bool labels_only;
};

struct rd_serve_request {
    float *x; /* (n, inputs), finite */
    size_t n;
    const char *id; /* V2: to be repeated, or NULL */
};

/* RD_E_INPUT says what is wrong with it; RD_E_LIMIT: too large. Everything in arena. */
rd_status rd_serve_read(enum rd_serve_protocol protocol, const struct rd_served *model,
    const char *bytes, size_t size, struct rd_arena *arena, struct rd_serve_request *request_out,
    struct rd_error *err);
/* score (n, classes). name: of the model, as it was asked for. */
void rd_serve_write(enum rd_serve_protocol protocol, const struct rd_served *model,
    const char *name, const struct rd_serve_request *request, const float *score,
    struct rd_buf *out);
/* V2: what GET /v2/models/NAME answers. */
void rd_serve_metadata(const struct rd_served *model, const char *name, struct rd_buf *out);
void rd_serve_error(const char *text, struct rd_buf *out);

#endif
