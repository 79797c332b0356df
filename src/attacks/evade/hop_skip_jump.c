/*
 * hop-skip-jump - the nearest misclassified input, found from top-1 labels alone.
 *
 * Each example keeps a point on the boundary. One iteration t estimates the boundary's normal there
 * from the answers to B_t = B_0 sqrt(t) random probes,
 *
 *   g = 1/(B - 1) sum over b of (phi(x_t + delta u_b) - mean phi) u_b,    phi = +1 misclassified,
 * -1 not,
 *
 * goes ||x_t - x|| / sqrt(t) along g (L2) or sign g (Linf), halved until it is misclassified, and
 * comes back to the boundary by bisection toward x. All examples walk in step, so that the target
 * sees full batches; each has its own random stream and its own budget.
 *
 * Source: Chen, Jordan, Wainwright 2020, "HopSkipJumpAttack", arXiv:1904.02144, algorithm 2 and
 * appendix.
 */
#include "attacks/job.h"

#include <math.h>
#include <string.h>

struct hop_skip_jump {
    double eps;
    int64_t queries, evaluations, tries;
};

static const struct rd_option options[] = {
    RD_REAL(struct hop_skip_jump, eps, "eps", "0", 0, 1e6, "input units",
        "distance up to which it counts as success; 0: any, the distance is the result"),
    RD_INT(struct hop_skip_jump, queries, "queries", "10500", 10, 1e9, "rows",
        "rows that one example asks at most"),
    RD_INT(struct hop_skip_jump, evaluations, "evaluations", "100", 4, 100000, "rows",
        "probes of the first normal; their number grows with the root of the iteration"),
    RD_INT(struct hop_skip_jump, tries, "tries", "100", 1, 10000, "rows",
        "random inputs tried as a start"),
    RD_OPTION_END,
};

/* SEARCH: rows kept back for the way to the boundary after the last normal. HALVINGS: of a step. */
enum {
    ROWS_MOST = 4096,
    ROW_FLOATS = 2 << 20,
    BLOCK = 32,
    SEARCH = 30,
    PROBES_LEAST = 8,
    PROBES_MOST = 10000,
    HALVINGS = 20
};

struct walk {
    struct rd_run *run;
    const struct rd_oracle *oracle;
    const struct rd_evade_job *job;
    size_t inputs;
    double theta;               /* width at which bisection ends, as share of the way */
    uint64_t *left;             /* (n) rows each example may still ask */
    float *at;                  /* (n, inputs) misclassified, at the boundary */
    float *far;                 /* (n, inputs) misclassified, where bisection starts from */
    float *normal;              /* (n, inputs) */
    double *all, *wrong;        /* (n, inputs) sums of the probes: all, and those misclassified */
    double *dist;               /* (n) from x to at; infinity: no start was found */
    double *low, *high, *width; /* (n) of a bisection */
    size_t *active;             /* (n) */
    /* one call of the target */
    size_t room, n_rows;
    float *rows;   /* (room, inputs) */
    size_t *who;   /* (room) */
    uint64_t *key; /* (room) of each probe's random stream */
    double *reach; /* (room) of each probe */
    int *answer;   /* (room) */
};

static rd_status walk_new(struct rd_run *run, const struct rd_oracle *oracle,
    const struct rd_evade_job *job, const struct hop_skip_jump *o, struct walk *w)
{
    const size_t n = job->n, inputs = oracle->inputs, fit = ROW_FLOATS / inputs;
    struct rd_arena *a = run->scratch;
    const double d = (double)inputs;

    *w = (struct walk){ .run = run, .oracle = oracle, .job = job, .inputs = inputs };
    w->theta = job->norm == RD_L2 ? 1 / (d * sqrt(d)) : 1 / (d * d);
    if (w->theta > 1e-3)
        w->theta = 1e-3; /* a handful of inputs: the paper's theta would be a wide boundary */
    w->room = fit < 1 ? 1 : fit > ROWS_MOST ? ROWS_MOST : fit;
    w->left = RD_NEW_ARRAY(a, uint64_t, n);
    w->at = RD_NEW_ARRAY(a, float, n *inputs);
    w->far = RD_NEW_ARRAY(a, float, n *inputs);
    w->normal = RD_NEW_ARRAY(a, float, n *inputs);
    w->all = RD_NEW_ARRAY(a, double, n *inputs);
    w->wrong = RD_NEW_ARRAY(a, double, n *inputs);
    w->dist = RD_NEW_ARRAY(a, double, n);
    w->low = RD_NEW_ARRAY(a, double, n);
    w->high = RD_NEW_ARRAY(a, double, n);
    w->width = RD_NEW_ARRAY(a, double, n);
    w->active = RD_NEW_ARRAY(a, size_t, n);
    w->rows = RD_NEW_ARRAY(a, float, w->room *inputs);
    w->who = RD_NEW_ARRAY(a, size_t, w->room);
    w->key = RD_NEW_ARRAY(a, uint64_t, w->room);
    w->reach = RD_NEW_ARRAY(a, double, w->room);
    w->answer = RD_NEW_ARRAY(a, int, w->room);
    if (!w->left || !w->at || !w->far || !w->normal || !w->all || !w->wrong || !w->dist ||
        !w->low || !w->high || !w->width || !w->active || !w->rows || !w->who || !w->key ||
        !w->reach || !w->answer)
        return rd_run_no_memory(run, "the walk along the boundary");
    for (size_t e = 0; e < n; e++) {
        w->left[e] = job->rows < (uint64_t)o->queries ? job->rows : (uint64_t)o->queries;
        w->dist[e] = INFINITY;
    }
    return RD_OK;
}

