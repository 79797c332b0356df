/* browser.c - print a page with Chromium. */
#include "cli/browser.h"

#include "cli/programs.h"

#include "base/child.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TIMEOUT_MS = 120000, ARGS_MAX = 40, OUTPUT_MAX = 1 << 20 };
static const size_t pdf_limit = 256u << 20;

static const char *const programs[] = { "chromium", "chromium-browser", "google-chrome",
    "google-chrome-stable", NULL };

/* --- the folder --- */

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *ftw)
{
    (void)s, (void)type, (void)ftw;
    return remove(path);
}

/* Guard of an arena: the folder goes with it, whatever happened between. */
static void remove_folder(void *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static rd_status make_folder(struct rd_cli *cli, struct rd_arena *arena, char **folder_out)
{
    const char *base = getenv("TMPDIR");
    char *folder =
        rd_arena_printf(arena, "%s/redoubt-print-XXXXXX", base && *base == '/' ? base : "/tmp");

    if (!folder)
        return rd_run_no_memory(&cli->run, "a temporary folder");
    if (!mkdtemp(folder))
        return RD_FAIL(cli->run.err, RD_E_IO, "cannot make a temporary folder '%s': %s", folder,
            strerror(errno));
    if (rd_arena_guard(arena, remove_folder, folder)) {
        remove_folder(folder);
        return rd_run_no_memory(&cli->run, "a temporary folder");
    }
    *folder_out = folder;
    return RD_OK;
}

/* file://... with everything but the plainest characters as %XX. */
static const char *file_url(struct rd_arena *arena, const char *path)
{
    struct rd_buf b = { 0 };
    const char *url;

    rd_buf_puts(&b, "file://");
    for (const char *p = path; *p; p++)
        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
            strchr("/-_.", *p))
            rd_buf_putc(&b, *p);
        else
            rd_buf_printf(&b, "%%%02X", (unsigned char)*p);
    url = b.failed ? NULL : rd_arena_strdup(arena, rd_buf_text(&b));
    rd_buf_release(&b);
    return url;
}

/* --- the program --- */

const char *rd_cli_browser(struct rd_arena *arena)
{
    const char *path = NULL;

    for (size_t i = 0; programs[i] && !path; i++)
        path = rd_cli_program(arena, NULL, programs[i]);
    return path;
}

static rd_status find_program(
    struct rd_cli *cli, struct rd_arena *arena, const char *wanted, const char **program_out)
{
    if (wanted && *wanted) {
        if (!rd_cli_program(arena, NULL, wanted))
            return RD_FAIL(cli->run.err, RD_E_NOTFOUND, "there is no browser '%s'", wanted);
        *program_out = wanted;
        return RD_OK;
    }
    *program_out = rd_cli_browser(arena);
    if (*program_out)
        return RD_OK;
    (void)RD_FAIL(cli->run.err, RD_E_NOTFOUND,
        "a PDF is printed by Chromium, and no chromium, chromium-browser or google-chrome is "
        "installed");
    return rd_error_hint(cli->run.err,
        "apt-get install chromium; or --html FILE, which any browser prints; or --markdown FILE");
}

/* --- the result --- */

/*
 * A page that had not drawn itself when it was printed still has the title of the empty one: the
 * script sets another when all is drawn. Chromium writes titles uncompressed: (text) or <UTF-16>.
 */
static rd_status check_pdf(struct rd_cli *cli, const struct rd_bytes *pdf)
{
    static const char empty[] = "/Title (Redoubt report)";

    if (pdf->size < 1000 || memcmp(pdf->data, "%PDF-", 5) != 0)
        return RD_FAIL(cli->run.err, RD_E_IO, "the browser wrote something that is no PDF");
    if (memmem(pdf->data, pdf->size, empty, sizeof empty - 1) ||
        !memmem(pdf->data, pdf->size, "/Title", 6))
        return RD_FAIL(
            cli->run.err, RD_E_IO, "the browser printed the page before it had drawn itself");
    return RD_OK;
}

