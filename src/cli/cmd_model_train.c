/* cmd_model_train.c - redoubt model train: fresh or given weights fitted to labeled rows, saved as
 * ONNX. */
#include "cli/model_io.h"

#include "base/digest.h"
#include "base/text.h"
#include "data/dataset.h"
#include "stats/rdp.h"
#include "tensor/npy.h"

#include <math.h>
#include <time.h>

struct model_train {
    const char *data, *labels, *soft, *index, *output;
    const char *optimizer, *schedule;
    int64_t epochs, batch;
    double lr, momentum, weight_decay, scale;
    bool keep_weights;
    int64_t adversary_steps;
    double adversary_eps, adversary_step_size, adversary_ramp, low, high;
    double dp_clip, dp_noise, dp_delta;
};

static const char *const optimizers[] = { "adam", "sgd", NULL };
static const char *const schedules[] = { "constant", "cosine", "one-cycle", NULL };

static const struct rd_option options[] = {
    RD_TEXT(struct model_train, data, "data", "", "FILE", "examples (.npy, .npz, idx)"),
    RD_TEXT(
        struct model_train, labels, "labels", "", "FILE", "their classes, whole numbers from 0"),
    RD_TEXT(struct model_train, soft, "soft", "", "FILE.npy",
        "instead of labels: (rows, classes), each row sums to 1"),
    RD_TEXT(struct model_train, index, "index", "", "FILE.npy", "order and choice of rows"),
    RD_REAL(struct model_train, scale, "scale", "1", 1e-9, 1e9, "",
        "every value of data is multiplied by it (1/255)"),
    RD_TEXT(struct model_train, output, "output", "", "FILE.onnx",
        "where the trained model goes (also -o)"),
    RD_INT(struct model_train, epochs, "epochs", "6", 1, 1e6, "epochs", "times through the data"),
    RD_INT(struct model_train, batch, "batch", "64", 1, 1e6, "rows", "examples of one step"),
    RD_CHOICE(
        struct model_train, optimizer, "optimizer", "adam", optimizers, "how weights are moved"),
    RD_REAL(struct model_train, lr, "lr", "0.001", 1e-12, 1e6, "",
        "learning rate, the highest of the schedule"),
    RD_CHOICE(struct model_train, schedule, "schedule", "cosine", schedules,
        "of the learning rate, step by step"),
    RD_REAL(struct model_train, momentum, "momentum", "0.9", 0, 0.999999, "",
        "sgd: momentum; adam: beta1"),
    RD_REAL(struct model_train, weight_decay, "weight-decay", "0", 0, 1e6, "",
        "added to each gradient, times the weight"),
    RD_BOOL(struct model_train, keep_weights, "keep-weights", "no",
        "go on from the file's weights, not from fresh ones"),
    RD_REAL(struct model_train, adversary_eps, "adversary-eps", "0", 0, 1e9, "input units",
        "each batch is attacked first, in a Linf ball of this radius; 0: not"),
    RD_INT(struct model_train, adversary_steps, "adversary-steps", "1", 1, 10000, "steps",
        "of that attack, from a random start; 1 is fast training"),
    RD_REAL(struct model_train, adversary_step_size, "adversary-step-size", "0", 0, 1e9,
        "input units", "of one step; 0: 1.25 eps for one step, 2.5 eps / steps for more"),
    RD_REAL(struct model_train, adversary_ramp, "adversary-ramp", "0", 0, 1e6, "epochs",
        "eps grows from 0 to itself over so many"),
    RD_REAL(struct model_train, low, "low", "0", -1e30, 1e30, "input units",
        "least value of an input, for the adversary"),
    RD_REAL(struct model_train, high, "high", "1", -1e30, 1e30, "input units",
        "largest value of an input, for the adversary"),
    RD_REAL(struct model_train, dp_clip, "dp-clip", "0", 0, 1e9, "",
        "each example's gradient is clipped to this L2 norm (DP-SGD); 0: not"),
    RD_REAL(struct model_train, dp_noise, "dp-noise", "0", 0, 1e6, "",
        "deviation of the noise on their sum, in clips"),
    RD_REAL(struct model_train, dp_delta, "dp-delta", "1e-5", 1e-30, 0.5, "",
        "at which the privacy spent is stated"),
    RD_OPTION_END,
};

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static rd_status check(struct rd_cli *cli, const struct model_train *o)
{
    if (!o->data || !o->output || (!o->labels && !o->soft))
        return RD_FAIL(cli->run.err, RD_E_USAGE,
            "model train needs --data, --labels (or --soft) and -o for the trained model");
    if (o->labels && o->soft)
        return RD_FAIL(cli->run.err, RD_E_USAGE, "--labels and --soft exclude each other");
    if (o->soft && o->index)
        return RD_FAIL(cli->run.err, RD_E_USAGE, "--index goes with --labels, not with --soft");
    if (o->dp_noise > 0 && o->dp_clip <= 0)
        return RD_FAIL(cli->run.err, RD_E_USAGE,
            "--dp-noise without --dp-clip hides nothing: say how far a gradient may reach");
    return RD_OK;
}

