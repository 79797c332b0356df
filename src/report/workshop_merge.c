/*
 * workshop_merge.c - what several people said, put together and into the file.
 *
 * Facts and owners: everybody who answered says the same and the file says nothing, or it is open.
 *
 * Ranges: where all overlap, the mean of the logarithms of the low ends and of the high ends (log
 * odds for probabilities): the quantiles of the several distributions averaged, which keeps the
 * family (Vincent averaging; Ratcliff 1979). It does not widen where people disagree, so where two
 * ranges do not even overlap the widest of all is taken, and the disagreement is open. Rounded to
 * three digits: nobody said more.
 */
#include "report/workshop.h"

#include "base/text.h"
#include "report/words.h"
#include "report/workshop_splice.h"
#include "stats/special.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct said { /* one answer of one person */
    const struct rd_workshop_answer *answer;
    const struct rd_workshop_sheet *sheet;
};
struct merger {
    struct rd_run *run;
    struct rd_arena *arena;
    const struct rd_system *system;
    struct rd_splice splice;
    struct rd_workshop_change *change;
    struct rd_workshop_open *open;
    size_t n_changes, n_open, kept;
    bool failed;
};

/* --- words --- */

static const char *keep(struct merger *m, struct rd_buf *b)
{
    const char *text = b->failed ? NULL : rd_arena_strdup(m->arena, rd_buf_text(b));

    m->failed = m->failed || !text;
    rd_buf_release(b);
    return text ? text : "";
}

