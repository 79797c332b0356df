/*
 * wire.h - what lies between the questions of an attack and the bytes that go out: batches, the
 * cache, the checks of each answer (remote.c), over one of two ways to send (http.c, process.c).
 */
#ifndef RD_TARGET_WIRE_H
#define RD_TARGET_WIRE_H

#include "target/protocol.h"
#include "target/scope.h"

/* One batch of rows to be asked. */
struct rd_ask {
    const float *x; /* (n, inputs) */
    size_t n;
    struct rd_answer answer; /* out */
    bool answered;           /* out: stays true for those that were when others fail */
};

/* Shared by the layers. */
struct rd_wire {
    struct rd_run run; /* step, log and seed; its scratch and err are not used */
    const char *label;
    struct rd_form form;
    struct rd_meter meter;
    uint64_t retries;
    double timeout_ms;
    size_t concurrency, most_retries;
    void *self;
    /* All or RD_E_...; answers in arena. RD_E_IO: whether the model saw a row is not known, and
     * asking again may help: nothing is said about the model. */
    rd_status (*ask)(struct rd_wire *wire, struct rd_ask *asks, size_t n, struct rd_arena *arena,
        struct rd_error *err);
};

/* Opened into wire, closed with arena. */
rd_status rd_http_open(struct rd_wire *wire, const struct rd_target_source *source,
    const struct rd_address *address, struct rd_arena *arena, struct rd_error *err);
rd_status rd_process_open(struct rd_wire *wire, const struct rd_target_source *source,
    struct rd_arena *arena, struct rd_error *err);
/* RD_E_CANCELED when the user said stop. */
rd_status rd_wire_go_on(struct rd_wire *wire, struct rd_error *err);

#endif
