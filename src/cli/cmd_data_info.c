/* cmd_data_info.c - redoubt data info: what is in a table, a folder of images or an array. */
#include "cli/cli.h"

#include "base/file.h"
#include "base/text.h"
#include "data/dataset.h"
#include "data/schema.h"
#include "tensor/npy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct data_info {
    const char *labels, *label_column, *contributor_column, *schema, *write_schema, *column_scale;
    const char *index, *part, *resize, *items, *write_x, *write_labels;
    double scale, test_share;
};

static const char *const scales[] = { "auto", "none", "standard", "minmax", NULL };
static const char *const parts[] = { "all", "train", "test", NULL };

static const struct rd_option options[] = {
    RD_TEXT(struct data_info, labels, "labels", "", "FILE", "labels, if in a file of their own"),
    RD_TEXT(struct data_info, label_column, "label-column", "", "NAME",
        "column of the labels, by name or number from 1; none: there is none"),
    RD_TEXT(struct data_info, contributor_column, "contributor-column", "", "NAME",
        "column that says where a row came from"),
    RD_TEXT(struct data_info, schema, "schema", "", "FILE", "what the columns mean; else inferred"),
    RD_TEXT(struct data_info, write_schema, "write-schema", "", "FILE",
        "write the schema as used, with what was learned"),
    RD_CHOICE(struct data_info, column_scale, "column-scale", "auto", scales,
        "how numbers of a table are scaled; auto: as the schema says, else not"),
    RD_TEXT(struct data_info, index, "index", "", "FILE", "integers: the rows to use, in order"),
    RD_REAL(struct data_info, scale, "scale", "1", -1e30, 1e30, "",
        "arrays and images are multiplied by it"),
    RD_CHOICE(
        struct data_info, part, "part", "all", parts, "of a split by --seed and --test-share"),
    RD_REAL(struct data_info, test_share, "test-share", "0.2", 1e-6, 0.999999, "",
        "share of each class that is put aside"),
    RD_TEXT(
        struct data_info, resize, "resize", "", "HEIGHTxWIDTH", "bring all images to this size"),
    RD_TEXT(struct data_info, items, "items", "", "FILE",
        "write row and SHA-256 of each example, one a line"),
    RD_TEXT(struct data_info, write_x, "write-x", "", "FILE.npy",
        "write the rows as a model sees them, float32"),
    RD_TEXT(struct data_info, write_labels, "write-labels", "", "FILE.npy",
        "write the classes of the rows, int32"),
    RD_OPTION_END,
};

enum { BAR = 40, CLASSES_SHOWN = 40, COLUMNS_SHOWN = 60, SOURCES_SHOWN = 10, PAIRS_SHOWN = 20 };
enum { ROWS_SHOWN = 3, VALUES_SHOWN = 12, VALUES_KEPT = 64, ALIKE = 3, NAME = 64 };

/* --- what was asked --- */

static rd_status read_resize(struct rd_cli *cli, const char *text, int64_t resize[2])
{
    const char *x = text ? strchr(text, 'x') : NULL;
    char height[16], safe[48];
    double h, w;

    if (!text)
        return RD_OK;
    (void)snprintf(height, sizeof height, "%.*s", x ? (int)(x - text) : 0, text);
    if (!x || x - text >= (ptrdiff_t)sizeof height || !rd_text_to_double(height, false, &h) ||
        !rd_text_to_double(x + 1, false, &w) || !(h >= 1 && h <= 65536 && w >= 1 && w <= 65536) ||
        h != (double)(int64_t)h || w != (double)(int64_t)w)
        return RD_FAIL(cli->run.err, RD_E_USAGE, "resize: '%s' is not HEIGHTxWIDTH",
            rd_text_safe_in(safe, sizeof safe, text));
    resize[0] = (int64_t)h;
    resize[1] = (int64_t)w;
    return RD_OK;
}

