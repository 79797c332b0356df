/*
 * Models straight from the files of XGBoost, LightGBM and CatBoost: scores as the library gave them
 * (tests/fixtures/trees, of XGBoost 1.7, 2.1 and 3.2, LightGBM 4.7, CatBoost 1.2), and files that
 * lie.
 */
#include "support.h"

#include "base/file.h"
#include "graph/graph.h"
#include "graph/net.h"
#include "graph/ubj.h"
#include "tensor/npy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FOLDER "tests/fixtures/trees/"

static const char *const models[] = { "xgb_binary.json", "xgb_softprob.ubj", "xgb_dart.ubj",
    "xgb_sets.json", "xgb17_binary.json", "xgb21_sets.json", "lgb_binary.txt", "lgb_multiclass.txt",
    "lgb_sets.txt", "lgb_forest.txt", "cat_binary.json", "cat_multiclass.json", "xgb_vector.json",
    "xgb21_vector.ubj", "lgb_linear.txt", "cat_lossguide.json", "cat_uncertainty.json" };
enum { MODELS = sizeof(models) / sizeof(*models) };

static const struct rd_tensor *array(struct rd_arena *arena, const char *name)
{
    struct rd_tensor *t = NULL;

    assert_int_equal(rd_npy_read(name, NULL, arena, &t, NULL), RD_OK);
    assert_int_equal(t->dtype, RD_F32);
    return t;
}

static void scores_are_those_of_the_library(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        const struct rd_tensor *x = array(&arena, FOLDER "x.npy"), *y;
        struct rd_graph *g;
        struct rd_net *net;
        char path[200];
        float *got;

        (void)snprintf(path, sizeof(path), FOLDER "%s", models[i]);
        assert_int_equal(rd_graph_load(path, NULL, &arena, &g, NULL), RD_OK);
        (void)snprintf(
            path, sizeof(path), FOLDER "%.*s.y.npy", (int)strcspn(models[i], "."), models[i]);
        y = array(&arena, path);
        assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
        assert_int_equal(rd_net_inputs(net), x->dim[1]);
        assert_int_equal(rd_net_outputs(net), y->dim[1]);
        got = RD_NEW_ARRAY(&arena, float, rd_tensor_count(y));
        assert_int_equal(rd_net_forward(net, x->data, (size_t)x->dim[0], got, NULL), RD_OK);
        for (size_t k = 0; k < rd_tensor_count(y); k++) {
            const float want = ((const float *)y->data)[k];

            if (fabsf(got[k] - want) > 1e-6f * (1 + fabsf(want)))
                fail_msg(
                    "%s: score %zu is %.9g, not %.9g", models[i], k, (double)got[k], (double)want);
        }
        rd_net_free(net);
        rd_arena_release(&arena);
    }
}

static rd_status parse(const void *bytes, size_t size, struct rd_error *err)
{
    struct rd_limits limits = rd_limits_default;
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_graph *g;
    rd_status st;

    limits.memory_bytes = 64 << 20;
    st = rd_graph_parse("m", NULL, bytes, size, &limits, &arena, &g, err);
    assert_true(arena.used < (size_t)64 << 20);
    rd_arena_release(&arena);
    return st;
}

static void files_cut_at_any_byte_are_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_bytes b;
        char path[200];

        (void)snprintf(path, sizeof(path), FOLDER "%s", models[i]);
        assert_int_equal(rd_file_read(path, 1 << 20, &arena, &b, NULL), RD_OK);
        for (size_t n = 0; n + 1 < b.size; n++) { /* the last byte of text is a line's end */
            struct rd_error err = { .status = RD_OK };
            const rd_status st = parse(b.data, n, &err);

            if (st != RD_E_INPUT || !err.frames)
                fail_msg("%s cut at %zu: status %d", models[i], n, (int)st);
        }
        rd_arena_release(&arena);
    }
}

