/* harness_attribute.c - placeholder */
#include "attacks/harness_infer.h"
rd_status rd_infer_attribute(struct rd_harness *h)
{
    return RD_FAIL(h->run->err, RD_E_USAGE, "%s cannot be run yet", h->request->attack->name);
}
rd_status rd_infer_inversion(struct rd_harness *h)
{
    return RD_FAIL(h->run->err, RD_E_USAGE, "%s cannot be run yet", h->request->attack->name);
}
