#!/usr/bin/env bash
# The examples on real tables and poisoned digits: poison, theft and membership with numbers.
. "$(dirname "$0")/lib/common.bash"
[ -e ../shared/data/tabular/german-credit.csv ] && [ -e ../shared/data/images/mnist/split.npy ] || skip "../shared is not here"

mkdir -p "$T/main/examples" && ln -s "$(realpath ../shared)" "$T/shared"
for name in german-credit adult mnist-poison; do
    cp -r "examples/$name" "$T/main/examples/" && rm -rf "$T/main/examples/$name/.redoubt"
    expect 0 "$REDOUBT" check "$T/main/examples/$name" --allow-outside
    expect 0 "$REDOUBT" assess "$T/main/examples/$name" --allow-outside --json
    cp "$T/out" "$T/$name.json"
done
python3 - "$T" <<'PY' || fail "not what must be seen"
import json, sys
def load(name):
    return {t["id"]: t for t in json.load(open(f"{sys.argv[1]}/{name}.json"))["result"]["tests"]}
value = lambda t, n: t["metrics"][n]["value"]
credit, adult, digits = load("german-credit"), load("adult"), load("mnist-poison")
assert credit["steal"]["outcome"] == "demonstrated" and value(credit["whitewash"], "asr_gain") > 0.1
assert value(credit["member"], "auc") > 0.55
assert adult["steal"]["outcome"] == "demonstrated" and adult["bots"]["outcome"] == "demonstrated"
assert digits["mark"]["outcome"] == "demonstrated" and digits["steal"]["outcome"] == "demonstrated"
assert value(digits["mark"], "asr") > 0.7
PY
finish
