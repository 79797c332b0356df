/*
 * remote.c - an endpoint or a process as a target: open, ask in batches, remember answers.
 *
 * The first question is one row of zeros: its answer shows how many classes there are and whether
 * scores are given. Each later answer is held to that. Equal rows are sent once: an answer is kept
 * by the digest of its row, as long as the target is open.
 */
#include "target/wire.h"

#include "base/digest.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    CHUNK_ROWS = 2048,      /* of one call that are looked at together */
    CACHE_BYTES = 64 << 20, /* then it starts anew */
    CACHE_MOST = 1 << 18,   /* rows */
    BATCH_BYTES = 4 << 20,  /* of one request, about */
    BATCH = 64,
    CONCURRENCY = 4,
    RETRIES = 5,
    ANSWER_VALUES = 500000, /* of one answer, well below what is read at all */
    TIMEOUT_S = 30
};

/* Seconds for one request that nobody has timed: said in an estimate, measured in none. */
#define ROUND_TRIP_S 0.05

/* A row that was asked, or is about to be. */
struct known {
    unsigned char digest[32];
    bool answered;
};

struct remote {
    struct rd_target target;
    struct rd_wire wire;
    size_t batch;
    size_t data_classes;
    bool offline;
    uint64_t cached;
    /* The cache: a table of places, half full at most, into the rows known. */
    struct rd_arena memory;
    size_t room, n_known, n_places;
    uint32_t *place; /* 0: free, else index + 1 */
    struct known *known;
    float *score; /* (room, classes), or NULL */
    int *label;   /* (room) */
};

rd_status rd_wire_go_on(struct rd_wire *wire, struct rd_error *err)
{
    struct rd_run run = wire->run;

    run.err = err;
    if (run.step && !run.step(run.user, "asking the target", 0, 1))
        return RD_FAIL(err, RD_E_CANCELED, "stopped: nothing more is sent to '%s'", wire->label);
    return RD_OK;
}

/* --- the cache --- */

static void forget(struct remote *r)
{
    memset(r->place, 0, r->n_places * sizeof *r->place);
    r->n_known = 0;
}

static rd_status cache_new(struct remote *r, struct rd_error *err)
{
    const size_t classes = r->target.scores ? r->target.classes : 0;
    const size_t row = sizeof *r->known + sizeof *r->label + classes * sizeof *r->score;

    r->room = CACHE_BYTES / row;
    r->room = r->room > CACHE_MOST ? CACHE_MOST : r->room < CHUNK_ROWS ? CHUNK_ROWS : r->room;
    for (r->n_places = 1; r->n_places < 2 * r->room;)
        r->n_places *= 2;
    r->place = RD_NEW_ARRAY(&r->memory, uint32_t, r->n_places);
    r->known = RD_NEW_ARRAY(&r->memory, struct known, r->room);
    r->label = RD_NEW_ARRAY(&r->memory, int, r->room);
    r->score = classes ? RD_NEW_ARRAY(&r->memory, float, r->room *classes) : NULL;
    return r->place && r->known && r->label && (r->score || !classes)
               ? RD_OK
               : RD_FAIL(err, RD_E_MEMORY, "no memory to remember answers");
}

