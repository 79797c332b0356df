"""docs/schema/redoubt.schema.json against python3-jsonschema: it takes what `redoubt check` takes, and
refuses, as `redoubt check` does, what one place of a file can show to be wrong."""
import copy
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed (python3-jsonschema, python3-yaml)")
    sys.exit(77)

REDOUBT = os.environ.get("REDOUBT", "build/dev/redoubt")


class Core(yaml.SafeLoader):
    """YAML 1.2 core: PyYAML speaks 1.1, where yes is true and 2026-11-01 a date."""


Core.yaml_implicit_resolvers = {}
Core.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(~|null|Null|NULL|)$"), None)
Core.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), None)
Core.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), None)
Core.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"), None)


def load(path):
    with open(path, encoding="utf-8") as f:
        return yaml.load(re.sub(r"\$\{[a-z_]+\}", "0.95", f.read()), Core)


def at(doc, path):
    for step in path[:-1]:
        doc = doc[step]
    return doc, path[-1]


def put(*path_and_value):
    *path, value = path_and_value

    def change(doc):
        where, key = at(doc, path)
        where[key] = value
    return change


def drop(*path):
    def change(doc):
        where, key = at(doc, path)
        del where[key]
    return change


BROKEN = {
    "no version": drop("version"),
    "a newer version": put("version", 2),
    "an unknown key": put("elemnts", []),
    "an unknown key of an element": put("elements", 0, "colour", "red"),
    "an element without type": drop("elements", 0, "type"),
    "a type of element that is none": put("elements", 0, "type", "database"),
    "a property of another type": put("elements", 0, "properties", "quota", "yes"),
    "a word that the property does not have": put("elements", 4, "properties", "exposure", "moon"),
    "an id with a capital": put("boundaries", 0, "id", "Internet"),
    "a currency of four letters": put("currency", "USDX"),
    "a host with a scheme": put("scope", "hosts", ["http://127.0.0.1"]),
    "a negative value": put("assets", 1, "value", -1),
    "a value with its unit": put("assets", 1, "value", "40 USD"),
    "an expert without a name": drop("assets", 0, "value", "by"),
    "an expert without a date": drop("assets", 0, "value", "date"),
    "a provenance that is none": put("assets", 0, "value", "provenance", "guess"),
    "a range without its end": drop("assets", 0, "value", "high"),
    "an access that is none": put("actors", 0, "access", ["keys"]),
    "access without a list": put("actors", 0, "access", "labels"),
    "a model without a path": drop("artifacts", 0, "path"),
    "a model with epochs": put("artifacts", 0, "epochs", 3),
    "a recipe without data": drop("artifacts", 3, "data"),
    "a range of one": put("artifacts", 2, "range", [0]),
    "a control without state": drop("controls", 0, "state"),
    "coverage above one": put("controls", 0, "coverage", 1.5),
    "a threat without element": put("tests", 0, "threat", "model-extraction"),
    "no runs": put("tests", 0, "runs", 0),
    "settings that are nested": put("tests", 0, "set", {"queries": {"a": 1}}),
    "a probability above one": put("risk", "scenarios", 0, "secondary", "probability", 1.2),
    "an uncertain probability above one":
        put("risk", "scenarios", 0, "untried_stronger", {"low": 0.2, "high": 1.5}),
    "a scenario without loss_when": drop("risk", "scenarios", 0, "loss_when"),
    "a way of manipulation that is none": put("risk", "scenarios", 1, "manipulation", "magic"),
    "half an object": put("risk", "scenarios", 1, "objects", 0.5),
    "a decision that is none": put("states", 0, "decision", "ignored"),
    "a decision without reason": drop("states", 0, "why"),
    "a date as people write it": put("states", 0, "until", "30.6.2027"),
    "a list where a map belongs": put("risk", []),
}
# What check accepts too: as a Norwegian might write it.
FINE = {
    "truth values": put("elements", 0, "properties", "identity_verified", False),
    "a version of a name that is a number": put("name", 2026),
    "a fraction": put("artifacts", 2, "scale", "1/127.5"),
    "a plain probability": put("risk", "scenarios", 0, "untried_stronger", 0.3),
    "an expert's word in place of a condition":
        put("risk", "scenarios", 0, {"id": "word", "threat": "model-extraction@inference-api", "actor": "competitor",
                                     "susceptibility": {"low": 0.1, "high": 0.4}, "magnitude": 1000}),
    "no tests": drop("tests"),
    "a condition that always holds": put("risk", "scenarios", 0, "loss_when", True),
}


def schema_of(command):
    with open(f"docs/schema/{command}.schema.json", encoding="utf-8") as f:
        loaded = json.load(f)
    jsonschema.Draft202012Validator.check_schema(loaded)
    return jsonschema.Draft202012Validator(loaded)


def run(*arguments):
    """What a command prints with --json, which its own schema must take."""
    done = subprocess.run([REDOUBT, *arguments, "--json"], capture_output=True, text=True)
    assert done.returncode in (0, 3), done.stderr
    out = json.loads(done.stdout)
    schema_of(arguments[0]).validate(out)
    return out["result"]


def check(doc):
    """What redoubt check thinks of it: JSON is YAML."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "redoubt.yaml")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(doc, f, indent=1)
        return run("check", path)


def commands_print_what_their_schemas_say():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "redoubt.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write("version: 0\nzones: [{id: a}]\n")
        assert run("migrate", path, "--dry-run")["text"] == "version: 1\nboundaries: [{id: a}]\n"
        assert run("migrate", path) == {"changed": True, "from": 0, "to": 1, "text": None}
        assert run("migrate", path)["changed"] is False
        with open(path, "w", encoding="utf-8") as f:
            f.write("version: [\n")
        assert run("check", path)["problems"][0]["line"] > 0
    assert run("schema")["title"] == "redoubt.yaml, version 1"
    assert run("schema", "--reference").startswith("# redoubt.yaml")
    # A schema that takes everything proves nothing.
    for command, wrong in (("check", {"ok": True}), ("migrate", {"changed": 1}), ("schema", 5)):
        envelope = {"schema": f"redoubt/{command}", "version": 1, "tool": {"name": "a", "version": "b"},
                    "result": wrong, "run": {"seed": "1", "threads": 1, "file": "x"}, "warnings": []}
        assert not schema_of(command).is_valid(envelope), command


def main():
    with open("docs/schema/redoubt.schema.json", encoding="utf-8") as f:
        schema = json.load(f)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    wrong = 0

    def expect(what, fine, doc):
        nonlocal wrong
        errors = [f"{list(e.absolute_path)}: {e.message}"[:200] for e in validator.iter_errors(doc)]
        if fine == bool(errors):
            print(f"{what}: schema {'refuses: ' + '; '.join(errors[:3]) if errors else 'accepts it'}")
            wrong += 1

    commands_print_what_their_schemas_say()
    paths = ["tests/fixtures/system/full.yaml", *glob.glob("templates/*.yaml"), *glob.glob("examples/*/redoubt.yaml")]
    for path in paths:
        expect(path, True, load(path))
    full = load(paths[0])
    for cases, fine in ((BROKEN, False), (FINE, True)):
        for what, change in cases.items():
            doc = copy.deepcopy(full)
            change(doc)
            expect(what, fine, doc)
            result = check(doc)
            # The fixture names a control and settings that registries of the program know.
            if result["ok"] != fine:
                print(f"{what}: check says {result['problems'][:3]}")
                wrong += 1
    print(f"{len(paths)} files, {len(BROKEN)} broken and {len(FINE)} unusual variants, {wrong} wrong")
    return 1 if wrong else 0


sys.exit(main())
