/* cmd_data_screen.c - redoubt data screen: which training rows a screening defense would leave out.
 */
#include "cli/cli.h"

#include "base/text.h"
#include "data/dataset.h"
#include "graph/graph.h"
#include "target/recipe.h"
#include "tensor/npy.h"

#include <redoubt/defense.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct data_screen {
    const char *train, *labels, *index, *contributors, *label_column, *contributor_column, *schema;
    const char *column_scale, *graph, *model, *method, *save, *save_scores;
    const char *optimizer, *schedule;
    struct rd_option_list set;
    int64_t epochs, batch;
    double scale, lr, momentum, weight_decay;
};

static const char *const optimizers[] = { "adam", "sgd", NULL };
static const char *const schedules[] = { "constant", "cosine", "one-cycle", NULL };
static const char *const scales[] = { "auto", "none", "standard", "minmax", NULL };

static const struct rd_option options[] = {
    RD_TEXT(struct data_screen, train, "train", "", "FILE",
        "training examples (.npy, .npz, idx, CSV, images)"),
    RD_TEXT(struct data_screen, labels, "train-labels", "", "FILE", "their labels"),
    RD_TEXT(struct data_screen, index, "train-index", "", "FILE.npy", "order and choice of rows"),
    RD_REAL(struct data_screen, scale, "scale", "1", 1e-9, 1e9, "",
        "every value of the examples is multiplied by it (1/255)"),
    RD_TEXT(struct data_screen, label_column, "label-column", "", "NAME", "CSV: of the labels"),
    RD_TEXT(struct data_screen, contributor_column, "contributor-column", "", "NAME",
        "CSV: who a row came from"),
    RD_TEXT(struct data_screen, contributors, "contributors", "", "FILE.npy",
        "who each row came from, whole numbers from 0"),
    RD_TEXT(struct data_screen, schema, "schema", "", "FILE", "CSV: what its columns are"),
    RD_CHOICE(struct data_screen, column_scale, "column-scale", "auto", scales,
        "CSV: how columns of numbers are scaled; auto: as the schema says"),
    RD_TEXT(struct data_screen, method, "method", "activation-clustering", "NAME",
        "a defense that screens"),
    RD_LIST(struct data_screen, set, "set", "NAME=VALUE", "an option of the method"),
    RD_TEXT(struct data_screen, graph, "graph", "", "FILE.onnx",
        "shape of a network that is trained on the rows first, from fresh weights"),
    RD_TEXT(struct data_screen, model, "model", "", "FILE.onnx",
        "a network that has been trained on these rows already"),
    RD_INT(struct data_screen, epochs, "epochs", "6", 1, 1e6, "epochs", "of that training"),
    RD_INT(struct data_screen, batch, "batch", "64", 1, 1e6, "rows", "of one step"),
    RD_CHOICE(
        struct data_screen, optimizer, "optimizer", "adam", optimizers, "how weights are moved"),
    RD_REAL(struct data_screen, lr, "lr", "0.001", 1e-12, 1e6, "",
        "learning rate, the highest of the schedule"),
    RD_CHOICE(struct data_screen, schedule, "schedule", "cosine", schedules,
        "of the learning rate, step by step"),
    RD_REAL(struct data_screen, momentum, "momentum", "0.9", 0, 0.999999, "",
        "sgd: momentum; adam: beta1"),
    RD_REAL(struct data_screen, weight_decay, "weight-decay", "0", 0, 1e6, "",
        "added to each gradient, times the weight"),
    RD_TEXT(
        struct data_screen, save, "save", "", "FILE.npy", "the rows that are kept, as an index"),
    RD_TEXT(struct data_screen, save_scores, "save-scores", "", "FILE.npy",
        "how suspicious each row is, float64; NaN: no opinion"),
    RD_OPTION_END,
};