static void files_with_any_byte_changed_stay_within_bounds(void **state)
{
    static const unsigned char change[] = { 0x01, 0x10, 0x80, 0xff };

    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_bytes b;
        unsigned char *own;
        char path[200];

        (void)snprintf(path, sizeof(path), FOLDER "%s", models[i]);
        assert_int_equal(rd_file_read(path, 1 << 20, &arena, &b, NULL), RD_OK);
        own = rd_arena_alloc(&arena, b.size, 1);
        memcpy(own, b.data, b.size);
        for (size_t n = 0; n < b.size; n++) {
            struct rd_error err = { .status = RD_OK };
            rd_status st;

            own[n] ^= change[n % sizeof(change)];
            st = parse(own, b.size, &err);
            if (st && ((st != RD_E_INPUT && st != RD_E_LIMIT) || !err.frames))
                fail_msg(
                    "%s changed at %zu: status %d, %s", models[i], n, (int)st, err.frame[0].text);
            own[n] = b.data[n];
        }
        rd_arena_release(&arena);
    }
}

/* Any frame of the error says this. */
static void refused(const void *bytes, size_t size, const char *why)
{
    struct rd_error err = { .status = RD_OK };

    assert_int_not_equal(parse(bytes, size, &err), RD_OK);
    for (int i = 0; i < err.frames; i++)
        if (strstr(err.frame[i].text, why))
            return;
    fail_msg("expected '%s', found '%s'", why, err.frames ? err.frame[0].text : "");
}

#define XGB(left, right, feature, sets)                                                            \
    "{\"learner\":{\"learner_model_param\":{\"base_score\":\"5E-1\",\"num_class\":\"0\","          \
    "\"num_feature\":\"2\"},\"objective\":{\"name\":\"reg:squarederror\"},\"gradient_booster\":{"  \
    "\"name\":\"gbtree\",\"model\":{\"tree_info\":[0],\"trees\":[{\"left_children\":" left         \
    ",\"right_children\":" right ",\"split_indices\":" feature                                     \
    ",\"split_conditions\":[1,2,3],\"default_left\":[false,false,true]" sets "}]}}}}"
#define LGB(nodes)                                                                                 \
    "tree\nmax_feature_idx=1\nnum_tree_per_iteration=1\nobjective=binary "                         \
    "sigmoid:1\n\nTree=0\n" nodes "\n\nend of trees\n"

#define CAT(tree)                                                                                  \
    "{\"features_info\":{\"float_features\":[{\"feature_index\":0,\"flat_feature_index\":0}]},"    \
    "\"model_info\":{\"params\":{\"loss_function\":{\"type\":\"RMSE\"}}},\"scale_and_bias\":["     \
    "1,[0]],\"trees\":[" tree "]}"

static void refused_text(const char *text, const char *why)
{
    refused(text, strlen(text), why);
}

