/*
 * workshop_items.c - every place of the file that somebody may answer, with its question and the
 * role that is likeliest to know.
 */
#include "report/workshop.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

const char *const rd_role_names[] = { "data", "ml", "platform", "product", "risk", NULL };

int rd_role_find(const char *name)
{
    for (int i = 0; i < RD_ROLES; i++)
        if (!strcmp(rd_role_names[i], name))
            return i;
    return RD_NONE;
}

struct maker {
    struct rd_run *run;
    const struct rd_system *system;
    struct rd_arena *arena;
    struct rd_workshop_item *item;
    size_t n, max;
    bool failed;
};

/* Who works with a part of this type; whoever is not named here runs the platform. */
static enum rd_role role_of_type(const char *type)
{
    static const struct {
        const char *type;
        enum rd_role role;
    } table[] = {
        { "annotator", RD_ROLE_DATA },
        { "ingestion-api", RD_ROLE_DATA },
        { "labeling-tool", RD_ROLE_DATA },
        { "data-store", RD_ROLE_DATA },
        { "training-data", RD_ROLE_DATA },
        { "feature-store", RD_ROLE_DATA },
        { "data-pipeline", RD_ROLE_DATA },
        { "vector-store", RD_ROLE_DATA },
        { "training-job", RD_ROLE_ML },
        { "notebook", RD_ROLE_ML },
        { "pretrained-model", RD_ROLE_ML },
        { "model-registry", RD_ROLE_ML },
        { "model-artifact", RD_ROLE_ML },
        { "llm", RD_ROLE_ML },
        { "batch-inference", RD_ROLE_ML },
        { "end-user", RD_ROLE_PRODUCT },
        { "downstream-system", RD_ROLE_PRODUCT },
        { "llm-application", RD_ROLE_PRODUCT },
        { "agent", RD_ROLE_PRODUCT },
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].type, type))
            return table[i].role;
    return RD_ROLE_PLATFORM;
}

static struct rd_workshop_item *add(struct maker *m, const struct rd_workshop_item *item)
{
    if (m->n == m->max || !item->id || !item->question) {
        m->failed = true;
        return NULL;
    }
    m->item[m->n] = *item;
    return &m->item[m->n++];
}

/* "elements.api.properties.returns" */
static const char *path(
    struct maker *m, const char *section, const char *id, const char *const key[2])
{
    return rd_arena_printf(m->arena, "%s%s%s.%s%s%s", section, id ? "." : "", id ? id : "", key[0],
        key[1] ? "." : "", key[1] ? key[1] : "");
}

/* --- facts and owners --- */

static const char *known(const char *value)
{
    return value && strcmp(value, "unknown") != 0 ? value : NULL;
}

static void element_items(struct maker *m, int at)
{
    const struct rd_element *e = &m->system->elements[at];
    struct rd_workshop_item item = { .kind = RD_WORKSHOP_FACT,
        .role = role_of_type(e->type->name),
        .section = "elements",
        .index = at,
        .key = { "properties" } };

    for (const struct rd_property_type *p = e->type->properties; p->name; p++) {
        item.key[1] = p->name;
        item.id = path(m, item.section, e->id, item.key);
        item.now = known(rd_element_property(e, p->name));
        item.words = p->words;
        item.question = rd_arena_printf(m->arena, "%s: %s?", e->name, p->help);
        (void)add(m, &item);
    }
    item = (struct rd_workshop_item){ .kind = RD_WORKSHOP_OWNER,
        .role = RD_ROLE_RISK,
        .section = "elements",
        .index = at,
        .key = { "owner" },
        .now = e->owner };
    item.id = path(m, item.section, e->id, item.key);
    item.question = rd_arena_printf(m->arena, "Who runs %s and answers for it?", e->name);
    (void)add(m, &item);
}

static const char *tri(enum rd_tri t)
{
    return t == RD_YES ? "yes" : t == RD_NO ? "no" : NULL;
}

static void flow_items(struct maker *m, int at)
{
    const struct rd_flow *f = &m->system->flows[at];
    const char *from = m->system->elements[f->from].name, *to = m->system->elements[f->to].name;
    struct rd_workshop_item item = { .kind = RD_WORKSHOP_FACT,
        .role = RD_ROLE_PLATFORM,
        .section = "flows",
        .index = at,
        .key = { "authenticated" },
        .now = tri(f->authenticated) };

    item.id = path(m, item.section, f->id, item.key);
    item.question = rd_arena_printf(
        m->arena, "From %s to %s (%s): does the receiver know who sends?", from, to, f->name);
    (void)add(m, &item);
    item.key[0] = "encrypted";
    item.now = tri(f->encrypted);
    item.id = path(m, item.section, f->id, item.key);
    item.question = rd_arena_printf(m->arena,
        "From %s to %s (%s): is it encrypted, so that nobody between can read or change it?", from,
        to, f->name);
    (void)add(m, &item);
}

