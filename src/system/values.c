/* values - one scalar at a time: its type, its range, and what to write instead. */
#include "base/text.h"
#include "system/read.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct rd_place rd_place_of(const struct rd_doc *doc)
{
    return (struct rd_place){ doc->line, doc->column };
}

static bool wrong(struct rd_reader *r, struct rd_at v, const char *want)
{
    char found[RD_FOUND];

    rd_problem_add(r, rd_place_of(v.doc), v.crumb, v.key, "expected %s, found %s", want,
        rd_found(v.doc, found));
    return false;
}

bool rd_read_text(struct rd_reader *r, struct rd_at v, const char *want, const char **out)
{
    const char *text = rd_doc_text(v.doc);

    if (!text || !*text)
        return wrong(r, v, want);
    *out = text;
    return true;
}

static bool is_id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool rd_id_is_valid(const char *id)
{
    const size_t len = strnlen(id, 65);

    if (!len || len > 64 || !is_id_char(id[0]))
        return false;
    for (size_t i = 1; i < len; i++) {
        if (!is_id_char(id[i]) && id[i] != '-')
            return false;
    }
    return true;
}

bool rd_read_id(struct rd_reader *r, struct rd_at v, const char **out)
{
    static const char want[] = "an id of at most 64 characters of a-z, 0-9 and '-'";

    if (!rd_read_text(r, v, want, out))
        return false;
    return rd_id_is_valid(*out) || wrong(r, v, want);
}

bool rd_read_word(struct rd_reader *r, struct rd_at v, const char *const *words, int *position_out)
{
    const char *text = rd_doc_text(v.doc);
    char found[RD_FOUND], list[512];

    if (!text) {
        char want[560];

        (void)snprintf(want, sizeof(want), "%s", rd_words_in(list, sizeof(list), words));
        return wrong(r, v, want);
    }
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0) {
            *position_out = i;
            return true;
        }
    }
    rd_problem_near(r, rd_place_of(v.doc), v.crumb, v.key, text, words, "expected %s, found %s",
        rd_words_in(list, sizeof(list), words), rd_found(v.doc, found));
    return false;
}

bool rd_read_tri(struct rd_reader *r, struct rd_at v, enum rd_tri *out)
{
    static const char *const words[] = { "no", "yes", "unknown", "false", "true", NULL };
    static const char *const shown[] = { "yes", "no", "unknown", NULL };
    const char *text = rd_doc_text(v.doc);
    char found[RD_FOUND];

    for (int i = 0; text && words[i]; i++) {
        /* "false" in quotes is a text, which says neither. */
        if (strcmp(words[i], text) == 0 && (i < 3 || !v.doc->quoted)) {
            *out = (enum rd_tri)(i % 3);
            return true;
        }
    }
    rd_problem_near(r, rd_place_of(v.doc), v.crumb, v.key, text ? text : "", shown,
        "expected yes, no or unknown, found %s", rd_found(v.doc, found));
    return false;
}

/* "a number in days from 0 to 36500", "a number in EUR of at least 0" */
static const char *describe_number(
    const struct rd_reader *r, char *out, size_t size, const struct rd_field *f, const char *what)
{
    static const char money[] = "currency";
    char low[32], high[32], named[64];
    const char *unit = f->unit ? f->unit : "";
    const bool open = f->max >= 1e12;

    if (r->currency && !strncmp(unit, money, sizeof money - 1)) {
        (void)snprintf(named, sizeof named, "%s%s", r->currency, unit + sizeof money - 1);
        unit = named;
    }

    (void)rd_text_from_double(f->min, low);
    (void)rd_text_from_double(f->max, high);
    (void)snprintf(out, size, "%s%s%s%s%s%s%s", what, *unit ? " in " : "", unit,
        open ? " of at least " : " from ", low, open ? "" : " to ", open ? "" : high);
    return out;
}

/* A number followed by something: the commonest mistake is to write the unit. */
static const char *number_advice(const struct rd_doc *doc, char out[64])
{
    const char *p = doc->text;
    char head[32];
    size_t n;
    double v;

    if (doc->kind != RD_DOC_SCALAR)
        return "";
    if (doc->quoted)
        return rd_text_to_double(p, true, &v) ? "; write it without quotes" : "";
    n = strspn(p, "+-.0123456789eE");
    if (!n || n >= sizeof(head) || !p[n] || p[n] == '/' || p[n] == 'x')
        return "";
    memcpy(head, p, n);
    head[n] = '\0';
    if (!rd_text_to_double(head, false, &v))
        return p[n] == ',' || p[n] == '_' ? "; write digits and one decimal point only" : "";
    if (strcmp(p + n + strspn(p + n, " "), "%") == 0) {
        char share[32];

        (void)snprintf(out, 64, "; write %s", rd_text_from_double(v / 100, share));
        return out;
    }
    if (p[n] == ',' || p[n] == '_')
        return "; write digits and one decimal point only";
    (void)snprintf(out, 64, "; write the number alone: %s", head);
    return out;
}

/* JSON has no other way to write 1/255 than in quotes. */
static bool is_fraction(const struct rd_doc *doc, double *out)
{
    return doc->kind == RD_DOC_SCALAR && strchr(doc->text, '/') &&
           rd_text_to_double(doc->text, true, out);
}

