/* generate.h - the built-in generators, one example at a time; rd_dataset_generate puts them
 * together. */
#ifndef RD_DATA_GENERATE_H
#define RD_DATA_GENERATE_H

#include <stdbool.h>
#include <stdint.h>

/* x: 28 * 28 values in [0,1]; label: 0..9. Depends on (seed, index) alone. */
void rd_product_image(uint64_t seed, uint64_t index, float *x, int *label);
const char *rd_product_name(int kind);

#endif
