/* Clicks: read, refused with the line, written and read back, made up with a long tail. */
#include "support.h"

#include "base/alloc.h"
#include "data/clicks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct rd_arena arena;

static int release(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static rd_status parse(const char *text, struct rd_clicks *out, struct rd_error *err)
{
    return rd_clicks_parse("c.csv", text, strlen(text), NULL, &arena, out, err);
}

static void comes_out_by_user_then_time(void **state)
{
    struct rd_clicks c;

    (void)state;
    assert_int_equal(
        parse("time,item,user,weight\n9,4,1,1\n7,2,1,0.5\n8,0,0,3\n", &c, NULL), RD_OK);
    assert_int_equal(c.n, 3);
    assert_int_equal(c.n_users, 2);
    assert_int_equal(c.n_items, 5);
    assert_int_equal(c.item[0].user, 0);
    assert_int_equal(c.item[1].item, 2); /* of user 1, at 7 */
    assert_int_equal(c.item[2].item, 4);
    assert_true(c.item[1].weight == 0.5f);
}

static void columns_left_out_have_presets(void **state)
{
    struct rd_clicks c;

    (void)state;
    assert_int_equal(parse("\xEF\xBB\xBFuser,item\r\n0,3\r\n0,1", &c, NULL), RD_OK);
    assert_int_equal(c.n, 2);
    assert_int_equal(c.item[0].item, 3); /* in the order of the file */
    assert_true(c.item[0].weight == 1);
}

static void mistakes_are_named_with_their_line(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        { "", "is empty" },
        { "user,item\n", "no clicks" },
        { "user,article\n0,1\n", "line 1: expected a column called user, item, weight or time" },
        { "user,user\n0,1\n", "line 1: expected each column once" },
        { "user,time\n0,1\n", "line 1: expected columns called user and item" },
        { "user,item\n0,1\n0,1,2\n", "line 3: expected no more cells" },
        { "user,item,time\n0,1\n", "line 2: expected as many cells" },
        { "user,item\n0,1\n\n0,1\n", "line 3: expected a user" },
        { "user,item\n-1,1\n", "expected a user: a whole number from 0 to 16777215, found '-1'" },
        { "user,item\n0,16777216\n", "expected an item" },
        { "user,item\n\"0\",1\n", "found '\"0\"'" },
        { "user,item,weight\n0,1,nan\n", "expected a weight above 0" },
        { "user,item,weight\n0,1,0\n", "expected a weight above 0" },
        { "user,item,weight\n0,1,1e-60\n", "expected a weight above 0" },
        { "user,item,time\n0,1,1.5\n", "expected a time in whole seconds" },
        { "user,item\n0,1\x1b[2J\n", "found '1\\x1b[2J'" },
        { "user,item\r0,1\r", "line 1: expected a column" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rd_error err = { 0 };
        struct rd_clicks c;

        assert_int_equal(parse(bad[i].text, &c, &err), RD_E_INPUT);
        if (!strstr(err.frame[0].text, bad[i].says))
            fail_msg("'%s' is not in '%s'", bad[i].says, err.frame[0].text);
    }
}

static void what_is_written_reads_back_the_same(void **state)
{
    char path[] = "/tmp/rd-clicks-XXXXXX";
    const int fd = mkstemp(path);
    struct rd_clicks c, again;

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(
        rd_clicks_generate(&(struct rd_clicks_shape){ 40, 20, 6 }, 3, &arena, &c, NULL), RD_OK);
    assert_int_equal(rd_clicks_write(path, &c, NULL), RD_OK);
    assert_int_equal(rd_clicks_read(path, NULL, &arena, &again, NULL), RD_OK);
    assert_int_equal(again.n, c.n);
    /* equal when somebody clicked the last item, as here */
    assert_string_equal(again.digest, c.digest);
    (void)unlink(path);
}

static int falling(const void *a, const void *b)
{
    return *(const int *)b - *(const int *)a;
}

static void the_made_up_stream_has_a_long_tail(void **state)
{
    struct rd_clicks c, again;
    int count[300] = { 0 };
    int head = 0, total = 0;

    (void)state;
    assert_int_equal(rd_clicks_generate(NULL, 7, &arena, &c, NULL), RD_OK);
    assert_int_equal(rd_clicks_generate(NULL, 7, &arena, &again, NULL), RD_OK);
    assert_string_equal(c.digest, again.digest);
    assert_int_equal(c.n_users, 1000);
    assert_int_equal(c.n_items, 300);
    for (size_t i = 0; i < c.n; i++)
        count[c.item[i].item]++;
    for (size_t i = 1; i < c.n; i++) /* nobody clicks a thing twice */
        assert_true(c.item[i].user != c.item[i - 1].user || c.item[i].time >= c.item[i - 1].time);
    qsort(count, 300, sizeof *count, falling);
    for (int i = 0; i < 300; i++) {
        total += count[i];
        head += i < 30 ? count[i] : 0;
    }
    print_message("%d clicks, %.2f of them on a tenth of the items\n", total, (double)head / total);
    assert_true(total > 20000 && total < 40000);
    assert_true(head > total * 0.25 && head < total * 0.6);
}

/* Another user's existence does not change what this one does. */
static void each_user_is_a_stream_of_its_own(void **state)
{
    struct rd_clicks few, many;

    (void)state;
    assert_int_equal(
        rd_clicks_generate(&(struct rd_clicks_shape){ 20, 50, 8 }, 1, &arena, &few, NULL), RD_OK);
    assert_int_equal(
        rd_clicks_generate(&(struct rd_clicks_shape){ 30, 50, 8 }, 1, &arena, &many, NULL), RD_OK);
    assert_true(many.n > few.n);
    assert_memory_equal(few.item, many.item, few.n * sizeof *few.item);
}

static void running_out_of_memory_is_survived(void **state)
{
    static const char text[] = "user,item\n0,1\n1,2\n";
    rd_status st = RD_E_MEMORY;

    (void)state;
    for (size_t nth = 1; st; nth++) {
        struct rd_arena own = RD_ARENA_INIT;
        struct rd_clicks c;

        rd_alloc_fail_at(nth);
        st = rd_clicks_parse("c", text, sizeof text - 1, NULL, &own, &c, NULL);
        rd_alloc_fail_at(0);
        assert_true(st == RD_OK || st == RD_E_MEMORY);
        rd_arena_release(&own);
        assert_true(nth < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(comes_out_by_user_then_time, release),
        cmocka_unit_test_teardown(columns_left_out_have_presets, release),
        cmocka_unit_test_teardown(mistakes_are_named_with_their_line, release),
        cmocka_unit_test_teardown(what_is_written_reads_back_the_same, release),
        cmocka_unit_test_teardown(the_made_up_stream_has_a_long_tail, release),
        cmocka_unit_test_teardown(each_user_is_a_stream_of_its_own, release),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
