"""Fresh scikit-learn models of random shapes and options through skl2onnx, against scikit-learn's own answers.

    exports_sklearn.py PROGRAM [--seed N] [--count N] [--only REGEX] [--keep DIR]
"""

import numpy as np
import onnx
import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn import (calibration, cluster, compose, cross_decomposition, decomposition, discriminant_analysis, ensemble,
                     feature_extraction, feature_selection, gaussian_process, impute, kernel_approximation, linear_model,
                     mixture, model_selection, multiclass, multioutput, naive_bayes, neighbors, neural_network, pipeline,
                     preprocessing, random_projection, svm, tree)
from sklearn.gaussian_process import kernels as gp

from classical import ROWS, Case, main

# skl2onnx 1.20 writes Python's True among integers, which onnx 1.23 does not take.
make_attribute = onnx.helper.make_attribute
onnx.helper.make_attribute = lambda key, value, *more, **named: make_attribute(
    key, [int(v) if isinstance(v, (bool, np.bool_)) else v for v in value] if isinstance(value, list) else value, *more, **named)

WORDS = "the free call now text money win offer meet tomorrow lunch see you later ok thanks mobile cash prize".split()


def pick(r, *of):
    return of[int(r.integers(len(of)))]


def opsets(r, first=11):
    ml = int(pick(r, 1, 2, 3, 3))
    return {"": int(r.integers(first, 23)), "ai.onnx.ml": ml}


def table(r, n, features, kind="real"):
    """float32 numbers, so that float32 inputs lose nothing."""
    x = r.normal(size=(n, features)) * np.exp(r.normal(size=features)) + r.normal(size=features)
    if kind == "counts":
        x = r.poisson(2, size=(n, features))
    elif kind == "positive":
        x = np.abs(x) + 0.1
    elif kind == "bits":
        x = r.integers(0, 2, size=(n, features))
    elif kind == "categories":
        x = r.integers(0, 4, size=(n, features))
    return x.astype(np.float32)


def labels(r, x, classes, strings):
    w = r.normal(size=(x.shape[1], classes))
    s = (x - x.mean(0)) / (x.std(0) + 1e-6) @ w + r.normal(size=(len(x), classes))
    y = s.argmax(1)
    y[:classes] = np.arange(classes)  # each is met
    if strings:
        return np.array([f"klasse {k}" if k % 2 else f"é{k}" for k in range(classes)])[y]
    return (y * int(pick(r, 1, 3)) + int(pick(r, 0, -1, 5))).astype(np.int64)


def target(r, x, outputs=1, positive=False):
    z = (x - x.mean(0)) / (x.std(0) + 1e-6)
    y = z @ r.normal(size=(x.shape[1], outputs)) + 0.3 * r.normal(size=(len(x), outputs)) + 2
    y = np.exp(y / 3) if positive else y
    return y[:, 0] if outputs == 1 else y


def exported(r, model, x, options=None):
    flat_baseline(model)
    imputer = isinstance(final(model), impute.KNNImputer)  # which has one way only
    double = r.integers(5) == 0 and not imputer
    kind = DoubleTensorType if double else FloatTensorType
    name = pick(r, "X", "input", "float_input")
    initial = [(name, kind([None, x.shape[1]]))]
    data = x.astype(np.float64) if double else x
    onx = to_onnx(model, initial_types=initial, options=options, target_opset=opsets(r, 18 if imputer else 11))
    form = pick(r, "npy", "npz", "csv")
    return onx.SerializeToString(), {name: data}, form


def flat_baseline(model):
    """skl2onnx 1.20 expects the starting point of histogram boosting as older scikit-learn had it."""
    model = final(model)
    if hasattr(model, "_baseline_prediction"):
        model._baseline_prediction = np.ravel(model._baseline_prediction)


def final(model):
    return model.steps[-1][1] if isinstance(model, pipeline.Pipeline) else model


def classifier(make, classes=None, kind="real", scores="auto", loose=1.0, few=False, options=None):
    def case(r):
        k = classes or int(r.integers(2, 5))
        n = int(r.integers(2, 12))
        x = table(r, 120 if few else int(r.integers(200, 500)), n, kind)
        y = labels(r, x, k, r.integers(2))
        model = make(r).fit(x, y)
        test = table(r, ROWS, n, kind)
        has = getattr(model, "predict_proba", None)
        raw = scores == "raw" or (not has and scores != "label")
        o = dict(options(r) if options else {})
        if raw and has:
            o["raw_scores"] = True
        zip_it = pick(r, True, False, "columns")
        o["zipmap"] = zip_it
        if isinstance(final(model), (neighbors.RadiusNeighborsClassifier,)):
            del o["zipmap"]
        try:
            onx, inputs, form = exported(r, model, test, {id(final(model)): o} if o else None)
        except NameError as e:
            if "zipmap" not in str(e) and "Option" not in str(e):
                raise
            o.pop("zipmap")
            zip_it = False
            onx, inputs, form = exported(r, model, test, {id(final(model)): o} if o else None)
        dtype = list(inputs.values())[0]
        if raw:
            s = model.decision_function(dtype)
            if s.ndim == 1 and not (o.get("raw_scores") is None and scores == "label"):
                s = np.stack([-s, s], 1) if scores != "one" else s
        elif has or hasattr(model, "decision_function"):
            s = model.predict_proba(dtype) if has else model.decision_function(dtype)
        else:
            s = None
        want = {0: model.predict(dtype)}
        if scores != "label":
            if zip_it == "columns" and "zipmap" in o:
                for j in range(s.shape[1]):
                    want[1 + j] = s[:, j]
            else:
                want[1] = s
        return Case(onx, inputs, want, form, scores=s, loose=loose)
    return case


