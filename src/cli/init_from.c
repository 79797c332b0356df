/*
 * init_from.c - `redoubt init --from MODEL --data FILE DIR`, step by step.
 *
 * What is it, can it be asked, is it right on this data and how must the data be read for that;
 * then the split, a recipe, at most ten questions, and the file. Nothing is written before the
 * model has been seen to be right, and redoubt.yaml comes last.
 */
#include "cli/init_from.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/load.h"
#include "graph/graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- what was given --- */

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);

    return n >= m && !strcmp(text + n - m, end);
}

/* A word that names a file here, as it is named from anywhere: the process is started elsewhere. */
static const char *from_anywhere(struct rd_arena *arena, const char *word)
{
    char *full = word[0] != '/' && rd_file_exists(word) ? realpath(word, NULL) : NULL;
    const char *kept = full ? rd_arena_strdup(arena, full) : word;

    free(full);
    return kept;
}

/* A command's words, by spaces: no shell ever sees it. */
static rd_status split_command(struct rd_subject *s)
{
    char *text = rd_arena_strdup(s->cli->run.scratch, s->o->from), *rest = NULL;
    const size_t most = strlen(s->o->from) / 2 + 2;
    size_t n = 0;

    s->command = RD_NEW_ARRAY(s->cli->run.scratch, const char *, most);
    if (!text || !s->command)
        return rd_run_no_memory(&s->cli->run, "a command");
    for (char *word = strtok_r(text, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest))
        if (!(s->command[n++] = from_anywhere(s->cli->run.scratch, word)))
            return rd_run_no_memory(&s->cli->run, "a command");
    return n ? RD_OK : RD_FAIL(s->cli->run.err, RD_E_USAGE, "--from is empty");
}

static rd_status tell_kind(struct rd_subject *s)
{
    const char *from = s->o->from;

    if (rd_target_is_url(from)) {
        s->kind = RD_FROM_ENDPOINT;
        return RD_OK;
    }
    if (ends_with(from, ".onnx") || (rd_file_exists(from) && access(from, X_OK) != 0)) {
        s->kind = RD_FROM_FILE;
        return RD_OK;
    }
    s->kind = RD_FROM_PROCESS;
    return split_command(s);
}

/* --- questions --- */

struct question {
    enum rd_answer what;
    const char *text;
    const char *const *words; /* NULL: a name; numbers: an amount of money or a count */
};

static const char *const exposure_words[] = { "internet", "partner", "internal", NULL };
static const char *const authentication_words[] = { "none", "api-key", "password", "oauth", "mtls",
    "iam", NULL };
static const char *const returns_words[] = { "labels", "top-k", "scores", "logits", NULL };
static const char *const yes_no[] = { "yes", "no", NULL };
static const char *const sources_words[] = { "public", "partner", "own", NULL };
static const char *const class_words[] = { "public", "internal", "confidential", "personal", NULL };
static const char *const numbers[] = { "number", NULL };

static const struct question questions[] = {
    { RD_ASK_NAME, "What is the system called?", NULL },
    { RD_ASK_EXPOSURE, "From where can the model be asked?", exposure_words },
    { RD_ASK_AUTHENTICATION, "How do callers prove who they are?", authentication_words },
    { RD_ASK_RETURNS, "What do callers get back?", returns_words },
    { RD_ASK_RATE_LIMIT, "Are requests per caller limited?", yes_no },
    { RD_ASK_SOURCES, "Who delivers training data: the public, partners, or your own people?",
        sources_words },
    { RD_ASK_DATA_CLASS, "How sensitive is the data?", class_words },
    { RD_ASK_COPY, "What would a stolen copy cost you, in USD?", numbers },
    { RD_ASK_WRONG, "What does one decision turned by an attacker cost, in USD?", numbers },
    { RD_ASK_DECISIONS, "How many decisions a day rest on the model?", numbers },
};
_Static_assert(sizeof questions / sizeof *questions <= 10, "at most ten questions");

static bool is_legal(const struct question *q, const char *text)
{
    double v;

    if (!q->words)
        return true;
    if (q->words == numbers)
        return rd_text_to_double(text, false, &v) && v >= 0 && v <= 1e12;
    for (size_t i = 0; q->words[i]; i++)
        if (!strcmp(q->words[i], text))
            return true;
    return false;
}

static void print_question(const struct rd_subject *s, const struct question *q)
{
    FILE *out = stderr; /* stdout carries the result */

    (void)s;
    (void)fprintf(out, "%s", q->text);
    if (q->words && q->words != numbers) {
        (void)fprintf(out, " (");
        for (size_t i = 0; q->words[i]; i++)
            (void)fprintf(out, "%s%s", i ? ", " : "", q->words[i]);
        (void)fprintf(out, ")");
    }
}

