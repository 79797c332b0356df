/*
 * onnx_conformance - run ONNX's own node cases and compare.
 *
 *   rd_onnx_conformance FOLDER [NAME...]
 *
 * FOLDER holds one folder a case: model.onnx and test_data_set_N/{input,output}_K.pb. A case whose
 * operators are not all in ops.def is skipped; so are those of the table below, each for its own
 * reason, and those that need an element type we do not have (float8, int4, ...), named. Everything
 * else passes or fails.
 *
 * Tolerance: the standard allows |got - want| <= 1e-7 + 1e-3 |want|. We compute in float64 and
 * round once (or in float32 by kernels), and the expected values were computed in float32 by NumPy,
 * so a few roundings remain: |got - want| <= 1e-6 + 1e-5 |want| for float32 and float64, one part
 * in 500 for float16 and two units in the last place of bfloat16 (up to one part in 64): functions
 * that are written out round between their steps, we do not always.
 */
#include "base/file.h"
#include "graph/exec.h"
#include "graph/graph.h"
#include "graph/op.h"
#include "graph/pb.h"
#include "tensor/boxed.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *reason;
} skipped_by_name[] = {
    { "test_training_dropout", "drops values at random" },
    { "test_training_dropout_default", "drops values at random" },
    { "test_training_dropout_default_mask", "drops values at random" },
    { "test_training_dropout_mask", "drops values at random" },
    { "test_bernoulli", "draws at random" },
    { "test_bernoulli_double", "draws at random" },
    { "test_bernoulli_double_expanded", "draws at random" },
    { "test_bernoulli_expanded", "draws at random" },
    { "test_bernoulli_seed", "draws at random" },
    { "test_bernoulli_seed_expanded", "draws at random" },
};

/* Cases whose expected values were typed by hand, with four decimals, the last one a little off.
 */
static const struct {
    const char *name;
    double absolute;
} loose[] = {
    { "test_averagepool_2d_ceil_last_window_starts_on_pad", 6e-5 },
    { "test_gridsample_bicubic", 6e-5 },
    { "test_roialign_aligned_false", 8e-5 },
    { "test_roialign_aligned_true", 6e-5 },
};

enum outcome { PASS, FAIL, SKIP };

struct tally {
    const char *reason;
    size_t n;
};
static struct tally reasons[512];
static size_t n_reasons;

static void count(struct rd_arena *arena, const char *reason)
{
    for (size_t i = 0; i < n_reasons; i++)
        if (!strcmp(reasons[i].reason, reason)) {
            reasons[i].n++;
            return;
        }
    if (n_reasons < sizeof(reasons) / sizeof(*reasons))
        reasons[n_reasons++] = (struct tally){ rd_arena_strdup(arena, reason), 1 };
}

static int by_count(const void *a, const void *b)
{
    const struct tally *x = a, *y = b;

    return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : strcmp(x->reason, y->reason);
}

/* First operator of the model that no row knows, as "Domain.Op"; "" when all are ours. False:
 * unreadable. */
static bool foreign_operator(struct rd_bytes model, char *out, size_t size)
{
    const struct rd_span all = { model.data, model.size };
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_span graph;
    struct rd_pb_field f;
    struct rd_pb pb;
    bool found, more, fine;

    out[0] = '\0';
    fine = !rd_pb_message(all, model.data, 7, "graph", &arena, &graph, &found, NULL) && found;
    for (pb = rd_pb_open(graph, model.data);
         fine && !rd_pb_next(&pb, &f, &more, NULL) && more && !out[0];) {
        struct rd_pb node;
        struct rd_pb_field part;
        char op[80] = "", domain[80] = "";
        const struct rd_op *known;

        if (f.number != 1 || f.wire != RD_PB_BYTES)
            continue;
        node = rd_pb_open(f.span, model.data);
        while (!rd_pb_next(&node, &part, &more, NULL) && more)
            if ((part.number == 4 || part.number == 7) && part.span.n < sizeof(op)) {
                char *const to = part.number == 4 ? op : domain;

                memcpy(to, part.span.p, part.span.n);
                to[part.span.n] = '\0';
            }
        more = true;
        if (!strcmp(domain, "ai.onnx"))
            domain[0] = '\0';
        if (!rd_op_find(domain, op, 1 << 20, &known) && !known)
            (void)snprintf(out, size, "%s%s%s", domain, domain[0] ? "." : "", op);
    }
    rd_arena_release(&arena);
    return fine;
}

/* The name of an element type that we do not have, when that is what the error says; else NULL. */
static const char *foreign_type(const struct rd_error *err)
{
    static const char *const name[] = { [14] = "complex64",
        [15] = "complex128",
        [17] = "float8e4m3fn",
        [18] = "float8e4m3fnuz",
        [19] = "float8e5m2",
        [20] = "float8e5m2fnuz",
        [21] = "uint4",
        [22] = "int4",
        [23] = "float4e2m1",
        [24] = "float8e8m0",
        [25] = "uint2",
        [26] = "int2" };

    for (int i = 0; i < err->frames; i++) {
        const char *at = strstr(err->frame[i].text, "element type ");
        const long n = at ? strtol(at + strlen("element type "), NULL, 10) : 0;

        if (n > 0 && (size_t)n < sizeof(name) / sizeof(*name) && name[n])
            return name[n];
    }
    return NULL;
}

