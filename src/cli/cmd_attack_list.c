/* cmd_attack_list.c - redoubt attack list: which attacks there are. */
#include "cli/attack_text.h"

static const struct rd_option options[] = { RD_OPTION_END };

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    char access[80], norms[40];

    (void)opts;
    (void)argc;
    (void)argv;
    rd_json_object(cli->result);
    rd_json_karray(cli->result, "attacks");
    (void)fprintf(
        cli->out, "%-12s %-8s %-18s %-9s %s\n", "attack", "kind", "needs", "norms", "what it does");
    for (const struct rd_attack *const *a = rd_attacks; *a; a++) {
        rd_json_object(cli->result);
        rd_json_ktext(cli->result, "name", (*a)->name);
        rd_json_ktext(cli->result, "kind", rd_attack_kind_name((*a)->kind));
        rd_json_kint(cli->result, "version", (*a)->version);
        rd_json_ktext(cli->result, "summary", (*a)->summary);
        rd_json_ktext(cli->result, "atlas", (*a)->atlas);
        rd_attack_put_access(cli->result, "access", (*a)->access);
        rd_attack_put_norms(cli->result, "norms", (*a)->norms);
        rd_json_end(cli->result);
        (void)fprintf(cli->out, "%-12s %-8s %-18s %-9s %s\n", (*a)->name,
            rd_attack_kind_name((*a)->kind),
            rd_attack_access_text((*a)->access, access, sizeof access),
            rd_attack_norms_text((*a)->norms, norms, sizeof norms), (*a)->summary);
    }
    rd_json_end(cli->result);
    rd_json_end(cli->result);
    return RD_OK;
}

const struct rd_command rd_command_attack_list = {
    .name = "attack list",
    .summary = "show the attacks",
    .synopsis = "",
    .examples = "redoubt attack list\n"
                "redoubt attack list --json | jq '.result.attacks[].name'\n",
    .options = options,
    .options_size = 0,
    .min_args = 0,
    .max_args = 0,
    .run = run,
};
