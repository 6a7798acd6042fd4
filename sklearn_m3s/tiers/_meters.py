"""Blocks of frames in, one number or vector a clip out, in constant memory."""

import numpy as np

from sklearn_m3s.descriptors import H264Meter, flow

_FRAMES_ON_A_DEVICE = 256  # a device is quick where it has many pairs at once


class MeanMeter:
    """The mean over time of a descriptor of single frames.

    Parameters
    ----------
    describe : callable
        From frames of shape (T, H, W, 3) to an array of shape (T,) or (T, n).
    """

    def __init__(self, describe):
        self._describe = describe
        self._total = 0.0
        self._count = 0

    def add(self, frames, times):
        """Take in the next frames, and the seconds at which they are shown."""
        self._total = self._total + self._describe(frames).sum(axis=0, dtype=float)
        self._count += len(frames)

    def value(self):
        """Return the descriptor of all frames so far."""
        return self._total / self._count


class FlowMeter:
    """The mean optical flow over time, in pixels per interval of the nominal frame rate.

    A pair of frames counts by the time between them, which is its own scaled by that time: two
    frames that are all but simultaneous weigh next to nothing.

    Parameters
    ----------
    method : {"tvl1", "dis", "farneback"}
        How flow is computed.
    frame_rate : float
        Frames per second that lengths are scaled to.
    device : str, default="cpu"
        Where TV-L1 is computed.
    """

    def __init__(self, method, frame_rate, device="cpu"):
        self._method = method
        self._frame_rate = frame_rate
        self._device = device
        self._kept = []
        self._n_enough = 2 if device == "cpu" else _FRAMES_ON_A_DEVICE
        self._first = self._latest = None
        self._length = 0.0

    def add(self, frames, times):
        """Take in the next frames, and the seconds at which they are shown."""
        if self._first is None:
            self._first = times[0]
        self._latest = times[-1]
        self._kept.append(frames)
        if sum(map(len, self._kept)) >= self._n_enough:
            self._measure()

    def _measure(self):
        frames = np.concatenate(self._kept)
        self._kept = [frames[-1:]]
        self._length += flow(frames, self._method, self._device).sum()

    def value(self):
        """Return the mean over all pairs so far; 0 where there is none."""
        self._measure()
        seconds = self._latest - self._first
        return self._length / (seconds * self._frame_rate) if seconds else 0.0


class SizeMeter:
    """The size of the clip in bytes when it is compressed with H.264.

    Parameters
    ----------
    frame_size : int
        Side of the frames in pixels.
    frame_rate : float
        Frames per second.
    """

    def __init__(self, frame_size, frame_rate):
        self._meter = H264Meter(frame_size, frame_rate)

    def add(self, frames, times):
        """Take in the next frames, and the seconds at which they are shown."""
        self._meter.add(frames)

    def value(self):
        """Return the number of bytes."""
        return self._meter.finish()
