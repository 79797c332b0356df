/* npy.c - .npy files: a small strict reader of their header, and the data behind it. */
#include "tensor/npy.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"
#include "base/zip.h"
#include "tensor/swap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAGIC_LEN = 6, HEADER_MAX = 65536, ALIGN = 64, SHOWN = 96 };

static const char magic[] = "\x93NUMPY";

/* Element types as NumPy spells them, without the byte order. */
static const struct {
    const char *code;
    enum rd_dtype dtype;
} codes[] = {
    { "f4", RD_F32 },
    { "f8", RD_F64 },
    { "f2", RD_F16 },
    { "i8", RD_I64 },
    { "i4", RD_I32 },
    { "i2", RD_I16 },
    { "i1", RD_I8 },
    { "u8", RD_U64 },
    { "u4", RD_U32 },
    { "u2", RD_U16 },
    { "u1", RD_U8 },
    { "b1", RD_BOOL },
};

/* The header's Python dict while it is read. */
struct header {
    const char *name; /* of the file, made safe */
    const char *at, *start, *end;
    struct rd_error *err;
    enum rd_dtype dtype;
    bool swap, fortran;
    bool text;    /* strings are wanted too */
    char kind;    /* of strings: 'U', 4 bytes a character, or 'S', bytes; else 0 */
    size_t width; /* bytes of an element */
    int ndim;
    int64_t dim[RD_MAX_DIMS];
};

bool rd_npy_is(const void *bytes, size_t size)
{
    return size >= MAGIC_LEN && memcmp(bytes, magic, MAGIC_LEN) == 0;
}

static rd_status broken(struct header *h, const char *wanted)
{
    return RD_FAIL(h->err, RD_E_INPUT, "'%s': header, character %td: expected %s", h->name,
        h->at - h->start + 1, wanted);
}

static void skip_space(struct header *h)
{
    while (h->at < h->end && (*h->at == ' ' || *h->at == '\n' || *h->at == '\t' || *h->at == '\r'))
        h->at++;
}

/* The next character that is no blank, without taking it; 0 at the end. */
static char peek(struct header *h)
{
    skip_space(h);
    return h->at < h->end ? *h->at : '\0';
}

static rd_status take(struct header *h, char c, const char *wanted)
{
    if (peek(h) != c)
        return broken(h, wanted);
    h->at++;
    return RD_OK;
}

/* A Python string without escapes; cut at size - 1. */
static rd_status take_string(struct header *h, char *out, size_t size, const char *wanted)
{
    const char quote = peek(h);
    size_t n = 0;

    if (quote != '\'' && quote != '"')
        return broken(h, wanted);
    for (h->at++; h->at < h->end && *h->at != quote; h->at++) {
        if (*h->at == '\\' || *h->at == '\0')
            return broken(h, "text without escapes");
        if (n + 1 < size)
            out[n++] = *h->at;
    }
    out[n] = '\0';
    if (h->at == h->end)
        return broken(h, "a closing quote");
    h->at++;
    return RD_OK;
}

static bool take_word(struct header *h, const char *word)
{
    const size_t n = strlen(word);

    skip_space(h);
    if ((size_t)(h->end - h->at) < n || memcmp(h->at, word, n) != 0)
        return false;
    h->at += n;
    return true;
}

/* What an unreadable type is, in words. */
static const char *kind_of(char c)
{
    switch (c) {
    case 'O':
        return "Python objects, which run code when they are loaded";
    case 'U':
    case 'S':
    case 'a':
    case 'T':
        return "text";
    case 'M':
    case 'm':
        return "dates or durations";
    case 'c':
        return "complex numbers";
    case 'V':
        return "raw bytes";
    default:
        return "a type that is not read";
    }
}

/* "U12" or "S5": strings of so many characters at most. */
static bool take_width(struct header *h, const char *code)
{
    uint64_t n;

    if (!h->text || (*code != 'U' && *code != 'S') || !code[1] || strlen(code) > 9 ||
        strspn(code + 1, "0123456789") != strlen(code + 1))
        return false;
    n = strtoull(code + 1, NULL, 10);
    h->kind = *code;
    h->width = (size_t)n * (*code == 'U' ? 4 : 1);
    h->dtype = RD_STRING;
    return true;
}

