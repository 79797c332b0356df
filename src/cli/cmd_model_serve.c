/*
 * cmd_model_serve.c - redoubt model serve: a model file behind HTTP, on this machine only.
 *
 * One thread does everything, the signal's flag is looked at ten times a second. The one model
 * answers under whatever name it is asked for.
 */
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/serve.h"

#include "base/alloc.h"
#include "base/text.h"
#include "target/target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>

enum { CONNECTIONS = 64, IDLE_SECONDS = 30, TICK_MS = 100, NAME_MOST = 100 };

struct model_serve {
    int64_t port;
    const char *host, *protocol;
    bool labels_only;
};

static const char *const protocols[] = { "any", "v2", "v1", "mlflow", NULL };

static const struct rd_option options[] = {
    RD_INT(struct model_serve, port, "port", "0", 0, 65535, "", "TCP port; 0: any that is free"),
    RD_TEXT(struct model_serve, host, "host", "127.0.0.1", "ADDRESS",
        "127.0.0.1, ::1 or localhost: this machine only"),
    RD_CHOICE(
        struct model_serve, protocol, "protocol", "any", protocols, "answer in one protocol only"),
    RD_BOOL(struct model_serve, labels_only, "labels-only", "no", "answer the class and no scores"),
    RD_OPTION_END,
};

struct server {
    struct rd_cli *cli;
    struct rd_target *target;
    struct rd_served model;
    const char *protocol;
    unsigned long long requests, rows, refused;
};

/* One request on its way in. */
struct incoming {
    struct rd_buf body;
};

/* --- answers --- */

static enum MHD_Result reply(
    struct server *s, struct MHD_Connection *c, unsigned status, const struct rd_buf *body)
{
    const char *text = body->failed ? "{\"error\":\"no memory\"}" : rd_buf_text(body);
    struct MHD_Response *r = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result done;

    if (!r)
        return MHD_NO;
    (void)MHD_add_response_header(r, "Content-Type", "application/json");
    s->requests++;
    s->refused += status >= 400;
    done = MHD_queue_response(c, body->failed ? 500 : status, r);
    MHD_destroy_response(r);
    return done;
}

static enum MHD_Result reply_text(
    struct server *s, struct MHD_Connection *c, unsigned status, const char *json)
{
    struct rd_buf body = { 0 };
    enum MHD_Result done;

    rd_buf_puts(&body, json);
    done = reply(s, c, status, &body);
    rd_buf_release(&body);
    return done;
}

static enum MHD_Result reply_error(
    struct server *s, struct MHD_Connection *c, unsigned status, const char *text)
{
    struct rd_buf body = { 0 };
    enum MHD_Result done;

    rd_serve_error(text, &body);
    done = reply(s, c, status, &body);
    rd_buf_release(&body);
    return done;
}

static enum MHD_Result infer(struct server *s, struct MHD_Connection *c,
    enum rd_serve_protocol protocol, const char *name, const struct incoming *in)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_serve_request q;
    struct rd_error err = { 0 };
    struct rd_buf body = { 0 };
    unsigned status = 200;
    float *score;
    enum MHD_Result done;
    rd_status st = rd_serve_read(
        protocol, &s->model, rd_buf_text(&in->body), in->body.len, &scratch, &q, &err);

    if (st) {
        status = st == RD_E_LIMIT ? 413 : st == RD_E_MEMORY ? 500 : 400;
    } else {
        score = RD_NEW_ARRAY(&scratch, float, q.n * s->model.classes);
        st = score ? s->target->scores(s->target->self, q.x, q.n, score, &err)
                   : RD_FAIL(&err, RD_E_MEMORY, "no memory for %zu rows", q.n);
        status = st ? 500 : 200;
    }
    if (st) {
        rd_serve_error(err.frame[0].text, &body);
    } else {
        s->rows += q.n;
        rd_serve_write(protocol, &s->model, name, &q, score, &body);
    }
    done = reply(s, c, status, &body);
    rd_buf_release(&body);
    rd_arena_release(&scratch);
    return done;
}

static enum MHD_Result metadata(struct server *s, struct MHD_Connection *c, const char *name)
{
    struct rd_buf body = { 0 };
    enum MHD_Result done;

    rd_serve_metadata(&s->model, name, &body);
    done = reply(s, c, 200, &body);
    rd_buf_release(&body);
    return done;
}

/* --- routes --- */

static bool speaks(const struct server *s, const char *protocol)
{
    return !strcmp(s->protocol, "any") || !strcmp(s->protocol, protocol);
}

/* The name between the prefix and the next / or :, and what stands behind it; NULL: no such path.
 * A version in between is passed over. */
