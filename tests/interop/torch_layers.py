"""Nets of random layers: convolutions of one to three axes, pools, normalization, activations, padding, dense layers."""

import torch
import torch.nn.functional as f
from torch import nn

from torch_spec import F1, Spec, between, pick, settle


def activation(rng, which=None):
    made = {
        "relu": nn.ReLU, "relu6": nn.ReLU6, "elu": lambda: nn.ELU(float(rng.uniform(0.3, 2))), "selu": nn.SELU,
        "celu": lambda: nn.CELU(float(rng.uniform(0.3, 2))), "gelu": nn.GELU, "gelu-tanh": lambda: nn.GELU("tanh"),
        "leaky": lambda: nn.LeakyReLU(float(rng.uniform(0.01, 0.3))), "prelu": nn.PReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh,
        "silu": nn.SiLU, "mish": nn.Mish, "hardswish": nn.Hardswish, "hardsigmoid": nn.Hardsigmoid,
        "hardtanh": lambda: nn.Hardtanh(-float(rng.uniform(0.2, 2)), float(rng.uniform(0.2, 2))), "softplus": lambda: nn.Softplus(float(rng.uniform(0.5, 2))),
        "softsign": nn.Softsign, "tanhshrink": nn.Tanhshrink, "softshrink": lambda: nn.Softshrink(float(rng.uniform(0.1, 1))),
        "hardshrink": lambda: nn.Hardshrink(float(rng.uniform(0.1, 1))), "logsigmoid": nn.LogSigmoid,
        "threshold": lambda: nn.Threshold(0.1, float(rng.uniform(-1, 1))), "rrelu": nn.RReLU,
        "softmax": lambda: nn.Softmax(1), "softmin": lambda: nn.Softmin(-1), "logsoftmax": lambda: nn.LogSoftmax(1), "glu": lambda: nn.GLU(1),
        "identity": nn.Identity, "dropout": nn.Dropout,
    }
    return made[which or list(made)[int(rng.integers(len(made)))]]()


def norm(rng, dims, c):
    group = pick(rng, *[g for g in (1, 2, 3, 4, c) if c % g == 0])
    batch = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[dims - 1]
    instance = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)[dims - 1]
    return pick(rng, lambda: batch(c), lambda: batch(c, eps=1e-3, affine=False), lambda: batch(c), lambda: instance(c, affine=bool(rng.integers(2))),
                lambda: instance(c, affine=True, track_running_stats=True), lambda: nn.GroupNorm(group, c, affine=bool(rng.integers(4))),
                lambda: nn.LocalResponseNorm(pick(rng, 2, 3, 5), alpha=float(rng.uniform(1e-4, 0.5)), k=float(rng.uniform(0.5, 2))))()


def several(rng, dims, low, high):
    return tuple(between(rng, low, high) for _ in range(dims)) if rng.integers(2) else between(rng, low, high)


