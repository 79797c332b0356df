#!/usr/bin/python3
"""Arrays of NumPy through an Identity model: every type, byte order, layout, version and archive comes back equal,
and what NumPy writes but we do not read is refused with exit code 3."""
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper
except ImportError as reason:
    print(f"skipped: {reason}")
    sys.exit(77)

REDOUBT = os.path.abspath(os.environ.get("REDOUBT", "build/release/redoubt"))
TYPES = {"f4": TensorProto.FLOAT, "f8": TensorProto.DOUBLE, "i8": TensorProto.INT64, "i4": TensorProto.INT32,
         "i2": TensorProto.INT16, "i1": TensorProto.INT8, "u1": TensorProto.UINT8, "u2": TensorProto.UINT16,
         "u4": TensorProto.UINT32, "u8": TensorProto.UINT64, "b1": TensorProto.BOOL}
SHAPES = [(), (1,), (5,), (2, 3), (2, 3, 4), (1, 1, 2, 1, 3)]


def identity(path, kind, ndim):
    shape = [f"d{i}" for i in range(ndim)]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g",
                              [helper.make_tensor_value_info("x", kind, shape)],
                              [helper.make_tensor_value_info("y", kind, shape)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, path)


def run(model, source, target):
    return subprocess.run([REDOUBT, "model", "run", model, "--input", source, "--output", target, "--quiet"],
                          capture_output=True, text=True)


def writings(value, code):
    """The same array in all the ways NumPy may write it: (what to call it, file name, how to save it)."""
    orders = [("C", value)] + ([("F", np.asfortranarray(value))] if value.ndim > 1 else [])
    for order, array in orders:
        for endian in "<>" if array.dtype.itemsize > 1 else "<":
            swapped = array.astype(array.dtype.newbyteorder(endian))
            for version in [(1, 0), (2, 0), (3, 0)]:
                def save(f, a=swapped, v=version):
                    np.lib.format.write_array(f, a, version=v)
                yield f"{endian}{code} {order} {version}", "x.npy", save
    yield f"{code} npz", "x.npz", lambda f: np.savez(f, value)
    yield f"{code} npz compressed", "x.npz", lambda f: np.savez_compressed(f, other=value[..., None], mine=value)


def main():
    random = np.random.default_rng(1)
    bad = checked = 0
    with tempfile.TemporaryDirectory() as folder:
        model, target = os.path.join(folder, "m.onnx"), os.path.join(folder, "y.npy")
        for code, kind in TYPES.items():
            for shape in SHAPES if code in ("f4", "i8") else [(2, 3, 2)]:
                identity(model, kind, len(shape))
                value = np.frombuffer(random.bytes(int(np.prod(shape)) * 8), "u1")[:int(np.prod(shape))]
                value = (value.reshape(shape) % (2 if code == "b1" else 100)).astype(code)
                if code in ("f4", "f8"):
                    value = value / np.asarray(7, code)
                for what, name, save in writings(value, code):
                    source = os.path.join(folder, name)
                    with open(source, "wb") as f:
                        save(f)
                    got = run(model, source + (":mine" if "compressed" in what else ""), target)
                    checked += 1
                    if got.returncode or not np.array_equal(np.load(target), value):
                        print(f"{what} {shape}: {got.stderr.strip() or 'differs'}")
                        bad += 1
        identity(model, TensorProto.FLOAT, 1)
        for what, array in {"text": np.array(["a"]), "bytes": np.array([b"a"]), "object": np.array([{}], object),
                            "date": np.array(["2026-01-01"], "M8[D]"), "complex": np.zeros(1, "c8"),
                            "long double": np.zeros(1, "f16"), "record": np.zeros(1, [("a", "f4")])}.items():
            source = os.path.join(folder, "x.npy")
            np.save(source, array, allow_pickle=True)
            got = run(model, source, target)
            checked += 1
            if got.returncode != 3 or "x.npy" not in got.stderr:
                print(f"{what}: exit code {got.returncode}, {got.stderr.strip()}")
                bad += 1
    print(f"{checked} files, {bad} wrong")
    return bad != 0


sys.exit(main())
