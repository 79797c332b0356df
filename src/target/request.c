/*
 * request.c - rows to bytes, in each protocol's own words.
 *
 * Numbers are written with 9 digits, which a float32 survives, and with a point, so that no server
 * takes an example of whole numbers for integers.
 */
#include "target/protocol.h"

#include "base/json_write.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- what the user says --- */

static const struct {
    const char *name;
    enum rd_protocol protocol;
} protocols[] = {
    { "v2", RD_PROTOCOL_V2 },
    { "v1", RD_PROTOCOL_V1 },
    { "mlflow", RD_PROTOCOL_MLFLOW },
    { "mlflow-split", RD_PROTOCOL_SPLIT },
    { "mlflow-records", RD_PROTOCOL_RECORDS },
    { "template", RD_PROTOCOL_TEMPLATE },
};

static bool ends_in(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);

    return n >= m && !strcmp(text + n - m, end);
}

static rd_status name_protocol(
    struct rd_form *form, const struct rd_target_source *s, const char *path, struct rd_error *err)
{
    const char *words[sizeof protocols / sizeof *protocols + 1], *near;
    size_t n = sizeof protocols / sizeof *protocols;
    char safe[64];

    for (size_t i = 0; i < n; i++) {
        words[i] = protocols[i].name;
        form->protocol = protocols[i].protocol;
        if (s->protocol && !strcmp(s->protocol, words[i]))
            return RD_OK;
    }
    words[n] = NULL;
    if (s->protocol) {
        near = rd_text_nearest(s->protocol, words);
        (void)RD_FAIL(err, RD_E_USAGE,
            "protocol '%s' is not known: v2, v1, mlflow, mlflow-split, mlflow-records, template",
            rd_text_safe_in(safe, sizeof safe, s->protocol));
        return near ? rd_error_hint(err, "did you mean '%s'?", near) : RD_E_USAGE;
    }
    if (s->request)
        form->protocol = RD_PROTOCOL_TEMPLATE;
    else if (strstr(path, "/v2/") && ends_in(path, "/infer"))
        form->protocol = RD_PROTOCOL_V2;
    else if (ends_in(path, ":predict"))
        form->protocol = RD_PROTOCOL_V1;
    else if (ends_in(path, "/invocations"))
        form->protocol = RD_PROTOCOL_MLFLOW;
    else {
        (void)RD_FAIL(err, RD_E_USAGE,
            "the path '%s' does not tell the protocol (.../v2/models/NAME/infer, "
            ".../v1/models/NAME:predict, .../invocations do)",
            rd_text_safe_in(safe, sizeof safe, path));
        return rd_error_hint(
            err, "give the full inference address, or the protocol, or a request template");
    }
    return RD_OK;
}

/* The template is JSON, and "$rows" stands in it once, as a value of its own. */
static rd_status cut_template(
    struct rd_form *form, const char *text, struct rd_arena *arena, struct rd_error *err)
{
    static const char mark[] = "\"$rows\"";
    const char *at = text ? strstr(text, mark) : NULL;
    const char *sample;
    json_t *root;
    rd_status st;

    if (!text)
        return RD_FAIL(err, RD_E_USAGE, "the protocol 'template' needs a request");
    if (!at || strstr(at + 1, mark))
        return RD_FAIL(err, RD_E_USAGE, "\"$rows\" must stand once in the request template, not %s",
            at ? "several times" : "never");
    form->head = rd_arena_strndup(arena, text, (size_t)(at - text));
    form->tail = rd_arena_strdup(arena, at + sizeof mark - 1);
    sample =
        form->head && form->tail ? rd_arena_printf(arena, "%s[]%s", form->head, form->tail) : NULL;
    if (!sample)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a template");
    st = rd_json_load("the request template", sample, strlen(sample), &root, err);
    if (st)
        return RD_WRAP(err, st == RD_E_MEMORY ? st : RD_E_USAGE,
            "the request template must be JSON in which \"$rows\" stands as a value");
    json_decref(root);
    return RD_OK;
}

static rd_status read_template(struct rd_form *form, const struct rd_target_source *s,
    struct rd_arena *arena, struct rd_error *err)
{
    rd_status st = cut_template(form, s->request, arena, err);

    if (!st && !s->scores && !s->labels)
        st = RD_FAIL(
            err, RD_E_USAGE, "a template needs a selector of scores or of labels in the answer");
    if (!st && s->scores)
        st = rd_selector_parse(s->scores, arena, &form->scores, err);
    if (!st && s->labels)
        st = rd_selector_parse(s->labels, arena, &form->labels, err);
    return st;
}

rd_status rd_form_init(struct rd_form *form, const struct rd_target_source *s, const char *path,
    struct rd_arena *arena, struct rd_error *err)
{
    rd_status st = RD_OK;