static const char *behind_name(const char *url, const char *prefix, char name[NAME_MOST + 1])
{
    size_t len;

    if (strncmp(url, prefix, strlen(prefix)) != 0)
        return NULL;
    url += strlen(prefix);
    len = strcspn(url, "/:");
    if (!len || len > NAME_MOST)
        return NULL;
    memcpy(name, url, len);
    name[len] = '\0';
    url += len;
    if (!strncmp(url, "/versions/", 10))
        url += 10 + strcspn(url + 10, "/:");
    return url;
}

/* 0 when answered, else the status to refuse with. */
static unsigned route(struct server *s, struct MHD_Connection *c, const char *url, bool post,
    const struct incoming *in, enum MHD_Result *done)
{
    char name[NAME_MOST + 1];
    const char *rest;

    if (speaks(s, "v2") && (rest = behind_name(url, "/v2/models/", name)) != NULL) {
        if (!strcmp(rest, "/infer")) {
            if (!post)
                return 405;
            *done = infer(s, c, RD_SERVE_V2, name, in);
            return 0;
        }
        if (*rest && strcmp(rest, "/") != 0 && strcmp(rest, "/ready") != 0)
            return 404;
        if (post)
            return 405;
        *done = strcmp(rest, "/ready") ? metadata(s, c, name)
                                       : reply_text(s, c, 200, "{\"ready\":true}");
        return 0;
    }
    if (speaks(s, "v1") && (rest = behind_name(url, "/v1/models/", name)) != NULL) {
        if (*rest && strcmp(rest, ":predict") != 0)
            return 404;
        if (post != (*rest == ':'))
            return 405;
        *done = post ? infer(s, c, RD_SERVE_V1, name, in)
                     : reply_text(s, c, 200,
                           "{\"model_version_status\":[{\"version\":\"1\",\"state\":\"AVAILABLE\"}]"
                           ",\"ready\":true}");
        return 0;
    }
    if (speaks(s, "mlflow") && !strcmp(url, "/invocations")) {
        if (!post)
            return 405;
        *done = infer(s, c, RD_SERVE_MLFLOW, "model", in);
        return 0;
    }
    if (post)
        return 404;
    if (!strcmp(url, "/v2/health/live") || !strcmp(url, "/v2/health/ready"))
        *done = reply_text(s, c, 200, url[11] == 'l' ? "{\"live\":true}" : "{\"ready\":true}");
    else if (!strcmp(url, "/v2"))
        *done = reply_text(
            s, c, 200, "{\"name\":\"redoubt\",\"version\":\"" RD_VERSION "\",\"extensions\":[]}");
    else if (!strcmp(url, "/ping") || !strcmp(url, "/health"))
        *done = reply_text(s, c, 200, "\n");
    else if (!strcmp(url, "/version"))
        *done = reply_text(s, c, 200, RD_VERSION);
    else
        return 404;
    return 0;
}

static bool declared_too_large(struct MHD_Connection *c)
{
    const char *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
    double n;

    return length && rd_text_to_double(length, false, &n) && n > RD_SERVE_BYTES;
}

static enum MHD_Result handle(void *user, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *upload, size_t *upload_size, void **state)
{
    struct server *s = user;
    struct incoming *in = *state;
    const bool post = !strcmp(method, "POST");
    enum MHD_Result done = MHD_NO;
    unsigned status;

    (void)version;
    if (!in) { /* the head has come; refused here, no body is read */
        if (declared_too_large(c))
            return reply_error(s, c, 413, "the request is larger than 16 MiB");
        in = rd_alloc(sizeof *in);
        if (!in)
            return MHD_NO;
        *in = (struct incoming){ .body.limit = RD_SERVE_BYTES };
        *state = in;
        return MHD_YES;
    }
    if (*upload_size) {
        rd_buf_put(&in->body, upload, *upload_size);
        *upload_size = 0;
        return in->body.failed ? MHD_NO : MHD_YES;
    }
    if (!post && strcmp(method, "GET") != 0)
        return reply_error(s, c, 405, "only GET and POST are answered");
    status = route(s, c, url, post, in, &done);
    if (!status)
        return done;
    return reply_error(s, c, status,
        status == 405 ? "the wrong method for this path"
                      : "no such path: POST /v2/models/NAME/infer, /v1/models/NAME:predict or "
                        "/invocations");
}

static void finished(
    void *user, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
    struct incoming *in = *state;

    (void)user;
    (void)c;
    (void)why;
    if (in)
        rd_buf_release(&in->body);
    rd_free(in);
    *state = NULL;
}

/* --- the command --- */

