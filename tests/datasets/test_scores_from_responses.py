"""Scores of responses equal values by hand and by SciPy."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from sklearn_m3s.datasets import scores_from_responses


def test_rates_are_shares_of_the_trials():
    data = scores_from_responses([3, 8], [1, 2], [1, 0], [4, 10])
    np.testing.assert_allclose(data.hit_rate, [0.75, 0.8])
    np.testing.assert_allclose(data.corrected_recognition, [0.55, 0.8])
    np.testing.assert_array_equal(data.n_annotations, [4, 10])


def test_d_prime_separates_two_normal_distributions():
    """The means of both distributions are d' apart if one threshold gives both rates."""
    data = scores_from_responses([15], [4], [2], [27])
    threshold = brentq(lambda x: norm.sf(x) - 2.5 / 30, -5, 5)
    d_prime = brentq(lambda d: norm.sf(threshold, loc=d) - 15.5 / 20, -5, 5)
    np.testing.assert_allclose(data.d_prime, [d_prime])


def test_perfect_and_equal_rates_have_a_finite_d_prime():
    data = scores_from_responses([9, 0, 5], [0, 9, 5], [0, 9, 5], [9, 0, 5])
    extreme = 2 * norm.isf(0.05)  # 9.5 of 10
    np.testing.assert_allclose(data.d_prime, [extreme, -extreme, 0], atol=1e-12)
    np.testing.assert_allclose(data.corrected_recognition, [1, -1, 0])


def test_without_first_showings_there_is_only_the_hit_rate():
    assert set(scores_from_responses([3], [1])) == {"hit_rate", "n_annotations"}


@pytest.mark.parametrize(
    ("counts", "fault"),
    [
        (([3, -1], [1, 2]), "hits has -1 for video 1: pass integers of at least 0"),
        (([3, 1], [1, 0.5]), "misses has 0.5 for video 1"),
        (([3, 0], [1, 0]), r"hits and misses of 1 video\(s\) are 0, such as video 1"),
        (([3], [1], [0], [0]), "false_alarms and correct_rejections of 1"),
        (([3], [1], [-2], [0]), "false_alarms has -2"),
        (([3], [1], [2]), "only one of false_alarms and correct_rejections is given"),
        (([3], [1], None, [2]), "pass both"),
        (([3, np.nan], [1, 2]), "hits contains NaN"),
        (([3, 4], [1]), "inconsistent numbers"),
        (([3, 4], [1, 2], [1], [2]), "inconsistent numbers"),
        (([[3, 4]], [1, 2]), "1d array"),
    ],
)
def test_errors_name_the_bad_count(counts, fault):
    with pytest.raises(ValueError, match=fault):
        scores_from_responses(*counts)
