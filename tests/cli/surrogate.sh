#!/usr/bin/env bash
# Gradients through what has none: refused by the node's name before anything is asked, given when asked for, and said in the
# result; scores stay the model's own.
. "$(dirname "$0")/lib/common.bash"
python3 - "$T" <<'PY' || fail "the fixtures"
import struct, sys
T = sys.argv[1]

def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])
def part(key, value):
    if isinstance(value, int):
        return varint(key << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(key << 3 | 2) + varint(len(value)) + value
def value(name, *dims):
    shape = b"".join(part(1, part(2, d) if isinstance(d, str) else part(1, d)) for d in dims)
    return part(1, name) + part(2, part(1, part(1, 1) + part(2, shape)))
def node(op, name, inputs, outputs):
    return b"".join(part(1, i) for i in inputs) + b"".join(part(2, o) for o in outputs) + part(3, name) + part(4, op)
def weight(name, kind, raw, *dims):
    return b"".join(part(1, d) for d in dims) + part(2, kind) + part(8, name) + part(9, raw)
def model(path, nodes, weights):
    graph = b"".join(part(1, n) for n in nodes) + part(2, "g") + b"".join(part(5, w) for w in weights)
    graph += part(11, value("x", "n", 2)) + part(12, value("y", "n", 2))
    open(f"{T}/{path}", "wb").write(part(1, 8) + part(7, graph) + part(8, part(1, "") + part(2, 17)))

# y = quantized(x) W, steps of 0.25 in -2 .. 1.75 (int8 would be wider: the zero point is at its end); W = ((1, -2), (3, 0.5))
W = weight("w", 1, struct.pack("<4f", 1, -2, 3, 0.5), 2, 2)
model("quantized.onnx", [node("QuantizeLinear", "steps", ["x", "s", "z"], ["q"]), node("DequantizeLinear", "back", ["q", "s", "z"], ["r"]),
                         node("MatMul", "product", ["r", "w"], ["y"])],
      [W, weight("s", 1, struct.pack("<f", 0.25)), weight("z", 3, b"\x78")])
model("rounded.onnx", [node("Round", "whole", ["x"], ["r"]), node("MatMul", "product", ["r", "w"], ["y"])], [W])

def npy(path, descr, shape, code, *values):
    head = ("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (descr, shape)).encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    open(f"{T}/{path}", "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + struct.pack(f"<{len(values)}{code}", *values))
npy("x.npy", "<f4", "4, 2", "f", 0.5, 0.25, -1, -1, -0.5, -1, 5, 0.1)
npy("y.npy", "<i8", "4,", "q", 0, 1, 1, 0)
npy("c.npy", "<f4", "4, 2", "f", *[1, 0] * 4)
PY
numbers() { # FILE.npy: its float32 values
    python3 -c 'import struct, sys
b = open(sys.argv[1], "rb").read()[128:]
print(*struct.unpack(f"<{len(b) // 4}f", b))' "$1"
}

grad() { # CODE MODEL ARGS...
    local code=$1 model=$2
    shift 2
    expect "$code" "$REDOUBT" model grad "$T/$model.onnx" --input "$T/x.npy" --cotangent "$T/c.npy" --output "$T/g.npy" "$@"
}
grad 2 quantized
says "node 'steps' (QuantizeLinear) gives integers"
says "--surrogate straight-through"
grad 0 quantized --surrogate straight-through --json
[ "$(field "$T/out" "d['result']['surrogate']")" = straight-through ] || fail "the result says nothing of the surrogate"
# the columns of W, but where x = 5 was cut off at 1.75
[ "$(numbers "$T/g.npy")" = "1.0 3.0 1.0 3.0 1.0 3.0 0.0 3.0" ] || fail "gradient $(numbers "$T/g.npy")"
grad 2 rounded
says "node 'whole' (Round) is flat"
grad 0 rounded --surrogate straight-through
[ "$(numbers "$T/g.npy")" = "1.0 3.0 1.0 3.0 1.0 3.0 1.0 3.0" ] || fail "gradient $(numbers "$T/g.npy")"

attack() { # CODE MODEL ARGS...
    local code=$1 model=$2
    shift 2
    expect "$code" "$REDOUBT" attack run pgd --target "$T/$model.onnx" --input "$T/x.npy" --labels "$T/y.npy" --norm linf \
        --set eps=0.5 --set steps=5 --box -6,6 "$@"
}
attack 2 quantized
says "node 'steps' (QuantizeLinear) gives integers"
says "a straight-through one can be asked for: surrogate"
attack 0 quantized --surrogate straight-through --json
[ "$(field "$T/out" "d['result']['settings']['surrogate']")" = straight-through ] || fail "the record says nothing of the surrogate"
[ "$(field "$T/out" "d['result']['gradients'] > 0")" = True ] || fail "no gradient was asked for"
attack 2 quantized --surrogate smooth
says "straight-through"

# --- a system file: the word is checked ---
expect 0 "$REDOUBT" schema
says '"straight-through"'
finish
