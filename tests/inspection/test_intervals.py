"""Metrics of resampled videos equal those of SciPy and scikit-learn on repeated rows."""

import numpy as np
import pytest
from scipy.stats import ConstantInputWarning, spearmanr
from sklearn.metrics import mean_absolute_error, mean_squared_error

from sklearn_m3s.inspection._intervals import (
    METRICS,
    draw_counts,
    fold_metrics,
    summarise,
    warn_if_undefined,
)


@pytest.fixture
def scores(rng):
    """Return true and predicted scores with ties."""
    y = rng.integers(60, 100, size=80) / 100
    return y, np.round(y + rng.normal(scale=0.1, size=80), 1)


def test_counts_are_the_sample_and_resamples_of_its_size():
    counts = draw_counts(50, 20, random_state=0)
    assert counts.shape == (21, 50)
    assert (counts[0] == 1).all()
    assert (counts.sum(axis=1) == 50).all()
    assert (counts[1:] == 0).any()
    np.testing.assert_array_equal(counts, draw_counts(50, 20, random_state=0))


def test_metrics_of_a_sample_are_those_of_the_repeated_rows(scores):
    y, predicted = scores
    counts = draw_counts(80, 10, random_state=0)
    metrics = fold_metrics(y, [(np.arange(80), predicted)], counts)
    for i, count in enumerate(counts):
        a, b = np.repeat(y, count), np.repeat(predicted, count)
        expected = [
            spearmanr(a, b).statistic,
            mean_squared_error(a, b),
            mean_absolute_error(a, b),
            b.std(),
        ]
        np.testing.assert_allclose(metrics[:, i], expected, rtol=1e-10)


def test_metrics_are_means_over_the_folds(scores):
    y, predicted = scores
    parts = np.split(np.random.default_rng(1).permutation(80), [30, 60])
    counts = draw_counts(80, 0, None)
    metrics = fold_metrics(y, [(part, predicted[part]) for part in parts], counts)
    rho = [spearmanr(y[part], predicted[part]).statistic for part in parts]
    assert metrics.shape == (4, 1)
    assert metrics[0, 0] == pytest.approx(np.mean(rho))


def test_intervals_have_the_width_of_the_central_limit_theorem(rng):
    error = rng.exponential(size=500)
    counts = draw_counts(500, 2000, random_state=0)
    row = summarise(fold_metrics(np.zeros(500), [(np.arange(500), error)], counts))
    half = 1.96 * error.std() / np.sqrt(500)
    assert row["mae_high"] - row["mae"] == pytest.approx(half, rel=0.1)
    assert row["mae"] - row["mae_low"] == pytest.approx(half, rel=0.1)


def test_without_samples_there_are_no_intervals(scores):
    y, predicted = scores
    row = summarise(fold_metrics(y, [(np.arange(80), predicted)], draw_counts(80, 0, None)))
    assert list(row) == [f"{name}{end}" for name in METRICS for end in ("", "_low", "_high")]
    assert np.isnan(row["mse_low"])
    assert np.isfinite(row["mse"])


@pytest.mark.parametrize("constant", ["scores", "predictions"])
def test_constant_input_has_no_rank_correlation_and_a_warning(scores, constant):
    y, predicted = scores
    flat = np.full(80, 0.1)  # a number whose mean is rounded
    pair = (flat, predicted) if constant == "scores" else (y, flat)
    counts = draw_counts(80, 3, random_state=0)
    metrics = fold_metrics(pair[0], [(np.arange(80), pair[1])], counts)
    assert np.isnan(metrics[0]).all()
    assert np.isfinite(metrics[1:]).all()
    with pytest.warns(ConstantInputWarning, match="'the model' is undefined"):
        warn_if_undefined(metrics, "the model")
    assert np.isnan(summarise(metrics)["spearman_high"])


def test_a_fold_counts_as_often_as_its_videos_are_drawn():
    y = np.array([0.1, 0.2, 0.3, 0.4])
    counts = np.array([[1, 1, 1, 1], [2, 2, 0, 0], [1, 0, 2, 1]])
    metrics = fold_metrics(y, [(np.arange(2), y[:2]), (np.arange(2, 4), y[2:] + 0.1)], counts)
    np.testing.assert_allclose(metrics[2], [0.05, 0, 0.075])
    np.testing.assert_allclose(metrics[0], [1, 1, np.nan])


def test_intervals_leave_out_samples_without_a_test_video():
    y, counts = np.array([0.1, 0.2, 0.3]), np.array([[1, 1, 1], [0, 0, 3], [2, 0, 1]])
    metrics = fold_metrics(y, [(np.arange(2), y[:2] + 0.1)], counts)
    np.testing.assert_allclose(metrics[2], [0.1, np.nan, 0.1])
    assert summarise(metrics)["mae_high"] == pytest.approx(0.1)


def test_videos_of_a_group_are_drawn_together():
    groups = np.array([["b"], ["a"], ["b"], ["c"], ["a"], ["b"]])
    counts = draw_counts(6, 50, 0, groups)
    assert (counts[0] == 1).all()
    for group in "abc":
        members = counts[:, groups[:, 0] == group]
        assert (members == members[:, :1]).all()
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()


def test_intervals_of_groups_have_the_width_of_so_many_groups(rng):
    groups = np.repeat(np.arange(200), 10)
    error = np.abs(rng.normal(size=200))[groups]
    folds = [(np.flatnonzero(groups % 5 == i), error[groups % 5 == i]) for i in range(5)]
    row = summarise(fold_metrics(np.zeros(2000), folds, draw_counts(2000, 2000, 0, groups)))
    half = 1.96 * error.std() / np.sqrt(200)
    assert row["mae_high"] - row["mae"] == pytest.approx(half, rel=0.15)
    assert row["mae"] - row["mae_low"] == pytest.approx(half, rel=0.15)
