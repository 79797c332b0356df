"""redoubt roadmap against brute force from its own figures: the set, shares of the draws, reversal points, sums; then CSV
and Markdown with hostile names, and the words for what cannot be bought, is not known or makes things worse."""
import csv
import itertools
import json
import math
import os
import re
import subprocess
import sys
import tempfile

program = os.path.join(os.environ.get("BUILD", "build/dev"), "redoubt")
failed = []
SIZE = ["--draws", "200", "--years", "100"]


def check(what, good):
    if not good:
        failed.append(what)
        print(f"not so: {what}")


HEAD = """version: 1
name: {name}
currency: USD
elements:
  - {{id: api, type: inference-api}}
actors:
  - {{id: thief, access: [labels]}}
"""


def system(controls, scenarios, roadmap="", name="A plan"):
    lines = [HEAD.format(name=name), "controls:\n" if controls else "controls: []\n"]
    for c in controls:
        expects = ", ".join(f"{{scenario: {s}, susceptibility: {v!r}}}" for s, v in c.get("expects", {}).items())
        lines.append(f"  - {{id: {c['id']}, kind: signing, at: api, state: {c.get('state', 'proposed')}, "
                     f"cost_per_year: {c.get('cost', 0)}, requires: [{', '.join(c.get('requires', []))}], "
                     f"coverage: {c.get('coverage', 1)}, expects: [{expects}]{c.get('more', '')}}}\n")
    lines.append(f"risk:\n{roadmap}  scenarios:\n")
    for s in scenarios:
        lines.append(f"    - {{id: {s['id']}, threat: evasion@api, actor: thief, attempts_per_year: {s['rate']}, "
                     f"susceptibility: {s['s']}, per_loss: {s['loss']}}}\n")
    return "".join(lines)


def run(folder, text, *options, command="roadmap", fine=0):
    with open(os.path.join(folder, "redoubt.yaml"), "w", encoding="utf-8") as f:
        f.write(text)
    done = subprocess.run([program, command, folder, *SIZE, *options], capture_output=True, text=True, check=False)
    check(f"exit {fine} but {done.returncode}: {done.stderr[-300:]}", done.returncode == fine)
    return done.stdout, done.stderr


def plan(folder, text, *options):
    out, _ = run(folder, text, "--json", "--include-expected", "--no-confirm", *options)
    return json.loads(out)["result"]["roadmap"]


SCENARIOS = [{"id": "s0", "rate": 2, "s": 0.5, "loss": 1000}, {"id": "s1", "rate": 1, "s": 0.4, "loss": 5000},
             {"id": "s2", "rate": 4, "s": 0.1, "loss": 2000}]
# Effects on one and on several scenarios, one that harms, a prerequisite without an effect, a chain, ties.
CONTROLS = [
    {"id": "c0", "cost": 300, "expects": {"s0": 0.1}},
    {"id": "c1", "cost": 250, "expects": {"s0": 0.2, "s1": 0.35}},
    {"id": "c2", "cost": 900, "expects": {"s1": 0.05}, "requires": ["c6"]},
    {"id": "c3", "cost": 120, "expects": {"s2": 0.06}},
    {"id": "c4", "cost": 610, "expects": {"s0": 0.25, "s1": 0.2, "s2": 0.05}, "coverage": 0.9},
    {"id": "c5", "cost": 40, "expects": {"s0": 0.9, "s2": 0.02}},
    {"id": "c6", "cost": 80},
    {"id": "c7", "cost": 500, "expects": {"s1": 0.22}, "requires": ["c3"]},
    {"id": "c8", "cost": 500, "expects": {"s1": 0.22}, "requires": ["c3"]},
]


def alone(folder, control):
    """Loss of each scenario with this control in place, scenario by scenario, from the program: one system each."""
    out = {}
    for s in SCENARIOS:
        if s["id"] in control.get("expects", {}):
            c = {**control, "requires": [], "cost": 0, "expects": {s["id"]: control["expects"][s["id"]]}}
            r = plan(folder, system([{**c, "state": "active"}], [s]))
            out[s["id"]] = r["ale_before"]
    return out


def brute(base, effects, budget):
    """The best set by hand: each scenario at the lowest loss that a member leaves; harm counts where nothing helps."""
    best, best_set = 0.0, ()
    for n in range(len(CONTROLS) + 1):
        for chosen in itertools.combinations(CONTROLS, n):
            ids = {c["id"] for c in chosen}
            cost = sum(c["cost"] for c in chosen)
            if cost > budget or any(r not in ids for c in chosen for r in c.get("requires", [])):
                continue
            worth = -cost
            for s, loss in base.items():
                left = [effects[c["id"]][s] for c in chosen if s in effects[c["id"]]]
                worth += loss - min(left) if left else 0
            if worth > best + 1e-9:
                best, best_set = worth, tuple(sorted(ids))
    return best, best_set


