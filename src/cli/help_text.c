#include "cli/help_text.h"

#include "cli/parse.h"

#include <string.h>

const char *const rd_command_tasks[] = { "model a system", "attack", "defend", "money", "report",
    "data and models", "tools", NULL };

/* By the command's first word, or by both. */
static const struct {
    const char *word, *task;
} tasks[] = {
    { "init", "model a system" },
    { "check", "model a system" },
    { "diagram", "model a system" },
    { "threats", "model a system" },
    { "explain", "model a system" },
    { "catalog", "model a system" },
    { "workshop", "model a system" },
    { "assess", "attack" },
    { "attack", "attack" },
    { "data screen", "defend" },
    { "roadmap", "defend" },
    { "risk", "money" },
    { "report", "report" },
    { "brief", "report" },
    { "data", "data and models" },
    { "model", "data and models" },
    { "doctor", "tools" },
};

const char *rd_command_task(const struct rd_command *c)
{
    const size_t first = strcspn(c->name, " ");

    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        if (!strcmp(tasks[i].word, c->name))
            return tasks[i].task;
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        if (strlen(tasks[i].word) == first && !strncmp(tasks[i].word, c->name, first))
            return tasks[i].task;
    return "tools";
}

const char *rd_option_form(const struct rd_option *o, char *out, size_t size)
{
    const bool flag = o->type == RD_OPT_BOOL;

    (void)snprintf(out, size, "--%s%s%s", o->name, flag ? "" : " ",
        flag                       ? ""
        : o->type == RD_OPT_CHOICE ? "WORD"
        : *o->unit                 ? o->unit
                                   : "N");
    return out;
}

static void help_rows(const struct rd_option *o, FILE *out)
{
    for (; o && o->type != RD_OPT_END; o++) {
        const bool flag = o->type == RD_OPT_BOOL;
        char left[64];

        (void)fprintf(out, "  %-26s %s%s", rd_option_form(o, left, sizeof left), o->help,
            o->type == RD_OPT_LIST ? " (may be repeated)" : "");
        for (const char *const *c = o->choices; c && *c; c++)
            (void)fprintf(out, "%s%s", c == o->choices ? ": " : ", ", *c);
        if (flag ? !strcmp(o->preset, "yes") : *o->preset != '\0')
            (void)fprintf(out, " [%s]", o->preset);
        (void)fputc('\n', out);
    }
}

char *rd_help_examples(const struct rd_command *c, struct rd_arena *arena)
{
    struct rd_buf b = { 0 };
    bool begins = true;
    char *text;

    for (const char *p = c->examples ? c->examples : ""; *p; p++) {
        if (begins && !strncmp(p, "  redoubt", 9))
            p += 2;
        rd_buf_putc(&b, *p);
        begins = *p == '\n';
    }
    text = b.failed ? NULL : rd_arena_strdup(arena, rd_buf_text(&b));
    rd_buf_release(&b);
    return text;
}

void rd_help_command(const struct rd_command *c, FILE *out)
{
    struct rd_arena arena = RD_ARENA_INIT;
    const char *examples = rd_help_examples(c, &arena);

    (void)fprintf(out, "redoubt %s - %s\n\nusage: redoubt %s%s%s\n", c->name, c->summary, c->name,
        *c->synopsis ? " " : "", c->synopsis);
    if (c->options && c->options->type != RD_OPT_END)
        (void)fputs("\noptions\n", out);
    help_rows(c->options, out);
    (void)fputs("\nevery command\n", out);
    help_rows(rd_common_options, out);
    if (examples && *examples) {
        bool begins = true;

        (void)fputs("\nexamples\n", out);
        for (const char *p = examples; *p; p++) {
            if (begins && *p != '\n')
                (void)fputs("  ", out);
            (void)fputc(*p, out);
            begins = *p == '\n';
        }
    }
    rd_arena_release(&arena);
}

bool rd_help_family(const char *word, FILE *out)
{
    const size_t len = strlen(word);
    bool any = false;

    for (const struct rd_command *const *c = rd_commands; *c; c++)
        if (!strncmp((*c)->name, word, len) && (*c)->name[len] == ' ') {
            (void)fprintf(out, "  redoubt %-16s %s\n", (*c)->name, (*c)->summary);
            any = true;
        }
    return any;
}

/* A family is one row, where its first command of this task stands: "model info|run|train". */
static bool family_row(const struct rd_command *const *at, const char *task, FILE *out)
{
    const char *name = (*at)->name;
    const size_t len = strcspn(name, " ");
    char row[96];
    int n = 0;

    for (const struct rd_command *const *c = rd_commands; c != at; c++)
        if (!strncmp((*c)->name, name, len + 1) && !strcmp(rd_command_task(*c), task))
            return false; /* shown already */
    for (const struct rd_command *const *c = at; *c && n >= 0 && (size_t)n < sizeof row; c++)
        if (!strncmp((*c)->name, name, len + 1) && !strcmp(rd_command_task(*c), task))
            n += snprintf(row + n, sizeof row - (size_t)n, "%s%s", n ? "|" : "",
                (*c)->name + (n ? len + 1 : 0));
    (void)fprintf(out, "  %s\n", row);
    return true;
}

static void put_row(const struct rd_command *const *c, const char *task, FILE *out)
{
    const char *space = strchr((*c)->name, ' ');
    size_t brothers = 0;

    for (const struct rd_command *const *d = rd_commands; space && *d; d++)
        brothers += !strncmp((*d)->name, (*c)->name, (size_t)(space - (*c)->name) + 1) &&
                    !strcmp(rd_command_task(*d), task);
    if (brothers > 1)
        (void)family_row(c, task, out);
    else
        (void)fprintf(out, "  %-11s %s\n", (*c)->name, (*c)->summary);
}

void rd_help_overview(FILE *out)
{
    (void)fputs("redoubt - threats to machine-learning systems: derived, tried, priced, fixed\n\n"
                "usage: redoubt COMMAND [ARGUMENTS] [OPTIONS]\n\n",
        out);
    for (const char *const *task = rd_command_tasks; *task; task++) {
        bool any = false;

        for (const struct rd_command *const *c = rd_commands; *c; c++) {
            if ((*c)->name[0] == '_' || strcmp(rd_command_task(*c), *task) != 0)
                continue;
            if (!any)
                (void)fprintf(out, "%s\n", *task);
            any = true;
            put_row(c, *task, out);
        }
    }
    (void)fputs("\nstart here: redoubt init image-classifier demo && redoubt assess demo\n"
                "more:       redoubt help COMMAND, redoubt COMMAND --help\n",
        out);
}
