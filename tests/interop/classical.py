"""What exports_sklearn.py and exports_trees.py share: a case is a model file, inputs and the answers of the library
that trained it; it passes when `redoubt model run` gives the same.

Tolerance: an export stores weights as float32 and most operators of ai.onnx.ml answer float32, so an output is right
to a few units of 2^-24 of the largest number summed on the way. SCALE (1e-5) of the largest answer leaves that two
orders of magnitude. Where our answer is further away, ONNX Runtime is asked: when it gives the same, or is as far from
the library, the export itself differs from the library, which is a skip with that name. A label may differ only where
the library's own first two scores are within the tolerance.
"""

import argparse
import collections
import csv
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
import warnings

import numpy as np

SCALE = 1e-5
ROWS = 1000


class Skip(Exception):
    pass


class Case:
    """want: answers by the index of the output; scores: of the library, to judge ties of labels; loose: how many times
    SCALE; floor: of the scale, where answers are differences of larger numbers."""

    def __init__(self, model, inputs, want, form="npy", suffix=".onnx", scores=None, loose=1.0, floor=1e-30):
        self.model, self.inputs, self.want, self.form, self.suffix = model, inputs, want, form, suffix
        self.scores, self.loose, self.floor = scores, loose, floor


def write_inputs(case, folder):
    names = list(case.inputs)
    if case.form == "npz":
        path = f"{folder}/x.npz"
        np.savez(path, **case.inputs)
        return [path]
    if case.form == "csv":
        path = f"{folder}/x.csv"
        columns = [np.asarray(case.inputs[n]).reshape(len(case.inputs[n]), -1) for n in names]
        with open(path, "w", newline="", encoding="utf-8") as f:
            out = csv.writer(f)
            head = names if len(names) > 1 or columns[0].shape[1] == 1 else [f"c{i}" for i in range(columns[0].shape[1])]
            out.writerow(head)
            for row in zip(*columns):
                out.writerow([cell(v) for part in row for v in part])
        return [path] if len(names) > 1 or columns[0].shape[1] == 1 else [f"{names[0]}={path}"]
    paths = []
    for i, n in enumerate(names):
        np.save(f"{folder}/x{i}.npy", case.inputs[n])
        paths.append(f"{n}={folder}/x{i}.npy")
    return paths


def cell(v):
    if isinstance(v, (float, np.floating)):
        return "" if np.isnan(v) else repr(float(v))
    return str(v)


def read_output(path, like):
    if path.endswith(".txt"):
        with open(path, encoding="utf-8") as f:
            return np.array(f.read().split("\n")[:-1]).reshape(np.asarray(like).shape)
    return np.load(path)


def redoubt(program, case, folder):
    """Answers by output index, or the error as text."""
    model = f"{folder}/model{case.suffix}"
    with open(model, "wb") as f:
        f.write(case.model)
    command = [program, "model", "run", model, "--quiet"]
    for path in write_inputs(case, folder):
        command += ["--input", path]
    outputs = {}
    for i, name in output_names(case).items():
        strings = np.asarray(case.want[i]).dtype.kind in "OUS"
        outputs[i] = f"{folder}/y{i}." + ("txt" if strings else "npy")
        command += ["--output", f"{name}={outputs[i]}" if name else outputs[i]]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return f"no answer in 300 s: {' '.join(command)}"
    if done.returncode:
        return (done.stderr.strip() or f"exit code {done.returncode}") + f"\n    {' '.join(command)}"
    return {i: read_output(p, case.want[i]) for i, p in outputs.items()}


def output_names(case):
    if case.suffix != ".onnx":
        return {0: None}
    import onnx

    graph = onnx.load_from_string(case.model).graph
    return {i: graph.output[i].name for i in case.want}


def onnx_runtime(case):
    if case.suffix != ".onnx":
        return None
    import onnxruntime as ort

    ort.set_default_logger_severity(4)
    try:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        session = ort.InferenceSession(in_locale_c(case.model), options, providers=["CPUExecutionProvider"])
        feed = {n: (v.astype(object) if v.dtype.kind == "U" else v) for n, v in case.inputs.items()}
        got = session.run(None, feed)
    except Exception as e:  # what it cannot run is no witness
        return f"{type(e).__name__}: {str(e)[:160]}"
    return {i: (zipped(got[i]) if isinstance(got[i], list) else got[i]) for i in case.want}


def in_locale_c(model):
    """It wants the locale en_US installed for StringNormalizer; C is always there."""
    import onnx

    graph = onnx.load_from_string(model)
    for node in graph.graph.node:
        if node.op_type == "StringNormalizer" and not any(a.name == "locale" for a in node.attribute):
            node.attribute.append(onnx.helper.make_attribute("locale", "C"))
    return graph.SerializeToString()


def zipped(rows):
    return np.array([list(row.values()) for row in rows])


def same_shape(got, want):
    """(n) and (n, 1) are one answer."""
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape and got.size == want.size and (got.ndim == 1 or want.ndim == 1 or 1 in got.shape):
        got = got.reshape(want.shape)
    return got, want


