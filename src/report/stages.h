/*
 * stages.h - the stage matrix: where in a model's life the threats lie, what of them was tried,
 * what they cost, and what stands against them.
 */
#ifndef RD_REPORT_STAGES_H
#define RD_REPORT_STAGES_H

#include "report/report.h"

enum rd_stage {
    RD_STAGE_DATA,
    RD_STAGE_TRAINING,
    RD_STAGE_REGISTRY,
    RD_STAGE_DEPLOYMENT,
    RD_STAGE_INFERENCE,
    RD_STAGE_MONITORING,
    RD_STAGES
};
enum rd_acts { RD_ACTS_PREVENT, RD_ACTS_DETECT, RD_ACTS_RESPOND, RD_ACTS };
extern const char *const rd_stage_name[RD_STAGES];
extern const char *const rd_acts_name[RD_ACTS];

struct rd_stage_row {
    size_t threats, tried, demonstrated; /* that apply or may apply, mitigated ones included */
    double
        expected_loss; /* a year, of scenarios whose threat lies here; NaN: none has money on it */
    const int *control[RD_ACTS]; /* indices in system->controls, retired ones left out */
    size_t n_controls[RD_ACTS];
};
struct rd_stages {
    struct rd_stage_row row[RD_STAGES];
    const char *warning; /* when everything tried was at inference time, or NULL */
};

/* rules: what kinds of control do (rd_control_kind_find). */
rd_status rd_report_stages(struct rd_run *run, const struct rd_report *report,
    struct rd_arena *arena, struct rd_stages *stages_out);
/* Members "stages" and "stage_warning". */
void rd_report_write_stages(
    const struct rd_stages *stages, const struct rd_system *system, struct rd_json *json);

#endif
