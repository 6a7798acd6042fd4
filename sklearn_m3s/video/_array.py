"""Frames that are already in memory."""

from collections.abc import Callable, Iterator
from operator import methodcaller
from typing import Any

import numpy as np

from sklearn_m3s.video._geometry import Geometry
from sklearn_m3s.video._validation import check_frames


class ArrayVideo:
    """A uint8 array as a `Source`.

    Parameters
    ----------
    frames : ndarray of shape (T, H, W, 3) or (H, W, 3), uint8
        RGB frames.

    Attributes
    ----------
    shape : tuple of int
        T, H and W.

    Raises
    ------
    VideoError
        If `frames` has another type, dtype or shape.
    """

    share_present = 1.0
    fault = ""

    def __init__(self, frames: Any) -> None:
        self._frames = check_frames(frames)
        self.shape = self._frames.shape[:3]

    def times_at(self, frame_rate: float) -> tuple[np.ndarray, float]:
        """Return times that are 1 / `frame_rate` seconds apart, and the end of the last frame."""
        n_frames = len(self._frames)
        return np.arange(n_frames) / frame_rate, n_frames / frame_rate

    def frames(self, wanted: np.ndarray) -> Iterator[tuple[int, Callable[[Geometry], np.ndarray]]]:
        """Yield (index, draw) of the wanted frames."""
        for index in wanted:
            frame = np.ascontiguousarray(self._frames[index])
            # A function of the geometry: geometry.apply(frame).
            yield int(index), methodcaller("apply", frame)
