#include "cli/man_page.h"

#include "cli/complete.h"
#include "cli/help_text.h"
#include "cli/parse.h"

#include "base/embed.h"
#include "base/text.h"
#include "system/system.h"

#include <ctype.h>
#include <string.h>

extern const struct rd_embedded rd_templates[]; /* templates/, sorted by name */

static const char program[] = "redoubt", file_format[] = "redoubt.yaml";

/* --- what every page is made of --- */

void rd_man_begin(struct rd_buf *out, const char *name, int section, const char *summary)
{
    rd_buf_puts(out, ".\\\" Written by redoubt __man from the tables of the program.\n.TH \"");
    for (const char *p = name; *p; p++) {
        const char one[2] = { (char)toupper((unsigned char)*p), '\0' };

        rd_text_roff(out, one);
    }
    rd_buf_printf(out,
        "\" %d " RD_VERSION_DATE " \"Redoubt " RD_VERSION "\" \"%s\"\n.nh\n.ad l\n.SH NAME\n",
        section, section == 5 ? "File Formats Manual" : "User Commands");
    rd_text_roff(out, name);
    rd_buf_puts(out, " \\- ");
    rd_text_roff(out, summary);
    rd_buf_putc(out, '\n');
}

void rd_man_sentence(struct rd_buf *out, const char *line)
{
    const size_t len = strlen(line), first = strcspn(line, " ,:;");
    /* Of letters alone: not e.g., CSV, --pool, x.npy, but "a folder". */
    bool word = first > 1 || (first == 1 && *line == 'a' && line[1] == ' ');
    char capital[2] = { 0 };

    for (size_t i = 0; i < first; i++)
        word = word && line[i] >= 'a' && line[i] <= 'z';
    if (word) {
        capital[0] = (char)(line[0] - 'a' + 'A');
        rd_text_roff(out, capital);
        line++;
    }
    rd_text_roff(out, line);
    if (len && !strchr(".!?", line[strlen(line) - 1]))
        rd_buf_putc(out, '.');
}

void rd_man_bold(struct rd_buf *out, const char *text)
{
    rd_buf_puts(out, "\\fB");
    rd_text_roff(out, text);
    rd_buf_puts(out, "\\fR");
}

void rd_man_italic(struct rd_buf *out, const char *text)
{
    rd_buf_puts(out, "\\fI");
    rd_text_roff(out, text);
    rd_buf_puts(out, "\\fR");
}

static void put_bounds(struct rd_buf *out, const struct rd_option *o)
{
    char low[32], high[32];

    if (o->min < o->max && o->max < 1e12) {
        rd_buf_puts(out, " From ");
        rd_text_roff(out, rd_text_from_double(o->min, low));
        rd_buf_printf(out, " to %s", rd_text_from_double(o->max, high));
    } else if (o->min < o->max && o->min > -1e12) {
        rd_buf_puts(out, " At least ");
        rd_text_roff(out, rd_text_from_double(o->min, low));
    } else {
        return;
    }
    if (*o->unit) {
        rd_buf_putc(out, ' ');
        rd_text_roff(out, o->unit);
    }
    rd_buf_putc(out, '.');
}

static void put_option(struct rd_buf *out, const struct rd_option *o)
{
    char form[96], *value;

    (void)rd_option_form(o, form, sizeof form);
    value = strchr(form, ' ');
    if (value)
        *value++ = '\0';
    rd_buf_puts(out, ".TP\n");
    rd_man_bold(out, form);
    if (value) {
        rd_buf_putc(out, ' ');
        rd_man_italic(out, value);
    }
    rd_buf_putc(out, '\n');
    rd_man_sentence(out, o->help);
    if (o->type == RD_OPT_INT || o->type == RD_OPT_REAL)
        put_bounds(out, o);
    for (const char *const *c = o->choices; c && *c; c++) {
        rd_buf_puts(out, c == o->choices ? " One of " : ", ");
        rd_man_bold(out, *c);
        rd_buf_puts(out, c[1] ? "" : ".");
    }
    if (o->type == RD_OPT_LIST)
        rd_buf_puts(out, " May be repeated.");
    if (o->type == RD_OPT_BOOL && !strcmp(o->preset, "yes")) {
        rd_buf_puts(out, " On unless ");
        rd_man_bold(out, form);
        rd_buf_puts(out, "\\fB=no\\fR is given.");
    } else if (o->type != RD_OPT_BOOL && *o->preset) {
        rd_buf_puts(out, " Default: ");
        rd_man_bold(out, o->preset);
        rd_buf_putc(out, '.');
    }
    rd_buf_putc(out, '\n');
}

