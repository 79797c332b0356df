/*
 * element_types - what a system may be made of, and what one may say about each part.
 *
 * In the order of a model's life: people, data, training, registry, inference, watching, then the
 * parts of language-model applications. A property without words takes yes, no or unknown; one with
 * words takes those or unknown; {"*"} takes any text, {"#"} a number that is not negative. The
 * rules of catalog/ read them by name.
 */
#include "system/system.h"

#include <string.h>

static const char *const exposure[] = { "internet", "partner", "internal", NULL };
static const char *const data_class[] = { "public", "internal", "confidential", "personal", NULL };
static const char *const authentication[] = { "none", "api-key", "password", "oauth", "mtls", "iam",
    NULL };
static const char *const returns[] = { "labels", "top-k", "scores", "logits", "text", NULL };
static const char *const format[] = { "onnx", "safetensors", "gguf", "savedmodel", "hdf5",
    "torchscript", "pickle", "joblib", NULL };
static const char *const criticality[] = { "low", "medium", "high", NULL };
static const char *const hosting[] = { "own", "provider", NULL };
static const char *const side_effects[] = { "none", "reads", "writes", "money", NULL };
static const char *const number[] = { "#", NULL };

/* clang-format off */
#define EXPOSURE { "exposure", "from where it can be reached", exposure }
#define DATA_CLASS { "data_class", "the most sensitive data it holds or sees", data_class }
#define AUTHENTICATION { "authentication", "how callers prove who they are", authentication }
#define ACCESS_CONTROL { "access_control", "only named roles can read and write it", NULL }
#define AUDIT_LOG { "audit_log", "changes are logged with who and when", NULL }
#define ENCRYPTED { "encrypted_at_rest", "what it stores is encrypted", NULL }
#define VERSIONED { "versioned", "older states are kept and can be restored", NULL }
#define RATE_LIMIT { "rate_limit", "requests per caller and time are limited", NULL }
#define REQUEST_LOG { "request_log", "each request is logged with caller, time and answer", NULL }
#define PINNED { "pinned_dependencies", "packages are pinned by digest", NULL }
#define ISOLATED { "isolated", "it runs in a sandbox or network of its own", NULL }
#define EGRESS { "internet_egress", "it can open connections to the Internet", NULL }
#define SECRETS { "secrets_in_environment", "long-lived secrets lie in its environment or files", NULL }
#define FORMAT { "format", "file format of the model", format }
#define SIGNED { "signed", "each artifact carries a signature", NULL }
#define SCANNED { "scanned", "files are scanned for code before use", NULL }
#define PROVENANCE { "provenance", "the origin of each item is recorded", NULL }
#define GOLD { "gold_questions", "items with known answers are mixed in", NULL }
#define OVERLAP { "overlap_voting", "several people label each item, the majority counts", NULL }
#define INPUT_VALIDATION { "input_validation", "type, size and value range of inputs are checked", NULL }
#define SCREENED { "screened", "samples are screened for poison before training", NULL }
#define RETURNS { "returns", "what an answer holds", returns }
#define COST_LIMIT { "cost_limit", "size and computing time of one request have a ceiling", NULL }
#define SPEND_LIMIT { "spend_limit", "spending per user and day has a ceiling", NULL }
#define PROMPT_SECRET { "secret_in_prompt", "the system prompt holds something that must not leak", NULL }
#define REPLICATED { "replicated", "a second copy takes over when it fails", NULL }
#define END { NULL, NULL, NULL }

