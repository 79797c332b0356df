/*
 * trees_lightgbm.c - LightGBM's text model as a graph.
 *
 * Trees are blocks "Tree=N" of lines key=values. A row goes left when its feature is not above the
 * threshold (float64), or its category, cut to a whole number, is in the node's set. decision_type:
 * bit 0 a set, bit 1 the missing go left, bits 2 and 3 what is missing: nothing (NaN counts as 0),
 * zero (what is within 1e-35 of it, and NaN), or NaN. A child below zero is leaf -1 - child.
 * average_output (random forests) and the sigmoid's parameter are multiplied into the leaves, in
 * float64. Leaves of linear trees have a constant and coefficients of features, or their plain
 * value where one of these is missing. Roots of targets (reg_sqrt) are undone.
 *
 * Source: LightGBM's documentation (Parameters, Advanced Topics: missing values, categorical
 * features); files of version v3 and v4.
 */
#include "graph/forest.h"

#include "base/alloc.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

enum { SHOWN = 60, SET = 1, TO_LEFT = 2, WORD = 32 };
static const double NEAR_ZERO = (double)1e-35f;

struct span {
    const char *p;
    size_t n;
};

struct lgb {
    struct rd_forest *f;
    const char *p, *end;
    size_t line;
    struct span key, rest; /* of the line read last; key empty: it has no '=' */
    size_t tree;
    double scale;
};

static bool next_line(struct lgb *g)
{
    const char *stop, *is;

    if (g->p == g->end)
        return false;
    stop = memchr(g->p, '\n', (size_t)(g->end - g->p));
    stop = stop ? stop : g->end;
    is = memchr(g->p, '=', (size_t)(stop - g->p));
    g->rest = (struct span){ is ? is + 1 : g->p, (size_t)(stop - (is ? is + 1 : g->p)) };
    g->key = (struct span){ g->p, is ? (size_t)(is - g->p) : 0 };
    if (g->rest.n && g->rest.p[g->rest.n - 1] == '\r')
        g->rest.n--;
    g->p = stop == g->end ? stop : stop + 1;
    g->line++;
    return true;
}

static bool is(struct span s, const char *text)
{
    return s.n == strlen(text) && !memcmp(s.p, text, s.n);
}

static bool word(struct span *s, struct span *out)
{
    while (s->n && *s->p == ' ') {
        s->p++;
        s->n--;
    }
    *out = (struct span){ s->p, 0 };
    while (s->n && *s->p != ' ') {
        s->p++;
        s->n--;
        out->n++;
    }
    return out->n;
}

static bool real(struct span s, double *out)
{
    char text[64];

    if (!s.n || s.n >= sizeof(text))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return rd_text_to_double(text, false, out);
}

/* A threshold may be the bin of the missing values, "nan", or without an end. */
static bool threshold(struct span s, double *out)
{
    const bool minus = s.n && *s.p == '-';
    const struct span size = { s.p + minus, s.n - minus };

    if (is(size, "nan"))
        *out = (double)NAN;
    else if (is(size, "inf"))
        *out = minus ? -(double)INFINITY : (double)INFINITY;
    else
        return real(s, out);
    return true;
}

static bool whole(struct span s, int64_t *out)
{
    double v;

    if (!real(s, &v) || v < -0x1p40 || v > 0x1p40 || v != (double)(int64_t)v)
        return false;
    *out = (int64_t)v;
    return true;
}

static bool one(struct span rest, int64_t *out)
{
    struct span w;

    return word(&rest, &w) && whole(w, out);
}

/* --- a tree --- */

struct tree {
    int64_t leaves, sets, linear;
    struct span feature, threshold, decision, left, right, value, bounds, words;
    struct span constant, inputs, input, coefficient; /* of linear leaves */
};

/* The n numbers of a line; NULL and the error when there are not as many. */
static double *numbers(const struct lgb *g, struct span s, const char *key, size_t n, rd_status *st)
{
    double *out = NULL;
    struct span w;
    size_t k = 0;

    if (*st)
        return NULL;
    if (n <= s.n) /* each takes a byte at least */
        out = rd_alloc((n + 1) * sizeof(*out));
    else
        *st =
            RD_FAIL(g->f->err, RD_E_INPUT, "tree %zu: '%s' must have %zu numbers", g->tree, key, n);
    if (*st)
        return NULL;
    if (!out)
        *st = RD_FAIL(g->f->err, RD_E_MEMORY, "no memory for tree %zu", g->tree);
    while (!*st && word(&s, &w)) {
        if (k == n || !(key[0] == 't' ? threshold(w, &out[k]) : real(w, &out[k])))
            *st = RD_FAIL(g->f->err, RD_E_INPUT, "tree %zu: '%s' must have %zu finite numbers",
                g->tree, key, n);
        k++;
    }
    if (!*st && k != n)
        *st = RD_FAIL(
            g->f->err, RD_E_INPUT, "tree %zu: '%s' has %zu numbers, not %zu", g->tree, key, k, n);
    if (!*st)
        return out;
    rd_free(out);
    return NULL;
}

