/*
 * replay - run a fuzz target over files without a fuzzing engine: every seed and every past
 * finding, in each test run.
 *
 *   replay_<target> FILE-OR-FOLDER...
 *
 * Folders are read one level deep, names in order. No file at all is a failure: it would test
 * nothing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes in a block of exactly their size, so that a read behind the end is seen by the sanitizer.
 */
static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    long size = -1;

    if (f && !fseek(f, 0, SEEK_END) && (size = ftell(f)) >= 0 && !fseek(f, 0, SEEK_SET))
        data = malloc(size ? (size_t)size : 1);
    if (!data || fread(data, 1, (size_t)size, f) != (size_t)size) {
        (void)fprintf(stderr, "replay: cannot read '%s'\n", path);
        free(data);
        if (f)
            (void)fclose(f);
        return -1;
    }
    (void)fclose(f);
    (void)LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    return 0;
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int run_path(const char *path, size_t *n)
{
    struct dirent **entries;
    const int found = scandir(path, &entries, not_hidden, alphasort);
    int failed = 0;

    if (found < 0) {
        (*n)++;
        return run_file(path);
    }
    for (int i = 0; i < found; i++) {
        char child[4096];

        (void)snprintf(child, sizeof child, "%s/%s", path, entries[i]->d_name);
        (*n)++;
        failed |= run_file(child);
        free(entries[i]);
    }
    free(entries);
    return failed;
}

int main(int argc, char **argv)
{
    size_t n = 0;
    int failed = 0;

    for (int i = 1; i < argc; i++)
        failed |= run_path(argv[i], &n);
    (void)printf("%zu inputs\n", n);
    return failed || !n;
}