static rd_status methods_are(struct rd_cli *cli, const char *asked)
{
    char list[512] = "", safe[48];

    for (const struct rd_defense *const *d = rd_defenses; *d; d++) {
        const size_t len = strlen(list);
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_run run = { .scratch = &arena };
        const struct rd_treatment *t = NULL;
        void *values = rd_arena_alloc(&arena, 1, (*d)->options_size + 1);

        if ((*d)->treat && values && !rd_options_reset((*d)->options, values, NULL) &&
            !(*d)->treat(&run, values, &t) && t->screen)
            (void)snprintf(list + len, sizeof list - len, "%s%s", len ? ", " : "", (*d)->name);
        rd_arena_release(&arena);
    }
    return RD_FAIL(cli->run.err, RD_E_USAGE, "method '%s' does not screen; these do: %s",
        rd_text_safe_in(safe, sizeof safe, asked), list);
}

static rd_status read_method(
    struct rd_cli *cli, const struct data_screen *o, const struct rd_treatment **treatment_out)
{
    const struct rd_defense *d = rd_defense_find(o->method);
    void *values;
    rd_status st;

    *treatment_out = NULL;
    if (!d || !d->treat)
        return methods_are(cli, o->method);
    values = rd_arena_alloc(cli->run.scratch, 1, d->options_size + 1);
    if (!values)
        return rd_run_no_memory(&cli->run, "options");
    st = rd_options_reset(d->options, values, cli->run.err);
    for (size_t i = 0; i < o->set.n && !st; i++) {
        const char *eq = strchr(o->set.item[i], '=');
        char safe[64], *name;

        if (!eq || eq == o->set.item[i])
            return RD_FAIL(cli->run.err, RD_E_USAGE, "set: '%s' is not NAME=VALUE",
                rd_text_safe_in(safe, sizeof safe, o->set.item[i]));
        name = rd_arena_strndup(cli->run.scratch, o->set.item[i], (size_t)(eq - o->set.item[i]));
        if (!name)
            return rd_run_no_memory(&cli->run, "options");
        st = rd_options_set(d->options, values, name, eq + 1, cli->run.err);
        if (st)
            return RD_WRAP(cli->run.err, st, "--set for %s", d->name);
    }
    if (!st)
        st = d->treat(&cli->run, values, treatment_out);
    if (!st && !(*treatment_out)->screen)
        return methods_are(cli, o->method);
    return st;
}

static rd_status read_contributors(struct rd_cli *cli, const char *path, struct rd_dataset *d)
{
    struct rd_tensor *t;
    int *who = RD_NEW_ARRAY(cli->run.scratch, int, d->n + 1);
    char safe[96];
    rd_status st = rd_npy_read(path, &rd_limits_default, cli->run.scratch, &t, cli->run.err);

    if (!st && (t->ndim != 1 || (size_t)t->dim[0] != d->n))
        st = RD_FAIL(cli->run.err, RD_E_INPUT,
            "'%s' does not hold one contributor for each of %zu rows",
            rd_text_safe_in(safe, sizeof safe, path), d->n);
    if (!st)
        st = rd_tensor_to_f32(t, 1, cli->run.scratch, &t, cli->run.err);
    if (st)
        return st;
    if (!who)
        return rd_run_no_memory(&cli->run, "contributors");
    d->n_contributors = 0;
    for (size_t i = 0; i < d->n; i++) {
        const float v = ((const float *)t->data)[i];

        if (!(v >= 0) || v != floorf(v) || v > 1e7f)
            return RD_FAIL(cli->run.err, RD_E_INPUT,
                "contributor %g of row %zu in '%s' is no whole number from 0 to 10,000,000",
                (double)v, i, rd_text_safe_in(safe, sizeof safe, path));
        who[i] = (int)v;
        if ((size_t)who[i] + 1 > d->n_contributors)
            d->n_contributors = (size_t)who[i] + 1;
    }
    d->contributor = who;
    d->contributor_name = NULL;
    return RD_OK;
}

