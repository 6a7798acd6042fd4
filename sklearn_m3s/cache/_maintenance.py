"""Inspect and clear a feature cache."""

import contextlib
import json
import math
import os
import time
from datetime import UTC, datetime, timedelta
from glob import glob
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from sklearn_m3s._files import PathLike
from sklearn_m3s._validation import check_arguments
from sklearn_m3s.cache._layout import DIGESTS, MARKER, SETTINGS, settings_digest
from sklearn_m3s.exceptions import M3SError

_PATH = [str, os.PathLike]
_CALENDAR = [datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (1, 9999)]
_LEFTOVER_SECONDS = 3600  # no process writes a single file for so long

# Patterns of `glob` for the files that the cache writes.
_HEX = "[0-9a-f]"
_GROUP = "*/" + 16 * _HEX
_ENTRY = f"{2 * _HEX}/{64 * _HEX}.npy"
_RECORD = f"{DIGESTS}/{2 * _HEX}/{64 * _HEX}.json"
_PLACES = ("", f"{_GROUP}/", f"{_GROUP}/{2 * _HEX}/", f"{DIGESTS}/{2 * _HEX}/")
_LEFTOVERS = [f"{place}.{32 * _HEX}*.part" for place in _PLACES]


@check_arguments(folder=_PATH)
def cache_info(folder: PathLike) -> Bunch:
    """Count the entries of a feature cache.

    Parameters
    ----------
    folder : str or os.PathLike
        The folder that was passed to the tiers as ``cache``.

    Returns
    -------
    Bunch
        ``n_entries`` (int, one per video), ``n_bytes`` (int, size of their files), ``oldest`` and
        ``newest`` (datetime in UTC, None if there are no entries), and ``tiers``. The latter is a
        list of Bunch, one for each tier and settings, ordered by name. Each has the same keys for
        its own entries, and ``name`` (str, class of the tier), ``settings`` (dict, None if their
        file is missing or damaged) and ``folder`` (str).

    Raises
    ------
    M3SError
        If `folder` is not a feature cache.

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
    (2, 328)
    >>> info.tiers[0].name, info.tiers[0].settings["frame_size"]
    ('RawPerception', 16)
    """
    root = _root(folder)
    found = {group: _files(group, _ENTRY) for group in _groups(root)}
    tiers = [
        Bunch(name=group.parent.name, settings=_settings(group), folder=str(group), **_sum(files))
        for group, files in found.items()
    ]
    return Bunch(**_sum({k: v for files in found.values() for k, v in files.items()}), tiers=tiers)


@check_arguments(folder=_PATH, name=[str, None], older_than=[timedelta, None])
def cache_clear(
    folder: PathLike, *, name: str | None = None, older_than: timedelta | None = None
) -> Bunch:
    """Remove entries from a feature cache.

    Only files of the cache are removed. Other files in the folder stay, and so does the file that
    marks the folder as a cache. Other processes may use the cache at the same time. They compute
    missing entries again. Half-written files of killed processes are always removed once they are
    an hour old.

    Parameters
    ----------
    folder : str or os.PathLike
        The folder that was passed to the tiers as ``cache``.
    name : str, default=None
        Class of the tier whose entries are removed, such as ``"RawPerception"``. None removes the
        entries of all tiers, and the digests of the video files.
    older_than : datetime.timedelta, default=None
        Remove only files that were written longer ago than this. None removes all.

    Returns
    -------
    Bunch
        What was removed: ``n_entries`` (int) and ``n_bytes`` (int, size of all files).

    Raises
    ------
    M3SError
        If `folder` is not a feature cache, has no entries of the tier `name`, or a file cannot be
        removed.

    See Also
    --------
    cache_info : Count the entries.

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
    groups = [group for group in _groups(root) if name in (None, group.parent.name)]
    if name is not None and not groups:
        names = sorted({group.parent.name for group in _groups(root)})
        raise M3SError(f"the cache {root} has no entries of name={name!r}: use one of {names}")
    now = time.time()
    before = math.inf if older_than is None else now - older_than.total_seconds()
    n_entries = n_bytes = 0
    for group in groups:
        entries = _files(group, _ENTRY, before)
        n_entries += len(entries)
        n_bytes += _remove(entries, root)
        if not glob(_ENTRY, root_dir=group) and _settings(group) is not None:
            n_bytes += _remove(_files(group, SETTINGS, before), root)
    if name is None:
        n_bytes += _remove(_files(root, _RECORD, before), root)
    for leftovers in _LEFTOVERS:
        n_bytes += _remove(_files(root, leftovers, now - _LEFTOVER_SECONDS), root)
    return Bunch(n_entries=n_entries, n_bytes=n_bytes)


def _root(folder: PathLike) -> Path:
    root = Path(folder).expanduser().absolute()
    if not os.path.exists(root / MARKER):
        raise M3SError(
            f"{root} is not a feature cache (no file {MARKER} is seen in it): pass the folder that "
            "was passed to the tiers as cache="
        )
    return root


def _groups(root: Path) -> list[Path]:
    """Return the folders of a cache, one per tier and settings."""
    return [root / name for name in sorted(glob(_GROUP, root_dir=root))]


def _files(folder: Path, pattern: str, before: float = math.inf) -> dict[Path, os.stat_result]:
    """Return the files that were written before a time, with their status."""
    files = {}
    for name in glob(pattern, root_dir=folder):
        with contextlib.suppress(FileNotFoundError):  # another process removed it
            files[folder / name] = (folder / name).lstat()
    return {path: status for path, status in files.items() if status.st_mtime < before}


def _settings(group: Path) -> dict[str, Any] | None:
    """Return the settings whose digest names a folder, or None if they are missing or damaged."""
    try:
        text = (group / SETTINGS).read_bytes()
    except OSError:
        return None
    return json.loads(text) if settings_digest(text) == group.name else None


def _sum(files: dict[Path, os.stat_result]) -> dict[str, Any]:
    # Wrong clocks can leave times that datetime cannot represent.
    stamps = np.clip([status.st_mtime for status in files.values()], *_CALENDAR)
    times = [datetime.fromtimestamp(stamp, UTC) for stamp in stamps]
    n_bytes = sum(status.st_size for status in files.values())
    oldest, newest = min(times, default=None), max(times, default=None)
    return {"n_entries": len(files), "n_bytes": n_bytes, "oldest": oldest, "newest": newest}


def _remove(files: dict[Path, os.stat_result], root: Path) -> int:
    """Remove files and the folders that are then empty. Return the size of the files in bytes."""
    for path in files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise M3SError(
                f"cannot remove {path} from the cache ({error}): allow writing to its folder"
            ) from error
        with contextlib.suppress(OSError):  # rmdir refuses folders that are not empty
            for folder in takewhile(lambda folder: folder != root, path.parents):
                folder.rmdir()
    return sum(status.st_size for status in files.values())