def pool(rng, dims):
    k = several(rng, dims, 2, 3)
    small = min(k) if isinstance(k, tuple) else k
    mode = dict(kernel_size=k, stride=several(rng, dims, 1, 3), padding=pick(rng, 0, small // 2), ceil_mode=bool(rng.integers(2)))
    names = {"max": (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d), "avg": (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
             "lp": (nn.LPPool1d, nn.LPPool2d, nn.LPPool2d)}
    kind = pick(rng, "max", "avg", "max", "avg", "lp")
    if kind == "max":
        mode["dilation"] = pick(rng, 1, 1, 2)
    elif kind == "avg":
        mode["count_include_pad"] = bool(rng.integers(2))
        if dims > 1 and rng.integers(6) == 0:
            mode["divisor_override"] = between(rng, 1, 5)
    else:
        del mode["padding"]
        mode["norm_type"] = pick(rng, 1, 2, 3)
    if kind == "lp" and dims == 3:
        return nn.MaxPool3d(2)
    pooled = names[kind][dims - 1](**mode)
    return nn.Sequential(nn.Softplus(), pooled) if kind == "lp" else pooled


def pad(rng, dims):
    p = tuple(between(rng, 0, 2) for _ in range(2 * dims))
    name = pick(rng, "Zero", "Constant", "Reflection", "Replication", "Circular")
    made = getattr(nn, f"{name}Pad{dims}d")
    return made(p, float(rng.uniform(-1, 1))) if name == "Constant" else made(p)


def convolution(rng, dims, c):
    group = pick(rng, *([1, 1] + [g for g in (2, 3, 4, c) if c % g == 0]))
    out = group * between(rng, 1, max(1, 16 // group))
    k = tuple(between(rng, 1, 5 if dims < 3 else 3) for _ in range(dims)) if rng.integers(2) else between(rng, 1, 5 if dims < 3 else 3)
    stride = several(rng, dims, 1, 2)
    dilation = several(rng, dims, 1, 2)
    mode = pick(rng, "zeros", "zeros", "zeros", "reflect", "replicate", "circular")
    same = stride == 1 and rng.integers(3) == 0
    padding = "same" if same else pick(rng, 0, 1, "valid", tuple(between(rng, 0, 2) for _ in range(dims)))
    made = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1]
    return made(c, out, k, stride=stride, dilation=dilation, groups=group, padding=padding, padding_mode=mode, bias=bool(rng.integers(4))), out


def try_layer(net, layer, x):
    """The layer's answer, or None where the shapes do not fit."""
    try:
        with torch.no_grad():
            y = layer.eval()(x)
        return y if y.dim() == x.dim() and min(y.shape) > 0 and y[0].numel() < 20000 else None
    except Exception:
        return None


def body(rng, dims, x, depth):
    layers = []
    while len(layers) < depth:
        kind = pick(rng, "conv", "conv", "act", "act", "norm", "pool", "pad")
        c = x.shape[1]
        if kind == "conv":
            layer, _ = convolution(rng, dims, c)
        else:
            layer = {"act": lambda: activation(rng), "norm": lambda: norm(rng, dims, c), "pool": lambda: pool(rng, dims), "pad": lambda: pad(rng, dims)}[kind]()
        y = try_layer(None, layer, x)
        if y is None:
            if not layers or rng.integers(4) == 0:
                depth -= 1
            continue
        layers.append(layer)
        x = y
    return layers, x


def head(rng, dims, x, classes):
    if rng.integers(2):
        to = pick(rng, 1, 1, *[s for s in (2, 3) if all(d % s == 0 for d in x.shape[2:])])
        kind = pick(rng, "Avg", "Max") if to == 1 else "Avg"
        layer = [getattr(nn, f"Adaptive{kind}Pool{dims}d")(to)]
        x = layer[0](x)
    else:
        layer = []
    return layer + [nn.Flatten(), nn.Linear(x[0].numel(), classes)]


def convolutional(dims, side, depth):
    def make(rng):
        c = pick(rng, 1, 2, 3, 4, 6)
        shape = tuple(between(rng, *side) for _ in range(dims))
        x = torch.randn(2, c, *shape)
        layers, y = body(rng, dims, x, between(rng, 2, depth))
        classes = between(rng, 2, 11)
        if y[0].numel() > 6000:
            layers.append((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[dims - 1](1))
            y = layers[-1](y)
        if rng.integers(5):
            layers += head(rng, dims, y, classes)
        net = settle(nn.Sequential(*layers), 6, c, *shape)
        return Spec(net, lambda n: (torch.randn(n, c, *shape),), rows="images", classes=isinstance(layers[-1], nn.Linear))
    return make


def free_size(rng):
    """Height and width vary as well."""
    c = pick(rng, 1, 3)
    layers, width = [], c
    for _ in range(between(rng, 1, 3)):
        conv, width = convolution(rng, 2, width)
        layers += [conv, norm(rng, 2, width), activation(rng, pick(rng, "relu", "silu", "gelu", "hardswish"))]
        if rng.integers(2):
            layers.append(pool(rng, 2))
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, between(rng, 2, 9))] if rng.integers(2) else []
    net = settle(nn.Sequential(*layers), 4, c, 24, 26)
    h, w = between(rng, 20, 30), between(rng, 20, 30)
    return Spec(net, lambda n: (torch.randn(n, c, h + (n > 4) * 5, w + (n > 4) * 3),), dyn=[{0: "n", 2: "h", 3: "w"}], rows="images", fixed=False)


def activations(which):
    def make(rng):
        a, b = between(rng, 4, 20), 2 * between(rng, 2, 12)
        hidden = activation(rng, which)
        back = b // 2 if which == "glu" else b
        net = nn.Sequential(nn.Linear(a, b), hidden, nn.Linear(back, between(rng, 2, 8)))
        return Spec(net, lambda n: (2 * torch.randn(n, a),), classes=True)
    return make


def mlp(rng):
    width = between(rng, 3, 60)
    layers, w = [], width
    for _ in range(between(rng, 1, 4)):
        to = between(rng, 4, 70)
        layers += [nn.Linear(w, to, bias=bool(rng.integers(4)))]
        layers += pick(rng, lambda: [], lambda: [nn.BatchNorm1d(to)], lambda: [nn.LayerNorm(to)], lambda: [nn.Dropout(0.3)], lambda: [nn.RMSNorm(to)])()
        layers.append(activation(rng, pick(rng, "relu", "gelu", "silu", "tanh", "elu", "mish", "leaky", "prelu", "softplus")))
        w = to
    layers.append(nn.Linear(w, between(rng, 2, 12)))
    layers += pick(rng, [], [], [nn.Softmax(-1)], [nn.LogSoftmax(-1)])
    return Spec(settle(nn.Sequential(*layers), 32, width), lambda n: (torch.randn(n, width),), classes=True)


def sequence_mlp(rng):
    """Linear layers on more than two axes, LayerNorm over several."""
    a, t = between(rng, 3, 20), between(rng, 2, 9)
    net = nn.Sequential(nn.Linear(a, 12), nn.GELU(), nn.LayerNorm((t, 12)) if rng.integers(2) else nn.LayerNorm(12, elementwise_affine=False), nn.Linear(12, 7),
                        nn.Flatten(), nn.Linear(7 * t, 5))
    return Spec(settle(net, 8, t, a), lambda n: (torch.randn(n, t, a),), classes=True)


def residual(rng):
    c = 2 * between(rng, 1, 6)
    act = activation(rng, pick(rng, "relu", "relu6", "elu", "silu", "leaky", "hardswish"))
    down = bool(rng.integers(2))
    fuse = pick(rng, "add", "cat", "mul", "sub")
    net = F1(lambda m, x: m.end(m.join(m, m.stem(x))), stem=nn.Sequential(nn.Conv2d(3, c, 3, padding=1, bias=False), nn.BatchNorm2d(c), act),
             a=nn.Sequential(nn.Conv2d(c, c, 3, padding=1, stride=1 + down), nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, c, 3, padding=1, groups=pick(rng, 1, 2))),
             b=nn.Sequential(nn.Conv2d(c, c, 1, stride=2), nn.BatchNorm2d(c)) if down else nn.Identity(),
             end=nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * c if fuse == "cat" else c, 10)))
    net.join = {"add": lambda m, x: m.a(x) + m.b(x), "cat": lambda m, x: torch.cat([m.a(x), m.b(x)], 1), "mul": lambda m, x: m.a(x) * torch.sigmoid(m.b(x)),
                "sub": lambda m, x: m.a(x) - m.b(x)}[fuse]
    s = 4 * between(rng, 3, 7)
    return Spec(settle(net, 8, 3, s, s), lambda n: (torch.rand(n, 3, s, s),), rows="images", classes=True)


