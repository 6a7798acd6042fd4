"""Descriptors over time: blocks of frames in, one number or vector per video out.

All have one interface: ``add(frames, times, seconds)`` for each block of frames, then ``value()``.
Memory is constant. An unused object can be copied and pickled. `H264Meter` has the same interface.
"""

from collections.abc import Callable
from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from sklearn_m3s.descriptors._flow import SIDES, flow


class MeanOverTime:
    """Mean of a descriptor of single frames over the time of a video.

    Each frame is weighted by the time it is shown. So a video of variable frame rate has the same
    mean as at a constant frame rate.

    Parameters
    ----------
    function : callable
        A descriptor. It takes RGB frames of shape (T, H, W, 3), dtype uint8, and returns an array
        of shape (T,) or (T, n).

    See Also
    --------
    FlowOverTime : The same for optical flow, which needs pairs of frames.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.descriptors import MeanOverTime
    >>> def redness(frames):
    ...     return frames[..., 0].mean(axis=(1, 2))
    >>> frames = np.zeros((4, 8, 8, 3), dtype=np.uint8)
    >>> frames[2:, ..., 0] = 100
    >>> mean = MeanOverTime(redness)
    >>> mean.add(frames[:1])
    >>> mean.add(frames[1:])
    >>> float(mean.value())
    50.0
    >>> mean = MeanOverTime(redness)
    >>> mean.add(frames, seconds=np.array([1, 1, 1, 5]))
    >>> float(mean.value())
    75.0
    """

    def __init__(self, function: Callable[[np.ndarray], np.ndarray]) -> None:
        self._function = function
        self._total: float | np.ndarray = 0.0
        self._seconds = 0.0

    def add(
        self,
        frames: np.ndarray,
        times: np.ndarray | None = None,
        seconds: np.ndarray | None = None,
    ) -> None:
        """Add the next frames.

        Parameters
        ----------
        frames : ndarray of shape (T, H, W, 3), dtype uint8
            RGB frames.
        times : ndarray of shape (T,), default=None
            Ignored.
        seconds : ndarray of shape (T,), default=None
            Time that each frame is shown, in seconds. None counts one second for each.

        Raises
        ------
        ValueError
            If the function does not return one number or row per frame.
        """
        values = np.asarray(self._function(frames))
        if values.shape[:1] != (len(frames),):
            raise ValueError(
                f"{self._function!r} must return one number or row per frame, got the shape "
                f"{values.shape} for {len(frames)} frames"
            )
        seconds = np.ones(len(frames)) if seconds is None else seconds
        self._total = self._total + seconds @ values
        self._seconds += seconds.sum()

    def value(self) -> float | np.ndarray:
        """Return the mean over the time of all frames so far.

        Returns
        -------
        float or ndarray of shape (n,), dtype float64
            NaN if there are no frames.
        """
        return self._total / self._seconds if self._seconds else np.nan


class FlowOverTime:
    """Mean optical flow of a video, scaled to a nominal frame rate.

    The result is the sum of the flow of all pairs of successive frames, divided by the time from
    the first frame to the last. So frames that are almost simultaneous hardly count. If the last
    frame is shown longer than the shortest frame, the extra time counts as time without motion.

    Parameters
    ----------
    method : {"tvl1", "dis", "farneback"}, default="tvl1"
        Algorithm; see `flow`.
    frame_rate : float, default=15
        Nominal frames per second: lengths are in pixels per 1 / `frame_rate` seconds.

    Raises
    ------
    ValueError
        If `method` is unknown or `frame_rate` is not positive.

    See Also
    --------
    flow : The flow of each pair.
    MeanOverTime : The mean of any descriptor of single frames.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.descriptors import FlowOverTime
    >>> frames = np.zeros((4, 32, 32, 3), dtype=np.uint8)
    >>> mean = FlowOverTime("dis", frame_rate=15)
    >>> mean.add(frames[:2], np.array([0, 1]) / 15)
    >>> mean.add(frames[2:], np.array([2, 3]) / 15)
    >>> mean.value()
    0.0
    """

    @validate_params(
        {
            "method": [StrOptions(set(SIDES))],
            "frame_rate": [Interval(Real, 0, None, closed="neither")],
        },
        prefer_skip_nested_validation=True,
    )
    def __init__(self, method: str = "tvl1", *, frame_rate: float = 15) -> None:
        self._method = method
        self._frame_rate = frame_rate
        self._last: np.ndarray | None = None  # frame, of shape (1, H, W, 3)
        self._start = self._end = 0.0
        self._held, self._shortest = 0.0, np.inf
        self._length = 0.0

    def add(self, frames: np.ndarray, times: np.ndarray, seconds: np.ndarray | None = None) -> None:
        """Add the next frames.

        Parameters
        ----------
        frames : ndarray of shape (T, H, W, 3), dtype uint8
            RGB frames, in the order of time.
        times : ndarray of shape (T,)
            Time at which each frame appears, in seconds.
        seconds : ndarray of shape (T,), default=None
            Time that each frame is shown, in seconds. None counts no extra time for the last frame.

        Raises
        ------
        TypeError, ValueError
            As `flow` does.
        """
        if self._last is None:
            self._start = times[0]
        else:
            frames = np.concatenate([self._last, frames])
        self._length += flow(frames, method=self._method).sum()
        self._last, self._end = frames[-1:].copy(), times[-1]
        if seconds is not None:
            self._held, self._shortest = seconds[-1], min(self._shortest, seconds.min())

    def value(self) -> float:
        """Return the mean flow of all frames so far.

        Returns
        -------
        float
            In pixels per 1 / `frame_rate` seconds; 0 if no time has passed.
        """
        held = max(0.0, self._held - self._shortest)
        seconds = self._end - self._start + held
        return float(self._length / (seconds * self._frame_rate)) if seconds else 0.0
