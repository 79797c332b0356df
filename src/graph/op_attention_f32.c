/* op_attention_f32.c - Attention in float32, by the kernels. */
#include "graph/op_attention.h"
#include "graph/op_real_f32.h"

#include "graph/op_attention_run.h"
