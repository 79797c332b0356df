#include "cli/nearest.h"

#include "cli/parse.h"

#include "base/file.h"
#include "base/text.h"

#include <redoubt/attack.h>

#include <dirent.h>
#include <string.h>

enum { WORDS_MAX = 256, WORD_MAX = 64 };

bool rd_is_family(const char *word)
{
    const size_t len = strlen(word);

    for (const struct rd_command *const *c = rd_commands; *c; c++)
        if (!strncmp((*c)->name, word, len) && (*c)->name[len] == ' ')
            return true;
    return false;
}

/* --- commands --- */

/* Names of commands, for people; only those of the family, without it, unless NULL. */
static void command_words(const char *family, const char *words[WORDS_MAX + 1])
{
    const size_t len = family ? strlen(family) : 0;
    size_t n = 0;

    for (const struct rd_command *const *c = rd_commands; *c && n < WORDS_MAX; c++) {
        const char *name = (*c)->name;

        if (name[0] == '_')
            continue;
        if (!family)
            words[n++] = name;
        else if (!strncmp(name, family, len) && name[len] == ' ')
            words[n++] = name + len + 1;
    }
    words[n] = NULL;
}

/* "list, info or run" */
static void list_words(const char *const *words, char *out, size_t size)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; words[i] && at < size; i++) {
        const int n = snprintf(out + at, size - at, "%s%s",
            !i             ? ""
            : words[i + 1] ? ", "
                           : " or ",
            words[i]);

        at += n > 0 ? (size_t)n : 0;
    }
}

/* The only word that begins so, or NULL. */
static const char *sole_prefix(const char *start, const char *const *words)
{
    const char *found = NULL;

    for (; *start && *words; words++)
        if (!strncmp(*words, start, strlen(start))) {
            if (found)
                return NULL;
            found = *words;
        }
    return found;
}

/* The family that the word names or nearly names, or NULL. */
static const char *near_family(const char *word, char out[WORD_MAX])
{
    static char heads[WORDS_MAX][24];
    const char *words[WORDS_MAX + 1], *near;
    size_t n = 0;

    for (const struct rd_command *const *c = rd_commands; *c && n < WORDS_MAX; c++) {
        const char *space = strchr((*c)->name, ' ');

        if (!space || (size_t)(space - (*c)->name) >= sizeof heads[0])
            continue;
        memcpy(heads[n], (*c)->name, (size_t)(space - (*c)->name));
        heads[n][space - (*c)->name] = '\0';
        words[n] = heads[n];
        n++;
    }
    words[n] = NULL;
    near = rd_text_nearest(word, words);
    if (!near)
        return NULL;
    (void)snprintf(out, WORD_MAX, "%s", near);
    return out;
}

/* attack-run, attack_run, attackrun; or the two words the other way round. */
static const char *respelled(const char *first, const char *second)
{
    char joined[2 * WORD_MAX];

    for (const struct rd_command *const *c = rd_commands; *c; c++) {
        const char *name = (*c)->name, *space = strchr(name, ' ');
        const char *p = first, *q = name;

        if (!space)
            continue;
        while (*p && *q) {
            if (*q == ' ' && (*p == '-' || *p == '_' || *p == ':' || *p == '.'))
                p++, q++;
            else if (*q == ' ')
                q++;
            else if (*p == *q)
                p++, q++;
            else
                break;
        }
        if (!*p && !*q)
            return name;
        (void)snprintf(joined, sizeof joined, "%s %s", second ? second : "", first);
        if (second && !strcmp(joined, name))
            return name;
    }
    return NULL;
}

