"""PyTorch's exporters against redoubt: fresh nets with random shapes and options, by both exporters, with and without
dynamic axes, at the opsets they allow; what they answer and differentiate to is PyTorch's own, see deep.py.

    python exports_torch.py PROGRAM [--seed N] [--count N] [--only REGEX] [--keep FOLDER]
"""

import contextlib
import copy
import logging
import os
import shutil
import sys
import warnings

import numpy as np
import onnx
import onnx.version_converter
import onnxruntime
import torch

import torch_layers
import torch_nets
import torch_ops
import torch_zoo
from deep import Case, main

ROWS = {"rows": 1000, "images": 32, "few": 8}
EPS = {torch.float16: 4e-3, torch.bfloat16: 3e-2}


def flat(out):
    if isinstance(out, torch.Tensor):
        return [out]
    if isinstance(out, dict):
        out = out.values()
    return [t for part in out for t in flat(part)]


def wide(x):
    return x.double() if x.is_floating_point() else x


def array(x):
    x = x.detach()
    return (x.float() if x.dtype == torch.bfloat16 else x).numpy()


@contextlib.contextmanager
def silence():
    """The exporters write to the process's own standard output."""
    sys.stdout.flush()
    kept = os.dup(1), os.dup(2)
    void = os.open(os.devnull, os.O_WRONLY)
    os.dup2(void, 1)
    os.dup2(void, 2)
    try:
        yield
    finally:
        for i in (0, 1):
            os.dup2(kept[i], i + 1)
            os.close(kept[i])
        os.close(void)


def trace(*words):
    if os.environ.get("INTEROP_TRACE"):
        print(*words, flush=True)


def ways(rng, spec):
    """(dynamo, opset): what was drawn, then what is tried where the exporter refuses that; 0 is its default."""
    dynamo = [(True, int(rng.choice([0, 13, 15, 17, 18, 19, 20, 21, 22, 23, 24, 25], p=[.2, .07, .07, .08, .1, .06, .08, .06, .06, .1, .06, .06]))), (True, 0)]
    script = [(False, int(rng.integers(9, 21))), (False, int(rng.integers(13, 21))), (False, 20)]
    if spec.by == "both":
        return dynamo + script if rng.integers(2) else script + dynamo
    return dynamo if spec.by == "dynamo" else script


def export(net, spec, inputs, dynamic, rng, folder):
    path = f"{folder}/model.onnx"
    names = [f"in{i}" for i in range(len(inputs))]
    axes = [dict(spec.dyn[i]) if dynamic else {} for i in range(len(inputs))]
    problem = None
    for dynamo, opset in ways(rng, spec):
        args = dict(input_names=names, dynamo=dynamo, opset_version=opset or None)
        if dynamo:
            args["verbose"] = False
            args["external_data"] = bool(rng.integers(4) == 0)
            args["optimize"] = bool(rng.integers(4))
            if dynamic:
                args["dynamic_shapes"] = tuple({a: torch.export.Dim.DYNAMIC for a in d} for d in axes)
        else:
            args["do_constant_folding"] = bool(rng.integers(3))
            args["keep_initializers_as_inputs"] = bool(rng.integers(5) == 0)
            if dynamic:
                args["dynamic_axes"] = {n: d for n, d in zip(names, axes) if d}
        try:
            with silence(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                torch.onnx.export(torch.jit.script(net) if spec.script and not dynamo else net, tuple(inputs), path, **args)
        except Exception as e:
            problem = problem or e
            continue
        trace("exported by", "dynamo" if dynamo else "script", opset, "dynamic" if dynamic else "fixed")
        rewritten(path, rng)
        return path
    raise problem


def rewritten(path, rng):
    """What people do with a model afterwards: another opset by onnx, the standard passes of ONNX Runtime. In place."""
    kind = rng.choice(["opset", "runtime", "shapes", "nothing"], p=[0.1, 0.15, 0.05, 0.7])
    if kind == "nothing" or os.path.exists(path + ".data"):
        return
    kept = path + ".kept"
    shutil.copy(path, kept)
    try:
        with silence():
            if kind == "opset":
                onnx.save(onnx.version_converter.convert_version(onnx.load(path), int(rng.integers(12, 24))), path)
            elif kind == "shapes":
                onnx.save(onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True), path)
            else:
                options = onnxruntime.SessionOptions()
                options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
                options.optimized_model_filepath = path
                onnxruntime.InferenceSession(kept, options, providers=["CPUExecutionProvider"])
            onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        trace("rewritten:", kind)
    except Exception:
        shutil.copy(kept, path)


def answers(net, inputs):
    with torch.no_grad():
        return flat(net(*inputs))


