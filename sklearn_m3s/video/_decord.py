"""The optional decoder: decord, which seeks to each wanted frame."""

from functools import partial

import numpy as np

from sklearn_m3s.exceptions import VideoError
from sklearn_m3s.video._array import resize


class DecordVideo:
    """A video file read by decord, with the members of `PyAVVideo`.

    Parameters
    ----------
    path : str
        An existing, non-empty file.

    Raises
    ------
    ImportError
        If decord is not installed.
    VideoError
        If decord cannot read the file.
    """

    share_present = 1.0

    def __init__(self, path):
        self._decord = _import_decord()
        try:
            self._reader = self._decord.VideoReader(path, num_threads=1)
            stamps = self._reader.get_frame_timestamp(range(len(self._reader)))
        except (self._decord.DECORDError, RuntimeError) as error:
            raise VideoError(f"cannot be decoded by decord: {_first_line(error)}") from error
        self.times = stamps[:, 0].astype(float)
        if (np.diff(self.times) <= 0).any():  # no presentation times, as in AVI
            self.times = np.arange(len(stamps)) / self._reader.get_avg_fps()

    def frames(self, wanted):
        """Yield (index, draw) as `PyAVVideo.frames` does."""
        for index in wanted:
            try:
                picture = self._reader[int(index)].asnumpy()
            except (self._decord.DECORDError, RuntimeError):
                continue
            if picture.shape[-1] != 3:  # seen on rotated clips under 64 pixels wide
                raise VideoError("is not decoded rightly by decord: use decoder='pyav'")
            yield int(index), partial(resize, picture)


def _import_decord():
    try:
        import decord
    except ImportError as error:
        message = 'decoder="decord" needs decord: pip install "sklearn-m3s[decord]"'
        raise ImportError(message) from error
    return decord


def _first_line(error):
    return str(error).strip().splitlines()[-1]
