#!/usr/bin/env bash
# model train as a script sees it: the same bytes on any number of threads, settings, exit codes, messages.
set -uo pipefail
models=fuzz/corpus/onnx
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
bad=0

fail() {
    echo "FAILED: $1"
    bad=1
}

# expect STATUS TEXT ARGS...: exit status, and a text in stderr (- : none asked)
expect() {
    local want=$1 text=$2 got
    shift 2
    "$REDOUBT" "$@" >"$scratch/out" 2>"$scratch/err"
    got=$?
    [ "$got" -eq "$want" ] || { fail "redoubt $* gave $got instead of $want"; cat "$scratch/err"; }
    [ "$text" = - ] || grep -qF -- "$text" "$scratch/err" || { fail "redoubt $*: no '$text' in"; cat "$scratch/err"; }
}

# Bright above, or bright below: 40 pictures of 4 x 4, and what is wrong with some.
python3 - "$scratch" <<'PY'
import random, struct, sys
folder = sys.argv[1]

def npy(name, descr, shape, code, values):
    head = ("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (descr, shape)).encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    with open(f"{folder}/{name}.npy", "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head)
        f.write(b"".join(struct.pack("<" + code, v) for v in values))

random.seed(4)
x = [(0.9 if (i // 8) == n % 2 else 0.1) + 0.05 * random.random() for n in range(40) for i in range(16)]
npy("x", "<f4", "40, 1, 4, 4", "f", x)
npy("flat", "<f4", "40, 16", "f", x)
npy("narrow", "<f4", "40, 3", "f", x[:120])
npy("nan", "<f4", "40, 1, 4, 4", "f", x[:70] + [float("nan")] + x[71:])
npy("y", "<i8", "40,", "q", [n % 2 for n in range(40)])
npy("y7", "<i8", "40,", "q", [7 if n == 11 else n % 2 for n in range(40)])
npy("few", "<i8", "39,", "q", [n % 2 for n in range(39)])
npy("soft", "<f4", "40, 2", "f", [v for n in range(40) for v in ((0.9, 0.1) if n % 2 == 0 else (0.1, 0.9))])
npy("soft3", "<f4", "40, 3", "f", [1 / 3] * 120)
PY
x=$scratch/x.npy y=$scratch/y.npy net=$models/cnn.onnx
train() { # STATUS TEXT OUT ARGS...
    local status=$1 text=$2 out=$3
    shift 3
    expect "$status" "$text" model train "$net" -o "$scratch/$out" "$@"
}
good=(--data "$x" --labels "$y" --epochs 40 --lr 0.02 --batch 8)

# what works
train 0 - a.onnx "${good[@]}" --seed 3 --threads 1 --json
python3 - "$scratch/out" <<'PY' || fail "the JSON of model train"
import json, sys
r = json.load(open(sys.argv[1]))
assert r["schema"] == "redoubt/model-train", r
assert r["result"]["accuracy"] == 1 and 0 < r["result"]["loss"] < 0.2, r["result"]
assert r["result"]["settings"]["seed"] == "3" and r["result"]["n"] == 40, r["result"]
assert "seconds" in r["run"] and "seconds" not in r["result"], r
PY
train 0 - b.onnx "${good[@]}" --seed 3 --threads 2
train 0 - c.onnx "${good[@]}" --seed 3 --threads 3
train 0 - d.onnx "${good[@]}" --seed 4
cmp -s "$scratch/a.onnx" "$scratch/b.onnx" || fail "two threads give other bytes"
cmp -s "$scratch/a.onnx" "$scratch/c.onnx" || fail "three threads give other bytes"
cmp -s "$scratch/a.onnx" "$scratch/d.onnx" && fail "another seed gives the same bytes"
train 0 - e.onnx --data "$scratch/flat.npy" --labels "$y" --epochs 1
train 0 - f.onnx --data "$x" --soft "$scratch/soft.npy" --optimizer sgd --schedule one-cycle --lr 0.05
net=$scratch/a.onnx
train 0 - g.onnx "${good[@]}" --epochs 1 --lr 1e-9 --keep-weights --json
python3 - "$scratch/out" <<'PY' || fail "kept weights are not kept"
import json, sys
assert json.load(open(sys.argv[1]))["result"]["accuracy"] == 1
PY
net=$models/cnn.onnx

# what does not
train 2 'needs --data' z.onnx --labels "$y"
train 2 'exclude each other' z.onnx --data "$x" --labels "$y" --soft "$scratch/soft.npy"
train 2 - z.onnx "${good[@]}" --optimizer lion
train 2 - z.onnx "${good[@]}" --epochs 0
train 3 'outside 0..1' z.onnx --data "$x" --labels "$scratch/y7.npy"
train 3 - z.onnx --data "$x" --labels "$scratch/few.npy"
train 3 - z.onnx --data "$scratch/nan.npy" --labels "$y"
train 3 '(1, 4, 4)' z.onnx --data "$scratch/narrow.npy" --labels "$y"
train 3 'rows and classes' z.onnx --data "$x" --soft "$scratch/soft3.npy"
train 2 'epoch' z.onnx "${good[@]}" --optimizer sgd --lr 1e6 --weight-decay 100
[ -e "$scratch/z.onnx" ] && fail "a failed training left a file"
expect 3 'no/such' model train "$net" "${good[@]}" -o "$scratch/no/such/folder.onnx"
REDOUBT_ISA=mmx expect 2 REDOUBT_ISA model train "$net" "${good[@]}" -o "$scratch/z.onnx"
exit $bad
