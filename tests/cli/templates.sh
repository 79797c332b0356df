#!/usr/bin/env bash
# The templates fraud-api and recommender: made, assessed, and the story each one tells.
. "$(dirname "$0")/lib/common.bash"

expect 2 "$REDOUBT" init fraud-ap "$T/x"
says "fraud-api"

expect 0 "$REDOUBT" init fraud-api "$T/fraud"
expect 0 "$REDOUBT" check "$T/fraud"
expect 0 "$REDOUBT" assess "$T/fraud" --json
cp "$T/out" "$T/fraud.json"
python3 - "$T/fraud.json" <<'PY' || fail "fraud-api does not tell its story"
import json, sys
r = json.load(open(sys.argv[1]))["result"]
tests = {t["id"]: t for t in r["tests"]}
metric = lambda t, n: tests[t]["metrics"][n]["value"]
# an always-legitimate copy agrees on nearly everything and is worth nothing (class 0 is fraud)
assert metric("steal-blind", "fidelity") > 0.9 and metric("steal-blind", "utility") < 0.3, tests["steal-blind"]["metrics"]
assert tests["steal-blind"]["outcome"] != "demonstrated"
assert tests["steal"]["outcome"] == "demonstrated" and metric("steal", "recall_0") > 0.5
assert tests["slip-through"]["outcome"] == "demonstrated"
assert tests["whitewash"]["outcome"] == "demonstrated"
assert tests["member"]["outcome"] != "demonstrated"
PY
grep -q "model extraction" "$T/fraud/report.md" || fail "the verdict does not speak of extraction"

expect 0 "$REDOUBT" init recommender "$T/shop"
expect 0 "$REDOUBT" check "$T/shop"
expect 0 "$REDOUBT" threats "$T/shop"
says "single-point-of-failure@feature-store"
expect 0 "$REDOUBT" assess "$T/shop" --json
cp "$T/out" "$T/shop.json"
python3 - "$T/shop.json" <<'PY' || fail "recommender does not tell its story"
import json, sys
r = json.load(open(sys.argv[1]))["result"]
tests = {t["id"]: t for t in r["tests"]}
metric = lambda t, n: tests[t]["metrics"][n]["value"]
assert tests["push"]["outcome"] == "demonstrated"
assert metric("push", "hit_rate") > metric("push", "hit_rate_control") + 0.05
assert metric("push", "hit_rate_gain") > metric("push-plainly", "hit_rate_gain")
assert tests["rebuild"]["outcome"] in ("demonstrated", "inconclusive")
PY
# A second store takes the single point away.
sed -i '/id: second-store/,/state:/ s/state: proposed/state: active/' "$T/shop/redoubt.yaml"
expect 0 "$REDOUBT" threats "$T/shop" --json
[ "$(field "$T/out" "[t['applicability'] for t in d['result']['threats'] if t['id'].startswith('single-point-of-failure@feature-store')] in ([], ['mitigated'])")" = True ] ||
    fail "replication does not remove the single point of failure"
finish
