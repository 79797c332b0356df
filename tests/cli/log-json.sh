#!/usr/bin/env bash
# --log-json: stderr is JSON, one object a line, whatever happens; NO_COLOR, CLICOLOR_FORCE, --color; the pager.
. "$(dirname "$0")/lib/common.bash"
lines() { # of $T/err: all JSON with level, area, text; prints levels
    python3 -c '
import json, sys
for line in open(sys.argv[1]):
    d = json.loads(line)
    assert {"level", "area", "text"} <= d.keys(), d
    assert d["level"] != "error" or "exit_code" in d or "line" in d, d
    print(d["level"])' "$T/err" || fail "stderr is not JSON: $(head -c 300 "$T/err")"
}
expect 2 "$REDOUBT" --log-json chek
[ "$(lines)" = error ] || fail "no error"
expect 2 "$REDOUBT" check --log-json --jsno x
[ "$(lines)" = error ] || fail "no error of the parser"
printf 'version: 1\nnmae: x\nfoo: y\n' >"$T/redoubt.yaml"
expect 3 "$REDOUBT" threats "$T" --log-json
[ "$(lines | sort | uniq -c | tr -s ' ')" = " 3 error" ] || fail "two problems and an error: $(lines | tr '\n' ' ')"
expect 0 "$REDOUBT" init recommender "$T/demo" --log-json
lines | grep -x progress >/dev/null || fail "no progress"
[ -s "$T/out" ] || fail "no text on stdout"

# --- color ---
esc=$(printf '\033')
expect 2 "$REDOUBT" chek
grep -q "$esc" "$T/err" && fail "color in a pipe"
expect 2 env CLICOLOR_FORCE=1 "$REDOUBT" chek
grep -q "$esc" "$T/err" || fail "CLICOLOR_FORCE does nothing"
expect 2 env CLICOLOR_FORCE=1 NO_COLOR=1 "$REDOUBT" chek
grep -q "$esc" "$T/err" && fail "NO_COLOR does nothing"
expect 2 env CLICOLOR_FORCE=1 "$REDOUBT" --log-json chek
grep -q "$esc" "$T/err" && fail "color in JSON"
expect 3 "$REDOUBT" check "$T/none" --color always
grep -q "$esc" "$T/err" || fail "--color always does nothing"
expect 3 env CLICOLOR_FORCE=1 "$REDOUBT" check "$T/none" --color never
grep -q "$esc" "$T/err" && fail "--color never does nothing"

# --- pager: on a terminal only, for what is longer than it ---
printf '#!/bin/sh\necho PAGED\ncat\n' >"$T/pager"
chmod +x "$T/pager"
export REDOUBT_PAGER=$T/pager TERM=xterm
unset CI
typed() { python3 tests/cli/lib/typed.py --rows 8 --seconds 8 "" "$@" >"$T/out" 2>"$T/err"; }
typed "$REDOUBT" attack list
says PAGED
typed "$REDOUBT" attack list --no-pager
grep -q PAGED "$T/out" && fail "--no-pager pages"
typed "$REDOUBT" attack list --json
grep -q PAGED "$T/out" && fail "--json is paged"
CI=true typed "$REDOUBT" attack list
grep -q PAGED "$T/out" && fail "CI is paged"
TERM=dumb typed "$REDOUBT" attack list
grep -q PAGED "$T/out" && fail "a dumb terminal is paged"
expect 0 "$REDOUBT" attack list
grep -q PAGED "$T/out" && fail "a pipe is paged"
REDOUBT_PAGER=/no/such/pager typed "$REDOUBT" attack list
says "what it does"
# Lines wider than the screen take more of it; colors take nothing; LESS is FRX unless somebody set it.
printf '#!/bin/sh\necho "PAGED $LESS"\ncat\n' >"$T/pager"
rows=$(($("$REDOUBT" attack list | wc -l) + 3))
wide() { python3 tests/cli/lib/typed.py --rows $rows --columns "$1" --seconds 8 "" "$REDOUBT" attack list >"$T/out" 2>"$T/err"; }
wide 240
grep -q PAGED "$T/out" && fail "what fits on the screen is paged"
wide 50
says "PAGED FRX"
REDOUBT_PAGER="$T/pager -S" LESS=i wide 50
says "PAGED i"
if command -v less >/dev/null; then
    REDOUBT_PAGER="less -S" python3 tests/cli/lib/typed.py --rows 8 --seconds 8 '\pq' "$REDOUBT" threats "$T/demo" >"$T/out" 2>"$T/err"
    grep -q 'ESC\[' "$T/out" && fail "less with options of one's own shows ESC instead of color"
fi
# A reader who leaves at once, and the command's own exit code.
printf '#!/bin/sh\nexit 3\n' >"$T/pager"
typed "$REDOUBT" attack list || fail "the pager's exit code counts"
typed "$REDOUBT" threats "$T/demo" --fail-on low
[ $? -eq 1 ] || fail "a pager changes the exit code"
# Closed stdout: no file of ours gets its number, and it is an error.
expect 4 bash -c "\"$REDOUBT\" attack list >&-"
expect 4 bash -c "\"$REDOUBT\" --help >/dev/full"
expect 4 bash -c "\"$REDOUBT\" --version >/dev/full"
finish
