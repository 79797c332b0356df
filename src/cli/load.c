#include "cli/load.h"

#include "base/file.h"
#include "base/text.h"

#include <redoubt/attack.h>
#include <redoubt/defense.h>

#include <string.h>
#include <time.h>

static const struct rd_option none[] = { RD_OPTION_END };

static const struct rd_option *attack_options(const char *name)
{
    const struct rd_attack *a = rd_attack_find(name);

    return !a ? NULL : a->options ? a->options : none;
}

static const struct rd_option *defense_options(const char *name)
{
    const struct rd_defense *d = rd_defense_find(name);

    return !d ? NULL : d->options ? d->options : none;
}

static const char *const *attack_names(struct rd_arena *arena)
{
    size_t n = 0, i = 0;
    const char **names;

    while (rd_attacks[n])
        n++;
    names = RD_NEW_ARRAY(arena, const char *, n + 1);
    for (; names && i < n; i++)
        names[i] = rd_attacks[i]->name;
    return names;
}

/* Kinds of control: the defenses we can run, and what else the rules know to remove a threat. */
static const char *const *control_kinds(const struct rd_rules *rules, struct rd_arena *arena)
{
    const char *const *known = rd_rules_control_kinds(rules, arena);
    size_t n_known = 0, n_defenses = 0, n = 0;
    const char **kinds;

    while (known && known[n_known])
        n_known++;
    while (rd_defenses[n_defenses])
        n_defenses++;
    kinds = known ? RD_NEW_ARRAY(arena, const char *, n_known + n_defenses + 1) : NULL;
    if (!kinds)
        return NULL;
    for (size_t i = 0; i < n_defenses; i++)
        kinds[n++] = rd_defenses[i]->name;
    for (size_t i = 0; i < n_known; i++)
        if (!rd_defense_find(known[i]))
            kinds[n++] = known[i];
    return kinds;
}

static const char *today_is(char today[16])
{
    const time_t now = time(NULL);
    struct tm day;

    return gmtime_r(&now, &day) && strftime(today, 16, "%Y-%m-%d", &day) ? today : NULL;
}

const char *rd_cli_system_file(struct rd_cli *cli, const char *path)
{
    const char *inside =
        rd_file_is_dir(path) ? rd_path_join(cli->run.scratch, path, "redoubt.yaml") : path;

    return inside ? inside : path;
}

/* bytes NULL: those of the file. */
static rd_status load_system(struct rd_cli *cli, const char *path, const void *bytes, size_t size,
    const struct rd_load_options *options, struct rd_loaded *loaded_out,
    struct rd_problems *problems_out)
{
    struct rd_arena *arena = cli->run.scratch;
    struct rd_system_options o = { .attack_options = attack_options,
        .defense_options = defense_options };
    const char *folder = bytes ? rd_path_dir(arena, path) : NULL;
    char today[16] = "";
    rd_status st = rd_rules_load(arena, &loaded_out->rules, cli->run.err);

    if (st)
        return RD_WRAP(cli->run.err, st, "loading the built-in rules");
    o.today = today_is(today);
    o.attack_names = attack_names(arena);
    o.control_kinds = control_kinds(&loaded_out->rules, arena);
    o.rule_ids = rd_rules_ids(&loaded_out->rules, arena);
    if (!o.attack_names || !o.control_kinds || !o.rule_ids || (bytes && !folder))
        return rd_run_no_memory(&cli->run, "the registries");
    if (options) {
        o.allow_outside = options->allow_outside;
        o.overrides = options->artifacts.item;
        o.n_overrides = options->artifacts.n;
    }
    return bytes ? rd_system_parse(path, folder, bytes, size, &o, arena, &loaded_out->system,
                       problems_out, cli->run.err)
                 : rd_system_load(path, &o, arena, &loaded_out->system, problems_out, cli->run.err);
}

rd_status rd_cli_load_system(struct rd_cli *cli, const char *path,
    const struct rd_load_options *options, struct rd_loaded *loaded_out,
    struct rd_problems *problems_out)
{
    return load_system(cli, path, NULL, 0, options, loaded_out, problems_out);
}

/* A decision about nothing, and one whose time is over, deserve a word. */
static void say_decisions(struct rd_cli *cli, const struct rd_loaded *l)
{
    char a[140], b[40];

    for (size_t i = 0; i < l->system->n_decisions; i++) {
        const struct rd_decision *d = &l->system->decisions[i];

        (void)rd_text_safe_in(a, sizeof a, d->threat);
        if (!rd_threat_find(&l->threats, d->threat))
            rd_cli_warn(cli,
                "states: '%s' does not apply (any more); its decision '%s' is about nothing", a,
                rd_text_safe_in(b, sizeof b, d->decision));
        else if (rd_decision_expired(l->system, d))
            rd_cli_warn(cli, "states: the decision about '%s' ended on %s and counts no more", a,
                rd_text_safe_in(b, sizeof b, d->until));
    }
}

void rd_cli_say_notes(struct rd_cli *cli, const char *path, const struct rd_system *s)
{
    const char *name = rd_cli_system_file(cli, path);

    for (size_t i = 0; i < s->n_notes; i++)
        rd_cli_warn(cli, "%s:%d:%d: %s", name, s->notes[i].at.line, s->notes[i].at.column,
            s->notes[i].text);
}

/* All that is wrong, each at its place of the file, so that an editor finds it. */
static rd_status say_problems(
    struct rd_cli *cli, const char *path, const struct rd_problems *problems)
{
    enum { SHOWN = 50 };
    char safe[200];
    const char *name = rd_text_safe_in(safe, sizeof safe, rd_cli_system_file(cli, path));

    for (size_t i = 0; i < problems->n && i < SHOWN; i++)
        rd_cli_problem(cli, name, problems->item[i].at.line, problems->item[i].at.column,
            problems->item[i].text);
    (void)RD_FAIL(cli->run.err, RD_E_INPUT, "'%s' has %zu problem%s", name, problems->n,
        problems->n == 1 ? "" : "s");
    if (problems->n <= SHOWN)
        return RD_E_INPUT;
    return rd_error_hint(cli->run.err, "redoubt check '%s' lists them all", name);
}

static rd_status load(struct rd_cli *cli, const char *path, const void *bytes, size_t size,
    const struct rd_load_options *options, struct rd_loaded *loaded_out)
{
    struct rd_problems problems = { 0 };
    rd_status st = load_system(cli, path, bytes, size, options, loaded_out, &problems);

    if (st && problems.n)
        return say_problems(cli, path, &problems);
    if (!st)
        st = rd_threats_derive(&loaded_out->rules, loaded_out->system, cli->run.scratch,
            &loaded_out->threats, cli->run.err);
    return st;
}

rd_status rd_cli_load(struct rd_cli *cli, const char *path, const struct rd_load_options *options,
    struct rd_loaded *loaded_out)
{
    const rd_status st = load(cli, path, NULL, 0, options, loaded_out);

    if (!st) {
        say_decisions(cli, loaded_out);
        rd_cli_say_notes(cli, path, loaded_out->system);
    }
    return st;
}

rd_status rd_cli_load_text(struct rd_cli *cli, const char *path, const void *bytes, size_t size,
    const struct rd_load_options *options, struct rd_loaded *loaded_out)
{
    return load(cli, path, bytes, size, options, loaded_out);
}
