#!/usr/bin/env bash
# Severity and status in color where a terminal shows it: the words are the same without, and long lists are paged.
. "$(dirname "$0")/lib/common.bash"
unset NO_COLOR CLICOLOR_FORCE CI
export TERM=xterm PAGER=cat
esc=$(printf '\033')
expect 0 "$REDOUBT" init fraud-api "$T/demo"
colored() { # WORD COMMAND...: colored when asked for, never else, and the same text
    local word=$1
    shift
    expect 0 "$REDOUBT" "$@" --color never
    grep -q "$esc" "$T/out" && fail "color in: $*"
    mv "$T/out" "$T/plain"
    expect 0 "$REDOUBT" "$@"
    cmp -s "$T/out" "$T/plain" || fail "a pipe and --color never differ: $*"
    expect 0 env NO_COLOR=1 "$REDOUBT" "$@"
    cmp -s "$T/out" "$T/plain" || fail "NO_COLOR: $*"
    expect 0 "$REDOUBT" "$@" --json --color always
    grep -q "$esc" "$T/out" && fail "color in JSON: $*"
    expect 0 "$REDOUBT" "$@" --color always
    grep -qE "$esc\[[0-9;]+m$word$esc\[0m" "$T/out" || fail "$word has no color: $*"
    sed "s/$esc\[[0-9;]*m//g" "$T/out" | cmp -s - "$T/plain" || fail "color changes the text: $*"
}
colored high threats "$T/demo"
colored high threats "$T/demo" --top 3
colored high catalog list
colored high catalog show evasion
mkdir "$T/experts"
cat >"$T/experts/redoubt.yaml" <<'YAML'
version: 1
name: experts
currency: USD
elements: [{id: api, type: inference-api}]
assets: [{id: copy, of: api, value: {low: 100000, high: 1000000, provenance: expert, by: finance, date: 2026-11-01}}]
actors: [{id: outsider, access: [labels], budget: 100, gain: {low: 500, high: 5000}}]
risk:
  scenarios:
    - id: breach
      threat: model-extraction@api
      actor: outsider
      attempts_per_year: 0.2
      susceptibility: {low: 0.2, high: 0.6, provenance: expert, by: red team, date: 2026-11-01}
      per_loss: {low: 100000, high: 1000000}
  appetite: [{loss: 1, probability: 0.0001}, {loss: 1000000000, probability: 0.0001}]
YAML
colored exceeded risk "$T/experts" --draws 200 --years 100
colored within risk "$T/experts" --draws 200 --years 100
expect 0 env PATH=/usr/bin:/bin "$REDOUBT" doctor --color always # what it says differs from run to run
grep -q "^$esc\[32mok$esc\[0m  " "$T/out" || fail "doctor has no color"
typed() { python3 tests/cli/lib/typed.py --rows 8 --seconds 20 "" "$@" >"$T/out" 2>"$T/err"; }
printf '#!/bin/sh\necho PAGED\ncat\n' >"$T/pager"
chmod +x "$T/pager"
export REDOUBT_PAGER=$T/pager
for command in "catalog list" "catalog coverage" "catalog show evasion" "threats $T/demo" help \
    "risk $T/experts --draws 200 --years 100" "attack list"; do
    # shellcheck disable=SC2086 # words of a command
    typed "$REDOUBT" $command
    says PAGED
done
typed "$REDOUBT" threats "$T/demo"
grep -q "$esc\[1;31mhigh" "$T/out" || fail "no color on a terminal"
finish
