#!/usr/bin/env bash
# redoubt attack list, info, run: the contract of the result, and what is refused.
. "$(dirname "$0")/lib/common.bash"
M=../shared/models
MNIST=../shared/data/images/mnist

expect 0 "$REDOUBT" attack list
says "pgd"
expect 0 "$REDOUBT" attack list --json
[ "$(field "$T/out" "[a['kind'] for a in d['result']['attacks'] if a['name'] == 'copycat'][0]")" = extract ] ||
    fail "attack list knows no copycat"
expect 0 "$REDOUBT" attack info pgd
says "arXiv:1706.06083"
says "random-start"
expect 0 "$REDOUBT" attack info pgd --json
[ "$(field "$T/out" "[o['default'] for o in d['result']['options'] if o['name'] == 'steps'][0]")" = 40 ] ||
    fail "attack info shows no default of steps"
expect 2 "$REDOUBT" attack info pdg
says "did you mean 'pgd'?"
expect 2 "$REDOUBT" attack run pgd
says "needs --target, --input and --labels"

[ -e $M/mnist-cnn.onnx ] || skip "../shared/models is not there: only list and info were tried"
run() { # CODE ATTACK ARGS...: on mnist-cnn and the first 120 images of the frozen set
    local code=$1 attack=$2
    shift 2
    expect "$code" "$REDOUBT" attack run "$attack" --target $M/mnist-cnn.onnx --input $M/mnist-eval-x.npy \
        --labels $M/mnist-eval-y.npy --count 120 "$@"
}

# --- the result ---
run 0 pgd --norm linf --set eps=0.1 --set steps=10 --seed 4 --threads 1 --json
cp "$T/out" "$T/one.json"
run 0 pgd --norm linf --set eps=0.1 --set steps=10 --seed 4 --threads 2 --json --save "$T/adv.npy"
cp "$T/out" "$T/two.json"
same() { # FILE FILE: results equal to the byte (canonical JSON: one text for one value)
    [ "$(field "$1" "json.dumps(d['result'])")" = "$(field "$2" "json.dumps(d['result'])")" ]
}
same "$T/one.json" "$T/two.json" || fail "one thread and two give different results"
[ -s "$T/adv.npy" ] || fail "nothing saved"
python3 - "$T/one.json" <<'E' || fail "the result of attack run pgd is not as promised"
import json, sys
d = json.load(open(sys.argv[1]))
assert d["schema"] == "redoubt/attack-run" and d["version"] == 1, d["schema"]
r = d["result"]
for key in "attack unit n successes interval outcome metrics curve queries rows_total gradients settings".split():
    assert key in r, key
assert r["attack"] == "pgd" and r["unit"] == "example" and r["n"] == 120
low, high = r["interval"]
assert 0 <= low <= r["successes"] / 120 <= high <= 1
assert r["outcome"] in ("demonstrated", "not demonstrated", "inconclusive")
for name in ("clean_accuracy", "robust_accuracy", "median_distance"):
    assert set(("value", "low", "high")) <= set(r["metrics"][name]), name
assert r["metrics"]["clean_accuracy"]["value"] > 0.95
assert r["metrics"]["median_distance"]["value"] <= 0.1
assert r["settings"]["eps"] == 0.1 and r["settings"]["norm"] == "linf" and r["settings"]["step-size"] == 0
assert 0 < r["gradients"] <= r["queries"] <= 1200 and r["rows_total"] >= r["queries"] + 240
curve = [p["value"] for p in r["curve"]]
assert len(curve) == 5 and curve == sorted(curve), curve
text = json.dumps(r)
assert "models" not in text and "NaN" not in text
E
run 0 pgd --norm linf --set eps=0.1 --set steps=10 --seed 4
says "robust accuracy"
says "outcome"
grep -qi "nan" "$T/out" && fail "prints NaN"
run 0 fgsm --norm l2 --set eps=0 --curve 0 # nothing can happen: no distances, and still no NaN
grep -qi "nan" "$T/out" && fail "prints NaN"
says "not demonstrated"

# --- budget, estimate, criterion ---
run 0 pgd --set eps=0.3 --budget 605 --json # five rows each
[ "$(field "$T/out" "0 < d['result']['queries'] <= 605")" = True ] || fail "budget passed"
run 2 pgd --budget 119
says "less than one for each of 120 examples"
run 0 pgd --set eps=0.3 --estimate --save "$T/never.npy" --json
[ -e "$T/never.npy" ] && fail "--estimate saved something"
[ "$(field "$T/out" "d['result']['gradients'] == 4 * 40 * 120 and d['run']['estimated_seconds'] > 0")" = True ] ||
    fail "estimate"
run 0 pgd --estimate --price-per-1000 2
says "of money"
run 0 pgd --set eps=0.3 --criterion 0.2 --json
[ "$(field "$T/out" "d['result']['outcome']")" = demonstrated ] || fail "outcome"

