/* read - walk the tables of sections.c along the document, and put each value where its row says.
 */
#include "system/read.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

enum { FIELDS_MAX = 64, INTS_MAX = 16 };

static void *field_at(void *object, size_t offset)
{
    return (char *)object + offset;
}

/* --- values that are left out --- */

static void set_preset(const struct rd_field *f, void *object)
{
    void *field = field_at(object, f->offset);
    double number = NAN;

    if (f->preset)
        (void)rd_text_to_double(f->preset, true, &number);
    switch (f->kind) {
    case RD_F_REF:
        *(int *)field = RD_NONE;
        break;
    case RD_F_PART:
        *(int *)field = RD_NONE;
        *(int *)field_at(object, f->offset2) = RD_NONE;
        break;
    case RD_F_REAL:
    case RD_F_SHARE:
        *(double *)field = number;
        break;
    case RD_F_INT:
        *(int64_t *)field = f->preset ? (int64_t)number : 0;
        break;
    case RD_F_AMOUNT:
    case RD_F_CHANCE:
        ((struct rd_uncertain *)field)->low = f->preset ? number : 0;
        ((struct rd_uncertain *)field)->high = f->preset ? number : 0;
        break;
    case RD_F_TRI:
        *(enum rd_tri *)field = f->preset && strcmp(f->preset, "no") == 0    ? RD_NO
                                : f->preset && strcmp(f->preset, "yes") == 0 ? RD_YES
                                                                             : RD_UNKNOWN;
        break;
    case RD_F_ENUM:
        for (int i = 0; f->preset && f->words[i]; i++) {
            if (strcmp(f->words[i], f->preset) == 0)
                *(int *)field = i;
        }
        break;
    case RD_F_TEXT:
    case RD_F_WORD:
    case RD_F_CURRENCY:
    case RD_F_QUARTER:
        *(const char **)field = f->preset;
        break;
    case RD_F_MAP:
        for (const struct rd_field *g = f->sub->fields; g->kind != RD_F_END; g++)
            set_preset(g, object);
        break;
    default:
        break; /* zero is right */
    }
}

/* --- lists --- */

static bool is_list(struct rd_reader *r, struct rd_at v, const char *want)
{
    char found[RD_FOUND];

    if (v.doc->kind == RD_DOC_LIST)
        return true;
    rd_problem_add(r, rd_place_of(v.doc), v.crumb, v.key, "expected %s, found %s", want,
        rd_found(v.doc, found));
    return false;
}

static void read_texts(struct rd_reader *r, struct rd_at v, const struct rd_field *f, void *object)
{
    const bool hosts = f->kind == RD_F_HOSTS;
    const char **item;

    if (!is_list(r, v,
            hosts                            ? "a list such as [\"127.0.0.1:8080\"]"
            : strcmp(f->key, "carries") == 0 ? "a list such as [images, labels]"
            : strcmp(f->key, "command") == 0 ? "a list such as [python3, serve.py]"
                                             : "a list of texts"))
        return;
    item = rd_arena_alloc(r->arena, v.doc->n ? v.doc->n : 1, sizeof(*item));
    if (!item) {
        r->no_memory = true;
        return;
    }
    for (size_t i = 0; i < v.doc->n; i++) {
        const struct rd_at one = { &v.doc->item[i], v.crumb, v.key };

        if (hosts)
            (void)rd_read_host(r, one, &item[i]);
        else
            (void)rd_read_text(r, one, "a text", &item[i]);
    }
    *(const char *const **)field_at(object, f->offset) = item;
    *(size_t *)field_at(object, f->offset2) = v.doc->n;
}

/* Ids, looked up when everything has been read. */
static void read_refs(
    struct rd_reader *r, struct rd_at v, const struct rd_field *f, struct rd_refs *out)
{
    struct rd_place *at;
    int *index;

