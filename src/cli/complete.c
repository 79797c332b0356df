#include "cli/complete.h"

#include "cli/load.h"
#include "cli/nearest.h"
#include "cli/parse.h"

#include "base/embed.h"
#include "base/text.h"

#include <redoubt/attack.h>
#include <redoubt/defense.h>

#include <string.h>

extern const struct rd_embedded rd_templates[]; /* templates/, sorted by name */

struct completion {
    struct rd_cli *cli;
    struct rd_buf *out;
    const char *typed;  /* the word that is being completed, without a prefix that stays */
    const char *prefix; /* what stands before it in the same word: "--fail-on=" */
    size_t prefix_len;
    const struct rd_command *command;
    char **args; /* positional arguments before it */
    int n_args;
    const char *method; /* what --method and the like named */
    bool files, folders, no_space;
};

static bool starts(const char *word, const char *with)
{
    return !strncmp(word, with, strlen(with));
}

/* One candidate, when it begins as what was typed does. */
static void offer(struct completion *c, const char *word, const char *end, const char *about)
{
    struct rd_buf safe = { 0 };

    if (!starts(word, c->typed))
        return;
    if (about)
        rd_text_safe(&safe, about, strlen(about));
    rd_buf_printf(c->out, "%.*s%s%s\t%s\n", (int)c->prefix_len, c->prefix ? c->prefix : "", word,
        end, rd_buf_text(&safe));
    rd_buf_release(&safe);
}

/* --- commands --- */

static void first_words(struct completion *c)
{
    for (const struct rd_command *const *k = rd_commands; *k; k++) {
        const char *space = strchr((*k)->name, ' ');
        char family[64];
        bool shown = false;

        if ((*k)->name[0] == '_')
            continue;
        if (!space) {
            offer(c, (*k)->name, "", (*k)->summary);
            continue;
        }
        (void)snprintf(family, sizeof family, "%.*s", (int)(space - (*k)->name), (*k)->name);
        for (const struct rd_command *const *b = rd_commands; *b && !shown; b++)
            shown = !strcmp((*b)->name, family) ||
                    (b < k && starts((*b)->name, family) && (*b)->name[strlen(family)] == ' ');
        if (!shown)
            offer(c, family, "", "several commands");
    }
}

static void second_words(struct completion *c, const char *family)
{
    const size_t len = strlen(family);

    for (const struct rd_command *const *k = rd_commands; *k; k++)
        if (starts((*k)->name, family) && (*k)->name[len] == ' ')
            offer(c, (*k)->name + len + 1, "", (*k)->summary);
}

/* --- values --- */

static void attacks(struct completion *c)
{
    for (const struct rd_attack *const *a = rd_attacks; *a; a++)
        offer(c, (*a)->name, "", (*a)->summary);
}

static void templates(struct completion *c)
{
    for (const struct rd_embedded *t = rd_templates; t->name; t++) {
        char name[80];

        (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(t->name, "."), t->name);
        offer(c, name, "", "template");
    }
}

static void rules(struct completion *c, const char *end)
{
    struct rd_rules all;
    struct rd_error err = { 0 };

    if (rd_rules_load(c->cli->run.scratch, &all, &err))
        return;
    for (size_t i = 0; i < all.n; i++)
        offer(c, all.item[i]->id, end, all.item[i]->title);
}

static void controls(struct completion *c)
{
    struct rd_rules all;
    struct rd_error err = { 0 };
    const char *const *known = NULL;

    if (!rd_rules_load(c->cli->run.scratch, &all, &err))
        known = rd_rules_control_kinds(&all, c->cli->run.scratch);
    for (const struct rd_defense *const *d = rd_defenses; *d; d++)
        offer(c, (*d)->name, "", (*d)->summary);
    for (; known && *known; known++)
        if (!rd_defense_find(*known))
            offer(c, *known, "", "a control that the rules know");
}

