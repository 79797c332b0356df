"""Architectures: torchvision's in small sizes, attention in its many forms, recurrent nets, nets of words."""

import math

import torch
import torch.nn.functional as f
from torch import nn

from torch_layers import activation
from torch_spec import F1, F2, F3, Spec, between, pick, settle

# --- torchvision ---


def vision(build, side=(32, 64), settle_rows=4):
    def make(rng):
        import torchvision.models as tv

        s = 32 * between(rng, side[0] // 32, side[1] // 32)
        net = settle(build(tv, rng, s), settle_rows, 3, s, s)
        return Spec(net, lambda n: (torch.rand(n, 3, s, s),), rows="few" if s > 32 else "images", classes=True)
    return make


def vgg(tv, rng, s):
    layers = tv.vgg.make_layers([8, "M", 16, "M", 24, 24, "M", 32, "M"], batch_norm=bool(rng.integers(2)))
    return nn.Sequential(layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 64), nn.ReLU(), nn.Dropout(), nn.Linear(64, 10))


def resnet(tv, rng, s):
    r = tv.resnet
    block = pick(rng, r.BasicBlock, r.Bottleneck)
    extra = dict(groups=pick(rng, 1, 4), width_per_group=16) if block is r.Bottleneck else {}
    if block is r.Bottleneck and rng.integers(3) == 0:
        extra["replace_stride_with_dilation"] = [False, True, True]
    return r.ResNet(block, [1, between(rng, 1, 2), 1, 1], num_classes=10, **extra)


def convnext(tv, rng, s):
    c = tv.convnext.CNBlockConfig
    return tv.ConvNeXt([c(16, 24, 1), c(24, 32, 2), c(32, None, 1)], num_classes=7, layer_scale=0.5)


def densenet(tv, rng, s):
    return tv.DenseNet(growth_rate=between(rng, 4, 8), block_config=(2, 3, 2), num_init_features=8, num_classes=6)


def swin(tv, rng, s):
    v2 = rng.integers(2)
    from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformerBlockV2
    extra = dict(block=SwinTransformerBlockV2, downsample_layer=PatchMergingV2) if v2 else {}
    return tv.SwinTransformer([4, 4], 16, [2, 2], [2, 4], [pick(rng, 4, 3), 4], num_classes=5, **extra)


def vit(tv, rng, s):
    return tv.VisionTransformer(s, pick(rng, 8, 16), between(rng, 1, 3), pick(rng, 2, 4), 32, 64, num_classes=9)


VISION = {
    "vgg": vision(vgg), "resnet": vision(resnet), "convnext": vision(convnext, (64, 64)), "densenet": vision(densenet), "swin": vision(swin), "vit": vision(vit),
    "mobilenet-v2": vision(lambda tv, rng, s: tv.mobilenet_v2(num_classes=10, width_mult=0.25)), "mobilenet-v3": vision(lambda tv, rng, s: tv.mobilenet_v3_small(num_classes=10, width_mult=0.35)),
    "efficientnet": vision(lambda tv, rng, s: tv.efficientnet_b0(num_classes=10)), "efficientnet-v2": vision(lambda tv, rng, s: tv.EfficientNet([tv.efficientnet.FusedMBConvConfig(4, 3, 2, 8, 16, 1), tv.efficientnet.MBConvConfig(4, 3, 2, 16, 24, 1)], 0.1, 0, num_classes=6)),
    "shufflenet": vision(lambda tv, rng, s: tv.ShuffleNetV2([1, 2, 1], [8, 16, 24, 32, 48], num_classes=10)), "squeezenet": vision(lambda tv, rng, s: pick(rng, tv.squeezenet1_1, tv.squeezenet1_0)(num_classes=8)),
    "mnasnet": vision(lambda tv, rng, s: tv.MNASNet(0.35, num_classes=10)), "regnet": vision(lambda tv, rng, s: tv.RegNet(tv.regnet.BlockParams([1, 1], [16, 32], [8, 8], [0.5, 1.0], [2, 2], se_ratio=0.25), num_classes=10)),
    "googlenet": vision(lambda tv, rng, s: tv.GoogLeNet(num_classes=10, aux_logits=False, init_weights=False), (64, 64)), "alexnet": vision(lambda tv, rng, s: nn.Sequential(tv.AlexNet(num_classes=10).features, nn.Flatten(), nn.Linear(256, 10)), (64, 64)),
    "maxvit": vision(lambda tv, rng, s: tv.MaxVit((64, 64), 8, 4, 16, [8, 16], [1, 1], 8, 0.1, num_classes=4), (64, 64)), "segment": vision(lambda tv, rng, s: Only(tv.segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3)), (64, 64)),
}


