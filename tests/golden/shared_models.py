#!/usr/bin/python3
"""Every model that other tools made and exported, through the command line, against those tools' own answers and gradients.

Tolerances come from the records beside the models:
- outputs: the exporter's runtime is within 8e-6 of the framework, absolutely; ours may be as far, times the largest output
  where that is above 1; labels and words are equal. The int8 net of integer operators sums integers, so that it is equal too. The
  one of float operators between QuantizeLinear and DequantizeLinear rounds float32 sums to steps: where a sum comes within its
  own rounding error of a tie, the order of summing decides, and the logits may move by one step, 0.22. Summed in float64, 2 of
  the 1,000 rows differ from the reference's float32; summed in float32 in 12 random orders, 0 to 4 do, and any two of the orders
  differ in 2.4 rows on average. Of a Poisson variable with that mean, 8 is passed once in 1,500 times: so many rows may move,
  by one step, and 998 decisions must be equal.
- gradients: `grad_noise`, the distance between the framework's own float32 and float64 gradients, times 4 (ours and theirs both
  are that far from the truth, in their worst element), and at least 4e-6 of the largest gradient. ResNet-20 has images at the
  kink of a ReLU, where rounding decides; the framework's own noise of each image is known. Among those where it is below 1e-4,
  the median is at most 4 times the framework's median, and no more images than the framework has noisy ones exceed 1e-4.
"""
import json
import os
import subprocess
import sys
import tempfile

MODELS = "../shared/models"
if not os.path.exists(f"{MODELS}/records.json"):
    print(f"skipped: {MODELS} is not here")
    sys.exit(77)
try:
    import numpy as np
except ImportError as reason:
    print(f"skipped: {reason}")
    sys.exit(77)

REDOUBT = os.path.abspath(os.environ.get("REDOUBT", "build/release/redoubt"))
RECORDS = json.load(open(f"{MODELS}/records.json", encoding="utf-8"))
FLOAT, STEP = 8e-6, 0.22
BORROWED = {"cifar-resnet20": "cifar-eval-x.npy", "cifar-resnet20-unfused": "cifar-eval-x.npy"}  # inputs of several models
SAME_AS = {"cifar-resnet20-unfused": "cifar-resnet20"}                                           # files beside it
bad = []


