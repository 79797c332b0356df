/*
 * adversarial_training - the network is trained on inputs that have been moved against it.
 *
 * In front of a target: the target's recipe is run again with the adversary in the loop, and the
 * network that comes out takes its place; the same attack with its gradients is the control-aware
 * one. Around training: victims are trained so.
 *
 * Sources: Madry et al. 2018, arXiv:1706.06083 (several steps); Wong, Rice, Kolter 2020,
 * arXiv:2001.03994 (one step from a random start). Departs from both: eps grows over the first
 * epochs, without which a small network stays at chance.
 */
#include "defenses/lib/screen.h"
#include "defenses/lib/wrap.h"

#include <redoubt/defense.h>

#include <string.h>

struct options {
    double eps, step_size, ramp;
    int64_t steps, epochs;
};

static const struct rd_option table[] = {
    RD_REAL(struct options, eps, "eps", "0.3", 1e-6, 1e6, "input units",
        "radius of the Linf ball that is trained in"),
    RD_INT(struct options, steps, "steps", "1", 1, 1000, "steps",
        "of the adversary, from a random start; 1 is fast training"),
    RD_REAL(struct options, step_size, "step-size", "0", 0, 1e6, "input units",
        "of one step; 0: 1.25 eps for one step, 2.5 eps / steps for more"),
    RD_REAL(struct options, ramp, "ramp", "2", 0, 10000, "epochs", "over which eps grows"),
    RD_INT(struct options, epochs, "epochs", "0", 0, 10000, "epochs", "0: as the recipe has them"),
    RD_OPTION_END,
};

static void with_adversary(
    const struct options *o, const struct rd_dataset *data, struct rd_train *how)
{
    how->adversary = (struct rd_train_adversary){
        .steps = (unsigned)o->steps,
        .eps = o->eps,
        .step_size = o->step_size > 0 ? o->step_size
                     : o->steps == 1  ? 1.25 * o->eps
                                      : 2.5 * o->eps / (double)o->steps,
        .low = data->low,
        .high = data->high > data->low ? data->high : data->low + 1,
        .random_start = true,
        .ramp_epochs = o->ramp,
    };
    if (o->epochs)
        how->epochs = (size_t)o->epochs;
}

static rd_status train(
    struct rd_run *run, void *self, const struct rd_dataset *data, struct rd_train *how)
{
    (void)run;
    with_adversary(self, data, how);
    return RD_OK;
}

static char *settings(struct rd_arena *arena, const struct options *o)
{
    return rd_arena_printf(arena,
        "adversarial-training(epochs=%lld,eps=%g,ramp=%g,step-size=%g,steps=%lld)",
        (long long)o->epochs, o->eps, o->ramp, o->step_size, (long long)o->steps);
}

static rd_status treat(
    struct rd_run *run, const void *options, const struct rd_treatment **treatment_out)
{
    const struct options *o = options;
    struct rd_treatment *t;
    const char *text = settings(run->scratch, o);
    rd_status st;

    if (!text)
        return rd_run_no_memory(run, "a defense");
    st = rd_screen_new(run, o, sizeof *o, &t, "%s", text);
    if (st)
        return st;
    t->train = train;
    *treatment_out = t;
    return RD_OK;
}

static rd_status wrap(struct rd_run *run, const void *options, struct rd_target *inner,
    struct rd_target **wrapped_out)
{
    const struct options *o = options;
    struct rd_recipe recipe;
    struct rd_recipe_report report;
    struct rd_graph *trained;
    struct rd_target *new;
    rd_status st;

    if (*inner->controls)
        return RD_FAIL(run->err, RD_E_USAGE,
            "adversarial-training replaces the network itself: it has to stand before the other "
            "controls");
    if (!inner->recipe || !inner->recipe->graph || !inner->recipe->data)
        return RD_FAIL(run->err, RD_E_USAGE,
            "adversarial-training trains '%s' again: there is no recipe that says how",
            inner->label);
    recipe = *inner->recipe;
    with_adversary(o, recipe.data, &recipe.how);
    st = rd_recipe_train(run, &recipe, recipe.data, run->seed, run->scratch, &trained, &report);
    if (!st)
        st = rd_target_open_graph(trained, inner->label, run->pool, run->scratch, &new, run->err);
    if (st)
        return RD_WRAP(run->err, st, "training '%s' against an adversary", inner->label);
    if (new->inputs != inner->inputs || new->classes != inner->classes)
        return RD_FAIL(run->err, RD_E_INPUT,
            "the recipe of '%s' makes a network of %zu inputs and %zu classes; it has %zu and %zu",
            inner->label, new->inputs, new->classes, inner->inputs, inner->classes);
    new->price_per_1000 = inner->price_per_1000;
    new->quota = inner->quota;
    new->recipe = inner->recipe;
    new->controls = settings(run->scratch, o);
    if (!new->controls)
        return rd_run_no_memory(run, "a defense");
    *wrapped_out = new;
    return RD_OK;
}

static const struct rd_aware aware[] = {
    { "pgd", { { 0 } }, "the same attack with the new network's gradients" },
    { "fgsm", { { 0 } }, "the same attack with the new network's gradients" },
    { "hop-skip-jump", { { 0 } }, "the same attack on the new network" },
    { "copycat", { { 0 } }, "the same theft from the new network" },
    { 0 },
};

const struct rd_defense rd_defense_adversarial_training = {
    .abi = RD_DEFENSE_ABI,
    .name = "adversarial-training",
    .summary = "trains the network on inputs that were moved against it",
    .source = "Madry et al. 2018, arXiv:1706.06083; Wong et al. 2020, arXiv:2001.03994",
    .node = RD_NODE_SUSCEPTIBILITY,
    .against = 1u << RD_EVADE,
    .innermost = true,
    .aware = aware,
    .options = table,
    .options_size = sizeof(struct options),
    .wrap = wrap,
    .treat = treat,
};
