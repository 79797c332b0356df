/* workshop_minutes.c - who said what and when, what was decided, what is open, what it changed. */
#include "report/workshop.h"

#include "base/text.h"

#include <string.h>

static void name(struct rd_buf *out, const char *outside)
{
    rd_text_markdown(out, outside ? outside : "");
}

static void put_people(struct rd_buf *out, const struct rd_workshop_sheet *sheets, size_t n)
{
    rd_buf_puts(out, "## Who\n\n| name | role | date | answers | do not know |\n"
                     "| --- | --- | --- | ---: | ---: |\n");
    for (size_t i = 0; i < n; i++) {
        size_t unknown = 0;

        for (size_t k = 0; k < sheets[i].n; k++)
            unknown += sheets[i].answer[k].text && !strcmp(sheets[i].answer[k].text, "unknown");
        rd_buf_puts(out, "| ");
        name(out, sheets[i].name);
        rd_buf_printf(out, " | %s | %s | %zu | %zu |\n",
            sheets[i].role == RD_NONE ? "" : rd_role_names[sheets[i].role], sheets[i].date,
            sheets[i].n - unknown, unknown);
    }
    rd_buf_puts(out, "\n");
}

static void put_changes(struct rd_buf *out, const struct rd_workshop_merged *m)
{
    rd_buf_puts(out, "## Decided\n\n");
    if (!m->n_changes) {
        rd_buf_printf(out, "Nothing changes: %s.\n\n",
            m->kept ? "the file holds all of it already" : "no answer could be merged");
        return;
    }
    rd_buf_puts(out, "| what | before | now | who | when |\n| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < m->n_changes; i++) {
        const struct rd_workshop_change *c = &m->change[i];

        rd_buf_printf(out, "| `%s` | ", c->item->id);
        name(out, c->from);
        rd_buf_puts(out, " | ");
        name(out, c->to);
        if (c->how)
            rd_buf_printf(out, " (%s)", c->how);
        rd_buf_puts(out, " | ");
        name(out, c->by);
        rd_buf_printf(out, " | %s |\n", c->date);
    }
    rd_buf_puts(out, "\n");
}

static void put_open(struct rd_buf *out, const struct rd_workshop_merged *m,
    const struct rd_workshop_sheet *sheets, size_t n)
{
    size_t said = 0;

    rd_buf_puts(out, "## Open\n\n");
    for (size_t i = 0; i < m->n_open; i++, said++) {
        rd_buf_printf(out, "- `%s`: ", m->open[i].item->id);
        name(out, m->open[i].why);
        rd_buf_puts(out, ".\n");
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sheets[i].n; k++)
            if (sheets[i].answer[k].text && !strcmp(sheets[i].answer[k].text, "unknown")) {
                rd_buf_printf(out, "- `%s`: ", sheets[i].answer[k].item->id);
                name(out, sheets[i].name);
                rd_buf_puts(out, " does not know.\n");
                said++;
            }
    rd_buf_puts(out, said ? "\n" : "Nothing.\n\n");
}

static rd_status put_calibration(struct rd_run *run, struct rd_buf *out,
    const struct rd_workshop_sheet *sheets, size_t n, struct rd_arena *arena)
{
    rd_buf_puts(out, "## Calibration of the 90 % ranges\n\n");
    for (size_t i = 0; i < n; i++) {
        struct rd_calibration_score score;
        const rd_status st =
            rd_calibration_of(run, sheets[i].calibration, sheets[i].n_calibration, arena, &score);

        if (st)
            return st;
        rd_buf_puts(out, "- ");
        name(out, sheets[i].name);
        rd_buf_printf(out, ": %s.\n", score.words);
    }
    rd_buf_puts(out, "\nThe truth, with its source:\n\n");
    for (const struct rd_calibration *c = rd_calibrations; c->id; c++) {
        rd_buf_printf(out, "- `%s` %s %.12g (", c->id, c->question, c->truth);
        name(out, c->source);
        rd_buf_puts(out, ")\n");
    }
    rd_buf_puts(out,
        "\nRanges were merged as they were given: the score is for those who gave them "
        "and for those who read them.\n\n");
    return RD_OK;
}

static void put_count(struct rd_buf *out, const char *what, size_t before, size_t after)
{
    rd_buf_printf(out, "| %s | %zu | %zu |\n", what, before, after);
}

rd_status rd_workshop_minutes(struct rd_run *run, const struct rd_system *system,
    const struct rd_workshop_sheet *sheets, size_t n_sheets,
    const struct rd_workshop_merged *merged, const struct rd_workshop_counts *before,
    const struct rd_workshop_counts *after, struct rd_buf *out)
{
    struct rd_arena arena = RD_ARENA_INIT;
    rd_status st;

    rd_buf_puts(out, "# Minutes: ");
    name(out, system->name);
    rd_buf_puts(out, "\n\n");
    put_people(out, sheets, n_sheets);
    put_changes(out, merged);
    put_open(out, merged, sheets, n_sheets);
    st = put_calibration(run, out, sheets, n_sheets, &arena);
    rd_arena_release(&arena);
    if (st)
        return st;
    rd_buf_puts(out, "## What it changed\n\n| | before | after |\n| --- | ---: | ---: |\n");
    put_count(
        out, "threats that apply", before->threats[RD_APPLIES_YES], after->threats[RD_APPLIES_YES]);
    put_count(out, "threats that may apply", before->threats[RD_APPLIES_UNKNOWN],
        after->threats[RD_APPLIES_UNKNOWN]);
    put_count(out, "threats that a control removes", before->threats[RD_APPLIES_MITIGATED],
        after->threats[RD_APPLIES_MITIGATED]);
    put_count(out, "facts that a threat waits for", before->unknown, after->unknown);
    put_count(out, "numbers that are defaults", before->defaults, after->defaults);
    put_count(out, "parts and controls without an owner", before->no_owner, after->no_owner);
    return out->failed ? rd_run_no_memory(run, "the minutes") : RD_OK;
}
