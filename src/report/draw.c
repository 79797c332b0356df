/*
 * draw.c - what the page draws beyond the result: the diagram, the reasons behind each threat,
 * pictures.
 */
#include "report/report.h"

#include "report/glossary.h"
#include "report/png.h"
#include "report/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A tenth of a pixel is enough, and keeps the file small. */
static void put_coordinate(struct rd_json *j, const char *key, double v)
{
    rd_json_kreal(j, key, round(v * 10) / 10 + 0.0);
}

static void put_box(struct rd_json *j, const struct rd_box *b)
{
    put_coordinate(j, "x", b->x);
    put_coordinate(j, "y", b->y);
    put_coordinate(j, "w", b->w);
    put_coordinate(j, "h", b->h);
}

static void put_point(struct rd_json *j, const struct rd_point *p)
{
    rd_json_array(j);
    rd_json_real(j, round(p->x * 10) / 10 + 0.0);
    rd_json_real(j, round(p->y * 10) / 10 + 0.0);
    rd_json_end(j);
}

static const char *tri(enum rd_tri t)
{
    return t == RD_YES ? "yes" : t == RD_NO ? "no" : "unknown";
}

static void put_boundaries(struct rd_json *j, const struct rd_system *s, const struct rd_layout *l)
{
    rd_json_karray(j, "boundaries");
    for (size_t i = 0; i < s->n_boundaries; i++) {
        const struct rd_boundary *b = &s->boundaries[i];

        rd_json_object(j);
        rd_json_ktext(j, "id", b->id);
        rd_json_ktext(j, "name", b->name);
        rd_json_ktext(j, "trust", b->trust);
        rd_json_ktext(j, "inside", b->inside == RD_NONE ? NULL : s->boundaries[b->inside].id);
        put_box(j, &l->boundary[i]);
        rd_json_end(j);
    }
    rd_json_end(j);
}

static void put_elements(struct rd_json *j, const struct rd_system *s, const struct rd_layout *l)
{
    rd_json_karray(j, "elements");
    for (size_t i = 0; i < s->n_elements; i++) {
        const struct rd_element *e = &s->elements[i];

        rd_json_object(j);
        rd_json_ktext(j, "id", e->id);
        rd_json_ktext(j, "name", e->name);
        rd_json_ktext(j, "type", e->type->name);
        rd_json_ktext(j, "dfd", e->type->dfd);
        rd_json_ktext(j, "boundary", e->boundary == RD_NONE ? NULL : s->boundaries[e->boundary].id);
        rd_json_karray(j, "properties");
        for (size_t k = 0; k < e->properties.n; k++) {
            rd_json_object(j);
            rd_json_ktext(j, "name", e->properties.item[k].name);
            rd_json_ktext(j, "value", e->properties.item[k].value);
            rd_json_end(j);
        }
        rd_json_end(j);
        put_box(j, &l->element[i]);
        rd_json_end(j);
    }
    rd_json_end(j);
}

static void put_flows(struct rd_json *j, const struct rd_system *s, const struct rd_layout *l,
    struct rd_arena *scratch)
{
    rd_json_karray(j, "flows");
    for (size_t i = 0; i < s->n_flows; i++) {
        const struct rd_flow *f = &s->flows[i];

        rd_json_object(j);
        rd_json_ktext(j, "id", f->id);
        rd_json_ktext(j, "name", f->name);
        rd_json_ktext(j, "from", s->elements[f->from].id);
        rd_json_ktext(j, "to", s->elements[f->to].id);
        rd_json_ktext(j, "protocol", f->protocol);
        rd_json_ktext(j, "label", rd_layout_flow_label(f, scratch));
        rd_json_ktext(j, "authenticated", tri(f->authenticated));
        rd_json_ktext(j, "encrypted", tri(f->encrypted));
        rd_json_kbool(j, "crosses", rd_flow_crosses(s, f));
        rd_json_karray(j, "points");
        for (size_t k = 0; k < l->flow[i].n; k++)
            put_point(j, &l->flow[i].point[k]);
        rd_json_end(j);
        rd_json_key(j, "at");
        put_point(j, &l->flow[i].label);
        rd_json_end(j);
    }
    rd_json_end(j);
}

static rd_status put_diagram(
    struct rd_run *run, const struct rd_report *report, struct rd_json *j, struct rd_arena *scratch)
{
    const struct rd_system *s = report->campaign->system;
    struct rd_layout l = { 0 };
    const rd_status st = rd_layout_make(s, report->dot, scratch, &l, run->err);

