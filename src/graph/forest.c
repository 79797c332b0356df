/* forest.c - trees of other libraries' files as a graph: growing lists, sets as searches, the
 * graph itself. */
#include "graph/forest.h"

#include "base/alloc.h"
#include "base/text.h"
#include "graph/ml.h"
#include "graph/onnx.h"
#include "graph/op.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OPSET = 21, ML_OPSET = 5, IR = 10 };

/* --- growing --- */

/* Room for n more behind count entries of a list. */
static bool room(struct rd_forest *f, void *list, size_t count, size_t n, size_t *cap, size_t size)
{
    void **p = list, *more;
    size_t want = *cap ? *cap : 64;

    if (f->failed)
        return false;
    while (want - count < n)
        want *= 2; /* n is what a file in memory holds: no overflow before the ceiling */
    if (want > f->limits->memory_bytes / size) {
        f->failed = true;
        return false;
    }
    if (want == *cap)
        return true;
    more = rd_realloc(*p, want * size);
    if (!more) {
        f->failed = true;
        return false;
    }
    *p = more;
    *cap = want;
    return true;
}

size_t rd_forest_reserve(struct rd_forest *f, size_t n)
{
    const size_t first = f->n_nodes;

    if (!room(f, &f->node, f->n_nodes, n, &f->cap, sizeof(*f->node)))
        return 0;
    memset(f->node + first, 0, n * sizeof(*f->node));
    f->n_nodes += n;
    return first;
}

void rd_forest_set(struct rd_forest *f, size_t at, struct rd_forest_node node)
{
    if (!f->failed)
        f->node[at] = node;
}

int64_t rd_forest_leaf(struct rd_forest *f, int64_t target, double weight)
{
    if (!room(f, &f->leaf, f->n_leaves, 1, &f->cap_leaves, sizeof(*f->leaf)))
        return RD_TREE_LEAF(0);
    f->leaf[f->n_leaves] = (struct rd_forest_leaf){ .target = target, .weight = weight };
    return RD_TREE_LEAF(f->n_leaves++);
}

void rd_forest_root(struct rd_forest *f, int64_t child)
{
    if (child < 0) { /* TreeEnsemble begins with a node, so it gets one that does not choose */
        const size_t at = rd_forest_reserve(f, 1);

        rd_forest_set(f, at, (struct rd_forest_node){ .yes = child, .no = child });
        child = (int64_t)at;
    }
    if (room(f, &f->root, f->n_roots, 1, &f->cap_roots, sizeof(*f->root)))
        f->root[f->n_roots++] = child;
}

void rd_forest_release(struct rd_forest *f)
{
    rd_free(f->node);
    rd_free(f->leaf);
    rd_free(f->root);
    f->node = NULL;
    f->leaf = NULL;
    f->root = NULL;
}

/* --- pieces of a line --- */

struct pieces {
    struct rd_forest *f;
    int64_t feature;
    const struct rd_forest_bound *bound;
    const int64_t *outcome;
    bool missing_yes;
};

/* The search over bounds first..behind-1, as deep as the logarithm of their number; at -1: a node
 * of its own. */
static int64_t search(const struct pieces *p, int64_t at, size_t first, size_t behind)
{
    const size_t mid = first + (behind - first) / 2;
    struct rd_forest_node n = { .feature = p->feature, .missing_yes = p->missing_yes };

    if (first == behind && at < 0)
        return p->outcome[first];
    if (at < 0)
        at = (int64_t)rd_forest_reserve(p->f, 1);
    if (first == behind) {
        n.yes = n.no = p->outcome[first];
    } else {
        n.threshold = p->bound[mid].at;
        n.mode = p->bound[mid].mode;
        n.yes = search(p, -1, first, mid);
        n.no = search(p, -1, mid + 1, behind);
    }
    rd_forest_set(p->f, (size_t)at, n);
    return at;
}

