/* Bytes as a file of catalog/rules: read it strictly; what was accepted is applied to its own twins
 * and to one more system, and what comes out must hold together. */
#include "rules/rule.h"

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

extern const struct rd_embedded rd_catalog[];

static const char town[] =
    "boundaries: [{id: out, trust: untrusted}, {id: in}]\n"
    "elements:\n"
    "  - {id: crowd, type: annotator, boundary: out}\n"
    "  - {id: upload, type: ingestion-api, boundary: in, properties: {screened: \"no\"}}\n"
    "  - {id: samples, type: training-data, boundary: in, properties: {data_class: personal}}\n"
    "  - {id: fit, type: training-job, boundary: in}\n"
    "  - {id: api, type: inference-api, boundary: in, properties: {exposure: internet}}\n"
    "flows:\n"
    "  - {id: a, from: crowd, to: upload, carries: [labels]}\n"
    "  - {id: b, from: upload, to: samples}\n"
    "  - {id: c, from: samples, to: fit, encrypted: \"no\"}\n"
    "  - {id: d, from: fit, to: api}\n"
    "  - {id: e, from: api, to: crowd}\n"
    "controls: [{id: k, kind: quota, at: api, state: active}]\n";

static void use(
    const struct rd_rules *rules, const struct rd_system *system, struct rd_arena *arena)
{
    struct rd_threats threats;
    struct rd_error err = { 0 };
    const rd_status st = rd_threats_derive(rules, system, arena, &threats, &err);

    if (st == RD_E_BUG)
        abort();
    for (size_t i = 0; !st && i < threats.n; i++) {
        const struct rd_threat *t = &threats.item[i];

        if (t->applicability == RD_APPLIES_NO || !t->id || !t->severity_why ||
            (t->element == RD_NONE) == (t->flow == RD_NONE) ||
            (t->applicability == RD_APPLIES_MITIGATED) != (t->mitigated_by != NULL))
            abort();
        for (size_t k = 0; k < t->n_facts; k++)
            if (!t->facts[k].what || !t->facts[k].value)
                abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rd_arena lasting;
    static struct rd_taxonomies taxonomies;
    static struct rd_system *fixed;
    const struct rd_system_options options = { .fragment = true };
    const struct rd_embedded file = { "rules/fuzz.yaml", data, size };
    struct rd_arena arena = { .limit = 256 << 20 };
    struct rd_rule_code *code = NULL;
    struct rd_error err = { 0 };
    rd_status st;

    if (!fixed && (rd_taxonomies_read(rd_catalog, &lasting, &taxonomies, NULL) ||
                      rd_system_parse("town", NULL, town, sizeof town - 1, &options, &lasting,
                          &fixed, NULL, NULL)))
        abort();
    st = rd_rule_read(&file, &taxonomies, &arena, &code, &err);
    if (st) {
        if (st == RD_E_BUG || !err.frames)
            abort();
    } else {
        const struct rd_rule *rule = &code->rule;
        const struct rd_rules rules = { &rule, 1, &taxonomies };
        struct rd_system *twin;

        use(&rules, fixed, &arena);
        for (int i = 0; i < 2; i++)
            if (!rd_rule_twin(&rules, rule, (enum rd_twin)i, &arena, &twin, NULL))
                use(&rules, twin, &arena);
        (void)rd_rule_self_test(&rules, rule, NULL);
    }
    rd_arena_release(&arena);
    return 0;
}
