/*
 * remedy.c - what decides a rule, and what would make it not apply: found by asking again with
 * other answers.
 *
 * `when` is a formula over a handful of things, each with a handful of values, so trying is cheap:
 * at most TRIES evaluations a threat. Of what would help in logic only what somebody would do is
 * said, the most sensible first: a control or a property, a guard on a path, who gets here at all.
 */
#include "rules/evaluate.h"

#include <stdlib.h>
#include <string.h>

enum { TRIES = 400, FOUND_MAX = 24, VALUES_MAX = 16, STRINGS_MAX = 64 };

void rd_strings_add(struct rd_strings *s, const char *text)
{
    for (size_t i = 0; i < s->n; i++)
        if (!strcmp(s->item[i], text))
            return;
    if (s->n == STRINGS_MAX) /* nobody reads more */
        return;
    if (s->n == s->cap) {
        const size_t cap = s->cap ? 2 * s->cap : 8;
        const char **grown = RD_NEW_ARRAY(s->arena, const char *, cap);

        if (!grown) {
            s->failed = true;
            return;
        }
        if (s->n)
            memcpy(grown, s->item, s->n * sizeof *grown);
        s->item = grown;
        s->cap = cap;
    }
    s->item[s->n] = rd_arena_strdup(s->arena, text);
    if (s->item[s->n])
        s->n++;
    else
        s->failed = true;
}

/* The other values an item could have; numbers and free text have none that could be listed. */
static size_t alternatives(
    const struct rd_evaluation *e, const struct rd_item *item, struct rd_value out[VALUES_MAX])
{
    static const enum rd_tri both[] = { RD_YES, RD_NO };
    static const char *const classes[] = { "public", "internal", "confidential", "personal", NULL };
    const char *const *words = classes;
    size_t n = 0;

    if (item->value.type == RD_EXPR_BOOL) {
        for (int i = 0; i < 2; i++)
            if (item->value.unknown || item->value.truth != both[i])
                out[n++] = (struct rd_value){ .type = RD_EXPR_BOOL, .truth = both[i] };
        return n;
    }
    if (item->value.type != RD_EXPR_TEXT)
        return 0;
    if (item->name)
        words = rd_rule_name_words(rd_evaluation_type(e), item->name);
    for (; words && *words && n < VALUES_MAX; words++)
        if (item->value.unknown || strcmp(item->value.text, *words) != 0)
            out[n++] = (struct rd_value){ .type = RD_EXPR_TEXT, .text = *words };
    return n;
}

static rd_status suppose(struct rd_evaluation *e, size_t n, const size_t *item,
    const struct rd_value *value, enum rd_tri *truth_out, struct rd_error *err)
{
    rd_status st;

    for (size_t i = 0; i < n; i++) {
        e->supposed[i] = item[i];
        e->instead[i] = value[i];
    }
    e->n_supposed = n;
    st = rd_evaluate(e, e->code->when, truth_out, err);
    e->n_supposed = 0;
    return st;
}

struct missing {
    struct rd_strings *out;
};
static void on_missing(void *user, const char *element, const char *property)
{
    const struct missing *m = user;
    char *text = rd_arena_printf(m->out->arena, "%s.%s", element, property);

    if (text)
        rd_strings_add(m->out, text);
    else
        m->out->failed = true;
}

static void add_missing(
    const struct rd_evaluation *e, const struct rd_item *item, struct rd_strings *out)
{
    struct missing m = { out };
    struct rd_seen seen = { .missing = on_missing, .user = &m };

    if (item->fn)
        (void)item->fn->ask(&e->at, item->word, item->n_words, &seen);
    else
        on_missing(&m, rd_evaluation_here(e), item->name);
    rd_buf_release(&seen.value);
}

/* Some value of the item alone settles the rule one way or the other, or nobody can list its
 * values. */
static rd_status decides(struct rd_evaluation *e, size_t i, bool *out, struct rd_error *err)
{
    struct rd_value value[VALUES_MAX];
    const size_t n = alternatives(e, &e->item[i], value);
    enum rd_tri truth;

    *out = n == 0;
    for (size_t k = 0; k < n && !*out; k++) {
        const rd_status st = suppose(e, 1, &i, &value[k], &truth, err);

        if (st)
            return st;
        *out = truth != RD_UNKNOWN;
    }
    return RD_OK;
}

rd_status rd_remedy_missing(
    struct rd_evaluation *e, struct rd_strings *missing, struct rd_error *err)
{
    const size_t n = e->n; /* supposing may look at more */

    for (size_t i = 0; i < n; i++) {
        bool matters = false;
        const rd_status st = e->item[i].value.unknown ? decides(e, i, &matters, err) : RD_OK;

        if (st)
            return st;
        if (matters)
            add_missing(e, &e->item[i], missing);
    }
    /* Only together do they decide (rare): then all of them are wanted. */
    for (size_t i = 0; i < n && !missing->n; i++)
        if (e->item[i].value.unknown)
            add_missing(e, &e->item[i], missing);
    return missing->failed || e->at.where->failed
               ? RD_FAIL(err, RD_E_MEMORY, "no memory for a threat")
               : RD_OK;
}

