/*
 * forest_graph.c - trees that were read as a graph: one ensemble, what the library puts behind the
 * scores, and gblinear.
 *
 * TreeEnsemble (ai.onnx.ml 5) has one number a leaf; where leaves have several it is
 * TreeEnsembleRegressor (ai.onnx.ml 3), so that no tree stands there once a score.
 */
#include "graph/forest.h"

#include "graph/ml.h"
#include "graph/onnx.h"
#include "graph/op.h"

#include <string.h>

enum { OPSET = 21, ML_OPSET = 5, ML_OPSET_WIDE = 3, IR = 10, ROOM = 24 };

struct making {
    struct rd_forest *f;
    struct rd_graph *g;
    rd_status st;
};

static void *get(struct making *m, size_t count, size_t size)
{
    void *p = m->st ? NULL : rd_arena_alloc(m->f->arena, count, size);

    if (!p && !m->st)
        m->st = RD_FAIL(m->f->err, RD_E_MEMORY, "no memory for the model");
    return p;
}

static void value(struct making *m, const char *name, int64_t columns)
{
    struct rd_graph_value *v = &m->g->value[m->g->n_values++];

    *v = (struct rd_graph_value){ .name = name, .dtype = RD_F32, .ndim = 2, .producer = -1 };
    v->dim[0] = -1;
    v->dim[1] = columns;
    v->dim_name[0] = "batch";
}

static struct rd_tensor *tensor(struct making *m, enum rd_dtype type, int ndim, const int64_t *dim)
{
    struct rd_tensor *t = NULL;

    if (!m->st)
        m->st = rd_tensor_new(m->f->arena, type, dim, ndim, m->f->limits, &t, m->f->err);
    return t;
}

static int weight(struct making *m, const char *name, enum rd_dtype type, int ndim,
    const int64_t *dim, const void *from)
{
    struct rd_graph_value *v = &m->g->value[m->g->n_values];
    struct rd_tensor *t = tensor(m, type, ndim, dim);

    if (m->st)
        return 0;
    memcpy(t->data, from, rd_tensor_bytes(t));
    *v = (struct rd_graph_value){ .name = name, .dtype = type, .ndim = ndim, .producer = -1 };
    if (ndim) /* a scalar's dim may be NULL */
        memcpy(v->dim, dim, (size_t)ndim * sizeof(*dim));
    v->weight = t;
    return (int)m->g->n_values++;
}

/* A node that gives a new value; of the inputs those below 0 are none. */
static struct rd_graph_node *node(struct making *m, const char *op, const char *domain,
    int64_t opset, const int in[3], const char *gives)
{
    struct rd_graph_node *n = &m->g->node[m->g->n_nodes];
    int *input = get(m, 3, sizeof(int)), *output = get(m, 1, sizeof(int));

    if (m->st)
        return n;
    memcpy(input, in, 3 * sizeof(int));
    output[0] = (int)m->g->n_values;
    *n = (struct rd_graph_node){ .name = gives,
        .op = op,
        .domain = domain,
        .opset = opset,
        .row = rd_op_find(domain, op, opset, NULL),
        .input = input,
        .output = output,
        .n_inputs = in[1] < 0   ? 1
                    : in[2] < 0 ? 2
                                : 3,
        .n_outputs = 1 };
    if (!n->row)
        m->st = RD_FAIL(m->f->err, RD_E_BUG, "no row for %s", op);
    m->g->value[m->g->n_values++] =
        (struct rd_graph_value){ .name = gives, .ndim = -1, .producer = (int)m->g->n_nodes++ };
    return n;
}

/* A node of the plain operators; the number of its value. */
static int plain(struct making *m, const char *op, int a, int b, int c, const char *gives)
{
    (void)node(m, op, "", OPSET, (int[]){ a, b, c }, gives);
    return (int)m->g->n_values - 1;
}

static struct rd_attr *next(struct making *m, struct rd_graph_node *n, const char *name)
{
    struct rd_attr *a = (struct rd_attr *)(uintptr_t)&n->attr[n->n_attrs++];

    (void)m;
    a->name = name;
    return a;
}

