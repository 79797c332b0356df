/* fourier.c - see fourier.h. */
#include "graph/fourier.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

static bool is_power(size_t n)
{
    return (n & (n - 1)) == 0;
}

static size_t inner_length(size_t n)
{
    size_t m = 1;

    if (is_power(n))
        return n;
    while (m < 2 * n - 1)
        m *= 2;
    return m;
}

size_t rd_fourier_size(size_t n)
{
    const size_t m = inner_length(n), complex_size = 2 * sizeof(double);

    return (m / 2 + 1 + (is_power(n) ? 0 : n + 2 * m)) * complex_size;
}

double rd_fourier_flops(size_t n)
{
    const size_t m = inner_length(n);
    double levels = 1;

    for (size_t k = m; k > 1; k /= 2)
        levels++;
    return (is_power(n) ? 5 : 12) * (double)m * levels;
}

/* v of m complex, a power of two: put in the order of reversed bits, then halves joined from 2 up.
 */
static void halve(const struct rd_fourier *f, double *v, size_t m)
{
    for (size_t i = 1, j = 0; i < m; i++) {
        size_t bit = m >> 1;

        for (; j & bit; bit >>= 1)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            const double re = v[2 * i], im = v[2 * i + 1];

            v[2 * i] = v[2 * j];
            v[2 * i + 1] = v[2 * j + 1];
            v[2 * j] = re;
            v[2 * j + 1] = im;
        }
    }
    for (size_t half = 1; half < m; half *= 2) {
        const size_t step = f->m / (2 * half);

        for (size_t low = 0; low < m; low += 2 * half)
            for (size_t k = 0; k < half; k++) {
                double *const a = v + 2 * (low + k), *const b = v + 2 * (low + k + half);
                const double *const w = f->turn + 2 * k * step;
                const double re = b[0] * w[0] - b[1] * w[1], im = b[0] * w[1] + b[1] * w[0];

                b[0] = a[0] - re;
                b[1] = a[1] - im;
                a[0] += re;
                a[1] += im;
            }
    }
}

struct rd_fourier rd_fourier_make(size_t n, void *memory)
{
    struct rd_fourier f = { .n = n, .m = inner_length(n), .turn = memory };

    for (size_t k = 0; k < f.m / 2; k++) {
        const double angle = 2 * PI * (double)k / (double)f.m;

        f.turn[2 * k] = cos(angle);
        f.turn[2 * k + 1] = -sin(angle);
    }
    if (is_power(n))
        return f;
    f.chirp = f.turn + 2 * (f.m / 2 + 1);
    f.kernel = f.chirp + 2 * n;
    f.work = f.kernel + 2 * f.m;
    for (size_t k = 0; k < n; k++) {
        const double angle = PI * (double)((uint64_t)k * k % (2 * (uint64_t)n)) / (double)n;

        f.chirp[2 * k] = cos(angle);
        f.chirp[2 * k + 1] = -sin(angle);
    }
    memset(f.kernel, 0, 2 * f.m * sizeof(*f.kernel));
    for (size_t k = 0; k < n; k++) { /* the conjugate chirp, at k and -k */
        const size_t other = k ? f.m - k : 0;

        f.kernel[2 * k] = f.kernel[2 * other] = f.chirp[2 * k] / (double)f.m;
        f.kernel[2 * k + 1] = f.kernel[2 * other + 1] = -f.chirp[2 * k + 1] / (double)f.m;
    }
    halve(&f, f.kernel, f.m);
    return f;
}

static void multiply(double *a, const double *b)
{
    const double re = a[0] * b[0] - a[1] * b[1], im = a[0] * b[1] + a[1] * b[0];

    a[0] = re;
    a[1] = im;
}

static void swap_parts(double *v, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        const double re = v[2 * k];

        v[2 * k] = v[2 * k + 1];
        v[2 * k + 1] = re;
    }
}

/* The inverse is the transform with real and imaginary parts swapped before and after. */
void rd_fourier_run(const struct rd_fourier *f, double *v, bool inverse)
{
    if (inverse)
        swap_parts(v, f->n);
    if (!f->chirp) {
        halve(f, v, f->n);
    } else {
        memset(f->work, 0, 2 * f->m * sizeof(*f->work));
        for (size_t k = 0; k < f->n; k++) {
            multiply(v + 2 * k, f->chirp + 2 * k);
            memcpy(f->work + 2 * k, v + 2 * k, 2 * sizeof(*v));
        }
        halve(f, f->work, f->m);
        for (size_t k = 0; k < f->m; k++)
            multiply(f->work + 2 * k, f->kernel + 2 * k);
        swap_parts(f->work, f->m);
        halve(f, f->work, f->m);
        swap_parts(f->work, f->m);
        for (size_t k = 0; k < f->n; k++) {
            memcpy(v + 2 * k, f->work + 2 * k, 2 * sizeof(*v));
            multiply(v + 2 * k, f->chirp + 2 * k);
        }
    }
    if (inverse)
        swap_parts(v, f->n);
}