    *form = (struct rd_form){
        .input = s->input,
        .datatype = "FP32",
        .output = s->output,
        .column = s->columns,
        .class_name = s->class_names,
        .n_names = !s->class_names ? 0
                   : s->classes    ? s->classes
                                   : s->data_classes,
        .dim = s->dim,
        .ndim = s->ndim,
        .inputs = 1,
        .classes = s->classes,
    };
    if (s->ndim < 1 || s->ndim >= RD_MAX_DIMS)
        return RD_FAIL(err, RD_E_USAGE, "an example of an endpoint has 1 to %d axes, not %d",
            RD_MAX_DIMS - 1, s->ndim);
    for (int k = 0; k < s->ndim; k++) {
        if (s->dim[k] < 1 || (uint64_t)s->dim[k] > (1u << 28) / form->inputs)
            return RD_FAIL(
                err, RD_E_USAGE, "axis %d of an example has length %lld", k, (long long)s->dim[k]);
        form->inputs *= (size_t)s->dim[k];
    }
    if (s->classes == 1)
        return RD_FAIL(err, RD_E_USAGE, "a classifier has at least 2 classes");
    if (s->command)
        form->protocol = RD_PROTOCOL_LINES;
    else
        st = name_protocol(form, s, path, err);
    if (!st && form->protocol == RD_PROTOCOL_TEMPLATE)
        st = read_template(form, s, arena, err);
    return st;
}

/* --- rows --- */

enum { DIGITS = 9 };

/*
 * What %.9g writes, for v in [0.001, 10^7), 20 times faster: images are hundreds of numbers a row.
 * The product's rounding moves the ninth digit at a tie at most, which a float32 does not see.
 * Returns the length.
 */
static size_t put_fixed(double v, char *out)
{
    uint64_t unit = 1, whole, rest;
    int places = DIGITS - 1, n = 0, kept;
    char digit[24];
    size_t len = 0;

    for (double top = 10; v >= top; top *= 10)
        places--;
    for (double top = 1; v < top; top /= 10)
        places++;
    for (int k = 0; k < places; k++)
        unit *= 10;
    rest = (uint64_t)(v * (double)unit + 0.5);
    whole = rest / unit;
    rest %= unit;
    do
        digit[n++] = (char)('0' + whole % 10);
    while (whole /= 10);
    while (n)
        out[len++] = digit[--n];
    out[len++] = '.';
    for (kept = places; kept > 1 && rest % 10 == 0; kept--)
        rest /= 10;
    for (int k = kept; k-- > 0; rest /= 10)
        out[len + (size_t)k] = (char)('0' + rest % 10);
    return len + (size_t)kept;
}

static void put_number(struct rd_buf *b, float v)
{
    char text[40];
    const double size = fabs((double)v);
    int n;

    if (size >= 1e-3 && size < 1e7) {
        n = v < 0;
        text[0] = '-';
        n += (int)put_fixed(size, text + n);
    } else {
        n = snprintf(text, sizeof text, "%.9g", (double)v);
        if (!strpbrk(text, ".e")) {
            text[n++] = '.';
            text[n++] = '0';
        }
    }
    rd_buf_put(b, text, (size_t)n);
}

/* A block of the row's axes, nested as they are. */
static const float *put_block(struct rd_buf *b, const int64_t *dim, int ndim, const float *x)
{
    rd_buf_putc(b, '[');
    for (int64_t i = 0; i < dim[0]; i++) {
        if (i)
            rd_buf_putc(b, ',');
        if (ndim > 1)
            x = put_block(b, dim + 1, ndim - 1, x);
        else
            put_number(b, *x++);
    }
    rd_buf_putc(b, ']');
    return x;
}

static void put_rows(const struct rd_form *f, const float *x, size_t n, struct rd_buf *b)
{
    rd_buf_putc(b, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            rd_buf_putc(b, ',');
        (void)put_block(b, f->dim, f->ndim, x + i * f->inputs);
    }
    rd_buf_putc(b, ']');
}

static void put_text(struct rd_buf *b, const char *text)
{
    struct rd_json j = { .out = b };

    rd_json_text(&j, text);
    rd_json_release(&j);
}

static void put_column(const struct rd_form *f, size_t i, struct rd_buf *b)
{
    if (f->column)
        put_text(b, f->column[i]);
    else
        rd_buf_printf(b, "\"%zu\"", i);
}