/* A list of n integers, to be filled. */
static int64_t *ints(struct making *m, struct rd_graph_node *to, const char *name, size_t n)
{
    int64_t *p = get(m, n, sizeof(*p));
    struct rd_attr *a;

    if (m->st)
        return NULL;
    a = next(m, to, name);
    a->type = RD_ATTR_INTS;
    a->ints = p;
    a->n = n;
    return p;
}

static void *numbers(
    struct making *m, struct rd_graph_node *to, const char *name, enum rd_dtype type, size_t n)
{
    struct rd_tensor *t = tensor(m, type, 1, &(int64_t){ (int64_t)n });
    struct rd_attr *a;

    if (m->st)
        return NULL;
    a = next(m, to, name);
    a->type = RD_ATTR_TENSOR;
    a->tensor = t;
    a->n = 1;
    return t->data;
}

static void number(struct making *m, struct rd_graph_node *to, const char *name, int64_t v)
{
    struct rd_attr *a = next(m, to, name);

    a->type = RD_ATTR_INT;
    a->i = v;
}

/* Leaves of one number: TreeEnsemble. */
static void narrow(struct making *m, int64_t targets)
{
    const struct rd_forest *f = m->f;
    struct rd_graph_node *to =
        node(m, "TreeEnsemble", RD_ML_DOMAIN, ML_OPSET, (int[]){ 0, -1, -1 }, "margins");
    int64_t *feature, *yes, *no, *yes_leaf, *no_leaf, *missing, *target, *root;
    double *split, *leaf_weight;
    uint8_t *mode;

    to->attr = get(m, 13, sizeof(*to->attr));
    feature = ints(m, to, "nodes_featureids", f->n_nodes);
    yes = ints(m, to, "nodes_truenodeids", f->n_nodes);
    no = ints(m, to, "nodes_falsenodeids", f->n_nodes);
    yes_leaf = ints(m, to, "nodes_trueleafs", f->n_nodes);
    no_leaf = ints(m, to, "nodes_falseleafs", f->n_nodes);
    missing = ints(m, to, "nodes_missing_value_tracks_true", f->n_nodes);
    target = ints(m, to, "leaf_targetids", f->n_leaves);
    root = ints(m, to, "tree_roots", f->n_roots);
    split = numbers(m, to, "nodes_splits", RD_F64, f->n_nodes);
    mode = numbers(m, to, "nodes_modes", RD_U8, f->n_nodes);
    leaf_weight = numbers(m, to, "leaf_weights", RD_F64, f->n_leaves);
    if (m->st)
        return;
    for (size_t i = 0; i < f->n_nodes; i++) {
        const struct rd_forest_node *n = &f->node[i];

        feature[i] = n->feature;
        yes[i] = n->yes < 0 ? RD_TREE_LEAF(n->yes) : n->yes;
        no[i] = n->no < 0 ? RD_TREE_LEAF(n->no) : n->no;
        yes_leaf[i] = n->yes < 0;
        no_leaf[i] = n->no < 0;
        missing[i] = n->missing_yes;
        split[i] = n->threshold;
        mode[i] = n->mode;
    }
    for (size_t i = 0; i < f->n_leaves; i++) {
        target[i] = f->leaf[i].target;
        leaf_weight[i] = f->leaf[i].weight;
    }
    for (size_t i = 0; i < f->n_roots; i++)
        root[i] = f->root[i].node;
    number(m, to, "n_targets", targets);
    number(m, to, "aggregate_function", RD_TREE_SUM);
}

struct wide {
    int64_t *tree, *id, *feature, *yes, *no, *missing, *target_tree, *target_id, *target;
    double *split, *weight;
    const char **mode;
    size_t *mode_len;
    int64_t *rank; /* of the leaf that begins with an entry, among the leaves */
    size_t n, n_targets;
};

/* The id of a child; one that is not there keeps a wrong one, which is found where trees are laid
 * out. */
static int64_t wide_id(const struct wide *w, const struct rd_forest *f, int64_t child)
{
    const uint64_t leaf = child < 0 ? (uint64_t)RD_TREE_LEAF(child) : 0;

    if (child >= 0)
        return child;
    return leaf < f->n_leaves ? (int64_t)f->n_nodes + w->rank[leaf] : child;
}