# --- what is refused ---
run 2 pgd --set epz=0.1
says "did you mean 'eps'?"
run 2 pgd --set eps=-1
run 2 pgd --set eps
says "is not NAME=VALUE"
run 2 pgd --norm l1
run 2 pgd --pool $M/mnist-eval-x.npy
says "queries no pool"
run 2 copycat
says "source=pool needs a pool"
run 2 pgd --criterion 1.5
run 2 pgd --box 1,0
run 3 fgsm --save "$T/no/such/folder/adv.npy" # known before anything is asked
says "there is no folder"
run 3 copycat --pool $M/mnist-eval-x.npy --set queries=20
says "leak: row 0 of the evaluation data is also in the pool"
expect 3 "$REDOUBT" attack run pgd --target $M/mnist-cnn.onnx --input $M/cifar-eval-x.npy --labels $M/cifar-eval-y.npy
says "each example has shape (3, 32, 32)"
raw() {
    expect "$1" "$REDOUBT" attack run fgsm --target $M/mnist-cnn.onnx --input $MNIST/t10k-images-idx3-ubyte.gz \
        --labels $MNIST/t10k-labels-idx1-ubyte.gz --count 200 "${@:2}"
}
raw 3 # 0..255 for a network of 0..1
says "1/255"
raw 0 --scale 1/255
expect 3 "$REDOUBT" attack run pgd --target $M/mnist-eval-x.npy --input $M/mnist-eval-x.npy --labels $M/mnist-eval-y.npy
expect 3 "$REDOUBT" attack run pgd --target "$T/none.onnx" --input $M/mnist-eval-x.npy --labels $M/mnist-eval-y.npy
run 3 fgsm --accuracy 0.5 --labels $M/cifar-eval-y.npy # lengths differ
numpy() { /usr/bin/python3 -c "import numpy as np; $1" 2>/dev/null; }
if numpy "pass"; then
    numpy "x=np.load('$M/mnist-eval-x.npy')[:60]; x[7,0,3,3]=np.nan; np.save('$T/nan.npy',x)"
    numpy "np.save('$T/y.npy',np.load('$M/mnist-eval-y.npy')[:60])"
    numpy "np.save('$T/y1.npy',np.load('$M/mnist-eval-y.npy')[:60]+1)"
    numpy "np.save('$T/xt.npy',np.load('$M/mnist-eval-x.npy')[:60].transpose(0,1,3,2))"
    numpy "np.save('$T/x.npy',np.load('$M/mnist-eval-x.npy')[:60])"
    bad() {
        expect 3 "$REDOUBT" attack run fgsm --target $M/mnist-cnn.onnx --input "$1" --labels "$2"
        says "$3"
    }
    bad "$T/nan.npy" "$T/y.npy" "row 7"
    bad "$T/x.npy" "$T/y1.npy" "subtract 1"
    bad "$T/xt.npy" "$T/y.npy" "rows and columns exchanged"
fi

# --- a theft ---
theft() {
    expect 0 "$REDOUBT" attack run copycat --target $M/mnist-cnn.onnx --pool $MNIST/t10k-images-idx3-ubyte.gz \
        --input "$T/moved.npy" --labels "$T/moved-y.npy" --scale 1/255 --set queries=300 --set epochs=3 \
        --set batch=16 --set runs=3 --set checkpoints=2 --seed 5 --json "$@"
}
if numpy "pass"; then # the frozen set is part of the idx file: moved by one pixel, no row leaks
    numpy "x=np.load('$M/mnist-eval-x.npy')[:300]; np.save('$T/moved.npy',np.roll(x,1,3)*np.float32(255))"
    numpy "np.save('$T/moved-y.npy',np.load('$M/mnist-eval-y.npy')[:300])"
    theft --threads 1
    cp "$T/out" "$T/one.json"
    theft --threads 2 --save "$T/copy.onnx"
    same "$T/one.json" "$T/out" || fail "a theft with one thread and with two gives different results"
    python3 - "$T/one.json" <<'E' || fail "the result of attack run copycat is not as promised"
import json, sys
r = json.load(open(sys.argv[1]))["result"]
assert r["unit"] == "run" and r["n"] == 3 and r["queries"] == 900 and r["gradients"] == 0
for name in ("fidelity", "kappa", "accuracy", "utility", "recall_0"):
    m = r["metrics"][name]
    assert m["low"] <= m["value"] <= m["high"], name
assert r["metrics"]["baseline_fidelity"]["value"] is None and r["metrics"]["baseline_fidelity"]["reason"]
assert r["interval"][0] <= r["metrics"]["utility"]["value"] <= r["interval"][1]
assert [p["budget"] for p in r["curve"]] == [150, 300]
E
    expect 0 "$REDOUBT" model info "$T/copy.onnx"
fi
finish
