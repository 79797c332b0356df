/* Gradients of ai.onnx.ml against central differences. */
#include "ml_rig.h"

/* Rows whose values of the table stand at no corner. */
static const struct value slopes[] = {
    { "LinearClassifier", 1, "d 2,2: 1 2 3 1", "coefficients=1,-1 classlabels_ints=7,9",
        "i 2: ; f 2,2:" },
    { "LinearClassifier", 1, "d 2,2: 1 2 0.3 1",
        "coefficients=1,-1 intercepts=0.5 classlabels_ints=7,9 post_transform=LOGISTIC",
        "i 2: ; f 2,2:" },
    { "LinearClassifier", 1, "d 2,2: 0.1 0.2 -0.3 0.1",
        "coefficients=1,-1,0.5,0.7,0.2,0.3 intercepts=0.5,0,0.1 post_transform=SOFTMAX",
        "i 2: ; f 2,3:" },
    { "LinearClassifier", 1, "d 1,2: 0.1 0.2",
        "coefficients=1,-1,0.5,0.7,0,0 intercepts=0.5,0,0 post_transform=SOFTMAX_ZERO",
        "i 1: ; f 1,3:" },
    { "LinearClassifier", 1, "d 1,2: 0.1 0.2",
        "coefficients=1,-1,0.5,0.7 intercepts=0.5,0.3 post_transform=PROBIT", "i 1: ; f 1,2:" },
    { "LinearRegressor", 1, "d 2,2: 1 2 3 4", "coefficients=1,0,0.5,0.5 intercepts=0,1 targets=2",
        "f 2,2:" },
    { "SVMClassifier", 1, "d 2,2: 1 0.2 0.1 2",
        "coefficients=1,-1 support_vectors=1,0,0,1 vectors_per_class=1,1 rho=0.5 "
        "classlabels_ints=0,1 kernel_type=LINEAR",
        "i 2: ; f 2,2:" },
    { "SVMClassifier", 1, "d 1,2: 0.7 0.1",
        "coefficients=1,-1 support_vectors=1,0,0,1 vectors_per_class=1,1 rho=0 "
        "classlabels_ints=0,1 kernel_type=RBF kernel_params=0.5,0,0 post_transform=LOGISTIC",
        "i 1: ; f 1,2:" },
    { "SVMClassifier", 1, "d 2,2: 1 0.4 0.2 2",
        "coefficients=1,0,0,1 rho=-1 classlabels_strings=a,b post_transform=SOFTMAX",
        "s 2: ; f 2,2:" },
    { "SVMClassifier", 1, "d 1,1: 0.3",
        "coefficients=1,1,1,-1,-1,-1 support_vectors=1,2,3 vectors_per_class=1,1,1 rho=0,0,0 "
        "classlabels_ints=4,5,6 kernel_type=SIGMOID kernel_params=0.3,0.1,0",
        "i 1: ; f 1,3:" },
    { "SVMRegressor", 1, "d 2,2: 1 2 0.3 -1",
        "coefficients=2,-1 support_vectors=1,1,0.5,-1 n_supports=2 rho=1 kernel_type=POLY "
        "kernel_params=0.5,1,3",
        "f 2,1:" },
    { "SVMRegressor", 1, "d 2,2: 1 2 0.3 -1",
        "coefficients=2,-1 support_vectors=1,1,0.5,-1 n_supports=2 rho=1 kernel_type=RBF "
        "kernel_params=0.3,0,0",
        "f 2,1:" },
    { "SVMRegressor", 1, "d 2,2: 1 2 0.3 -1",
        "coefficients=2,-1 support_vectors=1,1,0.5,-1 n_supports=2 rho=1 kernel_type=SIGMOID "
        "kernel_params=0.3,0.2,0",
        "f 2,1:" },
    { "SVMRegressor", 1, "d 1,2: 1 2", "coefficients=2,3 rho=-1", "f 1,1:" },
    { "Scaler", 1, "d 2,2: 1 2 3 4", "offset=1,2 scale=2,0.5", "f 2,2:" },
    { "Normalizer", 1, "d 2,3: 3 -4 1 0.5 -0.2 0.3", "norm=L2", "f 2,3:" },
    { "Normalizer", 1, "d 2,3: 3 -4 1 0.5 -0.2 0.3", "norm=L1", "f 2,3:" },
    { "Normalizer", 1, "d 2,3: 3 -4 1 0.5 -0.2 0.3", "norm=MAX", "f 2,3:" },
    { "Imputer", 1, "d 2,2: nan 1 2 nan", "imputed_value_floats=5,6 replaced_value_float=nan",
        "d 2,2:" },
    { "Imputer", 1, "f 2,2: nan 1 2 nan", "imputed_value_floats=5,6 replaced_value_float=nan",
        "f 2,2:" },
    { "FeatureVectorizer", 1, "d 2,1: 1 2 ; d 2,2: 3 4 5 6", "inputdimensions=2,1", "f 2,3:" },
    { "FeatureVectorizer", 1, "f 2,1: 1 2 ; f 2,2: 3 4 5 6", "", "f 2,3:" },
    { "ArrayFeatureExtractor", 1, "d 2,3: 1 2 3 4 5 6 ; i 3: 2 0 2", "", "d 2,3:" },
    { "ArrayFeatureExtractor", 1, "f 2,3: 1 2 3 4 5 6 ; i 3: 2 0 2", "", "f 2,3:" },
    { "ZipMap", 1, "f 2,2: 1 2 3 4", "classlabels_strings=a,b", "f 2,2:" },
};
enum { SLOPES = sizeof slopes / sizeof *slopes };

