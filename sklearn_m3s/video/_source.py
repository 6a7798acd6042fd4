"""The times and the frames of a video of any origin."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sklearn_m3s.exceptions import VideoError
from sklearn_m3s.video._array import ArrayVideo
from sklearn_m3s.video._geometry import Geometry
from sklearn_m3s.video._limits import get_limits

Draw = Callable[[Geometry], np.ndarray]


class Source(Protocol):
    """A video whose frames are not decoded yet.

    Attributes
    ----------
    share_present : float in [0, 1]
        Share of the length declared by the container that is present; 1 if it declares none.
    fault : str
        The first error that the decoder has reported so far, or an empty string.
    """

    share_present: float
    fault: str

    def times_at(self, frame_rate: float) -> tuple[np.ndarray, float]:
        """Return when each frame is shown, ascending, of shape (n_frames,), and when the last ends.

        The unit is seconds. Files have their own times; an array counts as sampled at `frame_rate`.
        """

    def frames(self, wanted: np.ndarray) -> Iterator[tuple[int, Draw]]:
        """Yield the wanted frames that can be decoded.

        Parameters
        ----------
        wanted : ndarray of int, ascending, without repeats
            Indices into the times.

        Yields
        ------
        index : int
            One of `wanted`.
        draw : callable
            From a geometry to the picture, uint8 RGB, upright. It is valid until the next
            frame is asked for.
        """


def open_source(video: Any, decoder: str = "pyav") -> Source:
    """Open a video.

    Parameters
    ----------
    video : str, os.PathLike or ndarray of shape (T, H, W, 3) or (H, W, 3), uint8
        A file, or RGB frames.
    decoder : {"pyav", "decord"}, default="pyav"
        What reads videos. Pictures are read by Pillow, or by PyAV where Pillow does not know them.

    Raises
    ------
    VideoError
        If the file is missing, not a video or beyond the limits, or the array has another dtype or
        shape.
    ImportError
        If decord is asked for and not installed.
    """
    if not isinstance(video, str | os.PathLike):
        return ArrayVideo(video)
    # PyAV, Pillow and decord are slow to import, and arrays need none of them.
    from sklearn_m3s.video._picture_file import PictureFile, picture_kind
    from sklearn_m3s.video._pyav import PyAVVideo

    limits = get_limits()
    path = checked_path(video)
    try:
        kind = picture_kind(path)
        if kind is not None:
            return PictureFile(path, kind, limits)
        checked = PyAVVideo(path, limits)
    except OSError as error:
        raise VideoError(f"cannot be read: {error.strerror}") from error
    if decoder == "pyav" or len(checked.times) == 1 or checked.format == "gif":
        return checked
    from sklearn_m3s.video._decord import DecordVideo

    return DecordVideo(path, checked)


def check_content(video: Any) -> None:
    """Raise a `VideoError` for a file that is not a video or a picture, from its first bytes.

    Parameters
    ----------
    video : str, os.PathLike or ndarray
        A file; an array passes.

    Raises
    ------
    VideoError
        If the file is missing or of another kind.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_m3s.video import check_content
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "upload.mp4")
    ...     _ = path.write_text("ffconcat version 1.0")
    ...     check_content(path)
    Traceback (most recent call last):
        ...
    sklearn_m3s.exceptions.VideoError: is not of a format that is read: ...
    """
    if not isinstance(video, str | os.PathLike):
        return
    from sklearn_m3s.video._formats import has_allowed_format
    from sklearn_m3s.video._picture_file import picture_kind

    path = checked_path(video)
    if picture_kind(path) is None and not has_allowed_format(path):
        raise VideoError("is not of a format that is read: pass a video or a picture")


def checked_path(video: str | os.PathLike) -> str:
    """Return the path of a file that is not empty, or raise a `VideoError`."""
    path = Path(video)
    if path.is_dir():
        raise VideoError("is a folder: pass the paths of the files in it")
    if not path.exists():
        raise VideoError(f"does not exist: check the path (read from {Path.cwd()})")
    if not path.is_file():
        raise VideoError("is not a regular file: pass a video or an image file")
    if not path.stat().st_size:
        raise VideoError("is empty (0 bytes): fetch or export it again")
    return os.fspath(path)
