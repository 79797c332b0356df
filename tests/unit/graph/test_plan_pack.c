/* test_plan_pack.c - large dense layers: a few rows go through the weights as they lie in the file,
 * many through packed ones, and not a bit tells which. */
#include "hand_graph.h"

#include "base/pool.h"
#include "graph/plan.h"
#include "graph/plan_impl.h"
#include "tensor/kernel.h"

#include <stdlib.h>

enum { INPUTS = 301, HIDDEN = 403, CLASSES = 259, ROWS = 9 };

/* The weight moved to an address where no float may stand, as in a mapped file. */
static void misalign(struct hand *h)
{
    for (size_t v = 0; v < h->g->n_values; v++)
        if (h->g->value[v].weight) {
            struct rd_tensor *t = (struct rd_tensor *)(uintptr_t)h->g->value[v].weight;
            const size_t bytes = rd_tensor_bytes(t);
            char *at = RD_NEW_ARRAY(h->arena, char, bytes + 3);

            memcpy(at + 3, t->data, bytes);
            t->data = at + 3;
        }
}

static void a_few_rows_get_the_bits_of_many(void **state)
{
    (void)state;
    for (int trans = 0; trans < 2; trans++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct hand h;
        float *x = RD_NEW_ARRAY(&arena, float, ROWS *INPUTS);
        float *many = RD_NEW_ARRAY(&arena, float, ROWS *CLASSES);
        float *few = RD_NEW_ARRAY(&arena, float, ROWS *CLASSES);
        int v;

        hand_begin(&h, &arena, RD_F32);
        v = hand_input(&h, 2, (int64_t[]){ -1, INPUTS });
        v = hand_unary(&h, "Relu", hand_gemm(&h, v, INPUTS, HIDDEN, trans, true, 1));
        v = hand_gemm(&h, v, HIDDEN, CLASSES, !trans, trans, 1);
        (void)hand_end(&h, v);
        misalign(&h);
        for (size_t i = 0; i < (size_t)ROWS * INPUTS; i++)
            x[i] = rd_rng_unit_float(&h.rng) * 2 - 1;
        for (const struct rd_kernels *const *k = rd_kernels_all(); *k; k++) {
            struct rd_plan *plan = NULL;

            setenv("REDOUBT_ISA", (*k)->name, 1);
            assert_int_equal(rd_plan_open(h.g, NULL, &plan, NULL), RD_OK);
            assert_non_null(plan);
            assert_int_equal(rd_plan_forward(plan, x, ROWS, many, NULL), RD_OK);
            rd_plan_free(plan);
            for (size_t step = 1; step <= 4; step += 3) { /* some calls without, then with */
                assert_int_equal(rd_plan_open(h.g, NULL, &plan, NULL), RD_OK);
                for (size_t r = 0; r < ROWS; r += step)
                    assert_int_equal(
                        rd_plan_forward(plan, x + r * INPUTS, ROWS - r < step ? ROWS - r : step,
                            few + r * CLASSES, NULL),
                        RD_OK);
                assert_memory_equal(many, few, sizeof *many * ROWS * CLASSES);
                rd_plan_free(plan);
            }
        }
        unsetenv("REDOUBT_ISA");
        rd_arena_release(&arena);
    }
}

/* Normalizations are folded into what is packed, by each mode for itself; the copy is one all the
 * same, while another normalization of the same weight has a copy of its own. */
static void modes_share_what_they_pack(void **state)
{
    const struct rd_kernels *const kernels = rd_kernels_all()[0];
    const struct plan_limits limits = { .work = 1e9, .floats = 1 << 24 };
    struct rd_arena arena = RD_ARENA_INIT;
    struct plan_pack *packs = NULL;
    struct plan_code *code;
    size_t forward = 0, flipped = 0, other = 0;
    struct hand h;
    int v;

    (void)state;
    hand_begin(&h, &arena, RD_F32);
    v = hand_input(&h, 4, (int64_t[]){ -1, 16, 6, 6 });
    for (int i = 0; i < 2; i++)
        v = hand_unary(
            &h, "Relu", hand_norm(&h, hand_conv(&h, v, 16, 16, 3, 1, 1, 1, 1, true), 16));
    (void)hand_end(&h, v);
    for (enum plan_mode mode = PLAN_INFER; mode <= PLAN_GRADIENT; mode++) {
        const struct rd_tensor **aligned =
            RD_NEW_ARRAY(&arena, const struct rd_tensor *, h.g->n_values + 1);

        assert_int_equal(
            plan_build(h.g, kernels, mode, &limits, aligned, &packs, &arena, &code, NULL), RD_OK);
        assert_non_null(code);
    }
    for (const struct plan_pack *p = packs; p; p = p->next) {
        forward += p->kind == PACK_CONV;
        flipped += p->kind == PACK_CONV_FLIPPED;
        other += p->kind != PACK_CONV && p->kind != PACK_CONV_FLIPPED && p->kind != PACK_BIAS;
    }
    assert_int_equal(forward, 2);
    assert_int_equal(flipped, 2);
    assert_int_equal(other, 0);
    for (struct plan_pack *p = packs; p; p = p->next)
        if (p->kind == PACK_CONV) {
            float numbers[32];
            struct plan_affine turned = { numbers, numbers + 16, 16 };
            struct plan_pack want = *p;

            memcpy(numbers, p->affine->scale, sizeof numbers);
            want.affine = &turned;
            assert_ptr_equal(plan_pack_get(kernels, &want, &packs, &arena), p);
            numbers[31] += 1;
            assert_ptr_not_equal(plan_pack_get(kernels, &want, &packs, &arena), p);
            break;
        }
    rd_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_few_rows_get_the_bits_of_many),
        cmocka_unit_test(modes_share_what_they_pack),
    };

    return cmocka_run_group_tests_name("plan_pack", tests, NULL, NULL);
}
