/* workshop_text.c - agenda and questions as Markdown, and the empty sheet of answers as YAML. */
#include "report/workshop.h"

#include "base/text.h"
#include "report/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ASKED_MAX = 40, THREATS_SHOWN = 4 }; /* of one kind, in two hours; the rest is counted */

static const char *const role_titles[] = { "Data", "Machine learning", "Platform", "Product",
    "Risk" };
static const char *const role_who[] = {
    "whoever collects, labels and keeps the data",
    "whoever trains, evaluates and releases the model",
    "whoever runs the service, its network and its logs",
    "whoever answers for what the product promises and earns",
    "whoever decides which losses are taken on",
};

struct paper {
    const struct rd_workshop *w;
    struct rd_buf *out;
    struct rd_arena *arena;
    int role; /* RD_NONE: all */
};

static void put(struct paper *p, const char *text)
{
    rd_buf_puts(p->out, text);
}

static void name(struct paper *p, const char *outside)
{
    rd_text_markdown(p->out, outside);
}

static bool is_for(const struct paper *p, enum rd_role role)
{
    return p->role == RD_NONE || p->role == (int)role;
}

static size_t count_for(const struct paper *p, enum rd_workshop_kind kind, enum rd_role role)
{
    size_t n = 0;

    for (size_t i = 0; i < p->w->n; i++)
        n += p->w->question[i].item->kind == kind && p->w->question[i].item->role == role;
    return n;
}

/* --- agenda --- */

static void put_agenda(struct paper *p)
{
    static const struct {
        const char *from, *what;
    } row[] = {
        { "0:00", "Why we are here: what was measured, and what only you know" },
        { "0:10", "Calibration: a dozen ranges, each alone, nobody looks anything up" },
        { "0:25",
            "Facts: the questions below, most valuable first; \"I do not know\" is an answer" },
        { "1:00", "Ranges: each alone first, then compare; nobody has to give way" },
        { "1:30", "What was not tried, and what it would take" },
        { "1:45", "Owners and costs" },
        { "1:55", "Who sends which sheet until when; the date of the next assessment" },
    };

    put(p, "## Agenda: two hours\n\n| from | what |\n| --- | --- |\n");
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        rd_buf_printf(p->out, "| %s | %s |\n", row[i].from, row[i].what);
    put(p, "\nAsk to come:\n\n");
    for (int r = 0; r < RD_ROLES; r++)
        if (is_for(p, (enum rd_role)r))
            rd_buf_printf(p->out, "- **%s**: %s\n", role_titles[r], role_who[r]);
    put(p, "\n");
}

static rd_status put_verdict(struct rd_run *run, struct paper *p)
{
    const char *const *sentence;
    size_t n = 0;
    rd_status st = rd_report_verdict(run, p->w->report, p->arena, &sentence, &n);

    if (st)
        return st;
    put(p, "## Where we stand\n\n");
    for (size_t i = 0; i < n && i < 3; i++) {
        name(p, sentence[i]);
        put(p, i + 1 < n && i < 2 ? " " : "\n\n");
    }
    return RD_OK;
}

/* --- questions --- */

/* "yes, no" or the property's own words. */
static void put_words(struct paper *p, const struct rd_workshop_item *item)
{
    if (!item->words) {
        put(p, "yes or no");
        return;
    }
    if (item->words[0][0] == '*' || item->words[0][0] == '#') {
        put(p, item->words[0][0] == '#' ? "a number" : "in a few words");
        return;
    }
    for (size_t i = 0; item->words[i]; i++)
        rd_buf_printf(p->out, "%s%s", !i ? "" : item->words[i + 1] ? ", " : " or ", item->words[i]);
}

static const char *range_now(struct paper *p, const struct rd_uncertain *u)
{
    const char *text =
        u->low < u->high ? rd_arena_printf(p->arena, "%s to %s", rd_words_number(u->low, p->arena),
                               rd_words_number(u->high, p->arena))
                         : rd_words_number(u->low, p->arena);

    p->out->failed = p->out->failed || !text;
    return text ? text : "";
}

