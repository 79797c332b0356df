/*
 * sections - every key of redoubt.yaml, version 1, and where it lands
 * (docs/reference/redoubt-yaml.md).
 */
#include "system/fields.h"

const char *const rd_access_words[] = { "labels", "scores", "gradients", "text", "data", "files",
    NULL };

static const char *const provenance_words[] = { "default", "expert", "observed", "measured", NULL };
static const char *const trust_words[] = { "untrusted", "partner", "trusted", NULL };
static const char *const data_words[] = { "none", "proxy", "victim-like", NULL };
static const char *const artifact_words[] = { "model", "dataset", "training", "endpoint", "process",
    NULL };
static const char *const protocol_words[] = { "v2", "v1", "mlflow", "mlflow-split",
    "mlflow-records", "template", NULL };
static const char *const part_words[] = { "all", "train", "test", NULL };
static const char *const format_words[] = { "clicks", NULL };
static const char *const column_scale_words[] = { "none", "standard", "minmax", NULL };
static const char *const schedule_words[] = { "constant", "cosine", "one-cycle", NULL };
static const char *const optimizer_words[] = { "adam", "sgd", NULL };
static const char *const control_words[] = { "active", "proposed", "retired", NULL };
static const char *const measure_words[] = { "ale", "tvar", NULL };
static const char *const norm_words[] = { "linf", "l2", NULL };
static const char *const surrogate_words[] = { "none", "straight-through", NULL };
static const char *const manipulation_words[] = { "none", "digital", "printed", NULL };
static const char *const decision_words[] = { "accepted", "false-positive", NULL };

#define MONEY_MAX 1e15
#define COUNT_MAX 1e12

const char *rd_space_name(enum rd_space space)
{
    static const char *const names[RD_SPACES] = { "", "boundary", "element", "flow", "asset",
        "actor", "artifact", "control", "test", "scenario" };

    return names[space];
}

/* clang-format off */
#define AT(S, f) offsetof(struct S, f)
#define REQ .flags = RD_F_REQUIRED
#define ID_NAME(S) \
    { RD_F_ID, REQ, .key = "id", .offset = AT(S, id), .help = "how others refer to it" }, \
    { RD_F_TEXT, .key = "name", .offset = AT(S, name), .help = "for display; the id when left out" }
#define FIELD_END { .kind = RD_F_END }
/* A section whose items are structs of their own, and one whose keys land in the struct around it. */
#define ITEMS(nm, hlp, rows, S, ...) { .name = nm, .help = hlp, .fields = rows, .size = sizeof(struct S), .at = AT(S, at), __VA_ARGS__ }
#define PART_OF(nm, hlp, rows) { .name = nm, .help = hlp, .fields = rows, .at = RD_F_NONE }

static const struct rd_field uncertain[] = {
    { RD_F_REAL, REQ, .key = "low", .max = MONEY_MAX, .offset = AT(rd_uncertain, low), .help = "5 % quantile" },
    { RD_F_REAL, REQ, .key = "high", .max = MONEY_MAX, .offset = AT(rd_uncertain, high), .help = "95 % quantile" },
    { RD_F_ENUM, .key = "provenance", .preset = "default", .words = provenance_words, .offset = AT(rd_uncertain, provenance), .help = "where the number comes from" },
    { RD_F_TEXT, .key = "by", .offset = AT(rd_uncertain, by), .help = "name or role of who said so; required for expert" },
    { RD_F_DATE, .key = "date", .offset = AT(rd_uncertain, date), .help = "when; required for expert" },
    { RD_F_TEXT, .key = "source", .offset = AT(rd_uncertain, source), .help = "document, query or incident behind it" },
    FIELD_END,
};
const struct rd_section rd_section_uncertain = ITEMS("uncertain-number", "a range with its provenance", uncertain, rd_uncertain);

static const struct rd_field scope[] = {
    { RD_F_TEXT, REQ, .key = "owner", .offset = AT(rd_system, scope.owner), .help = "who answers for the system" },
    { RD_F_TEXT, REQ, .key = "authorization", .offset = AT(rd_system, scope.authorization), .help = "the ticket or letter that allows testing" },
    { RD_F_HOSTS, .key = "hosts", .offset = AT(rd_system, scope.hosts), .offset2 = AT(rd_system, scope.n_hosts), .help = "host or host:port of every endpoint that may be contacted" },
    { RD_F_REAL, .key = "max_requests_per_second", .min = 0.001, .max = 1e6, .unit = "1/s", .offset = AT(rd_system, scope.max_requests_per_second), .help = "ceiling on the rate of requests" },
    { RD_F_REAL, .key = "max_spend", .max = MONEY_MAX, .unit = "currency", .offset = AT(rd_system, scope.max_spend), .help = "ceiling on what queries may cost, from price_per_1000_queries" },
    FIELD_END,
};
static const struct rd_section scope_section = PART_OF("scope", "nothing outside it is ever contacted; required for endpoints and processes", scope);

