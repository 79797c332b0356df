/* evaluate.c - what a name and a question mean at one place of a system. */
#include "rules/evaluate.h"

#include "base/text.h"

#include <string.h>

struct callback {
    struct rd_evaluation *e;
    bool full; /* more items than the rule's text can have: a bug of ours */
};

const char *rd_evaluation_here(const struct rd_evaluation *e)
{
    const struct rd_system *s = e->at.where->system;

    return e->at.element != RD_NONE ? s->elements[e->at.element].id : s->flows[e->at.flow].id;
}

const struct rd_element_type *rd_evaluation_type(const struct rd_evaluation *e)
{
    return e->at.element != RD_NONE ? e->at.where->system->elements[e->at.element].type : NULL;
}

static struct rd_value of_tri(enum rd_tri t)
{
    return (struct rd_value){ .type = RD_EXPR_BOOL, .truth = t, .unknown = t == RD_UNKNOWN };
}

static struct rd_value flow_value(const struct rd_flow *f, const char *name)
{
    if (!strcmp(name, "authenticated"))
        return of_tri(f->authenticated);
    if (!strcmp(name, "encrypted"))
        return of_tri(f->encrypted);
    if (!strcmp(name, "carries"))
        return (struct rd_value){ .type = RD_EXPR_LIST, .list = f->carries, .n = f->n_carries };
    return (struct rd_value){ .type = RD_EXPR_TEXT, .unknown = !f->protocol, .text = f->protocol };
}

static struct rd_value element_value(const struct rd_element *el, const char *name)
{
    const char *text = rd_element_property(el, name);
    struct rd_value v = { .unknown = !text || !strcmp(text, "unknown") };

    if (!rd_rule_name_type(el->type, name, &v.type))
        v.unknown = true;
    if (v.type == RD_EXPR_BOOL) {
        v.truth = v.unknown || !text ? RD_UNKNOWN : !strcmp(text, "yes") ? RD_YES : RD_NO;
    } else if (v.type == RD_EXPR_NUMBER) {
        if (!v.unknown && text && !rd_text_to_double(text, false, &v.number))
            v.unknown = true;
    } else if (!v.unknown) {
        v.text = text;
    }
    return v;
}

static bool same_item(const struct rd_item *a, const struct rd_item *b)
{
    if (a->name || b->name)
        return a->name == b->name;
    if (a->fn != b->fn || a->n_words != b->n_words)
        return false;
    for (size_t i = 0; i < a->n_words; i++)
        if (strcmp(a->word[i], b->word[i]) != 0)
            return false;
    return true;
}

/* The value to use for an item: seen before, supposed, or looked up now and noted. */
static struct rd_value look(struct callback *c, struct rd_item *item)
{
    struct rd_evaluation *e = c->e;
    size_t i = 0;

    while (i < e->n && !same_item(&e->item[i], item))
        i++;
    if (i == e->n) {
        const struct rd_system *s = e->at.where->system;

        if (e->n == RD_RULE_LOOKS_MAX) {
            c->full = true;
            return of_tri(RD_UNKNOWN);
        }
        item->value = item->fn ? item->fn->ask(&e->at, item->word, item->n_words, NULL)
                      : e->at.element != RD_NONE
                          ? element_value(&s->elements[e->at.element], item->name)
                          : flow_value(&s->flows[e->at.flow], item->name);
        e->item[e->n++] = *item;
    }
    for (size_t k = 0; k < e->n_supposed; k++)
        if (e->supposed[k] == i)
            return e->instead[k];
    return e->item[i].value;
}

static struct rd_value on_name(void *user, size_t slot)
{
    struct callback *c = user;
    struct rd_item item = { .name = c->e->code->names[slot] };

    return look(c, &item);
}

/* is("batch-inference"): of which type something is. */
static bool asks_type(const struct rd_item *item)
{
    static const char *const names[] = { "is", "from_is", "to_is" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(item->fn->name, names[i]))
            return rd_element_type_find(item->word[0]) != NULL;
    return false;
}

