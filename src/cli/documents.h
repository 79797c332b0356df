/* documents.h - the documents that an assessment ends in, in memory: who writes them decides where.
 */
#ifndef RD_CLI_DOCUMENTS_H
#define RD_CLI_DOCUMENTS_H

#include "cli/assessment.h"

#include "base/buf.h"

struct rd_documents {
    struct rd_buf json, markdown;
    struct rd_buf html; /* empty where the page is no part of this program */
};

/*
 * result: `.result` as canonical JSON. seconds: since the beginning; the start stands in
 * report.json and, with the other members of `run`, in cli->info. Release out in any case.
 */
rd_status rd_cli_documents(struct rd_cli *cli, const struct rd_assessment *assessment,
    const struct rd_buf *result, double seconds, struct rd_documents *out);
void rd_documents_release(struct rd_documents *documents);

#endif
