"""The folder of features: found by content and settings, never half-written."""

import os
import shutil
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from sklearn_m3s.exceptions import M3SError


def test_what_was_put_is_got_again(make_cache, video, vector):
    cache = make_cache()
    assert cache.get(cache.key(video)) is None
    cache.put(cache.key(video), vector)
    np.testing.assert_array_equal(make_cache().get(cache.key(video)), vector)


def test_nothing_is_made_before_the_first_write(make_cache, video, tmp_path):
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


@pytest.mark.parametrize(
    "content",
    [b"", b"\x93NUMPY", b"no numbers", b"PK\x03\x04", b"\x93NUMPY\x01\x00\x08\x00{'a'((\n"],
)
def test_a_damaged_entry_is_a_miss_and_the_next_write_replaces_it(
    make_cache, video, vector, tmp_path, content
):
    cache = make_cache()
    key = cache.key(video)
    cache.put(key, vector)
    next((tmp_path / "features").rglob(f"{key}.npy")).write_bytes(content)
    assert cache.get(key) is None
    cache.put(key, vector)
    np.testing.assert_array_equal(cache.get(key), vector)


def test_vectors_are_kept_as_float32(make_cache, video):
    cache = make_cache()
    cache.put(cache.key(video), [1, 1 / 3])
    assert cache.get(cache.key(video)).tolist() == [1, float(np.float32(1 / 3))]


@pytest.mark.parametrize("value", [1.0, np.zeros((1, 5), np.float32)], ids=["number", "matrix"])
def test_only_vectors_can_be_put(make_cache, video, value):
    with pytest.raises(ValueError, match=r"vector must be of shape \(n,\), got"):
        make_cache().put(make_cache().key(video), value)


@pytest.mark.parametrize("value", [np.zeros(5), np.zeros((1, 5), np.float32), np.zeros(5, ">f4")])
def test_an_entry_that_is_not_a_vector_of_float32_is_a_miss(
    make_cache, video, vector, tmp_path, value
):
    cache = make_cache()
    key = cache.key(video)
    cache.put(key, vector)
    np.save(next((tmp_path / "features").rglob(f"{key}.npy")), value)
    assert cache.get(key) is None


def test_a_write_that_fails_leaves_nothing_behind(make_cache, video, vector, tmp_path, monkeypatch):
    cache = make_cache()
    cache.prepare()
    monkeypatch.setattr(os, "replace", Mock(side_effect=OSError("no space left on device")))
    with pytest.raises(M3SError, match="no space left"):
        cache.put(cache.key(video), vector)
    assert cache.get(cache.key(video)) is None
    assert not list((tmp_path / "features").rglob("*.part"))


def test_a_folder_that_is_cleared_between_its_making_and_the_write_is_made_again(
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


def test_a_number_of_numpy_is_the_same_setting(make_cache, video, vector):
    cache = make_cache(frame_size=np.int64(64))
    cache.put(cache.key(video), vector)
    assert make_cache(frame_size=64).get(cache.key(video)) is not None


def test_a_folder_that_cannot_be_written_is_named_with_the_cure(make_cache, vector, tmp_path):
    (tmp_path / "features").write_text("a file")
    with pytest.raises(M3SError, match=r"features.*give cache= another folder"):
        make_cache().prepare()
    with pytest.raises(M3SError, match=r"features.*give cache= another folder"):
        make_cache().put("0" * 64, vector)


def test_a_number_is_not_a_path(make_cache):
    with pytest.raises(TypeError):
        make_cache().key(0)


def test_a_folder_is_not_a_file(make_cache, tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a file"):
        make_cache().key(tmp_path)