static rd_status read_source(
    struct rd_cli *cli, const struct data_info *o, const char *path, struct rd_dataset_source *s)
{
    *s = (struct rd_dataset_source){ .path = path,
        .labels = o->labels,
        .index = o->index,
        .scale = o->scale,
        .schema = o->schema,
        .label_column = o->label_column,
        .contributor_column = o->contributor_column,
        .column_scale = strcmp(o->column_scale, "auto") != 0 ? o->column_scale : NULL,
        .split = { .test_share = o->test_share, .seed = cli->run.seed } };
    for (int i = 0; parts[i]; i++)
        if (!strcmp(parts[i], o->part))
            s->split.part = (enum rd_split_part)i;
    return read_resize(cli, o->resize, s->resize);
}

/* --- what was found --- */

static void put_bar(struct rd_cli *cli, size_t n, size_t most)
{
    for (size_t i = 0; i < (n * BAR + most - 1) / most; i++)
        (void)fputc('#', cli->out);
    (void)fputc('\n', cli->out);
}

static const char *class_text(const struct rd_dataset *d, size_t c, char out[NAME])
{
    if (d->class_name)
        return rd_text_safe_in(out, NAME, d->class_name[c]);
    (void)snprintf(out, NAME, "%zu", c);
    return out;
}

static void put_classes(
    struct rd_cli *cli, const struct rd_dataset *d, const struct rd_data_profile *p)
{
    size_t most = 1, wide = 1;
    char name[NAME];

    rd_json_key(cli->result, "classes");
    if (!p->class_n) {
        rd_json_null(cli->result);
        (void)fprintf(cli->out, "no labels\n");
        return;
    }
    rd_json_array(cli->result);
    for (size_t c = 0; c < (size_t)d->classes; c++) {
        const size_t len = strlen(class_text(d, c, name));

        most = p->class_n[c] > most ? p->class_n[c] : most;
        wide = len > wide ? len : wide;
        rd_json_object(cli->result);
        rd_json_ktext(cli->result, "name", d->class_name ? d->class_name[c] : NULL);
        rd_json_kint(cli->result, "rows", (int64_t)p->class_n[c]);
        rd_json_kreal(cli->result, "share", (double)p->class_n[c] / (double)d->n);
        rd_json_end(cli->result);
    }
    rd_json_end(cli->result);
    (void)fprintf(cli->out, "%d classes\n", d->classes);
    for (size_t c = 0; c < (size_t)d->classes && c < CLASSES_SHOWN; c++) {
        (void)fprintf(cli->out, "  %-*s %8zu %5.1f %% ", (int)wide, class_text(d, c, name),
            p->class_n[c], 100 * (double)p->class_n[c] / (double)d->n);
        put_bar(cli, p->class_n[c], most);
    }
    if (d->classes > CLASSES_SHOWN)
        (void)fprintf(cli->out, "  and %d more\n", d->classes - CLASSES_SHOWN);
}

/* Rows are named by their place in the file. */
static void put_duplicates(
    struct rd_cli *cli, const struct rd_dataset *d, const struct rd_data_profile *p)
{
    size_t shown = 0;

    rd_json_kobject(cli->result, "duplicates");
    rd_json_kint(cli->result, "rows", (int64_t)p->n_duplicates);
    rd_json_kint(cli->result, "other_label", (int64_t)p->n_conflicts);
    rd_json_karray(cli->result, "pairs");
    (void)fprintf(cli->out, "%zu %s", p->n_duplicates,
        p->n_duplicates == 1 ? "row repeats an earlier one" : "rows repeat earlier ones");
    if (p->n_conflicts)
        (void)fprintf(cli->out, ", %zu of them under another label", p->n_conflicts);
    for (size_t i = 0; i < d->n && shown < PAIRS_SHOWN; i++) {
        const size_t first = p->first[i];

        if (first == i)
            continue;
        rd_json_object(cli->result);
        rd_json_kint(cli->result, "row", (int64_t)rd_dataset_row(d, i));
        rd_json_kint(cli->result, "first", (int64_t)rd_dataset_row(d, first));
        rd_json_kbool(cli->result, "other_label", d->label && d->label[i] != d->label[first]);
        rd_json_end(cli->result);
        if (shown < ALIKE)
            (void)fprintf(cli->out, "%s row %zu as %zu", shown ? "," : ":", rd_dataset_row(d, i),
                rd_dataset_row(d, first));
        shown++;
    }
    (void)fprintf(cli->out, "%s\n", p->n_duplicates > ALIKE ? ", ..." : "");
    rd_json_end(cli->result);
    rd_json_end(cli->result);
}

