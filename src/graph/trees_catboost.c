/*
 * trees_catboost.c - CatBoost's JSON model as a graph: oblivious trees of float features.
 *
 * Split i of a tree is bit i of the leaf's number, set when the feature is above the border
 * (float32). A missing value is below all borders, or above all of them where nan_value_treatment
 * is AsTrue. A score is scale times the sum of leaves, plus bias. Columns are those of the data the
 * model was trained on (flat_feature_index). Categorical, text and embedding features are refused
 * by name: their encoders need the training data's tables.
 *
 * Source: CatBoost's documentation, "JSON model" tutorial; files of 1.2.
 */
#include "graph/forest.h"

#include "base/text.h"

#include <string.h>

enum { SHOWN = 60, DEEPEST = 16, SCORES = 1 << 12 };

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
        { "LogLinQuantile", RD_FOREST_EXP }, { "MAPE", RD_FOREST_NONE },
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

/* A tree for each score: a leaf of a TreeEnsemble has one. */
static rd_status tree(struct cat *c, const struct rd_doc *doc)
{
    const struct rd_doc *splits = rd_doc_get(doc, "splits");
    const struct rd_doc *values = rd_doc_get(doc, "leaf_values");
    const size_t targets = (size_t)c->f->targets;
    const size_t depth = splits && splits->kind == RD_DOC_LIST ? splits->n : 0;
    const size_t leaves = (size_t)1 << (depth <= DEEPEST ? depth : 0);
    struct split split[DEEPEST];
    rd_status st = RD_OK;

    if (depth > DEEPEST)
        return RD_FAIL(
            c->f->err, RD_E_INPUT, "tree %zu is %zu deep, more than %d", c->tree, depth, DEEPEST);
    if (!values || values->kind != RD_DOC_LIST || values->n != leaves * targets)
        return RD_FAIL(
            c->f->err, RD_E_INPUT, "tree %zu must have %zu leaf_values", c->tree, leaves * targets);
    for (size_t i = 0; i < depth && !st; i++)
        st = read_split(c, &splits->item[i], &split[i]);
    for (size_t k = 0; k < targets && !st && !c->f->failed; k++) {
        const size_t first = depth ? rd_forest_reserve(c->f, leaves - 1) : 0;
        int64_t child[2] = { 0 };

        /* Nodes in the order of a heap: the last split at the root, so that a leaf's place is its
         * number. */
        for (size_t i = 0; i < leaves - 1; i++) {
            size_t level = 0;

            while ((i + 1) >> (level + 1))
                level++;
            for (size_t side = 0; side < 2 && !st; side++) {
                const size_t to = 2 * i + 1 + side, at = to - (leaves - 1);
                double v = 0;

                child[side] = (int64_t)(first + to);
                if (to < leaves - 1)
                    continue;
                if (!rd_forest_real(&values->item[at * targets + k], &v))
                    st = RD_FAIL(c->f->err, RD_E_INPUT, "tree %zu: leaf %zu is no finite number",
                        c->tree, at);
                child[side] = rd_forest_leaf(c->f, (int64_t)k, v * c->scale);
            }
            rd_forest_set(c->f, first + i,
                (struct rd_forest_node){ .feature = c->column[split[depth - 1 - level].column].flat,
                    .threshold = split[depth - 1 - level].border,
                    .mode = RD_TREE_LEQ,
                    .missing_yes = !c->column[split[depth - 1 - level].column].missing_above,
                    .yes = child[0],
                    .no = child[1] });
        }
        if (!depth) {
            double v = 0;

            if (!rd_forest_real(&values->item[k], &v))
                st =
                    RD_FAIL(c->f->err, RD_E_INPUT, "tree %zu: leaf 0 is no finite number", c->tree);
            rd_forest_root(c->f, rd_forest_leaf(c->f, (int64_t)k, v * c->scale));
        } else {
            rd_forest_root(c->f, (int64_t)first);
        }
    }
    return st;
}

rd_status rd_catboost_read(
    struct rd_forest *f, const struct rd_doc *doc, struct rd_graph **graph_out)
{
    const struct rd_doc *trees = rd_doc_get(doc, "oblivious_trees");
    struct cat *c = RD_NEW(f->arena, struct cat);
    rd_status st;

    f->producer = "catboost";
    if (!c)
        return RD_FAIL(f->err, RD_E_MEMORY, "no memory for the model");
    c->f = f;
    if (!trees || trees->kind != RD_DOC_LIST || !trees->n)
        return RD_FAIL(f->err, RD_E_INPUT,
            "it has no list 'oblivious_trees' (other grow policies are not supported)");
    st = features(c, rd_doc_get(doc, "features_info"));
    if (!st)
        st = scale_and_bias(c, rd_doc_get(doc, "scale_and_bias"));
    if (!st)
        st = objective(c, doc);
    for (c->tree = 0; c->tree < trees->n && !st && !f->failed; c->tree++)
        st = tree(c, &trees->item[c->tree]);
    for (int64_t k = 0; k < f->targets && !st && !f->failed; k++)
        rd_forest_root(f, rd_forest_leaf(f, k, c->bias[k]));
    return st ? st : rd_forest_graph(f, graph_out);
}