/* --- asking --- */

static rd_status ask(struct walk *w)
{
    const struct rd_rows rows = { .x = w->rows, .n = w->n_rows, .who = w->who };
    rd_status st;

    if (!w->n_rows)
        return RD_OK;
    st = w->oracle->labels(w->oracle->self, &rows, w->answer, w->run->err);
    for (size_t i = 0; !st && i < w->n_rows; i++)
        w->left[w->who[i]]--;
    return st ? RD_WRAP(w->run->err, st, "asking about %zu rows", w->n_rows) : RD_OK;
}

static bool is_wrong(const struct walk *w, size_t row)
{
    return w->answer[row] != w->job->label[w->who[row]];
}

static float in_box(const struct walk *w, float v)
{
    return v < w->oracle->low ? w->oracle->low : v > w->oracle->high ? w->oracle->high : v;
}

static const float *original(const struct walk *w, size_t e)
{
    return w->job->x + e * w->inputs;
}

/* --- bisection toward the example --- */

/* share of the way from x (0) to far (1, or for Linf the distance) into row. */
static void blend(const struct walk *w, size_t e, double share, float *row)
{
    const float *x = original(w, e), *far = w->far + e * w->inputs;

    for (size_t i = 0; i < w->inputs; i++) {
        const double way = (double)far[i] - (double)x[i];
        const double v = w->job->norm == RD_L2 ? share * way
                         : way > share         ? share
                         : way < -share        ? -share
                                               : way;

        row[i] = in_box(w, (float)(x[i] + v));
    }
}

/* From far to the boundary, into at; dist is what it comes to. live (n). */
static rd_status search(struct walk *w, const size_t *live, size_t n)
{
    const bool is_l2 = w->job->norm == RD_L2;
    size_t n_active = n;
    rd_status st = RD_OK;

    for (size_t i = 0; i < n; i++) {
        const size_t e = w->active[i] = live[i];
        const float *far = w->far + e * w->inputs;

        w->low[e] = 0;
        w->high[e] = is_l2 ? 1 : rd_ball_distance(RD_LINF, original(w, e), far, w->inputs);
        w->width[e] = is_l2 ? w->theta : fmin(w->high[e] * w->theta, w->theta);
        if (w->width[e] < 1e-7)
            w->width[e] = 1e-7; /* beyond this float32 rows do not change */
        memcpy(w->at + e * w->inputs, far, w->inputs * sizeof *far);
    }
    while (!st && n_active) {
        size_t kept = 0;

        for (size_t i = 0; !st && i < n_active; i += w->n_rows) {
            w->n_rows = n_active - i < w->room ? n_active - i : w->room;
            for (size_t r = 0; r < w->n_rows; r++) {
                const size_t e = w->who[r] = w->active[i + r];

                blend(w, e, (w->low[e] + w->high[e]) / 2, w->rows + r * w->inputs);
            }
            st = ask(w);
            for (size_t r = 0; !st && r < w->n_rows; r++) {
                const size_t e = w->who[r];
                const double mid = (w->low[e] + w->high[e]) / 2;

                *(is_wrong(w, r) ? &w->high[e] : &w->low[e]) = mid;
                if (is_wrong(w, r))
                    memcpy(
                        w->at + e * w->inputs, w->rows + r * w->inputs, w->inputs * sizeof *w->at);
            }
        }
        for (size_t i = 0; i < n_active; i++) {
            const size_t e = w->active[i];

            if (w->high[e] - w->low[e] > w->width[e] && w->left[e])
                w->active[kept++] = e;
        }
        n_active = kept;
    }
    for (size_t i = 0; !st && i < n; i++)
        w->dist[live[i]] = rd_ball_distance(
            w->job->norm, original(w, live[i]), w->at + live[i] * w->inputs, w->inputs);
    return st;
}

