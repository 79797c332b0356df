/* trees.c - see trees.h: a forest checked and laid out. */
#include "graph/trees.h"

#include "graph/trees_impl.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const size_t MOST = (size_t)1 << 30; /* of places and features: they are packed in 32 bits */

/* --- thresholds --- */

/* The largest float32 that is at most t (below t when strict): x <= t and x <= that agree for every
 * float32 x. */
static float below32(double t, bool strict)
{
    float f;

    if (t > (double)FLT_MAX)
        return isinf(t) && !strict ? (float)t : FLT_MAX;
    if (t < -(double)FLT_MAX)
        return -(float)HUGE_VAL;
    f = (float)t;
    if ((double)f > t || (strict && (double)f >= t))
        f = nextafterf(f, -(float)HUGE_VAL);
    return f;
}

/* How a test is made one of the two shapes: which child goes left, the thresholds, the flags. */
struct shape {
    bool yes_left;
    unsigned flags;
    float t32;
    double t64;
};

static struct shape shape_of(enum rd_tree_mode mode, double t, bool missing_yes)
{
    const bool strict = mode == RD_TREE_LT || mode == RD_TREE_GTE;
    struct shape s = { .yes_left =
                           mode == RD_TREE_LEQ || mode == RD_TREE_LT || mode == RD_TREE_EQ };

    if (mode == RD_TREE_EQ || mode == RD_TREE_NEQ) {
        s.flags = TREES_EQUAL; /* NaN is not equal to anything, so "not equal" is yes to it */
        s.t64 = t;
        s.t32 = fabs(t) <= (double)FLT_MAX && (double)(float)t != t ? (float)NAN : (float)t;
        if (fabs(t) > (double)FLT_MAX && isfinite(t))
            s.t32 = (float)NAN; /* equal to no float32, infinity least of all */
    } else if (isnan(t) || (strict && t < -DBL_MAX)) {
        /* Nothing is below that: all rows go left. "At least minus infinity" alone is yes. */
        s.yes_left = mode == RD_TREE_GTE && !isnan(t);
        s.t32 = (float)HUGE_VAL;
        s.t64 = HUGE_VAL;
    } else {
        s.t32 = below32(t, strict);
        s.t64 = strict ? nextafter(t, -HUGE_VAL) : t;
    }
    if (s.yes_left ? !missing_yes : missing_yes || mode == RD_TREE_NEQ)
        s.flags |= TREES_NAN_RIGHT;
    return s;
}

/* --- checks --- */

struct making {
    const struct rd_trees_spec *spec;
    struct rd_trees *t;
    bool *seen;      /* per node */
    uint32_t *first; /* per node seen: its first place */
    int64_t *ref;    /* per place: what stands there */
    size_t used;     /* places */
    struct trees_set *set;
    size_t n_sets;
    struct rd_error *err;
};

static rd_status check_node(const struct making *m, size_t i)
{
    const struct rd_trees_spec *s = m->spec;

    if (s->mode[i] >= RD_TREE_MODES)
        return RD_FAIL(
            m->err, RD_E_INPUT, "node %zu has mode %u, which does not exist", i, s->mode[i]);
    if (s->feature[i] < 0)
        return RD_FAIL(
            m->err, RD_E_INPUT, "node %zu reads feature %lld", i, (long long)s->feature[i]);
    if ((uint64_t)s->feature[i] >= MOST >> 1)
        return RD_FAIL(m->err, RD_E_LIMIT, "node %zu reads feature %lld; at most %zu are supported",
            i, (long long)s->feature[i], MOST >> 1);
    if (s->mode[i] == RD_TREE_MEMBER && !s->member_first)
        return RD_FAIL(m->err, RD_E_INPUT, "node %zu tests membership but no members are given", i);
    return RD_OK;
}