static void put_now(struct paper *p, const struct rd_workshop_item *item)
{
    const struct rd_uncertain *u = item->range;

    if (item->kind == RD_WORKSHOP_FACT) {
        put(p, " (");
        put_words(p, item);
        put(p, ")");
    } else if (item->kind == RD_WORKSHOP_RANGE) {
        put(p, " (in ");
        name(p, item->unit);
        if (u->given)
            rd_buf_printf(p->out, "; now %s", range_now(p, u));
        put(p, ")");
    }
}

static void put_question(struct paper *p, const struct rd_workshop_question *q)
{
    put(p, "- ");
    name(p, q->item->question);
    put_now(p, q->item);
    put(p, "  \n  ");
    name(p, q->why);
    for (size_t i = 0; i < q->n_threats && i < THREATS_SHOWN; i++) {
        put(p, i ? ", " : ": ");
        name(p, q->threats[i]);
    }
    if (q->n_threats > THREATS_SHOWN)
        rd_buf_printf(p->out, " and %zu more", q->n_threats - THREATS_SHOWN);
    put(p, ".  \n  Answer as `");
    rd_text_safe(p->out, q->item->id, strlen(q->item->id)); /* letters, digits, dots, - and _ */
    put(p, "`\n");
}

static void put_kind(
    struct paper *p, enum rd_role role, enum rd_workshop_kind kind, const char *title)
{
    const size_t n = count_for(p, kind, role);
    size_t shown = 0;

    if (!n)
        return;
    rd_buf_printf(p->out, "**%s**\n\n", title);
    for (size_t i = 0; i < p->w->n && shown < ASKED_MAX; i++) {
        const struct rd_workshop_question *q = &p->w->question[i];

        if (q->item->kind != kind || q->item->role != role)
            continue;
        put_question(p, q);
        shown++;
    }
    if (shown < n)
        rd_buf_printf(p->out, "- ... and %zu more, of less weight, on the sheet\n", n - shown);
    put(p, "\n");
}

static void put_gaps(struct paper *p, enum rd_role role)
{
    size_t shown = 0, n = 0;

    for (size_t i = 0; i < p->w->n_gaps; i++)
        n += p->w->gap[i].role == role;
    if (!n)
        return;
    put(p, "**Not tried: what would it take?**\n\n");
    for (size_t i = 0; i < p->w->n_gaps && shown < ASKED_MAX; i++) {
        const struct rd_workshop_gap *g = &p->w->gap[i];

        if (g->role != role)
            continue;
        rd_buf_printf(p->out, "- %s (", rd_severity_name(g->threat->severity));
        name(p, g->threat->id);
        put(p, "): ");
        name(p, g->threat->rule->title);
        put(p, ".  \n  ");
        name(p, g->need);
        put(p, ".\n");
        shown++;
    }
    if (shown < n)
        rd_buf_printf(p->out, "- ... and %zu more of lower rank\n", n - shown);
    put(p, "\n");
}

static void put_role(struct paper *p, enum rd_role role)
{
    size_t n = 0;

    rd_buf_printf(p->out, "## %s\n\n", role_titles[role]);
    for (size_t i = 0; i < p->w->n; i++)
        n += p->w->question[i].item->role == role;
    for (size_t i = 0; i < p->w->n_gaps; i++)
        n += p->w->gap[i].role == role;
    if (!n) {
        put(p, "Nothing is open for you: your ranges in the calibration round still help.\n\n");
        return;
    }
    put_kind(p, role, RD_WORKSHOP_FACT, "Facts");
    put_kind(p, role, RD_WORKSHOP_RANGE,
        "Ranges: low and high, so that nine times in ten the truth lies between");
    put_kind(p, role, RD_WORKSHOP_OWNER, "Owners");
    put_gaps(p, role);
}

static void put_calibration(struct paper *p)
{
    put(p, "## Calibration round\n\n"
           "For each, a low and a high so that you are right nine times in ten. Not knowing is "
           "normal: then the range is wide. The merge counts how many hold the truth.\n\n");
    for (const struct rd_calibration *c = rd_calibrations; c->id; c++)
        rd_buf_printf(p->out, "- `%s` %s\n", c->id, c->question);
    put(p, "\n");
}

