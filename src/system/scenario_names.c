/* scenario_names - the words of loss_when and magnitude. */
#include "system/scenario_names.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

#define EVADE (1u << RD_EVADE)
#define EXTRACT (1u << RD_EXTRACT)
#define POISON (1u << RD_POISON)
#define INFER (1u << RD_INFER)

const struct rd_measure_word rd_measure_words[RD_MEASURES] = {
    [RD_MEASURE_SUCCESSES] = { "successes", EVADE,
        "objects on which a campaign of evasion succeeds" },
    [RD_MEASURE_OBJECTS] = { "objects", EVADE, "objects that it tries" },
    [RD_MEASURE_QUERIES] = { "queries", EVADE | EXTRACT, "queries that the campaign spends" },
    [RD_MEASURE_UTILITY] = { "utility", EXTRACT,
        "share of the gap between no query and a perfect copy that a theft closes" },
    [RD_MEASURE_FIDELITY] = { "fidelity", EXTRACT,
        "share of inputs on which copy and model agree" },
    [RD_MEASURE_KAPPA] = { "kappa", EXTRACT, "agreement beyond chance" },
    [RD_MEASURE_ACCURACY] = { "accuracy", EXTRACT, "of the copy on the true labels" },
    [RD_MEASURE_ASR] = { "asr", POISON,
        "share of triggered (or aimed at) inputs that the poison turns, beyond the clean model's; "
        "of "
        "a recommender, by how much the item's hit rate grows" },
    [RD_MEASURE_DROP] = { "drop", POISON, "share of clean accuracy that the poison takes" },
    [RD_MEASURE_SAMPLES] = { "samples", POISON,
        "poisoned samples (of a recommender: accounts) that survive screening" },
    [RD_MEASURE_DAYS] = { "days", POISON, "that the poisoned model stays in use: `dwell_days`" },
    [RD_MEASURE_DECISIONS] = { "decisions", POISON,
        "that it can touch in that time: `decisions_per_day` x days" },
    [RD_MEASURE_TPR] = { "tpr", INFER, "share of members that are recognized" },
    [RD_MEASURE_FPR] = { "fpr", INFER, "share of others that are taken for members" },
    [RD_MEASURE_AUC] = { "auc", INFER, "chance that a member scores above another" },
    [RD_MEASURE_PPV] = { "ppv", INFER,
        "share of members among those that it names, at the `prior`" },
    [RD_MEASURE_DISCLOSED] = { "disclosed", INFER,
        "expected disclosures: `candidates` x `prior` x tpr" },
    [RD_MEASURE_CANDIDATES] = { "candidates", INFER, "records that the campaign asks about" },
};

bool rd_measure_is_count(enum rd_measure m)
{
    return m <= RD_MEASURE_QUERIES || m == RD_MEASURE_SAMPLES || m == RD_MEASURE_DAYS ||
           m == RD_MEASURE_DECISIONS || m == RD_MEASURE_DISCLOSED || m == RD_MEASURE_CANDIDATES;
}

/* Slots: the measures, then the assets, then PER_ELEMENT for the properties of each element. */
enum { PER_ELEMENT = 64, WORDS_ASSETS_MAX = 400 };

static int threatened_element(const struct rd_scenario_names *n)
{
    const char *at = n->scenario->threat ? strchr(n->scenario->threat, '@') : NULL;

    return at ? rd_system_element(n->system, at + 1) : RD_NONE;
}

static bool find_property(const struct rd_scenario_names *n, int element, const char *name,
    enum rd_expr_type *type_out, size_t *slot_out)
{
    const struct rd_element_type *type;
    const struct rd_property_type *p;
    size_t position;

    if (element == RD_NONE)
        return false;
    type = n->system->elements[element].type;
    p = type ? rd_property_type_find(type, name) : NULL;
    if (!p)
        return false;
    position = (size_t)(p - type->properties);
    if (position >= PER_ELEMENT)
        return false;
    *type_out = !p->words ? RD_EXPR_BOOL : p->words[0][0] == '#' ? RD_EXPR_NUMBER : RD_EXPR_TEXT;
    *slot_out = RD_MEASURES + n->system->n_assets + (size_t)element * PER_ELEMENT + position;
    return true;
}

static bool find_name(void *user, const char *name, enum rd_expr_type *type_out, size_t *slot_out)
{
    const struct rd_scenario_names *n = user;
    const char *dot = strchr(name, '.');
    int asset;

    if (dot) {
        char id[80];
        const size_t len = (size_t)(dot - name);

        if (len >= sizeof(id))
            return false;
        memcpy(id, name, len);
        id[len] = '\0';
        return find_property(n, rd_system_element(n->system, id), dot + 1, type_out, slot_out);
    }
    *type_out = RD_EXPR_NUMBER;
    for (size_t i = 0; i < RD_MEASURES; i++) {
        if (strcmp(rd_measure_words[i].name, name) == 0) {
            *slot_out = i;
            return !n->kinds || (n->kinds & rd_measure_words[i].kinds);
        }
    }
    asset = rd_system_asset(n->system, name);
    if (asset != RD_NONE) {
        *slot_out = RD_MEASURES + (size_t)asset;
        return true;
    }
    return find_property(n, threatened_element(n), name, type_out, slot_out);
}

