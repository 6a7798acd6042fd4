"""A folder of descriptions of videos, looked up by content and settings."""

import hashlib
import io
import json
import os
from operator import methodcaller
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_m3s._files import PathLike
from sklearn_m3s.cache._digests import known_digest, remembered_digest
from sklearn_m3s.cache._layout import SETTINGS, is_digest, settings_digest, write
from sklearn_m3s.exceptions import M3SError

_STORED = "<f4"  # NumPy's name of the type of stored numbers
_CHECKSUM_BYTES = 32  # appended to the NumPy file; np.load does not read them


class FeatureCache:
    """A folder of descriptions, one NumPy file per video.

    A description is the numbers that a tier computes from one video alone. It is found by the
    content of the video and by all settings that determine it. It is found again after the file was
    renamed or copied, but not after its content or a setting changed.

    Any number of processes and threads may share the folder. Files are written under a temporary
    name and then moved into place, so half-written files of killed processes are never read. Each
    file ends with a checksum, and a damaged file counts as missing.

    Parameters
    ----------
    folder : str or os.PathLike
        Folder of the descriptions, made on the first write.
    name : str
        Name of the tier, and of its sub-folder.
    settings : dict
        Everything that determines the numbers besides the video, as JSON values. They are written
        beside the descriptions.

    See Also
    --------
    cache_info : Inspect a feature cache.
    cache_clear : Remove descriptions from a feature cache.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sklearn_m3s.cache import FeatureCache
    >>> video = np.zeros((2, 4, 4, 3), dtype=np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cache = FeatureCache(folder, "Brightness", {"version": 1})
    ...     cache.put(cache.key(video), np.array([0.5], dtype=np.float32))
    ...     cache.get(cache.key(video))
    array([0.5], dtype=float32)
    """

    def __init__(self, folder: PathLike, name: str, settings: dict[str, Any]) -> None:
        # NumPy's numbers become Python's, so that 64 and np.int64(64) are the same setting.
        text = json.dumps(settings, sort_keys=True, indent=1, default=methodcaller("tolist"))
        self._settings = text.encode()
        self._root = Path(folder).expanduser().absolute()
        self._place = f"{name}/{settings_digest(self._settings)}"
        self._folder = self._root / self._place

    def key(self, video: PathLike | np.ndarray) -> str:
        """Return the SHA-256 of the content of a video.

        A file is read once. It is read again if its size, times or inode changed, or if it had
        changed less than 10 seconds before it was read. An array is read each time.

        Parameters
        ----------
        video : str, os.PathLike or ndarray
            A file, or the frames of a video.

        Returns
        -------
        str
            64 hexadecimal digits.

        Raises
        ------
        OSError
            If `video` is not a readable file.
        TypeError
            If `video` is neither a path nor an array.
        """
        if isinstance(video, np.ndarray):
            digest = hashlib.sha256(f"{video.dtype.str}{video.shape}".encode())
            digest.update(np.ascontiguousarray(video).data)
            return digest.hexdigest()
        return remembered_digest(video, self._root)

    def known_key(self, video: PathLike | np.ndarray) -> str | None:
        """Return the key of a video, or None if its content must be read to compute it.

        Parameters
        ----------
        video : str, os.PathLike or ndarray
            A file, or the frames of a video.

        Returns
        -------
        str or None
            The result of `key`. None for arrays and for files not read yet.
        """
        return None if isinstance(video, np.ndarray) else known_digest(video, self._root)

    def get(self, key: str) -> np.ndarray | None:
        """Return a stored description.

        Parameters
        ----------
        key : str
            The key of a video.

        Returns
        -------
        ndarray of shape (n,), dtype float32, or None
            The description, or None if it is missing or damaged.
        """
        try:
            path = self._path(key)
            if not path.is_file():  # a pipe would never end
                return None
            stored = memoryview(path.read_bytes())
            content, checksum = stored[:-_CHECKSUM_BYTES], stored[-_CHECKSUM_BYTES:]
            if checksum != self._checksum(key, content):
                return None
            # Parsed by hand, since np.load would take longer than all the rest. NumPy's format 1.0
            # is 8 bytes of magic and version, 2 bytes of the header's length, the header, the
            # numbers.
            start = 10 + int.from_bytes(content[8:10], "little")
            numbers = np.frombuffer(content, _STORED, offset=start).astype(np.float32)
        except Exception:  # a damaged file can raise anything
            return None
        is_valid = f"'{_STORED}'".encode() in bytes(content[:start]) and np.isfinite(numbers).all()
        return numbers if is_valid else None

    def prepare(self) -> None:
        """Write the settings to the folder, to see early whether it can be written to.

        Raises
        ------
        M3SError
            If the folder cannot be written to.
        """
        self._write(self._folder / SETTINGS, self._settings)

    def put(self, key: str, description: np.ndarray) -> None:
        """Store a description as float32. Other processes see all of it or nothing.

        Parameters
        ----------
        key : str
            The key of a video.
        description : array-like of shape (n,)
            Finite numbers.

        Raises
        ------
        ValueError
            If `description` is not of shape (n,) or not finite, or `key` is not 64 hexadecimal
            digits.
        M3SError
            If the folder cannot be written to.
        """
        description = np.asarray(description, dtype=np.float32)
        if description.ndim != 1:
            raise ValueError(
                f"description must be of shape (n,), got the shape {description.shape}"
            )
        if not np.isfinite(description).all():
            raise ValueError("description must be finite, got NaN or infinity")
        buffer = io.BytesIO()
        np.save(buffer, description.astype(_STORED))
        content = buffer.getvalue()
        path = self._path(key)
        if not os.path.exists(self._folder / SETTINGS):  # the folder was deleted
            self.prepare()
        self._write(path, content + self._checksum(key, content))

    def _path(self, key: str) -> Path:
        if not is_digest(key):  # it could lead out of the folder
            raise ValueError(f"key must have 64 hexadecimal digits, got {key!r}")
        return self._folder / key[:2] / f"{key}.npy"

    def _checksum(self, key: str, content: bytes | memoryview) -> bytes:
        """Return the last bytes of a file, which are valid for this content at this path only."""
        digest = hashlib.sha256(f"{self._place}/{key}".encode())
        digest.update(content)
        return digest.digest()

    def _write(self, path: Path, content: bytes) -> None:
        try:
            write(self._root, path, content)
        except OSError as error:
            raise M3SError(
                f"the cache folder {self._folder} cannot be written to ({error}): free some space "
                "and allow writing, or pass another folder as cache="
            ) from error
