#include "cli/parse.h"

#include "cli/nearest.h"

#include "base/text.h"

#include <string.h>

static const char *const color_modes[] = { "auto", "always", "never", NULL };

const struct rd_option rd_common_options[] = {
    RD_BOOL(struct rd_common, json, "json", "no", "print one JSON object on stdout"),
    RD_BOOL(struct rd_common, quiet, "quiet", "no", "no progress, no text for people"),
    RD_INT(struct rd_common, threads, "threads", "0", 0, 256, "threads",
        "how many; 0: one for each usable processor"),
    RD_TEXT(struct rd_common, seed, "seed", "1", "N", "where random numbers start"),
    RD_CHOICE(struct rd_common, color, "color", "auto", color_modes,
        "color on a terminal; NO_COLOR and CLICOLOR_FORCE count for auto"),
    RD_BOOL(struct rd_common, no_pager, "no-pager", "no",
        "print long lists at once, also on a terminal"),
    RD_BOOL(struct rd_common, log_json, "log-json", "no",
        "warnings, progress and errors as JSON, one object a line on stderr"),
    RD_BOOL(struct rd_common, help, "help", "no", "this text"),
    RD_OPTION_END,
};

static size_t word_count(const char *name)
{
    return strchr(name, ' ') ? 2 : 1;
}

static bool is_called(const struct rd_command *c, int argc, char **argv)
{
    const char *space = strchr(c->name, ' ');

    if (!space)
        return !strcmp(c->name, argv[0]);
    return argc > 1 && strlen(argv[0]) == (size_t)(space - c->name) &&
           !strncmp(c->name, argv[0], (size_t)(space - c->name)) && !strcmp(space + 1, argv[1]);
}

const struct rd_command *rd_cli_find(int argc, char **argv, int *words_out)
{
    /* `workshop merge` before `workshop` with an argument that is called so. */
    for (size_t words = 2; words; words--)
        for (const struct rd_command *const *c = rd_commands; *c; c++)
            if (word_count((*c)->name) == words && is_called(*c, argc, argv)) {
                *words_out = (int)words;
                return *c;
            }
    return NULL;
}

enum { NAME_MAX_LEN = 64 };

static const struct rd_option *find_option(const struct rd_command *command, const char *name)
{
    const struct rd_option *o = rd_option_find(rd_common_options, name);

    return o ? o : rd_option_find(command->options, name);
}

/* A value that is spelled as an option of this command was forgotten, more likely than meant. */
static bool is_option_word(const struct rd_command *command, const char *word)
{
    return !strncmp(word, "--", 2) && find_option(command, word + 2) != NULL;
}

static rd_status no_value(const struct rd_option *o, struct rd_error *err)
{
    return RD_FAIL(
        err, RD_E_USAGE, "--%s wants a value%s%s", o->name, *o->unit ? ": " : "", o->unit);
}

static rd_status value_is_option(const char *name, const char *word, struct rd_error *err)
{
    (void)RD_FAIL(err, RD_E_USAGE, "--%s wants a value, and %s is an option", name, word);
    return rd_error_hint(err, "if that is its value: --%s=%s", name, word);
}

/* One "--name[=value] [value]"; *at moves to the last word it used. */
static rd_status parse_option(const struct rd_command *command, int argc, char **argv, int *at,
    struct rd_common *common, void *values, struct rd_error *err)
{
    const char *word = argv[*at] + 2, *equals = strchr(word, '='), *text;
    const size_t len = equals ? (size_t)(equals - word) : strlen(word);
    char name[NAME_MAX_LEN];
    const struct rd_option *o, *table = rd_common_options;
    void *into = common;

    if (len >= sizeof name)
        return RD_FAIL(err, RD_E_USAGE, "an option name of %zu letters", len);
    memcpy(name, word, len);
    name[len] = '\0';
    o = rd_option_find(table, name);
    if (!o) {
        table = command->options;
        into = values;
        o = rd_option_find(table, name);
    }
    if (!o)
        return rd_no_option(command, name, err);
    if (equals)
        text = equals + 1;
    else if (o->type == RD_OPT_BOOL)
        text = "yes";
    else if (*at + 1 < argc && is_option_word(command, argv[*at + 1]))
        return value_is_option(name, argv[*at + 1], err);
    else if (*at + 1 < argc)
        text = argv[++*at];
    else
        return no_value(o, err);
    /* --csv "$OUT" of a script that never set OUT: writing nothing would pass unnoticed. */
    if (o->type == RD_OPT_TEXT && !*text)
        return no_value(o, err);
    return rd_options_set(table, into, name, text, err);
}

