/*
 * trees_xgboost.c - XGBoost's model document (JSON, or UBJ made JSON by ubj.c) as a graph.
 *
 * Boosters gbtree, dart (leaves times weight_drop) and gblinear. A row goes left when its feature
 * is below the split (strictly, float32), or its category is not in the node's set; a missing one
 * (NaN) as default_left says. What is added first, base_score, is written as the objective gives
 * it out: logistic and exponential ones are turned back into margins. Where training stopped early
 * (attribute best_iteration) the trees behind the best one are left out, as the library's
 * scikit-learn interface and its exporters do. multi:softmax answers the class, and behind it
 * the probabilities. Leaves of several numbers (multi_strategy=multi_output_tree) lie in
 * leaf_weights, by the index that a leaf has in the place of its right child, and before XGBoost 3
 * in base_weights. Sums are in float64, the library's in float32.
 *
 * Source: XGBoost's documentation "Introduction to Model IO" and its JSON schema; files of 1.7 to
 * 3.2.
 */
#include "graph/forest.h"

#include "base/alloc.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

enum { SHOWN = 60 };

static const struct objective {
    const char *name;
    enum rd_forest_end end;
    enum { ALREADY_MARGIN, FROM_LOGISTIC, FROM_EXP } base;
} objectives[] = {
    { "binary:logistic", RD_FOREST_SIGMOID, FROM_LOGISTIC },
    { "binary:logitraw", RD_FOREST_NONE, ALREADY_MARGIN },
    { "reg:logistic", RD_FOREST_SIGMOID, FROM_LOGISTIC },
    { "multi:softprob", RD_FOREST_SOFTMAX, ALREADY_MARGIN },
    { "multi:softmax", RD_FOREST_CLASS, ALREADY_MARGIN },
    { "reg:squarederror", RD_FOREST_NONE, ALREADY_MARGIN },
    { "reg:linear", RD_FOREST_NONE, ALREADY_MARGIN },
    { "reg:squaredlogerror", RD_FOREST_NONE, ALREADY_MARGIN },
    { "reg:absoluteerror", RD_FOREST_NONE, ALREADY_MARGIN },
    { "reg:pseudohubererror", RD_FOREST_NONE, ALREADY_MARGIN },
    { "reg:quantileerror", RD_FOREST_NONE, ALREADY_MARGIN },
    { "reg:expectileerror", RD_FOREST_NONE, ALREADY_MARGIN },
    { "binary:hinge", RD_FOREST_STEP, ALREADY_MARGIN },
    { "survival:cox", RD_FOREST_EXP, FROM_EXP },
    { "survival:aft", RD_FOREST_EXP, FROM_EXP },
    { "count:poisson", RD_FOREST_EXP, FROM_EXP },
    { "reg:gamma", RD_FOREST_EXP, FROM_EXP },
    { "reg:tweedie", RD_FOREST_EXP, FROM_EXP },
    { "rank:pairwise", RD_FOREST_NONE, ALREADY_MARGIN },
    { "rank:ndcg", RD_FOREST_NONE, ALREADY_MARGIN },
    { "rank:map", RD_FOREST_NONE, ALREADY_MARGIN },
};

struct booster {
    struct rd_forest *f;
    const struct objective *objective;
    const double *base; /* margins, one a target */
    size_t tree;        /* read now */
};

/* A list of the tree with n entries. */
static rd_status list(const struct booster *b, const struct rd_doc *tree, const char *key, size_t n,
    const struct rd_doc **out)
{
    *out = rd_doc_get(tree, key);
    if (!*out || (*out)->kind != RD_DOC_LIST)
        return RD_FAIL(b->f->err, RD_E_INPUT, "tree %zu has no list '%s'", b->tree, key);
    if ((*out)->n != n)
        return RD_FAIL(b->f->err, RD_E_INPUT, "tree %zu: '%s' has %zu entries for %zu nodes",
            b->tree, key, (*out)->n, n);
    return RD_OK;
}

