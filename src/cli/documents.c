/* documents.c - report.json, report.md and, where the page was built, report.html. */
#include "cli/documents.h"

#include "cli/envelope.h"

#include <math.h>
#include <time.h>

/* What `run` says, here and in report.json; main adds the rest. Never part of the result. */
static void write_run(const struct rd_assessment *a, struct rd_json *j, double seconds)
{
    const time_t now = time(NULL) - (time_t)seconds;
    char stamp[32] = "";
    struct tm utc;
    size_t reused = 0;

    for (size_t i = 0; i < a->campaign.n_tested; i++)
        reused += a->campaign.tested[i].reused;
    if (gmtime_r(&now, &utc))
        (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
    rd_json_ktext(j, "path", a->loaded.system->path);
    rd_json_ktext(j, "started", stamp);
    rd_json_kint(j, "tests_reused", (int64_t)reused);
}

rd_status rd_cli_documents(struct rd_cli *cli, const struct rd_assessment *a,
    const struct rd_buf *result, double seconds, struct rd_documents *out)
{
    struct rd_buf run = { 0 }, warnings = { 0 };
    struct rd_json j = { .out = &run };
    struct rd_report_parts parts = { .tool = rd_envelope_tool, .result = result->text };
    rd_status st;

    *out = (struct rd_documents){ 0 };
    rd_json_object(&j);
    write_run(a, &j, seconds);
    rd_json_ku64(&j, "seed", cli->run.seed);
    rd_json_kint(&j, "threads", (int64_t)rd_pool_threads(cli->run.pool));
    rd_json_kreal(&j, "seconds", round(10 * seconds) / 10);
    rd_json_end(&j);
    write_run(a, cli->info, seconds);
    parts.run = run.text;
    rd_cli_warnings(cli, &warnings);
    parts.warnings = warnings.failed ? NULL : warnings.text;
    st = run.failed ? rd_run_no_memory(&cli->run, "the report")
                    : rd_report_json(&cli->run, &a->report, &parts, &out->json);
    if (!st)
        st = rd_report_markdown(&cli->run, &a->report, &out->markdown);
    if (!st && rd_report_html_available())
        st = rd_report_html(out->json.text, out->json.len, &out->html, cli->run.err);
    rd_json_release(&j);
    rd_buf_release(&run);
    rd_buf_release(&warnings);
    return st;
}

void rd_documents_release(struct rd_documents *d)
{
    rd_buf_release(&d->json);
    rd_buf_release(&d->markdown);
    rd_buf_release(&d->html);
}
