#include "cli/stored.h"

#include "base/text.h"
#include "evidence/store.h"

rd_status rd_cli_stored(struct rd_cli *cli, const struct rd_loaded *loaded,
    struct rd_campaign *campaign_out, bool *found_out)
{
    struct rd_campaign_options how = { .stored_only = true };
    struct rd_error err = { 0 };
    struct rd_run run = cli->run;
    rd_status st = rd_store_open_read(loaded->system->folder, &how.store, &err);

    *found_out = false;
    if (st == RD_E_NOTFOUND)
        return RD_OK;
    run.err = &err;
    if (!st)
        st = rd_campaign_run(
            &run, loaded->system, &loaded->threats, &how, run.scratch, campaign_out);
    rd_store_close(how.store);
    *found_out = !st;
    if (st == RD_E_MEMORY || st == RD_E_CANCELED) {
        *cli->run.err = err;
        return st;
    }
    if (st)
        rd_cli_warn(cli, "the evidence in .redoubt was left aside: %s",
            err.frames ? err.frame[0].text : "it cannot be read");
    return RD_OK;
}
