/* man_program - redoubt(1): the commands by task, what they share, what surrounds them. */
#include "cli/help_text.h"
#include "cli/man_page.h"
#include "cli/parse.h"

#include "base/text.h"

#include <string.h>

struct row {
    const char *name, *text;
};

/* What the program reads (tests/cli/man.sh looks for every getenv of src/ here). */
static const struct row environment[] = {
    { "CI", "set, and neither false nor 0: no pager" },
    { "CLICOLOR_FORCE", "set, and not 0: color also where the output is no terminal" },
    { "HOME", "of doctor alone: where completions of one's own may lie" },
    { "LC_ALL, LC_CTYPE, LANG",
        "of doctor alone, which says what they mean for names beyond ASCII. "
        "No result and no number depends on the locale" },
    { "LESS", "options of less; where it is not set, a pager finds FRX there" },
    { "NO_COLOR", "set and not empty: no color, unless --color=always says so" },
    { "PAGER", "the program that shows long lists, where REDOUBT_PAGER is not set; else less. "
               "Parted at blanks, run without a shell; empty or cat: none" },
    { "PATH", "where less, dot, rsvg-convert, chromium and programs that a system file names are "
              "looked for" },
    { "REDOUBT_ISA", "the vector kernels to use, in place of the best that this processor runs; "
                     "redoubt --version --json names those that are built in" },
    { "REDOUBT_LOG",
        "what is said on standard error beside warnings: with info more, with debug most" },
    { "REDOUBT_PAGER", "as PAGER, and before it" },
    { "TERM", "not set or dumb: no color, no pager" },
    { "TMPDIR", "where a folder for the printing browser is made; else /tmp" },
    { NULL, NULL },
};

static const struct row files[] = {
    { "redoubt.yaml", "the system: what it is made of, what may be contacted, what it is worth" },
    { ".redoubt/", "beside it: the evidence, records that are only ever added to, and the lock of "
                   "a run at work. Whoever deletes it has to try everything again" },
    { "report.json", "beside it, of assess and report: all that was found, in the shape of "
                     "report.schema.json" },
    { "report.md", "the same to read" },
    { "report.html", "the same as one page, which loads nothing; only where the program was built "
                     "with it" },
    { "findings.sarif", "the same for code scanning" },
    { NULL, NULL },
};

static const char found_code[] = "done, and there are findings at or above --fail-on";
static const char missing_code[] = "done, and something that is needed is missing";
static const char wrong_code[] = "done, and a rule is wrong about one of its systems";

static const struct row codes[] = {
    { "2", "the command line makes no sense, or names what this program does not have" },
    { "3", "bad input: a file, a model, data, a system with problems" },
    { "4", "could not finish: memory, disk, another process at work, an interruption, a bug" },
    { NULL, NULL },
};

static void put_row(struct rd_buf *out, const char *name, const char *text)
{
    rd_buf_puts(out, ".TP\n");
    rd_man_bold(out, name);
    rd_buf_putc(out, '\n');
    rd_man_sentence(out, text);
    rd_buf_putc(out, '\n');
}

static void put_rows(struct rd_buf *out, const char *heading, const struct row *rows)
{
    rd_buf_printf(out, ".SH %s\n", heading);
    for (; rows->name; rows++)
        put_row(out, rows->name, rows->text);
}

void rd_man_exit_status(struct rd_buf *out, const struct rd_command *c)
{
    rd_buf_puts(out, ".SH EXIT STATUS\n");
    put_row(out, "0", "done");
    if (!c)
        put_row(out, "1",
            "done, and there are findings at or above --fail-on; of doctor: something that is "
            "needed is missing; of catalog test: a rule is wrong about one of its systems");
    else if (rd_option_find(c->options, "fail-on"))
        put_row(out, "1", found_code);
    else if (!strcmp(c->name, "doctor"))
        put_row(out, "1", missing_code);
    else if (!strcmp(c->name, "catalog test"))
        put_row(out, "1", wrong_code);
    for (const struct row *r = codes; r->name; r++)
        put_row(out, r->name, r->text);
}

static void put_commands(struct rd_buf *out)
{
    rd_buf_puts(out, ".SH COMMANDS\n");
    for (const char *const *task = rd_command_tasks; *task; task++) {
        rd_buf_puts(out, ".SS ");
        rd_text_roff(out, *task);
        rd_buf_putc(out, '\n');
        for (const struct rd_command *const *c = rd_commands; *c; c++) {
            char name[64];

            if ((*c)->name[0] == '_' || strcmp(rd_command_task(*c), *task) != 0)
                continue;
            rd_buf_puts(out, ".TP\n");
            rd_man_reference(out, rd_man_name_of(*c, name, sizeof name), 1, true);
            rd_man_sentence(out, (*c)->summary);
            rd_buf_putc(out, '\n');
        }
    }
}

void rd_man_program(struct rd_buf *out)
{
    char name[64];

    rd_man_begin(out, "redoubt", 1, "threats to machine-learning systems: derived, tried, priced");
    rd_buf_puts(out, ".SH SYNOPSIS\n\\fBredoubt\\fR \\fICOMMAND\\fR [\\fIARGUMENTS\\fR] "
                     "[\\fIOPTIONS\\fR]\n.SH DESCRIPTION\n"
                     "One file describes a system that learns from data; rules derive its threats; "
                     "attacks try them on the real model, endpoint or process;\n"
                     "controls are switched on and the same attack is run again; what was measured "
                     "becomes money and a roadmap.\n"
                     "Nothing is downloaded, and no host is contacted that is not listed.\n"
                     ".PP\nA mistyped command, option, word or file is answered with the nearest "
                     "one.\n\\fBredoubt help\\fR \\fICOMMAND\\fR says what stands in its page.\n");
    put_commands(out);
    rd_buf_puts(out, ".SH OPTIONS\nOf every command. They may stand before it or behind it; "
                     "\\fB\\-\\-name=value\\fR and \\fB\\-\\-name\\fR \\fIvalue\\fR are the same, "
                     "\\fB\\-\\-\\fR ends options. \\fB\\-h\\fR is \\fB\\-\\-help\\fR, "
                     "\\fB\\-o\\fR is \\fB\\-\\-output\\fR; \\fB\\-\\-version\\fR and "
                     "\\fB\\-V\\fR stand for the command version.\n");
    rd_man_options(out, rd_common_options);
    put_rows(out, "ENVIRONMENT", environment);
    rd_buf_puts(out, ".PP\nOther variables are read only where a system file names them: "
                     "\\fB$NAME\\fR in a header of an endpoint.\nTheir values are never printed or "
                     "stored. Proxies and .netrc are not used.\n");
    put_rows(out, "FILES", files);
    rd_man_exit_status(out, NULL);
    rd_buf_puts(out, ".SH EXAMPLES\n");
    rd_man_lines(out, "redoubt init image-classifier demo\n"
                      "redoubt threats demo\n"
                      "redoubt assess demo\n"
                      "redoubt roadmap demo --budget 20000\n"
                      "redoubt report demo --pdf board.pdf\n");
    rd_buf_puts(out, ".SH SEE ALSO\n");
    for (const struct rd_command *const *c = rd_commands; *c; c++)
        if ((*c)->name[0] != '_')
            rd_man_reference(out, rd_man_name_of(*c, name, sizeof name), 1, false);
    rd_man_reference(out, "redoubt.yaml", 5, true);
}
