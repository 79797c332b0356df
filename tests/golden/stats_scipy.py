"""Our exp, log, gamma, beta, normal, t, counts and intervals against scipy and 50-digit arithmetic (mpmath)."""
import ctypes
import os
import subprocess
import sys

try:
    import mpmath
    import numpy as np
    from scipy import stats, special
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

build = os.path.join(os.environ.get("BUILD", "build"), "stats_scipy.so")
subprocess.run(
    [os.environ.get("CC", "cc"), "-std=gnu17", "-O2", "-D_GNU_SOURCE", "-ffp-contract=off", "-shared", "-fPIC",
     "-Isrc", "-Iinclude", "src/stats/special.c", "src/stats/interval.c", "src/stats/dist.c", "src/base/rng.c",
     "src/base/error.c", "-o", build, "-lm"],
    check=True)
lib = ctypes.CDLL(os.path.abspath(build))
mpmath.mp.dps = 50
failures = 0


def ours(name, *args):
    f = getattr(lib, name)
    f.restype = ctypes.c_double
    f.argtypes = [ctypes.c_double] * len(args)
    return f(*args)


def report(what, worst, limit, at):
    global failures
    ok = worst <= limit
    failures += not ok
    print(f"{'ok  ' if ok else 'FAIL'} {what}: worst {worst:.2g} (limit {limit:.2g}) at {at}")


def against(what, limit, points, mine, reference, absolute=0.0):
    """Largest relative difference; values below `absolute` are compared as if they were of that size."""
    worst, at = 0.0, None
    for p in points:
        p = p if isinstance(p, tuple) else (p,)
        want = reference(*p)
        got = mine(*p)
        size = max(abs(want), absolute)
        miss = float(abs(mpmath.mpf(got) - want) / size) if size else float(got != 0)
        if not miss <= worst:
            worst, at = miss, p
    report(what, worst, limit, at)


rng = np.random.default_rng(1)
ULP = 2.0 ** -52
wide = [float(x) for x in np.concatenate([rng.uniform(-700, 700, 3000), rng.normal(0, 1, 3000)])]
positive = [float(x) for x in np.concatenate([10 ** rng.uniform(-300, 300, 3000), rng.uniform(0.3, 3, 3000)])]
small = [float(x) for x in np.concatenate([rng.uniform(-0.9, 3, 3000), 10 ** rng.uniform(-18, 0, 2000)])]
# One unit in the last place is between half an ULP and one ULP of the value.
against("exp", ULP, wide, lambda x: ours("rd_exp", x), lambda x: mpmath.exp(mpmath.mpf(x)))
against("log", ULP, positive, lambda x: ours("rd_log", x), lambda x: mpmath.log(mpmath.mpf(x)))
against("expm1", 4 * ULP, small, lambda x: ours("rd_expm1", x), lambda x: mpmath.expm1(mpmath.mpf(x)))
against("log1p", 4 * ULP, small, lambda x: ours("rd_log1p", x), lambda x: mpmath.log1p(mpmath.mpf(x)))
against("log gamma", 1e-14, [float(x) for x in 10 ** rng.uniform(-3, 12, 1500)],
        lambda x: ours("rd_log_gamma", x), lambda x: mpmath.loggamma(mpmath.mpf(x)), absolute=1.0)

p01 = [float(x) for x in np.concatenate([rng.uniform(0, 1, 2000), 10 ** rng.uniform(-300, -1, 1000)])]
against("normal quantile", 5e-15, [p for p in p01 if p > 0], lambda p: ours("rd_normal_quantile", p),
        lambda p: mpmath.mpf(float(special.ndtri(p))), absolute=1e-3)
against("normal cdf", 1e-12, [float(x) for x in rng.uniform(-37, 8, 1500)], lambda x: ours("rd_normal_cdf", x),
        lambda x: mpmath.ncdf(mpmath.mpf(x)))

shapes = [float(x) for x in 10 ** rng.uniform(-1.5, 6, 800)]
points = []
for a in shapes:
    b = float(10 ** rng.uniform(-1.5, 6))
    points.append((float(stats.beta.ppf(rng.uniform(1e-6, 1 - 1e-6), a, b)), a, b))
points = [q for q in points if 1e-300 < q[0] < 1 - 1e-15]


