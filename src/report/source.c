#include "report/source.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FOLDERS_MAX = 64, PROPERTY_MAX = 160 };

static const char *own_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* Is there a .git in the folder that the first len bytes of path name? A file in a worktree. */
static bool is_root(const char *path, size_t len, struct rd_arena *arena)
{
    const char *git = rd_arena_printf(arena, "%.*s/.git", (int)len, path);

    return git && access(git, F_OK) == 0;
}

const char *rd_source_file(const struct rd_system *s, struct rd_arena *arena)
{
    char *real = realpath(s->path, NULL);
    const char *file = own_name(s->path);

    for (size_t len = real ? strlen(real) : 0, i = 0; len && i < FOLDERS_MAX; i++) {
        while (len && real[len - 1] != '/')
            len--;
        if (len && is_root(real, len - 1, arena)) {
            file = real + len;
            break;
        }
        len -= len > 0;
    }
    file = rd_arena_strdup(arena, file);
    free(real);
    return file;
}

void rd_source_uri(struct rd_buf *out, const char *path)
{
    static const char kept[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "-._~/";

    for (const char *p = path; *p; p++) {
        if (strchr(kept, *p))
            rd_buf_putc(out, *p);
        else
            rd_buf_printf(out, "%%%02X", (unsigned)(unsigned char)*p);
    }
}

static struct rd_place known(struct rd_place at)
{
    return (struct rd_place){ at.line > 0 ? at.line : 1, at.column > 0 ? at.column : 1 };
}

struct rd_place rd_source_place(const struct rd_system *s, const struct rd_threat *t)
{
    return t->element != RD_NONE ? known(s->elements[t->element].at)
           : t->flow != RD_NONE  ? known(s->flows[t->flow].at)
                                 : (struct rd_place){ 1, 1 };
}

bool rd_source_fact(const struct rd_system *s, const char *what, struct rd_place *out)
{
    const size_t len = strcspn(what, ".");
    const char *property = what[len] ? what + len + 1 : "";
    char id[PROPERTY_MAX];

    if (len >= sizeof id || strchr(what, ' '))
        return false;
    memcpy(id, what, len);
    id[len] = '\0';
    for (size_t i = 0; i < s->n_elements; i++) {
        const struct rd_element *e = &s->elements[i];

        if (strcmp(e->id, id) != 0)
            continue;
        *out = known(e->at);
        for (size_t k = 0; k < e->properties.n; k++)
            if (!strcmp(e->properties.item[k].name, property))
                *out = known(e->properties.item[k].at);
        return true;
    }
    for (size_t i = 0; i < s->n_flows; i++)
        if (!strcmp(s->flows[i].id, id)) {
            *out = known(s->flows[i].at);
            return true;
        }
    return false;
}
