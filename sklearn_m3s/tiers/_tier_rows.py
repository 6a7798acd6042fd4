"""The descriptions of videos by one tier: found in its cache, or filled in and stored."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import av
import cv2
import numpy as np
from joblib import Parallel, delayed

from sklearn_m3s._logging import logger
from sklearn_m3s.cache import FeatureCache
from sklearn_m3s.exceptions import M3SError, M3SWarning, VideoError
from sklearn_m3s.tiers._tier import Tier
from sklearn_m3s.video import check_content

_HASHING_THREADS = 4
_PIXELS = 2  # to be increased when our code gives other pixels for the same file


class TierRows:
    """The descriptions of some videos by one tier, one per row of a matrix.

    Parameters
    ----------
    tier : VideoTransformer
        The tier.
    videos : list of length n_videos
        Paths and arrays.

    Attributes
    ----------
    missing : list of int
        The positions of the videos whose descriptions are not in the cache.
    failures : dict of int to Exception
        The error of each bad video, by its position.
    """

    def __init__(self, tier: Tier, videos: Sequence[Any]) -> None:
        self.tier = tier
        self.failures: dict[int, Exception] = {}
        self._videos = videos
        self._cache: FeatureCache | None = None
        self._is_warned = False  # about a cache that cannot be written to
        self._rows: list[np.ndarray | None] = [None] * len(videos)
        if tier.cache is not None:
            self._look_up(tier.cache)
        self.missing = [i for i, row in enumerate(self._rows) if row is None]
        if self._cache is not None and self.missing:
            self._cache.prepare()

    def _look_up(self, folder: Any) -> None:
        """Fill in the descriptions that the cache has."""
        cache = FeatureCache(folder, type(self.tier).__name__, signature(self.tier))
        self._keys = [_attempt(cache.known_key, video) for video in self._videos]
        # Only hashing runs in threads, because it releases the GIL.
        unread = [i for i, key in enumerate(self._keys) if key is None]
        parallel = Parallel(n_jobs=_HASHING_THREADS, require="sharedmem")
        hashed = parallel(delayed(_attempt)(_checked_key, cache, self._videos[i]) for i in unread)
        for i, key in zip(unread, hashed, strict=True):
            self._keys[i] = key
        self._rows = [cache.get(key) if key else None for key in self._keys]
        self._cache = cache
        n_found = sum(row is not None for row in self._rows)
        name, n_videos = type(self.tier).__name__, len(self._videos)
        logger.info("%s: %d of %d videos are in the cache %s", name, n_found, n_videos, folder)

    def put(self, i: int, outcome: Any) -> None:
        """Fill in the description of a video and store it, or note the exception instead."""
        if isinstance(outcome, Exception):
            self.failures[i] = outcome
            return
        with np.errstate(over="ignore"):  # infinity is reported below
            row = np.asarray(outcome, dtype=np.float32)
        n_bad = row.size - np.count_nonzero(np.isfinite(row))
        if n_bad:
            self.failures[i] = VideoError(
                f"has NaN or infinity in {n_bad} of {row.size} features of "
                f"{type(self.tier).__name__}: change the settings of the tier, or fetch its "
                "network again"
            )
            return
        self._rows[i] = row
        if self._cache is None or (key := self._keys[i]) is None:
            return
        # Keep no description of a file that has changed since its digest was computed.
        video = self._videos[i]
        if isinstance(video, np.ndarray) or _attempt(self._cache.key, video) == key:
            self._keep(self._cache, key, row)

    def _keep(self, cache: FeatureCache, key: str, row: np.ndarray) -> None:
        """Store a description. Warn once if that fails: a full disk must not end a long run."""
        try:
            cache.put(key, row)
        except M3SError as error:
            if not self._is_warned:
                self._is_warned = True
                name = type(self.tier).__name__
                warnings.warn(f"{name} continues, but {error}", M3SWarning, stacklevel=2)

    def matrix(self) -> np.ndarray:
        """Return the descriptions as rows, float32, with NaN for the videos that failed."""
        known = next((row for row in self._rows if row is not None), None)
        width = self.tier._n_described() if known is None else len(known)
        matrix = np.full((len(self._rows), width), np.nan, dtype=np.float32)
        for i, row in enumerate(self._rows):
            if row is not None:
                matrix[i] = row
        return matrix


def signature(tier: Tier) -> dict[str, Any]:
    """Return everything that determines the descriptions besides the videos, as JSON values."""
    # Not __qualname__: classes that cloudpickle sends to workers lose a part of it.
    kind = f"{type(tier).__module__}.{type(tier).__name__}"
    return {"class": kind, "pixels": _PIXELS, "libraries": _libraries(), **tier._settings()}


def _libraries() -> dict[str, str]:
    """Return major and minor versions of the libraries that decode and convert pictures.

    PyTorch is not among them, because its versions differ only by rounding, as devices do.
    """
    versions: dict[str, Sequence[Any]] = {"opencv": cv2.__version__.split(".")}
    versions["pyav"] = av.__version__.split(".")
    versions |= {name: av.library_versions[name] for name in ("libavcodec", "libswscale")}
    return {name: f"{major}.{minor}" for name, (major, minor, *_) in versions.items()}


def _checked_key(cache: FeatureCache, video: Any) -> str:
    """Return the key of a video. Files of other formats are not read, because they may be huge."""
    check_content(video)
    return cache.key(video)


def _attempt(key: Callable[..., str | None], *args: Any) -> str | None:
    """Return the key of a video, or None if it cannot be read. Decoding it will raise the cause."""
    try:
        return key(*args)
    except (OSError, TypeError, ValueError):
        return None
