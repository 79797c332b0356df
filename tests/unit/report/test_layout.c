/* Where boxes and arrows stand: inside their boundaries, apart from each other, with dot and
 * without. */
#include "support.h"

#include "base/alloc.h"
#include "report/layout.h"
#include "sample.h"

#include <unistd.h>

enum { MANY = 150 };

struct big {
    struct rd_element_type type;
    struct rd_boundary boundary[8];
    struct rd_element element[RD_LAYOUT_MAX + 1];
    struct rd_flow flow[2 * MANY];
    struct rd_system system;
};

/* A chain that doubles back, in eight boundaries of which each lies in the one before. */
static void fill(struct big *b, size_t n)
{
    *b = (struct big){ .type = { .name = "data-store", .dfd = "store" } };
    for (int i = 0; i < 8; i++)
        b->boundary[i] = (struct rd_boundary){
            .id = "b", .name = "Boundary", .inside = i ? (i - 1) / 2 : RD_NONE
        };
    for (size_t i = 0; i < n; i++)
        b->element[i] = (struct rd_element){ .id = "e",
            .name = "Element",
            .type = &b->type,
            .boundary = i % 9 == 8 ? RD_NONE : (int)(i % 8) };
    b->system = (struct rd_system){ .elements = b->element,
        .n_elements = n,
        .boundaries = b->boundary,
        .n_boundaries = 8,
        .flows = b->flow };
    for (size_t i = 0; i + 1 < n && i < MANY; i++) {
        b->flow[2 * i] =
            (struct rd_flow){ .id = "f", .name = "f", .from = (int)i, .to = (int)i + 1 };
        b->flow[2 * i + 1] =
            (struct rd_flow){ .id = "g", .name = "g", .from = (int)i, .to = (int)(i * 7 % n) };
        b->system.n_flows = 2 * i + 2;
    }
}

static bool inside(const struct rd_box *in, const struct rd_box *out)
{
    return in->x >= out->x && in->y >= out->y && in->x + in->w <= out->x + out->w &&
           in->y + in->h <= out->y + out->h;
}

static bool apart(const struct rd_box *a, const struct rd_box *b)
{
    return a->x + a->w <= b->x || b->x + b->w <= a->x || a->y + a->h <= b->y || b->y + b->h <= a->y;
}

static void check(const struct rd_system *s, const struct rd_layout *l)
{
    const struct rd_box page = { 0, 0, l->width, l->height };

    for (size_t i = 0; i < s->n_elements; i++) {
        const int b = s->elements[i].boundary;

        assert_true(l->element[i].w > 0 && inside(&l->element[i], &page));
        if (b != RD_NONE)
            assert_true(inside(&l->element[i], &l->boundary[b]));
        for (size_t k = 0; k < i; k++)
            assert_true(apart(&l->element[i], &l->element[k]));
    }
    for (size_t i = 0; i < s->n_boundaries; i++)
        if (l->boundary[i].w > 0 && s->boundaries[i].inside != RD_NONE)
            assert_true(inside(&l->boundary[i], &l->boundary[s->boundaries[i].inside]));
    for (size_t i = 0; i < s->n_flows; i++) {
        assert_true(l->flow[i].n >= 4 && l->flow[i].n % 3 == 1);
        for (size_t k = 0; k < l->flow[i].n; k++)
            assert_true(isfinite(l->flow[i].point[k].x) && isfinite(l->flow[i].point[k].y));
    }
}

static void our_own_layout_keeps_boxes_apart_and_inside(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_layout l = { 0 };
    static struct big b;

    (void)state;
    fill(&b, MANY);
    assert_int_equal(rd_layout_make(&b.system, NULL, &arena, &l, &err), RD_OK);
    assert_string_equal(l.engine, "layered"); /* more than dot is trusted with */
    check(&b.system, &l);
    rd_arena_release(&arena);
}

static void dot_keeps_boxes_apart_and_inside(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_layout l = { 0 };
    static struct sample s;

    (void)state;
    sample_fill(&s);
    assert_int_equal(rd_layout_make(&s.system, "dot", &arena, &l, &err), RD_OK);
    if (access("/usr/bin/dot", X_OK) == 0)
        assert_string_equal(l.engine, "dot");
    check(&s.system, &l);
    rd_arena_release(&arena);
}

