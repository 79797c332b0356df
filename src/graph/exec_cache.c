/*
 * exec_cache.c - buffers of runs that are over wait here for the next run of the same executor, so
 * that a loop of runs asks the system for nothing: fresh pages cost more than what is computed in
 * them. Blocks are sorted by size, four classes to a power of two. Runs of several threads share
 * one cache; whoever comes last, the executor or a pass that outlives it, frees it.
 */
#include "graph/exec_impl.h"

#include "base/alloc.h"

#include <pthread.h>

enum { CLASSES = 4 * 64, BLOCK = 64, LEAST = 1024 };
static const size_t MOST = (size_t)512 << 20; /* bytes that wait; more go back to the system */

struct exec_cache {
    pthread_mutex_t lock;
    size_t holders, bytes;
    struct exec_block *head[CLASSES];
};

struct exec_cache *exec_cache_new(void)
{
    struct exec_cache *c = rd_alloc(sizeof(*c));

    if (!c)
        return NULL;
    *c = (struct exec_cache){ .holders = 1 };
    if (pthread_mutex_init(&c->lock, NULL)) {
        rd_free(c);
        return NULL;
    }
    return c;
}

void exec_cache_keep(struct exec_cache *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->holders++;
    (void)pthread_mutex_unlock(&c->lock);
}

void exec_cache_drop(struct exec_cache *c)
{
    bool last;

    if (!c)
        return;
    (void)pthread_mutex_lock(&c->lock);
    last = --c->holders == 0;
    (void)pthread_mutex_unlock(&c->lock);
    if (!last)
        return;
    for (int k = 0; k < CLASSES; k++)
        while (c->head[k]) {
            struct exec_block *b = c->head[k];

            c->head[k] = b->next;
            rd_free(b);
        }
    (void)pthread_mutex_destroy(&c->lock);
    rd_free(c);
}

/* The smallest class that holds so many bytes, and its size. */
static int class_of(size_t bytes, size_t *size_out)
{
    const int top = bytes ? 63 - __builtin_clzll((unsigned long long)bytes) : 0;
    const size_t quarter = top < 2 ? 1 : (size_t)1 << (top - 2);
    const size_t over = bytes - ((size_t)1 << top), quarters = (over + quarter - 1) / quarter;

    *size_out = ((size_t)1 << top) + quarters * quarter;
    return 4 * top + (int)quarters; /* the fourth quarter is the next power's first class */
}

struct exec_block *exec_cache_take(struct exec_cache *c, size_t bytes)
{
    struct exec_block *b = NULL;
    size_t size = bytes;
    int k = -1;

    if (c && bytes >= LEAST && bytes < MOST) {
        k = class_of(bytes, &size);
        (void)pthread_mutex_lock(&c->lock);
        b = c->head[k];
        if (b) {
            c->head[k] = b->next;
            c->bytes -= size;
        }
        (void)pthread_mutex_unlock(&c->lock);
    }
    if (!b)
        b = rd_alloc_aligned(size + BLOCK);
    if (b)
        *b = (struct exec_block){ .bytes = bytes, .size_class = k };
    return b;
}

void exec_cache_give(struct exec_cache *c, struct exec_block *b)
{
    size_t size = 0;

    if (c && b->size_class >= 0) {
        (void)class_of(b->bytes, &size);
        (void)pthread_mutex_lock(&c->lock);
        if (c->bytes + size <= MOST) {
            b->next = c->head[b->size_class];
            c->head[b->size_class] = b;
            c->bytes += size;
            b = NULL;
        }
        (void)pthread_mutex_unlock(&c->lock);
    }
    rd_free(b);
}