/* Those of the file that the line names; of a file that cannot be read, the rules it might have. */
static void threats(struct completion *c)
{
    struct rd_error err = { 0 };
    struct rd_run run = c->cli->run;
    struct rd_cli quiet = *c->cli;
    struct rd_problems problems = { 0 };
    struct rd_loaded l;

    run.err = &err;
    quiet.run = run;
    if (c->n_args &&
        !rd_cli_load_system(&quiet, c->args[0], &(struct rd_load_options){ .allow_outside = true },
            &l, &problems) &&
        !rd_threats_derive(&l.rules, l.system, run.scratch, &l.threats, &err)) {
        for (size_t i = 0; i < l.threats.n; i++)
            offer(c, l.threats.item[i].id, "", l.threats.item[i].rule->title);
        return;
    }
    rules(c, "@");
    c->no_space = true;
}

static void yes_no(struct completion *c)
{
    offer(c, "yes", "", "");
    offer(c, "no", "", "");
}

/* The table that a setting of this line belongs to. */
static const struct rd_option *settings_of(const struct completion *c)
{
    const struct rd_attack *a = NULL;
    const struct rd_defense *d = c->method ? rd_defense_find(c->method) : NULL;

    if (d)
        return d->options;
    for (int i = 0; i < c->n_args && !a; i++)
        a = rd_attack_find(c->args[i]);
    return a ? a->options : NULL;
}

static void values(struct completion *c, const struct rd_option *o);

static void settings(struct completion *c)
{
    const struct rd_option *table = settings_of(c), *o;
    const char *equals = strchr(c->typed, '=');
    char name[64];

    if (!equals) {
        for (o = table; o && o->type != RD_OPT_END; o++)
            offer(c, o->name, "=", o->help);
        c->no_space = true;
        return;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)(equals - c->typed), c->typed);
    o = rd_option_find(table, name);
    if (!o || c->prefix_len) /* --set=name=value is rare enough */
        return;
    c->prefix = c->typed;
    c->prefix_len = (size_t)(equals + 1 - c->typed);
    c->typed = equals + 1;
    values(c, o);
}

static void slot(struct completion *c, enum rd_slot what, const char *words, size_t len)
{
    char word[64];

    switch (what) {
    case RD_SLOT_FILE:
        c->files = true;
        break;
    case RD_SLOT_FOLDER:
        c->folders = true;
        break;
    case RD_SLOT_ATTACK:
        attacks(c);
        break;
    case RD_SLOT_TEMPLATE:
        templates(c);
        break;
    case RD_SLOT_RULE:
        rules(c, "");
        break;
    case RD_SLOT_THREAT:
        threats(c);
        break;
    case RD_SLOT_CONTROL:
        controls(c);
        break;
    case RD_SLOT_CATALOG:
        rules(c, "");
        controls(c);
        break;
    case RD_SLOT_COMMAND:
        first_words(c);
        break;
    case RD_SLOT_SETTING:
        settings(c);
        break;
    case RD_SLOT_WORDS:
        for (size_t i = 0, n; i < len; i += n + 1) {
            n = strcspn(words + i, "| ]");
            (void)snprintf(word, sizeof word, "%.*s", (int)(i + n > len ? len - i : n), words + i);
            offer(c, word, "", "");
        }
        break;
    case RD_SLOT_NONE:
        break;
    }
}

static void values(struct completion *c, const struct rd_option *o)
{
    if (o->type == RD_OPT_BOOL)
        yes_no(c);
    for (const char *const *w = o->choices; w && *w; w++)
        offer(c, *w, "", !strcmp(*w, o->preset) ? "as without the option" : "");
    slot(c, rd_slot_of_option(o), NULL, 0);
}

/* --- options --- */

enum { SEEN_MAX = 128 };
struct seen {
    const struct rd_option *option[SEEN_MAX];
    size_t n;
};

static bool is_seen(const struct seen *s, const struct rd_option *o)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->option[i] == o)
            return true;
    return false;
}

static void options(struct completion *c, const struct rd_option *o, const struct seen *seen)
{
    char word[80];

    for (; o && o->type != RD_OPT_END; o++) {
        if (o->type != RD_OPT_LIST && is_seen(seen, o))
            continue;
        (void)snprintf(word, sizeof word, "--%s", o->name);
        offer(c, word, "", o->help);
    }
}

static const struct rd_option *find_option(const struct rd_command *k, const char *word)
{
    char name[80];
    const struct rd_option *o;

    if (!strcmp(word, "-o"))
        return rd_option_find(k->options, "output");
    if (strncmp(word, "--", 2) != 0)
        return NULL;
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    o = rd_option_find(rd_common_options, name);
    return o ? o : rd_option_find(k->options, name);
}

