/*
 * Bytes as a sheet of a workshop's answers: read it strictly, merge it into a system file. What
 * comes out must be accepted as a system, and merging the same sheet again must change nothing.
 * Behind a line "%%%%" stands the sheet, before it a system file of one's own.
 */
#include "report/workshop.h"

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

/* Values in braces and by indentation, quoted and plain, missing and empty. */
static const char town[] =
    "version: 1\n"
    "elements:\n"
    "  - {id: crowd, type: annotator}   # people\n"
    "  - id: api\n"
    "    # what callers see\n"
    "    type: inference-api\n"
    "    properties: {exposure: internet, rate_limit: unknown, returns: 'scores'}\n"
    "  - id: watch\n"
    "    type: monitoring\n"
    "    owner: \"SRE\"\n"
    "    properties:\n"
    "      drift: \"no\"   # never\n"
    "      alerts: unknown\n"
    "  - {id: store, type: data-store, properties: {}}\n"
    "flows:\n"
    "  - {id: ask, from: crowd, to: api, authenticated: unknown}\n"
    "assets:\n"
    "  - {id: copy, of: api, value: {low: 100, high: 200, provenance: default}}\n"
    "  - id: other\n"
    "    value: 7\n"
    "actors: [{id: a, access: [labels], days: {low: 1, high: 2}}]\n"
    "controls: [{id: k, kind: quota, at: api, state: proposed}]\n"
    "risk:\n"
    "  scenarios:\n"
    "    - id: s\n"
    "      threat: model-extraction@api\n"
    "      actor: a\n"
    "      attempts_per_year:\n"
    "        low: 0.1\n"
    "        high: 2   # a guess\n"
    "        provenance: default\n"
    "      loss_when: utility >= 0.9\n"
    "      magnitude: copy\n"
    "      secondary: {probability: 0.2, magnitude: 5}";

static rd_status merge(struct rd_run *run, const char *text, size_t size, const uint8_t *sheet,
    size_t sheet_size, struct rd_workshop_merged *merged)
{
    const struct rd_system_options options = { 0 };
    struct rd_workshop_items items;
    struct rd_workshop_sheet read;
    struct rd_problems problems;
    struct rd_system *system;
    rd_status st = rd_system_parse(
        "town", NULL, text, size, &options, run->scratch, &system, &problems, run->err);

    if (st && text == town)
        abort();
    if (!st)
        st = rd_workshop_items(run, system, run->scratch, &items);
    if (!st)
        st = rd_workshop_read(
            run, "sheet", sheet, sheet_size, &items, run->scratch, &read, &problems);
    if (!st)
        st = rd_workshop_merge(
            run, "town", text, size, system, &items, &read, 1, run->scratch, merged);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char mark[] = "\n%%%%\n";
    struct rd_arena arena = { .limit = 256 << 20 };
    struct rd_error err = { 0 };
    struct rd_run run = { .scratch = &arena, .err = &err };
    struct rd_workshop_merged merged, again;
    const char *text = town;
    size_t text_size = sizeof town - 1;
    bool own = false;
    rd_status st;

    for (size_t i = 0; i + sizeof mark - 1 <= size && !own; i++)
        if (!memcmp(data + i, mark, sizeof mark - 1)) {
            char *copy = rd_arena_strndup(&arena, (const char *)data, i);

            if (!copy)
                return 0;
            text = copy;
            text_size = i;
            data += i + sizeof mark - 1;
            size -= i + sizeof mark - 1;
            own = true;
        }
    st = merge(&run, text, text_size, data, size, &merged);
    if (st == RD_E_BUG || (st && !err.frames))
        abort();
    if (!st) {

        err = (struct rd_error){ 0 };
        st = merge(&run, merged.text, merged.size, data, size, &again);
        /* One's own file may be written so that the checker has to refuse what comes out. */
        if (st == RD_E_BUG || (st && !own) || (!st && again.n_changes))
            abort();
    }
    rd_arena_release(&arena);
    return 0;
}
