/* ml_rig.h - nodes written as a line of text, made and run: for the tests of ai.onnx.ml and text.
 */
#ifndef RD_TESTS_ML_RIG_H
#define RD_TESTS_ML_RIG_H

#include "support.h"

#include "base/arena.h"
#include "graph/op.h"
#include "tensor/boxed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4 };

/*
 * Tensors: "f 2,2: 1 2 3 4", several separated by " ; "; f d float32, float64, i n int64, int32,
 * s strings (_ is a blank, "" the empty one). Attributes: "name=1,2 other=WORD", separated by
 * blanks. out beginning with '!': the message of the refusal.
 */
struct value {
    const char *op;
    int opset;
    const char *in, *attrs, *out;
};

/* --- reading the table --- */

static inline enum rd_dtype type_of(char c)
{
    switch (c) {
    case 'f':
        return RD_F32;
    case 'd':
        return RD_F64;
    case 'i':
        return RD_I64;
    case 'n':
        return RD_I32;
    case 'b':
        return RD_BOOL;
    default:
        return RD_STRING;
    }
}

static inline char *word(struct rd_arena *arena, const char **at, const char *until)
{
    char *w;
    size_t n;

    *at += strspn(*at, " ");
    n = strcspn(*at, until);
    w = rd_arena_strndup(arena, *at, n);
    *at += n;
    if (!strcmp(w, "\"\""))
        *w = '\0';
    for (char *c = w; *c; c++)
        *c = *c == '_' && c[1] != 'U' ? ' ' : *c;
    return w;
}

static inline void put(struct rd_tensor *t, size_t i, const char *text)
{
    const double v = t->dtype == RD_STRING ? 0 : strtod(text, NULL);

    switch ((int)t->dtype) {
    case RD_F32:
        ((float *)t->data)[i] = (float)v;
        break;
    case RD_F64:
        ((double *)t->data)[i] = v;
        break;
    case RD_I64:
        ((int64_t *)t->data)[i] = strtoll(text, NULL, 10);
        break;
    case RD_I32:
        ((int32_t *)t->data)[i] = (int32_t)v;
        break;
    case RD_BOOL:
        ((uint8_t *)t->data)[i] = v != 0;
        break;
    default:
        ((const char **)t->data)[i] = text;
    }
}

static inline int read_tensors(struct rd_arena *arena, const char *s, struct rd_tensor *out)
{
    int n = 0;

    while (*s) {
        struct rd_tensor *t = &out[n++];

        *t = (struct rd_tensor){ .dtype = type_of(*s++) };
        s += strspn(s, " ");
        while (*s != ':') {
            t->dim[t->ndim++] = strtol(s, (char **)(uintptr_t)&s, 10);
            s += *s == ',';
        }
        s++;
        t->data = rd_arena_alloc(arena, rd_tensor_count(t) + 8, 8);
        for (size_t i = 0; i < rd_tensor_count(t); i++)
            put(t, i, word(arena, &s, " "));
        s += strspn(s, " ;");
    }
    return n;
}

static inline void read_attrs(struct rd_arena *arena, const char *s, struct rd_graph_node *node)
{
    struct rd_attr *list = RD_NEW_ARRAY(arena, struct rd_attr, 16);

    node->attr = list;
    while (*s) {
        struct rd_attr *a = &list[node->n_attrs++];
        const struct rd_op_attr *known = node->row->attrs;
        const char *text;

        a->name = rd_arena_strndup(arena, s, strcspn(s, "="));
        s += strlen(a->name) + 1;
        text = rd_arena_strndup(arena, s, strcspn(s, " "));
        s += strlen(text);
        s += strspn(s, " ");
        while (strcmp(known->name, a->name))
            known++;
        a->type = known->type;
        a->s = text;
        a->s_len = strlen(text);
        a->f = strtof(text, NULL);
        a->i = strtoll(text, NULL, 10);
        if (a->type != RD_ATTR_FLOATS && a->type != RD_ATTR_INTS && a->type != RD_ATTR_STRINGS)
            continue;
        {
            float *floats = RD_NEW_ARRAY(arena, float, 64);
            int64_t *ints = RD_NEW_ARRAY(arena, int64_t, 64);
            const char **strings = RD_NEW_ARRAY(arena, const char *, 64);
            size_t *len = RD_NEW_ARRAY(arena, size_t, 64);

            a->floats = floats;
            a->ints = ints;
            a->strings = strings;
            a->strings_len = len;
            while (*text) {
                const size_t n = strcspn(text, ",");

                strings[a->n] = text; /* no NUL behind it, as in a file */
                len[a->n] = n;
                if (n == 2 && text[0] == '_' && text[1] == '+') {
                    strings[a->n] = " +";
                }
                floats[a->n] = strtof(text, NULL);
                ints[a->n++] = strtoll(text, NULL, 10);
                text += n + (text[n] == ',');
            }
        }
    }
}

