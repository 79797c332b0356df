#include "base/limits.h"

const struct rd_limits rd_limits_default = {
    .file_bytes = (size_t)8 << 30,
    .text_bytes = (size_t)64 << 20,
    .nodes = 1000000,
    .depth = 64,
    .ratio = 100,
    .entries = 1000000,
    .tensor_bytes = (size_t)2 << 30,
    .memory_bytes = (size_t)8 << 30,
};
