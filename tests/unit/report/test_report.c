/*
 * The documents of an assessment. What is written here is also left in the build folder, for the
 * schema check (tests/golden/report_schema.py) and for the browser (tests/web/report.sh): its names
 * are as hostile as names get.
 */
#include "support.h"

#include "base/doc.h"
#include "base/file.h"
#include "sample.h"

static struct sample sample;
static struct rd_arena arena;
static struct rd_error err;
static struct rd_run run = { .scratch = &arena, .err = &err };

static int setup(void **state)
{
    (void)state;
    sample_fill(&sample);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static const char *verdict(size_t i)
{
    const char *const *s;
    size_t n;

    assert_int_equal(rd_report_verdict(&run, &sample.report, &arena, &s, &n), RD_OK);
    return i < n ? s[i] : "";
}

static bool verdict_says(const char *text)
{
    const char *const *s;
    size_t n;

    assert_int_equal(rd_report_verdict(&run, &sample.report, &arena, &s, &n), RD_OK);
    for (size_t i = 0; i < n; i++)
        if (strstr(s[i], text))
            return true;
    return false;
}

static void write_json(struct rd_buf *out)
{
    struct rd_buf result = { 0 };
    struct rd_json j = { .out = &result };
    struct rd_report_parts parts = { .tool = "{\"name\":\"redoubt\",\"version\":\"0\"}",
        .warnings = "[]" };

    assert_int_equal(rd_report_result(&run, &sample.report, &j), RD_OK);
    assert_false(result.failed);
    rd_json_release(&j);
    parts.result = result.text;
    assert_int_equal(rd_report_json(&run, &sample.report, &parts, out), RD_OK);
    rd_buf_release(&result);
}

static void the_first_sentence_says_what_was_tried_and_demonstrated(void **state)
{
    (void)state;
    assert_string_equal(verdict(0),
        "Of 2 threats that apply or may apply, 1 was tried and it was demonstrated (evasion).");
    assert_true(verdict_says("1 was not tried, 1 of them of critical severity"));
}

static void nothing_tried_is_never_called_safe(void **state)
{
    (void)state;
    sample.state[0] = sample.state[1];
    sample.campaign.n_tested = 0;
    assert_string_equal(verdict(0), "Of 2 threats that apply or may apply, 0 were tried: nothing "
                                    "is demonstrated and nothing is refuted.");
    assert_false(verdict_says("safe"));
}

static void a_guess_that_dominates_is_named_and_a_measurement_is_not(void **state)
{
    static const struct rd_risk_share shares[] = { { "measured-thing", RD_PROV_MEASURED, 0.6 },
        { "wrong-shipment", RD_PROV_DEFAULT, 0.31 } };
    static const struct rd_risk_result risk = { .shares = shares, .n_shares = 2 };

    (void)state;
    sample.report.risk = &risk;
    assert_non_null(strstr(verdict(0), "the guess that moves the expected loss most is "
                                       "wrong-shipment (a default), with 31 % of its variance"));
}

static void a_control_without_effect_did_nothing(void **state)
{
    (void)state;
    assert_true(verdict_says(
        "'hardened' (swap-artifact) lowers the success share that pgd reaches from 90 % to 20 %"));
    assert_true(verdict_says("Did nothing here: round-scores (rounding against pgd)."));
    assert_non_null(strstr(
        rd_report_control_sentence(&sample.report, &sample.tested[0], &sample.retest[1], &arena),
        "did nothing here"));
}

static void an_untested_adversary_is_said_to_be_missing(void **state)
{
    (void)state;
    sample.retest[0].aware = NULL;
    assert_true(verdict_says("no attack that knows it was run, so this effect is static"));
}

static void an_effect_around_zero_is_not_a_help(void **state)
{
    (void)state;
    sample.retest[0].effect = (struct rd_interval){ 0.1, -0.1, 0.3 };
    assert_true(verdict_says("has shown no effect"));
    sample.retest[0].effect = (struct rd_interval){ -0.2, -0.3, -0.1 };
    assert_true(verdict_says("makes it worse"));
    sample.retest[0].effect = (struct rd_interval){ (double)NAN, (double)NAN, (double)NAN };
    sample.retest[0].effect_reason = "2 runs";
    assert_true(verdict_says("has no interval: 2 runs"));
}

static void the_result_holds_what_the_contract_names(void **state)
{
    struct rd_buf out = { 0 };
    struct rd_doc *doc;

    (void)state;
    write_json(&out);
    assert_int_equal(
        rd_doc_read_json("report.json", out.text, out.len, &rd_limits_default, &arena, &doc, &err),
        RD_OK);
    const struct rd_doc *result = rd_doc_get(doc, "result"), *tests = rd_doc_get(result, "tests");
    static const char *const of_test[] = { "id", "threat", "attack", "controls", "unit", "n",
        "successes", "interval", "outcome", "metrics", "curve", "queries", "rows_total",
        "gradients", "settings" };
    static const char *const of_threat[] = { "id", "applicability", "status", "severity", "stage" };
    static const char *const of_control[] = { "id", "test", "effect", "ale_before", "ale_after",
        "utility_cost" };
    static const char *const of_effect[] = { "before", "after", "low", "high", "adaptive" };
    for (size_t i = 0; i < sizeof(of_test) / sizeof(*of_test); i++)
        assert_non_null(rd_doc_get(&tests->item[0], of_test[i]));
    for (size_t i = 0; i < sizeof(of_threat) / sizeof(*of_threat); i++)
        assert_non_null(rd_doc_get(&rd_doc_get(result, "threats")->item[0], of_threat[i]));
    const struct rd_doc *controls = rd_doc_get(result, "controls");
    assert_int_equal(controls->n, 2);
    for (size_t i = 0; i < sizeof(of_control) / sizeof(*of_control); i++)
        assert_non_null(rd_doc_get(&controls->item[0], of_control[i]));
    for (size_t i = 0; i < sizeof(of_effect) / sizeof(*of_effect); i++)
        assert_non_null(rd_doc_get(rd_doc_get(&controls->item[0], "effect"), of_effect[i]));
    double cost = 0;
    assert_true(rd_doc_real(rd_doc_get(&controls->item[0], "utility_cost"), &cost));
    assert_true(fabs(cost - 0.02) < 1e-12);
    assert_int_equal(rd_doc_get(result, "not_tried")->n, 1);
    rd_buf_release(&out);
}

static void the_same_assessment_gives_the_same_bytes(void **state)
{
    struct rd_buf a = { 0 }, b = { 0 };

    (void)state;
    write_json(&a);
    write_json(&b);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.text, b.text, a.len);
    rd_buf_release(&a);
    rd_buf_release(&b);
}