static unsigned nibble(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* The row's place among the known ones, made when it is new. */
static rd_status look_up(
    struct remote *r, const float *row, size_t *index_out, struct rd_error *err)
{
    char hex[RD_DIGEST_HEX];
    struct known k = { .answered = false };
    uint64_t at;
    rd_status st = rd_digest_bytes(row, r->target.inputs * sizeof *row, hex, err);

    if (st)
        return st;
    for (size_t i = 0; i < sizeof k.digest; i++)
        k.digest[i] = (unsigned char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    memcpy(&at, k.digest, sizeof at);
    for (at &= r->n_places - 1; r->place[at]; at = (at + 1) & (r->n_places - 1)) {
        *index_out = r->place[at] - 1;
        if (!memcmp(r->known[*index_out].digest, k.digest, sizeof k.digest))
            return RD_OK;
    }
    r->known[r->n_known] = k;
    *index_out = r->n_known++;
    r->place[at] = (uint32_t)r->n_known;
    return RD_OK;
}

/* --- answers --- */

static bool is_probability(const float *score, size_t classes)
{
    double sum = 0;

    for (size_t k = 0; k < classes; k++) {
        if (score[k] < 0 || score[k] > 1)
            return false;
        sum += (double)score[k];
    }
    return fabs(sum - 1) < 1e-3;
}

/* Rounded or cut scores need not sum to 1, but nothing below 0 or above 1 is a probability. */
static rd_status same_scale(
    const struct remote *r, const struct rd_answer *a, size_t n, struct rd_error *err)
{
    for (size_t i = 0; r->target.scores_are_probabilities && i < n * a->width; i++)
        if (a->score[i] < -1e-6f || a->score[i] > 1 + 1e-3f)
            return RD_FAIL(err, RD_E_INPUT,
                "'%s' answered probabilities before, and now %g for class %zu", r->target.label,
                (double)a->score[i], i % a->width);
    return RD_OK;
}

static rd_status keep(
    struct remote *r, const struct rd_ask *ask, const size_t *index, struct rd_error *err)
{
    const size_t classes = r->target.classes;
    const struct rd_answer *a = &ask->answer;
    rd_status st;

    if (!ask->answered)
        return RD_OK;
    st = same_scale(r, a, ask->n, err);
    for (size_t i = 0; !st && i < ask->n; i++) {
        const size_t k = index[i];

        if (r->score)
            memcpy(r->score + k * classes, a->score + i * classes, classes * sizeof *a->score);
        r->label[k] = a->label ? a->label[i] : rd_target_argmax(a->score + i * classes, classes);
        r->known[k].answered = true;
    }
    return st;
}

/* Ask about the rows that are not known: row[i] of x (n_new) becomes known[index[i]]. */
static rd_status ask_new(struct remote *r, const float *x, const size_t *row, const size_t *index,
    size_t n_new, struct rd_error *err)
{
    const size_t inputs = r->target.inputs, n_asks = (n_new + r->batch - 1) / r->batch;
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_ask *ask = RD_NEW_ARRAY(&scratch, struct rd_ask, n_asks);
    float *packed = RD_NEW_ARRAY(&scratch, float, n_new *inputs);
    struct rd_error other = { 0 };
    rd_status st = ask && packed ? RD_OK : RD_FAIL(err, RD_E_MEMORY, "no memory to ask");

    for (size_t i = 0; !st && i < n_new; i++)
        memcpy(packed + i * inputs, x + row[i] * inputs, inputs * sizeof *x);
    for (size_t i = 0; !st && i < n_asks; i++) {
        const size_t first = i * r->batch;

        ask[i].x = packed + first * inputs;
        ask[i].n = n_new - first < r->batch ? n_new - first : r->batch;
    }
    if (!st) {
        st = r->wire.ask(&r->wire, ask, n_asks, &scratch, err);
        /* What did come back is known, whatever became of the rest. */
        for (size_t i = 0; i < n_asks; i++) {
            const rd_status kept = keep(r, &ask[i], index + i * r->batch, st ? &other : err);

            st = st ? st : kept;
        }
    }
    rd_arena_release(&scratch);
    return st;
}

static rd_status answer_chunk(
    struct remote *r, const float *x, size_t n, float *score, int *label, struct rd_error *err)
{
    const size_t classes = r->target.classes;
    size_t index[CHUNK_ROWS], fresh[CHUNK_ROWS], row[CHUNK_ROWS], n_new = 0, before;
    rd_status st = RD_OK;

    if (r->n_known + n > r->room)
        forget(r);
    for (size_t i = 0; !st && i < n; i++) {
        before = r->n_known;
        st = look_up(r, x + i * r->target.inputs, &index[i], err);
        if (st)
            return st;
        if (r->n_known > before) { /* new; one that failed before is asked again */
            fresh[n_new] = index[i];
            row[n_new++] = i;
        } else if (!r->known[index[i]].answered) {
            bool listed = false;

            for (size_t k = 0; !listed && k < n_new; k++)
                listed = fresh[k] == index[i];
            if (!listed) {
                fresh[n_new] = index[i];
                row[n_new++] = i;
            }
        }
    }
    if (n_new)
        st = ask_new(r, x, row, fresh, n_new, err);
    if (st)
        return st;
    r->cached += n - n_new;
    for (size_t i = 0; i < n; i++) {
        if (score)
            memcpy(score + i * classes, r->score + index[i] * classes, classes * sizeof *score);
        if (label)
            label[i] = r->label[index[i]];
    }
    return RD_OK;
}

static rd_status answer(
    struct remote *r, const float *x, size_t n, float *score, int *label, struct rd_error *err)
{
    rd_status st = RD_OK;

    if (r->offline)
        return RD_FAIL(
            err, RD_E_USAGE, "'%s' is opened for an estimate: it is not asked", r->target.label);
    for (size_t i = 0; !st && i < n; i += CHUNK_ROWS) {
        const size_t m = n - i < CHUNK_ROWS ? n - i : CHUNK_ROWS;

        st = answer_chunk(r, x + i * r->target.inputs, m,
            score ? score + i * r->target.classes : NULL, label ? label + i : NULL, err);
    }
    return st;
}

static rd_status scores(void *self, const float *x, size_t n, float *score, struct rd_error *err)
{
    return answer(self, x, n, score, NULL, err);
}

static rd_status labels(void *self, const float *x, size_t n, int *label, struct rd_error *err)
{
    return answer(self, x, n, NULL, label, err);
}

bool rd_target_usage(const struct rd_target *target, struct rd_target_usage *usage_out)
{
    const struct remote *r;

    if (target->labels != labels)
        return false;
    r = target->self;
    *usage_out = (struct rd_target_usage){ r->wire.meter.requests, r->wire.meter.rows,
        r->wire.retries, r->cached };
    return true;
}

/* --- open --- */

static void close_remote(void *self)
{
    struct remote *r = self;

    rd_arena_release(&r->memory);
}

/* One row of zeros: what does it answer with? */
static rd_status first_answer(struct remote *r, struct rd_error *err)
{
    struct rd_form *form = &r->wire.form;
    struct rd_target *t = &r->target;
    struct rd_arena scratch = RD_ARENA_INIT;
    const float *x = RD_NEW_ARRAY(&scratch, float, t->inputs);
    struct rd_ask ask = { .x = x, .n = 1 };
    rd_status st = x ? r->wire.ask(&r->wire, &ask, 1, &scratch, err)
                     : RD_FAIL(err, RD_E_MEMORY, "no memory for a first question");

    if (!st && !ask.answer.score && !form->classes && r->data_classes > 1) {
        const size_t seen = (size_t)ask.answer.label[0] + 1;

        form->classes = r->data_classes > seen ? r->data_classes : seen;
    }
    if (!st && !ask.answer.score && !form->classes) {
        st = RD_FAIL(
            err, RD_E_USAGE, "'%s' answers labels only: how many classes are there?", t->label);
        (void)rd_error_hint(err, "give the number of classes, or their names");
    }
    if (!st) {
        form->kind = ask.answer.kind;
        if (ask.answer.score)
            form->classes = ask.answer.width;
        if (r->batch > 1 + ANSWER_VALUES / form->classes)
            r->batch = 1 + ANSWER_VALUES / form->classes;
        t->access = RD_ACCESS_LABELS | (ask.answer.score ? RD_ACCESS_SCORES : 0);
        t->scores = ask.answer.score ? scores : NULL;
        t->scores_are_probabilities =
            ask.answer.score && is_probability(ask.answer.score, ask.answer.width);
        if (ask.answer.score && !t->scores_are_probabilities)
            rd_log_say(r->wire.run.log, RD_LOG_INFO, "target",
                "'%s' answers numbers that are no probabilities: taken as logits", t->label);
    }
    rd_arena_release(&scratch);
    return st;
}

static rd_status open_wire(struct remote *r, const struct rd_target_source *s,
    const struct rd_address *address, struct rd_arena *arena, struct rd_error *err)
{
    rd_status st;

    if (s->command && s->offline)
        return RD_OK;
    st = s->command ? rd_process_open(&r->wire, s, arena, err)
                    : rd_http_open(&r->wire, s, address, arena, err);
    return st || s->offline ? st : first_answer(r, err);
}

static rd_status describe(struct remote *r, const struct rd_target_source *s, struct rd_error *err)
{
    struct rd_target *t = &r->target;

    t->self = r;
    t->label = r->wire.label;
    t->inputs = r->wire.form.inputs;
    t->ndim = s->ndim;
    memcpy(t->dim, s->dim, (size_t)s->ndim * sizeof *s->dim);
    t->controls = "";
    t->price_per_1000 = s->price_per_1000 > 0 ? s->price_per_1000 : 0;
    t->labels = labels;
    t->scores = scores;
    t->access = RD_ACCESS_LABELS | RD_ACCESS_SCORES;
    t->no_gradients = "an endpoint gives no gradients: attacks by scores or labels can try it, or "
                      "a copy of the model as a file";
    r->offline = s->offline;
    r->data_classes = s->data_classes;
    if (s->offline && !s->classes)
        return RD_FAIL(
            err, RD_E_USAGE, "an estimate sends nothing: the number of classes must be given");
    return RD_OK;
}

static rd_status no_memory(struct rd_run *run)
{
    return RD_FAIL(run->err, RD_E_MEMORY, "no memory to open a target");
}

/* Where it goes is settled, and whether it may, before anything else happens. */
static rd_status where_to(struct rd_run *run, const struct rd_target_source *s,
    struct rd_arena *arena, struct rd_address *a, struct rd_error *err)
{
    char safe[120];

    if (s->command && s->command[0]) {
        a->shown = rd_arena_strdup(arena, rd_text_safe_in(safe, sizeof safe, s->command[0]));
        a->path = "";
        return a->shown ? RD_OK : no_memory(run);
    }
    if (!rd_target_is_url(s->where))
        return RD_FAIL(err, RD_E_USAGE, "'%s' is neither an address nor a command",
            rd_text_safe_in(safe, sizeof safe, s->where ? s->where : ""));
    return rd_address_admit(s->where, s->limits, arena, a, err);
}

rd_status rd_target_open(struct rd_run *run, const struct rd_target_source *s,
    struct rd_arena *arena, struct rd_target **target_out)
{
    struct rd_address address = { 0 };
    struct remote *r;
    rd_status st;

    if (!s->command && s->where && !rd_target_is_url(s->where))
        return rd_target_open_onnx(s->where, run->pool, arena, target_out, run->err);
    st = where_to(run, s, arena, &address, run->err);
    if (st)
        return st;
    r = RD_NEW(arena, struct remote);
    if (!r || rd_arena_guard(arena, close_remote, r))
        return no_memory(run);
    r->wire.run = *run;
    r->wire.label = address.shown;
    r->wire.timeout_ms = 1000 * (s->timeout > 0 ? s->timeout : TIMEOUT_S);
    r->wire.concurrency = s->concurrency ? s->concurrency : CONCURRENCY;
    r->wire.most_retries = s->retries ? s->retries : RETRIES;
    rd_meter_init(&r->wire.meter, s);
    st = rd_form_init(&r->wire.form, s, address.path, arena, run->err);
    if (!st)
        st = describe(r, s, run->err);
    if (!st) {
        const size_t fit = BATCH_BYTES / (16 * r->target.inputs);

        r->batch = s->batch ? s->batch : BATCH;
        r->batch = fit && r->batch > fit && !s->batch ? fit : !fit ? 1 : r->batch;
        st = open_wire(r, s, &address, arena, run->err);
    }
    if (!st) {
        r->target.classes = r->wire.form.classes;
        r->target.seconds_per_row =
            fmax(ROUND_TRIP_S / (double)(s->command ? 1 : r->wire.concurrency),
                r->wire.meter.gap_ms / 1000) /
            (double)r->batch;
        st = s->offline ? RD_OK : cache_new(r, run->err);
    }
    if (st)
        return RD_WRAP(run->err, st, "opening '%s'", address.shown);
    *target_out = &r->target;
    return RD_OK;
}