static rd_status take_descr(struct header *h)
{
    char text[32], shown[64];
    const char *code = text;
    rd_status st;

    if (peek(h) == '[' || peek(h) == '(')
        return RD_FAIL(h->err, RD_E_INPUT,
            "'%s' holds records (a structured type); arrays of "
            "numbers are read",
            h->name);
    st = take_string(h, text, sizeof(text), "a type in quotes");
    if (st)
        return st;
    if (*code == '<' || *code == '>' || *code == '|' || *code == '=')
        code++;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strcmp(code, codes[i].code) == 0)
            h->dtype = codes[i].dtype;
    }
    if (strcmp(code, "?") == 0)
        h->dtype = RD_BOOL;
    if (h->dtype == RD_DTYPE_NONE && take_width(h, code)) {
        h->swap = text[0] == '>';
        return RD_OK;
    }
    if (h->dtype == RD_DTYPE_NONE)
        return RD_FAIL(h->err, RD_E_INPUT,
            "'%s' holds %s (type '%s'); float, integer and bool "
            "arrays are read",
            h->name, kind_of(*code), rd_text_safe_in(shown, sizeof(shown), text));
    h->width = rd_dtype_size(h->dtype);
    h->swap = text[0] == '>' && h->width > 1;
    return RD_OK;
}

static rd_status take_dim(struct header *h)
{
    int64_t v = 0;
    char c = peek(h);

    if (c < '0' || c > '9')
        return broken(h, "a whole number");
    if (h->ndim == RD_MAX_DIMS)
        return RD_FAIL(
            h->err, RD_E_INPUT, "'%s' has more than %d dimensions", h->name, RD_MAX_DIMS);
    for (; h->at < h->end && *h->at >= '0' && *h->at <= '9'; h->at++) {
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *h->at - '0', &v))
            return broken(h, "a dimension below 2^63");
    }
    if (h->at < h->end && *h->at == 'L') /* Python 2 wrote long integers so */
        h->at++;
    h->dim[h->ndim++] = v;
    return RD_OK;
}

static rd_status take_shape(struct header *h)
{
    bool comma = true;
    rd_status st = take(h, '(', "'(' of a shape");

    while (!st && peek(h) != ')') {
        if (!comma)
            return broken(h, "',' or ')'");
        st = take_dim(h);
        comma = peek(h) == ',';
        if (comma)
            h->at++;
    }
    if (!st && h->ndim == 1 && !comma)
        return broken(h, "',' (a shape of one dimension is written (n,))");
    return st ? st : take(h, ')', "')'");
}

static rd_status take_order(struct header *h)
{
    if (take_word(h, "True"))
        h->fortran = true;
    else if (!take_word(h, "False"))
        return broken(h, "True or False");
    return RD_OK;
}

/* {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } and blanks */
static rd_status read_dict(struct header *h)
{
    static const struct {
        const char *key;
        rd_status (*take)(struct header *h);
    } row[] = {
        { "descr", take_descr },
        { "fortran_order", take_order },
        { "shape", take_shape },
    };
    unsigned seen = 0;
    rd_status st = take(h, '{', "'{'");

    while (!st && peek(h) != '}') {
        char key[32];
        unsigned i = 0;

        st = take_string(h, key, sizeof(key), "a key in quotes");
        if (st)
            return st;
        while (i < 3 && strcmp(key, row[i].key) != 0)
            i++;
        if (i == 3 || seen & 1u << i)
            return broken(h, "the keys 'descr', 'fortran_order' and 'shape', once each");
        seen |= 1u << i;
        st = take(h, ':', "':'");
        if (!st)
            st = row[i].take(h);
        if (!st && peek(h) == ',')
            h->at++;
        else if (!st && peek(h) != '}')
            st = broken(h, "',' or '}'");
    }
    if (!st)
        st = take(h, '}', "'}'");
    if (!st && seen != 7)
        st = broken(h, "the keys 'descr', 'fortran_order' and 'shape'");
    if (!st && peek(h))
        st = broken(h, "nothing behind '}'");
    if (!st && h->at < h->end)
        st = broken(h, "no NUL");
    return st;
}