def regressor(make, outputs=1, kind="real", positive=False, loose=1.0):
    def case(r):
        n = int(r.integers(2, 12))
        x = table(r, int(r.integers(150, 400)), n, kind)
        y = target(r, x, outputs if outputs == 1 else int(r.integers(2, 5)), positive)
        model = make(r).fit(x, y)
        onx, inputs, form = exported(r, model, table(r, ROWS, n, kind))
        return Case(onx, inputs, {0: model.predict(next(iter(inputs.values())))}, form, loose=loose)
    return case


def transformer(make, kind="real", supervised=False, missing=False, loose=1.0, method="transform"):
    def case(r):
        n = int(r.integers(2, 10))
        x, test = table(r, 300, n, kind), table(r, ROWS, n, kind)
        if missing:
            for t in (x, test):
                t[r.random(t.shape) < 0.1] = np.nan
        y = labels(r, np.nan_to_num(x), 3, False)
        model = make(r).fit(x, y) if supervised else make(r).fit(x)
        onx, inputs, form = exported(r, model, test)
        out = getattr(model, method)(next(iter(inputs.values())))
        out = out.toarray() if hasattr(out, "toarray") else out
        return Case(onx, inputs, {0: out}, form, loose=loose)
    return case


def clusters(make, answer):
    def case(r):
        n = int(r.integers(2, 8))
        x, test = table(r, 300, n), table(r, ROWS, n)
        model = make(r).fit(x)
        onx, inputs, form = exported(r, model, test)
        want, scores = answer(model, next(iter(inputs.values())))
        return Case(onx, inputs, want, form, scores=scores, loose=10, floor=1)
    return case


def svc(r, cls, **more):
    kernel = pick(r, "linear", "poly", "rbf", "sigmoid")
    return cls(kernel=kernel, gamma=pick(r, "scale", "auto", 0.1), coef0=float(r.normal()), degree=int(r.integers(1, 5)),
               **more)


def scaled(*steps):
    return pipeline.make_pipeline(preprocessing.StandardScaler(), *steps)


def few_trees(r):
    return {"n_estimators": int(r.integers(1, 25)), "max_depth": pick(r, None, 1, 3, 8), "random_state": 0}


def outliers(model, x):
    score = model.score_samples(x) if hasattr(model, "score_samples") else model.decision_function(x)
    decision = model.decision_function(x).ravel()
    return {0: model.predict(x), 1: decision}, decision


def kernel_of(r):
    k = pick(r, gp.RBF(1.5), gp.Matern(1.0, nu=pick(r, 0.5, 1.5, 2.5)), gp.RationalQuadratic(), gp.DotProduct(),
             gp.ExpSineSquared(), gp.ConstantKernel(2.0) * gp.RBF() + gp.WhiteKernel())
    return k


BASE_C = {
    "LogisticRegression": lambda r: linear_model.LogisticRegression(C=float(np.exp(r.normal())), max_iter=300),
    "DecisionTree": lambda r: tree.DecisionTreeClassifier(max_depth=pick(r, None, 2, 5)),
    "GaussianNB": lambda r: naive_bayes.GaussianNB(),
    "RandomForest": lambda r: ensemble.RandomForestClassifier(**few_trees(r)),
}


def base_c(r):
    return pick(r, *BASE_C.values())(r)


def base_r(r):
    return pick(r, linear_model.Ridge(), tree.DecisionTreeRegressor(max_depth=4), linear_model.LinearRegression())


