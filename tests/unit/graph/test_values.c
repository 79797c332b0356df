/*
 * What operators compute where ONNX's node cases do not look: corners worked out by hand, or by
 * NumPy and PyTorch (marked). A table: operator, version, inputs, attributes, outputs.
 */
#include "support.h"

#include "base/arena.h"
#include "graph/op.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 8 };

/*
 * A tensor: type, dims, values: "f 2,2: 1 2 3 4", "i: 3" (a scalar), "s 2: a b", "-" left out.
 * Types: f d float32, float64; i n int64, int32; u uint8; q uint64; b bool; s strings.
 * Tensors are separated by " ; ".
 */
static const struct value {
    const char *domain, *op;
    int opset;
    const char *in, *attrs, *out;
} cases[] = {
    /* Ties go to the lower index; a NaN is the largest; -0 and 0 are equal. */
    { "", "TopK", 11, "f 5: 1 3 nan 3 2 ; i 1: 3", "", "f 3: nan 3 3 ; i 3: 2 1 3" },
    { "", "TopK", 11, "f 4: 0 -0 1 -1 ; i 1: 3", "largest=0", "f 3: -1 0 -0 ; i 3: 3 0 1" },
    { "", "TopK", 11, "n 2,3: -5 7 -9 4 4 6 ; i 1: 1", "axis=0", "n 1,3: 4 7 6 ; i 1,3: 1 0 1" },
    { "", "TopK", 11, "f 2: 1 2 ; i 1: 0", "", "f 0: ; i 0:" },
    { "", "TopK", 11, "q 3: 18446744073709551615 1 9223372036854775808 ; i 1: 2", "",
        "q 2: 18446744073709551615 9223372036854775808 ; i 2: 0 2" },
    { "", "NonZero", 13, "f: 5", "", "i 0,1:" },
    { "", "NonZero", 13, "f 2,2: -0 nan 0 2", "", "i 2,2: 0 1 1 1" },
    { "", "NonZero", 13, "b 3: 0 0 0", "", "i 1,0:" },
    { "", "Unique", 11, "s 4: b a b c", "", "s 3: a b c ; i 3: 1 0 3 ; i 4: 1 0 1 2 ; i 3: 1 2 1" },
    { "", "Unique", 11, "s 4: b a b c", "sorted=0",
        "s 3: b a c ; i 3: 0 1 3 ; i 4: 0 1 0 2 ; i 3: 2 1 1" },
    { "", "Unique", 11, "f 3: nan 1 nan", "", "f 2: 1 nan ; i 2: 1 0 ; i 3: 1 0 1 ; i 2: 1 2" },
    { "", "Unique", 11, "i 0:", "", "i 0: ; i 0: ; i 0: ; i 0:" },
    { "", "Unique", 11, "n 2,3: 2 1 2 0 5 0", "axis=1",
        "n 2,2: 1 2 5 0 ; i 2: 1 0 ; i 3: 1 0 1 ; i 2: 1 2" },
    { "", "Compress", 11, "i 2,2: 1 2 3 4 ; b 1: 1", "axis=1", "i 2,1: 1 3" },
    { "", "Compress", 11, "s 3: a b c ; b 2: 0 1", "", "s 1: b" },
    { "", "GatherND", 13, "s 2,2: a b c d ; i 1,2: -1 0", "", "s 1: c" },
    { "", "ScatterElements", 18, "f 3: 1 2 3 ; n 2: 1 1 ; f 2: 5 7", "", "f 3: 1 7 3" },
    { "", "ScatterElements", 18, "u 2: 250 1 ; i 2: 0 0 ; u 2: 5 5", "reduction=add", "u 2: 4 1" },
    { "", "ScatterElements", 18, "b 3: 0 1 1 ; i 3: 0 1 2 ; b 3: 1 0 1", "reduction=mul",
        "b 3: 0 0 1" },
    { "", "ScatterElements", 18, "f 2: 1 2 ; i 2: 0 1 ; f 2: nan 1", "reduction=max",
        "f 2: nan 2" },
    { "", "ScatterND", 18, "n 4: 3 -2 1 0 ; i 3,1: 1 1 3 ; n 3: -7 4 2", "reduction=min",
        "n 4: 3 -7 1 0" },
    { "", "ScatterND", 13, "s 3: a b c ; i 1,1: -1 ; s 1: z", "", "s 3: a b z" },
    { "", "OneHot", 11, "n 2: 1 -3 ; f: 2 ; s 2: off on", "", "s 2,2: off on off off" },
    { "", "OneHot", 9, "i 2: 1 -1 ; i 1: 2 ; i 2: 0 9", "", "i 2,2: 0 9 0 0" },
    { "", "EyeLike", 9, "i 2,3: 0 0 0 0 0 0", "k=-1 dtype=9", "b 2,3: 0 0 0 1 0 0" },
    { "", "EyeLike", 9, "d 2,2: 0 0 0 0", "k=5", "d 2,2: 0 0 0 0" },
    { "", "Hardmax", 13, "f 2,3: 1 1 0 nan 2 3", "", "f 2,3: 1 0 0 1 0 0" },
    { "", "Hardmax", 11, "f 1,2,2: 1 0 4 2", "axis=1", "f 1,2,2: 0 0 1 0" },
    { "", "IsInf", 20, "d 4: inf -inf nan 1", "detect_positive=0", "b 4: 0 1 0 0" },
    { "", "Trilu", 14, "b 2,3: 1 1 1 1 1 1 ; i: 1", "", "b 2,3: 0 1 1 0 0 1" },
    { "", "CumSum", 14, "n 3: 2147483647 1 1 ; i: 0", "",
        "n 3: 2147483647 -2147483648 -2147483647" },
    { "", "CumProd", 26, "f 4: 2 0 3 4 ; i: -1", "reverse=1", "f 4: 0 0 12 4" },
    { "", "ReverseSequence", 10, "n 3,2: 1 2 3 4 5 6 ; i 2: 3 2", "", "n 3,2: 5 4 3 2 1 6" },
    { "", "DepthToSpace", 13, "n 1,4,1,2: 1 2 3 4 5 6 7 8", "blocksize=2",
        "n 1,1,2,4: 1 3 2 4 5 7 6 8" },
    { "", "CenterCropPad", 18, "n 3: 1 2 3 ; i 1: 6", "", "n 6: 0 1 2 3 0 0" },
    { "", "CenterCropPad", 18, "n 4: 1 2 3 4 ; i 1: 1", "", "n 1: 2" },
    { "", "BitShift", 11, "u 3: 255 1 3 ; u 1: 8", "direction=LEFT", "u 3: 0 0 0" },
    { "", "BitwiseAnd", 18, "i 2: -1 6 ; i: 3", "", "i 2: 3 2" },
    { "", "BitwiseNot", 18, "u 2: 0 255", "", "u 2: 255 0" },
    { "", "BitCast", 26, "f 2: 1 -0", "to=6", "n 2: 1065353216 -2147483648" },
    { "", "BitCast", 26, "u 3: 0 7 1", "to=9", "b 3: 0 1 1" },
    { "", "Shrink", 9, "n 5: -3 -1 0 1 3", "lambd=1.5 bias=1", "n 5: -2 0 0 0 2" },
    { "", "LpNormalization", 22, "f 2,2: 3 4 0 0", "", "f 2,2: 0.6 0.8 0 0" },
    { "", "GlobalLpPool", 2, "f 1,1,2: 3 -4", "", "f 1,1,1: 5" },
    /* torch.nn.functional.fold(torch.arange(1., 9).view(1, 4, 2), (2, 3), (2, 2)) */
    { "", "Col2Im", 18, "f 1,4,2: 1 2 3 4 5 6 7 8 ; i 2: 2 3 ; i 2: 2 2", "",
        "f 1,1,2,3: 1 5 4 5 13 8" },
    { "", "TensorScatter", 24, "n 1,4,1: 1 2 3 4 ; n 1,2,1: 8 9 ; i 1: 3", "mode=circular",
        "n 1,4,1: 9 2 3 8" },
    { "", "Det", 11, "f 3,3: 0 1 2 1 0 3 4 -3 8", "", "f: -2" }, /* numpy.linalg.det */
    { "", "Det", 11, "f 0,0:", "", "f: 1" },
    { "", "Einsum", 12, "i 2,2: 1 2 3 4", "equation=ii", "i: 5" },
    { "", "Einsum", 12, "n 2,2: 1 2 3 4 ; n 2: 1 10", "equation=ij,j", "n 2: 21 43" },
    { "", "Einsum", 12, "f 2: 1 2 ; f 2: 3 4 ; f 2: 5 6", "equation=i,i,i->", "f: 63" },
    { "", "Einsum", 12, "f 2,0: ; f 0,2:", "equation=ij,jk->ik", "f 2,2: 0 0 0 0" },
    { "", "Einsum", 12, "f 2,3: 1 2 3 4 5 6", "equation=...->", "f: 21" },
    { "", "HannWindow", 17, "n: 1", "periodic=0", "f 1: 1" },
    { "", "HannWindow", 17, "i: 4", "", "f 4: 0 0.5 1 0.5" },
    { "", "BlackmanWindow", 17, "i: 3", "periodic=0 output_datatype=11", "d 3: 0 1 0" },
    { "", "DFT", 17, "f 1,4,1: 1 2 3 4", "onesided=1", "f 1,3,2: 10 0 -2 2 -2 0" },
    { "", "DFT", 20, "f 1,2,2: 6 0 -2 0 ; i: 2", "inverse=1 onesided=1", "f 1,2,1: 2 4" },
    { "", "STFT", 17, "f 1,4,1: 1 2 3 4 ; i: 2 ; - ; i: 2", "", "f 1,2,2,2: 3 0 -1 0 7 0 -1 0" },
    /* Class weights count in the mean; ln 2 and ln 4 by hand. */
    { "", "SoftmaxCrossEntropyLoss", 13, "f 2,2: 0 0 1.0986123 0 ; i 2: 0 1 ; f 2: 1 3", "",
        "f: 1.2130076 ; f 2,2: -0.6931472 -0.6931472 -0.2876821 -1.3862944" },
    { "", "NegativeLogLikelihoodLoss", 13, "f 2,2: -1 -2 -3 -4 ; i 2: 7 1", "ignore_index=7",
        "f: 4" },
    { "", "Range", 11, "i: 5 ; i: 1 ; i: -2", "", "i 2: 5 3" },
    { "", "NonMaxSuppression", 11,
        "f 1,3,4: 0 0 1 1 0 0 1 0.9 0 0 1 0.4 ; f 1,1,3: 0.5 0.9 0.9 ; i: 2 ; f: 0.5", "",
        "i 2,3: 0 0 1 0 0 2" },
    { "", "NonMaxSuppression", 11, "f 1,1,4: 0 0 1 1 ; f 1,1,1: 0.5", "", "i 0,3:" },
    { "ai.onnx.preview.training", "Momentum", 1, "f: 0.5 ; i: 0 ; f 1: 1 ; f 1: 2 ; f 1: 4",
        "alpha=0.5 beta=0.1 norm_coefficient=0 mode=standard", "f 1: -1 ; f 1: 4" },
};

