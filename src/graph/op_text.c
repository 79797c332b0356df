/* op_text.c - StringConcat, StringSplit, StringNormalizer: strings joined, cut, cleaned. Not
 * differentiable. */
#include "graph/ml.h"
#include "graph/op_walk.h"

#include "base/alloc.h"
#include "base/letter.h"
#include "base/text.h"

#include <string.h>

static const size_t MOST_TEXT = (size_t)1 << 28; /* bytes that one node may make */

static rd_status no_memory(struct rd_op_call *c)
{
    return RD_FAIL(c->err, RD_E_MEMORY, "no memory for strings");
}

/* Counts what a node makes: a small file could repeat a long string very often. */
static rd_status account(struct rd_op_call *c, size_t *made, size_t bytes)
{
    *made += bytes + 1;
    if (*made > MOST_TEXT)
        return RD_FAIL(c->err, RD_E_LIMIT, "the node makes more than %zu bytes of text", MOST_TEXT);
    return RD_OK;
}

/* --- StringConcat --- */

static rd_status concat_infer(struct rd_op_call *c)
{
    c->out[0]->dtype = RD_STRING;
    return rd_op_broadcast(c, c->in[0], c->in[1], c->out[0]);
}

static rd_status concat_forward(struct rd_op_call *c)
{
    const struct rd_walk w = rd_walk_make(c->out[0], c->in, 2);
    const char *const *const a = c->in[0]->data, *const *const b = c->in[1]->data;
    const char **to = c->out[0]->data;
    const size_t n = w.dim[w.rank - 1], da = w.step[0][w.rank - 1], db = w.step[1][w.rank - 1];
    size_t at[RD_MAX_DIMS] = { 0 }, place[2] = { 0 }, made = 0;

    if (!rd_tensor_count(c->out[0]))
        return RD_OK;
    do {
        for (size_t i = 0; i < n; i++) {
            const char *const x = a[place[0] + i * da], *const y = b[place[1] + i * db];
            const size_t nx = strlen(x), ny = strlen(y);
            char *both;
            const rd_status st = account(c, &made, nx + ny);

            if (st)
                return st;
            both = c->text ? rd_arena_alloc(c->text, nx + ny + 1, 1) : NULL;
            if (!both)
                return no_memory(c);
            memcpy(both, x, nx);
            memcpy(both + nx, y, ny + 1);
            *to++ = both;
        }
    } while (rd_walk_next(&w, at, place));
    return RD_OK;
}

const struct rd_op rd_op_stringconcat = {
    .op = "StringConcat",
    .domain = "",
    .since = 20,
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_STRING) },
    .infer = concat_infer,
    .forward = concat_forward,
    .per_example = rd_op_rows_elementwise,
};

/* --- StringSplit --- */

struct cutter { /* one string on its way */
    const char *at, *end;
    const char *delimiter; /* NULL: runs of white space */
    size_t delimiter_size;
    int64_t left; /* cuts still allowed; below 0: any number */
    bool done;
};

static size_t space_at(const char *at, const char *end)
{
    bool unused;
    uint32_t cp;
    const size_t n = at < end ? rd_text_look(at, (size_t)(end - at), &cp, &unused) : 0;

    return n && rd_letter_is_space(cp) ? n : 0;
}

static void skip_space(struct cutter *k)
{
    for (size_t n; (n = space_at(k->at, k->end)) > 0;)
        k->at += n;
}

/* The next piece, as Python's str.split gives it; false: there is none. */
static bool next_piece(struct cutter *k, const char **from, size_t *size)
{
    const char *stop;

    if (k->done)
        return false;
    if (!k->delimiter) {
        skip_space(k);
        if (k->at == k->end)
            return false;
    }
    *from = k->at;
    stop = k->left == 0 ? NULL
           : !k->delimiter
               ? k->at
               : memmem(k->at, (size_t)(k->end - k->at), k->delimiter, k->delimiter_size);
    if (stop && !k->delimiter) {
        while (stop < k->end && !space_at(stop, k->end))
            stop++;
    }
    if (!stop || (!k->delimiter && stop == k->end)) {
        *size = (size_t)(k->end - k->at);
        k->done = true;
        return true;
    }
    *size = (size_t)(stop - k->at);
    k->at = stop + (k->delimiter ? k->delimiter_size : 0);
    k->left -= k->left > 0;
    return true;
}

struct split {
    const char *delimiter; /* NULL: white space */
};

static rd_status split_prepare(const struct rd_graph_node *node, struct rd_arena *arena,
    const void **prepared_out, struct rd_error *err)
{
    struct split *s = RD_NEW(arena, struct split);
    rd_status st;

    if (!s)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a delimiter");
    *prepared_out = s;
    st = rd_ml_string(node, "delimiter", NULL, arena, &s->delimiter, err);
    if (!st && s->delimiter && !s->delimiter[0])
        s->delimiter = NULL;
    return st;
}

