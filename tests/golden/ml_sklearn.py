#!/usr/bin/python3
"""Operators of ai.onnx.ml and the text ones against scikit-learn: models of random shape are trained here, written as
ONNX by this file's own few lines, run by `redoubt model run`, and compared.

Tolerance: the standard stores weights as float32, so a decision moves by some 1e-7 of the sum of its terms' sizes;
2e-6 of the largest output is above that and far below any slip. Trees take thresholds in float64 (or rounded so that no
comparison changes), so their leaves are the same and only the sum is rounded. Labels must be equal where the two best
scores are not within the tolerance.
"""
import os
import subprocess
import sys
import tempfile
import warnings

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from sklearn import ensemble, linear_model, preprocessing, svm, tree
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.impute import SimpleImputer
except ImportError as reason:
    print(f"skipped: {reason}")
    sys.exit(77)

warnings.filterwarnings("ignore")
REDOUBT = os.path.abspath(os.environ.get("REDOUBT", "build/release/redoubt"))
TOLERANCE = 2e-6
failures = checks = 0
rng = np.random.default_rng(20261125)
folder = tempfile.mkdtemp()


WORD = [f"class {k}" for k in "zxyw"]


def run(nodes, x, outputs, ml=3, constants=()):
    """Outputs of a graph of nodes with input `x`; constants: (name, array) read by nodes. Strings come out through a
    LabelEncoder, as their place in WORD."""
    words = [name for name, kind in outputs if kind == 8]
    nodes = nodes + [node("LabelEncoder", [name], [name + " number"], keys_strings=WORD, values_int64s=list(range(len(WORD))))
                     for name in words]
    outputs = [(name + " number", 7) if kind == 8 else (name, kind) for name, kind in outputs]
    kinds = {np.dtype("float32"): 1, np.dtype("float64"): 11, np.dtype("int64"): 7, np.dtype("int32"): 6}
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("x", kinds[x.dtype], [None, *x.shape[1:]])],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs],
        [strings(name, a) if a.dtype == object else numpy_helper.from_array(a, name) for name, a in constants])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", ml),
                                                    helper.make_opsetid("com.microsoft", 1)])
    model.ir_version = 8
    path = os.path.join(folder, "m.onnx")
    onnx.save(model, path)
    np.save(os.path.join(folder, "x.npy"), x)
    names = [(name, os.path.join(folder, f"out{i}.npy")) for i, (name, _) in enumerate(outputs)]
    args = [REDOUBT, "model", "run", path, "--quiet", "--input", os.path.join(folder, "x.npy")]
    for name, file in names:
        args += ["--output", f"{name}={file}"]
    done = subprocess.run(args, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    out = [np.load(f) for _, f in names]
    return [np.array(WORD)[a] if name[:-7] in words else a for (name, _), a in zip(names, out)]


def strings(name, a):
    t = TensorProto(name=name, data_type=TensorProto.STRING, dims=a.shape)
    t.string_data.extend([s.encode() for s in a.ravel()])
    return t


def node(op, inputs, outputs, domain="ai.onnx.ml", **attrs):
    return helper.make_node(op, inputs, outputs, domain=domain, **attrs)


def compare(what, got, want, labels=None):
    global failures, checks
    checks += 1
    got, want = np.asarray(got, float).reshape(np.shape(want)), np.asarray(want, float)
    scale = np.abs(want).max(initial=1)
    off = np.abs(got - want).max(initial=0) / scale
    if not off <= TOLERANCE:
        failures += 1
        print(f"{what}: differs by {off:.2e} of {scale:.3g}")
    if labels is not None:
        mine, theirs = (np.asarray(a).astype(str) for a in labels)
        best = np.sort(want, axis=1)[:, -2:] if want.ndim == 2 and want.shape[1] > 1 else np.abs(want).reshape(-1, 1)
        clear = (best[:, -1] - best[:, 0] if best.shape[1] > 1 else best[:, 0]) > 10 * TOLERANCE * scale
        if (mine[clear] != theirs[clear]).any():
            failures += 1
            print(f"{what}: {(mine[clear] != theirs[clear]).sum()} labels differ")


def data(n, features, classes, words=False):
    x = rng.normal(size=(n, features)).astype(np.float32)
    y = np.argmax(x[:, :classes] + 0.5 * rng.normal(size=(n, classes)), axis=1) if classes else x @ rng.normal(size=features)
    return x, (np.array(WORD)[y] if words else y)


def label_attr(classes, ints):
    return {"classlabels_strings": list(classes)} if classes.dtype.kind == "U" else {ints: [int(c) for c in classes]}


def out_kind(classes):
    return 8 if classes.dtype.kind == "U" else 7


# --- linear ---

for classes, words in ((2, False), (2, True), (3, False), (4, True)):
    x, y = data(60, int(rng.integers(4, 9)), classes, words)
    m = linear_model.LogisticRegression().fit(x, y)
    coef, bias = m.coef_, m.intercept_
    forms = [(coef, bias)] if classes > 2 else [(coef, bias), (np.vstack([-coef, coef]), np.concatenate([-bias, bias]))]
    for w, b in forms:
        attrs = dict(coefficients=w.ravel().tolist(), intercepts=b.tolist(),
                     post_transform="LOGISTIC" if classes == 2 else "SOFTMAX", **label_attr(m.classes_, "classlabels_ints"))
        for kind in (np.float32, np.float64):
            z = x.astype(kind)
            label, proba = run([node("LinearClassifier", ["x"], ["l", "p"], **attrs)], z, [("l", out_kind(m.classes_)), ("p", 1)])
            compare(f"logistic regression, {classes} classes, {len(w)} rows", proba, m.predict_proba(z), (label, m.predict(z)))

x = rng.normal(size=(40, 5)).astype(np.float32)
y = x @ rng.normal(size=(5, 3)) + 2
m = linear_model.LinearRegression().fit(x, y)
compare("linear regression", run([node("LinearRegressor", ["x"], ["y"], coefficients=m.coef_.ravel().tolist(),
                                       intercepts=m.intercept_.tolist(), targets=3)], x, [("y", 1)])[0], m.predict(x))

# --- support vectors ---

KERNELS = {"linear": "LINEAR", "poly": "POLY", "rbf": "RBF", "sigmoid": "SIGMOID"}


def machine(m):
    return dict(kernel_type=KERNELS[m.kernel], kernel_params=[float(m._gamma), float(m.coef0), float(m.degree)],
                support_vectors=m.support_vectors_.ravel().tolist())


for kernel in KERNELS:
    for classes, words in ((2, False), (3, True), (4, False)):
        x, y = data(80, int(rng.integers(4, 8)), classes, words)
        for proba in (False, True):
            m = svm.SVC(kernel=kernel, probability=proba, coef0=0.3, degree=3, gamma=0.2, random_state=0,
                        decision_function_shape="ovo").fit(x, y)
            sign = -1 if classes == 2 else 1  # scikit-learn turns the two-class decision round, LIBSVM's has class 0 first
            attrs = dict(coefficients=(sign * m.dual_coef_).ravel().tolist(), rho=(sign * m.intercept_).tolist(),
                         vectors_per_class=m.n_support_.tolist(), **machine(m), **label_attr(m.classes_, "classlabels_ints"))
            if proba:
                attrs.update(prob_a=m.probA_.tolist(), prob_b=m.probB_.tolist())
            label, score = run([node("SVMClassifier", ["x"], ["l", "s"], **attrs)], x, [("l", out_kind(m.classes_)), ("s", 1)])
            if proba:
                want = m.predict_proba(x)
            elif classes == 2:  # the standard's order: minus the score, the score (of class 0 against class 1)
                want = np.stack([m.decision_function(x), -m.decision_function(x)], axis=1)
            else:
                want = m.decision_function(x)
            compare(f"SVC {kernel}, {classes} classes, probabilities {proba}", score, want)
            checks += 1
            if (label.astype(str) != m.predict(x).astype(str)).sum() > (0 if classes == 2 else 1):
                failures += 1  # votes: a pair's score next to 0 may fall on either side
                print(f"SVC {kernel}, {classes} classes: labels differ")
    x, y = data(50, 5, 0)
    m = svm.SVR(kernel=kernel, coef0=0.3, gamma=0.2, degree=2).fit(x, y)
    attrs = dict(coefficients=m.dual_coef_.ravel().tolist(), rho=m.intercept_.tolist(), n_supports=len(m.support_), **machine(m))
    compare(f"SVR {kernel}", run([node("SVMRegressor", ["x"], ["y"], **attrs)], x, [("y", 1)])[0], m.predict(x))
    m = svm.OneClassSVM(kernel=kernel, coef0=0.3, gamma=0.2, degree=2, nu=0.3).fit(x)
    attrs = dict(coefficients=m.dual_coef_.ravel().tolist(), rho=m.intercept_.tolist(), n_supports=len(m.support_), **machine(m))
    compare(f"one class {kernel}", run([node("SVMRegressor", ["x"], ["y"], **attrs)], x, [("y", 1)])[0], m.decision_function(x))
    inside = run([node("SVMRegressor", ["x"], ["y"], one_class=1, **attrs)], x, [("y", 1)])[0].ravel()
    clear = np.abs(m.decision_function(x)) > 1e-4
    compare(f"one class {kernel}, sign", inside[clear], m.predict(x)[clear])

# --- trees ---


def forest(trees, weights, double, prefix):
    """Attributes of trees (scikit-learn's Tree); weights(tree, node) gives the leaf's (target, weight) pairs."""
    a = {k: [] for k in ("nodes_treeids nodes_nodeids nodes_featureids nodes_modes nodes_values nodes_truenodeids "
                         "nodes_falsenodeids nodes_missing_value_tracks_true").split()}
    w = {k: [] for k in ("treeids", "nodeids", "ids", "weights")}
    for t, one in enumerate(trees):
        for i in range(one.node_count):
            leaf = one.children_left[i] < 0
            a["nodes_treeids"].append(t)
            a["nodes_nodeids"].append(i)
            a["nodes_featureids"].append(0 if leaf else int(one.feature[i]))
            a["nodes_modes"].append("LEAF" if leaf else "BRANCH_LEQ")
            a["nodes_values"].append(0.0 if leaf else float(one.threshold[i]))
            a["nodes_truenodeids"].append(0 if leaf else int(one.children_left[i]))
            a["nodes_falsenodeids"].append(0 if leaf else int(one.children_right[i]))
            a["nodes_missing_value_tracks_true"].append(0)
            for target, weight in weights(one, i) if leaf else ():
                w["treeids"].append(t)
                w["nodeids"].append(i)
                w["ids"].append(target)
                w["weights"].append(float(weight))
    values = np.array(a["nodes_values"])
    if double:
        del a["nodes_values"]
        a["nodes_values_as_tensor"] = numpy_helper.from_array(values)
    else:  # down to float32: x <= t stays what it was for every float32 x
        low = values.astype(np.float32)
        a["nodes_values"] = np.where(low > values, np.nextafter(low, np.float32(-np.inf)), low).tolist()
    a.update({f"{prefix}_{k}": v for k, v in w.items()})
    if double:
        a[f"{prefix}_weights_as_tensor"] = numpy_helper.from_array(np.array(a.pop(f"{prefix}_weights")))
    return a


def shares(one, i):
    v = one.value[i, 0]
    return list(enumerate(v / v.sum()))


for classes, words, depth in ((2, False, 4), (2, True, 12), (3, True, None), (4, False, 2)):
    x, y = data(300, int(rng.integers(4, 12)), classes, words)
    for double in (False, True):
        m = tree.DecisionTreeClassifier(max_depth=depth, random_state=1).fit(x, y)
        attrs = forest([m.tree_], shares, double, "class")
        label, p = run([node("TreeEnsembleClassifier", ["x"], ["l", "p"], **attrs, **label_attr(m.classes_, "classlabels_int64s"))],
                       x, [("l", out_kind(m.classes_)), ("p", 1)])
        compare(f"tree, {classes} classes", p, m.predict_proba(x), (label, m.predict(x)))
        many = int(rng.integers(3, 40))
        m = ensemble.RandomForestClassifier(many, max_depth=depth, random_state=1).fit(x, y)
        attrs = forest([e.tree_ for e in m.estimators_], lambda o, i: [(k, v / many) for k, v in shares(o, i)], double, "class")
        for n in (len(x), 1, 7, 40, 65):  # a few rows go another way than many
            label, p = run([node("TreeEnsembleClassifier", ["x"], ["l", "p"], **attrs, **label_attr(m.classes_, "classlabels_int64s"))],
                           x[:n], [("l", out_kind(m.classes_)), ("p", 1)])
            compare(f"forest of {many}, {classes} classes", p, m.predict_proba(x[:n]), (label, m.predict(x[:n])))
    if classes == 2:  # one class named alone: the probability of the second
        attrs = forest([e.tree_ for e in m.estimators_], lambda o, i: [(1, shares(o, i)[1][1] / many)], False, "class")
        label, p = run([node("TreeEnsembleClassifier", ["x"], ["l", "p"], **attrs, **label_attr(m.classes_, "classlabels_int64s"))],
                       x, [("l", out_kind(m.classes_)), ("p", 1)])
        compare("forest, one class named", p, m.predict_proba(x), (label, m.predict(x)))
    m = ensemble.GradientBoostingClassifier(n_estimators=15, max_depth=3, learning_rate=0.4, init="zero", random_state=1).fit(x, y)
    columns = m.estimators_.shape[1]
    trees = [(e.tree_, k) for row in m.estimators_ for k, e in enumerate(row)]
    where = {id(t): k for t, k in trees}
    attrs = forest([t for t, _ in trees], lambda o, i: [(where[id(o)], 0.4 * o.value[i, 0, 0])], True, "class")
    label, p = run([node("TreeEnsembleClassifier", ["x"], ["l", "p"], post_transform="LOGISTIC" if columns == 1 else "SOFTMAX",
                         **attrs, **label_attr(m.classes_, "classlabels_int64s"))], x, [("l", out_kind(m.classes_)), ("p", 1)])
    compare(f"boosting, {classes} classes", p, m.predict_proba(x), (label, m.predict(x)))

x, y = data(200, 6, 0)
for double in (False, True):
    m = ensemble.GradientBoostingRegressor(n_estimators=20, max_depth=4, random_state=1).fit(x, y)
    attrs = forest([e[0].tree_ for e in m.estimators_], lambda o, i: [(0, 0.1 * o.value[i, 0, 0])], double, "target")
    compare("boosting regressor", run([node("TreeEnsembleRegressor", ["x"], ["y"], n_targets=1,
                                            base_values=[float(m.init_.constant_.item())], **attrs)], x, [("y", 1)])[0], m.predict(x))
    m = ensemble.ExtraTreesRegressor(9, max_depth=6, random_state=1).fit(x, np.stack([y, -2 * y, x[:, 0]], axis=1))
    attrs = forest([e.tree_ for e in m.estimators_], lambda o, i: list(enumerate(o.value[i, :, 0])), double, "target")
    out = run([node("TreeEnsembleRegressor", ["x"], ["y"], n_targets=3, aggregate_function="AVERAGE", **attrs)], x, [("y", 1)])[0]
    compare("extra trees, three targets", out, m.predict(x))
    each = np.stack([e.predict(x) for e in m.estimators_])
    for how, want in (("MIN", each.min(0)), ("MAX", each.max(0)), ("SUM", each.sum(0))):
        out = run([node("TreeEnsembleRegressor", ["x"], ["y"], n_targets=3, aggregate_function=how, **attrs)], x, [("y", 1)])[0]
        compare(f"extra trees, {how}", out, want)

# Missing values, in the first few cells of each column: a constant, since an input file may hold no NaN.
x, y = data(300, 5, 0)
x[rng.random(x.shape) < 0.1] = np.nan
m = ensemble.HistGradientBoostingRegressor(max_iter=12, max_leaf_nodes=15, min_samples_leaf=5).fit(x, y)
a = {k: [] for k in ("nodes_treeids nodes_nodeids nodes_featureids nodes_modes nodes_truenodeids nodes_falsenodeids "
                     "nodes_missing_value_tracks_true target_treeids target_nodeids target_ids").split()}
values, weights = [], []
for t, (predictor,) in enumerate(m._predictors):
    for i, n in enumerate(predictor.nodes):
        a["nodes_treeids"].append(t)
        a["nodes_nodeids"].append(i)
        a["nodes_featureids"].append(0 if n["is_leaf"] else int(n["feature_idx"]))
        a["nodes_modes"].append("LEAF" if n["is_leaf"] else "BRANCH_LEQ")
        a["nodes_truenodeids"].append(int(n["left"]))
        a["nodes_falsenodeids"].append(int(n["right"]))
        a["nodes_missing_value_tracks_true"].append(int(n["missing_go_to_left"]))
        values.append(0.0 if n["is_leaf"] else float(n["num_threshold"]))
        if n["is_leaf"]:
            a["target_treeids"].append(t)
            a["target_nodeids"].append(i)
            a["target_ids"].append(0)
            weights.append(float(n["value"]))
a.update(nodes_values_as_tensor=numpy_helper.from_array(np.array(values)),
         target_weights_as_tensor=numpy_helper.from_array(np.array(weights)), base_values=[float(m._baseline_prediction)])
for kind in (np.float32, np.float64):
    out = run([node("TreeEnsembleRegressor", ["data"], ["y"], **a)], np.zeros((1, 1), np.float32), [("y", 1)],
              constants=[("data", x.astype(kind))])[0]
    compare("histogram boosting with missing values", out, m.predict(x.astype(kind)))

# --- features ---

x = rng.normal(size=(30, 4)).astype(np.float32)
m = preprocessing.StandardScaler().fit(x)
compare("StandardScaler", run([node("Scaler", ["x"], ["y"], offset=m.mean_.tolist(), scale=(1 / m.scale_).tolist())], x, [("y", 1)])[0],
        m.transform(x))
for norm in ("max", "l1", "l2"):
    z = x.copy()
    z[3] = 0
    compare(f"Normalizer {norm}", run([node("Normalizer", ["x"], ["y"], norm=norm.upper())], z, [("y", 1)])[0],
            preprocessing.Normalizer(norm).transform(z))
compare("Binarizer", run([node("Binarizer", ["x"], ["y"], threshold=0.25)], x, [("y", 1)])[0], preprocessing.Binarizer(threshold=0.25).transform(x))
z = rng.integers(0, 4, size=(30, 1))
compare("OneHotEncoder", run([node("OneHotEncoder", ["x"], ["y"], cats_int64s=[0, 1, 3], zeros=1)], z, [("y", 1)])[0],
        preprocessing.OneHotEncoder(categories=[[0, 1, 3]], handle_unknown="ignore").fit([[0], [1], [3]]).transform(z).toarray())
z = x.copy()
z[rng.random(z.shape) < 0.2] = np.nan
m = SimpleImputer().fit(z)
out = run([node("Imputer", ["data"], ["y"], imputed_value_floats=m.statistics_.tolist(), replaced_value_float=float("nan"))],
          np.zeros((1, 1), np.float32), [("y", 1)], constants=[("data", z)])[0]
compare("SimpleImputer", out, m.transform(z))

# --- text ---

WORDS = "the quick brown fox jumps over a lazy dog and runs Away from THE Fox".split()
docs = np.array([" ".join(rng.choice(WORDS, size=rng.integers(1, 12))) for _ in range(25)], dtype=object)
for low, high in ((1, 1), (1, 2), (2, 3)):
    m = CountVectorizer(ngram_range=(low, high), token_pattern=r"[a-zA-Z0-9_]+").fit(docs)
    by_length = [sorted(w for w in m.vocabulary_ if len(w.split()) == n) for n in range(1, high + 1)]
    pool = [w for grams in by_length for g in grams for w in g.split()]
    counts = np.cumsum([0] + [n * len(grams) for n, grams in enumerate(by_length, 1)])[:-1].tolist()
    graph = [node("StringNormalizer", ["docs"], ["lower"], "", case_change_action="LOWER", is_case_sensitive=0),
             node("Tokenizer", ["lower"], ["words"], "com.microsoft", mark=0, mincharnum=1, pad_value="#", tokenexp="[a-zA-Z0-9_]+"),
             node("TfIdfVectorizer", ["words"], ["y"], "", mode="TF", min_gram_length=low, max_gram_length=high, max_skip_count=0,
                  ngram_counts=counts, ngram_indexes=[m.vocabulary_[g] for grams in by_length for g in grams], pool_strings=pool)]
    out = run(graph, np.zeros((1, 1), np.float32), [("y", 1)], constants=[("docs", docs)])[0]
    compare(f"CountVectorizer {low}..{high}", out, m.transform(docs).toarray())

print(f"{checks} comparisons, {failures} failures")
sys.exit(1 if failures else 0)