    if (st)
        return st;
    rd_json_kobject(j, "diagram");
    rd_json_ktext(j, "engine", l.engine);
    rd_json_ktext(j, "reason", l.reason);
    put_coordinate(j, "width", l.width);
    put_coordinate(j, "height", l.height);
    put_boundaries(j, s, &l);
    put_elements(j, s, &l);
    put_flows(j, s, &l, scratch);
    rd_json_end(j);
    return RD_OK;
}

static void put_texts(struct rd_json *j, const char *key, const char *const *item, size_t n)
{
    rd_json_karray(j, key);
    for (size_t i = 0; i < n; i++)
        rd_json_text(j, item[i]);
    rd_json_end(j);
}

static void put_threat(struct rd_json *j, const struct rd_threat *t)
{
    const struct rd_rule *r = t->rule;

    rd_json_kobject(j, t->id);
    rd_json_ktext(j, "why", r->why);
    rd_json_ktext(j, "impact", r->impact);
    rd_json_karray(j, "facts");
    for (size_t i = 0; i < t->n_facts; i++) {
        rd_json_object(j);
        rd_json_ktext(j, "what", t->facts[i].what);
        rd_json_ktext(j, "value", t->facts[i].value);
        rd_json_end(j);
    }
    rd_json_end(j);
    put_texts(j, "goes_away", t->goes_away, t->n_goes_away);
    put_texts(j, "mitigations", r->mitigations, r->n_mitigations);
    rd_json_ktext(j, "false_positives", r->false_positives);
    rd_json_karray(j, "references");
    for (size_t i = 0; i < r->n_references; i++) {
        rd_json_object(j);
        rd_json_ktext(j, "list", r->references[i].list);
        rd_json_ktext(j, "edition", r->references[i].edition);
        rd_json_ktext(j, "id", r->references[i].id);
        rd_json_ktext(j, "title", r->references[i].title);
        rd_json_end(j);
    }
    rd_json_end(j);
    put_texts(j, "cwe", r->cwe, r->n_cwe);
    rd_json_ktext(j, "severity_why", t->severity_why);
    rd_json_ktext(j, "when", r->when);
    put_texts(j, "proved_by", r->proved_by, r->n_proved_by);
    put_texts(j, "removed_by", r->removed_by, r->n_removed_by);
    rd_json_end(j);
}

/* (channels, height, width) floats to (height, width, channels) bytes; low is black, high is white.
 */
static void to_bytes(
    const struct rd_pictures *p, const float *x, float low, float high, unsigned char *out)
{
    const size_t area = (size_t)p->width * (size_t)p->height, channels = (size_t)p->channels;

    for (size_t i = 0; i < area; i++)
        for (size_t c = 0; c < channels; c++) {
            const float v = (x[c * area + i] - low) / (high - low);

            out[i * channels + c] = (unsigned char)(v <= 0 ? 0 : v >= 1 ? 255 : lrintf(255 * v));
        }
}

static rd_status put_image(struct rd_run *run, struct rd_json *j, const char *key,
    const struct rd_pictures *p, const float *x, float low, float high, struct rd_arena *scratch)
{
    const size_t bytes = (size_t)p->width * (size_t)p->height * (size_t)p->channels;
    unsigned char *pixel = rd_arena_alloc(scratch, bytes, 1);
    const char *uri = NULL;
    rd_status st;

    if (!pixel)
        return rd_run_no_memory(run, "a picture");
    to_bytes(p, x, low, high, pixel);
    st = rd_png_data_uri(
        pixel, (size_t)p->width, (size_t)p->height, (size_t)p->channels, scratch, &uri, run->err);
    if (!st)
        rd_json_ktext(j, key, uri);
    return st;
}

static void put_class(struct rd_json *j, const char *key, int label)
{
    if (label == RD_NONE)
        rd_json_ktext(j, key, NULL);
    else
        rd_json_kint(j, key, label);
}

static rd_status put_example(struct rd_run *run, struct rd_json *j, const struct rd_pictures *p,
    const struct rd_picture *e, float most, struct rd_arena *scratch)
{
    const size_t width = (size_t)p->width * (size_t)p->height * (size_t)p->channels;
    float *change = RD_NEW_ARRAY(scratch, float, width);
    rd_status st;

    if (!change)
        return rd_run_no_memory(run, "a picture");
    for (size_t i = 0; i < width; i++)
        change[i] = e->x_adv[i] - e->x[i];
    rd_json_object(j);
    rd_json_kint(j, "row", (int64_t)e->row);
    put_class(j, "label", e->label);
    put_class(j, "before", e->before);
    put_class(j, "after", e->after);
    rd_json_kreal(j, "distance", e->distance);
    st = put_image(run, j, "original", p, e->x, p->low, p->high, scratch);
    if (!st)
        st = put_image(run, j, "adversarial", p, e->x_adv, p->low, p->high, scratch);
    if (!st)
        st = put_image(run, j, "difference", p, change, -most, most, scratch);
    rd_json_end(j);
    return st;
}

