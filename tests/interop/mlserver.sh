#!/usr/bin/env bash
# A scikit-learn model behind MLServer, attacked through the Open Inference Protocol: the input's name comes from the
# server's metadata, and what comes back must be what scikit-learn itself answers.
#   tests/interop/mlserver.sh PROGRAM VENV
set -euo pipefail
program=$1 venv=$2
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install -q mlserver mlserver-sklearn
dir=$(mktemp -d)
server=
trap 'kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
export PATH="$venv/bin:$PATH"

python - "$dir" <<'PY'
import json, os, socket, sys
import joblib
import numpy as np
from sklearn.neural_network import MLPClassifier
dir = sys.argv[1]
rng = np.random.default_rng(0)
def draw(n):
    x = rng.uniform(-1, 1, (n, 6)).astype("f4")
    return x, ((x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int) + (x[:, 3] > 0.5)).astype("i8")
x, y = draw(2000)
os.mkdir(f"{dir}/model")
joblib.dump(MLPClassifier((32,), max_iter=600, random_state=0).fit(x, y), f"{dir}/model/model.joblib")
x, y = draw(100)
np.save(f"{dir}/x.npy", x)
np.save(f"{dir}/y.npy", y)
np.save(f"{dir}/pool.npy", draw(600)[0])
json.dump({"name": "m", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": "./model.joblib"},
           "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, 6]}],
           "outputs": [{"name": "predict", "datatype": "INT64", "shape": [-1]}]},
          open(f"{dir}/model/model-settings.json", "w"))
held = [socket.socket() for _ in range(3)]
for s in held:
    s.bind(("127.0.0.1", 0))
ports = [s.getsockname()[1] for s in held]
json.dump({"host": "127.0.0.1", "http_port": ports[0], "grpc_port": ports[1], "metrics_port": ports[2], "parallel_workers": 0},
          open(f"{dir}/settings.json", "w"))
print(ports[0], file=open(f"{dir}/port", "w"))
PY
host=127.0.0.1:$(cat "$dir/port")
mlserver start "$dir" >"$dir/server.log" 2>&1 &
server=$!
for _ in $(seq 240); do
    curl -sf --noproxy '*' -o "$dir/ready" "http://$host/v2/models/m/ready" && break
    sleep 0.25
done || true
[ -e "$dir/ready" ] || { tail -n 20 "$dir/server.log"; exit 1; }
attack() { # OUT ATTACK ARGS...
    local out=$1 name=$2
    shift 2
    "$program" attack run "$name" --target "http://$host/v2/models/m/infer" --allow-host "$host" --input "$dir/x.npy" \
        --labels "$dir/y.npy" --seed 1 --json "$@" >"$dir/$out.json"
}
attack theft copycat --pool "$dir/pool.npy" --set queries=600
attack evasion hop-skip-jump --norm l2 --set queries=400 --count 20 --save "$dir/adv.npy"

python - "$dir" <<'PY'
import json, sys
import joblib, mlserver, numpy as np, sklearn
dir = sys.argv[1]
model = joblib.load(f"{dir}/model/model.joblib")
x, y, adv = np.load(f"{dir}/x.npy"), np.load(f"{dir}/y.npy"), np.load(f"{dir}/adv.npy")
theft, evasion = (json.load(open(f"{dir}/{n}.json"))["result"] for n in ("theft", "evasion"))
failed = 0
def check(what, good, detail):
    global failed
    failed += not good
    print(f"{'ok' if good else 'FAILED'}: {what} ({detail})")
clean, real = theft["metrics"]["clean_accuracy"]["value"], float((model.predict(x) == y).mean())
check(f"clean accuracy is scikit-learn's, MLServer {mlserver.__version__}, scikit-learn {sklearn.__version__}",
      abs(clean - real) < 1e-9, f"{clean:.2f} and {real:.2f}")
fooled = int((model.predict(adv[:20]) != y[:20]).sum())
check("what fooled the endpoint fools the model", fooled == evasion["successes"], f"{fooled} and {evasion['successes']} of 20")
f = theft["metrics"]["fidelity"]["value"]
check("a copy from 600 answers agrees", f > 0.8, f"{f:.2f}")
sys.exit(failed > 0)
PY
