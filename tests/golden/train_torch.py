#!/usr/bin/python3
"""Training against PyTorch: the same net, data and settings, whole batches; every weight after each run.

Steps: 1 (the optimizer's arithmetic) and 6 (schedules, momentum building up, running statistics). Tolerance: float32
sums of a few hundred terms differ by about 1e-6 relative between the two. Adam divides by the root of the second
moment, so where a gradient is nearly zero its relative error moves the weight by that share of the learning rate:
1e-4 of the largest weight with Adam, 5e-6 with SGD. One wrong factor changes weights by 1e-2.
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx
    import torch
    from onnx import TensorProto, helper, numpy_helper
except ImportError as reason:
    print(f"skipped: {reason}")
    sys.exit(77)

try:
    import jsonschema
except ImportError:
    jsonschema = None

REDOUBT = os.path.abspath(os.environ.get("REDOUBT", "build/release/redoubt"))
torch.manual_seed(3)
torch.set_num_threads(1)
ROWS, CLASSES = 24, 4


class Net(torch.nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(2, 6, 3, padding=1, bias=not norm)
        self.norm = torch.nn.BatchNorm2d(6) if norm else torch.nn.Identity()
        self.conv2 = torch.nn.Conv2d(6, 5, 3, stride=2)
        self.fc1 = torch.nn.Linear(5 * 4, 7)
        self.fc2 = torch.nn.Linear(7, CLASSES)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.norm(self.conv1(x))), 2)
        x = torch.relu(self.conv2(x))
        return self.fc2(torch.tanh(self.fc1(x.flatten(1))))


def export(net, norm, path):
    """By hand, so that BatchNormalization stays a node and every weight keeps its name."""
    weights = {k: v for k, v in net.state_dict().items() if v.dtype == torch.float32}
    nodes = [helper.make_node("Conv", ["x", "conv1.weight"] + ([] if norm else ["conv1.bias"]), ["a"],
                              kernel_shape=[3, 3], pads=[1, 1, 1, 1])]
    if norm:
        nodes.append(helper.make_node("BatchNormalization",
                                      ["a", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"],
                                      ["b"], epsilon=1e-5, momentum=0.9))
    nodes += [
        helper.make_node("Relu", ["b" if norm else "a"], ["c"]),
        helper.make_node("MaxPool", ["c"], ["d"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["d", "conv2.weight", "conv2.bias"], ["e"], kernel_shape=[3, 3], strides=[2, 2]),
        helper.make_node("Relu", ["e"], ["f"]),
        helper.make_node("Flatten", ["f"], ["g"]),
        helper.make_node("Gemm", ["g", "fc1.weight", "fc1.bias"], ["h"], transB=1),
        helper.make_node("Tanh", ["h"], ["i"]),
        helper.make_node("Gemm", ["i", "fc2.weight", "fc2.bias"], ["logits"], transB=1),
    ]
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2, 10, 10])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", CLASSES])],
        [numpy_helper.from_array(v.numpy(), k) for k, v in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    onnx.save(model, path)


def torch_train(net, x, target, case):
    params = net.parameters()
    if case["optimizer"] == "adam":
        opt = torch.optim.Adam(params, lr=case["lr"], betas=(case["momentum"], 0.999), weight_decay=case["decay"])
    else:
        opt = torch.optim.SGD(params, lr=case["lr"], momentum=case["momentum"], weight_decay=case["decay"])
    steps = case["steps"]
    if case["schedule"] == "one-cycle":
        plan = torch.optim.lr_scheduler.OneCycleLR(opt, case["lr"], total_steps=steps, cycle_momentum=False)
    elif case["schedule"] == "cosine":
        plan = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=steps)
    else:
        plan = torch.optim.lr_scheduler.ConstantLR(opt, 1.0)
    net.train()
    for step in range(steps):
        opt.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x), target)
        loss.backward()
        opt.step()
        if step + 1 < steps:
            plan.step()
    return loss.item()


def run(folder, norm, soft, case):
    torch.manual_seed(5)
    net = Net(norm)
    x = torch.rand(ROWS, 2, 10, 10)
    labels = torch.arange(ROWS) % CLASSES
    probabilities = torch.softmax(torch.rand(ROWS, CLASSES) * 3, 1)
    at = lambda name: os.path.join(folder, name)
    export(net, norm, at("net.onnx"))
    np.save(at("x.npy"), x.numpy())
    np.save(at("y.npy"), labels.numpy())
    np.save(at("soft.npy"), probabilities.numpy())
    loss = torch_train(net, x, probabilities if soft else labels, case)
    command = [REDOUBT, "model", "train", at("net.onnx"), "--data", at("x.npy"), "--keep-weights",
               *(["--soft", at("soft.npy")] if soft else ["--labels", at("y.npy")]),
               "--optimizer", case["optimizer"], "--lr", str(case["lr"]), "--momentum", str(case["momentum"]),
               "--weight-decay", str(case["decay"]), "--schedule", case["schedule"], "--epochs", str(case["steps"]),
               "--batch", str(ROWS), "-o", at("out.onnx"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr)
        return False
    whole = json.loads(done.stdout)
    if jsonschema:
        jsonschema.validate(whole, json.load(open("docs/schema/model-train.schema.json")))
    result = whole["result"]
    trained = onnx.load(at("out.onnx"))
    onnx.checker.check_model(trained)
    got = {t.name: numpy_helper.to_array(t) for t in trained.graph.initializer}
    worst, where = abs(result["loss"] - loss) / loss, "loss"
    moved = 0.0
    before = {t.name: numpy_helper.to_array(t) for t in onnx.load(at("net.onnx")).graph.initializer}
    for name, want in net.state_dict().items():
        if want.dtype != torch.float32:
            continue
        want = want.numpy()
        difference = np.abs(got[name] - want).max() / np.abs(want).max()
        moved = max(moved, np.abs(before[name] - want).max())
        if difference > worst:
            worst, where = difference, name
    good = worst < (1e-4 if case["optimizer"] == "adam" else 5e-6) and moved > 1e-4
    print(f"{'ok' if good else 'BAD'}: norm={norm} soft={soft} {case}: {worst:.2e} at {where}, weights moved by {moved:.3f}")
    return good


def main():
    base = {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "decay": 0.0, "schedule": "constant", "steps": 1}
    cases = [
        (False, False, base),
        (False, False, {**base, "steps": 6, "decay": 0.01}),
        (False, True, {**base, "steps": 6, "schedule": "cosine"}),
        (False, False, {**base, "steps": 10, "schedule": "one-cycle"}),
        (True, False, {**base, "steps": 6}),
        (False, False, {**base, "optimizer": "adam", "lr": 0.01}),
        (False, False, {**base, "optimizer": "adam", "lr": 0.01, "steps": 6, "decay": 0.001, "momentum": 0.8}),
        (True, True, {**base, "optimizer": "adam", "lr": 0.01, "steps": 6}),
    ]
    with tempfile.TemporaryDirectory() as folder:
        results = [run(folder, *case) for case in cases]
    print(f"{sum(results)} of {len(results)} agree with PyTorch {torch.__version__}")
    return 0 if all(results) else 1


sys.exit(main())
