/*
 * finding_check.c - a test, written as the command that repeats it.
 *
 * `attack run` reads its files by one table of options for evaluation set, pool and training data
 * alike, trains victims without treatments and asks a target with nothing before it. What a file
 * says beyond that cannot be said on its command line: then `assess` repeats the test.
 */
#include "report/finding.h"

#include "base/file.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct command {
    struct rd_run *run;
    const struct rd_system *system;
    struct rd_arena *arena;
    struct rd_buf text;
    const char *cannot; /* why it is not `attack run`, or NULL */
};

static void cannot(struct command *c, const char *why)
{
    if (!c->cannot)
        c->cannot = why;
}

static void put_word(struct command *c, const char *word)
{
    rd_buf_putc(&c->text, ' ');
    rd_text_shell(&c->text, word);
}

static void put(struct command *c, const char *option, const char *value)
{
    rd_buf_printf(&c->text, " --%s", option);
    put_word(c, value);
}

static void put_real(struct command *c, const char *option, double value)
{
    char number[32];

    put(c, option, rd_text_from_double(value, number));
}

static void put_int(struct command *c, const char *option, int64_t value)
{
    char number[32];

    (void)snprintf(number, sizeof number, "%lld", (long long)value);
    put(c, option, number);
}

/* --- the file and its folder --- */

/* As seen from the folder of the file; NULL: it lies elsewhere, and where is nobody's business. */
static const char *from_folder(const struct command *c, const char *path)
{
    const char *folder = c->system->folder;
    const size_t len = strlen(folder);

    if (!strcmp(folder, ".") || !len)
        return path[0] == '/' ? NULL : path;
    if (!strncmp(path, folder, len) && (path[len] == '/' || folder[len - 1] == '/'))
        return path + len + (path[len] == '/');
    return NULL;
}

static void put_path(struct command *c, const char *option, const char *path)
{
    const char *near = path ? from_folder(c, path) : NULL;

    if (!path)
        return;
    if (!near || !*near) {
        cannot(c, "a file of the test does not lie below the folder of the system file");
        return;
    }
    put(c, option, near);
}

static bool goes_outside(const struct command *c, const char *path)
{
    const char *near = path ? from_folder(c, path) : NULL;

    return path && (!near || !rd_path_stays_inside(near));
}

/* ". " or the name of the file, and what it takes to read it. */
static void put_system(struct command *c)
{
    const char *slash = strrchr(c->system->path, '/');
    const char *name = slash ? slash + 1 : c->system->path;
    bool outside = false;

    if (!strcmp(name, "redoubt.yaml"))
        rd_buf_puts(&c->text, " .");
    else if (name[0] == '-')
        put_word(c, rd_arena_printf(c->arena, "./%s", name));
    else
        put_word(c, name);
    for (size_t i = 0; i < c->system->n_artifacts; i++) {
        const struct rd_artifact *a = &c->system->artifacts[i];

        outside = outside || goes_outside(c, a->path) || goes_outside(c, a->labels) ||
                  goes_outside(c, a->index) || goes_outside(c, a->schema) ||
                  goes_outside(c, a->graph);
    }
    if (outside)
        rd_buf_puts(&c->text, " --allow-outside");
}

/* --- data --- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

/* Everything that attack run says once for all its data. */
static bool is_read_alike(const struct rd_artifact *a, const struct rd_artifact *b)
{
    return same_text(a->schema, b->schema) && same_text(a->label_column, b->label_column) &&
           same_text(a->contributor_column, b->contributor_column) &&
           same_text(a->column_scale, b->column_scale) && !(a->scale < b->scale) &&
           !(a->scale > b->scale);
}

static void put_data(
    struct command *c, const char *prefix, const struct rd_artifact *a, bool labels)
{
    char option[48];

    if (a->format || a->has_split || a->n_resize)
        cannot(c, "its data is split, resized or of a format that attack run does not take");
    (void)snprintf(option, sizeof option, "%s", *prefix ? prefix : "input");
    put_path(c, option, a->path);
    if (labels && a->labels) {
        (void)snprintf(option, sizeof option, "%s%slabels", prefix, *prefix ? "-" : "");
        put_path(c, option, a->labels);
    }
    (void)snprintf(option, sizeof option, "%s%sindex", prefix, *prefix ? "-" : "");
    put_path(c, option, a->index);
    if (a->has_range) {
        char range[64];

        (void)snprintf(option, sizeof option, "%s%srange", prefix, *prefix ? "-" : "");
        (void)snprintf(
            range, sizeof range, "%lld,%lld", (long long)a->range[0], (long long)a->range[1]);
        put(c, option, range);
    }
}

/* What is said once: of the first, and the others must agree. */
static void put_reading(struct command *c, const struct rd_artifact *const *data, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (!is_read_alike(data[0], data[i]))
            cannot(c, "its data files are not all read the same way");
    if (!n)
        return;
    put_path(c, "schema", data[0]->schema);
    if (data[0]->label_column)
        put(c, "label-column", data[0]->label_column);
    if (data[0]->contributor_column)
        put(c, "contributor-column", data[0]->contributor_column);
    if (data[0]->column_scale)
        put(c, "column-scale", data[0]->column_scale);
    if (data[0]->scale < 1 || data[0]->scale > 1)
        put_real(c, "scale", data[0]->scale);
}