void rd_forest_pieces(struct rd_forest *f, size_t at, int64_t feature,
    const struct rd_forest_bound *bound, const int64_t *outcome, size_t n_bounds, int64_t nan)
{
    struct pieces p = { .f = f, .feature = feature, .bound = bound, .outcome = outcome };

    p.missing_yes = nan == outcome[0];
    if (nan == outcome[0] || nan == outcome[n_bounds]) { /* at one end: NaN can go with it */
        (void)search(&p, (int64_t)at, 0, n_bounds);
        return;
    }
    rd_forest_set(f, at,
        (struct rd_forest_node){ .feature = feature,
            .mode = RD_TREE_LEQ,
            .threshold = (double)INFINITY,
            .yes = search(&p, -1, 0, n_bounds),
            .no = nan });
}

void rd_forest_categories(struct rd_forest *f, size_t at, int64_t feature, const int64_t *category,
    size_t n, bool negative_cut, int64_t in, int64_t out, int64_t nan)
{
    struct rd_forest_bound *bound = NULL;
    int64_t *outcome = NULL;
    size_t k = 0;

    if (n < SIZE_MAX / 64) {
        bound = rd_alloc((2 * n + 1) * sizeof(*bound));
        outcome = rd_alloc((2 * n + 1) * sizeof(*outcome));
    }
    if (!bound || !outcome) {
        f->failed = true;
    } else {
        for (size_t i = 0; i < n; i++) {
            if (i && category[i] <= category[i - 1] + 1) { /* the run goes on */
                bound[k - 1].at = (double)category[i] + 1;
                continue;
            }
            bound[k] = (struct rd_forest_bound){ .at = (double)category[i], .mode = RD_TREE_LT };
            if (!category[i] && negative_cut)
                bound[k] = (struct rd_forest_bound){ .at = -1, .mode = RD_TREE_LEQ };
            outcome[k++] = out;
            bound[k] =
                (struct rd_forest_bound){ .at = (double)category[i] + 1, .mode = RD_TREE_LT };
            outcome[k++] = in;
        }
        outcome[k] = out;
        rd_forest_pieces(f, at, feature, bound, outcome, k, nan);
    }
    rd_free(bound);
    rd_free(outcome);
}

/* --- the graph --- */

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

static void weight(
    struct making *m, const char *name, int ndim, const int64_t *dim, const float *from)
{
    struct rd_graph_value *v = &m->g->value[m->g->n_values];
    struct rd_tensor *t = tensor(m, RD_F32, ndim, dim);

    if (m->st)
        return;
    memcpy(t->data, from, rd_tensor_count(t) * sizeof(float));
    *v = (struct rd_graph_value){ .name = name, .dtype = RD_F32, .ndim = ndim, .producer = -1 };
    memcpy(v->dim, dim, (size_t)ndim * sizeof(*dim));
    v->weight = t;
    m->g->n_values++;
}

