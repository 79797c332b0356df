/* SARIF and JUnit of the sample. Both are left in the build folder for tests/golden/sarif.py. */
#include "support.h"

#include "base/alloc.h"
#include "base/doc.h"
#include "base/file.h"
#include "report/junit.h"
#include "report/sarif.h"
#include "report/source.h"
#include "sample.h"

#include <stdlib.h>
#include <unistd.h>

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

static void keep(const char *name, const struct rd_buf *b)
{
    assert_int_equal(rd_file_mkdirs(RD_BUILD_DIR "/report-test", 0755, &err), RD_OK);
    assert_int_equal(rd_file_write(rd_path_join(&arena, RD_BUILD_DIR "/report-test", name), b->text,
                         b->len, 0644, &err),
        RD_OK);
}

static const struct rd_doc *sarif_run(void)
{
    struct rd_buf out = { 0 };
    struct rd_doc *doc;

    assert_int_equal(rd_report_sarif(&run, &sample.report, &out), RD_OK);
    keep("findings.sarif", &out);
    assert_int_equal(
        rd_doc_read_json("x.sarif", out.text, out.len, &rd_limits_default, &arena, &doc, &err),
        RD_OK);
    rd_buf_release(&out);
    return rd_doc_get(doc, "runs")->item;
}

static const struct rd_doc *result(size_t i)
{
    const struct rd_doc *r = rd_doc_get(sarif_run(), "results");

    assert_true(i < r->n);
    return &r->item[i];
}

static const char *text_of(const struct rd_doc *doc, const char *key)
{
    const struct rd_doc *d = rd_doc_get(doc, key);

    return d && d->text ? d->text : "";
}

static void kind_follows_the_state_and_level_follows_the_kind(void **state)
{
    static const struct {
        enum rd_status_of_threat status;
        enum rd_applicability applies;
        const char *kind, *level;
    } row[] = {
        { RD_THREAT_DEMONSTRATED, RD_APPLIES_YES, "fail", "error" },
        { RD_THREAT_INCONCLUSIVE, RD_APPLIES_YES, "review", "none" },
        { RD_THREAT_UNTRIED, RD_APPLIES_YES, "open", "none" },
        { RD_THREAT_UNTRIED, RD_APPLIES_UNKNOWN, "review", "none" },
    };
    static const char *const proof[] = { "pgd" };

    (void)state;
    sample.rule[0].proved_by = proof;
    sample.rule[0].n_proved_by = 1;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sample.state[0].status = row[i].status;
        sample.threat[0].applicability = row[i].applies;
        assert_string_equal(text_of(result(0), "kind"), row[i].kind);
        assert_string_equal(text_of(result(0), "level"), row[i].level);
    }
}

static void what_no_attack_can_prove_is_a_finding_of_the_file(void **state)
{
    (void)state;
    sample.threat[1].applicability = RD_APPLIES_YES;
    assert_string_equal(text_of(result(1), "kind"), "fail");
    assert_string_equal(text_of(result(1), "level"), "error");
}

static void what_passed_is_no_result_but_is_listed(void **state)
{
    const struct rd_doc *r;

    (void)state;
    sample.state[0].status = RD_THREAT_CONTROLLED;
    r = sarif_run();
    assert_string_equal(text_of(rd_doc_get(r, "results")->item, "ruleId"), "missing-logs");
    r = rd_doc_get(rd_doc_get(r, "properties"), "passed")->item;
    assert_string_equal(text_of(r, "threat"), "evasion@api");
    assert_string_equal(text_of(r, "status"), "controlled");
}

static void a_result_points_at_the_element_and_at_the_property_that_decided(void **state)
{
    static const struct rd_setting property[] = { { "exposure", "internet", { 31, 18 } } };
    static const struct rd_fact fact[] = { { "api.exposure", "internet", NULL },
        { "path from crowd to api", "crowd -> api", NULL } };
    const struct rd_doc *r, *related;

    (void)state;
    sample.element[1].at = (struct rd_place){ 27, 5 };
    sample.element[1].properties = (struct rd_settings){ property, 1 };
    sample.threat[0].facts = fact;
    sample.threat[0].n_facts = 2;
    r = result(0);
    const struct rd_doc *place = rd_doc_get(rd_doc_get(r, "locations")->item, "physicalLocation");
    assert_string_equal(text_of(rd_doc_get(place, "region"), "startLine"), "27");
    assert_string_equal(text_of(rd_doc_get(place, "region"), "startColumn"), "5");
    related = rd_doc_get(r, "relatedLocations");
    assert_int_equal(related->n, 1);
    related = related->item;
    place = rd_doc_get(related, "physicalLocation");
    assert_string_equal(text_of(rd_doc_get(place, "region"), "startLine"), "31");
    assert_string_equal(text_of(rd_doc_get(place, "region"), "startColumn"), "18");
    assert_non_null(strstr(
        text_of(rd_doc_get(r, "message"), "text"), "Decided by [api.exposure](0) (internet)"));
}

static void a_decision_is_a_suppression_with_its_reason(void **state)
{
    static const struct rd_decision decision = {
        .threat = "evasion@api", .decision = "accepted", .by = "risk owner", .why = "low volume"
    };
    const struct rd_doc *s;

    (void)state;
    sample.threat[0].decision = &decision;
    s = rd_doc_get(result(0), "suppressions")->item;
    assert_string_equal(text_of(s, "status"), "accepted");
    assert_string_equal(text_of(s, "justification"), "accepted by risk owner: low volume");
}

