/*
 * workshop.c - which answers are worth two hours of people's time.
 *
 * A fact weighs as much as the threats that wait for it: 27 for a critical one, then 9, 3 and 1, so
 * that one high threat comes before two medium ones. A range weighs as much as the share of the
 * expected loss's variance that it explains. Only what is open is asked: unknown facts that a
 * threat waits for, ranges that are defaults, controls without a cost, parts without an owner.
 */
#include "report/workshop.h"

#include "report/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct asker {
    struct rd_run *run;
    const struct rd_report *report;
    struct rd_arena *arena;
    struct rd_workshop *w;
    struct rd_workshop_question *question;
    size_t n;
    /* (items.n) by item: threats that wait for this fact; and (n_elements) that stand there */
    struct waiting {
        size_t n;
        double weight;
        const char **id;
    } * waiting, *standing;
    bool failed;
};

static double severity_weight(enum rd_severity s)
{
    static const double weight[] = { 1, 3, 9, 27 };

    return weight[s];
}

/* The item of "api.returns" or "answer.encrypted"; NULL: none of those. */
static const struct rd_workshop_item *item_of_missing(struct asker *a, const char *missing)
{
    const char *dot = strchr(missing, '.');
    const struct rd_workshop_item *item;
    char *id;

    if (!dot)
        return NULL;
    id =
        rd_arena_printf(a->arena, "elements.%.*s.properties%s", (int)(dot - missing), missing, dot);
    item = id ? rd_workshop_item(&a->w->items, id) : NULL;
    if (item)
        return item;
    id = rd_arena_printf(a->arena, "flows.%s", missing);
    return id ? rd_workshop_item(&a->w->items, id) : NULL;
}

static const struct rd_threats *threats_of(const struct asker *a)
{
    return a->report->campaign->threats;
}

/* Twice: counted, then listed. */
static void each_waiting(struct asker *a, bool list)
{
    for (size_t i = 0; i < threats_of(a)->n; i++) {
        const struct rd_threat *t = &threats_of(a)->item[i];

        for (size_t k = 0; t->applicability == RD_APPLIES_UNKNOWN && k < t->n_missing; k++) {
            const struct rd_workshop_item *item = item_of_missing(a, t->missing[k]);
            struct waiting *w = item ? &a->waiting[item - a->w->items.item] : NULL;

            if (w && list)
                w->id[w->n] = t->id;
            if (w)
                w->n++;
            if (w && !list)
                w->weight += severity_weight(t->severity);
        }
    }
}

static rd_status count_waiting(struct asker *a)
{
    each_waiting(a, false);
    for (size_t i = 0; i < a->w->items.n; i++) {
        struct waiting *w = &a->waiting[i];

        w->id = w->n ? RD_NEW_ARRAY(a->arena, const char *, w->n) : NULL;
        if (w->n && !w->id)
            return rd_run_no_memory(a->run, "a workshop");
        w->n = 0;
    }
    each_waiting(a, true);
    for (size_t i = 0; i < threats_of(a)->n; i++) {
        const struct rd_threat *t = &threats_of(a)->item[i];

        if (t->element == RD_NONE || t->applicability == RD_APPLIES_MITIGATED)
            continue;
        a->standing[t->element].n++;
        a->standing[t->element].weight += severity_weight(t->severity);
    }
    return RD_OK;
}

static struct rd_workshop_question *ask(
    struct asker *a, const struct rd_workshop_item *item, double weight, const char *why)
{
    struct rd_workshop_question *q = &a->question[a->n++];

    *q = (struct rd_workshop_question){ .item = item, .why = why, .weight = weight };
    a->failed = a->failed || !why;
    return q;
}

/* --- the kinds of questions --- */

static void ask_fact(struct asker *a, const struct rd_workshop_item *item)
{
    const struct waiting *w = &a->waiting[item - a->w->items.item];
    struct rd_workshop_question *q;

    if (item->now || !w->n)
        return;
    q = ask(a, item, w->weight,
        rd_arena_printf(a->arena, "It decides whether %s",
            w->n == 1 ? "one threat applies"
                      : rd_words_count(w->n, "threat applies", "threats apply", a->arena)));
    q->threats = w->id;
    q->n_threats = w->n;
}