/* --- ranges --- */

struct range_row {
    const char *key[2];
    size_t offset; /* of the rd_uncertain in its struct */
    enum rd_role role;
    const char *unit; /* NULL: the currency */
    bool is_chance;
    double max;
    const char *question; /* %s: the name of the thing */
};

#define MONEY 1e15
static const struct range_row asset_rows[] = {
    { { "value" }, offsetof(struct rd_asset, value), RD_ROLE_PRODUCT, NULL, false, MONEY,
        "What does it cost to lose this once: %s?" },
};
static const struct range_row actor_rows[] = {
    { { "days" }, offsetof(struct rd_actor, days), RD_ROLE_RISK, "days", false, 36500,
        "How long does one campaign last, by: %s?" },
    { { "budget" }, offsetof(struct rd_actor, budget), RD_ROLE_RISK, NULL, false, MONEY,
        "How much do they spend on one campaign: %s?" },
    { { "gain" }, offsetof(struct rd_actor, gain), RD_ROLE_RISK, NULL, false, MONEY,
        "What is success worth to them: %s?" },
};
static const struct range_row control_rows[] = {
    { { "cost_per_year" }, offsetof(struct rd_control, cost_per_year), RD_ROLE_PLATFORM, NULL,
        false, MONEY, "What does it cost a year (license, hardware and work): %s?" },
};
static const struct range_row scenario_rows[] = {
    { { "attempts_per_year" }, offsetof(struct rd_scenario, attempts_per_year), RD_ROLE_RISK,
        "campaigns a year", false, 1e6, "How often a year is it tried: %s?" },
    { { "secondary", "probability" }, offsetof(struct rd_scenario, secondary_probability),
        RD_ROLE_RISK, "probability", true, 1,
        "When it has happened, how likely is a further loss (fine, lawsuit, customers): %s?" },
    { { "secondary", "magnitude" }, offsetof(struct rd_scenario, secondary_magnitude),
        RD_ROLE_PRODUCT, NULL, false, MONEY, "What does that further loss then cost: %s?" },
    { { "per_loss" }, offsetof(struct rd_scenario, per_loss), RD_ROLE_PRODUCT, NULL, false, MONEY,
        "What does one loss cost, besides its formula: %s?" },
    { { "samples" }, offsetof(struct rd_scenario, samples), RD_ROLE_DATA, "samples", false, 1e15,
        "How many samples or accounts does one campaign get in: %s?" },
    { { "decisions_per_day" }, offsetof(struct rd_scenario, decisions_per_day), RD_ROLE_PRODUCT,
        "decisions a day", false, 1e15, "How many decisions a day can it touch: %s?" },
    { { "dwell_days" }, offsetof(struct rd_scenario, dwell_days), RD_ROLE_ML, "days", false, 36500,
        "How long does a poisoned model stay in use: %s?" },
    { { "candidates" }, offsetof(struct rd_scenario, candidates), RD_ROLE_DATA, "records", false,
        1e15, "About how many records does one campaign ask: %s?" },
    { { "prior" }, offsetof(struct rd_scenario, prior), RD_ROLE_DATA, "probability", true, 1,
        "Of the records asked about, which share was trained on: %s?" },
    { { "observed", "detection" }, offsetof(struct rd_scenario, observed_detection),
        RD_ROLE_PLATFORM, "probability", true, 1,
        "How likely is it that a campaign is noticed at all: %s?" },
    { { "susceptibility" }, offsetof(struct rd_scenario, susceptibility), RD_ROLE_ML, "probability",
        true, 1, "How likely is it that one campaign becomes a loss: %s?" },
    { { "untried_stronger" }, offsetof(struct rd_scenario, stronger), RD_ROLE_ML, "probability",
        true, 1,
        "Where the attack that was tried failed, how likely does a stronger one succeed: %s?" },
};

/* What the file has no place for yet (a secondary loss that nobody declared) is not asked. */
static bool has_place(const struct rd_scenario *s, const struct range_row *row)
{
    return !s || !row->key[1] ||
           (!strcmp(row->key[0], "secondary") ? s->has_secondary : s->has_observed);
}

static void ranges_of(struct maker *m, const char *section, int at, const char *id,
    const char *name, const void *object, const struct rd_scenario *scenario,
    const struct range_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct rd_workshop_item item = { .kind = RD_WORKSHOP_RANGE,
            .role = rows[i].role,
            .section = section,
            .index = at,
            .key = { rows[i].key[0], rows[i].key[1] },
            .range =
                (const struct rd_uncertain *)(const void *)((const char *)object + rows[i].offset),
            .unit = rows[i].unit ? rows[i].unit : m->system->currency,
            .is_chance = rows[i].is_chance,
            .max = rows[i].max };
        const char *place = strstr(rows[i].question, "%s");

        if (!has_place(scenario, &rows[i]))
            continue;
        item.id = path(m, section, id, item.key);
        item.question = rd_arena_printf(m->arena, "%.*s%s%s", (int)(place - rows[i].question),
            rows[i].question, name, place + 2);
        (void)add(m, &item);
    }
}

