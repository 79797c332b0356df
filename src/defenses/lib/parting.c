#include "defenses/lib/parting.h"

#include "base/rng.h"
#include "stats/special.h"

#include <math.h>
#include <string.h>

enum {
    POWER_STEPS = 24,
    KMEANS_STARTS = 5,
    KMEANS_STEPS = 50,
    REFINE_STEPS = 30,
    SILHOUETTE = 400
};

/* --- principal components: block power iteration, then Jacobi on the small matrix --- */

static void orthonormal(double *v, size_t width, size_t dims)
{
    for (size_t a = 0; a < dims; a++) {
        double *va = v + a * width, norm = 0;

        for (int twice = 0; twice < 2; twice++)
            for (size_t b = 0; b < a; b++) {
                const double *vb = v + b * width;
                double dot = 0;

                for (size_t i = 0; i < width; i++)
                    dot += va[i] * vb[i];
                for (size_t i = 0; i < width; i++)
                    va[i] -= dot * vb[i];
            }
        for (size_t i = 0; i < width; i++)
            norm += va[i] * va[i];
        norm = sqrt(norm);
        for (size_t i = 0; i < width; i++)
            va[i] = norm > 1e-150 ? va[i] / norm : 0;
    }
}

/* z = (x - mean) v, then v = (x - mean)^T z. */
struct power {
    const float *x;
    const double *mean;
    size_t n, width, dims;
    double *v, *z;
};

static void project(const struct power *p)
{
    double offset[RD_PARTING_DIMS_MAX];

    for (size_t a = 0; a < p->dims; a++) {
        offset[a] = 0;
        for (size_t i = 0; i < p->width; i++)
            offset[a] += p->mean[i] * p->v[a * p->width + i];
    }
    for (size_t r = 0; r < p->n; r++)
        for (size_t a = 0; a < p->dims; a++) {
            const float *x = p->x + r * p->width;
            const double *v = p->v + a * p->width;
            double dot = 0;

            for (size_t i = 0; i < p->width; i++)
                dot += (double)x[i] * v[i];
            p->z[r * p->dims + a] = dot - offset[a];
        }
}

static void back(const struct power *p)
{
    double sum[RD_PARTING_DIMS_MAX] = { 0 };

    memset(p->v, 0, p->dims * p->width * sizeof *p->v);
    for (size_t r = 0; r < p->n; r++)
        for (size_t a = 0; a < p->dims; a++) {
            const double z = p->z[r * p->dims + a];
            const float *x = p->x + r * p->width;
            double *v = p->v + a * p->width;

            sum[a] += z;
            for (size_t i = 0; i < p->width; i++)
                v[i] += z * (double)x[i];
        }
    for (size_t a = 0; a < p->dims; a++)
        for (size_t i = 0; i < p->width; i++)
            p->v[a * p->width + i] -= sum[a] * p->mean[i];
}

/* Turns the scores onto the axes of their own covariance, largest variance first. */
static void align(double *z, size_t n, size_t d)
{
    double c[RD_PARTING_DIMS_MAX][RD_PARTING_DIMS_MAX] = { { 0 } };
    double u[RD_PARTING_DIMS_MAX][RD_PARTING_DIMS_MAX] = { { 0 } };
    size_t order[RD_PARTING_DIMS_MAX];

    for (size_t r = 0; r < n; r++)
        for (size_t a = 0; a < d; a++)
            for (size_t b = 0; b < d; b++)
                c[a][b] += z[r * d + a] * z[r * d + b];
    for (size_t a = 0; a < d; a++) {
        u[a][a] = 1;
        order[a] = a;
    }
    for (int sweep = 0; sweep < 30; sweep++)
        for (size_t a = 0; a < d; a++)
            for (size_t b = a + 1; b < d; b++) {
                if (fabs(c[a][b]) <= 1e-14 * sqrt(fabs(c[a][a] * c[b][b])))
                    continue;
                const double theta = (c[b][b] - c[a][a]) / (2 * c[a][b]);
                const double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
                const double cosine = 1 / sqrt(t * t + 1), sine = t * cosine;

                for (size_t k = 0; k < d; k++) {
                    const double x = c[k][a], y = c[k][b];

                    c[k][a] = cosine * x - sine * y;
                    c[k][b] = sine * x + cosine * y;
                }
                for (size_t k = 0; k < d; k++) {
                    const double x = c[a][k], y = c[b][k], p = u[k][a], q = u[k][b];

                    c[a][k] = cosine * x - sine * y;
                    c[b][k] = sine * x + cosine * y;
                    u[k][a] = cosine * p - sine * q;
                    u[k][b] = sine * p + cosine * q;
                }
            }
    for (size_t a = 1; a < d; a++)
        for (size_t b = a; b > 0 && c[order[b]][order[b]] > c[order[b - 1]][order[b - 1]]; b--) {
            const size_t keep = order[b];

            order[b] = order[b - 1];
            order[b - 1] = keep;
        }
    for (size_t r = 0; r < n; r++) {
        double row[RD_PARTING_DIMS_MAX];

        memcpy(row, z + r * d, d * sizeof *row);
        for (size_t a = 0; a < d; a++) {
            z[r * d + a] = 0;
            for (size_t k = 0; k < d; k++)
                z[r * d + a] += row[k] * u[k][order[a]];
        }
    }
}