/* Parts on which something may go wrong, and controls that somebody proposes or runs. */
static void ask_owner(struct asker *a, const struct rd_workshop_item *item)
{
    const bool control = !strcmp(item->section, "controls");
    const size_t n = control ? 0 : a->standing[item->index].n;

    if (item->now)
        return;
    if (control)
        ask(a, item, 3, "Nobody is named who would do it");
    else if (n)
        ask(a, item, a->standing[item->index].weight,
            rd_arena_printf(a->arena, "Nobody is named, and %s there",
                n == 1 ? "one threat may apply"
                       : rd_words_count(n, "threat may apply", "threats may apply", a->arena)));
}

/* The name that the simulation gives a number of the file: of an asset its id alone. */
static bool is_share_of(
    const struct asker *a, const struct rd_workshop_item *item, const char *name)
{
    const struct rd_system *s = a->report->campaign->system;
    const char *id = !strcmp(item->section, "assets")      ? s->assets[item->index].id
                     : !strcmp(item->section, "actors")    ? s->actors[item->index].id
                     : !strcmp(item->section, "controls")  ? s->controls[item->index].id
                     : !strcmp(item->section, "scenarios") ? s->scenarios[item->index].id
                                                           : item->section;
    const size_t len = strlen(id);

    if (strncmp(name, id, len) != 0)
        return false;
    if (!strcmp(item->section, "assets"))
        return name[len] == '\0';
    name += len;
    for (int i = 0; i < 2 && item->key[i]; i++) {
        const size_t key = strlen(item->key[i]);

        if (*name != '.' || strncmp(name + 1, item->key[i], key) != 0)
            return false;
        name += 1 + key;
    }
    return *name == '\0';
}

static double share_of(const struct asker *a, const struct rd_workshop_item *item)
{
    const struct rd_risk_result *risk = a->report->risk;

    for (size_t i = 0; risk && i < risk->n_shares; i++)
        if (is_share_of(a, item, risk->shares[i].name))
            return fmax(0, risk->shares[i].share);
    return 0;
}

static void ask_range(struct asker *a, const struct rd_workshop_item *item)
{
    const bool control = !strcmp(item->section, "controls");
    const double share = share_of(a, item);
    const char *why;

    if (item->range->given && item->range->provenance != RD_PROV_DEFAULT)
        return;
    if (!item->range->given && strcmp(item->section, "assets") != 0 && !control &&
        strcmp(item->key[0], "attempts_per_year") != 0)
        return; /* nothing that this file uses */
    if (!item->range->given && control)
        why = "Without a cost nobody can say whether it pays";
    else if (!item->range->given)
        why = "Nobody has said anything yet";
    else if (share >= 0.005)
        why = rd_arena_printf(a->arena,
            "It is a default; it explains %s of how uncertain the expected loss is",
            rd_words_percent(share, a->arena));
    else
        why = "It is a default that nobody here has confirmed";
    (void)ask(a, item, 100 * share + (item->range->given ? 0 : 5), why);
}

/* --- what was not tried --- */

static enum rd_role role_of_stage(const char *stage)
{
    return !strcmp(stage, "data")                                     ? RD_ROLE_DATA
           : !strcmp(stage, "training") || !strcmp(stage, "registry") ? RD_ROLE_ML
                                                                      : RD_ROLE_PLATFORM;
}

