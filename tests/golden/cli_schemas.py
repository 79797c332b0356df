"""help, version and completion --json against docs/schema, and the schemas against objects that are wrong."""
import copy
import json
import os
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not installed")
    sys.exit(77)

REDOUBT = os.environ.get("REDOUBT", "build/dev/redoubt")
failed = 0


def validator(name):
    with open(f"docs/schema/{name}.schema.json", encoding="utf-8") as f:
        schema = json.load(f)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def said(*words):
    return json.loads(subprocess.run([REDOUBT, *words, "--json"], capture_output=True, check=True).stdout)


def complain(text):
    global failed
    failed += 1
    print(text)


help_all = said("help")
names = [c["name"] for c in help_all["result"]["commands"]]
runs = [("help",)] + [("help", *name.split()) for name in names] + [("version",)]
runs += [("completion", shell) for shell in ("bash", "zsh", "fish")]
for words in runs:
    for error in validator(words[0]).iter_errors(said(*words)):
        complain(f"{' '.join(words)}: {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}")
if len(names) < 30 or len(set(names)) != len(names):
    complain(f"{len(names)} commands, {len(set(names))} of them different")
if said("version")["result"] != said("--version")["result"]:
    complain("version and --version differ")

# Each of these breaks one promise.
word = next(o for c in help_all["result"]["commands"] for o in c["options"] if o["type"] == "word")
breaks = {
    "help": {
        "a command without its task": lambda r: r["commands"][0].pop("task"),
        "a task that is no heading": lambda r: r["commands"][0].update(task="misc"),
        "a hidden command": lambda r: r["commands"][0].update(name="__complete"),
        "a long summary": lambda r: r["commands"][0].update(summary="x" * 73),
        "a number without a range": lambda r: next(o for o in r["common_options"] if "max" in o).pop("max"),
        "a flag with choices": lambda r: r["common_options"][0].update(choices=["a"]),
        "words without choices": lambda r: r["common_options"].append({**word, "choices": []}),
        "an empty default": lambda r: r["common_options"][0].update(preset=""),
        "a member nobody knows": lambda r: r.update(extra=1),
    },
    "version": {
        "a file version as text": lambda r: r.update(file_version="1"),
        "a version of one number": lambda r: r.update(version="1"),
        "no kernels": lambda r: r.update(kernels=[]),
        "a library without a version": lambda r: r["libraries"].update(zlib=""),
    },
}
for name, ways in breaks.items():
    right = said(name)
    for what, spoil in ways.items():
        wrong = copy.deepcopy(right)
        spoil(wrong["result"])
        if validator(name).is_valid(wrong):
            complain(f"{name}: not noticed: {what}")
if validator("completion").is_valid({**said("completion", "bash"), "result": None}):
    complain("completion: not noticed: no script")
sys.exit(1 if failed else 0)
