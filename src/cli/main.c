/*
 * main.c - the redoubt program: finds the command, reads its options, runs it, prints errors from
 * request to cause, and turns the nine statuses into exit codes (docs/exit-codes.md).
 */
#include "cli/cli.h"
#include "cli/envelope.h"
#include "cli/parse.h"
#include "cli/progress.h"

#include "base/alloc.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct session {
    struct rd_cli cli;
    struct rd_arena arena;
    struct rd_error err;
    struct rd_log log;
    struct rd_progress progress;
    struct rd_buf result, info, warnings;
    struct rd_json result_json, info_json, warnings_json;
};

static int exit_code_of(rd_status st)
{
    switch (st) {
    case RD_OK:
        return 0;
    case RD_E_USAGE:
        return 2;
    case RD_E_INPUT:
    case RD_E_NOTFOUND:
    case RD_E_LIMIT:
        return 3;
    case RD_E_MEMORY:
    case RD_E_IO:
    case RD_E_CANCELED:
    case RD_E_BUG:
        break;
    }
    return 4;
}

/* Frames hold text that was made safe where it came in; what remains is one line each. */
static void print_error(struct session *s)
{
    const struct rd_error *e = &s->err;

    rd_progress_clear(&s->progress);
    for (int i = e->frames - 1; i >= 0; i--)
        (void)fprintf(
            stderr, "%s%s\n", i == e->frames - 1 ? "redoubt: " : "  because: ", e->frame[i].text);
    if (e->hint[0])
        (void)fprintf(stderr, "  hint: %s\n", e->hint);
}

static void log_sink(void *user, enum rd_log_level level, const char *area, const char *text)
{
    struct session *s = user;
    struct rd_buf safe = { 0 };

    rd_progress_clear(&s->progress);
    rd_text_safe(&safe, text, strlen(text));
    (void)fprintf(
        stderr, "%s%s: %s\n", level == RD_LOG_WARN ? "warning: " : "", area, rd_buf_text(&safe));
    if (level == RD_LOG_WARN && s->warnings_json.out)
        rd_json_text(&s->warnings_json, rd_buf_text(&safe));
    rd_buf_release(&safe);
}

static enum rd_log_level log_level(void)
{
    const char *wish = getenv("REDOUBT_LOG");

    if (wish && !strcmp(wish, "debug"))
        return RD_LOG_DEBUG;
    if (wish && !strcmp(wish, "info"))
        return RD_LOG_INFO;
    return RD_LOG_WARN;
}

void rd_cli_warn(struct rd_cli *cli, const char *fmt, ...)
{
    struct session *s = (struct session *)cli; /* cli is its first member */
    struct rd_buf text = { 0 }, safe = { 0 };
    va_list ap;

    va_start(ap, fmt);
    rd_buf_vprintf(&text, fmt, ap);
    va_end(ap);
    rd_text_safe(&safe, rd_buf_text(&text), text.len);
    rd_json_text(&s->warnings_json, rd_buf_text(&safe));
    if (!cli->quiet) {
        rd_progress_clear(&s->progress);
        (void)fprintf(stderr, "warning: %s\n", rd_buf_text(&safe));
    }
    rd_buf_release(&safe);
    rd_buf_release(&text);
}

void rd_cli_warnings(struct rd_cli *cli, struct rd_buf *out)
{
    const struct session *s = (const struct session *)cli; /* cli is its first member */

    rd_buf_printf(out, "%s]", rd_buf_text(&s->warnings)); /* it is still open */
}

static rd_status read_seed(const char *text, uint64_t *seed_out, struct rd_error *err)
{
    char safe[48], *end;

    errno = 0;
    if (text && *text >= '0' && *text <= '9') {
        *seed_out = strtoull(text, &end, 10);
        if (*end == '\0' && !errno)
            return RD_OK;
    }
    return RD_FAIL(err, RD_E_USAGE,
        "seed: '%s' is not a whole number from 0 to 18446744073709551615",
        rd_text_safe_in(safe, sizeof safe, text ? text : ""));
}