static bool truth(const struct rd_doc *d, bool *out)
{
    int64_t v;

    if (rd_doc_bool(d, out))
        return true;
    if (!rd_forest_int(d, &v) || v < 0 || v > 1)
        return false;
    *out = v;
    return true;
}

struct tree {
    size_t n;
    const struct rd_doc *left, *right, *feature, *split, *otherwise, *kind;
    int64_t *set, *set_n; /* per node: where its categories begin, how many; NULL: no sets */
    int64_t *category;
    size_t n_categories;
    int64_t *ref;              /* per node: as a child */
    size_t vector;             /* numbers of a leaf: 1, or one a target */
    const struct rd_doc *wide; /* where they are, when there are several */
    bool by_leaf;              /* by the index of the leaf, not of the node */
    size_t *todo;
};

static rd_status sets(const struct booster *b, const struct rd_doc *doc, struct tree *t)
{
    const struct rd_doc *nodes = rd_doc_get(doc, "categories_nodes"), *first, *size;
    const struct rd_doc *category = rd_doc_get(doc, "categories");
    rd_status st;

    if (!nodes || nodes->kind != RD_DOC_LIST || !nodes->n)
        return RD_OK;
    if (!category || category->kind != RD_DOC_LIST)
        return RD_FAIL(b->f->err, RD_E_INPUT, "tree %zu has no list 'categories'", b->tree);
    st = list(b, doc, "categories_segments", nodes->n, &first);
    if (!st)
        st = list(b, doc, "categories_sizes", nodes->n, &size);
    if (st)
        return st;
    t->n_categories = category->n;
    t->category = rd_alloc((category->n + 1) * sizeof(*t->category));
    t->set = rd_alloc(t->n * sizeof(*t->set));
    t->set_n = rd_alloc(t->n * sizeof(*t->set_n));
    if (!t->category || !t->set || !t->set_n)
        return RD_FAIL(b->f->err, RD_E_MEMORY, "no memory for tree %zu", b->tree);
    memset(t->set_n, 0, t->n * sizeof(*t->set_n));
    for (size_t i = 0; i < category->n; i++)
        if (!rd_forest_int(&category->item[i], &t->category[i]) || t->category[i] < 0 ||
            t->category[i] >= RD_FOREST_FEATURES)
            return RD_FAIL(b->f->err, RD_E_INPUT, "tree %zu: category %zu is none", b->tree, i);
    for (size_t i = 0; i < nodes->n; i++) {
        int64_t node, at, n;

        if (!rd_forest_int(&nodes->item[i], &node) || node < 0 || (uint64_t)node >= t->n ||
            !rd_forest_int(&first->item[i], &at) || at < 0 || !rd_forest_int(&size->item[i], &n) ||
            n < 0 || (uint64_t)at > category->n || (uint64_t)n > category->n - (uint64_t)at ||
            t->set_n[node])
            return RD_FAIL(b->f->err, RD_E_INPUT, "tree %zu: set %zu of categories is out of range",
                b->tree, i);
        t->set[node] = at;
        t->set_n[node] = n;
        for (int64_t k = at + 1; k < at + n; k++)
            if (t->category[k] <= t->category[k - 1])
                return RD_FAIL(
                    b->f->err, RD_E_INPUT, "tree %zu: set %zu does not ascend", b->tree, i);
    }
    return RD_OK;
}

/* A leaf with a number for each target. */
static rd_status wide_leaf(
    const struct booster *b, struct tree *t, int64_t i, double scale, int64_t *out)
{
    int64_t at = i;
    double v;

    if (t->by_leaf && (!rd_forest_int(&t->right->item[i], &at) || at < 0 ||
                          (uint64_t)at >= t->wide->n / t->vector))
        return RD_FAIL(
            b->f->err, RD_E_INPUT, "tree %zu: leaf %lld has no weights", b->tree, (long long)i);
    for (size_t k = 0; k < t->vector; k++) {
        if (!rd_forest_real(&t->wide->item[(size_t)at * t->vector + k], &v))
            return RD_FAIL(b->f->err, RD_E_INPUT, "tree %zu: leaf %lld is no finite number",
                b->tree, (long long)i);
        v = (double)(float)v * scale;
        if (k)
            rd_forest_leaf_more(b->f, (int64_t)k, v);
        else
            *out = t->ref[i] = rd_forest_leaf(b->f, 0, v);
    }
    return RD_OK;
}

