"""`redoubt threats` and `explain` on the template: the threats as reviewed, all rules seen or explained, shapes as in
docs/schema, taxonomy ids as published. --update rewrites tests/fixtures/rules/image-classifier.txt."""
import csv
import json
import os
import subprocess
import sys
import tempfile

try:
    import jsonschema
except ImportError:
    print("skipped: jsonschema is not installed (python3-jsonschema)")
    sys.exit(77)

REDOUBT = os.environ.get("REDOUBT", "build/dev/redoubt")
KNOWLEDGE = "../shared/data/knowledge"
EXPECTED = "tests/fixtures/rules/image-classifier.txt"
RULES = sorted(os.path.splitext(f)[0] for f in os.listdir("catalog/rules"))
failures = []


def check(good, text):
    if not good:
        failures.append(text)


def run(*arguments, code=0):
    done = subprocess.run([REDOUBT, *arguments, "--json"], capture_output=True, text=True)
    check(done.returncode == code, f"{arguments}: exit {done.returncode}, wanted {code}: {done.stderr}")
    return json.loads(done.stdout)


def schema(name):
    with open(f"docs/schema/{name}.schema.json", encoding="utf-8") as f:
        loaded = json.load(f)
    jsonschema.Draft202012Validator.check_schema(loaded)
    return jsonschema.Draft202012Validator(loaded)


def published():
    """(list, edition) -> id -> title, from the files that the catalog was made from."""
    lists = {}
    with open(f"{KNOWLEDGE}/atlas-2026.09-ids.csv", encoding="utf-8") as f:
        for row in csv.DictReader(f):
            atlas = lists.setdefault(("MITRE ATLAS", "2026.09"), {})
            atlas[row["technique_id"]] = row["technique"]
    with open(f"{KNOWLEDGE}/atlas-mitigations.csv", encoding="utf-8") as f:
        for row in csv.DictReader(f):
            lists["MITRE ATLAS", "2026.09"][row["mitigation_id"]] = row["mitigation"]
    with open(f"{KNOWLEDGE}/owasp-ids.csv", encoding="utf-8") as f:
        for row in csv.DictReader(f):
            lists.setdefault((row["list"], row["edition"]), {})[row["id"]] = row["title"]
    return lists


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "redoubt.yaml")
    with open("templates/image-classifier.yaml", encoding="utf-8") as f:
        text = f.read().replace("${clean_accuracy}", "0.95")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)

    # --- as reviewed ---
    whole = run("threats", folder)
    threats = whole["result"]["threats"]
    rows = [f"{t['applicability']:9} {t['severity']:8} {t['stride']:2} {t['id']}\n" for t in threats]
    rows += [f"silent    {r['rule']}: {r['reason']}\n" for r in whole["result"]["silent_rules"]]
    if "--update" in sys.argv:
        with open(EXPECTED, "w", encoding="utf-8") as f:
            f.writelines(rows)
    with open(EXPECTED, encoding="utf-8") as f:
        expected = f.readlines()
    for line in sorted(set(rows) ^ set(expected)):
        failures.append(("new: " if line in rows else "gone: ") + line.rstrip())
    check(failures or rows == expected, "the order of the threats changed")

    # --- every rule seen or explained ---
    seen = {t["rule"] for t in threats} | {r["rule"] for r in whole["result"]["silent_rules"]}
    check(sorted(seen) == RULES, f"rules seen: {sorted(seen)}, in the catalog: {RULES}")
    check(all(r["reason"] for r in whole["result"]["silent_rules"]), "a silent rule without a reason")
    check(len(RULES) >= 12, "fewer than twelve rules")

    # --- shapes ---
    validator = schema("threats")
    for error in validator.iter_errors(whole):
        failures.append(f"threats: {list(error.path)}: {error.message}")
    explained = schema("explain")
    for t in threats:
        one = run("explain", folder, t["id"])
        for error in explained.iter_errors(one):
            failures.append(f"explain {t['id']}: {list(error.path)}: {error.message}")
        check(one["result"] == t, f"explain {t['id']} says something else than threats does")
    explained_silence = 0
    for r in whole["result"]["silent_rules"]:
        for element in ("inference-api", "registry"):
            name = f"{r['rule']}@{element}"
            done = subprocess.run([REDOUBT, "explain", folder, name, "--json"], capture_output=True, text=True)
            if done.returncode == 3 and "looks at other parts" in done.stderr:
                continue
            check(done.returncode == 0, f"explain {name}: exit {done.returncode}: {done.stderr}")
            check(json.loads(done.stdout)["result"]["applicability"] == "no", f"{name} applies after all")
            explained_silence += 1
    check(explained_silence > 0, "no silent rule was explained")
    # A schema that takes everything proves nothing.
    broken = json.loads(json.dumps(whole))
    broken["result"]["threats"][0]["severity"] = "grave"
    check(list(validator.iter_errors(broken)), "the schema takes any severity")
    del broken["result"]["counts"]
    check(list(validator.iter_errors(broken)), "the schema does without counts")

    # --- the top list ---
    top = run("threats", folder, "--top", "3")["result"]
    check(top["threats"] == threats[:3], "--top 3 is not the first three")
    check(top["counts"] == whole["result"]["counts"], "--top changes the counts")
    check(all(t["impact"] and t["mitigations"] for t in top["threats"]), "no impact or mitigation in the top list")

    # --- the same bytes again ---
    check(run("threats", folder)["result"] == whole["result"], "a second run differs")

# --- ids as published ---
if os.path.isdir(KNOWLEDGE):
    lists = published()
    compared = 0
    for t in threats:
        for r in t["references"]:
            known = lists.get((r["list"], r["edition"]))
            if known is not None:
                check(known.get(r["id"]) == r["title"], f"{t['id']}: {r['id']} '{r['title']}' is not as published")
                compared += 1
    check(compared >= 20, f"only {compared} references compared")
    done = subprocess.run(["/usr/bin/python3", "tools/make_taxonomies", "--check"], capture_output=True, text=True)
    check(done.returncode == 0, "catalog/taxonomies: " + done.stdout + done.stderr)

for failure in failures:
    print("FAILED:", failure)
print("ok" if not failures else f"{len(failures)} failures")
sys.exit(1 if failures else 0)
