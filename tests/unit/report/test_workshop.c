/* What is asked, what sheets may say, and what becomes of the file: by hand-written files. */
#include "support.h"

#include "report/workshop.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Every way in which people write a value. */
static const char town[] =
    "version: 1\n"
    "elements:\n"
    "  - {id: crowd, type: annotator}   # people\n"
    "  - id: api\n"
    "    # what callers see\n"
    "    type: inference-api\n"
    "    properties: {exposure: internet, rate_limit: unknown, returns: 'scores'}\n"
    "  - id: watch   # at night too\n"
    "    type: monitoring\n"
    "    properties:\n"
    "      drift: \"no\"   # never\n"
    "      alerts: unknown   # who is called?\n"
    "  - {id: store, type: data-store, properties: {}}\n"
    "flows:\n"
    "  - {id: ask, from: crowd, to: api, authenticated: unknown}\n"
    "assets:\n"
    "  - {id: copy, of: api, value: {low: 100, high: 200, provenance: default}}\n"
    "  - id: other\n"
    "    value: 7   # a shilling\n"
    "  - {id: third, value: {low: 1, high: 2, provenance: expert, by: Eve, date: 2026-01-01}}\n"
    "actors: [{id: a, access: [labels], days: {low: 1, high: 2}}]\n"
    "controls: [{id: k, kind: quota, at: api, state: proposed}]\n"
    "risk:\n"
    "  scenarios:\n"
    "    - id: s\n"
    "      threat: model-extraction@api\n"
    "      actor: a\n"
    "      attempts_per_year:\n"
    "        low: 0.1\n"
    "        high: 2\n"
    "        provenance: default   # a guess\n"
    "      loss_when: utility >= 0.9\n"
    "      magnitude: copy\n"
    "      secondary: {probability: 0.2, magnitude: 5}";

struct place {
    struct rd_arena arena;
    struct rd_error err;
    struct rd_run run;
    const char *text;
    size_t size;
    struct rd_system *system;
    struct rd_workshop_items items;
    struct rd_workshop_sheet sheet[4];
    size_t n;
    struct rd_problems problems;
    struct rd_workshop_merged merged;
};

static void settle(struct place *p, const char *text, size_t size)
{
    const struct rd_system_options options = { 0 };

    p->run = (struct rd_run){ .scratch = &p->arena, .err = &p->err };
    p->text = text;
    p->size = size;
    p->n = 0;
    assert_int_equal(rd_system_parse("town.yaml", NULL, text, size, &options, &p->arena, &p->system,
                         &p->problems, &p->err),
        RD_OK);
    assert_int_equal(rd_workshop_items(&p->run, p->system, &p->arena, &p->items), RD_OK);
}

static struct place *open_town(void)
{
    static struct place place;

    place = (struct place){ .n = 0 };
    settle(&place, town, sizeof town - 1);
    return &place;
}

static rd_status read_sheet(struct place *p, const char *text)
{
    return rd_workshop_read(&p->run, "sheet.yaml", text, strlen(text), &p->items, &p->arena,
        &p->sheet[p->n], &p->problems);
}

/* A sheet of that person with these answers, which is right. */
static void answer(struct place *p, const char *name, const char *date, const char *answers)
{
    const char *text = rd_arena_printf(
        &p->arena, "workshop: 1\nname: %s\ndate: %s\nanswers:\n%s", name, date, answers);

    assert_non_null(text);
    assert_int_equal(read_sheet(p, text), RD_OK);
    p->n++;
}

static rd_status merge(struct place *p)
{
    return rd_workshop_merge(&p->run, "town.yaml", p->text, p->size, p->system, &p->items, p->sheet,
        p->n, &p->arena, &p->merged);
}

/* Lines of b that are not in a, joined. */
static const char *new_lines(struct place *p, const char *a, const char *b)
{
    char *out = rd_arena_strdup(&p->arena, "");

    while (*b) {
        const size_t len = strcspn(b, "\n");
        const char *line = rd_arena_printf(&p->arena, "\n%.*s\n", (int)len, b);
        const char *padded = rd_arena_printf(&p->arena, "\n%s\n", a);

        if (!strstr(padded, line))
            out = rd_arena_printf(&p->arena, "%s%s", out, line + 1);
        b += len + (b[len] != '\0');
    }
    return out;
}

static void close_town(struct place *p)
{
    rd_arena_release(&p->arena);
}

/* --- items --- */

