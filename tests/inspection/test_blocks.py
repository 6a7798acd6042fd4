"""All studies read each file once, check their input, and share the work."""

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from stand_ins import PARTS, SETTINGS

from sklearn_m3s import RawPerception, SceneParsing, make_m3s
from sklearn_m3s.inspection import (
    ablation_study,
    baseline_study,
    descriptor_study,
    evaluate,
    similarity_study,
    tier_predictions,
)
from sklearn_m3s.metrics import spearman_scorer
from sklearn_m3s.tiers import DescribedVideos, describe


@pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning")
def test_files_are_decoded_once_for_all_tiers_and_folds(tmp_path, draw, write_clip, decoded):
    videos = [write_clip(tmp_path / f"{n}.mp4", draw(n)) for n in (5, 7, 9, 11)]
    tiers = {
        "raw": RawPerception(descriptors=["contrast"], frame_size=32),
        "scene": SceneParsing(weights=None, frame_size=32, device="cpu"),
    }
    model = make_m3s(**tiers, event=None, similarity=None, regressor=Ridge())
    ablation_study(model, videos, np.linspace(0.1, 0.9, 4), cv=2, n_bootstrap=0)
    assert sorted(decoded) == sorted(videos)


def test_workers_give_the_same_table(data):
    scaled = {name: make_pipeline(StandardScaler()) for name in ("raw", "scene", "event")}
    model = make_m3s(**{**PARTS, **scaled})
    one, two = (ablation_study(model, *data, n_jobs=n, **SETTINGS) for n in (1, 2))
    assert one.equals(two)
    with parallel_config("threading"):  # more workers than rows take several folds at a time
        assert one.equals(ablation_study(model, *data, n_jobs=20, **SETTINGS))


def test_progress_counts_the_fits(data, capsys):
    ablation_study(make_m3s(**PARTS), *data, tiers=["raw"], verbose=True, **SETTINGS)
    assert "9/9" in capsys.readouterr().err


@pytest.mark.parametrize("study", [ablation_study, baseline_study, similarity_study])
@pytest.mark.parametrize(
    ("y", "cv", "fault"),
    [
        (np.full(90, np.nan), 3, "y contains NaN"),
        (np.full(80, 0.5), 3, "inconsistent numbers"),
        (np.linspace(0, 1, 90), 91, "91 folds are too many for 90 videos"),
    ],
)
def test_errors_name_bad_scores_and_folds(data, study, y, cv, fault):
    with pytest.raises(ValueError, match=fault):
        study(make_m3s(**PARTS), data[0], y, cv=cv)


@pytest.fixture
def sources(rng):
    """Return rows, scores and sources: rows of a source are nearly equal, its score is chance."""
    groups = rng.permutation(np.repeat([f"film {i}" for i in range(18)], 5))
    places = np.unique(groups, return_inverse=True)[1]
    X = rng.normal(size=(18, 8))[places] + 1e-3 * rng.normal(size=(90, 8))
    return X, rng.uniform(size=18)[places] + 1e-3 * rng.normal(size=90), groups


class Scaler(StandardScaler):
    """A tier with descriptors."""

    def get_feature_names_out(self):
        return [*"abcdefgh"]


NEAREST = KNeighborsRegressor(1)
MODEL = {"model": make_m3s(**{**PARTS, "regressor": NEAREST})}
STUDIES = [
    (ablation_study, MODEL),
    (baseline_study, MODEL | {"baselines": {"another": NEAREST}}),
    (similarity_study, MODEL | {"measures": {"clusters": PARTS["similarity"]}}),
    (descriptor_study, {"tier": Scaler(), "regressor": NEAREST}),
    (evaluate, MODEL),
]


@pytest.mark.parametrize(("study", "arguments"), STUDIES)
def test_no_source_is_on_both_sides_of_a_fold(sources, study, arguments):
    X, y, groups = sources
    arguments = {"X": X, "y": y, "n_bootstrap": 0, "random_state": 0, "cv": 6, **arguments}
    rho = [study(**arguments, groups=given)["spearman"].iloc[0] for given in (None, groups)]
    assert rho[0] > 0.9
    assert rho[1] < 0.6
    with pytest.raises(ValueError, match="19 folds are too many for 18 groups: pass a smaller cv"):
        study(**arguments | {"cv": 19}, groups=groups)


@pytest.mark.parametrize(("study", "arguments"), STUDIES)
def test_intervals_are_wider_if_videos_share_sources(sources, study, arguments):
    X, y, groups = sources
    folds = list(GroupKFold(6).split(X, y, groups))
    arguments = {"X": X, "y": y, "n_bootstrap": 100, "random_state": 0, "cv": folds, **arguments}
    rows, films = (study(**arguments, groups=given).iloc[0] for given in (None, groups))
    assert films["mse"] == rows["mse"]
    assert films["mse_high"] - films["mse_low"] > 1.5 * (rows["mse_high"] - rows["mse_low"])


def test_splitters_are_given_the_groups(sources):
    X, y, groups = sources
    expected = cross_val_score(
        Ridge(), X, y, groups=groups, cv=GroupKFold(6), scoring=spearman_scorer
    )
    for cv in (6, GroupKFold(6)):
        table = evaluate(Ridge(), X, y, cv=cv, groups=groups, n_bootstrap=0)
        assert table.loc["model", "spearman"] == pytest.approx(expected.mean())
    table = tier_predictions(make_m3s(**PARTS), X, y, cv=LeaveOneGroupOut(), groups=groups)
    one = groups == groups[0]
    fitted = make_m3s(**PARTS).fit(X[~one], y[~one])
    np.testing.assert_allclose(table.loc[one, "all"], fitted.predict(X[one]))


def test_a_seed_shuffles_folds_of_groups(sources):
    X, y, groups = sources
    rho = [
        evaluate(Ridge(), X, y, groups=groups, n_bootstrap=0, random_state=seed).loc[
            "model", "spearman"
        ]
        for seed in (None, 0, 1, 1)
    ]
    assert len(set(rho)) == 3


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored")
@pytest.mark.parametrize(
    ("groups", "cv", "fault"),
    [
        ("films", KFold(3), r"cv puts the group film \d+ on both sides of a fold: pass an integer"),
        ("films", [(np.arange(45), np.arange(45, 90))], "on both sides of a fold"),
        (np.zeros(80), 3, "inconsistent numbers"),
        (np.full(90, np.nan), 3, "groups contains NaN"),
        (np.zeros((90, 2)), 3, "1d array"),
    ],
)
def test_errors_name_bad_groups(sources, groups, cv, fault):
    X, y, films = sources
    groups = films if isinstance(groups, str) else groups
    with pytest.raises(ValueError, match=fault):
        ablation_study(make_m3s(**PARTS), X, y, cv=cv, groups=groups)


def test_rows_that_videos_carry_are_not_read_again(tmp_path, draw, write_clip, decoded):
    videos = [write_clip(tmp_path / f"{n}.mp4", draw(n)) for n in (5, 7, 9, 11)]
    tier = RawPerception(descriptors=["contrast"], frame_size=32)
    described = DescribedVideos(videos, [tier], describe([tier], videos))
    evaluate(make_pipeline(tier, Ridge()), described, np.arange(4.0), cv=2, n_bootstrap=0)
    assert sorted(decoded) == sorted(videos)
