/* attack_input.c - data, target, recipe and settings of `attack run`, from its options. */
#include "cli/attack_input.h"

#include "base/text.h"
#include "cli/attack_text.h"
#include "data/dataset.h"
#include "target/open.h"

#include <math.h>
#include <string.h>

enum { CURVE_MAX = 16, WORDS_MAX = 64 };

static const char *const norms[] = { "any", "linf", "l2", NULL };
static const char *const surrogates[] = { "none", "straight-through", NULL };
static const char *const protocols[] = { "auto", "v2", "v1", "mlflow", "mlflow-split",
    "mlflow-records", "template", NULL };
static const char *const optimizers[] = { "adam", "sgd", NULL };
static const char *const schedules[] = { "constant", "cosine", "one-cycle", NULL };
static const char *const column_scales[] = { "auto", "none", "standard", "minmax", NULL };

const struct rd_option rd_attack_input_options[] = {
    RD_TEXT(struct rd_attack_input, target, "target", "", "FILE.onnx or URL",
        "the model under attack; of an endpoint the full inference address"),
    RD_TEXT(struct rd_attack_input, command, "command", "", "\"PROGRAM ARG...\"",
        "instead of --target: a process that answers JSON lines; words end at blanks"),
    RD_LIST(struct rd_attack_input, allow_host, "allow-host", "HOST:PORT",
        "an endpoint that may be contacted; no other is"),
    RD_CHOICE(struct rd_attack_input, protocol, "protocol", "auto", protocols,
        "of the endpoint; else told from its address"),
    RD_TEXT(struct rd_attack_input, request, "request", "", "JSON",
        "protocol template: the body, with \"$rows\" where the rows go"),
    RD_TEXT(struct rd_attack_input, scores, "scores", "", "SELECTOR",
        "protocol template: where the scores stand in the answer"),
    RD_TEXT(struct rd_attack_input, answer_labels, "answer-labels", "", "SELECTOR",
        "protocol template: where the labels stand in the answer"),
    RD_LIST(struct rd_attack_input, header, "header", "\"Name: value\"", "sent with each request"),
    RD_REAL(struct rd_attack_input, timeout, "timeout", "30", 0.01, 3600, "seconds",
        "that one request may take"),
    RD_REAL(struct rd_attack_input, requests_per_second, "requests-per-second", "0", 0, 1e6,
        "requests", "sent at most; 0: as fast as it answers"),
    RD_TEXT(struct rd_attack_input, input, "input", "", "FILE",
        "evaluation examples (.npy, .npz, idx, CSV, images): attacked, or judged on"),
    RD_TEXT(struct rd_attack_input, labels, "labels", "", "FILE", "their true labels"),
    RD_TEXT(
        struct rd_attack_input, index, "index", "", "FILE.npy", "order and choice of input rows"),
    RD_TEXT(struct rd_attack_input, range, "range", "", "FIRST,BEHIND",
        "of the index, or of the rows: only these"),
    RD_INT(struct rd_attack_input, count, "count", "0", 0, 1e9, "rows",
        "only the first so many of input; 0: all"),
    RD_TEXT(
        struct rd_attack_input, pool, "pool", "", "FILE", "extraction: what the thief may query"),
    RD_TEXT(struct rd_attack_input, pool_labels, "pool-labels", "", "FILE",
        "labels the thief owns (of a table: its own name): the no-query baseline is trained on "
        "them"),
    RD_TEXT(struct rd_attack_input, pool_index, "pool-index", "", "FILE.npy",
        "order and choice of pool rows"),
    RD_TEXT(struct rd_attack_input, pool_range, "pool-range", "", "FIRST,BEHIND",
        "of the pool's index, or of its rows"),
    RD_TEXT(struct rd_attack_input, train, "train", "", "FILE",
        "poisoning, inference: the training data of the victims"),
    RD_TEXT(struct rd_attack_input, train_labels, "train-labels", "", "FILE", "their labels"),
    RD_TEXT(struct rd_attack_input, train_index, "train-index", "", "FILE.npy",
        "order and choice of training rows"),
    RD_TEXT(struct rd_attack_input, train_range, "train-range", "", "FIRST,BEHIND",
        "of the training index, or of its rows"),
    RD_REAL(struct rd_attack_input, test_share, "test-share", "0.2", 0.01, 0.9, "share",
        "poisoning without --input: of train, put aside by seed to judge on"),
    RD_TEXT(struct rd_attack_input, label_column, "label-column", "", "NAME",
        "CSV: name or number (from 1) of the column with the labels"),
    RD_TEXT(struct rd_attack_input, contributor_column, "contributor-column", "", "NAME",
        "CSV: who a row came from"),
    RD_CHOICE(struct rd_attack_input, column_scale, "column-scale", "auto", column_scales,
        "CSV: how columns of numbers are scaled"),
    RD_TEXT(struct rd_attack_input, schema, "schema", "", "FILE", "CSV: what its columns are"),
    RD_REAL(struct rd_attack_input, scale, "scale", "1", 1e-9, 1e9, "",
        "every value of input, pool and train is multiplied by it (1/255)"),
    RD_TEXT(struct rd_attack_input, graph, "graph", "", "FILE.onnx",
        "shape of the victims; its weights start afresh from the seed"),
    RD_INT(struct rd_attack_input, epochs, "epochs", "6", 1, 1e6, "epochs",
        "of a victim: times through the data"),
    RD_INT(struct rd_attack_input, batch, "batch", "64", 1, 1e6, "rows", "of one step of a victim"),
    RD_CHOICE(struct rd_attack_input, optimizer, "optimizer", "adam", optimizers,
        "how a victim's weights are moved"),
    RD_REAL(struct rd_attack_input, lr, "lr", "0.001", 1e-12, 1e6, "",
        "a victim's learning rate, the highest of the schedule"),
    RD_CHOICE(struct rd_attack_input, schedule, "schedule", "cosine", schedules,
        "of the learning rate, step by step"),
    RD_REAL(struct rd_attack_input, momentum, "momentum", "0.9", 0, 0.999999, "",
        "sgd: momentum; adam: beta1"),
    RD_REAL(struct rd_attack_input, weight_decay, "weight-decay", "0", 0, 1e6, "",
        "added to each gradient, times the weight"),
    RD_REAL(struct rd_attack_input, noticing, "noticing", "0.02", 1e-6, 1, "share",
        "poisoning: a larger loss of clean accuracy is noticed"),
    RD_CHOICE(struct rd_attack_input, norm, "norm", "any", norms, "evasion: norm of the ball"),
    RD_CHOICE(struct rd_attack_input, surrogate, "surrogate", "none", surrogates,
        "gradients through what has none (quantizers, rounding, sign): as if it were the identity"),
    RD_LIST(struct rd_attack_input, set, "set", "NAME=VALUE",
        "option of the attack (attack info shows them)"),
    RD_INT(struct rd_attack_input, budget, "budget", "0", 0, 1e15, "rows",
        "that one run may spend; 0: no bound"),
    RD_TEXT(struct rd_attack_input, criterion, "criterion", "", "SHARE",
        "what the result is judged against (0.5)"),
    RD_TEXT(struct rd_attack_input, accuracy, "accuracy", "", "SHARE",
        "stated clean accuracy, checked before the attack"),
    RD_TEXT(
        struct rd_attack_input, box, "box", "", "LOW,HIGH", "legal values; else read off the data"),
    RD_TEXT(struct rd_attack_input, curve, "curve", "", "POINTS",
        "evasion: radii of the security curve (4; 0 or 1: only eps itself); poisoning: 2 or more: "
        "also at 0.5, 1, 3 and 10 % of the rows"),
    RD_REAL(struct rd_attack_input, price, "price-per-1000", "0", 0, 1e9, "currency",
        "what 1,000 rows cost, for the estimate"),
    RD_TEXT(struct rd_attack_input, save, "save", "", "FILE",
        "adversarial examples or rebuilt inputs (.npy), the first copy or victim (.onnx)"),
    RD_TEXT(struct rd_attack_input, save_model, "save-model", "", "FILE.onnx",
        "the same, for models: the first victim, or the first copy"),
    RD_TEXT(struct rd_attack_input, save_trigger, "save-trigger", "", "FILE.npz",
        "backdoor: mask and pattern; triggered input = x (1 - mask) + pattern mask"),
    RD_TEXT(struct rd_attack_input, save_scores, "save-scores", "", "FILE.npz",
        "inference: scores and truth of the examples asked about"),
    RD_BOOL(struct rd_attack_input, estimate, "estimate", "no",
        "say what it would cost at most, and do nothing"),
    RD_OPTION_END,
};