static void a_place_is_found_by_its_path(void **state)
{
    struct place *p = open_town();
    const struct rd_workshop_item *item =
        rd_workshop_item(&p->items, "elements.api.properties.returns");

    (void)state;
    assert_non_null(item);
    assert_string_equal(item->now, "scores");
    assert_int_equal(item->kind, RD_WORKSHOP_FACT);
    assert_null(rd_workshop_item(&p->items, "elements.api.properties.rate_limit")->now);
    assert_null(rd_workshop_item(&p->items, "elements.nobody.owner"));
    assert_non_null(rd_workshop_item(&p->items, "scenarios.s.secondary.probability"));
    /* Nothing was observed, so there is nothing whose detection could be asked. */
    assert_null(rd_workshop_item(&p->items, "scenarios.s.observed.detection"));
    close_town(p);
}

/* --- splices --- */

static void answers_land_where_they_belong_and_comments_stay(void **state)
{
    struct place *p = open_town();

    (void)state;
    answer(p, "Ann", "2026-11-25",
        "- {id: elements.api.properties.rate_limit, answer: yes}\n"
        "- {id: elements.watch.properties.alerts, answer: \"no\"}\n"
        "- {id: elements.watch.owner, answer: \"SRE: #1\"}\n"
        "- {id: elements.store.properties.versioned, answer: yes}\n"
        "- {id: elements.crowd.properties.identity_verified, answer: no}\n"
        "- {id: elements.crowd.owner, answer: \"off\"}\n"
        "- {id: flows.ask.authenticated, answer: true}\n"
        "- {id: assets.other.value, low: 3, high: 9}\n"
        "- {id: actors.a.days, low: 1, high: 4}\n"
        "- {id: controls.k.cost_per_year, low: 10, high: 20}\n"
        "- {id: scenarios.s.attempts_per_year, low: 0.2, high: 3}\n"
        "- {id: scenarios.s.secondary.probability, low: 0.1, high: 0.5}\n");
    assert_int_equal(merge(p), RD_OK);
    assert_int_equal(p->merged.n_changes, 12);
    assert_int_equal(p->merged.n_open, 0);
    assert_string_equal(new_lines(p, town, p->merged.text),
        "  - {id: crowd, properties: {identity_verified: \"no\"}, owner: \"off\", type: annotator} "
        "  "
        "# people\n"
        "    properties: {exposure: internet, rate_limit: \"yes\", returns: 'scores'}\n"
        "    owner: \"SRE: #1\"\n"
        "      alerts: \"no\"   # who is called?\n"
        "  - {id: store, type: data-store, properties: {versioned: \"yes\"}}\n"
        "  - {id: ask, from: crowd, to: api, authenticated: \"yes\"}\n"
        "    value: {low: 3, high: 9, provenance: expert, by: Ann, date: 2026-11-25}   # a "
        "shilling\n"
        "actors: [{id: a, access: [labels], days: {low: 1, high: 4, provenance: expert, by: Ann, "
        "date: 2026-11-25}}]\n"
        "controls: [{id: k, cost_per_year: {low: 10, high: 20, provenance: expert, by: Ann, date: "
        "2026-11-25}, kind: quota, at: api, state: proposed}]\n"
        "        low: 0.2\n"
        "        high: 3\n"
        "        provenance: expert   # a guess\n"
        "        by: Ann\n"
        "        date: 2026-11-25\n"
        "      secondary: {probability: {low: 0.1, high: 0.5, provenance: expert, by: Ann, date: "
        "2026-11-25}, magnitude: 5}\n");
    /* Every line with nothing new in it is there as it was, its comment too. */
    assert_non_null(strstr(p->merged.text, "    # what callers see\n    type: inference-api\n"));
    assert_non_null(strstr(p->merged.text, "  - id: watch   # at night too\n    owner:"));
    assert_non_null(strstr(p->merged.text, "      drift: \"no\"   # never\n"));
    close_town(p);
}

