/* registry.c - the operators of ops.def, as a table. */
#include "graph/op.h"

#include <string.h>

#define RD_OP(name) extern const struct rd_op rd_op_##name;
#include "graph/ops.def"
#undef RD_OP

const struct rd_op *const rd_ops[] = {
#define RD_OP(name) &rd_op_##name,
#include "graph/ops.def"
#undef RD_OP
    NULL,
};

const struct rd_op *rd_op_find(
    const char *domain, const char *op, int64_t version, const struct rd_op **known_out)
{
    const struct rd_op *known = NULL;

    if (known_out)
        *known_out = NULL;
    for (const struct rd_op *const *row = rd_ops; *row; row++) {
        if (strcmp((*row)->op, op) || strcmp((*row)->domain, domain))
            continue;
        if (version >= (*row)->since && (!(*row)->until || version <= (*row)->until))
            return *row;
        known = *row;
    }
    if (known_out)
        *known_out = known;
    return NULL;
}