static void open_up(struct merger *m, const struct rd_workshop_item *item, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void open_up(struct merger *m, const struct rd_workshop_item *item, const char *fmt, ...)
{
    struct rd_buf b = { 0 };
    va_list ap;

    va_start(ap, fmt);
    rd_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    m->open[m->n_open++] = (struct rd_workshop_open){ item, keep(m, &b) };
}

/* "yes" of Ann, "no" of Bob; or the ranges. */
static const char *who_says(struct merger *m, const struct said *s, size_t n)
{
    struct rd_buf b = { 0 };

    for (size_t i = 0; i < n; i++) {
        rd_buf_printf(&b, "%s%s says ", !i ? "" : i + 1 == n ? " and " : ", ", s[i].sheet->name);
        if (s[i].answer->text)
            rd_buf_printf(&b, "'%s'", s[i].answer->text);
        else
            rd_buf_printf(&b, "%s to %s", rd_words_number(s[i].answer->low, m->arena),
                rd_words_number(s[i].answer->high, m->arena));
    }
    return keep(m, &b);
}

static const char *range_words(struct merger *m, double low, double high)
{
    const char *text = low < high
                           ? rd_arena_printf(m->arena, "%s to %s", rd_words_number(low, m->arena),
                                 rd_words_number(high, m->arena))
                           : rd_words_number(low, m->arena);

    m->failed = m->failed || !text;
    return text ? text : "";
}

/* --- YAML --- */

/* Would a reader of YAML 1.1 or 1.2 take it for something else than this text? */
static bool is_plain(const char *text)
{
    static const char *const words[] = { "true", "false", "yes", "no", "on", "off", "null", "y",
        "n", NULL };
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const size_t len = strlen(text);
    char lower[8];

    if (!len || !strchr(first, text[0]) || text[len - 1] == ' ')
        return false;
    for (const char *p = text; *p; p++)
        if (!strchr(first, *p) && !strchr("0123456789 _-./", *p))
            return false;
    for (size_t i = 0; len < sizeof lower && i <= len; i++)
        lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
    for (size_t i = 0; len < sizeof lower && words[i]; i++)
        if (!strcmp(lower, words[i]))
            return false;
    return true;
}

/* A scalar of one line, good in braces too. */
static const char *yaml_text(struct merger *m, const char *text)
{
    struct rd_buf b = { 0 };
    size_t left = strlen(text);

    if (is_plain(text))
        return text;
    rd_buf_putc(&b, '"');
    while (left) {
        bool deceptive = false;
        uint32_t cp = 0;
        size_t step = rd_text_look(text, left, &cp, &deceptive);

        if (!step) {
            step = 1; /* the reader took no such bytes */
        } else if (cp < 0x20 || cp == 0x7F) {
            rd_buf_printf(&b, "\\x%02x", cp);
        } else if (deceptive) {
            rd_buf_printf(&b, cp > 0xFFFF ? "\\U%08x" : "\\u%04x", cp);
        } else {
            rd_buf_puts(&b, cp == '"' || cp == '\\' ? "\\" : "");
            rd_buf_put(&b, text, step);
        }
        text += step;
        left -= step;
    }
    rd_buf_putc(&b, '"');
    return keep(m, &b);
}

static const char *yaml_number(struct merger *m, double v)
{
    char number[32];
    const char *text = rd_arena_strdup(m->arena, rd_text_from_double(v, number));

    m->failed = m->failed || !text;
    return text ? text : "";
}

/* --- who, when --- */

static int by_name(const void *x, const void *y)
{
    return strcmp(((const struct said *)x)->sheet->name, ((const struct said *)y)->sheet->name);
}

static const char *names_of(struct merger *m, const struct said *s, size_t n)
{
    struct rd_buf b = { 0 };

    for (size_t i = 0; i < n; i++)
        rd_buf_printf(&b, "%s%s", i ? "; " : "", s[i].sheet->name);
    return keep(m, &b);
}

static const char *latest(const struct said *s, size_t n)
{
    const char *date = s[0].sheet->date;

    for (size_t i = 1; i < n; i++)
        if (strcmp(s[i].sheet->date, date) > 0)
            date = s[i].sheet->date; /* dates sort as text */
    return date;
}

/* Is everybody whom the file names among those who answer now? */
static bool all_are_here(const char *by, const struct said *s, size_t n)
{
    while (by && *by) {
        const char *end = strstr(by, "; ");
        const size_t len = end ? (size_t)(end - by) : strlen(by);
        bool here = false;

        for (size_t i = 0; i < n; i++)
            here = here || (strlen(s[i].sheet->name) == len && !strncmp(s[i].sheet->name, by, len));
        if (!here)
            return false;
        by += len + (end ? 2 : 0);
    }
    return by != NULL;
}

static void note(struct merger *m, const struct rd_workshop_item *item, const char *from,
    const char *to, const struct said *s, size_t n, const char *how)
{
    m->change[m->n_changes++] = (struct rd_workshop_change){ .item = item,
        .from = from,
        .to = to,
        .by = names_of(m, s, n),
        .date = latest(s, n),
        .how = how };
}

/* --- facts and owners --- */

static rd_status merge_text(struct merger *m, const struct said *s, size_t n)
{
    const struct rd_workshop_item *item = s[0].answer->item;
    const char *text = s[0].answer->text;
    const bool number = item->words && item->words[0][0] == '#';

    for (size_t i = 1; i < n; i++)
        if (strcmp(s[i].answer->text, text) != 0) {
            open_up(m, item, "%s; the file keeps %s", who_says(m, s, n),
                item->now ? item->now : "unknown");
            return RD_OK;
        }
    if (item->now && !strcmp(item->now, text)) {
        m->kept += n;
        return RD_OK;
    }
    if (item->now) {
        open_up(m, item, "the file says '%s', %s; the file keeps what it has", item->now,
            who_says(m, s, n));
        return RD_OK;
    }
    note(m, item, "unknown", text, s, n, NULL);
    return rd_splice_set(&m->splice, item, number ? text : yaml_text(m, text));
}

/* --- ranges --- */

/* Three digits, decimal: the number that one would write down. */
static double three_digits(double v)
{
    char text[32];
    double rounded;

    if (v == 0)
        return v;
    (void)snprintf(text, sizeof text, "%.2e", v);
    for (char *p = text; *p; p++)
        if (*p == ',')
            *p = '.'; /* a host program may have called setlocale */
    return rd_text_to_double(text, false, &rounded) ? rounded : v;
}

static double forth(double v, bool is_chance)
{
    return is_chance ? rd_log(v) - rd_log1p(-v) : rd_log(v);
}

static double back(double v, bool is_chance)
{
    return is_chance ? rd_logistic(v) : rd_exp(v);
}

static void put_together(
    struct merger *m, const struct said *s, size_t n, double *low, double *high, const char **how)
{
    const bool is_chance = s[0].answer->item->is_chance;
    double least = INFINITY, most = -INFINITY, last_low = -INFINITY, first_high = INFINITY;
    double sum_low = 0, sum_high = 0;
    bool has_mean = true;

    *how = NULL;
    *low = s[0].answer->low;
    *high = s[0].answer->high;
    if (n == 1)
        return;
    for (size_t i = 0; i < n; i++) {
        const double l = s[i].answer->low, h = s[i].answer->high;

        least = fmin(least, l);
        most = fmax(most, h);
        last_low = fmax(last_low, l);
        first_high = fmin(first_high, h);
        has_mean = has_mean && l > 0 && (!is_chance || h < 1);
        sum_low += has_mean ? forth(l, is_chance) : 0;
        sum_high += has_mean ? forth(h, is_chance) : 0;
    }
    if (has_mean && last_low <= first_high) {
        *low = three_digits(back(sum_low / (double)n, is_chance));
        *high = three_digits(back(sum_high / (double)n, is_chance));
        *how =
            is_chance ? "mean of the log odds of each end" : "mean of the logarithms of each end";
    } else {
        *low = least;
        *high = most;
        *how = "the widest, since not all ranges overlap";
        if (last_low > first_high)
            open_up(m, s[0].answer->item,
                "%s, and these do not overlap; the file has the widest "
                "until they agree",
                who_says(m, s, n));
    }
}

static bool is_same(double a, double b)
{
    return !(a < b) && !(a > b);
}

/* The file holds an expert's or a measured range already: may it be replaced by these people's? */
static bool may_replace(
    struct merger *m, const struct rd_workshop_item *item, const struct said *s, size_t n)
{
    const struct rd_uncertain *u = item->range;
    const char *held = range_words(m, u->low, u->high);

    if (!u->given || u->provenance == RD_PROV_DEFAULT)
        return true;
    if (u->provenance != RD_PROV_EXPERT) {
        open_up(m, item, "the file has what was %s, %s; %s; the file keeps what it has",
            u->provenance == RD_PROV_MEASURED ? "measured" : "observed", held, who_says(m, s, n));
        return false;
    }
    if (!all_are_here(u->by, s, n)) {
        open_up(m, item,
            "the file has %s by %s, whose sheet is not among these; %s; merge all sheets together, "
            "or change it by hand",
            held, u->by ? u->by : "somebody", who_says(m, s, n));
        return false;
    }
    if (u->date && strcmp(u->date, latest(s, n)) > 0) {
        open_up(m, item, "the file has %s of %s, which is newer; %s; the file keeps what it has",
            held, u->date, who_says(m, s, n));
        return false;
    }
    return true;
}

static rd_status merge_range(struct merger *m, const struct said *s, size_t n)
{
    const struct rd_workshop_item *item = s[0].answer->item;
    const struct rd_uncertain *u = item->range;
    const char *how, *by = names_of(m, s, n), *date = latest(s, n), *from, *to;
    double low, high;

    put_together(m, s, n, &low, &high, &how);
    if (u->given && u->provenance == RD_PROV_EXPERT && is_same(u->low, low) &&
        is_same(u->high, high) && u->by && !strcmp(u->by, by) && u->date &&
        !strcmp(u->date, date)) {
        m->kept += n;
        return RD_OK;
    }
    if (!may_replace(m, item, s, n))
        return RD_OK;
    from = u->given ? range_words(m, u->low, u->high) : "unknown";
    to = range_words(m, low, high);
    note(m, item, from, to, s, n, how);
    return rd_splice_set_range(
        &m->splice, item, yaml_number(m, low), yaml_number(m, high), yaml_text(m, by), date);
}

/* --- all of it --- */

static int by_item(const void *x, const void *y)
{
    const struct said *a = x, *b = y;

    if (a->answer->item != b->answer->item)
        return a->answer->item < b->answer->item ? -1 : 1;
    return by_name(x, y);
}

static bool is_same_answer(const struct said *a, const struct said *b)
{
    if (a->answer->text)
        return !strcmp(a->answer->text, b->answer->text) && !strcmp(a->sheet->date, b->sheet->date);
    return is_same(a->answer->low, b->answer->low) && is_same(a->answer->high, b->answer->high) &&
           !strcmp(a->sheet->date, b->sheet->date);
}

static rd_status says_two_things(struct merger *m, const struct said *a, const struct said *b)
{
    char one[100], two[100], name[100];

    return RD_FAIL(m->run->err, RD_E_INPUT,
        "%s:%d:%d: %s answers '%s' here, and otherwise at %s:%d:%d",
        rd_text_safe_in(one, sizeof one, a->sheet->file), a->answer->at.line, a->answer->at.column,
        rd_text_safe_in(name, sizeof name, a->sheet->name), a->answer->item->id,
        rd_text_safe_in(two, sizeof two, b->sheet->file), b->answer->at.line, b->answer->at.column);
}

/* Answers to one item; one person's twice said same thing counts once. */
static rd_status merge_item(struct merger *m, struct said *s, size_t n)
{
    size_t kept = 1;

    for (size_t i = 1; i < n; i++) {
        if (strcmp(s[i].sheet->name, s[kept - 1].sheet->name) != 0)
            s[kept++] = s[i];
        else if (!is_same_answer(&s[i], &s[kept - 1]))
            return says_two_things(m, &s[i], &s[kept - 1]);
    }
    return s[0].answer->text ? merge_text(m, s, kept) : merge_range(m, s, kept);
}

static rd_status merge_all(struct merger *m, struct said *s, size_t n)
{
    rd_status st = RD_OK;

    qsort(s, n, sizeof *s, by_item);
    for (size_t i = 0, end; i < n && !st; i = end) {
        for (end = i + 1; end < n && s[end].answer->item == s[i].answer->item; end++)
            ;
        st = merge_item(m, s + i, end - i);
    }
    return st ? st : m->failed ? rd_run_no_memory(m->run, "the merge") : RD_OK;
}

/* The new file, read again: does it say at each place what was to be said? */
static rd_status prove(struct merger *m, const char *text, size_t size)
{
    struct rd_splice again;
    rd_status st = rd_splice_init(&again, m->run, m->splice.file, text, size, m->arena);

    for (size_t i = 0; i < m->n_changes && !st; i++) {
        const struct rd_workshop_change *c = &m->change[i];
        const struct rd_doc *v = rd_splice_value(&again, c->item);
        const struct rd_doc *high = v && v->kind == RD_DOC_MAP ? rd_doc_get(v, "high") : NULL;
        double h;

        if (c->item->kind == RD_WORKSHOP_RANGE
                ? high && rd_doc_real(high, &h) && rd_doc_get(v, "by")
                : v && v->kind == RD_DOC_SCALAR && !strcmp(v->text, c->to))
            continue;
        st = RD_FAIL(m->run->err, RD_E_INPUT,
            "%s: '%s' cannot be changed in place: change it by hand", m->splice.file, c->item->id);
    }
    return st ? RD_WRAP(m->run->err, st, "putting the answers into the file") : RD_OK;
}

rd_status rd_workshop_merge(struct rd_run *run, const char *file, const void *bytes, size_t size,
    const struct rd_system *system, const struct rd_workshop_items *items,
    const struct rd_workshop_sheet *sheets, size_t n_sheets, struct rd_arena *arena,
    struct rd_workshop_merged *merged_out)
{
    struct merger m = { .run = run, .arena = arena, .system = system };
    struct rd_workshop_merged merged = { .text = bytes, .size = size };
    struct said *said;
    size_t n = 0, max = 0;
    rd_status st;

    (void)items;
    if (system->version < RD_SYSTEM_VERSION) {
        (void)RD_FAIL(run->err, RD_E_INPUT, "%s is of version %d", file, system->version);
        return rd_error_hint(run->err, "redoubt migrate rewrites it first");
    }
    for (size_t i = 0; i < n_sheets; i++)
        max += sheets[i].n;
    said = RD_NEW_ARRAY(arena, struct said, max + 1);
    m.change = RD_NEW_ARRAY(arena, struct rd_workshop_change, max + 1);
    m.open = RD_NEW_ARRAY(arena, struct rd_workshop_open, 2 * max + 1);
    if (!said || !m.change || !m.open)
        return rd_run_no_memory(run, "the merge");
    for (size_t i = 0; i < n_sheets; i++)
        for (size_t k = 0; k < sheets[i].n; k++) {
            const char *text = sheets[i].answer[k].text;

            if (!text || strcmp(text, "unknown") != 0)
                said[n++] = (struct said){ &sheets[i].answer[k], &sheets[i] };
        }
    st = rd_splice_init(&m.splice, run, file, bytes, size, arena);
    if (!st)
        st = merge_all(&m, said, n);
    if (!st && m.n_changes)
        st = rd_splice_finish(&m.splice, &merged.text, &merged.size);
    if (!st && m.n_changes)
        st = prove(&m, merged.text, merged.size);
    merged.change = m.change;
    merged.n_changes = m.n_changes;
    merged.open = m.open;
    merged.n_open = m.n_open;
    merged.kept = m.kept;
    if (!st)
        *merged_out = merged;
    return st;
}