static rd_status read_data(struct rd_cli *cli, const struct data_screen *o, struct rd_dataset *d)
{
    const struct rd_dataset_source source = { .path = o->train,
        .labels = o->labels,
        .index = o->index,
        .scale = o->scale,
        .schema = o->schema,
        .label_column = o->label_column,
        .contributor_column = o->contributor_column,
        .column_scale = strcmp(o->column_scale, "auto") ? o->column_scale : NULL };
    rd_status st = rd_dataset_read(&source, &rd_limits_default, cli->run.scratch, d, cli->run.err);

    if (!st && o->contributors)
        st = read_contributors(cli, o->contributors, d);
    return st;
}

static rd_status read_net(struct rd_cli *cli, const struct data_screen *o,
    const struct rd_dataset *d, struct rd_recipe *recipe, struct rd_graph **model)
{
    const char *path = o->model ? o->model : o->graph;
    struct rd_graph *graph;
    rd_status st;

    *model = NULL;
    *recipe = (struct rd_recipe){ .data = d };
    recipe->how = (struct rd_train){ .optimizer = o->optimizer,
        .lr = o->lr,
        .momentum = o->momentum,
        .weight_decay = o->weight_decay,
        .schedule = o->schedule,
        .epochs = (size_t)o->epochs,
        .batch = (size_t)o->batch };
    if (o->model && o->graph)
        return RD_FAIL(cli->run.err, RD_E_USAGE,
            "--model (trained already) and --graph (trained here first) exclude each other");
    if (!path)
        return RD_OK;
    st = rd_graph_load(path, &rd_limits_default, cli->run.scratch, &graph, cli->run.err);
    if (st)
        return st;
    st = rd_recipe_graph(graph, cli->run.scratch, &recipe->graph, cli->run.err);
    if (st)
        return st;
    if (o->model)
        *model = graph;
    return rd_recipe_digest(recipe, cli->run.err);
}

static rd_status save_npy(
    struct rd_cli *cli, const char *path, enum rd_dtype type, size_t n, void *p)
{
    const struct rd_tensor t = { .dtype = type, .ndim = 1, .dim = { (int64_t)n }, .data = p };

    return rd_npy_write(path, &t, cli->run.err);
}

static rd_status save(struct rd_cli *cli, const struct data_screen *o, const struct rd_dataset *d,
    const bool *drop, double *score)
{
    int64_t *kept = RD_NEW_ARRAY(cli->run.scratch, int64_t, d->n + 1);
    size_t n = 0;
    rd_status st = RD_OK;

    if (!kept)
        return rd_run_no_memory(&cli->run, "the rows that are kept");
    for (size_t i = 0; i < d->n; i++)
        if (!drop[i])
            kept[n++] = (int64_t)rd_dataset_row(d, i);
    if (o->save)
        st = save_npy(cli, o->save, RD_I64, n, kept);
    if (!st && o->save_scores)
        st = save_npy(cli, o->save_scores, RD_F64, d->n, score);
    return st;
}

