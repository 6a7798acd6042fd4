"""The program of a worker process, which reads videos for its parent.

It runs as a script and imports only the standard library, so that it starts quickly. The pickles
that it receives import the rest.
"""

import os
import pickle
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from typing import Any, BinaryIO


class _Worker:
    """Take tasks (work, video) from one pipe, and answer through another.

    `work` is a pickled function from a video to an iterable. The answers to each task are:

    1. ``None`` when the work begins, or the error text if it cannot be unpickled. So the time to
       import modules for the work does not count as time for the video.
    2. ``(outcome,)`` for each item of the iterable, as soon as it is there.
    3. ``(error, warnings)`` at the end. The error is None if none was raised.
    """

    def __init__(self, idle_seconds: float) -> None:
        self._parent = os.getppid()
        self._idle_seconds = idle_seconds
        self._idle_since: float | None = time.monotonic()

    def run(self, tasks: BinaryIO, answers: BinaryIO) -> None:
        """Work until the pipe is closed."""
        threading.Thread(target=self._watch, daemon=True).start()
        while True:
            try:
                work, video = pickle.load(tasks)
            except EOFError:
                return
            self._idle_since = None
            for answer in _answers(work, video):
                answers.write(answer)
                answers.flush()
            self._idle_since = time.monotonic()

    def _watch(self) -> None:
        """End the process soon after its parent, even at work, or after a long idle time."""
        while os.getppid() == self._parent:
            idle_since = self._idle_since
            if idle_since is not None and time.monotonic() - idle_since > self._idle_seconds:
                break
            time.sleep(1)
        os._exit(0)


def _answers(work: bytes, video: Any) -> Iterator[bytes]:
    """Yield the pickled answers to a task."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the parent warned when it imported the same modules
            function = pickle.loads(work)
    except Exception as error:
        yield pickle.dumps(f"{type(error).__name__}: {error}")
        return
    yield pickle.dumps(None)
    fault = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            for outcome in function(video):
                yield _dumps((_portable(outcome),))
        except Exception as raised:
            fault = _portable(raised)
    yield _dumps((fault, [(w.message, w.category, w.filename, w.lineno) for w in caught]))


def _portable(outcome: Any) -> Any:
    """Return a value unchanged, and an exception with its traceback in a form for pickle."""
    if not isinstance(outcome, Exception):
        return outcome
    from sklearn_m3s.exceptions import VideoError  # not at the top: the worker starts without it

    if not isinstance(outcome, VideoError):
        outcome.add_note("In a worker process:\n" + "".join(traceback.format_exception(outcome)))
    try:
        pickle.loads(_dumps(outcome))
    except Exception:
        return RuntimeError(f"{type(outcome).__name__}: {outcome}")
    return outcome


def _dumps(answer: Any) -> bytes:
    """Pickle an answer. Classes of a script or a notebook are pickled by value."""
    try:
        return pickle.dumps(answer, protocol=5)
    except Exception:
        import cloudpickle

        return cloudpickle.dumps(answer, protocol=5)


def _die_with_the_parent() -> None:
    """Tell Linux to kill this process when its parent ends, even if a decoder never returns."""
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


if __name__ == "__main__":
    if sys.platform == "linux":
        _die_with_the_parent()
    # Libraries may print. Keep the pipes for ourselves, and send their output to stderr.
    streams = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    _Worker(float(sys.argv[1])).run(*streams)
    os._exit(0)
