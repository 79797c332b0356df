#!/usr/bin/env bash
# Manual pages come from the tables: every command has one, every option stands in it, every page that one names is there,
# and mandoc finds nothing wrong with any of them.
. "$(dirname "$0")/lib/common.bash"
command -v mandoc >/dev/null || skip "mandoc is not installed"
"$REDOUBT" __man --list >"$T/names" || fail "no list of pages"
mkdir "$T/flat"
while read -r page; do
    "$REDOUBT" __man "${page%.?}" >"$T/flat/$page" || fail "no page $page"
done <"$T/names"

# --- what the build installs is the same, and the same again ---
expect 0 "$REDOUBT" __man --into "$T/share"
for page in "$T/flat"/*; do
    cmp -s "$page" "$T/share/man/man${page##*.}/${page##*/}" || fail "--into wrote another ${page##*/}"
done
[ "$(find "$T/share/man" -type f | wc -l)" -eq "$(wc -l <"$T/names")" ] || fail "--into wrote more pages than there are"
for shell in bash-completion/completions/redoubt zsh/site-functions/_redoubt fish/vendor_completions.d/redoubt.fish; do
    kind=${shell%%[-/]*}
    "$REDOUBT" completion "$kind" | cmp -s - "$T/share/$shell" || fail "--into wrote another completion of $kind"
done
env -i LC_ALL=C TZ=Pacific/Apia COLUMNS=40 "$REDOUBT" __man redoubt | cmp -s - "$T/flat/redoubt.1" ||
    fail "a page depends on the environment"

# --- no page is malformed ---
for page in "$T/flat"/*; do
    mandoc -Tlint -W warning "$page" >"$T/lint" || fail "${page##*/}: $(head -3 "$T/lint")"
    LC_ALL=C grep -nP '[^\x00-\x7f]' "$page" && fail "${page##*/} is not ASCII"
done
# and the check would notice
printf '.XX\n' | cat "$T/flat/redoubt.1" - >"$T/bad.1"
mandoc -Tlint -W warning "$T/bad.1" >/dev/null && fail "mandoc found nothing wrong with a wrong page"

# --- tables and pages agree ---
"$REDOUBT" help --json >"$T/help.json"
python3 - "$T/help.json" "$T/flat" <<'PY' || fail "pages and tables differ"
import glob, json, os, re, subprocess, sys
h, folder = json.load(open(sys.argv[1]))["result"], sys.argv[2]
def plain(path): # as people read it, in one line
    text = subprocess.run(["mandoc", "-Tutf8", "-O", "width=200", path], capture_output=True, text=True, check=True).stdout
    return re.sub(r"\s+", " ", re.sub(".\b", "", text))
bad = []
def want(text, page, what):
    if re.sub(r"\s+", " ", what).strip() not in text:
        bad.append(f"{page}: not in it: {what!r}")
pages = {os.path.basename(p): plain(p) for p in glob.glob(folder + "/*")}
assert len(pages) == len(h["commands"]) + 2, (len(pages), len(h["commands"]))
n = 0
for c in h["commands"]:
    page = "redoubt-" + c["name"].replace(" ", "-") + ".1"
    text = pages.get(page, "")
    want(text, page, "redoubt " + c["name"])
    want(text, page, c["synopsis"])
    want(pages["redoubt.1"], "redoubt.1", page[:-2] + "(1)")
    want(text, page, "redoubt.yaml(5)")
    may_fail = any(o["name"] == "fail-on" for o in c["options"]) or c["name"] in ("doctor", "catalog test")
    if bool(re.search(r"EXIT STATUS 0 Done\. 1 Done, and", text)) != may_fail or "4 Could not finish" not in text:
        bad.append(f"{page}: not its exit codes")
    for line in (c["examples"] or "").splitlines():
        want(text, page, line)
    for o in c["options"] + h["common_options"]:
        n += 1
        at = text.find(" --" + o["name"] + " ")
        if at < 0:
            bad.append(f"{page}: no --{o['name']}")
            continue
        want(text, page, o["help"][1:])
        for word in o.get("choices", []):
            want(text, page, word)
        if o["preset"] and o["type"] not in ("yes or no", "list"):
            want(text, page, f"Default: {o['preset']}.")
        if o["unit"]:
            want(text, page, o["unit"])
