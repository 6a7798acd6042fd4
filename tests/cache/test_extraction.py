"""What tiers make of their cache: the libraries behind the numbers, files that change, waiting."""

import hashlib
import itertools
import os
import threading
import time

import av
import cv2
import numpy as np
import pytest

from sklearn_m3s.cache import _digests, cache_info
from sklearn_m3s.tiers import VideoTransformer, _extract


class Size(VideoTransformer):
    """Counts the bytes of files, and those that it was asked for."""

    def __init__(
        self, cache=None, n_jobs=None, on_error="raise", decoder="pyav", verbose=False, hook=None
    ):
        self.cache = cache
        self.n_jobs = n_jobs
        self.on_error = on_error
        self.decoder = decoder
        self.verbose = verbose
        self.hook = hook

    described: list = []

    def _n_described(self):
        return 1

    def _settings(self):
        return {}

    def _describe(self, video):
        self.described.append(video)
        if self.hook:
            self.hook(video)
        return np.array([os.path.getsize(video)], dtype=np.float32)


@pytest.fixture
def described():
    Size.described.clear()
    return Size.described


@pytest.mark.parametrize(
    ("version", "n_described"), [("4.10.0", 1), ("4.10.7-dev", 1), ("4.11.0", 2), ("5.10.0", 2)]
)
def test_another_minor_version_of_opencv_describes_anew_and_a_patch_does_not(
    tmp_path, video, described, monkeypatch, version, n_described
):
    for installed in ("4.10.0", version):
        monkeypatch.setattr(cv2, "__version__", installed)
        Size(cache=tmp_path / "features").fit_transform([video])
    assert len(described) == n_described


@pytest.mark.parametrize(("version", "n_described"), [((62, 28, 9), 1), ((62, 29, 0), 2)])
def test_another_minor_version_of_ffmpeg_describes_anew_and_a_patch_does_not(
    tmp_path, video, described, monkeypatch, version, n_described
):
    for installed in ((62, 28, 1), version):
        monkeypatch.setitem(av.library_versions, "libavcodec", installed)
        Size(cache=tmp_path / "features").fit_transform([video])
    assert len(described) == n_described


def test_the_versions_can_be_read_in_the_settings(tmp_path, video):
    Size(cache=tmp_path / "features").fit_transform([video])
    libraries = cache_info(tmp_path / "features").tiers[0].settings["libraries"]
    assert cv2.__version__.startswith(libraries["opencv"] + ".")
    assert set(libraries) == {"libavcodec", "libswscale", "opencv"}


def test_what_changes_while_it_is_described_is_not_kept(tmp_path, video, described):
    tier = Size(cache=tmp_path / "features", hook=lambda path: path.write_bytes(b"longer by far"))
    assert tier.fit_transform([video])[0, 0] == 13
    assert cache_info(tmp_path / "features").n_entries == 0


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("is_next_process", [False, True])
def test_no_fold_or_later_run_reads_a_file_that_is_known(
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
@pytest.mark.parametrize("is_late", [True, False])
def test_a_folder_that_answers_late_is_asked_by_several_threads(
    tmp_path, described, monkeypatch, is_late
):
    videos = [tmp_path / f"{i}.mp4" for i in range(40)]
    for i, path in enumerate(videos):
        path.write_bytes(b"%d" % i)
    tier = Size(cache=tmp_path / "features").fit(videos)
    tier.transform(videos)
    four, calls, threads = threading.Barrier(4, timeout=60), itertools.count(), set()
    look = _digests._state

    def answer(status):
        call = next(calls)
        threads.add(threading.get_ident())
        if is_late and call < 32:
            time.sleep(0.01)
        elif is_late and call < 36:
            four.wait()  # for ever, if they came one by one
        return look(status)

    monkeypatch.setattr(_digests, "_state", answer)
    if not is_late:
        monkeypatch.setattr(_extract, "_SLOW", np.inf)
    tier.transform(videos)
    assert len(described) == 40
    assert (len(threads) >= 4) == is_late