def against_brute_force(folder):
    base = {s["id"]: plan(folder, system([], [s]))["ale_before"] for s in SCENARIOS}
    effects = {c["id"]: alone(folder, c) for c in CONTROLS}
    for budget in (1e9, 1500, 1000, 700, 450, 130):
        r = plan(folder, system(CONTROLS, SCENARIOS, f"  roadmap: {{budget: {budget}}}\n"))
        worth, want = brute(base, effects, budget)
        ids = tuple(sorted(s["control"] for s in r["steps"]))
        check(f"budget {budget}: {ids}, by hand {want}", ids == want and r["method"] == "exact")
        check(f"budget {budget}: its worth", abs(r["ale_before"] - r["ale_after"] - r["cost"] - worth) < 1e-6 * r["ale_before"])
        check("the loss before is that of the scenarios", abs(sum(base.values()) / r["ale_before"] - 1) < 1e-9)
        check("costs add up and keep the budget",
              abs(sum(s["cost"] for s in r["steps"]) - r["cost"]) < 1e-9 and r["cost"] <= budget)
        place = {s["control"]: i for i, s in enumerate(r["steps"])}
        check("what is required comes first", all(place[q] < place[s["control"]] for s in r["steps"] for q in s["requires"]))
        left = r["ale_before"]
        for s in r["steps"]:
            check(f"{s['control']}: what it adds", abs(left - s["ale_after"] - s["cost"] - s["net"]["value"]) < 1e-6 * left)
            check("shares are shares", 0 <= s["p_in_best_set"] <= 1 and s["expected"] == (s["control"] != "c6"))
            left = s["ale_after"]
        for s in r["steps"]:
            curve = [e["probability"] for e in s["exceedance"]]
            check("a curve does not rise", curve == sorted(curve, reverse=True))


def with_cost(control, cost):
    return [{**c, "cost": cost} if c["id"] == control else c for c in CONTROLS]


def reversals(folder):
    """Just below the reversal point and just above it the decision is another one."""
    for budget in (1e9, 1000):
        pace = f"  roadmap: {{budget: {budget}}}\n"
        r = plan(folder, system(CONTROLS, SCENARIOS, pace))
        rows = [(s["control"], s["reversal"]) for s in r["steps"]] + [
            (x["control"], x["reversal"]) for x in r["left_out"] if x["reversal"]["value"] is not None]
        check("there is something to turn", len(rows) > 3)
        for control, turn in rows:
            value = turn["value"]
            if control == "c6":
                continue  # its own effect is that of what needs it
            inside = []
            for cost in (value * 0.999, value * 1.001):
                again = plan(folder, system(with_cost(control, round(cost, 6)), SCENARIOS, pace))
                inside.append(control in {s["control"] for s in again["steps"]})
            check(f"budget {budget}: {control} turns at {value}: {inside} ({turn['words']})", inside == [True, False])


def shares(folder):
    """A cost that is a range decides by chance; with plain numbers all draws agree with the choice but for the luck of years."""
    one = [{"id": "a", "cost": "{low: 100, high: 4000}", "expects": {"s1": 0.1}}]
    r = plan(folder, system(one, SCENARIOS))
    rows = {x["control"]: x["p_in_best_set"] for x in r["steps"] + r["left_out"]}
    # saved: 1500; P(cost < 1500) of a lognormal with these quantiles
    z = 1.6448536269514722
    mu, sigma = (math.log(100) + math.log(4000)) / 2, math.log(40) / 2 / z
    want = 0.5 * (1 + math.erf((math.log(1500) - mu) / sigma / math.sqrt(2)))
    check(f"P(in the best set) {rows} is about {want}", abs(rows["a"] - want) < 0.08)


def active_is_combined(folder):
    """The set set active is the combination that was run."""
    out, _ = run(folder, system(CONTROLS, SCENARIOS), "--json", "--include-expected")
    r = json.loads(out)["result"]["roadmap"]
    chosen = {s["control"] for s in r["steps"]}
    controls = [{**c, "state": "active" if c["id"] in chosen else "proposed"} for c in CONTROLS]
    out, _ = run(folder, system(controls, SCENARIOS), "--json", command="risk")
    risk = json.loads(out)
    check("active, it is what it was together", risk["result"]["risk"]["ale"]["value"] == r["combined"]["ale"])
    check("and is no measurement", risk["result"]["risk"]["ale_share_measured"] == 0)
    check("with a warning", any("what was expected of it, not a measurement" in w for w in risk["warnings"]))
    out, said = run(folder, system(CONTROLS, SCENARIOS), "--json")
    r = json.loads(out)["result"]["roadmap"]
    check("nothing is expected unasked", r["steps"] == [] and r["ale_after"] == r["ale_before"])
    check("the reason names the option", all("--include-expected" in x["reason"] for x in r["left_out"] if x["control"] != "c6"))


