#include "cli/build_facts.h"

#include "tensor/kernel.h"

#include <curl/curl.h>
#include <jansson.h>
#include <libfyaml.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <png.h>
#include <sqlite3.h>
#include <stdio.h> /* before jpeglib.h, which needs FILE */
#include <string.h>
#include <zlib.h>

#include <jpeglib.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

const struct rd_library *rd_build_libraries(size_t *n_out)
{
    static struct rd_library all[] = {
        { .name = "jansson" },
        { .name = "libcurl" },
        { .name = "libfyaml" },
        { .name = "libjpeg" },
        { .name = "libmicrohttpd" },
        { .name = "libpng" },
        { .name = "openssl" },
        { .name = "sqlite" },
        { .name = "zlib" },
    };
    const char *const versions[] = {
        JANSSON_VERSION,
        curl_version_info(CURLVERSION_NOW)->version,
        fy_library_version(),
#ifdef LIBJPEG_TURBO_VERSION
        "turbo " TEXT(LIBJPEG_TURBO_VERSION),
#else
        TEXT(JPEG_LIB_VERSION),
#endif
        MHD_get_version(),
        png_get_libpng_ver(NULL),
        OpenSSL_version(OPENSSL_VERSION),
        sqlite3_libversion(),
        zlibVersion(),
    };

    _Static_assert(sizeof versions / sizeof *versions == sizeof all / sizeof *all, "one each");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        (void)snprintf(all[i].version, sizeof all[i].version, "%s", versions[i]);
    *n_out = sizeof all / sizeof *all;
    return all;
}

const char *rd_build_compiler(void)
{
#ifdef __clang__
    return "clang " TEXT(__clang_major__) "." TEXT(__clang_minor__) "." TEXT(__clang_patchlevel__);
#else
    return "gcc " TEXT(__GNUC__) "." TEXT(__GNUC_MINOR__) "." TEXT(__GNUC_PATCHLEVEL__);
#endif
}

const char *rd_build_type(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return "with address sanitizer";
#elif defined(__SANITIZE_THREAD__)
    return "with thread sanitizer";
#elif defined(__OPTIMIZE__)
    return "optimized";
#else
    return "debug";
#endif
}

const char *rd_build_processor(void)
{
#if defined(__x86_64__)
    return "x86_64";
#elif defined(__aarch64__)
    return "aarch64";
#else
    return "other";
#endif
}

const char *const *rd_build_kernels(void)
{
    enum { MAX = 8 };
    static const char *names[MAX + 1];
    const struct rd_kernels *const *all = rd_kernels_all();

    for (size_t i = 0; i < MAX && all[i]; i++)
        names[i] = all[i]->name;
    return names;
}

rd_status rd_build_kernel_chosen(const char **name_out, struct rd_error *err)
{
    const struct rd_kernels *chosen = NULL;
    const rd_status st = rd_kernels_choose(&chosen, err);

    *name_out = st ? "" : chosen->name;
    return st;
}