static void merging_again_changes_nothing(void **state)
{
    static const char ann[] = "- {id: elements.api.properties.rate_limit, answer: yes}\n"
                              "- {id: elements.watch.owner, answer: \"a \\\"b\\\" \\\\ \\u202e\"}\n"
                              "- {id: assets.copy.value, low: 10, high: 1000}\n"
                              "- {id: scenarios.s.attempts_per_year, low: 0.31, high: 3}\n";
    static const char bob[] = "- {id: assets.copy.value, low: 47, high: 3111}\n"
                              "- {id: scenarios.s.attempts_per_year, low: 0.17, high: 2.9}\n";
    struct place *p = open_town();
    const char *once;

    (void)state;
    answer(p, "Ann", "2026-11-25", ann);
    answer(p, "Bob", "2026-11-26", bob);
    assert_int_equal(merge(p), RD_OK);
    assert_int_equal(p->merged.n_changes, 4);
    once = p->merged.text;
    settle(p, once, strlen(once));
    assert_string_equal(p->system->elements[2].owner, "a \"b\" \\ \xe2\x80\xae");
    assert_null(strstr(once, "\xe2\x80\xae")); /* in the file it is spelled out */
    answer(p, "Bob", "2026-11-26", bob);
    answer(p, "Ann", "2026-11-25", ann);
    assert_int_equal(merge(p), RD_OK);
    assert_int_equal(p->merged.n_changes, 0);
    assert_int_equal(p->merged.kept, 6);
    assert_ptr_equal(p->merged.text, once);
    close_town(p);
}

static void windows_line_ends_and_no_last_newline_are_kept(void **state)
{
    static const char text[] =
        "version: 1\r\nelements:\r\n  - id: a   # one\r\n    type: gateway\r\n"
        "  - id: b\r\n    type: gateway";
    struct place *p = open_town();

    (void)state;
    settle(p, text, sizeof text - 1);
    answer(p, "Ann", "2026-11-25",
        "- {id: elements.a.owner, answer: team}\n- {id: elements.b.owner, answer: team}\n"
        "- {id: elements.b.properties.rate_limit, answer: yes}\n");
    assert_int_equal(merge(p), RD_OK);
    assert_string_equal(p->merged.text,
        "version: 1\r\nelements:\r\n  - id: a   # one\r\n    owner: team\r\n    type: gateway\r\n"
        "  - id: b\r\n    properties: {rate_limit: \"yes\"}\r\n    owner: team\r\n    type: "
        "gateway");
    close_town(p);
}

static void what_is_written_over_lines_is_refused_with_its_place(void **state)
{
    static const char text[] = "version: 1\nelements:\n  - id: a\n    type: gateway\n"
                               "    properties:\n      rate_limit: \"unk\\\n        nown\"\n";
    struct place *p = open_town();

    (void)state;
    settle(p, text, sizeof text - 1);
    answer(p, "Ann", "2026-11-25", "- {id: elements.a.properties.rate_limit, answer: yes}\n");
    assert_int_equal(merge(p), RD_E_INPUT);
    assert_non_null(
        strstr(p->err.frame[0].text, "town.yaml:6:19: this value is not written on one line"));
    close_town(p);
}

/* --- several people --- */

static const struct rd_workshop_change *change_of(struct place *p, const char *id)
{
    for (size_t i = 0; i < p->merged.n_changes; i++)
        if (!strcmp(p->merged.change[i].item->id, id))
            return &p->merged.change[i];
    return NULL;
}

static const char *open_of(struct place *p, const char *id)
{
    for (size_t i = 0; i < p->merged.n_open; i++)
        if (!strcmp(p->merged.open[i].item->id, id))
            return p->merged.open[i].why;
    return "";
}

/* sqrt(10 x 40) = 20, sqrt(1000 x 4000) = 2000. Of 0.2 and 0.5 the odds are 1/4 and 1: sqrt 1/2 is
 * p = 1/3; of 0.8 and 0.5 the odds are 4 and 1: 2 is p = 2/3. */
static void several_ranges_become_the_mean_of_logarithms(void **state)
{
    struct place *p = open_town();

    (void)state;
    answer(p, "Bob", "2026-11-26",
        "- {id: assets.copy.value, low: 40, high: 4000}\n"
        "- {id: scenarios.s.secondary.probability, low: 0.5, high: 0.5}\n");
    answer(p, "Ann", "2026-11-25",
        "- {id: assets.copy.value, low: 10, high: 1000}\n"
        "- {id: scenarios.s.secondary.probability, low: 0.2, high: 0.8}\n");
    assert_int_equal(merge(p), RD_OK);
    assert_string_equal(change_of(p, "assets.copy.value")->to, "20 to 2,000");
    assert_string_equal(change_of(p, "assets.copy.value")->by, "Ann; Bob");
    assert_string_equal(change_of(p, "assets.copy.value")->date, "2026-11-26");
    assert_non_null(
        strstr(p->merged.text, "value: {low: 20, high: 2000, provenance: expert, by: \"Ann; Bob\", "
                               "date: 2026-11-26}"));
    assert_non_null(strstr(p->merged.text, "probability: {low: 0.333, high: 0.667, "));
    assert_int_equal(p->merged.n_open, 0);
    close_town(p);
}

