/* op_sequence.h - what the two files of sequence operators share. */
#ifndef RD_GRAPH_OP_SEQUENCE_H
#define RD_GRAPH_OP_SEQUENCE_H

#include "graph/op_body.h"
#include "tensor/boxed.h"

enum {
    ITEMS_MOST = 1 << 20,
    ELEMENT = RD_T_ANY | RD_T_SMALL | RD_T(RD_STRING),
    INDEX = RD_T_I64 | RD_T(RD_I32)
};

static inline rd_status no_memory(struct rd_op_call *c)
{
    return RD_FAIL(c->err, RD_E_MEMORY, "no memory for a sequence");
}

static inline rd_status too_long(const struct rd_op_call *c, size_t n)
{
    return n <= ITEMS_MOST
               ? RD_OK
               : RD_FAIL(c->err, RD_E_LIMIT, "a sequence of %zu items; at most %d are supported", n,
                     ITEMS_MOST);
}

static inline void is_sequence(struct rd_tensor *out)
{
    out->dtype = RD_SEQUENCE;
    out->ndim = 0;
}

static inline void put_box(const struct rd_op_call *c, const struct rd_boxed *box)
{
    ((const struct rd_boxed **)c->out[0]->data)[0] = box;
}

static inline double moved(const struct rd_op_call *c)
{
    double bytes = 8;

    for (int i = 0; i < c->node->n_inputs; i++)
        if (c->in[i] && c->in[i]->ndim >= 0) {
            const struct rd_boxed *box = rd_boxed_of(c->in[i]);

            bytes += (double)rd_tensor_bytes(c->in[i]) + (box ? 8 * (double)box->n : 0);
        }
    return bytes;
}

#endif
