/* load - from a file, its folder, bytes or a map to a system, or to everything that is wrong with
 * it. */
#include "base/file.h"
#include "base/text.h"
#include "system/read.h"

#include <string.h>

static const struct rd_system_options no_options;

const char *rd_element_property(const struct rd_element *e, const char *name)
{
    for (size_t i = 0; i < e->properties.n; i++) {
        if (strcmp(e->properties.item[i].name, name) == 0)
            return e->properties.item[i].value;
    }
    return NULL;
}

bool rd_flow_crosses(const struct rd_system *s, const struct rd_flow *f)
{
    return s->elements[f->from].boundary != s->elements[f->to].boundary;
}

bool rd_decision_expired(const struct rd_system *s, const struct rd_decision *d)
{
    return d->until && s->today && strcmp(d->until, s->today) < 0; /* dates sort as text */
}

static rd_status start(struct rd_reader *r, struct rd_error *err)
{
    r->scratch.limit = (r->options->limits ? r->options->limits : &rd_limits_default)->memory_bytes;
    r->system = RD_NEW(r->arena, struct rd_system);
    r->index = RD_NEW(r->arena, struct rd_system_index);
    r->override_used = RD_NEW_ARRAY(&r->scratch, bool, r->options->n_overrides + 1);
    if (!r->system || !r->index || !r->override_used)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory reading '%s'", r->name);
    r->system->index = r->index;
    r->system->today = r->options->today ? rd_arena_strdup(r->arena, r->options->today) : NULL;
    r->system->path = rd_arena_strdup(r->arena, r->name);
    r->system->folder = rd_arena_strdup(r->arena, r->folder ? r->folder : ".");
    if (!r->system->path || !r->system->folder)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory reading '%s'", r->name);
    return RD_OK;
}

static rd_status read_all(
    struct rd_reader *r, struct rd_doc *doc, struct rd_problems *problems_out, struct rd_error *err)
{
    rd_status st = start(r, err);

    if (st)
        return st;
    if (rd_migrate_doc(r, doc)) {
        const int version = r->system->version;

        r->currency = rd_currency_of(doc);
        rd_read_section(r, &rd_section_file, doc, NULL, r->system);
        r->system->version = version;
        rd_refs_resolve(r);
        rd_system_check(r);
    }
    st = rd_problems_finish(r, problems_out, err);
    return st ? st : rd_check_overrides(r, err);
}

static rd_status read_with(struct rd_reader *r, struct rd_doc *doc, struct rd_system **system_out,
    struct rd_problems *problems_out, struct rd_error *err)
{
    rd_status st;

    if (problems_out)
        *problems_out = (struct rd_problems){ NULL, 0 };
    st = read_all(r, doc, problems_out, err);
    rd_arena_release(&r->scratch);
    if (!st)
        *system_out = r->system;
    return st;
}

rd_status rd_system_read_doc(const char *name, const char *folder, struct rd_doc *doc,
    const struct rd_system_options *options, struct rd_arena *arena, struct rd_system **system_out,
    struct rd_problems *problems_out, struct rd_error *err)
{
    struct rd_reader r = {
        .name = name,
        .folder = folder,
        .options = options ? options : &no_options,
        .arena = arena,
    };

    return read_with(&r, doc, system_out, problems_out, err);
}

rd_status rd_system_parse(const char *name, const char *folder, const void *bytes, size_t size,
    const struct rd_system_options *options, struct rd_arena *arena, struct rd_system **system_out,
    struct rd_problems *problems_out, struct rd_error *err)
{
    struct rd_reader r = {
        .name = name,
        .folder = folder,
        .options = options ? options : &no_options,
        .arena = arena,
        .bytes = bytes,
        .size = size,
    };
    struct rd_doc *doc;
    rd_status st;

    if (problems_out)
        *problems_out = (struct rd_problems){ NULL, 0 };
    st = rd_doc_read_yaml(name, bytes, size, options ? options->limits : NULL, arena, &doc, err);
    return st ? st : read_with(&r, doc, system_out, problems_out, err);
}

rd_status rd_system_load(const char *path, const struct rd_system_options *options,
    struct rd_arena *arena, struct rd_system **system_out, struct rd_problems *problems_out,
    struct rd_error *err)
{
    const struct rd_limits *limits =
        options && options->limits ? options->limits : &rd_limits_default;
    struct rd_bytes bytes;
    const char *folder;
    rd_status st;

    if (problems_out)
        *problems_out = (struct rd_problems){ NULL, 0 };
    if (rd_file_is_dir(path))
        path = rd_path_join(arena, path, "redoubt.yaml");
    folder = path ? rd_path_dir(arena, path) : NULL;
    if (!folder)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory reading a system");
    st = rd_file_read(path, limits->text_bytes, arena, &bytes, err);
    if (st)
        return st;
    st = rd_system_parse(
        path, folder, bytes.data, bytes.size, options, arena, system_out, problems_out, err);
    if (st == RD_E_LIMIT && bytes.size > RD_YAML_BYTES)
        (void)rd_error_hint(err,
            "leave out what is retired and what says nothing new (name, owner, a source on every "
            "number), or describe parts of the system in files of their own");
    return st;
}