/* --- single values --- */

/* "" gives NaN. */
static rd_status read_share(struct rd_cli *cli, const char *name, const char *text, double *out)
{
    char safe[48];

    *out = NAN;
    if (!text)
        return RD_OK;
    if (!rd_text_to_double(text, true, out) || *out < 0 || *out > 1)
        return RD_FAIL(cli->run.err, RD_E_USAGE, "%s: '%s' is no number from 0 to 1", name,
            rd_text_safe_in(safe, sizeof safe, text));
    return RD_OK;
}

/* "A,B"; false when it is no pair of numbers. */
static bool read_pair(const char *text, double *a, double *b)
{
    const char *comma = strchr(text, ',');
    char first[48];

    if (!comma || (size_t)(comma - text) >= sizeof first)
        return false;
    memcpy(first, text, (size_t)(comma - text));
    first[comma - text] = '\0';
    return rd_text_to_double(first, true, a) && rd_text_to_double(comma + 1, true, b);
}

static rd_status read_box(struct rd_cli *cli, const char *text, struct rd_trial_request *q)
{
    double low, high;
    char safe[48];

    if (!text)
        return RD_OK;
    if (!read_pair(text, &low, &high) || !(low < high))
        return RD_FAIL(cli->run.err, RD_E_USAGE, "box: '%s' is not LOW,HIGH",
            rd_text_safe_in(safe, sizeof safe, text));
    q->box_low = (float)low;
    q->box_high = (float)high;
    return RD_OK;
}