rd_status rd_components(struct rd_run *run, const float *x, size_t n, size_t width, size_t dims,
    uint64_t seed, uint64_t index, double *z)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_rng rng = rd_rng_stream(seed, "components", index);
    double *mean = RD_NEW_ARRAY(&arena, double, width + 1);
    struct power p = { .x = x, .mean = mean, .n = n, .width = width, .dims = dims, .z = z };

    p.v = rd_arena_alloc(&arena, dims * width + 1, sizeof(double));
    if (!mean || !p.v) {
        rd_arena_release(&arena);
        return rd_run_no_memory(run, "principal components");
    }
    for (size_t r = 0; r < n; r++)
        for (size_t i = 0; i < width; i++)
            mean[i] += (double)x[r * width + i] / (double)n;
    for (size_t i = 0; i < dims * width; i++)
        p.v[i] = rd_rng_unit(&rng) - 0.5;
    for (int step = 0; step < POWER_STEPS; step++) {
        orthonormal(p.v, width, dims);
        project(&p);
        back(&p);
    }
    orthonormal(p.v, width, dims);
    project(&p);
    align(z, n, dims);
    rd_arena_release(&arena);
    return RD_OK;
}

/* --- groups --- */

struct groups {
    const double *z;
    size_t n, d, least;
    bool *in;      /* (n) of the split that is tried */
    double *along; /* (n) */
    double cut[2]; /* mean of each group along the discriminant, and what lies between */
    double between, spread;
};

