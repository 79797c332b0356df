#!/usr/bin/env bash
# data screen: the figures on poisoned and clean digits, the backdoor after removal and retraining, adversarial
# training, and what a script sees of mistakes.
. "$(dirname "$0")/lib/common.bash"
models=../shared/models data=../shared/data/images/mnist

# What needs no data from elsewhere: 60 rows of two kinds, one of them copied, one contributor who lies.
/usr/bin/python3 - "$T" <<'PY' || skip "python3-numpy is not installed"
import sys
try:
    import numpy as np
except ImportError:
    sys.exit(1)
r = np.random.default_rng(4)
y = np.arange(200) % 2
x = (r.random((200, 6)) * 0.3 + (np.arange(6) % 2 == y[:, None]) * 0.6).astype(np.float32)
x[150] = x[20]; y[150] = y[20]
who = np.arange(200) % 8
lies = y.copy(); lies[who == 3] = 1 - lies[who == 3]
for name, v in dict(x=x, y=y, lies=lies, who=who).items():
    np.save(f"{sys.argv[1]}/{name}.npy", v)
PY
expect 0 "$REDOUBT" data screen --train "$T/x.npy" --train-labels "$T/y.npy" --method duplicates --set similarity=1 --json
/usr/bin/python3 - "$T/out" docs/schema/data-screen.schema.json <<'PY' || fail "not of its schema"
import json, sys
try:
    import jsonschema
except ImportError:
    sys.exit(0)
jsonschema.validate(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))
PY
[ "$(field "$T/out" "d['result']['flagged']")" = "[150]" ] || fail "the copy is not found"
expect 0 "$REDOUBT" data screen --train "$T/x.npy" --train-labels "$T/lies.npy" --contributors "$T/who.npy" \
    --method contributor-reputation --save "$T/kept.npy" --save-scores "$T/score.npy" --json
[ "$(field "$T/out" "sorted({i % 8 for i in d['result']['flagged']}) == [3] and d['result']['n_flagged'] == 25")" = True ] ||
    fail "the liar is not found, or not alone"
/usr/bin/python3 -c "
import numpy as np, sys
k, s = np.load(sys.argv[1] + '/kept.npy'), np.load(sys.argv[1] + '/score.npy')
assert k.dtype == np.int64 and len(k) == 175 and s.shape == (200,) and not (k % 8 == 3).any()" "$T" || fail "--save, --save-scores"
expect 0 "$REDOUBT" data screen --train "$T/x.npy" --train-labels "$T/y.npy" --contributors "$T/who.npy" \
    --method contributor-reputation --json
[ "$(field "$T/out" "d['result']['n_flagged']")" = 0 ] || fail "an honest contributor is accused"
expect 0 "$REDOUBT" data screen --train "$T/x.npy" --train-labels "$T/lies.npy" --method label-consistency --json
[ "$(field "$T/out" "set(i % 8 for i in d['result']['flagged']) == {3}")" = True ] || fail "flipped labels are not found"
expect 0 "$REDOUBT" data screen --train "$T/x.npy" --train-labels "$T/y.npy" --contributors "$T/who.npy" \
    --method contributor-cap --set most=10 --json
[ "$(field "$T/out" "d['result']['kept']")" = 32 ] || fail "the cap (2 % of 200 rows, of 8 contributors)"
expect 2 "$REDOUBT" data screen --train-labels "$T/y.npy"
expect 2 "$REDOUBT" data screen --train "$T/x.npy" --train-labels "$T/y.npy" --method rounding
says "activation-clustering"
expect 2 "$REDOUBT" data screen --train "$T/x.npy" --train-labels "$T/y.npy"
says "recipe"
expect 3 "$REDOUBT" data screen --train "$T/x.npy" --train-labels "$T/y.npy" --method contributor-cap
says "contributors"
expect 3 "$REDOUBT" data screen --train "$T/x.npy" --method label-consistency
expect 2 "$REDOUBT" data screen --train "$T/x.npy" --train-labels "$T/y.npy" --method duplicates --set similarity=7

[ -e "$models/mnist-cnn.onnx" ] && [ -e "$data/split.npy" ] || { echo "the digits were left out: ../shared is not here"; finish; }
expect 3 "$REDOUBT" data screen --train "$T/x.npy" --train-labels "$T/y.npy" --model "$models/mnist-cnn.onnx"

