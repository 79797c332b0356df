#!/usr/bin/env python3
"""Forests: our engine, XGBoost, ONNX Runtime, LightGBM and lleaves in turns on one core, one thread each.

    trees.py ENGINE [FOLDER] [turns]

ENGINE is the program made of bench/trees.c. FOLDER keeps the models between runs (they are trained once: 100 trees of
depth 8 and 500 of depth 6 on 10,000 rows of 10 normal and 44 binary features). Every library runs in a process of its
own, pinned to the same core; figures are processor time of the answering thread, medians over the turns. What is not
installed is left out, and said.
"""
import os
import statistics
import subprocess
import sys
import time

ROWS, NORMAL, BINARY, SINGLES = 10000, 10, 44, 400
SHAPES = {"100x8": (100, 8), "500x6": (500, 6)}


def rows():
    import numpy as np
    r = np.random.default_rng(6)
    x = np.concatenate([r.standard_normal((ROWS, NORMAL)), r.random((ROWS, BINARY)) < r.uniform(.05, .5, BINARY)], 1)
    x = x.astype(np.float32)
    s = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + x[:, 3:10] @ r.standard_normal(7) + x[:, 10:] @ r.standard_normal(44)
    return x, (s + r.standard_normal(ROWS) > np.median(s)).astype(np.int32)


def make(folder):
    """Trains and converts what the folder lacks."""
    import numpy as np
    os.makedirs(folder, exist_ok=True)
    x, y = rows()
    np.save(f"{folder}/x.npy", x)
    for name, (trees, depth) in SHAPES.items():
        if not os.path.exists(f"{folder}/{name}.xgb.json"):
            import xgboost
            xgboost.XGBClassifier(n_estimators=trees, max_depth=depth, learning_rate=.1, n_jobs=1, tree_method="hist",
                                  base_score=.5).fit(x, y).save_model(f"{folder}/{name}.xgb.json")
        if not os.path.exists(f"{folder}/{name}.lgb.txt"):
            import lightgbm
            lightgbm.LGBMClassifier(n_estimators=trees, max_depth=depth, num_leaves=2 ** depth, learning_rate=.1,
                                    n_jobs=1, verbose=-1).fit(x, y).booster_.save_model(f"{folder}/{name}.lgb.txt")
        if not os.path.exists(f"{folder}/{name}.onnx"):
            to_onnx(f"{folder}/{name}.xgb.json", f"{folder}/{name}.onnx")


