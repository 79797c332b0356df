/*
 * uncertain - a plain number, or {low, high, provenance, by, date, source}.
 *
 * low and high are the 5 % and 95 % quantiles of a lognormal, or of a logit-normal for
 * probabilities; so a range must lie strictly inside the values that such a distribution takes. low
 * == high is a plain number.
 */
#include "base/text.h"
#include "system/read.h"

#include <math.h>
#include <string.h>

static void check_range(
    struct rd_reader *r, struct rd_at v, const struct rd_field *f, const struct rd_uncertain *u)
{
    char low[32], high[32];
    const struct rd_place at = rd_place_of(v.doc);

    if (u->low > u->high) {
        rd_problem_add(r, at, v.crumb, v.key, "expected low to be at most high, found %s and %s",
            rd_text_from_double(u->low, low), rd_text_from_double(u->high, high));
    } else if (u->low < u->high && u->low <= 0) {
        rd_problem_add(r, at, v.crumb, v.key,
            "expected low above 0: it is the 5 %% quantile of a %s distribution",
            f->kind == RD_F_CHANCE ? "logit-normal" : "lognormal");
    } else if (f->kind == RD_F_CHANCE && u->low < u->high && u->high >= 1) {
        rd_problem_add(r, at, v.crumb, v.key,
            "expected high below 1: it is the 95 %% quantile of a logit-normal distribution");
    }
}

void rd_read_uncertain(
    struct rd_reader *r, struct rd_at v, const struct rd_field *f, struct rd_uncertain *out)
{
    const struct rd_crumb crumb = { .up = v.crumb, .key = v.key };
    const size_t before = r->n_problems + r->more_problems;

    out->at = rd_place_of(v.doc);
    if (v.doc->kind == RD_DOC_SCALAR && strcmp(v.doc->text, "unknown") == 0)
        return; /* said, and not known: as if left out */
    out->given = true;
    if (v.doc->kind != RD_DOC_MAP) {
        if (v.doc->kind == RD_DOC_LIST) {
            char found[RD_FOUND];

            rd_problem_add(r, out->at, v.crumb, v.key,
                "expected a number or {low: .., high: .., provenance: ..}, found %s",
                rd_found(v.doc, found));
        } else if (rd_read_real(r, v, f, &out->low)) {
            out->high = out->low;
        }
        return;
    }
    /* The bounds of the field hold for both ends. */
    rd_read_section(r, &rd_section_uncertain, v.doc, &crumb, out);
    out->at = rd_place_of(v.doc);
    if (r->n_problems + r->more_problems != before)
        return;
    for (int i = 0; i < 2; i++) {
        const char *key = i ? "high" : "low";
        const struct rd_at end = { rd_doc_get(v.doc, key), &crumb, key };
        double x;

        if (!rd_read_real(r, end, f, &x))
            return;
    }
    check_range(r, v, f, out);
    if (out->provenance == RD_PROV_EXPERT && !out->by)
        rd_problem_add(
            r, out->at, &crumb, NULL, "provenance expert needs 'by' (name or role of who said so)");
    if (out->provenance == RD_PROV_EXPERT && !out->date)
        rd_problem_add(
            r, out->at, &crumb, NULL, "provenance expert needs 'date' (when it was said)");
}
