/* The diagram's file: well-formed whatever the names, anchors for everything, marks by status. */
#include "support.h"

#include "base/alloc.h"
#include "report/dot.h"
#include "report/measure.h"
#include "report/svg.h"
#include "sample.h"

static struct sample sample;
static struct rd_arena arena;
static struct rd_error err;
static struct rd_run run = { .scratch = &arena, .err = &err };
static struct rd_diagram diagram;

static int setup(void **state)
{
    (void)state;
    sample_fill(&sample);
    diagram = (struct rd_diagram){ .system = &sample.system,
        .threats = &sample.threats,
        .states = sample.state,
        .link = "report.html",
        .dot = "" };
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static const char *svg(void)
{
    struct rd_buf out = { 0 };
    struct rd_svg_size size;
    const char *text;

    assert_int_equal(rd_report_svg(&run, &diagram, &out, &size), RD_OK);
    assert_true(size.width >= 100 && size.height >= 100);
    text = rd_arena_strdup(&arena, out.text);
    rd_buf_release(&out);
    return text;
}

static bool says(const char *text)
{
    return strstr(svg(), text) != NULL;
}

static void everything_can_be_pointed_at(void **state)
{
    (void)state;
    assert_true(says("<g id=\"element-crowd\" class=\"element external\">"));
    assert_true(says("<g id=\"element-api\" class=\"element process\">"));
    assert_true(says("<g id=\"flow-ask\" class=\"flow crossing\">"));
    assert_true(says("<g id=\"boundary-internet\" class=\"boundary untrusted\">"));
}

static void a_badge_says_how_many_how_bad_and_what_was_shown(void **state)
{
    (void)state;
    assert_true(says(">2 threats, critical, 1 demonstrated<"));
    sample.state[0].status = RD_THREAT_UNTRIED;
    assert_true(says(">2 threats, critical, untried<"));
    sample.threat[1].applicability = RD_APPLIES_MITIGATED;
    assert_true(says(">1 threat, high, untried<"));
    diagram.states = NULL; /* no evidence: no word on what it shows */
    assert_true(says(">1 threat, high<"));
    assert_true(says("no evidence is stored"));
    diagram.threats = NULL;
    assert_false(says("threat, high"));
}

static void elements_lead_to_their_threats_when_asked(void **state)
{
    (void)state;
    assert_true(says("<a href=\"report.html#at-api\">"));
    sample.threats.n = 1;
    assert_true(says("<a href=\"report.html#t-evasion@api\">"));
    diagram.link = NULL;
    assert_false(says("<a "));
}

static void no_name_becomes_markup(void **state)
{
    (void)state;
    assert_false(says("<script>"));
    assert_true(says("&lt;/script&gt;&lt;script&gt;"));
    assert_false(says("\xe2\x80\xae"));
    assert_false(says("<b>"));
}

static void a_long_name_is_cut_in_the_box_and_whole_in_the_title(void **state)
{
    char name[401];

    (void)state;
    memset(name, 'w', 400);
    name[400] = '\0';
    sample.element[1].name = name;
    const char *text = svg();

    assert_non_null(strstr(text, name)); /* in titles, and in no line that is drawn */
    assert_null(strstr(text, rd_arena_printf(&arena, "%s</text>", name)));
    assert_non_null(strstr(text, "ww\xe2\x80\xa6</text>"));
}

static void lines_are_as_wide_as_asked_and_break_at_spaces(void **state)
{
    struct rd_lines l;

    (void)state;
    assert_true(rd_measure_wrap("one two three four", 10, false, 60, 2, &arena, &l));
    assert_int_equal(l.n, 2);
    assert_string_equal(l.line[0], "one two");
    assert_string_equal(l.line[1], "three four");
    assert_false(l.cut);
    assert_true(rd_measure_wrap("one two three four five six", 10, false, 60, 2, &arena, &l));
    assert_true(l.cut && l.width <= 60);
    assert_true(rd_measure_wrap("", 10, false, 60, 2, &arena, &l));
    assert_int_equal(l.n, 0);
    /* A mark stays with its letter: e and U+0301, no room for more than a few. */
    assert_true(rd_measure_wrap("e\xcc\x81"
                                "e\xcc\x81"
                                "e\xcc\x81"
                                "e\xcc\x81"
                                "e\xcc\x81",
        10, false, 20, 9, &arena, &l));
    for (size_t i = 0; i < l.n; i++)
        assert_true(l.line[i][0] == 'e');
}

static void too_large_a_system_is_refused_with_its_size(void **state)
{
    struct rd_buf out = { 0 };
    struct rd_svg_size size;

    (void)state;
    diagram.threats = NULL;
    sample.system.n_elements = sample.system.n_flows = sample.system.n_boundaries = 0;
    assert_true(says("0 elements"));
    struct rd_element *many = RD_NEW_ARRAY(&arena, struct rd_element, RD_LAYOUT_MAX + 1);
    for (size_t i = 0; i <= RD_LAYOUT_MAX; i++)
        many[i] = sample.element[1];
    sample.system.elements = many;
    sample.system.n_elements = RD_LAYOUT_MAX + 1;
    assert_int_equal(rd_report_svg(&run, &diagram, &out, &size), RD_E_LIMIT);
    rd_buf_release(&out);
}

static void every_failed_allocation_is_an_error(void **state)
{
    const char *whole = svg();
    size_t failures = 0;

    (void)state;
    for (size_t i = 1; i < 4000; i++) {
        struct rd_buf out = { 0 };
        struct rd_svg_size size;
        rd_status st;

        err = (struct rd_error){ 0 };
        rd_alloc_fail_at(i);
        st = rd_report_svg(&run, &diagram, &out, &size);
        rd_alloc_fail_at(0);
        if (!st) /* nothing may be missing quietly */
            assert_string_equal(out.text, whole);
        rd_buf_release(&out);
        failures += st != RD_OK;
        assert_true(st == RD_OK || st == RD_E_MEMORY);
        if (!st)
            break;
    }
    assert_true(failures > 3);
}

static void graphviz_gets_names_that_stay_labels(void **state)
{
    struct rd_buf out = { 0 };

    (void)state;
    assert_int_equal(rd_report_dot(&run, &diagram, &out), RD_OK);
    assert_non_null(strstr(out.text, "\"api\" [shape=box, style=\"rounded\", id=\"element-api\""));
    assert_non_null(strstr(out.text, "subgraph \"cluster_internet\""));
    assert_non_null(strstr(out.text, "2 threats, critical, 1 demonstrated"));
    rd_buf_release(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(everything_can_be_pointed_at),
        TEST(a_badge_says_how_many_how_bad_and_what_was_shown),
        TEST(elements_lead_to_their_threats_when_asked),
        TEST(no_name_becomes_markup),
        TEST(a_long_name_is_cut_in_the_box_and_whole_in_the_title),
        TEST(lines_are_as_wide_as_asked_and_break_at_spaces),
        TEST(too_large_a_system_is_refused_with_its_size),
        TEST(every_failed_allocation_is_an_error),
        TEST(graphviz_gets_names_that_stay_labels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
