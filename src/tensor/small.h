/*
 * small.h - element types of eight bits and fewer that ONNX stores: floats of 8 and 4 bits,
 * integers of 4 and 2 bits.
 *
 * In memory each element has a byte of its own: a float's bits, an integer sign-extended. Files
 * pack those of less than 8 bits, the first element in the lowest bits. Source: Micikevicius et al.
 * 2022, arXiv:2209.05433 (E4M3, E5M2); Noune et al. 2022, arXiv:2206.02915 (FNUZ); Rouhani et al.
 * 2023, OCP Microscaling Formats 1.0 (E2M1, E8M0).
 */
#ifndef RD_TENSOR_SMALL_H
#define RD_TENSOR_SMALL_H

#include "tensor/tensor.h"

enum rd_small_round { RD_SMALL_UP, RD_SMALL_DOWN, RD_SMALL_NEAREST }; /* of float8e8m0 alone */

/* How many bits an element takes in a file; 0 for other types. */
int rd_small_bits(enum rd_dtype t);
bool rd_small_is_int(enum rd_dtype t);
/* The value of an element, exactly. */
double rd_small_value(enum rd_dtype t, uint8_t element);
/*
 * The element nearest to v, ties to even; integers toward 0. What is out of range becomes the
 * largest of its sign when saturate is set, else infinity or NaN as far as the type has them.
 */
uint8_t rd_small_element(enum rd_dtype t, double v, bool saturate, enum rd_small_round round);
/* The low bits of v as an integer of the type. */
uint8_t rd_small_wrap(enum rd_dtype t, uint64_t v);

/* Bytes that n elements take in a file. */
size_t rd_small_packed(enum rd_dtype t, size_t n);
void rd_small_unpack(enum rd_dtype t, const uint8_t *from, uint8_t *to, size_t n);
/* to: rd_small_packed(t, n) bytes. */
void rd_small_pack(enum rd_dtype t, const uint8_t *from, uint8_t *to, size_t n);

#endif
