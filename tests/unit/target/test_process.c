/* Processes that speak JSON lines, by tests/fixtures/target/talker.py. */
#include "support.h"

#include "base/alloc.h"
#include "target/open.h"
#include "target/scope.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { INPUTS = 3 };

static const int64_t dim[] = { INPUTS };

struct setting {
    const char *argv[4];
    struct rd_target_limits limits;
    struct rd_target_source source;
    struct rd_arena arena;
    struct rd_error err;
    struct rd_run run;
    struct rd_target *t;
};

static void set_up(struct setting *s, const char *how)
{
    memset(s, 0, sizeof *s);
    if (access("/usr/bin/python3", X_OK))
        skip();
    s->argv[0] = "/usr/bin/python3";
    s->argv[1] = "tests/fixtures/target/talker.py";
    s->argv[2] = how;
    s->limits = (struct rd_target_limits){ NULL, 0, 0, NAN, NULL };
    s->source = (struct rd_target_source){
        .command = s->argv, .dim = dim, .ndim = 1, .timeout = 30, .limits = &s->limits
    };
    s->run = (struct rd_run){ .err = &s->err, .seed = 1 };
    s->run.scratch = &s->arena;
}

static rd_status do_open(struct setting *s)
{
    return rd_target_open(&s->run, &s->source, &s->arena, &s->t);
}

static void tear_down(struct setting *s)
{
    rd_arena_release(&s->arena);
    assert_int_equal(rd_alloc_live(), 0);
}

static void says(const struct setting *s, const char *text)
{
    for (int i = 0; i < s->err.frames; i++)
        if (strstr(s->err.frame[i].text, text))
            return;
    for (int i = 0; i < s->err.frames; i++)
        print_message("frame %d: %s\n", i, s->err.frame[i].text);
    fail_msg("no '%s' in the error", text);
}

static const float x[4 * INPUTS] = { 0, 1, 2, -1, -1, 0, 0.5f, 0, 0, 0.1f, 0.1f, 0.1f };

static void refused(const char *how, double timeout, rd_status with, const char *text)
{
    static struct setting s;
    const int64_t start = rd_now_ms();

    set_up(&s, how);
    s.source.timeout = timeout;
    assert_int_equal(do_open(&s), with);
    says(&s, text);
    tear_down(&s);
    assert_true(rd_now_ms() - start < 20000);
}

static void refused_later(const char *how, double timeout, rd_status with, const char *text)
{
    static struct setting s;
    float score[8];

    set_up(&s, how);
    s.source.timeout = timeout;
    assert_int_equal(do_open(&s), RD_OK);
    assert_int_equal(s.t->scores(s.t->self, x, 4, score, &s.err), with);
    says(&s, text);
    /* It is not asked again. */
    s.err.frames = 0;
    assert_int_not_equal(s.t->scores(s.t->self, x, 4, score, &s.err), RD_OK);
    tear_down(&s);
}

static void answers_line_by_line(void **state)
{
    static struct setting s;
    struct rd_target_usage u;
    float score[8];
    int label[4];

    (void)state;
    set_up(&s, "good");
    s.source.batch = 3;
    assert_int_equal(do_open(&s), RD_OK);
    assert_int_equal(s.t->classes, 2);
    assert_string_equal(s.t->label, "/usr/bin/python3");
    assert_false(s.t->scores_are_probabilities);
    assert_int_equal(s.t->scores(s.t->self, x, 4, score, &s.err), RD_OK);
    assert_true(score[1] == 3 && score[3] == -2 && score[5] == 0.5f);
    assert_int_equal(s.t->labels(s.t->self, x, 4, label, &s.err), RD_OK);
    assert_true(label[0] == 1 && label[1] == 0 && label[3] == 1);
    assert_true(rd_target_usage(s.t, &u));
    assert_int_equal(u.requests, 3); /* the first question and two batches */
    assert_int_equal(u.rows, 5);
    tear_down(&s);
}