static rd_status read_range(
    struct rd_cli *cli, const char *name, const char *text, struct rd_dataset_source *s)
{
    double first, behind;
    char safe[48];

    if (!text)
        return RD_OK;
    if (!read_pair(text, &first, &behind) || first < 0 || !(first < behind) || behind > 1e15 ||
        first != floor(first) || behind != floor(behind))
        return RD_FAIL(cli->run.err, RD_E_USAGE,
            "%s: '%s' is not FIRST,BEHIND, two whole numbers from 0, the second larger", name,
            rd_text_safe_in(safe, sizeof safe, text));
    s->has_range = true;
    s->range[0] = (int64_t)first;
    s->range[1] = (int64_t)behind;
    return RD_OK;
}

static rd_status read_curve(struct rd_cli *cli, const char *text, struct rd_trial_request *q)
{
    double v = q->attack->kind == RD_EVADE ? RD_CURVE_POINTS : 0;
    char safe[48];

    if (text && (!rd_text_to_double(text, false, &v) || v < 0 || v > CURVE_MAX || v != floor(v)))
        return RD_FAIL(cli->run.err, RD_E_USAGE, "curve: '%s' is no whole number from 0 to %d",
            rd_text_safe_in(safe, sizeof safe, text), CURVE_MAX);
    q->curve_points = (size_t)v;
    return RD_OK;
}

/* name=value pairs over the attack's presets. */
static rd_status read_options(struct rd_cli *cli, const struct rd_attack *a,
    const struct rd_option_list *set, const void **options_out)
{
    void *values = rd_arena_alloc(cli->run.scratch, 1, a->options_size + 1);
    rd_status st;

    if (!values)
        return rd_run_no_memory(&cli->run, "options");
    st = rd_options_reset(a->options, values, cli->run.err);
    for (size_t i = 0; !st && i < set->n; i++) {
        const char *equals = strchr(set->item[i], '=');
        char *name, safe[64];

        if (!equals)
            return RD_FAIL(cli->run.err, RD_E_USAGE, "set: '%s' is not NAME=VALUE",
                rd_text_safe_in(safe, sizeof safe, set->item[i]));
        name = rd_arena_strndup(cli->run.scratch, set->item[i], (size_t)(equals - set->item[i]));
        if (!name)
            return rd_run_no_memory(&cli->run, "options");
        st = rd_options_set(a->options, values, name, equals + 1, cli->run.err);
    }
    *options_out = values;
    return st ? RD_WRAP(cli->run.err, st, "settings of %s", a->name) : RD_OK;
}

/* --- data --- */

static struct rd_dataset_source source_of(
    const struct rd_attack_input *o, const char *path, const char *labels, const char *index)
{
    return (struct rd_dataset_source){ .path = path,
        .labels = labels,
        .index = index,
        .scale = o->scale,
        .schema = o->schema,
        .label_column = o->label_column,
        .contributor_column = o->contributor_column,
        .column_scale = strcmp(o->column_scale, "auto") ? o->column_scale : NULL };
}