/* A node that gives a new value. */
static struct rd_graph_node *node(struct making *m, const char *op, const char *domain,
    int64_t opset, int in, int more, const char *gives)
{
    struct rd_graph_node *n = &m->g->node[m->g->n_nodes];
    int *input = get(m, 2, sizeof(int)), *output = get(m, 1, sizeof(int));

    if (m->st)
        return n;
    input[0] = in;
    input[1] = more;
    output[0] = (int)m->g->n_values;
    *n = (struct rd_graph_node){ .name = gives,
        .op = op,
        .domain = domain,
        .opset = opset,
        .row = rd_op_find(domain, op, opset, NULL),
        .input = input,
        .output = output,
        .n_inputs = more < 0 ? 1 : 2,
        .n_outputs = 1 };
    if (!n->row)
        m->st = RD_FAIL(m->f->err, RD_E_BUG, "no row for %s", op);
    m->g->value[m->g->n_values++] =
        (struct rd_graph_value){ .name = gives, .ndim = -1, .producer = (int)m->g->n_nodes++ };
    return n;
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

static void ensemble(struct making *m)
{
    const struct rd_forest *f = m->f;
    struct rd_graph_node *to = node(m, "TreeEnsemble", RD_ML_DOMAIN, ML_OPSET, 0, -1, "margins");
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
        yes[i] = n->yes < 0 ? -1 - n->yes : n->yes;
        no[i] = n->no < 0 ? -1 - n->no : n->no;
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
    memcpy(root, f->root, f->n_roots * sizeof(*root));
    *next(m, to, "n_targets") =
        (struct rd_attr){ .name = "n_targets", .type = RD_ATTR_INT, .i = f->targets };
    *next(m, to, "aggregate_function") =
        (struct rd_attr){ .name = "aggregate_function", .type = RD_ATTR_INT, .i = RD_TREE_SUM };
}

/* An empty graph with its input; room for a handful of values and nodes. */
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
    import[1] = (struct rd_graph_import){ .domain = RD_ML_DOMAIN, .version = ML_OPSET };
    m->g->value = get(m, 8, sizeof(*m->g->value));
    m->g->node = get(m, 4, sizeof(*m->g->node));
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

static rd_status finish(struct making *m, struct rd_graph **graph_out)
{
    static const char *const op[] = { NULL, "Sigmoid", "Softmax", "Exp", "Softplus" };
    struct rd_forest *f = m->f;
    struct rd_graph *g = m->g;
    int *input = get(m, 1, sizeof(int)), *output = get(m, 1, sizeof(int));

    if (!m->st && op[f->end])
        (void)node(m, op[f->end], "", OPSET, (int)g->n_values - 1, -1, "scores");
    if (m->st)
        return m->st;
    output[0] = (int)g->n_values - 1;
    g->input = input;
    g->output = output;
    g->n_inputs = g->n_outputs = 1;
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

    if (f->failed)
        return RD_FAIL(f->err, RD_E_MEMORY, "no memory for the trees, or more than the limit");
    if (!f->n_roots)
        return RD_FAIL(f->err, RD_E_INPUT, "it has no trees");
    for (size_t i = 0; i < f->n_nodes; i++)
        if (f->node[i].feature < 0 || f->node[i].feature >= f->features)
            return RD_FAIL(f->err, RD_E_INPUT, "a node reads feature %lld of %lld",
                (long long)f->node[i].feature, (long long)f->features);
    begin(&m);
    if (!m.st)
        ensemble(&m);
    return m.st ? m.st : finish(&m, graph_out);
}

rd_status rd_forest_linear(
    struct rd_forest *f, const float *weights, const float *bias, struct rd_graph **graph_out)
{
    struct making m = { .f = f };

    begin(&m);
    if (m.st)
        return m.st;
    m.g->name = "linear";
    weight(&m, "weight", 2, (int64_t[]){ f->features, f->targets }, weights);
    weight(&m, "bias", 1, (int64_t[]){ f->targets }, bias);
    if (!m.st)
        (void)node(&m, "MatMul", "", OPSET, 0, 1, "product");
    if (!m.st)
        (void)node(&m, "Add", "", OPSET, 3, 2, "margins");
    return m.st ? m.st : finish(&m, graph_out);
}

/* --- numbers of documents --- */

bool rd_forest_real(const struct rd_doc *d, double *out)
{
    const char *text = d ? rd_doc_text(d) : NULL;

    return text && rd_text_to_double(text, false, out);
}

bool rd_forest_int(const struct rd_doc *d, int64_t *out)
{
    const char *text = d ? rd_doc_text(d) : NULL;
    char *end;
    intmax_t v;

    if (!text || !(*text == '-' || (*text >= '0' && *text <= '9')))
        return false;
    errno = 0;
    v = strtoimax(text, &end, 10);
    if (errno || *end || end == text)
        return false;
    *out = v;
    return true;
}
