"""How tiers use their cache: versions of libraries, files that change, threads."""

import hashlib
import os
import threading

import av
import cv2
import numpy as np
import pytest

from sklearn_m3s.cache import cache_info
from sklearn_m3s.tiers import VideoTransformer, _describe


class Size(VideoTransformer):
    """Counts the bytes of files: see `described`."""

    def _reader(self):
        return None


@pytest.fixture
def described(monkeypatch):
    """Return the files that were read; in place of frames, their bytes are counted."""
    paths = []

    def read(path, readers, *, decoder):
        paths.append(path)
        return [np.array([os.path.getsize(path)], dtype=np.float32) for _ in readers]

    monkeypatch.setattr(_describe, "read_video", read)
    monkeypatch.setattr(Size, "_n_described", lambda self: 1)
    return paths


@pytest.mark.parametrize(
    ("version", "n_described"), [("4.10.0", 1), ("4.10.7-dev", 1), ("4.11.0", 2), ("5.10.0", 2)]
)
def test_another_minor_version_of_opencv_describes_again_and_a_patch_does_not(
    tmp_path, video, described, monkeypatch, version, n_described
):
    for installed in ("4.10.0", version):
        monkeypatch.setattr(cv2, "__version__", installed)
        Size(cache=tmp_path / "features").fit_transform([video])
    assert len(described) == n_described


@pytest.mark.parametrize(("version", "n_described"), [((62, 28, 9), 1), ((62, 29, 0), 2)])
def test_another_minor_version_of_ffmpeg_describes_again_and_a_patch_does_not(
    tmp_path, video, described, monkeypatch, version, n_described
):
    for installed in ((62, 28, 1), version):
        monkeypatch.setitem(av.library_versions, "libavcodec", installed)
        Size(cache=tmp_path / "features").fit_transform([video])
    assert len(described) == n_described


@pytest.mark.usefixtures("described")
def test_the_versions_can_be_read_in_the_settings(tmp_path, video):
    Size(cache=tmp_path / "features").fit_transform([video])
    libraries = cache_info(tmp_path / "features").tiers[0].settings["libraries"]
    assert cv2.__version__.startswith(libraries["opencv"] + ".")
    assert set(libraries) == {"libavcodec", "libswscale", "opencv"}


def test_what_changes_while_it_is_described_is_not_kept(tmp_path, video, monkeypatch):
    def read(path, readers, *, decoder):
        path.write_bytes(b"longer by far")
        return [np.array([13.0])]

    monkeypatch.setattr(_describe, "read_video", read)
    assert Size(cache=tmp_path / "features").fit_transform([video])[0, 0] == 13
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
def test_files_are_hashed_by_several_threads(tmp_path, described, monkeypatch):
    videos = [tmp_path / f"{i}.mp4" for i in range(8)]
    for i, path in enumerate(videos):
        path.write_bytes(b"%d" % i)
    together, original = threading.Barrier(2, timeout=60), hashlib.file_digest
    first = iter(range(2))

    def digest(*args):
        if next(first, None) is not None:
            together.wait()  # for ever, if files were hashed one by one
        return original(*args)

    monkeypatch.setattr(hashlib, "file_digest", digest)
    Size(cache=tmp_path / "features").fit_transform(videos)
    assert len(described) == 8
