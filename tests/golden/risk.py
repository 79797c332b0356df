"""redoubt risk: --json against docs/schema/risk.schema.json, --csv read back by Python, the figures of both the same,
a file of experts' numbers against the closed form, and what bad input hears."""
import csv
import json
import math
import os
import subprocess
import sys
import tempfile

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not installed")
    sys.exit(77)

program = os.path.join(os.environ.get("BUILD", "build/dev"), "redoubt")
with open("docs/schema/risk.schema.json", encoding="utf-8") as f:
    schema = json.load(f)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
failed = []

FILE = """version: 1
name: '=HYPERLINK("x")'
currency: USD
elements:
  - {{id: api, type: inference-api}}
assets:
  - {{id: copy, of: api, value: {{low: 100000, high: 1000000, provenance: expert, by: "=finance, x", date: 2026-11-01}}}}
actors:
  - {{id: outsider, access: [labels], budget: 100, gain: {{low: 500, high: 5000}}}}
risk:
  scenarios:
    - id: breach
      threat: model-extraction@api
      actor: outsider
{scenario}
  appetite: {appetite}
"""
PLAIN = """      attempts_per_year: 0.2
      susceptibility: {low: 0.2, high: 0.6, provenance: expert, by: red team, date: 2026-11-01}
      per_loss: {low: 100000, high: 1000000}
"""


def check(what, good):
    if not good:
        failed.append(what)
        print(f"not so: {what}")


def run(folder, scenario=PLAIN, appetite="[{loss: 500000, probability: 0.02}]", *options, fine=(0,)):
    with open(os.path.join(folder, "redoubt.yaml"), "w", encoding="utf-8") as f:
        f.write(FILE.format(scenario=scenario, appetite=appetite))
    done = subprocess.run([program, "risk", folder, "--json", "--draws", "400", "--years", "1000", *options],
                          capture_output=True, text=True, check=False)
    check(f"exit {fine} but {done.returncode}: {done.stderr[-300:]}", done.returncode in fine)
    return json.loads(done.stdout) if done.stdout else {}, done.stderr


def valid(out, what):
    for e in validator.iter_errors(out):
        check(f"{what}: {'/'.join(map(str, e.absolute_path))}: {e.message[:200]}", False)


def expert_file(folder):
    """Compound Poisson with rate x P(action) x S: mean and P(no loss) by quadrature over the declared ranges."""
    out, _ = run(folder)
    valid(out, "experts")
    risk = out["result"]["risk"]
    s = risk["scenarios"][0]
    check("an expert's word is not measured", s["expert"] and not s["measured"] and s["attack"] is None)
    check("S is the expert's", abs(s["susceptibility"]["low"] - 0.2) < 0.01 and abs(s["susceptibility"]["high"] - 0.6) < 0.01)
    check("S is never called tried", s["susceptibility_tried"]["value"] is None)
    check("nothing is measured", risk["ale_share_measured"] == 0)
    z = 1.6448536269514722
    mu, sigma = (math.log(1e5) + math.log(1e6)) / 2, math.log(10) / 2 / z
    ale = s["losses_per_year"]["value"] * math.exp(mu + sigma ** 2 / 2)
    check("the mean is rate x S x E[loss]", abs(risk["ale"]["value"] / ale - 1) < 0.02)
    logit = lambda p: math.log(p / (1 - p))
    m, d = (logit(0.2) + logit(0.6)) / 2, (logit(0.6) - logit(0.2)) / 2 / z
    grid = [(-8 + i / 50) for i in range(801)]
    weight = [math.exp(-x * x / 2) for x in grid]
    mean_s = sum(w / (1 + math.exp(-(m + d * x))) for x, w in zip(grid, weight)) / sum(weight)
    check("S has its mean", abs(s["susceptibility"]["value"] - mean_s) < 0.005)
    action = s["probability_of_action"]["value"]
    check("attempts are acted on", 0.8 < action < 1)
    check("years without a loss", abs(risk["no_loss"]["value"] - math.exp(-0.2 * mean_s * action)) < 0.004)
    check("a tornado bar for each guess",
          {"breach.susceptibility", "breach.per_loss", "outsider.gain", "action.slope"} <= {t["input"] for t in risk["tornado"]})
    for t in risk["tornado"]:
        if t["input"] == "breach.per_loss":
            check("the mean is in proportion to what a loss costs", abs(t["ale_high"] / t["ale_low"] - 10) < 1e-6)
    check("tail means are above their quantiles", all(
        t["value"] >= next(q["value"] for q in risk["quantiles"] if q["probability"] == t["level"]) for t in risk["tvar"]))
    check("the reversal names a number", s["reversal"]["words"] is not None)
    check("the gain stands beside the cost", any("the gain that is assumed is" in w for w in s["words"]))
    again, _ = run(folder, PLAIN, "[{loss: 500000, probability: 0.02}]", "--threads", "1")
    check("threads change nothing", again["result"] == out["result"])


def magnitude_of_an_asset(folder):
    """loss_when left out, a magnitude in place of per_loss: the loss is the asset's own value, capped by it."""
    out, _ = run(folder, "      attempts_per_year: 0.2\n      susceptibility: 0.5\n      magnitude: \"copy\"\n")
    valid(out, "magnitude")
    s = out["result"]["risk"]["scenarios"][0]
    check("S is certain", s["susceptibility"]["low"] == s["susceptibility"]["high"] == 0.5)
    out, _ = run(folder, "      attempts_per_year: 0.2\n      susceptibility: 0.5\n      magnitude: \"utility * copy\"\n")
    valid(out, "unquantified")
    s = out["result"]["risk"]["scenarios"][0]
    check("a word that nobody measured is no money", not s["quantified"] and "'utility'" in s["reason"])