/* --- running one node --- */

struct rig {
    struct rd_arena arena;
    struct rd_graph_node node;
    struct rd_tensor in[MOST], out[MOST], dout[MOST], din[MOST];
    const struct rd_tensor *pin[MOST], *pdout[MOST];
    struct rd_tensor *pout[MOST], *pdin[MOST];
    struct rd_error err;
};

static inline struct rd_op_call call_of(struct rig *r)
{
    return (struct rd_op_call){
        .node = &r->node, .in = r->pin, .out = r->pout, .err = &r->err, .text = &r->arena
    };
}

static inline rd_status rig_open(struct rig *r, const struct value *v)
{
    static const char *const domains[] = { "ai.onnx.ml", "", "com.microsoft" };
    struct rd_tensor want[MOST];

    *r = (struct rig){ 0 };
    r->node = (struct rd_graph_node){ .name = "", .op = v->op, .opset = v->opset, .n_outputs = 1 };
    for (int k = 0; k < 3 && !r->node.row; k++) {
        r->node.domain = domains[k];
        r->node.row = rd_op_find(domains[k], v->op, v->opset, NULL);
    }
    assert_non_null(r->node.row);
    if (*v->out != '!')
        r->node.n_outputs = read_tensors(&r->arena, v->out, want);
    r->node.n_inputs = read_tensors(&r->arena, v->in, r->in);
    read_attrs(&r->arena, v->attrs, &r->node);
    for (int i = 0; i < MOST; i++) {
        r->pin[i] = i < r->node.n_inputs ? &r->in[i] : NULL;
        r->pout[i] = &r->out[i];
    }
    return rd_op_prepare(&r->node, &r->arena, &r->err);
}

static inline rd_status rig_run(struct rig *r)
{
    struct rd_op_call c = call_of(r);
    rd_status st;

    for (int i = 0; i < r->node.n_outputs; i++)
        r->out[i] = (struct rd_tensor){ .ndim = -1 };
    st = rd_op_infer(&c);
    if (st)
        return st;
    for (int i = 0; i < r->node.n_outputs; i++)
        r->out[i].data = rd_arena_alloc(&r->arena, rd_tensor_bytes(&r->out[i]) + 8, 1);
    c.scratch_size = r->node.row->scratch ? r->node.row->scratch(&c) : 0;
    c.scratch = rd_arena_alloc(&r->arena, c.scratch_size, 1);
    memset(c.scratch, 0xa5, c.scratch_size);
    st = r->node.row->forward(&c);
    assert_true(c.scratch_used <= c.scratch_size);
    return st;
}

static inline double number_at(const struct rd_tensor *t, size_t i)
{
    switch ((int)t->dtype) {
    case RD_F32:
        return (double)((const float *)t->data)[i];
    case RD_F64:
        return ((const double *)t->data)[i];
    case RD_I64:
        return (double)((const int64_t *)t->data)[i];
    case RD_I32:
        return (double)((const int32_t *)t->data)[i];
    default:
        return (double)((const uint8_t *)t->data)[i];
    }
}

static inline bool same(const struct rd_tensor *a, const struct rd_tensor *b)
{
    if (a->dtype != b->dtype || a->ndim != b->ndim ||
        memcmp(a->dim, b->dim, (size_t)a->ndim * sizeof *a->dim) != 0)
        return false;
    for (size_t i = 0; i < rd_tensor_count(a); i++) {
        if (a->dtype == RD_STRING) {
            if (strcmp(((const char *const *)a->data)[i], ((const char *const *)b->data)[i]) != 0)
                return false;
            continue;
        }
        if (!(fabs(number_at(a, i) - number_at(b, i)) <= 1e-6 * (1 + fabs(number_at(b, i)))))
            return false;
    }
    return true;
}

#endif