static struct rd_tensor *read_tensor(struct rd_arena *arena, char *text)
{
    static const struct {
        char letter;
        enum rd_dtype type;
    } types[] = { { 'f', RD_F32 }, { 'd', RD_F64 }, { 'i', RD_I64 }, { 'n', RD_I32 },
        { 'u', RD_U8 }, { 'q', RD_U64 }, { 'b', RD_BOOL }, { 's', RD_STRING } };
    struct rd_tensor *t = RD_NEW(arena, struct rd_tensor);
    char *at = text + 1, *word;
    size_t n;

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].letter == *text)
            t->dtype = types[i].type;
    assert_int_not_equal(t->dtype, RD_DTYPE_NONE);
    while (*at != ':') {
        at += *at == ' ' || *at == ',';
        t->dim[t->ndim++] = strtoll(at, &at, 10);
    }
    n = rd_tensor_count(t);
    t->data = rd_arena_alloc(arena, rd_tensor_bytes(t) + 64, 1);
    word = strtok(at + 1, " ");
    for (size_t i = 0; i < n; i++, word = strtok(NULL, " ")) {
        assert_non_null(word);
        switch (t->dtype) {
        case RD_F32:
            ((float *)t->data)[i] = strtof(word, NULL);
            break;
        case RD_F64:
            ((double *)t->data)[i] = strtod(word, NULL);
            break;
        case RD_I64:
            ((int64_t *)t->data)[i] = strtoll(word, NULL, 10);
            break;
        case RD_I32:
            ((int32_t *)t->data)[i] = (int32_t)strtol(word, NULL, 10);
            break;
        case RD_U64:
            ((uint64_t *)t->data)[i] = strtoull(word, NULL, 10);
            break;
        case RD_STRING:
            ((const char **)t->data)[i] = word;
            break;
        default:
            ((uint8_t *)t->data)[i] = (uint8_t)strtol(word, NULL, 10);
        }
    }
    assert_null(word);
    return t;
}

