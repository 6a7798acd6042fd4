"""The engine: describe videos with several tiers, and decode each file once."""

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from copy import deepcopy
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils import gen_batches
from tqdm.auto import tqdm

from sklearn_m3s.exceptions import M3SWarning, VideoError
from sklearn_m3s.tiers._embedding_thread import EmbeddingThread
from sklearn_m3s.tiers._interrupt import result_of, shown_in_one_line
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
_WARNED: dict = {}  # Python's record of the warnings already shown


def describe(tiers: Sequence[Tier], videos: Sequence[Any]) -> list[np.ndarray]:
    """Describe videos with one tier or several.

    Descriptions in the cache of a tier are taken from there. Every other file is opened once for
    all tiers that lack its description.

    Parameters
    ----------
    tiers : sequence of VideoTransformer
        The tiers. Those with the same `decoder` share a pass over the files.
    videos : list of length n_videos
        Paths and arrays.

    Returns
    -------
    list of ndarray of shape (n_videos, n_described), float32
        One matrix per tier, with the description of a video in each row. The learned `reduction_`
        is not applied. Rows of bad videos are NaN in tiers with ``on_error="nan"``.

    Raises
    ------
    VideoError
        If a tier with ``on_error="raise"`` could not describe some videos. One error lists all of
        them. It is raised after the good videos are described and in the caches.

    Warns
    -----
    M3SWarning
        If a tier with ``on_error="nan"`` could not describe some videos.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s import RawPerception
    >>> from sklearn_m3s.tiers import describe
    >>> tiers = [RawPerception(descriptors=[name]) for name in ("brightness", "contrast")]
    >>> describe(tiers, [np.full((1, 32, 32, 3), 9, dtype=np.uint8)])
    [array([[9.]], dtype=float32), array([[0.]], dtype=float32)]
    """
    tables = _fill_tables(tiers, videos)
    _report(tables, videos)
    return [table.matrix() for table in tables]


def describe_all(
    tiers: Sequence[Tier], videos: Sequence[Any]
) -> tuple[list[np.ndarray], dict[int, Exception]]:
    """Describe videos as `describe` does, but return the errors instead of raising them.

    Parameters
    ----------
    tiers : sequence of VideoTransformer
        The tiers. Their parameter `on_error` has no effect.
    videos : list of length n_videos
        Paths and arrays.

    Returns
    -------
    rows : list of ndarray of shape (n_videos, n_described), float32
        One matrix per tier, with rows of NaN for videos that could not be described.
    failures : dict of int to Exception
        The first error of each bad video, by its position, in the order of the videos.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s import RawPerception
    >>> from sklearn_m3s.tiers import describe_all
    >>> videos = ["missing.mp4", np.full((1, 32, 32, 3), 9, dtype=np.uint8)]
    >>> [rows], failures = describe_all([RawPerception(descriptors=["brightness"])], videos)
    >>> rows
    array([[nan],
           [ 9.]], dtype=float32)
    >>> failures
    {0: VideoError('does not exist: ...
    """
    tables = _fill_tables(tiers, videos)
    return [table.matrix() for table in tables], first_failures(tables)


def read_each(videos: Sequence[Any], reader: Reader, *, timeout: float = 600) -> list[Any]:
    """Return what a reader takes from each video, in a worker process, or its exception.

    Parameters
    ----------
    videos : list of length n_videos
        Paths and arrays.
    reader : Reader
        It is copied for each video.
    timeout : float, default=600
        Seconds of work per video.
    """
    with Workers() as workers:
        read = partial(_read, decoder="pyav", limits=get_limits(), timeout=timeout, workers=workers)
        found = [read((video, [reader])) for video in videos]
    return [outcome for result in found for outcome in _warned(*result)]


def _fill_tables(tiers: Sequence[Tier], videos: Sequence[Any]) -> list[TierRows]:
    tables = [TierRows(tier, videos) for tier in tiers]
    with shown_in_one_line("stopped while videos were described"):
        for decoder in dict.fromkeys(tier.decoder for tier in tiers):
            _fill([table for table in tables if table.tier.decoder == decoder], videos, decoder)
    return tables


