/* Endpoints over HTTP against tests/fixtures/target/bad_server.py, which misbehaves on demand. */
#include "support.h"

#include "target/open.h"
#include "target/scope.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <curl/curl.h>

enum { INPUTS = 4 };

static pid_t server;
static int port, other, private;
static char origin[32];

static int start_server(void **state)
{
    static char folder[] = "/tmp/rd-endpoint-XXXXXX";
    char command[300];
    int out[2];
    FILE *f;

    (void)state;
    if (pipe(out) || !mkdtemp(folder))
        return -1;
    (void)snprintf(command, sizeof command,
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext "
        "subjectAltName=IP:127.0.0.1 -keyout %s/key.pem -out %s/cert.pem >/dev/null 2>&1",
        folder, folder);
    if (system(command))
        (void)fputs("no openssl: TLS is not tried\n", stderr);
    server = fork();
    if (!server) {
        (void)dup2(out[1], 1);
        (void)close(out[0]);
        (void)close(out[1]);
        (void)execl(
            "/usr/bin/python3", "python3", "tests/fixtures/target/bad_server.py", folder, NULL);
        _exit(127);
    }
    (void)close(out[1]);
    f = fdopen(out[0], "r");
    if (!f || fscanf(f, "%d %d %d", &port, &other, &private) != 3)
        port = 0;
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    if (system(command))
        return -1;
    (void)snprintf(origin, sizeof origin, "127.0.0.1:%d", port);
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    return 0;
}

static size_t take(char *bytes, size_t size, size_t count, void *user)
{
    char *text = user;
    const size_t have = strlen(text), n = size * count < 199 - have ? size * count : 199 - have;

    memcpy(text + have, bytes, n);
    text[have + n] = '\0';
    return size * count;
}

/* What the server says at path, up to 199 bytes. */
static const char *look(const char *path)
{
    static char text[200];
    char url[128];
    CURL *e = curl_easy_init();

    text[0] = '\0';
    (void)snprintf(url, sizeof url, "http://%s%s", origin, path);
    (void)curl_easy_setopt(e, CURLOPT_URL, url);
    (void)curl_easy_setopt(e, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(e, CURLOPT_WRITEDATA, text);
    assert_int_equal(curl_easy_perform(e), CURLE_OK);
    curl_easy_cleanup(e);
    return text;
}

static int counted(const char *how, const char *what)
{
    char path[64], key[32];
    const char *at;

    (void)snprintf(path, sizeof path, "/count/%s", how);
    (void)snprintf(key, sizeof key, "\"%s\": ", what);
    at = strstr(look(path), key);
    assert_non_null(at);
    return atoi(at + strlen(key));
}

/* --- one endpoint --- */

static const int64_t dim[] = { 2, 2 };

struct setting {
    char where[96];
    const char *hosts[1];
    struct rd_target_limits limits;
    struct rd_target_source source;
    struct rd_arena arena;
    struct rd_error err;
    struct rd_run run;
    struct rd_target *t;
};

static void set_up(struct setting *s, const char *path)
{
    memset(s, 0, sizeof *s);
    if (!port)
        skip();
    (void)snprintf(s->where, sizeof s->where, "http://%s%s", origin, path);
    s->hosts[0] = origin;
    s->limits = (struct rd_target_limits){ s->hosts, 1, 0, NAN, NULL };
    s->source = (struct rd_target_source){
        .where = s->where, .dim = dim, .ndim = 2, .timeout = 30, .limits = &s->limits
    };
    s->run = (struct rd_run){ .err = &s->err, .seed = 1 };
    s->run.scratch = &s->arena;
}

static rd_status do_open(struct setting *s)
{
    return rd_target_open(&s->run, &s->source, &s->arena, &s->t);
}

static void tear_down(struct setting *s)
{
    rd_arena_release(&s->arena);
}

static void says(const struct setting *s, const char *text)
{
    for (int i = 0; i < s->err.frames; i++)
        if (strstr(s->err.frame[i].text, text))
            return;
    for (int i = 0; i < s->err.frames; i++)
        print_message("frame %d: %s\n", i, s->err.frame[i].text);
    fail_msg("no '%s' in the error", text);
}

/* n different rows; row i sums to (i - n/2) / 8. */
static void rows(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float v = ((float)i - (float)(n / 2)) / 8;

        x[INPUTS * i] = v;
        x[INPUTS * i + 1] = 0.25f;
        x[INPUTS * i + 2] = -0.25f;
        x[INPUTS * i + 3] = 0;
    }
}

