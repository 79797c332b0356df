/* cmd_attack_run.c - redoubt attack run: one attack on one model file, judged by the harness. */
#include "cli/attack_text.h"

#include "attacks/harness.h"
#include "base/text.h"
#include "data/dataset.h"
#include "target/target.h"

#include <math.h>
#include <string.h>

struct attack_run {
    const char *target, *input, *labels, *pool, *pool_labels, *index, *save;
    const char *criterion, *accuracy, *box;
    const char *norm;
    struct rd_option_list set;
    int64_t budget, count, curve;
    double scale, price;
    bool estimate;
};

static const char *const norms[] = { "any", "linf", "l2", NULL };

static const struct rd_option options[] = {
    RD_TEXT(struct attack_run, target, "target", "", "FILE.onnx", "the model under attack"),
    RD_TEXT(struct attack_run, input, "input", "", "FILE",
        "evaluation examples (.npy, .npz, idx): attacked, or judged on"),
    RD_TEXT(struct attack_run, labels, "labels", "", "FILE", "their true labels"),
    RD_TEXT(struct attack_run, pool, "pool", "", "FILE", "extraction: what the thief may query"),
    RD_TEXT(struct attack_run, pool_labels, "pool-labels", "", "FILE",
        "labels the thief owns: the no-query baseline is trained on them"),
    RD_TEXT(struct attack_run, index, "index", "", "FILE.npy", "order and choice of input rows"),
    RD_INT(
        struct attack_run, count, "count", "0", 0, 1e9, "rows", "only the first so many; 0: all"),
    RD_REAL(struct attack_run, scale, "scale", "1", 1e-9, 1e9, "",
        "every value of input and pool is multiplied by it (1/255)"),
    RD_CHOICE(struct attack_run, norm, "norm", "any", norms, "evasion: norm of the ball"),
    RD_LIST(struct attack_run, set, "set", "NAME=VALUE",
        "option of the attack (attack info shows them)"),
    RD_TEXT(struct attack_run, save, "save", "", "FILE",
        "adversarial examples (.npy) or the first run's copy (.onnx)"),
    RD_INT(struct attack_run, budget, "budget", "0", 0, 1e15, "rows",
        "that one run may spend; 0: no bound"),
    RD_TEXT(struct attack_run, criterion, "criterion", "", "SHARE",
        "what the result is judged against (0.5)"),
    RD_TEXT(struct attack_run, accuracy, "accuracy", "", "SHARE",
        "stated clean accuracy, checked before the attack"),
    RD_TEXT(struct attack_run, box, "box", "", "LOW,HIGH", "legal values; else read off the data"),
    RD_INT(struct attack_run, curve, "curve", "4", 0, 16, "points",
        "radii of the security curve; 0 or 1: only eps itself"),
    RD_REAL(struct attack_run, price, "price-per-1000", "0", 0, 1e9, "currency",
        "what 1,000 rows cost, for the estimate"),
    RD_BOOL(struct attack_run, estimate, "estimate", "no",
        "say what it would cost at most, and do nothing"),
    RD_OPTION_END,
};

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

