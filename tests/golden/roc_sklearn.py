#!/usr/bin/python3
"""Area under the curve and rates at low false-positive rates against scikit-learn (SciPy's ranks where it is absent),
and the area that an attack reports against the scores that it saved."""
import ctypes
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    try:
        from sklearn.metrics import roc_auc_score, roc_curve
        judge = "scikit-learn"
    except ImportError:
        from scipy.stats import rankdata
        judge = "scipy ranks"

        def roc_auc_score(y, s):
            n1, n0 = y.sum(), (~y).sum()
            return (rankdata(s)[y].sum() - n1 * (n1 + 1) / 2) / (n1 * n0)

        def roc_curve(y, s):
            cut = np.concatenate([[np.inf], np.unique(s)[::-1]])
            return (np.array([(s[~y] >= t).mean() for t in cut]), np.array([(s[y] >= t).mean() for t in cut]), cut)
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

build = os.path.join(os.environ.get("BUILD", "build"), "roc_sklearn.so")
subprocess.run([os.environ.get("CC", "cc"), "-std=gnu17", "-O2", "-ffp-contract=off", "-shared", "-fPIC", "-Isrc",
                "src/stats/roc.c", "-o", build, "-lm"], check=True)
lib = ctypes.CDLL(os.path.abspath(build))
failures = 0


class Roc(ctypes.Structure):
    _fields_ = [("n", ctypes.c_size_t), ("positives", ctypes.c_size_t), ("negatives", ctypes.c_size_t),
                ("hit", ctypes.c_void_p), ("miss", ctypes.c_void_p), ("threshold", ctypes.c_void_p)]


def ours(score, positive):
    n = len(score)
    room = [np.zeros(n, np.uint64) for _ in range(3)] + [np.zeros(n)]
    roc = Roc(0, 0, 0, room[0].ctypes.data, room[1].ctypes.data, room[3].ctypes.data)
    s, p = np.ascontiguousarray(score, np.float64), np.ascontiguousarray(positive, np.bool_)
    lib.rd_roc_of(ctypes.c_void_p(s.ctypes.data), ctypes.c_void_p(p.ctypes.data), ctypes.c_size_t(n),
                  ctypes.c_void_p(room[2].ctypes.data), ctypes.byref(roc))
    for f in (lib.rd_roc_area, lib.rd_roc_tpr):
        f.restype = ctypes.c_double
    return lib.rd_roc_area(ctypes.byref(roc)), [lib.rd_roc_tpr(ctypes.byref(roc), ctypes.c_double(f))
                                                for f in (0.001, 0.01, 0.1)]


def report(what, worst, limit):
    global failures
    failures += not worst <= limit
    print(f"{'ok  ' if worst <= limit else 'FAIL'} {what}: worst {worst:.2g} (limit {limit:.2g})")


rng = np.random.default_rng(1)
worst_area = worst_rate = 0.0
for k in range(60):
    n = int(rng.integers(10, 4000))
    y = rng.random(n) < rng.uniform(0.1, 0.9)
    y[:2] = [True, False]
    s = rng.normal(0, 1, n) + y * rng.uniform(0, 2)
    s = np.round(s, k % 4) if k % 2 else s
    area, rates = ours(s, y)
    fpr, tpr, _ = roc_curve(y, s) if judge == "scipy ranks" else roc_curve(y, s, drop_intermediate=False)
    worst_area = max(worst_area, abs(area - roc_auc_score(y, s)))
    for f, got in zip((0.001, 0.01, 0.1), rates):
        worst_rate = max(worst_rate, abs(got - tpr[fpr <= f].max()))
# Sums of up to 4,000 terms by either side: 4,000 half ulps of 1.
report(f"area against {judge}", worst_area, 4000 * 2.0 ** -53)
report(f"rates against {judge}", worst_rate, 0)

# The whole way: what the program reports is the area of what it saved.
graph = os.path.join(os.environ.get("RD_SHARED", "../shared"), "models/mnist-cnn.onnx")
if os.path.exists(graph):
    with tempfile.TemporaryDirectory() as folder:
        at = lambda name: os.path.join(folder, name)
        y = rng.integers(0, 10, 300)
        x = rng.random((300, 1, 28, 28)) * 0.3
        x[np.arange(300), 0, 2 * y] += 0.7  # each class has a bright row of its own
        np.save(at("x.npy"), x.astype(np.float32))
        np.save(at("y.npy"), y)
        out = subprocess.run(
            [os.environ.get("REDOUBT", "build/redoubt"), "attack", "run", "membership-loss", "--train", at("x.npy"),
             "--train-labels", at("y.npy"), "--graph", graph, "--epochs", "12", "--batch", "16", "--seed", "1",
             "--save-scores", at("s.npz"), "--json", "--quiet"], check=True, capture_output=True, text=True)
        result = json.loads(out.stdout)["result"]
        metrics = result["metrics"]
        auc = metrics["auc"]["value"] if isinstance(metrics, dict) else next(
            m["value"] for m in metrics if m["name"] == "auc")
        z = np.load(at("s.npz"))
        each = [roc_auc_score(z["member"][z["run"] == r].astype(bool), z["score"][z["run"] == r]) for r in range(3)]
        report("the area reported, of the scores saved", abs(np.mean(each) - auc), 1e-12)
sys.exit(failures > 0)
