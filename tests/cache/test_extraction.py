"""How tiers use their cache: versions of libraries, files that change, threads."""

import hashlib
import os
import shutil
import threading

import av
import cv2
import numpy as np
import pytest

from sklearn_m3s import RawPerception
from sklearn_m3s.cache import FeatureCache, cache_info
from sklearn_m3s.descriptors import MeanOverTime
from sklearn_m3s.exceptions import M3SError, M3SWarning, VideoError
from sklearn_m3s.tiers import VideoTransformer, _describe, _tier_rows
from sklearn_m3s.video import FrameReader


class Size(VideoTransformer):
    """A tier that counts the bytes of files; see `described`."""

    def _reader(self):
        return None


@pytest.fixture
def described(monkeypatch):
    """Return a list that grows by each file that is read. Bytes are counted in place of frames."""
    paths = []

    def read(task, **settings):
        path, readers = task
        paths.append(path)
        return [np.array([os.path.getsize(path)], dtype=np.float32) for _ in readers], []

    monkeypatch.setattr(_describe, "_read", read)
    monkeypatch.setattr(_tier_rows, "check_content", lambda video: None)
    monkeypatch.setattr(Size, "_n_described", lambda self: 1)
    return paths


@pytest.mark.parametrize(
    ("version", "n_described"), [("4.10.0", 1), ("4.10.7-dev", 1), ("4.11.0", 2), ("5.10.0", 2)]
)
def test_a_minor_version_of_opencv_invalidates_rows_and_a_patch_does_not(
    tmp_path, video, described, monkeypatch, version, n_described
):
    for installed in ("4.10.0", version):
        monkeypatch.setattr(cv2, "__version__", installed)
        Size(cache=tmp_path / "features").fit_transform([video])
    assert len(described) == n_described


@pytest.mark.parametrize(("version", "n_described"), [((62, 28, 9), 1), ((62, 29, 0), 2)])
def test_a_minor_version_of_ffmpeg_invalidates_rows_and_a_patch_does_not(
    tmp_path, video, described, monkeypatch, version, n_described
):
    for installed in ((62, 28, 1), version):
        monkeypatch.setitem(av.library_versions, "libavcodec", installed)
        Size(cache=tmp_path / "features").fit_transform([video])
    assert len(described) == n_described


def test_a_minor_version_of_pyav_invalidates_rows(tmp_path, video, described, monkeypatch):
    for installed in ("18.1.0", "18.2.0"):
        monkeypatch.setattr(av, "__version__", installed)
        Size(cache=tmp_path / "features").fit_transform([video])
    assert len(described) == 2


def test_anything_but_a_video_is_never_hashed(tmp_path, monkeypatch):
    path = tmp_path / "huge.mp4"
    path.write_bytes(b"")
    os.truncate(path, 10**11)  # takes no space on the disk
    hashed = []
    monkeypatch.setattr(hashlib, "file_digest", lambda *args: hashed.append(args))
    tier = RawPerception(descriptors=["brightness"], cache=tmp_path / "features")
    with pytest.raises(VideoError, match="cannot be decoded"):
        tier.fit_transform([path])
    assert not hashed


@pytest.mark.usefixtures("described")
def test_the_versions_can_be_read_in_the_settings(tmp_path, video):
    Size(cache=tmp_path / "features").fit_transform([video])
    libraries = cache_info(tmp_path / "features").tiers[0].settings["libraries"]
    assert cv2.__version__.startswith(libraries["opencv"] + ".")
    assert av.__version__.startswith(libraries["pyav"] + ".")
    assert set(libraries) == {"libavcodec", "libswscale", "opencv", "pyav"}


def test_the_row_of_a_file_that_changes_meanwhile_is_not_kept(tmp_path, video, monkeypatch):
    def read(task, **settings):
        task[0].write_bytes(b"longer by far")
        return [np.array([13.0])], []

    monkeypatch.setattr(_describe, "_read", read)
    assert Size(cache=tmp_path / "features").fit_transform([video])[0, 0] == 13
    assert cache_info(tmp_path / "features").n_entries == 0


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("is_next_process", [False, True])
def test_folds_and_later_runs_do_not_read_known_files(
    tmp_path, described, monkeypatch, restart, is_next_process
):
    copies = [tmp_path / f"{i}.mp4" for i in range(20)]
    for i, copy in enumerate(copies):
        copy.write_bytes(b"%d" % i)
    tier = Size(cache=tmp_path / "features").fit(copies)
    rows = tier.transform(copies)
    if is_next_process:
        restart()
    monkeypatch.setattr(hashlib, "file_digest", None)
    np.testing.assert_array_equal(tier.transform(copies[::-1]), rows[::-1])
    assert len(described) == 20


@pytest.mark.usefixtures("settled", "restart")
def test_files_are_hashed_by_several_threads(tmp_path, described, monkeypatch):
    videos = [tmp_path / f"{i}.mp4" for i in range(8)]
    for i, path in enumerate(videos):
        path.write_bytes(b"%d" % i)
    together, original = threading.Barrier(2, timeout=60), hashlib.file_digest
    first = iter(range(2))

    def digest(*args):
        if next(first, None) is not None:
            together.wait()  # would wait for ever if files were hashed one by one
        return original(*args)

    monkeypatch.setattr(hashlib, "file_digest", digest)
    Size(cache=tmp_path / "features").fit_transform(videos)
    assert len(described) == 8


