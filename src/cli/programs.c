#include "cli/programs.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_program(const char *path)
{
    struct stat s;

    return path && !stat(path, &s) && S_ISREG(s.st_mode) && !access(path, X_OK);
}

const char *rd_cli_program(struct rd_arena *arena, const char *folder, const char *name)
{
    const char *path = getenv("PATH");

    if (!*name)
        return NULL;
    if (strchr(name, '/')) {
        const char *file = rd_path_join(arena, folder ? folder : ".", name);

        return is_program(file) ? file : NULL;
    }
    for (const char *p = path ? path : "/bin:/usr/bin"; p;) { /* as posix_spawnp does */
        const size_t n = strcspn(p, ":");
        const char *in = n ? rd_arena_strndup(arena, p, n) : ".";
        const char *file = in ? rd_path_join(arena, in, name) : NULL;

        if (is_program(file))
            return file;
        p = p[n] ? p + n + 1 : NULL;
    }
    return NULL;
}

void rd_cli_rsvg_words(const char *width, const char *argv_out[RD_RSVG_WORDS])
{
    const char *const words[RD_RSVG_WORDS] = { "rsvg-convert", "--format", "png",
        "--keep-aspect-ratio", "--background-color", "white", "--width", width, "--unlimited",
        NULL };

    memcpy(argv_out, words, sizeof words);
}

bool rd_cli_is_png(const void *bytes, size_t size)
{
    return size > 8 && !memcmp(bytes, "\x89PNG\r\n\x1a\n", 8);
}
