/* Forests: against a walk that follows the document word by word, and specs that lie. */
#include "support.h"

#include "base/rng.h"
#include "graph/trees.h"
#include "tensor/kernel.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum {
    NODES = 600,
    TREES = 24,
    FEATURES = 5,
    TARGETS = 3,
    ROWS = 600,
    MEMBERS = 4,
    ROOM = 1 << 16
};

static float room[ROOM] __attribute__((aligned(64))); /* rd_trees_room of the forests here */

struct forest {
    struct rd_trees_spec spec;
    int64_t feature[NODES], yes[NODES], no[NODES], target[2 * NODES], root[TREES];
    uint8_t mode[NODES];
    double threshold[NODES], weight[2 * NODES], member[MEMBERS * NODES];
    bool missing[NODES], finite; /* finite: of all thresholds */
    bool real;                   /* thresholds that hardly occur twice */
    bool single;                 /* one target, in which each leaf has a say */
    uint64_t features;           /* that are read */
    size_t member_first[NODES + 1], leaf_first[NODES + TREES + 1];
};

/* A number from a small set, so that equality happens; some are no float32, some extreme. */
static double grid(struct rd_rng *rng)
{
    static const double odd[] = { 0.1, -0.1, 1e-50, -1e300, 1e300, HUGE_VAL, -HUGE_VAL, -0.0,
        (double)NAN, 1 + 1e-12, (double)FLT_MAX };
    const uint64_t k = rd_rng_below(rng, 24);

    return k < sizeof odd / sizeof *odd ? odd[k] : (double)rd_rng_below(rng, 9) / 4 - 1;
}

static int64_t leaf_new(struct forest *f, struct rd_rng *rng)
{
    struct rd_trees_spec *s = &f->spec;
    const size_t n = f->single ? 1 : rd_rng_below(rng, 3); /* targets it has a say in */
    size_t at = f->leaf_first[s->n_leaves];

    for (size_t i = 0; i < n; i++, at++) {
        f->target[at] = (int64_t)rd_rng_below(rng, f->single ? 1 : TARGETS);
        f->weight[at] = rd_rng_unit(rng) * 4 - 2;
    }
    f->leaf_first[++s->n_leaves] = at;
    return RD_TREE_LEAF(s->n_leaves - 1);
}

/* Nodes still without children; each gets two, nodes while there is room in the tree. */
static int64_t tree_new(struct forest *f, struct rd_rng *rng, size_t size, int modes)
{
    struct rd_trees_spec *s = &f->spec;
    const size_t first = s->n_nodes;

    if (!size)
        return leaf_new(f, rng);
    s->n_nodes++;
    for (size_t i = first; i < s->n_nodes; i++) {
        int64_t *const to[2] = { &f->yes[i], &f->no[i] };

        f->feature[i] = (int64_t)rd_rng_below(rng, f->features);
        f->mode[i] = (uint8_t)rd_rng_below(rng, (uint64_t)modes);
        do
            f->threshold[i] = f->real ? rd_rng_unit(rng) * 2 - 1 : grid(rng);
        while (f->finite && !isfinite(f->threshold[i]));
        f->missing[i] = rd_rng_below(rng, 2);
        f->member_first[i + 1] = f->member_first[i];
        for (int k = 0; k < MEMBERS && f->mode[i] == RD_TREE_MEMBER; k++)
            f->member[f->member_first[i + 1]++] = grid(rng);
        for (int k = 0; k < 2; k++)
            if (s->n_nodes > i + 1 && !rd_rng_below(rng, 8)) /* shared with a node above */
                *to[k] = (int64_t)(i + 1 + rd_rng_below(rng, s->n_nodes - i - 1));
            else
                *to[k] = s->n_nodes - first < size && (i + 1 == s->n_nodes || rd_rng_below(rng, 3))
                             ? (int64_t)s->n_nodes++
                             : leaf_new(f, rng);
    }
    return (int64_t)first;
}

/*
 * Of seed's kind: in some, no threshold is infinite; in some, one feature is asked for hundreds of
 * thresholds; in some, one tree is larger than the others together.
 */