static void put_column(struct rd_cli *cli, const struct rd_feature *f)
{
    rd_json_object(cli->result);
    rd_json_ktext(cli->result, "name", f->name);
    rd_json_ktext(cli->result, "type", f->type == RD_FEATURE_NUMBER ? "number" : "category");
    rd_json_kint(cli->result, "first", (int64_t)f->first);
    rd_json_kint(cli->result, "width", (int64_t)f->width);
    rd_json_kint(cli->result, "missing", (int64_t)f->missing);
    rd_json_kint(cli->result, "unknown", (int64_t)f->unknown);
    if (f->type == RD_FEATURE_NUMBER) {
        rd_json_kreal(cli->result, "low", f->low);
        rd_json_kreal(cli->result, "high", f->high);
    }
    if (f->type == RD_FEATURE_CATEGORY) {
        rd_json_karray(cli->result, "categories");
        for (size_t i = 0; i < f->width; i++)
            rd_json_text(cli->result, f->category[i]);
        rd_json_end(cli->result);
    }
    if (f->deviation != 0) {
        rd_json_kreal(cli->result, "mean", f->mean);
        rd_json_kreal(cli->result, "deviation", f->deviation);
    }
    rd_json_end(cli->result);
}

static void say_column(struct rd_cli *cli, const struct rd_feature *f)
{
    char name[NAME], low[32], high[32], word[NAME];

    (void)rd_text_safe_in(name, sizeof name, f->name);
    if (f->type == RD_FEATURE_NUMBER) {
        (void)fprintf(cli->out, "  %-24s number    %s to %s", name,
            rd_text_from_double(f->low, low), rd_text_from_double(f->high, high));
        if (f->deviation != 0)
            (void)fprintf(cli->out, ", less %.6g, divided by %.6g", f->mean, f->deviation);
    } else {
        (void)fprintf(cli->out, "  %-24s category  %zu:", name, f->width);
        for (size_t i = 0; i < f->width && i < ALIKE; i++)
            (void)fprintf(cli->out, "%s %s", i ? "," : "",
                rd_text_safe_in(word, sizeof word, f->category[i]));
        (void)fprintf(cli->out, "%s", f->width > ALIKE ? ", ..." : "");
    }
    if (f->missing)
        (void)fprintf(cli->out, "; %zu missing", f->missing);
    if (f->unknown)
        (void)fprintf(cli->out, "; %zu unknown", f->unknown);
    (void)fputc('\n', cli->out);
}

static void put_columns(struct rd_cli *cli, const struct rd_dataset *d)
{
    rd_json_key(cli->result, "columns");
    if (!d->n_features) {
        rd_json_null(cli->result);
        return;
    }
    rd_json_array(cli->result);
    (void)fprintf(cli->out, "%zu columns\n", d->n_features);
    for (size_t i = 0; i < d->n_features; i++) {
        put_column(cli, &d->feature[i]);
        if (i < COLUMNS_SHOWN)
            say_column(cli, &d->feature[i]);
    }
    rd_json_end(cli->result);
    if (d->n_features > COLUMNS_SHOWN)
        (void)fprintf(cli->out, "  and %zu more\n", d->n_features - COLUMNS_SHOWN);
}

struct tally {
    size_t n, who;
};

static int by_rows(const void *a, const void *b)
{
    const struct tally *x = a, *y = b;

    return x->n != y->n ? (x->n < y->n ? 1 : -1) : (x->who > y->who) - (x->who < y->who);
}

/* Who gave most, with the share of all rows. */
static rd_status put_contributors(
    struct rd_cli *cli, const struct rd_dataset *d, const struct rd_data_profile *p)
{
    struct tally *t;
    char name[NAME];

