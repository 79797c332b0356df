#include "campaign/things.h"

#include "attacks/harness.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

rd_status rd_things_init(struct rd_things *t, struct rd_run *run, const struct rd_system *system,
    struct rd_arena *arena, bool offline)
{
    const size_t n = system->n_artifacts + 1;

    *t = (struct rd_things){ .run = run,
        .system = system,
        .arena = arena,
        .offline = offline,
        .target = RD_NEW_ARRAY(arena, struct rd_target *, n),
        .straight = RD_NEW_ARRAY(arena, struct rd_target *, n),
        .dataset = RD_NEW_ARRAY(arena, struct rd_dataset *, n),
        .clicks = RD_NEW_ARRAY(arena, struct rd_clicks *, n),
        .recipe = RD_NEW_ARRAY(arena, struct rd_recipe *, n),
        .recommender = RD_NEW_ARRAY(arena, struct rd_recommender *, n),
        .limits = { system->scope.hosts, system->scope.n_hosts,
            system->scope.given ? system->scope.max_requests_per_second : (double)NAN,
            system->scope.given ? system->scope.max_spend : (double)NAN,
            RD_NEW(arena, struct rd_target_tally) } };
    return t->target && t->straight && t->dataset && t->clicks && t->recipe && t->recommender &&
                   t->limits.tally
               ? RD_OK
               : rd_run_no_memory(run, "a campaign");
}

static rd_status in_artifact(struct rd_things *t, const struct rd_artifact *a, rd_status st)
{
    return st ? RD_WRAP(t->run->err, st, "artifact '%s'", a->id) : RD_OK;
}

/* --- data --- */

static rd_status read_dataset(
    struct rd_things *t, const struct rd_artifact *a, struct rd_dataset **dataset_out)
{
    struct rd_dataset_source source = { .path = a->path,
        .labels = a->labels,
        .index = a->index,
        .has_range = a->has_range,
        .range = { a->range[0], a->range[1] },
        .scale = a->scale,
        .schema = a->schema,
        .label_column = a->label_column,
        .contributor_column = a->contributor_column,
        .column_scale = a->column_scale };
    rd_status st;

    if (a->has_split)
        source.split = (struct rd_split){ (enum rd_split_part)a->split_part, a->split_share,
            (uint64_t)a->split_seed };
    for (size_t i = 0; i < a->n_resize && i < 2; i++)
        source.resize[i] = a->resize[i];
    *dataset_out = RD_NEW(t->arena, struct rd_dataset);
    if (!*dataset_out)
        return rd_run_no_memory(t->run, "a dataset");
    if (a->format)
        return RD_FAIL(t->run->err, RD_E_INPUT,
            "expected examples and labels, but its format is %s", a->format);
    st = rd_dataset_read(&source, &rd_limits_default, t->arena, *dataset_out, t->run->err);
    for (size_t i = 0; !st && i < (*dataset_out)->n_notes; i++)
        rd_log_say(
            t->run->log, RD_LOG_INFO, "data", "artifact '%s': %s", a->id, (*dataset_out)->note[i]);
    return st;
}

rd_status rd_things_dataset(
    struct rd_things *t, int artifact, const struct rd_dataset **dataset_out)
{
    const struct rd_artifact *a = &t->system->artifacts[artifact];
    struct rd_dataset *d = t->dataset[artifact];
    rd_status st = RD_OK;

    if (!d) {
        st = read_dataset(t, a, &d);
        if (!st)
            t->dataset[artifact] = d;
    }
    *dataset_out = d;
    return in_artifact(t, a, st);
}

rd_status rd_things_clicks(struct rd_things *t, int artifact, const struct rd_clicks **clicks_out)
{
    const struct rd_artifact *a = &t->system->artifacts[artifact];
    rd_status st = RD_OK;

    if (!t->clicks[artifact]) {
        struct rd_clicks *c = RD_NEW(t->arena, struct rd_clicks);

        if (!c)
            return rd_run_no_memory(t->run, "clicks");
        st = rd_clicks_read(a->path, &rd_limits_default, t->arena, c, t->run->err);
        if (!st)
            t->clicks[artifact] = c;
    }
    *clicks_out = t->clicks[artifact];
    return in_artifact(t, a, st);
}

/* --- targets --- */

