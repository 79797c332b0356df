#!/usr/bin/env bash
# model info, run and grad as a script sees them: exit codes, messages, JSON, arrays; bad input above all.
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

# npy PATH DTYPE SHAPE: zeros (or, with a fourth argument, that many bytes in hex, repeated) in .npy format 1.0
npy() {
    python3 - "$@" <<'PY'
import struct, sys
path, dtype, shape, values = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
head = ("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (dtype, shape)).encode()
head += b" " * (-(len(head) + 11) % 64) + b"\n"
code = {"<f4": "f", "<f8": "d", "<i8": "q", "|u1": "B", "<i4": "i"}[dtype]
data = b"".join(struct.pack("<" + code, float(v) if code in "fd" else int(v)) for v in values)
open(path, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data)
PY
}

npy "$scratch/x.npy" '<f4' '2, 3' 1 2 3 -1 0.5 0.25
npy "$scratch/x64.npy" '<f8' '2, 3' 1 2 3 -1 0.5 0.25
npy "$scratch/fine64.npy" '<f8' '2, 3' 1 2 3 -1 0.5 0.1
npy "$scratch/huge64.npy" '<f8' '2, 3' 1 2 3 -1 0.5 1e300
npy "$scratch/wide.npy" '<f4' '2, 4' 1 2 3 4 5 6 7 8
npy "$scratch/nan.npy" '<f4' '2, 3' 1 2 nan 4 5 6
npy "$scratch/inf.npy" '<f4' '2, 3' 1 2 3 4 -inf 6
npy "$scratch/int.npy" '<i4' '2, 3' 1 2 3 4 5 6
npy "$scratch/y.npy" '<i8' '2,' 0 1
npy "$scratch/y9.npy" '<i8' '2,' 0 9
npy "$scratch/yneg.npy" '<i8' '2,' 0 -1
npy "$scratch/y3.npy" '<i8' '3,' 0 1 1
npy "$scratch/yf.npy" '<f4' '2,' 0 1
npy "$scratch/c.npy" '<f4' '2, 2' 1 0 0 1
npy "$scratch/c3.npy" '<f4' '2, 3' 1 0 0 1 0 0
head -c 100 "$models/mlp.onnx" >"$scratch/cut.onnx"
head -c 60 "$scratch/x.npy" >"$scratch/cut.npy"

# what works
expect 0 - model info "$models/cnn.onnx"
grep -q 'differentiable   yes' "$scratch/out" || fail "info says nothing of gradients"
expect 0 - model info "$models/cnn.onnx" --json
python3 - "$scratch/out" <<'PY' || fail "the JSON of model info"
import json, sys
r = json.load(open(sys.argv[1]))
assert r["schema"] == "redoubt/model-info", r
r = r["result"]
assert r["parameters"] == 18 + 2 + 16 and r["nodes"] == 5 and r["differentiable"] is True, r
assert r["inputs"] == [{"name": "x", "dtype": "float32", "shape": ["n", 1, 4, 4]}], r
assert r["flops_per_example"] == 2 * 9 * 32 + 32 + 32 + 8 * 4 + 2 * 16, r
PY
expect 0 - model run "$models/mlp.onnx" --input "$scratch/x.npy" --output "$scratch/out.npy"
expect 0 - model run "$models/mlp.onnx" --input "x=$scratch/x.npy" --output "y=$scratch/named.npy"
cmp -s "$scratch/out.npy" "$scratch/named.npy" || fail "a named array gives other bytes"
expect 0 - model run "$models/mlp.onnx" --input "$scratch/x.npy" --output "$scratch/one.npy" --threads 1
cmp -s "$scratch/out.npy" "$scratch/one.npy" || fail "the number of threads changes the answer"
expect 0 - model run "$models/mlp.onnx" --input "$scratch/x64.npy" --output "$scratch/narrow.npy"
cmp -s "$scratch/out.npy" "$scratch/narrow.npy" || fail "float64 input gives other bytes"
expect 0 'rounded to float32' model run "$models/mlp.onnx" --input "$scratch/fine64.npy"
expect 3 "wants float32, '$scratch/huge64.npy' holds float64" model run "$models/mlp.onnx" --input "$scratch/huge64.npy"
expect 0 - model grad "$models/mlp.onnx" --input "$scratch/x.npy" --labels "$scratch/y.npy" --output "$scratch/g.npy"
expect 0 - model grad "$models/mlp.onnx" --input "$scratch/x.npy" --cotangent "$scratch/c.npy" --output "$scratch/g.npy"
expect 0 - model grad "$models/mixing.onnx" --input "$scratch/x.npy" --cotangent "$scratch/c3.npy" --output "$scratch/g.npy"

# bad input: status 3, and what, where, why
expect 3 "input 'x' has shape (-1, 3) (-1: any), the data (2, 4)" model run "$models/mlp.onnx" --input "$scratch/wide.npy"
expect 3 'holds NaN at element 2' model run "$models/mlp.onnx" --input "$scratch/nan.npy"
expect 3 'holds an infinity at element 4' model run "$models/mlp.onnx" --input "$scratch/inf.npy"
expect 3 "must be float32, the data is int32" model run "$models/mlp.onnx" --input "$scratch/int.npy"
expect 3 'cut.npy' model run "$models/mlp.onnx" --input "$scratch/cut.npy"
expect 3 'nowhere.npy' model run "$models/mlp.onnx" --input "$scratch/nowhere.npy"
expect 3 'nowhere.onnx' model info "$scratch/nowhere.onnx"
expect 3 'byte' model info "$scratch/cut.onnx"
expect 3 'label 9 of row 1 is outside 0..1' model grad "$models/mlp.onnx" --input "$scratch/x.npy" --labels "$scratch/y9.npy"
expect 3 'label -1 of row 1' model grad "$models/mlp.onnx" --input "$scratch/x.npy" --labels "$scratch/yneg.npy"
expect 3 '3 labels for 2 rows' model grad "$models/mlp.onnx" --input "$scratch/x.npy" --labels "$scratch/y3.npy"
expect 3 'integers are needed' model grad "$models/mlp.onnx" --input "$scratch/x.npy" --labels "$scratch/yf.npy"
expect 3 'the cotangent is float32 (2, 3)' model grad "$models/mlp.onnx" --input "$scratch/x.npy" --cotangent "$scratch/c3.npy"
expect 3 'is no regular file' model info "$scratch"

# asked wrongly: status 2
expect 2 'either --labels or --cotangent' model grad "$models/mlp.onnx" --input "$scratch/x.npy"
expect 2 "input 'x' of the model is not given" model run "$models/mlp.onnx"
expect 2 '2 times --input' model run "$models/mlp.onnx" --input "$scratch/x.npy" --input "$scratch/x.npy"
expect 2 'depends on no input of a float type' model grad "$models/integers.onnx" --input "$scratch/int.npy" --labels "$scratch/y.npy"
expect 2 - model info

# a folder that may not be written to: status 4, and nothing half-written
mkdir "$scratch/closed"
chmod 0555 "$scratch/closed"
if [ "$(id -u)" -ne 0 ]; then
    expect 4 'closed' model run "$models/mlp.onnx" --input "$scratch/x.npy" --output "$scratch/closed/y.npy"
fi
expect 3 'none/y.npy' model run "$models/mlp.onnx" --input "$scratch/x.npy" --output "$scratch/none/y.npy"

exit $bad