static void ranges_that_do_not_overlap_are_open_and_the_widest_counts(void **state)
{
    struct place *p = open_town();

    (void)state;
    answer(p, "Ann", "2026-11-25", "- {id: assets.copy.value, low: 10, high: 20}\n");
    answer(p, "Bob", "2026-11-25", "- {id: assets.copy.value, low: 21, high: 90}\n");
    assert_int_equal(merge(p), RD_OK);
    assert_string_equal(change_of(p, "assets.copy.value")->to, "10 to 90");
    assert_non_null(
        strstr(open_of(p, "assets.copy.value"), "Ann says 10 to 20 and Bob says 21 to 90"));
    close_town(p);
}

static void nobody_is_overwritten_silently(void **state)
{
    struct place *p = open_town();

    (void)state;
    answer(p, "Ann", "2026-11-25",
        "- {id: elements.api.properties.rate_limit, answer: yes}\n"
        "- {id: elements.api.properties.returns, answer: labels}\n"
        "- {id: assets.third.value, low: 3, high: 5}\n");
    answer(p, "Bob", "2026-11-25", "- {id: elements.api.properties.rate_limit, answer: no}\n");
    assert_int_equal(merge(p), RD_OK);
    assert_int_equal(p->merged.n_changes, 0);
    assert_ptr_equal(p->merged.text, town);
    assert_non_null(strstr(open_of(p, "elements.api.properties.rate_limit"),
        "Ann says 'yes' and Bob says 'no'; the file keeps unknown"));
    assert_non_null(strstr(
        open_of(p, "elements.api.properties.returns"), "the file says 'scores', Ann says 'l"));
    assert_non_null(
        strstr(open_of(p, "assets.third.value"), "by Eve, whose sheet is not among these"));
    close_town(p);
}

/* Her own range may be renewed, but not by an older sheet of hers. */
static void an_expert_may_change_her_mind_only_forward(void **state)
{
    struct place *p = open_town();

    (void)state;
    answer(p, "Eve", "2025-12-31", "- {id: assets.third.value, low: 3, high: 5}\n");
    assert_int_equal(merge(p), RD_OK);
    assert_int_equal(p->merged.n_changes, 0);
    assert_non_null(strstr(open_of(p, "assets.third.value"), "which is newer"));
    p->n = 0;
    answer(p, "Eve", "2026-01-02", "- {id: assets.third.value, low: 3, high: 5}\n");
    assert_int_equal(merge(p), RD_OK);
    assert_int_equal(p->merged.n_changes, 1);
    assert_non_null(strstr(p->merged.text,
        "value: {low: 3, high: 5, provenance: expert, by: Eve, date: 2026-01-02}}"));
    close_town(p);
}

static void one_person_who_says_two_things_is_an_error(void **state)
{
    struct place *p = open_town();

    (void)state;
    answer(p, "Ann", "2026-11-25", "- {id: elements.api.properties.rate_limit, answer: yes}\n");
    answer(p, "Ann", "2026-11-25", "- {id: elements.api.properties.rate_limit, answer: no}\n");
    assert_int_equal(merge(p), RD_E_INPUT);
    assert_non_null(strstr(p->err.frame[0].text, "sheet.yaml:5:8: Ann answers"));
    close_town(p);
}

/* --- sheets --- */

static void every_mistake_has_its_place(void **state)
{
    static const char sheet[] = "workshop: 1\n"
                                "date: 2026-02-30\n"
                                "roles: data\n"
                                "answers:\n"
                                "- {id: elements.api.properties.retruns, answer: labels}\n"
                                "- {id: elements.api.properties.returns, answer: lables}\n"
                                "- {id: assets.copy.value, low: 2, high: 1}\n"
                                "- {id: assets.copy.value, low: 0, high: 1}\n"
                                "- {id: scenarios.s.secondary.probability, low: 0.5, high: 1}\n"
                                "- {id: assets.other.value, low: 1}\n"
                                "- {id: assets.other.value, answer: 3}\n"
                                "- 7\n"
                                "calibration:\n"
                                "- {id: c99, low: 1, high: 2}\n";
    static const struct {
        int line, column;
        const char *text;
    } want[] = {
        { 1, 1, "expected 'name'" },
        { 2, 7, "expected 'date': a day such as 2026-11-25, found '2026-02-30'" },
        { 3, 1, "unknown key 'roles'; did you mean 'role'?" },
        { 5, 8, "did you mean 'elements.api.properties.returns'?" },
        { 6, 49,
            "expected labels, top-k, scores, logits, text or unknown, found 'lables'; did you mean "
            "'labels'?" },
        { 7, 32, "low to be at most high" },
        { 8, 32, "low above 0" },
        { 9, 59, "high below 1" },
        { 10, 33, "both low and high" },
        { 11, 28, "unknown key 'answer'" },
        { 12, 3, "expected an answer" },
        { 14, 8, "no calibration question 'c99'" },
    };
    struct place *p = open_town();

    (void)state;
    assert_int_equal(read_sheet(p, sheet), RD_E_INPUT);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        bool found = false;

        for (size_t k = 0; k < p->problems.n; k++)
            found = found || (p->problems.item[k].at.line == want[i].line &&
                                 p->problems.item[k].at.column == want[i].column &&
                                 strstr(p->problems.item[k].text, want[i].text));
        if (!found)
            print_error("not found: %d:%d %s\n", want[i].line, want[i].column, want[i].text);
        assert_true(found);
    }
    close_town(p);
}

