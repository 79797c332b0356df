/*
 * http.c - batches over HTTP: several at once, retried when the server says later.
 *
 * What is retried: 429, 503 and refused connections (the request was not read), with exponential
 * back-off and jitter, or as long as Retry-After says; once more a request that was cut off or
 * timed out. Everything else is final. A redirect is never followed, to the same host neither: the
 * address given is the one that was allowed. Proxies of the environment are not used.
 */
#include "target/wire.h"

#include "base/rng.h"
#include "base/text.h"

#include <curl/curl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    TICK_MS = 50, /* how late a kill switch may be */
    BACK_OFF_MS = 250,
    BACK_OFF_MOST_MS = 20000,
    RETRY_AFTER_MOST_S = 120,
    HEADER_BYTES = 64 << 10,
    CUT_RETRIES = 1,
    CONCURRENCY_MOST = 64
};

struct slot {
    CURL *easy;
    struct http *http;
    struct curl_slist *headers;
    struct rd_buf body, got;
    size_t header_bytes;
    bool too_long;
    char why[CURL_ERROR_SIZE];
    enum { IDLE, WAITING, FLYING } state;
    size_t ask;      /* index of the batch */
    unsigned tries;  /* of this batch */
    unsigned cuts;   /* of those, cut off or timed out */
    int64_t wake_ms; /* WAITING: not before */
};

struct http {
    struct rd_wire *wire;
    struct rd_address address;
    CURLM *multi;
    struct curl_slist *headers;
    struct slot *slot;
    size_t n_slots;
    struct rd_rng jitter;
};

static void start_curl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* --- what comes in --- */

static size_t take_body(char *bytes, size_t size, size_t count, void *user)
{
    struct slot *s = user;

    rd_buf_put(&s->got, bytes, size * count);
    s->too_long |= s->got.failed;
    return s->too_long ? 0 : size * count;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *user)
{
    struct slot *s = user;

    (void)bytes;
    s->header_bytes += size * count;
    s->too_long |= s->header_bytes > HEADER_BYTES;
    return s->too_long ? 0 : size * count;
}

/* --- one request --- */

static bool set_up(struct slot *s, const char *url, double timeout_ms, size_t ceiling)
{
    CURL *e = s->easy;
    CURLcode bad = CURLE_OK;

    curl_easy_reset(e);
    rd_buf_release(&s->got);
    s->got.limit = ceiling;
    s->header_bytes = 0;
    s->too_long = false;
    s->why[0] = '\0';
    bad |= curl_easy_setopt(e, CURLOPT_URL, url);
    bad |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= curl_easy_setopt(e, CURLOPT_PROXY, "");
    bad |= curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    bad |= curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    bad |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    bad |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    bad |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    bad |= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)fmin(timeout_ms, 10000));
    bad |= curl_easy_setopt(e, CURLOPT_USERAGENT, "redoubt/" RD_VERSION);
    bad |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
    bad |= curl_easy_setopt(e, CURLOPT_WRITEDATA, s);
    bad |= curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
    bad |= curl_easy_setopt(e, CURLOPT_HEADERDATA, s);
    bad |= curl_easy_setopt(e, CURLOPT_ERRORBUFFER, s->why);
    bad |= curl_easy_setopt(e, CURLOPT_PRIVATE, s);
    bad |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, s->http->headers);
    return bad == CURLE_OK;
}

static rd_status fly(struct slot *s, size_t rows, int64_t now, struct rd_error *err)
{
    struct http *h = s->http;

    if (curl_multi_add_handle(h->multi, s->easy) != CURLM_OK)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a request");
    rd_meter_take(&h->wire->meter, rows, now);
    s->tries++;
    s->state = FLYING;
    return RD_OK;
}

static rd_status send_batch(
    struct slot *s, const struct rd_ask *ask, int64_t now, struct rd_error *err)
{
    struct http *h = s->http;
    rd_status st = rd_meter_afford(&h->wire->meter, ask->n, h->wire->label, err);