/* What reading decided: the choice of a label column aloud, the rest for who asks. */
static void say_notes(struct rd_cli *cli, const char *path, const struct rd_dataset *d)
{
    char safe[96];

    (void)rd_text_safe_in(safe, sizeof safe, path);
    for (size_t i = 0; i < d->n_notes; i++) {
        if (!strncmp(d->note[i], "label: ", 7))
            rd_cli_warn(cli, "%s: %s", safe, d->note[i]);
        else
            rd_log_say(cli->run.log, RD_LOG_INFO, "data", "%s: %s", safe, d->note[i]);
    }
}

static rd_status read_data(struct rd_cli *cli, const struct rd_dataset_source *source,
    int64_t count, const struct rd_dataset **out)
{
    struct rd_dataset *all = RD_NEW(cli->run.scratch, struct rd_dataset);
    struct rd_dataset *part = RD_NEW(cli->run.scratch, struct rd_dataset);
    rd_status st;

    if (!all || !part)
        return rd_run_no_memory(&cli->run, "a dataset");
    st = rd_dataset_read(source, &rd_limits_default, cli->run.scratch, all, cli->run.err);
    *out = all;
    if (!st)
        say_notes(cli, source->path, all);
    if (st || !count || (size_t)count >= all->n)
        return st;
    *out = part;
    return rd_dataset_slice(all, 0, (size_t)count, part, cli->run.err);
}

static rd_status need_labels(
    struct rd_cli *cli, const struct rd_dataset *d, const char *path, const char *option)
{
    char safe[96];

    if (d->label)
        return RD_OK;
    return RD_FAIL(cli->run.err, RD_E_USAGE,
        "'%s' has no labels: give --%s (of a table: "
        "--label-column)",
        rd_text_safe_in(safe, sizeof safe, path), option);
}

static rd_status read_eval(
    struct rd_cli *cli, const struct rd_attack_input *o, struct rd_trial_request *q)
{
    struct rd_dataset_source source = source_of(o, o->input, o->labels, o->index);
    rd_status st = read_range(cli, "range", o->range, &source);

    if (!st)
        st = read_data(cli, &source, o->count, &q->eval);
    return st ? st : need_labels(cli, q->eval, o->input, "labels");
}

static rd_status read_pool(
    struct rd_cli *cli, const struct rd_attack_input *o, struct rd_trial_request *q)
{
    /* The pool's own name: the label column of a table, which has no file of labels beside it. */
    const bool within = o->pool_labels && strcmp(o->pool_labels, o->pool) == 0;
    struct rd_dataset_source source =
        source_of(o, o->pool, within ? NULL : o->pool_labels, o->pool_index);
    rd_status st = read_range(cli, "pool-range", o->pool_range, &source);

    if (!st)
        st = read_data(cli, &source, 0, &q->pool);
    if (!st && within)
        st = need_labels(cli, q->pool, o->pool, "pool-labels");
    /* A table that only happens to have a label column does not make the thief own labels. */
    q->pool_is_labeled = o->pool_labels;
    return st;
}

/* The victims' training data; without --input what poisoning is judged on is cut off it. */
static rd_status read_train(struct rd_cli *cli, const struct rd_attack_input *o,
    struct rd_trial_request *q, const struct rd_dataset **train_out)
{
    struct rd_dataset_source source = source_of(o, o->train, o->train_labels, o->train_index);
    const bool cut = !o->input && q->attack->kind == RD_POISON;
    rd_status st = read_range(cli, "train-range", o->train_range, &source);

    if (!st && cut)
        source.split = (struct rd_split){ RD_SPLIT_TRAIN, o->test_share, cli->run.seed };
    if (!st)
        st = read_data(cli, &source, 0, train_out);
    if (!st)
        st = need_labels(cli, *train_out, o->train, "train-labels");
    if (!st && cut) {
        source.split.part = RD_SPLIT_TEST;
        st = read_data(cli, &source, o->count, &q->eval);
    }
    return st;
}

/* --- the recipe --- */

/* Images as planes, as networks take them. */
static rd_status assumed_shape(struct rd_cli *cli, const struct rd_dataset *train,
    const struct rd_dataset *eval, struct rd_graph **graph_out)
{
    const int classes = eval && eval->classes > train->classes ? eval->classes : train->classes;
    int64_t dim[RD_MAX_DIMS + 1] = { 1 };
    int ndim = train->ndim;

    memcpy(dim + (ndim == 2), train->dim, (size_t)ndim * sizeof *dim);
    ndim += ndim == 2;
    return rd_harness_built_in(
        dim, ndim, (size_t)(classes < 2 ? 2 : classes), cli->run.scratch, graph_out, cli->run.err);
}

