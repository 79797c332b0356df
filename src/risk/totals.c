/* totals.c - all scenarios together, year by year, under one configuration of controls. */
#include "risk/model.h"
#include "stats/interval.h"

#include <math.h>
#include <string.h>

enum { BATCH = 100 }; /* outer draws between two looks at step() */

struct worker {
    struct rd_risk_scratch scratch;
    double *row;         /* (plans, years) where there is no cache */
    const double **loss; /* (plans) the rows of this draw */
    double *part;        /* (years) of one scenario, after the one-theft rule */
};
struct job {
    struct rd_risk_model *m;
    const struct rd_risk_view *const *view;
    struct rd_risk_cache *cache;
    bool fill;
    struct rd_risk_totals *t;
    struct worker *worker;
    size_t first; /* outer draw of chunk 0 */
};

/* A year holds one theft of a model by one actor: the larger loss stands, the first on a tie. */
static bool stands(const struct job *j, const double *const *loss, size_t plan, size_t year)
{
    const struct rd_risk_plan *p = j->m->plan;

    for (size_t k = 0; k < j->m->n_plans; k++)
        if (k != plan && !p[k].unquantified && p[k].group == p[plan].group &&
            (loss[k][year] > loss[plan][year] || (loss[k][year] == loss[plan][year] && k < plan)))
            return false;
    return true;
}

static bool shares_group(const struct rd_risk_model *m, size_t plan)
{
    for (size_t k = 0; k < m->n_plans; k++)
        if (k != plan && !m->plan[k].unquantified && m->plan[k].group == m->plan[plan].group)
            return true;
    return false;
}

/* Losses of plan i at draw o: from the cache, or simulated. */
static rd_status plan_years(
    struct job *j, struct worker *w, size_t i, size_t o, struct rd_error *err)
{
    struct rd_risk_model *m = j->m;
    const struct rd_risk_plan *p = &m->plan[i];
    const struct rd_risk_view *view = j->view && j->view[i] ? j->view[i] : NULL;
    struct rd_risk_level_out *out = &j->t->level[i * m->outer + o];
    double *kept = j->cache->loss[i] ? j->cache->loss[i] + o * m->years : NULL;
    double *row = w->row + i * m->years;
    rd_status st;

    if (!view && kept && !j->fill) {
        w->loss[i] = kept;
        *out = j->cache->level[i * m->outer + o];
        return RD_OK;
    }
    if (j->fill && kept)
        row = kept;
    st = rd_risk_level_run(m, p, view ? view : &p->base, o, j->fill, &w->scratch, row, out, err);
    if (j->fill)
        j->cache->level[i * m->outer + o] = *out;
    w->loss[i] = row;
    return st;
}

static rd_status one_draw(struct job *j, struct worker *w, size_t o, struct rd_error *err)
{
    struct rd_risk_model *m = j->m;
    struct rd_risk_totals *t = j->t;
    double *total = t->loss + o * m->years;

    memset(total, 0, m->years * sizeof *total);
    for (size_t i = 0; i < m->n_plans; i++) {
        rd_status st;

        if (m->plan[i].unquantified)
            continue;
        st = plan_years(j, w, i, o, err);
        if (st)
            return st;
    }
    for (size_t i = 0; i < m->n_plans; i++) { /* in the order of the file: sums have one order */
        const bool shared = !m->plan[i].unquantified && shares_group(m, i);
        const double *part;

        if (m->plan[i].unquantified) {
            t->plan_mean[i * m->outer + o] = 0;
            continue;
        }
        for (size_t y = 0; shared && y < m->years; y++)
            w->part[y] = stands(j, w->loss, i, y) ? w->loss[i][y] : 0;
        part = shared ? w->part : w->loss[i];
        for (size_t y = 0; y < m->years; y++)
            total[y] += part[y];
        t->plan_mean[i * m->outer + o] =
            shared ? rd_mean(part, m->years) : t->level[i * m->outer + o].mean;
    }
    t->mean[o] = rd_mean(total, m->years);
    t->variance[o] = rd_variance(total, m->years);
    return RD_OK;
}

static rd_status chunk(void *user, size_t index, size_t worker)
{
    struct job *j = user;

    return one_draw(j, &j->worker[worker], j->first + index, NULL);
}

static rd_status new_workers(struct job *j, struct rd_arena *arena, size_t n)
{
    const struct rd_risk_model *m = j->m;

    j->worker = RD_NEW_ARRAY(arena, struct worker, n);
    if (!j->worker)
        return rd_run_no_memory(m->run, "the simulation");
    for (size_t i = 0; i < n; i++) {
        struct worker *w = &j->worker[i];
        const rd_status st = rd_risk_scratch_new(m, arena, &w->scratch);

        if (st)
            return st;
        w->row = RD_NEW_ARRAY(arena, double, (m->n_plans + 1) * m->years);
        w->loss = RD_NEW_ARRAY(arena, const double *, m->n_plans + 1);
        w->part = RD_NEW_ARRAY(arena, double, m->years);
        if (!w->row || !w->loss || !w->part)
            return rd_run_no_memory(m->run, "the simulation");
    }
    return RD_OK;
}

/* Chunks say only their status; the first draw that failed is done again, here, to hear why. */
static rd_status explain(struct job *j, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const rd_status st = one_draw(j, &j->worker[0], j->first + i, j->m->run->err);

        if (st)
            return st;
    }
    return RD_FAIL(j->m->run->err, RD_E_BUG, "a draw failed once and not again");
}

rd_status rd_risk_totals_run(struct rd_risk_model *m, const struct rd_risk_view *const *view,
    struct rd_risk_cache *cache, bool fill, struct rd_risk_totals *t)
{
    struct job j = { .m = m, .view = view, .cache = cache, .fill = fill, .t = t };
    struct rd_arena arena = RD_ARENA_INIT;
    rd_status st = new_workers(&j, &arena, rd_pool_threads(m->run->pool));

    for (; !st && j.first < m->outer; j.first += BATCH) {
        const size_t n = m->outer - j.first < BATCH ? m->outer - j.first : BATCH;

        st = rd_pool_run(m->run->pool, n, chunk, &j);
        if (st && st != RD_E_CANCELED)
            st = explain(&j, n);
        if (!st)
            st = rd_run_step(m->run, "simulating losses", m->done += n, m->todo);
    }
    rd_arena_release(&arena);
    return st;
}

rd_status rd_risk_totals_new(
    const struct rd_risk_model *m, struct rd_arena *arena, struct rd_risk_totals *t)
{
    t->loss = RD_NEW_ARRAY(arena, double, m->outer * m->years);
    t->mean = RD_NEW_ARRAY(arena, double, m->outer);
    t->variance = RD_NEW_ARRAY(arena, double, m->outer);
    t->plan_mean = RD_NEW_ARRAY(arena, double, (m->n_plans + 1) * m->outer);
    t->level = RD_NEW_ARRAY(arena, struct rd_risk_level_out, (m->n_plans + 1) * m->outer);
    if (!t->loss || !t->mean || !t->variance || !t->plan_mean || !t->level)
        return rd_run_no_memory(m->run, "the simulation");
    return RD_OK;
}
