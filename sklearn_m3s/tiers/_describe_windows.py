"""The engine for one long video: overlapping windows to rows, in one pass."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from copy import copy
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from tqdm.auto import tqdm

from sklearn_m3s.exceptions import VideoError
from sklearn_m3s.tiers._describe import embed_items, first_failures, issue_warnings
from sklearn_m3s.tiers._embedding_thread import EmbeddingThread
from sklearn_m3s.tiers._interrupt import result_of, shown_in_one_line
from sklearn_m3s.tiers._tier import Embedder, Tier
from sklearn_m3s.tiers._tier_rows import TierRows
from sklearn_m3s.tiers._workers import Workers
from sklearn_m3s.video import (
    Reader,
    VideoLimits,
    get_limits,
    memory_ceiling,
    read_windows,
    report_errors,
    set_limits,
)

_LEAST_BATCH = 16  # windows


def describe_windows(
    tiers: Sequence[Tier],
    video: Any,
    *,
    window: float,
    stride: float,
    frame_rate: float = 15,
    n_jobs: int | None = None,
    verbose: bool | int = False,
) -> Iterator[tuple[np.ndarray, list[np.ndarray], dict[int, Exception]]]:
    """Describe overlapping windows of a video with one tier or several, in one pass.

    Parameters
    ----------
    tiers : sequence of VideoTransformer
        The tiers, all with the same `decoder`. Their caches are not used. Their `timeout` applies
        to each window.
    video : str, os.PathLike or ndarray of shape (T, H, W, 3) or (H, W, 3), uint8
        A file, or RGB frames.
    window : float
        Length of the windows in seconds. A shorter video is one window.
    stride : float
        Seconds from the start of a window to the start of the next.
    frame_rate : float, default=15
        Frames per second of an array. Files have their own times.
    n_jobs : int, default=None
        Number of worker processes. Each decodes the whole video and measures some of the windows.
    verbose : bool or int, default=False
        Whether to show a progress bar.

    Yields
    ------
    spans : ndarray of shape (n, 2), float64
        Start and end of the next windows, in seconds from the first frame.
    rows : list of ndarray of shape (n, n_described), float32
        One matrix per tier, with the description of a window in each row. Rows of bad windows are
        NaN.
    failures : dict of int to Exception
        The error of each bad window, by its position among the n.

    Raises
    ------
    VideoError
        If no window can be read.
    ValueError
        If the tiers have different decoders.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s import RawPerception
    >>> from sklearn_m3s.tiers import describe_windows
    >>> video = np.repeat(np.arange(0, 90, 10, dtype=np.uint8), 5)[:, None, None, None]
    >>> video = np.tile(video, (1, 32, 32, 3))  # 3 seconds
    >>> tier = RawPerception(descriptors=["brightness"])
    >>> for spans, [rows], failures in describe_windows([tier], video, window=1, stride=1):
    ...     print(spans.tolist(), rows.ravel())
    [[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]] [10. 40. 70.]
    """
    decoders = {tier.decoder for tier in tiers}
    if len(decoders) != 1:
        raise ValueError(f"the tiers have the decoders {sorted(decoders)}: use the same for all")
    readers = [tier._reader() for tier in tiers]
    work = partial(
        _read_in_worker,
        readers=readers,
        window=window,
        stride=stride,
        frame_rate=frame_rate,
        decoder=decoders.pop(),
        limits=get_limits(),
    )
    seconds = max(np.inf if tier.timeout is None else tier.timeout for tier in tiers)
    with (
        shown_in_one_line("stopped while windows were described"),
        Workers() as workers,
        EmbeddingThread() as thread,
    ):
        spans, outcomes = _outcomes(
            workers,
            work,
            os.fspath(video) if isinstance(video, str | os.PathLike) else video,
            None if seconds == np.inf else seconds,
            effective_n_jobs(n_jobs),
        )
        embedders = [tier._embedder(len(spans)) for tier in tiers]
        size = max(_LEAST_BATCH, *(tier.batch_size for tier in tiers))
        embedding: Future[Any] | None = None
        with tqdm(desc="windows", total=len(spans), disable=not verbose) as bar:
            for start in range(0, len(spans), size):
                part = spans[start : start + size]
                found = [list(islice(outcomes, len(tiers))) for _ in part]
                if embedding is not None:
                    yield result_of(embedding)
                embedding = thread.submit(_embed, tiers, embedders, part, found, workers)
                bar.update(len(part))
            # Runs the generator to its end, where it issues the warnings of the workers.
            next(outcomes, None)
            if embedding is not None:
                yield result_of(embedding)


def _read_in_worker(
    video: Any,
    *,
    readers: Sequence[Reader],
    decoder: str,
    limits: VideoLimits,
    part: slice,
    **settings: float,
) -> Iterator[Any]:
    """Yield the spans of all windows, then the values of all readers for each window of a part."""
    set_limits(limits)
    report_errors()
    with nullcontext() if isinstance(video, np.ndarray) else memory_ceiling(limits.memory):
        spans, windows = read_windows(video, readers, decoder=decoder, part=part, **settings)
        yield spans
        for values in windows:
            yield from values


def _outcomes(
    workers: Workers, work: Any, video: Any, timeout: float | None, n_workers: int
) -> tuple[np.ndarray, Iterator[Any]]:
    """Return the spans, and an iterator over the outcomes of all readers for each window.

    Worker k of n reads the windows k, k + n, k + 2n and so on. Taking one item from each worker in
    turn therefore yields the windows in order. A worker that is ahead fills its pipe and waits.
    """
    caught: list[tuple] = []
    streams = [
        workers.stream(partial(work, part=slice(k, None, n_workers)), video, timeout, caught)
        for k in range(n_workers)
    ]
    spans, *_ = [next(stream) for stream in streams]  # starts all workers
    n_readers = len(work.keywords["readers"])

    def outcomes() -> Iterator[Any]:
        faults: dict[int, VideoError] = {}
        for i in range(len(spans)):
            k = i % n_workers
            for _ in range(n_readers):
                try:
                    yield faults[k] if k in faults else next(streams[k])
                except VideoError as error:  # the worker is gone, so its later windows fail, too
                    faults[k] = error
                    yield error
        for stream in streams:  # the warnings come at the end
            next(stream, None)
        issue_warnings(caught)

    return spans, outcomes()


def _embed(
    tiers: Sequence[Tier],
    embedders: Sequence[Embedder | None],
    spans: np.ndarray,
    found: list[list[Any]],
    workers: Workers,
) -> tuple[np.ndarray, list[np.ndarray], dict[int, Exception]]:
    """Return the spans, rows and failures of some windows, as `describe_windows` yields them."""
    tables = [TierRows(_uncached(tier), spans) for tier in tiers]
    items: list[dict[int, Any]] = [{} for _ in tiers]
    for i, outcomes in enumerate(found):
        for k, outcome in enumerate(outcomes):
            if embedders[k] is None or isinstance(outcome, Exception):
                tables[k].put(i, outcome)
            else:
                items[k][i] = outcome
    embed_items(tables, embedders, items, workers)
    return spans, [table.matrix() for table in tables], first_failures(tables)


def _uncached(tier: Tier) -> Tier:
    tier = copy(tier)
    tier.cache = None
    return tier
