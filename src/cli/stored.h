/* stored.h - what earlier runs found, for commands that try nothing themselves. */
#ifndef RD_CLI_STORED_H
#define RD_CLI_STORED_H

#include "campaign/campaign.h"
#include "cli/load.h"

/*
 * States of loaded->threats from the evidence beside the file, opened to be read: nothing is
 * attacked, contacted or written. *found_out is false where there is no evidence; evidence that
 * cannot be matched (an artifact is gone) is a warning, and then too. The states are those of
 * cli->run.seed.
 */
rd_status rd_cli_stored(struct rd_cli *cli, const struct rd_loaded *loaded,
    struct rd_campaign *campaign_out, bool *found_out);

#endif