static void names_make_neither_links_nor_placeholders(void **state)
{
    struct rd_buf b = { 0 };

    (void)state;
    rd_sarif_text(&b, "[a](1) {0} \\ \xe2\x80\xae\x1b");
    assert_string_equal(b.text, "\\[a\\](1) {{0}} \\\\ \\\\u{{202e}}\\\\x1b");
    rd_buf_release(&b);
}

static void the_uri_is_relative_to_the_repository(void **state)
{
    char folder[] = "/tmp/redoubt-source-XXXXXX";
    struct rd_buf b = { 0 };

    (void)state;
    assert_non_null(mkdtemp(folder));
    const char *deep = rd_path_join(&arena, folder, "ml/fraud");
    const char *file = rd_path_join(&arena, deep, "redoubt.yaml");
    assert_int_equal(rd_file_mkdirs(deep, 0755, &err), RD_OK);
    assert_int_equal(rd_file_write(file, "x", 1, 0644, &err), RD_OK);
    sample.system.path = file;
    assert_string_equal(rd_source_file(&sample.system, &arena), "redoubt.yaml");
    assert_int_equal(rd_file_mkdirs(rd_path_join(&arena, folder, ".git"), 0755, &err), RD_OK);
    assert_string_equal(rd_source_file(&sample.system, &arena), "ml/fraud/redoubt.yaml");
    sample.system.path = "no/such/file.yaml";
    assert_string_equal(rd_source_file(&sample.system, &arena), "file.yaml");
    rd_source_uri(&b, "a b/\xc3\xa9%?.yaml");
    assert_string_equal(b.text, "a%20b/%C3%A9%25%3F.yaml");
    rd_buf_release(&b);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(deep), 0);
    assert_int_equal(rmdir(rd_path_join(&arena, folder, "ml")), 0);
    assert_int_equal(rmdir(rd_path_join(&arena, folder, ".git")), 0);
    assert_int_equal(rmdir(folder), 0);
}

static const char *junit(void)
{
    struct rd_buf out = { 0 };
    const char *text;

    assert_int_equal(rd_report_junit(&run, &sample.report, &out), RD_OK);
    keep("junit.xml", &out);
    text = rd_arena_strdup(&arena, out.text);
    rd_buf_release(&out);
    return text;
}

static void demonstrated_fails_untried_is_skipped_and_says_why(void **state)
{
    const char *xml = junit();

    (void)state;
    assert_non_null(strstr(xml, "tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"1\""));
    assert_non_null(strstr(xml, "classname=\"redoubt.inference.evasion\" name=\"evasion@api "
                                "(try)\""));
    assert_non_null(strstr(xml, "<failure type=\"demonstrated\" message=\"pgd: 9 of 10\">"));
    assert_non_null(
        strstr(xml, "<skipped type=\"untried\" message=\"untried: no attack proves it\">"));
}

static void what_is_not_demonstrated_passes_and_inconclusive_does_not(void **state)
{
    (void)state;
    sample.record.outcome = RD_OUTCOME_NOT_DEMONSTRATED;
    sample.state[0].status = RD_THREAT_NOT_DEMONSTRATED;
    assert_non_null(strstr(junit(), "failures=\"0\" errors=\"0\" skipped=\"1\""));
    sample.record.outcome = RD_OUTCOME_INCONCLUSIVE;
    sample.state[0].status = RD_THREAT_INCONCLUSIVE;
    assert_non_null(strstr(junit(), "failures=\"0\" errors=\"0\" skipped=\"2\""));
    assert_non_null(strstr(junit(), "<skipped type=\"inconclusive\""));
}

static void an_accepted_threat_fails_no_build(void **state)
{
    static const struct rd_decision decision = {
        .threat = "evasion@api", .decision = "accepted", .by = "risk owner", .why = "low volume"
    };

    (void)state;
    sample.threat[0].decision = &decision;
    assert_non_null(
        strstr(junit(), "<skipped type=\"accepted\" message=\"accepted by risk owner: low volume"));
}

static void every_failed_allocation_is_an_error(void **state)
{
    typedef rd_status make_fn(struct rd_run *, const struct rd_report *, struct rd_buf *);
    static make_fn *const make[] = { rd_report_sarif, rd_report_junit };

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct rd_buf whole = { 0 };
        rd_status st = RD_E_MEMORY;

        assert_int_equal(make[k](&run, &sample.report, &whole), RD_OK);
        for (size_t i = 1; st && i < 4000; i++) {
            struct rd_buf out = { 0 };

            rd_alloc_fail_at(i);
            st = make[k](&run, &sample.report, &out);
            rd_alloc_fail_at(0);
            assert_true(st == RD_OK || st == RD_E_MEMORY);
            if (!st) /* nothing may be missing quietly */
                assert_string_equal(out.text, whole.text);
            rd_buf_release(&out);
            assert_true(st || i > 2);
        }
        assert_int_equal(st, RD_OK);
        rd_buf_release(&whole);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(kind_follows_the_state_and_level_follows_the_kind),
        TEST(what_no_attack_can_prove_is_a_finding_of_the_file),
        TEST(what_passed_is_no_result_but_is_listed),
        TEST(a_result_points_at_the_element_and_at_the_property_that_decided),
        TEST(a_decision_is_a_suppression_with_its_reason),
        TEST(names_make_neither_links_nor_placeholders),
        TEST(the_uri_is_relative_to_the_repository),
        TEST(demonstrated_fails_untried_is_skipped_and_says_why),
        TEST(what_is_not_demonstrated_passes_and_inconclusive_does_not),
        TEST(an_accepted_threat_fails_no_build),
        TEST(every_failed_allocation_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
