/*
 * op_regex.c - RegexFullMatch, and com.microsoft's Tokenizer, which text pipelines of scikit-learn
 * are exported with.
 *
 * Patterns are RE2's, compiled when the model is read (base/regex.h); no pattern runs longer than
 * a node's budget.
 */
#include "graph/ml.h"

#include "base/regex.h"
#include "base/text.h"

#include <string.h>

static const size_t MOST_STEPS = (size_t)4 << 30;

static size_t budget(const struct rd_op_call *c)
{
    return c->work_left > 0 && c->work_left < (double)MOST_STEPS ? (size_t)c->work_left + 1
                                                                 : MOST_STEPS;
}

static rd_status spent(struct rd_op_call *c)
{
    return RD_FAIL(c->err, RD_E_LIMIT, "matching takes more than %zu steps", budget(c));
}

/* Bytes of all strings, when they are known. */
static double bytes_of(const struct rd_tensor *x)
{
    double bytes = 0;

    for (size_t i = 0, n = x->data ? rd_tensor_count(x) : 0; i < n; i++)
        bytes += 1 + (double)strlen(((const char *const *)x->data)[i]);
    return bytes;
}

/* --- RegexFullMatch --- */

static rd_status full_prepare(const struct rd_graph_node *node, struct rd_arena *arena,
    const void **prepared_out, struct rd_error *err)
{
    const struct rd_regex *re = NULL;
    const char *pattern;
    rd_status st = rd_ml_string(node, "pattern", "", arena, &pattern, err);

    if (!st)
        st = rd_regex_make(pattern, strlen(pattern), arena, &re, err);
    *prepared_out = re;
    return st;
}

static rd_status full_infer(struct rd_op_call *c)
{
    rd_op_same_shape(c->out[0], c->in[0]);
    c->out[0]->dtype = RD_BOOL;
    return RD_OK;
}

static size_t full_scratch(const struct rd_op_call *c)
{
    return rd_regex_room(c->node->prepared);
}

static double full_flops(const struct rd_op_call *c)
{
    return bytes_of(c->in[0]) * (double)rd_regex_size(c->node->prepared);
}

static rd_status full_forward(struct rd_op_call *c)
{
    struct rd_regex_run run = { .regex = c->node->prepared, .left = MOST_STEPS };

    run.room = rd_op_take(c, rd_regex_room(run.regex));
    for (size_t i = 0, n = rd_tensor_count(c->in[0]); i < n; i++) {
        const char *const text = ((const char *const *)c->in[0]->data)[i];

        ((uint8_t *)c->out[0]->data)[i] = rd_regex_full(&run, text, strlen(text));
        if (!run.left)
            return spent(c);
    }
    return RD_OK;
}

static const struct rd_op_attr full_attrs[] = {
    { "pattern", RD_ATTR_STRING, 0, 0, false },
    { 0 },
};

const struct rd_op rd_op_regexfullmatch = {
    .op = "RegexFullMatch",
    .domain = "",
    .since = 20,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_STRING) },
    .attrs = full_attrs,
    .prepare = full_prepare,
    .infer = full_infer,
    .forward = full_forward,
    .flops = full_flops,
    .scratch = full_scratch,
    .per_example = rd_op_rows_elementwise,
};

/* --- Tokenizer --- */

struct tokenizer {
    const struct rd_regex *token;            /* what a token is; NULL: see separator */
    const struct rd_regex *const *separator; /* what stands between tokens, in their order */
    size_t n_separators;
    bool characters; /* every character is a token */
    bool mark;       /* a token of byte 2 before and of byte 3 behind those of each string */
    size_t least;    /* characters of a token */
    const char *pad;
};

static rd_status patterns(const struct rd_graph_node *node, struct rd_arena *arena,
    struct tokenizer *t, struct rd_error *err)
{
    const struct rd_regex **list;
    const char *const *text;
    const char *token;
    size_t n;
    rd_status st = rd_ml_strings(node, "separators", arena, &text, &n, err);

