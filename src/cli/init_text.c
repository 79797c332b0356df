/*
 * init_text.c - redoubt.yaml about a model that the user brought.
 *
 * Everything that was measured is stated, everything that somebody said is written down, and the
 * rest is `unknown`: no guess of ours looks like a fact of theirs.
 */
#include "cli/init_from.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A YAML string in double quotes, whatever is in it. */
static void quoted(struct rd_buf *out, const char *text)
{
    rd_buf_putc(out, '"');
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p == '"' || *p == '\\')
            rd_buf_printf(out, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7f)
            rd_buf_printf(out, "\\x%02x", *p);
        else
            rd_buf_putc(out, (char)*p);
    rd_buf_putc(out, '"');
}

static const char *answer(const struct rd_subject *s, enum rd_answer a)
{
    return s->answer[a] ? s->answer[a] : "unknown";
}

static bool said(const struct rd_subject *s, enum rd_answer a)
{
    return strcmp(answer(s, a), "unknown") != 0;
}

/* yes and no are strings there. */
static const char *flag(const struct rd_subject *s, enum rd_answer a)
{
    const char *v = answer(s, a);

    return !strcmp(v, "yes") ? "\"yes\"" : !strcmp(v, "no") ? "\"no\"" : "unknown";
}

static const char *target_id(const struct rd_subject *s)
{
    return s->kind == RD_FROM_FILE ? "model" : "served";
}

static void put_head(const struct rd_subject *s, struct rd_buf *out)
{
    rd_buf_printf(out,
        "# A system made from what was given to `redoubt init --from`.\n"
        "#\n"
        "# The model answers %zu of %zu evaluation rows rightly (%.1f %%; its largest class alone "
        "would give %.1f %%).\n",
        s->n_right, s->eval_set.n, 100 * s->accuracy, 100 * s->majority);
    if (s->read_as)
        rd_buf_printf(out, "# The data as it stands gives %.1f %%; so it is read otherwise: %s.\n",
            100 * s->accuracy_as_is, s->read_as);
    rd_buf_puts(out,
        "#\n"
        "# What nobody said is `unknown`; each threat says which of these would decide it. Money "
        "is "
        "optional: without it the\n"
        "# report ranks relatively and gives break-even values. `redoubt schema --reference` lists "
        "every key.\n"
        "version: 1\nname: ");
    quoted(out, answer(s, RD_ASK_NAME));
    rd_buf_puts(out, "\ncurrency: USD\n");
    if (s->kind == RD_FROM_FILE)
        return;
    rd_buf_puts(out,
        "\n# Nothing outside these hosts is ever contacted. Who allowed the test is yours to say.\n"
        "scope:\n  owner: unknown\n  authorization: unknown\n  hosts: [");
    for (size_t i = 0; i < s->o->hosts.n; i++) {
        rd_buf_puts(out, i ? ", " : "");
        quoted(out, s->o->hosts.item[i]);
    }
    rd_buf_puts(out, "]\n  max_requests_per_second: 200\n  max_spend: 50\n");
}

