"""Any regressor, for data with missing rows and scores."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import StackingRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.svm import SVR
from sklearn.utils import get_tags

from sklearn_m3s.pipeline import FiniteRows

MISSING = [0, 5, 11]


@pytest.fixture
def data(rng):
    """Return rows, three with NaN, and two scores, some of them missing."""
    X = rng.normal(size=(30, 4))
    Y = np.column_stack([X @ [1, 2, 3, 4], X @ [0, 1, 0, -1]]) + rng.normal(0, 0.1, size=(30, 2))
    X[MISSING, [0, 1, 2]] = np.nan
    Y[20:, 0] = np.nan
    Y[[3, 11], 1] = np.nan
    return X, Y


class Recorder(RegressorMixin, BaseEstimator):
    """A regressor that records the arguments of `fit`."""

    def fit(self, X, y, sample_weight=None, names=None, note=None):
        self.given_ = {"X": X, "y": y, "weight": sample_weight, "names": names, "note": note}
        return self

    def predict(self, X):
        return np.zeros(len(X))


def test_predictions_equal_those_of_a_regressor_of_the_rows_without_nan(data):
    X, Y = data
    good = np.isfinite(X).all(axis=1)
    y = np.where(good, Y[:, 1], 0)
    y[3] = 0.5
    predicted = FiniteRows(Ridge()).fit(X, y).predict(X)
    expected = Ridge().fit(X[good], y[good]).predict(X[good])
    np.testing.assert_array_equal(predicted[good], expected)
    assert np.isnan(predicted[~good]).all()


def test_each_score_is_learned_from_the_rows_that_have_it(data):
    X, Y = data
    predicted = FiniteRows(Ridge()).fit(X, Y).predict(X)
    assert predicted.shape == (30, 2)
    good = np.isfinite(X).all(axis=1)
    for column, y in enumerate(Y.T):
        rows = good & np.isfinite(y)
        expected = Ridge().fit(X[rows], y[rows]).predict(X[good])
        np.testing.assert_array_equal(predicted[good, column], expected)
    assert np.isnan(predicted[~good]).all()


def test_a_single_score_may_be_missing_too(data):
    X, Y = data
    predicted = FiniteRows(Ridge()).fit(X, Y[:, 0]).predict(X)
    np.testing.assert_array_equal(predicted, FiniteRows(Ridge()).fit(X, Y).predict(X)[:, 0])


def test_fitted_attributes_follow_the_shape_of_the_scores(data):
    X, Y = data
    regressor = FiniteRows(Ridge()).fit(X, Y)
    assert len(regressor.estimators_) == 2
    regressor.fit(X, Y[:, 0])
    assert not hasattr(regressor, "estimators_")
    assert regressor.estimator_.coef_.shape == (4,)
    assert regressor.predict(X).shape == (30,)
    assert not hasattr(regressor.fit(X, Y[:, :1]), "estimator_")
    assert regressor.predict(X).shape == (30, 1)
    assert not hasattr(regressor.estimator, "coef_")


def test_only_missing_rows_can_be_predicted(data):
    X, Y = data
    assert np.isnan(FiniteRows(Ridge()).fit(X, Y).predict(X[MISSING])).all()


def test_parameters_of_fit_are_reduced_to_the_same_rows(data):
    X, Y = data
    names = [f"video {i}" for i in range(30)]
    regressor = FiniteRows(Recorder()).fit(X, Y, np.arange(30), names=names, note="as it is")
    for estimator, y in zip(regressor.estimators_, Y.T, strict=True):
        rows = np.flatnonzero(np.isfinite(X).all(axis=1) & np.isfinite(y))
        given = estimator.given_
        assert list(given["weight"]) == list(rows)
        assert list(given["names"]) == [names[i] for i in rows]
        assert given["note"] == "as it is"


def test_tables_are_passed_on_with_their_names(data):
    X, Y = data
    frame = pd.DataFrame(X, columns=list("abcd"))
    regressor = FiniteRows(Ridge()).fit(frame, Y)
    assert list(regressor.feature_names_in_) == list("abcd")
    assert list(regressor.estimators_[0].feature_names_in_) == list("abcd")
    assert regressor.n_features_in_ == 4
    expected = FiniteRows(Ridge()).fit(X, Y).predict(X)
    np.testing.assert_allclose(regressor.predict(frame), expected)
    with pytest.raises(ValueError, match="feature names"):
        regressor.predict(frame[list("dcba")])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            lambda X, Y: (np.full_like(X, np.nan), Y),
            r"0 of 30 rows of X have no NaN, .* Ridge needs",
        ),
        (lambda X, Y: (X, np.full_like(Y, np.nan)), r"27 of 30 rows .* none of them has a score"),
        (lambda X, Y: (X, Y[:-1]), "inconsistent numbers of samples"),
        (lambda X, Y: (np.nan_to_num(X, nan=np.inf), Y), "X contains infinity"),
        (lambda X, Y: (X, np.nan_to_num(Y, nan=np.inf)), "y contains infinity"),
        (lambda X, Y: (X, None), "requires y to be passed"),
    ],
)
def test_what_cannot_be_learned_is_an_error(data, change, fault):
    with pytest.raises(ValueError, match=fault):
        FiniteRows(Ridge()).fit(*change(*data))


def test_nested_parameters_can_be_searched(data):
    X, Y = data
    good = np.isfinite(X).all(axis=1) & np.isfinite(Y[:, 1])
    search = GridSearchCV(FiniteRows(Ridge()), {"estimator__alpha": [1e-3, 1e6]}, cv=3)
    search.fit(X[good], Y[good, 1])
    assert search.best_params_ == {"estimator__alpha": 1e-3}


def test_rows_can_be_predicted_out_of_fold(data):
    X, Y = data
    predicted = cross_val_predict(FiniteRows(Ridge()), X, Y, cv=3)
    assert predicted.shape == (30, 2)
    assert list(np.flatnonzero(np.isnan(predicted[:, 0]))) == MISSING


def test_tags_are_those_of_the_regressor_and_its_own():
    for estimator in (Ridge(), KNeighborsRegressor()):
        tags = get_tags(FiniteRows(estimator))
        assert tags.input_tags.allow_nan
        assert tags.target_tags.multi_output
        assert tags.estimator_type == "regressor"
        assert tags.regressor_tags == get_tags(estimator).regressor_tags


def routed(regressor, X, y, **params):
    with config_context(enable_metadata_routing=True):
        return regressor.fit(X, y, **params).predict(X)


def test_weights_reach_the_regressor_with_and_without_routing(data):
    X, Y = data
    weights = np.linspace(0.1, 2, 30)
    expected = FiniteRows(Ridge()).fit(X, Y, sample_weight=weights).predict(X)
    assert not np.allclose(expected, FiniteRows(Ridge()).fit(X, Y).predict(X), equal_nan=True)
    with config_context(enable_metadata_routing=True):
        regressor = FiniteRows(Ridge().set_fit_request(sample_weight=True))
    np.testing.assert_array_equal(routed(regressor, X, Y, sample_weight=weights), expected)
    np.testing.assert_array_equal(routed(clone(regressor), X, Y, sample_weight=weights), expected)


def test_weights_that_nobody_takes_are_an_error_with_routing(data):
    X, Y = data
    with pytest.raises(TypeError, match=r"unexpected argument.*sample_weight"):
        routed(FiniteRows(KNeighborsRegressor()), X, Y, sample_weight=np.ones(30))


def test_any_kind_of_regressor_can_be_wrapped(data):
    X, Y = data
    stack = StackingRegressor([("ridge", Ridge()), ("svr", SVR())], LinearRegression(), cv=2)
    for estimator in (KNeighborsRegressor(1), stack, FiniteRows(Ridge())):
        predicted = FiniteRows(estimator).fit(X, Y).predict(X)
        assert list(np.flatnonzero(np.isnan(predicted).any(axis=1))) == MISSING
