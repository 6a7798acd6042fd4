"""The assembled model: its shape, its parts, and its use on real files."""

import inspect
import pickle
import warnings

import av
import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_m3s import (
    CosineSimilarity,
    DBSCANSimilarity,
    DistanceSimilarity,
    EventUnderstanding,
    KDESimilarity,
    MLPRegressor,
    RawPerception,
    SceneParsing,
    make_m3s,
    make_m3s_from_features,
)
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.exceptions import M3SWarning, VideoError
from sklearn_m3s.inspection import (
    TierDeviationDisplay,
    TierEmbeddingDisplay,
    ablation_study,
    transfer_study,
)
from sklearn_m3s.metrics import spearman_scorer
from sklearn_m3s.pipeline import BlockScaler, FiniteRows, take_apart

quiet = pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning")
QUICK = {
    "raw": RawPerception(frame_size=32, flow="dis", hog_components=3),
    "scene": SceneParsing(weights=None, frame_size=32),
    "event": EventUnderstanding(weights=None, frame_size=32, n_frames=2),
    "regressor": MLPRegressor(hidden_layer_sizes=(16, 8), max_epochs=3),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    return make_videos(14, folder, random_state=0, duration=0.3, frame_size=32)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Return a function that makes small models. They share a cache, which makes them quick."""
    shared = {"cache": tmp_path_factory.mktemp("features"), "random_state": 0}
    return lambda **parts: make_m3s(**{**QUICK, **shared, **parts})


def test_the_model_is_a_plain_pipeline_with_the_documented_steps():
    model = make_m3s()
    assert type(model) is Pipeline
    assert list(model.named_steps) == ["tiers", "regressor"]
    branches = dict(model["tiers"].transformer_list)
    assert {name: list(branch.named_steps) for name, branch in branches.items()} == {
        "raw": ["describe", "scale"],
        "scene": ["describe", "context"],
        "event": ["describe", "context"],
    }
    for name in ("scene", "event"):
        context = branches[name]["context"]
        assert type(context) is FeatureUnion
        assert [part for part, _ in context.transformer_list] == ["features", "similarity"]


@pytest.mark.parametrize("name", ["raw", "scene", "event"])
def test_a_tier_can_be_left_out(name):
    branches = dict(make_m3s(**{name: None})["tiers"].transformer_list)
    assert set(branches) == {"raw", "scene", "event"} - {name}


def test_similarity_can_be_left_out_of_both_or_of_one_tier():
    def parts(model, name):
        return list(dict(dict(model["tiers"].transformer_list)[name]["context"].transformer_list))

    assert parts(make_m3s(similarity=None), "scene") == ["features"]
    only_event = make_m3s(similarity={"event": KMeans(3)})
    assert parts(only_event, "scene") == ["features"]
    assert parts(only_event, "event") == ["features", "similarity"]


def test_without_a_regressor_the_model_gives_features():
    assert list(make_m3s(regressor=None).named_steps) == ["tiers"]


def test_a_model_without_tiers_is_an_error():
    with pytest.raises(ValueError, match="raw, scene and event are all None"):
        make_m3s(raw=None, scene=None, event=None)


def test_an_unknown_key_of_similarity_is_named():
    with pytest.raises(ValueError, match="'events'"):
        make_m3s(similarity={"events": KMeans(3)})


SHARED = {
    "cache": "features",
    "n_jobs": 2,
    "on_error": "nan",
    "decoder": "decord",
    "timeout": None,
    "device": "cpu",
    "random_state": 7,
    "verbose": True,
}


def part(model, name):
    return model.get_params()[name]


def test_shared_keywords_fill_new_parts():
    model = make_m3s(**SHARED)
    for tier in ("raw", "scene", "event"):
        for name in ("cache", "n_jobs", "on_error", "decoder", "timeout", "verbose"):
            assert part(model, f"tiers__{tier}__describe__{name}") == SHARED[name]
    for tier in ("scene", "event"):
        assert part(model, f"tiers__{tier}__describe__device") == "cpu"
        assert part(model, f"tiers__{tier}__context__similarity__random_state") == 7
    assert part(model, "regressor").get_params().items() >= {
        ("device", "cpu"), ("random_state", 7), ("verbose", True),
    }  # fmt: skip


@pytest.mark.parametrize("pass_on", [lambda given: given, lambda x: pickle.loads(pickle.dumps(x))])
def test_shared_keywords_only_replace_none_in_given_parts(pass_on):
    scene = pass_on(SceneParsing(n_jobs=3, device="auto", verbose=False))
    ridge = FiniteRows(Ridge())
    model = make_m3s(scene=scene, similarity=KMeans(3), regressor=ridge, **SHARED)
    given = part(model, "tiers__scene__describe").get_params()
    assert given.items() >= {("cache", "features"), ("random_state", 7)}
    assert given.items() >= {("n_jobs", 3), ("device", "auto"), ("verbose", False)}
    assert given.items() >= {("decoder", "pyav"), ("timeout", 600)}
    assert given["on_error"] == "nan"  # a tier that raises would lose all predictions
    assert part(model, "tiers__event__context__similarity__random_state") == 7
    assert scene.cache is None


def test_default_keywords_do_not_change_given_parts():
    raw = RawPerception(timeout=None, on_error="nan", decoder="decord")
    given = part(make_m3s(raw), "tiers__raw__describe").get_params()
    assert given.items() >= {("timeout", None), ("on_error", "nan"), ("decoder", "decord")}


def test_shared_keywords_have_one_order():
    names = list(inspect.signature(make_m3s).parameters)
    first = names.index("cache")
    expected = ["cache", "n_jobs", "on_error", "decoder", "timeout"]
    assert names[first:] == [*expected, "device", "memory", "random_state", "verbose"]


@pytest.mark.parametrize(
    ("regressor", "is_wrapped"),
    [
        (Ridge(), True),
        (HistGradientBoostingRegressor(), True),  # it would score a video that could not be read
        (MLPRegressor(), False),
        (FiniteRows(Ridge()), False),
    ],
)
def test_regressors_are_wrapped_if_bad_videos_become_nan_rows(regressor, is_wrapped):
    wrapped = make_m3s(regressor=regressor, on_error="nan")["regressor"]
    found = wrapped.estimator if is_wrapped else wrapped
    assert isinstance(wrapped, FiniteRows) or not is_wrapped
    assert repr(found) == repr(regressor)
    assert type(make_m3s(regressor=regressor)["regressor"]) is type(regressor)
    assert "regressor" not in make_m3s(regressor=None, on_error="nan").named_steps


def test_any_transformer_can_be_a_tier():
    heights = FunctionTransformer(lambda videos: np.array([[len(video)] for video in videos]))
    model = make_m3s(raw=heights, scene=None, event=None, regressor=Ridge(alpha=0.0))
    videos = [np.zeros((n, 8, 8, 3), np.uint8) for n in (1, 2, 3, 4)]
    np.testing.assert_allclose(model.fit(videos, [1, 2, 3, 4]).predict(videos[:2]), [1, 2])


def test_a_random_state_instance_seeds_every_part(data):
    models = [make_m3s(random_state=np.random.RandomState(3)) for _ in range(2)]
    seeds = [model.get_params()["regressor__random_state"] for model in models]
    assert seeds[0] == seeds[1]
    assert isinstance(models[0].get_params()["tiers__scene__describe__random_state"], int)


def rebuild(model):
    parts = take_apart(model)
    absent = dict.fromkeys(("raw", "scene", "event"))
    return make_m3s(**(absent | parts.tiers), similarity=parts.contexts, regressor=parts.regressor)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"raw": None},
        {"scene": None, "event": None},
        {"similarity": None, "regressor": None},
        {"similarity": {"event": KMeans(3)}, "regressor": Ridge(2.0)},
        {"raw": FunctionTransformer(), "scene": RawPerception(frame_size=64), "cache": "features"},
    ],
)
def test_a_model_can_be_rebuilt_from_its_parts(changes):
    model = make_m3s(**changes)
    assert repr(rebuild(model)) == repr(model)
    assert rebuild(model).get_params().keys() == model.get_params().keys()


def test_take_apart_returns_the_parts_of_the_model():
    model = make_m3s(event=None)
    parts = take_apart(model)
    scene = model["tiers"]["scene"]
    assert parts.tiers == {"raw": model["tiers"]["raw"][0], "scene": scene[0]}
    assert parts.scalers == {"raw": model["tiers"]["raw"][1], "scene": scene[1]["features"]}
    assert parts.contexts == {"scene": scene[1]["similarity"]}
    assert parts.regressor is model["regressor"]


def test_parts_can_be_dropped_passed_through_or_replaced():
    model = make_m3s().set_params(
        tiers__raw="drop",
        tiers__scene__context__features="passthrough",
        tiers__scene__context__similarity="drop",
        tiers__event=KMeans(3),
        regressor="passthrough",
    )
    parts = take_apart(model)
    assert list(parts.tiers) == ["scene", "event"]
    assert parts.tiers["event"] is model["tiers"]["event"]
    assert parts.scalers == {"scene": "passthrough", "event": "passthrough"}
    assert parts.contexts == {"scene": None}
    assert parts.regressor is None


def test_parts_of_a_fitted_model_are_fitted():
    X = np.random.default_rng(0).normal(size=(20, 3))
    tiers = {"raw": FunctionTransformer(), "scene": FunctionTransformer(), "event": None}
    model = make_m3s(**tiers, similarity=KMeans(3), regressor=Ridge()).fit(X, X[:, 0])
    parts = take_apart(model)
    columns = [
        parts.scalers["raw"].transform(X),
        parts.scalers["scene"].transform(X),
        parts.contexts["scene"].transform(X),
    ]
    predicted = parts.regressor.predict(np.hstack(columns))
    np.testing.assert_array_equal(predicted, model.predict(X))
    assert not hasattr(rebuild(model)["regressor"], "coef_")


@pytest.mark.parametrize(
    "model",
    [
        Ridge(),
        Pipeline([("scale", FunctionTransformer()), ("regressor", Ridge())]),
        Pipeline([("tiers", FunctionTransformer()), ("regressor", Ridge())]),
        Pipeline([*make_m3s(regressor=None).steps, ("pca", KMeans()), ("regressor", Ridge())]),
    ],
)
def test_other_models_cannot_be_taken_apart(model):
    with pytest.raises(ValueError, match=r"'tiers' \(a FeatureUnion\) .* as make_m3s returns it"):
        take_apart(model)


def scalers(model):
    return [type(scaler) for scaler in take_apart(model).scalers.values()]


def test_the_recipe_of_the_paper_has_the_parts_of_the_paper():
    model = make_m3s(recipe="paper")
    assert repr(model["regressor"]) == repr(MLPRegressor())
    assert scalers(model) == [StandardScaler] * 3
    assert all(isinstance(part, DBSCANSimilarity) for part in take_apart(model).contexts.values())


def test_the_default_recipe_is_an_ensemble_on_blocks_of_equal_weight():
    model = make_m3s(random_state=3)
    assert type(model["regressor"]) is MLPRegressor
    assert model["regressor"].n_networks > 1
    assert model["regressor"].early_stopping
    assert scalers(model) == [BlockScaler] * 3
    assert "regressor__loss" in model.get_params()


def test_a_stack_gets_the_shared_keywords_in_its_members():
    regressor = make_m3s(recipe="stack", random_state=7, device="cpu")["regressor"]
    assert isinstance(regressor, FiniteRows)
    stack = regressor.estimator
    assert stack.get_params()["mlp__random_state"] == 7
    assert stack.get_params()["mlp__device"] == "cpu"
    assert [name for name, _ in stack.estimators] == ["mlp", "ridge", "svr"]
    assert isinstance(stack.final_estimator, LinearRegression)
    assert stack.final_estimator.positive


@pytest.mark.parametrize(
    "make", [make_m3s, lambda **given: make_m3s_from_features({"a": [0]}, **given)]
)
def test_an_unknown_recipe_is_named(make):
    with pytest.raises(ValueError, match=r"'papers': use one of \['default', 'paper', 'stack'\]"):
        make(recipe="papers")


def test_a_block_scaler_gives_every_block_the_same_variance(rng):
    for width in (4, 300):
        X = rng.normal(3, 5, size=(40, width))
        scaled = BlockScaler().fit_transform(X)
        np.testing.assert_allclose(scaled, StandardScaler().fit_transform(X) * 16 / width**0.5)
        np.testing.assert_allclose(scaled.var(axis=0).sum(), 256)


def test_a_block_scaler_supports_inversion_partial_fits_and_constant_columns(rng):
    X = rng.normal(size=(40, 9))
    X[:, 2] = 7
    whole, parts = BlockScaler().fit(X), BlockScaler()
    for rows in (X[:10], X[10:]):
        parts.partial_fit(rows)
    np.testing.assert_allclose(parts.scale_, whole.scale_)
    np.testing.assert_allclose(whole.inverse_transform(whole.transform(X)), X)
    assert not whole.transform(X)[:, 2].any()
    centred = whole.transform(X)
    np.testing.assert_allclose(
        BlockScaler(with_mean=False).fit_transform(X) - centred,
        np.broadcast_to(X.mean(axis=0) / whole.scale_, X.shape),
    )


def test_scalers_ignore_nan_and_keep_it(rng):
    X = rng.normal(size=(40, 5))
    complete = X[3:].copy()
    X[:3] = np.nan
    for scaler in (BlockScaler(), StandardScaler()):
        scaled = scaler.fit_transform(X)
        assert np.isnan(scaled[:3]).all()
        np.testing.assert_allclose(scaled[3:], clone(scaler).fit_transform(complete))


# Bad videos

FEW = {"scene": None, "event": None, "random_state": 0}


@pytest.fixture
def some_bad(data, tmp_path):
    """Return the videos and scores of the data set, with bad videos at 2 and 9."""
    (tmp_path / "text.mp4").write_text("no video")
    videos, scores = list(data.videos), list(data.scores)
    for place, video in ((2, tmp_path / "text.mp4"), (9, tmp_path / "missing.mp4")):
        videos.insert(place, video)
        scores.insert(place, 0.99)
    return videos, np.array(scores)


@pytest.fixture
def forgiving(quick, tmp_path):
    """Return a function that makes small models with on_error="nan"."""

    def make(**parts):
        parts = {"event": None, "regressor": Ridge(), **parts}
        return quick(on_error="nan", cache=tmp_path, **parts)

    return make


def bad_places(predicted):
    return list(np.flatnonzero(np.isnan(predicted)))


@pytest.mark.parametrize(
    "similarity",
    [
        DBSCANSimilarity(3, reducer="passthrough"),
        DistanceSimilarity(3),
        CosineSimilarity(3),
        KDESimilarity(3),
        None,
    ],
    ids=lambda similarity: type(similarity).__name__,
)
@quiet
def test_a_bad_video_does_not_affect_the_others(data, forgiving, some_bad, similarity):
    videos, scores = some_bad
    predicted = forgiving(similarity=similarity).fit(videos, scores).predict(videos)
    assert bad_places(predicted) == [2, 9]
    good = forgiving(similarity=similarity).fit(data.videos, data.scores)
    np.testing.assert_allclose(np.delete(predicted, [2, 9]), good.predict(data.videos), rtol=1e-5)
    assert np.isnan(good.predict([videos[2]])).all()


def test_bad_videos_are_reported_once_per_call(forgiving, some_bad):
    model = forgiving(scene=None, similarity=None)
    for call in (lambda: model.fit(*some_bad), lambda: model.predict(some_bad[0])):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        assert [str(w.message).splitlines()[0] for w in caught] == [
            "2 of 16 videos could not be described"
        ]


@quiet
def test_a_video_that_one_tier_cannot_describe_is_bad_for_all(data, forgiving):
    def describe(videos):
        rows = np.array([[len(str(video)), i] for i, video in enumerate(videos)], dtype=float)
        return np.where(rows[:, 1:] == 4, np.nan, rows)

    model = forgiving(scene=FunctionTransformer(describe), similarity=DistanceSimilarity(1))
    predicted = model.fit(data.videos, data.scores).predict(data.videos)
    assert bad_places(predicted) == [4]


@quiet
@pytest.mark.parametrize("absent", ["raw", "scene"])
def test_without_a_good_video_the_error_is_clear(forgiving, some_bad, absent):
    bad = [some_bad[0][i] for i in (2, 9)]
    with pytest.raises(VideoError, match="none of the 2 training videos could be described by"):
        forgiving(**{absent: None}).fit(bad, [0.1, 0.9])


@quiet
def test_output_tables_have_nan_rows_for_bad_videos(forgiving, some_bad):
    videos, scores = some_bad
    model = forgiving(similarity=DistanceSimilarity(3)).set_output(transform="pandas")
    table = model.fit(videos, scores)["tiers"].transform(videos)
    assert isinstance(table, pd.DataFrame)
    assert list(np.flatnonzero(table.isna().all(axis=1))) == [2, 9]
    assert table.notna().all(axis=1).sum() == 14
    assert list(table.columns[[0, -1]]) == [
        "raw__contrast",
        "scene__similarity__distancesimilarity0",
    ]
    assert list(model["regressor"].feature_names_in_) == list(table.columns)
    assert bad_places(model.predict(videos)) == [2, 9]


@quiet
def test_several_scores_of_videos_may_be_missing(data, forgiving, some_bad):
    videos, scores = some_bad
    Y = np.column_stack([scores, scores[::-1]])
    Y[:4, 1] = np.nan
    predicted = forgiving(scene=None).fit(videos, Y).predict(videos)
    assert predicted.shape == (16, 2)
    assert bad_places(predicted[:, 1]) == [2, 9]
    alone = forgiving(scene=None).fit(videos, scores).predict(videos)
    np.testing.assert_allclose(predicted[:, 0], alone)


# Models of features

BLOCKS = {"scene": slice(0, 4), "event": [4, 5, 6]}


@pytest.fixture
def features(rng):
    X = rng.normal(size=(60, 7))
    return X, 1 / (1 + np.exp(-X[:, 0] - X[:, 5]))


def test_a_model_of_features_equals_the_model_of_videos(features):
    X, y = features
    tiers = {
        name: FunctionTransformer(lambda X, columns=columns: X[:, columns])
        for name, columns in BLOCKS.items()
    }
    for recipe in ("default", "paper"):
        shared = {"similarity": KMeans(3, n_init=1), "recipe": recipe, "random_state": 0}
        expected = make_m3s(None, **tiers, **shared).set_params(regressor__max_epochs=3)
        found = make_m3s_from_features(BLOCKS, **shared).set_params(regressor__max_epochs=3)
        np.testing.assert_array_equal(found.fit(X, y).predict(X), expected.fit(X, y).predict(X))


@pytest.mark.parametrize("recipe", ["default", "paper", "stack"])
def test_every_recipe_learns_from_features(features, recipe):
    X, y = features
    model = make_m3s_from_features(BLOCKS, recipe=recipe, random_state=0)
    assert spearman_scorer(model.fit(X[:45], y[:45]), X[45:], y[45:]) > 0.5


def test_blocks_can_select_columns_of_a_data_frame_by_name(features):
    X, y = features
    frame = pd.DataFrame(X, columns=list("abcdefg"))
    blocks = {"scene": list("abcd"), "event": list("efg")}
    model = make_m3s_from_features(blocks, regressor=Ridge()).fit(frame, y)
    expected = make_m3s_from_features(BLOCKS, regressor=Ridge()).fit(X, y)
    np.testing.assert_allclose(model.predict(frame), expected.predict(X))
    names = model["tiers"].get_feature_names_out()
    assert list(names[3:5]) == ["scene__features__d", "event__features__e"]


def test_the_studies_take_a_model_of_features(features):
    X, y = features
    model = make_m3s_from_features(BLOCKS, similarity=KMeans(3, n_init=1), regressor=Ridge())
    table = ablation_study(model, X, y, cv=3, n_bootstrap=0)
    assert any("scene" in str(name) for name in table.index)
    assert TierDeviationDisplay.from_estimator(model, X, y, cv=3).pictures is None
    assert set(TierEmbeddingDisplay.from_estimator(model.fit(X, y), X, y).embeddings) == set(BLOCKS)
    matrix = transfer_study(model, {"first": (X, y), "second": (X + 1, y)}, cv=3, n_bootstrap=0)
    assert np.isfinite(matrix["spearman"]).all()


def test_a_stack_is_fitted_for_each_score(features):
    X, y = features
    X[5] = np.nan
    Y = np.column_stack([y, 1 - y])
    Y[:20, 1] = np.nan
    model = make_m3s_from_features(BLOCKS, recipe="stack", random_state=0)
    model.set_params(regressor__estimator__mlp__max_epochs=3)
    predicted = model.fit(X, Y).predict(X)
    assert predicted.shape == (60, 2)
    assert list(np.flatnonzero(np.isnan(predicted).all(axis=1))) == [5]
    assert bad_places(predicted[:, 0]) == [5]
    alone = clone(model).fit(X, Y[:, 1]).predict(X)
    np.testing.assert_array_equal(predicted[:, 1], alone)


# Weights by metadata routing


@pytest.fixture
def weights(rng):
    return rng.permutation(np.repeat([0.0, 1.0], 30))


def weighted(model, X, y, **params):
    with config_context(enable_metadata_routing=True):
        return model.fit(X, y, **params).predict(X)


@pytest.mark.parametrize("regressor", [Ridge(), FiniteRows(Ridge())])
@pytest.mark.parametrize("recipe", ["default", "paper"])
def test_rows_of_weight_0_are_not_learned_from(features, weights, recipe, regressor):
    X, y = features
    parts = {"similarity": KMeans(3, n_init=1, random_state=0), "recipe": recipe}
    model = make_m3s_from_features(BLOCKS, regressor=regressor, **parts)
    predicted = weighted(model, X, y, sample_weight=weights)
    columns = model["tiers"].transform(X)  # all rows: these parts take no weights
    np.testing.assert_array_equal(columns, clone(model["tiers"]).fit(X, y).transform(X))
    subset = Ridge().fit(columns[weights == 1], y[weights == 1])
    np.testing.assert_allclose(predicted, subset.predict(columns))
    np.testing.assert_array_equal(
        model.fit(X, y, regressor__sample_weight=weights).predict(X), predicted
    )


@pytest.mark.parametrize("recipe", ["default", "paper", "stack"])
def test_every_recipe_takes_weights(features, weights, recipe):
    X, y = features
    model = make_m3s_from_features(BLOCKS, similarity="default", recipe=recipe, random_state=0)
    name = "regressor__estimator__mlp" if recipe == "stack" else "regressor"
    model.set_params(**{f"{name}__max_epochs": 2})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", M3SWarning)
        predicted = weighted(clone(model), X, y, sample_weight=weights)
        expected = clone(model).fit(X, y, regressor__sample_weight=weights).predict(X)
        assert not np.array_equal(predicted, clone(model).fit(X, y).predict(X))
    np.testing.assert_array_equal(predicted, expected)


@quiet
def test_videos_take_weights(data, forgiving, some_bad):
    videos, scores = some_bad
    weights = np.arange(16) % 3
    model = forgiving(similarity=KDESimilarity(3))
    expected = model.fit(videos, scores, regressor__sample_weight=weights).predict(videos)
    predicted = weighted(model, videos, scores, sample_weight=weights)
    np.testing.assert_array_equal(predicted, expected)


@pytest.mark.parametrize("scoring", [None, spearman_scorer])
def test_weights_are_split_by_cross_validation_and_search(features, weights, scoring):
    X, y = features
    model = make_m3s_from_features(BLOCKS, regressor=Ridge())
    settings = {"scoring": scoring, "cv": KFold(3), "error_score": "raise"}
    with config_context(enable_metadata_routing=True):
        params = {"sample_weight": weights}
        found = cross_validate(model, X, y, params=params, **settings)["test_score"]
        search = GridSearchCV(model, {"regressor__alpha": [1.0]}, **settings)
        search.fit(X, y, sample_weight=weights)
    expected = []
    for train, test in KFold(3).split(X):
        model.fit(X[train], y[train], regressor__sample_weight=weights[train])
        if scoring is None:
            expected.append(model.score(X[test], y[test], sample_weight=weights[test]))
        else:
            expected.append(spearman_scorer(model, X[test], y[test]))
    np.testing.assert_allclose(found, expected)
    assert search.best_score_ == pytest.approx(np.mean(expected))
    refitted = model.fit(X, y, regressor__sample_weight=weights)
    np.testing.assert_allclose(search.predict(X), refitted.predict(X))


@pytest.mark.parametrize(
    "regressor", [KNeighborsRegressor(), FiniteRows(KNeighborsRegressor())], ids=repr
)
def test_a_regressor_without_weights_requests_none(features, weights, regressor):
    X, y = features
    model = make_m3s_from_features(BLOCKS, regressor=regressor)
    with pytest.raises(TypeError, match=r"unexpected argument.*sample_weight"):
        weighted(model, X, y, sample_weight=weights)
    with (
        config_context(enable_metadata_routing=True),
        pytest.raises(Exception, match="sample_weight"),
    ):
        cross_validate(model, X, y, params={"sample_weight": weights}, error_score="raise")


def test_requests_of_a_given_part_are_kept(features, weights):
    X, y = features
    with config_context(enable_metadata_routing=True):
        ridge = Ridge().set_fit_request(sample_weight="importance")
    model = make_m3s_from_features(BLOCKS, regressor=ridge)
    expected = model.fit(X, y, regressor__sample_weight=weights).predict(X)
    np.testing.assert_array_equal(weighted(model, X, y, importance=weights), expected)


def test_parts_inside_a_given_regressor_have_requests(features, weights):
    X, y = features
    inside = Pipeline([("scale", StandardScaler()), ("ridge", Ridge())])
    model = make_m3s_from_features(BLOCKS, regressor=TransformedTargetRegressor(inside))
    predicted = weighted(model, X, y, sample_weight=weights)
    assert not np.allclose(predicted, model.fit(X, y).predict(X))


def test_requests_keep_no_reference_to_other_models(features):
    X, y = features
    model = make_m3s_from_features(BLOCKS, random_state=0).set_params(regressor__max_epochs=1)
    size = len(pickle.dumps(clone(model)))
    assert len(pickle.dumps(clone(model.fit(X, y)))) < size + 1000


def test_similarity_can_be_given_by_block():
    model = make_m3s_from_features(BLOCKS, similarity={"event": KMeans(3)})
    assert take_apart(model).contexts["scene"] is None
    assert isinstance(take_apart(model).contexts["event"], KMeans)
    with pytest.raises(ValueError, match="'events'"):
        make_m3s_from_features(BLOCKS, similarity={"events": KMeans(3)})


@pytest.mark.parametrize(
    ("blocks", "fault"),
    [
        (
            {"scene": slice(0, 4), "event": [3, 4, 5, 6]},
            "'scene' and 'event' both contain the column 3",
        ),
        ({"scene": slice(0, 7), "event": []}, "the block 'event' has no columns"),
        ({"scene": slice(7, 9), "event": slice(0, 7)}, "the block 'scene' has no columns"),
        ({"scene": ["colour"]}, "colour|strings|string"),
        ({"scene": [9]}, "9|out of bounds|all features"),
    ],
)
def test_bad_blocks_are_an_error(features, blocks, fault):
    with pytest.raises((ValueError, IndexError), match=fault):
        make_m3s_from_features(blocks, regressor=Ridge()).fit(*features)


def test_no_block_is_an_error():
    with pytest.raises(ValueError, match="blocks is empty"):
        make_m3s_from_features({})


def test_a_warning_names_the_columns_in_no_block(features):
    X, y = features
    model = make_m3s_from_features({"scene": slice(0, 4)}, regressor=Ridge())
    with pytest.warns(
        M3SWarning, match="3 columns are in no block, so the model ignores them: 4, 5, 6"
    ):
        model.fit(X, y)
    frame = pd.DataFrame(X, columns=list("abcdefg"))
    with pytest.warns(M3SWarning, match="'e', 'f', 'g'"):
        model.fit(frame, y)


def test_constant_columns_and_blocks_give_finite_scores(features):
    X, y = features
    X[:, 4:] = 1
    model = make_m3s_from_features(BLOCKS, random_state=0).set_params(regressor__max_epochs=2)
    assert np.isfinite(model.fit(X, y).predict(X)).all()


@quiet
def test_a_model_with_all_tiers_fits_and_predicts_files(data, quick):
    model = quick().fit(data.videos, data.scores)
    predicted = model.predict(data.videos[:5])
    assert predicted.shape == (5,)
    assert ((predicted > 0) & (predicted < 1)).all()
    again = quick().fit(data.videos, data.scores).predict(data.videos[:5])
    np.testing.assert_array_equal(again, predicted)


@quiet
def test_names_of_columns_start_with_the_tier(data, quick):
    model = quick(similarity=KMeans(2, n_init=1)).fit(data.videos, data.scores)
    names = model["tiers"].get_feature_names_out()
    assert len(names) == model["tiers"].transform(data.videos[:1]).shape[1] == 8 + 722 + 2050
    assert names[0] == "raw__contrast"
    assert names[8] == "scene__features__sceneparsing0"
    assert names[-1] == "event__similarity__kmeans1"


@quiet
def test_a_model_can_be_cross_validated_and_searched(data, quick):
    model = quick(event=None)
    rho = cross_val_score(model, data.videos, data.scores, cv=2, scoring=spearman_scorer)
    assert ((rho >= -1) & (rho <= 1)).all()
    grid = {
        "regressor__loss": ["mse", "penalized_mse"],
        "tiers__scene__context__similarity__eps": ["auto", 1.25],
    }
    search = GridSearchCV(model, grid, cv=2, scoring=spearman_scorer)
    search.fit(data.videos, data.scores)
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(data.videos[:3]).shape == (3,)


@quiet
def test_no_fold_or_candidate_reads_a_video_twice(data, quick, decoded, tmp_path):
    grid = {"regressor__max_epochs": [1, 2], "tiers__raw__describe__hog_components": [2, 3]}
    search = GridSearchCV(quick(cache=tmp_path), grid, cv=2, scoring=spearman_scorer)
    search.fit(data.videos, data.scores)
    assert sorted(decoded) == sorted(data.videos)


@quiet
def test_mixed_input_gives_the_same_predictions(data, quick):
    model = quick(event=None).fit(data.videos, data.scores)
    frame = np.zeros((40, 40, 3), np.uint8)
    mixed = model.predict([data.videos[0], frame, frame[None]])
    assert mixed[0] == pytest.approx(model.predict(data.videos[:1])[0], abs=1e-6)
    assert mixed[1] == pytest.approx(mixed[2], abs=1e-6)


@quiet
def test_a_fitted_model_can_be_cloned_and_pickled(data, quick):
    model = quick(event=None).fit(data.videos, data.scores)
    clone(model)
    unpickled = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(unpickled.predict(data.videos), model.predict(data.videos))


@pytest.mark.parametrize(
    ("scores", "fault"),
    [
        (np.full(14, np.nan), "y contains NaN"),
        (np.linspace(0, 1, 13), "inconsistent numbers of samples: 14 videos and 13 scores"),
    ],
    ids=["NaN", "short"],
)
def test_bad_scores_are_an_error_before_any_video_is_read(data, scores, fault, decoded):
    with pytest.raises(ValueError, match=fault):
        make_m3s().fit(data.videos, scores)
    assert not decoded


@quiet
@pytest.mark.parametrize(
    ("scores", "fault"),
    [(["good"] * 14, r"could not convert|dtype"), (np.linspace(0, 100, 14), r"\[0, 1\]")],
    ids=["text", "percent"],
)
def test_bad_scores_are_an_error_that_says_why(data, quick, scores, fault):
    with pytest.raises(ValueError, match=fault):
        quick(scene=None, event=None).fit(data.videos, scores)


@quiet
def test_all_bad_videos_are_named_at_once(data, quick, tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    videos = [*data.videos[:3], tmp_path / "text.mp4", tmp_path / "missing.mp4"]
    with pytest.raises(VideoError, match="2 of 5 videos") as caught:
        quick().fit(videos, np.linspace(0.1, 0.9, 5))
    assert len(caught.value.failures) == 2


def test_untrained_networks_warn(data, quick, tmp_path):
    with pytest.warns(M3SWarning, match="untrained"):
        quick(raw=None, event=None, similarity=None, cache=tmp_path).fit(data.videos, data.scores)


@pytest.mark.slow  # real clips through all tiers
@quiet
def test_real_clips_and_cuts_of_them_can_be_learned(reference, quick, write_clip, tmp_path):
    clips = sorted(reference("clips").iterdir())
    cuts = []
    for clip in clips:
        with av.open(str(clip)) as container:
            pictures = [frame.reformat(128, 128, "rgb24") for frame in container.decode(video=0)]
        frames = np.stack([picture.to_ndarray() for picture in pictures[::2]])
        for start in range(0, len(frames) - 44, 45):
            path = tmp_path / f"{clip.stem}_{start}.mp4"
            cuts.append(write_clip(path, frames[start : start + 45], rate=15))
    videos = [*clips, *cuts]
    assert len(clips) == 5
    assert len(cuts) == 13
    scores = np.linspace(0.5, 0.9, len(videos))
    model = quick(raw=RawPerception(hog_components=5), cache=tmp_path / "features")
    assert np.isfinite(model.fit(videos, scores).predict(videos)).all()
    rho = cross_val_score(model, videos, scores, cv=3, scoring=spearman_scorer)
    assert np.isfinite(rho).all()
    grid = {
        "regressor__loss": ["mse", "penalized_mse"],
        "tiers__scene__context__similarity__eps": ["auto", 1.25],
    }
    search = GridSearchCV(model, grid, cv=2, scoring=spearman_scorer).fit(videos, scores)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
