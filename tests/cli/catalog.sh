#!/usr/bin/env bash
# catalog list, show, test, coverage: what they print, how they end, and their shapes.
. "$(dirname "$0")/lib/common.bash"

# shape NAME: the JSON in $T/out is as docs/schema/NAME.schema.json says.
shape() {
    /usr/bin/python3 - "docs/schema/$1.schema.json" "$T/out" <<'PY' || fail "$1 --json is not as its schema says"
import json, sys
try:
    import jsonschema
except ImportError:
    sys.exit(0)
schema, said = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:])
jsonschema.Draft202012Validator.check_schema(schema)
check = jsonschema.Draft202012Validator(schema)
for error in check.iter_errors(said):
    sys.exit(f"{list(error.path)}: {error.message[:200]}")
said["result"]["more"] = 1 # a schema that takes everything proves nothing
sys.exit(not list(check.iter_errors(said)))
PY
}

n=$(ls catalog/rules/*.yaml | wc -l)

# --- list ---
expect 0 "$REDOUBT" catalog list
says "$n of $n rules"
says "count as untried (proved by: none)"
expect 0 "$REDOUBT" catalog list --json
shape catalog-list
[ "$(field "$T/out" 'len(d["result"]["rules"]), d["result"]["counts"]["all"]')" = "$n $n" ] || fail "not all rules listed"
expect 0 "$REDOUBT" catalog list --stage training --stride E --json
[ "$(field "$T/out" '{r["stage"] for r in d["result"]["rules"]} == {"training"} and all("E" in r["stride"] for r in d["result"]["rules"])')" = True ] ||
    fail "--stage and --stride"
expect 0 "$REDOUBT" catalog list --element flow --json
[ "$(field "$T/out" 'sorted(r["id"] for r in d["result"]["rules"])')" = "['forged-flow', 'plain-flow']" ] || fail "--element flow"
expect 0 "$REDOUBT" catalog list --technique AML.T0024 --json # and what is below it
[ "$(field "$T/out" '"model-extraction" in [r["id"] for r in d["result"]["rules"]]')" = True ] || fail "--technique of a parent"
expect 0 "$REDOUBT" catalog list --technique ML05:2023
says "model-extraction"
expect 0 "$REDOUBT" catalog list --technique AML.T0002 # an id that no rule refers to
says "0 of $n rules"
expect 0 "$REDOUBT" catalog list --unproved --json
[ "$(field "$T/out" 'd["result"]["counts"]["proved"], all(not r["proved_by"] for r in d["result"]["rules"])')" = "0 True" ] || fail "--unproved"
expect 0 "$REDOUBT" catalog list --controls --stage monitoring --json
shape catalog-list
[ "$(field "$T/out" '{c["acts"] for c in d["result"]["controls"]} == {"prevent", "detect", "respond"}')" = True ] || fail "--controls"
expect 2 "$REDOUBT" catalog list --stage trainin
says "did you mean 'training'?"
expect 2 "$REDOUBT" catalog list --element inference-ap
says "did you mean 'inference-api'?"
expect 2 "$REDOUBT" catalog list --technique AML.T0019
says "was retired"
says "its successor is AML.T0115.000"
expect 2 "$REDOUBT" catalog list --stride $'T\e[31m'
says '\x1b[31m'

# --- show ---
expect 0 "$REDOUBT" catalog show model-extraction
says "proved by: copycat"
says "AML.T0024.002: Extract AI Model"
expect 0 "$REDOUBT" catalog show open-store
says "proved by: none"
says "it counts as untried"
for what in model-extraction open-store quota incident-playbook; do
    expect 0 "$REDOUBT" catalog show "$what" --json
    shape catalog-show
done
expect 0 "$REDOUBT" catalog show quota
says "stage inference, prevent"
says "measured by a re-test"
says "model-extraction"
expect 2 "$REDOUBT" catalog show model-extracton
says "did you mean 'model-extraction'?"
expect 2 "$REDOUBT" catalog show

# --- test ---
expect 0 "$REDOUBT" catalog test
says "$n passed, 0 failed"
expect 0 "$REDOUBT" catalog test evasion --json
shape catalog-test
[ "$(field "$T/out" 'd["result"]["rules"]')" = "[{'error': None, 'id': 'evasion', 'passed': True}]" ] || fail "catalog test evasion"
expect 2 "$REDOUBT" catalog test evasio
says "did you mean 'evasion'?"
expect 0 "$REDOUBT" catalog test --from catalog/rules
says "$n passed, 0 failed"

# Rules of one's own: one good, one whose guarded twin is none, one with a retired id, one that is no YAML.
own="$T/own rules"
mkdir "$own"
sed 's/^id: .*/id: good/' catalog/rules/drift-unseen.yaml >"$own/good.yaml"
sed 's/^id: .*/id: leaky/; s/drift: "yes"/drift: "no"/' catalog/rules/drift-unseen.yaml >"$own/leaky.yaml"
sed 's/^id: .*/id: old/; s/AML.T0031/AML.T0019/' catalog/rules/drift-unseen.yaml >"$own/old.yaml"
printf 'id: [\n' >"$own/broken.yaml"
printf 'no rule\n' >"$own/README.md"
expect 1 "$REDOUBT" catalog test --from "$own"
says "pass  good"
says "FAIL  leaky"
says "tests.guarded: the rule still applies"
says "its successor is AML.T0115.000"
says "$own/broken.yaml:" # the file is named as the user knows it
says "1 passed, 3 failed"
expect 1 "$REDOUBT" catalog test --from "$own" --json
shape catalog-test
expect 0 "$REDOUBT" catalog test good --from "$own"
says "1 passed, 0 failed"
expect 3 "$REDOUBT" catalog test nothing --from "$own"
expect 3 "$REDOUBT" catalog test --from "$T/none"
says "there is no folder"
mkdir "$T/empty"
expect 3 "$REDOUBT" catalog test --from "$T/empty"
says "there is no rule"

# --- coverage ---
expect 0 "$REDOUBT" catalog coverage
says "10 of  10  OWASP Machine Learning Security Top 10"
says "model-extraction*"
says "with proved_by: none, untried for now"
expect 0 "$REDOUBT" catalog coverage --json
shape catalog-coverage
[ "$(field "$T/out" 'len(d["result"]["proved"]) + len(d["result"]["unproved"])')" = "$n" ] || fail "coverage loses rules"
[ "$(field "$T/out" 'min(len(e["rules"]) for e in d["result"]["elements"]) > 0, len(d["result"]["elements"])')" = "True 28" ] ||
    fail "an element type without a rule"
[ "$(field "$T/out" '[i["proved"] for i in d["result"]["ids"] if i["id"] == "AML.T0024.002"]')" = "[True]" ] || fail "extraction is not proved"
finish
