/* __complete - what the completion scripts ask; not for people. */
#include "cli/cli.h"
#include "cli/complete.h"

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    struct rd_buf out = { 0 };
    rd_status st = rd_complete(cli, argc, argv, &out);

    (void)opts;
    if (!st) {
        rd_json_text(cli->result, rd_buf_text(&out));
        (void)fputs(rd_buf_text(&out), cli->out);
    }
    rd_buf_release(&out);
    return st;
}

const struct rd_command rd_command_complete = {
    .name = "__complete",
    .summary = "what may stand next on a command line",
    .synopsis = "-- WORD...",
    .max_args = 10000,
    .run = run,
};
