/* cmd_attack_list.c - redoubt attack list: which attacks there are. */
#include "cli/attack_text.h"

static const struct rd_option options[] = { RD_OPTION_END };

static const struct {
    enum rd_attack_kind kind;
    const char *what;
} kinds[] = {
    { RD_EVADE, "evade: inputs that a model misreads" },
    { RD_EXTRACT, "extract: a copy of a model from its answers" },
    { RD_INFER, "infer: what a model tells about its training data" },
    { RD_POISON, "poison: training data that spoils the model trained on it" },
};

static void one(struct rd_cli *cli, const struct rd_attack *a)
{
    char access[80], norms[40];

    rd_json_object(cli->result);
    rd_json_ktext(cli->result, "name", a->name);
    rd_json_ktext(cli->result, "kind", rd_attack_kind_name(a->kind));
    rd_json_kint(cli->result, "version", a->version);
    rd_json_ktext(cli->result, "summary", a->summary);
    rd_json_ktext(cli->result, "atlas", a->atlas);
    rd_json_kbool(cli->result, "screen", a->screen);
    rd_attack_put_access(cli->result, "access", a->access);
    rd_attack_put_norms(cli->result, "norms", a->norms);
    rd_json_end(cli->result);
    (void)fprintf(cli->out, "  %-20s %-18s %-9s %s\n", a->name,
        rd_attack_access_text(a->access, access, sizeof access),
        rd_attack_norms_text(a->norms, norms, sizeof norms), a->summary);
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    (void)opts;
    (void)argc;
    (void)argv;
    rd_json_object(cli->result);
    rd_json_karray(cli->result, "attacks");
    (void)fprintf(cli->out, "  %-20s %-18s %-9s %s\n", "attack", "needs", "norms", "what it does");
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        (void)fprintf(cli->out, "%s\n", kinds[k].what);
        for (const struct rd_attack *const *a = rd_attacks; *a; a++)
            if ((*a)->kind == kinds[k].kind)
                one(cli, *a);
    }
    rd_json_end(cli->result);
    rd_json_end(cli->result);
    return RD_OK;
}

const struct rd_command rd_command_attack_list = {
    .name = "attack list",
    .summary = "show the attacks, by kind",
    .synopsis = "",
    .examples = "redoubt attack list\n"
                "redoubt attack list --json | jq '.result.attacks[].name'\n",
    .options = options,
    .options_size = 0,
    .min_args = 0,
    .max_args = 0,
    .paged = true,
    .run = run,
};