MAKERS = {
    # --- linear ---
    "LogisticRegression": classifier(BASE_C["LogisticRegression"]),
    "LogisticRegression/raw": classifier(BASE_C["LogisticRegression"], scores="raw"),
    "LogisticRegression/ovr": classifier(lambda r: linear_model.LogisticRegression(solver="liblinear"), classes=2),
    "LogisticRegressionCV": classifier(lambda r: linear_model.LogisticRegressionCV(Cs=3, cv=3, max_iter=200), few=True),
    "SGDClassifier": classifier(lambda r: scaled(linear_model.SGDClassifier(loss=pick(r, "log_loss", "modified_huber")))),
    "SGDClassifier/hinge": classifier(lambda r: scaled(linear_model.SGDClassifier(loss="hinge")), scores="raw"),
    "RidgeClassifier": classifier(lambda r: linear_model.RidgeClassifier(), scores="label"),
    "RidgeClassifierCV": classifier(lambda r: linear_model.RidgeClassifierCV(), scores="label"),
    "Perceptron": classifier(lambda r: linear_model.Perceptron(), scores="raw"),
    "LinearSVC": classifier(lambda r: svm.LinearSVC(), scores="label"),
    "LDA": classifier(lambda r: discriminant_analysis.LinearDiscriminantAnalysis()),
    "QDA": classifier(lambda r: discriminant_analysis.QuadraticDiscriminantAnalysis(reg_param=0.1), loose=10),
    # --- support vectors ---
    "SVC": classifier(lambda r: scaled(svc(r, svm.SVC, probability=True)), loose=10, few=True),
    "SVC/decision": classifier(lambda r: scaled(svc(r, svm.SVC, decision_function_shape="ovo")), scores="label", few=True),
    "SVC/raw": classifier(lambda r: scaled(svc(r, svm.SVC)), classes=2, scores="label", few=True),
    "NuSVC": classifier(lambda r: scaled(svc(r, svm.NuSVC, nu=0.2, probability=bool(r.integers(2)))), classes=2, few=True,
                        loose=10, scores="label"),
    "SVR": regressor(lambda r: scaled(svc(r, svm.SVR)), loose=10),
    "NuSVR": regressor(lambda r: scaled(svc(r, svm.NuSVR)), loose=10),
    "LinearSVR": regressor(lambda r: scaled(svm.LinearSVR())),
    "OneClassSVM": clusters(lambda r: svc(r, svm.OneClassSVM, nu=0.2), outliers),
    "SGDOneClassSVM": clusters(lambda r: linear_model.SGDOneClassSVM(), outliers),
    # --- trees ---
    "DecisionTreeClassifier": classifier(BASE_C["DecisionTree"]),
    "ExtraTreeClassifier": classifier(lambda r: tree.ExtraTreeClassifier(max_depth=6)),
    "RandomForestClassifier": classifier(BASE_C["RandomForest"]),
    "ExtraTreesClassifier": classifier(lambda r: ensemble.ExtraTreesClassifier(**few_trees(r))),
    "GradientBoostingClassifier": classifier(lambda r: ensemble.GradientBoostingClassifier(
        n_estimators=int(r.integers(1, 30)), subsample=0.8, init=pick(r, None, "zero"))),
    "GradientBoostingClassifier/exponential": classifier(lambda r: ensemble.GradientBoostingClassifier(
        loss="exponential", n_estimators=10), classes=2),
    "HistGradientBoostingClassifier": classifier(lambda r: ensemble.HistGradientBoostingClassifier(
        max_iter=int(r.integers(2, 20)), max_leaf_nodes=int(r.integers(3, 31)))),
    "AdaBoostClassifier": classifier(lambda r: ensemble.AdaBoostClassifier(n_estimators=int(r.integers(2, 15))), loose=10),
    "BaggingClassifier": classifier(lambda r: ensemble.BaggingClassifier(base_c(r), n_estimators=4, max_features=pick(r, 1.0, 0.6))),
    "DecisionTreeRegressor": regressor(lambda r: tree.DecisionTreeRegressor(max_depth=pick(r, None, 3, 8))),
    "DecisionTreeRegressor/many": regressor(lambda r: tree.DecisionTreeRegressor(max_depth=5), outputs=2),
    "ExtraTreeRegressor": regressor(lambda r: tree.ExtraTreeRegressor()),
    "RandomForestRegressor": regressor(lambda r: ensemble.RandomForestRegressor(**few_trees(r))),
    "RandomForestRegressor/many": regressor(lambda r: ensemble.RandomForestRegressor(**few_trees(r)), outputs=2),
    "ExtraTreesRegressor": regressor(lambda r: ensemble.ExtraTreesRegressor(**few_trees(r))),
    "GradientBoostingRegressor": regressor(lambda r: ensemble.GradientBoostingRegressor(
        n_estimators=int(r.integers(1, 40)), loss=pick(r, "squared_error", "absolute_error", "huber", "quantile"))),
    "HistGradientBoostingRegressor": regressor(lambda r: ensemble.HistGradientBoostingRegressor(max_iter=15)),
    "HistGradientBoostingRegressor/poisson": regressor(lambda r: ensemble.HistGradientBoostingRegressor(
        max_iter=15, loss=pick(r, "poisson", "gamma")), positive=True),
    "AdaBoostRegressor": regressor(lambda r: ensemble.AdaBoostRegressor(n_estimators=8)),
    "BaggingRegressor": regressor(lambda r: ensemble.BaggingRegressor(base_r(r), n_estimators=4, max_features=pick(r, 1.0, 0.6))),
    "IsolationForest": clusters(lambda r: ensemble.IsolationForest(n_estimators=int(r.integers(2, 20)), contamination=pick(r, "auto", 0.1)), outliers),
    "RandomTreesEmbedding": transformer(lambda r: ensemble.RandomTreesEmbedding(n_estimators=4, max_depth=3, sparse_output=False)),
    # --- neighbors ---
    "KNeighborsClassifier": classifier(lambda r: neighbors.KNeighborsClassifier(
        int(r.integers(1, 8)), metric=pick(r, "euclidean", "manhattan", "minkowski"), p=int(r.integers(1, 4)))),
    "KNeighborsRegressor": regressor(lambda r: neighbors.KNeighborsRegressor(
        int(r.integers(1, 8)), metric=pick(r, "euclidean", "manhattan", "minkowski"))),
    "KNeighborsRegressor/many": regressor(lambda r: neighbors.KNeighborsRegressor(4), outputs=2),
    "RadiusNeighborsRegressor": regressor(lambda r: neighbors.RadiusNeighborsRegressor(50.0)),
    "RadiusNeighborsClassifier": classifier(lambda r: neighbors.RadiusNeighborsClassifier(50.0), few=True),
    "KNNImputer": transformer(lambda r: impute.KNNImputer(n_neighbors=3), missing=True),
    "LocalOutlierFactor": clusters(lambda r: neighbors.LocalOutlierFactor(novelty=True, n_neighbors=int(r.integers(2, 10))), outliers),
    "NCA": transformer(lambda r: neighbors.NeighborhoodComponentsAnalysis(n_components=2, max_iter=5), supervised=True),
    # --- naive Bayes ---
    "GaussianNB": classifier(BASE_C["GaussianNB"], loose=10),
    "BernoulliNB": classifier(lambda r: naive_bayes.BernoulliNB(binarize=pick(r, 0.0, 0.5, None)), kind="bits"),
    "MultinomialNB": classifier(lambda r: naive_bayes.MultinomialNB(), kind="counts"),
    "ComplementNB": classifier(lambda r: naive_bayes.ComplementNB(norm=bool(r.integers(2))), kind="counts"),
    "CategoricalNB": classifier(lambda r: naive_bayes.CategoricalNB(min_categories=4), kind="categories"),
    # --- nets, processes ---
    "MLPClassifier": classifier(lambda r: scaled(neural_network.MLPClassifier(
        tuple(int(v) for v in r.integers(2, 20, int(r.integers(1, 4)))), activation=pick(r, "relu", "tanh", "logistic", "identity"), max_iter=20))),
    "MLPRegressor": regressor(lambda r: scaled(neural_network.MLPRegressor(hidden_layer_sizes=(9, 4), activation=pick(r, "relu", "tanh", "logistic"), max_iter=20))),
    "MLPRegressor/many": regressor(lambda r: scaled(neural_network.MLPRegressor(hidden_layer_sizes=(5,), max_iter=20)), outputs=2),
    "GaussianProcessRegressor": regressor(lambda r: scaled(gaussian_process.GaussianProcessRegressor(
        kernel_of(r), alpha=0.1, normalize_y=bool(r.integers(2)), optimizer=None)), loose=100),
    "GaussianProcessClassifier": classifier(lambda r: scaled(gaussian_process.GaussianProcessClassifier(
        gp.ConstantKernel(1.0) * gp.RBF(1.0), optimizer=None)), few=True, loose=100, classes=2),
    # --- composition ---
    "Voting": classifier(lambda r: ensemble.VotingClassifier(
        [(k, v(r)) for k, v in BASE_C.items()][:int(r.integers(2, 5))], voting="soft", flatten_transform=False)),
    "Voting/hard": classifier(lambda r: ensemble.VotingClassifier([(k, v(r)) for k, v in BASE_C.items()][:3], voting="hard", flatten_transform=False), scores="label"),
    "Stacking": classifier(lambda r: ensemble.StackingClassifier(
        [(k, v(r)) for k, v in list(BASE_C.items())[:3]], cv=2, passthrough=bool(r.integers(2)))),
    "VotingRegressor": regressor(lambda r: ensemble.VotingRegressor([("a", base_r(r)), ("b", base_r(r))], weights=np.array([1, 3]))),
    "StackingRegressor": regressor(lambda r: ensemble.StackingRegressor([("a", base_r(r)), ("b", base_r(r))], cv=2)),
    "Calibrated": classifier(lambda r: calibration.CalibratedClassifierCV(
        pick(r, svm.LinearSVC(), naive_bayes.GaussianNB(), tree.DecisionTreeClassifier(max_depth=4)),
        method=pick(r, "sigmoid", "isotonic"), cv=2), loose=10),
    "OneVsRest": classifier(lambda r: multiclass.OneVsRestClassifier(base_c(r)), classes=3),
    "OneVsOne": classifier(lambda r: multiclass.OneVsOneClassifier(linear_model.LogisticRegression()), scores="label", classes=3),
    "GridSearch": classifier(lambda r: model_selection.GridSearchCV(tree.DecisionTreeClassifier(), {"max_depth": [2, 4]}, cv=2), scores="label"),
    "MultiOutputRegressor": regressor(lambda r: multioutput.MultiOutputRegressor(base_r(r)), outputs=2),
    # --- other regressors ---
    "LinearRegression": regressor(lambda r: linear_model.LinearRegression(fit_intercept=bool(r.integers(2)))),
    "LinearRegression/many": regressor(lambda r: linear_model.LinearRegression(), outputs=2),
    "Ridge/Lasso/ElasticNet": regressor(lambda r: pick(r, linear_model.Ridge(), linear_model.Lasso(0.01), linear_model.ElasticNet(0.01),
                                                       linear_model.Lars(), linear_model.LassoLars(0.01), linear_model.HuberRegressor(),
                                                       linear_model.TheilSenRegressor(max_subpopulation=50), linear_model.RANSACRegressor(),
                                                       linear_model.BayesianRidge(), linear_model.ARDRegression(),
                                                       linear_model.OrthogonalMatchingPursuit(), linear_model.QuantileRegressor(),
                                                       scaled(linear_model.SGDRegressor()))),
    "Tweedie": regressor(lambda r: scaled(pick(r, linear_model.TweedieRegressor(power=1.5), linear_model.PoissonRegressor(),
                                               linear_model.GammaRegressor())), positive=True, loose=10),
    "PLSRegression": regressor(lambda r: cross_decomposition.PLSRegression(2), outputs=2),
    # --- clusters, decompositions ---
    "KMeans": clusters(lambda r: pick(r, cluster.KMeans, cluster.MiniBatchKMeans)(int(r.integers(2, 7)), n_init=1),
                       lambda m, x: ({0: m.predict(x), 1: m.transform(x)}, -m.transform(x))),
    "GaussianMixture": clusters(lambda r: mixture.GaussianMixture(int(r.integers(2, 5)), covariance_type=pick(r, "full", "tied", "diag", "spherical")),
                                lambda m, x: ({0: m.predict(x), 1: m.predict_proba(x)}, m.predict_proba(x))),
    "PCA": transformer(lambda r: decomposition.PCA(2, whiten=bool(r.integers(2)))),
    "IncrementalPCA": transformer(lambda r: decomposition.IncrementalPCA(2)),
    "TruncatedSVD": transformer(lambda r: decomposition.TruncatedSVD(1)),
    "KernelPCA": transformer(lambda r: decomposition.KernelPCA(2, kernel=pick(r, "linear", "rbf", "poly", "cosine"), gamma=0.1), loose=100),
    "RandomProjection": transformer(lambda r: random_projection.GaussianRandomProjection(3)),
    # --- preparation ---
    "StandardScaler": transformer(lambda r: preprocessing.StandardScaler(with_mean=bool(r.integers(2)), with_std=bool(r.integers(2)))),
    "Scalers": transformer(lambda r: pick(r, preprocessing.MinMaxScaler((-1, 2), clip=bool(r.integers(2))), preprocessing.MaxAbsScaler(),
                                          preprocessing.RobustScaler(with_centering=bool(r.integers(2))))),
    "Normalizer": transformer(lambda r: preprocessing.Normalizer(pick(r, "l1", "l2"))),
    "Binarizer": transformer(lambda r: preprocessing.Binarizer(threshold=0.25)),
    "PolynomialFeatures": transformer(lambda r: preprocessing.PolynomialFeatures(
        int(r.integers(1, 4)), interaction_only=bool(r.integers(2)), include_bias=bool(r.integers(2)))),
    "PowerTransformer": transformer(lambda r: preprocessing.PowerTransformer(standardize=bool(r.integers(2))), loose=30),
    "PowerTransformer/box-cox": transformer(lambda r: preprocessing.PowerTransformer("box-cox"), kind="positive", loose=30),
    "QuantileTransformer": transformer(lambda r: preprocessing.QuantileTransformer(n_quantiles=20)),
    "KBinsDiscretizer": transformer(lambda r: preprocessing.KBinsDiscretizer(
        int(r.integers(2, 6)), encode=pick(r, "ordinal", "onehot", "onehot-dense"), strategy=pick(r, "uniform", "quantile", "kmeans"))),
    "SimpleImputer": transformer(lambda r: impute.SimpleImputer(strategy=pick(r, "mean", "median", "most_frequent", "constant")), missing=True),
    "OneHotEncoder/numbers": transformer(lambda r: preprocessing.OneHotEncoder(handle_unknown="ignore"), kind="categories"),
    "SelectKBest": transformer(lambda r: pick(r, feature_selection.SelectKBest(k=1), feature_selection.VarianceThreshold(0.1),
                                              feature_selection.SelectPercentile(percentile=50)), supervised=True),
    "FeatureUnion": transformer(lambda r: pipeline.make_union(preprocessing.StandardScaler(), decomposition.PCA(1), preprocessing.MinMaxScaler())),
    "FunctionTransformer": transformer(lambda r: scaled(preprocessing.FunctionTransformer(), preprocessing.PolynomialFeatures(2))),
}