/* Where the header lies; the data begin at its end. */
static rd_status find_header(struct header *h, const unsigned char *bytes, size_t size)
{
    size_t len, from;

    if (!rd_npy_is(bytes, size))
        return RD_FAIL(h->err, RD_E_INPUT,
            "'%s' is no .npy file: it does not begin with "
            "\\x93NUMPY",
            h->name);
    if (size < 10)
        return RD_FAIL(h->err, RD_E_INPUT, "'%s' is cut short in its header", h->name);
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)
        return RD_FAIL(h->err, RD_E_INPUT, "'%s' has format version %u.%u; 1.0 to 3.0 are read",
            h->name, bytes[6], bytes[7]);
    from = bytes[6] == 1 ? 10 : 12;
    if (size < from)
        return RD_FAIL(h->err, RD_E_INPUT, "'%s' is cut short in its header", h->name);
    len = bytes[8] | (size_t)bytes[9] << 8;
    if (bytes[6] > 1)
        len |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (len > HEADER_MAX)
        return RD_FAIL(h->err, RD_E_LIMIT, "'%s' has a header of %zu bytes; at most %d are read",
            h->name, len, HEADER_MAX);
    if (len > size - from)
        return RD_FAIL(h->err, RD_E_INPUT, "'%s' is cut short in its header", h->name);
    h->at = h->start = (const char *)bytes + from;
    h->end = h->start + len;
    return RD_OK;
}

/* Column-major to row-major. */
static void transpose(
    const struct header *h, const unsigned char *from, unsigned char *to, size_t count, size_t size)
{
    size_t step[RD_MAX_DIMS], index[RD_MAX_DIMS] = { 0 }, at = 0, s = size;

    for (int d = 0; d < h->ndim; d++) {
        step[d] = s;
        s *= (size_t)h->dim[d];
    }
    for (size_t i = 0; i < count; i++, to += size) {
        memcpy(to, from + at, size);
        for (int d = h->ndim - 1; d >= 0; d--) {
            at += step[d];
            if (++index[d] < (size_t)h->dim[d])
                break;
            at -= step[d] * (size_t)h->dim[d];
            index[d] = 0;
        }
    }
}

/* One string as UTF-8: NULs at its end are NumPy's padding. */
static rd_status string_of(const struct header *h, const unsigned char *from, size_t i,
    struct rd_arena *arena, const char **out)
{
    const size_t step = h->kind == 'U' ? 4 : 1;
    size_t n = h->width / step, len = 0;
    char *text;

    while (n && !memcmp(from + (n - 1) * step, "\0\0\0", step))
        n--;
    text = rd_arena_alloc(arena, n * step + 1, 1); /* UTF-8 is no longer than that */
    if (!text)
        return RD_FAIL(h->err, RD_E_MEMORY, "'%s': no memory for its strings", h->name);
    for (size_t k = 0; k < n; k++) {
        const unsigned char *p = from + k * step;
        const uint32_t c =
            step == 1 ? p[0]
            : h->swap ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
                      : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];

        if (!c || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
            return RD_FAIL(h->err, RD_E_INPUT, "'%s': string %zu holds the character U+%04" PRIX32,
                h->name, i, c);
        if (step == 1 || c < 0x80) {
            text[len++] = (char)c;
            continue;
        }
        if (c >= 0x10000)
            text[len++] = (char)(0xF0 | c >> 18);
        if (c >= 0x800)
            text[len++] = (char)(c >= 0x10000 ? 0x80 | (c >> 12 & 0x3F) : 0xE0 | c >> 12);
        text[len++] = (char)(c >= 0x800 ? 0x80 | (c >> 6 & 0x3F) : 0xC0 | c >> 6);
        text[len++] = (char)(0x80 | (c & 0x3F));
    }
    if (step == 1 && !rd_text_is_utf8(text, len, NULL))
        return RD_FAIL(h->err, RD_E_INPUT, "'%s': string %zu is no UTF-8", h->name, i);
    *out = text;
    return RD_OK;
}

