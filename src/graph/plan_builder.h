/* plan_builder.h - shared by the files that make a plan: plan_build.c, for Conv and MaxPool
 * plan_window.c, for what stands between them plan_pixels.c. */
#ifndef RD_GRAPH_PLAN_BUILDER_H
#define RD_GRAPH_PLAN_BUILDER_H

#include "graph/plan_impl.h"

struct builder {
    struct plan_code *code;
    const struct rd_graph *graph;
    struct rd_arena *arena;
    bool *needed;       /* per node */
    bool *taken;        /* per node: fused into an earlier step */
    int *uses;          /* per value, by needed nodes and the output */
    int *consumer;      /* per value: the last needed node that reads it */
    int *base;          /* per value: where its bytes come from, through views */
    size_t affine_left; /* channels that scales and shifts may still have, over all chains tried */
    bool refused;       /* something a plan cannot do */
    bool starved;       /* and that was memory */
};

bool plan_is_op(const struct rd_graph_node *node, const char *op);
const struct rd_graph_value *plan_value_at(const struct builder *b, int v);
/* A float32 constant? */
bool plan_is_weight(const struct builder *b, int v);
/* Input i of a node; -1: left out. */
int plan_node_in(const struct rd_graph_node *node, int i);
/* The one node that reads v, when v is read once and is not the output; else -1. */
int plan_only_reader(const struct builder *b, int v);

/* Is v a batch of images, all dims known? Is it there as pixels already? */
bool plan_is_image(const struct builder *b, int v);
bool plan_has_pixels(const struct builder *b, int v);
/* Have they the same dims? */
bool plan_same_image(const struct builder *b, int v, int w);
/* The PIXELS slot of image v, made by the step added last. */
int plan_add_image(struct builder *b, int v);

/* NULL or -1: refused, as b says. */
struct plan_step *plan_add_step(struct builder *b, enum plan_kind kind, int node);
int plan_add_slot(struct builder *b, int value, enum plan_form form, size_t count);
int plan_add_pixels(struct builder *b, int value, size_t c, size_t h, size_t w);
/* The PIXELS slot of a 4-D batched value; a step that makes it when there is none. */
int plan_pixels(struct builder *b, int v);
/* The PLAIN slot of a batched value's bytes, changed from PIXELS when need be. */
int plan_plain(struct builder *b, int v);
/* The same pixels with at least this halo: slot itself when it may have one. */
int plan_padded(struct builder *b, int slot, size_t top, size_t left, size_t bottom, size_t right);
/* A copy of a PIXELS slot, of the same value. */
int plan_copy_pixels(struct builder *b, int slot);
struct plan_pack *plan_pack(struct builder *b, const struct plan_pack *want);
struct plan_pack *plan_bias_pack(struct builder *b, int value, size_t n);
/* plan_pixels.c: batch normalizations right behind value *out, which becomes what they give; NULL:
 * none. */
const struct plan_affine *plan_take_norm(struct builder *b, int *out);

/* false: not such a node, or not one that the kernels do. */
bool plan_build_conv(struct builder *b, int at);
bool plan_build_pool(struct builder *b, int at);
bool plan_build_add(struct builder *b, int at);
bool plan_build_scale(struct builder *b, int at);
bool plan_build_norm(struct builder *b, int at);
bool plan_build_points(struct builder *b, int at);
bool plan_build_pick(struct builder *b, int at);
bool plan_build_mean(struct builder *b, int at);

#endif
