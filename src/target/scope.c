#include "target/scope.h"

#include "base/text.h"

#include <curl/curl.h>
#include <math.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* --- addresses --- */

bool rd_target_is_url(const char *where)
{
    return where && (!strncasecmp(where, "http://", 7) || !strncasecmp(where, "https://", 8));
}

struct parts {
    char *scheme, *host, *port, *path, *user;
};

static void parts_free(struct parts *p)
{
    curl_free(p->scheme);
    curl_free(p->host);
    curl_free(p->port);
    curl_free(p->path);
    curl_free(p->user);
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 127)
            return true;
    return false;
}

static rd_status take_apart(const char *url, struct parts *p, struct rd_error *err)
{
    CURLU *u = has_control(url) ? NULL : curl_url();
    char safe[160];
    rd_status st = RD_OK;

    rd_text_safe_in(safe, sizeof safe, url);
    if (!u || curl_url_set(u, CURLUPART_URL, url, 0) ||
        curl_url_get(u, CURLUPART_SCHEME, &p->scheme, 0) ||
        curl_url_get(u, CURLUPART_HOST, &p->host, 0) ||
        curl_url_get(u, CURLUPART_PORT, &p->port, CURLU_DEFAULT_PORT) ||
        curl_url_get(u, CURLUPART_PATH, &p->path, 0))
        st = RD_FAIL(err, RD_E_USAGE, "'%s' is no address of the form http://HOST:PORT/PATH", safe);
    else if (strcmp(p->scheme, "http") != 0 && strcmp(p->scheme, "https") != 0)
        st = RD_FAIL(err, RD_E_USAGE, "'%s' is neither http nor https", safe);
    else if (!curl_url_get(u, CURLUPART_USER, &p->user, 0)) {
        st = RD_FAIL(err, RD_E_USAGE,
            "the address of '%s' holds a name and a password, which would show in reports",
            p->host);
        (void)rd_error_hint(err, "give them as a header: Authorization: ...");
    }
    curl_url_cleanup(u);
    return st;
}

static bool listed(const struct rd_target_limits *limits, const char *origin)
{
    for (size_t i = 0; limits && i < limits->n_hosts; i++)
        if (limits->hosts[i] && !strcasecmp(limits->hosts[i], origin))
            return true;
    return false;
}

static void lower(char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
}

rd_status rd_address_admit(const char *url, const struct rd_target_limits *limits,
    struct rd_arena *arena, struct rd_address *address_out, struct rd_error *err)
{
    struct parts p = { 0 };
    char *origin, safe[160];
    struct rd_address a = { 0 };
    rd_status st = take_apart(url, &p, err);

    if (st)
        goto out;
    origin = rd_arena_printf(arena, "%s:%s", p.host, p.port);
    a.url = rd_arena_strdup(arena, url);
    a.path = rd_arena_strdup(arena, p.path);
    a.shown = origin ? rd_arena_printf(arena, "%s://%s%s", p.scheme, origin,
                           rd_text_safe_in(safe, sizeof safe, p.path))
                     : NULL;
    if (!origin || !a.url || !a.path || !a.shown) {
        st = RD_FAIL(err, RD_E_MEMORY, "no memory for an address");
        goto out;
    }
    lower(origin);
    a.origin = origin;
    rd_text_safe_in(safe, sizeof safe, origin);
    if (!listed(limits, origin)) {
        st = RD_FAIL(err, RD_E_USAGE, "%s is outside the scope: nothing was sent to it", safe);
        (void)rd_error_hint(err,
            "when you are authorized to test it: --allow-host %s, or \"%s\" in scope.hosts of "
            "redoubt.yaml",
            safe, safe);
        goto out;
    }
    *address_out = a;
out:
    parts_free(&p);
    return st;
}

/* --- the meter --- */

int64_t rd_now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void rd_meter_init(struct rd_meter *m, const struct rd_target_source *source)
{
    const struct rd_target_limits *l = source->limits;

    *m = (struct rd_meter){
        .gap_ms = l && l->max_requests_per_second > 0 ? 1000 / l->max_requests_per_second : 0,
        .price_per_1000 = source->price_per_1000,
        .max_spend = l ? l->max_spend : NAN,
        .tally = l && l->tally ? l->tally : &m->own,
    };
}

static double price(const struct rd_meter *m, size_t rows)
{
    return m->price_per_1000 > 0 ? (double)rows * m->price_per_1000 / 1000 : 0;
}

rd_status rd_meter_afford(
    const struct rd_meter *m, size_t rows, const char *label, struct rd_error *err)
{
    const double paid = m->tally->paid, more = price(m, rows);

    /* Not max_spend < ...: a NaN cap is no cap; the slack is for sums of tenths. */
    if (!(paid + more > m->max_spend * (1 + 1e-9)))
        return RD_OK;
    return RD_FAIL(err, RD_E_LIMIT,
        "%zu more rows to '%s' would pass the spending cap of %g: %g was spent, %llu rows on it",
        rows, label, m->max_spend, paid, (unsigned long long)m->rows);
}

int64_t rd_meter_wait(const struct rd_meter *m, int64_t now)
{
    return m->tally->next_ms > now ? m->tally->next_ms - now : 0;
}

void rd_meter_take(struct rd_meter *m, size_t rows, int64_t now)
{
    /* Rounded up: a cap is never passed by the clock's grain. */
    if (m->gap_ms > 0)
        m->tally->next_ms = now + (int64_t)ceil(m->gap_ms);
    m->requests++;
    m->rows += rows;
    m->tally->paid += price(m, rows);
}

void rd_meter_give_back(struct rd_meter *m, size_t rows)
{
    m->rows -= rows;
    m->tally->paid -= price(m, rows);
}