def tables(folder):
    path = os.path.join(folder, "r.csv")
    out, _ = run(folder, PLAIN, "[{loss: 500000, probability: 0.02}]", "--csv", path)
    with open(path, newline="", encoding="utf-8") as f:
        text = f.read()
    rows = list(csv.DictReader(text.splitlines(keepends=True)))
    check("RFC 4180 line ends", text.endswith("\r\n") and "\n" not in text.replace("\r\n", ""))
    check("as many cells everywhere", all(None not in r and None not in r.values() for r in rows))
    risk = out["result"]["risk"]
    curve = [r for r in rows if r["table"] == "exceedance"]
    check("the curve of both is the same", [float(r["value"]) for r in curve] == [e["probability"] for e in risk["exceedance"]])
    check("all tables are there", {r["table"] for r in rows} >= {
        "total", "quantile", "tvar", "exceedance", "appetite", "scenario", "tornado"})
    for r in rows:
        for cell in r.values():
            check(f"a formula: {cell}", cell[:1] not in "=+@" or cell[:1] == "")


def counted(folder):
    """Attempts that were counted: gamma-Poisson, in closed form; prior and posterior are told."""
    declared = "      attempts_per_year: {low: 0.5, high: 5}\n      susceptibility: 0.5\n      per_loss: 1000\n"
    out, _ = run(folder, declared + "      observed: {attempts: 2, years: 4, detection: 0.5}\n")
    valid(out, "observed attempts")
    z = 1.6448536269514722
    mu, sigma = (math.log(0.5) + math.log(5)) / 2, math.log(10) / 2 / z
    shape = 1 / (math.exp(sigma ** 2) - 1)
    mean = math.exp(mu + sigma ** 2 / 2)
    want = (shape + 2) / (shape / mean + 4 * 0.5)
    u = out["result"]["risk"]["scenarios"][0]["attempts_updated"]
    check("prior mean", abs(u["declared"]["value"] - mean) < 1e-9)
    check("posterior mean", abs(u["posterior"]["value"] - want) < 1e-9)
    out, _ = run(folder, declared + "      observed: {losses: 0, years: 10}\n")
    valid(out, "observed losses")
    s = out["result"]["risk"]["scenarios"][0]
    check("quiet years lower what is expected", s["losses_updated"]["after"]["value"] < s["losses_updated"]["before"]["value"] / 2)


def exits(folder):
    run(folder, PLAIN, "[{loss: 1, probability: 0.0001}]", "--fail-on", "appetite", fine=(1,))
    run(folder, PLAIN, "[{loss: 1.0e9, probability: 0.5}]", "--fail-on", "appetite")
    _, said = run(folder, PLAIN, "[]", "--fail-on", "appetite", fine=(2,))
    check("no appetite is a usage error", "declares no appetite" in said)


def as_markdown(folder):
    """What nobody tried has no chance that was tried."""
    run(folder)
    done = subprocess.run([program, "assess", folder, "--quiet"], capture_output=True, text=True, check=False)
    check(f"assess: {done.stderr[-300:]}", done.returncode == 0)
    with open(os.path.join(folder, "report.md"), encoding="utf-8") as f:
        text = f.read()
    check("an expert's word", "(an expert's word) |" in text and "(tried: )" not in text)


def mistakes(folder):
    """What the file hears, and where."""
    for scenario, words in (
        ("      attempts_per_year: -1\n      susceptibility: 0.5\n      per_loss: 1\n", "15:26:"),
        ("      susceptibility: {low: 0.6, high: 0.2}\n      per_loss: 1\n",
         "expected low to be at most high, found 0.6 and 0.2"),
        ("      susceptibility: 1.5\n      per_loss: 1\n", "susceptibility"),
        ("      susceptibility: 0.5\n      per_loss: -1\n", "per_loss"),
        ("      per_loss: 1\n", "key 'loss_when' is missing"),
        ("      susceptibility: 0.5\n      magnitude: \"copy / 0\"\n", "character 6: division by zero"),
        ("      susceptibility: 0.5\n      magnitude: \"copy + objects\"\n      objects: 4\n      queries_per_object: 1\n",
         "character 6: '+' joins money ('copy') and a count ('objects'); multiply the other by what one of it costs"),
        ("      loss_when: \"utility >= copy\"\n      magnitude: \"1\"\n",
         "character 9: '>=' joins a share ('utility') and money ('copy')"),
        ("      susceptibility: 0.5\n      magnitude: \"copy * copy\"\n",
         "character 6: money ('copy') times money ('copy') is no money"),
        ("      susceptibility: 0.5\n      magnitude: \"cop * 2\"\n", "unknown name 'cop'; did you mean 'copy'?"),
        ("      susceptibility: 0.5\n      per_loss: 1\n      observed: {years: 2}\n", "key 'attempts' is missing"),
    ):
        _, said = run(folder, scenario, "[]", fine=(3,))
        check(f"{words!r} of {said!r}", words in said)


with tempfile.TemporaryDirectory() as folder:
    for test in (expert_file, magnitude_of_an_asset, tables, counted, exits, as_markdown, mistakes):
        test(folder)
sys.exit(1 if failed else 0)
