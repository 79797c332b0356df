/* synthetic.c - pictures of nothing: strokes, blobs, smooth noise, even noise. */
#include "attacks/synthetic.h"

#include <math.h>
#include <stddef.h>

enum { SIDE_LEAST = 8, GRID = 5, STROKES = 5, BLOBS = 4 };

struct canvas {
    float *at; /* (height, width), 0 .. 1 */
    int64_t height, width;
};

static double unit(struct rd_rng *r)
{
    return rd_rng_unit(r);
}

/* Lighten every pixel within thick of the segment, softly at its edge. */
static void stroke(const struct canvas *c, const double a[2], const double b[2], double thick)
{
    const double along[] = { b[0] - a[0], b[1] - a[1] };
    const double length = along[0] * along[0] + along[1] * along[1];

    for (int64_t y = 0; y < c->height; y++)
        for (int64_t x = 0; x < c->width; x++) {
            const double to[] = { (double)y - a[0], (double)x - a[1] };
            double t = length > 0 ? (to[0] * along[0] + to[1] * along[1]) / length : 0;
            double away;
            float *v = &c->at[y * c->width + x];

            t = t < 0 ? 0 : t > 1 ? 1 : t;
            away = hypot(to[0] - t * along[0], to[1] - t * along[1]);
            away = 1 - (away - thick); /* 1 inside, falling to 0 over a pixel */
            away = away < 0 ? 0 : away > 1 ? 1 : away;
            *v = (float)away > *v ? (float)away : *v;
        }
}

/* A pen that is put down once and goes through a few points of the middle. */
static void strokes(struct rd_rng *r, const struct canvas *c)
{
    const size_t n = 1 + (size_t)rd_rng_below(r, STROKES);
    const double thick = (0.5 + unit(r)) * (double)c->height / 28;
    double a[2];

    for (size_t i = 0; i <= n; i++) {
        const double b[] = { (0.15 + 0.7 * unit(r)) * (double)c->height,
            (0.2 + 0.6 * unit(r)) * (double)c->width };

        if (i)
            stroke(c, a, b, thick);
        a[0] = b[0];
        a[1] = b[1];
    }
}

static void blobs(struct rd_rng *r, const struct canvas *c)
{
    const size_t n = 1 + (size_t)rd_rng_below(r, BLOBS);

    for (size_t i = 0; i < n; i++) {
        const double y0 = unit(r) * (double)c->height, x0 = unit(r) * (double)c->width;
        const double ry = (0.05 + 0.3 * unit(r)) * (double)c->height;
        const double rx = (0.05 + 0.3 * unit(r)) * (double)c->width, strong = unit(r);

        for (int64_t y = 0; y < c->height; y++)
            for (int64_t x = 0; x < c->width; x++) {
                const double dy = ((double)y - y0) / ry, dx = ((double)x - x0) / rx;

                if (dy * dy + dx * dx <= 1)
                    c->at[y * c->width + x] = (float)strong;
            }
    }
}

/* A coarse grid of random values, bilinear between them, stretched to the whole range. */
static void smooth(struct rd_rng *r, const struct canvas *c)
{
    double grid[GRID][GRID];

    for (size_t i = 0; i < GRID; i++)
        for (size_t k = 0; k < GRID; k++)
            grid[i][k] = 1.6 * unit(r) - 0.3;
    for (int64_t y = 0; y < c->height; y++)
        for (int64_t x = 0; x < c->width; x++) {
            const double gy = (double)y * (GRID - 1) / (double)c->height;
            const double gx = (double)x * (GRID - 1) / (double)c->width;
            const size_t i = (size_t)gy, k = (size_t)gx;
            const double fy = gy - (double)i, fx = gx - (double)k;
            const double v = (1 - fy) * ((1 - fx) * grid[i][k] + fx * grid[i][k + 1]) +
                             fy * ((1 - fx) * grid[i + 1][k] + fx * grid[i + 1][k + 1]);

            c->at[y * c->width + x] = (float)(v < 0 ? 0 : v > 1 ? 1 : v);
        }
}

static void even(struct rd_rng *r, float *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        at[i] = rd_rng_unit_float(r);
}

static void paint(struct rd_rng *r, uint64_t kind, const struct canvas *c)
{
    const size_t n = (size_t)(c->height * c->width);

    for (size_t i = 0; i < n; i++)
        c->at[i] = 0;
    if (kind < 5)
        strokes(r, c);
    else if (kind < 7)
        blobs(r, c);
    else if (kind < 9)
        smooth(r, c);
    else
        even(r, c->at, n);
}

/* Half even over the box, half about its middle. */
static void point(struct rd_rng *r, float *row, size_t n)
{
    const bool middle = rd_rng_u32(r) & 1;

    even(r, row, n);
    for (size_t i = 0; middle && i < n; i++)
        row[i] = (row[i] + rd_rng_unit_float(r) + rd_rng_unit_float(r)) / 3;
}

void rd_synthetic(struct rd_rng *r, const int64_t *dim, int ndim, float low, float high, float *row)
{
    const bool image =
        (ndim == 2 || ndim == 3) && dim[ndim - 1] >= SIDE_LEAST && dim[ndim - 2] >= SIDE_LEAST;
    const size_t planes = image && ndim == 3 ? (size_t)dim[0] : 1;
    const uint64_t kind = rd_rng_below(r, 10);
    size_t n = 1;

    for (int i = 0; i < ndim; i++)
        n *= (size_t)dim[i];
    if (!image)
        point(r, row, n);
    for (size_t p = 0; image && p < planes; p++) {
        const struct canvas c = { row + p * (n / planes), dim[ndim - 2], dim[ndim - 1] };

        paint(r, kind, &c);
    }
    for (size_t i = 0; i < n; i++)
        row[i] = low + (high - low) * row[i];
}
