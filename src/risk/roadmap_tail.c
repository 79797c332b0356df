/*
 * roadmap_tail.c - years of each unit of loss, without and with each candidate: a sample of the
 * draws, since every set is weighed on all of it.
 */
#include "risk/roadmap_model.h"

#include <string.h>

enum { DRAWS = 50, YEARS = 200, YEARS_LEAST = 40 };
static const double SAMPLE_BYTES = 256 << 20;

struct sampler {
    struct rd_roadmap_work *w;
    struct rd_risk_scratch scratch;
    double **row; /* (plans) of (years) of the model, for one draw */
};

/* The plans of one group at draw o, under the views given (NULL: the base), added into out. */
static rd_status unit_years(
    struct sampler *s, int group, const struct rd_roadmap_draw *d, size_t o, double *out)
{
    struct rd_risk_model *m = s->w->m;
    struct rd_risk_level_out unused;

    for (size_t i = 0; i < m->n_plans; i++) {
        const struct rd_risk_plan *p = &m->plan[i];
        const struct rd_risk_view *v = &p->base;
        rd_status st;

        if (p->unquantified || p->group != group)
            continue;
        for (size_t k = 0; d && k < d->n_plans; k++)
            if (d->plan[k] == i)
                v = &d->view[k];
        st = rd_risk_level_run(m, p, v, o, false, &s->scratch, s->row[i], &unused, m->run->err);
        if (st)
            return st;
    }
    /* One theft of a model in a year: the larger loss stands (totals.c). */
    for (size_t y = 0; y < s->w->sample_years; y++) {
        double most = 0;

        for (size_t i = 0; i < m->n_plans; i++)
            if (!m->plan[i].unquantified && m->plan[i].group == group && s->row[i][y] > most)
                most = s->row[i][y];
        out[y] = most;
    }
    return RD_OK;
}

static rd_status fill_rows(
    struct sampler *s, int group, const struct rd_roadmap_draw *d, double **row_out)
{
    struct rd_roadmap_work *w = s->w;
    rd_status st = RD_OK;

    *row_out = RD_NEW_ARRAY(w->heavy, double, w->sample_draws * w->sample_years);
    if (!*row_out)
        return rd_run_no_memory(w->m->run, "the roadmap");
    for (size_t g = 0; !st && g < w->sample_draws; g++)
        st = unit_years(
            s, group, d, g * w->m->outer / w->sample_draws, *row_out + g * w->sample_years);
    return st ? st : rd_run_step(w->m->run, "weighing controls", w->m->done, w->m->todo);
}

static rd_status new_sampler(struct sampler *s)
{
    struct rd_risk_model *m = s->w->m;
    rd_status st = rd_risk_scratch_new(m, s->w->heavy, &s->scratch);

    s->row = RD_NEW_ARRAY(s->w->heavy, double *, m->n_plans + 1);
    if (!st && !s->row)
        return rd_run_no_memory(m->run, "the roadmap");
    for (size_t i = 0; !st && i < m->n_plans; i++) {
        if (m->plan[i].unquantified)
            continue;
        s->row[i] = RD_NEW_ARRAY(s->w->heavy, double, m->years);
        if (!s->row[i])
            st = rd_run_no_memory(m->run, "the roadmap");
    }
    return st;
}

/* What no candidate touches is one more unit: the tail is of everything together. */
static rd_status rest_years(struct sampler *s, double **row_out)
{
    struct rd_roadmap_work *w = s->w;
    const struct rd_risk_model *m = w->m;
    const size_t n = w->sample_draws * w->sample_years;
    double *sum = RD_NEW_ARRAY(w->heavy, double, n), *one;

    if (!sum)
        return rd_run_no_memory(m->run, "the roadmap");
    for (size_t i = 0; i < m->n_plans; i++) {
        bool first = true;
        rd_status st;

        for (size_t k = 0; k < i; k++)
            first = first && (m->plan[k].unquantified || m->plan[k].group != m->plan[i].group);
        if (m->plan[i].unquantified || !first || w->unit_of[m->plan[i].group] != (size_t)-1)
            continue;
        st = fill_rows(s, m->plan[i].group, NULL, &one);
        if (st)
            return st;
        for (size_t y = 0; y < n; y++)
            sum[y] += one[y];
    }
    *row_out = sum;
    return RD_OK;
}

rd_status rd_roadmap_tail(struct rd_roadmap_work *w)
{
    struct sampler s = { .w = w };
    const size_t effects = w->pick.first[w->n];
    double **base, **with, *means;
    size_t n;
    rd_status st;

    w->sample_draws = DRAWS;
    w->sample_years = w->m->years < YEARS ? w->m->years : YEARS;
    while (
        w->sample_years > YEARS_LEAST &&
        (double)(w->sample_draws * w->sample_years * (effects + w->pick.units)) * 8 > SAMPLE_BYTES)
        w->sample_years /= 2;
    n = w->sample_draws * w->sample_years;
    base = RD_NEW_ARRAY(w->heavy, double *, w->pick.units + 1);
    means = RD_NEW_ARRAY(w->heavy, double, w->pick.units + 1);
    with = RD_NEW_ARRAY(w->heavy, double *, effects + 1);
    w->pick.year_total = RD_NEW_ARRAY(w->heavy, double, n);
    w->pick.year_sorted = RD_NEW_ARRAY(w->heavy, double, n);
    if (!base || !means || !with || !w->pick.year_total || !w->pick.year_sorted)
        return rd_run_no_memory(w->m->run, "the roadmap");
    st = new_sampler(&s);
    for (size_t i = 0; !st && i < w->n; i++) {
        const struct rd_roadmap_draw *d = w->item[i].draw;

        for (size_t k = 0; !st && d && k < d->n_units; k++) {
            const size_t u = w->unit_of[d->group[k]];

            if (!base[u])
                st = fill_rows(&s, d->group[k], NULL, &base[u]);
            if (!st)
                st = fill_rows(&s, d->group[k], d, &with[w->pick.first[i] + k]);
        }
    }
    if (!st)
        st = rest_years(&s, &base[w->pick.units]);
    if (st)
        return st;
    memcpy(means, w->pick.base, w->pick.units * sizeof *means);
    w->pick.base = means; /* the rest: its mean decides nothing, since nobody touches it */
    w->pick.base_years = (const double *const *)base;
    w->pick.effect_years = (const double *const *)with;
    w->pick.units++;
    w->pick.years = w->sample_years;
    w->pick.groups = w->pick.n_groups = w->sample_draws;
    w->pick.level = rd_risk_tail_at[0];
    rd_pick_prepare(&w->pick);
    return RD_OK;
}
