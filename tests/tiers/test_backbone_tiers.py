"""The deep tiers: what reaches their networks, and in which portions."""

import threading
import time

import numpy as np
import pytest

from sklearn_m3s import EventUnderstanding, SceneParsing, backbones
from sklearn_m3s.exceptions import M3SWarning, WeightsError
from sklearn_m3s.tiers import _backbone_tier

RNG = np.random.default_rng(0)
CLIPS = [RNG.integers(0, 256, (10, 40, 40, 3), dtype=np.uint8) for _ in range(5)]


class Recorder:
    """Stands in for a network: its embedding of a frame is the mean of its red channel."""

    def __init__(self, width):
        self.width = width
        self.batches = []

    def embed(self, frames):
        self.batches.append(frames.shape)
        means = frames[..., 0].reshape(len(frames), -1).mean(axis=1, dtype=np.float32)
        return np.repeat(means[:, None], self.width, axis=1)


@pytest.fixture
def record(monkeypatch):
    def use(width):
        recorder = Recorder(width)
        monkeypatch.setattr(backbones, "load_backbone", lambda **kwargs: recorder)
        return recorder

    return use


def test_the_scene_is_read_from_the_middle_frame(record):
    recorder = record(720)
    rows = SceneParsing(frame_size=40).fit_transform(CLIPS)
    assert recorder.batches == [(5, 40, 40, 3)]
    assert rows.shape == (5, 720)
    np.testing.assert_allclose(rows[:, 0], [clip[5, ..., 0].mean() for clip in CLIPS], rtol=1e-5)


def test_several_frames_of_a_scene_are_averaged(record):
    recorder = record(720)
    rows = SceneParsing(frame_size=40, n_frames=5).fit_transform(CLIPS[:2])
    assert recorder.batches == [(10, 40, 40, 3)]
    expected = [clip[1::2, ..., 0].mean() for clip in CLIPS[:2]]
    np.testing.assert_allclose(rows[:, 0], expected, rtol=1e-5)


def test_events_are_embedded_as_whole_clips_in_batches(record):
    recorder = record(2048)
    rows = EventUnderstanding(frame_size=40, n_frames=4, batch_size=2).fit_transform(CLIPS)
    assert recorder.batches == [(2, 4, 40, 40, 3), (2, 4, 40, 40, 3), (1, 4, 40, 40, 3)]
    assert rows.shape == (5, 2048)


def test_a_bad_video_leaves_its_batch(record):
    recorder = record(720)
    tier = SceneParsing(frame_size=40, batch_size=2, on_error="nan")
    with pytest.warns(M3SWarning, match="1 of 3 videos"):
        rows = tier.fit_transform([CLIPS[0], "missing.mp4", CLIPS[1]])
    assert [shape[0] for shape in recorder.batches] == [1, 1]
    assert np.isnan(rows[1]).all()


def test_the_next_batch_and_no_more_is_read_while_one_is_embedded(record, monkeypatch):
    recorder, n_read, next_is_read = record(720), [], threading.Event()

    def read(clip, **kwargs):
        n_read.append(clip)
        if len(n_read) == 4:
            next_is_read.set()
        return clip[:1]

    def embed(frames):
        assert next_is_read.wait(timeout=30), "nothing is read meanwhile"
        time.sleep(0.05)  # for more to be read, if that were possible
        assert len(n_read) <= 2 * len(recorder.batches) + 4
        return Recorder.embed(recorder, frames)

    monkeypatch.setattr(_backbone_tier, "read_clip", read)
    monkeypatch.setattr(recorder, "embed", embed)
    rows = SceneParsing(batch_size=2).fit_transform([*CLIPS, *CLIPS])
    np.testing.assert_allclose(rows[:, 0], [clip[0, ..., 0].mean() for clip in CLIPS] * 2)
    assert len(recorder.batches) == 5


def test_as_many_videos_are_read_at_a_time_as_there_are_readers(record):
    recorder = record(720)
    tier = SceneParsing(frame_size=40, batch_size=2, n_jobs=3, on_error="nan")
    with pytest.warns(M3SWarning, match="1 of 6 videos"):
        tier.fit_transform(["missing.mp4", *CLIPS])
    # Of two batches read at once, one video is missing.
    assert [shape[0] for shape in recorder.batches] == [2, 1, 2]


def test_videos_before_an_error_of_reading_are_embedded_and_handed_on(record, monkeypatch):
    def read(clip, **kwargs):
        if clip is CLIPS[3]:
            raise MemoryError
        return clip[:1]

    record(720)
    monkeypatch.setattr(_backbone_tier, "read_clip", read)
    rows = []
    with pytest.raises(MemoryError):
        rows.extend(SceneParsing(batch_size=1)._outcomes(CLIPS))
    assert len(rows) == 3


def test_fit_neither_reads_videos_nor_loads_the_network(monkeypatch):
    def refuse(**kwargs):
        raise AssertionError("the network was loaded")

    monkeypatch.setattr(backbones, "load_backbone", refuse)
    assert SceneParsing().fit(["missing.mp4"]).n_features_out_ == 720
    assert EventUnderstanding().fit(["missing.mp4"]).n_features_out_ == 2048


def test_missing_weights_are_an_error_before_any_video_is_read(tmp_path):
    tier = SceneParsing(weights=str(tmp_path / "none.pth")).fit(["missing.mp4"])
    with pytest.raises(WeightsError, match=r"none\.pth"):
        tier.transform(["missing.mp4"])


def test_weights_are_part_of_the_cache_key(tmp_path):
    path = tmp_path / "weights.pth"
    keys = []
    for content in (b"one", b"another"):
        path.write_bytes(content)
        keys.append(SceneParsing(weights=path)._settings())
    assert keys[0] != keys[1]


def test_an_unknown_device_is_named_with_the_cure():
    tier = SceneParsing(weights=None, device="abacus").fit(CLIPS)
    with pytest.raises(ValueError, match="abacus"):
        tier.transform(CLIPS)


@pytest.mark.filterwarnings("ignore:.*untrained:sklearn_m3s.exceptions.M3SWarning")
def test_both_architectures_of_events_embed():
    kwargs = {"weights": None, "n_frames": 2, "frame_size": 32}
    rows = [
        EventUnderstanding(architecture=name, **kwargs).fit_transform(CLIPS[:1])
        for name in ("ip_csn_152", "ir_csn_152")
    ]
    assert [row.shape for row in rows] == [(1, 2048), (1, 2048)]
    assert not np.allclose(*rows)
