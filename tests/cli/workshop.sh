#!/usr/bin/env bash
# workshop and workshop merge: agenda, sheet, answers into the file, minutes; mistakes with their place.
. "$(dirname "$0")/lib/common.bash"
SCHEMAS=$PWD/docs/schema
full=$PWD/tests/fixtures/system/full.yaml
valid() { # FILE SCHEMA
    /usr/bin/python3 -c 'import json,sys
try:
    import jsonschema
except ImportError:
    sys.exit(0)
jsonschema.validate(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))' "$1" "$SCHEMAS/$2.schema.json" ||
        fail "$1 is not as $2.schema.json says"
}
mkdir "$T/shop" && cp "$full" "$T/shop/redoubt.yaml" && cd "$T" || exit 1

# --- agenda and sheet ---
expect 0 "$REDOUBT" workshop shop
for words in "# Workshop:" "## Agenda: two hours" "## Calibration round" "## Data" "## Machine learning" "## Platform" \
    "## Product" "## Risk" "Answer as \`elements." "Not tried: what would it take?"; do
    says "$words"
done
expect 0 "$REDOUBT" workshop shop --role platform -o agenda.md --answers sheet.yaml
says "wrote agenda.md"
grep -q "## Platform" agenda.md || fail "no questions for the platform"
grep -q "## Data" agenda.md && fail "questions for others"
expect 0 "$REDOUBT" workshop shop --json --role risk
valid "$T/out" workshop
[ "$(field "$T/out" 'set(q["role"] for q in d["result"]["questions"])')" = "{'risk'}" ] || fail "other roles' questions"
expect 2 "$REDOUBT" workshop shop --role boss
says "risk"

# Most valuable first: weights fall within each kind.
expect 0 "$REDOUBT" workshop shop --json
[ "$(field "$T/out" 'all(a["weight"] >= b["weight"] for a, b in zip(d["result"]["questions"], d["result"]["questions"][1:]) if a["kind"] == b["kind"])')" = True ] ||
    fail "the order of questions"
[ "$(field "$T/out" 'len(d["result"]["calibration"]) >= 10')" = True ] || fail "fewer than ten calibration questions"

# The empty sheet only lacks a name and a date.
expect 3 "$REDOUBT" workshop merge shop sheet.yaml
says "sheet.yaml:4:1: expected 'name'"
says "sheet.yaml:5:1: expected 'date'"
sed -i 's/^name: .*/name: Ann/; s/^date: .*/date: 2026-11-25/' sheet.yaml
expect 0 "$REDOUBT" workshop merge shop sheet.yaml
says "0 changed, 0 open"
cmp -s "$full" shop/redoubt.yaml || fail "an empty sheet changed the file"