static rd_status read_recipe(
    struct rd_cli *cli, const struct rd_attack_input *o, struct rd_trial_request *q)
{
    struct rd_recipe *recipe = RD_NEW(cli->run.scratch, struct rd_recipe);
    const char *file = o->graph                                    ? o->graph
                       : o->target && !rd_target_is_url(o->target) ? o->target
                                                                   : NULL;
    struct rd_graph *graph;
    rd_status st =
        recipe ? read_train(cli, o, q, &recipe->data) : rd_run_no_memory(&cli->run, "a recipe");

    if (st)
        return st;
    st = file ? rd_graph_load(file, &rd_limits_default, cli->run.scratch, &graph, cli->run.err)
              : assumed_shape(cli, recipe->data, q->eval, &graph);
    if (st)
        return st;
    st = rd_recipe_graph(graph, cli->run.scratch, &recipe->graph, cli->run.err);
    if (st)
        return st;
    recipe->assumed = !o->graph;
    recipe->how = (struct rd_train){ .optimizer = o->optimizer,
        .lr = o->lr,
        .momentum = o->momentum,
        .weight_decay = o->weight_decay,
        .schedule = o->schedule,
        .epochs = (size_t)o->epochs,
        .batch = (size_t)o->batch };
    q->recipe = recipe;
    if (recipe->assumed)
        rd_cli_warn(cli,
            "no --graph: the victims' shape is assumed (%s), and the verdict speaks of "
            "that recipe",
            file ? "the target's, with fresh weights" : "a small built-in network");
    return rd_recipe_digest(recipe, cli->run.err);
}

/* --- the target --- */

static rd_status words_of(struct rd_cli *cli, const char *text, const char *const **words_out)
{
    const char **word = RD_NEW_ARRAY(cli->run.scratch, const char *, WORDS_MAX + 1);
    size_t n = 0;

    if (!word)
        return rd_run_no_memory(&cli->run, "a command");
    for (text += strspn(text, " \t"); *text; text += strspn(text, " \t")) {
        const size_t len = strcspn(text, " \t");

        if (n == WORDS_MAX)
            return RD_FAIL(cli->run.err, RD_E_USAGE, "command: more than %d words", (int)WORDS_MAX);
        word[n] = rd_arena_strndup(cli->run.scratch, text, len);
        if (!word[n++])
            return rd_run_no_memory(&cli->run, "a command");
        text += len;
    }
    *words_out = word;
    return n ? RD_OK : RD_FAIL(cli->run.err, RD_E_USAGE, "command: there is no word in it");
}

/* An endpoint or a process does not say its shape: it comes with the data. */
static rd_status open_remote(
    struct rd_cli *cli, const struct rd_attack_input *o, struct rd_trial_request *q)
{
    struct rd_target_limits *limits = RD_NEW(cli->run.scratch, struct rd_target_limits);
    struct rd_target_source source = { .where = o->command ? NULL : o->target,
        .protocol = strcmp(o->protocol, "auto") ? o->protocol : NULL,
        .request = o->request,
        .scores = o->scores,
        .labels = o->answer_labels,
        .headers = o->header.item,
        .n_headers = o->header.n,
        .dim = q->eval->dim,
        .ndim = q->eval->ndim,
        .classes = o->estimate ? (size_t)q->eval->classes : 0,
        .data_classes = (size_t)q->eval->classes,
        .class_names = q->eval->class_name,
        .price_per_1000 = o->price,
        .timeout = o->timeout,
        .offline = o->estimate,
        .limits = limits };
    rd_status st = RD_OK;

    if (!limits)
        return rd_run_no_memory(&cli->run, "limits");
    *limits = (struct rd_target_limits){ .hosts = o->allow_host.item,
        .n_hosts = o->allow_host.n,
        .max_requests_per_second = o->requests_per_second,
        .max_spend = NAN };
    if (o->command)
        st = words_of(cli, o->command, &source.command);
    return st ? st : rd_target_open(&cli->run, &source, cli->run.scratch, &q->target);
}

static rd_status open_target(
    struct rd_cli *cli, const struct rd_attack_input *o, struct rd_trial_request *q)
{
    rd_status st;

    if (o->command || rd_target_is_url(o->target))
        st = open_remote(cli, o, q);
    else
        st = rd_target_open_onnx(
            o->target, cli->run.pool, cli->run.scratch, &q->target, cli->run.err);
    if (!st && q->straight_through)
        st = rd_target_straight_through(q->target, cli->run.pool, cli->run.scratch, cli->run.err);
    if (!st)
        q->target->price_per_1000 = o->price;
    return st;
}

