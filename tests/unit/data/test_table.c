/* Tables: what is inferred, what a schema declares, what is said, and real tables. */
#include "support.h"

#include "base/alloc.h"
#include "base/file.h"
#include "data/dataset.h"
#include "data/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TABULAR "../shared/data/tabular/"

static struct rd_arena arena;
static char dir[] = "/tmp/rd-table-XXXXXX";
static char csv_path[64], schema_path[64];

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(csv_path, sizeof csv_path, "%s/t.csv", dir);
    (void)snprintf(schema_path, sizeof schema_path, "%s/s.yaml", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(csv_path);
    (void)unlink(schema_path);
    return rmdir(dir);
}

static int release(void **state)
{
    (void)state;
    rd_arena_release(&arena);
    return 0;
}

static void put(const char *path, const char *text)
{
    assert_int_equal(rd_file_write(path, text, strlen(text), 0600, NULL), RD_OK);
}

static struct rd_dataset_source table(const char *text)
{
    put(csv_path, text);
    return (struct rd_dataset_source){ .path = csv_path, .scale = 1 };
}

static struct rd_dataset_source declared(const char *text, const char *schema)
{
    struct rd_dataset_source s = table(text);

    put(schema_path, schema);
    s.schema = schema_path;
    return s;
}

static struct rd_dataset read_it(const struct rd_dataset_source s)
{
    struct rd_dataset d = { 0 };
    struct rd_error err = { 0 };
    const rd_status st = rd_dataset_read(&s, NULL, &arena, &d, &err);

    if (st == RD_E_NOTFOUND)
        skip();
    if (st)
        fail_msg("refused: %s", err.frame[0].text);
    return d;
}

static void refuse(const struct rd_dataset_source s, const char *want)
{
    struct rd_dataset d = { 0 };
    struct rd_error err = { 0 };
    const rd_status st = rd_dataset_read(&s, NULL, &arena, &d, &err);

    assert_true(st == RD_E_INPUT || st == RD_E_USAGE || st == RD_E_LIMIT);
    if (!strstr(err.frame[0].text, want))
        fail_msg("'%s' is not in '%s'", want, err.frame[0].text);
}

static bool says(const struct rd_dataset *d, const char *want)
{
    for (size_t i = 0; i < d->n_notes; i++)
        if (strstr(d->note[i], want))
            return true;
    return false;
}

static void row_is(const struct rd_dataset *d, size_t row, const float *want, size_t n)
{
    assert_int_equal(d->width, n);
    for (size_t i = 0; i < n; i++)
        if (fabsf(d->x[row * n + i] - want[i]) > 1e-6f)
            fail_msg("row %zu, value %zu is %g, not %g", row, i, (double)d->x[row * n + i],
                (double)want[i]);
}

#define ROW(d, row, ...)                                                                           \
    row_is(&(d), (row), (const float[]){ __VA_ARGS__ },                                            \
        sizeof((const float[]){ __VA_ARGS__ }) / sizeof(float))

static void types_are_inferred_and_said(void **state)
{
    const struct rd_dataset d = read_it(table("age,job,member,day,id,class\n"
                                              "30,clerk,yes,2026-01-01,k1,good\n"
                                              "NA,sales,no,2026-01-02,k2,bad\n"
                                              "50,?,yes,1970-01-02,k3,good\n"
                                              "40,clerk,no,2026-01-04,k4,bad\n"
                                              "41,clerk,no,2026-01-04,k5,bad\n"
                                              "42,clerk,no,2026-01-04,k6,bad\n"
                                              "43,clerk,no,2026-01-04,k7,bad\n"
                                              "44,clerk,no,2026-01-04,k8,bad\n"
                                              "45,clerk,no,2026-01-04,k9,bad\n"
                                              "46,clerk,no,2026-01-04,k10,bad\n"
                                              "47,clerk,no,2026-01-04,k11,bad\n"));

    (void)state;
    assert_int_equal(d.n, 11);
    assert_string_equal(d.format, "csv");
    /* age, then (missing), clerk, sales, then member */
    ROW(d, 0, 30, 0, 1, 0, 1);
    ROW(d, 1, 43.5f, 0, 0, 1, 0);
    ROW(d, 2, 50, 1, 0, 0, 1);
    assert_int_equal(d.n_features, 3);
    assert_string_equal(d.feature[1].name, "job");
    assert_int_equal(d.feature[1].first, 1);
    assert_string_equal(d.feature[1].category[0], RD_CATEGORY_MISSING);
    assert_int_equal(d.feature[0].missing, 1);
    assert_true(d.feature[0].low == 30 && d.feature[0].high == 50);
    assert_int_equal(d.classes, 2);
    assert_string_equal(d.class_name[0], "bad");
    assert_int_equal(d.label[0], 1);
    assert_non_null(d.time);
    assert_true(d.time[2] == 86400);
    assert_true(says(&d, "label: column 'class', by its name"));
    assert_true(says(&d, "'age': 1 missing, filled with 43.5"));
    assert_true(says(&d, "'job': 1 missing, a category of their own"));
    assert_true(says(&d, "'id' is left out"));
    assert_true(says(&d, "'day' holds dates"));
}

