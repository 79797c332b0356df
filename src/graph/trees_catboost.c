/*
 * trees_catboost.c - CatBoost's JSON model as a graph: trees of float features.
 *
 * Split i of an oblivious tree is bit i of the leaf's number, set when the feature is above the
 * border (float32); trees of the other grow policies are written as nodes inside nodes. A missing
 * value is below all borders, or above all of them where nan_value_treatment is AsTrue. A score is
 * scale times the sum of leaves, plus bias. Columns are those of the data the model was trained on
 * (flat_feature_index). Categorical, text and embedding features are refused by name: their
 * encoders need the training data's tables.
 *
 * Source: CatBoost's documentation, "JSON model" tutorial; files of 1.2.
 */
#include "graph/forest.h"

#include "base/text.h"

#include <string.h>

enum { SHOWN = 60, DEEPEST = 16, SCORES = 1 << 12, WAITING = 256 };

struct column {
    int64_t flat;
    bool missing_above;
};

struct cat {
    struct rd_forest *f;
    struct column *column;
    size_t n_columns;
    double scale, bias[SCORES];
    size_t tree;
};

static const char *word(const struct rd_doc *d, const char *otherwise)
{
    const char *text = d ? rd_doc_text(d) : NULL;

    return text ? text : otherwise;
}

static rd_status features(struct cat *c, const struct rd_doc *info)
{
    static const char *const others[] = { "categorical_features", "text_features",
        "embedding_features" };
    const struct rd_doc *list = rd_doc_get(info, "float_features");
    struct rd_error *err = c->f->err;

    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        const struct rd_doc *other = rd_doc_get(info, others[i]);
        int64_t flat = -1;
        char safe[SHOWN];

        if (!other || !other->n)
            continue;
        (void)rd_forest_int(rd_doc_get(&other->item[0], "flat_feature_index"), &flat);
        return RD_FAIL(err, RD_E_INPUT,
            "feature %lld '%s' is one of its %s, which are not supported: only float features are",
            (long long)flat,
            rd_text_safe_in(
                safe, sizeof(safe), word(rd_doc_get(&other->item[0], "feature_id"), "")),
            others[i]);
    }
    if (!list || list->kind != RD_DOC_LIST || !list->n)
        return RD_FAIL(err, RD_E_INPUT, "features_info has no list 'float_features'");
    c->column = RD_NEW_ARRAY(c->f->arena, struct column, list->n);
    if (!c->column)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the features");
    c->n_columns = list->n;
    for (size_t i = 0; i < list->n; i++) {
        const char *nan = word(rd_doc_get(&list->item[i], "nan_value_treatment"), "AsIs");
        struct column *to = &c->column[i];
        int64_t index = (int64_t)i;

        if (!rd_forest_int(rd_doc_get(&list->item[i], "flat_feature_index"), &to->flat) ||
            to->flat < 0 || to->flat >= RD_FOREST_FEATURES ||
            !rd_forest_int(rd_doc_get(&list->item[i], "feature_index"), &index) ||
            index != (int64_t)i)
            return RD_FAIL(err, RD_E_INPUT, "float feature %zu has no good index", i);
        if (strcmp(nan, "AsIs") != 0 && strcmp(nan, "AsFalse") != 0 && strcmp(nan, "AsTrue") != 0)
            return RD_FAIL(err, RD_E_INPUT, "float feature %zu: nan_value_treatment is unknown", i);
        to->missing_above = !strcmp(nan, "AsTrue");
        if (to->flat >= c->f->features)
            c->f->features = to->flat + 1;
    }
    return RD_OK;
}

static rd_status scale_and_bias(struct cat *c, const struct rd_doc *d)
{
    const struct rd_doc *bias = d && d->kind == RD_DOC_LIST && d->n == 2 ? &d->item[1] : NULL;
    size_t n;

    if (!bias || !rd_forest_real(&d->item[0], &c->scale))
        return RD_FAIL(c->f->err, RD_E_INPUT, "'scale_and_bias' must be [scale, [bias, ...]]");
    n = bias->kind == RD_DOC_LIST ? bias->n : 1;
    if (n < 1 || n > SCORES)
        return RD_FAIL(c->f->err, RD_E_INPUT, "%zu scores a row: 1 to %d are supported", n, SCORES);
    for (size_t k = 0; k < n; k++)
        if (!rd_forest_real(bias->kind == RD_DOC_LIST ? &bias->item[k] : bias, &c->bias[k]))
            return RD_FAIL(c->f->err, RD_E_INPUT, "bias %zu is no finite number", k);
    c->f->targets = (int64_t)n;
    return RD_OK;
}

