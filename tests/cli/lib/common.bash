# common.bash - what the CLI tests share. Source it first; it makes a temporary folder $T that goes away at the end.
set -uo pipefail
: "${REDOUBT:?the program under test}"
REDOUBT=$(realpath "$REDOUBT")
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
failures=0

fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
skip() { echo "$*"; exit 77; }
finish() { [ "$failures" -eq 0 ] && echo ok; exit $((failures > 0)); }

# expect CODE COMMAND...: run it, keep stdout in $T/out and stderr in $T/err, compare the exit code.
expect() {
    local want=$1 got
    shift
    "$@" >"$T/out" 2>"$T/err"
    got=$?
    if [ "$got" -ne "$want" ]; then
        fail "exit $got, wanted $want: $*"
        sed 's/^/    /' "$T/err" | tail -n 20
    fi
}
# says TEXT: the last command's stderr or stdout holds it.
says() { grep -qF -- "$1" "$T/err" "$T/out" || { fail "not said: $1"; sed 's/^/    /' "$T/err" | tail -n 20; }; }
# field FILE EXPRESSION: a Python expression on the JSON object d.
field() { python3 -c "import json,sys; d=json.load(open(sys.argv[1])); print($2)" "$1"; }
