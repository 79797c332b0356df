#!/usr/bin/env bash
# The shipped example on two networks and data that nobody here made, and the figures that must be seen on them.
. "$(dirname "$0")/lib/common.bash"
models=../shared/models data=../shared/data/images/mnist
[ -e "$models/mnist-cnn.onnx" ] && [ -e "$data/split.npy" ] || skip "../shared is not here"

mkdir -p "$T/main/examples" && cp -r examples/mnist-digits "$T/main/examples/" && rm -rf "$T/main/examples/mnist-digits/.redoubt"
ln -s "$(realpath ../shared)" "$T/shared"
expect 3 "$REDOUBT" assess "$T/main/examples/mnist-digits"
says "--allow-outside"
expect 0 "$REDOUBT" assess "$T/main/examples/mnist-digits" --allow-outside --json
cp "$T/out" "$T/digits.json"
python3 - "$T/digits.json" <<'PY' || fail "mnist-digits: not what must be seen"
import json, sys
r = json.load(open(sys.argv[1]))["result"]
tests = {t["id"]: t for t in r["tests"]}
controls = {(c["id"], c["test"]): c for c in r["controls"]}
assert tests["fool"]["outcome"] == "demonstrated" and tests["fool"]["successes"] == 1000
assert tests["steal"]["outcome"] == "demonstrated"
swap = controls["hardened", "fool"]
assert swap["effect"]["low"] > 0 and swap["ale_after"] < swap["ale_before"] and swap["ale_effect"]["low"] > 0, swap["ale_effect"]
rounding = controls["round-scores", "steal"]
assert rounding["effect"]["before"] == rounding["effect"]["after"] and rounding["ale_before"] == rounding["ale_after"]
PY

# PGD-40, Linf, eps 0.3, step 0.01, on the 1,000 frozen images.
for net in mnist-cnn mnist-cnn-robust; do
    expect 0 "$REDOUBT" attack run pgd --target "$models/$net.onnx" --input "$models/mnist-eval-x.npy" \
        --labels "$models/mnist-eval-y.npy" --norm linf --set eps=0.3 --set step-size=0.01 --set steps=40 --seed 1 --json
    cp "$T/out" "$T/$net.json"
done
[ "$(field "$T/mnist-cnn.json" "d['result']['metrics']['robust_accuracy']['value']")" = 0 ] || fail "mnist-cnn stands"
[ "$(field "$T/mnist-cnn-robust.json" "d['result']['metrics']['robust_accuracy']['value'] <= 0.6")" = True ] ||
    fail "mnist-cnn-robust is too robust"

# A copy from 7,500 labels of the pool.
/usr/bin/python3 - "$data" "$T" <<'PY' || { echo "the theft was left out: python3-numpy is not installed"; finish; }
import gzip, sys
try:
    import numpy as np
except ImportError:
    sys.exit(1)
raw = np.frombuffer(gzip.open(sys.argv[1] + "/t10k-images-idx3-ubyte.gz").read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
np.save(sys.argv[2] + "/pool.npy", (raw[np.load(sys.argv[1] + "/split.npy")[:8500]] / 255).astype(np.float32))
PY
expect 0 "$REDOUBT" attack run copycat --target "$models/mnist-cnn.onnx" --pool "$T/pool.npy" --input "$models/mnist-eval-x.npy" \
    --labels "$models/mnist-eval-y.npy" --set queries=7500 --seed 1 --save "$T/copy.onnx" --json
[ "$(field "$T/out" "d['result']['metrics']['fidelity']['value'] >= 0.97 and d['result']['queries'] <= 7500")" = True ] ||
    fail "the copy agrees too seldom"
expect 0 "$REDOUBT" model info "$T/copy.onnx"
finish