static rd_status objective(struct cat *c, const struct rd_doc *doc)
{
    static const struct {
        const char *name;
        enum rd_forest_end end;
    } known[] = { { "Logloss", RD_FOREST_SIGMOID }, { "CrossEntropy", RD_FOREST_SIGMOID },
        { "MultiClass", RD_FOREST_SOFTMAX }, { "MultiClassOneVsAll", RD_FOREST_SIGMOID },
        { "Poisson", RD_FOREST_EXP }, { "Tweedie", RD_FOREST_EXP }, { "RMSE", RD_FOREST_NONE },
        { "MAE", RD_FOREST_NONE }, { "Quantile", RD_FOREST_NONE }, { "MultiRMSE", RD_FOREST_NONE },
        { "LogLinQuantile", RD_FOREST_NONE }, { "MAPE", RD_FOREST_NONE },
        { "Focal", RD_FOREST_SIGMOID }, { "MultiLogloss", RD_FOREST_SIGMOID },
        { "MultiCrossEntropy", RD_FOREST_SIGMOID }, { "LogCosh", RD_FOREST_NONE },
        { "RMSEWithUncertainty", RD_FOREST_UNCERTAINTY }, { "MultiQuantile", RD_FOREST_NONE },
        { "Cox", RD_FOREST_NONE }, { "SurvivalAft", RD_FOREST_NONE },
        { "YetiRankPairwise", RD_FOREST_NONE }, { "PairLogitPairwise", RD_FOREST_NONE },
        { "StochasticRank", RD_FOREST_NONE }, { "LambdaMart", RD_FOREST_NONE },
        { "MultiRMSEWithMissingValues", RD_FOREST_NONE }, { "QueryCrossEntropy", RD_FOREST_NONE },
        { "StochasticFilter", RD_FOREST_NONE }, { "GroupQuantile", RD_FOREST_NONE },
        { "Huber", RD_FOREST_NONE }, { "Expectile", RD_FOREST_NONE }, { "Lq", RD_FOREST_NONE },
        { "QueryRMSE", RD_FOREST_NONE }, { "YetiRank", RD_FOREST_NONE },
        { "PairLogit", RD_FOREST_NONE }, { "QuerySoftMax", RD_FOREST_NONE } };
    const struct rd_doc *params = rd_doc_get(rd_doc_get(doc, "model_info"), "params");
    const char *name = word(rd_doc_get(rd_doc_get(params, "loss_function"), "type"), "");
    char safe[SHOWN];

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (!strcmp(name, known[i].name)) {
            c->f->end = known[i].end;
            return RD_OK;
        }
    return RD_FAIL(c->f->err, RD_E_INPUT, "loss function '%s' is not supported",
        rd_text_safe_in(safe, sizeof(safe), name));
}

struct split {
    int64_t column;
    double border;
};

static rd_status read_split(const struct cat *c, const struct rd_doc *d, struct split *out)
{
    const char *type = word(rd_doc_get(d, "split_type"), "FloatFeature");
    char safe[SHOWN];

    if (strcmp(type, "FloatFeature") != 0)
        return RD_FAIL(c->f->err, RD_E_INPUT,
            "tree %zu splits by '%s', which is not supported: only FloatFeature is", c->tree,
            rd_text_safe_in(safe, sizeof(safe), type));
    if (!rd_forest_int(rd_doc_get(d, "float_feature_index"), &out->column) || out->column < 0 ||
        (uint64_t)out->column >= c->n_columns ||
        !rd_forest_real(rd_doc_get(d, "border"), &out->border))
        return RD_FAIL(c->f->err, RD_E_INPUT, "tree %zu has a malformed split", c->tree);
    out->border = (double)(float)out->border;
    return RD_OK;
}

/* A leaf with the n numbers from item, one a score. */
static rd_status leaf(struct cat *c, const struct rd_doc *item, size_t n, int64_t *out)
{
    double v;

    for (size_t k = 0; k < n; k++) {
        if (!rd_forest_real(&item[k], &v))
            return RD_FAIL(
                c->f->err, RD_E_INPUT, "tree %zu has a leaf that is no finite number", c->tree);
        if (k)
            rd_forest_leaf_more(c->f, (int64_t)k, v * c->scale);
        else
            *out = rd_forest_leaf(c->f, 0, v * c->scale);
    }
    return RD_OK;
}

/* Above the border: no. */
static void branch(struct cat *c, size_t at, const struct split *s, int64_t below, int64_t above)
{
    rd_forest_set(c->f, at,
        (struct rd_forest_node){ .feature = c->column[s->column].flat,
            .threshold = s->border,
            .mode = RD_TREE_LEQ,
            .missing_yes = !c->column[s->column].missing_above,
            .yes = below,
            .no = above });
}

