/* graph.c - questions about a graph: how nodes are called, in which order they run, where gradients
 * stop. */
#include "graph/graph.h"

#include "base/text.h"
#include "graph/onnx.h"
#include "graph/op.h"
#include "tensor/boxed.h"

#include <stdio.h>
#include <string.h>

const char *rd_graph_node_label(const struct rd_graph *graph, size_t node, char *out, size_t size)
{
    const struct rd_graph_node *n = &graph->node[node];
    char name[80], op[40];

    rd_text_safe_in(name, sizeof(name), n->name);
    rd_text_safe_in(op, sizeof(op), n->op);
    if (n->name[0])
        (void)snprintf(out, size, "'%s' (%s)", name, op);
    else
        (void)snprintf(out, size, "%zu (%s)", node, op);
    return out;
}

/* Kahn's algorithm; a file already in order keeps it. */
rd_status rd_graph_sort(struct rd_graph *graph, struct rd_arena *arena, struct rd_error *err)
{
    const size_t n = graph->n_nodes;
    size_t *waits = RD_NEW_ARRAY(arena, size_t, n); /* inputs not yet produced */
    size_t *first =
        RD_NEW_ARRAY(arena, size_t, graph->n_values + 1); /* uses of value v: use[first[v]..] */
    size_t *use, *queue, *place, done = 0, queued = 0, edges = 0;
    struct rd_graph_node *sorted;
    bool in_order = true;
    char label[160];

    if (!waits || !first)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to sort %zu nodes", n);
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < graph->node[i].n_inputs; k++) {
            const int v = graph->node[i].input[k];

            if (v < 0 || graph->value[v].producer < 0)
                continue;
            first[v + 1]++;
            waits[i]++;
            edges++;
            in_order = in_order && (size_t)graph->value[v].producer < i;
        }
    if (in_order)
        return RD_OK;
    use = RD_NEW_ARRAY(arena, size_t, edges);
    queue = RD_NEW_ARRAY(arena, size_t, n);
    place = RD_NEW_ARRAY(arena, size_t, n);
    sorted = RD_NEW_ARRAY(arena, struct rd_graph_node, n);
    if (!use || !queue || !place || !sorted)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to sort %zu nodes", n);
    for (size_t v = 0; v < graph->n_values; v++)
        first[v + 1] += first[v];
    for (size_t i = n;
         i-- > 0;) /* fills each list from its end, so that nodes come in file order */
        for (int k = 0; k < graph->node[i].n_inputs; k++) {
            const int v = graph->node[i].input[k];

            if (v >= 0 && graph->value[v].producer >= 0)
                use[--first[v + 1]] = i;
        }
    for (size_t v = 0; v < graph->n_values; v++) /* first[v + 1] has become the start of v's list */
        first[v] = first[v + 1];
    first[graph->n_values] = edges;
    for (size_t i = 0; i < n; i++)
        if (!waits[i])
            queue[queued++] = i;
    for (; done < queued; done++) {
        const struct rd_graph_node *node = &graph->node[queue[done]];

        place[queue[done]] = done;
        sorted[done] = *node;
        for (int k = 0; k < node->n_outputs; k++) {
            const int v = node->output[k];

            for (size_t u = v < 0 ? edges : first[v]; v >= 0 && u < first[v + 1]; u++)
                if (!--waits[use[u]])
                    queue[queued++] = use[u];
        }
    }
    for (size_t i = 0; i < n && done < n; i++)
        if (waits[i])
            return RD_FAIL(err, RD_E_INPUT, "node %s needs its own result: the graph has a cycle",
                rd_graph_node_label(graph, i, label, sizeof(label)));
    for (size_t v = 0; v < graph->n_values; v++)
        if (graph->value[v].producer >= 0)
            graph->value[v].producer = (int)place[graph->value[v].producer];
    graph->node = sorted;
    return RD_OK;
}

static bool is_float(enum rd_dtype t)
{
    return t == RD_F32 || t == RD_F64 || t == RD_F16 || t == RD_BF16;
}

/* Is input k there, and more read of it than its element type or its shape? */
static bool reads(const struct rd_graph_node *node, int k)
{
    return node->input[k] >= 0 && !(k < 32 && node->row && node->row->types >> k & 1) &&
           !(k == 0 && node->row && node->row->shape_only);
}

/* Why a node, some of whose inputs depend on a graph input, passes no gradient on; NULL when it
 * does, or when types are not known before the model runs (behind SequenceAt): then the run will
 * say, for what turns out to be integers is a constant. */