    if (!is_list(r, v, "a list of ids such as [signing, audit-log]") || !v.doc->n)
        return;
    index = RD_NEW_ARRAY(r->arena, int, v.doc->n);
    at = RD_NEW_ARRAY(r->arena, struct rd_place, v.doc->n);
    if (!index || !at) {
        r->no_memory = true;
        return;
    }
    for (size_t i = 0; i < v.doc->n; i++) {
        const struct rd_at one = { &v.doc->item[i], v.crumb, v.key };
        const char *id;

        at[i] = rd_place_of(one.doc);
        index[i] = RD_NONE;
        if (rd_read_text(r, one, "an id", &id)) {
            const struct rd_pending p = { RD_F_REF, f->space, v.crumb, f->key, id, at[i], &index[i],
                NULL };

            rd_ref_add(r, &p);
        }
    }
    *out = (struct rd_refs){ index, at, v.doc->n };
}

/* Who holds the file can compute everything else; gradients are of the scores; scores say the
 * label. */
static unsigned close_access(unsigned mask)
{
    if (mask & RD_ACCESS_FILES)
        mask |= RD_ACCESS_GRADIENTS;
    if (mask & RD_ACCESS_GRADIENTS)
        mask |= RD_ACCESS_SCORES;
    if (mask & RD_ACCESS_SCORES)
        mask |= RD_ACCESS_LABELS;
    return mask;
}

static void read_access(struct rd_reader *r, struct rd_at v, unsigned *out)
{
    unsigned mask = 0;
    int bit;

    if (!is_list(r, v, "a list such as [labels, scores]"))
        return;
    for (size_t i = 0; i < v.doc->n; i++) {
        const struct rd_at one = { &v.doc->item[i], v.crumb, v.key };

        if (rd_read_word(r, one, rd_access_words, &bit))
            mask |= 1u << bit;
    }
    *out = close_access(mask);
}

static void read_range(struct rd_reader *r, struct rd_at v, const struct rd_field *f, void *object)
{
    int64_t *range = field_at(object, f->offset);

    if (!is_list(r, v, "two row numbers such as [0, 8500]"))
        return;
    if (v.doc->n != 2) {
        rd_problem_add(r, rd_place_of(v.doc), v.crumb, v.key,
            "expected two row numbers such as [0, 8500], found %zu", v.doc->n);
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        const struct rd_at one = { &v.doc->item[i], v.crumb, v.key };

        if (!rd_read_int(r, one, f, &range[i]))
            return;
    }
    if (range[0] >= range[1])
        rd_problem_add(r, rd_place_of(v.doc), v.crumb, v.key,
            "expected [first, behind last] with first below the other, found [%lld, %lld]",
            (long long)range[0], (long long)range[1]);
    *(bool *)field_at(object, f->offset2) = true;
}

static void read_ints(struct rd_reader *r, struct rd_at v, const struct rd_field *f, void *object)
{
    int64_t *item;

    if (!is_list(r, v, "a list of whole numbers such as [3, 32, 32]"))
        return;
    if (v.doc->n < 1 || v.doc->n > INTS_MAX) {
        rd_problem_add(r, rd_place_of(v.doc), v.crumb, v.key,
            "expected 1 to %d whole numbers, found %zu", INTS_MAX, v.doc->n);
        return;
    }
    item = RD_NEW_ARRAY(r->arena, int64_t, v.doc->n);
    if (!item) {
        r->no_memory = true;
        return;
    }
    for (size_t i = 0; i < v.doc->n; i++) {
        const struct rd_at one = { &v.doc->item[i], v.crumb, v.key };

        if (!rd_read_int(r, one, f, &item[i]))
            return;
    }
    *(const int64_t **)field_at(object, f->offset) = item;
    *(size_t *)field_at(object, f->offset2) = v.doc->n;
}