static rd_status read_strings(struct header *h, const unsigned char *data, size_t count,
    struct rd_arena *arena, struct rd_tensor *t)
{
    unsigned char *turned = NULL;
    rd_status st = RD_OK;

    if (h->fortran && h->ndim > 1) {
        turned = rd_arena_alloc(arena, count * h->width + 1, 1);
        if (!turned)
            return RD_FAIL(h->err, RD_E_MEMORY, "'%s': no memory for its strings", h->name);
        transpose(h, data, turned, count, h->width);
        data = turned;
    }
    for (size_t i = 0; i < count && !st; i++)
        st = string_of(h, data + i * h->width, i, arena, &((const char **)t->data)[i]);
    return st;
}

static rd_status read_data(struct header *h, const unsigned char *data, size_t left,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_tensor **tensor_out)
{
    const size_t size = h->width;
    char shape[128];
    struct rd_tensor *t;
    size_t count, need;
    rd_status st;

    (void)rd_shape_text(h->dim, h->ndim, shape, sizeof(shape));
    if (!rd_shape_count(h->dim, h->ndim, &count) || __builtin_mul_overflow(count, size, &need) ||
        need > left)
        return RD_FAIL(h->err, RD_E_INPUT,
            "'%s' claims %s of %s, but only %zu bytes of data are "
            "there",
            h->name, shape, rd_dtype_name(h->dtype), left);
    if (need < left)
        return RD_FAIL(h->err, RD_E_INPUT, "'%s' has %zu bytes behind its %s of %s", h->name,
            left - need, shape, rd_dtype_name(h->dtype));
    st = rd_tensor_new(arena, h->dtype, h->dim, h->ndim, limits, &t, h->err);
    if (st)
        return RD_WRAP(h->err, st, "reading '%s'", h->name);
    if (h->kind) {
        st = read_strings(h, data, count, arena, t);
        *tensor_out = st ? NULL : t;
        return st;
    }
    if (h->fortran && h->ndim > 1)
        transpose(h, data, t->data, count, size);
    else if (need)
        memcpy(t->data, data, need);
    if (h->swap)
        rd_swap_bytes(t->data, count, size);
    if (h->dtype == RD_BOOL) {
        unsigned char *b = t->data;
        for (size_t i = 0; i < count; i++)
            b[i] = b[i] != 0;
    }
    *tensor_out = t;
    return RD_OK;
}

static rd_status parse(const char *name, const void *bytes, size_t size, bool text,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_tensor **tensor_out,
    struct rd_error *err)
{
    char shown[SHOWN];
    struct header h = {
        .name = rd_text_safe_in(shown, sizeof(shown), name), .text = text, .err = err
    };
    const unsigned char *p = bytes;
    rd_status st = find_header(&h, p, size);

    if (!st)
        st = read_dict(&h);
    if (st)
        return st;
    return read_data(&h, (const unsigned char *)h.end,
        size - (size_t)((const unsigned char *)h.end - p), limits, arena, tensor_out);
}

rd_status rd_npy_parse(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_tensor **tensor_out,
    struct rd_error *err)
{
    return parse(name, bytes, size, false, limits, arena, tensor_out, err);
}

rd_status rd_npy_parse_any(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_tensor **tensor_out,
    struct rd_error *err)
{
    return parse(name, bytes, size, true, limits, arena, tensor_out, err);
}

/* "name.npy" is called name, as NumPy does. */
static size_t stem_len(const char *name)
{
    const size_t n = strlen(name);

    return n > 4 && strcmp(name + n - 4, ".npy") == 0 ? n - 4 : n;
}

