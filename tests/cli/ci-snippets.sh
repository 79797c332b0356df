#!/usr/bin/env bash
# What docs/ci.md tells people to put into their pipelines: shell parts are run, YAML is parsed and its commands run.
. tests/cli/lib/common.bash
python3 -c 'import yaml' 2>/dev/null || skip "skipped: python3-yaml is not installed"
command -v git >/dev/null || skip "skipped: git is not installed"

mkdir "$T/bin" "$T/blocks" "$T/repo" "$T/repo/ml"
ln -s "$REDOUBT" "$T/bin/redoubt"
export PATH="$T/bin:$PATH"

# Blocks of the page, numbered, by language; then the commands in those that are not shell, one a line.
python3 - docs/ci.md "$T/blocks" <<'PY' || fail "docs/ci.md cannot be taken apart"
import re, sys, yaml
page, folder = sys.argv[1:]
blocks = re.findall(r"^```(\w+)\n(.*?)^```$", open(page, encoding="utf-8").read(), re.S | re.M)
assert len(blocks) == 8, len(blocks)
for i, (kind, text) in enumerate(blocks):
    open(f"{folder}/{i}.{kind}", "w", encoding="utf-8").write(text)

def commands(value, key=None):
    """Every string under run, script or entry."""
    if isinstance(value, dict):
        for k, v in value.items():
            yield from commands(v, k)
    elif isinstance(value, list):
        for v in value:
            yield from commands(v, key)
    elif key in ("run", "script", "entry"):
        yield value

found = []
for kind, text in blocks:
    if kind == "yaml":
        found += commands(yaml.safe_load(text))
    elif kind == "groovy":
        assert text.count("{") == text.count("}")
        found += re.findall(r"sh '([^']*)'", text)
assert len(found) >= 6, found
open(f"{folder}/commands", "w", encoding="utf-8").write("\n".join(found) + "\n")

github = next(yaml.safe_load(t) for k, t in blocks if k == "yaml" and "jobs:" in t)
steps = github["jobs"]["redoubt"]["steps"]
upload = next(s for s in steps if "upload-sarif" in s.get("uses", ""))
assert upload["if"] == "always()", "findings must be uploaded when the gate fails"
assert upload["with"]["sarif_file"] == "ml/findings.sarif"
assert github["permissions"]["security-events"] == "write"
gitlab = next(yaml.safe_load(t) for k, t in blocks if k == "yaml" and "artifacts:" in t)
assert gitlab["threats"]["artifacts"]["when"] == "always"
assert gitlab["threats"]["artifacts"]["reports"]["junit"] in gitlab["threats"]["script"][1]
PY

# A system without artifacts: nothing to attack, so every command takes a moment. One threat is critical.
cat >"$T/repo/ml/redoubt.yaml" <<'Y'
version: 1
name: Scoring
currency: USD
boundaries: [{id: internet, trust: untrusted}, {id: cloud}]
elements:
  - {id: partners, type: end-user, boundary: internet}
  - {id: api, type: inference-api, boundary: cloud, properties: {exposure: internet, authentication: none, returns: scores}}
flows: [{id: ask, from: partners, to: api, carries: [rows], encrypted: "no"}]
Y
cd "$T/repo" || exit 1
git init -q . && git config user.email a@b && git config user.name a && git add -A && git commit -qm a

# Shell: the gate, the worst three, the hook, the picture.
set -- "$T"/blocks/*.sh
[ $# -eq 4 ] || fail "4 shell parts expected, $# found"
expect 0 sh -e "$1"
says "no threat is demonstrated"
python3 -c 'import sys, xml.etree.ElementTree as t; sys.exit(t.parse("ml/junit.xml").getroot().tag != "testsuites")' ||
    fail "ml/junit.xml is no JUnit"
field ml/findings.sarif "d['runs'][0]['artifacts'][0]['location']['uri']" | grep -qx ml/redoubt.yaml ||
    fail "findings.sarif does not point into the repository"
expect 0 sh -e "$2"
[ "$(wc -l <"$T/out")" -eq 3 ] || fail "not three threats"
cp "$3" .git/hooks/pre-commit && chmod +x .git/hooks/pre-commit
printf 'elemnts: []\n' >>ml/redoubt.yaml
git add ml/redoubt.yaml
expect 1 git commit -qm "a broken file"
sed -i '$d' ml/redoubt.yaml
printf '# a remark\n' >>ml/redoubt.yaml
git add ml/redoubt.yaml
expect 1 git commit -qm "a sound file with a critical threat"
# Somebody decides about each critical threat: then the hook has nothing to say.
"$REDOUBT" threats ml --json --quiet | python3 -c 'import json, sys
print("states:")
for t in json.load(sys.stdin)["result"]["threats"]:
    if t["severity"] == "critical":
        print("  - {threat: %s, decision: accepted, by: owner, why: \"a test\"}" % t["id"])' >>ml/redoubt.yaml
git add ml/redoubt.yaml
expect 0 git commit -qm "a decided file"
expect 0 sh -e "$4"
python3 -c 'import xml.etree.ElementTree as t; t.parse("ml/system.svg")' || fail "ml/system.svg is no XML"

# The gate fails, and says so by 1, when the level is met; a file that is not sound is 3, not 1.
expect 1 "$REDOUBT" assess ml --fail-on low --quiet
[ -s ml/findings.sarif ] || fail "no findings.sarif when the gate fails"
printf 'version: 1\nname: x\n- y\n' >"$T/broken.yaml"
expect 3 "$REDOUBT" threats "$T/broken.yaml" --fail-on low

# Commands of the YAML and of the Jenkinsfile.
while read -r command; do
    case $command in
    *' --') expect 0 sh -c "$command ml/redoubt.yaml" ;; # pre-commit appends the names of files
    *) expect 0 sh -c "$command" ;;
    esac
done <"$T/blocks/commands"
finish