static double weight_of(int out, size_t i)
{
    return 0.3 + 0.37 * (double)((i * 7 + (size_t)out * 3) % 5) - (i % 2 ? 1 : 0);
}

static double loss(struct rig *r)
{
    double sum = 0;

    if (rig_run(r))
        fail_msg("%s: %s", r->node.op, r->err.frame[0].text);
    for (int o = 0; o < r->node.n_outputs; o++)
        for (size_t i = 0; r->out[o].dtype == RD_F32 || r->out[o].dtype == RD_F64; i++) {
            if (i == rd_tensor_count(&r->out[o]))
                break;
            sum += weight_of(o, i) * number_at(&r->out[o], i);
        }
    return sum;
}

static double moved(struct rig *r, int k, size_t i, double by)
{
    struct rd_tensor *t = &r->in[k];
    const double was = number_at(t, i);
    double sum;

    if (t->dtype == RD_F32)
        ((float *)t->data)[i] = (float)(was + by);
    else
        ((double *)t->data)[i] = was + by;
    sum = loss(r);
    if (t->dtype == RD_F32)
        ((float *)t->data)[i] = (float)was;
    else
        ((double *)t->data)[i] = was;
    return sum;
}

/*
 * Differences of fourth order with step 1/64: what is cut off is h^4 f''''' / 30, some 1e-8; what
 * is rounded away, since scores come out as float32, 6e-8 times their number over h, some 1e-5.
 */
