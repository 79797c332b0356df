#!/usr/bin/env bash
# bench/risk.sh BUILD - a million years of twenty scenarios on one thread and on two; then one scenario beside pyfair from
# PyPI (in a folder of its own): how often nothing is lost, and the tail.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${1:-build/release}
for threads in 1 2; do
  "$build/bench_risk" --threads "$threads" || exit 4
done
mkdir -p "$build/bench-peers"
# pyfair draws pictures when it is imported; its figures need numpy, scipy, pandas and a matplotlib to be there.
if [ ! -e "$build/bench-peers/fair/done" ]; then
  python3 -m pip install -q --root-user-action ignore --target "$build/bench-peers/fair" \
    pyfair==0.1a12 numpy scipy pandas matplotlib xlrd && touch "$build/bench-peers/fair/done" ||
    echo "risk: pyfair cannot be installed; Redoubt's figures alone"
fi
PYTHONPATH=$build/bench-peers/fair python3 bench/risk_pyfair.py "$build/redoubt"
