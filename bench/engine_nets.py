"""The nets of bench/engine, seeded: what they are, and as ONNX files.

    engine_nets.py FOLDER      writes NAME.onnx and NAME.x.npy of every net that is not there yet

Answers and gradients run on NAME.onnx; training starts from the same file, batch normalizations in it.
"""
import os
import sys

import numpy as np
import torch
from torch import nn

SEED = 20261125


def mnist_cnn():
    """conv3x3x32-relu-pool-conv3x3x64-relu-pool-fc128-relu-fc10."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10))


class Block(nn.Module):
    """A residual block: convolutions as (channels, kernel, stride), each with its normalization."""

    def __init__(self, channels, convolutions):
        super().__init__()
        layers, at, stride = [], channels, 1
        for i, (to, kernel, step) in enumerate(convolutions):
            layers += [nn.Conv2d(at, to, kernel, step, kernel // 2, bias=False), nn.BatchNorm2d(to)]
            if i + 1 < len(convolutions):
                layers.append(nn.ReLU())
            at, stride = to, stride * step
        self.body = nn.Sequential(*layers)
        self.short = nn.Identity() if (at, stride) == (channels, 1) else nn.Sequential(
            nn.Conv2d(channels, at, 1, stride, bias=False), nn.BatchNorm2d(at))

    def forward(self, x):
        return torch.relu(self.body(x) + self.short(x))


def resnet20():
    """He et al. 2016, section 4.2, n = 3, with projections."""
    layers, at = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for to, first in ((16, 1), (32, 2), (64, 2)):
        for i in range(3):
            layers.append(Block(at, [(to, 3, first if i == 0 else 1), (to, 3, 1)]))
            at = to
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def resnet50():
    """He et al. 2016, table 1, stride in the 3x3 as everybody exports it."""
    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    at = 64
    for width, count, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(count):
            layers.append(Block(at, [(width, 1, 1), (width, 3, first if i == 0 else 1), (4 * width, 1, 1)]))
            at = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


class Lstm(nn.Module):
    """Two layers of 128 over 64 embedded words of 128."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(128, 128, 2, batch_first=True)
        self.head = nn.Linear(128, 2)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


class Encoder(nn.Module):
    """Four layers of width 256, four heads, over 128 embedded words."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(256, 4, 1024, dropout=0.0, batch_first=True), 4, enable_nested_tensor=False)
        self.head = nn.Linear(256, 2)

    def forward(self, x):
        return self.head(self.encoder(x).mean(1))


# name: (maker, one example, most examples wanted, operations of a forward pass of one in millions)
NETS = {
    "mnist-cnn": (mnist_cnn, (1, 28, 28), 256, 8.48),
    "resnet20": (resnet20, (3, 32, 32), 64, 81.6),
    "resnet50": (resnet50, (3, 224, 224), 4, 8178.0),
    "lstm": (Lstm, (64, 128), 32, 33.6),
    "encoder": (Encoder, (128, 256), 8, 872.0),
}


def examples(name):
    _, shape, n, _ = NETS[name]
    return np.random.default_rng(SEED).random((n,) + shape, dtype=np.float32)


def make(name):
    """The net in eval mode; its normalizations have seen the examples once, so that numbers stay of one size."""
    torch.manual_seed(SEED)
    net = NETS[name][0]()
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    if norms:
        for m in norms:
            m.momentum = 1.0
        with torch.no_grad():
            net(torch.from_numpy(examples(name)))
        for m in norms:
            m.momentum = 0.1
    return net.eval()


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for name in NETS:
        path = f"{folder}/{name}.onnx"
        if os.path.exists(path) and os.path.exists(f"{folder}/{name}.x.npy"):
            continue
        x = examples(name)
        np.save(f"{folder}/{name}.x.npy", x)
        torch.onnx.export(make(name), (torch.from_numpy(x[:2]),), path + ".part", input_names=["x"],
                          output_names=["logits"], dynamic_shapes=({0: torch.export.Dim("n")},), dynamo=True,
                          optimize=False, external_data=False, verbose=False)
        os.replace(path + ".part", path)


if __name__ == "__main__":
    main(sys.argv[1])
