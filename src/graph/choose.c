/*
 * choose.c - an If whose condition is constant becomes the branch that it takes.
 *
 * Exporters write conditions on shapes ("is this axis 1?") that are known once a model has been
 * read. With the branch in its place the batch can be followed and the fast plan used. The branch's
 * nodes stand where the If stood; what it took from around it is there already; its own values get
 * the name of the If's result in front. An output that no node of the branch produces is moved by
 * an Identity. Branches inside the branch have their turn in the next round.
 */
#include "graph/onnx.h"
#include "graph/op.h"

#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 8 };

struct choosing {
    struct rd_graph *g;
    struct rd_graph_value *value;
    struct rd_graph_node *node;
    size_t n_values, n_nodes;
    struct rd_arena *arena;
    struct rd_error *err;
};

static rd_status no_memory(struct rd_error *err)
{
    return RD_FAIL(err, RD_E_MEMORY, "no memory to choose branches");
}

/* The branch that an If will always take; NULL: not known, or no If. */
static const struct rd_graph *branch(const struct rd_graph *g, const struct rd_graph_node *n)
{
    const struct rd_tensor *c;
    const struct rd_attr *a;

    if (strcmp(n->op, "If") || n->domain[0] || n->n_inputs < 1 || n->input[0] < 0)
        return NULL;
    c = g->value[n->input[0]].weight;
    if (!c || c->dtype != RD_BOOL || rd_tensor_count(c) != 1)
        return NULL;
    a = rd_op_attr(n, *(const unsigned char *)c->data ? "then_branch" : "else_branch");
    return a ? a->graphs[0] : NULL; /* infer has seen that it fits the node */
}

/* Where each value of the branch stands in the graph; new ones are appended. */
static rd_status place(
    struct choosing *s, const struct rd_graph_node *n, const struct rd_graph *body, int *to)
{
    const size_t n_formal = body->n_inputs - body->n_captures;
    const char *label = n->name;

    for (size_t v = 0; v < body->n_values; v++)
        to[v] = -1;
    for (size_t k = 0; k < body->n_captures; k++)
        to[body->input[n_formal + k]] = n->input[body->capture[k]];
    for (int k = 0; k < n->n_outputs; k++) {
        const int v = body->output[k];

        if (n->output[k] < 0)
            continue;
        label = s->value[n->output[k]].name;
        if (to[v] < 0 && body->value[v].producer >= 0)
            to[v] = n->output[k];
    }
    for (size_t v = 0; v < body->n_values; v++) {
        struct rd_graph_value *fresh;

        if (to[v] >= 0)
            continue;
        fresh = &s->value[s->n_values];
        *fresh = body->value[v];
        fresh->name = rd_arena_printf(s->arena, "%s/%s", label, body->value[v].name);
        if (!fresh->name)
            return no_memory(s->err);
        to[v] = (int)s->n_values++;
    }
    return RD_OK;
}

static int *mapped(struct choosing *s, const int *list, int n, const int *to)
{
    int *out = RD_NEW_ARRAY(s->arena, int, (size_t)n);

    for (int k = 0; out && k < n; k++)
        out[k] = list[k] < 0 ? -1 : to[list[k]];
    return out;
}

static rd_status put_branch(
    struct choosing *s, const struct rd_graph_node *n, const struct rd_graph *body)
{
    int *to = RD_NEW_ARRAY(s->arena, int, body->n_values);
    rd_status st = to ? place(s, n, body, to) : no_memory(s->err);

    for (size_t i = 0; i < body->n_nodes && !st; i++) {
        struct rd_graph_node *fresh = &s->node[s->n_nodes++];

        *fresh = body->node[i];
        fresh->input = mapped(s, fresh->input, fresh->n_inputs, to);
        fresh->output = mapped(s, fresh->output, fresh->n_outputs, to);
        if (!fresh->input || !fresh->output)
            st = no_memory(s->err);
    }
    for (int k = 0; k < n->n_outputs && !st; k++) {
        struct rd_graph_node *fresh = &s->node[s->n_nodes];
        int *ends;

        if (n->output[k] < 0 || to[body->output[k]] == n->output[k])
            continue;
        ends = RD_NEW_ARRAY(s->arena, int, 2);
        if (!ends)
            return no_memory(s->err);
        ends[0] = to[body->output[k]];
        ends[1] = n->output[k];
        *fresh = (struct rd_graph_node){ .name = s->value[n->output[k]].name,
            .op = "Identity",
            .domain = "",
            .opset = n->opset,
            .row = rd_op_find("", "Identity", n->opset, NULL),
            .input = ends,
            .output = ends + 1,
            .n_inputs = 1,
            .n_outputs = 1 };
        s->n_nodes++;
    }
    return st;
}

/* --- names --- */