def exact_beta(x, a, b):
    """50 digits: scipy 1.10 is off by 3e-6 near 1 with b below 1/10. For shapes that mpmath can sum."""
    x, a, b = mpmath.mpf(x), mpmath.mpf(a), mpmath.mpf(b)
    if x > a / (a + b):
        return 1 - mpmath.betainc(b, a, 0, 1 - x, regularized=True)
    return mpmath.betainc(a, b, 0, x, regularized=True)


against("incomplete beta", 1e-11, [q for q in points if q[1] + q[2] < 2000][:250],
        lambda x, a, b: ours("rd_beta_cdf", x, a, b), exact_beta)
against("incomplete beta, large shapes (scipy itself keeps 8 digits)", 1e-8, [q for q in points if q[1] + q[2] >= 2000 and min(q[1:]) > 1],
        lambda x, a, b: ours("rd_beta_cdf", x, a, b), lambda x, a, b: mpmath.mpf(float(special.betainc(a, b, x))))
against("incomplete gamma", 1e-10, [(float(stats.gamma.ppf(rng.uniform(1e-6, 1), a)), a) for a in shapes],
        lambda x, a: ours("rd_gamma_cdf", x, a), lambda x, a: mpmath.mpf(float(special.gammainc(a, x))))
# scipy 1.10's own t quantile is good to 1e-9 only: put ours back through 50-digit arithmetic instead.
against("t quantile, back through the distribution", 1e-12,
        [(float(rng.uniform(1e-6, 0.5)), float(10 ** rng.uniform(-0.3, 3))) for _ in range(300)], lambda p, df: p,
        lambda p, df: exact_beta(df / (df + ours("rd_t_quantile", p, df) ** 2), df / 2, 0.5) / 2)


def counts(what, draws, mine, reference):
    """Exact but where u lies within rounding of a step of either distribution function."""
    off = [(d, mine(*d), reference(*d)) for d in draws if mine(*d) != reference(*d)]
    report(what, len(off) / len(draws), 0.002, off[:1])


counts("Poisson quantile", [(float(rng.uniform()), float(10 ** rng.uniform(-3, 6))) for _ in range(3000)],
       lambda u, r: ours("rd_poisson_quantile", u, r), lambda u, r: float(stats.poisson.ppf(u, r)))
counts("binomial quantile", [(float(rng.uniform()), float(rng.integers(1, 20000)), float(rng.uniform())) for _ in range(3000)],
       lambda u, n, p: ours("rd_binomial_quantile", u, n, p), lambda u, n, p: float(stats.binom.ppf(u, int(n), p)))
# Above 10^6 by expansion: within one count of the step that u lies on (scipy's own quantile is off by thousands there).
big = [(float(rng.uniform(1e-4, 1 - 1e-4)), float(10 ** rng.uniform(6, 12))) for _ in range(1000)]
wrong = 0
for u, r in big:
    k = ours("rd_poisson_quantile", u, r)
    wrong += not special.gammaincc(k - 1, r) <= u <= special.gammaincc(k + 2, r)  # P(K <= k - 2), P(K <= k + 1)
report("Poisson quantile above 10^6, more than a count off", wrong / len(big), 0.0, "")


class Ci(ctypes.Structure):
    _fields_ = [("value", ctypes.c_double), ("low", ctypes.c_double), ("high", ctypes.c_double)]


lib.rd_ci_proportion.restype = Ci
lib.rd_ci_proportion.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_double]
lib.rd_mcnemar_exact.restype = ctypes.c_double
lib.rd_mcnemar_exact.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
worst = 0.0
for _ in range(400):
    n = int(10 ** rng.uniform(0, 5))
    k = int(rng.integers(0, n + 1))
    ci = lib.rd_ci_proportion(k, n, 0.95)
    want = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
    worst = max(worst, abs(ci.low - want.low), abs(ci.high - want.high))
report("Clopper-Pearson", worst, 1e-10, "")
worst = 0.0
for _ in range(300):
    b, c = int(rng.integers(0, 200)), int(rng.integers(0, 200))
    want = stats.binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    worst = max(worst, abs(lib.rd_mcnemar_exact(b, c) - want))
report("McNemar", worst, 1e-10, "")
sys.exit(1 if failures else 0)
