"""The folder of features: found by content and settings, never half-written."""

import io
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from sklearn_m3s.cache import cache_clear, cache_info
from sklearn_m3s.exceptions import M3SError


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_get_returns_what_was_put(make_cache, video, vector):
    cache = make_cache()
    assert cache.get(cache.key(video)) is None
    cache.put(cache.key(video), vector)
    np.testing.assert_array_equal(make_cache().get(cache.key(video)), vector)


def test_no_folder_is_created_before_the_first_write(make_cache, video, tmp_path):
    cache = make_cache()
    cache.get(cache.key(video))
    assert not (tmp_path / "features").exists()


def test_a_renamed_or_copied_file_is_found(make_cache, video, tmp_path):
    key = make_cache().key(video)
    copy = shutil.copy(video, tmp_path / "copy.mkv")
    assert make_cache().key(copy) == key
    assert make_cache().key(video.rename(tmp_path / "renamed.mp4")) == key


def test_a_changed_file_is_not_found(make_cache, video, vector):
    cache = make_cache()
    cache.put(cache.key(video), vector)
    video.write_bytes(b"frames of b")
    assert cache.get(cache.key(video)) is None


@pytest.mark.parametrize("changed", [{"version": 2}, {"frame_size": 128}, {"weights": "sha"}])
def test_changed_settings_are_not_found(make_cache, video, vector, changed):
    cache = make_cache()
    cache.put(cache.key(video), vector)
    assert make_cache(**changed).get(cache.key(video)) is None


def test_arrays_are_told_apart_by_values_shape_and_dtype(make_cache, rng):
    cache = make_cache()
    array = rng.integers(0, 256, (2, 4, 6, 3), dtype=np.uint8)
    others = [array + 1, array.reshape(2, 6, 4, 3), array.view(np.int8)]
    assert cache.key(array[:, :, ::-1][:, :, ::-1]) == cache.key(array)
    assert len({cache.key(a) for a in [array, *others]}) == 4


def entry(tmp_path, key):
    return next((tmp_path / "features").rglob(f"{key}.npy"))


def test_an_entry_can_be_read_by_numpy(make_cache, vector, tmp_path):
    make_cache().put("0" * 64, vector)
    np.testing.assert_array_equal(np.load(entry(tmp_path, "0" * 64)), vector)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no numbers",
        b"PK\x03\x04",
        npy(np.arange(5, dtype=np.float32)),  # as an earlier version wrote them, without checksums
        npy(np.full(5, np.nan, np.float32)),
        npy(np.arange(5.0)),
        npy(np.zeros((1, 5), np.float32)),
        npy(np.zeros(5, ">f4")),
        npy(np.arange(5, dtype=np.float32)) + bytes(32),
    ],
)
def test_a_foreign_entry_is_a_miss_and_the_next_write_replaces_it(
    make_cache, vector, tmp_path, content
):
    cache, key = make_cache(), "0" * 64
    cache.put(key, vector)
    entry(tmp_path, key).write_bytes(content)
    assert cache.get(key) is None
    cache.put(key, vector)
    np.testing.assert_array_equal(cache.get(key), vector)


def test_every_changed_or_missing_byte_of_an_entry_is_noticed(make_cache, vector, tmp_path):
    cache, key = make_cache(), "0" * 64
    cache.put(key, vector)
    path = entry(tmp_path, key)
    whole = path.read_bytes()
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 1 << i % 8]) + whole[i + 1 :])
        assert cache.get(key) is None
        path.write_bytes(whole[:i])
        assert cache.get(key) is None
    path.write_bytes(whole)
    np.testing.assert_array_equal(cache.get(key), vector)


@pytest.mark.parametrize("other", [("Tier", {"size": 2}), ("Other", {}), ("Tier", {})])
def test_an_entry_of_another_video_tier_or_setting_is_a_miss(make_cache, vector, tmp_path, other):
    cache, (name, settings) = make_cache(), other
    cache.put("0" * 64, vector)
    theirs = make_cache(name, **settings)
    theirs.put("1" * 64, vector)
    shutil.copy(entry(tmp_path, "1" * 64), entry(tmp_path, "0" * 64))
    assert make_cache().get("0" * 64) is None


@pytest.mark.parametrize("make", [Path.mkdir, getattr(os, "mkfifo", Path.mkdir)])
def test_anything_but_a_file_is_a_miss(make_cache, vector, tmp_path, make):
    cache, key = make_cache(), "0" * 64
    cache.put(key, vector)
    path = entry(tmp_path, key)
    path.unlink()
    make(path)
    assert cache.get(key) is None