    if (!st)
        st = rd_ml_string(node, "tokenexp", NULL, arena, &token, err);
    if (st)
        return st;
    if (n && token)
        return RD_FAIL(err, RD_E_INPUT, "'separators' and 'tokenexp' are both given");
    if (!n && (!token || !token[0]))
        return RD_FAIL(err, RD_E_INPUT, "neither 'separators' nor 'tokenexp' is given");
    t->characters = n ? n == 1 && !text[0][0] : !strcmp(token, ".");
    if (t->characters)
        return RD_OK;
    if (!n)
        return rd_regex_make(token, strlen(token), arena, &t->token, err);
    list = RD_NEW_ARRAY(arena, const struct rd_regex *, n);
    if (!list)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for %zu separators", n);
    for (size_t i = 0; i < n && !st; i++)
        st = rd_regex_make(text[i], strlen(text[i]), arena, &list[i], err);
    t->separator = list;
    t->n_separators = n;
    return st;
}

static rd_status tokenizer_prepare(const struct rd_graph_node *node, struct rd_arena *arena,
    const void **prepared_out, struct rd_error *err)
{
    const int64_t least = rd_op_int(node, "mincharnum", 1);
    struct tokenizer *t = RD_NEW(arena, struct tokenizer);
    rd_status st;

    if (!t)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a pattern");
    *prepared_out = t;
    if (least < 1)
        return RD_FAIL(err, RD_E_INPUT, "'mincharnum' is %lld", (long long)least);
    t->least = (size_t)least;
    t->mark = rd_op_int(node, "mark", 0) != 0;
    st = rd_ml_string(node, "pad_value", "", arena, &t->pad, err);
    if (!st)
        st = patterns(node, arena, t, err);
    if (!st && t->characters && t->least > 1)
        st = RD_FAIL(err, RD_E_INPUT, "'mincharnum' is %zu where tokens are characters", t->least);
    return st;
}

/* Pieces of a string, from..end in bytes. */
struct pieces {
    struct piece {
        size_t from, end;
    } * at;
    size_t n, room;
};

struct cutting {
    struct rd_op_call *c;
    const struct tokenizer *t;
    struct rd_arena arena;
    struct pieces now, next;
    void *room;
    size_t left;
};