static rd_status check_ref(const struct making *m, int64_t ref, const char *whose, size_t i)
{
    const struct rd_trees_spec *s = m->spec;

    if (ref >= 0 ? (uint64_t)ref >= s->n_nodes : (uint64_t)RD_TREE_LEAF(ref) >= s->n_leaves)
        return RD_FAIL(m->err, RD_E_INPUT, "%s %zu leads to %s %lld, which does not exist", whose,
            i, ref >= 0 ? "node" : "leaf", (long long)(ref >= 0 ? ref : RD_TREE_LEAF(ref)));
    return RD_OK;
}

/* --- layout --- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static rd_status lay_members(struct making *m, size_t node, size_t place, struct rd_arena *arena)
{
    const size_t first = m->spec->member_first[node], n = m->spec->member_first[node + 1] - first;
    struct trees_set *set = &m->set[m->n_sets];
    double *value = RD_NEW_ARRAY(arena, double, n);
    size_t used = 0;

    if (!value)
        return RD_FAIL(m->err, RD_E_MEMORY, "no memory for the members of node %zu", node);
    for (size_t i = 0; i < n; i++)
        if (!isnan(m->spec->member[first + i])) /* equal to nothing */
            value[used++] = m->spec->member[first + i];
    qsort(value, used, sizeof(*value), ascending);
    *set = (struct trees_set){ .value = value, .n = used };
    m->t->threshold64[place] = (double)m->n_sets++;
    m->t->threshold32[place] = 0;
    m->t->members = true;
    return RD_OK;
}

/* Lays out what stands at a place; its children get the next two free places. */
static rd_status lay(struct making *m, size_t place, struct rd_arena *arena)
{
    const struct rd_trees_spec *s = m->spec;
    const int64_t ref = m->ref[place];
    const size_t i = (size_t)ref;
    struct rd_trees *t = m->t;
    struct shape shape;
    bool missing;
    rd_status st;

    if (ref < 0) {
        t->threshold32[place] = (float)HUGE_VAL;
        t->threshold64[place] = HUGE_VAL;
        t->left[place] = (uint32_t)place;
        t->leaf[place] = (uint32_t)RD_TREE_LEAF(ref);
        return RD_OK;
    }
    if (m->seen[i]) { /* shared: exporters of set tests write such; its children are there already
                       */
        const uint32_t p = m->first[i];

        t->threshold32[place] = t->threshold32[p];
        t->threshold64[place] = t->threshold64[p];
        t->what[place] = t->what[p];
        t->left[place] = t->left[p];
        return RD_OK;
    }
    m->seen[i] = true;
    m->first[i] = (uint32_t)place;
    st = check_node(m, i);
    if (!st)
        st = check_ref(m, s->yes[i], "node", i);
    if (!st)
        st = check_ref(m, s->no[i], "node", i);
    if (st)
        return st;
    missing = s->missing_yes && s->missing_yes[i];
    if (s->mode[i] == RD_TREE_MEMBER) {
        shape = (struct shape){ .yes_left = true,
            .flags = TREES_MEMBER | (missing ? 0u : (unsigned)TREES_NAN_RIGHT) };
        st = lay_members(m, i, place, arena);
        if (st)
            return st;
    } else {
        shape = shape_of((enum rd_tree_mode)s->mode[i], s->threshold[i], missing);
        t->threshold32[place] = shape.t32;
        t->threshold64[place] = shape.t64;
        t->equals = t->equals || shape.flags & TREES_EQUAL;
    }
    t->what[place] = (uint32_t)s->feature[i] << TREES_FLAGS | shape.flags;
    if (shape.flags & TREES_NAN_RIGHT) {
        t->nan_right = true;
        t->nan_odd = t->nan_odd || shape.t32 > FLT_MAX;
    } else {
        t->nan_left = true;
    }
    if ((size_t)s->feature[i] >= t->n_features)
        t->n_features = (size_t)s->feature[i] + 1;
    t->left[place] = (uint32_t)m->used;
    m->ref[m->used++] = shape.yes_left ? s->yes[i] : s->no[i];
    m->ref[m->used++] = shape.yes_left ? s->no[i] : s->yes[i];
    return RD_OK;
}

