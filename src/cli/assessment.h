/*
 * assessment.h - the loop of assess, for every command that needs what it found: tests run or taken
 * from the store, threats judged, money put on it, a roadmap chosen.
 */
#ifndef RD_CLI_ASSESSMENT_H
#define RD_CLI_ASSESSMENT_H

#include "cli/load.h"
#include "report/report.h"
#include "risk/roadmap.h"

struct rd_store;

struct rd_assessment_options {
    bool stored_only; /* nothing is attacked, contacted, started or written: what the store holds */
    bool reuse;       /* take over what was measured on endpoints and processes */
    bool needs_appetite; /* RD_E_USAGE before anything runs when the file declares none */
    bool no_confirm;     /* choose a roadmap, but do not run its set as a combination */
    bool no_warnings;    /* those of the simulation stay in the result: said by assess already */
    struct rd_roadmap_options roadmap; /* budget NaN, measure -1: the file's */
    struct rd_risk_options risk;       /* .roadmap is set by rd_cli_assess */
};
/* All defaults. */
struct rd_assessment_options rd_assessment_defaults(void);

struct rd_assessment {
    struct rd_loaded loaded;
    struct rd_store *store; /* closed with cli->run.scratch; NULL: there is none */
    struct rd_campaign_options how;
    struct rd_campaign campaign;
    struct rd_risk_result risk; /* risk.roadmap is set */
    struct rd_report report;    /* with pictures, ready for rd_report_result and its like */
    double seconds[4];          /* load, tests, simulation, pictures */
};

/* FILE or its folder. Everything lives in cli->run.scratch. Warnings of the simulation go to
 * rd_cli_warn. */
rd_status rd_cli_assess(struct rd_cli *cli, const char *path, const struct rd_load_options *load,
    const struct rd_assessment_options *options, struct rd_assessment *out);

#endif
