/*
 * onnx_function.c - functions of the model: each call is replaced by the function's nodes.
 *
 * The nodes keep standing in the file; what is made is a list of them, each with the call that says
 * what its names and attributes mean. A formal name means what the call gives; any other name in a
 * function gets the call's label in front, so that two calls do not meet. A function may not call
 * itself, also not by way of others, and all expansions together are bounded.
 *
 * Source: onnx.proto of onnx 1.23, FunctionProto; IR.md, Functions.
 */
#include "base/text.h"
#include "graph/onnx_reading.h"

#include <stdlib.h>
#include <string.h>

enum { /* FunctionProto */
    F_NAME = 1,
    F_INPUT = 4,
    F_OUTPUT = 5,
    F_ATTR = 6,
    F_NODE = 7,
    F_OPSET = 9,
    F_DOMAIN = 10,
    F_FALLBACK = 11,
    F_OVERLOAD = 13
};
enum {
    M_FUNCTION = 25,
    FUNCTIONS_MOST = 65536,
    LABEL = 48,
    EXPANSION = 4,
    NAME_UNIT = 64,
    NODE_UNIT = 256,
    ATTRS = 64
};

/* --- names --- */

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct rd_onnx_name *)a)->text, ((const struct rd_onnx_name *)b)->text);
}

rd_status rd_onnx_names(
    struct rd_onnx *x, const char *const *text, size_t n, struct rd_onnx_name **names_out)
{
    rd_status st;

    *names_out = rd_onnx_alloc(x, n, sizeof(**names_out), &st);
    if (st)
        return st;
    for (size_t i = 0; i < n; i++)
        (*names_out)[i] = (struct rd_onnx_name){ text[i], (int)i };
    if (n)
        qsort(*names_out, n, sizeof(**names_out), by_text);
    return RD_OK;
}

int rd_onnx_find(const struct rd_onnx_name *names, size_t n, const char *text)
{
    const struct rd_onnx_name key = { text, 0 };
    const struct rd_onnx_name *found = n ? bsearch(&key, names, n, sizeof(key), by_text) : NULL;

    return found ? found->value : -1;
}

rd_status rd_onnx_grow(struct rd_onnx *x, void *list, size_t count, size_t *room, size_t size)
{
    void *old, *fresh;
    rd_status st;

    if (count < *room)
        return RD_OK;
    memcpy(&old, list, sizeof(old));
    *room = *room ? 2 * *room : 2;
    fresh = rd_onnx_alloc(x, *room, size, &st);
    if (st)
        return st;
    if (count)
        memcpy(fresh, old, count * size);
    memcpy(list, &fresh, sizeof(fresh));
    return RD_OK;
}

/* What expansions cost beside their nodes: names, lists. */
static rd_status charge(struct rd_onnx_model *m, size_t units)
{
    m->expansion += units;
    if (m->expansion / EXPANSION > m->x.limits->nodes)
        return RD_FAIL(m->x.err, RD_E_LIMIT,
            "its functions, called as often as they are, come to more than %d x %zu names",
            EXPANSION, m->x.limits->nodes);
    return RD_OK;
}

/* --- functions --- */

static int compare(
    const struct rd_onnx_function *a, const char *domain, const char *name, const char *overload)
{
    int order = strcmp(a->domain, domain);

    order = order ? order : strcmp(a->name, name);
    return order ? order : strcmp(a->overload, overload);
}

static int by_name(const void *a, const void *b)
{
    const struct rd_onnx_function *y = b;

    return compare(a, y->domain, y->name, y->overload);
}

static struct rd_onnx_function *find(
    const struct rd_onnx_model *m, const char *domain, const char *name, const char *overload)
{
    const struct rd_onnx_function key = { .domain = domain, .name = name, .overload = overload };

    return m->n_fns ? bsearch(&key, m->fn, m->n_fns, sizeof(key), by_name) : NULL;
}