/* --- a start --- */

/* Try number k of example e: even noise over the box. */
static void guess(const struct walk *w, size_t e, uint64_t k, float *row)
{
    const float low = w->oracle->low, high = w->oracle->high;
    struct rd_rng r =
        rd_rng_stream(w->run->seed, "hop-skip-jump/start", w->job->example[e] << 16 | k);

    for (size_t i = 0; i < w->inputs; i++)
        row[i] = low + (high - low) * rd_rng_unit_float(&r);
}

/* What noise does not reach: some targets call all noise one class. Made of the example alone. */
static bool disguise(const struct walk *w, size_t e, uint64_t kind, float *row)
{
    const float *x = original(w, e), low = w->oracle->low, high = w->oracle->high;
    const float flat[] = { low, high, (low + high) / 2 };

    if (kind >= 2 + sizeof flat / sizeof *flat)
        return false;
    for (size_t i = 0; i < w->inputs; i++)
        row[i] = kind == 0   ? in_box(w, low + (high - x[i])) /* its negative */
                 : kind == 1 ? x[w->inputs - 1 - i]           /* turned by 180 degrees */
                             : flat[kind - 2];
    return true;
}

/* Every example a misclassified far: noise, or the example in disguise. */
static rd_status starts(struct walk *w, const struct hop_skip_jump *o, size_t *live, size_t *n_out)
{
    const size_t n = w->job->n;
    size_t n_open = n;
    bool *found = RD_NEW_ARRAY(w->run->scratch, bool, n);
    size_t *open = RD_NEW_ARRAY(w->run->scratch, size_t, n);
    rd_status st = found && open ? RD_OK : rd_run_no_memory(w->run, "starts");

    for (size_t e = 0; !st && e < n; e++)
        open[e] = e;
    for (uint64_t k = 0; !st && n_open && k < (uint64_t)o->tries; k++) {
        size_t kept = 0;

        for (size_t i = 0; !st && i < n_open;) {
            w->n_rows = 0;
            for (; i < n_open && w->n_rows < w->room; i++) {
                float *row = w->rows + w->n_rows * w->inputs;

                if (!w->left[open[i]])
                    continue;
                if (k % 3 != 2 || !disguise(w, open[i], k / 3, row))
                    guess(w, open[i], k, row);
                w->who[w->n_rows++] = open[i];
            }
            st = ask(w);
            for (size_t r = 0; !st && r < w->n_rows; r++)
                if (is_wrong(w, r)) {
                    found[w->who[r]] = true;
                    memcpy(w->far + w->who[r] * w->inputs, w->rows + r * w->inputs,
                        w->inputs * sizeof *w->far);
                }
        }
        for (size_t i = 0; i < n_open; i++)
            if (!found[open[i]] && w->left[open[i]])
                open[kept++] = open[i];
        n_open = kept;
    }
    *n_out = 0;
    for (size_t e = 0; !st && e < n; e++)
        if (found[e])
            live[(*n_out)++] = e;
    return st;
}

/* --- the boundary's normal --- */

/* Sum of four bytes: near enough a normal variate, at a tenth of its price. */
static float bell(uint32_t word)
{
    return (float)((int)(word & 255) + (int)(word >> 8 & 255) + (int)(word >> 16 & 255) +
                   (int)(word >> 24) - 510);
}

/* Probes of one block of rows. */
static rd_status scatter(void *user, size_t block, size_t worker)
{
    const struct walk *w = user;
    const size_t end = (block + 1) * BLOCK < w->n_rows ? (block + 1) * BLOCK : w->n_rows;

    (void)worker;
    for (size_t r = block * BLOCK; r < end; r++) {
        const float *at = w->at + w->who[r] * w->inputs;
        float *row = w->rows + r * w->inputs;
        struct rd_rng rng = rd_rng_stream(w->run->seed, "hop-skip-jump/probe", w->key[r]);
        double norm = 0;
        float scale;

        for (size_t i = 0; i < w->inputs; i++) {
            row[i] =
                w->job->norm == RD_L2 ? bell(rd_rng_u32(&rng)) : 2 * rd_rng_unit_float(&rng) - 1;
            norm += (double)row[i] * row[i];
        }
        scale = norm > 0 ? (float)(w->reach[r] / sqrt(norm)) : 0;
        for (size_t i = 0; i < w->inputs; i++)
            row[i] = in_box(w, at[i] + scale * row[i]);
    }
    return RD_OK;
}