/* One tree, level by level: places of a level follow those of the level above. */
static rd_status lay_tree(struct making *m, size_t tree, struct rd_arena *arena)
{
    size_t at = m->used;
    rd_status st = check_ref(m, m->spec->root[tree], "root", tree);

    if (st)
        return st;
    m->t->root[tree] = (uint32_t)at;
    m->ref[m->used++] = m->spec->root[tree];
    for (; at < m->used && !st; at++)
        st = lay(m, at, arena);
    return st;
}

/*
 * How far down it goes from each root: nodes in an order in which parents come first (Kahn 1962),
 * then their heights from the end. What stays waiting goes round in a circle.
 */
static rd_status measure(struct making *m, struct rd_arena *own)
{
    const struct rd_trees_spec *s = m->spec;
    const int64_t *const child[2] = { s->yes, s->no };
    uint32_t *waits = RD_NEW_ARRAY(own, uint32_t, s->n_nodes);
    uint32_t *order = RD_NEW_ARRAY(own, uint32_t, s->n_nodes);
    uint32_t *height = RD_NEW_ARRAY(own, uint32_t, s->n_nodes);
    size_t n = 0;

    if (!waits || !order || !height)
        return RD_FAIL(m->err, RD_E_MEMORY, "no memory for %zu nodes", s->n_nodes);
    for (size_t i = 0; i < 2 * s->n_nodes; i++)
        if (child[i & 1][i / 2] >= 0)
            waits[child[i & 1][i / 2]]++;
    for (size_t i = 0; i < s->n_nodes; i++)
        if (!waits[i])
            order[n++] = (uint32_t)i;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 2; k++) {
            const int64_t c = child[k][order[i]];

            if (c >= 0 && !--waits[c])
                order[n++] = (uint32_t)c;
        }
    for (size_t i = 0; i < s->n_nodes && n < s->n_nodes; i++)
        if (waits[i])
            return RD_FAIL(m->err, RD_E_INPUT, "node %zu leads to itself: the tree has a cycle", i);
    while (n-- > 0) {
        const uint32_t i = order[n];

        for (int k = 0; k < 2; k++) {
            const int64_t c = child[k][i];
            const uint32_t below = c >= 0 ? height[c] : 0;

            height[i] = below + 1 > height[i] ? below + 1 : height[i];
        }
    }
    for (size_t i = 0; i < s->n_roots; i++) {
        m->t->depth[i] = s->root[i] >= 0 ? height[s->root[i]] : 0;
        m->t->work += 1 + m->t->depth[i];
    }
    return RD_OK;
}

static rd_status lay_leaves(struct making *m, struct rd_arena *arena)
{
    const struct rd_trees_spec *s = m->spec;
    const size_t n = s->n_leaves ? s->leaf_first[s->n_leaves] : 0;
    uint32_t *first = RD_NEW_ARRAY(arena, uint32_t, s->n_leaves + 1);
    uint32_t *target = RD_NEW_ARRAY(arena, uint32_t, n);
    double *weight = RD_NEW_ARRAY(arena, double, n);

    if (!first || !target || !weight)
        return RD_FAIL(m->err, RD_E_MEMORY, "no memory for %zu leaves", s->n_leaves);
    m->t->single = s->n_targets == 1;
    for (size_t i = 0; i < s->n_leaves; i++) {
        first[i + 1] = (uint32_t)s->leaf_first[i + 1];
        m->t->single = m->t->single && first[i + 1] == first[i] + 1;
        for (size_t k = s->leaf_first[i]; k < s->leaf_first[i + 1]; k++) {
            if (s->target[k] < 0 || (uint64_t)s->target[k] >= s->n_targets)
                return RD_FAIL(m->err, RD_E_INPUT, "leaf %zu has target %lld, not in 0..%zu", i,
                    (long long)s->target[k], s->n_targets - 1);
            target[k] = (uint32_t)s->target[k];
            weight[k] = s->weight[k];
        }
    }
    m->t->first = first;
    m->t->target = target;
    m->t->weight = weight;
    return RD_OK;
}