static const struct rd_field boundary[] = {
    ID_NAME(rd_boundary),
    { RD_F_WORD, .key = "trust", .words = trust_words, .offset = AT(rd_boundary, trust), .help = "how far what is inside is trusted" },
    { RD_F_REF, .key = "inside", .space = RD_SPACE_BOUNDARY, .offset = AT(rd_boundary, inside), .help = "the boundary around it" },
    FIELD_END,
};
static const struct rd_section boundary_section = ITEMS("boundary", "a trust boundary", boundary, rd_boundary, .space = RD_SPACE_BOUNDARY);

static const struct rd_field element[] = {
    ID_NAME(rd_element),
    { RD_F_TYPE, REQ, .key = "type", .offset = AT(rd_element, type), .help = "what it is" },
    { RD_F_REF, .key = "boundary", .space = RD_SPACE_BOUNDARY, .offset = AT(rd_element, boundary), .help = "the innermost boundary it is in" },
    { RD_F_TEXT, .key = "owner", .offset = AT(rd_element, owner), .help = "who runs it" },
    { RD_F_PROPERTIES, .key = "properties", .offset = AT(rd_element, properties), .offset2 = AT(rd_element, type), .help = "facts, each of which may be unknown" },
    FIELD_END,
};
static const struct rd_section element_section = ITEMS("element", "one part of the system", element, rd_element, .space = RD_SPACE_ELEMENT);

static const struct rd_field flow[] = {
    ID_NAME(rd_flow),
    { RD_F_REF, REQ, .key = "from", .space = RD_SPACE_ELEMENT, .offset = AT(rd_flow, from), .help = "the element that sends" },
    { RD_F_REF, REQ, .key = "to", .space = RD_SPACE_ELEMENT, .offset = AT(rd_flow, to), .help = "the element that receives" },
    { RD_F_TEXTS, .key = "carries", .offset = AT(rd_flow, carries), .offset2 = AT(rd_flow, n_carries), .help = "what moves: images, labels, model, scores, ..." },
    { RD_F_TEXT, .key = "protocol", .offset = AT(rd_flow, protocol), .help = "https, grpc, s3, ..." },
    { RD_F_TRI, .key = "authenticated", .preset = "unknown", .offset = AT(rd_flow, authenticated), .help = "the receiver knows who sends" },
    { RD_F_TRI, .key = "encrypted", .preset = "unknown", .offset = AT(rd_flow, encrypted), .help = "nobody between can read or change it" },
    FIELD_END,
};
static const struct rd_section flow_section = ITEMS("flow", "data moving between two elements", flow, rd_flow, .space = RD_SPACE_FLOW);

static const struct rd_field asset[] = {
    ID_NAME(rd_asset),
    { RD_F_REF, .key = "of", .space = RD_SPACE_ELEMENT, .offset = AT(rd_asset, of), .help = "the element that holds it" },
    { RD_F_AMOUNT, .key = "value", .max = MONEY_MAX, .unit = "currency", .offset = AT(rd_asset, value), .help = "what losing it once costs; required when an expression uses it" },
    FIELD_END,
};
static const struct rd_section asset_section = ITEMS("asset", "what can be lost; its id is a number in expressions", asset, rd_asset, .space = RD_SPACE_ASSET);

static const struct rd_field actor[] = {
    ID_NAME(rd_actor),
    { RD_F_ACCESS, REQ, .key = "access", .words = rd_access_words, .offset = AT(rd_actor, access), .help = "what they hold; files implies gradients, scores and labels" },
    { RD_F_ENUM, .key = "data", .preset = "none", .words = data_words, .offset = AT(rd_actor, data), .help = "data they own before the first query" },
    { RD_F_TRI, .key = "labeled", .preset = "unknown", .offset = AT(rd_actor, labeled), .help = "they own labels for that data" },
    { RD_F_INT, .key = "keys", .preset = "1", .max = COUNT_MAX, .unit = "keys", .offset = AT(rd_actor, keys), .help = "accounts or API keys they can use" },
    { RD_F_INT, .key = "accounts", .preset = "0", .max = COUNT_MAX, .unit = "accounts", .offset = AT(rd_actor, accounts), .help = "accounts through which they can add training data; 0: nobody said" },
    { RD_F_AMOUNT, .key = "days", .max = 36500, .unit = "days", .offset = AT(rd_actor, days), .help = "length of one campaign" },
    { RD_F_AMOUNT, .key = "budget", .max = MONEY_MAX, .unit = "currency", .offset = AT(rd_actor, budget), .help = "money spent in one campaign" },
    { RD_F_AMOUNT, .key = "gain", .max = MONEY_MAX, .unit = "currency", .offset = AT(rd_actor, gain), .help = "what success is worth to them" },
    FIELD_END,
};
static const struct rd_section actor_section = ITEMS("actor", "who attacks", actor, rd_actor, .space = RD_SPACE_ACTOR);

static const struct rd_field optimizer[] = {
    { RD_F_WORD, REQ, .key = "name", .words = optimizer_words, .offset = AT(rd_artifact, optimizer), .help = "the rule that changes the weights" },
    { RD_F_REAL, .key = "lr", .preset = "0.001", .min = 1e-9, .max = 100, .offset = AT(rd_artifact, lr), .help = "learning rate" },
    { RD_F_REAL, .key = "momentum", .preset = "0", .max = 0.9999, .offset = AT(rd_artifact, momentum), .help = "of sgd" },
    { RD_F_REAL, .key = "weight_decay", .preset = "0", .max = 1, .offset = AT(rd_artifact, weight_decay), .help = "share of a weight taken away at each step, times lr" },
    FIELD_END,
};
static const struct rd_section optimizer_section = PART_OF("optimizer", "how the weights are changed", optimizer);

