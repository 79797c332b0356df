/* inputs.c - the uncertain parameters: one entry a name, one draw each for every outer draw. */
#include "risk/model.h"
#include "stats/special.h"

#include <string.h>

enum { FIXED_PER_ENTRY = 8, INPUTS_PER_SCENARIO = 16 };

rd_status rd_risk_inputs_init(struct rd_risk_inputs *in, const struct rd_system *system,
    struct rd_arena *arena, struct rd_error *err)
{
    *in = (struct rd_risk_inputs){ .arena = arena, .err = err };
    in->cap = system->n_scenarios * INPUTS_PER_SCENARIO + system->n_assets + system->n_actors +
              system->n_controls * RD_COSTS + 2;
    in->cap_fixed = (system->n_scenarios + system->n_controls) * FIXED_PER_ENTRY + 1;
    in->item = RD_NEW_ARRAY(arena, struct rd_risk_input, in->cap);
    in->fixed = RD_NEW_ARRAY(arena, struct rd_risk_number, in->cap_fixed);
    if (!in->item || !in->fixed)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory for the parameters");
    return RD_OK;
}

static struct rd_risk_number number_of(
    const char *name, const char *unit, const char *role, const struct rd_uncertain *u)
{
    return (struct rd_risk_number){ name, unit, role, u->low, u->high, u->provenance, u->by,
        u->date, u->source };
}

rd_status rd_risk_input_add(struct rd_risk_inputs *in, const char *name, const char *unit,
    const char *role, const struct rd_uncertain *u, int *index_out)
{
    struct rd_risk_input *input;
    rd_status st;

    for (size_t i = 0; i < in->n; i++)
        if (!strcmp(in->item[i].number.name, name)) {
            *index_out = (int)i;
            return RD_OK;
        }
    if (in->n == in->cap)
        return RD_FAIL(in->err, RD_E_BUG, "no room for parameter '%s'", name);
    input = &in->item[in->n];
    input->number = number_of(name, unit, role, u);
    st = rd_range_fit(!strcmp(unit, "probability"), u->low, u->high, &input->dist, in->err);
    if (st)
        return RD_WRAP(in->err, st, "'%s' (line %d)", name, u->at.line);
    *index_out = (int)in->n++;
    return RD_OK;
}

bool rd_risk_input_observe(
    struct rd_risk_inputs *in, int index, double events, double years, double seen)
{
    struct rd_risk_input *input = &in->item[index];
    const struct rd_range_dist prior = input->dist;
    double spread, shape, watched;

    if (prior.spread != RD_SPREAD_LOGNORMAL)
        return false;
    /* Squared coefficient of variation of a lognormal; a gamma's is 1 / shape. */
    spread = rd_exp(prior.sigma * prior.sigma) - 1;
    rd_rate_update(
        1 / spread, 1 / spread / rd_range_mean(&prior), events, years, seen, &shape, &watched);
    input->dist = (struct rd_range_dist){ RD_SPREAD_GAMMA, shape, watched };
    input->number.low = rd_range_quantile(&input->dist, 0.05);
    input->number.high = rd_range_quantile(&input->dist, 0.95);
    input->number.provenance = RD_PROV_OBSERVED;
    return true;
}

rd_status rd_risk_number_add(struct rd_risk_inputs *in, const char *name, const char *unit,
    const char *role, const struct rd_uncertain *u)
{
    for (size_t i = 0; i < in->n_fixed; i++)
        if (!strcmp(in->fixed[i].name, name))
            return RD_OK;
    if (in->n_fixed == in->cap_fixed)
        return RD_FAIL(in->err, RD_E_BUG, "no room for number '%s'", name);
    in->fixed[in->n_fixed++] = number_of(name, unit, role, u);
    return RD_OK;
}

/* McKay, Beckman, Conover 1979: one draw in each of `outer` slices of equal probability, in
 * shuffled order. */
static rd_status draw_one(struct rd_risk_input *input, struct rd_risk_inputs *in, uint64_t seed,
    size_t outer, size_t *slice)
{
    const char *shuffle = rd_arena_printf(in->arena, "risk/slice/%s", input->number.name);
    const char *place = rd_arena_printf(in->arena, "risk/draw/%s", input->number.name);
    struct rd_rng rng;

    input->x = RD_NEW_ARRAY(in->arena, double, outer);
    if (!input->x || !shuffle || !place)
        return RD_FAIL(in->err, RD_E_MEMORY, "out of memory for the parameters");
    for (size_t o = 0; o < outer; o++)
        slice[o] = o;
    rng = rd_rng_stream(seed, shuffle, 0);
    rd_rng_shuffle(&rng, slice, outer);
    for (size_t o = 0; o < outer; o++) {
        double p;

        rng = rd_rng_stream(seed, place, o);
        p = ((double)slice[o] + rd_draw_open(&rng)) / (double)outer;
        input->x[o] =
            rd_range_quantile(&input->dist, p < 1 ? p : 1 - 0x1p-53); /* p may round to 1 */
    }
    return RD_OK;
}

rd_status rd_risk_inputs_draw(struct rd_risk_inputs *in, uint64_t seed, size_t outer)
{
    size_t *slice = RD_NEW_ARRAY(in->arena, size_t, outer);

    if (!slice)
        return RD_FAIL(in->err, RD_E_MEMORY, "out of memory for the parameters");
    for (size_t i = 0; i < in->n; i++) {
        const rd_status st = draw_one(&in->item[i], in, seed, outer, slice);

        if (st)
            return st;
    }
    return RD_OK;
}
