/* sarif_rules.h - shared by sarif.c and sarif_rules.c: rules as reportingDescriptors, the lists
 * that they refer to as taxonomies. */
#ifndef RD_REPORT_SARIF_RULES_H
#define RD_REPORT_SARIF_RULES_H

#include "base/json_write.h"
#include "rules/threat.h"

struct rd_sarif_taxon {
    const char *list, *edition, *id, *title;
};
struct rd_sarif_rules {
    const struct rd_rule **rule; /* those with a threat, by id */
    enum rd_severity *severity;  /* the highest among each one's threats */
    size_t n;
    struct rd_sarif_taxon *taxon; /* by list, edition, id; no two alike */
    size_t n_taxa;
};

/* false: memory. */
bool rd_sarif_collect(
    const struct rd_threats *threats, struct rd_arena *arena, struct rd_sarif_rules *out);
size_t rd_sarif_rule_index(const struct rd_sarif_rules *rules, const struct rd_rule *rule);
void rd_sarif_put_rules(struct rd_json *j, const struct rd_sarif_rules *rules); /* of the driver */
void rd_sarif_put_taxonomies(
    struct rd_json *j, const struct rd_sarif_rules *rules); /* of the run */
/* "9.5", "8.0", "5.5", "2.0": the middle of what GitHub calls critical, high, medium, low. */
const char *rd_sarif_security_severity(enum rd_severity s);
/* A member whose text is made safe to show. */
void rd_sarif_ktext(struct rd_json *j, const char *key, const char *text);

#endif
