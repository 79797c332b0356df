/* Requests and answers of every protocol, byte by byte. */
#include "support.h"

#include "base/alloc.h"
#include "target/protocol.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int64_t dim[] = { 2, 2 };
static const float x[] = { 0, 0.5f, -1.25f, 1e-9f, 1, 2, 3, 16777216 };

struct setting {
    struct rd_arena arena;
    struct rd_error err;
    struct rd_target_source source;
    struct rd_form form;
};

static void set_up(struct setting *s, const char *protocol)
{
    memset(s, 0, sizeof *s);
    s->source = (struct rd_target_source){ .protocol = protocol, .dim = dim, .ndim = 2 };
}

static void init(struct setting *s)
{
    if (rd_form_init(&s->form, &s->source, "/", &s->arena, &s->err))
        fail_msg("%s", s->err.frame[0].text);
}

static void tear_down(struct setting *s)
{
    rd_arena_release(&s->arena);
}

/* --- requests --- */

static void writes(const char *protocol, const char *text)
{
    static const char *const columns[] = { "a", "b\"", "c", "d" };
    static struct setting s;
    struct rd_buf b = { 0 };

    set_up(&s, protocol);
    s.source.request = "{\"data\": {\"rows\":\"$rows\"}, \"k\": 1}";
    s.source.scores = "s";
    s.source.columns = columns;
    if (!strcmp(protocol, "lines"))
        s.source.command = columns;
    init(&s);
    assert_int_equal(rd_form_write(&s.form, 7, x, 2, &b, &s.err), RD_OK);
    assert_string_equal(rd_buf_text(&b), text);
    rd_buf_release(&b);
    tear_down(&s);
}

#define ROWS "[[[0.0,0.5],[-1.25,9.99999972e-10]],[[1.0,2.0],[3.0,16777216.0]]]"

static void each_protocol_has_its_words(void **state)
{
    (void)state;
    writes("v1", "{\"instances\":" ROWS "}");
    writes("mlflow", "{\"inputs\":" ROWS "}");
    writes("mlflow-split",
        "{\"dataframe_split\":{\"columns\":[\"a\",\"b\\\"\",\"c\",\"d\"],\"data\":" ROWS "}}");
    writes("mlflow-records",
        "{\"dataframe_records\":[{\"a\":0.0,\"b\\\"\":0.5,\"c\":-1.25,\"d\":9.99999972e-10},"
        "{\"a\":1.0,\"b\\\"\":2.0,\"c\":3.0,\"d\":16777216.0}]}");
    writes("template", "{\"data\": {\"rows\":" ROWS "}, \"k\": 1}");
    writes("lines", "{\"id\":7,\"rows\":" ROWS "}\n");
    writes("v2",
        "{\"inputs\":[{\"name\":\"input\",\"shape\":[2,2,2],\"datatype\":\"FP32\",\"data\":"
        "[0.0,0.5,-1.25,9.99999972e-10,1.0,2.0,3.0,16777216.0]}]}");
}

static void what_is_not_finite_is_not_sent(void **state)
{
    static struct setting s;
    const float bad[] = { 0, NAN, 0, 0 };
    struct rd_buf b = { 0 };

    (void)state;
    set_up(&s, "v1");
    init(&s);
    assert_int_equal(rd_form_write(&s.form, 0, bad, 1, &b, &s.err), RD_E_INPUT);
    rd_buf_release(&b);
    tear_down(&s);
}

/* Floats of every size, and those about each power of ten, come back to the bit; short where they
 * can be. */