static rd_status no_subcommand(const char *family, const char *word, struct rd_error *err)
{
    const char *words[WORDS_MAX + 1], *near;
    char safe[WORD_MAX], all[160];

    command_words(family, words);
    list_words(words, all, sizeof all);
    if (!word) {
        (void)RD_FAIL(err, RD_E_USAGE, "'%s' is the first word of several commands", family);
        return rd_error_hint(err, "redoubt %s %s", family, all);
    }
    (void)RD_FAIL(
        err, RD_E_USAGE, "no command '%s %s'", family, rd_text_safe_in(safe, sizeof safe, word));
    near = rd_text_nearest(word, words);
    if (!near)
        near = sole_prefix(word, words);
    return near ? rd_error_hint(err, "did you mean 'redoubt %s %s'?", family, near)
                : rd_error_hint(err, "redoubt %s %s", family, all);
}

void rd_hint_near_subcommand(
    const struct rd_command *command, int argc, char **argv, struct rd_error *err)
{
    const char *words[WORDS_MAX + 1], *near;

    if (argc < 1 || !rd_is_family(command->name) || rd_file_exists(argv[0]) ||
        rd_file_is_dir(argv[0]))
        return;
    command_words(command->name, words);
    near = rd_text_nearest(argv[0], words);
    if (near)
        (void)rd_error_hint(err, "did you mean 'redoubt %s %s'?", command->name, near);
}

rd_status rd_no_command(int argc, char **argv, struct rd_error *err)
{
    const char *const first = argv[0];
    const char *const second = argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;
    const char *words[WORDS_MAX + 1], *near = NULL;
    char both[2 * WORD_MAX], safe[2 * WORD_MAX], family[WORD_MAX];

    if (rd_is_family(first))
        return no_subcommand(first, second, err);
    (void)RD_FAIL(err, RD_E_USAGE, "no command '%s'", rd_text_safe_in(safe, sizeof safe, first));
    if (first[0] == '-')
        return rd_error_hint(err, "redoubt COMMAND --help shows the options of a command");
    command_words(NULL, words);
    near = respelled(first, second);
    if (!near && second && snprintf(both, sizeof both, "%s %s", first, second) < (int)sizeof both) {
        near = rd_text_nearest(both, words);
        if (near && !strchr(near, ' '))
            near = NULL; /* the second word is an argument then */
        if (!near && near_family(first, family)) {
            const char *subs[WORDS_MAX + 1], *sub;
            static char name[2 * WORD_MAX];

            command_words(family, subs);
            sub = rd_text_nearest(second, subs);
            if (sub) {
                (void)snprintf(name, sizeof name, "%s %s", family, sub);
                near = name;
            }
        }
    }
    if (!near)
        near = rd_text_nearest(first, words);
    if (!near)
        near = sole_prefix(first, words);
    if (near)
        return rd_error_hint(err, "did you mean 'redoubt %s'?", near);
    if (near_family(first, family)) {
        char all[160];

        command_words(family, words);
        list_words(words, all, sizeof all);
        return rd_error_hint(err, "did you mean 'redoubt %s'? It goes on with %s", family, all);
    }
    return rd_error_hint(err, "redoubt --help lists them");
}

/* --- options --- */

static void add_names(const struct rd_option *o, const char *words[WORDS_MAX + 1], size_t *n)
{
    for (; o && o->type != RD_OPT_END && *n < WORDS_MAX; o++)
        words[(*n)++] = o->name;
    words[*n] = NULL;
}

/* "--eps is a setting of attacks": whoever takes --set NAME=VALUE may have meant that. */
static bool is_attack_setting(const char *name)
{
    for (const struct rd_attack *const *a = rd_attacks; *a; a++)
        if (rd_option_find((*a)->options, name))
            return true;
    return false;
}

static const struct rd_command *owner_of_option(const char *name)
{
    for (const struct rd_command *const *c = rd_commands; *c; c++)
        if ((*c)->name[0] != '_' && rd_option_find((*c)->options, name))
            return *c;
    return NULL;
}

