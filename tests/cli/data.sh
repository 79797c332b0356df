#!/usr/bin/env bash
# data info as a script sees it: exit codes and messages on bad input, and what it writes.
set -uo pipefail
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
bad=0

fail() {
    echo "FAILED: $1"
    bad=1
}

# expect STATUS TEXT ARGS...: exit status of data info, and a text in stderr (- : none asked)
expect() {
    local want=$1 text=$2 got
    shift 2
    timeout 20 "$REDOUBT" data info "$@" >"$scratch/out" 2>"$scratch/err"
    got=$?
    [ "$got" -eq "$want" ] || { fail "data info $* gave $got instead of $want"; cat "$scratch/err"; }
    [ "$text" = - ] || grep -qF -- "$text" "$scratch/err" || { fail "data info $*: no '$text' in"; cat "$scratch/err"; }
}

cd "$scratch" || exit 1
printf 'age,job,class\n30,clerk,a\n41,sales,b\n30,clerk,b\n' >good.csv
expect 0 - good.csv --write-schema s.yaml --items items.txt --write-x x.npy --write-labels y.npy
grep -qF '1 row repeats an earlier one, 1 of them under another label: row 2 as 0' out || fail "duplicates are not said"
grep -qF "label: column 'class', by its name" out || fail "the label column is not said"
[ "$(wc -l <items.txt)" -eq 3 ] || fail "not one digest a row"
expect 0 - good.csv --schema s.yaml --json
expect 0 - x.npy --labels y.npy
expect 3 "no column 'nothing', named as its label column" good.csv --label-column nothing
printf 'age,job,class\n30,clerk\n' >ragged.csv
expect 3 'line 2: 2 cells; expected 3' ragged.csv
printf 'age,job\n30,"clerk\n' >quote.csv
expect 3 'line 2: a quote that is never closed' quote.csv
printf 'age,job\r30,clerk\r' >cr.csv
expect 3 'a carriage return (CR) without line feed' cr.csv
printf 'age,job\n30,cl\0erk\n' >nul.csv
expect 3 'line 2: the byte 0x00 (NUL) at offset 13' nul.csv
printf 'age,job\n30,caf\351\n' >latin1.csv
expect 3 'line 2: the byte 0xe9 at offset 14 is not UTF-8' latin1.csv
head -c 10000000 /dev/zero | tr '\0' , >wide.csv
expect 3 'line 1: more than 65536 columns' wide.csv
printf '\211PNG\r\n\032\n' >cut.png
expect 3 'cut short' cut.png
printf 'PK\3\4' >cut.zip
expect 3 cut.zip cut.zip
mkdir -p links/a
ln -s /etc/passwd links/a/1.png
expect 3 'is a link' links
expect 3 "cannot open 'nowhere.csv'" nowhere.csv
expect 2 'HEIGHTxWIDTH' good.csv --resize 3
expect 2 'is no table' x.npy --label-column 1
expect 2 'only a table has a schema' x.npy --write-schema t.yaml
exit $bad