/* Keys that a recipe of a network needs, and one of a recommender does not have. */
#define NET_ONLY REQ, .unless = "recommender"
static const struct rd_field split[] = {
    { RD_F_ENUM, REQ, .key = "part", .words = part_words, .offset = AT(rd_artifact, split_part), .help = "which rows this artifact is" },
    { RD_F_REAL, .key = "share", .preset = "0.2", .min = 0.001, .max = 0.999, .offset = AT(rd_artifact, split_share), .help = "share of each class that is put aside for test" },
    { RD_F_INT, .key = "seed", .preset = "0", .max = 9007199254740991.0, .offset = AT(rd_artifact, split_seed), .help = "decides which rows; the same for both parts" },
    FIELD_END,
};
static const struct rd_section split_section = PART_OF("split", "which part of one file of examples this is", split);

static const struct rd_field adversary[] = {
    { RD_F_INT, REQ, .key = "steps", .min = 1, .max = 1000, .unit = "steps", .offset = AT(rd_artifact, adversary_steps), .help = "steps uphill for each batch" },
    { RD_F_REAL, REQ, .key = "eps", .min = 0, .max = 1e6, .unit = "input units", .offset = AT(rd_artifact, adversary_eps), .help = "radius of the Linf ball" },
    { RD_F_REAL, .key = "step_size", .preset = "0", .max = 1e6, .unit = "input units", .offset = AT(rd_artifact, adversary_step_size), .help = "of one step; 0: 2.5 eps / steps" },
    { RD_F_TRI, .key = "random_start", .preset = "unknown", .offset = AT(rd_artifact, adversary_random), .help = "begin anywhere in the ball; yes when left out" },
    { RD_F_REAL, .key = "ramp_epochs", .preset = "0", .max = 10000, .unit = "epochs", .offset = AT(rd_artifact, adversary_ramp), .help = "eps grows to itself over so many; 0: at once" },
    FIELD_END,
};
static const struct rd_section adversary_section = PART_OF("adversary", "training on inputs that were moved to be misclassified", adversary);

static const struct rd_field recommender[] = {
    { RD_F_INT, .key = "factors", .preset = "8", .min = 1, .max = 1024, .unit = "factors", .offset = AT(rd_artifact, factors), .help = "numbers that stand for a user or an item" },
    { RD_F_INT, .key = "epochs", .preset = "10", .min = 1, .max = 1000, .unit = "epochs", .offset = AT(rd_artifact, recommender_epochs), .help = "rounds of alternating least squares" },
    { RD_F_REAL, .key = "confidence", .preset = "5", .min = 1e-6, .max = 1e6, .offset = AT(rd_artifact, confidence), .help = "a click of weight w counts 1 + confidence w" },
    { RD_F_REAL, .key = "regularization", .preset = "20", .min = 1e-6, .max = 1e6, .offset = AT(rd_artifact, regularization), .help = "how much large numbers are held back" },
    FIELD_END,
};
static const struct rd_section recommender_section = PART_OF("recommender", "matrix factorization of clicks, in place of a network", recommender);