static rd_status oblivious(struct cat *c, const struct rd_doc *doc)
{
    const struct rd_doc *splits = rd_doc_get(doc, "splits");
    const struct rd_doc *values = rd_doc_get(doc, "leaf_values");
    const size_t targets = (size_t)c->f->targets;
    const size_t depth = splits && splits->kind == RD_DOC_LIST ? splits->n : 0;
    const size_t leaves = (size_t)1 << (depth <= DEEPEST ? depth : 0);
    struct split split[DEEPEST];
    int64_t child[2] = { 0 };
    size_t first;
    rd_status st = RD_OK;

    if (depth > DEEPEST)
        return RD_FAIL(
            c->f->err, RD_E_INPUT, "tree %zu is %zu deep, more than %d", c->tree, depth, DEEPEST);
    if (!values || values->kind != RD_DOC_LIST || values->n != leaves * targets)
        return RD_FAIL(
            c->f->err, RD_E_INPUT, "tree %zu must have %zu leaf_values", c->tree, leaves * targets);
    for (size_t i = 0; i < depth && !st; i++)
        st = read_split(c, &splits->item[i], &split[i]);
    if (!st && !depth)
        st = leaf(c, values->item, targets, &child[0]);
    first = !st && depth ? rd_forest_reserve(c->f, leaves - 1) : 0;
    /* Nodes in the order of a heap: the last split at the root, so that a leaf's place is its
     * number. */
    for (size_t i = 0; i < leaves - 1 && !st && !c->f->failed; i++) {
        size_t level = 0;

        while ((i + 1) >> (level + 1))
            level++;
        for (size_t side = 0; side < 2 && !st; side++) {
            const size_t to = 2 * i + 1 + side;

            child[side] = (int64_t)(first + to);
            if (to >= leaves - 1)
                st = leaf(c, &values->item[(to - (leaves - 1)) * targets], targets, &child[side]);
        }
        branch(c, first + i, &split[depth - 1 - level], child[0], child[1]);
    }
    if (!st)
        rd_forest_root(c->f, depth ? (int64_t)first : child[0]);
    return st;
}

/* A subtree that is a leaf, or gets a node of its own and waits. */
struct waiting {
    const struct rd_doc *doc;
    size_t at;
};

static rd_status subtree(
    struct cat *c, const struct rd_doc *doc, struct waiting *todo, size_t *todo_n, int64_t *out)
{
    const struct rd_doc *value = rd_doc_get(doc, "value");
    const size_t targets = (size_t)c->f->targets;

    if (value && value->kind == RD_DOC_LIST ? value->n == targets : value && targets == 1)
        return leaf(c, value->kind == RD_DOC_LIST ? value->item : value, targets, out);
    if (value || !doc)
        return RD_FAIL(
            c->f->err, RD_E_INPUT, "tree %zu has a leaf without %zu values", c->tree, targets);
    if (*todo_n == WAITING)
        return RD_FAIL(c->f->err, RD_E_INPUT, "tree %zu is too deep", c->tree);
    *out = (int64_t)rd_forest_reserve(c->f, 1);
    todo[(*todo_n)++] = (struct waiting){ doc, (size_t)*out };
    return RD_OK;
}

/* Of the other grow policies: subtrees inside each other. Depth first, so that what waits is no
 * more than the depth, which the document's reader bounds. */
static rd_status nested(struct cat *c, const struct rd_doc *doc)
{
    struct waiting todo[WAITING];
    size_t todo_n = 0;
    int64_t root = 0, below = 0, above = 0;
    struct split split = { 0 };
    rd_status st = subtree(c, doc, todo, &todo_n, &root);

    while (todo_n && !st && !c->f->failed) {
        const struct waiting w = todo[--todo_n];
        const struct rd_doc *s = rd_doc_get(w.doc, "split");

        if (!s)
            st = RD_FAIL(c->f->err, RD_E_INPUT, "tree %zu has a node without 'split'", c->tree);
        if (!st)
            st = read_split(c, s, &split);
        if (!st)
            st = subtree(c, rd_doc_get(w.doc, "left"), todo, &todo_n, &below);
        if (!st)
            st = subtree(c, rd_doc_get(w.doc, "right"), todo, &todo_n, &above);
        if (!st)
            branch(c, w.at, &split, below, above);
    }
    if (!st)
        rd_forest_root(c->f, root);
    return st;
}

rd_status rd_catboost_read(
    struct rd_forest *f, const struct rd_doc *doc, struct rd_graph **graph_out)
{
    const struct rd_doc *even = rd_doc_get(doc, "oblivious_trees");
    const struct rd_doc *trees = even ? even : rd_doc_get(doc, "trees");
    struct cat *c = RD_NEW(f->arena, struct cat);
    rd_status st;

    f->producer = "catboost";
    if (!c)
        return RD_FAIL(f->err, RD_E_MEMORY, "no memory for the model");
    c->f = f;
    if (!trees || trees->kind != RD_DOC_LIST || !trees->n)
        return RD_FAIL(f->err, RD_E_INPUT, "it has no list 'oblivious_trees' or 'trees'");
    st = features(c, rd_doc_get(doc, "features_info"));
    if (!st)
        st = scale_and_bias(c, rd_doc_get(doc, "scale_and_bias"));
    if (!st)
        st = objective(c, doc);
    for (c->tree = 0; c->tree < trees->n && !st && !f->failed; c->tree++)
        st = even ? oblivious(c, &trees->item[c->tree]) : nested(c, &trees->item[c->tree]);
    if (!st)
        rd_forest_bias(f, c->bias);
    return st ? st : rd_forest_graph(f, graph_out);
}
