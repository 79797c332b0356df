/*
 * diagram - the system drawn: boundaries, elements, flows, and the threats on them, as SVG, PNG or
 * Graphviz. Evidence beside the file is read, never written; nothing is attacked.
 */
#include "cli/cli.h"
#include "cli/load.h"
#include "cli/programs.h"
#include "cli/stored.h"

#include "base/child.h"
#include "base/file.h"
#include "base/text.h"
#include "report/dot.h"
#include "report/svg.h"

#include <errno.h>
#include <math.h>
#include <string.h>

struct diagram {
    struct rd_load_options system;
    const char *output, *format, *link;
    double scale;
    int64_t width;
    bool no_threats;
};

static const char *const formats[] = { "auto", "svg", "png", "dot", NULL };

static const struct rd_option options[] = {
    RD_TEXT(struct diagram, output, "output", "", "FILE",
        "where to write it, also -o; -: standard output, as without"),
    RD_CHOICE(struct diagram, format, "format", "auto", formats,
        "auto: by the name of the output, else svg"),
    RD_TEXT(struct diagram, link, "link", "", "REPORT",
        "elements lead to their threats in this report.html, a relative path or an http address"),
    RD_BOOL(
        struct diagram, no_threats, "no-threats", "no", "the system alone, without its threats"),
    RD_REAL(struct diagram, scale, "scale", "0", 0, 16, "",
        "of a PNG: pixels of the picture for each pixel of the SVG; 0: 2, or what fits"),
    RD_INT(struct diagram, width, "width", "0", 0, 32000, "pixels",
        "of a PNG, instead of --scale; 0: by --scale"),
    RD_LOAD_OPTIONS(struct diagram, system),
    RD_OPTION_END,
};

enum { PNG_SIDE_MAX = 32000, PNG_SECONDS = 30 };
#define PNG_PIXELS_MAX 64e6
#define PNG_BYTES ((size_t)256 << 20)
#define PNG_MEMORY ((size_t)2 << 30)

struct picture {
    struct rd_buf text;      /* SVG or DOT */
    struct rd_bytes png;     /* in scratch */
    struct rd_svg_size size; /* svg, png */
    double width, height;    /* of the PNG */
};

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), k = strlen(end);

    return n > k && !strcmp(text + n - k, end);
}

static bool to_stdout(const struct diagram *o)
{
    return !o->output || !strcmp(o->output, "-");
}

static rd_status find_format(struct rd_cli *cli, const struct diagram *o, const char **format_out)
{
    static const char *const known[] = { ".svg", ".png", ".dot", ".gv" };
    char safe[160];

    *format_out = o->format;
    if (strcmp(o->format, "auto") != 0)
        return RD_OK;
    *format_out = "svg";
    if (to_stdout(o))
        return RD_OK;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (ends_with(o->output, known[i])) {
            *format_out = i == 3 ? "dot" : known[i] + 1;
            return RD_OK;
        }
    (void)RD_FAIL(cli->run.err, RD_E_USAGE,
        "'%s' does not say what to draw: .svg, .png, .dot or .gv",
        rd_text_safe_in(safe, sizeof safe, o->output));
    return rd_error_hint(cli->run.err, "or say --format svg, png or dot");
}

/* What a reader of the picture clicks on: a place to go to, never something to run. */
static rd_status check_link(struct rd_cli *cli, const char *link)
{
    const size_t scheme = link ? strcspn(link, ":/?#") : 0;
    char safe[160];

    if (!link || link[scheme] != ':' || !strncmp(link, "http:", 5) || !strncmp(link, "https:", 6))
        return RD_OK;
    (void)RD_FAIL(cli->run.err, RD_E_USAGE, "--link takes a path or an http address, not '%s'",
        rd_text_safe_in(safe, sizeof safe, link));
    return rd_error_hint(cli->run.err, "for example --link report.html");
}

/* --- PNG --- */

