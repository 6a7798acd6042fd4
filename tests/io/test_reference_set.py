import io

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import Ridge

from sklearn_m3s import (
    PredictionIntervals,
    load_model,
    make_m3s,
    make_m3s_from_features,
    save_model,
)
from sklearn_m3s.exceptions import ModelError, VideoError
from sklearn_m3s.io import ReferenceSet, load_reference, make_reference_set


@pytest.fixture
def clips(tmp_path, write_clip):
    """Return ten grey clips, each lighter than the last, with a red frame in the middle."""
    paths = []
    for i in range(10):
        frames = np.full((9, 48, 96, 3), 10 * i, np.uint8)
        frames[4] = (250, 0, 0)
        paths.append(write_clip(tmp_path / f"clip {i}.mp4", frames))
    return paths


@pytest.fixture
def model():
    model = make_m3s(scene=None, event=None, regressor=Ridge(0.01))
    return model.set_params(tiers__raw__describe__descriptors=["brightness", "contrast"])


@pytest.fixture
def y():
    return np.linspace(0, 1, 10)


def test_the_parts_belong_to_the_videos(model, clips, y):
    model.fit(clips, y)
    reference = make_reference_set(model, clips, y, cv=5)
    assert reference.names == clips
    np.testing.assert_array_equal(reference.scores, y)
    assert reference.feature_names == {"raw": ["brightness", "contrast"]}
    rows = model["tiers"].transformer_list[0][1]["describe"].transform(clips)
    np.testing.assert_array_equal(reference.features["raw"], rows)
    assert reference.features["raw"].dtype == np.float32
    # Each fifth was predicted by a model of the other videos, which learned the brightness.
    assert np.corrcoef(reference.predictions, y)[0, 1] > 0.9
    assert not np.array_equal(reference.predictions, model.predict(clips))


def test_thumbnails_show_the_middle_in_the_shape_of_the_video(model, clips, y):
    reference = make_reference_set(model.fit(clips, y), clips, y, thumbnail_size=64)
    for content in reference.thumbnails:
        with Image.open(io.BytesIO(content)) as picture:
            assert picture.size == (64, 32)
            red, green, blue = np.asarray(picture.convert("RGB")).mean(axis=(0, 1))
        assert red > 200
        assert max(green, blue) < 60


def test_each_file_is_read_once_for_features_and_once_for_the_thumbnail(model, clips, y, decoded):
    intervals = PredictionIntervals(model, coverage=0.8, cv=2).fit(clips, y)
    decoded.clear()
    make_reference_set(intervals, clips, y)
    assert all(decoded.count(clip) <= 2 for clip in clips)


def test_predictions_are_those_of_the_intervals(model, clips, y):
    intervals = PredictionIntervals(model, coverage=0.8, cv=2).fit(clips, y)
    reference = make_reference_set(intervals, clips, y)
    np.testing.assert_array_equal(reference.predictions, intervals.out_of_fold_)
    given = make_reference_set(intervals, clips, y, predictions=y / 2)
    np.testing.assert_array_equal(given.predictions, y / 2)


def test_a_model_file_keeps_the_whole_reference_set(model, clips, y, tmp_path):
    reference = make_reference_set(model.fit(clips, y), clips, y)
    save_model(model, tmp_path / "model.m3s", reference=reference)
    loaded = load_reference(tmp_path / "model.m3s")
    assert loaded.names == reference.names
    assert loaded.feature_names == reference.feature_names
    assert loaded.thumbnails == reference.thumbnails
    for name in ("scores", "predictions"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(reference, name))
    np.testing.assert_array_equal(loaded.features["raw"], reference.features["raw"])
    np.testing.assert_array_equal(
        load_model(tmp_path / "model.m3s").predict(clips), model.predict(clips)
    )


def test_features_have_no_thumbnails(y, rng):
    X = rng.normal(size=(10, 3))
    model = make_m3s_from_features({"raw": slice(0, 2), "own": [2]}, regressor=Ridge()).fit(X, y)
    reference = make_reference_set(model, X, y, cv=2)
    assert reference.names == list(map(str, range(10)))
    assert reference.thumbnails == [b""] * 10
    np.testing.assert_array_equal(reference.features["own"], X[:, [2]].astype(np.float32))


def test_a_reference_set_can_have_several_scores(y, rng, tmp_path):
    X = rng.normal(size=(10, 3))
    model = make_m3s_from_features({"raw": slice(0, 3)}, regressor=Ridge())
    scores = np.c_[y, 1 - y]
    reference = make_reference_set(model.fit(X, scores), X, scores, predictions=scores)
    save_model(model, tmp_path / "model.m3s", reference=reference)
    assert load_reference(tmp_path / "model.m3s").scores.shape == (10, 2)


def test_bad_videos_are_an_error_or_have_no_thumbnail(model, clips, y, tmp_path):
    model.fit(clips, y)
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    videos = [*clips, str(tmp_path / "bad.mp4")]
    scores, predictions = np.append(y, 0.5), np.append(y, np.nan)
    with pytest.raises(VideoError, match=r"bad\.mp4"):
        make_reference_set(model, videos, scores, predictions=predictions)
    model.set_params(tiers__raw__describe__on_error="nan")
    with pytest.warns(match=r"bad\.mp4"):
        reference = make_reference_set(model, videos, scores, predictions=predictions)
    assert reference.thumbnails[-1] == b""
    assert np.isnan(reference.features["raw"][-1]).all()
    assert all(reference.thumbnails[:-1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"names": ["a"]}, "for 1 names"),
        ({"predictions": np.zeros(3)}, "predictions have the shape"),
        ({"thumbnails": []}, "0 thumbnails for 2 names"),
        ({"features": {}}, "different tiers"),
        ({"features": {"raw": np.zeros((2, 3))}}, r"\(2, 3\), not \(2, 1\)"),
    ],
)
def test_parts_that_do_not_match_are_refused(change, words):
    parts = {
        "names": ["a", "b"],
        "scores": np.zeros(2),
        "predictions": np.zeros(2),
        "features": {"raw": np.zeros((2, 1))},
        "feature_names": {"raw": ["contrast"]},
        "thumbnails": [b"", b""],
    }
    with pytest.raises(ModelError, match=words):
        ReferenceSet(**(parts | change))
