"""Adversarial examples and copies that redoubt saves, checked by PyTorch on the weights in the ONNX files:
the answers are those that were reported, no example leaves its ball or its box in float32 or float64."""
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx
    import torch
    import torch.nn.functional as F
    from onnx import numpy_helper
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed (python3-numpy, python3-torch, python3-onnx)")
    sys.exit(77)

REDOUBT = os.environ.get("REDOUBT", "build/dev/redoubt")
MODELS = "../shared/models/"
if not os.path.exists(MODELS + "mnist-cnn.onnx"):
    print("skipped: ../shared/models is not there")
    sys.exit(77)
failures = []
torch.set_num_threads(2)


def check(ok, what):
    print(("ok      " if ok else "FAILED  ") + what)
    if not ok:
        failures.append(what)


def run(*args):
    done = subprocess.run([REDOUBT, *args, "--json"], capture_output=True, text=True)
    if done.returncode:
        print(done.stderr)
        raise SystemExit(f"exit {done.returncode}: {' '.join(args)}")
    return json.loads(done.stdout)["result"]


def forward(path, x):
    """The chain of Conv, Relu, MaxPool, Flatten, Reshape and Gemm in an ONNX file, by PyTorch."""
    model = onnx.load(path)
    onnx.checker.check_model(model)
    return chain(model, torch.tensor(x)).numpy()


def chain(model, x):
    values = {t.name: torch.tensor(numpy_helper.to_array(t)) for t in model.graph.initializer}
    values = {k: v.to(x.dtype) if v.dtype == torch.float32 else v for k, v in values.items()}
    values[model.graph.input[0].name] = x
    for node in model.graph.node:
        a = {k.name: onnx.helper.get_attribute_value(k) for k in node.attribute}
        v = [values[i] for i in node.input]
        if node.op_type == "Conv":
            out = F.conv2d(v[0], v[1], v[2], padding=a["pads"][0], stride=a.get("strides", [1])[0])
        elif node.op_type == "Relu":
            out = F.relu(v[0])
        elif node.op_type == "MaxPool":
            out = F.max_pool2d(v[0], a["kernel_shape"][0], a["strides"][0])
        elif node.op_type == "Flatten":
            out = v[0].flatten(1)
        elif node.op_type == "Reshape":
            out = v[0].reshape([int(i) if i else v[0].shape[k] for k, i in enumerate(v[1])])
        elif node.op_type == "Gemm":
            b = v[1].T if a.get("transB") else v[1]
            out = v[0] @ b + v[2]
        elif node.op_type in ("Constant", "Identity"):
            out = torch.tensor(numpy_helper.to_array(a["value"])) if a else v[0]
        else:
            raise SystemExit(f"this test does not know {node.op_type}")
        values[node.output[0]] = out
    return values[model.graph.output[0].name]


x = np.load(MODELS + "mnist-eval-x.npy")
y = np.load(MODELS + "mnist-eval-y.npy")
N = 300


def evasion(model, attack, norm, eps, *settings):
    with tempfile.TemporaryDirectory() as t:
        adv_path = t + "/adv.npy"
        r = run("attack", "run", attack, "--target", MODELS + model, "--input", MODELS + "mnist-eval-x.npy",
                "--labels", MODELS + "mnist-eval-y.npy", "--norm", norm, "--set", f"eps={eps}", *settings,
                "--seed", "1", "--count", str(N), "--curve", "0", "--save", adv_path)
        adv = np.load(adv_path)
    name = f"{attack} {norm} {eps} on {model}"
    check(adv.shape == x[:N].shape and adv.dtype == np.float32, f"{name}: shape and type")
    check(adv.min() >= 0 and adv.max() <= 1, f"{name}: inside the box")
    wide = adv.astype(np.float64) - x[:N].astype(np.float64)
    narrow = (adv - x[:N]).astype(np.float64)
    for d, word in ((wide, "float64"), (narrow, "float32")):
        far = np.abs(d).max() if norm == "linf" else np.sqrt((d.reshape(N, -1) ** 2).sum(1)).max()
        check(far <= eps, f"{name}: inside the ball in {word} ({far:.9f})")
    logits = np.sort(forward(MODELS + model, adv), 1)
    answers = forward(MODELS + model, adv).argmax(1)
    close = int((logits[:, -1] - logits[:, -2] < 1e-4).sum())  # rounding may decide these either way
    fooled = int((answers != y[:N]).sum())
    check(abs(fooled - r["successes"]) <= close, f"{name}: PyTorch counts {fooled}, reported {r['successes']}")
    check(r["n"] == N and abs(r["metrics"]["robust_accuracy"]["value"] - (1 - r["successes"] / N)) < 1e-12,
          f"{name}: robust accuracy is what is left")
    return r


