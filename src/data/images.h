/*
 * images.h - folders of images, as folders or inside a zip.
 *
 *   <class>/<anything>.png         the class is the first folder; classes are numbered by name
 *   train/<class>/...  test/<class>/...    a split that somebody made already
 *   <anything>.png                 no classes
 *
 * A folder that holds nothing but one folder is looked through. Images come in the order of their
 * names, bytewise. Hidden files and those that are no image are left out and said; a file that is
 * called .png or .jpg and is none is an error. Links are refused. Nothing is extracted to disk.
 */
#ifndef RD_DATA_IMAGES_H
#define RD_DATA_IMAGES_H

#include "base/file.h"
#include "base/zip.h"
#include "data/choice.h"
#include "data/notes.h"

struct rd_image_item {
    const char *name;                 /* below the folder, with '/' */
    int label;                        /* -1: none */
    const struct rd_zip_entry *entry; /* of a zip, else NULL */
};

struct rd_image_list {
    const char *name;         /* of the folder or archive */
    const struct rd_zip *zip; /* NULL: a folder, or one image */
    struct rd_bytes one;      /* one image alone */
    size_t n;
    const struct rd_image_item *item;
    int classes; /* 0: none */
    const char *const *class_name;
    bool has_parts; /* train/ or test/ were told apart: no further split */
};

/* Does the archive hold a file called .png, .jpg or .jpeg? */
bool rd_images_in_zip(const struct rd_zip *zip);
/* part: which of train/ and test/, where there are both; ALL takes both and says so. */
rd_status rd_images_list_folder(const char *path, enum rd_split_part part,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_image_list *list_out,
    struct rd_notes *notes, struct rd_error *err);
/* folder NULL: all of it. */
rd_status rd_images_list_zip(const struct rd_zip *zip, const char *folder, enum rd_split_part part,
    const struct rd_limits *limits, struct rd_arena *arena, struct rd_image_list *list_out,
    struct rd_notes *notes, struct rd_error *err);
/*
 * x, n, dim, width: (n, channels, height, width), times scale. All of one size and kind, unless
 * resize (height, width) is not 0; gray images among colored ones get three equal channels.
 */
rd_status rd_images_decode(const struct rd_image_list *list, const struct rd_choice *choice,
    const int64_t resize[2], double scale, const struct rd_limits *limits, struct rd_arena *arena,
    struct rd_dataset *d, struct rd_notes *notes, struct rd_error *err);

#endif