enum {
    MODEL = 1u << RD_ARTIFACT_MODEL,
    DATASET = 1u << RD_ARTIFACT_DATASET,
    TRAINING = 1u << RD_ARTIFACT_TRAINING,
    ENDPOINT = 1u << RD_ARTIFACT_ENDPOINT,
    PROCESS = 1u << RD_ARTIFACT_PROCESS,
    ASKED = ENDPOINT | PROCESS,   /* answers from elsewhere */
    TARGET = MODEL | ASKED,
};
static const struct rd_field artifact[] = {
    ID_NAME(rd_artifact),
    { RD_F_REF, REQ, .key = "of", .space = RD_SPACE_ELEMENT, .offset = AT(rd_artifact, of), .help = "the element it is the real thing of" },
    { RD_F_ENUM, REQ, .key = "kind", .words = artifact_words, .offset = AT(rd_artifact, kind), .help = "which of the keys below it has" },
    { RD_F_PATH, REQ, .unless = "trained_by", .variants = MODEL | DATASET, .key = "path", .offset = AT(rd_artifact, path), .help = "file of the model (.onnx) or of the examples (.npy, .npz, idx, .csv, a folder or zip of images)" },
    { RD_F_REF, .variants = MODEL, .key = "trained_by", .space = RD_SPACE_ARTIFACT, .offset = AT(rd_artifact, trained_by), .help = "a recipe: the model is what it makes, trained when it is needed, in place of a file" },
    { RD_F_URL, REQ, .variants = ENDPOINT, .key = "url", .offset = AT(rd_artifact, url), .help = "full address of inference; its host:port must be in scope.hosts" },
    { RD_F_TEXTS, REQ, .variants = PROCESS, .key = "command", .offset = AT(rd_artifact, command), .offset2 = AT(rd_artifact, n_command), .help = "program and its words; it reads and writes JSON lines" },
    { RD_F_WORD, .variants = ENDPOINT, .key = "protocol", .words = protocol_words, .offset = AT(rd_artifact, protocol), .help = "of the endpoint; told from the address when left out" },
    { RD_F_TEXT, .variants = ENDPOINT, .key = "request", .offset = AT(rd_artifact, request), .help = "protocol template: JSON text in which \"$rows\" stands for the rows" },
    { RD_F_TEXT, .variants = ENDPOINT, .key = "score_selector", .offset = AT(rd_artifact, score_selector), .help = "protocol template: where the scores stand in the answer" },
    { RD_F_TEXT, .variants = ENDPOINT, .key = "label_selector", .offset = AT(rd_artifact, label_selector), .help = "protocol template: where the labels stand in the answer" },
    { RD_F_TEXT, .variants = ENDPOINT, .key = "input", .offset = AT(rd_artifact, input), .help = "protocol v2: name of the input tensor; asked of the server when left out" },
    { RD_F_TEXT, .variants = ENDPOINT, .key = "output", .offset = AT(rd_artifact, output), .help = "name of the output tensor, member or column; the first that fits when left out" },
    { RD_F_TEXTS, .variants = ENDPOINT, .key = "headers", .offset = AT(rd_artifact, headers), .offset2 = AT(rd_artifact, n_headers), .help = "`Name: value` each; `$WORD` in a value is the environment variable of that name, which is never written anywhere" },
    { RD_F_INTS, .variants = ASKED, .key = "shape", .min = 1, .max = COUNT_MAX, .offset = AT(rd_artifact, shape), .offset2 = AT(rd_artifact, n_shape), .help = "of one example; the data's when left out" },
    { RD_F_INT, .variants = ASKED, .key = "classes", .preset = "0", .max = 1e6, .unit = "classes", .offset = AT(rd_artifact, classes), .help = "that it tells apart; found out from a first answer when left out" },
    { RD_F_TEXTS, .variants = ASKED, .key = "class_names", .offset = AT(rd_artifact, class_names), .offset2 = AT(rd_artifact, n_class_names), .help = "for answers in words, in the order of the classes; the data's when left out" },
    { RD_F_REAL, .variants = ASKED, .key = "timeout", .preset = "30", .min = 0.01, .max = 3600, .unit = "seconds", .offset = AT(rd_artifact, timeout), .help = "for one request" },
    { RD_F_INT, .variants = ASKED, .key = "concurrency", .preset = "4", .min = 1, .max = 64, .unit = "requests", .offset = AT(rd_artifact, concurrency), .help = "requests at once" },
    { RD_F_INT, .variants = ASKED, .key = "retries", .preset = "5", .min = 1, .max = 100, .unit = "retries", .offset = AT(rd_artifact, retries), .help = "of a request that was refused for now (429, 503, no connection)" },
    { RD_F_SHARE, .variants = TARGET, .key = "clean_accuracy", .max = 1, .offset = AT(rd_artifact, clean_accuracy), .help = "its accuracy on clean data, checked before each attack" },
    { RD_F_REAL, .variants = TARGET, .key = "price_per_1000_queries", .preset = "0", .max = MONEY_MAX, .unit = "currency", .offset = AT(rd_artifact, price_per_1000_queries), .help = "what a caller pays" },
    { RD_F_WORD, .variants = DATASET, .key = "format", .words = format_words, .offset = AT(rd_artifact, format), .help = "clicks: a table of user, item, weight and time for a recommender; else told from the content" },
    { RD_F_PATH, .variants = DATASET, .key = "labels", .offset = AT(rd_artifact, labels), .help = "file of the labels" },
    { RD_F_PATH, .variants = DATASET, .key = "index", .offset = AT(rd_artifact, index), .help = "file of row numbers: choice and order" },
    { RD_F_RANGE, .variants = DATASET, .key = "range", .max = COUNT_MAX, .offset = AT(rd_artifact, range), .offset2 = AT(rd_artifact, has_range), .help = "[first, behind last] positions of the index, or rows" },
    { RD_F_REAL, .variants = DATASET, .key = "scale", .preset = "1", .min = 1e-12, .max = 1e12, .offset = AT(rd_artifact, scale), .help = "every value is multiplied by it; a fraction such as 1/255 is fine" },
    { RD_F_PATH, .variants = DATASET, .key = "schema", .offset = AT(rd_artifact, schema), .help = "file that says what the columns of a table are; inferred when left out" },
    { RD_F_TEXT, .variants = DATASET, .key = "label_column", .offset = AT(rd_artifact, label_column), .help = "column of the labels, by name or number from 1; none: the table has none; found by name when left out" },
    { RD_F_TEXT, .variants = DATASET, .key = "contributor_column", .offset = AT(rd_artifact, contributor_column), .help = "column that says who a row came from, by name or number from 1" },
    { RD_F_WORD, .variants = DATASET, .key = "column_scale", .words = column_scale_words, .offset = AT(rd_artifact, column_scale), .help = "what is done with the numbers of a table; the schema's word when left out" },
    { RD_F_MAP, .variants = DATASET, .key = "split", .sub = &split_section, .offset2 = AT(rd_artifact, has_split), .help = "take one part of the rows only" },
    { RD_F_INTS, .variants = DATASET, .key = "resize", .min = 1, .max = 65536, .unit = "pixels", .offset = AT(rd_artifact, resize), .offset2 = AT(rd_artifact, n_resize), .help = "[height, width] that images are brought to" },
    { RD_F_REF, REQ, .variants = TRAINING, .key = "data", .space = RD_SPACE_ARTIFACT, .offset = AT(rd_artifact, data), .help = "the dataset it trains on" },
    { RD_F_PATH, NET_ONLY, .variants = TRAINING, .key = "graph", .offset = AT(rd_artifact, graph), .help = "file of the network (.onnx), its weights are re-initialized from the seed; or `built-in`: a small network that fits the data" },
    { RD_F_MAP, NET_ONLY, .variants = TRAINING, .key = "optimizer", .sub = &optimizer_section, .offset2 = RD_F_NONE, .help = "how the weights are changed" },
    { RD_F_INT, NET_ONLY, .variants = TRAINING, .key = "epochs", .min = 1, .max = 10000, .unit = "epochs", .offset = AT(rd_artifact, epochs), .help = "passes over the data" },
    { RD_F_INT, .variants = TRAINING | ASKED, .key = "batch", .preset = "64", .min = 1, .max = 65536, .unit = "examples", .offset = AT(rd_artifact, batch), .help = "examples a step of training, or rows in one request" },
    { RD_F_WORD, .variants = TRAINING, .key = "schedule", .preset = "cosine", .words = schedule_words, .offset = AT(rd_artifact, schedule), .help = "how the learning rate moves" },
    { RD_F_REAL, .variants = TRAINING, .key = "clip", .preset = "0", .max = 1e6, .offset = AT(rd_artifact, clip), .help = "DP-SGD: L2 norm that an example's gradient is clipped to; 0: off" },
    { RD_F_REAL, .variants = TRAINING, .key = "noise", .preset = "0", .max = 1e6, .offset = AT(rd_artifact, noise), .help = "DP-SGD: deviation of the noise, in units of clip" },
    { RD_F_MAP, .variants = TRAINING, .key = "adversary", .sub = &adversary_section, .offset2 = AT(rd_artifact, has_adversary), .help = "adversarial training" },
    { RD_F_MAP, .variants = TRAINING, .key = "recommender", .sub = &recommender_section, .offset2 = AT(rd_artifact, is_recommender), .help = "a recommender on a dataset of format clicks" },
    { RD_F_TRI, .variants = TRAINING, .key = "assumed", .preset = "no", .offset = AT(rd_artifact, assumed), .help = "yes: nobody declared this recipe; what is found is about it, not about the deployed weights" },
    FIELD_END,
};
static const struct rd_section artifact_section = ITEMS("artifact", "the real thing behind an element", artifact, rd_artifact, .space = RD_SPACE_ARTIFACT, .variant_key = "kind");

