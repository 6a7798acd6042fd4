"""Worker processes: videos that hang or crash, and no process left behind."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import types
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from torch import nn

import sklearn_m3s
from sklearn_m3s import FrameEncoder
from sklearn_m3s.exceptions import M3SError, M3SWarning, VideoError
from sklearn_m3s.tiers import TierUnion, VideoTransformer
from sklearn_m3s.video import ClipReader, FrameGeometry

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
CRASHES = {
    "SIGSEGV": partial(ctypes.string_at, 0),
    "SIGABRT": os.abort,
    "SIGKILL": partial(signal.raise_signal, 9),
    "exit code 3": partial(os._exit, 3),
}
HANGS = {
    "asleep": partial(time.sleep, 1000),
    "busy": partial(eval, "max(iter(int, 1))"),
    "holding the interpreter": partial(eval, "__import__('ctypes').PyDLL(None).sleep(1000)"),
}
LEVELS = (10, 20, 250, 30, 40)  # grey levels of the videos; the third is bad


@pytest.fixture(scope="module")
def make():  # noqa: C901
    """Return functions that make a tier of one column, the mean of a frame.

    Its classes are local, so that worker processes need not import them.
    """

    class Reader(ClipReader):
        def __init__(self, action):
            super().__init__(1, FrameGeometry.square(16))
            self.action = action

        def value(self):
            clip = super().value()
            if self.action and clip.mean() > 200:
                return self.action() or np.array([0.0])
            return self.result(clip)

        def result(self, clip):
            return np.array([clip.mean()])

    class ClipOnly(Reader):
        def result(self, clip):
            return clip

    class Level(VideoTransformer):
        def __init__(self, *, action=None, **shared):
            super().__init__(**shared)
            self.action = action

        def _n_described(self):
            return 1

        def _settings(self):
            return {}

        def _reader(self):
            return Reader(self.action)

    class Network(FrameEncoder):
        action = None

        def __sklearn_clone__(self):
            copy = super().__sklearn_clone__()
            copy.action = self.action
            return copy

        def _reader(self):
            return ClipOnly(self.action)

    def network(action=None, **shared):
        module = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 1, bias=False))
        nn.init.constant_(module[2].weight, 255 / 3)
        tier = Network(module, version="1", frame_size=16, engine="torch", batch_size=2, **shared)
        tier.action = action
        return tier

    def union(**settings):
        return TierUnion([("level", Level(**settings)), ("network", network(**settings))])

    return {
        "one at a time": Level,
        "by two": partial(Level, n_jobs=2),
        "network": network,
        "network, by two": partial(network, n_jobs=2),
        "union": union,
        "union, by two": partial(union, n_jobs=2),
    }


WAYS = ["one at a time", "by two", "network", "network, by two", "union", "union, by two"]


@pytest.fixture(scope="module")
def arrays():
    return [np.full((2, 16, 16, 3), level, dtype=np.uint8) for level in LEVELS]


@pytest.fixture(scope="module")
def files(tmp_path_factory, arrays, write_clip):
    folder = tmp_path_factory.mktemp("levels")
    return [write_clip(folder / f"{clip[0, 0, 0, 0]}.mp4", clip) for clip in arrays]


def check_that_the_third_is_lost(tier, videos, fault):
    with pytest.warns(M3SWarning, match=rf"1 of 5 videos(.|\n)*{fault}") as caught:
        rows = tier.fit_transform(videos)
    assert len(caught) == 1
    assert np.isnan(rows[2]).all()
    np.testing.assert_allclose(np.delete(rows, 2, axis=0)[:, -1], [10, 20, 30, 40], atol=1.5)


def in_each_way(faults):
    """Pair the first fault with all ways to describe, and each other fault with one."""
    first, *others = faults
    return [(way, first) for way in WAYS] + [(WAYS[0], other) for other in others]


@pytest.mark.parametrize(("way", "how"), in_each_way(CRASHES))
def test_a_crash_costs_one_video(make, files, way, how):
    tier = make[way](action=CRASHES[how], on_error="nan")
    check_that_the_third_is_lost(tier, files, rf"250.mp4: .*\({how}\)")


@pytest.mark.parametrize(("way", "how"), in_each_way(HANGS))
def test_a_hang_costs_one_video(make, arrays, way, how):
    tier = make[way](action=HANGS[how], on_error="nan", timeout=1)
    check_that_the_third_is_lost(tier, arrays, r"X\[2\].*longer than timeout=1 ")


@pytest.mark.parametrize("way", WAYS)
def test_a_crash_is_reported_after_the_others_are_in_the_cache(make, files, way, tmp_path):
    tier = make[way](action=os.abort, cache=tmp_path)
    with pytest.raises(VideoError, match=r"1 of 5 videos(.|\n)*SIGABRT.*\nThe others") as caught:
        tier.fit_transform(files)
    assert [Path(name).name for name, _ in caught.value.failures] == ["250.mp4"]
    n_tiers = 2 if "union" in way else 1
    assert len(list(tmp_path.rglob("*.npy"))) == 4 * n_tiers


def test_a_fifo_that_nobody_writes_to_ends_at_the_timeout(make, arrays, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    tier = make["one at a time"](action=partial(open, tmp_path / "fifo"), timeout=1, on_error="nan")
    check_that_the_third_is_lost(tier, arrays, "timeout=1 ")


def test_without_a_timeout_a_slow_video_is_awaited(make, arrays):
    tier = make["one at a time"](action=partial(time.sleep, 1), timeout=None)
    assert tier.fit_transform(arrays)[2] == 0


def test_the_largest_timeout_holds_for_tiers_that_share_a_pass(make, arrays):
    slow = make["union"](action=partial(time.sleep, 0.5)).set_params(level__timeout=0.01)
    slow.set_params(network="drop")
    with pytest.raises(VideoError, match=r"timeout=0\.01"):
        slow.fit_transform(arrays)
    short, long = (
        make["one at a time"](action=partial(time.sleep, 0.5), timeout=seconds)
        for seconds in (0.01, 60)
    )
    assert TierUnion([("short", short), ("long", long)]).fit_transform(arrays).shape == (5, 2)


@pytest.mark.parametrize("timeout", [0, -1, "1"])
def test_a_timeout_is_a_positive_number(make, arrays, timeout):
    with pytest.raises(ValueError, match="'timeout' parameter"):
        make["one at a time"](timeout=timeout).fit(arrays)


def pids(make, arrays, n_jobs):
    """Return the ids of the processes that described copies of the bad video."""
    tier = make["one at a time"](action=lambda: np.array([os.getpid()]), n_jobs=n_jobs)
    return set(tier.fit_transform(8 * [arrays[2]]).ravel().astype(int).tolist())


def test_processes_are_kept_and_replaced(make, arrays):
    first = pids(make, arrays, 1)
    assert len(first) == 1
    assert os.getpid() not in first
    assert pids(make, arrays, None) == first
    with pytest.raises(VideoError):
        make["one at a time"](action=os.abort).fit_transform(arrays)
    assert pids(make, arrays, 1).isdisjoint(first)
    assert len(pids(make, arrays, 3)) <= 3


def test_a_process_that_ended_between_two_runs_is_replaced(make, arrays):
    first = pids(make, arrays, 1)
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    assert pids(make, arrays, 1).isdisjoint(first)


def test_a_process_ends_when_it_idles(make, arrays, monkeypatch):
    monkeypatch.setattr("sklearn_m3s.tiers._worker_process._IDLE_SECONDS", 0.1)
    monkeypatch.setenv("SKLEARN_M3S_TEST", "another process")
    [pid] = pids(make, arrays, 1)
    os.waitpid(pid, 0)
    assert pids(make, arrays, 1) != {pid}


def test_several_threads_describe_at_once(make, arrays):
    tier = make["one at a time"](action=partial(time.sleep, 0.1)).fit(arrays)
    with ThreadPoolExecutor(3) as threads:
        for rows in threads.map(tier.transform, [arrays] * 6):
            assert rows.ravel().tolist() == [10, 20, 0, 30, 40]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_has_workers_of_its_own(make, arrays):
    before = pids(make, arrays, 1)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, repr(pids(make, arrays, 1)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        theirs = eval(answer.read())
    os.waitpid(child, 0)
    assert theirs
    assert theirs.isdisjoint(before)
    assert pids(make, arrays, 1) == before


def test_warnings_are_issued_here_and_once(make, arrays):
    tier = make["by two"](action=lambda: warnings.warn("odd", M3SWarning, stacklevel=1))
    with pytest.warns(M3SWarning, match="^odd$") as caught:
        rows = tier.fit_transform(arrays)
    assert len(caught) == 1
    assert rows[2] == 0


def test_a_warning_that_is_an_error_costs_its_video(make, arrays):
    tier = make["one at a time"](action=lambda: warnings.warn("odd", M3SWarning, stacklevel=1))
    with warnings.catch_warnings():
        warnings.simplefilter("error", M3SWarning)
        with pytest.raises(VideoError, match=r"1 of 5 videos(.|\n)*X\[2\].*: odd"):
            tier.fit_transform(arrays)


def test_what_is_printed_goes_to_standard_error(make, arrays, capfd, monkeypatch):
    def action():
        print("printed")
        os.system("echo echoed")

    monkeypatch.setenv("SKLEARN_M3S_TEST", "another process")
    assert make["one at a time"](action=action).fit_transform(arrays)[2] == 0
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "echoed" in shown.err


def test_the_error_of_a_reader_has_the_traceback_of_the_worker(make, arrays):
    class OddError(Exception):
        def __init__(self, one, two):
            super().__init__(one + two)

    def fail():
        raise ZeroDivisionError("the cause")

    def odd():
        raise OddError("od", "d")

    with pytest.raises(VideoError, match="the cause") as caught:
        make["one at a time"](action=fail).fit_transform(arrays)
    assert "in fail" in caught.value.__cause__.__notes__[0]
    with pytest.raises(VideoError, match="OddError: odd"):
        make["one at a time"](action=odd).fit_transform(arrays)


def test_a_reader_that_cannot_be_sent_is_an_error_that_says_why(make, arrays):
    with pytest.raises(M3SError, match=r"cannot be sent to a worker process.*lock"):
        make["one at a time"](action=threading.Lock().acquire).fit_transform(arrays)


def test_a_reader_that_cannot_be_loaded_is_an_error_that_says_why(make, arrays, monkeypatch):
    module = types.ModuleType("of_this_process")
    exec("def action(): pass", vars(module))
    monkeypatch.setitem(sys.modules, "of_this_process", module)
    with pytest.raises(M3SError, match=r"cannot be loaded(.|\n)*'of_this_process'"):
        make["one at a time"](action=module.action).fit_transform(arrays)


def test_workers_follow_changes_of_modules_paths_and_variables(
    make, arrays, files, tmp_path, monkeypatch
):
    (tmp_path / "of_this_folder.py").write_text(
        "import os, numpy as np\n"
        "def action(): return np.array([float(os.environ['SKLEARN_M3S_TEST'])])\n"
    )
    for number in (1, 2):
        monkeypatch.setenv("SKLEARN_M3S_TEST", str(number))
        monkeypatch.syspath_prepend(tmp_path)
        import of_this_folder

        tier = make["one at a time"](action=of_this_folder.action)
        assert tier.fit_transform(arrays)[2] == number
    monkeypatch.chdir(Path(files[0]).parent)
    rows = make["one at a time"]().fit_transform(["10.mp4", "20.mp4"])
    np.testing.assert_allclose(rows, [[10], [20]], atol=1.5)


def test_large_arrays_and_clips_arrive_unchanged(make):
    class Whole(ClipReader):
        def value(self):
            return super().value().ravel()

    class Clip(VideoTransformer):
        def _reader(self):
            return Whole(20, FrameGeometry.square(256))

        def _n_described(self):
            return 1

    clip = np.random.default_rng(0).integers(0, 256, (20, 256, 256, 3), dtype=np.uint8)
    [row] = Clip().fit_transform([clip])
    np.testing.assert_array_equal(row, clip.ravel())


def test_a_module_that_describes_at_import_does_not_start_endless_processes(tmp_path):
    code = SCRIPT.format(action="", n_jobs=None)
    (tmp_path / "unguarded.py").write_text(code)
    settings = {"capture_output": True, "text": True, "env": VARIABLES, "cwd": tmp_path}
    done = subprocess.run([sys.executable, "-c", "import unguarded"], **settings)
    assert "cannot be loaded" in done.stderr
    assert "under if __name__ == '__main__'" in done.stderr.splitlines()[-1]


VARIABLES = os.environ | {"PYTHONPATH": str(Path(sklearn_m3s.__file__).parents[1])}
SCRIPT = """
import sys, time
import numpy as np
from sklearn_m3s.tiers import VideoTransformer
from sklearn_m3s.video import FrameReader

