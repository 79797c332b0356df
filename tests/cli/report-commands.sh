#!/usr/bin/env bash
# Every command that a report prints runs, from the folder of redoubt.yaml, and says what the report said: the `check` of
# each threat, and whatever stands in report.md as `redoubt ...`. So do the console blocks of the docs, where they can.
# Small settings: what is tested is that the printed command has all of them.
. "$(dirname "$0")/lib/common.bash"
export REDOUBT

# smaller TEMPLATE: the same tests, on fewer rows and with fewer queries.
smaller() {
    case $1 in
        image-classifier) sed -i -e 's/queries: 1000}/queries: 250, epochs: 3, checkpoints: 2}/' -e 's/steps: 40}/steps: 5}/' \
            -e 's/path: eval-x.npy, labels: eval-y.npy}/path: eval-x.npy, labels: eval-y.npy, range: [100, 300]}/' "$2" ;;
        fraud-api) sed -i -e 's/queries: 3000, signal/queries: 1000, signal/' -e 's/eps: 0.1, queries: 400/eps: 0.1, queries: 60/' \
            -e 's/eps: 0.1, steps: 40/eps: 0.1, steps: 5/' -e 's/epochs: 10}/epochs: 4}/' "$2" ;;
        recommender) sed -i -e 's/shadows: 16/shadows: 4/' -e 's/runs: 5/runs: 3/' -e 's/epochs: 20}/epochs: 8}/' "$2" ;;
    esac
}

cat >"$T/follow.py" <<'EOF2'
"""follow.py FOLDER: run what report.json and report.md of FOLDER print; compare attacks with what was recorded."""
import json, os, re, shlex, subprocess, sys

folder, program = sys.argv[1], os.environ["REDOUBT"]
result = json.load(open(os.path.join(folder, "report.json")))["result"]
report = open(os.path.join(folder, "report.md"), encoding="utf-8").read()
tests = {t["id"]: t for t in result["tests"]}
bad = 0


def fail(command, text):
    global bad
    bad += 1
    print(f"FAILED: {folder}: {command}\n    {text}")


def run(command, *more):
    words = shlex.split(command)
    assert words[0] == "redoubt", command
    return subprocess.run([program, *words[1:], *more], cwd=folder, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=600)


def agree(command, test):
    """The attack run again by hand says what the assessment recorded."""
    done = run(command, "--json")
    if done.returncode:
        return fail(command, f"exit {done.returncode}: {done.stderr[-600:]}")
    now = json.loads(done.stdout)["result"]
    for key in ("outcome", "n", "successes", "interval"):
        a, b = now[key], test[key]
        if key == "interval":
            same = all(x == y or (None not in (x, y) and abs(x - y) <= 1e-6) for x, y in zip(a, b))
        else:
            same = a == b
        if not same:
            fail(command, f"{key}: {a}, recorded {b}")


ran, attacks = set(), 0
for threat in result["threats"]:
    command = threat["check"]
    if not command:
        fail(threat["id"], "no command to check it")
        continue
    ran.add(command)
    if command.startswith("redoubt attack run "):
        attacks += 1
        agree(command, tests[threat["test"]])
    else:
        done = run(command)
        if done.returncode:
            fail(command, f"exit {done.returncode}: {done.stderr[-600:]}")
        elif not threat["check_reason"]:
            fail(command, "no attack, and no reason why")

# What a person finds in report.md: in a code span, or as a line of a block.
found = re.findall(r"`(redoubt [^`\n]+)`", report) + re.findall(r"^(?:    |\$ )?(redoubt .+)$", report, re.M)
for command in sorted(set(found) - ran):
    done = run(command)
    if done.returncode:
        fail(command, f"printed in report.md; exit {done.returncode}: {done.stderr[-600:]}")
for threat in result["threats"]:
    if threat["check"] not in report:
        fail(threat["check"], "report.md does not print it")
print(f"{folder.split('/')[-1]}: {len(ran)} commands of threats, {attacks} of them attacks, {len(set(found) - ran)} others in report.md")
sys.exit(bad > 0 or attacks == 0)
EOF2

for template in image-classifier fraud-api recommender; do
    "$REDOUBT" init "$template" "$T/$template" --quiet --seed 1 || { fail "init $template"; finish; }
    smaller "$template" "$T/$template/redoubt.yaml"
    expect 0 "$REDOUBT" assess "$T/$template" --quiet --seed 1 --draws 200 --years 300
    /usr/bin/python3 "$T/follow.py" "$T/$template" || fail "$template"
done
finish