static const char *stops(
    const struct rd_graph *g, const struct rd_graph_node *node, const bool *depends)
{
    bool known = false;

    for (int k = 0; k < node->n_outputs; k++)
        known = known || (node->output[k] >= 0 && g->value[node->output[k]].dtype);
    if (!node->row->backward)
        return known ? "has no gradient" : NULL;
    for (int k = 0; k < node->n_inputs; k++) {
        if (!reads(node, k) || !depends[node->input[k]] || !g->value[node->input[k]].dtype)
            continue;
        if ((k > 31 || !(node->row->grad_in >> k & 1)) && node->row->grad_in != RD_GRAD_ALL)
            return "has no gradient for one of its inputs that depends on the model's input";
    }
    return NULL;
}

/* What depends on the flagged inputs, in the eyes of the calculus; integers, truth values and what
 * is flat (Round, Sign) are constants, unknown types wait. */
static void follow(const struct rd_graph *g, bool *depends)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct rd_graph_node *node = &g->node[i];
        bool any = false;

        for (int k = 0; k < node->n_inputs; k++)
            any = any || (reads(node, k) && depends[node->input[k]]);
        any = any && !node->row->surrogate;
        for (int k = 0; k < node->n_outputs; k++) {
            const struct rd_graph_value *v =
                node->output[k] < 0 ? NULL : &g->value[node->output[k]];

            if (v && !v->weight && any) /* what is flagged already stays so */
                depends[node->output[k]] =
                    depends[node->output[k]] ||
                    (is_float(v->dtype) || !v->dtype || rd_dtype_is_boxed(v->dtype));
        }
    }
}

static void lead_back(const struct rd_graph *g, bool *wanted)
{
    for (size_t i = g->n_nodes; i-- > 0;) {
        const struct rd_graph_node *node = &g->node[i];
        bool any = false;

        for (int k = 0; k < node->n_outputs; k++)
            any = any || (node->output[k] >= 0 && wanted[node->output[k]]);
        for (int k = 0; k < node->n_inputs; k++)
            if (any && reads(node, k))
                wanted[node->input[k]] = true;
    }
}

static rd_status first_stop(const struct rd_graph *g, bool *depends, bool *wanted,
    struct rd_arena *arena, const char **why_out, struct rd_error *err);

/* The first node inside a subgraph of node i that stops a gradient; depends: of the graph around.
 */
static rd_status inside(const struct rd_graph *g, size_t i, const bool *depends,
    struct rd_arena *arena, const char **why_out, struct rd_error *err)
{
    const struct rd_graph_node *node = &g->node[i];
    char label[160];

    for (size_t a = 0; a < node->n_attrs; a++)
        for (size_t b = 0; node->attr[a].graphs && b < node->attr[a].n; b++) {
            const struct rd_graph *body = node->attr[a].graphs[b];
            bool *in = RD_NEW_ARRAY(arena, bool, body->n_values);
            bool *out = RD_NEW_ARRAY(arena, bool, body->n_values);
            const size_t n_formal = body->n_inputs - body->n_captures;
            bool taken = false;
            rd_status st;

            if (!in || !out)
                return RD_FAIL(err, RD_E_MEMORY, "no memory to look into a subgraph");
            for (size_t k = 0; k < body->n_captures; k++) {
                const bool d = depends[node->input[body->capture[k]]];

                in[body->input[n_formal + k]] = d;
                taken = taken || d;
            }
            for (size_t k = 0; k < n_formal; k++) { /* what is taken may come round as well */
                const enum rd_dtype t = body->value[body->input[k]].dtype;
                const int around = k < (size_t)node->n_inputs ? node->input[k] : -1;

                in[body->input[k]] = (taken || (around >= 0 && depends[around])) &&
                                     (is_float(t) || !t || rd_dtype_is_boxed(t));
            }
            for (size_t k = 0; k < body->n_outputs; k++)
                out[body->output[k]] = true;
            st = first_stop(body, in, out, arena, why_out, err);
            if (st)
                return st;
            if (!*why_out)
                continue;
            *why_out = rd_arena_printf(arena, "node %s: inside it, %s",
                rd_graph_node_label(g, i, label, sizeof(label)), *why_out);
            return *why_out ? RD_OK : RD_FAIL(err, RD_E_MEMORY, "no memory for a message");
        }
    return RD_OK;
}

/* depends and wanted: the flagged inputs and outputs; filled up. Subgraphs nest within bounds. */
static rd_status first_stop(const struct rd_graph *g, bool *depends, bool *wanted,
    struct rd_arena *arena, const char **why_out, struct rd_error *err)
{
    char label[160];