static int read_tensors(struct rd_arena *arena, const char *text, const struct rd_tensor **out)
{
    char *at = rd_arena_strdup(arena, text);
    int n = 0;

    while (at) {
        char *next = strstr(at, " ; ");

        if (next)
            *next = '\0';
        assert_true(n < MOST);
        out[n++] = *at == '-' ? NULL : read_tensor(arena, at);
        at = next ? next + 3 : NULL;
    }
    return n;
}

static void read_attrs(struct rd_arena *arena, struct rd_graph_node *node, const char *text)
{
    struct rd_attr *attr = RD_NEW_ARRAY(arena, struct rd_attr, MOST);
    char *word = strtok(rd_arena_strdup(arena, text), " ");

    node->attr = attr;
    for (; word; word = strtok(NULL, " ")) {
        struct rd_attr *a = &attr[node->n_attrs++];
        const struct rd_op_attr *known = node->row->attrs;
        int64_t *list = RD_NEW_ARRAY(arena, int64_t, MOST);
        char *value = strchr(word, '=');

        *value++ = '\0';
        while (strcmp(known->name, word) || node->opset < known->since ||
               (known->until && node->opset > known->until))
            known++;
        *a = (struct rd_attr){ .name = word, .type = known->type, .s = value, .ints = list };
        a->s_len = strlen(value);
        a->f = strtof(value, NULL);
        a->i = strtoll(value, NULL, 10);
        while (a->type == RD_ATTR_INTS && *value) {
            list[a->n++] = strtoll(value, &value, 10);
            value += *value == ',';
        }
    }
}

