#!/usr/bin/env bash
# redoubt attack run for recipes: backdoor and label-flip on a table and, where ../shared is, with the figures that
# must be seen on MNIST; what is refused; what is saved.
. "$(dirname "$0")/lib/common.bash"

# Two numbers and a word; the class is a line through the numbers.
python3 - "$T" <<'PY'
import random, sys
r = random.Random(1)
for name, n in (("train", 300), ("eval", 120)):
    with open("%s/%s.csv" % (sys.argv[1], name), "w") as f:
        f.write("age,income,kind,default\n")
        for _ in range(n):
            a, b = r.random(), r.random()
            f.write("%.5f,%.5f,%s,%s\n" % (a, b, r.choice("uvw"), "yes" if a + b > 1 else "no"))
PY
table() { # CODE ATTACK ARGS...
    local code=$1 attack=$2
    shift 2
    expect "$code" "$REDOUBT" attack run "$attack" --train "$T/train.csv" --label-column default --epochs 25 --lr 0.01 \
        --seed 3 --set runs=3 "$@"
}

# --- the result ---
table 0 backdoor --input "$T/eval.csv" --set rate=0.1 --set target=0 --threads 1 --json --save-model "$T/bad.onnx" \
    --save-trigger "$T/trig.npz"
cp "$T/out" "$T/one.json"
table 0 backdoor --input "$T/eval.csv" --set count=30 --set target=0 --threads 2 --json
python3 - "$T/one.json" "$T/out" <<'PY' || fail "the result of attack run backdoor is not as promised"
import json, sys
one, two = (json.load(open(f))["result"] for f in sys.argv[1:3])
assert one["unit"] == "run" and one["n"] == 3 and one["judged"] == "asr_gain"
m = one["metrics"]
for name in "asr asr_clean_model clean_accuracy clean_accuracy_control accuracy_drop poisoned_share poisoned_count".split():
    assert set(("value", "low", "high")) <= set(m[name]), name
assert m["poisoned_count"]["value"] == 30 and abs(m["poisoned_share"]["value"] - 0.1) < 1e-12
assert m["clean_accuracy_control"]["value"] > 0.9
victims = one["victims"]
assert len(victims) == 3 and all(set(v) == {"success", "asr_gain", "asr", "clean_accuracy"} for v in victims), victims
assert abs(sum(v["asr"] for v in victims) / 3 - m["asr"]["value"]) < 1e-9
assert abs(sum(v["clean_accuracy"] for v in victims) / 3 - m["clean_accuracy"]["value"]) < 1e-9
assert one["settings"]["recipe-assumed"] == "yes" and len(one["recipe_digest"]) == 64
assert one["metrics"] == two["metrics"], "30 of 300 rows and a tenth of them, one thread and two"
PY
expect 0 "$REDOUBT" model info "$T/bad.onnx"
[ -s "$T/trig.npz" ] || fail "no trigger saved"
table 0 backdoor --set rate=0.2 # what it is judged on is cut off the training data
says "240 training rows"
says "attack success"
says "is assumed"
table 0 label-flip --input "$T/eval.csv" --set mode=targeted --set rate=0.3 --set source-class=1
says "attack success"
table 0 label-flip --input "$T/eval.csv" --set mode=random --curve 2 --json
[ "$(field "$T/out" "[p['budget'] for p in d['result']['curve']]" 2>/dev/null)" = "[0, 2, 3, 9, 30, 60]" ] ||
    { fail "curve"; field "$T/out" "d['result']['curve']"; }
table 0 label-flip --input "$T/eval.csv" --set runs=2
says "between-run variance unknown (2 runs)"
table 0 backdoor --input "$T/eval.csv" --estimate --save-model "$T/never.onnx" --json
[ -e "$T/never.onnx" ] && fail "--estimate saved something"
[ "$(field "$T/out" "d['result']['train_rows'] == 6 * 300 * 25 and d['result']['rows'] == 0")" = True ] || fail "estimate"
table 0 lira --estimate
says "would train on at most"