static bool room(struct making *m, struct rd_arena *arena, size_t places)
{
    struct rd_trees *t = m->t;
    size_t sets = 0;

    for (size_t i = 0; i < m->spec->n_nodes; i++)
        sets += m->spec->mode[i] == RD_TREE_MEMBER;
    t->threshold32 = RD_NEW_ARRAY(arena, float, places);
    t->threshold64 = RD_NEW_ARRAY(arena, double, places);
    t->what = RD_NEW_ARRAY(arena, uint32_t, places);
    t->left = RD_NEW_ARRAY(arena, uint32_t, places);
    t->leaf = RD_NEW_ARRAY(arena, uint32_t, places);
    t->root = RD_NEW_ARRAY(arena, uint32_t, t->n_trees);
    t->depth = RD_NEW_ARRAY(arena, uint32_t, t->n_trees);
    m->set = RD_NEW_ARRAY(arena, struct trees_set, sets);
    t->set = m->set;
    return t->threshold32 && t->threshold64 && t->what && t->left && t->leaf && t->root &&
           t->depth && m->set;
}

/* --- heaps --- */

/* Is the tree worth a heap? Padding to full depth must not make it many times larger. */
static bool fits_heap(const struct rd_trees *t, size_t tree, size_t places)
{
    const size_t most = (size_t)TREES_HEAP_GROWTH * places;

    return t->depth[tree] <= TREES_HEAP_DEPTH &&
           (size_t)2 << t->depth[tree] <= (most > 64 ? most : 64);
}

/* Place `place` of the plain layout becomes node i of the heap, and what is below it. */
static void fill_heap(struct rd_trees *t, size_t tree, uint32_t *place)
{
    const size_t inner = ((size_t)1 << t->depth[tree]) - 1;
    struct trees_heap *const node = t->heap_node + t->heap[tree];

    place[0] = t->root[tree];
    for (size_t i = 0; i < inner; i++) {
        const uint32_t p = place[i];
        const bool leaf = t->left[p] == p; /* passed on to the left, where every row goes */

        node[i] = (struct trees_heap){ t->threshold32[p], t->at[p] };
        place[2 * i + 1] = t->left[p];
        place[2 * i + 2] = t->left[p] + !leaf;
    }
    for (size_t i = 0; i <= inner; i++)
        t->heap_at[t->heap_leaf[tree] + i] = t->leaf[place[inner + i]];
}

/* Of each place; that of a leaf stays 0: nothing is above its threshold. */
static void lay_columns(struct rd_trees *t, size_t places)
{
    const uint32_t copy = (uint32_t)(t->nan_left ? t->n_features * TREES_BLOCK : 0);

    for (size_t p = 0; p < places; p++)
        if (t->left[p] != p)
            t->at[p] = (t->what[p] >> TREES_FLAGS) * TREES_BLOCK +
                       (t->what[p] & TREES_NAN_RIGHT ? copy : 0);
}