static const struct rd_field costs[] = {
    { RD_F_AMOUNT, .key = "license", .max = MONEY_MAX, .unit = "currency a year", .offset = AT(rd_control, cost_license), .help = "paid to a vendor" },
    { RD_F_AMOUNT, .key = "people", .max = MONEY_MAX, .unit = "currency a year", .offset = AT(rd_control, cost_people), .help = "work of those who run it" },
    { RD_F_AMOUNT, .key = "latency", .max = MONEY_MAX, .unit = "currency a year", .offset = AT(rd_control, cost_latency), .help = "what slower answers cost" },
    { RD_F_AMOUNT, .key = "false_blocks", .max = MONEY_MAX, .unit = "currency a year", .offset = AT(rd_control, cost_false_blocks), .help = "what it costs that honest users are turned away" },
    FIELD_END,
};
static const struct rd_section costs_section = PART_OF("costs", "what a control costs in a year beside cost_per_year", costs);

static const struct rd_field expects[] = {
    { RD_F_REF, REQ, .key = "scenario", .space = RD_SPACE_SCENARIO, .offset = AT(rd_expects, scenario), .help = "whose susceptibility it changes" },
    { RD_F_CHANCE, REQ, .key = "susceptibility", .max = 1, .offset = AT(rd_expects, susceptibility), .help = "chance that a campaign which meets the control becomes a loss, by an expert's word" },
    FIELD_END,
};
static const struct rd_section expects_section = ITEMS("expected-effect", "what an expert expects of a control where nothing was tried: an assumption, counted by roadmap --include-expected and with an active control", expects, rd_expects);

