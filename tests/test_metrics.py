import numpy as np
import pytest
from scipy.stats import ConstantInputWarning, rankdata
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score

from sklearn_m3s.metrics import spearman_score, spearman_scorer


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
        ([[1, 2], [3, 4]], [1, 2], "1d array"),
        ([], [], "minimum of 1 is required"),
        (3, [1], "y_true"),
    ],
)
def test_bad_input_is_an_error(y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        spearman_score(y_true, y_pred)


def test_the_scorer_works_in_cross_validation(rng):
    X = rng.normal(size=(30, 1))
    scores = cross_val_score(LinearRegression(), X, np.exp(X[:, 0]), scoring=spearman_scorer)
    np.testing.assert_allclose(scores, 1)


def test_the_scorer_of_a_constant_model_is_nan(rng):
    X = rng.normal(size=(30, 1))
    with pytest.warns(ConstantInputWarning):
        assert np.isnan(spearman_scorer(DummyRegressor().fit(X, X[:, 0]), X, X[:, 0]))