static const struct rd_property_type annotator[] = {
    { "identity_verified", "who they are has been checked", NULL },
    { "paid_per_item", "they earn by the number of items", NULL },
    GOLD, OVERLAP, END
};
static const struct rd_property_type end_user[] = {
    { "identity_verified", "who they are has been checked", NULL },
    { "anonymous", "they need no account", NULL }, END
};
static const struct rd_property_type supplier[] = {
    { "contract", "a contract names security duties", NULL },
    { "signs_deliveries", "what it delivers carries its signature", NULL },
    { "announces_changes", "new versions are announced before they are live", NULL }, END
};
static const struct rd_property_type ingestion_api[] = {
    EXPOSURE, AUTHENTICATION, RATE_LIMIT, INPUT_VALIDATION, REQUEST_LOG, DATA_CLASS,
    { "screened", "new data is screened for outliers and duplicates before it is stored", NULL }, END
};
static const struct rd_property_type labeling_tool[] = {
    EXPOSURE, AUTHENTICATION, GOLD, OVERLAP, AUDIT_LOG, DATA_CLASS, END
};
static const struct rd_property_type data_store[] = {
    EXPOSURE, ACCESS_CONTROL, AUDIT_LOG, ENCRYPTED, VERSIONED, DATA_CLASS, PROVENANCE, REPLICATED, END
};
static const struct rd_property_type training_data[] = {
    PROVENANCE, SIGNED, ACCESS_CONTROL, AUDIT_LOG, ENCRYPTED, VERSIONED, DATA_CLASS,
    SCREENED,
    { "consent", "the people in the data agreed to this use", NULL }, END
};
static const struct rd_property_type feature_store[] = {
    EXPOSURE, PROVENANCE, ACCESS_CONTROL, AUDIT_LOG, VERSIONED, DATA_CLASS,
    SCREENED, REPLICATED,
    { "point_in_time", "training reads features as they were at the time", NULL }, END
};
static const struct rd_property_type data_pipeline[] = {
    PINNED, ISOLATED, EGRESS, SECRETS, AUDIT_LOG, DATA_CLASS,
    { "schema_checked", "its output is checked against a schema", NULL }, SCREENED, REPLICATED, END
};
static const struct rd_property_type training_job[] = {
    EGRESS, ISOLATED, PINNED, SECRETS, AUDIT_LOG, DATA_CLASS,
    { "reproducible", "code, data and seed of each run are recorded", NULL },
    { "verifies_data", "signatures of the data are checked before training", NULL },
    { "differential_privacy", "gradients are clipped and noised with a stated budget", NULL },
    { "adversarial_training", "it trains on adversarial examples too", NULL }, END
};
static const struct rd_property_type notebook[] = {
    EXPOSURE, AUTHENTICATION, EGRESS, ISOLATED, PINNED, SECRETS, DATA_CLASS,
    { "production_data", "it can read production data", NULL }, END
};
static const struct rd_property_type pretrained_model[] = {
    FORMAT, SIGNED, SCANNED,
    { "digest_pinned", "it is loaded by digest, not by name", NULL },
    { "publisher_known", "the publisher is known and checked", NULL }, END
};
static const struct rd_property_type model_registry[] = {
    EXPOSURE, AUTHENTICATION, ACCESS_CONTROL, AUDIT_LOG, VERSIONED, ENCRYPTED, FORMAT, SIGNED, SCANNED, REPLICATED,
    { "approval", "a second person approves each promotion", NULL }, END
};
static const struct rd_property_type model_artifact[] = {
    FORMAT, SIGNED, SCANNED, ACCESS_CONTROL, ENCRYPTED, VERSIONED, END
};
static const struct rd_property_type ci_pipeline[] = {
    EXPOSURE, AUTHENTICATION, EGRESS, ISOLATED, PINNED, SECRETS, AUDIT_LOG,
    { "signed_builds", "what it builds carries a signature and provenance", NULL },
    { "outside_changes", "changes from outside run in it without review", NULL }, END
};
static const struct rd_property_type inference_api[] = {
    EXPOSURE, AUTHENTICATION, RATE_LIMIT, REQUEST_LOG, INPUT_VALIDATION, DATA_CLASS, FORMAT,
    RETURNS,
    { "score_digits", "decimal places of returned scores", number },
    { "quota", "queries per key and day have a ceiling", NULL },
    COST_LIMIT,
    { "drift_monitored", "inputs and outputs are watched for drift", NULL },
    { "extraction_monitored", "queries are watched for the marks of a theft", NULL },
    { "verifies_signature", "the model's signature is checked before it is loaded", NULL },
    REPLICATED,
    { "adversarially_trained", "its model was hardened against adversarial examples", NULL },
    { "explanations", "it returns explanations or gradients", NULL }, END
};
static const struct rd_property_type batch_inference[] = {
    { "exposure", "from where its inputs come and to where its answers go", exposure },
    RATE_LIMIT, REQUEST_LOG, INPUT_VALIDATION, ISOLATED, EGRESS, DATA_CLASS, FORMAT,
    RETURNS, COST_LIMIT,
    { "drift_monitored", "inputs and outputs are watched for drift", NULL },
    { "verifies_signature", "the model's signature is checked before it is loaded", NULL }, END
};
static const struct rd_property_type edge_device[] = {
    EXPOSURE, ENCRYPTED, FORMAT, DATA_CLASS, RATE_LIMIT,
    { "attested", "the device proves what it runs", NULL },
    { "debug_locked", "debug ports are closed", NULL },
    { "verifies_signature", "the model's signature is checked before it is loaded", NULL },
    { "rollback_protected", "older versions of its model and firmware are refused", NULL }, END
};
static const struct rd_property_type gateway[] = {
    EXPOSURE, AUTHENTICATION, RATE_LIMIT, REQUEST_LOG, INPUT_VALIDATION,
    { "quota", "queries per key and day have a ceiling", NULL }, END
};
static const struct rd_property_type downstream_system[] = {
    EXPOSURE, AUTHENTICATION, DATA_CLASS,
    { "criticality", "how much depends on its decisions", criticality },
    { "human_review", "a person looks at decisions before they act", NULL },
    { "fallback", "it works without the model's answer", NULL },
    { "decisions_per_day", "decisions it takes from the model's answers", number }, END
};
static const struct rd_property_type monitoring[] = {
    ACCESS_CONTROL, DATA_CLASS,
    { "drift", "it compares inputs and outputs with those of training", NULL },
    { "accuracy_tracked", "it compares answers with labels that come later", NULL },
    { "queries_watched", "it looks for the marks of a theft or of probing", NULL },
    { "alerts", "somebody is called when it finds something", NULL }, END
};
static const struct rd_property_type log_store[] = {
    ACCESS_CONTROL, ENCRYPTED, DATA_CLASS,
    { "append_only", "entries can be neither changed nor deleted", NULL },
    { "retention_days", "for how long entries are kept", number }, END
};
static const struct rd_property_type vector_store[] = {
    EXPOSURE, ACCESS_CONTROL, AUDIT_LOG, ENCRYPTED, PROVENANCE, DATA_CLASS,
    { "source_allow_list", "only documents of listed sources are indexed", NULL },
    { "per_tenant", "each tenant has an index of its own", NULL }, END
};
static const struct rd_property_type llm[] = {
    EXPOSURE, AUTHENTICATION, RATE_LIMIT, REQUEST_LOG, DATA_CLASS, FORMAT,
    { "hosting", "who runs it", hosting },
    { "fine_tuned", "it was fine-tuned on own data", NULL },
    { "guardrails", "prompts and answers pass a filter", NULL },
    SPEND_LIMIT, PROMPT_SECRET, END
};
static const struct rd_property_type llm_application[] = {
    EXPOSURE, AUTHENTICATION, RATE_LIMIT, REQUEST_LOG, DATA_CLASS,
    { "untrusted_content", "documents or pages of others get into the prompt", NULL },
    { "input_filter", "prompts are checked for injection", NULL },
    { "output_filter", "answers are checked before they are shown or run", NULL },
    { "renders_markup", "answers are rendered as HTML or Markdown", NULL },
    SPEND_LIMIT, PROMPT_SECRET, END
};
static const struct rd_property_type agent[] = {
    EXPOSURE, ISOLATED, EGRESS, SECRETS, AUDIT_LOG, DATA_CLASS,
    { "tool_allow_list", "it may call listed tools only", NULL },
    { "human_approval", "a person approves actions with effects", NULL },
    { "long_term_memory", "what it reads today can steer it tomorrow", NULL },
    { "step_limit", "steps and spending of one task have a ceiling", NULL }, END
};
static const struct rd_property_type agent_tool[] = {
    EXPOSURE, AUTHENTICATION, ISOLATED, EGRESS, AUDIT_LOG, DATA_CLASS,
    { "side_effects", "what a call can change", side_effects },
    { "argument_schema", "arguments are checked against a schema", NULL },
    { "least_privilege", "it acts with the rights of the user it acts for", NULL },
    { "manifest_pinned", "its description is pinned by digest", NULL }, END
};

