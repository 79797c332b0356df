#!/usr/bin/env bash
# threats and explain: what they print, how they end, and text from outside.
. "$(dirname "$0")/lib/common.bash"

full=tests/fixtures/system/full.yaml

# --- threats ---
expect 0 "$REDOUBT" threats "$full"
says "high      yes        evasion@inference-api"
says "pgd or fgsm"
says "[accepted until 2027-06-30 by risk owner]"
says "25 threats: 5 apply, 20 unknown, 0 mitigated; 2 decided"
says "without a part that they are about: "
says "unsigned-artifact"
[ "$(sed -n 2p "$T/out" | cut -c1-40)" = "high      yes        evasion@inference-a" ] || fail "the first row"
expect 0 "$REDOUBT" threats "$full" --top 2
says "... and 23 more"
says "impact: The attacker gets the decision they want"
says "- Put a network in place that was trained on adversarial examples"
[ "$(grep -c 'impact:' "$T/out")" -eq 2 ] || fail "--top 2 shows other than two"
expect 0 "$REDOUBT" threats "$full" --top 100 --quiet
[ ! -s "$T/out" ] || fail "--quiet printed something"
expect 0 "$REDOUBT" threats "$full" --top 1 --json
[ "$(field "$T/out" 'len(d["result"]["threats"]), d["result"]["counts"]["all"], d["result"]["threats"][0]["status"]')" = "1 25 untried" ] ||
    fail "--top 1 --json"

# --- a gate for CI: applies or may apply, and nobody decided ---
expect 1 "$REDOUBT" threats "$full" --fail-on high
expect 1 "$REDOUBT" threats "$full" --fail-on critical # code-on-load is critical and unknown: no pass
expect 2 "$REDOUBT" threats "$full" --fail-on grave
expect 2 "$REDOUBT" threats "$full" --top -1
expect 2 "$REDOUBT" threats
cat >"$T/redoubt.yaml" <<'YAML'
version: 1
elements:
  - {id: api, type: inference-api, properties: {exposure: internal, returns: labels, format: onnx, request_log: "no", drift_monitored: "yes"}}
states:
  - {threat: missing-logs@api, decision: accepted, by: "owner\e[31m", until: 9020-01-01, why: "small\u202e\x07"}
  - {threat: evasion@api, decision: accepted, by: owner, why: no}
YAML
expect 0 "$REDOUBT" threats "$T" --fail-on low # the only threat is decided
says "missing-logs@api"
says 'by owner\x1b[31m'
says "'evasion@api' does not apply (any more)"
grep -q $'\e' "$T/out" "$T/err" && fail "an escape sequence got through"

# A decision whose last day is over counts no more, and that is said.
mkdir "$T/ended"
sed 's/9020-01-01/2020-01-01/' "$T/redoubt.yaml" >"$T/ended/redoubt.yaml"
expect 1 "$REDOUBT" threats "$T/ended" --fail-on low
says "the decision about 'missing-logs@api' ended on 2020-01-01 and counts no more"
expect 0 "$REDOUBT" threats "$T/ended" --json
[ "$(field "$T/out" 'd["result"]["threats"][0]["decision"]')" = "None" ] || fail "an expired decision is still there"

# --- explain ---
expect 0 "$REDOUBT" explain "$T" missing-logs@api
says 'small\u{202e}\x07'
grep -qP '\x07|\x{202e}' "$T/out" && fail "a control character got through"
grep -Eq '^ *api\.request_log +no$' "$T/out" || fail "the fact that decided"
says "api.request_log is yes"
says "an active control request-log at api: Append-only log"
says "CWE-778"
expect 0 "$REDOUBT" explain "$T" evasion@api
says "applies: no"
says "api.exposure"
expect 0 "$REDOUBT" explain "$full" poisoned-crowd-data@training-data
says "applies: unknown"
says "upload-api.screened"
says "crowd -> upload-api -> training-data"
expect 0 "$REDOUBT" explain "$full" model-extraction@inference-api
says "copycat, demonstrated from 0.9 on; by default with queries=2000 runs=3"
says "inference-api.exposure is internal"
says "a re-test that does not succeed while a control is active (label-only, quota, rounding,"
says "MITRE ATLAS 2026.09, AML.T0024.002: Exfiltration via AI Inference API: Extract AI Model"
expect 3 "$REDOUBT" explain "$full" model-extracton@inference-api
says "no rule is called so"
says "did you mean 'model-extraction@inference-api'?"
expect 3 "$REDOUBT" explain "$full" evasion@inference-ap
says "no element or flow is called so"
expect 0 "$REDOUBT" explain "$full" evasion # a rule alone, where it stands at one place only
says "evasion@inference-api: Inputs crafted"
expect 3 "$REDOUBT" explain "$full" evsion
says "expected RULE@ELEMENT"
says "did you mean 'evasion'?"
expect 3 "$REDOUBT" explain "$full" evasion@crowd
says "rule 'evasion' looks at other parts"
expect 3 "$REDOUBT" explain "$full" "$(printf 'evasion@\e[31m')"
grep -q $'\e' "$T/err" && fail "an escape sequence got through an error"
expect 3 "$REDOUBT" explain "$T/nothing" evasion@api
expect 2 "$REDOUBT" explain "$full"

# --- the same bytes in any number of threads ---
"$REDOUBT" threats "$full" --json --threads 1 2>/dev/null >"$T/1" && "$REDOUBT" threats "$full" --json --threads 4 2>/dev/null >"$T/4"
[ "$(field "$T/1" 'json.dumps(d["result"])')" = "$(field "$T/4" 'json.dumps(d["result"])')" ] || fail "threads change the result"
finish