static void trees_that_are_none_are_refused(void **state)
{
    (void)state;
    assert_int_equal(parse(XGB("[1,-1,-1]", "[2,-1,-1]", "[0,0,0]", ""),
                         strlen(XGB("[1,-1,-1]", "[2,-1,-1]", "[0,0,0]", "")), NULL),
        RD_OK);
    refused_text(XGB("[0,-1,-1]", "[2,-1,-1]", "[0,0,0]", ""), "node 0 is out of range or has two");
    refused_text(XGB("[1,0,-1]", "[2,2,-1]", "[0,0,0]", ""), "two parents");
    refused_text(XGB("[1,-1,-1]", "[9,-1,-1]", "[0,0,0]", ""), "node 9 is out of range");
    refused_text(XGB("[1,-1,-1]", "[2,-1,-1]", "[2,0,0]", ""), "reads feature 2 of 2");
    refused_text(XGB("[1,-1,-1]", "[2,-1]", "[0,0,0]", ""), "has 2 entries for 3 nodes");
    refused_text(XGB("[1,-1,-1]", "[2,-1,-1]", "[0,0,0]",
                     ",\"split_type\":[1,0,0],\"categories\":[1,2],\"categories_nodes\":[0],"
                     "\"categories_segments\":[1],\"categories_sizes\":[4611686018427387904]"),
        "set 0 of categories is out of range");
    refused_text(LGB("num_leaves=1000000000\nnum_cat=0\nleaf_value=1"), "must have 1000000000");
    refused_text(LGB("num_leaves=3\nleaf_value=1 2 3\nsplit_feature=0 0\nthreshold=0 0\n"
                     "decision_type=2 2\nleft_child=1 0\nright_child=-1 -2"),
        "cycle");
    refused_text(LGB("num_leaves=2\nleaf_value=1 2\nsplit_feature=0\nthreshold=0\n"
                     "decision_type=2\nleft_child=-1\nright_child=-3"),
        "out of range");
    refused_text(LGB("num_leaves=2\nnum_cat=1\nleaf_value=1 2\nsplit_feature=0\nthreshold=0\n"
                     "decision_type=1\nleft_child=-1\nright_child=-2\ncat_boundaries=0 9\n"
                     "cat_threshold=1"),
        "set 0 is out of range");
    refused_text(LGB("num_leaves=1\nis_linear=1\nleaf_value=1"), "'leaf_const' must have 1");
    refused_text(LGB("num_leaves=1\nis_linear=1\nleaf_value=1\nleaf_const=1\nnum_features=2\n"
                     "leaf_features=0\nleaf_coeff=1"),
        "'num_features' 0 is more than 'leaf_features' has");
    refused_text(LGB("num_leaves=1\nis_linear=1\nleaf_value=1\nleaf_const=1\nnum_features=1\n"
                     "leaf_features=2\nleaf_coeff=1"),
        "'leaf_features' 0 is out of range");
    refused_text(CAT("{\"left\":{\"value\":1},\"right\":{},\"split\":{\"border\":0,"
                     "\"float_feature_index\":0}}"),
        "a node without 'split'");
    refused_text(CAT("{\"value\":[1,2]}"), "a leaf without 1 values");
}

/* XGBoost 2 writes NaN where a set has no threshold; LightGBM where only the missing go left. */
static void thresholds_that_are_nan_are_read(void **state)
{
    static const char set[] = "{\"learner\":{\"learner_model_param\":{\"base_score\":[0.5],"
                              "\"num_class\":\"0\",\"num_feature\":\"1\"},\"objective\":{"
                              "\"name\":\"reg:squarederror\"},\"gradient_booster\":{\"name\":"
                              "\"gbtree\",\"model\":{\"tree_info\":[0],\"trees\":[{"
                              "\"left_children\":[1,-1,-1],\"right_children\":[2,-1,-1],"
                              "\"split_indices\":[0,0,0],\"split_conditions\":[NaN,2,3],"
                              "\"x\":[-Infinity,\"NaN\\\"\"],\"default_left\":[1,0,0],"
                              "\"split_type\":[1,0,0],\"categories\":[0,2,3],"
                              "\"categories_nodes\":[0],\"categories_segments\":[0],"
                              "\"categories_sizes\":[3]}]}}}}";
    static const char missing[] =
        "tree\nmax_feature_idx=0\nnum_tree_per_iteration=1\nobjective=regression\n\nTree=0\n"
        "num_leaves=2\nleaf_value=2.5 3.5\nsplit_feature=0\nthreshold=-nan\ndecision_type=10\n"
        "left_child=-1\nright_child=-2\n\nend of trees\n";
    static const float x[] = { -1, -0.5f, 0, 0.9f, 1, 2, 3.5f, 4, INFINITY, NAN };
    static const float want[2][10] = { { 2.5f, 2.5f, 3.5f, 3.5f, 2.5f, 3.5f, 3.5f, 2.5f, 2.5f,
                                           2.5f },
        { 3.5f, 3.5f, 3.5f, 3.5f, 3.5f, 3.5f, 3.5f, 3.5f, 3.5f, 2.5f } };
    const char *const file[] = { set, missing };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_graph *g;
        struct rd_net *net;
        float got[10];

        assert_int_equal(
            rd_graph_parse("m", NULL, file[i], strlen(file[i]), NULL, &arena, &g, NULL), RD_OK);
        assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
        assert_int_equal(rd_net_forward(net, x, 10, got, NULL), RD_OK);
        for (int k = 0; k < 10; k++)
            assert_float_equal(got[k], want[i][k], 0);
        rd_net_free(net);
        rd_arena_release(&arena);
    }
}

