/*
 * op_tfidf.c - TfIdfVectorizer: how often each n-gram of a pool occurs in a row of words or
 * numbers. Not differentiable.
 *
 * Words become the places of their first occurrence in the pool, n-grams sorted tuples of those:
 * finding one takes log2 of the pool's size steps, whatever the file.
 */
#include "graph/ml_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum mode { TF, IDF, TFIDF };
static const char *const modes[] = { "TF", "IDF", "TFIDF", NULL };

struct gram {
    uint32_t n;
    const uint32_t *word; /* n of them */
    size_t number;        /* among all n-grams of the pool */
    int64_t column;
};

struct pool {
    struct rd_ml_table words;
    uint32_t *word; /* per entry of the pool: the word's number */
    struct gram *gram;
    size_t n;
    bool *has; /* per length up to longest: is there a gram of it? */
    size_t shortest, longest;
    int64_t skips, columns;
    enum mode mode;
    const float *weight;
    size_t n_weights;
};

static int compare(const struct gram *a, const struct gram *b)
{
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    for (uint32_t i = 0; i < a->n; i++)
        if (a->word[i] != b->word[i])
            return a->word[i] < b->word[i] ? -1 : 1;
    return 0;
}

/* Of equal grams the last in the file comes first: it is the one that counts. */
static int order(const void *pa, const void *pb)
{
    const struct gram *a = pa, *b = pb;
    const int words = compare(a, b);

    return words ? words : (b->number > a->number) - (b->number < a->number);
}

static rd_status no_memory(struct rd_error *err)
{
    return RD_FAIL(err, RD_E_MEMORY, "no memory for a pool of n-grams");
}

/* Where the grams of each length stand in the pool. */
static rd_status read_grams(const struct rd_graph_node *node, struct rd_arena *arena,
    struct pool *p, size_t entries, struct rd_error *err)
{
    size_t lengths, n_columns, number = 0, used = 0;
    const int64_t *first = rd_op_ints(node, "ngram_counts", &lengths);
    const int64_t *column = rd_op_ints(node, "ngram_indexes", &n_columns);
    size_t kept = 0;

    p->gram = RD_NEW_ARRAY(arena, struct gram, n_columns);
    p->has = RD_NEW_ARRAY(arena, bool, lengths + 1);
    if (!p->gram || !p->has)
        return no_memory(err);
    for (size_t i = 0; i < n_columns; i++) {
        if (column[i] < 0 || column[i] >= (int64_t)1 << 40)
            return RD_FAIL(err, RD_E_INPUT, "'ngram_indexes' holds %lld", (long long)column[i]);
        p->columns = column[i] >= p->columns ? column[i] + 1 : p->columns;
    }
    for (size_t len = 1; len <= lengths; len++) {
        const int64_t begin = first[len - 1], end = len < lengths ? first[len] : (int64_t)entries;

        if (begin < (int64_t)used || end < begin || (uint64_t)end > entries)
            return RD_FAIL(
                err, RD_E_INPUT, "'ngram_counts' is not ascending within the pool of %zu", entries);
        used = (size_t)begin;
        if ((size_t)(end - begin) % len)
            return RD_FAIL(err, RD_E_INPUT,
                "%lld words in the pool are no whole number of %zu-grams", (long long)(end - begin),
                len);
        for (int64_t at = begin; at < end; at += (int64_t)len, number++) {
            if (number >= n_columns)
                return RD_FAIL(err, RD_E_INPUT,
                    "the pool holds more than the %zu n-grams of 'ngram_indexes'", n_columns);
            if (len < p->shortest || len > p->longest)
                continue;
            p->has[len] = true;
            p->gram[kept++] = (struct gram){
                .n = (uint32_t)len, .word = p->word + at, .number = number, .column = column[number]
            };
        }
    }
    if (number < n_columns)
        return RD_FAIL(err, RD_E_INPUT, "the pool holds %zu n-grams for the %zu of 'ngram_indexes'",
            number, n_columns);
    p->n = kept;
    p->longest = p->longest < lengths ? p->longest : lengths;
    qsort(p->gram, p->n, sizeof(*p->gram), order);
    return RD_OK;
}