/* An empty answer is the default; the end of the input leaves the rest at theirs. */
static rd_status ask(struct rd_subject *s, const struct question *q, bool *ended)
{
    const char *preset = s->answer[q->what] ? s->answer[q->what] : "unknown";
    char line[256], safe[300];

    for (;;) {
        size_t n;

        print_question(s, q);
        (void)fprintf(stderr, " [%s] ", rd_text_safe_in(safe, sizeof safe, preset));
        (void)fflush(stderr);
        if (!fgets(line, sizeof line, stdin)) {
            *ended = true;
            (void)fputc('\n', stderr);
            return RD_OK;
        }
        n = strcspn(line, "\r\n");
        line[n] = 0;
        if (!n || !strcmp(line, "unknown"))
            return RD_OK;
        if (is_legal(q, line) && rd_text_is_utf8(line, n, NULL))
            break;
        (void)fprintf(stderr, "  that is none of these; an empty line means %s\n", safe);
    }
    s->answer[q->what] = rd_arena_strdup(s->cli->run.scratch, line);
    return s->answer[q->what] ? RD_OK : rd_run_no_memory(&s->cli->run, "an answer");
}

static rd_status ask_all(struct rd_subject *s)
{
    const char *base = strrchr(s->dir, '/');
    bool ended = false;
    rd_status st = RD_OK;

    s->answer[RD_ASK_NAME] = base && base[1] ? base + 1 : s->dir;
    if (s->o->yes || s->cli->json || s->cli->log_json || !isatty(STDIN_FILENO) ||
        !isatty(STDERR_FILENO))
        return RD_OK;
    for (size_t i = 0; !st && !ended && i < sizeof questions / sizeof *questions; i++)
        st = ask(s, &questions[i], &ended);
    return st;
}

/* --- files --- */

static rd_status write_model(struct rd_subject *s)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_graph *graph = NULL;
    struct rd_bytes bytes = { 0 };
    const char *to;
    rd_status st;

    if (s->kind != RD_FROM_FILE)
        return RD_OK;
    st = rd_graph_load(s->o->from, NULL, &scratch, &graph, s->cli->run.err);
    if (!st)
        st = rd_file_map(s->o->from, (size_t)1 << 40, &scratch, &bytes, s->cli->run.err);
    if (!st && graph->file_bytes > bytes.size) { /* its weights lie in further files: make it one */
        s->model_path = "model.onnx";
        to = rd_path_join(&scratch, s->dir, s->model_path);
        st = to ? rd_graph_save(graph, to, s->cli->run.err)
                : rd_run_no_memory(&s->cli->run, "a path");
    } else if (!st) {
        st = rd_from_copy(s, s->o->from, "model.onnx", &s->model_path);
    }
    rd_arena_release(&scratch);
    return st;
}

static rd_status write_text(struct rd_subject *s, const char *path)
{
    struct rd_buf out = { 0 };
    rd_status st;

    rd_from_text(s, &out);
    st = out.failed ? rd_run_no_memory(&s->cli->run, "redoubt.yaml")
                    : rd_file_write(path, out.text, out.len, 0644, s->cli->run.err);
    rd_buf_release(&out);
    return st;
}

/* --- the three answers that would change the ranking most --- */

enum { WISHES = 64, SHOWN = 3 };
struct wish {
    const char *what;
    double weight;
};

static void wish_for(struct wish *w, size_t *n, const char *what, double weight)
{
    for (size_t i = 0; i < *n; i++)
        if (!strcmp(w[i].what, what)) {
            w[i].weight += weight;
            return;
        }
    if (*n < WISHES)
        w[(*n)++] = (struct wish){ what, weight };
}

/* Is there a test of this threat? */
static bool is_tried(const struct rd_system *s, const char *threat)
{
    for (size_t i = 0; i < s->n_tests; i++)
        if (!strcmp(s->tests[i].threat, threat))
            return true;
    return false;
}

/*
 * A property that is missing weighs as much as the threats that it would decide, by their severity,
 * and those that can be tried three times as much. Money ranks everything that was tried: without
 * any, its two amounts weigh more than a property that decides one high threat.
 */
static rd_status three_answers(struct rd_subject *s, const char *path, const char *top[SHOWN])
{
    static const double weight[] = { 1, 3, 9, 27 };
    const struct rd_load_options options = { .allow_outside = true };
    struct rd_loaded loaded;
    struct wish w[WISHES];
    size_t n = 0;
    rd_status st = rd_cli_load(s->cli, path, &options, &loaded);

    if (st)
        return st;
    if (!s->answer[RD_ASK_COPY])
        wish_for(w, &n, "assets: what a copy of the model is worth (model-copy)", 14);
    if (!s->answer[RD_ASK_WRONG])
        wish_for(w, &n, "assets: what one wrong decision costs (wrong-decision)", 16);
    for (size_t i = 0; i < loaded.threats.n; i++) {
        const struct rd_threat *t = &loaded.threats.item[i];

        const double tried = is_tried(loaded.system, t->id) ? 3 : 1;

        for (size_t k = 0; t->applicability == RD_APPLIES_UNKNOWN && k < t->n_missing; k++)
            wish_for(w, &n, t->missing[k], tried * weight[t->severity] / (double)t->n_missing);
    }
    for (size_t k = 0; k < SHOWN; k++) {
        struct wish *best = NULL;

        for (size_t i = 0; i < n; i++)
            if (w[i].weight > 0 && (!best || w[i].weight > best->weight))
                best = &w[i];
        top[k] = best ? best->what : NULL;
        if (best)
            best->weight = 0;
    }
    return RD_OK;
}

