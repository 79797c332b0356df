/* YAML and JSON documents: the tree, its positions, and everything that is refused. */
#include "support.h"

#include "base/alloc.h"
#include "base/doc.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static struct rd_arena arena;

static const struct rd_doc *yaml(const char *text)
{
    struct rd_doc *doc = NULL;
    struct rd_error err = { 0 };
    const rd_status st = rd_doc_read_yaml("f.yaml", text, strlen(text), NULL, &arena, &doc, &err);

    if (st)
        fail_msg("refused: %s", err.frame[0].text);
    return doc;
}

static const struct rd_doc *json(const char *text)
{
    struct rd_doc *doc = NULL;
    struct rd_error err = { 0 };
    const rd_status st = rd_doc_read_json("f.json", text, strlen(text), NULL, &arena, &doc, &err);

    if (st)
        fail_msg("refused: %s", err.frame[0].text);
    return doc;
}

typedef rd_status reader(const char *, const void *, size_t, const struct rd_limits *,
    struct rd_arena *, struct rd_doc **, struct rd_error *);

static void refuse(reader *read, const char *text, size_t size, const char *want)
{
    struct rd_doc *doc = NULL;
    struct rd_error err = { 0 };

    assert_int_equal(read("f", text, size, NULL, &arena, &doc, &err), RD_E_INPUT);
    if (!strstr(err.frame[0].text, want))
        fail_msg("'%s' is not in '%s'", want, err.frame[0].text);
    assert_null(doc);
}

static void refuse_yaml(const char *text, const char *want)
{
    refuse(rd_doc_read_yaml, text, strlen(text), want);
}

static void refuse_json(const char *text, const char *want)
{
    refuse(rd_doc_read_json, text, strlen(text), want);
}

