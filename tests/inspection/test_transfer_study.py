"""The scores of a transfer agree with fits and predictions by scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ConstantInputWarning, spearmanr
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Lasso, Ridge
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.utils import Bunch

from sklearn_m3s import RawPerception, make_m3s
from sklearn_m3s.inspection import evaluate, transfer_study
from sklearn_m3s.metrics import spearman_scorer

QUICK = {"cv": 4, "n_bootstrap": 20, "random_state": 0}


@pytest.fixture
def sets(rng):
    """Return three sets of scores that depend on different columns."""
    found = {}
    for name, n, weights in (("a", 80, [1, 1, 0]), ("b", 60, [0, 1, 1]), ("c", 50, [0, 0, 1])):
        X = rng.normal(size=(n, 3))
        found[name] = X, X @ weights + 0.5 * rng.normal(size=n)
    return found


def test_scores_equal_those_of_scikit_learn(sets):
    models = {"ridge": Ridge(), "lasso": Lasso(0.1)}
    table = transfer_study(models, sets, **QUICK)
    assert table.index.names == ["model", "test", "train"]
    assert len(table) == 2 * 3 * 3
    for name, model in models.items():
        for train, (X, y) in sets.items():
            within = cross_val_score(model, X, y, cv=4, scoring=spearman_scorer).mean()
            assert table.loc[(name, train, train), "spearman"] == pytest.approx(within)
            for test in set(sets) - {train}:
                X_test, y_test = sets[test]
                predicted = model.fit(X, y).predict(X_test)
                row = table.loc[name, test, train]
                assert row["spearman"] == pytest.approx(spearmanr(y_test, predicted).statistic)
                assert row["mse"] == pytest.approx(np.mean((y_test - predicted) ** 2))
                assert row["spearman_low"] < row["spearman"] < row["spearman_high"]
    matrix = table["spearman"].unstack("train").loc["ridge"]
    assert matrix.loc["a", "a"] > matrix.loc["a", "b"] > matrix.loc["a", "c"]


def test_the_loss_is_the_difference_from_the_test_set_itself(sets):
    table = transfer_study(Ridge(), sets, **QUICK)
    within = table["spearman"].xs("b", level="test")["model", "b"]
    for train in sets:
        row = table.loc["model", "b", train]
        assert row["delta_spearman"] == pytest.approx(row["spearman"] - within)
    assert table.loc[("model", "b", "b"), "delta_spearman_high"] == 0
    assert table.loc[("model", "b", "c"), "delta_spearman_high"] < 0


def test_intervals_are_those_of_the_test_set_alone(sets):
    table = transfer_study(Ridge(), sets, **QUICK)
    for name, data in sets.items():
        alone = evaluate(Ridge(), *data, **QUICK).loc["model"]
        pd.testing.assert_series_equal(
            table.loc[("model", name, name), alone.index], alone, check_names=False
        )


def test_no_source_is_on_both_sides_of_a_fold_within_a_set(rng):
    groups = rng.permutation(np.repeat(np.arange(20), 4))
    X = rng.normal(size=(20, 3))[groups] + 1e-3 * rng.normal(size=(80, 3))
    y = rng.uniform(size=20)[groups] + 1e-3 * rng.normal(size=80)
    sets = {"parted": (X, y), "together": (X, y, groups)}
    table = transfer_study(KNeighborsRegressor(1), sets, **QUICK)
    assert table.loc[("model", "parted", "parted"), "spearman"] > 0.9
    assert table.loc[("model", "together", "together"), "spearman"] < 0.6
    constant = transfer_study(DummyRegressor(), sets, **QUICK | {"n_bootstrap": 200})
    width = constant["mse_high"] - constant["mse_low"]
    assert width["model", "together", "parted"] > 1.4 * width["model", "parted", "together"]


def test_bunches_tuples_and_data_frames_are_equivalent(sets):
    columns = ["x", "y", "z"]
    frames = {name: (pd.DataFrame(X, columns=columns), y) for name, (X, y) in sets.items()}
    bunches = {name: Bunch(data=X, target=y) for name, (X, y) in sets.items()}
    videos = {name: Bunch(videos=list(X), scores=y) for name, (X, y) in sets.items()}
    lists = {name: [X.tolist(), list(y), None] for name, (X, y) in sets.items()}
    expected = transfer_study(Ridge(), sets, **QUICK)["spearman"]
    for given in (frames, bunches, videos, lists):
        found = transfer_study(Ridge(), given, **QUICK)["spearman"]
        pd.testing.assert_series_equal(found, expected)


def test_models_get_data_frames_with_their_columns(sets):
    class Named(Ridge):
        def fit(self, X, y):
            return super().fit(X[["z"]], y)

        def predict(self, X):
            return super().predict(X[["z"]])

    columns = ["x", "y", "z"]
    frames = {name: (pd.DataFrame(X, columns=columns), y) for name, (X, y) in sets.items()}
    table = transfer_study(Named(), frames, **QUICK)["spearman"]
    assert table["model", "c", "b"] > 0.7
    other = frames | {"b": (frames["b"][0][["x", "z", "y"]], frames["b"][1])}
    with pytest.raises(ValueError, match=r"data_sets\['b'\] has other columns than data_sets\['a'"):
        transfer_study(Named(), other, **QUICK)


def test_files_are_decoded_once_for_models_that_share_tiers(tmp_path, draw, write_clip, decoded):
    videos = [write_clip(tmp_path / f"{n}.mp4", draw(n)) for n in range(4, 12)]
    tier = RawPerception(descriptors=["contrast", "brightness"], frame_size=16)
    parts = {"raw": tier, "scene": None, "event": None}
    models = {
        name: make_m3s(**parts, regressor=part) for name, part in (("a", Ridge()), ("b", Lasso()))
    }
    sets = {"one": (videos[:4], np.linspace(0, 1, 4)), "two": (videos[4:], np.linspace(1, 0, 4))}
    table = transfer_study(models, sets, cv=2, n_bootstrap=0)
    assert sorted(decoded) == sorted(videos)
    assert table.loc[("a", "one", "two"), "spearman"] < 0  # the order is reversed


def test_jobs_do_not_change_the_numbers_and_progress_counts_the_fits(sets, capsys):
    one, two = (transfer_study(Ridge(), sets, n_jobs=n, verbose=True, **QUICK) for n in (1, 2))
    assert one.equals(two)
    assert "15/15" in capsys.readouterr().err


def test_constant_predictions_give_nan_and_no_warning(sets, recwarn):
    table = transfer_study(DummyRegressor(), sets, **QUICK)
    assert table["spearman"].isna().all()
    assert not recwarn.list


def test_constant_scores_give_nan_and_a_warning(sets):
    sets["c"] = sets["c"][0], np.full(50, 0.5)
    with pytest.warns(ConstantInputWarning, match="is undefined"):
        table = transfer_study(Ridge(), sets, **QUICK)
    assert table["spearman"].xs("c", level="test").isna().all()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"b": None}, r"data_sets\['b'\]: .* not a data set: pass \(X, y\)"),
        (
            {"b": Bunch(data=np.ones((9, 3)))},
            r"data_sets\['b'\]: a .* not a data set: pass \(X, y\)",
        ),
        ({"b": (np.ones((9, 3)), np.full(9, np.nan))}, r"data_sets\['b'\]: .*y contains NaN"),
        ({"b": (np.ones((9, 3)), np.ones(8))}, r"data_sets\['b'\]: .*inconsistent numbers"),
        ({"b": (np.ones((3, 3)), np.ones(3))}, r"\['b'\]: 4 folds are too many for 3 videos"),
        (
            {"b": (np.ones((9, 3)), np.ones(9), np.arange(9) // 3)},
            r"\['b'\]: 4 folds are too many for 3 groups",
        ),
        ({"b": (np.ones((9, 2)), np.ones(9))}, r"other columns .*\(2 and 3\)"),
    ],
)
def test_errors_name_the_bad_data_set(sets, change, fault):
    with pytest.raises(ValueError, match=fault):
        transfer_study(Ridge(), sets | change, **QUICK)


def test_errors_name_other_bad_arguments(sets):
    with pytest.raises(ValueError, match="data_sets has 1 data sets: pass two"):
        transfer_study(Ridge(), {"a": sets["a"]}, **QUICK)
    with pytest.raises(ValueError, match="models is empty"):
        transfer_study({}, sets, **QUICK)
    with pytest.raises(ValueError, match="'cv'"):
        transfer_study(Ridge(), sets, cv=list(KFold(3).split(np.arange(50))))