static struct rd_train train_settings(const struct rd_cli *cli, const struct model_train *o)
{
    struct rd_train how = {
        .optimizer = o->optimizer,
        .lr = o->lr,
        .momentum = o->momentum,
        .weight_decay = o->weight_decay,
        .schedule = o->schedule,
        .epochs = (size_t)o->epochs,
        .batch = (size_t)o->batch,
        .seed = cli->run.seed,
        .clip = o->dp_clip,
        .noise = o->dp_noise,
    };

    if (o->adversary_eps > 0)
        how.adversary = (struct rd_train_adversary){
            .steps = (unsigned)o->adversary_steps,
            .eps = o->adversary_eps,
            .step_size = o->adversary_step_size > 0 ? o->adversary_step_size
                         : o->adversary_steps == 1
                             ? 1.25 * o->adversary_eps
                             : 2.5 * o->adversary_eps / (double)o->adversary_steps,
            .low = (float)o->low,
            .high = (float)o->high,
            .random_start = true,
            .ramp_epochs = o->adversary_ramp,
        };
    return how;
}

/* What the noise is worth on n rows; infinity (null) without noise. */
static double privacy(struct rd_cli *cli, const struct model_train *o, size_t n)
{
    const size_t batch = (size_t)o->batch < n ? (size_t)o->batch : n;
    const struct rd_rdp spent = {
        .q = (double)batch / (double)n,
        .noise = o->dp_noise,
        .steps = (double)o->epochs * ceil((double)n / (double)batch),
    };
    const double epsilon = rd_rdp_epsilon(&spent, o->dp_delta, NULL);

    rd_json_kobject(cli->result, "privacy");
    rd_json_kreal(cli->result, "clip", o->dp_clip);
    rd_json_kreal(cli->result, "delta", o->dp_delta);
    rd_json_kreal(cli->result, "epsilon", epsilon);
    if (!isfinite(epsilon))
        rd_json_ktext(cli->result, "epsilon_reason", "without noise there is no privacy");
    rd_json_kreal(cli->result, "noise", o->dp_noise);
    rd_json_kreal(cli->result, "sampling_probability", spent.q);
    rd_json_kreal(cli->result, "steps", spent.steps);
    rd_json_end(cli->result);
    return epsilon;
}

