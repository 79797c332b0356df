#!/usr/bin/env bash
# bench/attacks.sh BUILD - attacks side by side with ART from PyPI (in a folder of its own): CPU seconds and strength.
#   RD_BENCH_ATTACKS="copycat knockoff" bash bench/attacks.sh build/release      only these
set -u
cd "$(dirname "$0")/.." || exit 1
build=${1:-build/release}
if [ ! -e ../shared/models/mnist-cnn.onnx ]; then
  echo "attacks: skipped, ../shared/models/mnist-cnn.onnx is not here"
  exit 0
fi
mkdir -p "$build/bench-peers"
# Pure Python: beside Debian's own torch, no second copy of it.
[ -d "$build/bench-peers/art" ] ||
  python3 -m pip install -q --root-user-action ignore --no-deps --target "$build/bench-peers" adversarial-robustness-toolbox==1.20.1 tqdm six packaging ||
  { echo "attacks: skipped, ART cannot be installed"; exit 0; }
OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONPATH=$build/bench-peers /usr/bin/python3 bench/attacks_art.py "$build/redoubt"