static void put_split(const struct rd_form *f, const float *x, size_t n, struct rd_buf *b)
{
    rd_buf_puts(b, "{\"dataframe_split\":{");
    if (f->column) {
        rd_buf_puts(b, "\"columns\":[");
        for (size_t i = 0; i < f->inputs; i++) {
            if (i)
                rd_buf_putc(b, ',');
            put_column(f, i, b);
        }
        rd_buf_puts(b, "],");
    }
    rd_buf_puts(b, "\"data\":");
    put_rows(f, x, n, b);
    rd_buf_puts(b, "}}");
}

static void put_records(const struct rd_form *f, const float *x, size_t n, struct rd_buf *b)
{
    rd_buf_puts(b, "{\"dataframe_records\":[");
    for (size_t r = 0; r < n; r++) {
        rd_buf_puts(b, r ? ",{" : "{");
        for (size_t i = 0; i < f->inputs; i++) {
            if (i)
                rd_buf_putc(b, ',');
            put_column(f, i, b);
            rd_buf_putc(b, ':');
            put_number(b, x[r * f->inputs + i]);
        }
        rd_buf_putc(b, '}');
    }
    rd_buf_puts(b, "]}");
}

/* An input of integers takes whole numbers only, and only as such. */
static rd_status put_flat(
    const struct rd_form *f, const float *x, size_t n, struct rd_buf *b, struct rd_error *err)
{
    const bool whole = strncmp(f->datatype, "FP", 2) != 0 && strcmp(f->datatype, "BF16") != 0;

    rd_buf_putc(b, '[');
    for (size_t i = 0; i < n * f->inputs; i++) {
        if (i)
            rd_buf_putc(b, ',');
        if (!whole) {
            put_number(b, x[i]);
            continue;
        }
        if (x[i] != truncf(x[i]) || fabsf(x[i]) > 1e15f || (*f->datatype == 'U' && x[i] < 0) ||
            (*f->datatype == 'B' && x[i] * (x[i] - 1) != 0))
            return RD_FAIL(err, RD_E_INPUT,
                "the endpoint's input is of type %s; value %zu of row %zu is %g", f->datatype,
                i % f->inputs, i / f->inputs, (double)x[i]);
        if (*f->datatype == 'B')
            rd_buf_puts(b, x[i] > 0 ? "true" : "false");
        else
            rd_buf_printf(b, "%.0f", (double)x[i]);
    }
    rd_buf_putc(b, ']');
    return RD_OK;
}

static rd_status put_v2(
    const struct rd_form *f, const float *x, size_t n, struct rd_buf *b, struct rd_error *err)
{
    rd_status st;

    rd_buf_puts(b, "{\"inputs\":[{\"name\":");
    put_text(b, f->input ? f->input : "input");
    rd_buf_printf(b, ",\"shape\":[%zu", n);
    for (int k = 0; k < f->ndim; k++)
        rd_buf_printf(b, ",%lld", (long long)f->dim[k]);
    rd_buf_printf(b, "],\"datatype\":\"%s\",\"data\":", f->datatype);
    st = put_flat(f, x, n, b, err);
    rd_buf_puts(b, "}]}");
    return st;
}

rd_status rd_form_write(const struct rd_form *f, uint64_t id, const float *x, size_t n,
    struct rd_buf *b, struct rd_error *err)
{
    rd_status st = RD_OK;

    for (size_t i = 0; i < n * f->inputs; i++)
        if (!isfinite(x[i]))
            return RD_FAIL(err, RD_E_INPUT, "value %zu of row %zu is not finite: it cannot be sent",
                i % f->inputs, i / f->inputs);
    switch (f->protocol) {
    case RD_PROTOCOL_V2:
        st = put_v2(f, x, n, b, err);
        break;
    case RD_PROTOCOL_V1:
        rd_buf_puts(b, "{\"instances\":");
        put_rows(f, x, n, b);
        rd_buf_putc(b, '}');
        break;
    case RD_PROTOCOL_MLFLOW:
        rd_buf_puts(b, "{\"inputs\":");
        put_rows(f, x, n, b);
        rd_buf_putc(b, '}');
        break;
    case RD_PROTOCOL_SPLIT:
        put_split(f, x, n, b);
        break;
    case RD_PROTOCOL_RECORDS:
        put_records(f, x, n, b);
        break;
    case RD_PROTOCOL_TEMPLATE:
        rd_buf_puts(b, f->head);
        put_rows(f, x, n, b);
        rd_buf_puts(b, f->tail);
        break;
    case RD_PROTOCOL_LINES:
        rd_buf_printf(b, "{\"id\":%llu,\"rows\":", (unsigned long long)id);
        put_rows(f, x, n, b);
        rd_buf_puts(b, "}\n");
        break;
    }
    if (!st && b->failed)
        st = RD_FAIL(err, RD_E_MEMORY, "no memory for a request of %zu rows", n);
    return st;
}
