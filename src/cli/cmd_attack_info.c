/* cmd_attack_info.c - redoubt attack info: one attack, its source and its options. */
#include "cli/attack_text.h"

#include <math.h>
#include <string.h>

static const struct rd_option options[] = { RD_OPTION_END };

static const char *type_name(enum rd_option_type type)
{
    switch (type) {
    case RD_OPT_BOOL:
        return "yes or no";
    case RD_OPT_INT:
        return "whole number";
    case RD_OPT_REAL:
        return "number";
    case RD_OPT_CHOICE:
        return "choice";
    case RD_OPT_TEXT:
        return "text";
    case RD_OPT_LIST:
        return "list";
    case RD_OPT_END:
        break;
    }
    return "";
}

static void put_option(struct rd_json *j, const struct rd_option *o)
{
    const bool number = o->type == RD_OPT_INT || o->type == RD_OPT_REAL;

    rd_json_object(j);
    rd_json_ktext(j, "name", o->name);
    rd_json_ktext(j, "type", type_name(o->type));
    rd_json_ktext(j, "default", o->preset);
    rd_json_ktext(j, "help", o->help);
    rd_json_ktext(j, "unit", o->unit);
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

static void print_option(FILE *out, const struct rd_option *o)
{
    (void)fprintf(out, "  %-14s %-8s %s", o->name, *o->preset ? o->preset : "-", o->help);
    if (o->choices) {
        (void)fputs(" (", out);
        for (const char *const *c = o->choices; *c; c++)
            (void)fprintf(out, "%s%s", c == o->choices ? "" : ", ", *c);
        (void)fputc(')', out);
    } else if (o->type == RD_OPT_INT || o->type == RD_OPT_REAL) {
        (void)fprintf(out, " (%g..%g%s%s)", o->min, o->max, *o->unit ? " " : "", o->unit);
    }
    (void)fputc('\n', out);
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct rd_attack *a;
    char access[80], norms[40];
    rd_status st = rd_attack_lookup(cli, argv[0], &a);

    (void)opts;
    (void)argc;
    if (st)
        return st;
    rd_json_object(cli->result);
    rd_json_ktext(cli->result, "name", a->name);
    rd_json_ktext(cli->result, "kind", rd_attack_kind_name(a->kind));
    rd_json_kint(cli->result, "version", a->version);
    rd_json_ktext(cli->result, "summary", a->summary);
    rd_json_ktext(cli->result, "source", a->source);
    rd_json_ktext(cli->result, "departs", a->departs);
    rd_json_ktext(cli->result, "atlas", a->atlas);
    rd_attack_put_access(cli->result, "access", a->access);
    rd_attack_put_norms(cli->result, "norms", a->norms);
    rd_json_karray(cli->result, "options");
    for (const struct rd_option *o = a->options; o && o->type != RD_OPT_END; o++)
        put_option(cli->result, o);
    rd_json_end(cli->result);
    rd_json_end(cli->result);

    (void)fprintf(cli->out, "%s - %s\n\n", a->name, a->summary);
    (void)fprintf(cli->out, "  %-14s %s\n", "kind", rd_attack_kind_name(a->kind));
    (void)fprintf(
        cli->out, "  %-14s %s\n", "needs", rd_attack_access_text(a->access, access, sizeof access));
    (void)fprintf(
        cli->out, "  %-14s %s\n", "norms", rd_attack_norms_text(a->norms, norms, sizeof norms));
    (void)fprintf(cli->out, "  %-14s %s\n", "source", a->source);
    if (a->departs)
        (void)fprintf(cli->out, "  %-14s %s\n", "departs", a->departs);
    (void)fprintf(cli->out, "  %-14s %s\n\noptions (--set name=value)\n", "MITRE ATLAS", a->atlas);
    for (const struct rd_option *o = a->options; o && o->type != RD_OPT_END; o++)
        print_option(cli->out, o);
    return RD_OK;
}

const struct rd_command rd_command_attack_info = {
    .name = "attack info",
    .summary = "show one attack: source, access, options",
    .synopsis = "ATTACK",
    .examples = "redoubt attack info pgd\n",
    .options = options,
    .options_size = 0,
    .min_args = 1,
    .max_args = 1,
    .paged = true,
    .run = run,
};