static struct cutter cutter_of(const struct rd_op_call *c, const char *text)
{
    const struct split *s = c->node->prepared;

    return (struct cutter){ .at = text,
        .end = text + strlen(text),
        .delimiter = s->delimiter,
        .delimiter_size = s->delimiter ? strlen(s->delimiter) : 0,
        .left = rd_op_int(c->node, "maxsplit", -1) };
}

static size_t pieces(const struct rd_op_call *c, const char *text)
{
    struct cutter k = cutter_of(c, text);
    const char *from;
    size_t n = 0, size;

    while (next_piece(&k, &from, &size))
        n++;
    return n;
}

/* How wide the result is depends on the strings: free until they are known. */
static rd_status split_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    int64_t widest = 0;

    if (x->ndim >= RD_MAX_DIMS)
        return RD_FAIL(c->err, RD_E_LIMIT,
            "the output would have %d dimensions; at most %d are "
            "supported",
            x->ndim + 1, RD_MAX_DIMS);
    if (!x->data)
        widest = -1;
    for (size_t i = 0, n = x->data ? rd_tensor_count(x) : 0; i < n; i++) {
        const int64_t k = (int64_t)pieces(c, ((const char *const *)x->data)[i]);

        widest = k > widest ? k : widest;
    }
    rd_op_same_shape(c->out[0], x);
    c->out[0]->dtype = RD_STRING;
    c->out[0]->dim[c->out[0]->ndim++] = widest;
    if (rd_op_out(c, 1)) {
        rd_op_same_shape(c->out[1], x);
        c->out[1]->dtype = RD_I64;
    }
    return RD_OK;
}

static rd_status split_forward(struct rd_op_call *c)
{
    const char *const *const x = c->in[0]->data;
    struct rd_tensor *const out = rd_op_out(c, 0), *const counts = rd_op_out(c, 1);
    const size_t widest = out ? (size_t)out->dim[out->ndim - 1] : 0;

    for (size_t i = 0, n = rd_tensor_count(c->in[0]); i < n; i++) {
        struct cutter k = cutter_of(c, x[i]);
        const char **const to = out ? (const char **)out->data + i * widest : NULL;
        const char *from;
        size_t size, used = 0;

        for (; next_piece(&k, &from, &size); used++) {
            if (!to)
                continue;
            to[used] = c->text ? rd_arena_strndup(c->text, from, size) : NULL;
            if (!to[used])
                return no_memory(c);
        }
        if (counts)
            ((int64_t *)counts->data)[i] = (int64_t)used;
        for (; to && used < widest; used++)
            to[used] = "";
    }
    return RD_OK;
}

static const struct rd_op_attr split_attrs[] = {
    { "delimiter", RD_ATTR_STRING, 0, 0, false },
    { "maxsplit", RD_ATTR_INT, 0, 0, false },
    { 0 },
};

const struct rd_op rd_op_stringsplit = {
    .op = "StringSplit",
    .domain = "",
    .since = 20,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 2,
    .in_type = { RD_T(RD_STRING) },
    .attrs = split_attrs,
    .prepare = split_prepare,
    .infer = split_infer,
    .forward = split_forward,
};

/* --- StringNormalizer --- */

enum action { NONE, LOWER, UPPER };
static const char *const actions[] = { "NONE", "LOWER", "UPPER", NULL };

struct normalizer {
    enum action action;
    bool sensitive;
    size_t n;
    const char *const *stop; /* in lower case unless sensitive */
};

static rd_status normalizer_prepare(const struct rd_graph_node *node, struct rd_arena *arena,
    const void **prepared_out, struct rd_error *err)
{
    struct normalizer *s = RD_NEW(arena, struct normalizer);
    const char **lower;
    int action;
    rd_status st;

    if (!s)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for stop words");
    *prepared_out = s;
    st = rd_ml_choice(node, "case_change_action", actions, &action, err);
    if (!st)
        st = rd_ml_strings(node, "stopwords", arena, &s->stop, &s->n, err);
    if (st)
        return st;
    s->action = (enum action)action;
    s->sensitive = rd_op_int(node, "is_case_sensitive", 0) != 0;
    lower = RD_NEW_ARRAY(arena, const char *, s->n);
    if (!lower)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for stop words");
    for (size_t i = 0; i < s->n && !s->sensitive; i++) {
        const size_t size = strlen(s->stop[i]);
        char *word = rd_arena_alloc(arena, 2 * size + 1, 1);

        if (!word)
            return RD_FAIL(err, RD_E_MEMORY, "no memory for stop words");
        (void)rd_letter_convert(s->stop[i], size, false, word);
        lower[i] = word;
    }
    if (!s->sensitive)
        s->stop = lower;
    return RD_OK;
}

