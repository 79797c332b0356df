/* cmd_init.c - redoubt init: a starting point that can be assessed at once. */
#include "cli/artifacts.h"
#include "cli/cli.h"
#include "cli/init_from.h"

#include "base/embed.h"
#include "base/file.h"
#include "base/text.h"

#include <string.h>

extern const struct rd_embedded rd_templates[];

static const struct rd_option options[] = {
    RD_TEXT(struct rd_init_from, from, "from", "", "MODEL.onnx|URL|COMMAND",
        "a model of your own instead of a template"),
    RD_TEXT(struct rd_init_from, data, "data", "", "FILE",
        "examples it can be judged on: a table, an array, a folder or zip of images"),
    RD_TEXT(struct rd_init_from, labels, "labels", "", "FILE", "labels, if in a file of their own"),
    RD_TEXT(struct rd_init_from, label_column, "label-column", "", "NAME",
        "column of the labels, by name or number from 1"),
    RD_TEXT(struct rd_init_from, contributor_column, "contributor-column", "", "NAME",
        "column that says who a row came from"),
    RD_LIST(struct rd_init_from, hosts, "allow-host", "HOST:PORT", "may be asked (--from URL)"),
    RD_TEXT(struct rd_init_from, protocol, "protocol", "", "NAME",
        "of the endpoint: v2, v1, mlflow, mlflow-split, mlflow-records; else told from the URL"),
    RD_BOOL(struct rd_init_from, yes, "yes", "no", "ask nothing: what nobody said is unknown"),
    RD_BOOL(struct rd_init_from, force, "force", "no", "write over what is there"),
    RD_OPTION_END,
};

/* Templates that generate artifacts, and how. */
static const struct {
    const char *name;
    rd_status (*make)(struct rd_run *run, const char *dir, struct rd_made *made_out);
} makers[] = {
    { "image-classifier", rd_make_image_classifier },
    { "fraud-api", rd_make_fraud_api },
    { "recommender", rd_make_recommender },
};

static rd_status find_template(
    struct rd_cli *cli, const char *name, const struct rd_embedded **template_out)
{
    const char *words[32], *near;
    char file[80], safe[64];
    size_t n = 0;

    (void)snprintf(file, sizeof file, "%.60s.yaml", name);
    for (const struct rd_embedded *t = rd_templates; t->name; t++)
        if (!strcmp(t->name, file)) {
            *template_out = t;
            return RD_OK;
        }
    for (size_t i = 0; i < sizeof makers / sizeof *makers && n < 31; i++)
        words[n++] = makers[i].name;
    words[n] = NULL;
    near = rd_text_nearest(name, words);
    (void)RD_FAIL(
        cli->run.err, RD_E_USAGE, "no template '%s'", rd_text_safe_in(safe, sizeof safe, name));
    return rd_error_hint(cli->run.err,
        near ? "did you mean '%s'?" : "there are image-classifier, fraud-api and recommender",
        near);
}

/* The figure that text names as NAME}, and how long that is; NULL: none. */
static const struct rd_made_figure *figure_at(
    const struct rd_made *made, const char *text, size_t left, size_t *len_out)
{
    for (size_t i = 0; i < made->n; i++) {
        const size_t len = strlen(made->figure[i].name);

        if (len < left && !memcmp(text, made->figure[i].name, len) && text[len] == '}') {
            *len_out = len + 1;
            return &made->figure[i];
        }
    }
    return NULL;
}

/* The template with each ${figure} filled in by what was measured. */
static rd_status write_system(
    struct rd_cli *cli, const struct rd_embedded *t, const struct rd_made *made, const char *path)
{
    struct rd_buf out = { 0 };
    const char *at = (const char *)t->data, *end = at + t->size, *hit;
    char number[32];
    rd_status st;

    while ((hit = memmem(at, (size_t)(end - at), "${", 2))) {
        size_t len = 0;
        const struct rd_made_figure *f = figure_at(made, hit + 2, (size_t)(end - hit - 2), &len);

        rd_buf_put(&out, at, (size_t)(hit - at));
        if (f)
            rd_buf_puts(&out, rd_text_from_double(f->value, number));
        else
            rd_buf_put(&out, hit, 2);
        at = hit + 2 + len;
    }
    rd_buf_put(&out, at, (size_t)(end - at));
    st = out.failed ? rd_run_no_memory(&cli->run, "the template")
                    : rd_file_write(path, out.text, out.len, 0644, cli->run.err);
    rd_buf_release(&out);
    return st;
}

