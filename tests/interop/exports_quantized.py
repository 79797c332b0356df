#!/usr/bin/env python3
"""Quantized exports, freshly made at random: onnxruntime's quantize_static (QDQ and QOperator, int8 and uint8, per tensor and per
channel, symmetric and not) and quantize_dynamic, on networks of PyTorch; PyTorch's own fake quantization. Each is compared with
ONNX Runtime, without graph optimization (which computes node by node), on 1,000 rows or 32 images.

    exports_quantized.py REDOUBT [--seed N] [--count N]

Tolerance: a net that rounds to steps may fall one step to the other side where a float sum is within its rounding error of a tie
(tests/golden/shared_models.py derives how rarely). So of all outputs 99 % must be equal within 1e-5 of the largest, and none may
be further off than three steps of the last quantizer: 3/127 of the largest output. Where averages of steps are rounded to the
same steps, as QDQ does around an AveragePool of four, one in four is exactly such a tie in real numbers, and the last bit of a
float decides: there any number may differ when at_ties() has found that each such row does so first at ties alone.
Nets that quantize at run time (dynamic) have one range for the whole batch, and a last step of float: 2 % of the largest.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnxruntime import quantization as q
from torch import nn

asked = argparse.ArgumentParser()
asked.add_argument("redoubt")
asked.add_argument("--seed", type=int, default=1)
asked.add_argument("--count", type=int, default=4, help="of each kind of network")
asked = asked.parse_args()
REDOUBT, SEED, COUNT = os.path.abspath(asked.redoubt), asked.seed, asked.count * 6
rng = np.random.default_rng(SEED)
torch.manual_seed(SEED)
bad = []


class Residual(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.a, self.b = nn.Conv2d(c, c, 3, padding=1), nn.Conv2d(c, c, 1)

    def forward(self, x):
        return torch.relu(x + self.b(torch.relu(self.a(x))))


class Images(nn.Module):
    """Convolutions, pools, a residual sum, squeeze and excite, two dense layers."""
    def __init__(self):
        super().__init__()
        c, m = int(rng.integers(1, 4)), int(rng.integers(5, 40))
        self.shape = (c, int(rng.integers(12, 30)), int(rng.integers(12, 30)))
        act = [nn.ReLU, nn.ReLU6, nn.SiLU, nn.LeakyReLU, nn.Sigmoid, nn.Hardswish][rng.integers(6)]
        groups = int(rng.choice([1, m])) if rng.random() < 0.5 else 1
        parts = [nn.Conv2d(c, m, int(rng.choice([3, 5])), stride=int(rng.integers(1, 3)), padding=int(rng.integers(0, 3))), act(),
                 nn.Conv2d(m, m, 3, padding=1, groups=groups), act()]
        parts.append([nn.MaxPool2d(2), nn.AvgPool2d(2), nn.MaxPool2d(3, 2, 1)][rng.integers(3)])
        if rng.random() < 0.7:
            parts.append(Residual(m))
        self.body = nn.Sequential(*parts)
        self.gate = nn.Conv2d(m, m, 1) if rng.random() < 0.5 else None
        self.join = rng.random() < 0.4
        self.pool = nn.AdaptiveAvgPool2d(1) if rng.random() < 0.6 else None
        with torch.no_grad():
            width = self.flat(torch.zeros(1, *self.shape)).shape[1]
        self.head = nn.Sequential(nn.Linear(width, 24), nn.ReLU(), nn.Linear(24, 7))
        if rng.random() < 0.3:
            self.head.append(nn.Softmax(1))

    def flat(self, x):
        x = self.body(x)
        if self.gate:
            x = x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))
        if self.join:
            x = torch.cat([x, x[:, :2] * 0.5], 1)
        return (self.pool(x) if self.pool else x).flatten(1)

    def forward(self, x):
        return self.head(self.flat(x))


class Rows(nn.Module):
    def __init__(self):
        super().__init__()
        n = int(rng.integers(3, 60))
        self.shape = (n,)
        act = [nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.LeakyReLU][rng.integers(5)]
        widths = [n] + [int(w) for w in rng.integers(8, 200, rng.integers(1, 4))]
        parts = []
        for a, b in zip(widths, widths[1:]):
            parts += [nn.Linear(a, b), act()]
        self.body = nn.Sequential(*parts, nn.Linear(widths[-1], 5))

    def forward(self, x):
        return self.body(x)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        n, h = int(rng.integers(3, 20)), int(rng.integers(4, 40))
        self.shape = (int(rng.integers(3, 12)), n)
        kind = [nn.LSTM, nn.GRU][rng.integers(2)]
        self.body = kind(n, h, int(rng.integers(1, 3)), batch_first=True, bidirectional=bool(rng.integers(2)))
        self.head = nn.Linear(h * (2 if self.body.bidirectional else 1), 4)

    def forward(self, x):
        return self.head(self.body(x)[0][:, -1])


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        heads = int(rng.integers(1, 4))
        d = heads * int(rng.integers(4, 17))
        self.shape = (int(rng.integers(3, 12)), d)
        self.d, self.heads = d, heads
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.norm, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.mlp = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))
        self.head = nn.Linear(d, 6)

    def forward(self, x):
        n, t, d = x.shape
        q3 = self.qkv(self.norm(x)).reshape(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        a = torch.softmax(q3[0] @ q3[1].transpose(-1, -2) / (d // self.heads) ** 0.5, -1)
        x = x + self.out((a @ q3[2]).transpose(1, 2).reshape(n, t, d))
        x = x + self.mlp(self.norm2(x))
        return self.head(x.mean(1))


class FakeQuantized(nn.Module):
    """As quantization-aware training leaves it: fake_quantize around weights and activations."""
    def __init__(self):
        super().__init__()
        self.shape = (2, 14, 14)
        self.conv, self.head = nn.Conv2d(2, 9, 3), nn.Linear(9 * 36, 5)
        self.signed = bool(rng.integers(2))

    def activation(self, x, scale):
        low, high, zero = (-128, 127, 0) if self.signed else (0, 255, int(rng.integers(90, 160)))
        return torch.fake_quantize_per_tensor_affine(x, scale, zero, low, high)

    def forward(self, x):
        w = self.conv.weight
        scale = w.detach().abs().amax((1, 2, 3)) / 127
        w = torch.fake_quantize_per_channel_affine(w, scale, torch.zeros(len(scale), dtype=torch.int32), 0, -128, 127)
        x = torch.relu(nn.functional.conv2d(self.activation(x, 0.03), w, self.conv.bias))
        x = self.activation(nn.functional.max_pool2d(x, 2), 0.02)
        return self.head(x.flatten(1))


def export(net, path, dynamo):
    x = torch.randn(2, *net.shape)
    names = {"input_names": ["x"], "output_names": ["y"]}
    if dynamo:
        torch.onnx.export(net, (x,), path, dynamo=True, dynamic_shapes=({0: "n"},), opset_version=int(rng.choice([18, 20, 21])),
                          verbose=False, external_data=False, **names)
    else:
        torch.onnx.export(net, (x,), path, dynamo=False, dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
                          opset_version=int(rng.choice([13, 15, 17])), **names)


class Reader(q.CalibrationDataReader):
    def __init__(self, x):
        self.parts = iter([{"x": x[i:i + 16]} for i in range(0, len(x), 16)])

    def get_next(self):
        return next(self.parts, None)


def static(source, path, shape):
    """What was chosen, as words."""
    kinds = {"int8": q.QuantType.QInt8, "uint8": q.QuantType.QUInt8}
    form = str(rng.choice(["QDQ", "QOperator"]))
    a = str(rng.choice(["int8", "uint8"]))
    w = "int8" if a == "int8" or rng.random() < 0.7 else "uint8"
    channel, symmetric = bool(rng.integers(2)), bool(rng.integers(2))
    extra = {"ActivationSymmetric": symmetric and a == "int8", "WeightSymmetric": w == "int8"}
    prepared = source + ".pre.onnx"
    if rng.random() < 0.5:
        q.shape_inference.quant_pre_process(source, prepared, skip_symbolic_shape=True)
    else:
        prepared = source
    q.quantize_static(prepared, path, Reader(rng.standard_normal((64, *shape)).astype(np.float32)), quant_format=q.QuantFormat[form],
                      activation_type=kinds[a], weight_type=kinds[w], per_channel=channel, extra_options=extra)
    return f"{form} {a}/{w}{' per channel' if channel else ''}{' symmetric' if extra['ActivationSymmetric'] else ''}"


def dynamic(source, path):
    w = str(rng.choice(["int8", "uint8"]))
    channel = bool(rng.integers(2))
    q.quantize_dynamic(source, path, weight_type=q.QuantType.QInt8 if w == "int8" else q.QuantType.QUInt8, per_channel=channel)
    return f"dynamic {w}{' per channel' if channel else ''}"


def answer(path, x, names=None):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1  # DynamicQuantizeLSTM takes the range of a thread's rows
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(names, {"x": x})[slice(None) if names else 0]


def optimized(source, path):
    """With the operators that the optimizer fuses, extended level: these stay portable."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = path
    options.log_severity_level = 4
    ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def operators(path):
    return sorted({n.op_type if n.domain in ("", "ai.onnx") else f"{n.domain}.{n.op_type}" for n in onnx.load(path).graph.node})