    if (st)
        return st;
    if (!s->body.len) {
        st = rd_form_write(&h->wire->form, 0, ask->x, ask->n, &s->body, err);
        if (st)
            return st;
    }
    if (!set_up(s, h->address.url, h->wire->timeout_ms, rd_form_ceiling(&h->wire->form, ask->n)) ||
        curl_easy_setopt(s->easy, CURLOPT_POST, 1L) ||
        curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, s->body.text) ||
        curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)s->body.len))
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a request");
    return fly(s, ask->n, now, err);
}

/* --- what is made of it --- */

enum verdict { DONE, LATER, FAILED };

/* What the server says of its refusal, when it says it in JSON. */
static void quote(const struct slot *s, char *out, size_t size)
{
    struct rd_error ignored = { 0 };
    json_t *root;
    char text[160];

    out[0] = '\0';
    if (!s->got.len || rd_json_load("it", s->got.text, s->got.len, &root, &ignored))
        return;
    if (rd_json_complaint(root, text, sizeof text))
        (void)snprintf(out, size, ": %s", text);
    json_decref(root);
}

static rd_status refused_redirect(const struct slot *s, long code, struct rd_error *err)
{
    const struct http *h = s->http;
    char *to = NULL, safe[160];

    (void)curl_easy_getinfo(s->easy, CURLINFO_REDIRECT_URL, &to);
    (void)RD_FAIL(err, RD_E_INPUT, "'%s' redirects (%ld) to '%s': not followed", h->wire->label,
        code, rd_text_safe_in(safe, sizeof safe, to ? to : "nowhere"));
    return rd_error_hint(err, "give the final address, and allow its host and port, if you are "
                              "authorized to test it");
}

static rd_status refused(const struct slot *s, long code, struct rd_error *err)
{
    const struct http *h = s->http;
    char said[200];

    quote(s, said, sizeof said);
    if (code >= 300 && code < 400)
        return refused_redirect(s, code, err);
    if (code >= 500)
        return RD_FAIL(err, RD_E_IO, "'%s' answered %ld%s", h->wire->label, code, said);
    if (code == 404)
        return RD_FAIL(
            err, RD_E_NOTFOUND, "'%s' answered 404: no model is there%s", h->wire->label, said);
    (void)RD_FAIL(err, RD_E_INPUT, "'%s' answered %ld%s", h->wire->label, code, said);
    if (code == 401 || code == 403)
        (void)rd_error_hint(err, "does it want a key? give it as a header");
    else if (code == 413)
        (void)rd_error_hint(err, "the request is too large for it: take smaller batches");
    return RD_E_INPUT;
}

/* Full jitter about the upper half: between 0.5 and 1 of 250 ms, 500 ms, 1 s ... */
static int64_t back_off(struct http *h, unsigned tries)
{
    const double most = fmin(BACK_OFF_MOST_MS, BACK_OFF_MS * exp2(tries - 1));

    return (int64_t)(most * (0.5 + 0.5 * rd_rng_unit(&h->jitter)));
}

/* Back into the queue, or the end of it. */
static enum verdict try_later(struct slot *s, const char *what, curl_off_t after, int64_t now,
    rd_status *st, struct rd_error *err)
{
    struct http *h = s->http;
    int64_t wait = back_off(h, s->tries);

    if (s->tries > h->wire->most_retries) {
        *st = RD_FAIL(
            err, RD_E_IO, "'%s' %s, also after %u attempts", h->wire->label, what, s->tries);
        return FAILED;
    }
    if (after > RETRY_AFTER_MOST_S) {
        *st = RD_FAIL(err, RD_E_IO, "'%s' %s and asks to wait %lld s", h->wire->label, what,
            (long long)after);
        return FAILED;
    }
    if (after > 0 && after * 1000 > wait)
        wait = after * 1000;
    rd_log_say(h->wire->run.log, RD_LOG_INFO, "target", "'%s' %s: again in %lld ms", h->wire->label,
        what, (long long)wait);
    s->wake_ms = now + wait;
    /* It asked for less traffic, not for one request less. */
    if (h->wire->meter.tally->next_ms < s->wake_ms)
        h->wire->meter.tally->next_ms = s->wake_ms;
    s->state = WAITING;
    h->wire->retries++;
    return LATER;
}

