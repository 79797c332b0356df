"""Small nets around one operation of tensors each: what exporters make of indexing, scattering, sorting, control flow."""

import torch
import torch.nn.functional as f
from torch import nn

from torch_spec import F1, F2, F3, Spec, between, pick


def one(shape, low=None):
    """Of a function of x (n, *shape): F1 around it, a linear layer in front so that weights and gradients take part."""
    def around(forward, by="both", mix=False, grad=True, fixed=None, script=False, scale=1.0, **modules):
        net = F1(lambda m, x: forward(m, m.front(x)), front=nn.Linear(shape[-1], shape[-1]), **modules)
        return Spec(net, lambda n: (scale * torch.randn(n, *shape),), by=by, mix=mix, grad=grad, fixed=fixed, rows="images")
    return around


def simple(table):
    """One maker for each entry: name -> function of a tensor (n, 5, 6)."""
    def maker(g):
        return lambda rng: one((5, 6))(lambda m, x: g(x))
    return {f"op/{name}": maker(g) for name, g in table.items()}


ELEMENTWISE = {
    "abs": torch.abs, "exp": torch.exp, "expm1": torch.expm1, "log1p": lambda x: torch.log1p(x.abs()), "sqrt": lambda x: (x.abs() + 0.1).sqrt(),
    "rsqrt": lambda x: (x * x + 0.5).rsqrt(), "pow": lambda x: (x.abs() + 0.1) ** 1.7 + x ** 3 - x ** 2, "exponent": lambda x: 2 ** x + (x.abs() + 0.3) ** x,
    "sin": lambda x: x.sin() + x.cos(), "tan": lambda x: (x / 4).tan(), "atan": lambda x: x.atan() + torch.sinh(x) - torch.cosh(x) + torch.asinh(x),
    "asin": lambda x: torch.asin(torch.tanh(x) * 0.9) + torch.acos(torch.tanh(x) * 0.9) + torch.atanh(torch.tanh(x) * 0.9), "erf": torch.erf, "acosh": lambda x: torch.acosh(x.abs() + 1.5),
    "atan2": lambda x: torch.atan2(x[..., :3], x[..., 3:]), "reciprocal": lambda x: 1 / (x * x + 1), "floor": lambda x: x - x.detach().floor(),
    "clamp": lambda x: x.clamp(-0.5, 0.8) + x.clamp(min=0.1) + x.clamp(max=0.2), "clamp-tensor": lambda x: torch.clamp(x, x.mean(1, keepdim=True), x.amax(2, keepdim=True)),
    "minimum": lambda x: torch.minimum(x[..., :3], x[..., 3:]) + torch.maximum(x[:, :1, :3], x[..., 3:]), "sign": lambda x: x * torch.sign(x).detach(), "fmod": lambda x: x + torch.fmod(x, 0.7),
    "remainder": lambda x: x + torch.remainder(x, 0.7), "div-floor": lambda x: x * torch.div(x, 0.5, rounding_mode="floor").detach(), "div-trunc": lambda x: x * torch.div(x, 0.5, rounding_mode="trunc").detach(),
    "lerp": lambda x: torch.lerp(x, x.flip(2), 0.3), "addcmul": lambda x: torch.addcmul(x, x, x + 1, value=0.5) + torch.addcdiv(x, x, x * x + 1), "logit": lambda x: torch.logit(torch.sigmoid(x), 1e-4),
    "where": lambda x: torch.where(x > 0, x.exp(), x * 0.1), "masked-fill": lambda x: x.masked_fill(x < -0.3, 0.0), "masked-fill-inf": lambda x: torch.softmax(x.masked_fill(x < -1.3, float("-inf")), 2),
    "hypot": lambda x: (x ** 2 + x.roll(1, 2) ** 2 + 0.01).sqrt(), "square": lambda x: torch.square(x) * torch.neg(x), "frac": lambda x: x * 2 + torch.frac(x), "trunc": lambda x: x + torch.trunc(x).detach() + torch.ceil(x).detach() + torch.round(x).detach(),
    "isnan": lambda x: torch.where(torch.isnan(x) | torch.isinf(x), 0.0, x), "nan-to-num": lambda x: torch.nan_to_num(x) * 2, "bool": lambda x: x * ((x > 0) & ~(x > 1) | (x == 3) ^ (x != x)).float(),
    "xlogy": lambda x: torch.xlogy(x, x.abs() + 0.5), "logaddexp": lambda x: torch.logaddexp(x, x.flip(1)), "sinc": lambda x: torch.sinc(x + 3), "heaviside": lambda x: x * (x >= 0).to(x.dtype),
    "bits": lambda x: x * ((x.detach() * 10).to(torch.int64) & 3 | 4).float(), "int-div": lambda x: x * ((x.detach() * 10).to(torch.int64) // 3 % 4).float(), "type": lambda x: x + x.detach().to(torch.int32).to(torch.float64).float(),
}
REDUCING = {
    "sum": lambda x: x.sum(1) + x.sum((1, 2), keepdim=True)[:, 0], "mean": lambda x: x.mean(-1) * x.mean((1, 2)).unsqueeze(1), "prod": lambda x: (x + 1.5).prod(2), "max": lambda x: x.max(2)[0] + x.amax(2),
    "min": lambda x: x.min(1, keepdim=True).values + x.amin((1,), keepdim=True), "var": lambda x: x.var(2) + x.var(1, unbiased=False, keepdim=True)[:, 0, :5], "std": lambda x: x.std(2) + x.std((1, 2))[:, None],
    "var-mean": lambda x: torch.cat(torch.var_mean(x, 2, correction=0), 1), "norm": lambda x: x.norm(dim=2) + x.norm(p=1, dim=2) + x.norm(p=3, dim=2), "vector-norm": lambda x: torch.linalg.vector_norm(x, float("inf"), 2) + torch.linalg.vector_norm(x, 2, 2),
    "normalize": lambda x: f.normalize(x, dim=2) + f.normalize(x, p=1, dim=1), "logsumexp": lambda x: torch.logsumexp(x, 2) + torch.logsumexp(x, (1, 2)).unsqueeze(1), "cumsum": lambda x: x.cumsum(1) + x.cumsum(-1), "cumprod": lambda x: (x * 0.3 + 1).cumprod(2),
    "softmax": lambda x: x.softmax(1) + x.log_softmax(2) + x.softmax(-1), "all-any": lambda x: x * (x > -1).all(2, keepdim=True) + (x > 1).any(1, keepdim=True), "argmax": lambda x: x * x.argmax(2, keepdim=True) + x.argmin(1).unsqueeze(1),
    "topk": lambda x: x.topk(3, 2)[0] + x.topk(3, dim=2, largest=False)[0], "topk-index": lambda x: torch.gather(x, 2, x.topk(2, 2)[1]), "sort": lambda x: x.sort(2)[0] + x.sort(2, descending=True)[0], "argsort": lambda x: torch.gather(x, 1, x.argsort(1, descending=True)),
    "median": lambda x: x.sort(2)[0][..., 3], "cosine": lambda x: f.cosine_similarity(x, x.flip(1), dim=2), "cdist": lambda x: torch.cdist(x, x[:, :3] + 1), "pairwise": lambda x: f.pairwise_distance(x[:, 0], x[:, 1]), "count": lambda x: x * torch.count_nonzero(x > 0, dim=2).unsqueeze(2),
    "standardize": lambda x: (x - x.mean((1, 2), keepdim=True)) / (x.std((1, 2), keepdim=True) + 1e-5), "layer-norm": lambda x: f.layer_norm(x, (5, 6)) + f.layer_norm(x, (6,)), "rms-norm": lambda x: f.rms_norm(x, (6,)), "cummax": lambda x: torch.cummax(x, 2)[0], "max-all": lambda x: x / x.flatten(1).max(1)[0].abs().view(-1, 1, 1),
}
MOVING = {
    "slice": lambda x: x[:, 1:4, ::2] + x[:, -3:, 1::2], "slice-back": lambda x: x.flip(2)[..., 1:-1], "select": lambda x: x[:, 0] + x[:, -1] * x[:, 2], "index": lambda x: x[:, [0, 2, 2, 4]], "index-two": lambda x: x[:, [0, 1, 3], [5, 0, 2]], "ellipsis": lambda x: x[..., 3] + x[..., None, 0].squeeze(-1),
    "index-tensor": lambda x: x.index_select(1, torch.tensor([4, 0, 1])), "bool-index": lambda x: x[:, torch.tensor([True, False, True, True, False])], "roll": lambda x: x.roll(2, 1) + x.roll((1, -2), (1, 2)), "flip": lambda x: x.flip((1, 2)), "repeat": lambda x: x.repeat(1, 2, 3), "tile": lambda x: x.tile(2, 1), "expand": lambda x: x[:, :, None].expand(-1, -1, 4, -1) + 1,
    "repeat-interleave": lambda x: x.repeat_interleave(3, 1), "repeat-interleave-many": lambda x: x.repeat_interleave(torch.tensor([1, 2, 0, 3, 1]), 1), "stack": lambda x: torch.stack([x, x * 2, x.flip(1)], 2), "cat": lambda x: torch.cat([x, x[:, :2], -x], 1), "chunk": lambda x: torch.cat(x.chunk(2, 2)[::-1], 2) + torch.cat(x.chunk(3, 1), 1),
    "split": lambda x: torch.cat([p * i for i, p in enumerate(x.split([1, 3, 1], 1))], 1), "split-even": lambda x: x.split(2, 2)[1], "unbind": lambda x: sum(p * i for i, p in enumerate(x.unbind(1))), "transpose": lambda x: x.transpose(1, 2) @ x, "permute": lambda x: x.permute(0, 2, 1).contiguous().view(x.size(0), -1), "movedim": lambda x: x.movedim(1, 2).reshape(x.shape[0], 3, 10),
    "view": lambda x: x.view(x.size(0), -1), "view-dynamic": lambda x: x.reshape(x.size(0) * x.size(1), x.size(2)).view(x.size(0), -1, 3, 2), "view-halves": lambda x: x.view(x.size(0), x.size(1), 2, x.size(2) // 2).transpose(1, 2).flatten(2), "flatten": lambda x: x.flatten(1) * x.flatten(-2), "unflatten": lambda x: x.unflatten(2, (2, 3)), "squeeze": lambda x: x.unsqueeze(1).unsqueeze(-1).squeeze(1).squeeze(),
    "unfold": lambda x: x.unfold(2, 3, 2), "im2col": lambda x: f.unfold(x.unsqueeze(1), (2, 3), padding=1), "col2im": lambda x: f.fold(f.unfold(x.unsqueeze(1), 2), (5, 6), 2), "shuffle": lambda x: f.pixel_unshuffle(f.pixel_shuffle(x.view(-1, 1, 5, 6).repeat(1, 4, 1, 1), 2), 2), "channel-shuffle": lambda x: f.channel_shuffle(x.transpose(1, 2).unsqueeze(-1), 3),
    "triu": lambda x: x.triu(1) + x.tril(-1), "tril-mask": lambda x: x * torch.tril(torch.ones(5, 6)), "diagonal": lambda x: x[:, :, :5].diagonal(dim1=1, dim2=2), "diag-embed": lambda x: torch.diag_embed(x), "meshgrid": lambda x: x + sum(torch.meshgrid(torch.arange(5.0), torch.arange(6.0), indexing="ij")), "pad": lambda x: f.pad(x, (1, 2), value=3.0) + f.pad(x, (1, 2), mode="reflect"),
    "gather": lambda x: x.gather(2, torch.tensor([[0, 5, 1]]).expand(x.size(0), 5, 3)), "take-along": lambda x: torch.take_along_dim(x, x.argsort(2), 2), "scatter": lambda x: torch.zeros_like(x).scatter(2, x.argsort(2)[..., :2], x[..., :2]), "scatter-value": lambda x: x.scatter(2, x.argmax(2, keepdim=True), 1.5),
    "scatter-add": lambda x: torch.zeros_like(x).scatter_add(1, (x > 0).long(), x), "scatter-reduce": lambda x: torch.ones_like(x).scatter_reduce(1, (x > 0).long(), x, "amax"), "index-add": lambda x: torch.zeros_like(x).index_add(1, torch.tensor([0, 2, 2, 1, 4]), x), "index-copy": lambda x: x.index_copy(1, torch.tensor([1, 3]), x[:, :2] * 3), "index-fill": lambda x: x.index_fill(2, torch.tensor([0, 4]), 0.5),
    "masked-scatter": lambda x: torch.where(torch.arange(6) % 2 == 0, x, x.flip(2)), "one-hot": lambda x: x.matmul(f.one_hot(torch.tensor([1, 0, 3, 2, 1, 0]), 4).float()), "one-hot-argmax": lambda x: x + f.one_hot(x.argmax(2), 6), "bucketize": lambda x: x + torch.bucketize(x.detach(), torch.tensor([-1.0, 0.0, 1.0])), "as-strided": lambda x: x.mT @ x,
    "broadcast": lambda x: x[:, :, None, :] - x[:, None, :, :], "outer": lambda x: torch.einsum("ni,nj->nij", x[:, 0], x[:, 1]), "bmm": lambda x: torch.bmm(x, x.transpose(1, 2)) + torch.baddbmm(torch.ones(1, 5, 5), x, x.transpose(1, 2), beta=0.5, alpha=2), "matmul-vector": lambda x: x @ torch.arange(6.0), "addmm": lambda x: torch.addmm(torch.ones(4), x[:, 0], torch.arange(24.0).view(6, 4), beta=0.3, alpha=0.1),
    "arange": lambda x: x + torch.arange(x.size(2), dtype=x.dtype) + torch.arange(x.size(1)).unsqueeze(1), "full": lambda x: torch.cat([x, torch.full((x.size(0), 1, 6), 0.5, dtype=x.dtype)], 1), "zeros": lambda x: torch.cat([torch.zeros(x.shape[0], 2, 6, dtype=x.dtype), x], 1), "new-ones": lambda x: x + x.new_ones(x.size(0), 1, 1) * 2, "linspace": lambda x: x * torch.linspace(0, 1, 6), "shape-number": lambda x: x / x.size(0) + x.numel() / x.shape[2],
    "index-put": lambda x: index_put(x), "index-put-slice": lambda x: slice_put(x), "index-put-mask": lambda x: mask_put(x), "roll-window": lambda x: x.unfold(1, 2, 1).mean(-1), "select-scatter": lambda x: x.select_scatter(x[:, 0] * 2, 1, 3), "rot90": lambda x: x.rot90(1, (1, 2)), "kron": lambda x: (x.unsqueeze(2) * torch.tensor([1.0, 2.0]).view(1, 1, 2, 1)).reshape(x.size(0), 10, 6), "swap": lambda x: x[:, torch.randperm(5, generator=torch.Generator().manual_seed(3))],
}


def index_put(x):
    y = x.clone()
    y[:, torch.tensor([0, 2]), torch.tensor([1, 3])] = x[:, :2, 0]
    return y


def slice_put(x):
    y = x * 1
    y[:, 1:3, ::2] = x[:, 2:4, :3] * 2
    y[..., -1] = 7.0
    y[:, 0] += x[:, 1]
    return y


def mask_put(x):
    y = x.clone()
    y[x > 0.5] = 0.25
    return y


def einsum(rng):
    a, b, c, d = (between(rng, 2, 5) for _ in range(4))
    kind = pick(rng, ("nab,nbc->nac", (a, b), (b, c)), ("nab,nab->na", (a, b), (a, b)), ("nabc,ncd->nabd", (a, b, c), (c, d)), ("nab,ncb->nac", (a, b), (c, b)), ("nhqd,nhkd->nhqk", (a, b, d), (a, c, d)),
                ("nqhd,nkhd->nhqk", (b, a, d), (c, a, d)), ("nab,ncd->nabcd", (a, b), (c, d)), ("nab,nac->nbc", (a, b), (a, c)), ("...ab,...bc->...ac", (a, b), (b, c)), ("nab,nab->n", (a, b), (a, b)), ("naa,nab->nb", (a, a), (a, b)), ("nab,nba", (a, b), (b, a)))
    net = F2(lambda m, x, y: torch.einsum(kind[0], x * m.w, y), w=torch.rand(1) + 0.5)
    return Spec(net, lambda n: (torch.randn(n, *kind[1]), torch.randn(n, *kind[2])), mix="->" not in kind[0])


def einsum_weights(rng):
    net = F1(lambda m, x: torch.einsum("bld,hdk,hkm->blhm", x, m.w, m.v).flatten(1), w=torch.randn(2, 6, 3), v=torch.randn(2, 3, 4))
    return Spec(net, lambda n: (torch.randn(n, 5, 6),))


def indices_in(rng):
    """Positions come as an input of integers."""
    kind = pick(rng, "gather", "scatter", "index_select", "index-put", "one-hot", "take", "scatter-add")
    type = pick(rng, torch.int64, torch.int64, torch.int32) if kind in ("one-hot",) else torch.int64

    def forward(m, x, i):
        x = m.lin(x)
        if kind == "gather":
            return x.gather(1, i)
        if kind == "scatter":
            return torch.zeros_like(x).scatter(1, i, x[:, :3])
        if kind == "scatter-add":
            return (x * 0.5).scatter_add(1, i, x[:, 3:6])
        if kind == "index_select":
            return x[torch.arange(x.size(0)).unsqueeze(1), i]
        if kind == "index-put":
            y = x.clone()
            y[torch.arange(x.size(0)), i[:, 0]] = x[:, 1] * 5
            return y
        if kind == "take":
            return m.table[i] * x[:, :3, None]
        return x[:, None, :] * f.one_hot(i.long(), 7)
    net = F2(forward, lin=nn.Linear(7, 7), table=torch.randn(7, 4))
    return Spec(net, lambda n: (torch.randn(n, 7), torch.stack([torch.randperm(7)[:3] for _ in range(n)]).to(type)), mix=True, fixed=None)


def several_io(rng):
    """Two or three inputs of different types and ranks, several outputs."""
    def forward(m, x, y, z):
        h = torch.relu(m.a(x)) + m.b(y.mean(1))
        h = h * z.unsqueeze(1)
        return m.c(h), torch.softmax(h, 1), h.argmax(1), (h > 0).sum(1), h.max() * 0 + h
    net = F3(forward, a=nn.Linear(5, 8), b=nn.Linear(4, 8), c=nn.Linear(8, 3))
    return Spec(net, lambda n: (torch.randn(n, 5), torch.randn(n, 3, 4), torch.rand(n)), mix=True)


def dictionary_out(rng):
    net = F1(lambda m, x: {"logits": m.a(x), "features": torch.tanh(x), "extra": (x[:, 0], x.sum(1, keepdim=True))}, a=nn.Linear(6, 4))
    return Spec(net, lambda n: (torch.randn(n, 6),), classes=True)


class Loop(nn.Module):
    """A loop over time whose length is that of the input: scripted."""

    def __init__(self, width: int):
        super().__init__()
        self.cell = nn.Linear(2 * width, width)
        self.width = width

    def forward(self, x):
        h = torch.zeros(x.size(0), self.width)
        for t in range(x.size(1)):
            h = torch.tanh(self.cell(torch.cat([x[:, t], h], 1)))
        return h


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x):
        if bool(x.sum() > 0):
            y = self.a(x)
        else:
            y = torch.relu(self.b(x)) * 2
        return y


class While(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 4)

    def forward(self, x):
        y = self.lin(x)
        n = 0
        while n < 8 and bool(y.abs().max() > 0.5):
            y = y * 0.7
            n += 1
        return y


class Collect(nn.Module):
    """A list that grows, then is stacked."""

    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 4)

    def forward(self, x):
        out = []
        h = x[:, 0]
        for t in range(x.size(1)):
            h = torch.sigmoid(self.lin(x[:, t])) * h
            out.append(h)
        return torch.stack(out, 1)