static void put_elements(const struct rd_subject *s, struct rd_buf *out)
{
    const char *sources = answer(s, RD_ASK_SOURCES);
    const char *trust = !strcmp(sources, "public")    ? ", trust: untrusted"
                        : !strcmp(sources, "partner") ? ", trust: partner"
                        : !strcmp(sources, "own")     ? ", trust: trusted"
                                                      : "";
    const char *format = s->kind == RD_FROM_FILE ? "onnx" : "unknown";

    rd_buf_printf(out,
        "\n# Boundaries: where trust changes.\n"
        "boundaries:\n"
        "  - {id: outside, name: Where callers are, trust: untrusted}\n"
        "  - {id: origin, name: Where the training data comes from%s}\n"
        "  - {id: service, name: The service}\n"
        "  - {id: training, name: Where models are trained}\n",
        trust);
    rd_buf_printf(out,
        "\n# Elements: what the system is made of. `redoubt check` lists the properties that are "
        "still unknown.\n"
        "elements:\n"
        "  - {id: client, name: Callers, type: end-user, boundary: outside, properties: "
        "{identity_verified: unknown, anonymous: unknown}}\n"
        "  - id: inference-api\n"
        "    name: The model as it is called\n"
        "    type: inference-api\n"
        "    boundary: service\n"
        "    properties:\n"
        "      exposure: %s\n"
        "      authentication: %s\n"
        "      returns: %s\n"
        "      rate_limit: %s\n"
        "      quota: unknown\n"
        "      cost_limit: unknown\n"
        "      request_log: unknown\n"
        "      input_validation: unknown\n"
        "      drift_monitored: unknown\n"
        "      verifies_signature: unknown\n"
        "      format: %s\n"
        "      data_class: %s\n",
        answer(s, RD_ASK_EXPOSURE), answer(s, RD_ASK_AUTHENTICATION), answer(s, RD_ASK_RETURNS),
        flag(s, RD_ASK_RATE_LIMIT), format, answer(s, RD_ASK_DATA_CLASS));
    rd_buf_printf(out,
        "  - {id: registry, name: Where model files lie, type: model-registry, boundary: service, "
        "properties: {format: %s, signed: unknown, access_control: unknown, approval: unknown}}\n"
        "  - {id: sources, name: Who delivers and labels training data, type: %s, boundary: "
        "origin}\n"
        "  - {id: training-data, name: Training data, type: training-data, boundary: training, "
        "properties: {provenance: unknown, signed: unknown, screened: unknown, data_class: %s}}\n"
        "  - {id: training-job, name: Training job, type: training-job, boundary: training, "
        "properties: {internet_egress: unknown, isolated: unknown, pinned_dependencies: unknown, "
        "differential_privacy: unknown}}\n"
        "  - {id: decisions, name: What acts on the answers, type: downstream-system, boundary: "
        "service, properties: {criticality: unknown, human_review: unknown, decisions_per_day: "
        "%s}}\n",
        format, strcmp(sources, "own") != 0 ? "annotator" : "supplier",
        answer(s, RD_ASK_DATA_CLASS), answer(s, RD_ASK_DECISIONS));
    rd_buf_puts(out,
        "\n# Flows: what moves between elements.\n"
        "flows:\n"
        "  - {id: collect, from: sources, to: training-data, carries: [examples, labels]}\n"
        "  - {id: fit, from: training-data, to: training-job, carries: [examples, labels]}\n"
        "  - {id: publish, from: training-job, to: registry, carries: [model]}\n"
        "  - {id: deploy, from: registry, to: inference-api, carries: [model]}\n"
        "  - {id: ask, from: client, to: inference-api, carries: [examples]}\n"
        "  - {id: answer, from: inference-api, to: client, carries: [scores]}\n"
        "  - {id: act, from: inference-api, to: decisions, carries: [labels]}\n");
}

static void put_people(const struct rd_subject *s, struct rd_buf *out)
{
    const bool scores = !said(s, RD_ASK_RETURNS) || strcmp(answer(s, RD_ASK_RETURNS), "labels");

    rd_buf_puts(out, "\n# Assets: what can be lost, once, in money. `unknown` is fine.\nassets:\n");
    rd_buf_printf(out,
        "  - {id: model-copy, name: A copy of the model in foreign hands, of: "
        "inference-api, value: %s}\n",
        answer(s, RD_ASK_COPY));
    rd_buf_printf(out,
        "  - {id: wrong-decision, name: One decision that an attacker turned, of: "
        "decisions, value: %s}\n",
        answer(s, RD_ASK_WRONG));
    rd_buf_printf(out,
        "  - {id: disclosure, name: One person found to be in the training data, of: "
        "training-data, value: unknown}\n");
    rd_buf_printf(out,
        "\n# Actors: who attacks, and what they hold. `files` implies gradients, scores and "
        "labels.\n"
        "actors:\n"
        "  - {id: outsider, name: A caller, access: [%s], data: proxy, labeled: \"no\"}\n"
        "  - {id: insider, name: Somebody who can read the model file, access: [files], data: "
        "victim-like, labeled: \"yes\"}\n"
        "  - {id: contributor, name: Somebody whose data is trained on, access: [data], data: "
        "proxy, labeled: \"yes\"}\n",
        scores ? "labels, scores" : "labels");
}

