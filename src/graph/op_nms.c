/*
 * op_nms.c - NonMaxSuppression: of boxes that overlap, only the one with the best score stays.
 *
 * For every image and class: boxes above the score threshold are taken by falling score (equal ones
 * by number); a box whose intersection over union with one taken before exceeds the threshold is
 * dropped; at most max_output_boxes_per_class stay. How many that are is only known afterwards, so
 * infer runs the same selection to count them.
 */
#include "graph/op_index.h"

#include "base/alloc.h"

#include <math.h>

struct nms {
    size_t images, classes, boxes;
    const struct rd_tensor *box, *score;
    int64_t most;
    double overlap, least;
    bool scored, center;
    double compared, may_compare;
};

struct edges {
    double low_y, low_x, high_y, high_x;
};

/*
 * Comparisons that one call may make: infer selects before anybody could ask for its work, so that
 * is measured by what came in. Hundreds of boxes that stay in each class are far below.
 */
static const double COMPARED_LEAST = 1e6, COMPARED_PER_NUMBER = 400;

static double real(const struct rd_tensor *t, size_t i)
{
    float f;

    memcpy(&f, (const char *)t->data + i * sizeof(f), sizeof(f)); /* files are not aligned */
    return (double)f;
}

static rd_status one_float(
    const struct rd_op_call *c, int input, const char *what, double *out, bool *known)
{
    const struct rd_tensor *t = rd_op_in(c, input);
    rd_status st = t ? rd_op_one_shape(c, t, what) : RD_OK;

    if (t && !st && t->data)
        *out = real(t, 0);
    else if (t)
        *known = false;
    return st;
}

static rd_status nms_of(const struct rd_op_call *c, struct nms *m, bool *known)
{
    const struct rd_tensor *b = c->in[0], *s = c->in[1], *most = rd_op_in(c, 2);
    const int64_t center = rd_op_int(c->node, "center_point_box", 0);
    char ta[120], tb[120];
    rd_status st = RD_OK;

    *known = b->data && s->data;
    if (b->ndim != 3 || s->ndim != 3 || (b->dim[2] != 4 && b->dim[2] != -1) ||
        (b->dim[0] != s->dim[0] && b->dim[0] != -1 && s->dim[0] != -1) ||
        (b->dim[1] != s->dim[2] && b->dim[1] != -1 && s->dim[2] != -1))
        return RD_FAIL(c->err, RD_E_INPUT,
            "boxes must be (images, boxes, 4) and scores (images, classes, boxes), not %s and %s",
            rd_shape_text(b->dim, b->ndim, ta, sizeof(ta)),
            rd_shape_text(s->dim, s->ndim, tb, sizeof(tb)));
    if (center != 0 && center != 1)
        return RD_FAIL(c->err, RD_E_INPUT, "attribute 'center_point_box' must be 0 or 1, not %lld",
            (long long)center);
    *m = (struct nms){ .images = (size_t)s->dim[0],
        .classes = (size_t)s->dim[1],
        .boxes = (size_t)s->dim[2],
        .box = b,
        .score = s,
        .scored = rd_op_in(c, 4) != NULL,
        .center = center == 1,
        .may_compare = COMPARED_LEAST +
                       COMPARED_PER_NUMBER * (double)(rd_tensor_count(b) + rd_tensor_count(s)) };
    if (*known && !rd_tensor_count(s)) /* however many of nothing */
        m->images = m->boxes = 0;
    if (most && most->data)
        st = rd_op_one_int(c, most, "max_output_boxes_per_class", &m->most);
    else if (most)
        *known = false;
    if (!st)
        st = one_float(c, 3, "iou_threshold", &m->overlap, known);
    if (!st)
        st = one_float(c, 4, "score_threshold", &m->least, known);
    if (!st && *known && !(m->overlap >= 0 && m->overlap <= 1))
        st = RD_FAIL(c->err, RD_E_INPUT, "iou_threshold is %g, outside 0..1", m->overlap);
    return st;
}

/* Corners in either order, or center and size. */
static struct edges edges_of(const struct nms *m, size_t image, size_t box)
{
    const size_t at = (image * m->boxes + box) * 4;
    const double a = real(m->box, at), b = real(m->box, at + 1);
    const double p = real(m->box, at + 2), q = real(m->box, at + 3);

    if (m->center) /* x, y, width, height */
        return (struct edges){ b - q / 2, a - p / 2, b + q / 2, a + p / 2 };
    return (struct edges){ fmin(a, p), fmin(b, q), fmax(a, p), fmax(b, q) };
}

static bool overlaps(const struct edges *a, const struct edges *b, double threshold)
{
    const double h = fmin(a->high_y, b->high_y) - fmax(a->low_y, b->low_y);
    const double w = fmin(a->high_x, b->high_x) - fmax(a->low_x, b->low_x);
    const double area_a = (a->high_y - a->low_y) * (a->high_x - a->low_x);
    const double area_b = (b->high_y - b->low_y) * (b->high_x - b->low_x);

    if (!(h > 0 && w > 0 && area_a > 0 && area_b > 0))
        return false;
    /* Rounded to float32, as the threshold is: a box exactly at it must not fall to either side. */
    return (float)(h * w / (area_a + area_b - h * w)) > (float)threshold;
}

