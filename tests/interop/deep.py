"""What exports_torch.py and exports_keras.py share: a case is an ONNX file, inputs, and what the framework it came from
answers and differentiates to, in float32 and in float64. It passes when `redoubt model run` and `redoubt model grad`
give the same.

Tolerance, of an output or a gradient with largest magnitude s in float64: 1e-5 * s (a sum of k float32 products is off
by about sqrt(k) * 2^-24 of them, and a net is a few of those) + 8 * what the framework's own float32 answer is off by,
which knows how the net amplifies rounding. Types below float32 take their own epsilon in the place of 1e-5.

A gradient jumps at a kink (ReLU at 0, two equal maxima) and rounding decides on which side a number falls. So a row
that differs is asked again: where the framework's own float64 gradient changes by more than the tolerance when the
input moves by a few float32 roundings, the row stands at a kink and is left out; at most half of the rows may be.

Where our answer differs or is refused, ONNX Runtime is asked. When it is as far off, the export differs from its
framework: a skip with that name.
"""

import argparse
import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings

import numpy as np


class Skip(Exception):
    pass


class Case:
    """
    path       the model
    inputs     name -> array, in the order of the graph
    want       [(float32, float64)] an output (of other types: the same twice), in the order of the graph
    cotangent  of the first output, or None: no gradient is asked
    labels     instead of a cotangent: cross-entropy
    grads      name of a tensor -> (float32, float64)
    wrt        the names are tensors inside
    moved      function(scale) -> name -> float64 gradient with every float moved at random by scale, or None
    """

    def __init__(self, path, inputs, want, cotangent=None, labels=None, grads=None, wrt=False, moved=None, eps=1e-5):
        self.path, self.inputs, self.want, self.cotangent, self.labels = path, inputs, want, cotangent, labels
        self.grads, self.wrt, self.moved, self.eps = grads or {}, wrt, moved, eps