static int release(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static void yaml_becomes_a_tree_with_positions(void **state)
{
    const struct rd_doc *d = yaml("version: 1\n"
                                  "name: \"Pröduct\" # not part\n"
                                  "é: {a: [x, 'y'], b: }\n"
                                  "list:\n"
                                  "  - one\n"
                                  "  - {k: v}\n"
                                  "text: |\n"
                                  "  two\n"
                                  "  lines\n");
    const struct rd_doc *e;

    (void)state;
    assert_int_equal(d->kind, RD_DOC_MAP);
    assert_int_equal(d->n, 5);
    assert_null(d->key);
    assert_string_equal(d->item[0].key, "version");
    assert_string_equal(rd_doc_text(&d->item[0]), "1");
    assert_int_equal(d->item[0].line, 1);
    assert_int_equal(d->item[0].column, 10);
    assert_string_equal(rd_doc_text(rd_doc_get(d, "name")), "Pröduct");
    assert_true(rd_doc_get(d, "name")->quoted);
    e = rd_doc_get(d, "é");
    assert_int_equal(e->kind, RD_DOC_MAP);
    assert_int_equal(e->line, 3);
    assert_int_equal(e->column, 4); /* characters, not bytes */
    assert_int_equal(e->key_column, 1);
    assert_int_equal(rd_doc_get(e, "a")->n, 2);
    assert_false(rd_doc_get(e, "a")->item[0].quoted);
    assert_true(rd_doc_get(e, "a")->item[1].quoted);
    assert_int_equal(rd_doc_get(e, "b")->kind, RD_DOC_NULL);
    assert_int_equal(rd_doc_get(e, "b")->line, 3);
    e = &rd_doc_get(d, "list")->item[1];
    assert_int_equal(e->line, 6);
    assert_int_equal(e->column, 5);
    assert_string_equal(rd_doc_text(rd_doc_get(e, "k")), "v");
    assert_string_equal(rd_doc_text(rd_doc_get(d, "text")), "two\nlines\n");
    assert_true(rd_doc_get(d, "text")->quoted);
    assert_null(rd_doc_get(d, "absent"));
    assert_null(rd_doc_get(NULL, "absent"));
}

static void a_byte_order_mark_and_crlf_are_fine(void **state)
{
    const struct rd_doc *d = yaml("\xEF\xBB\xBF"
                                  "a: 1\r\nb: 2\r\n");

    (void)state;
    assert_string_equal(rd_doc_text(rd_doc_get(d, "b")), "2");
    assert_int_equal(d->item[0].key_column, 1);
    assert_int_equal(d->item[1].line, 2);
    assert_string_equal(rd_doc_text(json("\xEF\xBB\xBF\"x\"")), "x");
}

static void scalars_become_types_only_when_asked(void **state)
{
    const struct rd_doc *d =
        yaml("r: 1/255\ni: -42\nq: \"7\"\nb: true\nn: ~\nx: 1e3\nbig: 9223372036854775808\n"
             "no: no\nhex: 0x10\nsp: '1'\ndot: 1.5\n");
    double r = 0;
    int64_t i = 0;
    bool b = false;

    (void)state;
    assert_true(rd_doc_real(rd_doc_get(d, "r"), &r));
    assert_true(r == 1.0 / 255.0);
    assert_true(rd_doc_int(rd_doc_get(d, "i"), &i));
    assert_int_equal(i, -42);
    assert_false(rd_doc_int(rd_doc_get(d, "q"), &i));
    assert_false(rd_doc_real(rd_doc_get(d, "q"), &r));
    assert_string_equal(rd_doc_text(rd_doc_get(d, "q")), "7");
    assert_true(rd_doc_bool(rd_doc_get(d, "b"), &b));
    assert_true(b);
    assert_false(rd_doc_bool(rd_doc_get(d, "no"), &b));
    assert_int_equal(rd_doc_get(d, "n")->kind, RD_DOC_NULL);
    assert_null(rd_doc_text(rd_doc_get(d, "n")));
    assert_true(rd_doc_real(rd_doc_get(d, "x"), &r));
    assert_true(r == 1000.0);
    assert_false(rd_doc_int(rd_doc_get(d, "x"), &i));
    assert_false(rd_doc_int(rd_doc_get(d, "big"), &i));
    assert_false(rd_doc_int(rd_doc_get(d, "hex"), &i));
    assert_false(rd_doc_int(rd_doc_get(d, "dot"), &i));
}

static void what_readers_disagree_about_is_refused(void **state)
{
    (void)state;
    refuse_yaml("a: on\n", "f:1:4: 'on' means different things");
    refuse_yaml("a: [x, Off]\n", "f:1:8: 'Off' means different things");
    assert_string_equal(rd_doc_text(rd_doc_get(yaml("a: \"on\"\n"), "a")), "on");
    assert_string_equal(rd_doc_text(rd_doc_get(yaml("on: x\n"), "on")), "x");
    refuse_yaml("a: &x 1\n", "anchors");
    refuse_yaml("a: &x {b: 1}\n", "anchors");
    refuse_yaml("a: [&x b]\n", "f:1:8: anchors");
    refuse_yaml("&k a: 1\n", "anchors");
    refuse_yaml("a: *x\n", "f:1:4: aliases");
    refuse_yaml("a: !!str 1\n", "tags");
    refuse_yaml("a: !t {}\n", "tags");
    refuse_yaml("a: ! x\n", "tags");
    refuse_yaml("<<: {a: 1}\n", "f:1:1: merge keys");
    refuse_yaml("%YAML 1.2\n---\na: 1\n", "f:1:1: a line that begins with '%'; directives");
    refuse_yaml("# c\n\n%TAG ! x\n---\na: 1\n", "f:3:1: a line that");
    refuse_yaml("a: 1\n...\n%YAML 1.1\n---\nb: 1\n", "f:3:1: a line that");
    refuse_yaml("a: 1\n---\nb: 1\n", "f:2:1: a second document");
    refuse_yaml("--- a\n--- b\n", "f:2:1: a second document");
    refuse_yaml("? [a]\n: 1\n", "a key must be text; found a list");
    refuse_yaml("{a: 1}: 1\n", "a key must be text; found a map");
    refuse_yaml(": 1\n", "a key is missing");
    refuse_yaml("", "empty");
    refuse_yaml("# nothing\n", "empty");
    refuse_yaml("a: 1\n%b: 1\n", "f:2:1: a line that begins with '%'");
    assert_string_equal(rd_doc_text(rd_doc_get(yaml("a: 5%\n"), "a")), "5%");
}

/* libfyaml 0.7.12 reads the first as x and three quotes; expected by YAML 1.2.2, and PyYAML agrees.
 */
static void single_quoted_text_is_read_by_the_book(void **state)
{
    static const char *const row[][2] = {
        { "'x''''y'", "x''y" },
        { "'''''''ab  '", "'''ab  " },
        { "''''''''''''''''''''''''''''''''''", "''''''''''''''''" },
        { "''", "" },
        { "' a '", " a " },
        { "'a  \n  b'", "a b" },
        { "'a\n\n\n  b '", "a\n\nb " },
        { "'  \n  b'", " b" },
        { "'a\r\n  b'", "a b" },
        { "'a \n  '", "a " },
        { "'it''s \n  ''b'''", "it's 'b'" },
    };
    char text[100];

    (void)state;
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        (void)snprintf(text, sizeof(text), "\xEF\xBB\xBFk: %s\n", row[i][0]);
        assert_string_equal(rd_doc_text(rd_doc_get(yaml(text), "k")), row[i][1]);
    }
    assert_string_equal(yaml("{'a''''b': 1}")->item[0].key, "a''b");
}

