"""Processes that write at once, and processes that are killed."""

import contextlib
import hashlib
import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sklearn_m3s.cache import FeatureCache, cache_info

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
# Describes videos slowly, and prints a line for each.
TIER = """
import time
from pathlib import Path
import numpy as np
from sklearn_m3s.tiers import VideoTransformer
from sklearn_m3s.video import FrameReader

class Log:
    def __init__(self, log, seconds):
        self.log, self.seconds = log, seconds
    def add(self, frames, times, seconds):
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
        return {"seconds": self.seconds}
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

# Describes videos in one process after the other. Each is killed at a random moment, and the
# number of finished rows is printed. A row counts as finished as soon as `put` returns. Videos
# are read without worker processes, which would take longer to start than each process lives.
KILLED = """
import os, random, signal, sys, time
from copy import deepcopy
from itertools import count
import numpy as np
from slow_tier import Slow, videos
from sklearn_m3s.cache import FeatureCache
from sklearn_m3s.tiers import _describe
from sklearn_m3s.video import read_video

_describe._read = lambda task, **settings: (read_video(*deepcopy(task)), [])

folder, log, n_kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
put = FeatureCache.put
def put_and_log(cache, key, vector):
    put(cache, key, vector)
    with open(log, "a") as file:
        file.write(f"{cache._folder} {key} {vector[0]:.0f}\\n")
FeatureCache.put = put_and_log
draw = random.Random(0)
for kill in range(n_kills):
    pid = os.fork()
    if not pid:
        for seconds in count(kill // 10):  # some kills meet what others began
            Slow(log=f"{log}.frames", seconds=1e-6 * seconds, cache=folder).fit_transform(videos())
    time.sleep(draw.uniform(0, 0.15))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
"""


@contextlib.contextmanager
def running(*arguments):
    """Run a program, and kill it and all that it forked at the end."""
    process = subprocess.Popen([sys.executable, "-c", *arguments], start_new_session=True)
    try:
        yield
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # no clean-up can run
        process.wait()


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def n_whole(cache, keys):
    """Count the vectors in the cache, and check that each is as it was written."""
    vectors = {key: cache.get(key) for key in keys}
    for key, vector in vectors.items():
        if vector is not None:
            np.testing.assert_array_equal(vector, np.full(20_000, int(key, 16) % 1000, np.float32))
    return sum(vector is not None for vector in vectors.values())


@pytest.mark.usefixtures("restart")
def test_concurrent_and_killed_writers_leave_whole_vectors_and_correct_digests(tmp_path):
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
    rows = module.Slow(log=log, seconds=0.05, cache=folder).fit_transform(module.videos())
    np.testing.assert_array_equal(rows.ravel(), np.arange(20))
    assert log.read_text().split() == [str(i) for i in range(n_kept, 20)]


@pytest.mark.parametrize("n_kills", [15, pytest.param(200, marks=pytest.mark.slow)])
def test_kills_at_random_moments_lose_no_finished_row(tmp_path, monkeypatch, n_kills):
    (tmp_path / "slow_tier.py").write_text(TIER)
    log, folder = tmp_path / "log.txt", tmp_path / "features"
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    monkeypatch.delitem(sys.modules, "slow_tier", raising=False)
    command = [sys.executable, "-c", KILLED, str(folder), str(log), str(n_kills)]
    subprocess.run(command, check=True, timeout=250)
    lines = log.read_text().splitlines(keepends=True)
    finished = [line.split() for line in lines if line.endswith("\n")]
    assert len(finished) == len(set(map(tuple, finished))) > 0  # no row is finished twice
    for place, key, _ in finished:
        assert (Path(place) / key[:2] / f"{key}.npy").exists()
    slow, module = log.with_name("again.txt"), importlib.import_module("slow_tier")
    for i in range(n_kills // 10 + 1):
        tier = module.Slow(log=slow, seconds=1e-6 * i, cache=folder)
        np.testing.assert_array_equal(tier.fit_transform(module.videos()).ravel(), np.arange(20))


EIGHT = """
import os, sys
from slow_tier import Slow, videos
children = []
while len(children) < 7:
    children.append(os.fork())
    if not children[-1]:
        children = []
        break
rows = Slow(log=sys.argv[1], seconds=0.01, cache=sys.argv[2]).fit_transform(videos())
ends = [os.waitpid(child, 0)[1] for child in children]
os._exit(any(ends) or rows.ravel().tolist() != list(range(20)))
"""


def test_eight_processes_at_once_get_the_same_rows(tmp_path, monkeypatch):
    (tmp_path / "slow_tier.py").write_text(TIER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    arguments = [sys.executable, "-c", EIGHT, str(tmp_path / "log"), str(tmp_path / "features")]
    subprocess.run(arguments, check=True, timeout=120)
    assert cache_info(tmp_path / "features").n_entries == 20
    assert not list((tmp_path / "features").rglob("*.part"))
