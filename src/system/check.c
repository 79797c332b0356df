/* check - what one key alone cannot say: cycles, kinds of what is referred to, expressions, curves.
 */
#include "base/text.h"
#include "system/read.h"
#include "system/scenario_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- boundaries --- */

/* Each boundary is inside at most one other: walk outwards, marking; meeting one's own mark is a
 * cycle. */
static void check_cycles(struct rd_reader *r)
{
    const struct rd_system *s = r->system;
    int *mark = RD_NEW_ARRAY(&r->scratch, int, s->n_boundaries + 1);

    if (!mark) {
        r->no_memory = true;
        return;
    }
    for (size_t i = 0; i < s->n_boundaries; i++) {
        const int mine = (int)i + 1;
        int b = (int)i;

        while (b != RD_NONE && !mark[b]) {
            mark[b] = mine;
            b = s->boundaries[b].inside;
        }
        if (b != RD_NONE && mark[b] == mine) {
            const struct rd_boundary *in = &s->boundaries[b];
            const struct rd_crumb crumb = { NULL, "boundaries", in->id, (size_t)b + 1 };

            rd_problem_add(r, in->at, &crumb, "inside",
                in->inside == b ? "a boundary cannot be inside itself"
                                : "boundaries are inside each other in a circle");
        }
    }
}

static void check_flows(struct rd_reader *r)
{
    for (size_t i = 0; i < r->system->n_flows; i++) {
        const struct rd_flow *f = &r->system->flows[i];
        const struct rd_crumb crumb = { NULL, "flows", f->id, i + 1 };

        if (f->from != RD_NONE && f->from == f->to)
            rd_problem_add(r, f->at, &crumb, "to", "a flow joins two different elements");
    }
}

/* --- artifacts and tests --- */

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static void check_training(
    struct rd_reader *r, const struct rd_artifact *a, const struct rd_crumb *crumb)
{
    static const char *const kinds[] = { "model", "dataset", "training recipe", "endpoint",
        "process" };
    const struct rd_artifact *data;
    bool clicks;

    if (a->is_recommender && (a->graph || a->optimizer))
        rd_problem_add(r, a->at, crumb, NULL,
            "a recipe trains a network ('graph', 'optimizer') or a 'recommender', not both");
    if (a->noise > 0 && a->clip <= 0)
        rd_problem_add(r, a->at, crumb, "noise", "needs 'clip': noise is in units of it");
    if (a->data == RD_NONE)
        return;
    data = &r->system->artifacts[a->data];
    clicks = data->format && strcmp(data->format, "clicks") == 0;
    if (data->kind != RD_ARTIFACT_DATASET)
        rd_problem_add(r, a->at, crumb, "data", "expected a dataset, '%s' is a %s", data->id,
            kinds[data->kind]);
    else if (clicks != a->is_recommender)
        rd_problem_add(r, a->at, crumb, "data",
            clicks ? "'%s' holds clicks, from which only a recipe with 'recommender' trains"
                   : "a recommender trains on a dataset of format clicks, '%s' is not one",
            data->id);
    else if (!clicks && !data->labels && data->path && ends_with(data->path, ".npy"))
        rd_problem_add(
            r, a->at, crumb, "data", "expected a dataset with labels, '%s' has none", data->id);
}

static void check_model(
    struct rd_reader *r, const struct rd_artifact *a, const struct rd_crumb *crumb)
{
    const struct rd_artifact *recipe;

    if (a->trained_by == RD_NONE)
        return;
    recipe = &r->system->artifacts[a->trained_by];
    if (a->path)
        rd_problem_add(r, a->at, crumb, "trained_by", "expected one of 'path' and 'trained_by'");
    if (recipe->kind != RD_ARTIFACT_TRAINING || recipe->is_recommender)
        rd_problem_add(r, a->at, crumb, "trained_by",
            "expected a recipe of a network, '%s' is none", recipe->id);
}

static void check_dataset(
    struct rd_reader *r, const struct rd_artifact *a, const struct rd_crumb *crumb)
{
    if (a->n_resize && a->n_resize != 2)
        rd_problem_add(
            r, a->at, crumb, "resize", "expected [height, width], found %zu numbers", a->n_resize);
    if (a->format && (a->labels || a->index || a->has_range || a->schema || a->label_column ||
                         a->contributor_column || a->column_scale || a->has_split || a->n_resize))
        rd_problem_add(r, a->at, crumb, NULL,
            "a dataset of format clicks is read as it is: only 'path' belongs to it");
}

