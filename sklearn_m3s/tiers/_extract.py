"""Videos to rows: from the cache or from workers, with all failures reported at once."""

import warnings

import numpy as np
from tqdm.auto import tqdm

from sklearn_m3s.cache import FeatureCache
from sklearn_m3s.exceptions import M3SError, M3SWarning, VideoError
from sklearn_m3s.video import video_name

_MOST_LISTED = 50


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
    rows = np.full((len(videos), tier._n_described()), np.nan, dtype=np.float32)
    cache, keys = _open_cache(tier, videos)
    missing = [i for i, key in enumerate(keys) if not _load(cache, key, rows[i])]
    if cache is not None and missing:
        cache.prepare()
    failures = {}
    name = type(tier).__name__
    bar = tqdm(desc=name, unit="video", total=len(videos), disable=not tier.verbose)
    with bar:
        bar.update(len(videos) - len(missing))
        outcomes = tier._outcomes([videos[i] for i in missing]) if missing else ()
        for i, outcome in zip(missing, outcomes, strict=True):
            bar.update()
            if isinstance(outcome, Exception):
                failures[i] = outcome
                continue
            rows[i] = outcome
            if keys[i]:
                cache.put(keys[i], rows[i])
    if failures:
        _report(tier, videos, failures)
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


def _open_cache(tier, videos):
    """Return the cache of a tier and the key of each video, None where it has none."""
    if tier.cache is None:
        return None, [None] * len(videos)
    kind = f"{type(tier).__module__}.{type(tier).__qualname__}"
    settings = {"class": kind, "version": tier._version, **tier._settings()}
    cache = FeatureCache(tier.cache, type(tier).__name__, settings)
    keys = [attempt(cache.key, video) for video in videos]
    return cache, [None if isinstance(key, Exception) else key for key in keys]


def _load(cache, key, row):
    """Fill a row from the cache, and tell whether it was there."""
    vector = cache.get(key) if key else None
    if vector is None or vector.shape != row.shape:
        return False
    row[:] = vector
    return True


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