static rd_status lay_heaps(struct making *m, struct rd_arena *arena)
{
    struct rd_trees *t = m->t;
    uint32_t place[(2 << TREES_HEAP_DEPTH) + 1];
    size_t nodes = 0, leaves = 0;

    if (t->equals || t->members || t->n_features > TREES_FEATURES) /* no blocks */
        return RD_OK;
    t->heap = RD_NEW_ARRAY(arena, uint32_t, t->n_trees);
    t->heap_leaf = RD_NEW_ARRAY(arena, uint32_t, t->n_trees);
    t->at = RD_NEW_ARRAY(arena, uint32_t, m->used);
    if (!t->heap || !t->heap_leaf || !t->at)
        return RD_FAIL(m->err, RD_E_MEMORY, "no memory for %zu trees", t->n_trees);
    lay_columns(t, m->used);
    for (size_t i = 0; i < t->n_trees; i++) {
        const size_t behind = i + 1 < t->n_trees ? t->root[i + 1] : m->used;

        t->heap[i] = UINT32_MAX;
        if (!fits_heap(t, i, behind - t->root[i]) || leaves + ((size_t)1 << t->depth[i]) > MOST)
            continue;
        t->heap[i] = (uint32_t)nodes;
        t->heap_leaf[i] = (uint32_t)leaves;
        nodes += ((size_t)1 << t->depth[i]) - 1;
        leaves += (size_t)1 << t->depth[i];
    }
    t->heap_node = RD_NEW_ARRAY(arena, struct trees_heap, nodes);
    t->heap_at = RD_NEW_ARRAY(arena, uint32_t, leaves);
    if (!t->heap_node || !t->heap_at)
        return RD_FAIL(m->err, RD_E_MEMORY, "no memory for %zu trees", t->n_trees);
    for (size_t i = 0; i < t->n_trees; i++)
        if (t->heap[i] != UINT32_MAX)
            fill_heap(t, i, place);
    return RD_OK;
}

rd_status rd_trees_make(const struct rd_trees_spec *spec, struct rd_arena *arena,
    const struct rd_trees **trees_out, struct rd_error *err)
{
    struct rd_arena own = RD_ARENA_INIT; /* what only the making needs */
    /* Every root and both children of every node: no more places than that. */
    const size_t places = spec->n_roots + 2 * spec->n_nodes;
    struct making m = { .spec = spec, .t = RD_NEW(arena, struct rd_trees), .err = err };
    rd_status st = RD_OK;

    if (spec->n_nodes > MOST / 4 || spec->n_roots > MOST / 4 || spec->n_leaves > MOST ||
        spec->n_targets > MOST || (spec->n_leaves && spec->leaf_first[spec->n_leaves] > MOST))
        return RD_FAIL(err, RD_E_LIMIT, "the forest is larger than the %zu nodes supported", MOST);
    if (!spec->n_targets)
        return RD_FAIL(err, RD_E_INPUT, "the forest has no targets");
    m.seen = RD_NEW_ARRAY(&own, bool, spec->n_nodes);
    m.first = RD_NEW_ARRAY(&own, uint32_t, spec->n_nodes);
    m.ref = RD_NEW_ARRAY(&own, int64_t, places);
    if (!m.t || !m.seen || !m.first || !m.ref) {
        st = RD_FAIL(err, RD_E_MEMORY, "no memory for %zu nodes", spec->n_nodes);
        goto out;
    }
    *m.t = (struct rd_trees){
        .n_trees = spec->n_roots,
        .n_targets = spec->n_targets,
        .sum = spec->sum,
        .n_features = 1, /* leaves look at the first */
    };
    if (!room(&m, arena, places)) {
        st = RD_FAIL(err, RD_E_MEMORY, "no memory for %zu nodes", spec->n_nodes);
        goto out;
    }
    st = lay_leaves(&m, arena);
    for (size_t i = 0; i < spec->n_roots && !st; i++)
        st = lay_tree(&m, i, arena);
    for (size_t i = 0; i < spec->n_nodes && !st; i++)
        if (!m.seen[i])
            st = RD_FAIL(
                err, RD_E_INPUT, "node %zu is reached from no root (it may be part of a cycle)", i);
    m.t->n_places = m.used;
    if (!st)
        st = measure(&m, &own);
    if (!st)
        st = lay_heaps(&m, arena);
    if (!st && !trees_lay_sweeps(m.t, arena, &own))
        st = RD_FAIL(err, RD_E_MEMORY, "no memory for %zu trees", m.t->n_trees);
    if (!st)
        *trees_out = m.t;
out:
    rd_arena_release(&own);
    return st;
}

size_t rd_trees_features(const struct rd_trees *t)
{
    return t->n_features;
}

size_t rd_trees_targets(const struct rd_trees *t)
{
    return t->n_targets;
}

double rd_trees_work(const struct rd_trees *t)
{
    return t->work;
}