/* Add the answered rows to their examples' sums. */
static void add_up(struct walk *w, size_t *n_wrong)
{
    for (size_t r = 0; r < w->n_rows; r++) {
        const size_t e = w->who[r];
        const float *at = w->at + e * w->inputs, *row = w->rows + r * w->inputs;
        const double scale = 1 / w->reach[r];
        double *all = w->all + e * w->inputs, *wrong = w->wrong + e * w->inputs;
        const bool yes = is_wrong(w, r);

        n_wrong[e] += yes;
        for (size_t i = 0; i < w->inputs; i++) {
            const double u = scale * ((double)row[i] - (double)at[i]);

            all[i] += u;
            wrong[i] += yes ? u : 0;
        }
    }
}

static void set_normal(const struct walk *w, size_t e, size_t probes, size_t n_wrong)
{
    const double *all = w->all + e * w->inputs, *wrong = w->wrong + e * w->inputs;
    const double mean = 2 * (double)n_wrong / (double)probes - 1;
    const bool one_sided = !n_wrong || n_wrong == probes;
    float *g = w->normal + e * w->inputs;
    double norm = 0;

    for (size_t i = 0; i < w->inputs; i++) {
        const double sum = 2 * wrong[i] - all[i]; /* of phi u */

        g[i] = (float)(one_sided ? sum : sum - mean * all[i]);
        norm += (double)g[i] * g[i];
    }
    for (size_t i = 0; norm > 0 && i < w->inputs; i++)
        g[i] =
            w->job->norm == RD_L2 ? (float)(g[i] / sqrt(norm)) : (float)((g[i] > 0) - (g[i] < 0));
}

/* How far the probes of iteration t reach. */
static double reach_of(const struct walk *w, size_t e, uint64_t t)
{
    const double d = (double)w->inputs;
    const double wide = 0.1 * ((double)w->oracle->high - (double)w->oracle->low);
    const double reach =
        t == 1 ? wide : (w->job->norm == RD_L2 ? sqrt(d) : d) * w->theta * w->dist[e];

    return reach < 1e-6 ? 1e-6 : reach;
}

static rd_status normals(
    struct walk *w, const struct hop_skip_jump *o, uint64_t t, const size_t *live, size_t n)
{
    size_t *probes = RD_NEW_ARRAY(w->run->scratch, size_t, 2 * w->job->n);
    size_t *n_wrong = probes ? probes + w->job->n : NULL;
    rd_status st = probes ? RD_OK : rd_run_no_memory(w->run, "probes");
    size_t i = 0, k = 0;

    for (size_t j = 0; !st && j < n; j++) {
        const size_t e = live[j];
        const double wish = fmin((double)o->evaluations * sqrt((double)t), PROBES_MOST);
        const uint64_t may = w->left[e] - SEARCH;

        probes[e] = wish < (double)may ? (size_t)wish : (size_t)may;
        memset(w->all + e * w->inputs, 0, w->inputs * sizeof *w->all);
        memset(w->wrong + e * w->inputs, 0, w->inputs * sizeof *w->wrong);
    }
    while (!st && i < n) { /* rows of all examples one after another, in full calls */
        w->n_rows = 0;
        while (i < n && w->n_rows < w->room) {
            const size_t e = live[i], r = w->n_rows++;

            w->who[r] = e;
            w->key[r] = w->job->example[e] << 30 | (t & 0xffff) << 14 | k;
            w->reach[r] = reach_of(w, e, t);
            if (++k == probes[e]) {
                i++;
                k = 0;
            }
        }
        st = rd_pool_run(w->run->pool, (w->n_rows + BLOCK - 1) / BLOCK, scatter, w);
        if (!st)
            st = ask(w);
        if (!st)
            add_up(w, n_wrong);
    }
    for (size_t j = 0; !st && j < n; j++)
        set_normal(w, live[j], probes[live[j]], n_wrong[live[j]]);
    return st;
}

/* --- the step --- */