struct columns {
    double *feature, *threshold, *decision, *left, *right, *value, *bounds, *words;
    double *constant, *inputs, *input, *coefficient;
    size_t n_words;
    int64_t *category;
};

static bool as_whole(double v, int64_t low, int64_t behind, int64_t *out)
{
    if (!(v >= (double)low && v < (double)behind) || v != (double)(int64_t)v)
        return false;
    *out = (int64_t)v;
    return true;
}

/* The categories of set k. */
static rd_status set(
    const struct lgb *g, const struct tree *t, struct columns *c, int64_t k, size_t *n_out)
{
    int64_t first, behind, bits;
    size_t n = 0;

    if (k < 0 || k >= t->sets || !as_whole(c->bounds[k], 0, (int64_t)c->n_words + 1, &first) ||
        !as_whole(c->bounds[k + 1], first, (int64_t)c->n_words + 1, &behind))
        return RD_FAIL(
            g->f->err, RD_E_INPUT, "tree %zu: set %lld is out of range", g->tree, (long long)k);
    for (int64_t w = first; w < behind; w++) {
        if (!as_whole(c->words[w], 0, (int64_t)1 << WORD, &bits))
            return RD_FAIL(g->f->err, RD_E_INPUT, "tree %zu: 'cat_threshold' %lld is no 32 bits",
                g->tree, (long long)w);
        for (int b = 0; b < WORD; b++)
            if (bits >> b & 1)
                c->category[n++] = (w - first) * WORD + b;
    }
    *n_out = n;
    return RD_OK;
}

/* A test of numbers whose zeros are missing values. */
static void zeros(struct rd_forest *f, size_t at, const struct rd_forest_node *n, bool to_left)
{
    const struct rd_forest_bound cut = { .at = n->threshold, .mode = n->mode };
    const struct rd_forest_bound low = { .at = -NEAR_ZERO, .mode = RD_TREE_LT };
    const struct rd_forest_bound high = { .at = NEAR_ZERO, .mode = RD_TREE_LEQ };
    const int64_t missing = to_left ? n->yes : n->no;
    struct rd_forest_bound bound[3];
    int64_t outcome[4];
    size_t k = 0;

    if (cut.at < low.at) {
        bound[k] = cut;
        outcome[k++] = n->yes;
    }
    bound[k] = low;
    outcome[k++] = cut.at < low.at ? n->no : n->yes;
    bound[k] = high;
    outcome[k++] = missing;
    if (cut.at > high.at) {
        bound[k] = cut;
        outcome[k++] = n->yes;
    }
    outcome[k] = n->no;
    for (size_t i = k; i-- > 0;) /* neighbors of one outcome are one piece */
        if (outcome[i] == outcome[i + 1]) {
            memmove(&bound[i], &bound[i + 1], (k - 1 - i) * sizeof(*bound));
            memmove(&outcome[i], &outcome[i + 1], (k - i) * sizeof(*outcome));
            k--;
        }
    rd_forest_pieces(f, at, n->feature, bound, outcome, k, missing);
}

static bool child(double v, size_t n, size_t first, const int64_t *leaf, int64_t *out)
{
    int64_t i;

    if (!as_whole(v, -(int64_t)n - 1, (int64_t)n, &i))
        return false;
    *out = i < 0 ? leaf[-1 - i] : (int64_t)first + i;
    return true;
}