static enum verdict broken(
    struct slot *s, CURLcode code, int64_t now, rd_status *st, struct rd_error *err)
{
    struct http *h = s->http;
    char safe[160];

    rd_text_safe_in(safe, sizeof safe, s->why[0] ? s->why : curl_easy_strerror(code));
    if (s->too_long) {
        *st = RD_FAIL(err, RD_E_LIMIT, "'%s' answers more than %zu bytes", h->wire->label,
            s->header_bytes > HEADER_BYTES ? (size_t)HEADER_BYTES : s->got.limit);
        return FAILED;
    }
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return try_later(s, "refuses connections", 0, now, st, err);
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        if (s->cuts++ < CUT_RETRIES && h->wire->most_retries)
            return try_later(s, "was cut off", 0, now, st, err);
        *st = RD_FAIL(err, RD_E_IO, "'%s': %s", h->wire->label, safe);
        return FAILED;
    case CURLE_OUT_OF_MEMORY:
        *st = RD_FAIL(err, RD_E_MEMORY, "no memory for a request");
        return FAILED;
    case CURLE_PEER_FAILED_VERIFICATION:
        *st = RD_FAIL(
            err, RD_E_IO, "the certificate of '%s' is not trusted: %s", h->wire->label, safe);
        return FAILED;
    default:
        *st = RD_FAIL(err, RD_E_IO, "cannot reach '%s': %s", h->wire->label, safe);
        return FAILED;
    }
}

static enum verdict judge(
    struct slot *s, CURLcode code, size_t rows, int64_t now, rd_status *st, struct rd_error *err)
{
    struct http *h = s->http;
    curl_off_t after = 0;
    long status = 0;

    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
        rd_meter_give_back(&h->wire->meter, rows);
    if (code)
        return broken(s, code, now, st, err);
    (void)curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200)
        return DONE;
    rd_meter_give_back(&h->wire->meter, status >= 500 && status != 503 ? 0 : rows);
    if (status == 429 || status == 503) {
        char what[64];

        (void)curl_easy_getinfo(s->easy, CURLINFO_RETRY_AFTER, &after);
        (void)snprintf(what, sizeof what, "answered %ld (%s)", status,
            status == 429 ? "too many requests" : "not available");
        return try_later(s, what, after, now, st, err);
    }
    *st = refused(s, status, err);
    return FAILED;
}

/* --- all batches --- */

static void let_go(struct slot *s)
{
    if (s->state == FLYING)
        (void)curl_multi_remove_handle(s->http->multi, s->easy);
    s->state = IDLE;
    rd_buf_release(&s->body);
    rd_buf_release(&s->got);
}

static rd_status landed(struct http *h, struct slot *s, CURLcode code, struct rd_ask *ask,
    struct rd_arena *arena, size_t *n_done, struct rd_error *err)
{
    rd_status st = RD_OK;
    enum verdict v;

    (void)curl_multi_remove_handle(h->multi, s->easy);
    s->state = IDLE;
    v = judge(s, code, ask->n, rd_now_ms(), &st, err);
    if (v == LATER)
        return RD_OK;
    if (v == DONE) {
        st = rd_form_read(&h->wire->form, 0, s->got.text ? s->got.text : "", s->got.len, ask->n,
            arena, &ask->answer, err);
        if (st)
            st = RD_WRAP(err, st, "'%s' answered what cannot be used", h->wire->label);
        ask->answered = !st;
        (*n_done)++;
    }
    let_go(s);
    return st;
}

/* Give free slots their batches, as far as the rate allows now. */
static rd_status launch(
    struct http *h, struct rd_ask *asks, size_t n, size_t *next, struct rd_error *err)
{
    for (size_t i = 0; i < h->n_slots; i++) {
        struct slot *s = &h->slot[i];
        const int64_t now = rd_now_ms();
        rd_status st;

        if (s->state == FLYING || (s->state == IDLE && *next == n) ||
            (s->state == WAITING && s->wake_ms > now))
            continue;
        if (rd_meter_wait(&h->wire->meter, now))
            return RD_OK;
        st = rd_wire_go_on(h->wire, err);
        if (st)
            return st;
        if (s->state == IDLE) {
            s->ask = (*next)++;
            s->tries = s->cuts = 0;
        }
        st = send_batch(s, &asks[s->ask], now, err);
        if (st)
            return st;
    }
    return RD_OK;
}