static rd_status no_such_array(
    const char *name, const char *member, const struct rd_zip *zip, struct rd_error *err)
{
    struct rd_buf list = { .limit = 120 };
    char shown[SHOWN], wanted[64];
    rd_status st;

    for (size_t i = 0; i < zip->n && !list.failed; i++) {
        rd_buf_puts(&list, i ? ", " : "");
        rd_text_safe(&list, zip->entry[i].name, stem_len(zip->entry[i].name));
    }
    (void)rd_text_safe_in(shown, sizeof(shown), name);
    if (member)
        st = RD_FAIL(err, RD_E_NOTFOUND, "'%s' has no array '%s'; it has: %s", shown,
            rd_text_safe_in(wanted, sizeof(wanted), member), rd_buf_text(&list));
    else if (!zip->n)
        st = RD_FAIL(err, RD_E_INPUT, "'%s' is an empty archive", shown);
    else
        st = RD_FAIL(err, RD_E_INPUT, "'%s' holds %zu arrays; name one: %s", shown, zip->n,
            rd_buf_text(&list));
    rd_buf_release(&list);
    return st;
}

static rd_status parse_npz(const char *name, const char *member, const void *bytes, size_t size,
    bool text, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_tensor **tensor_out, struct rd_error *err)
{
    const struct rd_limits *const l = limits ? limits : &rd_limits_default;
    const struct rd_zip_entry *entry = NULL;
    struct rd_arena scratch = RD_ARENA_INIT; /* the unpacked entry */
    struct rd_bytes data;
    struct rd_zip *zip;
    char shown[SHOWN];
    rd_status st = rd_zip_open(name, bytes, size, l, &scratch, &zip, err);

    if (st)
        goto out;
    for (size_t i = 0; i < zip->n && !entry; i++) {
        const struct rd_zip_entry *e = &zip->entry[i];
        if (member
                ? strcmp(e->name, member) == 0 || (strlen(member) == stem_len(e->name) &&
                                                      memcmp(e->name, member, strlen(member)) == 0)
                : zip->n == 1)
            entry = e;
    }
    if (!entry) {
        st = no_such_array(name, member, zip, err);
        goto out;
    }
    st = rd_zip_read(zip, entry, l->tensor_bytes + HEADER_MAX, l, &scratch, &data, err);
    if (!st)
        st = parse(entry->name, data.data, data.size, text, limits, arena, tensor_out, err);
    if (st)
        st = RD_WRAP(err, st, "reading '%s'", rd_text_safe_in(shown, sizeof(shown), name));
out:
    rd_arena_release(&scratch);
    return st;
}

rd_status rd_npz_parse(const char *name, const char *member, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_tensor **tensor_out,
    struct rd_error *err)
{
    return parse_npz(name, member, bytes, size, false, limits, arena, tensor_out, err);
}

rd_status rd_npz_parse_any(const char *name, const char *member, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_tensor **tensor_out,
    struct rd_error *err)
{
    return parse_npz(name, member, bytes, size, true, limits, arena, tensor_out, err);
}

rd_status rd_npy_split(const char *path, struct rd_arena *arena, const char **file_out,
    const char **member_out, struct rd_error *err)
{
    const char *colon = rd_file_exists(path) ? NULL : strrchr(path, ':');
    char *file = rd_arena_strndup(arena, path, colon ? (size_t)(colon - path) : strlen(path));
    char *member = rd_arena_strdup(arena, colon ? colon + 1 : "");

    if (!file || !member)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory for a path");
    *file_out = file;
    *member_out = colon ? member : NULL;
    return RD_OK;
}

static rd_status read_npy(const char *path, bool text, const struct rd_limits *limits,
    struct rd_arena *arena, struct rd_tensor **tensor_out, struct rd_error *err)
{
    const struct rd_limits *const l = limits ? limits : &rd_limits_default;
    struct rd_arena scratch = RD_ARENA_INIT; /* the mapped file */
    const char *file, *member;
    struct rd_bytes data;
    char shown[SHOWN];
    rd_status st = rd_npy_split(path, &scratch, &file, &member, err);