class Mean:
    def add(self, frames, times, seconds):
        self.mean = frames.mean()
    def value(self):
        sys.stderr.write("works\\n")
        {action}
        return self.mean

class Level(VideoTransformer):
    def _reader(self):
        return FrameReader([Mean()])
    def _n_described(self):
        return 1

videos = [np.full((2, 8, 8, 3), i, dtype=np.uint8) for i in range(4)]
print(Level(n_jobs={n_jobs}).fit_transform(videos).ravel().tolist())
"""


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_script_without_a_guard_is_run_once(tmp_path, n_jobs):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(action="", n_jobs=n_jobs))
    settings = {"capture_output": True, "text": True, "check": True, "env": VARIABLES}
    done = subprocess.run([sys.executable, path], **settings)
    assert done.stdout == "[0.0, 1.0, 2.0, 3.0]\n"
    assert done.stderr == 4 * "works\n"


def workers_of(process):
    """Return the folders in /proc of the worker processes of a process."""
    pids = []
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that has just ended
            pids += (task / "children").read_text().split()
    return [Path("/proc") / pid for pid in pids]


def is_running(folder):
    try:
        return (folder / "cmdline").read_bytes() != b""  # it is empty if none waits for the process
    except OSError:
        return False


@pytest.fixture
def hanging(tmp_path):
    """Return a function that starts a script whose workers hang, and kill it at the end."""
    started = []

    def start(action, n_jobs):
        path = tmp_path / "script.py"
        path.write_text(SCRIPT.format(action=action, n_jobs=n_jobs))
        settings = {"stderr": subprocess.PIPE, "text": True, "env": VARIABLES}
        process = subprocess.Popen([sys.executable, path], **settings)
        started.append(process)
        for _ in range(n_jobs or 1):
            assert process.stderr.readline() == "works\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stderr.close()


HOLDS = "import ctypes; ctypes.PyDLL(None).sleep(1000)"


@LINUX
@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("action", ["time.sleep(1000)", HOLDS], ids=["asleep", "holding"])
def test_a_killed_parent_leaves_no_worker(hanging, number, action, n_jobs):
    process = hanging(action, n_jobs)
    workers = workers_of(process)
    assert [is_running(worker) for worker in workers] == [True] * (n_jobs or 1)
    process.send_signal(number)
    assert process.wait(timeout=5) == -number
    deadline = time.monotonic() + 5
    while any(map(is_running, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@LINUX
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_after_ctrl_c_one_line_is_shown_and_nothing_runs(hanging, n_jobs):
    process = hanging("time.sleep(1000)", n_jobs)
    workers = workers_of(process)
    process.send_signal(signal.SIGINT)
    shown = process.communicate(timeout=10)[1]
    assert not any(map(is_running, workers))
    assert process.returncode == -signal.SIGINT
    assert len(shown.splitlines()) == 1
    assert shown.startswith("KeyboardInterrupt: stopped while videos were described (File ")


SLOW_NETWORK = """
import time

