/*
 * fourier.h - the discrete Fourier transform of any length, in float64.
 *
 * Powers of two by Cooley and Tukey's halving, other lengths as a convolution with a chirp
 * (Bluestein 1970), whose phases are taken of k^2 mod 2n: no angle grows large.
 */
#ifndef RD_GRAPH_FOURIER_H
#define RD_GRAPH_FOURIER_H

#include <stdbool.h>
#include <stddef.h>

enum { RD_FOURIER_MOST = 1 << 26 }; /* longest transform: the tables are that many times 56 bytes */

struct rd_fourier {
    size_t n, m;           /* length; of the transforms inside, a power of two */
    double *turn;          /* m / 2 complex: e^(-2 pi i k / m) */
    double *chirp;         /* n complex: e^(-pi i k^2 / n); NULL when n is a power of two */
    double *kernel, *work; /* m complex each */
};

/* Bytes that a plan for n needs; n in 1..RD_FOURIER_MOST. */
size_t rd_fourier_size(size_t n);
/* memory: rd_fourier_size(n) bytes, aligned for double. */
struct rd_fourier rd_fourier_make(size_t n, void *memory);
/*
 * v: n complex numbers (real, imaginary, ...), replaced by sum over t of v[t] e^(-2 pi i k t / n),
 * inverse: with e^(+...), not divided by n.
 */
void rd_fourier_run(const struct rd_fourier *f, double *v, bool inverse);
/* About how many operations that takes. */
double rd_fourier_flops(size_t n);

#endif