static const struct rd_field control[] = {
    ID_NAME(rd_control),
    { RD_F_CONTROL, REQ, .key = "kind", .offset = AT(rd_control, kind), .help = "a defense (swap-artifact, rounding, quota, ...) or a control that rules name (signing, egress-deny, ...)" },
    { RD_F_PART, REQ, .key = "at", .offset = AT(rd_control, at_element), .offset2 = AT(rd_control, at_flow), .help = "the element or flow it protects" },
    { RD_F_ENUM, REQ, .key = "state", .words = control_words, .offset = AT(rd_control, state), .help = "active: in place; proposed: its effect is measured; retired: ignored" },
    { RD_F_AMOUNT, .key = "cost_per_year", .preset = "0", .max = MONEY_MAX, .unit = "currency", .offset = AT(rd_control, cost_per_year), .help = "license, hardware and work" },
    { RD_F_SHARE, .key = "coverage", .preset = "1", .max = 1, .offset = AT(rd_control, coverage), .help = "share of the traffic it sees" },
    { RD_F_SHARE, .key = "uptime", .preset = "1", .max = 1, .offset = AT(rd_control, uptime), .help = "share of the time it works" },
    { RD_F_SET, .key = "set", .offset = AT(rd_control, set), .offset2 = AT(rd_control, kind), .space = RD_SPACE_CONTROL, .help = "options of the defense" },
    { RD_F_TEXT, .key = "owner", .offset = AT(rd_control, owner), .help = "who runs it" },
    { RD_F_REAL, .key = "effort_days", .max = 1e6, .unit = "days", .offset = AT(rd_control, effort_days), .help = "work to put it in place, once" },
    { RD_F_QUARTER, .key = "quarter", .offset = AT(rd_control, quarter), .help = "the earliest that it can be in place" },
    { RD_F_REFS, .key = "requires", .space = RD_SPACE_CONTROL, .offset = AT(rd_control, prerequisites), .help = "controls that must be in place before it" },
    { RD_F_MAP, .key = "costs", .sub = &costs_section, .offset2 = RD_F_NONE, .help = "what it costs in a year beside cost_per_year" },
    { RD_F_INT, .key = "retest_days", .preset = "90", .min = 1, .max = 36500, .unit = "days", .offset = AT(rd_control, retest_days), .help = "after it is in place, until its effect is measured again" },
    { RD_F_LIST, .key = "expects", .sub = &expects_section, .offset = AT(rd_control, expects), .offset2 = AT(rd_control, n_expects), .help = "what an expert expects of it on scenarios that nobody tried" },
    FIELD_END,
};
static const struct rd_section control_section = ITEMS("control", "what removes or weakens a threat", control, rd_control, .space = RD_SPACE_CONTROL);

static const struct rd_field test[] = {
    ID_NAME(rd_test_decl),
    { RD_F_THREAT, REQ, .key = "threat", .offset = AT(rd_test_decl, threat), .help = "the hypothesis: <rule>@<element or flow>" },
    { RD_F_ATTACK, REQ, .key = "attack", .offset = AT(rd_test_decl, attack), .help = "the attack that tries it (`redoubt attack list`)" },
    { RD_F_REF, .key = "actor", .space = RD_SPACE_ACTOR, .offset = AT(rd_test_decl, actor), .help = "whose access and budget it has" },
    { RD_F_REF, .key = "artifact", .space = RD_SPACE_ARTIFACT, .offset = AT(rd_test_decl, artifact), .help = "the model it attacks; may be left out when the element has one" },
    { RD_F_WORD, .key = "norm", .words = norm_words, .offset = AT(rd_test_decl, norm), .help = "of the ball an evasion stays in; the attack's first when left out" },
    { RD_F_WORD, .key = "surrogate", .words = surrogate_words, .offset = AT(rd_test_decl, surrogate), .help = "gradients through what has none (quantizers, rounding, sign): as if it were the identity; none when left out" },
    { RD_F_SHARE, .key = "criterion", .max = 1, .offset = AT(rd_test_decl, criterion), .help = "what counts as demonstrated; the rule's when left out" },
    { RD_F_INT, .key = "runs", .min = 1, .max = 1000, .unit = "runs", .offset = AT(rd_test_decl, runs), .help = "independent repetitions; the attack's when left out, 3 or more decide" },
    { RD_F_SET, .key = "set", .offset = AT(rd_test_decl, set), .offset2 = AT(rd_test_decl, attack), .space = RD_SPACE_TEST, .help = "options of the attack" },
    FIELD_END,
};
static const struct rd_section test_section = ITEMS("test", "one attack that tries a threat; without any, the rules' own are used", test, rd_test_decl, .space = RD_SPACE_TEST);

static const struct rd_field secondary[] = {
    { RD_F_CHANCE, REQ, .key = "probability", .max = 1, .offset = AT(rd_scenario, secondary_probability), .help = "that a loss event has this consequence" },
    { RD_F_AMOUNT, REQ, .key = "magnitude", .max = MONEY_MAX, .unit = "currency", .offset = AT(rd_scenario, secondary_magnitude), .help = "what it then costs" },
    FIELD_END,
};
static const struct rd_section secondary_section = PART_OF("secondary-loss", "fines, lawsuits, lost customers", secondary);

