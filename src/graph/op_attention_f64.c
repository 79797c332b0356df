/* op_attention_f64.c - Attention in float64, rounded once to the tensors' type. */
#include "graph/op_attention.h"
#include "graph/op_real_f64.h"

#include "graph/op_attention_run.h"