static void put_all_data(struct command *c, const struct rd_bound_test *t)
{
    const struct rd_artifact *all = c->system->artifacts, *data[3];
    const bool trains = t->attack->kind == RD_POISON || t->attack->kind == RD_INFER;
    size_t n = 0;

    if (t->eval != RD_NONE) {
        data[n++] = &all[t->eval];
        put_data(c, "", &all[t->eval], true);
    }
    if (t->pool != RD_NONE && !trains) {
        const bool owns = t->actor != RD_NONE && c->system->actors[t->actor].labeled == RD_YES;

        data[n++] = &all[t->pool];
        put_data(c, "pool", &all[t->pool], owns);
        if (owns && !all[t->pool].labels) /* a column of the table */
            put_path(c, "pool-labels", all[t->pool].path);
    }
    if (trains) {
        data[n++] = &all[all[t->recipe].data];
        put_data(c, "train", &all[all[t->recipe].data], true);
    }
    put_reading(c, data, n);
}

/* --- the victim --- */

static void put_recipe(struct command *c, const struct rd_artifact *a)
{
    const char *slash = strrchr(a->graph, '/');
    const bool built_in =
        !strcmp(slash ? slash + 1 : a->graph, "built-in") && !rd_file_exists(a->graph);

    if (a->clip > 0 || a->noise > 0 || a->has_adversary)
        cannot(c, "its recipe trains with noise or against an adversary");
    if (!built_in)
        put_path(c, "graph", a->graph);
    put(c, "optimizer", a->optimizer);
    put_real(c, "lr", a->lr);
    put_int(c, "epochs", a->epochs);
    put_int(c, "batch", a->batch);
    put(c, "schedule", a->schedule);
    if (a->momentum > 0 || strcmp(a->optimizer, "adam") != 0)
        put_real(c, "momentum", a->momentum);
    if (a->weight_decay > 0)
        put_real(c, "weight-decay", a->weight_decay);
}

static void put_hosts(struct command *c)
{
    for (size_t i = 0; i < c->system->scope.n_hosts; i++)
        put(c, "allow-host", c->system->scope.hosts[i]);
    if (c->system->scope.max_requests_per_second > 0)
        put_real(c, "requests-per-second", c->system->scope.max_requests_per_second);
}

static void put_asked(struct command *c, const struct rd_bound_test *t, const struct rd_artifact *a)
{
    if (a->n_headers || a->input || a->output || a->n_shape || a->classes || a->n_class_names ||
        (t->eval != RD_NONE && c->system->artifacts[t->eval].schema))
        cannot(c, "how its target is asked (headers, shape, class or column names) stands in the "
                  "system file");
    if (a->kind == RD_ARTIFACT_ENDPOINT) {
        put(c, "target", a->url);
        put_hosts(c);
        if (a->protocol)
            put(c, "protocol", a->protocol);
        if (a->request)
            put(c, "request", a->request);
        if (a->score_selector)
            put(c, "scores", a->score_selector);
        if (a->label_selector)
            put(c, "answer-labels", a->label_selector);
    } else {
        struct rd_buf words = { 0 };

        for (size_t i = 0; i < a->n_command; i++) {
            if (!*a->command[i] || strpbrk(a->command[i], " \t"))
                cannot(c, "a word of its command holds a blank");
            rd_buf_printf(&words, "%s%s", i ? " " : "", a->command[i]);
        }
        put(c, "command", rd_buf_text(&words));
        c->text.failed = c->text.failed || words.failed;
        rd_buf_release(&words);
    }
    if (a->timeout > 0)
        put_real(c, "timeout", a->timeout);
}

static void put_victim(struct command *c, const struct rd_bound_test *t)
{
    const struct rd_artifact *a;

    if (t->attack->kind == RD_POISON || t->attack->kind == RD_INFER) {
        put_recipe(c, &c->system->artifacts[t->recipe]);
        return;
    }
    a = &c->system->artifacts[t->model];
    if (a->kind == RD_ARTIFACT_MODEL && a->trained_by != RD_NONE)
        cannot(c, "its model is no file: it is trained from a recipe each time");
    else if (a->kind == RD_ARTIFACT_MODEL)
        put_path(c, "target", a->path);
    else
        put_asked(c, t, a);
    if (!isnan(a->clean_accuracy))
        put_real(c, "accuracy", a->clean_accuracy);
}

/* --- settings --- */

static const char *value_text(
    struct rd_arena *arena, const struct rd_option *o, const void *options)
{
    const char *field = (const char *)options + o->offset, *text;
    char number[32];
    int64_t i;
    double v;

