"""Read overlapping windows of a video in one pass."""

import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from sklearn_m3s.exceptions import M3SWarning, VideoError
from sklearn_m3s.video._geometry import Geometry
from sklearn_m3s.video._read import LEAST_SHARE, WHOLE_SHARE, Share, of_this_video
from sklearn_m3s.video._reader import Reader
from sklearn_m3s.video._sampling import typical_interval
from sklearn_m3s.video._source import Source, open_source
from sklearn_m3s.video._validation import video_name

_TOLERANCE = 1e-6  # in seconds; for the rounding of times


def read_windows(
    video: Any,
    readers: Sequence[Reader],
    *,
    window: float,
    stride: float,
    frame_rate: float = 15,
    part: slice = slice(None),
    decoder: str = "pyav",
) -> tuple[np.ndarray, Iterator[list[Any]]]:
    """Read overlapping windows of a video in one pass.

    A window is read as if its frames were a separate video. Only the windows around the frame
    that is being decoded are in memory.

    Parameters
    ----------
    video : str, os.PathLike or ndarray of shape (T, H, W, 3) or (H, W, 3), uint8
        A file, or RGB frames.
    readers : sequence of Reader
        The readers of a window. They are copied for each window.
    window : float
        Length of the windows in seconds. A shorter video is one window.
    stride : float
        Seconds from the start of a window to the start of the next. The last window ends at the end
        of the video, or less than a stride before it.
    frame_rate : float, default=15
        Frames per second of an array. Files have their own times.
    part : slice, default=slice(None)
        Windows to read, as a slice of all windows.
    decoder : {"pyav", "decord"}, default="pyav"
        Library that reads videos, as in `read_video`.

    Returns
    -------
    spans : ndarray of shape (n_windows, 2), float64
        Start and end of all windows, in seconds from the first frame.
    values : iterator of list of length n_readers
        One list for each window of `part`, as soon as its last frame is decoded. It has the value
        of each reader, or the exception that the window raised in it.

    Raises
    ------
    VideoError
        If the file is missing, is not a video or exceeds the limits.

    Warns
    -----
    M3SWarning
        At the end of the pass, if the file is damaged.

    Notes
    -----
    A window has the frames from its start to before its end. If there are none, it has the frame
    that is shown at its start.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.video import ClipReader, FrameGeometry, read_windows
    >>> video = np.zeros((60, 48, 64, 3), dtype=np.uint8)  # 4 seconds
    >>> readers = [ClipReader(8, FrameGeometry.square(32))]
    >>> spans, values = read_windows(video, readers, window=2, stride=1)
    >>> spans
    array([[0., 2.],
           [1., 3.],
           [2., 4.]])
    >>> [clip.shape for [clip] in values]
    [(8, 32, 32, 3), (8, 32, 32, 3), (8, 32, 32, 3)]
    """
    source = open_source(video, decoder)
    times, end = source.times_at(frame_rate)
    spans = _spans(end - times[0], window, stride)
    windows = [_window(times, end, start, stop) for start, stop in spans[part] + times[0]]
    return spans, _values(video, source, readers, times, windows)


class _Window(NamedTuple):
    """Frames of a video from `first` to before `stop`, and the end of the last one."""

    first: int
    stop: int
    end: float


def _spans(seconds: float, window: float, stride: float) -> np.ndarray:
    """Return the starts and ends of the windows in a video of the given length."""
    if seconds <= window + _TOLERANCE:
        return np.array([[0.0, seconds]])
    n_windows = int((seconds - window) / stride + _TOLERANCE) + 1
    starts = np.arange(n_windows) * float(stride)
    return np.column_stack([starts, starts + window])


def _window(times: np.ndarray, end: float, start: float, stop: float) -> _Window:
    """Return the frames from `start` to before `stop`."""
    first, after = np.searchsorted(times, [start - _TOLERANCE, stop - _TOLERANCE]).tolist()
    if first == after:  # no frame begins in the window: the one before lasts through it
        first = max(after - 1, 0)
        after = first + 1
    next_time = times[after] if after < len(times) else end
    # The last frame lasts until the next one, but not past the end of the window, unless it would
    # be shorter than the others then.
    longest = max(stop, times[after - 1] + typical_interval(times[first:after]))
    return _Window(first, after, min(next_time, longest))


def _values(
    video: Any,
    source: Source,
    readers: Sequence[Reader],
    times: np.ndarray,
    windows: list[_Window],
) -> Iterator[list[Any]]:
    """Yield the values of each window as soon as it is complete."""
    n_left = len(windows)
    try:
        for shares in _complete(source, readers, times, windows):
            yield [share.value(_check_window) for share in shares]
            n_left -= 1
    except Exception as error:
        yield from [[of_this_video(error)] * len(readers)] * n_left
        return
    if source.share_present < WHOLE_SHARE or source.fault:
        present = f"{source.share_present:.0%} of the declared length is present"
        if source.fault:
            present += f", and FFmpeg reports {source.fault!r}"
        message = f"{video_name(video, 0)!r} is damaged: {present}"
        warnings.warn(message, M3SWarning, stacklevel=2)


def _complete(
    source: Source, readers: Sequence[Reader], times: np.ndarray, windows: list[_Window]
) -> Iterator[list[Share]]:
    """Yield the shares of each window once they have all of its frames.

    Starts and ends of the windows ascend, so windows begin and finish in order. `waiting` has the
    windows that have not begun, and `at_work` has those that are being read. A window may lack all
    of its frames.
    """
    waiting, at_work = deque(windows), deque[tuple[_Window, list[Share]]]()
    for index, draw in source.frames(np.arange(len(times))):
        while at_work and at_work[0][0].stop <= index:
            yield at_work.popleft()[1]
        while waiting and waiting[0].first <= index:
            at_work.append((waiting[0], _shares(readers, times, waiting.popleft())))
        if not at_work and not waiting:
            return
        pictures: dict[Geometry, np.ndarray] = {}
        for share in chain.from_iterable(shares for _, shares in at_work):
            share.take(index, draw, pictures)
    yield from (shares for _, shares in at_work)
    yield from (_shares(readers, times, window) for window in waiting)


def _shares(readers: Sequence[Reader], times: np.ndarray, window: _Window) -> list[Share]:
    times = times[window.first : window.stop]
    return [Share(reader, times, window.end, window.first) for reader in deepcopy(list(readers))]


def _check_window(n_found: int, n_wanted: int) -> None:
    if n_found < n_wanted * LEAST_SHARE:
        raise VideoError(
            f"is damaged: {n_found} of {n_wanted} frames could be decoded. Fetch or export the "
            "video again"
        )
