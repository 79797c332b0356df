#!/usr/bin/env python3
"""The table of tests/unit/stats/test_rdp.c, computed from the definition: one integral in 40 digits.

Checked with mpmath 1.2.1. Prints a row for each and fails when the table says otherwise.
"""
import re
import sys

try:
    import mpmath as mp
except ImportError:
    print("skipped: python3-mpmath is not installed")
    sys.exit(77)
mp.mp.dps = 40


def divergence(q, s, a):
    """Renyi divergence of order a of (1 - q) N(0, s^2) + q N(1, s^2) from N(0, s^2)."""
    def ratio(z):
        return mp.npdf(z, 0, s) * ((1 - q) + q * mp.exp((2 * z - 1) / (2 * s * s))) ** a
    cuts = sorted({-mp.inf, -20 * s, -5 * s, mp.mpf(0), mp.mpf(1), a / 2, a, a + 5 * s, a + 20 * s, mp.inf})
    return mp.log(mp.quad(ratio, cuts)) / (a - 1)


text = open("tests/unit/stats/test_rdp.c", encoding="utf-8").read().split("KNOWN")[0]
rows = re.findall(r"\{ ([\d.]+), ([\d.]+), ([\d.]+), ([\d.e-]+) \},", text)
assert len(rows) >= 9, "the table is not where it was"
bad = 0
for q, s, a, want in rows:
    got = divergence(mp.mpf(q), mp.mpf(s), mp.mpf(a))
    print(q, s, a, mp.nstr(got, 17))
    if abs(got - mp.mpf(want)) > mp.mpf("1e-15") * got:
        print("  the table says", want)
        bad = 1
sys.exit(bad)