static void syntax_errors_name_line_and_column(void **state)
{
    (void)state;
    refuse_yaml("a: [1\nb: 2\n", "f:3:1: flow sequence without a closing bracket");
    refuse_yaml("a: \"x\n", "f:1:5: double-quoted");
    refuse_yaml("a: 1\n b: 2\n", "f:1:4: invalid multiline plain key");
    refuse_yaml("\ta: 1\n", "f:1:");
    refuse_yaml("a: b: c\n", "f:1:");
    refuse_yaml("a: 1\n]\n", "f:2:1");
}

static void duplicate_keys_are_found_in_small_and_large_maps(void **state)
{
    char text[4096];
    size_t len = 0;

    (void)state;
    refuse_yaml(
        "a: 1\nb: 2\n\"a\": 3\n", "f:3:1: key 'a' stands twice in one map; first on line 1");
    refuse_json(
        "{\"a\": 1,\n \"a\": 2}", "f:2:2: key 'a' stands twice in one map; first on line 1");
    refuse_yaml("x: {k: 1, k: 2}\n", "f:1:11: key 'k'");
    for (int i = 0; i < 100; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "k%d: %d\n", (i * 37) % 100, i);
    assert_string_equal(rd_doc_text(rd_doc_get(yaml(text), "k37")), "1");
    assert_string_equal(rd_doc_text(rd_doc_get(yaml(text), "k0")), "0");
    assert_null(rd_doc_get(yaml(text), "k100"));
    assert_null(rd_doc_get(yaml(text), ""));
    (void)snprintf(text + len, sizeof(text) - len, "k11: 1\nk5: 1\n");
    refuse_yaml(text, "f:101:1: key 'k11' stands twice in one map; first on line 4");
}

static void bytes_that_are_no_text_are_refused_with_their_place(void **state)
{
    (void)state;
    refuse(rd_doc_read_yaml, "a: \xff\n", 6, "f:1:4: byte 0xff at offset 3 is not UTF-8");
    refuse(rd_doc_read_yaml, "a: b\n\0c", 7, "f:2:1: control character 0x00");
    refuse(rd_doc_read_yaml, "a: \x1b[0m", 7, "control character 0x1b");
    refuse_yaml("a: \"x\\0y\"\n", "NUL");
    refuse_yaml("a: \"\\x1b\"\nb: \"\\0\": 1\n", "f:2:");
    refuse_yaml("a: 1\rb: 2\n", "carriage return");
    refuse_yaml("a: x\xC2\x85y\n", "C1 controls");
    refuse_yaml("a: x\xE2\x80\xA8y\n", "U+2028");
    refuse_yaml("a: x\x7Fy\n", "DEL");
    refuse_yaml("a: x\xEF\xBB\xBFy\n", "U+FEFF");
    assert_string_equal(rd_doc_text(rd_doc_get(yaml("a: \"\\u2028é\"\n"), "a")), "\u2028é");
    refuse_json("\"\\u0000\"", "NUL");
}

