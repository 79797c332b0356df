/* Bytes as redoubt.yaml: read, check, and in the other direction the migration of the same bytes.
 */
#include "system/system.h"

#include <redoubt/option.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 keeps 8 KB on some syntax errors inside braces; nothing of ours can give them
 * back. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so\n";
}

struct settings {
    int64_t n;
    double x;
    const char *file, *artifact;
    struct rd_option_list words;
};
static const struct rd_option table[] = {
    RD_INT(struct settings, n, "n", "1", 0, 10, "", "a number"),
    RD_REAL(struct settings, x, "x", "1/3", 0, 1, "", "another"),
    RD_TEXT(struct settings, file, "file", "", "FILE", "a file"),
    RD_TEXT(struct settings, artifact, "artifact", "", "ID", "an artifact"),
    RD_LIST(struct settings, words, "words", "", "words"),
    RD_OPTION_END,
};

static const struct rd_option *options_of(const char *name)
{
    return name[0] == 'n' ? NULL : table;
}

/* A system that was accepted must hold together: indices in range, names where they are promised.
 */
static void use(const struct rd_system *s)
{
    for (size_t i = 0; i < s->n_elements; i++) {
        if (rd_system_element(s, s->elements[i].id) != (int)i || !s->elements[i].type ||
            s->elements[i].boundary >= (int)s->n_boundaries)
            abort();
    }
    for (size_t i = 0; i < s->n_flows; i++)
        (void)rd_flow_crosses(s, &s->flows[i]);
    for (size_t i = 0; i < s->n_scenarios; i++) {
        if (s->scenarios[i].actor < 0 || (size_t)s->scenarios[i].actor >= s->n_actors ||
            !s->scenarios[i].magnitude || !s->scenarios[i].loss_when)
            abort();
    }
    for (size_t i = 0; i < s->n_controls; i++) {
        if (s->controls[i].at_element == RD_NONE && s->controls[i].at_flow == RD_NONE)
            abort();
    }
}

/* What was rewritten is of today, and stays so. */
static void migrate(const uint8_t *data, size_t size)
{
    struct rd_buf text = { 0 }, none = { 0 };
    bool changed = false, again = true;
    int from = 0;

    if (!rd_system_migrate_text("fuzz.yaml", data, size, &text, &from, &changed, NULL) && changed) {
        if (rd_system_migrate_text("fuzz.yaml", text.text, text.len, &none, &from, &again, NULL) ||
            again)
            abort();
    }
    rd_buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = { "pgd", NULL };
    const struct rd_limits limits = {
        .text_bytes = 1 << 20,
        .nodes = 20000,
        .depth = 64,
        .memory_bytes = 256 << 20,
    };
    const struct rd_system_options options = {
        .attack_options = options_of,
        .defense_options = options_of,
        .attack_names = names,
        .limits = &limits,
    };
    struct rd_arena arena = { .limit = 256 << 20 };
    struct rd_problems problems;
    struct rd_system *system = NULL;
    struct rd_error err = { 0 };
    rd_status st =
        rd_system_parse("fuzz.yaml", NULL, data, size, &options, &arena, &system, &problems, &err);

    if (!st)
        use(system);
    else if (!err.frames || st == RD_E_BUG)
        abort();
    /* Costs as much again, so not for each of the many that are of today. */
    if (size % 8 == 0 || (!st && system->version < RD_SYSTEM_VERSION))
        migrate(data, size);
    rd_arena_release(&arena);
    return 0;
}