/* Is the url's host:port, or its host with the scheme's port, in scope.hosts? A bare host there
 * stands for the scheme's port. */
static bool in_scope(const struct rd_scope *scope, const char *url, char shown[280])
{
    const bool tls = strncmp(url, "https://", 8) == 0;
    const char *host = url + (tls ? 8 : 7), *port;
    const size_t n = strcspn(host, "/?");
    char with[300];

    (void)snprintf(shown, 280, "%.*s", (int)n, host);
    port = strrchr(shown, ':');
    if (!port || strchr(port, ']'))
        (void)snprintf(with, sizeof with, "%s:%d", shown, tls ? 443 : 80);
    else
        (void)snprintf(with, sizeof with, "%s", shown);
    for (size_t i = 0; i < scope->n_hosts; i++) {
        const char *h = scope->hosts[i];

        if (h && (strcasecmp(h, shown) == 0 || strcasecmp(h, with) == 0))
            return true;
        /* "example.org" against "example.org:443" in the address. */
        if (h && strncasecmp(h, with, strlen(h)) == 0 &&
            strcmp(with + strlen(h), tls ? ":443" : ":80") == 0)
            return true;
    }
    return false;
}

static void check_headers(
    struct rd_reader *r, const struct rd_artifact *a, const struct rd_crumb *crumb)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

    for (size_t i = 0; i < a->n_headers; i++) {
        const char *h = a->headers[i] ? a->headers[i] : "X: y"; /* said already */
        const size_t n = strspn(h, token);
        bool plain = true;

        for (const char *p = h; *p; p++)
            plain = plain && *p >= ' ' && *p <= '~';
        if (!n || h[n] != ':' || !plain) {
            rd_problem_add(r, a->at, crumb, "headers",
                "expected 'Name: value' of printable ASCII in entry %zu", i + 1);
            return; /* the value may be a secret: it is not shown */
        }
    }
}

static void check_asked(
    struct rd_reader *r, const struct rd_artifact *a, const struct rd_crumb *crumb)
{
    const struct rd_scope *scope = &r->system->scope;
    const bool template = a->protocol && strcmp(a->protocol, "template") == 0;
    char host[280], safe[280];

    if (!scope->given)
        rd_problem_add(r, a->at, crumb, NULL,
            "needs 'scope' with owner and authorization: what is asked may be somebody's");
    else if (a->url && !in_scope(scope, a->url, host))
        rd_problem_add(r, a->at, crumb, "url",
            "'%s' is not in scope.hosts; nothing else is ever "
            "contacted",
            rd_text_safe_in(safe, sizeof safe, host));
    if (template && (!a->request || (!a->score_selector && !a->label_selector)))
        rd_problem_add(r, a->at, crumb, "protocol",
            "template needs 'request' and 'score_selector' or 'label_selector'");
    if (a->url && !template && (a->request || a->score_selector || a->label_selector))
        rd_problem_add(r, a->at, crumb, NULL,
            "'request', 'score_selector' and 'label_selector' belong to protocol template");
    if (a->kind == RD_ARTIFACT_PROCESS && a->command && !a->n_command)
        rd_problem_add(r, a->at, crumb, "command", "expected a program and its words");
    if (a->n_class_names && a->classes && (int64_t)a->n_class_names != a->classes)
        rd_problem_add(r, a->at, crumb, "class_names", "expected %lld names, found %zu",
            (long long)a->classes, a->n_class_names);
    check_headers(r, a, crumb);
}

static void check_artifacts(struct rd_reader *r)
{
    const struct rd_system *s = r->system;

    for (size_t i = 0; i < s->n_artifacts; i++) {
        const struct rd_artifact *a = &s->artifacts[i];
        const struct rd_crumb crumb = { NULL, "artifacts", a->id, i + 1 };

        if (a->kind == RD_ARTIFACT_TRAINING)
            check_training(r, a, &crumb);
        else if (a->kind == RD_ARTIFACT_DATASET)
            check_dataset(r, a, &crumb);
        else if (a->kind == RD_ARTIFACT_MODEL)
            check_model(r, a, &crumb);
        else
            check_asked(r, a, &crumb);
    }
    for (size_t i = 0; i < s->n_tests; i++) {
        const struct rd_test_decl *t = &s->tests[i];
        const struct rd_crumb crumb = { NULL, "tests", t->id, i + 1 };

        if (t->artifact != RD_NONE && s->artifacts[t->artifact].kind == RD_ARTIFACT_DATASET)
            rd_problem_add(r, t->at, &crumb, "artifact",
                "expected a model or a training recipe to attack, '%s' is a dataset",
                s->artifacts[t->artifact].id);
    }
}

