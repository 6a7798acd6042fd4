import pickle

import numpy as np
import pytest
from scipy.stats import ConstantInputWarning, rankdata, spearmanr
from sklearn import config_context
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import GroupKFold, cross_val_score

from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.metrics import make_spearman_scorer, spearman_score, spearman_scorer
from sklearn_m3s.regression import MLPRegressor


def test_the_score_is_the_correlation_of_the_ranks(rng):
    y_true, y_pred = rng.integers(0, 5, size=(2, 30))
    expected = np.corrcoef(rankdata(y_true), rankdata(y_pred))[0, 1]
    score = spearman_score(y_true, y_pred)
    assert type(score) is float
    assert score == pytest.approx(expected, rel=1e-12)


def test_a_reversed_order_scores_minus_one():
    assert spearman_score([1, 2, 3], [0.9, 0.1, -7]) == pytest.approx(-1)


def test_constant_predictions_score_nan_with_scipys_warning():
    with pytest.warns(ConstantInputWarning):
        assert np.isnan(spearman_score([1, 2, 3], [1, 1, 1]))


@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        ([1, 2], [1, 2, 3], "inconsistent numbers of samples"),
        ([1, np.nan], [1, 2], "y_true contains NaN"),
        ([1, 2], [1, np.inf], "y_pred contains infinity"),
        ([1, 2], ["a", "b"], "could not convert string to float"),
        ([[1, 2], [3, 4]], [1, 2], "y_true has 2 columns and y_pred has 1"),
        ([], [], "minimum of 1 is required"),
        (3, [1], "y_true"),
    ],
)
def test_bad_input_is_an_error(y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        spearman_score(y_true, y_pred)


def test_with_groups_only_videos_of_a_group_are_compared(rng):
    y_true, y_pred = rng.normal(size=(2, 60))
    groups = np.repeat(["a", "b", "c"], [10, 20, 30])
    rho = [spearmanr(y_true[groups == g], y_pred[groups == g]).statistic for g in "abc"]
    expected = np.average(rho, weights=[10, 20, 30])
    level = 100 * (groups == "b")  # of a source as a whole
    for shift in (0, level):
        assert spearman_score(y_true, y_pred + shift, groups=groups) == pytest.approx(expected)
    assert spearman_score(y_true, y_pred, groups=np.zeros(60)) == pytest.approx(
        spearman_score(y_true, y_pred)
    )


def test_groups_without_an_order_are_left_out():
    groups = [0, 0, 1, 2, 2]
    assert spearman_score([1, 2, 3, 4, 4], [1, 2, 9, 2, 1], groups=groups) == pytest.approx(1)
    assert np.isnan(spearman_score([1, 2], [1, 2], groups=[0, 1]))
    with pytest.warns(ConstantInputWarning):
        assert np.isnan(spearman_score([1, 2, 1, 2], [1, 2, 5, 5], groups=[0, 0, 1, 1]))


def test_the_scorer_is_given_groups_by_metadata_routing(rng):
    X, y = rng.normal(size=(40, 2)), rng.normal(size=40)
    groups = np.repeat(np.arange(8), 5)
    with config_context(enable_metadata_routing=True):
        scorer = make_scorer(spearman_score).set_score_request(groups=True)
        params = {"groups": groups}
        cv = GroupKFold(4)
        scores = cross_val_score(LinearRegression(), X, y, cv=cv, scoring=scorer, params=params)
    for (train, test), score in zip(cv.split(X, y, groups), scores, strict=True):
        predicted = LinearRegression().fit(X[train], y[train]).predict(X[test])
        assert score == pytest.approx(spearman_score(y[test], predicted, groups=groups[test]))


def test_the_scorer_works_in_cross_validation(rng):
    X = rng.normal(size=(30, 1))
    scores = cross_val_score(LinearRegression(), X, np.exp(X[:, 0]), scoring=spearman_scorer)
    np.testing.assert_allclose(scores, 1)


def test_the_scorer_of_a_constant_model_is_nan(rng):
    X = rng.normal(size=(30, 1))
    with pytest.warns(ConstantInputWarning):
        assert np.isnan(spearman_scorer(DummyRegressor().fit(X, X[:, 0]), X, X[:, 0]))


def test_bad_groups_are_an_error():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        spearman_score([1, 2], [1, 2], groups=[0])
    with pytest.raises(ValueError, match="groups contains NaN"):
        spearman_score([1, 2], [1, 2], groups=[0, np.nan])


@pytest.fixture
def two_scores(rng):
    """Return true and predicted scores of shape (40, 2). Some true ones are missing."""
    y_true, y_pred = rng.normal(size=(2, 40, 2))
    y_true[::4, 1] = np.nan
    return y_true, y_pred


def test_missing_scores_are_left_out_of_their_column(two_scores):
    y_true, y_pred = two_scores
    known = ~np.isnan(y_true[:, 1])
    expected = [
        spearmanr(y_true[:, 0], y_pred[:, 0]).statistic,
        spearmanr(y_true[known, 1], y_pred[known, 1]).statistic,
    ]
    raw = spearman_score(y_true, y_pred, multioutput="raw_values")
    np.testing.assert_allclose(raw, expected)
    assert spearman_score(y_true, y_pred) == pytest.approx(np.mean(expected))
    assert spearman_score(y_true[:, :1], y_pred[:, 0]) == pytest.approx(expected[0])


def test_groups_hold_for_each_column(two_scores):
    y_true, y_pred = two_scores
    groups = np.repeat([0, 1], 20)
    known = ~np.isnan(y_true[:, 1])
    raw = spearman_score(y_true, y_pred, groups=groups, multioutput="raw_values")
    assert raw[1] == pytest.approx(
        spearman_score(y_true[known, 1], y_pred[known, 1], groups=groups[known])
    )


def test_a_column_with_one_score_is_nan(two_scores):
    y_true, y_pred = two_scores
    y_true[1:, 1] = np.nan
    raw = spearman_score(y_true, y_pred, multioutput="raw_values")
    assert np.isfinite(raw[0])
    assert np.isnan(raw[1])
    assert np.isnan(spearman_score(y_true, y_pred))


@pytest.mark.parametrize("groups", [None, np.repeat([0, 1], 20)])
def test_predictions_of_nan_are_left_out_with_one_warning(two_scores, groups):
    y_true, y_pred = two_scores
    y_pred[[5, 6]] = np.nan
    kept = np.delete(np.arange(40), [5, 6])
    inside = None if groups is None else groups[kept]
    with pytest.warns(M3SWarning, match="2 of 40 predictions are NaN") as caught:
        found = spearman_score(y_true, y_pred, groups=groups)
    assert len(caught) == 1
    assert found == pytest.approx(spearman_score(y_true[kept], y_pred[kept], groups=inside))


def test_without_any_prediction_the_score_is_nan():
    with pytest.warns(M3SWarning, match="3 of 3"):
        assert np.isnan(spearman_score([1, 2, 3], [np.nan] * 3))


def test_the_scorers_of_columns_have_the_mean_of_all(two_scores, rng):
    y_true, _ = two_scores
    X = rng.normal(size=(40, 3))
    model = LinearRegression().fit(X, np.nan_to_num(y_true))
    columns = [make_spearman_scorer(column)(model, X, y_true) for column in range(2)]
    raw = spearman_score(y_true, model.predict(X), multioutput="raw_values")
    np.testing.assert_allclose(columns, raw)
    assert spearman_scorer(model, X, y_true) == pytest.approx(raw.mean())
    with pytest.raises(ValueError, match="column is 2: use an index from 0 to 1"):
        make_spearman_scorer(2)(model, X, y_true)


def test_a_scorer_can_be_pickled(two_scores, rng):
    y_true, _ = two_scores
    X = rng.normal(size=(40, 3))
    model = LinearRegression().fit(X, np.nan_to_num(y_true))
    scorer = make_spearman_scorer(1)
    assert pickle.loads(pickle.dumps(scorer))(model, X, y_true) == scorer(model, X, y_true)


def test_bad_videos_do_not_lose_a_fold(rng):
    X = rng.normal(size=(40, 3))
    y = np.column_stack([X[:, 0], X[:, 1]])
    y[::5, 1] = np.nan
    X[[3, 30]] = np.nan
    model = MLPRegressor((), output_activation="identity", max_epochs=2, random_state=0)
    with pytest.warns(M3SWarning, match="1 of 20 predictions are NaN"):
        scores = cross_val_score(model, X, y, cv=2, scoring=spearman_scorer)
    assert np.isfinite(scores).all()