static void json_is_read_strictly(void **state)
{
    const struct rd_doc *d =
        json(" {\"a\" : [1, -2.5e+3, true, null],\n\t\"b\\u00e9\\ud83d\\ude00\\n\": "
             "{}, \"\": \"\"} \r\n");

    (void)state;
    assert_int_equal(d->n, 3);
    assert_int_equal(d->item[0].n, 4);
    assert_int_equal(d->item[0].item[3].kind, RD_DOC_NULL);
    assert_string_equal(d->item[1].key, "bé😀\n");
    assert_int_equal(d->item[1].key_line, 2);
    assert_int_equal(d->item[1].key_column, 2);
    assert_string_equal(rd_doc_text(rd_doc_get(d, "")), "");
    refuse_json("", "expected a value; the text ends here");
    refuse_json("[1,]", "f:1:4: expected a value; found ']'");
    refuse_json("[1 2]", "f:1:4: expected ',' or ']'; found '2'");
    refuse_json("{\"a\":1,}", "f:1:8: expected a key in double quotes; found '}'");
    refuse_json("{a:1}", "f:1:2: expected a key");
    refuse_json("{\"a\" 1}", "expected ':'");
    refuse_json("{\"a\":1", "the text ends here");
    refuse_json("[", "the text ends here");
    refuse_json("[01]", "f:1:3: expected ',' or ']'");
    refuse_json("[1.]", "digit");
    refuse_json("[.5]", "expected a value");
    refuse_json("[-]", "digit");
    refuse_json("[1e]", "digit");
    refuse_json("[+1]", "expected a value");
    refuse_json("[NaN]", "expected a value");
    refuse_json("[tru]", "expected a value");
    refuse_json("['a']", "expected a value; found '''");
    refuse_json("1 2", "f:1:3: expected the end of the text; found '2'");
    refuse_json("// c\n1", "expected a value");
    refuse_json("[\"a\n\"]", "expected '\"' at the end of a string");
    refuse_json("\"\\x\"", "expected an escape");
    refuse_json("\"\\u12g4\"", "hexadecimal");
    refuse_json("\"\\ud800\"", "half of a surrogate pair");
    refuse_json("\"\\ud800\\u0041\"", "half of a surrogate pair");
    refuse_json("\"\\udc00\"", "half of a surrogate pair");
    refuse_json("]", "expected a value");
    refuse_json("{]", "expected a key");
    refuse_json("[}", "expected a value");
}

static void nesting_has_a_depth(void **state)
{
    struct rd_limits limits = rd_limits_default;
    struct rd_error err = { 0 };
    struct rd_doc *doc = NULL;

    (void)state;
    limits.depth = 3;
    assert_int_equal(rd_doc_read_json("f", "[[[1]]]", 7, &limits, &arena, &doc, &err), RD_OK);
    assert_int_equal(
        rd_doc_read_json("f", "[[[[1]]]]", 9, &limits, &arena, &doc, &err), RD_E_LIMIT);
    assert_int_equal(rd_doc_read_yaml("f", "[[[1]]]", 7, &limits, &arena, &doc, &err), RD_OK);
    assert_int_equal(
        rd_doc_read_yaml("f", "[[[[1]]]]", 9, &limits, &arena, &doc, &err), RD_E_LIMIT);
    assert_int_equal(
        rd_doc_read_yaml("f", "- - - - 1", 9, &limits, &arena, &doc, &err), RD_E_LIMIT);
}

static void values_and_bytes_have_a_ceiling(void **state)
{
    static char large[RD_YAML_BYTES + 1];
    struct rd_limits limits = rd_limits_default;
    struct rd_error err = { 0 };
    struct rd_doc *doc = NULL;

    (void)state;
    limits.nodes = 4;
    assert_int_equal(rd_doc_read_yaml("f", "[1,2,3]", 7, &limits, &arena, &doc, &err), RD_OK);
    assert_int_equal(
        rd_doc_read_yaml("f", "[1,2,3,4]", 9, &limits, &arena, &doc, &err), RD_E_LIMIT);
    memset(large, '#', sizeof(large));
    assert_int_equal(
        rd_doc_read_yaml("f", large, sizeof(large), NULL, &arena, &doc, &err), RD_E_LIMIT);
    assert_non_null(strstr(err.frame[0].text, "at most 8388608 are read"));
    limits.text_bytes = 6;
    assert_int_equal(rd_doc_read_json("f", "[1,2,3]", 7, &limits, &arena, &doc, &err), RD_E_LIMIT);
}

static void a_full_arena_is_an_error_not_a_crash(void **state)
{
    static const char text[] = "a: {b: [c, d], e: f}\nlong: some text that needs room\n";
    struct rd_doc *doc = NULL;

    (void)state;
    for (size_t limit = 1; limit < 2000; limit += 7) {
        struct rd_arena small = { .limit = limit };
        struct rd_error err = { 0 };
        const rd_status st =
            rd_doc_read_yaml("f", text, sizeof(text) - 1, NULL, &small, &doc, &err);
        if (st)
            assert_int_equal(st, RD_E_MEMORY);
        rd_arena_release(&small);
    }
}

