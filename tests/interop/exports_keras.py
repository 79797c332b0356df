"""Keras against redoubt: fresh Sequential and Functional nets with random layers, by tf2onnx and by Keras's own export,
channels last as Keras has them; what they answer and differentiate to is TensorFlow's own, see deep.py.

    python exports_keras.py PROGRAM [--seed N] [--count N] [--only REGEX] [--keep FOLDER]
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ["KERAS_BACKEND"] = "tensorflow"

import contextlib
import logging

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from keras import layers as l

from deep import Case, main

for attribute, old in (("bool", bool), ("object", object), ("int", int), ("float", float), ("cast", None)):
    if attribute != "cast" and attribute not in np.__dict__:
        setattr(np, attribute, old)  # tf2onnx knows an older numpy


def pick(rng, *options):
    return options[int(rng.integers(len(options)))]


def between(rng, low, high):
    return int(rng.integers(low, high + 1))


ACTIVATIONS = ("relu relu6 elu selu gelu leaky_relu sigmoid hard_sigmoid tanh silu softplus softsign exponential mish hard_silu celu hard_tanh "
               "log_sigmoid tanh_shrink soft_shrink hard_shrink squareplus linear softmax log_softmax glu threshold sparse_plus").split()


def act(rng):
    return pick(rng, "relu", "relu", "gelu", "silu", "tanh", "elu", "softplus", "sigmoid", "selu", "relu6", "leaky_relu", "hard_sigmoid", "hard_silu", "mish")


# --- layers ---


def convolution(rng, dims, x):
    c = x.shape[-1]
    k = tuple(between(rng, 1, 4) for _ in range(dims))
    strides, dilation = between(rng, 1, 2), 1
    if strides == 1 and rng.integers(3) == 0:
        dilation = 2
    kind = pick(rng, "plain", "plain", "plain", "depth", "separable", "group")
    common = dict(kernel_size=k, strides=strides, padding=pick(rng, "same", "valid"), use_bias=bool(rng.integers(4)), activation=pick(rng, None, act(rng)))
    if kind == "depth" and dims < 3:
        return (l.DepthwiseConv1D, l.DepthwiseConv2D)[dims - 1](depth_multiplier=between(rng, 1, 2), **{**common, "kernel_size": k[0]})(x)
    if kind == "separable" and dims < 3:
        return (l.SeparableConv1D, l.SeparableConv2D)[dims - 1](between(rng, 2, 12), **{**common, "kernel_size": k[0]})(x)
    groups = 2 if kind == "group" and c % 2 == 0 and dims < 3 and dilation == 1 else 1
    if dims == 1 and rng.integers(4) == 0:
        common["padding"], common["strides"] = "causal", 1
    if common["strides"] == 1:
        common["dilation_rate"] = dilation
    return (l.Conv1D, l.Conv2D, l.Conv3D)[dims - 1](2 * between(rng, 1, 6), groups=groups, **common)(x)


def pool(rng, dims, x):
    kind = pick(rng, "Max", "Average")
    return getattr(l, f"{kind}Pooling{dims}D")(between(rng, 2, 3), strides=pick(rng, None, 1, 2), padding=pick(rng, "same", "valid"))(x)


def norm(rng, dims, x):
    c = x.shape[-1]
    return pick(rng, lambda: l.BatchNormalization(), lambda: l.BatchNormalization(scale=False), lambda: l.BatchNormalization(center=False, epsilon=1e-2), lambda: l.LayerNormalization(), lambda: l.GroupNormalization(pick(rng, 1, *[g for g in (2, c) if c % g == 0])),
                lambda: l.LayerNormalization(axis=[1, -1]), lambda: l.UnitNormalization(), lambda: l.RMSNormalization(axis=-1))()(x)


def pad(rng, dims, x):
    return pick(rng, lambda: getattr(l, f"ZeroPadding{dims}D")(between(rng, 1, 2)), lambda: getattr(l, f"Cropping{dims}D")(1), lambda: getattr(l, f"UpSampling{dims}D")(2))()(x)


def activation(rng, x):
    return pick(rng, lambda: l.Activation(act(rng)), lambda: l.ReLU(max_value=pick(rng, None, 2.0), negative_slope=pick(rng, 0.0, 0.1), threshold=pick(rng, 0.0, 0.1)), lambda: l.LeakyReLU(0.2), lambda: l.PReLU(shared_axes=list(range(1, len(x.shape) - 1)) or None), lambda: l.ELU(0.7),
                lambda: l.Softmax(), lambda: l.Dropout(0.3), lambda: l.GaussianNoise(0.1))()(x)


def convolutional(dims, side):
    def make(rng):
        shape = tuple(between(rng, *side) for _ in range(dims)) + (between(rng, 1, 4),)
        x = start = keras.Input(shape)
        for _ in range(between(rng, 2, 6)):
            step = pick(rng, convolution, convolution, pool, norm, pad, None)
            try:
                y = step(rng, dims, x) if step else activation(rng, x)
            except Exception:
                continue
            if min(y.shape[1:]) > 0 and np.prod(y.shape[1:]) < 15000:
                x = y
        end = pick(rng, "flat", "avg", "max", "none")
        if end != "none":
            x = l.Flatten()(x) if end == "flat" and np.prod(x.shape[1:]) < 3000 else getattr(l, f"Global{'Max' if end == 'max' else 'Average'}Pooling{dims}D")()(x)
            x = l.Dense(between(rng, 2, 10), activation=pick(rng, None, None, "softmax"))(x)
        return keras.Model(start, x), lambda n: [rng.standard_normal((n, *shape)).astype(np.float32)], 32
    return make


def mlp(rng):
    width = between(rng, 3, 40)
    stack = [keras.Input((width,))]
    for _ in range(between(rng, 1, 3)):
        stack += [l.Dense(between(rng, 4, 50), activation=pick(rng, None, act(rng)), use_bias=bool(rng.integers(4)))]
        stack += pick(rng, lambda: [], lambda: [l.BatchNormalization()], lambda: [l.Dropout(0.2)], lambda: [l.LayerNormalization()])()
    stack.append(l.Dense(between(rng, 2, 9), activation=pick(rng, None, "softmax", "sigmoid")))
    return keras.Sequential(stack), lambda n: [rng.standard_normal((n, width)).astype(np.float32)], 1000


def activations(name):
    def make(rng):
        x = start = keras.Input((8,))
        x = l.Activation(name)(l.Dense(12)(x))
        return keras.Model(start, l.Dense(4)(x)), lambda n: [2 * rng.standard_normal((n, 8)).astype(np.float32)], 1000
    return make


def recurrent(rng):
    kind = pick(rng, l.LSTM, l.GRU, l.SimpleRNN)
    t, a = between(rng, 2, 9), between(rng, 2, 9)
    x = start = keras.Input((t, a))
    for i in range(between(rng, 1, 2)):
        options = dict(return_sequences=i == 0 or bool(rng.integers(2)), use_bias=bool(rng.integers(4)))
        if kind is l.GRU:
            options["reset_after"] = bool(rng.integers(2))
        if rng.integers(5) == 0:
            options["activation"] = pick(rng, "relu", "sigmoid")
        layer = kind(between(rng, 2, 10), go_backwards=bool(rng.integers(4) == 0), **options)
        if rng.integers(3) == 0:
            layer = l.Bidirectional(kind(between(rng, 2, 10), **options), merge_mode=pick(rng, "concat", "sum", "ave", "mul"))
        if len(x.shape) == 3:
            x = layer(x)
    return keras.Model(start, l.Dense(3)(x)), lambda n: [rng.standard_normal((n, t, a)).astype(np.float32)], 32


def masked(rng):
    """Embedding with a mask that the recurrent layer obeys."""
    t = between(rng, 4, 9)
    start = keras.Input((t,), dtype="int32")
    x = l.Embedding(23, 6, mask_zero=bool(rng.integers(2)), name="words")(start)
    x = pick(rng, lambda: l.LSTM(5), lambda: l.GRU(5), lambda: l.GlobalAveragePooling1D())()(x)

    def feed(n):
        ids = rng.integers(1, 23, (n, t)).astype(np.int32)
        for r in range(n):
            ids[r, 1 + int(rng.integers(t)):] = 0
        return [ids]
    return keras.Model(start, l.Dense(3)(x)), feed, 32


def masking_layer(rng):
    t, a = 6, 3
    start = keras.Input((t, a))
    x = l.LSTM(4, return_sequences=bool(rng.integers(2)))(l.Masking(0.0)(start))

    def feed(n):
        x = rng.standard_normal((n, t, a)).astype(np.float32)
        for r in range(n):
            x[r, 1 + int(rng.integers(t)):] = 0
        return [x]
    return keras.Model(start, x), feed, 32


def attention(rng):
    t, d, h = between(rng, 3, 8), between(rng, 4, 12), pick(rng, 1, 2, 3)
    x = start = keras.Input((t, d))
    for _ in range(between(rng, 1, 2)):
        y = l.LayerNormalization(epsilon=1e-6)(x)
        y = l.MultiHeadAttention(h, between(rng, 2, 6))(y, y, use_causal_mask=bool(rng.integers(2)))
        x = l.Add()([x, y])
        y = l.Dense(d)(l.Dense(2 * d, activation="gelu")(l.LayerNormalization()(x)))
        x = x + y
    x = l.Dense(4)(pick(rng, lambda: l.GlobalAveragePooling1D(), lambda: l.GlobalMaxPooling1D(), lambda: l.Flatten())()(x))
    return keras.Model(start, x), lambda n: [rng.standard_normal((n, t, d)).astype(np.float32)], 32


def older_attention(rng):
    t, d = between(rng, 3, 7), between(rng, 3, 8)
    a, b = keras.Input((t, d)), keras.Input((t + 2, d))
    y = pick(rng, lambda: l.Attention(), lambda: l.AdditiveAttention(), lambda: l.Attention(use_scale=True, score_mode="concat"))()([a, b])
    return keras.Model([a, b], l.Concatenate()([a, y])), lambda n: [rng.standard_normal((n, t, d)).astype(np.float32), rng.standard_normal((n, t + 2, d)).astype(np.float32)], 32


def functional(rng):
    """Branches, merges, several inputs and outputs."""
    w, v = between(rng, 4, 12), between(rng, 4, 12)
    a, b = keras.Input((w,), name="left"), keras.Input((v,), name="right")
    x, y = l.Dense(8, activation=act(rng))(a), l.Dense(8, activation=act(rng))(b)
    z = pick(rng, l.Add, l.Multiply, l.Average, l.Maximum, l.Minimum, l.Subtract, l.Concatenate, lambda: l.Dot(1, normalize=bool(rng.integers(2))))()([x, y])
    z = l.Dense(6)(z)
    outs = [l.Dense(3, name="first")(z), l.Dense(2, activation="softmax", name="second")(l.Concatenate()([z, x]))]
    return keras.Model([a, b], outs[: between(rng, 1, 2)]), lambda n: [rng.standard_normal((n, w)).astype(np.float32), rng.standard_normal((n, v)).astype(np.float32)], 1000


def reshapes(rng):
    x = start = keras.Input((6, 8))
    for _ in range(between(rng, 1, 3)):
        x = pick(rng, lambda x: l.Permute((2, 1))(x), lambda x: l.Reshape((-1, 4))(x), lambda x: l.Reshape((12, 4))(x), lambda x: l.Reshape((4, 12))(x), lambda x: keras.ops.flip(x, 1), lambda x: keras.ops.roll(x, 1, 1),
                 lambda x: keras.ops.transpose(x, (0, 2, 1)), lambda x: l.TimeDistributed(l.Dense(8, activation="relu"))(x), lambda x: keras.ops.cumsum(x, 1), lambda x: keras.ops.repeat(x, 2, 1)[:, ::2], lambda x: keras.ops.softmax(x, 1))(x)
        if np.prod(x.shape[1:]) % 48:
            x = l.Reshape((-1, 4))(x)
            break
    x = pick(rng, lambda x: l.RepeatVector(3)(l.Flatten()(x)), lambda x: keras.ops.mean(x, 1), lambda x: keras.ops.max(x, -1), lambda x: keras.ops.logsumexp(x, 1), lambda x: keras.ops.einsum("nab,nac->nbc", x, x), lambda x: keras.ops.std(x, 1))(x)
    return keras.Model(start, x), lambda n: [rng.standard_normal((n, 6, 8)).astype(np.float32)], 32


def transpose(rng):
    s, c = between(rng, 4, 9), between(rng, 1, 4)
    x = start = keras.Input((s, s, c))
    x = l.Conv2DTranspose(between(rng, 1, 5), between(rng, 2, 4), strides=between(rng, 1, 2), padding=pick(rng, "same", "valid"))(x)
    x = l.Activation(act(rng))(x)
    return keras.Model(start, x), lambda n: [rng.standard_normal((n, s, s, c)).astype(np.float32)], 32


def preprocessing(rng):
    w = between(rng, 8, 20)
    x = start = keras.Input((w, w, 3))
    x = pick(rng, lambda: l.Rescaling(1 / 127.5, -1), lambda: l.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 5.0, 6.0]), lambda: l.CenterCrop(6, 6), lambda: l.Resizing(7, 9, interpolation=pick(rng, "bilinear", "nearest")))()(x)
    x = l.Conv2D(4, 3, activation="relu")(x)
    return keras.Model(start, l.Dense(3)(l.GlobalAveragePooling2D()(x))), lambda n: [(rng.random((n, w, w, 3)) * 255).astype(np.float32)], 32


def application(name, options):
    def make(rng):
        s = pick(rng, *options["sides"])
        net = getattr(keras.applications, name)(weights=None, input_shape=(s, s, 3), classes=5, classifier_activation=pick(rng, "softmax", None), **options.get("more", {}))
        for layer in net.layers:
            if isinstance(layer, l.BatchNormalization):
                w = layer.get_weights()
                layer.set_weights([v + rng.random(v.shape).astype(np.float32) * 0.2 for v in w])
        return net, lambda n: [rng.random((n, s, s, 3)).astype(np.float32)], 8
    return make


def unet(rng):
    s, c = 4 * between(rng, 3, 6), 4
    start = keras.Input((s, s, 3))
    a = l.Conv2D(c, 3, padding="same", activation=act(rng))(start)
    b = l.Conv2D(2 * c, 3, padding="same", activation="relu")(l.MaxPooling2D()(a))
    b = l.BatchNormalization()(b)
    up = pick(rng, lambda: l.UpSampling2D(interpolation=pick(rng, "nearest", "bilinear")), lambda: l.Conv2DTranspose(c, 2, strides=2))()(b)
    return keras.Model(start, l.Conv2D(2, 1, activation="sigmoid")(l.Concatenate()([a, up]))), lambda n: [rng.random((n, s, s, 3)).astype(np.float32)], 32


# --- a case ---


@contextlib.contextmanager
def silence():
    kept = os.dup(1), os.dup(2)
    void = os.open(os.devnull, os.O_WRONLY)
    os.dup2(void, 1)
    os.dup2(void, 2)
    try:
        yield
    finally:
        for i in (0, 1):
            os.dup2(kept[i], i + 1)
            os.close(kept[i])
        os.close(void)


def flat(out):
    if isinstance(out, dict):
        out = list(out.values())
    return list(out) if isinstance(out, (list, tuple)) else [out]


def export(net, signature, rng, path):
    opset = int(rng.choice([0, 9, 11, 13, 15, 17, 18]))
    if rng.integers(2):
        try:
            with silence():
                net.export(path, format="onnx", verbose=False, **({"opset_version": opset} if opset >= 13 else {}))
            return
        except Exception:
            pass
    problem = None
    for o in (opset or 15, 15, 18):
        try:
            with silence():
                tf2onnx.convert.from_function(tf.function(lambda *xs: net(list(xs) if len(xs) > 1 else xs[0], training=False), input_signature=signature), input_signature=signature, opset=o, output_path=path)
            return
        except Exception as e:
            problem = e
    raise problem


def as_double(net):
    """The same net in float64."""
    old = keras.config.dtype_policy()
    config, weights = net.get_config(), net.get_weights()

    def widen(c):
        if isinstance(c, dict):
            if c.get("class_name") == "DTypePolicy":
                return {**c, "config": {"name": "float64"}}
            return {k: ("float64" if k == "dtype" and v == "float32" else widen(v)) for k, v in c.items()}
        return [widen(v) for v in c] if isinstance(c, (list, tuple)) else c
    try:
        keras.config.set_dtype_policy("float64")
        wide = net.__class__.from_config(widen(config))
        wide.set_weights(weights)
    finally:
        keras.config.set_dtype_policy(old)
    return wide


def answer(net, inputs):
    return flat(net(inputs if len(inputs) > 1 else inputs[0], training=False))


def differentiate(net, inputs, cotangent):
    inputs = [tf.convert_to_tensor(x) for x in inputs]
    with tf.GradientTape() as tape:
        for x in inputs:
            tape.watch(x)
        out = answer(net, inputs)[0]
        value = tf.reduce_sum(out * tf.cast(cotangent, out.dtype))
    return [np.zeros(x.shape) if g is None else tf.convert_to_tensor(g).numpy() for g, x in zip(tape.gradient(value, inputs), inputs)]


def case(make, rng, folder):
    net, feed, rows = make(rng)
    for v in net.weights:  # biases and statistics are zeros and ones after a start
        if v.dtype == "float32" and v.ndim == 1:
            v.assign(v + rng.uniform(0.05, 0.3, v.shape).astype(np.float32))
    inputs = feed(rows)
    free = bool(rng.integers(5))
    signature = [tf.TensorSpec([None if free else rows] + list(x.shape[1:]), x.dtype) for x in inputs]
    path = f"{folder}/model.onnx"
    export(net, signature, rng, path)
    graph = onnx.load(path).graph
    weights = {w.name for w in graph.initializer}
    names = [v.name for v in graph.input if v.name not in weights]
    if len(names) != len(inputs):
        raise ValueError("an input is gone")
    got32 = [np.asarray(o) for o in answer(net, inputs)]
    try:
        wide, wide_inputs = as_double(net), [x.astype(np.float64) if x.dtype == np.float32 else x for x in inputs]
        got64 = [np.asarray(o) for o in answer(wide, wide_inputs)]
        if got64[0].dtype != np.float64 or np.abs(got64[0] - got32[0]).max() > 1e-2 * np.abs(got32[0]).max():
            raise ValueError
    except Exception:
        wide, got64 = None, got32
    found = Case(path, dict(zip(names, inputs)), list(zip(got32, got64)), eps=1e-5 if wide else 3e-5)
    if any(x.dtype != np.float32 for x in inputs):
        return found
    cotangent = rng.standard_normal(got32[0].shape).astype(np.float32)
    grad32 = differentiate(net, inputs, cotangent)
    grad64 = differentiate(wide, wide_inputs, cotangent) if wide else grad32

    def moved(scale):
        by, to = (wide, wide_inputs) if wide else (net, inputs)
        shifted = [x + (scale * x.std() * rng.standard_normal(x.shape)).astype(x.dtype) for x in to]
        return dict(zip(names, differentiate(by, shifted, cotangent)))

    found.cotangent, found.grads, found.moved = cotangent, {n: p for n, p in zip(names, zip(grad32, grad64))}, moved
    return found


APPLICATIONS = {
    "MobileNet": dict(sides=(32, 64), more=dict(alpha=0.25)), "MobileNetV2": dict(sides=(32, 64), more=dict(alpha=0.35)), "MobileNetV3Small": dict(sides=(32, 64), more=dict(alpha=0.75, minimalistic=False)), "EfficientNetB0": dict(sides=(32, 48)),
    "EfficientNetV2B0": dict(sides=(32, 48)), "NASNetMobile": dict(sides=(32,)), "DenseNet121": dict(sides=(32,)), "ResNet50": dict(sides=(32,)), "ConvNeXtTiny": dict(sides=(32,)), "Xception": dict(sides=(71,)),
}
MAKERS = {
    "cnn1d": convolutional(1, (8, 24)), "cnn2d": convolutional(2, (8, 20)), "cnn2d-b": convolutional(2, (8, 20)), "cnn3d": convolutional(3, (5, 9)), "mlp": mlp, "recurrent": recurrent, "recurrent-b": recurrent, "masked": masked, "masking": masking_layer, "attention": attention,
    "attention-older": older_attention, "functional": functional, "reshapes": reshapes, "transpose": transpose, "preprocessing": preprocessing, "unet": unet, **{f"activation/{n}": activations(n) for n in ACTIVATIONS}, **{f"application/{n}": application(n, o) for n, o in APPLICATIONS.items()},
}


if __name__ == "__main__":
    for name in ("tensorflow", "tf2onnx", "absl"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    main("Keras " + keras.__version__, {n: (lambda rng, folder, f=f: case(f, rng, folder)) for n, f in MAKERS.items()}, keras.utils.set_random_seed)
