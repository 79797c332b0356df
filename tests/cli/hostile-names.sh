#!/usr/bin/env bash
# A system whose every text tries to become something else (tests/cli/lib/hostile.py), through every command that
# writes: each output is read by an independent parser, and nothing in it is active, broken or a raw control.
. tests/cli/lib/common.bash
H="python3 $PWD/tests/cli/lib/hostile.py"
GOLDEN=$PWD/tests/golden
has() { "$REDOUBT" "$@" --help >/dev/null 2>&1; }
# clean KIND FILE [BENIGN]: what the parser of that kind says.
clean() { $H check "$@" || fail "$1: $2"; }
# markdown FILE: by rules of ours, and as the reference parser renders it.
markdown() {
    clean markdown "$1"
    if command -v cmark >/dev/null; then cmark --unsafe "$1" >rendered.html && clean rendered rendered.html; fi
}

mkdir "$T/h" "$T/benign" "$T/bin"
$H make "$T/h" && $H make "$T/benign" benign || { fail "no system"; finish; }
cd "$T" || exit 1

# A NUL cannot be a part of any text, and the message says where.
printf 'version: 1\nname: "a\\0b"\n' >nul.yaml
expect 3 "$REDOUBT" check nul.yaml
says "nul.yaml:2:"
clean text err

# run NAME COMMAND...: as text for people and as JSON, exit 0 expected; what is printed is kept as NAME.txt and NAME.json.
run() {
    local name=$1
    shift
    expect 0 "$REDOUBT" "$@" </dev/null
    cat out err >"$name.txt"
    clean text "$name.txt"
    expect 0 "$REDOUBT" "$@" --json </dev/null
    mv out "$name.json"
    clean json "$name.json"
    clean text err
}

assess=(assess h --draws 200 --years 200)
"$REDOUBT" assess --help | grep -q -- --junit && assess+=(--junit junit.xml)
run assess "${assess[@]}"
run check check h
run threats threats h --top 3
run explain explain h evasion@inference-api
has brief && run brief brief h evasion@inference-api
has workshop && run workshop workshop h

# Nothing is lost on the way: JSON holds the names as they were.
python3 - <<'PY' || fail "report.json does not hold the names of redoubt.yaml"
import json
made = json.load(open("h/redoubt.yaml", encoding="utf-8"))
drawn = json.load(open("h/report.json", encoding="utf-8"))["draw"]["diagram"]
assert [e["name"] for e in made["elements"]] == [e["name"] for e in drawn["elements"]]
assert [f["name"] for f in made["flows"]] == [f["name"] for f in drawn["flows"]]
PY

clean json h/report.json
markdown h/report.md
if [ -e h/report.html ]; then
    expect 0 "$REDOUBT" assess benign --draws 200 --years 200 --quiet
    clean html h/report.html benign/report.html
    if command -v chromium >/dev/null; then
        for page in h benign; do
            timeout 60 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$T/profile" --virtual-time-budget=5000 \
                --dump-dom "file://$T/$page/report.html" >"$page.dom" 2>/dev/null
        done
        [ -s h.dom ] || fail "the browser shows nothing"
        clean dom h.dom benign.dom
    fi
fi
if [ -e h/findings.sarif ]; then
    clean json h/findings.sarif
    (cd "$OLDPWD" && python3 "$GOLDEN/sarif.py" "$T/h/findings.sarif" $([ -e "$T/junit.xml" ] && echo "$T/junit.xml")) >sarif.out
    case $? in 0 | 77) ;; *) fail "SARIF or JUnit"; cat sarif.out ;; esac
fi

# The diagram. Its own labels must survive another program that reads DOT.
expect 0 "$REDOUBT" diagram h -o h.svg --link report.html
clean text out
clean svg h.svg
expect 0 "$REDOUBT" diagram h -o h.dot --link report.html
if command -v dot >/dev/null; then
    expect 0 dot -Tplain -o h.plain h.dot
    clean dot h.plain
    expect 0 dot -Tsvg -o dot.svg h.dot
    clean drawn dot.svg
fi
if command -v rsvg-convert >/dev/null; then
    expect 0 "$REDOUBT" diagram h -o h.png
    clean png h.png
fi

# Tables and documents of the other commands.
if has risk; then
    run risk risk h
    expect 0 "$REDOUBT" risk h --csv risk.csv
    clean csv risk.csv
fi
if has roadmap; then
    run roadmap roadmap h
    expect 0 "$REDOUBT" roadmap h --csv roadmap.csv --markdown roadmap.md
    clean csv roadmap.csv
    markdown roadmap.md
fi
if has workshop; then
    expect 0 "$REDOUBT" workshop h
    markdown out
fi
if has report && [ -e h/report.html ] && command -v chromium >/dev/null; then
    expect 0 "$REDOUBT" report h --pdf h.pdf
    [ -e h.pdf ] && clean pdf h.pdf
fi

# Nobody ran anything.
[ -z "$(find . -name pwn7)" ] || fail "a name was run by a shell"

# The checks can fail: one spoiled copy for each.
spoil() { # KIND FILE SED
    sed "$3" "$2" >spoiled && $H check "$1" spoiled >/dev/null && fail "not noticed: $1 with $3"
}
spoil svg h.svg 's/<title>/<title onclick="x">/'
spoil svg h.svg 's/href="report.html#/href="javascript:/'
if command -v cmark >/dev/null; then
    printf '[a](javascript:x)\n' | cmark --unsafe >rendered.html
    $H check rendered rendered.html >/dev/null && fail "not noticed: a link in Markdown"
fi
spoil markdown h/report.md '1s/^/<script>x<\/script>/'
printf 'a,b\n=1+cmd,2\n' >spoiled.csv
$H check csv spoiled.csv >/dev/null && fail "not noticed: a formula"
printf 'a\033[31m\n' >spoiled.txt
$H check text spoiled.txt >/dev/null && fail "not noticed: an escape"
finish
