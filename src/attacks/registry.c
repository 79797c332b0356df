/* registry.c - the attacks of attacks.def, as a table. */
#include "base/text.h"

#include <redoubt/attack.h>

#include <string.h>

#define RD_ATTACK(folder, name) extern const struct rd_attack rd_attack_##name;
#include "attacks/attacks.def"
#undef RD_ATTACK

const struct rd_attack *const rd_attacks[] = {
#define RD_ATTACK(folder, name) &rd_attack_##name,
#include "attacks/attacks.def"
#undef RD_ATTACK
    NULL,
};

enum { N_ATTACKS = sizeof rd_attacks / sizeof *rd_attacks };

const struct rd_attack *rd_attack_find(const char *name)
{
    for (const struct rd_attack *const *a = rd_attacks; *a; a++)
        if (!strcmp((*a)->name, name))
            return *a;
    return NULL;
}

unsigned rd_attack_needs(const struct rd_attack *attack, const void *options)
{
    return attack->needs ? attack->needs(options) : attack->access;
}

const char *rd_attack_nearest(const char *name)
{
    const char *words[N_ATTACKS] = { NULL };

    for (size_t i = 0; rd_attacks[i]; i++)
        words[i] = rd_attacks[i]->name;
    return rd_text_nearest(name, words);
}

const char *rd_attack_kind_name(enum rd_attack_kind kind)
{
    switch (kind) {
    case RD_EVADE:
        return "evade";
    case RD_POISON:
        return "poison";
    case RD_EXTRACT:
        return "extract";
    case RD_INFER:
        return "infer";
    }
    return "unknown";
}

const char *rd_norm_name(enum rd_norm norm)
{
    switch (norm) {
    case RD_L0:
        return "l0";
    case RD_L1:
        return "l1";
    case RD_L2:
        return "l2";
    case RD_LINF:
        return "linf";
    }
    return "none";
}

const char *rd_access_name(enum rd_access one)
{
    switch (one) {
    case RD_ACCESS_LABELS:
        return "labels";
    case RD_ACCESS_SCORES:
        return "scores";
    case RD_ACCESS_GRADIENTS:
        return "gradients";
    case RD_ACCESS_TEXT:
        return "text";
    case RD_ACCESS_DATA:
        return "data";
    case RD_ACCESS_FILES:
        return "files";
    }
    return "unknown";
}
