/* model_column.c - cells of a CSV, and arrays of another type, as an input wants them. */
#include "cli/model_bind.h"

#include "base/text.h"
#include "data/table.h"

#include <math.h>
#include <string.h>

enum { SHOWN = 80 };

/* --- conversions of whole arrays --- */

/* Bounds of an integer type; false for others. */
static bool whole(enum rd_dtype t, __int128 *low, __int128 *high)
{
    const size_t bits = 8 * rd_dtype_size(t);
    const bool is_signed = t == RD_I8 || t == RD_I16 || t == RD_I32 || t == RD_I64;

    if (!is_signed && t != RD_U8 && t != RD_U16 && t != RD_U32 && t != RD_U64)
        return false;
    *low = is_signed ? -((__int128)1 << (bits - 1)) : 0;
    *high = ((__int128)1 << (is_signed ? bits - 1 : bits)) - 1;
    return true;
}

static __int128 get_whole(const struct rd_tensor *t, size_t i)
{
    switch (t->dtype) {
    case RD_U8:
        return ((const uint8_t *)t->data)[i];
    case RD_I8:
        return ((const int8_t *)t->data)[i];
    case RD_U16:
        return ((const uint16_t *)t->data)[i];
    case RD_I16:
        return ((const int16_t *)t->data)[i];
    case RD_U32:
        return ((const uint32_t *)t->data)[i];
    case RD_I32:
        return ((const int32_t *)t->data)[i];
    case RD_U64:
        return ((const uint64_t *)t->data)[i];
    default:
        return ((const int64_t *)t->data)[i];
    }
}

/* v lies within the type: its low bytes are the element, whatever the sign. */
static void put_whole(struct rd_tensor *t, size_t i, __int128 v)
{
    const uint64_t low = (uint64_t)v;

    switch (rd_dtype_size(t->dtype)) {
    case 1:
        ((uint8_t *)t->data)[i] = (uint8_t)low;
        break;
    case 2:
        ((uint16_t *)t->data)[i] = (uint16_t)low;
        break;
    case 4:
        ((uint32_t *)t->data)[i] = (uint32_t)low;
        break;
    default:
        ((uint64_t *)t->data)[i] = low;
    }
}

static rd_status convert_whole(struct rd_cli *cli, const struct rd_graph_value *v, const char *file,
    const struct rd_tensor **tensor, __int128 low, __int128 high)
{
    const struct rd_tensor *t = *tensor;
    struct rd_tensor *made;
    char safe[SHOWN];
    rd_status st =
        rd_tensor_new(cli->run.scratch, v->dtype, t->dim, t->ndim, NULL, &made, cli->run.err);

    for (size_t i = 0, n = rd_tensor_count(t); i < n && !st; i++) {
        const __int128 x = get_whole(t, i);

        if (x < low || x > high)
            st = RD_FAIL(cli->run.err, RD_E_INPUT,
                "input '%s' wants %s, '%s' holds %s, and its element %zu does not fit",
                rd_text_safe_in(safe, sizeof safe, v->name), rd_dtype_name(v->dtype), file,
                rd_dtype_name(t->dtype), i);
        else
            put_whole(made, i, x);
    }
    *tensor = made;
    return st;
}