/* --- assets and expressions --- */

static void check_asset_ids(struct rd_reader *r)
{
    static const char *const words[] = { "and", "or", "not", "in", "true", "false", "unknown",
        NULL };

    for (size_t i = 0; i < r->system->n_assets; i++) {
        const struct rd_asset *a = &r->system->assets[i];
        const struct rd_crumb crumb = { NULL, "assets", a->id, i + 1 };
        bool taken = false;

        for (const char *const *w = words; a->id && *w; w++)
            taken = taken || strcmp(a->id, *w) == 0;
        for (size_t m = 0; a->id && m < RD_MEASURES; m++)
            taken = taken || strcmp(a->id, rd_measure_words[m].name) == 0;
        if (taken)
            rd_problem_add(r, a->at, &crumb, "id",
                "'%s' is a word of expressions, where an asset goes by its id; choose another",
                a->id);
        else if (a->id && a->id[0] >= '0' && a->id[0] <= '9')
            rd_problem_add(r, a->at, &crumb, "id",
                "'%s' begins with a digit, and expressions would read a number; choose another",
                a->id);
    }
}

struct used { /* by the expressions of one scenario */
    struct rd_reader *r;
    const struct rd_scenario_names *names;
    struct rd_arena *arena; /* of one scenario: there may be many */
    const struct rd_crumb *crumb;
    const char *key;
    struct rd_place at;
    const char *only[RD_INFER + 1]; /* by kind: a word that only this kind of attack measures */
    bool uses[RD_MEASURES];
};

static void look_at_name(void *user, const char *name, size_t slot)
{
    struct used *u = user;
    const struct rd_scenario_word w = rd_scenario_word_at(u->names, slot);
    char safe[80];

    if (w.kind == RD_WORD_ASSET && !u->names->system->assets[w.asset].value.given &&
        strcmp(u->key, "magnitude") != 0) {
        /* In a magnitude it is what the break-even is about. */
        rd_problem_add(u->r, u->at, u->crumb, u->key, "asset '%s' has no value",
            rd_text_safe_in(safe, sizeof(safe), name));
    } else if (w.kind == RD_WORD_PROPERTY && w.value.unknown) {
        rd_problem_add(u->r, u->at, u->crumb, u->key,
            "property '%s' of '%s' is unknown; say it there, or do not use it here",
            rd_text_safe_in(safe, sizeof(safe), name), u->names->system->elements[w.element].id);
    } else if (w.kind == RD_WORD_MEASURE) {
        const unsigned kinds = rd_measure_words[w.measure].kinds;

        u->uses[w.measure] = true;
        for (int k = RD_EVADE; k <= RD_INFER; k++) {
            if (kinds == 1u << k)
                u->only[k] = rd_measure_words[w.measure].name;
        }
    }
}

/* The character that the compiler names: "character 7: ...". */
static struct rd_place place_of_error(struct used *u, const char *text, const char *said)
{
    const unsigned long n = strncmp(said, "character ", 10) ? 1 : strtoul(said + 10, NULL, 10);

    return rd_place_inside(u->r, u->at, text, n < UINT32_MAX ? (uint32_t)n : 1);
}

/* NULL: there is none, or it is wrong. */
static struct rd_expr *check_expr(struct used *u, const char *text, enum rd_expr_type want)
{
    const struct rd_expr_env env = rd_scenario_env(u->names);
    struct rd_error err = { 0 };
    struct rd_expr *expr = NULL;
    rd_status st;

    if (!text)
        return NULL;
    st = rd_expr_compile("", text, want, &env, u->arena, &expr, &err);
    if (st == RD_E_MEMORY) {
        u->r->no_memory = true;
    } else if (st) {
        const char *said = err.frame[0].text + strspn(err.frame[0].text, ": ");

        rd_problem_add(u->r, place_of_error(u, text, said), u->crumb, u->key, "%s%s%s", said,
            err.hint[0] ? "; " : "", err.hint);
    } else {
        rd_expr_names(expr, look_at_name, u);
    }
    return st ? NULL : expr;
}

