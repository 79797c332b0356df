/* report - the documents again, from stored evidence alone; and on paper. */
#include "cli/assessment.h"
#include "cli/browser.h"
#include "cli/documents.h"

#include "base/text.h"

#include <time.h>

struct report {
    struct rd_load_options load;
    const char *pdf, *html, *markdown, *browser;
    bool no_sandbox;
};

static const struct rd_option options[] = {
    RD_LOAD_OPTIONS(struct report, load),
    RD_TEXT(
        struct report, pdf, "pdf", "", "path", "write it for paper to this file; needs Chromium"),
    RD_TEXT(struct report, html, "html", "", "path", "write the page to this file"),
    RD_TEXT(struct report, markdown, "markdown", "", "path", "write the Markdown to this file"),
    RD_TEXT(struct report, browser, "browser", "", "program", "that prints, a Chromium"),
    RD_BOOL(struct report, no_sandbox, "no-sandbox", "no",
        "print without Chromium's sandbox, where a container does not allow it"),
    RD_OPTION_END,
};

static rd_status put(struct rd_cli *cli, const char *path, const void *data, size_t size)
{
    char safe[400];
    const rd_status st = rd_file_write(path, data, size, 0644, cli->run.err);

    if (st)
        return RD_WRAP(cli->run.err, st, "writing '%s'", path);
    rd_json_text(cli->info, path);
    (void)fprintf(cli->out, "  %s\n", rd_text_safe_in(safe, sizeof safe, path));
    return RD_OK;
}

static rd_status put_beside(
    struct rd_cli *cli, const char *folder, const char *name, const struct rd_buf *text)
{
    const char *path = rd_path_join(cli->run.scratch, folder, name);

    return path ? put(cli, path, text->text, text->len) : rd_run_no_memory(&cli->run, name);
}

static rd_status no_page(struct rd_cli *cli, const char *what)
{
    (void)RD_FAIL(
        cli->run.err, RD_E_NOTFOUND, "%s needs the page: %s", what, rd_report_html_reason());
    return rd_error_hint(cli->run.err, "--markdown FILE needs none");
}

/* What was asked for; without a wish all of it, beside the file. */
static rd_status write_all(
    struct rd_cli *cli, const struct report *o, const char *folder, const struct rd_documents *made)
{
    struct rd_bytes pdf;
    rd_status st = RD_OK;

    if (!o->pdf && !o->html && !o->markdown) {
        st = put_beside(cli, folder, "report.json", &made->json);
        if (!st)
            st = put_beside(cli, folder, "report.md", &made->markdown);
        if (!st && made->html.len)
            st = put_beside(cli, folder, "report.html", &made->html);
        return st;
    }
    if (o->markdown)
        st = put(cli, o->markdown, made->markdown.text, made->markdown.len);
    if (!st && o->html)
        st = put(cli, o->html, made->html.text, made->html.len);
    if (!st && o->pdf) {
        const struct rd_browser_options how = { .program = o->browser,
            .no_sandbox = o->no_sandbox };

        st = rd_cli_print_pdf(cli, &made->html, &how, &pdf);
        if (!st)
            st = put(cli, o->pdf, pdf.data, pdf.size);
    }
    return st;
}

static rd_status make(struct rd_cli *cli, const struct report *o, const char *path)
{
    struct rd_assessment_options how = rd_assessment_defaults();
    const time_t start = time(NULL);
    struct rd_documents made = { 0 };
    struct rd_buf result = { 0 };
    struct rd_json j = { .out = &result };
    struct rd_assessment a;
    rd_status st;

    how.stored_only = how.no_warnings = true;
    st = rd_cli_assess(cli, path, &o->load, &how, &a);
    if (st)
        return st;
    if (!a.store)
        rd_cli_warn(cli, "there is no evidence beside the file: redoubt assess makes some");
    st = rd_report_result(&cli->run, &a.report, &j);
    if (!st && result.failed)
        st = rd_run_no_memory(&cli->run, "the result");
    if (!st)
        st = rd_cli_documents(cli, &a, &result, (double)(time(NULL) - start), &made);
    if (!st) {
        (void)fputs("From stored evidence:\n", cli->out);
        rd_json_karray(cli->info, "written");
        st = write_all(cli, o, a.loaded.system->folder, &made);
        rd_json_end(cli->info);
    }
    if (!st)
        rd_json_raw(cli->result, result.text, result.len);
    rd_documents_release(&made);
    rd_json_release(&j);
    rd_buf_release(&result);
    return st;
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct report *o = opts;

    (void)argc;
    if (!rd_report_html_available() && (o->pdf || o->html)) /* before anything is computed */
        return no_page(cli, o->pdf ? "--pdf" : "--html");
    return make(cli, o, argv[0]);
}

const struct rd_command rd_command_report = {
    .name = "report",
    .summary = "make the reports again from stored evidence, also as PDF",
    .synopsis = "FILE|DIR [--pdf FILE] [--html FILE] [--markdown FILE]",
    .examples = "  redoubt report demo\n"
                "  redoubt report demo --pdf board.pdf\n"
                "  redoubt report demo --markdown report.md --html report.html\n",
    .options = options,
    .options_size = sizeof(struct report),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