static void each_failed_allocation_is_an_error_and_leaks_nothing(void **state)
{
    static const char text[] = "{\"a\": {\"b\": [\"c\\n\", 1], \"e\": \"f\"}, \"g\": \"it\"}";
    static const char quotes[] = "a: {b: ['c''''d', 1], e: f}\n";
    struct rd_doc *doc = NULL;

    (void)state;
    for (int yaml_too = 0; yaml_too < 2; yaml_too++) {
        const char *t = yaml_too ? quotes : text;
        reader *read = yaml_too ? rd_doc_read_yaml : rd_doc_read_json;
        const size_t live = rd_alloc_live();
        size_t nth, failed = 0;
        for (nth = 1; nth < 100; nth++) {
            struct rd_arena a = RD_ARENA_INIT;
            struct rd_error err = { 0 };
            rd_alloc_fail_at(nth);
            const rd_status st = read("f", t, strlen(t), NULL, &a, &doc, &err);
            rd_alloc_fail_at(0);
            rd_arena_release(&a);
            assert_int_equal(rd_alloc_live(), live);
            if (!st) /* not reached, or only the text of a message was lost */
                continue;
            failed++;
            assert_int_equal(st, RD_E_MEMORY);
        }
        assert_true(failed > 8);
    }
}

/* Measured 20 s to minutes with libfyaml's documents; 30 ms here. A wide margin for a busy machine.
 */
static void hostile_yaml_is_fast(void **state)
{
    enum { N = 16000, SIZE = N * 24 };
    static char text[SIZE];
    struct rd_error err = { 0 };
    struct rd_doc *doc = NULL;
    const clock_t start = clock();
    size_t len = 0;

    (void)state;
    for (int i = 0; i < N; i++)
        len += (size_t)snprintf(text + len, SIZE - len, "key%d: {a: %d}\n", i, i);
    assert_int_equal(rd_doc_read_yaml("f", text, len, NULL, &arena, &doc, &err), RD_OK);
    assert_int_equal(doc->n, N);
    assert_string_equal(rd_doc_text(rd_doc_get(rd_doc_get(doc, "key15999"), "a")), "15999");

    len = (size_t)snprintf(text, SIZE, "a0: &a0 [x]\n");
    for (int i = 1; i < 40; i++) /* 9^39 values for who expands them */
        len += (size_t)snprintf(text + len, SIZE - len,
            "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1,
            i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    refuse(rd_doc_read_yaml, text, len, "anchors");

    for (len = 0; len + 24 < SIZE;)
        len += (size_t)snprintf(text + len, SIZE - len, "%%TAG !t%zu! tag:x\n", len);
    refuse(rd_doc_read_yaml, text, len, "directives are not accepted");
    memset(text, '%', SIZE);
    refuse(rd_doc_read_yaml, text, SIZE, "directives");
    memcpy(text, "---\n", 4);
    refuse(rd_doc_read_yaml, text, SIZE, "f:2:1");
    memset(text, ' ', SIZE);
    text[0] = '{';
    refuse(rd_doc_read_yaml, text, SIZE, "too much blank space");
    memset(text, '[', SIZE);
    assert_int_equal(rd_doc_read_yaml("f", text, SIZE, NULL, &arena, &doc, &err), RD_E_LIMIT);
    assert_int_equal(rd_doc_read_json("f", text, SIZE, NULL, &arena, &doc, &err), RD_E_LIMIT);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(yaml_becomes_a_tree_with_positions, release),
        cmocka_unit_test_teardown(a_byte_order_mark_and_crlf_are_fine, release),
        cmocka_unit_test_teardown(scalars_become_types_only_when_asked, release),
        cmocka_unit_test_teardown(what_readers_disagree_about_is_refused, release),
        cmocka_unit_test_teardown(single_quoted_text_is_read_by_the_book, release),
        cmocka_unit_test_teardown(syntax_errors_name_line_and_column, release),
        cmocka_unit_test_teardown(duplicate_keys_are_found_in_small_and_large_maps, release),
        cmocka_unit_test_teardown(bytes_that_are_no_text_are_refused_with_their_place, release),
        cmocka_unit_test_teardown(json_is_read_strictly, release),
        cmocka_unit_test_teardown(nesting_has_a_depth, release),
        cmocka_unit_test_teardown(values_and_bytes_have_a_ceiling, release),
        cmocka_unit_test_teardown(a_full_arena_is_an_error_not_a_crash, release),
        cmocka_unit_test_teardown(each_failed_allocation_is_an_error_and_leaks_nothing, release),
        cmocka_unit_test_teardown(hostile_yaml_is_fast, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