static void a_missing_header_is_noticed(void **state)
{
    struct rd_dataset d = read_it(table("1.5,a,0\n2.5,b,1\n3.5,a,1\n"));

    (void)state;
    assert_int_equal(d.n, 3);
    assert_string_equal(d.feature[0].name, "c1");
    assert_true(says(&d, "no header"));
    d = read_it(table("0,1,2\n1.5,a,0\n2.5,b,1\n3.5,a,1\n"));
    assert_int_equal(d.n, 3);
    assert_true(says(&d, "only counts the columns"));
    /* A data frame's index is no input. */
    d = read_it(table(",x,class\n0,5,a\n1,6,b\n2,7,a\n3,8,b\n"));
    assert_int_equal(d.width, 1);
    assert_true(says(&d, "'(index)' is left out: it only counts the rows"));
    refuse(table("x,x,class\n5,1,a\n6,1,b\n"), "line 1: the header names 'x' twice");
    refuse(table("x,y\n"), "a header and no rows");
}

static void the_label_is_the_one_asked_for(void **state)
{
    static const char text[] = "x,grade,y2\n1,b,0\n2,a,1\n3,b,0\n4,a,1\n";
    struct rd_dataset_source s = table(text);
    struct rd_dataset d = read_it(s);

    (void)state;
    assert_true(says(&d, "'y2', because it is the last one"));
    assert_null(d.class_name); /* 0 and 1 are plain numbers */
    s.label_column = "grade";
    d = read_it(s);
    assert_string_equal(d.class_name[1], "b");
    assert_int_equal(d.label[0], 1);
    assert_int_equal(d.width, 2);
    s.label_column = "2";
    assert_string_equal(read_it(s).digest, d.digest);
    s.label_column = "none";
    d = read_it(s);
    assert_null(d.label);
    assert_int_equal(d.width, 4);
    s.label_column = "grad";
    refuse(s, "no column 'grad', named as its label column");
    s = table("x,y\n1,0.5\n2,0.25\n");
    assert_null(read_it(s).label);
    s = table("x,y\n1,0\n2,\n3,1\n");
    s.label_column = "y";
    refuse(s, "line 3, column 'y': the label is missing");
}

static void classes_that_are_numbers_keep_their_order(void **state)
{
    struct rd_dataset d = read_it(table("x,class\n1,10\n2,9\n3,10\n4,9\n"));

    (void)state;
    assert_string_equal(d.class_name[0], "9");
    assert_int_equal(d.label[0], 1);
    /* From 0 on they keep their numbers, so that a part without a class is like the whole. */
    d = read_it(table("x,class\n1,0\n2,3\n3,0\n4,3\n"));
    assert_int_equal(d.classes, 4);
    assert_int_equal(d.label[1], 3);
    assert_null(d.class_name);
    assert_true(says(&d, "2 of the classes 0 to 3 do not occur"));
    d = read_it(table("x,class\n1,-1\n2,1\n3,-1\n4,1\n"));
    assert_int_equal(d.label[0], 0);
    assert_string_equal(d.class_name[0], "-1");
}

static void numbers_that_are_none_are_refused_by_line(void **state)
{
    char text[4096] = "x,class\n";

    (void)state;
    for (int i = 0; i < 60; i++)
        (void)snprintf(text + strlen(text), 64, i == 57 ? "o.3,a\n" : "%d,%c\n", i, i % 2 + 'a');
    refuse(table(text), "line 59, column 'x': 'o.3' is no number, and 59 of 60 cells are");
    refuse(table("x;class\n1,5;a\n2,5;b\n"), "line 2, column 'x': '1,5' has a decimal comma");
    refuse(declared("x,c\n1,a\nz,b\n",
               "version: 1\ncolumns:\n  - {name: x, type: number}\n  - {name: c, type: label}\n"),
        "line 3, column 'x': 'z' is no number");
    refuse(declared("x,c\n1,a\n1e39,b\n",
               "version: 1\ncolumns:\n  - {name: x, type: number}\n  - {name: c, type: label}\n"),
        "line 3, column 'x': '1e39' is too large for float32");
    refuse(declared("x,c\n1,a\n8,b\n",
               "version: 1\ncolumns:\n  - {name: x, type: number, low: 0, high: 5}\n"
               "  - {name: c, type: label}\n"),
        "line 3, column 'x': '8' is not from 0 to 5");
}

