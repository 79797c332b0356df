/* harness_poison.c - poisoning: one trial an independently retrained victim. */
#include "attacks/harness_parts.h"

rd_status rd_harness_poison(struct rd_harness *h)
{
    return RD_FAIL(h->run->err, RD_E_USAGE, "%s cannot be run yet", h->request->attack->name);
}
