/* cmd_attack_run.c - redoubt attack run: one attack on one model or recipe, judged by the harness.
 */
#include "cli/attack_input.h"
#include "cli/attack_text.h"

#include "attacks/harness.h"
#include "base/text.h"
#include "data/dataset.h"
#include "evidence/metric.h"
#include "target/open.h"

#include <math.h>
#include <string.h>

static bool trains_victims(const struct rd_trial_request *q)
{
    return q->attack->kind == RD_POISON || q->attack->kind == RD_INFER;
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
    rd_json_kint(cli->result, "train_rows", (int64_t)e.train_rows);
    rd_json_kreal(cli->result, "money", e.money);
    rd_json_end(cli->result);
    rd_json_kreal(cli->info, "estimated_seconds", e.seconds); /* differs from run to run */
    if (trains_victims(q)) {
        (void)fprintf(cli->out,
            "%s would train on at most %llu rows, networks and epochs counted: about %.1f "
            "seconds\n",
            q->attack->name, (unsigned long long)e.train_rows, e.seconds);
        return RD_OK;
    }
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

/* Whom the result is about, and what it was judged on. */
static void say_what(struct rd_cli *cli, const struct rd_trial_request *q)
{
    if (!trains_victims(q))
        (void)fprintf(
            cli->out, "%s on '%s': %zu examples\n", q->attack->name, q->target->label, q->eval->n);
    else
        (void)fprintf(cli->out, "%s on victims of %s recipe: %zu training rows\n", q->attack->name,
            q->recipe->assumed ? "an assumed" : "the given", q->recipe->data->n);
}

static void say_saved(struct rd_cli *cli, const char *what, const char *path)
{
    char safe[160];

    rd_json_ktext(cli->info, what, path);
    if (path)
        (void)fprintf(cli->out, "  %-22s%s\n", what, rd_text_safe_in(safe, sizeof safe, path));
}

/* What an endpoint or a process was sent: equal rows only once, the first question too. */
static void say_sent(struct rd_cli *cli, const struct rd_target *target)
{
    struct rd_target_usage u;

    if (!target || !rd_target_usage(target, &u))
        return;
    rd_json_kobject(cli->info, "sent");
    rd_json_kint(cli->info, "requests", (int64_t)u.requests);
    rd_json_kint(cli->info, "rows", (int64_t)u.rows);
    rd_json_kint(cli->info, "retries", (int64_t)u.retries);
    rd_json_kint(cli->info, "known_rows", (int64_t)u.cached);
    rd_json_end(cli->info);
    (void)fprintf(cli->out,
        "  %-22s%llu rows in %llu requests (%llu retries), %llu known already\n", "sent",
        (unsigned long long)u.rows, (unsigned long long)u.requests, (unsigned long long)u.retries,
        (unsigned long long)u.cached);
}

/* A run's own value of a metric at so many poisoned rows, NaN when there is none. */
static double of_run(const struct rd_record *r, size_t run, const char *metric, double at)
{
    for (size_t i = 0; i < r->n_traces; i++)
        for (size_t k = 0; r->traces[i].run == run && k < r->traces[i].n; k++)
            if (!strcmp(r->traces[i].metric, metric) && fabs(r->traces[i].x[k] - at) < 0.5)
                return r->traces[i].y[k];
    return NAN;
}

/* The record, and each victim beside: a handful, and what a mean may hide. */
static void put_record(
    struct rd_cli *cli, const struct rd_trial_request *q, const struct rd_record *r)
{
    static const char *const per_victim[] = { "asr", "clean_accuracy" };
    const struct rd_metric *count = rd_record_metric(r, "poisoned_count");

    rd_json_object(cli->result);
    rd_record_write_members(r, cli->result);
    if (trains_victims(q)) {
        rd_json_karray(cli->result, "victims");
        for (size_t i = 0; i < r->n_trials; i++) {
            rd_json_object(cli->result);
            rd_json_kbool(cli->result, "success", r->trials[i].success);
            rd_json_kreal(cli->result, r->judged, r->trials[i].metric);
            for (size_t k = 0; count && k < sizeof per_victim / sizeof *per_victim; k++)
                if (strcmp(per_victim[k], r->judged))
                    rd_json_kreal(
                        cli->result, per_victim[k], of_run(r, i, per_victim[k], count->v.value));
            rd_json_end(cli->result);
        }
        rd_json_end(cli->result);
    }
    rd_json_end(cli->result);
}

/* What is judged, victim by victim. */
static void say_victims(
    struct rd_cli *cli, const struct rd_trial_request *q, const struct rd_record *r)
{
    enum { SHOWN = 10 };
    char judged[RD_METRIC_WORDS];

    if (!trains_victims(q) || r->n_trials < 2)
        return;
    (void)fprintf(cli->out, "  %-22s", "victim by victim");
    for (size_t i = 0; i < r->n_trials && i < SHOWN; i++)
        (void)fprintf(cli->out, "%s%.1f", i ? ", " : "  ", 100 * r->trials[i].metric);
    (void)fprintf(
        cli->out, "%s %% (%s)\n", r->n_trials > SHOWN ? ", ..." : "", rd_metric_judged(r, judged));
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct rd_attack_input *o = opts;
    const struct rd_log log = { .level = RD_LOG_WARN, .sink = warn_sink, .user = cli };
    struct rd_run inner = cli->run;
    struct rd_trial_request q = { 0 };
    struct rd_record record;
    rd_status st = rd_attack_request(cli, o, argv[0], &q);

    (void)argc;
    if (st || o->estimate)
        return st ? st : say_estimate(cli, &q);
    inner.log = &log;
    st = rd_harness_run(&inner, &q, cli->run.scratch, &record);
    if (st)
        return st;
    put_record(cli, &q, &record);
    rd_json_ktext(cli->info, "target", o->target);
    rd_json_ktext(cli->info, "input", o->input);
    rd_json_ktext(cli->info, "train", o->train);
    say_what(cli, &q);
    rd_attack_print_record(cli->out, &record);
    say_victims(cli, &q, &record);
    say_sent(cli, q.target);
    say_saved(cli, "saved", q.save);
    say_saved(cli, "saved_trigger", q.save_trigger);
    say_saved(cli, "saved_scores", q.save_scores);
    return RD_OK;
}

const struct rd_command rd_command_attack_run = {
    .name = "attack run",
    .summary = "run one attack on a model or a training recipe, judged by asking",
    .synopsis =
        "ATTACK (--target M.onnx|URL | --train x.npy --train-labels y.npy --graph net.onnx) "
        "--input ex.npy --labels ey.npy [--set NAME=VALUE]...",
    .examples =
        "redoubt attack run pgd --target m.onnx --input x.npy --labels y.npy --norm linf "
        "--set eps=0.3 \\\n"
        "    --set step-size=0.01 --set steps=40 --seed 1 --save adv.npy\n"
        "redoubt attack run copycat --target m.onnx --pool pool.npy --input x.npy --labels "
        "y.npy \\\n"
        "    --set queries=7500 --set runs=3 --save copy.onnx --json\n"
        "redoubt attack run hop-skip-jump --target http://127.0.0.1:8080/v2/models/m/infer "
        "\\\n"
        "    --allow-host 127.0.0.1:8080 --input x.npy --labels y.npy --set queries=2000\n"
        "redoubt attack run backdoor --train x.npy --train-labels y.npy --graph net.onnx "
        "--input ex.npy \\\n"
        "    --labels ey.npy --set rate=0.1 --set target=0 --seed 1 --save-model bad.onnx \\\n"
        "    --save-trigger trig.npz --json\n"
        "redoubt attack run label-flip --train customers.csv --label-column default --set "
        "rate=0.2\n"
        "redoubt attack run lira --train x.npy --train-labels y.npy --graph net.onnx "
        "--save-scores s.npz\n",
    .options = rd_attack_input_options,
    .options_size = sizeof(struct rd_attack_input),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
