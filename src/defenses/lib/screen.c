#include "defenses/lib/screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

rd_status rd_screen_new(struct rd_run *run, const void *options, size_t size,
    struct rd_treatment **treatment_out, const char *fmt, ...)
{
    struct rd_treatment *t = RD_NEW(run->scratch, struct rd_treatment);
    void *self = rd_arena_alloc(run->scratch, 1, size + 1);
    char text[320];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (t)
        t->text = rd_arena_strdup(run->scratch, text);
    if (!t || !self || !t->text)
        return rd_run_no_memory(run, "a defense");
    if (size)
        memcpy(self, options, size);
    t->self = self;
    *treatment_out = t;
    return RD_OK;
}

rd_status rd_screen_labeled(struct rd_run *run, const struct rd_dataset *data, const char *who)
{
    if (!data->label || data->classes < 1)
        return RD_FAIL(run->err, RD_E_INPUT, "%s needs labels", who);
    return RD_OK;
}

rd_status rd_screen_model(struct rd_run *run, const struct rd_recipe *recipe,
    const struct rd_dataset *data, const struct rd_graph *model, const char *who,
    const struct rd_graph **model_out)
{
    struct rd_recipe plain;
    struct rd_recipe_report report;
    struct rd_graph *trained;
    rd_status st;

    *model_out = model;
    if (model)
        return RD_OK;
    if (!recipe || !recipe->graph)
        return RD_FAIL(run->err, RD_E_USAGE,
            "%s looks into a network: it needs a model, or a recipe to train its own", who);
    plain = *recipe;
    plain.treatment = NULL;
    plain.n_treatments = 0;
    st = rd_recipe_train(run, &plain, data, run->seed, run->scratch, &trained, &report);
    if (st)
        return RD_WRAP(run->err, st, "the network that %s looks into", who);
    *model_out = trained;
    return RD_OK;
}

rd_status rd_by_class(struct rd_run *run, const struct rd_dataset *data, struct rd_by_class *out)
{
    const size_t classes = (size_t)data->classes;

    out->classes = data->classes;
    out->row = RD_NEW_ARRAY(run->scratch, size_t, data->n + 1);
    out->first = RD_NEW_ARRAY(run->scratch, size_t, classes + 2);
    if (!out->row || !out->first)
        return rd_run_no_memory(run, "rows by class");
    for (size_t r = 0; r < data->n; r++)
        out->first[data->label[r] + 2]++;
    for (size_t c = 2; c < classes + 2; c++)
        out->first[c] += out->first[c - 1];
    for (size_t r = 0; r < data->n; r++)
        out->row[out->first[data->label[r] + 1]++] = r;
    return RD_OK;
}
