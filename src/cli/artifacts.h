/* artifacts.h - what `init` makes for the template image-classifier: data, a net, its hardened
 * twin. */
#ifndef RD_CLI_ARTIFACTS_H
#define RD_CLI_ARTIFACTS_H

#include "base/run.h"

struct rd_made {
    double accuracy, robust_accuracy; /* clean, on the evaluation set, of both nets */
    size_t train, eval;               /* examples */
};

/*
 * Writes train-x.npy, train-y.npy, eval-x.npy, eval-y.npy, net.onnx (untrained), model.onnx and
 * robust.onnx (the same net trained on examples moved against it) into dir. Same seed, same bytes.
 */
rd_status rd_make_image_classifier(struct rd_run *run, const char *dir, struct rd_made *made_out);

#endif
