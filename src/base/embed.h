/* embed.h - files that are part of the program (catalog, templates, report page). */
#ifndef RD_BASE_EMBED_H
#define RD_BASE_EMBED_H

#include <stddef.h>

/* data is followed by a NUL byte that size does not count. Tables end with name == NULL, sorted by
 * name. */
struct rd_embedded {
    const char *name; /* path below the embedded folder */
    const unsigned char *data;
    size_t size;
};

#endif
