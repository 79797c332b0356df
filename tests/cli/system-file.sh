#!/usr/bin/env bash
# check, schema, migrate: what they print, and how they end.
. "$(dirname "$0")/lib/common.bash"

is() { diff -u "$1" "$T/out" >"$T/diff" || { fail "$2"; cat "$T/diff"; }; }

# --- check: a file without problems ---
expect 0 "$REDOUBT" check tests/fixtures/system/full.yaml
says "Product image classifier: no problems"
says "boundaries 4, elements 5, flows 3 (2 cross a boundary)"
says "controls 3 (0 active, 2 proposed), tests 2"
says "artifact 'classifier': there is no file 'tests/fixtures/system/model.onnx' yet"
expect 0 "$REDOUBT" check tests/fixtures/system/full.yaml --json
[ "$(field "$T/out" 'd["schema"], d["result"]["ok"], d["result"]["elements"], len(d["warnings"])')" = "redoubt/check True 5 11" ] ||
    fail "check --json: $(cat "$T/out")"
expect 0 "$REDOUBT" check tests/fixtures/system/full.yaml --quiet
[ ! -s "$T/out" ] || fail "--quiet printed something"

# --- check: all that is wrong, in the order of the file ---
cat >"$T/redoubt.yaml" <<'YAML'
version: 1
nmae: x
elements:
  - {id: api, type: inference-apy}
  - {id: api, type: gateway, properties: {quota: maybe}}
tests:
  - {id: t, threat: evasoin@api, attack: pdg, set: {eps: 1}}
controls:
  - {id: c, kind: ronding, at: ape, state: active}
  - {id: d, kind: rounding, at: api, state: active, set: {digits: 9}}
artifacts:
  - {id: m, of: api, kind: model, path: ../m.onnx}
YAML
cat >"$T/want" <<TEXT
$T/redoubt.yaml:2:1: unknown key 'nmae' in a system; did you mean 'name'?
$T/redoubt.yaml:4:21: elements.api.type: expected a type of element (\`redoubt schema\` lists them), found 'inference-apy'; did you mean 'inference-api'?
$T/redoubt.yaml:5:5: elements.api.id: 'api' is taken by the element in line 4; ids are unique among elements and flows together
$T/redoubt.yaml:5:50: elements.api.properties.quota: expected yes, no or unknown, found 'maybe'
$T/redoubt.yaml:7:21: tests.t.threat: expected the id of a rule before '@', found 'evasoin'; did you mean 'evasion'?
$T/redoubt.yaml:7:42: tests.t.attack: expected the name of an attack, found 'pdg'; did you mean 'pgd'?
$T/redoubt.yaml:9:19: controls.c.kind: expected a kind of control, found 'ronding'; did you mean 'rounding'?
$T/redoubt.yaml:9:32: controls.c.at: expected the id of an element or flow, found 'ape'; did you mean 'api'?
$T/redoubt.yaml:10:67: controls.d.set.digits: 9 is outside 0..6 digits
$T/redoubt.yaml:12:41: artifacts.m.path: expected a path below the folder of the file, but '../m.onnx' leaves the folder of the file; --allow-outside accepts it
10 problems
TEXT
expect 3 "$REDOUBT" check "$T"
is "$T/want" "the problems of a folder's file"
expect 3 "$REDOUBT" check "$T" --json
[ "$(field "$T/out" 'd["result"]["ok"], len(d["result"]["problems"]), d["result"]["problems"][0]["line"]')" = "False 10 2" ] ||
    fail "check --json of problems: $(cat "$T/out")"
expect 3 "$REDOUBT" check "$T" --allow-outside
says "9 problems"
expect 3 "$REDOUBT" check "$T" --artifact m=elsewhere.onnx
says "9 problems"

# --- check: no file, no YAML, no artifact of that name ---
expect 3 "$REDOUBT" check "$T/nothing"
printf 'version: 1\nname: [a\n' >"$T/syntax.yaml"
expect 3 "$REDOUBT" check "$T/syntax.yaml"
says "syntax.yaml:3:1: "
expect 3 "$REDOUBT" check "$T/syntax.yaml" --json
[ "$(field "$T/out" 'd["result"]["problems"][0]["line"]')" = 3 ] || fail "line of a syntax error: $(cat "$T/out")"
: >"$T/empty.yaml"
expect 3 "$REDOUBT" check "$T/empty.yaml"
printf 'version: 1\n' >"$T/small.yaml"
expect 2 "$REDOUBT" check "$T/small.yaml" --artifact m=x
says "no such artifact"
printf 'version: 9\n' >"$T/new.yaml"
expect 3 "$REDOUBT" check "$T/new.yaml"
says "version 9"
says "version 1"

# --- names from outside cannot steer the terminal ---
printf 'version: 1\nname: "a\\e[31mb"\n' >"$T/color.yaml"
expect 0 "$REDOUBT" check "$T/color.yaml"
says 'a\x1b[31mb'
! grep -q "$(printf '\033')" "$T/out" || fail "an escape sequence got through"

# --- schema ---
expect 0 "$REDOUBT" schema
cmp -s "$T/out" docs/schema/redoubt.schema.json || fail "schema differs from docs/schema (tools/check_generated --update)"
expect 0 "$REDOUBT" schema --json
[ "$(field "$T/out" 'd["result"]["title"]')" = "redoubt.yaml, version 1" ] || fail "schema --json"

# --- migrate ---
printf '# mine\nversion: 0 # old\nzones: [{id: a}]\ncomponents:\n  - {id: b, type: gateway, zone: a} # here\n' >"$T/old.yaml"
printf '# mine\nversion: 1 # old\nboundaries: [{id: a}]\nelements:\n  - {id: b, type: gateway, boundary: a} # here\n' >"$T/want"
chmod 640 "$T/old.yaml"
expect 0 "$REDOUBT" check "$T/old.yaml"
says "version 0; \`redoubt migrate\` rewrites it as version 1"
expect 0 "$REDOUBT" migrate "$T/old.yaml" --dry-run
is "$T/want" "migrate --dry-run"
! cmp -s "$T/old.yaml" "$T/want" || fail "--dry-run wrote"
expect 0 "$REDOUBT" migrate "$T/old.yaml"
says "rewritten from version 0 to 1"
cmp "$T/old.yaml" "$T/want" || fail "migrate wrote something else"
[ "$(stat -c %a "$T/old.yaml")" = 640 ] || fail "migrate changed the mode"
expect 0 "$REDOUBT" migrate "$T/old.yaml"
says "already version 1"
expect 3 "$REDOUBT" migrate "$T/new.yaml"
says "version 9"
finish
