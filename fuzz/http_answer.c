/* Any bytes as an answer of an endpoint, in every protocol, or as a V2 model's metadata. The first
 * byte says which, and how many rows and classes were asked. */
#include "target/protocol.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = { "v2", "v1", "mlflow", "template", NULL, NULL };
static const char *const class_names[] = { "dog", "cat", "eel", "fox" };
static const char *const command[] = { "x", NULL };

static void check(const struct rd_form *form, size_t n, const struct rd_answer *a)
{
    for (size_t i = 0; a->score && i < n * a->width; i++)
        if (!isfinite(a->score[i]))
            abort();
    for (size_t i = 0; a->label && i < n; i++)
        if (a->label[i] < 0 || (form->classes && (size_t)a->label[i] >= form->classes))
            abort();
    if (!a->score && !a->label)
        abort();
    if (a->score && form->classes && a->width != form->classes)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t dim[] = { 2, 2 };
    const unsigned which = size ? data[0] % 6 : 0, more = size ? data[0] / 6 : 0;
    const size_t n = 1 + more % 3, classes = more % 5;
    struct rd_target_source source = { .protocol = names[which], .dim = dim, .ndim = 2 };
    struct rd_arena arena = { .limit = 1 << 22 };
    struct rd_error err = { 0 };
    struct rd_answer a = { 0 };
    struct rd_form form;
    rd_status st;

    source.command = which == 4 ? command : NULL;
    source.protocol = which == 5 ? "v2" : source.protocol;
    source.request = "{\"x\":\"$rows\"}";
    source.scores = more % 2 ? "$.a[*].s" : NULL;
    source.labels = more % 2 && more % 3 ? NULL : "['b'][0]";
    source.classes = classes == 1 ? 0 : classes;
    source.class_names = more % 7 ? class_names : NULL;
    source.output = more % 11 ? NULL : "a";
    if (rd_form_init(&form, &source, "/", &arena, &err))
        abort();
    form.kind = (enum rd_answer_kind)(more % 4);
    if (which == 5)
        st = rd_form_metadata(&form, (const char *)data + 1, size ? size - 1 : 0, &arena, &err);
    else
        st = rd_form_read(
            &form, 7, (const char *)data + 1, size ? size - 1 : 0, n, &arena, &a, &err);
    if (st == RD_E_BUG)
        abort();
    if (!st && which != 5)
        check(&form, n, &a);
    rd_arena_release(&arena);
    return 0;
}
