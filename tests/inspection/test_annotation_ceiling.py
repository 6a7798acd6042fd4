"""The ceiling equals the known one of simulated memorability."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from sklearn_m3s.inspection import annotation_ceiling


@pytest.fixture(scope="module")
def annotated():
    """Return memorabilities, counts of annotators, and scores that these gave."""
    rng = np.random.default_rng(0)
    p = rng.beta(14, 3, size=20_000)
    n = rng.integers(20, 60, size=20_000)
    return p, n, rng.binomial(n, p) / n


def test_the_ceiling_is_the_correlation_with_the_true_memorability(annotated):
    p, n, scores = annotated
    result = annotation_ceiling(scores, n, n_simulations=8, random_state=0)
    assert result.ceiling == pytest.approx(spearmanr(p, scores).statistic, abs=0.01)
    assert result.table["ceiling"]["mse"] == pytest.approx(np.mean((p - scores) ** 2), rel=0.05)
    assert result.table["ceiling"]["spread"] == pytest.approx(p.std(), rel=0.05)


def test_the_split_half_is_that_of_other_annotators(annotated):
    p, n, scores = annotated
    rng = np.random.default_rng(1)
    halves = [rng.binomial(k, p) / k for k in (n // 2, n - n // 2)]
    result = annotation_ceiling(scores, n, n_simulations=8, random_state=0)
    assert result.split_half == pytest.approx(spearmanr(*halves).statistic, abs=0.02)


def test_the_ceiling_follows_from_the_split_half_by_spearman_and_brown(annotated):
    _, n, scores = annotated
    result = annotation_ceiling(scores, n, n_simulations=8, random_state=0)
    half = result.split_half
    assert result.ceiling == pytest.approx(np.sqrt(2 * half / (1 + half)), abs=0.02)


def test_scores_of_pure_chance_have_a_low_ceiling():
    scores = np.random.default_rng(0).binomial(30, 0.8, size=2000) / 30
    result = annotation_ceiling(scores, 30, n_simulations=8, random_state=0)
    assert abs(result.ceiling) < 0.3
    assert abs(result.split_half) < 0.1


def test_more_annotators_raise_the_ceiling(annotated):
    _, n, scores = annotated
    few, many = (
        annotation_ceiling(scores, k, n_simulations=5, random_state=0).ceiling for k in (n, 50 * n)
    )
    assert few < many < 1


def test_a_seed_gives_the_same_table_and_intervals_hold_the_mean(annotated):
    _, n, scores = annotated
    one, two = (annotation_ceiling(scores, n, n_simulations=8, random_state=3) for _ in range(2))
    assert one.table == two.table
    row = one.table["split half"]
    assert row["spearman_low"] < row["spearman"] < row["spearman_high"]


@pytest.mark.parametrize(
    ("scores", "counts", "fault"),
    [
        ([0.5, 1.2], 30, "scores range from 0.5 to 1.2"),
        ([0.5, np.nan], 30, "scores contains NaN"),
        ([0.5, 0.6], [30, 1], "n_annotations has 1"),
        ([0.5, 0.6], [30, 40.5], "n_annotations has 40.5"),
        ([0.5, 0.6], [30, 30, 30], "inconsistent numbers"),
    ],
)
def test_errors_name_the_bad_value(scores, counts, fault):
    with pytest.raises(ValueError, match=fault):
        annotation_ceiling(scores, counts)