static rd_status read_pool(const struct rd_graph_node *node, struct rd_arena *arena, struct pool *p,
    size_t *entries, struct rd_error *err)
{
    struct rd_ml_labels words;
    rd_status st = rd_ml_labels(node, "pool_int64s", "pool_strings", arena, &words, err);

    if (!st && words.n >= UINT32_MAX)
        st = RD_FAIL(err, RD_E_LIMIT, "the pool has %zu entries", words.n);
    if (!st && !words.n)
        st = RD_FAIL(err, RD_E_INPUT, "the pool is empty");
    if (!st)
        st = rd_ml_table_make(words.texts, words.ints, NULL, words.n, arena, &p->words, err);
    if (st)
        return st;
    p->word = RD_NEW_ARRAY(arena, uint32_t, words.n);
    if (!p->word)
        return no_memory(err);
    for (size_t i = 0; i < words.n; i++)
        p->word[i] = (uint32_t)(words.texts ? rd_ml_find_text(&p->words, words.texts[i])
                                            : rd_ml_find_int(&p->words, words.ints[i]));
    *entries = words.n;
    return RD_OK;
}

static rd_status prepare(const struct rd_graph_node *node, struct rd_arena *arena,
    const void **prepared_out, struct rd_error *err)
{
    const int64_t shortest = rd_op_int(node, "min_gram_length", 1),
                  longest = rd_op_int(node, "max_gram_length", 1);
    struct pool *p = RD_NEW(arena, struct pool);
    size_t entries;
    int mode;
    rd_status st;

    if (!p)
        return no_memory(err);
    *prepared_out = p;
    p->skips = rd_op_int(node, "max_skip_count", 0);
    if (shortest < 1 || longest < shortest || p->skips < 0)
        return RD_FAIL(err, RD_E_INPUT,
            "n-grams of %lld to %lld words with up to %lld skipped do not exist",
            (long long)shortest, (long long)longest, (long long)p->skips);
    p->shortest = (size_t)shortest;
    p->longest = (size_t)longest;
    p->weight = rd_ml_floats(node, "weights", &p->n_weights);
    st = rd_ml_choice(node, "mode", modes, &mode, err);
    p->mode = (enum mode)mode;
    if (!st)
        st = read_pool(node, arena, p, &entries, err);
    if (!st)
        st = read_grams(node, arena, p, entries, err);
    if (!st && p->n_weights && p->mode != TF && (uint64_t)p->columns > p->n_weights)
        st = RD_FAIL(
            err, RD_E_INPUT, "%zu 'weights' for %lld columns", p->n_weights, (long long)p->columns);
    return st;
}

static rd_status infer(struct rd_op_call *c)
{
    const struct pool *p = c->node->prepared;
    const struct rd_tensor *x = c->in[0];
    struct rd_tensor *out = c->out[0];

    if (x->dtype && (x->dtype == RD_STRING) != (p->words.kind == RD_ML_TEXTS))
        return RD_FAIL(c->err, RD_E_INPUT, "the input is %s, the pool is of %s",
            rd_dtype_name(x->dtype), p->words.kind == RD_ML_TEXTS ? "strings" : "integers");
    if (x->ndim > 2)
        return RD_FAIL(
            c->err, RD_E_INPUT, "the input must have one or two dimensions, not %d", x->ndim);
    out->dtype = RD_F32;
    out->ndim = x->ndim == 2 ? 2 : 1;
    out->dim[0] = x->ndim == 2 ? x->dim[0] : 0;
    out->dim[out->ndim - 1] = p->columns;
    return RD_OK;
}

static size_t words_of(const struct rd_op_call *c) /* a row's */
{
    return c->in[0]->ndim ? (size_t)c->in[0]->dim[c->in[0]->ndim - 1] : 1;
}

static size_t scratch(const struct rd_op_call *c)
{
    const struct pool *p = c->node->prepared;

    return (words_of(c) + p->longest) * sizeof(uint32_t) + 128;
}