static void read_list(struct rd_reader *r, struct rd_at v, const struct rd_field *f, void *object)
{
    const struct rd_section *section = f->sub;
    char *items;

    if (!is_list(r, v, "a list, each item beginning with '-'") || !v.doc->n)
        return;
    items = rd_arena_alloc(r->arena, v.doc->n, section->size);
    if (!items) {
        r->no_memory = true;
        return;
    }
    for (size_t i = 0; i < v.doc->n && !r->no_memory && !r->more_problems; i++) {
        const struct rd_doc *doc = &v.doc->item[i];
        struct rd_crumb *crumb = RD_NEW(&r->scratch, struct rd_crumb);
        const char *id = rd_doc_text(rd_doc_get(doc, "id"));
        const struct rd_id_entry entry = { id, (int)i, section->space, rd_place_of(doc), crumb };

        if (!crumb) {
            r->no_memory = true;
            return;
        }
        *crumb = (struct rd_crumb){ v.crumb, v.key, id && *id ? id : NULL, i + 1 };
        if (section->space != RD_SPACE_NONE && id && *id)
            rd_id_add(r, section->space, &entry);
        rd_read_section(r, section, doc, crumb, items + i * section->size);
    }
    *(const void **)field_at(object, f->offset) = items;
    *(size_t *)field_at(object, f->offset2) = v.doc->n;
}

static void read_map(struct rd_reader *r, struct rd_at v, const struct rd_field *f, void *object)
{
    struct rd_crumb *crumb = RD_NEW(&r->scratch, struct rd_crumb);

    if (!crumb) {
        r->no_memory = true;
        return;
    }
    *crumb = (struct rd_crumb){ .up = v.crumb, .key = v.key };
    rd_read_section(r, f->sub, v.doc, crumb, object);
    if (f->offset2 != RD_F_NONE)
        *(bool *)field_at(object, f->offset2) = true;
}

static void read_type(struct rd_reader *r, struct rd_at v, const struct rd_element_type **out)
{
    const char *words[64];
    const char *text;
    char found[RD_FOUND];
    size_t n = 0;

    if (!rd_read_text(r, v, "a type of element", &text))
        return;
    *out = rd_element_type_find(text);
    if (*out)
        return;
    for (; rd_element_types[n].name && n < 63; n++)
        words[n] = rd_element_types[n].name;
    words[n] = NULL;
    rd_problem_near(r, rd_place_of(v.doc), v.crumb, v.key, text, words,
        "expected a type of element (`redoubt schema` lists them), found %s",
        rd_found(v.doc, found));
}

static void read_expr(struct rd_reader *r, struct rd_at v, const struct rd_field *f, void *object)
{
    const char **out = field_at(object, f->offset);

    if (rd_read_text(r, v,
            f->min == RD_EXPR_BOOL ? "a condition such as \"utility >= 0.9\""
                                   : "an amount such as \"0.3 * model-copy\"",
            out))
        *(struct rd_place *)field_at(object, f->offset2) = rd_place_of(v.doc);
}

/* --- one key --- */

