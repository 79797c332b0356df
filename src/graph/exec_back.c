/* exec_back.c - backward through a kept pass, node by node, and through the kept runs of its
 * subgraphs. */
#include "graph/exec_impl.h"

#include "graph/op_body.h"
#include "tensor/boxed.h"

#include <string.h>

struct back {
    struct rd_exec_pass *p;
    struct rd_arena *arena;
    bool *needs;             /* per value: its gradient leads to a wanted one */
    struct rd_tensor **grad; /* per value; NULL: zero so far */
    const struct rd_tensor **dout;
    struct rd_tensor **din;
    const bool *want; /* per value: who asks for it; NULL: inputs */
    void **lent; /* per value: its gradient's buffer, of the pass; NULL: in an arena, or none */
};

/* Of a sequence: one without items so far, in the arena of the whole backward pass. */
static rd_status new_box(struct back *b, int v)
{
    const struct rd_boxed *like = rd_boxed_of(&b->p->t[v]);
    const size_t before = b->p->back_arena->used;
    const struct rd_boxed *box = rd_boxed_new(b->p->back_arena, like->item_dtype, like->n);

    if (box)
        b->grad[v] = rd_boxed_tensor(b->p->back_arena, b->p->t[v].dtype, box);
    if (!box || !b->grad[v])
        return RD_FAIL(b->p->err, RD_E_MEMORY, "no memory for a gradient");
    b->p->budget->live += b->p->back_arena->used - before;
    return RD_OK;
}

/* fresh_out: NULL: it is to be zeros; else it may be undefined, which *fresh_out then tells. */
static rd_status new_grad(struct back *b, int v, bool *fresh_out)
{
    struct rd_tensor *t;

    if (rd_boxed_of(&b->p->t[v]))
        return new_box(b, v);
    t = RD_NEW(b->arena, struct rd_tensor);
    if (t && b->p->exec->graph->value[v].producer >= 0 && !(b->want && b->want[v])) {
        /* on the way only: let go behind its node */
        rd_status st;

        *t = b->p->t[v];
        st = exec_grab(b->p, rd_tensor_bytes(t), &t->data);
        if (st)
            return st;
        if (fresh_out)
            *fresh_out = true;
        else
            memset(t->data, 0, rd_tensor_bytes(t));
        b->lent[v] = t->data;
        b->grad[v] = t;
        return RD_OK;
    }
    if (t) {
        *t = b->p->t[v];
        t->data = rd_arena_alloc(b->arena, rd_tensor_bytes(t), 1); /* zeroed */
    }
    if (!t || !t->data)
        return RD_FAIL(b->p->err, RD_E_MEMORY, "no memory for a gradient");
    b->p->budget->live += rd_tensor_bytes(t);
    b->p->grad_bytes += rd_tensor_bytes(t);
    if (b->p->budget->live > b->p->budget->ceiling)
        return RD_FAIL(b->p->err, RD_E_LIMIT,
            "gradients take more than the %zu bytes that this model may use",
            b->p->budget->ceiling);
    b->grad[v] = t;
    return RD_OK;
}

/* The gradients of a node's outputs are of no use behind it, unless somebody asked for them. */
static void let_outputs_go(struct back *b, const struct rd_graph_node *node)
{
    for (int k = 0; k < node->n_outputs; k++) {
        const int v = node->output[k];

        if (v < 0 || !b->lent[v])
            continue;
        exec_let_go(b->p, b->lent[v]);
        b->lent[v] = NULL;
        b->grad[v] = NULL;
    }
}

/*
 * Which input's gradient is the output's as it is: a view's, and one of a sum's. -1: none. It must
 * lead somewhere, and be asked for by nobody.
 */
static int passes_on(const struct back *b, const struct rd_graph_node *node)
{
    const struct rd_graph_value *value = b->p->exec->graph->value;
    const bool sum = !strcmp(node->row->op, "Add") && !*node->row->domain;
    const int to = node->n_outputs == 1 ? node->output[0] : -1;

    if ((!node->row->view && !sum) || to < 0 || !b->lent[to] || !node->row->backward)
        return -1;
    for (int k = 0; k < (sum ? 2 : 1) && k < node->n_inputs; k++) {
        const int v = node->input[k];

        if (v >= 0 && b->needs[v] && !b->grad[v] && value[v].producer >= 0 &&
            !(b->want && b->want[v]) && (node->row->grad_in >> k & 1) &&
            b->p->t[v].dtype == b->p->t[to].dtype &&
            rd_tensor_bytes(&b->p->t[v]) == rd_tensor_bytes(b->grad[to]) &&
            (!sum || node->input[0] != node->input[1]))
            return k;
    }
    return -1;
}