static rd_status receive(struct http *h, struct rd_ask *asks, struct rd_arena *arena,
    size_t *n_done, struct rd_error *err)
{
    CURLMsg *m;
    int left, running;
    rd_status st = RD_OK;

    if (curl_multi_perform(h->multi, &running) != CURLM_OK)
        return RD_FAIL(err, RD_E_IO, "cannot send to '%s'", h->wire->label);
    while (!st && (m = curl_multi_info_read(h->multi, &left)) != NULL) {
        const CURLcode code = m->data.result;
        struct slot *s = NULL;

        if (m->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)(void *)&s);
        st = landed(h, s, code, &asks[s->ask], arena, n_done, err);
    }
    return st;
}

static rd_status ask_all(struct rd_wire *wire, struct rd_ask *asks, size_t n,
    struct rd_arena *arena, struct rd_error *err)
{
    struct http *h = wire->self;
    size_t next = 0, n_done = 0;
    rd_status st = RD_OK;

    while (!st && n_done < n) {
        st = rd_wire_go_on(wire, err);
        if (!st)
            st = launch(h, asks, n, &next, err);
        if (!st)
            st = receive(h, asks, arena, &n_done, err);
        if (!st && n_done < n) {
            const int64_t wait = rd_meter_wait(&wire->meter, rd_now_ms());

            (void)curl_multi_poll(
                h->multi, NULL, 0, wait > 0 && wait < TICK_MS ? (int)wait : TICK_MS, NULL);
        }
    }
    for (size_t i = 0; i < h->n_slots; i++)
        let_go(&h->slot[i]);
    return st;
}

/* --- the model's metadata --- */

static rd_status metadata_url(
    const struct http *h, struct rd_arena *arena, const char **url_out, struct rd_error *err)
{
    const char *url = h->address.url, *query = strchr(url, '?');
    const size_t len = query ? (size_t)(query - url) : strlen(url);

    if (len < 6 || strncmp(url + len - 6, "/infer", 6) != 0)
        return RD_FAIL(err, RD_E_USAGE,
            "the address does not end in /infer: the name of the model's input must be given");
    *url_out = rd_arena_printf(arena, "%.*s%s", (int)(len - 6), url, query ? query : "");
    return *url_out ? RD_OK : RD_FAIL(err, RD_E_MEMORY, "no memory for an address");
}

/* Asked once, with the same patience as a batch. */
static rd_status ask_metadata(struct http *h, struct rd_arena *arena, struct rd_error *err)
{
    struct slot *s = &h->slot[0];
    const char *url = NULL;
    rd_status st = metadata_url(h, arena, &url, err);
    bool there = false;

    s->tries = s->cuts = 0;
    s->state = WAITING;
    s->wake_ms = 0;
    while (!st && !there) {
        const int64_t now = rd_now_ms();
        CURLMsg *m;
        int left;

        st = rd_wire_go_on(h->wire, err);
        if (!st && s->state == WAITING && s->wake_ms <= now && !rd_meter_wait(&h->wire->meter, now))
            st = set_up(s, url, h->wire->timeout_ms, 1 << 20)
                     ? fly(s, 0, now, err)
                     : RD_FAIL(err, RD_E_MEMORY, "no memory for a request");
        (void)curl_multi_perform(h->multi, &left);
        m = curl_multi_info_read(h->multi, &left);
        if (!st && m && m->msg == CURLMSG_DONE) {
            const CURLcode code = m->data.result;

            (void)curl_multi_remove_handle(h->multi, s->easy);
            s->state = IDLE;
            there = judge(s, code, 0, rd_now_ms(), &st, err) == DONE;
        } else if (!st) {
            (void)curl_multi_poll(h->multi, NULL, 0, TICK_MS, NULL);
        }
    }
    if (!st)
        st = rd_form_metadata(
            &h->wire->form, s->got.text ? s->got.text : "", s->got.len, arena, err);
    let_go(s);
    if (!st)
        return RD_OK;
    if (st == RD_E_NOTFOUND)
        (void)rd_error_hint(err, "is the model's name right? a server that gives no metadata needs "
                                 "the name of the input");
    return RD_WRAP(err, st, "asking '%s' for the name of its input", h->wire->label);
}

