/* Files that a system names: below its folder, or where --artifact says. */
#include "support.h"

#include "base/file.h"
#include "system/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];
static struct rd_arena arena;

static const char head[] = "version: 1\n"
                           "elements: [{id: e, type: gateway}]\n"
                           "artifacts:\n";

static int make_folder(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/rd-paths-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    rd_arena_release(&arena);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command);
}

static const char *in_folder(const char *name)
{
    return rd_path_join(&arena, dir, name);
}

/* The system with these artifact lines, in the folder. */
static rd_status parse(const char *artifacts, const struct rd_system_options *options,
    struct rd_system **sys, struct rd_error *err)
{
    struct rd_buf text = { 0 };
    rd_status st;

    rd_buf_printf(&text, "%s%s", head, artifacts);
    st = rd_system_parse("x.yaml", dir, text.text, text.len, options, &arena, sys, NULL, err);
    rd_buf_release(&text);
    return st;
}

static const char one[] = "  - {id: m, of: e, kind: model, path: sub/m.onnx}\n";

static void a_path_is_resolved_against_the_folder(void **state)
{
    struct rd_system *sys = NULL;

    (void)state;
    assert_int_equal(parse(one, NULL, &sys, NULL), RD_OK);
    assert_string_equal(sys->artifacts[0].path, in_folder("sub/m.onnx"));
}

static void a_link_inside_the_folder_is_fine(void **state)
{
    struct rd_system *sys = NULL;

    (void)state;
    assert_int_equal(rd_file_mkdirs(in_folder("real"), 0755, NULL), RD_OK);
    assert_int_equal(rd_file_write(in_folder("real/m.onnx"), "x", 1, 0644, NULL), RD_OK);
    assert_int_equal(symlink("real", in_folder("sub")), 0);
    assert_int_equal(parse(one, NULL, &sys, NULL), RD_OK);
}

static void assert_refused(const char *artifacts, const char *why)
{
    const struct rd_system_options allowed = { .allow_outside = true };
    struct rd_system *sys = NULL;
    struct rd_error err = { 0 };

    assert_int_equal(parse(artifacts, NULL, &sys, &err), RD_E_INPUT);
    assert_null(sys);
    assert_non_null(strstr(err.frame[0].text, why));
    assert_int_equal(parse(artifacts, &allowed, &sys, NULL), RD_OK);
}

static void a_link_to_a_folder_outside_is_refused(void **state)
{
    (void)state;
    assert_int_equal(symlink("/etc", in_folder("sub")), 0);
    assert_refused(one, "symbolic link");
}

static void a_link_to_a_file_outside_is_refused(void **state)
{
    (void)state;
    assert_int_equal(rd_file_mkdirs(in_folder("sub"), 0755, NULL), RD_OK);
    assert_int_equal(symlink("/etc/passwd", in_folder("sub/m.onnx")), 0);
    assert_refused(one, "symbolic link");
}

/* It would be followed as soon as somebody makes what it points to. */
static void a_link_to_nothing_is_refused(void **state)
{
    (void)state;
    assert_int_equal(rd_file_mkdirs(in_folder("sub"), 0755, NULL), RD_OK);
    assert_int_equal(symlink("/tmp/rd-nothing-is-here", in_folder("sub/m.onnx")), 0);
    assert_refused(one, "cannot be resolved");
}

/* "sub/../m.onnx" is in the folder as text; the kernel goes to the parent of where sub points. */
static void climbing_through_a_link_is_refused(void **state)
{
    (void)state;
    assert_int_equal(symlink("/usr/lib", in_folder("sub")), 0);
    assert_refused("  - {id: m, of: e, kind: model, path: sub/../m.onnx}\n", "symbolic link");
}

static void a_folder_with_the_same_beginning_is_outside(void **state)
{
    char neighbor[80];

    (void)state;
    (void)snprintf(neighbor, sizeof(neighbor), "%s-neighbor", dir);
    assert_int_equal(rd_file_mkdirs(neighbor, 0755, NULL), RD_OK);
    assert_int_equal(symlink(neighbor, in_folder("sub")), 0);
    assert_refused(one, "symbolic link");
    assert_int_equal(rmdir(neighbor), 0);
}

static void an_override_goes_where_it_says(void **state)
{
    const char *const list[] = { "m=/elsewhere/n.onnx", "d.labels=y.npy" };
    const struct rd_system_options options = { .overrides = list, .n_overrides = 2 };
    struct rd_system *sys = NULL;

    (void)state;
    /* m's own path would be refused; d's first path stays. */
    assert_int_equal(parse("  - {id: m, of: e, kind: model, path: /outside.onnx}\n"
                           "  - {id: d, of: e, kind: dataset, path: x.npy, labels: z.npy}\n",
                         &options, &sys, NULL),
        RD_OK);
    assert_string_equal(sys->artifacts[0].path, "/elsewhere/n.onnx");
    assert_string_equal(sys->artifacts[1].path, in_folder("x.npy"));
    assert_string_equal(sys->artifacts[1].labels, "y.npy");
}

static void an_override_may_stand_for_a_missing_path(void **state)
{
    const char *const list[] = { "m=n.onnx" };
    const struct rd_system_options options = { .overrides = list, .n_overrides = 1 };
    struct rd_system *sys = NULL;

    (void)state;
    assert_int_equal(parse("  - {id: m, of: e, kind: model}\n", NULL, &sys, NULL), RD_E_INPUT);
    assert_int_equal(parse("  - {id: m, of: e, kind: model}\n", &options, &sys, NULL), RD_OK);
    assert_string_equal(sys->artifacts[0].path, "n.onnx");
}

static void an_override_of_nothing_is_a_usage_error(void **state)
{
    static const char *const wrong[] = { "n=x", "m.labels=x", "m", "=x", "m=", "mm=x" };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        const struct rd_system_options options = { .overrides = &wrong[i], .n_overrides = 1 };
        struct rd_system *sys = NULL;
        struct rd_error err = { 0 };

        assert_int_equal(parse(one, &options, &sys, &err), RD_E_USAGE);
        assert_non_null(strstr(err.frame[0].text, "--artifact"));
        assert_null(sys);
    }
}

static void the_folder_will_do_for_the_file(void **state)
{
    struct rd_system *sys = NULL;

    (void)state;
    assert_int_equal(rd_system_load(dir, NULL, &arena, &sys, NULL, NULL), RD_E_NOTFOUND);
    assert_int_equal(
        rd_file_write(in_folder("redoubt.yaml"), "version: 1\n", 11, 0644, NULL), RD_OK);
    assert_int_equal(rd_system_load(dir, NULL, &arena, &sys, NULL, NULL), RD_OK);
    assert_string_equal(sys->path, in_folder("redoubt.yaml"));
    assert_string_equal(sys->folder, dir);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_path_is_resolved_against_the_folder),
        IN_FOLDER(a_link_inside_the_folder_is_fine),
        IN_FOLDER(a_link_to_a_folder_outside_is_refused),
        IN_FOLDER(a_link_to_a_file_outside_is_refused),
        IN_FOLDER(a_link_to_nothing_is_refused),
        IN_FOLDER(climbing_through_a_link_is_refused),
        IN_FOLDER(a_folder_with_the_same_beginning_is_outside),
        IN_FOLDER(an_override_goes_where_it_says),
        IN_FOLDER(an_override_may_stand_for_a_missing_path),
        IN_FOLDER(an_override_of_nothing_is_a_usage_error),
        IN_FOLDER(the_folder_will_do_for_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
