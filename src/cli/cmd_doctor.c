/* doctor - what is there, what is not, what that costs and how to get it. */
#include "cli/color.h"
#include "cli/doctor.h"
#include "cli/threat_text.h"

#include "base/buf.h"
#include "base/text.h"

#include <string.h>

struct doctor {
    struct rd_load_options system;
};

static const struct rd_option options[] = {
    RD_LOAD_OPTIONS(struct doctor, system),
    RD_OPTION_END,
};

enum { WORD_WIDTH = 9, ID_WIDTH = 26 };
static const char *const words[] = { "ok", "absent", "missing", "old" };

/* What a command or an assessment does without; each of the others is needed. */
static const char *const optional[] = { "dot", "rsvg-convert", "chromium", "pager", "report page",
    "memory", "locale", "terminal", "completion", "manual page", "evidence", "lock", "report.json",
    "report.md", "report.html", "findings.sarif", NULL };

static bool is_needed(const struct rd_check *c)
{
    bool needed = true;

    for (size_t i = 0; optional[i] && needed; i++)
        needed = strcmp(optional[i], c->id) != 0;
    return needed || c->health == RD_HEALTH_MISSING;
}

void rd_doctor_say(struct rd_doctor *d, const struct rd_check *c)
{
    struct rd_cli *cli = d->cli;
    struct rd_buf safe = { 0 };
    const int indent = WORD_WIDTH + ID_WIDTH + 1;
    char first[64];

    d->by_health[c->health]++;
    rd_json_object(cli->result);
    rd_json_ktext(cli->result, "id", c->id);
    rd_json_ktext(cli->result, "state", words[c->health]);
    rd_json_kbool(cli->result, "needed", is_needed(c));
    rd_json_ktext(cli->result, "costs", c->costs);
    rd_json_ktext(cli->result, "hint", c->hint);
    rd_json_end(cli->result);
    rd_text_safe(&safe, c->what, strlen(c->what));
    rd_json_ktext(&d->found_json, c->id, rd_buf_text(&safe));
    rd_cli_put_word(cli, words[c->health], WORD_WIDTH);
    (void)fprintf(cli->out, "%-*s %s\n", ID_WIDTH, c->id, rd_buf_text(&safe));
    rd_buf_release(&safe);
    (void)snprintf(first, sizeof first, "%*s", indent, "");
    if (c->costs)
        rd_cli_wrap(cli->out, first, indent, c->costs);
    (void)snprintf(first, sizeof first, "%*shint: ", indent, "");
    if (c->hint)
        rd_cli_wrap(cli->out, first, indent + 6, c->hint);
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct doctor *o = opts;
    struct rd_doctor d = { .cli = cli };
    rd_status st = RD_OK;

    d.found_json.out = &d.found;
    rd_json_object(&d.found_json);
    rd_json_object(cli->result);
    rd_json_karray(cli->result, "checks");
    rd_doctor_programs(&d);
    rd_doctor_machine(&d);
    if (argc)
        st = rd_doctor_system(&d, argv[0], &o->system);
    else
        rd_doctor_disk(&d, ".");
    rd_json_end(cli->result);
    rd_json_kbool(cli->result, "ok", d.by_health[RD_HEALTH_MISSING] == 0);
    rd_json_end(cli->result);
    rd_json_end(&d.found_json);
    if (!d.found.failed)
        rd_json_kraw(cli->info, "found", d.found.text, d.found.len);
    else if (!st)
        st = rd_run_no_memory(&cli->run, "what was found");
    rd_json_release(&d.found_json);
    rd_buf_release(&d.found);
    if (st)
        return st;
    (void)fprintf(cli->out, "\n%zu ok, %zu absent (works without), %zu missing (needed), %zu old\n",
        d.by_health[RD_HEALTH_OK], d.by_health[RD_HEALTH_ABSENT], d.by_health[RD_HEALTH_MISSING],
        d.by_health[RD_HEALTH_OLD]);
    cli->exit_code = d.by_health[RD_HEALTH_MISSING] > 0;
    return RD_OK;
}

const struct rd_command rd_command_doctor = {
    .name = "doctor",
    .summary = "what is installed and in reach, what is not, and what that costs",
    .synopsis = "[DIR] [--artifact ID=PATH ...] [--allow-outside]",
    .examples = "redoubt doctor\n"
                "redoubt doctor demo\n"
                "redoubt doctor demo --json | jq '.result.checks[] | select(.state != \"ok\")'\n",
    .options = options,
    .options_size = sizeof(struct doctor),
    .max_args = 1,
    .run = run,
};
