"""Evaluation agrees with scikit-learn's cross-validation, and shows the bounds of scores."""

import numpy as np
import pytest
from scipy.stats import ConstantInputWarning
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import RepeatedKFold, cross_val_score

from sklearn_m3s import RawPerception, make_m3s
from sklearn_m3s.inspection import annotation_ceiling, evaluate
from sklearn_m3s.metrics import spearman_scorer
from sklearn_m3s.pipeline import take_apart

QUICK = {"cv": 3, "n_bootstrap": 10, "random_state": 0}


@pytest.fixture
def data(rng):
    """Return features, and scores that a linear model explains in part."""
    X = rng.normal(size=(120, 4))
    return X, (0.8 + 0.05 * X[:, 0] + 0.04 * rng.normal(size=120)).clip(0, 1)


def test_metrics_equal_those_of_cross_val_score(data):
    X, y = data
    cv = RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)
    table = evaluate(Ridge(), X, y, cv=cv, n_bootstrap=100, random_state=0)
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


def test_repeats_do_not_count_as_more_videos(data):
    X, y = data
    once, often = (
        evaluate(
            Ridge(),
            X,
            y,
            cv=RepeatedKFold(n_splits=3, n_repeats=n, random_state=0),
            n_bootstrap=300,
            random_state=0,
        ).loc["model"]
        for n in (1, 6)
    )
    assert often["spearman_high"] - often["spearman_low"] == pytest.approx(
        once["spearman_high"] - once["spearman_low"], rel=0.25
    )


def test_annotations_add_the_ceiling(data):
    X, y = data
    table = evaluate(Ridge(), X, y, n_annotations=40, **QUICK)
    assert list(table.index) == ["model", "constant", "split half", "ceiling"]
    expected = annotation_ceiling(y, 40, random_state=0)
    assert table.loc["ceiling", "spearman"] == expected.ceiling
    assert table.loc["split half", "spearman"] == expected.split_half


def test_jobs_do_not_change_the_numbers(data):
    X, y = data
    one, two = (evaluate(Ridge(), X, y, n_jobs=n, **QUICK) for n in (1, 2))
    assert one.equals(two)


def test_files_are_decoded_once_for_all_folds(tmp_path, draw, write_clip, decoded):
    videos = [write_clip(tmp_path / f"{n}.mp4", draw(n)) for n in range(4, 10)]
    raw = RawPerception(descriptors=["contrast", "brightness"], frame_size=16)
    model = make_m3s(raw=raw, scene=None, event=None, regressor=Ridge())
    table = evaluate(model, videos, np.linspace(0, 1, 6), **QUICK)
    assert sorted(decoded) == sorted(videos)
    assert table.loc["model", "spearman"] > 0.9
    assert take_apart(model).tiers["raw"].cache is None


def test_constant_scores_give_nan_and_a_warning(data):
    with pytest.warns(ConstantInputWarning, match="'model' is undefined"):
        table = evaluate(Ridge(), data[0], np.full(120, 0.8), **QUICK)
    assert np.isnan(table.loc["model", "spearman"])
    assert table.loc["model", "mse"] == pytest.approx(0)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"y": [np.nan] * 120}, "y contains NaN"),
        ({"y": [0.5] * 119}, "inconsistent numbers of samples"),
        ({"cv": 121}, "121 folds are too many for 120 videos: pass a smaller cv"),
        ({"n_bootstrap": -1}, "'n_bootstrap'"),
        ({"model": "ridge"}, "'model'"),
        ({"n_annotations": 1}, "n_annotations has 1"),
    ],
)
def test_errors_name_the_bad_parameter(data, change, fault):
    arguments = {"model": Ridge(), "X": data[0], "y": data[1], **change}
    with pytest.raises(ValueError, match=fault):
        evaluate(**arguments)


def test_an_error_says_how_to_install_pandas(data, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match=r'pip install "sklearn-m3s\[inspection\]"'):
        evaluate(Ridge(), *data)