/* Refused when it is opened. */
static void refused_within(double timeout, const char *how, rd_status with, const char *text)
{
    static struct setting s;
    char path[64];

    (void)snprintf(path, sizeof path, "/%s/invocations", how);
    set_up(&s, path);
    s.source.timeout = timeout;
    s.source.retries = 1;
    assert_int_equal(do_open(&s), with);
    says(&s, text);
    tear_down(&s);
}

static void refused(const char *how, rd_status with, const char *text)
{
    refused_within(30, how, with, text);
}

/* Good at first, refused later. */
static void refused_later(const char *how, rd_status with, const char *text)
{
    static struct setting s;
    char path[64];
    float x[8 * INPUTS], score[16];

    (void)snprintf(path, sizeof path, "/%s/invocations", how);
    set_up(&s, path);
    s.source.timeout = 30;
    s.source.retries = 1;
    assert_int_equal(do_open(&s), RD_OK);
    rows(x, 8);
    assert_int_equal(s.t->scores(s.t->self, x, 8, score, &s.err), with);
    says(&s, text);
    tear_down(&s);
}

/* --- what works --- */

static void batches_come_back_in_order(void **state)
{
    enum { N = 100 };
    static struct setting s;
    struct rd_target_usage u;
    float x[N * INPUTS], score[2 * N];
    int label[N];

    (void)state;
    set_up(&s, "/slowly/invocations");
    s.source.batch = 7;
    s.source.concurrency = 4;
    assert_int_equal(do_open(&s), RD_OK);
    assert_int_equal(s.t->classes, 2);
    assert_int_equal(s.t->inputs, INPUTS);
    assert_int_equal(s.t->access, RD_ACCESS_SCORES | RD_ACCESS_LABELS);
    assert_true(s.t->scores_are_probabilities);
    rows(x, N);
    assert_int_equal(s.t->scores(s.t->self, x, N, score, &s.err), RD_OK);
    for (size_t i = 0; i < N; i++)
        assert_true(fabs((double)score[2 * i + 1] - 1 / (1 + exp(-(double)x[INPUTS * i]))) < 1e-6);
    assert_int_equal(s.t->labels(s.t->self, x, N, label, &s.err), RD_OK);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(label[i], x[INPUTS * i] > 0);
    assert_true(rd_target_usage(s.t, &u));
    assert_int_equal(u.rows, N + 1);
    assert_int_equal(u.requests, 15 + 1);
    assert_int_equal(u.cached, N);
    assert_int_equal(counted("slowly", "rows"), N + 1);
    assert_in_range(counted("slowly", "peak"), 2, 4);
    tear_down(&s);
}

static void equal_rows_are_sent_once(void **state)
{
    static struct setting s;
    float x[6 * INPUTS], score[12];
    struct rd_target_usage u;

    (void)state;
    set_up(&s, "/ok/invocations");
    assert_int_equal(do_open(&s), RD_OK);
    rows(x, 3);
    memcpy(x + 3 * INPUTS, x, 3 * INPUTS * sizeof *x);
    assert_int_equal(s.t->scores(s.t->self, x, 6, score, &s.err), RD_OK);
    assert_memory_equal(score, score + 6, 6 * sizeof *score);
    assert_true(rd_target_usage(s.t, &u));
    assert_int_equal(u.rows, 4);
    assert_int_equal(u.cached, 3);
    tear_down(&s);
}

