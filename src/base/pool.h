/*
 * pool.h - threads that take small chunks of work.
 *
 * Which worker takes which chunk is left to chance; so that results do not depend on it, a chunk
 * writes only to its own outputs and reductions over chunks are done afterwards in chunk order.
 */
#ifndef RD_BASE_POOL_H
#define RD_BASE_POOL_H

#include <redoubt/error.h>

#include <stddef.h>

struct rd_pool;

/* threads 0: as many as the process may use. 1: no thread is started, work runs in the caller. */
rd_status rd_pool_new(size_t threads, struct rd_pool **pool_out, struct rd_error *err);
void rd_pool_free(struct rd_pool *pool);
size_t rd_pool_threads(const struct rd_pool *pool); /* 1 when pool is NULL */

/*
 * fn(user, chunk, worker) for chunk 0 .. n-1, worker below rd_pool_threads. Returns when all are
 * done. The status of the lowest chunk that failed is returned; chunks not yet started are then
 * skipped. A NULL pool runs everything in the caller. Calls from inside a chunk run in that chunk's
 * thread.
 */
rd_status rd_pool_run(struct rd_pool *pool, size_t n,
    rd_status (*fn)(void *user, size_t chunk, size_t worker), void *user);

#endif
