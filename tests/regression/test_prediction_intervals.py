"""Intervals: against MAPIE, closed forms, and the coverage of simulated scores."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    LeaveOneOut,
    RepeatedKFold,
    ShuffleSplit,
    cross_val_predict,
)
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from sklearn_m3s import PredictionIntervals, RawPerception
from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.inspection import evaluate, tier_predictions
from sklearn_m3s.pipeline import make_m3s, take_apart
from sklearn_m3s.tiers import VideoTransformer


def regression(n_rows, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    return X, X @ [0.3, -0.2, 0.1, 0] + rng.standard_t(4, size=n_rows)


class Tolerant(RegressorMixin, BaseEstimator):
    """The mean of the scores, and NaN for rows of NaN."""

    def fit(self, X, y):
        self.mean_ = y[np.isfinite(X).all(axis=1)].mean(axis=0)
        return self

    def predict(self, X):
        return np.where(np.isfinite(X).all(axis=1), self.mean_, np.nan)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("n_rows", [41, 100, 199])
@pytest.mark.parametrize(
    "estimator", [Ridge(), RandomForestRegressor(10, random_state=0)], ids=["ridge", "forest"]
)
def test_intervals_are_those_of_mapie(coverage, n_rows, estimator):
    mapie = pytest.importorskip("mapie.regression")
    X, y = regression(n_rows)
    X_new, _ = regression(7, seed=1)
    other = mapie.CrossConformalRegressor(
        estimator, confidence_level=coverage, method="base", cv=KFold(4)
    ).fit_conformalize(X, y)
    predicted, intervals = other.predict_interval(X_new)
    ours = PredictionIntervals(estimator, coverage, cv=4).fit(X, y)
    np.testing.assert_allclose(ours.predict(X_new), predicted)
    np.testing.assert_allclose(ours.predict_interval(X_new), intervals[..., 0])


def test_the_half_width_is_the_residual_of_the_rank():
    y = np.arange(19.0) ** 2
    left_out = (y.sum() - y) / 18
    residuals = np.sort(np.abs(y - left_out))
    for coverage, rank in [(0.5, 10), (0.9, 18), (0.95, 19)]:
        model = PredictionIntervals(DummyRegressor(), coverage, cv=LeaveOneOut())
        model.fit(np.zeros((19, 1)), y)
        np.testing.assert_allclose(model.out_of_fold_, left_out)
        assert model.quantile_ == pytest.approx(residuals[rank - 1])
        interval = model.predict_interval([[0], [0]])
        expected = [y.mean() - residuals[rank - 1], y.mean() + residuals[rank - 1]]
        np.testing.assert_allclose(interval, [expected] * 2)


@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_new_scores_are_covered_as_promised(coverage):
    X_new, y_new = regression(4000, seed=1)
    model = PredictionIntervals(LinearRegression(), coverage).fit(*regression(4000))
    lower, upper = model.predict_interval(X_new).T
    n_covered = np.count_nonzero((lower <= y_new) & (y_new <= upper))
    # The training scores vary like the new ones, so the variance is twice that of one binomial.
    least, most = binom.interval(0.999, 2000, coverage)
    assert least / 2000 <= n_covered / 4000 <= most / 2000


def test_too_few_scores_are_an_error_before_anything_is_fitted():
    X, y = regression(18)
    refused = PredictionIntervals(Tolerant(), 0.95, cv=3)
    with pytest.raises(ValueError, match=r"coverage=0\.95 needs more than n_samples = 18"):
        refused.fit(X, y)
    assert not hasattr(refused, "out_of_fold_")
    PredictionIntervals(Tolerant(), 0.95, cv=3).fit(*regression(19))


def test_groups_stay_together():
    groups = np.repeat(["a", "b", "c", "d"], 10)
    y = np.repeat([0.0, 1.0, 2.0, 3.0], 10)
    model = PredictionIntervals(DummyRegressor(), cv=4).fit(np.zeros((40, 1)), y, groups=groups)
    np.testing.assert_allclose(model.out_of_fold_, (6 - y) / 3)
    with pytest.raises(ValueError, match="both sides"):
        clone(model).set_params(cv=[(range(15), range(15, 40))]).fit(
            np.zeros((40, 1)), y, groups=groups
        )


@pytest.mark.parametrize("routing", [False, True])
def test_weights_reach_the_regressor_and_those_of_the_folds(routing):
    X, y = regression(60)
    weights = np.linspace(0, 1, 60)
    with config_context(enable_metadata_routing=routing):
        ridge = Ridge()
        if routing:
            ridge.set_fit_request(sample_weight=True)
        model = PredictionIntervals(ridge).fit(X, y, sample_weight=weights)
        predicted = cross_val_predict(ridge, X, y, cv=5, params={"sample_weight": weights})
    np.testing.assert_allclose(model.out_of_fold_, predicted)
    np.testing.assert_allclose(model.estimator_.coef_, Ridge().fit(X, y, weights).coef_)


def test_routed_weights_pass_through_a_search():
    X, y = regression(80)
    weights = np.linspace(0, 1, 80)
    with config_context(enable_metadata_routing=True):
        ridge = Ridge().set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        model = PredictionIntervals(ridge).set_score_request(sample_weight=False)
        search = GridSearchCV(model, {"estimator__alpha": [1.0]}, cv=2)
        search.fit(X, y, sample_weight=weights)
        coefficients = search.best_estimator_.estimator_.coef_
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            PredictionIntervals(Ridge()).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(coefficients, Ridge().fit(X, y, weights).coef_)


def test_repeated_folds_are_averaged_and_rows_without_a_fold_left_out():
    X, y = regression(60)
    repeated = RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)
    folds = [
        dict(zip(test, predicted, strict=True))
        for train, test in repeated.split(X)
        for predicted in [LinearRegression().fit(X[train], y[train]).predict(X[test])]
    ]
    expected = [np.mean([fold[i] for fold in folds if i in fold]) for i in range(60)]
    model = PredictionIntervals(LinearRegression(), cv=repeated).fit(X, y)
    np.testing.assert_allclose(model.out_of_fold_, expected)
    once = ShuffleSplit(1, test_size=0.25, random_state=0)
    [(_, test)] = once.split(X)
    model = PredictionIntervals(LinearRegression(), cv=once).fit(X, y)
    assert np.flatnonzero(np.isfinite(model.out_of_fold_)).tolist() == sorted(test)
    assert np.isfinite(model.quantile_)


def test_each_of_several_scores_has_its_own_width():
    X, y = regression(80)
    scores = np.column_stack([y, 10 * y])
    model = PredictionIntervals(LinearRegression()).fit(X, scores)
    one = PredictionIntervals(LinearRegression()).fit(X, y)
    np.testing.assert_allclose(model.quantile_, [one.quantile_, 10 * one.quantile_])
    assert model.out_of_fold_.shape == model.y_.shape == (80, 2)
    intervals = model.predict_interval(X[:5])
    assert intervals.shape == (5, 2, 2)
    np.testing.assert_allclose(intervals[..., 0], one.predict_interval(X[:5]))
    np.testing.assert_allclose(intervals[..., 1], 10 * one.predict_interval(X[:5]))


def test_a_score_may_be_missing_if_the_regressor_accepts_it():
    class TwoMeans(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            self.means_ = np.nanmean(y, axis=0)
            return self

        def predict(self, X):
            return np.tile(self.means_, (len(X), 1))

        def __sklearn_tags__(self):
            tags = super().__sklearn_tags__()
            tags.target_tags.multi_output = True
            return tags

    X, y = regression(60)
    scores = np.column_stack([y, y])
    scores[::2, 1] = np.nan
    model = PredictionIntervals(TwoMeans()).fit(X, scores)
    residuals = np.sort(np.abs(y - model.out_of_fold_[:, 1])[1::2])
    assert model.quantile_[1] == residuals[27]  # of rank ceil(31 * 0.9)
    with pytest.raises(ValueError, match="NaN"):
        PredictionIntervals(LinearRegression()).fit(X, np.where(y > 0, y, np.nan))


def test_rows_without_a_prediction_are_left_out():
    X, y = regression(40)
    bad = X.copy()
    bad[[3, 20]] = np.nan
    good = np.delete(np.arange(40), [3, 20])
    model = PredictionIntervals(Tolerant(), cv=2).fit(bad, y)
    assert np.flatnonzero(np.isnan(model.out_of_fold_)).tolist() == [3, 20]
    residuals = np.sort(np.abs(y - model.out_of_fold_)[good])
    assert model.quantile_ == residuals[35]  # of rank ceil(39 * 0.9)
    is_missing = np.isnan(model.predict_interval(bad[:5]))
    assert is_missing.tolist() == [[i == 3] * 2 for i in range(5)]


def test_the_estimator_can_be_cloned_pickled_and_searched():
    X, y = regression(50)
    model = PredictionIntervals(Ridge(), n_jobs=2)
    copy = clone(model).set_params(estimator__alpha=7, coverage=0.8)
    assert (copy.estimator.alpha, model.estimator.alpha, copy.n_jobs) == (7, 1, 2)
    table = pd.DataFrame(X, columns=list("abcd"))
    copy.fit(table, y)
    assert copy.n_features_in_ == 4
    assert list(copy.feature_names_in_) == list("abcd")
    again = pickle.loads(pickle.dumps(copy))
    np.testing.assert_array_equal(again.predict_interval(table), copy.predict_interval(table))
    search = GridSearchCV(model, {"estimator__alpha": [0.1, 10]}, cv=2).fit(X, y)
    assert search.best_estimator_.predict_interval(X).shape == (50, 2)


def test_tags_are_those_of_the_estimator():
    class OfVideos(Tolerant):
        def __sklearn_tags__(self):
            tags = super().__sklearn_tags__()
            tags.input_tags.string, tags.input_tags.two_d_array = True, False
            return tags

    assert not get_tags(PredictionIntervals(Ridge())).input_tags.allow_nan
    assert get_tags(PredictionIntervals(HistGradientBoostingRegressor())).input_tags.allow_nan
    tags = get_tags(PredictionIntervals(OfVideos()))
    assert tags.input_tags.string
    assert not tags.input_tags.two_d_array
    assert tags.estimator_type == "regressor"


@pytest.fixture
def paths(tmp_path, draw, write_clip):
    """Return 16 files of two frames, each darker than the next."""
    return [
        write_clip(tmp_path / f"{i:02}.mp4", np.full((2, 32, 32, 3), 10 + 12 * i, np.uint8))
        for i in range(16)
    ]


@pytest.fixture
def model():
    """Return a model of one quick tier."""
    tier = RawPerception(descriptors=["brightness", "contrast"], frame_size=32, on_error="nan")
    return make_m3s(tier, scene=None, event=None, regressor=Ridge())


def test_files_are_described_once_for_all_folds(paths, model, decoded):
    y = np.linspace(0.2, 0.9, 16)
    fitted = PredictionIntervals(model, cv=4).fit(paths, y)
    assert sorted(decoded) == paths
    rows = RawPerception(descriptors=["brightness", "contrast"], frame_size=32).fit_transform(paths)
    last = model["tiers"].transformer_list[0][1]["scale"]
    features = PredictionIntervals(make_pipeline(last, Ridge()), cv=4).fit(rows, y)
    np.testing.assert_allclose(fitted.out_of_fold_, features.out_of_fold_)
    np.testing.assert_allclose(fitted.quantile_, features.quantile_)
    np.testing.assert_allclose(fitted.predict_interval(paths[3:5]).shape, (2, 2))


def test_other_functions_take_a_model_with_intervals(paths, model):
    y = np.linspace(0.2, 0.9, 16)
    unfitted = PredictionIntervals(model, cv=4)
    assert take_apart(unfitted).regressor is model["regressor"]
    fitted = clone(unfitted).fit(paths, y)
    assert take_apart(fitted).regressor is fitted.estimator_["regressor"]
    assert isinstance(take_apart(fitted).tiers["raw"], VideoTransformer)
    table = tier_predictions(fitted, paths, y, cv=KFold(2, shuffle=True, random_state=0))
    assert list(table.columns) == ["score", "all", "raw"]
    narrow = clone(unfitted).set_params(coverage=0.5)
    table = evaluate(narrow, paths, y, cv=KFold(2, shuffle=True, random_state=0), n_bootstrap=0)
    assert table.loc["model", "mae"] < table.loc["constant", "mae"]


def test_a_bad_video_does_not_affect_the_others(paths, tmp_path):
    tier = RawPerception(descriptors=["brightness"], frame_size=32, on_error="nan")
    fitted = PredictionIntervals(make_pipeline(tier, Tolerant()), 0.8, cv=3)
    with pytest.warns(M3SWarning, match="missing"):
        fitted.fit([*paths[:5], str(tmp_path / "missing.mp4"), *paths[5:]], np.arange(17) / 17)
    assert np.flatnonzero(np.isnan(fitted.out_of_fold_)).tolist() == [5]
