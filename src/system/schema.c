/*
 * schema - the JSON Schema (draft 2020-12) of redoubt.yaml, written from the tables that the reader
 * walks.
 *
 * It is meant for editors (yaml-language-server completes and underlines by it), so it accepts all
 * that `redoubt check` accepts and refuses what a single place of the file can show. What needs the
 * whole file (references, unique ids, cycles, expressions) stays with the checker.
 */
#include "base/json_write.h"
#include "base/text.h"
#include "system/fields.h"

#include <string.h>

#define ID_PATTERN "[a-z0-9][a-z0-9-]{0,63}"
#define FRACTION_PATTERN "^[+-]?[0-9.]+([eE][+-]?[0-9]+)?/[0-9.]+([eE][+-]?[0-9]+)?$"

static void put_words(struct rd_json *j, const char *const *words)
{
    rd_json_karray(j, "enum");
    for (; *words; words++)
        rd_json_text(j, *words);
    rd_json_end(j);
}

static void put_ref(struct rd_json *j, const char *name)
{
    struct rd_buf b = { 0 };

    rd_buf_printf(&b, "#/$defs/%s", name);
    rd_json_ktext(j, "$ref", rd_buf_text(&b));
    rd_buf_release(&b);
}

static void put_pattern(struct rd_json *j, const char *pattern)
{
    rd_json_ktext(j, "type", "string");
    rd_json_ktext(j, "pattern", pattern);
}

/* A plain scalar that is kept as text may look like a number or a truth value to a YAML reader. */
static void put_scalar(struct rd_json *j)
{
    rd_json_karray(j, "type");
    rd_json_text(j, "string");
    rd_json_text(j, "number");
    rd_json_text(j, "boolean");
    rd_json_end(j);
}

static void put_number(struct rd_json *j, const struct rd_field *f)
{
    rd_json_ktext(j, "type", f->kind == RD_F_INT || f->kind == RD_F_RANGE ? "integer" : "number");
    rd_json_kreal(j, "minimum", f->min);
    if (f->max > 0)
        rd_json_kreal(j, "maximum", f->max);
}

static void put_real(struct rd_json *j, const struct rd_field *f)
{
    rd_json_karray(j, "anyOf");
    rd_json_object(j);
    put_number(j, f);
    rd_json_end(j);
    rd_json_object(j);
    put_pattern(j, FRACTION_PATTERN);
    rd_json_end(j);
    if (f->kind == RD_F_AMOUNT || f->kind == RD_F_CHANCE) {
        rd_json_object(j);
        put_ref(j, f->kind == RD_F_CHANCE ? "chance" : "amount");
        rd_json_end(j);
        rd_json_object(j);
        rd_json_ktext(j, "const", "unknown");
        rd_json_end(j);
    }
    rd_json_end(j);
}

static void put_array(struct rd_json *j, void (*item)(struct rd_json *, const struct rd_field *),
    const struct rd_field *f)
{
    rd_json_ktext(j, "type", "array");
    rd_json_kobject(j, "items");
    item(j, f);
    rd_json_end(j);
}

static void text_item(struct rd_json *j, const struct rd_field *f)
{
    (void)f;
    put_scalar(j);
}
static void ref_item(struct rd_json *j, const struct rd_field *f)
{
    (void)f;
    put_ref(j, "reference");
}
static void host_item(struct rd_json *j, const struct rd_field *f)
{
    (void)f;
    put_pattern(j, "^(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9][A-Za-z0-9.-]*)(:[0-9]{1,5})?$");
}
static void int_item(struct rd_json *j, const struct rd_field *f)
{
    rd_json_ktext(j, "type", "integer");
    rd_json_kreal(j, "minimum", f->min);
    rd_json_kreal(j, "maximum", f->max);
}
static void word_item(struct rd_json *j, const struct rd_field *f)
{
    put_words(j, f->words);
}
static void list_item(struct rd_json *j, const struct rd_field *f)
{
    put_ref(j, f->sub->name);
}