static void read_field(struct rd_reader *r, const struct rd_field *f, struct rd_at v, void *object)
{
    void *field = field_at(object, f->offset);
    const char *text;
    int position;

    switch (f->kind) {
    case RD_F_VERSION:
        break; /* migrate.c has read it */
    case RD_F_ID:
        (void)rd_read_id(r, v, field);
        break;
    case RD_F_TEXT:
        (void)rd_read_text(r, v, "a text", field);
        break;
    case RD_F_CURRENCY:
        (void)rd_read_currency(r, v, field);
        break;
    case RD_F_DATE:
        (void)rd_read_date(r, v, field);
        break;
    case RD_F_QUARTER:
        (void)rd_read_quarter(r, v, field);
        break;
    case RD_F_WORD:
        if (rd_read_word(r, v, f->words, &position))
            *(const char **)field = f->words[position];
        break;
    case RD_F_ENUM:
        (void)rd_read_word(r, v, f->words, field);
        break;
    case RD_F_TRI:
        (void)rd_read_tri(r, v, field);
        break;
    case RD_F_INT:
        (void)rd_read_int(r, v, f, field);
        break;
    case RD_F_REAL:
    case RD_F_SHARE:
        (void)rd_read_real(r, v, f, field);
        break;
    case RD_F_AMOUNT:
    case RD_F_CHANCE:
        rd_read_uncertain(r, v, f, field);
        break;
    case RD_F_REF:
    case RD_F_PART:
    case RD_F_THREAT:
        if (rd_read_text(r, v,
                f->kind == RD_F_THREAT ? "a threat such as evasion@inference-api" : "an id",
                &text)) {
            const struct rd_pending p = { f->kind, f->space, v.crumb, f->key, text,
                rd_place_of(v.doc), f->kind == RD_F_THREAT ? NULL : (int *)field,
                f->kind == RD_F_PART ? field_at(object, f->offset2) : NULL };

            if (f->kind == RD_F_THREAT)
                *(const char **)field = text;
            rd_ref_add(r, &p);
        }
        break;
    case RD_F_REFS:
        read_refs(r, v, f, field);
        break;
    case RD_F_TEXTS:
    case RD_F_HOSTS:
        read_texts(r, v, f, object);
        break;
    case RD_F_INTS:
        read_ints(r, v, f, object);
        break;
    case RD_F_URL:
        (void)rd_read_url(r, v, field);
        break;
    case RD_F_ACCESS:
        read_access(r, v, field);
        break;
    case RD_F_TYPE:
        read_type(r, v, field);
        break;
    case RD_F_PROPERTIES:
        rd_read_properties(
            r, v, *(const struct rd_element_type **)field_at(object, f->offset2), field);
        break;
    case RD_F_ATTACK:
        rd_read_attack(r, v, field);
        break;
    case RD_F_CONTROL:
        rd_read_control(r, v, field);
        break;
    case RD_F_SET:
        rd_read_set(r, v, f->space, *(const char **)field_at(object, f->offset2), field);
        break;
    case RD_F_RANGE:
        read_range(r, v, f, object);
        break;
    case RD_F_EXPR:
        read_expr(r, v, f, object);
        break;
    case RD_F_MAP:
        read_map(r, v, f, object);
        break;
    case RD_F_LIST:
        read_list(r, v, f, object);
        break;
    case RD_F_PATH: /* needs the id of the artifact: see rd_read_section */
    case RD_F_END:
        break;
    }
}

/* --- one section --- */

/* Mask of the variant that this map is, 0 when there are none or it does not say. */
static unsigned variant_of(const struct rd_section *s, const struct rd_doc *doc, const char **word)
{
    const struct rd_field *f = s->fields;
    const char *text = s->variant_key ? rd_doc_text(rd_doc_get(doc, s->variant_key)) : NULL;

    *word = text;
    while (text && f->kind != RD_F_END && strcmp(f->key, s->variant_key) != 0)
        f++;
    for (int i = 0; text && f->words && f->words[i]; i++) {
        if (strcmp(f->words[i], text) == 0)
            return 1u << i;
    }
    return 0;
}

/* "an element", "a flow", but "risk" and "scope": there is one of these. */
static const char *article(const struct rd_section *s)
{
    return !s->size ? "" : strchr("aeiou", s->name[0]) ? "an " : "a ";
}

static void unknown_key(struct rd_reader *r, const struct rd_section *s, const struct rd_doc *doc,
    const struct rd_crumb *crumb, unsigned variant)
{
    const char *words[FIELDS_MAX + 1];
    char safe[80];
    size_t n = 0;

    for (const struct rd_field *f = s->fields; f->kind != RD_F_END && n < FIELDS_MAX; f++) {
        if (!variant || !f->variants || (f->variants & variant))
            words[n++] = f->key;
    }
    words[n] = NULL;
    rd_problem_near(r, (struct rd_place){ doc->key_line, doc->key_column }, crumb, NULL, doc->key,
        words, "unknown key '%s' in %s%s", rd_text_safe_in(safe, sizeof(safe), doc->key),
        article(s), s->name);
}

