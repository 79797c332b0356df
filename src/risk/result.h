/* result.h - from the base simulation to rd_risk_result, part by part. */
#ifndef RD_RISK_RESULT_H
#define RD_RISK_RESULT_H

#include "risk/model.h"

/* t: the base configuration, before rd_risk_summarize sorts its years (means stay). */
rd_status rd_risk_result_scenarios(struct rd_risk_model *m, const struct rd_risk_totals *t,
    struct rd_risk_result *r, struct rd_risk_scenario **scenario_out);
rd_status rd_risk_result_shares(
    struct rd_risk_model *m, const struct rd_risk_totals *t, struct rd_risk_result *r);
/* After the scenarios. Also decides on the illustrative mark. */
rd_status rd_risk_result_numbers(struct rd_risk_model *m, struct rd_risk_result *r);

/* controls.c: every control once, then every control and test. base: means of the base draws. */
rd_status rd_risk_result_controls(struct rd_risk_model *m, const struct rd_risk_totals *base,
    struct rd_risk_cache *cache, struct rd_arena *heavy, struct rd_risk_result *r);
/* break_even.c: after the controls, whose costs it reads. */
rd_status rd_risk_result_break_even(
    struct rd_risk_model *m, struct rd_arena *heavy, struct rd_risk_result *r);
/* tornado.c: after the controls, the totals and the summary; fills reversals in too. */
rd_status rd_risk_result_tornado(struct rd_risk_model *m, const struct rd_risk_totals *base,
    struct rd_arena *heavy, struct rd_risk_scenario *scenario, struct rd_risk_result *r);
/* sentences.c: last. */
rd_status rd_risk_result_sentences(
    struct rd_risk_model *m, struct rd_risk_scenario *scenario, struct rd_risk_result *r);
/* How many configurations that will simulate. */
size_t rd_risk_result_configurations(const struct rd_risk_model *m);
/* All parts of what controls cost, as inputs: m->cost, m->accuracy_cost, m->tried. */
rd_status rd_risk_add_costs(struct rd_risk_model *m);

#endif