def fields(data):
    """Of one protobuf message: (number, value), value an int or bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
        else:
            size = {1: 8, 5: 4}.get(tag & 7) or varint()
            yield tag >> 3, data[at:at + size]
            at += size


def words_of(path):
    """The output of the Gather on the table with the most rows."""
    graph = next(v for k, v in fields(open(path, "rb").read()) if k == 7)
    rows, best = {}, (0, None)
    for key, value in fields(graph):
        if key == 5:
            tensor = list(fields(value))
            dims = []
            for k, v in tensor:
                if k == 1:
                    dims += [v] if isinstance(v, int) else list(v) if all(b < 128 for b in v) else []
                    if not isinstance(v, int) and not dims:
                        dims = [sum((b & 127) << 7 * i for i, b in enumerate(v[:2]))]
            name = next((v.decode() for k, v in tensor if k == 8), "")
            rows[name] = dims[0] if len(dims) >= 1 else 0
    for key, value in fields(graph):
        if key != 1:
            continue
        node = list(fields(value))
        inputs = [v.decode() for k, v in node if k == 1]
        if any(k == 4 and v == b"Gather" for k, v in node) and rows.get(inputs[0], 0) > best[0]:
            best = rows[inputs[0]], next(v.decode() for k, v in node if k == 2)
    return best[1]


def run(what, *args):
    done = subprocess.run([REDOUBT, "model", *args, "--quiet"], capture_output=True, text=True, check=False)
    if not done.returncode:
        return True
    why = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
    bad.append(f"{what}: {' / '.join(why)}")
    print(bad[-1])
    return False


def say(what, good, off, most):
    print(f"{what}: differs by {off:.1e}, at most {most:.1e}" + ("" if good else "  TOO FAR"))
    if not good:
        bad.append(f"{what}: differs by {off:.2e}, at most {most:.2e}")


def same_text(what, want, got):
    equal = open(want, encoding="utf-8").read() == open(got, encoding="utf-8").read()
    print(f"{what}: {'equal' if equal else 'differs'}")
    if not equal:
        bad.append(f"{what}: other words")


def outputs(name, files, x, folder):
    args, pairs = [], []
    for file in files:
        stem, _, kind = file.rpartition(".")
        output = stem.partition(".out")[2][1:] if ".out" in stem else ""
        got = os.path.join(folder, file)
        args += ["--output", f"{output}={got}" if output else got]
        pairs.append((file, got, kind))
    if not run(name, "run", f"{MODELS}/{name}.onnx", "--input", x, *args):
        return
    for file, got, kind in pairs:
        if kind == "txt":
            same_text(file, f"{MODELS}/{file}", got)
            continue
        w, g = np.load(f"{MODELS}/{file}"), np.load(got)
        if g.size != w.size or (g.shape != w.shape and g.squeeze().shape != w.squeeze().shape):
            bad.append(f"{file}: shape {g.shape}, not {w.shape}")
            continue
        off = np.abs(g.reshape(w.shape).astype(float) - w)
        if "int8" in name:
            moved = (off > FLOAT * max(1, np.abs(w).max())).any(axis=1).sum()
            same = (g.argmax(1) == w.argmax(1)).sum()
            print(f"{file}: {moved} rows moved, {same} decisions equal, at most {off.max():.3f}")
            if moved > (8 if name.endswith("qdq") else 0) or same < len(w) - 2 or off.max() > STEP * 1.01:
                bad.append(f"{file}: {moved} rows moved, by up to {off.max():.3f}; {same} decisions equal")
            continue
        most = FLOAT * max(1, np.abs(w).max()) if w.dtype.kind == "f" else 0
        say(file, off.max() <= most, off.max(), most)


def gradients(name, x, folder):
    base = SAME_AS.get(name, name)
    got = os.path.join(folder, "g.npy")
    y = f"{MODELS}/cifar-eval-y.npy" if base == "cifar-resnet20" else f"{MODELS}/{base}.y.npy"
    seed = ["--labels", y]
    if os.path.exists(f"{MODELS}/{base}.cot.npy"):
        seed = ["--cotangent", f"{MODELS}/{base}.cot.npy"]
    for kind in ("gradx", "gradembed"):
        want = f"{MODELS}/{base}.{kind}.npy"
        if not os.path.exists(want):
            continue
        wrt = ["--wrt", str(words_of(f"{MODELS}/{name}.onnx"))] if kind == "gradembed" else []
        if not run(f"{name}.{kind}", "grad", f"{MODELS}/{name}.onnx", "--input", x, *seed, *wrt, "--output", got):
            continue
        w, g = np.load(want).astype(float), np.load(got).astype(float)
        if g.shape != w.shape:
            bad.append(f"{name}.{kind}: shape {g.shape}, not {w.shape}")
            continue
        off = np.abs(g - w)
        noise = RECORDS[name].get("grad_noise") or 0
        most = max(4 * noise, 4e-6 * np.abs(w).max())
        if base == "cifar-resnet20":
            quiet = np.load(f"{MODELS}/{base}.noise.npy") < 1e-4
            image = (off.max((1, 2, 3)) / np.abs(w).max((1, 2, 3)))[quiet]
            kinks = int((image > 1e-4).sum())
            print(f"{name}.{kind}: {kinks} of {quiet.sum()} quiet images at a kink of ours")
            if kinks > RECORDS[base]["noisy"]:
                bad.append(f"{name}.{kind}: {kinks} quiet images are off by more than 1e-4")
            off, most = np.median(image), 4 * RECORDS[base]["median_noise"]
        say(f"{name}.{kind}", off.max() <= most, off.max(), most)


names = sorted(f[:-5] for f in os.listdir(MODELS) if f.endswith(".onnx"))
with tempfile.TemporaryDirectory() as at:
    for model in names:
        own = SAME_AS.get(model, model)
        files = sorted(f for f in os.listdir(MODELS) if f.startswith(f"{own}.out."))
        if model.startswith("mnist-cnn"):
            data = f"{MODELS}/mnist-eval-x.npy"
            files = files or [f"{model}.eval-logits.npy"]
        else:
            data = next(p for p in (f"{MODELS}/{BORROWED.get(model, '-')}", f"{MODELS}/{model}.x.npy", f"{MODELS}/{model}.x.npz",
                                    f"{MODELS}/{model}.x.csv") if os.path.exists(p))
        outputs(model, files, data, at)
        gradients(model, data, at)
print(f"\n{len(names)} models, failed: {len(bad)}")
for line in bad:
    print(f"failed   {line}")
sys.exit(1 if bad else 0)