/* float64 and float16 as float32, float32 and float16 as float64. */
static rd_status convert_float(struct rd_cli *cli, const struct rd_graph_value *v, const char *file,
    const struct rd_tensor **tensor)
{
    const struct rd_tensor *t = *tensor;
    const size_t n = rd_tensor_count(t);
    struct rd_tensor *made, *wide;
    char safe[SHOWN];
    bool inexact = false;
    rd_status st = rd_tensor_to_f32(t, 1, cli->run.scratch, &made, cli->run.err);

    if (st)
        return st;
    for (size_t i = 0; i < n && t->dtype == RD_F64; i++) {
        const double x = ((const double *)t->data)[i];
        const float y = ((const float *)made->data)[i];

        if (isfinite(x) && !isfinite(y))
            return RD_FAIL(cli->run.err, RD_E_INPUT,
                "input '%s' wants float32, '%s' holds float64, and its element %zu does not fit",
                rd_text_safe_in(safe, sizeof safe, v->name), file, i);
        inexact = inexact || (!isnan(x) && !((double)y >= x && (double)y <= x));
    }
    if (inexact)
        rd_cli_warn(cli, "'%s' is float64 and was rounded to float32", file);
    *tensor = made;
    if (v->dtype == RD_F32)
        return RD_OK;
    st = rd_tensor_new(cli->run.scratch, RD_F64, t->dim, t->ndim, NULL, &wide, cli->run.err);
    for (size_t i = 0; i < n && !st; i++)
        ((double *)wide->data)[i] = (double)((const float *)made->data)[i];
    *tensor = wide;
    return st;
}

rd_status rd_model_convert(struct rd_cli *cli, const struct rd_graph_value *v, const char *path,
    const struct rd_tensor **tensor)
{
    const enum rd_dtype from = (*tensor)->dtype, to = v->dtype;
    __int128 low, high, any;
    char safe[SHOWN], file[SHOWN];

    (void)rd_text_safe_in(file, sizeof file, path);
    if (from == to || !to || to == RD_OPTIONAL)
        return RD_OK;
    if (whole(to, &low, &high) && whole(from, &any, &any))
        return convert_whole(cli, v, file, tensor, low, high);
    if ((to == RD_F32 && (from == RD_F64 || from == RD_F16)) ||
        (to == RD_F64 && (from == RD_F32 || from == RD_F16)))
        return convert_float(cli, v, file, tensor);
    return RD_FAIL(cli->run.err, RD_E_INPUT, "input '%s' must be %s, the data is %s (in '%s')",
        rd_text_safe_in(safe, sizeof safe, v->name), rd_dtype_name(to), rd_dtype_name(from), file);
}

/* --- cells --- */

struct column {
    struct rd_cli *cli;
    const struct rd_graph_value *v;
    const struct rd_csv *csv;
    size_t empty; /* cells so far */
};

static bool is_bool(const struct rd_csv_cell *c, uint8_t *out)
{
    static const char *const word[] = { "0", "1", "false", "true", "False", "True" };

    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (rd_cell_is(c, word[i])) {
            *out = i & 1;
            return true;
        }
    return false;
}

/* Digits with a sign, exact in 64 bits; or a number that is whole ("48.0"). */
static bool is_whole(const struct rd_csv_cell *c, __int128 *out)
{
    const bool minus = c->len && *c->text == '-';
    const uint32_t from = minus || (c->len && *c->text == '+');
    double x;
    __int128 v = 0;
    uint32_t i = from;

    for (; i < c->len && i < from + 20 && c->text[i] >= '0' && c->text[i] <= '9'; i++)
        v = 10 * v + (c->text[i] - '0');
    *out = minus ? -v : v;
    if (i == c->len && i > from)
        return true;
    if (!rd_cell_number(c, &x) || fabs(x) > 0x1p53 || x < trunc(x) || x > trunc(x))
        return false;
    *out = (__int128)x;
    return true;
}

/* "inf" as pandas and others write it. */
static bool is_endless(const struct rd_csv_cell *c, double *out)
{
    static const char *const word[] = { "inf", "-inf", "Infinity", "-Infinity" };

    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (rd_cell_is(c, word[i])) {
            *out = i & 1 ? -HUGE_VAL : HUGE_VAL;
            return true;
        }
    return false;
}