    rd_json_key(cli->result, "contributors");
    if (!p->contributor_n) {
        rd_json_null(cli->result);
        return RD_OK;
    }
    t = RD_NEW_ARRAY(cli->run.scratch, struct tally, d->n_contributors);
    if (!t)
        return rd_run_no_memory(&cli->run, "the contributors");
    for (size_t i = 0; i < d->n_contributors; i++)
        t[i] = (struct tally){ p->contributor_n[i], i };
    qsort(t, d->n_contributors, sizeof *t, by_rows);
    (void)fprintf(cli->out, "%zu contributors\n", d->n_contributors);
    rd_json_object(cli->result);
    rd_json_kint(cli->result, "n", (int64_t)d->n_contributors);
    rd_json_karray(cli->result, "largest");
    for (size_t i = 0; i < d->n_contributors && i < SOURCES_SHOWN; i++) {
        const char *who = d->contributor_name ? d->contributor_name[t[i].who] : NULL;

        rd_json_object(cli->result);
        rd_json_ktext(cli->result, "name", who);
        rd_json_kint(cli->result, "number", (int64_t)t[i].who);
        rd_json_kint(cli->result, "rows", (int64_t)t[i].n);
        rd_json_end(cli->result);
        (void)fprintf(cli->out, "  %-24s %8zu %5.1f %% ",
            who ? rd_text_safe_in(name, sizeof name, who) : "", t[i].n,
            100 * (double)t[i].n / (double)d->n);
        put_bar(cli, t[i].n, t[0].n);
    }
    rd_json_end(cli->result);
    rd_json_end(cli->result);
    return RD_OK;
}

static void put_rows(struct rd_cli *cli, const struct rd_dataset *d)
{
    rd_json_karray(cli->result, "first_rows");
    (void)fprintf(cli->out, "first rows, as a model sees them\n");
    for (size_t i = 0; i < d->n && i < ROWS_SHOWN; i++) {
        rd_json_object(cli->result);
        rd_json_kint(cli->result, "row", (int64_t)rd_dataset_row(d, i));
        rd_json_key(cli->result, "label");
        if (d->label)
            rd_json_int(cli->result, d->label[i]);
        else
            rd_json_null(cli->result);
        rd_json_karray(cli->result, "values"); /* at most VALUES_KEPT: the rest says nothing new */
        (void)fprintf(cli->out, "  %zu:", rd_dataset_row(d, i));
        for (size_t k = 0; k < d->width && k < VALUES_KEPT; k++) {
            const double v = (double)d->x[i * d->width + k];

            rd_json_real(cli->result, v);
            if (k < VALUES_SHOWN)
                (void)fprintf(cli->out, " %.5g", v);
        }
        rd_json_end(cli->result);
        rd_json_end(cli->result);
        (void)fprintf(cli->out, "%s", d->width > VALUES_SHOWN ? " ..." : "");
        if (d->label)
            (void)fprintf(cli->out, " -> %d", d->label[i]);
        (void)fputc('\n', cli->out);
    }
    rd_json_end(cli->result);
}

static void put_notes(struct rd_cli *cli, const struct rd_dataset *d)
{
    rd_json_karray(cli->result, "notes");
    for (size_t i = 0; i < d->n_notes; i++) {
        rd_json_text(cli->result, d->note[i]);
        (void)fprintf(cli->out, "%s %s\n", i ? "    " : "note", d->note[i]);
    }
    rd_json_end(cli->result);
}

/* --- what is written --- */

static rd_status write_schema(struct rd_cli *cli, const struct rd_dataset *d, const char *path)
{
    struct rd_buf text = { 0 };
    rd_status st;

    if (!path)
        return RD_OK;
    if (!d->schema)
        return RD_FAIL(cli->run.err, RD_E_USAGE, "only a table has a schema to write");
    rd_schema_write(d->schema, &text);
    st = text.failed ? rd_run_no_memory(&cli->run, "a schema")
                     : rd_file_write(path, text.text, text.len, 0644, cli->run.err);
    rd_buf_release(&text);
    return st;
}

