/*
 * browser.h - a page on paper: Chromium, where it is installed, prints a copy of it (CONTRACTS
 * section 8).
 *
 * The browser is a child with a deadline, an own profile in a temporary folder that is gone
 * afterwards, and no way to the network: no name is resolved, every proxy is a closed port, and the
 * page's own policy forbids all loading. Its address space has no limit, since it reserves
 * terabytes that it never uses; its script heap has one.
 */
#ifndef RD_CLI_BROWSER_H
#define RD_CLI_BROWSER_H

#include "cli/cli.h"

#include "base/buf.h"
#include "base/file.h"

struct rd_browser_options {
    const char *program; /* NULL or "": the first of chromium, chromium-browser, google-chrome */
    bool no_sandbox;     /* as root it is always off: Chromium has none there */
    unsigned timeout_ms; /* 0: two minutes */
};

/*
 * html to PDF, in cli->run.scratch. RD_E_NOTFOUND with a hint where there is no browser; RD_E_IO
 * when what came out is no PDF, or one of a page that had not drawn itself yet.
 */
rd_status rd_cli_print_pdf(struct rd_cli *cli, const struct rd_buf *html,
    const struct rd_browser_options *options, struct rd_bytes *pdf_out);

/* The browser that would be asked: its path in the arena, NULL when there is none. */
const char *rd_cli_browser(struct rd_arena *arena);

#endif
