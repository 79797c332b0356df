#!/usr/bin/env bash
# redoubt init --from: a model or an endpoint of one's own, how its data must be read, what is refused, and that the
# folder can be checked and assessed as it is.
. "$(dirname "$0")/lib/common.bash"
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$T"' EXIT

# A model and data that need nothing from elsewhere: the payments of a template.
expect 0 "$REDOUBT" init fraud-api "$T/seed"
model=$T/seed/model.onnx data=$T/seed/transactions.csv

expect 2 "$REDOUBT" init --from "$model" "$T/none"
says "--data"
expect 2 "$REDOUBT" init image-classifier "$T/none" --yes
says "--from"
expect 3 "$REDOUBT" init --from "$T/nowhere.onnx" --data "$data" "$T/none" --yes
expect 2 "$REDOUBT" init --from http://127.0.0.1:9/v2/models/m/infer --data "$data" "$T/none" --yes
says "--allow-host 127.0.0.1:9"
[ -e "$T/none/redoubt.yaml" ] && fail "a refused init left a redoubt.yaml"

expect 0 "$REDOUBT" init --from "$model" --data "$data" --contributor-column merchant "$T/own" --yes --json
cp "$T/out" "$T/own.json"
[ "$(field "$T/own.json" "d['result']['clean_accuracy'] > 0.95")" = True ] || fail "clean accuracy"
[ "$(field "$T/own.json" "len(d['result']['answers_that_matter_most'])")" = 3 ] || fail "three answers"
[ "$(field "$T/own.json" "d['result']['recipe']['epochs'] > 0")" = True ] || fail "an assumed recipe"
expect 0 "$REDOUBT" check "$T/own"
grep -q 'assumed: "yes"' "$T/own/redoubt.yaml" || fail "the recipe is not marked"
expect 2 "$REDOUBT" init --from "$model" --data "$data" "$T/own" --yes
says "is there already"
# The same again is the same, but for the folder's name.
expect 0 "$REDOUBT" init --from "$model" --data "$data" --contributor-column merchant "$T/again/own" --yes
cmp -s "$T/own/redoubt.yaml" "$T/again/own/redoubt.yaml" || fail "another redoubt.yaml from the same input"
cmp -s "$T/own/split.npy" "$T/again/own/split.npy" || fail "another split from the same input"
# The three parts share no row.
python3 - "$T/own/split.npy" <<'PY' || fail "rows in two parts"
import struct, sys
raw = open(sys.argv[1], "rb").read()
body = raw[10 + struct.unpack("<H", raw[8:10])[0]:]
rows = struct.unpack("<%dq" % (len(body) // 8), body)
assert len(set(rows)) == len(rows) > 1000
PY

# Labels that say nothing about the rows: refused, with the reason, before anything is written.
awk -F, 'BEGIN { OFS = "," } NR > 1 { $NF = (NR * 7919 % 2) ? "fraud" : "legitimate" } { print }' "$data" >"$T/noise.csv"
expect 3 "$REDOUBT" init --from "$model" --data "$T/noise.csv" "$T/noise" --yes
says "hardly better than chance"
[ -e "$T/noise" ] && fail "a refused init left a folder"

# An endpoint: asked only when its host is allowed, and then written into the scope.
"$REDOUBT" model serve "$model" --port 0 >"$T/serve" 2>"$T/serve.err" &
server=$!
for _ in $(seq 100); do
    at=$(grep -o 'http://[^ ]*' "$T/serve")
    [ -n "$at" ] && break
    sleep 0.05
done
[ -n "$at" ] || fail "the server never said that it listens"
expect 0 "$REDOUBT" init --from "$at/v2/models/model/infer" --allow-host "${at#http://}" --data "$data" "$T/served" --yes
says "no recipe"
expect 0 "$REDOUBT" check "$T/served"
grep -qF "\"${at#http://}\"" "$T/served/redoubt.yaml" || fail "the host is not in the scope"

# Real digits as bytes: the range is found out, and said.
mnist=../shared/data/images/mnist
if [ -e ../shared/models/mnist-cnn.onnx ] && [ -e $mnist/t10k-images-idx3-ubyte.gz ]; then
    expect 0 "$REDOUBT" init --from ../shared/models/mnist-cnn.onnx --data $mnist/t10k-images-idx3-ubyte.gz \
        --labels $mnist/t10k-labels-idx1-ubyte.gz "$T/digits" --yes
    says "give scale 1/255"
    grep -q "scale: 1/255" "$T/digits/redoubt.yaml" || fail "the scale is not in redoubt.yaml"
    expect 0 "$REDOUBT" check "$T/digits"
fi
finish
