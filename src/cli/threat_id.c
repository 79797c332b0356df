/* threat_id.c - a threat by what somebody typed. */
#include "cli/threat_id.h"

#include "base/text.h"

#include <string.h>

enum { NAMES_MAX = 4 };

/* No such id: say which part of it is wrong, and the nearest that is right. */
static rd_status unknown_id(struct rd_cli *cli, const struct rd_loaded *l, const char *id,
    const struct rd_rule *rule, bool place)
{
    struct rd_arena *arena = cli->run.scratch;
    const char **words = RD_NEW_ARRAY(arena, const char *, l->threats.n + l->rules.n + 1);
    const char *near;
    char safe[160];
    size_t n = 0;

    if (!words)
        return rd_run_no_memory(&cli->run, "the threat ids");
    for (size_t i = 0; i < l->threats.n; i++)
        words[n++] = l->threats.item[i].id;
    (void)rd_text_safe_in(safe, sizeof safe, id);
    for (size_t i = 0; i < l->rules.n && !strchr(id, '@'); i++) {
        if (!strcmp(l->rules.item[i]->id, id)) {
            (void)RD_FAIL(
                cli->run.err, RD_E_NOTFOUND, "the rule '%s' finds no threat in this system", safe);
            return rd_error_hint(cli->run.err,
                "redoubt explain FILE %s@ELEMENT says why not, for one of its parts", safe);
        }
        words[n++] = l->rules.item[i]->id;
    }
    near = rd_text_nearest(id, words);
    if (rule && place)
        (void)RD_FAIL(cli->run.err, RD_E_NOTFOUND,
            "there is no threat '%s': rule '%s' looks at other parts", safe, rule->id);
    else if (!strchr(id, '@'))
        (void)RD_FAIL(
            cli->run.err, RD_E_NOTFOUND, "'%s' is no threat id: expected RULE@ELEMENT", safe);
    else
        (void)RD_FAIL(cli->run.err, RD_E_NOTFOUND, "there is no threat '%s': %s", safe,
            rule ? "no element or flow is called so" : "no rule is called so");
    for (size_t i = 0; i < l->threats.n && !near; i++) {
        const size_t len = strlen(l->threats.item[i].rule->id);

        /* A rule alone, or with a place that is wrong. */
        if (!strncmp(id, l->threats.item[i].rule->id, len) && (id[len] == '\0' || id[len] == '@'))
            near = l->threats.item[i].id;
    }
    if (near)
        (void)rd_error_hint(cli->run.err, "did you mean '%s'?", near);
    else
        (void)rd_error_hint(cli->run.err, "redoubt threats FILE lists them");
    return RD_E_NOTFOUND;
}

/* A rule alone: its one threat, NULL when it has none here; several are an error that names them.
 */
static rd_status by_rule(
    struct rd_cli *cli, const struct rd_loaded *l, const char *id, const struct rd_threat **out)
{
    struct rd_buf names = { 0 };
    size_t n = 0;
    rd_status st = RD_OK;

    *out = NULL;
    for (size_t i = 0; i < l->threats.n; i++) {
        const struct rd_threat *t = &l->threats.item[i];

        if (strcmp(t->rule->id, id) != 0)
            continue;
        if (n < NAMES_MAX)
            rd_buf_printf(&names, "%s%s", n ? ", " : "", t->id);
        *out = t;
        n++;
    }
    if (n > 1) {
        (void)RD_FAIL(
            cli->run.err, RD_E_NOTFOUND, "'%s' stands at %zu places here: say which", id, n);
        st = rd_error_hint(cli->run.err, "%s%s", rd_buf_text(&names), n > NAMES_MAX ? ", ..." : "");
    }
    rd_buf_release(&names);
    return st;
}

rd_status rd_cli_threat_find(
    struct rd_cli *cli, const struct rd_loaded *l, const char *id, struct rd_threat *out)
{
    const struct rd_threat *t = rd_threat_find(&l->threats, id);
    const char *at = strchr(id, '@');
    const struct rd_rule *rule = NULL;
    int element = RD_NONE, flow = RD_NONE;
    rd_status st = t || at ? RD_OK : by_rule(cli, l, id, &t);

    if (st)
        return st;
    if (t) {
        *out = *t;
        return RD_OK;
    }
    for (size_t i = 0; at && i < l->rules.n; i++)
        if (strlen(l->rules.item[i]->id) == (size_t)(at - id) &&
            !strncmp(l->rules.item[i]->id, id, (size_t)(at - id)))
            rule = l->rules.item[i];
    if (rule) {
        element = rd_system_element(l->system, at + 1);
        flow = element == RD_NONE ? rd_system_flow(l->system, at + 1) : RD_NONE;
    }
    if ((element == RD_NONE && flow == RD_NONE) ||
        !rd_rule_applies_to(rule, element != RD_NONE ? l->system->elements[element].type : NULL))
        return unknown_id(cli, l, id, rule, element != RD_NONE || flow != RD_NONE);
    return rd_threat_derive_one(
        &l->rules, rule, l->system, element, flow, cli->run.scratch, out, cli->run.err);
}
