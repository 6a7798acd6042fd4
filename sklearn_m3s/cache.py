"""One file a video: what an extractor said of it, found again by content and settings."""

import hashlib
import json
import os
import uuid
from pathlib import Path

import numpy as np

from sklearn_m3s.exceptions import M3SError

__all__ = ["FeatureCache"]


class FeatureCache:
    """A folder of feature vectors, one NumPy file a video.

    A vector is found by what the video contains and by what was done to it, so that a renamed
    or copied file is found again, and a changed file or setting never is. Files are written aside
    and moved into place: any number of processes may share the folder, and what one that is
    killed leaves half-written is never read.

    Parameters
    ----------
    folder : str or os.PathLike
        Where to keep the vectors; made on the first write.
    name : str
        The extractor's name: its sub-folder.
    settings : dict
        All that determines the numbers besides the video, as JSON values; written beside them.

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

    def __init__(self, folder, name, settings):
        # NumPy's numbers are written as Python's, so that 64 and np.int64(64) share their entries.
        self._settings = json.dumps(settings, sort_keys=True, indent=1, default=np.generic.item)
        digest = hashlib.sha256(self._settings.encode()).hexdigest()
        self._folder = Path(folder).expanduser() / name / digest[:16]

    def key(self, video):
        """Return the digest of what a video contains.

        Parameters
        ----------
        video : str, os.PathLike or ndarray
            A readable file, whose bytes count and not its name, or an array.

        Returns
        -------
        str
            64 hexadecimal digits.

        Raises
        ------
        OSError, TypeError
            If `video` is no readable file, or no path.
        """
        if isinstance(video, np.ndarray):
            digest = hashlib.sha256(f"{video.dtype.str}{video.shape}".encode())
            digest.update(np.ascontiguousarray(video))
            return digest.hexdigest()
        path = Path(video)
        if not path.is_file():  # a pipe would never end
            raise FileNotFoundError(f"{path} is no file")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def get(self, key):
        """Return the vector of a key, or None where there is none that can be read."""
        try:
            with self._path(key).open("rb") as file:
                vector = np.load(file, allow_pickle=False)
        except Exception:  # a damaged file can raise anything
            return None
        return vector if isinstance(vector, np.ndarray) else None

    def prepare(self):
        """Make the folder, and a record of the settings in it, before anything is computed.

        Raises
        ------
        M3SError
            If the folder cannot be made or written to.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            text = self._settings.encode()
            _write(self._folder / "settings.json", lambda file: file.write(text))
        except OSError as error:
            raise M3SError(
                f"the cache folder {self._folder} cannot be written to ({error}): give cache= "
                "another folder"
            ) from error

    def put(self, key, vector):
        """Store a vector under a key; whoever reads it meanwhile sees all of it or nothing."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, lambda file: np.save(file, vector, allow_pickle=False))

    def _path(self, key):
        return self._folder / key[:2] / f"{key}.npy"


def _write(path, fill):
    """Write a file aside, then move it into place."""
    aside = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with open(aside, "xb") as file:
            fill(file)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
