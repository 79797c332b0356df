#include "defenses/lib/wrap.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static rd_status scores(void *self, const float *x, size_t n, float *score, struct rd_error *err)
{
    struct rd_target *inner = ((struct rd_wrapped *)self)->inner;

    return inner->scores(inner->self, x, n, score, err);
}

static rd_status labels(void *self, const float *x, size_t n, int *label, struct rd_error *err)
{
    struct rd_target *inner = ((struct rd_wrapped *)self)->inner;

    return inner->labels(inner->self, x, n, label, err);
}

static rd_status vjp(
    void *self, const float *x, const float *cotangent, size_t n, float *grad, struct rd_error *err)
{
    struct rd_target *inner = ((struct rd_wrapped *)self)->inner;

    return inner->vjp(inner->self, x, cotangent, n, grad, err);
}

static rd_status loss_gradient(void *self, const float *x, const int *label, size_t n, float *grad,
    float *loss, int *answer, struct rd_error *err)
{
    struct rd_target *inner = ((struct rd_wrapped *)self)->inner;

    return inner->loss_gradient(inner->self, x, label, n, grad, loss, answer, err);
}

rd_status rd_wrap_init(
    struct rd_run *run, struct rd_wrapped *w, struct rd_target *inner, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    w->inner = inner;
    w->target = *inner;
    w->target.self = w;
    w->target.scores = inner->scores ? scores : NULL;
    w->target.labels = labels;
    w->target.vjp = inner->vjp ? vjp : NULL;
    w->target.loss_gradient = inner->loss_gradient ? loss_gradient : NULL;
    w->target.controls = rd_arena_printf(
        run->scratch, "%s%s%s", inner->controls, *inner->controls ? "\n" : "", text);
    return w->target.controls ? RD_OK : rd_run_no_memory(run, "a defense");
}

rd_status rd_wrap_probabilities(
    const struct rd_wrapped *w, const float *x, size_t n, float *score, struct rd_error *err)
{
    const size_t classes = w->target.classes;
    const rd_status st = w->inner->scores(w->inner->self, x, n, score, err);

    if (st || w->inner->scores_are_probabilities)
        return st;
    for (size_t r = 0; r < n; r++) {
        float *s = score + r * classes;
        float top = s[0];
        double sum = 0;

        for (size_t k = 1; k < classes; k++)
            top = s[k] > top ? s[k] : top;
        for (size_t k = 0; k < classes; k++)
            sum += exp((double)s[k] - (double)top);
        for (size_t k = 0; k < classes; k++)
            s[k] = (float)(exp((double)s[k] - (double)top) / sum);
    }
    return RD_OK;
}
