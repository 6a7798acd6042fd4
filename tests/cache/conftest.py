"""A folder of features, and a stand-in for the start of another process."""

import numpy as np
import pytest

from sklearn_m3s.cache import FeatureCache, _digests


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"frames of a")
    return path


@pytest.fixture
def vector():
    """Return a vector whose file has 180 bytes: a header of 128, five numbers, a checksum of 32."""
    return np.arange(5, dtype=np.float32)


@pytest.fixture
def make_cache(tmp_path):
    """Return a function that opens the cache in ``features``."""

    def make(name="Tier", **settings):
        return FeatureCache(tmp_path / "features", name, {"version": 1, **settings})

    return make


@pytest.fixture
def settled(monkeypatch):
    """Let files count as settled as soon as they are written."""
    monkeypatch.setattr("sklearn_m3s.cache._digests._SETTLED_NS", -(10**9))


@pytest.fixture
def restart():
    """Return a function that clears the memory of this process, as if another had started."""
    return _digests._known.clear
