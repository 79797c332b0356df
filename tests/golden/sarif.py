"""SARIF and JUnit of the sample whose names are hostile (tests/unit/report/sample.h): SARIF against the schema of
the standard and against what the schema cannot say; JUnit by Python's parser. More files: as arguments."""
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as tree

build = os.environ.get("BUILD", "build/dev")
SCHEMA = os.path.join(os.environ.get("RD_SHARED", "../shared"), "data/schemas/sarif-2.1.0.json")
program = os.path.join(build, "test_sarif")
failed = 0


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def check(ok, what):
    global failed
    if not ok:
        print(f"FAILED: {what}")
        failed += 1


try:
    import jsonschema
except ImportError:
    skip("python3-jsonschema is not installed")
if not os.path.exists(SCHEMA):
    skip(f"{SCHEMA} is not there")
if not os.path.exists(program):
    skip(f"{program} is not built")

with open(SCHEMA, encoding="utf-8") as f:
    schema = json.load(f)
validator = jsonschema.validators.validator_for(schema)(schema)


def safe(text):
    """No character that a terminal or a reader's eye would obey."""
    return not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]", text)


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for v in value:
            yield from strings(v)
    elif isinstance(value, dict):
        for k, v in value.items():
            yield k
            yield from strings(v)


def sarif_problems(log):
    """What is wrong with it, in words: the schema first, then what consumers rely on."""
    found = [f"{list(e.absolute_path)}: {e.message[:200]}" for e in validator.iter_errors(log)]
    if found:
        return found
    for run in log["runs"]:
        driver = run["tool"]["driver"]
        rules = driver["rules"]
        ids = [r["id"] for r in rules]
        lists = run["taxonomies"]
        if len(ids) != len(set(ids)):
            found.append("a rule is there twice")
        for rule in rules:
            if not 0 < float(rule["properties"]["security-severity"]) <= 10:
                found.append(f"{rule['id']}: security-severity")
            if "security" not in rule["properties"]["tags"] or not rule["help"]["markdown"]:
                found.append(f"{rule['id']}: tags or help")
            for r in rule["relationships"]:
                target = r["target"]
                component = lists[target["toolComponent"]["index"]]
                if component["name"] != target["toolComponent"]["name"]:
                    found.append(f"{rule['id']}: another list than {target}")
                if component["taxa"][target["index"]]["id"] != target["id"]:
                    found.append(f"{rule['id']}: another entry than {target}")
        for r in driver["supportedTaxonomies"]:
            if lists[r["index"]]["name"] != r["name"]:
                found.append(f"supportedTaxonomies: {r}")
        seen = set()
        for r in run["results"]:
            threat = r["partialFingerprints"]["threat"]
            if threat in seen:
                found.append(f"{threat} twice")
            seen.add(threat)
            if ids[r["ruleIndex"]] != r["ruleId"] or not threat.startswith(r["ruleId"] + "@"):
                found.append(f"{threat}: ruleIndex")
            if (r["kind"] == "fail") != (r["level"] != "none"):
                found.append(f"{threat}: kind {r['kind']} with level {r['level']}")  # 3.27.10
            if not r["locations"]:
                found.append(f"{threat}: no location: code scanning refuses the whole file")
                continue
            text = r["message"]["text"]
            links = set(re.findall(r"(?<!\\)\[(?:\\.|[^\]\\])*\]\((\d+)\)", text))
            if links != {str(p["id"]) for p in r.get("relatedLocations", [])}:
                found.append(f"{threat}: links {links} of {text!r}")
            if re.search(r"(?<!\{)\{(?!\{)", text):
                found.append(f"{threat}: a placeholder in {text!r}")
            uri = r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
            if uri.startswith("/") or ":" in uri or ".." in uri:
                found.append(f"{threat}: uri {uri}")
    return found + [f"not safe to show: {s!r}" for s in strings(log) if not safe(s)]


def junit_problems(root):
    found = []
    suites = root.findall("testsuite")
    if root.tag != "testsuites" or len(suites) != 1:
        return ["no testsuites with one testsuite"]
    for node in (root, suites[0]):
        cases = list(node.iter("testcase"))
        want = {"tests": len(cases), "failures": len(list(node.iter("failure"))), "errors": 0,
                "skipped": len(list(node.iter("skipped")))}
        for key, n in want.items():
            if node.get(key) != str(n):
                found.append(f"{node.tag}: {key} is {node.get(key)}, there are {n}")
    names = [(c.get("classname"), c.get("name")) for c in root.iter("testcase")]
    if len(names) != len(set(names)):
        found.append("two test cases of one name")
    for case in root.iter("testcase"):
        ends = [e.tag for e in case if e.tag != "properties"]
        if len(ends) != 1 or ends[0] not in ("failure", "skipped", "system-out"):
            found.append(f"{case.get('name')}: {ends}")
        if ends[0] != "system-out" and not case.find(ends[0]).get("message"):
            found.append(f"{case.get('name')}: no message")
        for node in case.iter():
            for text in [node.text or "", *node.attrib.values()]:
                if not safe(text):
                    found.append(f"not safe to show: {text!r}")
    return found


def read(path):
    if path.endswith(".xml"):
        return tree.parse(path).getroot()
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def problems(path):
    return junit_problems(read(path)) if path.endswith(".xml") else sarif_problems(read(path))


subprocess.run([program], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
here = [os.path.join(build, "report-test", name) for name in ("findings.sarif", "junit.xml")]
for path in here + sys.argv[1:]:
    for line in problems(path):
        check(False, f"{path}: {line}")

# The checks can fail: each of these breaks one promise.
first = lambda log: log["runs"][0]["results"][0]
breaks = {
    "a level for what did not fail": lambda log: first(log).update(kind="open"),
    "no location": lambda log: first(log).update(locations=[]),
    "a link to nowhere": lambda log: first(log)["message"].update(text="[x](7)"),
    "a control character": lambda log: first(log)["message"].update(text="\x1b[31m"),
    "a word of our own": lambda log: first(log).update(severity="high"),
    "a rule index of another": lambda log: first(log).update(ruleIndex=1),
    "an absolute path": lambda log: first(log)["locations"][0]["physicalLocation"]["artifactLocation"].update(
        uri="/etc/passwd"),
}
for what, spoil in breaks.items():
    log = read(here[0])
    spoil(log)
    check(sarif_problems(log), f"not noticed: {what}")
root = read(here[1])
root.set("failures", "9")
check(junit_problems(root), "not noticed: a wrong count")
sys.exit(1 if failed else 0)