static rd_status loopback(const char *host, uint16_t port, struct sockaddr_storage *out,
    const char **shown_out, struct rd_error *err)
{
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)out;
    char safe[64];

    memset(out, 0, sizeof *out);
    if (!strcmp(host, "127.0.0.1") || !strcmp(host, "localhost")) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        *shown_out = "127.0.0.1";
        return RD_OK;
    }
    if (!strcmp(host, "::1") || !strcmp(host, "[::1]")) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
        six->sin6_addr = in6addr_loopback;
        *shown_out = "[::1]";
        return RD_OK;
    }
    (void)RD_FAIL(err, RD_E_USAGE, "'%s' is not this machine's own address",
        rd_text_safe_in(safe, sizeof safe, host));
    return rd_error_hint(err, "the server has no authentication and listens on 127.0.0.1, ::1 or "
                              "localhost only");
}

static rd_status open_model(struct server *s, const char *path)
{
    struct rd_cli *cli = s->cli;
    struct rd_graph *graph;
    rd_status st = rd_graph_load(path, NULL, cli->run.scratch, &graph, cli->run.err);

    if (!st)
        st = rd_target_open_graph(
            graph, path, cli->run.pool, cli->run.scratch, &s->target, cli->run.err);
    if (st)
        return st;
    s->model.input = graph->value[graph->input[0]].name;
    s->model.output = graph->value[graph->output[0]].name;
    s->model.dim = s->target->dim;
    s->model.ndim = s->target->ndim;
    s->model.inputs = s->target->inputs;
    s->model.classes = s->target->classes;
    return RD_OK;
}

static rd_status serve_until_told(struct server *s, struct MHD_Daemon *d, const char *shown)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT);
    const unsigned port = info ? (unsigned)info->port : 0u;

    if (s->cli->json || s->cli->quiet || s->cli->log_json)
        rd_cli_note(s->cli, "listening on http://%s:%u", shown, port);
    if (!s->cli->json && !s->cli->quiet) {
        (void)fprintf(s->cli->out, "listening on http://%s:%u\n", shown, port);
        (void)fflush(s->cli->out);
    }
    /* The step says no once a signal came; its drawing of progress is of no use here. */
    while (!rd_progress_was_signaled())
        if (MHD_run_wait(d, TICK_MS) != MHD_YES)
            return RD_FAIL(s->cli->run.err, RD_E_IO, "the server stopped by itself");
    return RD_OK;
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct model_serve *o = opts;
    struct server s = { .cli = cli, .protocol = o->protocol };
    struct sockaddr_storage address;
    struct MHD_Daemon *d;
    const char *shown = "";
    unsigned flags = MHD_USE_AUTO;
    rd_status st = loopback(o->host, (uint16_t)o->port, &address, &shown, cli->run.err);

    (void)argc;
    if (!st)
        st = open_model(&s, argv[0]);
    if (st)
        return st;
    s.model.labels_only = o->labels_only;
    flags |= address.ss_family == AF_INET6 ? MHD_USE_IPv6 : 0;
    errno = 0;
    d = MHD_start_daemon(flags, (uint16_t)o->port, NULL, NULL, handle, &s, MHD_OPTION_SOCK_ADDR,
        (struct sockaddr *)(void *)&address, MHD_OPTION_NOTIFY_COMPLETED, finished, NULL,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_SECONDS, MHD_OPTION_END);
    if (!d)
        return RD_FAIL(cli->run.err, RD_E_IO, "cannot listen on %s:%lld: %s", shown,
            (long long)o->port, errno ? strerror(errno) : "no socket");
    st = serve_until_told(&s, d, shown);
    MHD_stop_daemon(d);
    if (st)
        return st;
    (void)fprintf(cli->out, "stopped after %llu requests (%llu refused), %llu rows\n", s.requests,
        s.refused, s.rows);
    rd_json_object(cli->result);
    rd_json_kint(cli->result, "requests", (int64_t)s.requests);
    rd_json_kint(cli->result, "refused", (int64_t)s.refused);
    rd_json_kint(cli->result, "rows", (int64_t)s.rows);
    rd_json_end(cli->result);
    return RD_OK;
}

const struct rd_command rd_command_model_serve = {
    .name = "model serve",
    .summary = "answer for an ONNX classifier over HTTP, on this machine only",
    .synopsis = "M.onnx --port N [--labels-only] [--protocol any|v2|v1|mlflow]",
    .examples = "redoubt model serve m.onnx --port 8080\n"
                "redoubt attack run hop-skip-jump --target "
                "http://127.0.0.1:8080/v2/models/m/infer --allow-host 127.0.0.1:8080 --input x.npy "
                "--labels y.npy\n",
    .options = options,
    .options_size = sizeof(struct model_serve),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