assert n > 400, n
# Every page that a page names is one of them, and in the section it says.
for page, text in pages.items():
    for name, section in re.findall(r"\b(redoubt[a-z.-]*)\((\d)\)", text):
        if f"{name}.{section}" not in pages:
            bad.append(f"{page} names {name}({section})")
# Every key of the file and every type of element, by the JSON Schema's own words.
schema = json.loads(subprocess.run([os.environ["REDOUBT"], "schema"], capture_output=True, text=True, check=True).stdout)
def keys(node):
    if isinstance(node, dict):
        for k, v in node.items():
            if k == "properties" and isinstance(v, dict):
                yield from v
            yield from keys(v)
    elif isinstance(node, list):
        for v in node:
            yield from keys(v)
all_keys = set(keys(schema)) - {"additionalProperties"} # "properties" is a key of elements too
assert len(all_keys) > 100, len(all_keys)
for key in all_keys:
    if not re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])", pages["redoubt.yaml.5"]):
        bad.append(f"redoubt.yaml.5: no {key}")
# The table of commands in README has a row for each.
rows = "".join(line for line in open("README.md") if line.startswith("| `"))
for c in h["commands"]:
    first, *second = c["name"].split()
    if f"`{c['name']}`" not in rows and not (second and f"`{first} " in rows and f"`{second[0]}`" in rows):
        bad.append(f"README.md: no row for {c['name']}")
# Every variable that the program reads.
names = set()
for path in glob.glob("src/**/*.c", recursive=True):
    names |= set(re.findall(r'(?:getenv|is_set)\("([A-Z_]+)"\)', open(path).read()))
assert {"NO_COLOR", "REDOUBT_PAGER", "REDOUBT_ISA"} <= names, names
where = pages["redoubt.1"].split(" ENVIRONMENT ")[1].split(" FILES ")[0]
for name in names:
    want(where + " ", "redoubt.1, ENVIRONMENT", f" {name} ")
    want(open("docs/cli.md").read().split("## Environment")[1], "docs/cli.md, Environment", f"`{name}`")
for line in bad[:20]:
    print(line)
sys.exit(bool(bad))
PY

# --- the example of the file is one ---
mandoc -Tutf8 "$T/flat/redoubt.yaml.5" | sed 's/.\x08//g' |
    sed -n '/^EXAMPLES/,/^SEE ALSO/p' | sed -n '/version: 1/,/date:/p' | sed 's/^ \{11\}//' >"$T/redoubt.yaml"
expect 0 "$REDOUBT" check "$T/redoubt.yaml"
expect 0 "$REDOUBT" threats "$T/redoubt.yaml" --json
field "$T/out" "len(d['result']['threats'])" | grep -q '^[1-9]' || fail "no threat in the example"

# --- as man shows and indexes them ---
if command -v man >/dev/null && man -l "$T/flat/redoubt.1" >"$T/out" 2>"$T/err" </dev/null; then
    MANWIDTH=80 man -l "$T/flat/redoubt-attack-run.1" >"$T/out" 2>"$T/err" </dev/null
    sed -i 's/.\x08//g' "$T/out"
    says "redoubt attack run"
    says "--allow-host"
    [ -s "$T/err" ] && fail "man complains: $(head -3 "$T/err")"
    if command -v lexgrog >/dev/null; then
        lexgrog "$T/flat"/* >"$T/out" 2>&1 || fail "whatis cannot read: $(grep -v ' - ' "$T/out" | head -3)"
    fi
fi

# --- a name that is none ---
expect 2 "$REDOUBT" __man redoubt-atack-run
says "did you mean 'redoubt-attack-run'?"
expect 2 "$REDOUBT" __man redoubt-__man
expect 4 "$REDOUBT" __man --into /dev/null/share
finish