static rd_status read_box(struct rd_cli *cli, const char *text, struct rd_trial_request *q)
{
    const char *comma = text ? strchr(text, ',') : NULL;
    double low, high;
    char first[48], safe[48];

    if (!text)
        return RD_OK;
    (void)snprintf(first, sizeof first, "%.*s", comma ? (int)(comma - text) : 0, text);
    if (!comma || !rd_text_to_double(first, true, &low) ||
        !rd_text_to_double(comma + 1, true, &high) || !(low < high))
        return RD_FAIL(cli->run.err, RD_E_USAGE, "box: '%s' is not LOW,HIGH",
            rd_text_safe_in(safe, sizeof safe, text));
    q->box_low = (float)low;
    q->box_high = (float)high;
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

static rd_status read_data(struct rd_cli *cli, const char *path, const char *labels,
    const char *index, double scale, int64_t count, struct rd_dataset **out)
{
    const struct rd_dataset_source source = {
        .path = path, .labels = labels, .index = index, .scale = scale
    };
    struct rd_dataset *all = RD_NEW(cli->run.scratch, struct rd_dataset);
    struct rd_dataset *part = RD_NEW(cli->run.scratch, struct rd_dataset);
    rd_status st;

    if (!all || !part)
        return rd_run_no_memory(&cli->run, "a dataset");
    st = rd_dataset_read(&source, &rd_limits_default, cli->run.scratch, all, cli->run.err);
    *out = all;
    if (st || !count || (size_t)count >= all->n)
        return st;
    *out = part;
    return rd_dataset_slice(all, 0, (size_t)count, part, cli->run.err);
}

static rd_status prepare(
    struct rd_cli *cli, const struct attack_run *o, const char *name, struct rd_trial_request *q)
{
    struct rd_dataset *eval, *pool;
    rd_status st = rd_attack_lookup(cli, name, &q->attack);

    if (st)
        return st;
    if (!o->target || !o->input || !o->labels)
        return RD_FAIL(cli->run.err, RD_E_USAGE, "attack run needs --target, --input and --labels");
    if (o->pool_labels && !o->pool)
        return RD_FAIL(cli->run.err, RD_E_USAGE, "--pool-labels needs --pool");
    if (o->pool && q->attack->kind != RD_EXTRACT)
        return RD_FAIL(cli->run.err, RD_E_USAGE, "%s queries no pool", name);
    q->norm = !strcmp(o->norm, "linf") ? RD_LINF : !strcmp(o->norm, "l2") ? RD_L2 : (enum rd_norm)0;
    q->budget = (uint64_t)o->budget;
    q->curve_points = (size_t)o->curve;
    q->save = o->save;
    q->pool_is_labeled = o->pool_labels;
    st = read_share(cli, "criterion", o->criterion, &q->criterion);
    if (!st)
        st = read_share(cli, "accuracy", o->accuracy, &q->stated_accuracy);
    if (!st)
        st = read_box(cli, o->box, q);
    if (!st)
        st = read_options(cli, q->attack, &o->set, &q->options);
    if (!st)
        st = rd_target_open_onnx(
            o->target, cli->run.pool, cli->run.scratch, &q->target, cli->run.err);
    if (!st)
        st = read_data(cli, o->input, o->labels, o->index, o->scale, o->count, &eval);
    if (!st && o->pool)
        st = read_data(cli, o->pool, o->pool_labels, NULL, o->scale, 0, &pool);
    if (st)
        return st;
    q->target->price_per_1000 = o->price;
    q->eval = eval;
    q->pool = o->pool ? pool : NULL;
    return RD_OK;
}

static rd_status say_estimate(struct rd_cli *cli, const struct rd_trial_request *q)
{
    struct rd_estimate e;
    rd_status st = rd_harness_estimate(&cli->run, q, &e);

    if (st)
        return st;
    rd_json_object(cli->result);
    rd_json_kint(cli->result, "rows", (int64_t)e.rows);
    rd_json_kint(cli->result, "gradients", (int64_t)e.gradients);
    rd_json_kreal(cli->result, "money", e.money);
    rd_json_end(cli->result);
    rd_json_kreal(cli->info, "estimated_seconds", e.seconds); /* differs from run to run */
    (void)fprintf(cli->out,
        "%s would ask for at most %llu rows, %llu of them gradients: about %.1f seconds, %.2f of "
        "money\n",
        q->attack->name, (unsigned long long)e.rows, (unsigned long long)e.gradients, e.seconds,
        e.money);
    return RD_OK;
}

/* Warnings of the harness belong into "warnings" too. */
static void warn_sink(void *user, enum rd_log_level level, const char *area, const char *text)
{
    struct rd_cli *cli = user;

    (void)area;
    if (level == RD_LOG_WARN)
        rd_cli_warn(cli, "%s", text);
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct attack_run *o = opts;
    const struct rd_log log = { .level = RD_LOG_WARN, .sink = warn_sink, .user = cli };
    struct rd_run inner = cli->run;
    struct rd_trial_request q = { 0 };
    struct rd_record record;
    char safe[160];
    rd_status st = prepare(cli, o, argv[0], &q);

    (void)argc;
    if (st || o->estimate)
        return st ? st : say_estimate(cli, &q);
    inner.log = &log;
    st = rd_harness_run(&inner, &q, cli->run.scratch, &record);
    if (st)
        return st;
    rd_record_write_short(&record, cli->result);
    rd_json_ktext(cli->info, "target", o->target);
    rd_json_ktext(cli->info, "input", o->input);
    rd_json_ktext(cli->info, "saved", o->save);
    (void)fprintf(
        cli->out, "%s on '%s': %zu examples\n", q.attack->name, q.target->label, q.eval->n);
    rd_attack_print_record(cli->out, &record);
    if (o->save)
        (void)fprintf(
            cli->out, "  %-22s%s\n", "saved", rd_text_safe_in(safe, sizeof safe, o->save));
    return RD_OK;
}

const struct rd_command rd_command_attack_run = {
    .name = "attack run",
    .summary = "run one attack on a model file, judged by asking it again",
    .synopsis = "ATTACK --target M.onnx --input x.npy --labels y.npy [--set NAME=VALUE]...",
    .examples = "redoubt attack run pgd --target m.onnx --input x.npy --labels y.npy --norm linf "
                "--set eps=0.3 \\\n"
                "    --set step-size=0.01 --set steps=40 --seed 1 --save adv.npy\n"
                "redoubt attack run copycat --target m.onnx --pool pool.npy --input x.npy --labels "
                "y.npy \\\n"
                "    --set queries=7500 --set runs=3 --save copy.onnx --json\n",
    .options = options,
    .options_size = sizeof(struct attack_run),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
