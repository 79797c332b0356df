/* workshop - what to ask the people who know, for two hours, and a sheet for their answers. */
#include "cli/assessment.h"

#include "base/file.h"
#include "base/text.h"
#include "report/workshop.h"

#include <string.h>

static const char *const roles[] = { "all", "data", "ml", "platform", "product", "risk", NULL };

struct workshop {
    struct rd_load_options load;
    const char *output, *answers, *role;
};

static const struct rd_option options[] = {
    RD_LOAD_OPTIONS(struct workshop, load),
    RD_TEXT(struct workshop, output, "output", "", "FILE.md",
        "write agenda and questions there, in place of stdout; also -o"),
    RD_TEXT(struct workshop, answers, "answers", "", "FILE.yaml",
        "also write an empty sheet of answers; one copy for each person"),
    RD_CHOICE(struct workshop, role, "role", "all", roles, "only this role's questions"),
    RD_OPTION_END,
};

static void put_texts(struct rd_json *j, const char *key, const char *const *item, size_t n)
{
    rd_json_karray(j, key);
    for (size_t i = 0; i < n; i++)
        rd_json_text(j, item[i]);
    rd_json_end(j);
}

static void put_range(struct rd_json *j, const struct rd_workshop_item *item)
{
    const struct rd_uncertain *u = item->range;

    rd_json_key(j, "range");
    if (!u) {
        rd_json_null(j);
        return;
    }
    rd_json_object(j);
    rd_json_ktext(j, "unit", item->unit);
    if (u->given) {
        rd_json_kreal(j, "low", u->low);
        rd_json_kreal(j, "high", u->high);
    } else {
        rd_json_key(j, "low");
        rd_json_null(j);
        rd_json_key(j, "high");
        rd_json_null(j);
    }
    rd_json_end(j);
}

static void put_question(struct rd_json *j, const struct rd_workshop_question *q)
{
    static const char *const kinds[] = { "fact", "owner", "range" };
    static const char *const yes_no[] = { "yes", "no", NULL };
    const char *const *words = q->item->words ? q->item->words : yes_no;
    size_t n = 0;

    if (q->item->kind == RD_WORKSHOP_FACT && words[0][0] != '*' && words[0][0] != '#')
        while (words[n])
            n++;
    rd_json_object(j);
    rd_json_ktext(j, "id", q->item->id);
    rd_json_ktext(j, "kind", kinds[q->item->kind]);
    rd_json_ktext(j, "role", rd_role_names[q->item->role]);
    rd_json_ktext(j, "question", q->item->question);
    rd_json_ktext(j, "why", q->why);
    rd_json_kreal(j, "weight", q->weight);
    put_texts(j, "words", words, n);
    put_texts(j, "threats", q->threats, q->n_threats);
    put_range(j, q->item);
    rd_json_end(j);
}

static void put_gaps(struct rd_json *j, const struct rd_workshop *w, int role)
{
    rd_json_karray(j, "untried");
    for (size_t i = 0; i < w->n_gaps; i++) {
        const struct rd_workshop_gap *g = &w->gap[i];

        if (role != RD_NONE && (int)g->role != role)
            continue;
        rd_json_object(j);
        rd_json_ktext(j, "threat", g->threat->id);
        rd_json_ktext(j, "severity", rd_severity_name(g->threat->severity));
        rd_json_ktext(j, "role", rd_role_names[g->role]);
        rd_json_ktext(j, "reason", g->reason);
        rd_json_ktext(j, "need", g->need);
        rd_json_end(j);
    }
    rd_json_end(j);
}

static void put_result(struct rd_json *j, const struct rd_workshop *w, int role)
{
    rd_json_object(j);
    rd_json_ktext(j, "system", w->report->campaign->system->name);
    rd_json_ktext(j, "role", role == RD_NONE ? NULL : rd_role_names[role]);
    rd_json_karray(j, "questions");
    for (size_t i = 0; i < w->n; i++)
        if (role == RD_NONE || (int)w->question[i].item->role == role)
            put_question(j, &w->question[i]);
    rd_json_end(j);
    put_gaps(j, w, role);
    rd_json_karray(j, "calibration");
    for (const struct rd_calibration *c = rd_calibrations; c->id; c++) {
        rd_json_object(j);
        rd_json_ktext(j, "id", c->id);
        rd_json_ktext(j, "question", c->question);
        rd_json_ktext(j, "unit", c->unit);
        rd_json_end(j);
    }
    rd_json_end(j);
    rd_json_end(j);
}

static rd_status put_file(struct rd_cli *cli, const char *path, const struct rd_buf *text)
{
    char safe[200];
    const rd_status st = rd_file_write(path, rd_buf_text(text), text->len, 0644, cli->run.err);

    if (!st)
        (void)fprintf(cli->out, "wrote %s\n", rd_text_safe_in(safe, sizeof safe, path));
    return st;
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct workshop *o = opts;
    const int role = rd_role_find(o->role);
    struct rd_assessment_options how = rd_assessment_defaults();
    struct rd_buf paper = { 0 }, sheet = { 0 };
    struct rd_assessment a;
    struct rd_workshop w;
    rd_status st;

    (void)argc;
    how.stored_only = true;
    how.no_confirm = how.no_warnings = true;
    st = rd_cli_assess(cli, argv[0], &o->load, &how, &a);
    if (!st)
        st = rd_workshop_make(&cli->run, &a.report, cli->run.scratch, &w);
    if (!st)
        st = rd_workshop_markdown(&cli->run, &w, role, &paper);
    if (!st)
        st = rd_workshop_sheet_text(&cli->run, &w, role, &sheet);
    if (!st && o->output)
        st = put_file(cli, o->output, &paper);
    else if (!st)
        (void)fwrite(rd_buf_text(&paper), 1, paper.len, cli->out);
    if (!st && o->answers)
        st = put_file(cli, o->answers, &sheet);
    rd_buf_release(&paper);
    rd_buf_release(&sheet);
    if (st)
        return st;
    rd_json_ktext(cli->info, "file", argv[0]);
    put_result(cli->result, &w, role);
    return RD_OK;
}

const struct rd_command rd_command_workshop = {
    .name = "workshop",
    .summary = "two hours' agenda and questions by role, from what is unknown",
    .synopsis = "FILE [-o FILE.md] [--answers FILE.yaml] [--role ROLE]",
    .examples = "  redoubt workshop demo\n"
                "  redoubt workshop demo -o agenda.md --answers sheet.yaml\n"
                "  redoubt workshop demo --role data\n",
    .options = options,
    .options_size = sizeof(struct workshop),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
