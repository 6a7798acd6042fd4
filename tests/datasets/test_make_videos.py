"""Synthetic clips: real files, known factors, the same for the same seed."""

from pathlib import Path

import av
import numpy as np
import pytest

from sklearn_m3s.datasets import _planted, make_videos
from sklearn_m3s.metrics import spearman_score
from sklearn_m3s.video import stream_frames

SMALL = {"duration": 0.4, "frame_size": 32}


def frames_of(path):
    return np.concatenate([frames for frames, _ in stream_frames(path, frame_size=32)])


def test_clips_are_h264_files_of_the_length_and_size_asked_for(tmp_path):
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


def test_the_factors_can_be_seen_in_the_frames(tmp_path):
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
    [("n_videos", 0), ("duration", 0), ("frame_size", 16), ("noise", -1), ("planted", "sound")],
)
def test_a_parameter_out_of_range_is_named(tmp_path, name, value):
    with pytest.raises(ValueError, match=name):
        make_videos(**{"n_videos": 2, "folder": tmp_path, name: value})


def test_odd_frames_are_refused(tmp_path):
    with pytest.raises(ValueError, match="frame_size=33 is odd"):
        make_videos(2, tmp_path, frame_size=33)


def drawn(motion=0.0, hue=1.0, forward_share=0.5, kind=0, n_frames=30):
    """Return the frames of a clip with a planted effect, of the same ripples every time."""
    factors = (motion, hue, forward_share, kind)
    frames = _planted.draw(factors, n_frames, 64, np.random.default_rng(0), frame_rate=15)
    return np.stack(list(frames)).astype(float)


def hues_of(clip):
    """Return the hue in the picture of each frame, less that of yellow, 90 degrees from red."""
    red, green, blue = clip[:, 20:44, 20:44].mean(axis=(1, 2)).T
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    across = -(blue - luma + 0.0953 * (red - luma)) / 0.9998
    return np.arctan2(across, (red - luma) / 0.8944)


def test_a_seed_gives_the_same_planted_clips_whatever_the_scores_depend_on(tmp_path):
    data = {
        tier: make_videos(4, tmp_path / tier, random_state=0, planted=tier, **SMALL)
        for tier in ("raw", "scene", "event", "similarity")
    }
    raw = data.pop("raw")
    assert raw.factor_names == ["motion", "hue", "forward_share", "kind"]
    assert raw.kind_names == ["orange", "green", "cyan", "magenta"]
    for other in data.values():
        np.testing.assert_array_equal(raw.factors, other.factors)
        assert not np.allclose(raw.scores, other.scores)
        for a, b in zip(raw.videos, other.videos, strict=True):
            assert Path(a).read_bytes() == Path(b).read_bytes()


@pytest.mark.parametrize("tier", ["raw", "scene", "event", "similarity"])
def test_planted_scores_are_the_documented_function_of_one_factor(tmp_path, tier):
    sizes = {"duration": 1, "frame_size": 32}
    data = make_videos(6, tmp_path, random_state=0, noise=0, planted=tier, **sizes)
    motion, hue, forward_share, kind = data.factors.T
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    turns, rarity = np.arange(4) / 3, -np.log(shares)
    spread = np.sqrt(np.average(rarity**2, weights=shares) - (shares @ rarity) ** 2)
    effect = {
        "raw": (motion - 0.25) * np.sqrt(12) / 0.5,
        "scene": np.cos(2 * hue) / np.sqrt(0.5),
        "event": (forward_share - turns.mean()) / turns.std(),
        "similarity": (rarity[kind.astype(int)] - shares @ rarity) / spread,
    }
    np.testing.assert_allclose(data.scores, 0.65 + 0.1 * effect[tier])


def test_planted_factors_have_their_distributions_and_nothing_to_do_with_each_other():
    factors = _planted.draw_factors(80, 30, np.random.default_rng(0))
    effects = [_planted.score(factors, tier, 30) for tier in _planted.PLANTED]
    np.testing.assert_allclose(np.mean(effects, axis=1), 0.65, atol=0.01)
    np.testing.assert_allclose(np.std(effects, axis=1), 0.1, atol=0.01)
    assert np.abs(np.corrcoef(effects) - np.eye(4)).max() < 0.2
    np.testing.assert_allclose(np.bincount(factors[:, 3].astype(int)), [32, 24, 16, 8], atol=2)
    np.testing.assert_allclose(np.unique(factors[:, 2]), np.arange(7) / 6)


def test_planted_colours_do_not_change_the_luma():
    luma = [
        drawn(hue=hue, kind=kind) @ [0.299, 0.587, 0.114]
        for hue, kind in [(0, 0), (2, 1), (4, 2), (5, 3)]
    ]
    for other in luma[1:]:
        np.testing.assert_allclose(luma[0], other, atol=1.5)  # colours are whole numbers


def test_borders_share_one_value_of_hsv():
    values = [drawn(kind=kind, n_frames=1)[..., :16, :].max(axis=-1) for kind in range(4)]
    for other in values[1:]:
        np.testing.assert_allclose(values[0], other, atol=1)


@pytest.mark.parametrize("hue", [0.5, 2.0, 4.0])
@pytest.mark.parametrize("forward_share", [0, 1 / 3, 1])
def test_the_middle_frame_has_the_planted_hue_and_whole_turns_have_none(hue, forward_share):
    clip = drawn(hue=hue, forward_share=forward_share)
    assert np.exp(1j * hues_of(clip)[15]) == pytest.approx(np.exp(1j * hue), abs=0.05)
    other = drawn(hue=1, forward_share=0.5)
    middle = (slice(16, 48),) * 2
    np.testing.assert_allclose(clip.mean(axis=0)[middle], other.mean(axis=0)[middle], atol=1)


@pytest.mark.parametrize("n_forward", range(7))
def test_turns_run_forwards_first_and_then_back(n_forward):
    turns = hues_of(drawn(forward_share=n_forward / 6)).reshape(6, 5)
    steps = np.angle(np.exp(1j * np.diff(turns, axis=1)))
    signs = np.where(np.arange(6) < n_forward, 1, -1)[:, None]
    np.testing.assert_allclose(steps, np.broadcast_to(signs * 2 * np.pi / 5, (6, 4)), atol=0.1)


def test_planted_motion_is_the_length_of_the_drift_in_frame_widths_a_second():
    still, slow, fast = (drawn(motion=motion, n_frames=2).mean(axis=-1) for motion in (0, 0.1, 0.2))
    np.testing.assert_array_equal(still[0], fast[0])
    step = [np.abs(clip[1] - clip[0])[:16].mean() for clip in (still, slow, fast)]
    assert step[0] == 0
    assert step[2] / step[1] == pytest.approx(2, rel=0.05)
