"""Tiers side by side: the columns of a FeatureUnion, for one pass over each file."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_m3s import EventUnderstanding, RawPerception, SceneParsing
from sklearn_m3s.exceptions import VideoError
from sklearn_m3s.tiers import TierUnion, _duration

pytestmark = pytest.mark.filterwarnings("ignore::sklearn_m3s.exceptions.M3SWarning")
RAW = RawPerception(descriptors=["contrast", "brightness", "mean_flow"], frame_size=48, flow="dis")
SCENE = SceneParsing(weights=None, frame_size=32, device="cpu")
EVENT = EventUnderstanding(weights=None, frame_size=32, n_frames=3, device="cpu")


def branches(**settings):
    tiers = {"raw": RAW, "scene": SCENE, "event": EVENT}
    return [(name, clone(tier).set_params(**settings)) for name, tier in tiers.items()]


@pytest.fixture
def videos(tmp_path, draw, write_clip):
    """Return three files of different lengths, the last all but a single frame."""
    return [write_clip(tmp_path / f"{n}.mp4", draw(n)) for n in (30, 21, 2)]


@pytest.mark.parametrize("kept", [False, True], ids=["without cache", "with a cache"])
def test_one_pass_gives_the_columns_of_a_feature_union(videos, decoded, tmp_path, kept):
    cache = tmp_path / "features" if kept else None
    expected = FeatureUnion(branches()).fit_transform(videos)
    assert sorted(decoded) == sorted(3 * videos)
    decoded.clear()
    union = TierUnion(branches(cache=cache))
    np.testing.assert_array_equal(union.fit_transform(videos), expected)
    assert sorted(decoded) == sorted(videos)
    np.testing.assert_array_equal(union.transform(videos), expected)
    assert len(decoded) == (3 if kept else 6)
    assert list(union.get_feature_names_out()[:4]) == [
        "raw__contrast", "raw__brightness", "raw__mean_flow", "scene__sceneparsing0",
    ]  # fmt: skip


def test_tiers_that_learn_nothing_are_fitted_without_reading(videos, decoded):
    TierUnion(branches()).fit(videos)
    assert decoded == []


def test_workers_do_not_change_the_columns(videos):
    one, two = (TierUnion(branches(n_jobs=n)).fit_transform(videos) for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_only_what_is_missing_is_described(videos, decoded, tmp_path):
    cache = tmp_path / "features"
    clone(EVENT).set_params(cache=cache).fit_transform(videos[:1])
    clone(RAW).set_params(cache=cache).fit_transform(videos)
    decoded.clear()
    TierUnion(branches(cache=cache)).fit_transform(videos)
    assert sorted(decoded) == sorted(videos)  # the first by the scene tier alone


def test_any_transformer_can_stand_beside_the_tiers(videos, decoded):
    names = FunctionTransformer(lambda X: np.array([[len(video)] for video in X]))
    scaled = make_pipeline(clone(SCENE), StandardScaler())
    union = TierUnion([("raw", clone(RAW)), ("scene", scaled), ("names", names), ("no", "drop")])
    columns = union.fit(videos).transform(videos)
    assert columns.shape == (3, 3 + 720 + 1)
    assert sorted(decoded) == sorted(2 * videos)
    np.testing.assert_array_equal(columns[:, -1], [len(video) for video in videos])


def test_arrays_and_files_can_be_mixed(videos, draw):
    mixed = [draw(10), videos[0], draw(4)]
    expected = FeatureUnion(branches()).fit_transform(mixed)
    actual = TierUnion(branches()).fit_transform(mixed)
    np.testing.assert_allclose(actual, expected, atol=1e-5)  # batches differ, and so does rounding


def test_tiers_with_different_decoders_read_separately(videos, decoded):
    pytest.importorskip("decord")
    raw, scene, event = (tier for _, tier in branches())
    union = TierUnion([("raw", raw), ("scene", scene.set_params(decoder="decord")), ("e", event)])
    assert union.fit_transform(videos).shape == (3, 3 + 720 + 2048)
    assert sorted(decoded) == sorted(2 * videos)  # by each decoder


def test_a_bad_video_is_reported_and_loses_no_other(videos, decoded, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    union = TierUnion(branches(cache=tmp_path / "features"))
    with pytest.raises(VideoError, match=r"1 of 4 videos(.|\n)*bad.mp4"):
        union.fit_transform([*videos, tmp_path / "bad.mp4"])
    decoded.clear()
    union.fit_transform(videos)
    assert decoded == []


def test_one_bar_counts_what_is_shared(videos, capsys):
    TierUnion(branches(verbose=True)).fit_transform(videos)
    text = capsys.readouterr().err
    assert "RawPerception + SceneParsing + EventUnderstanding: 100%" in text
    assert "3/3" in text


@pytest.mark.parametrize(
    ("parameter", "y", "fault"),
    [
        ({"frame_rate": -1}, None, "frame_rate"),
        ({}, [0.5, np.nan, 0.5], "y contains NaN"),
        ({}, [[0.5, np.inf]] * 3, "y contains infinity"),
        ({}, [0.5], "inconsistent numbers of samples"),
    ],
)
def test_wrong_input_is_an_error_before_any_video_is_read(videos, decoded, parameter, y, fault):
    union = TierUnion(branches())
    union.set_params(**{f"raw__{name}": value for name, value in parameter.items()})
    with pytest.raises(ValueError, match=fault):
        union.fit_transform(videos, y)
    assert decoded == []


def test_the_median_length_of_the_training_videos_is_stored(tmp_path, draw, write_clip):
    raw = RawPerception(descriptors=["brightness"], frame_size=32)
    union = TierUnion([("raw", raw)])
    paths = [write_clip(tmp_path / f"{n}.mp4", draw(n), rate=10) for n in (5, 40, 20)]
    assert union.fit(paths).median_duration_ == pytest.approx(2)
    union.fit_transform([*paths, draw(100)])
    assert union.median_duration_ == pytest.approx(2)
    assert np.isnan(union.fit([draw(5)]).median_duration_)
    write_clip(paths[0], draw(30), rate=10)  # a file that changed
    assert union.fit(paths).median_duration_ == pytest.approx(3)


def test_a_file_without_a_length_does_not_break_fit(tmp_path, draw, write_clip):
    raw = RawPerception(descriptors=["brightness"], frame_size=32, on_error="nan")
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    paths = [tmp_path / "bad.mp4", tmp_path / "missing.mp4"]
    union = TierUnion([("raw", raw)])
    assert np.isnan(union.fit(paths).median_duration_)
    paths.append(write_clip(tmp_path / "good.mp4", draw(20), rate=10))
    assert union.fit(paths).median_duration_ == pytest.approx(2)


def test_the_median_length_is_that_of_at_most_a_hundred_files(
    tmp_path, draw, write_clip, monkeypatch
):
    source = write_clip(tmp_path / "clip.mp4", draw(10), rate=10)
    paths = [tmp_path / f"{i}.mp4" for i in range(250)]
    for path in paths:
        path.symlink_to(source)
    probed, read = [], _duration._read
    monkeypatch.setattr(_duration, "_read", lambda paths: probed.extend(paths) or read(paths))
    raw = RawPerception(descriptors=["brightness"], frame_size=32)
    assert TierUnion([("raw", raw)]).fit(paths).median_duration_ == pytest.approx(1)
    assert len(probed) == 100
    assert {str(paths[0]), str(paths[-1])} <= set(probed)