/* RD_E_USAGE when the folder has a redoubt.yaml and nobody forces. */
static rd_status check_place(struct rd_cli *cli, const char *path, bool force)
{
    char safe[200];

    if (!rd_file_exists(path) || force)
        return RD_OK;
    (void)RD_FAIL(cli->run.err, RD_E_USAGE, "'%s' is there already",
        rd_text_safe_in(safe, sizeof safe, path));
    return rd_error_hint(cli->run.err, "--force writes over it; redoubt assess uses it");
}

static rd_status from_template(
    struct rd_cli *cli, const char *name, const char *dir, const char *path, bool force)
{
    const struct rd_embedded *template = NULL;
    struct rd_made made = { 0 };
    char safe[200];
    rd_status st = find_template(cli, name, &template);

    if (!st)
        st = check_place(cli, path, force);
    if (!st)
        st = rd_file_mkdirs(dir, 0755, cli->run.err);
    for (size_t i = 0; !st && i < sizeof makers / sizeof *makers; i++)
        if (!strcmp(makers[i].name, name))
            st = makers[i].make(&cli->run, dir, &made);
    /* Last, so that a folder with a redoubt.yaml is complete. */
    if (!st)
        st = write_system(cli, template, &made, path);
    if (st)
        return st;
    rd_json_object(cli->result);
    rd_json_ktext(cli->result, "template", name);
    for (size_t i = 0; i < made.n; i++)
        rd_json_kreal(cli->result, made.figure[i].name, made.figure[i].value);
    rd_json_kint(cli->result, "training_examples", (int64_t)made.train);
    rd_json_kint(cli->result, "evaluation_examples", (int64_t)made.eval);
    rd_json_end(cli->result);
    rd_json_ktext(cli->info, "path", path);
    (void)fprintf(cli->out, "%s: %s\nnext: redoubt assess %s\n",
        rd_text_safe_in(safe, sizeof safe, path), made.summary, dir);
    return RD_OK;
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct rd_init_from *o = opts;
    const char *dir = argc > 1 ? argv[1] : argv[0];
    char *path = rd_path_join(cli->run.scratch, dir, "redoubt.yaml");
    rd_status st;

    if (!path)
        return rd_run_no_memory(&cli->run, "a path");
    if (!o->from && (o->data || o->labels || o->label_column || o->hosts.n || o->yes))
        return RD_FAIL(cli->run.err, RD_E_USAGE, "--data and its like go with --from MODEL");
    if (!o->from)
        return from_template(cli, argv[0], dir, path, o->force);
    if (argc > 1)
        return RD_FAIL(cli->run.err, RD_E_USAGE, "--from takes one folder, not a template as well");
    if (!o->data)
        return RD_FAIL(
            cli->run.err, RD_E_USAGE, "--from needs --data FILE: examples with their right labels");
    st = check_place(cli, path, o->force);
    return st ? st : rd_init_from(cli, o, dir);
}

const struct rd_command rd_command_init = {
    .name = "init",
    .summary = "make a system to start from: a template, or a model of your own",
    .synopsis = "TEMPLATE [DIR] [--seed N] [--force] | --from MODEL --data FILE DIR [--yes]",
    .examples = "  redoubt init image-classifier demo\n"
                "  redoubt init fraud-api payments\n"
                "  redoubt init --from credit.onnx --data credit.csv --label-column default risk\n"
                "  redoubt init --from http://127.0.0.1:8080/v2/models/m/infer --allow-host "
                "127.0.0.1:8080 --data x.npy --labels y.npy served\n"
                "  redoubt init --from \"python3 model.py\" --data images/ --yes mine\n",
    .options = options,
    .options_size = sizeof(struct rd_init_from),
    .min_args = 1,
    .max_args = 2,
    .run = run,
};
