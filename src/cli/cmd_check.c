/* check - is a system file right? All that is wrong with it, or what is in it. */
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/threat_text.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct check {
    struct rd_load_options system;
};

static const struct rd_option options[] = {
    RD_LOAD_OPTIONS(struct check, system),
    RD_OPTION_END,
};

/* A syntax error has no problem of its own; its text begins "name:line:column: ". */
static struct rd_problem from_error(const struct rd_error *err)
{
    const char *text = err->frame[0].text, *end = strstr(text, ": "), *p = end;
    struct rd_problem problem = { { 0, 0 }, text };
    int colons = 0;

    while (p && p > text && colons < 2) {
        p--;
        colons += *p == ':';
        if (*p != ':' && (*p < '0' || *p > '9'))
            return problem;
    }
    if (colons < 2)
        return problem;
    problem.at.line = (int)strtol(p + 1, NULL, 10);
    problem.at.column = (int)strtol(strchr(p + 1, ':') + 1, NULL, 10);
    problem.text = end + 2;
    return problem;
}

static void say_problems(struct rd_cli *cli, const char *path, const struct rd_problems *problems)
{
    char safe[256];

    (void)rd_text_safe_in(safe, sizeof(safe), path);
    rd_json_object(cli->result);
    rd_json_kbool(cli->result, "ok", false);
    rd_json_karray(cli->result, "problems");
    for (size_t i = 0; i < problems->n; i++) {
        const struct rd_problem *p = &problems->item[i];

        rd_json_object(cli->result);
        rd_json_kint(cli->result, "line", p->at.line);
        rd_json_kint(cli->result, "column", p->at.column);
        rd_json_ktext(cli->result, "text", p->text);
        rd_json_end(cli->result);
        (void)fprintf(cli->out, "%s:%d:%d: %s\n", safe, p->at.line, p->at.column, p->text);
    }
    rd_json_end(cli->result);
    rd_json_end(cli->result);
    (void)fprintf(cli->out, "%zu problem%s\n", problems->n, problems->n == 1 ? "" : "s");
}

/* --- what is in it --- */

static void count(struct rd_cli *cli, const char *name, size_t n)
{
    rd_json_kint(cli->result, name, (int64_t)n);
}

static void missing_file(struct rd_cli *cli, const struct rd_artifact *a, const char *path)
{
    const char *name = path ? strrchr(path, '/') : NULL;
    char safe[256];

    if (!path || rd_file_exists(path))
        return;
    if (path == a->graph && !strcmp(name ? name + 1 : path, "built-in"))
        return; /* a shape of ours */
    rd_json_text(cli->result, a->id);
    rd_cli_warn(cli, "artifact '%s': there is no file '%s' yet", a->id,
        rd_text_safe_in(safe, sizeof(safe), path));
}

static void say_files(struct rd_cli *cli, const struct rd_system *s)
{
    rd_json_karray(cli->result, "missing_files_of");
    for (size_t i = 0; i < s->n_artifacts; i++) {
        const struct rd_artifact *a = &s->artifacts[i];

        missing_file(cli, a, a->path);
        missing_file(cli, a, a->labels);
        missing_file(cli, a, a->index);
        missing_file(cli, a, a->schema);
        missing_file(cli, a, a->graph);
    }
    rd_json_end(cli->result);
}

/* Unknown properties decide how many threats can be ruled out: name the elements that have them. */
static void say_unknowns(struct rd_cli *cli, const struct rd_system *s)
{
    enum { SHOWN = 12 };
    size_t known = 0, unknown = 0;
    struct rd_buf text = { 0 };

    rd_json_karray(cli->result, "unknown_properties");
    for (size_t i = 0; i < s->n_elements; i++) {
        const struct rd_element *e = &s->elements[i];

        for (const struct rd_property_type *p = e->type->properties; p->name; p++) {
            const char *value = rd_element_property(e, p->name);
            char name[140];

            if (value && strcmp(value, "unknown") != 0) {
                known++;
                continue;
            }
            (void)snprintf(name, sizeof(name), "%s.%s", e->id, p->name);
            rd_json_text(cli->result, name);
            if (unknown++ < SHOWN)
                rd_buf_printf(&text, "%s%s", unknown == 1 ? "" : ", ", name);
        }
    }
    rd_json_end(cli->result);
    if (unknown > SHOWN)
        rd_buf_printf(&text, ", and %zu more", unknown - SHOWN);
    if (unknown)
        rd_cli_wrap(cli->out, "  not known: ", 4, rd_buf_text(&text));
    rd_buf_release(&text);
    (void)fprintf(
        cli->out, "  %zu of %zu properties of its elements are known\n", known, known + unknown);
}

