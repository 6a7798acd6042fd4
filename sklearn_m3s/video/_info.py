"""Read the header of a video, without decoding it."""

import math
import os
from typing import Any, NamedTuple

from sklearn_m3s.exceptions import VideoError
from sklearn_m3s.video._array import ArrayVideo
from sklearn_m3s.video._limits import get_limits
from sklearn_m3s.video._source import checked_path


class VideoInfo(NamedTuple):
    """Content of the header of a video.

    Parameters
    ----------
    kind : {"video", "image"}
        An image has a single frame.
    seconds : float
        Length of the video. NaN for images and arrays, and if it is unknown.
    width, height : int or None
        Size of a frame in pixels as it is stored, before a rotation tag is applied. None if it is
        unknown.
    n_frames : int or None
        Number of frames according to the header. None if the header does not give it.
    frame_rate : float
        Average number of frames per second. NaN if it is unknown.

    Examples
    --------
    >>> from sklearn_m3s.video import VideoInfo
    >>> VideoInfo("video", 2.0, 640, 360, 60, 30.0).seconds
    2.0
    """

    kind: str
    seconds: float
    width: int | None
    height: int | None
    n_frames: int | None
    frame_rate: float


def probe(video: Any) -> VideoInfo:
    """Read the header of a video, without decoding it. This takes some milliseconds.

    Parameters
    ----------
    video : str, os.PathLike or ndarray of shape (T, H, W, 3) or (H, W, 3), uint8
        A file, or RGB frames.

    Returns
    -------
    VideoInfo
        Content of the header. It may be wrong: only decoding shows the real content.

    Raises
    ------
    VideoError
        If the file is missing, has an unsupported format or a damaged header, or if the array has
        another dtype or shape.

    Notes
    -----
    The header is read in this process, as by `read_video`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_m3s.video import probe
    >>> probe(np.zeros((20, 48, 64, 3), dtype=np.uint8))
    VideoInfo(kind='video', seconds=nan, width=64, height=48, n_frames=20, frame_rate=nan)
    """
    if not isinstance(video, str | os.PathLike):
        n_frames, height, width = ArrayVideo(video).shape
        return _info(n_frames, width, height)
    # Slow to import; see open_source.
    from sklearn_m3s.video._picture_file import picture_info, picture_kind
    from sklearn_m3s.video._pyav import container_info

    path = checked_path(video)
    try:
        kind = picture_kind(path)
        if kind is not None:
            return _info(*picture_info(path, kind, get_limits()))
        return _info(*container_info(path, get_limits()))
    except OSError as error:
        raise VideoError(f"cannot be read: {error.strerror}") from error


def _info(
    n_frames: int | None,
    width: int | None,
    height: int | None,
    seconds: float = math.nan,
    frame_rate: float = math.nan,
) -> VideoInfo:
    if n_frames == 1:
        return VideoInfo("image", math.nan, width, height, 1, math.nan)
    return VideoInfo("video", seconds, width, height, n_frames, frame_rate)
