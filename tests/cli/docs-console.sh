#!/usr/bin/env bash
# What README.md and docs/ show as typed in, as far as it can run; tests/learn/not-run.txt says what cannot, and why. After a
# change of the program: tests/learn/run --skip tests/learn/not-run.txt --update README.md, and read the difference.
. "$(dirname "$0")/lib/common.bash"
export REDOUBT
for page in README.md $(grep -l '^ *```console' docs/*.md); do
    tests/learn/run --skip tests/learn/not-run.txt "$page" || fail "$page"
done
finish
