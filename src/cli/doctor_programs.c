/*
 * doctor_programs.c - the programs that some commands ask. That one is there says little: each is
 * asked for what it is needed for, or, where that takes long, for its version, under limits.
 */
#include "cli/browser.h"
#include "cli/doctor.h"
#include "cli/pager.h"
#include "cli/programs.h"

#include "base/buf.h"
#include "base/child.h"

#include <stdlib.h>
#include <string.h>

/* HEADLESS_NEW: the first Chromium that knows --headless=new, as browser.c calls it. */
enum { ANSWER_MAX = 4096, ASK_MS = 3000, BROWSER_MS = 10000, HEADLESS_NEW = 112 };

struct program {
    const char *id;
    const char *const *words; /* behind its path; NULL-terminated */
    const char *in;
    unsigned timeout_ms;
    size_t memory_bytes;
    /* What is wrong with its answer; NULL: nothing. */
    const char *(*wrong)(const struct rd_bytes *said);
    bool says_version; /* the first line of the answer is one to show */
    const char *costs, *hint;
};

static bool begins(const struct rd_bytes *said, const char *with)
{
    const size_t n = strlen(with);

    return said->size >= n && !memcmp(said->data, with, n);
}

static const char *no_layout(const struct rd_bytes *said)
{
    return begins(said, "graph ") && strstr((const char *)said->data, "\nstop")
               ? NULL
               : "it does not lay out a graph of one node";
}

static const char *no_picture(const struct rd_bytes *said)
{
    return rd_cli_is_png(said->data, said->size) ? NULL : "it does not draw a square as PNG";
}

/* "Chromium 156.0.8078.79 built on ...", "Google Chrome 120.0": the first number behind a blank. */
static const char *no_browser(const struct rd_bytes *said)
{
    const char *text = (const char *)said->data, *number = text;
    const bool named = strstr(text, "Chrom") != NULL;

    while (named && (number = strchr(number, ' ')) != NULL)
        if (*++number >= '0' && *number <= '9')
            return strtol(number, NULL, 10) < HEADLESS_NEW
                       ? "it is older than 112, the first that prints as it is asked to"
                       : NULL;
    return "what it says of its version is not what Chromium says";
}

static const char *no_less(const struct rd_bytes *said)
{
    return begins(said, "less ") ? NULL : "what it says of its version is not what less says";
}

static const char *const ask_plain[] = { "-Tplain", NULL };
static const char *const ask_version[] = { "--version", NULL };

static const struct program dot = { "dot", ask_plain, "digraph { a }", ASK_MS, 1u << 30, no_layout,
    false, "diagrams are laid out by our own layers, which cross more lines",
    "apt-get install graphviz" };
static const struct program rsvg = { "rsvg-convert", NULL,
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"4\" height=\"4\"/>", ASK_MS, 1u << 30,
    no_picture, false, "no PNG of a diagram: redoubt diagram -o x.svg works",
    "apt-get install librsvg2-bin" };
static const struct program chromium = { "chromium", ask_version, "", BROWSER_MS, 0, no_browser,
    true, "no PDF: redoubt report --html FILE works, and any browser prints it",
    "apt-get install chromium" };
static const struct program less = { "pager", ask_version, "", ASK_MS, 1u << 30, no_less, true,
    "long lists are printed at once", "apt-get install less, or name another one in PAGER" };

/* What some say of their version on stderr is not ours. */
static rd_status ask(struct rd_doctor *d, const struct program *p, const char *path,
    struct rd_bytes *said_out, struct rd_error *why)
{
    const char *argv[RD_RSVG_WORDS] = { path };
    const struct rd_child child = {
        .argv = argv,
        .in = p->in,
        .in_size = strlen(p->in),
        .out_limit = ANSWER_MAX,
        .timeout_ms = p->timeout_ms,
        .memory_bytes = p->memory_bytes,
    };

    if (!p->words)
        rd_cli_rsvg_words("4", argv);
    for (size_t i = 0; p->words && p->words[i]; i++)
        argv[i + 1] = p->words[i];
    argv[0] = path;
    return rd_child_run(&child, d->cli->run.scratch, said_out, why);
}

static void examine(struct rd_doctor *d, const struct program *p, const char *path)
{
    struct rd_check check = { .id = p->id };
    struct rd_bytes said = { 0 };
    struct rd_buf what = { 0 };
    struct rd_error why = { 0 };
    const rd_status st = ask(d, p, path, &said, &why);
    const char *wrong =
        st ? (why.frames ? why.frame[0].text : "it could not be asked") : p->wrong(&said);

    if (wrong) {
        check.health = RD_HEALTH_ABSENT;
        check.costs = p->costs;
        check.hint = p->hint;
        rd_buf_printf(&what, "%s is there and does not work: %s", path, wrong);
    } else {
        const char *text = (const char *)said.data;

        rd_buf_printf(&what, "%s%s%.*s", path, p->says_version ? ": " : "",
            (int)(p->says_version ? strcspn(text, "\r\n") : 0), text);
    }
    check.what = rd_buf_text(&what);
    rd_doctor_say(d, &check);
    rd_buf_release(&what);
}

static void program(struct rd_doctor *d, const struct program *p, const char *path)
{
    if (path)
        examine(d, p, path);
    else
        rd_doctor_say(
            d, &(struct rd_check){ p->id, RD_HEALTH_ABSENT, "not in PATH", p->costs, p->hint });
}

/* Any other pager is looked for, not started: who knows what it does with --version. */
static void pager(struct rd_doctor *d)
{
    char name[256];
    const char *path;

    (void)rd_pager_program(name, sizeof name);
    path = rd_cli_program(d->cli->run.scratch, NULL, name);
    if (!*name)
        rd_doctor_say(d, &(struct rd_check){ "pager", RD_HEALTH_OK,
                             "none is wanted (REDOUBT_PAGER or PAGER)", NULL, NULL });
    else if (!strcmp(name, "less"))
        program(d, &less, path);
    else
        rd_doctor_say(d, path ? &(struct rd_check){ "pager", RD_HEALTH_OK, path, NULL, NULL }
                              : &(struct rd_check){ "pager", RD_HEALTH_ABSENT, name, less.costs,
                                    "it is no program in PATH: set REDOUBT_PAGER or PAGER" });
}

void rd_doctor_programs(struct rd_doctor *d)
{
    struct rd_arena *arena = d->cli->run.scratch;

    program(d, &dot, rd_cli_program(arena, NULL, dot.id));
    program(d, &rsvg, rd_cli_program(arena, NULL, rsvg.id));
    program(d, &chromium, rd_cli_browser(arena));
    pager(d);
}
