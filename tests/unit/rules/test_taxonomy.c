/* Ids of published lists: current, retired, of another edition, misspelled. */
#include "rules_support.h"

#include "rules/taxonomy.h"

static struct rd_arena arena;
static struct rd_taxonomies lists;

static int load(void **state)
{
    (void)state;
    return rd_taxonomies_read(rd_catalog, &arena, &lists, NULL) ? -1 : 0;
}
static int unload(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static const char *check(const char *list, const char *edition, const char *id)
{
    const struct rd_taxonomy_row *row = NULL;
    struct rd_error err = { 0 };
    const rd_status st = rd_taxonomy_check(&lists, "x.yaml:1:2", list, edition, id, &row, &err);

    if (!st)
        return row->title;
    assert_int_equal(st, RD_E_INPUT);
    return rd_arena_printf(&arena, "%s; %s", err.frame[0].text, err.hint);
}

static void current_ids_have_their_titles(void **state)
{
    (void)state;
    assert_string_equal(check("MITRE ATLAS", "2026.09", "AML.T0024.002"), "Extract AI Model");
    assert_string_equal(check("MITRE ATLAS", "2026.09", "AML.TA0001"), "AI Attack Adaptation");
    assert_string_equal(
        check("MITRE ATLAS", "2026.09", "AML.M0003"), "Predictive AI Model Hardening");
    assert_string_equal(
        check("OWASP Top 10 for LLM Applications", "2026", "LLM04:2026"), "Supply Chain");
    assert_string_equal(check("OWASP Top 10 for LLM Applications", "2025", "LLM04:2025"),
        "Data and Model Poisoning");
    assert_string_equal(check("OWASP Top 10 for Agentic Applications", "2026", "ASI06"),
        "Memory & Context Poisoning");
    assert_string_equal(check("STRIDE", "1999", "R"), "Repudiation");
    assert_string_equal(check("CWE", "4.17", "CWE-502"), "Deserialization of Untrusted Data");
}

static void retired_ids_name_their_successor(void **state)
{
    (void)state;
    assert_string_equal(check("MITRE ATLAS", "2026.09", "AML.T0019"),
        "x.yaml:1:2: AML.T0019 (Publish Poisoned Datasets) was retired: its successor is "
        "AML.T0115.000 in MITRE ATLAS 2026.09; ");
    assert_non_null(strstr(check("MITRE ATLAS", "5.6.0", "AML.T0058"), "AML.T0115.001"));
    assert_non_null(strstr(check("MITRE ATLAS", "2026.09", "AML.T0104"), "AML.T0115.002"));
}

static void wrong_editions_and_misspellings_are_told_apart(void **state)
{
    (void)state;
    assert_non_null(strstr(check("MITRE ATLAS", "5.6.0", "AML.T0020"),
        "no edition '5.6.0' of MITRE ATLAS; there is '2026.09'"));
    assert_non_null(strstr(check("OWASP Top 10 for LLM Applications", "2026", "LLM03:2025"),
        "LLM03:2025 is of edition '2025' of OWASP Top 10 for LLM Applications, not of '2026'"));
    assert_non_null(strstr(
        check("MITRE ATLAS", "2026.09", "AML.T9999"), "no id 'AML.T9999' in MITRE ATLAS 2026.09"));
    assert_non_null(
        strstr(check("MITRE ATLS", "2026.09", "AML.T0020"), "did you mean 'MITRE ATLAS'?"));
}

static rd_status read_csv(const char *text, struct rd_taxonomies *out, struct rd_error *err)
{
    const struct rd_embedded files[] = {
        { "taxonomies/x.csv", (const unsigned char *)text, strlen(text) }, { 0 }
    };

    return rd_taxonomies_read(files, &arena, out, err);
}

#define HEAD "list,edition,kind,id,title,within,successor\n"
static void quoted_fields_hold_commas_and_quotes(void **state)
{
    struct rd_taxonomies t;

    (void)state;
    assert_int_equal(read_csv(HEAD "L,1,k,A,\"a, \"\"b\"\"\",,\nL,1,k,B,b,,", &t, NULL), RD_OK);
    assert_int_equal(t.n, 2);
    assert_string_equal(t.row[0].title, "a, \"b\"");
    assert_string_equal(t.row[1].id, "B");
}

static void broken_files_are_refused_with_their_line(void **state)
{
    static const char *const bad[][2] = {
        { "list,id\n", ":1: the first line must be" },
        { "", ":1: the first line must be" },
        { HEAD "L,1,k,A\n", ":2: 7 columns expected" },
        { HEAD "L,1,k,A,t,,,\n", ":2: 7 columns expected" },
        { HEAD "L,1,k,A,t,,\nL,1,k,A,\"t,,\n", ":3: a quote" },
        { HEAD "L,1,k,A,t\"t,,\n", ":2: a quote" },
        { HEAD "L,1,k,A,\"t\"t,,\n", ":2: a quote" },
        { HEAD "L,1,k,,t,,\n", "may not be empty" },
        { HEAD "L,1,retired,A,t,,\n", "a successor belongs" },
        { HEAD "L,1,k,A,t,,B\n", "a successor belongs" },
        { HEAD "Redoubt controls,1,control,a,t,,\n", "a: expected a stage" },
        { HEAD "Redoubt controls,1,control,a,t,data,\n", "found 'data'" },
        { HEAD "Redoubt controls,1,control,a,t,data;prevents,\n", "found 'data;prevents'" },
        { HEAD "Redoubt controls,1,control,a,t,inferenc;detect,\n", "found 'inferenc;detect'" },
        { HEAD "Redoubt controls,1,control,a,t,data;detect,\n"
               "Redoubt controls,1,control,a,t,data;detect,\n",
            "two kinds are called 'a'" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rd_taxonomies t;
        struct rd_error err = { 0 };

        assert_int_equal(read_csv(bad[i][0], &t, &err), RD_E_INPUT);
        if (!strstr(err.frame[0].text, bad[i][1])) {
            print_error("case %zu said: %s\n", i, err.frame[0].text);
            fail();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(current_ids_have_their_titles),
        cmocka_unit_test(retired_ids_name_their_successor),
        cmocka_unit_test(wrong_editions_and_misspellings_are_told_apart),
        cmocka_unit_test(quoted_fields_hold_commas_and_quotes),
        cmocka_unit_test(broken_files_are_refused_with_their_line),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
