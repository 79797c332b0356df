/*
 * op.h - the operator table: one row an operator, and the one struct that a row is called with.
 *
 * A row is `const struct rd_op rd_op_<name>` at the end of its family's file op_<family>.c, and one
 * line RD_OP(<name>) in ops.def. The same call serves three callers: shape inference (no data yet),
 * the general executor (exec.c: any type, whole batch) and the float32 plan (plan.c: a chunk of n
 * examples on axis 0, buffers of its own).
 *
 * A row never allocates: outputs, cotangents, scratch and saved bytes are the caller's. It trusts
 * what the driver has checked once for all (rd_op_check: counts, attribute names and types, element
 * types) and checks the rest in infer. forward and backward see only calls whose shapes infer has
 * produced, so they need no checks of shape.
 */
#ifndef RD_GRAPH_OP_H
#define RD_GRAPH_OP_H

#include "graph/graph.h"
#include "tensor/tensor.h"

struct rd_kernels; /* tensor/kernel.h: float32 kernels of this machine */

struct rd_op_call;

/*
 * How a row of control flow runs its subgraphs and hands over outputs whose shapes only running
 * tells. Tensors that run and make give belong to the call: freed when it returns, or by drop.
 */
struct rd_op_flow {
    /* body: a graph of an attribute; in: its formal inputs, the others are the node's captures.
     * out: body->n_outputs tensors. RD_E_LIMIT when the steps of the run are used up. */
    rd_status (*run)(struct rd_op_call *c, const struct rd_graph *body,
        const struct rd_tensor *const *in, struct rd_tensor *out);
    /* A tensor with data, 64-byte aligned and not zeroed. */
    rd_status (*make)(struct rd_op_call *c, enum rd_dtype dtype, const int64_t *dim, int ndim,
        struct rd_tensor *out);
    void (*drop)(struct rd_op_call *c, struct rd_tensor *t);
    /* Counts bytes that the row is about to take from c->text: RD_E_LIMIT when there are too many.
     */
    rd_status (*text)(struct rd_op_call *c, size_t bytes);
    /* Output k becomes t (of run or make), which the call owns no longer. */
    void (*give)(struct rd_op_call *c, int k, struct rd_tensor *t);
    /*
     * In backward: the gradient of run `index` (counted in the order of forward's calls). dout per
     * output of the body, NULL: zero. din: per formal input of a float type a tensor (of the call,
     * as above; zeros when nothing flows), else ndim -1. Gradients of captures are added to theirs.
     */
    rd_status (*back)(struct rd_op_call *c, size_t index, const struct rd_tensor *const *dout,
        struct rd_tensor *din);
    size_t (*runs)(const struct rd_op_call *c); /* in backward: how many runs there were */
    const struct rd_graph *(*body)(const struct rd_op_call *c, size_t index);
    /* The value of formal input or output i of run `index`: read only. */
    const struct rd_tensor *(*value)(
        const struct rd_op_call *c, size_t index, bool output, size_t i);
};

struct rd_op_call {
    const struct rd_graph_node
        *node; /* attributes; node->opset is the version its domain is imported at */
    /*
     * node->n_inputs; NULL: left out. In infer dims may be -1 (free or unknown) and data is NULL
     * unless the values are known (weights, folded constants; at run time all). Rank is always
     * known.
     */
    const struct rd_tensor *const *in;
    /*
     * node->n_outputs. In infer all are there and dtype, ndim, dim are set by the row. In forward
     * NULL: nobody wants it; shapes are set, data is writable, 64-byte aligned and NOT zeroed. In
     * backward: read only, may lack data (see reads).
     */
    struct rd_tensor *const *out;

    /* backward: d(loss)/d(out[i]), NULL means zero; and where d(loss)/d(in[i]) is ADDED, NULL: not
     * wanted. */
    const struct rd_tensor *const *dout;
    struct rd_tensor *const *din;
    /* Mask of din whose contents are undefined and count as zeros; only of inputs in the row's
     * `sets`. An input that is given twice is fresh once, the first time. */
    unsigned fresh;

    /* Forward, of rows that `finish`, with kernels: bias is added to each row of the result (last
     * axis; NULL: nothing), then negative numbers become 0. */
    const float *bias;
    bool relu;

