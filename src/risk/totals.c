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
    uint32_t *owner;     /* (groups, years) the plan whose loss stands */
};
struct job {
    struct rd_risk_model *m;
    const struct rd_risk_view *const *view;
    struct rd_risk_cache *cache;
    bool fill;
    struct rd_risk_totals *t;
    size_t *group; /* (plans) number of the group of several thefts, or NO_GROUP */
    size_t n_groups;
    struct worker *worker;
    size_t first; /* outer draw of chunk 0 */
};

static const size_t NO_GROUP = (size_t)-1;

static bool is_in_group(const struct rd_risk_model *m, size_t plan, int group)
{
    return !m->plan[plan].unquantified && m->plan[plan].group == group;
}

static rd_status number_groups(struct job *j, struct rd_arena *arena)
{
    const struct rd_risk_model *m = j->m;

    j->group = RD_NEW_ARRAY(arena, size_t, m->n_plans + 1);
    if (!j->group)
        return rd_run_no_memory(m->run, "the simulation");
    for (size_t i = 0; i < m->n_plans; i++)
        j->group[i] = NO_GROUP;
    for (size_t i = 0; i < m->n_plans; i++) {
        bool several = false;

        if (m->plan[i].unquantified || j->group[i] != NO_GROUP)
            continue;
        for (size_t k = i + 1; k < m->n_plans; k++)
            if (is_in_group(m, k, m->plan[i].group)) {
                j->group[k] = j->n_groups;
                several = true;
            }
        if (several)
            j->group[i] = j->n_groups++;
    }
    return RD_OK;
}

/* A year holds one theft of a model by one actor: the larger loss stands, the first on a tie. */
static void find_owners(const struct job *j, struct worker *w)
{
    const size_t years = j->m->years;

    for (size_t k = 0; k < j->n_groups * years; k++)
        w->owner[k] = UINT32_MAX;
    for (size_t i = 0; i < j->m->n_plans; i++) {
        uint32_t *owner;

        if (j->group[i] == NO_GROUP)
            continue;
        owner = w->owner + j->group[i] * years;
        for (size_t y = 0; y < years; y++)
            if (owner[y] == UINT32_MAX || w->loss[i][y] > w->loss[owner[y]][y])
                owner[y] = (uint32_t)i;
    }
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
    find_owners(j, w);
    for (size_t i = 0; i < m->n_plans; i++) { /* in the order of the file: sums have one order */
        const bool shared = j->group[i] != NO_GROUP;
        const uint32_t *owner = w->owner + (shared ? j->group[i] : 0) * m->years;
        const double *part;

        if (m->plan[i].unquantified) {
            t->plan_mean[i * m->outer + o] = 0;
            continue;
        }
        for (size_t y = 0; shared && y < m->years; y++)
            w->part[y] = owner[y] == i ? w->loss[i][y] : 0;
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
        w->owner = RD_NEW_ARRAY(arena, uint32_t, (j->n_groups + 1) * m->years);
        if (!w->row || !w->loss || !w->part || !w->owner)
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
    rd_status st = number_groups(&j, &arena);

    if (!st)
        st = new_workers(&j, &arena, rd_pool_threads(m->run->pool));
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