# --- texts ---

def message(r):
    n = int(r.integers(1, 14))
    words = [WORDS[int(i)] for i in r.integers(0, len(WORDS), n)]
    for i in range(n):
        k = r.integers(12)
        if k == 0:
            words[i] = words[i].upper()
        elif k == 1:
            words[i] += pick(r, "!", ", now", "?", "'re", " & \"co\"", "...")
        elif k == 2:
            words[i] = pick(r, "$100", "xx", "0800", "re-mail", "two_words", "100%")
    return " ".join(words)


def text(make):
    def case(r):
        x = np.array([message(r) for _ in range(200)])
        y = np.array(["ham", "spam"])[(np.char.find(x, "free") >= 0).astype(int)]
        y[:2] = ["ham", "spam"]
        model = pipeline.make_pipeline(make(r), *([linear_model.LogisticRegression()] if r.integers(2) else []))
        model.fit(x, y)
        options = {}
        if len(model.steps) > 1:
            options[id(model.steps[-1][1])] = {"zipmap": False}
        onx = to_onnx(model, initial_types=[("text", StringTensorType([None, 1]))], options=options, target_opset=opsets(r))
        test = np.array([message(r) for _ in range(ROWS)])
        if len(model.steps) > 1:
            p = model.predict_proba(test)
            want = {0: model.predict(test), 1: p}
            return Case(onx.SerializeToString(), {"text": test.reshape(-1, 1)}, want, "csv", scores=p)
        return Case(onx.SerializeToString(), {"text": test.reshape(-1, 1)}, {0: model.transform(test).toarray()}, "csv")
    return case


