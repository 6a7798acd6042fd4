"""A folder of feature vectors, found again by content and settings."""

import hashlib
import io
import json
from operator import methodcaller
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_m3s._files import PathLike
from sklearn_m3s.cache._digests import known_digest, remembered_digest
from sklearn_m3s.cache._layout import SETTINGS, settings_digest, write
from sklearn_m3s.exceptions import M3SError


class FeatureCache:
    """A folder of feature vectors, one NumPy file per video.

    A vector is found by the content of the video and by all settings that determine it. So it is
    found again after the file was renamed or copied, and never after the file or a setting was
    changed. Any number of processes and threads may share the folder: files are written aside and
    then moved into place, and a file that a killed process left half-written is never read.

    Parameters
    ----------
    folder : str or os.PathLike
        Where to keep the vectors; made on the first write.
    name : str
        Name of the extractor and of its sub-folder.
    settings : dict
        Everything besides the video that determines the numbers, as JSON values. Written beside
        the vectors.

    See Also
    --------
    cache_info : Inspect a feature cache.
    cache_clear : Remove vectors from a feature cache.

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
        # NumPy's numbers are written as Python's, so that 64 and np.int64(64) are one setting.
        text = json.dumps(settings, sort_keys=True, indent=1, default=methodcaller("tolist"))
        self._settings = text.encode()
        self._root = Path(folder).expanduser().absolute()
        self._folder = self._root / name / settings_digest(self._settings)

    def key(self, video: PathLike | np.ndarray) -> str:
        """Return the SHA-256 of the content of a video, as 64 hexadecimal digits.

        A file is read once. It is read again if its size, times or inode changed, or if it had
        changed less than 10 seconds before it was read. An array is read each time.

        Raises
        ------
        OSError, TypeError
            If `video` is not a readable file, or neither a path nor an array.
        """
        if isinstance(video, np.ndarray):
            digest = hashlib.sha256(f"{video.dtype.str}{video.shape}".encode())
            digest.update(np.ascontiguousarray(video).data)
            return digest.hexdigest()
        return remembered_digest(video, self._root)

    def known_key(self, video: PathLike | np.ndarray) -> str | None:
        """Return the key of a video as `key` does, or None if its content has to be read."""
        return None if isinstance(video, np.ndarray) else known_digest(video, self._root)

    def get(self, key: str) -> np.ndarray | None:
        """Return the vector of a key, or None if it is missing or damaged."""
        try:
            with self._path(key).open("rb") as file:
                vector = np.load(file, allow_pickle=False)
        except Exception:  # a damaged file can raise anything
            return None
        is_valid = isinstance(vector, np.ndarray) and vector.ndim == 1
        return vector if is_valid and vector.dtype == np.float32 else None

    def prepare(self) -> None:
        """Write the settings to the folder, so that an `M3SError` shows before any work."""
        self._write(self._folder / SETTINGS, self._settings)

    def put(self, key: str, vector: np.ndarray) -> None:
        """Store a vector, as float32, under a key. Other processes see all of it or nothing.

        Raises
        ------
        ValueError
            If `vector` is not of shape (n,).
        M3SError
            If the folder cannot be written to.
        """
        vector = np.asarray(vector, dtype=np.float32)
        if vector.ndim != 1:
            raise ValueError(f"vector must be of shape (n,), got the shape {vector.shape}")
        content = io.BytesIO()
        np.save(content, vector)
        self._write(self._path(key), content.getvalue())

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.npy"

    def _write(self, path: Path, content: bytes) -> None:
        try:
            write(self._root, path, content)
        except OSError as error:
            raise M3SError(
                f"the cache folder {self._folder} cannot be written to ({error}): free some space "
                "and allow writing, or give cache= another folder"
            ) from error
