#!/usr/bin/env bash
# redoubt model serve, and attacks on what it serves: the same results as on the file, in every protocol; who is
# contacted and who is not; what happens when the server stops in the middle.
. "$(dirname "$0")/lib/common.bash"
model=fuzz/corpus/onnx/mlp.onnx
server=
trap 'kill "$server" 2>/dev/null; rm -rf "$T"' EXIT

npy() { # PATH ROWS SEED: float32 (ROWS, 3) from -2 to 2
    python3 - "$@" <<'PY'
import random, struct, sys
path, n, rng = sys.argv[1], int(sys.argv[2]), random.Random(int(sys.argv[3]))
head = ("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 3), }" % n).encode()
head += b" " * (-(len(head) + 11) % 64) + b"\n"
data = struct.pack("<%df" % (3 * n), *(rng.uniform(-2, 2) for _ in range(3 * n)))
open(path, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data)
PY
}
labels() { # SCORES OUT: which of two is larger
    python3 - "$@" <<'PY'
import struct, sys
raw = open(sys.argv[1], "rb").read()
data = raw[10 + struct.unpack("<H", raw[8:10])[0] :]
s = struct.unpack("<%df" % (len(data) // 4), data)
y = [int(s[i + 1] > s[i]) for i in range(0, len(s), 2)]
head = ("{'descr': '<i8', 'fortran_order': False, 'shape': (%d,), }" % len(y)).encode()
head += b" " * (-(len(head) + 11) % 64) + b"\n"
open(sys.argv[2], "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + struct.pack("<%dq" % len(y), *y))
PY
}
serve() { # ARGS...: starts it and waits for its address, in $at and $host
    "$REDOUBT" model serve "$@" >"$T/serve" 2>"$T/serve.err" &
    server=$!
    for _ in $(seq 100); do
        at=$(grep -o 'http://[^ ]*' "$T/serve")
        [ -n "$at" ] && break
        sleep 0.05
    done
    [ -n "$at" ] || fail "the server never said that it listens"
    host=${at#http://}
}
stop() { # SIGNAL: it must end with 0 and say what it did
    kill "-$1" "$server"
    wait "$server" || fail "the server ended with $? on $1"
    grep -q 'stopped after' "$T/serve" || fail "the server did not say what it did"
}
http() { # CODE TEXT ARGS...: curl
    local want=$1 text=$2 got
    shift 2
    got=$(curl -s --noproxy '*' -o "$T/reply" -w '%{http_code}' "$@")
    [ "$got" = "$want" ] || fail "HTTP $got and not $want: $*"
    grep -qF -- "$text" "$T/reply" || { fail "no '$text' in the reply to $*"; head -c 300 "$T/reply"; }
}

npy "$T/x.npy" 60 1
npy "$T/pool.npy" 300 2
expect 0 "$REDOUBT" model run $model --input "$T/x.npy" --output "$T/s.npy"
labels "$T/s.npy" "$T/y.npy"
data=(--input "$T/x.npy" --labels "$T/y.npy" --seed 1)

# --- the server by itself ---
expect 2 "$REDOUBT" model serve $model --host 0.0.0.0
says "not this machine's own address"
expect 3 "$REDOUBT" model serve "$T/nothing.onnx"
serve $model --port 0
expect 4 "$REDOUBT" model serve $model --port "${host##*:}"
says "cannot listen"
if command -v curl >/dev/null; then
    http 200 '"live":true' "$at/v2/health/live"
    http 200 '"ready":true' "$at/v2/models/m/ready"
    http 200 '"shape":[-1,3]' "$at/v2/models/m"
    http 200 '' "$at/ping"
    http 200 '"shape":[2,2]' "$at/v2/models/m/infer" \
        -d '{"inputs":[{"name":"x","shape":[2,3],"datatype":"FP32","data":[1,2,3,[4,5,6]]}]}'
    http 200 '"id":"7"' "$at/v2/models/m/versions/1/infer" \
        -d '{"id":"7","inputs":[{"name":"x","shape":[1,3],"datatype":"INT32","data":[1,2,3]}]}'
    http 400 "called 'x'" "$at/v2/models/m/infer" \
        -d '{"inputs":[{"name":"z","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}'
    http 400 'shape' "$at/v2/models/m/infer" \
        -d '{"inputs":[{"name":"x","shape":[9999999999,9999999999,3],"datatype":"FP32","data":[1,2,3]}]}'
    for body in '{"inputs":[[1,2,3]]}' '{"inputs":{"x":[[1,2,3]]}}' '{"instances":[[1,2,3]]}' \
        '{"dataframe_split":{"columns":["a","b","c"],"data":[[1,2,3]]}}' '{"dataframe_records":[{"a":1,"b":2,"c":3}]}'; do
        http 200 '{"predictions":[[2.13421' "$at/invocations" -d "$body"
    done
    http 400 'one of' "$at/invocations" -d '{"inputs":[[1,2,3]],"instances":[[1,2,3]]}'
    http 400 'row 0 holds 2 numbers' "$at/invocations" -d '{"inputs":[[1,2]]}'
    http 400 'no number' "$at/invocations" -d '{"inputs":[[1,2,null]]}'
    http 400 'no JSON' "$at/invocations" -d '{"inputs":'
    http 413 'nested' "$at/invocations" -d "$(printf '[%.0s' $(seq 100))"
    http 400 'no row' "$at/v1/models/m:predict" -d '{"instances":[]}'
    http 404 'no such path' "$at/elsewhere"
    http 405 'method' "$at/invocations"
    head -c 17000000 /dev/zero >"$T/zeros"
    http 413 'larger than' "$at/invocations" --data-binary "@$T/zeros"
fi
stop INT

# --- attacks on it: as on the file ---
serve $model
"$REDOUBT" attack run hop-skip-jump --target $model "${data[@]}" --set queries=200 --json >"$T/file.json" ||
    fail "hop-skip-jump on the file"
for path in /v2/models/m/infer /invocations /v1/models/m:predict; do
    expect 0 "$REDOUBT" attack run hop-skip-jump --target "$at$path" --allow-host "$host" "${data[@]}" \
        --set queries=200 --json
    for what in successes queries n outcome metrics; do
        [ "$(field "$T/out" "d['result']['$what']")" = "$(field "$T/file.json" "d['result']['$what']")" ] ||
            fail "hop-skip-jump through $path: another $what than on the file"
    done
done
for target in $model "$at/invocations"; do
    expect 0 "$REDOUBT" attack run copycat --target "$target" --allow-host "$host" "${data[@]}" --pool "$T/pool.npy" \
        --set queries=200 --json
    field "$T/out" "d['result']['metrics']['fidelity']['value'], d['result']['queries'], d['result']['rows_total']"
done >"$T/thefts"
[ "$(sort -u "$T/thefts" | wc -l)" = 1 ] || { fail "copycat differs between file and address"; cat "$T/thefts"; }
expect 2 "$REDOUBT" attack run pgd --target "$at/invocations" --allow-host "$host" "${data[@]}"
says "gives no gradients"

# --- scope: before the first byte ---
before=$(grep -c . "$T/serve")
expect 2 "$REDOUBT" attack run hop-skip-jump --target "$at/invocations" "${data[@]}"
says "is outside the scope: nothing was sent to it"
says "--allow-host $host"
expect 2 "$REDOUBT" attack run hop-skip-jump --target "$at/invocations" --allow-host "127.0.0.1:1" "${data[@]}"
expect 2 "$REDOUBT" attack run hop-skip-jump --target "http://localhost:${host##*:}/invocations" --allow-host "$host" "${data[@]}"
expect 2 "$REDOUBT" attack run hop-skip-jump --target "$at/some/path" --allow-host "$host" "${data[@]}"
says "does not tell the protocol"
stop TERM

serve $model
expect 2 "$REDOUBT" attack run hop-skip-jump --target "$at/invocations" "${data[@]}"
expect 0 "$REDOUBT" attack run copycat --target "$at/invocations" --allow-host "$host" "${data[@]}" \
    --pool "$T/pool.npy" --estimate
stop INT
grep -q 'stopped after 0 requests' "$T/serve" || { fail "a refused or estimated attack sent something"; cat "$T/serve"; }

# --- labels alone ---
serve $model --labels-only
expect 0 "$REDOUBT" attack run hop-skip-jump --target "$at/v2/models/m/infer" --allow-host "$host" "${data[@]}" \
    --set queries=200 --json
[ "$(field "$T/out" "d['result']['metrics']")" = "$(field "$T/file.json" "d['result']['metrics']")" ] ||
    fail "labels alone give another result"
stop INT

# --- SIGINT stops sending; a server that goes away leaves the rest undecided ---
serve $model
"$REDOUBT" attack run hop-skip-jump --target "$at/invocations" --allow-host "$host" "${data[@]}" \
    --set queries=2000000 >"$T/out" 2>"$T/err" &
attack=$!
sleep 2
kill -INT "$attack"
wait "$attack"
[ $? -eq 4 ] || fail "an attack that was stopped did not end with 4"
"$REDOUBT" attack run hop-skip-jump --target "$at/invocations" --allow-host "$host" "${data[@]}" \
    --set eps=0.5 --set queries=2000000 --json >"$T/out" 2>"$T/err" &
attack=$!
sleep 2
kill -KILL "$server"
wait "$server" 2>/dev/null
wait "$attack" || { fail "the server's death ended the attack with $?"; cat "$T/err"; }
[ "$(field "$T/out" "d['result']['outcome']")" != "not demonstrated" ] || fail "a dead server is taken for a strong model"
field "$T/out" "d['result']['outcome_reason']" | grep -q "examples decided" ||
    fail "the record does not say what was left undecided"
finish
