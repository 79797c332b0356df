/* profile.c - what is in a dataset, counted: classes, contributors, rows that stand twice. */
#include "data/dataset.h"

#include "base/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Values and label, under a heading that no other digest of ours begins with. */
rd_status rd_dataset_item_digest(
    const struct rd_dataset *d, size_t i, char digest_out[65], struct rd_error *err)
{
    char x[RD_DIGEST_HEX], text[160];
    rd_status st;

    if (i >= d->n)
        return RD_FAIL(err, RD_E_USAGE, "row %zu is not one of %zu", i, d->n);
    st = rd_digest_bytes(d->x + i * d->width, d->width * sizeof *d->x, x, err);
    if (st)
        return st;
    if (d->label)
        (void)snprintf(
            text, sizeof text, "redoubt/item 1\n%zu\n%s\n%d\n", d->width, x, d->label[i]);
    else
        (void)snprintf(text, sizeof text, "redoubt/item 1\n%zu\n%s\nnone\n", d->width, x);
    return rd_digest_bytes(text, strlen(text), digest_out, err);
}

struct stamp {
    char digest[RD_DIGEST_HEX]; /* of the values alone */
    size_t row;
};

static int by_digest(const void *a, const void *b)
{
    const struct stamp *x = a, *y = b;
    const int order = strcmp(x->digest, y->digest);

    return order ? order : (x->row > y->row) - (x->row < y->row);
}

/* first[i] for all rows: equal rows lie side by side once they are sorted by digest. */
static rd_status find_first(
    const struct rd_dataset *d, struct rd_arena *scratch, size_t *first, struct rd_error *err)
{
    struct stamp *s = RD_NEW_ARRAY(scratch, struct stamp, d->n);

    if (!s)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory for the digests of %zu rows", d->n);
    for (size_t i = 0; i < d->n; i++) {
        const rd_status st =
            rd_digest_bytes(d->x + i * d->width, d->width * sizeof *d->x, s[i].digest, err);

        if (st)
            return st;
        s[i].row = i;
    }
    qsort(s, d->n, sizeof *s, by_digest);
    for (size_t i = 0, start = 0; i < d->n; i++) {
        if (strcmp(s[i].digest, s[start].digest) != 0)
            start = i;
        first[s[i].row] = s[start].row;
    }
    return RD_OK;
}

static rd_status count_by(const int *of, size_t n, size_t kinds, struct rd_arena *arena,
    const size_t **out, struct rd_error *err)
{
    size_t *count;

    if (!of)
        return RD_OK;
    count = RD_NEW_ARRAY(arena, size_t, kinds);
    if (!count)
        return RD_FAIL(err, RD_E_MEMORY, "out of memory for %zu counts", kinds);
    for (size_t i = 0; i < n; i++)
        count[of[i]]++;
    *out = count;
    return RD_OK;
}

rd_status rd_data_profile(const struct rd_dataset *d, struct rd_arena *arena,
    struct rd_data_profile *profile_out, struct rd_error *err)
{
    struct rd_arena scratch = RD_ARENA_INIT;
    struct rd_data_profile p = { 0 };
    size_t *first = RD_NEW_ARRAY(arena, size_t, d->n);
    rd_status st = first ? find_first(d, &scratch, first, err)
                         : RD_FAIL(err, RD_E_MEMORY, "out of memory for %zu rows", d->n);

    rd_arena_release(&scratch);
    if (!st)
        st = count_by(d->label, d->n, (size_t)d->classes, arena, &p.class_n, err);
    if (!st)
        st = count_by(d->contributor, d->n, d->n_contributors, arena, &p.contributor_n, err);
    if (st)
        return st;
    p.first = first;
    for (size_t i = 0; i < d->n; i++) {
        if (first[i] == i)
            continue;
        p.n_duplicates++;
        p.n_conflicts += d->label && d->label[i] != d->label[first[i]];
    }
    *profile_out = p;
    return RD_OK;
}
