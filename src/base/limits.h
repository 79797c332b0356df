/* limits.h - the ceilings that every reader of outside bytes takes from one place. */
#ifndef RD_BASE_LIMITS_H
#define RD_BASE_LIMITS_H

#include <stddef.h>

struct rd_limits {
    size_t file_bytes;   /* largest file read                               */
    size_t text_bytes;   /* largest YAML or JSON file                       */
    size_t nodes;        /* values of one document, nodes of one graph      */
    size_t depth;        /* nesting                                         */
    size_t ratio;        /* unpacked : packed                               */
    size_t entries;      /* of an archive                                   */
    size_t tensor_bytes; /* one tensor                                      */
    size_t memory_bytes; /* all that one parsed file may cost               */
};

/* 8 GiB files, 64 MiB text, 10^6 nodes, depth 64, ratio 100, 10^6 entries, 2 GiB tensors, 8 GiB
 * memory. */
extern const struct rd_limits rd_limits_default;

#endif