class NestedLoop(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 3)

    def forward(self, x):
        y = torch.zeros_like(x[:, 0])
        for t in range(x.size(1)):
            if t % 2 == 0:
                y = y + self.lin(x[:, t])
            else:
                for k in range(t):
                    y = torch.tanh(y + 0.1 * x[:, k])
        return y


def scripted(made, shape, dyn, mix):
    return lambda rng: Spec(made(), lambda n: (torch.randn(n, *shape),), dyn=[dyn], by="script", fixed=False, rows="few", mix=mix, script=True)


def cond(rng):
    net = F1(lambda m, x: torch.cond(x.sum() > 0, lambda y: m.a(y), lambda y: torch.relu(m.b(y)), (x,)), a=nn.Linear(4, 3), b=nn.Linear(4, 3))
    return Spec(net, lambda n: (torch.randn(n, 4) + float(rng.choice([-1, 1])),), by="dynamo", mix=True)


def scan(rng):
    from torch._higher_order_ops.scan import scan as torch_scan

    def forward(m, x):
        def step(carry, xt):
            h = torch.tanh(carry + m.lin(xt))
            return h, h * 2
        last, all = torch_scan(step, torch.zeros(x.size(0), 4), x.transpose(0, 1))
        return last, all.transpose(0, 1)
    return Spec(F1(forward, lin=nn.Linear(4, 4)), lambda n: (torch.randn(n, 5, 4),), by="dynamo", rows="few")