/* Where the leaves' numbers are, when these are several. */
static rd_status wide_leaves(const struct booster *b, const struct rd_doc *doc, struct tree *t)
{
    int64_t vector = 1;

    t->vector = 1;
    if (!rd_forest_int(rd_doc_get(rd_doc_get(doc, "tree_param"), "size_leaf_vector"), &vector) ||
        vector <= 1)
        return RD_OK;
    if (vector != b->f->targets)
        return RD_FAIL(b->f->err, RD_E_INPUT, "tree %zu has leaves of %lld numbers for %lld scores",
            b->tree, (long long)vector, (long long)b->f->targets);
    t->vector = (size_t)vector;
    t->wide = rd_doc_get(doc, "leaf_weights");
    t->by_leaf = t->wide;
    if (t->by_leaf && (t->wide->kind != RD_DOC_LIST || t->wide->n % t->vector))
        return RD_FAIL(b->f->err, RD_E_INPUT, "tree %zu: 'leaf_weights' does not divide by %zu",
            b->tree, t->vector);
    if (t->by_leaf)
        return RD_OK;
    t->wide = rd_doc_get(doc, "base_weights");
    if (t->wide && t->wide->kind == RD_DOC_LIST && t->wide->n / t->vector == t->n &&
        !(t->wide->n % t->vector))
        return RD_OK;
    return RD_FAIL(b->f->err, RD_E_INPUT,
        "tree %zu has neither 'leaf_weights' nor 'base_weights' for leaves of %zu numbers", b->tree,
        t->vector);
}

/* The child a node of the file has become: its leaf, or a node that is to be set later. */
static rd_status child(const struct booster *b, struct tree *t, int64_t i, double scale,
    int64_t target, size_t *todo_n, int64_t *out)
{
    int64_t left;
    double v;

    if (i < 0 || (uint64_t)i >= t->n || t->ref[i] != INT64_MAX)
        return RD_FAIL(b->f->err, RD_E_INPUT,
            "tree %zu: node %lld is out of range or has two parents", b->tree, (long long)i);
    if (!rd_forest_int(&t->left->item[i], &left))
        return RD_FAIL(
            b->f->err, RD_E_INPUT, "tree %zu: node %lld has no left child", b->tree, (long long)i);
    if (left == -1 && t->vector > 1)
        return wide_leaf(b, t, i, scale, out);
    if (left == -1) {
        if (!rd_forest_real(&t->split->item[i], &v))
            return RD_FAIL(b->f->err, RD_E_INPUT, "tree %zu: leaf %lld is no finite number",
                b->tree, (long long)i);
        *out = t->ref[i] = rd_forest_leaf(b->f, target, (double)(float)v * scale);
        return RD_OK;
    }
    *out = t->ref[i] = (int64_t)rd_forest_reserve(b->f, 1);
    t->todo[(*todo_n)++] = (size_t)i;
    return RD_OK;
}