static bool same(const struct rd_tensor *got, const struct rd_tensor *want)
{
    const size_t n = rd_tensor_count(want);

    if (got->dtype != want->dtype || got->ndim != want->ndim ||
        memcmp(got->dim, want->dim, (size_t)want->ndim * sizeof *want->dim))
        return false;
    for (size_t i = 0; i < n; i++) {
        double p, q;

        if (want->dtype == RD_STRING) {
            if (strcmp(((const char **)got->data)[i], ((const char **)want->data)[i]))
                return false;
            continue;
        }
        if (want->dtype != RD_F32 && want->dtype != RD_F64)
            return !memcmp(got->data, want->data, rd_tensor_bytes(want));
        p = want->dtype == RD_F64 ? ((double *)got->data)[i] : (double)((float *)got->data)[i];
        q = want->dtype == RD_F64 ? ((double *)want->data)[i] : (double)((float *)want->data)[i];
        /* Values are typed in decimals: one rounding of float32 near 10. */
        if (isnan(q) ? !isnan(p) : !(fabs(p - q) <= 1e-6))
            return false;
    }
    return true;
}

static void operators_compute_what_is_written_here(void **state)
{
    (void)state;
    for (size_t x = 0; x < sizeof cases / sizeof *cases; x++) {
        const struct value *v = &cases[x];
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_error err = { .status = RD_OK };
        const struct rd_tensor *in[MOST], *want[MOST];
        struct rd_tensor *out[MOST];
        struct rd_graph_node node = { .name = "",
            .op = v->op,
            .domain = v->domain,
            .opset = v->opset,
            .row = rd_op_find(v->domain, v->op, v->opset, NULL) };
        struct rd_op_call c = { .node = &node, .in = in, .out = out, .err = &err, .text = &arena };
        rd_status st;

        assert_non_null(node.row);
        node.n_inputs = read_tensors(&arena, v->in, in);
        node.n_outputs = read_tensors(&arena, v->out, want);
        read_attrs(&arena, &node, v->attrs);
        for (int k = 0; k < node.n_outputs; k++) {
            out[k] = RD_NEW(&arena, struct rd_tensor);
            out[k]->ndim = -1;
        }
        st = rd_op_infer(&c);
        for (int k = 0; k < node.n_outputs && !st; k++)
            out[k]->data = rd_arena_alloc(&arena, rd_tensor_bytes(out[k]) + 64, 1);
        if (!st) {
            c.scratch_size = node.row->scratch ? node.row->scratch(&c) : 0;
            c.scratch = rd_arena_alloc(&arena, c.scratch_size + 64, 1);
            st = node.row->forward(&c);
            if (c.scratch_used > c.scratch_size) {
                print_error("%s takes %zu of %zu bytes of scratch\n", v->op, c.scratch_used,
                    c.scratch_size);
                fail();
            }
        }
        for (int k = 0; k < node.n_outputs; k++)
            if (st || !same(out[k], want[k])) {
                print_error("%s (%s) %s: output %d %s\n", v->op, v->in, v->attrs, k,
                    st ? err.frame[0].text : "differs");
                fail();
            }
        rd_arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_compute_what_is_written_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
