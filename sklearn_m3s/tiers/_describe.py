"""The engine: videos to one matrix per tier, each file decoded once for all of them."""

import ctypes
import os
import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from copy import deepcopy
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils import gen_batches
from tqdm.auto import tqdm

from sklearn_m3s.exceptions import M3SWarning, VideoError
from sklearn_m3s.tiers._tier import Embedder, Tier
from sklearn_m3s.tiers._tier_rows import TierRows
from sklearn_m3s.tiers._workers import Workers, run
from sklearn_m3s.video import (
    ClipReader,
    Reader,
    VideoLimits,
    get_limits,
    memory_ceiling,
    read_video,
    report_errors,
    set_limits,
    video_name,
)

_MOST_LISTED = 50
_WARNED: dict = {}  # the registry by which Python tells warnings that it has shown


def describe(tiers: Sequence[Tier], videos: Sequence[Any]) -> list[np.ndarray]:
    """Describe videos by one tier or several.

    Rows that the cache of a tier holds are taken from there. Every other file is opened once for
    all tiers that lack its row.

    Parameters
    ----------
    tiers : sequence of VideoTransformer
        The tiers. Those with one `decoder` share a pass over the files.
    videos : list of length n_videos
        Paths and arrays.

    Returns
    -------
    list of ndarray of shape (n_videos, n_described), float32
        One matrix per tier, before anything that the tier learned is applied. Rows of bad videos
        are NaN in tiers with ``on_error="nan"``.

    Raises
    ------
    VideoError
        One error for all bad videos, after the good ones are described and in the caches, if a
        tier with ``on_error="raise"`` could not describe them.

    Warns
    -----
    M3SWarning
        For the bad videos of tiers with ``on_error="nan"``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s import RawPerception
    >>> from sklearn_m3s.tiers import describe
    >>> tiers = [RawPerception(descriptors=[name]) for name in ("brightness", "contrast")]
    >>> describe(tiers, [np.full((1, 32, 32, 3), 9, dtype=np.uint8)])
    [array([[9.]], dtype=float32), array([[0.]], dtype=float32)]
    """
    tables = [TierRows(tier, videos) for tier in tiers]
    try:
        for decoder in dict.fromkeys(tier.decoder for tier in tiers):
            _fill([table for table in tables if table.tier.decoder == decoder], videos, decoder)
    except KeyboardInterrupt:  # where it was is of no interest
        raise KeyboardInterrupt("videos were being described") from None
    _report(tables, videos)
    return [table.matrix() for table in tables]


def _fill(tables: Sequence[TierRows], videos: Sequence[Any], decoder: str) -> None:
    """Describe what the tables lack.

    Videos go through in rounds. While one round is embedded in a thread, the next is read, so that
    two rounds are in memory. Rows that need no embedding are put into their table as they come;
    if no tier embeds, all videos are one round.
    """
    name = " + ".join(type(table.tier).__name__ for table in tables)
    hidden = not any(table.tier.verbose for table in tables)
    tables = [table for table in tables if table.missing]
    embedders = [table.tier._embedder(len(table.missing)) for table in tables]
    readers = [table.tier._reader() for table in tables]
    lacking: dict[int, list[int]] = {}  # the position of a video -> which tables lack it
    for k, table in enumerate(tables):
        for i in table.missing:
            lacking.setdefault(i, []).append(k)
    todo = sorted(lacking)
    tasks = [(videos[i], [readers[k] for k in lacking[i]]) for i in todo]
    plan = _plan(tables, embedders, len(todo))
    counts = {"total": len(videos), "initial": len(videos) - len(todo)}
    with (
        tqdm(desc=name, unit="video", disable=hidden, **counts) as bar,
        Workers() as workers,
        _Embedding(tables, embedders, workers) as embedding,
    ):
        read = partial(
            _read,
            decoder=decoder,
            limits=get_limits(),
            timeout=plan.timeout,
            workers=workers,
        )
        for start in range(0, len(todo), plan.size):
            items: list[dict[int, Any]] = [{} for _ in tables]
            part = tasks[start : start + plan.size]
            for j, (outcomes, caught) in run(read, part, n_jobs=plan.n_jobs):
                i = todo[start + j]
                n_items = 0
                for k, outcome in zip(lacking[i], _warned(outcomes, caught), strict=True):
                    if embedders[k] is None or isinstance(outcome, Exception):
                        tables[k].put(i, outcome)
                    else:
                        items[k][i] = outcome
                        n_items += 1
                if not n_items:
                    bar.update()
            bar.update(embedding.n_done())
            embedding.begin(items)
        bar.update(embedding.n_done())


class _Plan(NamedTuple):
    """How many videos are read at once, how many in a round, and in how many seconds each."""

    n_jobs: int | None
    size: int
    timeout: float | None