    if (!st)
        st = rd_file_map(file, l->file_bytes, &scratch, &data, err);
    if (st)
        goto out;
    if (rd_zip_is(data.data, data.size))
        st = parse_npz(file, member, data.data, data.size, text, limits, arena, tensor_out, err);
    else if (member)
        st = RD_FAIL(err, RD_E_INPUT, "'%s' is no .npz archive, so it has no array '%s'",
            rd_text_safe_in(shown, sizeof(shown), file), member);
    else
        st = parse(file, data.data, data.size, text, limits, arena, tensor_out, err);
out:
    rd_arena_release(&scratch);
    return st;
}

rd_status rd_npy_read(const char *path, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_tensor **tensor_out, struct rd_error *err)
{
    return read_npy(path, false, limits, arena, tensor_out, err);
}

rd_status rd_npy_read_any(const char *path, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_tensor **tensor_out, struct rd_error *err)
{
    return read_npy(path, true, limits, arena, tensor_out, err);
}

static const char *code_of(enum rd_dtype t)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].dtype == t)
            return codes[i].code;
    }
    return NULL;
}

/* The bytes of a .npy file. */
static rd_status put_npy(struct rd_buf *b, const struct rd_tensor *t, struct rd_error *err)
{
    const char *code = code_of(t->dtype);

    if (!code)
        return RD_FAIL(err, RD_E_USAGE, ".npy files hold no %s", rd_dtype_name(t->dtype));
    rd_buf_put(b, magic, MAGIC_LEN);
    rd_buf_put(b, "\1\0\0\0", 4); /* version, and the length that follows below */
    rd_buf_printf(b, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
        rd_dtype_size(t->dtype) > 1 ? '<' : '|', code);
    for (int d = 0; d < t->ndim; d++)
        rd_buf_printf(b, d == 0 ? "%" PRId64 "%s" : " %" PRId64 "%s", t->dim[d],
            d + 1 < t->ndim || t->ndim == 1 ? "," : "");
    rd_buf_puts(b, "), }");
    while ((b->len + 1) % ALIGN && !b->failed)
        rd_buf_putc(b, ' ');
    rd_buf_putc(b, '\n');
    if (!b->failed) {
        b->text[8] = (char)((b->len - 10) & 0xFF);
        b->text[9] = (char)((b->len - 10) >> 8);
    }
    rd_buf_put(b, t->data, rd_tensor_bytes(t));
    return b->failed ? RD_FAIL(err, RD_E_MEMORY, "out of memory writing an array") : RD_OK;
}

rd_status rd_npy_write(const char *path, const struct rd_tensor *t, struct rd_error *err)
{
    struct rd_buf b = { 0 };
    rd_status st = put_npy(&b, t, err);

    if (!st)
        st = rd_file_write(path, b.text, b.len, 0644, err);
    rd_buf_release(&b);
    return st;
}

rd_status rd_npz_write(
    const char *path, const struct rd_npz_item *item, size_t n, struct rd_error *err)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_buf *b = RD_NEW_ARRAY(&scratch, struct rd_buf, n + 1);
    struct rd_zip_part *part = RD_NEW_ARRAY(&scratch, struct rd_zip_part, n + 1);
    rd_status st = b && part ? RD_OK : RD_FAIL(err, RD_E_MEMORY, "no memory for %zu arrays", n);

    for (size_t i = 0; !st && i < n; i++) {
        st = put_npy(&b[i], item[i].tensor, err);
        part[i].name = rd_arena_printf(&scratch, "%s.npy", item[i].name);
        part[i].bytes = b[i].text;
        part[i].size = b[i].len;
        if (!st && !part[i].name)
            st = RD_FAIL(err, RD_E_MEMORY, "no memory for the name of an array");
    }
    if (!st)
        st = rd_zip_write(path, part, n, err);
    for (size_t i = 0; b && i < n; i++)
        rd_buf_release(&b[i]);
    rd_arena_release(&scratch);
    return st;
}
