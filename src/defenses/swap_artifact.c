/*
 * swap_artifact - a hardened network in place of the old one.
 *
 * The same attack, run on the new file with the new file's gradients, is the control-aware attack:
 * there is nothing else to know. What it costs is the change of clean accuracy.
 *
 * Source: Madry et al. 2018, arXiv:1706.06083, section 2 (adversarial training makes such a
 * network).
 */
#include "defenses/lib/wrap.h"

#include <redoubt/defense.h>

#include <stdio.h>
#include <string.h>

struct options {
    const char *artifact, *path;
};

static const struct rd_option table[] = {
    RD_TEXT(struct options, artifact, "artifact", "", "ID",
        "model artifact of redoubt.yaml to put in place (a file will do)"),
    RD_TEXT(struct options, path, "path", "", "FILE.onnx", "file to put in place"),
    RD_OPTION_END,
};

static rd_status wrap(struct rd_run *run, const void *options, struct rd_target *inner,
    struct rd_target **wrapped_out)
{
    const struct options *o = options;
    const char *path = o->path ? o->path : o->artifact;
    struct rd_target *new;
    rd_status st;

    if (!path || (o->path && o->artifact))
        return RD_FAIL(run->err, RD_E_USAGE,
            "swap-artifact needs 'artifact' or 'path', the network to put in place");
    if (*inner->controls)
        return RD_FAIL(run->err, RD_E_USAGE,
            "swap-artifact replaces the network itself: it has to stand before the other controls");
    st = rd_target_open_onnx(path, run->pool, run->scratch, &new, run->err);
    if (st)
        return st;
    if (new->inputs != inner->inputs || new->classes != inner->classes)
        return RD_FAIL(run->err, RD_E_INPUT,
            "'%s' takes %zu numbers and answers %zu; '%s', which it should replace, takes %zu and "
            "answers %zu",
            new->label, new->inputs, new->classes, inner->label, inner->inputs, inner->classes);
    new->price_per_1000 = inner->price_per_1000;
    new->quota = inner->quota;
    new->controls = rd_arena_printf(run->scratch, "swap-artifact(sha256=%.16s)", new->digest);
    if (!new->controls)
        return rd_run_no_memory(run, "a defense");
    *wrapped_out = new;
    return RD_OK;
}

/* No settings: the attack as it is works on the new file. */
static const struct rd_aware aware[] = {
    { "pgd", { { 0 } }, "the same attack with the new file's gradients" },
    { "fgsm", { { 0 } }, "the same attack with the new file's gradients" },
    { "copycat", { { 0 } }, "the same theft from the new file" },
    { 0 },
};

const struct rd_defense rd_defense_swap_artifact = {
    .abi = RD_DEFENSE_ABI,
    .name = "swap-artifact",
    .summary = "a hardened network in place of the old one",
    .source = "Madry et al. 2018, arXiv:1706.06083, section 2",
    .node = RD_NODE_SUSCEPTIBILITY,
    .against = 1u << RD_EVADE,
    .innermost = true,
    .aware = aware,
    .options = table,
    .options_size = sizeof(struct options),
    .wrap = wrap,
};
