#include "base/alloc.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

static atomic_size_t fail_at, live;

void rd_alloc_fail_at(size_t nth)
{
    atomic_store(&fail_at, nth);
}

size_t rd_alloc_live(void)
{
    return atomic_load(&live);
}

int rd_alloc_fault(void)
{
    size_t left = atomic_load_explicit(&fail_at, memory_order_relaxed);

    while (left)
        if (atomic_compare_exchange_weak(&fail_at, &left, left - 1))
            return left == 1;
    return 0;
}

static void *counted(void *p)
{
    if (p)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return p;
}

void *rd_alloc(size_t size)
{
    return rd_alloc_fault() ? NULL : counted(malloc(size ? size : 1));
}

void *rd_realloc(void *p, size_t size)
{
    void *q;

    if (rd_alloc_fault())
        return NULL;
    q = realloc(p, size ? size : 1);
    return p ? q : counted(q);
}

void *rd_alloc_aligned(size_t size)
{
    if (rd_alloc_fault() || size > SIZE_MAX - 64)
        return NULL;
    return counted(aligned_alloc(64, (size + 63) / 64 * 64 + (size ? 0 : 64)));
}

void rd_free(void *p)
{
    if (p)
        atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    free(p);
}
