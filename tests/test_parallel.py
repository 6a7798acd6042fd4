"""Every joblib backend gives the same rows and progress, and survives the death of workers."""

import os
import re
import signal
import time
from functools import partial
from pathlib import Path

import cv2
import joblib
import numpy as np
import pytest
from joblib._parallel_backends import ThreadingBackend
from threadpoolctl import threadpool_info
from tqdm import tqdm

from sklearn_m3s import RawPerception
from sklearn_m3s.exceptions import M3SWarning
from sklearn_m3s.tiers import VideoTransformer
from sklearn_m3s.video import FrameGeometry

# In this order, because a process with a cluster and its threads should not be forked.
BACKENDS = ["sequential", "multiprocessing", "threading", "loky", "dask"]
pytestmark = [
    # Python 3.12 and later warn about every fork beside a thread.
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
    pytest.mark.timeout(120),
]


@pytest.fixture(scope="module")
def client():
    """Return a client of a cluster of two worker processes, or skip."""
    distributed = pytest.importorskip("distributed", reason='needs the extra "test"')
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with (
        distributed.LocalCluster(**options, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request):
    """Return the name of a backend. pytest runs all tests of one before the next."""
    return request.param


@pytest.fixture
def engine(request, backend):
    """Run a test with a backend, by two workers if their number can be chosen."""
    if backend == "dask":
        request.getfixturevalue("client")
    n_jobs = None if backend == "sequential" else 2
    with joblib.parallel_config(backend=backend, n_jobs=n_jobs):
        yield backend


@pytest.fixture(scope="module")
def level():
    """Return a quick tier. Its class is local, so that workers need not import it."""

    class First:
        """Reads the first number of a video, and calls a function if it is nine."""

        geometry, frame_rate = FrameGeometry.square(8), 15

        def __init__(self, tier):
            self.action, self.cache = tier.action, tier.cache

        def wanted(self, times, end):
            return np.array([0])

        def add(self, index, picture, time):
            self.number = picture.flat[0]

        def value(self):
            if self.action and self.number == 9:
                self.action()
            return np.array([self.number], dtype=np.float32)

    class Level(VideoTransformer):
        reader = First

        def __init__(self, *, action=None, **shared):
            super().__init__(**shared)
            self.action = action

        def _settings(self):
            return {}

        def _reader(self):
            return self.reader(self)

    return Level


@pytest.fixture
def arrays():
    """Return ten videos. The last one consists of nines."""
    return [np.full((1, 8, 8, 3), i, dtype=np.uint8) for i in range(10)]


@pytest.fixture(scope="module")
def videos(tmp_path_factory, write_clip):
    """Return three files and an array."""
    folder = tmp_path_factory.mktemp("videos")
    clips = np.random.default_rng(0).integers(0, 256, (4, 5, 48, 48, 3), dtype=np.uint8)
    return [*(write_clip(folder / f"{i}.mp4", clips[i], rate=15) for i in range(3)), clips[3]]


def test_every_engine_gives_the_same_rows_and_nan_for_a_bad_video(engine, videos, tmp_path):
    make = partial(RawPerception, frame_size=32, hog_components=2, on_error="nan")
    rows = make().fit_transform(videos)
    with pytest.warns(M3SWarning, match=r"1 of 5 videos(.|\n)*missing.mp4: does not exist"):
        with_bad = make().fit_transform([*videos[:2], tmp_path / "missing.mp4", *videos[2:]])
    with joblib.parallel_config(backend="sequential"):
        np.testing.assert_array_equal(make().fit_transform(videos), rows)
    np.testing.assert_array_equal(np.delete(with_bad, 2, axis=0), rows)
    assert np.isnan(with_bad[2]).all()


def test_the_progress_bar_starts_with_the_cached_videos_and_ends_at_the_total(
    engine, arrays, tmp_path, capsys, monkeypatch
):
    tier = RawPerception(descriptors=["contrast"], frame_size=16, cache=tmp_path)
    tier.fit_transform(arrays[4:8])
    monkeypatch.setattr(
        "sklearn_m3s.tiers._describe.tqdm", partial(tqdm, mininterval=0, miniters=1)
    )
    tier.set_params(verbose=True).fit_transform(arrays)
    shown = [tuple(map(int, pair)) for pair in re.findall(r"(\d+)/(\d+)", capsys.readouterr().err)]
    assert {total for _, total in shown} == {10}
    assert sorted({count for count, _ in shown} - {0}) == [4, 5, 6, 7, 8, 9, 10]
    assert shown[-1] == (10, 10)


@pytest.mark.parametrize("backend", ["loky", "dask"], indirect=True)
def test_a_worker_computes_with_its_share_of_the_cores(engine, level, videos):
    class Count(level.reader):
        def value(self):
            return np.array(
                [cv2.getNumThreads(), max(pool["num_threads"] for pool in threadpool_info())]
            )

    class Threads(level):
        reader = Count

    n_threads = Threads().fit_transform(videos)
    assert (n_threads[:, 0] == 1).all()
    assert (2 * n_threads[:, 1] <= max(2, joblib.cpu_count())).all()


@pytest.mark.parametrize(
    ("action", "fault"),
    [(os.abort, r"\(SIGABRT\)"), (partial(time.sleep, 1000), "longer than timeout=2 ")],
    ids=["a crash", "a hang"],
)
def test_a_crash_and_a_hang_cost_one_video(engine, level, arrays, action, fault):
    if engine == "multiprocessing":
        pytest.skip("joblib sends it no class of a function")
    tier = level(action=action, timeout=2, on_error="nan")
    with pytest.warns(M3SWarning, match=rf"1 of 10 videos(.|\n)*X\[9\].*{fault}"):
        rows = tier.fit_transform(arrays)
    np.testing.assert_array_equal(rows.ravel(), [*range(9), np.nan])
    assert level().fit_transform(arrays).ravel().tolist() == list(range(10))


@pytest.mark.parametrize("n_jobs", [2, 3])
@pytest.mark.parametrize("name", ["loky", "threading"])
def test_what_is_described_is_kept_while_a_slow_video_goes_on(
    level, arrays, tmp_path, name, n_jobs
):
    class Wait(level.reader):
        def value(self):
            deadline = time.monotonic() + 60
            n_others = 9 if self.number == 0 else 0
            while len(list(Path(self.cache).rglob("*.npy"))) < n_others:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            return super().value()

    class Waits(level):
        reader = Wait

    with joblib.parallel_config(backend=name, n_jobs=n_jobs):
        rows = Waits(cache=tmp_path).fit_transform(arrays)
    assert rows.ravel().tolist() == list(range(10))


def test_a_backend_that_returns_lists_works_in_rounds_that_are_cached(
    level, arrays, tmp_path, monkeypatch
):
    class Lists(ThreadingBackend):
        supports_return_generator = False

    class Break(level.reader):
        def value(self):
            if self.number == 9:
                raise ImportError("no library")
            return super().value()

    class Broken(level):
        reader = Break

    monkeypatch.setattr("sklearn_m3s.tiers._workers._ROUND", 2)
    with (
        joblib.parallel_config(backend=Lists(), n_jobs=2),
        pytest.raises(ImportError, match="no library"),
    ):
        Broken(cache=tmp_path).fit_transform(arrays)
    assert len(list(tmp_path.rglob("*.npy"))) == 8


def test_workers_of_a_cluster_describe_shards_into_one_cache(client, level, arrays, tmp_path):
    tier = level(cache=tmp_path).fit(arrays)
    shards = [arrays[i::3] for i in range(3)]
    assert [len(rows) for rows in client.gather(client.map(tier.transform, shards))] == [4, 3, 3]
    assert len(list(tmp_path.rglob("*.npy"))) == 10


def test_nothing_is_lost_when_a_worker_of_a_cluster_dies(client, level, arrays, tmp_path):
    client.wait_for_workers(2)
    marker, pid = tmp_path / "died", os.getpid()

    def kill_the_worker_of_the_cluster():
        assert os.getppid() != pid
        if not marker.exists():
            marker.touch()
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)

    tier = level(action=kill_the_worker_of_the_cluster, cache=tmp_path)
    with joblib.parallel_config(backend="dask"):
        assert tier.fit_transform(arrays).ravel().tolist() == list(range(10))
    assert marker.exists()