# 4,000 digits, clean and with 10 % BadNets (a block of 3 x 3, target 0), by a script that has nothing of ours.
/usr/bin/python3 - "$data" "$T" <<'PY' || fail "the digits"
import gzip, sys
import numpy as np
data, out = sys.argv[1:]
raw = np.frombuffer(gzip.open(data + "/t10k-images-idx3-ubyte.gz").read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
lab = np.frombuffer(gzip.open(data + "/t10k-labels-idx1-ubyte.gz").read(), np.uint8, offset=8).astype(np.int64)
split = np.load(data + "/split.npy")
x, y = (raw[split[:4000]] / 255).astype(np.float32), lab[split[:4000]]
np.save(out + "/clean-x.npy", x); np.save(out + "/clean-y.npy", y)
np.save(out + "/all-x.npy", (raw[split[:8500]] / 255).astype(np.float32)); np.save(out + "/all-y.npy", lab[split[:8500]])
ex, ey = np.load(data + "/../../../models/mnist-eval-x.npy"), np.load(data + "/../../../models/mnist-eval-y.npy")
tx = ex[ey != 0].copy(); tx[:, :, 24:27, 24:27] = 1
np.save(out + "/triggered-x.npy", tx)
row = np.random.default_rng(1).choice(np.flatnonzero(y != 0), 400, replace=False)
cx, cy = x.copy(), y.copy()
zero = np.flatnonzero(y == 0)[:400]
cx[zero, :, 24:27, 24:27] = 1
np.save(out + "/own-x.npy", cx); np.save(out + "/own-y.npy", cy)
x[row, :, 24:27, 24:27] = 1; y[row] = 0
np.save(out + "/bad-x.npy", x); np.save(out + "/bad-y.npy", y); np.save(out + "/poison.npy", np.sort(row))
PY
net=$models/mnist-cnn.onnx
expect 0 "$REDOUBT" data screen --train "$T/bad-x.npy" --train-labels "$T/bad-y.npy" --graph "$net" \
    --method activation-clustering --seed 1 --save "$T/kept.npy" --json
cp "$T/out" "$T/bad.json"
expect 0 "$REDOUBT" data screen --train "$T/clean-x.npy" --train-labels "$T/clean-y.npy" --graph "$net" --seed 1 --json
[ "$(field "$T/out" "d['result']['flagged']")" = "[]" ] || fail "clean digits are accused"

# What the removal is worth: the backdoor before it and after retraining on what was kept.
for what in before after; do
    index=()
    [ $what = after ] && index=(--index "$T/kept.npy")
    expect 0 "$REDOUBT" model train "$net" --data "$T/bad-x.npy" --labels "$T/bad-y.npy" "${index[@]}" --seed 2 -o "$T/$what.onnx"
    expect 0 "$REDOUBT" model run "$T/$what.onnx" --input "$T/triggered-x.npy" --output "$T/$what-t.npy"
    expect 0 "$REDOUBT" model run "$T/$what.onnx" --input "$models/mnist-eval-x.npy" --output "$T/$what-c.npy"
done
/usr/bin/python3 - "$T" "$models" <<'PY' || fail "activation clustering on 10 % BadNets"
import json, sys
import numpy as np
t, models = sys.argv[1:]
flagged, poison = set(json.load(open(t + "/bad.json"))["result"]["flagged"]), set(np.load(t + "/poison.npy").tolist())
precision, recall = len(flagged & poison) / max(len(flagged), 1), len(flagged & poison) / len(poison)
y = np.load(models + "/mnist-eval-y.npy")
asr = {w: float((np.load(f"{t}/{w}-t.npy").argmax(1) == 0).mean()) for w in ("before", "after")}
clean = {w: float((np.load(f"{t}/{w}-c.npy").argmax(1) == y).mean()) for w in ("before", "after")}
print(f"precision {precision:.3f}, recall {recall:.3f}; attack success {asr}, clean accuracy {clean}")
assert precision >= 0.95 and recall >= 0.6
assert asr["before"] >= 0.95 and asr["after"] <= 0.05 and clean["after"] >= 0.94
PY

# The attacker who knows the screen marks only rows of the target class and keeps their labels: that gets through, with
# far less success than the marks above had.
expect 0 "$REDOUBT" model train "$net" --data "$T/own-x.npy" --labels "$T/own-y.npy" --seed 2 -o "$T/own.onnx"
expect 0 "$REDOUBT" model run "$T/own.onnx" --input "$T/triggered-x.npy" --output "$T/own-t.npy"
expect 0 "$REDOUBT" data screen --train "$T/own-x.npy" --train-labels "$T/own-y.npy" --model "$T/own.onnx" --json
/usr/bin/python3 - "$T" <<'PY' || fail "the adaptive poison is not what it was"
import json, sys
import numpy as np
t = sys.argv[1]
flagged = json.load(open(t + "/out"))["result"]["n_flagged"]
asr = float((np.load(t + "/own-t.npy").argmax(1) == 0).mean())
print(f"clean labels, 400 rows of the target class: {flagged} flagged, attack success {asr:.3f}")
assert flagged <= 20 and 0.05 <= asr <= 0.7
PY

# Fast adversarial training of the same net on 8,500 digits, against PGD-40.
expect 0 "$REDOUBT" model train "$net" --data "$T/all-x.npy" --labels "$T/all-y.npy" --seed 1 --epochs 5 --lr 0.002 \
    --adversary-eps 0.3 --adversary-ramp 2 -o "$T/hard.onnx"
expect 0 "$REDOUBT" attack run pgd --target "$T/hard.onnx" --input "$models/mnist-eval-x.npy" --labels "$models/mnist-eval-y.npy" \
    --norm linf --set eps=0.3 --set step-size=0.01 --set steps=40 --seed 1 --json
[ "$(field "$T/out" "d['result']['metrics']['robust_accuracy']['value'] >= 0.4 and d['result']['metrics']['clean_accuracy']['value'] >= 0.94")" = True ] ||
    fail "fast adversarial training"

# Private training says what it spent.
expect 0 "$REDOUBT" model train "$net" --data "$T/clean-x.npy" --labels "$T/clean-y.npy" --seed 1 --epochs 1 --batch 100 \
    --dp-clip 1 --dp-noise 1 -o "$T/private.onnx" --json
[ "$(field "$T/out" "0.5 < d['result']['privacy']['epsilon'] < 2 and d['result']['privacy']['steps'] == 40")" = True ] || fail "dp-sgd"
expect 2 "$REDOUBT" model train "$net" --data "$T/clean-x.npy" --labels "$T/clean-y.npy" --dp-noise 1 -o "$T/private.onnx"
finish