static void no_name_can_leave_its_place_in_the_page(void **state)
{
    static const char page[] = "<script type=\"application/json\">@@REDOUBT_DATA@@</script>";
    struct rd_buf json = { 0 }, html = { 0 };
    const char *end;

    (void)state;
    write_json(&json);
    assert_non_null(strstr(json.text, "</script>")); /* the attack is in there */
    assert_int_equal(
        rd_report_html_into(page, sizeof(page) - 1, json.text, json.len, &html, &err), RD_OK);
    end = strchr(html.text + 10, '<'); /* the next '<' is the page's own end tag */
    assert_string_equal(end, "</script>");
    assert_non_null(
        strstr(json.text, "\xe2\x80\xae")); /* text that runs backwards, and what is left of it */
    assert_null(strstr(html.text, "\xe2\x80\xae"));
    assert_non_null(strstr(html.text, "\\u202e"));
    rd_buf_release(&html);
    static const char odd[] = "\"\xc2\x9b\xf3\xa0\x80\xa1\xc3\xa4\xff\"";
    assert_int_equal(
        rd_report_html_into("@@REDOUBT_DATA@@", 16, odd, sizeof(odd) - 1, &html, &err), RD_OK);
    assert_string_equal(html.text, "\"\\u009b\\udb40\\udc21\xc3\xa4\xff\"");
    rd_buf_release(&json);
    rd_buf_release(&html);
}

static void a_page_without_a_place_for_data_is_our_mistake(void **state)
{
    struct rd_buf html = { 0 };

    (void)state;
    assert_int_equal(rd_report_html_into("<html>", 6, "{}", 2, &html, &err), RD_E_BUG);
    rd_buf_release(&html);
}