static void forest_new(struct forest *f, uint64_t seed, int modes)
{
    struct rd_rng rng = rd_rng_stream(seed, "test/trees", 0);
    const bool large = seed % 7 > 4;

    memset(f, 0, sizeof *f);
    f->finite = seed % 4 < 2;
    f->real = seed % 5 > 2;
    f->single = seed % 11 > 7;
    f->features = f->real && seed % 2 ? 1 : FEATURES;
    f->spec = (struct rd_trees_spec){ .feature = f->feature,
        .mode = f->mode,
        .threshold = f->threshold,
        .yes = f->yes,
        .no = f->no,
        .missing_yes = f->missing,
        .member_first = f->member_first,
        .member = f->member,
        .leaf_first = f->leaf_first,
        .target = f->target,
        .weight = f->weight,
        .root = f->root,
        .n_targets = f->single ? 1 : TARGETS,
        .sum = RD_TREE_SUM };
    for (size_t t = 0; t < TREES; t++) {
        const uint64_t size = large && t == 3 ? NODES / 2
                              : large         ? rd_rng_below(&rng, NODES / TREES / 2)
                                              : rd_rng_below(&rng, NODES / TREES);

        f->root[f->spec.n_roots++] = tree_new(f, &rng, size, modes);
    }
}

static bool is_yes(const struct forest *f, size_t i, double x)
{
    const double t = f->threshold[i];

    if (isnan(x) && f->missing[i])
        return true;
    switch ((enum rd_tree_mode)f->mode[i]) {
    case RD_TREE_LEQ:
        return x <= t;
    case RD_TREE_LT:
        return x < t;
    case RD_TREE_GTE:
        return x >= t;
    case RD_TREE_GT:
        return x > t;
    case RD_TREE_EQ:
        return x == t;
    case RD_TREE_NEQ:
        return x != t;
    default:
        for (size_t k = f->member_first[i]; k < f->member_first[i + 1]; k++)
            if (f->member[k] == x)
                return true;
        return false;
    }
}

static void walk(const struct forest *f, const double *x, double score[TARGETS])
{
    bool said[TARGETS] = { false };

    memset(score, 0, TARGETS * sizeof *score);
    for (size_t t = 0; t < TREES; t++) {
        int64_t at = f->root[t];

        while (at >= 0)
            at = is_yes(f, (size_t)at, x[f->feature[at]]) ? f->yes[at] : f->no[at];
        for (size_t k = f->leaf_first[RD_TREE_LEAF(at)]; k < f->leaf_first[RD_TREE_LEAF(at) + 1];
             k++) {
            double *s = &score[f->target[k]];

            if (f->spec.sum == RD_TREE_SUM || f->spec.sum == RD_TREE_AVERAGE)
                *s += f->weight[k];
            else if (!said[f->target[k]])
                *s = f->weight[k];
            else
                *s = f->spec.sum == RD_TREE_MIN ? fmin(*s, f->weight[k]) : fmax(*s, f->weight[k]);
            said[f->target[k]] = true;
        }
    }
    for (int k = 0; k < TARGETS && f->spec.sum == RD_TREE_AVERAGE; k++)
        score[k] /= TREES;
}

/* got (n, targets), want (n, TARGETS) */
static void compare(
    const double *got, const double *want, size_t n, size_t targets, uint64_t seed, const char *how)
{
    for (size_t r = 0; r < n; r++)
        if (memcmp(want + r * TARGETS, got + r * targets, targets * sizeof *want) != 0)
            fail_msg("seed %d, %s, row %zu of %zu", (int)seed, how, r, n);
}

/* Bit for bit: all sum in the order of the trees. For every number of rows up to a block and some.
 */
