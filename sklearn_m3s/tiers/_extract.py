"""Videos to rows: from the cache or from workers, with all failures reported at once."""

import time
import warnings
from contextvars import ContextVar
from functools import partial

import av
import cv2
import numpy as np
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from sklearn_m3s.cache import FeatureCache
from sklearn_m3s.exceptions import M3SError, M3SWarning, VideoError
from sklearn_m3s.video import video_name

# A folder for tiers without a cache, while several of them are described together.
TEMPORARY_CACHE: ContextVar[str | None] = ContextVar("temporary cache", default=None)
_MOST_LISTED = 50
_N_PROBED, _N_THREADS = 32, 8
_SLOW = 2e-4  # seconds a call; threads only contend for the interpreter where it takes less


def extract(tier, videos):
    """Describe videos by a tier.

    Parameters
    ----------
    tier : VideoTransformer
        Gives the hooks `_outcomes`, `_settings` and `_n_described`, and the parameters `cache`,
        `on_error` and `verbose`.
    videos : list of length n_videos
        Paths and arrays.

    Returns
    -------
    ndarray of shape (n_videos, n_described), float32
        A row of NaN for each bad video with ``on_error="nan"``.

    Raises
    ------
    VideoError
        For all bad videos together, with ``on_error="raise"``.
    """
    cache, keys, rows, missing = look_up(tier, videos)
    if cache is not None and missing:
        cache.prepare()
    failures = {}
    name = type(tier).__name__
    counts = {"total": len(videos), "initial": len(videos) - len(missing)}
    with tqdm(desc=name, unit="video", disable=not tier.verbose, **counts) as bar:
        outcomes = tier._outcomes([videos[i] for i in missing]) if missing else ()
        for k, outcome in outcomes:
            i = missing[k]
            bar.update()
            if isinstance(outcome, Exception):
                failures[i] = outcome
                continue
            rows[i] = outcome
            if keys[i]:
                keep(cache, keys[i], videos[i], rows[i])
    if failures:
        _report(tier, videos, dict(sorted(failures.items())))
    return rows


def attempt(describe, video):
    """Return what `describe` makes of a video, or the exception that it raises.

    What is wrong with one video costs that video alone; what is wrong with the installation is
    the same for all, and raised.
    """
    try:
        return describe(video)
    except VideoError as error:
        return error
    except (ImportError, M3SError, MemoryError):
        raise
    except Exception as error:
        return error


def look_up(tier, videos):
    """Return the cache of a tier, the key and the row of each video, and the rows not there."""
    rows = np.full((len(videos), tier._n_described()), np.nan, dtype=np.float32)
    cache, keys = _open_cache(tier, videos)
    found = _each(partial(_load, cache), keys, rows)
    return cache, keys, rows, [i for i, is_found in enumerate(found) if not is_found]


def _open_cache(tier, videos):
    """Return the cache of a tier and the key of each video, None where it has none."""
    folder = TEMPORARY_CACHE.get() if tier.cache is None else tier.cache
    if folder is None:
        return None, [None] * len(videos)
    kind = f"{type(tier).__module__}.{type(tier).__qualname__}"
    settings = {"class": kind, "version": tier._version, "libraries": _libraries()}
    cache = FeatureCache(folder, type(tier).__name__, settings | tier._settings())
    keys = _each(partial(attempt, cache.key), videos)
    cache.remember()
    return cache, [None if isinstance(key, Exception) else key for key in keys]


def _each(function, *columns):
    """Return what a function makes of each; in threads, where it reads much or a network folder."""
    arguments = list(zip(*columns, strict=True))
    start = time.perf_counter()
    found = [function(*x) for x in arguments[:_N_PROBED]]
    is_slow = time.perf_counter() - start > _SLOW * len(found)
    parallel = Parallel(n_jobs=_N_THREADS if is_slow else 1, require="sharedmem")
    return found + parallel(delayed(function)(*x) for x in arguments[_N_PROBED:])


def _libraries():
    """Return the versions of what decodes, converts and scales pictures, less the last number.

    PyTorch is not among them: another version rounds differently, as another device does.
    """
    versions = {name: av.library_versions[name] for name in ("libavcodec", "libswscale")}
    versions["opencv"] = cv2.__version__.split(".")
    return {name: f"{major}.{minor}" for name, (major, minor, *_) in versions.items()}


def _load(cache, key, row):
    """Fill a row from the cache, and tell whether it was there."""
    vector = cache.get(key) if key else None
    if vector is None or vector.shape != row.shape:
        return False
    row[:] = vector
    return True


def keep(cache, key, video, row):
    """Store a row, unless its file was changed after its digest was taken."""
    if isinstance(video, np.ndarray) or attempt(cache.key, video) == key:
        cache.put(key, row)


def _report(tier, videos, failures):
    """Raise one error for all bad videos, or warn of them."""
    named = [(video_name(videos[i], i), str(error)) for i, error in failures.items()]
    lines = [f"  {name}: {cause}" for name, cause in named[:_MOST_LISTED]]
    if len(named) > _MOST_LISTED:
        lines.append(f"  and {len(named) - _MOST_LISTED} more (see the attribute failures)")
    message = f"{len(named)} of {len(videos)} videos could not be described\n" + "\n".join(lines)
    if tier.on_error == "nan":
        message += "\nTheir rows are NaN."
        warnings.warn(message, M3SWarning, stacklevel=4)
        return
    if tier.cache is not None:
        message += "\nThe others are described and in the cache."
    message += "\nLeave these out, mend them, or set on_error='nan' for rows of NaN."
    raise VideoError(message, named) from next(iter(failures.values()))
