/* Weights of safetensors files in a graph: types, names, shapes, files that lie. */
#include "support.h"

#include "graph/net.h"
#include "graph/safetensors.h"

#include <stdio.h>
#include <string.h>

enum { MOST = 1024 };

struct file {
    unsigned char bytes[MOST];
    size_t size;
};

static void make(struct file *f, const char *header, const void *data, size_t n)
{
    const size_t len = strlen(header);

    memset(f, 0, sizeof(*f));
    f->bytes[0] = (unsigned char)(len & 0xff);
    f->bytes[1] = (unsigned char)(len >> 8);
    memcpy(f->bytes + 8, header, len);
    memcpy(f->bytes + 8 + len, data, n);
    f->size = 8 + len + n;
}

/* Two features to one score: weights "layer1.weight" (1, 2), "layer1.bias" (1). */
static struct rd_graph *dense(struct rd_arena *arena)
{
    const struct rd_graph_spec layers[] = { { .kind = RD_LAYER_DENSE, .out = 1 },
        { .kind = RD_LAYER_END } };
    struct rd_graph *g;

    assert_int_equal(rd_graph_build(layers, (int64_t[]){ 2 }, 1, arena, &g, NULL), RD_OK);
    return g;
}

static const char *weight_name(const struct rd_graph *g, int ndim)
{
    for (size_t v = 0; v < g->n_values; v++)
        if (g->value[v].weight && g->value[v].producer < 0 && g->value[v].ndim == ndim)
            return g->value[v].name;
    fail();
    return NULL;
}

static rd_status put(const struct rd_graph *g, const struct file *f, struct rd_arena *arena,
    struct rd_graph **out, struct rd_weights_report *report, struct rd_error *err)
{
    return rd_graph_weights_parse(g, "w", f->bytes, f->size, NULL, arena, out, report, err);
}

static float score(const struct rd_graph *g, float a, float b)
{
    struct rd_net *net;
    float y;

    assert_int_equal(rd_net_open(g, NULL, &net, NULL), RD_OK);
    assert_int_equal(rd_net_forward(net, (float[]){ a, b }, 1, &y, NULL), RD_OK);
    rd_net_free(net);
    return y;
}

static void numbers_of_every_type_take_their_place(void **state)
{
    static const char *const type[] = { "F32", "F16", "BF16", "F64" };
    static const unsigned char data[4][24] = {
        { 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, 0, 0, 0, 0xbf }, /* 1, 2, -0.5 */
        { 0, 0x3c, 0, 0x40, 0, 0xb8 },
        { 0x80, 0x3f, 0, 0x40, 0, 0xbf },
        { 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0xe0, 0xbf },
    };
    static const int width[] = { 4, 2, 2, 8 };

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_graph *g = dense(&arena), *with;
        struct rd_weights_report report;
        struct file f;
        char header[400];

        (void)snprintf(header, sizeof(header),
            "{\"__metadata__\":{\"format\":\"pt\"},\"%s\":{\"dtype\":\"%s\",\"shape\":[1,2],"
            "\"data_offsets\":[0,%d]},\"%s\":{\"dtype\":\"%s\",\"shape\":[1],\"data_offsets\":[%d,"
            "%d]}}",
            weight_name(g, 2), type[i], 2 * width[i], weight_name(g, 1), type[i], 2 * width[i],
            3 * width[i]);
        make(&f, header, data[i], 3 * (size_t)width[i]);
        assert_int_equal(put(g, &f, &arena, &with, &report, NULL), RD_OK);
        assert_int_equal(report.n_used, 2);
        assert_int_equal(report.n_unused, 0);
        assert_int_equal(report.n_missing, 0);
        assert_float_equal(score(with, 3, 5), 3 + 10 - 0.5, 0);
        for (size_t n = 0; n < f.size; n++) { /* cut anywhere it is an error */
            const struct file cut = { .size = n };

            memcpy((void *)(uintptr_t)cut.bytes, f.bytes, n);
            assert_int_equal(put(g, &cut, &arena, &with, NULL, NULL), RD_E_INPUT);
        }
        rd_arena_release(&arena);
    }
}

static void names_that_do_not_meet_are_reported(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_graph *g = dense(&arena), *with;
    struct rd_weights_report report;
    struct file f;
    char header[400];

    (void)state;
    (void)snprintf(header, sizeof(header),
        "{\"tracked\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[4,12]},\"%s\":{\"dtype\":"
        "\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        weight_name(g, 1));
    make(&f, header, "\0\0\x80\x3f\0\0\0\0\0\0\0\0", 12);
    assert_int_equal(put(g, &f, &arena, &with, &report, NULL), RD_OK);
    assert_int_equal(report.n_used, 1);
    assert_int_equal(report.n_unused, 1);
    assert_string_equal(report.unused[0], "tracked");
    assert_int_equal(report.n_missing, 1);
    assert_string_equal(report.missing[0], weight_name(g, 2));
    assert_float_equal(score(with, 0, 0), 1, 0);
    rd_arena_release(&arena);
}

static void refused(const char *header, size_t n, const char *why)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_graph *g = dense(&arena), *with;
    struct rd_error err = { .status = RD_OK };
    struct file f;
    char text[600], zeros[64] = { 0 };

    (void)snprintf(text, sizeof(text), header, weight_name(g, 1));
    make(&f, text, zeros, n);
    assert_int_equal(put(g, &f, &arena, &with, NULL, &err), RD_E_INPUT);
    if (!strstr(err.frame[0].text, why))
        fail_msg("expected '%s', found '%s'", why, err.frame[0].text);
    rd_arena_release(&arena);
}

#define ONE(dtype, shape, offsets)                                                                 \
    "{\"%s\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void files_that_lie_are_refused(void **state)
{
    (void)state;
    refused(ONE("F32", "[2]", "[0,8]"), 8, "has shape (2,), the graph's (1,)");
    refused(ONE("I64", "[1]", "[0,8]"), 8, "is int64, the graph's is float32");
    refused(ONE("F8_E4M3", "[1]", "[0,1]"), 1, "is of type F8_E4M3");
    refused(ONE("F32", "[1]", "[0,8]"), 8, "do not hold its shape");
    refused(ONE("F32", "[4611686018427387904,4]", "[0,0]"), 0, "do not hold its shape");
    refused(ONE("F32", "[1]", "[4,8]"), 8, "no holes");
    refused(ONE("F32", "[1]", "[0,4]"), 8, "4 bytes follow");
    refused(ONE("F32", "[-1]", "[0,4]"), 4, "malformed shape");
    refused(ONE("F32", "[1]", "[8,4]"), 8, "do not hold its shape");
    refused("{\"x%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
        "none of its 1 tensors");
    refused("{\"%s\":3}", 0, "as they must be");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_every_type_take_their_place),
        cmocka_unit_test(names_that_do_not_meet_are_reported),
        cmocka_unit_test(files_that_lie_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
