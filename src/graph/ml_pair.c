/* ml_pair.c - see ml_pair.h. */
#include "graph/ml_pair.h"

#include <math.h>
#include <string.h>

enum { ROUNDS = 100 };

size_t rd_ml_pair_room(size_t k)
{
    return (k + 1) * (k + 2) + k * k;
}

static void quadratic(const double *r, double *q, size_t k)
{
    for (size_t i = 0; i < k; i++) {
        q[i * k + i] = 0;
        for (size_t j = 0; j < k; j++) {
            if (j == i)
                continue;
            q[i * k + i] += r[j * k + i] * r[j * k + i];
            q[i * k + j] = -r[j * k + i] * r[i * k + j];
        }
    }
}

void rd_ml_pair(const double *r, double *p, size_t k, double *room)
{
    double *const q = room, *const qp = room + k * k;
    const double settled = 0.005 / (double)k;

    quadratic(r, q, k);
    for (size_t i = 0; i < k; i++)
        p[i] = 1 / (double)k;
    for (int round = 0; round < ROUNDS; round++) {
        double pqp = 0, error = 0;

        for (size_t i = 0; i < k; i++) {
            qp[i] = 0;
            for (size_t j = 0; j < k; j++)
                qp[i] += q[i * k + j] * p[j];
            pqp += p[i] * qp[i];
        }
        for (size_t i = 0; i < k; i++)
            error = fabs(qp[i] - pqp) > error ? fabs(qp[i] - pqp) : error;
        if (error < settled)
            break;
        for (size_t i = 0; i < k; i++) {
            const double step = (pqp - qp[i]) / q[i * k + i], scale = 1 / (1 + step);

            p[i] += step;
            pqp = (pqp + step * (step * q[i * k + i] + 2 * qp[i])) * scale * scale;
            for (size_t j = 0; j < k; j++) {
                qp[j] = (qp[j] + step * q[i * k + j]) * scale;
                p[j] *= scale;
            }
        }
    }
}

/* a (n, n + 1), its last column the right side; becomes the solution there. */
static int solve(double *a, size_t n)
{
    const size_t w = n + 1;

    for (size_t i = 0; i < n; i++) {
        size_t pivot = i;

        for (size_t j = i + 1; j < n; j++)
            if (fabs(a[j * w + i]) > fabs(a[pivot * w + i]))
                pivot = j;
        if (!(fabs(a[pivot * w + i]) > 1e-14))
            return -1;
        for (size_t c = i; c < w && pivot != i; c++) {
            const double swap = a[i * w + c];

            a[i * w + c] = a[pivot * w + c];
            a[pivot * w + c] = swap;
        }
        for (size_t j = 0; j < n; j++) {
            const double factor = a[j * w + i] / a[i * w + i];

            for (size_t c = i; c < w && j != i; c++)
                a[j * w + c] -= factor * a[i * w + c];
        }
    }
    for (size_t i = 0; i < n; i++)
        a[i * w + n] /= a[i * w + i];
    return 0;
}

/*
 * At the minimum Q p + b 1 = 0 and 1' p = 1. Differentiated and taken with the solution (u, v) of
 * the same symmetric system for the right side (g, 0): d loss = -u' dQ p.
 */
void rd_ml_pair_back(
    const double *r, const double *p, const double *g, double *dr, size_t k, double *room)
{
    double *const q = room, *const a = room + k * k;
    const size_t n = k + 1, w = n + 1;

    memset(dr, 0, k * k * sizeof(*dr));
    quadratic(r, q, k);
    for (size_t i = 0; i < k; i++) {
        memcpy(a + i * w, q + i * k, k * sizeof(*a));
        a[i * w + k] = a[k * w + i] = 1;
        a[i * w + n] = g[i];
    }
    a[k * w + k] = a[k * w + n] = 0;
    if (solve(a, n))
        return;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++) {
            const double u = a[i * w + n], v = a[j * w + n];

            if (i != j)
                dr[j * k + i] = -2 * u * p[i] * r[j * k + i] + (u * p[j] + v * p[i]) * r[i * k + j];
        }
}