def at_ties(path, x, at):
    """Does each row that differs do so first in a QuantizeLinear whose input is within 1e-3 steps of the middle between two?"""
    model = onnx.load(path)
    held = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    held |= {n.output[0]: onnx.numpy_helper.to_array(a.t) for n in model.graph.node if n.op_type == "Constant" for a in n.attribute if a.name == "value"}
    quantizers = [n for n in model.graph.node if n.op_type == "QuantizeLinear" and n.input[0] not in held]
    if any(held.get(n.input[1], np.zeros(2)).size != 1 or len(n.input) < 3 or n.input[2] not in held for n in quantizers):
        return False
    given = {i.name for i in model.graph.input}
    names, asked_for = [], {o.name for o in model.graph.output}
    for n in quantizers:
        for name, kind in ((n.input[0], onnx.TensorProto.FLOAT), (n.output[0], onnx.helper.np_dtype_to_tensor_dtype(held[n.input[2]].dtype))):
            if name not in asked_for | given:
                model.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, None))
                asked_for.add(name)
                names.append(name)
    onnx.save(model, f"{at}/ties.onnx")
    theirs = {"x": x, **dict(zip(names, answer(f"{at}/ties.onnx", x, names)))}
    files = [word for i, name in enumerate(names) for word in ("--output", f"{name}={at}/t{i}.npy")]
    subprocess.run([REDOUBT, "model", "run", f"{at}/ties.onnx", "--input", f"{at}/x.npy", "--quiet", *files], check=True)
    ours = {name: np.load(f"{at}/t{i}.npy") for i, name in enumerate(names)}
    same = np.ones(len(x), bool)
    for n in quantizers:
        rows = np.flatnonzero(same)
        if n.output[0] not in ours or len(ours[n.output[0]]) != len(x):
            return False
        off = ours[n.output[0]][rows] != theirs[n.output[0]][rows]
        steps = theirs[n.input[0]][rows].astype(np.float64) / float(held[n.input[1]].reshape(-1)[0])
        if (np.abs(steps - np.floor(steps) - 0.5)[off] > 1e-3).any():
            return False
        same[rows[off.any(tuple(range(1, off.ndim)))]] = False
    return True