static void labels_are_enough(void **state)
{
    static struct setting s;
    int label[4];

    (void)state;
    set_up(&s, "labels");
    s.source.classes = 2;
    assert_int_equal(do_open(&s), RD_OK);
    assert_null(s.t->scores);
    assert_int_equal(s.t->labels(s.t->self, x, 4, label, &s.err), RD_OK);
    assert_true(label[0] == 1 && label[1] == 0);
    tear_down(&s);
}

static void a_flood_on_stderr_blocks_nothing(void **state)
{
    static struct setting s;
    float score[8];

    (void)state;
    set_up(&s, "floods");
    assert_int_equal(do_open(&s), RD_OK);
    assert_int_equal(s.t->scores(s.t->self, x, 4, score, &s.err), RD_OK);
    tear_down(&s);
}

static void death_is_told_with_last_words(void **state)
{
    (void)state;
    refused("dies", 30, RD_E_IO, "ended with exit code 1; it said: no license found");
    refused("killed", 30, RD_E_IO, "was ended by signal 9");
    refused_later("diesnow", 30, RD_E_IO, "ended with exit code 3; it said: ValueError: boom");
    refused("closes", 30, RD_E_IO, "closed its output");
}

static void lateness_ends_it(void **state)
{
    (void)state;
    refused("late", 0.5, RD_E_IO, "did not answer within 0.5 s");
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    refused("binary", 30, RD_E_INPUT, "is no JSON");
    refused("endless", 30, RD_E_LIMIT, "in one line");
    refused("error", 30, RD_E_INPUT, "the answer is an error: out of memory");
    refused("early", 30, RD_E_INPUT, "hello");
    refused_later("fewer", 30, RD_E_INPUT, "3 rows came back for 4 asked");
    refused_later("twice", 30, RD_E_INPUT, "wrote before it was asked");
}

static void ids_must_match(void **state)
{
    (void)state;
    refused("wrongid", 30, RD_E_INPUT, "answers request 2, but 1 was asked");
    refused("noid", 30, RD_E_INPUT, "no whole number 'id'");
}

static void one_that_is_not_there(void **state)
{
    static struct setting s;

    (void)state;
    set_up(&s, "good");
    s.argv[0] = "/nonexistent/model";
    assert_int_equal(do_open(&s), RD_E_NOTFOUND);
    tear_down(&s);
}

static bool stop(void *user, const char *what, size_t done, size_t total)
{
    int *left = user;

    (void)what;
    (void)done;
    (void)total;
    return (*left)-- > 0;
}

static void the_kill_switch_works(void **state)
{
    static struct setting s;
    int left = 4;
    const int64_t start = rd_now_ms();

    (void)state;
    set_up(&s, "late");
    s.run.step = stop;
    s.run.user = &left;
    assert_int_equal(do_open(&s), RD_E_CANCELED);
    tear_down(&s);
    assert_true(rd_now_ms() - start < 4000); /* it would sleep for 5 seconds */
}

/* A redoubt.yaml names its process from its own folder, wherever the program is called. */
static void it_starts_in_the_folder_given(void **state)
{
    static struct setting s;
    float score[8];

    (void)state;
    set_up(&s, "good");
    s.argv[1] = "target/talker.py";
    assert_int_not_equal(do_open(&s), RD_OK);
    tear_down(&s);
    set_up(&s, "good");
    s.argv[1] = "target/talker.py";
    s.source.folder = "tests/fixtures";
    assert_int_equal(do_open(&s), RD_OK);
    assert_int_equal(s.t->scores(s.t->self, x, 4, score, &s.err), RD_OK);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_line_by_line),
        cmocka_unit_test(labels_are_enough),
        cmocka_unit_test(a_flood_on_stderr_blocks_nothing),
        cmocka_unit_test(death_is_told_with_last_words),
        cmocka_unit_test(lateness_ends_it),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(ids_must_match),
        cmocka_unit_test(one_that_is_not_there),
        cmocka_unit_test(the_kill_switch_works),
        cmocka_unit_test(it_starts_in_the_folder_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
