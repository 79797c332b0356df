#include "cli/risk_block.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

/* Demonstrated before inconclusive before the rest; among equals the first, which is the worst. */
static int weight(const struct rd_threat_state *s)
{
    switch (s->status) {
    case RD_THREAT_DEMONSTRATED:
        return 4;
    case RD_THREAT_INCONCLUSIVE:
        return 3;
    case RD_THREAT_CONTROLLED:
    case RD_THREAT_NOT_DEMONSTRATED:
        return 2;
    case RD_THREAT_UNTRIED:
        break;
    }
    return 1;
}

static size_t choose(const struct rd_campaign *c)
{
    size_t best = 0;

    for (size_t i = 1; i < c->threats->n; i++)
        if (weight(&c->states[i]) > weight(&c->states[best]))
            best = i;
    return best;
}

/* From which figure on a campaign of that kind is a loss, and what it takes to tell. */
static void put_when(struct rd_buf *out, const struct rd_tested *t)
{
    const struct rd_metric *rows = rd_record_metric(t->record, "poisoned_count");
    const bool drop = t->record->judged && !strcmp(t->record->judged, "accuracy_drop");
    char bar[32];

    (void)rd_text_from_double(isfinite(t->record->criterion) ? t->record->criterion : 0.5, bar);
    switch (t->test->attack->kind) {
    case RD_EVADE:
        rd_buf_puts(out, "      manipulation: digital   # how the change is reached in reality\n"
                         "      objects: 20             # what one campaign tries\n"
                         "      queries_per_object: 100\n"
                         "      loss_when: \"successes >= 1\"\n");
        break;
    case RD_EXTRACT:
        rd_buf_printf(out, "      loss_when: \"utility >= %s\"\n", bar);
        break;
    case RD_POISON:
        rd_buf_printf(out, "      samples: %.0f   # poisoned rows that one campaign gets in\n",
            rows && isfinite(rows->v.value) && rows->v.value >= 1 ? rows->v.value : 100);
        rd_buf_printf(out, "      loss_when: \"%s >= %s\"\n", drop ? "drop" : "asr", bar);
        break;
    case RD_INFER:
        rd_buf_printf(out,
            "      candidates: 1000   # records that one campaign asks about\n"
            "      loss_when: \"tpr >= %s\"\n",
            bar);
        break;
    }
}

static void put_block(struct rd_buf *out, const struct rd_assessment *a, size_t which)
{
    const struct rd_system *s = a->loaded.system;
    const struct rd_threat_state *state = &a->campaign.states[which];
    const struct rd_tested *t =
        state->tested == RD_NONE ? NULL : &a->campaign.tested[state->tested];
    const int actor = t && t->test->actor != RD_NONE ? t->test->actor : 0;

    if (!s->n_actors)
        rd_buf_puts(out, "actors:\n  - {id: outsider, access: [labels]}\n");
    if (!s->n_appetite)
        rd_buf_puts(out, "risk:\n");
    rd_buf_printf(out,
        "  scenarios:\n"
        "    - id: first\n"
        "      threat: %s\n"
        "      actor: %s\n"
        "      attempts_per_year: {low: 0.2, high: 4, provenance: default}\n",
        a->campaign.threats->item[which].id, s->n_actors ? s->actors[actor].id : "outsider");
    if (t)
        put_when(out, t);
    else
        rd_buf_puts(out, "      susceptibility: {low: 0.02, high: 0.3, provenance: default}   # "
                         "nothing was tried\n");
    rd_buf_puts(out, "      per_loss: {low: 10000, high: 100000, provenance: default}\n");
    if (!s->n_appetite)
        rd_buf_puts(out, "  appetite: [{loss: 250000, probability: 0.05}]\n");
}

rd_status rd_cli_risk_block(struct rd_cli *cli, const struct rd_assessment *a, struct rd_buf *out)
{
    if (a->loaded.system->n_scenarios || !a->campaign.threats->n)
        return RD_OK;
    put_block(out, a, choose(&a->campaign));
    return out->failed ? rd_run_no_memory(&cli->run, "an example of a scenario") : RD_OK;
}
