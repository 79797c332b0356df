/*
 * main.c - the redoubt program: finds the command, reads its options, runs it, prints errors from
 * request to cause, and turns the nine statuses into exit codes (docs/exit-codes.md).
 */
#include "cli/cli.h"
#include "cli/color.h"
#include "cli/console.h"
#include "cli/envelope.h"
#include "cli/help_text.h"
#include "cli/nearest.h"
#include "cli/pager.h"
#include "cli/parse.h"
#include "cli/progress.h"

#include "base/alloc.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct rd_command rd_command_help;

struct session {
    struct rd_cli cli;
    struct rd_arena arena;
    struct rd_error err;
    struct rd_log log;
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

static void log_sink(void *user, enum rd_log_level level, const char *area, const char *text)
{
    struct session *s = user;
    struct rd_buf safe = { 0 };

    rd_console_say(level, area, text);
    rd_text_safe(&safe, text, strlen(text));
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
    if (!cli->quiet || cli->log_json)
        rd_console_say(RD_LOG_WARN, NULL, rd_buf_text(&text));
    rd_buf_release(&safe);
    rd_buf_release(&text);
}

void rd_cli_note(struct rd_cli *cli, const char *fmt, ...)
{
    struct rd_buf text = { 0 };
    va_list ap;

    (void)cli;
    va_start(ap, fmt);
    rd_buf_vprintf(&text, fmt, ap);
    va_end(ap);
    rd_console_say(RD_LOG_INFO, NULL, rd_buf_text(&text));
    rd_buf_release(&text);
}

void rd_cli_problem(struct rd_cli *cli, const char *file, int line, int column, const char *text)
{
    (void)cli;
    rd_console_problem(file, line, column, text);
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

/* Where text for people goes. */
struct outlet {
    FILE *nowhere; /* under --json and --quiet */
    FILE *memory;  /* for a pager: text is complete before one starts */
    char *text;
    size_t len;
};

static rd_status open_outlet(struct session *s, bool paged, struct outlet *o)
{
    struct rd_cli *cli = &s->cli;

    cli->out = stdout;
    if (cli->json || cli->quiet) {
        o->nowhere = fopen("/dev/null", "w");
        if (!o->nowhere)
            return RD_FAIL(&s->err, RD_E_IO, "cannot open /dev/null: %s", strerror(errno));
        cli->out = o->nowhere;
    } else if (paged && rd_pager_wanted()) {
        o->memory = open_memstream(&o->text, &o->len);
        if (o->memory)
            cli->out = o->memory;
    }
    return RD_OK;
}

static void close_outlet(struct outlet *o, bool worked)
{
    if (o->nowhere)
        (void)fclose(o->nowhere);
    if (o->memory) {
        (void)fclose(o->memory);
        if (o->text && !(worked && rd_pager_show(o->text, o->len)))
            (void)fwrite(o->text, 1, o->len, stdout);
        free(o->text);
    }
}

static rd_status print_envelope(struct session *s, const char *command)
{
    struct rd_buf all = { 0 };
    rd_status st = RD_OK;

    rd_envelope_write(&all, command, &s->result, &s->info, &s->warnings);
    if (all.failed || s->result.failed || s->info.failed || s->warnings.failed)
        st = RD_FAIL(&s->err, RD_E_MEMORY, "no memory for the JSON of '%s'", command);
    else
        (void)fprintf(stdout, "%s\n", all.text);
    rd_buf_release(&all);
    return st;
}

static void start_result(struct session *s)
{
    s->result_json.out = &s->result;
    s->info_json.out = &s->info;
    s->warnings_json.out = &s->warnings;
    s->cli.result = &s->result_json;
    s->cli.info = &s->info_json;
    rd_json_object(s->cli.info);
    rd_json_array(&s->warnings_json);
}

static void end_result(struct session *s)
{
    rd_json_end(&s->warnings_json);
    rd_json_ku64(s->cli.info, "seed", s->cli.run.seed);
    rd_json_kint(s->cli.info, "threads", (int64_t)rd_pool_threads(s->cli.run.pool));
    rd_json_end(s->cli.info);
}

/* Everything between parsing and the exit code. */
static rd_status run_command(struct session *s, const struct rd_command *command,
    const struct rd_common *common, const void *values, int argc, char **argv)
{
    struct rd_cli *cli = &s->cli;
    struct outlet outlet = { 0 };
    rd_status st;

    cli->json = common->json;
    cli->quiet = common->quiet;
    cli->log_json = common->log_json;
    cli->tty = isatty(STDERR_FILENO) == 1;
    cli->color = !cli->json && rd_color_wanted(common->color, STDOUT_FILENO);
    rd_console_setup(common->log_json, rd_color_wanted(common->color, STDERR_FILENO),
        cli->tty && !cli->json && !cli->quiet);
    st = read_seed(common->seed, &cli->run.seed, &s->err);
    if (!st)
        st = rd_pool_new((size_t)common->threads, &cli->run.pool, &s->err);
    if (!st)
        st = open_outlet(s, command->paged && !common->no_pager, &outlet);
    if (st)
        return st;
    start_result(s);
    st = command->run(cli, values, argc, argv);
    rd_console_clear();
    end_result(s);
    close_outlet(&outlet, !st);
    if (!st && cli->json)
        st = print_envelope(s, command->name);
    /* A failed command keeps its own error. */
    if ((fflush(stdout) || ferror(stdout)) && !st)
        st = RD_FAIL(&s->err, RD_E_IO, "cannot write the result: %s", strerror(errno));
    return st;
}

/*
 * A reader that had enough (redoubt threats x | head) needs no message; the exit code stays 4. The
 * pipe itself is asked: by the time the last flush fails, errno may speak of something else.
 */
static bool is_reader_gone(const struct rd_error *err)
{
    struct pollfd out = { .fd = STDOUT_FILENO };

    return err->status == RD_E_IO && poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

/* argv[0] is the command's first word: from here to a status. */
static rd_status find_and_run(struct session *s, int argc, char **argv)
{
    static const char help_word[] = "help", version_word[] = "version";
    const struct rd_command *command;
    struct rd_common common;
    void *values;
    char name[64], *help_args[2], *rest = name;
    int words = 0, n_args = 0;
    rd_status st;

    if (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"))
        argv[0] = (char *)(uintptr_t)help_word;
    else if (!strcmp(argv[0], "--version") || !strcmp(argv[0], "-V"))
        argv[0] = (char *)(uintptr_t)version_word;
    command = rd_cli_find(argc, argv, &words);
    if (!command && argc > 1 && rd_is_family(argv[0]) &&
        (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        argv[1] = argv[0];
        argv[0] = (char *)(uintptr_t)help_word;
        command = rd_cli_find(argc, argv, &words);
    }
    if (!command)
        return rd_no_command(argc, argv, &s->err);
    rd_console_area(command->name);
    values = rd_arena_alloc(&s->arena, 1, command->options_size + 1);
    st = values ? rd_options_reset(rd_common_options, &common, &s->err)
                : RD_FAIL(&s->err, RD_E_MEMORY, "no memory for the options");
    if (!st && command->options)
        st = rd_options_reset(command->options, values, &s->err);
    if (!st)
        st = rd_cli_parse(command, argc - words, argv + words, &common, values, &n_args, &s->err);
    if (st)
        return st;
    if (!common.help) {
        st = run_command(s, command, &common, values, n_args, argv + words);
        if (st == RD_E_NOTFOUND)
            rd_hint_near_subcommand(command, n_args, argv + words, &s->err);
        return st;
    }
    (void)snprintf(name, sizeof name, "%s", command->name);
    for (n_args = 0; n_args < words; n_args++)
        help_args[n_args] = strsep(&rest, " ");
    return run_command(s, &rd_command_help, &common, NULL, n_args, help_args);
}

static void release(struct session *s)
{
    rd_pool_free(s->cli.run.pool);
    rd_json_release(&s->result_json);
    rd_json_release(&s->info_json);
    rd_json_release(&s->warnings_json);
    rd_buf_release(&s->result);
    rd_buf_release(&s->info);
    rd_buf_release(&s->warnings);
    rd_arena_release(&s->arena);
}

int main(int argc, char **argv)
{
    static struct session s;
    char **words;
    int code;
    rd_status st;

    rd_console_hold_descriptors();
    rd_progress_catch_signals();
    if (argc < 2) {
        rd_help_overview(stderr);
        return 2;
    }
    rd_console_setup(
        rd_cli_says_log_json(argc, argv), rd_color_wanted("auto", STDERR_FILENO), false);
    s.log = (struct rd_log){ log_level(), log_sink, &s };
    s.cli.run = (struct rd_run){
        .scratch = &s.arena, .err = &s.err, .log = &s.log, .step = rd_console_step
    };
    words = rd_cli_options_last(argc - 1, argv + 1, &s.arena);
    st = words ? find_and_run(&s, argc - 1, words)
               : RD_FAIL(&s.err, RD_E_MEMORY, "no memory for the command line");
    code = st ? exit_code_of(st) : s.cli.exit_code;
    if (st == RD_E_NOTFOUND && words)
        rd_hint_near_file(argc - 1, words, &s.err);
    if (st && !is_reader_gone(&s.err))
        rd_console_error(&s.err, code);
    release(&s);
    return code;
}
