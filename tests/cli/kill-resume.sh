#!/usr/bin/env bash
# Killed at 20 random instants, an assessment goes on where it was and ends with the same result bytes.
. "$(dirname "$0")/lib/common.bash"

"$REDOUBT" init image-classifier "$T/base" --quiet || { fail "init"; finish; }
# Smaller attacks, the same path through everything.
sed -i 's/queries: 1000/queries: 120, epochs: 1, checkpoints: 2/; s/steps: 40/steps: 10/' "$T/base/redoubt.yaml"
grep -q 'epochs: 1, checkpoints: 2' "$T/base/redoubt.yaml" || fail "the template has changed: the attacks are not small"
small=(--draws 200 --years 200)
digest() { field "$1" "__import__('hashlib').sha256(json.dumps(d['result'],sort_keys=True).encode()).hexdigest()"; }

cp -r "$T/base" "$T/whole"
start=$(date +%s%N)
expect 0 "$REDOUBT" assess "$T/whole" "${small[@]}" --json
cp "$T/out" "$T/whole.json"
took=$((($(date +%s%N) - start) / 1000000))
want=$(digest "$T/whole.json")
echo "one assessment takes $took ms; result $want"

# strike PID SIGNAL SHARE: send the signal when SHARE of an assessment's time is over. 1 when it had ended before; then it
# took less than was thought (the machine is quieter now), and the next one is struck earlier.
strike() {
    local begin now
    begin=$(date +%s%N)
    while kill -0 "$1" 2>/dev/null; do
        now=$((($(date +%s%N) - begin) / 1000000))
        if [ "$now" -ge "$(awk "BEGIN { print int($3 * $took) }")" ]; then
            kill "-$2" "$1" 2>/dev/null && return 0
            break
        fi
        sleep 0.01
    done
    now=$((($(date +%s%N) - begin) / 1000000))
    [ "$now" -lt "$took" ] && took=$now
    return 1
}

# The instants are spread over the whole run by a seeded generator. Two kills in a row meet the same folder: the second
# one finds what the first left; then the run may finish.
mapfile -t instants < <(python3 -c "
import random; r = random.Random(20261124)
for i in range(20): print('%.3f' % r.uniform(0.02, 0.9 if i % 2 == 0 else 0.5))")
killed=0
for i in "${!instants[@]}"; do
    [ $((i % 2)) -eq 0 ] && { rm -rf "$T/cut"; cp -r "$T/base" "$T/cut"; }
    "$REDOUBT" assess "$T/cut" "${small[@]}" --json >/dev/null 2>&1 &
    pid=$!
    strike "$pid" KILL "${instants[$i]}" && killed=$((killed + 1))
    wait "$pid" 2>/dev/null
    [ -z "$(find "$T/cut" -maxdepth 1 -name 'report*' -size 0)" ] || fail "an empty report after kill $i"
    if [ $((i % 2)) -eq 1 ]; then
        expect 0 "$REDOUBT" assess "$T/cut" "${small[@]}" --json
        got=$(digest "$T/out")
        [ "$got" = "$want" ] || fail "after kill $i the result is $got"
    fi
done
[ "$killed" -ge 10 ] || fail "only $killed of 20 runs were still alive to be killed"
echo "killed $killed of 20 runs while they worked"

# SIGINT: stops at the next step, exit 4, says so; resumes to the same bytes.
rm -rf "$T/cut"; cp -r "$T/base" "$T/cut"
"$REDOUBT" assess "$T/cut" "${small[@]}" >"$T/out" 2>"$T/err" &
pid=$!
strike "$pid" INT 0.3 || fail "it ended before it could be interrupted"
wait "$pid"; code=$?
[ "$code" -eq 4 ] || fail "SIGINT ended with $code"
says "stopped at"
expect 0 "$REDOUBT" assess "$T/cut" "${small[@]}" --json
[ "$(digest "$T/out")" = "$want" ] || fail "after SIGINT the result differs"

# Two at once: the second is told who is at work, and changes nothing.
rm -rf "$T/cut"; cp -r "$T/base" "$T/cut"
"$REDOUBT" assess "$T/cut" "${small[@]}" --json >"$T/first.json" 2>/dev/null &
pid=$!
for _ in $(seq 200); do [ -s "$T/cut/.redoubt/lock" ] && break; sleep 0.02; done
expect 4 "$REDOUBT" assess "$T/cut" "${small[@]}" --json
says "process $pid is already assessing here"
wait "$pid" || fail "the first of two assessments failed"
[ "$(digest "$T/first.json")" = "$want" ] || fail "the first of two assessments has another result"

# One thread or many, the result is the same; what was reused is told only in `run`.
expect 0 "$REDOUBT" assess "$T/cut" "${small[@]}" --json --threads 1
[ "$(digest "$T/out")" = "$want" ] || fail "the result depends on reuse"
rm -rf "$T/cut/.redoubt"
expect 0 "$REDOUBT" assess "$T/cut" "${small[@]}" --json --threads 1
[ "$(digest "$T/out")" = "$want" ] || fail "the result depends on the number of threads"
finish
