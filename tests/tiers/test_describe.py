"""The engine: which files it opens, hashes and writes, and how rows reach the tiers."""

import hashlib
import os
import pickle
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_m3s import FrameEncoder, RawPerception
from sklearn_m3s.cache import FeatureCache
from sklearn_m3s.descriptors import MeanOverTime, brightness
from sklearn_m3s.exceptions import M3SWarning, VideoError
from sklearn_m3s.tiers import (
    DescribedVideos,
    TierUnion,
    VideoTransformer,
    describe,
    describe_all,
    take_videos,
)
from sklearn_m3s.video import FrameReader

WRITES = []  # files that the process writes during a test
LISTENING = []


def note(event, args):
    if not LISTENING:
        return
    is_file = event == "open" and not isinstance(args[0], int)  # and not a pipe
    to_write = is_file and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
    if to_write or event in ("os.mkdir", "os.rename", "tempfile.mkdtemp", "tempfile.mkstemp"):
        WRITES.append(args[0])


sys.addaudithook(note)


@pytest.fixture
def writes():
    """Return a list that grows by each file written from now on."""
    WRITES.clear()
    LISTENING.append(True)
    yield WRITES
    LISTENING.clear()


def mean_colour():
    from torch import nn

    return nn.AdaptiveAvgPool2d(1)


def tiers(**settings):
    return [
        RawPerception(descriptors=["contrast", "brightness"], frame_size=32, **settings),
        RawPerception(descriptors=["hog"], frame_size=32, hog_components=2, **settings),
        FrameEncoder(mean_colour, n_frames=3, frame_size=16, **settings),
    ]


def union(**settings):
    return TierUnion([(f"tier{i}", tier) for i, tier in enumerate(tiers(**settings))])


@pytest.fixture
def videos(tmp_path, rng, write_clip):
    """Return three files of noise."""
    clips = {n: rng.integers(0, 256, (n, 48, 64, 3), dtype=np.uint8) for n in (12, 9, 6)}
    return [write_clip(tmp_path / f"{n}.mp4", clip) for n, clip in clips.items()]


@pytest.fixture
def logged(tmp_path):
    """Return a class of tiers that log each video that is read, in any process, and the log."""
    log = tmp_path / "log.txt"

    class Log:
        def __init__(self, path):
            self.path = path
            self.mean = MeanOverTime(brightness)

        def add(self, frames, times, seconds):
            self.mean.add(frames, times, seconds)

        def value(self):
            with open(self.path, "a") as file:
                file.write(f"{os.getpid()}\n")
            return self.mean.value()

    class Logged(VideoTransformer):
        def __init__(self, *, frame_size=16, **shared):
            super().__init__(**shared)
            self.frame_size = frame_size

        def _n_described(self):
            return 1

        def _reader(self):
            return FrameReader([Log(log)], frame_size=self.frame_size)

    return Logged, lambda: log.read_text().split()


@pytest.mark.parametrize("make", [lambda: tiers()[0], lambda: tiers()[2], union])
def test_without_a_cache_nothing_is_hashed_or_written(videos, writes, monkeypatch, make):
    def refuse(*args):
        raise AssertionError("a video was hashed")

    monkeypatch.setattr(hashlib, "file_digest", refuse)
    monkeypatch.setattr(FeatureCache, "key", refuse)
    rows = make().fit(videos).transform(videos)
    assert len(rows) == 3
    assert writes == []


def test_with_a_cache_the_check_sees_writes(videos, writes, tmp_path):
    union(cache=tmp_path / "features").fit_transform(videos)
    assert writes


def test_each_file_is_decoded_once_for_any_number_of_tiers(videos, decoded):
    together = describe(tiers(), videos)
    assert sorted(decoded) == sorted(videos)
    for rows, tier in zip(together, tiers(), strict=True):
        np.testing.assert_array_equal(rows, describe([tier], videos)[0])


def test_rows_travel_with_the_videos_to_other_processes(videos, logged):
    make, log = logged
    branches = [("one", make()), ("other", make(frame_size=32))]
    expected = FeatureUnion(branches).fit_transform(videos)
    n_alone = len(log())
    with joblib.parallel_config(backend="loky"):
        parallel = TierUnion(branches, n_jobs=2)
        np.testing.assert_array_equal(parallel.fit_transform(videos), expected)
        assert len(log()) == 2 * n_alone  # by each tier once more
        np.testing.assert_array_equal(parallel.transform(videos), expected)
    assert len(log()) == 3 * n_alone
    assert len(set(log())) == 1  # the worker process of this one