class Mean(VideoTransformer):
    """A tier of the means of frames, changed by a function of the test."""

    change = staticmethod(lambda mean: [mean, 1])

    def _n_described(self):
        return 2

    def _reader(self):
        return FrameReader([MeanOverTime(lambda frames: frames.mean(axis=(1, 2, 3)))], frame_size=4)

    def _embedder(self, n_videos):
        return lambda items: [self.change(item[0]) for item in items]


@pytest.fixture
def clips(draw, write_clip, tmp_path):
    """Return a file, an array with other grey levels, and a bad video."""
    frames = draw(3)
    write_clip(tmp_path / "bad.mp4", np.full_like(frames, 250))
    write_clip(tmp_path / "good.mp4", np.full_like(frames, 100))
    return [
        str(tmp_path / "good.mp4"),
        str(tmp_path / "bad.mp4"),
        np.full_like(frames, 7),
        np.full_like(frames, 251),
    ]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("cached", [True, False])
def test_a_row_that_is_not_finite_is_not_kept_and_names_its_video(
    tmp_path, clips, monkeypatch, value, cached
):
    folder = tmp_path / "features" if cached else None
    monkeypatch.setattr(Mean, "change", staticmethod(lambda m: [m, value if m > 200 else 1]))
    for _ in range(2):
        with pytest.raises(
            VideoError, match=r"2 of 4 videos.*\n.*bad\.mp4: has NaN or infinity in 1 of 2"
        ) as caught:
            Mean(cache=folder).fit_transform(clips)
        assert [name for name, _ in caught.value.failures] == [
            clips[1],
            f"X[3] (array of shape {clips[3].shape})",
        ]
    with pytest.warns(
        M3SWarning, match=r"bad\.mp4: has NaN or infinity in 1 of 2 features of Mean"
    ):
        rows = Mean(cache=folder, on_error="nan").fit_transform(clips)
    assert np.isnan(rows).all(axis=1).tolist() == [False, True, False, True]
    np.testing.assert_allclose(rows[[0, 2], 0], [100, 7], atol=1)
    if cached:
        assert cache_info(folder).n_entries == 2


def test_a_full_disk_loses_no_row(tmp_path, clips, monkeypatch):
    resource = pytest.importorskip("resource")
    folder, limits = tmp_path / "features", resource.getrlimit(resource.RLIMIT_FSIZE)
    expected = Mean().fit_transform(clips)
    Mean(cache=folder).fit_transform(clips[:1])

    def fill_the_disk(mean):
        resource.setrlimit(resource.RLIMIT_FSIZE, (150, limits[1]))  # less than a row
        return [mean, 1]

    monkeypatch.setattr(Mean, "change", staticmethod(fill_the_disk))
    try:
        with pytest.warns(M3SWarning, match="continues, but .*free some space") as caught:
            rows = Mean(cache=folder).fit_transform(clips)
        with pytest.raises(M3SError, match="free some space"):  # before any work
            Mean(cache=folder).fit_transform(clips)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    np.testing.assert_array_equal(rows, expected)
    assert len(caught) == 1
    assert not list(folder.rglob("*.part"))
    assert cache_info(folder).n_entries == 1


def test_deleting_the_folder_at_any_time_loses_no_row(tmp_path, monkeypatch):
    frames = (
        np.zeros((40, 2, 4, 4, 3), np.uint8)
        + np.arange(40, dtype=np.uint8)[:, None, None, None, None]
    )
    folder, put, turns = tmp_path / "features", FeatureCache.put, iter(range(1000))

    def put_and_delete(cache, key, vector):
        put(cache, key, vector)
        if next(turns) % 3 == 0:
            shutil.rmtree(folder)

    monkeypatch.setattr(FeatureCache, "put", put_and_delete)
    for _ in range(3):
        rows = Mean(cache=folder).fit_transform(list(frames))
        np.testing.assert_array_equal(rows[:, 0], np.arange(40))


def test_damaged_entries_are_described_again(tmp_path, clips):
    expected = Mean(cache=tmp_path / "features").fit_transform(clips)
    for i, path in enumerate(sorted((tmp_path / "features").rglob("*.npy"))):
        content = bytearray(path.read_bytes())
        content[130 + i] ^= 64
        path.write_bytes(content)
    np.testing.assert_array_equal(Mean(cache=tmp_path / "features").fit_transform(clips), expected)
    np.testing.assert_array_equal(Mean(cache=tmp_path / "features").fit_transform(clips), expected)


def test_a_cache_that_is_a_file_is_an_error_before_any_work(tmp_path, clips, decoded):
    (tmp_path / "features").touch()
    with pytest.raises(M3SError, match="pass another folder as cache="):
        Mean(cache=tmp_path / "features").fit_transform(clips)
    assert decoded == []
