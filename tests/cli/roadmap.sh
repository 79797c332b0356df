#!/usr/bin/env bash
# The roadmap of the demo: what is chosen, that it holds as a combination and in the file, and what is written.
. "$(dirname "$0")/lib/common.bash"

[ -x /usr/bin/python3 ] || skip "no python3"
size="--draws 300 --years 1000" # enough to choose by
expect 0 "$REDOUBT" init image-classifier "$T/demo"
expect 1 "$REDOUBT" assess "$T/demo" --fail-on appetite --quiet $size
expect 0 "$REDOUBT" roadmap "$T/demo" --json $size --csv "$T/roadmap.csv" --markdown "$T/roadmap.md"
cp "$T/out" "$T/roadmap.json"
chosen=$(field "$T/roadmap.json" "' '.join(s['control'] for s in d['result']['roadmap']['steps'])")
python3 - "$T/roadmap.json" "$T/roadmap.csv" <<'PY' || fail "the roadmap does not hold together"
import csv, json, sys
r = json.load(open(sys.argv[1]))["result"]["roadmap"]
steps = r["steps"]
assert r["method"] == "exact" and steps, r["method"]
assert r["cost"] <= r["budget"] and abs(r["cost"] - sum(s["cost"] for s in steps)) < 1e-6
left = r["ale_before"]
for s in steps:
    parts = [v for v in s["cost_parts"].values() if v is not None]
    assert abs(sum(parts) - s["cost"]) < 1e-6, s["control"]
    assert abs(left - s["ale_after"] - s["cost"] - s["net"]["value"]) < 1e-6 * left
    assert 0 <= s["p_in_best_set"] <= 1 and s["owner"] and s["exceedance"] and s["appetite"]
    left = s["ale_after"]
assert left == r["ale_after"]
assert [s["quarter"] for s in steps] == sorted(s["quarter"] for s in steps)
assert r["combined"] and r["combined_reason"] is None
assert all(a["probability"]["value"] <= a["allowed"] for a in r["combined"]["appetite"])
assert r["rows"][0]["kind"] == "do nothing" and r["rows"][0]["ale"] == r["ale_before"]
assert any(a["kind"] == "accept" and a["threat"] == "missing-logs@inference-api" for a in r["rows"])
assert all(l["reason"] for l in r["left_out"])
rows = list(csv.DictReader(open(sys.argv[2], newline="")))
assert [x["control"] for x in rows if x["row"] == "step"] == [s["control"] for s in steps]
assert all(None not in x for x in rows)
PY
grep -q '^| 1 |' "$T/roadmap.md" || fail "no table in roadmap.md"

# Nothing is done twice, and nothing of it depends on what was stored.
expect 0 "$REDOUBT" roadmap "$T/demo" --json $size
[ "$(field "$T/out" "d['result']")" = "$(field "$T/roadmap.json" "d['result']")" ] || fail "another result from the store"

# No money, no roadmap; a budget that is none.
expect 0 "$REDOUBT" roadmap "$T/demo" --json $size --budget 0
[ "$(field "$T/out" "(d['result']['roadmap']['steps'], d['result']['roadmap']['combined']['ale'] == d['result']['roadmap']['ale_before'])")" = "([], True)" ] ||
    fail "a budget of zero buys something"
expect 0 "$REDOUBT" roadmap "$T/demo" --json $size --measure tvar --no-confirm
[ "$(field "$T/out" "(d['result']['roadmap']['measure'], d['result']['roadmap']['combined_reason'])")" = "('tvar', 'not run')" ] ||
    fail "--measure tvar --no-confirm"
for budget in many -1 1e99 nan; do
    expect 2 "$REDOUBT" roadmap "$T/demo" "--budget=$budget"
done

# The set active in the file: the appetite is met, from evidence that is there already.
for control in $chosen; do
    sed -i "/id: $control\$/,/state:/ s/state: proposed/state: active/" "$T/demo/redoubt.yaml"
done
expect 0 "$REDOUBT" assess "$T/demo" --fail-on appetite --quiet $size

# Hostile names reach a spreadsheet as text, Markdown without a table cell or a tag.
cat >"$T/hostile.yaml" <<'Y'
version: 1
name: "=HYPERLINK(\"http://x\")|<b>"
elements: [{id: api, type: inference-api}]
actors: [{id: thief, access: [labels]}]
controls:
  - {id: a, name: "=1+1,\"x\"\n|<script>", kind: signing, at: api, state: proposed, owner: "@cmd|' /C calc'!A0"}
risk:
  scenarios: [{id: s, threat: model-extraction@api, actor: thief, susceptibility: 0.5, magnitude: "1000", attempts_per_year: 1}]
Y
expect 0 "$REDOUBT" roadmap "$T/hostile.yaml" --csv "$T/h.csv" --markdown "$T/h.md"
grep -q "measured" "$T/h.csv" || fail "the reason is missing"
python3 - "$T/h.csv" <<'PY' || fail "a formula reaches the spreadsheet"
import csv, sys
assert not any(c.lstrip()[:1] in "=+-@" and not c.lstrip("-").replace(".", "").isdigit() for row in csv.reader(open(sys.argv[1], newline="")) for c in row if c)
PY
grep -q "<script>" "$T/h.md" && fail "a tag reaches Markdown"
finish
