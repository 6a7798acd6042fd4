"""The folder of features: found by content and settings, never half-written."""

import multiprocessing
import shutil

import numpy as np
import pytest

from sklearn_m3s.cache import FeatureCache
from sklearn_m3s.exceptions import M3SError

VECTOR = np.arange(5, dtype=np.float32)


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"frames of a")
    return path


def make_cache(tmp_path, **settings):
    return FeatureCache(tmp_path / "features", "Tier", {"version": 1, **settings})


def test_what_was_put_is_got_again(tmp_path, video):
    cache = make_cache(tmp_path)
    assert cache.get(cache.key(video)) is None
    cache.put(cache.key(video), VECTOR)
    np.testing.assert_array_equal(make_cache(tmp_path).get(cache.key(video)), VECTOR)


def test_nothing_is_made_before_the_first_write(tmp_path, video):
    cache = make_cache(tmp_path)
    cache.get(cache.key(video))
    assert not (tmp_path / "features").exists()


def test_a_renamed_or_copied_file_is_found(tmp_path, video):
    key = make_cache(tmp_path).key(video)
    copy = shutil.copy(video, tmp_path / "copy.mkv")
    assert make_cache(tmp_path).key(copy) == key


def test_a_changed_file_is_not_found(tmp_path, video):
    cache = make_cache(tmp_path)
    cache.put(cache.key(video), VECTOR)
    video.write_bytes(b"frames of b")
    assert cache.get(cache.key(video)) is None


@pytest.mark.parametrize("changed", [{"version": 2}, {"frame_size": 128}, {"weights": "sha"}])
def test_changed_settings_are_not_found(tmp_path, video, changed):
    cache = make_cache(tmp_path)
    cache.put(cache.key(video), VECTOR)
    assert make_cache(tmp_path, **changed).get(cache.key(video)) is None


def test_arrays_are_told_apart_by_values_shape_and_dtype(tmp_path, rng):
    cache = make_cache(tmp_path)
    array = rng.integers(0, 256, (2, 4, 6, 3), dtype=np.uint8)
    others = [array + 1, array.reshape(2, 6, 4, 3), array.view(np.int8)]
    assert cache.key(array[:, :, ::-1][:, :, ::-1]) == cache.key(array)
    assert len({cache.key(a) for a in [array, *others]}) == 4


@pytest.mark.parametrize(
    "content",
    [b"", b"\x93NUMPY", b"no numbers", b"PK\x03\x04", b"\x93NUMPY\x01\x00\x08\x00{'a'((\n"],
)
def test_a_damaged_entry_is_a_miss_and_is_mended_by_the_next_write(tmp_path, video, content):
    cache = make_cache(tmp_path)
    key = cache.key(video)
    cache.put(key, VECTOR)
    next((tmp_path / "features").rglob(f"{key}.npy")).write_bytes(content)
    assert cache.get(key) is None
    cache.put(key, VECTOR)
    np.testing.assert_array_equal(cache.get(key), VECTOR)


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, video):
    cache = make_cache(tmp_path)
    key = cache.key(video)
    with pytest.raises(ValueError, match="allow_pickle"):
        cache.put(key, np.array([object()]))
    assert cache.get(key) is None
    assert not list((tmp_path / "features").rglob("*.part"))


def test_settings_can_be_read_beside_the_entries(tmp_path):
    cache = make_cache(tmp_path, frame_size=128)
    cache.prepare()
    record = next((tmp_path / "features" / "Tier").glob("*/settings.json"))
    assert '"frame_size": 128' in record.read_text()


def test_a_number_of_numpy_is_the_same_setting(tmp_path, video):
    cache = make_cache(tmp_path, frame_size=np.int64(64))
    cache.put(cache.key(video), VECTOR)
    assert make_cache(tmp_path, frame_size=64).get(cache.key(video)) is not None


def test_a_folder_that_cannot_be_written_is_named_with_the_cure(tmp_path):
    (tmp_path / "features").write_text("a file")
    with pytest.raises(M3SError, match=r"features.*give cache= another folder"):
        make_cache(tmp_path).prepare()


def test_a_number_is_no_file(tmp_path):
    with pytest.raises(TypeError):
        make_cache(tmp_path).key(0)


def _write_many(folder, number):
    cache = FeatureCache(folder, "Tier", {})
    for i in range(50):
        cache.put(f"{i:064x}", np.full(1000, i, np.float32))


def test_many_processes_may_write_the_same_entries(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(tmp_path, n)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    cache = FeatureCache(tmp_path, "Tier", {})
    for i in range(50):
        np.testing.assert_array_equal(cache.get(f"{i:064x}"), np.full(1000, i, np.float32))