/* Which row each key of the map belongs to; what belongs nowhere is a problem. */
static void match_keys(struct rd_reader *r, const struct rd_section *s, const struct rd_doc *doc,
    const struct rd_crumb *crumb, const struct rd_doc *found[FIELDS_MAX])
{
    const char *word;
    const unsigned variant = variant_of(s, doc, &word);

    for (size_t i = 0; i < doc->n; i++) {
        const struct rd_doc *d = &doc->item[i];
        size_t k = 0;

        while (s->fields[k].kind != RD_F_END && strcmp(s->fields[k].key, d->key) != 0)
            k++;
        if (s->fields[k].kind == RD_F_END || k >= FIELDS_MAX)
            unknown_key(r, s, d, crumb, variant);
        else if (variant && s->fields[k].variants && !(s->fields[k].variants & variant))
            rd_problem_add(r, (struct rd_place){ d->key_line, d->key_column }, crumb, NULL,
                "key '%s' does not belong to %s %s", d->key, s->variant_key, word);
        else
            found[k] = d;
    }
}

/* The first path of a variant is the one that --artifact ID=PATH means. */
static bool is_first_path(const struct rd_section *s, const struct rd_field *f, unsigned variant)
{
    for (const struct rd_field *g = s->fields; g < f; g++) {
        if (g->kind == RD_F_PATH && (!g->variants || (g->variants & variant)))
            return false;
    }
    return true;
}

/* Until the file says otherwise. */
static void name_after_id(const struct rd_section *s, const char *id, void *object)
{
    for (const struct rd_field *f = s->fields; id && f->kind != RD_F_END; f++) {
        if (strcmp(f->key, "name") == 0 && f->kind == RD_F_TEXT)
            *(const char **)field_at(object, f->offset) = id;
    }
}

void rd_read_section(struct rd_reader *r, const struct rd_section *s, const struct rd_doc *doc,
    const struct rd_crumb *crumb, void *object)
{
    const struct rd_doc *found[FIELDS_MAX] = { NULL };
    const struct rd_place at = rd_place_of(doc);
    const char *id = rd_doc_text(rd_doc_get(doc, "id")), *word;
    const unsigned variant = variant_of(s, doc, &word);
    char what[RD_FOUND];

    for (const struct rd_field *f = s->fields; f->kind != RD_F_END; f++)
        set_preset(f, object);
    name_after_id(s, id, object);
    if (s->at != RD_F_NONE)
        *(struct rd_place *)field_at(object, s->at) = at;
    if (doc->kind != RD_DOC_MAP) {
        rd_problem_add(r, at, crumb, NULL, "expected the keys of %s%s, found %s", article(s),
            s->name, rd_found(doc, what));
        return;
    }
    match_keys(r, s, doc, crumb, found);
    for (size_t k = 0; s->fields[k].kind != RD_F_END && k < FIELDS_MAX; k++) {
        const struct rd_field *f = &s->fields[k];
        const struct rd_at v = { found[k], crumb, f->key };

        if (f->variants && !(f->variants & variant))
            continue;
        if (f->kind == RD_F_PATH) {
            const char **path = field_at(object, f->offset);

            *path = rd_read_path(r, v, id, is_first_path(s, f, variant));
            if (*path)
                continue; /* perhaps by --artifact alone */
        }
        if (found[k])
            read_field(r, f, v, object);
        else if ((f->flags & RD_F_REQUIRED) && !(f->unless && rd_doc_get(doc, f->unless)) &&
                 !(f->kind == RD_F_VERSION && r->options->fragment))
            rd_problem_add(r, at, crumb, NULL, "key '%s' is missing: %s", f->key, f->help);
    }
}
