"""Run a function over videos, in processes that may hang or die."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import cloudpickle
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.utils import gen_batches

from sklearn_m3s.exceptions import M3SError
from sklearn_m3s.tiers import _worker_process
from sklearn_m3s.tiers._worker_process import WorkerLostError, WorkerProcess

_ROUND = 64  # tasks per worker and round, if a backend only returns lists


class Workers:
    """Worker processes that one run borrows. Those still at work at its end are killed.

    A copy of this object in another process borrows its own worker processes there.

    Attributes
    ----------
    are_over : bool
        Whether the run has ended.
    """

    def __init__(self) -> None:
        self._busy: set[WorkerProcess] = set()
        self.are_over = False

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *error: Any) -> None:
        self.are_over = True
        for worker in list(self._busy):
            worker.kill()

    def __reduce__(self) -> tuple:
        return Workers, ()

    def call(
        self, function: Callable[[Any], Iterable[Any]], video: Any, timeout: float | None
    ) -> tuple[list[Any], list[tuple]]:
        """Return the items of function(video) as a list, and its warnings; see `stream`."""
        caught: list[tuple] = []
        return list(self.stream(function, video, timeout, caught)), caught

    def stream(
        self,
        function: Callable[[Any], Iterable[Any]],
        video: Any,
        timeout: float | None,
        caught: list[tuple],
    ) -> Iterator[Any]:
        """Yield the items of function(video) as they come.

        Parameters
        ----------
        function : callable
            Function from a video to an iterable.
        video : str or ndarray
            Argument of the function.
        timeout : float or None
            Seconds to wait for an item.
        caught : list
            List to which the warnings are added at the end, as arguments of
            `warnings.warn_explicit`.

        Raises
        ------
        VideoError
            If the process died or took too long.
        M3SError
            If the function cannot be sent to a process, or no process can be started.
        Exception
            Errors of the function itself.
        """
        try:
            work = cloudpickle.dumps(function, protocol=5)
        except Exception as error:
            raise M3SError(
                f"the reader of a tier cannot be sent to a worker process ({error}): remove "
                "attributes that cannot be pickled, such as locks, open files and generators"
            ) from error
        while True:
            worker = _worker_process.take()
            self._busy.add(worker)
            try:
                # Asked once the worker is among the busy ones: either `__exit__` sees it, or this
                # does.
                if self.are_over:
                    raise M3SError("the run has ended: start it again")
                yield from worker.stream(work, video, timeout, caught)
            except WorkerLostError as error:
                # A kept process may have ended while idle. Try again, unless a new one has failed.
                worker.discard()
                if worker.is_new:
                    raise M3SError(
                        f"a worker process did not start ({error}): free some memory, or lower "
                        "n_jobs"
                    ) from error
            except BaseException:  # also if the caller takes no more items
                worker.discard()
                raise
            else:
                _worker_process.put(worker)
                return
            finally:
                self._busy.discard(worker)


def run(
    function: Callable[[Any], Any], tasks: Sequence[Any], *, n_jobs: int | None = None
) -> Iterator[tuple[int, Any]]:
    """Yield (i, function(tasks[i])) as soon as each is done.

    The function runs in threads, unless another backend of joblib is set.

    Parameters
    ----------
    function : callable
        The function to call. Its errors are raised.
    tasks : sequence
        Arguments of the calls.
    n_jobs : int or None
        As in `joblib.Parallel`.
    """
    parallel, n_at_once = _parallel(len(tasks), n_jobs)
    work = delayed(_numbered)
    for part in gen_batches(len(tasks), n_at_once):
        yield from parallel(work(function, i, tasks[i]) for i in range(len(tasks))[part])


def _parallel(n_tasks: int, n_jobs: int | None) -> tuple[Parallel, int]:
    """Return the joblib pool that runs the tasks, and the number of tasks per round."""
    options = {"n_jobs": n_jobs, "prefer": "threads"}
    try:
        return Parallel(return_as="generator_unordered", **options), max(n_tasks, 1)
    except ValueError:  # this backend only returns lists: short rounds pass results on early
        return Parallel(**options), _ROUND * effective_n_jobs(n_jobs)


def _numbered(function: Callable[[Any], Any], i: int, task: Any) -> tuple[int, Any]:
    return i, function(task)