static double value(const struct rd_tensor *t, size_t i)
{
    const void *p = (const char *)t->data + i * rd_dtype_size(t->dtype);
    float f;
    double d;

    if (t->dtype == RD_F32) {
        memcpy(&f, p, sizeof(f));
        return (double)f;
    }
    memcpy(&d, p, sizeof(d));
    return d;
}

static bool compare(const struct rd_tensor *got, const struct rd_tensor *want, double absolute,
    char *why, size_t size)
{
    const size_t n = rd_tensor_count(want);
    const struct rd_boxed *boxed = rd_boxed_of(got), *expected = rd_boxed_of(want);
    char a[120], b[120];

    if (boxed && expected) {
        if (got->dtype != want->dtype || boxed->n != expected->n ||
            (boxed->n && boxed->item_dtype != expected->item_dtype)) {
            (void)snprintf(why, size, "%s of %zu instead of %s of %zu",
                rd_boxed_type_text(got, a, sizeof(a)), boxed->n,
                rd_boxed_type_text(want, b, sizeof(b)), expected->n);
            return false;
        }
        for (size_t i = 0; i < boxed->n; i++)
            if (!compare(boxed->item[i], expected->item[i], absolute, why, size))
                return false;
        return true;
    }
    if (got->dtype != want->dtype || got->ndim != want->ndim ||
        memcmp(got->dim, want->dim, (size_t)want->ndim * sizeof(*want->dim))) {
        (void)snprintf(why, size, "%s %s instead of %s %s", rd_dtype_name(got->dtype),
            rd_shape_text(got->dim, got->ndim, a, sizeof(a)), rd_dtype_name(want->dtype),
            rd_shape_text(want->dim, want->ndim, b, sizeof(b)));
        return false;
    }
    if (want->dtype == RD_F16 || want->dtype == RD_BF16) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_tensor *x, *y;
        bool same = !rd_tensor_to_f32(got, 1, &arena, &x, NULL) &&
                    !rd_tensor_to_f32(want, 1, &arena, &y, NULL);

        (void)snprintf(why, size, "values cannot be converted");
        for (size_t i = 0; same && i < n; i++) {
            const double p = value(x, i), q = value(y, i);

            same = fabs(p - q) <= (want->dtype == RD_BF16 ? 0x1p-6 : 2e-3) * fabs(q) ||
                   (isnan(p) && isnan(q)) || p == q;
            if (!same)
                (void)snprintf(why, size, "element %zu is %.9g instead of %.9g", i, p, q);
        }
        rd_arena_release(&arena);
        return same;
    }
    if (want->dtype == RD_STRING) {
        for (size_t i = 0; i < n; i++)
            if (strcmp(((const char *const *)got->data)[i], ((const char *const *)want->data)[i])) {
                (void)snprintf(why, size, "string %zu differs", i);
                return false;
            }
        return true;
    }
    if (want->dtype != RD_F32 && want->dtype != RD_F64) {
        const size_t each = rd_dtype_size(want->dtype);

        for (size_t i = 0; i < n; i++)
            if (memcmp((const char *)got->data + i * each, (const char *)want->data + i * each,
                    each)) {
                (void)snprintf(why, size, "element %zu differs", i);
                return false;
            }
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        const double x = value(got, i), y = value(want, i);

        if (x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= absolute + 1e-5 * fabs(y))
            continue;
        (void)snprintf(why, size, "element %zu is %.9g instead of %.9g", i, x, y);
        return false;
    }
    return true;
}

/* like: what the model says of the value. An optional that is there may stand as what it holds. */
static rd_status read_value(const char *path, const struct rd_graph_value *like,
    struct rd_arena *arena, struct rd_tensor **out, struct rd_error *err)
{
    struct rd_bytes bytes;
    rd_status st = rd_file_map(path, (size_t)1 << 30, arena, &bytes, err);

    if (!st)
        st = rd_graph_value_parse(path, bytes.data, bytes.size, like, NULL, arena, out, err);
    return st;
}

static rd_status read_values(const char *folder, const char *kind, const struct rd_graph *g,
    const int *value, size_t n, struct rd_arena *arena, struct rd_tensor **out,
    struct rd_error *err)
{
    for (size_t i = 0; i < n; i++) {
        char *path = rd_arena_printf(arena, "%s/%s_%zu.pb", folder, kind, i);
        rd_status st = read_value(path, &g->value[value[i]], arena, &out[i], err);

        if (st)
            return RD_WRAP(err, st, "%s %zu", kind, i);
    }
    return RD_OK;
}