static void numbers_survive(void **state)
{
    static const int64_t one[] = { 1 };
    static const struct {
        float v;
        const char *text;
    } exact[] = { { 0.1f, "0.100000001" }, { -0.5f, "-0.5" }, { 255, "255.0" },
        { 0.001f, "0.00100000005" }, { 9999999, "9999999.0" }, { 1e7f, "10000000.0" }, { 0, "0.0" },
        { 1.0f / 3, "0.333333343" }, { 999999.94f, "999999.938" }, { 1e-3f, "0.00100000005" },
        { 1e38f, "9.99999968e+37" } };
    static struct setting s;
    uint32_t bits = 1;

    (void)state;
    set_up(&s, "v1");
    s.source.dim = one;
    s.source.ndim = 1;
    init(&s);
    for (size_t i = 0; i < sizeof exact / sizeof *exact + 200000; i++) {
        struct rd_buf b = { 0 };
        float v;

        bits = bits * 1664525u + 1013904223u;
        memcpy(&v, &bits, sizeof v);
        if (i % 4 == 1) /* about a power of ten */
            v = (float)pow(10, (double)(i / 4 % 14) - 5) * (1 + (float)(int)(bits % 9 - 4) * 6e-8f);
        else if (i % 4 == 2)
            v = (float)(bits >> 8) / 16777216;
        if (i < sizeof exact / sizeof *exact)
            v = exact[i].v;
        if (!isfinite(v))
            continue;
        assert_int_equal(rd_form_write(&s.form, 0, &v, 1, &b, &s.err), RD_OK);
        if (strtof(b.text + strlen("{\"instances\":[["), NULL) != v)
            fail_msg("%.9g is written as %s", (double)v, b.text);
        if (i < sizeof exact / sizeof *exact &&
            strncmp(b.text + 15, exact[i].text, strlen(exact[i].text)) != 0)
            fail_msg("%.9g is written as %s", (double)v, b.text);
        rd_buf_release(&b);
    }
    tear_down(&s);
}

static void paths_tell_the_protocol(void **state)
{
    static const struct {
        const char *path;
        int protocol; /* -1: cannot be told */
    } cases[] = {
        { "/v2/models/m/infer", RD_PROTOCOL_V2 },
        { "/some/gateway/v2/models/m/versions/3/infer", RD_PROTOCOL_V2 },
        { "/v1/models/m:predict", RD_PROTOCOL_V1 },
        { "/invocations", RD_PROTOCOL_MLFLOW },
        { "/endpoints/e/invocations", RD_PROTOCOL_MLFLOW },
        { "/predict", -1 },
        { "/", -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static struct setting s;
        rd_status st;

        set_up(&s, NULL);
        st = rd_form_init(&s.form, &s.source, cases[i].path, &s.arena, &s.err);
        assert_int_equal(st, cases[i].protocol < 0 ? RD_E_USAGE : RD_OK);
        if (!st)
            assert_int_equal(s.form.protocol, cases[i].protocol);
        tear_down(&s);
    }
}

static void templates_are_checked(void **state)
{
    static const char *const bad[] = { "{}", "{\"x\": $rows}",
        "{\"x\": \"$rows\", \"y\": \"$rows\"}", "{\"$rows\": 1}", "{\"x\": \"$rows\"",
        "not json \"$rows\"", "" };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        static struct setting s;

        set_up(&s, "template");
        s.source.request = bad[i];
        s.source.scores = "s";
        assert_int_equal(rd_form_init(&s.form, &s.source, "/", &s.arena, &s.err), RD_E_USAGE);
        tear_down(&s);
    }
}

/* --- answers --- */

struct expected {
    const char *protocol, *answer;
    const char *error; /* a part of the message, or NULL: these scores or labels come out */
    double first;      /* score of row 0, class 0; labels: of row 0 */
    double last;       /* of the last row, last class */
    size_t width;      /* 0: labels */
    size_t n, classes;
    const char *const *names;
    const char *output, *scores, *labels;
    rd_status with; /* RD_OK: RD_E_INPUT */
};

static const char *const pets[] = { "dog", "cat" };

