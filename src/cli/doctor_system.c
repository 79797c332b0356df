/*
 * doctor_system.c - one system: its file, evidence, artifacts, and reports. What would be contacted
 * or started is looked for and left alone; of a variable it is said whether it is set, never what
 * it holds.
 */
#include "cli/doctor.h"
#include "cli/programs.h"

#include "base/buf.h"
#include "base/file.h"
#include "evidence/store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CLOSING_SECONDS = 5 };

/* id: "kind name", where name is checked when the file is read: an id, a key, a variable. */
static const char *id_of(struct rd_doctor *d, const char *kind, const char *name)
{
    const char *id = rd_arena_printf(d->cli->run.scratch, "%s %s", kind, name);

    return id ? id : kind;
}

/* --- the file --- */

static rd_status file(struct rd_doctor *d, const char *path, const struct rd_load_options *options,
    struct rd_loaded *loaded, bool *read_out)
{
    struct rd_problems problems = { NULL, 0 };
    const rd_status st = rd_cli_load_system(d->cli, path, options, loaded, &problems);
    char what[RD_ERROR_TEXT];

    *read_out = st == RD_OK;
    if (st && st != RD_E_INPUT)
        return st;
    if (!st) {
        (void)snprintf(what, sizeof what, "no problems; %zu elements, %zu flows, %zu tests",
            loaded->system->n_elements, loaded->system->n_flows, loaded->system->n_tests);
        rd_doctor_say(d, &(struct rd_check){ "redoubt.yaml", RD_HEALTH_OK, what, NULL, NULL });
        return RD_OK;
    }
    if (problems.n)
        (void)snprintf(what, sizeof what, "%zu problem%s", problems.n, problems.n == 1 ? "" : "s");
    else
        (void)snprintf(what, sizeof what, "%s", d->cli->run.err->frame[0].text);
    rd_doctor_say(d, &(struct rd_check){ "redoubt.yaml", RD_HEALTH_MISSING, what,
                         "no command works on it; what it declares is not looked at here",
                         "redoubt check FILE says which" });
    *d->cli->run.err = (struct rd_error){ 0 };
    return RD_OK;
}

/* --- evidence --- */

static void evidence(struct rd_doctor *d, const char *folder)
{
    struct rd_error why = { 0 };
    struct rd_store *store = NULL;
    size_t n = 0;
    char what[64];
    rd_status st = rd_store_open_read(folder, &store, &why);

    if (!st)
        st = rd_store_count(store, &n, &why);
    rd_store_close(store);
    (void)snprintf(what, sizeof what, "%zu record%s", n, n == 1 ? "" : "s");
    if (!st)
        rd_doctor_say(d, &(struct rd_check){ "evidence", RD_HEALTH_OK, what, NULL, NULL });
    else if (st == RD_E_NOTFOUND)
        rd_doctor_say(
            d, &(struct rd_check){ "evidence", RD_HEALTH_ABSENT, "none yet",
                   "all threats are untried; risk, roadmap and brief know only what the file says",
                   "redoubt assess measures it" });
    else
        rd_doctor_say(d, &(struct rd_check){ "evidence", RD_HEALTH_MISSING, why.frame[0].text,
                             "nothing that was measured can be used, and assess does not start",
                             "move the .redoubt folder away to measure anew" });
}

static void lock(struct rd_doctor *d, const char *folder)
{
    struct rd_error why = { 0 };
    char what[64];
    long pid = 0;
    const rd_status st = rd_store_holder(folder, &pid, &why);

    if (!st && !pid) {
        rd_doctor_say(d, &(struct rd_check){ "lock", RD_HEALTH_OK, "held by nobody", NULL, NULL });
    } else if (st) {
        rd_doctor_say(d, &(struct rd_check){ "lock", RD_HEALTH_MISSING, why.frame[0].text,
                             "assess cannot begin", "check .redoubt/lock and its permissions" });
    } else {
        if (pid > 0)
            (void)snprintf(what, sizeof what, "held by process %ld", pid);
        else
            (void)snprintf(what, sizeof what, "held by a process that does not say which it is");
        rd_doctor_say(
            d, &(struct rd_check){ "lock", RD_HEALTH_ABSENT, what,
                   "an assessment is at work: a second one ends with exit code 4; readers go on",
                   "wait for it to end, or stop it" });
    }
}