static enum rd_expr_unit unit_of(void *user, size_t slot)
{
    static const enum rd_expr_unit measure[RD_MEASURES] = {
        [RD_MEASURE_SUCCESSES] = RD_UNIT_COUNT,
        [RD_MEASURE_OBJECTS] = RD_UNIT_COUNT,
        [RD_MEASURE_QUERIES] = RD_UNIT_COUNT,
        [RD_MEASURE_UTILITY] = RD_UNIT_SHARE,
        [RD_MEASURE_FIDELITY] = RD_UNIT_SHARE,
        [RD_MEASURE_KAPPA] = RD_UNIT_SHARE,
        [RD_MEASURE_ACCURACY] = RD_UNIT_SHARE,
        [RD_MEASURE_ASR] = RD_UNIT_SHARE,
        [RD_MEASURE_DROP] = RD_UNIT_SHARE,
        [RD_MEASURE_SAMPLES] = RD_UNIT_COUNT,
        [RD_MEASURE_DAYS] = RD_UNIT_DAYS,
        [RD_MEASURE_DECISIONS] = RD_UNIT_COUNT,
        [RD_MEASURE_TPR] = RD_UNIT_SHARE,
        [RD_MEASURE_FPR] = RD_UNIT_SHARE,
        [RD_MEASURE_AUC] = RD_UNIT_SHARE,
        [RD_MEASURE_PPV] = RD_UNIT_SHARE,
        [RD_MEASURE_DISCLOSED] = RD_UNIT_COUNT,
        [RD_MEASURE_CANDIDATES] = RD_UNIT_COUNT,
    };
    const struct rd_scenario_names *n = user;

    if (slot < RD_MEASURES)
        return measure[slot];
    return slot - RD_MEASURES < n->system->n_assets ? RD_UNIT_MONEY : RD_UNIT_ANY;
}

rd_status rd_scenario_names_init(struct rd_scenario_names *names, const struct rd_system *system,
    const struct rd_scenario *scenario, unsigned kinds, struct rd_arena *arena,
    struct rd_error *err)
{
    const size_t n_assets =
        system->n_assets < WORDS_ASSETS_MAX ? system->n_assets : WORDS_ASSETS_MAX;
    const char **words =
        rd_arena_alloc(arena, RD_MEASURES + n_assets + PER_ELEMENT + 1, sizeof(*words));
    const struct rd_property_type *p;
    int element;
    size_t n = 0;

    if (!words)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory for the words of expressions");
    *names = (struct rd_scenario_names){ system, scenario, kinds, words };
    for (size_t i = 0; i < RD_MEASURES; i++) {
        if (!kinds || (kinds & rd_measure_words[i].kinds))
            words[n++] = rd_measure_words[i].name;
    }
    for (size_t i = 0; i < n_assets; i++) {
        if (system->assets[i].id)
            words[n++] = system->assets[i].id;
    }
    element = threatened_element(names);
    p = element != RD_NONE && system->elements[element].type
            ? system->elements[element].type->properties
            : NULL;
    for (size_t i = 0; p && p[i].name && i < PER_ELEMENT; i++)
        words[n++] = p[i].name;
    return RD_OK;
}

struct rd_expr_env rd_scenario_env(const struct rd_scenario_names *names)
{
    /* The language asks for a mutable user; find_name only reads it. */
    union {
        const struct rd_scenario_names *in;
        void *out;
    } user = { names };

    return (struct rd_expr_env){
        .name = find_name, .unit = unit_of, .words = names->words, .user = user.out
    };
}

static struct rd_value property_value(const struct rd_element *e, const struct rd_property_type *p)
{
    const char *text = rd_element_property(e, p->name);
    struct rd_value v = { .unknown = !text || strcmp(text, "unknown") == 0, .truth = RD_UNKNOWN };

    v.type = !p->words ? RD_EXPR_BOOL : p->words[0][0] == '#' ? RD_EXPR_NUMBER : RD_EXPR_TEXT;
    if (v.unknown)
        return v;
    v.text = text;
    v.truth = strcmp(text, "yes") == 0 ? RD_YES : RD_NO;
    if (v.type == RD_EXPR_NUMBER && !rd_text_to_double(text, true, &v.number))
        v.unknown = true;
    return v;
}

struct rd_scenario_word rd_scenario_word_at(const struct rd_scenario_names *names, size_t slot)
{
    const struct rd_system *s = names->system;
    struct rd_scenario_word w = { .kind = RD_WORD_MEASURE, .asset = RD_NONE, .element = RD_NONE };

    if (slot < RD_MEASURES) {
        w.measure = (enum rd_measure)slot;
        return w;
    }
    slot -= RD_MEASURES;
    if (slot < s->n_assets) {
        w.kind = RD_WORD_ASSET;
        w.asset = (int)slot;
        return w;
    }
    slot -= s->n_assets;
    w.kind = RD_WORD_PROPERTY;
    w.element = (int)(slot / PER_ELEMENT);
    w.value = property_value(
        &s->elements[w.element], &s->elements[w.element].type->properties[slot % PER_ELEMENT]);
    return w;
}
