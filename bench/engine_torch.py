#!/usr/bin/python3
"""mnist-cnn, batch 256: our engine and PyTorch in turns, in the same minutes; medians and their ratios.

    engine_torch.py ENGINE [MODEL.onnx] [repeats]

ENGINE is the program made of bench/engine.c. PyTorch runs with its defaults and with the thread count set; input
gradients are taken with the weights frozen (torch.autograd.grad with respect to the input alone), which is kinder to
it than what attack libraries do.
"""
import os
import statistics
import subprocess
import sys
import time

try:
    import numpy as np
    import onnx
    import torch
    from onnx import numpy_helper
except ImportError as reason:
    print(f"engine against PyTorch: skipped, {reason}")
    sys.exit(0)

ENGINE = sys.argv[1]
MODEL = sys.argv[2] if len(sys.argv) > 2 else "../shared/models/mnist-cnn.onnx"
REPEATS = int(sys.argv[3]) if len(sys.argv) > 3 else 15
DATA = os.path.join(os.path.dirname(MODEL), "mnist-eval-x.npy")
BATCH = 256
if not os.path.exists(MODEL) or not os.path.exists(DATA):
    print(f"engine against PyTorch: skipped, {MODEL} or its data is not here")
    sys.exit(0)


def torch_net():
    """conv3x3x32-relu-pool-conv3x3x64-relu-pool-fc128-relu-fc10, as the models' README says."""
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(32, 64, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(3136, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    layers = {32: "0", 64: "3", 128: "7", 10: "9"}
    net.load_state_dict({
        f"{layers[t.dims[0]]}.{'weight' if len(t.dims) > 1 else 'bias'}":
            torch.from_numpy(numpy_helper.to_array(t).copy())
        for t in onnx.load(MODEL).graph.initializer})
    for p in net.parameters():
        p.requires_grad_(False)
    return net.eval()


def compare(threads):
    torch.set_num_threads(threads)
    net = torch_net()
    x = torch.from_numpy(np.load(DATA)[:BATCH].astype(np.float32))
    y = torch.arange(BATCH) % 10
    engine = subprocess.Popen([ENGINE, MODEL, DATA, "--threads", str(threads), "--serve"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ours(what):
        engine.stdin.write(what + "\n")
        engine.stdin.flush()
        return float(engine.stdout.readline())

    def forward():
        with torch.no_grad():
            net(x)

    def gradient():
        z = x.clone().requires_grad_(True)
        torch.autograd.grad(torch.nn.functional.cross_entropy(net(z), y, reduction="sum"), z)

    def timed(run):
        start = time.perf_counter()
        run()
        return (time.perf_counter() - start) * 1e3

    times = {"forward": ([], []), "gradient": ([], [])}
    for turn in range(REPEATS + 2):
        for what, run in (("forward", forward), ("gradient", gradient)):
            mine, theirs = ours(what), timed(run)
            if turn >= 2:  # warm
                times[what][0].append(mine)
                times[what][1].append(theirs)
    engine.stdin.close()
    engine.wait()
    for what, label in (("forward", "forward"), ("gradient", "forward and input gradient")):
        mine, theirs = (statistics.median(t) for t in times[what])
        print(f"  {threads} thread{'s' if threads > 1 else ' '}  {label:<27} ours {mine:8.3f} ms   "
              f"PyTorch {theirs:8.3f} ms   ratio {theirs / mine:5.2f}")


print(f"engine against PyTorch {torch.__version__}, mnist-cnn, batch {BATCH}, medians of {REPEATS} in turns")
for n in sorted({1, min(2, os.cpu_count() or 1)}):
    compare(n)
