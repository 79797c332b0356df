/*
 * The operators of ai.onnx.ml and the text ones: a table of values worked out by hand, each row of
 * it also run example by example (the same bits must come out), and what contradicts itself,
 * refused by name.
 *
 * Against scikit-learn: tests/golden/ml_sklearn.py; gradients: test_ml_gradients.c.
 */
#include "ml_rig.h"

static const struct value cases[] = {
    /* x0 - x1 + 0.5; one row of weights, two labels: minus the score and the score */
    { "LinearClassifier", 1, "f 2,2: 1 2 3 1",
        "coefficients=1,-1 intercepts=0.5 classlabels_ints=7,9",
        "i 2: 7 9 ; f 2,2: 0.5 -0.5 -2.5 2.5" },
    { "LinearClassifier", 1, "f 2,2: 1 2 3 1",
        "coefficients=1,-1 intercepts=0.5 classlabels_strings=no,yes post_transform=LOGISTIC",
        "s 2: no yes ; f 2,2: 0.6224593 0.3775407 0.0758582 0.9241418" },
    { "LinearClassifier", 1, "d 1,2: 1 2",
        "coefficients=1,0,0,1,1,1 intercepts=0,0,-5 classlabels_ints=4,5,6 post_transform=SOFTMAX",
        "i 1: 5 ; f 1,3: 0.2653879 0.7213992 0.0132129" },
    { "LinearClassifier", 1, "i 1,2: 1 2",
        "coefficients=1,0,0,1,-1,0.5 intercepts=0,0,0 classlabels_ints=4,5,6 "
        "post_transform=SOFTMAX_ZERO",
        "i 1: 5 ; f 1,3: 0.2689414 0.7310586 0" },
    { "LinearClassifier", 1, "f 2: 0.25 0.5",
        "coefficients=1,0,0,1 intercepts=0,0.25 classlabels_ints=0,1 post_transform=PROBIT",
        "i 1: 1 ; f 1,2: -0.6744898 0.6744898" },
    { "LinearClassifier", 1, "f 2,1: 1 -1", "coefficients=2 classlabels_ints=3",
        "i 2: 3 0 ; f 2,1: 2 -2" },
    { "LinearClassifier", 1, "f 1,2: 1 1", "coefficients=1,2,3 intercepts=1 classlabels_ints=0,1",
        "!rows have 2 features, the coefficients are for 3" },
    { "LinearClassifier", 1, "f 1,2: 1 1", "coefficients=1,2,3 intercepts=1,1",
        "!no whole number" },
    { "LinearClassifier", 1, "f 1,1: 1", "coefficients=1,2 intercepts=1,1 classlabels_ints=0,1,2",
        "!3 class labels for 2 rows" },
    { "LinearClassifier", 1, "f 1,1: 1", "coefficients=1 post_transform=SOFTMIN",
        "!must be one of NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO, PROBIT, not 'SOFTMIN'" },
    { "LinearRegressor", 1, "f 2,2: 1 2 3 4", "coefficients=1,0,0.5,0.5 intercepts=0,1 targets=2",
        "f 2,2: 1 2.5 3 4.5" },
    { "LinearRegressor", 1, "n 1,2: 3 4", "coefficients=1,-1", "f 1,1: -1" },

    /* two vectors, one a class; kernel values by hand */
    { "SVMClassifier", 1, "f 2,2: 1 0 0 2",
        "coefficients=1,-1 support_vectors=1,0,0,1 vectors_per_class=1,1 rho=0.5 "
        "classlabels_ints=0,1 kernel_type=LINEAR kernel_params=0,0,0",
        "i 2: 0 1 ; f 2,2: -1.5 1.5 1.5 -1.5" },
    { "SVMClassifier", 1, "f 1,2: 1 0",
        "coefficients=1,-1 support_vectors=1,0,0,1 vectors_per_class=1,1 rho=0 "
        "classlabels_ints=0,1 kernel_type=RBF kernel_params=0.5,0,0 prob_a=-2 prob_b=0.25",
        "i 1: 0 ; f 1,2: 0.7338493 0.2661507" },
    { "SVMClassifier", 1, "f 2,2: 1 0 0 2",
        "coefficients=1,0,0,1 rho=-1 classlabels_strings=a,b post_transform=LOGISTIC",
        "s 2: a b ; f 2,2: 0.5 0.2689414 0.2689414 0.7310586" },
    { "SVMClassifier", 1, "f 1,1: 1",
        "coefficients=1,1,1,-1,-1,-1 support_vectors=1,2,3 vectors_per_class=1,1,1 rho=0,0,0 "
        "classlabels_ints=4,5,6 kernel_type=LINEAR",
        "i 1: 4 ; f 1,3: 3 2 -5" },
    { "SVMClassifier", 1, "f 1,1: 1",
        "coefficients=1,1 support_vectors=1,2 vectors_per_class=1,4 rho=0 classlabels_ints=0,1",
        "!class 1 has 4 of the support vectors" },
    { "SVMClassifier", 1, "f 1,1: 1",
        "coefficients=1,1,1 support_vectors=1,2 vectors_per_class=1,1 rho=0 classlabels_ints=0,1",
        "!3 'coefficients' for 2 vectors of 2 classes" },
    { "SVMClassifier", 1, "f 1,1: 1",
        "coefficients=1,1 support_vectors=1,2 vectors_per_class=1,1 rho=0 prob_a=1,1 "
        "classlabels_ints=0,1",
        "!1 'rho', 2 'prob_a' and 0 'prob_b' for 1 pairs" },
    { "SVMRegressor", 1, "f 1,2: 1 2",
        "coefficients=2 support_vectors=1,1 n_supports=1 rho=1 kernel_type=POLY "
        "kernel_params=0.5,1,2",
        "f 1,1: 13.5" },
    { "SVMRegressor", 1, "d 2,2: 1 2 0 -3",
        "coefficients=1 support_vectors=1,1 n_supports=1 rho=0 kernel_type=SIGMOID "
        "kernel_params=0.5,0,0 one_class=1",
        "f 2,1: 1 -1" },
    { "SVMRegressor", 1, "f 1,2: 1 2", "coefficients=2,3 rho=-1", "f 1,1: 7" },
    { "SVMRegressor", 1, "f 1,2: 1 2", "coefficients=2,3 rho=-1 support_vectors=1,2,3 n_supports=2",
        "!3 numbers in 'support_vectors' are no 2 vectors" },

/* x0 <= 0.5, NaN too: leaf 1, else leaf 2; the second tree asks x1 > 1 */
#define TREES                                                                                      \
    "nodes_treeids=0,0,0,7,7,7 nodes_nodeids=0,1,2,0,1,2 nodes_featureids=0,0,0,1,0,0 "            \
    "nodes_modes=BRANCH_LEQ,LEAF,LEAF,BRANCH_GT,LEAF,LEAF nodes_values=0.5,0,0,1,0,0 "             \
    "nodes_truenodeids=1,0,0,1,0,0 nodes_falsenodeids=2,0,0,2,0,0 "                                \
    "nodes_missing_value_tracks_true=1,0,0,0,0,0 "
#define CLASS(ids, weights)                                                                        \
    "class_treeids=0,0,7,7 class_nodeids=1,2,1,2 class_ids=" ids " class_weights=" weights " "
    /* one class named, no weight below zero: the probability of the second */
    { "TreeEnsembleClassifier", 1, "f 3,2: 0 0 1 2 nan nan",
        TREES CLASS("1,1,1,1", "0.1,0.4,0.5,0.2") "classlabels_strings=no,yes",
        "s 3: no yes no ; f 3,2: 0.7 0.3 0.1 0.9 0.7 0.3" },
    /* a weight below zero: a margin */
    { "TreeEnsembleClassifier", 1, "d 2,2: 0 0 1 2",
        TREES CLASS("0,0,0,0", "-1,0.5,0.25,0.5") "classlabels_int64s=4,5 post_transform=LOGISTIC "
                                                  "base_values=0.25",
        "i 2: 4 5 ; f 2,2: 0.5621765 0.4378235 0.2689414 0.7310586" },
    { "TreeEnsembleClassifier", 1, "i 1,2: 0 2",
        TREES CLASS("0,0,0,0", "-1,0.5,0.25,0.5") "classlabels_int64s=4,5 base_values=0,2",
        "i 1: 5 ; f 1,2: -1.25 1.25" },
    { "TreeEnsembleClassifier", 3, "f 2,2: 0 0 1 2",
        TREES CLASS("0,1,2,0", "1,2,4,0.5") "classlabels_int64s=7,8,9 base_values=0,0.5,-0.25",
        "i 2: 7 9 ; f 2,3: 1.5 0.5 -0.25 0 2.5 3.75" },
    { "TreeEnsembleRegressor", 1, "f 2,2: 0 0 1 2",
        TREES "target_treeids=0,0,7,7 target_nodeids=1,2,1,2 target_ids=0,0,0,1 "
              "target_weights=1,2,4,8 n_targets=2 aggregate_function=AVERAGE base_values=10",
        "f 2,2: 10.5 14 13 10" },
    { "TreeEnsembleRegressor", 1,
        "f 2,2: 0 0 1 2", /* a number given twice for one target counts once */
        TREES "target_treeids=0,0,0,7,7 target_nodeids=1,1,2,1,2 target_ids=0,0,0,0,0 "
              "target_weights=1,1,2,4,8",
        "f 2,1: 9 6" },
    { "TreeEnsembleRegressor", 1, "n 2,2: 0 0 1 2",
        TREES "target_treeids=0,0,7,7 target_nodeids=1,2,1,2 target_ids=0,0,0,0 "
              "target_weights=1,2,4,-8 aggregate_function=MAX",
        "f 2,1: 1 4" },
    { "TreeEnsembleRegressor", 1, "f 1,1: 0",
        TREES "target_treeids=0 target_nodeids=1 target_ids=0 target_weights=1",
        "!rows have 1 features, the trees read feature 1" },
    { "TreeEnsembleRegressor", 1, "f 1,2: 0 0",
        TREES "target_treeids=0 target_nodeids=9 target_ids=0 target_weights=1",
        "!weight 0 is for node 9 of tree 0, which does not exist" },
    { "TreeEnsembleRegressor", 1, "f 1,2: 0 0",
        TREES "target_treeids=0 target_nodeids=1 target_ids=1 target_weights=1",
        "!has target 1, not in 0..0" },
    { "TreeEnsembleRegressor", 1, "f 1,2: 0 0",
        TREES "target_treeids=0 target_nodeids=1 target_ids=0 target_weights=1,2",
        "!must have as many entries: 1, 1, 1, 2" },
    { "TreeEnsembleRegressor", 1, "f 1,2: 0 0",
        "nodes_treeids=0,0 nodes_nodeids=0,1 nodes_featureids=0,0 nodes_modes=BRANCH_LT,BRANCH_LT "
        "nodes_values=0,0 nodes_truenodeids=1,0 nodes_falsenodeids=5,5",
        "!node 0 of tree 0 leads to node 5, which does not exist" },
    { "TreeEnsembleRegressor", 1, "f 1,2: 0 0",
        "nodes_treeids=0,0,0 nodes_nodeids=0,1,2 nodes_featureids=0,0,0 "
        "nodes_modes=LEAF,BRANCH_LT,BRANCH_LT nodes_values=0,0,0 nodes_truenodeids=0,2,1 "
        "nodes_falsenodeids=0,2,1",
        "!is reached from no root" },
    { "TreeEnsembleRegressor", 1, "f 1,2: 0 0",
        "nodes_treeids=0,0 nodes_nodeids=1,1 nodes_featureids=0,0 nodes_modes=LEAF,LEAF "
        "nodes_values=0,0 nodes_truenodeids=0,0 nodes_falsenodeids=0,0",
        "!node 1 of tree 0 is given twice" },
    { "TreeEnsembleRegressor", 1, "f 1,2: 0 0",
        "nodes_treeids=0 nodes_nodeids=1 nodes_featureids=0 nodes_modes=BRANCH nodes_values=0 "
        "nodes_truenodeids=0 nodes_falsenodeids=0",
        "!node 0 has a mode that does not exist" },

    { "CDist", 1, "f 2,2: 0 0 1 1 ; f 3,2: 3 4 0 0 1 2", "metric=euclidean",
        "f 2,3: 5 0 2.236068 3.6055513 1.4142135 1" },
    { "CDist", 1, "d 1,2: 1 1 ; d 2,2: 3 4 0 0", "", "d 1,2: 13 2" },
    { "CDist", 1, "f 1,2: 1 1 ; f 1,3: 1 2 3", "", "!rows of 2 numbers and rows of 3" },
    { "CDist", 1, "f 1,2: 1 1 ; f 1,2: 1 2", "metric=cosine", "!must be 'euclidean' or" },
    { "Scaler", 1, "i 2,2: 1 2 3 4", "offset=1,2 scale=2,0.5", "f 2,2: 0 0 4 1" },
    { "Scaler", 1, "f 3: 1 2 3", "offset=1 scale=2", "f 3: 0 2 4" },
    { "Scaler", 1, "f 1,3: 1 2 3", "offset=1,2 scale=2", "!'offset' has 2 entries" },
    { "Normalizer", 1, "f 3,2: 3 -4 0 0 0 0.5", "norm=L2", "f 3,2: 0.6 -0.8 0 0 0 1" },
    { "Normalizer", 1, "f 2,2: 3 -1 2 2", "norm=L1", "f 2,2: 0.75 -0.25 0.5 0.5" },
    { "Normalizer", 1, "f 2,2: 3 -4 2 1", "", "f 2,2: 0.75 -1 1 0.5" },
    { "Normalizer", 1, "f 1,1,1: 1", "", "!one or two dimensions, not 3" },
    { "Binarizer", 1, "d 3: 0.5 1 nan", "threshold=0.5", "d 3: 0 1 0" },
    { "Binarizer", 1, "n 3: -1 0 1", "", "n 3: 0 0 1" },
    { "Imputer", 1, "f 2,2: nan 1 2 nan", "imputed_value_floats=5,6 replaced_value_float=nan",
        "f 2,2: 5 1 2 6" },
    { "Imputer", 1, "f 2,2: 0.5 1 2 3", "imputed_value_floats=9 replaced_value_float=2",
        "f 2,2: 0.5 1 9 3" },
    { "Imputer", 1, "i 3: -1 9007199254740993 2", "imputed_value_int64s=7 replaced_value_int64=-1",
        "i 3: 7 9007199254740993 2" },
    { "Imputer", 1, "i 1: 1", "imputed_value_floats=7", "!'imputed_value_int64s' is missing" },
    { "FeatureVectorizer", 1, "f 2,1: 1 2 ; f 2,2: 3 4 5 6", "", "f 2,3: 1 3 4 2 5 6" },
    { "FeatureVectorizer", 1, "f 2: 1 2 ; f 2,2: 3 4 5 6", "inputdimensions=2,1",
        "f 2,3: 1 0 3 2 0 5" },
    { "FeatureVectorizer", 1, "f 2,1: 1 2 ; f 3,1: 3 4 5", "", "!input 1 has 3 rows" },
    { "ArrayFeatureExtractor", 1, "f 2,3: 1 2 3 4 5 6 ; i 2: 2 0", "", "f 2,2: 3 1 6 4" },
    { "ArrayFeatureExtractor", 1, "s 3: a b c ; i 1,2: 2 2", "", "s 1,2: c c" },
    { "ArrayFeatureExtractor", 1, "f 2,2: 1 2 3 4 ; i 1: 2", "", "!index 2 is outside 0..1" },

    { "LabelEncoder", 1, "s 3: b x a", "classes_strings=a,b default_int64=-7", "i 3: 1 -7 0" },
    { "LabelEncoder", 1, "i 3: 1 9 0", "classes_strings=a,b", "s 3: b _Unused a" },
    { "LabelEncoder", 2, "f 3: nan 1 2",
        "keys_floats=1,nan values_strings=one,none default_string=?", "s 3: none one ?" },
    { "LabelEncoder", 2, "i 2: 3 4", "keys_int64s=3 values_floats=0.5", "f 2: 0.5 -0" },
    { "LabelEncoder", 2, "i 1: 3", "keys_int64s=3,4 values_floats=0.5", "!2 keys for 1 values" },
    { "LabelEncoder", 2, "f 1: 3", "keys_int64s=3 values_floats=0.5",
        "!the input is float32, the keys are int64" },
    { "LabelEncoder", 2, "i 1: 3", "keys_int64s=3 keys_strings=3 values_floats=1", "!given twice" },
    { "LabelEncoder", 2, "i 1: 3", "classes_strings=3", "!no attribute 'classes_strings'" },
    { "CategoryMapper", 1, "s 2,1: b x", "cats_int64s=5,6 cats_strings=a,b", "i 2,1: 6 -1" },
    { "CategoryMapper", 1, "i 2: 5 0", "cats_int64s=5,6 cats_strings=a,b default_string=?",
        "s 2: a ?" },
    { "OneHotEncoder", 1, "s 3: b x a", "cats_strings=a,b", "f 3,2: 0 1 0 0 1 0" },
    { "OneHotEncoder", 1, "f 2,1: 7.9 nan", "cats_int64s=7", "f 2,1,1: 1 0" },
    { "OneHotEncoder", 1, "i 2: 7 8", "cats_int64s=7 zeros=0", "!element 1 is none of the 1" },
    { "OneHotEncoder", 1, "i 1: 7", "cats_strings=a", "!the categories are strings" },
    { "ZipMap", 1, "f 2,2: 1 2 3 4", "classlabels_strings=a,b", "f 2,2: 1 2 3 4" },
    { "ZipMap", 1, "f 2,2: 1 2 3 4", "classlabels_int64s=1,2,3", "!2 scores a row for 3" },

    { "StringNormalizer", 10, "s 2: \xc3\x84rger \xce\xa3\xce\xaf", "case_change_action=LOWER",
        "s 2: \xc3\xa4rger \xcf\x83\xce\xaf" },
    { "StringNormalizer", 10, "s 2: \xd0\xbf\xd1\x91 x\xc5\xbe", "case_change_action=UPPER",
        "s 2: \xd0\x9f\xd0\x81 X\xc5\xbd" },
    { "StringNormalizer", 10, "s 3: A a b", "stopwords=a is_case_sensitive=1", "s 2: A b" },
    { "StringNormalizer", 10, "s 3: A a b", "stopwords=a", "s 1: b" },
    { "StringNormalizer", 10, "s 1,2: A a", "stopwords=a", "s 1,1: \"\"" },
    { "StringNormalizer", 10, "s 2,1: A a", "stopwords=a", "!shape (n) or (1, n)" },
    { "StringSplit", 20, "s 2: a,,b ,", "delimiter=,",
        "s 2,3: a \"\" b \"\" \"\" \"\" ; i 2: 3 2" },
    { "StringSplit", 20, "s 1: _a__b_c_", "maxsplit=1", "s 1,2: a b_c_ ; i 1: 2" },
    { "StringSplit", 20, "s 1: a_b", "maxsplit=0", "s 1,1: a_b ; i 1: 1" },
    { "StringSplit", 20, "s 1: __", "", "s 1,0: ; i 1: 0" },
    { "StringConcat", 20, "s 2,1: a b ; s 2: x \"\"", "", "s 2,2: ax a bx b" },
    { "RegexFullMatch", 20, "s 3: ab abb b", "pattern=ab+", "b 3: 1 1 0" },
    { "RegexFullMatch", 20, "s 1: ab", "pattern=a(b", "!a group without its )" },
    { "TfIdfVectorizer", 9, "s 2,3: a b a b a c",
        "mode=TFIDF min_gram_length=1 max_gram_length=2 max_skip_count=0 ngram_counts=0,2 "
        "ngram_indexes=2,0,1 pool_strings=a,b,b,a weights=10,100,1000",
        "f 2,3: 10 100 2000 10 100 1000" },
    { "TfIdfVectorizer", 9, "n 4: 1 2 3 1",
        "mode=IDF min_gram_length=2 max_gram_length=2 max_skip_count=1 ngram_counts=0,0 "
        "ngram_indexes=0,1 pool_int64s=1,3,3,1",
        "f 2: 1 1" },
    { "TfIdfVectorizer", 9, "s 1,0:",
        "mode=TF min_gram_length=1 max_gram_length=1 max_skip_count=0 ngram_counts=0 "
        "ngram_indexes=0,1 pool_strings=a,b",
        "f 1,2: 0 0" },
    { "TfIdfVectorizer", 9, "s 1: a",
        "mode=TF min_gram_length=1 max_gram_length=1 max_skip_count=0 ngram_counts=0 "
        "ngram_indexes=0 pool_strings=a,b",
        "!more than the 1 n-grams" },
    { "TfIdfVectorizer", 9, "s 1: a",
        "mode=TF min_gram_length=1 max_gram_length=2 max_skip_count=0 ngram_counts=0,9 "
        "ngram_indexes=0 pool_strings=a",
        "!not ascending" },
    { "TfIdfVectorizer", 9, "i 1: 1",
        "mode=TF min_gram_length=1 max_gram_length=1 max_skip_count=0 ngram_counts=0 "
        "ngram_indexes=0 pool_strings=a",
        "!the input is int64, the pool is of strings" },
    { "Tokenizer", 1, "s 2: one_2 a,b", "mark=1 mincharnum=1 pad_value=# tokenexp=\\w+",
        "s 2,4: \x02 one 2 \x03 \x02 a b \x03" },
    { "Tokenizer", 1, "s 1,2: a;bb_cc;d bb", "mark=0 mincharnum=2 pad_value=# separators=;,_+",
        "s 1,2,2: bb cc bb #" },
    { "Tokenizer", 1, "s 2: \xc3\xa4z \"\"", "mark=0 mincharnum=1 pad_value=* tokenexp=.",
        "s 2,2: \xc3\xa4 z * *" },
    { "Tokenizer", 1, "s 1: __", "mark=1 mincharnum=1 pad_value=# tokenexp=a", "s 1,0:" },
    { "Tokenizer", 1, "s 1: a", "mark=0 mincharnum=1 pad_value=#", "!neither 'separators'" },
};
enum { CASES = sizeof cases / sizeof *cases };

