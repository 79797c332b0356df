/*
 * threats.c - how long the rules take over a large system.
 *
 *   threats [ELEMENTS] [FILE]       default 1,000; FILE: write the system there, for `redoubt
 * threats`
 *
 * The system is a company with many products: each has people, an entry, stores, a training, a
 * registry, an API and what acts on it, as in the templates; products share data and deliver to one
 * another, so that paths lead far. Of the yes/no properties one in five is unknown, the others are
 * drawn. Prints what parsing takes and, apart, what deriving all threats takes: median, least and
 * most of eleven. Asked for: 1,000 elements derived in under 50 ms.
 */
#include "base/buf.h"
#include "base/rng.h"
#include "rules/threat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REPEATS = 11, SEED = 7 };

static double now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* One product: the types, and where its flows go (places in this list). */
static const struct {
    const char *type, *boundary;
} part[] = {
    { "annotator", "internet" },
    { "end-user", "internet" },
    { "ingestion-api", "cloud" },
    { "labeling-tool", "cloud" },
    { "data-store", "cloud" },
    { "data-pipeline", "cloud" },
    { "feature-store", "cloud" },
    { "training-data", "lab" },
    { "notebook", "lab" },
    { "training-job", "lab" },
    { "pretrained-model", "lab" },
    { "model-registry", "cloud" },
    { "ci-pipeline", "cloud" },
    { "gateway", "cloud" },
    { "inference-api", "cloud" },
    { "batch-inference", "cloud" },
    { "downstream-system", "shop" },
    { "monitoring", "cloud" },
    { "log-store", "cloud" },
    { "supplier", "partners" },
};
static const struct {
    int from, to;
    const char *carries;
} way[] = { { 0, 3, "labels" }, { 1, 2, "images" }, { 2, 4, "images" }, { 3, 4, "labels" },
    { 4, 5, "images" }, { 5, 6, "features" }, { 5, 7, "images, labels" }, { 4, 8, "images" },
    { 7, 9, "images, labels" }, { 10, 9, "model" }, { 19, 10, "model" }, { 9, 11, "model" },
    { 12, 11, "model" }, { 11, 14, "model" }, { 11, 15, "model" }, { 6, 14, "features" },
    { 1, 13, "images" }, { 13, 14, "images" }, { 14, 16, "labels" }, { 15, 16, "labels" },
    { 14, 17, "answers" }, { 14, 18, "logs" }, { 16, 4, "clicks" } };
enum { PARTS = sizeof part / sizeof *part, WAYS = sizeof way / sizeof *way };

static const char *pick(struct rd_rng *rng, const struct rd_property_type *p)
{
    static const char *const yes_no[] = { "\"yes\"", "\"no\"", "\"yes\"", "\"no\"", "unknown",
        NULL };
    const char *const *words = p->words ? p->words : yes_no;
    size_t n = 0;

    if (words[0][0] == '#')
        return "3";
    while (words[n])
        n++;
    return words[rd_rng_below(rng, n)];
}

static void write_element(struct rd_buf *out, struct rd_rng *rng, size_t i)
{
    const struct rd_element_type *type = rd_element_type_find(part[i % PARTS].type);
    bool first = true;

    rd_buf_printf(out, "  - {id: e%zu, type: %s, boundary: %s, properties: {", i, type->name,
        part[i % PARTS].boundary);
    for (const struct rd_property_type *p = type->properties; p->name; p++) {
        rd_buf_printf(out, "%s%s: %s", first ? "" : ", ", p->name, pick(rng, p));
        first = false;
    }
    rd_buf_puts(out, "}}\n");
}

static void write_flow(
    struct rd_buf *out, struct rd_rng *rng, size_t n, size_t from, size_t to, const char *carries)
{
    static const char *const words[] = { "yes", "yes", "no", "unknown" };

    rd_buf_printf(out,
        "  - {id: f%zu, from: e%zu, to: e%zu, carries: [%s], protocol: https, authenticated: "
        "\"%s\", encrypted: \"%s\"}\n",
        n, from, to, carries, words[rd_rng_below(rng, 4)], words[rd_rng_below(rng, 4)]);
}

static size_t write_system(struct rd_buf *out, size_t elements)
{
    struct rd_rng rng = rd_rng_stream(SEED, "bench/threats", 0);
    size_t flows = 0;

    rd_buf_puts(out,
        "version: 1\nname: bench\nboundaries:\n  - {id: internet, trust: untrusted}\n"
        "  - {id: partners, trust: partner}\n  - {id: cloud}\n  - {id: lab, inside: cloud}\n"
        "  - {id: shop, inside: cloud}\nelements:\n");
    for (size_t i = 0; i < elements; i++)
        write_element(out, &rng, i);
    rd_buf_puts(out, "flows:\n");
    for (size_t base = 0; base < elements; base += PARTS) {
        for (size_t k = 0; k < WAYS; k++)
            if (base + (size_t)way[k].from < elements && base + (size_t)way[k].to < elements)
                write_flow(out, &rng, flows++, base + (size_t)way[k].from, base + (size_t)way[k].to,
                    way[k].carries);
        if (base) { /* its data and its answers go on to the product before it */
            if (base + 4 < elements)
                write_flow(out, &rng, flows++, base + 4, base - PARTS + 4, "images");
            if (base + 16 < elements)
                write_flow(out, &rng, flows++, base + 16, base - PARTS + 5, "labels");
        }
    }
    return flows;
}

static int by_size(const void *a, const void *b)
{
    const double *p = a, *q = b;

    return (*p > *q) - (*p < *q);
}

static void print(const char *what, double *ms)
{
    qsort(ms, REPEATS, sizeof *ms, by_size);
    (void)printf("%-8s %8.2f ms (%.2f to %.2f)\n", what, ms[REPEATS / 2], ms[0], ms[REPEATS - 1]);
}

int main(int argc, char **argv)
{
    const size_t elements = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 1000;
    const struct rd_system_options options = { 0 };
    double parse[REPEATS], derived[REPEATS];
    struct rd_arena kept = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_buf text = { 0 };
    struct rd_rules rules;
    size_t flows, n = 0;

    flows = write_system(&text, elements);
    if (argc > 2) {
        FILE *file = fopen(argv[2], "w");

        if (!file || fputs(rd_buf_text(&text), file) < 0 || fclose(file))
            return 1;
    }
    if (rd_rules_load(&kept, &rules, &err))
        goto failed;
    for (int i = 0; i < REPEATS; i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_system *system = NULL;
        struct rd_threats threats = { 0 };
        double at = now_ms();
        rd_status st = rd_system_parse(
            "bench", NULL, rd_buf_text(&text), text.len, &options, &arena, &system, NULL, &err);

        parse[i] = now_ms() - at;
        at = now_ms();
        if (!st)
            st = rd_threats_derive(&rules, system, &arena, &threats, &err);
        derived[i] = now_ms() - at;
        n = threats.n;
        rd_arena_release(&arena);
        if (st)
            goto failed;
    }
    (void)printf("%zu elements, %zu flows, %zu rules: %zu threats\n", elements, flows, rules.n, n);
    print("parse", parse);
    print("derive", derived);
    rd_buf_release(&text);
    rd_arena_release(&kept);
    return 0;
failed:
    (void)fprintf(stderr, "%s\n", err.frame[0].text);
    return 1;
}
