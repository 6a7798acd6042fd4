"""A video as its times and its frames, whatever it comes from."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sklearn_m3s.exceptions import VideoError
from sklearn_m3s.video._array import ArrayVideo
from sklearn_m3s.video._geometry import FrameGeometry

Draw = Callable[[FrameGeometry], np.ndarray]
_IMAGES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


class Source(Protocol):
    """A video whose frames are not decoded yet.

    Attributes
    ----------
    share_present : float in [0, 1]
        How much is there of the length that the container declares; 1 where it declares none.
    """

    share_present: float

    def times_at(self, frame_rate: float) -> np.ndarray:
        """Return when each frame is shown, in seconds, ascending, of shape (n_frames,).

        Files have times of their own; an array counts as sampled at `frame_rate`.
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
            From a `FrameGeometry` to the picture, uint8 RGB, upright. It is valid until the next
            frame is asked for.
        """


def open_source(video: Any, decoder: str = "pyav") -> Source:
    """Open a video.

    Parameters
    ----------
    video : str, os.PathLike or ndarray of shape (T, H, W, 3) or (H, W, 3), uint8
        A file, or RGB frames.
    decoder : {"pyav", "decord"}, default="pyav"
        What reads files. Images are always read by PyAV.

    Raises
    ------
    VideoError
        If the file is missing or not a video, or the array has another dtype or shape.
    ImportError
        If decord is asked for and not installed.
    """
    if not isinstance(video, str | os.PathLike):
        return ArrayVideo(video)
    path = Path(video)
    if path.is_dir():
        raise VideoError("is a folder: pass the paths of the files in it")
    if not path.exists():
        raise VideoError(f"does not exist: check the path (read from {Path.cwd()})")
    if not path.is_file():
        raise VideoError("is not a regular file: pass a video or an image file")
    if not path.stat().st_size:
        raise VideoError("is empty (0 bytes): fetch or export it again")
    # PyAV and decord take a second to import, and arrays need neither.
    if decoder == "decord" and path.suffix.lower() not in _IMAGES:
        from sklearn_m3s.video._decord import DecordVideo

        return DecordVideo(os.fspath(path))
    from sklearn_m3s.video._pyav import PyAVVideo

    return PyAVVideo(os.fspath(path))
