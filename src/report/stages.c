#include "report/stages.h"

#include <math.h>
#include <string.h>

const char *const rd_stage_name[RD_STAGES] = { "data", "training", "registry", "deployment",
    "inference", "monitoring" };
const char *const rd_acts_name[RD_ACTS] = { "prevent", "detect", "respond" };

static size_t index_of(const char *const *names, size_t n, const char *name)
{
    size_t i = 0;

    while (i < n && name && strcmp(names[i], name) != 0)
        i++;
    return name ? i : n;
}

static void count_threats(const struct rd_campaign *c, struct rd_stages *s)
{
    for (size_t i = 0; i < c->threats->n; i++) {
        const size_t at = index_of(rd_stage_name, RD_STAGES, c->threats->item[i].rule->stage);

        if (at == RD_STAGES)
            continue;
        s->row[at].threats++;
        s->row[at].tried += c->states[i].status != RD_THREAT_UNTRIED;
        s->row[at].demonstrated += c->states[i].status == RD_THREAT_DEMONSTRATED;
    }
}

/* A scenario's stage is that of its threat's rule, whether or not the threat still applies. */
static size_t stage_of(const struct rd_rules *rules, const char *threat)
{
    const char *at = strchr(threat, '@');

    for (size_t i = 0; at && rules && i < rules->n; i++) {
        const struct rd_rule *r = rules->item[i];

        if (strlen(r->id) == (size_t)(at - threat) && !strncmp(r->id, threat, strlen(r->id)))
            return index_of(rd_stage_name, RD_STAGES, r->stage);
    }
    return RD_STAGES;
}

static void add_losses(const struct rd_report *report, struct rd_stages *s)
{
    for (size_t i = 0; i < RD_STAGES; i++)
        s->row[i].expected_loss = (double)NAN;
    for (size_t i = 0; report->risk && i < report->risk->n_scenarios; i++) {
        const struct rd_risk_scenario *q = &report->risk->scenarios[i];
        const size_t at =
            stage_of(report->rules, report->campaign->system->scenarios[q->index].threat);

        if (at == RD_STAGES || q->unquantified)
            continue;
        s->row[at].expected_loss =
            q->ale.value + (isnan(s->row[at].expected_loss) ? 0 : s->row[at].expected_loss);
    }
}

static rd_status place_controls(
    struct rd_run *run, const struct rd_report *report, struct rd_arena *arena, struct rd_stages *s)
{
    const struct rd_system *system = report->campaign->system;
    int *cell[RD_STAGES][RD_ACTS];

    for (size_t i = 0; i < RD_STAGES; i++)
        for (size_t k = 0; k < RD_ACTS; k++) {
            s->row[i].control[k] = cell[i][k] = RD_NEW_ARRAY(arena, int, system->n_controls + 1);
            if (!cell[i][k])
                return rd_run_no_memory(run, "the stage matrix");
        }
    for (size_t c = 0; c < system->n_controls; c++) {
        const struct rd_control_kind *kind =
            report->rules ? rd_control_kind_find(report->rules, system->controls[c].kind) : NULL;
        const size_t at = kind ? index_of(rd_stage_name, RD_STAGES, kind->stage) : RD_STAGES;
        const size_t acts = kind ? index_of(rd_acts_name, RD_ACTS, kind->acts) : RD_ACTS;

        if (at < RD_STAGES && acts < RD_ACTS && system->controls[c].state != RD_CONTROL_RETIRED)
            cell[at][acts][s->row[at].n_controls[acts]++] = (int)c;
    }
    return RD_OK;
}

/* Attacks on answers are the easiest to run, and say nothing about how a model came to be. */
static const char *warning(const struct rd_stages *s, struct rd_arena *arena)
{
    const struct rd_stage_row *inference = &s->row[RD_STAGE_INFERENCE];
    size_t tried = 0, elsewhere = 0;

    for (size_t i = 0; i < RD_STAGES; i++) {
        tried += s->row[i].tried;
        elsewhere += i == RD_STAGE_INFERENCE ? 0 : s->row[i].threats;
    }
    if (!tried || tried > inference->tried || !elsewhere)
        return "";
    return rd_arena_printf(arena,
        "Everything that was tried was at inference time: the %zu %s of data, training, registry, "
        "deployment and monitoring %s on paper only.",
        elsewhere, elsewhere == 1 ? "threat" : "threats", elsewhere == 1 ? "stands" : "stand");
}

rd_status rd_report_stages(struct rd_run *run, const struct rd_report *report,
    struct rd_arena *arena, struct rd_stages *stages_out)
{
    rd_status st;

    *stages_out = (struct rd_stages){ 0 };
    count_threats(report->campaign, stages_out);
    add_losses(report, stages_out);
    st = place_controls(run, report, arena, stages_out);
    if (st)
        return st;
    stages_out->warning = warning(stages_out, arena);
    if (!stages_out->warning)
        return rd_run_no_memory(run, "the stage matrix");
    if (!stages_out->warning[0])
        stages_out->warning = NULL;
    return RD_OK;
}

static void write_controls(
    const struct rd_stage_row *row, const struct rd_system *s, struct rd_json *j)
{
    static const char *const state[] = { "active", "proposed", "retired" };

    rd_json_kobject(j, "controls");
    for (size_t k = 0; k < RD_ACTS; k++) {
        rd_json_karray(j, rd_acts_name[k]);
        for (size_t i = 0; i < row->n_controls[k]; i++) {
            const struct rd_control *c = &s->controls[row->control[k][i]];

            rd_json_object(j);
            rd_json_ktext(j, "id", c->id);
            rd_json_ktext(j, "name", c->name);
            rd_json_ktext(j, "kind", c->kind);
            rd_json_ktext(j, "state", state[c->state]);
            rd_json_end(j);
        }
        rd_json_end(j);
    }
    rd_json_end(j);
}

void rd_report_write_stages(
    const struct rd_stages *stages, const struct rd_system *system, struct rd_json *j)
{
    rd_json_karray(j, "stages");
    for (size_t i = 0; i < RD_STAGES; i++) {
        const struct rd_stage_row *row = &stages->row[i];

        rd_json_object(j);
        rd_json_ktext(j, "stage", rd_stage_name[i]);
        rd_json_kint(j, "threats", (int64_t)row->threats);
        rd_json_kint(j, "tried", (int64_t)row->tried);
        rd_json_kint(j, "demonstrated", (int64_t)row->demonstrated);
        rd_json_kreal(j, "expected_loss", row->expected_loss);
        rd_json_ktext(j, "expected_loss_reason",
            isnan(row->expected_loss) ? "no scenario puts money on a threat of this stage" : NULL);
        write_controls(row, system, j);
        rd_json_end(j);
    }
    rd_json_end(j);
    rd_json_ktext(j, "stage_warning", stages->warning);
}
