"""Entries of a cache are counted and removed, and other files in its folder are not touched."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from sklearn_m3s.cache import cache_clear, cache_info
from sklearn_m3s.exceptions import M3SError

NOW = time.time()


@pytest.fixture
def folder(make_cache, vector, tmp_path):
    """Return a cache of two tiers: three entries of 4, 2 and 0 days, and one of 6."""
    for name, size, ages in (("Low", 64, [2, 4]), ("Low", 128, [0]), ("High", 64, [6])):
        cache = make_cache(name, frame_size=size)
        cache.prepare()
        for age in ages:
            key = f"{age:064x}"[::-1]
            cache.put(key, vector)
            stamp = NOW - 86400 * age - 60
            path = next((tmp_path / "features" / name).rglob(f"{key}.npy"))
            for written in (path, path.parents[1] / "settings.json"):
                os.utime(written, (stamp, stamp))
    return tmp_path / "features"


def files(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


def test_each_tier_and_settings_are_counted(folder):
    info = cache_info(folder)
    found = {(tier.name, tier.settings["frame_size"]): tier for tier in info.tiers}
    assert {key: tier.n_entries for key, tier in found.items()} == {
        ("High", 64): 1,
        ("Low", 64): 2,
        ("Low", 128): 1,
    }
    assert found["Low", 64].n_bytes == 2 * 180
    assert (info.n_entries, info.n_bytes) == (4, 4 * 180)
    stamps = [datetime.fromtimestamp(NOW - 86400 * age - 60, UTC) for age in (4, 2)]
    for time_, stamp in zip(
        (found["Low", 64].oldest, found["Low", 64].newest), stamps, strict=True
    ):
        assert abs(time_ - stamp) < timedelta(seconds=1)
    assert info.oldest == found["High", 64].oldest
    assert info.newest == found["Low", 128].newest


@pytest.mark.parametrize("stamp", [-(2**31), 2**33, 2**38], ids=["1901", "2242", "no year"])
def test_entries_of_a_wrong_clock_are_counted_and_removed(folder, stamp):
    path = next(folder.rglob("*.npy"))
    os.utime(path, (stamp, stamp))
    info = cache_info(folder)
    assert info.n_entries == 4
    assert info.oldest <= info.newest
    assert cache_clear(folder).n_entries == 4


@pytest.fixture
def marker(folder):
    """Return the file that marks a folder as a cache."""
    (path,) = (path for path in folder.iterdir() if path.is_file())
    return path


def test_the_marker_says_what_the_folder_is(marker):
    assert "cache of sklearn_m3s" in marker.read_text()


def test_a_cleared_cache_is_an_empty_cache(folder):
    cache_clear(folder)
    info = cache_info(folder)
    assert (info.n_entries, info.n_bytes, info.oldest, info.tiers) == (0, 0, None, [])


def test_the_marker_comes_with_the_first_file(make_cache, vector, tmp_path):
    make_cache().put("0" * 64, vector)
    assert cache_info(tmp_path / "features").n_entries == 1


@pytest.mark.usefixtures("settled")
def test_a_folder_of_digests_is_a_cache(make_cache, video, tmp_path):
    make_cache().key(video)
    assert cache_info(tmp_path / "features").n_entries == 0


def lose(path):
    path.unlink()


def damage(path):
    path.write_text("{}")


@pytest.mark.parametrize("change", [lose, damage])
def test_lost_or_damaged_settings_are_none(folder, change):
    for path in folder.rglob("settings.json"):
        change(path)
    assert [tier.settings for tier in cache_info(str(folder)).tiers] == [None] * 3


def test_clearing_removes_all_but_the_marker(folder, marker):
    n_bytes = sum(path.stat().st_size for path in files(folder) - {marker})
    removed = cache_clear(folder)
    assert (removed.n_entries, removed.n_bytes) == (4, n_bytes)
    assert list(folder.iterdir()) == [marker]


@pytest.mark.usefixtures("settled")
def test_digests_are_removed_with_the_whole_cache_but_not_with_a_tier(folder, make_cache, video):
    make_cache().key(video)
    cache_clear(folder, name="Low")
    assert len(list((folder / ".digests").rglob("*.json"))) == 1
    cache_clear(folder)
    assert not (folder / ".digests").exists()


def test_one_tier_is_removed_by_name(folder):
    assert cache_clear(folder, name="Low").n_entries == 3
    assert [path.name for path in folder.glob("[!.]*")] == ["High"]
    assert cache_info(folder).n_entries == 1


def test_old_entries_are_removed_and_the_records_of_the_others_kept(folder):
    assert cache_clear(folder, older_than=timedelta(days=3)).n_entries == 2
    low = [tier for tier in cache_info(folder).tiers if tier.name == "Low"]
    assert {tier.settings["frame_size"]: tier.n_entries for tier in low} == {64: 1, 128: 1}


def test_leftovers_of_killed_processes_are_removed_after_an_hour(folder):
    vector = next(folder.rglob("*.npy"))
    places = [folder, vector.parent, vector.parents[1], folder / ".digests" / "ab"]
    places[3].mkdir(parents=True)
    for place in places:
        for i, age in enumerate((1800, 5400)):
            part = place / f".{i:032x}.npy.part"
            part.write_bytes(b"half")
            os.utime(part, (NOW - age, NOW - age))
    removed = cache_clear(folder, older_than=timedelta(days=30))
    assert (removed.n_entries, removed.n_bytes) == (0, 4 * 4)
    assert {path.name for path in folder.rglob("*.part")} == {f".{0:032x}.npy.part"}


def test_only_files_of_the_cache_are_removed(folder, marker):
    vector = next(folder.rglob("*.npy"))
    foreign = [
        folder / "notes.txt",
        folder / "film.part",
        folder / "videos" / "a.mp4",
        folder / "Low" / "model.npy",
        folder / "Low" / "settings.json",
        folder / "videos" / ("0" * 16) / "settings.json",
        vector.parents[1] / "mean.npy",
        vector.parent / "mean.npy",
        vector.parent / vector.name.replace(vector.name[:2], "zz"),
        vector.parent / "deeper" / vector.name,
    ]
    for path in foreign:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine")
        os.utime(path, (0, 0))
    assert cache_info(folder).n_entries == 4
    assert cache_clear(folder).n_entries == 4
    assert files(folder) == {*foreign, marker}


def test_a_cache_that_was_cleared_can_be_written_to(folder, make_cache, vector):
    cache = make_cache("Low", frame_size=64)
    cache_clear(folder)
    cache.put("0" * 64, vector)
    assert cache_info(folder).n_entries == 1


@pytest.mark.parametrize("function", [cache_info, cache_clear])
def test_a_folder_that_is_not_a_cache_is_refused(function, folder, marker, tmp_path):
    marker.unlink()
    for other in (folder, tmp_path, tmp_path / "missing"):
        with pytest.raises(M3SError, match=r"is not a feature cache.*pass the folder"):
            function(other)
    assert len(list(folder.rglob("*.npy"))) == 4


def test_the_error_for_an_unknown_tier_names_the_known_ones(folder):
    with pytest.raises(M3SError, match=r"name='Lwo': use one of \['High', 'Low'\]"):
        cache_clear(folder, name="Lwo")


def test_an_age_in_seconds_is_refused(folder):
    with pytest.raises(ValueError, match="older_than"):
        cache_clear(folder, older_than=30)
    assert cache_info(folder).n_entries == 4
