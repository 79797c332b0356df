#include "cli/parse.h"

#include "base/text.h"

#include <string.h>

const struct rd_option rd_common_options[] = {
    RD_BOOL(struct rd_common, json, "json", "no", "print one JSON object on stdout"),
    RD_BOOL(struct rd_common, quiet, "quiet", "no", "no progress, no text for people"),
    RD_INT(struct rd_common, threads, "threads", "0", 0, 256, "threads",
        "how many; 0: one for each usable processor"),
    RD_TEXT(struct rd_common, seed, "seed", "1", "N", "where random numbers start"),
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
    for (const struct rd_command *const *c = rd_commands; *c; c++)
        if (is_called(*c, argc, argv)) {
            *words_out = (int)word_count((*c)->name);
            return *c;
        }
    return NULL;
}

enum { NAME_MAX_LEN = 64, ROWS_MAX = 64 };

static rd_status unknown_option(
    const struct rd_command *command, const char *name, struct rd_error *err)
{
    const char *words[2 * ROWS_MAX + 1], *near;
    char safe[NAME_MAX_LEN];
    size_t n = 0;

    for (const struct rd_option *o = command->options; o && o->type != RD_OPT_END && n < ROWS_MAX;
         o++)
        words[n++] = o->name;
    for (const struct rd_option *o = rd_common_options; o->type != RD_OPT_END; o++)
        words[n++] = o->name;
    words[n] = NULL;
    (void)RD_FAIL(err, RD_E_USAGE, "'%s' has no option --%s", command->name,
        rd_text_safe_in(safe, sizeof safe, name));
    near = rd_text_nearest(name, words);
    return near ? rd_error_hint(err, "did you mean --%s?", near)
                : rd_error_hint(err, "see redoubt %s --help", command->name);
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
        return unknown_option(command, name, err);
    if (equals)
        text = equals + 1;
    else if (o->type == RD_OPT_BOOL)
        text = "yes";
    else if (*at + 1 < argc)
        text = argv[++*at];
    else
        return RD_FAIL(
            err, RD_E_USAGE, "--%s wants a value%s%s", name, *o->unit ? ": " : "", o->unit);
    return rd_options_set(table, into, name, text, err);
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
            return RD_FAIL(err, RD_E_USAGE, "unknown option '%s'; options are --words", argv[i]);
        st = parse_option(command, argc, argv, &i, common, values, err);
        if (st)
            return st;
    }
    *n_args_out = n;
    if (common->help)
        return RD_OK;
    if (n < command->min_args || n > command->max_args) {
        (void)RD_FAIL(err, RD_E_USAGE, "'%s' takes %s%d argument%s, %d given", command->name,
            command->min_args < command->max_args ? "up to " : "", command->max_args,
            command->max_args == 1 ? "" : "s", n);
        return rd_error_hint(err, "usage: redoubt %s %s", command->name, command->synopsis);
    }
    return RD_OK;
}

static void help_rows(const struct rd_option *o, FILE *out)
{
    for (; o && o->type != RD_OPT_END; o++) {
        const bool flag = o->type == RD_OPT_BOOL;
        char left[64];

        (void)snprintf(left, sizeof left, "--%s%s%s", o->name, flag ? "" : " ",
            flag                       ? ""
            : o->type == RD_OPT_CHOICE ? "WORD"
            : *o->unit                 ? o->unit
                                       : "N");
        (void)fprintf(
            out, "  %-26s %s%s", left, o->help, o->type == RD_OPT_LIST ? " (may be repeated)" : "");
        for (const char *const *c = o->choices; c && *c; c++)
            (void)fprintf(out, "%s%s", c == o->choices ? ": " : ", ", *c);
        if (!flag && *o->preset)
            (void)fprintf(out, " [%s]", o->preset);
        (void)fputc('\n', out);
    }
}

void rd_cli_help(const struct rd_command *c, FILE *out)
{
    (void)fprintf(out, "redoubt %s - %s\n\nusage: redoubt %s %s\n", c->name, c->summary, c->name,
        c->synopsis);
    if (c->options && c->options->type != RD_OPT_END)
        (void)fputs("\noptions\n", out);
    help_rows(c->options, out);
    (void)fputs("\nevery command\n", out);
    help_rows(rd_common_options, out);
    if (c->examples && *c->examples)
        (void)fprintf(out, "\nexamples\n%s", c->examples);
}

void rd_cli_overview(FILE *out)
{
    (void)fputs(
        "redoubt - threats to machine-learning systems: derived, tried, priced, fixed, tried "
        "again\n\n"
        "usage: redoubt COMMAND [ARGUMENTS] [--json] [--quiet] [--threads N] [--seed N]\n\n",
        out);
    for (const struct rd_command *const *c = rd_commands; *c; c++)
        (void)fprintf(out, "  %-14s %s\n", (*c)->name, (*c)->summary);
    (void)fputs("\nstart here\n"
                "  redoubt init image-classifier demo && redoubt assess demo\n"
                "  redoubt COMMAND --help\n",
        out);
}
