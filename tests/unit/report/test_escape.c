/*
 * Every escape on 20,000 random texts: undone by the rules of its own language, each gives back
 * what rd_text_safe shows, and nothing in it means anything there. Bytes that are special somewhere
 * come up often; a tenth of the texts is not UTF-8.
 */
#include "support.h"

#include "base/doc.h"
#include "base/json_write.h"
#include "base/text.h"
#include "report/dot.h"
#include "report/sarif.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS = 20000, LONGEST = 24 };

static uint64_t state = 2026;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static const char *random_text(char out[6 * LONGEST + 1])
{
    static const char *const piece[] = { "<", ">", "&", "\"", "'", "\\", "`", "*", "_", "[", "]",
        "(", ")", "|", "#", "{", "}", "=", "+", "-", "@", ",", ";", "\n", "\r", "\t", "\033",
        "\x7f", " ", "$", "!", "~", "%", "&amp;", "&#60;", "\\n", "-->", "]]>", "</script>",
        "\xe2\x80\xae", "\xe2\x80\xa8", "\xc2\x85", "\xef\xbf\xbe", "\xef\xbb\xbf", "\xe6\xbc\xa2",
        "e\xcc\x81", "\xf0\x9f\x98\x80", "a", "B", "7" };
    const size_t n = next() % LONGEST;
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        const char *p = piece[next() % (sizeof piece / sizeof *piece)];

        if (next() % 200 == 0) { /* any byte but NUL */
            out[len++] = (char)(1 + next() % 255);
            continue;
        }
        while (*p)
            out[len++] = *p++;
        if (len >= 5 * LONGEST)
            break;
    }
    out[len] = '\0';
    return out;
}

static bool is_unsafe(const char *text)
{
    size_t at;

    if (!rd_text_is_utf8(text, strlen(text), &at))
        return true;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0) ||
            (*p == 0xe2 && p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) ||
            (*p == 0xef && p[1] == 0xbf && p[2] >= 0xbe))
            return true;
    return false;
}

typedef void escape_fn(struct rd_buf *out, const char *text);
/* Undo into back; false: something in it means something. */
typedef bool undo_fn(const char *escaped, struct rd_buf *back);

/* lead: what the escape may put in front besides, 0 for nothing. */
static void check(escape_fn *escape, undo_fn *undo, char lead)
{
    char text[6 * LONGEST + 1];

    for (size_t i = 0; i < TEXTS; i++) {
        struct rd_buf safe = { 0 }, out = { 0 }, back = { 0 };

        (void)random_text(text);
        rd_text_safe(&safe, text, strlen(text));
        assert_false(is_unsafe(rd_buf_text(&safe)));
        escape(&out, text);
        assert_false(is_unsafe(rd_buf_text(&out)));
        if (!undo(rd_buf_text(&out), &back))
            fail_msg("means something: %s", rd_buf_text(&out));
        const char *shown = rd_buf_text(&back);

        if (lead && *shown == lead && strcmp(shown, rd_buf_text(&safe)) != 0)
            shown++;
        assert_string_equal(shown, rd_buf_text(&safe));
        rd_buf_release(&safe);
        rd_buf_release(&out);
        rd_buf_release(&back);
    }
}

static bool entity(const char **p, struct rd_buf *back)
{
    static const struct {
        const char *name, *is;
    } known[] = { { "&lt;", "<" }, { "&gt;", ">" }, { "&amp;", "&" }, { "&quot;", "\"" },
        { "&#39;", "'" } };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strncmp(*p, known[i].name, strlen(known[i].name))) {
            rd_buf_puts(back, known[i].is);
            *p += strlen(known[i].name);
            return true;
        }
    return false;
}

static bool undo_xml(const char *p, struct rd_buf *back)
{
    while (*p) {
        if (*p == '&') {
            if (!entity(&p, back))
                return false;
            continue;
        }
        if (strchr("<>\"'", *p))
            return false;
        rd_buf_putc(back, *p++);
    }
    return true;
}

static bool undo_markdown(const char *p, struct rd_buf *back)
{
    for (; *p; p++) {
        if (*p == '\\' && p[1] && strchr("\\`*_{}[]<>()#+-.!|&~", p[1]))
            p++;
        else if (strchr("\\`*_[]<>|", *p))
            return false;
        rd_buf_putc(back, *p);
    }
    return true;
}

static bool undo_sarif(const char *p, struct rd_buf *back)
{
    for (; *p; p++) {
        if (*p == '\\' && p[1] && strchr("\\[]", p[1]))
            p++;
        else if ((*p == '{' || *p == '}') && p[1] == *p)
            p++;
        else if (strchr("\\[]{}", *p))
            return false;
        rd_buf_putc(back, *p);
    }
    return true;
}

static bool undo_dot(const char *p, struct rd_buf *back)
{
    while (*p) {
        if (*p == '&') {
            if (!entity(&p, back))
                return false;
            continue;
        }
        if (*p == '\\' && (p[1] == '\\' || p[1] == '"'))
            p++;
        else if (*p == '\\' || *p == '"')
            return false;
        rd_buf_putc(back, *p++);
    }
    return true;
}