def nonzero(rng):
    """Outputs whose sizes only the numbers tell."""
    kind = pick(rng, "nonzero", "masked-select", "unique")

    def forward(m, x):
        y = m.lin(x)
        if kind == "nonzero":
            return torch.nonzero(y > 0.2)
        if kind == "masked-select":
            return torch.masked_select(y, y > 0.2)
        return torch.unique((y * 2).to(torch.int64))
    return Spec(F1(forward, lin=nn.Linear(4, 4)), lambda n: (torch.randn(n, 4),), by="script", mix=True, grad=kind == "masked-select", rows="few")


def integer_net(rng):
    """Sums and products of integers, compared and cast."""
    t = pick(rng, torch.int64, torch.int32)
    net = F2(lambda m, x, y: ((x * 3 + y) // 2, (x % 5 - y).clamp(-3, 3), (x > y) & (x != 2), (x.float() / 3).round(), torch.max(x, y), x.sum(1), -x.abs()))
    return Spec(net, lambda n: (torch.randint(-9, 9, (n, 4)).to(t), torch.randint(-9, 9, (n, 4)).to(t)), grad=False)


def complex_slicing(rng):
    a, b, s = between(rng, 0, 3), between(rng, 4, 8), between(rng, 1, 3)
    i = sorted({between(rng, 0, 7) for _ in range(4)})

    def forward(m, x):
        y = m.conv(x)
        y = y[:, :, a:b:s, -a - 2:]
        y = torch.cat([y, y[:, [2, 0, 1]]], 1) if rng_kind else y[:, None, ..., 0]
        z = x[:, 0, i, :][:, :, i]
        return torch.cat([y.flatten(1), z.flatten(1), x[..., ::2, 1::3].flatten(1)], 1)
    rng_kind = bool(rng.integers(2))
    return Spec(F1(forward, conv=nn.Conv2d(3, 3, 3, padding=1)), lambda n: (torch.randn(n, 3, 8, 8),), rows="images")


def fourier(rng):
    n_fft = pick(rng, 16, 32)
    net = F1(lambda m, x: torch.stft(x, n_fft, hop_length=n_fft // 2, window=m.window, return_complex=True, center=False).abs() if n_fft == 16 else torch.view_as_real(torch.fft.rfft(x)), window=torch.hann_window(n_fft))
    return Spec(net, lambda n: (torch.randn(n, 64),), rows="images", eps=3e-5, grad=False)


MAKERS = {
    **simple(ELEMENTWISE), **simple(REDUCING), **simple(MOVING), "einsum": einsum, "einsum-weights": einsum_weights, "indices-in": indices_in, "several-io": several_io, "dictionary-out": dictionary_out,
    "loop": scripted(lambda: Loop(5), (6, 5), {0: "n", 1: "t"}, False), "branch": scripted(Branch, (4,), {0: "n"}, True), "while": scripted(While, (4,), {0: "n"}, True),
    "collect": scripted(Collect, (5, 4), {0: "n", 1: "t"}, False), "loop-nested": scripted(NestedLoop, (5, 3), {0: "n", 1: "t"}, False),
    "cond": cond, "scan": scan, "nonzero": nonzero, "integers": integer_net, "slicing": complex_slicing, "fourier": fourier,
}
