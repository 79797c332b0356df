/* What the drawing operators draw: repeatable, apart for different nodes and seeds, and distributed
 * as they say. Bounds are five standard errors of 20,000 draws; seeds are fixed, so nothing
 * flickers. */
#include "support.h"

#include "base/arena.h"
#include "graph/op.h"

#include <math.h>
#include <string.h>

enum { DRAWS = 20000 };

/* Draws of one node; like: a tensor whose shape is taken or whose values are drawn by. */
static const float *draw(struct rd_arena *arena, const char *op, const char *name,
    const struct rd_attr *attr, size_t n_attrs, const struct rd_tensor *like)
{
    static const int values[1] = { 3 };
    struct rd_tensor *out = RD_NEW(arena, struct rd_tensor);
    struct rd_error err = { .status = RD_OK };
    const struct rd_graph_node node = { .name = name,
        .op = op,
        .domain = "",
        .opset = 15,
        .row = rd_op_find("", op, 15, NULL),
        .n_inputs = like ? 1 : 0,
        .n_outputs = 1,
        .output = values,
        .attr = attr,
        .n_attrs = n_attrs };
    struct rd_op_call c = { .node = &node, .in = &like, .out = &out, .err = &err };

    out->ndim = -1;
    assert_int_equal(rd_op_infer(&c), RD_OK);
    out->data = rd_arena_alloc(arena, rd_tensor_bytes(out), 1);
    c.scratch_size = node.row->scratch(&c);
    c.scratch = rd_arena_alloc(arena, c.scratch_size, 1);
    assert_int_equal(node.row->forward(&c), RD_OK);
    assert_true(c.scratch_used <= c.scratch_size);
    return out->data;
}

static double mean(const float *v, double *deviation)
{
    double sum = 0, square = 0;

    for (size_t i = 0; i < DRAWS; i++)
        sum += (double)v[i] / DRAWS;
    for (size_t i = 0; i < DRAWS; i++)
        square += ((double)v[i] - sum) * ((double)v[i] - sum) / DRAWS;
    *deviation = sqrt(square);
    return sum;
}

static void draws_repeat_and_differ_by_node_and_seed(void **state)
{
    struct rd_arena a = RD_ARENA_INIT;
    const int64_t shape[1] = { DRAWS };
    const struct rd_attr attr[2] = {
        { .name = "shape", .type = RD_ATTR_INTS, .ints = shape, .n = 1 },
        { .name = "seed", .type = RD_ATTR_FLOAT, .f = 7 }
    };
    const struct rd_attr other[2] = { attr[0], { .name = "seed", .type = RD_ATTR_FLOAT, .f = 8 } };
    const size_t bytes = DRAWS * sizeof(float);
    const float *const seeded = draw(&a, "RandomNormal", "x", attr, 2, NULL);
    const float *const named = draw(&a, "RandomNormal", "x", attr, 1, NULL);

    (void)state;
    assert_memory_equal(seeded, draw(&a, "RandomNormal", "y", attr, 2, NULL), bytes);
    assert_memory_not_equal(seeded, draw(&a, "RandomNormal", "x", other, 2, NULL), bytes);
    assert_memory_equal(named, draw(&a, "RandomNormal", "x", attr, 1, NULL), bytes);
    assert_memory_not_equal(named, draw(&a, "RandomNormal", "y", attr, 1, NULL), bytes);
    rd_arena_release(&a);
}

static void draws_follow_their_distribution(void **state)
{
    struct rd_arena a = RD_ARENA_INIT;
    const int64_t shape[1] = { DRAWS };
    const struct rd_attr uniform[3] = {
        { .name = "shape", .type = RD_ATTR_INTS, .ints = shape, .n = 1 },
        { .name = "low", .type = RD_ATTR_FLOAT, .f = -1 },
        { .name = "high", .type = RD_ATTR_FLOAT, .f = 3 }
    };
    const struct rd_attr normal[3] = { uniform[0],
        { .name = "mean", .type = RD_ATTR_FLOAT, .f = 2 },
        { .name = "scale", .type = RD_ATTR_FLOAT, .f = 0.5f } };
    const float *v = draw(&a, "RandomUniform", "u", uniform, 3, NULL);
    double deviation, low = 3, high = -1;

    (void)state;
    for (size_t i = 0; i < DRAWS; i++) {
        low = fmin(low, (double)v[i]);
        high = fmax(high, (double)v[i]);
    }
    assert_true(low >= -1 && low < -0.99 && high <= 3 && high > 2.99);
    assert_true(fabs(mean(v, &deviation) - 1) < 5 * 4 / sqrt(12.0 * DRAWS));
    assert_true(fabs(deviation - 4 / sqrt(12)) < 0.05);
    v = draw(&a, "RandomNormal", "n", normal, 3, NULL);
    assert_true(fabs(mean(v, &deviation) - 2) < 5 * 0.5 / sqrt(DRAWS));
    assert_true(fabs(deviation - 0.5) < 5 * 0.5 / sqrt(2.0 * DRAWS));
    rd_arena_release(&a);
}

static void the_input_says_with_which_probability(void **state)
{
    struct rd_arena a = RD_ARENA_INIT;
    float *const p = RD_NEW_ARRAY(&a, float, DRAWS);
    const struct rd_tensor like = { .dtype = RD_F32, .ndim = 1, .dim = { DRAWS }, .data = p };
    const float logits[3] = { 1000, 1000.6931472f, -1000 }; /* 1/3, 2/3, never */
    const struct rd_tensor classes = {
        .dtype = RD_F32, .ndim = 2, .dim = { 1, 3 }, .data = (void *)(uintptr_t)logits
    };
    const struct rd_attr samples = { .name = "sample_size", .type = RD_ATTR_INT, .i = DRAWS };
    const int32_t *drawn;
    double deviation, seen[3] = { 0 };

    (void)state;
    for (size_t i = 0; i < DRAWS; i++)
        p[i] = 0.25f;
    assert_true(fabs(mean(draw(&a, "Bernoulli", "b", NULL, 0, &like), &deviation) - 0.25) <
                5 * sqrt(0.25 * 0.75 / DRAWS));
    drawn = (const void *)draw(&a, "Multinomial", "m", &samples, 1, &classes);
    for (size_t i = 0; i < DRAWS; i++)
        seen[drawn[i]] += 1.0 / DRAWS;
    assert_true(fabs(seen[0] - 1.0 / 3) < 5 * sqrt(2.0 / 9 / DRAWS));
    assert_true(seen[2] == 0);
    rd_arena_release(&a);
}

static void first_rows_do_not_depend_on_the_batch(void **state)
{
    struct rd_arena a = RD_ARENA_INIT;
    const struct rd_tensor three = { .dtype = RD_F32, .ndim = 2, .dim = { 3, 4 } };
    const struct rd_tensor nine = { .dtype = RD_F32, .ndim = 2, .dim = { 9, 4 } };

    (void)state;
    assert_memory_equal(draw(&a, "RandomUniformLike", "l", NULL, 0, &three),
        draw(&a, "RandomUniformLike", "l", NULL, 0, &nine), 12 * sizeof(float));
    rd_arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_repeat_and_differ_by_node_and_seed),
        cmocka_unit_test(draws_follow_their_distribution),
        cmocka_unit_test(the_input_says_with_which_probability),
        cmocka_unit_test(first_rows_do_not_depend_on_the_batch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