static void rows_reach_the_leaves_that_the_document_says(void **state)
{
    static struct forest f;
    static double wide[ROWS * FEATURES], score[ROWS * TARGETS];
    static double want[ROWS * TARGETS], want_narrow[ROWS * TARGETS];
    static float narrow[ROWS * FEATURES];

    (void)state;
    for (uint64_t seed = 0; seed < 120; seed++) {
        /* Some forests of the plain tests alone, some with equality, some with sets. */
        const int modes = seed % 3 == 0   ? RD_TREE_EQ
                          : seed % 3 == 1 ? RD_TREE_MEMBER
                                          : RD_TREE_MODES;
        struct rd_arena arena = RD_ARENA_INIT;
        struct rd_rng rng = rd_rng_stream(seed, "test/rows", 0);
        const struct rd_trees *t;
        struct rd_error err = { 0 };

        forest_new(&f, seed, modes);
        f.spec.sum = (enum rd_tree_sum)(seed / 3 % 4);
        if (rd_trees_make(&f.spec, &arena, &t, &err))
            fail_msg("%s", err.frame[0].text);
        assert_true(rd_trees_features(t) <= FEATURES);
        assert_true(rd_trees_room(t) <= sizeof room);
        for (size_t i = 0; i < ROWS * FEATURES; i++) {
            const bool odd = rd_rng_below(&rng, 9) == 0; /* and thresholds themselves */

            wide[i] = f.real && !odd          ? rd_rng_unit(&rng) * 2 - 1
                      : f.spec.n_nodes && odd ? f.threshold[rd_rng_below(&rng, f.spec.n_nodes)]
                                              : grid(&rng);
            if (isnan(wide[i]) && seed / 8 % 2) /* without NaN rows go another way */
                wide[i] = 0.25;
            narrow[i] = (float)wide[i];
        }
        for (size_t r = 0; r < ROWS; r++) {
            double widened[FEATURES];

            for (size_t i = 0; i < FEATURES; i++)
                widened[i] = (double)narrow[r * FEATURES + i];
            walk(&f, wide + r * FEATURES, want + r * TARGETS);
            walk(&f, widened, want_narrow + r * TARGETS);
        }
        for (size_t n = 1; n <= ROWS; n += n < 20 ? 1 : n < 300 ? 29 : 150) {
            rd_trees_run_f64(t, wide, n, FEATURES, score);
            compare(score, want, n, f.spec.n_targets, seed, "f64");
            rd_trees_run_f32(t, NULL, narrow, n, FEATURES, score, room);
            compare(score, want_narrow, n, f.spec.n_targets, seed, "f32");
            for (const struct rd_kernels *const *k = rd_kernels_all(); *k; k++) {
                rd_trees_run_f32(t, *k, narrow, n, FEATURES, score, room);
                compare(score, want_narrow, n, f.spec.n_targets, seed, (*k)->name);
            }
        }
        rd_arena_release(&arena);
    }
}

/* Node 0 tests feature 0 <= 0.5; its children are leaves 0 and 1. */
struct small {
    struct rd_trees_spec spec;
    int64_t feature[3], yes[3], no[3], target[4], root[2];
    uint8_t mode[3];
    double threshold[3], weight[4];
    size_t leaf_first[5];
};

static void small_new(struct small *s)
{
    *s = (struct small){
        .yes = { RD_TREE_LEAF(0), RD_TREE_LEAF(2), RD_TREE_LEAF(2) },
        .no = { RD_TREE_LEAF(1), RD_TREE_LEAF(3), RD_TREE_LEAF(3) },
        .threshold = { 0.5, 0.5, 0.5 },
        .weight = { 1, 2, 3, 4 },
        .leaf_first = { 0, 1, 2, 3, 4 },
    };
    s->spec = (struct rd_trees_spec){ .n_nodes = 1,
        .feature = s->feature,
        .mode = s->mode,
        .threshold = s->threshold,
        .yes = s->yes,
        .no = s->no,
        .n_leaves = 4,
        .leaf_first = s->leaf_first,
        .target = s->target,
        .weight = s->weight,
        .n_roots = 1,
        .root = s->root,
        .n_targets = 1,
        .sum = RD_TREE_SUM };
}

static void refused(struct small *s, rd_status want, const char *says)
{
    struct rd_arena arena = RD_ARENA_INIT;
    struct rd_error err = { 0 };
    const struct rd_trees *t;
    const rd_status st = rd_trees_make(&s->spec, &arena, &t, &err);

    if (st != want || (st && !strstr(err.frame[0].text, says)))
        fail_msg("%d instead of '%s': %s", (int)st, says, st ? err.frame[0].text : "");
    rd_arena_release(&arena);
}

