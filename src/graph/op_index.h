/*
 * op_index.h - elements of any type by number, and the places that an index tensor names.
 *
 * For rows of indexing, sorting and bits: elements as 64 bits, as keys that sort, as real numbers
 * to add to. Places serve GatherElements, ScatterElements (one axis is indexed), GatherND and
 * ScatterND (the last axis of the index holds tuples).
 */
#ifndef RD_GRAPH_OP_INDEX_H
#define RD_GRAPH_OP_INDEX_H

#include "graph/op.h"

#include <string.h>

enum { RD_T_INDEX = RD_T(RD_I32) | RD_T(RD_I64), RD_T_MOVABLE = RD_T_ANY | RD_T(RD_STRING) };

static inline bool rd_is_whole(enum rd_dtype t)
{
    return (RD_T(t) & (RD_T_INT | RD_T(RD_BOOL) | RD_T_SMALL_INT)) != 0;
}

static inline bool rd_is_signed(enum rd_dtype t)
{
    return t == RD_I8 || t == RD_I16 || t == RD_I32 || t == RD_I64 || t == RD_I4 || t == RD_I2;
}

/* Integers and bool of any width, as 64 bits that wrap; data may be unaligned. */
uint64_t rd_bits_at(const struct rd_tensor *t, size_t i);
void rd_bits_set(struct rd_tensor *t, size_t i, uint64_t v);
/* Any number (not a string) as an unsigned key in the order of the values: -0 is 0, NaN the
 * largest. */
uint64_t rd_key_at(const struct rd_tensor *t, size_t i);
/* A number of any type as double; data may be unaligned. */
double rd_number_at(const struct rd_tensor *t, size_t i);
/* The bits of 1 of a number's type. */
uint64_t rd_bits_of_one(enum rd_dtype t);
/* float32 and float64, aligned. */
static inline double rd_real_at(const struct rd_tensor *t, size_t i)
{
    return t->dtype == RD_F32 ? (double)((const float *)t->data)[i] : ((const double *)t->data)[i];
}
static inline void rd_real_add(struct rd_tensor *t, size_t i, double v)
{
    if (t->dtype == RD_F32)
        ((float *)t->data)[i] += (float)v;
    else
        ((double *)t->data)[i] += v;
}

static inline size_t rd_dims_product(const struct rd_tensor *t, int first, int behind)
{
    size_t n = 1;

    for (int i = first; i < behind; i++)
        n *= (size_t)t->dim[i];
    return n;
}

/* One number of a tensor that holds one (a scalar or one element), as infer may have it: unaligned,
 * perhaps a symbol. RD_E_INPUT when it holds another count. */
rd_status rd_op_one_int(
    const struct rd_op_call *c, const struct rd_tensor *t, const char *what, int64_t *out);
/* The shape of such a tensor alone, before its value is known. */
rd_status rd_op_one_shape(const struct rd_op_call *c, const struct rd_tensor *t, const char *what);

/* flops of rows that only move elements. */
double rd_op_no_flops(const struct rd_op_call *c);

struct rd_places {
    const struct rd_tensor *index;
    size_t n, run;             /* how many places; elements at each */
    int64_t size[RD_MAX_DIMS]; /* of the axes that are indexed */
    size_t step[RD_MAX_DIMS];  /* and their steps in elements */
    int tuple;                 /* axes indexed */
    /* What is not indexed: a counter over the axes of the index, each with its step. */
    int rank;
    size_t dim[RD_MAX_DIMS], walk[RD_MAX_DIMS], at[RD_MAX_DIMS];
    size_t base, next;
};
/* Element e of the index (in order) stands for data at its own position but for `axis`. */
struct rd_places rd_places_along(
    const struct rd_tensor *data, const struct rd_tensor *index, int axis);
/* Tuples in the last axis of the index, behind batch_dims axes that index and data share. */
struct rd_places rd_places_tuples(
    const struct rd_tensor *data, const struct rd_tensor *index, int batch_dims);
/* The next of p->n places, as the number of an element of the data. RD_E_INPUT: out of range. */
rd_status rd_places_next(const struct rd_op_call *c, struct rd_places *p, size_t *place);

#endif
