/* reference - docs/reference/redoubt-yaml.md, written from the tables that the reader walks. */
#include "base/text.h"
#include "system/fields.h"
#include "system/scenario_names.h"

#include <string.h>

static void put_list(struct rd_buf *out, const char *const *words)
{
    for (size_t i = 0; words[i]; i++)
        rd_buf_printf(out, "%s`%s`", i ? ", " : "", words[i]);
}

static void put_bounds(struct rd_buf *out, const char *what, const struct rd_field *f)
{
    char low[32], high[32];

    rd_buf_printf(out, "%s", what);
    if (f->unit)
        rd_buf_printf(out, " (%s)", f->unit);
    if (f->max >= 1e12)
        rd_buf_printf(out, ", at least %s", rd_text_from_double(f->min, low));
    else
        rd_buf_printf(
            out, ", %s to %s", rd_text_from_double(f->min, low), rd_text_from_double(f->max, high));
}

/* What may stand behind the key, in words. */
static void put_value(struct rd_buf *out, const struct rd_field *f)
{
    switch (f->kind) {
    case RD_F_VERSION:
        rd_buf_printf(out, "`%d`", RD_SYSTEM_VERSION);
        break;
    case RD_F_ID:
        rd_buf_puts(out, "`[a-z0-9][a-z0-9-]{0,63}`");
        break;
    case RD_F_CURRENCY:
        rd_buf_puts(out, "three capital letters");
        break;
    case RD_F_DATE:
        rd_buf_puts(out, "date, `2026-11-01`");
        break;
    case RD_F_QUARTER:
        rd_buf_puts(out, "quarter: `YYYY-Qn`");
        break;
    case RD_F_WORD:
    case RD_F_ENUM:
        put_list(out, f->words);
        break;
    case RD_F_TRI:
        rd_buf_puts(out, "`yes`, `no`, `unknown`");
        break;
    case RD_F_INT:
        put_bounds(out, "whole number", f);
        break;
    case RD_F_REAL:
    case RD_F_SHARE:
        put_bounds(out, "number", f);
        break;
    case RD_F_AMOUNT:
        put_bounds(out, "uncertain number", f);
        break;
    case RD_F_CHANCE:
        rd_buf_puts(out, "uncertain probability, 0 to 1");
        break;
    case RD_F_REF:
        rd_buf_printf(out, "id of %s %s", strchr("aeiou", rd_space_name(f->space)[0]) ? "an" : "a",
            rd_space_name(f->space));
        break;
    case RD_F_PART:
        rd_buf_puts(out, "id of an element or flow");
        break;
    case RD_F_THREAT:
        rd_buf_puts(out, "`rule@element-or-flow`");
        break;
    case RD_F_REFS:
        rd_buf_printf(out, "list of ids of %ss", rd_space_name(f->space));
        break;
    case RD_F_TEXTS:
        rd_buf_puts(out, "list of texts");
        break;
    case RD_F_HOSTS:
        rd_buf_puts(out, "list of `host` or `host:port`");
        break;
    case RD_F_INTS:
        rd_buf_puts(out, "list of whole numbers");
        break;
    case RD_F_URL:
        rd_buf_puts(out, "`http://` or `https://` address");
        break;
    case RD_F_ACCESS:
        rd_buf_puts(out, "list of ");
        put_list(out, f->words);
        break;
    case RD_F_TYPE:
        rd_buf_puts(out, "one of the types below");
        break;
    case RD_F_PROPERTIES:
        rd_buf_puts(out, "map, by type: see below");
        break;
    case RD_F_SET:
        rd_buf_puts(out, "map of options");
        break;
    case RD_F_PATH:
        rd_buf_puts(out, "path, relative to the file");
        break;
    case RD_F_RANGE:
        rd_buf_puts(out, "two whole numbers");
        break;
    case RD_F_EXPR:
        rd_buf_puts(out, f->min == RD_EXPR_BOOL ? "condition" : "expression, a number");
        break;
    case RD_F_MAP:
        rd_buf_printf(out, "map: see %s", f->sub->name);
        break;
    case RD_F_LIST:
        rd_buf_printf(out, "list of: see %s", f->sub->name);
        break;
    case RD_F_TEXT:
    case RD_F_ATTACK:
    case RD_F_CONTROL:
    case RD_F_END:
        rd_buf_puts(out, "text");
        break;
    }
}

/* "model, dataset" for a key that only some variants have. */
static void put_variants(struct rd_buf *out, const struct rd_section *s, const struct rd_field *f)
{
    const struct rd_field *kind = s->fields;
    bool any = false;

    while (strcmp(kind->key, s->variant_key) != 0)
        kind++;
    rd_buf_puts(out, " (of ");
    for (unsigned i = 0; kind->words[i]; i++) {
        if (f->variants & 1u << i) {
            rd_buf_printf(out, "%s%s", any ? ", " : "", kind->words[i]);
            any = true;
        }
    }
    rd_buf_puts(out, ")");
}

