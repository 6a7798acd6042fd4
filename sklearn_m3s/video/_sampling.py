"""Choose frames by their times, with pure functions that open no video."""

import numpy as np

_CLOCK_STEP = 1.1e-3  # in seconds; Matroska rounds times to milliseconds


def sample_at_rate(times: np.ndarray, frame_rate: float) -> np.ndarray:
    """Choose the frames nearest to a regular grid of times, each at most once.

    Parameters
    ----------
    times : ndarray of shape (n,), float64
        Ascending times of the frames, in seconds.
    frame_rate : float
        Samples per second. If there are fewer frames, all of them are used. No frame is repeated.

    Returns
    -------
    ndarray of int, ascending, without repeats
        Indices into `times`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.video import sample_at_rate
    >>> sample_at_rate(np.arange(10) / 30, frame_rate=15)
    array([0, 2, 4, 6, 8])
    """
    elapsed = times - times[0]
    ends = np.append((elapsed[1:] + elapsed[:-1]) / 2, elapsed[-1] + typical_interval(times) / 2)
    # `ends` are the midpoints between frames. A grid point belongs to the first frame whose
    # midpoint is not before it, so a frame is taken where the count of grid points rises. The
    # tolerance gives ties to the earlier frame, whatever the rounding of the clock.
    n_before = np.floor(ends * frame_rate + 1e-5)
    return np.flatnonzero(np.diff(n_before, prepend=-1) > 0)


def sample_evenly(times: np.ndarray, n_frames: int, *, end: float | None = None) -> np.ndarray:
    """Choose the frames that are shown at the centres of `n_frames` equal parts of a clip.

    Parameters
    ----------
    times : ndarray of shape (n,), float64
        Ascending times of the frames, in seconds.
    n_frames : int
        Number of frames to choose. A clip with fewer frames repeats some.
    end : float, default=None
        End of the last frame, in seconds. None means that it is shown for the median interval
        between frames.

    Returns
    -------
    ndarray of int of shape (n_frames,), ascending
        Indices into `times`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.video import sample_evenly
    >>> sample_evenly(np.arange(9) / 30, n_frames=3)
    array([1, 4, 7])
    >>> sample_evenly(np.arange(9) / 30, n_frames=3, end=10)
    array([8, 8, 8])
    """
    elapsed = times - times[0]
    duration = (last_end(times) if end is None else end) - times[0]
    centres = (np.arange(n_frames) + 0.5) * duration / n_frames
    return (np.searchsorted(elapsed, centres + 1e-6, side="right") - 1).clip(0)


def last_end(times: np.ndarray, seconds: float = 0) -> float:
    """Return the end of the last frame, which is shown for `seconds` (0 if unknown)."""
    typical = typical_interval(times)
    is_typical = not seconds or abs(seconds - typical) < _CLOCK_STEP
    return float(times[-1]) + (typical if is_typical else seconds)


def seconds_represented(times: np.ndarray, end: float, frame_rate: float) -> np.ndarray:
    """Return the seconds that each frame represents if `sample_at_rate` chooses it.

    This is the time that the frame is shown. If frames are closer than samples, each is chosen with
    a probability: the share of possible grids that choose it. The time is then divided by this
    probability, so that the frame also represents its neighbours. At a constant frame rate, all
    frames count the same.

    Parameters
    ----------
    times : ndarray of shape (n,), float64
        Ascending times of the frames, in seconds.
    end : float
        End of the last frame, in seconds.
    frame_rate : float
        Samples per second.

    Returns
    -------
    ndarray of shape (n,), float64
        The seconds of each frame.
    """
    shown = np.diff(times, append=end)
    typical = typical_interval(times)
    shown[np.abs(shown - typical) < _CLOCK_STEP] = typical
    # The seconds from the midpoint before a frame to the one after it. If less than one sample
    # falls into them, on average, that average is the probability that the frame is taken.
    surroundings = (shown + np.append(shown[:1], shown[:-1])) / 2
    return shown / np.minimum(surroundings * frame_rate, 1)


def typical_interval(times: np.ndarray) -> float:
    """Return the median time between frames in seconds, or 1 for a single frame."""
    return float(np.median(np.diff(times))) if len(times) > 1 else 1.0
