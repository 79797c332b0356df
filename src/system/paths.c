/* paths - files that the system file names: below its folder, unless somebody allowed more. */
#include "base/file.h"
#include "base/text.h"
#include "system/read.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/*
 * The real place of the deepest part of path that exists, without symbolic links. What does not
 * exist yet stays below that part, because climbing out was refused before. A link to nothing is no
 * place at all: it would be followed once its target is made.
 */
static bool real_of_existing(const char *path, char real[PATH_MAX])
{
    struct stat info;
    char part[PATH_MAX];
    const size_t len = strnlen(path, PATH_MAX);

    if (len >= PATH_MAX)
        return false;
    memcpy(part, path, len + 1);
    for (;;) {
        char *slash;

        if (realpath(part, real))
            return true;
        if (errno != ENOENT || lstat(part, &info) == 0)
            return false;
        slash = strrchr(part, '/');
        if (!slash || slash == part)
            return realpath(slash ? "/" : ".", real) != NULL;
        *slash = '\0';
    }
}

static bool is_below(const char *folder, const char *path)
{
    const size_t n = strlen(folder);

    if (strcmp(folder, "/") == 0)
        return true;
    return strncmp(folder, path, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Why a path may not be used, or NULL. */
static const char *why_outside(struct rd_reader *r, const char *path)
{
    char real[PATH_MAX], folder[PATH_MAX];
    const char *full;

    if (!rd_path_stays_inside(path))
        return path[0] == '/' ? "is absolute" : "leaves the folder of the file";
    if (!r->folder)
        return NULL;
    if (!r->real_folder) {
        if (!realpath(*r->folder ? r->folder : ".", folder))
            return NULL; /* there is no folder, so no link either */
        r->real_folder = rd_arena_strdup(&r->scratch, folder);
        if (!r->real_folder) {
            r->no_memory = true;
            return NULL;
        }
    }
    full = rd_path_join(&r->scratch, r->folder, path);
    if (!full) {
        r->no_memory = true;
        return NULL;
    }
    if (!real_of_existing(full, real))
        return "cannot be resolved";
    if (!is_below(r->real_folder, real))
        return "leaves the folder of the file through a symbolic link";
    return NULL;
}

bool rd_check_path(struct rd_reader *r, struct rd_at v, const char *path)
{
    const char *why;
    char safe[160];

    if (r->options->allow_outside)
        return true;
    why = why_outside(r, path);
    if (!why)
        return true;
    rd_problem_add(r, rd_place_of(v.doc), v.crumb, v.key,
        "expected a path below the folder of the file, but '%s' %s; --allow-outside accepts it",
        rd_text_safe_in(safe, sizeof(safe), path), why);
    return false;
}

/* PATH of an override "ID=PATH" (for the first path of the artifact) or "ID.KEY=PATH". */
static const char *override_of(struct rd_reader *r, const char *id, const char *key, bool is_first)
{
    const size_t id_len = strlen(id), key_len = strlen(key);
    const char *found = NULL;

    for (size_t i = 0; i < r->options->n_overrides; i++) {
        const char *o = r->options->overrides[i];

        if (strncmp(o, id, id_len) != 0)
            continue;
        o += id_len;
        if (*o == '.' && strncmp(o + 1, key, key_len) == 0 && o[1 + key_len] == '=')
            found = o + key_len + 2;
        else if (is_first && *o == '=')
            found = o + 1;
        else
            continue;
        r->override_used[i] = true;
    }
    return found;
}

const char *rd_read_path(struct rd_reader *r, struct rd_at v, const char *id, bool is_first)
{
    const char *over = id ? override_of(r, id, v.key, is_first) : NULL;
    const char *path = NULL;

    if (over) {
        path = rd_arena_strdup(r->arena, over);
    } else {
        if (!v.doc || !rd_read_text(r, v, "a path relative to the file", &path) ||
            !rd_check_path(r, v, path))
            return NULL;
        if (r->folder)
            path = rd_path_join(r->arena, r->folder, path);
    }
    if (!path)
        r->no_memory = true;
    return path;
}

rd_status rd_check_overrides(struct rd_reader *r, struct rd_error *err)
{
    char safe[80];

    for (size_t i = 0; i < r->options->n_overrides; i++) {
        const char *o = r->options->overrides[i];
        const char *equals = strchr(o, '=');

        (void)rd_text_safe_in(safe, sizeof(safe), o);
        if (!equals || equals == o || !equals[1])
            return RD_FAIL(err, RD_E_USAGE, "--artifact: expected ID=PATH, found '%s'", safe);
        if (!r->override_used[i]) {
            const rd_status st = RD_FAIL(
                err, RD_E_USAGE, "--artifact '%s': the file has no such artifact or path", safe);
            const struct rd_artifact *a = r->system->artifacts;

            (void)rd_error_hint(err, "artifacts of the file: %s%s%s%s%s",
                r->system->n_artifacts > 0 ? a[0].id : "none",
                r->system->n_artifacts > 1 ? ", " : "", r->system->n_artifacts > 1 ? a[1].id : "",
                r->system->n_artifacts > 2 ? ", " : "", r->system->n_artifacts > 2 ? a[2].id : "");
            return st;
        }
    }
    return RD_OK;
}