void rd_man_options(struct rd_buf *out, const struct rd_option *table)
{
    for (const struct rd_option *o = table; o && o->type != RD_OPT_END; o++)
        put_option(out, o);
}

void rd_man_reference(struct rd_buf *out, const char *name, int section, bool last)
{
    rd_buf_puts(out, ".BR ");
    rd_text_roff(out, name);
    rd_buf_printf(out, " (%d)%s\n", section, last ? "" : ",");
}

void rd_man_lines(struct rd_buf *out, const char *lines)
{
    rd_buf_puts(out, ".RS 4\n.nf\n");
    while (*lines) {
        const size_t len = strcspn(lines, "\n");
        char line[512];

        (void)snprintf(line, sizeof line, "%.*s", (int)len, lines);
        rd_text_roff(out, line);
        rd_buf_putc(out, '\n');
        lines += len + (lines[len] == '\n');
    }
    rd_buf_puts(out, ".fi\n.RE\n");
}

const char *rd_man_name_of(const struct rd_command *c, char *out, size_t size)
{
    (void)snprintf(out, size, "redoubt-%s", c->name);
    for (char *p = out; *p; p++)
        if (*p == ' ')
            *p = '-';
    return out;
}

/* --- the page of a command --- */

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("-_./", c));
}

/* Options and words to be typed in bold, words that stand for others in italics. */
static void put_synopsis(struct rd_buf *out, const char *synopsis)
{
    while (*synopsis) {
        char word[80];
        size_t n = 0;

        while (is_word_char(synopsis[n]) && n + 1 < sizeof word) {
            word[n] = synopsis[n];
            n++;
        }
        word[n] = '\0';
        synopsis += n;
        if (n && strspn(word, ".") == n)
            rd_text_roff(out, word);
        else if (n && (*word == '-' || (islower((unsigned char)*word) && !strchr(word, '.'))))
            rd_man_bold(out, word);
        else if (n)
            rd_man_italic(out, word);
        if (*synopsis && !is_word_char(*synopsis)) {
            const char one[2] = { *synopsis++, '\0' };

            rd_text_roff(out, one);
        }
    }
}

static const char *slot_help(enum rd_slot slot)
{
    switch (slot) {
    case RD_SLOT_ATTACK:
        return "one of those that redoubt attack list shows";
    case RD_SLOT_RULE:
        return "one of those that redoubt catalog list shows";
    case RD_SLOT_THREAT:
        return "one of those that redoubt threats shows for this system";
    case RD_SLOT_CONTROL:
        return "one of those that redoubt catalog list --controls shows";
    case RD_SLOT_CATALOG:
        return "one of those that redoubt catalog list or redoubt catalog list --controls shows";
    case RD_SLOT_COMMAND:
        return "the words of a command, like attack run";
    case RD_SLOT_FOLDER:
        return "a folder";
    case RD_SLOT_TEMPLATE: /* those are listed */
    case RD_SLOT_NONE:
    case RD_SLOT_FILE:
    case RD_SLOT_SETTING:
    case RD_SLOT_WORDS:
        break;
    }
    return NULL;
}

static void put_templates(struct rd_buf *out)
{
    for (const struct rd_embedded *t = rd_templates; t->name; t++) {
        char name[80];

        (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(t->name, "."), t->name);
        rd_buf_puts(out, t == rd_templates ? "One of " : ", ");
        rd_man_bold(out, name);
    }
    rd_buf_puts(out, ".");
}