static void the_table_holds(void **state)
{
    (void)state;
    for (size_t x = 0; x < CASES; x++) {
        const struct value *v = &cases[x];
        struct rd_tensor want[MOST];
        struct rig r;
        rd_status st = rig_open(&r, v);

        if (!st)
            st = rig_run(&r);
        if (*v->out == '!') {
            if (st != RD_E_INPUT || !strstr(r.err.frame[0].text, v->out + 1))
                fail_msg("%s %s: %d %s", v->op, v->attrs, (int)st, r.err.frame[0].text);
            rd_arena_release(&r.arena);
            continue;
        }
        if (st)
            fail_msg("%s %s: %s", v->op, v->attrs, r.err.frame[0].text);
        (void)read_tensors(&r.arena, v->out, want);
        for (int i = 0; i < r.node.n_outputs; i++)
            if (!same(&r.out[i], &want[i])) {
                char shape[80];

                for (size_t k = 0; k < rd_tensor_count(&r.out[i]); k++)
                    if (r.out[i].dtype == RD_STRING)
                        print_error("'%s' ", ((const char *const *)r.out[i].data)[k]);
                    else
                        print_error("%.8g ", number_at(&r.out[i], k));
                fail_msg("%s %s: output %d is %s %s", v->op, v->attrs, i,
                    rd_dtype_name(r.out[i].dtype),
                    rd_shape_text(r.out[i].dim, r.out[i].ndim, shape, sizeof shape));
            }
        rd_arena_release(&r.arena);
    }
}