class Only(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)["out"]


def unet(rng):
    c, up = 4 * between(rng, 1, 2), pick(rng, "nearest", "bilinear", "transpose")

    def block(a, b):
        return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), activation(rng, pick(rng, "relu", "elu", "leaky")))

    def forward(m, x):
        a = m.a(x)
        b = m.b(m.down(a))
        c = m.c(m.down(b))
        b = m.d(torch.cat([b, m.up2(c)], 1))
        return m.end(m.e(torch.cat([a, m.up1(b)], 1)))
    made = {"nearest": lambda k: nn.Upsample(scale_factor=2), "bilinear": lambda k: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=bool(rng.integers(2))), "transpose": lambda k: nn.ConvTranspose2d(k, k, 2, stride=2)}[up]
    net = F1(forward, a=block(3, c), b=block(c, 2 * c), c=block(2 * c, 4 * c), d=block(6 * c, 2 * c), e=block(3 * c, c), end=nn.Conv2d(c, 2, 1), up1=made(2 * c), up2=made(4 * c), down=pick(rng, nn.MaxPool2d(2), nn.AvgPool2d(2)))
    s = 4 * between(rng, 4, 8)
    return Spec(settle(net, 4, 3, s, s), lambda n: (torch.rand(n, 3, s, s),), rows="few")


# --- attention ---


def encoder(rng):
    """nn.TransformerEncoder on vectors, with the masks people give."""
    heads = pick(rng, 1, 2, 4)
    d, t = heads * between(rng, 3, 8), between(rng, 3, 12)
    first = bool(rng.integers(4))
    layer = nn.TransformerEncoderLayer(d, heads, between(rng, 8, 40), activation=pick(rng, "relu", "gelu"), batch_first=first, norm_first=bool(rng.integers(2)))
    mask = pick(rng, None, nn.Transformer.generate_square_subsequent_mask(t), torch.rand(t, t) < 0.3)
    if mask is not None and mask.dtype == torch.bool:
        mask.fill_diagonal_(False)
    net = F1(lambda m, x: m.end(m.enc(x, mask=mask)) if first else m.end(m.enc(x.transpose(0, 1), mask=mask)).transpose(0, 1), enc=nn.TransformerEncoder(layer, between(rng, 1, 3), enable_nested_tensor=False), end=nn.Linear(d, 3))
    return Spec(net, lambda n: (torch.randn(n, t, d),), rows="images")


def padded_encoder(rng):
    """A padding mask as a second input or from the ids."""
    d, t, heads = 16, between(rng, 4, 12), pick(rng, 2, 4)
    layer = nn.TransformerEncoderLayer(d, heads, 24, activation="gelu", batch_first=True, norm_first=bool(rng.integers(2)))

    def forward(m, ids):
        gone = ids == 0
        x = m.words(ids) * math.sqrt(d) + m.places[: ids.size(1)]
        y = m.enc(x, src_key_padding_mask=gone)
        keep = (~gone).unsqueeze(-1).to(y.dtype)
        return m.end((y * keep).sum(1) / keep.sum(1).clamp(min=1))
    net = F1(forward, words=nn.Embedding(37, d), places=torch.randn(t + 3, d), enc=nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), end=nn.Linear(d, 4))

    def ids(n):
        x = torch.randint(1, 37, (n, t))
        for r in range(n):
            x[r, 1 + int(torch.randint(t, (1,))):] = 0
        return (x,)
    return Spec(net, ids, dyn=[{0: "n", 1: "t"}], rows="images", wrt="words", classes=True)


