/* doctor_machine.c - the processor, memory, libraries, terminal, and what an installation adds. */
#include "cli/build_facts.h"
#include "cli/doctor.h"
#include "cli/pager.h"

#include "base/buf.h"
#include "base/file.h"
#include "report/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const uint64_t mib = UINT64_C(1) << 20;

/* --- the program itself --- */

static void page(struct rd_doctor *d)
{
    if (rd_report_html_available())
        rd_doctor_say(d, &(struct rd_check){ "report page", RD_HEALTH_OK,
                             "inside this program: report.html", NULL, NULL });
    else
        rd_doctor_say(
            d, &(struct rd_check){ "report page", RD_HEALTH_ABSENT, rd_report_html_reason(),
                   "no report.html and no PDF: assess writes report.md and report.json",
                   "build with Node.js and npm (tools/install-deps), cmake -DRD_WEB=ON" });
}

static void kernels(struct rd_doctor *d)
{
    const char *chosen;
    struct rd_error why = { 0 };
    struct rd_buf what = { 0 };
    const rd_status st = rd_build_kernel_chosen(&chosen, &why);

    rd_buf_printf(&what, "%s; this processor (%s) runs", chosen, rd_build_processor());
    for (const char *const *k = rd_build_kernels(); *k; k++)
        rd_buf_printf(&what, " %s", *k);
    rd_doctor_say(
        d, st ? &(struct rd_check){ "kernels", RD_HEALTH_MISSING, why.frame[0].text,
                    "commands that compute with a model end at once",
                    "unset REDOUBT_ISA, or name one that runs here" }
              : &(struct rd_check){ "kernels", RD_HEALTH_OK, rd_buf_text(&what), NULL, NULL });
    rd_buf_release(&what);
}

static void libraries(struct rd_doctor *d)
{
    struct rd_buf what = { 0 };
    size_t n;
    const struct rd_library *all = rd_build_libraries(&n);

    for (size_t i = 0; i < n; i++)
        rd_buf_printf(&what, "%s%s %s", i ? ", " : "", all[i].name, all[i].version);
    rd_doctor_say(
        d, &(struct rd_check){ "libraries", RD_HEALTH_OK, rd_buf_text(&what), NULL, NULL });
    rd_buf_release(&what);
}

/* --- the machine --- */

/* Of a file of one number, or of "MemAvailable: N kB"; 0 when it says none. */
static uint64_t number_in(const char *path, const char *after)
{
    FILE *f = fopen(path, "re"); /* sysfs and procfs have no size to read by */
    char text[8192];
    const char *p = text;
    size_t n;

    if (!f)
        return 0;
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    if (*after && (p = strstr(text, after)) != NULL)
        p += strlen(after);
    return p ? strtoull(p, NULL, 10) : 0; /* "max": 0 */
}

static void memory(struct rd_doctor *d)
{
    const uint64_t free_kib = number_in("/proc/meminfo", "MemAvailable:");
    const uint64_t limit = number_in("/sys/fs/cgroup/memory.max", "");
    const uint64_t room = free_kib * 1024;
    const bool low = free_kib && room < 512 * mib;
    char what[160];
    int n = snprintf(what, sizeof what, "%" PRIu64 " MiB free", room / mib);

    if (!free_kib)
        n = snprintf(what, sizeof what, "/proc/meminfo does not say");
    if (limit)
        n += snprintf(what + n, sizeof what - (size_t)n, ", this container gets %" PRIu64 " MiB",
            limit / mib);
    (void)snprintf(what + n, sizeof what - (size_t)n, "; %zu threads of %ld processors",
        rd_pool_threads(d->cli->run.pool), sysconf(_SC_NPROCESSORS_ONLN));
    rd_doctor_say(d, &(struct rd_check){ "memory", low ? RD_HEALTH_ABSENT : RD_HEALTH_OK, what,
                         low ? "large models and data end with exit code 4" : NULL,
                         low ? "fewer --threads, or end other programs" : NULL });
}

void rd_doctor_disk(struct rd_doctor *d, const char *folder)
{
    struct statvfs s;
    char what[96];
    uint64_t room;

    if (statvfs(folder, &s)) {
        rd_doctor_say(
            d, &(struct rd_check){ "disk", RD_HEALTH_MISSING, "the folder cannot be asked",
                   "no evidence can be kept", "check the folder's permissions" });
        return;
    }
    room = (uint64_t)s.f_bavail * s.f_frsize;
    (void)snprintf(what, sizeof what, "%" PRIu64 " MiB free for evidence and reports", room / mib);
    if (access(folder, W_OK))
        rd_doctor_say(
            d, &(struct rd_check){ "disk", RD_HEALTH_MISSING, "this folder may not be written",
                   "assess cannot keep evidence or a report here", "copy it, or change its mode" });
    else if (room < 64 * mib)
        rd_doctor_say(d, &(struct rd_check){ "disk", RD_HEALTH_MISSING, what,
                             "an assessment may end with exit code 4, keeping what it measured",
                             "make room: 64 MiB and more" });
    else
        rd_doctor_say(d, &(struct rd_check){ "disk", RD_HEALTH_OK, what, NULL, NULL });
}