    const struct rd_kernels *kernels; /* NULL: the plain reference loops */
    void *saved; /* saved(c) bytes, written by forward, read by backward; NULL: no backward comes */
    char *scratch; /* scratch(c) bytes, 64-byte aligned, undefined contents */
    size_t scratch_size, scratch_used;
    struct rd_error *err;

    /* infer while the model is read: axis 0 of in[i] is the free batch; NULL at run time. */
    const bool *batched;
    /* Steps that are left of the run's or the reading's, for an infer whose shapes cost work to
     * know (tokens of strings): it stops there. 0: no such bound. */
    double work_left;
    struct rd_arena *text; /* forward: where strings that a row makes live; NULL: it makes none */
    const struct rd_op_flow *flow; /* of rows of control flow, at run time */
    void *runner;                  /* of flow */
};

/*
 * While the model is read, an input that a row names in `sizes` may hold numbers that are not known
 * yet: the size of the batch, or any. Legal sizes are never so small. int32 has its own pair, which
 * rd_op_values gives as those of int64.
 */
#define RD_SYM_BATCH (INT64_MIN + 21058)
#define RD_SYM_ANY (INT64_MIN + 21057)
#define RD_SYM32_BATCH (INT32_MIN + 21058)
#define RD_SYM32_ANY (INT32_MIN + 21057)
static inline bool rd_op_is_symbol(int64_t v)
{
    return v == RD_SYM_BATCH || v == RD_SYM_ANY;
}

/* Types that are no tensors have the bits above ONNX's numbers of today. */
#define RD_T(type) (1u << ((type) < RD_SEQUENCE ? (type) : (type)-RD_SEQUENCE + 28))
enum {
    RD_OP_INPUTS = 7, /* rows of in_type; the last one given repeats for more inputs */
    RD_T_FLOAT = RD_T(RD_F32) | RD_T(RD_F64) | RD_T(RD_F16) | RD_T(RD_BF16),
    RD_T_INT = RD_T(RD_I8) | RD_T(RD_I16) | RD_T(RD_I32) | RD_T(RD_I64) | RD_T(RD_U8) |
               RD_T(RD_U16) | RD_T(RD_U32) | RD_T(RD_U64),
    RD_T_NUMBER = RD_T_FLOAT | RD_T_INT,
    RD_T_ANY = RD_T_NUMBER | RD_T(RD_BOOL),
    RD_T_SMALL_INT = RD_T(RD_U4) | RD_T(RD_I4) | RD_T(RD_U2) | RD_T(RD_I2),
    RD_T_SMALL = RD_T_SMALL_INT | RD_T(RD_F8E4M3FN) | RD_T(RD_F8E4M3FNUZ) | RD_T(RD_F8E5M2) |
                 RD_T(RD_F8E5M2FNUZ) | RD_T(RD_F4E2M1) | RD_T(RD_F8E8M0), /* tensor/small.h */
    RD_T_I64 = RD_T(RD_I64),
    RD_T_BOXED = RD_T(RD_SEQUENCE) | RD_T(RD_OPTIONAL) | RD_T(RD_MAP)
};

struct rd_op_attr { /* an attribute the row understands; any other is refused by name */
    const char *name;
    enum rd_attr_type type;
    int since, until; /* versions that have it; 0: no bound */
    bool required;
};

enum { /* what backward reads, so that a plan may drop the rest */
    RD_READS_IN = 1,
    RD_READS_OUT = 2
};
#define RD_GRAD_ALL (~0u)

struct rd_op {
    const char *op;     /* "Conv" */
    const char *domain; /* "" is ai.onnx */
    int since,
        until; /* versions of the domain that the row covers, inclusive; until 0: no bound known */
    int min_in, max_in; /* max -1: any number */
    int min_out, max_out;
    unsigned in_type[RD_OP_INPUTS]; /* mask of RD_T(dtype); 0: as the row before */
    unsigned same;                  /* mask of inputs that must have input 0's type */
    const struct rd_op_attr *attrs; /* ends with name NULL; NULL: none */

