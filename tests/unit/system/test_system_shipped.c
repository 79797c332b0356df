/* What is shipped loads: every template of `redoubt init`, every example. */
#include "support.h"

#include "base/embed.h"
#include "base/file.h"
#include "system/system.h"

#include <string.h>

extern const struct rd_embedded rd_templates[];

/* As `redoubt init` does: the marks of a template are shares that were measured. */
static void fill_in(const struct rd_embedded *t, struct rd_buf *out)
{
    const char *at = (const char *)t->data, *hit;

    while ((hit = strstr(at, "${"))) {
        rd_buf_put(out, at, (size_t)(hit - at));
        rd_buf_puts(out, "0.953");
        at = hit + strcspn(hit, "}\n");
        assert_true(*at == '}');
        at++;
    }
    rd_buf_puts(out, at);
}

static void say(const char *name, const struct rd_problems *problems, const struct rd_error *err)
{
    for (size_t i = 0; i < problems->n; i++)
        print_error("%s:%d:%d: %s\n", name, problems->item[i].at.line, problems->item[i].at.column,
            problems->item[i].text);
    print_error("%s\n", err->frame[0].text);
}

static void every_template_loads(void **state)
{
    size_t n = 0;

    (void)state;
    for (const struct rd_embedded *t = rd_templates; t->name; t++, n++) {
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_buf text = { 0 };
        struct rd_error err = { 0 };
        struct rd_problems problems;
        struct rd_system *sys = NULL;

        fill_in(t, &text);
        if (rd_system_parse(
                t->name, NULL, text.text, text.len, NULL, &arena, &sys, &problems, &err))
            say(t->name, &problems, &err);
        assert_non_null(sys);
        assert_true(sys->n_elements >= 5 && sys->n_flows >= 5);
        rd_buf_release(&text);
        rd_arena_release(&arena);
    }
    assert_true(n >= 1);
}

static void the_image_classifier_has_its_whole_loop(void **state)
{
    static const char *const elements[] = { "crowd", "upload-api", "image-store", "training-data",
        "training-job", "registry", "inference-api", "inventory", "monitoring", NULL };
    static const char *const files[] = { "model.onnx", "eval-x.npy", "train-x.npy", "robust.onnx",
        NULL };
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_buf text = { 0 };
    struct rd_system *sys = NULL;
    const struct rd_embedded *t = rd_templates;
    bool swaps = false;

    (void)state;
    while (t->name && strcmp(t->name, "image-classifier.yaml") != 0)
        t++;
    assert_non_null(t->name);
    fill_in(t, &text);
    assert_int_equal(
        rd_system_parse(t->name, NULL, text.text, text.len, NULL, &arena, &sys, NULL, NULL), RD_OK);
    for (size_t i = 0; elements[i]; i++)
        assert_true(rd_system_element(sys, elements[i]) != RD_NONE);
    for (size_t i = 0; files[i]; i++) {
        bool found = false;

        for (size_t a = 0; a < sys->n_artifacts; a++)
            found = found || (sys->artifacts[a].path && !strcmp(sys->artifacts[a].path, files[i]));
        assert_true(found);
    }
    /* The API has one model and one evaluation set, or default tests could not bind. */
    for (enum rd_artifact_kind k = RD_ARTIFACT_MODEL; k <= RD_ARTIFACT_DATASET; k++) {
        int of_api = 0;

        for (size_t a = 0; a < sys->n_artifacts; a++)
            of_api += sys->artifacts[a].kind == k &&
                      sys->artifacts[a].of == rd_system_element(sys, "inference-api");
        assert_int_equal(of_api, 1);
    }
    for (size_t c = 0; c < sys->n_controls; c++)
        swaps = swaps || !strcmp(sys->controls[c].kind, "swap-artifact");
    assert_true(swaps);
    assert_int_equal(sys->n_tests, 2);
    assert_int_equal(sys->n_scenarios, 2);
    rd_buf_release(&text);
    rd_arena_release(&arena);
}

static void the_example_needs_leave_to_look_outside(void **state)
{
    static const char path[] = "examples/mnist-digits";
    const struct rd_system_options allowed = { .allow_outside = true };
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_problems problems;
    struct rd_system *sys = NULL;
    struct rd_error err = { 0 };

    (void)state;
    assert_int_equal(rd_system_load(path, NULL, &arena, &sys, &problems, &err), RD_E_INPUT);
    assert_true(problems.n >= 8); /* each path that leaves the folder */
    assert_non_null(strstr(problems.item[0].text, "--allow-outside"));
    if (rd_system_load(path, &allowed, &arena, &sys, &problems, &err))
        say(path, &problems, &err);
    assert_non_null(sys);
    assert_string_equal(sys->artifacts[rd_system_artifact(sys, "reader-cnn")].path,
        "examples/mnist-digits/../../../shared/models/mnist-cnn.onnx");
    rd_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_template_loads),
        cmocka_unit_test(the_image_classifier_has_its_whole_loop),
        cmocka_unit_test(the_example_needs_leave_to_look_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
