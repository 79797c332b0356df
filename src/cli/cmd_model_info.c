/* cmd_model_info.c - redoubt model info: what a model takes, gives, holds and costs. */
#include "cli/model_io.h"

#include "base/text.h"
#include "graph/op.h"

#include <stdlib.h>
#include <string.h>

static const struct rd_option options[] = { RD_OPTION_END };

enum { SHOWN = 80 };

struct tally {
    const char *domain, *op;
    size_t n;
};

static int by_name(const void *a, const void *b)
{
    const struct tally *x = a, *y = b;
    const int order = strcmp(x->domain, y->domain);

    return order ? order : strcmp(x->op, y->op);
}

/* Nodes by operator, sorted; *n_out entries in scratch. NULL: memory. */
static struct tally *operators(struct rd_cli *cli, const struct rd_graph *g, size_t *n_out)
{
    struct tally *t = RD_NEW_ARRAY(cli->run.scratch, struct tally, g->n_nodes);
    size_t n = 0;

    for (size_t i = 0; t && i < g->n_nodes; i++)
        t[i] = (struct tally){ g->node[i].domain, g->node[i].op, 1 };
    if (t && g->n_nodes)
        qsort(t, g->n_nodes, sizeof *t, by_name);
    for (size_t i = 0; t && i < g->n_nodes; i++) {
        if (n && !by_name(&t[n - 1], &t[i]))
            t[n - 1].n++;
        else
            t[n++] = t[i];
    }
    *n_out = n;
    return t;
}

static size_t parameters(const struct rd_graph *g)
{
    size_t n = 0;

    for (size_t v = 0; v < g->n_values; v++)
        if (g->value[v].weight && g->value[v].producer < 0 &&
            (RD_T(g->value[v].dtype) & RD_T_FLOAT))
            n += rd_tensor_count(g->value[v].weight);
    return n;
}

static void put_values(
    struct rd_cli *cli, const char *key, const struct rd_graph *g, const int *list, size_t n)
{
    char text[300], safe[SHOWN];

    rd_json_karray(cli->result, key);
    for (size_t i = 0; i < n; i++) {
        const struct rd_graph_value *v = &g->value[list[i]];

        rd_json_object(cli->result);
        rd_json_ktext(cli->result, "name", v->name);
        rd_json_ktext(cli->result, "dtype", v->dtype ? rd_dtype_name(v->dtype) : NULL);
        rd_model_put_shape(cli->result, "shape", v);
        rd_json_end(cli->result);
        (void)fprintf(cli->out, "%-16s %s: %s\n", i ? "" : key,
            rd_text_safe_in(safe, sizeof safe, v->name), rd_model_type_text(v, text, sizeof text));
    }
    rd_json_end(cli->result);
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    struct rd_error why = { .status = RD_OK };
    struct rd_model m;
    struct tally *ops;
    const struct rd_graph *g;
    const char *no_gradient;
    char digest[RD_ERROR_TEXT], safe[SHOWN];
    double flops;
    size_t n_ops;
    rd_status st = rd_model_open(cli, argv[0], &m);

    (void)opts;
    (void)argc;
    if (st)
        return st;
    g = m.graph;
    st = rd_graph_digest(g, digest, cli->run.err);
    if (st)
        return st;
    ops = operators(cli, g, &n_ops);
    if (!ops)
        return rd_run_no_memory(&cli->run, "the operators");
    no_gradient = rd_net_not_differentiable(m.net);

    rd_json_object(cli->result);
    rd_json_ktext(cli->result, "digest", digest);
    rd_json_kint(cli->result, "ir_version", g->ir_version);
    rd_json_ktext(cli->result, "producer", g->producer_name);
    rd_json_karray(cli->result, "opsets");
    (void)fprintf(cli->out, "%-16s IR %lld", "format", (long long)g->ir_version);
    for (size_t i = 0; i < g->n_imports; i++) {
        const char *domain = g->import[i].domain[0] ? g->import[i].domain : "ai.onnx";

        rd_json_object(cli->result);
        rd_json_ktext(cli->result, "domain", domain);
        rd_json_kint(cli->result, "version", g->import[i].version);
        rd_json_end(cli->result);
        (void)fprintf(cli->out, ", %s %lld", rd_text_safe_in(safe, sizeof safe, domain),
            (long long)g->import[i].version);
    }
    rd_json_end(cli->result);
    if (g->producer_name[0])
        (void)fprintf(cli->out, ", by %s", rd_text_safe_in(safe, sizeof safe, g->producer_name));
    (void)fputc('\n', cli->out);
    put_values(cli, "inputs", g, g->input, g->n_inputs);
    put_values(cli, "outputs", g, g->output, g->n_outputs);

    rd_json_kint(cli->result, "nodes", (int64_t)g->n_nodes);
    rd_json_karray(cli->result, "operators");
    (void)fprintf(cli->out, "%-16s %zu:", "nodes", g->n_nodes);
    for (size_t i = 0; i < n_ops; i++) {
        rd_json_object(cli->result);
        rd_json_ktext(cli->result, "domain", ops[i].domain[0] ? ops[i].domain : "ai.onnx");
        rd_json_ktext(cli->result, "operator", ops[i].op);
        rd_json_kint(cli->result, "nodes", (int64_t)ops[i].n);
        rd_json_end(cli->result);
        (void)fprintf(cli->out, "%s %s %zu", i ? "," : "",
            rd_text_safe_in(safe, sizeof safe, ops[i].op), ops[i].n);
    }
    rd_json_end(cli->result);
    (void)fputc('\n', cli->out);

    rd_json_kint(cli->result, "parameters", (int64_t)parameters(g));
    (void)fprintf(cli->out, "%-16s %zu\n", "parameters", parameters(g));
    rd_json_key(cli->result, "flops_per_example");
    if (rd_graph_flops(g, 1, &flops, &why)) {
        rd_json_null(cli->result);
        rd_json_ktext(cli->result, "flops_per_example_reason", why.frame[0].text);
        (void)fprintf(cli->out, "%-16s unknown: %s\n", "flops/example", why.frame[0].text);
    } else {
        rd_json_real(cli->result, flops);
        (void)fprintf(cli->out, "%-16s %.4g\n", "flops/example", flops);
    }
    rd_json_kbool(cli->result, "differentiable", !no_gradient);
    rd_json_ktext(cli->result, "differentiable_reason", no_gradient);
    (void)fprintf(cli->out, "%-16s %s%s\n", "differentiable", no_gradient ? "no: " : "yes",
        no_gradient ? no_gradient : "");
    rd_json_kbool(cli->result, "ends_in_softmax", rd_net_ends_in_softmax(m.net));
    if (rd_net_ends_in_softmax(m.net))
        (void)fprintf(cli->out,
            "%-16s the first output ends in Softmax: probabilities, not logits\n", "note");
    rd_json_end(cli->result);
    return RD_OK;
}

const struct rd_command rd_command_model_info = {
    .name = "model info",
    .summary = "show what an ONNX model takes, gives, holds and costs",
    .synopsis = "MODEL.onnx",
    .examples = "redoubt model info model.onnx\n"
                "redoubt model info model.onnx --json\n",
    .options = options,
    .options_size = 0,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
