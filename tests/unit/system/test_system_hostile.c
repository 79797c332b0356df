/* Large, deep, hostile: bounded time and memory, and no failed allocation goes unnoticed. */
#include "support.h"

#include "base/alloc.h"
#include "base/file.h"
#include "system/system.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static double seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static rd_status parse(const struct rd_buf *text, struct rd_arena *arena, struct rd_system **sys,
    struct rd_problems *problems)
{
    *sys = NULL;
    assert_false(text->failed);
    return rd_system_parse("x.yaml", NULL, text->text, text->len, NULL, arena, sys, problems, NULL);
}

enum { MANY = 100000 };

/* Measured at about 1 s with sanitizers, 0.3 s without; the bound only tells linear from quadratic.
 */
static void a_hundred_thousand_elements_are_read(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_buf text = { 0 };
    struct rd_system *sys;
    const double start = seconds();

    (void)state;
    rd_buf_puts(&text, "version: 1\nboundaries: [{id: b}]\nelements:\n");
    for (int i = 0; i < MANY; i++)
        rd_buf_printf(&text, "- {id: e%d, type: gateway, boundary: b}\n", i);
    rd_buf_puts(&text, "flows:\n");
    for (int i = 1; i < MANY; i++)
        rd_buf_printf(&text, "- {id: f%d, from: e%d, to: e%d}\n", i, i - 1, i);
    assert_int_equal(parse(&text, &arena, &sys, NULL), RD_OK);
    assert_int_equal(sys->n_elements, MANY);
    assert_int_equal(sys->flows[MANY - 2].to, MANY - 1);
    assert_int_equal(rd_system_element(sys, "e99999"), 99999);
    assert_true(seconds() - start < 30);
    rd_buf_release(&text);
    rd_arena_release(&arena);
}

/* One long chain of prerequisites, closed into a circle at the end: no recursion, a short message.
 */
static void a_circle_of_a_hundred_thousand_controls_is_named(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_buf text = { 0 };
    struct rd_problems problems;
    struct rd_system *sys;
    const double start = seconds();

    (void)state;
    rd_buf_puts(&text, "version: 1\nelements: [{id: e, type: gateway}]\ncontrols:\n");
    for (int i = 0; i < MANY; i++)
        rd_buf_printf(&text,
            "- {id: c%d, kind: x, at: e, state: proposed, requires: [c%d, c0, c%d]}\n", i,
            (i + 1) % MANY, i / 2 + 1);
    assert_int_equal(parse(&text, &arena, &sys, &problems), RD_E_INPUT);
    assert_non_null(strstr(problems.item[problems.n - 1].text, "more problems"));
    for (size_t i = 0; i < problems.n; i++)
        assert_true(strlen(problems.item[i].text) < 400);
    assert_true(seconds() - start < 30);
    rd_buf_release(&text);
    rd_arena_release(&arena);
}

/* Every line wrong in three ways, each with words that are nearly right. */
static void a_hundred_thousand_mistakes_are_cut_short(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_buf text = { 0 };
    struct rd_problems problems;
    struct rd_system *sys;
    const double start = seconds();

    (void)state;
    rd_buf_puts(&text, "version: 1\nelements:\n");
    for (int i = 0; i < MANY; i++)
        rd_buf_printf(&text, "- {id: e%d, type: gatewya, boundry: b}\n", i);
    assert_int_equal(parse(&text, &arena, &sys, &problems), RD_E_INPUT);
    assert_true(problems.n > 5000 && problems.n < 20000);
    assert_non_null(strstr(problems.item[problems.n - 1].text, "not listed"));
    assert_true(seconds() - start < 30);
    rd_buf_release(&text);
    rd_arena_release(&arena);
}

/* Names that lead nowhere, each compared with many that are alike. */
static void many_dangling_references_cost_little(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_buf text = { 0 };
    struct rd_problems problems;
    struct rd_system *sys;
    const double start = seconds();

    (void)state;
    rd_buf_puts(&text, "version: 1\nboundaries:\n");
    for (int i = 0; i < MANY / 4; i++)
        rd_buf_printf(&text, "- {id: boundary-%d, inside: boundray-%d}\n", i, i);
    assert_int_equal(parse(&text, &arena, &sys, &problems), RD_E_INPUT);
    assert_non_null(strstr(problems.item[0].text, "did you mean"));
    assert_true(seconds() - start < 30);
    rd_buf_release(&text);
    rd_arena_release(&arena);
}

