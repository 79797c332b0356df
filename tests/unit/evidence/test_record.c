#include "support.h"

#include "evidence/record.h"

#include "base/alloc.h"

#include <math.h>
#include <string.h>

static const struct rd_pair settings[] = { { "eps", "0.3" }, { "random-start", "yes" },
    { "steps", "40" }, { "word", "040" } };
static const char *const controls[] = { "rounding(digits=1)", "top-k(k=3)" };
static const struct rd_metric metrics[] = { { "clean_accuracy", { 0.984, 0.97, 0.99 }, NULL },
    { "kappa", { NAN, NAN, NAN }, "no \"query\"\n was made" } };
static const double xs[] = { 0, 0.1, 0.30000000000000004 };
static const struct rd_interval ys[] = { { 0, 0, 0.004 }, { 0.5, 0.4, 0.6 }, { 1, 0.99, 1 } };
static const struct rd_curve curves[] = { { "success", "eps", 3, xs, ys },
    { "success", "queries", 0, NULL, NULL } };
static const struct rd_trial trials[] = { { true, 12, 0.3, NAN }, { false, NAN, NAN, NAN },
    { true, 0, 0, NAN } };
static const double ty[] = { 0, 0.25, 0.875 };
static const struct rd_trace traces[] = { { 2, "utility", 3, xs, ty } };

static struct rd_record sample(void)
{
    return (struct rd_record){
        .threat = "evasion@api",
        .test = "t",
        .attack = "pgd",
        .attack_version = 3,
        .settings = settings,
        .n_settings = 4,
        .seed = UINT64_MAX,
        .target_digest = "ab",
        .data_digest = "cd",
        .pool_digest = "",
        .recipe_digest = "",
        .controls = controls,
        .n_controls = 2,
        .actor = "insider",
        .access = 5,
        .unit = "example",
        .n = 3,
        .successes = 2,
        .interval = { 2 / 3.0, 0.0943, 0.9916 },
        .criterion = 0.5,
        .judged = "success share",
        .outcome = RD_OUTCOME_INCONCLUSIVE,
        .outcome_reason = "too few",
        .metrics = metrics,
        .n_metrics = 2,
        .curves = curves,
        .n_curves = 2,
        .trials = trials,
        .n_trials = 3,
        .traces = traces,
        .n_traces = 1,
        .control_aware = "rounding",
        .queries = 40000,
        .rows_total = 43001,
        .gradients = 39000,
    };
}

static void write_to(struct rd_buf *out, const struct rd_record *r, bool brief)
{
    struct rd_json j = { .out = out };

    if (brief)
        rd_record_write_short(r, &j);
    else
        rd_record_write(r, &j);
    assert_false(out->failed);
    rd_json_release(&j);
}

static rd_status read_from(
    const char *text, struct rd_arena *arena, struct rd_record *out, struct rd_error *err)
{
    struct rd_doc *doc;
    rd_status st =
        rd_doc_read_json("record", text, strlen(text), &rd_limits_default, arena, &doc, err);

    return st ? st : rd_record_read(doc, arena, out, err);
}

static void survives_the_round_trip_to_the_byte(void **state)
{
    const struct rd_record r = sample();
    struct rd_record again = { 0 };
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_buf first = { 0 }, second = { 0 };

    (void)state;
    write_to(&first, &r, false);
    assert_int_equal(read_from(rd_buf_text(&first), &arena, &again, &err), RD_OK);
    write_to(&second, &again, false);
    assert_string_equal(rd_buf_text(&first), rd_buf_text(&second));
    assert_true(again.seed == UINT64_MAX);
    assert_int_equal(again.outcome, RD_OUTCOME_INCONCLUSIVE);
    assert_string_equal(again.controls[1], "top-k(k=3)");
    assert_true(isnan(again.trials[1].queries) && again.trials[2].queries == 0);
    assert_true(again.curves[0].x[2] == 0.30000000000000004); /* shortest form, same double */
    assert_string_equal(rd_record_metric(&again, "kappa")->reason, metrics[1].reason);
    assert_null(rd_record_metric(&again, "fidelity"));
    assert_int_equal(again.traces[0].run, 2);
    rd_buf_release(&first);
    rd_buf_release(&second);
    rd_arena_release(&arena);
}

static void numbers_among_the_settings_are_numbers(void **state)
{
    const struct rd_record r = sample();
    struct rd_buf out = { 0 };

    (void)state;
    write_to(&out, &r, true);
    assert_non_null(strstr(rd_buf_text(&out),
        "\"settings\":{\"eps\":0.3,\"random-start\":\"yes\",\"steps\":40,\"word\":\"040\"}"));
    assert_non_null(strstr(rd_buf_text(&out), "\"interval\":[0.0943,0.9916]"));
    assert_non_null(strstr(rd_buf_text(&out), "\"kappa\":{\"high\":null,\"low\":null,\"reason\":"));
    assert_null(strstr(rd_buf_text(&out), "\"trials\""));
    assert_null(strstr(rd_buf_text(&out), "nan"));
    rd_buf_release(&out);
}

/* Every member taken away, or replaced by something of another kind, is named or harmless: never a
 * crash. */
static void damage_is_named(void **state)
{
    static const char *const wrong[] = { "7", "\"x\"", "[]", "{}", "null", "[7,8]", "{\"a\":[]}" };
    const struct rd_record r = sample();
    struct rd_buf out = { 0 };
    size_t refused = 0;

    (void)state;
    write_to(&out, &r, false);
    for (const char *p = rd_buf_text(&out); (p = strchr(p, ':')); p++)
        for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
            struct rd_arena arena = RD_ARENA_INIT;
            struct rd_error err = { 0 };
            struct rd_record again;
            struct rd_buf cut = { 0 };
            const char *end = p + 1;
            int depth = 0;
            bool quoted = false;

            for (; *end && (quoted || depth || (*end != ',' && *end != '}' && *end != ']'));
                 end++) {
                quoted ^= *end == '"' && end[-1] != '\\';
                if (!quoted)
                    depth += (*end == '{' || *end == '[') - (*end == '}' || *end == ']');
            }
            rd_buf_put(&cut, rd_buf_text(&out), (size_t)(p + 1 - rd_buf_text(&out)));
            rd_buf_puts(&cut, wrong[w]);
            rd_buf_puts(&cut, end);
            if (read_from(rd_buf_text(&cut), &arena, &again, &err)) {
                assert_true(err.frames > 0 && err.frame[0].text[0]);
                refused++;
            }
            rd_buf_release(&cut);
            rd_arena_release(&arena);
        }
    assert_true(refused > 200);
    rd_buf_release(&out);
}

static void survives_each_failed_allocation(void **state)
{
    const struct rd_record r = sample();
    struct rd_buf out = { 0 };
    bool done = false;

    (void)state;
    write_to(&out, &r, false);
    for (size_t nth = 1; !done; nth++) {
        const size_t live = rd_alloc_live();
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_record again;
        rd_status st;

        assert_true(nth < 2000);
        rd_alloc_fail_at(nth);
        st = read_from(rd_buf_text(&out), &arena, &again, NULL);
        rd_alloc_fail_at(0);
        done = st == RD_OK;
        assert_true(done || st == RD_E_MEMORY);
        rd_arena_release(&arena);
        assert_int_equal(rd_alloc_live(), live);
    }
    rd_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_the_round_trip_to_the_byte),
        cmocka_unit_test(numbers_among_the_settings_are_numbers),
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(survives_each_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