static rd_status head(struct rd_onnx *x, struct rd_span message, struct rd_onnx_function *fn)
{
    struct rd_pb pb = rd_pb_open(message, x->base);
    struct rd_span name = { NULL, 0 }, domain = { NULL, 0 }, overload = { NULL, 0 };
    struct rd_pb_field f;
    bool more;
    rd_status st;

    fn->message = message;
    while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
        if (f.number != F_NAME && f.number != F_DOMAIN && f.number != F_OVERLOAD)
            continue;
        st = rd_pb_want(&pb, &f, RD_PB_BYTES, "a name of a function", x->err);
        if (st)
            return st;
        if (f.number == F_NAME)
            name = f.span;
        else if (f.number == F_DOMAIN)
            domain = f.span;
        else
            overload = f.span;
    }
    if (!st)
        st = rd_onnx_text(x, name, "the name of a function", &fn->name);
    if (!st)
        st = rd_onnx_text(x, domain, "the domain of a function", &fn->domain);
    if (!st)
        st = rd_onnx_text(x, overload, "the overload of a function", &fn->overload);
    if (!st && !fn->name[0])
        st = RD_FAIL(x->err, RD_E_INPUT, "a function has no name");
    if (!st && !strcmp(fn->domain, "ai.onnx"))
        fn->domain = "";
    return st;
}

rd_status rd_onnx_functions(struct rd_onnx_model *m, struct rd_span model)
{
    struct rd_pb pb = rd_pb_open(model, m->x.base);
    struct rd_pb_field f;
    char safe[RD_ONNX_SHOWN];
    size_t n = 0;
    bool more;
    rd_status st;

    while (!(st = rd_pb_next(&pb, &f, &more, m->x.err)) && more)
        if (f.number == M_FUNCTION) {
            st = rd_pb_want(&pb, &f, RD_PB_BYTES, "a function", m->x.err);
            if (!st && ++n > FUNCTIONS_MOST)
                st = RD_FAIL(m->x.err, RD_E_LIMIT, "it has more than %d functions", FUNCTIONS_MOST);
            if (st)
                return st;
        }
    if (!st)
        m->fn = rd_onnx_alloc(&m->x, n, sizeof(*m->fn), &st);
    pb = rd_pb_open(model, m->x.base);
    while (!st && !(st = rd_pb_next(&pb, &f, &more, m->x.err)) && more)
        if (f.number == M_FUNCTION)
            st = head(&m->x, f.span, &m->fn[m->n_fns++]);
    if (st)
        return st;
    if (n)
        qsort(m->fn, n, sizeof(*m->fn), by_name);
    for (size_t i = 1; i < n; i++)
        if (!by_name(&m->fn[i - 1], &m->fn[i]))
            return RD_FAIL(m->x.err, RD_E_INPUT, "the function '%s' is defined twice",
                rd_text_safe_in(safe, sizeof(safe), m->fn[i].name));
    return RD_OK;
}

