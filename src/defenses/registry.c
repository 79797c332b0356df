/* registry.c - the defenses of defenses.def, as a table. */
#include "base/text.h"

#include <redoubt/defense.h>

#include <string.h>

#define RD_DEFENSE(name) extern const struct rd_defense rd_defense_##name;
#include "defenses/defenses.def"
#undef RD_DEFENSE

const struct rd_defense *const rd_defenses[] = {
#define RD_DEFENSE(name) &rd_defense_##name,
#include "defenses/defenses.def"
#undef RD_DEFENSE
    NULL,
};

enum { N_DEFENSES = sizeof rd_defenses / sizeof *rd_defenses };

const struct rd_defense *rd_defense_find(const char *name)
{
    for (const struct rd_defense *const *d = rd_defenses; *d; d++)
        if (!strcmp((*d)->name, name))
            return *d;
    return NULL;
}

const char *rd_defense_nearest(const char *name)
{
    const char *words[N_DEFENSES] = { NULL };

    for (size_t i = 0; rd_defenses[i]; i++)
        words[i] = rd_defenses[i]->name;
    return rd_text_nearest(name, words);
}

const struct rd_aware *rd_defense_aware(const struct rd_defense *defense, const char *attack)
{
    for (const struct rd_aware *a = defense->aware; a && a->attack; a++)
        if (!strcmp(a->attack, attack))
            return a;
    return NULL;
}

const char *rd_node_name(enum rd_node node)
{
    switch (node) {
    case RD_NODE_ATTEMPTS:
        return "attempts";
    case RD_NODE_ACTION:
        return "action";
    case RD_NODE_SUSCEPTIBILITY:
        return "susceptibility";
    case RD_NODE_MAGNITUDE:
        return "magnitude";
    case RD_NODE_DWELL:
        return "dwell";
    }
    return "unknown";
}
