"""Predictions of tables and reports: intervals within the scores, and percentiles."""

from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_m3s._predictions import percentiles, predict_with_intervals


def model(y, ends):
    """Return a model that predicts 0.5 with one interval for all rows."""
    return SimpleNamespace(
        y_=np.array(y),
        predict=lambda X: np.full(len(X), 0.5),
        predict_interval=lambda X: np.tile([ends], (len(X), 1)),
    )


@pytest.mark.parametrize(
    ("y", "expected"), [([0.0, 0.4, 1.0], [0, 1]), ([0.4, np.nan], [0, 1]), ([0.4, 1.1], [-0.5, 2])]
)
def test_intervals_end_with_the_range_of_the_scores(y, expected):
    scores, intervals = predict_with_intervals(model(y, [-0.5, 2.0]), [1, 2])
    np.testing.assert_array_equal(scores, [[0.5], [0.5]])
    np.testing.assert_array_equal(intervals[:, :, 0], [expected, expected])


def test_a_model_without_intervals_gives_nan():
    plain = SimpleNamespace(predict=lambda X: np.zeros((len(X), 3)))
    scores, intervals = predict_with_intervals(plain, [1, 2])
    assert scores.shape == (2, 3)
    assert intervals.shape == (2, 2, 3)
    assert np.isnan(intervals).all()


def test_equal_predictions_count_half_for_a_percentile():
    known = np.array([0.1, 0.2, 0.2, np.nan, 0.9])
    found = percentiles(known, np.array([0.05, 0.15, 0.2, 1.0, np.nan]))
    np.testing.assert_array_equal(found, [0, 25, 50, 100, np.nan])
    assert np.isnan(percentiles(np.array([np.nan]), np.array([0.5]))).all()
