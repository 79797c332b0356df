#!/usr/bin/env bash
# bench/run.sh BUILD - every figure, one after the other. Times are wall-clock medians: run it on a quiet machine.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${1:-build/release}
model=../shared/models/mnist-cnn.onnx
data=../shared/models/mnist-eval-x.npy
printf '%s, %s processors, load %s\n\n' "$(uname -mr)" "$(nproc)" "$(cut -d' ' -f1-3 /proc/loadavg)"
if [ -e "$model" ]; then
  for threads in 1 2; do "$build/bench_engine" "$model" "$data" --threads $threads || exit 1; done
  printf '\n'
  /usr/bin/python3 bench/engine_torch.py "$build/bench_engine" "$model" || exit 1
else
  echo "engine: skipped, $model is not here"
fi
for program in "$build"/bench_*; do
  [ -x "$program" ] && [ "$program" != "$build/bench_engine" ] || continue
  printf '\n'
  "$program" || exit 1
done
for script in bench/*.sh; do
  [ "$script" != bench/run.sh ] || continue
  printf '\n'
  bash "$script" "$build" || exit 1
done