static void a_declared_schema_is_obeyed(void **state)
{
    const struct rd_dataset d = read_it(declared("b,a,who,when,extra,c\n"
                                                 "-,u,w2,60,9,no\n"
                                                 "4,v,w1,120,9,yes\n"
                                                 "6,zzz,w2,180,9,no\n",
        "{\"version\": 1, \"scale\": \"standard\", \"missing\": [\"-\"], \"columns\": [\n"
        "{\"name\": \"a\", \"type\": \"category\", \"categories\": [\"v\", \"u\"]},\n"
        "{\"name\": \"b\", \"type\": \"number\", \"fill_with\": \"mean\", \"indicator\": "
        "\"yes\"},\n"
        "{\"name\": \"who\", \"type\": \"contributor\"}, {\"name\": \"when\", \"type\": "
        "\"time\"},\n"
        "{\"name\": \"c\", \"type\": \"label\", \"classes\": [\"yes\", \"no\"]}]}"));

    (void)state;
    /* Columns in the order of the schema, categories as declared; 4 and 6 are at -1 and 1. */
    ROW(d, 0, 0, 1, 0, 1);
    ROW(d, 1, 1, 0, -1, 0);
    ROW(d, 2, 0, 0, 1, 0);
    assert_true(rd_feature_in_units(&d.feature[1], (double)d.x[1 * 4 + 2]) == 4);
    assert_true(rd_feature_from_units(&d.feature[1], 6) == 1);
    assert_int_equal(d.feature[0].unknown, 1);
    assert_string_equal(d.feature[2].name, "b missing");
    assert_int_equal(d.label[0], 1);
    assert_int_equal(d.n_contributors, 2);
    assert_int_equal(d.contributor[0], 1);
    assert_string_equal(d.contributor_name[1], "w2");
    assert_true(d.time[1] == 120);
    assert_true(says(&d, "a word that the schema does not know, first 'zzz' in line 4"));
    assert_true(says(&d, "1 column is left out that the schema does not name, first 'extra'"));
    assert_true(says(&d, "'b': 1 missing, filled with 5 and marked beside it"));
    refuse(declared("a,c\nx,q\n", "version: 1\ncolumns:\n  - {name: a, type: category}\n"
                                  "  - {name: c, type: label, classes: [yes, no]}\n"),
        "line 2, column 'c': 'q' is none of the 2 classes (first 'yes')");
    refuse(declared("z,c\n1,2\n", "version: 1\ncolumns:\n  - {name: a, type: number}\n"),
        "no column 'a', which the schema names");
}