static size_t characters(const char *text, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < size; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

static rd_status add(struct cutting *k, struct pieces *p, const char *text, size_t from, size_t end)
{
    if (characters(text + from, end - from) < k->t->least)
        return RD_OK;
    if (p->n == p->room) {
        const size_t room = p->room ? 2 * p->room : 64;
        struct piece *more = RD_NEW_ARRAY(&k->arena, struct piece, room);

        if (!more)
            return RD_FAIL(k->c->err, RD_E_MEMORY, "no memory for tokens");
        if (p->n)
            memcpy(more, p->at, p->n * sizeof(*more));
        p->at = more;
        p->room = room;
    }
    p->at[p->n++] = (struct piece){ from, end };
    return RD_OK;
}

static size_t one_more(const char *text, size_t size, size_t at)
{
    bool unused;
    uint32_t cp;
    const size_t n = at < size ? rd_text_look(text + at, size - at, &cp, &unused) : 0;

    return at + (n ? n : 1);
}

/* What the pattern matches, or (between) what lies between its matches. Empty matches are none. */
static rd_status cut(struct cutting *k, const struct rd_regex *re, bool between, const char *text,
    struct piece in, struct pieces *to)
{
    struct rd_regex_run run = { .regex = re, .left = k->left, .room = k->room };
    const char *const p = text + in.from;
    const size_t size = in.end - in.from;
    size_t at = 0, from, end, last = 0;
    rd_status st = RD_OK;

    while (!st && at <= size && rd_regex_find(&run, p, size, at, &from, &end) && run.left) {
        if (end == from) {
            at = one_more(p, size, end);
            continue;
        }
        st = between ? add(k, to, text, in.from + last, in.from + from)
                     : add(k, to, text, in.from + from, in.from + end);
        at = last = end;
    }
    k->left = run.left;
    if (!run.left)
        return k->c->batched ? RD_E_LIMIT : spent(k->c); /* while reading no error: see infer */
    return st || !between ? st : add(k, to, text, in.from + last, in.end);
}

/* The tokens of one string into k->now. */
static rd_status tokens(struct cutting *k, const char *text)
{
    const size_t size = strlen(text);
    const struct piece all = { 0, size };
    rd_status st = RD_OK;

    k->now.n = 0;
    for (size_t at = 0; k->t->characters && at < size && !st;) {
        const size_t end = one_more(text, size, at);

        st = add(k, &k->now, text, at, end);
        at = end;
    }
    if (k->t->characters)
        return st;
    if (k->t->token)
        return cut(k, k->t->token, false, text, all, &k->now);
    if (size)
        st = add(k, &k->now, text, 0, size);
    for (size_t s = 0; s < k->t->n_separators && !st; s++) {
        struct pieces swap;

        k->next.n = 0;
        for (size_t i = 0; i < k->now.n && !st; i++)
            st = cut(k, k->t->separator[s], true, text, k->now.at[i], &k->next);
        swap = k->now;
        k->now = k->next;
        k->next = swap;
    }
    return st;
}

static rd_status cutting_begin(struct cutting *k, struct rd_op_call *c)
{
    size_t most = 0;

    *k = (struct cutting){ .c = c, .t = c->node->prepared, .left = budget(c) };
    if (k->t->token)
        most = rd_regex_room(k->t->token);
    for (size_t i = 0; i < k->t->n_separators; i++) {
        const size_t room = rd_regex_room(k->t->separator[i]);

        most = room > most ? room : most;
    }
    k->room = rd_arena_alloc(&k->arena, most, 1);
    return k->room ? RD_OK : RD_FAIL(c->err, RD_E_MEMORY, "no memory for tokens");
}

/* Once more what infer has done. */
static double tokenizer_flops(const struct rd_op_call *c)
{
    return 8 * bytes_of(c->in[0]);
}

/* How many tokens the longest string has is seen from the strings alone: free until then. */
static rd_status tokenizer_infer(struct rd_op_call *c)
{
    const struct rd_tensor *x = c->in[0];
    const struct tokenizer *t = c->node->prepared;
    struct cutting k;
    size_t widest = 0;
    rd_status st;

    if (x->ndim < 1 || x->ndim > 2)
        return RD_FAIL(
            c->err, RD_E_INPUT, "the input must have one or two dimensions, not %d", x->ndim);
    rd_op_same_shape(c->out[0], x);
    c->out[0]->dim[c->out[0]->ndim++] = -1;
    if (!x->data)
        return RD_OK;
    st = cutting_begin(&k, c);
    for (size_t i = 0, n = rd_tensor_count(x); i < n && !st; i++) {
        st = tokens(&k, ((const char *const *)x->data)[i]);
        widest = k.now.n > widest ? k.now.n : widest;
    }
    rd_arena_release(&k.arena);
    if (st == RD_E_LIMIT && c->batched) /* too much for the reading: free until the run */
        return RD_OK;
    c->out[0]->dim[x->ndim] = (int64_t)(widest ? widest + (t->mark ? 2 : 0) : 0);
    return st;
}

static rd_status tokenizer_forward(struct rd_op_call *c)
{
    const struct tokenizer *t = c->node->prepared;
    const size_t wide = (size_t)c->out[0]->dim[c->out[0]->ndim - 1];
    const char **to = c->out[0]->data;
    struct cutting k;
    rd_status st = cutting_begin(&k, c);

    for (size_t i = 0, n = wide ? rd_tensor_count(c->in[0]) : 0; i < n && !st; i++) {
        const char *const text = ((const char *const *)c->in[0]->data)[i];
        size_t used = 0;

        st = tokens(&k, text);
        if (t->mark)
            to[used++] = "\x02";
        for (size_t j = 0; j < k.now.n && !st; j++) {
            const struct piece p = k.now.at[j];

            to[used] = c->text ? rd_arena_strndup(c->text, text + p.from, p.end - p.from) : NULL;
            if (!to[used++])
                st = RD_FAIL(c->err, RD_E_MEMORY, "no memory for strings");
        }
        if (t->mark)
            to[used++] = "\x03";
        while (used < wide)
            to[used++] = t->pad;
        to += wide;
    }
    rd_arena_release(&k.arena);
    return st;
}

static const struct rd_op_attr tokenizer_attrs[] = {
    { "mark", RD_ATTR_INT, 0, 0, true },
    { "mincharnum", RD_ATTR_INT, 0, 0, true },
    { "pad_value", RD_ATTR_STRING, 0, 0, true },
    { "separators", RD_ATTR_STRINGS, 0, 0, false },
    { "tokenexp", RD_ATTR_STRING, 0, 0, false },
    { 0 },
};

const struct rd_op rd_op_tokenizer = {
    .op = "Tokenizer",
    .domain = "com.microsoft",
    .since = 1,
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_STRING) },
    .attrs = tokenizer_attrs,
    .prepare = tokenizer_prepare,
    .infer = tokenizer_infer,
    .forward = tokenizer_forward,
    .flops = tokenizer_flops,
};
