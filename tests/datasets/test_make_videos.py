"""Synthetic clips: real files, known factors, the same for the same seed."""

from pathlib import Path

import av
import numpy as np
import pytest

from sklearn_m3s.datasets import make_videos
from sklearn_m3s.metrics import spearman_score

SMALL = {"duration": 0.4, "frame_size": 32}


def frames_of(path):
    with av.open(path) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_clips_are_h264_files_of_the_given_length_and_size(tmp_path):
    data = make_videos(3, tmp_path / "new" / "folder", random_state=0, duration=1, frame_size=48)
    assert [Path(path).name for path in data.videos] == [f"clip_000{i}.mp4" for i in range(3)]
    with av.open(data.videos[0]) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (stream.width, stream.height, stream.frames) == (48, 48, 15)
    assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == [
        Path(path).name for path in data.videos
    ]


def test_a_seed_gives_the_same_files_and_scores(tmp_path):
    one, two, other = (
        make_videos(4, tmp_path / name, random_state=seed, **SMALL)
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    np.testing.assert_array_equal(one.scores, two.scores)
    for a, b in zip(one.videos, two.videos, strict=True):
        assert Path(a).read_bytes() == Path(b).read_bytes()
    assert not np.array_equal(one.scores, other.scores)


def test_scores_are_the_documented_function_of_the_factors(tmp_path):
    data = make_videos(8, tmp_path, random_state=0, noise=0, **SMALL)
    motion, contrast, count, scene = data.factors.T
    effect = np.array([-1.5, 1.5, -0.5, 0.5])[scene.astype(int)]
    counts = np.arange(1, 9)
    expected = 0.65 + 0.05 * (
        (motion - 0.25) * np.sqrt(12) / 0.5
        + (contrast - 0.6) * np.sqrt(12) / 0.8
        - (count - counts.mean()) / counts.std()
        + effect
    )
    np.testing.assert_allclose(data.scores, expected)


def test_scores_are_in_the_unit_interval_and_noise_moves_them(tmp_path):
    still = make_videos(12, tmp_path, random_state=1, noise=0, **SMALL)
    moved = make_videos(12, tmp_path, random_state=1, noise=0.5, **SMALL)
    np.testing.assert_array_equal(still.factors, moved.factors)
    assert moved.scores.min() >= 0
    assert moved.scores.max() <= 1
    assert not np.allclose(still.scores, moved.scores)


def test_the_frames_show_the_factors(tmp_path):
    data = make_videos(24, tmp_path, random_state=0, duration=0.5, frame_size=64)
    clips = [frames_of(path).astype(float) for path in data.videos]
    moving = [np.abs(np.diff(clip, axis=0)).mean() / clip.std() for clip in clips]
    spread = [clip.std() for clip in clips]
    for scene in range(4):
        same = data.factors[:, 3] == scene
        assert same.sum() == 6
        assert spearman_score(data.factors[same, 1], np.array(spread)[same]) > 0.5
    assert spearman_score(data.factors[:, 0] * data.factors[:, 2], moving) > 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_videos", 0), ("duration", 0), ("frame_size", 16), ("noise", -1)],
)
def test_a_parameter_out_of_range_is_named(tmp_path, name, value):
    with pytest.raises(ValueError, match=name):
        make_videos(**{"n_videos": 2, "folder": tmp_path, name: value})


def test_odd_frames_are_refused(tmp_path):
    with pytest.raises(ValueError, match="frame_size=33 is odd"):
        make_videos(2, tmp_path, frame_size=33)
