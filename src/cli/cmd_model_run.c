/* cmd_model_run.c - redoubt model run: arrays in, arrays out. */
#include "cli/model_io.h"

#include "base/text.h"
#include "graph/portable.h"

#include <string.h>

struct model_run {
    struct rd_option_list input, output;
    const char *weights, *save_model;
};

static const struct rd_option options[] = {
    RD_LIST(struct model_run, input, "input", "[NAME=]FILE",
        "a .npy, or an .npz or .csv whose arrays or columns bear the inputs' names"),
    RD_LIST(struct model_run, output, "output", "[NAME=]FILE",
        "where outputs go, by name or in order: .npy, or .txt with one string a line"),
    RD_TEXT(struct model_run, weights, "weights", "", "FILE.safetensors",
        "weights in the place of the model's initializers, by name"),
    RD_TEXT(struct model_run, save_model, "save-model", "", "FILE.onnx",
        "where the model goes that was run, as ONNX"),
    RD_OPTION_END,
};

/* One float32 input in rows and one output: the fast door. */
static rd_status by_rows(struct rd_cli *cli, const struct rd_model *m, const struct rd_tensor *x,
    struct rd_tensor **output)
{
    int64_t dim[RD_MAX_DIMS] = { x->dim[0] };
    rd_status st;
    int n;

    memcpy(dim + 1, rd_net_output_dims(m->net, &n), (RD_MAX_DIMS - 1) * sizeof *dim);
    st = rd_tensor_new(cli->run.scratch, RD_F32, dim, n + 1, NULL, &output[0], cli->run.err);
    if (st)
        return st;
    return rd_net_forward(m->net, x->data, (size_t)x->dim[0], output[0]->data, cli->run.err);
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct model_run *o = opts;
    struct rd_arena *scratch = cli->run.scratch;
    struct rd_model m;
    const struct rd_graph *portable = NULL;
    const struct rd_tensor **input;
    struct rd_tensor **output;
    const char **name, *path[RD_OPTION_LIST_MAX];
    size_t index[RD_OPTION_LIST_MAX];
    char safe[80], shape[120];
    rd_status st = rd_model_open_with(cli, argv[0], o->weights, &m);

    if (!st && o->save_model && o->save_model[0])
        st = rd_graph_portable(m.graph, scratch, &portable, cli->run.err);
    if (!st && portable)
        st = rd_graph_save(portable, o->save_model, cli->run.err);

    (void)argc;
    if (st)
        return st;
    input = RD_NEW_ARRAY(scratch, const struct rd_tensor *, m.graph->n_inputs);
    output = RD_NEW_ARRAY(scratch, struct rd_tensor *, m.graph->n_outputs);
    name = RD_NEW_ARRAY(scratch, const char *, m.graph->n_outputs);
    if (!input || !output || !name)
        return rd_run_no_memory(&cli->run, "the arrays");
    for (size_t i = 0; i < m.graph->n_outputs; i++)
        name[i] = m.graph->value[m.graph->output[i]].name;
    st = rd_model_match(cli, "output", name, m.graph->n_outputs, &o->output, index, path);
    if (!st)
        st = rd_model_read_inputs(cli, &m, &o->input, m.graph->n_outputs == 1, input);
    if (!st)
        st = m.graph->n_outputs == 1 && rd_model_by_rows(&m, input[0])
                 ? by_rows(cli, &m, input[0], output)
                 : rd_net_run(m.net, input, m.graph->n_inputs, scratch, output, cli->run.err);
    if (st)
        return RD_WRAP(
            cli->run.err, st, "cannot run '%s'", rd_text_safe_in(safe, sizeof safe, argv[0]));
    for (size_t i = 0; i < o->output.n && !st; i++)
        st = rd_model_write(cli, path[i], name[index[i]], output[index[i]]);
    if (st)
        return st;
    rd_json_object(cli->result);
    rd_json_karray(cli->result, "outputs");
    for (size_t i = 0; i < m.graph->n_outputs; i++) {
        rd_model_put_tensor(cli->result, name[i], output[i]);
        (void)fprintf(cli->out, "%s: %s %s\n", rd_text_safe_in(safe, sizeof safe, name[i]),
            rd_dtype_name(output[i]->dtype),
            rd_shape_text(output[i]->dim, output[i]->ndim, shape, sizeof shape));
    }
    rd_json_end(cli->result);
    rd_json_end(cli->result);
    return RD_OK;
}

const struct rd_command rd_command_model_run = {
    .name = "model run",
    .summary = "run an ONNX model on arrays or a table",
    .synopsis = "MODEL.onnx --input [NAME=]X.npy|X.npz|X.csv ... [--output [NAME=]Y.npy|Y.txt ...]",
    .examples = "redoubt model run model.onnx --input x.npy --output scores.npy\n"
                "redoubt model run two.onnx --input left=a.npy --input right=b.npy --output y.npy\n"
                "redoubt model run forest.onnx --input people.csv --output label=labels.txt\n",
    .options = options,
    .options_size = sizeof(struct model_run),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