static void without_dot_the_diagram_is_drawn_all_the_same(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_layout l = { 0 };
    static struct sample s;

    (void)state;
    sample_fill(&s);
    assert_int_equal(rd_layout_make(&s.system, "no-such-dot", &arena, &l, &err), RD_OK);
    assert_string_equal(l.engine, "layered");
    assert_non_null(strstr(l.reason, "no-such-dot"));
    check(&s.system, &l);
    /* `true` answers nothing, `yes` answers rubbish without end. */
    assert_int_equal(rd_layout_make(&s.system, "true", &arena, &l, &err), RD_OK);
    assert_string_equal(l.engine, "layered");
    assert_int_equal(rd_layout_make(&s.system, "yes", &arena, &l, &err), RD_OK);
    assert_string_equal(l.engine, "layered");
    rd_arena_release(&arena);
}

static void an_empty_system_and_a_huge_one_are_no_error(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_layout l = { 0 };
    static const struct rd_system empty = { 0 };
    static struct big b;

    (void)state;
    assert_int_equal(rd_layout_make(&empty, NULL, &arena, &l, &err), RD_OK);
    fill(&b, RD_LAYOUT_MAX + 1);
    assert_int_equal(rd_layout_make(&b.system, NULL, &arena, &l, &err), RD_OK);
    assert_string_equal(l.engine, "none");
    assert_non_null(l.reason);
    rd_arena_release(&arena);
}

static void the_same_system_gives_the_same_layout(void **state)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_layout a = { 0 }, b = { 0 };
    static struct big big;

    (void)state;
    fill(&big, MANY);
    assert_int_equal(rd_layout_make(&big.system, "", &arena, &a, &err), RD_OK);
    assert_int_equal(rd_layout_make(&big.system, "", &arena, &b, &err), RD_OK);
    assert_memory_equal(a.element, b.element, MANY * sizeof(*a.element));
    rd_arena_release(&arena);
}

static void a_flow_label_is_cut_between_letters(void **state)
{
    static const char *const carries[] = {
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4",
        "\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6"
        "\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6"
        "\xc3\xb6\xc3\xb6\xc3\xb6"
    };
    const struct rd_flow f = { .carries = carries, .n_carries = 2 };
    struct rd_arena arena = RD_ARENA_INIT;
    const char *label = rd_layout_flow_label(&f, &arena);
    size_t letters = 0;

    (void)state;
    for (const char *p = label; *p; p++)
        letters += ((unsigned char)*p & 0xc0) != 0x80;
    assert_int_equal(letters, 29); /* 28 and the ellipsis */
    assert_string_equal(label + strlen(label) - 3, "\xe2\x80\xa6");
    rd_arena_release(&arena);
}

static void every_failed_allocation_is_an_error_and_not_a_crash(void **state)
{
    static struct sample s;

    (void)state;
    sample_fill(&s);
    for (size_t nth = 1; nth < 400; nth++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_error err = { 0 };
        struct rd_layout l = { 0 };

        rd_alloc_fail_at(nth);
        const rd_status st = rd_layout_make(&s.system, "", &arena, &l, &err);
        rd_alloc_fail_at(0);
        rd_arena_release(&arena);
        if (st == RD_OK)
            return;
        assert_int_equal(st, RD_E_MEMORY);
    }
    fail_msg("never succeeded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_layout_keeps_boxes_apart_and_inside),
        cmocka_unit_test(dot_keeps_boxes_apart_and_inside),
        cmocka_unit_test(without_dot_the_diagram_is_drawn_all_the_same),
        cmocka_unit_test(an_empty_system_and_a_huge_one_are_no_error),
        cmocka_unit_test(the_same_system_gives_the_same_layout),
        cmocka_unit_test(a_flow_label_is_cut_between_letters),
        cmocka_unit_test(every_failed_allocation_is_an_error_and_not_a_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
