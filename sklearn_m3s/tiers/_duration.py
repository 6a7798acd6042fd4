"""Median length of the training videos."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from sklearn_m3s.exceptions import M3SError
from sklearn_m3s.tiers._workers import Workers
from sklearn_m3s.video import probe

_MOST = 100  # files
_TIMEOUT = 5.0  # seconds for the header of one
_known: dict[tuple, float] = {}  # a search asks for the same files many times


def median_duration(X: Any) -> float:
    """Return the median length of videos in seconds, or NaN if it is unknown.

    At most 100 files, spread evenly over the videos, are read. A bad file is left out. It raises no
    error.
    """
    if getattr(X, "ndim", 1) != 1:
        return math.nan
    files = [os.fspath(video) for video in X if isinstance(video, str | os.PathLike)]
    places = np.linspace(0, len(files) - 1, min(len(files), _MOST)).astype(int)
    keys = {files[i]: key for i in places if (key := _key(files[i]))}
    unknown = [path for path, key in keys.items() if key not in _known]
    if unknown:
        for path, seconds in zip(unknown, _read(unknown), strict=False):
            _known[keys[path]] = seconds
    lengths = [_known[key] for key in keys.values() if _known.get(key, math.nan) > 0]
    return float(np.median(lengths)) if lengths else math.nan


def _key(path: str) -> tuple | None:
    """Return a key that changes when the file changes, or None."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return os.path.abspath(path), status.st_size, status.st_mtime_ns


def _read(paths: list[str]) -> list[float]:
    """Return the lengths of files, up to the first file that crashes the worker process."""

    # A nested function is pickled by value, so the worker need not import this slow package.
    def seconds(paths: list[str]) -> Iterator[float]:
        for path in paths:
            try:
                yield probe(path).seconds
            except (M3SError, MemoryError):
                yield math.nan

    found: list[float] = []
    with suppress(Exception), Workers() as workers:
        for length in workers.stream(seconds, paths, _TIMEOUT, []):
            found.append(length)
    return found
