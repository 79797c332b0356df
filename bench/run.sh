#!/usr/bin/env bash
# bench/run.sh BUILD - every figure, one after the other. Times are wall-clock medians: run it on a quiet machine.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${1:-build/release}
printf '%s, %s processors, load %s\n\n' "$(uname -mr)" "$(nproc)" "$(cut -d' ' -f1-3 /proc/loadavg)"
# The engine against its peers, and what these need; trees.c, net.c and startup.sh are called from there.
bench/venv build/bench-venv
bench/engine "$build" || exit 1
for program in "$build"/bench_*; do
  case ${program##*/} in bench_engine | bench_net | bench_trees) continue ;; esac
  [ -x "$program" ] || continue
  printf '\n'
  "$program" || exit 1
done
for script in bench/*.sh; do
  case ${script##*/} in run.sh | startup.sh) continue ;; esac
  printf '\n'
  bash "$script" "$build" || exit 1
done
