#!/usr/bin/env bash
# redoubt doctor: what is not there is said, with its cost and its package; nothing is started but --version, nothing
# is contacted, no value of a variable is printed.
. "$(dirname "$0")/lib/common.bash"
unset REDOUBT_ISA REDOUBT_PAGER PAGER
SCHEMA=docs/schema/doctor.schema.json
# state ID: of the last JSON; "-" when there is no such check
state() { field "$T/out" "next((c['state'] for c in d['result']['checks'] if c['id'] == '$1'), '-')"; }
is() { [ "$(state "$1")" = "$2" ] || fail "$1 is $(state "$1"), not $2"; }
found() { field "$T/out" "d['run']['found']['$1']"; }
valid() {
    python3 -c '
import json, sys
try:
    import jsonschema
except ImportError:
    sys.exit(0)
d = json.load(open(sys.argv[1]))
jsonschema.validate(d, json.load(open(sys.argv[2])))
for c in d["result"]["checks"]: # what is not well says what that costs and how to get it
    assert (c["state"] == "ok") == (c["costs"] is None) == (c["hint"] is None), c
    assert c["state"] != "missing" or c["needed"], c
assert {c["id"] for c in d["result"]["checks"]} == set(d["run"]["found"]), d["run"]["found"]
assert d["result"]["ok"] == all(c["state"] != "missing" for c in d["result"]["checks"])' "$T/out" $SCHEMA ||
        fail "JSON of doctor"
}

# --- an empty PATH: works without all of it ---
mkdir "$T/none" "$T/fake"
expect 0 env PATH="$T/none" "$REDOUBT" doctor --json
valid
for id in dot rsvg-convert chromium pager; do is $id absent; done
expect 0 env PATH="$T/none" "$REDOUBT" doctor
for package in graphviz librsvg2-bin chromium less; do says "apt-get install $package"; done
grep -q "^absent  *dot  *not in PATH" "$T/out" || fail "no line of dot"

# --- programs that fail, hang, chatter, are folders, or speak to the terminal ---
printf '#!/bin/sh\nexit 3\n' >"$T/fake/dot"
printf '#!/bin/sh\nexec sleep 60\n' >"$T/fake/rsvg-convert"
printf '#!/bin/sh\nexec cat /dev/zero\n' >"$T/fake/chromium"
printf '#!/bin/sh\nprintf "less \\033[31m1\\n2"\n' >"$T/fake/less"
chmod +x "$T/fake/"*
began=$SECONDS
expect 0 env PATH="$T/fake:/usr/bin:/bin" "$REDOUBT" doctor --json
[ $((SECONDS - began)) -lt 15 ] || fail "a program that hangs held it for $((SECONDS - began)) s"
valid
for id in dot rsvg-convert chromium; do is $id absent; done
is pager ok
found dot | grep -q "exit code 3" || fail "dot: $(found dot)"
found rsvg-convert | grep -q "longer than" || fail "rsvg-convert: $(found rsvg-convert)"
found chromium | grep -q "more than" || fail "chromium: $(found chromium)"
grep -q "$(printf '\033')" "$T/out" && fail "an escape sequence of a child came through"
pgrep -f "$T/fake" >/dev/null && fail "a child stayed"
# Programs that are called so and are something else, or too old; and what is in order.
for name in dot rsvg-convert less; do printf '#!/bin/sh\necho "$0 version 9"\n' >"$T/fake/$name"; done
printf '#!/bin/sh\necho "Chromium 90.0.4430.212 built on Debian 10.9"\n' >"$T/fake/chromium"
expect 0 env PATH="$T/fake:/usr/bin:/bin" "$REDOUBT" doctor --json
valid
for id in dot rsvg-convert chromium pager; do
    is $id absent
    found $id | grep -q "^$T/fake/.* is there and does not work" || fail "$id: $(found $id)"
