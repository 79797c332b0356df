/* What a magnitude can come to, told when the file is read: notes where some values are wrong. */
#include "support.h"

#include "base/buf.h"
#include "system/system.h"

#include <stdio.h>
#include <string.h>

/* A file with one scenario; its notes, or its problems, a line each. */
static void judge(const char *rest, struct rd_buf *said)
{
    static const char head[] =
        "version: 1\n"
        "elements: [{id: api, type: inference-api}]\n"
        "assets:\n"
        "  - {id: loan, of: api, value: {low: 2000, high: 9000, provenance: default}}\n"
        "  - {id: flat, of: api, value: 500}\n"
        "actors: [{id: a, access: [labels], data: none}]\n"
        "risk:\n"
        "  scenarios:\n"
        "    - {id: s, threat: e@api, actor: a, objects: 40, queries_per_object: 4,\n"
        "       ";
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_buf text = { 0 };
    struct rd_problems problems;
    struct rd_system *sys = NULL;

    rd_buf_printf(&text, "%s%s}\n", head, rest);
    if (!rd_system_parse(
            "x.yaml", NULL, text.text, text.len, NULL, &arena, &sys, &problems, NULL)) {
        assert_non_null(sys);
        problems = (struct rd_problems){ sys->notes, sys->n_notes };
    } else {
        rd_buf_puts(said, "refused: ");
    }
    for (size_t i = 0; i < problems.n; i++)
        rd_buf_printf(said, "%d:%d: %s\n", problems.item[i].at.line, problems.item[i].at.column,
            problems.item[i].text);
    rd_buf_release(&text);
    rd_arena_release(&arena);
}

static void check(const char *rest, const char *want)
{
    struct rd_buf said = { 0 };

    judge(rest, &said);
    assert_string_equal(rd_buf_text(&said), want);
    rd_buf_release(&said);
}

static void says_where_a_loss_falls_below_zero(void **state)
{
    (void)state;
    check("loss_when: successes >= 1, magnitude: \"loan - 3000\"",
        "10:52: risk.scenarios.s.magnitude: character 6: expected a loss of at least 0, found "
        "-1000 where loan is 2000; the simulation stops at such a value: a magnitude is what is "
        "lost, not what is left or gained\n");
    /* 400 lies five standard deviations below the middle: no draw of a million. */
    check("loss_when: successes >= 1, magnitude: \"loan - 400\"", "");
    /* Beyond the declared range, and drawn once in a few hundred. */
    {
        struct rd_buf said = { 0 };

        judge("loss_when: successes >= 1, magnitude: \"loan - 1500\"", &said);
        assert_non_null(
            strstr(rd_buf_text(&said), "(beyond the declared range, where rare draws fall)"));
        rd_buf_release(&said);
    }
}

static void says_where_a_divisor_is_zero(void **state)
{
    (void)state;
    check("loss_when: successes >= 0, magnitude: flat / successes",
        "10:51: risk.scenarios.s.magnitude: character 6: division by zero where flat is 500, "
        "successes is 0; the simulation stops at such a value: divide by what cannot be 0\n");
    /* loss_when keeps zero out; a left side that is not true keeps the right one from being read */
    check("loss_when: successes >= 1, magnitude: flat / successes", "");
    check("loss_when: successes > 0 and 10 / successes >= 1, magnitude: flat", "");
    check("loss_when: 10 / successes >= 1, magnitude: flat",
        "10:22: risk.scenarios.s.loss_when: character 4: division by zero where successes is 0; "
        "the simulation stops at such a value: divide by what cannot be 0\n");
}

static void is_silent_about_losses_that_are_fine(void **state)
{
    static const char *const fine[] = { "0.3 * loan", "loan - 0.3 * loan",
        "successes / objects * loan", "successes * flat - 400", "loan / flat * 3", "0" };

    (void)state;
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        char rest[200];

        (void)snprintf(rest, sizeof rest, "loss_when: successes >= 1, magnitude: %s", fine[i]);
        check(rest, "");
    }
}

/* CONTRACTS: losses are capped by the declared value. One that always is was meant otherwise. */
static void says_where_a_loss_is_always_cut(void **state)
{
    (void)state;
    check("loss_when: successes >= 1, magnitude: loan * 3",
        "10:51: risk.scenarios.s.magnitude: character 6: always more than what is lost is worth "
        "(at least 3 times 'loan'), and losses are cut at that value; multiply by a count such as "
        "'successes', give the asset its whole value, or use per_loss, which is not cut\n");
    check("loss_when: successes >= 1, magnitude: loan * 3 * successes", ""); /* of one unit */
    check("loss_when: successes >= 1, magnitude: loan * 1", "");
    check("loss_when: successes >= 1, magnitude: loan * 0.5 + flat", ""); /* of both together */
    check("loss_when: successes >= 1, magnitude: 5000", "");              /* names no asset */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_where_a_loss_falls_below_zero),
        cmocka_unit_test(says_where_a_divisor_is_zero),
        cmocka_unit_test(is_silent_about_losses_that_are_fine),
        cmocka_unit_test(says_where_a_loss_is_always_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
