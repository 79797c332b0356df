#!/usr/bin/env bash
# The loop on a small system: the keys the contract names, findings as exit code 1, the same bytes for the same seed,
# nothing of time, host or path in the result, active controls that control.
. "$(dirname "$0")/lib/common.bash"

"$REDOUBT" init image-classifier "$T/a" --quiet --seed 3 || { fail "init"; finish; }
"$REDOUBT" init image-classifier "$T/b" --quiet --seed 3 --threads 1
diff -r "$T/a" "$T/b" >/dev/null || fail "the same seed made different artifacts"
expect 2 "$REDOUBT" init image-classifier "$T/a"
says "is there already"

expect 0 "$REDOUBT" assess "$T/a" --estimate --json
[ "$(field "$T/out" "d['result']['runs'] >= 4 and float(d['result']['rows']) > 0")" = True ] || fail "estimate"
[ -e "$T/a/.redoubt" ] && fail "--estimate left something behind"

sed -i 's/queries: 1000/queries: 250, epochs: 3, checkpoints: 2/; s/criterion: 0.8 /criterion: 0.3 /' "$T/a/redoubt.yaml"
expect 0 "$REDOUBT" assess "$T/a/redoubt.yaml" --json --draws 200 --years 300 --seed 5
cp "$T/out" "$T/first.json"
/usr/bin/python3 - "$T/first.json" "$T" "$(hostname)" <<'EOF2' || fail "the result is not what the contract says"
import json, re, sys
d = json.load(open(sys.argv[1]))
assert d["schema"] == "redoubt/assess" and d["version"] == 1
r = d["result"]
tests = {t["id"]: t for t in r["tests"]}
for t in tests.values():
    for key in ("threat", "attack", "unit", "n", "successes", "interval", "outcome", "metrics", "curve",
                "queries", "rows_total", "gradients", "settings", "controls"):
        assert key in t, (t["id"], key)
    assert len(t["interval"]) == 2
assert tests["fool"]["unit"] == "example" and tests["fool"]["n"] == 1000
assert tests["steal"]["unit"] == "run" and tests["steal"]["n"] == 3
for t in r["threats"]:
    for key in ("id", "applicability", "status", "severity", "stage"):
        assert key in t, key
risk = r["risk"]
assert set(risk["ale"]) >= {"value", "low", "high"} and risk["illustrative"] is True
assert risk["quantiles"] and risk["exceedance"] and 0 <= risk["ale_share_measured"] <= 1
curves = {c["id"]: (len(c["with"]["exceedance"]), len(c["without"]["exceedance"])) for c in risk["controls"] if not c["reason"]}
assert curves["hardened"] == (48, 0) and curves["round-scores"] == (0, 0), curves  # proposed: without it, all is as it is
rows = {(c["id"], c["test"]): c for c in r["controls"]}
for c in rows.values():
    assert set(c["effect"]) >= {"before", "after", "low", "high", "adaptive"}, c["effect"]
    for key in ("ale_before", "ale_after", "utility_cost"):
        assert key in c, key
hard = rows["hardened", "fool"]["effect"]
assert hard["low"] > 0, hard                      # clear of zero
rounding = rows["round-scores", "steal"]["effect"]
assert rounding["before"] == rounding["after"]    # a thief who uses labels does not notice
text = json.dumps(r)
assert sys.argv[2] not in text and not re.search(r"20\d\d-\d\d-\d\dT\d\d:", text)
assert "reused" not in text
assert "NaN" not in open(sys.argv[1]).read() and "Infinity" not in open(sys.argv[1]).read()
EOF2
for f in report.json report.md; do [ -s "$T/a/$f" ] || fail "no $f"; done
[ "$(field "$T/a/report.json" "d['result'] == json.load(open('$T/first.json'))['result']")" = True ] ||
    fail "report.json and --json differ"

# Findings
expect 1 "$REDOUBT" assess "$T/a" --draws 200 --years 300 --seed 5 --fail-on demonstrated
expect 1 "$REDOUBT" assess "$T/a" --draws 200 --years 300 --seed 5 --fail-on high
expect 0 "$REDOUBT" assess "$T/a" --draws 200 --years 300 --seed 5 --fail-on critical
[ "$(stat -c %a "$T/a/.redoubt")" = 700 ] || fail "the evidence is open to others"

# The hardened network active: the same attack no longer reaches the criterion.
sed -i '/id: hardened/,/set:/ s/state: proposed/state: active/' "$T/a/redoubt.yaml"
expect 0 "$REDOUBT" assess "$T/a" --json --draws 200 --years 300 --seed 5
[ "$(field "$T/out" "[t['status'] for t in d['result']['threats'] if t['id']=='evasion@inference-api'][0]")" = controlled ] ||
    fail "evasion is not controlled with the hardened network active"

# Without a scenario there is a block to paste, and it is right as it stands.
mkdir "$T/plain" && cp -r "$T/a/." "$T/plain"
awk '/^[a-z_]+:/ { skip = ($0 ~ /^risk:/) } !skip' "$T/a/redoubt.yaml" >"$T/plain/redoubt.yaml"
expect 0 "$REDOUBT" assess "$T/plain" --draws 200 --years 300 --seed 5
says "the file has no scenario"
awk '/^risk:/ { on = 1 } /^redoubt check/ { on = 0 } on' "$T/out" >>"$T/plain/redoubt.yaml"
expect 0 "$REDOUBT" check "$T/plain"
says "scenarios 1, appetite in 1 points"

# Bad input: named, exit 3
printf '\0\0\0\1' >"$T/bad.onnx"
expect 3 "$REDOUBT" assess "$T/a" --allow-outside --artifact "classifier=$T/bad.onnx"
says "bad.onnx"
expect 2 "$REDOUBT" assess "$T/a" --artifact nobody=x.onnx
says "artifacts of the file: classifier, eval, pool"
sed -i 's|path: eval-x.npy|path: ../eval-x.npy|' "$T/a/redoubt.yaml"
expect 3 "$REDOUBT" assess "$T/a"
says "--allow-outside"
finish