static void pass_on(struct back *b, int to, int from)
{
    struct rd_tensor *t = b->grad[to];

    *t = b->p->t[from];
    t->data = b->lent[to];
    b->grad[from] = t;
    b->lent[from] = b->lent[to];
    b->grad[to] = NULL;
    b->lent[to] = NULL;
}

/* Does input k want a gradient? One of which only the element type is read has none to give. */
static bool needed(const struct back *b, const struct rd_graph_node *node, int k)
{
    const int v = node->input[k];

    return v >= 0 && b->needs[v] && !(k < 32 && node->row->types >> k & 1);
}

static rd_status back_node(struct back *b, size_t index)
{
    struct rd_exec_pass *p = b->p;
    const struct rd_graph_node *node = &p->exec->graph->node[index];
    struct rd_op_call c = { .node = node,
        .in = p->in,
        .out = p->out,
        .dout = b->dout,
        .din = b->din,
        .kernels = p->exec->kernels,
        .saved = p->saved[index],
        .err = p->err,
        .flow = node->row->control ? &exec_flow : NULL,
        .runner = p };
    bool any_out = false, any_in = false;
    rd_status st = RD_OK;
    int passed;

    for (int k = 0; k < node->n_outputs; k++) {
        const int v = node->output[k];

        p->out[k] = v < 0 ? NULL : &p->t[v];
        b->dout[k] = v < 0 ? NULL : b->grad[v];
        any_out = any_out || b->dout[k];
    }
    if (!any_out)
        return RD_OK;
    passed = passes_on(b, node);
    for (int k = 0; k < node->n_inputs && !st; k++) {
        const int v = node->input[k];

        p->in[k] = v < 0 ? NULL : &p->t[v];
        b->din[k] = NULL;
        if (!needed(b, node, k) || k == passed)
            continue;
        any_in = true;
        if (!node->row->backward ||
            (node->row->grad_in != RD_GRAD_ALL && (k > 31 || !(node->row->grad_in >> k & 1))))
            return RD_FAIL(p->err, RD_E_USAGE, "%s has no gradient for its input %d", node->op, k);
        if (!b->grad[v]) {
            bool fresh = false;

            st = new_grad(b, v, k < 32 && (node->row->sets >> k & 1) ? &fresh : NULL);
            c.fresh |= fresh ? 1u << k : 0;
        }
        b->din[k] = b->grad[v];
    }
    if (!st && !any_in && passed >= 0)
        pass_on(b, node->output[0], node->input[passed]);
    if (st || !any_in)
        return st;
    if (node->row->scratch) {
        c.scratch_size = node->row->scratch(&c);
        st = exec_scratch(p, c.scratch_size);
        if (st)
            return st;
        c.scratch = p->scratch;
    }
    c.text = p->back_arena;
    if (!node->row->control) { /* gradients of items live as long as the whole pass */
        const size_t before = c.text->used;

        st = node->row->backward(&c);
        p->budget->live += c.text->used - before;
        if (!st && passed >= 0)
            pass_on(b, node->output[0], node->input[passed]);
        return st;
    }
    p->index = index;
    p->back = &c;
    st = node->row->backward(&c);
    p->back = NULL;
    exec_free_ring(p, &p->held);
    return st;
}

/* Integers and truth values are constants to the calculus: no gradient goes through. Boxes of
 * floats are none, so that an error tells who has no gradient for them. */
bool exec_carries(const struct rd_tensor *t)
{
    const struct rd_boxed *box = rd_boxed_of(t);

    return exec_is_float(t->dtype) ||
           (box && (exec_is_float(box->item_dtype) || rd_dtype_is_boxed(box->item_dtype)));
}

