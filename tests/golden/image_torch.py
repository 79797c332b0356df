#!/usr/bin/python3
"""Resize, GridSample, AffineGrid, Conv and ConvTranspose against PyTorch, values and gradients, over random settings.

Each case is a model of one or a few nodes, written as PyTorch's exporters write them. Left out is where PyTorch does not
follow its own formula: an axis that a scale not quite 1 or 2 leaves as it is or doubles (it takes a short cut there, at
times in one direction only), and antialiasing to a single pixel.

Tolerance. Both sides compute in float32. Places and weights of an output carry a few roundings each, and an output is a sum
of at most a few hundred products: 3e-5 of the largest number. Gradients of grids and matrices are differences of
neighboring pixels, times half an image's size, added up: 1e-4 of the largest.
"""
import os
import subprocess
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
try:
    import numpy as np
    import torch
    import torch.nn.functional as F
    for name in ("float", "bool", "int", "object", "str"):  # onnx of that time wants NumPy's old names
        if name not in np.__dict__:
            setattr(np, name, getattr(__import__("builtins"), name))
    from onnx import helper, numpy_helper, save, TensorProto
except ImportError as e:
    print("skipped: no oracle:", e)
    sys.exit(77)

REDOUBT = os.environ.get("REDOUBT", "build/dev/redoubt")
AT = tempfile.TemporaryDirectory()
rng = np.random.default_rng(20261125)
failures = done = 0
worst = {}


