/* slots - what an argument is, told from the words that synopses and units use. */
#include "cli/complete.h"

#include <string.h>

static const struct {
    const char *word;
    enum rd_slot slot;
} slots[] = {
    { "ATTACK", RD_SLOT_ATTACK },
    { "TEMPLATE", RD_SLOT_TEMPLATE },
    { "RULE", RD_SLOT_RULE },
    { "RULE-ID", RD_SLOT_RULE },
    { "THREAT", RD_SLOT_THREAT },
    { "THREAT-ID", RD_SLOT_THREAT },
    { "CONTROL", RD_SLOT_CONTROL },
    { "KIND", RD_SLOT_CONTROL },
    { "RULE|CONTROL", RD_SLOT_CATALOG },
    { "COMMAND", RD_SLOT_COMMAND },
    { "DIR", RD_SLOT_FOLDER },
    { "FOLDER", RD_SLOT_FOLDER },
};

static enum rd_slot slot_of(const char *word, size_t len)
{
    bool lower = memchr(word, '|', len) != NULL;

    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
        if (strlen(slots[i].word) == len && !strncmp(slots[i].word, word, len))
            return slots[i].slot;
    for (size_t i = 0; i < len && lower; i++)
        lower = (word[i] >= 'a' && word[i] <= 'z') || word[i] == '|' || word[i] == '-';
    return lower ? RD_SLOT_WORDS : RD_SLOT_FILE;
}

/* Positional arguments stand before the first option: "FILE [THREAT] [--top N]". */
enum rd_slot rd_slot_of_argument(
    const struct rd_command *command, int index, const char **word_out, size_t *len_out)
{
    const char *p = command->synopsis;
    enum rd_slot slot = RD_SLOT_NONE;

    for (int i = 0; *p; i++) {
        const char *end, *begin = p;
        bool repeated = false;
        size_t len;

        end = p + strcspn(p, " ");
        p = end + strspn(end, " ");
        begin += strspn(begin, "[");
        if (*begin == '-' || *begin == '(' || (*begin == '|' && end == begin + 1))
            break;
        while (end > begin && strchr("].", end[-1])) {
            repeated = repeated || (end - begin > 3 && !strncmp(end - 3, "...", 3));
            end--;
        }
        len = (size_t)(end - begin);
        slot = slot_of(begin, len);
        *word_out = begin;
        *len_out = len;
        if (i == index || (repeated && i < index))
            return slot;
    }
    return index < command->max_args ? RD_SLOT_FILE : RD_SLOT_NONE;
}

static bool has(const char *unit, const char *word)
{
    return strstr(unit, word) != NULL;
}

enum rd_slot rd_slot_of_option(const struct rd_option *o)
{
    static const char *const files[] = { "FILE", "path", "PATH", ".onnx", ".npy", ".csv", "REPORT",
        "program" };

    if (o->type != RD_OPT_TEXT && o->type != RD_OPT_LIST)
        return RD_SLOT_NONE;
    if (!strcmp(o->unit, "NAME=VALUE"))
        return RD_SLOT_SETTING;
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
        if (!strcmp(slots[i].word, o->unit))
            return slots[i].slot;
    if (!strcmp(o->name, "attack"))
        return RD_SLOT_ATTACK;
    if (!strcmp(o->name, "method") || !strcmp(o->name, "control"))
        return RD_SLOT_CONTROL;
    if (!strcmp(o->name, "rule"))
        return RD_SLOT_RULE;
    if (!strcmp(o->name, "threat"))
        return RD_SLOT_THREAT;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (has(o->unit, files[i]))
            return RD_SLOT_FILE;
    return RD_SLOT_NONE;
}
