"""Tiers with a network: its input, its batches, and the features from its output."""

import pickle
import threading
import time

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from sklearn_m3s import ClipEncoder, EventUnderstanding, FrameEncoder, SceneParsing
from sklearn_m3s.exceptions import M3SError, M3SWarning, WeightsError
from sklearn_m3s.tiers import _describe

RNG = np.random.default_rng(0)
CLIPS = [RNG.integers(0, 256, (10, 40, 40, 3), dtype=np.uint8) for _ in range(5)]
untrained = pytest.mark.filterwarnings("ignore:.*untrained:sklearn_m3s.exceptions.M3SWarning")


class Red(nn.Module):
    """A network that gives the mean of its red channel twice, and notes its batches."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def forward(self, batch):
        self.batches.append(tuple(batch.shape))
        return batch[:, 0].flatten(1).mean(dim=1)[:, None].repeat(1, 2)


def frame_encoder(model=None, **settings):
    return FrameEncoder(
        Red() if model is None else model, frame_size=40, engine="torch", **settings
    )


def clip_encoder(model=None, **settings):
    return ClipEncoder(Red() if model is None else model, frame_size=40, engine="torch", **settings)


def red(frames):
    return frames[..., 0].mean() / 255


def gray(levels):
    """Return a clip whose frames have these levels, in units of 255."""
    return np.stack([np.full((8, 8, 3), round(255 * level), np.uint8) for level in levels])


def test_one_frame_is_the_middle_one():
    rows = frame_encoder().fit_transform(CLIPS)
    np.testing.assert_allclose(rows, [[red(clip[5])] * 2 for clip in CLIPS], rtol=1e-5)


def test_a_clip_is_embedded_as_a_whole():
    rows = clip_encoder(n_frames=5).fit_transform(CLIPS)
    np.testing.assert_allclose(rows[:, 0], [red(clip[1::2]) for clip in CLIPS], rtol=1e-5)


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        ("mean", [0.4, 0.4]),
        ("max", [0.8, 0.8]),
        ("mean_std", [0.4, 0.4, np.std([0, 0.2, 0.4, 0.6, 0.8]), np.std([0, 0.2, 0.4, 0.6, 0.8])]),
        (None, [0, 0, 0.2, 0.2, 0.4, 0.4, 0.6, 0.6, 0.8, 0.8]),
    ],
)
def test_a_ramp_over_time_is_pooled(pool, expected):
    encoder = frame_encoder(n_frames=5, pool=pool)
    rows = encoder.fit_transform([gray([0, 0.2, 0.4, 0.6, 0.8])] * 2)
    np.testing.assert_allclose(rows, [expected] * 2, atol=1e-6)
    assert encoder.n_features_out_ == len(expected)
    assert frame_encoder(n_frames=5, pool=pool).fit(["missing.mp4"]).n_features_out_ == len(
        expected
    )


@pytest.mark.parametrize("make", [frame_encoder, clip_encoder])
def test_embeddings_are_normalised_before_pooling(make):
    rows = make(n_frames=2, normalize=True).fit_transform([gray([0.2, 0.6]), gray([0, 0])])
    np.testing.assert_allclose(rows, [[0.5**0.5] * 2, [0, 0]], rtol=1e-5)


def test_frames_are_normalised_by_mean_and_standard_deviation():
    rows = frame_encoder(mean=(0.2, 0, 0), std=(0.5, 1, 1)).fit_transform([gray([0.6])])
    np.testing.assert_allclose(rows, [[0.8, 0.8]], rtol=1e-5)


def test_all_batches_but_the_last_are_full():
    frames, clips = Red(), Red()
    frame_encoder(frames, n_frames=2, batch_size=2).fit_transform(CLIPS)
    clip_encoder(clips, n_frames=4, batch_size=3).fit_transform(CLIPS)
    assert [shape[0] for shape in frames.batches] == [4, 4, 2]
    # On the CPU, clips go through one at a time.
    assert clips.batches == [(1, 3, 4, 40, 40)] * 5


def test_a_layer_inside_the_network_can_be_the_embedding():
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 1))
    rows = frame_encoder(network, layer="1").fit_transform([gray([0.2])])
    np.testing.assert_allclose(rows, [[0.2] * 3], rtol=1e-5)


def test_a_network_with_one_output_is_a_tier_of_one_column():
    encoder = frame_encoder(lambda: nn.Sequential(nn.Flatten(), nn.Linear(4800, 1)), n_frames=7)
    assert encoder.fit_transform(CLIPS).shape == (5, 1)
    assert encoder.get_feature_names_out().tolist() == ["frameencoder0"]


def test_clones_share_a_module_and_pickles_carry_it():
    encoder = frame_encoder(nn.AdaptiveAvgPool2d(2)).set_output(transform="pandas").fit(CLIPS)
    assert clone(encoder).model is encoder.model
    assert list(clone(encoder).fit_transform(CLIPS).columns) == list(
        encoder.get_feature_names_out()
    )
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(encoder)).transform(CLIPS), encoder.transform(CLIPS)
    )


def test_a_bad_video_leaves_its_batch():
    network = Red()
    tier = frame_encoder(network, batch_size=2, on_error="nan")
    with pytest.warns(M3SWarning, match="1 of 3 videos"):
        rows = tier.fit_transform([CLIPS[0], "missing.mp4", CLIPS[1]])
    assert [shape[0] for shape in network.batches] == [1, 1]
    assert np.isnan(rows[1]).all()


def test_features_that_are_not_finite_mark_a_bad_video():
    class Log(nn.Module):
        def forward(self, batch):
            return batch.flatten(1).mean(dim=1).log()

    with pytest.warns(M3SWarning, match=r"1 of 2 videos(.|\n)*NaN or infinity.*Log.*precision"):
        rows = frame_encoder(Log(), on_error="nan").fit_transform([gray([1.0]), gray([0])])
    np.testing.assert_allclose(rows, [[0], [np.nan]], atol=1e-6)


def test_the_next_batch_and_no_more_is_read_while_one_is_embedded(monkeypatch):
    network, n_read, next_is_read = Red(), [], threading.Event()
    original = _describe.read_video

    def read(*args, **kwargs):
        n_read.append(1)
        if len(n_read) == 4:
            next_is_read.set()
        return original(*args, **kwargs)

    def embed(module, args):
        assert next_is_read.wait(timeout=30), "nothing is read meanwhile"
        time.sleep(0.05)  # time in which more could be read
        assert len(n_read) <= 2 * len(network.batches) + 4

    network.register_forward_pre_hook(embed)
    monkeypatch.setattr(_describe, "read_video", read)
    tier = frame_encoder(network, batch_size=2)
    tier.reduction_, tier.n_features_out_ = None, 2
    rows = tier.transform([*CLIPS, *CLIPS])
    np.testing.assert_allclose(rows[:, 0], [red(clip[5]) for clip in CLIPS] * 2, rtol=1e-5)
    assert len(network.batches) == 5


def test_as_many_videos_are_read_at_a_time_as_there_are_readers():
    network = Red()
    tier = frame_encoder(network, batch_size=2, n_jobs=3, on_error="nan")
    with pytest.warns(M3SWarning, match="1 of 6 videos"):
        tier.fit_transform(["missing.mp4", *CLIPS])
    # Of two batches read at once, one video is missing.
    assert [shape[0] for shape in network.batches] == [2, 1, 2]


def test_videos_before_an_error_of_reading_are_embedded_and_kept(monkeypatch, tmp_path):
    original = _describe.read_video

    def read(video, *args, **kwargs):
        if video is CLIPS[3]:
            raise MemoryError
        return original(video, *args, **kwargs)

    monkeypatch.setattr(_describe, "read_video", read)
    with pytest.raises(MemoryError):
        frame_encoder(nn.Flatten(), batch_size=1, cache=tmp_path).fit_transform(CLIPS)
    assert len(list(tmp_path.rglob("*.npy"))) == 3


def test_fit_of_a_preset_neither_reads_videos_nor_loads_the_network():
    scene, event = SceneParsing(weights=None), EventUnderstanding(weights=None)
    assert scene.fit(["missing.mp4"]).n_features_out_ == 720
    assert event.fit(["missing.mp4"]).n_features_out_ == 2048


def test_missing_weights_are_an_error_before_any_video_is_read(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.pth"):
        SceneParsing(weights=str(tmp_path / "none.pth")).fit_transform(["missing.mp4"])


def test_weights_are_part_of_the_cache_key(tmp_path):
    keys = []
    for seed in (0, 1):
        path = tmp_path / "weights.pth"
        torch.save({"conv1.weight": torch.full((1,), float(seed))}, path)
        keys.append(SceneParsing(weights=path)._settings())
    assert keys[0] != keys[1]


@untrained
def test_both_event_architectures_give_embeddings():
    settings = {"weights": None, "n_frames": 2, "frame_size": 32, "engine": "torch"}
    rows = [
        EventUnderstanding(architecture=name, **settings).fit_transform(CLIPS[:1])
        for name in ("ip_csn_152", "ir_csn_152")
    ]
    assert [row.shape for row in rows] == [(1, 2048), (1, 2048)]
    assert not np.allclose(*rows)


@untrained
def test_presets_give_the_rows_of_the_encoders_that_they_preset():
    settings = {"weights": None, "frame_size": 32, "engine": "torch"}
    pairs = [
        (SceneParsing(**settings), FrameEncoder("hrnetv2_w48", **settings)),
        (
            EventUnderstanding(n_frames=2, **settings),
            ClipEncoder("ip_csn_152", n_frames=2, **settings),
        ),
    ]
    for preset, encoder in pairs:
        rows = [tier.fit_transform(CLIPS[:2]) for tier in (preset, encoder)]
        np.testing.assert_array_equal(*rows)


@pytest.mark.parametrize(
    ("tier", "error", "fault"),
    [
        (FrameEncoder("ip_csn_152"), ValueError, "takes clips.*use ClipEncoder"),
        (ClipEncoder("hrnetv2_w48"), ValueError, "takes images.*use FrameEncoder"),
        (FrameEncoder("hrnet"), ValueError, "model='hrnet' is not known"),
        (FrameEncoder(nn.Identity(), weights=None), ValueError, "weights=None does not go with"),
        (ClipEncoder(nn.Identity()), ValueError, "n_frames=None, but Identity has no fixed number"),
        (FrameEncoder(nn.Identity(), mean=(0, 0)), ValueError, "mean=.* three numbers"),
        (FrameEncoder(nn.Identity(), std=(1, 0, 1)), ValueError, "std=.* three numbers"),
        (FrameEncoder(nn.Identity(), layer="head"), ValueError, "layer='head' is not a module"),
        (FrameEncoder(nn.Conv3d(3, 1, 1)), M3SError, r"Conv3d fails.*ClipEncoder"),
        (SceneParsing(weights=None, device="abacus"), ValueError, "abacus"),
    ],
)
@untrained
def test_the_error_for_conflicting_parameters_names_one_and_the_cure(tier, error, fault):
    with pytest.raises(error, match=fault):
        tier.fit_transform(CLIPS)
