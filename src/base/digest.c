#include "base/digest.h"

#include "base/file.h"
#include "base/limits.h"

#include <openssl/evp.h>
#include <stdio.h>

rd_status rd_digest_bytes(
    const void *data, size_t size, char hex_out[RD_DIGEST_HEX], struct rd_error *err)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (EVP_Digest(data, size, md, &n, EVP_sha256(), NULL) != 1 || n != 32)
        return RD_FAIL(err, RD_E_BUG, "SHA-256 of %zu bytes failed", size);
    for (unsigned i = 0; i < n; i++)
        (void)snprintf(hex_out + (size_t)2 * i, 3, "%02x", md[i]);
    return RD_OK;
}

rd_status rd_digest_file(const char *path, char hex_out[RD_DIGEST_HEX], struct rd_error *err)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_bytes bytes;
    rd_status st = rd_file_map(path, rd_limits_default.file_bytes, &arena, &bytes, err);

    if (!st)
        st = rd_digest_bytes(bytes.data, bytes.size, hex_out, err);
    rd_arena_release(&arena);
    return st;
}
