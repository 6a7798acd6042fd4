"""A function over videos by the workers of joblib, with results as they come."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from functools import partial
from itertools import islice
from typing import Any

import cv2
import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.utils import gen_batches

from sklearn_m3s.exceptions import M3SError

_ROUND = 64  # tasks per worker, where a backend returns lists only


def run(
    function: Callable[[Any], Any],
    tasks: Sequence[tuple],
    *,
    n_jobs: int | None = None,
    prefer: str | None = None,
) -> Iterator[tuple[int, Any]]:
    """Yield (i, function(tasks[i])) as workers finish.

    Parameters
    ----------
    function : callable
        What the workers do. What it raises is raised here.
    tasks : sequence of tuple
        Each begins with the video that it concerns.
    n_jobs, prefer
        As in `joblib.Parallel`.

    Raises
    ------
    M3SError
        If a worker dies. Results until then have been yielded.
    """
    parallel, n_at_once = _parallel(len(tasks), n_jobs, prefer)
    waiting = dict.fromkeys(range(len(tasks)))
    n_threads = cv2.getNumThreads()
    work = delayed(partial(_numbered, function))
    try:
        for part in gen_batches(len(tasks), n_at_once):
            for i, outcome in parallel(work(i, tasks[i]) for i in range(len(tasks))[part]):
                del waiting[i]
                yield i, outcome
    except BrokenExecutor as error:
        first = islice(waiting, effective_n_jobs(n_jobs))
        raise M3SError(
            f"a worker died at {', '.join(_name(tasks[i][0]) for i in first)}, or soon after: "
            "it ran out of memory, or a video crashed it. Videos described before are in the "
            "cache, if one is set. Run again with a smaller n_jobs, or without these videos"
        ) from error
    finally:
        cv2.setNumThreads(n_threads)


def _parallel(n_tasks: int, n_jobs: int | None, prefer: str | None) -> tuple[Parallel, int]:
    """Return what runs the workers, and how many tasks it is given at a time."""
    options = {"n_jobs": n_jobs, "prefer": prefer}
    try:
        return Parallel(return_as="generator_unordered", **options), max(n_tasks, 1)
    except ValueError:  # this backend returns lists: short rounds hand rows on early
        return Parallel(**options), _ROUND * effective_n_jobs(n_jobs)


def _numbered(function: Callable[[Any], Any], i: int, task: tuple) -> tuple[int, Any]:
    cv2.setNumThreads(1)  # workers run side by side
    return i, function(task)


def _name(video: Any) -> str:
    return "an array" if isinstance(video, np.ndarray) else os.fspath(video)