static rd_status png_size(struct rd_cli *cli, const struct diagram *o, struct picture *p)
{
    const double largest = fmax(p->size.width, p->size.height),
                 area = p->size.width * p->size.height;
    const double fits = fmin(2, 0.99 * fmin(PNG_SIDE_MAX / largest, sqrt(PNG_PIXELS_MAX / area)));
    const double scale = o->width       ? (double)o->width / p->size.width
                         : o->scale > 0 ? o->scale
                                        : fits;

    p->width = ceil(p->size.width * scale);
    p->height = ceil(p->size.height * scale);
    if (p->width <= PNG_SIDE_MAX && p->height <= PNG_SIDE_MAX &&
        p->width * p->height <= PNG_PIXELS_MAX)
        return RD_OK;
    (void)RD_FAIL(cli->run.err, RD_E_LIMIT,
        "a picture of %.0f by %.0f pixels; at most %d a side and %.0f million in all are drawn",
        p->width, p->height, PNG_SIDE_MAX, PNG_PIXELS_MAX / 1e6);
    return rd_error_hint(cli->run.err, "a smaller --scale or --width, or SVG, which has no limit");
}

static rd_status draw_png(struct rd_cli *cli, const struct diagram *o, struct picture *p)
{
    rd_status st = png_size(cli, o, p);
    const char *argv[RD_RSVG_WORDS];
    char width[24];

    if (st)
        return st;
    (void)snprintf(width, sizeof width, "%.0f", p->width);
    rd_cli_rsvg_words(width, argv);
    const struct rd_child child = {
        .argv = argv,
        .in = p->text.text,
        .in_size = p->text.len,
        .out_limit = PNG_BYTES,
        .timeout_ms = 1000 * PNG_SECONDS,
        .memory_bytes = PNG_MEMORY,
    };
    st = rd_child_run(&child, cli->run.scratch, &p->png, cli->run.err);
    if (st == RD_E_NOTFOUND) {
        *cli->run.err = (struct rd_error){ 0 };
        (void)RD_FAIL(
            cli->run.err, RD_E_NOTFOUND, "PNG is drawn by rsvg-convert, which is not installed");
        return rd_error_hint(cli->run.err,
            "install librsvg2-bin (Debian, Ubuntu), or write system.svg: every browser shows it");
    }
    if (!st && !rd_cli_is_png(p->png.data, p->png.size))
        st = RD_FAIL(cli->run.err, RD_E_INPUT, "what rsvg-convert wrote is no PNG");
    return st ? RD_WRAP(cli->run.err, st, "drawing the PNG") : RD_OK;
}

/* --- the command --- */

static rd_status draw(struct rd_cli *cli, const struct diagram *o, const char *format,
    const struct rd_diagram *d, struct picture *p)
{
    rd_status st;

    if (!strcmp(format, "dot"))
        return rd_report_dot(&cli->run, d, &p->text);
    st = rd_report_svg(&cli->run, d, &p->text, &p->size);
    return st || strcmp(format, "png") != 0 ? st : draw_png(cli, o, p);
}

static rd_status write_out(struct rd_cli *cli, const struct diagram *o, const struct picture *p)
{
    const void *data = p->png.data ? (const void *)p->png.data : p->text.text;
    const size_t size = p->png.data ? p->png.size : p->text.len;

    if (!to_stdout(o))
        return rd_file_write(o->output, data, size, 0644, cli->run.err);
    if (cli->json) /* stdout holds one object: the picture goes to a file */
        return RD_OK;
    if (p->png.data && cli->tty)
        return RD_FAIL(
            cli->run.err, RD_E_USAGE, "a PNG is not written to a terminal: use -o FILE.png");
    /* The picture is the result, whether --quiet or not. */
    if (fwrite(data, 1, size, stdout) != size || fflush(stdout))
        return RD_FAIL(cli->run.err, RD_E_IO, "cannot write the result: %s", strerror(errno));
    return RD_OK;
}

