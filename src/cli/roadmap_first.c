/* roadmap_first.c - a roadmap without a measurement: what is lacking, and what to run then. */
#include "cli/roadmap_text.h"

#include "base/text.h"

enum { SCENARIOS_SHOWN = 5 };

static void put_command(struct rd_buf *b, const char *words, const char *path, const char *more)
{
    rd_buf_printf(b, "redoubt %s ", words);
    rd_text_shell(b, path);
    rd_buf_puts(b, more);
}

/* Why nothing was tried, scenario by scenario. */
static size_t say_untried(struct rd_buf *b, const struct rd_assessment *a, const char *before)
{
    size_t n = 0;

    for (size_t i = 0; i < a->risk.n_scenarios; i++) {
        const struct rd_risk_scenario *s = &a->risk.scenarios[i];
        const char *why = s->untried ? s->untried : s->unquantified;
        char id[80], reason[300];

        if (!why || n++ >= SCENARIOS_SHOWN)
            continue;
        rd_buf_printf(b, "%sscenario '%s': %s\n", before,
            rd_text_safe_in(id, sizeof id, a->loaded.system->scenarios[s->index].id),
            rd_text_safe_in(reason, sizeof reason, why));
    }
    if (n > SCENARIOS_SHOWN)
        rd_buf_printf(b, "%sand %zu more scenarios\n", before, n - SCENARIOS_SHOWN);
    return n;
}

/* Controls that somebody expects something of; of which at least one scenario rests on a word. */
static size_t with_word(const struct rd_assessment *a, bool *any_expert)
{
    size_t n = 0;

    *any_expert = false;
    for (size_t i = 0; i < a->risk.n_scenarios; i++)
        *any_expert = *any_expert || a->risk.scenarios[i].expert;
    for (size_t i = 0; i < a->loaded.system->n_controls; i++)
        n += a->loaded.system->controls[i].state == RD_CONTROL_PROPOSED &&
             a->loaded.system->controls[i].n_expects;
    return n;
}

void rd_cli_roadmap_first(
    struct rd_buf *b, const struct rd_assessment *a, const char *path, const char *before)
{
    const struct rd_system *s = a->loaded.system;
    bool expert;
    size_t words;

    if (!a->risk.roadmap->unmeasured)
        return;
    words = with_word(a, &expert);
    if (!s->n_scenarios) {
        rd_buf_printf(
            b, "%sput money on a threat: `risk: {scenarios: [...]}`; the threats: ", before);
        put_command(b, "threats", path, "\n");
        return;
    }
    if (say_untried(b, a, before)) {
        rd_buf_printf(b, "%sgive the file what is lacking there, then try it: ", before);
        put_command(b, "roadmap", path, "\n");
    } else {
        rd_buf_printf(b, "%swhich controls a re-test can switch on: ", before);
        put_command(b, "explain", path, " ");
        rd_text_shell(b, s->scenarios[0].threat);
        rd_buf_puts(b, "\n");
    }
    if (words && !a->risk.roadmap->include_expected) {
        rd_buf_printf(b, "%scount what experts expect of %zu control%s, labeled so: ", before,
            words, words == 1 ? "" : "s");
        put_command(b, "roadmap", path, " --include-expected\n");
    } else if (expert) {
        rd_buf_printf(b,
            "%sno control changes an expert's susceptibility unless `expects` under the control "
            "says to what; then: ",
            before);
        put_command(b, "roadmap", path, " --include-expected\n");
    }
}
