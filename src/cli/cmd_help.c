/* help - the commands, or one of them; as JSON the tables themselves. */
#include "cli/cli.h"
#include "cli/help_text.h"
#include "cli/nearest.h"
#include "cli/parse.h"

#include <string.h>

static const char *const types[] = { [RD_OPT_BOOL] = "yes or no",
    [RD_OPT_INT] = "whole number",
    [RD_OPT_REAL] = "number",
    [RD_OPT_CHOICE] = "word",
    [RD_OPT_TEXT] = "text",
    [RD_OPT_LIST] = "list" };

static void put_options(struct rd_json *j, const char *key, const struct rd_option *o)
{
    rd_json_karray(j, key);
    for (; o && o->type != RD_OPT_END; o++) {
        const bool number = o->type == RD_OPT_INT || o->type == RD_OPT_REAL;

        rd_json_object(j);
        rd_json_ktext(j, "name", o->name);
        rd_json_ktext(j, "type", types[o->type]);
        rd_json_ktext(j, "preset", *o->preset ? o->preset : NULL);
        rd_json_ktext(j, "unit", *o->unit ? o->unit : NULL);
        rd_json_ktext(j, "help", o->help);
        if (number) {
            rd_json_kreal(j, "min", o->min);
            rd_json_kreal(j, "max", o->max);
        }
        if (o->choices) {
            rd_json_karray(j, "choices");
            for (const char *const *c = o->choices; *c; c++)
                rd_json_text(j, *c);
            rd_json_end(j);
        }
        rd_json_end(j);
    }
    rd_json_end(j);
}

static void put_command(struct rd_json *j, const struct rd_command *c)
{
    rd_json_object(j);
    rd_json_ktext(j, "name", c->name);
    rd_json_ktext(j, "task", rd_command_task(c));
    rd_json_ktext(j, "summary", c->summary);
    rd_json_ktext(j, "synopsis", c->synopsis);
    rd_json_ktext(j, "examples", c->examples);
    put_options(j, "options", c->options);
    rd_json_end(j);
}

static bool is_meant(const struct rd_command *c, const struct rd_command *only, const char *family)
{
    if (c->name[0] == '_' || (only && c != only))
        return false;
    return !family || (!strncmp(c->name, family, strlen(family)) && c->name[strlen(family)] == ' ');
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct rd_command *only = NULL;
    const char *family = NULL;
    int words = 0;

    (void)opts;
    if (argc) {
        only = rd_cli_find(argc, argv, &words);
        if (!only && argc == 1 && rd_is_family(argv[0]))
            family = argv[0];
        if (!only && !family)
            return rd_no_command(argc, argv, cli->run.err);
        if (only && words < argc)
            return RD_FAIL(
                cli->run.err, RD_E_USAGE, "'%s' is a command of %d word", only->name, words);
    }
    rd_json_object(cli->result);
    rd_json_karray(cli->result, "commands");
    for (const struct rd_command *const *c = rd_commands; *c; c++)
        if (is_meant(*c, only, family))
            put_command(cli->result, *c);
    rd_json_end(cli->result);
    put_options(cli->result, "common_options", rd_common_options);
    rd_json_end(cli->result);
    if (only)
        rd_help_command(only, cli->out);
    else if (family)
        (void)rd_help_family(family, cli->out);
    else
        rd_help_overview(cli->out);
    return RD_OK;
}

const struct rd_command rd_command_help = {
    .name = "help",
    .summary = "show the commands, or how one of them is used",
    .synopsis = "[COMMAND]",
    .examples = "redoubt help\n"
                "redoubt help attack run\n"
                "redoubt help --json | jq -r '.result.commands[].name'\n",
    .max_args = 2,
    .paged = true,
    .run = run,
};
