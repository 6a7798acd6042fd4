"""The optional decoder: decord, which seeks to each wanted frame."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from sklearn_m3s._optional import import_optional
from sklearn_m3s.exceptions import VideoError
from sklearn_m3s.video._geometry import FrameGeometry


class DecordVideo:
    """A video file read by decord, as a `Source`.

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

    def __init__(self, path: str) -> None:
        self._decord = import_optional("decord", "decord")
        try:
            self._reader = self._decord.VideoReader(path, num_threads=1)
            stamps = self._reader.get_frame_timestamp(range(len(self._reader)))
        except (self._decord.DECORDError, RuntimeError) as error:
            raise VideoError(f"cannot be decoded by decord: {_first_line(error)}") from error
        self.times = stamps[:, 0].astype(float)
        if (np.diff(self.times) <= 0).any():  # no presentation times, as in AVI
            self.times = np.arange(len(stamps)) / self._reader.get_avg_fps()

    def times_at(self, frame_rate: float) -> np.ndarray:
        """Return the times of the file, whatever the rate."""
        return self.times

    def frames(
        self, wanted: np.ndarray
    ) -> Iterator[tuple[int, Callable[[FrameGeometry], np.ndarray]]]:
        """Yield (index, draw) of the wanted frames that can be decoded."""
        for index in wanted:
            try:
                picture = self._reader[int(index)].asnumpy()
            except (self._decord.DECORDError, RuntimeError):
                continue
            if picture.shape[-1] != 3:  # seen on rotated clips under 64 pixels wide
                raise VideoError("is not decoded rightly by decord: use decoder='pyav'")
            yield int(index), partial(FrameGeometry.apply, frame=picture)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]
