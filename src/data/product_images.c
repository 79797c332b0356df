/*
 * product_images.c - ten kinds of product, drawn: a data set that nobody has to download.
 *
 * Each picture is 28x28 gray in [0,1]: a product made of a few primitives, deformed (each number
 * jittered), turned, stretched, sheared and moved; filled with a texture; in front of a shaded
 * background with clutter before and behind it; dark on light or light on dark; with noise. Hard
 * enough that a small network makes mistakes.
 *
 * Example i depends on (seed, i) alone. Only + - * / and sqrt are used, so the same bytes come out
 * everywhere.
 */
#include "data/generate.h"

#include "base/rng.h"

#include <math.h>

enum { SIDE = 28, KINDS = 10, PARTS = 7 };

/* Object space: x right, y down, both in -1..1. Distances are negative inside. */
enum shape { NONE, BOX, DISC, RING, STROKE, TRAPEZOID };
struct part {
    enum shape shape;
    bool hole;
    /* BOX: center, half sizes, corner radius. DISC: center, radius. RING: center, radius, half
     * width. STROKE: two ends, half width. TRAPEZOID: center, half height, half width above, half
     * width below. */
    double p[5];
};

static const struct {
    const char *name;
    struct part part[PARTS];
} products[KINDS] = {
    { "mug", { { BOX, false, { -0.15, 0.05, 0.45, 0.55, 0.08 } },
                 { RING, false, { 0.42, 0.05, 0.27, 0.08 } } } },
    { "bottle", { { BOX, false, { 0, 0.25, 0.30, 0.60, 0.12 } },
                    { BOX, false, { 0, -0.55, 0.11, 0.30, 0.03 } },
                    { BOX, false, { 0, -0.85, 0.15, 0.07, 0.02 } } } },
    { "shirt", { { BOX, false, { 0, 0.15, 0.42, 0.62, 0.04 } },
                   { STROKE, false, { -0.40, -0.36, -0.78, 0.05, 0.15 } },
                   { STROKE, false, { 0.40, -0.36, 0.78, 0.05, 0.15 } },
                   { DISC, true, { 0, -0.50, 0.17 } } } },
    { "trousers", { { TRAPEZOID, false, { 0, -0.60, 0.20, 0.36, 0.42 } },
                      { STROKE, false, { -0.22, -0.40, -0.30, 0.80, 0.16 } },
                      { STROKE, false, { 0.22, -0.40, 0.30, 0.80, 0.16 } } } },
    { "shoe", { { BOX, false, { 0.05, 0.45, 0.75, 0.12, 0.06 } },
                  { TRAPEZOID, false, { -0.30, 0.05, 0.40, 0.30, 0.45 } },
                  { STROKE, false, { -0.10, 0.10, 0.62, 0.34, 0.15 } } } },
    { "bag", { { TRAPEZOID, false, { 0, 0.30, 0.45, 0.50, 0.70 } },
                 { RING, false, { 0, -0.22, 0.36, 0.07 } },
                 { BOX, true, { 0, 0.22, 0.12, 0.06, 0.02 } } } },
    { "chair", { { BOX, false, { -0.42, -0.35, 0.09, 0.55, 0.03 } },
                   { BOX, false, { 0, 0.15, 0.50, 0.09, 0.03 } },
                   { BOX, false, { -0.42, 0.55, 0.08, 0.38, 0.02 } },
                   { BOX, false, { 0.42, 0.55, 0.08, 0.38, 0.02 } } } },
    { "lamp", { { TRAPEZOID, false, { 0, -0.50, 0.32, 0.26, 0.55 } },
                  { BOX, false, { 0, 0.20, 0.06, 0.50, 0.02 } },
                  { BOX, false, { 0, 0.76, 0.36, 0.08, 0.04 } } } },
    { "phone",
        { { BOX, false, { 0, 0, 0.40, 0.80, 0.10 } }, { BOX, true, { 0, -0.06, 0.29, 0.56, 0.02 } },
            { DISC, true, { 0, 0.66, 0.06 } } } },
    { "clock", { { RING, false, { 0, 0, 0.66, 0.10 } }, { STROKE, false, { 0, 0, 0, -0.46, 0.06 } },
                   { STROKE, false, { 0, 0, 0.32, 0.14, 0.06 } } } },
};