static int by_name(const void *a, const void *b)
{
    const struct rd_graph_value *const *x = a, *const *y = b;
    const int order = strcmp((*x)->name, (*y)->name);

    return order ? order : (*x > *y) - (*x < *y); /* the older one keeps its name */
}

/* New values whose name is taken get another. */
static rd_status tell_apart(struct choosing *s, size_t first_new)
{
    struct rd_graph_value **list = RD_NEW_ARRAY(s->arena, struct rd_graph_value *, s->n_values);
    bool again = true;

    if (!list)
        return no_memory(s->err);
    for (int round = 0; again; round++) {
        if (round == ROUNDS)
            return RD_FAIL(s->err, RD_E_INPUT, "names of values collide when branches are chosen");
        again = false;
        for (size_t v = 0; v < s->n_values; v++)
            list[v] = &s->value[v];
        qsort(list, s->n_values, sizeof(struct rd_graph_value *), by_name);
        for (size_t i = 1; i < s->n_values; i++) {
            const size_t v = (size_t)(list[i] - s->value);

            if (strcmp(list[i - 1]->name, list[i]->name) || v < first_new)
                continue;
            list[i]->name = rd_arena_printf(s->arena, "%s#%zu", list[i]->name, v);
            if (!list[i]->name)
                return no_memory(s->err);
            again = true;
        }
    }
    return RD_OK;
}

/* What subgraphs take bears the name that it has around them, for it is found by name when written
 * and read again. They nest within bounds. */
static void rename_taken(const struct rd_graph_value *value, const struct rd_graph_node *n)
{
    for (size_t a = 0; a < n->n_attrs; a++)
        for (size_t b = 0; n->attr[a].graphs && b < n->attr[a].n; b++) {
            struct rd_graph *body = n->attr[a].graphs[b];
            const size_t n_formal = body->n_inputs - body->n_captures;

            for (size_t k = 0; k < body->n_captures; k++)
                body->value[body->input[n_formal + k]].name =
                    value[n->input[body->capture[k]]].name;
            for (size_t i = 0; i < body->n_nodes; i++)
                rename_taken(body->value, &body->node[i]);
        }
}

/* One round; *any: there was something to choose. */
static rd_status choose(struct choosing *s, bool *any)
{
    struct rd_graph *g = s->g;
    size_t values = g->n_values, nodes = g->n_nodes;
    rd_status st = RD_OK;

    *any = false;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct rd_graph *body = branch(g, &g->node[i]);

        if (!body)
            continue;
        *any = true;
        values += body->n_values;
        nodes += body->n_nodes + (size_t)g->node[i].n_outputs;
    }
    if (!*any)
        return RD_OK;
    if (values > (size_t)INT32_MAX)
        return RD_FAIL(s->err, RD_E_LIMIT, "it has more than %d values", INT32_MAX);
    s->value = RD_NEW_ARRAY(s->arena, struct rd_graph_value, values);
    s->node = RD_NEW_ARRAY(s->arena, struct rd_graph_node, nodes);
    if (!s->value || !s->node)
        return no_memory(s->err);
    memcpy(s->value, g->value, g->n_values * sizeof(*s->value));
    s->n_values = g->n_values;
    s->n_nodes = 0;
    for (size_t i = 0; i < g->n_nodes && !st; i++) {
        const struct rd_graph *body = branch(g, &g->node[i]);

        if (body)
            st = put_branch(s, &g->node[i], body);
        else
            s->node[s->n_nodes++] = g->node[i];
    }
    if (!st)
        st = tell_apart(s, g->n_values);
    if (st)
        return st;
    g->value = s->value;
    g->n_values = s->n_values;
    g->node = s->node;
    g->n_nodes = s->n_nodes;
    for (size_t i = 0; i < g->n_nodes; i++) {
        rename_taken(g->value, &g->node[i]);
        for (int k = 0; k < g->node[i].n_outputs; k++)
            if (g->node[i].output[k] >= 0) { /* to be worked out anew */
                struct rd_graph_value *v = &g->value[g->node[i].output[k]];

                v->producer = (int)i;
                v->weight = NULL;
                v->taken = false;
                v->dtype = RD_DTYPE_NONE;
                v->ndim = -1;
            }
    }
    return RD_OK;
}

rd_status rd_graph_choose(struct rd_graph *graph, const struct rd_limits *limits,
    struct rd_arena *arena, struct rd_error *err)
{
    struct choosing s = { .g = graph, .arena = arena, .err = err };
    bool any = true;
    rd_status st = RD_OK;

    for (int round = 0; round < ROUNDS && any && !st; round++) {
        st = choose(&s, &any);
        if (!st && any)
            st = rd_graph_infer(graph, limits, arena, err);
    }
    return st;
}
