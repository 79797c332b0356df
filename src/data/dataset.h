/* dataset.h - examples in memory: float32 rows and their labels. */
#ifndef RD_DATA_DATASET_H
#define RD_DATA_DATASET_H

#include "base/run.h"
#include "tensor/tensor.h"

enum rd_feature_type { RD_FEATURE_NUMBER, RD_FEATURE_CATEGORY };

/* One column of a table, spread over width floats of a row: 1 for a number, one-hot for categories
 * (all zero: a word that the schema does not know). */
struct rd_feature {
    const char *name;
    enum rd_feature_type type;
    size_t first, width;
    const char *const *category; /* (width), RD_FEATURE_CATEGORY */
    /* A number v of a row is v * deviation + mean in the user's units (rd_feature_in_units);
     * deviation 0 means that it stands in them already. */
    double mean, deviation;
    double low, high; /* of a number, in the user's units: declared, else seen; both 0: unknown */
    size_t missing;   /* cells that were empty, NA, ... and were filled */
    size_t unknown;   /* cells with a word that the schema does not know: all zero */
};
/* A constraint or a printed row speaks in the user's units; a net sees the numbers of the row. */
static inline double rd_feature_in_units(const struct rd_feature *f, double v)
{
    return f->deviation != 0 ? v * f->deviation + f->mean : v;
}
static inline double rd_feature_from_units(const struct rd_feature *f, double units)
{
    return f->deviation != 0 ? (units - f->mean) / f->deviation : units;
}

struct rd_dataset {
    size_t n;
    int ndim;                      /* of one example */
    int64_t dim[RD_MAX_DIMS];      /* of one example */
    size_t width;                  /* floats per example */
    const float *x;                /* (n, width) */
    const int *label;              /* (n), NULL when there are none */
    int classes;                   /* 1 + largest label, or as many as have names */
    float low, high;               /* smallest and largest value of x */
    const char *const *class_name; /* (classes), NULL when the classes are plain numbers */
    /* Where a row came from: accounts or sources, numbered from 0; NULL: nobody said. */
    const int *contributor; /* (n) */
    size_t n_contributors;
    /* What the numbers of a row mean, when they come from a table; NULL: one number each. */
    const struct rd_feature *feature;
    size_t n_features;
    char digest[65]; /* SHA-256 of shape, x and labels as used */
    /* What reading it decided and left out, one sentence each: for the user to see. */
    const char *const *note; /* (n_notes) */
    size_t n_notes;
    const char *format;                  /* "npy", "npz", "idx", "csv", "images"; NULL: generated */
    const char *const *contributor_name; /* (n_contributors) or NULL */
    const double *time;                  /* (n) of the time column, or NULL */
    /* Where row i stood among the rows of the file, from 0: rd_dataset_row. */
    const size_t *row; /* (n); NULL: row_first + i */
    size_t row_first;
    const struct rd_schema *schema; /* how a table was read (data/schema.h); NULL: no table */
};

static inline size_t rd_dataset_row(const struct rd_dataset *d, size_t i)
{
    return d->row ? d->row[i] : d->row_first + i;
}

enum rd_split_part { RD_SPLIT_ALL, RD_SPLIT_TRAIN, RD_SPLIT_TEST };

/* Rows put aside by seed, in each class the same share (at least one row of a class that has two).
 * Rows that are the same stay on one side. An image folder that holds train/ and test/ itself is
 * split by these. */
struct rd_split {
    enum rd_split_part part;
    double test_share; /* (0,1); 0: 0.2 */
    uint64_t seed;
};

/* Where the examples come from: a `dataset` artifact, or --input/--labels of a command. */
struct rd_dataset_source {
    /* Told apart by content: .npy, .npz[:name], idx (plain or .gz), CSV (also by ; or tab), a
     * folder of images, a .zip of one (zip:folder reads one folder of it). */
    const char *path;
    const char *labels; /* npy, npz, idx: one whole number a row; or NULL */
    const char *index;  /* .npy of integers: order and choice of rows, or NULL */
    bool has_range;
    int64_t range[2]; /* [first, behind last) positions of the index (or rows) */
    double scale;     /* values are multiplied by it; 1 for none */
    /* Tables only. Zeroed: the schema is inferred, the label column found by name. */
    const char *schema;             /* path of a schema (data/schema.h), or NULL */
    const char *label_column;       /* name, or number from 1; "none": the table has none */
    const char *contributor_column; /* name or number from 1 */
    const char *column_scale; /* "none", "standard", "minmax"; NULL: the schema's, else none */
    struct rd_split split;
    /* Images only: every image is brought to this height and width; 0: they must be of one size. */
    int64_t resize[2];
};

/*
 * Images are (n,channels,height,width) in [0,1], gray ones with one channel. Shapes are as in the
 * file ((n,28,28) stays so: who uses it may add the channel axis when the counts agree). Refuses
 * NaN and infinity by row, labels that are negative or not whole, lengths that differ, and an index
 * out of range.
 */
rd_status rd_dataset_read(const struct rd_dataset_source *source, const struct rd_limits *limits,
    struct rd_arena *arena, struct rd_dataset *dataset_out, struct rd_error *err);
/* Rows first .. first+n-1 as a dataset of its own (shares memory, digest recomputed). */
rd_status rd_dataset_slice(const struct rd_dataset *d, size_t first, size_t n,
    struct rd_dataset *slice_out, struct rd_error *err);
/* Index of a row of a whose bytes are also in b, or -1. (CONTRACTS: leaks.) */
rd_status rd_dataset_overlap(const struct rd_dataset *a, const struct rd_dataset *b,
    struct rd_arena *arena, long long *row_out, struct rd_error *err);

/* SHA-256 of one example: its values and its label. The same row has the same digest in any subset.
 */
rd_status rd_dataset_item_digest(
    const struct rd_dataset *d, size_t i, char digest_out[65], struct rd_error *err);

/* What is in a dataset, counted. */
struct rd_data_profile {
    const size_t *class_n; /* (classes); NULL without labels */
    /* Row i has the values of row first[i] <= i, the first that does; first[i] == i: it is new. */
    const size_t *first;         /* (n) */
    size_t n_duplicates;         /* rows that repeat an earlier one, whatever their label */
    size_t n_conflicts;          /* of these, rows whose label differs from the first one's */
    const size_t *contributor_n; /* (n_contributors); NULL when nobody said */
};
rd_status rd_data_profile(const struct rd_dataset *d, struct rd_arena *arena,
    struct rd_data_profile *profile_out, struct rd_error *err);

/* Built-in generators, by name: "product-images", "transactions" (with its presets; transactions.h
 * has the settings). */
rd_status rd_dataset_generate(const char *name, uint64_t seed, size_t n, struct rd_arena *arena,
    struct rd_dataset *dataset_out, struct rd_error *err);

#endif