const struct rd_element_type rd_element_types[] = {
    { "annotator", "a person or crowd that labels data", "external", annotator },
    { "end-user", "a person who uses the product", "external", end_user },
    { "supplier", "a third party that delivers data, models or packages", "external", supplier },
    { "ingestion-api", "an entry for new data", "process", ingestion_api },
    { "labeling-tool", "where labels are given and merged", "process", labeling_tool },
    { "data-store", "files or tables in general", "store", data_store },
    { "training-data", "the data that a model learns from", "store", training_data },
    { "feature-store", "computed features for training and inference", "store", feature_store },
    { "data-pipeline", "a job that cleans, joins or converts data", "process", data_pipeline },
    { "training-job", "the job that makes a model", "process", training_job },
    { "notebook", "an interactive workbench", "process", notebook },
    { "pretrained-model", "a model that somebody else trained", "store", pretrained_model },
    { "model-registry", "where models are kept and promoted", "store", model_registry },
    { "model-artifact", "one model file on its way", "store", model_artifact },
    { "ci-pipeline", "what builds and deploys", "process", ci_pipeline },
    { "inference-api", "an endpoint that answers with a model's output", "process", inference_api },
    { "batch-inference", "a job that applies a model to stored data", "process", batch_inference },
    { "edge-device", "a device of a customer that runs the model", "process", edge_device },
    { "gateway", "a proxy in front of endpoints", "process", gateway },
    { "downstream-system", "a system that acts on a model's answers", "process", downstream_system },
    { "monitoring", "what watches data, model and service", "process", monitoring },
    { "log-store", "where logs are kept", "store", log_store },
    { "vector-store", "embedded documents for retrieval", "store", vector_store },
    { "llm", "a large language model", "process", llm },
    { "llm-application", "an application that prompts a language model", "process", llm_application },
    { "agent", "a language model that chooses actions by itself", "process", agent },
    { "agent-tool", "something that an agent can call", "process", agent_tool },
    { NULL, NULL, NULL, NULL },
};
/* clang-format on */

const struct rd_element_type *rd_element_type_find(const char *name)
{
    for (const struct rd_element_type *t = rd_element_types; t->name; t++) {
        if (strcmp(t->name, name) == 0)
            return t;
    }
    return NULL;
}

const struct rd_property_type *rd_property_type_find(
    const struct rd_element_type *type, const char *name)
{
    for (const struct rd_property_type *p = type->properties; p->name; p++) {
        if (strcmp(p->name, name) == 0)
            return p;
    }
    return NULL;
}
