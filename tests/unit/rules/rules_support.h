/* rules_support.h - rules and systems written inside a test. */
#ifndef RD_TESTS_RULES_SUPPORT_H
#define RD_TESTS_RULES_SUPPORT_H

#include "support.h"

#include "base/buf.h"
#include "rules/rule.h"

#include <stdio.h>
#include <string.h>

extern const struct rd_embedded rd_catalog[];

enum { TEST_FILES = 32 };

/* The built-in taxonomies and these rule files alone. */
static inline rd_status load_rule_files(const struct rd_embedded *rule, size_t n,
    struct rd_arena *arena, struct rd_rules *rules_out, struct rd_error *err)
{
    struct rd_embedded files[TEST_FILES + 1] = { { 0 } };
    size_t at = 0;

    for (const struct rd_embedded *f = rd_catalog; f->name; f++)
        if (!strncmp(f->name, "taxonomies/", 11) && at < TEST_FILES)
            files[at++] = *f;
    for (size_t i = 0; i < n && at < TEST_FILES; i++)
        files[at++] = rule[i];
    return rd_rules_load_from(files, arena, rules_out, err);
}

/*
 * One rule "probe" with this `applies_to` list and `when`; `more` are further lines, each with its
 * line break. What stands in `more` replaces the line of the same key.
 */
static inline void probe_text(
    struct rd_buf *out, const char *applies_to, const char *when, const char *more)
{
    static const char *const lines[] = { "title: A rule of a test\n", "stride: T\n",
        "stage: data\n", "references: [{list: MITRE ATLAS, edition: \"2026.09\", id: AML.T0020}]\n",
        "cwe: [CWE-345]\n", "why: For the test.\n", "impact: None.\n", "false_positives: None.\n",
        "severity: medium\n", "severity_why: Said so.\n", "removed_by: [signing]\n",
        "mitigations: [Do something.]\n",
        "tests: {vulnerable: {elements: []}, guarded: {elements: []}}\n", "id: probe\n" };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const size_t key = (size_t)(strchr(lines[i], ':') - lines[i]) + 1;
        const char *hit = more;
        int replaced = 0;

        while (hit && *hit && !replaced) {
            replaced = !strncmp(hit, lines[i], key);
            hit = strchr(hit, '\n');
            hit = hit ? hit + 1 : NULL;
        }
        if (!replaced)
            rd_buf_puts(out, lines[i]);
    }
    rd_buf_printf(out, "applies_to: [%s]\n", applies_to);
    if (when)
        rd_buf_printf(out, "when: '%s'\n", when);
    rd_buf_puts(out, more ? more : "");
}

static inline rd_status load_probe_with(const char *applies_to, const char *when, const char *more,
    struct rd_arena *arena, struct rd_rules *rules_out, struct rd_error *err)
{
    struct rd_buf text = { 0 };
    struct rd_embedded file;
    rd_status st;

    probe_text(&text, applies_to, when, more);
    file = (struct rd_embedded){ "rules/probe.yaml", (const unsigned char *)text.text, text.len };
    st = load_rule_files(&file, 1, arena, rules_out, err);
    rd_buf_release(&text);
    return st;
}

static inline struct rd_rules load_probe(
    struct rd_arena *arena, const char *applies_to, const char *when, const char *more)
{
    struct rd_rules rules = { 0 };
    struct rd_error err = { 0 };

    if (load_probe_with(applies_to, when, more, arena, &rules, &err)) {
        print_error("%s\n", err.frame[0].text);
        fail();
    }
    return rules;
}

/* The message of a rule that must be refused with RD_E_INPUT, and its hint behind "; ". */
static inline const char *refusal(
    struct rd_arena *arena, const char *applies_to, const char *when, const char *more)
{
    struct rd_rules rules = { 0 };
    struct rd_error err = { 0 };
    const rd_status st = load_probe_with(applies_to, when, more, arena, &rules, &err);

    assert_int_equal(st, RD_E_INPUT);
    return rd_arena_printf(arena, "%s; %s", err.frame[0].text, err.hint);
}

static inline struct rd_system *read_system(struct rd_arena *arena, const char *text)
{
    const struct rd_system_options options = { .fragment = true };
    struct rd_system *system = NULL;
    struct rd_problems problems = { 0 };
    struct rd_error err = { 0 };

    if (rd_system_parse(
            "test", NULL, text, strlen(text), &options, arena, &system, &problems, &err)) {
        print_error("%s\n", err.frame[0].text);
        fail();
    }
    return system;
}

static inline struct rd_threats derive(
    struct rd_arena *arena, const struct rd_rules *rules, const struct rd_system *system)
{
    struct rd_threats threats = { 0 };
    struct rd_error err = { 0 };

    if (rd_threats_derive(rules, system, arena, &threats, &err)) {
        print_error("%s\n", err.frame[0].text);
        fail();
    }
    return threats;
}

/* What the probe says about one element or flow of a system: "yes", "no", "unknown", "mitigated".
 */
static inline struct rd_threat probe(struct rd_arena *arena, const struct rd_rules *rules,
    const struct rd_system *system, const char *id)
{
    const int element = rd_system_element(system, id);
    const int flow = element == RD_NONE ? rd_system_flow(system, id) : RD_NONE;
    struct rd_threat threat = { 0 };
    struct rd_error err = { 0 };

    if (rd_threat_derive_one(rules, rules->item[0], system, element, flow, arena, &threat, &err)) {
        print_error("%s\n", err.frame[0].text);
        fail();
    }
    return threat;
}

static inline const char *fact_of(const struct rd_threat *threat, const char *what)
{
    for (size_t i = 0; i < threat->n_facts; i++)
        if (!strcmp(threat->facts[i].what, what))
            return threat->facts[i].value;
    return "(no such fact)";
}

static inline const char *all_of(struct rd_arena *arena, const char *const *item, size_t n)
{
    struct rd_buf text = { 0 };
    const char *out;

    for (size_t i = 0; i < n; i++)
        rd_buf_printf(&text, "%s%s", i ? " | " : "", item[i]);
    out = rd_arena_strdup(arena, rd_buf_text(&text));
    rd_buf_release(&text);
    return out;
}

#endif