const char *rd_product_name(int kind)
{
    return kind >= 0 && kind < KINDS ? products[kind].name : "?";
}

static double clamp(double v, double low, double high)
{
    return v < low ? low : v > high ? high : v;
}

static double in_range(struct rd_rng *r, double low, double high)
{
    return low + (high - low) * rd_rng_unit(r);
}

static double length(double x, double y)
{
    return sqrt(x * x + y * y);
}

static double distance(const struct part *s, double x, double y)
{
    const double *p = s->p;

    switch (s->shape) {
    case BOX: {
        const double dx = fabs(x - p[0]) - p[2] + p[4], dy = fabs(y - p[1]) - p[3] + p[4];

        return length(dx > 0 ? dx : 0, dy > 0 ? dy : 0) + fmin(fmax(dx, dy), 0) - p[4];
    }
    case DISC:
        return length(x - p[0], y - p[1]) - p[2];
    case RING:
        return fabs(length(x - p[0], y - p[1]) - p[2]) - p[3];
    case STROKE: {
        const double vx = p[2] - p[0], vy = p[3] - p[1];
        const double t = ((x - p[0]) * vx + (y - p[1]) * vy) / (vx * vx + vy * vy + 1e-9);
        const double c = clamp(t, 0, 1);

        return length(x - p[0] - c * vx, y - p[1] - c * vy) - p[4];
    }
    case TRAPEZOID: {
        const double t = clamp((y - p[1] + p[2]) / (2 * p[2]), 0, 1);

        return fmax(fabs(x - p[0]) - (p[3] + t * (p[4] - p[3])), fabs(y - p[1]) - p[2]);
    }
    case NONE:
        break;
    }
    return 1e9;
}

/* How much of a pixel the product covers: 0..1, with an edge about a pixel wide. */
static double coverage(const struct part part[PARTS], double x, double y, double pixel)
{
    double d = 1e9, hole = 1e9;

    for (int i = 0; i < PARTS && part[i].shape != NONE; i++) {
        const double here = distance(&part[i], x, y);

        if (part[i].hole)
            hole = fmin(hole, here);
        else
            d = fmin(d, here);
    }
    d = fmax(d, -hole);
    return clamp(0.5 - d / pixel, 0, 1);
}

struct scene {
    struct part part[PARTS];
    double a, b, c, d, tx, ty; /* picture -> object space */
    double pixel;              /* size of a pixel in object space */
    double ink, paper, shade_x, shade_y;
    int texture;
    double tex_x, tex_y, tex_depth;
    struct part clutter[4];
    int n_clutter, n_front;
    double clutter_ink[4];
    double noise;
};

/* sine and cosine of a turn by 2 atan(t), without a library. */
static void turn(double t, double *sine, double *cosine)
{
    *sine = 2 * t / (1 + t * t);
    *cosine = (1 - t * t) / (1 + t * t);
}

static void place(struct scene *s, struct rd_rng *r)
{
    const double scale = in_range(r, 0.74, 1.05);
    const double stretch = in_range(r, 0.84, 1.2), shear = in_range(r, -0.12, 0.12);
    const double wide = scale * sqrt(stretch), tall = scale / sqrt(stretch);
    double sine, cosine;

    turn(in_range(r, -0.12, 0.12), &sine, &cosine); /* up to about 14 degrees either way */
    s->a = (cosine + shear * sine) / wide;
    s->b = (sine - shear * cosine) / wide;
    s->c = -sine / tall;
    s->d = cosine / tall;
    if (rd_rng_below(r, 2)) { /* seen in a mirror */
        s->a = -s->a;
        s->b = -s->b;
    }
    s->tx = in_range(r, -0.12, 0.12);
    s->ty = in_range(r, -0.12, 0.12);
    s->pixel = 2.0 / SIDE / scale;
}