def call(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return f"no answer in 300 s: {' '.join(command)}"
    if done.returncode:
        return f"{done.stderr.strip() or 'exit code ' + str(done.returncode)}\n    {' '.join(command)}"
    return None


def given(case, folder):
    """Inputs as files: one by one or in one archive."""
    if len(case.inputs) > 1 and len(case.inputs) % 2:
        np.savez(f"{folder}/x.npz", **case.inputs)
        return ["--input", f"{folder}/x.npz"]
    words = []
    for i, (name, x) in enumerate(case.inputs.items()):
        np.save(f"{folder}/x{i}.npy", x)
        words += ["--input", f"{name}={folder}/x{i}.npy" if len(case.inputs) > 1 else f"{folder}/x{i}.npy"]
    return words


def output_names(path):
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    return [o.name for o in graph.output]


def distance(got, want, eps):
    """(how far in tolerances at the worst, words, rows that are off)"""
    w32, w64 = (np.asarray(w) for w in want)
    if got.shape != w64.shape:
        return np.inf, f"shape {got.shape}, expected {w64.shape}", None
    if w64.dtype.kind not in "fc":
        if got.dtype.kind != w64.dtype.kind:
            return np.inf, f"type {got.dtype}, expected {w64.dtype}", None
        off = got != w64
        off &= w32 == w64  # argmax of a tie
        at = np.argwhere(off)
        return (np.inf if len(at) else 0), f"{len(at)} of {off.size} differ" + (
            f", at {tuple(at[0])}: {got[tuple(at[0])]} expected {w64[tuple(at[0])]}" if len(at) else ""), at[:, :1]
    if got.dtype.kind != "f":
        return np.inf, f"type {got.dtype}, expected {w64.dtype}", None
    got, w32, w64 = got.astype(np.float64), w32.astype(np.float64), w64.astype(np.float64)
    odd = np.isnan(got) != np.isnan(w32)
    if odd.any():
        return np.inf, f"NaN in {int(odd.sum())} places where one has a number", np.argwhere(odd)[:, :1]
    good = np.isfinite(w64) & np.isfinite(w32)
    if (got[~good & np.isinf(w32)] != w32[~good & np.isinf(w32)]).any():
        return np.inf, "infinities differ", None
    if not good.any():
        return 0, "", None
    noise = np.abs(w32 - w64)[good].max()
    # half of float32 on both sides, so that noise cannot excuse anything
    tol = eps * max(np.abs(w64[good]).max(), 1e-12) + 8 * min(noise, 0.01 * np.abs(w64[good]).max())
    d = np.where(good, np.abs(got - np.where(good, w64, 0)), 0)
    k = np.unravel_index(d.argmax(), d.shape)
    rows = np.unique(np.argwhere(d > tol)[:, 0]) if d.ndim else None
    return d.max() / tol, f"{int((d > tol).sum())} of {d.size} differ, most {d.max():.3g} at {tuple(int(i) for i in k)}: {got[k]:.7g} expected {w64[k]:.7g}, tolerance {tol:.2g}", rows


def run(program, case, folder):
    """[output arrays] or the words of the error"""
    names = output_names(case.path)
    command = [program, "model", "run", case.path, "--quiet"] + given(case, folder)
    for i, name in enumerate(names):
        command += ["--output", f"{name}={folder}/y{i}.npy"]
    words = call(command)
    return words or [np.load(f"{folder}/y{i}.npy") for i in range(len(names))]


def gradient(program, case, folder):
    """name -> array or the words of the error"""
    command = [program, "model", "grad", case.path, "--quiet"] + given(case, folder)
    if case.labels is not None:
        np.save(f"{folder}/labels.npy", case.labels)
        command += ["--labels", f"{folder}/labels.npy"]
    else:
        np.save(f"{folder}/cotangent.npy", case.cotangent)
        command += ["--cotangent", f"{folder}/cotangent.npy"]
    for i, name in enumerate(case.grads):
        command += (["--wrt", name] if case.wrt else []) + ["--output", f"{name}={folder}/g{i}.npy"]
    words = call(command)
    return words or {name: np.load(f"{folder}/g{i}.npy") for i, name in enumerate(case.grads)}


def onnx_runtime(case):
    import onnxruntime as ort

    ort.set_default_logger_severity(4)
    try:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        return ort.InferenceSession(case.path, options, providers=["CPUExecutionProvider"]).run(None, case.inputs)
    except Exception as e:  # what it cannot run is no witness
        return f"{type(e).__name__}: {str(e)[:200]}"


def reason(words):
    """The last "because" of an error, without what differs from file to file."""
    lines = [w.strip() for w in words.splitlines() if not w.startswith("    ")]
    return re.sub(r"\d+", "N", re.sub(r"'[^']*'", "'...'", lines[-1]))[:120]


def judge_run(program, case, folder):
    ours = run(program, case, folder)
    if isinstance(ours, list):
        far = [distance(o, w, case.eps) for o, w in zip(ours, case.want)]
        if len(ours) == len(case.want) and all(f[0] <= 1 for f in far):
            return None
        words = "; ".join(f"output {i}: {f[1]}" for i, f in enumerate(far) if f[0] > 1) or "outputs are missing"
    else:
        words = ours
    theirs = onnx_runtime(case)
    if isinstance(theirs, str):
        if isinstance(ours, str):
            raise Skip("runs neither here nor in ONNX Runtime: " + reason(ours))
        return words + f" [ONNX Runtime: {theirs}]"
    theirs_far = [distance(np.asarray(o), w, case.eps) for o, w in zip(theirs, case.want)]
    if isinstance(ours, list) and all(
            t[0] > 1 and (t[0] == f[0] or distance(o, (np.asarray(r), np.asarray(r)), case.eps)[0] <= max(1, 0.1 * t[0]))
            for t, f, o, r in zip(theirs_far, far, ours, theirs) if f[0] > 1):
        raise Skip("the export differs from the framework, in ONNX Runtime too")
    return words + f" [ONNX Runtime: {'right' if all(t[0] <= 1 for t in theirs_far) else theirs_far[0][1]}]"


def judge_gradient(program, case, folder):
    ours = gradient(program, case, folder)
    if isinstance(ours, str):
        return ours
    words = []
    for name, want in case.grads.items():
        far, text, rows = distance(ours[name], want, case.eps)
        if far <= 1:
            continue
        if rows is not None and len(rows) <= 0.5 * len(want[1]) + 1 and case.moved:
            tol = case.eps * max(np.abs(want[1]).max(), 1e-12)
            left = set(int(r) for r in np.ravel(rows))
            for scale in (3e-7, 1e-6, 1e-6, 3e-6, 3e-6, 1e-5):
                moved = case.moved(scale)[name]
                left -= {r for r in left if np.abs(moved[r] - want[1][r]).max() > tol}
            if not left:
                continue
        words.append(f"gradient of {name}: {text}")
    return "; ".join(words) or None


def judge(program, case, folder):
    """None when it passes; Skip with the reason; else the words of the failure."""
    words = judge_run(program, case, folder)
    if words is None and (case.cotangent is not None or case.labels is not None) and case.grads:
        words = judge_gradient(program, case, folder)
    return words


def first_line(e):
    lines = [w.strip() for w in str(e).splitlines() if w.strip()]
    return re.sub(r"\d+", "N", re.sub(r"0x[0-9a-f]+", "", lines[0] if lines else ""))[:110]


def main(title, makers, seed_all):
    """makers: name -> function(rng, folder) -> Case; may raise Skip. seed_all(int): the framework's own generator."""
    p = argparse.ArgumentParser(description=title)
    p.add_argument("program")
    p.add_argument("--seed", type=int, default=None, help="printed, so that a run can be repeated")
    p.add_argument("--count", type=int, default=1, help="models of each kind")
    p.add_argument("--number", type=int, default=None, help="only the model of this number")
    p.add_argument("--only", default="", help="regular expression of kinds")
    p.add_argument("--keep", default="", help="a folder for the files of what failed")
    p.add_argument("--seconds", type=float, default=0, help="start no more models after so many")
    a = p.parse_args()
    seed = a.seed if a.seed is not None else int(time.time())
    print(f"{title}: seed {seed}", flush=True)
    warnings.simplefilter("ignore")
    started = time.time()
    passed, failed, skips = 0, 0, collections.Counter()
    for number in range(a.count) if a.number is None else [a.number]:
        for name, make in makers.items():
            if not re.search(a.only, name) or (a.seconds and time.time() - started > a.seconds):
                continue
            rng = np.random.default_rng([seed, number] + list(name.encode()))
            seed_all(int(rng.integers(1 << 31)))
            folder = tempfile.mkdtemp()
            try:
                try:
                    case = make(rng, folder)
                except Skip:
                    raise
                except Exception as e:  # exporters refuse in many ways
                    if os.environ.get("INTEROP_TRACE"):
                        traceback.print_exc()
                    raise Skip(f"not made: {type(e).__name__}: {first_line(e)}")
                words = judge(a.program, case, folder)
                if words is None:
                    passed += 1
                    continue
                failed += 1
                print(f"FAILED: {name} (--seed {seed} --number {number}): {words}", flush=True)
                if a.keep:
                    to = f"{a.keep}/{re.sub('[^A-Za-z0-9]+', '-', name)}-{seed}-{number}"
                    shutil.rmtree(to, ignore_errors=True)
                    shutil.copytree(folder, to)
            except Skip as e:
                skips[name.split("/")[0] + ": " + str(e)] += 1
                if os.environ.get("INTEROP_TRACE"):
                    print(f"skipped {name} (--number {number}): {e}", flush=True)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    for reason, n in sorted(skips.items()):
        print(f"skipped {n}: {reason}")
    print(f"{passed} passed, {failed} failed, {sum(skips.values())} skipped")
    sys.exit(failed > 0)