def multihead(rng):
    heads = pick(rng, 1, 2, 3)
    d, k = heads * between(rng, 2, 6), pick(rng, None, 10)
    a, b = between(rng, 2, 8), between(rng, 2, 8)
    bare = dict(bias=bool(rng.integers(2)), add_bias_kv=bool(rng.integers(4) == 0), add_zero_attn=bool(rng.integers(4) == 0), kdim=k, vdim=k)
    att = nn.MultiheadAttention(d, heads, batch_first=True, **bare)
    need = bool(rng.integers(2))

    def forward(m, x, y):
        out = m.att(x, y, y, need_weights=need, average_attn_weights=bool(a % 2))
        return (out[0] + x, out[1]) if need else out[0] + x
    return Spec(F2(forward, att=att), lambda n: (torch.randn(n, a, d), torch.randn(n, b, k or d)), rows="images")


def sdpa(rng):
    """scaled_dot_product_attention: masks, causal, grouped heads, scale."""
    h, t, d = pick(rng, 2, 4), between(rng, 3, 9), 2 * between(rng, 2, 6)
    kind = pick(rng, "plain", "causal", "bool", "float", "grouped", "scale", "cross")
    mask = {"bool": torch.tril(torch.ones(t, t)).bool(), "float": torch.randn(h, t, t)}.get(kind)

    def forward(m, x):
        q, k, v = (p.unflatten(2, (-1, d)).transpose(1, 2) for p in m.qkv(x).split([h * d, m.kv * d, m.kv * d], 2))
        if kind == "cross":
            k, v = k[:, :, : t - 1], v[:, :, : t - 1]
        y = f.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=kind == "causal", scale=0.3 if kind == "scale" else None, **(dict(enable_gqa=True) if kind == "grouped" else {}))
        return m.out(y.transpose(1, 2).flatten(2))
    kv = h // 2 if kind == "grouped" else h
    net = F1(forward, qkv=nn.Linear(h * d, (h + 2 * kv) * d), out=nn.Linear(h * d, h * d))
    net.kv = kv
    return Spec(net, lambda n: (torch.randn(n, t, h * d),), dyn=[{0: "n", 1: "t"}] if kind in ("plain", "causal", "grouped", "scale") else [{0: "n"}], rows="images")