# --- answers of two people ---
asked() { "$REDOUBT" workshop shop --json --quiet 2>/dev/null | /usr/bin/python3 -c "
import json,sys
print(*[q['id'] for q in json.load(sys.stdin)['result']['questions'] if $1])"; }
read -r one two _ <<<"$(asked "q['kind'] == 'fact' and q['words'] == ['yes', 'no']")"
read -r range _ <<<"$(asked "q['kind'] == 'range' and q['range']['unit'] == 'USD'")"
for who in ann:10:1000:no bob:40:4000:yes; do
    IFS=: read -r name low high other <<<"$who"
    cat >"$name.yaml" <<YAML
workshop: 1
name: $name
date: 2026-11-25
answers:
  - {id: $one, answer: yes}
  - {id: $two, answer: $other}
  - {id: $range, low: $low, high: $high}
calibration:
  - {id: c1, low: 1, high: 2}
  - {id: c2, low: 1, high: 2}
YAML
done
expect 0 "$REDOUBT" workshop merge shop ann.yaml bob.yaml --dry-run
cmp -s "$full" shop/redoubt.yaml || fail "--dry-run wrote the file"
expect 0 "$REDOUBT" workshop merge shop ann.yaml bob.yaml --minutes minutes.md --json
valid "$T/out" workshop-merge
[ "$(field "$T/out" 'd["result"]["changed"], len(d["result"]["changes"]), len(d["result"]["open"])')" = "True 2 1" ] ||
    fail "changes of two people"
says "$two"
[ "$(field "$T/out" '[p["calibration"]["too_sure"] for p in d["result"]["people"]]')" = "[True, True]" ] || fail "calibration"
for words in "# Minutes:" "| ann |" "## Decided" "mean of the logarithms" "## Open" "ann says 'no' and bob says 'yes'" \
    "over-confident" "## What it changed"; do
    grep -qF -- "$words" minutes.md || fail "not in the minutes: $words"
done
grep -q 'low: 20, high: 2000, provenance: expert, by: "ann; bob", date: 2026-11-25' shop/redoubt.yaml || fail "the range"
[ "$(grep -c '#' "$full")" = "$(grep -c '#' shop/redoubt.yaml)" ] || fail "comments were lost"
expect 0 "$REDOUBT" check shop

# Again: nothing.
cp shop/redoubt.yaml once.yaml
expect 0 "$REDOUBT" workshop merge shop bob.yaml ann.yaml
says "0 changed, 1 open, 4 in the file already"
cmp -s once.yaml shop/redoubt.yaml || fail "a second merge changed the file"
# To another file.
expect 0 "$REDOUBT" workshop merge "$full" ann.yaml -o new.yaml
[ -s new.yaml ] || fail "-o wrote nothing"

# --- mistakes: every one with its place, and nothing is written ---
cat >bad.yaml <<'YAML'
workshop: 1
name: "Mal\u202e\e[31m"
date: tomorrow
answers:
  - {id: elements.nobody.owner, answer: x}
  - {id: assets.model-copy.value, low: 9, high: 1}
YAML
expect 3 "$REDOUBT" workshop merge shop ann.yaml bad.yaml
says "bad.yaml:3:7: expected 'date'"
says "bad.yaml:5:10: nothing in the system file is called"
says "bad.yaml:6:"
says "'bad.yaml' has 3 problems; nothing was merged"
cmp -s once.yaml shop/redoubt.yaml || fail "a bad sheet changed the file"
printf 'workshop: 1\nname: [\n' >broken.yaml
expect 3 "$REDOUBT" workshop merge shop broken.yaml
says "broken.yaml:"
# Nobody has answered on a day that has not come.
printf 'workshop: 1\nname: Ann\ndate: 2099-01-01\nanswers:\n' >future.yaml
expect 3 "$REDOUBT" workshop merge shop future.yaml
says "future.yaml:3:7: expected 'date': the day of the answers, found '2099-01-01', which has not come yet"
cmp -s once.yaml shop/redoubt.yaml || fail "a sheet from the future was merged"
# Elsewhere it is tomorrow already.
sed "s/2099-01-01/$(date -u -d tomorrow +%F)/" future.yaml >tomorrow.yaml
expect 0 "$REDOUBT" workshop merge shop tomorrow.yaml --dry-run
head -c 3000 /dev/urandom >noise.yaml
expect 3 "$REDOUBT" workshop merge shop noise.yaml
sed 's/^date: .*/date: 2026-11-25/; /nobody/d; /model-copy/d' bad.yaml >hostile.yaml
expect 0 "$REDOUBT" workshop merge shop hostile.yaml --minutes hostile.md
grep -q $'\e' hostile.md "$T/out" "$T/err" && fail "an escape sequence got through"
sed 's/answer: yes}/answer: no}/' ann.yaml >ann2.yaml
expect 3 "$REDOUBT" workshop merge shop ann.yaml ann2.yaml
says "otherwise at"
expect 3 "$REDOUBT" workshop merge shop nothing.yaml
expect 2 "$REDOUBT" workshop merge shop
finish
