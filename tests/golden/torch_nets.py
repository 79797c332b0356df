#!/usr/bin/python3
"""`redoubt model run` and `model grad` against PyTorch on whole nets.

Part 1: models of ../shared/models that use only our operators, against the reference files beside them.
Part 2: small nets built and exported here by PyTorch, at several opsets and batch sizes.
Part 3: a model that we write passes ONNX's own checker and strict shape inference, and answers as before.

Tolerance. A float32 forward pass of these depths carries a few dozen roundings of 6e-8 each: 1e-5 of the largest
output. Gradients: 1e-5 of the largest entry of the same example; where a ReLU or a max-pool stands at its kink, rounding
decides, so at most 2 in 100 examples of a trained net may differ more (README of ../shared/models).
"""
import json
import os
import subprocess
import sys
import tempfile
import warnings

SHARED = "../shared/models"
warnings.filterwarnings("ignore")
try:
    import numpy as np
    import onnx.checker
    import onnx.numpy_helper
    import onnx.shape_inference
    import torch
    from torch import nn
except ImportError as e:
    print("skipped: no oracle:", e)
    sys.exit(77)

for name in ("float", "bool", "int", "object", "str"):  # torch 1.13's exporter wants NumPy's old names
    if name not in np.__dict__:
        setattr(np, name, getattr(__import__("builtins"), name))

REDOUBT = os.environ.get("REDOUBT", "build/dev/redoubt")
failures = 0


def check(what, ok, detail):
    global failures
    print(("ok    " if ok else "WRONG ") + what + ": " + detail)
    failures += not ok


def redoubt(*args):
    r = subprocess.run([REDOUBT, *args, "--json"], capture_output=True, text=True)
    if r.returncode:
        raise SystemExit("redoubt %s failed (%d):\n%s" % (" ".join(args), r.returncode, r.stderr))
    return json.loads(r.stdout)["result"]


def forward(folder, model, x):
    np.save(folder + "/x.npy", x)
    redoubt("model", "run", model, "--input", folder + "/x.npy", "--output", folder + "/y.npy")
    return np.load(folder + "/y.npy")


def gradient(folder, model, x, labels=None, cotangent=None):
    np.save(folder + "/x.npy", x)
    np.save(folder + "/a.npy", labels if labels is not None else cotangent)
    redoubt("model", "grad", model, "--input", folder + "/x.npy",
            "--labels" if labels is not None else "--cotangent", folder + "/a.npy", "--output", folder + "/g.npy")
    return np.load(folder + "/g.npy")


def compare(what, got, want, tol, odd=0.0):
    """Largest difference per example, relative to the example's largest entry; `odd` share may exceed tol."""
    if got.shape != want.shape:
        check(what, False, "shape %s instead of %s" % (got.shape, want.shape))
        return
    d = np.abs(got.astype(np.float64) - want).reshape(len(got), -1).max(1)
    scale = np.abs(want).reshape(len(got), -1).max(1)
    floor = 1e-3 * scale.max()  # examples whose values are all next to nothing
    rel = d / np.maximum(scale, floor)
    over = (rel > tol).mean()
    check(what, over <= odd, "largest %.2g, median %.2g of scale; %.1f %% above %g" %
          (rel.max(), np.median(rel), 100 * over, tol))


def torch_gradient(net, x, labels=None, cotangent=None):
    t = torch.from_numpy(x).requires_grad_()
    y = net(t)
    if labels is not None:
        torch.nn.functional.cross_entropy(y, torch.from_numpy(labels), reduction="sum").backward()
    else:
        (y * torch.from_numpy(cotangent)).sum().backward()
    return y.detach().numpy(), t.grad.numpy()


def mnist_net(path):
    """mnist-cnn with the file's weights (README of ../shared/models says how it is built)."""
    w = [torch.from_numpy(np.array(onnx.numpy_helper.to_array(i))) for i in onnx.load(path).graph.initializer]
    net = nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1),
                        nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10))
    by_shape = {}
    for t in w:
        by_shape.setdefault(tuple(t.shape), []).append(t)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(by_shape[tuple(p.shape)].pop(0))
    return net.eval()


