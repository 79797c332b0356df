/*
 * glossary.h - the words a reader may not know, said once: the page shows them on hover and focus,
 * report.md at its end.
 */
#ifndef RD_REPORT_GLOSSARY_H
#define RD_REPORT_GLOSSARY_H

#include "base/json_write.h"

struct rd_term {
    const char *term;  /* as the report writes it */
    const char *words; /* one or two plain sentences */
};
extern const struct rd_term rd_glossary[]; /* by letter; the last has term NULL */

/* [{term, words}], the value of "glossary". */
void rd_glossary_write(struct rd_json *json);

#endif
