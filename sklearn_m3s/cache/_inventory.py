"""What a cache holds, and how to be rid of it."""

import contextlib
import json
import math
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sklearn.utils import Bunch
from sklearn.utils._param_validation import validate_params

from sklearn_m3s.cache._files import DIGESTS, groups, own_files
from sklearn_m3s.exceptions import M3SError

_PATH = [str, os.PathLike]
_LEFTOVER_SECONDS = 3600  # nobody writes one file for so long


@validate_params({"folder": _PATH}, prefer_skip_nested_validation=True)
def cache_info(folder):
    """Tell what a cache of features holds.

    Parameters
    ----------
    folder : str or os.PathLike
        What was given to tiers as ``cache``.

    Returns
    -------
    Bunch
        ``n_entries`` (int, one a video), ``n_bytes`` (int, of their files), ``oldest`` and
        ``newest`` (datetime in UTC, None where there are no entries) of all, and ``tiers``, a list
        with such a Bunch for each tier and settings, by name. These also have ``name`` (str, the
        class of the tier), ``settings`` (dict, None where the record of them is missing) and
        ``folder`` (str).

    Raises
    ------
    M3SError
        If `folder` does not exist, or is no cache.

    See Also
    --------
    cache_clear : Remove entries.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sklearn_m3s import RawPerception
    >>> from sklearn_m3s.cache import cache_info
    >>> video = np.zeros((2, 16, 16, 3), dtype=np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tier = RawPerception(descriptors=["contrast"], frame_size=16, cache=folder)
    ...     rows = tier.fit_transform([video, video + 1])
    ...     info = cache_info(folder)
    >>> info.n_entries, info.n_bytes
    (2, 264)
    >>> info.tiers[0].name, info.tiers[0].settings["frame_size"]
    ('RawPerception', 16)
    """
    root = _root(folder)
    found = {group: _vectors(group, root) for group in groups(root)}
    tiers = [
        Bunch(name=group.parent.name, settings=_settings(group), folder=str(group), **_sum(status))
        for group, status in found.items()
    ]
    return Bunch(**_sum([status for group in found.values() for status in group]), tiers=tiers)


@validate_params(
    {"folder": _PATH, "name": [str, None], "older_than": [timedelta, None]},
    prefer_skip_nested_validation=True,
)
def cache_clear(folder, *, name=None, older_than=None):
    """Remove entries from a cache of features.

    Nothing is touched but the cache's own files, whatever else is in the folder. Other processes
    may go on using the cache meanwhile: they compute again what they do not find.

    Parameters
    ----------
    folder : str or os.PathLike
        What was given to tiers as ``cache``.
    name : str, default=None
        Only the entries of the tier of this name, such as ``"RawPerception"``; None for all, and
        for the digests of the files as well.
    older_than : datetime.timedelta, default=None
        Only what was written longer ago than this; None for all. What killed processes left
        half-written goes once it is an hour old, in either case.

    Returns
    -------
    Bunch
        What was removed: ``n_entries`` (int) and ``n_bytes`` (int, of all files).

    Raises
    ------
    M3SError
        If `folder` does not exist, is no cache, or has nothing of the tier `name`; if files cannot
        be removed.

    See Also
    --------
    cache_info : What is there.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import timedelta
    >>> import numpy as np
    >>> from sklearn_m3s import RawPerception
    >>> from sklearn_m3s.cache import cache_clear
    >>> video = np.zeros((2, 16, 16, 3), dtype=np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tier = RawPerception(descriptors=["contrast"], frame_size=16, cache=folder)
    ...     rows = tier.fit_transform([video, video + 1])
    ...     month = cache_clear(folder, older_than=timedelta(days=30))
    ...     rest = cache_clear(folder, name="RawPerception")
    >>> month.n_entries, rest.n_entries
    (0, 2)
    """
    root = _root(folder)
    chosen = [group for group in groups(root) if name in (None, group.parent.name)]
    if name is not None and not chosen:
        names = sorted({group.parent.name for group in groups(root)})
        raise M3SError(f"the cache {root} has nothing of name={name!r}: it has {names}")
    age = -math.inf if older_than is None else older_than.total_seconds()
    removed = Bunch(n_entries=0, n_bytes=0)
    for place in chosen if name else [*chosen, root / DIGESTS]:
        _clear(place, root, age, removed)
    return removed


def _root(folder):
    root = Path(folder).expanduser().absolute()
    if not root.is_dir():
        raise M3SError(f"{root} is no folder: give the one that tiers have as cache=")
    if any(root.iterdir()) and not groups(root) and not (root / DIGESTS).is_dir():
        raise M3SError(f"{root} is no cache of features: give the folder that tiers have as cache=")
    return root


def _vectors(group, root):
    return [status for kind, _, status in own_files(group, root) if kind == "vector"]


def _settings(group):
    try:
        return json.loads((group / "settings.json").read_bytes())
    except (OSError, ValueError):
        return None


def _sum(status):
    times = [datetime.fromtimestamp(one.st_mtime, UTC) for one in status]
    return {
        "n_entries": len(status),
        "n_bytes": sum(one.st_size for one in status),
        "oldest": min(times, default=None),
        "newest": max(times, default=None),
    }


def _clear(place, root, age, removed):
    """Remove what is older than `age` seconds, and the folders that are empty then."""
    now = time.time()
    files = list(own_files(place, root))
    ages = {"part": _LEFTOVER_SECONDS}
    old = [file for file in files if now - file[2].st_mtime > ages.get(file[0], age)]
    n_old = _count(old)
    for kind, path, status in old:
        if kind == "settings" and n_old < _count(files):
            continue
        _remove(path)
        removed.n_bytes += status.st_size
    removed.n_entries += n_old
    for empty in (*place.glob("[0-9a-f]" * 2), place, place.parent):
        if empty != root:
            with contextlib.suppress(OSError):  # it is not empty
                empty.rmdir()


def _count(files):
    return sum(kind == "vector" for kind, _, _ in files)


def _remove(path):
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise M3SError(
            f"{path} cannot be removed ({error}): its folder must be writable"
        ) from error
