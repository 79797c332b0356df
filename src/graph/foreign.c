/* foreign.c - which library a model file is from, by content: no file name is trusted. */
#include "graph/foreign.h"

#include "graph/forest.h"
#include "graph/ubj.h"

#include <string.h>

enum { TEXT = 1 << 30, VALUES = 1 << 24 }; /* of a document: a model is larger than a setting */

enum kind { OTHER, DOCUMENT, UBJ, LIGHTGBM, NEVER };

#define EXPORT                                                                                     \
    "export it where it was trained: torch.onnx.export, skl2onnx, tf2onnx, or Keras' "             \
    "model.export(format=\"onnx\")"
#define RUNS ", which can run code when it is loaded, and is not read"

/* What is never read, by its first bytes. */
static const struct never {
    size_t at;
    const char *magic;
    size_t n;
    const char *what, *hint;
} nevers[] = {
    { 0, "\x80\x02", 2, "this is a pickle (scikit-learn, joblib, an old PyTorch file)" RUNS,
        EXPORT },
    { 0, "\x80\x03", 2, "this is a pickle (scikit-learn, joblib, an old PyTorch file)" RUNS,
        EXPORT },
    { 0, "\x80\x04", 2, "this is a pickle (scikit-learn, joblib, an old PyTorch file)" RUNS,
        EXPORT },
    { 0, "\x80\x05", 2, "this is a pickle (scikit-learn, joblib, an old PyTorch file)" RUNS,
        EXPORT },
    { 0, "ccopy_reg\n", 10, "this is a pickle" RUNS, EXPORT },
    { 0, "csklearn.", 9, "this is a pickle" RUNS, EXPORT },
    { 0, "(dp", 3, "this is a pickle" RUNS, EXPORT },
    { 0, "PK\x03\x04", 4, "this is a ZIP archive (PyTorch, Keras)" RUNS, EXPORT },
    { 0, "\x89HDF\r\n\x1a\n", 8, "this is an HDF5 file (Keras), which is not read", EXPORT },
    { 0, "\x1f\x8b", 2, "this is a compressed file (joblib's compress, or an archive)" RUNS,
        EXPORT },
    { 0, "BZh", 3, "this is a compressed file (joblib's compress, or an archive)" RUNS, EXPORT },
    { 0, "\xfd\x37zXZ", 5, "this is a compressed file (joblib's compress, or an archive)" RUNS,
        EXPORT },
    { 0, "\x5d\0\0", 3, "this is a compressed file (joblib's compress, or an archive)" RUNS,
        EXPORT },
    { 0, "\x04\"M\x18", 4, "this is a compressed file (joblib's compress, or an archive)" RUNS,
        EXPORT },
    { 0, "\x28\xb5\x2f\xfd", 4, "this is a compressed file, which is not read", EXPORT },
    { 0, "CBM1", 4, "this is CatBoost's own binary form (.cbm), which is not read",
        "save it where it was trained: model.save_model(\"model.json\", format=\"json\")" },
    { 0, "binf", 4, "this is XGBoost's old binary form, which is not read",
        "save it where it was trained: booster.save_model(\"model.json\") or \"model.ubj\"" },
    { 2, "\0\0TFL3", 6, "this is a TensorFlow Lite model, which is not read",
        "export it as ONNX: python -m tf2onnx.convert --tflite MODEL --output MODEL.onnx" },
    { 0, "GGUF", 4, "this is a GGUF file, which is not read", EXPORT },
    { 0, "\x93NUMPY", 6, "this is an array (.npy), no model", NULL },
    { 0, "<", 1, "this is XML (PMML?), which is not read", EXPORT },
};

static bool starts(const unsigned char *p, size_t size, const char *with, size_t n)
{
    return size >= n && !memcmp(p, with, n);
}

static const struct never *never(const unsigned char *p, size_t size)
{
    static const struct never weights = { .what = "this is a safetensors file: weights without a "
                                                  "graph",
        .hint = "give the ONNX graph that its weights belong to" };
    static const struct never zlib = { .what = "this is a compressed file (joblib's compress)" RUNS,
        .hint = EXPORT };

    for (size_t i = 0; i < sizeof(nevers) / sizeof(*nevers); i++)
        if (size > nevers[i].at &&
            starts(p + nevers[i].at, size - nevers[i].at, nevers[i].magic, nevers[i].n))
            return &nevers[i];
    if (size >= 2 && p[0] == 0x78 && (p[0] << 8 | p[1]) % 31 == 0) /* RFC 1950; no field of ONNX */
        return &zlib;
    if (size >= 9 && p[8] == '{' && !p[5] && !p[6] && !p[7] && p[0] + p[1] + p[2] + p[3] + p[4])
        return &weights;
    return NULL;
}

static enum kind sniff(const unsigned char *p, size_t size)
{
    size_t at = starts(p, size, "\xef\xbb\xbf", 3) ? 3 : 0;

    if (starts(p, size, "tree\n", 5) || starts(p, size, "tree\r\n", 6))
        return LIGHTGBM;
    if (never(p, size))
        return NEVER;
    while (at < size && memchr(" \t\r\n", p[at], 4))
        at++;
    if (at == size || p[at] != '{')
        return OTHER; /* a field 15 of a kind that no ONNX model has */
    at++;
    return at < size && memchr("iUIlL$#", p[at], 7) ? UBJ : DOCUMENT;
}