/* --- what one would advise --- */

enum advice {
    ADVICE_CONTROL,  /* switch one on */
    ADVICE_DO,       /* set a property */
    ADVICE_GUARD,    /* put a guard on every path, send something to who watches */
    ADVICE_KEEP_OUT, /* keep somebody away from it */
    ADVICE_REBUILD,  /* other data, another structure */
    ADVICE_LAST,     /* cut what the system is there for: only when there is nothing else */
    ADVICE_NEVER,    /* be something else than it is */
};

static bool is_among(const char *word, const char *const *list)
{
    for (; word && *list; list++)
        if (!strcmp(word, *list))
            return true;
    return false;
}

static bool is_outsider(const char *who)
{
    static const char *const outside[] = { "untrusted", "partner", "annotator", "end-user", NULL };

    return is_among(who, outside);
}

/* A guard is something that one can put there: no kind of element, which is on the path or not. */
static bool is_guard(const char *word)
{
    return !rd_element_type_find(word);
}

/* A question of yes or no: how sensible is it to make it so? */
static enum advice advice_of_question(const struct rd_item *item, bool yes)
{
    static const char *const nature[] = { "is", "from_is", "to_is", "holds_artifact", NULL };
    static const char *const carried[] = { "receives", "sends", NULL };
    const char *name = item->fn->name;

    if (is_among(name, nature))
        return ADVICE_NEVER;
    if (!strcmp(name, "has_control"))
        return yes ? ADVICE_CONTROL : ADVICE_NEVER;
    if (!strcmp(name, "reached_around")) {
        for (size_t i = 1; i < item->n_words; i++)
            if (is_guard(item->word[i]))
                return yes ? ADVICE_NEVER : ADVICE_GUARD;
        return ADVICE_NEVER;
    }
    if (!strcmp(name, "internet_exposed"))
        return yes ? ADVICE_NEVER : ADVICE_KEEP_OUT;
    if (!strcmp(name, "crosses_boundary") || !strcmp(name, "articulation"))
        return yes ? ADVICE_NEVER : ADVICE_REBUILD;
    if (is_among(name, carried))
        return yes ? ADVICE_NEVER : ADVICE_LAST;
    /* has_inbound_from, reaches and their like: to let an outsider in is no help. */
    for (size_t i = 0; i < item->n_words; i++)
        if (is_outsider(item->word[i]))
            return yes ? ADVICE_NEVER : ADVICE_KEEP_OUT;
    return yes ? ADVICE_GUARD : ADVICE_LAST;
}

static enum advice advice_of(const struct rd_item *item, const struct rd_value *value)
{
    static const char *const nature[] = { "criticality", "data_class", NULL };

    if (item->fn && item->fn->type == RD_EXPR_BOOL)
        return advice_of_question(item, value->truth == RD_YES);
    if (item->fn)
        return ADVICE_REBUILD; /* less sensitive data */
    if (is_among(item->name, nature))
        return ADVICE_NEVER;
    return !strcmp(item->name, "exposure") ? ADVICE_KEEP_OUT : ADVICE_DO;
}

/* "exposure of 'inference-api' is internal", "no path leads from annotator to training-data" */
static void say(const struct rd_evaluation *e, const struct rd_item *item,
    const struct rd_value *value, size_t n_values, struct rd_buf *out)
{
    const char *here = rd_evaluation_here(e);

    if (item->fn && item->fn->type == RD_EXPR_BOOL) {
        const bool guards = !strcmp(item->fn->name, "reached_around");
        const char *word[RD_WORDS_MAX];
        size_t n = 0;

        for (size_t i = 0; i < item->n_words && i < RD_WORDS_MAX; i++)
            if (!i || !guards || is_guard(item->word[i]))
                word[n++] = item->word[i];
        rd_rule_function_words(
            out, value->truth == RD_YES ? item->fn->if_yes : item->fn->if_no, here, word, n);
        return;
    }
    if (item->fn)
        rd_rule_function_words(out, item->fn->what, here, item->word, item->n_words);
    else
        rd_buf_printf(out, "%s.%s", here, item->name);
    rd_buf_puts(out, " is ");
    for (size_t i = 0; i < n_values; i++)
        rd_buf_printf(out, "%s%s",
            i == 0              ? ""
            : i + 1 == n_values ? " or "
                                : ", ",
            value[i].type == RD_EXPR_TEXT ? value[i].text
            : value[i].truth == RD_YES    ? "yes"
                                          : "no");
}

