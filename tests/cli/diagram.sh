#!/usr/bin/env bash
# redoubt diagram: the formats, what says which, what is refused, and that nothing but the picture is written.
. tests/cli/lib/common.bash
SCHEMA=$PWD/docs/schema/diagram.schema.json
cat >"$T/redoubt.yaml" <<'Y'
version: 1
name: Scoring
boundaries: [{id: internet, trust: untrusted}, {id: cloud}]
elements:
  - {id: partners, type: end-user, boundary: internet}
  - {id: api, type: inference-api, boundary: cloud, properties: {exposure: internet, authentication: none, returns: scores}}
flows: [{id: ask, from: partners, to: api, carries: [rows], encrypted: "no"}]
Y
cd "$T" || exit 1

# By the name, by --format, on standard output with -o - and without -o.
expect 0 "$REDOUBT" diagram . -o system.svg
says "2 elements, 1 flow"
expect 0 "$REDOUBT" diagram redoubt.yaml
cmp -s out system.svg || fail "standard output holds another picture than the file"
expect 0 "$REDOUBT" diagram . -o - --quiet
cmp -s out system.svg || fail "-o - holds another picture"
expect 0 "$REDOUBT" diagram . -o system.gv
head -n 1 system.gv | grep -q '^digraph' || fail "system.gv is no DOT"
expect 0 "$REDOUBT" diagram . -o picture --format svg
cmp -s picture system.svg || fail "--format does not decide"
expect 0 "$REDOUBT" diagram . -o plain.svg --no-threats
grep -q "threats, " plain.svg && fail "threats in spite of --no-threats"
[ -e .redoubt ] && fail "a picture made a store"
[ "$(find . -name '*.tmp*' -o -name '.*.svg' | wc -l)" -eq 0 ] || fail "something was left behind"

# The same without dot, but for what is drawn; the result does not tell.
expect 0 "$REDOUBT" diagram . --json
cp out with.json
PATH=/nonexistent expect 0 "$REDOUBT" diagram . --json
[ "$(field with.json "d['result']")" = "$(field out "d['result']")" ] || fail "the result depends on dot"
[ "$(field out "d['run']['layout']")" = layered ] || fail "who laid it out is not said"
python3 - "$SCHEMA" with.json out <<'PY' || fail "--json does not fit its schema"
import json, sys
try:
    import jsonschema
except ImportError:
    sys.exit(0)
schema = json.load(open(sys.argv[1], encoding="utf-8"))
for path in sys.argv[2:]:
    jsonschema.Draft202012Validator(schema).validate(json.load(open(path, encoding="utf-8")))
PY

# PNG: its size, and what is said where the program that draws it is missing.
if command -v rsvg-convert >/dev/null; then
    expect 0 "$REDOUBT" diagram . -o system.png --width 1000
    [ "$(python3 -c 'import struct; print(struct.unpack(">I", open("system.png", "rb").read()[16:20])[0])')" = 1000 ] ||
        fail "not 1000 pixels wide"
    expect 3 "$REDOUBT" diagram . -o huge.png --scale 16 --width 32000
    says "million in all"
    [ -e huge.png ] && fail "a picture that was refused is there"
fi
PATH=/nonexistent expect 3 "$REDOUBT" diagram . -o none.png
says "rsvg-convert, which is not installed"
says "librsvg2-bin"

expect 2 "$REDOUBT" diagram . -o system.jpeg
says ".svg, .png, .dot or .gv"
expect 2 "$REDOUBT" diagram . --link javascript:alert
says "a path or an http address"
expect 0 "$REDOUBT" diagram . -o system.svg --link https://example.org/report.html
grep -q 'href="https://example.org/report.html#' system.svg || fail "no link"
expect 3 "$REDOUBT" diagram . -o no/such/folder/system.svg
finish
