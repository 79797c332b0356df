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
    bool seed_given;
    int exit_code; /* set to 1 for findings; main sets the others */
};

/* One line into "warnings" and onto stderr. */
/* The warnings so far, as a JSON array. */
void rd_cli_warnings(struct rd_cli *cli, struct rd_buf *out);
void rd_cli_warn(struct rd_cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct rd_command {
    const char *name;     /* "threats", "attack run" */
    const char *summary;  /* one line, at most 72 characters */
    const char *synopsis; /* arguments, e.g. "FILE [--top N]" */
    const char *examples; /* a few lines, each "redoubt ..." */
    const struct rd_option
        *options; /* beyond --json --quiet --threads --seed --help, which main knows */
    size_t options_size;
    int min_args, max_args; /* of positional arguments */
    rd_status (*run)(struct rd_cli *cli, const void *options, int argc, char **argv);
};

extern const struct rd_command *const rd_commands[]; /* NULL-terminated */

#endif