static void labels_alone_need_the_number_of_classes(void **state)
{
    static struct setting s;
    float x[4 * INPUTS];
    int label[4];

    (void)state;
    set_up(&s, "/labels/invocations");
    assert_int_equal(do_open(&s), RD_E_USAGE);
    says(&s, "how many classes");
    tear_down(&s);
    set_up(&s, "/labels/invocations");
    s.source.classes = 2;
    assert_int_equal(do_open(&s), RD_OK);
    assert_int_equal(s.t->access, RD_ACCESS_LABELS);
    assert_null(s.t->scores);
    rows(x, 4);
    assert_int_equal(s.t->labels(s.t->self, x, 4, label, &s.err), RD_OK);
    assert_int_equal(label[0], 0);
    assert_int_equal(label[3], 1);
    tear_down(&s);
    set_up(&s, "/labels/invocations");
    s.source.data_classes = 3; /* as many as the data, when nobody says */
    assert_int_equal(do_open(&s), RD_OK);
    assert_int_equal(s.t->classes, 3);
    tear_down(&s);
    set_up(&s, "/ok/invocations");
    s.source.data_classes = 3; /* scores speak for themselves */
    assert_int_equal(do_open(&s), RD_OK);
    assert_int_equal(s.t->classes, 2);
    tear_down(&s);
}

static void words_are_classes_by_name(void **state)
{
    static const char *const names[] = { "dog", "cat" };
    static struct setting s;
    float x[4 * INPUTS];
    int label[4];

    (void)state;
    set_up(&s, "/words/invocations");
    s.source.classes = 2;
    assert_int_equal(do_open(&s), RD_E_INPUT);
    says(&s, "'dog', which names no class");
    tear_down(&s);
    set_up(&s, "/words/invocations");
    s.source.data_classes = 2;
    s.source.class_names = names;
    assert_int_equal(do_open(&s), RD_OK);
    rows(x, 4);
    assert_int_equal(s.t->labels(s.t->self, x, 4, label, &s.err), RD_OK);
    assert_int_equal(label[0], 0);
    assert_int_equal(label[3], 1);
    tear_down(&s);
}

static void one_probability_is_two_classes(void **state)
{
    static struct setting s;
    float x[4 * INPUTS], score[8];

    (void)state;
    set_up(&s, "/single/invocations");
    assert_int_equal(do_open(&s), RD_OK);
    assert_int_equal(s.t->classes, 2);
    rows(x, 4);
    assert_int_equal(s.t->scores(s.t->self, x, 4, score, &s.err), RD_OK);
    for (size_t i = 0; i < 4; i++)
        assert_true(fabs((double)(score[2 * i] + score[2 * i + 1]) - 1) < 1e-6);
    assert_true(score[1] < 0.5f && score[7] > 0.5f);
    tear_down(&s);
}

static void a_template_says_where_things_stand(void **state)
{
    static const char *const names[] = { "dog", "cat" };
    static struct setting s;
    float x[4 * INPUTS], score[8];
    int label[4];

    (void)state;
    set_up(&s, "/template/anything");
    s.source.request = "{\"model\": \"m\", \"x\": \"$rows\", \"k\": [1]}";
    s.source.scores = "$.out[*].s";
    s.source.labels = "out[*].c";
    s.source.classes = 2;
    s.source.class_names = names;
    assert_int_equal(do_open(&s), RD_OK);
    rows(x, 4);
    assert_int_equal(s.t->scores(s.t->self, x, 4, score, &s.err), RD_OK);
    assert_true(score[1] < 0.5f && score[7] > 0.5f);
    assert_int_equal(s.t->labels(s.t->self, x, 4, label, &s.err), RD_OK);
    assert_int_equal(label[0], 0);
    assert_int_equal(label[3], 1);
    tear_down(&s);
}