/* A tree of one split at 1 (2 below it, 3 from it on) less 2.5, and what its objective answers. */
static void objectives_end_as_in_the_library(void **state)
{
#define STUMP(objective, base)                                                                     \
    "{\"learner\":{\"learner_model_param\":{\"base_score\":\"" base "\",\"num_class\":\"0\","      \
    "\"num_feature\":\"1\"},\"objective\":{\"name\":\"" objective "\"},\"gradient_booster\":{"     \
    "\"name\":\"gbtree\",\"model\":{\"tree_info\":[0],\"trees\":[{\"left_children\":[1,-1,-1],"    \
    "\"right_children\":[2,-1,-1],\"split_indices\":[0,0,0],\"split_conditions\":[1,2,3],"         \
    "\"default_left\":[1,0,0]}]}}}}"
    static const struct {
        const char *file;
        float low, high; /* scores */
    } row[] = { { STUMP("binary:hinge", "-2.5"), 0, 1 },
        { STUMP("survival:cox", "1"), 7.389056f, 20.085537f },
        { STUMP("survival:aft", "1"), 7.389056f, 20.085537f },
        { "tree\nmax_feature_idx=0\nnum_tree_per_iteration=1\nobjective=regression sqrt\n\nTree=0\n"
          "num_leaves=2\nleaf_value=-2 3\nsplit_feature=0\nthreshold=1\ndecision_type=2\n"
          "left_child=-1\nright_child=-2\n\nend of trees\n",
            -4, 9 } };
    const float x[] = { 0, 2 };

    (void)state;
    for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_graph *g;
        struct rd_net *net;
        float got[2];

        assert_int_equal(
            rd_graph_parse("m", NULL, row[i].file, strlen(row[i].file), NULL, &arena, &g, NULL),
            RD_OK);
        assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
        assert_int_equal(rd_net_forward(net, x, 2, got, NULL), RD_OK);
        assert_float_equal(got[0], row[i].low, 1e-5f);
        assert_float_equal(got[1], row[i].high, 1e-5f);
        rd_net_free(net);
        rd_arena_release(&arena);
    }
}

/* multi:softmax: the class stands first, as in the library, then the probabilities. */
static void a_class_and_its_probabilities_are_two_outputs(void **state)
{
    static const char file[] =
        "{\"learner\":{\"learner_model_param\":{\"base_score\":\"5E-1\",\"num_class\":\"2\","
        "\"num_feature\":\"1\"},\"objective\":{\"name\":\"multi:softmax\"},\"gradient_booster\":{"
        "\"name\":\"gbtree\",\"model\":{\"tree_info\":[1],\"trees\":[{\"left_children\":[1,-1,-1],"
        "\"right_children\":[2,-1,-1],\"split_indices\":[0,0,0],\"split_conditions\":[1,-2,3],"
        "\"default_left\":[1,0,0]}]}}}}";
    static const int64_t rows[] = { 2, 1 };
    struct rd_arena arena = RD_ARENA_INIT;
    const struct rd_tensor *in[1];
    struct rd_tensor *x, *out[2];
    struct rd_graph *g;
    struct rd_net *net;

    (void)state;
    assert_int_equal(rd_graph_parse("m", NULL, file, strlen(file), NULL, &arena, &g, NULL), RD_OK);
    assert_int_equal(rd_tensor_new(&arena, RD_F32, rows, 2, NULL, &x, NULL), RD_OK);
    ((float *)x->data)[1] = 2;
    in[0] = x;
    assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
    assert_int_equal(rd_net_run(net, in, 1, &arena, out, NULL), RD_OK);
    assert_int_equal(out[0]->dtype, RD_I64);
    assert_int_equal(out[0]->ndim, 1);
    assert_int_equal(((const int64_t *)out[0]->data)[0], 0);
    assert_int_equal(((const int64_t *)out[0]->data)[1], 1);
    assert_float_equal(((const float *)out[1]->data)[3], 1 / (1 + expf(-3)), 1e-6f);
    rd_net_free(net);
    rd_arena_release(&arena);
}