static rd_status explain(struct rd_cli *cli, rd_status st, const char *program, bool sandboxed)
{
    st = RD_WRAP(cli->run.err, st, "printing with '%s'", program);
    if (st == RD_E_INPUT || st == RD_E_LIMIT) /* it failed, hung or raved: no fault of the input */
        st = RD_E_IO;
    if (sandboxed)
        (void)rd_error_hint(cli->run.err,
            "in a container without user namespaces Chromium's sandbox cannot start: --no-sandbox "
            "does without; the page loads nothing and runs only the script it was built with");
    return st;
}

static rd_status print(struct rd_cli *cli, struct rd_arena *arena, const char *folder,
    const struct rd_browser_options *o, struct rd_bytes *pdf_out)
{
    const bool sandboxed = !o->no_sandbox && geteuid() != 0;
    const char *page = rd_path_join(arena, folder, "page.html");
    const char *pdf = rd_path_join(arena, folder, "page.pdf");
    const char *to = rd_arena_printf(arena, "--print-to-pdf=%s", pdf ? pdf : "");
    const char *profile = rd_arena_printf(arena, "--user-data-dir=%s/profile", folder);
    const char *crashes = rd_arena_printf(arena, "--crash-dumps-dir=%s", folder);
    const char *url = page ? file_url(arena, page) : NULL;
    const char *argv[ARGS_MAX] = { 0 };
    const char *program = NULL; /* gcc sees no way through status */
    struct rd_bytes said;
    size_t n = 0;
    rd_status st = find_program(cli, arena, o->program, &program);

    if (st)
        return st;
    if (!page || !pdf || !to || !profile || !crashes || !url)
        return rd_run_no_memory(&cli->run, "the browser's arguments");
    argv[n++] = program;
    if (!sandboxed)
        argv[n++] = "--no-sandbox";
    const char *const fixed[] = { "--headless=new", "--disable-gpu", "--disable-dev-shm-usage",
        "--no-first-run", "--no-default-browser-check", "--disable-extensions", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--disable-breakpad",
        "--disable-crash-reporter", "--metrics-recording-only", "--password-store=basic",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9",
        "--js-flags=--max-old-space-size=1024", "--no-pdf-header-footer",
        /* time stands still while there is work, so this is no wait: it ends when all is drawn */
        "--virtual-time-budget=20000", profile, crashes, to, url };
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        argv[n++] = fixed[i];
    st = rd_child_run(&(struct rd_child){ .argv = argv,
                          .out_limit = OUTPUT_MAX,
                          .timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_MS },
        arena, &said, cli->run.err);
    if (st)
        return explain(cli, st, program, sandboxed);
    if (!rd_file_exists(pdf)) {
        (void)RD_FAIL(cli->run.err, RD_E_IO, "'%s' ended without a PDF", program);
        return explain(cli, RD_E_IO, program, sandboxed);
    }
    st = rd_file_read(pdf, pdf_limit, cli->run.scratch, pdf_out, cli->run.err);
    return st ? st : check_pdf(cli, pdf_out);
}

rd_status rd_cli_print_pdf(struct rd_cli *cli, const struct rd_buf *html,
    const struct rd_browser_options *options, struct rd_bytes *pdf_out)
{
    struct rd_arena arena = RD_ARENA_INIT;
    char *folder = NULL;
    rd_status st = make_folder(cli, &arena, &folder);

    if (!st) {
        const char *page = rd_path_join(&arena, folder, "page.html");

        st = page ? rd_file_write(page, html->text, html->len, 0600, cli->run.err)
                  : rd_run_no_memory(&cli->run, "the page");
    }
    if (!st)
        st = print(cli, &arena, folder, options, pdf_out);
    rd_arena_release(&arena); /* and the folder with it */
    return st;
}
