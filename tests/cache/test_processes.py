"""Processes that write at once, and processes that are killed."""

import contextlib
import hashlib
import importlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from sklearn_m3s.cache import FeatureCache

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs signals and forks")

# Four processes write without end: vectors of equal numbers, every other one under a key that all
# of them use, and digests.
WRITERS = """
import os, sys
from itertools import count
from pathlib import Path
import numpy as np
from sklearn_m3s.cache import FeatureCache, _digests
_digests._SETTLED_NS = -10**9
folder = Path(sys.argv[1])
number = next((n for n in (2, 3, 4) if os.fork() == 0), 1)
for turn in count():
    cache = FeatureCache(folder / "features", "Tier", {})
    cache.prepare()
    for i in range(40):
        cache.put(f"{i % 2 * number * 1000 + i:064x}", np.full(20_000, i, np.float32))
    _digests._known.clear()
    own = folder / f"{number}.mp4"
    own.write_bytes(b"%d" % turn)
    cache.key(folder / "all.mp4"), cache.key(own)
"""
# Describes a video slowly, and says of each that it was asked to.
TIER = """
import time
from pathlib import Path
import numpy as np
from sklearn_m3s.tiers import VideoTransformer
from sklearn_m3s.video import FrameReader

class Log:
    def __init__(self, log, seconds):
        self.log, self.seconds = log, seconds
    def add(self, frames, times):
        self.mean = frames.mean()
        with Path(self.log).open("a") as log:
            log.write(f"{self.mean:.0f}\\n")
        time.sleep(self.seconds)
    def value(self):
        return self.mean

class Slow(VideoTransformer):
    def __init__(self, *, log=None, seconds=0, **shared):
        super().__init__(**shared)
        self.log = log
        self.seconds = seconds
    def _settings(self):
        return {}
    def _n_described(self):
        return 1
    def _reader(self):
        return FrameReader([Log(self.log, self.seconds)], frame_size=4)

def videos():
    return [np.full((2, 4, 4, 3), i, dtype=np.uint8) for i in range(20)]
"""
RUN = """
import sys
from slow_tier import Slow, videos
Slow(log=sys.argv[1], seconds=0.05, cache=sys.argv[2]).fit_transform(videos())
"""


@contextlib.contextmanager
def running(*arguments):
    """Run a program, and kill it and all that it forked at the end."""
    process = subprocess.Popen([sys.executable, "-c", *arguments], start_new_session=True)
    try:
        yield
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # nothing can be tidied up
        process.wait()


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def n_whole(cache, keys):
    """Count the vectors that are there, all of which have to be as they were written."""
    vectors = {key: cache.get(key) for key in keys}
    for key, vector in vectors.items():
        if vector is not None:
            np.testing.assert_array_equal(vector, np.full(20_000, int(key, 16) % 1000, np.float32))
    return sum(vector is not None for vector in vectors.values())


@pytest.mark.usefixtures("restart")
def test_writers_at_once_and_killed_leave_whole_vectors_and_true_digests(tmp_path):
    (tmp_path / "all.mp4").write_bytes(b"shared")
    cache = FeatureCache(tmp_path / "features", "Tier", {})
    keys = {f"{i % 2 * n * 1000 + i:064x}" for i in range(40) for n in (1, 2, 3, 4)}
    assert len(keys) == 20 + 4 * 20
    with running(WRITERS, str(tmp_path)):
        wait_for(lambda: n_whole(cache, keys) == len(keys))
        wait_for(lambda: len(list(tmp_path.glob("*.mp4"))) == 1 + 4)
        for _ in range(5):
            assert n_whole(cache, keys) == len(keys)
    assert n_whole(cache, keys) == len(keys)
    assert {path.stem for path in (tmp_path / "features").rglob("*.npy")} == keys
    for path in tmp_path.glob("*.mp4"):
        assert cache.key(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_killed_extraction_goes_on_where_it_stopped(tmp_path, monkeypatch):
    (tmp_path / "slow_tier.py").write_text(TIER)
    log, folder = tmp_path / "log.txt", tmp_path / "features"
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    with running(RUN, str(log), str(folder)):
        wait_for(lambda: len(list(folder.rglob("*.npy"))) >= 6)
    n_kept = len(list(folder.rglob("*.npy")))
    n_begun = len(log.read_text().split())
    assert 6 <= n_kept < 20
    assert n_begun - n_kept <= 1  # the one in flight
    log.unlink()
    module = importlib.import_module("slow_tier")
    rows = module.Slow(log=log, cache=folder).fit_transform(module.videos())
    np.testing.assert_array_equal(rows.ravel(), np.arange(20))
    assert log.read_text().split() == [str(i) for i in range(n_kept, 20)]
