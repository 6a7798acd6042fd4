"""The assembled model: its shape, its parts, and the whole of it on real files."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_m3s import EventUnderstanding, MLPRegressor, RawPerception, SceneParsing, make_m3s
from sklearn_m3s.datasets import make_videos
from sklearn_m3s.exceptions import M3SWarning, VideoError
from sklearn_m3s.metrics import spearman_scorer
from sklearn_m3s.video import stream_frames

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
    """Return a function that makes small models, which share one cache to be quick."""
    shared = {"cache": tmp_path_factory.mktemp("features"), "random_state": 0}
    return lambda **parts: make_m3s(**{**QUICK, **shared, **parts})


def test_it_is_a_plain_pipeline_of_the_documented_shape():
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


def test_without_a_regressor_it_is_a_pipeline_of_features():
    assert list(make_m3s(regressor=None).named_steps) == ["tiers"]


def test_nothing_left_is_an_error():
    with pytest.raises(ValueError, match="raw, scene and event are all None"):
        make_m3s(raw=None, scene=None, event=None)


def test_an_unknown_key_of_similarity_is_named():
    with pytest.raises(ValueError, match="'events'"):
        make_m3s(similarity={"events": KMeans(3)})


def test_given_parts_are_cloned():
    raw = RawPerception(frame_size=64)
    model = make_m3s(raw=raw, cache="features")
    assert model.get_params()["tiers__raw__describe"] is not raw
    assert raw.cache is None


def test_shared_keywords_fill_what_a_part_leaves_at_its_default():
    model = make_m3s(
        raw=RawPerception(n_jobs=3),
        regressor=Ridge(),
        cache="features",
        device="cpu",
        n_jobs=2,
        random_state=7,
        verbose=True,
    )
    params = model.get_params()
    assert params["tiers__raw__describe__n_jobs"] == 3
    assert params["tiers__scene__describe__n_jobs"] == 2
    for tier in ("raw", "scene", "event"):
        assert params[f"tiers__{tier}__describe__cache"] == "features"
        assert params[f"tiers__{tier}__describe__verbose"] is True
    for tier in ("scene", "event"):
        assert params[f"tiers__{tier}__describe__device"] == "cpu"
        assert params[f"tiers__{tier}__context__similarity__random_state"] == 7
    assert params["regressor__random_state"] == 7


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


def test_parts_with_parameters_of_their_own_kind_are_left_alone():
    class Boosting(Ridge):
        def __init__(self, **kwargs):
            super().__init__()

        @classmethod
        def _get_param_names(cls):
            return ["device"]

        device = "auto"

    assert make_m3s(regressor=Boosting(), device="cpu")["regressor"].device == "auto"


@quiet
def test_it_fits_and_predicts_files_with_all_tiers(data, quick):
    model = quick().fit(data.videos, data.scores)
    predicted = model.predict(data.videos[:5])
    assert predicted.shape == (5,)
    assert ((predicted > 0) & (predicted < 1)).all()
    again = quick().fit(data.videos, data.scores).predict(data.videos[:5])
    np.testing.assert_array_equal(again, predicted)


@quiet
def test_names_of_columns_tell_the_tier(data, quick):
    model = quick(similarity=KMeans(2, n_init=1)).fit(data.videos, data.scores)
    names = model["tiers"].get_feature_names_out()
    assert len(names) == model["tiers"].transform(data.videos[:1]).shape[1] == 8 + 722 + 2050
    assert names[0] == "raw__contrast"
    assert names[8] == "scene__features__sceneparsing0"
    assert names[-1] == "event__similarity__kmeans1"


@quiet
def test_it_is_cross_validated_and_searched(data, quick):
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
def test_no_fold_or_candidate_reads_a_video_twice(data, quick, monkeypatch, tmp_path):
    from sklearn_m3s.video import _read

    opened = []
    original = _read.open_video

    def count(video, *args):
        if isinstance(video, str):  # else one that is open, and shared by the tiers
            opened.append(video)
        return original(video, *args)

    monkeypatch.setattr(_read, "open_video", count)
    grid = {"regressor__max_epochs": [1, 2], "tiers__raw__describe__hog_components": [2, 3]}
    search = GridSearchCV(quick(cache=tmp_path), grid, cv=2, scoring=spearman_scorer)
    search.fit(data.videos, data.scores)
    assert sorted(opened) == sorted(data.videos)


@quiet
def test_mixed_input_gives_the_same_predictions(data, quick):
    model = quick(event=None).fit(data.videos, data.scores)
    frame = np.zeros((40, 40, 3), np.uint8)
    mixed = model.predict([data.videos[0], frame, frame[None]])
    assert mixed[0] == pytest.approx(model.predict(data.videos[:1])[0], abs=1e-6)
    assert mixed[1] == pytest.approx(mixed[2], abs=1e-6)


@quiet
def test_a_fitted_model_is_cloned_and_pickled(data, quick):
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
def test_scores_that_cannot_be_learned_are_an_error_before_any_video_is_read(
    data, scores, fault, monkeypatch
):
    monkeypatch.setattr("sklearn_m3s.video._read.open_video", None)
    with pytest.raises(ValueError, match=fault):
        make_m3s().fit(data.videos, scores)


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
def test_real_clips_and_cuts_of_them_go_the_whole_way(reference, quick, write_clip, tmp_path):
    clips = sorted(reference("clips").iterdir())
    cuts = []
    for clip in clips:
        blocks = [frames for frames, _ in stream_frames(clip, frame_size=128)]
        frames = np.concatenate(blocks)
        for start in range(0, len(frames) - 44, 45):
            path = tmp_path / f"{clip.stem}_{start}.mp4"
            cuts.append(write_clip(path, frames[start : start + 45], rate=15))
    videos = [*clips, *cuts]
    assert len(clips) == 5
    assert len(cuts) == 14
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
