/* markdown.h - shared by markdown.c and markdown_money.c: one document under way. */
#ifndef RD_REPORT_MARKDOWN_H
#define RD_REPORT_MARKDOWN_H

#include "report/report.h"

struct rd_md {
    struct rd_buf *out;
    const struct rd_report *report;
    struct rd_arena *arena; /* gone when the document is done */
    const char *currency;   /* safe already */
};

void rd_md_put(struct rd_md *m, const char *text); /* ours; NULL: nothing */
/* From outside: no name becomes a link, a cell or a tag. NULL: nothing. */
void rd_md_text(struct rd_md *m, const char *outside);
/* A heading of the second level, with the illustrative mark under it where it applies. */
void rd_md_section(struct rd_md *m, const char *name);

/* Is there a loss at all, or only scenarios that nobody could put money on? */
static inline bool rd_risk_has_money(const struct rd_risk_result *r)
{
    for (size_t i = 0; i < r->n_scenarios; i++)
        if (!r->scenarios[i].unquantified)
            return true;
    return false;
}

void rd_md_loss(struct rd_md *m);
void rd_md_roadmap(struct rd_md *m);

#endif
