#!/usr/bin/env bash
# redoubt report: the same documents from stored evidence, and on paper by Chromium. What a browser does wrong is said.
. "$(dirname "$0")/../cli/lib/common.bash"
mkdir "$T/s" "$T/tmp"
export TMPDIR=$T/tmp
python3 "$PWD/tests/cli/lib/hostile.py" make "$T/s" benign || { fail "no system"; finish; }
cd "$T" || exit 1

# Without evidence everything is untried, and a warning says what to do.
expect 0 "$REDOUBT" report s --markdown none.md
says "redoubt assess makes some"
grep -q "stored evidence: run" none.md || fail "an untried threat does not say that there is no stored evidence"
[ -e s/.redoubt ] && fail "report left something behind"

expect 0 "$REDOUBT" assess s --json
cp out assessed.json
before=$(sha256sum s/.redoubt/evidence.db)
rm -f s/report.*
expect 0 "$REDOUBT" report s --json
for name in json md; do [ -s "s/report.$name" ] || fail "there is no report.$name"; done
[ "$(sha256sum s/.redoubt/evidence.db)" = "$before" ] || fail "report wrote to the evidence"
python3 - <<'PY' || fail "the result is not that of assess, or there are more documents than were asked for"
import json
a, b, c = json.load(open("assessed.json")), json.load(open("out")), json.load(open("s/report.json"))
assert a["result"] == b["result"] == c["result"]
assert [w.rsplit("/", 1)[-1].split(".")[0] for w in b["run"]["written"]] == ["report"] * len(b["run"]["written"])
assert "s/report.md" in b["run"]["written"]
PY
rm -f s/report.*
expect 0 "$REDOUBT" report s --markdown only.md
[ -s only.md ] || fail "--markdown wrote nothing"
ls s/report.* >/dev/null 2>&1 && fail "with a file named, others were written too"

# Sections of report.md in the order of the page.
grep '^## ' only.md | tr '\n' ' ' | grep -q "Executive view ## System ## Stages of the life cycle ## Threats ## Evidence ## Expected loss ## Roadmap ## Not tried ## Assumptions ## Glossary" ||
    fail "sections of report.md: $(grep '^## ' only.md | tr '\n' ' ')"

if ! "$REDOUBT" report s --html page.html >/dev/null 2>err; then
    grep -q "without the report page\|npm\|node" err || fail "why there is no page is not said: $(cat err)"
    expect 3 "$REDOUBT" report s --pdf x.pdf
    says "markdown"
    echo "the rest is skipped: no report page in this build"
    finish
fi

# Browsers that are not there, write nothing, fail, or print before the page has drawn itself.
browser() {
    printf '#!/bin/sh\nfor a; do case $a in --print-to-pdf=*) f=${a#*=} ;; esac; done\n%s\n' "$1" >fake
    chmod +x fake
    expect "$2" "$REDOUBT" report s --pdf bad.pdf --browser "$T/fake"
    says "$3"
    [ -e bad.pdf ] && fail "a PDF was left: $1"
}
expect 3 "$REDOUBT" report s --pdf bad.pdf --browser /nonexistent/browser
says "there is no browser '/nonexistent/browser'"
browser 'exit 0' 4 "ended without a PDF"
browser 'exit 7' 4 "failed with exit code 7"
browser 'head -c 5000 /dev/zero >"$f"' 4 "no PDF"
browser '{ echo "%PDF-1.4"; echo "/Title (Redoubt report)"; head -c 5000 /dev/zero; } >"$f"' 4 "before it had drawn itself"
[ -z "$(ls "$TMPDIR")" ] || fail "a temporary folder was left: $(ls "$TMPDIR")"

if ! command -v chromium >/dev/null; then
    echo "the rest is skipped: chromium is not installed"
    finish
fi
expect 0 "$REDOUBT" report s --pdf "board's %41 copy.pdf"
mv "board's %41 copy.pdf" board.pdf || fail "no PDF"
[ "$(head -c 5 board.pdf)" = "%PDF-" ] || fail "it is no PDF"
[ "$(stat -c %s board.pdf)" -lt 5000000 ] || fail "the PDF has more than 5 MB"
[ -z "$(ls "$TMPDIR")" ] || fail "the browser's folder was left"
if command -v pdftotext >/dev/null; then
    pages=$(pdfinfo board.pdf | sed -n 's/^Pages: *//p')
    for p in $(seq "$pages"); do
        pdftotext -layout -f "$p" -l "$p" board.pdf page.txt
        grep -q "$p / $pages" page.txt || fail "page $p has no number"
        grep -q "Illustrative:" page.txt || fail "page $p is not marked illustrative"
    done
    pdftotext -layout -f 1 -l 1 board.pdf page.txt
    for words in "What the roadmap buys" "What was not tried" "Against the appetite"; do
        grep -q "$words" page.txt || fail "the first page lacks: $words"
    done
    pdftotext -layout -f 2 -l 2 board.pdf page.txt
    grep -q "^ *System" page.txt || fail "the second page does not begin with the system: the first spills over"
    pdftotext -layout board.pdf all.txt
    for words in "Stages of the life cycle" "Evidence" "Roadmap" "Not tried" "Assumptions" "Glossary" "Check it yourself"; do
        grep -q "$words" all.txt || fail "the PDF lacks: $words"
    done
fi
finish