#define RANGES(m, section, at, object, scenario, rows)                                             \
    ranges_of(m, section, (int)(at), (object)->id, (object)->name, object, scenario, rows,         \
        sizeof(rows) / sizeof *(rows))

static void money_items(struct maker *m)
{
    const struct rd_system *s = m->system;

    for (size_t i = 0; i < s->n_assets; i++)
        RANGES(m, "assets", i, &s->assets[i], NULL, asset_rows);
    for (size_t i = 0; i < s->n_actors; i++)
        RANGES(m, "actors", i, &s->actors[i], NULL, actor_rows);
    for (size_t i = 0; i < s->n_controls; i++) {
        struct rd_workshop_item item = { .kind = RD_WORKSHOP_OWNER,
            .role = RD_ROLE_RISK,
            .section = "controls",
            .index = (int)i,
            .key = { "owner" },
            .now = s->controls[i].owner };

        RANGES(m, "controls", i, &s->controls[i], NULL, control_rows);
        item.id = path(m, item.section, s->controls[i].id, item.key);
        item.question =
            rd_arena_printf(m->arena, "Who puts '%s' in place and runs it?", s->controls[i].name);
        (void)add(m, &item);
    }
    for (size_t i = 0; i < s->n_scenarios; i++)
        RANGES(m, "scenarios", i, &s->scenarios[i], &s->scenarios[i], scenario_rows);
    if (s->accuracy_point_per_year.given) {
        const struct rd_workshop_item item = { .kind = RD_WORKSHOP_RANGE,
            .id = "risk.accuracy_point_per_year",
            .role = RD_ROLE_PRODUCT,
            .section = "risk",
            .index = RD_NONE,
            .key = { "accuracy_point_per_year" },
            .question = "What is one percentage point of the model's accuracy worth a year?",
            .range = &s->accuracy_point_per_year,
            .unit = s->currency,
            .max = MONEY };

        (void)add(m, &item);
    }
}

/* --- the list --- */

static size_t count_max(const struct rd_system *s)
{
    size_t n = 1 + 2 * s->n_flows + s->n_assets + 3 * s->n_actors + 2 * s->n_controls +
               s->n_scenarios * (sizeof scenario_rows / sizeof *scenario_rows);

    for (size_t i = 0; i < s->n_elements; i++) {
        n++;
        for (const struct rd_property_type *p = s->elements[i].type->properties; p->name; p++)
            n++;
    }
    return n;
}

struct named {
    const char *id;
    size_t at;
};

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->id, ((const struct named *)b)->id);
}

static rd_status sort(struct maker *m, struct rd_workshop_items *out)
{
    struct named *name = RD_NEW_ARRAY(m->arena, struct named, m->n + 1);
    size_t *order = RD_NEW_ARRAY(m->arena, size_t, m->n + 1);

    if (!name || !order)
        return rd_run_no_memory(m->run, "a workshop");
    for (size_t i = 0; i < m->n; i++)
        name[i] = (struct named){ m->item[i].id, i };
    qsort(name, m->n, sizeof *name, by_id);
    for (size_t i = 0; i < m->n; i++)
        order[i] = name[i].at;
    *out = (struct rd_workshop_items){ m->item, m->n, order };
    return RD_OK;
}

rd_status rd_workshop_items(struct rd_run *run, const struct rd_system *system,
    struct rd_arena *arena, struct rd_workshop_items *items_out)
{
    struct maker m = { .run = run, .system = system, .arena = arena, .max = count_max(system) };

    m.item = RD_NEW_ARRAY(arena, struct rd_workshop_item, m.max + 1);
    if (!m.item)
        return rd_run_no_memory(run, "a workshop");
    for (size_t i = 0; i < system->n_elements; i++)
        element_items(&m, (int)i);
    for (size_t i = 0; i < system->n_flows; i++)
        flow_items(&m, (int)i);
    money_items(&m);
    if (m.failed)
        return rd_run_no_memory(run, "a workshop");
    return sort(&m, items_out);
}

const struct rd_workshop_item *rd_workshop_item(
    const struct rd_workshop_items *items, const char *id)
{
    size_t low = 0, high = items->n;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const int order = strcmp(id, items->item[items->by_id[mid]].id);

        if (!order)
            return &items->item[items->by_id[mid]];
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}