/* -x, or a name like "-final.yaml", which a shell's * hands over as it is. */
static rd_status no_word(const struct rd_command *command, const char *word, struct rd_error *err)
{
    char safe[160];

    (void)RD_FAIL(err, RD_E_USAGE, "unknown option '%s'; options are --words",
        rd_text_safe_in(safe, sizeof safe, word));
    return rd_error_hint(err, "if that is a name: redoubt %s ... -- %s", command->name, safe);
}

rd_status rd_cli_parse(const struct rd_command *command, int argc, char **argv,
    struct rd_common *common, void *values, int *n_args_out, struct rd_error *err)
{
    bool options_end = false;
    int n = 0;

    for (int i = 0; i < argc; i++) {
        rd_status st;

        if (options_end || strncmp(argv[i], "-", 1) != 0 || !strcmp(argv[i], "-")) {
            argv[n++] = argv[i];
            continue;
        }
        if (!strcmp(argv[i], "--")) {
            options_end = true;
            continue;
        }
        if (!strcmp(argv[i], "-h")) {
            common->help = true;
            continue;
        }
        if (!strcmp(argv[i], "-o")) /* the habit of compilers */
            argv[i] = (char *)(uintptr_t) "--output";
        if (strncmp(argv[i], "--", 2) != 0)
            return no_word(command, argv[i], err);
        st = parse_option(command, argc, argv, &i, common, values, err);
        if (st)
            return st;
    }
    *n_args_out = n;
    if (common->help)
        return RD_OK;
    if (n < command->min_args || n > command->max_args) {
        const bool few = n < command->min_args, exact = command->min_args == command->max_args;
        const int limit = few ? command->min_args : command->max_args;

        (void)RD_FAIL(err, RD_E_USAGE, "'%s' takes %s%d argument%s, %d given", command->name,
            exact ? ""
            : few ? "at least "
                  : "up to ",
            limit, limit == 1 ? "" : "s", n);
        rd_hint_near_subcommand(command, n, argv, err);
        return rd_error_hint(err, "usage: redoubt %s%s%s", command->name,
            *command->synopsis ? " " : "", command->synopsis);
    }
    return RD_OK;
}

char **rd_cli_options_last(int argc, char **argv, struct rd_arena *arena)
{
    char **out = RD_NEW_ARRAY(arena, char *, (size_t)argc + 1);
    int first = 0, words = 0, n = 0;

    if (!out)
        return NULL;
    while (first < argc && !strncmp(argv[first], "--", 2)) {
        const char *equals = strchr(argv[first], '=');
        const struct rd_option *o =
            equals ? NULL : rd_option_find(rd_common_options, argv[first] + 2);

        if (!strcmp(argv[first], "--help") || !strcmp(argv[first], "--version") || (!equals && !o))
            break; /* those stand for commands; or it is no option of every command */
        first += !equals && o && o->type != RD_OPT_BOOL ? 2 : 1;
    }
    if (first >= argc) /* nothing but options */
        first = 0;
    if (first < argc && (!strcmp(argv[first], "--help") || !strcmp(argv[first], "--version")))
        words = 1;
    else if (first < argc && !rd_cli_find(argc - first, argv + first, &words))
        words = rd_is_family(argv[first]) && first + 1 < argc ? 2 : 1;
    for (int i = first; i < first + words; i++)
        out[n++] = argv[i];
    for (int i = 0; i < first; i++)
        out[n++] = argv[i];
    for (int i = first + words; i < argc; i++)
        out[n++] = argv[i];
    out[n] = NULL;
    return out;
}

bool rd_cli_says_log_json(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (!strcmp(argv[i], "--log-json") || !strcmp(argv[i], "--log-json=yes"))
            return true;
    return false;
}