static double squared(const double *a, const double *b, size_t d)
{
    double sum = 0;

    for (size_t i = 0; i < d; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

static size_t count(const bool *in, size_t n)
{
    size_t k = 0;

    for (size_t i = 0; i < n; i++)
        k += in[i];
    return k;
}

/* 2-means from a k-means++ start (Arthur, Vassilvitskii 2007); the sum of squares, or infinity. */
static double two_means(struct groups *g, struct rd_rng *rng)
{
    double center[2][RD_PARTING_DIMS_MAX], all = 0, sum = INFINITY, pick;
    size_t at = rd_rng_below(rng, g->n);

    memcpy(center[0], g->z + at * g->d, g->d * sizeof(double));
    for (size_t i = 0; i < g->n; i++)
        all += squared(g->z + i * g->d, center[0], g->d);
    pick = rd_rng_unit(rng) * all;
    for (at = 0; at + 1 < g->n && pick > 0; at++)
        pick -= squared(g->z + at * g->d, center[0], g->d);
    memcpy(center[1], g->z + at * g->d, g->d * sizeof(double));
    for (int step = 0; step < KMEANS_STEPS; step++) {
        double mean[2][RD_PARTING_DIMS_MAX] = { { 0 } }, size[2] = { 0 }, now = 0;

        for (size_t i = 0; i < g->n; i++) {
            const double a = squared(g->z + i * g->d, center[0], g->d);
            const double b = squared(g->z + i * g->d, center[1], g->d);

            g->in[i] = b < a;
            now += b < a ? b : a;
            size[b < a]++;
            for (size_t k = 0; k < g->d; k++)
                mean[b < a][k] += g->z[i * g->d + k];
        }
        if (size[0] < 1 || size[1] < 1)
            return INFINITY;
        for (int c = 0; c < 2; c++)
            for (size_t k = 0; k < g->d; k++)
                center[c][k] = mean[c][k] / size[c];
        if (!(now < sum))
            break;
        sum = now;
    }
    return sum;
}

/* Solves a x = b, a symmetric positive (d, d), in place; false when it is not. */
static bool solve(double a[RD_PARTING_DIMS_MAX][RD_PARTING_DIMS_MAX], double *b, size_t d)
{
    for (size_t k = 0; k < d; k++) {
        if (!(a[k][k] > 1e-300))
            return false;
        for (size_t i = k + 1; i < d; i++) {
            const double f = a[i][k] / a[k][k];

            for (size_t j = k; j < d; j++)
                a[i][j] -= f * a[k][j];
            b[i] -= f * b[k];
        }
    }
    for (size_t k = d; k-- > 0;) {
        for (size_t j = k + 1; j < d; j++)
            b[k] -= a[k][j] * b[j];
        b[k] /= a[k][k];
    }
    return true;
}

/* Fisher's discriminant of the groups as they are; their Mahalanobis distance, or 0. */
static double discriminant(struct groups *g)
{
    double mean[2][RD_PARTING_DIMS_MAX] = { { 0 } }, w[RD_PARTING_DIMS_MAX];
    double c[RD_PARTING_DIMS_MAX][RD_PARTING_DIMS_MAX] = { { 0 } }, trace = 0, apart = 0;
    double size[2] = { 0 }, sum[2] = { 0 }, spread = 0;

    size[1] = (double)count(g->in, g->n);
    size[0] = (double)g->n - size[1];
    if (size[0] < (double)g->least || size[1] < (double)g->least)
        return 0;
    for (size_t i = 0; i < g->n; i++)
        for (size_t k = 0; k < g->d; k++)
            mean[g->in[i]][k] += g->z[i * g->d + k] / size[g->in[i]];
    for (size_t i = 0; i < g->n; i++)
        for (size_t a = 0; a < g->d; a++)
            for (size_t b = 0; b <= a; b++)
                c[a][b] += (g->z[i * g->d + a] - mean[g->in[i]][a]) *
                           (g->z[i * g->d + b] - mean[g->in[i]][b]) / (double)g->n;
    for (size_t a = 0; a < g->d; a++)
        trace += c[a][a];
    for (size_t a = 0; a < g->d; a++) {
        for (size_t b = 0; b < a; b++)
            c[b][a] = c[a][b];
        c[a][a] += 1e-3 * trace / (double)g->d; /* so that a flat direction is no miracle */
        w[a] = mean[1][a] - mean[0][a];
    }
    if (!solve(c, w, g->d))
        return 0;
    for (size_t a = 0; a < g->d; a++)
        apart += w[a] * (mean[1][a] - mean[0][a]);
    for (size_t i = 0; i < g->n; i++) {
        g->along[i] = 0;
        for (size_t a = 0; a < g->d; a++)
            g->along[i] += w[a] * g->z[i * g->d + a];
        sum[g->in[i]] += g->along[i] / size[g->in[i]];
    }
    for (size_t i = 0; i < g->n; i++)
        spread += (g->along[i] - sum[g->in[i]]) * (g->along[i] - sum[g->in[i]]) / (double)g->n;
    g->cut[0] = sum[0];
    g->cut[1] = sum[1];
    g->spread = spread;
    g->between = (sum[0] + sum[1]) / 2;
    if (sum[1] > sum[0])
        g->between -= spread * rd_log(size[1] / size[0]) / (sum[1] - sum[0]);
    return apart > 0 ? sqrt(apart) : 0;
}

/* Until every row stands on its own side. */
static double refine(struct groups *g)
{
    double apart = discriminant(g);

    for (int step = 0; step < REFINE_STEPS && apart > 0; step++) {
        bool moved = false;

        for (size_t i = 0; i < g->n; i++) {
            const bool side = g->along[i] > g->between;

            moved |= side != g->in[i];
            g->in[i] = side;
        }
        if (!moved)
            break;
        apart = discriminant(g);
    }
    return apart;
}

/* The same split but for one row in 20, whichever group is called second. */
static bool alike(const struct rd_parting *s, const bool *in)
{
    size_t differ = 0;

    for (size_t i = 0; i < s->n; i++)
        differ += s->second[i] != in[i];
    return differ * 20 <= s->n || (s->n - differ) * 20 <= s->n;
}

/* Into the list, which is sorted; one entry for each split. */
static void keep_best(struct groups *g, struct rd_parting *list, size_t *n)
{
    const double apart = refine(g);
    size_t at;

    if (!(apart > 0))
        return;
    for (at = 0; at < *n && !alike(&list[at], g->in); at++)
        ;
    if (at < *n && !(apart > list[at].separation))
        return;
    if (at == *n) {
        if (*n < RD_PARTINGS_MAX)
            ++*n;
        else if (!(apart > list[--at].separation))
            return;
    }
    list[at].separation = apart;
    memcpy(list[at].second, g->in, g->n * sizeof *g->in);
    for (size_t i = 0; i < g->n; i++) {
        const double scale = g->spread > 0 ? (g->cut[1] - g->cut[0]) / g->spread : 0;

        list[at].posterior[i] = rd_logistic(scale * (g->along[i] - g->between));
    }
    for (; at > 0 && list[at].separation > list[at - 1].separation; at--) {
        const struct rd_parting other = list[at];

        list[at] = list[at - 1];
        list[at - 1] = other;
    }
}

/* z[., k] above its quantile p (below: under 1 - p). */
static void side(struct groups *g, size_t k, double share, bool above)
{
    const size_t want = (size_t)(share * (double)g->n);
    double low = INFINITY, high = -INFINITY;

    for (size_t i = 0; i < g->n; i++) {
        low = fmin(low, g->z[i * g->d + k]);
        high = fmax(high, g->z[i * g->d + k]);
    }
    for (int half = 0; half < 40; half++) { /* bisection: no need to sort */
        const double cut = (low + high) / 2;
        size_t n = 0;

        for (size_t i = 0; i < g->n; i++) {
            g->in[i] = above ? g->z[i * g->d + k] > cut : g->z[i * g->d + k] < cut;
            n += g->in[i];
        }
        if ((n > want) == above)
            low = cut;
        else
            high = cut;
    }
}

static double silhouette(const struct groups *g, const struct rd_parting *s)
{
    const size_t skip = (g->n + SILHOUETTE - 1) / SILHOUETTE;
    double sum = 0;
    size_t n = 0;

    for (size_t i = 0; i < g->n; i += skip) {
        double mean[2] = { 0 }, size[2] = { 0 }, own, other;

        for (size_t j = 0; j < g->n; j++)
            if (j != i) {
                mean[s->second[j]] += sqrt(squared(g->z + i * g->d, g->z + j * g->d, g->d));
                size[s->second[j]]++;
            }
        own = size[s->second[i]] > 0 ? mean[s->second[i]] / size[s->second[i]] : 0;
        other = size[!s->second[i]] > 0 ? mean[!s->second[i]] / size[!s->second[i]] : 0;
        if (own > 0 || other > 0)
            sum += (other - own) / fmax(own, other);
        n++;
    }
    return n ? sum / (double)n : 0;
}

/* The smaller group is the second; then what is said of the split. */
static void finish(struct groups *g, struct rd_parting *s)
{
    s->n_second = count(s->second, s->n);
    if (s->n_second > s->n - s->n_second) {
        s->n_second = s->n - s->n_second;
        for (size_t i = 0; i < s->n; i++) {
            s->second[i] = !s->second[i];
            s->posterior[i] = 1 - s->posterior[i];
        }
    }
    s->silhouette = silhouette(g, s);
}

static void search(
    struct groups *g, struct rd_rng *rng, bool *means, struct rd_parting *list, size_t *n_list)
{
    double sum = INFINITY;

    for (int start = 0; start < KMEANS_STARTS; start++) {
        const double now = two_means(g, rng);

        if (now < sum) {
            sum = now;
            memcpy(means, g->in, g->n * sizeof *means);
        }
    }
    memcpy(g->in, means, g->n * sizeof *means);
    keep_best(g, list, n_list);
    for (size_t k = 0; k < g->d; k++)
        for (int way = 0; way < 3; way++) {
            side(g, k, way ? 0.15 : 0.5, way != 2);
            keep_best(g, list, n_list);
        }
}

rd_status rd_part_two(struct rd_run *run, const float *x, size_t n, size_t width, size_t dims,
    size_t least, uint64_t seed, uint64_t index, struct rd_arena *arena,
    struct rd_parting *split_out, size_t *n_out)
{
    struct rd_rng rng = rd_rng_stream(seed, "split", index);
    struct groups g = { .n = n, .least = least > 2 ? least : 2 };
    bool *means = RD_NEW_ARRAY(arena, bool, n + 1);
    double *z;
    rd_status st;

    *n_out = 0;
    dims = dims < RD_PARTING_DIMS_MAX ? dims : RD_PARTING_DIMS_MAX;
    g.d = dims < width ? dims : width;
    z = rd_arena_alloc(arena, n * g.d + 1, sizeof(double));
    g.in = RD_NEW_ARRAY(arena, bool, n + 1);
    g.along = RD_NEW_ARRAY(arena, double, n + 1);
    if (!z || !g.in || !means || !g.along)
        return rd_run_no_memory(run, "clusters");
    for (int i = 0; i < RD_PARTINGS_MAX; i++) {
        split_out[i] = (struct rd_parting){ .n = n };
        split_out[i].second = RD_NEW_ARRAY(arena, bool, n + 1);
        split_out[i].posterior = RD_NEW_ARRAY(arena, double, n + 1);
        if (!split_out[i].second || !split_out[i].posterior)
            return rd_run_no_memory(run, "clusters");
    }
    g.z = z;
    if (n < 2 * g.least || !g.d)
        return RD_OK;
    st = rd_components(run, x, n, width, g.d, seed, index, z);
    if (st)
        return st;
    search(&g, &rng, means, split_out, n_out);
    for (size_t i = 0; i < *n_out; i++)
        finish(&g, &split_out[i]);
    return RD_OK;
}
