"""The optional decoder: decord, which seeks to each wanted frame."""

from collections.abc import Callable, Iterator
from operator import methodcaller

import numpy as np

from sklearn_m3s._optional import import_optional
from sklearn_m3s.exceptions import VideoError
from sklearn_m3s.video._geometry import Geometry
from sklearn_m3s.video._pyav import PyAVVideo


class DecordVideo:
    """A video file read by decord, as a `Source`.

    decord has its own copy of FFmpeg and decodes damaged frames without a warning. So its files
    must be intact and from a trusted source.

    Parameters
    ----------
    path : str
        An existing, non-empty file.
    checked : PyAVVideo
        The same file, checked for its format, with the times of its frames.

    Raises
    ------
    ImportError
        If decord is not installed.
    VideoError
        If decord cannot read the file, or finds another number of frames than PyAV.
    """

    def __init__(self, path: str, checked: PyAVVideo) -> None:
        self._decord = import_optional("decord", "decord")
        try:
            # decord would take some names for protocols or patterns.
            with open(path, "rb") as file:
                self._reader = self._decord.VideoReader(file, num_threads=1)
            n_frames = len(self._reader)
        except (self._decord.DECORDError, RuntimeError) as error:
            raise VideoError(
                f"cannot be decoded by decord ({_cause(error)}): use decoder='pyav'"
            ) from error
        self.times = checked.times
        self.end = checked.end
        self.share_present = checked.share_present
        self.fault = checked.fault
        if n_frames != len(self.times):
            raise VideoError(
                f"has {len(self.times)} frames, but decord finds {n_frames}: use decoder='pyav'"
            )

    def times_at(self, frame_rate: float) -> tuple[np.ndarray, float]:
        """Return the times of the file, and the end of its last frame. The rate has no effect."""
        return self.times, self.end

    def frames(self, wanted: np.ndarray) -> Iterator[tuple[int, Callable[[Geometry], np.ndarray]]]:
        """Yield (index, draw) of the wanted frames that can be decoded."""
        for index in wanted:
            try:
                picture = self._reader[int(index)].asnumpy()
            except (self._decord.DECORDError, RuntimeError):
                continue
            if picture.shape[-1] != 3:  # seen on rotated clips under 64 pixels wide
                raise VideoError("is not decoded correctly by decord: use decoder='pyav'")
            yield int(index), methodcaller("apply", picture)


def _cause(error: Exception) -> str:
    """Return the last line of a message; the lines before it are of decord's own code."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
