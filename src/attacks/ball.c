/*
 * ball.c - the ball about an example and the box of legal inputs, never left by a rounding.
 *
 * A bound x + eps rounded to float32 may lie a last place outside. Whoever checks a saved
 * adversarial example does so in float32 or in float64 arithmetic; so a value counts as inside only
 * when both say so.
 */
#include "attacks/job.h"

#include <math.h>
#include <string.h>

/* Is |v - x| <= eps, whichever arithmetic one takes? */
static bool near(float v, float x, double eps)
{
    return fabs((double)v - (double)x) <= eps && (double)fabsf(v - x) <= eps;
}

/* The float farthest from x toward x + eps (eps may be negative) that is near. */
static float bound(float x, double eps)
{
    float v = (float)((double)x + eps);

    while (!near(v, x, fabs(eps)))
        v = nextafterf(v, x);
    return v;
}

void rd_ball_bounds(
    double eps, const float *x, float low, float high, float *lo, float *hi, size_t inputs)
{
    for (size_t i = 0; i < inputs; i++) {
        const float a = bound(x[i], -eps), b = bound(x[i], eps);

        lo[i] = a > low ? a : low;
        hi[i] = b < high ? b : high;
    }
}

double rd_ball_distance(enum rd_norm norm, const float *x, const float *row, size_t inputs)
{
    double sum = 0, top = 0, count = 0, squares = 0;

    for (size_t i = 0; i < inputs; i++) {
        const double d = fabs((double)row[i] - (double)x[i]);

        sum += d;
        squares += d * d;
        count += d > 0;
        top = d > top ? d : top;
    }
    switch (norm) {
    case RD_L0:
        return count;
    case RD_L1:
        return sum;
    case RD_L2:
        return sqrt(squares);
    case RD_LINF:
        break;
    }
    return top;
}

/* Largest of the distances that float64 and float32 arithmetic see. */
static double widest_l2(const float *x, const float *row, size_t inputs)
{
    double wide = 0, narrow = 0;

    for (size_t i = 0; i < inputs; i++) {
        const double d = (double)row[i] - (double)x[i];
        const double f = (double)(row[i] - x[i]);

        wide += d * d;
        narrow += f * f;
    }
    return sqrt(wide > narrow ? wide : narrow);
}

static bool clip_box(float low, float high, float *row, size_t inputs)
{
    bool changed = false;

    for (size_t i = 0; i < inputs; i++) {
        const float v = row[i] < low ? low : row[i] > high ? high : row[i];

        changed |= v != row[i];
        row[i] = v;
    }
    return changed;
}

static bool clip_linf(double eps, const float *x, float *row, size_t inputs)
{
    bool changed = false;

    for (size_t i = 0; i < inputs; i++)
        if (!near(row[i], x[i], eps)) {
            row[i] = bound(x[i], row[i] > x[i] ? eps : -eps);
            changed = true;
        }
    return changed;
}

static bool clip_l2(double eps, const float *x, float *row, size_t inputs)
{
    double distance = widest_l2(x, row, inputs);
    const bool outside = distance > eps;

    /* Rounding the shrunk row may push it out again by a last place: then shrink a little more. */
    for (double slack = 1e-8; distance > eps && slack < 0.5; slack *= 2) {
        const double factor = eps / distance * (1 - slack);

        for (size_t i = 0; i < inputs; i++)
            row[i] = (float)((double)x[i] + factor * ((double)row[i] - (double)x[i]));
        distance = widest_l2(x, row, inputs);
    }
    if (distance > eps) /* eps below the spacing of floats about x */
        memcpy(row, x, inputs * sizeof *row);
    return outside;
}

bool rd_ball_clip(
    enum rd_norm norm, double eps, const float *x, float low, float high, float *row, size_t inputs)
{
    /* The box first would do as well for a box that holds x; the ball first keeps the direction. */
    bool changed = norm == RD_L2 ? clip_l2(eps, x, row, inputs) : clip_linf(eps, x, row, inputs);

    changed |= clip_box(low, high, row, inputs); /* moves toward x: the ball still holds it */
    return changed;
}

bool rd_ball_holds(enum rd_norm norm, double eps, const float *x, float low, float high,
    const float *row, size_t inputs)
{
    for (size_t i = 0; i < inputs; i++)
        if (!(row[i] >= low && row[i] <= high)) /* NaN too */
            return false;
    if (norm == RD_L2)
        return widest_l2(x, row, inputs) <= eps;
    for (size_t i = 0; i < inputs; i++)
        if (!near(row[i], x[i], eps))
            return false;
    return true;
}

size_t rd_evade_live(const struct rd_evade_job *job, size_t *live)
{
    size_t n = 0;

    for (size_t i = 0; i < job->n; i++)
        if (!job->done[i])
            live[n++] = i;
    return n;
}

void rd_evade_pack(
    const float *all, const size_t *live, size_t n_live, size_t inputs, float *packed)
{
    for (size_t i = 0; i < n_live; i++)
        memcpy(packed + i * inputs, all + live[i] * inputs, inputs * sizeof *packed);
}