/* One line an example: where it stood and what it is, so that a part of a set can be named. */
static rd_status write_items(struct rd_cli *cli, const struct rd_dataset *d, const char *path)
{
    struct rd_buf text = { 0 };
    char digest[65];
    rd_status st = RD_OK;

    if (!path)
        return RD_OK;
    for (size_t i = 0; !st && i < d->n; i++) {
        st = rd_dataset_item_digest(d, i, digest, cli->run.err);
        rd_buf_printf(&text, "%zu %s\n", rd_dataset_row(d, i), digest);
    }
    if (!st)
        st = text.failed ? rd_run_no_memory(&cli->run, "the digests")
                         : rd_file_write(path, text.text, text.len, 0644, cli->run.err);
    rd_buf_release(&text);
    return st;
}

static rd_status write_arrays(
    struct rd_cli *cli, const struct rd_dataset *d, const struct data_info *o)
{
    struct rd_tensor x = { .dtype = RD_F32, .ndim = d->ndim + 1, .dim = { (int64_t)d->n } };
    struct rd_tensor y = { .dtype = RD_I32, .ndim = 1, .dim = { (int64_t)d->n } };
    rd_status st = RD_OK;

    for (int i = 0; i < d->ndim; i++)
        x.dim[i + 1] = d->dim[i];
    x.data = (void *)(uintptr_t)d->x; /* only read */
    y.data = (void *)(uintptr_t)d->label;
    if (o->write_labels && !d->label)
        return RD_FAIL(cli->run.err, RD_E_USAGE, "there are no labels to write");
    if (o->write_x)
        st = rd_npy_write(o->write_x, &x, cli->run.err);
    if (!st && o->write_labels)
        st = rd_npy_write(o->write_labels, &y, cli->run.err);
    return st;
}

static rd_status run(struct rd_cli *cli, const void *opts, int argc, char **argv)
{
    const struct data_info *const o = opts;
    struct rd_dataset_source source;
    struct rd_data_profile profile;
    struct rd_dataset d;
    int64_t dim[RD_MAX_DIMS + 1];
    char shape[160];
    rd_status st = read_source(cli, o, argv[0], &source);

    (void)argc;
    if (!st)
        st = rd_dataset_read(&source, &rd_limits_default, cli->run.scratch, &d, cli->run.err);
    if (!st)
        st = rd_data_profile(&d, cli->run.scratch, &profile, cli->run.err);
    if (!st)
        st = write_schema(cli, &d, o->write_schema);
    if (!st)
        st = write_items(cli, &d, o->items);
    if (!st)
        st = write_arrays(cli, &d, o);
    if (st)
        return st;
    rd_json_object(cli->result);
    rd_json_ktext(cli->result, "format", d.format);
    rd_json_ktext(cli->result, "digest", d.digest);
    rd_json_kint(cli->result, "rows", (int64_t)d.n);
    rd_json_karray(cli->result, "shape");
    dim[0] = (int64_t)d.n;
    for (int i = 0; i < d.ndim; i++)
        dim[i + 1] = d.dim[i];
    for (int i = 0; i <= d.ndim; i++)
        rd_json_int(cli->result, dim[i]);
    rd_json_end(cli->result);
    rd_json_kreal(cli->result, "low", (double)d.low);
    rd_json_kreal(cli->result, "high", (double)d.high);
    (void)fprintf(cli->out, "%s of shape %s, values from %.6g to %.6g\n", d.format,
        rd_shape_text(dim, d.ndim + 1, shape, sizeof shape), (double)d.low, (double)d.high);
    (void)fprintf(cli->out, "digest %s\n", d.digest);
    put_classes(cli, &d, &profile);
    put_duplicates(cli, &d, &profile);
    st = put_contributors(cli, &d, &profile);
    put_columns(cli, &d);
    put_rows(cli, &d);
    put_notes(cli, &d);
    rd_json_end(cli->result);
    return st;
}

const struct rd_command rd_command_data_info = {
    .name = "data info",
    .summary = "show what is in a table, a folder of images or an array",
    .synopsis = "PATH",
    .examples = "redoubt data info customers.csv --label-column churned\n"
                "redoubt data info train.csv --column-scale standard --write-schema schema.yaml\n"
                "redoubt data info test.csv --schema schema.yaml --json\n"
                "redoubt data info photos.zip --resize 32x32\n",
    .options = options,
    .options_size = sizeof(struct data_info),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
