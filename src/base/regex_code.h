/* regex_code.h - the program a pattern compiles to, private to regex.c and regex_make.c. */
#ifndef RD_BASE_REGEX_CODE_H
#define RD_BASE_REGEX_CODE_H

#include "base/regex.h"

#include <stdint.h>

enum regex_assert {
    ASSERT_BEGIN,
    ASSERT_END,
    ASSERT_LINE_BEGIN,
    ASSERT_LINE_END,
    ASSERT_WORD,
    ASSERT_NO_WORD
};

struct regex_range {
    uint32_t low, high; /* code points, inclusive */
};

struct regex_code {
    enum { CODE_CLASS, CODE_SPLIT, CODE_ASSERT, CODE_MATCH } kind;
    uint32_t next;
    uint32_t other;        /* SPLIT: the other way; ASSERT: which */
    uint32_t first, count; /* CLASS: of range */
};

struct rd_regex {
    struct regex_code *code;
    size_t n;
    struct regex_range *range;
    size_t n_ranges;
};

#endif
