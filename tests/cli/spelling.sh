#!/usr/bin/env bash
# Whoever mistypes a command, an option, a word or a file is told what there is.
. "$(dirname "$0")/lib/common.bash"
hint() { # TEXT ARGUMENT...: exit 2 and that hint
    local text=$1
    shift
    expect 2 "$REDOUBT" "$@"
    grep -qF -- "  hint: $text" "$T/err" || fail "'$*' does not hint: $text"
}
hint "did you mean 'redoubt assess'?" asess
hint "did you mean 'redoubt attack run'?" atack run pgd
hint "did you mean 'redoubt attack run'?" attack rn
hint "did you mean 'redoubt attack run'?" attack-run pgd
hint "did you mean 'redoubt attack run'?" run attack
hint "did you mean 'redoubt attack'? It goes on with list, info or run" attak
hint "redoubt attack list, info or run" attack
hint "did you mean 'redoubt workshop merge'?" workshop mrege x.yaml ann.yaml
expect 3 "$REDOUBT" workshop mrege
says "did you mean 'redoubt workshop merge'?"
hint "options are not abbreviated: --threads" check --thr 3 x
hint "did you mean --json?" check --jsno x
hint "it is a setting of attacks: --set eps=VALUE" attack run pgd --eps 3
hint "--pdf is an option of 'redoubt report'" check --pdf x
hint "did you mean 'high'?" threats --fail-on hihg x
hint "if that is its value: --top=--json" threats --top --json x
for words in "risk x --csv=" "report x --pdf=" "diagram x --output=" "check x --seed="; do
    # shellcheck disable=SC2086 # words of a command
    expect 2 "$REDOUBT" $words
    says "wants a value"
done
expect 2 "$REDOUBT" version extra
grep -q ' $' "$T/err" && fail "a line ends with a blank"
hint "if that is a name: redoubt check ... -- -final.yaml" check -final.yaml
expect 2 "$REDOUBT" check "$(printf -- '-\033[31m\n')"
says "unknown option '-\x1b[31m'"
cp tests/fixtures/system/full.yaml "$T/redoubt.yaml"
expect 3 "$REDOUBT" check "$T/redoubt.yml"
says "did you mean '$T/redoubt.yaml'?"
mkdir "$T/demo"
expect 3 "$REDOUBT" check "$T/dmo/redoubt.yaml"
says "did you mean '$T/demo/redoubt.yaml'?"
# Options of every command may stand before it.
expect 3 "$REDOUBT" --json --threads 1 check "$T/none.yaml"
finish