/* Is box a to be taken before b? A NaN score is never above a threshold and comes last. */
static bool before(const struct nms *m, size_t scores, uint32_t a, uint32_t b)
{
    const double p = real(m->score, scores + a), q = real(m->score, scores + b);

    if (p > q || (isnan(q) && !isnan(p)))
        return true;
    return p < q || (isnan(p) && !isnan(q)) ? false : a < b;
}

/* Heap sort: the first in order ends in front. */
static void sort(const struct nms *m, size_t scores, uint32_t *order, size_t n)
{
    for (size_t left = n, i = n / 2; left > 1;) {
        uint32_t moved;
        size_t at;

        if (i > 0) {
            moved = order[at = --i];
        } else {
            moved = order[--left];
            order[left] = order[at = 0];
        }
        for (size_t child; (child = 2 * at + 1) < left; at = child) {
            if (child + 1 < left && before(m, scores, order[child], order[child + 1]))
                child++;
            if (!before(m, scores, moved, order[child]))
                break;
            order[at] = order[child];
        }
        order[at] = moved;
    }
}

/* Room for one class: the boxes in order, and the edges of those taken. */
static size_t room(const struct nms *m)
{
    return m->boxes * (sizeof(struct edges) + sizeof(uint32_t)) + 64;
}

/* Into out (NULL: only counted) as triples; *count in and out. */
static void select_class(
    struct nms *m, size_t image, size_t label, char *space, int64_t *out, size_t *count)
{
    struct edges *const taken = (struct edges *)(void *)space;
    uint32_t *const order = (uint32_t *)(void *)(space + m->boxes * sizeof(*taken));
    const size_t scores = (image * m->classes + label) * m->boxes;
    size_t n = 0, kept = 0;

    for (size_t i = 0; i < m->boxes; i++)
        if (!m->scored || real(m->score, scores + i) > m->least)
            order[n++] = (uint32_t)i;
    sort(m, scores, order, n);
    for (size_t i = 0; i < n && (int64_t)kept < m->most; i++) {
        const struct edges e = edges_of(m, image, order[i]);
        bool stays = true;

        for (size_t k = 0; k < kept && stays; k++, m->compared++)
            stays = !overlaps(&taken[k], &e, m->overlap);
        if (m->compared > m->may_compare)
            return;
        if (!stays)
            continue;
        taken[kept++] = e;
        if (out) {
            out[*count * 3] = (int64_t)image;
            out[*count * 3 + 1] = (int64_t)label;
            out[*count * 3 + 2] = order[i];
        }
        ++*count;
    }
}

static void select_all(struct nms *m, char *space, int64_t *out, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < m->images && m->boxes; i++)
        for (size_t k = 0; k < m->classes && m->compared <= m->may_compare; k++)
            select_class(m, i, k, space, out, count);
}

static double pairs(const struct nms *m)
{
    const double kept = m->most <= 0                         ? 0
                        : (double)m->most < (double)m->boxes ? (double)m->most
                                                             : (double)m->boxes;

    return (double)m->images * (double)m->classes * (double)m->boxes * (kept + 8);
}

static rd_status infer(struct rd_op_call *c)
{
    struct nms m;
    size_t count;
    bool known;
    char *space;
    rd_status st = nms_of(c, &m, &known);

    if (st)
        return st;
    c->out[0]->dtype = RD_I64;
    c->out[0]->ndim = 2;
    c->out[0]->dim[0] = -1;
    c->out[0]->dim[1] = 3;
    if (!known)
        return RD_OK;
    if (m.boxes > UINT32_MAX)
        return RD_FAIL(c->err, RD_E_LIMIT, "%zu boxes are too many", m.boxes);
    space = rd_alloc(room(&m));
    if (!space)
        return RD_FAIL(c->err, RD_E_MEMORY, "no memory to select boxes");
    select_all(&m, space, NULL, &count);
    rd_free(space);
    if (m.compared > m.may_compare)
        return RD_FAIL(c->err, RD_E_LIMIT,
            "more than %.3g comparisons of boxes; a score threshold or a smaller "
            "max_output_boxes_per_class is needed",
            m.may_compare);
    c->out[0]->dim[0] = (int64_t)count;
    return RD_OK;
}

static size_t scratch(const struct rd_op_call *c)
{
    struct nms m;
    bool known;

    (void)nms_of(c, &m, &known);
    return room(&m) + 64; /* rounded up when taken */
}

static rd_status forward(struct rd_op_call *c)
{
    struct nms m;
    size_t count;
    bool known;

    (void)nms_of(c, &m, &known); /* infer has accepted it */
    select_all(&m, rd_op_take(c, room(&m)), c->out[0]->data, &count);
    return RD_OK;
}

static double flops(const struct rd_op_call *c)
{
    struct nms m;
    bool known;

    (void)nms_of(c, &m, &known);
    return known ? pairs(&m) : 0;
}

static const struct rd_op_attr attrs[] = {
    { "center_point_box", RD_ATTR_INT, 10, 0, false },
    { 0 },
};

const struct rd_op rd_op_nonmaxsuppression = {
    .op = "NonMaxSuppression",
    .domain = "",
    .since = 10,
    .min_in = 2,
    .max_in = 5,
    .min_out = 1,
    .max_out = 1,
    .in_type = { RD_T(RD_F32), RD_T(RD_F32), RD_T_I64, RD_T(RD_F32) },
    .attrs = attrs,
    .infer = infer,
    .forward = forward,
    .scratch = scratch,
    .flops = flops,
};