static void what_is_empty_was_not_answered(void **state)
{
    struct place *p = open_town();

    (void)state;
    answer(p, "Ann", "2026-11-25",
        "- {id: elements.api.properties.rate_limit, answer: }\n"
        "- {id: assets.copy.value, low: , high: }\n"
        "- {id: elements.api.owner, answer: unknown}\n");
    assert_int_equal(p->sheet[0].n, 1); /* that she does not know is an answer, for the minutes */
    assert_int_equal(merge(p), RD_OK);
    assert_int_equal(p->merged.n_changes + p->merged.n_open, 0);
    close_town(p);
}

/* --- calibration --- */

static struct rd_calibration_score score(struct place *p, size_t right, size_t wrong)
{
    struct rd_interval_said said[12];
    struct rd_calibration_score s;

    for (size_t i = 0; i < right + wrong; i++) {
        const struct rd_calibration *c = &rd_calibrations[i];

        said[i] = (struct rd_interval_said){
            .id = c->id, .low = i < right ? c->truth * 0.9 : c->truth * 1.01, .high = c->truth * 1.1
        };
    }
    assert_int_equal(rd_calibration_of(&p->run, said, right + wrong, &p->arena, &s), RD_OK);
    return s;
}

/* Of 12 with 0.9 each: P(at most 8) = 0.0256, P(at most 9) = 0.1109 (binomial, by hand). */
static void too_few_hits_are_called_over_confident(void **state)
{
    struct place *p = open_town();

    (void)state;
    assert_int_equal(score(p, 8, 4).inside, 8);
    assert_true(score(p, 8, 4).too_sure);
    assert_true(fabs(score(p, 8, 4).so_few - 0.0256) < 5e-4);
    assert_non_null(strstr(score(p, 8, 4).words, "over-confident"));
    assert_false(score(p, 9, 3).too_sure);
    assert_true(fabs(score(p, 9, 3).so_few - 0.1109) < 5e-4);
    assert_false(score(p, 12, 0).too_sure);
    assert_non_null(strstr(score(p, 12, 0).words, "28 of 100 rounds")); /* 0.9^12 = 0.282 */
    assert_true(isnan(score(p, 0, 0).so_few));
    close_town(p);
}

static void there_are_a_dozen_calibration_questions(void **state)
{
    size_t n = 0;

    (void)state;
    for (const struct rd_calibration *c = rd_calibrations; c->id; c++, n++) {
        assert_ptr_equal(rd_calibration_find(c->id), c);
        assert_true(c->truth > 0 && *c->question && *c->source);
    }
    assert_int_equal(n, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_found_by_its_path),
        cmocka_unit_test(answers_land_where_they_belong_and_comments_stay),
        cmocka_unit_test(merging_again_changes_nothing),
        cmocka_unit_test(windows_line_ends_and_no_last_newline_are_kept),
        cmocka_unit_test(what_is_written_over_lines_is_refused_with_its_place),
        cmocka_unit_test(several_ranges_become_the_mean_of_logarithms),
        cmocka_unit_test(ranges_that_do_not_overlap_are_open_and_the_widest_counts),
        cmocka_unit_test(nobody_is_overwritten_silently),
        cmocka_unit_test(an_expert_may_change_her_mind_only_forward),
        cmocka_unit_test(one_person_who_says_two_things_is_an_error),
        cmocka_unit_test(every_mistake_has_its_place),
        cmocka_unit_test(what_is_empty_was_not_answered),
        cmocka_unit_test(too_few_hits_are_called_over_confident),
        cmocka_unit_test(there_are_a_dozen_calibration_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