rd_status rd_no_option(const struct rd_command *command, const char *name, struct rd_error *err)
{
    const char *words[WORDS_MAX + 1], *near;
    const struct rd_command *other = owner_of_option(name);
    char safe[WORD_MAX];
    size_t n = 0;

    add_names(command->options, words, &n);
    add_names(rd_common_options, words, &n);
    (void)RD_FAIL(err, RD_E_USAGE, "'%s' has no option --%s", command->name,
        rd_text_safe_in(safe, sizeof safe, name));
    near = sole_prefix(name, words);
    if (near)
        return rd_error_hint(err, "options are not abbreviated: --%s", near);
    if (is_attack_setting(name)) {
        if (rd_option_find(command->options, "set"))
            return rd_error_hint(err, "it is a setting of attacks: --set %s=VALUE", name);
        if (!other)
            return rd_error_hint(
                err, "it is a setting of attacks: redoubt attack run ATTACK --set %s=VALUE", name);
    }
    if (other) /* a real option elsewhere is no misspelling */
        return rd_error_hint(err, "--%s is an option of 'redoubt %s'", name, other->name);
    near = rd_text_nearest(name, words);
    return near ? rd_error_hint(err, "did you mean --%s?", near)
                : rd_error_hint(err, "see redoubt %s --help", command->name);
}

/* --- files --- */

enum { ENTRIES_MAX = 4096 };

/* The part of path that is not there yet: where its name begins, and where it ends. */
static void first_missing(const char *path, char folder[300], size_t *start_out, size_t *end_out)
{
    size_t start = 0, end;

    for (;;) {
        end = start + strcspn(path + start, "/");
        (void)snprintf(folder, 300, "%.*s", (int)end, path);
        if ((end > start && !rd_file_exists(folder) && !rd_file_is_dir(folder)) || !path[end])
            break;
        start = end + 1;
    }
    (void)snprintf(folder, 300, "%.*s", start ? (int)start : 1, start ? path : ".");
    *start_out = start;
    *end_out = end;
}

static bool near_name(const char *path, char *out, size_t size)
{
    const char *names[ENTRIES_MAX + 1], *near;
    struct rd_arena arena = RD_ARENA_INIT;
    char folder[300], wanted[256];
    size_t start, end, n = 0;
    DIR *d;

    first_missing(path, folder, &start, &end);
    (void)snprintf(wanted, sizeof wanted, "%.*s", (int)(end - start), path + start);
    d = opendir(folder);
    if (d && *wanted)
        for (const struct dirent *e; n < ENTRIES_MAX && (e = readdir(d)) != NULL;)
            if (e->d_name[0] != '.' && (names[n] = rd_arena_strdup(&arena, e->d_name)) != NULL)
                n++;
    names[n] = NULL;
    near = rd_text_nearest(wanted, names);
    if (near)
        (void)snprintf(out, size, "%.*s%s%s", (int)start, path, near, path + end);
    if (d)
        (void)closedir(d);
    rd_arena_release(&arena);
    return near != NULL;
}

static bool is_mentioned(const struct rd_error *err, const char *path)
{
    char safe[120];

    (void)rd_text_safe_in(safe, sizeof safe, path);
    for (int i = 0; i < err->frames; i++)
        if (strstr(err->frame[i].text, safe))
            return true;
    return false;
}

void rd_hint_near_file(int argc, char **argv, struct rd_error *err)
{
    if (err->hint[0])
        return;
    for (int i = 0; i < argc; i++) {
        const char *path = argv[i], *equals = strchr(path, '=');
        char near[300], safe[200];

        if (path[0] == '-' && !equals)
            continue;
        if (equals && !is_mentioned(err, path))
            path = equals + 1;
        if (!*path || strlen(path) > 200 || rd_file_exists(path) || !is_mentioned(err, path))
            continue;
        if (near_name(path, near, sizeof near)) {
            (void)rd_error_hint(
                err, "did you mean '%s'?", rd_text_safe_in(safe, sizeof safe, near));
            return;
        }
    }
}