static void markdown_makes_names_plain_text(void **state)
{
    struct rd_buf md = { 0 };

    (void)state;
    assert_int_equal(rd_report_markdown(&run, &sample.report, &md), RD_OK);
    assert_null(strstr(md.text, "<script>"));
    assert_null(strstr(md.text, "\xe2\x80\xae"));
    assert_non_null(strstr(md.text, "\\\\u{202e}"));
    assert_non_null(strstr(md.text, "API \\| with \\[a\\](b) \\*pipe\\*"));
    static const char *const heads[] = { "\n## Executive view\n", "\n## System\n",
        "\n## Stages of the life cycle\n", "\n## Threats\n", "\n## Evidence\n",
        "\n## Expected loss\n", "\n## Roadmap\n", "\n## Not tried\n", "\n## Assumptions\n",
        "\n## Glossary\n" };
    const char *at = md.text;
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        at = strstr(at, heads[i]); /* in the order of the page */
        assert_non_null(at);
    }
    assert_non_null(strstr(md.text, "\n    redoubt ")); /* a command to check it oneself */
    assert_non_null(strstr(md.text, "\nImpact: "));
    assert_non_null(strstr(md.text, "- **susceptibility**: "));
    assert_non_null(strstr(md.text, "missing-logs@api (critical): no attack proves it"));
    rd_buf_release(&md);
}

static void every_section_of_markdown_is_marked_illustrative(void **state)
{
    static const struct rd_risk_result risk = { .illustrative = true };
    struct rd_buf md = { 0 };
    size_t sections = 0, marks = 0;

    (void)state;
    sample.report.risk = &risk;
    assert_int_equal(rd_report_markdown(&run, &sample.report, &md), RD_OK);
    for (const char *p = md.text; (p = strstr(p, "\n## ")); p++)
        sections++;
    for (const char *p = md.text; (p = strstr(p, "*Illustrative:")); p++)
        marks++;
    assert_true(sections >= 6);
    assert_int_equal(sections, marks);
    rd_buf_release(&md);
}

static void without_a_page_there_is_a_reason_and_with_one_there_is_none(void **state)
{
    struct rd_buf html = { 0 };

    (void)state;
    if (rd_report_html_available()) {
        assert_null(rd_report_html_reason());
        assert_int_equal(rd_report_html("{}", 2, &html, &err), RD_OK);
        assert_non_null(strstr(html.text, "Content-Security-Policy"));
    } else {
        assert_non_null(rd_report_html_reason());
        assert_int_equal(rd_report_html("{}", 2, &html, &err), RD_E_NOTFOUND);
        assert_int_equal(html.len, 0);
    }
    rd_buf_release(&html);
}

/* For the schema check and the browser. */
static void documents_are_left_in_the_build_folder(void **state)
{
    static const char folder[] = RD_BUILD_DIR "/report-test";
    struct rd_buf json = { 0 }, html = { 0 };

    (void)state;
    write_json(&json);
    assert_int_equal(rd_file_mkdirs(folder, 0755, &err), RD_OK);
    assert_int_equal(
        rd_file_write(RD_BUILD_DIR "/report-test/report.json", json.text, json.len, 0644, &err),
        RD_OK);
    if (rd_report_html_available()) {
        assert_int_equal(rd_report_html(json.text, json.len, &html, &err), RD_OK);
        assert_int_equal(
            rd_file_write(RD_BUILD_DIR "/report-test/report.html", html.text, html.len, 0644, &err),
            RD_OK);
    }
    rd_buf_release(&json);
    rd_buf_release(&html);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_sentence_says_what_was_tried_and_demonstrated),
        TEST(nothing_tried_is_never_called_safe),
        TEST(a_guess_that_dominates_is_named_and_a_measurement_is_not),
        TEST(a_control_without_effect_did_nothing),
        TEST(an_untested_adversary_is_said_to_be_missing),
        TEST(an_effect_around_zero_is_not_a_help),
        TEST(the_result_holds_what_the_contract_names),
        TEST(the_same_assessment_gives_the_same_bytes),
        TEST(no_name_can_leave_its_place_in_the_page),
        TEST(a_page_without_a_place_for_data_is_our_mistake),
        TEST(markdown_makes_names_plain_text),
        TEST(every_section_of_markdown_is_marked_illustrative),
        TEST(without_a_page_there_is_a_reason_and_with_one_there_is_none),
        TEST(documents_are_left_in_the_build_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
