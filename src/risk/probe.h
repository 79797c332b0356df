/* probe.h - the same years again with one number fixed: for the tornado and for reversal points. */
#ifndef RD_RISK_PROBE_H
#define RD_RISK_PROBE_H

#include "risk/model.h"

/* A number that can be fixed. */
struct rd_risk_knob {
    const char *name, *unit;
    enum rd_provenance provenance;
    bool probability;     /* values stay below 1 */
    double low, high;     /* 5 % and 95 % quantiles */
    double least, most;   /* how far a search may go */
    int input;            /* of m->inputs; or NO_INPUT, and then: */
    const char *campaign; /* a number drawn anew for each campaign or loss, by its name; or NULL */
    int evidence;         /* plan whose evidence it is; or NO_INPUT */
    size_t at_low, at_high; /* draws where that evidence is at its quantiles */
};

enum { RD_RISK_TRIED = 24 }; /* knobs, the heaviest, that the tornado tries */

struct rd_risk_probe {
    struct rd_risk_model m; /* fewer draws and years; inputs and plans that may be changed */
    struct rd_risk_cache cache;
    struct rd_risk_totals base, other;
    double mean;  /* of base */
    size_t draws; /* of the full simulation */
    double *flat;
    const struct rd_risk_view **view;
    struct rd_risk_knob *knob;
    size_t n_knobs;
};

/*
 * base: the full simulation. work: about how many scenario-years may be spent. Everything lives in
 * heavy. knob: the uncertain numbers that simulated scenarios read, heaviest first.
 */
rd_status rd_risk_probe_new(const struct rd_risk_model *m, const struct rd_risk_totals *base,
    const struct rd_risk_scenario *scenario, double work, struct rd_arena *heavy,
    struct rd_risk_probe *out);
bool rd_risk_probe_touches(
    const struct rd_risk_probe *p, const struct rd_risk_knob *k, size_t plan);
/* p->other: all years with the knob at value. with (plans): views in place of the base ones, or
 * NULL. */
rd_status rd_risk_probe_run(struct rd_risk_probe *p, const struct rd_risk_knob *k, double value,
    const struct rd_risk_view *const *with);

#endif