/* Everything but the nodes' contents. */
static rd_status body(struct rd_onnx_model *m, struct rd_onnx_function *fn)
{
    struct rd_onnx *x = &m->x;
    size_t n[16] = { 0 };
    struct rd_pb_field f;
    const char *reference;
    struct rd_pb pb;
    bool more;
    rd_status st;

    for (pb = rd_pb_open(fn->message, x->base);
         !(st = rd_pb_next(&pb, &f, &more, x->err)) && more;) {
        if (f.number < F_INPUT || f.number > F_FALLBACK || f.number == 8)
            continue;
        st = rd_pb_want(&pb, &f, RD_PB_BYTES, "a field of a function", x->err);
        if (st)
            return st;
        if (++n[f.number] > x->limits->nodes)
            return RD_FAIL(x->err, RD_E_LIMIT, "it has more than %zu parts", x->limits->nodes);
    }
    if (!st && n[F_ATTR] + n[F_FALLBACK] > ATTRS) /* they are searched one by one */
        return RD_FAIL(x->err, RD_E_LIMIT, "it has more than %d attributes", ATTRS);
    if (!st)
        fn->input = rd_onnx_alloc(x, n[F_INPUT], sizeof(*fn->input), &st);
    if (!st)
        fn->output = rd_onnx_alloc(x, n[F_OUTPUT], sizeof(*fn->output), &st);
    if (!st)
        fn->attr = rd_onnx_alloc(x, n[F_ATTR], sizeof(*fn->attr), &st);
    if (!st)
        fn->node = rd_onnx_alloc(x, n[F_NODE], sizeof(*fn->node), &st);
    if (!st)
        fn->import = rd_onnx_alloc(x, n[F_OPSET], sizeof(*fn->import), &st);
    if (!st)
        fn->fallback = rd_onnx_alloc(x, n[F_FALLBACK], sizeof(*fn->fallback), &st);
    for (pb = rd_pb_open(fn->message, x->base);
         !st && !(st = rd_pb_next(&pb, &f, &more, x->err)) && more;) {
        if (f.number == F_INPUT)
            st = rd_onnx_text(x, f.span, "a formal input", &fn->input[fn->n_inputs++]);
        else if (f.number == F_OUTPUT)
            st = rd_onnx_text(x, f.span, "a formal output", &fn->output[fn->n_outputs++]);
        else if (f.number == F_ATTR)
            st = rd_onnx_text(x, f.span, "the name of an attribute", &fn->attr[fn->n_attrs++]);
        else if (f.number == F_NODE)
            fn->node[fn->n_nodes++] = f.span;
        else if (f.number == F_OPSET)
            st = rd_onnx_import(x, f.span, &fn->import[fn->n_imports++]);
        else if (f.number == F_FALLBACK)
            st = rd_onnx_attr(x, f.span, &fn->fallback[fn->n_fallbacks++], &reference);
    }
    if (!st)
        st = rd_onnx_names(x, fn->input, fn->n_inputs, &fn->inputs);
    if (!st)
        st = rd_onnx_names(x, fn->output, fn->n_outputs, &fn->outputs);
    for (size_t i = 1; i < fn->n_inputs && !st; i++)
        if (!strcmp(fn->inputs[i - 1].text, fn->inputs[i].text))
            st = RD_FAIL(x->err, RD_E_INPUT, "two of its inputs have the same name");
    for (size_t i = 1; i < fn->n_outputs && !st; i++)
        if (!strcmp(fn->outputs[i - 1].text, fn->outputs[i].text))
            st = RD_FAIL(x->err, RD_E_INPUT, "two of its outputs have the same name");
    /* What a function imports and the model does not, the expanded model must. */
    for (size_t i = 0; i < fn->n_imports && !st; i++) {
        if (rd_onnx_opset(m, NULL, fn->import[i].domain))
            continue;
        if (m->n_imports >= 64)
            return RD_FAIL(x->err, RD_E_LIMIT, "it imports more than 64 opsets");
        st = rd_onnx_grow(x, &m->import, m->n_imports, &m->room_imports, sizeof(*m->import));
        if (!st)
            m->import[m->n_imports++] = fn->import[i];
    }
    fn->ready = !st;
    return st;
}

int64_t rd_onnx_opset(
    const struct rd_onnx_model *m, const struct rd_onnx_call *call, const char *domain)
{
    const struct rd_graph_import *import = call ? call->fn->import : m->import;

    for (size_t i = 0; i < (call ? call->fn->n_imports : m->n_imports); i++)
        if (!strcmp(import[i].domain, domain))
            return import[i].version;
    return 0;
}

/* --- attributes --- */

static const struct rd_attr *named(const struct rd_attr *attr, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(attr[i].name, name))
            return &attr[i];
    return NULL;
}

/* What the call or its function says for an attribute; *known false: the function has none so
 * called. */
static const struct rd_attr *given(const struct rd_onnx_call *call, const char *name, bool *known)
{
    const struct rd_attr *a = named(call->attr, call->n_attrs, name);

    if (!a)
        a = named(call->fn->fallback, call->fn->n_fallbacks, name);
    *known = a != NULL;
    for (size_t i = 0; i < call->fn->n_attrs && !*known; i++)
        *known = !strcmp(call->fn->attr[i], name);
    return a;
}

