#!/usr/bin/env bash
# brief: two minutes about a threat from stored evidence alone; and the commands that a report gives to check it.
. "$(dirname "$0")/lib/common.bash"
SCHEMAS=$PWD/docs/schema
full=$PWD/tests/fixtures/system/full.yaml

# What is said, its lines joined as a voice joins them.
aloud() { tr '\n' ' ' <"$T/out" >"$T/flat" && mv "$T/flat" "$T/out"; }

# --- without evidence ---
expect 0 "$REDOUBT" brief "$full" evasion # whose artifacts are not even there
aloud
says "You asked about"
says "It was not tried"
says "there is no evidence beside the file"
grep -q '\[e:' "$T/out" && fail "a citation without evidence"
expect 3 "$REDOUBT" brief "$full" evsion
says "did you mean 'evasion'?"
expect 3 "$REDOUBT" brief "$full" evasion@nowhere
says "no element or flow is called so"
expect 2 "$REDOUBT" brief "$full"

# --- with evidence: the fraud API, small enough to assess here ---
cd "$T" || exit 1
expect 0 "$REDOUBT" init fraud-api shop --quiet
# Of its tests only those that train nobody.
/usr/bin/python3 - <<'PY'
import re
text = open("shop/redoubt.yaml").read()
for test in ("steal-blind", "whitewash", "member-switch", "member"):
    text = re.sub(rf"  - id: {test}\n    name.*?(?=\n  - id:|\n\n)", "", text, flags=re.S)
open("shop/redoubt.yaml", "w").write(text)
PY
expect 0 "$REDOUBT" assess shop --draws 200 --years 200 --quiet
before=$(sha256sum shop/.redoubt/evidence.db)
expect 0 "$REDOUBT" brief shop evasion@authorization
aloud
says "It succeeded on"
says "with 95 % confidence the share is between"
says "we call this demonstrated"
says "numbers behind it"
says "What we do not know"
grep -qE '\[e:[0-9a-f]{12}\]' "$T/out" || fail "no citation"
grep -qiE 'refuted|is safe' "$T/out" && fail "stronger than the evidence"
[ "$before" = "$(sha256sum shop/.redoubt/evidence.db)" ] || fail "brief touched the evidence"
expect 0 "$REDOUBT" brief shop evasion@authorization --json
/usr/bin/python3 - "$T/out" "$SCHEMAS/brief.schema.json" shop/report.json <<'PY' || fail "the object of brief --json"
import json, sys
said, schema, report = (json.load(open(f)) for f in sys.argv[1:4])
try:
    import jsonschema
    jsonschema.validate(said, schema)
except ImportError:
    pass
r = said["result"]
assert 200 <= r["words"] <= 300, r["words"]
threat = {t["id"]: t for t in report["result"]["threats"]}[r["threat"]]
cited = {k for s in r["sentences"] for k in s["evidence"]}
assert threat["evidence"] in cited
for s in r["sentences"]:
    for k in s["evidence"]:
        assert f"[e:{k[:12]}]" in s["text"], s
assert {s["part"] for s in r["sentences"]} == {"what", "applies", "tried", "cost", "fix", "unknown"}
PY

# A bound, not a denial, for what succeeded nowhere near the bar.
expect 0 "$REDOUBT" brief shop evasion@scoring-api
aloud
says "which is not the same as safe"

# --- check it yourself: an attack run gives the outcome on record, an untried threat is explained ---
export PATH="$(dirname "$REDOUBT"):$PATH"
/usr/bin/python3 - <<'PY' || fail "a command of the report"
import json, subprocess
r = json.load(open("shop/report.json"))["result"]
tests = {t["id"]: t for t in r["tests"]}
tried = 0
for t in r["threats"]:
    if t["check"].startswith("redoubt attack run") and not any(a in t["check"] for a in (" pgd ", " hop-skip-jump ")):
        continue # those that take long are run by the test of all templates
    run = subprocess.run(t["check"] + " --json", shell=True, cwd="shop", capture_output=True, text=True)
    assert run.returncode == 0, (t["check"], run.stderr)
    if t["test"] and t["check"].startswith("redoubt attack run"):
        got, want = json.loads(run.stdout)["result"], tests[t["test"]]
        assert (got["outcome"], got["value"], got["interval"]) == (want["outcome"], want["value"], want["interval"]), t["check"]
        tried += 1
    elif not t["test"]:
        assert t["check"].startswith("redoubt explain . ") and t["check_reason"], t["check"]
assert tried >= 2, tried
PY

# --- the state of threats, from the same evidence ---
expect 0 "$REDOUBT" threats shop --top 5 --json
[ "$(field "$T/out" 'sorted(set(t["status"] for t in d["result"]["threats"]) - {"untried"}) != []')" = True ] ||
    fail "threats shows no state"
[ "$(field "$T/out" 'all(set(["id", "title", "stride", "severity", "impact", "mitigations", "status"]) <= set(t) for t in d["result"]["threats"])')" = True ] ||
    fail "threats --top 5 --json lacks a member"
expect 0 "$REDOUBT" explain shop evasion@authorization
says "status: demonstrated."

# Evidence that cannot be matched any more is no end.
mv shop/model.onnx shop/gone.onnx
expect 0 "$REDOUBT" brief shop evasion@authorization
aloud
says "It was not tried: its evidence cannot be matched"
expect 0 "$REDOUBT" threats shop --json
[ "$(field "$T/out" '[t["status_reason"] for t in d["result"]["threats"] if t["id"] == "evasion@authorization"]')" = \
    "['its evidence cannot be matched: a file of the test cannot be read']" ] || fail "why it is untried now"
mv shop/gone.onnx shop/model.onnx

# Reading leaves nothing beside the evidence.
[ -z "$(find shop/.redoubt -name 'evidence.db-*')" ] || fail "left beside the evidence: $(ls shop/.redoubt)"

# Evidence that is there and may not be read is no "nothing was measured".
nobody=()
[ "$(id -u)" -ne 0 ] || nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
chmod 755 "$T"
chmod 0 shop/.redoubt
if "${nobody[@]}" "$REDOUBT" version >/dev/null 2>&1; then # it may lie where only we can go
    for command in "brief shop evasion" "report shop" "risk shop" "workshop shop"; do
        expect 3 "${nobody[@]}" "$REDOUBT" $command
        says "cannot open the evidence 'shop/.redoubt/evidence.db': Permission denied"
    done
    expect 0 "${nobody[@]}" "$REDOUBT" threats shop
    says "the evidence in .redoubt was left aside: cannot open"
fi
chmod 700 shop/.redoubt
finish