def compare(what, path, shape, at, loose, gradient, bar=0.99):
    """How many outputs must be equal in what is made of this net."""
    x = rng.standard_normal((32 if len(shape) == 3 else 1000, *shape)).astype(np.float32)
    try:
        want = answer(path, x)
    except Exception as reason:  # ONNX Runtime cannot run its own export: nothing to compare with
        print(f"{what}: skipped: {str(reason).splitlines()[0][:120]}")
        return bar
    np.save(f"{at}/x.npy", x)
    done = subprocess.run([REDOUBT, "model", "run", path, "--input", f"{at}/x.npy", "--output", f"{at}/y.npy", "--quiet"],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        bad.append(f"{what}: {' / '.join(done.stderr.strip().splitlines())} (operators: {', '.join(operators(path))})")
        print(bad[-1])
        return bar
    got, scale = np.load(f"{at}/y.npy"), max(1e-9, np.abs(want).max())
    off = np.abs(got - want) / scale if got.shape == want.shape else np.full(1, np.inf)
    equal, most = (off <= 1e-5).mean(), 0.02 if loose else 3 / 127
    why = ""
    if not loose and equal < bar and off.max() <= most and at_ties(path, x, at):
        bar, why = 0, ", at ties"
    good = off.max() <= most and (loose or equal >= bar)
    print(f"{what}: {equal:.1%} equal{why}, largest difference {off.max():.1e} of the largest output{'' if good else '  TOO FAR'}")
    if not good:
        bad.append(f"{what}: {equal:.1%} equal, {off.max():.2e} off")
    if gradient:
        cotangent = rng.standard_normal(want.shape).astype(np.float32)
        np.save(f"{at}/c.npy", cotangent)
        done = subprocess.run([REDOUBT, "model", "grad", path, "--input", f"{at}/x.npy", "--cotangent", f"{at}/c.npy", "--output",
                               f"{at}/g.npy", "--surrogate", "straight-through", "--quiet"], capture_output=True, text=True, check=False)
        if done.returncode:
            bad.append(f"{what}: gradient: {' / '.join(done.stderr.strip().splitlines())} (operators: {', '.join(operators(path))})")
            print(bad[-1])
            return bar
        net, t = gradient, torch.tensor(x, requires_grad=True)
        (net(t) * torch.tensor(cotangent)).sum().backward()
        g, w = np.load(f"{at}/g.npy").reshape(len(x), -1), t.grad.numpy().reshape(len(x), -1)
        size = np.linalg.norm(g, axis=1) * np.linalg.norm(w, axis=1)
        cosine = np.median(((g * w).sum(1) / np.maximum(size, 1e-30))[size > 0]) if (size > 0).any() else 1
        print(f"{what}: cosine with the float net's gradient {cosine:.3f}")
        if not cosine > 0.8:
            bad.append(f"{what}: the straight-through gradient points elsewhere (cosine {cosine:.3f})")
    return bar


with tempfile.TemporaryDirectory() as at:
    for k in range(COUNT):
        kind = [Images, Images, Rows, Recurrent, Attention, FakeQuantized][k % 6]
        net = kind().eval()
        source, path = f"{at}/{k}.onnx", f"{at}/{k}.q.onnx"
        dynamo = bool(rng.integers(2)) and kind not in (Recurrent, FakeQuantized)
        try:
            export(net, source, dynamo)
            if kind is FakeQuantized:
                path, how = source, "fake_quantize"
            elif kind in (Recurrent,) or (kind in (Rows, Attention) and rng.random() < 0.5):
                how = dynamic(source, path)
            else:
                how = static(source, path, net.shape)
        except Exception as reason:  # the exporters' own trouble
            print(f"{k} {kind.__name__}: not exported: {type(reason).__name__}: {str(reason).splitlines()[0][:160]}")
            continue
        what = f"{k} {kind.__name__} {'dynamo' if dynamo else 'legacy'}"
        bar = compare(f"{what} {how}", path, net.shape, at, "dynamic" in how, net if "dynamic" not in how else None)
        for of, words in ((source, "float"), (path, how)):
            try:
                optimized(of, f"{at}/{k}.o.onnx")
            except Exception as reason:
                print(f"{what} {words}: not optimized: {str(reason).splitlines()[0][:120]}")
                continue
            compare(f"{what} {words}, optimized", f"{at}/{k}.o.onnx", net.shape, at, "dynamic" in words, None, bar)
print(f"\n{COUNT} quantized exports, seed {SEED}: {len(bad)} failed")
for line in bad:
    print(f"failed   {line}")
sys.exit(1 if bad else 0)