/* --- what belongs to which kind --- */

static rd_status check(struct rd_cli *cli, const struct rd_attack_input *o, const char *name,
    const struct rd_attack *a)
{
    const bool trains = a->kind == RD_POISON || a->kind == RD_INFER;
    struct rd_error *err = cli->run.err;

    if (strcmp(o->surrogate, "none") && trains)
        return RD_FAIL(err, RD_E_USAGE,
            "%s trains its victims, which have gradients: --surrogate is not for it", name);
    if (o->target && o->command)
        return RD_FAIL(err, RD_E_USAGE, "--target and --command exclude each other");
    if (a->inject)
        return RD_FAIL(err, RD_E_USAGE,
            "%s works on a recommender and its clicks: describe them in a redoubt.yaml", name);
    if (trains && !o->train)
        return RD_FAIL(err, RD_E_USAGE,
            "%s needs --train and its labels (--train-labels, or --label-column of a table), and "
            "--graph for the victims' shape",
            name);
    if (!trains && ((!o->target && !o->command) || !o->input))
        return RD_FAIL(err, RD_E_USAGE, "attack run needs --target, --input and --labels");
    if (!trains && (o->train || o->graph))
        return RD_FAIL(
            err, RD_E_USAGE, "%s trains no victim: --train and --graph are not for it", name);
    if (trains && o->command)
        return RD_FAIL(err, RD_E_USAGE,
            "%s speaks of a training recipe: it needs --train and --graph, no process", name);
    if (trains && o->target && rd_target_is_url(o->target))
        return RD_FAIL(err, RD_E_USAGE,
            "%s speaks of a training recipe: it needs --train and --graph, no endpoint", name);
    if ((o->pool_labels || o->pool_index || o->pool_range) && !o->pool)
        return RD_FAIL(err, RD_E_USAGE, "%s needs --pool",
            o->pool_labels ? "--pool-labels" : "--pool-index or --pool-range");
    if (o->pool && a->kind != RD_EXTRACT)
        return RD_FAIL(err, RD_E_USAGE, "%s queries no pool", name);
    if (o->save_model && (o->save || a->kind == RD_EVADE || a->kind == RD_INFER))
        return RD_FAIL(err, RD_E_USAGE,
            o->save ? "--save and --save-model name the same file twice"
                    : "%s makes no model that could be saved",
            name);
    if (o->save && a->kind == RD_INFER && a->task != RD_INFER_INVERSION)
        return RD_FAIL(err, RD_E_USAGE, "%s saves its scores: --save-scores", name);
    if (o->save_trigger && a->kind != RD_POISON)
        return RD_FAIL(err, RD_E_USAGE, "%s has no trigger that could be saved", name);
    if (o->save_scores && !(a->kind == RD_INFER && a->task == RD_INFER_MEMBERSHIP))
        return RD_FAIL(err, RD_E_USAGE, "%s has no scores that could be saved", name);
    return RD_OK;
}

rd_status rd_attack_request(struct rd_cli *cli, const struct rd_attack_input *o, const char *name,
    struct rd_trial_request *q)
{
    rd_status st = rd_attack_lookup(cli, name, &q->attack);

    if (!st)
        st = check(cli, o, name, q->attack);
    if (st)
        return st;
    q->norm = !strcmp(o->norm, "linf") ? RD_LINF : !strcmp(o->norm, "l2") ? RD_L2 : (enum rd_norm)0;
    q->straight_through = !strcmp(o->surrogate, "straight-through");
    q->budget = (uint64_t)o->budget;
    q->save = o->save_model ? o->save_model : o->save;
    q->save_trigger = o->save_trigger;
    q->save_scores = o->save_scores;
    q->noticing = o->noticing;
    st = read_share(cli, "criterion", o->criterion, &q->criterion);
    if (!st)
        st = read_share(cli, "accuracy", o->accuracy, &q->stated_accuracy);
    if (!st)
        st = read_box(cli, o->box, q);
    if (!st)
        st = read_curve(cli, o->curve, q);
    if (!st)
        st = read_options(cli, q->attack, &o->set, &q->options);
    if (!st && o->input)
        st = read_eval(cli, o, q);
    if (!st && o->pool)
        st = read_pool(cli, o, q);
    if (!st && o->train)
        st = read_recipe(cli, o, q);
    else if (!st)
        st = open_target(cli, o, q);
    return st;
}
