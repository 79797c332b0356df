/* alloc.h - the only door to malloc; tests can make any allocation fail. */
#ifndef RD_BASE_ALLOC_H
#define RD_BASE_ALLOC_H

#include <stddef.h>

void *rd_alloc(size_t size);            /* NULL when memory runs out; not zeroed */
void *rd_realloc(void *p, size_t size); /* as realloc; p stays valid on NULL */
void *rd_alloc_aligned(size_t size);    /* 64-byte aligned, free with rd_free */
void rd_free(void *p);

/* True when a test has asked this very allocation to fail. */
int rd_alloc_fault(void);
/* Tests only: make the nth allocation from now return NULL; 0 turns it off. */
void rd_alloc_fail_at(size_t nth);
/* How many blocks are held now. */
size_t rd_alloc_live(void);

#endif