rd_status exec_pass_back(struct rd_exec_pass *pass, const struct rd_tensor *const *cotangent,
    const bool *want, struct rd_arena *arena, struct rd_tensor **grad)
{
    const struct rd_exec *exec = pass->exec;
    const struct rd_graph *g = exec->graph;
    struct rd_error *err = pass->err;
    struct back b = { .p = pass, .arena = arena, .grad = grad, .want = want };
    rd_status st = RD_OK;

    pass->grad_bytes = 0;
    b.needs = RD_NEW_ARRAY(arena, bool, g->n_values);
    b.dout = RD_NEW_ARRAY(arena, const struct rd_tensor *, exec->widest_out);
    b.din = RD_NEW_ARRAY(arena, struct rd_tensor *, exec->widest_in);
    b.lent = RD_NEW_ARRAY(arena, void *, g->n_values);
    if (!b.needs || !b.dout || !b.din || !b.lent)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for gradients");
    memset(grad, 0, g->n_values * sizeof(*grad));
    for (size_t v = 0; want && v < g->n_values; v++)
        b.needs[v] = want[v];
    for (size_t i = 0; i < g->n_inputs && !want; i++)
        b.needs[g->input[i]] = exec_is_float(g->value[g->input[i]].dtype);
    for (size_t v = 0; v < g->n_values && !st; v++)
        if (b.needs[v])
            st = new_grad(&b, (int)v, NULL);
    for (size_t i = 0; i < g->n_nodes; i++) {
        bool any = false;

        for (int k = 0; k < g->node[i].n_inputs; k++)
            any = any || needed(&b, &g->node[i], k);
        for (int k = 0; k < g->node[i].n_outputs; k++)
            if (any && g->node[i].output[k] >= 0 && exec_carries(&pass->t[g->node[i].output[k]]))
                b.needs[g->node[i].output[k]] = true;
    }
    for (size_t i = 0; i < g->n_outputs && !st; i++) {
        const struct rd_tensor *c = cotangent[i];
        const int v = g->output[i];

        if (!c)
            continue;
        if (rd_boxed_of(c) && pass->budget != &pass->own) { /* of the run around */
            st = b.grad[v] ? RD_OK : new_grad(&b, v, NULL);
            if (!st)
                rd_grad_add(b.grad[v], c);
            continue;
        }
        if (c->dtype != pass->t[v].dtype || c->ndim != pass->t[v].ndim ||
            memcmp(c->dim, pass->t[v].dim, (size_t)c->ndim * sizeof(*c->dim)) ||
            !exec_is_float(c->dtype))
            st = RD_FAIL(err, RD_E_USAGE,
                "cotangent %zu has not the float type and shape of output %zu", i, i);
        else if (!b.grad[v])
            st = new_grad(&b, v, NULL);
        if (st)
            break;
        for (size_t k = 0, n = rd_tensor_count(c); k < n; k++) { /* two outputs may be one value */
            if (c->dtype == RD_F32)
                ((float *)b.grad[v]->data)[k] += ((const float *)c->data)[k];
            else if (c->dtype == RD_F64)
                ((double *)b.grad[v]->data)[k] += ((const double *)c->data)[k];
        }
        if (c->dtype != RD_F32 && c->dtype != RD_F64)
            st = RD_FAIL(err, RD_E_USAGE,
                "gradients are computed for float32 and float64, not for %s",
                rd_dtype_name(c->dtype));
    }
    for (size_t i = g->n_nodes; i-- > 0 && !st;) {
        st = back_node(&b, i);
        let_outputs_go(&b, &g->node[i]);
        if (st)
            (void)exec_name_node(pass, i, st);
    }
    for (size_t v = 0; v < g->n_values; v++)
        if (b.lent[v]) {
            exec_let_go(pass, b.lent[v]);
            grad[v] = NULL;
        }
    return st;
}

rd_status rd_exec_back(const struct rd_exec *exec, struct rd_exec_pass *pass,
    const struct rd_tensor *const *cotangent, const bool *want, struct rd_arena *arena,
    struct rd_tensor **grad, struct rd_error *err)
{
    (void)exec; /* the pass knows it */
    pass->err = err;
    pass->back_arena = arena;
    return exec_pass_back(pass, cotangent, want, arena, grad);
}