def test_branches_with_a_memory_find_the_rows_too(videos, decoded, tmp_path):
    memory = str(tmp_path / "memory")
    branches = [
        (f"tier{i}", Pipeline([("describe", tier), ("scale", StandardScaler())], memory=memory))
        for i, tier in enumerate(tiers()[:2])
    ]
    rows = TierUnion(branches).fit_transform(videos)
    assert sorted(decoded) == sorted(videos)
    np.testing.assert_array_equal(TierUnion(branches).fit_transform(videos), rows)
    assert sorted(decoded) == sorted(2 * videos)


def test_described_videos_are_a_list_that_keeps_its_rows(videos, monkeypatch):
    chosen = tiers()[:2]
    described = DescribedVideos(videos, chosen, describe(chosen, videos))
    assert list(described) == videos
    monkeypatch.setattr("sklearn_m3s.tiers._describe._read", None)
    for copy in (described, pickle.loads(pickle.dumps(described)), DescribedVideos(described)):
        rows = tiers()[0].fit_transform(copy)
        assert rows.shape == (3, 2)
        np.testing.assert_array_equal(
            tiers()[0].fit_transform(take_videos(copy, [2, 0])), rows[[2, 0]]
        )
        assert list(take_videos(copy, np.array([1]))) == videos[1:2]


def test_rows_of_other_settings_are_not_taken(videos, decoded):
    [tier] = tiers()[:1]
    described = DescribedVideos(videos, [tier], describe([tier], videos))
    decoded.clear()
    tier.set_params(frame_size=16).fit_transform(described)
    assert sorted(decoded) == sorted(videos)


def test_a_union_takes_the_rows_that_videos_carry(videos, decoded):
    described = DescribedVideos(videos, tiers(), describe(tiers(), videos))
    decoded.clear()
    rows = union().fit_transform(described)
    assert decoded == []
    np.testing.assert_array_equal(rows, union().fit_transform(videos))


def test_other_branches_see_the_videos_themselves(videos):
    names = FunctionTransformer(lambda X: np.array([[len(Path(video).name)] for video in X]))
    both = TierUnion([*union().transformer_list, ("names", names)])
    np.testing.assert_array_equal(both.fit_transform(videos)[:, -1], [6, 5, 5])


def test_a_bad_video_is_reported_once_for_all_tiers(videos, tmp_path):
    with pytest.raises(VideoError, match=r"^1 of 4 videos.*\n.*missing.mp4.*\nRemove or repair"):
        union().fit_transform([*videos, tmp_path / "missing.mp4"])
    with pytest.warns(M3SWarning, match=r"1 of 4 videos(.|\n)*rows are NaN") as caught:
        rows = union(on_error="nan").fit_transform([*videos, tmp_path / "missing.mp4"])
    assert sum("could not be described" in str(w.message) for w in caught) == 1
    assert np.isnan(rows[3]).all()
    assert np.isfinite(rows[:3]).all()


def test_a_tier_that_raises_overrides_one_that_does_not(videos, tmp_path):
    mixed = union(on_error="nan").set_params(tier2__on_error="raise")
    with pytest.raises(VideoError, match="1 of 4 videos"):
        mixed.fit_transform([*videos, tmp_path / "missing.mp4"])


def test_describe_all_returns_the_rows_and_the_failures(videos, tmp_path):
    (tmp_path / "empty.mp4").touch()
    mixed = [str(tmp_path / "empty.mp4"), *videos, "missing.mp4"]
    tiers = [RawPerception(descriptors=[name]) for name in ("contrast", "brightness")]
    rows, failures = describe_all(tiers, mixed)
    for found, expected in zip(rows, describe(tiers, videos), strict=True):
        np.testing.assert_array_equal(found[1:-1], expected)
        assert np.isnan(found[[0, -1]]).all()
    assert list(failures) == [0, len(mixed) - 1]
    assert all(isinstance(error, VideoError) for error in failures.values())
    assert "is empty" in str(failures[0])