def shared_models(folder):
    if not os.path.isdir(SHARED):
        print("skipped: %s is not there; the nets exported here were still compared" % SHARED)
        return False
    x, y = np.load(SHARED + "/mnist-eval-x.npy"), np.load(SHARED + "/mnist-eval-y.npy")
    for name in ("mnist-cnn", "mnist-cnn-robust"):
        path = "%s/%s.onnx" % (SHARED, name)
        compare(name + " logits", forward(folder, path, x), np.load("%s/%s.eval-logits.npy" % (SHARED, name)), 1e-5)
        # In float64: these nets are so sure that PyTorch's float32 loses softmax(y) - onehot to cancellation (1e-4).
        _, g = torch_gradient(mnist_net(path).double(), x[:300].astype(np.float64), labels=y[:300])
        compare(name + " gradient", gradient(folder, path, x[:300], labels=y[:300]), g, 1e-5, odd=0.02)
    for name in ("efficientnet-small", "vgg-small"):
        path = "%s/%s.onnx" % (SHARED, name)
        x, y = np.load("%s/%s.x.npy" % (SHARED, name)), np.load("%s/%s.y.npy" % (SHARED, name))
        compare(name + " outputs", forward(folder, path, x), np.load("%s/%s.out.npy" % (SHARED, name)), 2e-5)
        compare(name + " gradient", gradient(folder, path, x, labels=y),
                np.load("%s/%s.gradx.npy" % (SHARED, name)), 2e-5, odd=0.02)
    return True


class Residual(nn.Module):
    """Two branches added, one scaled: Add, Mul, Sub, Div with constants and tensors."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(3, 8, 1)
        self.end = nn.Linear(8, 4)
        self.scale = nn.Parameter(torch.rand(1, 8, 1, 1) + 0.5)

    def forward(self, x):
        x = (x - 0.4) / 0.25
        z = torch.tanh(self.a(x)) * self.scale + torch.sigmoid(self.b(x))
        return self.end(z.mean((2, 3)) if False else nn.functional.adaptive_avg_pool2d(z, 1).flatten(1))


class Heads(nn.Module):
    """Transpose, MatMul of two computed matrices, Softmax over the last axis, Reshape."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(12, 8), nn.Linear(12, 8), nn.Linear(12, 8)
        self.end = nn.Linear(6 * 8, 3)

    def forward(self, x):
        p = torch.softmax(self.q(x) @ self.k(x).transpose(1, 2) * 0.35, -1)
        return self.end((p @ self.v(x)).reshape(-1, 48))


NETS = {
    "mlp": (nn.Sequential(nn.Linear(20, 33), nn.ReLU(), nn.Linear(33, 17), nn.Tanh(), nn.Linear(17, 5)), (20,)),
    "mlp-sigmoid": (nn.Sequential(nn.Linear(7, 64), nn.Sigmoid(), nn.Dropout(0.5), nn.Linear(64, 2)), (7,)),
    "mlp-batchnorm": (nn.Sequential(nn.Linear(12, 30), nn.BatchNorm1d(30), nn.ReLU(), nn.Linear(30, 4)), (12,)),
    "mlp-softmax": (nn.Sequential(nn.Linear(12, 30), nn.Tanh(), nn.Linear(30, 4), nn.Softmax(1)), (12,)),
    "cnn": (nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 5), nn.ReLU(),
                          nn.Flatten(), nn.Linear(16 * 16, 10)), (3, 16, 16)),
    "cnn-odd": (nn.Sequential(nn.Conv2d(1, 5, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)), nn.ReLU6(),
                              nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.Flatten(), nn.LazyLinear(3)), (1, 13, 11)),
    "cnn-groups": (nn.Sequential(nn.Conv2d(4, 8, 3, groups=2), nn.BatchNorm2d(8), nn.ReLU(),
                                 nn.Conv2d(8, 8, 3, groups=8, padding=1), nn.BatchNorm2d(8), nn.Tanh(),
                                 nn.AvgPool2d(3, 2, 1), nn.Conv2d(8, 6, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                                 nn.Linear(6, 4)), (4, 12, 12)),
    "cnn-average": (nn.Sequential(nn.Conv2d(2, 6, 3, bias=False), nn.Sigmoid(),
                                  nn.AvgPool2d(2, 2, 1, count_include_pad=False), nn.Dropout2d(0.3), nn.Flatten(),
                                  nn.LazyLinear(7)), (2, 9, 9)),
    "cnn-1d": (nn.Sequential(nn.Conv1d(2, 6, 5, stride=2), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(),
                             nn.LazyLinear(3)), (2, 40)),
    "cnn-3d": (nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool3d(2), nn.Flatten(),
                             nn.LazyLinear(3)), (1, 6, 8, 6)),
    "residual": (Residual(), (3, 10, 10)),
    "heads": (Heads(), (6, 12)),
}