static rd_status split(
    const struct booster *b, struct tree *t, size_t i, double scale, int64_t target, size_t *todo_n)
{
    struct rd_forest *f = b->f;
    struct rd_forest_node n = { .mode = RD_TREE_LT };
    int64_t left, right, kind = 0;
    bool to_left;
    rd_status st;

    if (!rd_forest_int(&t->left->item[i], &left) || !rd_forest_int(&t->right->item[i], &right) ||
        !rd_forest_int(&t->feature->item[i], &n.feature) ||
        !truth(&t->otherwise->item[i], &to_left) ||
        (t->kind && (!rd_forest_int(&t->kind->item[i], &kind) || kind < 0 || kind > 1)) ||
        (!kind && !rd_forest_real(&t->split->item[i], &n.threshold))) /* of a set: maybe NaN */
        return RD_FAIL(f->err, RD_E_INPUT, "tree %zu: node %zu is malformed", b->tree, i);
    st = child(b, t, left, scale, target, todo_n, &n.yes);
    if (!st)
        st = child(b, t, right, scale, target, todo_n, &n.no);
    if (st)
        return st;
    if (kind) { /* in the set: to the right */
        if (!t->set)
            return RD_FAIL(f->err, RD_E_INPUT, "tree %zu: node %zu has no set", b->tree, i);
        rd_forest_categories(f, (size_t)t->ref[i], n.feature,
            t->category + (t->set_n[i] ? t->set[i] : 0), (size_t)t->set_n[i], false, n.no, n.yes,
            to_left ? n.yes : n.no);
        return RD_OK;
    }
    n.threshold = (double)(float)n.threshold;
    n.missing_yes = to_left;
    rd_forest_set(f, (size_t)t->ref[i], n);
    return RD_OK;
}

static rd_status tree(
    const struct booster *b, const struct rd_doc *doc, double scale, int64_t target)
{
    struct tree t = { .left = rd_doc_get(doc, "left_children") };
    int64_t root = 0;
    size_t todo_n = 0;
    rd_status st = RD_OK;

    if (!t.left || t.left->kind != RD_DOC_LIST || !t.left->n)
        return RD_FAIL(b->f->err, RD_E_INPUT, "tree %zu has no list 'left_children'", b->tree);
    t.n = t.left->n;
    t.kind = rd_doc_get(doc, "split_type");
    st = list(b, doc, "right_children", t.n, &t.right);
    if (!st)
        st = list(b, doc, "split_indices", t.n, &t.feature);
    if (!st)
        st = list(b, doc, "split_conditions", t.n, &t.split);
    if (!st)
        st = list(b, doc, "default_left", t.n, &t.otherwise);
    if (!st && t.kind && t.kind->n)
        st = list(b, doc, "split_type", t.n, &t.kind);
    else
        t.kind = NULL;
    if (!st)
        st = wide_leaves(b, doc, &t);
    if (st)
        return st;
    t.ref = rd_alloc(t.n * sizeof(*t.ref));
    t.todo = rd_alloc(t.n * sizeof(*t.todo));
    if (!t.ref || !t.todo)
        st = RD_FAIL(b->f->err, RD_E_MEMORY, "no memory for tree %zu", b->tree);
    for (size_t i = 0; i < t.n && !st; i++)
        t.ref[i] = INT64_MAX; /* not met yet */
    if (!st)
        st = sets(b, doc, &t);
    if (!st)
        st = child(b, &t, 0, scale, target, &todo_n, &root);
    while (todo_n && !st) {
        const size_t at = t.todo[--todo_n];

        st = split(b, &t, at, scale, target, &todo_n);
    }
    if (!st)
        rd_forest_root(b->f, root);
    rd_free(t.category);
    rd_free(t.set);
    rd_free(t.set_n);
    rd_free(t.ref);
    rd_free(t.todo);
    return st;
}

/* How many trees count: all, or those up to the best iteration. */
static size_t trees_used(
    const struct booster *b, const struct rd_doc *learner, const struct rd_doc *model, size_t n)
{
    const struct rd_doc *first = rd_doc_get(model, "iteration_indptr");
    int64_t best, parallel = 1, end;

    if (!rd_forest_int(rd_doc_get(rd_doc_get(learner, "attributes"), "best_iteration"), &best) ||
        best < 0 || best >= (int64_t)n)
        return n;
    if (first && first->kind == RD_DOC_LIST && first->n) {
        if ((size_t)best + 1 >= first->n || !rd_forest_int(&first->item[best + 1], &end))
            return n;
    } else {
        (void)rd_forest_int(
            rd_doc_get(rd_doc_get(model, "gbtree_model_param"), "num_parallel_tree"), &parallel);
        if (parallel < 1 || parallel > (int64_t)n)
            return n;
        if (b->f->targets > (int64_t)n / parallel / (best + 1))
            return n;
        end = (best + 1) * parallel * b->f->targets;
    }
    return end < 1 || end > (int64_t)n ? n : (size_t)end;
}