done
found chromium | grep -q "older than 112" || fail "chromium: $(found chromium)"
printf '#!/bin/sh\necho "Google Chrome 120.0.6099.109 "\n' >"$T/fake/chromium"
expect 0 env PATH="$T/fake:/usr/bin:/bin" "$REDOUBT" doctor --json
is chromium ok
rm "$T/fake"/*
expect 0 env PATH=/usr/bin:/bin "$REDOUBT" doctor --json
for id in dot rsvg-convert pager; do
    program=${id/pager/less}
    [ -x "/usr/bin/$program" ] || continue
    is $id ok
done
printf '#!/bin/sh\nprintf "less \\033[31m1\\n2"\n' >"$T/fake/less"
chmod +x "$T/fake/less"
expect 0 env PATH="$T/none" REDOUBT_PAGER="$T/fake/less -x" "$REDOUBT" doctor --json
is pager ok
expect 1 env REDOUBT_ISA=pdp11 "$REDOUBT" doctor --json
valid
is kernels missing

# --- a system without evidence; a browser that answers at once ---
printf '#!/bin/sh\necho "Chromium 156.0"\n' >"$T/fake/chromium"
chmod +x "$T/fake/chromium"
export PATH="$T/fake:$PATH"
mkdir "$T/s"
cat >"$T/s/redoubt.yaml" <<'YAML'
version: 1
name: asked
currency: EUR
scope: {owner: A. Person, authorization: T-1, hosts: ["api.invalid:443"]}
boundaries:
  - {id: inside, name: Inside}
elements:
  - {id: api, name: API, type: inference-api, boundary: inside}
artifacts:
  - id: remote
    kind: endpoint
    of: api
    url: https://api.invalid/v1
    protocol: v1
    headers: ["Authorization: Bearer $DOCTOR_TOKEN"]
  - {id: local, kind: process, of: api, command: [no-such-program-at-all, --serve]}
  - {id: data, kind: dataset, of: api, path: x.npy, labels: y.npy}
YAML
printf x >"$T/s/x.npy"
printf y >"$T/s/y.npy"
expect 1 env -u DOCTOR_TOKEN "$REDOUBT" doctor "$T/s" --json
valid
is redoubt.yaml ok
is evidence absent
is lock ok
is "variable DOCTOR_TOKEN" missing
is "process local" missing
is "endpoint remote" ok
is "artifact data" ok
is "artifact data.labels" ok
is report.json -
[ -e "$T/s/.redoubt" ] && fail "doctor made a store"
expect 1 env DOCTOR_TOKEN=5ecre7 "$REDOUBT" doctor "$T/s" --json
is "variable DOCTOR_TOKEN" ok
grep -q 5ecre7 "$T/out" "$T/err" && fail "the variable's value was printed"
# A program beside the file is found, and not started.
printf '#!/bin/sh\ntouch "%s/started"\n' "$T" >"$T/s/serve"
chmod +x "$T/s/serve"
sed -i 's/no-such-program-at-all/.\/serve/' "$T/s/redoubt.yaml"
expect 0 env DOCTOR_TOKEN=5ecre7 "$REDOUBT" doctor "$T/s" --json
is "process local" ok
[ -e "$T/started" ] && fail "the process was started"
# Artifacts that are gone, or cannot be read (no mode stops root).
rm "$T/s/y.npy"
chmod 0 "$T/s/x.npy"
expect 1 env DOCTOR_TOKEN=x "$REDOUBT" doctor "$T/s" --json
is "artifact data.labels" missing
[ "$(id -u)" -eq 0 ] || is "artifact data" missing
rm "$T/s/x.npy"
mkfifo "$T/s/x.npy"
expect 1 timeout 10 env DOCTOR_TOKEN=x "$REDOUBT" doctor "$T/s" --json
is "artifact data" missing

# --- evidence: a real store, a held lock, a broken one; reports that are old ---
mkdir "$T/s/.redoubt"
python3 - "$T/s/.redoubt/evidence.db" <<'PY'
import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.executescript("""PRAGMA application_id=1380209730; PRAGMA user_version=1;
CREATE TABLE record (id INTEGER PRIMARY KEY, key TEXT NOT NULL, result TEXT NOT NULL, result_digest TEXT NOT NULL, run TEXT NOT NULL);
INSERT INTO record VALUES (1,'k','{}','x','{}'), (2,'l','{}','x','{}');""")
PY
touch -d '2020-01-01' "$T/s/report.md"
touch "$T/s/report.html"
touch -d '2021-01-01' "$T/s/redoubt.yaml"
touch -d '2021-01-01' "$T/s/.redoubt/evidence.db"
expect 1 "$REDOUBT" doctor "$T/s" --json
is evidence ok
[ "$(found evidence)" = "2 records" ] || fail "evidence: $(found evidence)"
is report.md old
is report.html ok
touch -d 'tomorrow' "$T/s/.redoubt/evidence.db"
expect 1 "$REDOUBT" doctor "$T/s" --json
is report.html old
[ "$(found report.html)" = "older than the evidence" ] || fail "report.html: $(found report.html)"
python3 - "$T/s/.redoubt/lock" "$T/ready" <<'PY' &
import fcntl, os, struct, sys, time
f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
os.write(f, b"%d\n" % os.getpid())
fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLK
open(sys.argv[2], "w").close()
time.sleep(60)
PY
holder=$!
for _ in $(seq 100); do [ -e "$T/ready" ] && break; sleep 0.1; done
expect 1 "$REDOUBT" doctor "$T/s" --json
is lock absent
[ "$(found lock)" = "held by process $holder" ] || fail "lock: $(found lock), not $holder"
kill "$holder"
wait "$holder" 2>/dev/null
expect 1 "$REDOUBT" doctor "$T/s" --json
is lock ok
head -c 5000 /dev/urandom >"$T/s/.redoubt/evidence.db"
expect 1 "$REDOUBT" doctor "$T/s" --json
valid
is evidence missing

# --- a file with problems; none at all ---
printf 'version: 1\nnmae: x\nfoo: y\n' >"$T/s/redoubt.yaml"
expect 1 "$REDOUBT" doctor "$T/s"
says "problem"
says "redoubt check"
grep -q "^missing *redoubt.yaml" "$T/out" || fail "no line of the file"
expect 3 "$REDOUBT" doctor "$T/not-there"
expect 2 "$REDOUBT" doctor a b
finish
