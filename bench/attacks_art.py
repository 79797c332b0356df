#!/usr/bin/python3
"""Attacks on mnist-cnn by Redoubt and by ART, one after the other, one thread each: CPU seconds and strength.

    attacks_art.py REDOUBT            RD_BENCH_ATTACKS="hop-skip-jump copycat knockoff backdoor" chooses

CPU seconds (user and system) are those of the attack with its model: loading of libraries is left out for ART, the
whole program is counted for Redoubt. Both use the same rows, queries, epochs and nets; strength is measured here, by
the same code for both.
"""
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

try:
    import numpy as np
    import onnx
    import torch
    from onnx import numpy_helper
    import art
    from art.attacks.evasion import HopSkipJump
    from art.attacks.extraction import CopycatCNN, KnockoffNets
    from art.estimators.classification import PyTorchClassifier
except ImportError as reason:
    print(f"attacks against ART: skipped, {reason}")
    sys.exit(0)

REDOUBT = sys.argv[1]
SHARED = "../shared"
MODEL = f"{SHARED}/models/mnist-cnn.onnx"
CHOSEN = os.environ.get("RD_BENCH_ATTACKS", "hop-skip-jump copycat knockoff backdoor").split()
SEED = 1
torch.set_num_threads(1)
torch.manual_seed(SEED)
np.random.seed(SEED)