rd_status rd_onnx_attrs(struct rd_onnx_model *m, struct rd_span node, uint32_t number,
    const struct rd_onnx_call *call, struct rd_attr **attr_out, size_t *n_out)
{
    struct rd_onnx *x = &m->x;
    struct rd_pb_field f;
    struct rd_pb pb;
    struct rd_attr *attr;
    char safe[RD_ONNX_SHOWN];
    size_t n = 0;
    bool more, known;
    rd_status st;

    for (pb = rd_pb_open(node, x->base); !(st = rd_pb_next(&pb, &f, &more, x->err)) && more;)
        n += f.number == number;
    if (!st)
        attr = rd_onnx_alloc(x, n, sizeof(*attr), &st);
    if (st)
        return st;
    n = 0;
    for (pb = rd_pb_open(node, x->base);
         !st && !(st = rd_pb_next(&pb, &f, &more, x->err)) && more;) {
        struct rd_attr *a = &attr[n];
        const struct rd_attr *from;
        const char *reference, *name;

        if (f.number != number)
            continue;
        st = rd_onnx_attr(x, f.span, a, &reference);
        if (st || !reference) {
            n++;
            continue;
        }
        rd_text_safe_in(safe, sizeof(safe), a->name);
        if (!call)
            return RD_FAIL(x->err, RD_E_INPUT,
                "attribute '%s' refers to a function's attribute outside any function", safe);
        from = given(call, reference, &known);
        if (!known)
            return RD_FAIL(x->err, RD_E_INPUT,
                "attribute '%s' refers to one that the function does not have", safe);
        if (!from) /* the call leaves it out, so it is left out here */
            continue;
        if (a->type && a->type != from->type)
            return RD_FAIL(x->err, RD_E_INPUT,
                "attribute '%s' refers to one of another type than it says", safe);
        name = a->name;
        *a = *from;
        a->name = name;
        if (!a->origin && named(call->attr, call->n_attrs, reference))
            a->origin = call; /* a subgraph means what it says where it was written */
        n++;
    }
    *attr_out = attr;
    *n_out = n;
    return st;
}

/* --- calls --- */

rd_status rd_onnx_meaning(
    struct rd_onnx_model *m, const struct rd_onnx_call *names, const char *text, const char **out)
{
    int i;
    rd_status st;

    *out = text;
    if (!names || !text[0])
        return RD_OK;
    i = rd_onnx_find(names->fn->inputs, names->fn->n_inputs, text);
    if (i >= 0) {
        *out = names->in[i];
        return RD_OK;
    }
    i = rd_onnx_find(names->fn->outputs, names->fn->n_outputs, text);
    if (i >= 0 && names->out[i][0]) {
        *out = names->out[i];
        return RD_OK;
    }
    st = charge(m, 1 + strlen(text) / NAME_UNIT);
    if (st)
        return st;
    *out = rd_arena_printf(m->x.arena, "%s/%s", names->label, text);
    return *out ? RD_OK : RD_FAIL(m->x.err, RD_E_MEMORY, "no memory for names");
}

/* The names of a node's inputs or outputs, as they are around; at most n. */
static rd_status actual(struct rd_onnx_model *m, const struct rd_onnx_item *item, uint32_t number,
    const struct rd_onnx_function *fn, size_t n, const char **list)
{
    struct rd_pb pb = rd_pb_open(item->message, m->x.base);
    struct rd_pb_field f;
    const char *text;
    size_t at = 0;
    bool more;
    rd_status st;

    for (size_t i = 0; i < n; i++)
        list[i] = "";
    while (!(st = rd_pb_next(&pb, &f, &more, m->x.err)) && more) {
        if (f.number != number)
            continue;
        if (at == n)
            return RD_FAIL(m->x.err, RD_E_INPUT,
                "the function takes %zu inputs and gives %zu "
                "outputs, the call has more",
                fn->n_inputs, fn->n_outputs);
        st = rd_onnx_text(&m->x, f.span, "a name of a call", &text);
        if (!st)
            st = rd_onnx_meaning(m, item->names, text, &list[at++]);
        if (st)
            return st;
    }
    return st;
}

static rd_status enter(struct rd_onnx_reading *r, const struct rd_onnx_item *item,
    struct rd_onnx_function *fn, const char *label)
{
    struct rd_onnx_model *m = r->m;
    struct rd_onnx *x = r->x;
    struct rd_onnx_call *call;
    struct rd_attr *attr;
    char safe[RD_ONNX_SHOWN];
    rd_status st = RD_OK;