static const struct rd_field observed[] = {
    { RD_F_REAL, REQ, .unless = "losses", .key = "attempts", .max = COUNT_MAX, .unit = "campaigns", .offset = AT(rd_scenario, observed_attempts), .help = "campaigns that were noticed" },
    { RD_F_REAL, REQ, .key = "years", .min = 0.001, .max = 1000, .unit = "years", .offset = AT(rd_scenario, observed_years), .help = "how long anybody looked" },
    { RD_F_CHANCE, .key = "detection", .preset = "1", .max = 1, .offset = AT(rd_scenario, observed_detection), .help = "chance that a campaign is noticed" },
    { RD_F_REAL, .key = "losses", .max = COUNT_MAX, .unit = "losses", .offset = AT(rd_scenario, observed_losses), .help = "losses in that time: they update attempts and susceptibility together" },
    FIELD_END,
};
static const struct rd_section observed_section = PART_OF("observed", "what was counted: attempts update attempts_per_year, losses attempts and susceptibility together", observed);

static const struct rd_field scenario[] = {
    ID_NAME(rd_scenario),
    { RD_F_THREAT, REQ, .key = "threat", .offset = AT(rd_scenario, threat), .help = "what happens: <rule>@<element or flow>" },
    { RD_F_REF, REQ, .key = "actor", .space = RD_SPACE_ACTOR, .offset = AT(rd_scenario, actor), .help = "who does it" },
    { RD_F_AMOUNT, .key = "attempts_per_year", .preset = "1", .max = 1e6, .unit = "campaigns a year", .offset = AT(rd_scenario, attempts_per_year), .help = "campaigns of this actor; one a year is assumed when nobody says" },
    { RD_F_EXPR, REQ, .unless = "susceptibility", .key = "loss_when", .min = RD_EXPR_BOOL, .offset = AT(rd_scenario, loss_when), .offset2 = AT(rd_scenario, loss_when_at), .help = "when a campaign becomes a loss; with an expert's susceptibility it may be left out" },
    { RD_F_EXPR, .key = "magnitude", .min = RD_EXPR_NUMBER, .unit = "currency", .offset = AT(rd_scenario, magnitude), .offset2 = AT(rd_scenario, magnitude_at), .help = "what the loss costs; without it, or with an asset whose value is unknown, the break-even is told" },
    { RD_F_AMOUNT, .key = "per_loss", .max = MONEY_MAX, .unit = "currency", .offset = AT(rd_scenario, per_loss), .help = "what one loss costs on top of magnitude, drawn anew for each loss; magnitude may then be left out" },
    { RD_F_MAP, .key = "secondary", .sub = &secondary_section, .offset2 = AT(rd_scenario, has_secondary), .help = "a further loss that may follow" },
    { RD_F_ENUM, .key = "manipulation", .preset = "none", .words = manipulation_words, .offset = AT(rd_scenario, manipulation), .help = "how a norm-bounded change is reached in reality; none: robustness only, no money" },
    { RD_F_INT, .key = "objects", .min = 1, .max = COUNT_MAX, .unit = "objects", .offset = AT(rd_scenario, objects), .help = "what one campaign of evasion tries" },
    { RD_F_INT, .key = "queries_per_object", .min = 1, .max = COUNT_MAX, .unit = "queries", .offset = AT(rd_scenario, queries_per_object), .help = "how often it tries each" },
    { RD_F_AMOUNT, .key = "samples", .max = COUNT_MAX, .unit = "samples", .offset = AT(rd_scenario, samples), .help = "poisoning: training samples (of a recommender: accounts) that one campaign gets in; the actor's accounts when left out" },
    { RD_F_AMOUNT, .key = "decisions_per_day", .preset = "0", .max = COUNT_MAX, .unit = "decisions a day", .offset = AT(rd_scenario, decisions_per_day), .help = "poisoning: decisions that it can touch, such as those that carry the trigger" },
    { RD_F_AMOUNT, .key = "dwell_days", .preset = "0", .max = 36500, .unit = "days", .offset = AT(rd_scenario, dwell_days), .help = "poisoning: how long a poisoned model stays in use" },
    { RD_F_AMOUNT, .key = "candidates", .preset = "0", .max = COUNT_MAX, .unit = "records", .offset = AT(rd_scenario, candidates), .help = "inference: records that one campaign asks about" },
    { RD_F_CHANCE, .key = "prior", .preset = "0.5", .max = 1, .offset = AT(rd_scenario, prior), .help = "inference: share of members among the candidates" },
    { RD_F_MAP, .key = "observed", .sub = &observed_section, .offset2 = AT(rd_scenario, has_observed), .help = "campaigns and losses that were counted" },
    { RD_F_CHANCE, .key = "susceptibility", .max = 1, .offset = AT(rd_scenario, susceptibility), .help = "chance that a campaign becomes a loss, by an expert's word; used where nothing was tried, never called measured" },
    { RD_F_CHANCE, .key = "untried_stronger", .max = 1, .offset = AT(rd_scenario, stronger), .help = "chance that a stronger, untried attack succeeds where the tried one failed" },
    FIELD_END,
};
static const struct rd_section scenario_section = ITEMS("scenario", "threat x actor x loss event: what money is put on", scenario, rd_scenario, .space = RD_SPACE_SCENARIO);

