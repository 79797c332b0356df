#!/usr/bin/python3
"""Input gradients of mnist-cnn and mnist-cnn-robust against PyTorch, on the frozen images.

Tolerance: 1e-6 of the largest gradient for all but a few images. There a ReLU or a pool stands at its kink and
rounding decides which side counts (see ../shared/models/README.md); at most 1 image in 100 may be such.
"""
import os
import subprocess
import sys
import tempfile

MODELS = "../shared/models"
if not os.path.exists(f"{MODELS}/mnist-cnn.onnx"):
    print(f"skipped: {MODELS} is not here")
    sys.exit(77)
try:
    import numpy as np
    import onnx
    import torch
    from onnx import numpy_helper
except ImportError as reason:
    print(f"skipped: {reason}")
    sys.exit(77)

REDOUBT = os.path.abspath(os.environ.get("REDOUBT", "build/release/redoubt"))
torch.set_num_threads(1)


def torch_net(path):
    shapes = {(32, 1, 3, 3): "0", (64, 32, 3, 3): "3", (128, 3136): "7", (10, 128): "9"}
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(32, 64, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(3136, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    state = {}
    for t in onnx.load(path).graph.initializer:
        value = torch.from_numpy(numpy_helper.to_array(t).copy())
        layer = shapes.get(tuple(value.shape)) or {32: "0", 64: "3", 128: "7", 10: "9"}[value.shape[0]]
        state[f"{layer}.{'weight' if value.dim() > 1 else 'bias'}"] = value
    net.load_state_dict(state)
    return net


def check(name, folder):
    images, labels = np.load(f"{MODELS}/mnist-eval-x.npy"), np.load(f"{MODELS}/mnist-eval-y.npy")
    x = torch.from_numpy(images).requires_grad_(True)
    torch.nn.functional.cross_entropy(torch_net(f"{MODELS}/{name}.onnx")(x), torch.from_numpy(labels),
                                      reduction="sum").backward()
    want = x.grad.numpy()
    out = os.path.join(folder, "grad.npy")
    subprocess.run([REDOUBT, "model", "grad", f"{MODELS}/{name}.onnx", "--input", f"{MODELS}/mnist-eval-x.npy",
                    "--labels", f"{MODELS}/mnist-eval-y.npy", "--output", out, "--quiet"], check=True)
    got = np.load(out)
    scale = np.abs(want).max()
    worst = np.abs(got - want).reshape(len(want), -1).max(1) / scale
    off = int((worst > 1e-6).sum())
    print(f"{name}: scale {scale:.4g}, median difference {np.median(worst):.1e}, "
          f"largest {worst.max():.1e}, {off} images above 1e-6")
    return off <= len(want) // 100 and np.median(worst) < 5e-7


with tempfile.TemporaryDirectory() as at:
    good = [check(name, at) for name in ("mnist-cnn", "mnist-cnn-robust")]
sys.exit(0 if all(good) else 1)