/* One scenario is about one kind of attack, and says what that kind needs to be told. */
static void check_kinds(struct used *u, const struct rd_scenario *sc)
{
    static const char *const kinds[] = { "", "evasion", "poisoning", "extraction", "inference" };
    int first = 0;

    for (int k = RD_EVADE; k <= RD_INFER; k++) {
        if (!u->only[k])
            continue;
        if (first) {
            rd_problem_add(u->r, sc->at, u->crumb, NULL,
                "'%s' is measured by %s and '%s' by %s; one scenario is about one of them",
                u->only[first], kinds[first], u->only[k], kinds[k]);
            return;
        }
        first = k;
    }
    if (first == RD_EVADE && (!sc->objects || !sc->queries_per_object))
        rd_problem_add(u->r, sc->at, u->crumb, NULL,
            "'%s' needs 'objects' and 'queries_per_object': what one campaign tries",
            u->only[first]);
    if (u->uses[RD_MEASURE_DECISIONS] && (!sc->decisions_per_day.given || !sc->dwell_days.given))
        rd_problem_add(
            u->r, sc->at, u->crumb, NULL, "'decisions' needs 'decisions_per_day' and 'dwell_days'");
    if (u->uses[RD_MEASURE_DAYS] && !sc->dwell_days.given)
        rd_problem_add(u->r, sc->at, u->crumb, NULL, "'days' needs 'dwell_days'");
    if ((u->uses[RD_MEASURE_DISCLOSED] || u->uses[RD_MEASURE_CANDIDATES]) && !sc->candidates.given)
        rd_problem_add(u->r, sc->at, u->crumb, NULL, "'%s' needs 'candidates'",
            u->uses[RD_MEASURE_DISCLOSED] ? "disclosed" : "candidates");
}

static void check_scenario(
    struct rd_reader *r, const struct rd_scenario *sc, const struct rd_crumb *crumb)
{
    struct rd_scenario_names names;
    struct rd_arena arena = RD_ARENA_INIT;
    struct used u = { .r = r, .names = &names, .arena = &arena, .crumb = crumb };
    const struct rd_expr *loss_when, *magnitude;
    size_t before;

    if (rd_scenario_names_init(&names, r->system, sc, 0, &arena, NULL)) {
        r->no_memory = true;
        rd_arena_release(&arena);
        return;
    }
    before = r->n_problems + r->more_problems;
    u.key = "loss_when";
    u.at = sc->loss_when_at;
    loss_when = check_expr(&u, sc->loss_when, RD_EXPR_BOOL);
    u.key = "magnitude";
    u.at = sc->magnitude_at;
    magnitude = check_expr(&u, sc->magnitude, RD_EXPR_NUMBER);
    if (before == r->n_problems + r->more_problems && !r->no_memory)
        rd_check_amounts(r, crumb, &names, loss_when, magnitude);
    rd_arena_release(&arena);
    check_kinds(&u, sc);
}

static void check_scenarios(struct rd_reader *r)
{
    const struct rd_crumb risk = { .key = "risk" };

    for (size_t i = 0; i < r->system->n_scenarios && !r->no_memory; i++) {
        const struct rd_scenario *sc = &r->system->scenarios[i];
        const struct rd_crumb crumb = { &risk, "scenarios", sc->id, i + 1 };

        check_scenario(r, sc, &crumb);
    }
}

/* --- prerequisites of controls --- */

struct walk {
    struct rd_reader *r;
    size_t *next; /* (controls) which of its prerequisites is looked at next */
    int *path;    /* (controls) from the control begun with to the one at hand */
    size_t depth;
    enum { UNSEEN, ON_PATH, DONE } * state; /* (controls) */
};

enum { SHOWN = 12 }; /* controls of a circle that are named; the rest are counted */

/* "a -> b -> a", from the control that the last one asks for again. */
static void say_circle(struct walk *w, int again, struct rd_place at)
{
    const struct rd_system *s = w->r->system;
    const int last = w->path[w->depth - 1];
    const struct rd_crumb crumb = { NULL, "controls", s->controls[last].id, (size_t)last + 1 };
    struct rd_buf b = { 0 };
    char safe[80];
    size_t first = w->depth - 1, n;

    while (w->path[first] != again)
        first--;
    n = w->depth - first;
    for (size_t i = 0; i < n; i++) {
        const char *id = s->controls[w->path[first + i]].id;

        if (i == SHOWN && n > SHOWN + 1) {
            rd_buf_printf(&b, "(%zu more) -> ", n - SHOWN);
            break;
        }
        rd_buf_printf(&b, "%s -> ", rd_text_safe_in(safe, sizeof safe, id ? id : "?"));
    }
    rd_buf_puts(&b,
        rd_text_safe_in(safe, sizeof safe, s->controls[again].id ? s->controls[again].id : "?"));
    if (b.failed)
        w->r->no_memory = true;
    else
        rd_problem_add(w->r, at, &crumb, "requires",
            n == 1 ? "a control cannot require itself: %s"
                   : "controls require each other in a circle, so none can be first: %s",
            rd_buf_text(&b));
    rd_buf_release(&b);
}