static bool begins(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

/* What would be needed to try it, from why it was not. */
static const char *need_of(struct asker *a, const struct rd_threat *t, const char *reason)
{
    const char *at = strchr(t->id, '@') + 1;
    const char *proof = t->rule->n_proved_by ? t->rule->proved_by[0] : "";

    if (!t->rule->n_proved_by)
        return rd_arena_printf(a->arena,
            "No attack here proves it: somebody has to look and say what holds%s%s",
            t->n_goes_away ? ". It is gone when " : "", t->n_goes_away ? t->goes_away[0] : "");
    if (begins(reason, "no stored evidence"))
        return rd_arena_printf(a->arena, "Run redoubt assess: nothing else is missing");
    if (begins(reason, "no artifact"))
        return rd_arena_printf(a->arena,
            "The model of %s as a file, an endpoint or a process under artifacts, and examples "
            "with labels to judge by",
            at);
    if (begins(reason, "no recipe"))
        return rd_arena_printf(a->arena,
            "The training as an artifact of kind training (data, network, optimizer, epochs): %s "
            "trains victims by it",
            proof);
    if (begins(reason, "it trains victims"))
        return rd_arena_printf(a->arena,
            "A test under tests that names %s: it trains victims, which takes minutes, so somebody "
            "has to want it",
            proof);
    if (begins(reason, "several"))
        return rd_arena_printf(a->arena, "A test under tests that says which one is meant");
    if (begins(reason, "no actor") || begins(reason, "actor "))
        return rd_arena_printf(
            a->arena, "An actor with the access that %s needs, if there is such a one", proof);
    if (begins(reason, "no evaluation set"))
        return rd_arena_printf(a->arena, "Examples with labels that no training has seen");
    return rd_arena_printf(a->arena, "What its reason names, so that %s can run", proof);
}

static rd_status find_gaps(struct asker *a)
{
    const struct rd_campaign *c = a->report->campaign;
    struct rd_workshop_gap *gap = RD_NEW_ARRAY(a->arena, struct rd_workshop_gap, c->threats->n + 1);
    size_t n = 0;

    if (!gap)
        return rd_run_no_memory(a->run, "a workshop");
    for (size_t i = 0; i < c->threats->n; i++) {
        const struct rd_threat *t = &c->threats->item[i];
        const char *reason = c->states[i].reason;

        if (c->states[i].status != RD_THREAT_UNTRIED || t->applicability == RD_APPLIES_MITIGATED ||
            t->decision)
            continue;
        gap[n] = (struct rd_workshop_gap){ .threat = t,
            .role = role_of_stage(t->rule->stage),
            .reason = reason ? reason : "no test",
            .need = need_of(a, t, reason ? reason : "no test") };
        if (!gap[n++].need)
            return rd_run_no_memory(a->run, "a workshop");
    }
    a->w->gap = gap;
    a->w->n_gaps = n;
    return RD_OK;
}

/* --- the whole --- */

static int by_kind_and_weight(const void *x, const void *y)
{
    const struct rd_workshop_question *a = x, *b = y;

    if (a->item->kind != b->item->kind)
        return a->item->kind < b->item->kind ? -1 : 1;
    if (a->weight < b->weight || a->weight > b->weight)
        return a->weight > b->weight ? -1 : 1;
    return a->item < b->item ? -1 : a->item > b->item; /* order of the file */
}

rd_status rd_workshop_make(struct rd_run *run, const struct rd_report *report,
    struct rd_arena *arena, struct rd_workshop *workshop_out)
{
    struct rd_workshop w = { .report = report };
    struct asker a = { .run = run, .report = report, .arena = arena, .w = &w };
    rd_status st = rd_workshop_items(run, report->campaign->system, arena, &w.items);

    if (st)
        return st;
    a.question = RD_NEW_ARRAY(arena, struct rd_workshop_question, w.items.n + 1);
    a.waiting = RD_NEW_ARRAY(arena, struct waiting, w.items.n + 1);
    a.standing = RD_NEW_ARRAY(arena, struct waiting, report->campaign->system->n_elements + 1);
    if (!a.question || !a.waiting || !a.standing)
        return rd_run_no_memory(run, "a workshop");
    st = count_waiting(&a);
    if (st)
        return st;
    for (size_t i = 0; i < w.items.n; i++) {
        const struct rd_workshop_item *item = &w.items.item[i];

        if (item->kind == RD_WORKSHOP_FACT)
            ask_fact(&a, item);
        else if (item->kind == RD_WORKSHOP_OWNER)
            ask_owner(&a, item);
        else
            ask_range(&a, item);
    }
    if (a.failed)
        return rd_run_no_memory(run, "a workshop");
    qsort(a.question, a.n, sizeof *a.question, by_kind_and_weight);
    w.question = a.question;
    w.n = a.n;
    st = find_gaps(&a);
    if (!st)
        *workshop_out = w;
    return st;
}

void rd_workshop_count(const struct rd_system *system, const struct rd_threats *threats,
    const struct rd_workshop_items *items, struct rd_workshop_counts *counts_out)
{
    struct rd_workshop_counts c = { .unknown = 0 };

    (void)system;
    for (size_t i = 0; i < threats->n; i++) {
        c.threats[threats->item[i].applicability]++;
        c.unknown +=
            threats->item[i].applicability == RD_APPLIES_UNKNOWN ? threats->item[i].n_missing : 0;
    }
    for (size_t i = 0; i < items->n; i++) {
        const struct rd_workshop_item *item = &items->item[i];

        c.no_owner += item->kind == RD_WORKSHOP_OWNER && !item->now;
        c.defaults += item->kind == RD_WORKSHOP_RANGE && item->range->given &&
                      item->range->provenance == RD_PROV_DEFAULT;
    }
    *counts_out = c;
}