static void paint(struct scene *s, struct rd_rng *r)
{
    const double contrast = in_range(r, 0.34, 0.68);

    s->paper = in_range(r, 0.12, 0.88 - contrast);
    s->ink = s->paper + contrast;
    if (rd_rng_below(r, 2)) {
        const double t = s->ink;

        s->ink = s->paper;
        s->paper = t;
    }
    s->shade_x = in_range(r, -0.16, 0.16);
    s->shade_y = in_range(r, -0.16, 0.16);
    s->texture = (int)rd_rng_below(r, 4);
    s->tex_x = in_range(r, 2.5, 6.5);
    s->tex_y = in_range(r, 2.5, 6.5);
    s->tex_depth = in_range(r, 0.05, 0.36) * contrast;
    s->noise = in_range(r, 0.02, 0.11);
}

static void scatter(struct scene *s, struct rd_rng *r)
{
    s->n_clutter = (int)rd_rng_below(r, 4);
    s->n_front = (int)rd_rng_below(r, 2);
    for (int i = 0; i < s->n_clutter; i++) {
        struct part *p = &s->clutter[i];
        const double x = in_range(r, -1, 1), y = in_range(r, -1, 1);

        *p = (struct part){ .shape = rd_rng_below(r, 2) ? STROKE : DISC };
        if (p->shape == STROKE)
            *p = (struct part){ STROKE, false,
                { x, y, x + in_range(r, -0.8, 0.8), y + in_range(r, -0.8, 0.8),
                    in_range(r, 0.03, 0.09) } };
        else
            *p = (struct part){ DISC, false, { x, y, in_range(r, 0.06, 0.24) } };
        s->clutter_ink[i] = in_range(r, 0.05, 0.95);
    }
}

static double pattern(const struct scene *s, double x, double y)
{
    const double u = x * s->tex_x, v = y * s->tex_y;
    const double stripe = fabs(u - floor(u) - 0.5) * 4 - 1, band = fabs(v - floor(v) - 0.5) * 4 - 1;

    switch (s->texture) {
    case 1:
        return s->tex_depth * stripe;
    case 2:
        return s->tex_depth * band;
    case 3:
        return s->tex_depth * stripe * band;
    default:
        return 0;
    }
}

static double pixel_at(const struct scene *s, int row, int column, struct rd_rng *noise)
{
    const double px = (column + 0.5) * 2 / SIDE - 1, py = (row + 0.5) * 2 / SIDE - 1;
    const double qx = px - s->tx, qy = py - s->ty;
    const double x = s->a * qx + s->b * qy, y = s->c * qx + s->d * qy;
    const double seen = coverage(s->part, x, y, s->pixel);
    double v = s->paper + s->shade_x * px + s->shade_y * py, jitter = -2;

    for (int i = s->n_front; i < s->n_clutter; i++) {
        const double c = clamp(0.5 - distance(&s->clutter[i], px, py) * SIDE / 2, 0, 1);

        v += c * 0.5 * (s->clutter_ink[i] - v);
    }
    v += seen * (s->ink + pattern(s, x, y) - v);
    for (int i = 0; i < s->n_front && i < s->n_clutter; i++) {
        const double c = clamp(0.5 - distance(&s->clutter[i], px, py) * SIDE / 2, 0, 1);

        v += c * 0.8 * (s->clutter_ink[i] - v);
    }
    for (int i = 0; i < 4; i++)
        jitter += rd_rng_unit(noise); /* four uniforms: near enough to a bell */
    return clamp(v + s->noise * jitter, 0, 1);
}

void rd_product_image(uint64_t seed, uint64_t index, float *x, int *label)
{
    struct rd_rng r = rd_rng_stream(seed, "data/product-images", index);
    struct rd_rng noise = rd_rng_stream(seed, "data/product-images/noise", index);
    struct scene s = { .n_clutter = 0 };
    const int kind = (int)rd_rng_below(&r, KINDS);

    for (int i = 0; i < PARTS; i++) {
        s.part[i] = products[kind].part[i];
        for (int k = 0; k < 5; k++)
            s.part[i].p[k] += in_range(&r, -0.07, 0.07) * (k < 4 ? 1 : 0.4);
    }
    place(&s, &r);
    paint(&s, &r);
    scatter(&s, &r);
    for (int row = 0; row < SIDE; row++)
        for (int column = 0; column < SIDE; column++)
            *x++ = (float)pixel_at(&s, row, column, &noise);
    *label = kind;
}
