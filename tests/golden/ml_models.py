#!/usr/bin/python3
"""Models that scikit-learn, XGBoost and LightGBM made and their exporters wrote, against those libraries' own answers.

Tolerance: their README's 8e-6 for floats, labels exactly. Inputs are .npy, or .csv where some are strings.
"""
import os
import subprocess
import sys
import tempfile

MODELS = "../shared/models"
if not os.path.exists(f"{MODELS}/skl-logreg-spam.onnx"):
    print(f"skipped: {MODELS} is not here")
    sys.exit(77)
try:
    import numpy as np
except ImportError as reason:
    print(f"skipped: {reason}")
    sys.exit(77)

REDOUBT = os.path.abspath(os.environ.get("REDOUBT", "build/release/redoubt"))
NAMES = ("skl-logreg-spam skl-svc-spam skl-mlp-spam skl-knn-digits skl-iforest-spam skl-forest-adult skl-gboost-credit "
         "skl-tfidf-sms xgb-spam xgb-credit-amount lgbm-spam").split()
NOT_YET = ("is no .npy file", "holds NaN")  # what the command line does not take


def check(name, folder):
    x = next(p for p in (f"{MODELS}/{name}.x.npy", f"{MODELS}/{name}.x.csv") if os.path.exists(p))
    wants = sorted(f for f in os.listdir(MODELS) if f.startswith(f"{name}.out."))
    args, pairs = [REDOUBT, "model", "run", f"{MODELS}/{name}.onnx", "--quiet", "--input", x], []
    for want in wants:
        output, _, kind = want[len(name) + 5:].rpartition(".")
        got = os.path.join(folder, want)
        args += ["--output", f"{output}={got}" if output else got]
        pairs.append((f"{MODELS}/{want}", got, kind))
    done = subprocess.run(args, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{name}: {done.stderr.strip().splitlines()[-1]}")
        return any(s in done.stderr for s in NOT_YET)
    good = True
    for want, got, kind in pairs:
        if kind == "txt":
            same = open(want, encoding="utf-8").read() == open(got, encoding="utf-8").read()
            print(f"{name}: {os.path.basename(want)} {'equal' if same else 'differs'}")
        else:
            w, g = np.load(want), np.load(got)
            g = g.reshape(w.shape)
            off = np.abs(g.astype(float) - w).max()
            same = off <= (8e-6 * max(1, np.abs(w).max()) if w.dtype.kind == "f" else 0)
            print(f"{name}: {os.path.basename(want)} differs by {off:.1e}")
        good = good and same
    return good


with tempfile.TemporaryDirectory() as at:
    good = [check(name, at) for name in NAMES]
sys.exit(0 if all(good) else 1)
