/* upstream.c - flows walked against their direction, in time linear in their number. */
#include "campaign/upstream.h"

#include <string.h>

rd_status rd_upstream_init(struct rd_upstream *u, const struct rd_system *system,
    struct rd_arena *arena, struct rd_error *err)
{
    const size_t n = system->n_elements;

    *u = (struct rd_upstream){ .system = system,
        .first = RD_NEW_ARRAY(arena, size_t, n + 2),
        .flow = RD_NEW_ARRAY(arena, int, system->n_flows + 1),
        .stack = RD_NEW_ARRAY(arena, int, n + 1) };
    if (!u->first || !u->flow || !u->stack)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory for the flows");
    /* Counting sort: first[e + 1] is where the flows into e begin, then moves to where they end. */
    for (size_t i = 0; i < system->n_flows; i++)
        u->first[system->flows[i].to + 2]++;
    for (size_t e = 2; e <= n + 1; e++)
        u->first[e] += u->first[e - 1];
    for (size_t i = 0; i < system->n_flows; i++)
        u->flow[u->first[system->flows[i].to + 1]++] = (int)i;
    return RD_OK;
}

void rd_upstream_of(const struct rd_upstream *u, int element, bool *before)
{
    size_t n = 0;

    memset(before, 0, u->system->n_elements * sizeof *before);
    before[element] = true;
    u->stack[n++] = element;
    while (n) {
        const int e = u->stack[--n];

        for (size_t i = u->first[e]; i < u->first[e + 1]; i++) {
            const int from = u->system->flows[u->flow[i]].from;

            if (before[from])
                continue;
            before[from] = true;
            u->stack[n++] = from;
        }
    }
}