static rd_status refuse(const unsigned char *p, size_t size, struct rd_error *err)
{
    const struct never *n = never(p, size);
    const rd_status st = RD_FAIL(err, RD_E_INPUT, "%s", n->what);

    if (n->hint)
        (void)rd_error_hint(err, "%s", n->hint);
    return st;
}

/*
 * XGBoost 2 writes NaN (and could write Infinity) as no JSON does: in a copy these become strings
 * of the same length, so that places in messages stay true. *text_io: the copy, or as it was.
 */
static rd_status quote_nan(
    struct rd_buf *copy, const void **text_io, size_t size, struct rd_error *err)
{
    const char *p = *text_io, *end = p + size;
    bool quoted = false;

    for (const char *q = p; q < end; q++) {
        size_t n;

        if (*q == '"')
            quoted = !quoted;
        if (quoted) {
            q += *q == '\\' && end - q > 1;
            continue;
        }
        n = *q == 'N' && end - q > 3 && !memcmp(q, "NaN", 3)        ? 3
            : *q == 'I' && end - q > 8 && !memcmp(q, "Infinity", 8) ? 8
                                                                    : 0;
        if (!n)
            continue;
        if (!copy->len)
            rd_buf_put(copy, *text_io, size);
        if (copy->failed)
            return RD_FAIL(err, RD_E_MEMORY, "no memory for a copy of the text");
        q -= n == 8 && q > p && q[-1] == '-';
        n += *q == '-';
        copy->text[q - p] = '"';
        copy->text[q - p + (ptrdiff_t)n - 1] = '"';
        q += n - 1;
    }
    if (copy->len)
        *text_io = copy->text;
    return RD_OK;
}

/* Where XGBoost before 3.1 keeps leaves of several numbers. */
static bool wants_base_weights(const struct rd_doc *doc)
{
    const struct rd_doc *booster = rd_doc_get(rd_doc_get(doc, "learner"), "gradient_booster");
    const struct rd_doc *inner = rd_doc_get(booster, "gbtree");
    const struct rd_doc *trees = rd_doc_get(rd_doc_get(inner ? inner : booster, "model"), "trees");
    const struct rd_doc *first =
        trees && trees->kind == RD_DOC_LIST && trees->n ? trees->item : NULL;
    int64_t vector = 1;

    return rd_forest_int(
               rd_doc_get(rd_doc_get(first, "tree_param"), "size_leaf_vector"), &vector) &&
           vector > 1 && !rd_doc_get(first, "leaf_weights");
}

static rd_status document(struct rd_forest *f, enum kind kind, const void *bytes, size_t size,
    struct rd_graph **graph_out)
{
    static const char *const unread[] = { "base_weights", "loss_changes", "parents", "sum_hessian",
        NULL };
    const void *const file = bytes;
    const size_t file_size = size;
    struct rd_arena own = { .limit = f->limits->memory_bytes };
    struct rd_limits limits = *f->limits;
    struct rd_buf text = { 0 };
    struct rd_doc *doc = NULL;
    rd_status st = RD_OK;

    limits.text_bytes = limits.text_bytes < rd_limits_default.text_bytes ? limits.text_bytes : TEXT;
    limits.nodes = limits.nodes < rd_limits_default.nodes ? limits.nodes : VALUES;
    if (kind == UBJ) {
        st = rd_ubj_to_json(bytes, size, unread, &limits, &text, f->err);
        bytes = text.text;
        size = text.len;
    } else {
        st = quote_nan(&text, &bytes, size, f->err);
    }
    if (!st)
        st = rd_doc_read_json(f->name, bytes, size, &limits, &own, &doc, f->err);
    if (!st && kind == UBJ && wants_base_weights(doc)) {
        rd_buf_release(&text);
        rd_arena_release(&own);
        st = rd_ubj_to_json(file, file_size, unread + 1, &limits, &text, f->err);
        if (!st)
            st = rd_doc_read_json(f->name, text.text, text.len, &limits, &own, &doc, f->err);
    }
    rd_buf_release(&text);
    if (!st && rd_doc_get(doc, "learner"))
        st = rd_xgboost_read(f, doc, graph_out);
    else if (!st && rd_doc_get(doc, "features_info"))
        st = rd_catboost_read(f, doc, graph_out);
    else if (!st && rd_doc_get(doc, "tree_info")) {
        st = RD_FAIL(f->err, RD_E_INPUT, "this is LightGBM's dump_model, which is not read");
        (void)rd_error_hint(
            f->err, "save it where it was trained: booster.save_model(\"model.txt\")");
    } else if (!st)
        st = RD_FAIL(f->err, RD_E_INPUT,
            "this is a document, but no model of XGBoost ('learner') or CatBoost "
            "('features_info')");
    rd_arena_release(&own);
    return st;
}

rd_status rd_foreign_parse(const char *name, const void *bytes, size_t size,
    const struct rd_limits *limits, struct rd_arena *arena, bool *known_out,
    struct rd_graph **graph_out, struct rd_error *err)
{
    const enum kind kind = sniff(bytes, size);
    struct rd_forest f = { .name = name, .limits = limits, .arena = arena, .err = err };
    rd_status st;

    *known_out = kind != OTHER;
    if (kind == OTHER)
        return RD_OK;
    if (kind == NEVER)
        return refuse(bytes, size, err);
    st = kind == LIGHTGBM ? rd_lightgbm_read(&f, bytes, size, graph_out)
                          : document(&f, kind, bytes, size, graph_out);
    rd_forest_release(&f);
    if (!st)
        (*graph_out)->file_bytes = size;
    return st;
}
