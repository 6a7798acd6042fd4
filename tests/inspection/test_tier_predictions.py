"""Predictions of tiers are those of cross-validation."""

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_predict
from stand_ins import CV, PARTS

from sklearn_m3s import make_m3s
from sklearn_m3s.inspection import tier_predictions


def test_predictions_are_those_of_cross_validation(data):
    X, y = data
    model = make_m3s(**PARTS)
    table = tier_predictions(model, X, y, cv=CV)
    assert list(table.columns) == ["score", "all", "raw", "scene", "event", "similarity"]
    np.testing.assert_array_equal(table["score"], y)
    np.testing.assert_allclose(table["all"], cross_val_predict(model, X, y, cv=CV))
    raw = make_m3s(raw=PARTS["raw"], scene=None, event=None, regressor=Ridge())
    np.testing.assert_allclose(table["raw"], cross_val_predict(raw, X, y, cv=CV))


def test_repeated_predictions_are_averaged_and_missing_ones_are_nan(data):
    X, y = data
    half = np.arange(45)
    folds = [(np.arange(45, 90), half), (np.arange(30, 90), half[:10])]
    table = tier_predictions(make_m3s(**PARTS), X, y, cv=folds)
    one, two = (
        clone(make_m3s(**PARTS)).fit(X[train], y[train]).predict(X[:10]) for train, _ in folds
    )
    np.testing.assert_allclose(table["all"][:10], (one + two) / 2)
    assert table["all"][45:].isna().all()