static void what_is_never_read_says_how_to_export(void **state)
{
    static const char *const file[] = { "\x80\x04\x95zzzz", "PK\x03\x04zzzz",
        "\x89HDF\r\n\x1a\nz" };
    static const char *const why[] = { "this is a pickle", "this is a ZIP archive", "HDF5" };
    struct rd_error err = { .status = RD_OK };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        refused(file[i], 7, i < 2 ? why[i] : "cannot read");
        assert_int_equal(parse(file[i], i < 2 ? 7 : 9, &err), RD_E_INPUT);
        assert_non_null(strstr(err.hint, "torch.onnx.export"));
        err = (struct rd_error){ .status = RD_OK };
    }
    refused_text("CBM1aaaa", "CatBoost's own binary form");
    refused_text("ccopy_reg\n_reconstructor\n", "this is a pickle");
    refused("\x78\x9c\x01\x02", 4, "this is a compressed file");
    refused("\x1f\x8b\x08\x00", 4, "this is a compressed file");
    refused("\x1c\0\0\0TFL3\0\0", 10, "TensorFlow Lite");
    refused_text("{\"name\":\"tree\",\"tree_info\":[]}", "dump_model");
    refused("\x02\0\0\0\0\0\0\0{}", 10, "weights without a graph");
    refused_text("{\"a\":1}", "no model of XGBoost");
}

static void nesting_and_counts_of_ubj_are_bounded(void **state)
{
    static const char *const bad[] = { "{i\x01xH", "{i\x01x[$Z#l\x7f\xff\xff\xff",
        "{i\x01x[$d#l\x7f\xff\xff\xff", "{i\x01x[#i\xff", "{L\x7f\xff\xff\xff\xff\xff\xff\xff" };
    char deep[4096];
    struct rd_buf out = { 0 };

    (void)state;
    memset(deep, '[', sizeof(deep));
    assert_int_equal(
        rd_ubj_to_json(deep, sizeof(deep), NULL, &rd_limits_default, &out, NULL), RD_E_LIMIT);
    rd_buf_release(&out);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(
            rd_ubj_to_json(bad[i], strlen(bad[i]), NULL, &rd_limits_default, &out, NULL),
            RD_E_INPUT);
        rd_buf_release(&out);
    }
}

static void ubj_becomes_json(void **state)
{
    static const char text[] = "{i\x01"
                               "a[$U#i\x03\x01\x02\xff"
                               "i\x01"
                               "b[d\x3f\x80\0\0ZTFI\xff\xfe"
                               "NCx]i\x01"
                               "c{i\x01zSi\x02\"\n}i\x01"
                               "dd\x7f\x80\0\0}";
    static const char *const skip[] = { "c", NULL };
    struct rd_buf out = { 0 };

    (void)state;
    assert_int_equal(
        rd_ubj_to_json(text, sizeof(text) - 1, NULL, &rd_limits_default, &out, NULL), RD_OK);
    assert_string_equal(rd_buf_text(&out),
        "{\"a\":[1,2,255],\"b\":[1,null,true,false,-2,\"x\"],\"c\":{\"z\":\"\\\"\\u000a\"},"
        "\"d\":\"inf\"}");
    rd_buf_release(&out);
    assert_int_equal(
        rd_ubj_to_json(text, sizeof(text) - 1, skip, &rd_limits_default, &out, NULL), RD_OK);
    assert_non_null(strstr(rd_buf_text(&out), "],\"c\":null,\"d\""));
    rd_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_the_library),
        cmocka_unit_test(files_cut_at_any_byte_are_errors),
        cmocka_unit_test(files_with_any_byte_changed_stay_within_bounds),
        cmocka_unit_test(trees_that_are_none_are_refused),
        cmocka_unit_test(thresholds_that_are_nan_are_read),
        cmocka_unit_test(objectives_end_as_in_the_library),
        cmocka_unit_test(a_class_and_its_probabilities_are_two_outputs),
        cmocka_unit_test(what_is_never_read_says_how_to_export),
        cmocka_unit_test(nesting_and_counts_of_ubj_are_bounded),
        cmocka_unit_test(ubj_becomes_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