def unpool(rng):
    net = F1(lambda m, x: m.up(*m.down(torch.relu(m.conv(x))), output_size=(8, 8)), conv=nn.Conv2d(1, 4, 3, padding=1), down=nn.MaxPool2d(2, return_indices=True), up=nn.MaxUnpool2d(2))
    return Spec(net, lambda n: (torch.randn(n, 1, 8, 8),), rows="images", by="dynamo")


def functional_pads(rng):
    p = [between(rng, 0, 3) for _ in range(4)]
    mode = pick(rng, "constant", "reflect", "replicate", "circular")
    crop = [between(rng, -2, 2) for _ in range(4)]

    def forward(m, x):
        x = f.pad(x, p, mode=mode)
        x = f.pad(x, crop)
        return m.lin(x.flatten(1)[:, :50])
    return Spec(F1(forward, lin=nn.Linear(50, 4)), lambda n: (torch.randn(n, 2, 9, 8),), rows="images")


def normalized(rng):
    """Images in [0, 255] and constants in front of the first layer, as deployed nets have them."""
    net = F1(lambda m, x: m.net((x / 255.0 - m.mean) / m.std), mean=torch.rand(3, 1, 1), std=torch.rand(3, 1, 1) + 0.2,
             net=nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 7 * 7, 6)))
    return Spec(net, lambda n: (torch.randint(0, 256, (n, 3, 32, 32)).float(),), rows="images", classes=True)


def wide_net(rng):
    """float64 from end to end."""
    net = settle(nn.Sequential(nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6), nn.GELU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(6 * 9, 5), nn.LogSoftmax(1)), 8, 2, 8, 8).double()
    return Spec(net, lambda n: (torch.randn(n, 2, 8, 8, dtype=torch.float64),), rows="images")


def narrow_net(rng):
    """float16 or bfloat16 inside, float32 outside."""
    low = pick(rng, torch.float16, torch.bfloat16)
    inner = pick(rng, lambda: nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.LayerNorm(24), nn.Linear(24, 6), nn.Softmax(-1)),
                 lambda: nn.Sequential(nn.Unflatten(1, (3, 2, 2)), nn.Conv2d(3, 8, 2, padding=1), nn.SiLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 4)))().to(low)
    net = F1(lambda m, x: m.inner(x.to(low)).float(), inner=inner)
    return Spec(net, lambda n: (torch.randn(n, 12),), low=low)


def half_net(rng):
    """float16 at the inputs too."""
    net = nn.Sequential(nn.Linear(10, 16), nn.GELU(), nn.Linear(16, 3)).half()
    return Spec(net, lambda n: (torch.randn(n, 10).half(),), low=torch.float16)


NAMES = ("relu6 elu selu celu gelu gelu-tanh leaky prelu sigmoid tanh silu mish hardswish hardsigmoid hardtanh softplus softsign tanhshrink softshrink hardshrink "
         "logsigmoid threshold rrelu softmax softmin logsoftmax glu dropout").split()
MAKERS = {
    "cnn1d": convolutional(1, (10, 40), 7), "cnn2d": convolutional(2, (8, 28), 8), "cnn2d-b": convolutional(2, (12, 32), 10), "cnn3d": convolutional(3, (5, 10), 6),
    "cnn-free-size": free_size, "mlp": mlp, "mlp-sequence": sequence_mlp, "residual": residual, "unpool": unpool, "functional-pads": functional_pads,
    "normalized": normalized, "float64": wide_net, "narrow": narrow_net, "half": half_net,
    **{f"activation/{n}": activations(n) for n in NAMES},
}