/* A branch, or (n NULL) the leaf that begins with entry i; the id of a leaf lies behind those of
 * all branches, and below the count of all nodes, which ONNX Runtime asks for. */
static void put_wide(struct wide *w, const struct rd_forest *f, size_t tree, size_t i,
    const struct rd_forest_node *n)
{
    const int64_t behind = (int64_t)f->n_nodes;
    const size_t k = w->n++;

    w->tree[k] = (int64_t)tree;
    w->id[k] = n ? (int64_t)i : behind + w->rank[i];
    w->mode[k] = !n ? "LEAF" : n->mode == RD_TREE_LT ? "BRANCH_LT" : "BRANCH_LEQ";
    w->mode_len[k] = strlen(w->mode[k]);
    if (!n)
        return;
    w->feature[k] = n->feature;
    w->yes[k] = wide_id(w, f, n->yes);
    w->no[k] = wide_id(w, f, n->no);
    w->missing[k] = n->missing_yes;
    w->split[k] = n->threshold;
}

/* Leaves of several: TreeEnsembleRegressor. */
static void wide(struct making *m, int64_t targets)
{
    const struct rd_forest *f = m->f;
    struct rd_graph_node *to = node(
        m, "TreeEnsembleRegressor", RD_ML_DOMAIN, ML_OPSET_WIDE, (int[]){ 0, -1, -1 }, "margins");
    struct wide w = { .n = f->n_nodes };
    size_t node_at = 0, leaf_at = 0, head = 0;
    struct rd_attr *a;

    w.rank = get(m, f->n_leaves, sizeof(*w.rank));
    if (m->st)
        return;
    for (size_t i = 0; i < f->n_leaves; i++) {
        w.rank[i] = (int64_t)(w.n - f->n_nodes);
        w.n += !f->leaf[i].more;
    }
    to->attr = get(m, 14, sizeof(*to->attr));
    w.tree = ints(m, to, "nodes_treeids", w.n);
    w.id = ints(m, to, "nodes_nodeids", w.n);
    w.feature = ints(m, to, "nodes_featureids", w.n);
    w.yes = ints(m, to, "nodes_truenodeids", w.n);
    w.no = ints(m, to, "nodes_falsenodeids", w.n);
    w.missing = ints(m, to, "nodes_missing_value_tracks_true", w.n);
    w.target_tree = ints(m, to, "target_treeids", f->n_leaves);
    w.target_id = ints(m, to, "target_nodeids", f->n_leaves);
    w.target = ints(m, to, "target_ids", f->n_leaves);
    w.split = numbers(m, to, "nodes_values_as_tensor", RD_F64, w.n);
    w.weight = numbers(m, to, "target_weights_as_tensor", RD_F64, f->n_leaves);
    w.mode = get(m, w.n, sizeof(*w.mode));
    w.mode_len = get(m, w.n, sizeof(*w.mode_len));
    if (m->st)
        return;
    a = next(m, to, "nodes_modes");
    a->type = RD_ATTR_STRINGS;
    a->strings = w.mode;
    a->strings_len = w.mode_len;
    a->n = w.n;
    w.n = 0;
    for (size_t t = 0; t < f->n_roots; t++) {
        put_wide(&w, f, t, (size_t)f->root[t].node, &f->node[f->root[t].node]); /* leads */
        for (; node_at < f->root[t].behind; node_at++)
            if (node_at != (size_t)f->root[t].node)
                put_wide(&w, f, t, node_at, &f->node[node_at]);
        for (; leaf_at < f->root[t].leaf_behind; leaf_at++) {
            const struct rd_forest_leaf *leaf = &f->leaf[leaf_at];

            if (!leaf->more) {
                head = leaf_at;
                put_wide(&w, f, t, leaf_at, NULL);
            }
            w.target_tree[leaf_at] = (int64_t)t;
            w.target_id[leaf_at] = (int64_t)f->n_nodes + w.rank[head];
            w.target[leaf_at] = leaf->target;
            w.weight[leaf_at] = leaf->weight;
        }
    }
    number(m, to, "n_targets", targets);
}