def to_onnx(source, target):
    """XGBoost's JSON as a TreeEnsembleRegressor behind a logistic function: the scores without the labels."""
    import json
    from onnx import TensorProto, checker, helper, save
    booster = json.load(open(source))["learner"]["gradient_booster"]["model"]["trees"]
    keys = ("treeids nodeids featureids values modes truenodeids falsenodeids missing_value_tracks_true").split()
    nodes = {"nodes_" + k: [] for k in keys}
    leaves = {"target_" + k: [] for k in "treeids nodeids ids weights".split()}
    for t, tree in enumerate(booster):
        for i, left in enumerate(tree["left_children"]):
            leaf = left < 0
            value = float(tree["split_conditions"][i])
            for key, v in zip(keys, (t, i, 0 if leaf else tree["split_indices"][i], 0. if leaf else value,
                                     "LEAF" if leaf else "BRANCH_LT", 0 if leaf else left,
                                     0 if leaf else tree["right_children"][i],
                                     0 if leaf else int(tree["default_left"][i]))):
                nodes["nodes_" + key].append(v)
            if leaf:
                for key, v in zip("treeids nodeids ids weights".split(), (t, i, 0, value)):
                    leaves["target_" + key].append(v)
    node = helper.make_node("TreeEnsembleRegressor", ["x"], ["margins"], domain="ai.onnx.ml", n_targets=1,
                            **nodes, **leaves)
    graph = helper.make_graph(
        [node, helper.make_node("Sigmoid", ["margins"], ["scores"])], "forest",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", NORMAL + BINARY])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 1])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)])
    model.ir_version = 8
    checker.check_model(model)
    save(model, target)


# --- peers: a function of rows that gives the probability of the second class ---

def xgboost_native(folder, name):
    import xgboost
    booster = xgboost.Booster({"nthread": 1}, model_file=f"{folder}/{name}.xgb.json")
    return lambda x: booster.inplace_predict(x)


def xgboost_matrix(folder, name):
    """Rows handed over as a DMatrix, whose making is counted: the other usual way."""
    import xgboost
    booster = xgboost.Booster({"nthread": 1}, model_file=f"{folder}/{name}.xgb.json")
    return lambda x: booster.predict(xgboost.DMatrix(x, nthread=1))


def onnxruntime(folder, name):
    import onnxruntime as ort
    o = ort.SessionOptions()
    o.intra_op_num_threads = o.inter_op_num_threads = 1
    session = ort.InferenceSession(f"{folder}/{name}.onnx", o, providers=["CPUExecutionProvider"])
    return lambda x: session.run(["scores"], {"x": x})[0]


def lightgbm_native(folder, name):
    import lightgbm
    booster = lightgbm.Booster(model_file=f"{folder}/{name}.lgb.txt")
    return lambda x: booster.predict(x, num_threads=1)


def lleaves_compiled(folder, name):
    import lleaves
    model = lleaves.Model(model_file=f"{folder}/{name}.lgb.txt")
    model.compile(cache=f"{folder}/{name}.lleaves", fblocksize=34)
    return lambda x: model.predict(x, n_jobs=1)


PEERS = {"XGBoost": xgboost_native, "XGBoost, DMatrix": xgboost_matrix, "ONNX Runtime": onnxruntime,
         "LightGBM": lightgbm_native, "lleaves": lleaves_compiled}


def serve(peer, folder, name):
    import numpy as np
    predict = PEERS[peer](folder, name)
    x = np.load(f"{folder}/x.npy")
    one = [np.ascontiguousarray(x[i:i + 1]) for i in range(SINGLES)]
    np.save(f"{folder}/{name}.{peer}.npy", np.asarray(predict(x), np.float32).reshape(-1))
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.thread_time()
        if line.startswith("single"):
            for row in one:
                predict(row)
        else:
            predict(x)
        used = time.thread_time() - start
        print(used * 1e6 / (SINGLES if line.startswith("single") else ROWS), flush=True)


# --- the driver ---

def start(command, core):
    pin = ["taskset", "-c", str(core)] if hasattr(os, "sched_getaffinity") else []
    return subprocess.Popen(pin + command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                            env=dict(os.environ, OMP_NUM_THREADS="1"), stderr=subprocess.DEVNULL)


def ask(process, what):
    process.stdin.write(what + "\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def compare(engine, folder, name, turns):
    import numpy as np
    core = sorted(os.sched_getaffinity(0))[-1]
    run = {f"ours, of {k}": start([engine, f"{folder}/{name}.{e}", f"{folder}/x.npy", "--serve"], core)
           for k, e in (("XGBoost", "xgb.json"), ("ONNX", "onnx"), ("LightGBM", "lgb.txt"))}
    for peer in PEERS:
        p = start([sys.executable, os.path.abspath(__file__), "--serve", peer, folder, name], core)
        if p.stdout.readline().startswith("ready"):
            run[peer] = p
        else:
            print(f"  {peer}: left out, not installed or failed")
    times = {k: {"batch": [], "single": []} for k in run}
    for turn in range(turns + 1):
        for what in ("batch", "single"):
            for k, p in run.items():
                t = ask(p, what)
                if turn:  # the first warms up
                    times[k][what].append(t)
    for p in run.values():
        p.stdin.close()
        p.wait()
    print(f"{name}: us a row, medians of {turns} in turns")
    mid = {k: {w: statistics.median(v) for w, v in t.items()} for k, t in times.items()}
    for k, t in mid.items():
        print(f"  {k:<20} batch {t['batch']:8.3f}   single {t['single']:9.3f}")
    for e, k, peers in (("xgb.json", "ours, of XGBoost", ("XGBoost", "ONNX Runtime")),
                        ("lgb.txt", "ours, of LightGBM", ("LightGBM", "lleaves"))):
        scores = f"{folder}/{name}.ours.npy"
        subprocess.run([engine, f"{folder}/{name}.{e}", f"{folder}/x.npy", "--scores", scores], check=True)
        mine = np.load(scores)[:, -1]
        for peer in (p for p in peers if p in mid):
            off = np.abs(mine - np.load(f"{folder}/{name}.{peer}.npy")).max()
            print(f"  against {peer:<13} batch {mid[peer]['batch'] / mid[k]['batch']:6.2f} x  single "
                  f"{mid[peer]['single'] / mid[k]['single']:8.2f} x  largest difference {off:.1e}")


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(*sys.argv[2:])
        sys.exit(0)
    where = sys.argv[2] if len(sys.argv) > 2 else "build/trees"
    try:
        make(where)
    except ImportError as reason:
        print(f"trees: skipped, {reason}")
        sys.exit(0)
    for shape in SHAPES:
        compare(sys.argv[1], where, shape, int(sys.argv[3]) if len(sys.argv) > 3 else 9)