    /*
     * What the attributes come to when worked out once (trees laid out, tables of keys): called
     * before infer, kept in node->prepared, in the arena of the graph; never written afterwards, so
     * that threads may share it. RD_E_INPUT when the attributes contradict each other. NULL: none.
     */
    rd_status (*prepare)(const struct rd_graph_node *node, struct rd_arena *arena,
        const void **prepared_out, struct rd_error *err);
    /* Output types and shapes, or RD_E_INPUT saying what was expected and found. */
    rd_status (*infer)(struct rd_op_call *c);
    /* With kernels NULL this is the reference. Deterministic: row r's bits do not depend on the
     * batch size. */
    rd_status (*forward)(struct rd_op_call *c);
    /* Vector-Jacobian product; NULL: not differentiable. float32 and float64. */
    rd_status (*backward)(struct rd_op_call *c);
    /*
     * Of rows whose derivative is 0 wherever it exists: the product with the derivative that a
     * straight-through gradient takes in its place (surrogate.h). Where every way from the input to
     * the output leads through such rows, a graph counts as not differentiable. One input.
     */
    rd_status (*surrogate)(struct rd_op_call *c);
    unsigned grad_in; /* mask of inputs that backward has a derivative for */
    unsigned reads;   /* RD_READS_*: of backward */
    unsigned sets;    /* mask of inputs whose gradient backward can write where nothing is yet */

    /* Bytes of scratch (c->din NULL: of forward, else of backward) and of saved state; shapes are
     * set, data is not. NULL: none. */
    size_t (*scratch)(const struct rd_op_call *c);
    size_t (*saved)(const struct rd_op_call *c);
    /* Multiplications and additions of one forward call (a fused multiply-add is two). NULL: one an
     * output element. */
    double (*flops)(const struct rd_op_call *c);
    /*
     * Shapes as inferred with a free batch (dim[0] == -1); batched[i]: axis 0 of in[i] is the
     * batch. True when axis 0 of every output is the batch too and row r of it comes from row r of
     * the batched inputs alone. NULL: never.
     */
    bool (*per_example)(const struct rd_op_call *c, const bool *batched);
    /* The value of output 0 when it stands in the attributes (Constant); NULL: computed. */
    const struct rd_tensor *(*constant)(const struct rd_graph_node *node);
    /*
     * For shapes that a model computes. moves: inputs whose elements are only moved, so that it
     * does not matter what they are; sizes: inputs whose infer knows RD_SYM_*; shape_only: of input
     * 0 nothing but the shape is read; types: inputs of which nothing but the element type is.
     */
    unsigned moves, sizes, types;
    bool shape_only;
    size_t
        many;  /* rows that forward likes to have at once where there are so many; 0: any number */
    bool view; /* output 0 has input 0's bytes in the same order, only another shape */
    bool random; /* never folded */
    bool finish; /* float32 with kernels: forward adds a bias and cuts at zero when told to */
    /*
     * Control flow: forward runs subgraphs and gives its outputs through c->flow; infer is asked
     * only while the model is read, where it may leave anything unknown.
     */
    bool control;
    /* Of such rows, while the model is read: what formal input i of a body is, as far as known;
     * which output of the body comes back as that input in the next run, -1: none. NULL: no inputs,
     * none.
     */
    void (*formal)(
        const struct rd_op_call *c, const struct rd_graph *body, size_t i, struct rd_tensor *out);
    int (*carried)(const struct rd_op_call *c, const struct rd_graph *body, size_t i);
};

/* NULL-terminated, in the order of ops.def. */
extern const struct rd_op *const rd_ops[];
/* The row for this operator at this version, or NULL; *known_out (may be NULL): a row exists for
 * other versions. */
const struct rd_op *rd_op_find(
    const char *domain, const char *op, int64_t version, const struct rd_op **known_out);

/* Counts, attributes, element types (those known) of a node against its row. Errors do not name the
 * node: wrap. */
rd_status rd_op_check(const struct rd_op_call *c);
/* Its attributes against its row: names, types, versions. */
rd_status rd_op_check_attrs(const struct rd_graph_node *node, struct rd_error *err);
/* Checks the attributes and fills node->prepared when its row prepares and that is still NULL.
 * Errors do not name the node. */
rd_status rd_op_prepare(struct rd_graph_node *node, struct rd_arena *arena, struct rd_error *err);
/* rd_op_check + row->infer + sanity of what it gave (dims not negative, product fits). */
rd_status rd_op_infer(struct rd_op_call *c);

/* --- for rows --- */