static void put_dataset(const struct rd_subject *s, struct rd_buf *out, const char *id,
    const char *of, const char *why, const struct rd_from_part *part)
{
    char number[32];

    rd_buf_printf(
        out, "  # %s\n  - id: %s\n    of: %s\n    kind: dataset\n    path: ", why, id, of);
    quoted(out, s->data_path);
    if (s->labels_path) {
        rd_buf_puts(out, "\n    labels: ");
        quoted(out, s->labels_path);
    }
    if (s->schema_path)
        rd_buf_printf(out, "\n    schema: %s", s->schema_path);
    if (!s->converted && s->source.label_column) {
        rd_buf_puts(out, "\n    label_column: ");
        quoted(out, s->source.label_column);
    }
    if (!s->converted && s->source.contributor_column) {
        rd_buf_puts(out, "\n    contributor_column: ");
        quoted(out, s->source.contributor_column);
    }
    if (!s->converted && s->source.scale != 1)
        rd_buf_printf(out, "\n    scale: %s",
            fabs(s->source.scale * 255 - 1) < 1e-6 ? "1/255"
                                                   : rd_text_from_double(s->source.scale, number));
    rd_buf_printf(out, "\n    index: split.npy\n    range: [%zu, %zu]\n", part->from, part->to);
}

static void put_recipe(const struct rd_subject *s, struct rd_buf *out)
{
    char number[32];

    if (!s->has_recipe) {
        rd_buf_puts(out, "  # No training recipe, so poisoning and membership stay untried: ");
        rd_text_safe(out, s->why_no_recipe, strlen(s->why_no_recipe));
        rd_buf_puts(out, ".\n");
        return;
    }
    rd_buf_printf(out,
        "  # Nobody said how the model was trained: this recipe is assumed. Networks trained by it "
        "are right on %.1f %% of the\n"
        "  # evaluation rows. What poisoning and inference find is about this recipe, not about "
        "the "
        "weights in use; write your own\n"
        "  # here and leave `assumed` out.\n"
        "  - id: recipe\n    of: training-job\n    kind: training\n    data: training-rows\n    "
        "graph: ",
        100 * s->recipe_accuracy);
    quoted(out, s->model_path);
    rd_buf_printf(out,
        "\n    optimizer: {name: adam, lr: %s}\n    epochs: %zu\n    batch: %zu\n    assumed: "
        "\"yes\"\n",
        rd_text_from_double(s->how.lr, number), s->how.epochs, s->how.batch);
}

static void put_artifacts(const struct rd_subject *s, struct rd_buf *out)
{
    rd_buf_puts(out,
        "\n# Artifacts: the real things behind elements. Paths are relative to this file.\n"
        "artifacts:\n");
    rd_buf_printf(out, "  - id: %s\n    of: inference-api\n", target_id(s));
    if (s->kind == RD_FROM_FILE) {
        rd_buf_puts(out, "    kind: model\n    path: ");
        quoted(out, s->model_path);
    } else if (s->kind == RD_FROM_ENDPOINT) {
        rd_buf_puts(out, "    kind: endpoint\n    url: ");
        quoted(out, s->o->from);
        if (s->o->protocol)
            rd_buf_printf(out, "\n    protocol: %s", s->o->protocol);
        rd_buf_printf(out, "\n    classes: %zu", s->target->classes);
    } else {
        rd_buf_puts(out, "    kind: process\n    command: [");
        for (size_t i = 0; s->command[i]; i++) {
            rd_buf_puts(out, i ? ", " : "");
            quoted(out, s->command[i]);
        }
        rd_buf_printf(out, "]\n    classes: %zu", s->target->classes);
    }
    rd_buf_printf(out, "\n    clean_accuracy: %.4f     # measured by init on the evaluation rows\n",
        s->accuracy);
    if (s->kind != RD_FROM_FILE)
        rd_buf_puts(out, "    price_per_1000_queries: 0  # what a caller pays\n");
    put_dataset(s, out, "evaluation-rows", "inference-api",
        "every attack is judged on these, and no attack sees them before", &s->eval);
    put_dataset(s, out, "attacker-rows", "client", "like what an outsider owns: a thief asks these",
        &s->pool);
    if (s->has_recipe)
        put_dataset(s, out, "training-rows", "training-data",
            "victims of poisoning and of membership inference are trained on these", &s->train);
    put_recipe(s, out);
}