def ngrams(r):
    low = int(r.integers(1, 3))
    return low, low + int(r.integers(0, 2))


T = feature_extraction.text
MAKERS |= {
    "TfidfVectorizer": text(lambda r: T.TfidfVectorizer(ngram_range=ngrams(r), lowercase=bool(r.integers(2)), norm=pick(r, "l1", "l2", None),
                                                        sublinear_tf=bool(r.integers(2)), use_idf=bool(r.integers(2)), smooth_idf=bool(r.integers(2)),
                                                        stop_words=pick(r, None, ["the", "you"]))),
    "CountVectorizer": text(lambda r: T.CountVectorizer(ngram_range=ngrams(r), binary=bool(r.integers(2)), lowercase=bool(r.integers(2)),
                                                        token_pattern=pick(r, r"(?u)\b\w\w+\b", "[a-zA-Z]+", "[a-z]{2,}"))),
    "CountVectorizer/char": text(lambda r: T.CountVectorizer(analyzer="char", ngram_range=ngrams(r))),
    "TfidfTransformer": text(lambda r: pipeline.make_pipeline(T.CountVectorizer(), T.TfidfTransformer(sublinear_tf=bool(r.integers(2))))),
}


# --- tables of numbers and words ---

def people(r, n):
    d = {"age": r.integers(17, 90, n).astype(np.float32), "hours_per_week": r.normal(40, 9, n).astype(np.float32),
         "capital": np.exp(r.normal(3, 2, n)).astype(np.float32)}
    for name, words in (("work", ["private", "self, own", 'the "state"', "none"]), ("land", ["Österreich", "Peru", "U.S.", "N/A", ""]),
                        ("sex", ["f", "m"])):
        d[name] = np.array(words)[r.integers(0, len(words), n)]
    d["children"] = r.integers(0, 6, n)
    return pd.DataFrame(d)