/* Along the normal, halved until misclassified, into far. Who finds none stays at the boundary. */
static rd_status step(struct walk *w, uint64_t t, const size_t *live, size_t n)
{
    size_t n_active = n;
    rd_status st = RD_OK;

    for (size_t i = 0; i < n; i++) {
        const size_t e = w->active[i] = live[i];

        w->high[e] = w->dist[e] / sqrt((double)t); /* its length */
        memcpy(w->far + e * w->inputs, w->at + e * w->inputs, w->inputs * sizeof *w->far);
    }
    for (int k = 0; !st && n_active && k < HALVINGS; k++) {
        size_t kept = 0;

        for (size_t i = 0; !st && i < n_active; i += w->n_rows) {
            w->n_rows = n_active - i < w->room ? n_active - i : w->room;
            for (size_t r = 0; r < w->n_rows; r++) {
                const size_t e = w->who[r] = w->active[i + r];
                const float *at = w->at + e * w->inputs, *g = w->normal + e * w->inputs;

                for (size_t c = 0; c < w->inputs; c++)
                    w->rows[r * w->inputs + c] =
                        in_box(w, (float)(at[c] + w->high[e] * (double)g[c]));
            }
            st = ask(w);
            for (size_t r = 0; !st && r < w->n_rows; r++) {
                const size_t e = w->who[r];

                if (is_wrong(w, r))
                    memcpy(w->far + e * w->inputs, w->rows + r * w->inputs,
                        w->inputs * sizeof *w->far);
                w->high[e] = is_wrong(w, r) ? 0 : w->high[e] / 2;
            }
        }
        for (size_t i = 0; i < n_active; i++)
            if (w->high[w->active[i]] > 0 && w->left[w->active[i]])
                w->active[kept++] = w->active[i];
        n_active = kept;
    }
    return st;
}

/* The nearest point so far is the proposal. */
static void keep_nearest(struct walk *w, double *best, const size_t *live, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const size_t e = live[i];

        if (!(w->dist[e] < best[e]))
            continue;
        best[e] = w->dist[e];
        memcpy(w->job->x_adv + e * w->inputs, w->at + e * w->inputs, w->inputs * sizeof *w->at);
    }
}

static rd_status evade(
    struct rd_run *run, const struct rd_oracle *oracle, const void *opts, struct rd_evade_job *job)
{
    const struct hop_skip_jump *o = opts;
    size_t *live = RD_NEW_ARRAY(run->scratch, size_t, job->n), n = 0;
    double *best = RD_NEW_ARRAY(run->scratch, double, job->n);
    struct walk w;
    rd_status st = live && best ? walk_new(run, oracle, job, o, &w)
                                : rd_run_no_memory(run, "the walk along the boundary");

    for (size_t e = 0; !st && e < job->n; e++)
        best[e] = INFINITY;
    if (!st)
        st = starts(&w, o, live, &n);
    if (!st)
        st = search(&w, live, n);
    if (!st)
        keep_nearest(&w, best, live, n);
    for (uint64_t t = 1; !st; t++) {
        size_t kept = 0;

        for (size_t i = 0; i < n; i++) /* who can pay for a normal and the way back */
            if (w.left[live[i]] >= SEARCH + PROBES_LEAST && w.dist[live[i]] > 0)
                live[kept++] = live[i];
        n = kept;
        if (!n)
            break;
        st = rd_run_step(run, "hop-skip-jump",
            (size_t)(o->queries - (int64_t)w.left[live[0]] < 0
                         ? 0
                         : o->queries - (int64_t)w.left[live[0]]),
            (size_t)o->queries);
        if (!st)
            st = normals(&w, o, t, live, n);
        if (!st)
            st = step(&w, t, live, n);
        if (!st)
            st = search(&w, live, n);
        if (!st)
            keep_nearest(&w, best, live, n);
    }
    return st ? RD_WRAP(run->err, st, "walking along the boundary") : RD_OK;
}

static void cost(const void *opts, size_t n, struct rd_cost *cost_out)
{
    const struct hop_skip_jump *o = opts;

    *cost_out = (struct rd_cost){ .rows = (double)o->queries * (double)n };
}

const struct rd_attack rd_attack_hop_skip_jump = {
    .abi = RD_ATTACK_ABI,
    .kind = RD_EVADE,
    .name = "hop-skip-jump",
    .version = 1,
    .summary = "nearest misclassified input from top-1 labels alone",
    .source = "Chen, Jordan, Wainwright 2020, arXiv:1904.02144, algorithm 2",
    .departs =
        "starts are noise, or the example disguised; probes are sums of four bytes (L2); the "
        "nearest point of the walk is kept, not the last",
    .atlas = "AML.T0043.001",
    .access = RD_ACCESS_LABELS,
    .norms = RD_L2 | RD_LINF,
    .minimizes = true,
    .options = options,
    .options_size = sizeof(struct hop_skip_jump),
    .evade = evade,
    .cost = cost,
};