/* What one control asks for, one at a time, without recursion: files may be long chains. */
static void walk_from(struct walk *w, int start)
{
    const struct rd_system *s = w->r->system;

    w->path[0] = start;
    w->depth = 1;
    w->state[start] = ON_PATH;
    while (w->depth) {
        const int at = w->path[w->depth - 1];
        const struct rd_refs *needs = &s->controls[at].prerequisites;
        int need;

        /* What a retired control asked for binds nobody. */
        if (w->next[at] == needs->n || s->controls[at].state == RD_CONTROL_RETIRED) {
            w->state[at] = DONE;
            w->depth--;
            continue;
        }
        need = needs->index[w->next[at]++];
        if (need == RD_NONE || w->state[need] == DONE)
            continue;
        if (w->state[need] == ON_PATH) {
            say_circle(w, need, needs->at[w->next[at] - 1]);
            continue;
        }
        w->state[need] = ON_PATH;
        w->path[w->depth++] = need;
    }
}

static void check_prerequisites(struct rd_reader *r)
{
    const struct rd_system *s = r->system;
    struct walk w = { .r = r };
    size_t *named_by; /* (controls) control that required it last, from 1 on */

    w.next = RD_NEW_ARRAY(&r->scratch, size_t, s->n_controls + 1);
    w.path = RD_NEW_ARRAY(&r->scratch, int, s->n_controls + 1);
    w.state = rd_arena_alloc(&r->scratch, s->n_controls + 1, sizeof *w.state);
    named_by = RD_NEW_ARRAY(&r->scratch, size_t, s->n_controls + 1);
    if (!w.next || !w.path || !w.state || !named_by) {
        r->no_memory = true;
        return;
    }
    for (size_t i = 0; i < s->n_controls && !r->no_memory; i++) {
        const struct rd_control *c = &s->controls[i];
        const struct rd_crumb crumb = { NULL, "controls", c->id, i + 1 };
        char safe[80];

        for (size_t k = 0; k < c->prerequisites.n; k++) {
            const int need = c->prerequisites.index[k];

            if (need != RD_NONE && named_by[need] == i + 1)
                rd_problem_add(r, c->prerequisites.at[k], &crumb, "requires",
                    "'%s' is required twice; once is enough",
                    rd_text_safe_in(
                        safe, sizeof safe, s->controls[need].id ? s->controls[need].id : "?"));
            if (need != RD_NONE)
                named_by[need] = i + 1;
            if (need != RD_NONE && c->state != RD_CONTROL_RETIRED &&
                s->controls[need].state == RD_CONTROL_RETIRED)
                rd_problem_add(r, c->prerequisites.at[k], &crumb, "requires",
                    "'%s' is retired (line %d); what is required must be active or proposed",
                    rd_text_safe_in(
                        safe, sizeof safe, s->controls[need].id ? s->controls[need].id : "?"),
                    s->controls[need].at.line);
        }
        if (w.state[i] == UNSEEN)
            walk_from(&w, (int)i);
    }
}

/* --- what experts expect of controls --- */

static void check_expects(struct rd_reader *r)
{
    const struct rd_system *s = r->system;
    /* (scenarios) control that spoke of it last, from 1 on, and where */
    size_t *seen = RD_NEW_ARRAY(&r->scratch, size_t, s->n_scenarios + 1);
    int *line = RD_NEW_ARRAY(&r->scratch, int, s->n_scenarios + 1);

    if (!seen || !line) {
        r->no_memory = true;
        return;
    }
    for (size_t c = 0; c < s->n_controls; c++)
        for (size_t k = 0; k < s->controls[c].n_expects; k++) {
            const struct rd_expects *e = &s->controls[c].expects[k];
            const struct rd_crumb control = { NULL, "controls", s->controls[c].id, c + 1 };
            const struct rd_crumb crumb = { &control, "expects", NULL, k + 1 };
            const struct rd_scenario *sc;
            char safe[80];

            if (e->scenario < 0 || (size_t)e->scenario >= s->n_scenarios)
                continue;
            sc = &s->scenarios[e->scenario];
            (void)rd_text_safe_in(safe, sizeof safe, sc->id ? sc->id : "?");
            if (seen[e->scenario] == c + 1)
                rd_problem_add(r, e->at, &crumb, "scenario",
                    "'%s' is named already in line %d; one expectation each", safe,
                    line[e->scenario]);
            else if (!sc->susceptibility.given)
                rd_problem_add(r, e->at, &crumb, "scenario",
                    "'%s' (line %d) gives no susceptibility; what is expected of a control counts "
                    "only beside what an expert says without it",
                    safe, sc->at.line);
            seen[e->scenario] = c + 1;
            line[e->scenario] = e->at.line;
        }
}

