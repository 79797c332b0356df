/* digest.h - SHA-256 by OpenSSL's EVP. */
#ifndef RD_BASE_DIGEST_H
#define RD_BASE_DIGEST_H

#include <redoubt/error.h>

#include <stddef.h>

enum { RD_DIGEST_HEX = 65 };

/* Lower-case hex and a NUL. */
rd_status rd_digest_bytes(
    const void *data, size_t size, char hex_out[RD_DIGEST_HEX], struct rd_error *err);
rd_status rd_digest_file(const char *path, char hex_out[RD_DIGEST_HEX], struct rd_error *err);

#endif