/* One cell of RFC 4180 between two others. */
static bool undo_csv(const char *p, struct rd_buf *back)
{
    const bool quoted = *p == '"';
    const char *cell;

    if (!quoted && strpbrk(p, ",;\"\n\r"))
        return false;
    p += quoted;
    for (; *p && !(quoted && *p == '"' && p[1] != '"'); p++) {
        rd_buf_putc(back, *p);
        p += quoted && *p == '"';
    }
    if (strcmp(p, quoted ? "\"" : "") != 0)
        return false;
    cell = rd_buf_text(back);
    cell += strspn(cell, " ");
    return !*cell || !strchr("=+-@\t\r", *cell);
}

static void markup_is_only_text(void **unused)
{
    (void)unused;
    check(rd_text_xml, undo_xml, 0);
}

static void markdown_is_only_text(void **unused)
{
    (void)unused;
    check(rd_text_markdown, undo_markdown, 0);
}

static void a_sarif_message_has_no_links_of_its_own(void **unused)
{
    (void)unused;
    check(rd_sarif_text, undo_sarif, 0);
}

static void a_dot_label_stays_between_its_quotes(void **unused)
{
    (void)unused;
    check(rd_dot_text, undo_dot, 0);
}

static void a_csv_cell_stays_a_cell_and_no_formula(void **unused)
{
    (void)unused;
    check(rd_text_csv, undo_csv, '\'');
}

/* A word for the shell gives back the very bytes: it names files. */
static bool undo_shell(const char *p, struct rd_buf *back)
{
    const bool spelled = !strncmp(p, "$'", 2);

    if (spelled) {
        for (p += 2; *p && *p != '\''; p++) {
            char hex[3] = { 0 };

            if (*p != '\\') {
                rd_buf_putc(back, *p);
            } else if (*++p == 'x') {
                (void)snprintf(hex, sizeof hex, "%.2s", p + 1);
                rd_buf_putc(back, (char)strtol(hex, NULL, 16));
                p += 2;
            } else {
                rd_buf_putc(back, *p);
            }
        }
        return !strcmp(p, "'");
    }
    while (*p) {
        if (*p == '\'') {
            const char *end = strchr(p + 1, '\'');

            if (!end)
                return false;
            rd_buf_put(back, p + 1, (size_t)(end - p - 1));
            p = end + 1;
        } else if (*p == '\\' && p[1] == '\'') {
            rd_buf_putc(back, '\'');
            p += 2;
        } else if (strchr(" \t\n\"`$&|;<>()*?[]#~!{}\\", *p)) {
            return false;
        } else {
            rd_buf_putc(back, *p++);
        }
    }
    return true;
}

static void a_shell_word_is_one_word_and_the_same_bytes(void **unused)
{
    char text[6 * LONGEST + 1];

    (void)unused;
    for (size_t i = 0; i < TEXTS; i++) {
        struct rd_buf out = { 0 }, back = { 0 };

        (void)random_text(text);
        rd_text_shell(&out, text);
        assert_false(is_unsafe(rd_buf_text(&out)));
        assert_true(out.len > 0);
        if (!undo_shell(rd_buf_text(&out), &back))
            fail_msg("more than a word: %s", rd_buf_text(&out));
        assert_string_equal(rd_buf_text(&back), text);
        rd_buf_release(&out);
        rd_buf_release(&back);
    }
}

static void json_gives_back_what_was_utf8(void **unused)
{
    char text[6 * LONGEST + 1];

    (void)unused;
    for (size_t i = 0; i < TEXTS; i++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_error err = { 0 };
        struct rd_buf out = { 0 };
        struct rd_json j = { .out = &out };
        struct rd_doc *doc;
        size_t at;

        (void)random_text(text);
        rd_json_text(&j, text);
        for (const char *p = out.text; *p; p++)
            assert_true((unsigned char)*p >= 0x20);
        assert_true(rd_text_is_utf8(out.text, out.len, &at));
        /* Documents refuse controls even when escaped: those are for the others to read back. */
        if (!is_unsafe(text)) {
            assert_int_equal(
                rd_doc_read_json("x", out.text, out.len, &rd_limits_default, &arena, &doc, &err),
                RD_OK);
            assert_string_equal(doc->text, text);
        }
        rd_json_release(&j);
        rd_buf_release(&out);
        rd_arena_release(&arena);
    }
}

/* The undoing can fail: none of these languages takes the text as it is. */
static void text_as_it_is_would_be_noticed(void **unused)
{
    static undo_fn *const undo[] = { undo_xml, undo_markdown, undo_sarif, undo_dot, undo_shell };

    (void)unused;
    for (size_t i = 0; i < sizeof undo / sizeof *undo; i++) {
        struct rd_buf back = { 0 };

        assert_false(undo[i]("<a [b](c) {0} \"d\" & \\N 'e", &back));
        rd_buf_release(&back);
    }
    struct rd_buf back = { 0 };
    assert_false(undo_csv("=1+1", &back));
    rd_buf_release(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markup_is_only_text),
        cmocka_unit_test(markdown_is_only_text),
        cmocka_unit_test(a_sarif_message_has_no_links_of_its_own),
        cmocka_unit_test(a_dot_label_stays_between_its_quotes),
        cmocka_unit_test(a_csv_cell_stays_a_cell_and_no_formula),
        cmocka_unit_test(a_shell_word_is_one_word_and_the_same_bytes),
        cmocka_unit_test(json_gives_back_what_was_utf8),
        cmocka_unit_test(text_as_it_is_would_be_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
