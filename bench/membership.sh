#!/usr/bin/env bash
# bench/membership.sh BUILD - how much more lira finds than the loss, on a net that learned 1,000 digits by heart.
# mnist-cnn's shape, 25 epochs, 1,000 members and 1,000 non-members, 3 victims of seed 1 with 16 shadows each.
set -eu
cd "$(dirname "$0")/.."
build=${1:-build/release} models=../shared/models data=../shared/data/images/mnist
if [ ! -e "$models/mnist-cnn.onnx" ] || [ ! -e "$data/split.npy" ]; then
  echo "membership: skipped, ../shared is not here"
  exit 0
fi
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
for attack in membership-loss lira "lira --set mode=offline --set fpr=0.02"; do
  name=${attack// /_}
  # shellcheck disable=SC2086
  /usr/bin/time -f "%U CPU seconds" "$build/redoubt" attack run $attack --train "$data/t10k-images-idx3-ubyte.gz" \
    --train-labels "$data/t10k-labels-idx1-ubyte.gz" --train-index "$data/split.npy" --train-range 0,2000 \
    --scale 1/255 --graph "$models/mnist-cnn.onnx" --epochs 25 --seed 1 --json --quiet > "$T/$name.json"
  python3 - "$attack" "$T/$name.json" <<'PY'
import json, sys
r = json.load(open(sys.argv[2]))["result"]
m = r["metrics"]
show = lambda n: "%.4f [%.4f, %.4f]" % tuple(m[n][k] for k in ("value", "low", "high"))
print(f"{sys.argv[1]}: auc {show('auc')}, tpr {show('tpr')} at fpr {m['fpr']['value']}, {r['outcome']}")
PY
done
