/* swap.h - big-endian numbers from files, turned around in place. */
#ifndef RD_TENSOR_SWAP_H
#define RD_TENSOR_SWAP_H

#include <stddef.h>

/* count numbers of size bytes each at p, any alignment. */
static inline void rd_swap_bytes(void *p, size_t count, size_t size)
{
    unsigned char *b = p;

    if (size < 2)
        return;
    for (size_t i = 0; i < count; i++, b += size) {
        for (size_t k = 0; k < size / 2; k++) {
            const unsigned char c = b[k];
            b[k] = b[size - 1 - k];
            b[size - 1 - k] = c;
        }
    }
}

#endif