/* --- open and close --- */

static void close_http(void *self)
{
    struct http *h = self;

    for (size_t i = 0; i < h->n_slots; i++) {
        let_go(&h->slot[i]);
        curl_easy_cleanup(h->slot[i].easy);
    }
    (void)curl_multi_cleanup(h->multi);
    curl_slist_free_all(h->headers);
}

static rd_status add_header(struct http *h, const char *line, struct rd_error *err)
{
    struct curl_slist *longer = curl_slist_append(h->headers, line);

    if (!longer)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for a header");
    h->headers = longer;
    return RD_OK;
}

/* Values may be secrets: no message shows one. */
static rd_status check_header(const char *line, size_t i, struct rd_error *err)
{
    static const char *const ours[] = { "content-length", "transfer-encoding", "connection",
        "expect", "host" };
    const char *colon = strchr(line, ':');
    const size_t len = colon ? (size_t)(colon - line) : 0;

    for (const char *p = line; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            return RD_FAIL(err, RD_E_USAGE, "header %zu holds a control character", i + 1);
    if (!len || strcspn(line, " \t") < len)
        return RD_FAIL(err, RD_E_USAGE, "header %zu is not of the form 'Name: value'", i + 1);
    for (size_t k = 0; k < sizeof ours / sizeof *ours; k++)
        if (strlen(ours[k]) == len && !strncasecmp(line, ours[k], len))
            return RD_FAIL(err, RD_E_USAGE, "header '%s' cannot be set", ours[k]);
    return RD_OK;
}

static rd_status headers(
    struct http *h, const struct rd_target_source *source, struct rd_error *err)
{
    rd_status st = add_header(h, "Content-Type: application/json", err);

    if (!st)
        st = add_header(h, "Accept: application/json", err);
    if (!st)
        st = add_header(h, "Expect:", err);
    for (size_t i = 0; !st && i < source->n_headers; i++) {
        st = check_header(source->headers[i], i, err);
        if (!st)
            st = add_header(h, source->headers[i], err);
    }
    return st;
}

rd_status rd_http_open(struct rd_wire *wire, const struct rd_target_source *source,
    const struct rd_address *address, struct rd_arena *arena, struct rd_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct http *h = RD_NEW(arena, struct http);
    const size_t n =
        wire->concurrency < CONCURRENCY_MOST ? wire->concurrency : (size_t)CONCURRENCY_MOST;
    rd_status st;

    (void)pthread_once(&once, start_curl);
    if (!h || !(h->slot = RD_NEW_ARRAY(arena, struct slot, n)) ||
        rd_arena_guard(arena, close_http, h))
        return RD_FAIL(err, RD_E_MEMORY, "no memory for connections");
    h->wire = wire;
    h->address = *address;
    h->jitter = rd_rng_stream(wire->run.seed, "target/back-off", 0);
    h->multi = curl_multi_init();
    if (!h->multi)
        return RD_FAIL(err, RD_E_MEMORY, "no memory for connections");
    for (; h->n_slots < n; h->n_slots++) {
        struct slot *s = &h->slot[h->n_slots];

        s->http = h;
        s->easy = curl_easy_init();
        if (!s->easy)
            return RD_FAIL(err, RD_E_MEMORY, "no memory for connections");
    }
    wire->self = h;
    wire->ask = ask_all;
    st = headers(h, source, err);
    if (!st && wire->form.protocol == RD_PROTOCOL_V2 && !wire->form.input && !source->offline)
        st = ask_metadata(h, arena, err);
    return st;
}