/* --- the report --- */

static const char *kind_name(enum rd_from_kind k)
{
    return k == RD_FROM_FILE ? "model" : k == RD_FROM_ENDPOINT ? "endpoint" : "process";
}

static void put_json(const struct rd_subject *s, const char *const top[SHOWN])
{
    struct rd_json *j = s->cli->result;

    rd_json_object(j);
    rd_json_ktext(j, "from", kind_name(s->kind));
    rd_json_kint(j, "inputs", (int64_t)s->target->inputs);
    rd_json_kint(j, "classes", (int64_t)s->target->classes);
    rd_json_kreal(j, "clean_accuracy", s->accuracy);
    rd_json_kreal(j, "accuracy_as_read_first", s->accuracy_as_is);
    rd_json_ktext(j, "read_as", s->read_as ? s->read_as : "as it stands");
    rd_json_kint(j, "repeated_rows_left_out", (int64_t)s->n_repeated);
    rd_json_kint(j, "evaluation_rows", (int64_t)(s->eval.to - s->eval.from));
    rd_json_kint(j, "attacker_rows", (int64_t)(s->pool.to - s->pool.from));
    rd_json_kint(j, "training_rows", (int64_t)(s->train.to - s->train.from));
    rd_json_key(j, "recipe");
    if (s->has_recipe) {
        rd_json_object(j);
        rd_json_kint(j, "epochs", (int64_t)s->how.epochs);
        rd_json_kreal(j, "learning_rate", s->how.lr);
        rd_json_kreal(j, "accuracy", s->recipe_accuracy);
        rd_json_end(j);
    } else {
        rd_json_null(j);
        rd_json_ktext(j, "recipe_reason", s->why_no_recipe);
    }
    rd_json_key(j, "answers_that_matter_most");
    rd_json_array(j);
    for (size_t i = 0; i < SHOWN && top[i]; i++)
        rd_json_text(j, top[i]);
    rd_json_end(j);
    rd_json_end(j);
}

static void put_text(const struct rd_subject *s, const char *path, const char *const top[SHOWN])
{
    FILE *out = s->cli->out;
    char safe[400];

    (void)fprintf(out, "%s: right on %zu of %zu evaluation rows (%.1f %%)\n",
        rd_text_safe_in(safe, sizeof safe, path), s->n_right, s->eval_set.n, 100 * s->accuracy);
    if (s->read_as)
        (void)fprintf(out, "  data: as it stands %.1f %%, so: %s\n", 100 * s->accuracy_as_is,
            rd_text_safe_in(safe, sizeof safe, s->read_as));
    (void)fprintf(out, "  split: %zu to judge, %zu for a thief, %zu to train victims",
        s->eval.to - s->eval.from, s->pool.to - s->pool.from, s->train.to - s->train.from);
    (void)fprintf(out, s->n_repeated ? "; %zu repeated rows left out\n" : "\n", s->n_repeated);
    if (s->has_recipe)
        (void)fprintf(out,
            "  recipe (assumed): the model's graph trained again, %zu epochs, right on %.1f %%\n",
            s->how.epochs, 100 * s->recipe_accuracy);
    else
        (void)fprintf(
            out, "  no recipe: %s\n", rd_text_safe_in(safe, sizeof safe, s->why_no_recipe));
    if (top[0])
        (void)fprintf(out, "answers that would change the ranking most:\n");
    for (size_t i = 0; i < SHOWN && top[i]; i++)
        (void)fprintf(out, "  %s\n", rd_text_safe_in(safe, sizeof safe, top[i]));
    (void)fprintf(out, "next: redoubt assess %s%s\n", rd_text_safe_in(safe, sizeof safe, s->dir),
        s->outside ? " --allow-outside" : "");
}

rd_status rd_init_from(struct rd_cli *cli, const struct rd_init_from *o, const char *dir)
{
    struct rd_subject s = { .cli = cli, .o = o, .dir = dir };
    const char *top[SHOWN] = { NULL };
    char *path = rd_path_join(cli->run.scratch, dir, "redoubt.yaml");
    rd_status st;

    if (!path)
        return rd_run_no_memory(&cli->run, "a path");
    st = tell_kind(&s);
    if (!st)
        st = rd_from_data(&s);
    if (!st)
        st = rd_from_split(&s);
    if (!st)
        st = rd_from_measure(&s);
    if (!st)
        st = rd_from_recipe(&s);
    if (!st)
        st = ask_all(&s);
    if (!st)
        st = rd_file_mkdirs(dir, 0755, cli->run.err);
    if (!st)
        st = rd_from_write_data(&s);
    if (!st)
        st = write_model(&s);
    if (!st)
        st = write_text(&s, path);
    if (!st)
        st = three_answers(&s, path, top);
    if (st)
        return st;
    put_json(&s, top);
    rd_json_ktext(cli->info, "path", path);
    put_text(&s, path, top);
    return RD_OK;
}