/* Attributes; the defaults are the row's. Types are as declared in attrs. */
const struct rd_attr *rd_op_attr(const struct rd_graph_node *node, const char *name);
int64_t rd_op_int(const struct rd_graph_node *node, const char *name, int64_t otherwise);
float rd_op_float(const struct rd_graph_node *node, const char *name, float otherwise);
/* The ints, NULL when not given; *n_out their count. */
const int64_t *rd_op_ints(const struct rd_graph_node *node, const char *name, size_t *n_out);
bool rd_op_str_is(const struct rd_graph_node *node, const char *name, const char *text);

static inline const struct rd_tensor *rd_op_in(const struct rd_op_call *c, int i)
{
    return i < c->node->n_inputs - c->node->n_captures ? c->in[i] : NULL;
}
static inline struct rd_tensor *rd_op_out(const struct rd_op_call *c, int i)
{
    return i < c->node->n_outputs ? c->out[i] : NULL;
}
static inline struct rd_tensor *rd_op_din(const struct rd_op_call *c, int i)
{
    return i < c->node->n_inputs - c->node->n_captures ? c->din[i] : NULL;
}

/* Is din i to be written rather than added to? */
static inline bool rd_op_is_fresh(const struct rd_op_call *c, int i)
{
    return c->fresh >> i & 1;
}

/* Axis counted from the end when negative; RD_E_INPUT outside -rank..rank-1 (..rank when one_more).
 */
rd_status rd_op_axis(
    const struct rd_op_call *c, int64_t axis, int rank, bool one_more, int *axis_out);
/* Integer values of an int32/int64 tensor with data, at most RD_MAX_DIMS: shapes, axes. */
rd_status rd_op_values(const struct rd_op_call *c, const struct rd_tensor *t, const char *what,
    int64_t *out, int *n_out);
/* NumPy's broadcasting of two shapes, -1 is a free dim. */
rd_status rd_op_broadcast(const struct rd_op_call *c, const struct rd_tensor *a,
    const struct rd_tensor *b, struct rd_tensor *shape_out);
/* out gets in's type and shape. */
void rd_op_same_shape(struct rd_tensor *out, const struct rd_tensor *in);

/* size bytes of scratch (asked for beforehand, rounded up to 64 each). */
void *rd_op_take(struct rd_op_call *c, size_t size);
/* t's values as double: t's own data when it is float64, else converted into scratch. */
const double *rd_op_wide(struct rd_op_call *c, const struct rd_tensor *t);
/* Scratch that rd_op_wide (or a result of that size) needs for t. */
size_t rd_op_wide_size(const struct rd_tensor *t);
/* Round v (as many as t holds) into t's type: to nearest even; integers saturate. add: onto what is
 * there. */
void rd_op_narrow(const double *v, struct rd_tensor *t, bool add);

/* per_example of operators that work element by element with broadcasting. */
bool rd_op_rows_elementwise(const struct rd_op_call *c, const bool *batched);

/* --- geometry of Conv and the pools, used by their rows and by the plan --- */
enum { RD_WINDOW_DIMS = 3 };
struct rd_window {
    int dims; /* 1..3 spatial axes, slowest first */
    int64_t in[RD_WINDOW_DIMS], out[RD_WINDOW_DIMS];
    int64_t kernel[RD_WINDOW_DIMS], stride[RD_WINDOW_DIMS], dilation[RD_WINDOW_DIMS];
    int64_t pad[RD_WINDOW_DIMS], pad_end[RD_WINDOW_DIMS]; /* as resolved: auto_pad is gone */
    int64_t group;                                        /* Conv */
    bool ceil_mode;
};
/* Of a Conv, MaxPool or AveragePool node; in[0] (and for Conv in[1]) have shapes. Free batch is
 * fine; free spatial dims give out -1. RD_E_INPUT says what is wrong. */
rd_status rd_op_window(const struct rd_op_call *c, struct rd_window *window_out);
/* Of a Slice node with constant numbers: of each axis the first element, the step and how many; -1:
 * all of a free axis. false: not known, or wrong. */
bool rd_op_slice_numbers(const struct rd_op_call *c, int64_t *start, int64_t *step, int64_t *count);
/* Of a Pad node with zeros: how many at both ends of each axis. false: not known, wrong, or other
 * values than zeros. */
bool rd_op_pad_zeros(const struct rd_op_call *c, int64_t *begin, int64_t *end);

#endif