NUMBERS, TEXTS, WHOLE = ["age", "hours_per_week", "capital"], ["work", "land", "sex"], ["children"]


def mixed(end, missing=False, encoder=None):
    def case(r):
        x, test = people(r, 400), people(r, ROWS)
        if missing:
            for t in (x, test):
                t.loc[r.random(len(t)) < 0.2, "age"] = np.nan
        y = np.array(["<=50K", ">50K"])[(x["capital"] + x["hours_per_week"] > np.median(x["capital"] + x["hours_per_week"])).astype(int)]
        cat = encoder(r) if encoder else pick(r, preprocessing.OneHotEncoder(handle_unknown="ignore"), preprocessing.OrdinalEncoder(),
                                              preprocessing.OneHotEncoder(drop="first"))
        num = pipeline.make_pipeline(impute.SimpleImputer(strategy=pick(r, "mean", "median")),
                                     pick(r, preprocessing.StandardScaler(), preprocessing.PolynomialFeatures(2), preprocessing.KBinsDiscretizer(3)))
        parts = [("n", num, NUMBERS), ("c", cat, TEXTS), ("w", pick(r, "passthrough", preprocessing.MinMaxScaler()), WHOLE)]
        r.shuffle(parts)
        model = pipeline.make_pipeline(compose.ColumnTransformer(parts, sparse_threshold=0), end(r)).fit(x, y)
        initial = [(c, StringTensorType([None, 1]) if c in TEXTS else Int64TensorType([None, 1]) if c in WHOLE else FloatTensorType([None, 1]))
                   for c in x.columns]
        zip_it = pick(r, True, False)
        flat_baseline(model)
        onx = to_onnx(model, initial_types=initial, options={id(final(model)): {"zipmap": zip_it}}, target_opset=opsets(r))
        p = model.predict_proba(test)
        order = list(r.permutation(x.columns))
        inputs = {c: test[c].to_numpy().astype(str).reshape(-1, 1) if c in TEXTS else test[c].to_numpy().reshape(-1, 1) for c in order}
        return Case(onx.SerializeToString(), inputs, {0: model.predict(test), 1: p}, pick(r, "csv", "npz"), scores=p)
    return case