static rd_status put_cell(struct column *k, const struct rd_csv_cell *cell, size_t row, size_t at,
    size_t i, struct rd_tensor *t)
{
    const struct rd_csv_cell c = rd_cell_trim(cell);
    struct rd_arena *scratch = k->cli->run.scratch;
    char safe[SHOWN], file[SHOWN], shown[64];
    __int128 low, high, whole_number;
    double x = 0;

    if (t->dtype == RD_STRING) { /* as it stands, blanks too */
        const char *text = rd_arena_strndup(scratch, cell->text, cell->len);

        ((const char **)t->data)[i] = text;
        if (!text)
            return rd_run_no_memory(&k->cli->run, "the words");
        if (strlen(text) == cell->len)
            return RD_OK;
    } else if (t->dtype == RD_F32 || t->dtype == RD_F64) {
        const bool missing = !c.len || rd_cell_is(&c, "nan") || rd_cell_is(&c, "NaN");
        const bool endless = is_endless(&c, &x);
        const bool good =
            missing || endless ||
            (rd_cell_number(&c, &x) && (t->dtype == RD_F64 || isfinite((double)(float)x)));

        k->empty += missing;
        if (missing)
            x = NAN;
        if (t->dtype == RD_F32)
            ((float *)t->data)[i] = good ? (float)x : 0;
        else
            ((double *)t->data)[i] = x;
        if (good)
            return RD_OK;
    } else if (t->dtype == RD_BOOL) {
        if (is_bool(&c, &((uint8_t *)t->data)[i]))
            return RD_OK;
    } else if (whole(t->dtype, &low, &high) && is_whole(&c, &whole_number) && whole_number >= low &&
               whole_number <= high) {
        put_whole(t, i, whole_number);
        return RD_OK;
    }
    (void)rd_text_safe_in(safe, sizeof safe, k->v->name);
    (void)rd_text_safe_in(file, sizeof file, k->csv->name);
    return RD_FAIL(k->cli->run.err, RD_E_INPUT,
        "'%s', line %zu, column %zu: input '%s' wants %s, the cell is %s%s%s", file,
        k->csv->line[row], at + 1, safe, rd_dtype_name(t->dtype), c.len ? "'" : "",
        c.len ? rd_cell_shown(&c, shown) : "empty", c.len ? "'" : "");
}

rd_status rd_model_column(struct rd_cli *cli, const struct rd_graph_value *v,
    const struct rd_csv *csv, size_t first, size_t columns, const struct rd_tensor **out)
{
    struct column k = { .cli = cli, .v = v, .csv = csv };
    const size_t rows = csv->rows - 1;
    const int ndim = columns > 1 || v->ndim < 0 ? 2 : v->ndim;
    int64_t dim[RD_MAX_DIMS];
    char safe[SHOWN], file[SHOWN], type[160];
    bool fits = v->ndim < 0 || v->ndim == ndim;
    __int128 any;
    struct rd_tensor *t;
    rd_status st;

    for (int d = 0; d < ndim; d++)
        dim[d] = d ? 1 : (int64_t)rows;
    if (columns > 1)
        dim[1] = (int64_t)columns;
    for (int d = 0; d < ndim && fits && v->ndim > 0; d++)
        fits = v->dim[d] < 0 || v->dim[d] == dim[d];
    (void)rd_text_safe_in(safe, sizeof safe, v->name);
    if (!fits || ndim < 1)
        return RD_FAIL(cli->run.err, RD_E_INPUT,
            "input '%s' is %s; '%s' gives %zu rows of %zu column%s", safe,
            rd_model_type_text(v, type, sizeof type), rd_text_safe_in(file, sizeof file, csv->name),
            rows, columns, columns > 1 ? "s" : "");
    if (v->dtype != RD_STRING && v->dtype != RD_F32 && v->dtype != RD_F64 && v->dtype != RD_BOOL &&
        !whole(v->dtype, &any, &any))
        return RD_FAIL(cli->run.err, RD_E_INPUT, "input '%s' is %s, which no CSV gives: use a .npy",
            safe, rd_dtype_name(v->dtype));
    st = rd_tensor_new(cli->run.scratch, v->dtype, dim, ndim, NULL, &t, cli->run.err);
    for (size_t r = 0; r < rows && !st; r++)
        for (size_t c = 0; c < columns && !st; c++)
            st = put_cell(&k, &csv->cell[(r + 1) * csv->columns + first + c], r + 1, first + c,
                r * columns + c, t);
    *out = t;
    return st;
}