static void gradients_match_central_differences(void **state)
{
    const double h = 1.0 / 64;

    (void)state;
    for (size_t x = 0; x < SLOPES; x++) {
        struct rig r;
        struct rd_op_call c;

        if (rig_open(&r, &slopes[x]))
            fail_msg("%s %s: %s", slopes[x].op, slopes[x].attrs, r.err.frame[0].text);
        (void)loss(&r);
        for (int o = 0; o < r.node.n_outputs; o++) {
            r.dout[o] = r.out[o];
            if (r.out[o].dtype != RD_F32 && r.out[o].dtype != RD_F64)
                continue;
            r.dout[o].data = rd_arena_alloc(&r.arena, rd_tensor_bytes(&r.out[o]), 1);
            r.pdout[o] = &r.dout[o];
            for (size_t i = 0; i < rd_tensor_count(&r.out[o]); i++)
                if (r.out[o].dtype == RD_F32)
                    ((float *)r.dout[o].data)[i] = (float)weight_of(o, i);
                else
                    ((double *)r.dout[o].data)[i] = weight_of(o, i);
        }
        for (int k = 0; k < r.node.n_inputs; k++) {
            if (!(r.node.row->grad_in >> k & 1))
                continue;
            r.din[k] = r.in[k];
            r.din[k].data = rd_arena_alloc(&r.arena, rd_tensor_bytes(&r.in[k]), 1);
            r.pdin[k] = &r.din[k];
        }
        c = call_of(&r);
        c.dout = r.pdout;
        c.din = r.pdin;
        c.scratch_size = r.node.row->scratch ? r.node.row->scratch(&c) : 0;
        c.scratch = rd_arena_alloc(&r.arena, c.scratch_size, 1);
        memset(c.scratch, 0xa5, c.scratch_size);
        assert_int_equal(r.node.row->backward(&c), RD_OK);
        assert_true(c.scratch_used <= c.scratch_size);
        for (int k = 0; k < r.node.n_inputs; k++)
            for (size_t i = 0; r.pdin[k] && i < rd_tensor_count(&r.in[k]); i++) {
                const double got = number_at(&r.din[k], i);
                const double want = (8 * (moved(&r, k, i, h) - moved(&r, k, i, -h)) -
                                        (moved(&r, k, i, 2 * h) - moved(&r, k, i, -2 * h))) /
                                    (12 * h);

                if (isnan(number_at(&r.in[k], i)) ? got != 0 : !(fabs(got - want) < 1e-4))
                    fail_msg("%s %s: input %d element %zu: %g, differences say %g", slopes[x].op,
                        slopes[x].attrs, k, i, got, want);
            }
        rd_arena_release(&r.arena);
    }
    for (const struct rd_op *const *row = rd_ops; *row; row++) {
        bool found = strcmp((*row)->domain, "ai.onnx.ml") != 0 || !(*row)->backward;

        for (size_t x = 0; x < SLOPES && !found; x++)
            found = !strcmp(slopes[x].op, (*row)->op);
        if (!found)
            fail_msg("no slope of %s", (*row)->op);
    }
}

/*
 * Coupled probabilities: the forward algorithm stops early, so its differences are rough. At 0.7
 * and 0.2 of two classes the minimum is the pair's own probability: d p / d x = a p (1 - p) d s / d
 * x.
 */
static void probabilities_of_a_pair_have_its_slope(void **state)
{
    static const struct value pair = { "SVMClassifier", 1, "d 1,1: 0.4",
        "coefficients=1,-1 support_vectors=2,1 vectors_per_class=1,1 rho=0.1 classlabels_ints=0,1 "
        "kernel_type=LINEAR prob_a=-2 prob_b=0.25",
        "i 1: ; f 1,2:" };
    const double s = 0.4 * 2 - 0.4 + 0.1, p = 1 / (1 + exp(-2 * s + 0.25));
    float dp[2] = { 1, 0 };
    double dx = 0;
    struct rig r;
    struct rd_op_call c;

    (void)state;
    assert_int_equal(rig_open(&r, &pair), RD_OK);
    (void)loss(&r);
    assert_true(fabs(number_at(&r.out[1], 0) - p) < 0.005);
    r.dout[1] = r.out[1];
    r.dout[1].data = dp;
    r.pdout[1] = &r.dout[1];
    r.din[0] = r.in[0];
    r.din[0].data = &dx;
    r.pdin[0] = &r.din[0];
    c = call_of(&r);
    c.dout = r.pdout;
    c.din = r.pdin;
    c.scratch_size = r.node.row->scratch(&c);
    c.scratch = rd_arena_alloc(&r.arena, c.scratch_size, 1);
    assert_int_equal(r.node.row->backward(&c), RD_OK);
    assert_true(fabs(dx - 2 * p * (1 - p)) < 0.02);
    rd_arena_release(&r.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_match_central_differences),
        cmocka_unit_test(probabilities_of_a_pair_have_its_slope),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
