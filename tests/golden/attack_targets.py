"""Targets of an attack that PyTorch exports for the occasion: one that ends in Softmax is as weak as the same
network without it; one that answers NaN, has no gradient or no batch axis is refused by name."""
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    from torch import nn
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed (python3-numpy, python3-torch)")
    sys.exit(77)

REDOUBT = os.environ.get("REDOUBT", "build/dev/redoubt")
failures = []


def check(ok, what):
    print(("ok      " if ok else "FAILED  ") + what)
    if not ok:
        failures.append(what)


def run(t, model, *args, attack="pgd"):
    done = subprocess.run([REDOUBT, "attack", "run", attack, "--target", f"{t}/{model}", "--input", t + "/x.npy",
                           "--labels", t + "/y.npy", "--json", "--seed", "2", *args],
                          capture_output=True, text=True)
    return done, json.loads(done.stdout)["result"] if done.returncode == 0 else None


def export(net, path, example, batch=True):
    axes = {"x": {0: "n"}, "out": {0: "n"}} if batch else None
    torch.onnx.export(net.eval(), example, path, input_names=["x"], output_names=["out"], dynamic_axes=axes,
                      opset_version=13)


class Chain(nn.Module):
    def __init__(self, net, tail):
        super().__init__()
        self.net, self.tail = net, tail

    def forward(self, x):
        return self.tail(self.net(x))


torch.manual_seed(0)
rng = np.random.RandomState(0)
centers = rng.rand(3, 6).astype(np.float32)
y = rng.randint(0, 3, 400)
x = np.clip(centers[y] + 0.12 * rng.randn(400, 6), 0, 1).astype(np.float32)
net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 3))
step = torch.optim.Adam(net.parameters(), 0.02)
for _ in range(300):
    step.zero_grad()
    nn.functional.cross_entropy(net(torch.tensor(x)), torch.tensor(y)).backward()
    step.step()
with torch.no_grad():  # so sure that its probabilities round to 0 and 1
    net[2].weight *= 200
    net[2].bias *= 200

with tempfile.TemporaryDirectory() as t:
    np.save(t + "/x.npy", x)
    np.save(t + "/y.npy", y)
    one = torch.tensor(x[:1])
    export(net, t + "/logits.onnx", one)
    export(Chain(net, nn.Softmax(1)), t + "/softmax.onnx", one)
    export(Chain(net, nn.LogSoftmax(1)), t + "/log.onnx", one)
    export(net, t + "/fixed.onnx", one, batch=False)
    export(Chain(net, lambda o: (o - o) / (o - o)), t + "/nan.onnx", one)

    settings = ("--set", "eps=0.2", "--set", "steps=15", "--norm", "linf")
    done, plain = run(t, "logits.onnx", *settings)
    check(plain is not None, f"logits: runs {done.stderr}")
    check(plain["metrics"]["robust_accuracy"]["value"] < 0.5, "logits: weak")
    done, soft = run(t, "softmax.onnx", *settings)
    check(soft is not None, f"softmax: runs {done.stderr}")
    # The logits differ by rounding at most: PyTorch folds nothing between the two.
    check(abs(soft["successes"] - plain["successes"]) <= 2,
          f"softmax: as weak as the logits ({soft['successes']} and {plain['successes']} of 400)")
    done, fixed = run(t, "fixed.onnx", *settings)  # the same net, exported for one row
    check(fixed is not None and abs(fixed["successes"] - plain["successes"]) <= 2,
          f"fixed.onnx: {fixed['successes'] if fixed else done.stderr.strip()}")
    done, r = run(t, "nan.onnx", *settings)
    check(done.returncode == 3 and "answers NaN" in done.stderr, f"nan.onnx: {done.stderr.strip()}")

    # Scores as the signal of a theft: probabilities and logits both work (a peer trains on logits as if they were
    # probabilities, and is at chance level without a word).
    np.save(t + "/pool.npy", np.clip(centers[rng.randint(0, 3, 900)] + 0.15 * rng.randn(900, 6), 0, 1)
            .astype(np.float32))
    for model in ("logits.onnx", "softmax.onnx"):
        for signal in ("labels", "scores"):
            done, r = run(t, model, "--pool", t + "/pool.npy", "--set", "queries=800", "--set", f"signal={signal}",
                          attack="copycat")
            check(r is not None and r["metrics"]["fidelity"]["value"] > 0.9,
                  f"copycat by {signal} of {model}: "
                  f"{r['metrics']['fidelity']['value'] if r else done.stderr.strip()}")

sys.exit(1 if failures else 0)