class Block(nn.Module):
    """A decoder block written out: rotary or learned places, RMS or layer norm, gated or plain feed-forward."""

    def __init__(self, d, h, rotary, rms, gated):
        super().__init__()
        self.h, self.rotary, self.gated = h, rotary, gated
        self.n1, self.n2 = (nn.RMSNorm(d), nn.RMSNorm(d)) if rms else (nn.LayerNorm(d), nn.LayerNorm(d))
        self.qkv, self.out = nn.Linear(d, 3 * d, bias=not rms), nn.Linear(d, d)
        self.up, self.gate, self.down = nn.Linear(d, 2 * d), nn.Linear(d, 2 * d), nn.Linear(2 * d, d)

    def turn(self, x):
        half = x.shape[-1] // 2
        place = torch.arange(x.shape[2], dtype=x.dtype)
        rate = 1.0 / (100.0 ** (torch.arange(half, dtype=x.dtype) / half))
        angle = torch.outer(place, rate)
        a, b = x[..., :half], x[..., half:]
        return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)

    def forward(self, x, keep):
        b, t, d = x.shape
        q, k, v = self.qkv(self.n1(x)).view(b, t, 3, self.h, d // self.h).permute(2, 0, 3, 1, 4)
        if self.rotary:
            q, k = self.turn(q), self.turn(k)
        score = (q @ k.transpose(-2, -1)) / math.sqrt(d // self.h)
        causal = torch.tril(torch.ones(t, t, dtype=torch.bool))
        score = score.masked_fill(~(causal & keep[:, None, None, :]), torch.finfo(score.dtype).min)
        y = (score.softmax(-1) @ v).transpose(1, 2).reshape(b, t, d)
        x = x + self.out(y)
        y = self.n2(x)
        y = self.down(f.silu(self.gate(y)) * self.up(y)) if self.gated else self.down(f.gelu(self.up(y), approximate="tanh"))
        return x + y


def gpt(rng):
    h = pick(rng, 2, 4)
    d, t, words = h * 2 * between(rng, 2, 4), between(rng, 4, 10), between(rng, 20, 50)
    rotary = bool(rng.integers(2))

    def forward(m, ids, mask):
        x = m.words(ids)
        if not rotary:
            x = x + m.places(torch.arange(ids.shape[1]))
        for block in m.blocks:
            x = block(x, mask.bool())
        logits = m.norm(x) @ m.words.weight.T
        return logits[:, -1]
    net = F2(forward, words=nn.Embedding(words, d), places=nn.Embedding(t + 4, d), norm=nn.LayerNorm(d))
    net.blocks = nn.ModuleList([Block(d, h, rotary, bool(rng.integers(2)), bool(rng.integers(2))) for _ in range(between(rng, 1, 2))])

    def feed(n):
        mask = torch.ones(n, t, dtype=torch.int64)
        mask[::2, : t // 3] = 0
        mask[:, 0] = 1
        return torch.randint(0, words, (n, t)), mask
    return Spec(net, feed, dyn=[{0: "n", 1: "t"}] * 2, rows="images", classes=True, wrt="words")


def bert(rng):
    d, t, words = 16, between(rng, 4, 10), between(rng, 30, 60)

    def forward(m, ids, mask, kind):
        x = m.norm(m.words(ids) + m.places(torch.arange(ids.size(1)).unsqueeze(0)) + m.kinds(kind))
        bias = (1.0 - mask[:, None, None, :].to(x.dtype)) * -10000.0
        for i in range(2):
            q, k, v = (lin(x).view(x.size(0), -1, 4, 4).transpose(1, 2) for lin in (m.q, m.k, m.v))
            y = torch.softmax(q @ k.transpose(-1, -2) / 2.0 + bias, -1) @ v
            x = m.n1(x + m.o(y.transpose(1, 2).contiguous().view(x.size(0), -1, d)))
            x = m.n2(x + m.down(f.gelu(m.up(x))))
        return m.end(torch.tanh(m.pool(x[:, 0]))), x
    lin = {k: nn.Linear(d, d) for k in ("q", "k", "v", "o", "pool")}
    net = F3(forward, words=nn.Embedding(words, d, padding_idx=0), places=nn.Embedding(64, d), kinds=nn.Embedding(2, d), norm=nn.LayerNorm(d, eps=1e-12), n1=nn.LayerNorm(d), n2=nn.LayerNorm(d), up=nn.Linear(d, 32), down=nn.Linear(32, d), end=nn.Linear(d, 3), **lin)

    def feed(n):
        mask = (torch.arange(t)[None] < torch.randint(1, t + 1, (n, 1))).to(torch.int64)
        return torch.randint(0, words, (n, t)), mask, torch.randint(0, 2, (n, t))
    return Spec(net, feed, dyn=[{0: "n", 1: "t"}] * 3, rows="images", classes=True, wrt="words")


def seq2seq(rng):
    d, a, b = 12, between(rng, 3, 8), between(rng, 3, 8)
    net = F2(lambda m, x, y: m.net(x, y, tgt_mask=m.mask), net=nn.Transformer(d, 2, 1, 1, 20, batch_first=True, norm_first=bool(rng.integers(2))), mask=nn.Transformer.generate_square_subsequent_mask(b))
    return Spec(net, lambda n: (torch.randn(n, a, d), torch.randn(n, b, d)), dyn=[{0: "n"}] * 2, rows="few")


# --- recurrent nets ---


def recurrent(rng):
    kind, layers, both = pick(rng, nn.LSTM, nn.GRU, nn.RNN), between(rng, 1, 3), bool(rng.integers(2))
    a, h, t, first = between(rng, 2, 12), between(rng, 2, 12), between(rng, 2, 10), bool(rng.integers(3))
    extra = {"nonlinearity": pick(rng, "tanh", "relu")} if kind is nn.RNN else {"proj_size": between(rng, 1, h - 1)} if kind is nn.LSTM and rng.integers(6) == 0 and h > 2 else {}
    rnn = kind(a, h, layers, bias=bool(rng.integers(4)), batch_first=first, bidirectional=both, **extra)
    width = (extra.get("proj_size") or h) * (1 + both)
    end = pick(rng, "last", "all", "state", "mean", "max")

    def forward(m, x):
        y, state = m.rnn(x if first else x.transpose(0, 1))
        y = y if first else y.transpose(0, 1)
        if end == "state":
            s = state[0] if isinstance(state, tuple) else state
            return torch.cat(list(s), 1), y
        return m.lin({"last": lambda: y[:, -1], "all": lambda: y, "mean": lambda: y.mean(1), "max": lambda: y.max(1)[0]}[end]())
    return Spec(F1(forward, rnn=rnn, lin=nn.Linear(width, 4)), lambda n: (torch.randn(n, t, a),), dyn=[{0: "n", 1: "t"}] if rng.integers(2) else [{0: "n"}], rows="images")


def recurrent_state(rng):
    """The first state is an input, the last an output."""
    kind = pick(rng, nn.LSTM, nn.GRU)
    a, h, t = between(rng, 2, 9), between(rng, 2, 9), between(rng, 2, 8)
    rnn = kind(a, h, 2)
    if kind is nn.LSTM:
        net = F3(lambda m, x, s, c: (lambda o: (o[0], *o[1]))(m.rnn(x, (s, c))), rnn=rnn)
        return Spec(net, lambda n: (torch.randn(t, n, a), torch.randn(2, n, h), torch.randn(2, n, h)), dyn=[{1: "n"}] * 3, rows="images", mix=True)
    net = F2(lambda m, x, s: m.rnn(x, s), rnn=rnn)
    return Spec(net, lambda n: (torch.randn(t, n, a), torch.randn(2, n, h)), dyn=[{1: "n"}] * 2, rows="images", mix=True)


def packed(rng):
    kind, both = pick(rng, nn.LSTM, nn.GRU, nn.RNN), bool(rng.integers(2))
    a, h, t = between(rng, 2, 9), between(rng, 2, 9), between(rng, 3, 9)

    def forward(m, x, lengths):
        p = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=True)
        y, state = m.rnn(p)
        y, _ = nn.utils.rnn.pad_packed_sequence(y, batch_first=True)
        return y, (state[0] if isinstance(state, tuple) else state)

    def feed(n):
        lengths = torch.randint(1, t + 1, (n,)).sort(descending=True)[0]
        lengths[0] = t
        return torch.randn(n, t, a), lengths
    return Spec(F2(forward, rnn=kind(a, h, between(rng, 1, 2), batch_first=True, bidirectional=both)), feed, dyn=[{0: "n", 1: "t"}, {0: "n"}], rows="images", by="script", mix=True)


def cells(rng):
    """Cells unrolled by hand."""
    kind = pick(rng, nn.LSTMCell, nn.GRUCell, nn.RNNCell)

    def forward(m, x):
        s = None
        for t in range(4):
            s = m.cell(x[:, t], s)
        return s[0] if isinstance(s, tuple) else s
    return Spec(F1(forward, cell=kind(5, 7)), lambda n: (torch.randn(n, 4, 5),))


def words_lstm(rng):
    words, d, h, t = between(rng, 20, 60), between(rng, 4, 12), between(rng, 4, 10), between(rng, 3, 12)
    net = F1(lambda m, ids: m.lin(torch.cat(list(m.rnn(m.words(ids))[1][0][-2:]), 1)), words=nn.Embedding(words, d, padding_idx=0), rnn=nn.LSTM(d, h, pick(rng, 1, 2), batch_first=True, bidirectional=True), lin=nn.Linear(2 * h, 3))
    return Spec(net, lambda n: (torch.randint(0, words, (n, t)),), dyn=[{0: "n", 1: "t"}], wrt="words", classes=True, rows="images")


def text_cnn(rng):
    words, d, t = between(rng, 20, 60), between(rng, 4, 12), between(rng, 7, 14)

    def forward(m, ids):
        x = m.words(ids).transpose(1, 2)
        return m.lin(torch.cat([torch.relu(c(x)).max(2)[0] for c in m.convs], 1))
    net = F1(forward, words=nn.Embedding(words, d), lin=nn.Linear(12, 4))
    net.convs = nn.ModuleList([nn.Conv1d(d, 4, k) for k in (2, 3, 5)])
    return Spec(net, lambda n: (torch.stack([torch.randperm(words)[:t] for _ in range(n)]),), dyn=[{0: "n"}], wrt="words", classes=True)


def bags(rng):
    mode = pick(rng, "sum", "mean", "max")
    net = F1(lambda m, ids: m.lin(torch.tanh(m.bag(ids))), bag=nn.EmbeddingBag(31, 6, mode=mode), lin=nn.Linear(6, 3))
    return Spec(net, lambda n: (torch.randint(0, 31, (n, 5)),), rows="images")


def bag_offsets(rng):
    mode = pick(rng, "sum", "mean")
    net = F2(lambda m, ids, offsets: m.lin(m.bag(ids, offsets)), bag=nn.EmbeddingBag(31, 6, mode=mode), lin=nn.Linear(6, 3))
    return Spec(net, lambda n: (torch.randint(0, 31, (4 * n,)), torch.arange(n) * 4), dyn=[{0: "words"}, {0: "n"}], rows="few", mix=True)


def recommender(rng):
    """Numbers and ids side by side: several embeddings, dot products of all pairs."""
    def forward(m, x, ids):
        e = torch.stack([m.bottom(x)] + [t(ids[:, i]) for i, t in enumerate(m.tables)], 1)
        dots = torch.bmm(e, e.transpose(1, 2))
        i, j = torch.tril_indices(4, 4, offset=-1)
        return torch.sigmoid(m.top(torch.cat([e[:, 0], dots[:, i, j]], 1)))
    net = F2(forward, bottom=nn.Sequential(nn.Linear(5, 8), nn.ReLU()), top=nn.Sequential(nn.Linear(14, 16), nn.ReLU(), nn.Linear(16, 1)))
    net.tables = nn.ModuleList([nn.Embedding(10 + k, 8) for k in range(3)])
    return Spec(net, lambda n: (torch.randn(n, 5), torch.randint(0, 10, (n, 3))))


def autoencoder(rng):
    up = nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1)
    net = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 49, 5), nn.Tanh(), nn.Linear(5, 8 * 49), nn.Unflatten(1, (8, 7, 7)), up, nn.Sigmoid())
    return Spec(net, lambda n: (torch.rand(n, 1, 14, 14),), rows="images")