/* --- artifacts --- */

static const char *size_text(uint64_t bytes, char out[32])
{
    if (bytes < 10240)
        (void)snprintf(out, 32, "%" PRIu64 " bytes", bytes);
    else if (bytes < UINT64_C(10) << 20)
        (void)snprintf(out, 32, "%" PRIu64 " KiB", bytes >> 10);
    else
        (void)snprintf(out, 32, "%" PRIu64 " MiB", bytes >> 20);
    return out;
}

static void one_file(struct rd_doctor *d, const char *id, const char *path)
{
    struct rd_buf what = { 0 };
    struct stat s;
    char size[32];
    const char *trouble = NULL;

    if (!path)
        return;
    if (stat(path, &s))
        trouble = "is not there";
    else if (!S_ISREG(s.st_mode) && !S_ISDIR(s.st_mode))
        trouble = "is no file";
    else if (access(path, S_ISDIR(s.st_mode) ? R_OK | X_OK : R_OK))
        trouble = "may not be read";
    if (trouble)
        rd_buf_printf(&what, "%s %s", path, trouble);
    else if (S_ISDIR(s.st_mode))
        rd_buf_printf(&what, "%s, a folder", path);
    else
        rd_buf_printf(&what, "%s, %s", path, size_text((uint64_t)s.st_size, size));
    rd_doctor_say(
        d, &(struct rd_check){ id, trouble ? RD_HEALTH_MISSING : RD_HEALTH_OK, rd_buf_text(&what),
               trouble ? "tests that need it cannot run" : NULL,
               trouble ? "put it there, or --artifact ID=PATH names another file" : NULL });
    rd_buf_release(&what);
}