static struct rd_value on_function(
    void *user, size_t slot, const struct rd_value *arg, size_t n_args)
{
    struct callback *c = user;
    struct rd_item item = { .fn = &rd_rule_functions[slot], .n_words = n_args };

    for (size_t i = 0; i < n_args && i < RD_WORDS_MAX; i++)
        item.word[i] = arg[i].text;
    /* Not noted: a fact that everybody sees, and no advice ("let the batch not be a batch"). */
    if (asks_type(&item))
        return item.fn->ask(&c->e->at, item.word, item.n_words, NULL);
    return look(c, &item);
}

rd_status rd_evaluate(struct rd_evaluation *e, const struct rd_expr *expr, enum rd_tri *truth_out,
    struct rd_error *err)
{
    struct callback c = { e, false };
    const struct rd_expr_input in = { .name = on_name, .function = on_function, .user = &c };
    struct rd_value v;
    const rd_status st = rd_expr_eval(expr, &in, &v, err);

    if (st)
        return RD_WRAP(err, st, "rule '%s' at '%s'", e->code->rule.id, rd_evaluation_here(e));
    if (e->at.where->failed)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to search the system");
    if (c.full)
        return RD_FAIL(err, RD_E_BUG, "rule '%s' looks at too much", e->code->rule.id);
    *truth_out = v.unknown ? RD_UNKNOWN : v.truth;
    return RD_OK;
}

static void show(struct rd_buf *out, const struct rd_value *v)
{
    char number[32];

    if (v->unknown) {
        rd_buf_puts(out, "unknown");
    } else if (v->type == RD_EXPR_BOOL) {
        rd_buf_puts(out, v->truth == RD_YES ? "yes" : v->truth == RD_NO ? "no" : "unknown");
    } else if (v->type == RD_EXPR_NUMBER) {
        rd_buf_puts(out, rd_text_from_double(v->number, number));
    } else if (v->type == RD_EXPR_TEXT) {
        rd_buf_puts(out, v->text);
    } else {
        for (size_t i = 0; i < v->n; i++)
            rd_buf_printf(out, "%s%s", i ? ", " : "", v->list[i]);
    }
}

/* "no flow from untrusted comes into api", "a flow from ... comes into api (ask)"; NULL where it is
 * no question of yes or no, or not known. */
static const char *said_of(const struct rd_item *item, const char *here, const char *value,
    struct rd_arena *arena, bool *failed)
{
    struct rd_buf said = { 0 };
    const char *out = NULL;
    const bool yes = item->value.truth == RD_YES;

    if (!item->fn || item->fn->type != RD_EXPR_BOOL || item->value.unknown)
        return NULL;
    rd_rule_function_words(
        &said, yes ? item->fn->if_yes : item->fn->if_no, here, item->word, item->n_words);
    if (yes && *value && strcmp(value, "yes") != 0 && !strcasestr(rd_buf_text(&said), value))
        rd_buf_printf(&said, " (%s)", value);
    out = said.failed ? NULL : rd_arena_strdup(arena, rd_buf_text(&said));
    *failed = *failed || !out;
    rd_buf_release(&said);
    return out;
}

rd_status rd_evaluation_fact(const struct rd_evaluation *e, const struct rd_item *item,
    struct rd_arena *arena, struct rd_fact *fact_out, const char **control_out)
{
    const char *here = rd_evaluation_here(e);
    struct rd_buf what = { 0 };
    struct rd_seen seen = { 0 };
    rd_status st = RD_OK;
    bool failed = false;

    if (item->fn) {
        rd_rule_function_words(&what, item->fn->what, here, item->word, item->n_words);
        (void)item->fn->ask(&e->at, item->word, item->n_words, &seen);
    } else {
        rd_buf_printf(&what, "%s.%s", here, item->name);
        show(&seen.value, &item->value);
    }
    fact_out->what = rd_arena_strdup(arena, rd_buf_text(&what));
    fact_out->value = rd_arena_strdup(arena, rd_buf_text(&seen.value));
    fact_out->said = said_of(item, here, rd_buf_text(&seen.value), arena, &failed);
    if (control_out)
        *control_out = seen.control;
    if (failed || what.failed || seen.value.failed || !fact_out->what || !fact_out->value ||
        e->at.where->failed)
        st = RD_E_MEMORY;
    rd_buf_release(&what);
    rd_buf_release(&seen.value);
    return st;
}