/* Each row alone gives the bits it gives among others. */
static void rows_do_not_know_of_each_other(void **state)
{
    static const bool batched[MOST] = { true };
    int tried = 0;

    (void)state;
    for (size_t x = 0; x < CASES; x++) {
        struct rig all, one;
        struct rd_op_call c;

        if (*cases[x].out == '!' || rig_open(&all, &cases[x]) || rig_run(&all))
            continue;
        c = call_of(&all);
        if (all.node.n_inputs > 1 || all.in[0].dim[0] < 2 || !all.node.row->per_example ||
            !all.node.row->per_example(&c, batched)) {
            rd_arena_release(&all.arena);
            continue;
        }
        tried++;
        for (int64_t row = 0; row < all.in[0].dim[0]; row++) {
            size_t size;

            assert_int_equal(rig_open(&one, &cases[x]), RD_OK);
            size = rd_tensor_bytes(&one.in[0]) / (size_t)one.in[0].dim[0];
            memmove(one.in[0].data, (char *)one.in[0].data + (size_t)row * size, size);
            one.in[0].dim[0] = 1;
            assert_int_equal(rig_run(&one), RD_OK);
            for (int i = 0; i < one.node.n_outputs; i++) {
                const size_t bytes = rd_tensor_bytes(&one.out[i]);

                if (one.out[i].dtype != RD_STRING &&
                    memcmp(one.out[i].data, (char *)all.out[i].data + (size_t)row * bytes, bytes) !=
                        0)
                    fail_msg("%s %s: row %d", cases[x].op, cases[x].attrs, (int)row);
            }
            rd_arena_release(&one.arena);
        }
        rd_arena_release(&all.arena);
    }
    assert_true(tried > 10);
}