def _plan(tables: Sequence[TierRows], embedders: Sequence[Embedder | None], n_videos: int) -> _Plan:
    tiers = [table.tier for table in tables]
    embedding = [tier for tier, embed in zip(tiers, embedders, strict=True) if embed is not None]
    describing = [tier for tier in tiers if tier not in embedding]
    n_jobs = (describing or embedding)[0].n_jobs if tiers else None
    seconds = max((np.inf if tier.timeout is None else tier.timeout for tier in tiers), default=0)
    timeout = None if seconds == np.inf else seconds
    if not embedding:
        return _Plan(n_jobs, max(n_videos, 1), timeout)
    # Whole batches, and at least one video for every worker.
    batch = max(tier.batch_size for tier in embedding)
    return _Plan(n_jobs, -(-effective_n_jobs(n_jobs) // batch) * batch, timeout)


def _read(
    task: tuple[Any, Sequence[Reader]],
    *,
    decoder: str,
    limits: VideoLimits,
    timeout: float | None,
    workers: Workers,
) -> tuple[list[Any], list[tuple]]:
    """Read one video; return what was read, and the warnings of the worker process.

    Decoders and the code of descriptors may hang or crash, so they run in a worker process. Frames
    of an array are taken here, which is faster than to send it.
    """
    video, readers = task
    is_file = isinstance(video, str | os.PathLike)
    if not is_file and (
        not isinstance(video, np.ndarray) or all(type(reader) is ClipReader for reader in readers)
    ):
        return read_video(video, deepcopy(readers), decoder=decoder), []
    work = partial(_read_in_worker, readers=readers, decoder=decoder, limits=limits)
    try:
        return workers.call(work, os.fspath(video) if is_file else video, timeout)
    except VideoError as error:
        return [error] * len(readers), []


def _read_in_worker(
    video: Any, *, readers: Sequence[Reader], decoder: str, limits: VideoLimits
) -> list[Any]:
    set_limits(limits)
    report_errors()
    # What an array takes is there already.
    with nullcontext() if isinstance(video, np.ndarray) else memory_ceiling(limits.memory):
        return read_video(video, readers, decoder=decoder)


def _warned(outcomes: list[Any], caught: list[tuple]) -> list[Any]:
    """Issue the warnings of a worker process. One that is made an error stands for the outcomes."""
    try:
        for message, category, filename, lineno in caught:
            warnings.warn_explicit(message, category, filename, lineno, registry=_WARNED)
    except Warning as error:
        return [error] * len(outcomes)
    return outcomes


class _Embedding:
    """A thread that embeds what was read in a round, one round at a time.

    At the end, a round that has begun is awaited. After Ctrl-C it is stopped.
    """

    def __init__(
        self,
        tables: Sequence[TierRows],
        embedders: Sequence[Embedder | None],
        workers: Workers,
    ) -> None:
        self._tables, self._embedders, self._workers = tables, embedders, workers
        self._idents: list[int] = []
        self._pool = ThreadPoolExecutor(
            max_workers=1, initializer=lambda: self._idents.append(threading.get_ident())
        )
        self._round: Future[int] | None = None

    def begin(self, items: Sequence[dict[int, Any]]) -> None:
        """Begin a round: what was read for each table, by the position of the video."""
        self._round = self._pool.submit(self._embed, items)

    def n_done(self) -> int:
        """Await the round, and return its number of videos."""
        return 0 if self._round is None else self._round.result()

    def __enter__(self) -> "_Embedding":
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        is_interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        if is_interrupted and self._round is not None and not self._round.done():
            # A network takes many seconds for a batch, but only moments between lines of Python,
            # where this exception is raised. Without it, the interpreter could not end sooner.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._idents[0]), ctypes.py_object(SystemExit)
            )
        self._pool.shutdown(wait=not is_interrupted)

    def _embed(self, items: Sequence[dict[int, Any]]) -> int:
        """Put the rows of a round into the tables, and return its number of videos.

        Items are embedded in the order of the videos, so that batches are the same every time.
        """
        for table, embed, found in zip(self._tables, self._embedders, items, strict=True):
            if embed is None or not found:
                continue
            positions = sorted(found)
            for batch in gen_batches(len(positions), table.tier.batch_size):
                if self._workers.are_over:
                    break
                rows = embed([found[i] for i in positions[batch]])
                for i, row in zip(positions[batch], rows, strict=True):
                    table.put(i, row)
        return len(set().union(*items))


def _report(tables: Sequence[TierRows], videos: Sequence[Any]) -> None:
    """Raise one error for all bad videos, or warn of them."""
    for rule in ("raise", "nan"):
        chosen = [table for table in tables if table.tier.on_error == rule]
        failures: dict[int, Exception] = {}
        for table in chosen:
            failures = table.failures | failures
        if not failures:
            continue
        named = [(video_name(videos[i], i), str(failures[i])) for i in sorted(failures)]
        lines = [f"  {name}: {cause}" for name, cause in named[:_MOST_LISTED]]
        if len(named) > _MOST_LISTED:
            lines.append(f"  and {len(named) - _MOST_LISTED} more (see the attribute failures)")
        message = f"{len(named)} of {len(videos)} videos could not be described\n"
        message += "\n".join(lines)
        if rule == "nan":
            warnings.warn(f"{message}\nTheir rows are NaN.", M3SWarning, stacklevel=4)
            continue
        if any(table.tier.cache is not None for table in chosen):
            message += "\nThe others are described and in the cache."
        message += "\nRemove or repair these files, or pass on_error='nan' to get NaN rows."
        raise VideoError(message, named) from failures[min(failures)]