static void forests_that_are_none_are_refused(void **state)
{
    struct small s;

    (void)state;
    small_new(&s);
    refused(&s, RD_OK, "");
    s.no[0] = 0; /* itself */
    refused(&s, RD_E_INPUT, "node 0 leads to itself");
    small_new(&s);
    s.spec.n_nodes = 3;
    s.yes[0] = 1;
    s.yes[1] = 2;
    s.no[2] = 0; /* round */
    refused(&s, RD_E_INPUT, "leads to itself");
    s.no[2] = 1;
    refused(&s, RD_E_INPUT, "node 1 leads to itself");
    s.no[2] = RD_TREE_LEAF(0);
    s.no[0] = 2; /* shared */
    refused(&s, RD_OK, "");
    small_new(&s);
    s.spec.n_nodes = 2;
    refused(&s, RD_E_INPUT, "node 1 is reached from no root");
    s.yes[1] = 1; /* a cycle on its own */
    refused(&s, RD_E_INPUT, "node 1 is reached from no root");
    small_new(&s);
    s.yes[0] = 1;
    refused(&s, RD_E_INPUT, "node 0 leads to node 1, which does not exist");
    s.yes[0] = RD_TREE_LEAF(4);
    refused(&s, RD_E_INPUT, "node 0 leads to leaf 4, which does not exist");
    s.yes[0] = INT64_MIN;
    refused(&s, RD_E_INPUT, "which does not exist");
    small_new(&s);
    s.root[0] = 7;
    refused(&s, RD_E_INPUT, "root 0 leads to node 7");
    small_new(&s);
    s.feature[0] = -1;
    refused(&s, RD_E_INPUT, "reads feature -1");
    s.feature[0] = INT64_MAX;
    refused(&s, RD_E_LIMIT, "are supported");
    small_new(&s);
    s.mode[0] = RD_TREE_MODES;
    refused(&s, RD_E_INPUT, "mode 7, which does not exist");
    s.mode[0] = RD_TREE_MEMBER;
    refused(&s, RD_E_INPUT, "no members are given");
    small_new(&s);
    s.target[1] = 1;
    refused(&s, RD_E_INPUT, "leaf 1 has target 1, not in 0..0");
    small_new(&s);
    s.spec.n_roots = 2; /* the same tree twice */
    refused(&s, RD_OK, "");
}

/* As deep as it has nodes: no stack is used up, and the walk ends. */
static void a_chain_is_a_tree(void **state)
{
    enum { DEEP = 200000 };
    struct rd_arena arena = RD_ARENA_INIT;
    int64_t *feature = RD_NEW_ARRAY(&arena, int64_t, DEEP),
            *yes = RD_NEW_ARRAY(&arena, int64_t, DEEP);
    int64_t *no = RD_NEW_ARRAY(&arena, int64_t, DEEP), root = 0, target[2] = { 0, 0 };
    uint8_t *mode = RD_NEW_ARRAY(&arena, uint8_t, DEEP);
    double *threshold = RD_NEW_ARRAY(&arena, double, DEEP);
    const double weight[2] = { 1, 2 };
    const size_t leaf_first[3] = { 0, 1, 2 };
    const float x = 0;
    double score;
    const struct rd_trees *t;
    struct rd_trees_spec spec = { .n_nodes = DEEP,
        .feature = feature,
        .mode = mode,
        .threshold = threshold,
        .yes = yes,
        .no = no,
        .n_leaves = 2,
        .leaf_first = leaf_first,
        .target = target,
        .weight = weight,
        .n_roots = 1,
        .root = &root,
        .n_targets = 1,
        .sum = RD_TREE_SUM };

    (void)state;
    for (int64_t i = 0; i < DEEP; i++) {
        yes[i] = i + 1 < DEEP ? i + 1 : RD_TREE_LEAF(1);
        no[i] = RD_TREE_LEAF(0);
    }
    assert_int_equal(rd_trees_make(&spec, &arena, &t, NULL), RD_OK);
    rd_trees_run_f32(t, NULL, &x, 1, 1, &score, room);
    assert_true(score == 2);
    assert_true(rd_trees_work(t) > DEEP);
    rd_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_reach_the_leaves_that_the_document_says),
        cmocka_unit_test(forests_that_are_none_are_refused),
        cmocka_unit_test(a_chain_is_a_tree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