def _fill(tables: Sequence[TierRows], videos: Sequence[Any], decoder: str) -> None:
    """Describe the videos that the tables lack.

    Videos are processed in rounds. While one round is embedded in a thread, the next round is read,
    so that two rounds are in memory. Rows that need no embedding are put into their table as they
    come. If no tier embeds, all videos are one round.
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
        EmbeddingThread() as thread,
    ):
        read = partial(
            _read,
            decoder=decoder,
            limits=get_limits(),
            timeout=plan.timeout,
            workers=workers,
        )
        embedding: Future[int] | None = None
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
                # Videos with items count as done once the network has embedded them.
                if not n_items:
                    bar.update()
            # Wait for the network to finish the round before: two rounds in memory are enough.
            if embedding is not None:
                bar.update(result_of(embedding))
            embedding = thread.submit(embed_items, tables, embedders, items, workers)
        if embedding is not None:
            bar.update(result_of(embedding))


class _Plan(NamedTuple):
    """The number of videos read at once and per round, and the seconds allowed for each."""

    n_jobs: int | None
    size: int
    timeout: float | None


def _plan(tables: Sequence[TierRows], embedders: Sequence[Embedder | None], n_videos: int) -> _Plan:
    tiers = [table.tier for table in tables]
    embedding = [tier for tier, embed in zip(tiers, embedders, strict=True) if embed is not None]
    describing = [tier for tier in tiers if tier not in embedding]
    # Tiers that measure in the workers decide on their number. For the others, workers only decode.
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
    """Read one video. Return the outcome of each reader, and the warnings of the worker process.

    Decoders and the code of descriptors may hang or crash, so they run in a worker process. Clips
    of an array are read in this process, which is faster than sending the array.
    """
    video, readers = task
    # What is neither a file nor an array only gets its error here. Each reader serves one video, so
    # it is copied; pickling does that for a worker.
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
    # An array is already in memory, so it needs no limit.
    with nullcontext() if isinstance(video, np.ndarray) else memory_ceiling(limits.memory):
        return read_video(video, readers, decoder=decoder)


def issue_warnings(caught: list[tuple]) -> None:
    """Issue the warnings of a worker process."""
    for message, category, filename, lineno in caught:
        warnings.warn_explicit(message, category, filename, lineno, registry=_WARNED)


def _warned(outcomes: list[Any], caught: list[tuple]) -> list[Any]:
    """Issue the warnings of a worker process. If a warning is raised, it replaces the outcomes."""
    try:
        issue_warnings(caught)
    except Warning as error:
        return [error] * len(outcomes)
    return outcomes


def embed_items(
    tables: Sequence[TierRows],
    embedders: Sequence[Embedder | None],
    items: Sequence[dict[int, Any]],
    workers: Workers,
) -> int:
    """Embed the items of a round, put the rows into the tables, and return the number of videos.

    Items are embedded in the order of the videos, so that batches are the same every time. After
    Ctrl-C, no further batch is started.
    """
    for table, embed, found in zip(tables, embedders, items, strict=True):
        if embed is None or not found:
            continue
        positions = sorted(found)
        for batch in gen_batches(len(positions), table.tier.batch_size):
            if workers.are_over:
                break
            rows = embed([found[i] for i in positions[batch]])
            for i, row in zip(positions[batch], rows, strict=True):
                table.put(i, row)
    return len(set().union(*items))


def first_failures(tables: Sequence[TierRows]) -> dict[int, Exception]:
    """Return the first error of each bad video, in the order of the videos."""
    failures: dict[int, Exception] = {}
    for table in tables:
        failures = table.failures | failures
    return dict(sorted(failures.items()))


def _report(tables: Sequence[TierRows], videos: Sequence[Any]) -> None:
    """Raise one error for all bad videos, or warn of them."""
    for rule in ("raise", "nan"):
        chosen = [table for table in tables if table.tier.on_error == rule]
        failures = first_failures(chosen)
        if not failures:
            continue
        named = [(video_name(videos[i], i), str(error)) for i, error in failures.items()]
        lines = [f"  {name}: {cause}" for name, cause in named[:_MOST_LISTED]]
        if len(named) > _MOST_LISTED:
            place = " (see the attribute failures)" if rule == "raise" else ""
            lines.append(f"  and {len(named) - _MOST_LISTED} more{place}")
        message = f"{len(named)} of {len(videos)} videos could not be described\n"
        message += "\n".join(lines)
        if rule == "nan":
            warnings.warn(f"{message}\nTheir rows are NaN.", M3SWarning, stacklevel=4)
            continue
        if any(table.tier.cache is not None for table in chosen):
            message += "\nThe others are described and in the cache."
        message += "\nRemove or repair these files, or pass on_error='nan' to get NaN rows."
        raise VideoError(message, named) from failures[min(failures)]
