/* words.h - numbers as a person reads them: three significant digits, since none is better known
 * than that. */
#ifndef RD_REPORT_WORDS_H
#define RD_REPORT_WORDS_H

#include "base/arena.h"

/* "1,230", "0.0456", "not known" for NaN. NULL: memory. */
const char *rd_words_number(double v, struct rd_arena *arena);
/* "12,300 USD" */
const char *rd_words_money(double v, const char *currency, struct rd_arena *arena);
/* "12,300 to 45,600 USD" */
const char *rd_words_money_range(
    double low, double high, const char *currency, struct rd_arena *arena);
/* 0.123 -> "12 %"; keeps the digits that matter near 0 and 1: "99.7 %", "below 0.01 %". */
const char *rd_words_percent(double share, struct rd_arena *arena);
/* "3 threats", "1 threat" */
const char *rd_words_count(size_t n, const char *one, const char *many, struct rd_arena *arena);

#endif