def exported_nets(folder):
    rng = np.random.default_rng(7)
    for name, (net, shape) in NETS.items():
        torch.manual_seed(3)
        net(torch.zeros(2, *shape))  # fixes the lazy layers
        for m in net.modules():
            if hasattr(m, "reset_parameters"):
                m.reset_parameters()
            if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
                nn.init.uniform_(m.running_mean, -0.5, 0.5)
                nn.init.uniform_(m.running_var, 0.5, 2)
                nn.init.uniform_(m.weight, 0.5, 2)
                nn.init.uniform_(m.bias, -0.5, 0.5)
        net.eval()
        for opset in (9, 11, 13, 16):
            path = "%s/%s-%d.onnx" % (folder, name, opset)
            try:
                torch.onnx.export(net, torch.zeros(2, *shape), path, opset_version=opset, input_names=["x"],
                                  output_names=["y"], dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
                                  do_constant_folding=opset != 11)
            except Exception as e:  # an opset that this PyTorch cannot write for this net
                print("      %s at opset %d: not exported (%s)" % (name, opset, str(e).splitlines()[0][:60]))
                continue
            n = {9: 1, 11: 3, 13: 37, 16: 8}[opset]
            x = rng.standard_normal((n, *shape)).astype(np.float32)
            labels = rng.integers(0, net(torch.zeros(1, *shape)).shape[1], n)
            y, g = torch_gradient(net, x, labels=labels)
            what = "%s, opset %d, %d rows" % (name, opset, n)
            compare(what, forward(folder, path, x), y, 1e-5)
            compare(what + ", gradient", gradient(folder, path, x, labels=labels), g, 1e-5)
            c = rng.standard_normal(y.shape).astype(np.float32)
            _, g = torch_gradient(net, x, cotangent=c)
            compare(what + ", cotangent", gradient(folder, path, x, cotangent=c), g, 1e-5)


def written(folder):
    """One epoch at a learning rate of nearly nothing: the net comes back through our writer."""
    net, shape = NETS["cnn"]
    path, out = folder + "/cnn-13.onnx", folder + "/again.onnx"
    x = np.random.default_rng(1).standard_normal((16, *shape)).astype(np.float32)
    np.save(folder + "/x.npy", x)
    np.save(folder + "/l.npy", np.arange(16, dtype=np.int64) % 10)
    redoubt("model", "train", path, "--data", folder + "/x.npy", "--labels", folder + "/l.npy", "--epochs", "1",
            "--seed", "1", "-o", out)
    model = onnx.load(out)
    try:
        onnx.checker.check_model(model, full_check=True)
        onnx.shape_inference.infer_shapes(model, strict_mode=True)
        check("written model", True, "passes onnx.checker and strict shape inference")
    except Exception as e:
        check("written model", False, str(e))
    check("opset of the written model", model.opset_import[0].version == 13, str(model.opset_import[0].version))
    weights = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    twin = nn.Sequential(*[m for m in net])
    with torch.no_grad():
        for (name, p), w in zip(twin.named_parameters(), weights.values()):
            p.copy_(torch.from_numpy(np.array(w)))
        want = twin(torch.from_numpy(x)).numpy()
    compare("written model's answers", forward(folder, out, x), want, 1e-5)


with tempfile.TemporaryDirectory() as folder:
    exported_nets(folder)
    written(folder)
    shared = shared_models(folder)
print("%d comparisons failed" % failures)
sys.exit(1 if failures else 0 if shared else 77)