def test_the_columns_of_a_subclass_are_its_own_and_so_are_its_parameters(logged):
    make, _ = logged
    tier = make(frame_size=8, verbose=False, n_jobs=1)
    assert list(tier.get_params()) == sorted(
        ["frame_size", "cache", "n_jobs", "on_error", "decoder", "timeout", "verbose"]
    )
    assert repr(tier) == "Logged(frame_size=8, n_jobs=1)"
    assert tier._settings() == {"decoder": "pyav", "frame_size": 8}
    with pytest.raises(TypeError, match="radius"):
        make(radius=3)


def test_the_reduction_of_a_subclass_is_applied_to_all_rows(videos, logged):
    make, log = logged

    class Scaled(make):
        def _reduction(self):
            return StandardScaler()

    tier = Scaled(on_error="nan").fit(videos)
    np.testing.assert_allclose(tier.transform(videos).mean(), 0, atol=1e-3)
    assert len(log()) == 6
    with pytest.warns(M3SWarning, match="1 of 2"):
        rows = tier.transform([videos[0], "missing.mp4"])
    assert np.isnan(rows[1]).all()


def test_a_subclass_without_a_reader_is_an_error_that_names_it(videos):
    class Empty(VideoTransformer):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty must implement _reader"):
        Empty().fit_transform(videos)


def test_rows_of_nan_are_not_taken_by_a_tier_that_raises(videos):
    bad = [*videos, "missing.mp4"]
    lenient = tiers(on_error="nan")[0]
    with pytest.warns(M3SWarning, match="1 of 4"):
        described = DescribedVideos(bad, [lenient], describe([lenient], bad))
    with pytest.raises(VideoError, match=r"missing\.mp4"):
        tiers()[0].fit_transform(described)


def test_networks_of_one_version_with_different_rows_are_an_error(videos):
    from torch import nn

    networks = [nn.Sequential(nn.Conv2d(3, 2, 1), nn.AdaptiveAvgPool2d(1)) for _ in range(2)]
    branches = [
        (f"tier{i}", FrameEncoder(network, version="1", frame_size=16))
        for i, network in enumerate(networks)
    ]
    with pytest.raises(ValueError, match="pass a different version="):
        TierUnion(branches).fit_transform(videos)


def test_unions_inside_a_union_share_its_pass(videos, decoded):
    inner = Pipeline([("tiers", TierUnion([("a", tiers()[0])])), ("scale", StandardScaler())])
    outer = TierUnion([("inner", inner), ("b", tiers()[2])])
    rows = outer.fit_transform(videos)
    assert sorted(decoded) == sorted(videos)
    assert rows.shape == (3, 5)


def test_a_boolean_mask_takes_videos_with_their_rows(videos):
    tier = tiers()[0]
    rows = describe([tier], videos)
    taken = take_videos(DescribedVideos(videos, [tier], rows), np.array([True, False, True]))
    assert list(taken) == [videos[0], videos[2]]
    np.testing.assert_array_equal(tier.fit_transform(taken), rows[0][[0, 2]])


def test_parameters_are_gathered_along_the_bases():
    class Mixin:
        def __init__(self, *, gain=1, **others):
            super().__init__(**others)
            self.gain = gain

    class Tuned(Mixin, RawPerception):
        def __init__(self, *, radius=3, **others):
            super().__init__(**others)
            self.radius = radius

    class Preset(FrameEncoder):
        def __init__(self, *, model="efficientnet_lite0", gamma=1, **others):
            super().__init__(model, **others)
            self.gamma = gamma

    tuned = clone(Tuned(radius=2, gain=5, flow="dis", cache="features", n_jobs=2))
    assert (tuned.radius, tuned.gain, tuned.flow, tuned.cache, tuned.n_jobs) == (
        2, 5, "dis", "features", 2,
    )  # fmt: skip
    assert {"radius", "gain", "flow", "cache"} <= set(tuned.get_params())
    assert clone(Preset(gamma=2, n_frames=3)).get_params()["n_frames"] == 3


def test_an_array_can_be_a_setting(videos, tmp_path):
    class Weighted(VideoTransformer):
        def __init__(self, *, weights=None, **shared):
            super().__init__(**shared)
            self.weights = weights

        def _reader(self):
            return FrameReader([MeanOverTime(brightness)], frame_size=16)

    one, other = (Weighted(weights=np.array([1.0, i]), cache=tmp_path / "rows") for i in (1, 2))
    TierUnion([("one", one), ("other", other)]).fit_transform(videos)
    assert len(list((tmp_path / "rows" / "Weighted").iterdir())) == 2
