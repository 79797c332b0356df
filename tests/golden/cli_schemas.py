"""help, version and completion --json and lines of --log-json against docs/schema, and the schemas against what is wrong."""
import copy
import json
import os
import subprocess
import sys
import tempfile

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

# --log-json: each command, from the first byte on, with what is wrong on its command line and in its files.
log = validator("log")
levels = set()
with tempfile.TemporaryDirectory() as folder:
    with open(f"{folder}/redoubt.yaml", "w", encoding="utf-8") as f:
        f.write("version: 1\nname: x\nelements: [{id: api, type: inference-api}, {id: api, type: \"a\\e[31m\"}]\n")
    made = [("init", "recommender", f"{folder}/made"), ("threats", f"{folder}/made"), ("risk", f"{folder}/made")]
    for words in made + [(*name.split(), *more) for name in names
                         for more in (("--nope",), (b"-\x1b[31m\xff",), (f"{folder}/none\n",), (folder, "pgd@api"))
                         if (name, more[0]) not in (("init", f"{folder}/none\n"), ("init", folder))]:
        done = subprocess.run([REDOUBT, "--log-json", *words], capture_output=True, stdin=subprocess.DEVNULL, timeout=60,
                              env={**os.environ, "REDOUBT_LOG": "debug"})
        lines = done.stderr.decode("utf-8").splitlines()
        for line in lines:
            one = json.loads(line)
            levels.add(one["level"])
            for error in log.iter_errors(one):
                complain(f"{words}: {line[:200]}: {error.message[:100]}")
        if done.returncode > 1 and not (lines and json.loads(lines[-1]).get("exit_code") == done.returncode):
            if words[0] != "check" or done.returncode != 3: # which is done: its problems are its answer
                complain(f"{words}: exit {done.returncode}, and the last line is not its error: {lines[-1:]}")
if not {"error", "progress"} <= levels:
    complain(f"only {levels}")
line = {"level": "error", "area": "x", "text": "y", "frames": ["y"], "hint": None, "exit_code": 3}
for what, wrong in {"an error without its code": {k: v for k, v in line.items() if k != "exit_code"}, "a code of success": {**line, "exit_code": 0},
                    "a level nobody knows": {**line, "level": "fatal"}, "progress without a total": {"level": "progress", "area": "x", "text": "y", "done": 1}}.items():
    if log.is_valid(wrong) or not log.is_valid(line):
        complain(f"log: not noticed: {what}")

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
