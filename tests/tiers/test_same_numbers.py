"""The numbers of a video do not depend on workers, batches, order, cache or engine."""

from functools import partial

import joblib
import numpy as np
import pytest
import torch
from torch import nn

from sklearn_m3s import ClipEncoder, FrameEncoder, RawPerception
from sklearn_m3s.tiers import DescribedVideos, TierUnion, describe, take_videos

N_VIDEOS = 6


def network(kind):
    """Return a small network of frames or of clips, the same each time."""
    convolution, pool = {
        "image": (nn.Conv2d, nn.AdaptiveAvgPool2d(2)),
        "clip": (nn.Conv3d, nn.AdaptiveAvgPool3d(2)),
    }[kind]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = [convolution(3, 8, 3), nn.ReLU(), convolution(8, 8, 3), nn.ReLU()]
        return nn.Sequential(*layers, pool, nn.Flatten())


TIERS = {
    "raw": partial(RawPerception, frame_size=48, hog_components=2),
    "frames": lambda **settings: FrameEncoder(
        network("image"), n_frames=3, frame_size=40, version="1", **settings
    ),
    "clips": lambda **settings: ClipEncoder(
        network("clip"), n_frames=8, frame_size=40, version="1", **settings
    ),
}
ENCODERS = ["frames", "clips"]


@pytest.fixture(scope="module")
def videos(tmp_path_factory, write_clip):
    """Return files, one of variable frame rate and one rotated, and an array."""
    folder = tmp_path_factory.mktemp("videos")
    rng = np.random.default_rng(0)
    clips = np.kron(rng.integers(0, 256, (N_VIDEOS, 12, 6, 8, 3)), np.ones((8, 8, 1)))
    clips = clips.astype(np.uint8)
    ways = [{}, {"ticks": [0, 1, 2, *range(9, 18)]}, {"rotation": 90}, {"rate": 10}, {"rate": 60}]
    paths = [write_clip(folder / f"{i}.mp4", clips[i], **way) for i, way in enumerate(ways)]
    return [*paths, clips[-1]]


@pytest.fixture(scope="module")
def expected(videos):
    """Return the rows of each tier, described alone with default settings."""
    rows = {name: make().fit_transform(videos) for name, make in TIERS.items()}
    for matrix in rows.values():
        assert len(np.unique(matrix.round(3), axis=0)) == N_VIDEOS
    return rows


def check(rows, expected):
    """Compare rows, relative to the largest number of each column."""
    scale = np.abs(expected).max(axis=0)
    assert (np.abs(rows - expected) <= 1e-5 * scale + 1e-6).all()


@pytest.mark.parametrize(
    ("backend", "n_jobs"),
    [("sequential", 1), ("threading", 3), ("loky", 2), ("multiprocessing", 2)],
)
@pytest.mark.parametrize("name", TIERS)
def test_workers_do_not_change_the_numbers(videos, expected, name, backend, n_jobs):
    with joblib.parallel_config(backend=backend):
        check(TIERS[name](n_jobs=n_jobs).fit_transform(videos), expected[name])


@pytest.mark.parametrize("batch_size", [1, 4, 100])
@pytest.mark.parametrize("name", ENCODERS)
def test_batches_do_not_change_the_numbers(videos, expected, name, batch_size):
    check(TIERS[name](batch_size=batch_size).fit_transform(videos), expected[name])


@pytest.mark.parametrize("name", TIERS)
def test_order_and_other_videos_do_not_change_the_numbers(videos, expected, name):
    tier = TIERS[name]().fit(videos)
    order = [3, 0, 5, 1, 4, 2]
    check(tier.transform([videos[i] for i in order]), expected[name][order])
    check(np.vstack([tier.transform([video]) for video in videos]), expected[name])


@pytest.mark.parametrize("name", TIERS)
def test_the_cache_does_not_change_the_numbers(videos, expected, name, tmp_path):
    make = partial(TIERS[name], cache=tmp_path)
    make(n_jobs=2, on_error="nan").fit(videos[:3]).transform(videos[2::-1])
    for _ in ("half full", "full"):
        check(make().fit_transform(videos), expected[name])


def test_tiers_that_share_a_pass_have_the_numbers_of_each(videos, expected, tmp_path):
    for settings in ({}, {"n_jobs": 2}, {"cache": tmp_path}, {"cache": tmp_path}):
        union = TierUnion([(name, make(**settings)) for name, make in TIERS.items()])
        check(union.fit_transform(videos), np.hstack(list(expected.values())))


def test_rows_that_videos_carry_are_the_same(videos, expected):
    tiers = [make() for make in TIERS.values()]
    described = DescribedVideos(videos, tiers, describe(tiers, videos))
    for name, tier in zip(TIERS, tiers, strict=True):
        check(tier.fit(described).transform(take_videos(described, [4, 1])), expected[name][[4, 1]])


@pytest.mark.parametrize("name", ENCODERS)
def test_engines_do_not_change_the_numbers(videos, expected, name):
    pytest.importorskip("openvino")
    for engine in ("torch", "openvino"):
        check(TIERS[name](engine=engine).fit_transform(videos), expected[name])
