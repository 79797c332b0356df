/* Older files: read as if written today, and rewritten with their comments. */
#include "support.h"

#include "base/buf.h"
#include "system/system.h"

#include <string.h>

static const char old[] = "# a draft\n"
                          "version: 0      # of the draft\n"
                          "name: zone of components, zones\n"
                          "zones:\n"
                          "  - {id: net}   # zone\n"
                          "\"components\":\n"
                          "  - {id: a, type: gateway, zone: net}\n"
                          "  - id: b\n"
                          "    type: gateway\n"
                          "    'zone': net  # the zone\n"
                          "flows: [{id: f, from: a, to: b, protocol: zone}]\n";
static const char new[] = "# a draft\n"
                          "version: 1      # of the draft\n"
                          "name: zone of components, zones\n"
                          "boundaries:\n"
                          "  - {id: net}   # zone\n"
                          "\"elements\":\n"
                          "  - {id: a, type: gateway, boundary: net}\n"
                          "  - id: b\n"
                          "    type: gateway\n"
                          "    'boundary': net  # the zone\n"
                          "flows: [{id: f, from: a, to: b, protocol: zone}]\n";

static rd_status parse(
    const char *text, struct rd_arena *arena, struct rd_system **sys, struct rd_error *err)
{
    return rd_system_parse("x.yaml", NULL, text, strlen(text), NULL, arena, sys, NULL, err);
}

static void an_older_file_is_read_as_todays(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_system *sys = NULL;

    (void)state;

    assert_int_equal(parse("version: 0\nzones: [{id: net}]\ncomponents:\n"
                           "  - {id: a, type: gateway, zone: net}\n",
                         &arena, &sys, NULL),
        RD_OK);
    assert_int_equal(sys->version, 0);
    assert_int_equal(sys->n_boundaries, 1);
    assert_int_equal(sys->n_elements, 1);
    assert_int_equal(sys->elements[0].boundary, 0);
    rd_arena_release(&arena);
}

static void migrating_changes_words_and_keeps_the_rest(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_buf out = { 0 };
    struct rd_system *sys = NULL;
    bool changed = false;
    int from = -1;

    (void)state;
    assert_int_equal(
        rd_system_migrate_text("x.yaml", old, strlen(old), &out, &from, &changed, NULL), RD_OK);
    assert_true(changed);
    assert_int_equal(from, 0);
    assert_string_equal(rd_buf_text(&out), new);
    assert_int_equal(parse(out.text, &arena, &sys, NULL), RD_OK);
    assert_int_equal(sys->version, 1);
    assert_int_equal(sys->elements[1].boundary, 0);
    rd_arena_release(&arena);
    rd_buf_release(&out);
}

static void a_current_file_stays_untouched(void **state)
{
    struct rd_buf out = { 0 };
    bool changed = true;
    int from = -1;

    (void)state;
    assert_int_equal(
        rd_system_migrate_text("x.yaml", new, strlen(new), &out, &from, &changed, NULL), RD_OK);
    assert_false(changed);
    assert_int_equal(from, 1);
    assert_int_equal(out.len, 0);
}

static void a_newer_file_is_refused_naming_both_versions(void **state)
{
    static const char text[] = "version: 7\nname: x\n";
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_buf out = { 0 };
    struct rd_system *sys = NULL;
    struct rd_error err = { 0 }, err2 = { 0 };
    bool changed = false;
    int from = -1;

    (void)state;
    assert_int_equal(parse(text, &arena, &sys, &err), RD_E_INPUT);
    assert_non_null(strstr(err.frame[0].text, "version 7"));
    assert_non_null(strstr(err.frame[0].text, "version 1"));
    assert_int_equal(
        rd_system_migrate_text("x.yaml", text, strlen(text), &out, &from, &changed, &err2),
        RD_E_INPUT);
    assert_non_null(strstr(err2.frame[0].text, "x.yaml:1:10: "));
    rd_arena_release(&arena);
}

/* A byte order mark, CR LF and characters of several bytes before the words that change. */
static void places_are_found_among_wide_characters(void **state)
{
    static const char before[] =
        "\xEF\xBB\xBF"
        "version: 0\r\n"
        "name: \xC3\xA9\xF0\x9F\x94\x92\r\n"
        "components: [{id: a, name: \"\xE2\x82\xAC\xE2\x82\xAC\", type: gateway, zone: b}]\r\n"
        "zones: [{id: b}]\r\n";
    static const char after[] =
        "\xEF\xBB\xBF"
        "version: 1\r\n"
        "name: \xC3\xA9\xF0\x9F\x94\x92\r\n"
        "elements: [{id: a, name: \"\xE2\x82\xAC\xE2\x82\xAC\", type: gateway, boundary: b}]\r\n"
        "boundaries: [{id: b}]\r\n";
    struct rd_buf out = { 0 };
    bool changed = false;
    int from = -1;

    (void)state;
    assert_int_equal(
        rd_system_migrate_text("x.yaml", before, strlen(before), &out, &from, &changed, NULL),
        RD_OK);
    assert_string_equal(rd_buf_text(&out), after);
    rd_buf_release(&out);
}

/* Written with an escape, the word is not in the file: nothing is guessed. */
static void a_word_that_is_written_otherwise_is_not_replaced(void **state)
{
    static const char text[] = "version: 0\n\"\\x63omponents\": []\n";
    struct rd_buf out = { 0 };
    struct rd_error err = { 0 };
    bool changed = false;
    int from = -1;

    (void)state;
    assert_int_equal(
        rd_system_migrate_text("x.yaml", text, strlen(text), &out, &from, &changed, &err),
        RD_E_INPUT);
    assert_non_null(strstr(err.frame[0].text, "components"));
    rd_buf_release(&out);
}

static void a_miniature_needs_no_version(void **state)
{
    static const char text[] = "elements: [{id: a, type: gateway}]\n";
    const struct rd_system_options options = { .fragment = true };
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_system *sys = NULL;
    struct rd_doc *doc;

    (void)state;
    assert_int_equal(
        rd_doc_read_yaml("x.yaml", text, strlen(text), NULL, &arena, &doc, NULL), RD_OK);
    assert_int_equal(
        rd_system_read_doc("x.yaml", NULL, doc, &options, &arena, &sys, NULL, NULL), RD_OK);
    assert_int_equal(sys->n_elements, 1);
    assert_int_equal(sys->version, RD_SYSTEM_VERSION);
    sys = NULL;
    assert_int_equal(
        rd_system_read_doc("x.yaml", NULL, doc, NULL, &arena, &sys, NULL, NULL), RD_E_INPUT);
    assert_null(sys);
    rd_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_file_is_read_as_todays),
        cmocka_unit_test(migrating_changes_words_and_keeps_the_rest),
        cmocka_unit_test(a_current_file_stays_untouched),
        cmocka_unit_test(a_newer_file_is_refused_naming_both_versions),
        cmocka_unit_test(places_are_found_among_wide_characters),
        cmocka_unit_test(a_word_that_is_written_otherwise_is_not_replaced),
        cmocka_unit_test(a_miniature_needs_no_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
