"""One file a video: what an extractor said of it, found again by content and settings."""

import hashlib
import json
from pathlib import Path

import numpy as np

from sklearn_m3s.cache._digests import shared_digests
from sklearn_m3s.cache._files import write_whole
from sklearn_m3s.exceptions import M3SError


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

    See Also
    --------
    cache_info : What such a folder holds.
    cache_clear : Remove vectors from it.

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
        self._root = Path(folder).expanduser().absolute()
        self._folder = self._root / name / digest[:16]

    def key(self, video):
        """Return the digest of what a video contains.

        A file is read once, and again only when its size, times or inode have changed since, or
        it was changed less than 10 seconds before it was read. An array is read every time.

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
        return shared_digests(self._root).of(video)

    def remember(self):
        """Write down the digests of the files read so far, so that other processes know them.

        Where the folder cannot be written to, only this process does.
        """
        shared_digests(self._root).save()

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
        text = self._settings.encode()
        self._write(self._folder / "settings.json", lambda file: file.write(text))

    def put(self, key, vector):
        """Store a vector under a key; whoever reads it meanwhile sees all of it or nothing.

        Raises
        ------
        M3SError
            If the folder cannot be written to.
        """
        self._write(self._path(key), lambda file: np.save(file, vector, allow_pickle=False))

    def _path(self, key):
        return self._folder / key[:2] / f"{key}.npy"

    def _write(self, path, fill):
        try:
            write_whole(path, fill)
        except OSError as error:
            raise M3SError(
                f"the cache folder {self._folder} cannot be written to ({error}): make room and "
                "allow it, or give cache= another folder"
            ) from error