def random(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def sizes(low, high, n):
    return [int(v) for v in rng.integers(low, high, n)]


def pick(*of):
    return of[int(rng.integers(len(of)))]


def node(op, inputs, output="y", **attrs):
    return helper.make_node(op, inputs, [output], **attrs)


def redoubt(*args):
    run = subprocess.run([REDOUBT, "model", *args, "--quiet"], capture_output=True, text=True, check=False)
    return run.stderr.strip() if run.returncode else None


def check(what, nodes, inputs, weights, opset, output, grads, loose=1e-4):
    """inputs: arrays by name, the first with a free batch; grads: by input or weight name, torch's."""
    global failures, done
    done += 1
    values = [helper.make_tensor_value_info(k, TensorProto.FLOAT, ["n"] + list(v.shape[1:]) if not i else v.shape)
              for i, (k, v) in enumerate(inputs.items())]
    graph = helper.make_graph(nodes, "g", values, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
                              [numpy_helper.from_array(v, k) for k, v in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    path = os.path.join(AT.name, "m")
    save(model, path + ".onnx")
    np.savez(path + ".npz", **inputs)
    why = redoubt("run", path + ".onnx", "--input", path + ".npz", "--output", path + ".y.npy")
    pairs = [] if why else [("output", np.load(path + ".y.npy"), output.detach().numpy(), 3e-5)]
    cotangent = random(*output.shape)
    output.backward(torch.tensor(cotangent))
    np.save(path + ".c.npy", cotangent)
    for k, t in grads.items():
        why = why or redoubt("grad", path + ".onnx", "--input", path + ".npz", "--cotangent", path + ".c.npy", "--wrt", k,
                             "--output", path + ".g.npy")
        if not why:
            pairs.append((f"gradient at {k}", np.load(path + ".g.npy"), t.grad.numpy(), loose))
    for part, got, want, most in pairs:
        if got.shape != want.shape:
            why = f"{part}: shape {got.shape}, not {want.shape}"
            break
        off = np.abs(got - want).max(initial=0) / max(1, np.abs(want).max(initial=0))
        worst[what] = max(worst.get(what, 0), off)
        if not off <= most:
            why = f"{part} differs by {off:.1e} of the largest, at most {most:.0e}"
            break
    if why:
        failures += 1
        shapes = {k: v.shape for k, v in inputs.items()}
        print(f"{what}, opset {opset}, {shapes} -> {tuple(output.shape)}: {nodes[-1].op_type} "
              f"{ {a.name: helper.get_attribute_value(a) for a in nodes[-1].attribute} }: {why}")


def leaf(array):
    return torch.tensor(array, requires_grad=True)


def resize():
    mode = pick("nearest", "linear", "cubic", "linear-aa", "cubic-aa")
    smooth, aa = mode.split("-")[0], mode.endswith("aa")
    d = int(rng.integers(1, 4)) if mode in ("nearest", "linear") else 2
    size = sizes(2, 14, d)
    x = random(*sizes(1, 4, 2), *size)
    corners = mode in ("linear", "cubic") and rng.random() < 0.4
    opset = pick(18, 19, 23) if aa else pick(11, 13, 18, 19, 23)
    how = {"mode": {"linear": {1: "linear", 2: "bilinear", 3: "trilinear"}[d], "cubic": "bicubic"}.get(smooth, smooth)}
    if smooth != "nearest":
        how["align_corners"] = corners
    if aa:
        how["antialias"] = True
    attrs = {"mode": smooth, "nearest_mode": "floor", "cubic_coeff_a": -0.5 if mode == "cubic-aa" else -0.75,
             "coordinate_transformation_mode":
                 "asymmetric" if mode == "nearest" else "align_corners" if corners else "half_pixel"}
    if aa:
        attrs |= {"antialias": 1, "exclude_outside": 1}
    nodes = []
    if rng.random() < 0.5:
        scale = [float(np.round(v, 2)) for v in rng.uniform(0.55, 3.2, d)]
        scale = [2.0 if int(n * s) in (1, n, 2 * n) else s for n, s in zip(size, scale)]
        how["scale_factor"] = scale
        weights = {"s": np.array([1, 1] + scale, np.float32)}
        inputs = ["x", "", "s"]
        if opset >= 18 and rng.random() < 0.5:
            attrs["axes"] = list(range(2, 2 + d))
            weights = {"s": np.array(scale, np.float32)}
    else:
        how["size"] = sizes(2, 17, d)
        weights = {"z": np.array(how["size"], np.int64), "from": np.array([0], np.int64), "to": np.array([2], np.int64)}
        nodes = [node("Shape", ["x"], "shape"), node("Slice", ["shape", "from", "to"], "first"),
                 node("Concat", ["first", "z"], "sizes", axis=0)]
        inputs = ["x", "", "", "sizes"]
    t = leaf(x)
    check(f"Resize {mode}", nodes + [node("Resize", inputs, **attrs)], {"x": x}, weights, opset, F.interpolate(t, **how),
          {"x": t})


def sample():
    d = int(rng.integers(2, 4))
    mode = pick("bilinear", "nearest", "bicubic") if d == 2 else pick("bilinear", "nearest")
    padding, corners = pick("zeros", "border", "reflection"), bool(rng.random() < 0.5)
    n, c = sizes(1, 4, 2)
    x, places = random(n, c, *sizes(1, 8, d)), sizes(1, 7, d)
    affine = rng.random() < 0.4
    g = random(n, d, d + 1) * np.float32(0.7) if affine else rng.uniform(-2.5, 2.5, (n, *places, d)).astype(np.float32)
    t, u = leaf(x), leaf(g)
    y = F.grid_sample(t, F.affine_grid(u, [n, c, *places], align_corners=corners) if affine else u, mode=mode,
                      padding_mode=padding, align_corners=corners)
    opset = pick(16, 20, 22) if d == 2 and not affine else pick(20, 22)
    name = mode if opset < 20 else {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    nodes = [node("AffineGrid", ["g", "size"], "grid", align_corners=int(corners))] if affine else []
    nodes.append(node("GridSample", ["x", "grid" if affine else "g"], mode=name, padding_mode=padding,
                      align_corners=int(corners)))
    check(f"GridSample {mode}", nodes, {"x": x, "g": g}, {"size": np.array([n, c, *places], np.int64)} if affine else {},
          opset, y, {"x": t} | ({} if mode == "nearest" else {"g": u}))


def convolve():
    d, turned, group = int(rng.integers(1, 4)), rng.random() < 0.7, pick(1, 1, 2, 3)
    of, to = (group * v for v in sizes(1, 6, 2))
    kernel, stride, dilation, size = sizes(1, 5, d), sizes(1, 4, d), sizes(1, 3, d), sizes(2, 9, d)
    if not turned:
        size = [max(n, (k - 1) * e + 1) for n, k, e in zip(size, kernel, dilation)]
    pad = [int(rng.integers(0, (k - 1) * e // 2 + 1)) for k, e in zip(kernel, dilation)]
    more = [int(rng.integers(0, max(s, e))) for s, e in zip(stride, dilation)]
    if turned and any((n - 1) * s - 2 * p + e * (k - 1) + m < 0
                      for n, s, p, e, k, m in zip(size, stride, pad, dilation, kernel, more)):
        return
    x, b = random(sizes(1, 4, 1)[0], of, *size), random(to)
    w = random(of, to // group, *kernel) if turned else random(to, of // group, *kernel)
    t, u, v = leaf(x), leaf(w), leaf(b)
    attrs = {"strides": stride, "pads": pad + pad, "dilations": dilation, "group": group}
    name = f"conv_transpose{d}d" if turned else f"conv{d}d"
    y = getattr(F, name)(t, u, v, stride=stride, padding=pad, dilation=dilation, groups=group,
                         **({"output_padding": more} if turned else {}))
    if turned:
        attrs["output_padding"] = more
    check(name, [node("ConvTranspose" if turned else "Conv", ["x", "w", "b"], **attrs)], {"x": x}, {"w": w, "b": b},
          pick(7, 11, 13, 22), y, {"x": t, "w": u, "b": v})


for turn in range(int(sys.argv[1]) if len(sys.argv) > 1 else 40):
    resize()
    sample()
    convolve()
for what in sorted(worst):
    print(f"{what}: {worst[what]:.1e} of the largest number")
print(f"{done} cases, {failures} failed")
sys.exit(1 if failures else 0)
