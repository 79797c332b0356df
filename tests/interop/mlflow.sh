#!/usr/bin/env bash
# A scikit-learn model behind MLflow's own server, attacked through /invocations in its dialects: what comes back must be
# what scikit-learn itself answers.
#   tests/interop/mlflow.sh PROGRAM VENV
set -euo pipefail
program=$1 venv=$2
"$venv/bin/pip" install -q numpy scikit-learn pandas mlflow-skinny fastapi uvicorn
dir=$(mktemp -d)
server=
trap 'kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
export MLFLOW_TRACKING_URI="file:$dir/runs" MLFLOW_DISABLE_TELEMETRY=true MLFLOW_ALLOW_FILE_STORE=true PATH="$venv/bin:$PATH"

python - "$dir" <<'PY'
import sys
import mlflow.sklearn
import numpy as np
from sklearn.neural_network import MLPClassifier
dir = sys.argv[1]
rng = np.random.default_rng(0)
def draw(n):
    x = rng.uniform(-1, 1, (n, 6)).astype("f4")
    return x, ((x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int) + (x[:, 3] > 0.5)).astype("i8")
x, y = draw(2000)
model = MLPClassifier((32,), max_iter=600, random_state=0).fit(x, y)
x, y = draw(100)
np.save(f"{dir}/x.npy", x)
np.save(f"{dir}/y.npy", y)
np.save(f"{dir}/pool.npy", draw(600)[0])
mlflow.sklearn.save_model(model, f"{dir}/labels", serialization_format="cloudpickle")
mlflow.sklearn.save_model(model, f"{dir}/scores", pyfunc_predict_fn="predict_proba", serialization_format="cloudpickle")
import pickle
pickle.dump(model, open(f"{dir}/model.pkl", "wb"))
PY

serve() { # FOLDER: sets $host
    host=127.0.0.1:$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    mlflow models serve -m "$dir/$1" -h 127.0.0.1 -p "${host##*:}" --env-manager local >"$dir/server.log" 2>&1 &
    server=$!
    for _ in $(seq 240); do
        curl -sf --noproxy '*' "http://$host/ping" >"$dir/ping" && return
        sleep 0.25
    done
    tail -n 20 "$dir/server.log"
    exit 1
}
stop() { kill "$server"; wait "$server" 2>/dev/null || true; }
attack() { # OUT ATTACK ARGS...
    local out=$1 name=$2
    shift 2
    "$program" attack run "$name" --target "http://$host/invocations" --allow-host "$host" --input "$dir/x.npy" \
        --labels "$dir/y.npy" --seed 1 --json "$@" >"$dir/$out.json"
}

serve labels
attack labels-tensor hop-skip-jump --norm l2 --set queries=400 --save "$dir/adv.npy" --count 20
attack labels-split copycat --protocol mlflow-split --pool "$dir/pool.npy" --set queries=600
stop
serve scores
attack scores-tensor copycat --protocol mlflow --pool "$dir/pool.npy" --set queries=600
stop

python - "$dir" <<'PY'
import json, pickle, sys
import mlflow, numpy as np, sklearn
dir = sys.argv[1]
model = pickle.load(open(f"{dir}/model.pkl", "rb"))
x, y, adv = np.load(f"{dir}/x.npy"), np.load(f"{dir}/y.npy"), np.load(f"{dir}/adv.npy")
said = {n: json.load(open(f"{dir}/{n}.json"))["result"] for n in ("labels-tensor", "labels-split", "scores-tensor")}
failed = 0
def check(what, good, detail):
    global failed
    failed += not good
    print(f"{'ok' if good else 'FAILED'}: {what} ({detail})")
where = f"MLflow {mlflow.__version__}, scikit-learn {sklearn.__version__}"
for name, r in said.items():
    n = 20 if name == "labels-tensor" else 100
    clean, real = r["metrics"]["clean_accuracy"]["value"], float((model.predict(x[:n]) == y[:n]).mean())
    check(f"{name}: clean accuracy is scikit-learn's, {where}", abs(clean - real) < 1e-9, f"{clean:.2f} and {real:.2f}")
r = said["labels-tensor"]
fooled = int((model.predict(adv[:20]) != y[:20]).sum())
check("what fooled the endpoint fools the model", fooled == r["successes"], f"{fooled} and {r['successes']} of {r['n']}")
for name in ("labels-split", "scores-tensor"):
    f = said[name]["metrics"]["fidelity"]["value"]
    check(f"{name}: a copy from 600 answers agrees", f > 0.8, f"{f:.2f}")
sys.exit(failed > 0)
PY
