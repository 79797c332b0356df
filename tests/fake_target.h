/*
 * fake_target.h - a target that can be solved by hand: score 0 is 0, score 1 is w.x + b.
 *
 * The nearest misclassified point of x lies at |w.x + b| / ||w||_1 in Linf and / ||w||_2 in L2.
 */
#ifndef RD_TESTS_FAKE_TARGET_H
#define RD_TESTS_FAKE_TARGET_H

#include "data/dataset.h"
#include "target/target.h"

#include <math.h>
#include <string.h>

enum { FAKE_INPUTS = 4 };

struct fake_target {
    struct rd_target target;
    double w[FAKE_INPUTS], b;
    size_t rows, gradients; /* asked so far */
    bool asked_nan;
};

static double fake_margin(const struct fake_target *f, const float *x)
{
    double m = f->b;

    for (size_t i = 0; i < FAKE_INPUTS; i++)
        m += f->w[i] * (double)x[i];
    return m;
}

static rd_status fake_scores(
    void *self, const float *x, size_t n, float *score, struct rd_error *err)
{
    struct fake_target *f = self;

    (void)err;
    f->rows += n;
    for (size_t r = 0; r < n; r++) {
        f->asked_nan |= isnan(x[r * FAKE_INPUTS]);
        score[2 * r] = 0;
        score[2 * r + 1] = (float)fake_margin(f, x + r * FAKE_INPUTS);
    }
    return RD_OK;
}

static rd_status fake_labels(void *self, const float *x, size_t n, int *label, struct rd_error *err)
{
    struct fake_target *f = self;

    (void)err;
    f->rows += n;
    for (size_t r = 0; r < n; r++)
        label[r] = fake_margin(f, x + r * FAKE_INPUTS) > 0;
    return RD_OK;
}

static rd_status fake_vjp(
    void *self, const float *x, const float *cotangent, size_t n, float *grad, struct rd_error *err)
{
    struct fake_target *f = self;

    (void)x;
    (void)err;
    f->rows += n;
    f->gradients += n;
    for (size_t r = 0; r < n; r++)
        for (size_t i = 0; i < FAKE_INPUTS; i++)
            grad[r * FAKE_INPUTS + i] = cotangent[2 * r + 1] * (float)f->w[i];
    return RD_OK;
}

static rd_status fake_loss_gradient(void *self, const float *x, const int *label, size_t n,
    float *grad, float *loss, int *answer, struct rd_error *err)
{
    struct fake_target *f = self;

    (void)err;
    f->rows += n;
    f->gradients += n;
    for (size_t r = 0; r < n; r++) {
        const double m = fake_margin(f, x + r * FAKE_INPUTS), p = 1 / (1 + exp(-m));

        for (size_t i = 0; i < FAKE_INPUTS; i++)
            grad[r * FAKE_INPUTS + i] = (float)((p - (label[r] == 1)) * f->w[i]);
        if (loss)
            loss[r] = (float)log1p(exp(label[r] ? -m : m));
        if (answer)
            answer[r] = m > 0;
    }
    return RD_OK;
}

/* Gives what access says and nothing else. */
static void fake_target_init(struct fake_target *f, unsigned access)
{
    *f = (struct fake_target){
        .target = {
            .self = f,
            .label = "fake",
            .inputs = FAKE_INPUTS,
            .classes = 2,
            .ndim = 1,
            .dim = { FAKE_INPUTS },
            .access = access,
            .digest = "00",
            .controls = "",
            .scores = access & RD_ACCESS_SCORES ? fake_scores : NULL,
            .labels = fake_labels,
            .vjp = access & RD_ACCESS_GRADIENTS ? fake_vjp : NULL,
            .loss_gradient = access & RD_ACCESS_GRADIENTS ? fake_loss_gradient : NULL,
        },
        .w = { 1, -2, 0.5, 0.5 },
        .b = 0.03,
    };
}

/* n points about the middle of the box 0..1, half of each class, margins growing with the index.
 * Point i lies at Linf distance (i/2 + 1) * step from the boundary. */
static void fake_points(
    const struct fake_target *f, double step, size_t n, float *x, int *label, struct rd_dataset *d)
{
    double sum = 0;

    for (size_t i = 0; i < FAKE_INPUTS; i++)
        sum += fabs(f->w[i]);
    for (size_t r = 0; r < n; r++) {
        const double want = (double)(r / 2 + 1) * step * sum * (r % 2 ? 1 : -1);
        float *row = x + r * FAKE_INPUTS;
        double have;

        for (size_t i = 0; i < FAKE_INPUTS; i++)
            row[i] = 0.5f;
        row[3] = (float)(0.4 + 0.2 * (double)((r * 7) % 5) / 5);
        have = fake_margin(f, row);
        row[1] += (float)((want - have) / f->w[1]);
        label[r] = fake_margin(f, row) > 0;
    }
    *d = (struct rd_dataset){ .n = n,
        .ndim = 1,
        .dim = { FAKE_INPUTS },
        .width = FAKE_INPUTS,
        .x = x,
        .label = label,
        .classes = 2,
        .low = 0,
        .high = 1,
        .digest = "11" };
}

#endif