MAKERS |= {
    "table/LogisticRegression": mixed(lambda r: pipeline.make_pipeline(preprocessing.StandardScaler(with_mean=False), linear_model.LogisticRegression())),
    "table/RandomForest": mixed(lambda r: ensemble.RandomForestClassifier(**few_trees(r)), missing=True),
    "table/GradientBoosting": mixed(lambda r: ensemble.GradientBoostingClassifier(n_estimators=10), missing=True),
    "table/HistGradientBoosting": mixed(lambda r: ensemble.HistGradientBoostingClassifier(max_iter=10)),
    "table/TargetEncoder": mixed(lambda r: ensemble.RandomForestClassifier(**few_trees(r)), encoder=lambda r: preprocessing.TargetEncoder()),
    "table/MLP": mixed(lambda r: pipeline.make_pipeline(preprocessing.StandardScaler(), neural_network.MLPClassifier((6,), max_iter=10))),
}

# --- what fits none of the above ---

def words_matrix(make, labels_too=False):
    """(n, columns) of strings through an encoder."""
    def case(r):
        columns = int(r.integers(1, 5))
        lists = [np.array([f"{pick(r, 'a', 'É', 'x y', '')}{k}" for k in range(int(r.integers(2, 7)))]) for _ in range(columns)]
        draw = lambda n: np.stack([v[r.integers(0, len(v), n)] for v in lists], 1)
        x, test = draw(300), draw(ROWS)
        model = make(r).fit(x.astype(object))
        onx = to_onnx(model, initial_types=[("words", StringTensorType([None, columns]))], target_opset=opsets(r))
        out = model.transform(test.astype(object))
        out = out.toarray() if hasattr(out, "toarray") else out
        return Case(onx.SerializeToString(), {"words": test}, {0: out.astype(np.float32)}, pick(r, "csv", "npz"))
    return case


def label_encoder(r):
    words = np.array(["red", "blue, dark", "grün", ""])
    model = preprocessing.LabelEncoder().fit(words)
    onx = to_onnx(model, initial_types=[("word", StringTensorType([None]))], target_opset=opsets(r))
    test = words[r.integers(0, 4, ROWS)]
    return Case(onx.SerializeToString(), {"word": test}, {0: model.transform(test)}, pick(r, "csv", "npz"))


def label_binarizer(r):
    x = r.integers(0, 5, 100)
    model = preprocessing.LabelBinarizer(neg_label=int(pick(r, 0, -1)), pos_label=1).fit(x)
    onx = to_onnx(model, initial_types=[("word", Int64TensorType([None]))], target_opset=opsets(r))
    test = r.integers(0, 5, ROWS)
    return Case(onx.SerializeToString(), {"word": test}, {0: model.transform(test)}, pick(r, "csv", "npz"))


def with_options(make, options, answer, supervised=True, tables=("real",), classes=3, loose=1.0):
    def case(r):
        n = int(r.integers(2, 9))
        x, test = table(r, 150, n, pick(r, *tables)), table(r, ROWS, n, tables[0])
        y = labels(r, x, classes, False)
        model = make(r).fit(x, y) if supervised else make(r).fit(x)
        o = options(r) if callable(options) else options
        onx = to_onnx(model, initial_types=[("X", FloatTensorType([None, n]))], options={id(model): o}, target_opset=opsets(r, 13))
        want, scores = answer(model, test)
        return Case(onx.SerializeToString(), {"X": test}, want, pick(r, "npy", "csv"), scores=scores, loose=loose)
    return case


def with_probabilities(model, x):
    p = model.predict_proba(x)
    return {0: model.predict(x), 1: p}, p


def many_labels(r):
    n = int(r.integers(2, 9))
    x, test = table(r, 200, n), table(r, ROWS, n)
    y = np.stack([labels(r, x, 3, False) for _ in range(3)], 1)
    base = pick(r, linear_model.LogisticRegression(), tree.DecisionTreeClassifier(max_depth=3))
    model = multioutput.MultiOutputClassifier(base).fit(x, y)
    onx = to_onnx(model, initial_types=[("X", FloatTensorType([None, n]))], options={id(model): {"zipmap": False}}, target_opset=opsets(r))
    return Case(onx.SerializeToString(), {"X": test}, {0: model.predict(test)}, "npy")