def siamese(rng):
    net = F2(lambda m, x, y: f.cosine_similarity(m.net(x), m.net(y)), net=nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(6, 8)))
    return Spec(net, lambda n: (torch.randn(n, 1, 9, 9), torch.randn(n, 1, 9, 9)), rows="images")


def mixer(rng):
    t, d = 16, between(rng, 8, 16)
    net = F1(lambda m, x: m.end((lambda y: y + m.b(m.n(y + m.a(m.n(y).transpose(1, 2)).transpose(1, 2))))(m.patch(x).flatten(2).transpose(1, 2)).mean(1)),
             patch=nn.Conv2d(3, d, 8, stride=8), n=nn.LayerNorm(d), a=nn.Sequential(nn.Linear(t, 20), nn.GELU(), nn.Linear(20, t)), b=nn.Sequential(nn.Linear(d, 24), nn.GELU(), nn.Linear(24, d)), end=nn.Linear(d, 10))
    return Spec(net, lambda n: (torch.rand(n, 3, 32, 32),), rows="images", classes=True)


def squeeze_excite(rng):
    c = 8
    net = F1(lambda m, x: m.end((lambda y: y * m.gate(y))(m.stem(x))), stem=nn.Sequential(nn.Conv2d(3, c, 3, padding=1), nn.BatchNorm2d(c), nn.Hardswish(), nn.Conv2d(c, c, 5, padding=2, groups=c), nn.BatchNorm2d(c)),
             gate=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, 2, 1), nn.SiLU(), nn.Conv2d(2, c, 1), pick(rng, nn.Sigmoid(), nn.Hardsigmoid())), end=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 6)))
    return Spec(settle(net, 8, 3, 16, 16), lambda n: (torch.rand(n, 3, 16, 16),), rows="images", classes=True)


