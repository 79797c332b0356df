#include "base/pool.h"

#include "base/alloc.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Workers wait on a generation counter: a short spin (about 20 us: a longer one starves whoever
 * shares the core), then a futex. A job is a counter of chunks; whoever is free takes the next.
 */
enum { SPINS = 2000, THREADS_MAX = 256 };

struct rd_pool {
    size_t threads; /* the caller is one of them */
    pthread_t *worker;
    size_t started;

    _Atomic uint32_t generation, quit;
    _Atomic uint32_t busy; /* workers that have not yet left the job */
    /* the job */
    rd_status (*fn)(void *, size_t, size_t);
    void *user;
    size_t n;
    atomic_size_t next, worst; /* worst: lowest chunk that failed, n when none */
    pthread_mutex_t lock;      /* guards status of worst, and one job at a time */
    pthread_mutex_t door;
    rd_status status;
};

static _Thread_local bool inside; /* running a chunk: nested calls stay in this thread */

static void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void wait_change(_Atomic uint32_t *word, uint32_t seen)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != seen)
            return;
        relax();
    }
    while (atomic_load_explicit(word, memory_order_acquire) == seen)
        futex_wait(word, seen);
}

static void work(struct rd_pool *p, size_t me)
{
    size_t chunk;

    inside = true;
    while ((chunk = atomic_fetch_add(&p->next, 1)) < p->n) {
        rd_status st;

        if (chunk > atomic_load(&p->worst))
            break;
        st = p->fn(p->user, chunk, me);
        if (!st)
            continue;
        (void)pthread_mutex_lock(&p->lock);
        if (chunk < atomic_load(&p->worst)) {
            atomic_store(&p->worst, chunk);
            p->status = st;
        }
        (void)pthread_mutex_unlock(&p->lock);
    }
    inside = false;
}

struct start {
    struct rd_pool *pool;
    size_t me;
};

static void *worker_main(void *arg)
{
    struct start s = *(struct start *)arg;
    struct rd_pool *p = s.pool;
    uint32_t seen = 0;

    rd_free(arg);
    for (;;) {
        wait_change(&p->generation, seen);
        seen = atomic_load(&p->generation);
        if (atomic_load(&p->quit))
            return NULL;
        work(p, s.me);
        if (atomic_fetch_sub(&p->busy, 1) == 1)
            futex_wake(&p->busy);
    }
}

static size_t usable_cpus(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set))
        return 1;
    return (size_t)CPU_COUNT(&set);
}

rd_status rd_pool_new(size_t threads, struct rd_pool **pool_out, struct rd_error *err)
{
    struct rd_pool *p;

    if (!threads)
        threads = usable_cpus();
    if (threads > THREADS_MAX)
        return RD_FAIL(err, RD_E_USAGE, "%zu threads; at most %d", threads, THREADS_MAX);
    p = rd_alloc(sizeof *p);
    if (!p)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a pool of %zu threads", threads);
    memset(p, 0, sizeof *p);
    p->threads = threads;
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_mutex_init(&p->door, NULL);
    p->worker = rd_alloc(threads * sizeof *p->worker);
    if (!p->worker) {
        rd_pool_free(p);
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a pool of %zu threads", threads);
    }
    for (size_t i = 1; i < threads; i++) {
        struct start *s = rd_alloc(sizeof *s);
        int failed = ENOMEM;

        if (s) {
            *s = (struct start){ p, i };
            failed = pthread_create(&p->worker[p->started], NULL, worker_main, s);
        }
        if (failed) {
            rd_free(s);
            rd_pool_free(p);
            return RD_FAIL(err, RD_E_MEMORY, "cannot start thread %zu of %zu: %s", i + 1, threads,
                strerror(failed));
        }
        p->started++;
    }
    *pool_out = p;
    return RD_OK;
}

void rd_pool_free(struct rd_pool *p)
{
    if (!p)
        return;
    atomic_store(&p->quit, 1);
    atomic_fetch_add(&p->generation, 1);
    futex_wake(&p->generation);
    for (size_t i = 0; i < p->started; i++)
        (void)pthread_join(p->worker[i], NULL);
    (void)pthread_mutex_destroy(&p->lock);
    (void)pthread_mutex_destroy(&p->door);
    rd_free(p->worker);
    rd_free(p);
}

size_t rd_pool_threads(const struct rd_pool *p)
{
    return p ? p->threads : 1;
}

static rd_status run_here(
    size_t n, rd_status (*fn)(void *user, size_t chunk, size_t worker), void *user)
{
    for (size_t i = 0; i < n; i++) {
        const rd_status st = fn(user, i, 0);

        if (st)
            return st;
    }
    return RD_OK;
}

rd_status rd_pool_run(struct rd_pool *p, size_t n,
    rd_status (*fn)(void *user, size_t chunk, size_t worker), void *user)
{
    rd_status st;
    uint32_t left;

    if (!p || p->threads == 1 || n <= 1 || inside)
        return run_here(n, fn, user);
    (void)pthread_mutex_lock(&p->door);
    p->fn = fn;
    p->user = user;
    p->n = n;
    p->status = RD_OK;
    atomic_store(&p->next, 0);
    atomic_store(&p->worst, n);
    atomic_store(&p->busy, (uint32_t)p->started);
    atomic_fetch_add(&p->generation, 1);
    futex_wake(&p->generation);
    work(p, 0);
    while ((left = atomic_load(&p->busy)))
        wait_change(&p->busy, left);
    st = p->status;
    (void)pthread_mutex_unlock(&p->door);
    return st;
}
