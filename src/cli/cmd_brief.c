/* brief - two minutes about one threat, to be said in a meeting. */
#include "cli/assessment.h"
#include "cli/threat_id.h"
#include "cli/threat_text.h"

#include "report/brief.h"
#include "report/finding.h"

struct brief {
    struct rd_load_options load;
};

static const struct rd_option options[] = {
    RD_LOAD_OPTIONS(struct brief, load),
    RD_OPTION_END,
};

static void put_result(struct rd_json *j, const struct rd_assessment *a, const struct rd_threat *t,
    const struct rd_brief *brief)
{
    const struct rd_threat_state *st = rd_cli_threat_state(&a->campaign, t);

    rd_json_object(j);
    rd_json_ktext(j, "threat", t->id);
    rd_json_ktext(j, "title", t->rule->title);
    rd_json_ktext(j, "severity", rd_severity_name(t->severity));
    rd_json_ktext(j, "applicability", rd_applicability_name(t->applicability));
    rd_json_ktext(j, "status", st ? rd_threat_status_name(st->status) : NULL);
    rd_json_kint(j, "words", (int64_t)brief->words);
    rd_json_karray(j, "sentences");
    for (size_t i = 0; i < brief->n; i++) {
        const struct rd_brief_sentence *s = &brief->sentence[i];

        rd_json_object(j);
        rd_json_ktext(j, "part", rd_brief_part_name(s->part));
        rd_json_ktext(j, "text", s->text);
        rd_json_karray(j, "evidence");
        for (size_t k = 0; k < s->n_evidence; k++)
            rd_json_text(j, s->evidence[k]);
        rd_json_end(j);
        rd_json_end(j);
    }
    rd_json_end(j);
    rd_json_end(j);
}

/* One paragraph a part: a breath between them. */
static rd_status print(struct rd_cli *cli, const struct rd_brief *brief)
{
    for (size_t i = 0; i < brief->n;) {
        struct rd_buf paragraph = { 0 };
        const size_t first = i;
        bool failed;

        for (; i < brief->n && brief->sentence[i].part == brief->sentence[first].part; i++)
            rd_buf_printf(&paragraph, "%s%s", i > first ? " " : "", brief->sentence[i].text);
        failed = paragraph.failed;
        (void)fputs(first ? "\n" : "", cli->out);
        rd_cli_wrap(cli->out, "", 0, rd_buf_text(&paragraph));
        rd_buf_release(&paragraph);
        if (failed)
            return rd_run_no_memory(&cli->run, "the brief");
    }
    return RD_OK;
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct brief *o = opts;
    struct rd_assessment_options how = rd_assessment_defaults();
    struct rd_threat threat = { 0 };
    struct rd_assessment a;
    struct rd_brief brief;
    rd_status st;

    (void)argc;
    how.stored_only = true;
    how.no_confirm = how.no_warnings = true;
    st = rd_cli_assess(cli, argv[0], &o->load, &how, &a);
    if (!st)
        st = rd_cli_threat_find(cli, &a.loaded, argv[1], &threat);
    if (!st)
        st = rd_brief_make(&cli->run, &a.report, &threat, cli->run.scratch, &brief);
    if (st)
        return st;
    if (!a.store)
        rd_cli_warn(cli, "there is no evidence beside the file: redoubt assess makes some");
    rd_json_ktext(cli->info, "file", argv[0]);
    put_result(cli->result, &a, &threat, &brief);
    return print(cli, &brief);
}

const struct rd_command rd_command_brief = {
    .name = "brief",
    .summary = "two minutes about one threat, to be said aloud, from stored evidence",
    .synopsis = "FILE THREAT",
    .examples = "  redoubt brief demo evasion@inference-api\n"
                "  redoubt brief demo evasion\n"
                "  redoubt brief demo model-extraction --json\n",
    .options = options,
    .options_size = sizeof(struct brief),
    .min_args = 2,
    .max_args = 2,
    .paged = true,
    .run = run,
};