bool rd_read_real(struct rd_reader *r, struct rd_at v, const struct rd_field *f, double *out)
{
    char want[160], found[RD_FOUND], advice[64];
    double x;

    if ((rd_doc_real(v.doc, &x) || is_fraction(v.doc, &x)) && x >= f->min && x <= f->max) {
        *out = x;
        return true;
    }
    rd_problem_add(r, rd_place_of(v.doc), v.crumb, v.key, "expected %s, found %s%s",
        describe_number(r, want, sizeof(want), f, "a number"), rd_found(v.doc, found),
        number_advice(v.doc, advice));
    return false;
}

bool rd_read_int(struct rd_reader *r, struct rd_at v, const struct rd_field *f, int64_t *out)
{
    char want[160], found[RD_FOUND], advice[64];
    int64_t x;

    if (rd_doc_int(v.doc, &x) && (double)x >= f->min && (double)x <= f->max) {
        *out = x;
        return true;
    }
    rd_problem_add(r, rd_place_of(v.doc), v.crumb, v.key, "expected %s, found %s%s",
        describe_number(r, want, sizeof(want), f, "a whole number"), rd_found(v.doc, found),
        number_advice(v.doc, advice));
    return false;
}

bool rd_read_date(struct rd_reader *r, struct rd_at v, const char **out)
{
    static const char want[] = "a date such as 2026-11-01 (year-month-day)";

    if (!rd_read_text(r, v, want, out))
        return false;
    return rd_text_is_date(*out) || wrong(r, v, want);
}

int rd_quarter_number(const char *text)
{
    int n = 0;

    if (strnlen(text, 8) != 7 || text[4] != '-' || text[5] != 'Q' || text[6] < '1' || text[6] > '4')
        return RD_NONE;
    for (size_t i = 0; i < 4; i++) {
        if (text[i] < '0' || text[i] > '9')
            return RD_NONE;
        n = n * 10 + (text[i] - '0');
    }
    return n * 4 + (text[6] - '1');
}

bool rd_read_quarter(struct rd_reader *r, struct rd_at v, const char **out)
{
    static const char want[] = "a quarter such as 2027-Q1 (year-Q and 1 to 4)";

    if (!rd_read_text(r, v, want, out))
        return false;
    return rd_quarter_number(*out) != RD_NONE || wrong(r, v, want);
}

static bool is_currency(const char *text)
{
    return strlen(text) == 3 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
}

bool rd_read_currency(struct rd_reader *r, struct rd_at v, const char **out)
{
    static const char want[] = "a currency code of three capital letters such as USD or EUR";

    if (!rd_read_text(r, v, want, out))
        return false;
    return is_currency(*out) || wrong(r, v, want);
}

const char *rd_currency_of(const struct rd_doc *file)
{
    const struct rd_doc *said = file->kind == RD_DOC_MAP ? rd_doc_get(file, "currency") : NULL;
    const char *text = said ? rd_doc_text(said) : NULL;

    if (!said)
        for (const struct rd_field *f = rd_section_file.fields; f->kind != RD_F_END; f++)
            if (f->kind == RD_F_CURRENCY)
                text = f->preset;
    return text && is_currency(text) ? text : NULL;
}

static bool is_port(const char *p)
{
    long port = 0;

    if (!*p || strlen(p) > 5 || strspn(p, "0123456789") != strlen(p))
        return false;
    for (; *p; p++)
        port = port * 10 + (*p - '0');
    return port >= 1 && port <= 65535;
}

/* host, host:port, [v6] or [v6]:port; no scheme, no path, no wildcard: each host is named. */
static bool is_host(const char *text)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    size_t n;

    if (strlen(text) > 260)
        return false;
    if (text[0] == '[') {
        n = strspn(text + 1, "0123456789abcdefABCDEF:.");
        if (n < 2 || text[n + 1] != ']')
            return false;
        n += 2;
    } else {
        n = strspn(text, name);
        if (!n || text[0] == '.' || text[0] == '-')
            return false;
    }
    return !text[n] || (text[n] == ':' && is_port(text + n + 1));
}

bool rd_read_host(struct rd_reader *r, struct rd_at v, const char **out)
{
    static const char want[] = "a host or host:port, without scheme, path or '*'";

    if (!rd_read_text(r, v, want, out))
        return false;
    return is_host(*out) || wrong(r, v, want);
}

/* What stands between "://" and the path: a host of scope.hosts. No user, no fragment, no blanks.
 */
bool rd_read_url(struct rd_reader *r, struct rd_at v, const char **out)
{
    static const char want[] =
        "an address such as https://127.0.0.1:8080/v2/models/m/infer, without user and '#'";
    const char *text, *host;
    char name[280];
    size_t n;

    if (!rd_read_text(r, v, want, &text))
        return false;
    if (strchr(text, '@')) { /* what stands before it may be a password: it is not shown */
        rd_problem_add(r, rd_place_of(v.doc), v.crumb, v.key,
            "expected an address without '@'; give credentials as 'headers', from the environment");
        return false;
    }
    if (strncmp(text, "http://", 7) == 0)
        host = text + 7;
    else if (strncmp(text, "https://", 8) == 0)
        host = text + 8;
    else
        return wrong(r, v, want);
    n = strcspn(host, "/?");
    if (!n || n >= sizeof(name) || strlen(text) > 2000)
        return wrong(r, v, want);
    memcpy(name, host, n);
    name[n] = '\0';
    for (const char *p = text; *p; p++) {
        if (*p <= ' ' || *p > '~' || *p == '#' || *p == '\\')
            return wrong(r, v, want);
    }
    if (!is_host(name))
        return wrong(r, v, want);
    *out = text;
    return true;
}