/* Room that grows with the longest string seen; freed by its user. */
struct buffer {
    char *p;
    size_t size;
};

static bool room(struct buffer *b, size_t size)
{
    if (size <= b->size)
        return true;
    rd_free(b->p);
    b->p = rd_alloc(size);
    b->size = b->p ? size : 0;
    return b->p;
}

static rd_status stopped(
    struct rd_op_call *c, const char *word, struct buffer *b, bool *stopped_out)
{
    const struct normalizer *s = c->node->prepared;
    const size_t size = strlen(word);

    *stopped_out = false;
    if (!s->n)
        return RD_OK;
    if (!s->sensitive) {
        if (!room(b, 2 * size + 1))
            return no_memory(c);
        (void)rd_letter_convert(word, size, false, b->p);
        word = b->p;
    }
    for (size_t i = 0; i < s->n && !*stopped_out; i++)
        *stopped_out = !strcmp(word, s->stop[i]);
    return RD_OK;
}

static rd_status normalizer_infer(struct rd_op_call *c)
{
    const struct normalizer *s = c->node->prepared;
    const struct rd_tensor *x = c->in[0];
    struct rd_tensor *out = c->out[0];
    struct buffer b = { 0 };
    int64_t kept = 0;
    rd_status st = RD_OK;

    if (x->ndim < 1 || x->ndim > 2 || (x->ndim == 2 && x->dim[0] >= 0 && x->dim[0] != 1))
        return RD_FAIL(c->err, RD_E_INPUT, "the input must have shape (n) or (1, n)");
    rd_op_same_shape(out, x);
    if (x->ndim == 2)
        out->dim[0] = 1;
    if (!s->n) /* nothing is taken out */
        return RD_OK;
    out->dim[x->ndim - 1] = -1;
    if (!x->data)
        return RD_OK;
    for (size_t i = 0, n = rd_tensor_count(x); i < n && !st; i++) {
        bool gone;

        st = stopped(c, ((const char *const *)x->data)[i], &b, &gone);
        kept += !gone;
    }
    rd_free(b.p);
    out->dim[x->ndim - 1] = kept ? kept : 1; /* of nothing one empty string is left */
    return st;
}

static rd_status normalizer_forward(struct rd_op_call *c)
{
    const struct normalizer *s = c->node->prepared;
    const char *const *const x = c->in[0]->data;
    const char **const to = c->out[0]->data;
    const size_t n = rd_tensor_count(c->in[0]), wide = rd_tensor_count(c->out[0]);
    struct buffer word = { 0 }, changed = { 0 };
    size_t used = 0;
    rd_status st = RD_OK;

    for (size_t i = 0; i < n && !st; i++) {
        const size_t size = strlen(x[i]);
        bool gone;

        st = stopped(c, x[i], &word, &gone);
        if (st || gone || used == wide)
            continue;
        to[used] = x[i];
        if (s->action != NONE) {
            if (room(&changed, 2 * size + 1) && c->text)
                to[used] = rd_arena_strndup(c->text, changed.p,
                    rd_letter_convert(x[i], size, s->action == UPPER, changed.p));
            else
                to[used] = NULL;
        }
        if (!to[used++])
            st = no_memory(c);
    }
    for (; used < wide; used++)
        to[used] = "";
    rd_free(word.p);
    rd_free(changed.p);
    return st;
}

/* Rows stay apart only when none is taken out. */
static bool normalizer_rows(const struct rd_op_call *c, const bool *batched)
{
    const struct normalizer *s = c->node->prepared;

    return batched[0] && c->in[0]->ndim == 1 && !s->n;
}

static double normalizer_flops(const struct rd_op_call *c)
{
    const struct normalizer *s = c->node->prepared;

    return (double)rd_tensor_count(c->in[0]) * (8 + (double)s->n);
}

static const struct rd_op_attr normalizer_attrs[] = {
    { "case_change_action", RD_ATTR_STRING, 0, 0, false },
    { "is_case_sensitive", RD_ATTR_INT, 0, 0, false },
    { "locale", RD_ATTR_STRING, 0, 0, false }, /* letters have one case everywhere here */
    { "stopwords", RD_ATTR_STRINGS, 0, 0, false },
    { 0 },
};

const struct rd_op rd_op_stringnormalizer = {
    .op = "StringNormalizer",
    .domain = "",
    .since = 10,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_STRING) },
    .attrs = normalizer_attrs,
    .prepare = normalizer_prepare,
    .infer = normalizer_infer,
    .forward = normalizer_forward,
    .flops = normalizer_flops,
    .per_example = normalizer_rows,
};
