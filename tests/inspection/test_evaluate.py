"""Evaluation agrees with scikit-learn's cross-validation, and stands beside its yardsticks."""

import numpy as np
import pytest
from scipy.stats import ConstantInputWarning
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import RepeatedKFold, cross_val_score

from sklearn_m3s import RawPerception, make_m3s
from sklearn_m3s.inspection import annotation_ceiling, evaluate
from sklearn_m3s.metrics import spearman_scorer


@pytest.fixture
def data(rng):
    """Return features, and scores that a linear model explains in part."""
    X = rng.normal(size=(120, 4))
    return X, (0.8 + 0.05 * X[:, 0] + 0.04 * rng.normal(size=120)).clip(0, 1)


def test_its_numbers_are_those_of_cross_val_score(data):
    X, y = data
    cv = RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)
    table = evaluate(Ridge(), X, y, cv, 100, random_state=0)
    for name, scoring, sign in (
        ("spearman", spearman_scorer, 1),
        ("mse", "neg_mean_squared_error", -1),
        ("mae", "neg_mean_absolute_error", -1),
    ):
        expected = sign * cross_val_score(Ridge(), X, y, cv=cv, scoring=scoring).mean()
        assert table.loc["model", name] == pytest.approx(expected)
        assert table.loc["model", f"{name}_low"] < expected < table.loc["model", f"{name}_high"]
    constant = -cross_val_score(DummyRegressor(), X, y, cv=cv, scoring="neg_mean_squared_error")
    assert table.loc["constant", "mse"] == pytest.approx(constant.mean())
    assert np.isnan(table.loc["constant", "spearman"])
    assert table.loc["constant", "spread"] == pytest.approx(0, abs=1e-12)


def test_repeats_do_not_pass_for_more_videos(data):
    X, y = data
    once, often = (
        evaluate(Ridge(), X, y, RepeatedKFold(n_splits=3, n_repeats=n, random_state=0), 300,
                 random_state=0).loc["model"]
        for n in (1, 6)
    )  # fmt: skip
    assert often["spearman_high"] - often["spearman_low"] == pytest.approx(
        once["spearman_high"] - once["spearman_low"], rel=0.25
    )


def test_the_ceiling_is_beside_it(data):
    X, y = data
    table = evaluate(Ridge(), X, y, 3, 10, n_annotations=40, random_state=0)
    assert list(table.index) == ["model", "constant", "split half", "ceiling"]
    expected = annotation_ceiling(y, 40, random_state=0)
    assert table.loc["ceiling", "spearman"] == expected.ceiling
    assert table.loc["split half", "spearman"] == expected.split_half


def test_jobs_change_nothing(data):
    X, y = data
    one, two = (evaluate(Ridge(), X, y, 3, 10, random_state=0, n_jobs=n) for n in (1, 2))
    assert one.equals(two)


def test_videos_are_described_once_whatever_the_folds(rng, monkeypatch):
    described = []
    original = RawPerception._describe

    def count(self, video):
        described.append(video[0, 0, 0, 0])
        return original(self, video)

    monkeypatch.setattr(RawPerception, "_describe", count)
    videos = [np.full((1, 16, 16, 3), i, np.uint8) for i in range(12)]
    raw = RawPerception(descriptors=["contrast", "brightness"], frame_size=16)
    model = make_m3s(raw=raw, scene=None, event=None, regressor=Ridge())
    table = evaluate(model, videos, np.linspace(0, 1, 12), 3, 5)
    assert sorted(described) == list(range(12))
    assert table.loc["model", "spearman"] > 0.9
    assert model.get_params()["tiers__raw__describe__cache"] is None


def test_constant_scores_give_nan_and_a_warning(data):
    with pytest.warns(ConstantInputWarning, match="'model' is undefined"):
        table = evaluate(Ridge(), data[0], np.full(120, 0.8), 3, 5)
    assert np.isnan(table.loc["model", "spearman"])
    assert table.loc["model", "mse"] == pytest.approx(0)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"y": [np.nan] * 120}, "y contains NaN"),
        ({"y": [0.5] * 119}, "inconsistent numbers of samples"),
        ({"cv": 121}, "n_splits=121 greater than the number of samples: n_samples=120"),
        ({"n_bootstrap": -1}, "'n_bootstrap'"),
        ({"model": "ridge"}, "'model'"),
        ({"n_annotations": 1}, "n_annotations has 1"),
    ],
)
def test_what_is_wrong_is_named(data, change, fault):
    arguments = {"model": Ridge(), "X": data[0], "y": data[1], **change}
    with pytest.raises(ValueError, match=fault):
        evaluate(**arguments)


def test_without_pandas_it_says_what_to_install(data, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-m3s\[inspection\]"'):
        evaluate(Ridge(), *data)