/* --- maps --- */

static struct rd_tensor *map_of(struct rd_arena *arena, const char *keys_and_values)
{
    struct rd_tensor *item = RD_NEW_ARRAY(arena, struct rd_tensor, 2);
    struct rd_boxed *box;

    assert_int_equal(read_tensors(arena, keys_and_values, item), 2);
    box = rd_boxed_new(arena, item[1].dtype, 2);
    box->item[0] = &item[0];
    box->item[1] = &item[1];
    return rd_boxed_tensor(arena, RD_MAP, box);
}

static void maps_become_rows(void **state)
{
    static const struct {
        struct value v;
        const char *map;
    } maps[] = {
        { { "DictVectorizer", 1, "", "string_vocabulary=a,b,c", "f 1,3: 2 0 1" },
            "s 2: c a ; f 2: 1 2" },
        { { "DictVectorizer", 1, "", "int64_vocabulary=5,6", "s 1,2: \"\" x" }, "i 1: 6 ; s 1: x" },
        { { "DictVectorizer", 1, "", "int64_vocabulary=5,6", "!the map's keys are string" },
            "s 1: b ; f 1: 1" },
        { { "CastMap", 1, "", "", "f 1,2: 2 1" }, "i 2: 9 3 ; f 2: 1 2" },
        { { "CastMap", 1, "", "map_form=SPARSE max_map=4 cast_to=TO_INT64", "i 1,4: 0 7 0 2" },
            "i 2: 3 1 ; f 2: 2.9 7" },
        { { "CastMap", 1, "", "cast_to=TO_STRING", "s 1,1: 1.500000" }, "i 1: 3 ; f 1: 1.5" },
        { { "CastMap", 1, "", "", "f 1,1: 2.5" }, "i 1: 3 ; s 1: 2.5" },
        { { "CastMap", 1, "", "", "!value 0 of the map is no number" }, "i 1: 3 ; s 1: two" },
    };

    (void)state;
    for (size_t x = 0; x < sizeof maps / sizeof *maps; x++) {
        const struct value *v = &maps[x].v;
        struct rd_tensor want[MOST];
        struct rig r;
        rd_status st = rig_open(&r, v);

        r.node.n_inputs = 1;
        r.pin[0] = map_of(&r.arena, maps[x].map);
        if (!st)
            st = rig_run(&r);
        if (*v->out == '!') {
            if (st != RD_E_INPUT || !strstr(r.err.frame[0].text, v->out + 1))
                fail_msg("%s %s: %s", v->op, v->attrs, r.err.frame[0].text);
        } else {
            if (st)
                fail_msg("%s %s: %s", v->op, v->attrs, r.err.frame[0].text);
            (void)read_tensors(&r.arena, v->out, want);
            if (!same(&r.out[0], &want[0]))
                fail_msg("%s %s", v->op, v->attrs);
        }
        rd_arena_release(&r.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_holds),
        cmocka_unit_test(rows_do_not_know_of_each_other),
        cmocka_unit_test(maps_become_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