/* An empty graph with its input; ROOM for values and nodes. */
static void begin(struct making *m)
{
    struct rd_forest *f = m->f;
    struct rd_graph_import *import;

    if (f->features < 1 || f->features > RD_FOREST_FEATURES || f->targets < 1 ||
        f->targets > RD_FOREST_FEATURES) {
        m->st = RD_FAIL(f->err, RD_E_LIMIT,
            "%lld features and %lld scores a row: 1 to %d are supported", (long long)f->features,
            (long long)f->targets, RD_FOREST_FEATURES);
        return;
    }
    m->g = get(m, 1, sizeof(*m->g));
    import = get(m, 2, sizeof(*import));
    if (m->st)
        return;
    import[0] = (struct rd_graph_import){ .domain = "", .version = OPSET };
    import[1] = (struct rd_graph_import){ .domain = RD_ML_DOMAIN,
        .version = f->wide ? ML_OPSET_WIDE : ML_OPSET };
    m->g->value = get(m, ROOM, sizeof(*m->g->value));
    m->g->node = get(m, ROOM, sizeof(*m->g->node));
    m->g->path = rd_arena_strdup(f->arena, f->name);
    m->g->name = "forest";
    m->g->producer_name = f->producer;
    m->g->ir_version = IR;
    m->g->opset = OPSET;
    m->g->import = import;
    m->g->n_imports = 2;
    if (!m->st && !m->g->path)
        m->st = RD_FAIL(f->err, RD_E_MEMORY, "no memory for the model");
    if (!m->st)
        value(m, "features", f->features);
}

/* margins: of each score the sum of features times coefficients; now (batch, (features + 1) scores)
 * of these. */
static int combine(struct making *m, int coefficients)
{
    const struct rd_forest *f = m->f;
    const int64_t shape[3] = { -1, f->features + 1, f->targets }, one = 1, pads[4] = { 0, 0, 0, 1 };
    const float zero = 0, constant = 1;
    const int none = weight(m, "zero", RD_F32, 0, NULL, &zero);
    const int to = weight(m, "shape", RD_I64, 1, (int64_t[]){ 3 }, shape);
    const int pad = weight(m, "pads", RD_I64, 1, (int64_t[]){ 4 }, pads);
    const int fill = weight(m, "one", RD_F32, 0, NULL, &constant);
    const int last = weight(m, "last", RD_I64, 1, (int64_t[]){ 1 }, (int64_t[]){ 2 });
    const int axis = weight(m, "axis", RD_I64, 1, (int64_t[]){ 1 }, &one);
    const int missing = plain(m, "IsNaN", 0, -1, -1, "missing");
    const int known = plain(m, "Where", missing, none, 0, "known");
    const int padded = plain(m, "Pad", known, pad, fill, "with_one");
    const int column = plain(m, "Unsqueeze", padded, last, -1, "column");
    const int by_score = plain(m, "Reshape", coefficients, to, -1, "by_score");
    const int product = plain(m, "Mul", by_score, column, -1, "products");
    const int sum = plain(m, "ReduceSum", product, axis, -1, "linear_margins");

    if (!m->st) {
        struct rd_graph_node *n = &m->g->node[m->g->n_nodes - 1];

        n->attr = get(m, 1, sizeof(*n->attr));
        if (!m->st)
            number(m, n, "keepdims", 0);
    }
    return sum;
}