static const struct rd_field appetite[] = {
    { RD_F_REAL, REQ, .key = "loss", .max = MONEY_MAX, .unit = "currency", .offset = AT(rd_appetite, loss), .help = "loss in one year" },
    { RD_F_SHARE, REQ, .key = "probability", .max = 1, .offset = AT(rd_appetite, probability), .help = "how likely so much or more may be" },
    FIELD_END,
};
static const struct rd_section appetite_section = ITEMS("appetite", "one point of the curve that losses should stay below", appetite, rd_appetite);

static const struct rd_field roadmap[] = {
    { RD_F_REAL, .key = "budget", .max = MONEY_MAX, .unit = "currency a year", .offset = AT(rd_system, roadmap_budget), .help = "for all proposed controls together, their cost in full; no limit when left out" },
    { RD_F_ENUM, .key = "measure", .preset = "ale", .words = measure_words, .offset = AT(rd_system, roadmap_tail), .help = "what is brought down: the expected loss of a year, or the mean of its worst 5 %" },
    { RD_F_QUARTER, .key = "start", .offset = AT(rd_system, roadmap_start), .help = "the first quarter in which work can be done" },
    { RD_F_REAL, .key = "days_per_quarter", .min = 0.01, .max = 1e6, .unit = "days", .offset = AT(rd_system, roadmap_days_per_quarter), .help = "effort that one quarter has room for; no limit when left out" },
    FIELD_END,
};
static const struct rd_section roadmap_section = PART_OF("roadmap", "which proposed controls, in what order, for which money", roadmap);

static const struct rd_field risk[] = {
    { RD_F_LIST, .key = "scenarios", .sub = &scenario_section, .offset = AT(rd_system, scenarios), .offset2 = AT(rd_system, n_scenarios), .help = "what can happen" },
    { RD_F_LIST, .key = "appetite", .sub = &appetite_section, .offset = AT(rd_system, appetite), .offset2 = AT(rd_system, n_appetite), .help = "what may happen; larger losses with smaller probabilities" },
    { RD_F_AMOUNT, .key = "accuracy_point_per_year", .max = MONEY_MAX, .unit = "currency", .offset = AT(rd_system, accuracy_point_per_year), .help = "what one percentage point of a model's accuracy is worth in a year; what a control takes of it is part of its cost" },
    { RD_F_MAP, .key = "roadmap", .sub = &roadmap_section, .offset2 = RD_F_NONE, .help = "budget and pace of the proposed controls" },
    FIELD_END,
};
static const struct rd_section risk_section = PART_OF("risk", "what is put money on, and how much is too much", risk);

static const struct rd_field decision[] = {
    { RD_F_THREAT, REQ, .key = "threat", .offset = AT(rd_decision, threat), .help = "<rule>@<element or flow>" },
    { RD_F_WORD, REQ, .key = "decision", .words = decision_words, .offset = AT(rd_decision, decision), .help = "what was decided" },
    { RD_F_TEXT, REQ, .key = "by", .offset = AT(rd_decision, by), .help = "name or role" },
    { RD_F_TEXT, REQ, .key = "why", .offset = AT(rd_decision, why), .help = "the reason" },
    { RD_F_DATE, .key = "until", .offset = AT(rd_decision, until), .help = "last day it holds" },
    { RD_F_TEXT, .key = "ticket", .offset = AT(rd_decision, ticket), .help = "where it is tracked" },
    FIELD_END,
};
static const struct rd_section decision_section = ITEMS("decision", "what people decided about a threat", decision, rd_decision);

#define TOP(the_key, S, list, text) \
    { RD_F_LIST, .key = the_key, .sub = &S, .offset = AT(rd_system, list), .offset2 = AT(rd_system, n_##list), .help = text }
static const struct rd_field file[] = {
    { RD_F_VERSION, REQ, .key = "version", .offset = AT(rd_system, version), .help = "of this format" },
    { RD_F_TEXT, .key = "name", .preset = "unnamed system", .offset = AT(rd_system, name), .help = "title of reports" },
    { RD_F_CURRENCY, .key = "currency", .preset = "USD", .offset = AT(rd_system, currency), .help = "of every amount of money, three letters" },
    { RD_F_MAP, .key = "scope", .sub = &scope_section, .offset2 = AT(rd_system, scope.given), .help = "what may be contacted, and who allowed it" },
    TOP("boundaries", boundary_section, boundaries, "trust boundaries"),
    TOP("elements", element_section, elements, "what the system is made of"),
    TOP("flows", flow_section, flows, "what moves between elements"),
    TOP("assets", asset_section, assets, "what can be lost"),
    TOP("actors", actor_section, actors, "who attacks"),
    TOP("artifacts", artifact_section, artifacts, "the real things behind elements"),
    TOP("controls", control_section, controls, "what removes or weakens threats"),
    TOP("tests", test_section, tests, "which attacks to run; without it, those that the rules name"),
    { RD_F_MAP, .key = "risk", .sub = &risk_section, .offset2 = RD_F_NONE, .help = "scenarios and appetite" },
    TOP("states", decision_section, decisions, "what people decided about threats"),
    FIELD_END,
};
/* clang-format on */

const struct rd_section rd_section_file = { "system", "a machine-learning system under threat",
    file, sizeof(struct rd_system), RD_F_NONE, RD_SPACE_NONE, NULL };
