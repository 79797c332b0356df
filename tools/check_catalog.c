/*
 * check_catalog - load the built-in catalog and run every rule's own tests; the build runs it.
 *
 * Exit 0 and silence when all is well, else 1 and what is wrong.
 */
#include "rules/threat.h"

#include <stdio.h>

static int complain(const struct rd_error *err)
{
    for (int i = err->frames - 1; i >= 0; i--)
        (void)fprintf(stderr, "%s%s\n",
            i == err->frames - 1 ? "check_catalog: " : "  because: ", err->frame[i].text);
    if (err->hint[0])
        (void)fprintf(stderr, "  hint: %s\n", err->hint);
    return 1;
}

int main(void)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    struct rd_rules rules;
    int code = 0;

    if (rd_rules_load(&arena, &rules, &err)) {
        code = complain(&err);
    } else {
        for (size_t i = 0; i < rules.n; i++) {
            err = (struct rd_error){ 0 };
            if (rd_rule_self_test(&rules, rules.item[i], &err))
                code = complain(&err);
        }
    }
    rd_arena_release(&arena);
    return code;
}