static double flops(const struct rd_op_call *c)
{
    const struct pool *p = c->node->prepared;
    const double strides = fmin((double)p->skips + 1, (double)words_of(c)),
                 lengths = p->longest < p->shortest ? 0 : (double)(p->longest - p->shortest + 1);

    return (double)rd_tensor_count(c->in[0]) * (1 + strides * lengths * (double)p->longest) * 8;
}

static void count(
    const struct pool *p, const uint32_t *word, size_t n, uint32_t *window, float *row)
{
    for (size_t stride = 1; stride <= n && (int64_t)stride <= p->skips + 1; stride++) {
        bool any = false; /* does a window of some length still fit? */

        for (size_t len = p->shortest; len <= p->longest; len++) {
            const size_t span = len > 1 ? (len - 1) * stride : 0;

            /* Single words have no stride: counted once. */
            if ((len == 1 && stride > 1) || span >= n)
                continue;
            any = true;
            for (size_t at = 0; at + span < n && p->has[len]; at++) {
                struct gram want = { .n = (uint32_t)len, .word = window };
                size_t low = 0, high = p->n;

                for (size_t i = 0; i < len; i++)
                    window[i] = word[at + i * stride];
                while (low < high) {
                    const size_t mid = low + (high - low) / 2;

                    if (compare(&p->gram[mid], &want) < 0)
                        low = mid + 1;
                    else
                        high = mid;
                }
                if (low < p->n && !compare(&p->gram[low], &want))
                    row[p->gram[low].column]++;
            }
        }
        if (!any)
            break;
    }
}

static rd_status forward(struct rd_op_call *c)
{
    const struct pool *p = c->node->prepared;
    const size_t n = words_of(c), columns = (size_t)p->columns;
    const size_t rows = c->in[0]->ndim == 2 ? (size_t)c->in[0]->dim[0] : 1;
    uint32_t *const word = rd_op_take(c, n * sizeof(*word));
    uint32_t *const window = rd_op_take(c, p->longest * sizeof(*window));
    float *row = c->out[0]->data;

    memset(row, 0, rd_tensor_bytes(c->out[0]));
    for (size_t r = 0; r < rows; r++, row += columns) {
        for (size_t i = 0; i < n; i++) {
            const void *const in = c->in[0]->data;
            const size_t at = r * n + i;

            /* A word that the pool has not gets a number that no gram holds. */
            word[i] = (uint32_t)(c->in[0]->dtype == RD_STRING
                                     ? rd_ml_find_text(&p->words, ((const char *const *)in)[at])
                                 : c->in[0]->dtype == RD_I32
                                     ? rd_ml_find_int(&p->words, ((const int32_t *)in)[at])
                                     : rd_ml_find_int(&p->words, ((const int64_t *)in)[at]));
        }
        count(p, word, n, window, row);
        /* Weights belong to columns, as in ONNX Runtime and the reference. */
        for (size_t k = 0; k < columns && p->mode != TF; k++) {
            const float weight = p->n_weights ? p->weight[k] : 1;

            row[k] = p->mode == TFIDF ? weight * row[k] : row[k] > 0 ? weight : 0;
        }
    }
    return RD_OK;
}

static const struct rd_op_attr attrs[] = {
    { "max_gram_length", RD_ATTR_INT, 0, 0, true },
    { "max_skip_count", RD_ATTR_INT, 0, 0, true },
    { "min_gram_length", RD_ATTR_INT, 0, 0, true },
    { "mode", RD_ATTR_STRING, 0, 0, true },
    { "ngram_counts", RD_ATTR_INTS, 0, 0, true },
    { "ngram_indexes", RD_ATTR_INTS, 0, 0, true },
    { "pool_int64s", RD_ATTR_INTS, 0, 0, false },
    { "pool_strings", RD_ATTR_STRINGS, 0, 0, false },
    { "weights", RD_ATTR_FLOATS, 0, 0, false },
    { 0 },
};

const struct rd_op rd_op_tfidfvectorizer = {
    .op = "TfIdfVectorizer",
    .domain = "",
    .since = 9,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_STRING) | RD_T(RD_I32) | RD_T(RD_I64) },
    .attrs = attrs,
    .prepare = prepare,
    .infer = infer,
    .forward = forward,
    .scratch = scratch,
    .flops = flops,
    .per_example = rd_ml_per_row,
};
