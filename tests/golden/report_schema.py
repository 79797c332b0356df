"""report.json against docs/schema/report.schema.json: the fixture, and what the C code writes with hostile names."""
import json
import os
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not installed")
    sys.exit(77)

build = os.environ.get("BUILD", "build/dev")
with open("docs/schema/report.schema.json", encoding="utf-8") as f:
    schema = json.load(f)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)


def problems(report):
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in validator.iter_errors(report)]


def read(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


failed = 0
paths = ["tests/fixtures/report/report.json"]
program = os.path.join(build, "test_report")
if os.path.exists(program):
    subprocess.run([program], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    paths.append(os.path.join(build, "report-test/report.json"))
else:
    print(f"{program} is not built: only the fixture is checked")
for path in paths + sys.argv[1:]:
    found = problems(read(path))
    for line in found:
        print(f"{path}: {line}")
    failed += bool(found)

# The check can fail: each of these breaks one promise.
fixture = paths[0]
breaks = {
    "a status that does not exist": lambda r: r["result"]["threats"][0].update(status="safe"),
    "a word on what was reused in the result": lambda r: r["result"].update(reused=1),
    "a seed as a number": lambda r: r["result"].update(seed=1),
    "a picture from elsewhere": lambda r: r["draw"]["pictures"][0]["items"][0].update(original="http://x/y.png"),
    "an effect without its adversary": lambda r: r["result"]["controls"][0]["effect"].pop("adaptive"),
}
for what, spoil in breaks.items():
    report = read(fixture)
    spoil(report)
    if not problems(report):
        print(f"not noticed: {what}")
        failed += 1
sys.exit(1 if failed else 0)