static rd_status put_pictures(
    struct rd_run *run, struct rd_json *j, const struct rd_pictures *p, struct rd_arena *scratch)
{
    const size_t width = (size_t)p->width * (size_t)p->height * (size_t)p->channels;
    float most = 0;
    char times[48] = "";
    rd_status st = RD_OK;

    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < width; k++)
            most = fmaxf(most, fabsf(p->item[i].x_adv[k] - p->item[i].x[k]));
    if (most <= 0)
        most = p->high - p->low;
    rd_json_object(j);
    rd_json_ktext(j, "test", p->test);
    rd_json_ktext(j, "changed", p->changed ? p->changed : "Adversarial");
    rd_json_karray(j, "classes");
    for (size_t i = 0; p->class_name && i < p->classes; i++)
        rd_json_text(j, p->class_name[i]);
    rd_json_end(j);
    rd_json_kint(j, "width", p->width);
    rd_json_kint(j, "height", p->height);
    if ((double)(p->high - p->low) / (2 * (double)most) > 1)
        (void)snprintf(times, sizeof times, ", amplified %.3g times",
            (double)((p->high - p->low) / (2 * most)));
    rd_json_ktext(j, "note",
        rd_arena_printf(scratch,
            "Difference%s: mid-gray is no change, black and white are a change "
            "of -%.3g and +%.3g on "
            "inputs from %.3g to %.3g.",
            times, (double)most, (double)most, (double)p->low, (double)p->high));
    rd_json_karray(j, "items");
    for (size_t i = 0; !st && i < p->n; i++)
        st = put_example(run, j, p, &p->item[i], most, scratch);
    rd_json_end(j);
    rd_json_end(j);
    return st;
}

/* Display names of what the result calls by id. */
static void put_names(struct rd_json *j, const struct rd_system *s)
{
    rd_json_kobject(j, "names");
    rd_json_kobject(j, "scenarios");
    for (size_t i = 0; i < s->n_scenarios; i++)
        rd_json_ktext(j, s->scenarios[i].id, s->scenarios[i].name);
    rd_json_end(j);
    rd_json_kobject(j, "actors");
    for (size_t i = 0; i < s->n_actors; i++)
        rd_json_ktext(j, s->actors[i].id, s->actors[i].name);
    rd_json_end(j);
    rd_json_kobject(j, "controls");
    for (size_t i = 0; i < s->n_controls; i++)
        rd_json_ktext(j, s->controls[i].id, s->controls[i].name);
    rd_json_end(j);
    rd_json_end(j);
}

static rd_status put_draw(
    struct rd_run *run, const struct rd_report *report, struct rd_json *j, struct rd_arena *scratch)
{
    const struct rd_threats *t = report->campaign->threats;
    rd_status st = put_diagram(run, report, j, scratch);

    put_names(j, report->campaign->system);
    rd_json_kobject(j, "threats");
    for (size_t i = 0; i < t->n; i++)
        put_threat(j, &t->item[i]);
    rd_json_end(j);
    rd_json_karray(j, "pictures");
    for (size_t i = 0; !st && i < report->n_pictures; i++)
        st = put_pictures(run, j, &report->pictures[i], scratch);
    rd_json_end(j);
    rd_json_key(j, "glossary");
    rd_glossary_write(j);
    return st;
}

static void put_part(struct rd_json *j, const char *key, const char *text, const char *empty)
{
    if (!text || !*text)
        text = empty;
    rd_json_kraw(j, key, text, strlen(text));
}

rd_status rd_report_json(struct rd_run *run, const struct rd_report *report,
    const struct rd_report_parts *parts, struct rd_buf *out)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_json j = { .out = out };
    rd_status st;

    rd_json_object(&j);
    rd_json_ktext(&j, "schema", "redoubt/assess");
    rd_json_kint(&j, "version", 1);
    put_part(&j, "tool", parts->tool, "{}");
    put_part(&j, "result", parts->result, "null");
    put_part(&j, "run", parts->run, "{}");
    put_part(&j, "warnings", parts->warnings, "[]");
    rd_json_kobject(&j, "draw");
    st = put_draw(run, report, &j, &scratch);
    if (!st) {
        rd_json_end(&j);
        rd_json_end(&j);
        rd_buf_putc(out, '\n');
    }
    rd_json_release(&j);
    rd_arena_release(&scratch);
    if (!st && out->failed)
        st = rd_run_no_memory(run, "report.json");
    return st;
}