    switch (o->type) {
    case RD_OPT_BOOL:
        return *(const bool *)(const void *)field ? "yes" : "no";
    case RD_OPT_INT:
        memcpy(&i, field, sizeof i);
        return rd_arena_printf(arena, "%lld", (long long)i);
    case RD_OPT_REAL:
        memcpy(&v, field, sizeof v);
        return rd_arena_strdup(arena, rd_text_from_double(v, number));
    case RD_OPT_CHOICE:
    case RD_OPT_TEXT:
        memcpy(&text, field, sizeof text);
        return text ? text : "";
    case RD_OPT_LIST:
    case RD_OPT_END:
        break;
    }
    return NULL;
}

static const char *written(const struct rd_option *table, const void *options,
    const struct rd_setting *set, size_t n, const char *name)
{
    for (size_t i = n; i-- > 0;)
        if (!strcmp(set[i].name, name) && rd_option_holds(table, options, name, set[i].value))
            return set[i].value;
    return NULL;
}

/* In the user's own words where there are some: eps=8/255, not eps=0.03137254901960784. */
static const char *words_of(
    struct command *c, const struct rd_bound_test *t, const struct rd_option *o)
{
    const struct rd_option *table = t->attack->options;
    const char *text = NULL;

    for (size_t i = 0; t->declared && i < c->system->n_tests && !text; i++)
        if (!strcmp(c->system->tests[i].id, t->id))
            text = written(table, t->options, c->system->tests[i].set.item,
                c->system->tests[i].set.n, o->name);
    if (!text)
        text = written(
            table, t->options, t->threat->rule->prove_with, t->threat->rule->n_prove_with, o->name);
    return text ? text : value_text(c->arena, o, t->options);
}

static void put_setting(struct command *c, const char *name, const char *value)
{
    struct rd_buf pair = { 0 };

    rd_buf_printf(&pair, "%s=%s", name, value);
    put(c, "set", rd_buf_text(&pair));
    c->text.failed = c->text.failed || pair.failed;
    rd_buf_release(&pair);
}

static void put_settings(struct command *c, const struct rd_bound_test *t)
{
    const struct rd_option *table = t->attack->options;

    for (const struct rd_option *o = table; o && o->type != RD_OPT_END; o++) {
        const bool runs = !strcmp(o->name, "runs") && t->runs;
        const char *value;
        char number[32];

        if (runs) {
            (void)snprintf(number, sizeof number, "%zu", t->runs);
            value = number;
        } else if (rd_option_holds(table, t->options, o->name, o->preset)) {
            continue;
        } else {
            value = words_of(c, t, o);
        }
        if (!value || (!*value && o->type == RD_OPT_TEXT))
            continue;
        put_setting(c, o->name, value);
    }
    if (t->runs > 1 && !rd_option_find(table, "runs"))
        cannot(c, "attack run makes one run of this attack");
    if (t->norm)
        put(c, "norm", rd_norm_name(t->norm));
    if (t->straight_through)
        put(c, "surrogate", "straight-through");
    if (!isnan(t->criterion))
        put_real(c, "criterion", t->criterion);
}

/* --- the three commands --- */

static void put_attack(struct command *c, const struct rd_tested *tested)
{
    const struct rd_bound_test *t = tested->test;

    if (t->attack->inject) {
        cannot(c, "it works on a recommender and its clicks, which only a system file describes");
        return;
    }
    if (tested->record->n_controls)
        cannot(c, "active controls of the system file stand before its target or around training");
    rd_buf_puts(&c->text, "redoubt attack run");
    put_word(c, t->attack->name);
    put_victim(c, t);
    put_all_data(c, t);
    put_settings(c, t);
}

static void put_seed(struct command *c, uint64_t seed)
{
    rd_buf_printf(&c->text, " --seed %llu", (unsigned long long)seed);
}

rd_status rd_finding_check(struct rd_run *run, const struct rd_system *system, uint64_t seed,
    const struct rd_threat *threat, const struct rd_tested *tested, struct rd_arena *arena,
    const char **check_out, const char **reason_out)
{
    struct command c = { .run = run, .system = system, .arena = arena };
    const char *reason = NULL;

    if (!tested) {
        rd_buf_puts(&c.text, "redoubt explain");
        put_system(&c);
        put_word(&c, threat->id);
        reason = "nothing was tried: what can be checked is why the rule applies";
    } else {
        put_attack(&c, tested);
        if (c.cannot) {
            rd_buf_release(&c.text);
            rd_buf_puts(&c.text, "redoubt assess");
            put_system(&c);
            reason = rd_arena_printf(arena,
                "%s; assess takes the evidence in .redoubt over, and measures anew where that "
                "folder is put aside",
                c.cannot);
        }
        put_seed(&c, seed);
    }
    *check_out = c.text.failed ? NULL : rd_arena_strdup(arena, rd_buf_text(&c.text));
    *reason_out = reason;
    rd_buf_release(&c.text);
    return *check_out && (!tested || !c.cannot || reason) ? RD_OK
                                                          : rd_run_no_memory(run, "a command");
}