static rd_status gbtree(struct booster *b, const struct rd_doc *learner, const struct rd_doc *model,
    const struct rd_doc *drop, struct rd_graph **graph_out)
{
    const struct rd_doc *trees = rd_doc_get(model, "trees"), *info = rd_doc_get(model, "tree_info");
    struct rd_forest *f = b->f;
    rd_status st = RD_OK;
    size_t n;

    if (!trees || trees->kind != RD_DOC_LIST || !info || info->kind != RD_DOC_LIST ||
        info->n != trees->n)
        return RD_FAIL(f->err, RD_E_INPUT, "it has no lists 'trees' and 'tree_info' of one length");
    if (drop && (drop->kind != RD_DOC_LIST || drop->n != trees->n))
        return RD_FAIL(f->err, RD_E_INPUT, "'weight_drop' must have one number for each tree");
    n = trees_used(b, learner, model, trees->n);
    for (b->tree = 0; b->tree < n && !st && !f->failed; b->tree++) {
        int64_t target;
        double scale = 1;

        if (!rd_forest_int(&info->item[b->tree], &target) || target < 0 || target >= f->targets)
            return RD_FAIL(f->err, RD_E_INPUT, "'tree_info' %zu is outside the %lld scores",
                b->tree, (long long)f->targets);
        if (drop && !rd_forest_real(&drop->item[b->tree], &scale))
            return RD_FAIL(f->err, RD_E_INPUT, "'weight_drop' %zu is no finite number", b->tree);
        st = tree(b, &trees->item[b->tree], scale, target);
    }
    if (!st) /* in float64, before all rounding */
        rd_forest_bias(f, b->base);
    return st ? st : rd_forest_graph(f, graph_out);
}

/* weights: features times targets, then a bias for each target. */
static rd_status gblinear(
    struct booster *b, const struct rd_doc *model, struct rd_graph **graph_out)
{
    const struct rd_doc *weights = rd_doc_get(model, "weights");
    struct rd_forest *f = b->f;
    const size_t n = (size_t)f->features * (size_t)f->targets;
    float *w;

    if (!weights || weights->kind != RD_DOC_LIST || weights->n != n + (size_t)f->targets)
        return RD_FAIL(f->err, RD_E_INPUT,
            "'weights' must have (features + 1) times scores entries: %lld + 1 times %lld",
            (long long)f->features, (long long)f->targets);
    w = RD_NEW_ARRAY(f->arena, float, weights->n);
    if (!w)
        return RD_FAIL(f->err, RD_E_MEMORY, "no memory for the weights");
    for (size_t i = 0; i < weights->n; i++) {
        double v;

        if (!rd_forest_real(&weights->item[i], &v))
            return RD_FAIL(f->err, RD_E_INPUT, "weight %zu is no finite number", i);
        w[i] = (float)(i < n ? v : v + b->base[0]); /* the library adds the first to each */
    }
    return rd_forest_linear(f, w, w + n, graph_out);
}

