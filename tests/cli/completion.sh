#!/usr/bin/env bash
# Completions come from the tables, and the shells themselves offer them.
. "$(dirname "$0")/lib/common.bash"
export PATH="$(dirname "$REDOUBT"):$PATH"
cp tests/fixtures/system/full.yaml "$T/redoubt.yaml"
mkdir -p "$T/a folder" "$T/sub"
cp "$T/redoubt.yaml" "$T/a folder/in here.yaml"
: >"$T/model.onnx"
: >"$T/sub/one.npy"
cd "$T" || exit 1

# --- the program itself: offered WORD... -> candidates, one a line ---
offered() { "$REDOUBT" __complete -- "$@" | cut -f1; }
offers() { # CANDIDATE WORD...
    local want=$1
    shift
    offered "$@" | grep -qxF -- "$want" || fail "'$*' does not offer '$want'"
}
offers_not() {
    local want=$1
    shift
    offered "$@" | grep -qxF -- "$want" && fail "'$*' offers '$want'"
}
# Every command of the tables, every option of each, by their own JSON.
"$REDOUBT" help --json >"$T/help.json"
python3 - "$T/help.json" >"$T/want" <<'PY'
import json, sys
h = json.load(open(sys.argv[1]))["result"]
for c in h["commands"]:
    first, *second = c["name"].split()
    print("\t".join([first]))
    if second: print("\t".join([second[0], first]))
    for o in c["options"] + h["common_options"]:
        print("\t".join(["--" + o["name"], first, *second]))
        for choice in o.get("choices", []):
            print("\t".join([choice, first, *second, "--" + o["name"]]))
PY
n=0
while IFS=$'\t' read -r want rest; do
    IFS=$'\t' read -r -a words <<<"$rest"
    [ -n "$rest" ] || words=()
    case $want in --*) words+=("--") ;; *) words+=("") ;; esac
    key="${words[*]}"
    [ "$key" = "${last-none}" ] || { list=$(offered "${words[@]}"); last=$key; }
    grep -qxF -- "$want" <<<"$list" || fail "'${words[*]}' does not offer '$want'"
    n=$((n + 1))
done <"$T/want"
[ "$n" -gt 300 ] || fail "only $n candidates were looked for"

offers pgd attack run ""
offers eps= attack run pgd --set ""
offers_not eps= attack run copycat --set ""
offers image-classifier init ""
offers 'model-extraction@inference-api' explain "$T/redoubt.yaml" ""
offers 'model-extraction@' explain "$T/none" mod
offers rounding data screen --method rou
offers rounding catalog show rou
offers evasion catalog show eva
offers run help attack r
offers zsh completion ""
offers --fail-on=high threats x --fail-on=hi
offers --no-threats=no diagram x --no-threats=n
offers :files threats ""
offers :files attack run pgd --target ""
offers check --json ch
# An option that was given is offered once more only where it may be repeated.
offers_not --top threats x --top 5 --
offers_not --json threats x --json --
offers --set attack run pgd --set eps=1 --
offers_not --top threats x -- --
offers_not __complete _
[ -z "$(offered nonsense x)" ] || fail "an unknown command has candidates"
expect 2 "$REDOUBT" completion tcsh
expect 2 "$REDOUBT" completion zhs
says "did you mean 'zsh'?"
"$REDOUBT" help --json | grep -q __complete && fail "__complete is shown to people"

