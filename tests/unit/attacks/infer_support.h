/* infer_support.h - small generated data and small recipes for the tests of inference. */
#ifndef RD_TESTS_INFER_SUPPORT_H
#define RD_TESTS_INFER_SUPPORT_H

#include "support.h"

#include "attacks/harness.h"
#include "attacks/job.h"
#include "base/rng.h"
#include "stats/dist.h"
#include "target/recipe.h"

#include <math.h>
#include <string.h>

enum { OPTIONS_MAX = 1024 };

struct lab {
    struct rd_arena arena;
    struct rd_error err;
    struct rd_run run;
    struct rd_dataset data;
    struct rd_recipe recipe;
    struct rd_trial_request q;
    struct rd_record record;
    _Alignas(64) unsigned char options[OPTIONS_MAX];
};

enum kind { RANDOM_LABELS, TWO_CLOUDS };

/* n rows of width standard normal numbers. TWO_CLOUDS: the class shifts every number by +-shift. */
static void lab_data(
    struct lab *l, enum kind kind, size_t n, size_t width, int classes, double shift)
{
    float *x = RD_NEW_ARRAY(&l->arena, float, n *width);
    int *label = RD_NEW_ARRAY(&l->arena, int, n);

    assert_true(x && label);
    l->data = (struct rd_dataset){ .n = n,
        .ndim = 1,
        .dim = { (int64_t)width },
        .width = width,
        .x = x,
        .label = label,
        .classes = classes,
        .digest = "33" };
    for (size_t i = 0; i < n; i++) {
        struct rd_rng r = rd_rng_stream(17, "lab", i);

        label[i] = (int)rd_rng_below(&r, (uint64_t)classes);
        for (size_t k = 0; k < width; k++) {
            const double mean = kind == RANDOM_LABELS                    ? 0
                                : (int)(k % (size_t)classes) == label[i] ? shift
                                                                         : 0;

            x[i * width + k] = (float)(rd_normal_draw(&r) + mean);
            l->data.low = fminf(l->data.low, x[i * width + k]);
            l->data.high = fmaxf(l->data.high, x[i * width + k]);
        }
    }
}

static void lab_recipe(struct lab *l, int hidden, size_t epochs, double lr)
{
    const struct rd_graph_spec layers[] = { { RD_LAYER_DENSE, hidden, 0, 0, 0 },
        { RD_LAYER_RELU, 0, 0, 0, 0 }, { RD_LAYER_DENSE, l->data.classes, 0, 0, 0 },
        { RD_LAYER_END, 0, 0, 0, 0 } };
    struct rd_graph *graph;

    assert_int_equal(
        rd_graph_build(layers, l->data.dim, l->data.ndim, &l->arena, &graph, &l->err), RD_OK);
    l->recipe = (struct rd_recipe){ .graph = graph, .data = &l->data, .how = rd_train_default };
    l->recipe.how.epochs = epochs;
    l->recipe.how.lr = lr;
    l->recipe.how.batch = 32;
    assert_int_equal(rd_recipe_digest(&l->recipe, &l->err), RD_OK);
}

static void lab_attack(struct lab *l, const struct rd_attack *a)
{
    assert_non_null(a);
    assert_true(a->options_size <= OPTIONS_MAX);
    assert_int_equal(rd_options_reset(a->options, l->options, NULL), RD_OK);
    l->q = (struct rd_trial_request){ .attack = a,
        .options = l->options,
        .recipe = &l->recipe,
        .criterion = NAN,
        .stated_accuracy = NAN };
    l->run = (struct rd_run){ .err = &l->err, .seed = 11, .scratch = &l->arena };
}

static void lab_set(struct lab *l, const char *name, const char *value)
{
    assert_int_equal(rd_options_set(l->q.attack->options, l->options, name, value, NULL), RD_OK);
}

static rd_status lab_go(struct lab *l)
{
    const rd_status st = rd_harness_run(&l->run, &l->q, &l->arena, &l->record);

    for (int i = 0; st && i < l->err.frames; i++)
        print_message("  %s\n", l->err.frame[i].text);
    return st;
}

static double lab_metric(const struct lab *l, const char *name)
{
    const struct rd_metric *m = rd_record_metric(&l->record, name);

    assert_non_null(m);
    return m->v.value;
}

static void lab_clear(struct lab *l)
{
    rd_arena_release(&l->arena);
    memset(l, 0, sizeof *l);
}

#endif
