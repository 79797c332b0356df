/*
 * json_write.h - canonical JSON out: members sorted by name (bytewise), no spaces, doubles in
 * shortest round-trip form, no NaN or infinity (null). The same values give the same bytes in any
 * call order.
 */
#ifndef RD_BASE_JSON_WRITE_H
#define RD_BASE_JSON_WRITE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { RD_JSON_DEPTH = 32 };

/* Zero it, set out. Misuse (a value without a key, depth) and lack of memory make out->failed true.
 */
struct rd_json {
    struct rd_buf *out;
    int depth;
    struct rd_json_level {
        bool is_object, has_key;
        size_t start;              /* offset just behind the bracket   */
        size_t n;                  /* members or items so far          */
        struct rd_json_span *span; /* where each member begins and ends */
        size_t span_cap;
    } level[RD_JSON_DEPTH];
};

void rd_json_object(struct rd_json *j); /* { */
void rd_json_array(struct rd_json *j);  /* [ */
void rd_json_end(struct rd_json *j);    /* closes the innermost */
void rd_json_key(struct rd_json *j, const char *name);

void rd_json_null(struct rd_json *j);
void rd_json_bool(struct rd_json *j, bool v);
void rd_json_int(struct rd_json *j, int64_t v);
void rd_json_real(struct rd_json *j, double v);      /* NaN, infinity: null */
void rd_json_text(struct rd_json *j, const char *v); /* NULL: null; bad UTF-8 bytes become U+FFFD */
void rd_json_u64(struct rd_json *j, uint64_t v);     /* as a string: ids, seeds */
void rd_json_raw(struct rd_json *j, const char *json, size_t len); /* already canonical JSON */

/* key + value in one line */
void rd_json_kbool(struct rd_json *j, const char *k, bool v);
void rd_json_kint(struct rd_json *j, const char *k, int64_t v);
void rd_json_kreal(struct rd_json *j, const char *k, double v);
void rd_json_ktext(struct rd_json *j, const char *k, const char *v);
void rd_json_ku64(struct rd_json *j, const char *k, uint64_t v);
void rd_json_kraw(struct rd_json *j, const char *k, const char *json, size_t len);
void rd_json_kobject(struct rd_json *j, const char *k);
void rd_json_karray(struct rd_json *j, const char *k);

/* Free what an unfinished writer holds (safe after a finished one too). */
void rd_json_release(struct rd_json *j);

#endif