# --- bash: the function as readline calls it ---
bash_offers() { # LINE: the words of COMPREPLY; COMP_WORDS parted at readline's own breaks
    bash --norc -c '
        source <("$1" completion bash)
        COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDS=()
        rest=$2 word=
        while [ -n "$rest" ]; do
            c=${rest:0:1} rest=${rest:1}
            case $c in
            " ") [ -n "$word" ] && COMP_WORDS+=("$word"); word= ;;
            [=:@]) [ -n "$word" ] && COMP_WORDS+=("$word"); word= ; COMP_WORDS+=("$c") ;;
            *) word+=$c ;;
            esac
        done
        case $2 in *[=:@]) ;; *) COMP_WORDS+=("$word") ;; esac
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _redoubt 2>/dev/null
        printf "%s\n" "${COMPREPLY[@]}"' - "$REDOUBT" "$1"
}
bash_is() { # LINE CANDIDATE...
    local line=$1
    shift
    [ "$(bash_offers "$line" | sort)" = "$(printf '%s\n' "$@" | sort)" ] ||
        fail "bash, '$line': $(bash_offers "$line" | tr '\n' ' ')"
}
bash_is "redoubt att" attack
bash_is "redoubt attack r" run
bash_is "redoubt threats x --fail-on h" high
bash_is "redoubt threats x --fail-on=h" high
bash_is "redoubt threats x --fail-on=" none low medium high critical
bash_is "redoubt explain redoubt.yaml model-extraction@" inference-api
bash_is "redoubt attack run pgd --set ep" eps=
bash_is "redoubt threats mo" model.onnx
bash_is "redoubt attack run pgd --target s" sub
bash_is "redoubt completion " bash zsh fish
grep -q "pages\|^$" <<<"$(bash_offers 'redoubt check ')" && fail "bash: an empty candidate"
# and typed by a person
python3 "$OLDPWD/tests/cli/lib/typed.py" --until="attack run" \
    'source <(redoubt completion bash)\r\pPS1=; redoubt atta\tru\t' bash --norc --noprofile -i >"$T/out" 2>"$T/err"
says "redoubt attack run"

# --- fish: asked for what it would show, descriptions and all ---
if command -v fish >/dev/null; then
    export HOME=$T XDG_CONFIG_HOME=$T XDG_DATA_HOME=$T
    "$REDOUBT" completion fish >"$T/redoubt.fish"
    fish_offers() { fish --no-config -c "source $T/redoubt.fish; complete -C '$1'" 2>"$T/err"; }
    fish_is() {
        local line=$1
        shift
        [ "$(fish_offers "$line" | cut -f1 | sort)" = "$(printf '%s\n' "$@" | sort)" ] ||
            fail "fish, '$line': $(fish_offers "$line" | tr '\n' ' ')"
    }
    fish_is "redoubt att" attack
    fish_is "redoubt attack r" run
    fish_is "redoubt threats x --fail-on h" high
    fish_is "redoubt threats x --fail-on=h" --fail-on=high
    fish_is "redoubt explain redoubt.yaml model-ex" model-extraction@inference-api
    fish_is "redoubt completion " bash zsh fish
    fish_is "redoubt attack run pgd --target s" sub/
    # Names with blanks, as fish writes them: escaped, in quotes, in quotes that are still open.
    fish_is "redoubt check a\\ folder/in" "a folder/in here.yaml"
    fish_is "redoubt check \"a folder/in\"" "a folder/in here.yaml"
    fish_is "redoubt check \"a folder/in" "a folder/in here.yaml"
    fish_is "redoubt attack run pgd --target=a\\ f" "--target=a folder/"
    fish_is "redoubt explain a\\ folder/in\\ here.yaml model-ex" model-extraction@inference-api
    fish_offers "redoubt che" | grep -q "check.say all that is wrong" || fail "fish shows no description"
else
    echo "fish is not installed: not tried"
fi

# --- zsh: typed, since its completion only runs in its line editor ---
if command -v zsh >/dev/null; then
    mkdir -p "$T/zfunc"
    "$REDOUBT" completion zsh >"$T/zfunc/_redoubt"
    printf 'PS1="> "\nfpath=(%s $fpath)\nautoload -U compinit\ncompinit -u -D\nbindkey -e\nsetopt no_list_ambiguous\n' "$T/zfunc" >"$T/.zshrc"
    zsh_shows() { # KEYS TEXT...
        local keys=$1 text
        shift
        ZDOTDIR=$T python3 "$OLDPWD/tests/cli/lib/typed.py" --until="${!#}" "$keys" zsh -i >"$T/out" 2>"$T/err"
        for text in "$@"; do
            tr -d '\r' <"$T/out" | sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g' >"$T/plain"
            grep -qF -- "$text" "$T/plain" || fail "zsh, '$keys': not shown: $text"
        done
    }
    zsh_shows 'redoubt check red\t' 'redoubt.yaml'
    zsh_shows 'redoubt attack \t' 'list' 'show one attack: source, access, options' 'run one attack'
    zsh_shows 'redoubt threats x --fail-on=hi\t' '--fail-on=high'
    zsh_shows 'redoubt explain redoubt.yaml model-ex\t' 'model-extraction@inference-api'
    zsh_shows 'redoubt threats x --to\t' '--top'
else
    echo "zsh is not installed: not tried"
fi
finish
