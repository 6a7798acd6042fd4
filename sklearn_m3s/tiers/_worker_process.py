"""Worker processes that read videos. This process survives if they hang or die."""

import atexit
import contextlib
import os
import pickle
import signal
import subprocess
import sys
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sklearn_m3s.exceptions import M3SError, VideoError
from sklearn_m3s.tiers._interrupt import result_of

_PROGRAM = str(Path(__file__).with_name("_worker_main.py"))
_START_SECONDS = 300.0
_IDLE_SECONDS = 300.0
_MARK = "SKLEARN_M3S_WORKER"
_BROKEN = (OSError, EOFError, pickle.UnpicklingError)  # what a pipe to a dead process raises
_ONE_THREAD = (
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
    "VECLIB_MAXIMUM_THREADS",
)


class WorkerLostError(Exception):
    """A worker process ended before it began to read a video."""


class WorkerProcess:
    """A process that works on one video at a time.

    It is not forked and imports no ``__main__``, so that it can be started anywhere: in a thread,
    a notebook, or a script without a guard. It has its own session, so that Ctrl-C in a terminal
    only reaches its parent.

    Attributes
    ----------
    surroundings : tuple
        The result of `surroundings` when the process was started.
    is_new : bool
        Whether the process has not begun any work.
    """

    def __init__(self) -> None:
        if _MARK in os.environ:
            raise M3SError(
                "videos are described while a worker process imports this module: describe them in "
                "a function, or under if __name__ == '__main__'"
            )
        self.surroundings = surroundings()
        self.is_new = True
        variables = {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), _MARK: "1"}
        variables["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
        self._process = subprocess.Popen(
            # -P keeps the folder of the program, with its modules of tiers, off sys.path.
            [sys.executable, "-P", _PROGRAM, str(_IDLE_SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=variables,
            start_new_session=True,
        )
        self._tasks: Any = self._process.stdin
        self._answers: Any = self._process.stdout
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sklearn_m3s-answers")
        _started.add(self)

    def is_alive(self) -> bool:
        """Return whether the process is running."""
        return self._process.poll() is None

    def stream(
        self, work: bytes, video: Any, timeout: float | None, caught: list[tuple]
    ) -> Iterator[Any]:
        """Yield the results of the work for a video, item by item.

        Parameters
        ----------
        work : bytes
            A pickled function from a video to an iterable.
        video : str or ndarray
            Argument of the function.
        timeout : float or None
            Seconds to wait for an item, without the time to start the work.
        caught : list
            List to which the warnings of the work are added at the end.

        Raises
        ------
        VideoError
            If the process died at work, or was killed at the timeout.
        WorkerLostError
            If the process ended before the work began.
        M3SError
            If the work cannot be unpickled in the process.
        Exception
            Errors of the work itself.
        """
        try:
            pickle.dump((work, video), self._tasks, protocol=5)
            self._tasks.flush()
            fault = self._answer(_START_SECONDS)
        except (*_BROKEN, TimeoutError) as lost:
            raise WorkerLostError(self._end()) from lost
        if fault is not None:
            raise M3SError(
                f"the reader of a tier cannot be loaded in a worker process ({fault}): define it "
                "in a module that can be imported, in a function, or in the main script"
            )
        self.is_new = False
        try:
            # Answers of one part are items; the last one has two. See _worker_main.py.
            while len(answer := self._answer(timeout)) == 1:
                yield answer[0]
        except TimeoutError:
            raise VideoError(
                f"took longer than timeout={timeout:g} (seconds of work): leave the video out, or "
                "pass a longer timeout"
            ) from None
        except _BROKEN:
            raise VideoError(
                f"ended the worker process that read it ({self._end()}): the video is damaged, of "
                "an unusual kind, or needs more memory. Leave it out, or convert it"
            ) from None
        error, issued = answer
        caught.extend(issued)
        if error is not None:
            raise error

    def _answer(self, timeout: float | None) -> Any:
        """Return the next answer. At the timeout, kill the process."""
        try:
            return result_of(self._reader.submit(pickle.load, self._answers), timeout)
        except TimeoutError:
            self.kill()
            raise

    def _end(self) -> str:
        """Return a text on how the process ended."""
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "it closed its pipe"
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def kill(self) -> None:
        """Kill the process, and all processes that it started."""
        if not self.is_alive():
            return
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()

    def discard(self) -> None:
        """Kill the process and release its pipes."""
        self.kill()
        self._process.wait()
        self._reader.shutdown(wait=False)
        for pipe in (self._tasks, self._answers):
            with contextlib.suppress(OSError):
                pipe.close()

    def disown(self) -> None:
        """Release a process that belongs to the parent of this process."""
        # Popen takes it for a process that has ended, and does not wait for it.
        self._process.returncode = 0
        nothing = os.open(os.devnull, os.O_RDWR)
        # Point the copies of the pipes to nothing. Python would flush its buffers into them, and a
        # worker only ends when nobody but its parent holds them open.
        for pipe in (self._tasks, self._answers):
            if not pipe.closed:
                os.dup2(nothing, pipe.fileno(), inheritable=False)
        os.close(nothing)


class _Kept:
    """Worker processes that wait for the next video."""

    def __init__(self) -> None:
        self._idle: list[WorkerProcess] = []
        # A worker asks Linux to be killed with its parent. Linux does so when the thread that
        # started it ends, so all are started by one thread that stays.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sklearn_m3s-starter")

    def take(self) -> WorkerProcess:
        # Threads share the list without a lock: pop and append are atomic.
        here = surroundings()
        while True:
            try:
                worker = self._idle.pop()
            except IndexError:
                return self._starter.submit(WorkerProcess).result()
            if worker.is_alive() and worker.surroundings == here:
                return worker
            worker.discard()

    def put(self, worker: WorkerProcess) -> None:
        self._idle.append(worker)


def surroundings() -> tuple:
    """Return the state that a worker inherits from this process and that may change later."""
    folder = os.stat(".")
    ours = {name: text for name, text in os.environ.items() if name.startswith("SKLEARN_M3S_")}
    return (folder.st_dev, folder.st_ino), list(sys.path), ours


def take() -> WorkerProcess:
    """Return a kept worker process, or a new one."""
    return _kept.take()


def put(worker: WorkerProcess) -> None:
    """Keep a worker process for the next video."""
    _kept.put(worker)


def _close() -> None:
    for worker in list(_started):
        worker.discard()


def _forget() -> None:
    """Start with no workers in a forked process."""
    global _kept
    for worker in list(_started):
        worker.disown()
    _started.clear()
    _kept = _Kept()


_started: weakref.WeakSet[WorkerProcess] = weakref.WeakSet()
_kept = _Kept()
atexit.register(_close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