static void a_chain_of_boundaries_is_no_circle(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_buf text = { 0 };
    struct rd_problems problems;
    struct rd_system *sys;
    const double start = seconds();

    (void)state;
    rd_buf_puts(&text, "version: 1\nboundaries:\n- {id: b0}\n");
    for (int i = 1; i < MANY; i++)
        rd_buf_printf(&text, "- {id: b%d, inside: b%d}\n", i, i - 1);
    assert_int_equal(parse(&text, &arena, &sys, &problems), RD_OK);
    rd_arena_release(&arena);
    rd_buf_release(&text);
    /* The same, closed: one circle is said once. */
    rd_buf_printf(&text, "version: 1\nboundaries:\n- {id: b0, inside: b%d}\n", MANY - 1);
    for (int i = 1; i < MANY; i++)
        rd_buf_printf(&text, "- {id: b%d, inside: b%d}\n", i, i - 1);
    assert_int_equal(parse(&text, &arena, &sys, &problems), RD_E_INPUT);
    assert_int_equal(problems.n, 1);
    assert_true(seconds() - start < 30);
    rd_buf_release(&text);
    rd_arena_release(&arena);
}

static void depth_is_bounded(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_buf text = { 0 };
    struct rd_system *sys;
    rd_status st;

    (void)state;
    rd_buf_puts(&text, "version: 1\nname: ");
    for (int i = 0; i < 100000; i++)
        rd_buf_putc(&text, '[');
    st = parse(&text, &arena, &sys, NULL);
    assert_true(st == RD_E_LIMIT || st == RD_E_INPUT);
    rd_buf_release(&text);
    rd_arena_release(&arena);
}

static void a_small_file_may_not_cost_much(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_buf text = { 0 };
    struct rd_system *sys;

    (void)state;
    rd_buf_puts(&text, "version: 1\nrisk: {scenarios: [");
    for (int i = 0; i < 500; i++)
        rd_buf_puts(&text, "a,");
    rd_buf_puts(&text, "]}\n");
    assert_int_equal(parse(&text, &arena, &sys, NULL), RD_E_INPUT);
    assert_true(arena.used < 4u << 20);
    rd_buf_release(&text);
    rd_arena_release(&arena);
}

/* A file with mistakes of each sort too, so that all paths allocate. */
static void every_failed_allocation_is_an_error(void **state)
{
    static const char *const files[] = { "tests/fixtures/system/full.yaml", NULL };
    static const char wrong[] =
        "version: 1\nelemnts: []\nelements: [{id: a, type: gatewya}]\n"
        "controls: [{id: c, kind: x, at: b, state: active, set: {a: [1]}}]\n"
        "risk: {scenarios: [{id: s, threat: e@a, actor: n, attempts_per_year: 1, "
        "loss_when: utlity, magnitude: 1}]}\n";
    struct rd_arena keep = RD_ARENA_INIT;
    struct rd_bytes full;

    (void)state;
    assert_int_equal(rd_file_read(files[0], 1 << 20, &keep, &full, NULL), RD_OK);
    for (int which = 0; which < 2; which++) {
        const char *bytes = which ? wrong : (const char *)full.data;
        const size_t size = which ? sizeof(wrong) - 1 : full.size;
        const rd_status want = which ? RD_E_INPUT : RD_OK;
        size_t n = 0, unharmed = 0;

        /*
         * Once a run gets through, so must all later ones: else a failure was swallowed before.
         * Only the words of a problem may suffer: rd_text_safe_in then leaves a name out.
         */
        while (unharmed < 200) {
            struct rd_arena arena = RD_ARENA_INIT;
            struct rd_system *sys = NULL;
            struct rd_problems problems;
            const size_t live = rd_alloc_live();
            rd_status st;

            assert_true(++n < 100000);
            rd_alloc_fail_at(n);
            st = rd_system_parse("x.yaml", "tests/fixtures/system", bytes, size, NULL, &arena, &sys,
                &problems, NULL);
            rd_alloc_fail_at(0);
            assert_true(st == want || (st == RD_E_MEMORY && (which || !unharmed)));
            unharmed = st == want ? unharmed + 1 : 0;
            if (!st)
                assert_int_equal(rd_system_element(sys, "inference-api"), 4);
            rd_arena_release(&arena);
            assert_int_equal(rd_alloc_live(), live);
        }
        assert_true(n > 250);
    }
    rd_arena_release(&keep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_thousand_elements_are_read),
        cmocka_unit_test(a_circle_of_a_hundred_thousand_controls_is_named),
        cmocka_unit_test(a_hundred_thousand_mistakes_are_cut_short),
        cmocka_unit_test(many_dangling_references_cost_little),
        cmocka_unit_test(a_chain_of_boundaries_is_no_circle),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(a_small_file_may_not_cost_much),
        cmocka_unit_test(every_failed_allocation_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
