/*
 * store.h - the append-only evidence store beside redoubt.yaml: .redoubt/evidence.db (SQLite), mode
 * 0700.
 *
 * A record is two JSON texts: `result` (canonical, hashed, same inputs give the same bytes) and
 * `run` (times, host, version: never hashed). Triggers abort UPDATE and DELETE. One writer at a
 * time, by an OFD lock on .redoubt/lock; readers never block. Each record is on disk
 * (synchronous=FULL) before rd_store_append returns.
 */
#ifndef RD_EVIDENCE_STORE_H
#define RD_EVIDENCE_STORE_H

#include "base/arena.h"
#include "base/digest.h"
#include "base/file.h"

#include <redoubt/error.h>

#include <stdbool.h>

enum {
    RD_STORE_APPLICATION_ID = 0x52445442, /* "RDTB" */
    RD_STORE_VERSION = 1
};

struct rd_store;

/*
 * Open DIR/.redoubt, making it when it is not there, as its one writer. RD_E_IO names the process
 * that holds it. A store of a newer version is refused naming both; an older one is migrated in one
 * transaction.
 */
rd_status rd_store_open(const char *dir, struct rd_store **store_out, struct rd_error *err);
/*
 * Read only, never blocks, leaves nothing behind, also in a folder that may not be written.
 * RD_E_NOTFOUND when there is none; RD_E_INPUT when there is one and it may not be read.
 */
rd_status rd_store_open_read(const char *dir, struct rd_store **store_out, struct rd_error *err);
/*
 * The process that writes here now, 0: nobody; -1: somebody who has not said which. Takes no lock,
 * makes nothing. RD_E_IO when the lock file cannot be read.
 */
rd_status rd_store_holder(const char *dir, long *pid_out, struct rd_error *err);
void rd_store_close(struct rd_store *store);

/* Newest result with this key, in the arena; size 0 and RD_OK when there is none. Its hash is
 * checked. */
rd_status rd_store_find(struct rd_store *store, const char *key, struct rd_arena *arena,
    struct rd_bytes *result_out, struct rd_error *err);
rd_status rd_store_append(struct rd_store *store, const char *key, const void *result,
    size_t result_size, const void *run, size_t run_size, struct rd_error *err);
/* How many records there are. */
rd_status rd_store_count(struct rd_store *store, size_t *count_out, struct rd_error *err);

#endif