@pytest.mark.parametrize("key", ["", "0" * 63, "../" * 20 + "0000", "A" * 64, f"{'0' * 64}\n"])
def test_a_key_that_is_not_a_digest_is_not_found(make_cache, vector, tmp_path, key):
    assert make_cache().get(key) is None
    with pytest.raises(ValueError, match="key must have 64 hexadecimal digits"):
        make_cache().put(key, vector)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_is_not_kept(make_cache, value):
    with pytest.raises(ValueError, match="description must be finite"):
        make_cache().put("0" * 64, np.array([1, value], np.float32))
    assert make_cache().get("0" * 64) is None


def test_vectors_are_kept_as_float32(make_cache, video):
    cache = make_cache()
    cache.put(cache.key(video), [1, 1 / 3])
    assert cache.get(cache.key(video)).tolist() == [1, float(np.float32(1 / 3))]


@pytest.mark.parametrize("value", [1.0, np.zeros((1, 5), np.float32)], ids=["number", "matrix"])
def test_only_vectors_can_be_put(make_cache, video, value):
    with pytest.raises(ValueError, match=r"description must be of shape \(n,\), got"):
        make_cache().put(make_cache().key(video), value)


def test_a_failed_write_leaves_nothing_behind(make_cache, video, vector, tmp_path, monkeypatch):
    cache = make_cache()
    cache.prepare()
    monkeypatch.setattr(os, "replace", Mock(side_effect=OSError("no space left on device")))
    with pytest.raises(M3SError, match="no space left"):
        cache.put(cache.key(video), vector)
    assert cache.get(cache.key(video)) is None
    assert not list((tmp_path / "features").rglob("*.part"))


def test_a_folder_that_is_removed_just_before_a_write_is_created_again(
    make_cache, video, vector, monkeypatch
):
    cache = make_cache()
    cache.prepare()
    mkdir, removed = Path.mkdir, []

    def make_and_lose(path, *args, **kwargs):
        mkdir(path, *args, **kwargs)
        if not removed:
            removed.append(path)
            path.rmdir()

    monkeypatch.setattr(Path, "mkdir", make_and_lose)
    cache.put(cache.key(video), vector)
    assert removed
    np.testing.assert_array_equal(cache.get(cache.key(video)), vector)


def test_settings_can_be_read_beside_the_entries(make_cache, tmp_path):
    make_cache(frame_size=128).prepare()
    record = next((tmp_path / "features" / "Tier").glob("*/settings.json"))
    assert '"frame_size": 128' in record.read_text()


def test_numpy_numbers_are_the_same_settings_as_python_numbers(make_cache, video, vector):
    cache = make_cache(frame_size=np.int64(64))
    cache.put(cache.key(video), vector)
    assert make_cache(frame_size=64).get(cache.key(video)) is not None


@contextmanager
def unprivileged():
    """Run as a user without root's permissions."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs the permissions of POSIX")
@pytest.mark.parametrize("mode", [0o000, 0o500])
def test_a_folder_without_permission_is_an_m3s_error(make_cache, vector, tmp_path, mode):
    cache, folder = make_cache(), tmp_path / "features"
    cache.put("0" * 64, vector)
    folder.chmod(mode)
    try:
        with unprivileged():
            for action in (cache.prepare, lambda: cache.put("1" * 64, vector)):
                with pytest.raises(M3SError, match=r"features.*pass another folder as cache="):
                    action()
            with pytest.raises(M3SError, match="features"):
                cache_clear(folder)
    finally:
        folder.chmod(0o700)


def test_a_deleted_folder_is_created_again_with_its_settings(make_cache, vector, tmp_path):
    cache = make_cache()
    cache.put("0" * 64, vector)
    shutil.rmtree(tmp_path / "features")
    assert cache.get("0" * 64) is None
    cache.put("1" * 64, vector)
    np.testing.assert_array_equal(cache.get("1" * 64), vector)
    assert cache_info(tmp_path / "features").tiers[0].settings == {"version": 1}


def test_a_folder_that_cannot_be_written_is_named_with_the_cure(make_cache, vector, tmp_path):
    (tmp_path / "features").write_text("a file")
    with pytest.raises(M3SError, match=r"features.*pass another folder as cache="):
        make_cache().prepare()
    with pytest.raises(M3SError, match=r"features.*pass another folder as cache="):
        make_cache().put("0" * 64, vector)


def test_a_number_is_not_a_path(make_cache):
    with pytest.raises(TypeError):
        make_cache().key(0)


def test_a_folder_is_not_a_file(make_cache, tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a file"):
        make_cache().key(tmp_path)
