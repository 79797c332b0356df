#!/usr/bin/env bash
# bench/startup.sh BUILD - `redoubt model run`, one example, from the start of the program to its answer on standard output.
# Medians of wall-clock time and of processor time (user and system) in milliseconds.
# ../shared/models/mnist-cnn.onnx, and an MLP of 100 MB that is made on the spot; both in the page cache.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${1:-build/release}
python=${PYTHON:-/usr/bin/python3}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
"$python" - "$work" "$build/redoubt" <<'PYTHON'
import os
import resource
import statistics
import subprocess
import sys
import time

try:
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save
except ImportError as reason:
    print(f"start-up: skipped, {reason}")
    sys.exit(0)
work, redoubt = sys.argv[1:3]


def mlp(path, dims):
    r = np.random.default_rng(0)
    nodes, weights, now = [], [], "x"
    for i, (a, b) in enumerate(zip(dims, dims[1:])):
        weights.append(numpy_helper.from_array((r.standard_normal((b, a)) / a ** .5).astype(np.float32), f"w{i}"))
        weights.append(numpy_helper.from_array(np.zeros(b, np.float32), f"b{i}"))
        nodes.append(helper.make_node("Gemm", [now, f"w{i}", f"b{i}"], [f"g{i}"], transB=1))
        now = f"g{i}"
        if i < len(dims) - 2:
            nodes.append(helper.make_node("Relu", [now], [f"r{i}"]))
            now = f"r{i}"
    graph = helper.make_graph(nodes, "mlp", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", dims[0]])],
                              [helper.make_tensor_value_info(now, TensorProto.FLOAT, ["n", dims[-1]])], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    save(model, path)


def measure(name, model, shape, limit):
    np.save(f"{work}/x.npy", np.random.default_rng(1).random(shape, np.float32))
    command = [redoubt, "model", "run", model, "--input", f"{work}/x.npy", "--output", "/dev/stdout"]
    wall, used = [], []
    for turn in range(23):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        # With a pipe's end read until the program is done: the answer is there.
        subprocess.run(command, check=True, stdout=subprocess.PIPE)
        wall.append((time.perf_counter() - start) * 1e3)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3)
    wall, used = wall[2:], used[2:]  # the first bring the files into memory
    print(f"  {name:<12} {os.path.getsize(model) / 1e6:6.1f} MB   start to answer {statistics.median(wall):6.1f} ms "
          f"(best {min(wall):.1f}), processor {statistics.median(used):5.1f} ms   target {limit} ms")


print("start-up: redoubt model run, one example, medians of 21")
cnn = "../shared/models/mnist-cnn.onnx"
if os.path.exists(cnn):
    measure("mnist-cnn", cnn, (1, 1, 28, 28), 20)
else:
    print(f"  mnist-cnn: skipped, {cnn} is not here")
mlp(f"{work}/mlp.onnx", (784, 2900, 2900, 2900, 2000, 10))
measure("MLP", f"{work}/mlp.onnx", (1, 784), 60)
PYTHON