static void put_controls(const struct rd_subject *s, struct rd_buf *out)
{
    rd_buf_puts(out,
        "\n# Controls: `proposed` ones are measured: the same attack is run again with the control "
        "on.\n"
        "controls:\n"
        "  - {id: round-scores, name: Round scores to one digit, kind: rounding, at: "
        "inference-api, "
        "state: proposed, set: {digits: 1}}\n"
        "  - {id: labels-only, name: Return the label alone, kind: label-only, at: inference-api, "
        "state: proposed}\n");
    (void)s;
}

static int rising(const void *a, const void *b)
{
    const double p = *(const double *)a, q = *(const double *)b;

    return (p > q) - (p < q);
}

/* Median over the inputs of their standard deviation; those that never change are left out. */
static double typical_deviation(const struct rd_subject *s)
{
    const struct rd_dataset *d = &s->eval_set;
    double *v = RD_NEW_ARRAY(s->cli->run.scratch, double, d->width);
    size_t n = 0;

    for (size_t k = 0; v && k < d->width; k++) {
        double sum = 0, squares = 0, variance;

        for (size_t i = 0; i < d->n; i++) {
            const double x = (double)d->x[i * d->width + k];

            sum += x;
            squares += x * x;
        }
        variance = squares / (double)d->n - sum / (double)d->n * (sum / (double)d->n);
        if (variance > 0)
            v[n++] = sqrt(variance);
    }
    if (n)
        qsort(v, n, sizeof *v, rising);
    return n ? v[n / 2] : 1;
}

/* Radius of a change that is hard to notice: the usual one for images, else a quarter of the
 * deviation of a typical input. */
static double eps_of(const struct rd_subject *s)
{
    const struct rd_dataset *d = &s->eval_set;

    if (d->ndim >= 2 && d->low >= 0 && d->high <= 1)
        return 8 / 255.0;
    if (d->ndim >= 2 && d->low >= 0 && d->high <= 255)
        return 8;
    return 0.25 * typical_deviation(s);
}

static void put_evasion(const struct rd_subject *s, struct rd_buf *out)
{
    const double eps = eps_of(s);
    char number[32];
    const char *text = eps == 8 / 255.0 ? "8/255"
                                        : rd_text_from_double(
                                              round(eps * 1e4) / 1e4 + 1e-4 * (eps < 5e-5), number);

    if (s->target->access & RD_ACCESS_GRADIENTS)
        rd_buf_printf(out,
            "  - {id: fool, name: Change each value by at most %s, threat: evasion@inference-api, "
            "actor: insider, artifact: %s, attack: pgd, criterion: 0.5, set: {eps: %s, steps: "
            "40}}\n",
            text, target_id(s), text);
    else
        rd_buf_printf(out,
            "  - {id: fool, name: Find a close input that is misread from labels alone, threat: "
            "evasion@inference-api, actor: outsider, artifact: %s, attack: hop-skip-jump, norm: "
            "linf, criterion: 0.5, set: {eps: %s, queries: 300}}\n",
            target_id(s), text);
}

static void put_training_tests(const struct rd_subject *s, struct rd_buf *out)
{
    const size_t others = s->train_set.n / 2; /* half of the rows are no members */

    if (!s->has_recipe)
        return;
    if (s->train_set.ndim >= 2)
        rd_buf_puts(out,
            "  - {id: backdoor, name: A mark that means class 0, threat: "
            "poisoned-crowd-data@training-data, actor: contributor, artifact: recipe, attack: "
            "backdoor, criterion: 0.5, runs: 3, set: {rate: 0.03, target: 0}}\n");
    else
        rd_buf_puts(out,
            "  - {id: mislabel, name: One label in ten is wrong, threat: "
            "poisoned-crowd-data@training-data, actor: contributor, artifact: recipe, attack: "
            "label-flip, criterion: 0.02, runs: 5, set: {mode: loss, rate: 0.1}}\n");
    if (3 * s->work * (double)s->train_set.n * (double)s->how.epochs > 4e11)
        rd_buf_puts(out, /* shadow networks would take hours */
            "  # lira would say more; it trains 16 networks for each victim\n"
            "  - {id: member, name: \"Was this row trained on?\", threat: "
            "membership-inference@inference-api, actor: outsider, artifact: recipe, attack: "
            "membership-loss, criterion: 0.1, runs: 3}\n");
    else
        rd_buf_printf(out,
            "  - {id: member, name: \"Was this row trained on?\", threat: "
            "membership-inference@inference-api, actor: outsider, artifact: recipe, attack: lira, "
            "criterion: 0.1, runs: 3, set: {shadows: 16, fpr: %s}}\n",
            others >= 1000  ? "0.01"
            : others >= 200 ? "0.05"
                            : "0.1");
}

