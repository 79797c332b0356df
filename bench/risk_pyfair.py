"""One scenario in pyfair and in Redoubt: loss event frequency PERT(0.05, 0.1, 0.5) a year, loss magnitude lognormal with
90 % between 100,000 and 1,000,000. Both tails. Used by bench/risk.sh: risk_pyfair.py PROGRAM"""
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time

N, SEED = 200_000, 1
Z = 1.6448536269514722
MU, SIGMA = (math.log(1e5) + math.log(1e6)) / 2, math.log(10) / 2 / Z


def row(name, mean, none, p95, p99, above, seconds):
    print(f"{name:34s} mean {mean:9,.0f}  no loss {none:6.1%}  P95 {p95:9,.0f}  P99 {p99:11,.0f}  "
          f"P(loss > 500,000) {above:6.2%}  {seconds:5.2f} s")


def from_losses(name, losses, seconds):
    x = sorted(losses)
    n = len(x)
    row(name, sum(x) / n, sum(v == 0 for v in x) / n, x[int(0.95 * n)], x[int(0.99 * n)],
        sum(v > 5e5 for v in x) / n, seconds)


def redoubt(program):
    """PERT by its 5 % and 95 % quantiles, which is how Redoubt is told a range."""
    rng = random.Random(SEED)
    pert = sorted(0.05 + 0.45 * rng.betavariate(1 + 4 * 0.05 / 0.45, 1 + 4 * 0.4 / 0.45) for _ in range(200_000))
    text = f"""version: 1
name: beside pyfair
currency: USD
elements: [{{id: api, type: inference-api}}]
actors: [{{id: outsider, access: [labels]}}]
risk:
  scenarios:
    - id: breach
      threat: model-extraction@api
      actor: outsider
      attempts_per_year: {{low: {pert[10_000]:.5f}, high: {pert[190_000]:.5f}}}
      susceptibility: 1
      per_loss: {{low: 100000, high: 1000000}}
  appetite: [{{loss: 500000, probability: 0.05}}]
"""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "redoubt.yaml"), "w", encoding="utf-8") as f:
            f.write(text)
        start = time.perf_counter()
        done = subprocess.run([program, "risk", folder, "--json"], capture_output=True, check=True)
        seconds = time.perf_counter() - start
    r = json.loads(done.stdout)["result"]["risk"]
    q = {x["probability"]: x["value"] for x in r["quantiles"]}
    row("redoubt, 2,000,000 years", r["ale"]["value"], r["no_loss"]["value"], q[0.95], q[0.99],
        r["appetite"][0]["probability"]["value"], seconds)


def pyfair():
    try:
        import numpy as np
        import pyfair as fair
    except ImportError as missing:
        print(f"pyfair: skipped, {missing.name} is not here")
        return
    rng = np.random.default_rng(SEED)
    start = time.perf_counter()
    model = fair.FairModel(name="breach", n_simulations=N, random_seed=SEED)
    model.input_data("Loss Event Frequency", low=0.05, mode=0.1, high=0.5)
    model.input_raw_data("Loss Magnitude", rng.lognormal(MU, SIGMA, N).tolist())
    model.calculate_all()
    losses = [float(v) for v in model.export_results()["Risk"]]
    from_losses("pyfair: frequency x magnitude", losses, time.perf_counter() - start)


def compound():
    """The same inputs, compounded, in plain Python: what both should say."""
    rng = random.Random(SEED)
    start = time.perf_counter()
    losses = []
    for _ in range(N):
        rate = 0.05 + 0.45 * rng.betavariate(1 + 4 * 0.05 / 0.45, 1 + 4 * 0.4 / 0.45)
        t, total = rng.expovariate(rate), 0.0
        while t < 1:
            total += rng.lognormvariate(MU, SIGMA)
            t += rng.expovariate(rate)
        losses.append(total)
    from_losses("compound Poisson, by hand", losses, time.perf_counter() - start)


redoubt(sys.argv[1])
compound()
pyfair()