struct found {
    const char *text;
    enum advice advice; /* of its least sensible part */
    size_t parts, order;
};
struct search {
    struct rd_evaluation *e;
    struct rd_arena *arena;
    struct found found[FOUND_MAX];
    size_t n, tries, n_found;
    bool alone[RD_RULE_LOOKS_MAX]; /* a change of this item alone is enough */
    bool failed;
    struct rd_error *err;
};

static void keep(struct search *s, struct rd_buf *text, enum advice advice, size_t parts)
{
    const char *copy = text->failed ? NULL : rd_arena_strdup(s->arena, rd_buf_text(text));

    s->failed = s->failed || !copy;
    rd_buf_release(text);
    if (copy && s->n_found < FOUND_MAX) {
        s->found[s->n_found] = (struct found){ copy, advice, parts, s->n_found };
        s->n_found++;
    }
}

/* All values of one item that alone make the rule no; of several, those that are most sensible. */
static rd_status singles(struct search *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct rd_value value[VALUES_MAX], good[VALUES_MAX];
        const size_t n = alternatives(s->e, &s->e->item[i], value);
        enum advice best = ADVICE_NEVER;
        struct rd_buf text = { 0 };
        size_t n_good = 0;

        for (size_t k = 0; k < n; k++) {
            const enum advice advice = advice_of(&s->e->item[i], &value[k]);
            enum rd_tri truth;
            const rd_status st = suppose(s->e, 1, &i, &value[k], &truth, s->err);

            if (st)
                return st;
            if (truth != RD_NO)
                continue;
            s->alone[i] = true;
            if (advice == ADVICE_NEVER)
                continue;
            best = advice < best ? advice : best;
            good[n_good++] = value[k];
        }
        if (!n_good)
            continue;
        say(s->e, &s->e->item[i], good, n_good, &text);
        keep(s, &text, best, 1);
    }
    return RD_OK;
}

static void keep_together(
    struct search *s, size_t size, const size_t *item, const struct rd_value *chosen)
{
    enum advice worst = ADVICE_CONTROL;
    struct rd_buf text = { 0 };

    for (size_t d = 0; d < size; d++) {
        const struct rd_item *it = &s->e->item[item[d]];
        const enum advice advice = advice_of(it, &chosen[d]);

        worst = advice > worst ? advice : worst;
        rd_buf_puts(&text, d ? ", and " : "");
        say(s->e, it, &chosen[d], 1, &text);
    }
    keep(s, &text, worst, size);
}

/*
 * Changes of exactly `size` items at once, none of which is enough alone: depth-first, and the
 * first good value of the last item will do.
 */
static rd_status together(
    struct search *s, size_t size, size_t depth, size_t from, size_t *item, struct rd_value *chosen)
{
    for (size_t i = from; i < s->n; i++) {
        struct rd_value value[VALUES_MAX];
        const size_t n = alternatives(s->e, &s->e->item[i], value);

        if (s->alone[i])
            continue;
        item[depth] = i;
        for (size_t k = 0; k < n; k++) {
            enum rd_tri truth = RD_YES;
            rd_status st;

            if (advice_of(&s->e->item[i], &value[k]) == ADVICE_NEVER)
                continue;
            chosen[depth] = value[k];
            if (depth + 1 < size) {
                st = together(s, size, depth + 1, i + 1, item, chosen);
                if (st)
                    return st;
                continue;
            }
            if (s->tries++ >= TRIES || s->n_found >= FOUND_MAX)
                return RD_OK;
            st = suppose(s->e, size, item, chosen, &truth, s->err);
            if (st)
                return st;
            if (truth == RD_NO) {
                keep_together(s, size, item, chosen);
                break;
            }
        }
    }
    return RD_OK;
}

static int by_sense(const void *x, const void *y)
{
    const struct found *a = x, *b = y;

    if (a->advice != b->advice)
        return a->advice < b->advice ? -1 : 1;
    if (a->parts != b->parts)
        return a->parts < b->parts ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

rd_status rd_remedy_changes(
    struct rd_evaluation *e, struct rd_strings *changes, struct rd_error *err)
{
    struct search s = { .e = e, .arena = changes->arena, .n = e->n, .err = err };
    rd_status st = singles(&s);

    for (size_t size = 2; !st && size <= RD_SUPPOSE_MAX && (size == 2 || !s.n_found); size++) {
        size_t item[RD_SUPPOSE_MAX];
        struct rd_value chosen[RD_SUPPOSE_MAX];

        s.n = e->n; /* supposing made the rule look at more */
        st = together(&s, size, 0, 0, item, chosen);
    }
    qsort(s.found, s.n_found, sizeof *s.found, by_sense);
    for (size_t i = 0; i < s.n_found; i++)
        if (s.found[i].advice != ADVICE_LAST || !i)
            rd_strings_add(changes, s.found[i].text);
    if (!st && (changes->failed || s.failed))
        st = RD_FAIL(err, RD_E_MEMORY, "no memory for a threat");
    return st;
}
