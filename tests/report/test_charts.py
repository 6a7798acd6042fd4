"""Geometry of charts, against values by hand."""

import re

import numpy as np
import pytest

from sklearn_m3s.report._charts import Axis, dots, histogram, line


@pytest.mark.parametrize(
    ("values", "ticks", "n_digits"),
    [
        ([0, 1], [0, 0.2, 0.4, 0.6, 0.8, 1], 1),
        ([0.61, 0.84], [0.6, 0.65, 0.7, 0.75, 0.8, 0.85], 2),
        ([-3, 41], [-10, 0, 10, 20, 30, 40, 50], 0),
        ([np.nan, 0.5], [0.44, 0.46, 0.48, 0.5, 0.52, 0.54, 0.56], 2),
    ],
)
def test_ticks_are_round(values, ticks, n_digits):
    axis = Axis(values)
    np.testing.assert_allclose(axis.ticks, ticks, atol=1e-12)
    assert axis.n_digits == n_digits


def test_an_axis_holds_its_values(rng):
    for scale in 10.0 ** np.arange(-6, 7):
        values = rng.normal(size=20) * scale
        axis = Axis(values)
        assert axis.low <= values.min()
        assert values.max() <= axis.high
        assert 2 <= len(axis.ticks) <= 7
        assert all(0 <= axis.place(value) <= 1000 for value in values)


def test_an_axis_without_values_goes_from_0_to_1():
    assert (Axis([]).low, Axis([]).high) == (0, 1)


def test_places_are_in_proportion():
    axis = Axis([0, 1])
    assert [axis.place(value) for value in (0, 0.25, 1, 7)] == [0, 250, 1000, 1000]


def heights(path):
    return 1000 - np.array(re.findall(r"V([\d.]+)h", path), dtype=float)


def test_heights_of_a_histogram_are_shares_on_one_scale(rng):
    axis = Axis([0, 1])
    many, few = rng.uniform(size=4000), rng.beta(2, 5, size=100)
    paths = histogram(axis, many, few)
    bins = np.linspace(0, 1, 21)
    expected = [np.histogram(values, bins)[0] / len(values) for values in (many, few)]
    for path, shares in zip(paths, expected, strict=True):
        np.testing.assert_allclose(heights(path), 1000 * shares / max(expected[1]), atol=0.06)


@pytest.mark.parametrize(("n", "n_bins"), [(1, 12), (64, 16), (400, 40), (10**5, 40)])
def test_fewer_values_have_fewer_bins(rng, n, n_bins):
    [path] = histogram(Axis([0, 1]), rng.uniform(size=n))
    assert len(heights(path)) == n_bins


def test_without_values_there_is_no_histogram():
    assert histogram(Axis([])) == []


def test_dots_leave_out_missing_values():
    axis = Axis([0, 1])
    assert dots(axis, axis, [0, 0.5, np.nan], [1, 0.25, 0.5]) == "M0 0h0M500 750h0"


def test_a_line_is_broken_at_missing_values():
    axis = Axis([0, 1])
    path = line(axis, axis, [0, 0.2, 0.4, 0.6, 0.8], [0, 1, np.nan, 0.5, 0.5])
    assert path == "M0 1000L200 0M600 500L800 500"