static void bad_schemas_are_refused_by_line(void **state)
{
    static const struct {
        const char *text, *want;
    } bad[] = {
        { "columns: []\n", "s.yaml:1:1: expected version: 1" },
        { "version: 2\n", "expected version: 1, found '2'" },
        { "version: 1\n", "expected a list of columns" },
        { "version: 1\ncolumns: []\n", "s.yaml:2:10: expected a list of columns" },
        { "version: 1\nsep: ','\n", "s.yaml:2:1: unknown key 'sep'" },
        { "version: 1\nseparator: '::'\n", "s.yaml:2:12: expected one of" },
        { "version: 1\nscale: log\n", "expected none, standard or minmax, found 'log'" },
        { "version: 1\ncolumns:\n  - {name: a, type: numbr}\n",
            "s.yaml:3:21: expected number, category" },
        { "version: 1\ncolumns:\n  - {type: number}\n", "expected a column with a name" },
        { "version: 1\ncolumns:\n  - {name: a}\n", "expected a column with a type" },
        { "version: 1\ncolumns:\n  - {name: a, type: ignore}\n", "expected a column of type" },
        { "version: 1\ncolumns:\n  - {name: a, type: number}\n  - {name: a, type: number}\n",
            "s.yaml:4:5: expected each word once" },
        { "version: 1\ncolumns:\n  - {name: a, type: number, categories: [x]}\n",
            "of a column of type category" },
        { "version: 1\ncolumns:\n  - {name: a, type: category, categories: [x, x]}\n",
            "expected each word once, found 'x'" },
        { "version: 1\ncolumns:\n  - {name: a, type: category, low: 1}\n",
            "this key only in a column of type number" },
        { "version: 1\ncolumns:\n  - {name: a, type: boolean, words: [x]}\n", "two words" },
        { "version: 1\ncolumns:\n  - {name: a, type: number, mean: 1}\n",
            "expected mean and deviation together" },
        { "version: 1\ncolumns:\n  - {name: a, type: number, mean: 1, deviation: 0}\n",
            "expected a number above 0" },
        { "version: 1\ncolumns:\n  - {name: a, type: number, low: 3, high: 1}\n", "not below low" },
        { "version: 1\ncolumns:\n  - {name: a, type: number}\n  - {name: b, type: label}\n"
          "  - {name: c, type: label}\n",
            "at most one column of type label" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse(declared("a\n1\n", bad[i].text), bad[i].want);
    refuse(declared("1,2,3\n", "version: 1\nheader: no\ncolumns:\n  - {name: a, type: number}\n"),
        "has 3 columns, the schema 1");
}

static void scale(const char *how, float first, float last)
{
    struct rd_dataset_source s = table("x,class\n1,a\n2,b\n3,a\n6,b\n");
    struct rd_dataset d;

    s.column_scale = how;
    d = read_it(s);
    ROW(d, 0, first);
    ROW(d, 3, last);
    assert_true(fabs(rd_feature_in_units(&d.feature[0], (double)d.x[3]) - 6) < 1e-6);
}

static void numbers_are_scaled_as_asked(void **state)
{
    struct rd_dataset_source s = table("x,class\n1,a\n2,b\n");

    (void)state;
    scale("none", 1, 6);
    scale("minmax", 0, 1);
    scale("standard", -2 / sqrtf(3.5f), 3 / sqrtf(3.5f)); /* mean 3, variance 14 / 4 */
    s.column_scale = "log";
    refuse(s, "none of none, standard, minmax");
    s.column_scale = NULL;
    s.scale = 1.0 / 255;
    refuse(s, "is a table: scale each column");
}

/* A schema that was written is read back to the same numbers, whatever stands in the words. */
static void a_written_schema_gives_the_same_digest(void **state)
{
    struct rd_dataset_source s = table("x\ty\tz\tclass\n"
                                       "0.1\t\"quote \"\" and\nline\"\tyes\t<=50K\n"
                                       "0.7\tB\xC3\xA4ume: {a}, [b] # c\tno\t>50K\n"
                                       "NA\t\xC2\x85\xE2\x80\xA8\xEF\xBB\xBF\tyes\t<=50K\n"
                                       "1e-7\tnull\tno\t>50K\n"
                                       "12345.678901234567\t- 'x' \\ %\tyes\t<=50K\n");
    struct rd_dataset d, again;
    struct rd_buf text = { 0 };

    (void)state;
    s.column_scale = "standard";
    d = read_it(s);
    assert_true(d.width == 7);
    rd_schema_write(d.schema, &text);
    put(schema_path, text.text);
    s.column_scale = NULL;
    s.schema = schema_path;
    again = read_it(s);
    assert_string_equal(again.digest, d.digest);
    assert_int_equal(again.feature[0].missing, 1);
    rd_buf_release(&text);
    rd_schema_write(again.schema, &text);
    {
        struct rd_bytes before;

        assert_int_equal(rd_file_read(schema_path, 1 << 20, &arena, &before, NULL), RD_OK);
        assert_string_equal(text.text, (const char *)before.data);
    }
    rd_buf_release(&text);
}

static void a_split_is_stratified_and_depends_on_the_seed_alone(void **state)
{
    char text[8192] = "x,class\n";
    struct rd_dataset_source s;
    struct rd_dataset train, test, other;
    size_t of[2] = { 0 };
    bool seen[200] = { false };

    (void)state;
    for (int i = 0; i < 200; i++)
        (void)snprintf(text + strlen(text), 32, "%d.5,%s\n", i, i % 10 ? "a" : "b");
    s = table(text);
    s.column_scale = "standard";
    s.split = (struct rd_split){ .part = RD_SPLIT_TEST, .test_share = 0.25, .seed = 7 };
    test = read_it(s);
    assert_string_equal(read_it(s).digest, test.digest);
    s.split.part = RD_SPLIT_TRAIN;
    train = read_it(s);
    assert_int_equal(test.n, 50);
    assert_int_equal(train.n, 150);
    for (size_t i = 0; i < 50; i++) {
        of[test.label[i]]++;
        seen[rd_dataset_row(&test, i)] = true;
    }
    assert_int_equal(of[1], 5);
    for (size_t i = 0; i < 150; i++) {
        assert_false(seen[rd_dataset_row(&train, i)]);
        seen[rd_dataset_row(&train, i)] = true;
    }
    /* Both parts stand in the units of the training part. */
    assert_true(train.feature[0].mean == test.feature[0].mean);
    {
        double sum = 0;

        for (size_t i = 0; i < 150; i++)
            sum += (double)train.x[i];
        assert_true(fabs(sum) < 1e-3);
    }
    s.split.seed = 8;
    other = read_it(s);
    assert_string_not_equal(other.digest, train.digest);
    s.split.test_share = 1.5;
    refuse(s, "must lie between 0 and 1");
}

/* Rows that are the same must not stand on both sides, or a test would be trained on. */
static void equal_rows_stay_on_one_side_of_a_split(void **state)
{
    char text[8192] = "x,y,class\n";
    struct rd_dataset_source s;
    struct rd_dataset train, test;
    struct rd_error err = { 0 };
    long long row;

    (void)state;
    for (int i = 0; i < 120; i++) /* each row three times, once written otherwise */
        (void)snprintf(
            text + strlen(text), 32, i % 3 ? "%d,u,%s\n" : "%d.0,u,%s\n", i / 3, i % 2 ? "a" : "b");
    s = table(text);
    s.column_scale = "standard";
    for (uint64_t seed = 1; seed < 6; seed++) {
        s.split = (struct rd_split){ .part = RD_SPLIT_TRAIN, .test_share = 0.3, .seed = seed };
        train = read_it(s);
        s.split.part = RD_SPLIT_TEST;
        test = read_it(s);
        assert_int_equal(train.n + test.n, 120);
        assert_in_range(test.n, 30, 36);
        assert_int_equal(rd_dataset_overlap(&test, &train, &arena, &row, &err), RD_OK);
        assert_int_equal(row, -1);
    }
}

static void duplicates_and_items_are_named(void **state)
{
    const struct rd_dataset d = read_it(table("x,y,contributor,class\n"
                                              "1,2,p,a\n3,4,q,b\n1,2,p,a\n1,2,q,b\n5,6,p,a\n"));
    struct rd_data_profile p;
    struct rd_dataset part;
    struct rd_error err = { 0 };
    char one[65], two[65], three[65], again[65];

    (void)state;
    assert_int_equal(rd_data_profile(&d, &arena, &p, &err), RD_OK);
    assert_int_equal(p.n_duplicates, 2);
    assert_int_equal(p.n_conflicts, 1);
    assert_int_equal(p.first[2], 0);
    assert_int_equal(p.first[3], 0);
    assert_int_equal(p.first[4], 4);
    assert_int_equal(p.class_n[0], 3);
    assert_int_equal(p.contributor_n[0], 3);
    assert_int_equal(rd_dataset_item_digest(&d, 0, one, &err), RD_OK);
    assert_int_equal(rd_dataset_item_digest(&d, 2, two, &err), RD_OK);
    assert_int_equal(rd_dataset_item_digest(&d, 3, three, &err), RD_OK);
    assert_string_equal(one, two);
    assert_string_not_equal(one, three); /* the label counts */
    assert_int_equal(rd_dataset_slice(&d, 2, 2, &part, &err), RD_OK);
    assert_int_equal(rd_dataset_item_digest(&part, 0, again, &err), RD_OK);
    assert_string_equal(again, one);
    assert_int_equal(rd_dataset_row(&part, 1), 3);
    assert_int_equal(part.contributor[1], 1);
    assert_int_equal(rd_dataset_item_digest(&part, 2, again, &err), RD_E_USAGE);
}

static void index_and_range_choose_rows_of_a_table(void **state)
{
    struct rd_dataset_source s = table("x,class\n1,a\n2,b\n3,a\n4,b\n5,c\n");
    struct rd_dataset d;

    (void)state;
    s.has_range = true;
    s.range[0] = 1;
    s.range[1] = 3;
    d = read_it(s);
    assert_int_equal(d.n, 2);
    ROW(d, 0, 2);
    assert_int_equal(d.classes, 3); /* the file's, not the part's */
    s.range[1] = 6;
    refuse(s, "must be a part of the 5 rows");
}

static void each_failed_allocation_is_an_error_and_leaks_nothing(void **state)
{
    const struct rd_dataset_source s = declared("x,y,who,c\n1,a,p,q\n,\"b\"\"\",p,r\n3,a,z,q\n",
        "version: 1\nscale: standard\ncolumns:\n  - {name: x, type: number, indicator: \"yes\"}\n"
        "  - {name: y, type: category}\n  - {name: who, type: contributor}\n"
        "  - {name: c, type: label}\n");
    const struct rd_dataset_source inferred = { .path = csv_path, .scale = 1 };
    const size_t live = rd_alloc_live();
    int failed = 0;

    (void)state;
    for (size_t nth = 1; nth < 400; nth++) {
        struct rd_arena own = RD_ARENA_INIT;
        struct rd_dataset d;
        struct rd_error err = { 0 };
        rd_status st;

        rd_alloc_fail_at(nth / 2 + 1);
        st = rd_dataset_read(nth % 2 ? &s : &inferred, NULL, &own, &d, &err);
        rd_alloc_fail_at(0);
        rd_arena_release(&own);
        assert_int_equal(rd_alloc_live(), live);
        if (!st)
            continue;
        failed++;
        assert_int_equal(st, RD_E_MEMORY);
    }
    assert_true(failed > 60);
}

/* The published test part, in the columns of the training part. */
static void the_census_is_read_with_one_schema(void **state)
{
    struct rd_dataset_source s = { .path = TABULAR "adult-train.csv", .scale = 1 };
    struct rd_dataset train, test, alone;
    struct rd_buf text = { 0 };

    (void)state;
    train = read_it(s);
    assert_int_equal(train.n, 32561);
    assert_int_equal(train.width, 108);
    assert_string_equal(train.class_name[1], ">50K");
    assert_int_equal(train.feature[1].missing, 1836);
    rd_schema_write(train.schema, &text);
    put(schema_path, text.text);
    rd_buf_release(&text);
    s.path = TABULAR "adult-test.csv";
    alone = read_it(s);
    s.schema = schema_path;
    test = read_it(s);
    assert_int_equal(test.n, 16281);
    assert_int_equal(alone.width, 107); /* a country does not occur there */
    assert_int_equal(test.width, 108);
    assert_int_equal(test.classes, 2);
    assert_true(
        says(&test, "16281 labels are written otherwise than in the schema, first '<=50K.'"));
}

static void credit_and_spam_are_read(void **state)
{
    struct rd_dataset_source s = { .path = TABULAR "german-credit.csv", .scale = 1 };
    struct rd_dataset d = read_it(s);

    (void)state;
    assert_int_equal(d.n, 1000);
    assert_int_equal(d.width, 59);
    assert_int_equal(d.classes, 2);
    assert_true(says(&d, "'credit_risk', because it is the last one"));
    s.path = TABULAR "spambase.csv";
    d = read_it(s);
    assert_int_equal(d.n, 4601);
    assert_int_equal(d.width, 57);
    assert_int_equal(d.label[0], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(types_are_inferred_and_said, release),
        cmocka_unit_test_teardown(a_missing_header_is_noticed, release),
        cmocka_unit_test_teardown(the_label_is_the_one_asked_for, release),
        cmocka_unit_test_teardown(classes_that_are_numbers_keep_their_order, release),
        cmocka_unit_test_teardown(numbers_that_are_none_are_refused_by_line, release),
        cmocka_unit_test_teardown(a_declared_schema_is_obeyed, release),
        cmocka_unit_test_teardown(bad_schemas_are_refused_by_line, release),
        cmocka_unit_test_teardown(numbers_are_scaled_as_asked, release),
        cmocka_unit_test_teardown(a_written_schema_gives_the_same_digest, release),
        cmocka_unit_test_teardown(a_split_is_stratified_and_depends_on_the_seed_alone, release),
        cmocka_unit_test_teardown(equal_rows_stay_on_one_side_of_a_split, release),
        cmocka_unit_test_teardown(duplicates_and_items_are_named, release),
        cmocka_unit_test_teardown(index_and_range_choose_rows_of_a_table, release),
        cmocka_unit_test_teardown(each_failed_allocation_is_an_error_and_leaks_nothing, release),
        cmocka_unit_test_teardown(the_census_is_read_with_one_schema, release),
        cmocka_unit_test_teardown(credit_and_spam_are_read, release),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
