/* threat_id.h - a threat by what somebody typed. */
#ifndef RD_CLI_THREAT_ID_H
#define RD_CLI_THREAT_ID_H

#include "cli/load.h"

/*
 * The threat RULE@PLACE, also where its rule does not apply (then no member of loaded->threats has
 * this id); or RULE alone where it stands at one place only. RD_E_NOTFOUND says which part of the
 * id is wrong, or which ids are meant, with the nearest that is right as a hint.
 */
rd_status rd_cli_threat_find(struct rd_cli *cli, const struct rd_loaded *loaded, const char *id,
    struct rd_threat *threat_out);

#endif