static rd_status nodes(struct lgb *g, const struct tree *t, struct columns *c, int64_t *leaf)
{
    const size_t n = (size_t)t->leaves - 1, first = rd_forest_reserve(g->f, n);
    struct rd_forest *f = g->f;
    rd_status st = RD_OK;

    for (size_t i = 0; i < n && !st && !f->failed; i++) {
        struct rd_forest_node to = { .mode = RD_TREE_LEQ, .threshold = c->threshold[i] };
        int64_t decision, k;
        bool to_left;
        size_t members;

        if (!as_whole(c->feature[i], 0, f->features, &to.feature) ||
            !as_whole(c->decision[i], 0, 16, &decision) || decision >> 2 == 3 ||
            !child(c->left[i], n, first, leaf, &to.yes) ||
            !child(c->right[i], n, first, leaf, &to.no))
            return RD_FAIL(f->err, RD_E_INPUT,
                "tree %zu: node %zu has a feature, decision or child out of range", g->tree, i);
        to_left = decision & TO_LEFT;
        if (isnan(to.threshold)) { /* no number is below it */
            to.threshold = -(double)INFINITY;
            to.mode = RD_TREE_LT;
        }
        if (decision & SET) {
            if (!as_whole(to.threshold, 0, t->sets, &k))
                return RD_FAIL(f->err, RD_E_INPUT, "tree %zu: node %zu has no set", g->tree, i);
            st = set(g, t, c, k, &members);
            if (!st) /* NaN is in no set */
                rd_forest_categories(
                    f, first + i, to.feature, c->category, members, true, to.yes, to.no, to.no);
        } else if (decision >> 2 == 1) {
            zeros(f, first + i, &to, to_left);
        } else {
            to.missing_yes = decision >> 2 ? to_left : to.threshold >= 0;
            rd_forest_set(f, first + i, to);
        }
    }
    if (!st)
        rd_forest_root(f, (int64_t)first);
    return st;
}

static size_t words(struct span s)
{
    struct span w;
    size_t n = 0;

    while (word(&s, &w))
        n++;
    return n;
}

/* Where the constants of linear leaves are among the targets of the ensemble. */
static int64_t constant_of(const struct rd_forest *f, int64_t target)
{
    return f->linear ? f->features * f->targets + target : target;
}

/*
 * Leaf i of a tree of linear ones, whose inputs begin at *at: its constant and coefficients; where
 * one of the inputs is missing its plain value.
 */
static rd_status linear_leaf(
    struct lgb *g, const struct columns *c, size_t i, int64_t target, size_t *at, int64_t *out)
{
    struct rd_forest *f = g->f;
    const size_t first = *at, n = (size_t)c->inputs[i];
    int64_t column, plain;

    *out = rd_forest_leaf(f, constant_of(f, target), c->constant[i] * g->scale);
    for (size_t k = first; k < first + n; k++) {
        if (!as_whole(c->input[k], 0, f->features, &column))
            return RD_FAIL(
                f->err, RD_E_INPUT, "tree %zu: 'leaf_features' %zu is out of range", g->tree, k);
        rd_forest_leaf_more(f, column * f->targets + target, c->coefficient[k] * g->scale);
    }
    *at += n;
    if (!n)
        return RD_OK;
    plain = rd_forest_leaf(f, constant_of(f, target), c->value[i] * g->scale);
    for (size_t k = first; k < first + n && !f->failed; k++) {
        const size_t node = rd_forest_reserve(f, 1);

        rd_forest_set(f, node,
            (struct rd_forest_node){ .feature = (int64_t)c->input[k],
                .mode = RD_TREE_LEQ,
                .threshold = (double)INFINITY,
                .yes = *out,
                .no = plain });
        *out = (int64_t)node;
    }
    return RD_OK;
}

/* The lists of linear leaves; NULL and *st when they do not fit each other. */
static void linear_lists(struct lgb *g, const struct tree *t, struct columns *c, rd_status *st)
{
    const size_t n = (size_t)t->leaves, most = words(t->input);
    size_t sum = 0;
    int64_t k;

    c->constant = numbers(g, t->constant, "leaf_const", n, st);
    c->inputs = numbers(g, t->inputs, "num_features", n, st);
    c->input = numbers(g, t->input, "leaf_features", most, st);
    c->coefficient = numbers(g, t->coefficient, "leaf_coeff", most, st);
    for (size_t i = 0; i < n && !*st; i++) {
        if (as_whole(c->inputs[i], 0, (int64_t)(most - sum) + 1, &k))
            sum += (size_t)k;
        else
            *st = RD_FAIL(g->f->err, RD_E_INPUT,
                "tree %zu: 'num_features' %zu is more than 'leaf_features' has", g->tree, i);
    }
}

/* Leaves as children. */
static rd_status leaves(
    struct lgb *g, const struct tree *t, struct columns *c, int64_t target, int64_t *leaf)
{
    size_t at = 0;
    rd_status st = RD_OK;

    if (t->linear)
        linear_lists(g, t, c, &st);
    for (size_t i = 0; i < (size_t)t->leaves && !st && !g->f->failed; i++) {
        if (t->linear)
            st = linear_leaf(g, c, i, target, &at, &leaf[i]);
        else
            leaf[i] = rd_forest_leaf(g->f, constant_of(g->f, target), c->value[i] * g->scale);
    }
    rd_free(c->constant);
    rd_free(c->inputs);
    rd_free(c->input);
    rd_free(c->coefficient);
    return st;
}

