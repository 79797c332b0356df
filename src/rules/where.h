/*
 * where.h - a system seen from one of its elements or flows: who is beside it, what leads to it,
 * what guards it.
 *
 * Answers are three-valued. Searches over the whole system are done once for each question and
 * kept, so that a rule over n elements costs O(n), whatever the shape of the system. "Who" is the
 * name of an element type, or one of the trust words untrusted, partner, trusted (of the boundary,
 * its own or that of the one it is inside of; where none is said: trusted).
 */
#ifndef RD_RULES_WHERE_H
#define RD_RULES_WHERE_H

#include "base/buf.h"
#include "system/system.h"

enum { RD_GUARDS_MAX = 6 };

struct rd_where {
    const struct rd_system *system;
    struct rd_arena *arena;
    /* flows into and out of element e: in[in_first[e]] ... in[in_first[e + 1] - 1] */
    int *in_first, *in, *out_first, *out;
    /* controls at element e, and at flow f, likewise */
    int *control_first, *control, *flow_control_first, *flow_control;
    int *artifact_first, *artifact;
    unsigned char *trust;  /* of each element: enum rd_trust */
    struct rd_reach *kept; /* answers so far */
    struct rd_first *first;
    int *cut; /* (2 n) of rd_where_cuts: two neighbors that only this element joins; NULL: not asked
                 yet */
    bool failed; /* memory ran out: the answers since then mean nothing */
};
enum rd_trust { RD_TRUST_TRUSTED, RD_TRUST_PARTNER, RD_TRUST_UNTRUSTED };

/* In the arena; system and arena must outlive it. */
rd_status rd_where_build(const struct rd_system *system, struct rd_arena *arena,
    struct rd_where **where_out, struct rd_error *err);

/* Beside types and trust words: RD_WHO_DATA_CLASS "personal" is whatever states that class
 * ("unknown": none). */
#define RD_WHO_DATA_CLASS "data_class="
bool rd_where_is(const struct rd_where *w, int element, const char *who);

/* The active control of that kind with coverage 1 at the element or flow (the other RD_NONE), or
 * RD_NONE. */
int rd_where_active_control(const struct rd_where *w, int element, int flow, const char *kind);

/*
 * What one search over the flows found: from every element that is `who`, along the flows (or
 * against them), never through what a guard word holds back. A guard word is an element type, a
 * control kind (active there) or a yes/no property (yes there).
 */
struct rd_reach_question {
    const char *who;
    bool backward;      /* from here to who, instead of from who to here */
    bool only_gateways; /* nothing but gateways in between */
    bool ignore_controls;
    bool unknown_guards; /* a guard property that nobody filled in holds back too */
    const char *guard[RD_GUARDS_MAX];
    size_t n_guards;
};
struct rd_reach {
    struct rd_reach_question question;
    int *via;    /* for each element: the flow it was reached by, RD_NONE when it was not */
    int *origin; /* of each reached element: the start its path leaves from */
    int *length; /* of each reached element: flows on that path */
    unsigned char *start; /* is it one of `who` */
    int blocked_by;       /* first control that held a path back, RD_NONE */
    struct rd_reach *next;
};
/* NULL: memory (w->failed is set). Strings of the question must live as long as w. */
const struct rd_reach *rd_where_reach(struct rd_where *w, const struct rd_reach_question *q);
/*
 * The path found to `element`, which was reached (or is a start: then it is all of the path), as
 * text in the direction of the flows: "crowd -> upload-api -> training-data". Of long ones the
 * middle is left out.
 */
void rd_where_path(
    const struct rd_where *w, const struct rd_reach *r, int element, struct rd_buf *out);
/* Calls fn for each element on it, from here on; at most RD_WALK_MAX of them. */
enum { RD_WALK_MAX = 4096 };
void rd_where_walk(const struct rd_where *w, const struct rd_reach *r, int element,
    void (*fn)(void *user, int element), void *user);

/*
 * Is the element an articulation point of the flows, their direction left aside, among all that is
 * not a person or firm outside? Then *a_out and *b_out are two of its neighbors that no other way
 * joins.
 */
bool rd_where_cuts(struct rd_where *w, int element, int *a_out, int *b_out);

/*
 * The first element that is a; the first flow from an a to a b; the first element that is b and on
 * a path from an a. RD_NONE when there is none.
 */
enum rd_first_kind { RD_FIRST_ELEMENT, RD_FIRST_FLOW, RD_FIRST_PATH_END };
struct rd_first {
    enum rd_first_kind kind;
    const char *a, *b;
    int found;
    struct rd_first *next;
};
int rd_where_first(struct rd_where *w, enum rd_first_kind kind, const char *a, const char *b);

#endif
