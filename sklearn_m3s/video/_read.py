"""Read a video in one pass for several readers."""

import os
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np

from sklearn_m3s.exceptions import M3SError, M3SWarning, VideoError
from sklearn_m3s.video._geometry import FrameGeometry, Geometry
from sklearn_m3s.video._reader import ClipReader, Reader
from sklearn_m3s.video._source import Draw, Source, open_source

# Shares of the frames, or of the declared length, that are there: below the first, a video is an
# error, and below the second a warning.
LEAST_SHARE = 0.9
WHOLE_SHARE = 0.98  # containers round lengths


def read_video(video: Any, readers: Sequence[Reader], *, decoder: str = "pyav") -> list[Any]:
    """Read a video in one pass for several readers.

    Parameters
    ----------
    video : str, os.PathLike or ndarray of shape (T, H, W, 3) or (H, W, 3), uint8
        A file, or RGB frames.
    readers : sequence of Reader
        Readers such as `FrameReader` and `ClipReader`. Each can be used once.
    decoder : {"pyav", "decord"}, default="pyav"
        Library that reads videos. Use decord only for intact files from a trusted source: it
        decodes damaged frames without a warning, and has its own old copy of FFmpeg. Pictures are
        read by Pillow, or by PyAV if Pillow does not support their format.

    Returns
    -------
    list of length n_readers
        The value of each reader, or the exception that this video raised in it. It is a
        `VideoError` if the file is missing, is not a video, exceeds the limits, or lacks more than
        a tenth of the frames.

    Raises
    ------
    ImportError, M3SError, MemoryError
        Errors that would affect every video.

    Warns
    -----
    M3SWarning
        If up to a tenth of the frames cannot be decoded, if packets of the file are corrupt, if
        FFmpeg reports an error (see `report_errors`), or if the file is HDR.

    Notes
    -----
    Only this file is opened, and only if its content is of an allowed format. Playlists, session
    descriptions, lists of files and text are refused, whatever their name.

    Rotation and mirroring tags are applied.

    The file is read in this process, which a decoder may hang or crash. The tiers read files in
    worker processes, with a timeout and a memory limit.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.video import ClipReader, FrameGeometry, read_video
    >>> clip = np.zeros((20, 48, 64, 3), dtype=np.uint8)
    >>> readers = [ClipReader(n, FrameGeometry.square(32)) for n in (1, 8)]
    >>> [value.shape for value in read_video(clip, readers)]
    [(1, 32, 32, 3), (8, 32, 32, 3)]
    """
    try:
        source = open_source(video, decoder)
        shares = [Share(reader, *source.times_at(reader.frame_rate)) for reader in readers]
        for index, draw in source.frames(np.unique(np.concatenate([s.wanted for s in shares]))):
            pictures: dict[Geometry, np.ndarray] = {}
            for share in shares:
                share.take(index, draw, pictures)
            if all(share.error for share in shares):
                break
    except Exception as error:
        return [of_this_video(error)] * len(readers)
    return [share.value(partial(_check_complete, video, source)) for share in shares]


def read_clip(
    video: Any, *, n_frames: int, frame_size: int = 256, decoder: str = "pyav"
) -> np.ndarray:
    """Return a fixed number of frames, evenly spaced over a video.

    Parameters
    ----------
    video : str, os.PathLike or ndarray of shape (T, H, W, 3) or (H, W, 3), uint8
        A file, or RGB frames.
    n_frames : int
        Number of frames, at the centres of equal parts of the video. A shorter video repeats
        frames.
    frame_size : int, default=256
        Side in pixels of the square to which frames are resized, by area interpolation.
    decoder : {"pyav", "decord"}, default="pyav"
        Library that reads videos, as in `read_video`.

    Returns
    -------
    ndarray of shape (n_frames, frame_size, frame_size, 3), uint8
        Upright RGB frames.

    Raises
    ------
    ValueError
        If `n_frames` or `frame_size` is not a positive integer.
    VideoError
        If the file is missing, is not a video, exceeds the limits, or lacks more than a tenth of
        these frames.

    Warns
    -----
    M3SWarning
        If up to a tenth of the frames cannot be decoded. Their neighbours replace them.

    Notes
    -----
    The file is read in this process, as by `read_video`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.video import read_clip
    >>> image = np.zeros((48, 64, 3), dtype=np.uint8)
    >>> read_clip(image, n_frames=4, frame_size=32).shape
    (4, 32, 32, 3)
    """
    # By hand: scikit-learn is slow to import, in each worker.
    for name, value in {"n_frames": n_frames, "frame_size": frame_size}.items():
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(f"the {name!r} parameter must be a positive integer, got {value!r}")
    reader = ClipReader(n_frames, FrameGeometry.square(int(frame_size)))
    [clip] = read_video(video, [reader], decoder=decoder)
    if isinstance(clip, Exception):
        raise clip
    return clip


class Share:
    """The work of one reader in a pass over a video, or over a window of it.

    Parameters
    ----------
    reader : Reader
        An unused reader.
    times : ndarray of shape (n_frames,), float64
        Time of each frame of the video or window, in seconds.
    end : float
        End of the last frame in seconds.
    first : int, default=0
        Index of the first frame in the video.
    """

    def __init__(self, reader: Reader, times: np.ndarray, end: float, first: int = 0) -> None:
        wanted = reader.wanted(times, end)
        self.wanted = wanted + first
        self.error: Exception | None = None
        self._reader, self._first = reader, first
        self._times = dict(zip(self.wanted.tolist(), times[wanted] - times[0], strict=True))
        self._n_found = 0

    def take(self, index: int, draw: Draw, pictures: dict[Geometry, np.ndarray]) -> None:
        """Pass a frame to the reader if it wants it. Each picture is drawn once for all readers."""
        if self.error or index not in self._times:
            return
        geometry = self._reader.geometry
        try:
            if geometry not in pictures:
                pictures[geometry] = draw(geometry)
            self._reader.add(index - self._first, pictures[geometry], float(self._times[index]))
            self._n_found += 1
        except Exception as error:
            self.error = of_this_video(error)

    def value(self, check: Callable[[int, int], None]) -> Any:
        """Return the value of the reader, or the error raised in it.

        `check` gets the number of found frames and of wanted frames, and may raise an error.
        """
        try:
            if self.error is None:
                check(self._n_found, len(self.wanted))
                return self._reader.value()
        except Exception as error:
            return of_this_video(error)
        return self.error


def of_this_video(error: Exception) -> Exception:
    """Return an error that concerns one video. Raise an error that would concern all videos."""
    if isinstance(error, ImportError | M3SError | MemoryError) and not isinstance(
        error, VideoError
    ):
        raise error
    return error


def _check_complete(video: Any, source: Source, n_found: int, n_wanted: int) -> None:
    """Warn of missing frames, or raise an error if more than a tenth are missing."""
    present = (
        f"{n_found} of {n_wanted} frames could be decoded, and {source.share_present:.0%} of the "
        "declared length is present"
    )
    if n_found < n_wanted * LEAST_SHARE or source.share_present < LEAST_SHARE:
        raise VideoError(f"is truncated or damaged: {present}. Fetch or export it again")
    if source.fault:
        present += f", and FFmpeg reports {source.fault!r}"
    if n_found < n_wanted or source.share_present < WHOLE_SHARE or source.fault:
        warnings.warn(f"{os.fspath(video)!r} is damaged: {present}", M3SWarning, stacklevel=4)