def video(rng):
    net = nn.Sequential(nn.Conv3d(2, 6, (3, 3, 3), padding=1), nn.BatchNorm3d(6), nn.ReLU(), nn.MaxPool3d((1, 2, 2)), nn.Conv3d(6, 8, (3, 1, 1), groups=2), nn.SiLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(8, 4))
    return Spec(settle(net, 4, 2, 5, 10, 10), lambda n: (torch.randn(n, 2, 5, 10, 10),), rows="images", classes=True)


def tcn(rng):
    c = between(rng, 3, 8)
    net = F1(lambda m, x: m.end((m.b(f.pad(torch.relu(m.a(f.pad(x, (2, 0)))), (4, 0))) + m.skip(x))[..., -1]), a=nn.utils.parametrizations.weight_norm(nn.Conv1d(2, c, 3)), b=nn.Conv1d(c, c, 3, dilation=2), skip=nn.Conv1d(2, c, 1), end=nn.Linear(c, 3))
    return Spec(net, lambda n: (torch.randn(n, 2, 20),), dyn=[{0: "n", 2: "t"}])


def graph_net(rng):
    """Messages along edges: index_add, as graph nets are exported."""
    def forward(m, x, edge):
        h = torch.relu(m.a(x))
        sent = torch.zeros_like(h).index_add(0, edge[1], h[edge[0]])
        return m.b(h + sent)
    return Spec(F2(forward, a=nn.Linear(4, 8), b=nn.Linear(8, 3)), lambda n: (torch.randn(n, 4), torch.randint(0, n, (2, 3 * n))), dyn=[{0: "n"}, {1: "e"}], mix=True, rows="images")


