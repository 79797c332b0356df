"""Fresh XGBoost, LightGBM and CatBoost models of random shapes and options, from their own files and through the ONNX
exporters, against the libraries' own answers.

    exports_trees.py PROGRAM [--seed N] [--count N] [--only REGEX] [--keep DIR]
"""

import functools
import os
import tempfile

import numpy as np
import pandas as pd

from classical import ROWS, Case, main


def pick(r, *of):
    return of[int(r.integers(len(of)))]


def table(r, n, features, missing=0.0, categories=0):
    x = r.normal(size=(n, features)) * np.exp(r.normal(size=features))
    x[:, : features // 4] = np.round(x[:, : features // 4])  # ties and zeros
    if categories:
        x[:, -categories:] = r.integers(0, 12, size=(n, categories))
    if missing:
        x[r.random(x.shape) < missing] = np.nan
    return x.astype(np.float32)


def score(r, x, k=1):
    z = np.nan_to_num(x)
    z = z / (np.abs(z).mean(0) + 1e-6)
    s = np.tanh(z) @ r.normal(size=(x.shape[1], k)) + 0.3 * r.normal(size=(len(x), k))
    return s + (z[:, :1] > 1) * (z[:, -1:] < 0.5)


def target(r, x, kind, k=1):
    s = score(r, x, max(k, 1))
    if kind == "binary":
        return (s[:, 0] > np.median(s)).astype(int)
    if kind == "classes":
        y = s.argmax(1)
        y[:k] = np.arange(k)
        return y
    if kind == "counts":
        return r.poisson(np.exp(np.clip(s[:, 0] / 3, -3, 3)))
    if kind == "positive":
        return np.exp(s[:, 0] / 3) + 0.01
    if kind == "unit":
        return 1 / (1 + np.exp(-s[:, 0]))
    if kind == "grades":
        return np.clip(np.round(s[:, 0] + 2), 0, 4).astype(int)
    return s if k > 1 else s[:, 0]


def file_bytes(save, suffix):
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "m" + suffix)
        save(path)
        with open(path, "rb") as f:
            return f.read()


def rows_case(r, model, x, want, suffix, name="features", loose=10.0):
    # Of a CSV, any number; the files read have one input.
    return Case(model, {name: x}, {0: want}, pick(r, "npy", "npz", "csv"), suffix, loose=loose)


# --- XGBoost ---

XGB = {
    "reg:squarederror": "real", "reg:squaredlogerror": "positive", "reg:logistic": "unit", "reg:pseudohubererror": "real",
    "reg:absoluteerror": "real", "reg:quantileerror": "real", "reg:expectileerror": "real", "binary:logistic": "binary",
    "binary:logitraw": "binary", "binary:hinge": "binary", "count:poisson": "counts", "survival:cox": "positive",
    "survival:aft": "positive", "multi:softmax": "classes", "multi:softprob": "classes", "rank:ndcg": "grades",
    "rank:map": "binary", "rank:pairwise": "grades", "reg:gamma": "positive", "reg:tweedie": "positive",
}


