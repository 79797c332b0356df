#!/usr/bin/env bash
# Wall time of the built-in example, by step: make it anew, assess it, assess it again from its evidence.
#   bench/assess.sh BUILD [THREADS]
set -euo pipefail
program=${1:-build/release}/redoubt
threads=${2:-0}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

stamp() { date +%s.%N; }
start=$(stamp)
"$program" init image-classifier "$dir/demo" --quiet --threads "$threads"
python3 -c "print(f'init      {$(stamp) - $start:6.1f} s')"
for turn in first again; do
    "$program" assess "$dir/demo" --threads "$threads" --json >"$dir/out.json"
    python3 - "$dir/out.json" "$turn" <<'PY'
import json, sys
seconds = json.load(open(sys.argv[1]))["run"]["seconds_by_step"]
parts = ", ".join(f"{name} {seconds[name]:.1f}" for name in ("load", "tests", "simulation", "reports"))
print(f"assess    {sum(seconds.values()):6.1f} s  ({parts}; {'nothing measured before' if sys.argv[2] == 'first' else 'from the evidence'})")
PY
done
