"""Digests are those of the bytes at all times, and unchanged files are read once."""

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sklearn_m3s.cache import _digests
from sklearn_m3s.cache._digests import Digests


@pytest.fixture
def reads(monkeypatch):
    """Return a list that gets the name of each file that is read."""
    names = []
    read = hashlib.file_digest

    def count(file, name):
        names.append(Path(file.name).name)
        return read(file, name)

    monkeypatch.setattr(_digests.hashlib, "file_digest", count)
    return names


def rewrite_in_place(path):
    path.write_bytes(b"frames of b")


def rewrite_with_the_old_time(path):
    time = path.stat().st_mtime_ns
    path.write_bytes(b"frames of b")
    os.utime(path, ns=(time, time))


def replace_by_another_of_the_same_time(path):
    other = path.with_name("other")
    rewrite_in_place(other)
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


def append(path):
    with path.open("ab") as file:
        file.write(b", and more")


CHANGES = [
    rewrite_in_place,
    rewrite_with_the_old_time,
    replace_by_another_of_the_same_time,
    append,
]


@pytest.mark.usefixtures("settled")
def test_a_file_is_read_once_by_a_process(make_cache, video, reads, restart):
    keys = {make_cache(name).key(video) for name in ("Tier", "Other", "Tier")}
    assert keys == {hashlib.sha256(b"frames of a").hexdigest()}
    assert reads == ["a.mp4"]


@pytest.mark.usefixtures("settled")
def test_the_next_process_reads_it_no_more(make_cache, video, reads, restart):
    key = make_cache().key(video)
    make_cache().remember()
    restart()
    assert make_cache("Other").key(video) == key
    assert reads == ["a.mp4"]


@pytest.mark.usefixtures("restart")
def test_threads_that_ask_at_once_share_what_they_read(tmp_path, monkeypatch):
    opened = Digests.__init__

    def open_slowly(digests, folder):
        time.sleep(0.05)
        opened(digests, folder)

    monkeypatch.setattr(Digests, "__init__", open_slowly)
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(_digests.shared_digests, [tmp_path] * 4))) == 1


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_changed_file_is_read_again(tmp_path, video, change, reads):
    digests = Digests(tmp_path / "digests")
    digests.of(video)
    digests.save()
    change(video)
    changed = hashlib.sha256(video.read_bytes()).hexdigest()
    assert changed != hashlib.sha256(b"frames of a").hexdigest()
    assert digests.of(video) == Digests(tmp_path / "digests").of(video) == changed


def test_a_change_within_one_tick_of_the_clock_is_seen(tmp_path, video, monkeypatch):
    monkeypatch.setattr(_digests, "_state", lambda status: [status.st_size])  # times stand still
    digests = Digests(tmp_path / "digests")
    before = digests.of(video)
    rewrite_in_place(video)
    assert digests.of(video) != before


def test_a_file_counts_as_settled_after_ten_seconds(tmp_path, video, reads, monkeypatch):
    written = video.stat().st_ctime_ns
    digests = Digests(tmp_path / "digests")
    for seconds in (9, 11, 12):
        monkeypatch.setattr(_digests.time, "time_ns", lambda s=seconds: written + s * 10**9)
        digests.of(video)
    assert len(reads) == 2


@pytest.mark.usefixtures("settled")
def test_a_renamed_file_is_read_again_to_the_same_digest(tmp_path, video, reads):
    digests = Digests(tmp_path / "digests")
    before = digests.of(video)
    assert digests.of(video.rename(tmp_path / "b.mp4")) == before
    assert reads == ["a.mp4", "b.mp4"]


@pytest.mark.usefixtures("settled")
def test_a_changed_file_is_known_by_its_last_digest(tmp_path, video, reads):
    for change in (append, append, append):
        digests = Digests(tmp_path / "digests")
        digests.of(video)
        digests.save()
        change(video)
    Digests(tmp_path / "digests").of(video)
    assert len(reads) == 4


@pytest.mark.usefixtures("settled")
def test_many_small_files_of_digests_become_one(tmp_path, reads):
    videos = [tmp_path / f"{i}.mp4" for i in range(40)]
    for video in videos:
        video.write_bytes(video.name.encode())
        digests = Digests(tmp_path / "digests")
        digests.of(video)
        digests.save()
    assert len(list((tmp_path / "digests").iterdir())) == 40 % 16
    reads.clear()
    digests = Digests(tmp_path / "digests")
    for video in videos:
        assert digests.of(video) == hashlib.sha256(video.name.encode()).hexdigest()
    assert reads == []


@pytest.mark.usefixtures("settled")
def test_digests_are_written_while_many_files_are_read(tmp_path, video, monkeypatch):
    monkeypatch.setattr(_digests, "_MOST_UNSAVED", 1)
    Digests(tmp_path / "digests").of(video)
    assert len(list((tmp_path / "digests").iterdir())) == 1


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("content", [b"", b'{"/a.mp4": [1, 2', b"\xff"])
def test_a_damaged_file_of_digests_is_passed_over(tmp_path, video, content):
    folder = tmp_path / "digests"
    folder.mkdir()
    (folder / f"{0:020d}.{0:032x}.json").write_bytes(content)
    assert Digests(folder).of(video) == hashlib.sha256(b"frames of a").hexdigest()


@pytest.mark.usefixtures("settled")
def test_a_folder_that_cannot_be_written_to_is_no_fault(tmp_path, video, reads):
    (tmp_path / "digests").write_text("a file")
    digests = Digests(tmp_path / "digests")
    for _ in range(2):
        digests.of(video)
        digests.save()
    assert reads == ["a.mp4"]
    assert (tmp_path / "digests").read_text() == "a file"
