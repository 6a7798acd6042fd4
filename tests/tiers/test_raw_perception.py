"""The raw tier: its columns against the descriptors themselves, and its PCA."""

import cv2
import numpy as np
import pytest
from sklearn.decomposition import PCA

from sklearn_m3s import RawPerception
from sklearn_m3s.descriptors import (
    blurriness,
    brightness,
    contrast,
    flow,
    h264_bytes,
    hog,
)
from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.video import read_video


@pytest.fixture
def clips(rng):
    """Return 12 clips of 20 frames: textures that drift at different speeds."""
    clips = []
    for i in range(12):
        texture = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
        clips.append(np.stack([np.roll(texture, i * t // 4, axis=1) for t in range(20)]))
    return clips


def one(name, **params):
    return RawPerception(descriptors=[name], frame_size=64, **params)


def test_there_are_fifteen_columns_by_default(clips):
    tier = RawPerception(frame_size=64).fit(clips)
    assert tier.transform(clips).shape == (12, 15)
    assert list(tier.get_feature_names_out()) == [
        "contrast",
        "brightness",
        "blurriness",
        *(f"hog{i}" for i in range(10)),
        "mean_flow",
        "h264_bytes",
    ]


@pytest.mark.parametrize(
    ("name", "params", "describe"),
    [
        ("contrast", {}, contrast),
        ("brightness", {}, brightness),
        ("brightness", {"brightness": "hue"}, lambda f: brightness(f, component="hue")),
        ("blurriness", {}, blurriness),
        ("blurriness", {"blurriness": "slope"}, lambda f: blurriness(f, method="slope")),
        ("mean_flow", {}, flow),
        ("mean_flow", {"flow": "dis"}, lambda f: flow(f, method="dis")),
        ("mean_flow", {"flow": "farneback"}, lambda f: flow(f, method="farneback")),
    ],
)
def test_a_column_is_the_mean_of_its_descriptor_over_all_frames(clips, name, params, describe):
    rows = one(name, **params).fit_transform(clips)
    expected = [describe(clip).mean() for clip in clips]
    np.testing.assert_allclose(rows[:, 0], expected, rtol=1e-4)


def test_the_size_is_that_of_all_frames_in_one_stream(clips):
    rows = one("h264_bytes").fit_transform(clips)
    np.testing.assert_array_equal(rows[:, 0], [h264_bytes(clip) for clip in clips])


def test_the_hog_is_the_whitened_pca_of_the_means_over_time(clips):
    rows = one("hog", hog_components=4).fit_transform(clips)
    means = np.stack([hog(clip).mean(axis=0) for clip in clips])
    expected = PCA(4, whiten=True, svd_solver="full").fit_transform(means)
    np.testing.assert_allclose(np.abs(rows), np.abs(expected), atol=1e-3)
    np.testing.assert_allclose(rows.std(axis=0, ddof=1), 1, rtol=1e-3)


def test_the_pca_knows_only_the_training_videos(clips):
    tier = RawPerception(frame_size=64, hog_components=3).fit(clips[:6])
    alone = tier.transform(clips[:6])
    tier.transform(clips[6:])
    np.testing.assert_array_equal(tier.transform(clips[:6]), alone)


def test_columns_follow_the_order_of_the_descriptors(clips):
    tier = RawPerception(descriptors=("mean_flow", "contrast"), frame_size=64)
    rows = tier.fit_transform(clips)
    assert list(tier.get_feature_names_out()) == ["mean_flow", "contrast"]
    np.testing.assert_array_equal(rows[:, 1:], one("contrast").fit_transform(clips))


def test_an_image_and_a_video_of_one_frame_have_no_flow(clips):
    assert one("mean_flow").fit_transform([clips[0][0], clips[0][:1]]).tolist() == [[0], [0]]


def test_flow_is_per_fifteenth_of_a_second_whatever_the_frame_rate(tmp_path, write_clip, rng):
    """The drift in pixels per second is the same at 7.5, 10 and 15 frames per second."""
    texture = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    paths = []
    for rate in (15, 10, 7.5):
        n_frames, step = int(2 * rate), 15 / rate
        frames = [np.roll(texture, round(2 * step * t), axis=1) for t in range(n_frames)]
        ticks = [round(t * 30 / rate) for t in range(n_frames)]
        paths.append(write_clip(tmp_path / f"{rate}.mp4", np.stack(frames), ticks=ticks))
    drift = one("mean_flow", flow="dis").fit_transform(paths)[:, 0]
    np.testing.assert_allclose(drift, drift[0], rtol=0.1)


def test_frames_that_are_all_but_simultaneous_do_not_inflate_the_flow(tmp_path, write_clip, rng):
    texture = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    frames = np.stack([np.roll(texture, 2 * t, axis=1) for t in range(12)])
    regular = write_clip(tmp_path / "a.mkv", frames, rate=1000, ticks=[67 * t for t in range(12)])
    jitter = [67 * t - 66 * (t % 2) for t in range(12)]
    uneven = write_clip(tmp_path / "b.mkv", frames, rate=1000, ticks=jitter)
    drift = one("mean_flow", flow="dis", frame_rate=1000).fit_transform([regular, uneven])[:, 0]
    assert drift[1] == pytest.approx(drift[0], rel=0.15)


def test_flow_does_not_depend_on_where_blocks_end(clips, monkeypatch):
    def mean_flow(clip):
        return read_video(clip, [one("mean_flow")._reader()])[0]

    whole = [mean_flow(clip) for clip in clips[:3]]
    monkeypatch.setattr("sklearn_m3s.video._reader._BLOCK", 3)
    np.testing.assert_allclose([mean_flow(clip) for clip in clips[:3]], whole, rtol=1e-6)


@pytest.mark.parametrize(
    ("n_videos", "n_columns"), [(5, 4), (2, 1), (1, 0)], ids=["five", "two", "one"]
)
def test_few_videos_reduce_the_components_with_a_warning(clips, n_videos, n_columns):
    tier = one("hog")
    with pytest.warns(M3SWarning, match=f"hog_components=10 is reduced to {n_columns}"):
        rows = tier.fit_transform(clips[:n_videos])
    assert rows.shape == (n_videos, n_columns)
    assert len(tier.get_feature_names_out()) == n_columns


def test_identical_training_videos_do_not_inflate_the_rows_of_new_ones(clips):
    tier = one("hog")
    with pytest.warns(M3SWarning, match="reduced to 2: the 9 training videos do not differ"):
        rows = tier.fit_transform(clips[:3] * 3)
    assert rows.shape == (9, 2)
    assert np.abs(tier.transform(clips)).max() < 100


@pytest.mark.parametrize(
    ("descriptors", "fault"),
    [(["contrast", "colour"], "colour"), ([], "no name"), (["contrast"] * 2, "repetition")],
)
def test_wrong_descriptors_are_named_with_the_right_ones(clips, descriptors, fault):
    with pytest.raises(ValueError, match=f"{fault}.*choose from.*h264_bytes"):
        RawPerception(descriptors=descriptors).fit(clips)


def test_the_thread_setting_of_opencv_is_not_changed(clips, monkeypatch):
    set_threads = []
    monkeypatch.setattr(cv2, "setNumThreads", set_threads.append)
    assert np.isfinite(one("contrast").fit_transform(clips[:2])).all()
    assert not set_threads


def test_without_the_hog_fit_reads_no_video():
    assert RawPerception(descriptors=["contrast"]).fit(["missing.mp4"]).n_features_out_ == 1


def test_another_number_of_components_is_served_from_the_cache(clips, tmp_path, monkeypatch):
    one("hog", hog_components=4, cache=tmp_path).fit(clips)
    monkeypatch.setattr("sklearn_m3s.tiers._describe._read", lambda *_, **__: pytest.fail("read"))
    assert one("hog", hog_components=2, cache=tmp_path).fit_transform(clips).shape == (12, 2)


@pytest.mark.parametrize("clip", ["arm_wrestling.mp4", "flipping_pancake.mkv"])
def test_real_files_have_the_reference_values(reference, clip):
    golden = np.load(reference("golden/descriptors.npz"))
    tier = RawPerception(descriptors=["contrast", "brightness"])
    rows = tier.fit_transform([reference(f"clips/{clip}")])
    expected = [golden[f"{clip}/{key}"].mean() for key in ("contrast", "value_mean")]
    # The reference was converted by swscale's default, which rounds down.
    np.testing.assert_allclose(rows[0], expected, rtol=1e-2)
    assert 0.7 < rows[0, 1] - expected[1] < 1
