/* forest.c - trees of other libraries' files while they are read: growing lists, sets as searches.
 */
#include "graph/forest.h"

#include "base/alloc.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- growing --- */

/* Room for n more behind count entries of a list. */
static bool room(struct rd_forest *f, void *list, size_t count, size_t n, size_t *cap, size_t size)
{
    void **p = list, *more;
    size_t want = *cap ? *cap : 64;

    if (f->failed)
        return false;
    while (want - count < n)
        want *= 2; /* n is what a file in memory holds: no overflow before the ceiling */
    if (want > f->limits->memory_bytes / size) {
        f->failed = true;
        return false;
    }
    if (want == *cap)
        return true;
    more = rd_realloc(*p, want * size);
    if (!more) {
        f->failed = true;
        return false;
    }
    *p = more;
    *cap = want;
    return true;
}

size_t rd_forest_reserve(struct rd_forest *f, size_t n)
{
    const size_t first = f->n_nodes;

    if (!room(f, &f->node, f->n_nodes, n, &f->cap, sizeof(*f->node)))
        return 0;
    memset(f->node + first, 0, n * sizeof(*f->node));
    f->n_nodes += n;
    return first;
}

void rd_forest_set(struct rd_forest *f, size_t at, struct rd_forest_node node)
{
    if (!f->failed)
        f->node[at] = node;
}

int64_t rd_forest_leaf(struct rd_forest *f, int64_t target, double weight)
{
    if (!room(f, &f->leaf, f->n_leaves, 1, &f->cap_leaves, sizeof(*f->leaf)))
        return RD_TREE_LEAF(0);
    f->leaf[f->n_leaves] = (struct rd_forest_leaf){ .target = target, .weight = weight };
    return RD_TREE_LEAF(f->n_leaves++);
}

void rd_forest_leaf_more(struct rd_forest *f, int64_t target, double weight)
{
    (void)rd_forest_leaf(f, target, weight);
    if (!f->failed) {
        f->leaf[f->n_leaves - 1].more = true;
        f->wide = true;
    }
}

void rd_forest_root(struct rd_forest *f, int64_t child)
{
    if (child < 0) { /* TreeEnsemble begins with a node, so it gets one that does not choose */
        const size_t at = rd_forest_reserve(f, 1);

        rd_forest_set(f, at, (struct rd_forest_node){ .yes = child, .no = child });
        child = (int64_t)at;
    }
    if (room(f, &f->root, f->n_roots, 1, &f->cap_roots, sizeof(*f->root)))
        f->root[f->n_roots++] = (struct rd_forest_root){
            .node = child, .behind = f->n_nodes, .leaf_behind = f->n_leaves
        };
}

void rd_forest_bias(struct rd_forest *f, const double *bias)
{
    int64_t leaf = 0;

    for (int64_t k = 0; k < f->targets && !f->failed; k++) {
        if (!k || !f->wide) /* as the trees are: leaves of one number, or of all */
            leaf = rd_forest_leaf(f, k, bias[k]);
        else
            rd_forest_leaf_more(f, k, bias[k]);
        if (k + 1 == f->targets || !f->wide)
            rd_forest_root(f, leaf);
    }
}

void rd_forest_release(struct rd_forest *f)
{
    rd_free(f->node);
    rd_free(f->leaf);
    rd_free(f->root);
    f->node = NULL;
    f->leaf = NULL;
    f->root = NULL;
}

/* --- pieces of a line --- */

struct pieces {
    struct rd_forest *f;
    int64_t feature;
    const struct rd_forest_bound *bound;
    const int64_t *outcome;
    bool missing_yes;
};

/* The search over bounds first..behind-1, as deep as the logarithm of their number; at -1: a node
 * of its own. */
static int64_t search(const struct pieces *p, int64_t at, size_t first, size_t behind)
{
    const size_t mid = first + (behind - first) / 2;
    struct rd_forest_node n = { .feature = p->feature, .missing_yes = p->missing_yes };

    if (first == behind && at < 0)
        return p->outcome[first];
    if (at < 0)
        at = (int64_t)rd_forest_reserve(p->f, 1);
    if (first == behind) {
        n.yes = n.no = p->outcome[first];
    } else {
        n.threshold = p->bound[mid].at;
        n.mode = p->bound[mid].mode;
        n.yes = search(p, -1, first, mid);
        n.no = search(p, -1, mid + 1, behind);
    }
    rd_forest_set(p->f, (size_t)at, n);
    return at;
}

void rd_forest_pieces(struct rd_forest *f, size_t at, int64_t feature,
    const struct rd_forest_bound *bound, const int64_t *outcome, size_t n_bounds, int64_t nan)
{
    struct pieces p = { .f = f, .feature = feature, .bound = bound, .outcome = outcome };

    p.missing_yes = nan == outcome[0];
    if (nan == outcome[0] || nan == outcome[n_bounds]) { /* at one end: NaN can go with it */
        (void)search(&p, (int64_t)at, 0, n_bounds);
        return;
    }
    rd_forest_set(f, at,
        (struct rd_forest_node){ .feature = feature,
            .mode = RD_TREE_LEQ,
            .threshold = (double)INFINITY,
            .yes = search(&p, -1, 0, n_bounds),
            .no = nan });
}

void rd_forest_categories(struct rd_forest *f, size_t at, int64_t feature, const int64_t *category,
    size_t n, bool negative_cut, int64_t in, int64_t out, int64_t nan)
{
    struct rd_forest_bound *bound = NULL;
    int64_t *outcome = NULL;
    size_t k = 0;

    if (n < SIZE_MAX / 64) {
        bound = rd_alloc((2 * n + 1) * sizeof(*bound));
        outcome = rd_alloc((2 * n + 1) * sizeof(*outcome));
    }
    if (!bound || !outcome) {
        f->failed = true;
    } else {
        for (size_t i = 0; i < n; i++) {
            if (i && category[i] <= category[i - 1] + 1) { /* the run goes on */
                bound[k - 1].at = (double)category[i] + 1;
                continue;
            }
            bound[k] = (struct rd_forest_bound){ .at = (double)category[i], .mode = RD_TREE_LT };
            if (!category[i] && negative_cut)
                bound[k] = (struct rd_forest_bound){ .at = -1, .mode = RD_TREE_LEQ };
            outcome[k++] = out;
            bound[k] =
                (struct rd_forest_bound){ .at = (double)category[i] + 1, .mode = RD_TREE_LT };
            outcome[k++] = in;
        }
        outcome[k] = out;
        rd_forest_pieces(f, at, feature, bound, outcome, k, nan);
    }
    rd_free(bound);
    rd_free(outcome);
}

/* --- numbers of documents --- */

bool rd_forest_real(const struct rd_doc *d, double *out)
{
    const char *text = d ? rd_doc_text(d) : NULL;

    return text && rd_text_to_double(text, false, out);
}

bool rd_forest_int(const struct rd_doc *d, int64_t *out)
{
    const char *text = d ? rd_doc_text(d) : NULL;
    char *end;
    intmax_t v;

    if (!text || !(*text == '-' || (*text >= '0' && *text <= '9')))
        return false;
    errno = 0;
    v = strtoimax(text, &end, 10);
    if (errno || *end || end == text)
        return false;
    *out = v;
    return true;
}
