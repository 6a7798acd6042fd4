"""Frames that are in memory already."""

from functools import partial

import cv2
import numpy as np

from sklearn_m3s.video._inputs import check_frames


class ArrayVideo:
    """A uint8 array as a video, with the members of `PyAVVideo`.

    Parameters
    ----------
    frames : ndarray of shape (T, H, W, 3) or (H, W, 3), uint8
        RGB.
    frame_rate : float
        How many frames were taken a second.

    Raises
    ------
    VideoError
        If `frames` has another type, dtype or shape.
    """

    share_present = 1.0

    def __init__(self, frames, frame_rate):
        self._frames = check_frames(frames)
        self.times = np.arange(len(self._frames)) / frame_rate

    def frames(self, wanted):
        """Yield (index, draw) as `PyAVVideo.frames` does."""
        for index in wanted:
            yield int(index), partial(resize, np.ascontiguousarray(self._frames[index]))


def resize(picture, side):
    """Return a picture as a square, by area interpolation."""
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