def xgboost_model(r, objective, booster="gbtree", categories=0, targets=1, missing=None, more=None):
    import xgboost as xgb

    n, f = int(r.integers(150, 400)), int(r.integers(2, 15)) + categories
    missing = pick(r, 0.0, 0.1) if missing is None else missing
    x, test = table(r, n, f, missing, categories), table(r, ROWS, f, missing, categories)
    k = int(r.integers(3, 6)) if XGB[objective] == "classes" else targets
    y = target(r, x, XGB[objective], k)
    params = {"objective": objective, "booster": booster, "max_depth": int(r.integers(1, 8)), "eta": 0.3,
              "seed": int(r.integers(1000)), "nthread": 1, "verbosity": 0, "tree_method": pick(r, "hist", "approx", "exact")}
    if r.integers(2):
        params["subsample"] = 0.8
    if r.integers(3) == 0:
        params["num_parallel_tree"] = 2
    if r.integers(3) == 0 and objective != "survival:aft":
        params["base_score"] = float(r.uniform(0.1, 0.9))
    if XGB[objective] == "classes":
        params["num_class"] = k
    if objective == "reg:quantileerror":
        params["quantile_alpha"] = pick(r, 0.3, [0.1, 0.5, 0.9])
    if objective == "reg:expectileerror":
        params["expectile_alpha"] = pick(r, 0.3, [0.1, 0.5])
    if categories or targets > 1:
        params["tree_method"] = "hist"
    if categories:
        params["max_cat_to_onehot"] = int(pick(r, 1, 4, 100))
    if booster == "gblinear":
        params = {"objective": objective, "booster": booster, "verbosity": 0, "nthread": 1} | ({"num_class": k} if "num_class" in params else {})
    if booster == "dart":
        params |= {"rate_drop": 0.3, "skip_drop": 0.2, "normalize_type": pick(r, "tree", "forest")}
    params |= more or {}
    types = ["q"] * (f - categories) + ["c"] * categories
    how = {"feature_types": types, "enable_categorical": True} if categories else {}
    data = xgb.DMatrix(x, y, **how)
    if objective == "survival:aft":
        data.set_float_info("label_lower_bound", y)
        data.set_float_info("label_upper_bound", y * 1.5)
    if objective.startswith("rank"):
        data.set_group([n // 3, n // 3, n - 2 * (n // 3)])
    model = xgb.train(params, data, int(r.integers(1, 25)))
    return model, test, xgb.DMatrix(test, **how)


def xgboost_native(objective, booster="gbtree", **how):
    def case(r):
        model, test, data = xgboost_model(r, objective, booster, **how)
        want = model.predict(data)
        suffix = pick(r, ".json", ".ubj")
        return rows_case(r, file_bytes(model.save_model, suffix), test, want, suffix)
    return case


def xgboost_early(r):
    """The trees behind the best iteration do not count, as in the library's scikit-learn interface."""
    import xgboost as xgb

    x, other, test = (table(r, n, 6, 0.1) for n in (200, 100, ROWS))
    kind = pick(r, "binary", "real")
    y, z = target(r, x, kind), target(r, other, kind)
    make = xgb.XGBClassifier if kind == "binary" else xgb.XGBRegressor
    model = make(n_estimators=60, early_stopping_rounds=3, learning_rate=0.6, max_depth=4, n_jobs=1)
    model.fit(x, y, eval_set=[(other, z)], verbose=False)
    want = model.predict_proba(test)[:, 1] if kind == "binary" else model.predict(test)
    suffix = pick(r, ".json", ".ubj")
    return rows_case(r, file_bytes(model.save_model, suffix), test, want, suffix)


def xgboost_onnx(kind):
    def case(r):
        import xgboost as xgb
        from onnxmltools.convert import convert_xgboost
        from onnxmltools.convert.common.data_types import FloatTensorType

        f = int(r.integers(2, 12))
        missing = pick(r, 0.0, 0.1)
        x, test = table(r, 300, f, missing), table(r, ROWS, f, missing)
        common = {"n_estimators": int(r.integers(1, 25)), "max_depth": int(r.integers(1, 7)), "n_jobs": 1}
        if kind in ("binary", "classes"):
            y = target(r, x, kind, int(r.integers(3, 6)))
            model = xgb.XGBClassifier(**common).fit(x, y)
        elif kind == "random forest":
            y = target(r, x, "real")
            model = xgb.XGBRFRegressor(**common).fit(x, y)
        elif kind == "rank":
            y = target(r, x, "grades")
            model = xgb.XGBRanker(objective=pick(r, "rank:ndcg", "rank:pairwise"), **common).fit(x, y, group=[100, 200])
        else:
            objective = pick(r, "reg:squarederror", "count:poisson", "reg:gamma", "reg:tweedie", "reg:absoluteerror", "reg:pseudohubererror", "reg:squaredlogerror")
            y = target(r, x, XGB[objective])
            model = xgb.XGBRegressor(objective=objective, **common).fit(x, y)
        onx = convert_xgboost(model, initial_types=[("input", FloatTensorType([None, f]))], target_opset=int(r.integers(9, 16)))
        if kind in ("binary", "classes"):
            p = model.predict_proba(test)
            want, scores = {0: model.predict(test), 1: p}, p
        else:
            want, scores = {0: model.predict(test)}, None
        return Case(onx.SerializeToString(), {"input": test}, want, pick(r, "npy", "npz", "csv"), scores=scores, loose=10)
    return case


# --- LightGBM ---

LGB = {
    "regression": "real", "regression_l1": "real", "huber": "real", "fair": "real", "poisson": "counts", "quantile": "real",
    "mape": "positive", "gamma": "positive", "tweedie": "positive", "binary": "binary", "multiclass": "classes",
    "multiclassova": "classes", "cross_entropy": "unit", "cross_entropy_lambda": "unit", "lambdarank": "grades",
    "rank_xendcg": "grades",
}


def lightgbm_model(r, objective, more=None, categories=0, missing=None):
    import lightgbm as lgb

    n, f = int(r.integers(200, 500)), int(r.integers(2, 15)) + categories
    missing = pick(r, 0.0, 0.15) if missing is None else missing
    x, test = table(r, n, f, missing, categories), table(r, ROWS, f, missing, categories)
    if r.integers(2):  # many zeros
        x[r.random(x.shape) < 0.3] = 0
        test[r.random(test.shape) < 0.3] = 0
    k = int(r.integers(3, 6)) if LGB[objective] == "classes" else 1
    y = target(r, x, LGB[objective], k)
    params = {"objective": objective, "num_leaves": int(r.integers(2, 40)), "min_data_in_leaf": 5, "verbosity": -1, "num_threads": 1,
              "seed": int(r.integers(1000)), "zero_as_missing": bool(r.integers(4) == 0), "use_missing": bool(r.integers(4) > 0)}
    if LGB[objective] == "classes":
        params["num_class"] = k
    if objective in ("binary", "multiclassova"):
        params["sigmoid"] = pick(r, 1.0, 0.7)
    if objective in ("regression", "regression_l1", "huber", "fair", "quantile", "mape") and r.integers(4) == 0:
        params["reg_sqrt"] = True
    params |= more or {}
    data = lgb.Dataset(x, y, group=[100, n - 100] if LGB[objective] == "grades" else None, free_raw_data=False,
                       categorical_feature=list(range(f - categories, f)) if categories else "auto")
    return lgb.train(params, data, int(r.integers(1, 25))), test


def lightgbm_native(objective, **how):
    def case(r):
        model, test = lightgbm_model(r, objective, **how)
        return rows_case(r, model.model_to_string().encode(), test, model.predict(test.astype(np.float64)), ".txt")
    return case


def lightgbm_onnx(kind):
    def case(r):
        import lightgbm as lgb
        from onnxmltools.convert import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        f = int(r.integers(2, 12))
        missing = pick(r, 0.0, 0.1)
        x, test = table(r, 300, f, missing), table(r, ROWS, f, missing)
        boosting = pick(r, "gbdt", "gbdt", "dart", "rf")
        common = {"n_estimators": int(r.integers(1, 25)), "num_leaves": int(r.integers(2, 31)), "boosting_type": boosting, "n_jobs": 1, "verbosity": -1,
                  "min_child_samples": 5} | ({"subsample": 0.7, "subsample_freq": 1} if boosting == "rf" else {})
        if kind in ("binary", "classes"):
            y = target(r, x, kind, int(r.integers(3, 6)))
            model = lgb.LGBMClassifier(**common).fit(x, y)
        else:
            objective = pick(r, "regression", "regression_l1", "poisson", "gamma", "tweedie", "huber", "quantile")
            y = target(r, x, LGB[objective])
            model = lgb.LGBMRegressor(objective=objective, **common).fit(x, y)
        more = {"split": 3} if kind == "real" and r.integers(3) == 0 else {}
        if kind != "real":
            more["zipmap"] = pick(r, True, False)
        onx = convert_lightgbm(model, initial_types=[("input", FloatTensorType([None, f]))], target_opset=int(r.integers(9, 16)), **more)
        if kind in ("binary", "classes"):
            p = model.predict_proba(test)
            want, scores = {0: model.predict(test), 1: p}, p
        else:
            want, scores = {0: model.predict(test)}, None
        return Case(onx.SerializeToString(), {"input": test}, want, pick(r, "npy", "npz", "csv"), scores=scores, loose=10)
    return case


def hummingbird(kind):
    """Trees as plain operators: GEMM or traversal by Gather."""
    def case(r):
        import lightgbm as lgb
        import xgboost as xgb
        import torch
        from hummingbird.ml import convert

        f = int(r.integers(2, 8))
        x, test = table(r, 300, f), table(r, ROWS, f)
        y = target(r, x, "binary")
        common = {"n_estimators": int(r.integers(1, 12)), "n_jobs": 1, "max_depth": int(r.integers(1, 6))}
        model = (xgb.XGBClassifier(**common) if kind == "xgboost" else lgb.LGBMClassifier(verbosity=-1, **common)).fit(x, y)
        if not isinstance(torch.onnx.export, functools.partial):  # the exporter that hummingbird was written for
            torch.onnx.export = functools.partial(torch.onnx.export, dynamo=False)
        out = convert(model, "onnx", test, extra_config={"tree_implementation": pick(r, "gemm", "tree_trav", "perf_tree_trav")}).model
        p = model.predict_proba(test)
        return Case(out.SerializeToString(), {out.graph.input[0].name: test}, {0: model.predict(test), 1: p}, "npy", scores=p, loose=10)
    return case


# --- CatBoost ---

CAT = {
    "RMSE": "real", "MAE": "real", "Quantile:alpha=0.3": "real", "LogLinQuantile": "positive", "Poisson": "counts", "MAPE": "positive",
    "Lq:q=2.5": "real", "Huber:delta=1.0": "real", "Expectile:alpha=0.7": "real", "Tweedie:variance_power=1.5": "positive",
    "Logloss": "binary", "CrossEntropy": "unit", "MultiClass": "classes", "MultiClassOneVsAll": "classes", "MultiRMSE": "many",
    "YetiRank": "grades", "QueryRMSE": "grades", "PairLogit": "grades", "QuerySoftMax": "binary", "Focal:focal_alpha=0.4;focal_gamma=2": "binary",
    "LogCosh": "real", "RMSEWithUncertainty": "real", "MultiQuantile:alpha=0.2,0.8": "real", "MultiLogloss": "labels", "MultiCrossEntropy": "units",
    "Cox": "positive", "SurvivalAft": "survival",
}


def catboost_model(r, loss, more=None):
    import catboost as cb

    n, f = 300, int(r.integers(2, 10))
    missing = pick(r, 0.0, 0.1)
    x, test = table(r, n, f, missing), table(r, ROWS, f, missing)
    kind = CAT[loss]
    k = int(r.integers(3, 6)) if kind in ("classes", "many", "labels", "units") else 1
    if kind == "labels":
        y = (score(r, x, k) > 0).astype(int)
    elif kind == "units":
        y = 1 / (1 + np.exp(-score(r, x, k)))
    elif kind == "survival":
        low = np.exp(score(r, x)[:, 0] / 3)
        y = np.stack([low, low * 1.5], 1)
    else:
        y = target(r, x, kind if kind != "many" else "real", k)
    params = {"loss_function": loss, "iterations": int(r.integers(1, 20)), "depth": int(r.integers(1, 7)), "verbose": False, "thread_count": 1,
              "nan_mode": pick(r, "Min", "Max"), "allow_writing_files": False, "random_seed": int(r.integers(1000))}
    params |= more or {}
    group = np.repeat(np.arange(10), n // 10) if kind == "grades" or loss == "QuerySoftMax" else None
    return cb.CatBoost(params).fit(cb.Pool(x, y, group_id=group)), test, k


def catboost_answer(loss, model, test):
    kind = loss.split(":")[0]
    if kind in ("Logloss", "CrossEntropy", "Focal"):
        return model.predict(test, prediction_type="Probability")[:, 1]
    if kind in ("MultiClass", "MultiClassOneVsAll", "MultiLogloss", "MultiCrossEntropy"):
        return model.predict(test, prediction_type="Probability")
    if kind == "RMSEWithUncertainty":
        return model.predict(test, prediction_type="RMSEWithUncertainty")
    if kind in ("Poisson", "Tweedie"):
        return model.predict(test, prediction_type="Exponent")
    return model.predict(test, prediction_type="RawFormulaVal")


def catboost_native(loss, more=None):
    def case(r):
        model, test, _ = catboost_model(r, loss, more)
        return rows_case(r, file_bytes(lambda p: model.save_model(p, format="json"), ".json"), test, catboost_answer(loss, model, test), ".json")
    return case


def catboost_onnx(loss):
    def case(r):
        model, test, k = catboost_model(r, loss)
        onx = file_bytes(lambda p: model.save_model(p, format="onnx"), ".onnx")
        if CAT[loss] in ("binary", "classes"):
            p = model.predict(test, prediction_type="Probability")
            want, scores = {0: p.argmax(1), 1: p}, p
        else:
            want, scores = {0: model.predict(test)}, None
        return Case(onx, {"features": test}, want, pick(r, "npy", "npz", "csv"), scores=scores, loose=10)
    return case


MAKERS = {f"xgboost/{o}": xgboost_native(o) for o in XGB}
MAKERS |= {f"xgboost/dart {o}": xgboost_native(o, "dart") for o in ("binary:logistic", "multi:softprob", "reg:gamma")}
MAKERS |= {f"xgboost/gblinear {o}": xgboost_native(o, "gblinear", missing=0) for o in ("reg:squarederror", "binary:logistic", "multi:softprob", "count:poisson")}
MAKERS |= {f"xgboost/categories {o}": xgboost_native(o, categories=2) for o in ("binary:logistic", "multi:softprob", "reg:squarederror")}
MAKERS |= {
    "xgboost/targets": xgboost_native("reg:squarederror", targets=3),
    "xgboost/vector leaves": xgboost_native("reg:squarederror", targets=3, more={"multi_strategy": "multi_output_tree"}),
    "xgboost/vector leaves classes": xgboost_native("multi:softprob", more={"multi_strategy": "multi_output_tree", "tree_method": "hist"}),
    "xgboost/early": xgboost_early,
    "xgboost-onnx/binary": xgboost_onnx("binary"), "xgboost-onnx/classes": xgboost_onnx("classes"),
    "xgboost-onnx/real": xgboost_onnx("real"), "xgboost-onnx/forest": xgboost_onnx("random forest"), "xgboost-onnx/rank": xgboost_onnx("rank"),
}
MAKERS |= {f"lightgbm/{o}": lightgbm_native(o) for o in LGB}
MAKERS |= {f"lightgbm/dart {o}": lightgbm_native(o, more={"boosting": "dart"}) for o in ("binary", "regression")}
MAKERS |= {f"lightgbm/rf {o}": lightgbm_native(o, more={"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.7}) for o in ("binary", "regression", "multiclass", "poisson")}
MAKERS |= {f"lightgbm/linear {o}": lightgbm_native(o, more={"linear_tree": True, "zero_as_missing": False}) for o in ("regression", "binary", "multiclass")}
MAKERS |= {f"lightgbm/categories {o}": lightgbm_native(o, categories=3) for o in ("binary", "multiclass", "regression")}
MAKERS |= {
    "lightgbm-onnx/binary": lightgbm_onnx("binary"), "lightgbm-onnx/classes": lightgbm_onnx("classes"), "lightgbm-onnx/real": lightgbm_onnx("real"),
    "hummingbird/xgboost": hummingbird("xgboost"), "hummingbird/lightgbm": hummingbird("lightgbm"),
}
MAKERS |= {f"catboost/{o}": catboost_native(o) for o in CAT}
MAKERS |= {f"catboost/{p} {o}": catboost_native(o, {"grow_policy": p}) for p in ("Depthwise", "Lossguide") for o in ("RMSE", "MultiClass")}
MAKERS |= {f"catboost-onnx/{o}": catboost_onnx(o) for o in ("RMSE", "MAE", "Logloss", "MultiClass", "Quantile:alpha=0.3")}

if __name__ == "__main__":
    main("XGBoost, LightGBM and CatBoost", MAKERS)