def net(trained):
    n = torch.nn.Sequential(
        torch.nn.Conv2d(1, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(32, 64, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(3136, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    if trained:
        layers = {32: "0", 64: "3", 128: "7", 10: "9"}
        n.load_state_dict({
            f"{layers[t.dims[0]]}.{'weight' if len(t.dims) > 1 else 'bias'}":
                torch.from_numpy(numpy_helper.to_array(t).copy())
            for t in onnx.load(MODEL).graph.initializer})
    return n.eval()


def classifier(trained):
    n = net(trained)
    return PyTorchClassifier(n, torch.nn.CrossEntropyLoss(), (1, 28, 28), 10, torch.optim.Adam(n.parameters(), 1e-3),
                             clip_values=(0, 1), device_type="cpu")


def data():
    folder = f"{SHARED}/data/images/mnist"
    x = np.frombuffer(gzip.open(f"{folder}/t10k-images-idx3-ubyte.gz").read(), np.uint8, offset=16)
    y = np.frombuffer(gzip.open(f"{folder}/t10k-labels-idx1-ubyte.gz").read(), np.uint8, offset=8)
    order = np.load(f"{folder}/split.npy")[:8500]
    return (x.reshape(-1, 1, 28, 28)[order] / np.float32(255)).astype(np.float32), y[order].astype(np.int64)


EVAL_X, EVAL_Y = np.load(f"{SHARED}/models/mnist-eval-x.npy"), np.load(f"{SHARED}/models/mnist-eval-y.npy")
POOL_X, POOL_Y = data()
FOLDER = tempfile.mkdtemp()
for name, array in (("pool-x", POOL_X), ("train-x", POOL_X[:4000]), ("train-y", POOL_Y[:4000])):
    np.save(f"{FOLDER}/{name}.npy", array)


def cpu_of(what):
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.time()
    result = what()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return result, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, time.time() - start


def redoubt(*arguments):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    out = subprocess.run([REDOUBT, "attack", "run", *arguments, "--seed", str(SEED), "--threads", "1", "--json"],
                         capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if out.returncode:
        sys.exit(out.stderr)
    return (json.loads(out.stdout)["result"],
            after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, time.time() - start)


def answers(n, x):
    with torch.no_grad():
        return np.concatenate([n(torch.from_numpy(x[i:i + 250])).argmax(1).numpy() for i in range(0, len(x), 250)])


VICTIM = net(True)
TRUTH = answers(VICTIM, EVAL_X)


def line(attack, who, cpu, wall, strength):
    print(f"  {attack:<16}{who:<10}{cpu:9.2f}{wall:9.2f}   {strength}", flush=True)


def ratio(attack, theirs, ours):
    print(f"  {attack:<16}{'ART / Redoubt':<14}{theirs / ours:5.2f} of CPU seconds", flush=True)


def of_file(path, x):
    """An ONNX copy answered by Redoubt itself; conformance tests say that others answer the same."""
    np.save(f"{FOLDER}/q.npy", x)
    subprocess.run([REDOUBT, "model", "run", path, "--input", f"{FOLDER}/q.npy", "--output", f"{FOLDER}/a.npy",
                    "--quiet"], check=True)
    return np.load(f"{FOLDER}/a.npy").argmax(1)


def hop_skip_jump(n=10):
    x = EVAL_X[:n]

    def theirs():
        torch.manual_seed(SEED)
        return HopSkipJump(classifier(True), batch_size=256, max_iter=28, max_eval=10000, init_eval=100,
                           verbose=False).generate(x)
    adv, art_cpu, wall = cpu_of(theirs)
    fooled = answers(VICTIM, adv) != TRUTH[:n]
    away = np.sqrt(((adv - x) ** 2).reshape(n, -1).sum(1))[fooled]
    line("hop-skip-jump", "ART", art_cpu, wall, f"{fooled.sum()} of {n} fooled, median L2 {np.median(away):.3f}")
    _, cpu, wall = redoubt("hop-skip-jump", "--target", MODEL, "--input", f"{SHARED}/models/mnist-eval-x.npy", "--labels",
                           f"{SHARED}/models/mnist-eval-y.npy", "--count", str(n), "--norm", "l2", "--set",
                           "queries=10500", "--save", f"{FOLDER}/adv.npy")
    adv = np.load(f"{FOLDER}/adv.npy")
    fooled = answers(VICTIM, adv) != TRUTH[:n]
    away = np.sqrt(((adv - x) ** 2).reshape(n, -1).sum(1))[fooled]
    line("", "Redoubt", cpu, wall, f"{fooled.sum()} of {n} fooled, median L2 {np.median(away):.3f}")
    ratio("", art_cpu, cpu)


def theft(attack, make, *settings):
    def theirs():
        torch.manual_seed(SEED)
        np.random.seed(SEED)
        return make(classifier(True)).extract(POOL_X, thieved_classifier=classifier(False))
    copy, art_cpu, wall = cpu_of(theirs)
    line(attack, "ART", art_cpu, wall, f"fidelity {(answers(copy.model, EVAL_X) == TRUTH).mean():.3f}")
    _, cpu, wall = redoubt(attack, "--target", MODEL, "--pool", f"{FOLDER}/pool-x.npy", "--input",
                           f"{SHARED}/models/mnist-eval-x.npy", "--labels", f"{SHARED}/models/mnist-eval-y.npy",
                           "--set", "queries=7500", "--set", "epochs=10", "--set", "checkpoints=1", "--set",
                           f"student={MODEL}", *settings, "--save", f"{FOLDER}/copy.onnx")
    line("", "Redoubt", cpu, wall, f"fidelity {(of_file(f'{FOLDER}/copy.onnx', EVAL_X) == TRUTH).mean():.3f}")
    ratio("", art_cpu, cpu)


def backdoor(rate=0.1, target=0, epochs=8):
    """Victim and clean control, each trained once on 4,000 images."""
    x, y = POOL_X[:4000], POOL_Y[:4000]

    def theirs():
        rng = np.random.RandomState(SEED)
        torch.manual_seed(SEED)
        chosen = rng.permutation(len(x))[:int(rate * len(x))]
        bad_x, bad_y = x.copy(), y.copy()
        bad_x[chosen, 0, 25:27, 25:27] = 1
        bad_y[chosen] = target
        made = []
        for a, b in ((bad_x, bad_y), (x, y)):
            c = classifier(False)
            c.fit(a, b, batch_size=64, nb_epochs=epochs, verbose=False)
            made.append(c.model.eval())
        return made
    (bad, _), art_cpu, wall = cpu_of(theirs)
    triggered = EVAL_X[EVAL_Y != target].copy()
    triggered[:, 0, 25:27, 25:27] = 1
    line("backdoor", "ART", art_cpu, wall, f"attack success {(answers(bad, triggered) == target).mean():.3f}, clean "
         f"{(answers(bad, EVAL_X) == EVAL_Y).mean():.3f}")
    _, cpu, wall = redoubt("backdoor", "--train", f"{FOLDER}/train-x.npy", "--train-labels", f"{FOLDER}/train-y.npy",
                           "--graph", MODEL, "--input", f"{SHARED}/models/mnist-eval-x.npy", "--labels",
                           f"{SHARED}/models/mnist-eval-y.npy", "--set", f"rate={rate}", "--set", f"target={target}",
                           "--set", "runs=1", "--epochs", str(epochs), "--curve", "0", "--save-model",
                           f"{FOLDER}/bad.onnx", "--save-trigger", f"{FOLDER}/trigger.npz")
    trigger = np.load(f"{FOLDER}/trigger.npz")
    triggered = EVAL_X[EVAL_Y != target] * (1 - trigger["mask"]) + trigger["pattern"] * trigger["mask"]
    bad = f"{FOLDER}/bad.onnx"
    line("", "Redoubt", cpu, wall,
         f"attack success {(of_file(bad, triggered.astype(np.float32)) == target).mean():.3f}, clean "
         f"{(of_file(bad, EVAL_X) == EVAL_Y).mean():.3f}")
    ratio("", art_cpu, cpu)


print(f"attacks on mnist-cnn, one thread each; ART {art.__version__} on PyTorch {torch.__version__}")
print(f"  {'attack':<16}{'by':<10}{'CPU s':>9}{'wall s':>9}   strength")
if "hop-skip-jump" in CHOSEN:
    hop_skip_jump()
if "copycat" in CHOSEN:
    theft("copycat", lambda c: CopycatCNN(c, batch_size_fit=64, batch_size_query=256, nb_epochs=10, nb_stolen=7500))
if "knockoff" in CHOSEN:
    theft("knockoff", lambda c: KnockoffNets(c, batch_size_fit=64, batch_size_query=256, nb_epochs=10, nb_stolen=7500,
                                             sampling_strategy="random", verbose=False))
if "backdoor" in CHOSEN:
    backdoor()
