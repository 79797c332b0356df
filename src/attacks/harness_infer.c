/* harness_infer.c - inference: one trial an independently trained victim. */
#include "attacks/harness_parts.h"

rd_status rd_harness_infer(struct rd_harness *h)
{
    return RD_FAIL(h->run->err, RD_E_USAGE, "%s cannot be run yet", h->request->attack->name);
}