static void put_default(struct rd_json *j, const struct rd_field *f)
{
    double v;

    if (!f->preset)
        return;
    if (rd_text_to_double(f->preset, false, &v))
        rd_json_kreal(j, "default", v);
    else
        rd_json_ktext(j, "default", f->preset);
}

static void put_field(struct rd_json *j, const struct rd_field *f)
{
    rd_json_kobject(j, f->key);
    rd_json_ktext(j, "description", f->help);
    put_default(j, f);
    switch (f->kind) {
    case RD_F_VERSION:
        rd_json_kint(j, "const", RD_SYSTEM_VERSION);
        break;
    case RD_F_ID:
        put_pattern(j, "^" ID_PATTERN "$");
        break;
    case RD_F_REF:
    case RD_F_PART:
        put_ref(j, "reference");
        break;
    case RD_F_THREAT:
        put_pattern(j, "^" ID_PATTERN "@" ID_PATTERN "$");
        break;
    case RD_F_CURRENCY:
        put_pattern(j, "^[A-Z]{3}$");
        break;
    case RD_F_DATE:
        put_pattern(j, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$");
        break;
    case RD_F_QUARTER:
        put_pattern(j, "^[0-9]{4}-Q[1-4]$");
        break;
    case RD_F_WORD:
    case RD_F_ENUM:
        put_words(j, f->words);
        break;
    case RD_F_TRI:
        put_ref(j, "yes-no-unknown");
        break;
    case RD_F_INT:
        put_number(j, f);
        break;
    case RD_F_REAL:
    case RD_F_SHARE:
    case RD_F_AMOUNT:
    case RD_F_CHANCE:
        put_real(j, f);
        break;
    case RD_F_REFS:
        put_array(j, ref_item, f);
        break;
    case RD_F_TEXTS:
        put_array(j, text_item, f);
        break;
    case RD_F_HOSTS:
        put_array(j, host_item, f);
        break;
    case RD_F_INTS:
        put_array(j, int_item, f);
        rd_json_kint(j, "minItems", 1);
        rd_json_kint(j, "maxItems", 16);
        break;
    case RD_F_URL:
        put_pattern(j, "^https?://[^ #@/?]+([/?][^ #]*)?$");
        break;
    case RD_F_ACCESS:
        put_array(j, word_item, f);
        break;
    case RD_F_TYPE:
        rd_json_karray(j, "enum");
        for (const struct rd_element_type *t = rd_element_types; t->name; t++)
            rd_json_text(j, t->name);
        rd_json_end(j);
        break;
    case RD_F_PROPERTIES:
        rd_json_ktext(j, "type", "object"); /* see put_element_types */
        break;
    case RD_F_SET:
        rd_json_ktext(j, "type", "object");
        rd_json_kobject(j, "additionalProperties");
        rd_json_karray(j, "anyOf");
        rd_json_object(j);
        put_scalar(j);
        rd_json_end(j);
        rd_json_object(j);
        put_array(j, text_item, f);
        rd_json_end(j);
        rd_json_end(j);
        rd_json_end(j);
        break;
    case RD_F_RANGE:
        put_array(j, put_number, f);
        rd_json_kint(j, "minItems", 2);
        rd_json_kint(j, "maxItems", 2);
        break;
    case RD_F_EXPR:
        rd_json_karray(j, "type");
        rd_json_text(j, "string");
        rd_json_text(j, f->min == RD_EXPR_BOOL ? "boolean" : "number");
        rd_json_end(j);
        break;
    case RD_F_MAP:
        put_ref(j, f->sub->name);
        break;
    case RD_F_LIST:
        put_array(j, list_item, f);
        break;
    case RD_F_TEXT:
    case RD_F_ATTACK:
    case RD_F_CONTROL:
    case RD_F_PATH:
        put_scalar(j);
        break;
    case RD_F_END:
        break;
    }
    rd_json_end(j);
}

static void put_required(struct rd_json *j, const struct rd_section *s, unsigned variant)
{
    rd_json_karray(j, "required");
    for (const struct rd_field *f = s->fields; f->kind != RD_F_END; f++) {
        if ((f->flags & RD_F_REQUIRED) && !f->unless &&
            (variant ? f->variants & variant : !f->variants))
            rd_json_text(j, f->key);
    }
    rd_json_end(j);
}

static bool is_required_unless(const struct rd_field *f, unsigned variant)
{
    return f->unless && (f->flags & RD_F_REQUIRED) &&
           (variant ? f->variants & variant : !f->variants);
}

/* What is required where another key is not given; one such key in a section. */
static void put_required_unless(struct rd_json *j, const struct rd_section *s, unsigned variant)
{
    const char *unless = NULL;

    for (const struct rd_field *f = s->fields; f->kind != RD_F_END; f++) {
        if (is_required_unless(f, variant))
            unless = f->unless;
    }
    if (!unless)
        return;
    rd_json_karray(j, "anyOf");
    rd_json_object(j);
    rd_json_karray(j, "required");
    rd_json_text(j, unless);
    rd_json_end(j);
    rd_json_end(j);
    rd_json_object(j);
    rd_json_karray(j, "required");
    for (const struct rd_field *f = s->fields; f->kind != RD_F_END; f++) {
        if (is_required_unless(f, variant))
            rd_json_text(j, f->key);
    }
    rd_json_end(j);
    rd_json_end(j);
    rd_json_end(j);
}

/* "if": the key has this word */
static void put_if(struct rd_json *j, const char *key, const char *word)
{
    rd_json_kobject(j, "if");
    rd_json_kobject(j, "properties");
    rd_json_kobject(j, key);
    rd_json_ktext(j, "const", word);
    rd_json_end(j);
    rd_json_end(j);
    rd_json_karray(j, "required");
    rd_json_text(j, key);
    rd_json_end(j);
    rd_json_end(j);
}

/* What a variant needs, and what it may not have. */
static void put_variants(struct rd_json *j, const struct rd_section *s)
{
    const struct rd_field *kind = s->fields;

    while (strcmp(kind->key, s->variant_key) != 0)
        kind++;
    rd_json_karray(j, "allOf");
    for (unsigned i = 0; kind->words[i]; i++) {
        rd_json_object(j);
        put_if(j, s->variant_key, kind->words[i]);
        rd_json_kobject(j, "then");
        put_required(j, s, 1u << i);
        put_required_unless(j, s, 1u << i);
        rd_json_kobject(j, "properties");
        for (const struct rd_field *f = s->fields; f->kind != RD_F_END; f++) {
            if (f->variants && !(f->variants & 1u << i)) {
                rd_json_key(j, f->key);
                rd_json_bool(j, false);
            }
        }
        rd_json_end(j);
        rd_json_end(j);
        rd_json_end(j);
    }
    rd_json_end(j);
}

static void put_property(struct rd_json *j, const struct rd_property_type *p)
{
    rd_json_kobject(j, p->name);
    rd_json_ktext(j, "description", p->help);
    if (!p->words) {
        put_ref(j, "yes-no-unknown");
    } else if (p->words[0][0] == '*') {
        put_scalar(j);
    } else if (p->words[0][0] == '#') {
        rd_json_karray(j, "anyOf");
        rd_json_object(j);
        rd_json_ktext(j, "type", "number");
        rd_json_kint(j, "minimum", 0);
        rd_json_end(j);
        rd_json_object(j);
        rd_json_ktext(j, "const", "unknown");
        rd_json_end(j);
        rd_json_end(j);
    } else {
        rd_json_karray(j, "enum");
        for (const char *const *w = p->words; *w; w++)
            rd_json_text(j, *w);
        rd_json_text(j, "unknown");
        rd_json_end(j);
    }
    rd_json_end(j);
}

/* The properties that each type of element may have. */
static void put_element_types(struct rd_json *j, const char *type_key, const char *properties_key)
{
    rd_json_karray(j, "allOf");
    for (const struct rd_element_type *t = rd_element_types; t->name; t++) {
        rd_json_object(j);
        put_if(j, type_key, t->name);
        rd_json_kobject(j, "then");
        rd_json_kobject(j, "properties");
        rd_json_kobject(j, properties_key);
        rd_json_kbool(j, "additionalProperties", false);
        rd_json_kobject(j, "properties");
        for (const struct rd_property_type *p = t->properties; p->name; p++)
            put_property(j, p);
        rd_json_end(j);
        rd_json_end(j);
        rd_json_end(j);
        rd_json_end(j);
        rd_json_end(j);
    }
    rd_json_end(j);
}

static const struct rd_field *find_kind(const struct rd_section *s, enum rd_field_kind kind)
{
    for (const struct rd_field *f = s->fields; f->kind != RD_F_END; f++) {
        if (f->kind == kind)
            return f;
    }
    return NULL;
}

/* The members of the object that stands for a section. */
static void put_section(struct rd_json *j, const struct rd_section *s)
{
    const struct rd_field *type = find_kind(s, RD_F_TYPE);
    const struct rd_field *properties = find_kind(s, RD_F_PROPERTIES);

    rd_json_ktext(j, "type", "object");
    rd_json_ktext(j, "description", s->help);
    rd_json_kbool(j, "additionalProperties", false);
    rd_json_kobject(j, "properties");
    for (const struct rd_field *f = s->fields; f->kind != RD_F_END; f++)
        put_field(j, f);
    rd_json_end(j);
    put_required(j, s, 0);
    put_required_unless(j, s, 0);
    if (s->variant_key)
        put_variants(j, s);
    else if (type && properties)
        put_element_types(j, type->key, properties->key);
}

/* A definition for each section that this one reaches. */
static void put_definitions(struct rd_json *j, const struct rd_section *s)
{
    for (const struct rd_field *f = s->fields; f->kind != RD_F_END; f++) {
        if (!f->sub)
            continue;
        rd_json_kobject(j, f->sub->name);
        put_section(j, f->sub);
        rd_json_end(j);
        put_definitions(j, f->sub);
    }
}

/* {low, high, provenance, ...}; an expert has a name and a date. */
static void put_uncertain(struct rd_json *j, const char *name, double max)
{
    rd_json_kobject(j, name);
    put_section(j, &rd_section_uncertain);
    put_if(j, "provenance", "expert");
    rd_json_kobject(j, "then");
    rd_json_karray(j, "required");
    rd_json_text(j, "by");
    rd_json_text(j, "date");
    rd_json_end(j);
    rd_json_end(j);
    if (max > 0) {
        rd_json_karray(j, "allOf");
        rd_json_object(j);
        rd_json_kobject(j, "properties");
        for (int i = 0; i < 2; i++) {
            rd_json_kobject(j, i ? "high" : "low");
            rd_json_kreal(j, "maximum", max);
            rd_json_end(j);
        }
        rd_json_end(j);
        rd_json_end(j);
        rd_json_end(j);
    }
    rd_json_end(j);
}

static void put_common_definitions(struct rd_json *j)
{
    put_uncertain(j, "amount", 0);
    put_uncertain(j, "chance", 1);
    rd_json_kobject(j, "reference");
    rd_json_ktext(j, "description", "an id that is given elsewhere in the file");
    put_pattern(j, "^" ID_PATTERN "$");
    rd_json_end(j);
    rd_json_kobject(j, "yes-no-unknown");
    rd_json_karray(j, "enum");
    rd_json_text(j, "yes");
    rd_json_text(j, "no");
    rd_json_text(j, "unknown");
    rd_json_bool(j, true);
    rd_json_bool(j, false);
    rd_json_end(j);
    rd_json_end(j);
}

void rd_system_schema(struct rd_buf *out)
{
    struct rd_json j = { .out = out };

    rd_json_object(&j);
    rd_json_ktext(&j, "$schema", "https://json-schema.org/draft/2020-12/schema");
    rd_json_ktext(&j, "$id", "urn:redoubt:schema:redoubt.yaml:1");
    rd_json_ktext(&j, "title", "redoubt.yaml, version 1");
    put_section(&j, &rd_section_file);
    rd_json_kobject(&j, "$defs");
    put_common_definitions(&j);
    put_definitions(&j, &rd_section_file);
    rd_json_end(&j);
    rd_json_end(&j);
    rd_json_release(&j);
}