    *why_out = NULL;
    follow(g, depends);
    lead_back(g, wanted);
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct rd_graph_node *node = &g->node[i];
        bool from = false, to = false;
        const char *why;
        rd_status st;

        for (int k = 0; k < node->n_inputs; k++)
            from = from || (node->input[k] >= 0 && depends[node->input[k]]);
        for (int k = 0; k < node->n_outputs; k++)
            to =
                to || (node->output[k] >= 0 && wanted[node->output[k]] && depends[node->output[k]]);
        if (!from || !to)
            continue;
        why = stops(g, node, depends);
        if (why) {
            *why_out = rd_arena_printf(
                arena, "node %s %s", rd_graph_node_label(g, i, label, sizeof(label)), why);
            return *why_out ? RD_OK : RD_FAIL(err, RD_E_MEMORY, "no memory for a message");
        }
        st = inside(g, i, depends, arena, why_out, err);
        if (st || *why_out)
            return st;
    }
    return RD_OK;
}

rd_status rd_graph_not_differentiable_at(const struct rd_graph *graph, const int *value, size_t n,
    struct rd_arena *arena, const char **why_out, struct rd_error *err)
{
    bool *depends = RD_NEW_ARRAY(arena, bool, graph->n_values);
    bool *wanted = RD_NEW_ARRAY(arena, bool, graph->n_values);
    char safe[160];
    rd_status st;

    *why_out = NULL;
    if (!depends || !wanted)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to look at %zu values", graph->n_values);
    wanted[graph->output[0]] = true;
    for (size_t i = 0; i < n && !*why_out; i++) {
        const int v = value[i];

        memset(depends, 0, graph->n_values * sizeof *depends);
        depends[v] = true;
        st = first_stop(graph, depends, wanted, arena, why_out, err);
        if (st)
            return st;
        if (*why_out || depends[graph->output[0]])
            continue;
        *why_out = rd_arena_printf(arena, "the first output depends on '%s' by no way of floats",
            rd_text_safe_in(safe, sizeof safe, graph->value[v].name));
        if (!*why_out)
            return RD_FAIL(err, RD_E_MEMORY, "no memory for a message");
    }
    return RD_OK;
}

rd_status rd_graph_not_differentiable(const struct rd_graph *graph, struct rd_arena *arena,
    const char **why_out, struct rd_error *err)
{
    bool *depends = RD_NEW_ARRAY(arena, bool, graph->n_values);
    bool *wanted = RD_NEW_ARRAY(arena, bool, graph->n_values);
    char label[160];
    rd_status st;

    *why_out = NULL;
    if (!depends || !wanted)
        return RD_FAIL(err, RD_E_MEMORY, "no memory to look at %zu values", graph->n_values);
    for (size_t i = 0; i < graph->n_inputs; i++)
        depends[graph->input[i]] = is_float(graph->value[graph->input[i]].dtype);
    wanted[graph->output[0]] = true;
    st = first_stop(graph, depends, wanted, arena, why_out, err);
    if (st || *why_out)
        return st;
    if (depends[graph->output[0]])
        return RD_OK;
    *why_out = "the first output depends on no input of a float type";
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct rd_graph_node *node = &graph->node[i];
        bool from = false;

        for (int k = 0; k < node->n_inputs; k++)
            from = from || (node->input[k] >= 0 && depends[node->input[k]]);
        for (int k = 0; k < node->n_outputs && from; k++) {
            if (node->output[k] < 0 || !wanted[node->output[k]] || depends[node->output[k]])
                continue;
            *why_out = rd_arena_printf(arena,
                node->row->surrogate ? "node %s is flat: its gradient is 0 wherever it has one"
                                     : "node %s gives integers, which have no gradient",
                rd_graph_node_label(graph, i, label, sizeof(label)));
            return *why_out ? RD_OK : RD_FAIL(err, RD_E_MEMORY, "no memory for a message");
        }
    }
    return RD_OK;
}

bool rd_graph_ends_in_softmax(const struct rd_graph *graph)
{
    int v = graph->output[0];

    while (graph->value[v].producer >= 0) {
        const struct rd_graph_node *node = &graph->node[graph->value[v].producer];

        if (!strcmp(node->op, "Softmax"))
            return graph->value[v].ndim == 2;
        if (!node->row->view || node->n_inputs < 1 || node->input[0] < 0)
            return false;
        v = node->input[0];
    }
    return false;
}