static rd_status grow(struct lgb *g, const struct tree *t, int64_t target)
{
    struct columns c = { 0 };
    const size_t n = (size_t)t->leaves;
    int64_t *leaf = NULL;
    rd_status st = RD_OK;

    if (t->leaves < 1 || t->sets < 0 || t->sets > t->leaves)
        return RD_FAIL(
            g->f->err, RD_E_INPUT, "tree %zu: num_leaves or num_cat is out of range", g->tree);
    c.value = numbers(g, t->value, "leaf_value", n, &st);
    if (!st && n == 1) {
        int64_t only = 0;

        st = leaves(g, t, &c, target, &only);
        if (!st)
            rd_forest_root(g->f, only);
        rd_free(c.value);
        return st;
    }
    c.feature = numbers(g, t->feature, "split_feature", n - 1, &st);
    c.threshold = numbers(g, t->threshold, "threshold", n - 1, &st);
    c.decision = numbers(g, t->decision, "decision_type", n - 1, &st);
    c.left = numbers(g, t->left, "left_child", n - 1, &st);
    c.right = numbers(g, t->right, "right_child", n - 1, &st);
    if (t->sets) {
        c.n_words = words(t->words);
        c.bounds = numbers(g, t->bounds, "cat_boundaries", (size_t)t->sets + 1, &st);
        c.words = numbers(g, t->words, "cat_threshold", c.n_words, &st);
        c.category = st ? NULL : rd_alloc((c.n_words * WORD + 1) * sizeof(*c.category));
    }
    if (!st)
        leaf = rd_alloc(n * sizeof(*leaf));
    if (!st && (!leaf || (t->sets && !c.category)))
        st = RD_FAIL(g->f->err, RD_E_MEMORY, "no memory for tree %zu", g->tree);
    if (!st)
        st = leaves(g, t, &c, target, leaf);
    if (!st)
        st = nodes(g, t, &c, leaf);
    rd_free(leaf);
    rd_free(c.category);
    rd_free(c.feature);
    rd_free(c.threshold);
    rd_free(c.decision);
    rd_free(c.left);
    rd_free(c.right);
    rd_free(c.value);
    rd_free(c.bounds);
    rd_free(c.words);
    return st;
}

/* --- the file --- */

static const struct objective {
    const char *name;
    enum rd_forest_end end;
    bool sigmoid; /* its parameter stretches the scores */
} objectives[] = {
    { "binary", RD_FOREST_SIGMOID, true },
    { "multiclass", RD_FOREST_SOFTMAX, false },
    { "softmax", RD_FOREST_SOFTMAX, false },
    { "multiclassova", RD_FOREST_SIGMOID, true },
    { "cross_entropy", RD_FOREST_SIGMOID, false },
    { "cross_entropy_lambda", RD_FOREST_SOFTPLUS, false },
    { "regression", RD_FOREST_NONE, false },
    { "regression_l1", RD_FOREST_NONE, false },
    { "huber", RD_FOREST_NONE, false },
    { "fair", RD_FOREST_NONE, false },
    { "quantile", RD_FOREST_NONE, false },
    { "mape", RD_FOREST_NONE, false },
    { "poisson", RD_FOREST_EXP, false },
    { "gamma", RD_FOREST_EXP, false },
    { "tweedie", RD_FOREST_EXP, false },
    { "lambdarank", RD_FOREST_NONE, false },
    { "rank_xendcg", RD_FOREST_NONE, false },
    { "custom", RD_FOREST_NONE, false },
};

static rd_status objective(struct lgb *g, struct span rest)
{
    const struct objective *found = NULL;
    char safe[SHOWN], text[SHOWN];
    struct span name, w;

    if (!word(&rest, &name))
        return RD_OK; /* a custom one: scores as they are */
    for (size_t i = 0; i < sizeof(objectives) / sizeof(*objectives); i++)
        if (is(name, objectives[i].name))
            found = &objectives[i];
    memcpy(text, name.p, name.n < sizeof(text) ? name.n : sizeof(text) - 1);
    text[name.n < sizeof(text) ? name.n : sizeof(text) - 1] = '\0';
    if (!found)
        return RD_FAIL(g->f->err, RD_E_INPUT, "objective '%s' is not supported",
            rd_text_safe_in(safe, sizeof(safe), text));
    g->f->end = found->end;
    while (word(&rest, &w)) {
        double v;

        if (is(w, "sqrt") && found->end == RD_FOREST_NONE)
            g->f->end = RD_FOREST_SQUARE;
        if (!found->sigmoid || w.n <= 8 || memcmp(w.p, "sigmoid:", 8) != 0)
            continue;
        if (!real((struct span){ w.p + 8, w.n - 8 }, &v) || v <= 0)
            return RD_FAIL(g->f->err, RD_E_INPUT, "the sigmoid's parameter is no number above 0");
        g->scale = v;
    }
    return RD_OK;
}

