/*
 * cli.h - a command is one cmd_<name>.c that ends in a descriptor, and one line in commands.def.
 *
 * main.c parses, prints help, builds the JSON envelope, maps statuses to exit codes. Commands write
 * results to cli->result (always, whether --json or not) and, when not json and not quiet, a text
 * for people to cli->out.
 */
#ifndef RD_CLI_CLI_H
#define RD_CLI_CLI_H

#include "base/json_write.h"
#include "base/run.h"

#include <redoubt/option.h>

#include <stdio.h>

struct rd_cli {
    struct rd_run run;      /* scratch, err, log, pool, seed, step */
    FILE *out;              /* stdout: people's text; silent under --json and --quiet */
    struct rd_json *result; /* stands where the value of "result" goes: write exactly one value */
    struct rd_json *info;   /* inside the "run" object: write members */
    bool json, quiet, tty;
    bool log_json; /* stderr holds JSON lines alone: ask nobody, print nothing there yourself */
    bool color;    /* cli->out may hold colors: color.h */
    bool seed_given;
    int exit_code; /* set to 1 for findings; main sets the others */
};

/* The warnings so far, as a JSON array. */
void rd_cli_warnings(struct rd_cli *cli, struct rd_buf *out);
/* One line into "warnings" and onto stderr. */
void rd_cli_warn(struct rd_cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* One line onto stderr that is no warning, also under --quiet. */
void rd_cli_note(struct rd_cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What is wrong at a place of a file, onto stderr: "file:line:column: text", for editors. */
void rd_cli_problem(struct rd_cli *cli, const char *file, int line, int column, const char *text);

struct rd_command {
    const char *name;    /* "threats", "attack run"; beginning with _: not for people */
    const char *summary; /* one line, at most 72 characters */
    /*
     * Arguments, e.g. "FILE [--top N]"; positional ones first. Completion goes by their words:
     * ATTACK, TEMPLATE, THREAT, RULE, CONTROL, COMMAND, DIR, a|b; any other is a file.
     */
    const char *synopsis;
    const char *examples; /* a few lines, each "redoubt ..." */
    const struct rd_option
        *options; /* beyond --json --quiet --threads --seed --help, which main knows */
    size_t options_size;
    int min_args, max_args; /* of positional arguments */
    bool paged;             /* its text is a long list: on a terminal a pager shows it */
    rd_status (*run)(struct rd_cli *cli, const void *options, int argc, char **argv);
};

extern const struct rd_command *const rd_commands[]; /* NULL-terminated */

#endif
