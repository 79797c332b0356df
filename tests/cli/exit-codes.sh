#!/usr/bin/env bash
# Each status ends in the exit code that docs/exit-codes.md promises.
. "$(dirname "$0")/lib/common.bash"

expect 0 "$REDOUBT" --version
expect 0 "$REDOUBT" --help
expect 0 "$REDOUBT" check --help
expect 2 "$REDOUBT"
expect 2 "$REDOUBT" asess
says "did you mean 'redoubt assess'?"
expect 2 "$REDOUBT" check
expect 2 "$REDOUBT" check --jsno x
says "did you mean --json?"
expect 2 "$REDOUBT" check --threads many x
says "threads: 'many' is not a number"
expect 2 "$REDOUBT" check --seed -1 x
expect 2 "$REDOUBT" init no-such-template "$T/x"

expect 3 "$REDOUBT" check "$T/not-there"                       # RD_E_NOTFOUND
printf 'version: 1\nnmae: x\n' >"$T/redoubt.yaml"
expect 3 "$REDOUBT" check "$T"                                 # RD_E_INPUT
says "nmae"
head -c 80000000 /dev/zero | tr '\0' ' ' >"$T/large.yaml"
expect 3 "$REDOUBT" check "$T/large.yaml"                      # RD_E_LIMIT
rm "$T/large.yaml"
expect 4 bash -c "\"$REDOUBT\" schema >/dev/full"              # RD_E_IO
says "cannot write the result"
# A reader that left: not a word, and 4. Short and long output, each by its own way to the pipe.
for words in schema "schema --json" "catalog list --no-pager"; do
    # shellcheck disable=SC2086
    (trap '' PIPE; { sleep 0.3; "$REDOUBT" $words 2>"$T/pipe"; echo $? >"$T/code"; } | true)
    [ "$(cat "$T/code")" = 4 ] || fail "$words into a closed pipe: exit $(cat "$T/code")"
    [ ! -s "$T/pipe" ] || fail "$words into a closed pipe: $(cat "$T/pipe")"
done
# AddressSanitizer maps terabytes by itself: no limit on addresses can be tried there.
grep -q __asan_init "$REDOUBT" ||
    expect 4 bash -c "ulimit -v 40000; \"$REDOUBT\" init image-classifier '$T/m' --threads 1" # RD_E_MEMORY
# RD_E_CANCELED: kill-resume.sh; findings (1): assess.sh
finish