/* "5E-1", "[5E-1]", "[1E0,2E0]" or a list of numbers: margins of every target, in f->arena. */
static rd_status base_score(struct booster *b, const struct rd_doc *d)
{
    struct rd_forest *f = b->f;
    double *base = RD_NEW_ARRAY(f->arena, double, (size_t)f->targets);
    const char *at = d && d->kind == RD_DOC_SCALAR ? d->text : NULL;
    const bool is_list = d && d->kind == RD_DOC_LIST;
    const size_t targets = (size_t)f->targets;
    char one[64];
    size_t n = 0;

    if (!base)
        return RD_FAIL(f->err, RD_E_MEMORY, "no memory for base_score");
    if (at && *at == '[')
        at++;
    while (is_list ? n < d->n : at && *at && *at != ']') {
        const size_t len = is_list ? 0 : strcspn(at, ",]");
        double v;
        bool ok;

        if (is_list) {
            ok = rd_forest_real(&d->item[n], &v);
        } else {
            ok = len < sizeof(one);
            memcpy(one, at, ok ? len : 0);
            one[ok ? len : 0] = '\0';
            ok = ok && rd_text_to_double(one, false, &v);
            at += len + (at[len] == ',');
        }
        if (ok && b->objective->base == FROM_LOGISTIC)
            v = log(v / (1 - v));
        else if (ok && b->objective->base == FROM_EXP)
            v = log(v);
        if (!ok || n >= targets || !isfinite(v))
            return RD_FAIL(f->err, RD_E_INPUT,
                "base_score is not one number, or one for each of the %zu scores, that objective "
                "'%s' can give out",
                targets, b->objective->name);
        base[n++] = v;
    }
    if (n != 1 && n != targets)
        return RD_FAIL(f->err, RD_E_INPUT, "base_score has %zu numbers for %zu scores", n, targets);
    for (size_t k = n; k < targets; k++)
        base[k] = base[0];
    b->base = base;
    return RD_OK;
}

static rd_status objective(struct booster *b, const struct rd_doc *learner)
{
    const struct rd_doc *name = rd_doc_get(rd_doc_get(learner, "objective"), "name");
    const char *text = name ? rd_doc_text(name) : NULL;
    char safe[SHOWN];

    for (size_t i = 0; text && i < sizeof(objectives) / sizeof(*objectives); i++)
        if (!strcmp(text, objectives[i].name))
            b->objective = &objectives[i];
    if (!b->objective)
        return RD_FAIL(b->f->err, RD_E_INPUT, "objective '%s' is not supported",
            rd_text_safe_in(safe, sizeof(safe), text ? text : ""));
    b->f->end = b->objective->end;
    return RD_OK;
}

rd_status rd_xgboost_read(
    struct rd_forest *f, const struct rd_doc *doc, struct rd_graph **graph_out)
{
    const struct rd_doc *learner = rd_doc_get(doc, "learner");
    const struct rd_doc *param = rd_doc_get(learner, "learner_model_param");
    const struct rd_doc *booster = rd_doc_get(learner, "gradient_booster");
    const struct rd_doc *name = rd_doc_get(booster, "name"), *inner = booster;
    const char *kind = name ? rd_doc_text(name) : NULL;
    struct booster b = { .f = f };
    int64_t classes = 0, targets = 1;
    char safe[SHOWN];
    rd_status st;

    f->producer = "xgboost";
    if (!param || !kind || !rd_forest_int(rd_doc_get(param, "num_feature"), &f->features))
        return RD_FAIL(f->err, RD_E_INPUT,
            "it has no learner with learner_model_param, num_feature and a gradient_booster");
    (void)rd_forest_int(rd_doc_get(param, "num_class"), &classes);
    (void)rd_forest_int(rd_doc_get(param, "num_target"), &targets);
    f->targets = classes > 1 ? classes : targets < 1 ? 1 : targets;
    if (f->features < 1 || f->features > RD_FOREST_FEATURES || f->targets > 1 << 16)
        return RD_FAIL(f->err, RD_E_LIMIT,
            "%lld features and %lld scores: 1 to %d and at most 65536 are supported",
            (long long)f->features, (long long)f->targets, RD_FOREST_FEATURES);
    st = objective(&b, learner);
    if (!st)
        st = base_score(&b, rd_doc_get(param, "base_score"));
    if (st)
        return st;
    if (!strcmp(kind, "gblinear"))
        return gblinear(&b, rd_doc_get(booster, "model"), graph_out);
    if (!strcmp(kind, "dart"))
        inner = rd_doc_get(booster, "gbtree");
    else if (strcmp(kind, "gbtree") != 0)
        return RD_FAIL(f->err, RD_E_INPUT, "booster '%s' is not supported",
            rd_text_safe_in(safe, sizeof(safe), kind));
    return gbtree(&b, learner, rd_doc_get(inner, "model"),
        inner == booster ? NULL : rd_doc_get(booster, "weight_drop"), graph_out);
}