/* Everything between parsing and the exit code. */
static rd_status run_command(struct session *s, const struct rd_command *command,
    const struct rd_common *common, const void *values, int argc, char **argv)
{
    struct rd_cli *cli = &s->cli;
    FILE *nowhere = NULL;
    rd_status st;

    cli->json = common->json;
    cli->quiet = common->quiet;
    cli->tty = isatty(STDERR_FILENO) == 1;
    s->progress.show = cli->tty && !cli->json && !cli->quiet;
    st = read_seed(common->seed, &cli->run.seed, &s->err);
    if (st)
        return st;
    st = rd_pool_new((size_t)common->threads, &cli->run.pool, &s->err);
    if (st)
        return st;
    cli->out = stdout;
    if (cli->json || cli->quiet) {
        nowhere = fopen("/dev/null", "w");
        if (!nowhere) {
            st = RD_FAIL(&s->err, RD_E_IO, "cannot open /dev/null: %s", strerror(errno));
            goto out;
        }
        cli->out = nowhere;
    }
    s->result_json.out = &s->result;
    s->info_json.out = &s->info;
    s->warnings_json.out = &s->warnings;
    cli->result = &s->result_json;
    cli->info = &s->info_json;
    rd_json_object(cli->info);
    rd_json_array(&s->warnings_json);
    rd_progress_catch_signals();
    st = command->run(cli, values, argc, argv);
    rd_progress_clear(&s->progress);
    rd_json_end(&s->warnings_json);
    rd_json_ku64(cli->info, "seed", cli->run.seed);
    rd_json_kint(cli->info, "threads", (int64_t)rd_pool_threads(cli->run.pool));
    rd_json_end(cli->info);
    if (st)
        goto out;
    if (cli->json) {
        struct rd_buf all = { 0 };

        rd_envelope_write(&all, command->name, &s->result, &s->info, &s->warnings);
        if (all.failed || s->result.failed || s->info.failed || s->warnings.failed)
            st = RD_FAIL(&s->err, RD_E_MEMORY, "no memory for the JSON of '%s'", command->name);
        else
            (void)fprintf(stdout, "%s\n", all.text);
        rd_buf_release(&all);
    }
    if (!st && (fflush(stdout) || ferror(stdout)))
        st = RD_FAIL(&s->err, RD_E_IO, "cannot write the result: %s", strerror(errno));
out:
    if (nowhere)
        (void)fclose(nowhere);
    return st;
}

static int unknown_command(const char *word)
{
    const char *words[128], *near;
    char safe[64];
    size_t n = 0;

    for (const struct rd_command *const *c = rd_commands; *c && n < 127; c++)
        words[n++] = (*c)->name;
    words[n] = NULL;
    near = rd_text_nearest(word, words);
    (void)fprintf(stderr, "redoubt: no command '%s'\n", rd_text_safe_in(safe, sizeof safe, word));
    if (near)
        (void)fprintf(stderr, "  hint: did you mean 'redoubt %s'?\n", near);
    else
        (void)fputs("  hint: redoubt --help lists them\n", stderr);
    return 2;
}

/* A word that begins two-word commands: list those. */
static bool family_help(const char *word, FILE *out)
{
    bool any = false;

    for (const struct rd_command *const *c = rd_commands; *c; c++)
        if (!strncmp((*c)->name, word, strlen(word)) && (*c)->name[strlen(word)] == ' ') {
            (void)fprintf(out, "  redoubt %-14s %s\n", (*c)->name, (*c)->summary);
            any = true;
        }
    return any;
}

int main(int argc, char **argv)
{
    static struct session s;
    const struct rd_command *command;
    struct rd_common common;
    void *values;
    int words = 0, n_args = 0, code;
    rd_status st;

    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
        !strcmp(argv[1], "help")) {
        rd_cli_overview(argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "version")) {
        (void)puts("redoubt " RD_VERSION);
        return 0;
    }
    command = rd_cli_find(argc - 1, argv + 1, &words);
    if (!command) {
        const bool asked = argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"));

        if (family_help(argv[1], asked ? stdout : stderr))
            return asked ? 0 : 2;
        return unknown_command(argv[1]);
    }
    s.log = (struct rd_log){ log_level(), log_sink, &s };
    s.cli.run = (struct rd_run){ .scratch = &s.arena,
        .err = &s.err,
        .log = &s.log,
        .step = rd_progress_step,
        .user = &s.progress };
    values = rd_arena_alloc(&s.arena, 1, command->options_size + 1);
    st = values ? rd_options_reset(rd_common_options, &common, &s.err) : RD_E_MEMORY;
    if (!st && command->options)
        st = rd_options_reset(command->options, values, &s.err);
    if (!st)
        st = rd_cli_parse(
            command, argc - 1 - words, argv + 1 + words, &common, values, &n_args, &s.err);
    if (!st && common.help)
        rd_cli_help(command, stdout);
    else if (!st)
        st = run_command(&s, command, &common, values, n_args, argv + 1 + words);
    if (st)
        print_error(&s);
    code = st ? exit_code_of(st) : s.cli.exit_code;
    rd_pool_free(s.cli.run.pool);
    rd_json_release(&s.result_json);
    rd_json_release(&s.info_json);
    rd_json_release(&s.warnings_json);
    rd_buf_release(&s.result);
    rd_buf_release(&s.info);
    rd_buf_release(&s.warnings);
    rd_arena_release(&s.arena);
    return code;
}