static rd_status read_data(struct rd_cli *cli, const struct model_train *o,
    const struct rd_model *m, struct rd_dataset *d, const float **soft_out)
{
    const struct rd_dataset_source source = {
        .path = o->data, .labels = o->labels, .index = o->index, .scale = o->scale
    };
    struct rd_error *err = cli->run.err;
    char got[120], want[120], safe[80];
    struct rd_tensor *soft;
    const int64_t *dim;
    int n_dims;
    rd_status st = rd_dataset_read(&source, &rd_limits_default, cli->run.scratch, d, err);

    if (st)
        return st;
    dim = rd_net_input_dims(m->net, &n_dims);
    if (!rd_net_inputs(m->net))
        return RD_FAIL(err, RD_E_USAGE,
            "'%s' is no network of rows: it wants one float32 input with a free first axis",
            rd_text_safe_in(safe, sizeof safe, m->graph->path));
    if (d->width != rd_net_inputs(m->net))
        return RD_FAIL(err, RD_E_INPUT, "examples of '%s' have shape %s, the model wants %s",
            rd_text_safe_in(safe, sizeof safe, o->data),
            rd_shape_text(d->dim, d->ndim, got, sizeof got),
            rd_shape_text(dim, n_dims, want, sizeof want));
    *soft_out = NULL;
    if (!o->soft)
        return RD_OK;
    st = rd_npy_read(o->soft, NULL, cli->run.scratch, &soft, err);
    if (!st)
        st = rd_tensor_to_f32(soft, 1, cli->run.scratch, &soft, err);
    if (st)
        return st;
    if (soft->ndim != 2 || (size_t)soft->dim[0] != d->n ||
        (size_t)soft->dim[1] != rd_net_outputs(m->net))
        return RD_FAIL(err, RD_E_INPUT, "'%s' has shape %s, expected (%zu, %zu): rows and classes",
            rd_text_safe_in(safe, sizeof safe, o->soft),
            rd_shape_text(soft->dim, soft->ndim, got, sizeof got), d->n, rd_net_outputs(m->net));
    *soft_out = soft->data;
    return RD_OK;
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct model_train *o = opts;
    const struct rd_train how = train_settings(cli, o);
    struct rd_train_report report;
    struct rd_graph *start, *trained;
    struct rd_model m;
    struct rd_dataset d;
    const float *soft = NULL;
    char digest[RD_DIGEST_HEX], safe[160];
    double began, epsilon = INFINITY;
    rd_status st = check(cli, o);

    (void)argc;
    if (!st)
        st = rd_model_open(cli, argv[0], &m);
    if (!st)
        st = read_data(cli, o, &m, &d, &soft);
    if (!st)
        st = rd_graph_copy(m.graph, cli->run.scratch, &start, cli->run.err);
    if (!st && !o->keep_weights)
        st = rd_graph_init_weights(start, cli->run.seed, cli->run.err);
    if (st)
        return st;
    began = now();
    st = rd_net_train(&cli->run, start, &how, d.x, soft ? NULL : d.label, soft, d.n,
        cli->run.scratch, &trained, &report);
    if (!st)
        st = rd_graph_digest(trained, digest, cli->run.err);
    if (!st)
        st = rd_graph_save(trained, o->output, cli->run.err);
    if (st)
        return RD_WRAP(
            cli->run.err, st, "training '%s'", rd_text_safe_in(safe, sizeof safe, argv[0]));
    rd_json_object(cli->result);
    rd_json_kreal(cli->result, "accuracy", report.accuracy);
    rd_json_ktext(cli->result, "data_digest", d.digest);
    rd_json_kint(cli->result, "epochs", (int64_t)report.epochs);
    rd_json_kreal(cli->result, "loss", report.loss);
    rd_json_ktext(cli->result, "model_digest", digest);
    rd_json_kint(cli->result, "n", (int64_t)d.n);
    if (o->dp_clip > 0)
        epsilon = privacy(cli, o, d.n);
    rd_json_kobject(cli->result, "settings");
    if (o->adversary_eps > 0) {
        rd_json_kobject(cli->result, "adversary");
        rd_json_kreal(cli->result, "eps", how.adversary.eps);
        rd_json_kreal(cli->result, "high", o->high);
        rd_json_kreal(cli->result, "low", o->low);
        rd_json_kreal(cli->result, "ramp", how.adversary.ramp_epochs);
        rd_json_kreal(cli->result, "step_size", how.adversary.step_size);
        rd_json_kint(cli->result, "steps", how.adversary.steps);
        rd_json_end(cli->result);
    }
    rd_json_kint(cli->result, "batch", o->batch);
    rd_json_kint(cli->result, "epochs", o->epochs);
    rd_json_kbool(cli->result, "keep_weights", o->keep_weights);
    rd_json_kreal(cli->result, "lr", o->lr);
    rd_json_kreal(cli->result, "momentum", o->momentum);
    rd_json_ktext(cli->result, "optimizer", o->optimizer);
    rd_json_ktext(cli->result, "schedule", o->schedule);
    rd_json_ku64(cli->result, "seed", cli->run.seed);
    rd_json_kreal(cli->result, "weight_decay", o->weight_decay);
    rd_json_end(cli->result);
    rd_json_end(cli->result);
    rd_json_kreal(cli->info, "seconds", now() - began);
    rd_json_ktext(cli->info, "saved", o->output);
    (void)fprintf(cli->out,
        "%zu examples, %zu epochs: loss %.4f, accuracy %.2f %% on the way; saved %s\n", d.n,
        report.epochs, report.loss, 100 * report.accuracy,
        rd_text_safe_in(safe, sizeof safe, o->output));
    if (o->dp_clip > 0)
        (void)fprintf(cli->out,
            isfinite(epsilon) ? "privacy spent: epsilon %.3f at delta %g (RDP, Poisson sampling)\n"
                              : "no privacy: clipped, but without noise\n",
            epsilon, o->dp_delta);
    return RD_OK;
}

const struct rd_command rd_command_model_train = {
    .name = "model train",
    .summary = "train a classifier's weights on labeled examples",
    .synopsis = "GRAPH.onnx --data x.npy --labels y.npy --epochs N -o OUT.onnx",
    .examples =
        "redoubt model train net.onnx --data x.npy --labels y.npy --epochs 6 --seed 1 -o out.onnx\n"
        "redoubt model train out.onnx --keep-weights --data more.npy --labels more-y.npy \\\n"
        "    --optimizer sgd --lr 0.01 --schedule one-cycle -o better.onnx --json\n"
        "redoubt model train net.onnx --data x.npy --labels y.npy --adversary-eps 0.3 \\\n"
        "    --adversary-steps 10 --adversary-ramp 2 -o hardened.onnx\n"
        "redoubt model train net.onnx --data x.npy --labels y.npy --dp-clip 1 --dp-noise 1.1 \\\n"
        "    -o private.onnx\n",
    .options = options,
    .options_size = sizeof(struct model_train),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