r = evasion("mnist-cnn.onnx", "fgsm", "linf", 0.3)
# FGSM has one answer. In float32 PyTorch rounds 1 - p away where the network is sure and finds 8.9 % robust on the
# thousand; in float64 it finds 3.2 %.
net = onnx.load(MODELS + "mnist-cnn.onnx")
xx = torch.tensor(x[:N]).double().requires_grad_()
F.cross_entropy(chain(net, xx), torch.tensor(y[:N]), reduction="sum").backward()
best = (xx + 0.3 * xx.grad.sign()).clamp(0, 1).detach()
fooled = int((chain(net, best).argmax(1) != torch.tensor(y[:N])).sum())
check(abs(fooled - r["successes"]) <= 1, f"fgsm: float64 PyTorch fools {fooled}, reported {r['successes']}")
evasion("mnist-cnn.onnx", "pgd", "linf", 0.1, "--set", "steps=10")
evasion("mnist-cnn.onnx", "pgd", "l2", 1.5, "--set", "steps=20", "--set", "restarts=2")
r = evasion("mnist-cnn-robust.onnx", "pgd", "linf", 0.3, "--set", "steps=10")
check(r["gradients"] <= 10 * N and r["queries"] <= 10 * N, "no more than ten gradients an example")

with tempfile.TemporaryDirectory() as t:
    split = np.load("../shared/data/images/mnist/split.npy")
    import gzip
    raw = gzip.open("../shared/data/images/mnist/t10k-images-idx3-ubyte.gz").read()
    images = np.frombuffer(raw, np.uint8, offset=16).reshape(10000, 28, 28)
    pool = (images[split[:2000]].astype(np.float64) * (1 / 255)).astype(np.float32)[:, None]
    np.save(t + "/pool.npy", pool)
    r = run("attack", "run", "copycat", "--target", MODELS + "mnist-cnn.onnx", "--pool", t + "/pool.npy",
            "--input", MODELS + "mnist-eval-x.npy", "--labels", MODELS + "mnist-eval-y.npy",
            "--set", "queries=1000", "--set", "epochs=4", "--seed", "3", "--save", t + "/copy.onnx")
    copy = forward(t + "/copy.onnx", x).argmax(1)
    target = forward(MODELS + "mnist-cnn.onnx", x).argmax(1)
    same = float((copy == target).mean())
    check(abs(same - r["metrics"]["fidelity"]["value"]) <= 0.002, f"copy: PyTorch finds fidelity {same}")
    check(abs(float((copy == y).mean()) - r["metrics"]["accuracy"]["value"]) <= 0.002, "copy: accuracy")
    po, pe = same, float(sum((copy == k).mean() * (target == k).mean() for k in range(10)))
    check(abs((po - pe) / (1 - pe) - r["metrics"]["kappa"]["value"]) < 0.003, "copy: kappa")
    check(r["queries"] == 1000 and r["rows_total"] >= 2000, "copy: rows are counted")
    check(r["metrics"]["fidelity"]["value"] > 0.85, "copy: worth the name")
    check(r["metrics"]["baseline_fidelity"]["value"] is None and r["metrics"]["baseline_fidelity"]["reason"],
          "copy: no baseline without labels, and the reason")

sys.exit(1 if failures else 0)