/* clang-format off */
static const struct expected cases[] = {
    /* nested, as most answer */
    { "v1", "{\"predictions\":[[0.25,0.75],[1,0]]}", NULL, .25, 0, 2, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":[[[0.25],[0.75]],[[1],[0]]]}", NULL, .25, 0, 2, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"outputs\":[[0.25,0.75],[1,0]]}", NULL, .25, 0, 2, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":[[0.25,0.75]]}", NULL, .25, .75, 2, 1, 0, NULL, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":[[1e-3,2E2,-3]]}", NULL, 1e-3, -3, 3, 1, 0, NULL, NULL, NULL, NULL, 0 },
    { "mlflow", "[[0.25,0.75],[1,0]]", NULL, .25, 0, 2, 2, 0, NULL, NULL, NULL, NULL, 0 },
    /* labels */
    { "mlflow", "{\"predictions\":[1,0]}", NULL, 1, 0, 0, 2, 2, NULL, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":[1.0,0.0]}", NULL, 1, 0, 0, 2, 2, NULL, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":[\"1\",\"7\"]}", NULL, 1, 7, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":[[1],[0]]}", NULL, 1, 0, 0, 2, 2, NULL, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":[true,false]}", NULL, 1, 0, 0, 2, 2, NULL, NULL, NULL, NULL, 0 },
    { "mlflow", "[\"cat\",\"dog\"]", NULL, 1, 0, 0, 2, 2, pets, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":[1,2]}", "answers class 2 of 0..1", 0, 0, 0, 2, 2, NULL, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":[1,-1]}", "row 1 answers class -1", 0, 0, 0, 2, 2, NULL, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":[\"cow\",\"dog\"]}", "'cow', which names no class", 0, 0, 0, 2, 2, pets, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":[1.5,2.5]}", "which is no class", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":[1e300,0]}", "no class", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    /* one probability */
    { "v1", "{\"predictions\":[[0.75],[0.5]]}", NULL, .25, .5, 2, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":[0.75,1]}", NULL, .25, 1, 2, 2, 2, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":[0.75,1]}", "expected one for each of 3", 0, 0, 0, 2, 3, NULL, NULL, NULL, NULL, 0 },
    /* objects by row and by column */
    { "mlflow", "{\"predictions\":[{\"0\":0.25,\"1\":0.75},{\"0\":1,\"1\":0}]}", NULL, .25, 0, 2, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":[{\"cat\":0.75,\"dog\":0.25},{\"dog\":1,\"cat\":0}]}", NULL, .25, 0, 2, 2, 2, pets, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":[{\"label\":\"cat\",\"score\":0.9},{\"label\":\"dog\",\"score\":0.7}]}", NULL, 1, 0, 0, 2, 2, pets, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":[{\"label\":1,\"score\":0.9},{\"label\":0,\"score\":0.7}]}", "which one is meant", 0, 0, 0, 2, 2, NULL, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":[{\"label\":1,\"score\":0.9},{\"label\":0,\"score\":0.7}]}", NULL, 1, 0, 0, 2, 2, NULL, "label", NULL, NULL, 0 },
    { "v1", "{\"predictions\":[{\"c\":1,\"p\":[0.25,0.75]},{\"c\":0,\"p\":[1,0]}]}", NULL, .25, 0, 2, 2, 2, NULL, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":{\"0\":[0.25,1],\"1\":[0.75,0]}}", NULL, .25, 0, 2, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":{\"p\":[[0.25,0.75],[1,0]],\"label\":[1,0]}}", NULL, .25, 0, 2, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":{\"label\":[1,0]}}", NULL, 1, 0, 0, 2, 2, NULL, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":{\"0\":[0.25],\"1\":[0.75,0]}}", "1 row came back", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"predictions\":[{\"0\":0.25,\"1\":0.75},{\"0\":1}]}", "row 1 has no number for class 1", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    /* V2 */
    { "v2", "{\"outputs\":[{\"name\":\"p\",\"datatype\":\"FP32\",\"shape\":[2,2],\"data\":[0.25,0.75,1,0]}]}", NULL, .25, 0, 2, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v2", "{\"outputs\":[{\"name\":\"p\",\"datatype\":\"FP32\",\"shape\":[2,2],\"data\":[[0.25,0.75],[1,0]]}]}", NULL, .25, 0, 2, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v2", "{\"outputs\":[{\"name\":\"l\",\"datatype\":\"INT64\",\"shape\":[2],\"data\":[1,0]},{\"name\":\"p\",\"datatype\":\"FP32\",\"shape\":[2,2],\"data\":[0.25,0.75,1,0]}]}", NULL, .25, 0, 2, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v2", "{\"outputs\":[{\"name\":\"l\",\"datatype\":\"INT64\",\"shape\":[2],\"data\":[1,0]},{\"name\":\"p\",\"datatype\":\"FP32\",\"shape\":[2,2],\"data\":[0.25,0.75,1,0]}]}", NULL, 1, 0, 0, 2, 2, NULL, "l", NULL, NULL, 0 },
    { "v2", "{\"outputs\":[{\"name\":\"l\",\"datatype\":\"BYTES\",\"shape\":[2],\"data\":[\"cat\",\"dog\"]}]}", NULL, 1, 0, 0, 2, 2, pets, NULL, NULL, NULL, 0 },
    { "v2", "{\"outputs\":[{\"name\":\"p\",\"datatype\":\"FP32\",\"shape\":[1,2],\"data\":[0.25,0.75]}]}", "1 rows came back for 2", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v2", "{\"outputs\":[{\"name\":\"p\",\"datatype\":\"FP32\",\"shape\":[2,3],\"data\":[0.25,0.75,1,0]}]}", "shape", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v2", "{\"outputs\":[{\"name\":\"p\",\"datatype\":\"FP32\",\"shape\":[2,-2],\"data\":[0.25,0.75,1,0]}]}", "shape", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v2", "{\"outputs\":[{\"name\":\"p\",\"datatype\":\"FP32\",\"shape\":[2,2],\"data\":[0.25,0.75,1]}]}", "3 values came back for 2 rows", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v2", "{\"outputs\":[{\"name\":\"p\",\"datatype\":\"FP32\",\"shape\":[2,2],\"parameters\":{\"binary_data_size\":16}}]}", "binary data", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v2", "{\"outputs\":[]}", "no 'outputs'", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v2", "{\"error\":\"no such model\"}", "is an error: no such model", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v2", "{\"outputs\":[{\"name\":\"p\",\"shape\":[2,1],\"datatype\":\"FP32\",\"data\":[0.5,0.25]}]}", NULL, .5, .25, 2, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v2", "{\"outputs\":[{\"name\":\"p\",\"data\":[0.25,0.75,1,0]}]}", "no output 'q'", 0, 0, 0, 2, 0, NULL, "q", NULL, NULL, 0 },
    /* templates */
    { "template", "{\"a\":[{\"s\":[0.25,0.75]},{\"s\":[1,0]}]}", NULL, .25, 0, 2, 2, 0, NULL, NULL, "a[*].s", NULL, 0 },
    { "template", "{\"outputs\":[{\"data\":[0.25,0.75,1,0]}]}", NULL, .25, 0, 2, 2, 0, NULL, NULL, "$.outputs[0].data", NULL, 0 },
    { "template", "{\"outputs\":[{\"data\":[0.25,0.75,1]}]}", "3 rows came back", 0, 0, 0, 2, 0, NULL, NULL, "$.outputs[0].data", NULL, 0 },
    { "template", "[{\"c\":\"cat\"},{\"c\":\"dog\"}]", NULL, 1, 0, 0, 2, 2, pets, NULL, NULL, "[*].c", 0 },
    { "template", "{\"b\":1}", "an object has no member 'a'", 0, 0, 0, 2, 0, NULL, NULL, "a[*].s", NULL, 0 },
    { "template", "{\"error\":{\"message\":\"quota\"}}", "is an error: quota", 0, 0, 0, 2, 0, NULL, NULL, "a", NULL, 0 },
    /* what goes wrong */
    { "v1", "{\"predictions\":[[0.25,0.75]]}", "1 row came back for 2 asked", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":[[0.25,0.75],[1,0],[1,0]]}", "3 rows came back for 2 asked", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":[]}", "0 rows came back", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":[[],[]]}", "row 0 of the answer is empty", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":[[0.25,0.75],[1]]}", "row 1 holds 1 values, row 0 holds 2", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":[[0.25,0.75],[1,{}]]}", "row 1 holds an object", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":[[0.25,null],[1,0]]}", "row 0 answers null for class 1", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":[[0.25,\"x\\u001b\"],[1,0]]}", "answers 'x\\x1b' for class 1", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":[[0.25,1e39],[1,0]]}", "too large", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":[[0.25,1e999],[1,0]]}", "is no JSON", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":[[0.25,NaN],[1,0]]}", "is no JSON", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":[[1,2,3],[4,5,6]]}", "3 scores a row came back", 0, 0, 0, 2, 2, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":7}", "neither a list nor an object", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":[[1,2],[3,4]],\"predictions\":1}", "is no JSON", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"detail\":\"busy\"}", "is an error: busy", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "mlflow", "{\"error_code\":\"BAD\",\"message\":\"schema\"}", "is an error: schema", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":[[1,2],[3,4]],\"error\":\"half\"}", "is an error: half", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "<html>", "is HTML or XML", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "", "is empty", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "{\"predictions\":[[1,2],[3,4", "is no JSON", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "\xff\xfe{}", "is no JSON", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "v1", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "nested more than", 0, 0, 0, 2, 0, NULL, NULL, NULL, NULL, RD_E_LIMIT },
    /* lines */
    { "lines", "{\"id\":7,\"scores\":[[0.25,0.75],[1,0]]}", NULL, .25, 0, 2, 2, 0, NULL, NULL, NULL, NULL, 0 },
    { "lines", "{\"id\":7,\"labels\":[1,0]}", NULL, 1, 0, 0, 2, 2, NULL, NULL, NULL, NULL, 0 },
    { "lines", "{\"id\":6,\"labels\":[1,0]}", "answers request 6, but 7", 0, 0, 0, 2, 2, NULL, NULL, NULL, NULL, 0 },
    { "lines", "{\"id\":\"7\",\"labels\":[1,0]}", "no whole number 'id'", 0, 0, 0, 2, 2, NULL, NULL, NULL, NULL, 0 },
    { "lines", "{\"id\":7}", "neither 'scores' nor 'labels'", 0, 0, 0, 2, 2, NULL, NULL, NULL, NULL, 0 },
    { "lines", "[7]", "no JSON object", 0, 0, 0, 2, 2, NULL, NULL, NULL, NULL, 0 },
};
/* clang-format on */

static void read_one(const struct expected *c)
{
    static struct setting s;
    struct rd_answer a = { 0 };
    const size_t size = strlen(c->answer);
    char *bytes = malloc(size ? size : 1); /* exactly as long: reading behind it is seen */
    rd_status st;

    memcpy(bytes, c->answer, size);
    set_up(&s, c->protocol);
    if (!strcmp(c->protocol, "lines"))
        s.source.command = pets;
    s.source.request = "{\"x\":\"$rows\"}";
    s.source.scores = c->scores;
    s.source.labels = c->labels;
    s.source.output = c->output;
    s.source.classes = c->classes;
    s.source.class_names = c->names;
    init(&s);
    st = rd_form_read(&s.form, 7, bytes, size, c->n, &s.arena, &a, &s.err);
    if (c->error) {
        if (st != (c->with ? c->with : RD_E_INPUT))
            fail_msg("%s gave %d", c->answer, (int)st);
        for (int i = 0; i < s.err.frames && c->error; i++)
            if (strstr(s.err.frame[i].text, c->error))
                goto out;
        fail_msg("%s: '%s' and not '%s'", c->answer, s.err.frame[0].text, c->error);
    }
    if (st)
        fail_msg("%s: %s", c->answer, s.err.frame[0].text);
    assert_int_equal(a.width, c->width);
    if (c->width) {
        assert_float_equal(a.score[0], c->first, 1e-6);
        assert_float_equal(a.score[c->n * c->width - 1], c->last, 1e-6);
    } else {
        assert_int_equal(a.label[0], (int)c->first);
        assert_int_equal(a.label[c->n - 1], (int)c->last);
    }
out:
    free(bytes);
    tear_down(&s);
}

static void each_answer_is_read_or_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        read_one(&cases[i]);
}

static void too_many_values_and_bytes_are_refused(void **state)
{
    enum { SIZE = 3 << 20 };
    static struct setting s;
    struct rd_answer a;
    char *bytes = malloc(SIZE);

    (void)state;
    set_up(&s, "v1");
    s.source.classes = 2;
    init(&s);
    memset(bytes, ',', SIZE);
    assert_int_equal(rd_form_read(&s.form, 0, bytes, SIZE, 2, &s.arena, &a, &s.err), RD_E_LIMIT);
    s.form.classes = 100000; /* bytes enough for so many, values too many */
    assert_int_equal(rd_form_read(&s.form, 0, bytes, SIZE, 2, &s.arena, &a, &s.err), RD_E_LIMIT);
    free(bytes);
    tear_down(&s);
}

static void later_answers_are_held_to_the_first(void **state)
{
    static const struct {
        enum rd_answer_kind kind;
        size_t classes;
        const char *answer;
        rd_status st;
    } later[] = {
        { RD_ANSWER_SCORES, 2, "[[1,2],[3,4]]", RD_OK },
        { RD_ANSWER_SCORES, 2, "[1,0]", RD_E_INPUT },
        { RD_ANSWER_SCORES, 2, "[[1,2,3],[1,2,3]]", RD_E_INPUT },
        { RD_ANSWER_LABELS, 2, "[1,0]", RD_OK },
        { RD_ANSWER_LABELS, 2, "[0.5,0.25]", RD_E_INPUT },
        { RD_ANSWER_LABELS, 2, "[[1,2],[3,4]]", RD_E_INPUT },
        { RD_ANSWER_SINGLE, 2, "[1,0]", RD_OK },
        { RD_ANSWER_SINGLE, 2, "[1.5,0]", RD_E_INPUT },
        { RD_ANSWER_SINGLE, 2, "[\"a\",0]", RD_E_INPUT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        static struct setting s;
        struct rd_answer a = { 0 };

        set_up(&s, "mlflow");
        s.source.classes = later[i].classes;
        init(&s);
        s.form.kind = later[i].kind;
        assert_int_equal(rd_form_read(&s.form, 0, later[i].answer, strlen(later[i].answer), 2,
                             &s.arena, &a, &s.err),
            later[i].st);
        if (later[i].kind == RD_ANSWER_SINGLE && !later[i].st)
            assert_true(a.width == 2 && a.score[1] == 1 && a.score[2] == 1);
        tear_down(&s);
    }
}

static void metadata_is_checked(void **state)
{
    static const struct {
        const char *text;
        const char *error; /* or NULL */
        int ndim;
    } meta[] = {
        { "{\"inputs\":[{\"name\":\"a\",\"datatype\":\"FP32\",\"shape\":[-1,4]}]}", NULL, 1 },
        { "{\"inputs\":[{\"name\":\"a\",\"datatype\":\"FP64\",\"shape\":[-1,-1]}]}", NULL, 2 },
        { "{\"inputs\":[{\"name\":\"a\",\"datatype\":\"FP64\"}]}", NULL, 2 },
        { "{\"inputs\":[{\"name\":\"a\",\"datatype\":\"FP32\",\"shape\":[-1,1,2,2]}]}", NULL, 3 },
        { "{\"inputs\":[{\"name\":\"a\",\"datatype\":\"FP32\",\"shape\":[-1,3]}]}",
            "takes 3 numbers", 0 },
        { "{\"inputs\":[{\"name\":\"a\",\"datatype\":\"FP32\",\"shape\":[-1,3000000000,3000000000]}"
          "]}",
            "more than 4", 0 },
        { "{\"inputs\":[{\"name\":\"a\",\"datatype\":\"BYTES\",\"shape\":[-1,4]}]}",
            "of type 'BYTES'", 0 },
        { "{\"inputs\":[{\"name\":\"a\"},{\"name\":\"b\"}]}", "has 2 inputs", 0 },
        { "{\"inputs\":{}}", "does not say", 0 },
        { "[]", "does not say", 0 },
        { "{\"error\":\"x\"}", "is an error: x", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof meta / sizeof *meta; i++) {
        static struct setting s;
        rd_status st;

        set_up(&s, "v2");
        init(&s);
        st = rd_form_metadata(&s.form, meta[i].text, strlen(meta[i].text), &s.arena, &s.err);
        if (st != (meta[i].error ? RD_E_INPUT : RD_OK))
            fail_msg("%s gave %d", meta[i].text, (int)st);
        if (st && !strstr(s.err.frame[0].text, meta[i].error))
            fail_msg("%s: %s", meta[i].text, s.err.frame[0].text);
        if (!st)
            assert_int_equal(s.form.ndim, meta[i].ndim);
        tear_down(&s);
    }
}

/* --- selectors --- */

static void selectors_are_parsed_strictly(void **state)
{
    static const struct {
        const char *text;
        int n; /* -1: refused */
    } texts[] = {
        { "", 0 },
        { "$", 0 },
        { "a", 1 },
        { "$.a", 1 },
        { ".a", 1 },
        { "a.b[*].c", 4 },
        { "[0]", 1 },
        { "[*][*]", 2 },
        { "$['a b'].c", 2 },
        { "[\"a\"]", 1 },
        { "a-b_c@d", 1 },
        { "caf\xc3\xa9", 1 },
        { "a..b", -1 },
        { "a.", -1 },
        { "a[", -1 },
        { "a[1", -1 },
        { "a[]", -1 },
        { "a[-1]", -1 },
        { "a['b]", -1 },
        { "a b", -1 },
        { "$a", -1 },
        { "a[1]b", -1 },
        { "a[9999999999]", -1 },
        { "\xff", -1 },
        { "[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]", 16 },
        { "[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]", -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_error err = { 0 };
        struct rd_selector sel;
        const rd_status st = rd_selector_parse(texts[i].text, &arena, &sel, &err);

        const bool good = texts[i].n >= 0;

        if (good != (st == RD_OK) || (!good && st != RD_E_USAGE) ||
            (good && (int)sel.n != texts[i].n))
            fail_msg("'%s' gave %d: %s", texts[i].text, (int)st, err.frame[0].text);
        rd_arena_release(&arena);
    }
}

static void selectors_find_what_they_say(void **state)
{
    static const char document[] =
        "{\"a\":[{\"s\":[1,2],\"t x\":5},{\"s\":[3,4]}],\"n\":null,\"o\":{\"p\":1,\"q\":2}}";
    static const struct {
        const char *selector, *found; /* NULL: refused */
    } finds[] = {
        { "a[*].s", "[[1,2],[3,4]]" },
        { "a[1].s[0]", "3" },
        { "a[0]['t x']", "5" },
        { "a[*].s[*]", "[[1,2],[3,4]]" },
        { "o[*]", "[1,2]" },
        { "n", "null" },
        { "a[2]", NULL },
        { "a.s", NULL },
        { "a[*]['t x']", NULL },
        { "n[*]", NULL },
        { "o[0]", NULL },
        { "b", NULL },
    };
    struct rd_error err = { 0 };
    json_t *root, *found;

    (void)state;
    assert_int_equal(rd_json_load("it", document, sizeof document - 1, &root, &err), RD_OK);
    for (size_t i = 0; i < sizeof finds / sizeof *finds; i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_selector sel;
        rd_status st;

        assert_int_equal(rd_selector_parse(finds[i].selector, &arena, &sel, &err), RD_OK);
        st = rd_selector_apply(&sel, root, &found, &err);
        assert_int_equal(st, finds[i].found ? RD_OK : RD_E_INPUT);
        if (!st) {
            char text[64];
            const size_t n =
                json_dumpb(found, text, sizeof text - 1, JSON_COMPACT | JSON_ENCODE_ANY);

            text[n] = '\0';
            assert_string_equal(text, finds[i].found);
            json_decref(found);
        }
        rd_arena_release(&arena);
    }
    json_decref(root);
}

/* --- memory --- */

static void survives_each_failed_allocation(void **state)
{
    static const char text[] = "{\"predictions\":[{\"p\":[0.25,0.75],\"c\":\"cat\"},{\"p\":[1,0],"
                               "\"c\":\"dog\"}]}";
    rd_status st = RD_E_MEMORY;
    const size_t live = rd_alloc_live();

    (void)state;
    for (size_t n = 1; st; n++) {
        static struct setting s;
        struct rd_answer a = { 0 };
        struct rd_buf b = { 0 };

        set_up(&s, "template");
        s.source.request = "{\"x\":\"$rows\"}";
        s.source.scores = "predictions[*].p";
        s.source.labels = "predictions[*].c";
        s.source.classes = 2;
        s.source.class_names = pets;
        rd_alloc_fail_at(n);
        st = rd_form_init(&s.form, &s.source, "/", &s.arena, &s.err);
        if (!st)
            st = rd_form_write(&s.form, 0, x, 2, &b, &s.err);
        if (!st)
            st = rd_form_read(&s.form, 0, text, sizeof text - 1, 2, &s.arena, &a, &s.err);
        rd_alloc_fail_at(0);
        if (st && st != RD_E_MEMORY)
            fail_msg("allocation %zu failed: %d, %s", n, (int)st, s.err.frame[0].text);
        rd_buf_release(&b);
        tear_down(&s);
        assert_int_equal(rd_alloc_live(), live);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_protocol_has_its_words),
        cmocka_unit_test(what_is_not_finite_is_not_sent),
        cmocka_unit_test(numbers_survive),
        cmocka_unit_test(paths_tell_the_protocol),
        cmocka_unit_test(templates_are_checked),
        cmocka_unit_test(each_answer_is_read_or_refused_by_name),
        cmocka_unit_test(too_many_values_and_bytes_are_refused),
        cmocka_unit_test(later_answers_are_held_to_the_first),
        cmocka_unit_test(metadata_is_checked),
        cmocka_unit_test(selectors_are_parsed_strictly),
        cmocka_unit_test(selectors_find_what_they_say),
        cmocka_unit_test(survives_each_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
