/*
 * report.h - what an assessment found, as JSON for programs, Markdown and HTML for people.
 *
 * verdict.c says it in sentences, result.c writes `.result` (same inputs, same bytes: no time,
 * host, path or record id), draw.c adds what the page draws, markdown.c and html.c make the two
 * documents. docs/schema/report.schema.json describes report.json. Text from the system file is
 * passed on as it is in JSON and made safe in the others.
 */
#ifndef RD_REPORT_REPORT_H
#define RD_REPORT_REPORT_H

#include "base/buf.h"
#include "base/json_write.h"
#include "base/run.h"
#include "campaign/campaign.h"
#include "report/layout.h"
#include "risk/risk.h"

/* One example of an evasion test, or under a backdoor's trigger, before and after. */
struct rd_picture {
    size_t row;             /* in the evaluation set */
    int label, before;      /* true class; what the target says of the original */
    int after;              /* of the changed one; RD_NONE: not asked */
    double distance;        /* in the test's norm; NaN when not known */
    const float *x, *x_adv; /* (channels, height, width) each */
};
struct rd_pictures {
    const char *test;              /* id */
    int width, height, channels;   /* channels 1 or 3 */
    const char *changed;           /* "Adversarial" or "Triggered" */
    float low, high;               /* the box of the inputs: black and white */
    const char *const *class_name; /* (classes), NULL: the classes are plain numbers */
    size_t classes;
    const struct rd_picture *item;
    size_t n;
};

struct rd_report {
    const struct rd_campaign *campaign; /* with its system and threats */
    const struct rd_rules *rules;       /* NULL: stages know no controls and no losses */
    const struct rd_risk_result
        *risk; /* with its roadmap, where one was asked for; NULL: no money */
    const struct rd_pictures *pictures;
    size_t n_pictures;
    uint64_t seed;
    const char *dot; /* program for the layout; NULL: "dot", "": our own */
};

/* Pictures of every evasion and backdoor test on images: at most this many each. */
enum { RD_PICTURES_PER_TEST = 6 };

/*
 * Read adv-<key>.npy and trigger-<key>.npz from folder (where rd_campaign_run kept them), the
 * evaluation set beside it, and ask the model about both; victims of a backdoor are not kept, so
 * nobody is asked about those. A test without pictures (no image, file gone) is left out.
 * Everything is in the arena.
 */
rd_status rd_report_pictures(struct rd_run *run, const struct rd_campaign *campaign,
    const char *folder, struct rd_arena *arena, const struct rd_pictures **pictures_out,
    size_t *n_out);

/* Artifact index of the recipe that victims of this test are trained from; RD_NONE: it trains none.
 */
int rd_report_recipe(const struct rd_bound_test *test);

/* The verdict. The first sentence: what share was tried, what was demonstrated, which guess
 * dominates. */
rd_status rd_report_verdict(struct rd_run *run, const struct rd_report *report,
    struct rd_arena *arena, const char *const **sentences_out, size_t *n_out);
/* What a control did to a test, candidly: "'r' (rounding) did nothing here: ...". NULL: memory. */
const char *rd_report_control_sentence(const struct rd_report *report,
    const struct rd_tested *tested, const struct rd_retest *retest, struct rd_arena *arena);

/* One object: `.result` of `assess --json`. */
rd_status rd_report_result(
    struct rd_run *run, const struct rd_report *report, struct rd_json *json);

/* Canonical JSON of the parts that others write; NULL or "": {} or []. */
struct rd_report_parts {
    const char *tool, *result, *run, *warnings;
};
/* report.json: the envelope that --json prints, plus "draw". */
rd_status rd_report_json(struct rd_run *run, const struct rd_report *report,
    const struct rd_report_parts *parts, struct rd_buf *out);
/* report.md: complete for people without a browser. */
rd_status rd_report_markdown(
    struct rd_run *run, const struct rd_report *report, struct rd_buf *out);

/* Is the page part of this program? */
bool rd_report_html_available(void);
/* Why it is not, in one line; NULL when it is. */
const char *rd_report_html_reason(void);
/* report.html: the page with report.json in it. RD_E_NOTFOUND when there is no page. */
rd_status rd_report_html(
    const char *report_json, size_t size, struct rd_buf *out, struct rd_error *err);
/* The same with a page of the caller's choice, which holds the marker @@REDOUBT_DATA@@ once. */
rd_status rd_report_html_into(const char *page, size_t page_size, const char *report_json,
    size_t size, struct rd_buf *out, struct rd_error *err);

#endif