import numpy as np
import torch

from sklearn_m3s import FrameEncoder


class Wait(torch.nn.Module):
    def forward(self, x):
        time.sleep(0.1)
        return x


network = torch.nn.Sequential(torch.nn.Flatten(), *[Wait() for _ in range(300)])
tier = FrameEncoder(network, version="1", output="flatten", frame_size=32)
print("begins", flush=True)
tier.fit_transform([np.zeros((1, 32, 32, 3), dtype=np.uint8)] * 40)
"""


@LINUX
def test_after_ctrl_c_a_network_does_not_finish_its_batch():
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, "-W", "ignore", "-c", SLOW_NETWORK]
    with subprocess.Popen(command, env=VARIABLES, **settings) as process:
        assert process.stdout.readline() == "begins\n"
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        shown = process.communicate(timeout=60)[1]
        assert time.monotonic() - sent < 10  # a batch takes 30 seconds
    place = 'File "<string>", line 19'
    assert shown == f"KeyboardInterrupt: stopped while videos were described ({place})\n"


def interrupt_process():
    os.kill(os.getpid(), signal.SIGINT)


def interrupt_beside_a_call():
    """Interrupt the process in a thread, which does not end a call that blocks the main thread.

    The same happens if a signal arrives just before a call blocks.
    """
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize("send", [interrupt_process, interrupt_beside_a_call])
@pytest.mark.parametrize("way", WAYS)
def test_ctrl_c_returns_within_two_seconds(make, arrays, way, send, tmp_path):
    begun = tmp_path / "begun"

    def hang():
        begun.touch()
        time.sleep(1000)

    def interrupt():
        while not begun.exists():
            time.sleep(0.01)
        times.append(time.monotonic())
        send()

    times = []
    tier = clone(make[way](action=hang))
    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        tier.fit_transform(arrays)
    assert time.monotonic() - times[0] < 2
    rows = make[way](action=None).fit_transform(arrays)
    np.testing.assert_allclose(rows[:, -1], LEVELS, rtol=1e-5)
