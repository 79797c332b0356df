"""What a family of torch_layers.py, torch_ops.py or torch_nets.py gives: a net and how to feed it."""

import torch
from torch import nn


class Spec:
    """
    net      the module; forward takes as many tensors as make gives
    make     function(n) -> inputs of n rows
    dyn      for each input: axis -> name of what may vary when axes are dynamic
    rows     "rows" (1,000), "images" (32) or "few" (8)
    mix      rows depend on each other
    fixed    True: never dynamic; False: always; None: drawn
    by       "both", "script" or "dynamo"
    script   torch.jit.script before the TorchScript exporter
    wrt      name of the Embedding whose words are asked for the gradient
    low      a type below float32 that the net computes in
    """

    def __init__(self, net, make, dyn=None, rows="rows", grad=True, classes=False, mix=False, fixed=None, by="both", script=False, wrt=None, low=None, eps=None):
        self.net, self.make, self.rows, self.grad, self.classes = net, make, rows, grad, classes
        self.mix, self.fixed, self.by, self.script, self.wrt, self.low, self.eps = mix, fixed, by, script, wrt, low, eps
        self.dyn = dyn if dyn is not None else [{0: "n"} for _ in make(2)]


class F1(nn.Module):
    """A function of one tensor (and of modules that it may use) as a module."""

    def __init__(self, f, **modules):
        super().__init__()
        self.f = f
        for name, m in modules.items():
            if isinstance(m, nn.Module):
                setattr(self, name, m)
            else:
                self.register_buffer(name, m)

    def forward(self, x):
        return self.f(self, x)


class F2(F1):
    def forward(self, x, y):
        return self.f(self, x, y)


class F3(F1):
    def forward(self, x, y, z):
        return self.f(self, x, y, z)


def pick(rng, *options):
    return options[int(rng.integers(len(options)))]


def between(rng, low, high):
    """Both ends included."""
    return int(rng.integers(low, high + 1))


def settle(net, *shape):
    """Batch statistics as after some training: from two batches of noise."""
    net.train()
    with torch.no_grad():
        for _ in range(2):
            net(torch.randn(*shape) * 1.5 + 0.2)
        for m in net.modules():
            if isinstance(m, (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)) and m.weight is not None:
                m.weight.uniform_(0.5, 1.5)
                if m.bias is not None:
                    m.bias.normal_(0, 0.2)
    return net.eval()