static void say(struct rd_cli *cli, const struct diagram *o, const char *format,
    const struct picture *p, const struct rd_diagram *d)
{
    struct rd_json *j = cli->result;
    const bool svg = p->size.engine != NULL, png = p->png.data != NULL;
    size_t shown = 0, demonstrated = 0;

    for (size_t i = 0; d->threats && i < d->threats->n; i++) {
        shown += d->threats->item[i].applicability != RD_APPLIES_MITIGATED;
        demonstrated += d->states && d->states[i].status == RD_THREAT_DEMONSTRATED;
    }
    rd_json_object(j);
    rd_json_ktext(j, "format", format);
    rd_json_kint(j, "elements", (int64_t)d->system->n_elements);
    rd_json_kint(j, "flows", (int64_t)d->system->n_flows);
    rd_json_kint(j, "boundaries", (int64_t)d->system->n_boundaries);
    rd_json_kint(j, "threats", (int64_t)shown);
    rd_json_kint(j, "demonstrated", (int64_t)demonstrated);
    rd_json_kbool(j, "evidence", d->states != NULL);
    rd_json_end(j);
    /* These depend on what is installed: no part of the result. */
    rd_json_kreal(cli->info, "width", png ? p->width : svg ? p->size.width : (double)NAN);
    rd_json_kreal(cli->info, "height", png ? p->height : svg ? p->size.height : (double)NAN);
    rd_json_ktext(cli->info, "file", o->output);
    rd_json_ktext(cli->info, "layout", p->size.engine);
    rd_json_ktext(cli->info, "layout_reason", p->size.reason);
}

static void say_for_people(struct rd_cli *cli, const struct diagram *o, const char *format,
    const struct picture *p, const struct rd_diagram *d)
{
    char safe[300];

    if (to_stdout(o))
        return;
    (void)fprintf(cli->out, "%s: %zu element%s, %zu flow%s",
        rd_text_safe_in(safe, sizeof safe, o->output), d->system->n_elements,
        d->system->n_elements == 1 ? "" : "s", d->system->n_flows,
        d->system->n_flows == 1 ? "" : "s");
    if (p->png.data)
        (void)fprintf(cli->out, ", %.0f by %.0f pixels", p->width, p->height);
    if (p->size.crowded)
        (void)fprintf(cli->out, ", %zu flow labels listed below the picture", p->size.crowded);
    if (d->threats && !d->states)
        (void)fprintf(cli->out, "; no evidence is stored, so every threat is untried");
    (void)fprintf(cli->out, " (%s)\n", format);
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct diagram *o = opts;
    struct rd_campaign campaign;
    struct rd_loaded l;
    struct picture p = { .text = { .limit = (size_t)64 << 20 } };
    const char *format;
    bool found = false;
    rd_status st = find_format(cli, o, &format);

    (void)argc;
    if (!st)
        st = check_link(cli, o->link);
    if (!st)
        st = rd_cli_load(cli, argv[0], &o->system, &l);
    if (!st && !o->no_threats)
        st = rd_cli_stored(cli, &l, &campaign, &found);
    if (st)
        return st;
    const struct rd_diagram d = { .system = l.system,
        .threats = o->no_threats ? NULL : &l.threats,
        .states = found ? campaign.states : NULL,
        .link = o->link };
    st = draw(cli, o, format, &d, &p);
    if (!st)
        st = write_out(cli, o, &p);
    if (!st) {
        say(cli, o, format, &p, &d);
        say_for_people(cli, o, format, &p, &d);
    }
    rd_buf_release(&p.text);
    return st;
}

const struct rd_command rd_command_diagram = {
    .name = "diagram",
    .summary = "the system drawn, with the threats on it: SVG, PNG or Graphviz",
    .synopsis = "FILE [-o system.svg|system.png|system.dot] [--link REPORT]",
    .examples = "  redoubt diagram demo -o system.svg\n"
                "  redoubt diagram demo -o system.png --width 1600\n"
                "  redoubt diagram demo -o system.svg --link report.html\n"
                "  redoubt diagram demo --format dot --no-threats\n",
    .options = options,
    .options_size = sizeof(struct diagram),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