rd_status rd_workshop_markdown(
    struct rd_run *run, const struct rd_workshop *workshop, int role, struct rd_buf *out)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct paper p = { workshop, out, &arena, role };
    rd_status st;

    put(&p, "# Workshop: ");
    name(&p, workshop->report->campaign->system->name);
    put(&p, "\n\n");
    st = put_verdict(run, &p);
    if (!st) {
        put_agenda(&p);
        put_calibration(&p);
        for (int r = 0; r < RD_ROLES; r++)
            if (is_for(&p, (enum rd_role)r))
                put_role(&p, (enum rd_role)r);
        put(&p,
            "## Afterwards\n\nEach person fills in one sheet of answers with name and date; "
            "`redoubt workshop merge` puts them into the system file and writes the minutes.\n");
    }
    rd_arena_release(&arena);
    return st ? st : out->failed ? rd_run_no_memory(run, "the workshop") : RD_OK;
}

/* --- the sheet --- */

/* A comment must stay one: no line of it may end early. rd_text_safe leaves no line break. */
static void comment(struct paper *p, const char *indent, const char *text)
{
    put(p, indent);
    put(p, "# ");
    rd_text_safe(p->out, text, strlen(text));
    put(p, "\n");
}

static void put_comment(struct paper *p, const struct rd_workshop_question *q)
{
    struct rd_buf line = { 0 };
    struct paper side = { p->w, &line, p->arena, p->role };

    comment(p, "  ", q->item->question);
    if (q->item->kind == RD_WORKSHOP_FACT) {
        put_words(&side, q->item);
        rd_buf_printf(&line, "; %s", q->why);
    } else if (q->item->kind == RD_WORKSHOP_RANGE) {
        rd_buf_printf(&line, "in %s", q->item->unit);
        if (q->item->range->given)
            rd_buf_printf(&line, ", now %s", range_now(&side, q->item->range));
        rd_buf_printf(&line, "; %s", q->why);
    } else {
        rd_buf_puts(&line, q->why);
    }
    comment(p, "  ", rd_buf_text(&line));
    p->out->failed = p->out->failed || line.failed;
    rd_buf_release(&line);
}

static void put_answers(struct paper *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->w->n; i++) {
        const struct rd_workshop_question *q = &p->w->question[i];

        if (!is_for(p, q->item->role))
            continue;
        if (!n++)
            put(p, "answers:\n");
        put_comment(p, q);
        rd_buf_printf(p->out,
            q->item->kind == RD_WORKSHOP_RANGE ? "  - {id: %s, low: , high: }\n"
                                               : "  - {id: %s, answer: }\n",
            q->item->id);
    }
    if (!n)
        put(p, "answers: []\n");
}

rd_status rd_workshop_sheet_text(
    struct rd_run *run, const struct rd_workshop *workshop, int role, struct rd_buf *out)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct paper p = { workshop, out, &arena, role };

    comment(&p, "",
        "Answers of one person. Leave empty what you do not answer; `unknown` says that "
        "you do not know.");
    comment(&p, "", workshop->report->campaign->system->name);
    rd_buf_printf(out,
        "workshop: %d\nname:              # who you are; it stands beside what you say\n"
        "date:              # 2026-11-25\n",
        (int)RD_WORKSHOP_VERSION);
    if (role == RD_NONE)
        put(&p, "role:              # data, ml, platform, product or risk\n");
    else
        rd_buf_printf(out, "role: %s\n", rd_role_names[role]);
    put_answers(&p);
    put(&p, "# Low and high so that the truth lies between nine times in ten. Look nothing up.\n"
            "calibration:\n");
    for (const struct rd_calibration *c = rd_calibrations; c->id; c++) {
        comment(&p, "  ", c->question);
        rd_buf_printf(out, "  - {id: %s, low: , high: }\n", c->id);
    }
    rd_arena_release(&arena);
    return out->failed ? rd_run_no_memory(run, "the sheet of answers") : RD_OK;
}