def one_vs_rest_labels(r):
    n = int(r.integers(2, 9))
    x, test = table(r, 200, n), table(r, ROWS, n)
    y = np.stack([labels(r, x, 2, False) for _ in range(3)], 1)
    y = (y == y.max(0)).astype(int)
    model = pick(r, multiclass.OneVsRestClassifier(linear_model.LogisticRegression()), neighbors.KNeighborsClassifier(3),
                 ensemble.RandomForestClassifier(n_estimators=5), tree.DecisionTreeClassifier(max_depth=4),
                 neural_network.MLPClassifier((5,), max_iter=20)).fit(x, y)
    onx = to_onnx(model, initial_types=[("X", FloatTensorType([None, n]))], options={id(model): {"zipmap": False}}, target_opset=opsets(r))
    return Case(onx.SerializeToString(), {"X": test}, {0: model.predict(test)}, "npy")


MAKERS |= {
    "words/OneHotEncoder": words_matrix(lambda r: preprocessing.OneHotEncoder(handle_unknown=pick(r, "ignore", "error"), drop=pick(r, None, None, "first"))),
    "words/OneHotEncoder rare": words_matrix(lambda r: preprocessing.OneHotEncoder(min_frequency=pick(r, 2, 60), handle_unknown="infrequent_if_exist")),
    "words/OrdinalEncoder": words_matrix(lambda r: preprocessing.OrdinalEncoder()),
    "LabelEncoder": label_encoder, "LabelBinarizer": label_binarizer, "MultiOutputClassifier": many_labels, "multilabel": one_vs_rest_labels,
    "options/KNN by CDist": with_options(lambda r: neighbors.KNeighborsClassifier(3),
                                         {"optim": "cdist", "zipmap": False}, with_probabilities),
    "options/KNN regressor by CDist": with_options(lambda r: neighbors.KNeighborsRegressor(4), {"optim": "cdist"}, lambda m, x: ({0: m.predict(x)}, None)),
    "options/KNN weights": with_options(lambda r: neighbors.KNeighborsRegressor(4, weights="distance"), {}, lambda m, x: ({0: m.predict(x)}, None)),
    "options/GaussianProcess std": with_options(lambda r: gaussian_process.GaussianProcessRegressor(gp.RBF(3.0), alpha=0.5, optimizer=None),
                                                {"return_std": True}, lambda m, x: (dict(enumerate(m.predict(x, return_std=True))), None), loose=1000),
    "options/nocl": with_options(lambda r: linear_model.LogisticRegression(), {"nocl": True, "zipmap": False},
                                 lambda m, x: ({1: m.predict_proba(x)}, None)),
    "options/class labels": with_options(lambda r: linear_model.LogisticRegression(), {"output_class_labels": True, "zipmap": False}, with_probabilities),
    "options/decision leaf": with_options(lambda r: tree.DecisionTreeClassifier(max_depth=4), {"decision_leaf": True, "zipmap": False}, 
                                          lambda m, x: ({0: m.predict(x), 2: m.apply(x)}, m.predict_proba(x))),
    "options/decision path": with_options(lambda r: tree.DecisionTreeClassifier(max_depth=3), {"decision_path": True, "zipmap": False},
                                          lambda m, x: ({0: m.predict(x), 2: np.array(["".join(str(int(v)) for v in row) for row in m.decision_path(x).toarray()])}, m.predict_proba(x))),
    "options/score samples": with_options(lambda r: ensemble.IsolationForest(n_estimators=5), {"score_samples": True},
                                          lambda m, x: ({0: m.predict(x), 1: m.decision_function(x), 2: m.score_samples(x)}, m.decision_function(x)), supervised=False),
    "options/mixture scores": with_options(lambda r: mixture.BayesianGaussianMixture(n_components=3, covariance_type=pick(r, "full", "diag")), {"score_samples": True},
                                           lambda m, x: ({0: m.predict(x), 1: m.predict_proba(x), 2: m.score_samples(x)}, m.predict_proba(x)), supervised=False, loose=10),
    "RFE": transformer(lambda r: feature_selection.RFE(linear_model.LogisticRegression(), n_features_to_select=1), supervised=True),
    "SelectFromModel": transformer(lambda r: feature_selection.SelectFromModel(tree.DecisionTreeClassifier(), threshold="median"), supervised=True),
    "NearestNeighbors": with_options(lambda r: neighbors.NearestNeighbors(n_neighbors=3, radius=None), {},
                                     lambda m, x: ({0: m.kneighbors(x)[1], 1: m.kneighbors(x)[0]}, None), supervised=False, loose=10),
    "TunedThreshold": with_options(lambda r: model_selection.TunedThresholdClassifierCV(linear_model.LogisticRegression(), cv=2), {"zipmap": False},
                                   with_probabilities, classes=2),
}

if __name__ == "__main__":
    main("scikit-learn by skl2onnx", MAKERS)