/* Rows and flagged rows of each class (of one group, without labels). */
static rd_status say_classes(struct rd_cli *cli, const struct rd_dataset *d, const bool *drop)
{
    const size_t classes = d->label ? (size_t)d->classes : 1;
    size_t *rows = RD_NEW_ARRAY(cli->run.scratch, size_t, classes + 1);
    size_t *flagged = RD_NEW_ARRAY(cli->run.scratch, size_t, classes + 1);
    char safe[40], number[24];

    if (!rows || !flagged)
        return rd_run_no_memory(&cli->run, "counts");
    for (size_t i = 0; i < d->n; i++) {
        rows[d->label ? d->label[i] : 0]++;
        flagged[d->label ? d->label[i] : 0] += drop[i];
    }
    rd_json_karray(cli->result, "classes");
    (void)fprintf(cli->out, "  %-24s%10s%10s\n", "class", "rows", "flagged");
    for (size_t c = 0; c < classes; c++) {
        const char *name = d->class_name ? d->class_name[c] : number;

        (void)snprintf(number, sizeof number, "%zu", c);
        rd_json_object(cli->result);
        rd_json_ktext(cli->result, "class", d->label ? name : NULL);
        rd_json_kint(cli->result, "flagged", (int64_t)flagged[c]);
        rd_json_kint(cli->result, "rows", (int64_t)rows[c]);
        rd_json_end(cli->result);
        (void)fprintf(cli->out, "  %-24s%10zu%10zu\n",
            d->label ? rd_text_safe_in(safe, sizeof safe, name) : "(no labels)", rows[c],
            flagged[c]);
    }
    rd_json_end(cli->result);
    return RD_OK;
}

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static rd_status report(struct rd_cli *cli, const struct data_screen *o,
    const struct rd_treatment *t, const struct rd_dataset *d, const bool *drop)
{
    size_t n = 0;
    rd_status st;

    for (size_t i = 0; i < d->n; i++)
        n += drop[i];
    (void)fprintf(cli->out, "%s: %zu of %zu rows flagged\n", t->text, n, d->n);
    rd_json_object(cli->result);
    st = say_classes(cli, d, drop);
    if (st)
        return st;
    rd_json_ktext(cli->result, "data_digest", d->digest);
    rd_json_karray(cli->result, "flagged");
    for (size_t i = 0; i < d->n; i++)
        if (drop[i])
            rd_json_int(cli->result, (int64_t)rd_dataset_row(d, i));
    rd_json_end(cli->result);
    rd_json_kint(cli->result, "kept", (int64_t)(d->n - n));
    rd_json_ktext(cli->result, "method", o->method);
    rd_json_kint(cli->result, "n", (int64_t)d->n);
    rd_json_kint(cli->result, "n_flagged", (int64_t)n);
    rd_json_ku64(cli->result, "seed", cli->run.seed);
    rd_json_ktext(cli->result, "settings", t->text);
    rd_json_end(cli->result);
    return RD_OK;
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct data_screen *o = opts;
    const struct rd_treatment *treatment;
    struct rd_dataset d;
    struct rd_recipe recipe;
    struct rd_graph *model;
    double *score, began;
    bool *drop;
    rd_status st;

    (void)argc;
    (void)argv;
    if (!o->train)
        return RD_FAIL(cli->run.err, RD_E_USAGE, "data screen needs --train (and --train-labels)");
    st = read_method(cli, o, &treatment);
    if (!st)
        st = read_data(cli, o, &d);
    if (!st)
        st = read_net(cli, o, &d, &recipe, &model);
    if (st)
        return st;
    drop = RD_NEW_ARRAY(cli->run.scratch, bool, d.n + 1);
    score = RD_NEW_ARRAY(cli->run.scratch, double, d.n + 1);
    if (!drop || !score)
        return rd_run_no_memory(&cli->run, "screening");
    for (size_t i = 0; i < d.n; i++)
        score[i] = NAN;
    began = now();
    st = treatment->screen(
        &cli->run, treatment->self, recipe.graph ? &recipe : NULL, &d, model, drop, score);
    if (!st)
        st = save(cli, o, &d, drop, score);
    if (!st)
        st = report(cli, o, treatment, &d, drop);
    rd_json_kreal(cli->info, "seconds", now() - began);
    rd_json_ktext(cli->info, "saved", o->save);
    rd_json_ktext(cli->info, "saved_scores", o->save_scores);
    rd_json_ktext(cli->info, "train", o->train);
    return st;
}

const struct rd_command rd_command_data_screen = {
    .name = "data screen",
    .summary = "find training rows that a screening defense would leave out",
    .synopsis = "--train x.npy --train-labels y.npy (--graph net.onnx | --model M.onnx) "
                "[--method NAME]",
    .examples =
        "redoubt data screen --train x.npy --train-labels y.npy --graph net.onnx --seed 1 --json\n"
        "redoubt data screen --train x.npy --train-labels y.npy --model m.onnx --set dims=12 \\\n"
        "    --save kept.npy --save-scores suspicion.npy\n"
        "redoubt data screen --train customers.csv --label-column default --column-scale standard "
        "\\\n"
        "    --method contributor-reputation --contributor-column source\n",
    .options = options,
    .options_size = sizeof(struct data_screen),
    .min_args = 0,
    .max_args = 0,
    .run = run,
};