def columns():
    """The columns that docs/roadmap.md names."""
    with open("docs/roadmap.md", encoding="utf-8") as f:
        text = f.read()
    table = text[text.index("## Columns of the CSV"):]
    return [c for row in re.findall(r"^\| (`[^|]*) \|", table, re.M) for c in re.findall(r"`(\w+)`", row)]


def tables(folder):
    bad = '=cmd|\' /C calc\'!A0,\\n<script>alert(1)</script> | [x](http://e)'
    controls = [{"id": "a", "cost": 10, "expects": {"s0": 0.1}, "more": f', name: "{bad}", owner: "{bad}"'},
                {"id": "b", "cost": 1e6, "expects": {"s0": 0.1}, "more": f', name: "+{bad}"'}]
    c, m = os.path.join(folder, "r.csv"), os.path.join(folder, "r.md")
    text, _ = run(folder, system(controls, SCENARIOS, name=f'"@{bad}"'), "--include-expected", "--csv", c, "--markdown", m)
    with open(c, newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    check(f"columns: {list(rows[0])}", list(rows[0]) == columns())
    check("as many cells everywhere", all(None not in r and None not in r.values() for r in rows))
    check("rows", [r["row"] for r in rows] == ["step", "left out", "do nothing"])
    check("labeled", rows[0]["expected"] == "yes" and rows[0]["static"] == "no")
    check("numbers", float(rows[0]["cost"]) == 10 and float(rows[0]["ale_after"]) < float(rows[2]["ale_after"]))
    for r in rows:
        for key, cell in r.items():
            check(f"a formula in {key}: {cell!r}", not cell.lstrip().startswith(("=", "+", "@", "-")) or re.fullmatch(r"-[\d.e+-]+", cell))
    with open(m, encoding="utf-8") as f:
        md = f.read()
    check("no tag, no link", not re.search(r"(?<!\\)<script|(?<!\\)\](?!\\)\(http", md))
    row = next(x for x in md.splitlines() if x.startswith("| 1 |"))
    check("a name adds no cell", len(re.findall(r"(?<!\\)\|", row)) == 11)
    check("labeled in Markdown and at the terminal", "expected, not measured" in row and "expected, not measured" in text)
    check("no control character reaches the terminal", not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text))


def words(folder):
    for controls, roadmap, option, said in (
        ([{"id": "a", "cost": 10}], "", "--no-confirm", "Nothing was measured"),
        ([{"id": "a", "cost": 10}], "", "--no-confirm", "scenario 's0': untried: no actor holds what the attack needs"),
        ([{"id": "a", "cost": 10}], "", "--no-confirm", f"then try it: redoubt roadmap {folder}"),
        ([{"id": "a", "expects": {"s0": 0.1}}], "", "--no-confirm", f"of 1 control, labeled so: redoubt roadmap {folder} --include-expected"),
        ([{"id": "a", "expects": {"s0": 0.9}}], "", "--include-expected", "makes things worse: the expected loss rises by "),
        ([{"id": "a", "cost": "{low: 10, high: 4000}", "expects": {"s0": 0.1}}], "  roadmap: {budget: 900}\n", "--include-expected",
         "over the budget: 1,050 USD a year in full on average, though it may turn out to cost less"),
        ([{"id": "a", "cost": 901, "expects": {"s0": 0.1}}], "  roadmap: {budget: 900}\n", "--include-expected",
         "No proposed control whose effect is known fits the budget."),
        ([{"id": "a", "expects": {"s0": 0.1}}], "  roadmap: {budget: 0}\n", "--include-expected", "fits the budget because it is free"),
        ([{"id": "a", "expects": {"s0": 0.1}, "more": ", quarter: 2020-Q1"}], "", "--include-expected", "2020-Q1, which is over"),
        ([{"id": "a", "state": "active"}], "", "--include-expected", "No control is proposed"),
    ):
        out, err = run(folder, system(controls, SCENARIOS, roadmap), option)
        check(f"{said!r} of {out!r}", said in out + err)
        check("nothing twice", "not measured: its effect is not measured" not in out and "not measured: not" not in out)


def too_large(folder):
    """More than 8 MiB: both sizes, and what to leave out."""
    _, said = run(folder, system([], SCENARIOS) + "# " + "x" * (8 << 20) + "\n", fine=3)
    check(f"a file that is too large: {said}", "at most 8388608 are read" in said and "hint: leave out what is retired" in said)


with tempfile.TemporaryDirectory() as folder:
    for test in (against_brute_force, reversals, shares, active_is_combined, tables, words, too_large):
        test(folder)
sys.exit(1 if failed else 0)