static void v2_asks_what_its_input_is(void **state)
{
    static struct setting s;
    float x[4 * INPUTS], score[8];

    (void)state;
    set_up(&s, "/meta/v2/models/m/infer");
    assert_int_equal(do_open(&s), RD_OK);
    rows(x, 4);
    assert_int_equal(s.t->scores(s.t->self, x, 4, score, &s.err), RD_OK); /* its second output */
    assert_true(score[1] < 0.5f && score[7] > 0.5f);
    tear_down(&s);

    set_up(&s, "/metawide/v2/models/m/infer");
    assert_int_equal(do_open(&s), RD_E_INPUT);
    says(&s, "the data has 4");
    tear_down(&s);

    set_up(&s, "/metaint/v2/models/m/infer");
    assert_int_equal(do_open(&s), RD_OK);
    assert_int_equal(s.t->scores(s.t->self, x, 4, score, &s.err), RD_E_INPUT);
    says(&s, "of type INT64");
    tear_down(&s);

    set_up(&s, "/nometa/v2/models/m/infer");
    assert_int_equal(do_open(&s), RD_E_NOTFOUND);
    says(&s, "no such model");
    tear_down(&s);
}

static void headers_are_sent_and_never_shown(void **state)
{
    static const char *const good[] = { "Authorization: Bearer secret" };
    static const char *const bad[] = { "Authorization: Bearer secret\r\nX: y" };
    static struct setting s;

    (void)state;
    set_up(&s, "/key/invocations");
    assert_int_equal(do_open(&s), RD_E_INPUT);
    says(&s, "answered 401: who?");
    tear_down(&s);
    set_up(&s, "/key/invocations");
    s.source.headers = good;
    s.source.n_headers = 1;
    assert_int_equal(do_open(&s), RD_OK);
    tear_down(&s);
    set_up(&s, "/key/invocations");
    s.source.headers = bad;
    s.source.n_headers = 1;
    assert_int_equal(do_open(&s), RD_E_USAGE);
    for (int i = 0; i < s.err.frames; i++)
        assert_null(strstr(s.err.frame[i].text, "secret"));
    tear_down(&s);
}

/* --- scope --- */

static void outside_the_scope_nothing_is_sent(void **state)
{
    static struct setting s;
    char wrong[32];
    const int before = atoi(port ? look("/elsewhere") : "0");

    (void)state;
    set_up(&s, "");
    (void)snprintf(s.where, sizeof s.where, "http://127.0.0.1:%d/ok/invocations", other);
    assert_int_equal(do_open(&s), RD_E_USAGE);
    says(&s, "is outside the scope");
    assert_non_null(strstr(s.err.hint, "--allow-host 127.0.0.1:"));
    s.source.limits = NULL;
    assert_int_equal(do_open(&s), RD_E_USAGE);
    /* Another name of the same machine is another host. */
    s.source.limits = &s.limits;
    (void)snprintf(wrong, sizeof wrong, "localhost:%d", other);
    s.hosts[0] = wrong;
    assert_int_equal(do_open(&s), RD_E_USAGE);
    assert_int_equal(atoi(look("/elsewhere")), before);
    tear_down(&s);
}

static void redirects_are_not_followed(void **state)
{
    const int before = atoi(port ? look("/elsewhere") : "0");

    (void)state;
    refused("elsewhere", RD_E_INPUT, "redirects (307) to");
    refused("samehost", RD_E_INPUT, "not followed");
    assert_int_equal(atoi(look("/elsewhere")), before);
}

static void proxies_of_the_environment_are_not_used(void **state)
{
    static struct setting s;
    char proxy[64];
    const int before = atoi(port ? look("/elsewhere") : "0");

    (void)state;
    (void)snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", other);
    (void)setenv("http_proxy", proxy, 1);
    (void)setenv("ALL_PROXY", proxy, 1);
    set_up(&s, "/ok/invocations");
    assert_int_equal(do_open(&s), RD_OK);
    tear_down(&s);
    (void)unsetenv("http_proxy");
    (void)unsetenv("ALL_PROXY");
    assert_int_equal(atoi(look("/elsewhere")), before);
}