def mixture(rng):
    """Experts weighted by the top two of a gate."""
    def forward(m, x):
        g, i = torch.softmax(m.gate(x), 1).topk(2, 1)
        y = torch.stack([e(x) for e in m.experts], 1)
        return (y.gather(1, i.unsqueeze(-1).expand(-1, -1, y.size(2))) * g.unsqueeze(-1)).sum(1)
    net = F1(forward, gate=nn.Linear(6, 4))
    net.experts = nn.ModuleList([nn.Sequential(nn.Linear(6, 10), nn.GELU(), nn.Linear(10, 5)) for _ in range(4)])
    return Spec(net, lambda n: (torch.randn(n, 6),), classes=True)


MAKERS = {
    **{f"vision/{n}": m for n, m in VISION.items()}, "unet": unet, "encoder": encoder, "encoder-padded": padded_encoder, "multihead": multihead, "sdpa": sdpa, "sdpa-b": sdpa, "gpt": gpt, "bert": bert, "seq2seq": seq2seq,
    "recurrent": recurrent, "recurrent-b": recurrent, "recurrent-state": recurrent_state, "packed": packed, "cells": cells, "words-lstm": words_lstm, "text-cnn": text_cnn, "bags": bags, "bag-offsets": bag_offsets, "recommender": recommender,
    "autoencoder": autoencoder, "siamese": siamese, "mixer": mixer, "squeeze-excite": squeeze_excite, "video": video, "tcn": tcn, "graph-net": graph_net, "mixture": mixture,
}
