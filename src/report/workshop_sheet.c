/* workshop_sheet.c - one person's answers, read strictly: every mistake with its line and column.
 */
#include "report/workshop.h"

#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LEN = 100, TEXT_MAX_LEN = 400 };

struct reader {
    struct rd_run *run;
    struct rd_arena *arena;
    const struct rd_workshop_items *items;
    struct rd_problem *problem;
    size_t n_problems;
    bool failed;
};

static void wrong(struct reader *r, const struct rd_doc *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void wrong(struct reader *r, const struct rd_doc *at, const char *fmt, ...)
{
    struct rd_buf text = { 0 };
    va_list ap;

    if (r->n_problems == RD_WORKSHOP_PROBLEMS_MAX)
        return;
    va_start(ap, fmt);
    rd_buf_vprintf(&text, fmt, ap);
    va_end(ap);
    r->problem[r->n_problems] = (struct rd_problem){ { at->line, at->column },
        text.failed ? NULL : rd_arena_strdup(r->arena, rd_buf_text(&text)) };
    r->failed = r->failed || !r->problem[r->n_problems].text;
    r->n_problems++;
    rd_buf_release(&text);
}

static const char *found(const struct rd_doc *d, char out[120])
{
    char safe[80];

    if (d->kind == RD_DOC_SCALAR)
        (void)snprintf(out, 120, "'%s'", rd_text_safe_in(safe, sizeof safe, d->text));
    else
        (void)snprintf(out, 120, "%s",
            d->kind == RD_DOC_NULL   ? "nothing"
            : d->kind == RD_DOC_LIST ? "a list"
                                     : "a map");
    return out;
}

/* Only these keys; the nearest of them for another one. */
static void check_keys(struct reader *r, const struct rd_doc *map, const char *const *keys)
{
    for (size_t i = 0; i < map->n; i++) {
        const struct rd_doc at = { .line = map->item[i].key_line,
            .column = map->item[i].key_column };
        const char *const *k = keys, *near;
        char safe[80];

        while (*k && strcmp(*k, map->item[i].key) != 0)
            k++;
        if (*k)
            continue;
        near = rd_text_nearest(map->item[i].key, keys);
        wrong(r, &at, "unknown key '%s'%s%s%s",
            rd_text_safe_in(safe, sizeof safe, map->item[i].key), near ? "; did you mean '" : "",
            near ? near : "", near ? "'?" : "");
    }
}

static bool is_empty(const struct rd_doc *d)
{
    return !d || d->kind == RD_DOC_NULL || (d->kind == RD_DOC_SCALAR && !d->text_len);
}

/* --- who --- */

static const char *read_name(struct reader *r, const struct rd_doc *doc)
{
    const struct rd_doc *d = rd_doc_get(doc, "name");
    char was[120];

    if (is_empty(d)) {
        wrong(r, d ? d : doc, "expected 'name': who gave these answers");
        return "";
    }
    if (d->kind != RD_DOC_SCALAR || d->text_len > NAME_MAX_LEN || strchr(d->text, ';')) {
        wrong(r, d,
            "expected a name of at most %d bytes without ';' (which stands between several "
            "people), found %s",
            (int)NAME_MAX_LEN, found(d, was));
        return "";
    }
    return d->text;
}

static const char *read_date(struct reader *r, const struct rd_doc *doc, struct rd_place *at_out)
{
    const struct rd_doc *d = rd_doc_get(doc, "date");
    char was[120];

    if (!is_empty(d) && d->kind == RD_DOC_SCALAR && rd_text_is_date(d->text)) {
        *at_out = (struct rd_place){ d->line, d->column };
        return d->text;
    }
    wrong(r, d ? d : doc, "expected 'date': a day such as 2026-11-25, found %s",
        d ? found(d, was) : "none");
    return "";
}

static int read_role(struct reader *r, const struct rd_doc *doc)
{
    const struct rd_doc *d = rd_doc_get(doc, "role");
    const int role = !is_empty(d) && d->kind == RD_DOC_SCALAR ? rd_role_find(d->text) : RD_NONE;
    char was[120];

    if (!is_empty(d) && role == RD_NONE)
        wrong(r, d, "expected role: data, ml, platform, product or risk, found %s", found(d, was));
    return role;
}

static void check_version(struct reader *r, const struct rd_doc *doc)
{
    const struct rd_doc *d = rd_doc_get(doc, "workshop");
    char was[120];
    int64_t v;

    if (!d)
        wrong(r, doc, "expected the key 'workshop: %d' of a sheet of answers",
            (int)RD_WORKSHOP_VERSION);
    else if (!rd_doc_int(d, &v) || v != RD_WORKSHOP_VERSION)
        wrong(r, d, "expected workshop: %d, found %s", (int)RD_WORKSHOP_VERSION, found(d, was));
}

/* --- answers --- */

/* Both ends or none; false: nothing was said, or something wrong. */
static bool read_range(struct reader *r, const struct rd_doc *map, double max, bool is_chance,
    bool positive, double *low, double *high)
{
    const struct rd_doc *l = rd_doc_get(map, "low"), *h = rd_doc_get(map, "high");
    char was[120];

    if (is_empty(l) && is_empty(h))
        return false;
    if (is_empty(l) || is_empty(h)) {
        wrong(r, is_empty(l) ? (h ? h : map) : l, "expected both low and high, or neither");
        return false;
    }
    for (int i = 0; i < 2; i++)
        if (!rd_doc_real(i ? h : l, i ? high : low) || !isfinite(i ? *high : *low)) {
            wrong(r, i ? h : l, "expected a number, found %s", found(i ? h : l, was));
            return false;
        }
    if (*low > *high)
        wrong(r, l, "expected low to be at most high");
    else if (*low < 0)
        wrong(r, l, "expected a number that is not negative, found %s", found(l, was));
    else if (positive && *low < *high && *low <= 0)
        wrong(r, l, "expected low above 0: it is the 5 %% quantile of a quantity that is never 0");
    else if (*high > max)
        wrong(r, h, "expected at most %g, found %s", max, found(h, was));
    else if (is_chance && *low < *high && *high >= 1)
        wrong(r, h, "expected high below 1: it is the 95 %% quantile of a probability");
    else
        return true;
    return false;
}

static bool is_word_of(const struct rd_workshop_item *item, const struct rd_doc *d)
{
    static const char *const yes_no[] = { "yes", "no", NULL };
    const char *const *w = item->words ? item->words : yes_no;
    double v;

    if (w[0][0] == '*' && !w[0][1])
        return true;
    if (w[0][0] == '#' && !w[0][1])
        return rd_text_to_double(d->text, false, &v) && v >= 0;
    for (; *w; w++)
        if (!strcmp(*w, d->text))
            return true;
    return false;
}

static void wrong_word(
    struct reader *r, const struct rd_workshop_item *item, const struct rd_doc *d)
{
    struct rd_buf words = { 0 };
    const char *near = item->words ? rd_text_nearest(d->text, item->words) : NULL;
    char was[120];

    if (!item->words)
        rd_buf_puts(&words, "yes, no");
    else if (item->words[0][0] == '#')
        rd_buf_puts(&words, "a number from 0");
    else
        for (size_t i = 0; item->words[i]; i++)
            rd_buf_printf(&words, "%s%s", i ? ", " : "", item->words[i]);
    wrong(r, d, "expected %s or unknown, found %s%s%s%s", rd_buf_text(&words), found(d, was),
        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    rd_buf_release(&words);
}

/* false: nothing was said, or something wrong. */
static bool read_text(struct reader *r, const struct rd_workshop_item *item,
    const struct rd_doc *map, const char **text)
{
    const struct rd_doc *d = rd_doc_get(map, "answer");
    char was[120];
    bool yes;

    if (is_empty(d))
        return false;
    if (d->kind != RD_DOC_SCALAR || d->text_len > TEXT_MAX_LEN || strpbrk(d->text, "\r\n")) {
        wrong(r, d, "expected a text of one line and at most %d bytes, found %s", (int)TEXT_MAX_LEN,
            found(d, was));
        return false;
    }
    *text = rd_doc_bool(d, &yes) ? (yes ? "yes" : "no") : d->text; /* as in the system file */
    if (!strcmp(*text, "unknown"))
        return true;
    if (item->kind == RD_WORKSHOP_FACT) {
        const struct rd_doc said = { .kind = RD_DOC_SCALAR,
            .line = d->line,
            .column = d->column,
            .text = *text,
            .text_len = strlen(*text) };

        if (is_word_of(item, &said))
            return true;
        wrong_word(r, item, &said);
        return false;
    }
    return true;
}

static void unknown_id(struct reader *r, const struct rd_doc *id)
{
    const char **ids = RD_NEW_ARRAY(r->arena, const char *, r->items->n + 1);
    const char *near = NULL;
    char was[120];

    for (size_t i = 0; ids && i < r->items->n; i++)
        ids[i] = r->items->item[i].id;
    if (ids && r->items->n < 5000 && r->n_problems < 20) /* bounded, whatever the sheet holds */
        near = rd_text_nearest(id->text, ids);
    wrong(r, id, "nothing in the system file is called %s%s%s%s", found(id, was),
        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static const char *id_of(struct reader *r, const struct rd_doc *map, const struct rd_doc **at)
{
    char was[120];

    if (map->kind != RD_DOC_MAP) {
        wrong(r, map,
            "expected an answer {id: .., answer: ..} or {id: .., low: .., high: ..}, "
            "found %s",
            found(map, was));
        return NULL;
    }
    *at = rd_doc_get(map, "id");
    if (is_empty(*at) || (*at)->kind != RD_DOC_SCALAR) {
        wrong(r, *at ? *at : map, "expected 'id': what is answered");
        return NULL;
    }
    return (*at)->text;
}

static void read_answer(
    struct reader *r, const struct rd_doc *map, struct rd_workshop_answer *out, size_t *n)
{
    static const char *const range_keys[] = { "id", "low", "high", NULL };
    static const char *const text_keys[] = { "id", "answer", NULL };
    const struct rd_doc *at;
    const char *id = id_of(r, map, &at);
    const struct rd_workshop_item *item = id ? rd_workshop_item(r->items, id) : NULL;
    struct rd_workshop_answer a = { .item = item };

    if (!id)
        return;
    if (!item) {
        unknown_id(r, at);
        return;
    }
    check_keys(r, map, item->kind == RD_WORKSHOP_RANGE ? range_keys : text_keys);
    a.at = (struct rd_place){ at->line, at->column };
    if (item->kind == RD_WORKSHOP_RANGE
            ? read_range(r, map, item->max, item->is_chance, true, &a.low, &a.high)
            : read_text(r, item, map, &a.text))
        out[(*n)++] = a;
}

static int by_item(const void *x, const void *y)
{
    const struct rd_workshop_answer *a = x, *b = y;

    if (a->item != b->item)
        return a->item < b->item ? -1 : 1;
    if (a->at.line != b->at.line)
        return a->at.line < b->at.line ? -1 : 1;
    return (a->at.column > b->at.column) - (a->at.column < b->at.column);
}

/* A list under key; NULL where there is none. */
static const struct rd_doc *list_of(struct reader *r, const struct rd_doc *doc, const char *key)
{
    const struct rd_doc *list = rd_doc_get(doc, key);
    char was[120];

    if (!list || list->kind == RD_DOC_NULL)
        return NULL;
    if (list->kind != RD_DOC_LIST) {
        wrong(r, list, "expected a list of answers under '%s', found %s", key, found(list, was));
        return NULL;
    }
    if (list->n > RD_WORKSHOP_ANSWERS_MAX) {
        wrong(r, list, "expected at most %d answers, found %zu", (int)RD_WORKSHOP_ANSWERS_MAX,
            list->n);
        return NULL;
    }
    return list;
}

static void read_answers(
    struct reader *r, const struct rd_doc *doc, struct rd_workshop_sheet *sheet)
{
    const struct rd_doc *list = list_of(r, doc, "answers");
    struct rd_workshop_answer *answer =
        list ? RD_NEW_ARRAY(r->arena, struct rd_workshop_answer, list->n + 1) : NULL;
    size_t n = 0;

    if (!list)
        return;
    if (!answer) {
        r->failed = true;
        return;
    }
    for (size_t i = 0; i < list->n; i++)
        read_answer(r, &list->item[i], answer, &n);
    qsort(answer, n, sizeof *answer, by_item);
    for (size_t i = 1; i < n; i++)
        if (answer[i].item == answer[i - 1].item) {
            const struct rd_doc at = { .line = answer[i].at.line, .column = answer[i].at.column };

            wrong(r, &at, "'%s' is answered twice; the first time in line %d", answer[i].item->id,
                answer[i - 1].at.line);
        }
    sheet->answer = answer;
    sheet->n = n;
}

static void read_calibration(
    struct reader *r, const struct rd_doc *doc, struct rd_workshop_sheet *sheet)
{
    static const char *const keys[] = { "id", "low", "high", NULL };
    const struct rd_doc *list = list_of(r, doc, "calibration"), *at;
    struct rd_interval_said *said =
        list ? RD_NEW_ARRAY(r->arena, struct rd_interval_said, list->n + 1) : NULL;
    size_t n = 0;

    if (!list)
        return;
    if (!said) {
        r->failed = true;
        return;
    }
    for (size_t i = 0; i < list->n; i++) {
        const char *id = id_of(r, &list->item[i], &at);
        struct rd_interval_said s = { .id = id };
        char was[120];
        bool twice = false;

        if (!id)
            continue;
        check_keys(r, &list->item[i], keys);
        for (size_t k = 0; k < n && n < 100; k++)
            twice = twice || !strcmp(said[k].id, id);
        if (!rd_calibration_find(id))
            wrong(r, at, "there is no calibration question %s: they are c1 to c12", found(at, was));
        else if (twice)
            wrong(r, at, "calibration question '%s' is answered twice", id);
        else if (read_range(r, &list->item[i], 1e300, false, false, &s.low, &s.high)) {
            s.at = (struct rd_place){ at->line, at->column };
            said[n++] = s;
        }
    }
    sheet->calibration = said;
    sheet->n_calibration = n;
}

rd_status rd_workshop_read(struct rd_run *run, const char *file, const void *bytes, size_t size,
    const struct rd_workshop_items *items, struct rd_arena *arena,
    struct rd_workshop_sheet *sheet_out, struct rd_problems *problems_out)
{
    static const char *const keys[] = { "workshop", "name", "date", "role", "answers",
        "calibration", NULL };
    struct reader r = { .run = run, .arena = arena, .items = items };
    struct rd_workshop_sheet sheet = { .file = file };
    struct rd_doc *doc;
    rd_status st = rd_doc_read_yaml(file, bytes, size, NULL, arena, &doc, run->err);

    *problems_out = (struct rd_problems){ NULL, 0 };
    if (st)
        return st;
    r.problem = RD_NEW_ARRAY(arena, struct rd_problem, RD_WORKSHOP_PROBLEMS_MAX);
    if (!r.problem)
        return rd_run_no_memory(run, "a sheet of answers");
    if (doc->kind != RD_DOC_MAP) {
        wrong(&r, doc, "expected a sheet of answers: a map that begins with 'workshop: %d'",
            (int)RD_WORKSHOP_VERSION);
    } else {
        check_version(&r, doc);
        check_keys(&r, doc, keys);
        sheet.name = read_name(&r, doc);
        sheet.date = read_date(&r, doc, &sheet.date_at);
        sheet.role = read_role(&r, doc);
        read_answers(&r, doc, &sheet);
        read_calibration(&r, doc, &sheet);
    }
    if (r.failed)
        return rd_run_no_memory(run, "a sheet of answers");
    *problems_out = (struct rd_problems){ r.problem, r.n_problems };
    if (r.n_problems)
        return RD_FAIL(run->err, RD_E_INPUT, "%s:%d:%d: %s", file, r.problem[0].at.line,
            r.problem[0].at.column, r.problem[0].text);
    *sheet_out = sheet;
    return RD_OK;
}