static bool is_word(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* As campaign/ fills headers in. Each variable once a header. */
static void variables(struct rd_doctor *d, const struct rd_artifact *a, const char *header)
{
    const char *p = header ? header : "";

    while ((p = strchr(p, '$')) != NULL) {
        char name[120];
        const char *value;
        size_t n = 0;

        for (p++; is_word(p[n]) && n + 1 < sizeof name; n++)
            name[n] = p[n];
        name[n] = '\0';
        p += n;
        if (!n)
            continue;
        value = getenv(name);
        rd_doctor_say(d,
            value && *value
                ? &(struct rd_check){ id_of(d, "variable", name), RD_HEALTH_OK, "set", NULL, NULL }
                : &(struct rd_check){ id_of(d, "variable", name), RD_HEALTH_MISSING, "not set",
                      id_of(d, "a header needs it: nothing can be asked of", a->id),
                      "export it before assess; its value is never written anywhere" });
    }
}

static void endpoint(struct rd_doctor *d, const struct rd_artifact *a)
{
    const char *url = a->url ? a->url : "", *scheme = strstr(url, "://");
    const char *host = scheme ? scheme + 3 : url;
    struct rd_buf what = { 0 };

    /* A file whose scope does not hold it has a problem and does not come so far. */
    rd_buf_printf(&what, "%.*s is in scope.hosts; not contacted", (int)strcspn(host, "/?"), host);
    rd_doctor_say(d, &(struct rd_check){ id_of(d, "endpoint", a->id), RD_HEALTH_OK,
                         rd_buf_text(&what), NULL, NULL });
    rd_buf_release(&what);
    for (size_t i = 0; i < a->n_headers; i++)
        variables(d, a, a->headers[i]);
}

static void process(struct rd_doctor *d, const struct rd_system *s, const struct rd_artifact *a)
{
    const char *name = a->n_command ? a->command[0] : "";
    const char *path = rd_cli_program(d->cli->run.scratch, s->folder, name);
    struct rd_buf what = { 0 };

    rd_buf_printf(
        &what, "%s%s", path ? path : name, path ? "; not started" : " is no program here");
    rd_doctor_say(
        d, &(struct rd_check){ id_of(d, "process", a->id), path ? RD_HEALTH_OK : RD_HEALTH_MISSING,
               rd_buf_text(&what), path ? NULL : "tests against it cannot run",
               path ? NULL : "install it, or give its path from the system's folder" });
    rd_buf_release(&what);
}

static const char *part(struct rd_doctor *d, const struct rd_artifact *a, const char *key)
{
    const char *id = rd_arena_printf(d->cli->run.scratch, "artifact %s.%s", a->id, key);

    return id ? id : key;
}

static void artifact(struct rd_doctor *d, const struct rd_system *s, const struct rd_artifact *a)
{
    const char *name = a->graph ? strrchr(a->graph, '/') : NULL;
    const char *graph = name ? name + 1 : a->graph;

    if (a->kind == RD_ARTIFACT_ENDPOINT)
        endpoint(d, a);
    else if (a->kind == RD_ARTIFACT_PROCESS)
        process(d, s, a);
    one_file(d, id_of(d, "artifact", a->id), a->path);
    one_file(d, part(d, a, "labels"), a->labels);
    one_file(d, part(d, a, "index"), a->index);
    one_file(d, part(d, a, "schema"), a->schema);
    if (graph && (strcmp(graph, "built-in") != 0 || rd_file_exists(a->graph)))
        one_file(d, part(d, a, "graph"), a->graph);
}

/* --- reports --- */

static bool later(const struct timespec *a, const struct timespec *b, time_t by)
{
    return a->tv_sec - by > b->tv_sec || (a->tv_sec - by == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

/*
 * The store is closed just after the reports are written, and moves its journal into its file then:
 * evidence counts as newer from CLOSING_SECONDS on.
 */
static void report(struct rd_doctor *d, const char *folder, const char *name,
    const struct stat *system, const struct stat *store)
{
    const char *path = rd_path_join(d->cli->run.scratch, folder, name);
    const char *newer = NULL;
    struct stat s;

    if (!path || stat(path, &s) || !S_ISREG(s.st_mode))
        return;
    if (system && later(&system->st_mtim, &s.st_mtim, 0))
        newer = "older than redoubt.yaml";
    else if (store && later(&store->st_mtim, &s.st_mtim, CLOSING_SECONDS))
        newer = "older than the evidence";
    rd_doctor_say(
        d, &(struct rd_check){ name, newer ? RD_HEALTH_OLD : RD_HEALTH_OK,
               newer ? newer : "newer than the file and the evidence",
               newer ? "it says what was true then" : NULL,
               newer ? "redoubt assess writes it anew; what was measured is kept" : NULL });
}

static void reports(struct rd_doctor *d, const char *folder, const char *system_file)
{
    static const char *const names[] = { "report.json", "report.md", "report.html",
        "findings.sarif" };
    const char *db = rd_path_join(d->cli->run.scratch, folder, ".redoubt/evidence.db");
    struct stat system, store;
    const bool has_system = !stat(system_file, &system), has_store = db && !stat(db, &store);

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        report(d, folder, names[i], has_system ? &system : NULL, has_store ? &store : NULL);
}

rd_status rd_doctor_system(
    struct rd_doctor *d, const char *path, const struct rd_load_options *options)
{
    const char *name = rd_cli_system_file(d->cli, path);
    const char *folder = name ? rd_path_dir(d->cli->run.scratch, name) : NULL;
    struct rd_loaded loaded;
    bool read = false;
    rd_status st;

    if (!folder)
        return rd_run_no_memory(&d->cli->run, "the folder's name");
    st = file(d, path, options, &loaded, &read);
    if (st)
        return st;
    rd_json_ktext(d->cli->info, "file", path);
    rd_doctor_disk(d, folder);
    evidence(d, folder);
    lock(d, folder);
    for (size_t i = 0; read && i < loaded.system->n_artifacts; i++)
        artifact(d, loaded.system, &loaded.system->artifacts[i]);
    reports(d, folder, name);
    return RD_OK;
}
