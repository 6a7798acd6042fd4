"""Readers: they choose frames of a video, and compute a value from them."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from sklearn_m3s.video._geometry import FrameGeometry, Geometry
from sklearn_m3s.video._sampling import sample_at_rate, sample_evenly, seconds_represented

_BLOCK = 16  # frames that meters get at a time


class Meter(Protocol):
    """A measure of frames over time, in constant memory.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.video import FrameReader, read_video
    >>> class Seconds:
    ...     total = 0
    ...     def add(self, frames, times, seconds):
    ...         self.total += seconds.sum()
    ...     def value(self):
    ...         return self.total
    >>> read_video(np.zeros((30, 16, 16, 3), dtype=np.uint8), [FrameReader([Seconds()])])
    [array([2.])]
    """

    def add(self, frames: np.ndarray, times: np.ndarray, seconds: np.ndarray) -> None:
        """Take the next frames.

        Parameters
        ----------
        frames : ndarray of shape (T, H, W, 3), uint8
            RGB frames.
        times : ndarray of shape (T,), float64
            Time of each frame, in seconds from the first.
        seconds : ndarray of shape (T,), float64
            Seconds that each frame represents: its own time, and that of skipped frames next to it.
        """

    def value(self) -> Any:
        """Return a number or a vector for the frames so far.

        Returns
        -------
        float or ndarray of shape (n,)
            The measured value.
        """


class Reader(Protocol):
    """A reader of a video: it chooses frames, and computes a value from them.

    A reader serves one video, and is copied for each.

    Attributes
    ----------
    geometry : FrameGeometry or FitGeometry
        Geometry of the pictures that the reader gets.
    frame_rate : float
        Frames per second of an array.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.video import FrameGeometry, read_video
    >>> class FirstFrame:
    ...     geometry, frame_rate = FrameGeometry.square(32), 15
    ...     def wanted(self, times, end):
    ...         return np.array([0])
    ...     def add(self, index, picture, time):
    ...         self.picture = picture
    ...     def value(self):
    ...         return self.picture
    >>> [frame] = read_video(np.zeros((20, 48, 64, 3), dtype=np.uint8), [FirstFrame()])
    >>> frame.shape
    (32, 32, 3)
    """

    @property
    def geometry(self) -> Geometry:
        """The geometry of the pictures."""
        ...

    frame_rate: float

    def wanted(self, times: np.ndarray, end: float) -> np.ndarray:
        """Choose frames.

        Parameters
        ----------
        times : ndarray of shape (n_frames,), float64
            Time of each frame in seconds, ascending.
        end : float
            End of the last frame in seconds.

        Returns
        -------
        ndarray of int
            Indices of the wanted frames, ascending, without repeats.
        """

    def add(self, index: int, picture: np.ndarray, time: float) -> None:
        """Take a wanted frame.

        Parameters
        ----------
        index : int
            Index of the frame.
        picture : ndarray of shape (H, W, 3), uint8
            RGB picture, in the `geometry` of the reader.
        time : float
            Seconds from the first frame.
        """

    def value(self) -> Any:
        """Return the result.

        Returns
        -------
        object
            The value computed from the frames.
        """


class FrameReader:
    """Read frames at a regular rate, and measure them over time.

    16 frames are in memory at a time, whatever the length of the video.

    Parameters
    ----------
    meters : sequence of Meter
        Measures of the frames, such as :class:`~sklearn_m3s.descriptors.MeanOverTime`.
    frame_rate : float, default=15
        Frames per second to sample, by time stamps. Frames are never repeated. It is also the frame
        rate of an array.
    frame_size : int, default=256
        Side in pixels of the square to which frames are resized.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.descriptors import MeanOverTime, contrast
    >>> from sklearn_m3s.video import FrameReader, read_video
    >>> clip = np.zeros((20, 48, 64, 3), dtype=np.uint8)
    >>> read_video(clip, [FrameReader([MeanOverTime(contrast)], frame_size=32)])
    [array([0.])]
    """

    def __init__(
        self, meters: Sequence[Meter], *, frame_rate: float = 15, frame_size: int = 256
    ) -> None:
        self.meters = list(meters)
        self.frame_rate = frame_rate
        self.geometry = FrameGeometry.square(frame_size)
        self._frames = np.empty(0, np.uint8)
        self._times: list[float] = []
        self._seconds: list[float] = []

    def wanted(self, times: np.ndarray, end: float) -> np.ndarray:
        """Choose the frames nearest to a regular grid of times; see `Reader`."""
        self._seconds_of = seconds_represented(times, end, self.frame_rate)
        return sample_at_rate(times, self.frame_rate)

    def add(self, index: int, picture: np.ndarray, time: float) -> None:
        """Take a frame. The meters get full blocks of frames; see `Reader`."""
        if not self._times:
            self._frames = np.empty((_BLOCK, *picture.shape), np.uint8)
        self._frames[len(self._times)] = picture
        self._times.append(time)
        self._seconds.append(self._seconds_of[index])
        if len(self._times) == _BLOCK:
            self._measure()

    def _measure(self) -> None:
        frames = self._frames[: len(self._times)]
        times, seconds = np.array(self._times), np.array(self._seconds)
        for meter in self.meters:
            meter.add(frames, times, seconds)
        self._times, self._seconds = [], []

    def value(self) -> np.ndarray:
        """Return the values of all meters.

        Returns
        -------
        ndarray of shape (n,)
            The values of the meters, side by side.
        """
        if self._times:
            self._measure()
        return np.hstack([meter.value() for meter in self.meters])


class ClipReader:
    """Read a fixed number of frames, evenly spaced over a video.

    Parameters
    ----------
    n_frames : int
        Number of frames, at the centres of equal parts of the video. A shorter video repeats
        frames.
    geometry : FrameGeometry
        Geometry of the pictures.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.video import ClipReader, FrameGeometry, read_video
    >>> image = np.zeros((48, 64, 3), dtype=np.uint8)
    >>> read_video(image, [ClipReader(4, FrameGeometry.square(32))])[0].shape
    (4, 32, 32, 3)
    """

    frame_rate = 1.0  # has no effect: equal parts of a clip are the same at any rate

    def __init__(self, n_frames: int, geometry: FrameGeometry) -> None:
        self.n_frames = n_frames
        self.geometry = geometry
        self._found: list[int] = []

    def wanted(self, times: np.ndarray, end: float) -> np.ndarray:
        """Choose the frames at the centres of equal parts; see `Reader`."""
        self._indices = sample_evenly(times, self.n_frames, end=end)
        wanted = np.unique(self._indices)
        shape = len(wanted), self.geometry.height, self.geometry.width, 3
        self._pictures = np.empty(shape, np.uint8)
        return wanted

    def add(self, index: int, picture: np.ndarray, time: float) -> None:
        """Take a frame; see `Reader`."""
        self._pictures[len(self._found)] = picture
        self._found.append(index)

    def value(self) -> np.ndarray:
        """Return the clip. The neighbour of a frame that could not be decoded replaces it.

        Returns
        -------
        ndarray of shape (n_frames, H, W, 3), uint8
            RGB frames.
        """
        middles = (np.array(self._found[1:]) + np.array(self._found[:-1])) / 2
        return self._pictures[np.searchsorted(middles, self._indices)]