    rd_text_safe_in(safe, sizeof(safe), fn->name);
    for (const struct rd_onnx_call *c = item->call; c; c = c->outer)
        if (c->fn == fn)
            return RD_FAIL(x->err, RD_E_INPUT, "the function '%s' calls itself", safe);
    if (item->call && item->call->depth >= RD_ONNX_DEPTH)
        return RD_FAIL(x->err, RD_E_LIMIT, "functions call each other more than %d deep at '%s'",
            RD_ONNX_DEPTH, safe);
    if (!fn->ready)
        st = body(m, fn);
    if (!st)
        st = charge(m, 1 + fn->n_inputs + fn->n_outputs + fn->n_attrs + fn->n_fallbacks);
    if (!st)
        call = rd_onnx_alloc(x, 1, sizeof(*call), &st);
    if (st)
        return RD_WRAP(x->err, st, "the function '%s'", safe);
    *call = (struct rd_onnx_call){ .fn = fn,
        .outer = item->call,
        .names = item->names,
        .depth = item->call ? item->call->depth + 1 : 1 };
    call->label = rd_arena_printf(
        x->arena, "%s.%zu", strlen(label) < LABEL ? label : "function", m->n_calls++);
    if (!call->label)
        return RD_FAIL(x->err, RD_E_MEMORY, "no memory for names");
    call->in = rd_onnx_alloc(x, fn->n_inputs, sizeof(*call->in), &st);
    if (!st)
        call->out = rd_onnx_alloc(x, fn->n_outputs, sizeof(*call->out), &st);
    if (!st)
        st = actual(m, item, N_INPUT, fn, fn->n_inputs, call->in);
    if (!st)
        st = actual(m, item, N_OUTPUT, fn, fn->n_outputs, call->out);
    if (!st)
        st = rd_onnx_attrs(m, item->message, N_ATTR, item->call, &attr, &call->n_attrs);
    if (!st && call->n_attrs > ATTRS)
        st = RD_FAIL(x->err, RD_E_LIMIT, "it has more than %d attributes", ATTRS);
    if (st)
        return RD_WRAP(x->err, st, "a call of the function '%s'", safe);
    call->attr = attr;
    for (size_t i = 0; i < fn->n_nodes; i++) {
        st = rd_onnx_list(
            r, &(struct rd_onnx_item){ .message = fn->node[i], .call = call, .names = call });
        if (st)
            return st;
    }
    /* An output that is an input is produced by no node: it is moved. */
    for (size_t i = 0; i < fn->n_outputs && !st; i++)
        if (call->out[i][0] && rd_onnx_find(fn->inputs, fn->n_inputs, fn->output[i]) >= 0) {
            st = rd_onnx_grow(x, &r->item, r->n_items, &r->room_items, sizeof(*r->item));
            if (!st)
                st = rd_onnx_meaning(m, call, fn->output[i], &r->item[r->n_items].from);
            if (st)
                break;
            r->item[r->n_items].call = call;
            r->item[r->n_items++].to = call->out[i];
        }
    return st;
}

rd_status rd_onnx_list(struct rd_onnx_reading *r, const struct rd_onnx_item *item)
{
    struct rd_onnx *x = r->x;
    struct rd_onnx_function *fn = NULL;
    rd_status st = RD_OK;

    if (++x->n_nodes > x->limits->nodes)
        return RD_FAIL(x->err, RD_E_LIMIT,
            "it has more than %zu nodes, with those of its subgraphs and functions",
            x->limits->nodes);
    if (item->call)
        st = charge(r->m, item->message.n / NODE_UNIT); /* what it holds is read once more */
    if (st)
        return st;
    if (r->m->n_fns) {
        struct rd_pb pb = rd_pb_open(item->message, x->base);
        struct rd_span op = { NULL, 0 }, domain = { NULL, 0 }, overload = { NULL, 0 };
        const char *text[3];
        struct rd_pb_field f;
        bool more;

        while (!(st = rd_pb_next(&pb, &f, &more, x->err)) && more) {
            if (f.wire != RD_PB_BYTES)
                continue;
            if (f.number == N_OP)
                op = f.span;
            else if (f.number == N_DOMAIN)
                domain = f.span;
            else if (f.number == N_OVERLOAD)
                overload = f.span;
        }
        if (!st)
            st = rd_onnx_text(x, op, "its operator", &text[0]);
        if (!st)
            st = rd_onnx_text(x, domain, "its domain", &text[1]);
        if (!st)
            st = rd_onnx_text(x, overload, "its overload", &text[2]);
        if (st)
            return RD_WRAP(x->err, st, "node %zu", r->n_items);
        if (!strcmp(text[1], "ai.onnx"))
            text[1] = "";
        fn = find(r->m, text[1], text[0], text[2]);
        if (fn)
            return enter(r, item, fn, text[0]);
    }
    st = rd_onnx_grow(x, &r->item, r->n_items, &r->room_items, sizeof(*r->item));
    if (!st)
        r->item[r->n_items++] = *item;
    return st;
}