static void put_arguments(struct rd_buf *out, const struct rd_command *c)
{
    bool any = false;

    for (int i = 0; i < c->max_args && i < 8; i++) {
        const char *word = NULL, *help;
        char name[64];
        size_t len = 0;
        enum rd_slot slot = rd_slot_of_argument(c, i, &word, &len);

        help = slot_help(slot);
        if (!word || !len || (!help && slot != RD_SLOT_TEMPLATE))
            continue;
        (void)snprintf(name, sizeof name, "%.*s", (int)len, word);
        if (!any)
            rd_buf_puts(out, ".SH ARGUMENTS\n");
        any = true;
        rd_buf_puts(out, ".TP\n");
        rd_man_italic(out, name);
        rd_buf_putc(out, '\n');
        if (help)
            rd_man_sentence(out, help);
        else
            put_templates(out);
        rd_buf_putc(out, '\n');
    }
}

static bool is_family_of(const struct rd_command *c, const struct rd_command *d)
{
    const size_t first = strcspn(c->name, " ");

    return !strncmp(c->name, d->name, first) && (d->name[first] == ' ' || d->name[first] == '\0');
}

/* What is called alike, what is for the same task, the program, the file. */
static void put_see_also(struct rd_buf *out, const struct rd_command *c)
{
    const char *task = rd_command_task(c);
    char name[64];

    rd_buf_puts(out, ".SH SEE ALSO\n");
    rd_man_reference(out, program, 1, false);
    for (const struct rd_command *const *d = rd_commands; *d; d++)
        if ((*d)->name[0] != '_' && *d != c &&
            (is_family_of(c, *d) || !strcmp(rd_command_task(*d), task)))
            rd_man_reference(out, rd_man_name_of(*d, name, sizeof name), 1, false);
    rd_man_reference(out, file_format, 5, true);
}

static void put_description(struct rd_buf *out, const struct rd_command *c)
{
    rd_buf_puts(out, ".SH DESCRIPTION\n");
    rd_man_sentence(out, c->summary);
    rd_buf_puts(out, "\n.PP\nPeople's text goes to standard output");
    if (c->paged)
        rd_buf_puts(out, ", on a terminal through a pager where it is longer than the screen");
    rd_buf_puts(out, "; progress, warnings and errors go to standard error.\nWith ");
    rd_man_bold(out, "--json");
    rd_buf_puts(out, " one JSON object is printed instead.\n");
    if (rd_option_find(c->options, "allow-outside")) {
        rd_buf_puts(out, ".PP\nA system is its file, or the folder that holds its ");
        rd_man_italic(out, file_format);
        rd_buf_puts(out, ".\n");
    }
}

static rd_status put_command(struct rd_buf *out, const struct rd_command *c, struct rd_error *err)
{
    struct rd_arena arena = RD_ARENA_INIT;
    const char *examples = rd_help_examples(c, &arena);
    char name[64];

    if (!examples) {
        rd_arena_release(&arena);
        return RD_FAIL(err, RD_E_MEMORY, "no memory for the page of '%s'", c->name);
    }
    rd_man_begin(out, rd_man_name_of(c, name, sizeof name), 1, c->summary);
    rd_buf_puts(out, ".SH SYNOPSIS\n");
    rd_man_bold(out, program);
    rd_buf_putc(out, ' ');
    rd_man_bold(out, c->name);
    rd_buf_putc(out, ' ');
    put_synopsis(out, c->synopsis);
    rd_buf_puts(out, *c->synopsis ? " [\\fIOPTIONS\\fR]\n" : "[\\fIOPTIONS\\fR]\n");
    put_description(out, c);
    put_arguments(out, c);
    rd_buf_puts(out, ".SH OPTIONS\n");
    rd_man_options(out, c->options);
    if (c->options && c->options->type != RD_OPT_END)
        rd_buf_puts(out, ".SS Of every command\n");
    rd_man_options(out, rd_common_options);
    rd_man_exit_status(out, c);
    rd_buf_puts(out, ".SH ENVIRONMENT\nVariables and files of every command stand in\n");
    rd_man_reference(out, program, 1, true);
    if (*examples) {
        rd_buf_puts(out, ".SH EXAMPLES\n");
        rd_man_lines(out, examples);
    }
    put_see_also(out, c);
    rd_arena_release(&arena);
    return RD_OK;
}