static void addresses_are_taken_apart_strictly(void **state)
{
    static const char *const hosts[] = { "example.test:80", "example.test:443", "[::1]:8080" };
    static const struct rd_target_limits limits = { hosts, 3, 0, NAN, NULL };
    static const struct {
        const char *url, *origin; /* origin NULL: refused */
    } cases[] = {
        { "http://example.test/x", "example.test:80" },
        { "http://EXAMPLE.test:80/x?key=1", "example.test:80" },
        { "https://example.test/", "example.test:443" },
        { "http://[::1]:8080/x", "[::1]:8080" },
        { "http://example.test:81/x", NULL },
        { "http://example.test.evil/x", NULL },
        { "http://example.test@evil.test/x", NULL },
        { "http://user:word@example.test/x", NULL },
        { "ftp://example.test:80/x", NULL },
        { "file:///etc/passwd", NULL },
        { "http://example.test:99999/", NULL },
        { "http://", NULL },
        { "http://example.test/\r\nHost: evil", NULL },
        { "http://example.test#@evil.test:80/", "example.test:80" },
        { "http:\\\\example.test/", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_address a;
        struct rd_error err = { 0 };
        const rd_status st = rd_address_admit(cases[i].url, &limits, &arena, &a, &err);

        if (st != (cases[i].origin ? RD_OK : RD_E_USAGE))
            fail_msg("%s: %s", cases[i].url, err.frame[0].text);
        if (!st) {
            assert_string_equal(a.origin, cases[i].origin);
            assert_null(strstr(a.shown, "key"));
        }
        rd_arena_release(&arena);
    }
}

static void certificates_are_verified(void **state)
{
    static struct setting s;
    char host[32];

    (void)state;
    set_up(&s, "");
    if (!private)
        skip();
    (void)snprintf(host, sizeof host, "127.0.0.1:%d", private);
    (void)snprintf(s.where, sizeof s.where, "https://%s/private/invocations", host);
    s.hosts[0] = host;
    assert_int_equal(do_open(&s), RD_E_IO);
    says(&s, "is not trusted");
    assert_int_equal(counted("private", "requests"), 0);
    tear_down(&s);
}

static void the_spending_cap_holds(void **state)
{
    static struct setting s;
    float x[20 * INPUTS], score[40];

    (void)state;
    set_up(&s, "/ok/invocations");
    s.source.price_per_1000 = 1000; /* one a row */
    s.limits.max_spend = 15;
    s.source.batch = 4;
    s.source.concurrency = 1;
    assert_int_equal(do_open(&s), RD_OK);
    rows(x, 20);
    assert_int_equal(s.t->scores(s.t->self, x, 12, score, &s.err), RD_OK);
    assert_int_equal(s.t->scores(s.t->self, x, 20, score, &s.err), RD_E_LIMIT);
    says(&s, "spending cap of 15");
    assert_int_equal(s.t->scores(s.t->self, x, 12, score, &s.err), RD_OK); /* known already */
    tear_down(&s);
}

/* Scope speaks of an assessment, not of each of its endpoints. */
static void the_spending_cap_holds_for_all_targets_together(void **state)
{
    static struct setting s;
    struct rd_target_tally tally = { 0 };
    struct rd_target *first;
    float x[20 * INPUTS], score[40];

    (void)state;
    set_up(&s, "/ok/invocations");
    s.source.price_per_1000 = 1000;
    s.limits.max_spend = 15;
    s.limits.tally = &tally;
    assert_int_equal(do_open(&s), RD_OK);
    first = s.t;
    assert_int_equal(do_open(&s), RD_OK);
    rows(x, 20);
    assert_int_equal(first->scores(first->self, x, 8, score, &s.err), RD_OK);
    assert_int_equal(s.t->scores(s.t->self, x, 8, score, &s.err), RD_E_LIMIT);
    says(&s, "spending cap of 15");
    tear_down(&s);
}

static void the_rate_cap_holds(void **state)
{
    static struct setting s;
    float x[10 * INPUTS], score[20];
    int64_t start;

    (void)state;
    set_up(&s, "/ok/invocations");
    s.limits.max_requests_per_second = 20;
    s.source.batch = 1;
    start = rd_now_ms();
    assert_int_equal(do_open(&s), RD_OK);
    rows(x, 10);
    assert_int_equal(s.t->scores(s.t->self, x, 10, score, &s.err), RD_OK);
    assert_true(rd_now_ms() - start >= 10 * 50); /* 11 requests, 10 gaps */
    tear_down(&s);
}

/* --- patience --- */

static void retry_after_is_kept_to(void **state)
{
    static struct setting s;
    struct rd_target_usage u;
    const int64_t start = rd_now_ms();

    (void)state;
    set_up(&s, "/busy/invocations");
    assert_int_equal(do_open(&s), RD_OK);
    assert_true(rd_now_ms() - start >= 2000);
    assert_true(rd_target_usage(s.t, &u));
    assert_int_equal(u.retries, 2);
    assert_int_equal(u.requests, 3);
    assert_int_equal(u.rows, 1); /* refused unread, twice */
    tear_down(&s);
}

static void patience_ends(void **state)
{
    (void)state;
    refused("always503", RD_E_IO, "also after 2 attempts");
    refused("longwait", RD_E_IO, "asks to wait 86400 s");
}

static void refused_connections_are_tried_again(void **state)
{
    static struct setting s;
    const int64_t start = rd_now_ms();

    (void)state;
    set_up(&s, "/");
    (void)snprintf(s.where, sizeof s.where, "http://127.0.0.1:1/invocations");
    s.hosts[0] = "127.0.0.1:1";
    s.source.retries = 2;
    assert_int_equal(do_open(&s), RD_E_IO);
    says(&s, "refuses connections, also after 3 attempts");
    assert_true(rd_now_ms() - start >= 125 + 250);
    tear_down(&s);
}

/* --- what a bad endpoint does --- */

static void nonsense_is_refused_at_once(void **state)
{
    (void)state;
    refused("html", RD_E_INPUT, "is HTML or XML, not JSON: <!DOCTYPE");
    refused("error200", RD_E_INPUT, "the answer is an error: CUDA out of memory");
    refused("nan", RD_E_INPUT, "is no JSON");
    refused("null", RD_E_INPUT, "answers null for class 0");
    refused("deep", RD_E_LIMIT, "nested more than");
    refused("giant", RD_E_LIMIT, "answers more than");
    refused("headers", RD_E_LIMIT, "answers more than");
    refused("binary", RD_E_INPUT, "is no JSON");
    refused("nothing", RD_E_NOTFOUND, "answered 404");
}

static void silence_is_no_answer(void **state)
{
    (void)state;
    refused_within(0.7, "late", RD_E_IO, "imed out");
    refused_within(0.7, "drip", RD_E_IO, "imed out");
    refused("cut", RD_E_IO, "'http://127.0.0.1");
    refused("broken", RD_E_IO, "answered 500: boom");
}

static void changes_are_noticed(void **state)
{
    (void)state;
    refused_later("shape", RD_E_INPUT, "3 scores a row came back, expected one for each of 2");
    refused_later("fewer", RD_E_INPUT, "7 rows came back for 8 asked");
    refused_later("tologits", RD_E_INPUT, "answered probabilities before, and now -3.5");
}

static void logits_are_not_taken_for_probabilities(void **state)
{
    static struct setting s;

    (void)state;
    set_up(&s, "/logits/invocations");
    assert_int_equal(do_open(&s), RD_OK);
    assert_false(s.t->scores_are_probabilities);
    tear_down(&s);
}

static void what_came_back_before_a_failure_is_kept(void **state)
{
    static struct setting s;
    float x[4 * INPUTS], score[8];
    struct rd_target_usage u;

    (void)state;
    set_up(&s, "/thenbroken/invocations");
    s.source.batch = 1;
    s.source.concurrency = 1;
    assert_int_equal(do_open(&s), RD_OK);
    rows(x, 4);
    assert_int_equal(s.t->scores(s.t->self, x, 4, score, &s.err), RD_E_IO);
    assert_int_equal(s.t->scores(s.t->self, x, 2, score, &s.err), RD_OK);
    assert_true(rd_target_usage(s.t, &u));
    assert_int_equal(u.requests, 4);
    tear_down(&s);
}

/* --- stop --- */

static bool no_more(void *user, const char *what, size_t done, size_t total)
{
    const int *go_on = user;

    (void)what;
    (void)done;
    (void)total;
    return *go_on != 0;
}

static int go_on;

static void stop_now(int number)
{
    (void)number;
    go_on = 0;
}

static void the_kill_switch_works_at_once(void **state)
{
    static struct setting s;
    float x[40 * INPUTS], score[80];
    int64_t start;
    int asked;

    (void)state;
    set_up(&s, "/later/invocations");
    go_on = 1;
    s.run.step = no_more;
    s.run.user = &go_on;
    s.source.batch = 1;
    s.source.concurrency = 2;
    assert_int_equal(do_open(&s), RD_OK);
    rows(x, 40);
    (void)signal(SIGALRM, stop_now);
    (void)alarm(1);
    start = rd_now_ms();
    assert_int_equal(s.t->scores(s.t->self, x, 40, score, &s.err), RD_E_CANCELED);
    assert_true(rd_now_ms() - start < 2900); /* no answer was waited for */
    asked = counted("later", "requests");
    assert_in_range(asked, 1, 3);
    assert_int_equal(s.t->scores(s.t->self, x, 40, score, &s.err), RD_E_CANCELED);
    assert_int_equal(counted("later", "requests"), asked);
    tear_down(&s);
}

static void an_estimate_sends_nothing(void **state)
{
    static struct setting s;
    float x[INPUTS] = { 0 };
    int label;
    const int before = port ? counted("ok", "requests") : 0;

    (void)state;
    set_up(&s, "/ok/invocations");
    s.source.offline = true;
    assert_int_equal(do_open(&s), RD_E_USAGE); /* how many classes? */
    s.source.classes = 2;
    assert_int_equal(do_open(&s), RD_OK);
    assert_true(s.t->seconds_per_row > 0);
    assert_int_equal(s.t->labels(s.t->self, x, 1, &label, &s.err), RD_E_USAGE);
    assert_int_equal(counted("ok", "requests"), before);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_come_back_in_order),
        cmocka_unit_test(equal_rows_are_sent_once),
        cmocka_unit_test(labels_alone_need_the_number_of_classes),
        cmocka_unit_test(words_are_classes_by_name),
        cmocka_unit_test(one_probability_is_two_classes),
        cmocka_unit_test(a_template_says_where_things_stand),
        cmocka_unit_test(v2_asks_what_its_input_is),
        cmocka_unit_test(headers_are_sent_and_never_shown),
        cmocka_unit_test(outside_the_scope_nothing_is_sent),
        cmocka_unit_test(redirects_are_not_followed),
        cmocka_unit_test(proxies_of_the_environment_are_not_used),
        cmocka_unit_test(addresses_are_taken_apart_strictly),
        cmocka_unit_test(certificates_are_verified),
        cmocka_unit_test(the_spending_cap_holds),
        cmocka_unit_test(the_spending_cap_holds_for_all_targets_together),
        cmocka_unit_test(the_rate_cap_holds),
        cmocka_unit_test(retry_after_is_kept_to),
        cmocka_unit_test(patience_ends),
        cmocka_unit_test(refused_connections_are_tried_again),
        cmocka_unit_test(nonsense_is_refused_at_once),
        cmocka_unit_test(silence_is_no_answer),
        cmocka_unit_test(changes_are_noticed),
        cmocka_unit_test(logits_are_not_taken_for_probabilities),
        cmocka_unit_test(what_came_back_before_a_failure_is_kept),
        cmocka_unit_test(the_kill_switch_works_at_once),
        cmocka_unit_test(an_estimate_sends_nothing),
    };

    return cmocka_run_group_tests(tests, start_server, stop_server);
}
