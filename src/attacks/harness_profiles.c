/* harness_profiles.c - fake profiles in a recommender: one trial a retrained recommender. */
#include "attacks/harness_parts.h"

rd_status rd_harness_profiles(struct rd_harness *h)
{
    return RD_FAIL(h->run->err, RD_E_USAGE, "%s cannot be run yet", h->request->attack->name);
}