static rd_status tree(struct lgb *g, struct tree *t)
{
    *t = (struct tree){ 0 };
    while (next_line(g) && g->key.n) {
        const struct {
            const char *key;
            struct span *to;
        } lists[] = { { "split_feature", &t->feature }, { "threshold", &t->threshold },
            { "decision_type", &t->decision }, { "left_child", &t->left },
            { "right_child", &t->right }, { "leaf_value", &t->value },
            { "cat_boundaries", &t->bounds }, { "cat_threshold", &t->words },
            { "leaf_const", &t->constant }, { "num_features", &t->inputs },
            { "leaf_features", &t->input }, { "leaf_coeff", &t->coefficient } };
        bool ok = true;

        for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
            if (is(g->key, lists[i].key))
                *lists[i].to = g->rest;
        if (is(g->key, "num_leaves"))
            ok = one(g->rest, &t->leaves);
        else if (is(g->key, "num_cat"))
            ok = one(g->rest, &t->sets);
        else if (is(g->key, "is_linear"))
            ok = one(g->rest, &t->linear);
        if (!ok)
            return RD_FAIL(g->f->err, RD_E_INPUT, "line %zu is malformed", g->line);
    }
    return RD_OK;
}

/* Blocks of trees from here: their number, or each grown. */
static rd_status trees(struct lgb *g, bool growing, size_t *n_out)
{
    struct tree t;
    rd_status st = RD_OK;
    bool whole_file = false;

    for (g->tree = 0; !st && !g->f->failed && next_line(g);) {
        if (is(g->rest, "end of trees") && !g->key.n) {
            whole_file = true;
            break;
        }
        if (!is(g->key, "Tree"))
            continue;
        st = tree(g, &t);
        g->f->linear = g->f->linear || t.linear;
        if (!st && growing)
            st = grow(g, &t, (int64_t)(g->tree % (size_t)g->f->targets));
        g->tree++;
    }
    *n_out = g->tree;
    if (!st && !whole_file && !g->f->failed)
        st = RD_FAIL(g->f->err, RD_E_INPUT, "it ends before 'end of trees', at line %zu", g->line);
    return st;
}

rd_status rd_lightgbm_read(
    struct rd_forest *f, const char *text, size_t size, struct rd_graph **graph_out)
{
    struct lgb g = { .f = f, .p = text, .end = text + size, .scale = 1 }, start;
    int64_t last = -1;
    bool average = false;
    size_t n;
    rd_status st = RD_OK;

    f->producer = "lightgbm";
    f->targets = 1;
    for (start = g; next_line(&g) && !is(g.key, "Tree") && !st; start = g) {
        bool ok = true;

        if (is(g.key, "max_feature_idx"))
            ok = one(g.rest, &last);
        else if (is(g.key, "num_tree_per_iteration"))
            ok = one(g.rest, &f->targets);
        else if (is(g.key, "objective"))
            st = objective(&g, g.rest);
        else if (!g.key.n && is(g.rest, "average_output"))
            average = true;
        if (!ok)
            st = RD_FAIL(f->err, RD_E_INPUT, "line %zu is malformed", g.line);
    }
    if (!st && (last < 0 || last >= RD_FOREST_FEATURES || f->targets < 1 || f->targets > 1 << 16))
        st = RD_FAIL(f->err, RD_E_INPUT,
            "max_feature_idx %lld or num_tree_per_iteration %lld is out of range", (long long)last,
            (long long)f->targets);
    if (st)
        return st;
    f->features = last + 1;
    start.scale = g.scale;
    g = start;
    st = trees(&g, false, &n);
    if (!st && (!n || n % (size_t)f->targets))
        st = RD_FAIL(
            f->err, RD_E_INPUT, "it has %zu trees for %lld scores", n, (long long)f->targets);
    if (st)
        return st;
    g = start;
    if (average) {
        const size_t iterations = n / (size_t)f->targets;

        g.scale /= (double)iterations;
    }
    st = trees(&g, true, &n);
    return st ? st : rd_forest_graph(f, graph_out);
}