static void put_tests(const struct rd_subject *s, struct rd_buf *out)
{
    const size_t pool = s->pool.to - s->pool.from;

    rd_buf_puts(out,
        "\n# Tests: which attack tries which threat. Without this section, those that the rules "
        "name are run.\n"
        "tests:\n");
    put_evasion(s, out);
    rd_buf_printf(out,
        "  - {id: steal, name: Train a copy on the answers, threat: "
        "model-extraction@inference-api, "
        "actor: outsider, artifact: %s, attack: copycat, criterion: 0.8, runs: 3, set: {queries: "
        "%zu}}\n",
        target_id(s), pool < 2000 ? pool : (size_t)2000);
    put_training_tests(s, out);
}

static void put_risk(const struct rd_subject *s, struct rd_buf *out)
{
    const char *often = "attempts_per_year: {low: 0.2, high: 4, provenance: default}";

    rd_buf_puts(out,
        "\n# Risk: what money is put on. Amounts that are unknown are reported as break-even "
        "values. Say how often somebody\n"
        "# tries (`attempts_per_year`), when that is a loss, and how large.\n"
        "risk:\n  scenarios:\n");
    rd_buf_printf(out,
        "    - {id: copied, name: A copy of the model is used or sold, threat: "
        "model-extraction@inference-api, actor: outsider, %s, loss_when: \"utility >= 0.8\", "
        "magnitude: \"model-copy\"}\n",
        often);
    rd_buf_printf(out,
        "    - {id: fooled, name: Inputs changed so that decisions go wrong, threat: "
        "evasion@inference-api, actor: %s, manipulation: digital, objects: 20, "
        "queries_per_object: %d, %s, loss_when: \"successes >= 5\", magnitude: \"successes * "
        "wrong-decision\"}\n",
        s->target->access & RD_ACCESS_GRADIENTS ? "insider" : "outsider",
        s->target->access & RD_ACCESS_GRADIENTS ? 40 : 300, often);
    if (!s->has_recipe)
        return;
    if (s->train_set.ndim >= 2)
        rd_buf_printf(out,
            "    - {id: poisoned, name: Decisions turned by a mark that training data taught, "
            "threat: poisoned-crowd-data@training-data, actor: contributor, %s, samples: %zu, "
            "decisions_per_day: 1, dwell_days: 90, loss_when: \"asr >= 0.5\", magnitude: \"asr * "
            "decisions * wrong-decision\"}\n",
            often, (size_t)lround(0.03 * (double)s->train_set.n));
    else
        rd_buf_printf(out,
            "    - {id: poisoned, name: A model worn down by wrong labels, threat: "
            "poisoned-crowd-data@training-data, actor: contributor, %s, samples: %zu, "
            "decisions_per_day: 10, dwell_days: 90, loss_when: \"drop >= 0.02\", magnitude: "
            "\"drop * decisions * wrong-decision\"}\n",
            often, (size_t)lround(0.1 * (double)s->train_set.n));
    rd_buf_printf(out,
        "    - {id: disclosed, name: People recognized as part of the training data, threat: "
        "membership-inference@inference-api, actor: outsider, %s, candidates: 100, prior: 0.1, "
        "loss_when: \"ppv >= 0.5\", magnitude: \"disclosed * disclosure\"}\n",
        often);
}

void rd_from_text(const struct rd_subject *s, struct rd_buf *out)
{
    put_head(s, out);
    put_elements(s, out);
    put_people(s, out);
    put_artifacts(s, out);
    put_controls(s, out);
    put_tests(s, out);
    put_risk(s, out);
}