/* --- all of them --- */

bool rd_man_at(size_t index, struct rd_man_name *name_out)
{
    const struct rd_command *const *c = rd_commands;

    name_out->section = 1;
    if (index == 0)
        (void)snprintf(name_out->name, sizeof name_out->name, "%s", program);
    if (index == 0)
        return true;
    for (; *c; c++)
        if ((*c)->name[0] != '_' && --index == 0) {
            (void)rd_man_name_of(*c, name_out->name, sizeof name_out->name);
            return true;
        }
    name_out->section = 5;
    (void)snprintf(name_out->name, sizeof name_out->name, "%s", file_format);
    return index == 1;
}

static void put_file_format(struct rd_buf *out)
{
    struct rd_buf markdown = { 0 };
    const char *text;

    rd_man_begin(out, file_format, 5, "the file that describes a machine-learning system");
    rd_buf_puts(out, ".SH DESCRIPTION\n");
    rd_system_reference(&markdown);
    /* Behind its title and the paragraph on who wrote it, which speaks to readers of the source. */
    text = strstr(rd_buf_text(&markdown), "\n\nYAML ");
    rd_man_markdown(out, text ? text + 2 : rd_buf_text(&markdown));
    out->failed = out->failed || markdown.failed;
    rd_buf_release(&markdown);
    rd_buf_puts(out, ".SH EXAMPLES\nThe smallest system with something to lose:\n.PP\n");
    rd_man_lines(out, "version: 1\n"
                      "name: Credit scoring\n"
                      "currency: EUR\n"
                      "boundaries:\n"
                      "  - {id: cloud, trust: trusted}\n"
                      "elements:\n"
                      "  - id: scoring-api\n"
                      "    type: inference-api\n"
                      "    boundary: cloud\n"
                      "    properties: {exposure: internet, returns: scores, quota: no}\n"
                      "assets:\n"
                      "  - id: model-copy\n"
                      "    of: scoring-api\n"
                      "    value: {low: 50000, high: 400000, provenance: expert,\n"
                      "            by: A. Person, date: 2026-11-25}\n");
    rd_buf_puts(out, ".PP\nSystems that can be attacked at once come from\n");
    rd_man_reference(out, "redoubt-init", 1, true);
    rd_buf_puts(out, ".SH SEE ALSO\n");
    rd_man_reference(out, program, 1, false);
    rd_man_reference(out, "redoubt-init", 1, false);
    rd_man_reference(out, "redoubt-check", 1, false);
    rd_man_reference(out, "redoubt-migrate", 1, false);
    rd_man_reference(out, "redoubt-schema", 1, true);
}

static rd_status no_page(const char *name, struct rd_error *err)
{
    enum { MAX = 128 };
    static struct rd_man_name all[MAX];
    const char *names[MAX + 1] = { NULL }, *near;
    char safe[80];

    for (size_t i = 0; i < MAX && rd_man_at(i, &all[i]); i++)
        names[i] = all[i].name;
    (void)RD_FAIL(err, RD_E_USAGE, "no manual page '%s'", rd_text_safe_in(safe, sizeof safe, name));
    near = rd_text_nearest(name, names);
    return near ? rd_error_hint(err, "did you mean '%s'?", near) : RD_E_USAGE;
}

rd_status rd_man_write(struct rd_buf *out, const char *name, struct rd_error *err)
{
    const struct rd_command *const *c = rd_commands;
    rd_status st = RD_OK;
    char own[64];

    while (*c && ((*c)->name[0] == '_' || strcmp(rd_man_name_of(*c, own, sizeof own), name) != 0))
        c++;
    if (*c)
        st = put_command(out, *c, err);
    else if (!strcmp(name, program))
        rd_man_program(out);
    else if (!strcmp(name, file_format))
        put_file_format(out);
    else
        return no_page(name, err);
    if (!st && out->failed)
        st = RD_FAIL(err, RD_E_MEMORY, "no memory for the page '%s'", name);
    return st;
}