static enum outcome run_case(const char *folder, const char *name, char *why, size_t size)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { .status = RD_OK };
    struct rd_graph *graph = NULL;
    struct rd_exec *exec = NULL;
    struct rd_bytes model;
    char *path = rd_arena_printf(&arena, "%s/%s/model.onnx", folder, name);
    char op[200];
    enum outcome result = FAIL;
    double absolute = 1e-6;
    size_t sets = 0;
    rd_status st = rd_file_read(path, (size_t)1 << 30, &arena, &model, &err);

    for (size_t i = 0; i < sizeof(skipped_by_name) / sizeof(*skipped_by_name); i++)
        if (!strcmp(name, skipped_by_name[i].name)) {
            (void)snprintf(why, size, "by name: %s", skipped_by_name[i].reason);
            result = SKIP;
            goto out;
        }
    for (size_t i = 0; i < sizeof(loose) / sizeof(*loose); i++)
        if (!strcmp(name, loose[i].name))
            absolute = loose[i].absolute;
    if (!st && foreign_operator(model, op, sizeof(op)) && op[0]) {
        (void)snprintf(why, size, "operator %s", op);
        result = SKIP;
        goto out;
    }
    if (!st)
        st = rd_graph_load(path, NULL, &arena, &graph, &err);
    if (!st)
        st = rd_exec_open(graph, NULL, NULL, &exec, &err);
    for (; !st; sets++) {
        struct rd_tensor **input = RD_NEW_ARRAY(&arena, struct rd_tensor *, graph->n_inputs);
        struct rd_tensor **want = RD_NEW_ARRAY(&arena, struct rd_tensor *, graph->n_outputs);
        struct rd_tensor **got = RD_NEW_ARRAY(&arena, struct rd_tensor *, graph->n_outputs);
        char *data = rd_arena_printf(&arena, "%s/%s/test_data_set_%zu", folder, name, sets);

        if (!rd_file_is_dir(data))
            break;
        st = read_values(data, "input", graph, graph->input, graph->n_inputs, &arena, input, &err);
        if (!st)
            st = rd_exec_run(
                exec, (const struct rd_tensor *const *)input, graph->n_inputs, &arena, got, &err);
        for (size_t i = 0; i < graph->n_outputs && !st; i++) {
            /* What came tells how to read what should have come: a model need not say. */
            const struct rd_graph_value like = { .dtype = got[i]->dtype };

            st = read_value(rd_arena_printf(&arena, "%s/output_%zu.pb", data, i), &like, &arena,
                &want[i], &err);
            if (st)
                break;
            if (!compare(got[i], want[i], absolute, why, size))
                goto out;
        }
    }
    if (!st && !sets)
        st = RD_FAIL(&err, RD_E_INPUT, "no test data");
    if (st && foreign_type(&err)) {
        (void)snprintf(why, size, "by name: element type %s", foreign_type(&err));
        result = SKIP;
        goto out;
    }
    if (st) {
        size_t at = 0;

        for (int i = err.frames - 1; i >= 0 && at < size; i--)
            at += (size_t)snprintf(why + at, size - at, "%s%s", err.frame[i].text, i ? ": " : "");
        goto out;
    }
    result = PASS;
out:
    rd_exec_free(exec);
    rd_arena_release(&arena);
    return result;
}

static int is_case(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    static const char *const word[] = { "PASS", "FAIL", "SKIP" };
    struct rd_arena arena = RD_ARENA_INIT;
    struct dirent **entry;
    size_t total[3] = { 0 };
    int n;

    if (argc < 2) {
        (void)fprintf(stderr, "usage: rd_onnx_conformance FOLDER [NAME...]\n");
        return 2;
    }
    n = scandir(argv[1], &entry, is_case, alphasort);
    if (n < 0) {
        (void)fprintf(stderr, "onnx_conformance: cannot read '%s'\n", argv[1]);
        return 4;
    }
    for (int i = 0; i < n; i++) {
        const char *name = entry[i]->d_name;
        bool wanted = argc == 2;
        char why[1200] = "";
        enum outcome result;

        for (int a = 2; a < argc; a++)
            wanted = wanted || !strcmp(argv[a], name);
        if (!wanted)
            continue;
        result = run_case(argv[1], name, why, sizeof(why));
        total[result]++;
        if (result == SKIP)
            count(&arena, why);
        printf("%s %s%s%s\n", word[result], name, why[0] && result != PASS ? ": " : "",
            result != PASS ? why : "");
    }
    qsort(reasons, n_reasons, sizeof(*reasons), by_count);
    printf("\nskipped, by reason:\n");
    for (size_t i = 0; i < n_reasons; i++)
        printf("%6zu  %s\n", reasons[i].n, reasons[i].reason);
    printf("%zu passed, %zu failed, %zu skipped\n", total[PASS], total[FAIL], total[SKIP]);
    for (int i = 0; i < n; i++)
        free(entry[i]);
    free(entry);
    rd_arena_release(&arena);
    return total[FAIL] ? 1 : 0;
}
