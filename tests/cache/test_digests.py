"""Keys are always the digests of the current bytes, and unchanged files are read once."""

import hashlib
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sklearn_m3s.cache import _digests


@pytest.fixture
def reads(monkeypatch):
    """Return a list that grows by the name of each file that is read."""
    names = []
    read = hashlib.file_digest

    def count(file, name):
        names.append(Path(file.name).name)
        return read(file, name)

    monkeypatch.setattr(hashlib, "file_digest", count)
    return names


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def records(tmp_path):
    return list((tmp_path / "features" / ".digests").rglob("*.json"))


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
def test_a_file_is_read_once_by_a_process(make_cache, video, reads):
    keys = {make_cache(name).key(video) for name in ("Tier", "Other", "Tier")}
    assert keys == {digest(video)}
    assert reads == ["a.mp4"]


@pytest.mark.usefixtures("settled")
def test_the_next_process_does_not_read_it(make_cache, video, reads, restart):
    key = make_cache().key(video)
    restart()
    assert make_cache("Other").key(video) == key
    assert reads == ["a.mp4"]


@pytest.mark.usefixtures("settled")
def test_the_next_process_reads_each_record_once(make_cache, video, reads, restart, tmp_path):
    make_cache().key(video)
    restart()
    make_cache().key(video)
    for record in records(tmp_path):
        record.unlink()
    make_cache().key(video)
    assert reads == ["a.mp4"]


@pytest.mark.usefixtures("settled")
def test_concurrent_threads_get_the_same_digest(make_cache, tmp_path):
    videos = [tmp_path / f"{i % 5}.mp4" for i in range(40)]
    for video in videos:
        video.write_bytes(video.name.encode())
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(make_cache().key, videos)) == list(map(digest, videos))
    assert len(records(tmp_path)) == 5


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("is_next_process", [False, True])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_changed_file_is_read_again(make_cache, video, change, restart, is_next_process):
    before = make_cache().key(video)
    change(video)
    if is_next_process:
        restart()
    assert make_cache().key(video) == digest(video) != before


@pytest.mark.usefixtures("settled")
def test_a_changed_file_is_known_by_its_last_digest(make_cache, video, reads, restart, tmp_path):
    for _ in range(3):
        append(video)
        make_cache().key(video)
    restart()
    assert make_cache().key(video) == digest(video)
    assert len(reads) == 3
    assert len(records(tmp_path)) == 1


def test_a_change_within_one_tick_of_the_clock_is_seen(make_cache, video, monkeypatch):
    monkeypatch.setattr(
        _digests, "file_state", lambda status: [status.st_size]
    )  # times stand still
    before = make_cache().key(video)
    rewrite_in_place(video)
    assert make_cache().key(video) != before


def test_a_file_counts_as_settled_after_ten_seconds(make_cache, video, reads, monkeypatch):
    written = video.stat().st_ctime_ns
    for seconds in (9, 11, 12):
        monkeypatch.setattr(time, "time_ns", lambda s=seconds: written + s * 10**9)
        make_cache().key(video)
    assert len(reads) == 2


@pytest.mark.usefixtures("settled")
def test_a_renamed_file_is_read_again_to_the_same_digest(make_cache, video, reads):
    before = make_cache().key(video)
    assert make_cache().key(video.rename(video.with_name("b.mp4"))) == before
    assert reads == ["a.mp4", "b.mp4"]


@pytest.mark.usefixtures("settled")
def test_a_record_names_its_file(make_cache, video, tmp_path):
    make_cache().key(video)
    (record,) = records(tmp_path)
    fields = json.loads(record.read_text())
    assert (fields["path"], fields["digest"]) == (str(video), digest(video))


OTHER = "0" * 64


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize(
    "damage",
    [
        lambda record: b"",
        lambda record: b"\xff\x00",
        lambda record: b"{}",
        lambda record: b"[]",
        lambda record: b"null",
        lambda record: b"7",
        lambda record: b"[" * 100_000,
        lambda record: json.dumps(list(record.values())).encode(),
        lambda record: json.dumps(record).encode()[:-9],
        lambda record: {"state": record["state"], "digest": record["digest"]},  # older
        lambda record: record | {"digest": OTHER},
        lambda record: record | {"digest": "ab"},
        lambda record: record | {"digest": 7},
        lambda record: record | {"digest": "z" * 64},
        lambda record: record | {"digest": record["digest"].upper()},
        lambda record: record | {"digest": "../../../" + OTHER[9:]},
        lambda record: record | {"path": "/other.mp4"},
        lambda record: record | {"state": [-1, -1, -1, -1]},
        lambda record: record | {"state": [10**4000]},
        lambda record: record | {"state": {"size": 1}},
        lambda record: record | {"version": 2},
        lambda record: {key.upper(): value for key, value in record.items()},
    ],
)
def test_an_invalid_record_counts_as_missing(make_cache, video, tmp_path, restart, reads, damage):
    make_cache().key(video)
    (record,) = records(tmp_path)
    damaged = damage(json.loads(record.read_text()))
    record.write_bytes(damaged if isinstance(damaged, bytes) else json.dumps(damaged).encode())
    for _ in range(2):
        restart()
        assert make_cache().key(video) == digest(video)
    assert len(reads) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4", "features"}


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("make", [Path.mkdir, getattr(os, "mkfifo", Path.mkdir)])
def test_a_record_that_is_not_a_file_counts_as_missing(make_cache, video, tmp_path, restart, make):
    make_cache().key(video)
    (record,) = records(tmp_path)
    record.unlink()
    make(record)
    restart()
    assert make_cache().key(video) == digest(video)


@pytest.mark.usefixtures("settled")
def test_the_record_of_another_file_counts_as_missing(make_cache, video, tmp_path, restart):
    other = video.with_name("b.mp4")
    other.write_bytes(b"frames of b")
    make_cache().key(other)
    (foreign,) = records(tmp_path)
    content = foreign.read_bytes()
    make_cache().key(video)
    (own,) = set(records(tmp_path)) - {foreign}
    own.write_bytes(content)
    restart()
    assert make_cache().key(video) == digest(video)


@pytest.mark.parametrize("jump", [-(10**9), -60, 60, 10**9], ids=lambda jump: f"{jump} s")
def test_a_clock_that_jumps_hides_no_change(make_cache, video, restart, monkeypatch, jump):
    now = time.time_ns() + jump * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: now)
    for content in (b"frames of b", b"frames of c"):
        make_cache().key(video)
        video.write_bytes(content)
        os.utime(video, ns=(now, now))
        assert make_cache().key(video) == digest(video)
        restart()
        assert make_cache().key(video) == digest(video)


@pytest.mark.usefixtures("settled")
def test_without_a_writable_folder_the_process_still_remembers(make_cache, video, reads, tmp_path):
    (tmp_path / "features").write_text("a file")
    for _ in range(2):
        assert make_cache().key(video) == digest(video)
    assert reads == ["a.mp4"]
    assert (tmp_path / "features").read_text() == "a file"
