"""The ceiling equals the known one of simulated memorability."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from sklearn_m3s.datasets import scores_from_responses
from sklearn_m3s.inspection import annotation_ceiling


@pytest.fixture(scope="module")
def annotated():
    """Return memorabilities, numbers of annotators, and their scores."""
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


def test_the_split_half_equals_the_correlation_with_other_annotators(annotated):
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


def test_the_reliability_is_that_of_a_simulation_where_it_is_known():
    rng = np.random.default_rng(0)
    p = rng.beta(4, 4, size=4000)
    responses = (rng.uniform(size=(4000, 30)) < p[:, None]).astype(float)
    result = annotation_ceiling(responses, n_simulations=20, random_state=0)
    noise = {n: (p * (1 - p)).mean() / n for n in (15, 30)}
    half, whole = (p.var() / (p.var() + noise[n]) for n in (15, 30))
    assert result.split_half == pytest.approx(half, abs=0.015)
    assert result.reliability == pytest.approx(whole, abs=0.015)
    other = rng.binomial(30, p) / 30
    rho = spearmanr(responses.mean(axis=1), other).statistic
    assert result.reliability == pytest.approx(rho, abs=0.015)
    assert result.ceiling == pytest.approx(np.sqrt(result.reliability), abs=0.015)


def test_responses_are_counted_where_there_are_any(annotated):
    p, n, _ = annotated
    rng = np.random.default_rng(0)
    responses = np.where(
        np.arange(60) < n[:, None], rng.uniform(size=(len(p), 60)) < p[:, None], np.nan
    )
    rng.permuted(responses, axis=1, out=responses)
    given = annotation_ceiling(responses, n_simulations=3, random_state=0)
    counted = annotation_ceiling(np.nanmean(responses, axis=1), n, n_simulations=3, random_state=0)
    assert given.table == counted.table


def test_split_halves_are_those_of_splitting_the_responses():
    rng = np.random.default_rng(0)
    p = rng.beta(14, 3, size=500)
    responses = (rng.uniform(size=(500, 21)) < p[:, None]).astype(float)
    result = annotation_ceiling(responses, n_simulations=300, random_state=0)
    expected = []
    for _ in range(300):
        rng.permuted(responses, axis=1, out=responses)
        one, two = responses[:, :10].mean(axis=1), responses[:, 10:].mean(axis=1)
        expected.append(spearmanr(one, two).statistic)
    assert result.split_half == pytest.approx(np.mean(expected), abs=0.006)
    assert result.table["split half"]["spearman_low"] == pytest.approx(
        np.percentile(expected, 2.5), abs=0.02
    )


def test_hits_and_misses_are_responses_too():
    counts = scores_from_responses([20, 3, 15, 9], [4, 20, 9, 12])
    result = annotation_ceiling(counts.hit_rate, counts.n_annotations, n_simulations=5)
    assert result.split_half > 0.5


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
        ([0.5, 0.6], None, "n_annotations is None: pass the number of annotators"),
        ([[1, 0], [1, 2]], None, "scores has the response 2: use 1, 0, and NaN"),
        ([[1, 0], [np.inf, 1]], None, "scores contains infinity"),
        ([[1, 0], [1, np.nan]], None, "n_annotations has 1 for video 1"),
        ([[1, 0], [np.nan, np.nan]], None, "n_annotations has 0 for video 1"),
    ],
)
def test_errors_name_the_bad_value(scores, counts, fault):
    with pytest.raises(ValueError, match=fault):
        annotation_ceiling(scores, counts)