def distance(got, want, case):
    """(how far in tolerances, words)"""
    got, want = same_shape(got, want)
    if got.shape != want.shape:
        return np.inf, f"shape {got.shape}, expected {want.shape}"
    if want.dtype.kind in "fc" or (got.dtype.kind == "f" and want.dtype.kind in "iub"):
        got, want = got.astype(np.float64), want.astype(np.float64)
        odd = np.isnan(got) != np.isnan(want)
        if odd.any():
            return np.inf, f"NaN in {int(odd.sum())} places where one has a number"
        good = np.isfinite(want)
        if (got[~good & ~np.isnan(want)] != want[~good & ~np.isnan(want)]).any():
            return np.inf, "infinities differ"
        if not good.any():
            return 0, ""
        tol = SCALE * case.loose * max(np.abs(want[good]).max(), case.floor)
        d = np.abs(got - want)
        d[~good] = 0
        k = np.unravel_index(d.argmax(), d.shape)
        return d.max() / tol, f"{int((d > tol).sum())} of {d.size} differ, most {d.max():.3g} at {k}: {got[k]} expected {want[k]}"
    differ = got.astype(str) != want.astype(str)
    if want.dtype.kind == "b":
        differ = got.astype(bool) != want
    if case.scores is not None and differ.any() and differ.ndim == 1:
        for r in np.flatnonzero(differ):
            s = np.asarray(case.scores[r], np.float64).ravel()
            gap = abs(s[0]) if s.size == 1 else np.diff(np.sort(s)[-2:])[0]
            if gap <= SCALE * case.loose * max(1, np.abs(s).max()):
                differ[r] = False
    if differ.any():
        k = tuple(np.argwhere(differ)[0])
        return np.inf, f"{int(differ.sum())} of {differ.size} differ, at {k}: {got[k]!r} expected {want[k]!r}"
    return 0, ""


def judge(program, case, folder):
    """None when it passes; Skip with the reason; else the words of the failure."""
    ours = redoubt(program, case, folder)
    if isinstance(ours, dict):
        far = {i: distance(ours[i], case.want[i], case) for i in case.want}
        if all(d <= 1 for d, _ in far.values()):
            return None
    theirs = onnx_runtime(case)
    if isinstance(ours, str):
        if isinstance(theirs, str):
            if re.search("Type Error|INVALID_GRAPH|is not a registered", theirs):
                raise Skip(f"{case.name}: the export is no valid ONNX: " + theirs.split("Type Error: ")[-1][:120])
            raise Skip(f"{case.name}: runs neither here nor in ONNX Runtime: " + ours.split("because: ")[-1].split("\n")[0][:200] + f" [{theirs}]")
        return ours
    words = "; ".join(f"output {i}: {w}" for i, (d, w) in far.items() if d > 1)
    if isinstance(theirs, dict):
        as_one = Case(case.model, {}, theirs, loose=case.loose, floor=case.floor)
        for i in case.want:
            theirs_far, theirs_words = distance(theirs[i], case.want[i], case)
            if far[i][0] > max(1, 2 * theirs_far) and distance(ours[i], theirs[i], as_one)[0] > 1:
                return words + f" [ONNX Runtime: {theirs_words or 'right'}]"
        raise Skip(f"{case.name}: the export differs from the library, in ONNX Runtime too" + (f": {words} [{theirs_words}]" if os.environ.get("INTEROP_TRACE") else ""))
    if isinstance(theirs, str) and re.search("Type Error|INVALID_GRAPH", theirs):
        raise Skip(f"{case.name}: the export is no valid ONNX: " + theirs.split("Type Error: ")[-1][:120])
    return words + f" [ONNX Runtime: {theirs}]"


def main(title, makers):
    """makers: name -> function(rng) -> Case; may raise Skip."""
    p = argparse.ArgumentParser(description=title)
    p.add_argument("program")
    p.add_argument("--seed", type=int, default=None, help="printed, so that a run can be repeated")
    p.add_argument("--count", type=int, default=1, help="models of each kind")
    p.add_argument("--only", default="", help="regular expression of kinds")
    p.add_argument("--keep", default="", help="a folder for the files of what failed")
    a = p.parse_args()
    seed = a.seed if a.seed is not None else int(time.time())
    print(f"{title}: seed {seed}", flush=True)
    warnings.simplefilter("ignore")
    passed, failed, skips = 0, 0, collections.Counter()
    for number in range(a.count):
        for name, make in makers.items():
            if not re.search(a.only, name):
                continue
            rng = np.random.default_rng([seed, number] + list(name.encode()))
            state = np.random.get_state()
            np.random.seed(int(rng.integers(1 << 31)))
            with tempfile.TemporaryDirectory() as folder:
                try:
                    try:
                        case = make(rng)
                        case.name = name.split("/")[0]
                    except Skip:
                        raise
                    except Exception as e:  # exporters refuse in many ways
                        if os.environ.get("INTEROP_TRACE"):
                            traceback.print_exc()
                        kind = name.split("/")[0]
                        raise Skip(f"{kind}: not made: {type(e).__name__}: {str(e).strip().splitlines()[0][:120] if str(e).strip() else ''}")
                    words = judge(a.program, case, folder)
                except Skip as e:
                    skips[str(e)] += 1
                    continue
                finally:
                    np.random.set_state(state)
                if words is None:
                    passed += 1
                    continue
                failed += 1
                print(f"FAILED: {name} (--seed {seed}, number {number}): {words}", flush=True)
                if a.keep:
                    to = f"{a.keep}/{re.sub('[^A-Za-z0-9]+', '-', name)}-{number}"
                    subprocess.run(["rm", "-rf", to], check=False)
                    subprocess.run(["cp", "-r", folder, to], check=False)
    for reason, n in sorted(skips.items()):
        print(f"skipped {n}: {reason}")
    print(f"{passed} passed, {failed} failed, {sum(skips.values())} skipped")
    sys.exit(failed > 0)