/* --- appetite and decisions --- */

/* Items of the file in another order. */
struct sorted_appetite {
    const struct rd_appetite *is;
};
struct sorted_decision {
    const struct rd_decision *is;
};

static int by_loss(const void *a, const void *b)
{
    const struct rd_appetite *p = ((const struct sorted_appetite *)a)->is;
    const struct rd_appetite *q = ((const struct sorted_appetite *)b)->is;

    if (p->loss != q->loss)
        return p->loss < q->loss ? -1 : 1;
    return (p > q) - (p < q); /* as in the file */
}

static void check_appetite(struct rd_reader *r)
{
    const struct rd_system *s = r->system;
    struct sorted_appetite *sorted =
        RD_NEW_ARRAY(&r->scratch, struct sorted_appetite, s->n_appetite + 1);
    const struct rd_crumb risk = { .key = "risk" };

    if (!sorted) {
        r->no_memory = true;
        return;
    }
    for (size_t i = 0; i < s->n_appetite; i++)
        sorted[i].is = &s->appetite[i];
    qsort(sorted, s->n_appetite, sizeof(*sorted), by_loss);
    for (size_t i = 1; i < s->n_appetite; i++) {
        const struct rd_appetite *p = sorted[i - 1].is, *q = sorted[i].is;
        const struct rd_crumb crumb = { &risk, "appetite", NULL, (size_t)(q - s->appetite) + 1 };
        char loss[32], other[32];

        if (p->loss == q->loss)
            rd_problem_add(r, q->at, &crumb, "loss", "the loss %s is given twice",
                rd_text_from_double(q->loss, loss));
        else if (q->probability > p->probability)
            rd_problem_add(r, q->at, &crumb, "probability",
                "a loss of %s cannot be more acceptable than one of %s (line %d)",
                rd_text_from_double(q->loss, loss), rd_text_from_double(p->loss, other),
                p->at.line);
    }
}

static int by_threat(const void *a, const void *b)
{
    const struct rd_decision *p = ((const struct sorted_decision *)a)->is;
    const struct rd_decision *q = ((const struct sorted_decision *)b)->is;
    const int c = strcmp(p->threat ? p->threat : "", q->threat ? q->threat : "");

    return c ? c : (p > q) - (p < q); /* as in the file */
}

static void check_decisions(struct rd_reader *r)
{
    const struct rd_system *s = r->system;
    struct sorted_decision *sorted =
        RD_NEW_ARRAY(&r->scratch, struct sorted_decision, s->n_decisions + 1);

    if (!sorted) {
        r->no_memory = true;
        return;
    }
    for (size_t i = 0; i < s->n_decisions; i++)
        sorted[i].is = &s->decisions[i];
    qsort(sorted, s->n_decisions, sizeof(*sorted), by_threat);
    for (size_t i = 1; i < s->n_decisions; i++) {
        const struct rd_decision *p = sorted[i - 1].is, *q = sorted[i].is;
        const struct rd_crumb crumb = { NULL, "states", NULL, (size_t)(q - s->decisions) + 1 };

        if (p->threat && q->threat && strcmp(p->threat, q->threat) == 0)
            rd_problem_add(r, q->at, &crumb, "threat",
                "there is a decision about this threat in line %d already", p->at.line);
    }
}

void rd_system_check(struct rd_reader *r)
{
    if (r->no_memory)
        return;
    check_cycles(r);
    check_flows(r);
    check_artifacts(r);
    check_asset_ids(r);
    check_scenarios(r);
    check_prerequisites(r);
    check_expects(r);
    check_appetite(r);
    check_decisions(r);
}
