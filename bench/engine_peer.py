"""One engine other than ours, in a process of its own that takes orders; see bench/engine.

    engine_peer.py ENGINE NET BATCH FOLDER      ENGINE: torch, onnxruntime, openvino

Orders on standard input, a line each, answered by a line:
    ways WORK          the ways this engine has to do it, the one as installed first; WORK: forward, gradient, train
    run WORK WAY       milliseconds of one run, by wall-clock and by processor time (made ready at the first one)
    save WORK WAY FILE what it computes, as raw float32; train, first of all orders: the loss of the fourth step
    memory             MiB: the most this process has held, and what it held before the first run
    version            of the engine
Anything else that is printed went to standard error: "failed" is the answer to an order that raised.
"""
import os
import resource
import sys
import time

ENGINE, NET, BATCH, FOLDER = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
THREADS = int(os.environ.get("BENCH_THREADS", "1"))
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print is not an answer

import numpy as np  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def held():
    with open("/proc/self/status") as f:
        return int(next(line for line in f if line.startswith("VmRSS")).split()[1]) / 1024


class Torch:
    """The net as people run it, and everything that makes it faster: the layout, a compiled graph of forward and
    gradient together, tensors in oneDNN's own blocks, batches that fit the cache, normalizations folded."""

    def __init__(self):
        import torch
        import engine_nets

        torch.set_num_threads(THREADS)
        self.torch, self.version = torch, torch.__version__
        self.net = engine_nets.make(NET)
        self.pixels = len(engine_nets.NETS[NET][1]) == 3
        self.blocks = NET == "mnist-cnn"  # nothing but layers that have a form in blocks
        x = engine_nets.examples(NET)[:BATCH]
        with torch.no_grad():
            self.classes = self.net(torch.from_numpy(x[:1])).shape[1]
        self.x = torch.from_numpy(x)
        self.y = torch.arange(BATCH) % min(10, self.classes)

    def ways(self, work):
        last = ["channels-last"] if self.pixels else []
        if work == "forward":
            return ["eager"] + last + ["compiled", "frozen"]
        if work == "train":
            return ["eager"] + last + (["compiled"] if not self.blocks else [])
        return ["eager"] + last + ["vjp"] + (["blocks", "vjp/32", "blocks/32"] if self.blocks and BATCH > 32 else [])

    def prepare(self, work, way):
        torch, F = self.torch, self.torch.nn.functional
        import copy
        net, x, y = copy.deepcopy(self.net), self.x, self.y
        way, _, size = way.partition("/")
        size = int(size or BATCH)
        cl = self.pixels and way != "eager"
        if cl and way != "blocks":
            net, x = net.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
        parts = [(x[i:i + size], y[i:i + size]) for i in range(0, BATCH, size)]

        if work == "train":
            net.train()
            sgd = torch.optim.SGD(net.parameters(), lr=1e-3)
            loss = (torch.compile if way == "compiled" else lambda f: f)(lambda x, y: F.cross_entropy(net(x), y))

            def step():
                sgd.zero_grad(set_to_none=True)
                now = loss(x, y)
                now.backward()
                sgd.step()
                return now
            return step
        for p in net.parameters():
            p.requires_grad_(False)
        if work == "forward":
            if way in ("compiled", "frozen"):
                import torch._inductor.config as inductor
                inductor.freezing = way == "frozen"
                net = torch.compile(net)

            def forward():
                with torch.no_grad():
                    return net(x)
            return forward
        if way != "eager":
            net = self.folded(net)
        if way == "blocks":
            first, second, rest = net[0], net[3], net[6:]

            def part(h, conv):
                h = torch.mkldnn_convolution(h, conv.weight, conv.bias, [1, 1], [1, 1], [1, 1], 1)
                return F.max_pool2d(torch.relu(h), 2, 2)  # its gradient wants the stride said

            def net(x):
                return rest(part(part(x.to_mkldnn(), first), second).to_dense())

        def gradient(x, y):
            z = x.detach().requires_grad_(True)
            return torch.autograd.grad(F.cross_entropy(net(z), y, reduction="sum"), z)[0]
        if way == "vjp":
            from torch.func import grad
            one = torch.compile(grad(lambda x, y: F.cross_entropy(net(x), y, reduction="sum")))
        else:
            one = gradient
        return lambda: torch.cat([one(*p) for p in parts]) if len(parts) > 1 else one(*parts[0])

    def folded(self, net):
        """Batch normalization folded into the convolution in front of it."""
        from torch.nn.utils.fusion import fuse_conv_bn_eval
        nn = self.torch.nn
        for m in net.modules():
            if isinstance(m, nn.Sequential):
                for i in range(len(m) - 1):
                    if isinstance(m[i], nn.Conv2d) and isinstance(m[i + 1], nn.BatchNorm2d):
                        m[i], m[i + 1] = fuse_conv_bn_eval(m[i], m[i + 1]), nn.Identity()
        return net

    def array(self, result):
        return result.detach().contiguous().numpy()


class Session:
    def __init__(self):
        self.x = np.load(f"{FOLDER}/{NET}.x.npy")[:BATCH]
        self.path = f"{FOLDER}/{NET}.onnx"

    def array(self, result):
        return result


class Onnxruntime(Session):
    def __init__(self):
        import onnxruntime
        super().__init__()
        self.ort, self.version = onnxruntime, onnxruntime.__version__

    def ways(self, work):
        return ["session"] if work == "forward" else []

    def prepare(self, work, way):
        options = self.ort.SessionOptions()
        options.intra_op_num_threads = THREADS
        session = self.ort.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda: session.run(None, {name: self.x})[0]


class Openvino(Session):
    def __init__(self):
        import openvino
        super().__init__()
        self.ov, self.version = openvino, openvino.__version__.split("-")[0]

    def ways(self, work):
        return ["f32"] if work == "forward" else []

    def prepare(self, work, way):
        core = self.ov.Core()
        model = core.read_model(self.path)
        model.reshape([BATCH] + list(self.x.shape[1:]))
        compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY",
                                                     "INFERENCE_NUM_THREADS": THREADS})
        request = compiled.create_infer_request()
        x = self.ov.Tensor(self.x, shared_memory=True)

        def forward():
            request.infer({0: x})
            return request.get_output_tensor(0).data
        return forward


def main():
    engine = {"torch": Torch, "onnxruntime": Onnxruntime, "openvino": Openvino}[ENGINE]()
    ready, before = {}, held()

    def prepared(work, way):
        if (work, way) not in ready:
            ready[work, way] = engine.prepare(work, way)
            for _ in range(3):
                ready[work, way]()
        return ready[work, way]

    def answer(order):
        if order[0] == "ways":
            return " ".join(engine.ways(order[1]))
        if order[0] == "version":
            return engine.version
        if order[0] == "memory":
            return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.1f} {before:.1f}"
        run = prepared(order[1], order[2])
        if order[0] == "save":
            np.ascontiguousarray(engine.array(run()), dtype=np.float32).tofile(order[3])
            return "saved"
        wall, processor = time.perf_counter(), time.process_time()
        run()
        return f"{(time.perf_counter() - wall) * 1e3:.6f} {(time.process_time() - processor) * 1e3:.6f}"

    for line in sys.stdin:
        try:
            said = answer(line.split())
        except Exception as reason:  # the lead goes on without this way
            print(f"{ENGINE} {NET}: {line.strip()}: {type(reason).__name__}: {str(reason)[:300]}", file=sys.stderr)
            said = "failed"
        print(said, file=ANSWERS, flush=True)


main()
