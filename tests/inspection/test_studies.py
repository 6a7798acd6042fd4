"""The studies agree with cross-validation of the models that their rows stand for."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_m3s import MLPRegressor, RawPerception, SceneParsing, make_m3s
from sklearn_m3s.inspection import (
    ablation_study,
    baseline_study,
    descriptor_study,
    similarity_study,
    tier_predictions,
)
from sklearn_m3s.inspection._baselines import default_baselines
from sklearn_m3s.inspection._similarity import default_measures
from sklearn_m3s.metrics import spearman_scorer

CV = KFold(3, shuffle=True, random_state=0)
TIERS = {
    "raw": FunctionTransformer(lambda X: X[:, :2]),
    "scene": FunctionTransformer(lambda X: X[:, 2:5]),
    "event": FunctionTransformer(lambda X: X[:, 5:]),
    "similarity": KMeans(4, n_init=1, random_state=0),
    "regressor": Ridge(),
}
SETTINGS = {"cv": CV, "n_bootstrap": 20, "random_state": 0}


@pytest.fixture
def data(rng):
    """Return rows that stand for videos, and scores that all tiers explain in part."""
    X = rng.normal(size=(90, 8))
    return X, 0.8 + 0.02 * (X[:, 0] + X[:, 3] - X[:, 6] + np.abs(X[:, 2])) + 0.01 * rng.normal(
        size=90
    )


def rho(model, X, y):
    return cross_val_score(model, X, y, cv=CV, scoring=spearman_scorer).mean()


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


def test_rows_without_a_tier_are_models_made_without_it(data):
    table = ablation_study(make_m3s(**TIERS), *data, **SETTINGS)
    assert table.loc["all", "spearman"] == pytest.approx(rho(make_m3s(**TIERS), *data))
    for name in ("raw", "scene", "event"):
        kept = {k: v for k, v in TIERS.items() if k != "similarity"}
        without = make_m3s(**{**kept, name: None}, similarity=None)
        plain = ablation_study(make_m3s(**kept, similarity=None), *data, **SETTINGS)
        assert plain.loc[f"without {name}", "spearman"] == pytest.approx(rho(without, *data))
    model = make_m3s(**{**TIERS, "similarity": None})
    assert table.loc["without similarity", "spearman"] == pytest.approx(rho(model, *data))


def test_rows_of_a_tier_alone_are_models_of_that_tier(data):
    table = ablation_study(make_m3s(**TIERS), *data, **SETTINGS)
    left_out = {"raw": None, "scene": None, "event": None, "similarity": None}
    for name in ("raw", "scene", "event"):
        only = make_m3s(**{**left_out, name: TIERS[name]}, regressor=Ridge())
        assert table.loc[f"only {name}", "spearman"] == pytest.approx(rho(only, *data))


def test_an_ablation_counts_columns_and_parameters_and_compares_in_pairs(data):
    model = make_m3s(**{**TIERS, "regressor": MLPRegressor(max_epochs=1, random_state=0)})
    table = ablation_study(model, *data, **SETTINGS)
    blocks = ("raw", "scene", "event", "similarity")
    rows = [f"{how} {name}" for how in ("without", "only") for name in blocks]
    assert list(table.index) == ["all", *rows]
    assert table["n_features"].tolist() == [16, 14, 13, 13, 8, 2, 3, 3, 8]
    sizes = [(n + 1) * 512 + 513 * 64 + 65 for n in table["n_features"]]
    assert table["n_parameters"].tolist() == sizes
    np.testing.assert_allclose(
        table["delta_spearman"], table["spearman"] - table.loc["all", "spearman"]
    )
    assert (table.loc["all", ["delta_spearman_low", "delta_spearman_high"]] == 0).all()


def test_only_some_tiers_can_be_ablated(data):
    table = ablation_study(make_m3s(**TIERS), *data, tiers=["scene"], **SETTINGS)
    assert list(table.index) == ["all", "without scene", "only scene"]


@pytest.mark.parametrize(
    ("model", "tiers", "fault"),
    [
        (make_m3s(**{**TIERS, "scene": None}), ["scene"], r"\['scene'\] cannot be ablated.*'raw'"),
        (make_m3s(**TIERS), ["scenes"], r"\['scenes'\] cannot be ablated"),
        (make_m3s(**TIERS), [], r"\[\] cannot be ablated"),
        (
            make_m3s(**{**TIERS, "scene": None, "event": None}),
            None,
            "'raw' alone: there is nothing to compare",
        ),
        (make_pipeline(StandardScaler(), Ridge()), None, "as make_m3s returns it"),
    ],
)
def test_a_model_that_cannot_be_ablated_is_an_error(data, model, tiers, fault):
    with pytest.raises(ValueError, match=fault):
        ablation_study(model, *data, tiers=tiers)


def test_dropped_and_passed_through_parts_are_what_scikit_learn_makes_of_them(data):
    model = make_m3s(**TIERS).set_params(
        tiers__event="drop",
        tiers__scene__context__similarity="drop",
        tiers__scene__context__features="passthrough",
    )
    table = ablation_study(model, *data, **SETTINGS)
    assert list(table.index) == [
        "all", "without raw", "without scene", "only raw", "only scene",
    ]  # fmt: skip
    assert table.loc["all", "spearman"] == pytest.approx(rho(model, *data))


def test_a_measure_contributes_the_difference_of_two_models(data):
    measures = {"centres": TIERS["similarity"], "pair": {"scene": KMeans(2, random_state=0)}}
    model = make_m3s(**TIERS)
    table = similarity_study(model, *data, measures=measures, regressor=Ridge(2.0), **SETTINGS)
    assert list(table.index) == ["none", "centres", "pair"]
    none = rho(make_m3s(**{**TIERS, "similarity": None}), *data)
    assert table.loc["none", "spearman"] == pytest.approx(none)
    assert table.loc["centres", "delta_spearman"] == pytest.approx(rho(model, *data) - none)
    scene_only = make_m3s(**{**TIERS, "similarity": measures["pair"]})
    assert table.loc["pair", "delta_spearman"] == pytest.approx(rho(scene_only, *data) - none)
    assert table["n_features"].tolist() == [8, 8, 2]
    alone = make_m3s(
        raw=None, event=None, scene=make_pipeline(TIERS["scene"], measures["pair"]["scene"]),
        similarity=None,
    )  # fmt: skip
    alone.set_params(tiers__scene__context__features="passthrough", regressor=Ridge(2.0))
    assert table.loc["pair", "spearman"] == pytest.approx(rho(alone, *data))


@pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning")
@pytest.mark.filterwarnings("ignore::scipy.stats.ConstantInputWarning")  # one cluster a fold
def test_the_measures_of_the_paper_all_run(data):
    model = make_m3s(**{**TIERS, "event": None, "regressor": Ridge()})
    table = similarity_study(
        model, *data, measures=default_measures(0), regressor=Ridge(), cv=2, n_bootstrap=5
    )
    assert list(table.index) == ["none", *default_measures()]
    assert np.isfinite(table["mse"]).all()


@pytest.mark.parametrize(
    ("model", "measures", "fault"),
    [
        (make_m3s(**{**TIERS, "scene": None, "event": None}), None, "no tier .* has a context"),
        (make_m3s(**TIERS), {"a": {"raw": KMeans(2)}}, r"measures\['a'\] has the tiers \['raw'\]"),
        (make_m3s(**TIERS), {"scene": KMeans(2)}, r"measures has the names \['scene'\]"),
    ],
)
def test_a_measure_that_cannot_be_studied_is_named(data, model, measures, fault):
    with pytest.raises(ValueError, match=fault):
        similarity_study(model, *data, measures=measures)


def test_baselines_learn_from_the_columns_of_the_model(data):
    model = make_m3s(**TIERS)
    table = baseline_study(
        model, *data, baselines={"strict": Ridge(50), "mean": DummyRegressor()}, **SETTINGS
    )
    strict = clone(model).set_params(regressor=Ridge(50))
    assert table.loc["strict", "spearman"] == pytest.approx(rho(strict, *data))
    assert table.loc["model", "n_features"] == table.loc["strict", "n_features"] == 16
    assert table.loc["strict", "n_parameters"] == 17
    assert np.isnan(table.loc["mean", "spearman"])
    assert np.isnan(table.loc["mean", "n_parameters"])


def test_the_default_baselines_learn(rng):
    X = rng.normal(size=(600, 5))
    y = 0.8 + 0.05 * X[:, 0] + 0.01 * rng.normal(size=600)
    learning = {k: v for k, v in default_baselines(0).items() if k != "constant"}
    assert list(learning) == ["ridge", "SVR", "plain MLP"]
    for name, baseline in learning.items():
        assert rho(baseline, X, y) > 0.7, name


def test_a_baseline_may_not_take_the_name_of_the_model(data):
    with pytest.raises(ValueError, match="rename"):
        baseline_study(make_m3s(**TIERS), *data, baselines={"model": Ridge()})


def test_descriptors_are_compared_one_by_one(rng):
    level = rng.uniform(30, 200, size=24)
    noise = rng.integers(-20, 20, size=(24, 16, 16, 3))
    videos = list((level[:, None, None, None] + noise).astype(np.uint8))
    tier = RawPerception(
        descriptors=["contrast", "brightness", "hog"], frame_size=32, hog_components=3
    )
    table = descriptor_study(tier, videos, level / 255, regressor=Ridge(), **SETTINGS)
    assert list(table.index) == ["all", "contrast", "brightness", "hog", "constant"]
    assert table["n_features"].tolist() == [5, 1, 1, 3, 5]
    alone = make_pipeline(clone(tier).set_params(descriptors=["brightness"]), Ridge())
    assert table.loc["brightness", "spearman"] == pytest.approx(rho(alone, videos, level / 255))
    assert table.loc["brightness", "spearman"] > 0.95
    assert np.isnan(table.loc["constant", "spearman"])


def test_the_default_regressor_of_descriptors_is_the_network_of_the_paper(rng):
    videos = list(rng.integers(0, 255, size=(12, 16, 16, 3), dtype=np.uint8))
    tier = RawPerception(descriptors=["contrast"], frame_size=16)
    table = descriptor_study(tier, videos, rng.uniform(size=12), cv=2, n_bootstrap=0)
    assert table.loc["contrast", "n_parameters"] == 2 * 64 + 64 + 1


def test_predictions_of_tiers_are_those_of_cross_validation(data):
    X, y = data
    model = make_m3s(**TIERS)
    table = tier_predictions(model, X, y, cv=CV)
    assert list(table.columns) == ["score", "all", "raw", "scene", "event", "similarity"]
    np.testing.assert_array_equal(table["score"], y)
    np.testing.assert_allclose(table["all"], cross_val_predict(model, X, y, cv=CV))
    raw = make_m3s(raw=TIERS["raw"], scene=None, event=None, regressor=Ridge())
    np.testing.assert_allclose(table["raw"], cross_val_predict(raw, X, y, cv=CV))


def test_a_video_in_several_test_folds_has_its_mean_and_in_none_nan(data):
    X, y = data
    half = np.arange(45)
    folds = [(np.arange(45, 90), half), (np.arange(30, 90), half[:10])]
    table = tier_predictions(make_m3s(**TIERS), X, y, cv=folds)
    one, two = (
        clone(make_m3s(**TIERS)).fit(X[train], y[train]).predict(X[:10]) for train, _ in folds
    )
    np.testing.assert_allclose(table["all"][:10], (one + two) / 2)
    assert table["all"][45:].isna().all()


def test_rows_fitted_by_workers_are_the_same(data):
    scaled = {name: make_pipeline(StandardScaler()) for name in ("raw", "scene", "event")}
    model = make_m3s(**{**TIERS, **scaled})
    one, two = (ablation_study(model, *data, n_jobs=n, **SETTINGS) for n in (1, 2))
    assert one.equals(two)


def test_progress_counts_the_fits(data, capsys):
    ablation_study(make_m3s(**TIERS), *data, tiers=["raw"], verbose=True, **SETTINGS)
    assert "9/9" in capsys.readouterr().err


@pytest.mark.parametrize("study", [ablation_study, baseline_study, similarity_study])
@pytest.mark.parametrize(
    ("y", "cv", "fault"),
    [
        (np.full(90, np.nan), 3, "y contains NaN"),
        (np.full(80, 0.5), 3, "inconsistent numbers"),
        (np.linspace(0, 1, 90), 91, "n_splits=91 greater than"),
    ],
)
def test_bad_scores_and_folds_are_named(data, study, y, cv, fault):
    with pytest.raises(ValueError, match=fault):
        study(make_m3s(**TIERS), data[0], y, cv=cv)


def test_a_similarity_without_columns_predicts_the_mean(data):
    empty = FunctionTransformer(lambda X: np.asarray(X)[:, :0])
    table = ablation_study(make_m3s(**{**TIERS, "similarity": empty}), *data, **SETTINGS)
    assert table.loc["only similarity", "n_features"] == 0
    assert np.isnan(table.loc["only similarity", "spearman"])
    assert table.loc["without similarity", "delta_spearman"] == 0