static bool is_word(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* "Authorization: Bearer $TOKEN" with the variable's value in it. It goes to the target alone. */
static rd_status fill_in(struct rd_things *t, const char *header, const char **out)
{
    struct rd_buf b = { 0 };
    rd_status st = RD_OK;

    for (const char *p = header; *p && !st; p++) {
        char name[120];
        const char *value;
        size_t n = 0;

        if (*p != '$' || !is_word(p[1])) {
            rd_buf_putc(&b, *p);
            continue;
        }
        while (is_word(p[1 + n]) && n + 1 < sizeof name) {
            name[n] = p[1 + n];
            n++;
        }
        name[n] = '\0';
        value = getenv(name);
        if (!value || !*value)
            st = RD_FAIL(t->run->err, RD_E_USAGE,
                "a header names $%s, which is not set in the environment", name);
        else if (value[strcspn(value, "\r\n")])
            st = RD_FAIL(t->run->err, RD_E_USAGE,
                "the value of $%s in the environment holds a line break, which no header may",
                name);
        else
            rd_buf_puts(&b, value);
        p += n;
    }
    *out = st || b.failed ? NULL : rd_arena_strdup(t->arena, rd_buf_text(&b));
    rd_buf_release(&b);
    return st || *out ? st : rd_run_no_memory(t->run, "a header");
}

/* argv, NULL-terminated; and headers. */
static rd_status texts_of(
    struct rd_things *t, const struct rd_artifact *a, struct rd_target_source *source)
{
    const char **command = RD_NEW_ARRAY(t->arena, const char *, a->n_command + 1);
    const char **headers = RD_NEW_ARRAY(t->arena, const char *, a->n_headers + 1);
    rd_status st = RD_OK;

    if (!command || !headers)
        return rd_run_no_memory(t->run, "a target");
    for (size_t i = 0; i < a->n_command; i++)
        command[i] = a->command[i];
    for (size_t i = 0; i < a->n_headers && !st && !t->offline; i++)
        st = fill_in(t, a->headers[i], &headers[i]);
    if (a->kind == RD_ARTIFACT_PROCESS) {
        source->command = command;
        source->folder = t->system->folder;
    }
    source->headers = headers;
    source->n_headers = t->offline ? 0 : a->n_headers;
    return st;
}

/* One name a number of a row: the column's, or column=word for one of several. */
static rd_status columns_of(
    struct rd_things *t, const struct rd_dataset *d, const char *const **columns_out)
{
    const char **name;

    if (!d->feature)
        return RD_OK;
    name = RD_NEW_ARRAY(t->arena, const char *, d->width + 1);
    if (!name)
        return rd_run_no_memory(t->run, "columns");
    for (size_t f = 0; f < d->n_features; f++) {
        const struct rd_feature *c = &d->feature[f];

        for (size_t k = 0; k < c->width && c->first + k < d->width; k++) {
            name[c->first + k] =
                c->category ? rd_arena_printf(t->arena, "%s=%s", c->name, c->category[k]) : c->name;
            if (!name[c->first + k])
                return rd_run_no_memory(t->run, "columns");
        }
    }
    *columns_out = name;
    return RD_OK;
}

static rd_status open_asked(struct rd_things *t, const struct rd_artifact *a,
    const struct rd_dataset *data, struct rd_target **target_out)
{
    struct rd_target_source source = { .where = a->url,
        .protocol = a->protocol,
        .request = a->request,
        .scores = a->score_selector,
        .labels = a->label_selector,
        .input = a->input,
        .output = a->output,
        .dim = a->n_shape ? a->shape
               : data     ? data->dim
                          : NULL,
        .ndim = a->n_shape ? (int)a->n_shape
                : data     ? data->ndim
                           : 0,
        .classes = (size_t)a->classes,
        .data_classes = data && data->classes > 0 ? (size_t)data->classes : 0,
        .price_per_1000 = a->price_per_1000_queries,
        .timeout = a->timeout,
        .batch = (size_t)a->batch,
        .concurrency = (size_t)a->concurrency,
        .retries = (size_t)a->retries,
        .limits = &t->limits,
        .class_names = a->class_names,
        .offline = t->offline };
    rd_status st = texts_of(t, a, &source);

    if (!source.ndim && !st)
        st = RD_FAIL(t->run->err, RD_E_INPUT,
            "its 'shape' is not given, and no data says what an example looks like");
    if (!source.class_names && data && data->class_name &&
        (!a->classes || a->classes == data->classes)) {
        source.class_names = data->class_name;
        source.classes = (size_t)data->classes;
    }
    if (a->n_class_names)
        source.classes = a->n_class_names;
    if (!source.classes && t->offline && data && data->classes > 0)
        source.classes = (size_t)data->classes;
    if (!st && data)
        st = columns_of(t, data, &source.columns);
    return st ? st : rd_target_open(t->run, &source, t->arena, target_out);
}

/* The model of a recipe, for a system that has no file of it: the same seed makes the same one. */
static rd_status train_target(
    struct rd_things *t, const struct rd_artifact *a, struct rd_target **target_out)
{
    struct rd_rng rng = rd_rng_stream(t->run->seed, "campaign/trained-by", 0);
    const struct rd_recipe *recipe;
    struct rd_recipe_report report;
    struct rd_graph *graph;
    rd_status st = rd_things_recipe(t, a->trained_by, &recipe);

    if (!st)
        st = rd_recipe_train(
            t->run, recipe, recipe->data, rd_rng_u64(&rng), t->arena, &graph, &report);
    return st ? st
              : rd_target_open_graph(graph, a->id, t->run->pool, t->arena, target_out, t->run->err);
}

rd_status rd_things_target(struct rd_things *t, int artifact, int eval, bool straight_through,
    struct rd_target **target_out)
{
    const struct rd_artifact *a = &t->system->artifacts[artifact];
    const struct rd_dataset *data = NULL;
    struct rd_target **kept = &(straight_through ? t->straight : t->target)[artifact];
    struct rd_target *target = *kept;
    rd_status st = RD_OK;

    if (!target && a->kind == RD_ARTIFACT_MODEL && a->trained_by != RD_NONE) {
        st = train_target(t, a, &target);
    } else if (!target && a->kind == RD_ARTIFACT_MODEL) {
        st = rd_target_open_onnx(a->path, t->run->pool, t->arena, &target, t->run->err);
    } else if (!target) {
        if (eval != RD_NONE)
            st = rd_things_dataset(t, eval, &data);
        if (st)
            return st;
        st = open_asked(t, a, data, &target);
    }
    if (!st && straight_through && !*kept)
        st = rd_target_straight_through(target, t->run->pool, t->arena, t->run->err);
    if (!st && !*kept) {
        target->price_per_1000 = a->price_per_1000_queries;
        *kept = target;
    }
    *target_out = target;
    return in_artifact(t, a, st);
}

/* --- recipes --- */

static struct rd_train how_of(const struct rd_artifact *a, const struct rd_dataset *data)
{
    struct rd_train how = rd_train_default;

    how.optimizer = a->optimizer;
    how.lr = a->lr;
    how.momentum = a->momentum;
    if (a->momentum <= 0 && a->optimizer && !strcmp(a->optimizer, "adam"))
        how.momentum = rd_train_default.momentum; /* beta1, when nobody said */
    how.weight_decay = a->weight_decay;
    how.schedule = a->schedule;
    how.epochs = (size_t)a->epochs;
    how.batch = (size_t)a->batch;
    how.clip = a->clip;
    how.noise = a->noise;
    if (a->has_adversary) {
        const double step = a->adversary_step_size > 0
                                ? a->adversary_step_size
                                : 2.5 * a->adversary_eps / (double)a->adversary_steps;

        how.adversary.steps = (unsigned)a->adversary_steps;
        how.adversary.eps = a->adversary_eps;
        how.adversary.step_size = step;
        how.adversary.low = data->low;
        how.adversary.high = data->high;
        how.adversary.random_start = a->adversary_random != RD_NO;
        how.adversary.ramp_epochs = a->adversary_ramp;
    }
    return how;
}

/* `graph: built-in`, as a path below the system's folder; a file of that name comes first. */
static bool is_built_in(const char *graph)
{
    const char *slash = strrchr(graph, '/');

    return !strcmp(slash ? slash + 1 : graph, "built-in") && !rd_file_exists(graph);
}

static rd_status make_recipe(
    struct rd_things *t, const struct rd_artifact *a, struct rd_recipe **recipe_out)
{
    struct rd_recipe *recipe = RD_NEW(t->arena, struct rd_recipe);
    struct rd_graph *graph;
    rd_status st;

    if (!recipe)
        return rd_run_no_memory(t->run, "a recipe");
    st = rd_things_dataset(t, a->data, &recipe->data);
    if (st)
        return st;
    if (!recipe->data->label)
        return RD_FAIL(t->run->err, RD_E_INPUT, "its training data '%s' has no labels",
            t->system->artifacts[a->data].id);
    if (is_built_in(a->graph))
        st = rd_harness_built_in(recipe->data->dim, recipe->data->ndim,
            (size_t)recipe->data->classes, t->arena, &graph, t->run->err);
    else
        st = rd_graph_load(a->graph, &rd_limits_default, t->arena, &graph, t->run->err);
    if (st)
        return st;
    st = rd_recipe_graph(graph, t->arena, &recipe->graph, t->run->err);
    if (st)
        return st;
    recipe->how = how_of(a, recipe->data);
    recipe->assumed = a->assumed == RD_YES;
    *recipe_out = recipe;
    return rd_recipe_digest(recipe, t->run->err);
}

rd_status rd_things_recipe(struct rd_things *t, int artifact, const struct rd_recipe **recipe_out)
{
    const struct rd_artifact *a = &t->system->artifacts[artifact];
    struct rd_recipe *recipe = t->recipe[artifact];
    rd_status st = RD_OK;

    if (!recipe) {
        st = make_recipe(t, a, &recipe);
        if (!st)
            t->recipe[artifact] = recipe;
    }
    *recipe_out = recipe;
    return in_artifact(t, a, st);
}

rd_status rd_things_recommender(
    struct rd_things *t, int artifact, const struct rd_recommender **recommender_out)
{
    const struct rd_artifact *a = &t->system->artifacts[artifact];

    if (!t->recommender[artifact]) {
        struct rd_recommender *r = RD_NEW(t->arena, struct rd_recommender);

        if (!r)
            return rd_run_no_memory(t->run, "a recommender");
        *r = (struct rd_recommender){ .factors = (size_t)a->factors,
            .epochs = (size_t)a->recommender_epochs,
            .confidence = a->confidence,
            .regularization = a->regularization };
        t->recommender[artifact] = r;
    }
    *recommender_out = t->recommender[artifact];
    return RD_OK;
}