static void put_section(struct rd_buf *out, const struct rd_section *s)
{
    rd_buf_printf(out, "\n## %s\n\n%c%s.\n\n", s->name,
        s->help[0] - ('a' <= s->help[0] && s->help[0] <= 'z' ? 32 : 0), s->help + 1);
    rd_buf_puts(out, "| key | value | left out | meaning |\n| --- | --- | --- | --- |\n");
    for (const struct rd_field *f = s->fields; f->kind != RD_F_END; f++) {
        rd_buf_printf(out, "| `%s`", f->key);
        if (f->variants)
            put_variants(out, s, f);
        rd_buf_puts(out, " | ");
        put_value(out, f);
        if (f->flags & RD_F_REQUIRED && f->unless)
            rd_buf_printf(out, " | *required* unless `%s`", f->unless);
        else if (f->flags & RD_F_REQUIRED)
            rd_buf_puts(out, " | *required*");
        else if (f->preset)
            rd_buf_printf(out, " | `%s`", f->preset);
        else
            rd_buf_puts(out, " | ");
        rd_buf_printf(out, " | %s |\n", f->help);
    }
    for (const struct rd_field *f = s->fields; f->kind != RD_F_END; f++) {
        if (f->sub)
            put_section(out, f->sub);
    }
}

static void put_types(struct rd_buf *out)
{
    rd_buf_puts(out, "\n## Types of element and their properties\n\n"
                     "A property without words takes `yes`, `no` or `unknown` (`true` and `false` "
                     "are read as yes and no);\n"
                     "one with words takes these or `unknown`; a number is not negative. A "
                     "property that is not given is\n"
                     "unknown.\n");
    for (const struct rd_element_type *t = rd_element_types; t->name; t++) {
        rd_buf_printf(
            out, "\n### %s\n\n%c%s (%s).\n\n", t->name, t->summary[0] - 32, t->summary + 1, t->dfd);
        for (const struct rd_property_type *p = t->properties; p->name; p++) {
            rd_buf_printf(out, "- `%s`: %s", p->name, p->help);
            if (p->words && p->words[0][0] == '#')
                rd_buf_puts(out, " (number)");
            else if (p->words && p->words[0][0] != '*') {
                rd_buf_puts(out, " (");
                put_list(out, p->words);
                rd_buf_puts(out, ")");
            }
            rd_buf_puts(out, "\n");
        }
    }
}

void rd_system_reference(struct rd_buf *out)
{
    rd_buf_puts(out, "# redoubt.yaml, version 1\n\n"
                     "Written by `redoubt schema --reference` from the tables that the reader "
                     "itself uses (src/system/sections.c).\n\n"
                     "YAML 1.2 without anchors, aliases, tags, merge keys and further documents; "
                     "`on` and `off` are refused,\n"
                     "since readers disagree about them. Unknown keys, duplicate ids, dangling "
                     "references, wrong types and\n"
                     "wrong units are errors; `redoubt check` tells all of them in one run.\n\n"
                     "Ids: elements and flows share one space, because threats and controls name "
                     "either. Boundaries, assets,\n"
                     "actors, artifacts, controls, tests and scenarios have one each. An asset "
                     "goes by its id in expressions,\n"
                     "so it may not be called like one of their words.\n\n"
                     "Paths are relative to the file and may not leave its folder, also not "
                     "through symbolic links, unless\n"
                     "`--allow-outside` is given. `--artifact ID=PATH` replaces the `path` (of a "
                     "training, the `graph`) of an\n"
                     "artifact, `--artifact ID.labels=PATH` any other path by its key.\n");
    put_section(out, &rd_section_file);
    put_section(out, &rd_section_uncertain);
    rd_buf_puts(out,
        "\nA plain number is taken as certain, with provenance `default`; `unknown` is as if the "
        "key were left out. `low` and "
        "`high` are the 5 % and 95 %\n"
        "quantiles of a lognormal (money, counts, rates, days) or of a logit-normal "
        "(probabilities); `by` and\n"
        "`date` are required for `expert`.\n");
    put_types(out);
    rd_buf_puts(out, "\n## Words of `loss_when` and `magnitude`\n\n"
                     "An asset id stands for its value. A property is written `exposure` (of the "
                     "element that the scenario's\n"
                     "threat names) or `inference-api.exposure`. Subtraction is written with "
                     "spaces, since names may hold\n"
                     "`-`. Beside these:\n\n"
                     "| word | of | meaning |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < RD_MEASURES; i++) {
        const unsigned kinds = rd_measure_words[i].kinds;

        rd_buf_printf(out, "| `%s` | %s | %s |\n", rd_measure_words[i].name,
            kinds == 1u << RD_EVADE     ? "evasion"
            : kinds == 1u << RD_EXTRACT ? "extraction"
            : kinds == 1u << RD_POISON  ? "poisoning"
            : kinds == 1u << RD_INFER   ? "inference"
                                        : "evasion, extraction",
            rd_measure_words[i].help);
    }
    rd_buf_puts(out, "\n## Versions\n\n"
                     "A newer version is refused naming both. An older one is read as if it were "
                     "written today;\n"
                     "`redoubt migrate FILE` rewrites it, comments kept.\n\n"
                     "| version | what changed |\n| --- | --- |\n"
                     "| 1 | the first release: `elements` was `components`, `boundaries` was "
                     "`zones`, an element's `boundary` was `zone` |\n"
                     "| 0 | drafts before the first release |\n");
}