/* The words of the command before the last: its arguments, the options given, and whose value
 * comes next (NULL: nobody's). */
static const struct rd_option *read_words(
    struct completion *c, int argc, char **argv, struct seen *seen, bool *ended_out)
{
    const struct rd_option *waiting = NULL;

    *ended_out = false;
    for (int i = 0; i < argc; i++) {
        const struct rd_option *o = *ended_out ? NULL : find_option(c->command, argv[i]);
        const char *equals = strchr(argv[i], '=');

        if (waiting) {
            if (!strcmp(waiting->name, "method"))
                c->method = argv[i];
            waiting = NULL;
        } else if (!*ended_out && !strcmp(argv[i], "--")) {
            *ended_out = true;
        } else if (!o && (*ended_out || argv[i][0] != '-' || !argv[i][1])) {
            c->args[c->n_args++] = argv[i];
        } else if (o) {
            if (seen->n < SEEN_MAX)
                seen->option[seen->n++] = o;
            if (equals && !strcmp(o->name, "method"))
                c->method = equals + 1;
            if (!equals && o->type != RD_OPT_BOOL)
                waiting = o;
        }
    }
    return waiting;
}

static void within_command(struct completion *c, int argc, char **argv)
{
    struct seen seen = { .n = 0 };
    const char *equals = strchr(c->typed, '='), *words = NULL;
    const struct rd_option *o;
    enum rd_slot what;
    size_t len = 0;
    bool ended;
    const struct rd_option *waiting = read_words(c, argc - 1, argv, &seen, &ended);

    if (waiting) {
        values(c, waiting);
        return;
    }
    if (!ended && starts(c->typed, "--") && equals) {
        o = find_option(c->command, c->typed);
        c->prefix = c->typed;
        c->prefix_len = (size_t)(equals + 1 - c->typed);
        c->typed = equals + 1;
        if (o)
            values(c, o);
        return;
    }
    if (!ended && c->typed[0] == '-') {
        options(c, c->command->options, &seen);
        options(c, rd_common_options, &seen);
        return;
    }
    if (c->n_args >= c->command->max_args) {
        if (!*c->typed) {
            options(c, c->command->options, &seen);
            options(c, rd_common_options, &seen);
        }
        return;
    }
    what = rd_slot_of_argument(c->command, 0, &words, &len);
    if (what == RD_SLOT_COMMAND && c->n_args) { /* the second word of a command */
        second_words(c, c->args[0]);
        return;
    }
    what = rd_slot_of_argument(c->command, c->n_args, &words, &len);
    slot(c, what, words, len);
}

rd_status rd_complete(struct rd_cli *cli, int argc, char **argv, struct rd_buf *out)
{
    struct completion c = { .cli = cli, .out = out, .typed = argc ? argv[argc - 1] : "" };
    const struct seen none = { .n = 0 };
    int words = 0, before = argc ? argc - 1 : 0;
    char **moved = rd_cli_options_last(before, argv, cli->run.scratch);

    c.args = RD_NEW_ARRAY(cli->run.scratch, char *, (size_t)argc + 1);
    if (!moved || !c.args)
        return rd_run_no_memory(&cli->run, "the words");
    c.command = before ? rd_cli_find(before, moved, &words) : NULL;
    if (c.command && before == 1 && words == 1 && rd_is_family(moved[0]))
        second_words(&c, moved[0]); /* `workshop merge`, where `workshop` takes a file too */
    if (c.command)
        within_command(&c, before - words + 1, moved + words);
    else if (before && moved[0][0] != '-' && !moved[1] && rd_is_family(moved[0]))
        second_words(&c, moved[0]);
    else if (!before && c.typed[0] == '-') {
        offer(&c, "--version", "", "of the program");
        options(&c, rd_common_options, &none);
    } else if (!before || moved[0][0] == '-')
        first_words(&c);
    if (c.files)
        rd_buf_puts(out, ":files\n");
    if (c.folders)
        rd_buf_puts(out, ":folders\n");
    if (c.no_space)
        rd_buf_puts(out, ":nospace\n");
    return out->failed ? rd_run_no_memory(&cli->run, "the candidates") : RD_OK;
}
