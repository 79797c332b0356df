/* load.h - a system file, its rules and its threats, as most commands need them. */
#ifndef RD_CLI_LOAD_H
#define RD_CLI_LOAD_H

#include "cli/cli.h"
#include "rules/threat.h"
#include "system/system.h"

/* The options that every command on a system file has. */
struct rd_load_options {
    bool allow_outside;
    struct rd_option_list artifacts; /* ID=PATH */
};
/* clang-format off */
#define RD_LOAD_OPTIONS(S, field) \
    RD_BOOL(S, field.allow_outside, "allow-outside", "no", "artifact paths may leave the file's folder"), \
    RD_LIST(S, field.artifacts, "artifact", "ID=PATH", "use this file for the artifact")
/* clang-format on */

/* The file that path means: redoubt.yaml in it, where it is a folder. In cli->run.scratch. */
const char *rd_cli_system_file(struct rd_cli *cli, const char *path);

struct rd_loaded {
    struct rd_rules rules;
    struct rd_system *system;
    struct rd_threats threats;
};

/*
 * Read FILE (or its folder), check it against the registries of attacks, defenses and rules, derive
 * its threats. Everything lives in cli->run.scratch. Problems are all printed to stderr,
 * file:line:column first; then RD_E_INPUT.
 */
rd_status rd_cli_load(struct rd_cli *cli, const char *path, const struct rd_load_options *options,
    struct rd_loaded *loaded_out);
/* Without the threats, the problems handed out instead of printed: for `check`. */
rd_status rd_cli_load_system(struct rd_cli *cli, const char *path,
    const struct rd_load_options *options, struct rd_loaded *loaded_out,
    struct rd_problems *problems_out);
/* What may go wrong with the file later, as warnings at their places; rd_cli_load says it itself.
 */
void rd_cli_say_notes(struct rd_cli *cli, const char *path, const struct rd_system *s);
/* A changed text of the file at path, before it is written there: every problem is printed. */
rd_status rd_cli_load_text(struct rd_cli *cli, const char *path, const void *bytes, size_t size,
    const struct rd_load_options *options, struct rd_loaded *loaded_out);

#endif