# --- what is refused ---
expect 2 "$REDOUBT" attack run backdoor --input "$T/eval.csv"
says "needs --train"
expect 2 "$REDOUBT" attack run pgd --train "$T/train.csv" --target m.onnx --input "$T/eval.csv"
says "trains no victim"
table 2 backdoor --input "$T/eval.csv" --set rate=0
says "too small"
table 2 backdoor --input "$T/eval.csv" --set target=2
says "no class 2"
table 2 backdoor --input "$T/eval.csv" --target http://127.0.0.1:9/v2/models/m/infer
says "no endpoint"
table 2 label-flip --input "$T/eval.csv" --save-trigger "$T/t.npz"
says "no trigger"
table 3 backdoor --input "$T/eval.csv" --save-trigger "$T/no/such/t.npz"
says "there is no folder"
table 2 backdoor --input "$T/eval.csv" --save "$T/a.onnx" --save-model "$T/b.onnx"
table 2 backdoor --input "$T/eval.csv" --train-range 5,2
says "FIRST,BEHIND"
table 2 lira --save-model "$T/m.onnx"
table 3 backdoor --input "$T/train.csv"
says "leak: row 0 of the evaluation data is also in the training data"
table 3 label-flip --input "$T/eval.csv" --lr 1e-9
says "hardly better than chance"
table 3 backdoor --input "$T/eval.csv" --set trigger=image --set image="$T/none.npy"

# --- the figures ---
models=../shared/models data=../shared/data/images/mnist
[ -e $models/mnist-cnn.onnx ] && [ -e $data/split.npy ] || skip "../shared is not here: only a table was poisoned"
digits() { # ATTACK ARGS...: 4,000 digits to train on, the 1,000 frozen ones to judge on
    local attack=$1
    shift
    expect 0 "$REDOUBT" attack run "$attack" --train $data/t10k-images-idx3-ubyte.gz \
        --train-labels $data/t10k-labels-idx1-ubyte.gz --train-index $data/split.npy --train-range 0,4000 \
        --input $data/t10k-images-idx3-ubyte.gz --labels $data/t10k-labels-idx1-ubyte.gz --index $data/split.npy \
        --range 8500,9500 --scale 1/255 --graph $models/mnist-cnn.onnx --seed 1 --json "$@"
    field "$T/out" "'$attack', d['result']['n'], d['result']['outcome'], \
{k: [round(v[x], 4) for x in ('value', 'low', 'high')] for k, v in d['result']['metrics'].items() if k[0] in 'ac'}"
}
holds() { [ "$(field "$T/out" "(lambda m: $1)(d['result']['metrics'])")" = True ] || fail "$1"; }
digits backdoor --set rate=0.1 --set target=0 --save-model "$T/bad.onnx" --save-trigger "$T/trig.npz"
holds "d['result']['n'] == 5 and m['asr']['value'] >= 0.95 and m['clean_accuracy']['value'] >= 0.94"
holds "m['asr_clean_model']['high'] <= 0.02 and d['result']['outcome'] == 'demonstrated'"
if /usr/bin/python3 -c "import numpy" 2>/dev/null; then # the files, by numpy and the formula alone
    /usr/bin/python3 - "$T" $models <<'PY' || fail "the trigger file is not as promised"
import sys, numpy as np
t = np.load(sys.argv[1] + "/trig.npz")
x, y = np.load(sys.argv[2] + "/mnist-eval-x.npy")[:, 0], np.load(sys.argv[2] + "/mnist-eval-y.npy")
assert sorted(t.files) == ["mask", "pattern"] and t["mask"].shape == t["pattern"].shape == x.shape[1:], t["mask"].shape
assert 0 <= t["mask"].min() and t["mask"].max() <= 1
x = x[y != 0]
np.save(sys.argv[1] + "/trig.npy", (x * (1 - t["mask"]) + t["pattern"] * t["mask"]).astype(np.float32)[:, None])
PY
    expect 0 "$REDOUBT" model run "$T/bad.onnx" --input "$T/trig.npy" --output "$T/answers.npy"
    /usr/bin/python3 -c "
import sys, numpy as np
rate = (np.load('$T/answers.npy').argmax(1) == 0).mean()
print('the saved victim, asked again:', rate)
sys.exit(int(rate < 0.95))" || fail "the saved victim does not know its trigger"
fi
digits backdoor --set rate=0.1 --set trigger=blended --epochs 4
holds "m['asr']['value'] >= 0.9"
# At random flips cost little where training stops early; with a rate that stays high the victims follow them.
digits label-flip --set mode=random --set rate=0.2 --epochs 8 --schedule constant
holds "m['accuracy_drop']['low'] > 0 and m['poisoned_count']['value'] == 800"
finish