/* What stands behind the margins; the number of the scores. *label: of the first output, or -1. */
static int end(struct making *m, int margins, int *label)
{
    static const char *const op[] = { [RD_FOREST_SIGMOID] = "Sigmoid",
        [RD_FOREST_SOFTMAX] = "Softmax",
        [RD_FOREST_CLASS] = "Softmax",
        [RD_FOREST_EXP] = "Exp",
        [RD_FOREST_SOFTPLUS] = "Softplus" };
    const float zero = 0, twice[2] = { 1, 2 };
    const uint8_t second[2] = { 0, 1 };
    struct rd_graph_node *n;
    int a, b;

    switch (m->f->end) {
    case RD_FOREST_NONE:
        return margins;
    case RD_FOREST_STEP:
        a = weight(m, "zero", RD_F32, 0, NULL, &zero);
        a = plain(m, "Greater", margins, a, -1, "above");
        a = plain(m, "Cast", a, -1, -1, "scores");
        n = &m->g->node[m->g->n_nodes - 1];
        n->attr = get(m, 1, sizeof(*n->attr));
        if (!m->st)
            number(m, n, "to", 1); /* float32 */
        return a;
    case RD_FOREST_SQUARE:
        a = plain(m, "Abs", margins, -1, -1, "size");
        return plain(m, "Mul", margins, a, -1, "scores");
    case RD_FOREST_UNCERTAINTY:
        a = weight(m, "twice", RD_F32, 1, (int64_t[]){ 2 }, twice);
        b = weight(m, "second", RD_BOOL, 1, (int64_t[]){ 2 }, second);
        a = plain(m, "Mul", margins, a, -1, "logarithm");
        a = plain(m, "Exp", a, -1, -1, "variance");
        return plain(m, "Where", b, a, margins, "scores");
    case RD_FOREST_CLASS:
        *label = plain(m, "ArgMax", margins, -1, -1, "label");
        n = &m->g->node[m->g->n_nodes - 1];
        n->attr = get(m, 2, sizeof(*n->attr));
        if (!m->st) {
            number(m, n, "axis", 1);
            number(m, n, "keepdims", 0);
        }
        break;
    default:
        break;
    }
    return plain(m, op[m->f->end], margins, -1, -1, "scores");
}

static rd_status finish(struct making *m, struct rd_graph **graph_out)
{
    struct rd_forest *f = m->f;
    struct rd_graph *g = m->g;
    int *input = get(m, 1, sizeof(int)), *output = get(m, 2, sizeof(int)), label = -1, scores = 0;

    if (!m->st)
        scores = end(m, (int)g->n_values - 1, &label);
    if (m->st)
        return m->st;
    g->input = input;
    g->output = output;
    g->n_inputs = 1;
    if (label >= 0)
        output[g->n_outputs++] = label;
    output[g->n_outputs++] = scores;
    m->st = rd_graph_infer(g, f->limits, f->arena, f->err);
    if (!m->st)
        m->st = rd_graph_choose(g, f->limits, f->arena, f->err);
    if (!m->st)
        *graph_out = g;
    return m->st;
}

rd_status rd_forest_graph(struct rd_forest *f, struct rd_graph **graph_out)
{
    struct making m = { .f = f };
    int64_t targets = f->targets;

    if (f->failed)
        return RD_FAIL(f->err, RD_E_MEMORY, "no memory for the trees, or more than the limit");
    if (!f->n_roots)
        return RD_FAIL(f->err, RD_E_INPUT, "it has no trees");
    for (size_t i = 0; i < f->n_nodes; i++)
        if (f->node[i].feature < 0 || f->node[i].feature >= f->features)
            return RD_FAIL(f->err, RD_E_INPUT, "a node reads feature %lld of %lld",
                (long long)f->node[i].feature, (long long)f->features);
    begin(&m);
    if (!m.st && f->linear)
        targets *= f->features + 1;
    if (!m.st && f->wide)
        wide(&m, targets);
    else if (!m.st)
        narrow(&m, targets);
    if (!m.st && f->linear)
        (void)combine(&m, (int)m.g->n_values - 1);
    return m.st ? m.st : finish(&m, graph_out);
}

rd_status rd_forest_linear(
    struct rd_forest *f, const float *weights, const float *bias, struct rd_graph **graph_out)
{
    struct making m = { .f = f };
    int w, b;

    begin(&m);
    if (m.st)
        return m.st;
    m.g->name = "linear";
    w = weight(&m, "weight", RD_F32, 2, (int64_t[]){ f->features, f->targets }, weights);
    b = weight(&m, "bias", RD_F32, 1, (int64_t[]){ f->targets }, bias);
    if (!m.st)
        (void)plain(&m, "Add", plain(&m, "MatMul", 0, w, -1, "product"), b, -1, "margins");
    return m.st ? m.st : finish(&m, graph_out);
}