/* --- the terminal --- */

static const char *locale_name(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);

        if (value && *value)
            return value;
    }
    return "C";
}

static void terminal(struct rd_doctor *d)
{
    const char *locale = locale_name(), *term = getenv("TERM");
    const bool utf8 = strcasestr(locale, "utf-8") || strcasestr(locale, "utf8");
    struct rd_buf what = { 0 };

    rd_doctor_say(d,
        &(struct rd_check){ "locale", utf8 ? RD_HEALTH_OK : RD_HEALTH_ABSENT, locale,
            utf8 ? NULL : "a terminal may show names beyond ASCII as other signs; files are UTF-8",
            utf8 ? NULL : "export LC_ALL=C.UTF-8" });
    rd_buf_printf(&what, "stdout is %s, TERM is %.40s: %s, %s",
        isatty(STDOUT_FILENO) == 1 ? "a terminal" : "none", term && *term ? term : "not set",
        d->cli->color ? "colors" : "no colors",
        rd_pager_wanted() ? "long lists are paged" : "nothing is paged");
    rd_doctor_say(
        d, &(struct rd_check){ "terminal", RD_HEALTH_OK, rd_buf_text(&what), NULL, NULL });
    rd_buf_release(&what);
}

/* --- what an installation puts elsewhere --- */

/* NULL-terminated, relative to a prefix. */
static const char *const completion_files[] = { "share/bash-completion/completions/redoubt",
    "share/zsh/site-functions/_redoubt", "share/zsh/vendor-completions/_redoubt",
    "share/fish/vendor_completions.d/redoubt.fish", NULL };
static const char *const own_completion_files[] = {
    ".local/share/bash-completion/completions/redoubt", ".zfunc/_redoubt",
    ".config/fish/completions/redoubt.fish", NULL
};
static const char *const man_files[] = { "share/man/man1/redoubt.1", "share/man/man1/redoubt.1.gz",
    NULL };

static void look(
    struct rd_arena *arena, const char *prefix, const char *const *names, struct rd_buf *found)
{
    for (; prefix && *names; names++) {
        const char *path = rd_path_join(arena, prefix, *names);

        if (path && rd_file_exists(path) &&
            !(found->len && strstr(rd_buf_text(found), path))) /* one prefix may be another */
            rd_buf_printf(found, "%s%s", found->len ? ", " : "", path);
    }
}

/* Where this program lies: PREFIX/bin/redoubt. NULL: not to be found out. */
static const char *own_prefix(struct rd_arena *arena)
{
    char path[4096];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    const char *bin;

    if (n <= 0)
        return NULL;
    path[n] = '\0';
    bin = rd_path_dir(arena, path);
    return bin ? rd_path_dir(arena, bin) : NULL;
}

static void installed(struct rd_doctor *d, const char *id, const char *const *names,
    const char *const *own_names, const char *costs, const char *hint)
{
    struct rd_arena *arena = d->cli->run.scratch;
    struct rd_buf found = { 0 };

    look(arena, own_prefix(arena), names, &found);
    look(arena, "/usr/local", names, &found);
    look(arena, "/usr", names, &found);
    if (own_names)
        look(arena, getenv("HOME"), own_names, &found);
    if (found.len)
        rd_doctor_say(d, &(struct rd_check){ id, RD_HEALTH_OK, rd_buf_text(&found), NULL, NULL });
    else
        rd_doctor_say(d, &(struct rd_check){
                             id, RD_HEALTH_ABSENT, "no file in the usual folders", costs, hint });
    rd_buf_release(&found);
}

void rd_doctor_machine(struct rd_doctor *d)
{
    page(d);
    kernels(d);
    memory(d);
    libraries(d);
    terminal(d);
    installed(d, "completion", completion_files, own_completion_files,
        "the TAB key knows no commands and options, unless a start-up file of your shell loads "
        "them",
        "redoubt completion --help");
    installed(d, "manual page", man_files, NULL,
        "man redoubt finds nothing; the help says the same", "redoubt help COMMAND");
}