def differentiate(net, spec, inputs, cotangent, labels):
    """name or index -> gradient"""
    inputs = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in inputs]
    seen = []
    hook = None
    if spec.wrt:
        module = net.get_submodule(spec.wrt)
        hook = module.register_forward_hook(lambda m, i, o: (seen.append(o.requires_grad_() if not o.requires_grad else o), o)[1])
        for p in module.parameters():
            p.requires_grad_(True)
    out = flat(net(*inputs))[0]
    if hook:
        hook.remove()
    to = seen[:1] if spec.wrt else [x for x in inputs if x.requires_grad]
    if labels is not None:
        value = torch.nn.functional.cross_entropy(out, torch.from_numpy(labels), reduction="sum")
    else:
        value = (out * torch.from_numpy(cotangent).to(out.dtype)).sum()
    if not value.requires_grad or not to:
        return None
    got = torch.autograd.grad(value, to, allow_unused=True)
    return [np.zeros(tuple(t.shape)) if g is None else g.detach().numpy() for g, t in zip(got, to)]


def words_of(path, table):
    """The tensor that a Gather takes out of the weight of this shape."""
    graph = onnx.load(path).graph
    same = {w.name for w in graph.initializer if tuple(w.dims) == tuple(table)}
    made = {n.output[0]: n for n in graph.node}
    for _ in range(4):
        same |= {n.output[0] for n in made.values() if n.op_type == "Identity" and n.input[0] in same}
        for n in graph.node:
            if n.op_type == "Constant" and any(tuple(a.t.dims) == tuple(table) for a in n.attribute):
                same.add(n.output[0])
    for n in graph.node:
        if n.op_type == "Gather" and n.input[0] in same:
            return n.output[0]
    return None


def case(make, rng, folder):
    spec = make(rng)
    net = spec.net.eval()
    dynamic = spec.fixed is False or (spec.fixed is None and bool(rng.integers(4)))
    few = int(rng.integers(2, 5))
    inputs = [x.detach() for x in spec.make(few)]
    path = export(net, spec, inputs, dynamic, rng, folder)
    rows = ROWS[spec.rows] if dynamic else few
    if not dynamic and not spec.mix and len(inputs) == 1 and inputs[0].dtype == torch.float32 and rng.integers(2):
        rows = 3 * few + 1  # in blocks
    if dynamic or rows != few:
        inputs = [x.detach() for x in spec.make(rows)]
    got32 = answers(net, inputs)
    if not dynamic and rows != few and (len(got32) != 1 or got32[0].dtype != torch.float32):
        rows = few
        inputs = [x.detach() for x in spec.make(rows)]
        got32 = answers(net, inputs)
    eps = spec.eps or EPS.get(spec.low, 1e-5)
    try:
        net64, wide_inputs = copy.deepcopy(net).double(), [wide(x) for x in inputs]
        got64 = answers(net64, wide_inputs)
        if [g.shape for g in got64] != [g.shape for g in got32]:
            raise ValueError
    except Exception:
        net64, got64 = None, got32
    names = [f"in{i}" for i in range(len(inputs))]
    graph = onnx.load(path, load_external_data=False).graph
    weights = {w.name for w in graph.initializer}
    kept = [v.name for v in graph.input if v.name not in weights]
    found = Case(path, {n: array(x) for n, x in zip(names, inputs) if n in kept},
                 [(array(a), array(b)) for a, b in zip(got32, got64)], eps=eps)
    first = got32[0]
    if not spec.grad or not first.is_floating_point() or first.dtype in EPS or any(x.dtype in EPS for x in inputs) or spec.low:
        return found
    labels = cotangent = None
    if spec.classes and first.dtype == torch.float32 and rng.integers(2):
        labels = rng.integers(0, first.shape[1], len(first))
    else:
        cotangent = rng.standard_normal(tuple(first.shape)).astype(array(first).dtype)
    grad32 = differentiate(copy.deepcopy(net), spec, inputs, cotangent, labels)
    if not grad32:
        return found
    grad64 = differentiate(copy.deepcopy(net64), spec, wide_inputs, cotangent, labels) if net64 else grad32
    if spec.wrt:
        tensor = words_of(path, net.get_submodule(spec.wrt).weight.shape)
        if not tensor:
            return found
        keys = [tensor]
    else:
        keys = [n for n, x in zip(names, inputs) if x.is_floating_point()]
    pairs = {k: (a, b.reshape(a.shape)) for k, a, b in zip(keys, grad32, grad64) if spec.wrt or k in kept}

    def moved(scale):
        other = copy.deepcopy(net64)
        shifted = [x + scale * x.std().clamp(min=1e-3) * torch.randn_like(x) if x.is_floating_point() and x.numel() > 1 else x for x in wide_inputs]
        with torch.no_grad():
            for p in other.parameters():
                p += scale * p.abs().mean() * torch.randn_like(p)
        return dict(zip(keys, differentiate(other, spec, shifted, cotangent, labels)))

    found.cotangent, found.labels, found.wrt = cotangent, labels, bool(spec.wrt)
    found.grads, found.moved = pairs, moved if net64 else None
    return found


def seed_all(seed):
    torch.manual_seed(seed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.backends.mha.set_fastpath_enabled(False)
    for name in ("torch.onnx", "onnxscript", "onnx_ir", "torch.export", "torch"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    makers = {}
    for module in (torch_layers, torch_ops, torch_nets, torch_zoo):
        makers.update(module.MAKERS)
    main("PyTorch " + torch.__version__, {n: (lambda rng, folder, f=f: case(f, rng, folder)) for n, f in makers.items()}, seed_all)