static void say_contents(struct rd_cli *cli, const char *path, const struct rd_system *s)
{
    size_t crossing = 0, by_state[3] = { 0, 0, 0 };
    char name[200];

    for (size_t i = 0; i < s->n_flows; i++)
        crossing += rd_flow_crosses(s, &s->flows[i]);
    for (size_t i = 0; i < s->n_controls; i++)
        by_state[s->controls[i].state]++;
    rd_json_object(cli->result);
    rd_json_kbool(cli->result, "ok", true);
    rd_json_karray(cli->result, "problems");
    rd_json_end(cli->result);
    rd_json_ktext(cli->result, "name", s->name);
    rd_json_ktext(cli->result, "currency", s->currency);
    count(cli, "file_version", (size_t)s->version);
    count(cli, "boundaries", s->n_boundaries);
    count(cli, "elements", s->n_elements);
    count(cli, "flows", s->n_flows);
    count(cli, "flows_crossing", crossing);
    count(cli, "assets", s->n_assets);
    count(cli, "actors", s->n_actors);
    count(cli, "artifacts", s->n_artifacts);
    count(cli, "controls", s->n_controls);
    count(cli, "controls_active", by_state[RD_CONTROL_ACTIVE]);
    count(cli, "controls_proposed", by_state[RD_CONTROL_PROPOSED]);
    count(cli, "tests", s->n_tests);
    count(cli, "scenarios", s->n_scenarios);
    count(cli, "decisions", s->n_decisions);
    (void)fprintf(cli->out, "%s: no problems\n", rd_text_safe_in(name, sizeof(name), s->name));
    (void)fprintf(cli->out, "  boundaries %zu, elements %zu, flows %zu (%zu cross a boundary)\n",
        s->n_boundaries, s->n_elements, s->n_flows, crossing);
    (void)fprintf(cli->out, "  assets %zu, actors %zu, artifacts %zu\n", s->n_assets, s->n_actors,
        s->n_artifacts);
    (void)fprintf(cli->out, "  controls %zu (%zu active, %zu proposed), tests %zu\n", s->n_controls,
        by_state[RD_CONTROL_ACTIVE], by_state[RD_CONTROL_PROPOSED], s->n_tests);
    (void)fprintf(cli->out, "  scenarios %zu, appetite in %zu points, decisions %zu\n",
        s->n_scenarios, s->n_appetite, s->n_decisions);
    if (s->version < RD_SYSTEM_VERSION)
        rd_cli_warn(cli, "the file is of version %d; `redoubt migrate` rewrites it as version %d",
            s->version, RD_SYSTEM_VERSION);
    rd_cli_say_notes(cli, path, s);
    say_unknowns(cli, s);
    say_files(cli, s);
    rd_json_end(cli->result);
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct check *o = opts;
    struct rd_problems problems = { NULL, 0 };
    struct rd_problem syntax;
    struct rd_loaded loaded;
    const rd_status st = rd_cli_load_system(cli, argv[0], &o->system, &loaded, &problems);

    (void)argc;
    rd_json_ktext(cli->info, "file", argv[0]);
    if (!st) {
        say_contents(cli, argv[0], loaded.system);
        return RD_OK;
    }
    if (st != RD_E_INPUT)
        return st;
    if (!problems.n) {
        syntax = from_error(cli->run.err);
        problems = (struct rd_problems){ &syntax, 1 };
    }
    say_problems(cli, rd_cli_system_file(cli, argv[0]), &problems);
    cli->exit_code = 3; /* as other commands do for such a file */
    return RD_OK;
}

const struct rd_command rd_command_check = {
    .name = "check",
    .summary = "say all that is wrong with a system file, or what is in it",
    .synopsis = "FILE [--artifact ID=PATH ...] [--allow-outside]",
    .examples = "  redoubt check demo/redoubt.yaml\n"
                "  redoubt check demo --json\n"
                "  redoubt check examples/mnist-digits --allow-outside\n",
    .options = options,
    .options_size = sizeof(struct check),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
