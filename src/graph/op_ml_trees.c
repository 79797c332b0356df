/*
 * op_ml_trees.c - TreeEnsembleClassifier, TreeEnsembleRegressor, TreeEnsemble: attributes made a
 * forest (trees.h), scores made probabilities and labels.
 *
 * Not differentiable: a step function of its input, whose gradient is zero wherever it exists.
 */
#include "graph/ml.h"
#include "graph/trees.h"

#include <stdlib.h>
#include <string.h>

struct forest {
    const struct rd_trees *trees;
    struct rd_ml_labels labels;
    const double *base; /* n_base: none, one for all, or one a target */
    size_t n_base;
    size_t columns; /* of the scores */
    enum rd_ml_post post;
    /* A classifier of two classes whose leaves name a single one: its score is that of the second
     * class. */
    bool binary, positive; /* positive: no weight is below zero */
};

/* --- the attributes of versions 1 and 3: nodes by (tree, number) --- */

struct node_key {
    int64_t tree, number;
    size_t index;
};

static int by_key(const void *a, const void *b)
{
    const struct node_key *x = a, *y = b;

    if (x->tree != y->tree)
        return x->tree < y->tree ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

struct nodes {
    const struct rd_graph_node *node;
    struct rd_arena *arena; /* of what lasts */
    struct rd_arena own;    /* of what does not */
    struct rd_error *err;
    size_t n;
    const int64_t *tree, *number, *yes, *no;
    struct node_key *key; /* ascending */
    bool *leaf;
    size_t *leaf_of; /* per node: its leaf */
    struct rd_trees_spec spec;
};

/* A list of as many integers as there are nodes. */
static rd_status ints(struct nodes *s, const char *name, bool optional, const int64_t **out)
{
    size_t n;

    *out = rd_op_ints(s->node, name, &n);
    if (optional && !n) {
        *out = NULL;
        return RD_OK;
    }
    if (n != s->n)
        return RD_FAIL(s->err, RD_E_INPUT, "'%s' has %zu entries for %zu nodes", name, n, s->n);
    return RD_OK;
}

static bool find(const struct nodes *s, int64_t tree, int64_t number, size_t *out)
{
    const struct node_key want = { .tree = tree, .number = number };
    const struct node_key *hit = bsearch(&want, s->key, s->n, sizeof(want), by_key);

    *out = hit ? hit->index : 0;
    return hit;
}

static rd_status no_memory(struct nodes *s)
{
    return RD_FAIL(s->err, RD_E_MEMORY, "no memory for %zu nodes", s->n);
}

static rd_status read_modes(struct nodes *s)
{
    static const char *const words[] = { "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT",
        "BRANCH_EQ", "BRANCH_NEQ", "LEAF" };
    enum { LEAF = 6, WORDS = 7 };
    const struct rd_attr *a = rd_op_attr(s->node, "nodes_modes");
    uint8_t *mode = RD_NEW_ARRAY(&s->own, uint8_t, s->n);

    s->leaf = RD_NEW_ARRAY(&s->own, bool, s->n);
    s->leaf_of = RD_NEW_ARRAY(&s->own, size_t, s->n);
    if (!mode || !s->leaf || !s->leaf_of)
        return no_memory(s);
    if (!a || a->n != s->n)
        return RD_FAIL(
            s->err, RD_E_INPUT, "'nodes_modes' has %zu entries for %zu nodes", a ? a->n : 0, s->n);
    for (size_t i = 0; i < s->n; i++) {
        int k = 0;

        while (k < WORDS && (strlen(words[k]) != a->strings_len[i] ||
                                memcmp(words[k], a->strings[i], a->strings_len[i]) != 0))
            k++;
        if (k == WORDS)
            return RD_FAIL(s->err, RD_E_INPUT, "node %zu has a mode that does not exist", i);
        s->leaf[i] = k == LEAF;
        mode[i] = (uint8_t)(s->leaf[i] ? 0 : k);
        if (s->leaf[i])
            s->leaf_of[i] = s->spec.n_leaves++;
    }
    s->spec.mode = mode;
    return RD_OK;
}

static rd_status read_nodes(struct nodes *s)
{
    const int64_t *missing;
    bool *missing_yes;
    size_t n;
    rd_status st;

    s->tree = rd_op_ints(s->node, "nodes_treeids", &s->n);
    if (!s->n)
        return RD_FAIL(s->err, RD_E_INPUT, "'nodes_treeids' is empty: there are no trees");
    st = ints(s, "nodes_nodeids", false, &s->number);
    if (!st)
        st = ints(s, "nodes_featureids", false, &s->spec.feature);
    if (!st)
        st = ints(s, "nodes_truenodeids", false, &s->yes);
    if (!st)
        st = ints(s, "nodes_falsenodeids", false, &s->no);
    if (!st)
        st = ints(s, "nodes_missing_value_tracks_true", true, &missing);
    if (!st)
        st = rd_ml_numbers(s->node, "nodes_values", "nodes_values_as_tensor", &s->own,
            &s->spec.threshold, &n, s->err);
    if (!st && n != s->n)
        st = RD_FAIL(s->err, RD_E_INPUT, "'nodes_values' has %zu entries for %zu nodes", n, s->n);
    if (!st)
        st = read_modes(s);
    if (st)
        return st;
    s->key = RD_NEW_ARRAY(&s->own, struct node_key, s->n);
    missing_yes = RD_NEW_ARRAY(&s->own, bool, s->n);
    if (!s->key || !missing_yes)
        return no_memory(s);
    for (size_t i = 0; i < s->n; i++) {
        s->key[i] = (struct node_key){ s->tree[i], s->number[i], i };
        missing_yes[i] = missing && missing[i];
    }
    qsort(s->key, s->n, sizeof(*s->key), by_key);
    for (size_t i = 1; i < s->n; i++)
        if (!by_key(&s->key[i - 1], &s->key[i]))
            return RD_FAIL(s->err, RD_E_INPUT, "node %lld of tree %lld is given twice",
                (long long)s->key[i].number, (long long)s->key[i].tree);
    s->spec.missing_yes = missing_yes;
    return RD_OK;
}

/* Children as references; roots are the nodes that are nobody's child, in the order of the file. */
static rd_status link_nodes(struct nodes *s)
{
    int64_t *yes = RD_NEW_ARRAY(&s->own, int64_t, s->n), *no = RD_NEW_ARRAY(&s->own, int64_t, s->n);
    int64_t *root = RD_NEW_ARRAY(&s->own, int64_t, s->n);
    bool *child = RD_NEW_ARRAY(&s->own, bool, s->n);

    if (!yes || !no || !root || !child)
        return no_memory(s);
    for (size_t i = 0; i < s->n; i++) {
        const int64_t number[2] = { s->yes[i], s->no[i] };
        int64_t *const to[2] = { &yes[i], &no[i] };

        for (int k = 0; k < 2 && !s->leaf[i]; k++) {
            size_t at;

            if (!find(s, s->tree[i], number[k], &at))
                return RD_FAIL(s->err, RD_E_INPUT,
                    "node %lld of tree %lld leads to node %lld, which does not exist",
                    (long long)s->number[i], (long long)s->tree[i], (long long)number[k]);
            child[at] = true;
            *to[k] = s->leaf[at] ? RD_TREE_LEAF(s->leaf_of[at]) : (int64_t)at;
        }
        if (s->leaf[i]) /* stands for nothing: the forest knows it as a leaf */
            yes[i] = no[i] = RD_TREE_LEAF(s->leaf_of[i]);
    }
    for (size_t i = 0; i < s->n; i++)
        if (!child[i])
            root[s->spec.n_roots++] = s->leaf[i] ? RD_TREE_LEAF(s->leaf_of[i]) : (int64_t)i;
    s->spec.root = root;
    s->spec.yes = yes;
    s->spec.no = no;
    return RD_OK;
}

/* Leaves out of the list of nodes: the forest's nodes are the branches alone. */
static rd_status branches_only(struct nodes *s)
{
    struct rd_trees_spec *p = &s->spec;
    size_t *place = RD_NEW_ARRAY(&s->own, size_t, s->n), used = 0;
    int64_t *feature = RD_NEW_ARRAY(&s->own, int64_t, s->n);
    int64_t *const yes = (int64_t *)(uintptr_t)p->yes, *const no = (int64_t *)(uintptr_t)p->no;
    int64_t *const root = (int64_t *)(uintptr_t)p->root;
    double *const threshold = (double *)(uintptr_t)p->threshold;
    uint8_t *const mode = (uint8_t *)(uintptr_t)p->mode;
    bool *const missing = (bool *)(uintptr_t)p->missing_yes;

    if (!place || !feature)
        return no_memory(s);
    for (size_t i = 0; i < s->n; i++)
        place[i] = s->leaf[i] ? 0 : used++;
    for (size_t i = 0; i < s->n; i++) {
        const size_t at = place[i];

        if (s->leaf[i])
            continue;
        feature[at] = p->feature[i];
        yes[at] = yes[i] < 0 ? yes[i] : (int64_t)place[yes[i]];
        no[at] = no[i] < 0 ? no[i] : (int64_t)place[no[i]];
        threshold[at] = threshold[i];
        mode[at] = mode[i];
        missing[at] = missing[i];
    }
    for (size_t i = 0; i < p->n_roots; i++)
        root[i] = root[i] < 0 ? root[i] : (int64_t)place[root[i]];
    p->feature = feature;
    p->n_nodes = used;
    return RD_OK;
}

/* Weights by leaf, in the order of the file. prefix: "class" or "target". */
static rd_status read_weights(struct nodes *s, const char *const name[5])
{
    size_t n, n_weights, *first, *place, at;
    const int64_t *tree = rd_op_ints(s->node, name[0], &n), *number, *id;
    const double *weight;
    double *sorted;
    int64_t *target;
    size_t count[2];
    rd_status st;

    number = rd_op_ints(s->node, name[1], &count[0]);
    id = rd_op_ints(s->node, name[2], &count[1]);
    st = rd_ml_numbers(s->node, name[3], name[4], &s->own, &weight, &n_weights, s->err);
    if (st)
        return st;
    if (count[0] != n || count[1] != n || n_weights != n)
        return RD_FAIL(s->err, RD_E_INPUT,
            "'%s', '%s', '%s' and '%s' must have as many entries: %zu, %zu, %zu, %zu", name[0],
            name[1], name[2], name[3], n, count[0], count[1], n_weights);
    first = RD_NEW_ARRAY(&s->own, size_t, s->spec.n_leaves + 2);
    place = RD_NEW_ARRAY(&s->own, size_t, n);
    sorted = RD_NEW_ARRAY(&s->own, double, n);
    target = RD_NEW_ARRAY(&s->own, int64_t, n);
    if (!first || !place || !sorted || !target)
        return no_memory(s);
    for (size_t i = 0; i < n; i++) {
        if (!find(s, tree[i], number[i], &at))
            return RD_FAIL(s->err, RD_E_INPUT,
                "weight %zu is for node %lld of tree %lld, which "
                "does not exist",
                i, (long long)number[i], (long long)tree[i]);
        place[i] = s->leaf[at] ? s->leaf_of[at] : SIZE_MAX; /* of a branch: has no meaning */
        /* scikit-learn's exporter repeats the number of a leaf once a class, for one target: the
         * standard's reference adds them, but what is meant is one, as in ONNX Runtime. */
        if (s->leaf[at] && s->spec.n_targets == 1 && first[place[i] + 2])
            place[i] = SIZE_MAX;
        if (place[i] != SIZE_MAX)
            first[place[i] + 2]++;
    }
    for (size_t i = 0; i < s->spec.n_leaves; i++)
        first[i + 2] += first[i + 1];
    for (size_t i = 0; i < n; i++) {
        if (place[i] == SIZE_MAX)
            continue;
        at = first[place[i] + 1]++;
        sorted[at] = weight[i];
        target[at] = id[i];
    }
    s->spec.leaf_first = first;
    s->spec.target = target;
    s->spec.weight = sorted;
    return RD_OK;
}

static rd_status make(struct nodes *s, const char *const weights[5], struct forest *f)
{
    rd_status st = read_nodes(s);

    if (!st)
        st = link_nodes(s);
    if (!st)
        st = branches_only(s);
    if (!st)
        st = read_weights(s, weights);
    if (!st)
        st = rd_ml_numbers(s->node, "base_values",
            s->node->opset >= 3 ? "base_values_as_tensor" : NULL, s->arena, &f->base, &f->n_base,
            s->err);
    if (!st && f->n_base > 1 && f->n_base != s->spec.n_targets)
        st = RD_FAIL(s->err, RD_E_INPUT, "'base_values' has %zu entries for %zu targets", f->n_base,
            s->spec.n_targets);
    if (!st)
        st = rd_trees_make(&s->spec, s->arena, &f->trees, s->err);
    return st;
}

static rd_status post_word(const struct rd_graph_node *node, struct forest *f, struct rd_error *err)
{
    int post;
    const rd_status st = rd_ml_choice(node, "post_transform", rd_ml_posts, &post, err);

    f->post = (enum rd_ml_post)post;
    return st;
}

static rd_status classifier_prepare(const struct rd_graph_node *node, struct rd_arena *arena,
    const void **prepared_out, struct rd_error *err)
{
    static const char *const weights[] = { "class_treeids", "class_nodeids", "class_ids",
        "class_weights", "class_weights_as_tensor" };
    struct forest *f = RD_NEW(arena, struct forest);
    struct nodes s = { .node = node, .arena = arena, .err = err };
    const int64_t *id;
    const double *weight;
    size_t n, n_weights;
    rd_status st;

    if (!f)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the trees");
    st = rd_ml_labels(node, "classlabels_int64s", "classlabels_strings", arena, &f->labels, err);
    if (!st && !f->labels.n)
        st = RD_FAIL(err, RD_E_INPUT, "no class labels are given");
    if (!st)
        st = post_word(node, f, err);
    if (!st) {
        s.spec.n_targets = f->labels.n;
        s.spec.sum = RD_TREE_SUM;
        st = make(&s, weights, f);
    }
    if (!st)
        st = rd_ml_numbers(node, weights[3], weights[4], &s.own, &weight, &n_weights, err);
    if (!st) {
        id = rd_op_ints(node, "class_ids", &n);
        f->binary = f->labels.n == 2 && n;
        f->positive = true;
        for (size_t i = 0; i < n; i++) {
            f->binary = f->binary && id[i] == id[0];
            f->positive = f->positive && weight[i] >= 0;
        }
    }
    f->columns = f->labels.n;
    rd_arena_release(&s.own);
    *prepared_out = f;
    return st;
}

static rd_status regressor_prepare(const struct rd_graph_node *node, struct rd_arena *arena,
    const void **prepared_out, struct rd_error *err)
{
    static const char *const weights[] = { "target_treeids", "target_nodeids", "target_ids",
        "target_weights", "target_weights_as_tensor" };
    static const char *const sums[] = { "SUM", "AVERAGE", "MIN", "MAX", NULL };
    static const enum rd_tree_sum sum_of[] = { RD_TREE_SUM, RD_TREE_AVERAGE, RD_TREE_MIN,
        RD_TREE_MAX };
    const int64_t targets = rd_op_int(node, "n_targets", 1);
    struct forest *f = RD_NEW(arena, struct forest);
    struct nodes s = { .node = node, .arena = arena, .err = err };
    int sum;
    rd_status st;

    if (!f)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the trees");
    if (targets < 1)
        return RD_FAIL(err, RD_E_INPUT, "'n_targets' is %lld", (long long)targets);
    st = post_word(node, f, err);
    if (!st)
        st = rd_ml_choice(node, "aggregate_function", sums, &sum, err);
    if (!st) {
        s.spec.n_targets = f->columns = (size_t)targets;
        s.spec.sum = sum_of[sum];
        st = make(&s, weights, f);
    }
    rd_arena_release(&s.own);
    *prepared_out = f;
    return st;
}

/* --- the attributes of TreeEnsemble (5): nodes by index, leaves apart --- */

static rd_status read_five(struct nodes *s)
{
    struct rd_trees_spec *p = &s->spec;
    const struct rd_attr *modes = rd_op_attr(s->node, "nodes_modes");
    const int64_t *yes_leaf, *no_leaf, *missing, *target;
    size_t n, n_targets, n_members, *first, *leaf_first, set = 0;
    int64_t *yes, *no, *root;
    const double *member;
    bool *missing_yes;
    rd_status st = RD_OK;

    s->n = rd_tensor_count(modes->tensor);
    if (modes->tensor->dtype != RD_U8)
        return RD_FAIL(s->err, RD_E_INPUT, "'nodes_modes' must hold uint8, not %s",
            rd_dtype_name(modes->tensor->dtype));
    p->mode = modes->tensor->data;
    p->n_nodes = s->n;
    st = ints(s, "nodes_featureids", false, &p->feature);
    if (!st)
        st = ints(s, "nodes_truenodeids", false, &s->yes);
    if (!st)
        st = ints(s, "nodes_falsenodeids", false, &s->no);
    if (!st)
        st = ints(s, "nodes_trueleafs", false, &yes_leaf);
    if (!st)
        st = ints(s, "nodes_falseleafs", false, &no_leaf);
    if (!st)
        st = ints(s, "nodes_missing_value_tracks_true", true, &missing);
    if (!st)
        st = rd_ml_numbers(s->node, NULL, "nodes_splits", &s->own, &p->threshold, &n, s->err);
    if (!st && n != s->n)
        st = RD_FAIL(s->err, RD_E_INPUT, "'nodes_splits' has %zu entries for %zu nodes", n, s->n);
    if (!st)
        st =
            rd_ml_numbers(s->node, NULL, "leaf_weights", &s->own, &p->weight, &p->n_leaves, s->err);
    if (!st)
        st =
            rd_ml_numbers(s->node, NULL, "membership_values", &s->own, &member, &n_members, s->err);
    if (st)
        return st;
    target = rd_op_ints(s->node, "leaf_targetids", &n_targets);
    if (n_targets != p->n_leaves)
        return RD_FAIL(s->err, RD_E_INPUT, "'leaf_targetids' has %zu entries for %zu leaves",
            n_targets, p->n_leaves);
    p->target = target;
    yes = RD_NEW_ARRAY(&s->own, int64_t, s->n);
    no = RD_NEW_ARRAY(&s->own, int64_t, s->n);
    first = RD_NEW_ARRAY(&s->own, size_t, s->n + 1);
    leaf_first = RD_NEW_ARRAY(&s->own, size_t, p->n_leaves + 1);
    missing_yes = RD_NEW_ARRAY(&s->own, bool, s->n);
    p->root = rd_op_ints(s->node, "tree_roots", &p->n_roots);
    root = RD_NEW_ARRAY(&s->own, int64_t, p->n_roots);
    if (!yes || !no || !first || !leaf_first || !missing_yes || !root)
        return no_memory(s);
    for (size_t i = 0; i <= p->n_leaves; i++)
        leaf_first[i] = i;
    n = 0; /* members handed out: each set ends with a NaN */
    for (size_t i = 0; i < s->n; i++) {
        if ((s->yes[i] < 0) | (s->no[i] < 0))
            return RD_FAIL(s->err, RD_E_INPUT, "node %zu leads to a negative index", i);
        yes[i] = yes_leaf[i] ? RD_TREE_LEAF(s->yes[i]) : s->yes[i];
        no[i] = no_leaf[i] ? RD_TREE_LEAF(s->no[i]) : s->no[i];
        missing_yes[i] = missing && missing[i];
        first[i] = n;
        if (p->mode[i] != RD_TREE_MEMBER)
            continue;
        while (n < n_members && member[n] == member[n])
            n++;
        if (n == n_members)
            return RD_FAIL(s->err, RD_E_INPUT,
                "'membership_values' has %zu sets that end with NaN, but there are more nodes of "
                "that mode",
                set);
        n++;
        set++;
    }
    first[s->n] = n;
    if (n != n_members)
        return RD_FAIL(s->err, RD_E_INPUT,
            "'membership_values' has %zu values behind the sets of the %zu nodes of that mode",
            n_members - n, set);
    for (size_t i = 0; i < p->n_roots; i++) {
        const int64_t r = p->root[i];

        if (r < 0 || (uint64_t)r >= s->n)
            return RD_FAIL(s->err, RD_E_INPUT, "tree %zu begins at node %lld, which does not exist",
                i, (long long)r);
        root[i] = r;
    }
    p->root = root;
    p->yes = yes;
    p->no = no;
    p->missing_yes = missing_yes;
    p->member = member;
    p->member_first = first;
    p->leaf_first = leaf_first;
    return RD_OK;
}

static rd_status ensemble_prepare(const struct rd_graph_node *node, struct rd_arena *arena,
    const void **prepared_out, struct rd_error *err)
{
    const int64_t targets = rd_op_int(node, "n_targets", 1),
                  sum = rd_op_int(node, "aggregate_function", RD_TREE_SUM),
                  post = rd_op_int(node, "post_transform", RD_ML_NONE);
    struct forest *f = RD_NEW(arena, struct forest);
    struct nodes s = { .node = node, .arena = arena, .err = err };
    rd_status st;

    if (!f)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the trees");
    if (targets < 1)
        return RD_FAIL(err, RD_E_INPUT, "'n_targets' is %lld", (long long)targets);
    if (sum < RD_TREE_AVERAGE || sum > RD_TREE_MAX)
        return RD_FAIL(err, RD_E_INPUT, "'aggregate_function' is %lld, not 0..3", (long long)sum);
    if (post < RD_ML_NONE || post > RD_ML_PROBIT)
        return RD_FAIL(err, RD_E_INPUT, "'post_transform' is %lld, not 0..4", (long long)post);
    f->columns = s.spec.n_targets = (size_t)targets;
    s.spec.sum = (enum rd_tree_sum)sum;
    f->post = (enum rd_ml_post)post;
    st = read_five(&s);
    if (!st)
        st = rd_trees_make(&s.spec, arena, &f->trees, err);
    rd_arena_release(&s.own);
    *prepared_out = f;
    return st;
}

/* --- running --- */

static rd_status rows_fit(struct rd_op_call *c, const struct forest *f, int64_t *n_out)
{
    int64_t features;
    rd_status st = rd_ml_rows(c, c->in[0], n_out, &features);

    if (!st && features >= 0 && (uint64_t)features < rd_trees_features(f->trees))
        st = RD_FAIL(c->err, RD_E_INPUT, "rows have %lld features, the trees read feature %zu",
            (long long)features, rd_trees_features(f->trees) - 1);
    return st;
}

static rd_status scores_infer(struct rd_op_call *c)
{
    const struct forest *f = c->node->prepared;
    const bool own_type = c->node->opset >= 5 && !strcmp(c->node->op, "TreeEnsemble");
    int64_t n;
    const rd_status st = rows_fit(c, f, &n);

    if (!st)
        rd_ml_shape2(c->out[0], own_type ? c->in[0]->dtype : RD_F32, n, (int64_t)f->columns);
    return st;
}

static rd_status classifier_infer(struct rd_op_call *c)
{
    const struct forest *f = c->node->prepared;
    int64_t n;
    const rd_status st = rows_fit(c, f, &n);

    if (st)
        return st;
    rd_ml_labels_shape(&f->labels, n, c->out[0]);
    if (rd_op_out(c, 1))
        rd_ml_shape2(c->out[1], RD_F32, n, (int64_t)f->columns);
    return RD_OK;
}

static size_t rows_of(const struct rd_op_call *c)
{
    return c->in[0]->ndim == 1 ? 1 : (size_t)c->in[0]->dim[0];
}

static size_t scratch(const struct rd_op_call *c)
{
    const struct forest *f = c->node->prepared;

    return rows_of(c) * f->columns * sizeof(double) + 64 +
           (c->in[0]->dtype == RD_F32 ? rd_trees_room(f->trees) + 64 : rd_op_wide_size(c->in[0]));
}

static double flops(const struct rd_op_call *c)
{
    const struct forest *f = c->node->prepared;

    return (double)rows_of(c) * (rd_trees_work(f->trees) + (double)f->columns);
}

/* The forest's scores of all rows, (rows, columns). */
static double *run(struct rd_op_call *c)
{
    const struct forest *f = c->node->prepared;
    const size_t rows = rows_of(c), features = rows ? rd_tensor_count(c->in[0]) / rows : 0;
    double *score = rd_op_take(c, rows * f->columns * sizeof(*score));

    if (!rows)
        return score;
    if (c->in[0]->dtype == RD_F32)
        rd_trees_run_f32(f->trees, c->kernels, c->in[0]->data, rows, features, score,
            rd_op_take(c, rd_trees_room(f->trees)));
    else
        rd_trees_run_f64(f->trees, rd_op_wide(c, c->in[0]), rows, features, score);
    return score;
}

static void add_base(const struct forest *f, double *row)
{
    for (size_t k = 0; k < f->columns && f->n_base; k++)
        row[k] += f->base[f->n_base > 1 ? k : 0];
}

static rd_status scores_forward(struct rd_op_call *c)
{
    const struct forest *f = c->node->prepared;
    double *score = run(c);

    for (size_t i = 0, n = rows_of(c); i < n; i++) {
        add_base(f, score + i * f->columns);
        rd_ml_post_apply(f->post, score + i * f->columns, f->columns);
    }
    rd_op_narrow(score, c->out[0], false);
    return RD_OK;
}

/*
 * Two classes, one score s. Exporters of forests write the probability of the second class: no
 * weight below zero and no transform, then the scores are 1 - s and s. Boosting writes a margin:
 * -s and s. A link function takes the margin whatever the signs of the weights.
 */
static bool binary_row(const struct forest *f, double *row, int64_t id)
{
    const double s = row[id] + (f->n_base ? f->base[f->n_base > 1] : 0);
    const bool probability = f->post == RD_ML_PROBIT || (f->post == RD_ML_NONE && f->positive);

    row[0] = probability ? 1 - s : -s;
    row[1] = s;
    rd_ml_post_apply(f->post, row, 2);
    return probability ? s > 0.5 : s > 0;
}

static rd_status classifier_forward(struct rd_op_call *c)
{
    const struct forest *f = c->node->prepared;
    double *score = run(c);
    size_t n_ids;
    const int64_t *id = rd_op_ints(c->node, "class_ids", &n_ids);

    for (size_t i = 0, n = rows_of(c); i < n; i++) {
        double *row = score + i * f->columns;

        if (f->binary) {
            rd_ml_label_put(&f->labels, binary_row(f, row, id[0]), rd_op_out(c, 0), i);
            continue;
        }
        add_base(f, row);
        if (f->columns == 1)
            rd_ml_label_binary(&f->labels, row[0] > 0, rd_op_out(c, 0), i);
        else
            rd_ml_label_put(&f->labels, rd_ml_argmax(row, f->columns), rd_op_out(c, 0), i);
        rd_ml_post_apply(f->post, row, f->columns);
    }
    if (rd_op_out(c, 1))
        rd_op_narrow(score, c->out[1], false);
    return RD_OK;
}

/* --- rows --- */

#define NODES                                                                                      \
    { "nodes_falsenodeids", RD_ATTR_INTS, 0, 0, false },                                           \
        { "nodes_featureids", RD_ATTR_INTS, 0, 0, false },                                         \
        { "nodes_hitrates", RD_ATTR_FLOATS, 0, 0, false },                                         \
        { "nodes_hitrates_as_tensor", RD_ATTR_TENSOR, 3, 0, false },                               \
        { "nodes_missing_value_tracks_true", RD_ATTR_INTS, 0, 0, false },                          \
        { "nodes_modes", RD_ATTR_STRINGS, 0, 0, false },                                           \
        { "nodes_nodeids", RD_ATTR_INTS, 0, 0, false },                                            \
        { "nodes_treeids", RD_ATTR_INTS, 0, 0, false },                                            \
        { "nodes_truenodeids", RD_ATTR_INTS, 0, 0, false },                                        \
        { "nodes_values", RD_ATTR_FLOATS, 0, 0, false },                                           \
        { "nodes_values_as_tensor", RD_ATTR_TENSOR, 3, 0, false },                                 \
        { "post_transform", RD_ATTR_STRING, 0, 0, false },                                         \
        { "base_values", RD_ATTR_FLOATS, 0, 0, false },                                            \
    {                                                                                              \
        "base_values_as_tensor", RD_ATTR_TENSOR, 3, 0, false                                       \
    }

static const struct rd_op_attr classifier_attrs[] = {
    NODES,
    { "class_ids", RD_ATTR_INTS, 0, 0, false },
    { "class_nodeids", RD_ATTR_INTS, 0, 0, false },
    { "class_treeids", RD_ATTR_INTS, 0, 0, false },
    { "class_weights", RD_ATTR_FLOATS, 0, 0, false },
    { "class_weights_as_tensor", RD_ATTR_TENSOR, 3, 0, false },
    { "classlabels_int64s", RD_ATTR_INTS, 0, 0, false },
    { "classlabels_strings", RD_ATTR_STRINGS, 0, 0, false },
    { 0 },
};

static const struct rd_op_attr regressor_attrs[] = {
    NODES,
    { "aggregate_function", RD_ATTR_STRING, 0, 0, false },
    { "n_targets", RD_ATTR_INT, 0, 0, false },
    { "target_ids", RD_ATTR_INTS, 0, 0, false },
    { "target_nodeids", RD_ATTR_INTS, 0, 0, false },
    { "target_treeids", RD_ATTR_INTS, 0, 0, false },
    { "target_weights", RD_ATTR_FLOATS, 0, 0, false },
    { "target_weights_as_tensor", RD_ATTR_TENSOR, 3, 0, false },
    { 0 },
};

static const struct rd_op_attr ensemble_attrs[] = {
    { "aggregate_function", RD_ATTR_INT, 0, 0, false },
    { "leaf_targetids", RD_ATTR_INTS, 0, 0, true },
    { "leaf_weights", RD_ATTR_TENSOR, 0, 0, true },
    { "membership_values", RD_ATTR_TENSOR, 0, 0, false },
    { "n_targets", RD_ATTR_INT, 0, 0, false },
    { "nodes_falseleafs", RD_ATTR_INTS, 0, 0, true },
    { "nodes_falsenodeids", RD_ATTR_INTS, 0, 0, true },
    { "nodes_featureids", RD_ATTR_INTS, 0, 0, true },
    { "nodes_hitrates", RD_ATTR_TENSOR, 0, 0, false },
    { "nodes_missing_value_tracks_true", RD_ATTR_INTS, 0, 0, false },
    { "nodes_modes", RD_ATTR_TENSOR, 0, 0, true },
    { "nodes_splits", RD_ATTR_TENSOR, 0, 0, true },
    { "nodes_trueleafs", RD_ATTR_INTS, 0, 0, true },
    { "nodes_truenodeids", RD_ATTR_INTS, 0, 0, true },
    { "post_transform", RD_ATTR_INT, 0, 0, false },
    { "tree_roots", RD_ATTR_INTS, 0, 0, true },
    { 0 },
};

const struct rd_op rd_op_treeensembleclassifier = {
    .op = "TreeEnsembleClassifier",
    .domain = RD_ML_DOMAIN,
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 2,
    .in_type = { RD_T_FEATURES },
    .attrs = classifier_attrs,
    .prepare = classifier_prepare,
    .infer = classifier_infer,
    .forward = classifier_forward,
    .scratch = scratch,
    .flops = flops,
    .many = 512,
    .per_example = rd_ml_per_row,
};

const struct rd_op rd_op_treeensembleregressor = {
    .op = "TreeEnsembleRegressor",
    .domain = RD_ML_DOMAIN,
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T_FEATURES },
    .attrs = regressor_attrs,
    .prepare = regressor_prepare,
    .infer = scores_infer,
    .forward = scores_forward,
    .scratch = scratch,
    .flops = flops,
    .many = 512,
    .per_example = rd_ml_per_row,
};

const struct rd_op rd_op_treeensemble = {
    .op = "TreeEnsemble",
    .domain = RD_ML_DOMAIN,
    .since = 5,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_F32) | RD_T(RD_F64) | RD_T(RD_F16) },
    .attrs = ensemble_attrs,
    .prepare = ensemble_prepare,
    .infer = scores_infer,
    .forward = scores_forward,
    .scratch = scratch,
    .flops = flops,
    .many = 512,
    .per_example = rd_ml_per_row,
};
