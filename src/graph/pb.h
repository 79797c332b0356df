/*
 * pb.h - Protocol Buffers on the wire: reading in place, writing into a buffer. Only what ONNX
 * needs.
 *
 * Reader: nothing is copied, every length is checked against what remains, varints have at most ten
 * bytes, groups are refused. Source: protobuf.dev/programming-guides/encoding.
 */
#ifndef RD_GRAPH_PB_H
#define RD_GRAPH_PB_H

#include "base/arena.h"
#include "base/buf.h"

#include <redoubt/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rd_span {
    const unsigned char *p;
    size_t n;
};

enum rd_pb_wire { RD_PB_VARINT = 0, RD_PB_FIXED64 = 1, RD_PB_BYTES = 2, RD_PB_FIXED32 = 5 };

struct rd_pb_field {
    uint32_t number;
    enum rd_pb_wire wire;
    uint64_t value;      /* of the three scalar wire types */
    struct rd_span span; /* of RD_PB_BYTES */
};

struct rd_pb { /* a cursor over one message */
    const unsigned char *p, *end;
    const unsigned char *base; /* of the file: offsets in messages */
};

struct rd_pb rd_pb_open(struct rd_span message, const unsigned char *base);
/* Next field into *f; *more false at the end. RD_E_INPUT names the offset. */
rd_status rd_pb_next(struct rd_pb *pb, struct rd_pb_field *f, bool *more, struct rd_error *err);
/* f must have that wire type; RD_E_INPUT names `what` and the offset. */
rd_status rd_pb_want(const struct rd_pb *pb, const struct rd_pb_field *f, enum rd_pb_wire wire,
    const char *what, struct rd_error *err);

/*
 * The embedded message `number`: by the rules of protobuf several of them merge, which is the same
 * as reading their bytes one behind the other; in that (rare) case they are copied into the arena.
 * *found false: there is none.
 */
rd_status rd_pb_message(struct rd_span message, const unsigned char *base, uint32_t number,
    const char *what, struct rd_arena *arena, struct rd_span *out, bool *found,
    struct rd_error *err);

/* How many scalars a repeated field's occurrence f holds, packed or not. elem: their wire type. */
rd_status rd_pb_count(const struct rd_pb *pb, const struct rd_pb_field *f, enum rd_pb_wire elem,
    const char *what, size_t *n, struct rd_error *err);
/* Append them to out[*n]. out has room (rd_pb_count said how much). */
void rd_pb_varints(const struct rd_pb_field *f, uint64_t *out, size_t *n);
void rd_pb_fixed32(const struct rd_pb_field *f, uint32_t *out, size_t *n);
void rd_pb_fixed64(const struct rd_pb_field *f, uint64_t *out, size_t *n);

/* --- writing: failure is sticky in the buffer --- */
void rd_pb_put_int(struct rd_buf *b, uint32_t number, int64_t v);
void rd_pb_put_float(struct rd_buf *b, uint32_t number, float v);
void rd_pb_put_bytes(struct rd_buf *b, uint32_t number, const void *p, size_t n);
void rd_pb_put_text(struct rd_buf *b, uint32_t number, const char *text);
/* Key and length of a bytes field whose n bytes the caller writes next. */
void rd_pb_put_head(struct rd_buf *b, uint32_t number, size_t n);

#endif
