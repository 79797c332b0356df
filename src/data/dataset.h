/* dataset.h - examples in memory: float32 rows and their labels. */
#ifndef RD_DATA_DATASET_H
#define RD_DATA_DATASET_H

#include "base/run.h"
#include "tensor/tensor.h"

enum rd_feature_type { RD_FEATURE_NUMBER, RD_FEATURE_CATEGORY };

/* One column of a table, spread over width floats of a row: 1 for a number, one-hot for categories.
 */
struct rd_feature {
    const char *name;
    enum rd_feature_type type;
    size_t first, width;
    const char *const *category; /* (width), RD_FEATURE_CATEGORY */
};

struct rd_dataset {
    size_t n;
    int ndim;                      /* of one example */
    int64_t dim[RD_MAX_DIMS];      /* of one example */
    size_t width;                  /* floats per example */
    const float *x;                /* (n, width) */
    const int *label;              /* (n), NULL when there are none */
    int classes;                   /* 1 + largest label */
    float low, high;               /* smallest and largest value of x */
    const char *const *class_name; /* (classes), NULL when the classes are plain numbers */
    /* Where a row came from: accounts or sources, numbered from 0; NULL: nobody said. */
    const int *contributor; /* (n) */
    size_t n_contributors;
    /* What the numbers of a row mean, when they come from a table; NULL: one number each. */
    const struct rd_feature *feature;
    size_t n_features;
    char digest[65]; /* SHA-256 of shape, x and labels as used */
};

/* Where the examples come from: a `dataset` artifact, or --input/--labels of a command. */
struct rd_dataset_source {
    const char *path;   /* .npy, .npz[:name], idx (plain or .gz) */
    const char *labels; /* same formats, or NULL */
    const char *index;  /* .npy of integers: order and choice of rows, or NULL */
    bool has_range;
    int64_t range[2]; /* [first, behind last) positions of the index (or rows) */
    double scale;     /* values are multiplied by it; 1 for none */
};

/*
 * Shapes are as in the file ((n,28,28) stays so: who uses it may add the channel axis when the
 * counts agree). Refuses NaN and infinity by row, labels that are negative or not whole, lengths
 * that differ, and an index out of range.
 */
rd_status rd_dataset_read(const struct rd_dataset_source *source, const struct rd_limits *limits,
    struct rd_arena *arena, struct rd_dataset *dataset_out, struct rd_error *err);
/* Rows first .. first+n-1 as a dataset of its own (shares memory, digest recomputed). */
rd_status rd_dataset_slice(const struct rd_dataset *d, size_t first, size_t n,
    struct rd_dataset *slice_out, struct rd_error *err);
/* Index of a row of a whose bytes are also in b, or -1. (CONTRACTS: leaks.) */
rd_status rd_dataset_overlap(const struct rd_dataset *a, const struct rd_dataset *b,
    struct rd_arena *arena, long long *row_out, struct rd_error *err);

/* Built-in generators, by name: "product-images". */
rd_status rd_dataset_generate(const char *name, uint64_t seed, size_t n, struct rd_arena *arena,
    struct rd_dataset *dataset_out, struct rd_error *err);

#endif
